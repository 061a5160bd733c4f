//! What a client tells its driver and the application.

use alloc::vec::Vec;

use super::error::ServerFault;
use crate::message::Message;
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;

/// What is to be done next; poll until [`Wait`](ClientOutput::Wait).
#[derive(Debug, PartialEq)]
#[must_use]
pub enum ClientOutput {
    /// There are bytes to send: call [`poll_transmit`](crate::Client::poll_transmit) when the transport can
    /// take some.
    Transmit,
    /// Something the application should know.
    Event(ClientEvent),
    /// Close the transport, and call [`handle_closed`](crate::Client::handle_closed) then.
    Close,
    /// Nothing more for now: call [`handle_timeout`](crate::Client::handle_timeout) at that time, if there
    /// is one and nothing else happens before.
    Wait(Option<Instant>),
}

/// What a request of the application is recognised by when it is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Handle(pub(super) u64);

/// The right to acknowledge one message, once: see [`Client::acknowledge`](crate::Client::acknowledge).
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Token {
    pub(super) qos: QoS,
    pub(super) packet_id: PacketId,
    /// The connection at QoS 1, the session at QoS 2: what the identifier has a meaning in.
    pub(super) epoch: u64,
}

impl Token {
    pub(super) fn exactly_once(&self) -> Option<PacketId> {
        (self.qos == QoS::ExactlyOnce).then_some(self.packet_id)
    }

    pub(super) fn at_exactly_once(packet_id: PacketId, epoch: u64) -> Token {
        Token { qos: QoS::ExactlyOnce, packet_id, epoch }
    }
}

/// Something the application should know.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server accepted the connection.
    Connected {
        /// Whether it goes on with an earlier session, section 3.2.2.2. 3.1 does not say: there, whether one
        /// was asked for.
        session_present: bool,
    },
    /// A message came.
    Message {
        /// The message.
        message: Message,
        /// The DUP flag: whether it may have been sent before.
        dup: bool,
        /// What to acknowledge it with, where that is the application's part.
        token: Option<Token>,
    },
    /// What became of a message handed to [`Client::publish`](crate::Client::publish).
    Published {
        /// What `publish` returned.
        handle: Handle,
        /// How it ended.
        outcome: PublishOutcome,
    },
    /// What became of a [`Client::subscribe`](crate::Client::subscribe).
    Subscribed {
        /// What `subscribe` returned.
        handle: Handle,
        /// For each filter the QoS granted or why it was refused; `None`: the connection was lost before
        /// the answer came.
        reason_codes: Option<Vec<ReasonCode>>,
    },
    /// What became of a [`Client::unsubscribe`](crate::Client::unsubscribe).
    Unsubscribed {
        /// What `unsubscribe` returned.
        handle: Handle,
        /// Whether the server confirmed it; false: the connection was lost before the answer came.
        acknowledged: bool,
    },
    /// The connection is over; exactly once for each.
    Disconnected(DisconnectReason),
}

/// How a message handed over ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PublishOutcome {
    /// At QoS 0: handed to the driver to be sent. Nobody will ever say more.
    Sent,
    /// At QoS 1 and 2: the server has taken it over.
    Acknowledged,
    /// The session ended before the server acknowledged it; it may have arrived.
    Lost,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The application asked for it; DISCONNECT was sent if CONNACK had come.
    #[error("the connection was ended as asked")]
    Requested,
    /// The server refused the connection.
    #[error("the server refused the connection: {0}")]
    Refused(ReasonCode),
    /// The transport was closed or lost.
    #[error("the transport was closed or lost")]
    TransportClosed,
    /// CONNACK did not come in time.
    #[error("the server did not answer CONNECT in time")]
    ConnectTimeout,
    /// PINGRESP did not come in time.
    #[error("the server did not answer PINGREQ in time")]
    PingTimeout,
    /// What was left to send was not pulled in time.
    #[error("what was left to send was not taken in time")]
    CloseTimeout,
    /// The server sends what must be answered, and the transport does not take the answers: more than
    /// 1 MiB of them.
    #[error("the transport does not take the answers to what the server sends")]
    AnswersNotTaken,
    /// The server broke the protocol.
    #[error(transparent)]
    ServerFault(#[from] ServerFault),
}
