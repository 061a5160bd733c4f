//! The router: who is to get a message, and which messages are retained.

mod config;
mod error;
mod retained;
mod subscriptions;
mod tree;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

pub use config::RouterConfig;
pub use error::{RetainError, SubscribeError};

use crate::message::Message;
use crate::packet::Subscription;
use crate::qos::QoS;
use crate::topic::{TopicFilter, TopicName};
use retained::Retained;
use subscriptions::Subscriptions;

/// Subscriptions and retained messages, section 4.7 of 3.1.1: nothing of connections, sessions or time.
///
/// What a publish costs depends on the levels of its topic and on the filters that match it or begin to
/// match it, not on how many there are. The same calls give the same answers in the same order, whatever the seed.
///
/// ```
/// use std::sync::Arc;
///
/// use mqtt_sansio::{
///     Message, QoS, Router, RouterConfig, SubscriberId, Subscription, TopicFilter, TopicName,
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
/// let replaced = router.subscribe(panel, &Subscription::new(filter, QoS::AtLeastOnce))?;
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
/// router.subscribe(panel, &everything)?;
/// router.subscribe(logger, &everything)?;
///
/// // PUBLISH: who is to get it?
/// let message = Arc::new(Message::new("kitchen/temp", "21")?);
/// router.retain(&message)?;
/// let mut matches = Vec::new(); // to be used again and again
/// router.matches(message.topic.name(), &mut matches);
/// let found = matches.iter().map(|found| (found.subscriber, found.qos));
/// assert!(found.eq([(panel, QoS::AtLeastOnce), (logger, QoS::AtMostOnce)]));
///
/// // UNSUBSCRIBE, and the end of a session.
/// assert!(router.unsubscribe(panel, filter));
/// router.remove_subscriber(logger);
/// router.matches(TopicName::new("kitchen/temp")?, &mut matches);
/// assert!(matches.iter().map(|found| found.subscriber).eq([panel])); // by "#"
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

/// A subscriber that is to get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Match {
    /// Who.
    pub subscriber: SubscriberId,
    /// The QoS that was granted: the highest of its subscriptions that match.
    pub qos: QoS,
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

    /// Adds a subscription, or replaces the one of the same filter; whether it replaced one.
    /// [MQTT-3.8.4-3]
    ///
    /// Only filter and QoS count yet, and `$share/` is the beginning of a filter like any other.
    ///
    /// # Errors
    ///
    /// Where a limit is hit: nothing is changed then.
    pub fn subscribe(
        &mut self,
        subscriber: SubscriberId,
        subscription: &Subscription<'_>,
    ) -> Result<bool, SubscribeError> {
        self.subscriptions.subscribe(subscriber, subscription)
    }

    /// Removes the subscription of a filter that is the same byte by byte; whether there was one.
    /// [MQTT-3.10.4-1]
    pub fn unsubscribe(&mut self, subscriber: SubscriberId, filter: TopicFilter<'_>) -> bool {
        self.subscriptions.unsubscribe(subscriber, filter)
    }

    /// Removes all subscriptions of a subscriber.
    pub fn remove_subscriber(&mut self, subscriber: SubscriberId) {
        self.subscriptions.remove_subscriber(subscriber);
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// How many subscriptions a subscriber has.
    #[must_use]
    pub fn subscriptions_of(&self, subscriber: SubscriberId) -> usize {
        self.subscriptions.of(subscriber)
    }

    /// Who is to get a message of that topic, each once; what `matches` held before is cleared. A topic may
    /// have any number of levels. [MQTT-3.3.5-1]
    ///
    /// Nothing is allocated but where `matches` or the router's own lists must grow.
    pub fn matches(&mut self, topic: TopicName<'_>, matches: &mut Vec<Match>) {
        self.subscriptions.matches(topic, matches);
    }

    /// Keeps a message for later subscribers, in the place of the last one of its topic; an empty payload
    /// removes that one instead. Its RETAIN flag is not looked at. [MQTT-3.3.1-5] [MQTT-3.3.1-10]
    ///
    /// # Errors
    ///
    /// Where a limit is hit. The last message of the topic is removed then too: nothing is better than
    /// what holds no longer.
    pub fn retain(&mut self, message: &Arc<Message>) -> Result<(), RetainError> {
        self.retained.retain(message)
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
        match self.retained.search(filter, after, usize::MAX) {
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
        steps: usize,
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

    /// How many bytes of topics and payloads are retained.
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

/// Numbers only: topics and payloads can be many, and private.
impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("subscriptions", &self.subscriptions())
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
             max_retained_messages: 100000, max_retained_bytes: 268435456, .. }"
        );
        let mut router = Router::new(config);
        let filter = TopicFilter::new("secret").unwrap();
        router.subscribe(SubscriberId(0), &Subscription::new(filter, QoS::AtMostOnce)).unwrap();
        router.retain(&Arc::new(Message::new("private", "x").unwrap())).unwrap();
        assert_eq!(
            format!("{router:?}"),
            "Router { subscriptions: 1, retained_messages: 1, retained_bytes: 8, .. }"
        );
    }
}
