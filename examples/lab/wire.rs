//! What went over the wire in an exchange, to be counted and compared with what was captured.

use std::time::Duration;

use mqtt_sansio::{Frame, MAXIMUM_PACKET_SIZE, PacketType, Sender};

use crate::exchange::{Content, Event, Exchange, Sent};
use crate::world::{Who, World};

/// Packets and bytes one way or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) packets: usize,
    /// Of MQTT.
    pub(crate) bytes: usize,
}

/// IPv4 and TCP without options.
const HEADERS: usize = 40;

impl Traffic {
    /// With the headers of TCP and IP, a segment for each packet, and the segments that only acknowledge:
    /// one for two packets, as where a packet and its answer carry the acknowledgement of each other.
    pub(crate) fn on_the_wire(self) -> usize {
        self.bytes + HEADERS * (self.packets + self.packets.div_ceil(2))
    }
}

impl World {
    /// The packets of a program's connections in the order of time, without pings.
    pub(crate) fn packets(&self, who: Who) -> Vec<&'static str> {
        let types = self.packet_types(who).into_iter().map(|(_, _, packet_type)| packet_type);
        types.filter(|t| !is_ping(*t)).map(PacketType::name).collect()
    }

    /// How many packets of this type a program sent, or was sent.
    pub(crate) fn count(&self, who: Who, packet_type: PacketType) -> usize {
        self.packet_types(who).iter().filter(|(_, _, t)| *t == packet_type).count()
    }

    /// When something of a program reached the broker last.
    pub(crate) fn last_heard_of(&self, who: Who) -> Option<Duration> {
        let sent = sent(&self.exchange, &self.of(who).connections);
        sent.filter(|(_, s)| s.sender == Sender::Client).filter_map(|(_, s)| s.received).max()
    }

    /// The packets of a program's connections: when, from whom, what.
    pub(crate) fn packet_types(&self, who: Who) -> Vec<(Duration, Sender, PacketType)> {
        let mut types = Vec::new();
        for (at, sent) in sent(&self.exchange, &self.of(who).connections) {
            if let Content::Bytes { packets, .. } = &sent.content {
                let known = packets.iter().filter_map(|label| label.packet_type);
                types.extend(known.map(|packet_type| (at, sent.sender, packet_type)));
            }
        }
        types
    }

    /// The bytes of each packet that one side of a program's connections sent, in hex, without pings.
    pub(crate) fn hex(&self, who: Who, sender: Sender) -> Vec<String> {
        let mut packets = Vec::new();
        for connection in &self.of(who).connections {
            let mut stream = Vec::new();
            for (_, sent) in sent(&self.exchange, &[*connection]) {
                if let (Content::Bytes { bytes, .. }, true) = (&sent.content, sent.sender == sender)
                {
                    stream.extend_from_slice(bytes);
                }
            }
            packets.extend(split(&stream));
        }
        packets
    }

    /// What a program sent and was sent from then on.
    pub(crate) fn traffic(&self, who: Who, from: Duration) -> Traffic {
        let mut traffic = Traffic::default();
        for (at, sent) in sent(&self.exchange, &self.of(who).connections) {
            if let (Content::Bytes { bytes, packets }, true) = (&sent.content, at >= from) {
                traffic.packets += packets.len();
                traffic.bytes += bytes.len();
            }
        }
        traffic
    }
}

/// What was sent on these connections.
fn sent<'a>(
    exchange: &'a Exchange,
    connections: &'a [usize],
) -> impl Iterator<Item = (Duration, &'a Sent)> {
    exchange.records.iter().filter_map(|record| match &record.event {
        Event::Sent(sent) if connections.contains(&sent.connection) => Some((record.at, sent)),
        _ => None,
    })
}

fn is_ping(packet_type: PacketType) -> bool {
    matches!(packet_type, PacketType::PingReq | PacketType::PingResp)
}

/// The packets of a stream in hex, without pings.
fn split(mut stream: &[u8]) -> Vec<String> {
    let mut packets = Vec::new();
    while let Ok(Some((frame, rest))) = Frame::parse(stream, MAXIMUM_PACKET_SIZE) {
        if !frame.packet_type().is_some_and(is_ping) {
            let hex = frame.as_bytes().iter().map(|byte| format!("{byte:02x}"));
            packets.push(hex.collect::<String>());
        }
        stream = rest;
    }
    packets
}

/// The packets of a capture that one side sent, in hex, without pings.
pub(crate) fn captured(file: &str, sender: Sender) -> Vec<String> {
    let side = match sender {
        Sender::Client => " | client | ",
        Sender::Server => " | server | ",
    };
    let mut packets = Vec::new();
    let mut wanted = false;
    for line in file.lines() {
        if line.starts_with("# frame ") {
            wanted = line.contains(side) && !line.contains("PING");
        } else if wanted && !line.starts_with('#') && !line.is_empty() {
            packets.push(line.to_owned());
        }
    }
    packets
}

/// What a program sent, or was sent, in the place of a capture: all of it, unless the capture begins
/// later than the connection.
pub(crate) fn compared(world: &World, who: Who, sender: Sender, file: &str) -> Vec<String> {
    let mut packets = world.hex(who, sender);
    let whole = captured(file, Sender::Client).first().is_some_and(|first| first.starts_with("10"));
    let captured = captured(file, sender).len();
    if !whole && packets.len() > captured {
        packets.drain(..packets.len() - captured);
    }
    packets
}
