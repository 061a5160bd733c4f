//! The experiments of the lab documents.

mod captured;
mod chat;
mod keep_alive;
mod light;
mod permissions;
mod quality;
mod session;
mod v3_1;
mod wills;

use std::time::Duration;

use mqtt_sansio::{Message, QoS, Sender};

use crate::scenario::{Report, Scenario};
use crate::wire;
use crate::world::{Who, World};

/// All, with the document that each group is from, in their order.
pub(crate) const DOCUMENTS: [(&str, &[&[Scenario]]); 3] = [
    ("MQTT 3.1 (document 000)", &[v3_1::SCENARIOS]),
    (
        "MQTT 3.1.1 (documents 001, 002, 004)",
        &[
            captured::SCENARIOS,
            keep_alive::CAPTURED,
            session::SCENARIOS,
            chat::SCENARIOS,
            light::SCENARIOS,
            wills::CAPTURED,
            quality::CAPTURED,
        ],
    ),
    (
        "Checkpoint 3 (document 003)",
        &[
            permissions::SCENARIOS,
            quality::SCENARIOS,
            session::PERSISTENT,
            keep_alive::SCENARIOS,
            wills::SCENARIOS,
        ],
    ),
];

pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    DOCUMENTS.iter().flat_map(|(_, groups)| groups.iter()).flat_map(|group| group.iter())
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

#[expect(clippy::expect_used, reason = "the experiments' topics are constants")]
fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    let mut message = Message::new(topic, payload.to_owned()).expect("a topic name");
    message.qos = qos;
    message
}

fn retained(mut message: Message) -> Message {
    message.retain = true;
    message
}

/// States that a program's packets are those of a capture, each way.
fn as_captured(report: &mut Report, world: &World, who: Who, name: &str, file: &str) {
    for (sender, what) in [(Sender::Client, "sent"), (Sender::Server, "was sent")] {
        let expected = wire::captured(file, sender);
        if !expected.is_empty() {
            let text = format!("the {name} {what} the captured packets, byte for byte");
            report.states(&text, wire::compared(world, who, sender, file), expected);
        }
    }
}

/// The contents of a file of testdata/lab.
macro_rules! capture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/lab/", $name))
    };
}
use capture;
