//! The control packet types, and which side sends which.

use core::fmt;

use crate::version::Version;

/// The side of a connection that sends a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Sender {
    /// The side that sent CONNECT.
    Client,
    /// The side that answers it.
    Server,
}

/// A control packet type, section 2.2.1 (5.0: 2.1.2): bits 7 to 4 of a packet's first byte.
///
/// ```
/// use mqtt_sansio::PacketType;
///
/// assert_eq!(PacketType::from_first_byte(0x32), Some(PacketType::Publish));
/// assert_eq!(PacketType::Publish.to_string(), "PUBLISH");
/// assert_eq!(PacketType::from_first_byte(0x0F), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum PacketType {
    /// Client to server: asks for a connection.
    Connect = 1,
    /// Server to client: answers CONNECT.
    ConnAck = 2,
    /// Either way: a message.
    Publish = 3,
    /// Either way: answers a QoS 1 PUBLISH.
    PubAck = 4,
    /// Either way: answers a QoS 2 PUBLISH.
    PubRec = 5,
    /// Either way: answers PUBREC.
    PubRel = 6,
    /// Either way: answers PUBREL.
    PubComp = 7,
    /// Client to server: asks for subscriptions.
    Subscribe = 8,
    /// Server to client: answers SUBSCRIBE.
    SubAck = 9,
    /// Client to server: ends subscriptions.
    Unsubscribe = 10,
    /// Server to client: answers UNSUBSCRIBE.
    UnsubAck = 11,
    /// Client to server: shows that it is alive.
    PingReq = 12,
    /// Server to client: answers PINGREQ.
    PingResp = 13,
    /// Client to server, in 5.0 either way: ends the connection.
    Disconnect = 14,
    /// Only in 5.0, either way: a step of enhanced authentication.
    Auth = 15,
}

impl PacketType {
    /// Every packet type, in ascending order.
    pub const ALL: [PacketType; 15] = [
        PacketType::Connect,
        PacketType::ConnAck,
        PacketType::Publish,
        PacketType::PubAck,
        PacketType::PubRec,
        PacketType::PubRel,
        PacketType::PubComp,
        PacketType::Subscribe,
        PacketType::SubAck,
        PacketType::Unsubscribe,
        PacketType::UnsubAck,
        PacketType::PingReq,
        PacketType::PingResp,
        PacketType::Disconnect,
        PacketType::Auth,
    ];

    /// The type of a packet that begins with that byte; `None` for the reserved type 0.
    #[inline]
    #[must_use]
    pub const fn from_first_byte(byte: u8) -> Option<PacketType> {
        Some(match byte >> 4 {
            1 => PacketType::Connect,
            2 => PacketType::ConnAck,
            3 => PacketType::Publish,
            4 => PacketType::PubAck,
            5 => PacketType::PubRec,
            6 => PacketType::PubRel,
            7 => PacketType::PubComp,
            8 => PacketType::Subscribe,
            9 => PacketType::SubAck,
            10 => PacketType::Unsubscribe,
            11 => PacketType::UnsubAck,
            12 => PacketType::PingReq,
            13 => PacketType::PingResp,
            14 => PacketType::Disconnect,
            15 => PacketType::Auth,
            _ => return None,
        })
    }

    /// The name in the specification, in capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }

    /// The flags that the type fixes, section 2.2.2; PUBLISH has its own. [MQTT-2.2.2-1]
    #[inline(always)]
    pub(crate) const fn fixed_flags(packet_type: u8) -> u8 {
        // PUBREL, SUBSCRIBE and UNSUBSCRIBE.
        if matches!(packet_type, 6 | 8 | 10) { 0b0010 } else { 0 }
    }

    /// The first byte of a packet of this type; of PUBLISH without its flags.
    #[inline(always)]
    pub(crate) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | PacketType::fixed_flags(self as u8)
    }

    /// A bit for each type.
    #[inline(always)]
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl PacketType {
    /// Whether that side may send packets of this type in that version, section 2.2.1.
    ///
    /// ```
    /// use mqtt_sansio::{PacketType, Sender, Version};
    ///
    /// assert!(!PacketType::Disconnect.may_come_from(Sender::Server, Version::V3_1_1));
    /// assert!(PacketType::Disconnect.may_come_from(Sender::Server, Version::V5_0));
    /// ```
    #[must_use]
    pub const fn may_come_from(self, sender: Sender, version: Version) -> bool {
        match self {
            PacketType::Connect
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq => matches!(sender, Sender::Client),
            PacketType::ConnAck
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingResp => matches!(sender, Sender::Server),
            PacketType::Publish
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp => true,
            PacketType::Disconnect => matches!(sender, Sender::Client) || version.has_properties(),
            PacketType::Auth => version.has_properties(),
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
