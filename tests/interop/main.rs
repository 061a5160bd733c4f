//! Against installed programs; ignored by plain `cargo test`, run by `.ci/run`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod mosquitto;
mod mosquitto_client;
mod mosquitto_programs;
mod mosquitto_server;
