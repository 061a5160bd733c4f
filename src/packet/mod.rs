//! The control packets: one type per shape, for all versions.

mod ack;
mod auth;
mod connack;
mod connect;
mod direction;
mod disconnect;
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
pub use disconnect::Disconnect;
pub use publish::{Delivery, Publish};
pub use suback::SubAck;
pub use subscribe::{RetainHandling, Subscribe, Subscription};
pub use unsuback::UnsubAck;
pub use unsubscribe::Unsubscribe;

#[cfg(feature = "alloc")]
use crate::codec::BufSink;
use crate::codec::{
    DecodeError, EncodeError, Field, Frame, MAXIMUM_REMAINING_LENGTH, Properties, Sink, SliceSink,
    Violation, field, varint_len,
};
use crate::packet_type::PacketType;
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

/// Runs `$result` with `$packet` bound to what encodes each packet.
macro_rules! each_packet {
    ($self:ident, $packet:ident => $result:expr) => {
        match $self {
            Packet::Publish($packet) => $result,
            Packet::PubAck(ack) => each_packet!(@ack PubAck, ack, $packet => $result),
            Packet::PubRec(ack) => each_packet!(@ack PubRec, ack, $packet => $result),
            Packet::PubRel(ack) => each_packet!(@ack PubRel, ack, $packet => $result),
            Packet::PubComp(ack) => each_packet!(@ack PubComp, ack, $packet => $result),
            Packet::PingReq => each_packet!(@ping PingReq, $packet => $result),
            Packet::PingResp => each_packet!(@ping PingResp, $packet => $result),
            Packet::Connect($packet) => $result,
            Packet::ConnAck($packet) => $result,
            Packet::Subscribe($packet) => $result,
            Packet::SubAck($packet) => $result,
            Packet::Unsubscribe($packet) => $result,
            Packet::UnsubAck($packet) => $result,
            Packet::Disconnect($packet) => $result,
            Packet::Auth($packet) => $result,
        }
    };
    (@ack $name:ident, $ack:ident, $packet:ident => $result:expr) => {{
        let $packet = ack::Typed { packet_type: PacketType::$name, ack: $ack };
        $result
    }};
    (@ping $name:ident, $packet:ident => $result:expr) => {{
        let $packet = Ping(PacketType::$name);
        $result
    }};
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
        if frame.first_byte() >> 4 == PacketType::Connect as u8 {
            return decode_connect(frame);
        }
        match version {
            Version::V5_0 => decode::<true>(frame, version),
            Version::V3_1 | Version::V3_1_1 => decode::<false>(frame, version),
        }
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
        let lengths = each_packet!(self, packet => packet.measure(version))?;
        Ok(lengths.packet_size())
    }

    /// Writes the packet to the start of `out` and returns how many bytes it took. Nothing is allocated.
    ///
    /// # Errors
    ///
    /// Where the packet breaks a rule that [`decode`](Packet::decode) would refuse it for, has something
    /// the version cannot carry, or does not fit. What is in `out` then is not to be relied on.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        each_packet!(self, packet => packet.encode(version, out))
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
        each_packet!(self, packet => packet.encode_to(version, out))
    }
}

/// CONNECT, the one packet that does not depend on the version asked for.
#[inline(never)]
fn decode_connect(frame: Frame<'_>) -> Result<Packet<'_>, DecodeError> {
    match connect::decode(frame) {
        Ok(packet) => Ok(Packet::Connect(packet)),
        Err(error) => Err(error.located_in(frame)),
    }
}

/// Returns the packet that `$decoded` is, built where it is returned (a `map` over large results would
/// move it), or goes on with the error.
macro_rules! return_packet {
    ($name:ident, $decoded:expr) => {
        match $decoded {
            Ok(packet) => return Ok(Packet::$name(packet)),
            Err(error) => error,
        }
    };
}

#[inline(never)]
fn decode<const V5: bool>(frame: Frame<'_>, version: Version) -> Result<Packet<'_>, DecodeError> {
    let body = frame.body();
    let error = match check_header::<V5>(frame, version) {
        Ok(3) => return_packet!(Publish, publish::decode::<V5>(frame, version)),
        Ok(4) => return_packet!(PubAck, ack::decode::<V5>(body, PacketType::PubAck)),
        Ok(5) => return_packet!(PubRec, ack::decode::<V5>(body, PacketType::PubRec)),
        Ok(6) => return_packet!(PubRel, ack::decode::<V5>(body, PacketType::PubRel)),
        Ok(7) => return_packet!(PubComp, ack::decode::<V5>(body, PacketType::PubComp)),
        Ok(2) => return_packet!(ConnAck, connack::decode::<V5>(body, version)),
        Ok(8) => return_packet!(Subscribe, subscribe::decode::<V5>(body, version)),
        Ok(9) => return_packet!(SubAck, suback::decode::<V5>(body, version)),
        Ok(10) => return_packet!(Unsubscribe, unsubscribe::decode::<V5>(body, version)),
        Ok(11) => return_packet!(UnsubAck, unsuback::decode::<V5>(body)),
        Ok(14) => return_packet!(Disconnect, disconnect::decode::<V5>(body)),
        Ok(15) if V5 => return_packet!(Auth, auth::decode(body)),
        Ok(ping @ (12 | 13)) => match field::end(body) {
            Ok(()) if ping == 12 => return Ok(Packet::PingReq),
            Ok(()) => return Ok(Packet::PingResp),
            Err(error) => error,
        },
        Ok(_) => DecodeError::new(Violation::ReservedPacketType, frame.as_bytes()),
        Err(error) => error,
    };
    Err(error.located_in(frame))
}

/// The packet type, where the fixed header of a packet other than CONNECT is as it must be.
#[inline(always)]
fn check_header<const V5: bool>(frame: Frame<'_>, version: Version) -> Result<u8, DecodeError> {
    let first = frame.first_byte();
    let packet_type = first >> 4;
    if V5 && !frame.has_minimal_length() {
        return Err(non_minimal_length(frame));
    }
    // PUBLISH has flags of its own. 3.1 gives the bits no meaning but for DUP on a retry, which changes
    // nothing.
    let fixed = packet_type != PacketType::Publish as u8 && version != Version::V3_1;
    if fixed && first & 0x0F != PacketType::fixed_flags(packet_type) {
        return Err(DecodeError::new(Violation::ReservedFlags, frame.as_bytes())); // [MQTT-2.2.2-2]
    }
    Ok(packet_type)
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

/// What encodes a packet of one shape: first all is checked and measured, then written.
trait Encode {
    /// Checks the packet and measures it: all that can fail, but for room.
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError>;

    /// `None`: no room.
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()>;

    /// Whether the packet is of a form that deserves a function of its own, so that the common form stays
    /// in registers.
    #[inline(always)]
    fn is_rare(&self) -> bool {
        false
    }

    #[inline(always)]
    fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.encode_common(version, out)
    }

    #[inline(never)]
    fn encode_common(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if self.is_rare() {
            return self.encode_apart(version, out);
        }
        self.encode_here(version, out)
    }

    #[inline(never)]
    fn encode_apart(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.encode_here(version, out)
    }

    #[inline(always)]
    fn encode_here(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        let lengths = self.measure(version)?;
        let size = lengths.packet_size();
        match self.write(version, lengths, &mut SliceSink::new(out)) {
            Some(()) => Ok(size),
            None => Err(buffer_too_small(size)),
        }
    }

    #[cfg(feature = "alloc")]
    fn encode_to(&self, version: Version, out: &mut impl bytes::BufMut) -> Result<(), EncodeError> {
        let lengths = self.measure(version)?;
        let size = lengths.packet_size();
        if out.remaining_mut() < size {
            return Err(buffer_too_small(size));
        }
        self.write(version, lengths, &mut BufSink(out)).ok_or_else(|| buffer_too_small(size))
    }
}

/// What measuring a packet found out, for writing it.
#[derive(Clone, Copy)]
struct Lengths {
    remaining: usize,
    properties: usize,
    will_properties: usize,
}

impl Lengths {
    const EMPTY: Lengths = Lengths::remaining(0);

    /// Of a packet without a property length.
    #[inline(always)]
    const fn remaining(remaining: usize) -> Lengths {
        Lengths { remaining, properties: 0, will_properties: 0 }
    }

    /// Of a packet with `fields` bytes beside its properties; in 5.0 their length stands before them.
    #[inline(always)]
    fn new(fields: usize, properties: usize, version: Version) -> Result<Lengths, EncodeError> {
        let property_length = if version.has_properties() { varint_len(properties) } else { 0 };
        let remaining = fields.saturating_add(property_length).saturating_add(properties);
        if remaining > MAXIMUM_REMAINING_LENGTH as usize {
            return Err(EncodeError::PacketTooLong);
        }
        Ok(Lengths { remaining, properties, will_properties: 0 })
    }

    /// The property length and the properties, of a packet that has them.
    #[inline(always)]
    fn write_properties(self, properties: &Properties<'_>, out: &mut impl Sink) -> Option<()> {
        out.varint(self.properties)?;
        properties.write(out)
    }

    #[inline(always)]
    const fn packet_size(self) -> usize {
        1 + varint_len(self.remaining) + self.remaining
    }
}

/// PINGREQ and PINGRESP, sections 3.12 and 3.13: nothing but a fixed header.
struct Ping(PacketType);

impl Encode for Ping {
    #[inline(always)]
    fn measure(&self, _version: Version) -> Result<Lengths, EncodeError> {
        Ok(Lengths::EMPTY)
    }

    #[inline(always)]
    fn write(&self, _version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(self.0.first_byte(), lengths.remaining)
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
