//! What a router is told once.

use core::fmt;

/// Seed and limits of a [`Router`](crate::Router).
///
/// ```
/// use mqtt_sansio::RouterConfig;
///
/// let mut config = RouterConfig::default();
/// config.seed = 0x9E37_79B9_7F4A_7C15; // from a source of random numbers
/// config.max_retained_messages = 1_000;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RouterConfig {
    /// What the hash of topic levels is keyed with. A random one keeps clients from choosing topics that
    /// collide; no output depends on it. Default 0.
    pub seed: u64,
    /// How many levels the filter of a subscription may have; one with more is refused. Default 64:
    /// each level that no other filter shares takes about 80 bytes, and 50 ns of a publish that gets as far as
    /// there, so that many deep filters which mix `+` and names are dear. Topics may have any number: those below the deepest filter are not looked at.
    pub max_topic_levels: usize,
    /// How many subscriptions one subscriber may have, shared ones too; a new one beyond is refused, a replacement never.
    /// Default 1,000: clients have tens, and it bounds what one of them can take.
    pub max_subscriptions: usize,
    /// How many of them may be shared, section 4.8.2 of 5.0; a new one beyond is refused. Default 100: each may
    /// bring a client another copy of the same message.
    pub max_shared_subscriptions: usize,
    /// How many retained messages are kept; a new topic beyond is refused. Default 100,000: one for each
    /// of many devices, while clients that make up topics cannot go on for ever.
    pub max_retained_messages: usize,
    /// How many bytes of topics, payloads and properties are retained; a message beyond is refused, and the one it
    /// was to replace goes. Default 256 MiB: what a small machine can spare.
    pub max_retained_bytes: usize,
}

impl Default for RouterConfig {
    fn default() -> Self {
        RouterConfig {
            seed: 0,
            max_topic_levels: 64,
            max_subscriptions: 1000,
            max_shared_subscriptions: 100,
            max_retained_messages: 100_000,
            max_retained_bytes: 256 << 20,
        }
    }
}

/// The seed is a secret: it is left out.
impl fmt::Debug for RouterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterConfig")
            .field("max_topic_levels", &self.max_topic_levels)
            .field("max_subscriptions", &self.max_subscriptions)
            .field("max_shared_subscriptions", &self.max_shared_subscriptions)
            .field("max_retained_messages", &self.max_retained_messages)
            .field("max_retained_bytes", &self.max_retained_bytes)
            .finish_non_exhaustive()
    }
}
