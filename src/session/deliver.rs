//! What waits for the client: how it gets into the queue, and out of it without being sent.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Session;
use super::error::Dropped;
use super::queue::{Cursor, Extra, Grant, Retain, Sending, Share};
use crate::codec::{Properties, SubscriptionIdentifier};
use crate::delivery::Unacknowledged;
use crate::message::Message;
use crate::packet::{Delivery, Packet};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::time::Instant;
use crate::topic::TopicName;
use crate::version::Version;

/// Where a message of a shared subscription is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Sent with that packet identifier.
    Sent(PacketId),
    /// In the queue, at that place.
    Waiting(usize),
}

impl Session {
    /// Queues a message for the client, at the lower of its QoS and the one granted. `retain` says whether it is
    /// sent because of a new subscription, or in 5.0 was published with RETAIN for one with Retain As Published.
    /// [MQTT-3.8.4-8] [MQTT-3.3.1-12] [MQTT-3.3.1-13]; before 5.0 [MQTT-3.8.4-6] [MQTT-3.3.1-8]
    /// [MQTT-3.3.1-9]
    ///
    /// # Errors
    ///
    /// Where the message is not kept.
    pub fn deliver(
        &mut self,
        now: Instant,
        message: &Arc<Message>,
        granted: QoS,
        retain: bool,
    ) -> Result<(), Dropped> {
        self.deliver_with(now, message, granted, retain, &[])
    }

    /// The same with the identifiers of the subscriptions that it comes for, which clients of 5.0 are sent.
    /// [MQTT-3.3.4-3] [MQTT-3.3.4-4]
    ///
    /// # Errors
    ///
    /// As [`deliver`](Session::deliver).
    pub fn deliver_with(
        &mut self,
        now: Instant,
        message: &Arc<Message>,
        granted: QoS,
        retain: bool,
        identifiers: &[SubscriptionIdentifier],
    ) -> Result<(), Dropped> {
        self.advance(now);
        let delivery = Delivery::ExactlyOnce { dup: false, packet_id: PacketId::MAX };
        let mut publish = message.publish(delivery, retain);
        publish.properties = Properties::EMPTY;
        Packet::from(publish).encoded_len(Version::V3_1_1).map_err(|_| Dropped::TooLarge)?;
        let retain = if retain { Retain::Retained } else { Retain::Cleared };
        let extra = Extra::of(identifiers.iter().copied(), None);
        let grant = Grant { qos: granted, retain, extra };
        self.queue_message(message, grant, now)
    }

    /// [`deliver`](Session::deliver), for a message that came in a packet.
    #[inline]
    pub(crate) fn queue_message(
        &mut self,
        message: &Arc<Message>,
        grant: Grant,
        now: Instant,
    ) -> Result<(), Dropped> {
        let sending = Sending::new(message, grant, self.config.features.maximum_qos);
        if self.link.is_none() && sending.qos == QoS::AtMostOnce {
            return Err(Dropped::Offline);
        }
        self.queue.push(sending, &self.config, now)
    }

    /// Whether a message for a subscription of that QoS and identifier would be kept.
    pub(crate) fn has_room(
        &mut self,
        message: &Message,
        granted: QoS,
        identifier: Option<SubscriptionIdentifier>,
        now: Instant,
    ) -> bool {
        let qos = message.qos.min(granted).min(self.config.features.maximum_qos);
        let at_most_once = qos == QoS::AtMostOnce;
        let size = message.size() + Extra::size(usize::from(identifier.is_some()));
        (self.link.is_some() || !at_most_once)
            && self.queue.has_room(at_most_once, size, &self.config, now)
    }

    /// Queues the retained messages of a new subscription, which are found as they are sent.
    pub(crate) fn deliver_retained(&mut self, cursor: Cursor) -> Result<(), Dropped> {
        self.queue.push_retained(cursor, &self.config)
    }

    /// The messages of shared subscriptions that others could get in place of this client: those that wait, and
    /// those that were sent at QoS 1 and not acknowledged; in their order. A QoS 2 message stays once it was
    /// sent. [MQTT-4.8.2-4]
    pub(crate) fn shared(&self) -> Vec<(Place, Share, Arc<Message>)> {
        let sent = self.outbound.iter().filter_map(|(id, _, what)| match what {
            Unacknowledged::AtLeastOnce(sending) => {
                Some((Place::Sent(id), sending.share()?, &sending.message))
            }
            _ => None,
        });
        let waiting = self.queue.shared();
        let waiting =
            waiting.map(|(place, share, message)| (Place::Waiting(place), share, message));
        sent.chain(waiting).map(|(place, share, m)| (place, share, Arc::clone(m))).collect()
    }

    /// Others get the messages at these places, which are in order.
    pub(crate) fn remove_shared(&mut self, places: &[Place]) {
        for place in places {
            if let Place::Sent(id) = place {
                self.finish(*id);
            }
        }
        self.queue.remove(places.iter().filter_map(|place| match place {
            Place::Sent(_) => None,
            Place::Waiting(place) => Some(*place),
        }));
    }

    /// The exchange of a message is over without its acknowledgement.
    pub(super) fn finish(&mut self, id: PacketId) {
        if let Some(size) = self.outbound.key_mut(id) {
            self.inflight_bytes -= *size;
        }
        self.outbound.remove(id);
    }

    /// The permissions have changed: what waits under other topics is dropped. What was sent and is not
    /// finished stays.
    pub(crate) fn retain_topics(&mut self, kept: impl FnMut(TopicName<'_>) -> bool) {
        self.queue.retain_topics(kept);
    }

    /// Subscriptions have ended: of their retained messages no more are sent. [MQTT-3.10.4-2]
    pub(crate) fn forget_retained(&mut self, filters: &mut [&[u8]]) {
        filters.sort_unstable();
        self.queue.remove_retained(filters);
    }
}
