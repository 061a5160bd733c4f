//! DISCONNECT and AUTH: sections 3.14 and 3.15.

use mqtt_sansio::{
    Auth, Disconnect, Properties, Property, ReasonCode, Sender, UserProperty, Violation,
};

use super::super::{broken, code, legal, only_codes, only_flags, read_as, sent_by, unwritten};
use super::V;

use Sender::{Client, Server};

#[test]
fn mqtt_3_14_1_1_disconnect_flags_must_be_0() {
    legal(V, "e0 00", Disconnect::NORMAL);
    broken(V, "e1 00", Violation::ReservedFlags, 0);
    only_flags(V, "e0 00", 0);
    only_flags(V, "e0 01 8b", 0);
}

/// What DISCONNECT lists for both sides and for the server, table 3-10, with 0x8C of table 2-6.
const FROM_BOTH: [u8; 15] =
    [0x00, 0x80, 0x81, 0x82, 0x83, 0x8C, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x04];
const FROM_SERVER: [u8; 15] =
    [0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2];

#[test]
fn mqtt_3_14_2_1_disconnect_codes_must_be_listed() {
    let listed = [FROM_BOTH, FROM_SERVER].concat();
    legal(V, "e0 00", Disconnect::NORMAL);
    only_codes(V, "e0 06", "04 1f 000172", &listed);
    for value in 0..=255 {
        let Ok(reason_code) = ReasonCode::try_from(value) else {
            broken(V, &format!("e0 01 {value:02x}"), Violation::ReasonCodeNotListed, 2);
            continue;
        };
        let disconnect = Disconnect::new(reason_code);
        if !listed.contains(&value) {
            broken(V, &format!("e0 01 {value:02x}"), Violation::ReasonCodeNotListed, 2);
            unwritten(V, disconnect, Violation::ReasonCodeNotListed);
        } else if value != 0 {
            legal(V, &format!("e0 01 {value:02x}"), disconnect);
            let senders: &[Sender] = match value {
                0x04 => &[Client],
                _ if FROM_SERVER.contains(&value) => &[Server],
                _ => &[Client, Server],
            };
            sent_by(V, &format!("e0 01 {value:02x}"), senders);
        }
    }
}

#[test]
fn mqtt_3_14_2_2_session_expiry_interval_comes_from_the_client_only() {
    let expiry = [Property::SessionExpiryInterval(10)];
    let disconnect = Disconnect { properties: Properties::from(&expiry), ..Disconnect::NORMAL };
    legal(V, "e0 07 00 05 11 0000000a", disconnect);
    sent_by(V, "e0 07 00 05 11 0000000a", &[Client]);
    sent_by(V, "e0 06 00 04 1f 000172", &[Client, Server]);
}

#[test]
fn s3_14_2_code_and_properties_may_be_left_out_from_the_end() {
    legal(V, "e0 00", Disconnect::NORMAL);
    read_as(V, "e0 01 00", Disconnect::NORMAL);
    read_as(V, "e0 02 00 00", Disconnect::NORMAL);
    let shutdown = Disconnect::new(ReasonCode::ServerShuttingDown);
    legal(V, "e0 01 8b", shutdown);
    read_as(V, "e0 02 8b 00", shutdown);
    broken(V, "e0 03 8b 00 00", Violation::TrailingBytes, 4);
    let pair = [Property::UserProperty(UserProperty { name: "", value: "" })];
    let properties = Properties::from(&pair);
    legal(V, "e0 07 00 05 26 0000 0000", Disconnect { properties, ..Disconnect::NORMAL });
}

fn auth<'a>(properties: &'a [Property<'a>]) -> Auth<'a> {
    Auth::new(ReasonCode::ContinueAuthentication, properties)
}

#[test]
fn mqtt_3_15_1_1_auth_flags_must_be_0() {
    legal(V, "f0 06 18 04 15 00016d", auth(&[Property::AuthenticationMethod("m")]));
    broken(V, "f1 06 18 04 15 00016d", Violation::ReservedFlags, 0);
    only_flags(V, "f0 06 18 04 15 00016d", 0);
}

#[test]
fn mqtt_3_15_2_1_auth_codes_must_be_listed() {
    let method = [Property::AuthenticationMethod("m")];
    only_codes(V, "f0 06", "04 15 00016d", &[0x00, 0x18, 0x19]);
    for (value, senders) in [(0x00, &[Server][..]), (0x18, &[Client, Server]), (0x19, &[Client])] {
        let bytes = format!("f0 06 {value:02x} 04 15 00016d");
        legal(V, &bytes, Auth::new(code(value), &method));
        sent_by(V, &bytes, senders);
    }
    for value in 0..=255 {
        let Ok(reason_code) = ReasonCode::try_from(value) else { continue };
        if !matches!(value, 0x00 | 0x18 | 0x19) {
            unwritten(V, Auth::new(reason_code, &method), Violation::ReasonCodeNotListed);
        }
    }
}

#[test]
fn s3_15_2_2_2_auth_must_name_its_method_once() {
    let (method, data) = (Property::AuthenticationMethod("m"), Property::AuthenticationData(b"d"));
    legal(V, "f0 0a 18 08 15 00016d 16 000164", auth(&[method, data]));
    let missing = Violation::AuthenticationMethodMissing;
    broken(V, "f0 06 18 04 16 000164", missing, 4);
    broken(V, "f0 02 18 00", missing, 3);
    broken(V, "f0 00", missing, 2);
    unwritten(V, auth(&[data]), missing);
    unwritten(V, auth(&[]), missing);
    let twice = "f0 0a 18 08 15 00016d 15 00016d";
    broken(V, twice, Violation::DuplicateProperty, 8);
    unwritten(V, auth(&[method, method]), Violation::DuplicateProperty);
    let twice = "f0 0e 18 0c 15 00016d 16 000164 16 000164";
    broken(V, twice, Violation::DuplicateProperty, 12);
    unwritten(V, auth(&[method, data, data]), Violation::DuplicateProperty);
}
