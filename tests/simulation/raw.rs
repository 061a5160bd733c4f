//! Clients that do what the real one never does, byte by byte.

use mqtt_sansio::{ConnectionId, Delivery, Frame, MAXIMUM_PACKET_SIZE, Packet, Version};

use crate::rng::Rng;
use crate::wire::{packet, string};

pub(crate) struct Raw {
    pub(crate) client_id: String,
    pub(crate) link: Option<ConnectionId>,
    /// Whether it never reads on this connection.
    pub(crate) is_deaf: bool,
    /// What this connection speaks.
    pub(crate) version: Version,
}

impl Raw {
    pub(crate) fn new(number: usize) -> Raw {
        let client_id = format!("w{number}");
        Raw { client_id, link: None, is_deaf: false, version: Version::V3_1_1 }
    }

    /// How a connection begins; most often with a CONNECT.
    pub(crate) fn hello(&mut self, rng: &mut Rng) -> (&'static str, Vec<u8>) {
        self.is_deaf = rng.one_in(4);
        self.version = if rng.one_in(2) { Version::V5_0 } else { Version::V3_1_1 };
        if self.version == Version::V5_0 && !rng.one_in(3) {
            return self.hello_5(rng);
        }
        let id = self.client_id.clone();
        let is_5 = self.version == Version::V5_0;
        let level = if is_5 { 5 } else { 4 };
        let connect = |level: u8, flags: u8, rest: &[u8]| {
            let head = [&b"\0\x04MQTT"[..], &[level, flags, 0, 3]].concat();
            let properties = if level == 5 { &b"\x05\x11\0\0\0\x3c"[..] } else { &[] };
            packet(0x10, &[&head[..], properties, &string(&id), rest].concat())
        };
        let will: &[u8] = if is_5 { b"\0\0\x03a/b\0\x04will" } else { b"\0\x03a/b\0\x04will" };
        match rng.below(15) {
            0 => ("no CONNECT first", vec![0x30, 3, 0, 1, b'a']),
            1 => ("half a CONNECT", connect(level, 0, b"")[..8].to_vec()),
            2 => ("unknown protocol level", connect(9, 2, b"")),
            4 => ("no client identifier to resume", b"\x10\x0c\0\x04MQTT\x04\0\0\x05\0\0".to_vec()),
            5 => ("CONNECT too large", vec![0x10, 0xFF, 0x7F]),
            6 => ("reserved flag in CONNECT", connect(level, 1, b"")),
            7 => {
                let early = [connect(level, 0, b""), vec![0xC0; 1200]].concat();
                ("too much before CONNACK", early)
            }
            8 => ("CONNECT with garbage after it", [connect(level, 2, b""), vec![0; 4]].concat()),
            3 | 10 => {
                let id = [b'1' + rng.below(3) as u8];
                let connect = [&b"\x10\x12\0\x04MQTT\x04\0\0\x05\0\x06auto-"[..], &id].concat();
                self.version = Version::V3_1_1;
                ("client identifier as the server makes them up", connect)
            }
            9 => ("will of a raw client", connect(level, 0x2C, will)),
            _ => ("raw CONNECT", connect(level, rng.pick(&[0, 0, 2]), b"")),
        }
    }

    fn is_5(&self) -> bool {
        self.version == Version::V5_0
    }

    /// A PUBLISH; at QoS 0 the identifier is left out.
    pub(crate) fn publish(&self, first_byte: u8, topic: &str, id: u8, payload: &[u8]) -> Vec<u8> {
        let id: &[u8] = if first_byte & 6 == 0 { &[] } else { &[0, id] };
        let properties: &[u8] = if self.is_5() { &[0] } else { &[] };
        packet(first_byte, &[&string(topic), id, properties, payload].concat())
    }

    fn subscribe(&self, first_byte: u8, id: u8, filter: &[u8]) -> Vec<u8> {
        let properties: &[u8] = if self.is_5() { &[0] } else { &[] };
        packet(first_byte, &[&[0, id], properties, filter].concat())
    }

    /// What a client may or may not send, with packet identifiers that are often in use.
    pub(crate) fn bytes(&self, rng: &mut Rng) -> (&'static str, Vec<u8>) {
        if self.is_5() && rng.one_in(2) {
            return self.bytes_5(rng);
        }
        let (id, any) = (1 + rng.below(7) as u8, b'a' + rng.below(26) as u8);
        let ack = |first_byte: u8| vec![first_byte, 2, 0, id];
        match rng.below(26) {
            0 | 1 => {
                let first_byte = rng.pick(&[0x34, 0x3C, 0x35]);
                let topic = rng.pick(&["a", "a", "deny/a"]);
                ("raw QoS 2", self.publish(first_byte, topic, id, &[b'w', any]))
            }
            2 | 3 => ("raw PUBREL", ack(0x62)),
            4 => ("raw QoS 1", self.publish(rng.pick(&[0x32, 0x3A]), "b", id, &[b'w', id])),
            5 => ("raw QoS 0", self.publish(0x31, "b", 0, &[b'w', id])),
            6 => ("raw PUBACK", ack(0x40)),
            7 => ("raw PUBREC", ack(0x50)),
            8 => ("raw PUBCOMP", ack(0x70)),
            9..=12 => {
                let filter = rng.pick(&[
                    b"\0\x01#\x02",
                    b"\0\x01+\x02",
                    b"\0\x01a\x02",
                    b"\0\x01#\x01",
                    b"\0\x01b\x00",
                ]);
                ("raw SUBSCRIBE", self.subscribe(0x82, id, filter))
            }
            13 => ("raw UNSUBSCRIBE", self.subscribe(0xA2, id, b"\0\x01#")),
            14 => ("raw PINGREQ", vec![0xC0, 0]),
            15 => ("raw DISCONNECT", vec![0xE0, 0]),
            16 => ("second CONNECT", b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01w".to_vec()),
            17 => ("QoS 3", self.publish(0x36, "a", id, b"")),
            18 => ("packet identifier 0", self.publish(0x32, "a", 0, b"")),
            19 => ("packet too large", vec![0x30, 0xB9, 0x17, 0, 1, b'a']),
            20 => ("wildcard in a topic name", self.publish(0x30, "#", 0, b"")),
            21 => ("server's packet from a client", vec![0xD0, 0]),
            22 => ("half a packet", vec![0x30, 9, 0]),
            23 => ("flood without reading", [0xC0, 0].repeat(1100)),
            24 => {
                let publish = |flags: u8, n: u8| self.publish(flags, "a", id, &[b'w', n]);
                let twice = [publish(0x34, any), publish(0x3C, b'-'), ack(0x62), ack(0x62)];
                ("another QoS 2 message before PUBREL", twice.concat())
            }
            _ => ("garbage", rng.next().to_le_bytes().to_vec()),
        }
    }

    /// Answers to what was read: some too many, some never, in 5.0 some with an error.
    pub(crate) fn answers(&self, read: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut answers = Vec::new();
        let mut rest = read;
        while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            let times = rng.pick(&[0, 1, 1, 1, 2]);
            let answer = match Packet::decode(frame, self.version) {
                Ok(Packet::Publish(publish)) => match publish.delivery {
                    Delivery::AtMostOnce => None,
                    Delivery::AtLeastOnce { packet_id, .. } => Some((0x40, packet_id)),
                    Delivery::ExactlyOnce { packet_id, .. } => Some((0x50, packet_id)),
                },
                Ok(Packet::PubRel(release)) => Some((0x70, release.packet_id)),
                _ => None,
            };
            if let Some((first_byte, id)) = answer {
                let [high, low] = id.get().to_be_bytes();
                let refuses = self.is_5() && first_byte != 0x70 && rng.one_in(5);
                let answer = match refuses {
                    true => vec![first_byte, 3, high, low, 0x80],
                    false => vec![first_byte, 2, high, low],
                };
                answers.extend(answer.repeat(times));
            }
            rest = after;
        }
        answers
    }
}
