//! What this crate encodes, as tshark reads it: field by field, and without a warning.

use std::collections::BTreeSet;
use std::fmt::Write;

use mqtt_sansio::{
    Ack, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, PacketType, Publish, QoS,
    ReasonCode, Sender, SubAck, Subscribe, Subscription, TopicFilter, TopicName, UnsubAck,
    Unsubscribe, Version, Will,
};

mod reason_codes;
mod v5;

use crate::pcap::Capture;
use crate::tshark::{Fields, Tshark};
use Sender::{Client, Server};
use Version::{V3_1, V3_1_1, V5_0};

/// A packet, who sends it, and what tshark is to find in it: fields without their `mqtt.`, flags and
/// reserved bits only where they are set, properties by identifier. `msg` and `willmsg` are hex.
type Case<'a> = (Sender, Packet<'a>, &'a str);

/// Sends the packets and compares what tshark finds in them. Gives the capture.
fn check(name: &str, version: Version, cases: &[Case<'_>]) -> Tshark {
    let (tshark, sent) = record(name, version, cases);
    let dissected = tshark.dissect();
    let mut failures = String::new();
    for ((_, packet, expected), (frame, bytes)) in cases.iter().zip(sent) {
        let expected = Fields::parse(expected);
        let found = dissected.get(&frame);
        if found != Some(&expected) {
            let found = found.map(Fields::to_string).unwrap_or_default();
            let _ = writeln!(failures, "{packet}, {version}: {}", hex(&bytes));
            let _ = writeln!(failures, "expected {expected}\n   found {found}");
            let _ = writeln!(failures, "{}", tshark.describe(frame));
        }
    }
    assert!(failures.is_empty(), "{failures}");
    let complaints = tshark.complaints();
    assert!(complaints.trim().is_empty(), "{complaints}");
    tshark
}

/// Sends the packets in turn over a connection of that version, each CONNECT over one of its own. Gives
/// the capture, and of each packet the number of the frame that ends it and its bytes.
fn record(name: &str, version: Version, cases: &[Case<'_>]) -> (Tshark, Vec<(u32, Vec<u8>)>) {
    let mut capture = Capture::new();
    let mut connection = capture.connect();
    let opening = Packet::from(Connect::new(version, "dev"));
    capture.send(&mut connection, Client, &encode(&opening, version));
    let mut sent = Vec::new();
    for (sender, packet, _) in cases {
        assert_eq!(packet.check_sender(*sender, version), Ok(()), "{packet}");
        let bytes = encode(packet, version);
        let frame = if packet.packet_type() == PacketType::Connect {
            let mut own = capture.connect();
            capture.send(&mut own, *sender, &bytes)
        } else {
            capture.send(&mut connection, *sender, &bytes)
        };
        sent.push((frame, bytes));
    }
    (Tshark::open(&capture.into_bytes(), name), sent)
}

/// As [`check`], for cases of every packet type of the version but CONNECT.
fn check_all_types(version: Version, cases: &[Case<'_>]) {
    let types: BTreeSet<PacketType> =
        cases.iter().map(|(_, packet, _)| packet.packet_type()).collect();
    for packet_type in PacketType::ALL {
        let exists = packet_type != PacketType::Connect
            && (packet_type != PacketType::Auth || version == V5_0);
        assert_eq!(types.contains(&packet_type), exists, "{packet_type}, {version}");
    }
    check(&format!("packets-{version}"), version, cases);
}

/// What tshark calls the numbers that stand in brackets after it: the words, and the number.
fn named(description: &str, label: &str) -> Vec<(String, String)> {
    let lines = description.lines().filter_map(|line| line.trim().strip_prefix(label));
    let pair = |line: &str| {
        let (words, number) = line.trim_end_matches(')').rsplit_once(" (")?;
        Some((words.to_owned(), number.to_owned()))
    };
    let names: Vec<_> = lines.filter_map(pair).collect();
    assert!(!names.is_empty(), "{description}");
    names
}

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let len = packet.encoded_len(version).unwrap_or_else(|error| panic!("{packet}: {error}"));
    let mut bytes = vec![0; len];
    assert_eq!(packet.encode(version, &mut bytes), Ok(len), "{packet}");
    bytes
}

/// Hex digits, of long packets the first.
fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(200);
    shown.fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

fn name(text: &str) -> TopicName<'_> {
    TopicName::new(text).unwrap()
}

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).unwrap()
}

fn at_least_once(number: u16, dup: bool) -> Delivery {
    Delivery::AtLeastOnce { dup, packet_id: id(number) }
}

fn exactly_once(number: u16, dup: bool) -> Delivery {
    Delivery::ExactlyOnce { dup, packet_id: id(number) }
}

#[test]
#[ignore = "needs tshark"]
fn connect_of_3_1() {
    let connect = Connect::new(V3_1, "dev");
    let will = Will { qos: QoS::AtLeastOnce, retain: true, ..Will::new(name("a/w"), b"bye") };
    let login = Connect { keep_alive: 60, user_name: Some("u"), password: Some(b"pwd"), ..connect };
    let cases: &[Case<'_>] = &[
        (
            Client,
            connect.into(),
            "msgtype=1 len=17 protoname=MQIsdp ver=3 conflag.cleansess=1 kalive=0 clientid=dev",
        ),
        (
            Client,
            Connect { will: Some(will), ..login }.into(),
            "msgtype=1 len=35 protoname=MQIsdp ver=3 conflag.uname=1 conflag.passwd=1
             conflag.retain=1 conflag.qos=1 conflag.willflag=1 conflag.cleansess=1 kalive=60
             clientid=dev willtopic=a/w willmsg=627965 username=u passwd=pwd",
        ),
        (
            Client,
            Connect { clean_start: false, keep_alive: 65_535, user_name: Some("é"), ..connect }
                .into(),
            "msgtype=1 len=21 protoname=MQIsdp ver=3 conflag.uname=1 kalive=65535 clientid=dev
             username=é",
        ),
    ];
    check("connect-3.1", V3_1, cases);
}

#[test]
#[ignore = "needs tshark"]
fn connect_of_3_1_1() {
    let connect = Connect::new(V3_1_1, "dev");
    let will = Will { qos: QoS::ExactlyOnce, ..Will::new(name("é/𝄞"), b"\x00\xFF\x80") };
    let login = Connect { keep_alive: 60, user_name: Some("u"), password: Some(b"pwd"), ..connect };
    let cases: &[Case<'_>] = &[
        (
            Client,
            connect.into(),
            "msgtype=1 len=15 protoname=MQTT ver=4 conflag.cleansess=1 kalive=0 clientid=dev",
        ),
        (
            Client,
            Connect { will: Some(will), ..login }.into(),
            "msgtype=1 len=37 protoname=MQTT ver=4 conflag.uname=1 conflag.passwd=1 conflag.qos=2
             conflag.willflag=1 conflag.cleansess=1 kalive=60 clientid=dev willtopic=é/𝄞
             willmsg=00ff80 username=u passwd=pwd",
        ),
        (
            Client,
            Connect { keep_alive: 65_535, ..Connect::new(V3_1_1, "") }.into(),
            "msgtype=1 len=12 protoname=MQTT ver=4 conflag.cleansess=1 kalive=65535 clientid=",
        ),
        (
            Client,
            Connect { clean_start: false, user_name: Some(""), ..connect }.into(),
            "msgtype=1 len=17 protoname=MQTT ver=4 conflag.uname=1 kalive=0 clientid=dev
             username=",
        ),
    ];
    check("connect-3.1.1", V3_1_1, cases);
}

#[test]
#[ignore = "needs tshark"]
fn packets_of_3_1() {
    let filters = [
        Subscription::new(filter("a/b"), QoS::AtLeastOnce),
        Subscription::new(filter("c/#"), QoS::ExactlyOnce),
    ];
    let names = [filter("a/b"), filter("+/+")];
    let granted = [ReasonCode::GRANTED_QOS_0, ReasonCode::GrantedQoS1, ReasonCode::GrantedQoS2];
    let publish = Publish::new(name("a/b"), b"hi");
    let cases: &[Case<'_>] = &[
        (Server, ConnAck::accepted(false).into(), "msgtype=2 len=2 conack.val=0"),
        (Client, publish.into(), "msgtype=3 qos=0 len=7 topic=a/b msg=6869"),
        (
            Client,
            Publish { delivery: at_least_once(10, true), retain: true, ..publish }.into(),
            "msgtype=3 dupflag=1 qos=1 retain=1 len=9 topic=a/b msgid=10 msg=6869",
        ),
        (
            Server,
            Publish { delivery: exactly_once(65_535, false), ..publish }.into(),
            "msgtype=3 qos=2 len=9 topic=a/b msgid=65535 msg=6869",
        ),
        (Server, Packet::PubAck(Ack::new(id(10))), "msgtype=4 len=2 msgid=10"),
        (Client, Packet::PubRec(Ack::new(id(10))), "msgtype=5 len=2 msgid=10"),
        (Server, Packet::PubRel(Ack::new(id(10))), "msgtype=6 qos=1 len=2 msgid=10"),
        (Client, Packet::PubComp(Ack::new(id(10))), "msgtype=7 len=2 msgid=10"),
        (
            Client,
            Subscribe::new(id(11), &filters).into(),
            "msgtype=8 qos=1 len=14 msgid=11 topic=a/b sub.qos=1 topic=c/# sub.qos=2",
        ),
        (
            Server,
            SubAck::new(id(11), &granted).into(),
            "msgtype=9 len=5 msgid=11 suback.qos=0 suback.qos=1 suback.qos=2",
        ),
        (
            Client,
            Unsubscribe::new(id(12), &names).into(),
            "msgtype=10 qos=1 len=12 msgid=12 topic=a/b topic=+/+",
        ),
        (Server, UnsubAck::new(id(12), &[]).into(), "msgtype=11 len=2 msgid=12"),
        (Client, Packet::PingReq, "msgtype=12 len=0"),
        (Server, Packet::PingResp, "msgtype=13 len=0"),
        (Client, Disconnect::NORMAL.into(), "msgtype=14 len=0"),
    ];
    check_all_types(V3_1, cases);
}

#[test]
#[ignore = "needs tshark"]
fn packets_of_3_1_1() {
    let filters = [
        Subscription::new(filter("a/b"), QoS::AtMostOnce),
        Subscription::new(filter("#"), QoS::ExactlyOnce),
    ];
    let names = [filter("a/b"), filter("$SYS/#")];
    let codes = [ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError, ReasonCode::GRANTED_QOS_0];
    let publish = Publish::new(name("é/𝄞"), b"\x00\xFF\x80");
    let cases: &[Case<'_>] = &[
        (Server, ConnAck::accepted(true).into(), "msgtype=2 len=2 conack.flags.sp=1 conack.val=0"),
        (
            Client,
            Publish { payload: b"", retain: true, ..publish }.into(),
            "msgtype=3 qos=0 retain=1 len=9 topic=é/𝄞 msg=",
        ),
        (
            Server,
            Publish { delivery: at_least_once(1, false), ..publish }.into(),
            "msgtype=3 qos=1 len=14 topic=é/𝄞 msgid=1 msg=00ff80",
        ),
        (
            Client,
            Publish { delivery: exactly_once(258, true), ..publish }.into(),
            "msgtype=3 dupflag=1 qos=2 len=14 topic=é/𝄞 msgid=258 msg=00ff80",
        ),
        (Client, Packet::PubAck(Ack::new(id(1))), "msgtype=4 len=2 msgid=1"),
        (Server, Packet::PubRec(Ack::new(id(258))), "msgtype=5 len=2 msgid=258"),
        (Client, Packet::PubRel(Ack::new(id(258))), "msgtype=6 hdr_reserved=2 len=2 msgid=258"),
        (Server, Packet::PubComp(Ack::new(id(258))), "msgtype=7 len=2 msgid=258"),
        (
            Client,
            Subscribe::new(id(65_535), &filters).into(),
            "msgtype=8 hdr_reserved=2 len=12 msgid=65535 topic=a/b sub.qos=0 topic=# sub.qos=2",
        ),
        (
            Server,
            SubAck::new(id(65_535), &codes).into(),
            "msgtype=9 len=5 msgid=65535 suback.qos=1 suback.qos=128 suback.qos=0",
        ),
        (
            Client,
            Unsubscribe::new(id(12), &names).into(),
            "msgtype=10 hdr_reserved=2 len=15 msgid=12 topic=a/b topic=$SYS/#",
        ),
        (Server, UnsubAck::new(id(12), &[]).into(), "msgtype=11 len=2 msgid=12"),
        (Client, Packet::PingReq, "msgtype=12 len=0"),
        (Server, Packet::PingResp, "msgtype=13 len=0"),
        (Client, Disconnect::NORMAL.into(), "msgtype=14 len=0"),
    ];
    check_all_types(V3_1_1, cases);
}

#[test]
#[ignore = "needs tshark"]
fn return_codes_of_connack_before_5_0() {
    let refused = |code| Packet::from(ConnAck::refused(code));
    for version in [V3_1, V3_1_1] {
        let cases = [
            (
                Server,
                refused(ReasonCode::UnsupportedProtocolVersion),
                "msgtype=2 len=2 conack.val=1",
            ),
            (Server, refused(ReasonCode::ClientIdentifierNotValid), "msgtype=2 len=2 conack.val=2"),
            (Server, refused(ReasonCode::ServerUnavailable), "msgtype=2 len=2 conack.val=3"),
            (Server, refused(ReasonCode::BadUserNameOrPassword), "msgtype=2 len=2 conack.val=4"),
            (Server, refused(ReasonCode::NotAuthorized), "msgtype=2 len=2 conack.val=5"),
        ];
        check(&format!("connack-{version}"), version, &cases);
    }
}

#[test]
#[ignore = "needs tshark"]
fn lengths_around_every_bound_of_the_remaining_length() {
    for version in Version::ALL {
        let around = if version == V5_0 { 6 } else { 5 };
        let lengths = [127, 128, 16_383, 16_384, 2_097_151, 2_097_152];
        let payloads = lengths.map(|length| vec![b'x'; length - around]);
        let expected = lengths.map(|length| {
            let message = "78".repeat(length - around);
            let properties = if version == V5_0 { "property_len=0" } else { "" };
            format!("msgtype=3 qos=0 len={length} topic=a/b {properties} msg={message}")
        });
        let pairs = payloads.iter().zip(&expected);
        let publish = |payload| Packet::from(Publish::new(name("a/b"), payload));
        let cases: Vec<Case<'_>> =
            pairs.map(|(payload, expected)| (Client, publish(payload), &expected[..])).collect();
        check(&format!("lengths-{version}"), version, &cases);
    }
}

/// The silence that the other tests ask for is worth something.
#[test]
#[ignore = "needs tshark"]
fn malformed_packet_is_complained_about() {
    let mut capture = Capture::new();
    let mut connection = capture.connect();
    // A CONNACK whose topic alias maximum is cut short.
    capture.send(&mut connection, Client, &encode(&Connect::new(V5_0, "dev").into(), V5_0));
    capture.send(&mut connection, Server, &[0x20, 0x05, 0x00, 0x00, 0x02, 0x22, 0x00]);
    let complaints = Tshark::open(&capture.into_bytes(), "malformed").complaints();
    assert!(complaints.contains("Malformed Packet"), "{complaints}");
}
