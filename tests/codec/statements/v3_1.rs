//! MQTT 3.1, where it differs from 3.1.1: it numbers no statements.

use mqtt_sansio::{
    Ack, ConnAck, Connect, EncodeError, Field, Packet, Publish, QoS, ReasonCode, SubAck, Subscribe,
    Subscription, Unsubscribe, Version, Violation, Will,
};

use super::{broken, filter, id, legal, name, read_as, unwritten};
use crate::support::{decode, unhex};

const V: Version = Version::V3_1;

fn connect() -> Connect<'static> {
    Connect { keep_alive: 60, ..Connect::new(V, "c") }
}

#[test]
fn unused_header_flags_are_written_as_0_and_ignored() {
    let subscriptions = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    let filters = [filter("a")];
    let ack = Ack::new(id(1));
    let packets: [(Packet<'_>, &str); 12] = [
        (connect().into(), "10 0f 00064d5149736470 03 02 003c 000163"),
        (ConnAck::accepted(false).into(), "20 02 0000"),
        (Packet::PubAck(ack), "40 02 0001"),
        (Packet::PubRec(ack), "50 02 0001"),
        (Packet::PubRel(ack), "62 02 0001"),
        (Packet::PubComp(ack), "70 02 0001"),
        (Subscribe::new(id(1), &subscriptions).into(), "82 06 0001 000161 00"),
        (SubAck::new(id(1), &[ReasonCode::Success]).into(), "90 03 0001 00"),
        (Unsubscribe::new(id(1), &filters).into(), "a2 05 0001 000161"),
        (Packet::PingReq, "c0 00"),
        (Packet::PingResp, "d0 00"),
        (mqtt_sansio::Disconnect::NORMAL.into(), "e0 00"),
    ];
    for (packet, bytes) in packets {
        legal(V, bytes, packet);
        for flags in 0..16 {
            let mut other = unhex(bytes);
            other[0] = other[0] & 0xF0 | flags;
            assert_eq!(decode(&other, V), Ok(packet), "{flags:04b}");
        }
    }
    // The flags of PUBLISH mean what they mean in 3.1.1.
    broken(V, "36 05 000161 0001", Violation::QoS3, 0);
}

#[test]
fn types_0_and_15_are_refused() {
    for flags in 0..16 {
        broken(V, &format!("f{flags:x} 00"), Violation::ReservedPacketType, 0);
    }
}

#[test]
fn a_retried_subscribe_unsubscribe_or_pubrel_has_dup() {
    let subscriptions = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    read_as(V, "8a 06 0001 000161 00", Subscribe::new(id(1), &subscriptions));
    read_as(V, "aa 05 0001 000161", Unsubscribe::new(id(1), &[filter("a")]));
    read_as(V, "6a 02 0001", Packet::PubRel(Ack::new(id(1))));
}

#[test]
fn protocol_name_is_mqisdp_and_level_3() {
    legal(V, "10 0f 00064d5149736470 03 02 003c 000163", connect());
    let unsupported = Violation::UnsupportedProtocolVersion;
    broken(V, "10 0f 00064d5149736470 04 02 003c 000163", unsupported, 10);
    broken(V, "10 0f 00064d5149736470 83 02 003c 000163", unsupported, 10);
    broken(V, "10 0d 00044d515454 03 02 003c 000163", unsupported, 8);
    broken(V, "10 0f 00066d7169736470 03 02 003c 000163", Violation::UnknownProtocolName, 2);
}

#[test]
fn connect_flag_0_and_will_bits_without_a_will_are_ignored() {
    for flags in ["03", "0a", "12", "1a", "22", "3b"] {
        read_as(V, &format!("10 0f 00064d5149736470 03 {flags} 003c 000163"), connect());
    }
    let will = Some(Will { qos: QoS::AtLeastOnce, retain: true, ..Will::new(name("w"), b"m") });
    let bytes = "10 15 00064d5149736470 03 2e 003c 000163 000177 00016d";
    legal(V, bytes, Connect { will, ..connect() });
    let bytes = "10 15 00064d5149736470 03 1e 003c 000163 000177 00016d";
    broken(V, bytes, Violation::QoS3, 11);
    broken(V, "10 12 00064d5149736470 03 06 003c 000163 000177", Violation::Truncated, 20);
}

#[test]
fn a_user_name_or_password_that_the_packet_ends_before_is_absent() {
    read_as(V, "10 0f 00064d5149736470 03 82 003c 000163", connect());
    read_as(V, "10 0f 00064d5149736470 03 c2 003c 000163", connect());
    let named = Connect { user_name: Some("u"), ..connect() };
    read_as(V, "10 12 00064d5149736470 03 c2 003c 000163 000175", named);
    legal(V, "10 12 00064d5149736470 03 82 003c 000163 000175", named);
    // What has begun must be there whole, and what is not announced must not be there.
    broken(V, "10 10 00064d5149736470 03 82 003c 000163 00", Violation::Truncated, 17);
    broken(V, "10 11 00064d5149736470 03 82 003c 000163 0001", Violation::Truncated, 17);
    broken(V, "10 13 00064d5149736470 03 c2 003c 000163 000175 00", Violation::Truncated, 20);
    broken(V, "10 12 00064d5149736470 03 02 003c 000163 000175", Violation::TrailingBytes, 17);
}

#[test]
fn a_password_needs_a_user_name() {
    let both = Connect { user_name: Some("u"), password: Some(b"p"), ..connect() };
    legal(V, "10 15 00064d5149736470 03 c2 003c 000163 000175 000170", both);
    let bytes = "10 12 00064d5149736470 03 42 003c 000163 000170";
    broken(V, bytes, Violation::PasswordWithoutUserName, 11);
    let bytes = "10 0f 00064d5149736470 03 42 003c 000163";
    broken(V, bytes, Violation::PasswordWithoutUserName, 11);
    let alone = Connect { password: Some(b"p"), ..connect() };
    unwritten(V, alone, Violation::PasswordWithoutUserName);
}

#[test]
fn a_client_id_of_other_than_1_to_23_characters_is_to_be_refused() {
    let refusal = |client_id: &str| Connect::new(V, client_id).refusal();
    let refused = Some(ReasonCode::ClientIdentifierNotValid);
    assert_eq!(refusal(""), refused);
    assert_eq!(refusal("c"), None);
    assert_eq!(refusal(&"é".repeat(23)), None);
    assert_eq!(refusal(&"c".repeat(24)), refused);
    assert_eq!(ReasonCode::ClientIdentifierNotValid.connack_code(V), Some(2));
    read_as(V, "10 0e 00064d5149736470 03 02 003c 0000", Connect { client_id: "", ..connect() });
}

#[test]
fn byte_1_of_connack_is_written_as_0_and_ignored() {
    legal(V, "20 02 00 00", ConnAck::accepted(false));
    for byte in 0..=255 {
        read_as(V, &format!("20 02 {byte:02x} 00"), ConnAck::accepted(false));
    }
    read_as(V, "20 02 01 05", ConnAck::refused(ReasonCode::NotAuthorized));
    let error = EncodeError::NotInVersion { field: Field::SessionPresent, version: V };
    unwritten(V, ConnAck::accepted(true), error);
    broken(V, "20 02 00 06", Violation::ReasonCodeNotListed, 3);
}

#[test]
fn the_upper_bits_of_a_requested_qos_are_written_as_0_and_ignored() {
    for (qos, bits) in [(QoS::AtMostOnce, 0), (QoS::AtLeastOnce, 1), (QoS::ExactlyOnce, 2)] {
        let subscriptions = [Subscription::new(filter("a"), qos)];
        let subscribe = Subscribe::new(id(1), &subscriptions);
        legal(V, &format!("82 06 0001 000161 {bits:02x}"), subscribe);
        for upper in 1..64 {
            read_as(V, &format!("82 06 0001 000161 {:02x}", upper << 2 | bits), subscribe);
        }
    }
    for upper in 0..64 {
        broken(V, &format!("82 06 0001 000161 {:02x}", upper << 2 | 3), Violation::QoS3, 7);
    }
    let no_local =
        Subscription { no_local: true, ..Subscription::new(filter("a"), QoS::AtMostOnce) };
    let error = EncodeError::NotInVersion { field: Field::SubscriptionOptions, version: V };
    unwritten(V, Subscribe::new(id(1), &[no_local]), error);
}

#[test]
fn suback_grants_qos_0_to_2_and_0x80_is_read_as_a_failure() {
    use ReasonCode::{GrantedQoS1, GrantedQoS2, Success, UnspecifiedError};
    legal(V, "90 05 0001 000102", SubAck::new(id(1), &[Success, GrantedQoS1, GrantedQoS2]));
    broken(V, "90 03 0001 03", Violation::ReasonCodeNotListed, 4);
    read_as(V, "90 03 0001 80", SubAck::new(id(1), &[UnspecifiedError]));
    let error = EncodeError::NotInVersion { field: Field::ReasonCode, version: V };
    unwritten(V, SubAck::new(id(1), &[ReasonCode::NotAuthorized]), error);
}

#[test]
fn the_upper_bits_of_a_granted_qos_are_ignored() {
    use ReasonCode::{GrantedQoS1, GrantedQoS2, Success};
    for upper in 1..32 {
        let codes = [upper << 2, upper << 2 | 1, upper << 2 | 2];
        let bytes = format!("90 05 0001 {:02x} {:02x} {:02x}", codes[0], codes[1], codes[2]);
        read_as(V, &bytes, SubAck::new(id(1), &[Success, GrantedQoS1, GrantedQoS2]));
        let qos_3 = format!("90 03 0001 {:02x}", upper << 2 | 3);
        broken(V, &qos_3, Violation::ReasonCodeNotListed, 4);
    }
}

#[test]
fn suback_0x80_is_not_written() {
    let error = EncodeError::NotInVersion { field: Field::ReasonCode, version: V };
    unwritten(V, SubAck::new(id(1), &[ReasonCode::UnspecifiedError]), error);
}

#[test]
fn a_request_without_filters_is_refused() {
    broken(V, "82 02 0001", Violation::NoTopicFilters, 4);
    broken(V, "a2 02 0001", Violation::NoTopicFilters, 4);
    unwritten(V, Subscribe::new(id(1), &[]), Violation::NoTopicFilters);
    unwritten(V, Unsubscribe::new(id(1), &[]), Violation::NoTopicFilters);
}

#[test]
fn dup_at_qos_0_is_ignored() {
    let publish = Publish::new(name("a"), b"");
    legal(V, "30 03 000161", publish);
    read_as(V, "38 03 000161", publish);
    read_as(V, "39 03 000161", Publish { retain: true, ..publish });
}

#[test]
fn strings_are_strict_utf_8_without_nul() {
    legal(V, "10 10 00064d5149736470 03 02 003c 0002c3a9", Connect { client_id: "é", ..connect() });
    // Modified UTF-8: U+0000 in two bytes, U+1F600 as two surrogates.
    let utf8 = Violation::InvalidUtf8;
    broken(V, "10 10 00064d5149736470 03 02 003c 0002c080", utf8, 14);
    broken(V, "10 14 00064d5149736470 03 02 003c 0006eda0bdedb880", utf8, 14);
    broken(V, "30 04 0002 c080", utf8, 2);
    broken(V, "10 0f 00064d5149736470 03 02 003c 000100", Violation::NullCharacter, 14);
    broken(V, "30 05 0003 610062", Violation::NullCharacter, 2);
    unwritten(V, Connect { client_id: "\0", ..connect() }, Violation::NullCharacter);
}
