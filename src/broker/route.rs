//! A message's way from whoever published it to those who get it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::Broker;
use super::clients;
use super::event::BrokerEvent;
use super::permissions::Permissions;
use super::slab::Key;
use crate::message::{Message, Topic};
use crate::router::{Match, RetainedSearch, Router};
use crate::session::{Cursor, Dropped, Lookup};
use crate::topic::TopicName;

impl Broker {
    /// A message of a client's, which is acknowledged by now: 3.1 and 3.1.1 have no other answer to one that
    /// is not routed. [MQTT-3.3.5-2]
    pub(super) fn publish_from(&mut self, key: Key, message: &Arc<Message>) {
        self.statistics.payload_bytes_received += message.payload.len() as u64;
        let Some(slot) = self.clients.get(key) else {
            return;
        };
        if self.may_publish(&slot.permissions, message) {
            self.route(message);
        } else {
            self.statistics.publish_rejected += 1;
        }
    }

    /// Whether a client's message is routed.
    fn may_publish(&self, permissions: &Permissions, message: &Message) -> bool {
        let topic = message.topic.name();
        permissions.may_publish(topic)
            && !self.is_reserved(topic)
            && topic.as_bytes().len() <= self.config.max_topic_length
            && message.payload.len() <= self.config.max_payload_size
    }

    /// Whether only the broker publishes there.
    fn is_reserved(&self, topic: TopicName<'_>) -> bool {
        self.config.sys_interval.is_some() && topic.as_bytes().starts_with(b"$SYS/")
    }

    /// Retains the message if it asks for it, and delivers it.
    pub(super) fn route(&mut self, message: &Arc<Message>) {
        if message.retain && self.config.retain_available {
            // [MQTT-3.3.1-5] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.3.1-12]
            let retained = self.router.retain(message);
            self.statistics.retain_rejected += u64::from(retained.is_err());
        }
        self.deliver_to_all(message);
    }

    /// Queues the message for all who subscribe to it.
    pub(super) fn deliver_to_all(&mut self, message: &Arc<Message>) {
        let mut matches = mem::take(&mut self.matches);
        self.router.matches(message.topic.name(), None, &mut matches);
        for found in &matches {
            self.deliver(*found, message);
        }
        self.matches = matches;
    }

    /// Queues the message for one subscriber. To an existing subscription it goes without RETAIN.
    /// [MQTT-3.3.1-9]
    fn deliver(&mut self, found: Match, message: &Arc<Message>) {
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
        match slot.session.queue_message(message, found.qos(), false) {
            Ok(()) => self.outputs.announce(slot),
            Err(Dropped::Offline) => {}
            Err(_) => self.statistics.publish_dropped += 1,
        }
    }

    /// The will of a connection that has ended, if its client may publish it.
    pub(super) fn publish_will(&mut self, permissions: &Permissions, will: &Arc<Message>) {
        if self.may_publish(permissions, will) {
            self.route(will);
        } else {
            self.statistics.publish_rejected += 1;
        }
    }

    /// Hands out what a connected client is sent.
    pub(super) fn session_transmit(&mut self, key: Key, out: &mut Vec<Bytes>, max: usize) -> usize {
        let Some(slot) = self.clients.get_mut(key) else {
            return 0;
        };
        let (router, permissions) = (&self.router, &slot.permissions);
        let was_paused = slot.session.is_paused();
        let sent = &mut self.statistics.packets.sent;
        slot.session.advance(self.now);
        let find = |cursor: &mut Cursor| next_retained(router, permissions, cursor);
        let size = slot.session.transmit(out, max, sent, find);
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

/// How many topics one look for a retained message may pass.
const STEPS: usize = 100;

/// The next retained message of a subscription that the client may receive.
fn next_retained(router: &Router, permissions: &Permissions, cursor: &mut Cursor) -> Lookup {
    for _ in 0..STEPS {
        let after = cursor.after.as_ref().map(Topic::name);
        let (message, found) = match router.search_retained(cursor.filter.filter(), after, STEPS) {
            RetainedSearch::Found(message) => (message, true),
            RetainedSearch::Paused(message) => (message, false),
            RetainedSearch::Finished => return Lookup::Finished,
        };
        cursor.after = Some(message.topic.clone());
        if !found {
            break;
        }
        let topic = message.topic.name();
        if permissions.may_receive(topic) {
            let newer = router.retained_as(topic).is_some_and(|n| n > cursor.retain_count);
            return Lookup::Found(Arc::clone(message), newer);
        }
    }
    Lookup::Paused
}
