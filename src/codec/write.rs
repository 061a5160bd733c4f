//! Writing fields: into a slice, or into any `BufMut`.

use crate::violation::Violation;

/// Where encoded bytes go. `None`: no room, which the length computed before rules out.
pub(crate) trait Sink {
    /// `head`, and `tail` after it.
    fn joined<const N: usize>(&mut self, head: [u8; N], tail: &[u8]) -> Option<()>;

    fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Option<()>;
    fn bytes(&mut self, bytes: &[u8]) -> Option<()>;

    #[inline(always)]
    fn u8(&mut self, value: u8) -> Option<()> {
        self.array([value])
    }

    #[inline(always)]
    fn u16(&mut self, value: u16) -> Option<()> {
        self.array(value.to_be_bytes())
    }

    /// Two length bytes and the bytes themselves, which were measured to be at most 65,535.
    #[inline(always)]
    fn binary(&mut self, bytes: &[u8]) -> Option<()> {
        let [.., high, low] = bytes.len().to_be_bytes();
        self.joined([high, low], bytes)
    }

    /// A variable byte integer in its shortest form, section 1.5.5. [MQTT-1.5.5-1]
    #[inline(always)]
    fn varint(&mut self, value: usize) -> Option<()> {
        let [b0, b1, b2, b3] = septets(value);
        match value {
            0..=0x7F => self.array([b0]),
            0x80..=0x3FFF => self.array([b0 | 0x80, b1]),
            0x4000..=0x1F_FFFF => self.array([b0 | 0x80, b1 | 0x80, b2]),
            _ => self.array([b0 | 0x80, b1 | 0x80, b2 | 0x80, b3]),
        }
    }

    /// The fixed header, section 2.2.
    #[inline(always)]
    fn fixed_header(&mut self, first_byte: u8, remaining_length: usize) -> Option<()> {
        if remaining_length < 0x80 {
            let [low, ..] = septets(remaining_length);
            return self.array([first_byte, low]);
        }
        self.u8(first_byte)?;
        self.varint(remaining_length)
    }
}

/// Seven bits a byte, least significant first.
#[inline(always)]
fn septets(value: usize) -> [u8; 4] {
    let [b0, b1, b2, b3, ..] = value.to_le_bytes();
    [b0 & 0x7F, (b1 << 1 | b0 >> 7) & 0x7F, (b2 << 2 | b1 >> 6) & 0x7F, (b3 << 3 | b2 >> 5) & 0x7F]
}

/// A slice that fills up from the front.
pub(crate) struct SliceSink<'a> {
    free: &'a mut [u8],
}

impl<'a> SliceSink<'a> {
    #[inline(always)]
    pub(crate) fn new(free: &'a mut [u8]) -> SliceSink<'a> {
        SliceSink { free }
    }
}

impl Sink for SliceSink<'_> {
    #[inline(always)]
    fn joined<const N: usize>(&mut self, head: [u8; N], tail: &[u8]) -> Option<()> {
        let free = core::mem::take(&mut self.free);
        let (to, free) = free.split_at_mut_checked(N + tail.len())?;
        let (to_head, to_tail) = to.split_first_chunk_mut::<N>()?;
        *to_head = head;
        copy(to_tail, tail);
        self.free = free;
        Some(())
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Option<()> {
        let (to, free) = core::mem::take(&mut self.free).split_first_chunk_mut::<N>()?;
        *to = bytes;
        self.free = free;
        Some(())
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let (to, free) = core::mem::take(&mut self.free).split_at_mut_checked(bytes.len())?;
        copy(to, bytes);
        self.free = free;
        Some(())
    }
}

/// Any `BufMut` whose room was checked before.
#[cfg(feature = "alloc")]
pub(crate) struct BufSink<'a, B>(pub(crate) &'a mut B);

#[cfg(feature = "alloc")]
impl<B: bytes::BufMut> Sink for BufSink<'_, B> {
    #[inline]
    fn joined<const N: usize>(&mut self, head: [u8; N], tail: &[u8]) -> Option<()> {
        self.array(head)?;
        self.bytes(tail)
    }

    #[inline]
    fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Option<()> {
        self.0.put_slice(&bytes);
        Some(())
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.put_slice(bytes);
        Some(())
    }
}

/// What a string or binary field takes: two length bytes and its own.
#[inline(always)]
pub(crate) fn binary_len(bytes: &[u8]) -> Result<usize, Violation> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(Violation::StringTooLong);
    }
    Ok(2 + bytes.len())
}

/// What a string takes, where it may be sent.
#[inline(always)]
pub(crate) fn string_len(string: &str) -> Result<usize, Violation> {
    crate::text::check_str(string.as_bytes())?;
    Ok(2 + string.len())
}

/// Copies between slices of one length; short ones without a call.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        17..=32 => copy_ends::<16>(to, from),
        8..=16 => copy_ends::<8>(to, from),
        4..=7 => copy_ends::<4>(to, from),
        2..=3 => copy_ends::<2>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies `N` to `2 * N` bytes as two pieces of `N` that may overlap.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}
