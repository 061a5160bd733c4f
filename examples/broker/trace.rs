//! The packets of one connection, both ways, worded as by mosquitto.

use std::net::SocketAddr;
use std::sync::Arc;

use mqtt_sansio::{
    ConnectRequest, FrameReader, MAXIMUM_PACKET_SIZE, Packet, Permissions, Publish, Version,
};

use crate::log::{Shown, note};

/// Notes what one client sends and is sent.
pub(crate) struct Trace {
    peer: SocketAddr,
    /// The client identifier, and before there is one the address.
    name: String,
    version: Version,
    receiving: FrameReader,
    sending: FrameReader,
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
            receiving: FrameReader::new(MAXIMUM_PACKET_SIZE),
            sending: FrameReader::new(MAXIMUM_PACKET_SIZE),
            request: None,
            permissions: None,
        }
    }

    /// The client wants to connect, and may, where it is to have permissions.
    pub(crate) fn connect(&mut self, request: &ConnectRequest, granted: Option<Arc<Permissions>>) {
        self.version = request.version;
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
            if request.version == Version::V3_1 { 1 } else { 2 },
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
        let mut receiving = std::mem::replace(&mut self.receiving, FrameReader::new(0));
        let mut rest = bytes;
        let mut size = bytes.len();
        if let Ok(Some(frame)) = receiving.next(&mut rest) {
            size -= rest.len();
            if let Ok(packet) = Packet::decode(frame, self.version) {
                self.received_packet(&packet);
            }
        }
        self.receiving = receiving;
        size
    }

    fn received_packet(&self, packet: &Packet<'_>) {
        let name = &self.name;
        let mut verb = "Received";
        let details = match packet {
            Packet::Connect(_) => return,
            Packet::Publish(publish) => {
                let denies =
                    |permissions: &Arc<Permissions>| !permissions.may_publish(publish.topic);
                if self.permissions.as_ref().is_some_and(denies) {
                    verb = "Denied";
                }
                described(publish)
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                format!(" (Mid: {}, RC:0)", ack.packet_id)
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
        let mut sending = std::mem::replace(&mut self.sending, FrameReader::new(0));
        while let Ok(Some(frame)) = sending.next(&mut bytes) {
            if let Ok(packet) = Packet::decode(frame, self.version) {
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
            Packet::PubAck(ack) | Packet::PubRec(ack) => format!(" (m{}, rc0)", ack.packet_id),
            Packet::PubRel(ack) | Packet::PubComp(ack) => format!(" (m{})", ack.packet_id),
            _ => String::new(),
        };
        note(format_args!("Sending {} to {}{details}", packet.packet_type(), self.name));
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
