//! 5.0 through bytes: every statement that binds a client, by name, and what belongs to it.

mod authentication;
mod connect;
mod ending;
mod expiry;
mod inbound;
mod limits;
mod outbound;
mod quota;
mod session;

use mqtt_sansio::{
    ClientConfig, ClientEvent, Connect, DisconnectReason, Message, MessageProperties, Properties,
    Property, QoS, ServerFault, Version,
};

use crate::bench::{Bench, Output, disconnected, ms};

/// CONNACK without properties.
const CONNACK: &str = "2003 00 00 00";

/// A session of a minute.
const EXPIRY: Property<'_> = Property::SessionExpiryInterval(60);

fn v5<'a>(properties: &'a [Property<'a>]) -> Connect<'a> {
    let properties = Properties::new(properties);
    Connect { clean_start: false, properties, ..Connect::new(Version::V5_0, "c") }
}

/// Connected with these properties and this CONNACK; what that set off.
#[track_caller]
fn connected_by(
    config: ClientConfig,
    properties: &[Property<'_>],
    connack: &str,
) -> (Bench, Output) {
    let mut bench = Bench::new(config);
    bench.connect(&v5(properties)).events(&[]);
    let output = bench.input(connack);
    assert!(bench.client.is_connected(), "{:?}", output.events);
    (bench, output)
}

/// A client with a session of a minute.
#[track_caller]
fn connected() -> Bench {
    connected_by(ClientConfig::default(), &[EXPIRY], CONNACK).0
}

/// Connects again to the same session; what CONNACK set off.
#[track_caller]
fn reconnect(bench: &mut Bench, connack: &str) -> Output {
    bench.lose();
    bench.connect(&v5(&[EXPIRY]));
    bench.input(connack)
}

/// The session is there.
const PRESENT: &str = "2003 01 00 00";

/// That fault ends the connection, with a DISCONNECT of that code.
#[track_caller]
fn faults(output: &Output, fault: ServerFault, disconnect: &str) {
    let ended = output.events.last();
    assert_eq!(ended, Some(&disconnected(DisconnectReason::ServerFault(fault))));
    output.sent(disconnect).closes(true).waits(None);
}

fn message_with(topic: &str, qos: QoS, properties: &[Property<'_>]) -> Message {
    let mut message = Message::new(topic, "a").unwrap();
    message.qos = qos;
    message.properties = MessageProperties::new(properties).unwrap();
    message
}

impl Bench {
    #[track_caller]
    fn hand_over(&mut self, message: Message) -> mqtt_sansio::Handle {
        self.client.publish(ms(self.now), message).unwrap()
    }

    fn answer(&mut self, token: mqtt_sansio::Token, code: mqtt_sansio::ReasonCode) -> Output {
        let answer = mqtt_sansio::Answer::new(code, &[]).unwrap();
        self.client.acknowledge_with(ms(self.now), token, answer);
        self.drain()
    }
}

/// The messages that came.
fn messages(output: Output) -> Vec<Message> {
    let message = |event| match event {
        ClientEvent::Message { message, .. } => Some(message),
        _ => None,
    };
    output.events.into_iter().filter_map(message).collect()
}
