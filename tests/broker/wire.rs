//! Packets as bytes.

use std::fmt::Write;

use mqtt_sansio::{
    Ack, Connect, Delivery, Frame, MAXIMUM_PACKET_SIZE, Packet, PacketId, Publish, QoS, ReasonCode,
    SubAck, Subscribe, Subscription, TopicFilter, TopicName, UnsubAck, Unsubscribe, Version, Will,
};

/// What goes over a connection: bytes, or hex digits for them.
pub(crate) trait Wire {
    fn wire(&self) -> Vec<u8>;
}

impl Wire for &str {
    fn wire(&self) -> Vec<u8> {
        unhex(self)
    }
}

impl Wire for Vec<u8> {
    fn wire(&self) -> Vec<u8> {
        self.clone()
    }
}

impl Wire for &[u8] {
    fn wire(&self) -> Vec<u8> {
        self.to_vec()
    }
}

/// One after the other.
impl<const N: usize> Wire for [Vec<u8>; N] {
    fn wire(&self) -> Vec<u8> {
        self.concat()
    }
}

/// The bytes that hex digits stand for; spaces between them are skipped.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| digit.to_digit(16).unwrap_or_else(|| panic!("not hex: {hex}")))
        .collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The packets that bytes hold, one a line: in hex and in words.
pub(crate) fn words(bytes: &[u8]) -> String {
    let mut text = String::new();
    for frame in frames(bytes) {
        let shown = hex(&frame[..frame.len().min(64)]);
        let whole = Frame::parse(&frame, MAXIMUM_PACKET_SIZE).ok().flatten();
        match whole.map(|(frame, _)| Packet::decode(frame, Version::V3_1_1)) {
            Some(Ok(packet)) => {
                let packet: String = packet.to_string().chars().take(200).collect();
                writeln!(text, "  {shown} {packet}").unwrap();
            }
            Some(Err(error)) => writeln!(text, "  {shown} {error}").unwrap(),
            None => writeln!(text, "  {shown} (no whole packet)").unwrap(),
        }
    }
    text
}

/// The packets that bytes hold; at last what is no whole one.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Ok(Some((frame, rest))) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE) {
        frames.push(frame.as_bytes().to_vec());
        bytes = rest;
    }
    if !bytes.is_empty() {
        frames.push(bytes.to_vec());
    }
    frames
}

/// The PUBLISH packets in these bytes: the first byte, topic and payload of each.
pub(crate) fn published(bytes: &[u8]) -> Vec<(u8, String, String)> {
    let mut found = Vec::new();
    for frame in frames(bytes) {
        let parsed = Frame::parse(&frame, MAXIMUM_PACKET_SIZE).unwrap().unwrap().0;
        if let Ok(Packet::Publish(publish)) = Packet::decode(parsed, Version::V3_1_1) {
            let payload = String::from_utf8_lossy(publish.payload).into_owned();
            found.push((frame[0], publish.topic.as_str().to_owned(), payload));
        }
    }
    found
}

/// The payloads of the PUBLISH packets in these bytes.
pub(crate) fn payloads(bytes: &[u8]) -> Vec<String> {
    published(bytes).into_iter().map(|(_, _, payload)| payload).collect()
}

#[track_caller]
pub(crate) fn encode<'a>(packet: impl Into<Packet<'a>>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.into().encode_to(version, &mut bytes).unwrap();
    bytes
}

/// A CONNECT of 3.1.1 with a clean session, but for what is changed.
#[track_caller]
pub(crate) fn connect<'a>(name: &'a str, change: impl FnOnce(&mut Connect<'a>)) -> Vec<u8> {
    let mut connect = Connect::new(Version::V3_1_1, name);
    change(&mut connect);
    encode(connect, connect.version)
}

/// A CONNECT with the will to publish that payload under "w" at that QoS.
#[track_caller]
pub(crate) fn connect_with_will(name: &str, payload: &str, qos: u8) -> Vec<u8> {
    connect(name, |connect| connect.will = Some(will(payload, qos)))
}

/// A will under "w", not retained.
pub(crate) fn will(payload: &str, qos: u8) -> Will<'_> {
    Will { qos: QoS::try_from(qos).unwrap(), ..Will::new(topic("w"), payload.as_bytes()) }
}

pub(crate) fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).unwrap()
}

pub(crate) fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).unwrap()
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

/// PUBLISH at QoS 0.
pub(crate) fn publish(name: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
    encode(Publish::new(topic(name), payload.as_ref()), Version::V3_1_1)
}

/// PUBLISH at QoS 1.
pub(crate) fn publish1(packet_id: u16, name: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let delivery = Delivery::AtLeastOnce { dup: false, packet_id: id(packet_id) };
    encode(Publish { delivery, ..Publish::new(topic(name), payload.as_ref()) }, Version::V3_1_1)
}

/// PUBLISH at QoS 2.
pub(crate) fn publish2(packet_id: u16, name: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let delivery = Delivery::ExactlyOnce { dup: false, packet_id: id(packet_id) };
    encode(Publish { delivery, ..Publish::new(topic(name), payload.as_ref()) }, Version::V3_1_1)
}

/// A PUBLISH with its RETAIN flag set.
pub(crate) fn retained(mut publish: Vec<u8>) -> Vec<u8> {
    publish[0] |= 1;
    publish
}

/// A PUBLISH with its DUP flag set.
pub(crate) fn dup(mut publish: Vec<u8>) -> Vec<u8> {
    publish[0] |= 8;
    publish
}

pub(crate) fn puback(packet_id: u16) -> Vec<u8> {
    encode(Packet::PubAck(Ack::new(id(packet_id))), Version::V3_1_1)
}

pub(crate) fn pubrec(packet_id: u16) -> Vec<u8> {
    encode(Packet::PubRec(Ack::new(id(packet_id))), Version::V3_1_1)
}

pub(crate) fn pubrel(packet_id: u16) -> Vec<u8> {
    encode(Packet::PubRel(Ack::new(id(packet_id))), Version::V3_1_1)
}

pub(crate) fn pubcomp(packet_id: u16) -> Vec<u8> {
    encode(Packet::PubComp(Ack::new(id(packet_id))), Version::V3_1_1)
}

pub(crate) fn subscribe(packet_id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let filters: Vec<_> = filters
        .iter()
        .map(|(name, qos)| Subscription::new(filter(name), QoS::try_from(*qos).unwrap()))
        .collect();
    encode(Subscribe::new(id(packet_id), &filters), Version::V3_1_1)
}

/// SUBACK with these return codes.
pub(crate) fn suback(packet_id: u16, codes: &[u8]) -> Vec<u8> {
    let code = |code: &u8| ReasonCode::try_from(*code).unwrap();
    let codes: Vec<_> = codes.iter().map(code).collect();
    encode(SubAck::new(id(packet_id), &codes), Version::V3_1_1)
}

pub(crate) fn unsubscribe(packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let filters: Vec<_> = filters.iter().map(|name| filter(name)).collect();
    encode(Unsubscribe::new(id(packet_id), &filters), Version::V3_1_1)
}

pub(crate) fn unsuback(packet_id: u16) -> Vec<u8> {
    encode(UnsubAck::new(id(packet_id), &[]), Version::V3_1_1)
}

pub(crate) const PINGREQ: &str = "c000";
pub(crate) const PINGRESP: &str = "d000";
pub(crate) const DISCONNECT: &str = "e000";
