//! The packets of one connection, both ways, worded as by mosquitto.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use mqtt_sansio::{
    ConnectRequest, FrameReader, MAXIMUM_PACKET_SIZE, Packet, Permissions, Property, PropertyId,
    Publish, TopicAlias, TopicName, Version,
};

use crate::log::{Shown, note};

/// What is known of the bytes one way.
struct Direction {
    frames: FrameReader,
    aliases: HashMap<TopicAlias, String>,
}

/// Notes what one client sends and is sent.
pub(crate) struct Trace {
    peer: SocketAddr,
    /// The client identifier, and before there is one the address.
    name: String,
    version: Version,
    receiving: Direction,
    sending: Direction,
    /// How the client asked to be connected.
    request: Option<ConnectRequest>,
    permissions: Option<Arc<Permissions>>,
}

impl Trace {
    pub(crate) fn new(peer: SocketAddr) -> Trace {
        Trace {
            peer,
            name: peer.ip().to_string(),
            version: Version::V3_1_1,
            receiving: Direction::new(),
            sending: Direction::new(),
            request: None,
            permissions: None,
        }
    }

    /// The client wants to connect, and may, where it is to have permissions.
    pub(crate) fn connect(&mut self, request: &ConnectRequest, granted: Option<Arc<Permissions>>) {
        self.request = Some(request.clone());
        self.permissions = granted;
    }

    /// The client is connected.
    pub(crate) fn connected(&mut self, client_id: &str) {
        self.name = Shown(client_id).to_string();
        let Some(request) = self.request.take() else { return };
        let user = request.user_name.as_deref().map(|user| format!(", u'{}'", Shown(user)));
        note(format_args!(
            "New client connected from {} as {} (p{}, c{}, k{}{}).",
            self.peer,
            self.name,
            match request.version {
                Version::V3_1 => 1,
                Version::V3_1_1 => 2,
                Version::V5_0 => 5,
            },
            u8::from(request.clean_start),
            request.keep_alive,
            user.unwrap_or_default(),
        ));
        match request.will {
            Some(will) => {
                let (size, retain) = (will.payload.len(), u8::from(will.retain));
                note(format_args!(
                    "Will message specified ({size} bytes) (r{retain}, q{}).",
                    will.qos
                ));
                note(format_args!("\t{}", Shown(will.topic.name().as_str())));
            }
            None => note("No will message specified."),
        }
    }

    /// The next bytes from the client: how many of them the first packet takes, or all.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> usize {
        let mut receiving = mem::replace(&mut self.receiving, Direction::new());
        let mut rest = bytes;
        let mut size = bytes.len();
        if let Ok(Some(frame)) = receiving.frames.next(&mut rest) {
            size -= rest.len();
            if let Ok(mut packet) = Packet::decode(frame, self.version) {
                name_topic(&mut receiving.aliases, &mut packet);
                self.received_packet(&packet);
            }
        }
        self.receiving = receiving;
        size
    }

    fn received_packet(&mut self, packet: &Packet<'_>) {
        let name = &self.name;
        let mut verb = "Received";
        let details = match packet {
            Packet::Connect(connect) => {
                self.version = connect.version;
                return;
            }
            Packet::Publish(publish) => {
                let denies =
                    |permissions: &Arc<Permissions>| !permissions.may_publish(publish.topic);
                if self.permissions.as_ref().is_some_and(denies) {
                    verb = "Denied";
                }
                described(publish)
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                format!(" (Mid: {}, RC:{})", ack.packet_id, u8::from(ack.reason_code))
            }
            Packet::PubRec(ack) | Packet::PubRel(ack) => format!(" (Mid: {})", ack.packet_id),
            _ => String::new(),
        };
        note(format_args!("{verb} {} from {name}{details}", packet.packet_type()));
        match packet {
            Packet::Subscribe(subscribe) => {
                for wanted in subscribe.filters {
                    let filter = Shown(wanted.filter.as_str());
                    note(format_args!("\t{filter} (QoS {})", wanted.qos));
                    note(format_args!("{name} {} {filter}", wanted.qos));
                }
            }
            Packet::Unsubscribe(unsubscribe) => {
                for filter in unsubscribe.filters {
                    let filter = Shown(filter.as_str());
                    note(format_args!("\t{filter}"));
                    note(format_args!("{name} {filter}"));
                }
            }
            _ => {}
        }
    }

    /// The next bytes to the client.
    pub(crate) fn sending(&mut self, mut bytes: &[u8]) {
        let mut sending = mem::replace(&mut self.sending, Direction::new());
        while let Ok(Some(frame)) = sending.frames.next(&mut bytes) {
            if let Ok(mut packet) = Packet::decode(frame, self.version) {
                name_topic(&mut sending.aliases, &mut packet);
                self.sending_packet(&packet);
            }
        }
        self.sending = sending;
    }

    fn sending_packet(&self, packet: &Packet<'_>) {
        let details = match packet {
            Packet::ConnAck(connack) => format!(
                " ({}, {})",
                u8::from(connack.session_present),
                connack.reason_code.connack_code(self.version).unwrap_or(0),
            ),
            Packet::Publish(publish) => described(publish),
            Packet::PubAck(ack) | Packet::PubRec(ack) => {
                format!(" (m{}, rc{})", ack.packet_id, u8::from(ack.reason_code))
            }
            Packet::PubRel(ack) | Packet::PubComp(ack) => format!(" (m{})", ack.packet_id),
            Packet::Disconnect(packet) => format!(" (rc{})", u8::from(packet.reason_code)),
            _ => String::new(),
        };
        note(format_args!("Sending {} to {}{details}", packet.packet_type(), self.name));
    }
}

impl Direction {
    fn new() -> Direction {
        Direction { frames: FrameReader::new(MAXIMUM_PACKET_SIZE), aliases: HashMap::new() }
    }
}

/// Puts back the topic that an alias stands for, where it was told.
fn name_topic<'a>(aliases: &'a mut HashMap<TopicAlias, String>, packet: &mut Packet<'a>) {
    let Packet::Publish(publish) = packet else { return };
    let Some(Property::TopicAlias(alias)) = publish.properties.find(PropertyId::TopicAlias) else {
        return;
    };
    if publish.topic.is_empty() {
        let topic = aliases.get(&alias).and_then(|topic| TopicName::new(topic).ok());
        publish.topic = topic.unwrap_or(publish.topic);
    } else {
        aliases.insert(alias, publish.topic.as_str().to_owned());
    }
}

fn described(publish: &Publish<'_>) -> String {
    format!(
        " (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
        u8::from(publish.delivery.dup()),
        publish.delivery.qos(),
        u8::from(publish.retain),
        publish.delivery.packet_id().map_or(0, |id| id.get()),
        Shown(publish.topic.as_str()),
        publish.payload.len(),
    )
}
