//! What is sent to the client, and when: messages are encoded when the driver pulls them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Session;
use super::queue::{Cursor, Entry, Lookup, Sending};
use crate::delivery::{Batch, Unacknowledged};
use crate::packet::{Ack, Delivery, Packet};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::statistics::Counts;

/// How much of what is retained may be passed over before others have their turn.
const SKIPPED: usize = 100;

impl Session {
    /// [`poll_transmit`](Session::poll_transmit), with what counts the packets and what finds retained
    /// messages.
    pub(crate) fn transmit(
        &mut self,
        out: &mut Vec<Bytes>,
        max: usize,
        counts: &mut Counts,
        mut retained: impl FnMut(&mut Cursor) -> Lookup,
    ) -> usize {
        let Some(link) = self.link.as_mut().filter(|_| max > 0) else {
            return 0;
        };
        self.announced = false;
        let mut batch = Batch::new(out, link.version, counts);
        batch.control(&mut link.control, max);
        // PUBLISH only once all answers are out.
        if link.control.is_empty() {
            while batch.size() < max && self.send_next(&mut batch, &mut retained) {}
        }
        self.queue.shrink();
        batch.finish()
    }

    /// Whether a pull would hand something out; where a retained message is next, it may.
    pub(super) fn has_something_to_send(&self) -> bool {
        let Some(link) = &self.link else {
            return false;
        };
        !link.control.is_empty()
            || self.outbound.has_resend()
            || self.queue.front().is_some_and(|entry| self.may_send(entry))
    }

    /// The queue keeps its order: a message that the window has no room for delays those after it.
    fn may_send(&self, entry: &Entry) -> bool {
        let (qos, size) = match entry {
            Entry::Message(sending) => (sending.qos, sending.message.size()),
            Entry::Retained(_) if self.paused => return false,
            Entry::Retained(cursor) => (cursor.qos, 0),
        };
        let window = usize::from(self.config.max_inflight_messages.max(1));
        let unfinished = self.outbound.messages();
        let bytes = self.inflight_bytes.saturating_add(size);
        qos == QoS::AtMostOnce
            || unfinished == 0
            || unfinished < window
                && bytes <= self.config.max_queued_bytes
                && self.outbound.has_free_id()
    }

    /// Adds the next packet that may be sent; false where there is none. First what is sent again, in its
    /// old order.
    fn send_next(
        &mut self,
        batch: &mut Batch<'_>,
        retained: &mut impl FnMut(&mut Cursor) -> Lookup,
    ) -> bool {
        if let Some((id, what)) = self.outbound.next_resend() {
            resend(batch, id, what);
            return true;
        }
        for _ in 0..SKIPPED {
            if !self.queue.front().is_some_and(|entry| self.may_send(entry)) {
                return false;
            }
            let sending = match self.queue.front_mut() {
                Some(Entry::Retained(cursor)) => match retained(cursor) {
                    Lookup::Found(message, newer) => {
                        let sending = cursor.sending(message);
                        // What the subscription has brought itself waits behind the cursor.
                        if newer && self.queue.contains(&sending.message) {
                            continue;
                        }
                        sending
                    }
                    Lookup::Paused => break,
                    Lookup::Finished => {
                        self.queue.pop();
                        continue;
                    }
                },
                _ => match self.queue.pop() {
                    Some(Entry::Message(sending)) => sending,
                    _ => return false,
                },
            };
            return self.send_message(batch, sending).is_some();
        }
        self.paused = true;
        false
    }

    fn send_message(&mut self, batch: &mut Batch<'_>, sending: Sending) -> Option<()> {
        let retain = sending.retain;
        let message = Arc::clone(&sending.message);
        let size = message.size();
        let (id, delivery);
        match sending.qos {
            QoS::AtMostOnce => delivery = Delivery::AtMostOnce,
            QoS::AtLeastOnce => {
                id = self.start(size, Unacknowledged::AtLeastOnce(sending))?;
                delivery = Delivery::AtLeastOnce { dup: false, packet_id: id };
            }
            QoS::ExactlyOnce => {
                id = self.start(size, Unacknowledged::ExactlyOnce(sending))?;
                delivery = Delivery::ExactlyOnce { dup: false, packet_id: id };
            }
        }
        batch.publish(&message, delivery, retain);
        Some(())
    }

    fn start(&mut self, size: usize, what: Unacknowledged<Sending>) -> Option<PacketId> {
        let id = self.outbound.start(size, what)?;
        self.inflight_bytes += size;
        Some(id)
    }
}

/// A packet of an earlier connection. [MQTT-4.4.0-1] [MQTT-3.3.1-1]
fn resend(batch: &mut Batch<'_>, packet_id: PacketId, what: &Unacknowledged<Sending>) {
    match what {
        Unacknowledged::AtLeastOnce(sending) => {
            let delivery = Delivery::AtLeastOnce { dup: true, packet_id };
            batch.publish(&sending.message, delivery, sending.retain);
        }
        Unacknowledged::ExactlyOnce(sending) => {
            let delivery = Delivery::ExactlyOnce { dup: true, packet_id };
            batch.publish(&sending.message, delivery, sending.retain);
        }
        Unacknowledged::Released => batch.packet(&Packet::PubRel(Ack::new(packet_id))),
        // A server asks for nothing.
        Unacknowledged::Subscribe(_) | Unacknowledged::Unsubscribe => {}
    }
}
