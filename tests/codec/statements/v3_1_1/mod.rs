//! MQTT 3.1.1.

mod connect;
mod fields;
mod publish;
mod subscribe;
mod topics;

const V: mqtt_sansio::Version = mqtt_sansio::Version::V3_1_1;
