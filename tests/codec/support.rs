//! What the tests share: files of `testdata`, hex, and decoding with a readable failure.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use mqtt_sansio::{DecodeError, Frame, MAXIMUM_PACKET_SIZE, Packet, Version};

/// A file or folder of `testdata`.
pub(crate) fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(path)
}

/// The text of a file of `testdata`.
pub(crate) fn read(path: &str) -> String {
    let path = testdata(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes that hex digits stand for; spaces between them are skipped.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| digit.to_digit(16).unwrap_or_else(|| panic!("not hex: {hex}")))
        .collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The frame that all of `bytes` are.
pub(crate) fn frame(bytes: &[u8]) -> Frame<'_> {
    let parsed = Frame::parse(bytes, MAXIMUM_PACKET_SIZE);
    match parsed.unwrap_or_else(|error| panic!("{}: {error}", hex(bytes))) {
        Some((frame, [])) => frame,
        Some((_, rest)) => panic!("{}: {} bytes after the packet", hex(bytes), rest.len()),
        None => panic!("{}: not a whole packet", hex(bytes)),
    }
}

/// What decoding the packet that all of `bytes` are gives.
pub(crate) fn decode(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    Packet::decode(frame(bytes), version)
}

/// The bytes of a packet that can be encoded; checks that their number was foretold.
#[track_caller]
pub(crate) fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let len = packet.encoded_len(version).unwrap_or_else(|error| panic!("{packet}: {error}"));
    let mut bytes = vec![0; len];
    assert_eq!(packet.encode(version, &mut bytes), Ok(len), "{packet}");
    bytes
}

/// The rule that the packet which all of `bytes` are breaks, and the offset where it does.
#[track_caller]
pub(crate) fn refusal(bytes: &[u8], version: Version) -> (mqtt_sansio::Violation, u32) {
    match decode(bytes, version) {
        Ok(packet) => panic!("{}: MQTT {version} has {packet}", hex(bytes)),
        Err(error) => (error.violation(), error.offset()),
    }
}
