//! CONNECT and CONNACK, sections 3.1 and 3.2; DISCONNECT, section 3.14.

use mqtt_sansio::{ClientFault, CloseReason, Message, QoS, ReasonCode, Violation};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{
    DISCONNECT, PINGREQ, PINGRESP, connect, connect_with_will, publish, publish1, retained, suback,
    subscribe, will,
};

/// A broker with a client that has subscribed to "w" at QoS 2, where the wills go.
pub(super) fn with_heir() -> (Bench, Peer) {
    let (mut bench, [heir]) = Bench::with_clients(["heir"]);
    bench.ask(heir, subscribe(1, &[("w", 2)]), suback(1, &[2]));
    (bench, heir)
}

#[test]
fn mqtt_3_1_0_2_a_second_connect_closes_the_connection() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.send(a, connect("a", |_| ()));
    assert_eq!(bench.closed_silently(a), ClientFault::SecondConnect.into());
    bench.quiet(&[b]);
}

#[test]
fn mqtt_3_1_2_1_a_wrong_protocol_name_closes_without_connack() {
    for name in ["4d515454 58", "6d717474", "4d514973 6471", "4854545020"] {
        let mut bench = Bench::new();
        let length = name.replace(' ', "").len() / 2;
        let hex = format!("10 {:02x} {length:04x} {name} 04 02 0000 0001 61", length + 9);
        let a = bench.dial(&*hex);
        let reason = bench.closed_silently(a);
        let CloseReason::ClientFault(ClientFault::Decode(error)) = reason else {
            panic!("{name}: {reason}");
        };
        assert_eq!(error.violation(), Violation::UnknownProtocolName, "{name}");
    }
}

#[test]
fn mqtt_3_1_2_2_an_unsupported_level_gets_connack_1_and_is_closed() {
    for level in ["00", "01", "02", "03", "06", "07", "7f", "83", "84", "ff"] {
        let mut bench = Bench::new();
        let a = bench.dial(&*format!("100d 0004 4d515454 {level} 02 0000 0001 61"));
        bench.got(a, "2002 00 01");
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{level}");
    }
}

#[test]
fn mqtt_3_1_2_3_a_reserved_connect_flag_closes_the_connection() {
    let mut bench = Bench::new();
    let a = bench.dial("100d 0004 4d515454 04 03 0000 0001 61");
    assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)));
}

#[test]
fn mqtt_3_1_2_4_a_session_without_clean_session_is_kept_and_resumed() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(a);
    let a = bench.stayer("a", true);
    bench.publish(Message::new("t", "x").unwrap());
    bench.got(a, publish("t", "x"));
}

#[test]
fn mqtt_3_1_2_5_qos_1_and_2_are_stored_for_a_client_that_is_away() {
    let (mut bench, [b]) = Bench::with_clients(["b"]);
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.send(a, DISCONNECT);
    bench.ask(b, publish1(1, "t", "one"), "40020001");
    bench.ask(b, "3408 0001 74 0002 74776f", "50020002");
    bench.ask(b, "62020002", "70020002");
    bench.send(b, publish1(3, "other", "not subscribed to"));
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  3208 0001 74 0001 6f6e65  3408 0001 74 0002 74776f");
}

#[test]
fn mqtt_3_1_2_6_a_clean_session_ends_the_old_one_and_itself_with_its_connection() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.send(a, DISCONNECT);
    bench.publish(Message::new("t", "never seen").unwrap());
    let a = bench.client("a");
    let mut message = Message::new("t", "x").unwrap();
    message.qos = QoS::AtLeastOnce;
    bench.publish(message.clone());
    bench.quiet(&[a]);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(a);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (0, 0));
    bench.publish(message);
    let a = bench.stayer("a", false);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_3_1_2_7_retained_messages_survive_the_session_that_published_them() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.send(a, retained(publish("t", "x")));
    bench.send(a, DISCONNECT);
    bench.ask(b, subscribe(1, &[("t", 0)]), [suback(1, &[0]), retained(publish("t", "x"))]);
}

#[test]
fn mqtt_3_1_2_8_the_will_is_published_when_the_connection_ends_without_disconnect() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect_with_will("a", "gone", 0));
    bench.quiet(&[heir]);
    bench.lose(a);
    bench.got(heir, publish("w", "gone"));
    // A CONNECT that is not accepted leaves no will.
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let b = bench.dial(connect_with_will("b", "never here", 0));
    bench.got(b, "20020005");
    bench.quiet(&[heir]);
}

#[test]
fn mqtt_3_1_2_10_a_will_is_gone_once_published_or_after_disconnect() {
    let (mut bench, heir) = with_heir();
    let stay_with_will = |connect: &mut mqtt_sansio::Connect<'_>| {
        connect.clean_start = false;
        connect.will = Some(will("gone", 0));
    };
    for ending in ["lost", "disconnect"] {
        let a = bench.dial(connect("a", stay_with_will));
        if ending == "lost" {
            bench.lose(a);
            bench.got(heir, publish("w", "gone"));
        } else {
            bench.send(a, DISCONNECT);
        }
        // The session goes on without a will.
        let a = bench.stayer("a", true);
        bench.lose(a);
        bench.quiet(&[heir]);
    }
}

#[test]
fn mqtt_3_1_2_12_without_will_flag_nothing_is_published_at_the_end() {
    let (mut bench, heir) = with_heir();
    bench.ask(heir, subscribe(2, &[("#", 0)]), suback(2, &[0]));
    let a = bench.client("a");
    bench.lose(a);
    bench.quiet(&[heir]);
}

#[test]
fn mqtt_3_1_2_16_a_will_without_retain_is_not_retained() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect_with_will("a", "gone", 1));
    bench.lose(a);
    bench.got(heir, publish1(1, "w", "gone"));
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn mqtt_3_1_2_17_a_will_with_retain_is_retained() {
    let (mut bench, heir) = with_heir();
    let with_retain = mqtt_sansio::Will { retain: true, ..will("gone", 1) };
    let a = bench.dial(connect("a", |connect| connect.will = Some(with_retain)));
    bench.lose(a);
    bench.got(heir, publish1(1, "w", "gone"));
    let late = bench.client("late");
    let will = retained(publish1(1, "w", "gone"));
    bench.ask(late, subscribe(1, &[("w", 2)]), [suback(1, &[2]), will]);
}

#[test]
fn mqtt_3_1_2_24_silence_for_one_and_a_half_keep_alives_ends_the_connection_and_sends_the_will() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect("a", |connect| {
        connect.keep_alive = 10;
        connect.will = Some(will("gone", 0));
    }));
    bench.got(a, "20020000");
    bench.at(15_999);
    bench.quiet(&[a, heir]);
    bench.ask(a, PINGREQ, PINGRESP);
    bench.at(16_000);
    bench.at(15_999 + 14_999);
    bench.quiet(&[a, heir]);
    bench.at(15_999 + 15_000);
    assert_eq!(bench.closed_silently(a), CloseReason::KeepAliveTimeout);
    bench.got(heir, publish("w", "gone"));
}

#[test]
fn mqtt_3_1_3_2_the_client_id_tells_whose_session_it_is() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.send(a, DISCONNECT);
    let others = ["A", "a ", "aa", "ä"].map(|name| bench.stayer(name, false));
    let a = bench.stayer("a", true);
    bench.publish(Message::new("t", "x").unwrap());
    bench.got(a, publish("t", "x"));
    bench.quiet(&others);
}

#[test]
fn mqtt_3_1_3_5_client_ids_of_1_to_23_letters_and_digits_are_accepted() {
    let mut bench = Bench::new();
    let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let names = (0..all.len()).flat_map(|at| {
        (1..=23).filter_map(move |length| all.get(at..at + length)).filter(move |name| {
            // Each length once, and each character once.
            at == 0 || name.len() == 1 || name.len() == 23
        })
    });
    for name in names {
        bench.client(name);
    }
    assert!(bench.broker.statistics().clients_connected > 100);
}

#[test]
fn mqtt_3_1_3_6_an_empty_client_id_is_replaced_by_one_of_its_own() {
    let mut bench = Bench::new();
    let taken = bench.stayer("auto-1", false);
    let [a, b] = [bench.client(""), bench.client("")];
    let names: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            mqtt_sansio::BrokerEvent::Connected { client_id, .. } => Some(client_id),
            _ => None,
        })
        .collect();
    assert_eq!(names.len(), 3);
    assert!(names[0] != names[1] && names[1] != names[2] && names[2] != names[0], "{names:?}");
    assert!(names.iter().all(|name| !name.is_empty()), "{names:?}");
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.publish(Message::new("t", "x").unwrap());
    bench.got(a, publish("t", "x"));
    bench.quiet(&[taken, a, b]);
    bench.send(a, DISCONNECT);
    bench.lose(b);
    assert_eq!(bench.broker.sessions(), 1);
}

#[test]
fn mqtt_3_1_3_8_an_empty_client_id_without_clean_session_gets_connack_2() {
    let mut bench = Bench::new();
    let a = bench.dial("100c 0004 4d515454 04 00 0000 0000");
    bench.got(a, "2002 00 02");
    assert!(matches!(
        bench.closed_silently(a),
        CloseReason::ClientFault(ClientFault::ClientIdentifier(_))
    ));
    assert_eq!(bench.broker.sessions(), 0);
}

#[test]
fn mqtt_3_1_3_9_a_rejected_client_id_gets_connack_2() {
    let mut bench = Bench::new();
    bench.answer_with(|request| match &*request.client_id {
        "good" => Answer::Accept(mqtt_sansio::Permissions::all()),
        _ => Answer::Refuse(ReasonCode::ClientIdentifierNotValid),
    });
    bench.client("good");
    let bad = bench.dial(connect("bad", |_| ()));
    bench.got(bad, "2002 00 02");
    bench.is_closed(bad, CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
}

#[test]
fn mqtt_3_1_4_1_a_connect_that_breaks_the_rules_is_closed_without_connack() {
    for (what, hex) in [
        ("a cut client identifier", "100d 0004 4d515454 04 02 0000 0002 61"),
        ("a byte too many", "100e 0004 4d515454 04 02 0000 0001 61 00"),
        ("will QoS 3", "1013 0004 4d515454 04 1e 0000 0001 61 0001 77 0001 78"),
        ("will QoS without a will", "100d 0004 4d515454 04 0a 0000 0001 61"),
        ("a password without user name", "1010 0004 4d515454 04 42 0000 0001 61 0001 70"),
        ("ill-formed UTF-8", "100d 0004 4d515454 04 02 0000 0001 ff"),
        ("a NUL", "100d 0004 4d515454 04 02 0000 0001 00"),
        ("flags of the fixed header", "110d 0004 4d515454 04 02 0000 0001 61"),
    ] {
        let mut bench = Bench::new();
        let a = bench.dial(hex);
        let reason = bench.closed_silently(a);
        assert!(matches!(reason, CloseReason::ClientFault(_)), "{what}: {reason}");
        assert_eq!(bench.broker.sessions(), 0, "{what}");
    }
}

#[test]
fn mqtt_3_1_4_2_the_same_client_id_closes_the_older_connection() {
    let (mut bench, heir) = with_heir();
    let old = bench.dial(connect_with_will("a", "gone", 0));
    bench.got(old, "20020000");
    let new = bench.client("a");
    assert_eq!(bench.closed_silently(old), CloseReason::TakenOver);
    bench.got(heir, publish("w", "gone"));
    bench.ask(new, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.publish(Message::new("t", "x").unwrap());
    bench.got(new, publish("t", "x"));
}

#[test]
fn mqtt_3_1_4_3_clean_session_is_looked_at_only_once_the_client_is_accepted() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.answer_with(|_| Answer::Refuse(ReasonCode::BadUserNameOrPassword));
    let thief = bench.dial(connect("a", |_| ()));
    bench.got(thief, "2002 00 04");
    bench.quiet(&[a]);
    assert_eq!(bench.broker.sessions(), 1);
    bench.answer_with(|_| Answer::Accept(mqtt_sansio::Permissions::all()));
    let new = bench.client("a");
    bench.is_closed(a, CloseReason::TakenOver);
    bench.quiet(&[new]);
}

#[test]
fn mqtt_3_1_4_4_an_accepted_connect_gets_connack_0() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect("a", |_| ()));
    bench.quiet(&[a]);
    bench.broker.accept(crate::bench::ms(1000), bench.id(a), mqtt_sansio::Permissions::all());
    bench.drive();
    bench.got(a, "2002 00 00");
    bench.is_open(a);
}

#[test]
fn mqtt_3_1_4_5_what_follows_a_rejected_connect_is_ignored() {
    let (mut bench, heir) = with_heir();
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let a = bench.dial([connect("a", |_| ()), retained(publish("w", "in the same read"))]);
    bench.got(a, "2002 00 05");
    let b = bench.open();
    bench.stall(b);
    bench.send(b, connect("b", |_| ()));
    bench.send(b, retained(publish("w", "before CONNACK is out")));
    bench.resume(b);
    bench.got(b, "2002 00 05");
    bench.send(b, retained(publish("w", "after the close")));
    bench.quiet(&[heir]);
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn mqtt_3_2_0_1_connack_is_the_first_packet() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let early =
        [connect("a", |_| ()), subscribe(7, &[("t", 0)]), publish1(8, "t", "own"), vec![0xC0, 0]];
    let a = bench.dial(early);
    bench.quiet(&[a]);
    bench.broker.accept(crate::bench::ms(1000), bench.id(a), mqtt_sansio::Permissions::all());
    bench.drive();
    bench.got(a, "20020000  90030007 00  40020008  d000  3006 0001 74 6f776e");
    // Also for a session to which something is waiting.
    bench.answer_with(|_| Answer::Accept(mqtt_sansio::Permissions::all()));
    let b = bench.stayer("b", false);
    bench.ask(b, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(b);
    bench.send(a, publish1(9, "t", "x"));
    let b = bench.dial(connect("b", |connect| connect.clean_start = false));
    bench.got(b, "20020100  3206 0001 74 0001 78");
}

#[test]
fn mqtt_3_2_2_1_a_clean_session_has_no_session_present() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.send(a, DISCONNECT);
    let a = bench.dial(connect("a", |_| ()));
    bench.got(a, "2002 00 00");
    let a = bench.dial(connect("a", |_| ()));
    bench.got(a, "2002 00 00");
}

#[test]
fn mqtt_3_2_2_2_a_stored_session_has_session_present() {
    let mut bench = Bench::new();
    let a = bench.dial("100d 0004 4d515454 04 00 0000 0001 61");
    bench.got(a, "2002 00 00");
    bench.lose(a);
    let a = bench.dial("100d 0004 4d515454 04 00 0000 0001 61");
    bench.got(a, "2002 01 00");
    // Taken over while it is connected too.
    let a = bench.dial("100d 0004 4d515454 04 00 0000 0001 61");
    bench.got(a, "2002 01 00");
    bench.is_open(a);
}

#[test]
fn mqtt_3_2_2_3_a_new_session_has_no_session_present() {
    let mut bench = Bench::new();
    let a = bench.dial("100d 0004 4d515454 04 00 0000 0001 61");
    bench.got(a, "2002 00 00");
    // After a clean one of the same client too.
    let b = bench.client("b");
    bench.lose(b);
    let b = bench.dial("100d 0004 4d515454 04 00 0000 0001 62");
    bench.got(b, "2002 00 00");
}

#[test]
fn mqtt_3_2_2_4_a_refusal_has_no_session_present_even_where_there_is_one() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.send(a, DISCONNECT);
    bench.answer_with(|_| Answer::Refuse(ReasonCode::ServerUnavailable));
    let a = bench.dial("100d 0004 4d515454 04 00 0000 0001 61");
    bench.got(a, "2002 00 03");
}

#[test]
fn mqtt_3_2_2_5_a_refusal_closes_the_connection_once_it_is_out() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let a = bench.open();
    bench.stall(a);
    bench.send(a, connect("a", |_| ()));
    assert_eq!(bench.received(a), b"");
    bench.resume(a);
    bench.got(a, "2002 00 05");
    bench.is_closed(a, CloseReason::Refused(ReasonCode::NotAuthorized));
}

#[test]
fn mqtt_3_2_2_6_a_refusal_without_return_code_closes_without_connack() {
    for code in [ReasonCode::Banned, ReasonCode::QuotaExceeded, ReasonCode::ServerBusy] {
        let mut bench = Bench::new();
        bench.answer_with(move |_| Answer::Refuse(code));
        let a = bench.dial(connect("a", |_| ()));
        assert_eq!(bench.closed_silently(a), CloseReason::Refused(code));
    }
}

#[test]
fn mqtt_3_14_1_1_reserved_flags_of_disconnect_close_as_a_fault() {
    for first in 1..16 {
        let (mut bench, heir) = with_heir();
        let a = bench.dial(connect_with_will("a", "gone", 0));
        bench.got(a, "20020000");
        bench.send(a, vec![0xE0 | first, 0]);
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{first}");
        bench.got(heir, publish("w", "gone"));
    }
}

#[test]
fn mqtt_3_14_4_3_disconnect_drops_the_will() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect_with_will("a", "gone", 2));
    bench.ask(a, DISCONNECT, "20020000");
    bench.is_closed(a, CloseReason::Disconnected);
    bench.quiet(&[heir]);
    assert_eq!(bench.broker.statistics().clients_connected, 1);
}
