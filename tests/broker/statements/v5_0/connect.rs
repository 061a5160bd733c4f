//! CONNECT, section 3.1; for its will see [`super::wills`].

use mqtt_sansio::{
    BrokerEvent, ClientFault, CloseReason, Message, Packet, Permissions, Property, PropertyId, QoS,
    ReasonCode, Violation,
};

use super::wills::with_heir;
use crate::bench::{Answer, Bench, ms};
use crate::wire::{PINGREQ, PINGRESP, dup, unhex};
use crate::wire5::{
    accepted5, connack5, connect5, disconnect5, packet5, puback5, pubcomp5, publish5, publish5_1,
    publish5_2, pubrec5, pubrel5, resume5, sub5, suback5, subscribe5, user, will5, words5,
};

/// A message of the program's under "t".
pub(super) fn message(payload: &str, qos: u8) -> Message {
    let mut message = Message::new("t", payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

/// A CONNECT of these flags, and this in hex from its properties on.
fn raw(flags: u8, rest: &str) -> Vec<u8> {
    let body = unhex(&format!("0004 4d515454 05 {flags:02x} 0000 {rest}"));
    [vec![0x10, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn mqtt_3_1_0_2_a_second_connect_is_a_protocol_error() {
    let mut bench = Bench::new();
    let [a, b] = ["a", "b"].map(|name| bench.client5(name, &[]));
    bench.send(a, connect5("a", &[], |_| ()));
    bench.ended5(a, 0x82, ClientFault::SecondConnect);
    bench.quiet(&[b]);
}

#[test]
fn mqtt_3_1_2_1_a_wrong_protocol_name_closes_without_connack() {
    for name in ["4d515454 58", "6d717474", "4d514953 6471", "4854545020"] {
        let mut bench = Bench::new();
        let length = name.replace(' ', "").len() / 2;
        let hex = format!("10 {:02x} {length:04x} {name} 05 02 0000 00 0001 61", length + 10);
        let a = bench.dial(&*hex);
        let reason = bench.closed_silently(a);
        let CloseReason::ClientFault(ClientFault::Decode(error)) = reason else {
            panic!("{name}: {reason}");
        };
        assert_eq!(error.violation(), Violation::UnknownProtocolName, "{name}");
    }
}

#[test]
fn mqtt_3_1_2_2_another_version_is_told_so_and_closed() {
    // A client of an unknown version is told in the oldest words.
    for level in ["00", "01", "02", "03", "06", "07", "7f", "85", "ff"] {
        let mut bench = Bench::new();
        let a = bench.dial(&*format!("100e 0004 4d515454 {level} 02 0000 00 0001 61"));
        bench.got(a, "2002 00 01");
        let reason = bench.closed_silently(a);
        let CloseReason::ClientFault(fault) = reason else { panic!("{level}: {reason}") };
        assert_eq!(fault.reason_code(), ReasonCode::UnsupportedProtocolVersion, "{level}");
    }
}

#[test]
fn mqtt_3_1_2_3_the_reserved_connect_flag_is_malformed() {
    let mut bench = Bench::new();
    let a = bench.dial(raw(0x03, "00 0001 61"));
    let reason = bench.reason(a).unwrap();
    bench.refused5(a, 0x81, reason);
    assert_eq!((bench.broker.sessions(), bench.events().len()), (0, 1));
}

#[test]
fn mqtt_3_1_2_4_a_clean_start_drops_all_of_an_existing_session() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    bench.subscribe5(b, "u", 2);
    for lost in [true, false] {
        let a = bench.dial(connect5("a", &[Property::SessionExpiryInterval(1000)], |_| ()));
        bench.got5(a, accepted5(false, &[]));
        bench.subscribe5(a, "t", 2);
        bench.publish(message("sent", 1));
        bench.got5(a, publish5_1(1, "t", "sent", &[]));
        bench.ask5(a, publish5_2(9, "u", "never released", &[]), pubrec5(9, 0, &[]));
        if lost {
            bench.lose(a);
            bench.publish(message("queued", 1));
        }
        // Also while it is connected.
        let a = bench.client5("a", &[Property::SessionExpiryInterval(1000)]);
        bench.publish(message("not subscribed to", 1));
        bench.quiet(&[a]);
        assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (2, 1));
        bench.ask5(a, pubrel5(9, 0, &[]), pubcomp5(9, 0x92, &[]));
        bench.subscribe5(a, "t", 2);
        bench.publish(message("new", 1));
        bench.got5(a, publish5_1(1, "t", "new", &[]));
        bench.quiet(&[b]);
    }
}

#[test]
fn mqtt_3_1_2_5_without_clean_start_an_existing_session_goes_on() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    bench.subscribe5(a, "t", 2);
    bench.ask5(a, publish5_2(9, "t", "held", &[]), pubrec5(9, 0, &[]));
    bench.publish(message("sent", 1));
    bench.got5(a, publish5_1(1, "t", "sent", &[]));
    bench.lose(a);
    bench.publish(message("queued", 2));
    let a = bench.dial(resume5("a", 1000));
    let again = dup(publish5_1(1, "t", "sent", &[]));
    bench.got5(a, [accepted5(true, &[]), again, publish5_2(2, "t", "queued", &[])]);
    let held = [pubcomp5(9, 0, &[]), publish5_2(3, "t", "held", &[])].concat();
    bench.ask5(a, pubrel5(9, 0, &[]), held);
}

#[test]
fn mqtt_3_1_2_6_without_clean_start_a_session_is_made_where_there_is_none() {
    let mut bench = Bench::new();
    let a = bench.dial(resume5("a", 1000));
    bench.got5(a, accepted5(false, &[]));
    let connected = bench.events().into_iter().any(|event| match event {
        BrokerEvent::Connected { client_id, session_present, .. } => {
            &*client_id == "a" && !session_present
        }
        _ => false,
    });
    assert!(connected);
    bench.subscribe5(a, "t", 0);
    bench.lose(a);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (1, 1));
}

#[test]
fn mqtt_3_1_2_22_silence_for_one_and_a_half_keep_alives_is_a_lost_connection() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect5("a", &[], |connect| {
        connect.keep_alive = 10;
        connect.will = Some(will5("gone", 0, &[]));
    }));
    bench.connack5(a, false);
    let ever = bench.client5("ever", &[]);
    bench.at(15_999);
    bench.quiet(&[a, heir]);
    bench.ask5(a, PINGREQ, PINGRESP);
    bench.at(15_999 + 14_999);
    bench.quiet(&[a, heir]);
    bench.at(15_999 + 15_000);
    bench.ended5(a, 0x8D, CloseReason::KeepAliveTimeout);
    bench.got5(heir, publish5("w", "gone", &[]));
    // A Keep Alive of 0 is none.
    bench.at(1_000_000_000);
    bench.quiet(&[ever]);
}

#[test]
fn mqtt_3_1_2_23_a_session_outlives_its_connection_by_the_session_expiry_interval() {
    let mut bench = Bench::with(|config| config.session_expiry = None);
    let clean = connect5("b", &[Property::SessionExpiryInterval(10)], |_| ());
    for first in [resume5("a", 10), clean] {
        let (a, start) = (bench.dial(first), bench.now);
        bench.connack5(a, false);
        bench.subscribe5(a, "t", 1);
        bench.lose(a);
        bench.at(start + 9_999);
        assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (1, 1));
        bench.at(start + 10_000);
        assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (0, 0));
    }
    // Never, for u32::MAX; at once, for 0 and for none.
    let ever = bench.stayer5("ever", u32::MAX, false);
    bench.lose(ever);
    for connect in [resume5("a", 0), connect5("a", &[], |connect| connect.clean_start = false)] {
        let a = bench.dial(connect);
        bench.got5(a, accepted5(false, &[]));
        assert_eq!(bench.broker.sessions(), 2);
        bench.lose(a);
        assert_eq!(bench.broker.sessions(), 1);
    }
    bench.at(u64::from(u32::MAX) * 1000 + 1_000_000);
    bench.stayer5("ever", 1, true);
}

#[test]
fn mqtt_3_1_2_28_response_information_is_sent_to_a_client_that_asks_for_it() {
    for (asked, properties) in [
        (false, &[][..]),
        (false, &[Property::RequestResponseInformation(false)]),
        (true, &[Property::RequestResponseInformation(true)]),
    ] {
        let mut bench = Bench::new();
        let information = [Property::ResponseInformation("answers/a")];
        let all = information.to_vec();
        bench.answer_with(move |_| Answer::AcceptWith(Permissions::all(), all.clone()));
        let a = bench.dial(connect5("a", properties, |_| ()));
        bench.got5(a, accepted5(false, if asked { &information } else { &[] }));
    }
}

#[test]
fn mqtt_3_1_2_29_without_problem_information_acknowledgements_do_not_explain() {
    for wanted in [false, true] {
        let mut bench = Bench::new();
        let no = mqtt_sansio::Filter::new("no").unwrap();
        let permissions = Permissions::all().deny(mqtt_sansio::Access::Both, no);
        let explain = vec![Property::ReasonString("welcome"), user("k", "v")];
        let all = explain.clone();
        bench.answer_with(move |_| Answer::AcceptWith(permissions.clone(), all.clone()));
        let request = [Property::RequestProblemInformation(wanted)];
        let a = bench.dial(connect5("a", &request, |_| ()));
        // CONNACK, PUBLISH and DISCONNECT explain in any case.
        bench.got5(a, accepted5(false, &explain));
        for (request, answer) in [
            (publish5_1(1, "no", "x", &[]), puback5(1, 0x87, &[])),
            (publish5_2(2, "no", "x", &[]), pubrec5(2, 0x87, &[])),
            (subscribe5(3, &[sub5("no", 0)], &[]), suback5(3, &[0x87], &[])),
        ] {
            bench.send(a, request);
            let received = bench.received(a);
            let explained = match packet5(&received) {
                Packet::PubAck(ack) | Packet::PubRec(ack) => ack.properties,
                Packet::SubAck(suback) => suback.properties,
                other => panic!("{other}"),
            };
            assert_eq!(explained.contains(PropertyId::ReasonString), wanted, "{explained:?}");
            assert!(wanted || received == answer, "{}", words5(&received));
        }
        bench.subscribe5(a, "t", 0);
        let publish = publish5("t", "x", &[user("k", "v")]);
        bench.ask5(a, publish.clone(), publish);
        bench.send(a, connect5("a", &[], |_| ()));
        bench.ended5(a, 0x82, ClientFault::SecondConnect);
    }
}

#[test]
fn mqtt_3_1_3_2_the_client_id_tells_whose_session_it_is() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    bench.subscribe5(a, "t", 0);
    bench.lose(a);
    let others = ["A", "a ", "aa", "ä"].map(|name| bench.stayer5(name, 1000, false));
    let a = bench.stayer5("a", 1000, true);
    bench.publish(message("x", 0));
    bench.got5(a, publish5("t", "x", &[]));
    bench.quiet(&others);
}

#[test]
fn mqtt_3_1_3_5_client_ids_of_1_to_23_letters_and_digits_are_accepted() {
    let mut bench = Bench::new();
    bench.checked = false;
    let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (at, length) in (1..=23).map(|length| (0, length)).chain((0..all.len()).map(|at| (at, 1))) {
        bench.client5(&all[at..at + length], &[]);
    }
    assert_eq!(bench.broker.statistics().clients_connected, 23 + 61);
}

#[test]
fn mqtt_3_1_3_6_an_empty_client_id_is_replaced_by_one_of_its_own() {
    let mut bench = Bench::new();
    let taken = bench.stayer5("auto-1", 1000, false);
    let mut names = vec!["auto-1".to_owned()];
    for clean_start in [true, false, true] {
        let a = bench.dial(connect5("", &[], |connect| connect.clean_start = clean_start));
        let name = bench.connack5(a, false).assigned_client_identifier().unwrap().to_owned();
        assert!(!name.is_empty() && !names.contains(&name), "{name} of {names:?}");
        names.push(name);
    }
    bench.quiet(&[taken]);
    assert_eq!(bench.broker.sessions(), 4);
}

#[test]
fn mqtt_3_1_3_7_an_assigned_client_id_is_returned_and_works_like_one_of_the_clients() {
    let mut bench = Bench::new();
    let stay = [Property::SessionExpiryInterval(1000)];
    let a = bench.dial(connect5("", &stay, |_| ()));
    bench.got5(a, accepted5(false, &[Property::AssignedClientIdentifier("auto-1")]));
    assert_eq!(bench.broker.connection("auto-1"), Some(bench.id(a)));
    bench.subscribe5(a, "t", 1);
    bench.lose(a);
    bench.publish(message("x", 1));
    let a = bench.dial(resume5("auto-1", 1000));
    bench.got5(a, [accepted5(true, &[]), publish5_1(1, "t", "x", &[])]);
}

#[test]
fn mqtt_3_1_3_8_a_rejected_client_id_gets_connack_0x85() {
    let mut bench = Bench::new();
    bench.answer_with(|request| match &*request.client_id {
        "good" => Answer::Accept(Permissions::all()),
        _ => Answer::Refuse(ReasonCode::ClientIdentifierNotValid),
    });
    bench.client5("good", &[]);
    for name in ["bad", ""] {
        let bad = bench.dial(connect5(name, &[], |_| ()));
        bench.refused5(bad, 0x85, CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
    }
    assert_eq!(bench.broker.sessions(), 1);
}

/// Asserts that each of these, named, is refused with that code before anybody is asked.
#[track_caller]
fn refused(code: u8, connects: &[(&str, Vec<u8>)]) {
    for (what, connect) in connects {
        let mut bench = Bench::new();
        let a = bench.dial(connect.clone());
        let Some(reason) = bench.reason(a) else { panic!("{what} is taken") };
        assert!(matches!(reason, CloseReason::ClientFault(_)), "{what}: {reason}");
        println!("{what}: {reason}");
        bench.refused5(a, code, reason);
        assert_eq!((bench.broker.sessions(), bench.events().len()), (0, 1), "{what}");
    }
}

#[test]
fn mqtt_3_1_4_1_a_malformed_connect_is_refused_and_closed() {
    refused(
        0x81,
        &[
            ("a cut client identifier", raw(0x02, "00 0002 61")),
            ("no client identifier", raw(0x02, "00")),
            ("properties that are cut", raw(0x02, "05 11 0000 00")),
            ("a byte too many", raw(0x02, "00 0001 61 00")),
            ("will QoS 3", raw(0x1E, "00 0001 61 00 0001 77 0001 78")),
            ("no password", raw(0x42, "00 0001 61")),
            ("ill-formed UTF-8", raw(0x02, "00 0001 ff")),
            ("a NUL", raw(0x02, "00 0001 00")),
            ("an unknown property", raw(0x02, "02 7f 00 0001 61")),
            ("a property of CONNACK", raw(0x02, "03 13 0001 0001 61")),
            ("a property of the will", raw(0x02, "05 18 00000001 0001 61")),
            ("a property of CONNECT in the will", {
                raw(0x06, "00 0001 61 05 11 00000001 0001 77 0001 78")
            }),
            (
                "flags of the fixed header",
                [vec![0x11], raw(0x02, "00 0001 61")[1..].to_vec()].concat(),
            ),
        ],
    );
}

#[test]
fn a_connect_property_twice_or_a_forbidden_value_is_a_protocol_error() {
    let once = [
        "11 00000001",
        "21 0001",
        "27 000000ff",
        "22 0001",
        "19 01",
        "17 01",
        "15 0001 6d",
        "15 0001 6d 16 0001 64",
    ];
    let mut connects = Vec::new();
    let forbidden = ["21 0000", "27 00000000", "19 02", "17 02", "16 0001 64"];
    let twice = once.map(|property| format!("{property} {property}"));
    for properties in forbidden.into_iter().chain(twice.iter().map(|twice| &**twice)) {
        let length = unhex(properties).len();
        connects.push((properties, raw(0x02, &format!("{length:02x} {properties} 0001 61"))));
    }
    refused(0x82, &connects);
    refused(
        0x82,
        &[
            ("will QoS without a will", raw(0x0A, "00 0001 61")),
            ("will retain without a will", raw(0x22, "00 0001 61")),
        ],
    );
}

#[test]
fn a_will_property_twice_is_a_protocol_error() {
    for property in
        ["01 01", "02 00000001", "18 00000001", "03 0001 61", "08 0001 61", "09 0001 61"]
    {
        let length = unhex(property).len();
        let will = |count: usize| {
            let properties = property.repeat(count);
            let length = count * length;
            raw(0x06, &format!("00 0001 61 {length:02x} {properties} 0001 77 0001 78"))
        };
        refused(0x82, &[(property, will(2))]);
        let mut bench = Bench::new();
        let a = bench.dial(will(1));
        bench.connack5(a, false);
    }
}

#[test]
fn mqtt_3_1_4_2_a_client_that_fails_a_further_check_is_refused_and_closed() {
    for code in [0x80, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x97, 0x9F] {
        let mut bench = Bench::new();
        let reason = ReasonCode::try_from(code).unwrap();
        bench.answer_with(move |_| Answer::Refuse(reason));
        let a = bench.dial(connect5("a", &[], |connect| connect.user_name = Some("u")));
        bench.refused5(a, code, CloseReason::Refused(reason));
        assert_eq!(bench.broker.sessions(), 0);
    }
}

#[test]
fn mqtt_3_1_4_3_the_same_client_id_ends_the_older_connection_with_0x8e() {
    let (mut bench, heir) = with_heir();
    let old = bench.dial(connect5("a", &[], |connect| connect.will = Some(will5("gone", 0, &[]))));
    bench.connack5(old, false);
    for clean_start in [true, false] {
        let before = bench.broker.connection("a").unwrap();
        let new = bench.dial(connect5("a", &[], |connect| connect.clean_start = clean_start));
        assert_ne!(bench.broker.connection("a"), Some(before));
        bench.connack5(new, false);
        bench.is_open(new);
        if clean_start {
            bench.ended5(old, 0x8E, CloseReason::TakenOver);
            bench.got5(heir, publish5("w", "gone", &[]));
        }
    }
    bench.quiet(&[heir]);
    assert_eq!(bench.broker.statistics().clients_connected, 2);
}

#[test]
fn mqtt_3_1_4_4_clean_start_is_looked_at_only_once_the_client_is_accepted() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    bench.subscribe5(a, "t", 0);
    bench.answer_with(|_| Answer::Refuse(ReasonCode::BadUserNameOrPassword));
    let thief = bench.dial(connect5("a", &[], |_| ()));
    bench.refused5(thief, 0x86, CloseReason::Refused(ReasonCode::BadUserNameOrPassword));
    bench.quiet(&[a]);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (1, 1));
    bench.answer_with(|_| Answer::Accept(Permissions::all()));
    let new = bench.client5("a", &[]);
    bench.ended5(a, 0x8E, CloseReason::TakenOver);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (1, 0));
    bench.quiet(&[new]);
}

#[test]
fn mqtt_3_1_4_5_an_accepted_connect_gets_connack_0() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect5("a", &[], |_| ()));
    bench.quiet(&[a]);
    bench.broker.accept(ms(1000), bench.id(a), Permissions::all());
    bench.drive();
    // Receive Maximum 1000, Topic Alias Maximum 10, Maximum Packet Size 16 MiB.
    bench.got5(a, "200e 00 00 0b  21 03e8  22 000a  27 01000000");
    bench.is_open(a);
}

#[test]
fn mqtt_3_1_4_6_what_follows_a_rejected_connect_is_ignored() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let retained = |payload| crate::wire::retained(publish5("t", payload, &[]));
    let a = bench.dial([connect5("a", &[], |_| ()), retained("in the same read")]);
    bench.refused5(a, 0x87, CloseReason::Refused(ReasonCode::NotAuthorized));
    let b = bench.open();
    bench.stall(b);
    bench.send(b, connect5("b", &[], |_| ()));
    bench.send(b, [retained("before CONNACK is out"), disconnect5(0x04, &[])]);
    bench.resume(b);
    bench.got5(b, connack5(false, 0x87, &[]));
    bench.send(b, retained("after the close"));
    assert_eq!(bench.received(b), b"");
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn a_connection_without_connect_is_closed_in_time() {
    let mut bench = Bench::new();
    let a = bench.open();
    bench.send(a, &raw(0x02, "00 0001 61")[..14]);
    bench.at(10_999);
    bench.quiet(&[a]);
    bench.at(11_000);
    assert_eq!(bench.closed_silently(a), CloseReason::ConnectTimeout);
}
