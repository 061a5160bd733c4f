//! The tree of filter levels: where the subscribers of a filter stand, and where a topic leads to.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::Hasher;
use core::mem;
use core::ops::{Index, IndexMut};

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;

use super::Match;
use crate::topic::{Share, TopicFilter, TopicName};

/// All filters as paths of levels from [`NodeId::ROOT`]. A node is there as long as it has subscribers or
/// children. The members of a group are the subscribers of a node below that of their filter.
pub(super) struct Tree {
    nodes: Nodes,
    free: Vec<NodeId>,
    /// The children that are no wildcards, of all nodes, by parent and level.
    edges: HashTable<NodeId>,
    hash: LevelHash,
    /// The nodes that the levels read so far lead to, and those of one level more: only while matching.
    reached: Vec<NodeId>,
    next: Vec<NodeId>,
}

/// The place of a node in the slab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u32);

/// A filter as the tree has it: its own levels, and for a shared subscription two more.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    pub(super) filter: TopicFilter<'a>,
    pub(super) share: Option<&'a str>,
}

/// Stands before share names: no topic has such a level. [MQTT-4.7.3-2]
const SHARES: &[u8] = b"\0";

impl<'a> Path<'a> {
    pub(super) fn plain(filter: TopicFilter<'a>) -> Path<'a> {
        Path { filter, share: None }
    }

    pub(super) fn shared(share: Share<'a>) -> Path<'a> {
        Path { filter: share.filter, share: Some(share.name) }
    }

    fn levels(self) -> impl Iterator<Item = &'a [u8]> {
        let share = self.share.map(|name| [SHARES, name.as_bytes()]);
        self.filter.levels().chain(share.into_iter().flatten())
    }
}

impl NodeId {
    /// The root is nobody's child: in a link it stands for none.
    pub(super) const ROOT: NodeId = NodeId(0);

    #[inline]
    fn child(self) -> Option<NodeId> {
        (self != NodeId::ROOT).then_some(self)
    }
}

/// One level of one or more filters; 64 bytes.
#[derive(Default)]
struct Node {
    subscribers: Vec<Entry>,
    level: Level,
    parent: NodeId,
    /// The child `+`.
    plus: NodeId,
    /// The child `#`.
    number_sign: NodeId,
    /// How many other children there are.
    literals: u32,
}

/// One subscriber of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// What it gives to a message, and to be copied as it is.
    pub(super) found: Match,
    /// Where this node stands in the subscriber's own list.
    pub(super) slot: u32,
}

impl Node {
    fn is_needless(&self) -> bool {
        self.subscribers.is_empty()
            && self.literals == 0
            && self.plus == NodeId::ROOT
            && self.number_sign == NodeId::ROOT
    }
}

impl Tree {
    pub(super) fn new(seed: u64) -> Tree {
        Tree {
            nodes: Nodes(Vec::from([Node::default()])),
            free: Vec::new(),
            edges: HashTable::new(),
            hash: LevelHash { seed, shared: SharedSeed::from_u64(seed) },
            reached: Vec::new(),
            next: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn subscribers(&self, id: NodeId) -> &[Entry] {
        &self.nodes[id].subscribers
    }

    pub(super) fn subscribers_mut(&mut self, id: NodeId) -> &mut Vec<Entry> {
        &mut self.nodes[id].subscribers
    }

    /// The node of the filter that the group of that node shares.
    pub(super) fn shared_filter(&self, group: NodeId) -> NodeId {
        self.nodes[self.nodes[group].parent].parent
    }

    pub(super) fn hash(&self, id: NodeId) -> u64 {
        self.hash.edge(id, 0)
    }

    /// Whether that many more nodes can be numbered.
    pub(super) fn has_room_for(&self, levels: usize) -> bool {
        u32::try_from(self.nodes.0.len().saturating_add(levels)).is_ok()
    }

    /// The node of a filter.
    pub(super) fn find(&self, path: Path<'_>) -> Option<NodeId> {
        let mut id = NodeId::ROOT;
        for level in path.levels() {
            id = self.child(id, level)?;
        }
        Some(id)
    }

    /// The node of a filter, made where there is none: it must be given a subscriber then.
    pub(super) fn find_or_create(&mut self, path: Path<'_>) -> NodeId {
        let mut id = NodeId::ROOT;
        for level in path.levels() {
            id = match self.child(id, level) {
                Some(child) => child,
                None => self.create(id, level),
            };
        }
        id
    }

    fn child(&self, parent: NodeId, level: &[u8]) -> Option<NodeId> {
        match level {
            b"+" => self.nodes[parent].plus.child(),
            b"#" => self.nodes[parent].number_sign.child(),
            _ => {
                literal(&self.nodes, &self.edges, &self.hash, parent, level, self.hash.level(level))
            }
        }
    }

    fn create(&mut self, parent: NodeId, level: &[u8]) -> NodeId {
        let node = Node { parent, level: Level::new(level), ..Node::default() };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id] = node;
                id
            }
            None => self.nodes.push(node),
        };
        match level {
            b"+" => self.nodes[parent].plus = id,
            b"#" => self.nodes[parent].number_sign = id,
            _ => {
                self.nodes[parent].literals += 1;
                let (nodes, hash) = (&self.nodes, &self.hash);
                let edge = hash.edge(parent, hash.level(level));
                self.edges.insert_unique(edge, id, |id| nodes.edge(*id, hash));
            }
        }
        id
    }

    /// Removes the node and those above it, as far as they are needless.
    pub(super) fn prune(&mut self, mut id: NodeId) {
        while id != NodeId::ROOT && self.nodes[id].is_needless() {
            let edge = self.nodes.edge(id, &self.hash);
            let node = mem::take(&mut self.nodes[id]);
            let parent = &mut self.nodes[node.parent];
            match node.level.as_bytes() {
                b"+" => parent.plus = NodeId::ROOT,
                b"#" => parent.number_sign = NodeId::ROOT,
                _ => {
                    parent.literals -= 1;
                    if let Ok(entry) = self.edges.find_entry(edge, |other| *other == id) {
                        entry.remove();
                    }
                }
            }
            self.free.push(id);
            id = node.parent;
        }
    }

    /// How many entries all nodes have.
    pub(super) fn entries(&self) -> usize {
        self.nodes.0.iter().map(|node| node.subscribers.len()).sum()
    }

    pub(super) fn check_invariants(&self) {
        let mut is_free = Vec::from_iter(self.nodes.0.iter().map(|_| false));
        for id in &self.free {
            let free = is_free.get_mut(id.0 as usize);
            assert!(free.is_some_and(|free| !mem::replace(free, true)), "a node that is free once");
        }
        let mut children = self.edges.len();
        let mut literals = 0;
        for ((number, node), is_free) in (0..).zip(&self.nodes.0).zip(is_free) {
            let id = NodeId(number);
            literals += node.literals as usize;
            for (child, level) in [(node.plus, b"+"), (node.number_sign, b"#")] {
                if let Some(child) = child.child() {
                    children += 1;
                    assert_eq!(self.nodes[child].level.as_bytes(), level, "a wildcard");
                    assert_eq!(self.nodes[child].parent, id, "the parent of a wildcard");
                }
            }
            if node.is_needless() {
                assert!(is_free || id == NodeId::ROOT, "a node without subscribers and children");
            } else if id != NodeId::ROOT {
                assert!(!is_free, "a free node in use");
                assert_eq!(self.child(node.parent, node.level.as_bytes()), Some(id), "a link");
            }
        }
        assert_eq!(literals, self.edges.len(), "children that are no wildcards");
        assert_eq!(children + self.free.len() + 1, self.nodes.0.len(), "nodes");
    }

    /// Adds to `hits` the nodes of all filters that match and have subscribers, each once; with `shares` also
    /// those that may have none but in groups.
    ///
    /// Level by level, without recursion: what is looked at are the nodes on the way to a match, or to
    /// where one more level would have had to match.
    pub(super) fn hits(&mut self, topic: TopicName<'_>, shares: bool, hits: &mut Vec<NodeId>) {
        let Tree { nodes, edges, hash, reached, next, .. } = self;
        reached.clear();
        if topic.is_empty() {
            return; // an alias: the name it stands for is what is matched
        }
        reached.push(NodeId::ROOT);
        // [MQTT-4.7.2-1]
        let mut wildcards = topic.as_bytes().first() != Some(&b'$');
        for level in topic.levels() {
            let level_hash = hash.level(level);
            for id in reached.drain(..) {
                let node = &nodes[id];
                if wildcards {
                    hits.extend(node.number_sign.child());
                    next.extend(node.plus.child());
                }
                if node.literals > 0 {
                    next.extend(literal(nodes, edges, hash, id, level, level_hash));
                }
            }
            mem::swap(reached, next);
            if reached.is_empty() {
                return;
            }
            wildcards = true;
        }
        for id in reached.drain(..) {
            let node = &nodes[id];
            if !node.subscribers.is_empty() || (shares && node.literals > 0) {
                hits.push(id);
            }
            hits.extend(node.number_sign.child()); // "sport/#" also matches "sport"
        }
    }
}

#[inline]
fn literal(
    nodes: &Nodes,
    edges: &HashTable<NodeId>,
    hash: &LevelHash,
    parent: NodeId,
    level: &[u8],
    level_hash: u64,
) -> Option<NodeId> {
    let is_it = |id: &NodeId| {
        let node = &nodes[*id];
        node.parent == parent && node.level.as_bytes() == level
    };
    edges.find(hash.edge(parent, level_hash), is_it).copied()
}

/// The slab.
struct Nodes(Vec<Node>);

impl Nodes {
    fn push(&mut self, node: Node) -> NodeId {
        // `has_room_for` was asked.
        let id = NodeId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(node);
        id
    }

    fn edge(&self, id: NodeId, hash: &LevelHash) -> u64 {
        let node = &self[id];
        hash.edge(node.parent, hash.level(node.level.as_bytes()))
    }
}

impl Index<NodeId> for Nodes {
    type Output = Node;

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "an id is the place of a node that is there")]
    fn index(&self, id: NodeId) -> &Node {
        &self.0[id.0 as usize]
    }
}

impl IndexMut<NodeId> for Nodes {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "an id is the place of a node that is there")]
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.0[id.0 as usize]
    }
}

/// The keyed hash of edges; a level's share of it is worked out once for all parents.
struct LevelHash {
    seed: u64,
    shared: SharedSeed,
}

impl LevelHash {
    #[inline]
    fn level(&self, level: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(level);
        hasher.finish()
    }

    #[inline]
    fn edge(&self, parent: NodeId, level: u64) -> u64 {
        let mut hasher = FoldHasher::with_seed(level, &self.shared);
        hasher.write_u32(parent.0);
        hasher.finish()
    }
}

/// How many bytes of a level stand in its node: most levels are shorter, and a look-up then reads one
/// place in memory less.
const SHORT: usize = 22;

enum Level {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl Level {
    fn new(level: &[u8]) -> Level {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..level.len()), u8::try_from(level.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(level);
                Level::Short { len, bytes }
            }
            _ => Level::Long(level.into()),
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Level::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Level::Long(bytes) => bytes,
        }
    }
}

impl Default for Level {
    fn default() -> Level {
        Level::Short { len: 0, bytes: [0; SHORT] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tree {
        /// How many nodes there are beside the root.
        pub(in crate::router) fn len(&self) -> usize {
            self.nodes.0.len() - self.free.len() - 1
        }

        /// How many nodes there is memory for.
        pub(in crate::router) fn slots(&self) -> usize {
            self.nodes.0.len()
        }

        /// What is kept for matching.
        pub(in crate::router) fn scratch(&self) -> usize {
            self.reached.capacity() + self.next.capacity()
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_node_fills_one_cache_line() {
        assert_eq!(size_of::<Node>(), 64);
    }

    #[test]
    fn the_hash_of_an_edge_depends_on_seed_parent_and_level() {
        let edge = |seed, parent, level: &[u8]| {
            let hash = Tree::new(seed).hash;
            hash.edge(NodeId(parent), hash.level(level))
        };
        let edges = [edge(0, 1, b"a"), edge(1, 1, b"a"), edge(0, 2, b"a"), edge(0, 1, b"b")];
        for a in &edges {
            assert_eq!(edges.iter().filter(|b| *b == a).count(), 1, "{edges:x?}");
        }
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn nodes_are_numbered_up_to_32_bits() {
        let tree = Tree::new(0);
        assert!(tree.has_room_for(u32::MAX as usize - 1));
        assert!(!tree.has_room_for(u32::MAX as usize));
        assert!(!tree.has_room_for(usize::MAX));
    }
}
