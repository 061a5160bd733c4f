//! What the sessions of a server are told once.

use alloc::string::String;
use alloc::vec::Vec;
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
    /// What of MQTT is served.
    pub features: FeatureConfig,
    /// The largest packet in bytes that is accepted after CONNECT; a larger one closes the connection. A
    /// packet counts for the keep alive once it is whole. Default 16 MiB: what people send, and not what MQTT
    /// allows.
    pub maximum_packet_size: u32,
    /// How many QoS 1 and 2 messages to the client may be unfinished at once, where its Receive Maximum allows
    /// that many; others wait in the queue. Default 20, as other servers have it: clients with little memory
    /// must take that many. 0 is taken as 1.
    pub max_inflight_messages: u16,
    /// How many messages may wait for the client: at QoS 1 and 2 that many, and at QoS 0 as long as fewer
    /// than that many of any kind wait. A further one is dropped, so that the oldest are kept and a flood of
    /// QoS 0 displaces nothing else. One message always has room. Default 1,000, as mosquitto has it.
    pub max_queued_messages: usize,
    /// How many bytes of topics, payloads and properties may wait for the client, in the same way; as many again may be
    /// unfinished at QoS 1 and 2. Default 16 MiB: as much as the largest packet.
    pub max_queued_bytes: usize,
    /// How many QoS 2 messages of the client may await their PUBREL; one more closes the connection. In 5.0
    /// this is the Receive Maximum (65,535 at most), and QoS 1 counts too. Default 1,000: clients keep to windows
    /// far below. 0 is taken as 1.
    pub max_unreleased_messages: usize,
    /// How many bytes those may take; more close the connection, and in 5.0 are refused with PUBREC (Quota
    /// Exceeded). Default 64 MiB: a few of the largest packets.
    pub max_unreleased_bytes: usize,
    /// How many filters one SUBSCRIBE or UNSUBSCRIBE may have; more close the connection. Default 10,000: far
    /// above what clients have, and what one packet may cost.
    pub max_filters: usize,
    /// How many bytes of answers may wait to be pulled; where there are more, the next packet closes the
    /// connection, if it is not a DISCONNECT: its client sends without reading. Default 1 MiB: a quarter of a million
    /// acknowledgements.
    pub max_unsent_bytes: usize,
}

/// What of MQTT a server offers: a client of 5.0 is told in CONNACK, and one that does not keep to it is
/// disconnected. What becomes of clients before 5.0, whom nobody can tell, is said below.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FeatureConfig {
    /// The highest QoS: a PUBLISH above it closes the connection, a message above it is delivered at it. Default
    /// 2, all there are. [MQTT-3.2.2-9]
    pub maximum_qos: QoS,
    /// Whether messages are retained. Where not, [`Broker`](crate::Broker) routes those of clients before 5.0 like
    /// others. Default true.
    pub retain_available: bool,
    /// Whether filters may have wildcards. Where not, [`Broker`](crate::Broker) refuses those of clients before 5.0
    /// in SUBACK. Default true.
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers. Default true.
    pub subscription_identifier_available: bool,
    /// Whether subscriptions may be shared. Default true.
    pub shared_subscription_available: bool,
    /// How many topic aliases a connection may have, in each direction; 0 switches them off. Default 10, as
    /// mosquitto has it: each keeps a topic name, of up to 65,535 bytes.
    pub topic_alias_maximum: u16,
    /// Whether a payload that is said to be UTF-8 text must be that: a CONNECT with such a will is refused, and
    /// [`Broker`](crate::Broker) refuses such a message, or drops it at QoS 0. Default false: subscribers have to
    /// look anyway.
    pub validate_payload_format: bool,
}

/// Limits of a connection until its CONNECT is answered: a [`Handshake`](crate::Handshake).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeConfig {
    /// How long CONNECT may take from when the connection was opened, and an AUTH from when it was asked for; later
    /// the connection is closed. Default 10 s: who connects has something to say.
    pub timeout: Duration,
    /// The largest CONNECT in bytes; a larger one closes the connection. Default 64 KiB: nobody knows yet
    /// who it is that sends it.
    pub max_connect_size: u32,
    /// How many bytes may follow a CONNECT before it is answered; more close the connection. Default 64 KiB,
    /// for the same reason.
    pub max_early_bytes: usize,
    /// The longest keep alive in seconds. To a client of 5.0 with a longer one, or with none, it is the Server
    /// Keep Alive; before, such a CONNECT is turned down as one with a wrong identifier, for want of a better
    /// return code. Default `None`: any will do.
    pub max_keep_alive: Option<u16>,
    /// Whether identifiers of more than the 23 characters that 3.1 names are accepted there. Default true: its
    /// clients use them, and its servers take them.
    pub accept_long_client_ids: bool,
    /// The authentication methods that the program knows, section 4.12 of 5.0: a CONNECT with another one is
    /// turned down. Default none. [MQTT-4.12.0-1]
    pub authentication_methods: Vec<String>,
}

impl Default for FeatureConfig {
    fn default() -> Self {
        FeatureConfig {
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            wildcard_subscription_available: true,
            subscription_identifier_available: true,
            shared_subscription_available: true,
            topic_alias_maximum: 10,
            validate_payload_format: false,
        }
    }
}

impl SessionConfig {
    /// How many QoS 1 and 2 messages a client of 5.0 may have open.
    pub(super) fn receive_maximum(&self) -> u16 {
        u16::try_from(self.max_unreleased_messages).unwrap_or(u16::MAX).max(1)
    }
}

impl Default for HandshakeConfig {
    fn default() -> Self {
        HandshakeConfig {
            timeout: Duration::from_secs(10),
            max_connect_size: 64 << 10,
            max_early_bytes: 64 << 10,
            max_keep_alive: None,
            accept_long_client_ids: true,
            authentication_methods: Vec::new(),
        }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            handshake: HandshakeConfig::default(),
            features: FeatureConfig::default(),
            maximum_packet_size: 16 << 20,
            max_inflight_messages: 20,
            max_queued_messages: 1000,
            max_queued_bytes: 16 << 20,
            max_unreleased_messages: 1000,
            max_unreleased_bytes: 64 << 20,
            max_filters: 10_000,
            max_unsent_bytes: 1 << 20,
        }
    }
}
