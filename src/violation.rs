//! The rules of the specification that a codec can see broken: one table.

use crate::reason::ReasonCode;

macro_rules! violations {
    ($($name:ident = $reason:ident, $text:literal;)*) => {
        /// A rule of the specification that a packet breaks.
        ///
        /// Decoding reports it with its place in a [`DecodeError`](crate::DecodeError); encoding
        /// refuses a packet that has it, as [`EncodeError::Violation`](crate::EncodeError::Violation).
        ///
        /// ```
        /// use mqtt_sansio::{ReasonCode, TopicName, Violation};
        ///
        /// let violation = TopicName::new("a/#").unwrap_err();
        /// assert_eq!(violation, Violation::WildcardInTopicName);
        /// assert_eq!(violation.reason_code(), ReasonCode::ProtocolError);
        /// assert_eq!(violation.to_string(), "a topic name must not contain the wildcards + and #");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Violation {
            $(#[doc = concat!("\"", $text, "\"; ", stringify!($reason), ".")] #[error($text)] $name,)*
        }

        impl Violation {
            /// Every violation.
            pub const ALL: &'static [Violation] = &[$(Violation::$name,)*];

            /// The MQTT 5.0 reason code that reports this: malformed packet (0x81) where the packet
            /// cannot be parsed, protocol error (0x82) or a more specific code where it parses but is
            /// not allowed (section 4.13.1).
            #[must_use]
            pub const fn reason_code(self) -> ReasonCode {
                match self {
                    $(Violation::$name => ReasonCode::$reason,)*
                }
            }
        }
    };
}

violations! {
    // Framing.
    ReservedPacketType = MalformedPacket, "packet types 0 and, before MQTT 5.0, 15 are reserved";
    ReservedFlags = MalformedPacket, "the reserved flags of the fixed header do not have their fixed value";
    VarintTooLong = MalformedPacket, "a variable byte integer must end within four bytes";
    VarintNotMinimal = MalformedPacket, "MQTT 5.0 wants a variable byte integer in the fewest bytes possible";
    PacketTooLarge = PacketTooLarge, "the packet is larger than the maximum packet size";
    Truncated = MalformedPacket, "the field runs past the end of the packet";
    TrailingBytes = MalformedPacket, "bytes are left over after the last field of the packet";
    // Strings and topics.
    InvalidUtf8 = MalformedPacket, "the string is not well-formed UTF-8";
    NullCharacter = MalformedPacket, "a string must not contain U+0000";
    StringTooLong = MalformedPacket, "a string or binary field holds at most 65,535 bytes";
    EmptyTopicName = ProtocolError, "a topic name must have at least one character";
    WildcardInTopicName = ProtocolError, "a topic name must not contain the wildcards + and #";
    EmptyTopicFilter = ProtocolError, "a topic filter must have at least one character";
    MisplacedWildcard = ProtocolError, "in a topic filter + must fill a whole level and # must be the whole last level";
    InvalidSharedFilter = ProtocolError, "a shared subscription must read $share/NAME/FILTER, without + and # in the name";
    // CONNECT.
    UnknownProtocolName = ProtocolError, "the protocol name must be MQTT, or MQIsdp for MQTT 3.1";
    UnsupportedProtocolVersion = UnsupportedProtocolVersion, "the protocol level must be 3 with MQIsdp, 4 or 5 with MQTT";
    ReservedConnectFlag = MalformedPacket, "the reserved bit 0 of the connect flags must be 0";
    WillFlagsWithoutWill = ProtocolError, "will QoS and will retain must be 0 where the will flag is 0";
    PasswordWithoutUserName = ProtocolError, "before MQTT 5.0 a password needs a user name";
    // CONNACK.
    ReservedAcknowledgeFlags = MalformedPacket, "bits 7 to 1 of the connect acknowledge flags must be 0";
    SessionPresentOnRefusal = ProtocolError, "session present must be 0 where the connection is refused";
    // PUBLISH, SUBSCRIBE, UNSUBSCRIBE and acknowledgements.
    QoS3 = MalformedPacket, "QoS 3 does not exist: both QoS bits must not be 1";
    DupAtQoS0 = MalformedPacket, "the DUP flag must be 0 at QoS 0";
    ZeroPacketId = ProtocolError, "a packet identifier must not be 0";
    EmptyTopicNameWithoutAlias = ProtocolError, "an empty topic name needs a topic alias";
    NoTopicFilters = ProtocolError, "the packet must carry at least one topic filter";
    NoReasonCodes = ProtocolError, "the packet must carry a reason code for each topic filter";
    ReservedSubscriptionOptions = MalformedPacket, "the reserved bits of the subscription options must be 0";
    SubscriptionQoS3 = ProtocolError, "the maximum QoS of a subscription must be 0, 1 or 2";
    RetainHandling3 = ProtocolError, "retain handling must be 0, 1 or 2";
    NoLocalOnSharedSubscription = ProtocolError, "no local must not be set on a shared subscription";
    ReasonCodeNotListed = ProtocolError, "the packet does not list this reason code";
    // Properties.
    UnknownProperty = MalformedPacket, "no property has this identifier";
    PropertyNotAllowed = MalformedPacket, "the property may not stand in this packet";
    DuplicateProperty = ProtocolError, "the property may stand only once";
    PropertyValue = ProtocolError, "the value is outside what the property allows";
    TopicAliasZero = TopicAliasInvalid, "a topic alias must not be 0";
    AuthenticationMethodMissing = ProtocolError, "the packet needs an Authentication Method";
    // Direction.
    WrongSender = ProtocolError, "this side must not send this packet, reason code or property";
}
