//! MQTT 5.0.

mod acknowledgements;
mod connect;
mod disconnect;
mod fields;
mod properties;
mod publish;
mod subscribe;
mod topics;

const V: mqtt_sansio::Version = mqtt_sansio::Version::V5_0;
