//! DISCONNECT, both ways.

use mqtt_sansio::{
    ClientConfig, ClientEvent, CommandError, Disconnect, DisconnectReason, EncodeError,
    OwnedProperties, Properties, Property, PublishOutcome, QoS, ReasonCode, UserProperty, Version,
    Violation,
};

use super::{CONNACK, connected, connected_by};
use crate::bench::{Bench, disconnected, ms, published};

const REQUESTED: DisconnectReason = DisconnectReason::Requested;

fn leave(bench: &mut Bench, disconnect: &Disconnect<'_>) -> Result<(), CommandError> {
    bench.client.disconnect_with(ms(bench.now), disconnect)
}

#[test]
fn mqtt_3_14_4_1_after_disconnect_nothing_more_is_sent() {
    let mut bench = connected();
    let a = bench.publish(QoS::AtMostOnce, "a");
    bench.client.disconnect(ms(1000));
    let sent = published(a, PublishOutcome::Sent);
    bench.drain().sent("3005 0001 74 00 61 e000").events(&[sent, disconnected(REQUESTED)]);
    bench.publish(QoS::AtMostOnce, "b");
    bench.drain().nothing();
    bench.input("3207 0001 74 0001 00 61").nothing();
    // Nor after the one that answers a fault.
    let mut bench = connected();
    bench.input("3207 0001 74 0001 00 61 f000 3207 0001 74 0002 00 61").sent("40020001 e001 82");
    bench.publish(QoS::AtMostOnce, "b");
    bench.input("3207 0001 74 0002 00 61").nothing();
}

#[test]
fn mqtt_3_14_4_2_after_disconnect_the_client_closes() {
    let mut bench = connected();
    bench.disconnect().sent("e000").closes(true);
    let mut bench = connected();
    bench.input("c000").sent("e001 82").closes(true);
}

#[test]
fn disconnect_carries_a_reason() {
    let mut bench = connected();
    leave(&mut bench, &Disconnect::new(ReasonCode::DisconnectWithWillMessage)).unwrap();
    bench.drain().sent("e001 04").events(&[disconnected(REQUESTED)]).closes(true);
    let mut bench = connected();
    let explained = [Property::ReasonString("bye")];
    let properties = Properties::new(&explained);
    let reason_code = ReasonCode::AdministrativeAction;
    leave(&mut bench, &Disconnect { reason_code, properties }).unwrap();
    bench.drain().sent("e008 98 06 1f 0003 627965");
}

#[test]
fn disconnect_that_a_client_may_not_send_is_an_error_and_the_connection_goes_on() {
    let mut bench = connected_by(ClientConfig::default(), &[], CONNACK).0;
    let refused = leave(&mut bench, &Disconnect::new(ReasonCode::ServerShuttingDown));
    let violation = EncodeError::Violation(Violation::WrongSender);
    assert_eq!(refused, Err(CommandError::Encode(violation)));
    // 3.14.2.2.2: CONNECT had no Session Expiry Interval.
    let expiry = [Property::SessionExpiryInterval(1)];
    let disconnect = Disconnect { properties: Properties::new(&expiry), ..Disconnect::NORMAL };
    assert_eq!(leave(&mut bench, &disconnect), Err(CommandError::SessionExpiry));
    bench.drain().nothing();
    assert!(bench.client.is_connected());
    let mut bench = Bench::connected();
    let refused = leave(&mut bench, &Disconnect::new(ReasonCode::DisconnectWithWillMessage));
    let (field, version) = (mqtt_sansio::Field::ReasonCode, Version::V3_1_1);
    let error = EncodeError::NotInVersion { field, version };
    assert_eq!(refused, Err(CommandError::Encode(error)));
}

#[test]
fn disconnect_without_a_connection_does_nothing() {
    let mut bench = Bench::new(ClientConfig::default());
    assert_eq!(leave(&mut bench, &Disconnect::NORMAL), Ok(()));
    bench.drain().nothing();
}

/// DISCONNECT with an expiry, a reason string and a user property, to a server that takes so many bytes.
fn explained(maximum: &str) -> Vec<u8> {
    let connack = format!("2008 00 00 05 27 {maximum}");
    let (mut bench, _) = connected_by(ClientConfig::default(), &[super::EXPIRY], &connack);
    let properties = [
        Property::SessionExpiryInterval(9),
        Property::ReasonString("no"),
        Property::UserProperty(UserProperty { name: "k", value: "v" }),
    ];
    let properties = Properties::new(&properties);
    leave(&mut bench, &Disconnect { properties, ..Disconnect::NORMAL }).unwrap();
    bench.drain().sent
}

#[test]
fn mqtt_3_14_2_3_disconnect_drops_a_reason_string_that_is_too_much() {
    let whole = b"\xe0\x13\0\x11\x11\0\0\0\x09\x1f\0\x02no\x26\0\x01k\0\x01v";
    assert_eq!(explained("00000015"), whole);
    assert_eq!(explained("00000014"), b"\xe0\x07\0\x05\x11\0\0\0\x09");
}

#[test]
fn mqtt_3_14_2_4_disconnect_drops_user_properties_that_are_too_much() {
    assert_eq!(explained("0000000f"), b"\xe0\x07\0\x05\x11\0\0\0\x09");
}

#[test]
fn a_disconnect_of_the_servers_tells_its_reason_and_reference() {
    let mut bench = connected();
    let properties = OwnedProperties::new(&[Property::ServerReference("h:1")]).unwrap();
    assert_eq!(properties.server_reference(), Some("h:1"));
    let reason = DisconnectReason::Server(ReasonCode::UseAnotherServer);
    bench
        .input("e008 9c 06 1c 0003 683a31")
        .sent("")
        .events(&[ClientEvent::Disconnected { reason, properties }])
        .closes(true);
}

#[test]
fn what_only_a_client_may_say_in_disconnect_is_a_fault() {
    connected().input("e001 04").sent("e001 82").closes(true);
    connected().input("e007 00 05 11 00000001").sent("e001 82").closes(true);
}

#[test]
fn each_fault_is_answered_with_its_reason_code() {
    for (packet, code) in [
        ("3806 0001 74 00 6161", "81"),    // DUP at QoS 0
        ("3607 0001 74 0001 00 61", "81"), // QoS 3
        ("3005 0001 ff 00 61", "81"),      // not UTF-8
        ("4003 0001 01", "82"),            // a code that PUBACK does not list
        ("4002 0000", "82"),               // packet identifier 0
        ("30ffffffff01", "81"),            // a length of five bytes
        ("60020001", "81"),                // reserved flags
        ("2003 00 00 00", "82"),           // a second CONNACK
        ("c000", "82"),                    // no server sends PINGREQ
        ("100d 0004 4d515454 04 02 0000 0001 63", "82"),
        ("1000", "81"),
        ("100d 0004 4d515454 09 02 0000 0001 63", "82"),
        ("3009 0001 74 04 24 01 24 01 61", "81"), // a property of CONNACK
        ("300c 0001 74 08 03 0001 61 03 0001 61", "82"), // a property twice
    ] {
        let output = connected().input(packet);
        output.sent(&format!("e001 {code}")).closes(true);
        assert!(
            matches!(
                output.events[..],
                [ClientEvent::Disconnected { reason: DisconnectReason::ServerFault(_), .. }]
            ),
            "{packet}: {:?}",
            output.events
        );
    }
}

#[test]
fn a_transport_that_does_not_take_the_last_words_is_closed_in_time() {
    let mut bench = connected();
    bench.client.handle_input(ms(1000), &[0xc0, 0]);
    let told = bench.client.poll_output();
    assert!(matches!(told, mqtt_sansio::ClientOutput::Event(_)), "{told:?}");
    assert_eq!(bench.client.poll_output(), mqtt_sansio::ClientOutput::Transmit);
    let wait = mqtt_sansio::ClientOutput::Wait(Some(ms(6000)));
    assert_eq!(bench.client.poll_output(), wait);
    bench.client.handle_timeout(ms(5999));
    assert_eq!(bench.client.poll_output(), wait);
    bench.client.handle_timeout(ms(6000));
    assert_eq!(bench.client.poll_output(), mqtt_sansio::ClientOutput::Close);
    assert!(bench.pull(usize::MAX).is_empty());
}

#[test]
fn last_words_are_handed_out_packet_by_packet() {
    let mut bench = connected();
    bench.client.handle_input(ms(1000), &crate::bench::unhex("3207 0001 74 0001 00 61 c000"));
    assert_eq!(bench.pull(1).concat(), b"\x40\x02\0\x01");
    assert_eq!(bench.pull(1).concat(), b"\xe0\x01\x82");
    assert!(bench.pull(1).is_empty());
    bench.drain().closes(true);
}

#[test]
fn a_new_connection_after_a_fault_is_as_any() {
    let mut bench = connected();
    let a = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    bench.input("c000").sent("e001 82");
    super::reconnect(&mut bench, super::PRESENT).sent("3a07 0001 74 0001 00 61");
    bench.input("40020001").events(&[published(a, PublishOutcome::Acknowledged)]);
}
