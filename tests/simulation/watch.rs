//! What can be seen on the wire of one connection by somebody who knows neither end: no packet of another
//! version, none too large, no more open messages than allowed, no alias that means nothing.

use std::collections::BTreeSet;

use mqtt_sansio::{
    Connect, Delivery, Frame, MAXIMUM_PACKET_SIZE, Packet, Properties, Property, PropertyId, QoS,
    Sender, Version,
};

use crate::log::{Kinds, words};

/// One connection.
#[derive(Default)]
pub(crate) struct Watch {
    version: Option<Version>,
    /// What comes to the client, by what CONNECT says, and to the server, by what CONNACK says.
    down: Way,
    up: Way,
    /// Whether the client keeps to what it is told: a real one.
    pub(crate) is_real: bool,
    maximum_qos: Option<QoS>,
    retains: bool,
    /// Bytes of packets that were not whole.
    rest: [Vec<u8>; 4],
}

/// One direction.
#[derive(Default)]
struct Way {
    receive_maximum: Option<u16>,
    maximum_packet_size: Option<u32>,
    alias_maximum: u16,
    aliases: BTreeSet<u16>,
    open: BTreeSet<u16>,
}

/// Where bytes are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    ServerSends,
    ServerReceives,
    ClientSends,
    ClientReceives,
}

impl Watch {
    pub(crate) fn new(is_real: bool) -> Watch {
        Watch { is_real, retains: true, ..Watch::default() }
    }

    /// Bytes in either direction, at either end.
    pub(crate) fn see(&mut self, at: At, bytes: &[u8], seen: &mut Kinds) {
        let mut buffer = std::mem::take(&mut self.rest[at as usize]);
        buffer.extend_from_slice(bytes);
        let mut rest = &buffer[..];
        while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            self.packet(at, frame, seen);
            rest = after;
        }
        self.rest[at as usize] = rest.to_vec();
    }

    fn packet(&mut self, at: At, frame: Frame<'_>, seen: &mut Kinds) {
        let version = self.version.unwrap_or(Version::V3_1_1);
        let bytes = frame.as_bytes();
        let sender = match at {
            At::ServerSends | At::ClientReceives => Sender::Server,
            At::ServerReceives | At::ClientSends => Sender::Client,
        };
        let packet = match Packet::decode_from(sender, frame, version) {
            Ok(packet) => packet,
            Err(_) if sender == Sender::Client && !self.is_real => {
                if frame.body().starts_with(b"\0\x04MQTT\x05") {
                    self.version.get_or_insert(Version::V5_0);
                }
                return;
            }
            Err(error) => panic!("{at:?} of {version}: {error}:{}", words(bytes, version)),
        };
        let in_words = || format!("{at:?}:{}", words(bytes, version));
        match at {
            At::ServerSends => {
                self.down.takes(&packet, bytes.len(), seen).unwrap_or_else(|what| {
                    panic!("{what} {}", in_words());
                });
            }
            At::ClientSends => {
                self.up.takes(&packet, bytes.len(), seen).unwrap_or_else(|what| {
                    panic!("{what} {}", in_words());
                });
                self.keeps_to_terms(&packet, &in_words);
            }
            At::ServerReceives => self.down.ends(&packet),
            At::ClientReceives => self.up.ends(&packet),
        }
        match (&packet, at) {
            (Packet::Connect(connect), At::ServerReceives) => self.connect(connect),
            (Packet::Connect(connect), At::ClientSends) => self.version = Some(connect.version),
            (Packet::ConnAck(connack), At::ClientReceives) => self.connack(&connack.properties),
            _ => {}
        }
    }

    fn connect(&mut self, connect: &Connect<'_>) {
        if self.version.is_some() && !self.is_real {
            return;
        }
        self.version = Some(connect.version);
        self.down.limit(&connect.properties);
        if connect.version == Version::V5_0 {
            self.down.receive_maximum.get_or_insert(u16::MAX);
        }
    }

    fn connack(&mut self, properties: &Properties<'_>) {
        self.up.limit(properties);
        self.maximum_qos = match properties.find(PropertyId::MaximumQoS) {
            Some(Property::MaximumQoS(qos)) => Some(qos),
            _ => None,
        };
        let unavailable = Some(Property::RetainAvailable(false));
        self.retains = properties.find(PropertyId::RetainAvailable) != unavailable;
    }

    fn keeps_to_terms(&self, packet: &Packet<'_>, in_words: &dyn Fn() -> String) {
        if let Packet::Publish(publish) = packet {
            let qos = self.maximum_qos.is_none_or(|qos| publish.delivery.qos() <= qos);
            assert!(qos, "above the Maximum QoS: {}", in_words());
            assert!(self.retains || !publish.retain, "to be retained: {}", in_words());
        }
    }
}

impl Way {
    fn limit(&mut self, properties: &Properties<'_>) {
        for property in properties {
            match property {
                Property::ReceiveMaximum(maximum) => self.receive_maximum = Some(maximum.get()),
                Property::MaximumPacketSize(size) => self.maximum_packet_size = Some(size.get()),
                Property::TopicAliasMaximum(maximum) => self.alias_maximum = maximum,
                _ => {}
            }
        }
    }

    /// A packet is sent this way.
    fn takes(&mut self, packet: &Packet<'_>, size: usize, seen: &mut Kinds) -> Result<(), String> {
        let largest = self.maximum_packet_size.unwrap_or(u32::MAX);
        if size > largest as usize {
            return Err(format!("{size} bytes, above {largest}"));
        }
        let Packet::Publish(publish) = packet else {
            return Ok(());
        };
        if let Some(Property::TopicAlias(alias)) = publish.properties.find(PropertyId::TopicAlias) {
            let alias = alias.get();
            if alias > self.alias_maximum {
                return Err(format!("alias {alias}, above {}", self.alias_maximum));
            }
            if publish.topic.is_empty() && !self.aliases.contains(&alias) {
                return Err(format!("alias {alias} stands for nothing"));
            }
            self.aliases.insert(alias);
        }
        if let Delivery::AtLeastOnce { packet_id, .. } | Delivery::ExactlyOnce { packet_id, .. } =
            publish.delivery
        {
            self.open.insert(packet_id.get());
            if let Some(most) = self.receive_maximum {
                if self.open.len() > usize::from(most) {
                    return Err(format!("{:?} are open, above {most}", self.open));
                }
                seen.add_if(self.open.len() == usize::from(most), "receive maximum reached");
            }
        }
        Ok(())
    }

    /// A packet that comes from the other side may end an exchange of this one.
    fn ends(&mut self, packet: &Packet<'_>) {
        let ended = match packet {
            Packet::PubAck(ack) | Packet::PubComp(ack) => Some(ack),
            Packet::PubRec(ack) if ack.reason_code.is_error() => Some(ack),
            _ => None,
        };
        if let Some(ack) = ended {
            self.open.remove(&ack.packet_id.get());
        }
    }
}
