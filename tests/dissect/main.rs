//! `examples/dissect` from outside: what it prints for which input, and its exit status.
//!
//! `cargo test` builds the example first; `cargo test --test dissect` alone does not.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod captures;
mod files;
mod hex;
mod json;
mod ladder;
mod run;
mod wire;
