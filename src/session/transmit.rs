//! What is sent to the client, and when: messages are encoded when the driver pulls them.

use alloc::vec::Vec;

use bytes::Bytes;

use super::Session;
use super::link::{Link, Terms};
use super::queue::{Cursor, Entry, Lookup, Sending};
use crate::codec::{MAXIMUM_PACKET_SIZE, Properties, Property, TopicAlias};
use crate::delivery::{Batch, Unacknowledged};
use crate::packet::{Ack, Delivery, Packet};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::statistics::Counts;
use crate::time::Instant;
use crate::topic::TopicName;
use crate::version::Version;

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
        self.signals.announced = false;
        let mut batch = Batch::new(out, link.version, counts);
        link.transmit_control(&mut batch, max);
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
            return !self.signals.farewell.is_empty();
        };
        !link.control.is_empty()
            || self.outbound.has_resend() && self.outbound.has_resend_within(self.has_quota())
            || self.queue.front().is_some_and(|entry| self.may_send(entry))
    }

    /// Whether the client's Receive Maximum allows one more QoS 1 or 2 PUBLISH. [MQTT-3.3.4-9]
    /// [MQTT-4.9.0-1] [MQTT-4.9.0-2]
    #[inline]
    fn has_quota(&self) -> bool {
        let terms = self.link.as_ref().and_then(|link| link.terms.as_ref());
        terms.is_none_or(|terms| self.outbound.open() < usize::from(terms.receive_maximum))
    }

    /// The queue keeps its order: a message that the window has no room for delays those after it.
    fn may_send(&self, entry: &Entry) -> bool {
        let (qos, size) = match entry {
            Entry::Message(sending) => (sending.qos, sending.size()),
            Entry::Retained(_) if self.signals.paused => return false,
            Entry::Retained(cursor) => (cursor.qos, 0),
        };
        let window = usize::from(self.config.max_inflight_messages.max(1));
        let unfinished = self.outbound.messages();
        let bytes = self.inflight_bytes.saturating_add(size);
        qos == QoS::AtMostOnce
            || unfinished == 0
            || unfinished < window
                && self.has_quota()
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
        if self.outbound.has_resend() {
            let room = self.has_quota();
            if let (Some(link), Some((id, what))) =
                (&mut self.link, self.outbound.next_resend_within(room))
            {
                if link.resend(batch, id, what, self.now).is_none() {
                    let exactly_once = matches!(what, Unacknowledged::ExactlyOnce(_));
                    self.give_up(batch, id, exactly_once);
                }
                return true;
            }
        }
        for _ in 0..SKIPPED {
            if !self.queue.front().is_some_and(|entry| self.may_send(entry)) {
                return false;
            }
            let sending = match self.queue.front_mut() {
                Some(Entry::Retained(cursor)) => match retained(cursor) {
                    Lookup::Found(message, newer) => {
                        let sending = cursor.sending(&message);
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
            match self.send_message(batch, sending) {
                Some(false) => {}
                sent => return sent.is_some(),
            }
        }
        self.signals.paused = true;
        false
    }

    /// A message that was sent is too large for the client now, and counts as sent: at QoS 2 the client releases
    /// what it may have of it. [MQTT-3.1.2-25]
    fn give_up(&mut self, batch: &mut Batch<'_>, id: PacketId, exactly_once: bool) {
        self.dropped += 1;
        if exactly_once {
            self.outbound.pubrec(id);
            batch.packet(&Packet::PubRel(Ack::new(id)));
        } else {
            self.finish(id);
        }
    }

    /// Whether it is sent: a message that has expired, or is too large for the client, counts as if it were.
    /// [MQTT-3.1.2-25] [MQTT-3.3.2-5]
    fn send_message(&mut self, batch: &mut Batch<'_>, sending: Sending) -> Option<bool> {
        let now = self.now;
        let link = self.link.as_mut()?;
        if sending.message.is_expired(now) || !link.takes(&sending) {
            self.dropped += 1;
            return Some(false);
        }
        if sending.qos == QoS::AtMostOnce {
            link.publish(batch, &sending, Delivery::AtMostOnce, now);
            return Some(true);
        }
        let packet_id = self.outbound.next_id()?;
        link.publish(batch, &sending, delivery(&sending, false, packet_id), now);
        let size = sending.size();
        let what = match sending.qos {
            QoS::ExactlyOnce => Unacknowledged::ExactlyOnce(sending),
            _ => Unacknowledged::AtLeastOnce(sending),
        };
        self.outbound.insert(packet_id, size, what);
        self.inflight_bytes += size;
        Some(true)
    }
}

impl Link {
    /// The answers, as far as there is room.
    #[inline]
    fn transmit_control(&mut self, batch: &mut Batch<'_>, max: usize) {
        let Some(terms) = &mut self.terms else {
            return batch.control(&mut self.control, max);
        };
        let before = batch.counts().exchanges_ended();
        batch.control(&mut self.control, max);
        terms.closed(batch.counts().exchanges_ended() - before);
    }

    /// A packet of an earlier connection; `None` where the client does not take it any more. [MQTT-4.4.0-1]
    /// [MQTT-3.3.1-1]
    fn resend(
        &mut self,
        batch: &mut Batch<'_>,
        packet_id: PacketId,
        what: &Unacknowledged<Sending>,
        now: Instant,
    ) -> Option<()> {
        match what {
            Unacknowledged::AtLeastOnce(sending) | Unacknowledged::ExactlyOnce(sending) => {
                if !self.takes(sending) {
                    return None;
                }
                self.publish(batch, sending, delivery(sending, true, packet_id), now);
            }
            Unacknowledged::Released => batch.packet(&Packet::PubRel(Ack::new(packet_id))),
            // A server asks for nothing.
            Unacknowledged::Subscribe(_) | Unacknowledged::Unsubscribe => {}
        }
        Some(())
    }

    /// PUBLISH, in 5.0 with what only that has.
    #[inline]
    fn publish(
        &mut self,
        batch: &mut Batch<'_>,
        sending: &Sending,
        delivery: Delivery,
        now: Instant,
    ) {
        let retain = sending.retain.flag(self.version);
        match &mut self.terms {
            Some(terms) => terms.publish(batch, sending, delivery, now),
            None => batch.publish(&sending.message, delivery, retain),
        }
    }

    /// Whether a message that came by an alias has a length at all where its topic is named.
    #[cold]
    fn has_length(&self, sending: &Sending) -> bool {
        let mut publish = sending.message.publish(delivery(sending, false, PacketId::MAX), false);
        publish.properties = Properties::EMPTY;
        Packet::from(publish).encoded_len(self.version).is_ok()
    }

    /// Whether the client takes a packet of that size. [MQTT-3.1.2-24]
    #[inline]
    fn takes(&self, sending: &Sending) -> bool {
        match &self.terms {
            Some(terms) => terms.takes(sending),
            None => size_bound(sending) <= MAXIMUM_PACKET_SIZE as usize || self.has_length(sending),
        }
    }
}

impl Terms {
    /// The message with what it had, what is left of its Message Expiry Interval, the identifiers of its
    /// subscriptions, and an alias for its topic. [MQTT-3.3.2-6] [MQTT-3.3.4-3]
    fn publish(
        &mut self,
        batch: &mut Batch<'_>,
        sending: &Sending,
        delivery: Delivery,
        now: Instant,
    ) {
        let message = &*sending.message;
        let mut publish = message.publish(delivery, sending.retain.flag(Version::V5_0));
        let mut others: Vec<Property<'_>> = identifiers(sending).collect();
        if let Some((alias, known)) = self.alias(sending) {
            others.push(Property::TopicAlias(alias));
            if known {
                publish.topic = TopicName::BY_ALIAS;
            }
        }
        let seconds_left = message.seconds_left(now);
        if others.is_empty() && seconds_left.is_none() {
            return batch.publish_as(&publish, &message.payload);
        }
        let extended = message.properties.extended(seconds_left, &others);
        publish.properties = extended.properties();
        batch.publish_as(&publish, &message.payload);
    }

    /// None where the packet might become too large by it.
    fn alias(&mut self, sending: &Sending) -> Option<(TopicAlias, bool)> {
        let maximum = self.limits.maximum_packet_size.min(MAXIMUM_PACKET_SIZE as usize);
        if self.outbound.is_off() || size_bound(sending) > maximum {
            return None;
        }
        self.outbound.alias(&sending.message.topic)
    }

    fn takes(&self, sending: &Sending) -> bool {
        let maximum = self.limits.maximum_packet_size.min(MAXIMUM_PACKET_SIZE as usize);
        if size_bound(sending) <= maximum {
            return true;
        }
        // Its topic, payload and properties alone.
        if sending.message.size() > maximum {
            return false;
        }
        let others: Vec<Property<'_>> = identifiers(sending).collect();
        let extended = sending.message.properties.extended(None, &others);
        let mut publish = sending.message.publish(delivery(sending, false, PacketId::MAX), false);
        publish.properties = extended.properties();
        let size = Packet::from(publish).encoded_len(Version::V5_0);
        size.is_ok_and(|size| size <= maximum)
    }
}

fn identifiers(sending: &Sending) -> impl Iterator<Item = Property<'_>> {
    sending.identifiers().iter().map(|identifier| Property::SubscriptionIdentifier(*identifier))
}

/// What a PUBLISH takes at most: fixed header, lengths, packet identifier and alias are below 20 bytes.
fn size_bound(sending: &Sending) -> usize {
    sending.message.size() + 5 * sending.identifiers().len() + 20
}

fn delivery(sending: &Sending, dup: bool, packet_id: PacketId) -> Delivery {
    match sending.qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup, packet_id },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup, packet_id },
    }
}
