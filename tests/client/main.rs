//! The client through its public API: exact bytes and events, a simulated link and clock, random runs.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod acknowledgement;
mod bench;
mod bounds;
mod cuts;
mod determinism;
mod faults;
mod inbound;
mod keep_alive;
mod lab;
mod life;
mod model;
mod outbound;
mod packet_ids;
mod random;
mod requests;
mod resume;
mod rng;
mod server;
mod sim;
mod snapshot;
mod statements;
mod transmit;
mod watch;
