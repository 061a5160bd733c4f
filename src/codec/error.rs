//! What can go wrong: by the peer's fault ([`DecodeError`]) or the caller's ([`EncodeError`]).

use core::fmt;

use nom::error::{ErrorKind, ParseError};

use super::framing::Frame;
use crate::packet_type::PacketType;
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::violation::Violation;

/// Received bytes are not a packet that the specification allows.
///
/// ```
/// use mqtt_sansio::{Frame, Packet, PacketType, ReasonCode, Version, Violation};
///
/// // PUBACK for packet identifier 0.
/// let (frame, _) = Frame::parse(&[0x40, 0x02, 0x00, 0x00], u32::MAX).unwrap().unwrap();
/// let error = Packet::decode(frame, Version::V3_1_1).unwrap_err();
/// assert_eq!(error.violation(), Violation::ZeroPacketId);
/// assert_eq!(error.offset(), 2);
/// assert_eq!(error.packet_type(), Some(PacketType::PubAck));
/// assert_eq!(error.reason_code(), ReasonCode::ProtocolError);
/// assert_eq!(error.to_string(), "PUBACK, byte 2: a packet identifier must not be 0");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct DecodeError {
    violation: Violation,
    /// The packet's first byte, or 0 where it is not known.
    first_byte: u8,
    /// Until [`located_in`](DecodeError::located_in): the low bits of the address of the byte at fault,
    /// which any parser knows without knowing the frame it is part of. From then on: the offset.
    at: u32,
}

/// The low bits of the address of the first byte of `bytes`: packets are far shorter than 4 GiB, so
/// the difference of two of them is exact.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
fn address(bytes: &[u8]) -> u32 {
    bytes.as_ptr().addr() as u32
}

impl DecodeError {
    /// The violation at the first byte of `at`, a part of the frame being parsed.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(violation: Violation, at: &[u8]) -> DecodeError {
        DecodeError { violation, first_byte: 0, at: address(at) }
    }

    /// The violation at an offset of a packet that begins with that byte.
    #[cold]
    #[inline(never)]
    pub(crate) const fn at_offset(
        violation: Violation,
        first_byte: u8,
        offset: u32,
    ) -> DecodeError {
        DecodeError { violation, first_byte, at: offset }
    }

    /// Turns the address into an offset.
    #[cold]
    pub(crate) fn located_in(self, frame: Frame<'_>) -> DecodeError {
        let at = self.at.wrapping_sub(address(frame.as_bytes()));
        DecodeError { at, first_byte: frame.first_byte(), ..self }
    }

    /// The rule that is broken.
    #[must_use]
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// Where: bytes from the start of the packet, the first being 0. Where a field is cut short or
    /// missing, the offset is that of its first byte, or of the end of the packet.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.at
    }

    /// The packet it is in; `None` for the reserved type 0.
    #[must_use]
    pub const fn packet_type(&self) -> Option<PacketType> {
        PacketType::from_first_byte(self.first_byte)
    }

    /// The MQTT 5.0 reason code that reports this to the peer, section 4.13.
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        self.violation.reason_code()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.packet_type() {
            Some(packet) => write!(f, "{packet}, byte {}: {}", self.at, self.violation),
            None => write!(f, "byte {}: {}", self.at, self.violation),
        }
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError")
            .field("violation", &self.violation)
            .field("offset", &self.at)
            .field("packet_type", &self.packet_type())
            .finish()
    }
}

/// What nom's own combinators report: they fail only where bytes are missing or left over.
impl<'a> ParseError<&'a [u8]> for DecodeError {
    fn from_error_kind(input: &'a [u8], kind: ErrorKind) -> Self {
        let violation = match kind {
            ErrorKind::Eof => Violation::TrailingBytes,
            _ => Violation::Truncated,
        };
        DecodeError::new(violation, input)
    }

    fn append(_input: &'a [u8], _kind: ErrorKind, other: Self) -> Self {
        other
    }
}

impl From<nom::Err<DecodeError>> for DecodeError {
    #[inline]
    fn from(error: nom::Err<DecodeError>) -> Self {
        match error {
            nom::Err::Error(error) | nom::Err::Failure(error) => error,
            // Bodies are parsed whole: "incomplete" cannot arise, and would mean just this.
            nom::Err::Incomplete(_) => DecodeError::new(Violation::Truncated, &[]),
        }
    }
}

/// A packet cannot be encoded as it stands; nothing was promised to the peer.
///
/// ```
/// use mqtt_sansio::{EncodeError, Packet, Version};
///
/// let error = Packet::PingReq.encode(Version::V3_1_1, &mut [0; 1]).unwrap_err();
/// assert_eq!(error, EncodeError::BufferTooSmall { needed: 2 });
/// assert_eq!(error.to_string(), "the buffer is too small: the packet takes 2 bytes");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer has no room for the packet, which takes `needed` bytes.
    #[error("the buffer is too small: the packet takes {needed} bytes")]
    BufferTooSmall {
        /// Bytes the packet takes.
        needed: u32,
    },
    /// The packet is longer than a remaining length can say: 268,435,455 bytes after the fixed header.
    #[error("the packet is too long: at most 268,435,455 bytes may follow its fixed header")]
    PacketTooLong,
    /// The version has no such field, packet or code; it would have to be dropped silently.
    #[error("MQTT {version} cannot carry {field}")]
    NotInVersion {
        /// What cannot be carried.
        field: Field,
        /// The version asked for.
        version: Version,
    },
    /// The packet breaks a rule: a strict peer would refuse it.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// What some version of MQTT cannot carry; see [`EncodeError::NotInVersion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Field {
    /// Properties of any packet: only 5.0 has them.
    #[error("properties")]
    Properties,
    /// This reason code in this packet.
    #[error("this reason code")]
    ReasonCode,
    /// AUTH: only 5.0 has it.
    #[error("an AUTH packet")]
    Auth,
    /// No local, retain as published or retain handling: only 5.0 has them.
    #[error("subscription options beyond the QoS")]
    SubscriptionOptions,
    /// A session present flag: 3.1 has none.
    #[error("session present")]
    SessionPresent,
    /// A CONNECT of another version than the one it is encoded as.
    #[error("a CONNECT of another version")]
    Connect,
}
