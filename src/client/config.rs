//! What a client is told once.

use core::time::Duration;

/// Limits and habits of a [`Client`](crate::Client). What the server is told stands in the
/// [`Connect`](crate::Connect) of each connection.
///
/// ```
/// use mqtt_sansio::ClientConfig;
///
/// let mut config = ClientConfig::default();
/// config.max_inflight_messages = 100;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How many QoS 1 and 2 messages may be unfinished at once; others wait in the queue. Default 20: what
    /// most servers allow. 0 is taken as 1. In 5.0 the server's Receive Maximum limits them too.
    pub max_inflight_messages: u16,
    /// How many messages may wait to be sent; more are refused. Default 1,000.
    pub max_queued_messages: usize,
    /// How many bytes of topics, payloads and properties may wait to be sent; more are refused. Default 64 MiB.
    pub max_queued_bytes: usize,
    /// How many SUBSCRIBE and UNSUBSCRIBE may wait to be sent or acknowledged; more are refused.
    /// Default 100.
    pub max_pending_requests: usize,
    /// The largest packet in bytes that is accepted; a larger one ends the connection. Default 16 MiB. In 5.0
    /// a smaller Maximum Packet Size of CONNECT takes its place; without one the server does not know.
    pub maximum_packet_size: u32,
    /// How many topic aliases are given to what is sent in 5.0, at most; the server's Topic Alias Maximum
    /// limits them too. The first topics get one each. Default 0: none.
    pub topic_aliases: u16,
    /// How long CONNACK may take, or the next AUTH. Default 30 s.
    pub connect_timeout: Duration,
    /// How long PINGRESP may take from when PINGREQ is ready to be pulled; default: the keep alive of the
    /// connection.
    pub ping_timeout: Option<Duration>,
    /// How long the driver may take to send what is left before a close. Default 5 s.
    pub close_timeout: Duration,
    /// Whether messages are acknowledged by [`Client::acknowledge`](crate::Client::acknowledge), and not
    /// as soon as they are received. Default false.
    pub manual_acknowledgement: bool,
    /// Whether a clean start may send before CONNACK has come, as section 3.1.4 allows. In 5.0 that is
    /// before the server has said what it accepts, and not with an authentication method. Default false.
    pub send_before_connack: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig {
            max_inflight_messages: 20,
            max_queued_messages: 1000,
            max_queued_bytes: 64 << 20,
            max_pending_requests: 100,
            maximum_packet_size: 16 << 20,
            topic_aliases: 0,
            connect_timeout: Duration::from_secs(30),
            ping_timeout: None,
            close_timeout: Duration::from_secs(5),
            manual_acknowledgement: false,
            send_before_connack: false,
        }
    }
}
