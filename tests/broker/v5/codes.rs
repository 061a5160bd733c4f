//! Reason codes and strings: what is refused, how, and where the string is left out.

use mqtt_sansio::{
    Access, BrokerConfig, ClientFault, CloseReason, Filter, PayloadFormat, Permissions, Property,
    ReasonCode,
};

use super::{message, reason_string, subscribed, subscriber};
use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{hex, retained};
use crate::wire5::{
    connect5, disconnect5, farewell5, maximum_packet_size, puback5, pubcomp5, publish5, publish5_1,
    publish5_2, pubrec5, pubrel5, sub5, suback5, subscribe5, unsuback5, unsubscribe5, user,
};

const QUIET: Property<'_> = Property::RequestProblemInformation(false);
const TEXT: Property<'_> = Property::PayloadFormatIndicator(PayloadFormat::Utf8);

/// A broker that refuses for every reason there is, and a subscriber to everything.
fn bench() -> (Bench, Peer) {
    let mut bench = Bench::with(|config: &mut BrokerConfig| {
        config.sys_interval = Some(std::time::Duration::from_secs(10_000));
        config.max_topic_length = 10;
        config.max_payload_size = 10;
        config.router.max_retained_bytes = 5;
        config.router.max_subscriptions = 2;
        config.session.features.validate_payload_format = true;
    });
    bench.answer_with(|_| {
        let filter = Filter::new("denied/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Both, filter))
    });
    let heir = subscriber(&mut bench, "heir", "#", 0);
    (bench, heir)
}

/// What a client can be refused: topic, payload, whether it is to be retained, whether it is said to be
/// text; and the code for it.
const REFUSED: [(&str, &[u8], bool, bool, u8); 5] = [
    ("denied/x", b"x", false, false, 0x87),
    ("$SYS/x", b"x", false, false, 0x87),
    ("a/long/name", b"x", false, false, 0x90),
    ("t", b"eleven byte", false, false, 0x97),
    ("t", b"\xff", false, true, 0x99),
];

fn refused(qos: u8, id: u16, row: usize) -> Vec<u8> {
    let (name, payload, retain, text, _) = REFUSED[row];
    let with = if text { &[TEXT][..] } else { &[] };
    let packet = match qos {
        0 => publish5(name, payload, with),
        1 => publish5_1(id, name, payload, with),
        _ => publish5_2(id, name, payload, with),
    };
    if retain { retained(packet) } else { packet }
}

fn refusal(qos: u8, id: u16, code: u8, with: &[Property<'_>]) -> Vec<u8> {
    if qos == 1 { puback5(id, code, with) } else { pubrec5(id, code, with) }
}

#[test]
fn each_refusal_has_its_code_and_a_string() {
    for (row, (.., code)) in REFUSED.iter().enumerate() {
        for qos in [1, 2] {
            let (mut bench, heir) = bench();
            let a = bench.client5("a", &[]);
            bench.send(a, refused(qos, 7, row));
            let received = bench.received(a);
            let why = reason_string(&received).unwrap_or_default();
            assert!(!why.is_empty(), "{}", hex(&received));
            let expected = refusal(qos, 7, *code, &[Property::ReasonString(&why)]);
            assert_eq!(hex(&received), hex(&expected));
            bench.quiet(&[a, heir]);
        }
    }
}

#[test]
fn where_no_problem_information_is_asked_for_there_is_no_string() {
    for (row, (.., code)) in REFUSED.iter().enumerate() {
        for qos in [1, 2] {
            let (mut bench, heir) = bench();
            let a = bench.client5("a", &[QUIET]);
            bench.ask(a, refused(qos, 7, row), refusal(qos, 7, *code, &[]));
            bench.quiet(&[a, heir]);
        }
    }
}

#[test]
fn at_qos_0_what_is_refused_is_dropped_in_silence() {
    let (mut bench, heir) = bench();
    let a = bench.client5("a", &[]);
    for row in 0..REFUSED.len() {
        bench.ask(a, refused(0, 0, row), "");
    }
    bench.quiet(&[a, heir]);
}

#[test]
fn a_string_is_left_out_of_a_packet_that_would_be_too_large() {
    for qos in [1, 2] {
        let (mut bench, _) = bench();
        let a = bench.client5("a", &[]);
        bench.send(a, refused(qos, 7, 0));
        let whole = bench.received(a);
        let size = u32::try_from(whole.len()).unwrap();
        for (maximum, expected) in [(size, whole), (size - 1, refusal(qos, 7, 0x87, &[]))] {
            let b = bench.client5("b", &[maximum_packet_size(maximum)]);
            bench.ask(b, refused(qos, 7, 0), expected);
        }
    }
}

#[test]
fn a_qos_2_message_that_is_refused_is_not_held() {
    let (mut bench, heir) = bench();
    let a = bench.client5("a", &[QUIET]);
    bench.ask(a, refused(2, 7, 0), pubrec5(7, 0x87, &[]));
    bench.ask(a, pubrel5(7, 0, &[]), pubcomp5(7, 0x92, &[]));
    // The same identifier is another message.
    bench.ask(a, publish5_2(7, "t", "new", &[]), pubrec5(7, 0, &[]));
    bench.ask(a, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.got5(heir, publish5("t", "new", &[]));
}

#[test]
fn what_there_is_no_room_to_retain_is_refused() {
    let (mut bench, heir) = bench();
    let a = bench.client5("a", &[QUIET]);
    let before = bench.broker.router().retained_messages();
    bench.ask(a, retained(publish5_1(1, "t", "12345", &[])), puback5(1, 0x97, &[]));
    assert_eq!(bench.broker.router().retained_messages(), before);
    bench.quiet(&[heir]);
    bench.ask(a, retained(publish5_1(1, "t", "1234", &[])), puback5(1, 0, &[]));
    assert_eq!(bench.broker.router().retained_messages(), before + 1);
    bench.got5(heir, publish5("t", "1234", &[]));
}

#[test]
fn no_matching_subscribers_is_said_without_a_string() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.ask(a, publish5_1(1, "t", "x", &[]), "4003000110");
    bench.ask(a, publish5_2(2, "t", "x", &[]), "5003000210");
    bench.ask(a, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
    // Retained for those who come later, it has none now either.
    bench.ask(a, retained(publish5_1(3, "t", "x", &[])), "4003000310");
    subscriber(&mut bench, "b", "u", 0);
    bench.ask(a, publish5_1(4, "t", "x", &[]), "4003000410");
    bench.ask(a, publish5_1(5, "u", "x", &[]), "40020005");
}

#[test]
fn payload_formats_are_looked_at_only_where_that_is_configured_and_said() {
    let (mut bench, heir) = bench();
    let a = bench.client5("a", &[QUIET]);
    bench.ask(a, publish5_1(1, "t", b"\xff", &[]), puback5(1, 0, &[]));
    bench.got5(heir, publish5("t", b"\xff", &[]));
    let bytes = [Property::PayloadFormatIndicator(PayloadFormat::Bytes)];
    bench.ask(a, publish5_1(1, "t", b"\xff", &bytes), puback5(1, 0, &[]));
    bench.got5(heir, publish5("t", b"\xff", &bytes));
    bench.ask(a, publish5_1(1, "t", "é", &[TEXT]), puback5(1, 0, &[]));
    bench.got5(heir, publish5("t", "é", &[TEXT]));
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "#", 0);
    let a = bench.client5("a", &[]);
    bench.ask(a, publish5_1(1, "t", b"\xff", &[TEXT]), puback5(1, 0, &[]));
    bench.got5(heir, publish5("t", b"\xff", &[TEXT]));
}

#[test]
fn subscriptions_are_refused_each_with_its_code_and_one_string_for_all() {
    let (mut bench, _) = bench();
    let a = bench.client5("a", &[]);
    let filters = ["t", "denied/x", "a/long/name", "u", "v"].map(|name| sub5(name, 2));
    bench.send(a, subscribe5(1, &filters, &[]));
    let received = bench.received(a);
    let why = reason_string(&received).unwrap_or_default();
    assert!(!why.is_empty(), "{}", hex(&received));
    let codes = [2, 0x87, 0x8f, 2, 0x97];
    let expected = suback5(1, &codes, &[Property::ReasonString(&why)]);
    assert_eq!(hex(&received), hex(&expected));
    let size = u32::try_from(received.len()).unwrap();
    for (maximum, whole) in [(size, true), (size - 1, false)] {
        let b = bench.client5("b", &[maximum_packet_size(maximum)]);
        let answer = if whole { expected.clone() } else { suback5(1, &codes, &[]) };
        bench.ask(b, subscribe5(1, &filters, &[]), answer);
        let c = bench.client5("c", &[QUIET]);
        bench.ask(c, subscribe5(1, &filters, &[]), suback5(1, &codes, &[]));
    }
}

#[test]
fn a_refused_filter_alone_has_a_string_of_its_own() {
    let mut strings = Vec::new();
    for (filter, code) in [("denied/x", 0x87), ("a/long/name", 0x8f), ("w", 0x97)] {
        let (mut bench, _) = bench();
        let a = bench.client5("a", &[]);
        subscribed(&mut bench, a, &[sub5("t", 0), sub5("u", 0)]);
        bench.send(a, subscribe5(2, &[sub5(filter, 1)], &[]));
        let received = bench.received(a);
        let why = reason_string(&received).unwrap_or_default();
        let with = [Property::ReasonString(&why)];
        assert_eq!(hex(&received), hex(&suback5(2, &[code], &with)));
        strings.push(why);
    }
    strings.dedup();
    assert_eq!(strings.len(), 3, "{strings:?}");
}

#[test]
fn unsuback_says_of_each_filter_whether_there_was_a_subscription() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    subscribed(&mut bench, a, &[sub5("t", 0), sub5("$share/g/t", 0), sub5("u", 0)]);
    let filters = ["t", "none", "$share/g/t", "t", "$share/h/t", "u"];
    let codes = [0, 0x11, 0, 0x11, 0x11, 0];
    bench.ask(a, unsubscribe5(9, &filters, &[]), unsuback5(9, &codes, &[]));
    assert_eq!(bench.broker.router().subscriptions(), 0);
}

#[test]
fn identifiers_that_belong_to_nothing_are_said_to() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.ask(a, pubrel5(9, 0, &[]), "7003000992");
    bench.ask(a, pubrel5(9, 0x92, &[]), "7003000992");
    bench.ask(a, pubrec5(9, 0, &[]), "6203000992");
    // One that has failed needs no answer.
    bench.ask(a, pubrec5(9, 0x80, &[]), "");
    bench.ask(a, [puback5(9, 0, &[]), pubcomp5(9, 0, &[])], "");
    bench.is_open(a);
}

#[test]
fn the_program_ends_connections_with_the_code_that_fits() {
    let mut bench = Bench::new();
    let peers = ["a", "b", "c", "d", "e", "f"].map(|name| bench.client5(name, &[]));
    let [a, b, c, d, e, f] = peers;
    let old = bench.client("old");
    let (now, ids) = (ms(bench.now), peers.map(|peer| bench.id(peer)));
    bench.broker.disconnect(now, ids[0]);
    assert!(bench.broker.end_session(now, "b"));
    let moved = [Property::ServerReference("h:1"), user("k", "v")];
    let code = ReasonCode::UseAnotherServer;
    assert_eq!(bench.broker.disconnect_with(now, ids[2], code, &moved), Ok(()));
    let code = ReasonCode::ServerBusy;
    assert_eq!(bench.broker.disconnect_with(now, ids[3], code, &[]), Ok(()));
    bench.drive();
    bench.got5(a, farewell5(0x98, CloseReason::Requested));
    bench.got5(b, farewell5(0x98, CloseReason::Requested));
    bench.got5(c, disconnect5(0x9c, &moved));
    bench.got(d, disconnect5(0x89, &[]));
    let taker = bench.client5("e", &[]);
    bench.ended5(e, 0x8e, CloseReason::TakenOver);
    bench.quiet(&[f, old, taker]);
    bench.broker.shutdown(ms(bench.now));
    bench.drive();
    let why = [Property::ReasonString("the server is shutting down")];
    for peer in [f, taker] {
        bench.got5(peer, disconnect5(0x8b, &why));
    }
    bench.got(old, "");
    for peer in [a, b, c, d, f, taker, old] {
        bench.is_closed(peer, CloseReason::Requested);
    }
}

#[test]
fn a_program_cannot_end_a_connection_with_what_a_server_may_not_send() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let (now, id) = (ms(bench.now), bench.id(a));
    let not_disconnect = ReasonCode::NoSubscriptionExisted;
    for (code, with) in [
        (not_disconnect, &[][..]),
        (ReasonCode::DisconnectWithWillMessage, &[]),
        (ReasonCode::ServerBusy, &[Property::SessionExpiryInterval(5)]),
        (ReasonCode::ServerBusy, &[Property::ReasonString("a"), Property::ReasonString("b")]),
    ] {
        let done = bench.broker.disconnect_with(now, id, code, with);
        assert!(done.is_err(), "{code} {with:?}: {done:?}");
        bench.drive();
        bench.quiet(&[a]);
    }
}

#[test]
fn a_client_that_is_silent_is_told_of_its_keep_alive() {
    let mut bench = Bench::new();
    let a = bench.dial(connect5("a", &[], |connect| connect.keep_alive = 10));
    bench.connack5(a, false);
    bench.at(15_999);
    bench.quiet(&[a]);
    bench.at(16_000);
    bench.ended5(a, 0x8d, CloseReason::KeepAliveTimeout);
}

#[test]
fn a_disconnect_has_its_string_also_without_problem_information_where_it_fits() {
    for (properties, string) in [
        (vec![QUIET], true),
        (vec![maximum_packet_size(1000)], true),
        (vec![maximum_packet_size(20)], false),
    ] {
        let mut bench = Bench::new();
        let a = bench.client5("a", &properties);
        bench.send(a, connect5("a", &[], |_| ()));
        let whole = farewell5(0x82, ClientFault::SecondConnect);
        assert!(whole.len() > 20, "{}", hex(&whole));
        bench.got(a, if string { whole } else { disconnect5(0x82, &[]) });
        bench.is_closed(a, ClientFault::SecondConnect);
    }
}

#[test]
fn properties_of_the_programs_that_would_be_too_large_are_left_out_of_disconnect() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[maximum_packet_size(20)]);
    let (now, id) = (ms(bench.now), bench.id(a));
    let with = [Property::ReasonString("far too long for it"), user("key", "value")];
    assert_eq!(bench.broker.disconnect_with(now, id, ReasonCode::ServerBusy, &with), Ok(()));
    bench.drive();
    let received = bench.received(a);
    assert!(received.len() <= 20 && received[2] == 0x89, "{}", hex(&received));
    bench.is_closed(a, CloseReason::Requested);
}

#[test]
fn what_a_client_says_when_it_leaves_is_told() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.events();
    let with = [Property::ReasonString("enough"), user("k", "v")];
    bench.send(a, disconnect5(0x97, &with));
    bench.got(a, "");
    let (connection, client_id) = (bench.id(a), Some("a".into()));
    let reason = CloseReason::DisconnectedWith(ReasonCode::QuotaExceeded);
    let properties = mqtt_sansio::OwnedProperties::new(&with).unwrap();
    let event =
        mqtt_sansio::BrokerEvent::Disconnected { connection, client_id, reason, properties };
    assert_eq!(bench.events(), [event]);
}

#[test]
fn messages_of_the_program_are_routed_whatever_clients_may() {
    let (mut bench, heir) = bench();
    bench.publish(message("$SYS/x", "x", 0));
    bench.publish(message("a/long/name", "eleven byte", 0));
    bench.got5(heir, publish5("a/long/name", "eleven byte", &[]));
}
