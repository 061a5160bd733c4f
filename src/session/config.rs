//! What the sessions of a server are told once.

use core::time::Duration;

use crate::qos::QoS;

/// Limits of the server's side of one client: a [`Session`](crate::Session).
///
/// ```
/// use mqtt_sansio::SessionConfig;
///
/// let mut config = SessionConfig::default();
/// config.max_queued_messages = 100;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionConfig {
    /// Of a connection until its CONNECT is answered.
    pub handshake: HandshakeConfig,
    /// The largest packet in bytes that is accepted after CONNECT; a larger one closes the connection. A
    /// packet counts for the keep alive once it is whole. Default 16 MiB: what people send, and not what MQTT
    /// allows.
    pub maximum_packet_size: u32,
    /// How many QoS 1 and 2 messages to the client may be unfinished at once; others wait in the queue.
    /// Default 20, as other servers have it: clients with little memory must take that many. 0 is taken as
    /// 1.
    pub max_inflight_messages: u16,
    /// How many messages may wait for the client: at QoS 1 and 2 that many, and at QoS 0 as long as fewer
    /// than that many of any kind wait. A further one is dropped, so that the oldest are kept and a flood of
    /// QoS 0 displaces nothing else. One message always has room. Default 1,000, as mosquitto has it.
    pub max_queued_messages: usize,
    /// How many bytes of topics and payloads may wait for the client, in the same way; as many again may be
    /// unfinished at QoS 1 and 2. Default 16 MiB: as much as the largest packet.
    pub max_queued_bytes: usize,
    /// How many QoS 2 messages of the client may await their PUBREL; one more closes the connection. Default
    /// 1,000: clients keep to windows far below.
    pub max_unreleased_messages: usize,
    /// How many bytes those may take; more close the connection. Default 64 MiB: a few of the largest packets.
    pub max_unreleased_bytes: usize,
    /// How many filters one SUBSCRIBE or UNSUBSCRIBE may have; more close the connection. Default 10,000: far
    /// above what clients have, and what one packet may cost.
    pub max_filters: usize,
    /// The highest QoS that is served: a PUBLISH above it closes the connection, a message above it is
    /// delivered at it. Default 2, all there are.
    pub max_qos: QoS,
    /// How many bytes of answers may wait to be pulled; where there are more, the next packet closes the
    /// connection, if it is not a DISCONNECT: its client sends without reading. Default 1 MiB: a quarter of a million
    /// acknowledgements.
    pub max_unsent_bytes: usize,
}

/// Limits of a connection until its CONNECT is answered: a [`Handshake`](crate::Handshake).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeConfig {
    /// How long CONNECT may take from when the connection was opened; later the connection is closed.
    /// Default 10 s: who connects has something to say.
    pub timeout: Duration,
    /// The largest CONNECT in bytes; a larger one closes the connection. Default 64 KiB: nobody knows yet
    /// who it is that sends it.
    pub max_connect_size: u32,
    /// How many bytes may follow a CONNECT before it is answered; more close the connection. Default 64 KiB,
    /// for the same reason.
    pub max_early_bytes: usize,
    /// The longest keep alive in seconds: a CONNECT with a longer one, or with none, is turned down as one
    /// with a wrong identifier, for want of a better return code. Default `None`: any will do.
    pub max_keep_alive: Option<u16>,
    /// Whether identifiers of more than the 23 characters that 3.1 names are accepted there. Default true: its
    /// clients use them, and its servers take them.
    pub accept_long_client_ids: bool,
}

impl Default for HandshakeConfig {
    fn default() -> Self {
        HandshakeConfig {
            timeout: Duration::from_secs(10),
            max_connect_size: 64 << 10,
            max_early_bytes: 64 << 10,
            max_keep_alive: None,
            accept_long_client_ids: true,
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            handshake: HandshakeConfig::default(),
            maximum_packet_size: 16 << 20,
            max_inflight_messages: 20,
            max_queued_messages: 1000,
            max_queued_bytes: 16 << 20,
            max_unreleased_messages: 1000,
            max_unreleased_bytes: 64 << 20,
            max_filters: 10_000,
            max_qos: QoS::ExactlyOnce,
            max_unsent_bytes: 1 << 20,
        }
    }
}
