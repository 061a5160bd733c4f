//! The statements of MQTT 3.1.1 for a server.

mod connect;
mod publish;
mod session;
mod subscribe;
