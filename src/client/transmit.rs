//! What is sent, and when: the application's packets are encoded when the driver pulls them.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::Client;
use super::event::{ClientEvent, DisconnectReason, Handle, PublishOutcome};
use super::queue::{Filter, Key, Request};
use super::state::State;
use crate::codec::{Frame, MAXIMUM_PACKET_SIZE, Properties};
use crate::delivery::Unacknowledged;
use crate::message::Message;
use crate::packet::{
    Ack, Delivery, Disconnect, Packet, Publish, Subscribe, Subscription, Unsubscribe,
};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::statistics::Counts;
use crate::time::Instant;
use crate::version::Version;

/// From this size on a payload is handed out as it is; smaller ones are copied beside their header.
const SEGMENT: usize = 1024;

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
        let counts = core::mem::take(&mut self.statistics.sent);
        let mut batch = Batch::new(out, link.version, counts);
        batch.control(&mut link.control, max);
        while batch.size < max && self.send_next(&mut batch) {}
        let last = matches!(self.state, State::Disconnecting { .. }) && batch.size < max;
        if last {
            batch.packet(&Packet::Disconnect(Disconnect::NORMAL));
        }
        let size = batch.size;
        self.statistics.sent = batch.finish();
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
            batch.resend(id, what);
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
                    .map(|(filter, qos)| Subscription::new(filter.borrowed(), *qos))
                    .collect();
                batch.packet(&Subscribe::new(id, &filters).into());
            }
            Request::Unsubscribe(filters) => {
                let what = Unacknowledged::Unsubscribe;
                let id = self.outbound.start(Key::Unsubscribe(handle), what)?;
                let filters: Vec<_> = filters.iter().map(Filter::borrowed).collect();
                batch.packet(&Unsubscribe::new(id, &filters).into());
            }
        }
        Some(())
    }

    fn send_message(&mut self, batch: &mut Batch<'_>) -> Option<()> {
        let (handle, message) = self.queue.pop_message()?;
        if message.qos == QoS::AtMostOnce {
            batch.publish(&message, false, PacketId::MIN);
            self.sent(handle);
            return Some(());
        }
        let what = Unacknowledged::Publish(message.clone());
        let id = self.outbound.start(Key::Publish(handle), what)?;
        batch.publish(&message, false, id);
        Some(())
    }

    fn sent(&mut self, handle: Handle) {
        let outcome = PublishOutcome::Sent;
        self.events.push_back(ClientEvent::Published { handle, outcome });
    }
}

/// The PUBLISH of a message; at QoS 0 it has neither DUP nor a packet identifier.
pub(super) fn publish(message: &Message, dup: bool, packet_id: PacketId) -> Publish<'_> {
    Publish {
        retain: message.retain,
        delivery: match message.qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { dup, packet_id },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { dup, packet_id },
        },
        topic: message.topic.name(),
        properties: Properties::EMPTY,
        payload: &message.payload,
    }
}

/// Segments to be sent together.
struct Batch<'a> {
    out: &'a mut Vec<Bytes>,
    version: Version,
    counts: Counts,
    /// What was encoded since the last segment.
    small: BytesMut,
    size: usize,
}

impl<'a> Batch<'a> {
    fn new(out: &'a mut Vec<Bytes>, version: Version, counts: Counts) -> Batch<'a> {
        Batch { out, version, counts, small: BytesMut::new(), size: 0 }
    }

    /// Takes packets that are encoded already, until `max` bytes are reached.
    fn control(&mut self, packets: &mut Vec<u8>, max: usize) {
        let mut rest = &packets[..];
        while self.size < max {
            let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) else {
                break;
            };
            self.counts.add(frame.first_byte(), frame.as_bytes().len());
            self.small.extend_from_slice(frame.as_bytes());
            self.size += frame.as_bytes().len();
            rest = after;
        }
        packets.drain(..self.size);
    }

    /// A packet that was found to be encodable when it was taken.
    fn packet(&mut self, packet: &Packet<'_>) {
        let before = self.small.len();
        let encoded = packet.encode_to(self.version, &mut self.small);
        debug_assert_eq!(encoded, Ok(()), "{packet}");
        self.count(before, 0);
    }

    fn publish(&mut self, message: &Message, dup: bool, packet_id: PacketId) {
        let publish = publish(message, dup, packet_id);
        if message.payload.len() < SEGMENT {
            return self.packet(&publish.into());
        }
        let before = self.small.len();
        let header = 16 + publish.topic.as_bytes().len();
        self.small.resize(before + header, 0);
        let room = self.small.get_mut(before..).unwrap_or_default();
        let encoded = publish.encode_header(self.version, room);
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        let Ok(len) = encoded else {
            return self.small.truncate(before);
        };
        self.small.truncate(before + len);
        self.count(before, message.payload.len());
        self.flush();
        self.out.push(message.payload.clone());
    }

    /// A packet of an earlier connection. [MQTT-4.4.0-1] [MQTT-3.3.1-1]
    fn resend(&mut self, id: PacketId, what: &Unacknowledged) {
        match what {
            Unacknowledged::Publish(message) => self.publish(message, true, id),
            Unacknowledged::Released => self.packet(&Packet::PubRel(Ack::new(id))),
            // These end with their connection.
            Unacknowledged::Subscribe(_) | Unacknowledged::Unsubscribe => {}
        }
    }

    /// The packet that `small` has held since that length, with so many bytes of payload after it.
    fn count(&mut self, since: usize, payload: usize) {
        let len = self.small.len() - since + payload;
        let first_byte = self.small.get(since).copied().unwrap_or(0);
        self.counts.add(first_byte, len);
        self.size += len;
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.out.push(self.small.split().freeze());
        }
    }

    fn finish(mut self) -> Counts {
        self.flush();
        self.counts
    }
}
