//! Who has subscribed to what.

use alloc::vec::Vec;
use core::mem;

use super::groups::{GroupId, Groups, Member};
use super::options::Options;
use super::tree::{Entry, NodeId, Path, Tree};
use super::{Match, Matches, RouterConfig, SubscribeError, SubscriberId, number};
use crate::topic::TopicName;

/// The subscriptions of all subscribers. Each is known from both ends, and each end knows where the
/// other stands: taking one away moves one more at each end, however many there are.
pub(super) struct Subscriptions {
    tree: Tree,
    groups: Groups,
    /// By the number of the subscriber.
    subscribers: Vec<Vec<Place>>,
    /// By the number of the subscriber: where it stands in the matches, if it does. What is left there
    /// from earlier is told by looking.
    positions: Vec<u32>,
    hits: Vec<NodeId>,
    len: usize,
    /// How many of them are shared, and how many have No Local.
    shared: usize,
    no_local: usize,
    max_levels: usize,
    max_subscriptions: usize,
}

/// One subscription, seen from its subscriber.
#[derive(Clone, Copy)]
struct Place {
    node: NodeId,
    /// Where the subscriber stands in the node's list.
    position: u32,
}

impl Subscriptions {
    pub(super) fn new(config: &RouterConfig) -> Subscriptions {
        Subscriptions {
            tree: Tree::new(config.seed),
            groups: Groups::new(),
            subscribers: Vec::new(),
            positions: Vec::new(),
            hits: Vec::new(),
            len: 0,
            shared: 0,
            no_local: 0,
            max_levels: config.max_topic_levels,
            max_subscriptions: config.max_subscriptions,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn of(&self, subscriber: SubscriberId) -> usize {
        self.places(subscriber.0).len()
    }

    pub(super) fn shared(&self) -> usize {
        self.shared
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        path: Path<'_>,
        mut options: Options,
    ) -> Result<bool, SubscribeError> {
        if subscriber > SubscriberId::MAX {
            return Err(SubscribeError::SubscriberIdTooLarge);
        }
        let levels = path.filter.levels().count();
        if levels > self.max_levels {
            return Err(SubscribeError::TooManyLevels);
        }
        if path.share.is_some() {
            options = options.without_no_local(); // [MQTT-3.8.3-4]
        }
        if let Some((node, position)) = self.find(subscriber.0, path) {
            if let Some(entry) = self.tree.subscribers_mut(node).get_mut(position) {
                self.no_local -= usize::from(entry.options.no_local());
                self.no_local += usize::from(options.no_local());
                entry.options = options;
            }
            return Ok(true);
        }
        if self.of(subscriber) >= self.max_subscriptions {
            return Err(SubscribeError::TooManySubscriptions);
        }
        if !self.tree.has_room_for(levels.saturating_add(2)) {
            return Err(SubscribeError::RouterFull);
        }
        let node = self.tree.find_or_create(path);
        if path.share.is_some() {
            self.groups.add(&self.tree, node);
            self.shared += 1;
        }
        self.add(subscriber.0, node, options);
        Ok(false)
    }

    fn add(&mut self, subscriber: u32, node: NodeId, options: Options) {
        let index = subscriber as usize;
        if self.subscribers.len() <= index {
            self.subscribers.resize_with(index + 1, Vec::new);
            self.positions.resize(index + 1, 0);
        }
        let Some(places) = self.subscribers.get_mut(index) else {
            return;
        };
        let entries = self.tree.subscribers_mut(node);
        if entries.capacity() == 0 {
            entries.reserve_exact(1); // most filters have one subscriber, a Vec begins with four
        }
        if places.capacity() == 0 {
            places.reserve_exact(1);
        }
        let (slot, position) = (number(places.len()), number(entries.len()));
        places.push(Place { node, position });
        entries.push(Entry { subscriber, slot, options });
        self.len += 1;
        self.no_local += usize::from(options.no_local());
    }

    pub(super) fn unsubscribe(&mut self, subscriber: SubscriberId, path: Path<'_>) -> bool {
        let Some((node, position)) = self.find(subscriber.0, path) else {
            return false;
        };
        let entry = self.remove_entry(node, position);
        let Some(places) = self.subscribers.get_mut(subscriber.0 as usize) else {
            return false;
        };
        places.swap_remove(entry.slot as usize);
        if let Some(moved) = places.get(entry.slot as usize) {
            let entries = self.tree.subscribers_mut(moved.node);
            if let Some(other) = entries.get_mut(moved.position as usize) {
                other.slot = entry.slot;
            }
        }
        if places.is_empty() {
            *places = Vec::new();
        }
        true
    }

    pub(super) fn remove_subscriber(&mut self, subscriber: SubscriberId) {
        let places = self.subscribers.get_mut(subscriber.0 as usize).map(mem::take);
        for place in places.into_iter().flatten() {
            self.remove_entry(place.node, place.position as usize);
        }
    }

    /// Takes an entry from its node; the subscriber's list is left to the caller.
    fn remove_entry(&mut self, node: NodeId, mut position: usize) -> Entry {
        let is_shared = !self.groups.is_empty() && self.groups.contains(&self.tree, node);
        if is_shared {
            let instead = self.groups.leave(&self.tree, node, position);
            self.tree.subscribers_mut(node).swap(position, instead);
            self.note_position(node, position);
            position = instead;
            self.shared -= 1;
        }
        let entries = self.tree.subscribers_mut(node);
        let removed = entries.swap_remove(position);
        self.note_position(node, position);
        let entries = self.tree.subscribers_mut(node);
        if entries.is_empty() {
            if is_shared {
                self.groups.remove(&self.tree, node);
            }
            self.tree.prune(node);
        } else if entries.capacity() / 4 >= entries.len() {
            // What many have left does not keep their room: that would be no subscriber's to answer for.
            entries.shrink_to(entries.len() * 2);
        }
        self.len -= 1;
        self.no_local -= usize::from(removed.options.no_local());
        removed
    }

    /// Tells the subscriber which stands there now.
    #[inline]
    fn note_position(&mut self, node: NodeId, position: usize) {
        let Some(moved) = self.tree.subscribers(node).get(position) else {
            return;
        };
        let places = self.subscribers.get_mut(moved.subscriber as usize);
        if let Some(place) = places.and_then(|places| places.get_mut(moved.slot as usize)) {
            place.position = number(position);
        }
    }

    /// The node of a subscription, and where the subscriber stands in its list.
    fn find(&self, subscriber: u32, path: Path<'_>) -> Option<(NodeId, usize)> {
        if self.places(subscriber).is_empty() {
            return None;
        }
        let node = self.tree.find(path)?;
        Some((node, self.position(subscriber, node)?))
    }

    /// Where the subscriber stands in the list of a node.
    fn position(&self, subscriber: u32, node: NodeId) -> Option<usize> {
        let (places, entries) = (self.places(subscriber), self.tree.subscribers(node));
        // The shorter list is searched: a popular filter has many subscribers, few of them many filters.
        if places.len() < entries.len() {
            places.iter().find(|place| place.node == node).map(|place| place.position as usize)
        } else {
            entries.iter().position(|entry| entry.subscriber == subscriber)
        }
    }

    fn places(&self, subscriber: u32) -> &[Place] {
        self.subscribers.get(subscriber as usize).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn check_invariants(&self) {
        self.tree.check_invariants();
        self.groups.check_invariants(&self.tree);
        assert_eq!(self.shared, self.groups.entries(&self.tree), "shared subscriptions");
        assert_eq!(self.len, self.tree.entries(), "subscriptions, seen from their filters");
        let places = self.subscribers.iter().map(Vec::len).sum::<usize>();
        assert_eq!(self.len, places, "subscriptions, seen from their subscribers");
        assert_eq!(self.subscribers.len(), self.positions.len(), "tables of one length");
        let mut no_local = 0;
        for (subscriber, places) in self.subscribers.iter().enumerate() {
            assert!(places.len() <= self.max_subscriptions, "more subscriptions than may be");
            for (slot, place) in places.iter().enumerate() {
                let entry = self.tree.subscribers(place.node).get(place.position as usize);
                no_local += entry.map_or(0, |entry| usize::from(entry.options.no_local()));
                let other = entry.map(|entry| (entry.subscriber as usize, entry.slot as usize));
                assert_eq!(other, Some((subscriber, slot)), "the two ends of a subscription");
            }
        }
        assert_eq!(self.no_local, no_local, "subscriptions with No Local");
    }

    pub(super) fn matches(
        &mut self,
        topic: TopicName<'_>,
        publisher: Option<SubscriberId>,
        matches: &mut Matches,
    ) {
        matches.clear();
        self.hits.clear();
        let shares = !self.groups.is_empty();
        self.tree.hits(topic, shares, &mut self.hits);
        if shares {
            for node in &self.hits {
                self.groups.matches(&self.tree, *node, &mut matches.groups);
            }
        }
        let publisher = publisher.filter(|_| self.no_local > 0);
        if let [node] = *self.hits {
            let entries = self.tree.subscribers(node).iter();
            matches.found.extend(entries.map(Match::from));
            if let Some(position) = publisher.and_then(|own| self.no_local(own.0, node)) {
                matches.found.remove(position);
            }
            return;
        }
        self.merge(publisher, matches);
    }

    /// Where the publisher stands in the list of a node, if that is a subscription with No Local.
    fn no_local(&self, publisher: u32, node: NodeId) -> Option<usize> {
        let position = self.position(publisher, node)?;
        let entry = self.tree.subscribers(node).get(position)?;
        entry.options.no_local().then_some(position)
    }

    /// Adds the subscribers of all hits, each once.
    fn merge(&mut self, publisher: Option<SubscriberId>, matches: &mut Matches) {
        let Matches { found, links, .. } = matches;
        let publisher = publisher.map_or(u32::MAX, |own| own.0);
        for node in &self.hits {
            for entry in self.tree.subscribers(*node) {
                if entry.options.no_local() && entry.subscriber == publisher {
                    continue; // [MQTT-3.8.3-3]
                }
                let Some(position) = self.positions.get_mut(entry.subscriber as usize) else {
                    continue;
                };
                match found.get_mut(*position as usize) {
                    Some(earlier) if earlier.subscriber.0 == entry.subscriber => {
                        earlier.merge(entry.options, links);
                    }
                    _ => {
                        *position = number(found.len());
                        found.push(Match::from(entry));
                    }
                }
            }
        }
    }

    pub(super) fn members(&self, group: GroupId) -> impl Iterator<Item = Member> {
        self.groups.members(&self.tree, group).iter().map(Member::from)
    }

    pub(super) fn next_member(
        &mut self,
        group: GroupId,
        is_able: impl FnMut(SubscriberId) -> bool,
    ) -> Option<Member> {
        self.groups.next_member(&self.tree, group, is_able)
    }
}

impl From<&Entry> for Match {
    #[inline]
    fn from(entry: &Entry) -> Match {
        Match::new(entry.subscriber, entry.options)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "filters and topics that are valid by construction")]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;
    use crate::qos::QoS;
    use crate::router::Router;

    fn subscription(filter: &str, qos: u8) -> Subscription<'_> {
        Subscription::new(TopicFilter::new(filter).unwrap(), QoS::try_from(qos).unwrap())
    }

    fn subscribe(router: &mut Router, subscriber: u32, filter: &str, qos: u8) -> bool {
        router.subscribe(SubscriberId(subscriber), &subscription(filter, qos)).unwrap()
    }

    /// Subscribers and QoS in the order of the answer.
    fn matched(router: &mut Router, topic: &str) -> Vec<(u32, u8)> {
        let stale = Match { subscriber: SubscriberId(0), qos: QoS::ExactlyOnce };
        let mut matches = Vec::from([stale; 3]);
        router.matches(TopicName::new(topic).unwrap(), &mut matches);
        matches.iter().map(|found| (found.subscriber.0, found.qos.into())).collect()
    }

    /// Whether the filter matches, by the router; the naive matcher is to agree.
    fn is_match(filter: &str, topic: &str) -> bool {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 0, filter, 1);
        let found = matched(&mut router, topic);
        let name = TopicName::new(topic).unwrap();
        let expected = TopicFilter::new(filter).unwrap().matches(name);
        assert_eq!(found, if expected { &[(0, 1)][..] } else { &[] }, "{filter} {topic}");
        expected
    }

    #[test]
    fn number_sign_matches_the_parent_and_any_number_of_levels() {
        assert!(is_match("sport/tennis/player1/#", "sport/tennis/player1"));
        assert!(is_match("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
        assert!(is_match("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
        assert!(is_match("sport/#", "sport"));
        assert!(is_match("sport/#", "sport/"));
        assert!(is_match("#", "sport/tennis/player1"));
        assert!(is_match("#", "/"));
        assert!(!is_match("sport/#", "sports"));
        assert!(!is_match("sport/tennis/#", "sport"));
    }

    #[test]
    fn plus_matches_exactly_one_level() {
        assert!(is_match("sport/tennis/+", "sport/tennis/player1"));
        assert!(!is_match("sport/tennis/+", "sport/tennis/player1/ranking"));
        assert!(!is_match("sport/+", "sport"));
        assert!(is_match("sport/+", "sport/"));
        assert!(is_match("+/+", "/finance"));
        assert!(is_match("/+", "/finance"));
        assert!(!is_match("+", "/finance"));
        assert!(is_match("+/tennis/#", "sport/tennis"));
        assert!(is_match("sport/+/player1", "sport/tennis/player1"));
        assert!(!is_match("sport/+/player1", "sport/tennis/player2"));
    }

    #[test]
    fn wildcards_at_the_first_level_do_not_match_topics_with_a_dollar() {
        assert!(!is_match("#", "$SYS/monitor/Clients"));
        assert!(!is_match("#", "$"));
        assert!(!is_match("+/monitor/Clients", "$SYS/monitor/Clients"));
        assert!(!is_match("+", "$SYS"));
        assert!(!is_match("+/#", "$SYS"));
        assert!(is_match("$SYS/#", "$SYS/monitor/Clients"));
        assert!(is_match("$SYS/#", "$SYS"));
        assert!(is_match("$SYS/monitor/+", "$SYS/monitor/Clients"));
        assert!(is_match("+/+", "/$SYS"));
        assert!(is_match("a/+", "a/$SYS"));
        assert!(is_match("a/#", "a/$SYS"));
        assert!(is_match("#", "é$"));
    }

    #[test]
    fn levels_are_compared_byte_by_byte() {
        assert!(!is_match("ACCOUNTS", "Accounts"));
        assert!(is_match("Accounts payable", "Accounts payable"));
        assert!(!is_match("/finance", "finance"));
        assert!(!is_match("finance/", "finance"));
        assert!(is_match("a//b", "a//b"));
        assert!(!is_match("a//b", "a/b"));
        assert!(!is_match("\u{e9}", "e\u{301}"));
        assert!(!is_match("\u{feff}a", "a"));
        for len in [1, 21, 22, 23, 24, 300] {
            let (level, other) = ("x".repeat(len), "x".repeat(len + 1));
            assert!(is_match(&level, &level));
            assert!(!is_match(&level, &other));
            assert!(!is_match(&other, &level));
        }
    }

    #[test]
    fn an_alias_matches_nothing() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 0, "#", 0);
        subscribe(&mut router, 0, "+", 0);
        let mut matches = Vec::new();
        router.matches(TopicName::BY_ALIAS, &mut matches);
        assert_eq!(matches, []);
    }

    #[test]
    fn overlapping_subscriptions_give_one_match_at_the_highest_qos() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 7, "a/b", 1);
        subscribe(&mut router, 7, "a/+", 2);
        subscribe(&mut router, 7, "#", 0);
        subscribe(&mut router, 3, "a/#", 0);
        subscribe(&mut router, 3, "a/b", 1);
        assert_eq!(matched(&mut router, "a/b"), [(7, 2), (3, 1)]);
        assert_eq!(matched(&mut router, "a/c"), [(7, 2), (3, 0)]);
        assert_eq!(matched(&mut router, "a"), [(7, 0), (3, 0)]);
        assert_eq!(matched(&mut router, "b"), [(7, 0)]);
    }

    #[test]
    fn a_second_subscription_of_the_same_filter_replaces_the_first() {
        let mut router = Router::new(RouterConfig::default());
        assert!(!subscribe(&mut router, 1, "a", 2));
        assert!(!subscribe(&mut router, 2, "a", 2));
        assert!(subscribe(&mut router, 1, "a", 0));
        assert_eq!(matched(&mut router, "a"), [(1, 0), (2, 2)]);
        assert_eq!((router.subscriptions(), router.subscriptions_of(SubscriberId(1))), (2, 1));
    }

    #[test]
    fn unsubscribe_takes_the_same_filter_only() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 1, "a/b", 0);
        for filter in ["a/+", "#", "a", "a/b/c", "A/b", "+/b"] {
            let filter = TopicFilter::new(filter).unwrap();
            assert!(!router.unsubscribe(SubscriberId(1), filter), "{filter}");
        }
        let filter = TopicFilter::new("a/b").unwrap();
        assert!(!router.unsubscribe(SubscriberId(2), filter));
        assert_eq!(matched(&mut router, "a/b"), [(1, 0)]);
        assert!(router.unsubscribe(SubscriberId(1), filter));
        assert!(!router.unsubscribe(SubscriberId(1), filter));
        assert_eq!(matched(&mut router, "a/b"), []);
    }

    #[test]
    fn a_shared_filter_is_an_ordinary_one() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 1, "$share/g/t", 0);
        assert_eq!(matched(&mut router, "t"), []);
        assert_eq!(matched(&mut router, "$share/g/t"), [(1, 0)]);
    }

    #[test]
    fn a_filter_with_too_many_levels_is_refused_and_leaves_nothing() {
        let config = RouterConfig { max_topic_levels: 3, ..RouterConfig::default() };
        let mut router = Router::new(config);
        let refused = router.subscribe(SubscriberId(1), &subscription("a/b//", 0));
        assert_eq!(refused, Err(SubscribeError::TooManyLevels));
        assert_eq!((router.subscriptions(), router.subscriptions.tree.len()), (0, 0));
        assert!(!subscribe(&mut router, 1, "a/b/", 0));
        assert!(!subscribe(&mut router, 1, "a/b/#", 0));
        assert_eq!(matched(&mut router, "a/b/c/d"), [(1, 0)]);
    }

    #[test]
    fn a_new_subscription_over_the_limit_is_refused_and_a_replacement_is_not() {
        let config = RouterConfig { max_subscriptions: 2, ..RouterConfig::default() };
        let mut router = Router::new(config);
        subscribe(&mut router, 1, "a", 0);
        subscribe(&mut router, 1, "b", 0);
        let refused = router.subscribe(SubscriberId(1), &subscription("c", 0));
        assert_eq!(refused, Err(SubscribeError::TooManySubscriptions));
        assert_eq!((router.subscriptions(), router.subscriptions.tree.len()), (2, 2));
        assert!(subscribe(&mut router, 1, "b", 1));
        assert!(!subscribe(&mut router, 2, "c", 0));
        assert!(router.unsubscribe(SubscriberId(1), TopicFilter::new("a").unwrap()));
        assert!(!subscribe(&mut router, 1, "c", 0));
        router.check_invariants();
    }

    #[test]
    fn a_subscriber_with_too_large_a_number_is_refused() {
        let mut router = Router::new(RouterConfig::default());
        let largest = SubscriberId::MAX.0;
        assert_eq!(largest, 16_777_215);
        for subscriber in [largest + 1, u32::MAX] {
            let refused = router.subscribe(SubscriberId(subscriber), &subscription("a", 0));
            assert_eq!(refused, Err(SubscribeError::SubscriberIdTooLarge));
            assert_eq!(router.subscriptions_of(SubscriberId(subscriber)), 0);
            router.remove_subscriber(SubscriberId(subscriber));
            assert!(!router.unsubscribe(SubscriberId(subscriber), TopicFilter::new("a").unwrap()));
        }
        assert_eq!(router.subscriptions.subscribers.len(), 0);
        assert!(!subscribe(&mut router, largest, "a", 0));
        assert_eq!(matched(&mut router, "a"), [(largest, 0)]);
    }

    #[test]
    fn a_topic_of_65535_levels_is_matched() {
        let mut router = Router::new(RouterConfig::default());
        for (subscriber, filter) in ["#", "+/+/#", "//x", "/+/+", "+", "///#"].iter().enumerate() {
            subscribe(&mut router, number(subscriber), filter, 0);
        }
        let topic = "/".repeat(65_534) + "x";
        assert_eq!(matched(&mut router, &topic), [(0, 0), (1, 0), (5, 0)]);
    }

    #[test]
    fn filters_that_come_and_go_leave_no_nodes() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 0, "a/b", 0);
        for i in 0..1000 {
            let filters = [format!("a/{i}/+/x"), format!("{i}/+/#"), format!("a/b/{i}/#")];
            for filter in &filters {
                subscribe(&mut router, 1 + i % 3, filter, 0);
            }
            if i % 2 == 0 {
                router.remove_subscriber(SubscriberId(1 + i % 3));
            } else {
                for filter in &filters {
                    let filter = TopicFilter::new(filter).unwrap();
                    assert!(router.unsubscribe(SubscriberId(1 + i % 3), filter));
                }
            }
            assert_eq!(router.subscriptions.tree.len(), 2, "round {i}");
        }
        assert!(router.subscriptions.tree.slots() <= 12, "{}", router.subscriptions.tree.slots());
        router.check_invariants();
    }

    #[test]
    fn a_filter_that_many_have_left_keeps_no_room_for_them() {
        let mut router = Router::new(RouterConfig::default());
        (0..1000).for_each(|subscriber| assert!(!subscribe(&mut router, subscriber, "a", 0)));
        let filter = TopicFilter::new("a").unwrap();
        for subscriber in 0..998 {
            assert!(router.unsubscribe(SubscriberId(subscriber), filter));
        }
        let node = router.subscriptions.tree.find(filter).unwrap();
        let room = router.subscriptions.tree.subscribers_mut(node).capacity();
        assert!((2..8).contains(&room), "{room}");
        assert_eq!(matched(&mut router, "a").len(), 2);
        router.check_invariants();
    }

    #[test]
    fn matching_allocates_nothing_once_warm() {
        let mut router = Router::new(RouterConfig::default());
        for i in 0..200 {
            for filter in ["a/b/c", "a/+/c", "+/+/+", "#", "a/#"] {
                subscribe(&mut router, i, filter, 0);
            }
        }
        let mut matches = Vec::new();
        let mut round = |router: &mut Router| {
            for topic in ["a/b/c", "a/x/c", "a/b", "$x"] {
                router.matches(TopicName::new(topic).unwrap(), &mut matches);
            }
            let hits = router.subscriptions.hits.capacity();
            (matches.capacity(), hits, router.subscriptions.tree.scratch())
        };
        round(&mut router);
        let warm = round(&mut router);
        (0..10).for_each(|_| assert_eq!(round(&mut router), warm));
    }

    /// What a router is to do, the plain way.
    #[derive(Default)]
    struct Model(Vec<(u32, String, u8)>);

    impl Model {
        fn matched(&self, topic: &str) -> Vec<(u32, u8)> {
            let name = TopicName::new(topic).unwrap();
            let mut matched: Vec<(u32, u8)> = Vec::new();
            for (subscriber, filter, qos) in &self.0 {
                if !TopicFilter::new(filter).unwrap().matches(name) {
                    continue;
                }
                match matched.iter_mut().find(|(other, _)| other == subscriber) {
                    Some((_, highest)) => *highest = (*highest).max(*qos),
                    None => matched.push((*subscriber, *qos)),
                }
            }
            matched.sort_unstable();
            matched
        }

        fn remove(&mut self, subscriber: u32, filter: Option<&str>) -> usize {
            let before = self.0.len();
            self.0.retain(|(s, f, _)| *s != subscriber || filter.is_some_and(|filter| f != filter));
            before - self.0.len()
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Subscribe(u32, String, u8),
        Unsubscribe(u32, String),
        Remove(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (0..6_u32, filter(), 0..3_u8).prop_map(|(s, f, q)| Step::Subscribe(s, f, q)),
            6 => (0..6_u32, filter()).prop_map(|(s, f)| Step::Unsubscribe(s, f)),
            1 => (0..6_u32).prop_map(Step::Remove),
        ]
    }

    const LEVELS: [&str; 6] = ["", "a", "b", "$a", "é", "a level of more than 22 bytes"];

    fn topic() -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(&LEVELS[..]), 1..5)
            .prop_map(|levels| levels.join("/"))
            .prop_filter("at least one character", |topic| !topic.is_empty())
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof![2 => proptest::sample::select(&LEVELS[..]), 1 => Just("+")];
        (proptest::collection::vec(level, 0..4), prop_oneof![Just("#"), Just("+"), Just("a")])
            .prop_map(|(mut levels, last)| {
                levels.push(last);
                levels.join("/")
            })
    }

    proptest! {
        #[test]
        fn the_router_answers_as_the_naive_matcher_whatever_the_seed(
            steps in proptest::collection::vec((step(), topic()), 1..80),
            seed: u64,
        ) {
            let mut config = RouterConfig::default();
            let mut router = Router::new(config.clone());
            config.seed = seed;
            let mut other = Router::new(config);
            let mut model = Model::default();
            for (step, topic) in &steps {
                match step {
                    Step::Subscribe(subscriber, filter, qos) => {
                        let removed = model.remove(*subscriber, Some(filter));
                        model.0.push((*subscriber, filter.clone(), *qos));
                        for router in [&mut router, &mut other] {
                            prop_assert_eq!(subscribe(router, *subscriber, filter, *qos), removed == 1);
                        }
                    }
                    Step::Unsubscribe(subscriber, filter) => {
                        let removed = model.remove(*subscriber, Some(filter)) == 1;
                        let filter = TopicFilter::new(filter).unwrap();
                        for router in [&mut router, &mut other] {
                            prop_assert_eq!(router.unsubscribe(SubscriberId(*subscriber), filter), removed);
                        }
                    }
                    Step::Remove(subscriber) => {
                        model.remove(*subscriber, None);
                        router.remove_subscriber(SubscriberId(*subscriber));
                        other.remove_subscriber(SubscriberId(*subscriber));
                    }
                }
                router.check_invariants();
                let mut found = matched(&mut router, topic);
                prop_assert_eq!(&found, &matched(&mut other, topic), "the seed shows: {}", topic);
                let Subscriptions { tree, hits, .. } = &router.subscriptions;
                prop_assert!(hits.iter().all(|node| !tree.subscribers(*node).is_empty()));
                found.sort_unstable();
                prop_assert_eq!(found, model.matched(topic), "{:?}, then {}", step, topic);
                prop_assert_eq!(router.subscriptions(), model.0.len());
                for subscriber in 0..6 {
                    let count = model.0.iter().filter(|(s, ..)| *s == subscriber).count();
                    prop_assert_eq!(router.subscriptions_of(SubscriberId(subscriber)), count);
                }
            }
            (0..6).for_each(|subscriber| router.remove_subscriber(SubscriberId(subscriber)));
            prop_assert_eq!((router.subscriptions(), router.subscriptions.tree.len()), (0, 0));
        }
    }
}
