//! One broker, many clients of all versions, links that fail in every way, and a model
//! that says what must come of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod clock;
mod groups;
mod heal;
mod kinds;
mod last;
mod limits;
mod lives;
mod log;
mod model;
mod node;
mod output;
mod plan;
mod planted;
mod random;
mod raw;
mod raw5;
mod receive;
mod replay;
mod rig;
mod rng;
mod route;
mod said;
mod seeds;
mod subscribe;
mod watch;
mod wire;
mod world;
