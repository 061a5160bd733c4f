//! Hostile clients: their own connection is closed, with its will, and nobody else notices.

mod crowd;
mod memory;
mod rows;

#[path = "../../codec/allocations/counter.rs"]
mod counter;
