//! What a client tells its driver and the application.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::error::{NotSent, ServerFault};
use super::terms::Terms;
use crate::codec::{Properties, Property, SubscriptionIdentifier};
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;
use crate::violation::Violation;

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

/// What a message of 5.0 is acknowledged with: see [`Client::acknowledge_with`](crate::Client::acknowledge_with).
///
/// ```
/// use mqtt_sansio::{Answer, Property, ReasonCode};
///
/// let answer = Answer::new(ReasonCode::QuotaExceeded, &[Property::ReasonString("disk full")])?;
/// assert!(Answer::new(ReasonCode::SessionTakenOver, &[]).is_err());
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(super) reason_code: ReasonCode,
    pub(super) properties: OwnedProperties,
}

impl Answer {
    /// A reason code that a client may send in PUBACK and PUBREC, with a Reason String and User Properties.
    ///
    /// # Errors
    ///
    /// Where PUBACK does not list the code for clients, or cannot carry the properties.
    pub fn new(reason_code: ReasonCode, properties: &[Property<'_>]) -> Result<Answer, Violation> {
        if !reason_code.is_allowed_from(Sender::Client, PacketType::PubAck) {
            return Err(Violation::ReasonCodeNotListed);
        }
        let place = crate::codec::Place::Packet(PacketType::PubAck);
        Properties::new(properties).encoded_len(place)?;
        let properties = OwnedProperties::new(properties)?;
        Ok(Answer { reason_code, properties })
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
        /// What holds on this connection.
        terms: Terms,
        /// The properties of CONNACK; empty before 5.0.
        properties: OwnedProperties,
    },
    /// A message came.
    Message {
        /// The message.
        message: Message,
        /// The DUP flag: whether it may have been sent before.
        dup: bool,
        /// The identifiers of the subscriptions that it came for, where they have some; empty before 5.0.
        subscription_identifiers: Box<[SubscriptionIdentifier]>,
        /// What to acknowledge it with, where that is the application's part.
        token: Option<Token>,
    },
    /// What became of a message handed to [`Client::publish`](crate::Client::publish).
    Published {
        /// What `publish` returned.
        handle: Handle,
        /// How it ended.
        outcome: PublishOutcome,
        /// The properties of the acknowledgement that ended it; empty before 5.0.
        properties: OwnedProperties,
    },
    /// What became of a [`Client::subscribe`](crate::Client::subscribe).
    Subscribed {
        /// What `subscribe` returned.
        handle: Handle,
        /// How it ended: for each filter the QoS granted or why it was refused.
        outcome: RequestOutcome,
        /// The properties of SUBACK; empty before 5.0.
        properties: OwnedProperties,
    },
    /// What became of a [`Client::unsubscribe`](crate::Client::unsubscribe).
    Unsubscribed {
        /// What `unsubscribe` returned.
        handle: Handle,
        /// How it ended: for each filter what became of it; before 5.0 the server only confirms.
        outcome: RequestOutcome,
        /// The properties of UNSUBACK; empty before 5.0.
        properties: OwnedProperties,
    },
    /// The server sent AUTH, section 4.12 of 5.0.
    Authentication {
        /// [`ContinueAuthentication`](ReasonCode::ContinueAuthentication): answer with
        /// [`Client::authenticate`](crate::Client::authenticate).
        /// [`Success`](ReasonCode::Success): a re-authentication is over.
        reason_code: ReasonCode,
        /// Its properties: the method, and data.
        properties: OwnedProperties,
    },
    /// The connection is over; exactly once for each.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// The properties of the CONNACK that refused it or of the server's DISCONNECT; else empty.
        properties: OwnedProperties,
    },
}

/// How a SUBSCRIBE or UNSUBSCRIBE ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RequestOutcome {
    /// The server answered, with a code for each filter; for UNSUBSCRIBE before 5.0 with none.
    Answered(Vec<ReasonCode>),
    /// It was not sent, and will not be.
    NotSent(NotSent),
    /// The connection was lost before the answer came.
    Lost,
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
    /// The same, and it knows of nobody who receives it. Not every server says so; none before 5.0.
    NoMatchingSubscribers,
    /// At QoS 1 and 2: the server has not taken it, for this reason.
    Refused(ReasonCode),
    /// Its Message Expiry Interval passed before it was sent.
    Expired,
    /// It was not sent, and will not be.
    NotSent(NotSent),
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
    /// The server sent DISCONNECT.
    #[error("the server ended the connection: {0}")]
    Server(ReasonCode),
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
