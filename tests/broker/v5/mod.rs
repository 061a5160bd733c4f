//! MQTT 5.0 beyond the single statements.

mod aliases;
mod authentication;
mod bounded;
mod codes;
mod connack;
mod crossing;
mod expiry;
mod handed_on;
mod hostile;
mod limits;
mod program;
mod retained;
mod shared;
mod switches;
mod traps;
mod wills;

use mqtt_sansio::{Message, MessageProperties, Packet, Property, QoS, Subscription};

use crate::bench::{Bench, Peer};
use crate::wire::frames;
use crate::wire5::{packet5, sub5, suback5, subscribe5};

/// A message of the program's.
fn message(name: &str, payload: &str, qos: u8) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

fn message_with(name: &str, payload: &str, qos: u8, properties: &[Property<'_>]) -> Message {
    let mut message = message(name, payload, qos);
    message.properties = MessageProperties::new(properties).unwrap();
    message
}

/// Subscribes a client of 5.0 to these filters, each granted as it asks for.
#[track_caller]
fn subscribed(bench: &mut Bench, peer: Peer, filters: &[Subscription<'_>]) {
    let codes: Vec<u8> = filters.iter().map(|filter| filter.qos.into()).collect();
    bench.ask5(peer, subscribe5(1, filters, &[]), suback5(1, &codes, &[]));
}

/// A connected client of 5.0 with a subscription.
#[track_caller]
fn subscriber(bench: &mut Bench, name: &str, filter: &str, qos: u8) -> Peer {
    let peer = bench.client5(name, &[]);
    subscribed(bench, peer, &[sub5(filter, qos)]);
    peer
}

/// The Reason String of the one packet that these bytes are.
#[track_caller]
fn reason_string(bytes: &[u8]) -> Option<String> {
    assert_eq!(frames(bytes).len(), 1, "{}", crate::wire5::words5(bytes));
    let properties = match packet5(bytes) {
        Packet::PubAck(packet) | Packet::PubRec(packet) => packet.properties,
        Packet::PubRel(packet) | Packet::PubComp(packet) => packet.properties,
        Packet::SubAck(packet) => packet.properties,
        Packet::UnsubAck(packet) => packet.properties,
        Packet::Disconnect(packet) => packet.properties,
        Packet::ConnAck(packet) => packet.properties,
        packet => panic!("{packet} has no Reason String"),
    };
    properties.iter().find_map(|property| match property {
        Property::ReasonString(text) => Some(text.to_owned()),
        _ => None,
    })
}
