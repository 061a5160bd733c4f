//! What the fuzz targets check. `tests/fuzz_corpus.rs` includes this file and replays the corpus, so
//! nothing here knows of a fuzzer.

mod broker;
mod canonical;
mod client;
mod decode;
mod encode;
mod framing;
mod read;
mod reference;
mod roundtrip;
mod source;
mod transplant;

use std::fmt::Write;

pub use broker::broker;
pub use client::client;
pub use decode::decode;
pub use framing::framing;
pub use roundtrip::{roundtrip, with_packet};

/// Bytes as hex digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// That these are the same bytes, which `what` makes no words for unless they are not.
fn assert_bytes(left: &[u8], right: &[u8], what: impl Fn() -> String) {
    assert!(left == right, "{}\n  left: {}\n right: {}", what(), hex(left), hex(right));
}
