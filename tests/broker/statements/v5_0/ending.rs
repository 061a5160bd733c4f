//! How connections end: DISCONNECT, section 3.14; errors, section 4.13.

use mqtt_sansio::{
    BrokerError, BrokerEvent, ClientFault, CloseReason, Packet, PacketType, Property, QoS,
    ReasonCode, Sender, TopicAlias,
};

use super::connect::message;
use super::wills::with_heir;
use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::frames;
use crate::wire5::{
    accepted5, connack5, connect5, disconnect5, farewell5, maximum_packet_size, packet5, puback5,
    publish5, publish5_1, publish5_2, pubrec5, sub5, suback5, subscribe5, subscription_identifier,
    topic_alias, unsuback5, unsubscribe5, user, will5, words5,
};

/// "a" with a will for the heir, and a session of so many seconds.
fn with_will(bench: &mut Bench, expiry: u32) -> Peer {
    let expiry = [Property::SessionExpiryInterval(expiry)];
    let a = bench.dial(connect5("a", &expiry, |connect| {
        connect.will = Some(will5("gone", 0, &[]));
    }));
    bench.connack5(a, false);
    a
}

/// The program ends the connection.
fn disconnect(
    bench: &mut Bench,
    peer: Peer,
    code: ReasonCode,
    properties: &[Property<'_>],
) -> Result<(), BrokerError> {
    let (now, id) = (ms(bench.now), bench.id(peer));
    let result = bench.broker.disconnect_with(now, id, code, properties);
    bench.drive();
    result
}

#[test]
fn mqtt_3_14_0_1_no_disconnect_comes_before_a_connack_of_success() {
    type Ending = fn(&mut Bench, Peer);
    let endings: [(&str, Option<u8>, Ending); 9] = [
        ("DISCONNECT first", None, |bench, a| bench.send(a, "e000")),
        ("a malformed CONNECT", Some(0x81), |bench, a| {
            bench.send(a, "100e 0004 4d515454 05 03 0000 00 0001 61");
        }),
        ("no CONNECT", None, |bench, _| bench.at(11_000)),
        ("too much before CONNACK", Some(0x97), |bench, a| {
            bench.send(a, connect5("a", &[], |_| ()));
            bench.send(a, vec![0xC0; 70_000]);
        }),
        ("DISCONNECT before CONNACK, which is refused then", Some(0x8A), |bench, a| {
            bench.send(a, [connect5("a", &[], |_| ()), disconnect5(0x04, &[])]);
            bench.broker.refuse(ms(bench.now), bench.id(a), ReasonCode::Banned);
        }),
        ("refused, and closed by the program", None, |bench, a| {
            bench.stall(a);
            bench.send(a, connect5("a", &[], |_| ()));
            bench.broker.refuse(ms(bench.now), bench.id(a), ReasonCode::Banned);
            bench.drive();
            bench.broker.disconnect(ms(bench.now), bench.id(a));
            bench.resume(a);
        }),
        ("closed by the program", None, |bench, a| {
            bench.send(a, connect5("a", &[], |_| ()));
            bench.broker.disconnect(ms(bench.now), bench.id(a));
        }),
        ("closed by the program, with a reason", None, |bench, a| {
            bench.send(a, connect5("a", &[], |_| ()));
            let (now, id) = (ms(bench.now), bench.id(a));
            let _ = bench.broker.disconnect_with(now, id, ReasonCode::ServerBusy, &[]);
            bench.broker.disconnect(now, id);
        }),
        ("shut down", None, |bench, a| {
            bench.send(a, connect5("a", &[], |_| ()));
            bench.broker.shutdown(ms(bench.now));
        }),
    ];
    for (what, answer, ending) in endings {
        println!("{what}");
        let mut bench = Bench::new();
        bench.answer_with(|_| Answer::Later);
        let a = bench.open();
        ending(&mut bench, a);
        bench.drive();
        let Some(reason) = bench.reason(a) else { panic!("{what}: it goes on") };
        match answer {
            Some(code) => bench.refused5(a, code, reason),
            None => bench.got5(a, ""),
        }
    }
}

#[test]
fn mqtt_3_14_0_1_disconnect_follows_a_connack_that_was_not_pulled() {
    let mut bench = Bench::new();
    let a = bench.open();
    bench.stall(a);
    bench.send(a, [connect5("a", &[], |_| ()), connect5("a", &[], |_| ())]);
    bench.resume(a);
    bench.got5(a, [accepted5(false, &[]), farewell5(0x82, ClientFault::SecondConnect)]);
}

#[test]
fn mqtt_3_14_2_2_the_server_does_not_send_a_session_expiry_interval() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let expiry = [Property::SessionExpiryInterval(5)];
    assert!(disconnect(&mut bench, a, ReasonCode::ServerBusy, &expiry).is_err());
    bench.quiet(&[a]);
    let all = [Property::ReasonString("full"), user("k", "v"), Property::ServerReference("b:1883")];
    assert_eq!(disconnect(&mut bench, a, ReasonCode::UseAnotherServer, &all), Ok(()));
    bench.got5(a, disconnect5(0x9C, &all));
    bench.is_closed(a, CloseReason::Requested);
}

#[test]
fn the_program_ends_a_connection_with_a_code_of_the_servers_and_no_other() {
    for &code in ReasonCode::ALL {
        let mut bench = Bench::new();
        let a = bench.client5("a", &[]);
        let result = disconnect(&mut bench, a, code, &[Property::ReasonString("so")]);
        if code.is_allowed_from(Sender::Server, PacketType::Disconnect) {
            assert_eq!(result, Ok(()), "{code}");
            bench.got5(a, disconnect5(code.into(), &[Property::ReasonString("so")]));
            bench.is_closed(a, CloseReason::Requested);
        } else {
            assert!(result.is_err(), "{code}");
            bench.quiet(&[a]);
        }
    }
}

#[test]
fn mqtt_3_14_2_3_disconnect_goes_without_its_reason_string_where_that_is_too_large() {
    let whole = farewell5(0x82, ClientFault::SecondConnect);
    let size = u32::try_from(whole.len()).unwrap();
    for (maximum, expected) in [(size, whole), (size - 1, disconnect5(0x82, &[]))] {
        let mut bench = Bench::new();
        let a = bench.client5("a", &[maximum_packet_size(maximum)]);
        bench.ask5(a, connect5("a", &[], |_| ()), expected);
        bench.is_closed(a, ClientFault::SecondConnect);
    }
}

#[test]
fn mqtt_3_14_2_4_disconnect_goes_without_its_user_properties_where_they_are_too_large() {
    let all = [Property::ReasonString("so"), user("name", "a long value"), user("a", "1")];
    let size = disconnect5(0x87, &all).len();
    for (maximum, expected) in [(size, &all[..]), (size - 1, &all[..1])] {
        let mut bench = Bench::new();
        let limit = [maximum_packet_size(u32::try_from(maximum).unwrap())];
        let a = bench.client5("a", &limit);
        assert_eq!(disconnect(&mut bench, a, ReasonCode::NotAuthorized, &all), Ok(()));
        bench.got5(a, disconnect5(0x87, expected));
    }
}

#[test]
fn mqtt_3_14_4_1_nothing_follows_disconnect() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.subscribe5(a, "t", 1);
    bench.stall(a);
    bench.publish(message("before", 1));
    // Two answers, a fault, and what comes after it.
    let requests = [publish5_1(1, "u", "x", &[]), subscribe5(2, &[sub5("v", 0)], &[])].concat();
    bench.send(a, [requests, connect5("a", &[], |_| ()), publish5_1(3, "u", "x", &[])]);
    bench.publish(message("after", 1));
    bench.send(a, publish5_1(4, "u", "x", &[]));
    bench.resume(a);
    let received = bench.received(a);
    let packets = frames(&received);
    let farewell = farewell5(0x82, ClientFault::SecondConnect);
    assert_eq!(packets.last(), Some(&farewell), "{}", words5(&received));
    let disconnects = packets.iter().filter(|packet| packet[0] == 0xE0).count();
    assert_eq!(disconnects, 1, "{}", words5(&received));
    for packet in &packets {
        let late = match packet5(packet) {
            Packet::PubAck(ack) => ack.packet_id.get() > 1,
            Packet::Publish(publish) => publish.payload == b"after",
            _ => false,
        };
        assert!(!late, "{}", words5(&received));
    }
    bench.publish(message("later", 1));
    bench.got5(a, "");
}

#[test]
fn mqtt_3_14_4_2_the_connection_is_closed_once_disconnect_is_out() {
    let mut bench = Bench::new();
    let [a, b] = ["a", "b"].map(|name| bench.client5(name, &[]));
    for peer in [a, b] {
        bench.stall(peer);
        assert_eq!(disconnect(&mut bench, peer, ReasonCode::ServerBusy, &[]), Ok(()));
        assert!(!bench.is_transport_closed(peer));
    }
    bench.resume(a);
    bench.is_closed(a, CloseReason::Requested);
    assert_eq!(frames(&bench.received(a)).len(), 1);
    // And in the end though it does not get out.
    bench.at(5_999);
    assert!(!bench.is_transport_closed(b));
    bench.at(6_000);
    bench.is_closed(b, CloseReason::Requested);
    bench.got5(b, "");
}

#[test]
fn mqtt_3_14_4_3_a_normal_disconnect_drops_the_will() {
    for delay in [0, 10] {
        for bytes in
            ["e000", "e001 00", "e002 00 00", "e005 00 03 1f 0000", "e007 00 05 11 00000005"]
        {
            let (mut bench, heir) = with_heir();
            let delay_interval = [Property::WillDelayInterval(delay)];
            let stay = [Property::SessionExpiryInterval(1000)];
            let a = bench.dial(connect5("a", &stay, |connect| {
                connect.will = Some(will5("gone", 2, &delay_interval));
            }));
            bench.connack5(a, false);
            bench.send(a, bytes);
            bench.got5(a, "");
            bench.is_closed(a, CloseReason::Disconnected);
            bench.at(10_000_000);
            bench.quiet(&[heir]);
        }
    }
}

#[test]
fn a_disconnect_with_another_code_publishes_the_will_and_is_told_with_its_properties() {
    for &code in ReasonCode::ALL {
        if code == ReasonCode::Success || !code.is_allowed_in(PacketType::Disconnect) {
            continue;
        }
        let (mut bench, heir) = with_heir();
        let a = with_will(&mut bench, 0);
        bench.events();
        let properties = [Property::ReasonString("so"), user("k", "v")];
        let bytes = disconnect5(code.into(), &properties);
        bench.send(a, bytes);
        if code.is_allowed_from(Sender::Client, PacketType::Disconnect) {
            let event = BrokerEvent::Disconnected {
                connection: bench.id(a),
                client_id: Some("a".into()),
                reason: CloseReason::DisconnectedWith(code),
                properties: mqtt_sansio::OwnedProperties::new(&properties).unwrap(),
            };
            assert_eq!(bench.events(), [event]);
            bench.got5(a, "");
            bench.is_closed(a, CloseReason::DisconnectedWith(code));
        } else {
            bench.ended5_by_fault(a, 0x82);
        }
        bench.got5(heir, publish5("w", "gone", &[]));
    }
}

#[test]
fn a_disconnect_changes_when_the_session_ends() {
    // Of CONNECT, of DISCONNECT, and what holds.
    for (first, then, holds) in
        [(10, 5, 5), (10, 20, 20), (10, 0, 0), (0, 0, 0), (10, u32::MAX, 30), (u32::MAX, 5, 5)]
    {
        let mut bench = Bench::with(|config| {
            config.session_expiry = Some(std::time::Duration::from_secs(30));
        });
        let a = bench.stayer5("a", first, false);
        bench.send(a, disconnect5(0, &[Property::SessionExpiryInterval(then)]));
        bench.is_closed(a, CloseReason::Disconnected);
        if holds > 0 {
            bench.at(1_000 + holds * 1000 - 1);
            assert_eq!(bench.broker.sessions(), 1, "{first}, then {then}");
        }
        bench.at(1_000 + holds * 1000);
        assert_eq!(bench.broker.sessions(), 0, "{first}, then {then}");
    }
}

#[test]
fn a_disconnect_cannot_prolong_a_session_that_was_to_end_with_the_connection() {
    for code in [0x00, 0x04] {
        let (mut bench, heir) = with_heir();
        let a = with_will(&mut bench, 0);
        bench.send(a, disconnect5(code, &[Property::SessionExpiryInterval(1)]));
        bench.ended5(a, 0x82, ClientFault::SessionExpiryRaised);
        // It counts as no DISCONNECT.
        bench.got5(heir, publish5("w", "gone", &[]));
        assert_eq!(bench.broker.sessions(), 1);
    }
}

#[test]
fn the_program_and_time_end_connections_with_their_codes() {
    let mut bench = Bench::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| bench.client5(name, &[]));
    bench.broker.disconnect(ms(1000), bench.id(a));
    bench.drive();
    bench.ended5(a, 0x98, CloseReason::Requested);
    assert!(bench.broker.end_session(ms(1000), "b"));
    bench.drive();
    bench.ended5(b, 0x98, CloseReason::Requested);
    bench.broker.shutdown(ms(1000));
    bench.drive();
    bench.got5(c, disconnect5(0x8B, &[Property::ReasonString("the server is shutting down")]));
    bench.is_closed(c, CloseReason::Requested);
}

#[test]
fn mqtt_4_13_1_1_a_malformed_packet_closes_the_connection_with_0x81() {
    for (what, bytes) in [
        ("no packet type", "0000"),
        ("flags of PINGREQ", "c100"),
        ("flags of SUBSCRIBE", "8007 0001 00 0001 74 00"),
        ("flags of DISCONNECT", "e100"),
        ("QoS 3", "3606 0001 74 0001 00"),
        ("ill-formed UTF-8", "3004 0001 ff 00"),
        ("an unknown property", "3006 0001 74 02 7f 00"),
        ("a property of another packet", "3009 0001 74 05 11 00000001"),
        ("a remaining length of five bytes", "30 ffffffff7f"),
        ("a remaining length longer than needed", "c0 8000"),
        ("a cut acknowledgement", "4001 00"),
        ("reserved subscription options", "8207 0001 00 0001 74 40"),
    ] {
        ends(what, bytes, 0x81);
    }
}

/// Asserts that a client that sends this is disconnected with that code, its will published, alone.
#[track_caller]
fn ends(what: &str, bytes: &str, code: u8) {
    println!("{what}: {bytes}");
    let (mut bench, heir) = with_heir();
    let a = with_will(&mut bench, 0);
    bench.send(a, bytes);
    assert!(bench.reason(a).is_some(), "{what} is taken");
    let reason = bench.ended5_by_fault(a, code);
    assert!(matches!(reason, CloseReason::ClientFault(_)), "{reason}");
    bench.got5(heir, publish5("w", "gone", &[]));
    bench.quiet(&[heir]);
}

#[test]
fn mqtt_4_13_1_1_a_protocol_error_closes_the_connection_with_0x82() {
    for (what, bytes) in [
        ("SUBSCRIBE without filter", "8203 0001 00"),
        ("UNSUBSCRIBE without filter", "a203 0001 00"),
        ("CONNACK of a client", "2003 00 00 00"),
        ("SUBACK of a client", "9004 0001 00 00"),
        ("PINGRESP of a client", "d000"),
        ("no topic and no alias", "3003 0000 00"),
        ("an alias that stands for nothing", "3006 0000 03 23 0001"),
        ("a subscription identifier of a client", "3006 0001 74 02 0b 01"),
        ("Content Type twice", "300c 0001 74 08 03 0001 61 03 0001 61"),
        ("QoS 3 in a subscription", "8207 0001 00 0001 74 03"),
        ("Retain Handling 3", "8207 0001 00 0001 74 30"),
        ("No Local on a shared subscription", "8210 0001 00 000a 2473686172652f732f74 04"),
        ("Reason String twice in DISCONNECT", "e00a 00 08 1f 0001 61 1f 0001 62"),
        ("Session Expiry Interval twice in DISCONNECT", "e00c 00 0a 11 00000000 11 00000000"),
    ] {
        ends(what, bytes, 0x82);
    }
}

#[test]
fn mqtt_4_13_1_1_an_error_with_a_code_of_its_own_closes_the_connection_with_it() {
    let bench = || {
        let mut bench = Bench::with(|config| {
            config.session.max_unreleased_messages = 2;
            config.session.maximum_packet_size = 100;
            let features = &mut config.session.features;
            features.maximum_qos = QoS::AtMostOnce;
            features.retain_available = false;
            features.wildcard_subscription_available = false;
            features.subscription_identifier_available = false;
            features.shared_subscription_available = false;
        });
        let a = bench.client5("a", &[]);
        (bench, a)
    };
    let identified = subscribe5(1, &[sub5("t", 0)], &[subscription_identifier(1)]);
    for (code, fault, bytes) in [
        (0x9B, ClientFault::QoSNotSupported, publish5_1(1, "t", "x", &[])),
        (0x9A, ClientFault::RetainNotSupported, crate::wire::retained(publish5("t", "x", &[]))),
        (0xA2, ClientFault::WildcardSubscriptionsNotSupported, subscribe5(1, &[sub5("+", 0)], &[])),
        (0xA1, ClientFault::SubscriptionIdentifiersNotSupported, identified),
        (0x9E, ClientFault::SharedSubscriptionsNotSupported, {
            subscribe5(1, &[sub5("$share/s/t", 0)], &[])
        }),
        (0x94, ClientFault::TopicAliasInvalid(TopicAlias::new(11).unwrap()), {
            publish5("t", "x", &[topic_alias(11)])
        }),
    ] {
        let (mut bench, a) = bench();
        bench.send(a, bytes);
        bench.ended5(a, code, fault);
        assert_eq!(bench.broker.router().subscriptions(), 0);
    }
    let (mut bench, a) = bench();
    bench.send(a, publish5("t", [0; 95], &[]));
    bench.ended5_by_fault(a, 0x95);
    let mut bench = Bench::with(|config| config.session.max_unreleased_messages = 2);
    let a = bench.client5("a", &[]);
    for id in [1, 2] {
        bench.send(a, publish5_2(id, "t", "x", &[]));
    }
    bench.received(a);
    bench.send(a, publish5_2(3, "t", "x", &[]));
    bench.ended5_by_fault(a, 0x93);
}

#[test]
fn mqtt_4_13_2_1_a_code_of_failure_means_that_the_connection_is_closed_sent_or_not() {
    // Not sent: its transport takes nothing.
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.stall(a);
    bench.send(a, connect5("a", &[], |_| ()));
    assert_eq!(bench.broker.statistics().clients_connected, 0);
    bench.at(6_000);
    bench.got5(a, "");
    bench.is_closed(a, ClientFault::SecondConnect);
    // That of a client closes too.
    let a = bench.client5("a", &[]);
    bench.send(a, disconnect5(0x83, &[]));
    let code = ReasonCode::ImplementationSpecificError;
    bench.is_closed(a, CloseReason::DisconnectedWith(code));
    // Failures of acknowledgements do not.
    let no = mqtt_sansio::Filter::new("no").unwrap();
    let permissions = mqtt_sansio::Permissions::all().deny(mqtt_sansio::Access::Both, no);
    bench.answer_with(move |_| Answer::Accept(permissions.clone()));
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    bench.ask5(a, publish5_1(1, "no", "x", &[]), puback5(1, 0x87, &[]));
    bench.ask5(a, publish5_2(2, "no", "x", &[]), pubrec5(2, 0x87, &[]));
    bench.ask5(a, subscribe5(3, &[sub5("no", 0)], &[]), suback5(3, &[0x87], &[]));
    bench.ask5(a, unsubscribe5(4, &["no"], &[]), unsuback5(4, &[0x11], &[]));
    bench.quiet(&[a]);
    bench.answer_with(|_| Answer::Refuse(ReasonCode::Banned));
    let b = bench.dial(connect5("b", &[], |_| ()));
    bench.got5(b, connack5(false, 0x8A, &[]));
    bench.is_closed(b, CloseReason::Refused(ReasonCode::Banned));
}
