//! What was received and is not finished: PUBLISH at QoS 1 and 2, section 4.3.
//!
//! ```text
//! PUBLISH QoS 1 ── acknowledged ──▶ PUBACK, done
//! PUBLISH QoS 2 ── acknowledged ──▶ PUBREC, until PUBREL ──▶ PUBCOMP, done; with an error: done
//! ```

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use crate::owned_properties::OwnedProperties;
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::reason::ReasonCode;

/// What a message is acknowledged with: `None` for a success without properties.
pub(crate) type Answered = Option<Box<(ReasonCode, OwnedProperties)>>;

/// How far a message has come: `None` until it is acknowledged.
type Progress = Option<Answered>;

/// What a received PUBLISH is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A new message.
    New,
    /// One whose first copy was delivered and waits for its acknowledgement: nothing is to be done.
    Waiting,
    /// One whose first copy was delivered and acknowledged: only the acknowledgement is to be sent again, in
    /// its turn.
    Repeated,
}

/// Messages in the order they were received, until each was acknowledged and had its turn.
#[derive(Clone, Debug)]
struct Turns {
    order: VecDeque<PacketId>,
    acknowledged: BTreeMap<PacketId, Progress>,
}

impl Turns {
    const fn new() -> Turns {
        Turns { order: VecDeque::new(), acknowledged: BTreeMap::new() }
    }

    /// Adds a message that does not wait already.
    fn add(&mut self, id: PacketId) {
        self.acknowledged.insert(id, None);
        self.order.push_back(id);
    }

    fn acknowledge(&mut self, id: PacketId, answer: Answered) {
        if let Some(acknowledged) = self.acknowledged.get_mut(&id) {
            *acknowledged = Some(answer);
        }
    }

    fn next(&mut self) -> Option<(PacketId, Answered)> {
        let first = *self.order.front()?;
        let answer = self.acknowledged.get_mut(&first)?.take()?;
        self.order.pop_front();
        self.acknowledged.remove(&first);
        Some((first, answer))
    }

    fn remove(&mut self, id: PacketId) {
        if self.acknowledged.remove(&id).is_some() {
            self.order.retain(|waiting| *waiting != id);
        }
    }
}

/// The receiver's side of the exchanges of one session.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    /// What PUBACK is to be sent for.
    at_least_once: Turns,
    /// What PUBREC is to be sent for.
    exactly_once: Turns,
    /// QoS 2 until PUBREL.
    unreleased: BTreeMap<PacketId, Progress>,
}

impl Inbound {
    pub(crate) const fn new() -> Inbound {
        Inbound {
            at_least_once: Turns::new(),
            exactly_once: Turns::new(),
            unreleased: BTreeMap::new(),
        }
    }

    /// A PUBLISH at QoS 1. After PUBACK its identifier means a new message. [MQTT-4.3.2-2]
    pub(crate) fn publish_at_least_once(&mut self, id: PacketId) -> Received {
        if self.at_least_once.acknowledged.contains_key(&id) {
            return Received::Waiting;
        }
        self.at_least_once.add(id);
        Received::New
    }

    /// A PUBLISH at QoS 2. Until PUBREL its identifier means this message. [MQTT-4.3.3-2]
    pub(crate) fn publish_exactly_once(&mut self, id: PacketId) -> Received {
        if self.exactly_once.acknowledged.contains_key(&id) {
            return Received::Waiting;
        }
        match self.unreleased.get(&id) {
            // Its turn may have to wait for messages that came on this connection before it.
            Some(Some(answer)) => {
                self.exactly_once.add(id);
                self.exactly_once.acknowledge(id, answer.clone());
                return Received::Repeated;
            }
            // On a new connection it waits for its turn among what comes on that one.
            Some(None) => self.exactly_once.add(id),
            None => {
                self.unreleased.insert(id, None);
                self.exactly_once.add(id);
                return Received::New;
            }
        }
        Received::Waiting
    }

    /// The message with that identifier is acknowledged. What may be sent of it now, and of those that
    /// waited for it, [`next_acknowledgement`](Inbound::next_acknowledgement) says.
    pub(crate) fn acknowledge(&mut self, qos: QoS, id: PacketId, answer: Answered) {
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.at_least_once.acknowledge(id, answer),
            QoS::ExactlyOnce => {
                if let Some(acknowledged) = self.unreleased.get_mut(&id) {
                    *acknowledged = Some(answer.clone());
                }
                self.exactly_once.acknowledge(id, answer);
            }
        }
    }

    /// The next acknowledgement that may be sent: in the order the messages were received.
    /// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    pub(crate) fn next_acknowledgement(&mut self, qos: QoS) -> Option<(PacketId, Answered)> {
        match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => self.at_least_once.next(),
            QoS::ExactlyOnce => self.exactly_once.next(),
        }
    }

    /// PUBREC was sent with an error: from now on the identifier means a new message. [MQTT-4.3.3-9]
    pub(crate) fn refused(&mut self, id: PacketId) {
        self.unreleased.remove(&id);
    }

    /// Whether nothing that was received is unfinished.
    pub(crate) fn is_empty(&self) -> bool {
        self.at_least_once.order.is_empty() && self.unreleased.is_empty()
    }

    /// PUBREL: the identifier is free for a new message. Whether it meant one. [MQTT-4.3.3-12]
    pub(crate) fn pubrel(&mut self, id: PacketId) -> bool {
        self.exactly_once.remove(id);
        self.unreleased.remove(&id).is_some()
    }

    /// The connection is gone: what was not acknowledged comes again.
    pub(crate) fn connection_lost(&mut self) {
        self.at_least_once = Turns::new();
        self.exactly_once = Turns::new();
    }

    /// The session is gone.
    pub(crate) fn discard(&mut self) {
        *self = Inbound::new();
    }

    /// The identifiers of QoS 2 messages without PUBREL, and whether they were acknowledged. One that is to
    /// be refused, and was not yet, is none: it may come again.
    pub(crate) fn unreleased(&self) -> impl Iterator<Item = (PacketId, bool)> {
        let refused = |answer: &Answered| answer.as_ref().is_some_and(|a| a.0.is_error());
        self.unreleased
            .iter()
            .filter(move |(_, progress)| !progress.as_ref().is_some_and(refused))
            .map(|(id, progress)| (*id, progress.is_some()))
    }

    /// Puts an unreleased identifier of an earlier process back.
    pub(crate) fn insert_unreleased(&mut self, id: PacketId, acknowledged: bool) {
        self.unreleased.insert(id, acknowledged.then_some(None));
    }

    /// Panics where the parts do not fit together.
    pub(crate) fn check_invariants(&self) {
        for turns in [&self.at_least_once, &self.exactly_once] {
            assert_eq!(turns.order.len(), turns.acknowledged.len(), "{turns:?}");
            assert!(turns.order.iter().all(|id| turns.acknowledged.contains_key(id)), "{turns:?}");
        }
        for (id, acknowledged) in &self.exactly_once.acknowledged {
            assert_eq!(self.unreleased.get(id), Some(acknowledged), "packet identifier {id}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn acknowledgements_wait_for_those_before_them() {
        let mut inbound = Inbound::new();
        for n in 1..=3 {
            assert_eq!(inbound.publish_at_least_once(id(n)), Received::New);
        }
        inbound.acknowledge(QoS::AtLeastOnce, id(2), None);
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), None);
        inbound.acknowledge(QoS::AtLeastOnce, id(1), None);
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), Some((id(1), None)));
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), Some((id(2), None)));
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), None);
        // Until its PUBACK an identifier is the same message, after it a new one.
        assert_eq!(inbound.publish_at_least_once(id(3)), Received::Waiting);
        assert_eq!(inbound.publish_at_least_once(id(1)), Received::New);
    }

    #[test]
    fn a_qos_2_message_is_new_once_until_pubrel() {
        let mut inbound = Inbound::new();
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::New);
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Waiting);
        inbound.acknowledge(QoS::ExactlyOnce, id(1), None);
        assert_eq!(inbound.next_acknowledgement(QoS::ExactlyOnce), Some((id(1), None)));
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Repeated);
        inbound.connection_lost();
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Repeated);
        inbound.pubrel(id(1));
        inbound.pubrel(id(1));
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::New);
    }

    #[test]
    fn a_qos_2_message_acknowledged_between_connections_is_not_delivered_again() {
        let mut inbound = Inbound::new();
        inbound.publish_exactly_once(id(1));
        inbound.publish_exactly_once(id(2));
        inbound.connection_lost();
        inbound.acknowledge(QoS::ExactlyOnce, id(1), None);
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Repeated);
        assert_eq!(inbound.publish_exactly_once(id(2)), Received::Waiting);
        assert_eq!(inbound.publish_exactly_once(id(2)), Received::Waiting);
        inbound.acknowledge(QoS::ExactlyOnce, id(2), None);
        assert_eq!(inbound.next_acknowledgement(QoS::ExactlyOnce), Some((id(1), None)));
        assert_eq!(inbound.next_acknowledgement(QoS::ExactlyOnce), Some((id(2), None)));
        assert_eq!(inbound.next_acknowledgement(QoS::ExactlyOnce), None);
        inbound.check_invariants();
    }
}
