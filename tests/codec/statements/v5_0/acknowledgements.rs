//! PUBACK, PUBREC, PUBREL and PUBCOMP: sections 3.4 to 3.7.

use mqtt_sansio::{Ack, Packet, Properties, Property, ReasonCode, Sender, UserProperty, Violation};

use super::super::{broken, code, id, legal, only_codes, only_flags, read_as, sent_by, unwritten};
use super::V;

/// What PUBACK and PUBREC list, tables 3-4 and 3-5.
const RECEIVED: [u8; 9] = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
/// What PUBREL and PUBCOMP list, tables 3-6 and 3-7.
const COMPLETED: [u8; 2] = [0x00, 0x92];

const ALL: [&str; 4] = ["40", "50", "62", "70"];

/// The packet that begins with that byte.
fn packet<'a>(first: &str, ack: Ack<'a>) -> Packet<'a> {
    match first {
        "40" => Packet::PubAck(ack),
        "50" => Packet::PubRec(ack),
        "62" => Packet::PubRel(ack),
        "70" => Packet::PubComp(ack),
        _ => panic!("{first}"),
    }
}

/// Other codes than those listed are neither read nor written, in any form of the packet.
#[track_caller]
fn codes_must_be_listed(first: &str, listed: &[u8]) {
    let with = |value| Ack { reason_code: code(value), ..Ack::new(id(1)) };
    legal(V, &format!("{first} 02 0001"), packet(first, with(0)));
    for value in &listed[1..] {
        legal(V, &format!("{first} 03 0001 {value:02x}"), packet(first, with(*value)));
    }
    for value in 0..=255 {
        let bytes = format!("{first} 04 0001 {value:02x} 00");
        if listed.contains(&value) {
            read_as(V, &bytes, packet(first, with(value)));
        } else {
            broken(V, &bytes, Violation::ReasonCodeNotListed, 4);
            broken(V, &format!("{first} 03 0001 {value:02x}"), Violation::ReasonCodeNotListed, 4);
        }
        let Ok(reason_code) = ReasonCode::try_from(value) else { continue };
        if !listed.contains(&value) {
            let ack = Ack { reason_code, ..Ack::new(id(1)) };
            unwritten(V, packet(first, ack), Violation::ReasonCodeNotListed);
        }
    }
    let reason = [Property::ReasonString("r")];
    let properties = Properties::from(&reason);
    let bytes = format!("{first} 08 0001 00 04 1f 000172");
    legal(V, &bytes, packet(first, Ack { properties, ..with(0) }));
    only_codes(V, &format!("{first} 08 0001"), "04 1f 000172", listed);
}

#[test]
fn mqtt_3_4_2_1_puback_codes_must_be_listed() {
    codes_must_be_listed("40", &RECEIVED);
}

#[test]
fn mqtt_3_5_2_1_pubrec_codes_must_be_listed() {
    codes_must_be_listed("50", &RECEIVED);
}

#[test]
fn mqtt_3_6_2_1_pubrel_codes_must_be_listed() {
    codes_must_be_listed("62", &COMPLETED);
}

#[test]
fn mqtt_3_7_2_1_pubcomp_codes_must_be_listed() {
    codes_must_be_listed("70", &COMPLETED);
}

#[test]
fn mqtt_3_6_1_1_pubrel_flags_must_be_0010() {
    legal(V, "62 02 0001", Packet::PubRel(Ack::new(id(1))));
    broken(V, "60 02 0001", Violation::ReservedFlags, 0);
    only_flags(V, "62 02 0001", 0b0010);
    only_flags(V, "62 03 0001 92", 0b0010);
}

#[test]
fn s3_4_2_no_matching_subscribers_comes_from_the_server_only() {
    let both = [Sender::Client, Sender::Server];
    for first in ["40", "50"] {
        for value in RECEIVED {
            let senders = if value == 0x10 { &both[1..] } else { &both[..] };
            sent_by(V, &format!("{first} 03 0001 {value:02x}"), senders);
        }
    }
    for first in ["62", "70"] {
        for value in COMPLETED {
            sent_by(V, &format!("{first} 03 0001 {value:02x}"), &both);
        }
    }
}

#[test]
fn s3_4_2_1_code_and_properties_may_be_left_out_from_the_end() {
    for first in ALL {
        let success = packet(first, Ack::new(id(1)));
        legal(V, &format!("{first} 02 0001"), success);
        read_as(V, &format!("{first} 03 0001 00"), success);
        read_as(V, &format!("{first} 04 0001 00 00"), success);
        broken(V, &format!("{first} 01 00"), Violation::Truncated, 2);
        broken(V, &format!("{first} 05 0001 00 00 00"), Violation::TrailingBytes, 6);
        let pair = [Property::UserProperty(UserProperty { name: "", value: "" })];
        let properties = Properties::from(&pair);
        let bytes = format!("{first} 09 0001 00 05 26 0000 0000");
        legal(V, &bytes, packet(first, Ack { properties, ..Ack::new(id(1)) }));
    }
}

#[test]
fn s3_4_2_2_2_a_second_reason_string_is_refused() {
    for first in ALL {
        let reasons = [Property::ReasonString("r"), Property::ReasonString("r")];
        let with = |reasons| Ack { properties: Properties::new(reasons), ..Ack::new(id(1)) };
        legal(V, &format!("{first} 08 0001 00 04 1f 000172"), packet(first, with(&reasons[..1])));
        let bytes = format!("{first} 0c 0001 00 08 1f 000172 1f 000172");
        broken(V, &bytes, Violation::DuplicateProperty, 10);
        unwritten(V, packet(first, with(&reasons)), Violation::DuplicateProperty);
    }
}
