//! One broker, many clients, links that fail in every way, and a model that says what must come of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod limits;
mod log;
mod model;
mod node;
mod output;
mod plan;
mod planted;
mod random;
mod raw;
mod replay;
mod rig;
mod rng;
mod seeds;
mod wire;
mod world;
