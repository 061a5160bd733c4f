//! What 3.1 asks of a server otherwise than 3.1.1: one test for each row that differs.

use mqtt_sansio::{
    Access, ClientFault, CloseReason, Filter, Message, Permissions, QoS, Version, Violation,
};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{
    PINGREQ, PINGRESP, connect, pubcomp, publish, publish1, publish2, pubrec, pubrel, retained,
    suback, subscribe, unsuback, unsubscribe, will,
};

/// A connected client of 3.1, with a clean session or one that stays.
#[track_caller]
fn old_client(bench: &mut Bench, name: &str, clean: bool) -> Peer {
    let peer = bench.dial(connect(name, |connect| {
        connect.version = Version::V3_1;
        connect.clean_start = clean;
    }));
    bench.got(peer, "20020000");
    peer
}

/// CONNECT of 3.1 with these flags, and what follows the client identifier "a".
fn raw(flags: u8, rest: &[u8]) -> Vec<u8> {
    let body = [b"\0\x06MQIsdp\x03", &[flags, 0, 0, 0, 1, b'a'][..], rest].concat();
    [&[0x10, u8::try_from(body.len()).unwrap()][..], &body].concat()
}

#[track_caller]
fn violation(reason: CloseReason) -> Violation {
    match reason {
        CloseReason::ClientFault(ClientFault::Decode(error)) => error.violation(),
        _ => panic!("{reason}"),
    }
}

#[test]
fn the_name_is_mqisdp_at_level_3() {
    let mut bench = Bench::new();
    let a = bench.dial("100f 0006 4d5149736470 03 02 0000 0001 61");
    bench.got(a, "20020000");
    bench.ask(a, PINGREQ, PINGRESP);
    let b = bench.dial("100f 0006 4d5149736471 03 02 0000 0001 61");
    assert_eq!(violation(bench.closed_silently(b)), Violation::UnknownProtocolName);
}

#[test]
fn client_ids_have_1_to_23_characters_where_the_configuration_says_so() {
    let mut bench = Bench::with(|config| config.session.handshake.accept_long_client_ids = false);
    // Characters, not bytes.
    for name in ["x", "12345678901234567890123", &"é".repeat(23)] {
        old_client(&mut bench, name, true);
    }
    let a = bench.dial(connect("123456789012345678901234", |connect| {
        connect.version = Version::V3_1;
    }));
    bench.got(a, "2002 00 02");
    bench.is_closed(a, ClientFault::ClientIdentifier(Version::V3_1));
    // 3.1.1 knows no such limit.
    bench.client("123456789012345678901234");
}

#[test]
fn longer_client_ids_are_accepted_by_default() {
    let mut bench = Bench::new();
    old_client(&mut bench, "123456789012345678901234", false);
    old_client(&mut bench, &"x".repeat(60_000), true);
}

#[test]
fn an_empty_client_id_gets_connack_2_with_a_clean_session_too() {
    for flags in ["00", "02"] {
        for accept_long in [true, false] {
            let mut bench = Bench::with(|config| {
                config.session.handshake.accept_long_client_ids = accept_long;
            });
            let a = bench.dial(&*format!("100e 0006 4d5149736470 03 {flags} 0000 0000"));
            bench.got(a, "2002 00 02");
            bench.is_closed(a, ClientFault::ClientIdentifier(Version::V3_1));
        }
    }
}

#[test]
fn connack_says_nothing_of_a_session() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(a);
    let a = old_client(&mut bench, "a", false);
    bench.publish(Message::new("t", "still subscribed").unwrap());
    bench.got(a, publish("t", "still subscribed"));
    bench.lose(a);
    // The same session, by a client of 3.1.1.
    bench.stayer("a", true);
}

#[test]
fn suback_has_no_failure_and_what_is_refused_is_not_delivered() {
    let mut bench = Bench::with(|config| config.router.max_subscriptions = 2);
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, secret))
    });
    let a = old_client(&mut bench, "a", true);
    let filters = [("t", 2), ("secret/x", 2), ("u", 1), ("v", 2)];
    // Not permitted, and one too many: both look like QoS 0.
    bench.ask(a, subscribe(1, &filters), "9006 0001 02 00 01 00");
    for name in ["secret/x", "v"] {
        bench.publish(Message::new(name, "x").unwrap());
    }
    bench.quiet(&[a]);
    assert_eq!(bench.broker.router().subscriptions(), 2);
    // 3.1.1 is told.
    let b = bench.client("b");
    bench.ask(b, subscribe(1, &[("secret/x", 2)]), "9003 0001 80");
}

#[test]
fn a_publish_without_permission_is_acknowledged_as_usual() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Accept(Permissions::none()));
    let a = old_client(&mut bench, "a", true);
    bench.ask(a, publish1(1, "t", "x"), "40020001");
    bench.ask(a, publish2(2, "t", "x"), pubrec(2));
    bench.ask(a, pubrel(2), pubcomp(2));
    assert_eq!(bench.broker.statistics().publish_rejected, 2);
}

#[test]
fn header_flags_outside_publish_are_not_looked_at() {
    let mut bench = Bench::new();
    let mut hello = connect("a", |connect| connect.version = Version::V3_1);
    hello[0] = 0x1F;
    let a = bench.dial(hello);
    bench.got(a, "20020000");
    for low in 0..16 {
        bench.ask(a, vec![0x80 | low, 6, 0, 1, 0, 1, b't', 1], suback(1, &[1]));
        bench.ask(a, vec![0xA0 | low, 5, 0, 1, 0, 1, b't'], unsuback(1));
        bench.ask(a, vec![0x60 | low, 2, 0, 1], pubcomp(1));
        bench.ask(a, vec![0xC0 | low, 0], PINGRESP);
        for acknowledgement in [0x40, 0x70] {
            bench.ask(a, vec![acknowledgement | low, 2, 0, 1], "");
        }
        bench.ask(a, vec![0x50 | low, 2, 0, 1], pubrel(1));
    }
    bench.is_open(a);
    bench.send(a, "ef00");
    bench.is_closed(a, CloseReason::Disconnected);
}

#[test]
fn retries_inside_a_connection_are_answered_each_time() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", true);
    let b = bench.client("b");
    bench.ask(b, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.ask(a, "8206 0001 0001 73 01", "9003 0001 01");
    bench.ask(a, "8a06 0001 0001 73 01", "9003 0001 01");
    bench.ask(a, publish2(2, "t", "x"), pubrec(2));
    bench.ask(a, "3c06 0001 74 0002 78", "5002 0002");
    bench.ask(a, pubrel(2), pubcomp(2));
    bench.ask(a, "6a02 0002", "7002 0002");
    bench.got(b, publish("t", "x"));
    bench.ask(a, unsubscribe(3, &["s"]), unsuback(3));
    bench.ask(a, "aa05 0003 0001 73", "b002 0003");
    // QoS 1 may be published again.
    bench.ask(a, publish1(4, "t", "y"), "40020004");
    bench.ask(a, "3a06 0001 74 0004 79", "40020004");
    bench.got(b, [publish("t", "y"), publish("t", "y")]);
}

#[test]
fn the_server_itself_sends_nothing_again_on_one_connection() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    let mut message = Message::new("t", "x").unwrap();
    message.qos = QoS::AtLeastOnce;
    bench.publish(message);
    bench.got(a, publish1(1, "t", "x"));
    bench.at(1_000_000);
    bench.quiet(&[a]);
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| {
        connect.version = Version::V3_1;
        connect.clean_start = false;
    }));
    bench.got(a, "20020000  3a06 0001 74 0001 78");
}

#[test]
fn dup_at_qos_0_is_accepted_and_not_passed_on() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", true);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.ask(a, "3804 0001 74 78", "3004 0001 74 78");
}

#[test]
fn connect_flag_bit_0_and_will_bits_without_a_will_are_not_looked_at() {
    for flags in [0x01, 0x03, 0x08, 0x10, 0x20, 0x18, 0x3B] {
        let mut bench = Bench::new();
        let a = bench.dial(raw(flags, b""));
        bench.got(a, "20020000");
        bench.lose(a);
        assert_eq!(bench.broker.statistics().publish_rejected, 0);
    }
}

#[test]
fn a_flag_without_its_field_says_that_it_is_absent() {
    for (flags, rest, user_name) in
        [(0x82, &b""[..], None), (0xC2, b"", None), (0xC2, b"\0\x01u", Some("u"))]
    {
        let mut bench = Bench::new();
        bench.answer_with(move |request| {
            assert_eq!((request.user_name.as_deref(), &request.password), (user_name, &None));
            Answer::Accept(Permissions::all())
        });
        let a = bench.dial(raw(flags, rest));
        bench.got(a, "20020000");
    }
    // A field that begins must be whole.
    let mut bench = Bench::new();
    let a = bench.dial(raw(0x82, b"\0\x02u"));
    assert_eq!(violation(bench.closed_silently(a)), Violation::Truncated);
}

#[test]
fn a_password_without_user_name_is_closed() {
    let mut bench = Bench::new();
    let a = bench.dial(raw(0x42, b"\0\x01p"));
    assert_eq!(violation(bench.closed_silently(a)), Violation::PasswordWithoutUserName);
}

#[test]
fn an_empty_will_message_is_published() {
    let mut bench = Bench::new();
    let heir = bench.client("heir");
    bench.ask(heir, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    let a = bench.dial(raw(0x06, b"\0\x01w\0\0"));
    bench.got(a, "20020000");
    bench.lose(a);
    bench.got(heir, publish("w", ""));
}

#[test]
fn at_the_end_of_its_keep_alive_the_will_is_published_as_in_3_1_1() {
    let mut bench = Bench::new();
    let heir = old_client(&mut bench, "heir", true);
    bench.ask(heir, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    let a = bench.dial(connect("a", |connect| {
        connect.version = Version::V3_1;
        connect.keep_alive = 2;
        connect.will = Some(will("gone", 0));
    }));
    bench.at(3999);
    bench.quiet(&[heir]);
    bench.at(4000);
    bench.got(heir, publish("w", "gone"));
    bench.is_closed(a, CloseReason::KeepAliveTimeout);
    let b = bench.dial(connect("b", |connect| {
        connect.version = Version::V3_1;
        connect.will = Some(will("gone", 0));
    }));
    bench.send(b, "e000");
    bench.quiet(&[heir]);
}

#[test]
fn the_same_client_id_closes_the_older_client_first() {
    let mut bench = Bench::new();
    let old = old_client(&mut bench, "a", true);
    let new = bench.dial(connect("a", |connect| connect.version = Version::V3_1));
    bench.is_closed(old, CloseReason::TakenOver);
    bench.got(new, "20020000");
}

#[test]
fn retained_messages_are_as_in_3_1_1() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", true);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.ask(a, "3104 0001 74 78", "3004 0001 74 78");
    let answer = [suback(2, &[0]), retained(publish("t", "x"))];
    bench.ask(a, subscribe(2, &[("t", 0)]), answer);
    bench.ask(a, "3103 0001 74", "3003 0001 74");
    bench.ask(a, subscribe(3, &[("t", 0)]), suback(3, &[0]));
}

#[test]
fn the_upper_bits_of_a_requested_qos_are_not_looked_at_but_qos_3_is_closed() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", true);
    for options in (0..=255_u8).filter(|options| options & 3 != 3) {
        bench.ask(a, vec![0x82, 6, 0, 1, 0, 1, b't', options], suback(1, &[options & 3]));
    }
    bench.send(a, "8206 0001 0001 74 03");
    assert_eq!(violation(bench.closed_silently(a)), Violation::QoS3);
}

#[test]
fn subscribe_and_unsubscribe_without_filters_are_closed() {
    for hex in ["8202 0001", "a202 0001"] {
        let mut bench = Bench::new();
        let a = old_client(&mut bench, "a", true);
        bench.send(a, hex);
        assert_eq!(violation(bench.closed_silently(a)), Violation::NoTopicFilters, "{hex}");
    }
}

#[test]
fn strings_are_checked_as_in_3_1_1() {
    // U+0000, also as Java writes it, and a surrogate.
    for text in [&b"\0"[..], b"\xC0\x80", b"\xED\xA0\x80"] {
        let mut bench = Bench::new();
        let a = old_client(&mut bench, "a", true);
        let body = [&[0, u8::try_from(text.len()).unwrap()][..], text].concat();
        bench.send(a, [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat());
        violation(bench.closed_silently(a));
    }
}

#[test]
fn a_second_connect_is_closed_as_in_3_1_1() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", true);
    bench.send(a, connect("a", |connect| connect.version = Version::V3_1));
    assert_eq!(bench.closed_silently(a), ClientFault::SecondConnect.into());
}

#[test]
fn qos_0_is_never_stored_for_a_client_that_is_away() {
    let mut bench = Bench::new();
    let a = old_client(&mut bench, "a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.send(a, "e000");
    for (payload, qos) in [("0", 0), ("1", 1), ("2", 2)] {
        let mut message = Message::new("t", payload).unwrap();
        message.qos = QoS::try_from(qos).unwrap();
        bench.publish(message);
    }
    let a = bench.dial(connect("a", |connect| {
        connect.version = Version::V3_1;
        connect.clean_start = false;
    }));
    bench.got(a, [vec![0x20, 2, 0, 0], publish1(1, "t", "1"), publish2(2, "t", "2")]);
}
