//! How a CONNECT is turned down.

use alloc::vec::Vec;

use bytes::Bytes;

use super::config::SessionConfig;
use super::connect::ConnectRequest;
use super::error::ClientFault;
use super::explain::{self, Limits};
use super::handshake::Accepted;
use crate::codec::Property;
use crate::packet::{ConnAck, Connect, Packet};
use crate::packet_type::{PacketType, Sender};
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::violation::Violation;

/// Why a connection ends before its CONNECT was answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
#[non_exhaustive]
pub struct Rejection {
    /// What the client did.
    pub fault: ClientFault,
    /// The CONNACK to be sent before the connection is closed, where there is one.
    pub answer: Option<Bytes>,
}

impl<F: Into<ClientFault>> From<F> for Rejection {
    /// Of a connection whose version is not known.
    fn from(fault: F) -> Rejection {
        let fault = fault.into();
        let answer = match fault {
            // [MQTT-3.1.2-2]
            ClientFault::Decode(error)
                if error.violation() == Violation::UnsupportedProtocolVersion =>
            {
                refusal_of(Version::V3_1_1, fault)
            }
            _ => None,
        };
        Rejection { fault, answer }
    }
}

impl Accepted {
    /// The end of the connection, with the CONNACK that says why.
    pub(super) fn rejection(&self, fault: ClientFault) -> Rejection {
        let answer = match self.version {
            Version::V5_0 => {
                let maximum = Limits::of(&self.properties).maximum_packet_size;
                let reason = alloc::format!("{fault}");
                let properties = [Property::ReasonString(&reason)];
                let connack = refusal(self.version, connack_code(fault), maximum, &properties);
                connack.ok().map(Bytes::from)
            }
            version => refusal_of(version, fault),
        };
        Rejection { fault, answer }
    }
}

/// What a server turns down before anybody is asked.
pub(super) fn check(
    connect: &Connect<'_>,
    request: &ConnectRequest,
    config: &SessionConfig,
) -> Result<(), ClientFault> {
    let version = connect.version;
    if version == Version::V5_0 {
        return check_5_0(request, config);
    }
    let handshake = &config.handshake;
    let tolerated = version == Version::V3_1
        && handshake.accept_long_client_ids
        && !connect.client_id.is_empty();
    if connect.refusal().is_some() && !tolerated {
        return Err(ClientFault::ClientIdentifier(version)); // before 5.0 [MQTT-3.1.3-8] [MQTT-3.1.3-9]
    }
    let allowed = |max| (1..=max).contains(&connect.keep_alive);
    if handshake.max_keep_alive.is_some_and(|max| !allowed(max)) {
        return Err(ClientFault::KeepAlive(version));
    }
    Ok(())
}

fn check_5_0(request: &ConnectRequest, config: &SessionConfig) -> Result<(), ClientFault> {
    let features = &config.features;
    if let Some(method) = request.properties.authentication_method() {
        if !config.handshake.authentication_methods.iter().any(|known| known == method) {
            return Err(ClientFault::AuthenticationMethod);
        }
    }
    let Some(will) = &request.will else {
        return Ok(());
    };
    if will.qos > features.maximum_qos {
        return Err(ClientFault::QoSNotSupported);
    }
    if will.retain && !features.retain_available {
        return Err(ClientFault::RetainNotSupported);
    }
    if features.validate_payload_format && !will.has_valid_format() {
        return Err(ClientFault::PayloadFormatInvalid);
    }
    Ok(())
}

/// The code of the CONNACK that a fault is answered with. [MQTT-3.2.2-8]
fn connack_code(fault: ClientFault) -> ReasonCode {
    let code = match fault {
        ClientFault::KeepAlive(_) => ReasonCode::ClientIdentifierNotValid,
        fault => fault.reason_code(),
    };
    let allowed = code.is_allowed_from(Sender::Server, PacketType::ConnAck);
    if allowed { code } else { ReasonCode::ProtocolError }
}

/// The CONNACK for a fault, without words. Before 5.0 only some faults have a return code.
pub(super) fn refusal_of(version: Version, fault: ClientFault) -> Option<Bytes> {
    let code = connack_code(fault);
    let told = version.has_properties()
        || matches!(
            code,
            ReasonCode::UnsupportedProtocolVersion | ReasonCode::ClientIdentifierNotValid
        );
    if !told {
        return None;
    }
    Some(refusal(version, code, usize::MAX, &[]).ok()?.into())
}

/// The CONNACK that refuses a client. [MQTT-3.2.2-6]; before 5.0 [MQTT-3.2.2-4] [MQTT-3.2.2-6]
pub(super) fn refusal(
    version: Version,
    reason_code: ReasonCode,
    maximum: usize,
    properties: &[Property<'_>],
) -> Result<Vec<u8>, ClientFault> {
    let mut connack = Vec::new();
    if version.has_properties() {
        let listed = reason_code.is_error() && reason_code.is_allowed_in(PacketType::ConnAck);
        let reason_code = if listed { reason_code } else { ReasonCode::UnspecifiedError };
        explain::encode_within(&mut connack, maximum, properties, |properties, out| {
            let connack = ConnAck { properties, ..ConnAck::refused(reason_code) };
            Packet::from(connack).encode_to(version, out)
        })?;
    } else if reason_code.is_error() && reason_code.connack_code(version).is_some() {
        let packet = Packet::from(ConnAck::refused(reason_code));
        packet.encode_to(version, &mut connack).map_err(|_| ClientFault::AnswerTooLarge)?;
    }
    Ok(connack)
}
