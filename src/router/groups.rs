//! Shared subscriptions, section 4.8.2 of 5.0: which groups there are, and whose turn it is.

use alloc::vec::Vec;

use hashbrown::HashTable;

use super::tree::{Entry, NodeId, Tree};
use super::{SubscriberId, number};
use crate::codec::SubscriptionIdentifier;
use crate::qos::QoS;

/// The members of a group are in the [`Tree`]; here is what a group has beside them.
pub(super) struct Groups {
    /// By their nodes.
    groups: HashTable<Group>,
    /// By the nodes of the filters.
    lists: HashTable<List>,
    /// How many groups there were so far.
    count: u32,
}

/// A group of shared subscriptions: those of one share name and one filter. When the last member has gone,
/// the number is never that of another group: what is kept for it finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    node: NodeId,
    count: u32,
}

impl GroupId {
    /// The same as a number.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.node.0) << 32 | u64::from(self.count)
    }

    pub(crate) fn from_bits(bits: u64) -> GroupId {
        let [a, b, c, d, e, f, g, h] = bits.to_be_bytes();
        let node = NodeId(u32::from_be_bytes([a, b, c, d]));
        GroupId { node, count: u32::from_be_bytes([e, f, g, h]) }
    }
}

/// A member of a group whose turn it is; from [`Router::next_member`](crate::Router::next_member).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Who.
    pub subscriber: SubscriberId,
    /// The QoS that its subscription was granted. [MQTT-4.8.2-3]
    pub qos: QoS,
    /// Whether RETAIN is sent as it was published.
    pub retain_as_published: bool,
    /// The identifier of its subscription.
    pub identifier: Option<SubscriptionIdentifier>,
}

struct Group {
    id: GroupId,
    /// Where it stands in the list of its filter.
    position: u32,
    /// How many members, from the first, had their turn in this round.
    turn: u32,
}

/// The groups that share a filter.
struct List {
    filter: NodeId,
    groups: Vec<GroupId>,
}

impl Groups {
    pub(super) const fn new() -> Groups {
        Groups { groups: HashTable::new(), lists: HashTable::new(), count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether the subscribers of a node are the members of a group.
    pub(super) fn contains(&self, tree: &Tree, node: NodeId) -> bool {
        self.find(tree, node).is_some()
    }

    /// Makes the group of a node, if there is none yet.
    pub(super) fn add(&mut self, tree: &Tree, node: NodeId) {
        if self.contains(tree, node) {
            return;
        }
        self.count = self.count.wrapping_add(1);
        let id = GroupId { node, count: self.count };
        let filter = tree.shared_filter(node);
        let list = self.lists.entry(
            tree.hash(filter),
            |list| list.filter == filter,
            |list| tree.hash(list.filter),
        );
        let mut list = list.or_insert_with(|| List { filter, groups: Vec::new() });
        let groups = &mut list.get_mut().groups;
        let group = Group { id, position: number(groups.len()), turn: 0 };
        groups.push(id);
        self.groups.insert_unique(tree.hash(node), group, |group| tree.hash(group.id.node));
    }

    /// Takes away the group of a node that is still in the tree.
    pub(super) fn remove(&mut self, tree: &Tree, node: NodeId) {
        let entry = self.groups.find_entry(tree.hash(node), |group| group.id.node == node);
        let Ok(entry) = entry else {
            return;
        };
        let (group, _) = entry.remove();
        let filter = tree.shared_filter(node);
        let list = self.lists.find_entry(tree.hash(filter), |list| list.filter == filter);
        let Ok(mut list) = list else {
            return;
        };
        let groups = &mut list.get_mut().groups;
        groups.swap_remove(group.position as usize);
        if groups.is_empty() {
            list.remove();
        } else if let Some(moved) = groups.get(group.position as usize).copied() {
            if let Some(moved) = self.find_mut(tree, moved.node) {
                moved.position = group.position;
            }
        }
    }

    /// Before the member at that position leaves: from where it is to be taken instead, so that the turns
    /// of the others stay. The last one comes into its place, and its turn is yet to come.
    pub(super) fn leave(&mut self, tree: &Tree, node: NodeId, position: usize) -> usize {
        match self.find_mut(tree, node) {
            Some(group) if position < group.turn as usize => {
                group.turn -= 1;
                group.turn as usize
            }
            _ => position,
        }
    }

    /// Adds the groups that share the filter of that node.
    pub(super) fn matches(&self, tree: &Tree, filter: NodeId, matches: &mut Vec<GroupId>) {
        let list = self.lists.find(tree.hash(filter), |list| list.filter == filter);
        matches.extend(list.into_iter().flat_map(|list| &list.groups));
    }

    pub(super) fn members<'a>(&self, tree: &'a Tree, id: GroupId) -> &'a [Entry] {
        match self.find(tree, id.node) {
            Some(group) if group.id == id => tree.subscribers(id.node),
            _ => &[],
        }
    }

    pub(super) fn next_member(
        &mut self,
        tree: &Tree,
        id: GroupId,
        mut is_able: impl FnMut(&Member) -> bool,
    ) -> Option<Member> {
        let group = self.find_mut(tree, id.node).filter(|group| group.id == id)?;
        let members = tree.subscribers(id.node);
        let turn = group.turn as usize;
        let (had, to_come) = members.split_at_checked(turn)?;
        let in_turn = (turn + 1..).zip(to_come).chain((1..).zip(had));
        for (turn, entry) in in_turn {
            let member = Member::from(entry);
            if is_able(&member) {
                group.turn = number(turn);
                return Some(member);
            }
        }
        None
    }

    fn find(&self, tree: &Tree, node: NodeId) -> Option<&Group> {
        self.groups.find(tree.hash(node), |group| group.id.node == node)
    }

    fn find_mut(&mut self, tree: &Tree, node: NodeId) -> Option<&mut Group> {
        self.groups.find_mut(tree.hash(node), |group| group.id.node == node)
    }

    /// The members of all groups.
    pub(super) fn entries(&self, tree: &Tree) -> usize {
        self.groups.iter().map(|group| tree.subscribers(group.id.node).len()).sum()
    }

    pub(super) fn check_invariants(&self, tree: &Tree) {
        let listed = self.lists.iter().map(|list| list.groups.len()).sum::<usize>();
        assert_eq!(listed, self.groups.len(), "groups, seen from their filters");
        assert!(self.lists.iter().all(|list| !list.groups.is_empty()), "a filter without groups");
        for group in &self.groups {
            let members = tree.subscribers(group.id.node).len();
            assert!(members > 0, "a group without members");
            assert!(group.turn as usize <= members, "more turns than members");
            let filter = tree.shared_filter(group.id.node);
            let list = self.lists.find(tree.hash(filter), |list| list.filter == filter);
            let listed = list.and_then(|list| list.groups.get(group.position as usize));
            assert_eq!(listed, Some(&group.id), "the two ends of a group");
        }
    }
}

impl From<&Entry> for Member {
    fn from(entry: &Entry) -> Member {
        Member {
            subscriber: entry.found.subscriber,
            qos: entry.found.options.qos(),
            retain_as_published: entry.found.options.retain_as_published(),
            identifier: SubscriptionIdentifier::new(entry.found.options.identifier()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "filters and topics that are valid by construction")]
mod tests {
    use super::*;
    use crate::packet::Subscription;
    use crate::router::{Matches, Router, RouterConfig, SubscribeError};
    use crate::topic::{TopicFilter, TopicName};
    use crate::version::Version;

    fn router() -> Router {
        Router::new(RouterConfig::default())
    }

    fn try_subscribe(
        router: &mut Router,
        subscriber: u32,
        filter: &str,
        qos: u8,
    ) -> Result<bool, SubscribeError> {
        let filter = TopicFilter::new(filter).unwrap();
        let subscription = Subscription::new(filter, QoS::try_from(qos).unwrap());
        router.subscribe(SubscriberId(subscriber), Version::V5_0, &subscription, None)
    }

    fn subscribe(router: &mut Router, subscriber: u32, filter: &str, qos: u8) -> bool {
        try_subscribe(router, subscriber, filter, qos).unwrap()
    }

    fn unsubscribe(router: &mut Router, subscriber: u32, filter: &str) -> bool {
        let filter = TopicFilter::new(filter).unwrap();
        router.unsubscribe(SubscriberId(subscriber), Version::V5_0, filter)
    }

    /// Who gets it by itself, and the groups.
    fn matched(router: &mut Router, topic: &str) -> (Vec<(u32, u8)>, Vec<GroupId>) {
        let mut matches = Matches::new();
        router.matches(TopicName::new(topic).unwrap(), None, &mut matches);
        let found = matches.iter().map(|found| (found.subscriber.0, found.qos().into()));
        (found.collect(), matches.groups)
    }

    /// The group of a topic that nobody else gets.
    fn group(router: &mut Router, topic: &str) -> GroupId {
        let (found, groups) = matched(router, topic);
        match (&found[..], &groups[..]) {
            ([], [group]) => *group,
            _ => unreachable!("{topic}: {found:?} {groups:?}"),
        }
    }

    fn next(router: &mut Router, group: GroupId, able: &[u32]) -> Option<(u32, u8)> {
        let member = router.next_member(group, |member| able.contains(&member.subscriber.0))?;
        Some((member.subscriber.0, member.qos.into()))
    }

    #[test]
    fn only_the_filter_after_the_share_name_is_matched() {
        let mut router = router();
        subscribe(&mut router, 1, "$share/c//finance", 0);
        assert_eq!(matched(&mut router, "/finance").1.len(), 1);
        for topic in ["finance", "c//finance", "$share/c//finance", "c", "/finance/x", "/"] {
            assert_eq!(matched(&mut router, topic), (Vec::new(), Vec::new()), "{topic}");
        }
        subscribe(&mut router, 1, "$share/c/#", 0);
        assert_eq!(matched(&mut router, "/finance").1.len(), 2);
        assert_eq!(matched(&mut router, "x").1.len(), 1);
        assert_eq!(matched(&mut router, "$x").1.len(), 0);
    }

    #[test]
    fn mqtt_4_8_2_3_each_member_has_its_own_qos_and_identifier() {
        let mut router = router();
        let filter = TopicFilter::new("$share/g/t").unwrap();
        for (subscriber, qos, number) in [(1, 0, 0), (2, 1, 5), (3, 2, 6)] {
            let subscription = Subscription {
                retain_as_published: subscriber == 2,
                no_local: true, // means nothing here
                ..Subscription::new(filter, QoS::try_from(qos).unwrap())
            };
            let identifier = SubscriptionIdentifier::new(number);
            let subscriber = SubscriberId(subscriber);
            router.subscribe(subscriber, Version::V5_0, &subscription, identifier).unwrap();
        }
        let group = group(&mut router, "t");
        let expected =
            [(1, QoS::AtMostOnce, 0), (2, QoS::AtLeastOnce, 5), (3, QoS::ExactlyOnce, 6)];
        let expected = expected.map(|(subscriber, qos, number)| Member {
            subscriber: SubscriberId(subscriber),
            qos,
            retain_as_published: subscriber == 2,
            identifier: SubscriptionIdentifier::new(number),
        });
        assert!(router.members(group).eq(expected));
        for member in expected {
            assert_eq!(router.next_member(group, |_| true), Some(member));
        }
        let mut matches = Matches::new();
        router.matches(TopicName::new("t").unwrap(), Some(SubscriberId(2)), &mut matches);
        assert_eq!(matches.groups(), [group]);
    }

    #[test]
    fn one_subscriber_gets_a_message_by_itself_and_in_each_of_its_groups() {
        let mut router = router();
        for (filter, qos) in [("t", 0), ("$share/g/t", 1), ("$share/h/t", 2), ("$share/g/+", 2)] {
            assert!(!subscribe(&mut router, 1, filter, qos));
        }
        let (found, groups) = matched(&mut router, "t");
        assert_eq!(found, [(1, 0)]);
        let mut members: Vec<_> = groups.iter().map(|g| next(&mut router, *g, &[1])).collect();
        members.sort_unstable();
        assert_eq!(members, [Some((1, 1)), Some((1, 2)), Some((1, 2))]);
        assert_eq!((router.subscriptions(), router.shared_subscriptions()), (4, 3));
        assert_eq!(router.groups(), 3);
        router.check_invariants();
    }

    #[test]
    fn messages_are_shared_evenly_one_after_the_other() {
        let mut router = router();
        (0..7).for_each(|subscriber| assert!(!subscribe(&mut router, subscriber, "$share/g/t", 1)));
        let group = group(&mut router, "t");
        let all: Vec<u32> = (0..7).collect();
        for message in 0..7 * 100 {
            assert_eq!(next(&mut router, group, &all), Some((message % 7, 1)), "message {message}");
        }
    }

    #[test]
    fn members_that_are_not_able_are_passed_over() {
        let mut router = router();
        (0..4).for_each(|subscriber| assert!(!subscribe(&mut router, subscriber, "$share/g/t", 0)));
        let group = group(&mut router, "t");
        assert_eq!(next(&mut router, group, &[1, 2]), Some((1, 0)));
        assert_eq!(next(&mut router, group, &[0, 1]), Some((0, 0)));
        assert_eq!(next(&mut router, group, &[0]), Some((0, 0)));
        assert_eq!(next(&mut router, group, &[]), None);
        assert_eq!(next(&mut router, group, &[0, 1, 2, 3]), Some((1, 0)));
        let mut asked = Vec::new();
        router.next_member(group, |member| {
            asked.push(member.subscriber.0);
            false
        });
        assert_eq!(asked, [2, 3, 0, 1]);
    }

    #[test]
    fn the_turns_of_the_others_stay_when_a_member_leaves() {
        let mut router = router();
        (0..5).for_each(|subscriber| assert!(!subscribe(&mut router, subscriber, "$share/g/t", 0)));
        let group = group(&mut router, "t");
        let all = [0, 1, 2, 3, 4, 5];
        let turns = |router: &mut Router, count: usize| {
            let mut had: Vec<_> =
                (0..count).map(|_| next(router, group, &all).unwrap().0).collect();
            had.sort_unstable();
            router.check_invariants();
            had
        };
        assert_eq!(turns(&mut router, 3), [0, 1, 2]);
        assert!(unsubscribe(&mut router, 0, "$share/g/t"));
        assert_eq!(turns(&mut router, 2), [3, 4]);
        assert_eq!(turns(&mut router, 4), [1, 2, 3, 4]);
        assert_eq!(turns(&mut router, 1).len(), 1);
        router.remove_subscriber(SubscriberId(4));
        assert!(!subscribe(&mut router, 5, "$share/g/t", 0));
        assert!(subscribe(&mut router, 1, "$share/g/t", 0)); // a replacement is no second turn
        let rest = turns(&mut router, 3);
        assert!(rest.contains(&5), "{rest:?}");
        assert_eq!(turns(&mut router, 4), [1, 2, 3, 5]);
    }

    #[test]
    fn a_group_that_has_ended_is_not_found_again() {
        let mut router = router();
        subscribe(&mut router, 1, "$share/g/t", 0);
        let old = group(&mut router, "t");
        subscribe(&mut router, 2, "$share/g/t", 0);
        assert!(unsubscribe(&mut router, 1, "$share/g/t"));
        assert_eq!(group(&mut router, "t"), old);
        router.remove_subscriber(SubscriberId(2));
        assert_eq!(matched(&mut router, "t"), (Vec::new(), Vec::new()));
        assert_eq!(next(&mut router, old, &[1, 2]), None);
        subscribe(&mut router, 2, "$share/g/t", 0);
        let new = group(&mut router, "t");
        assert_ne!(new, old);
        assert_eq!(next(&mut router, old, &[1, 2]), None);
        assert_eq!(router.members(old).count(), 0);
        assert_eq!(next(&mut router, new, &[1, 2]), Some((2, 0)));
        assert_eq!(router.members(new).count(), 1);
    }

    #[test]
    fn unsubscribe_takes_the_same_name_and_filter_only() {
        let mut router = router();
        subscribe(&mut router, 1, "$share/g/t", 0);
        for filter in ["t", "$share/h/t", "$share/g/u", "$share/g/t/#", "$share/g", "$share//t"] {
            assert!(!unsubscribe(&mut router, 1, filter), "{filter}");
        }
        let filter = TopicFilter::new("$share/g/t").unwrap();
        assert!(!router.unsubscribe(SubscriberId(1), Version::V3_1_1, filter));
        assert!(!unsubscribe(&mut router, 2, "$share/g/t"));
        subscribe(&mut router, 1, "t", 1);
        assert!(unsubscribe(&mut router, 1, "$share/g/t"));
        assert_eq!(matched(&mut router, "t"), (Vec::from([(1, 1)]), Vec::new()));
        router.check_invariants();
    }

    #[test]
    fn a_filter_that_cannot_be_shared_is_refused_in_5_only() {
        let mut router = router();
        for filter in ["$share/g", "$share/g/", "$share//t", "$share/+/t"] {
            let refused = try_subscribe(&mut router, 1, filter, 0);
            assert_eq!(refused, Err(SubscribeError::InvalidShare), "{filter}");
        }
        let filter = TopicFilter::new("$share/+/t").unwrap();
        let subscription = Subscription::new(filter, QoS::AtMostOnce);
        let subscribed = router.subscribe(SubscriberId(1), Version::V3_1_1, &subscription, None);
        assert_eq!(subscribed, Ok(false));
        assert_eq!(matched(&mut router, "$share/x/t"), (Vec::from([(1, 0)]), Vec::new()));
        assert!(!subscribe(&mut router, 1, "$SHARE/g", 0));
    }

    #[test]
    fn limits_count_shared_subscriptions_and_the_levels_of_their_filters() {
        let config =
            RouterConfig { max_subscriptions: 2, max_topic_levels: 2, ..RouterConfig::default() };
        let mut router = Router::new(config);
        let refused = try_subscribe(&mut router, 1, "$share/g/a/b/c", 0);
        assert_eq!(refused, Err(SubscribeError::TooManyLevels));
        subscribe(&mut router, 1, "$share/g/a/b", 0);
        subscribe(&mut router, 1, "a", 0);
        let refused = try_subscribe(&mut router, 1, "$share/h/a/b", 0);
        assert_eq!(refused, Err(SubscribeError::TooManySubscriptions));
        assert_eq!((router.subscriptions_of(SubscriberId(1)), router.groups()), (2, 1));
        assert!(subscribe(&mut router, 1, "$share/g/a/b", 2));
        assert_eq!(matched(&mut router, "a/b").1.len(), 1);
        router.check_invariants();
    }

    #[test]
    fn a_group_is_found_by_its_number_and_its_successor_is_not() {
        let mut router = router();
        subscribe(&mut router, 1, "$share/g/t", 0);
        let group = *matched(&mut router, "t").1.first().unwrap();
        assert_eq!(GroupId::from_bits(group.to_bits()), group);
        router.remove_subscriber(SubscriberId(1));
        subscribe(&mut router, 1, "$share/g/t", 0);
        assert_ne!(Some(&group), matched(&mut router, "t").1.first());
        assert_eq!(router.members(GroupId::from_bits(group.to_bits())).count(), 0);
    }

    #[test]
    fn groups_that_come_and_go_leave_nothing() {
        let mut router = router();
        let filters =
            ["$share/g/t", "$share/h/t", "$share/g/t/#", "t/u", "$share/i/t", "$share/g/#"];
        for round in 0..100 {
            for (i, filter) in (round..).zip(filters) {
                subscribe(&mut router, i % 4, filter, 0);
            }
            assert_eq!(matched(&mut router, "t").1.len(), 5, "round {round}");
            (0..4).for_each(|subscriber| router.remove_subscriber(SubscriberId(subscriber)));
            router.check_invariants();
            assert_eq!((router.subscriptions(), router.groups()), (0, 0), "round {round}");
        }
    }
}
