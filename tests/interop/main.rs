//! Against installed programs; ignored by plain `cargo test`, run by `.ci/run`.
