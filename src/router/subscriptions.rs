//! Who has subscribed to what.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
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
    /// The shared ones of each subscriber that has some.
    shared_of: BTreeMap<u32, usize>,
    max_levels: usize,
    max_subscriptions: usize,
    max_shared: usize,
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
            shared_of: BTreeMap::new(),
            max_levels: config.max_topic_levels,
            max_subscriptions: config.max_subscriptions,
            max_shared: config.max_shared_subscriptions,
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
                self.no_local -= usize::from(entry.found.options.no_local());
                self.no_local += usize::from(options.no_local());
                entry.found.options = options;
            }
            return Ok(true);
        }
        if self.of(subscriber) >= self.max_subscriptions {
            return Err(SubscribeError::TooManySubscriptions);
        }
        if path.share.is_some() && self.shared_of(subscriber) >= self.max_shared {
            return Err(SubscribeError::TooManySharedSubscriptions);
        }
        if !self.tree.has_room_for(levels.saturating_add(2)) {
            return Err(SubscribeError::RouterFull);
        }
        let node = self.tree.find_or_create(path);
        if path.share.is_some() {
            self.groups.add(&self.tree, node);
            self.shared += 1;
            *self.shared_of.entry(subscriber.0).or_default() += 1;
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
        entries.push(Entry { found: Match::new(subscriber, options), slot });
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
        if is_shared {
            self.forget_shared(removed.found.subscriber);
        }
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
        self.no_local -= usize::from(removed.found.options.no_local());
        removed
    }

    /// How many shared subscriptions a subscriber has.
    fn shared_of(&self, subscriber: SubscriberId) -> usize {
        self.shared_of.get(&subscriber.0).copied().unwrap_or(0)
    }

    fn forget_shared(&mut self, subscriber: SubscriberId) {
        if let btree_map::Entry::Occupied(mut shared) = self.shared_of.entry(subscriber.0) {
            *shared.get_mut() -= 1;
            if *shared.get() == 0 {
                shared.remove();
            }
        }
    }

    /// Tells the subscriber which stands there now.
    #[inline]
    fn note_position(&mut self, node: NodeId, position: usize) {
        let Some(moved) = self.tree.subscribers(node).get(position) else {
            return;
        };
        let places = self.subscribers.get_mut(moved.found.subscriber.0 as usize);
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
            entries.iter().position(|entry| entry.found.subscriber.0 == subscriber)
        }
    }

    fn places(&self, subscriber: u32) -> &[Place] {
        self.subscribers.get(subscriber as usize).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn check_invariants(&self) {
        self.tree.check_invariants();
        self.groups.check_invariants(&self.tree);
        assert_eq!(self.shared, self.groups.entries(&self.tree), "shared subscriptions");
        assert_eq!(self.shared, self.shared_of.values().sum(), "the shares of subscribers");
        assert!(self.shared_of.values().all(|n| (1..=self.max_shared).contains(n)), "shares");
        assert_eq!(self.len, self.tree.entries(), "subscriptions, seen from their filters");
        let places = self.subscribers.iter().map(Vec::len).sum::<usize>();
        assert_eq!(self.len, places, "subscriptions, seen from their subscribers");
        assert_eq!(self.subscribers.len(), self.positions.len(), "tables of one length");
        let mut no_local = 0;
        for (subscriber, places) in self.subscribers.iter().enumerate() {
            assert!(places.len() <= self.max_subscriptions, "more subscriptions than may be");
            for (slot, place) in places.iter().enumerate() {
                let entry = self.tree.subscribers(place.node).get(place.position as usize);
                no_local += entry.map_or(0, |entry| usize::from(entry.found.options.no_local()));
                let other =
                    entry.map(|entry| (entry.found.subscriber.0 as usize, entry.slot as usize));
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
            self.match_groups(matches);
        }
        let publisher = if self.no_local > 0 { publisher } else { None };
        if let [node] = *self.hits {
            matches.found.extend(self.tree.subscribers(node).iter().map(|entry| entry.found));
            if let Some(publisher) = publisher {
                self.leave_out(publisher, node, matches);
            }
            return;
        }
        match publisher {
            None => self.merge::<false>(SubscriberId::MAX, matches),
            Some(publisher) => self.merge::<true>(publisher, matches),
        }
    }

    /// Adds the subscribers of all hits, each once. Where there may be No Local, the subscriptions of the
    /// publisher are left out one by one. [MQTT-3.8.3-3]
    #[inline(never)]
    fn merge<const NO_LOCAL: bool>(&mut self, publisher: SubscriberId, matches: &mut Matches) {
        let Matches { found, links, .. } = matches;
        for node in &self.hits {
            for Entry { found: new, .. } in self.tree.subscribers(*node) {
                if NO_LOCAL && new.options.no_local() && new.subscriber == publisher {
                    continue;
                }
                let Some(position) = self.positions.get_mut(new.subscriber.0 as usize) else {
                    continue;
                };
                match found.get_mut(*position as usize) {
                    Some(earlier) if earlier.subscriber == new.subscriber => {
                        earlier.merge(new.options, links);
                    }
                    _ => {
                        *position = number(found.len());
                        found.push(new.for_merging());
                    }
                }
            }
        }
    }

    /// Adds the groups that share the filters of the hits.
    #[inline(never)]
    fn match_groups(&self, matches: &mut Matches) {
        for node in &self.hits {
            self.groups.matches(&self.tree, *node, &mut matches.groups);
        }
    }

    /// Takes the publisher out of the matches, which are those of one node, if that is a subscription with
    /// No Local. [MQTT-3.8.3-3]
    #[inline(never)]
    fn leave_out(&self, publisher: SubscriberId, node: NodeId, matches: &mut Matches) {
        let position = self.position(publisher.0, node);
        let own = position.and_then(|position| Some((position, matches.found.get(position)?)));
        if let Some((position, _)) = own.filter(|(_, own)| own.options.no_local()) {
            matches.found.remove(position);
        }
    }

    pub(super) fn members(&self, group: GroupId) -> impl Iterator<Item = Member> {
        self.groups.members(&self.tree, group).iter().map(Member::from)
    }

    pub(super) fn next_member(
        &mut self,
        group: GroupId,
        is_able: impl FnMut(&Member) -> bool,
    ) -> Option<Member> {
        self.groups.next_member(&self.tree, group, is_able)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "filters and topics that are valid by construction")]
mod tests {
    use alloc::format;

    use super::*;
    use crate::codec::SubscriptionIdentifier;
    use crate::packet::Subscription;
    use crate::qos::QoS;
    use crate::router::Router;
    use crate::topic::TopicFilter;
    use crate::version::Version;

    impl Subscriptions {
        /// How many nodes there are beside the root.
        pub(in crate::router) fn nodes(&self) -> usize {
            self.tree.len()
        }
    }

    fn subscription(filter: &str, qos: u8) -> Subscription<'_> {
        Subscription::new(TopicFilter::new(filter).unwrap(), QoS::try_from(qos).unwrap())
    }

    fn subscribe(router: &mut Router, subscriber: u32, filter: &str, qos: u8) -> bool {
        try_subscribe(router, subscriber, filter, qos).unwrap()
    }

    fn try_subscribe(
        router: &mut Router,
        subscriber: u32,
        filter: &str,
        qos: u8,
    ) -> Result<bool, SubscribeError> {
        let subscription = subscription(filter, qos);
        router.subscribe(SubscriberId(subscriber), Version::V3_1_1, &subscription, None)
    }

    fn unsubscribe(router: &mut Router, subscriber: u32, filter: &str) -> bool {
        let filter = TopicFilter::new(filter).unwrap();
        router.unsubscribe(SubscriberId(subscriber), Version::V3_1_1, filter)
    }

    /// With the options of 5.0: `n` for No Local, `r` for Retain As Published; identifier 0 is none.
    fn subscribe_v5(
        router: &mut Router,
        filter: &str,
        qos: u8,
        options: &str,
        number: u32,
    ) -> bool {
        let subscription = Subscription {
            no_local: options.contains('n'),
            retain_as_published: options.contains('r'),
            ..subscription(filter, qos)
        };
        let identifier = SubscriptionIdentifier::new(number);
        router.subscribe(SubscriberId(7), Version::V5_0, &subscription, identifier).unwrap()
    }

    /// What the one subscriber of [`subscribe_v5`] gets: QoS, RETAIN as published, identifiers.
    fn matched_v5(router: &mut Router, topic: &str) -> Option<(u8, bool, Vec<u32>)> {
        let mut matches = Matches::new();
        router.matches(TopicName::new(topic).unwrap(), None, &mut matches);
        let [found] = matches.found[..] else {
            assert!(matches.is_empty(), "{matches:?}");
            return None;
        };
        assert_eq!(found.subscriber, SubscriberId(7));
        let identifiers = matches.identifiers(&found).map(SubscriptionIdentifier::get);
        Some((found.qos().into(), found.retain_as_published(), identifiers.collect()))
    }

    /// Subscribers and QoS in the order of the answer.
    fn matched(router: &mut Router, topic: &str) -> Vec<(u32, u8)> {
        published(router, None, topic)
    }

    fn published(router: &mut Router, publisher: Option<u32>, topic: &str) -> Vec<(u32, u8)> {
        let options = Options::new(&subscription("stale", 2), SubscriptionIdentifier::new(9));
        let mut matches = Matches::new();
        matches.found = Vec::from([Match::new(0, options); 3]);
        let publisher = publisher.map(SubscriberId);
        router.matches(TopicName::new(topic).unwrap(), publisher, &mut matches);
        assert_eq!(matches.len(), matches.found.len(), "{matches:?}");
        matches.iter().map(|found| (found.subscriber.0, found.qos().into())).collect()
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
        let mut matches = Matches::new();
        router.matches(TopicName::BY_ALIAS, None, &mut matches);
        assert!(matches.is_empty(), "{matches:?}");
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
            assert!(!unsubscribe(&mut router, 1, filter), "{filter}");
        }
        assert!(!unsubscribe(&mut router, 2, "a/b"));
        assert_eq!(matched(&mut router, "a/b"), [(1, 0)]);
        assert!(unsubscribe(&mut router, 1, "a/b"));
        assert!(!unsubscribe(&mut router, 1, "a/b"));
        assert_eq!(matched(&mut router, "a/b"), []);
    }

    #[test]
    fn before_5_a_shared_filter_is_an_ordinary_one() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 1, "$share/g/t", 0);
        assert_eq!(matched(&mut router, "t"), []);
        assert_eq!(matched(&mut router, "$share/g/t"), [(1, 0)]);
    }

    #[test]
    fn a_filter_with_too_many_levels_is_refused_and_leaves_nothing() {
        let config = RouterConfig { max_topic_levels: 3, ..RouterConfig::default() };
        let mut router = Router::new(config);
        let refused = try_subscribe(&mut router, 1, "a/b//", 0);
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
        let refused = try_subscribe(&mut router, 1, "c", 0);
        assert_eq!(refused, Err(SubscribeError::TooManySubscriptions));
        assert_eq!((router.subscriptions(), router.subscriptions.tree.len()), (2, 2));
        assert!(subscribe(&mut router, 1, "b", 1));
        assert!(!subscribe(&mut router, 2, "c", 0));
        assert!(unsubscribe(&mut router, 1, "a"));
        assert!(!subscribe(&mut router, 1, "c", 0));
        router.check_invariants();
    }

    #[test]
    fn a_subscriber_with_too_large_a_number_is_refused() {
        let mut router = Router::new(RouterConfig::default());
        let largest = SubscriberId::MAX.0;
        assert_eq!(largest, 16_777_215);
        for subscriber in [largest + 1, u32::MAX] {
            let refused = try_subscribe(&mut router, subscriber, "a", 0);
            assert_eq!(refused, Err(SubscribeError::SubscriberIdTooLarge));
            assert_eq!(router.subscriptions_of(SubscriberId(subscriber)), 0);
            router.remove_subscriber(SubscriberId(subscriber));
            assert!(!unsubscribe(&mut router, subscriber, "a"));
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
                    assert!(unsubscribe(&mut router, 1 + i % 3, filter));
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
        (0..998).for_each(|subscriber| assert!(unsubscribe(&mut router, subscriber, "a")));
        let path = Path::plain(TopicFilter::new("a").unwrap());
        let node = router.subscriptions.tree.find(path).unwrap();
        let room = router.subscriptions.tree.subscribers_mut(node).capacity();
        assert!((2..8).contains(&room), "{room}");
        assert_eq!(matched(&mut router, "a").len(), 2);
        router.check_invariants();
    }

    #[test]
    fn matching_allocates_nothing_once_warm() {
        let mut router = Router::new(RouterConfig::default());
        for i in 0..200 {
            for filter in ["a/b/c", "a/+/c", "+/+/+", "#", "a/#", "$share/g/a/b/c", "$share/h/#"] {
                let subscription = Subscription { no_local: i == 0, ..subscription(filter, 1) };
                let identifier = SubscriptionIdentifier::new(1 + i);
                let subscriber = SubscriberId(i);
                router.subscribe(subscriber, Version::V5_0, &subscription, identifier).unwrap();
            }
        }
        let mut matches = Matches::new();
        let mut round = |router: &mut Router| {
            for topic in ["a/b/c", "a/x/c", "a/b", "$x"] {
                let topic = TopicName::new(topic).unwrap();
                router.matches(topic, Some(SubscriberId(0)), &mut matches);
            }
            let Matches { found, groups, links } = &matches;
            let Subscriptions { hits, tree, .. } = &router.subscriptions;
            (found.capacity(), groups.capacity(), links.capacity(), hits.capacity(), tree.scratch())
        };
        round(&mut router);
        let warm = round(&mut router);
        (0..10).for_each(|_| assert_eq!(round(&mut router), warm));
    }

    #[test]
    fn mqtt_3_8_3_3_no_local_leaves_out_the_publisher_subscription_by_subscription() {
        let mut router = Router::new(RouterConfig::default());
        subscribe(&mut router, 1, "t", 1);
        subscribe_v5(&mut router, "t", 2, "n", 0);
        subscribe(&mut router, 9, "t", 0);
        assert_eq!(published(&mut router, None, "t"), [(1, 1), (7, 2), (9, 0)]);
        assert_eq!(published(&mut router, Some(1), "t"), [(1, 1), (7, 2), (9, 0)]);
        assert_eq!(published(&mut router, Some(7), "t"), [(1, 1), (9, 0)]);
        assert_eq!(published(&mut router, Some(100), "t"), [(1, 1), (7, 2), (9, 0)]);
        subscribe_v5(&mut router, "#", 0, "", 0);
        assert_eq!(published(&mut router, Some(1), "t"), [(7, 2), (1, 1), (9, 0)]);
        assert_eq!(published(&mut router, Some(7), "t"), [(7, 0), (1, 1), (9, 0)]);
        subscribe_v5(&mut router, "#", 1, "n", 0);
        assert_eq!(published(&mut router, Some(7), "t"), [(1, 1), (9, 0)]);
        router.check_invariants();
        subscribe_v5(&mut router, "#", 1, "", 0);
        subscribe_v5(&mut router, "t", 2, "", 0);
        assert_eq!(published(&mut router, Some(7), "t"), [(7, 2), (1, 1), (9, 0)]);
        router.check_invariants();
    }

    #[test]
    fn mqtt_3_8_4_3_a_replacement_replaces_options_and_identifier() {
        let mut router = Router::new(RouterConfig::default());
        assert!(!subscribe_v5(&mut router, "a", 2, "nr", 5));
        assert_eq!(matched_v5(&mut router, "a"), Some((2, true, Vec::from([5]))));
        assert_eq!(published(&mut router, Some(7), "a"), []);
        assert!(subscribe_v5(&mut router, "a", 1, "", SubscriptionIdentifier::MAX));
        let identifiers = Vec::from([SubscriptionIdentifier::MAX]);
        assert_eq!(matched_v5(&mut router, "a"), Some((1, false, identifiers)));
        assert_eq!(published(&mut router, Some(7), "a"), [(7, 1)]);
        assert!(subscribe_v5(&mut router, "a", 0, "r", 0));
        assert_eq!(matched_v5(&mut router, "a"), Some((0, true, Vec::new())));
        assert_eq!(router.subscriptions(), 1);
        router.check_invariants();
    }

    #[test]
    fn mqtt_3_3_4_4_a_match_has_all_identifiers_of_the_subscriptions_that_match() {
        let mut router = Router::new(RouterConfig::default());
        subscribe_v5(&mut router, "a/b", 1, "", 0);
        assert_eq!(matched_v5(&mut router, "a/b"), Some((1, false, Vec::new())));
        let mut expected = Vec::new();
        for (filter, number) in [("a/+", 3), ("#", 1), ("+/b", 3), ("a/#", 9), ("+/+", 0)] {
            subscribe_v5(&mut router, filter, 0, "n", number);
            expected.extend((number > 0).then_some(number));
            expected.sort_unstable();
            let (qos, retain, mut identifiers) = matched_v5(&mut router, "a/b").unwrap();
            identifiers.sort_unstable();
            assert_eq!((qos, retain, &identifiers), (1, false, &expected), "{filter}");
        }
        assert_eq!(matched_v5(&mut router, "c"), Some((0, false, Vec::from([1]))));
    }

    #[test]
    fn mqtt_3_3_4_3_identifiers_of_several_subscribers_are_kept_apart() {
        let mut router = Router::new(RouterConfig::default());
        for (subscriber, filter, number) in
            [(1, "#", 11), (2, "#", 21), (1, "a", 12), (2, "a", 22), (3, "a", 33), (1, "+", 13)]
        {
            let identifier = SubscriptionIdentifier::new(number);
            let subscriber = SubscriberId(subscriber);
            let subscription = subscription(filter, 0);
            router.subscribe(subscriber, Version::V5_0, &subscription, identifier).unwrap();
        }
        let mut matches = Matches::new();
        router.matches(TopicName::new("a").unwrap(), None, &mut matches);
        let found = matches.iter().map(|found| {
            let mut numbers: Vec<u32> = matches.identifiers(found).map(|i| i.get()).collect();
            numbers.sort_unstable();
            (found.subscriber.0, numbers)
        });
        let expected: [(u32, &[u32]); 3] = [(1, &[11, 12, 13]), (2, &[21, 22]), (3, &[33])];
        assert!(found.eq(expected.map(|(subscriber, numbers)| (subscriber, numbers.to_vec()))));
    }

    #[test]
    fn retain_is_kept_as_published_if_one_of_the_subscriptions_wants_it() {
        let mut router = Router::new(RouterConfig::default());
        subscribe_v5(&mut router, "a/b", 2, "", 0);
        assert_eq!(matched_v5(&mut router, "a/b"), Some((2, false, Vec::new())));
        subscribe_v5(&mut router, "a/#", 0, "r", 0);
        subscribe_v5(&mut router, "+/b", 1, "", 0);
        assert_eq!(matched_v5(&mut router, "a/b"), Some((2, true, Vec::new())));
        assert_eq!(matched_v5(&mut router, "b/b"), Some((1, false, Vec::new())));
    }
}
