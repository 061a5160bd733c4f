//! What can go wrong with a client: by the server's fault ([`ServerFault`]) or the caller's.

use crate::codec::{DecodeError, EncodeError, TopicAlias};
use crate::delivery::AliasFault;
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::reason::ReasonCode;

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
    /// It goes on with a session that this client does not have. [MQTT-3.2.2-4]
    #[error("the server goes on with a session that the client does not have")]
    UnknownSession,
    /// It sent more QoS 1 and 2 messages at once than the Receive Maximum of CONNECT, section 4.9 of 5.0.
    #[error("the server sent more messages at once than the receive maximum")]
    ReceiveMaximumExceeded,
    /// It used a topic alias above the Topic Alias Maximum of CONNECT.
    #[error("the server used topic alias {0}, which is above the topic alias maximum")]
    TopicAliasAboveMaximum(TopicAlias),
    /// It used a topic alias that it had given no topic.
    #[error("the server used topic alias {0} and has not said what it stands for")]
    UnknownTopicAlias(TopicAlias),
    /// It named another authentication method than CONNECT, or one where CONNECT had none.
    /// [MQTT-4.12.0-5] [MQTT-4.12.0-6]
    #[error("the server sent {0} with another authentication method than that of CONNECT")]
    AuthenticationMethod(PacketType),
    /// It sent AUTH when no authentication was under way, or with a reason code that does not fit.
    #[error("the server sent AUTH out of place")]
    UnexpectedAuth,
    /// It sent a reason string or user properties though CONNECT asked for none, section 3.1.2.11.7 of 5.0.
    #[error("the server sent problem information with {0}, though none was asked for")]
    ProblemInformation(PacketType),
}

impl ServerFault {
    /// The MQTT 5.0 reason code that says so, section 4.13.
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            ServerFault::Decode(error) => error.reason_code(),
            ServerFault::ReceiveMaximumExceeded => ReasonCode::ReceiveMaximumExceeded,
            ServerFault::TopicAliasAboveMaximum(_) => ReasonCode::TopicAliasInvalid,
            _ => ReasonCode::ProtocolError,
        }
    }

    /// The reason code of the DISCONNECT that answers it.
    pub(super) fn disconnect_code(&self) -> ReasonCode {
        let code = self.reason_code();
        // Some tell only of a CONNECT, which no server sends.
        let listed = code.is_allowed_from(Sender::Client, PacketType::Disconnect);
        if listed { code } else { ReasonCode::ProtocolError }
    }
}

impl From<AliasFault> for ServerFault {
    fn from(fault: AliasFault) -> ServerFault {
        match fault {
            AliasFault::AboveMaximum(alias) => ServerFault::TopicAliasAboveMaximum(alias),
            AliasFault::Unknown(alias) => ServerFault::UnknownTopicAlias(alias),
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
    /// The server has said in CONNACK that it does not accept this; a server would answer it with this code.
    #[error("the server does not accept it: {0}")]
    NotAccepted(ReasonCode),
    /// DISCONNECT cannot give a session to a connection that began without, section 3.14.2.2.2 of 5.0.
    #[error("the session expiry interval cannot be set where it was 0 in CONNECT")]
    SessionExpiry,
    /// The connection has no authentication method, or it is not the client's turn. [MQTT-4.12.0-7]
    #[error("no authentication is under way, or it is not the client's turn")]
    NotAuthenticating,
}

/// Why something that waited for a connection was never sent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum NotSent {
    /// The version of MQTT cannot carry it: it has something that only 5.0 has.
    #[error("it cannot be sent in this version of MQTT")]
    NotInVersion,
    /// The server has said in CONNACK that it does not accept this; a server would answer it with this code.
    #[error("the server does not accept it: {0}")]
    NotAccepted(ReasonCode),
}

impl From<CommandError> for NotSent {
    fn from(error: CommandError) -> NotSent {
        match error {
            CommandError::NotAccepted(code) => NotSent::NotAccepted(code),
            CommandError::Encode(EncodeError::Violation(violation)) => {
                NotSent::NotAccepted(violation.reason_code())
            }
            CommandError::Encode(EncodeError::PacketTooLong) => {
                NotSent::NotAccepted(ReasonCode::PacketTooLarge)
            }
            _ => NotSent::NotInVersion,
        }
    }
}
