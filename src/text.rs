//! Strings and topics: what may stand in them, looked at eight bytes at a time.

use crate::violation::Violation;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Not zero exactly where some byte of `word` is zero.
#[inline(always)]
const fn any_zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// Not zero where some byte of `word` is not ASCII, U+0000, `+` or `#`.
///
/// `+` (0x2B) and `#` (0x23) differ in one bit, so that one comparison without it finds both.
#[inline(always)]
const fn not_plain(word: u64) -> u64 {
    const HASH: u64 = 0x23 * ONES;
    const DIFFERENCE: u64 = 0x08 * ONES;
    (word & HIGH_BITS) | any_zero(word) | any_zero((word & !DIFFERENCE) ^ HASH)
}

#[inline(always)]
fn word(low: [u8; 4], high: [u8; 4]) -> u64 {
    u64::from(u32::from_ne_bytes(low)) | u64::from(u32::from_ne_bytes(high)) << 32
}

/// Whether `test` is not zero for some word of `bytes`. Words overlap or repeat bytes where their
/// number is not a multiple of eight.
#[inline(always)]
fn any(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    if let Some(last) = bytes.last_chunk::<8>() {
        let mut found = test(u64::from_ne_bytes(*last));
        let mut rest = bytes;
        while let (true, Some((word, tail))) = (rest.len() > 8, rest.split_first_chunk::<8>()) {
            found |= test(u64::from_ne_bytes(*word));
            rest = tail;
        }
        return found != 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return test(word(*first, *last)) != 0;
    }
    let half = match *bytes {
        [] => return false,
        [a] => [a; 4],
        [a, b] => [a, b, a, b],
        [a, b, c, ..] => [a, b, c, c],
    };
    test(word(half, half)) != 0
}

/// Whether `bytes` are ASCII without U+0000, `+` and `#`: fit for every topic name and filter.
#[inline]
pub(crate) fn is_plain_topic(bytes: &[u8]) -> bool {
    !any(bytes, not_plain)
}

/// Whether U+0000 stands in `bytes`.
#[inline]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    any(bytes, any_zero)
}

/// What all strings must keep to: well-formed UTF-8, no U+0000, at most 65,535 bytes.
/// [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-1.5.4-1] [MQTT-1.5.4-2]
#[cold]
pub(crate) fn check_string(bytes: &[u8]) -> Result<(), Violation> {
    if core::str::from_utf8(bytes).is_err() {
        return Err(Violation::InvalidUtf8);
    }
    check_str(bytes)
}

/// As [`check_string`], for bytes known to be UTF-8.
#[inline]
pub(crate) fn check_str(bytes: &[u8]) -> Result<(), Violation> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(Violation::StringTooLong);
    }
    if has_nul(bytes) {
        return Err(Violation::NullCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    /// Every length around the word size, the byte in question at every place.
    fn everywhere(byte: u8, test: fn(&[u8]) -> bool) -> bool {
        (1..=26).all(|len| {
            (0..len).all(|at| {
                let mut bytes = [b'a'; 26];
                bytes[at] = byte;
                test(&bytes[..len])
            })
        })
    }

    #[test]
    fn every_byte_that_needs_a_closer_look_is_found_at_every_place() {
        for byte in 0..=255u8 {
            let plain = byte.is_ascii() && !matches!(byte, 0 | b'+' | b'#');
            let test = if plain { is_plain_topic } else { |bytes: &[u8]| !is_plain_topic(bytes) };
            assert!(everywhere(byte, test), "byte {byte:#04x}");
        }
        assert!(is_plain_topic(b""));
    }

    #[test]
    fn nul_is_found_at_every_place_and_nothing_else_is() {
        for byte in 0..=255u8 {
            let test = if byte == 0 { has_nul } else { |bytes: &[u8]| !has_nul(bytes) };
            assert!(everywhere(byte, test), "byte {byte:#04x}");
        }
        assert!(!has_nul(b""));
    }
}
