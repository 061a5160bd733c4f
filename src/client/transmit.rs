//! What is sent, and when: the application's packets are encoded when the driver pulls them.

use alloc::vec::Vec;

use bytes::Bytes;

use super::Client;
use super::event::{DisconnectReason, PublishOutcome};
use super::queue::{Key, Request, Waiting, published};
use super::state::{Link, State};
use crate::codec::{Property, TopicAlias};
use crate::delivery::{Batch, Unacknowledged};
use crate::message::Message;
use crate::packet::{Ack, Delivery, Packet};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::statistics::Counts;
use crate::time::Instant;
use crate::topic::TopicName;

impl Client {
    /// Appends what is to be sent to `out` and returns its bytes: whole packets, small ones together in
    /// one segment, large payloads shared. It goes on until `max` bytes are reached, which the last packet
    /// may exceed; 0 hands out nothing.
    ///
    /// What is handed out counts as sent: the driver keeps what its transport does not take. Until then
    /// messages wait in the queue.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<Bytes>, max: usize) -> usize {
        let now = self.advance(now);
        self.expire(now);
        if max == 0 {
            return 0;
        }
        let mut counts = core::mem::take(&mut self.statistics.sent);
        let size = match &self.state {
            State::Closing(_) => self.transmit_last(out, max, &mut counts),
            _ => self.transmit(now, out, max, &mut counts),
        };
        self.statistics.sent = counts;
        size
    }

    fn transmit(
        &mut self,
        now: Instant,
        out: &mut Vec<Bytes>,
        max: usize,
        counts: &mut Counts,
    ) -> usize {
        let Some(link) = self.state.link_mut() else {
            return 0;
        };
        self.signals.transmit = false;
        let mut batch = Batch::new(out, link.version, counts);
        link.transmit_control(&mut batch, max);
        while batch.size() < max && self.send_next(&mut batch, now) {}
        let mut last = false;
        if let State::Disconnecting { link, farewell, .. } = &mut self.state {
            last = batch.size() < max;
            if last {
                batch.encoded(&farewell.packet);
                link.terms.session_expiry_interval = farewell.session_expiry_interval;
            }
        }
        let size = batch.finish();
        if let Some(link) = self.state.link_mut().filter(|_| size > 0) {
            link.last_sent = now;
        }
        if last {
            self.close(DisconnectReason::Requested); // [MQTT-3.14.4-1] [MQTT-3.14.4-2]
        } else {
            self.signal_transmit();
        }
        size
    }

    /// The end of a connection that is over.
    fn transmit_last(&mut self, out: &mut Vec<Bytes>, max: usize, counts: &mut Counts) -> usize {
        let State::Closing(Some(unsent)) = &mut self.state else {
            return 0;
        };
        let mut batch = Batch::new(out, crate::version::Version::V5_0, counts);
        batch.control(&mut unsent.packets, max);
        let rest = !unsent.packets.is_empty();
        if !rest {
            self.state = State::Closing(None);
        }
        self.signals.transmit = rest;
        self.signals.close |= !rest;
        batch.finish()
    }

    /// Whether a pull would hand something out.
    pub(super) fn has_something_to_send(&self) -> bool {
        let Some(link) = self.state.link() else {
            return matches!(self.state, State::Closing(Some(_)));
        };
        !link.control.is_empty()
            || matches!(self.state, State::Disconnecting { .. })
            || self.state.may_send()
                && (self.outbound.has_resend_within(self.has_room())
                    || self.may_send_request()
                    || self.may_send_message())
    }

    fn may_send_request(&self) -> bool {
        !self.queue.requests().is_empty() && self.outbound.has_free_id()
    }

    /// Whether the server's Receive Maximum allows one PUBLISH more. [MQTT-4.9.0-1] [MQTT-4.9.0-2]
    fn has_room(&self) -> bool {
        let maximum = self.state.link().map_or(0, |link| link.terms.receive_maximum);
        self.outbound.open() < usize::from(maximum)
    }

    /// Messages keep their order: one that the window has no room for delays those after it.
    fn may_send_message(&self) -> bool {
        let window = usize::from(self.config.max_inflight_messages.max(1));
        self.queue.messages().front().is_some_and(|waiting| {
            waiting.message.qos == QoS::AtMostOnce
                || self.outbound.messages() < window
                    && self.has_room()
                    && self.outbound.has_free_id()
        })
    }

    /// Adds the next packet that may be sent; false where there is none. First what is sent again, in its
    /// old order; requests do not wait for messages.
    fn send_next(&mut self, batch: &mut Batch<'_>, now: Instant) -> bool {
        let answers_wait = self.state.link().is_some_and(|link| !link.control.is_empty());
        if answers_wait || !self.state.may_send() {
            return false;
        }
        if self.outbound.has_resend() {
            let room = self.has_room();
            if let (Some(link), Some((id, what))) =
                (self.state.link_mut(), self.outbound.next_resend_within(room))
            {
                link.resend(batch, id, what);
                return true;
            }
        }
        if self.may_send_request() {
            return self.send_request(batch).is_some();
        }
        self.may_send_message() && self.send_message(batch, now).is_some()
    }

    fn send_request(&mut self, batch: &mut Batch<'_>) -> Option<()> {
        let (handle, request) = self.queue.pop_request()?;
        let (key, what) = match &request {
            Request::Subscribe(filters, _) => {
                (Key::Subscribe(handle), Unacknowledged::Subscribe(filters.len()))
            }
            Request::Unsubscribe(filters, _) => {
                (Key::Unsubscribe(handle, filters.len()), Unacknowledged::Unsubscribe)
            }
        };
        let id = self.outbound.start(key, what)?;
        request.with_packet(id, |packet| batch.packet(packet));
        Some(())
    }

    fn send_message(&mut self, batch: &mut Batch<'_>, now: Instant) -> Option<()> {
        let mut waiting = self.queue.pop_message()?;
        waiting.age(now);
        let Waiting { handle, message, .. } = waiting;
        let link = self.state.link_mut()?;
        if message.qos == QoS::AtMostOnce {
            link.publish(batch, &message, Delivery::AtMostOnce);
            self.events.push_back(published(handle, PublishOutcome::Sent));
            return Some(());
        }
        let id = self.outbound.next_id()?;
        link.publish(batch, &message, delivery(&message, false, id));
        let what = match message.qos {
            QoS::ExactlyOnce => Unacknowledged::ExactlyOnce(message),
            _ => Unacknowledged::AtLeastOnce(message),
        };
        self.outbound.insert(id, Key::Publish(handle), what);
        Some(())
    }
}

impl Link {
    fn transmit_control(&mut self, batch: &mut Batch<'_>, max: usize) {
        let before = batch.counts().exchanges_ended();
        batch.control(&mut self.control, max);
        let ended = batch.counts().exchanges_ended() - before;
        self.receiving.open = self.receiving.open.saturating_sub(ended);
    }

    /// PUBLISH, by the alias of its topic where there is one.
    #[inline]
    fn publish(&mut self, batch: &mut Batch<'_>, message: &Message, delivery: Delivery) {
        let Some((alias, known)) = self.alias(message) else {
            return batch.publish(message, delivery, message.retain);
        };
        let mut publish = message.publish(delivery, message.retain);
        let extended = message.properties.extended(None, &[Property::TopicAlias(alias)]);
        publish.properties = extended.properties();
        if known {
            publish.topic = TopicName::BY_ALIAS;
        }
        batch.publish_as(&publish, &message.payload);
    }

    /// None where the packet might become too large by it.
    #[inline]
    fn alias(&mut self, message: &Message) -> Option<(TopicAlias, bool)> {
        const AROUND: usize = 16;
        if self.aliases.is_off() {
            return None;
        }
        let fits = message.size() + AROUND <= self.terms.maximum_packet_size as usize;
        if fits { self.aliases.alias(&message.topic) } else { None }
    }

    /// A packet of an earlier connection. [MQTT-4.4.0-1] [MQTT-3.3.1-1]
    fn resend(&mut self, batch: &mut Batch<'_>, id: PacketId, what: &Unacknowledged<Message>) {
        match what {
            Unacknowledged::AtLeastOnce(message) | Unacknowledged::ExactlyOnce(message) => {
                self.publish(batch, message, delivery(message, true, id));
            }
            Unacknowledged::Released => batch.packet(&Packet::PubRel(Ack::new(id))),
            // These end with their connection.
            Unacknowledged::Subscribe(_) | Unacknowledged::Unsubscribe => {}
        }
    }
}

/// How a message of the application's is sent; at QoS 0 it has neither DUP nor a packet identifier.
pub(super) fn delivery(message: &Message, dup: bool, packet_id: PacketId) -> Delivery {
    match message.qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup, packet_id },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup, packet_id },
    }
}
