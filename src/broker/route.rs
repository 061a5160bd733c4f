//! A message's way from whoever published it to those who get it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::Broker;
use super::clients::{self, Slot};
use super::event::BrokerEvent;
use super::slab::Key;
use crate::message::{Message, Topic};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::router::{Match, Matches, RetainedSearch, Router, SubscriberId};
use crate::session::{Cursor, Dropped, Extra, Grant, Lookup, Retain};

impl Broker {
    /// A message of a client's. Before 5.0 it is acknowledged by now: there is no other answer to one that is
    /// not routed. [MQTT-3.3.5-2] In 5.0 the answer tells; at QoS 2 the message comes again when it is
    /// released.
    pub(super) fn publish_from(
        &mut self,
        key: Key,
        message: Arc<Message>,
        packet_id: Option<PacketId>,
    ) {
        self.statistics.payload_bytes_received += message.payload.len() as u64;
        let Some(slot) = self.clients.get(key) else {
            return;
        };
        let refusal = self.refusal(&slot.permissions, &message);
        let Some(packet_id) = packet_id else {
            return match refusal {
                None => self.route_from(key, message),
                Some(_) => self.statistics.publish_rejected += 1,
            };
        };
        if let Some(refusal) = refusal.or_else(|| self.retain_refusal(&message)) {
            self.statistics.publish_rejected += 1;
            return self.acknowledge(
                key,
                message.qos,
                packet_id,
                refusal.code,
                Some(&refusal.reason),
            );
        }
        let matches = self.find(&message, Some(clients::subscriber(key)));
        let nobody = matches.is_empty();
        let code = if nobody { ReasonCode::NoMatchingSubscribers } else { ReasonCode::Success };
        self.acknowledge(key, message.qos, packet_id, code, None);
        if message.qos == QoS::ExactlyOnce {
            self.matches = matches;
            return;
        }
        let message = self.retain_if_asked(message, Some(key));
        self.deliver_to(matches, &message);
    }

    /// What is acknowledged is acknowledged before anybody is sent it.
    fn acknowledge(
        &mut self,
        key: Key,
        qos: QoS,
        packet_id: PacketId,
        code: ReasonCode,
        reason: Option<&str>,
    ) {
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        match qos {
            QoS::ExactlyOnce => slot.session.pubrec(self.now, packet_id, code, reason),
            _ => slot.session.puback(self.now, packet_id, code, reason),
        }
        self.outputs.announce(slot);
    }

    /// A client's message that nothing is to be said against.
    pub(super) fn route_from(&mut self, key: Key, message: Arc<Message>) {
        self.route(message, Some(key));
    }

    /// Retains the message if it asks for it, and delivers it. [MQTT-3.3.1-5] [MQTT-3.3.1-10]
    /// [MQTT-3.3.1-11] [MQTT-3.3.1-12]; in 5.0 [MQTT-3.3.1-5] to [MQTT-3.3.1-8]
    pub(super) fn route(&mut self, message: Arc<Message>, publisher: Option<Key>) {
        let message = self.retain_if_asked(message, publisher);
        self.deliver_to_all(&message, publisher.map(clients::subscriber));
    }

    #[inline]
    fn retain_if_asked(
        &mut self,
        mut message: Arc<Message>,
        publisher: Option<Key>,
    ) -> Arc<Message> {
        if message.retain && self.config.session.features.retain_available {
            if let Some(slot) = publisher.and_then(|key| self.clients.get(key)) {
                let publisher = self.clients.fingerprint(&slot.client_id);
                Arc::make_mut(&mut message).set_publisher(publisher);
            }
            let retained = self.retain(&message);
            self.statistics.retain_rejected += u64::from(retained.is_err());
        }
        message
    }

    /// All who subscribe to the message.
    fn find(&mut self, message: &Message, publisher: Option<SubscriberId>) -> Matches {
        let mut matches = mem::take(&mut self.matches);
        self.router.matches(message.topic.name(), publisher, &mut matches);
        matches
    }

    /// Queues the message for all who subscribe to it, but for what the publisher does not want of its own.
    /// [MQTT-3.8.3-3]
    pub(super) fn deliver_to_all(
        &mut self,
        message: &Arc<Message>,
        publisher: Option<SubscriberId>,
    ) {
        let matches = self.find(message, publisher);
        self.deliver_to(matches, message);
    }

    fn deliver_to(&mut self, matches: Matches, message: &Arc<Message>) {
        for found in &matches {
            self.deliver(*found, &matches, message);
        }
        for group in matches.groups() {
            let delivered = self.deliver_to_group(*group, message, None, true);
            let lost = !delivered && message.qos > QoS::AtMostOnce;
            self.statistics.publish_dropped += u64::from(lost);
        }
        self.matches = matches;
    }

    /// Queues the message for one subscriber. To an existing subscription it goes without RETAIN, unless that
    /// wants it as published. [MQTT-3.3.1-12] [MQTT-3.3.1-13]; before 5.0 [MQTT-3.3.1-9]
    #[inline]
    fn deliver(&mut self, found: Match, matches: &Matches, message: &Arc<Message>) {
        let Some(index) = clients::session_index(found.subscriber) else {
            let event = BrokerEvent::Message(Arc::clone(message));
            return self.outputs.events.push_back(event);
        };
        let Some((_, slot)) = self.clients.at(index) else {
            return;
        };
        if !slot.permissions.may_receive(message.topic.name()) {
            return;
        }
        let mut grant = Grant { qos: found.qos(), retain: Retain::Cleared, extra: None };
        if !found.is_plain() {
            grant.retain = Retain::of(message, found.retain_as_published());
            grant.extra = Extra::of(matches.identifiers(&found), None);
        }
        let queued = slot.session.queue_message(message, grant, self.now);
        // Also where there was no room: what had expired before another message does not hold it up any more.
        self.outputs.announce(slot);
        if queued.is_err_and(|dropped| dropped != Dropped::Offline) {
            self.statistics.publish_dropped += 1;
        }
    }

    /// Hands out what a connected client is sent.
    pub(super) fn session_transmit(&mut self, key: Key, out: &mut Vec<Bytes>, max: usize) -> usize {
        let Some(slot) = self.clients.get_mut(key) else {
            return 0;
        };
        let (router, now) = (&self.router, self.now);
        let Slot { session, permissions, .. } = slot;
        let was_paused = session.is_paused();
        let sent = &mut self.statistics.packets.sent;
        session.advance(now);
        let may_get = |message: &Message, cursor: &Cursor| {
            permissions.may_receive(message.topic.name())
                && !message.is_expired(now)
                && (cursor.except.is_none() || message.publisher() != cursor.except)
        };
        let mut steps = STEPS;
        let find = |cursor: &mut Cursor| next_retained(router, cursor, &mut steps, may_get);
        let size = session.transmit(out, max, sent, find);
        self.statistics.publish_dropped += session.take_dropped();
        if slot.session.is_paused() && !was_paused {
            self.outputs.paused.push_back(key);
        }
        self.outputs.announce(slot);
        size
    }
}

impl Broker {
    /// Searches for retained messages that were left for others to have their turn go on, some at a time.
    pub(super) fn resume_searches(&mut self) {
        for _ in 0..SEARCHES.min(self.outputs.paused.len()) {
            let Some(key) = self.outputs.paused.pop_front() else {
                return;
            };
            if let Some(slot) = self.clients.get_mut(key) {
                slot.session.resume_search();
                self.outputs.announce(slot);
            }
        }
    }
}

/// How many searches may go on in one turn of the driver's.
const SEARCHES: usize = 16;

/// How many topics the searches of one pull may look at for nothing: less than a microsecond or so each.
const STEPS: usize = 100;

/// The next retained message of a subscription that the client may get.
fn next_retained(
    router: &Router,
    cursor: &mut Cursor,
    steps: &mut usize,
    may_get: impl Fn(&Message, &Cursor) -> bool,
) -> Lookup {
    while *steps > 0 {
        let after = cursor.after.as_ref().map(Topic::name);
        let filter = cursor.filter.filter();
        let (message, found) = match router.search_retained_within(filter, after, steps) {
            RetainedSearch::Found(message) => (message, true),
            RetainedSearch::Paused(message) => (message, false),
            RetainedSearch::Finished => return Lookup::Finished,
        };
        cursor.after = Some(message.topic.clone());
        if !found {
            break;
        }
        if may_get(message, cursor) {
            *steps += 1; // not for nothing
            let number = router.retained_as(message.topic.name());
            let newer = number.is_some_and(|number| number > cursor.retain_count);
            return Lookup::Found(Arc::clone(message), newer);
        }
    }
    Lookup::Paused
}
