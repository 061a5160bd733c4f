//! Replays the fuzz targets' corpus, without a fuzzer.
#![cfg(feature = "alloc")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[expect(
    unreachable_pub,
    unused_imports,
    reason = "a crate of its own, that exports more than this"
)]
#[path = "../fuzz/src/lib.rs"]
mod checks;

use std::fs;
use std::path::Path;

/// Checks every file of the target's corpus; the last one named in the output is the one that fails.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", folder.display());
    for path in paths {
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
    }
}

#[test]
fn whatever_decodes_reads_alike_in_every_way_and_encodes_to_its_canonical_form() {
    replay("decode", checks::decode);
}

#[test]
fn a_packet_is_refused_by_both_encoder_and_decoder_or_comes_back_as_it_was() {
    replay("roundtrip", checks::roundtrip);
}

#[test]
fn a_client_completes_everything_once_whatever_its_server_does() {
    replay("client", checks::client);
}

/// Checks random inputs, as many as `INPUTS` says. The corpus is of inputs that found something new; these
/// are any, of that many words.
fn random(words: usize, check: impl Fn(&mut [u8]) + std::panic::RefUnwindSafe) {
    let inputs = std::env::var("INPUTS").ok().and_then(|inputs| inputs.parse().ok());
    for seed in 0..inputs.unwrap_or(2000_u64) {
        // SplitMix64.
        let mut state = seed;
        let input: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)).to_be_bytes()
        })
        .take(words)
        .flatten()
        .collect();
        let result = std::panic::catch_unwind(|| check(&mut input.clone()));
        assert!(result.is_ok(), "seed {seed}: {input:?}");
    }
}

#[test]
fn a_client_of_5_0_completes_everything_once_whatever_its_server_does() {
    random(64, |input| {
        // The second byte says how the first connection begins: with 5.0.
        input[1] |= 16;
        checks::client(input);
    });
}

#[test]
fn a_broker_of_all_versions_says_and_sends_what_may_come_whatever_its_clients_do() {
    random(64, |input| checks::broker(input));
    // With the limits of the default configuration more gets through.
    random(128, |input| {
        input[1] = 0;
        checks::broker(input);
    });
}

#[test]
fn a_broker_says_and_sends_what_may_come_whatever_its_clients_do() {
    replay("broker", checks::broker);
}

#[test]
fn a_stream_gives_the_same_frames_however_it_is_cut() {
    replay("framing", checks::framing);
}
