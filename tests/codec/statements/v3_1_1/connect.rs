//! CONNECT and CONNACK: sections 3.1 and 3.2.

use mqtt_sansio::{
    ConnAck, Connect, EncodeError, Field, QoS, ReasonCode, Sender, TopicName, Violation, Will,
};

use super::super::{broken, code, legal, name, sent_by, unwritten};
use super::V;

const WRONG_PASSWORD: Violation = Violation::PasswordWithoutUserName;

fn connect() -> Connect<'static> {
    Connect { keep_alive: 60, ..Connect::new(V, "c") }
}

fn connect_with_will() -> Connect<'static> {
    Connect { will: Some(Will::new(name("w"), b"m")), ..connect() }
}

#[test]
fn mqtt_3_1_2_3_reserved_connect_flag_must_be_0() {
    legal(V, "10 0d 00044d515454 04 02 003c 000163", connect());
    broken(V, "10 0d 00044d515454 04 03 003c 000163", Violation::ReservedConnectFlag, 9);
    legal(V, "10 0d 00044d515454 04 00 003c 000163", Connect { clean_start: false, ..connect() });
    broken(V, "10 0d 00044d515454 04 01 003c 000163", Violation::ReservedConnectFlag, 9);
}

#[test]
fn mqtt_3_1_2_9_will_flag_needs_will_topic_and_will_message() {
    legal(V, "10 13 00044d515454 04 06 003c 000163 000177 00016d", connect_with_will());
    broken(V, "10 10 00044d515454 04 06 003c 000163 000177", Violation::Truncated, 18);
    broken(V, "10 0d 00044d515454 04 06 003c 000163", Violation::Truncated, 15);
    let will = Will { qos: QoS::AtLeastOnce, retain: true, ..Will::new(name("w"), b"m") };
    let connect = Connect { will: Some(will), ..connect() };
    legal(V, "10 13 00044d515454 04 2e 003c 000163 000177 00016d", connect);
}

#[test]
fn mqtt_3_1_2_11_no_will_flag_no_will_fields() {
    legal(V, "10 0d 00044d515454 04 02 003c 000163", connect());
    let fields = "10 13 00044d515454 04 02 003c 000163 000177 00016d";
    broken(V, fields, Violation::TrailingBytes, 15);
    let flags = "10 0d 00044d515454 04 2a 003c 000163";
    broken(V, flags, Violation::WillFlagsWithoutWill, 9);
}

#[test]
fn mqtt_3_1_2_13_no_will_flag_no_will_qos() {
    legal(V, "10 0d 00044d515454 04 02 003c 000163", connect());
    for flags in ["0a", "12", "1a"] {
        let bytes = format!("10 0d 00044d515454 04 {flags} 003c 000163");
        broken(V, &bytes, Violation::WillFlagsWithoutWill, 9);
    }
}

#[test]
fn mqtt_3_1_2_14_will_qos_must_not_be_3() {
    for (qos, flags) in
        [(QoS::AtMostOnce, "06"), (QoS::AtLeastOnce, "0e"), (QoS::ExactlyOnce, "16")]
    {
        let connect =
            Connect { will: Some(Will { qos, ..Will::new(name("w"), b"m") }), ..connect() };
        let bytes = format!("10 13 00044d515454 04 {flags} 003c 000163 000177 00016d");
        legal(V, &bytes, connect);
    }
    let bytes = "10 13 00044d515454 04 1e 003c 000163 000177 00016d";
    broken(V, bytes, Violation::QoS3, 9);
    assert!(QoS::try_from(3).is_err());
}

#[test]
fn mqtt_3_1_2_15_no_will_flag_no_will_retain() {
    legal(V, "10 0d 00044d515454 04 02 003c 000163", connect());
    broken(V, "10 0d 00044d515454 04 22 003c 000163", Violation::WillFlagsWithoutWill, 9);
}

#[test]
fn mqtt_3_1_2_18_no_user_name_flag_no_user_name() {
    let named = Connect { user_name: Some("u"), ..connect() };
    legal(V, "10 10 00044d515454 04 82 003c 000163 000175", named);
    broken(V, "10 10 00044d515454 04 02 003c 000163 000175", Violation::TrailingBytes, 15);
}

#[test]
fn mqtt_3_1_2_19_user_name_flag_needs_user_name() {
    let named = Connect { user_name: Some(""), ..connect() };
    legal(V, "10 0f 00044d515454 04 82 003c 000163 0000", named);
    broken(V, "10 0d 00044d515454 04 82 003c 000163", Violation::Truncated, 15);
}

#[test]
fn mqtt_3_1_2_20_no_password_flag_no_password() {
    let both = Connect { user_name: Some("u"), password: Some(b"p"), ..connect() };
    legal(V, "10 13 00044d515454 04 c2 003c 000163 000175 000170", both);
    let unflagged = "10 13 00044d515454 04 82 003c 000163 000175 000170";
    broken(V, unflagged, Violation::TrailingBytes, 18);
}

#[test]
fn mqtt_3_1_2_21_password_flag_needs_password() {
    let both = Connect { user_name: Some("u"), password: Some(b""), ..connect() };
    legal(V, "10 12 00044d515454 04 c2 003c 000163 000175 0000", both);
    broken(V, "10 10 00044d515454 04 c2 003c 000163 000175", Violation::Truncated, 18);
}

#[test]
fn mqtt_3_1_2_22_no_user_name_flag_no_password_flag() {
    let both = Connect { user_name: Some(""), password: Some(b"p"), ..connect() };
    legal(V, "10 12 00044d515454 04 c2 003c 000163 0000 000170", both);
    broken(V, "10 10 00044d515454 04 42 003c 000163 000170", WRONG_PASSWORD, 9);
    unwritten(V, Connect { password: Some(b"p"), ..connect() }, WRONG_PASSWORD);
    unwritten(V, Connect { password: Some(b""), ..connect() }, WRONG_PASSWORD);
}

#[test]
fn mqtt_3_1_3_1_payload_fields_stand_in_their_order() {
    let connect = Connect {
        will: Some(Will::new(name("2"), b"3")),
        user_name: Some("4"),
        password: Some(b"5"),
        ..Connect::new(V, "1")
    };
    let bytes = "10 19 00044d515454 04 c6 0000 000131 000132 000133 000134 000135";
    legal(V, bytes, connect);
    let connect = Connect { user_name: Some("2"), password: Some(b"3"), ..Connect::new(V, "1") };
    legal(V, "10 13 00044d515454 04 c2 0000 000131 000132 000133", connect);
    let will = Some(Will::new(name("2"), b"3"));
    let connect = Connect { will, user_name: Some("4"), ..Connect::new(V, "1") };
    legal(V, "10 16 00044d515454 04 86 0000 000131 000132 000133 000134", connect);
}

#[test]
fn mqtt_3_1_3_3_client_id_must_be_there() {
    legal(V, "10 0c 00044d515454 04 02 003c 0000", Connect { client_id: "", ..connect() });
    broken(V, "10 0b 00044d515454 04 02 003c 00", Violation::Truncated, 12);
    broken(V, "10 0a 00044d515454 04 02 003c", Violation::Truncated, 12);
    // The first field where there are others, too.
    broken(V, "10 0e 00044d515454 04 82 003c 0000 ffff", Violation::Truncated, 14);
}

#[test]
fn mqtt_3_1_3_4_client_id_must_be_utf_8() {
    legal(V, "10 0e 00044d515454 04 02 003c 0002 c3a9", Connect { client_id: "é", ..connect() });
    broken(V, "10 0e 00044d515454 04 02 003c 0002 c328", Violation::InvalidUtf8, 12);
}

#[test]
fn mqtt_3_1_3_10_will_topic_must_be_utf_8() {
    let connect = Connect { will: Some(Will::new(name("é"), b"\xC3")), ..connect() };
    legal(V, "10 14 00044d515454 04 06 003c 000163 0002c3a9 0001c3", connect);
    let bytes = "10 14 00044d515454 04 06 003c 000163 0002c328 0001c3";
    broken(V, bytes, Violation::InvalidUtf8, 15);
    assert_eq!(TopicName::from_bytes(b"\xC3("), Err(Violation::InvalidUtf8));
}

#[test]
fn mqtt_3_1_3_11_user_name_must_be_utf_8() {
    let connect = Connect { user_name: Some("é"), ..connect() };
    legal(V, "10 11 00044d515454 04 82 003c 000163 0002c3a9", connect);
    let bytes = "10 11 00044d515454 04 82 003c 000163 0002c328";
    broken(V, bytes, Violation::InvalidUtf8, 15);
}

#[test]
fn s3_1_2_2_level_must_be_4() {
    legal(V, "10 0d 00044d515454 04 02 003c 000163", connect());
    let unsupported = Violation::UnsupportedProtocolVersion;
    broken(V, "10 0d 00044d515454 03 02 003c 000163", unsupported, 8);
    broken(V, "10 0d 00044d515454 06 02 003c 000163", unsupported, 8);
    broken(V, "10 0d 00044d515454 84 02 003c 000163", unsupported, 8);
    broken(V, "10 06 00044d515454", Violation::Truncated, 8);
}

#[test]
fn s3_1_3_3_will_message_is_binary_and_may_be_empty() {
    let with = |payload| Connect { will: Some(Will::new(name("w"), payload)), ..connect() };
    legal(V, "10 16 00044d515454 04 06 003c 000163 000177 0004ff00c080", with(b"\xFF\0\xC0\x80"));
    legal(V, "10 12 00044d515454 04 06 003c 000163 000177 0000", with(b""));
    unwritten(V, with(&[0; 65_536]), Violation::StringTooLong);
}

#[test]
fn s3_1_3_5_password_is_binary_of_0_to_65_535_bytes() {
    let with = |password| Connect { user_name: Some("u"), password: Some(password), ..connect() };
    let bytes = "10 16 00044d515454 04 c2 003c 000163 000175 0004ff00c080";
    legal(V, bytes, with(b"\xFF\0\xC0\x80"));
    let longest = [0; 65_535];
    let zeros = "00".repeat(65_535);
    let bytes = format!("10 918004 00044d515454 04 c2 003c 000163 000175 ffff {zeros}");
    legal(V, &bytes, with(&longest));
    unwritten(V, with(&[0; 65_536]), Violation::StringTooLong);
}

#[test]
fn mqtt_3_2_2_4_a_refusal_has_no_session_present() {
    legal(V, "20 02 01 00", ConnAck::accepted(true));
    for return_code in 1..=5 {
        let refused = format!("20 02 01 {return_code:02x}");
        broken(V, &refused, Violation::SessionPresentOnRefusal, 2);
    }
    legal(V, "20 02 00 05", ConnAck::refused(ReasonCode::NotAuthorized));
    let connack = ConnAck { session_present: true, ..ConnAck::refused(ReasonCode::NotAuthorized) };
    unwritten(V, connack, Violation::SessionPresentOnRefusal);
}

#[test]
fn s3_2_1_connack_has_a_remaining_length_of_2() {
    legal(V, "20 02 00 00", ConnAck::accepted(false));
    broken(V, "20 00", Violation::Truncated, 2);
    broken(V, "20 01 00", Violation::Truncated, 3);
    broken(V, "20 03 00 00 00", Violation::TrailingBytes, 4);
}

#[test]
fn s3_2_2_1_acknowledge_flags_7_to_1_must_be_0() {
    legal(V, "20 02 00 00", ConnAck::accepted(false));
    for bit in 1..8 {
        let bytes = format!("20 02 {:02x} 00", 1_u8 << bit);
        broken(V, &bytes, Violation::ReservedAcknowledgeFlags, 2);
    }
    broken(V, "20 02 ff 00", Violation::ReservedAcknowledgeFlags, 2);
}

#[test]
fn s3_2_2_3_return_codes_6_to_255_are_reserved() {
    let codes = [0x84, 0x85, 0x88, 0x86, 0x87];
    for (byte, reason_code) in (1..).zip(codes) {
        let bytes = format!("20 02 00 {byte:02x}");
        legal(V, &bytes, ConnAck::refused(code(reason_code)));
        sent_by(V, &bytes, &[Sender::Server]);
    }
    for byte in 6..=255 {
        broken(V, &format!("20 02 00 {byte:02x}"), Violation::ReasonCodeNotListed, 3);
    }
    let banned = ConnAck::refused(ReasonCode::Banned);
    unwritten(V, banned, EncodeError::NotInVersion { field: Field::ReasonCode, version: V });
    let unlisted = ConnAck::refused(ReasonCode::GrantedQoS1);
    unwritten(V, unlisted, Violation::ReasonCodeNotListed);
}
