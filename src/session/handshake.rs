//! A connection until its CONNECT is answered.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::config::{HandshakeConfig, SessionConfig};
use super::error::ClientFault;
use crate::codec::FrameReader;
use crate::message::Message;
use crate::packet::Delivery;
use crate::packet::{ConnAck, Connect, Packet, Publish, Will};
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;
use crate::version::Version;
use crate::violation::Violation;

/// What a client asks for in its CONNECT, section 3.1, with bytes of its own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest {
    /// The protocol name and level.
    pub version: Version,
    /// CleanSession.
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 switches it off.
    pub keep_alive: u16,
    /// The client identifier; it may be empty.
    pub client_id: String,
    /// The will.
    pub will: Option<Arc<Message>>,
    /// The user name.
    pub user_name: Option<String>,
    /// The password.
    pub password: Option<Bytes>,
}

impl fmt::Debug for ConnectRequest {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

impl ConnectRequest {
    fn new(connect: &Connect<'_>) -> ConnectRequest {
        ConnectRequest {
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            client_id: connect.client_id.into(),
            will: connect.will.as_ref().map(|will| Arc::new(message(will))),
            user_name: connect.user_name.map(String::from),
            password: connect.password.map(Bytes::copy_from_slice),
        }
    }
}

/// The message that a will is.
fn message(will: &Will<'_>) -> Message {
    let delivery = match will.qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup: false, packet_id: PacketId::MIN },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup: false, packet_id: PacketId::MIN },
    };
    Message::copied(&Publish {
        retain: will.retain,
        delivery,
        topic: will.topic,
        properties: will.properties,
        payload: will.payload,
    })
}

/// A connection from when it was opened until its CONNECT is answered: by
/// [`Session::connect`](crate::Session::connect) or by [`refuse`](Handshake::refuse).
///
/// See [`Session`](crate::Session) for an example.
pub struct Handshake {
    reader: FrameReader,
    phase: Phase,
    deadline: Instant,
    config: Arc<SessionConfig>,
}

enum Phase {
    /// Nothing but a CONNECT may come.
    BeforeConnect,
    /// CONNECT came; what the connection needs of it, and the bytes that came after it.
    Connected { connect: Accepted, early: Vec<u8> },
}

/// What a connection keeps of its CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) version: Version,
    pub(super) clean_start: bool,
    pub(super) keep_alive: u16,
    pub(super) will: Option<Arc<Message>>,
    client_id: String,
    /// Of the CONNECT in bytes.
    size: usize,
}

impl Handshake {
    /// A connection was opened.
    #[must_use]
    pub fn new(now: Instant, config: Arc<SessionConfig>) -> Handshake {
        Handshake {
            reader: FrameReader::new(config.handshake.max_connect_size),
            phase: Phase::BeforeConnect,
            deadline: now + config.handshake.timeout,
            config,
        }
    }

    /// Bytes came: takes up to the end of the CONNECT off them, and returns it once it is whole. Called again,
    /// it keeps what comes after the CONNECT until that is answered.
    ///
    /// # Errors
    ///
    /// Where the connection is to be closed: for what, and what is to be sent before.
    pub fn handle_input(&mut self, bytes: &mut &[u8]) -> Result<Option<ConnectRequest>, Rejection> {
        if let Phase::Connected { early, .. } = &mut self.phase {
            if early.len() + bytes.len() > self.config.handshake.max_early_bytes {
                return Err(ClientFault::TooEarly.into());
            }
            early.extend_from_slice(core::mem::take(bytes));
            return Ok(None);
        }
        if self.reader.pending() == 0 {
            check_first_byte(bytes)?;
        }
        let Some(frame) = self.reader.next(bytes)? else {
            return Ok(None);
        };
        let packet = Packet::decode_from(Sender::Client, frame, Version::V3_1_1);
        let connect = match packet.map_err(ClientFault::Decode)? {
            Packet::Connect(connect) => connect,
            _ => return Err(ClientFault::NotConnect(frame.first_byte()).into()),
        };
        check(&connect, &self.config.handshake)?;
        let request = ConnectRequest::new(&connect);
        let connect = Accepted {
            version: request.version,
            clean_start: request.clean_start,
            keep_alive: request.keep_alive,
            will: request.will.clone(),
            client_id: request.client_id.clone(),
            size: frame.as_bytes().len(),
        };
        self.phase = Phase::Connected { connect, early: Vec::new() };
        Ok(Some(request))
    }

    /// Whether CONNECT has come, and waits for its answer.
    #[must_use]
    pub fn is_connect_received(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }

    /// Whether the CONNECT asks for a clean start.
    pub(crate) fn is_clean_start(&self) -> bool {
        matches!(&self.phase, Phase::Connected { connect, .. } if connect.clean_start)
    }

    /// The client identifier of the CONNECT.
    pub(crate) fn client_id(&self) -> &str {
        match &self.phase {
            Phase::BeforeConnect => "",
            Phase::Connected { connect, .. } => &connect.client_id,
        }
    }

    /// Until when CONNECT must have come; after that the connection is to be closed.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::BeforeConnect => Some(self.deadline),
            Phase::Connected { .. } => None,
        }
    }

    /// How many bytes the CONNECT had; 0 until it has come.
    pub(crate) fn connect_size(&self) -> usize {
        match &self.phase {
            Phase::BeforeConnect => 0,
            Phase::Connected { connect, .. } => connect.size,
        }
    }

    /// Turns the CONNECT down: the CONNACK to be sent before the connection is closed. `None` where the
    /// client's version has no such return code: the connection is just closed. [MQTT-3.2.2-6]
    #[must_use]
    pub fn refuse(self, reason_code: ReasonCode) -> Option<Bytes> {
        match self.phase {
            Phase::BeforeConnect => None,
            Phase::Connected { connect, .. } => refusal(connect.version, reason_code),
        }
    }

    /// What a session needs of it, where CONNECT has come: the CONNECT, the reader, and what came after it.
    pub(super) fn into_parts(self) -> Option<(Accepted, FrameReader, Vec<u8>)> {
        let mut reader = self.reader;
        reader.set_maximum_packet_size(self.config.maximum_packet_size);
        match self.phase {
            Phase::BeforeConnect => None,
            Phase::Connected { connect, early } => Some((connect, reader, early)),
        }
    }
}

/// Nothing of what was received.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("is_connect_received", &self.is_connect_received())
            .finish_non_exhaustive()
    }
}

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
    /// With the answer that the specification asks for.
    fn from(fault: F) -> Rejection {
        let fault = fault.into();
        let unsupported = ReasonCode::UnsupportedProtocolVersion;
        let answer = match fault {
            // [MQTT-3.1.2-2]
            ClientFault::Decode(error)
                if error.violation() == Violation::UnsupportedProtocolVersion =>
            {
                refusal(Version::V3_1_1, unsupported)
            }
            ClientFault::UnsupportedVersion(version) => refusal(version, unsupported),
            // [MQTT-3.1.3-8] [MQTT-3.1.3-9]
            ClientFault::ClientIdentifier(version) | ClientFault::KeepAlive(version) => {
                refusal(version, ReasonCode::ClientIdentifierNotValid)
            }
            _ => None,
        };
        Rejection { fault, answer }
    }
}

/// A connection that cannot become one of MQTT need not be waited for.
fn check_first_byte(bytes: &[u8]) -> Result<(), ClientFault> {
    match bytes.first() {
        Some(&first) if PacketType::from_first_byte(first) != Some(PacketType::Connect) => {
            Err(ClientFault::NotConnect(first)) // [MQTT-3.1.0-1]
        }
        _ => Ok(()),
    }
}

/// What a server turns down before anybody is asked.
fn check(connect: &Connect<'_>, config: &HandshakeConfig) -> Result<(), Rejection> {
    let version = connect.version;
    if version == Version::V5_0 {
        return Err(ClientFault::UnsupportedVersion(version).into());
    }
    let tolerated =
        version == Version::V3_1 && config.accept_long_client_ids && !connect.client_id.is_empty();
    if connect.refusal().is_some() && !tolerated {
        return Err(ClientFault::ClientIdentifier(version).into());
    }
    let allowed = |max| (1..=max).contains(&connect.keep_alive);
    if config.max_keep_alive.is_some_and(|max| !allowed(max)) {
        return Err(ClientFault::KeepAlive(version).into());
    }
    Ok(())
}

/// The CONNACK that says so. [MQTT-3.2.2-4]
fn refusal(version: Version, reason_code: ReasonCode) -> Option<Bytes> {
    if !reason_code.is_error() {
        return None;
    }
    let mut connack = Vec::new();
    let packet = Packet::from(ConnAck::refused(reason_code));
    packet.encode_to(version, &mut connack).ok()?;
    Some(connack.into())
}
