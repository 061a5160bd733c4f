//! What can go wrong with one client: by its fault ([`ClientFault`]) or for lack of room ([`Dropped`]).

use crate::codec::DecodeError;
use crate::packet_id::PacketId;
use crate::packet_type::PacketType;
use crate::reason::ReasonCode;
use crate::version::Version;

/// The client broke the protocol or a limit; its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientFault {
    /// It sent something that is not a packet it may send.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It began with another packet than CONNECT, or with something that is no MQTT. [MQTT-3.1.0-1]
    #[error("the first byte was {0:#04x}, and not that of a CONNECT")]
    NotConnect(u8),
    /// It speaks a version that is not served.
    #[error("the client speaks MQTT {0}, which is not served")]
    UnsupportedVersion(Version),
    /// Its client identifier is not one of its version: empty, too long, or empty without a clean session.
    /// [MQTT-3.1.3-9]
    #[error("the client identifier is empty or too long for this kind of CONNECT")]
    ClientIdentifier(Version),
    /// Its keep alive is longer than is served, or off.
    #[error("the keep alive is longer than is served, or off")]
    KeepAlive(Version),
    /// It sent a second CONNECT. [MQTT-3.1.0-2]
    #[error("the client sent a second CONNECT")]
    SecondConnect,
    /// It sent more after CONNECT than is kept until the answer.
    #[error("the client sent too much before CONNECT was answered")]
    TooEarly,
    /// It acknowledged with a packet that the exchange does not await.
    #[error(
        "the client sent {packet} for packet identifier {packet_id}, which awaits another answer"
    )]
    UnexpectedAcknowledgement {
        /// What it sent.
        packet: PacketType,
        /// For which packet.
        packet_id: PacketId,
    },
    /// It has more QoS 2 messages, or more bytes of them, without PUBREL than are kept.
    #[error("the client has too many QoS 2 messages without PUBREL")]
    TooManyUnreleased,
    /// It sent a SUBSCRIBE or UNSUBSCRIBE with more filters than are taken.
    #[error("the packet has too many topic filters")]
    TooManyFilters,
    /// It sends what must be answered, and does not take the answers.
    #[error("the client does not take the answers to what it sends")]
    AnswersNotTaken,
    /// It published at a higher QoS than is served.
    #[error("the client published at a QoS that is not served")]
    QoSNotSupported,
}

impl ClientFault {
    /// The MQTT 5.0 reason code that says so, section 4.13.
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            ClientFault::Decode(error) => error.reason_code(),
            ClientFault::UnsupportedVersion(_) => ReasonCode::UnsupportedProtocolVersion,
            ClientFault::ClientIdentifier(_) => ReasonCode::ClientIdentifierNotValid,
            ClientFault::TooManyUnreleased => ReasonCode::ReceiveMaximumExceeded,
            ClientFault::TooEarly | ClientFault::AnswersNotTaken | ClientFault::TooManyFilters => {
                ReasonCode::QuotaExceeded
            }
            ClientFault::QoSNotSupported => ReasonCode::QoSNotSupported,
            _ => ReasonCode::ProtocolError,
        }
    }
}

/// A message is not kept for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Dropped {
    /// It is of QoS 0, and the client is away.
    #[error("a message of QoS 0 is not kept for a client that is away")]
    Offline,
    /// As many messages or bytes wait as the configuration allows.
    #[error("the queue of the client is full")]
    QueueFull,
    /// It does not fit a packet.
    #[error("the message does not fit a packet")]
    TooLarge,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent DISCONNECT: its will is dropped. [MQTT-3.14.4-3]
    #[error("the client disconnected")]
    Disconnected,
    /// The transport was closed or lost.
    #[error("the transport was closed or lost")]
    TransportClosed,
    /// No packet came for one and a half times the keep alive. [MQTT-3.1.2-24]
    #[error("the client exceeded its keep alive")]
    KeepAliveTimeout,
    /// CONNECT did not come in time.
    #[error("the client did not send CONNECT in time")]
    ConnectTimeout,
    /// The same client identifier connected again. [MQTT-3.1.4-2]
    #[error("the client connected again")]
    TakenOver,
    /// The connection was refused with this code.
    #[error("the connection was refused: {0}")]
    Refused(ReasonCode),
    /// The server's program asked for it.
    #[error("the connection was closed by the server")]
    Requested,
    /// The client broke the protocol or a limit.
    #[error(transparent)]
    ClientFault(#[from] ClientFault),
    /// The configuration allows no further session.
    #[error("there is no room for another session")]
    TooManySessions,
}

impl CloseReason {
    /// Whether the client is sent the answers that wait before the close.
    pub(crate) fn is_answered(self) -> bool {
        match self {
            CloseReason::ClientFault(fault) => fault != ClientFault::AnswersNotTaken,
            reason => matches!(reason, CloseReason::Disconnected | CloseReason::Requested),
        }
    }
}
