//! What is sent, and when: the application's packets are encoded when the driver pulls them.

use alloc::vec::Vec;

use bytes::Bytes;

use super::Client;
use super::event::{ClientEvent, DisconnectReason, Handle, PublishOutcome};
use super::queue::{Key, Request};
use super::state::State;
use crate::delivery::{Batch, Unacknowledged};
use crate::message::{Filter, Message};
use crate::packet::{Ack, Delivery, Disconnect, Packet, Subscribe, Subscription, Unsubscribe};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::time::Instant;

impl Client {
    /// Appends what is to be sent to `out` and returns its bytes: whole packets, small ones together in
    /// one segment, large payloads shared. It goes on until `max` bytes are reached, which the last packet
    /// may exceed; 0 hands out nothing.
    ///
    /// What is handed out counts as sent: the driver keeps what its transport does not take. Until then
    /// messages wait in the queue.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<Bytes>, max: usize) -> usize {
        let now = self.advance(now);
        let Some(link) = self.state.link_mut().filter(|_| max > 0) else {
            return 0;
        };
        self.signals.transmit = false;
        let mut counts = core::mem::take(&mut self.statistics.sent);
        let mut batch = Batch::new(out, link.version, &mut counts);
        batch.control(&mut link.control, max);
        while batch.size() < max && self.send_next(&mut batch) {}
        let last = matches!(self.state, State::Disconnecting { .. }) && batch.size() < max;
        if last {
            batch.packet(&Packet::Disconnect(Disconnect::NORMAL));
        }
        let size = batch.finish();
        self.statistics.sent = counts;
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

    /// Whether a pull would hand something out.
    pub(super) fn has_something_to_send(&self) -> bool {
        let Some(link) = self.state.link() else {
            return false;
        };
        !link.control.is_empty()
            || matches!(self.state, State::Disconnecting { .. })
            || self.state.may_send()
                && (self.outbound.has_resend()
                    || self.may_send_request()
                    || self.may_send_message())
    }

    fn may_send_request(&self) -> bool {
        !self.queue.requests().is_empty() && self.outbound.has_free_id()
    }

    /// Messages keep their order: one that the window has no room for delays those after it.
    fn may_send_message(&self) -> bool {
        let window = usize::from(self.config.max_inflight_messages.max(1));
        self.queue.messages().front().is_some_and(|(_, message)| {
            message.qos == QoS::AtMostOnce
                || self.outbound.messages() < window && self.outbound.has_free_id()
        })
    }

    /// Adds the next packet that may be sent; false where there is none. First what is sent again, in its
    /// old order; requests do not wait for messages.
    fn send_next(&mut self, batch: &mut Batch<'_>) -> bool {
        let answers_wait = self.state.link().is_some_and(|link| !link.control.is_empty());
        if answers_wait || !self.state.may_send() {
            return false;
        }
        if let Some((id, what)) = self.outbound.next_resend() {
            resend(batch, id, what);
            return true;
        }
        if self.may_send_request() {
            return self.send_request(batch).is_some();
        }
        self.may_send_message() && self.send_message(batch).is_some()
    }

    fn send_request(&mut self, batch: &mut Batch<'_>) -> Option<()> {
        let (handle, request) = self.queue.pop_request()?;
        match request {
            Request::Subscribe(filters) => {
                let what = Unacknowledged::Subscribe(filters.len());
                let id = self.outbound.start(Key::Subscribe(handle), what)?;
                let filters: Vec<_> = filters
                    .iter()
                    .map(|(filter, qos)| Subscription::new(filter.filter(), *qos))
                    .collect();
                batch.packet(&Subscribe::new(id, &filters).into());
            }
            Request::Unsubscribe(filters) => {
                let what = Unacknowledged::Unsubscribe;
                let id = self.outbound.start(Key::Unsubscribe(handle), what)?;
                let filters: Vec<_> = filters.iter().map(Filter::filter).collect();
                batch.packet(&Unsubscribe::new(id, &filters).into());
            }
        }
        Some(())
    }

    fn send_message(&mut self, batch: &mut Batch<'_>) -> Option<()> {
        let (handle, message) = self.queue.pop_message()?;
        if message.qos == QoS::AtMostOnce {
            batch.publish(&message, Delivery::AtMostOnce, message.retain);
            self.sent(handle);
            return Some(());
        }
        let what = match message.qos {
            QoS::ExactlyOnce => Unacknowledged::ExactlyOnce(message.clone()),
            _ => Unacknowledged::AtLeastOnce(message.clone()),
        };
        let id = self.outbound.start(Key::Publish(handle), what)?;
        batch.publish(&message, delivery(&message, false, id), message.retain);
        Some(())
    }

    fn sent(&mut self, handle: Handle) {
        let outcome = PublishOutcome::Sent;
        self.events.push_back(ClientEvent::Published { handle, outcome });
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

/// A packet of an earlier connection. [MQTT-4.4.0-1] [MQTT-3.3.1-1]
fn resend(batch: &mut Batch<'_>, id: PacketId, what: &Unacknowledged<Message>) {
    match what {
        Unacknowledged::AtLeastOnce(message) | Unacknowledged::ExactlyOnce(message) => {
            batch.publish(message, delivery(message, true, id), message.retain);
        }
        Unacknowledged::Released => batch.packet(&Packet::PubRel(Ack::new(id))),
        // These end with their connection.
        Unacknowledged::Subscribe(_) | Unacknowledged::Unsubscribe => {}
    }
}
