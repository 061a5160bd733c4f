//! The control packets: one type per shape, for all versions.

mod ack;
mod auth;
mod connack;
mod connect;
mod direction;
mod disconnect;
mod packet_type;
mod publish;
mod suback;
mod subscribe;
mod unsuback;
mod unsubscribe;

use core::fmt;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Connect, Will};
pub use direction::Sender;
pub use disconnect::Disconnect;
pub use packet_type::PacketType;
pub use publish::{Delivery, Publish};
pub use suback::SubAck;
pub use subscribe::{RetainHandling, Subscribe, Subscription};
pub use unsuback::UnsubAck;
pub use unsubscribe::Unsubscribe;

#[cfg(feature = "alloc")]
use crate::codec::BufSink;
use crate::codec::{
    DecodeError, EncodeError, Field, Frame, Sink, SliceSink, Violation, field, varint_len,
};
use crate::version::Version;

/// A control packet, section 2.2.1, of any version; borrowed from the bytes it came in or from what it
/// was made of.
///
/// ```
/// use mqtt_sansio::{Delivery, Frame, Packet, Publish, TopicName, Version};
///
/// let packet = Packet::from(Publish {
///     retain: true,
///     ..Publish::new(TopicName::new("kitchen/temp")?, b"20")
/// });
/// let mut buffer = [0; 32];
/// let len = packet.encode(Version::V3_1_1, &mut buffer)?;
/// assert_eq!(&buffer[..len], b"\x31\x10\x00\x0ckitchen/temp20");
///
/// let (frame, rest) = Frame::parse(&buffer[..len], 1024)?.expect("a whole packet");
/// assert!(rest.is_empty());
/// assert_eq!(Packet::decode(frame, Version::V3_1_1)?, packet);
/// assert_eq!(packet.to_string(), "PUBLISH (d0, q0, r1, m0, 'kitchen/temp', 2 bytes)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are borrowed views; boxing one would allocate"
)]
pub enum Packet<'a> {
    /// Section 3.1.
    Connect(Connect<'a>),
    /// Section 3.2.
    ConnAck(ConnAck<'a>),
    /// Section 3.3.
    Publish(Publish<'a>),
    /// Section 3.4.
    PubAck(Ack<'a>),
    /// Section 3.5.
    PubRec(Ack<'a>),
    /// Section 3.6.
    PubRel(Ack<'a>),
    /// Section 3.7.
    PubComp(Ack<'a>),
    /// Section 3.8.
    Subscribe(Subscribe<'a>),
    /// Section 3.9.
    SubAck(SubAck<'a>),
    /// Section 3.10.
    Unsubscribe(Unsubscribe<'a>),
    /// Section 3.11.
    UnsubAck(UnsubAck<'a>),
    /// Section 3.12.
    PingReq,
    /// Section 3.13.
    PingResp,
    /// Section 3.14.
    Disconnect(Disconnect<'a>),
    /// Section 3.15 of 5.0.
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads the packet in `frame`. CONNECT says itself which version it is of; all others are read as
    /// of `version`.
    ///
    /// Nothing is copied or allocated. Whatever a decoder can check of the specification is checked,
    /// apart from who may send what: that is [`check_sender`](Packet::check_sender).
    ///
    /// # Errors
    ///
    /// The first rule that the packet breaks.
    #[inline]
    pub fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        // Not `map_err`: it would move the packet.
        let mut result = match version {
            Version::V5_0 => decode::<true>(frame, version),
            Version::V3_1 | Version::V3_1_1 => decode::<false>(frame, version),
        };
        if let Err(error) = &mut result {
            error.located_in(frame);
        }
        result
    }

    /// The packet's type.
    #[inline]
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }

    /// The bytes that [`encode`](Packet::encode) will write, exactly.
    ///
    /// # Errors
    ///
    /// As [`encode`](Packet::encode).
    pub fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(self.measure(version)?.packet_size())
    }

    /// Writes the packet to the start of `out` and returns how many bytes it took. Nothing is allocated.
    ///
    /// # Errors
    ///
    /// Where the packet breaks a rule that [`decode`](Packet::decode) would refuse it for, has something
    /// the version cannot carry, or does not fit. What is in `out` then is not to be relied on.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        let lengths = self.measure(version)?;
        let size = lengths.packet_size();
        match self.write(version, lengths, &mut SliceSink::new(out)) {
            Some(()) => Ok(size),
            None => Err(buffer_too_small(size)),
        }
    }

    /// Writes the packet to the end of `out`, as [`encode`](Packet::encode) does.
    ///
    /// # Errors
    ///
    /// As [`encode`](Packet::encode); nothing is written then.
    #[cfg(feature = "alloc")]
    pub fn encode_to(
        &self,
        version: Version,
        out: &mut impl bytes::BufMut,
    ) -> Result<(), EncodeError> {
        let lengths = self.measure(version)?;
        let size = lengths.packet_size();
        if out.remaining_mut() < size {
            return Err(buffer_too_small(size));
        }
        self.write(version, lengths, &mut BufSink(out)).ok_or_else(|| buffer_too_small(size))
    }

    /// Checks the packet and measures it: all that can fail, but for room.
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        match self {
            Packet::Publish(packet) => packet.measure(version),
            Packet::PubAck(packet) => packet.measure(PacketType::PubAck, version),
            Packet::PubRec(packet) => packet.measure(PacketType::PubRec, version),
            Packet::PubRel(packet) => packet.measure(PacketType::PubRel, version),
            Packet::PubComp(packet) => packet.measure(PacketType::PubComp, version),
            Packet::PingReq | Packet::PingResp => Ok(Lengths::EMPTY),
            Packet::Connect(packet) => packet.measure(version),
            Packet::ConnAck(packet) => packet.measure(version),
            Packet::Subscribe(packet) => packet.measure(version),
            Packet::SubAck(packet) => packet.measure(version),
            Packet::Unsubscribe(packet) => packet.measure(version),
            Packet::UnsubAck(packet) => packet.measure(version),
            Packet::Disconnect(packet) => packet.measure(version),
            Packet::Auth(packet) => packet.measure(version),
        }
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        let v5 = version.has_properties();
        match self {
            Packet::Publish(packet) => packet.write(v5, lengths, out),
            Packet::PubAck(packet) => packet.write(PacketType::PubAck, lengths, out),
            Packet::PubRec(packet) => packet.write(PacketType::PubRec, lengths, out),
            Packet::PubRel(packet) => packet.write(PacketType::PubRel, lengths, out),
            Packet::PubComp(packet) => packet.write(PacketType::PubComp, lengths, out),
            Packet::PingReq => lengths.write_fixed_header(PacketType::PingReq, out),
            Packet::PingResp => lengths.write_fixed_header(PacketType::PingResp, out),
            Packet::Connect(packet) => packet.write(lengths, out),
            Packet::ConnAck(packet) => packet.write(version, lengths, out),
            Packet::Subscribe(packet) => packet.write(v5, lengths, out),
            Packet::SubAck(packet) => packet.write(v5, lengths, out),
            Packet::Unsubscribe(packet) => packet.write(v5, lengths, out),
            Packet::UnsubAck(packet) => packet.write(v5, lengths, out),
            Packet::Disconnect(packet) => packet.write(lengths, out),
            Packet::Auth(packet) => packet.write(lengths, out),
        }
    }
}

/// One arm per packet type; each builds its `Packet` where it is returned.
#[inline]
fn decode<const V5: bool>(frame: Frame<'_>, version: Version) -> Result<Packet<'_>, DecodeError> {
    let first = frame.first_byte();
    let (packet_type, flags) = (first >> 4, first & 0x0F);
    if packet_type == PacketType::Connect as u8 {
        return connect::decode(frame);
    }
    if V5 && !frame.has_minimal_length() {
        return Err(non_minimal_length(frame));
    }
    if packet_type == PacketType::Publish as u8 {
        return publish::decode::<V5>(frame, version);
    }
    // 3.1 gives these bits no meaning but for DUP on a retry, which changes nothing.
    if version != Version::V3_1 && flags != PacketType::fixed_flags(packet_type) {
        return Err(DecodeError::new(Violation::ReservedFlags, frame.as_bytes())); // [MQTT-2.2.2-2]
    }
    match packet_type {
        2 => connack::decode::<V5>(frame.body(), version),
        4 => ack::decode::<V5>(frame.body(), PacketType::PubAck, Packet::PubAck),
        5 => ack::decode::<V5>(frame.body(), PacketType::PubRec, Packet::PubRec),
        6 => ack::decode::<V5>(frame.body(), PacketType::PubRel, Packet::PubRel),
        7 => ack::decode::<V5>(frame.body(), PacketType::PubComp, Packet::PubComp),
        8 => subscribe::decode::<V5>(frame.body(), version),
        9 => suback::decode::<V5>(frame.body(), version),
        10 => unsubscribe::decode::<V5>(frame.body(), version),
        11 => unsuback::decode::<V5>(frame.body()),
        12 => field::end(frame.body()).map(|()| Packet::PingReq),
        13 => field::end(frame.body()).map(|()| Packet::PingResp),
        14 => disconnect::decode::<V5>(frame.body()),
        15 if V5 => auth::decode(frame.body()),
        _ => Err(DecodeError::new(Violation::ReservedPacketType, frame.as_bytes())),
    }
}

/// The remaining length takes more bytes than it needs; it stands after the first byte.
#[cold]
fn non_minimal_length(frame: Frame<'_>) -> DecodeError {
    let length = frame.as_bytes().get(1..).unwrap_or_default();
    DecodeError::new(Violation::VarintNotMinimal, length)
}

#[cold]
fn buffer_too_small(size: usize) -> EncodeError {
    EncodeError::BufferTooSmall { needed: u32::try_from(size).unwrap_or(u32::MAX) }
}

/// What measuring a packet found out, for writing it.
#[derive(Clone, Copy)]
struct Lengths {
    remaining: u32,
    properties: u32,
    will_properties: u32,
}

impl Lengths {
    const EMPTY: Lengths = Lengths { remaining: 0, properties: 0, will_properties: 0 };

    /// Of a packet with `fields` bytes beside its properties; in 5.0 their length stands before them.
    #[inline(always)]
    fn new(fields: usize, properties: usize, v5: bool) -> Result<Lengths, EncodeError> {
        let properties = field::remaining_length(properties)?;
        let properties_len = if v5 { varint_len(properties) + properties as usize } else { 0 };
        let remaining = field::remaining_length(fields + properties_len)?;
        Ok(Lengths { remaining, properties, will_properties: 0 })
    }

    #[inline(always)]
    fn packet_size(self) -> usize {
        1 + varint_len(self.remaining) + self.remaining as usize
    }

    /// The fixed header of a packet whose type alone says what the flags are.
    #[inline(always)]
    fn write_fixed_header(self, packet_type: PacketType, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(packet_type.first_byte(), self.remaining)
    }
}

/// Refuses what only 5.0 can carry.
#[inline(always)]
fn only_in_v5(carried: bool, field: Field, version: Version) -> Result<(), EncodeError> {
    if carried && !version.has_properties() {
        return Err(not_in_version(field, version));
    }
    Ok(())
}

#[cold]
fn not_in_version(field: Field, version: Version) -> EncodeError {
    EncodeError::NotInVersion { field, version }
}

macro_rules! from_packets {
    ($($name:ident)*) => {
        $(impl<'a> From<$name<'a>> for Packet<'a> {
            #[inline]
            fn from(packet: $name<'a>) -> Self {
                Packet::$name(packet)
            }
        })*
    };
}

from_packets!(Connect ConnAck Publish Subscribe SubAck Unsubscribe UnsubAck Disconnect Auth);

/// One line, in the manner of `mosquitto_sub -d`; passwords and payloads are not printed.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.packet_type().fmt(f)?;
        match self {
            Packet::Connect(packet) => packet.fmt(f),
            Packet::ConnAck(packet) => packet.fmt(f),
            Packet::Publish(packet) => packet.fmt(f),
            Packet::PubAck(packet)
            | Packet::PubRec(packet)
            | Packet::PubRel(packet)
            | Packet::PubComp(packet) => packet.fmt(f),
            Packet::Subscribe(packet) => packet.fmt(f),
            Packet::SubAck(packet) => packet.fmt(f),
            Packet::Unsubscribe(packet) => packet.fmt(f),
            Packet::UnsubAck(packet) => packet.fmt(f),
            Packet::PingReq | Packet::PingResp => Ok(()),
            Packet::Disconnect(packet) => packet.fmt(f),
            Packet::Auth(packet) => packet.fmt(f),
        }
    }
}
