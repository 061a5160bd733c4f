//! Packets of a client's, as the input picks them.

use mqtt_sansio::{
    Ack, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, Publish, QoS, ReasonCode,
    SubAck, Subscribe, Subscription, TopicFilter, TopicName, UnsubAck, Unsubscribe, Version, Will,
};

use super::super::source::Source;

pub(super) const TOPICS: [&str; 9] =
    ["a", "b", "a/b", "a/b/c", "/", "a//b", "$SYS/x", "$x/a", "é/b"];
pub(super) const FILTERS: [&str; 14] = [
    "#",
    "+",
    "a",
    "a/#",
    "+/b",
    "a/b",
    "a/+/c",
    "$SYS/#",
    "/",
    "+/+",
    "b",
    "$x/#",
    "a/b/c/d/e",
    "+/#",
];
pub(super) const CLIENT_IDS: [&str; 6] =
    ["a", "b", "c", "", "auto-1", "a client identifier of 31 chars"];
const QOS: [QoS; 3] = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtMostOnce];
/// Larger than what is copied rather than shared.
const LARGE: [u8; 1100] = [b'x'; 1100];

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    match packet.encode_to(version, &mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

/// A CONNECT that no configuration here refuses.
pub(super) fn first_connect(source: &mut Source<'_>) -> Vec<u8> {
    let choice = source.byte();
    let version = if choice & 1 != 0 { Version::V3_1 } else { Version::V3_1_1 };
    let connect = Connect {
        clean_start: choice & 2 != 0,
        keep_alive: 5,
        will: (choice & 4 != 0).then(|| will(source)),
        ..Connect::new(version, CLIENT_IDS[usize::from(choice >> 3) % 3])
    };
    encoded(&connect.into(), version)
}

fn will<'a>(source: &mut Source<'a>) -> Will<'a> {
    Will { qos: source.pick(&QOS), retain: source.yes(), ..Will::new(topic(source), b"w") }
}

pub(super) fn connect(source: &mut Source<'_>) -> Vec<u8> {
    let choice = source.byte();
    let version = match choice & 15 {
        15 => Version::V5_0,
        choice if choice & 1 != 0 => Version::V3_1,
        _ => Version::V3_1_1,
    };
    let connect = Connect {
        clean_start: choice & 16 != 0,
        keep_alive: source.pick(&[5, 0, 1, 10, 11, 65_535]),
        will: (choice & 32 != 0).then(|| will(source)),
        user_name: (choice & 64 != 0).then_some("u"),
        password: (choice & 64 != 0).then_some(b"p"),
        ..Connect::new(version, source.pick(&CLIENT_IDS))
    };
    encoded(&connect.into(), version)
}

fn topic<'a>(source: &mut Source<'a>) -> TopicName<'a> {
    TopicName::new(source.pick(&TOPICS)).unwrap()
}

fn filter<'a>(source: &mut Source<'a>) -> TopicFilter<'a> {
    if source.seldom() {
        return source.topic_filter();
    }
    TopicFilter::new(source.pick(&FILTERS)).unwrap()
}

fn id(source: &mut Source<'_>) -> PacketId {
    PacketId::new(u16::from(source.byte() % 5) + 1).unwrap()
}

pub(super) fn payload<'a>(source: &mut Source<'a>) -> &'a [u8] {
    match source.byte() {
        255 => &LARGE,
        len => source.take(usize::from(len) % 8),
    }
}

pub(super) fn publish(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let choice = source.byte();
    let (packet_id, dup) = (id(source), choice & 4 != 0);
    let delivery = match choice & 3 {
        0 => Delivery::AtMostOnce,
        1 => Delivery::AtLeastOnce { dup, packet_id },
        _ => Delivery::ExactlyOnce { dup, packet_id },
    };
    let retain = choice & 8 != 0;
    let publish = Publish::new(topic(source), payload(source));
    encoded(&Publish { delivery, retain, ..publish }.into(), version)
}

pub(super) fn subscribe(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let packet_id = id(source);
    let filters: Vec<_> = (0..=source.byte() % 3)
        .map(|_| Subscription::new(filter(source), source.pick(&QOS)))
        .collect();
    encoded(&Subscribe::new(packet_id, &filters).into(), version)
}

pub(super) fn unsubscribe(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let packet_id = id(source);
    let filters: Vec<_> = (0..=source.byte() % 2).map(|_| filter(source)).collect();
    encoded(&Unsubscribe::new(packet_id, &filters).into(), version)
}

/// Any other packet, also those that only a server may send.
pub(super) fn other(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let packet: Packet<'_> = match source.byte() % 12 {
        0..=1 => Packet::PubRel(Ack::new(id(source))),
        2 => Packet::PubAck(Ack::new(id(source))),
        3 => Packet::PubRec(Ack::new(id(source))),
        4 => Packet::PubComp(Ack::new(id(source))),
        5..=7 => Packet::PingReq,
        8 => ConnAck::accepted(false).into(),
        9 => SubAck::new(id(source), &[ReasonCode::GrantedQoS1]).into(),
        10 => UnsubAck::new(id(source), &[]).into(),
        _ => Disconnect::NORMAL.into(),
    };
    encoded(&packet, version)
}
