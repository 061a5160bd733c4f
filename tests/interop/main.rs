//! Against installed programs; ignored by plain `cargo test`, run by `.ci/run`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod applications;
mod broker;
mod broker_access;
mod broker_crowd;
mod broker_libraries;
mod broker_libraries_v5;
mod broker_log;
mod broker_mixed;
mod broker_mosquitto;
mod broker_mosquitto_v5;
mod broker_mqttjs;
mod broker_paho;
mod broker_process;
mod dissection;
mod lab;
mod mosquitto;
mod mosquitto_client;
mod mosquitto_programs;
mod mosquitto_server;
mod mosquitto_v5;
mod pcap;
mod tshark;
