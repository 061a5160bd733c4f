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
        mut is_able: impl FnMut(SubscriberId) -> bool,
    ) -> Option<Member> {
        let group = self.find_mut(tree, id.node).filter(|group| group.id == id)?;
        let members = tree.subscribers(id.node);
        let turn = group.turn as usize;
        let (had, to_come) = members.split_at_checked(turn)?;
        let in_turn = (turn + 1..).zip(to_come).chain((1..).zip(had));
        for (turn, entry) in in_turn {
            if is_able(SubscriberId(entry.subscriber)) {
                group.turn = number(turn);
                return Some(Member::from(entry));
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
            subscriber: SubscriberId(entry.subscriber),
            qos: entry.options.qos(),
            retain_as_published: entry.options.retain_as_published(),
            identifier: SubscriptionIdentifier::new(entry.options.identifier()),
        }
    }
}
