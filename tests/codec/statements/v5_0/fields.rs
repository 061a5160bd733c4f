//! Strings, integers, the fixed header and packet identifiers: chapters 1, 2 and 4.13.

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Frame, MAXIMUM_PACKET_SIZE, Packet,
    Properties, Property, Publish, QoS, ReasonCode, Sender, SubAck, Subscribe, Subscription,
    SubscriptionIdentifier, TopicName, UnsubAck, Unsubscribe, UserProperty, Violation, Will,
};

use super::super::{broken, filter, id, legal, name, only_flags, read_as, sent_by, unwritten};
use super::V;
use crate::support::{encode, hex, unhex};

#[test]
fn mqtt_1_5_4_1_strings_must_be_well_formed_utf_8() {
    legal(V, "10 0f 00044d515454 05 02 0000 00 0002 c3a9", Connect::new(V, "é"));
    broken(V, "10 0f 00044d515454 05 02 0000 00 0002 c328", Violation::InvalidUtf8, 13);
    broken(V, "10 10 00044d515454 05 02 0000 00 0003 eda080", Violation::InvalidUtf8, 13);
    let reason = [Property::ReasonString("é")];
    let connack = ConnAck { properties: Properties::from(&reason), ..ConnAck::accepted(false) };
    legal(V, "20 08 00 00 05 1f 0002 c3a9", connack);
    broken(V, "20 08 00 00 05 1f 0002 c0af", Violation::InvalidUtf8, 6);
    broken(V, "20 09 00 00 06 1f 0003 edbfbf", Violation::InvalidUtf8, 6);
    assert_eq!(TopicName::from_bytes(b"\xC0\xAF"), Err(Violation::InvalidUtf8));
}

#[test]
fn mqtt_1_5_4_2_strings_must_not_contain_nul() {
    legal(V, "10 0e 00044d515454 05 02 0000 00 0001 01", Connect::new(V, "\u{1}"));
    broken(V, "10 0e 00044d515454 05 02 0000 00 0001 00", Violation::NullCharacter, 13);
    unwritten(V, Connect::new(V, "\0"), Violation::NullCharacter);
    broken(V, "20 08 00 00 05 1f 0002 6100", Violation::NullCharacter, 6);
    let reason = [Property::ReasonString("a\0")];
    let connack = ConnAck { properties: Properties::from(&reason), ..ConnAck::accepted(false) };
    unwritten(V, connack, Violation::NullCharacter);
}

#[test]
fn mqtt_1_5_4_3_a_byte_order_mark_is_a_character_like_others() {
    legal(V, "10 11 00044d515454 05 02 0000 00 0004 efbbbf63", Connect::new(V, "\u{feff}c"));
    legal(V, "30 07 0004 efbbbf61 00", Publish::new(name("\u{feff}a"), b""));
    let reason = [Property::ReasonString("\u{feff}")];
    let connack = ConnAck { properties: Properties::from(&reason), ..ConnAck::accepted(false) };
    legal(V, "20 09 00 00 06 1f 0003 efbbbf", connack);
}

#[test]
fn mqtt_1_5_5_1_variable_byte_integers_must_be_as_short_as_can_be() {
    let cases = [
        (1, "01", "8100"),
        (127, "7f", "ff00"),
        (128, "8001", "808100"),
        (16_383, "ff7f", "ffff00"),
        (16_384, "808001", "80808100"),
        (2_097_151, "ffff7f", "ffffff00"),
        (2_097_152, "80808001", "8080808100"),
        (268_435_455, "ffffff7f", "ffffffff00"),
    ];
    for (number, shortest, longer) in cases {
        let with = |value: &str| {
            let len = 1 + value.len() / 2;
            format!("30 {:02x} 000161 {len:02x} 0b {value}", 4 + len)
        };
        let properties =
            [Property::SubscriptionIdentifier(SubscriptionIdentifier::new(number).unwrap())];
        let properties = Properties::from(&properties);
        legal(V, &with(shortest), Publish { properties, ..Publish::new(name("a"), b"") });
        let five = longer.len() == 10;
        let violation = if five { Violation::VarintTooLong } else { Violation::VarintNotMinimal };
        broken(V, &with(longer), violation, 7);
    }
    assert_eq!(SubscriptionIdentifier::new(268_435_456), None);
    // The remaining length, a property length, a property's identifier.
    broken(V, "c0 8000", Violation::VarintNotMinimal, 1);
    broken(V, "10 8e00 00044d515454 05 02 0000 00 000163", Violation::VarintNotMinimal, 1);
    broken(V, "30 05 000161 8000", Violation::VarintNotMinimal, 5);
    broken(V, "30 08 000161 04 a3000001", Violation::VarintNotMinimal, 6);
}

#[test]
fn mqtt_1_5_7_1_both_strings_of_a_pair_must_be_strings() {
    let pair = [Property::UserProperty(UserProperty { name: "é", value: "\u{1}" })];
    let properties = Properties::from(&pair);
    legal(
        V,
        "30 0c 000161 08 26 0002c3a9 000101",
        Publish { properties, ..Publish::new(name("a"), b"") },
    );
    broken(V, "30 0c 000161 08 26 0002c328 000101", Violation::InvalidUtf8, 7);
    broken(V, "30 0c 000161 08 26 0002c3a9 0001ff", Violation::InvalidUtf8, 11);
    broken(V, "30 0c 000161 08 26 00026100 000101", Violation::NullCharacter, 7);
    broken(V, "30 0c 000161 08 26 0002c3a9 000100", Violation::NullCharacter, 11);
    for (name, value) in [("\0", "v"), ("n", "\0")] {
        let pair = [Property::UserProperty(UserProperty { name, value })];
        let properties = Properties::from(&pair);
        let publish = Publish { properties, ..Publish::new(super::super::name("a"), b"") };
        unwritten(V, publish, Violation::NullCharacter);
    }
}

/// One packet of each type but PUBLISH, whose flags have meanings.
fn packets<R>(each: impl Fn(&[(Packet<'_>, &str)]) -> R) -> R {
    let subscriptions = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    let filters = [filter("a")];
    let codes = [ReasonCode::Success];
    let method = [Property::AuthenticationMethod("m")];
    let ack = Ack::new(id(1));
    each(&[
        (Connect::new(V, "c").into(), "10 0e 00044d515454 05 02 0000 00 000163"),
        (ConnAck::accepted(false).into(), "20 03 0000 00"),
        (Packet::PubAck(ack), "40 02 0001"),
        (Packet::PubRec(ack), "50 02 0001"),
        (Packet::PubRel(ack), "62 02 0001"),
        (Packet::PubComp(ack), "70 02 0001"),
        (Subscribe::new(id(1), &subscriptions).into(), "82 07 0001 00 000161 00"),
        (SubAck::new(id(1), &codes).into(), "90 04 0001 00 00"),
        (Unsubscribe::new(id(1), &filters).into(), "a2 06 0001 00 000161"),
        (UnsubAck::new(id(1), &codes).into(), "b0 04 0001 00 00"),
        (Packet::PingReq, "c0 00"),
        (Packet::PingResp, "d0 00"),
        (Disconnect::NORMAL.into(), "e0 00"),
        (Auth::new(ReasonCode::ContinueAuthentication, &method).into(), "f0 06 18 04 15 00016d"),
    ])
}

#[test]
fn mqtt_2_1_3_1_reserved_flags_must_be_as_listed() {
    packets(|packets| {
        for (packet, bytes) in packets {
            legal(V, bytes, *packet);
            only_flags(V, bytes, unhex(bytes)[0] & 0x0F);
        }
    });
}

#[test]
fn s2_1_2_packets_flow_in_the_listed_direction_only() {
    use Sender::{Client, Server};
    packets(|packets| {
        for (packet, bytes) in packets {
            let senders: &[Sender] = match packet {
                Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => &[Client],
                Packet::PingReq => &[Client],
                Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) => &[Server],
                Packet::PingResp => &[Server],
                _ => &[Client, Server],
            };
            sent_by(V, bytes, senders);
        }
    });
    sent_by(V, "30 04 000161 00", &[Client, Server]);
    for flags in 0..16 {
        let error = Frame::parse(&[flags], MAXIMUM_PACKET_SIZE).unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::ReservedPacketType, 0));
    }
}

#[test]
fn s2_1_4_a_packets_size_is_that_of_header_and_body() {
    let bytes = unhex("30 04 000161 00");
    assert_eq!(Frame::parse(&bytes, 6).map(|frame| frame.is_some()), Ok(true));
    let error = Frame::parse(&bytes, 5).unwrap_err();
    assert_eq!((error.violation(), error.offset()), (Violation::PacketTooLarge, 1));
    assert_eq!(error.reason_code(), ReasonCode::PacketTooLarge);
    assert_eq!(Packet::from(Publish::new(name("a"), b"")).encoded_len(V), Ok(6));
}

#[test]
fn mqtt_2_2_1_2_publish_at_qos_0_must_have_no_packet_id() {
    legal(V, "30 06 000161 00 0001", Publish::new(name("a"), &[0, 1]));
    let delivery = Delivery::AtLeastOnce { dup: false, packet_id: id(1) };
    legal(V, "32 06 000161 0001 00", Publish { delivery, ..Publish::new(name("a"), b"") });
    // With a packet identifier in its place, the property length is not where it is looked for.
    broken(V, "30 06 000161 0104 00", Violation::UnknownProperty, 6);
}

#[test]
fn s2_2_1_packet_id_must_not_be_0() {
    let subscriptions = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    legal(V, "82 07 0001 00 000161 00", Subscribe::new(id(1), &subscriptions));
    broken(V, "82 07 0000 00 000161 00", Violation::ZeroPacketId, 2);
    broken(V, "a2 06 0000 00 000161", Violation::ZeroPacketId, 2);
    for first in ["40", "50", "62", "70"] {
        broken(V, &format!("{first} 02 0000"), Violation::ZeroPacketId, 2);
    }
    broken(V, "90 04 0000 00 00", Violation::ZeroPacketId, 2);
    broken(V, "b0 04 0000 00 00", Violation::ZeroPacketId, 2);
    broken(V, "32 06 000161 0000 00", Violation::ZeroPacketId, 5);
    broken(V, "34 06 000161 0000 00", Violation::ZeroPacketId, 5);
}

#[test]
fn mqtt_2_2_2_1_a_packet_without_properties_must_say_so() {
    // The accepted forms, with a property length of 0, and the same without it.
    packets(|packets| {
        for (packet, bytes) in packets {
            legal(V, bytes, *packet);
        }
    });
    legal(V, "30 04 000161 00", Publish::new(name("a"), b""));
    broken(V, "10 0d 00044d515454 05 02 0000 000163", Violation::Truncated, 13);
    broken(V, "20 02 0000", Violation::Truncated, 4);
    broken(V, "30 03 000161", Violation::Truncated, 5);
    broken(V, "82 06 0001 000161 00", Violation::Truncated, 5);
    broken(V, "90 02 0001", Violation::Truncated, 4);
    broken(V, "a2 02 0001", Violation::Truncated, 4);
    broken(V, "b0 02 0001", Violation::Truncated, 4);
    broken(V, "f0 01 18", Violation::Truncated, 3);
    let will = Some(Will::new(name("w"), b"m"));
    let bytes = "10 15 00044d515454 05 06 0000 00 000163 00 000177 00016d";
    legal(V, bytes, Connect { will, ..Connect::new(V, "c") });
    let bytes = "10 14 00044d515454 05 06 0000 00 000163 000177 00016d";
    broken(V, bytes, Violation::Truncated, 17);
}

#[test]
fn s2_2_2_1_the_property_length_must_end_in_the_packet() {
    broken(V, "20 03 0000 05", Violation::Truncated, 4);
    broken(V, "30 04 000161 01", Violation::Truncated, 5);
    broken(V, "40 04 0001 00 05", Violation::Truncated, 5);
    broken(V, "e0 02 00 05", Violation::Truncated, 3);
    // A property that runs out of the block into what follows.
    broken(V, "30 0d 000161 04 26 00016b 000176 7878", Violation::Truncated, 10);
    broken(V, "30 0a 000161 03 03 000164 7878", Violation::Truncated, 7);
    broken(V, "30 0a 000161 03 02 00000001 78", Violation::Truncated, 7);
}

#[test]
fn s1_5_4_control_characters_and_non_characters_are_accepted() {
    for (text, bytes) in [("\u{1}", "0001 01"), ("\u{1f}", "0001 1f"), ("\u{7f}", "0001 7f")] {
        legal(V, &format!("10 0e 00044d515454 05 02 0000 00 {bytes}"), Connect::new(V, text));
        legal(V, &format!("30 04 {bytes} 00"), Publish::new(name(text), b""));
    }
    legal(V, "30 06 0003 efbfbf 00", Publish::new(name("\u{ffff}"), b""));
}

#[test]
fn s4_13_1_a_violation_is_malformed_where_the_packet_cannot_be_read() {
    use Violation::*;
    let malformed = [
        ReservedPacketType,
        ReservedFlags,
        VarintTooLong,
        VarintNotMinimal,
        Truncated,
        TrailingBytes,
        InvalidUtf8,
        NullCharacter,
        StringTooLong,
        ReservedConnectFlag,
        ReservedAcknowledgeFlags,
        QoS3,
        DupAtQoS0,
        ReservedSubscriptionOptions,
        UnknownProperty,
        PropertyNotAllowed,
    ];
    for violation in Violation::ALL {
        let expected = match violation {
            PacketTooLarge => 0x95,
            TopicAliasZero => 0x94,
            UnsupportedProtocolVersion => 0x84,
            _ if malformed.contains(violation) => 0x81,
            _ => 0x82,
        };
        assert_eq!(u8::from(violation.reason_code()), expected, "{violation}");
    }
}

#[test]
fn s4_13_1_no_disconnect_or_connack_lacks_the_code_of_a_violation() {
    for violation in Violation::ALL {
        let code = violation.reason_code();
        if *violation == Violation::UnsupportedProtocolVersion {
            read_as(V, "20 03 00 84 00", ConnAck::refused(code));
        } else {
            let bytes = format!("e0 01 {:02x}", u8::from(code));
            assert_eq!(hex(&encode(&Disconnect::new(code).into(), V)), hex(&unhex(&bytes)));
        }
    }
}
