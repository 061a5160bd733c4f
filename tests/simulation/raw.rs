//! Clients that do what the real one never does, byte by byte.

use mqtt_sansio::{ConnectionId, Delivery, Frame, MAXIMUM_PACKET_SIZE, Packet, Version};

use crate::rng::Rng;

pub(crate) struct Raw {
    pub(crate) client_id: String,
    pub(crate) link: Option<ConnectionId>,
    /// Whether it never reads on this connection.
    pub(crate) is_deaf: bool,
}

fn packet(first_byte: u8, body: &[u8]) -> Vec<u8> {
    [&[first_byte, body.len() as u8], body].concat()
}

impl Raw {
    pub(crate) fn new(number: usize) -> Raw {
        Raw { client_id: format!("w{number}"), link: None, is_deaf: false }
    }

    /// How a connection begins; most often with a CONNECT.
    pub(crate) fn hello(&mut self, rng: &mut Rng) -> (&'static str, Vec<u8>) {
        self.is_deaf = rng.one_in(4);
        let id = self.client_id.as_bytes();
        let connect = |level: u8, flags: u8, rest: &[u8]| {
            let head = [0, 4, b'M', b'Q', b'T', b'T', level, flags, 0, 3, 0, id.len() as u8];
            packet(0x10, &[&head[..], id, rest].concat())
        };
        match rng.below(15) {
            0 => ("no CONNECT first", vec![0x30, 3, 0, 1, b'a']),
            1 => ("half a CONNECT", connect(4, 0, b"")[..8].to_vec()),
            2 => ("unknown protocol level", connect(9, 2, b"")),
            3 => ("CONNECT of 5.0", b"\x10\x0f\0\x04MQTT\x05\x02\0\x05\0\0\x02w9".to_vec()),
            4 => ("no client identifier to resume", b"\x10\x0c\0\x04MQTT\x04\0\0\x05\0\0".to_vec()),
            5 => ("CONNECT too large", vec![0x10, 0xFF, 0x7F]),
            6 => ("reserved flag in CONNECT", connect(4, 1, b"")),
            7 => {
                let early = [connect(4, 0, b""), vec![0xC0; 1200]].concat();
                ("too much before CONNACK", early)
            }
            8 => ("CONNECT with garbage after it", [connect(4, 2, b""), vec![0; 4]].concat()),
            10 => {
                let id = [b'1' + rng.below(3) as u8];
                let connect = [&b"\x10\x12\0\x04MQTT\x04\0\0\x05\0\x06auto-"[..], &id].concat();
                ("client identifier as the server makes them up", connect)
            }
            9 => ("will of a raw client", connect(4, 0x2C, b"\0\x03a/b\0\x04will")),
            _ => ("raw CONNECT", connect(4, rng.pick(&[0, 0, 2]), b"")),
        }
    }

    /// What a client may or may not send, with packet identifiers that are often in use.
    pub(crate) fn bytes(rng: &mut Rng) -> (&'static str, Vec<u8>) {
        let (id, any) = (1 + rng.below(7) as u8, b'a' + rng.below(26) as u8);
        let ack = |first_byte: u8| vec![first_byte, 2, 0, id];
        match rng.below(26) {
            0 | 1 => (
                "raw QoS 2",
                packet(rng.pick(&[0x34, 0x3C, 0x35]), &[0, 1, b'a', 0, id, b'w', any]),
            ),
            2 | 3 => ("raw PUBREL", ack(0x62)),
            4 => ("raw QoS 1", packet(rng.pick(&[0x32, 0x3A]), &[0, 1, b'b', 0, id, b'w', id])),
            5 => ("raw QoS 0", packet(0x31, &[0, 1, b'b', b'w', id])),
            6 => ("raw PUBACK", ack(0x40)),
            7 => ("raw PUBREC", ack(0x50)),
            8 => ("raw PUBCOMP", ack(0x70)),
            9..=12 => {
                let filter = rng.pick(&[b"#\x02", b"+\x02", b"a\x02", b"#\x01", b"b\x00"]);
                let body = [&[0, id, 0, 1][..], filter].concat();
                ("raw SUBSCRIBE", packet(0x82, &body))
            }
            13 => ("raw UNSUBSCRIBE", packet(0xA2, &[0, id, 0, 1, b'#'])),
            14 => ("raw PINGREQ", vec![0xC0, 0]),
            15 => ("raw DISCONNECT", vec![0xE0, 0]),
            16 => ("second CONNECT", b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01w".to_vec()),
            17 => ("QoS 3", packet(0x36, &[0, 1, b'a', 0, id])),
            18 => ("packet identifier 0", packet(0x32, &[0, 1, b'a', 0, 0])),
            19 => ("packet too large", vec![0x30, 0xB9, 0x17, 0, 1, b'a']),
            20 => ("wildcard in a topic name", packet(0x30, &[0, 1, b'#'])),
            21 => ("server's packet from a client", vec![0xD0, 0]),
            22 => ("half a packet", vec![0x30, 9, 0]),
            23 => ("flood without reading", [0xC0, 0].repeat(1100)),

            24 => {
                let publish = |flags: u8, n: u8| packet(flags, &[0, 1, b'a', 0, id, b'w', n]);
                let twice = [publish(0x34, any), publish(0x3C, b'-'), ack(0x62), ack(0x62)];
                ("another QoS 2 message before PUBREL", twice.concat())
            }
            _ => ("garbage", rng.next().to_le_bytes().to_vec()),
        }
    }

    /// Answers to what was read: some too many, some never.
    pub(crate) fn answers(read: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut answers = Vec::new();
        let mut rest = read;
        while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            let times = rng.pick(&[0, 1, 1, 1, 2]);
            let answer = match Packet::decode(frame, Version::V3_1_1) {
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
                answers.extend([first_byte, 2, high, low].repeat(times));
            }
            rest = after;
        }
        answers
    }
}
