//! What client and server agree on for one connection.

use super::error::CommandError;
use crate::codec::{Properties, Property, PropertyId};
use crate::packet::{Connect, Packet, Publish, Subscribe};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;
use crate::version::Version;

/// What holds on a connection: what the server said in CONNACK, and else what CONNECT asked for. Before 5.0
/// a server says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// Keep alive in seconds; 0: none. The server's, where it has one. [MQTT-3.2.2-21]
    pub keep_alive: u16,
    /// How long the session outlives the connection, in seconds; 0xFFFFFFFF: for ever. Before 5.0 one of
    /// the two.
    pub session_expiry_interval: u32,
    /// How many QoS 1 and 2 messages the server is willing to have open.
    pub receive_maximum: u16,
    /// The highest QoS that the server supports.
    pub maximum_qos: QoS,
    /// Whether the server supports retained messages.
    pub retain_available: bool,
    /// The largest packet in bytes that the server accepts.
    pub maximum_packet_size: u32,
    /// The highest topic alias that the server accepts.
    pub topic_alias_maximum: u16,
    /// Whether the server supports wildcards in subscriptions.
    pub wildcard_subscription_available: bool,
    /// Whether the server supports subscription identifiers.
    pub subscription_identifier_available: bool,
    /// Whether the server supports shared subscriptions.
    pub shared_subscription_available: bool,
}

/// No keep alive, a session that ends with the connection, and no limits.
impl Default for Terms {
    fn default() -> Self {
        Terms {
            keep_alive: 0,
            session_expiry_interval: 0,
            receive_maximum: u16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            wildcard_subscription_available: true,
            subscription_identifier_available: true,
            shared_subscription_available: true,
        }
    }
}

impl Terms {
    /// Those of a CONNECT that was not answered yet.
    pub(super) fn asked(connect: &Connect<'_>) -> Terms {
        let expiry = connect.properties.find(PropertyId::SessionExpiryInterval);
        let session_expiry_interval = match (connect.version, expiry) {
            (Version::V5_0, Some(Property::SessionExpiryInterval(seconds))) => seconds,
            (Version::V5_0, _) => 0,
            // [MQTT-3.1.2-6]
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        Terms { keep_alive: connect.keep_alive, session_expiry_interval, ..Terms::default() }
    }

    /// Takes over what the server says.
    pub(super) fn answered(&mut self, properties: &Properties<'_>) {
        for property in properties {
            match property {
                Property::ServerKeepAlive(seconds) => self.keep_alive = seconds,
                Property::SessionExpiryInterval(seconds) => self.session_expiry_interval = seconds,
                Property::ReceiveMaximum(maximum) => self.receive_maximum = maximum.get(),
                Property::MaximumQoS(qos) => self.maximum_qos = qos,
                Property::RetainAvailable(available) => self.retain_available = available,
                Property::MaximumPacketSize(size) => self.maximum_packet_size = size.get(),
                Property::TopicAliasMaximum(maximum) => self.topic_alias_maximum = maximum,
                Property::WildcardSubscriptionAvailable(available) => {
                    self.wildcard_subscription_available = available;
                }
                Property::SubscriptionIdentifierAvailable(available) => {
                    self.subscription_identifier_available = available;
                }
                Property::SharedSubscriptionAvailable(available) => {
                    self.shared_subscription_available = available;
                }
                _ => {}
            }
        }
    }

    /// Whether the server accepts a packet, which takes so many bytes.
    pub(super) fn check(&self, packet: &Packet<'_>, size: usize) -> Result<(), CommandError> {
        if size > self.maximum_packet_size as usize {
            return Err(CommandError::NotAccepted(ReasonCode::PacketTooLarge)); // [MQTT-3.2.2-15]
        }
        let refusal = match packet {
            Packet::Publish(publish) => self.refuses_message(publish),
            Packet::Subscribe(subscribe) => self.refuses_subscription(subscribe),
            _ => None,
        };
        refusal.map_or(Ok(()), |code| Err(CommandError::NotAccepted(code)))
    }

    fn refuses_message(&self, publish: &Publish<'_>) -> Option<ReasonCode> {
        if publish.delivery.qos() > self.maximum_qos {
            return Some(ReasonCode::QoSNotSupported); // [MQTT-3.2.2-11]
        }
        if publish.retain && !self.retain_available {
            return Some(ReasonCode::RetainNotSupported); // [MQTT-3.2.2-14]
        }
        None
    }

    /// Sections 3.2.2.3.11 to 3.2.2.3.13.
    fn refuses_subscription(&self, subscribe: &Subscribe<'_>) -> Option<ReasonCode> {
        let identifier = subscribe.properties.contains(PropertyId::SubscriptionIdentifier);
        if identifier && !self.subscription_identifier_available {
            return Some(ReasonCode::SubscriptionIdentifiersNotSupported);
        }
        let any = |test: fn(TopicFilter<'_>) -> bool| {
            subscribe.filters.iter().any(|subscription| test(subscription.filter))
        };
        if !self.shared_subscription_available && any(|filter| filter.is_shared()) {
            return Some(ReasonCode::SharedSubscriptionsNotSupported);
        }
        if !self.wildcard_subscription_available && any(has_wildcard) {
            return Some(ReasonCode::WildcardSubscriptionsNotSupported);
        }
        None
    }
}

fn has_wildcard(filter: TopicFilter<'_>) -> bool {
    filter.as_bytes().iter().any(|byte| matches!(byte, b'+' | b'#'))
}
