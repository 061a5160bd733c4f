//! What can go wrong with a client: by the server's fault ([`ServerFault`]) or the caller's.

use crate::codec::{DecodeError, EncodeError};
use crate::packet_id::PacketId;
use crate::packet_type::PacketType;
use crate::reason::ReasonCode;
use crate::version::Version;

/// The server broke the protocol; the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFault {
    /// It sent something that is not a packet it may send.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It sent something else before CONNACK. [MQTT-3.2.0-1]
    #[error("the server sent {0} before CONNACK")]
    BeforeConnAck(PacketType),
    /// It sent a second CONNACK.
    #[error("the server sent a second CONNACK")]
    SecondConnAck,
    /// It acknowledged with a packet that the exchange does not await, or a SUBACK with another number
    /// of codes than there were filters.
    #[error(
        "the server sent {packet} for packet identifier {packet_id}, which awaits another answer"
    )]
    UnexpectedAcknowledgement {
        /// What it sent.
        packet: PacketType,
        /// For which packet.
        packet_id: PacketId,
    },
}

impl ServerFault {
    /// The MQTT 5.0 reason code that says so, section 4.13.
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            ServerFault::Decode(error) => error.reason_code(),
            _ => ReasonCode::ProtocolError,
        }
    }
}

/// A connection cannot be begun like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The last connection has not ended: the driver has not called
    /// [`handle_closed`](crate::Client::handle_closed).
    #[error("the last connection has not ended yet")]
    NotClosed,
    /// The client speaks only 3.1 and 3.1.1 so far.
    #[error("the client does not speak MQTT {0} yet: use 3.1 or 3.1.1")]
    Version(Version),
    /// The server would turn the CONNECT down for its client identifier.
    #[error("the client identifier would be refused: {0}")]
    ClientId(ReasonCode),
    /// The CONNECT cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A message or request is not taken; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// As many messages, bytes or requests wait as the configuration allows.
    #[error("the queue is full")]
    QueueFull,
    /// The packet cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
