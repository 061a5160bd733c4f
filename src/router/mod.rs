//! The router: who is to get a message, and which messages are retained.

mod config;
mod error;
mod groups;
mod matches;
#[cfg(test)]
mod model;
mod options;
mod retained;
mod subscriptions;
mod tree;

use alloc::sync::Arc;
use core::fmt;

pub use config::RouterConfig;
pub use error::{RetainError, SubscribeError};
pub use groups::{GroupId, Member};
pub use matches::{Identifiers, Match, Matches};

use crate::codec::SubscriptionIdentifier;
use crate::message::Message;
use crate::packet::Subscription;
use crate::topic::{TopicFilter, TopicName};
use crate::version::Version;
use options::Options;
use retained::Retained;
use subscriptions::Subscriptions;
use tree::Path;

/// Subscriptions and retained messages, sections 4.7 and 4.8 of 5.0: nothing of connections, sessions or time.
///
/// What a publish costs depends on the levels of its topic and on the filters that match it or begin to
/// match it, not on how many there are. The same calls give the same answers in the same order, whatever the seed.
///
/// ```
/// use std::sync::Arc;
///
/// use mqtt_sansio::{
///     Matches, Member, Message, QoS, Router, RouterConfig, SubscriberId, Subscription,
///     SubscriptionIdentifier, TopicFilter, TopicName, Version,
/// };
///
/// let mut config = RouterConfig::default();
/// config.seed = 0x9E37_79B9_7F4A_7C15; // from a source of random numbers
/// let mut router = Router::new(config);
/// let (panel, logger) = (SubscriberId(0), SubscriberId(1));
///
/// // SUBSCRIBE: whatever is retained goes to the new subscriber, as fast as it takes it.
/// router.retain(&Arc::new(Message::new("kitchen/temp", "20.5")?))?;
/// router.retain(&Arc::new(Message::new("kitchen/oven/temp", "180")?))?;
/// let filter = TopicFilter::new("kitchen/#")?;
/// let subscription = Subscription::new(filter, QoS::AtLeastOnce);
/// let replaced = router.subscribe(panel, Version::V3_1_1, &subscription, None)?;
/// assert!(!replaced);
/// let (mut after, mut sent) = (None, Vec::new());
/// while let Some(message) = router.next_retained(filter, after) {
///     after = Some(message.topic.name());
///     sent.push(message.topic.to_string());
/// }
/// assert_eq!(sent, ["kitchen/oven/temp", "kitchen/temp"]);
///
/// // Overlapping subscriptions: one copy each, at the highest QoS.
/// let everything = Subscription::new(TopicFilter::new("#")?, QoS::AtMostOnce);
/// let identifier = SubscriptionIdentifier::new(7);
/// router.subscribe(panel, Version::V3_1_1, &everything, None)?;
/// router.subscribe(logger, Version::V5_0, &everything, identifier)?;
///
/// // A shared subscription: one copy for all cooks.
/// let shared = TopicFilter::new("$share/cooks/kitchen/+")?;
/// let cooks = [SubscriberId(2), SubscriberId(3)];
/// for cook in cooks {
///     let subscription = Subscription::new(shared, QoS::ExactlyOnce);
///     router.subscribe(cook, Version::V5_0, &subscription, None)?;
/// }
///
/// // PUBLISH: who is to get it?
/// let message = Arc::new(Message::new("kitchen/temp", "21")?);
/// router.retain(&message)?;
/// let mut matches = Matches::new(); // to be used again and again
/// router.matches(message.topic.name(), Some(panel), &mut matches); // no subscription has No Local
/// let found = matches.iter().map(|found| (found.subscriber, found.qos()));
/// assert!(found.eq([(panel, QoS::AtLeastOnce), (logger, QoS::AtMostOnce)]));
/// let identifiers = matches.iter().flat_map(|found| matches.identifiers(found));
/// assert!(identifiers.eq(identifier)); // the logger's
/// for group in matches.groups() {
///     let is_able = |cook: &Member| cook.subscriber != cooks[0]; // who is offline today
///     let member = router.next_member(*group, is_able).unwrap();
///     assert_eq!((member.subscriber, member.qos), (cooks[1], QoS::ExactlyOnce));
/// }
///
/// // UNSUBSCRIBE, and the end of a session.
/// assert!(router.unsubscribe(panel, Version::V3_1_1, filter));
/// [logger, cooks[0], cooks[1]].map(|subscriber| router.remove_subscriber(subscriber));
/// router.matches(TopicName::new("kitchen/temp")?, None, &mut matches);
/// assert!(matches.iter().map(|found| found.subscriber).eq([panel])); // by "#"
/// assert!(matches.groups().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Router {
    subscriptions: Subscriptions,
    retained: Retained,
}

/// Whom a subscription belongs to. The caller picks the numbers and should keep them small, as those of
/// ended sessions given out again: there are tables as long as the largest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriberId(pub u32);

impl SubscriberId {
    /// The largest: 16,777,215, for which the tables take 448 MiB.
    pub const MAX: SubscriberId = SubscriberId((1 << 24) - 1);
}

/// What a bounded search for retained messages has come to.
#[derive(Clone, Copy, Debug)]
pub enum RetainedSearch<'a> {
    /// The next match.
    Found(&'a Arc<Message>),
    /// No match so far, up to this message: go on after its topic.
    Paused(&'a Arc<Message>),
    /// No match any more.
    Finished,
}

impl Router {
    /// A router without subscriptions and messages.
    #[must_use]
    pub fn new(config: RouterConfig) -> Router {
        Router { subscriptions: Subscriptions::new(&config), retained: Retained::new(&config) }
    }

    /// Adds a subscription, or replaces the one of the same filter with its options and identifier; whether
    /// it replaced one. Retain Handling is the caller's. [MQTT-3.8.4-3]
    ///
    /// The version is that of the subscriber: in 5.0 a filter that begins with `$share/` is a shared
    /// subscription, which gets no retained messages; before, it is one like any other.
    ///
    /// # Errors
    ///
    /// Where a limit is hit: nothing is changed then.
    pub fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        version: Version,
        subscription: &Subscription<'_>,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Result<bool, SubscribeError> {
        let path = path(version, subscription.filter).ok_or(SubscribeError::InvalidShare)?;
        self.subscriptions.subscribe(subscriber, path, Options::new(subscription, identifier))
    }

    /// Removes the subscription of a filter that is the same byte by byte, and was made in a version that
    /// takes `$share/` alike; whether there was one. [MQTT-3.10.4-1]
    pub fn unsubscribe(
        &mut self,
        subscriber: SubscriberId,
        version: Version,
        filter: TopicFilter<'_>,
    ) -> bool {
        path(version, filter).is_some_and(|path| self.subscriptions.unsubscribe(subscriber, path))
    }

    /// Removes all subscriptions of a subscriber, shared ones too.
    pub fn remove_subscriber(&mut self, subscriber: SubscriberId) {
        self.subscriptions.remove_subscriber(subscriber);
    }

    /// How many subscriptions there are, shared ones too.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// How many of them are shared.
    #[must_use]
    pub fn shared_subscriptions(&self) -> usize {
        self.subscriptions.shared()
    }

    /// How many groups share them.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.subscriptions.groups()
    }

    /// How many subscriptions a subscriber has, shared ones too.
    #[must_use]
    pub fn subscriptions_of(&self, subscriber: SubscriberId) -> usize {
        self.subscriptions.of(subscriber)
    }

    /// Who is to get a message of that topic: each subscriber once, whichever of its subscriptions match, and
    /// each group once. What `matches` held before is cleared. A topic may have any number of levels.
    /// [MQTT-3.3.4-2]
    ///
    /// Subscriptions of the publisher itself with No Local do not match. [MQTT-3.8.3-3]
    ///
    /// Nothing is allocated but where `matches` or the router's own lists must grow.
    pub fn matches(
        &mut self,
        topic: TopicName<'_>,
        publisher: Option<SubscriberId>,
        matches: &mut Matches,
    ) {
        self.subscriptions.matches(topic, publisher, matches);
    }

    /// The member of a group that is to get the next message, of those that are able to take it: the first
    /// after the last that got one, round and round. Members are asked one by one up to that.
    ///
    /// `None` where none is able; then nobody's turn is over. Also where the group has ended.
    pub fn next_member(
        &mut self,
        group: GroupId,
        is_able: impl FnMut(&Member) -> bool,
    ) -> Option<Member> {
        self.subscriptions.next_member(group, is_able)
    }

    /// The members of a group, in no particular order: none where it has ended.
    pub fn members(&self, group: GroupId) -> impl Iterator<Item = Member> {
        self.subscriptions.members(group)
    }

    /// Keeps a message for later subscribers, in the place of the last one of its topic; an empty payload
    /// removes that one instead. Its RETAIN flag is not looked at, nor its Message Expiry Interval: see
    /// [`Message::is_expired`]. [MQTT-3.3.1-5] [MQTT-3.3.1-6]; before 5.0 [MQTT-3.3.1-5] [MQTT-3.3.1-10]
    ///
    /// # Errors
    ///
    /// Where a limit is hit. The last message of the topic is removed then too: nothing is better than
    /// what holds no longer.
    pub fn retain(&mut self, message: &Arc<Message>) -> Result<(), RetainError> {
        self.retained.retain(message)
    }

    /// What [`retain`](Router::retain) would say of a message.
    pub(crate) fn check_retain(&self, message: &Message) -> Result<(), RetainError> {
        self.retained.check(message)
    }

    /// Removes the retained message of a topic.
    pub(crate) fn forget_retained(&mut self, topic: TopicName<'_>) {
        self.retained.remove(topic);
    }

    /// As [`retain`](Router::retain), for the few messages of a server's own that its clients must not crowd
    /// out.
    pub(crate) fn retain_without_limit(&mut self, message: &Arc<Message>) {
        self.retained.retain_without_limit(message);
    }

    /// The first retained message that the filter matches and whose topic comes after that one, in an order
    /// of the router's own. From `None` on, each call given the topic of the last answer, this walks through
    /// all matches; messages may come and go between the calls.
    ///
    /// What does not match is stepped over: a call costs by levels, and by the topics in the place of a `+`
    /// for which nothing matches. Where strangers choose the filters, [`search_retained`] bounds that.
    ///
    /// [`search_retained`]: Router::search_retained
    #[must_use]
    pub fn next_retained(
        &self,
        filter: TopicFilter<'_>,
        after: Option<TopicName<'_>>,
    ) -> Option<&Arc<Message>> {
        match self.search_retained(filter, after, usize::MAX) {
            RetainedSearch::Found(message) => Some(message),
            RetainedSearch::Paused(_) | RetainedSearch::Finished => None,
        }
    }

    /// As [`next_retained`](Router::next_retained), but looks at no more than that many topics (0 is taken as
    /// 1): each takes less than a microsecond or so.
    #[must_use]
    pub fn search_retained(
        &self,
        filter: TopicFilter<'_>,
        after: Option<TopicName<'_>>,
        mut steps: usize,
    ) -> RetainedSearch<'_> {
        self.retained.search(filter, after, &mut steps)
    }

    /// The same, and takes what it has looked at off the steps.
    pub(crate) fn search_retained_within(
        &self,
        filter: TopicFilter<'_>,
        after: Option<TopicName<'_>>,
        steps: &mut usize,
    ) -> RetainedSearch<'_> {
        self.retained.search(filter, after, steps)
    }

    /// The retained message of a topic.
    #[must_use]
    pub fn retained(&self, topic: TopicName<'_>) -> Option<&Arc<Message>> {
        self.retained.get(topic)
    }

    /// How many messages were retained since the router was made: what tells those that were retained when a
    /// subscription was made from those that it has brought.
    #[must_use]
    pub fn retain_count(&self) -> u64 {
        self.retained.count()
    }

    /// What [`retain_count`](Router::retain_count) was when the message of that topic was retained, itself
    /// included.
    #[must_use]
    pub fn retained_as(&self, topic: TopicName<'_>) -> Option<u64> {
        self.retained.number(topic)
    }

    /// How many messages are retained.
    #[must_use]
    pub fn retained_messages(&self) -> usize {
        self.retained.len()
    }

    /// How many bytes of topics, payloads and properties are retained.
    #[must_use]
    pub fn retained_bytes(&self) -> usize {
        self.retained.bytes()
    }

    /// Checks what must always hold: for tests and fuzzing.
    ///
    /// # Panics
    ///
    /// Where it does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.subscriptions.check_invariants();
        self.retained.check_invariants();
    }
}

/// The filter as the tree has it; `None` where it is to be shared and cannot.
fn path(version: Version, filter: TopicFilter<'_>) -> Option<Path<'_>> {
    if !version.has_properties() {
        return Some(Path::plain(filter));
    }
    Some(filter.share().ok()?.map_or(Path::plain(filter), Path::shared))
}

/// A place in a list: none grows longer than there are subscribers, nodes or matches.
#[inline]
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Numbers only: topics and payloads can be many, and private.
impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("subscriptions", &self.subscriptions())
            .field("shared_subscriptions", &self.shared_subscriptions())
            .field("retained_messages", &self.retained_messages())
            .field("retained_bytes", &self.retained_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "filters and topics that are valid by construction")]
mod tests {
    use alloc::format;

    use super::*;
    use crate::qos::QoS;

    #[test]
    fn retained_messages_are_counted_found_and_walked() {
        let mut router = Router::new(RouterConfig::default());
        let (a, b) = (Message::new("k/a", "12").unwrap(), Message::new("k/b", "345").unwrap());
        let (a, b) = (Arc::new(a), Arc::new(b));
        router.retain(&b).unwrap();
        router.retain(&a).unwrap();
        assert_eq!((router.retained_messages(), router.retained_bytes()), (2, 11));
        assert_eq!(router.retained(b.topic.name()), Some(&b));
        assert_eq!((router.retain_count(), router.retained_as(b.topic.name())), (2, Some(1)));
        assert_eq!(router.retained(TopicName::new("k").unwrap()), None);
        let filter = TopicFilter::new("+/+").unwrap();
        assert_eq!(router.next_retained(filter, None), Some(&a));
        assert_eq!(router.next_retained(filter, Some(a.topic.name())), Some(&b));
        assert_eq!(router.next_retained(filter, Some(b.topic.name())), None);
        let filter = TopicFilter::new("+/b").unwrap();
        assert_eq!(router.next_retained(filter, None), Some(&b));
        let paused = router.search_retained(filter, None, 1);
        assert!(matches!(paused, RetainedSearch::Paused(message) if Arc::ptr_eq(message, &a)));
        let found = router.search_retained(filter, None, 2);
        assert!(matches!(found, RetainedSearch::Found(message) if Arc::ptr_eq(message, &b)));
    }

    #[test]
    fn debug_shows_neither_seed_nor_topics() {
        let config = RouterConfig { seed: 4242, ..RouterConfig::default() };
        assert_eq!(
            format!("{config:?}"),
            "RouterConfig { max_topic_levels: 64, max_subscriptions: 1000, \
             max_shared_subscriptions: 100, max_retained_messages: 100000, \
             max_retained_bytes: 268435456, .. }"
        );
        let mut router = Router::new(config);
        let filter = TopicFilter::new("secret").unwrap();
        let subscription = Subscription::new(filter, QoS::AtMostOnce);
        router.subscribe(SubscriberId(0), Version::V3_1_1, &subscription, None).unwrap();
        router.retain(&Arc::new(Message::new("private", "x").unwrap())).unwrap();
        assert_eq!(
            format!("{router:?}"),
            "Router { subscriptions: 1, shared_subscriptions: 0, retained_messages: 1, retained_bytes: 8, .. }"
        );
    }
}
