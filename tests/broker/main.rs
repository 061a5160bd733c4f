//! The broker through its public API: bytes and time in, exact bytes and events out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alone;
mod alone_v5;
mod bench;
mod clock;
mod codes;
mod hostile;
mod lifecycle;
mod limits;
mod program;
mod queues;
mod statements;
mod stored;
mod sys;
mod traps;
mod v3_1;
mod v5;
mod wills;
mod wire;
mod wire5;
