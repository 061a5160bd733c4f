//! CONNECT and CONNACK: sections 3.1 and 3.2.

use mqtt_sansio::{ConnAck, Connect, QoS, ReasonCode, Violation, Will};

use super::super::{broken, code, legal, name, only_codes, unwritten};
use super::V;

fn connect() -> Connect<'static> {
    Connect { keep_alive: 60, ..Connect::new(V, "c") }
}

fn connect_with_will() -> Connect<'static> {
    Connect { will: Some(Will::new(name("w"), b"m")), ..connect() }
}

#[test]
fn mqtt_3_1_2_1_protocol_name_must_be_mqtt() {
    legal(V, "10 0e 00044d515454 05 02 003c 00 000163", connect());
    let unknown = Violation::UnknownProtocolName;
    broken(V, "10 0e 00044d515458 05 02 003c 00 000163", unknown, 2);
    broken(V, "10 0e 00046d717474 05 02 003c 00 000163", unknown, 2);
    broken(V, "10 0d 00034d5154 05 02 003c 00 000163", unknown, 2);
    broken(V, "10 0f 00054d51545454 05 02 003c 00 000163", unknown, 2);
    broken(V, "10 0e 00044d51ff54 05 02 003c 00 000163", Violation::InvalidUtf8, 2);
    broken(V, "10 02 0004", Violation::Truncated, 2);
    // The name of 3.1 does not go with the version number of 5.0.
    let bytes = "10 10 00064d514973647 0 05 02 003c 00 000163";
    broken(V, bytes, Violation::UnsupportedProtocolVersion, 10);
}

#[test]
fn mqtt_3_1_2_3_reserved_connect_flag_must_be_0() {
    legal(V, "10 0e 00044d515454 05 02 003c 00 000163", connect());
    broken(V, "10 0e 00044d515454 05 03 003c 00 000163", Violation::ReservedConnectFlag, 9);
}

#[test]
fn mqtt_3_1_2_9_will_flag_needs_will_properties_topic_and_payload() {
    let bytes = "10 15 00044d515454 05 06 003c 00 000163 00 000177 00016d";
    legal(V, bytes, connect_with_will());
    let bytes = "10 14 00044d515454 05 06 003c 00 000163 000177 00016d";
    broken(V, bytes, Violation::Truncated, 17);
    broken(V, "10 12 00044d515454 05 06 003c 00 000163 00 000177", Violation::Truncated, 20);
    broken(V, "10 0f 00044d515454 05 06 003c 00 000163 00", Violation::Truncated, 17);
    broken(V, "10 0e 00044d515454 05 06 003c 00 000163", Violation::Truncated, 16);
    // Without the flag, they are bytes too many.
    let bytes = "10 15 00044d515454 05 02 003c 00 000163 00 000177 00016d";
    broken(V, bytes, Violation::TrailingBytes, 16);
}

#[test]
fn mqtt_3_1_2_11_no_will_flag_no_will_qos() {
    legal(V, "10 0e 00044d515454 05 02 003c 00 000163", connect());
    for flags in ["0a", "12", "1a"] {
        let bytes = format!("10 0e 00044d515454 05 {flags} 003c 00 000163");
        broken(V, &bytes, Violation::WillFlagsWithoutWill, 9);
    }
}

#[test]
fn mqtt_3_1_2_12_will_qos_must_not_be_3() {
    for (qos, flags) in
        [(QoS::AtMostOnce, "06"), (QoS::AtLeastOnce, "0e"), (QoS::ExactlyOnce, "16")]
    {
        let connect =
            Connect { will: Some(Will { qos, ..Will::new(name("w"), b"m") }), ..connect() };
        let bytes = format!("10 15 00044d515454 05 {flags} 003c 00 000163 00 000177 00016d");
        legal(V, &bytes, connect);
    }
    let bytes = "10 15 00044d515454 05 1e 003c 00 000163 00 000177 00016d";
    broken(V, bytes, Violation::QoS3, 9);
}

#[test]
fn mqtt_3_1_2_13_no_will_flag_no_will_retain() {
    let will = Some(Will { retain: true, ..Will::new(name("w"), b"m") });
    let bytes = "10 15 00044d515454 05 26 003c 00 000163 00 000177 00016d";
    legal(V, bytes, Connect { will, ..connect() });
    broken(V, "10 0e 00044d515454 05 22 003c 00 000163", Violation::WillFlagsWithoutWill, 9);
}

#[test]
fn mqtt_3_1_2_16_no_user_name_flag_no_user_name() {
    let named = Connect { user_name: Some("u"), ..connect() };
    legal(V, "10 11 00044d515454 05 82 003c 00 000163 000175", named);
    broken(V, "10 11 00044d515454 05 02 003c 00 000163 000175", Violation::TrailingBytes, 16);
}

#[test]
fn mqtt_3_1_2_17_user_name_flag_needs_user_name() {
    let named = Connect { user_name: Some(""), ..connect() };
    legal(V, "10 10 00044d515454 05 82 003c 00 000163 0000", named);
    broken(V, "10 0e 00044d515454 05 82 003c 00 000163", Violation::Truncated, 16);
}

#[test]
fn mqtt_3_1_2_18_no_password_flag_no_password() {
    let both = Connect { user_name: Some("u"), password: Some(b"p"), ..connect() };
    legal(V, "10 14 00044d515454 05 c2 003c 00 000163 000175 000170", both);
    let unflagged = "10 14 00044d515454 05 82 003c 00 000163 000175 000170";
    broken(V, unflagged, Violation::TrailingBytes, 19);
}

#[test]
fn mqtt_3_1_2_19_password_flag_needs_password_but_no_user_name() {
    let alone = Connect { password: Some(b"\xFF\0"), ..connect() };
    legal(V, "10 12 00044d515454 05 42 003c 00 000163 0002ff00", alone);
    broken(V, "10 0e 00044d515454 05 42 003c 00 000163", Violation::Truncated, 16);
    broken(V, "10 11 00044d515454 05 c2 003c 00 000163 000175", Violation::Truncated, 19);
}

#[test]
fn mqtt_3_1_3_1_payload_fields_stand_in_their_order() {
    use mqtt_sansio::{Properties, Property};
    let delay = [Property::WillDelayInterval(6)];
    let properties = Properties::from(&delay);
    let connect = Connect {
        will: Some(Will { properties, ..Will::new(name("2"), b"3") }),
        user_name: Some("4"),
        password: Some(b"5"),
        ..Connect::new(V, "1")
    };
    let bytes =
        "10 20 00044d515454 05 c6 0000 00 000131 05 18 00000006 000132 000133 000134 000135";
    legal(V, bytes, connect);
}

#[test]
fn mqtt_3_1_3_3_client_id_must_be_there() {
    legal(V, "10 0d 00044d515454 05 02 003c 00 0000", Connect { client_id: "", ..connect() });
    broken(V, "10 0c 00044d515454 05 02 003c 00 00", Violation::Truncated, 13);
    broken(V, "10 0b 00044d515454 05 02 003c 00", Violation::Truncated, 13);
}

#[test]
fn mqtt_3_1_3_4_client_id_must_be_utf_8() {
    legal(V, "10 0f 00044d515454 05 02 003c 00 0002 c3a9", Connect { client_id: "é", ..connect() });
    broken(V, "10 0f 00044d515454 05 02 003c 00 0002 c328", Violation::InvalidUtf8, 13);
}

#[test]
fn mqtt_3_1_3_11_will_topic_must_be_utf_8() {
    let connect = Connect { will: Some(Will::new(name("é"), b"\xC3")), ..connect() };
    legal(V, "10 16 00044d515454 05 06 003c 00 000163 00 0002c3a9 0001c3", connect);
    let bytes = "10 16 00044d515454 05 06 003c 00 000163 00 0002c328 0001c3";
    broken(V, bytes, Violation::InvalidUtf8, 17);
}

#[test]
fn mqtt_3_1_3_12_user_name_must_be_utf_8() {
    let connect = Connect { user_name: Some("é"), ..connect() };
    legal(V, "10 12 00044d515454 05 82 003c 00 000163 0002c3a9", connect);
    let bytes = "10 12 00044d515454 05 82 003c 00 000163 0002c328";
    broken(V, bytes, Violation::InvalidUtf8, 16);
}

#[test]
fn mqtt_3_2_2_1_acknowledge_flags_7_to_1_must_be_0() {
    legal(V, "20 03 00 00 00", ConnAck::accepted(false));
    legal(V, "20 03 01 00 00", ConnAck::accepted(true));
    for bit in 1..8 {
        let bytes = format!("20 03 {:02x} 00 00", 1_u8 << bit);
        broken(V, &bytes, Violation::ReservedAcknowledgeFlags, 2);
    }
}

#[test]
fn mqtt_3_2_2_6_a_refusal_has_no_session_present() {
    legal(V, "20 03 01 00 00", ConnAck::accepted(true));
    legal(V, "20 03 00 87 00", ConnAck::refused(ReasonCode::NotAuthorized));
    broken(V, "20 03 01 87 00", Violation::SessionPresentOnRefusal, 2);
    let connack = ConnAck { session_present: true, ..ConnAck::refused(ReasonCode::NotAuthorized) };
    unwritten(V, connack, Violation::SessionPresentOnRefusal);
}

/// What CONNACK lists, table 3-1.
const LISTED: [u8; 22] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];

#[test]
fn mqtt_3_2_2_8_connack_codes_must_be_listed() {
    only_codes(V, "20 03 00", "00", &LISTED);
    for value in 0..=255 {
        let Ok(code) = ReasonCode::try_from(value) else { continue };
        if !LISTED.contains(&value) {
            unwritten(V, ConnAck::refused(code), Violation::ReasonCodeNotListed);
        }
    }
    assert_eq!(code(0x9F), ReasonCode::ConnectionRateExceeded);
}
