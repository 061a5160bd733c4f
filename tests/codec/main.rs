//! The codec against its golden bytes, its hostile ones and the specification.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod allocations;
mod lab;
mod malformed;
mod roundtrip;
mod statements;
mod support;
mod topics;
mod traps;
mod vectors;
