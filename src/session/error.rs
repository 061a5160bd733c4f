//! What can go wrong with one client: by its fault ([`ClientFault`]) or for lack of room ([`Dropped`]).

use crate::codec::{DecodeError, TopicAlias};
use crate::delivery::AliasFault;
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
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
    /// Its client identifier is not one of its version before 5.0: empty, too long, or empty without a clean session.
    /// [MQTT-3.1.3-9]
    #[error("the client identifier is empty or too long for this kind of CONNECT")]
    ClientIdentifier(Version),
    /// Its keep alive is longer than is served before 5.0, or off.
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
    /// It published, or has a will, at a higher QoS than is served. [MQTT-3.2.2-12]
    #[error("the client published at a QoS that is not served")]
    QoSNotSupported,
    /// It published a message to be retained, or has such a will, where none are. [MQTT-3.2.2-13]
    #[error("the client published a message to be retained, and none are")]
    RetainNotSupported,
    /// Its will is said to be text, and is none.
    #[error("the payload of the will is said to be UTF-8 text, and is not")]
    PayloadFormatInvalid,
    /// It has more QoS 1 and 2 messages open than it was told in CONNACK. (Section 3.3.4.)
    #[error("the client has more QoS 1 and 2 messages open than the Receive Maximum")]
    ReceiveMaximumExceeded,
    /// It used a topic alias above the maximum that it was told. (Section 3.3.2.3.4.)
    #[error("the client used topic alias {0}, which is above the maximum")]
    TopicAliasInvalid(TopicAlias),
    /// It used a topic alias that stands for nothing. (Section 3.3.4.)
    #[error("the client used topic alias {0}, which stands for no topic")]
    UnknownTopicAlias(TopicAlias),
    /// It subscribed with wildcards where none are served. (Section 3.2.2.3.11.)
    #[error("the client subscribed with a wildcard, and none are served")]
    WildcardSubscriptionsNotSupported,
    /// It gave a subscription an identifier where none are served. (Section 3.2.2.3.12.)
    #[error("the client gave a subscription an identifier, and none are served")]
    SubscriptionIdentifiersNotSupported,
    /// It shared a subscription where none can be. (Section 3.2.2.3.13.)
    #[error("the client shared a subscription, and none can be")]
    SharedSubscriptionsNotSupported,
    /// It prolonged in DISCONNECT a session that was to end with the connection. (Section 3.14.2.2.2.)
    #[error("the client prolonged in DISCONNECT a session that was to end with the connection")]
    SessionExpiryRaised,
    /// Its authentication method is none that is known. [MQTT-4.12.0-1]
    #[error("the authentication method is not supported")]
    AuthenticationMethod,
    /// It sent an AUTH that was not its turn, or has another authentication method than CONNECT.
    /// [MQTT-4.12.0-5] [MQTT-4.12.0-7]
    #[error("the client sent AUTH out of turn, or with another method than in CONNECT")]
    UnexpectedAuth,
    /// It went on before it was authenticated. [MQTT-3.1.2-30]
    #[error("the client sent {0} before it was authenticated")]
    NotAuthenticated(PacketType),
    /// An answer that it must have is larger than the Maximum Packet Size of its CONNECT. [MQTT-3.1.2-24]
    #[error("the answer is larger than the client's Maximum Packet Size")]
    AnswerTooLarge,
}

impl ClientFault {
    /// The MQTT 5.0 reason code that says so, section 4.13.
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            ClientFault::Decode(error) => error.reason_code(),
            ClientFault::ClientIdentifier(_) => ReasonCode::ClientIdentifierNotValid,
            ClientFault::TooManyUnreleased | ClientFault::ReceiveMaximumExceeded => {
                ReasonCode::ReceiveMaximumExceeded
            }
            ClientFault::TooEarly | ClientFault::AnswersNotTaken | ClientFault::TooManyFilters => {
                ReasonCode::QuotaExceeded
            }
            ClientFault::QoSNotSupported => ReasonCode::QoSNotSupported,
            ClientFault::RetainNotSupported => ReasonCode::RetainNotSupported,
            ClientFault::PayloadFormatInvalid => ReasonCode::PayloadFormatInvalid,
            ClientFault::TopicAliasInvalid(_) => ReasonCode::TopicAliasInvalid,
            ClientFault::WildcardSubscriptionsNotSupported => {
                ReasonCode::WildcardSubscriptionsNotSupported
            }
            ClientFault::SubscriptionIdentifiersNotSupported => {
                ReasonCode::SubscriptionIdentifiersNotSupported
            }
            ClientFault::SharedSubscriptionsNotSupported => {
                ReasonCode::SharedSubscriptionsNotSupported
            }
            ClientFault::AuthenticationMethod => ReasonCode::BadAuthenticationMethod,
            ClientFault::AnswerTooLarge => ReasonCode::PacketTooLarge,
            _ => ReasonCode::ProtocolError,
        }
    }
}

impl From<AliasFault> for ClientFault {
    fn from(fault: AliasFault) -> ClientFault {
        match fault {
            AliasFault::AboveMaximum(alias) => ClientFault::TopicAliasInvalid(alias),
            AliasFault::Unknown(alias) => ClientFault::UnknownTopicAlias(alias),
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
    /// The client sent DISCONNECT of 5.0 with another code than 0: its will is published. [MQTT-3.1.2-8]
    #[error("the client disconnected: {0}")]
    DisconnectedWith(ReasonCode),
    /// The transport was closed or lost.
    #[error("the transport was closed or lost")]
    TransportClosed,
    /// No packet came for one and a half times the keep alive. [MQTT-3.1.2-22]; before 5.0 [MQTT-3.1.2-24]
    #[error("the client exceeded its keep alive")]
    KeepAliveTimeout,
    /// CONNECT did not come in time, or the AUTH that was asked for after it.
    #[error("the client did not send CONNECT or AUTH in time")]
    ConnectTimeout,
    /// The same client identifier connected again. [MQTT-3.1.4-3]; before 5.0 [MQTT-3.1.4-2]
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
    /// That of a client's DISCONNECT.
    pub(crate) fn of_disconnect(reason_code: ReasonCode) -> CloseReason {
        match reason_code {
            ReasonCode::NORMAL_DISCONNECTION => CloseReason::Disconnected,
            code => CloseReason::DisconnectedWith(code),
        }
    }

    /// Whether the client is sent the answers that wait before the close.
    pub(crate) fn is_answered(self) -> bool {
        match self {
            CloseReason::ClientFault(fault) => fault != ClientFault::AnswersNotTaken,
            reason => matches!(
                reason,
                CloseReason::Disconnected
                    | CloseReason::DisconnectedWith(_)
                    | CloseReason::Requested
            ),
        }
    }

    /// The code of the DISCONNECT that a client of 5.0 is sent, where it is sent one. (Section 4.13.)
    pub(crate) fn disconnect_code(self) -> Option<ReasonCode> {
        let code = match self {
            CloseReason::KeepAliveTimeout => ReasonCode::KeepAliveTimeout,
            CloseReason::TakenOver => ReasonCode::SessionTakenOver, // [MQTT-3.1.4-3]
            CloseReason::Requested => ReasonCode::AdministrativeAction,
            CloseReason::ClientFault(fault) => fault.reason_code(),
            _ => return None,
        };
        let allowed = code.is_allowed_from(Sender::Server, PacketType::Disconnect);
        Some(if allowed { code } else { ReasonCode::ProtocolError })
    }
}
