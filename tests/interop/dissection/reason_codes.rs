//! The reason codes of MQTT 5.0: each in every packet that lists it.

use mqtt_sansio::{Ack, Auth, ConnAck, Disconnect, Packet, Property, ReasonCode, SubAck, UnsubAck};

use super::{Case, check, id, named};
use crate::tshark::Tshark;
use mqtt_sansio::Sender::{Client, Server};
use mqtt_sansio::Version::V5_0;

/// Every reason code that the packet may carry, by the tables of the specification; where success is left
/// out, the packet leaves it out too.
const CONNACK: [u8; 22] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
const PUBACK_PUBREC: [u8; 8] = [0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL_PUBCOMP: [u8; 1] = [0x92];
const SUBACK: [u8; 12] = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
const UNSUBACK: [u8; 7] = [0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
const AUTH: [u8; 3] = [0x00, 0x18, 0x19];
const DISCONNECT: [u8; 28] = [
    0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];

fn code(value: u8) -> ReasonCode {
    ReasonCode::try_from(value).unwrap()
}

/// The packets, each from a side that may send it.
fn check_from_either(file: &str, packets: &[(Packet<'_>, String)]) -> Tshark {
    let sender = |packet: &Packet<'_>| match packet.check_sender(Client, V5_0) {
        Ok(()) => Client,
        Err(_) => Server,
    };
    let cases: Vec<Case<'_>> =
        packets.iter().map(|(packet, expected)| (sender(packet), *packet, &expected[..])).collect();
    check(file, V5_0, &cases)
}

#[test]
#[ignore = "needs tshark"]
fn reason_codes() {
    let mut packets: Vec<(Packet<'_>, String)> = Vec::new();
    for value in CONNACK {
        let connack = ConnAck { reason_code: code(value), ..ConnAck::accepted(false) };
        let expected = format!("msgtype=2 len=3 connack.reason_code={value} property_len=0");
        packets.push((connack.into(), expected));
    }
    let ack = |value| Ack { reason_code: code(value), ..Ack::new(id(10)) };
    for value in PUBACK_PUBREC {
        let expected = |name| format!("len=3 msgid=10 {name}.reason_code={value}");
        packets.push((Packet::PubAck(ack(value)), format!("msgtype=4 {}", expected("puback"))));
        packets.push((Packet::PubRec(ack(value)), format!("msgtype=5 {}", expected("pubrec"))));
    }
    for value in PUBREL_PUBCOMP {
        let expected = |name| format!("len=3 msgid=10 {name}.reason_code={value}");
        let pubrel = format!("msgtype=6 hdr_reserved=2 {}", expected("pubrel"));
        packets.push((Packet::PubRel(ack(value)), pubrel));
        packets.push((Packet::PubComp(ack(value)), format!("msgtype=7 {}", expected("pubcomp"))));
    }
    for value in DISCONNECT {
        let expected = format!("msgtype=14 len=1 disconnect.reason_code={value}");
        packets.push((Disconnect::new(code(value)).into(), expected));
    }
    let method = [Property::AuthenticationMethod("M")];
    for value in AUTH {
        let expected = format!("msgtype=15 len=6 auth.reason_code={value} property_len=4 0x15=M");
        packets.push((Auth::new(code(value), &method).into(), expected));
    }
    let (subscribed, unsubscribed) = (SUBACK.map(code), UNSUBACK.map(code));
    let listed = |name, values: &[u8]| -> String {
        values.iter().map(|value| format!(" {name}.reason_code={value}")).collect()
    };
    packets.push((
        SubAck::new(id(10), &subscribed).into(),
        format!("msgtype=9 len=15 msgid=10 property_len=0 {}", listed("suback", &SUBACK)),
    ));
    packets.push((
        UnsubAck::new(id(10), &unsubscribed).into(),
        format!("msgtype=11 len=10 msgid=10 property_len=0 {}", listed("unsuback", &UNSUBACK)),
    ));
    let tshark = check_from_either("reason-codes", &packets);
    for (words, value) in named(&tshark.describe_all(), "Reason Code: ") {
        let value = value.parse().unwrap();
        // tshark has its own words for some, and none for 0x99 in CONNACK and 0x80 in UNSUBACK.
        let differs = matches!(
            (&words[..], value),
            ("Shared Subscription not supported", 0x9E)
                | ("Wildcard Subscription not supported", 0xA2)
                | ("Unknown", 0x80 | 0x99)
                | ("Granted QoS 0", 0x00)
        );
        assert!(differs || words == code(value).name(), "{words} ({value})");
    }
}
