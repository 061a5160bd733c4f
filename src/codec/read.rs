//! The primitive fields of a packet's body, section 1.5: nom parsers over bytes that are all there.
//!
//! The leaves are written out, since nom's own are not inlined across crates; its input, result and
//! error types and its combinators carry them.

use core::num::NonZeroU16;

use nom::IResult;

use super::DecodeError;
use crate::packet_id::PacketId;
use crate::text;
use crate::topic::TopicName;
use crate::violation::Violation;

/// What a parser of this crate returns: the bytes after the field, and the field.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, DecodeError>;

/// The failure of a parser: this violation, at the first byte of `at`.
#[cold]
pub(crate) fn fail(violation: Violation, at: &[u8]) -> nom::Err<DecodeError> {
    nom::Err::Error(DecodeError::new(violation, at))
}

#[inline(always)]
pub(crate) fn u8(i: &[u8]) -> Parsed<'_, u8> {
    match i.split_first() {
        Some((&byte, rest)) => Ok((rest, byte)),
        None => Err(fail(Violation::Truncated, i)),
    }
}

#[inline(always)]
fn array<const N: usize>(i: &[u8]) -> Parsed<'_, [u8; N]> {
    match i.split_first_chunk::<N>() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => Err(fail(Violation::Truncated, i)),
    }
}

#[inline(always)]
pub(crate) fn u16(i: &[u8]) -> Parsed<'_, u16> {
    let (i, bytes) = array(i)?;
    Ok((i, u16::from_be_bytes(bytes)))
}

#[inline(always)]
pub(crate) fn u32(i: &[u8]) -> Parsed<'_, u32> {
    let (i, bytes) = array(i)?;
    Ok((i, u32::from_be_bytes(bytes)))
}

/// A variable byte integer in its shortest form, section 1.5.5 of 5.0. [MQTT-1.5.5-1]
#[inline(always)]
pub(crate) fn varint(i: &[u8]) -> Parsed<'_, u32> {
    match i.split_first() {
        Some((&byte, rest)) if byte < 0x80 => Ok((rest, u32::from(byte))),
        _ => long_varint(i),
    }
}

fn long_varint(i: &[u8]) -> Parsed<'_, u32> {
    let mut value = 0;
    let mut rest = i;
    for shift in [0, 7, 14, 21] {
        let (after, byte) = u8(rest)?;
        rest = after;
        value |= u32::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            if byte == 0 && shift > 0 {
                return Err(fail(Violation::VarintNotMinimal, i));
            }
            return Ok((rest, value));
        }
    }
    Err(fail(Violation::VarintTooLong, i))
}

/// A packet identifier. [MQTT-2.3.1-1]
#[inline(always)]
pub(crate) fn packet_id(i: &[u8]) -> Parsed<'_, PacketId> {
    let (rest, id) = u16(i)?;
    match NonZeroU16::new(id) {
        Some(id) => Ok((rest, id.into())),
        None => Err(fail(Violation::ZeroPacketId, i)),
    }
}

/// Binary data, section 1.5.6 of 5.0: two length bytes and as many bytes.
#[inline(always)]
pub(crate) fn binary(i: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, len) = u16(i)?;
    match rest.split_at_checked(usize::from(len)) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => Err(fail(Violation::Truncated, i)),
    }
}

/// A topic name. [MQTT-3.3.2-1] [MQTT-3.3.2-2]
#[inline(always)]
pub(crate) fn topic_name(i: &[u8]) -> Parsed<'_, TopicName<'_>> {
    let (rest, bytes) = binary(i)?;
    match TopicName::from_bytes(bytes) {
        Ok(topic) => Ok((rest, topic)),
        Err(violation) => Err(fail(violation, i)),
    }
}

/// Nothing more: every byte of the body was used.
#[inline(always)]
pub(crate) fn end(i: &[u8]) -> Result<(), DecodeError> {
    if i.is_empty() { Ok(()) } else { Err(DecodeError::new(Violation::TrailingBytes, i)) }
}

/// A stretch of a packet that strings are cut out of: where it is UTF-8 as a whole, that is checked
/// once for all of them.
#[derive(Clone, Copy)]
pub(crate) struct Strings<'a>(Option<&'a str>);

impl<'a> Strings<'a> {
    /// Where strings are checked one by one.
    pub(crate) const NONE: Strings<'a> = Strings(None);

    #[inline]
    pub(crate) const fn of(text: &'a str) -> Strings<'a> {
        Strings(Some(text))
    }

    #[inline]
    pub(crate) const fn text(self) -> Option<&'a str> {
        self.0
    }

    #[inline]
    pub(crate) fn new(block: &'a [u8]) -> Strings<'a> {
        Strings(core::str::from_utf8(block).ok())
    }

    /// The string at the start of `i`, which is the stretch or a tail of it.
    #[inline(always)]
    pub(crate) fn string(self, i: &'a [u8]) -> Parsed<'a, &'a str> {
        let (rest, bytes) = binary(i)?;
        let string = match self.0 {
            // Cut inside a character, `get` gives nothing: then the string is not UTF-8 by itself.
            Some(text) => {
                let end = text.len().wrapping_sub(rest.len());
                text.get(end.wrapping_sub(bytes.len())..end)
            }
            None => core::str::from_utf8(bytes).ok(),
        };
        match string {
            Some(string) if !text::has_nul(bytes) => Ok((rest, string)),
            Some(_) => Err(fail(Violation::NullCharacter, i)),
            None => Err(fail(Violation::InvalidUtf8, i)),
        }
    }
}
