//! Where one packet ends and the next begins: the fixed header, section 2.2 (5.0: 2.1).
//!
//! This is the only place of the crate where "more bytes are needed" exists.

use core::fmt;

use super::DecodeError;
use crate::packet_type::PacketType;
use crate::violation::Violation;

/// The largest packet that the fixed header can announce, itself included: 268,435,460 bytes.
pub const MAXIMUM_PACKET_SIZE: u32 = 5 + MAXIMUM_REMAINING_LENGTH;

const _: () = assert!(usize::BITS >= 32, "a remaining length must fit a usize");

/// The largest value of a variable byte integer.
pub(crate) const MAXIMUM_REMAINING_LENGTH: u32 = 268_435_455;

/// How many bytes the shortest encoding of `value` takes, section 1.5.5.
#[inline]
pub(crate) const fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// The bytes of one whole packet, fixed header included; what is in it is not looked at yet.
///
/// ```
/// use mqtt_sansio::{Frame, PacketType};
///
/// // A PINGREQ, and the first byte of what follows it.
/// let (frame, rest) = Frame::parse(&[0xC0, 0x00, 0x30], u32::MAX)?.expect("a whole packet");
/// assert_eq!(frame.packet_type(), Some(PacketType::PingReq));
/// assert_eq!(rest, [0x30]);
/// // That one byte is not a packet yet.
/// assert_eq!(Frame::parse(rest, u32::MAX)?, None);
/// # Ok::<(), mqtt_sansio::DecodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    body: &'a [u8],
}

/// The fixed header of a packet. (Two words, not smaller integers: those end up in memory.)
#[derive(Clone, Copy)]
struct FixedHeader {
    remaining_length: usize,
    len: usize,
}

impl FixedHeader {
    /// The fixed header that `input` begins with; `None` where it is cut short.
    #[inline(always)]
    fn parse(input: &[u8]) -> Result<Option<FixedHeader>, DecodeError> {
        match *input {
            // Most packets have a length of one or two bytes.
            [0x10..=0xFF, low @ 0..=0x7F, ..] => {
                Ok(Some(FixedHeader { remaining_length: usize::from(low), len: 2 }))
            }
            [0x10..=0xFF, low, high @ 0..=0x7F, ..] => {
                let remaining_length = usize::from(low & 0x7F) | usize::from(high) << 7;
                Ok(Some(FixedHeader { remaining_length, len: 3 }))
            }
            _ => FixedHeader::parse_long(input),
        }
    }

    #[inline(never)]
    fn parse_long(input: &[u8]) -> Result<Option<FixedHeader>, DecodeError> {
        let Some((&first, length)) = input.split_first() else {
            return Ok(None);
        };
        // No version has a packet of type 0, so there is no point in waiting for its end.
        if first < 0x10 {
            return Err(DecodeError::at_offset(Violation::ReservedPacketType, first, 0));
        }
        let mut remaining_length = 0;
        for (&byte, index) in length.iter().zip(0..4) {
            remaining_length |= usize::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                return Ok(Some(FixedHeader { remaining_length, len: 2 + index }));
            }
        }
        if length.len() < 4 {
            return Ok(None);
        }
        Err(DecodeError::at_offset(Violation::VarintTooLong, first, 1))
    }

    /// The size of the whole packet, where it is within the limit.
    #[inline(always)]
    fn packet_size(self, first: u8, maximum: u32) -> Result<usize, DecodeError> {
        let size = self.remaining_length + self.len;
        // A usize holds 32 bits on every platform that could hold such a packet.
        if size > maximum as usize {
            return Err(DecodeError::at_offset(Violation::PacketTooLarge, first, 1));
        }
        Ok(size)
    }
}

impl<'a> Frame<'a> {
    /// Splits the first packet off `input`; `None` where its end has not come yet.
    ///
    /// `maximum_packet_size` counts the whole packet, fixed header included (section 2.1.4 of 5.0); use
    /// [`MAXIMUM_PACKET_SIZE`] for no limit but the protocol's own.
    ///
    /// # Errors
    ///
    /// As soon as the fixed header is there: packet type 0, a length of more than four bytes, a packet
    /// over the limit. After that nothing can be read from this connection any more.
    #[inline]
    pub fn parse(
        input: &'a [u8],
        maximum_packet_size: u32,
    ) -> Result<Option<(Frame<'a>, &'a [u8])>, DecodeError> {
        let Some(header) = FixedHeader::parse(input)? else {
            return Ok(None);
        };
        let size = header.packet_size(first_byte(input), maximum_packet_size)?;
        let Some((bytes, rest)) = input.split_at_checked(size) else {
            return Ok(None);
        };
        let Some((_, body)) = bytes.split_at_checked(header.len) else {
            return Ok(None);
        };
        Ok(Some((Frame { bytes, body }, rest)))
    }

    /// All bytes of the packet.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the fixed header: variable header and payload.
    #[inline]
    #[must_use]
    pub const fn body(self) -> &'a [u8] {
        self.body
    }

    /// The packet type in bits 7 to 4 and the flags in bits 3 to 0.
    #[inline]
    #[must_use]
    pub fn first_byte(self) -> u8 {
        first_byte(self.bytes)
    }

    /// The control packet type, section 2.2.1; `None` for the reserved type 0, which
    /// [`parse`](Frame::parse) lets no frame have.
    #[inline]
    #[must_use]
    pub fn packet_type(self) -> Option<PacketType> {
        PacketType::from_first_byte(self.first_byte())
    }

    /// Whether the remaining length takes as few bytes as possible. [MQTT-1.5.5-1]
    #[inline]
    pub(crate) fn has_minimal_length(self) -> bool {
        let header_len = self.bytes.len() - self.body.len();
        header_len == 2 || self.body.len() >> (7 * (header_len - 2)) != 0
    }
}

/// The bytes are not printed: they may hold a password.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:?}, {} bytes)", self.packet_type(), self.bytes.len())
    }
}

#[inline]
fn first_byte(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or(0)
}

#[cfg(feature = "alloc")]
pub use reader::FrameReader;
#[cfg(feature = "alloc")]
pub(crate) use reader::Received;

#[cfg(feature = "alloc")]
mod reader {
    use alloc::vec::Vec;
    use core::fmt;

    use bytes::Bytes;

    use super::{DecodeError, FixedHeader, Frame, MAXIMUM_PACKET_SIZE, first_byte};

    /// A packet from [`FrameReader::next_handed_over`].
    pub(crate) enum Received<'a> {
        /// In the bytes of the input or of the reader.
        Lent(Frame<'a>),
        /// In bytes of its own.
        HandedOver(Bytes),
    }

    /// What an idle reader may keep allocated.
    const KEPT_CAPACITY: usize = 4096;

    /// Gives whole packets from a byte stream, however it is cut into pieces.
    ///
    /// Packets that lie whole in a piece are borrowed from it; only one that a piece ends in is copied,
    /// and never more than has arrived of it: memory is not reserved on the word of a length field.
    ///
    /// ```
    /// use mqtt_sansio::{FrameReader, Packet, Version};
    ///
    /// let mut reader = FrameReader::new(65_536);
    /// let mut seen = Vec::new();
    /// // Two PINGREQ and a PINGRESP, cut in the middle of the second.
    /// for mut piece in [&[0xC0, 0x00, 0xC0][..], &[0x00, 0xD0, 0x00]] {
    ///     while let Some(frame) = reader.next(&mut piece)? {
    ///         seen.push(Packet::decode(frame, Version::V3_1_1)?.to_string());
    ///     }
    /// }
    /// assert_eq!(seen, ["PINGREQ", "PINGREQ", "PINGRESP"]);
    /// # Ok::<(), mqtt_sansio::DecodeError>(())
    /// ```
    #[derive(Clone)]
    pub struct FrameReader {
        /// The beginning of a packet, or a whole one that was given out and is to be dropped.
        partial: Vec<u8>,
        given_out: bool,
        /// The size of the unfinished packet, once its fixed header was found to be within the limit.
        size: Option<usize>,
        maximum_packet_size: u32,
    }

    /// The bytes are not printed: they may hold a password.
    impl fmt::Debug for FrameReader {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "FrameReader({} bytes pending)", self.pending())
        }
    }

    impl FrameReader {
        /// A reader that refuses packets of more bytes than that, fixed header included.
        #[must_use]
        pub const fn new(maximum_packet_size: u32) -> FrameReader {
            FrameReader { partial: Vec::new(), given_out: false, size: None, maximum_packet_size }
        }

        /// Changes the limit for packets whose fixed header has not been read yet.
        pub fn set_maximum_packet_size(&mut self, maximum_packet_size: u32) {
            self.maximum_packet_size = maximum_packet_size;
        }

        /// How many bytes of an unfinished packet are kept.
        #[must_use]
        pub fn pending(&self) -> usize {
            if self.given_out { 0 } else { self.partial.len() }
        }

        /// The next whole packet, of what was kept and of `input`, which is advanced past what was
        /// read. `None`: all of `input` was taken and more is needed.
        ///
        /// # Errors
        ///
        /// As [`Frame::parse`]; the stream cannot be read any further then.
        #[inline]
        pub fn next<'r, 'i: 'r>(
            &'r mut self,
            input: &mut &'i [u8],
        ) -> Result<Option<Frame<'r>>, DecodeError> {
            if let Some(frame) = self.whole(input)? {
                return Ok(Some(frame));
            }
            self.given_out = self.gather(input)?;
            if !self.given_out {
                return Ok(None);
            }
            Ok(Frame::parse(&self.partial, MAXIMUM_PACKET_SIZE)?.map(|(frame, _)| frame))
        }

        /// As [`next`](FrameReader::next), but a large packet that was gathered from pieces is handed over
        /// with its bytes, so that its payload need not be copied.
        #[inline]
        pub(crate) fn next_handed_over<'r, 'i: 'r>(
            &'r mut self,
            input: &mut &'i [u8],
        ) -> Result<Option<Received<'r>>, DecodeError> {
            if let Some(frame) = self.whole(input)? {
                return Ok(Some(Received::Lent(frame)));
            }
            if !self.gather(input)? {
                return Ok(None);
            }
            if self.partial.len() > KEPT_CAPACITY {
                let bytes = core::mem::take(&mut self.partial);
                return Ok(Some(Received::HandedOver(bytes.into())));
            }
            self.given_out = true;
            let frame = Frame::parse(&self.partial, MAXIMUM_PACKET_SIZE)?;
            Ok(frame.map(|(frame, _)| Received::Lent(frame)))
        }

        /// A packet that is whole in the input, where nothing is kept.
        #[inline(always)]
        fn whole<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'i>>, DecodeError> {
            if !self.partial.is_empty() && !self.given_out {
                return Ok(None);
            }
            if self.given_out {
                self.drop_given_out();
            }
            let Some((frame, rest)) = Frame::parse(input, self.maximum_packet_size)? else {
                return Ok(None);
            };
            *input = rest;
            Ok(Some(frame))
        }

        #[cold]
        fn drop_given_out(&mut self) {
            self.given_out = false;
            self.partial.clear();
            self.partial.shrink_to(KEPT_CAPACITY);
        }

        /// Adds to the kept beginning just what its packet still lacks; whether it is whole now.
        fn gather(&mut self, input: &mut &[u8]) -> Result<bool, DecodeError> {
            let Some(size) = self.packet_size(input)? else {
                return Ok(false);
            };
            let missing = size.saturating_sub(self.partial.len());
            let (taken, rest) = input.split_at(missing.min(input.len()));
            self.grow(taken.len(), size);
            self.partial.extend_from_slice(taken);
            *input = rest;
            let whole = taken.len() == missing;
            if whole {
                self.size = None;
            }
            Ok(whole)
        }

        /// Makes room for so many bytes, and then for as many as there are already, but for no more than the
        /// packet has: what is handed over is no larger than it.
        fn grow(&mut self, additional: usize, size: usize) {
            let len = self.partial.len();
            if self.partial.capacity() - len < additional {
                let wanted = (len + additional).max(2 * len).min(size);
                self.partial.reserve_exact(wanted - len);
            }
        }

        /// The size of the packet whose beginning is kept, once its fixed header is all there.
        fn packet_size(&mut self, input: &mut &[u8]) -> Result<Option<usize>, DecodeError> {
            while self.size.is_none() {
                if let Some(header) = FixedHeader::parse(&self.partial)? {
                    let first = first_byte(&self.partial);
                    self.size = Some(header.packet_size(first, self.maximum_packet_size)?);
                } else if let Some((&byte, rest)) = input.split_first() {
                    self.partial.push(byte);
                    *input = rest;
                } else {
                    break;
                }
            }
            Ok(self.size)
        }
    }
}
