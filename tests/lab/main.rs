//! `examples/lab`: its statements hold, and fail where something is changed; what it draws and prints.
//!
//! `cargo test` builds the example first; `cargo test --test lab` alone does not.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(dead_code, reason = "what only the example itself uses")]

#[path = "../../examples/lab/exchange.rs"]
mod exchange;
#[path = "../../examples/lab/ladder.rs"]
mod ladder;
#[path = "../../examples/lab/login.rs"]
mod login;
#[path = "../../examples/lab/pcapng.rs"]
mod pcapng;
#[path = "../../examples/lab/program.rs"]
mod program;
#[path = "../../examples/lab/rows.rs"]
mod rows;
#[path = "../../examples/lab/scenario.rs"]
mod scenario;
#[path = "../../examples/lab/scenarios/mod.rs"]
mod scenarios;
#[path = "../../examples/lab/segments.rs"]
mod segments;
#[path = "../../examples/lab/strokes.rs"]
mod strokes;
#[path = "../../examples/lab/svg.rs"]
mod svg;
#[path = "../../examples/lab/table.rs"]
mod table;
#[path = "../../examples/lab/wire.rs"]
mod wire;
#[path = "../../examples/lab/world.rs"]
mod world;

mod captures;
mod command;
mod diagrams;
mod experiments;
mod pair;
mod pictures;
mod worlds;
