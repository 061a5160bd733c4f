//! What was sent and is not finished: PUBLISH at QoS 1 and 2, SUBSCRIBE, UNSUBSCRIBE, section 4.3.
//!
//! ```text
//! PUBLISH QoS 1 ──────────────── PUBACK ──▶ done
//! PUBLISH QoS 2 ── PUBREC ──▶ released (PUBREL) ── PUBCOMP ──▶ done
//! SUBSCRIBE, UNSUBSCRIBE ──────── SUBACK, UNSUBACK ──▶ done
//! ```

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::packet_id::PacketId;

/// One packet that awaits its acknowledgement; `M` is what a message is sent from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unacknowledged<M> {
    /// A PUBLISH at QoS 1 awaits PUBACK.
    AtLeastOnce(M),
    /// A PUBLISH at QoS 2 awaits PUBREC.
    ExactlyOnce(M),
    /// A PUBLISH at QoS 2 whose PUBREC came: PUBREL awaits PUBCOMP. The message is not needed any more.
    Released,
    /// A SUBSCRIBE with so many filters awaits SUBACK.
    Subscribe(usize),
    /// An UNSUBSCRIBE awaits UNSUBACK.
    Unsubscribe,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acked<K> {
    /// The exchange that this key stands for is over.
    Done(K),
    /// PUBREC: PUBREL is to be sent.
    Release,
    /// No exchange has this packet identifier.
    Unknown,
    /// The exchange awaits another packet.
    Unexpected,
}

#[derive(Clone, Debug)]
struct Entry<K, M> {
    /// What its owner recognises it by.
    key: K,
    /// Grows from packet to packet: what comes first was sent first.
    order: u64,
    what: Unacknowledged<M>,
}

/// The sender's side of the exchanges of one session.
#[derive(Clone, Debug)]
pub(crate) struct Outbound<K, M> {
    entries: BTreeMap<PacketId, Entry<K, M>>,
    /// How many of the entries are PUBLISH or PUBREL.
    messages: usize,
    last_id: u16,
    last_order: u64,
    /// What is still to be sent again on this connection, in the original order.
    resend: VecDeque<PacketId>,
}

impl<K: Copy, M> Outbound<K, M> {
    pub(crate) const fn new() -> Outbound<K, M> {
        Outbound {
            entries: BTreeMap::new(),
            messages: 0,
            last_id: 0,
            last_order: 0,
            resend: VecDeque::new(),
        }
    }

    /// How many PUBLISH are not finished.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// How many PUBLISH or PUBREL of this connection are not finished: those that take from the quota of
    /// section 4.9 of 5.0. A PUBREL that was sent again counts, though it need not.
    pub(crate) fn open(&self) -> usize {
        self.messages - self.resend.len()
    }

    /// How much awaits an acknowledgement.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing awaits an acknowledgement.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a packet identifier is free. All 65,535 in use is no reason to search for one.
    pub(crate) fn has_free_id(&self) -> bool {
        self.entries.len() < usize::from(u16::MAX)
    }

    /// Takes the next free packet identifier for a packet that is about to be sent: they count up, wrap
    /// around and skip those in use. `None` where all are in use. [MQTT-2.2.1-3] [MQTT-2.2.1-4]; before 5.0
    /// [MQTT-2.3.1-2]
    pub(crate) fn start(&mut self, key: K, what: Unacknowledged<M>) -> Option<PacketId> {
        let id = self.next_id()?;
        self.insert(id, key, what);
        Some(id)
    }

    /// The packet identifier of a packet that is about to be sent; [`insert`](Outbound::insert) takes it.
    pub(crate) fn next_id(&mut self) -> Option<PacketId> {
        if !self.has_free_id() {
            return None;
        }
        let next = PacketId::new(self.last_id.wrapping_add(1)).unwrap_or(PacketId::MIN);
        let id = self.free_from(next).or_else(|| self.free_from(PacketId::MIN))?;
        self.last_id = id.get();
        Some(id)
    }

    /// The first free packet identifier from that one on.
    fn free_from(&self, first: PacketId) -> Option<PacketId> {
        let mut free = Some(first);
        for (used, _) in self.entries.range(first..) {
            if free != Some(*used) {
                break;
            }
            free = used.get().checked_add(1).and_then(PacketId::new);
        }
        free
    }

    /// Begins an exchange with that identifier, after all others; also one of an earlier process.
    pub(crate) fn insert(&mut self, id: PacketId, key: K, what: Unacknowledged<M>) {
        self.messages += usize::from(what.is_message());
        self.last_order += 1;
        let before = self.entries.insert(id, Entry { key, order: self.last_order, what });
        self.removed(id, before);
    }

    /// Everything that is not finished, in the order it was sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PacketId, K, &Unacknowledged<M>)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.order);
        entries.into_iter().map(|(id, entry)| (*id, entry.key, &entry.what))
    }

    pub(crate) const fn last_id(&self) -> u16 {
        self.last_id
    }

    pub(crate) fn set_last_id(&mut self, last_id: u16) {
        self.last_id = last_id;
    }

    /// PUBACK. [MQTT-4.3.2-1]
    pub(crate) fn puback(&mut self, id: PacketId) -> Acked<K> {
        self.finish(id, |what| matches!(what, Unacknowledged::AtLeastOnce(_)))
    }

    /// PUBREC: from now on PUBREL takes the message's place. [MQTT-4.3.3-4]; before 5.0 [MQTT-4.3.3-1]
    pub(crate) fn pubrec(&mut self, id: PacketId) -> Acked<K> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Acked::Unknown;
        };
        match &entry.what {
            Unacknowledged::ExactlyOnce(_) => entry.what = Unacknowledged::Released,
            Unacknowledged::Released => {}
            _ => return Acked::Unexpected,
        }
        // PUBREL goes out now, and not again.
        self.resend.retain(|waiting| *waiting != id);
        Acked::Release
    }

    /// PUBREC with an error: the exchange is over. [MQTT-4.4.0-2]
    pub(crate) fn pubrec_error(&mut self, id: PacketId) -> Acked<K> {
        self.finish(id, |what| matches!(what, Unacknowledged::ExactlyOnce(_)))
    }

    /// The key of an exchange, to be changed.
    pub(crate) fn key_mut(&mut self, id: PacketId) -> Option<&mut K> {
        self.entries.get_mut(&id).map(|entry| &mut entry.key)
    }

    /// PUBCOMP.
    pub(crate) fn pubcomp(&mut self, id: PacketId) -> Acked<K> {
        self.finish(id, |what| matches!(what, Unacknowledged::Released))
    }

    /// SUBACK with that many reason codes.
    pub(crate) fn suback(&mut self, id: PacketId, codes: usize) -> Acked<K> {
        self.finish(
            id,
            |what| matches!(what, Unacknowledged::Subscribe(filters) if *filters == codes),
        )
    }

    /// UNSUBACK.
    pub(crate) fn unsuback(&mut self, id: PacketId) -> Acked<K> {
        self.finish(id, |what| matches!(what, Unacknowledged::Unsubscribe))
    }

    fn finish(&mut self, id: PacketId, fits: impl Fn(&Unacknowledged<M>) -> bool) -> Acked<K> {
        match self.entries.get(&id) {
            None => Acked::Unknown,
            Some(entry) if !fits(&entry.what) => Acked::Unexpected,
            Some(entry) => {
                let key = entry.key;
                self.remove(id);
                Acked::Done(key)
            }
        }
    }

    /// Ends an exchange, whatever it awaits.
    pub(crate) fn remove(&mut self, id: PacketId) {
        let entry = self.entries.remove(&id);
        self.removed(id, entry);
    }

    #[inline]
    fn removed(&mut self, id: PacketId, entry: Option<Entry<K, M>>) {
        if let Some(entry) = entry {
            self.messages -= usize::from(entry.what.is_message());
            if !self.resend.is_empty() {
                self.resend.retain(|waiting| *waiting != id);
            }
        }
    }

    /// The connection is gone. What belongs to it alone, SUBSCRIBE and UNSUBSCRIBE, is over: their keys, in
    /// order.
    pub(crate) fn connection_lost(&mut self) -> Vec<K> {
        self.resend.clear();
        let lost = self.in_order(|what| !what.is_message());
        lost.iter().for_each(|(id, _)| self.remove(*id));
        lost.into_iter().map(|(_, key)| key).collect()
    }

    /// The session goes on on a new connection: everything is to be sent again. [MQTT-4.4.0-1]
    pub(crate) fn resume(&mut self) {
        self.resend = self.in_order(|_| true).into_iter().map(|(id, _)| id).collect();
    }

    /// The session is gone, and everything with it: the keys, in order.
    pub(crate) fn discard(&mut self) -> Vec<K> {
        if self.entries.is_empty() {
            return Vec::new(); // as most are
        }
        let lost = self.in_order(|_| true);
        self.entries.clear();
        self.resend.clear();
        self.messages = 0;
        lost.into_iter().map(|(_, key)| key).collect()
    }

    /// Whether something is still to be sent again.
    pub(crate) fn has_resend(&self) -> bool {
        self.has_resend_within(true)
    }

    /// The same; without room for a PUBLISH, whether there is a PUBREL.
    pub(crate) fn has_resend_within(&self, room: bool) -> bool {
        if room {
            !self.resend.is_empty()
        } else {
            self.resend.iter().any(|id| self.is_pubrel(*id))
        }
    }

    /// The next packet to be sent again; it counts as sent. Without room for a PUBLISH, the next PUBREL.
    /// [MQTT-4.6.0-1]; in 5.0 [MQTT-3.3.4-8] [MQTT-3.3.4-10]
    pub(crate) fn next_resend_within(
        &mut self,
        room: bool,
    ) -> Option<(PacketId, &Unacknowledged<M>)> {
        let place = self.resend.iter().position(|id| room || self.is_pubrel(*id))?;
        let id = self.resend.remove(place)?;
        self.entries.get(&id).map(|entry| (id, &entry.what))
    }

    fn is_pubrel(&self, id: PacketId) -> bool {
        self.entries.get(&id).is_some_and(|entry| matches!(entry.what, Unacknowledged::Released))
    }

    fn in_order(&self, wanted: impl Fn(&Unacknowledged<M>) -> bool) -> Vec<(PacketId, K)> {
        if self.entries.is_empty() {
            return Vec::new();
        }
        self.iter().filter(|(_, _, what)| wanted(what)).map(|(id, key, _)| (id, key)).collect()
    }

    /// Panics where the counter is not the sum of what it counts.
    pub(crate) fn check_invariants(&self) {
        let messages = self.entries.values().filter(|entry| entry.what.is_message()).count();
        assert_eq!(self.messages, messages, "the messages in flight are miscounted");
        let waits = |id| self.entries.get(id).is_some_and(|entry| entry.what.is_message());
        assert!(self.resend.iter().all(waits), "what is to be sent again is not in flight");
    }
}

impl<M> Unacknowledged<M> {
    /// Whether it is part of the session, and not of the connection alone. (Section 3.1.2.4.)
    fn is_message(&self) -> bool {
        !matches!(self, Unacknowledged::Subscribe(_) | Unacknowledged::Unsubscribe)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const AT_LEAST_ONCE: Unacknowledged<char> = Unacknowledged::AtLeastOnce('m');
    const EXACTLY_ONCE: Unacknowledged<char> = Unacknowledged::ExactlyOnce('m');

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn ids_count_up_wrap_around_and_skip_those_in_use() {
        let mut outbound = Outbound::new();
        assert_eq!(outbound.start(1, AT_LEAST_ONCE), Some(id(1)));
        assert_eq!(outbound.start(2, Unacknowledged::Unsubscribe), Some(id(2)));
        assert_eq!(outbound.puback(id(1)), Acked::Done(1));
        outbound.set_last_id(65_534);
        assert_eq!(outbound.start(3, Unacknowledged::Subscribe(1)), Some(id(65_535)));
        assert_eq!(outbound.start(4, EXACTLY_ONCE), Some(id(1)));
        assert_eq!(outbound.start(5, EXACTLY_ONCE), Some(id(3)));
    }

    #[test]
    fn all_ids_in_use_is_an_answer_and_not_a_hang() {
        let mut outbound = Outbound::<_, ()>::new();
        for _ in 0..65_535 {
            assert!(outbound.start((), Unacknowledged::Released).is_some());
        }
        assert_eq!(outbound.start((), Unacknowledged::Released), None);
        assert_eq!(outbound.pubcomp(id(77)), Acked::Done(()));
        assert_eq!(outbound.start((), Unacknowledged::Released), Some(id(77)));
    }

    #[test]
    fn an_acknowledgement_must_be_the_one_awaited() {
        let mut outbound = Outbound::new();
        outbound.start(1, AT_LEAST_ONCE);
        outbound.start(2, EXACTLY_ONCE);
        outbound.start(3, Unacknowledged::Subscribe(2));
        assert_eq!(outbound.pubrec(id(1)), Acked::Unexpected);
        assert_eq!(outbound.pubcomp(id(1)), Acked::Unexpected);
        assert_eq!(outbound.puback(id(2)), Acked::Unexpected);
        assert_eq!(outbound.pubcomp(id(2)), Acked::Unexpected);
        assert_eq!(outbound.suback(id(3), 1), Acked::Unexpected);
        assert_eq!(outbound.unsuback(id(3)), Acked::Unexpected);
        assert_eq!(outbound.puback(id(9)), Acked::Unknown);
        assert_eq!(outbound.pubrec(id(2)), Acked::Release);
        assert_eq!(outbound.pubrec(id(2)), Acked::Release);
        assert_eq!(outbound.pubcomp(id(2)), Acked::Done(2));
        assert_eq!(outbound.suback(id(3), 2), Acked::Done(3));
        assert_eq!(outbound.messages(), 1);
    }

    #[test]
    fn what_is_sent_again_keeps_its_order_also_where_ids_wrapped() {
        let mut outbound = Outbound::new();
        outbound.set_last_id(65_534);
        outbound.start(1, AT_LEAST_ONCE);
        outbound.start(2, EXACTLY_ONCE);
        outbound.start(3, Unacknowledged::Unsubscribe);
        outbound.start(4, AT_LEAST_ONCE);
        outbound.pubrec(id(1));
        assert_eq!(outbound.connection_lost(), [3]);
        outbound.resume();
        assert_eq!(outbound.next_resend_within(true).map(|(id, _)| id), Some(id(65_535)));
        assert_eq!(outbound.puback(id(3)), Acked::Done(4));
        assert_eq!(outbound.next_resend_within(true), Some((id(1), &Unacknowledged::Released)));
        assert_eq!(outbound.next_resend_within(true), None);
        assert_eq!(outbound.discard(), [1, 2]);
        outbound.check_invariants();
    }
}
