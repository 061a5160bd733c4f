//! The codecs that are compared.
//!
//! All of them look at a decoded packet where the decoder has put it: to move it out of its `Result`
//! first can cost as much as to decode a small packet.

mod flowsdk;
mod mqtt5_protocol;
mod mqtt_proto;
mod mqtt_protocol_core;
mod mqttbytes;
mod mqttrs;
mod ntex_mqtt;
mod ours;
mod rumqttc;
mod v4;

use crate::codec::{self, Codec, Job};
use crate::model::Version;
use crate::workload::Row;

/// The crate that the others are compared with, where it is among [`all`].
pub const OURS: &str = "mqtt-sansio";

type MakeJob = for<'r> fn(&'r Row) -> Option<Box<dyn Job + 'r>>;

/// One column of the table.
pub struct Peer {
    /// The name of the crate, as in Cargo.lock.
    pub name: &'static str,
    /// What has to be known to read its column.
    pub note: &'static str,
    v311: MakeJob,
    v5: Option<MakeJob>,
}

impl Peer {
    fn new<V311: Codec, V5: Codec>(name: &'static str, note: &'static str) -> Self {
        Self { name, note, v311: codec::job::<V311>, v5: Some(codec::job::<V5>) }
    }

    fn v311_only<V311: Codec>(name: &'static str, note: &'static str) -> Self {
        Self { name, note, v311: codec::job::<V311>, v5: None }
    }

    /// What this codec has to do in `row`, or `None` if it cannot.
    pub fn job<'r>(&self, row: &'r Row) -> Option<Box<dyn Job + 'r>> {
        match row.traffic.version {
            Version::V311 => (self.v311)(row),
            Version::V5 => (self.v5?)(row),
        }
    }
}

/// All columns, in the order of the table.
pub fn all() -> Vec<Peer> {
    vec![
        Peer::new::<ours::V311, ours::V5>(
            OURS,
            "checks all that the specification lets a decoder check, apart from who may send what. \
             Topics and filters are read as the bytes that it keeps them as.",
        ),
        Peer::v311_only::<mqttrs::V311>(
            "mqttrs",
            "has no MQTT 5.0. It does not tell the length of a packet, so the benchmark reads the \
             Remaining Length for it. It checks neither NUL and wildcards in topics nor filters.",
        ),
        Peer::new::<mqttbytes::V311, mqttbytes::V5>(
            "mqttbytes",
            "checks neither NUL and wildcards in topics nor filters nor the flags in the first \
             byte of packets other than PUBLISH.",
        ),
        Peer::new::<rumqttc::V311, rumqttc::V5>(
            "rumqttc",
            "is as mqttbytes, and does not check that the topic of a 5.0 PUBLISH is UTF-8.",
        ),
        Peer::new::<ntex_mqtt::V311, ntex_mqtt::V5>(
            "ntex-mqtt",
            "checks neither NUL and wildcards in topics nor filters. Its encoder consumes the \
             packets, which are copied for it before the clock starts, and chains payloads of \
             more than 4 KiB to its output instead of copying them.",
        ),
        Peer::new::<mqtt_proto::V311, mqtt_proto::V5>(
            "mqtt-proto",
            "checks topics and filters, and that a payload marked as text is UTF-8. It encodes \
             into a vector of its own, which is copied to a common output for the stream only.",
        ),
        Peer::new::<mqtt_protocol_core::V311, mqtt_protocol_core::V5>(
            "mqtt-protocol-core",
            "checks, in its `parse` functions, neither NUL and wildcards in topics nor filters \
             nor the flags in the first byte. Its `sso` features are off; they make CONNECT \
             faster and most other packets slower.",
        ),
        Peer::new::<mqtt5_protocol::V311, mqtt5_protocol::V5>(
            "mqtt5-protocol",
            "checks NUL in topics, but neither wildcards nor filters. It leaves it to its user \
             to find the end of a packet.",
        ),
        Peer::new::<flowsdk::V311, flowsdk::V5>(
            "flowsdk",
            "checks topics and filters, in its default `strict-protocol-compliance`.",
        ),
    ]
}
