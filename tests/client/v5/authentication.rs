//! AUTH, section 4.12.

use mqtt_sansio::{
    ClientConfig, ClientEvent, CommandError, Connect, Disconnect, DisconnectReason,
    OwnedProperties, PacketType, Property, QoS, ReasonCode, ServerFault,
};

use super::{CONNACK, EXPIRY, connected, faults, v5};
use crate::bench::{Bench, connected as is_connected, disconnected, ms, published};

const METHOD: Property<'_> = Property::AuthenticationMethod("M");
const DATA: Property<'_> = Property::AuthenticationData(b"d");

/// CONNACK that repeats the method.
const ACCEPTED: &str = "2007 00 00 04 15 0001 4d";
/// AUTH of the server's: continue, with method and data "s".
const CONTINUE: &str = "f00a 18 08 15 0001 4d 16 0001 73";

fn event(reason_code: ReasonCode, properties: &[Property<'_>]) -> ClientEvent {
    let properties = OwnedProperties::new(properties).unwrap();
    ClientEvent::Authentication { reason_code, properties }
}

fn asked() -> ClientEvent {
    event(ReasonCode::ContinueAuthentication, &[METHOD, Property::AuthenticationData(b"s")])
}

fn connecting() -> Bench {
    let mut bench = Bench::new(ClientConfig::default());
    bench
        .connect(&v5(&[METHOD, DATA]))
        .sent("1016 0004 4d515454 05 00 0000 08 15 0001 4d 16 0001 64 0001 63");
    bench
}

fn authenticated() -> Bench {
    let mut bench = connecting();
    let output = bench.input(ACCEPTED);
    assert_eq!(output.events.len(), 1);
    bench
}

#[test]
fn mqtt_4_12_0_3_auth_is_answered_with_continue_authentication() {
    let mut bench = connecting();
    bench.input(CONTINUE).sent("").events(&[asked()]);
    bench.client.authenticate(ms(1000), &[DATA]).unwrap();
    bench.drain().sent("f00a 18 08 15 0001 4d 16 0001 64");
    // As often as the server asks.
    bench.input(CONTINUE).events(&[asked()]);
    bench.client.authenticate(ms(1000), &[]).unwrap();
    bench.drain().sent("f006 18 04 15 0001 4d");
    let output = bench.input(ACCEPTED);
    assert!(matches!(output.events[..], [ClientEvent::Connected { .. }]), "{:?}", output.events);
}

#[test]
fn mqtt_4_12_0_5_the_method_of_connect_is_repeated_by_both() {
    let fault = |packet| ServerFault::AuthenticationMethod(packet);
    // AUTH and CONNACK with method "N", CONNACK without one.
    let output = connecting().input("f006 18 04 15 0001 4e");
    faults(&output, fault(PacketType::Auth), "e001 82");
    let output = connecting().input("2007 00 00 04 15 0001 4e");
    faults(&output, fault(PacketType::ConnAck), "e001 82");
    let output = connecting().input(CONNACK);
    faults(&output, fault(PacketType::ConnAck), "e001 82");
    // A refusal need not repeat it.
    let refused = DisconnectReason::Refused(ReasonCode::NotAuthorized);
    connecting().input("2003 00 87 00").sent("").events(&[disconnected(refused)]);
    // An application cannot send another.
    let mut bench = connecting();
    bench.input(CONTINUE);
    let refused = bench.client.authenticate(ms(1000), &[METHOD]);
    assert!(matches!(refused, Err(CommandError::Encode(_))), "{refused:?}");
}

#[test]
fn mqtt_4_12_0_7_without_a_method_no_auth_is_sent() {
    let mut bench = connected();
    for result in [
        bench.client.authenticate(ms(1000), &[DATA]),
        bench.client.reauthenticate(ms(1000), &[DATA]),
    ] {
        assert_eq!(result, Err(CommandError::NotAuthenticating));
    }
    bench.drain().nothing();
    let fault = ServerFault::AuthenticationMethod(PacketType::Auth);
    faults(&bench.input(CONTINUE), fault, "e001 82");
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[EXPIRY]));
    let fault = ServerFault::AuthenticationMethod(PacketType::ConnAck);
    faults(&bench.input(ACCEPTED), fault, "e001 82");
}

#[test]
fn mqtt_3_1_2_30_before_connack_only_auth_is_sent() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    let handle = bench.publish(QoS::AtMostOnce, "a");
    bench
        .connect(&Connect { clean_start: true, ..v5(&[METHOD]) })
        .sent("1012 0004 4d515454 05 02 0000 04 15 0001 4d 0001 63");
    bench.input(CONTINUE).events(&[asked()]);
    bench.client.authenticate(ms(1000), &[]).unwrap();
    bench.drain().sent("f006 18 04 15 0001 4d");
    let output = bench.input(ACCEPTED);
    output.sent("3005 0001 74 00 61");
    let sent = published(handle, mqtt_sansio::PublishOutcome::Sent);
    assert_eq!(output.events.last(), Some(&sent));
}

#[test]
fn mqtt_4_12_1_1_re_authentication_uses_the_method_of_connect() {
    let mut bench = authenticated();
    bench.client.reauthenticate(ms(1000), &[DATA]).unwrap();
    bench.drain().sent("f00a 19 08 15 0001 4d 16 0001 64");
    // One at a time.
    let second = bench.client.reauthenticate(ms(1000), &[]);
    assert_eq!(second, Err(CommandError::NotAuthenticating));
    bench.input(CONTINUE).events(&[asked()]);
    bench.client.authenticate(ms(1000), &[]).unwrap();
    bench.drain().sent("f006 18 04 15 0001 4d");
    // Other packets flow meanwhile.
    bench.input("3207 0001 74 0001 00 61").sent("40020001");
    bench.input("f006 00 04 15 0001 4d").events(&[event(ReasonCode::Success, &[METHOD])]);
    bench.client.reauthenticate(ms(1000), &[]).unwrap();
    bench.drain().sent("f006 19 04 15 0001 4d");
}

#[test]
fn mqtt_4_12_1_2_a_failed_re_authentication_ends_with_disconnect() {
    let mut bench = authenticated();
    bench.client.reauthenticate(ms(1000), &[]).unwrap();
    bench.drain();
    bench.input(CONTINUE);
    // The server did not prove itself.
    let disconnect = Disconnect::new(ReasonCode::BadAuthenticationMethod);
    bench.client.disconnect_with(ms(1000), &disconnect).unwrap();
    bench.drain().sent("e001 8c").events(&[disconnected(DisconnectReason::Requested)]).closes(true);
    let mut bench = authenticated();
    bench.client.reauthenticate(ms(1000), &[]).unwrap();
    bench.drain();
    let ended = DisconnectReason::Server(ReasonCode::NotAuthorized);
    bench.input("e001 87").sent("").events(&[disconnected(ended)]).closes(true);
}

#[test]
fn auth_out_of_place_is_a_fault() {
    let success = "f006 00 04 15 0001 4d";
    // The first authentication ends with CONNACK; then none is under way; nor is it the server's turn.
    faults(&connecting().input(success), ServerFault::UnexpectedAuth, "e001 82");
    faults(&authenticated().input(CONTINUE), ServerFault::UnexpectedAuth, "e001 82");
    let mut bench = connecting();
    bench.input(CONTINUE);
    faults(&bench.input(CONTINUE), ServerFault::UnexpectedAuth, "e001 82");
}

#[test]
fn the_server_has_as_long_for_each_step_as_for_connack() {
    let mut bench = connecting();
    bench.now = 20_000;
    bench.input(CONTINUE).waits(Some(50_000));
    bench.timeout(50_000).events(&[disconnected(DisconnectReason::ConnectTimeout)]).closes(true);
}

#[test]
fn authentication_outside_of_a_connection_is_an_error() {
    let mut bench = Bench::new(ClientConfig::default());
    assert_eq!(bench.client.authenticate(ms(0), &[]), Err(CommandError::NotAuthenticating));
    bench.connect(&v5(&[METHOD]));
    assert_eq!(bench.client.reauthenticate(ms(0), &[]), Err(CommandError::NotAuthenticating));
    assert_eq!(bench.client.authenticate(ms(0), &[]), Err(CommandError::NotAuthenticating));
    bench.input(ACCEPTED).events(&[ClientEvent::Connected {
        session_present: false,
        terms: mqtt_sansio::Terms::default(),
        properties: OwnedProperties::new(&[METHOD]).unwrap(),
    }]);
    bench.lose();
    bench.reconnect(false).events(&[is_connected(false)]);
    assert_eq!(bench.client.reauthenticate(ms(0), &[]), Err(CommandError::NotAuthenticating));
}

/// AUTH with a reason string and a user property, to a server that takes packets of so many bytes.
fn explained(maximum: &str) -> Vec<u8> {
    let mut bench = connecting();
    bench.input(&format!("200c 00 00 09 15 0001 4d 27 {maximum}"));
    let properties = [
        Property::ReasonString("no"),
        Property::UserProperty(mqtt_sansio::UserProperty { name: "k", value: "v" }),
    ];
    bench.client.reauthenticate(ms(1000), &properties).unwrap();
    bench.drain().sent
}

#[test]
fn mqtt_3_15_2_2_auth_drops_a_reason_string_that_is_too_much() {
    let whole = b"\xf0\x12\x19\x10\x15\0\x01M\x1f\0\x02no\x26\0\x01k\0\x01v";
    assert_eq!(explained("00000014"), whole);
    assert_eq!(explained("00000013"), b"\xf0\x06\x19\x04\x15\0\x01M");
}

#[test]
fn mqtt_3_15_2_3_auth_drops_user_properties_that_are_too_much() {
    assert_eq!(explained("0000000d"), b"\xf0\x06\x19\x04\x15\0\x01M");
}
