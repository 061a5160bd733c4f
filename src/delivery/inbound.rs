//! What was received and is not finished: PUBLISH at QoS 1 and 2, section 4.3.
//!
//! ```text
//! PUBLISH QoS 1 ── acknowledged ──▶ PUBACK, done
//! PUBLISH QoS 2 ── acknowledged ──▶ PUBREC, until PUBREL ──▶ PUBCOMP, done
//! ```

use alloc::collections::{BTreeMap, VecDeque};

use crate::packet_id::PacketId;
use crate::qos::QoS;

/// What a received PUBLISH is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A new message.
    New,
    /// One whose first copy was delivered and waits for its acknowledgement: nothing is to be done.
    Waiting,
    /// One whose first copy was delivered and acknowledged: only the acknowledgement is to be sent again.
    Repeated,
}

/// One message that awaits its turn to be acknowledged.
#[derive(Clone, Copy, Debug)]
struct Pending {
    id: PacketId,
    acknowledged: bool,
}

/// The receiver's side of the exchanges of one session.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    /// QoS 1, in the order received: what was not acknowledged, or only out of turn.
    at_least_once: VecDeque<Pending>,
    /// The same at QoS 2.
    exactly_once: VecDeque<Pending>,
    /// QoS 2 until PUBREL: whether the first copy was acknowledged.
    unreleased: BTreeMap<PacketId, bool>,
}

impl Inbound {
    pub(crate) const fn new() -> Inbound {
        Inbound {
            at_least_once: VecDeque::new(),
            exactly_once: VecDeque::new(),
            unreleased: BTreeMap::new(),
        }
    }

    /// A PUBLISH at QoS 1. After PUBACK its identifier means a new message. [MQTT-4.3.2-2]
    pub(crate) fn publish_at_least_once(&mut self, id: PacketId) -> Received {
        if self.at_least_once.iter().any(|pending| pending.id == id) {
            return Received::Waiting;
        }
        self.at_least_once.push_back(Pending { id, acknowledged: false });
        Received::New
    }

    /// A PUBLISH at QoS 2. Until PUBREL its identifier means this message. [MQTT-4.3.3-2]
    pub(crate) fn publish_exactly_once(&mut self, id: PacketId) -> Received {
        match self.unreleased.get(&id) {
            Some(true) => Received::Repeated,
            Some(false) => {
                // On a new connection it waits for its turn among what comes on that one.
                if !self.exactly_once.iter().any(|pending| pending.id == id) {
                    self.exactly_once.push_back(Pending { id, acknowledged: false });
                }
                Received::Waiting
            }
            None => {
                self.unreleased.insert(id, false);
                self.exactly_once.push_back(Pending { id, acknowledged: false });
                Received::New
            }
        }
    }

    /// The message with that identifier is acknowledged. What may be sent of it now, and of those that
    /// waited for it, [`next_acknowledgement`](Inbound::next_acknowledgement) says.
    pub(crate) fn acknowledge(&mut self, qos: QoS, id: PacketId) {
        if qos == QoS::ExactlyOnce {
            if let Some(acknowledged) = self.unreleased.get_mut(&id) {
                *acknowledged = true;
            }
        }
        let queue = self.queue(qos);
        if let Some(pending) = queue.iter_mut().find(|pending| pending.id == id) {
            pending.acknowledged = true;
        }
    }

    /// The next acknowledgement that may be sent: in the order the messages were received.
    /// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
    pub(crate) fn next_acknowledgement(&mut self, qos: QoS) -> Option<PacketId> {
        let queue = self.queue(qos);
        let first = queue.front().filter(|pending| pending.acknowledged)?.id;
        queue.pop_front();
        Some(first)
    }

    /// PUBREL: the identifier is free for a new message. Whether there was one.
    pub(crate) fn pubrel(&mut self, id: PacketId) -> bool {
        self.exactly_once.retain(|pending| pending.id != id);
        self.unreleased.remove(&id).is_some()
    }

    /// The connection is gone: what was not acknowledged comes again.
    pub(crate) fn connection_lost(&mut self) {
        self.at_least_once.clear();
        self.exactly_once.clear();
    }

    /// The session is gone.
    pub(crate) fn discard(&mut self) {
        *self = Inbound::new();
    }

    /// The identifiers of QoS 2 messages without PUBREL, and whether they were acknowledged.
    pub(crate) fn unreleased(&self) -> impl Iterator<Item = (PacketId, bool)> {
        self.unreleased.iter().map(|(id, acknowledged)| (*id, *acknowledged))
    }

    /// Puts an unreleased identifier of an earlier process back.
    pub(crate) fn insert_unreleased(&mut self, id: PacketId, acknowledged: bool) {
        self.unreleased.insert(id, acknowledged);
    }

    fn queue(&mut self, qos: QoS) -> &mut VecDeque<Pending> {
        match qos {
            QoS::ExactlyOnce => &mut self.exactly_once,
            QoS::AtMostOnce | QoS::AtLeastOnce => &mut self.at_least_once,
        }
    }

    /// Panics where what waits for PUBREC is not among what waits for PUBREL.
    pub(crate) fn check_invariants(&self) {
        for pending in &self.exactly_once {
            let acknowledged = self.unreleased.get(&pending.id);
            assert_eq!(acknowledged, Some(&pending.acknowledged), "packet id {}", pending.id);
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
        inbound.acknowledge(QoS::AtLeastOnce, id(2));
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), None);
        inbound.acknowledge(QoS::AtLeastOnce, id(1));
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), Some(id(1)));
        assert_eq!(inbound.next_acknowledgement(QoS::AtLeastOnce), Some(id(2)));
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
        inbound.acknowledge(QoS::ExactlyOnce, id(1));
        assert_eq!(inbound.next_acknowledgement(QoS::ExactlyOnce), Some(id(1)));
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Repeated);
        inbound.connection_lost();
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Repeated);
        assert!(inbound.pubrel(id(1)));
        assert!(!inbound.pubrel(id(1)));
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::New);
    }

    #[test]
    fn a_qos_2_message_acknowledged_between_connections_is_not_delivered_again() {
        let mut inbound = Inbound::new();
        inbound.publish_exactly_once(id(1));
        inbound.publish_exactly_once(id(2));
        inbound.connection_lost();
        inbound.acknowledge(QoS::ExactlyOnce, id(1));
        assert_eq!(inbound.publish_exactly_once(id(1)), Received::Repeated);
        assert_eq!(inbound.publish_exactly_once(id(2)), Received::Waiting);
        inbound.acknowledge(QoS::ExactlyOnce, id(2));
        assert_eq!(inbound.next_acknowledgement(QoS::ExactlyOnce), Some(id(2)));
        inbound.check_invariants();
    }
}
