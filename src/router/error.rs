//! What a router refuses.

/// A subscription is not made; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// In 5.0 the filter begins with `$share/` and does not go on with a share name and a filter.
    #[error("the filter of the shared subscription is ill-formed")]
    InvalidShare,
    /// The filter has more levels than [`max_topic_levels`](crate::RouterConfig::max_topic_levels).
    #[error("the topic filter has too many levels")]
    TooManyLevels,
    /// The subscriber has [`max_subscriptions`](crate::RouterConfig::max_subscriptions) already.
    #[error("the subscriber has as many subscriptions as it may have")]
    TooManySubscriptions,
    /// The subscriber has [`max_shared_subscriptions`](crate::RouterConfig::max_shared_subscriptions) already.
    #[error("the subscriber has as many shared subscriptions as it may have")]
    TooManySharedSubscriptions,
    /// The number is beyond [`SubscriberId::MAX`](crate::SubscriberId::MAX).
    #[error("the number of the subscriber is too large")]
    SubscriberIdTooLarge,
    /// All subscribers together have used up the numbers of filter levels, nearly 2³².
    #[error("the router holds as many topic filters as it can")]
    RouterFull,
}

/// A message is not retained, and no other of its topic is any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetainError {
    /// There are [`max_retained_messages`](crate::RouterConfig::max_retained_messages) already.
    #[error("as many messages are retained as may be")]
    TooManyMessages,
    /// It would be more than [`max_retained_bytes`](crate::RouterConfig::max_retained_bytes).
    #[error("as many bytes are retained as may be")]
    TooManyBytes,
}
