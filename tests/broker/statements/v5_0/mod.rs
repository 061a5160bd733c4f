//! MQTT 5.0: what binds a server, a test each.

mod acknowledgements;
mod authentication;
mod connack;
mod connect;
mod delivery;
mod ending;
mod publish;
mod session;
mod shared;
mod subscribe;
mod wills;
