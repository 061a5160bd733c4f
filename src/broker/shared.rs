//! Shared subscriptions, section 4.8.2 of 5.0: each message goes to one member of the group.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Broker;
use super::clients;
use super::slab::Key;
use crate::message::Message;
use crate::qos::QoS;
use crate::router::{GroupId, Member};
use crate::session::{Extra, Grant, Place, Retain, Share};

/// After so many messages that nobody of a group can take, it is not asked any more for the others of a client that
/// leaves: they stay with its session, or end with it.
const MAX_REFUSED: usize = 16;

impl Broker {
    /// Queues a message for one member: a connected one that has room, else, where they count too, one whose
    /// session keeps it. `except` is leaving. Whether there was one. [MQTT-4.8.2-3]
    pub(super) fn deliver_to_group(
        &mut self,
        group: GroupId,
        message: &Arc<Message>,
        except: Option<Key>,
        even_away: bool,
    ) -> bool {
        let Broker { router, clients, outputs, now, .. } = self;
        let mut next = |connected: bool| {
            router.next_member(group, |member| {
                let slot = clients::session_index(member.subscriber)
                    .filter(|index| except.is_none_or(|except| except.index != *index))
                    .and_then(|index| clients.at(index));
                slot.is_some_and(|(_, slot)| {
                    if slot.connection.is_some() != connected
                        || !slot.permissions.may_receive(message.topic.name())
                    {
                        return false;
                    }
                    let has_room =
                        slot.session.has_room(message, member.qos, member.identifier, *now);
                    // What had expired before another message does not hold it up any more.
                    outputs.announce(slot);
                    has_room
                })
            })
        };
        let even_away = even_away && message.qos > QoS::AtMostOnce;
        let member = next(true).or_else(|| if even_away { next(false) } else { None });
        member.is_some_and(|member| self.deliver_to_member(&member, group, message))
    }

    fn deliver_to_member(
        &mut self,
        member: &Member,
        group: GroupId,
        message: &Arc<Message>,
    ) -> bool {
        let index = clients::session_index(member.subscriber);
        let Some((_, slot)) = index.and_then(|index| self.clients.at(index)) else {
            return false;
        };
        let grant = Grant {
            qos: member.qos,
            retain: Retain::of(message, member.retain_as_published),
            extra: Extra::of(member.identifier, Some(Share(group.to_bits()))),
        };
        let queued = slot.session.queue_message(message, grant, self.now);
        self.outputs.announce(slot);
        queued.is_ok()
    }

    /// A client leaves, its session ends, or it may not receive some messages any more: what of these it has not
    /// got of its shared subscriptions, or not acknowledged at QoS 1, goes to other members that can take it;
    /// where its session keeps it otherwise, only to connected ones. What was sent at QoS 2 stays.
    /// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
    pub(super) fn hand_on(
        &mut self,
        key: Key,
        even_away: bool,
        wanted: impl Fn(Place, &Message) -> bool,
    ) {
        if self.router.shared_subscriptions() == 0 {
            return;
        }
        let Some(slot) = self.clients.get(key) else {
            return;
        };
        let mut handed_on = Vec::new();
        let mut refused: BTreeMap<_, usize> = BTreeMap::new();
        for (place, Share(group), message) in slot.session.shared() {
            let group = GroupId::from_bits(group);
            let refused = refused.entry((group, message.qos > QoS::AtMostOnce)).or_default();
            if *refused >= MAX_REFUSED || !wanted(place, &message) {
                continue;
            }
            if self.deliver_to_group(group, &message, Some(key), even_away) {
                handed_on.push(place);
            } else {
                *refused += 1;
            }
        }
        if let Some(slot) = self.clients.get_mut(key) {
            slot.session.remove_shared(&handed_on);
        }
    }
}
