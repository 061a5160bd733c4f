//! The CONNACK that accepts a client.

use alloc::string::String;
use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use super::config::{FeatureConfig, SessionConfig};
use super::error::ClientFault;
use super::explain::{Limits, check, encode_within};
use super::handshake::{Accepted, Handshake};
use super::link::{Link, wants_response_information};
use super::rejection::Rejection;
use crate::codec::{Property, PropertyId};
use crate::packet::{ConnAck, Packet};
use crate::packet_type::PacketType;
use crate::qos::QoS;
use crate::version::Version;
use crate::violation::Violation;

/// A client is not accepted as it was to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// A property cannot be said in CONNACK.
    #[error(transparent)]
    Property(#[from] Violation),
    /// The client cannot be told that it is accepted: the connection is to be closed.
    #[error(transparent)]
    Rejection(#[from] Rejection),
}

impl Handshake {
    /// Whether the program may say these in the CONNACK that accepts. What follows from the configuration is said
    /// without it.
    pub(crate) fn check_acceptance(&self, properties: &[Property<'_>]) -> Result<(), Violation> {
        let is_nameless = self.client_id().is_empty();
        let authenticates = self.has_authentication_method();
        check(properties, PacketType::ConnAck, |property| match property {
            Property::SessionExpiryInterval(_)
            | Property::ServerKeepAlive(_)
            | Property::ResponseInformation(_)
            | Property::ReasonString(_)
            | Property::UserProperty(_) => true,
            Property::AuthenticationData(_) => authenticates,
            Property::AssignedClientIdentifier(client_id) => is_nameless && !client_id.is_empty(),
            _ => false,
        })
    }
}

impl Link {
    /// Puts CONNACK in line, and keeps to it. [MQTT-3.1.4-5]
    pub(super) fn accept(
        &mut self,
        session_present: bool,
        connect: &Accepted,
        properties: &[Property<'_>],
        config: &SessionConfig,
    ) -> Result<(), ClientFault> {
        if self.terms.is_none() {
            // 3.1 has no such flag.
            let flag = session_present && self.version != Version::V3_1;
            self.send(&ConnAck::accepted(flag).into());
            return Ok(());
        }
        let mut all: Vec<Property<'_>> = Vec::new();
        for property in properties {
            match property {
                Property::SessionExpiryInterval(seconds) => self.set_session_expiry(*seconds),
                Property::ServerKeepAlive(seconds) => self.keep_alive = *seconds,
                Property::ResponseInformation(_)
                    if !wants_response_information(&connect.properties) =>
                {
                    continue;
                }
                _ => {}
            }
            all.push(*property);
        }
        if !properties.iter().any(|property| property.id() == PropertyId::ServerKeepAlive) {
            self.limit_keep_alive(&mut all, config); // section 3.2.2.3.14
        }
        let method = self.terms.as_ref().and_then(|terms| terms.authentication_method());
        let method = method.map(String::from);
        all.extend(method.as_deref().map(Property::AuthenticationMethod)); // [MQTT-4.12.0-5]
        announce(&mut all, config);
        if let Some(terms) = &mut self.terms {
            terms.authentication.end();
        }
        let maximum = Limits::of(&connect.properties).maximum_packet_size;
        encode_within(&mut self.control, maximum, &all, |properties, out| {
            let connack = ConnAck { properties, ..ConnAck::accepted(session_present) };
            Packet::from(connack).encode_to(Version::V5_0, out)
        })
    }

    fn set_session_expiry(&mut self, seconds: u32) {
        self.session_expiry_interval = seconds;
        if let Some(terms) = &mut self.terms {
            terms.session_expiry_maximum = seconds;
        }
    }

    fn limit_keep_alive(&mut self, properties: &mut Vec<Property<'_>>, config: &SessionConfig) {
        let Some(max) = config.handshake.max_keep_alive else {
            return;
        };
        if !(1..=max).contains(&self.keep_alive) {
            self.keep_alive = max;
            properties.push(Property::ServerKeepAlive(max));
        }
    }
}

/// What the client is to keep to. [MQTT-3.2.2-9]
fn announce(properties: &mut Vec<Property<'_>>, config: &SessionConfig) {
    let FeatureConfig {
        maximum_qos,
        retain_available,
        wildcard_subscription_available,
        subscription_identifier_available,
        shared_subscription_available,
        topic_alias_maximum,
        validate_payload_format: _,
    } = config.features;
    let receive_maximum = NonZeroU16::new(config.receive_maximum());
    properties
        .extend(receive_maximum.filter(|m| *m < NonZeroU16::MAX).map(Property::ReceiveMaximum));
    if topic_alias_maximum > 0 {
        properties.push(Property::TopicAliasMaximum(topic_alias_maximum));
    }
    if maximum_qos < QoS::ExactlyOnce {
        properties.push(Property::MaximumQoS(maximum_qos));
    }
    let maximum_packet_size = NonZeroU32::new(config.maximum_packet_size);
    properties.extend(maximum_packet_size.map(Property::MaximumPacketSize));
    let unavailable = [
        (retain_available, Property::RetainAvailable(false)),
        (wildcard_subscription_available, Property::WildcardSubscriptionAvailable(false)),
        (subscription_identifier_available, Property::SubscriptionIdentifierAvailable(false)),
        (shared_subscription_available, Property::SharedSubscriptionAvailable(false)),
    ];
    properties.extend(unavailable.iter().filter(|(yes, _)| !yes).map(|(_, no)| *no));
}
