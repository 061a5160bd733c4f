//! Reason codes: one table of their values, names and the packets they may stand in.

use core::fmt;

use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::version::Version;

const fn set(packets: &[PacketType]) -> u16 {
    let mut set = 0;
    let mut rest = packets;
    while let [first, tail @ ..] = rest {
        set |= first.bit();
        rest = tail;
    }
    set
}

/// `Variant = value, "name", from anyone [packets], from the server [packets], from the client [packets]`
macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal,
        $anyone:tt, $server:tt, $client:tt;)*) => {
        /// A reason code of MQTT 5.0, section 2.4; values below 0x80 are successes.
        ///
        /// The return codes of 3.1 and 3.1.1 are the same concept under other numbers or with fewer
        /// values, and use this type too: see [`connack_code`](ReasonCode::connack_code).
        ///
        /// ```
        /// use mqtt_sansio::{PacketType, ReasonCode, Version};
        ///
        /// let code = ReasonCode::try_from(0x87).unwrap();
        /// assert_eq!(code, ReasonCode::NotAuthorized);
        /// assert!(code.is_error());
        /// assert!(code.is_allowed_in(PacketType::ConnAck));
        /// assert!(!code.is_allowed_in(PacketType::PubRel));
        /// assert_eq!(code.connack_code(Version::V3_1_1), Some(5));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum ReasonCode {
            $(#[doc = concat!($text, ".")] $(#[$doc])* $name = $value,)*
        }

        /// Indexed by value: the code with the packets (a bit each) that a client and a server may
        /// send it in.
        static TABLE: [Option<(ReasonCode, u16, u16)>; 256] = {
            use PacketType::*;
            let mut table = [None; 256];
            $(table[$value] = Some((
                ReasonCode::$name,
                set(&$anyone) | set(&$client),
                set(&$anyone) | set(&$server),
            ));)*
            table
        };

        impl ReasonCode {
            /// Every reason code, in ascending order.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$name,)*];

            /// The name of the code in the specification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(ReasonCode::$name => $text,)*
                }
            }
        }
    };
}

reason_codes! {
    /// In DISCONNECT: Normal disconnection. In SUBACK: Granted QoS 0.
    Success = 0x00, "Success",
        [ConnAck, PubAck, PubRec, PubRel, PubComp, SubAck, UnsubAck, Disconnect], [Auth], [];
    GrantedQoS1 = 0x01, "Granted QoS 1", [SubAck], [], [];
    GrantedQoS2 = 0x02, "Granted QoS 2", [SubAck], [], [];
    DisconnectWithWillMessage = 0x04, "Disconnect with Will Message", [], [], [Disconnect];
    NoMatchingSubscribers = 0x10, "No matching subscribers", [], [PubAck, PubRec], [];
    NoSubscriptionExisted = 0x11, "No subscription existed", [UnsubAck], [], [];
    ContinueAuthentication = 0x18, "Continue authentication", [Auth], [], [];
    ReAuthenticate = 0x19, "Re-authenticate", [], [], [Auth];
    UnspecifiedError = 0x80, "Unspecified error",
        [ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect], [], [];
    MalformedPacket = 0x81, "Malformed Packet", [ConnAck, Disconnect], [], [];
    ProtocolError = 0x82, "Protocol Error", [ConnAck, Disconnect], [], [];
    ImplementationSpecificError = 0x83, "Implementation specific error",
        [ConnAck, PubAck, PubRec, SubAck, UnsubAck, Disconnect], [], [];
    UnsupportedProtocolVersion = 0x84, "Unsupported Protocol Version", [ConnAck], [], [];
    ClientIdentifierNotValid = 0x85, "Client Identifier not valid", [ConnAck], [], [];
    BadUserNameOrPassword = 0x86, "Bad User Name or Password", [ConnAck], [], [];
    NotAuthorized = 0x87, "Not authorized",
        [ConnAck, PubAck, PubRec, SubAck, UnsubAck], [Disconnect], [];
    ServerUnavailable = 0x88, "Server unavailable", [ConnAck], [], [];
    ServerBusy = 0x89, "Server busy", [ConnAck], [Disconnect], [];
    Banned = 0x8A, "Banned", [ConnAck], [], [];
    ServerShuttingDown = 0x8B, "Server shutting down", [], [Disconnect], [];
    /// In DISCONNECT by table 2-6 of the specification; table 3-10 leaves it out.
    BadAuthenticationMethod = 0x8C, "Bad authentication method", [ConnAck, Disconnect], [], [];
    KeepAliveTimeout = 0x8D, "Keep Alive timeout", [], [Disconnect], [];
    SessionTakenOver = 0x8E, "Session taken over", [], [Disconnect], [];
    TopicFilterInvalid = 0x8F, "Topic Filter invalid", [SubAck, UnsubAck], [Disconnect], [];
    TopicNameInvalid = 0x90, "Topic Name invalid", [ConnAck, PubAck, PubRec, Disconnect], [], [];
    PacketIdentifierInUse = 0x91, "Packet Identifier in use",
        [PubAck, PubRec, SubAck, UnsubAck], [], [];
    PacketIdentifierNotFound = 0x92, "Packet Identifier not found", [PubRel, PubComp], [], [];
    ReceiveMaximumExceeded = 0x93, "Receive Maximum exceeded", [Disconnect], [], [];
    TopicAliasInvalid = 0x94, "Topic Alias invalid", [Disconnect], [], [];
    PacketTooLarge = 0x95, "Packet too large", [ConnAck, Disconnect], [], [];
    MessageRateTooHigh = 0x96, "Message rate too high", [Disconnect], [], [];
    QuotaExceeded = 0x97, "Quota exceeded",
        [ConnAck, PubAck, PubRec, SubAck, Disconnect], [], [];
    AdministrativeAction = 0x98, "Administrative action", [Disconnect], [], [];
    PayloadFormatInvalid = 0x99, "Payload format invalid",
        [ConnAck, PubAck, PubRec, Disconnect], [], [];
    RetainNotSupported = 0x9A, "Retain not supported", [ConnAck], [Disconnect], [];
    QoSNotSupported = 0x9B, "QoS not supported", [ConnAck], [Disconnect], [];
    UseAnotherServer = 0x9C, "Use another server", [ConnAck], [Disconnect], [];
    ServerMoved = 0x9D, "Server moved", [ConnAck], [Disconnect], [];
    SharedSubscriptionsNotSupported = 0x9E, "Shared Subscriptions not supported",
        [SubAck], [Disconnect], [];
    ConnectionRateExceeded = 0x9F, "Connection rate exceeded", [ConnAck], [Disconnect], [];
    MaximumConnectTime = 0xA0, "Maximum connect time", [], [Disconnect], [];
    SubscriptionIdentifiersNotSupported = 0xA1, "Subscription Identifiers not supported",
        [SubAck], [Disconnect], [];
    WildcardSubscriptionsNotSupported = 0xA2, "Wildcard Subscriptions not supported",
        [SubAck], [Disconnect], [];
}

/// The codes of CONNACK in 3.1 and 3.1.1, by their return code there (section 3.2.2.3).
const CONNECT_RETURN_CODES: [ReasonCode; 6] = [
    ReasonCode::Success,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::ServerUnavailable,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
];

impl ReasonCode {
    /// Success under its name in DISCONNECT.
    pub const NORMAL_DISCONNECTION: ReasonCode = ReasonCode::Success;
    /// Success under its name in SUBACK.
    pub const GRANTED_QOS_0: ReasonCode = ReasonCode::Success;

    /// Whether the code reports a failure (0x80 and above).
    #[inline]
    #[must_use]
    pub const fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// Whether the packet lists this code for at least one of the two sides (5.0, table 2-6).
    #[must_use]
    pub fn is_allowed_in(self, packet: PacketType) -> bool {
        self.is_allowed_from(Sender::Client, packet) || self.is_allowed_from(Sender::Server, packet)
    }

    /// Whether the packet lists this code for that sender (5.0, table 2-6 and sections 3.2 to 3.15).
    #[must_use]
    pub fn is_allowed_from(self, sender: Sender, packet: PacketType) -> bool {
        let allowed = TABLE.get(usize::from(u8::from(self))).copied().flatten();
        allowed.is_some_and(|(_, client, server)| {
            let packets = if sender == Sender::Client { client } else { server };
            packets & packet.bit() != 0 && packet.may_come_from(sender, Version::V5_0)
        })
    }

    /// The byte that stands for this code in a CONNACK of that version: the return code 0 to 5 in 3.1
    /// and 3.1.1, the value in 5.0. `None` where the version has no such code.
    #[must_use]
    pub fn connack_code(self, version: Version) -> Option<u8> {
        if version.has_properties() {
            return self.is_allowed_in(PacketType::ConnAck).then_some(u8::from(self));
        }
        let code = CONNECT_RETURN_CODES.iter().position(|code| *code == self)?;
        u8::try_from(code).ok()
    }

    /// The code that a SUBACK grants that level with.
    #[must_use]
    pub const fn granted(qos: QoS) -> ReasonCode {
        match qos {
            QoS::AtMostOnce => ReasonCode::Success,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        }
    }

    /// The level that this code grants in a SUBACK; `None` for a refusal.
    #[must_use]
    pub const fn granted_qos(self) -> Option<QoS> {
        match self {
            ReasonCode::Success => Some(QoS::AtMostOnce),
            ReasonCode::GrantedQoS1 => Some(QoS::AtLeastOnce),
            ReasonCode::GrantedQoS2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    /// The code of that CONNACK byte, where the version lists it.
    pub(crate) fn from_connack_code(byte: u8, version: Version) -> Option<ReasonCode> {
        if version.has_properties() {
            return ReasonCode::listed(byte, PacketType::ConnAck);
        }
        CONNECT_RETURN_CODES.get(usize::from(byte)).copied()
    }

    /// The code of that SUBACK byte, where the version lists it. [MQTT-3.9.3-2]
    #[inline]
    pub(crate) fn from_suback_code(byte: u8, version: Version) -> Option<ReasonCode> {
        // In 3.1 only the two low bits have a meaning.
        let byte = if version == Version::V3_1 && byte < 0x80 { byte & 0b11 } else { byte };
        match byte {
            0 => Some(ReasonCode::Success),
            1 => Some(ReasonCode::GrantedQoS1),
            2 => Some(ReasonCode::GrantedQoS2),
            // 3.1 has no failure code, but servers written for 3.1.1 send it there too.
            0x80 => Some(ReasonCode::UnspecifiedError),
            _ if version.has_properties() => ReasonCode::listed(byte, PacketType::SubAck),
            _ => None,
        }
    }

    /// The code of that value, where the packet lists it for either side.
    #[inline]
    pub(crate) fn listed(byte: u8, packet: PacketType) -> Option<ReasonCode> {
        match TABLE.get(usize::from(byte)) {
            Some(Some((code, client, server))) if (client | server) & packet.bit() != 0 => {
                Some(*code)
            }
            _ => None,
        }
    }
}

impl From<ReasonCode> for u8 {
    #[inline]
    fn from(code: ReasonCode) -> u8 {
        code as u8
    }
}

impl TryFrom<u8> for ReasonCode {
    type Error = UnknownReasonCode;

    fn try_from(value: u8) -> Result<ReasonCode, UnknownReasonCode> {
        match TABLE.get(usize::from(value)) {
            Some(Some((code, _, _))) => Ok(*code),
            _ => Err(UnknownReasonCode(value)),
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The value is not a reason code of MQTT 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:#04x} is not a reason code of MQTT 5.0")]
pub struct UnknownReasonCode(
    /// The value.
    pub u8,
);
