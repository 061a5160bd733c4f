//! Strings, the fixed header and packet identifiers: chapters 1 and 2, and packets without a body.

use mqtt_sansio::{
    Ack, ConnAck, Connect, Delivery, Disconnect, EncodeError, Field, Frame, MAXIMUM_PACKET_SIZE,
    Packet, PacketId, Publish, QoS, ReasonCode, Sender, SubAck, Subscribe, Subscription,
    TopicFilter, TopicName, UnsubAck, Unsubscribe, Violation,
};

use super::super::{
    broken, code, filter, id, legal, name, only_flags, read_as, sent_by, unwritten,
};
use super::V;
use crate::support::{encode, hex, unhex};

#[test]
fn mqtt_1_5_3_1_strings_must_be_well_formed_utf_8() {
    legal(V, "10 0e 00044d515454 04 02 0000 0002 c3a9", Connect::new(V, "é"));
    broken(V, "10 0e 00044d515454 04 02 0000 0002 c328", Violation::InvalidUtf8, 12);
    broken(V, "10 0f 00044d515454 04 02 0000 0003 eda080", Violation::InvalidUtf8, 12);
    broken(V, "10 0f 00044d515454 04 02 0000 0003 edbfbf", Violation::InvalidUtf8, 12);
    legal(V, "30 04 0002 c3a9", Publish::new(name("é"), b""));
    broken(V, "30 04 0002 c0af", Violation::InvalidUtf8, 2);
    assert_eq!(TopicName::from_bytes(b"\xC0\xAF"), Err(Violation::InvalidUtf8));
    assert_eq!(TopicFilter::from_bytes(b"\xED\xA0\x80"), Err(Violation::InvalidUtf8));
}

#[test]
fn mqtt_1_5_3_2_strings_must_not_contain_nul() {
    legal(V, "10 0f 00044d515454 04 02 0000 0003 610162", Connect::new(V, "a\u{1}b"));
    broken(V, "10 0f 00044d515454 04 02 0000 0003 610062", Violation::NullCharacter, 12);
    unwritten(V, Connect::new(V, "a\0b"), Violation::NullCharacter);
    let user_name = |user_name| Connect { user_name: Some(user_name), ..Connect::new(V, "c") };
    legal(V, "10 10 00044d515454 04 82 0000 0001 63 0001 01", user_name("\u{1}"));
    broken(V, "10 10 00044d515454 04 82 0000 0001 63 0001 00", Violation::NullCharacter, 15);
    unwritten(V, user_name("\0"), Violation::NullCharacter);
    assert_eq!(TopicName::new("a\0b"), Err(Violation::NullCharacter));
}

#[test]
fn mqtt_1_5_3_3_a_byte_order_mark_is_a_character_like_others() {
    legal(V, "10 10 00044d515454 04 02 0000 0004 efbbbf63", Connect::new(V, "\u{feff}c"));
    legal(V, "30 06 0004 efbbbf61", Publish::new(name("\u{feff}a"), b""));
    legal(V, "30 06 0004 61efbbbf", Publish::new(name("a\u{feff}"), b""));
    assert_ne!(name("\u{feff}a"), name("a"));
}

/// One packet of each type but PUBLISH, whose flags have meanings.
fn packets<R>(each: impl Fn(&[(Packet<'_>, &str)]) -> R) -> R {
    let subscriptions = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    let filters = [filter("a")];
    let ack = Ack::new(id(1));
    each(&[
        (Connect::new(V, "c").into(), "10 0d 00044d515454 04 02 0000 000163"),
        (ConnAck::accepted(false).into(), "20 02 0000"),
        (Packet::PubAck(ack), "40 02 0001"),
        (Packet::PubRec(ack), "50 02 0001"),
        (Packet::PubRel(ack), "62 02 0001"),
        (Packet::PubComp(ack), "70 02 0001"),
        (Subscribe::new(id(1), &subscriptions).into(), "82 06 0001 000161 00"),
        (SubAck::new(id(1), &[ReasonCode::Success]).into(), "90 03 0001 00"),
        (Unsubscribe::new(id(1), &filters).into(), "a2 05 0001 000161"),
        (UnsubAck::new(id(1), &[]).into(), "b0 02 0001"),
        (Packet::PingReq, "c0 00"),
        (Packet::PingResp, "d0 00"),
        (Disconnect::NORMAL.into(), "e0 00"),
    ])
}

#[test]
fn mqtt_2_2_2_1_reserved_flags_must_be_sent_as_listed() {
    packets(|packets| {
        for (packet, bytes) in packets {
            assert_eq!(hex(&encode(packet, V)), hex(&unhex(bytes)), "{packet}");
        }
    });
}

#[test]
fn mqtt_2_2_2_2_other_reserved_flags_must_be_refused() {
    packets(|packets| {
        for (packet, bytes) in packets {
            legal(V, bytes, *packet);
            only_flags(V, bytes, unhex(bytes)[0] & 0x0F);
        }
    });
}

#[test]
fn mqtt_2_3_1_1_packet_id_must_not_be_0() {
    let subscriptions = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    legal(V, "82 06 0001 000161 00", Subscribe::new(id(1), &subscriptions));
    broken(V, "82 06 0000 000161 00", Violation::ZeroPacketId, 2);
    legal(V, "a2 05 0001 000161", Unsubscribe::new(id(1), &[filter("a")]));
    broken(V, "a2 05 0000 000161", Violation::ZeroPacketId, 2);
    let delivery = Delivery::AtLeastOnce { dup: false, packet_id: id(1) };
    legal(V, "32 05 000161 0001", Publish { delivery, ..Publish::new(name("a"), b"") });
    broken(V, "32 05 000161 0000", Violation::ZeroPacketId, 5);
    let delivery = Delivery::ExactlyOnce { dup: false, packet_id: PacketId::MAX };
    legal(V, "34 05 000161 ffff", Publish { delivery, ..Publish::new(name("a"), b"") });
    broken(V, "34 05 000161 0000", Violation::ZeroPacketId, 5);
    assert_eq!(PacketId::new(0), None);
}

#[test]
fn mqtt_2_3_1_5_publish_at_qos_0_must_have_no_packet_id() {
    legal(V, "30 05 000161 0000", Publish::new(name("a"), &[0, 0]));
    legal(V, "30 05 000161 0001", Publish::new(name("a"), &[0, 1]));
    broken(V, "32 04 000161 00", Violation::Truncated, 5);
}

#[test]
fn s1_5_2_integers_are_big_endian() {
    let connect = Connect { keep_alive: 0x0102, ..Connect::new(V, "c") };
    legal(V, "10 0d 00044d515454 04 02 0102 000163", connect);
    legal(V, "40 02 0304", Packet::PubAck(Ack::new(id(0x0304))));
}

#[test]
fn s1_5_3_strings_hold_0_to_65_535_bytes() {
    legal(V, "10 0c 00044d515454 04 02 0000 0000", Connect::new(V, ""));
    let longest = "x".repeat(65_535);
    let bytes = format!("10 8b8004 00044d515454 04 02 0000 ffff {}", "78".repeat(65_535));
    legal(V, &bytes, Connect::new(V, &longest));
    unwritten(V, Connect::new(V, &"x".repeat(65_536)), Violation::StringTooLong);
    // A field that is cut short has its first byte's offset.
    broken(V, "10 0d 00044d515454 04 02 0000 0002 63", Violation::Truncated, 12);
    broken(V, "10 0b 00044d515454 04 02 0000 00", Violation::Truncated, 12);
}

#[test]
fn s1_5_3_control_characters_and_non_characters_are_accepted() {
    for (text, bytes) in [("\u{1}", "0001 01"), ("\u{1f}", "0001 1f"), ("\u{7f}", "0001 7f")] {
        legal(V, &format!("10 0d 00044d515454 04 02 0000 {bytes}"), Connect::new(V, text));
        legal(V, &format!("30 03 {bytes}"), Publish::new(name(text), b""));
    }
    legal(V, "30 04 0002 c29f", Publish::new(name("\u{9f}"), b""));
    legal(V, "30 05 0003 efbfbf", Publish::new(name("\u{ffff}"), b""));
    legal(V, "30 05 0003 efb790", Publish::new(name("\u{fdd0}"), b""));
}

#[test]
fn s2_2_1_packet_types_0_and_15_are_reserved() {
    for flags in 0..16 {
        let error = Frame::parse(&[flags], MAXIMUM_PACKET_SIZE).unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::ReservedPacketType, 0));
        assert_eq!(error.packet_type(), None);
    }
    broken(V, "f0 00", Violation::ReservedPacketType, 0);
    broken(V, "f0 06 18 04 15 0001 6d", Violation::ReservedPacketType, 0);
}

#[test]
fn s2_2_1_packets_flow_in_the_listed_direction_only() {
    use Sender::{Client, Server};
    packets(|packets| {
        for (packet, bytes) in packets {
            let senders: &[Sender] = match packet {
                Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => &[Client],
                Packet::PingReq | Packet::Disconnect(_) => &[Client],
                Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) => &[Server],
                Packet::PingResp => &[Server],
                _ => &[Client, Server],
            };
            sent_by(V, bytes, senders);
        }
    });
    sent_by(V, "30 03 000161", &[Client, Server]);
}

#[test]
fn s2_2_3_remaining_length_has_up_to_four_bytes_and_need_not_be_minimal() {
    for bytes in ["c0 00", "c0 80 00", "c0 8080 00", "c0 808080 00"] {
        read_as(V, bytes, Packet::PingReq);
    }
    let error = Frame::parse(&unhex("c0 80808080 00"), MAXIMUM_PACKET_SIZE).unwrap_err();
    assert_eq!((error.violation(), error.offset()), (Violation::VarintTooLong, 1));
    assert_eq!(hex(&encode(&Packet::PingReq, V)), "c000");
    // Errata 01 to section 2.2.3: the fourth byte counts, too.
    let payload = vec![0; 2_097_152 - 3];
    let bytes = encode(&Publish::new(name("a"), &payload).into(), V);
    assert_eq!(hex(&bytes[..5]), "3080808001");
    assert_eq!(Frame::parse(&unhex("30ffffff7f"), MAXIMUM_PACKET_SIZE), Ok(None));
}

#[test]
fn s2_2_3_more_than_268_435_455_bytes_cannot_be_announced() {
    let payload = vec![0; 268_435_455 - 2];
    let packet = Packet::from(Publish::new(name("a"), &payload));
    assert_eq!(packet.encoded_len(V), Err(EncodeError::PacketTooLong));
    let packet = Packet::from(Publish::new(name("a"), &payload[1..]));
    assert_eq!(packet.encoded_len(V), Ok(268_435_460));
}

#[test]
fn s3_4_acknowledgements_have_a_remaining_length_of_2() {
    for first in ["40", "50", "62", "70", "b0"] {
        broken(V, &format!("{first} 00"), Violation::Truncated, 2);
        broken(V, &format!("{first} 01 00"), Violation::Truncated, 2);
        broken(V, &format!("{first} 02 0000"), Violation::ZeroPacketId, 2);
        broken(V, &format!("{first} 03 0001 00"), Violation::TrailingBytes, 4);
    }
    // Their accepted forms stand in `packets`; what 5.0 adds cannot be written.
    let ack = Ack { reason_code: code(0x80), ..Ack::new(id(1)) };
    for packet in [Packet::PubAck(ack), Packet::PubRec(ack)] {
        unwritten(V, packet, EncodeError::NotInVersion { field: Field::ReasonCode, version: V });
    }
}

#[test]
fn s3_12_ping_and_disconnect_have_a_remaining_length_of_0() {
    for first in ["c0", "d0", "e0"] {
        broken(V, &format!("{first} 01 00"), Violation::TrailingBytes, 2);
    }
    let disconnect = Disconnect::new(ReasonCode::DisconnectWithWillMessage);
    unwritten(V, disconnect, EncodeError::NotInVersion { field: Field::ReasonCode, version: V });
}
