//! What a broker is told once.

use alloc::string::String;
use core::time::Duration;

use crate::router::RouterConfig;
use crate::session::SessionConfig;

/// Limits and habits of a [`Broker`](crate::Broker).
///
/// ```
/// use mqtt_sansio::BrokerConfig;
///
/// let mut config = BrokerConfig::default();
/// config.session.max_queued_messages = 100;
/// config.max_connections = 10_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// Limits of each connection and session.
    pub session: SessionConfig,
    /// Limits of subscriptions and retained messages, and the seed of all hash tables: give it one that
    /// clients cannot know. No output depends on it.
    pub router: RouterConfig,
    /// How many connections may be open; further ones are not taken. Default 100,000: what a driver's sockets
    /// allow is usually less.
    pub max_connections: usize,
    /// How many of them may wait for their CONNECT to be answered; further ones are not taken. Default 10,000:
    /// each may hold a CONNECT of the largest size.
    pub max_pending_connections: usize,
    /// How many sessions may exist, those of clients that are away included; a client that needs one more is
    /// refused as "server unavailable". Default 100,000.
    pub max_sessions: usize,
    /// How long a session is kept at most for a client that is away; then it ends. A client of 5.0 that asks for
    /// more is told in CONNACK. Default 7 days: what never comes back must not fill the table for ever. `None`
    /// keeps it.
    pub session_expiry: Option<Duration>,
    /// How long the driver may take to send what is left before a close. Default 5 s.
    pub close_timeout: Duration,
    /// The longest topic name in bytes that a client may publish under, and the longest filter, with its share
    /// name, that it may subscribe with. A message with a longer one is dropped, which at QoS 1 and 2 clients of
    /// 5.0 are told (Topic Name Invalid); a subscription is refused. Default 4,096:
    /// no topic that people gave a name to is longer, and filters are kept.
    pub max_topic_length: usize,
    /// The longest payload in bytes that a client may publish; a message with a longer one is dropped, which at QoS
    /// 1 and 2 clients of 5.0 are told (Quota Exceeded). Default 256 MiB: what MQTT allows, so that the packet size alone counts.
    pub max_payload_size: usize,
    /// How many bytes the properties of a client's message may take; a message with more is dropped, which at QoS
    /// 1 and 2 the client is told (Quota Exceeded). Default 64 KiB: as much as other protocols give to headers, for they go to each subscriber anew.
    pub max_properties_size: usize,
    /// What the client identifiers begin with that the broker gives those who send none; a number follows.
    /// Clients of 5.0 may come back with theirs: give one that differs from process to process. Who has one can
    /// guess others: where that matters, assign identifiers with [`accept_with`](crate::Broker::accept_with).
    /// Default "auto-".
    pub assigned_client_id_prefix: String,
    /// How often what has changed of the statistics is published under `$SYS/broker/`; `None` never. Default
    /// 10 s. Where it is published, clients cannot publish there.
    pub sys_interval: Option<Duration>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        BrokerConfig {
            session: SessionConfig::default(),
            router: RouterConfig::default(),
            max_connections: 100_000,
            max_pending_connections: 10_000,
            max_sessions: 100_000,
            session_expiry: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            close_timeout: Duration::from_secs(5),
            max_topic_length: 4096,
            max_payload_size: 256 << 20,
            max_properties_size: 64 << 10,
            assigned_client_id_prefix: String::from("auto-"),
            sys_interval: Some(Duration::from_secs(10)),
        }
    }
}
