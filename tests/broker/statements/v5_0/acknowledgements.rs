//! PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7; the exchanges they belong to, section 4.3.

use mqtt_sansio::{
    Access, ClientFault, Filter, Packet, PacketId, PacketType, Permissions, Property,
};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{PINGREQ, dup};
use crate::wire5::{
    maximum_packet_size, message5, packet5, payloads5, puback5, pubcomp5, publish5, publish5_1,
    publish5_2, published5, pubrec5, pubrel5, receive_maximum, sub5, user,
};

/// A broker where nobody may publish under "secret/".
fn with_secret() -> Bench {
    let mut bench = Bench::new();
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Publish, secret))
    });
    bench
}

/// The Reason String and the User Properties of the one packet that these bytes are.
fn explained(bytes: &[u8]) -> (Option<String>, usize) {
    let properties = match packet5(bytes) {
        Packet::PubAck(ack) | Packet::PubRec(ack) => ack.properties,
        other => panic!("{other}"),
    };
    let text = properties.iter().find_map(|property| match property {
        Property::ReasonString(text) => Some(text.to_owned()),
        _ => None,
    });
    (text, properties.user_properties().count())
}

/// That request is refused with a Reason String, which is left out just where the answer would be larger
/// than the client's Maximum Packet Size.
#[track_caller]
fn leaves_out_the_reason_string(request: &[u8], short: &[u8]) {
    let mut bench = with_secret();
    let a = bench.client5("a", &[]);
    bench.send(a, request);
    let long = bench.received(a);
    let (text, _) = explained(&long);
    assert!(text.is_some_and(|text| !text.is_empty()), "{long:02x?}");
    let size = u32::try_from(long.len()).unwrap();
    let b = bench.client5("b", &[maximum_packet_size(size)]);
    bench.ask(b, request, long);
    let c = bench.client5("c", &[maximum_packet_size(size - 1)]);
    bench.ask(c, request, short);
    bench.quiet(&[b, c]);
}

/// The answer to that request has no User Properties, whatever the request has.
#[track_caller]
fn has_no_user_properties(request: &[u8], code: u8) {
    let mut bench = with_secret();
    let a = bench.client5("a", &[]);
    bench.send(a, request);
    let answer = bench.received(a);
    assert_eq!((answer[4], explained(&answer).1), (code, 0), "{answer:02x?}");
}

#[test]
fn mqtt_3_4_2_2_puback_leaves_out_a_reason_string_that_is_too_much() {
    leaves_out_the_reason_string(&publish5_1(7, "secret/1", "x", &[]), &puback5(7, 0x87, &[]));
}

#[test]
fn mqtt_3_4_2_3_puback_has_no_user_properties() {
    let request = publish5_1(7, "secret/1", "x", &[user("k", "v")]);
    has_no_user_properties(&request, 0x87);
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.ask(a, publish5_1(7, "t", "x", &[user("k", "v")]), "4003 0007 10");
}

#[test]
fn mqtt_3_5_2_2_pubrec_leaves_out_a_reason_string_that_is_too_much() {
    leaves_out_the_reason_string(&publish5_2(7, "secret/1", "x", &[]), &pubrec5(7, 0x87, &[]));
}

#[test]
fn mqtt_3_5_2_3_pubrec_has_no_user_properties() {
    let request = publish5_2(7, "secret/1", "x", &[user("k", "v")]);
    has_no_user_properties(&request, 0x87);
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.ask(a, publish5_2(7, "t", "x", &[user("k", "v")]), "5003 0007 10");
}

/// A client with this message sent to it and not acknowledged.
fn with_sent(qos: u8) -> (Bench, Peer) {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.publish(message5("t", "x", qos, &[user("k", "v")]));
    assert_eq!(payloads5(&bench.received(a)), ["x"]);
    (bench, a)
}

#[test]
fn mqtt_3_6_2_2_pubrel_has_no_reason_string() {
    let (mut bench, a) = with_sent(2);
    bench.ask(a, pubrec5(1, 0, &[Property::ReasonString("taken")]), "6202 0001");
    bench.ask(a, pubrec5(9, 0, &[Property::ReasonString("taken")]), "6203 0009 92");
}

#[test]
fn mqtt_3_6_2_3_pubrel_has_no_user_properties() {
    let (mut bench, a) = with_sent(2);
    bench.ask(a, pubrec5(1, 0, &[user("k", "v")]), "6202 0001");
    bench.ask(a, pubrec5(9, 0, &[user("k", "v")]), "6203 0009 92");
}

#[test]
fn mqtt_3_7_2_2_pubcomp_has_no_reason_string() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.ask(a, publish5_2(1, "t", "x", &[]), "5003 0001 10");
    bench.ask(a, pubrel5(1, 0, &[Property::ReasonString("done")]), "7002 0001");
    bench.ask(a, pubrel5(1, 0x92, &[Property::ReasonString("done")]), "7003 0001 92");
}

#[test]
fn mqtt_3_7_2_3_pubcomp_has_no_user_properties() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.ask(a, publish5_2(1, "t", "x", &[user("k", "v")]), "5003 0001 10");
    bench.ask(a, pubrel5(1, 0, &[user("k", "v")]), "7002 0001");
    bench.ask(a, pubrel5(1, 0, &[user("k", "v")]), "7003 0001 92");
}

#[test]
fn acknowledgements_are_understood_in_all_their_forms() {
    let puback = ["4002 0001", "4003 0001 00", "4004 0001 00 00", "4004 0001 80 00"];
    let with_properties = ["400d 0001 00 09 1f 0000 26 0000 0001 61", "4003 0001 80"];
    for answer in puback.into_iter().chain(with_properties) {
        let mut bench = Bench::new();
        let a = bench.client5("a", &[receive_maximum(1)]);
        bench.subscribed5(a, &[sub5("t", 1)]);
        bench.publish(message5("t", "first", 1, &[]));
        bench.publish(message5("t", "second", 1, &[]));
        bench.got(a, publish5_1(1, "t", "first", &[]));
        bench.ask(a, answer, publish5_1(2, "t", "second", &[]));
    }
    for [pubrec, pubcomp] in [
        ["5002 0001", "7002 0001"],
        ["5003 0001 00", "7003 0001 00"],
        ["5003 0001 00", "7003 0001 92"],
        ["5004 0001 00 00", "7004 0001 00 00"],
        ["5008 0001 00 04 1f 0001 61", "700b 0001 00 07 26 0001 61 0001 62"],
    ] {
        let (mut bench, a) = with_sent(2);
        bench.ask(a, pubrec, "6202 0001");
        bench.ask(a, pubcomp, "");
        assert_eq!(bench.broker.statistics().client_faults, 0);
        bench.quiet(&[a]);
    }
    for pubrel in ["6202 0001", "6203 0001 00", "6204 0001 00 00"] {
        let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
        bench.subscribed5(b, &[sub5("t", 0)]);
        bench.ask(a, publish5_2(1, "t", "x", &[]), "5002 0001");
        bench.ask(a, pubrel, "7002 0001");
        bench.got(b, publish5("t", "x", &[]));
    }
}

#[test]
fn a_code_of_an_error_ends_the_exchange_and_not_the_connection() {
    let mut bench = with_secret();
    let a = bench.client5("a", &[]);
    bench.send(a, publish5_1(1, "secret/1", "x", &[]));
    bench.send(a, publish5_2(2, "secret/1", "x", &[]));
    bench.received(a);
    bench.ask(a, pubrel5(2, 0, &[]), pubcomp5(2, 0x92, &[]));
    bench.subscribed5(a, &[sub5("t", 2)]);
    for (qos, id) in [(1, 1), (2, 2)] {
        bench.publish(message5("t", "x", qos, &[]));
        bench.received(a);
        let answer = if qos == 1 { puback5(id, 0x97, &[]) } else { pubrec5(id, 0x97, &[]) };
        bench.ask(a, answer, "");
    }
    bench.ask(a, PINGREQ, "d000");
    bench.is_open(a);
}

#[test]
fn no_matching_subscribers_are_told_of_and_the_message_is_retained_all_the_same() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    let retained = crate::wire::retained;
    bench.ask(a, retained(publish5_1(1, "t", "x", &[])), "4003 0001 10");
    bench.ask(a, retained(publish5_2(2, "u", "x", &[])), "5003 0002 10");
    bench.ask(a, pubrel5(2, 0, &[]), "7002 0002");
    assert_eq!(bench.broker.router().retained_messages(), 2);
    let away = bench.stayer5("away", 60, false);
    bench.subscribed5(away, &[sub5("w/#", 0)]);
    bench.ask(a, publish5_1(1, "w/x", "x", &[]), "4002 0001");
}

#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_once_without_dup_or_id() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.publish(message5("t", "x", 0, &[]));
    bench.got(a, "3005 0001 74 00 78");
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_3_2_1_each_qos_1_message_takes_an_unused_packet_id() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("t", 1)]);
    for n in 1..=20 {
        bench.publish(message5("t", "x", 1, &[]));
        bench.got(a, publish5_1(n, "t", "x", &[]));
    }
    bench.send(a, puback5(20, 0, &[]));
    bench.publish(message5("t", "y", 1, &[]));
    bench.got(a, publish5_1(21, "t", "y", &[]));
}

#[test]
fn mqtt_4_3_2_2_qos_1_is_first_sent_without_dup() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5("t", 1)]);
    bench.publish(message5("t", "x", 1, &[]));
    bench.got(a, "3207 0001 74 0001 00 78");
    // From the queue too.
    bench.send(a, puback5(1, 0, &[]));
    bench.lose(a);
    bench.publish(message5("t", "y", 1, &[]));
    let a = bench.stayer5("a", 60, true);
    bench.got(a, "3207 0001 74 0002 00 79");
}

/// "a" on a new connection of its session.
fn again(bench: &mut Bench) -> Peer {
    bench.stayer5("a", 600, true)
}

/// "a" with these messages sent to it.
fn stayer_with(messages: &[(&str, u8)]) -> (Bench, Peer) {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 600, false);
    bench.subscribed5(a, &[sub5("t", 2)]);
    for (payload, qos) in messages {
        bench.publish(message5("t", payload, *qos, &[]));
    }
    assert!(payloads5(&bench.received(a)).iter().eq(messages.iter().map(|(payload, _)| payload)));
    (bench, a)
}

#[test]
fn mqtt_4_3_2_3_a_qos_1_message_is_unacknowledged_until_puback() {
    let (mut bench, mut a) = stayer_with(&[("x", 1), ("y", 1)]);
    for _ in 0..2 {
        bench.lose(a);
        a = again(&mut bench);
        let both = [publish5_1(1, "t", "x", &[]), publish5_1(2, "t", "y", &[])];
        bench.got(a, both.map(dup));
    }
    bench.send(a, puback5(1, 0, &[]));
    bench.lose(a);
    a = again(&mut bench);
    bench.got(a, dup(publish5_1(2, "t", "y", &[])));
    bench.send(a, puback5(2, 0x83, &[]));
    bench.lose(a);
    a = again(&mut bench);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_3_2_4_qos_1_is_taken_and_answered_with_puback() {
    let mut bench = Bench::new();
    let away = bench.stayer5("away", 60, false);
    bench.subscribed5(away, &[sub5("t", 1)]);
    bench.lose(away);
    let b = bench.client5("b", &[]);
    bench.ask(b, publish5_1(0xABCD, "t", "x", &[]), "4002 abcd");
    bench.lose(b);
    let away = bench.stayer5("away", 60, true);
    bench.got(away, publish5_1(1, "t", "x", &[]));
}

#[test]
fn mqtt_4_3_2_5_after_puback_the_id_is_a_new_message() {
    let mut bench = with_secret();
    let [a, b] = ["a", "b"].map(|name| bench.client5(name, &[]));
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.ask(b, publish5_1(7, "t", "x", &[]), puback5(7, 0, &[]));
    bench.ask(b, dup(publish5_1(7, "t", "y", &[])), puback5(7, 0, &[]));
    bench.got(a, [publish5("t", "x", &[]), publish5("t", "y", &[])]);
    // After one with an error too.
    bench.send(b, publish5_1(7, "secret/1", "x", &[]));
    assert_eq!(bench.received(b)[4], 0x87);
    bench.ask(b, dup(publish5_1(7, "t", "z", &[])), puback5(7, 0, &[]));
    bench.got(a, publish5("t", "z", &[]));
}

#[test]
fn mqtt_4_3_3_1_each_qos_2_message_takes_an_unused_packet_id() {
    let (mut bench, a) = stayer_with(&[("x", 2), ("y", 2)]);
    // In use until PUBCOMP.
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.publish(message5("t", "z", 2, &[]));
    bench.got(a, publish5_2(3, "t", "z", &[]));
}

#[test]
fn mqtt_4_3_3_2_qos_2_is_first_sent_without_dup() {
    let (mut bench, a) = stayer_with(&[]);
    bench.publish(message5("t", "x", 2, &[]));
    bench.got(a, "3407 0001 74 0001 00 78");
    bench.send(a, pubrec5(1, 0x80, &[]));
    bench.lose(a);
    bench.publish(message5("t", "y", 2, &[]));
    let a = again(&mut bench);
    bench.got(a, "3407 0001 74 0002 00 79");
}

#[test]
fn mqtt_4_3_3_3_a_qos_2_message_is_unacknowledged_until_pubrec() {
    let (mut bench, mut a) = stayer_with(&[("x", 2), ("y", 2)]);
    for _ in 0..2 {
        bench.lose(a);
        a = again(&mut bench);
        let both = [publish5_2(1, "t", "x", &[]), publish5_2(2, "t", "y", &[])];
        bench.got(a, both.map(dup));
    }
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.send(a, pubrec5(2, 0x80, &[]));
    bench.lose(a);
    a = again(&mut bench);
    bench.got(a, pubrel5(1, 0, &[]));
}

#[test]
fn mqtt_4_3_3_4_pubrec_is_answered_with_pubrel_unless_it_is_an_error() {
    let (mut bench, a) = stayer_with(&[("x", 2), ("y", 2)]);
    for id in [2, 1, 2] {
        bench.ask(a, pubrec5(id, 0, &[]), pubrel5(id, 0, &[]));
    }
    for code in [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] {
        let (mut bench, a) = stayer_with(&[("x", 2)]);
        bench.ask(a, pubrec5(1, code, &[]), "");
        bench.is_open(a);
        // The exchange is over.
        bench.ask(a, pubrec5(1, 0, &[]), "6203 0001 92");
    }
}

#[test]
fn mqtt_4_3_3_5_pubrel_is_unacknowledged_until_pubcomp() {
    let (mut bench, mut a) = stayer_with(&[("x", 2)]);
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    for _ in 0..2 {
        bench.lose(a);
        a = again(&mut bench);
        bench.got(a, pubrel5(1, 0, &[]));
    }
    bench.ask(a, pubcomp5(1, 0, &[]), "");
    bench.lose(a);
    a = again(&mut bench);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_3_3_6_a_publish_is_not_sent_again_after_pubrel() {
    let (mut bench, mut a) = stayer_with(&[("x", 2), ("y", 2)]);
    bench.ask(a, pubrec5(2, 0, &[]), pubrel5(2, 0, &[]));
    bench.lose(a);
    a = again(&mut bench);
    bench.got(a, [dup(publish5_2(1, "t", "x", &[])), pubrel5(2, 0, &[])]);
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.lose(a);
    a = again(&mut bench);
    bench.got(a, [pubrel5(1, 0, &[]), pubrel5(2, 0, &[])]);
}

#[test]
fn mqtt_4_3_3_7_a_message_that_was_sent_does_not_expire() {
    let (mut bench, a) = stayer_with(&[]);
    bench.publish(message5("t", "x", 2, &[Property::MessageExpiryInterval(5)]));
    assert_eq!(payloads5(&bench.received(a)), ["x"]);
    bench.lose(a);
    bench.at(100_000);
    let a = again(&mut bench);
    let expected = (0x3C, "t".to_owned(), "x".to_owned());
    assert_eq!(published5(&bench.received(a)), [expected]);
    bench.at(200_000);
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.ask(a, pubcomp5(1, 0, &[]), "");
}

#[test]
fn mqtt_4_3_3_8_qos_2_is_taken_and_answered_with_pubrec() {
    let mut bench = Bench::new();
    let away = bench.stayer5("away", 60, false);
    bench.subscribed5(away, &[sub5("t", 2)]);
    bench.lose(away);
    let b = bench.client5("b", &[]);
    bench.ask(b, publish5_2(0xABCD, "t", "x", &[]), "5002 abcd");
    bench.ask(b, pubrel5(0xABCD, 0, &[]), "7002 abcd");
    bench.lose(b);
    let away = bench.stayer5("away", 60, true);
    bench.got(away, publish5_2(1, "t", "x", &[]));
}

#[test]
fn mqtt_4_3_3_9_after_a_pubrec_with_an_error_the_id_is_a_new_message() {
    let mut bench = with_secret();
    let [a, b] = ["a", "b"].map(|name| bench.client5(name, &[]));
    bench.subscribed5(a, &[sub5("#", 0)]);
    for payload in ["x", "y"] {
        bench.send(b, publish5_2(7, "secret/1", payload, &[]));
        let answer = bench.received(b);
        assert_eq!((answer[0], &answer[2..5]), (0x50, &[0, 7, 0x87][..]), "{answer:02x?}");
    }
    bench.ask(b, dup(publish5_2(7, "t", "z", &[])), pubrec5(7, 0, &[]));
    bench.quiet(&[a]);
    bench.ask(b, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.got(a, publish5("t", "z", &[]));
}

#[test]
fn mqtt_4_3_3_10_until_pubrel_a_repetition_is_answered_and_not_delivered() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    let b = bench.stayer5("b", 60, false);
    bench.ask(b, publish5_2(7, "t", "x", &[]), pubrec5(7, 0, &[]));
    bench.ask(b, dup(publish5_2(7, "t", "x", &[])), pubrec5(7, 0, &[]));
    bench.ask(b, publish5_2(7, "t", "x", &[]), pubrec5(7, 0, &[]));
    bench.lose(b);
    let b = bench.stayer5("b", 60, true);
    bench.ask(b, dup(publish5_2(7, "t", "x", &[])), pubrec5(7, 0, &[]));
    bench.ask(b, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.got(a, publish5("t", "x", &[]));
}

#[test]
fn mqtt_4_3_3_11_pubrel_is_answered_with_pubcomp() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    for id in [1, 0x1234, u16::MAX] {
        bench.send(a, publish5_2(id, "t", "x", &[]));
        bench.received(a);
        bench.ask(a, pubrel5(id, 0, &[]), &*format!("7002 {id:04x}"));
        bench.ask(a, pubrel5(id, 0, &[]), &*format!("7003 {id:04x} 92"));
    }
}

#[test]
fn mqtt_4_3_3_12_after_pubcomp_the_id_is_a_new_message() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    for payload in ["x", "y"] {
        bench.ask(b, dup(publish5_2(7, "t", payload, &[])), pubrec5(7, 0, &[]));
        bench.ask(b, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
        bench.got(a, publish5("t", payload, &[]));
    }
}

#[test]
fn mqtt_4_3_3_13_a_message_that_expires_in_between_is_acknowledged_to_the_end() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    let sent = publish5_2(7, "t", "x", &[Property::MessageExpiryInterval(5)]);
    bench.ask(b, sent.clone(), pubrec5(7, 0, &[]));
    bench.at(100_000);
    bench.ask(b, dup(sent), pubrec5(7, 0, &[]));
    bench.ask(b, pubrel5(7, 0, &[]), "7002 0007");
    bench.quiet(&[a]);
}

#[test]
fn an_acknowledgement_that_breaks_the_protocol_ends_the_connection_with_the_code_for_it() {
    for (bytes, code) in [
        // A Reason String twice; a code that is not listed, or is the server's; wrong flags.
        ("400a 0001 00 06 1f 0000 1f 0000", 0x82),
        ("500a 0001 00 06 1f 0000 1f 0000", 0x82),
        ("620a 0001 00 06 1f 0000 1f 0000", 0x82),
        ("700a 0001 00 06 1f 0000 1f 0000", 0x82),
        ("4003 0001 92", 0x82),
        ("4003 0001 10", 0x82),
        ("5003 0001 10", 0x82),
        ("6203 0001 80", 0x82),
        ("6002 0001", 0x81),
        ("7202 0001", 0x81),
    ] {
        let (mut bench, a) = with_sent(2);
        bench.send(a, bytes);
        bench.ended5_by_fault(a, code);
    }
}

#[test]
fn a_payload_that_is_not_the_text_it_is_said_to_be_is_refused_where_that_is_checked() {
    let with = [Property::PayloadFormatIndicator(mqtt_sansio::PayloadFormat::Utf8)];
    for checked in [false, true] {
        let mut bench =
            Bench::with(|config| config.session.features.validate_payload_format = checked);
        let a = bench.client5("a", &[]);
        let b = bench.client5("b", &[Property::RequestProblemInformation(false)]);
        bench.subscribed5(a, &[sub5("t", 0)]);
        let code = if checked { 0x99 } else { 0 };
        bench.ask(b, publish5("t", [0xFF], &with), "");
        bench.ask(b, publish5_1(1, "t", [0xFF], &with), puback5(1, code, &[]));
        bench.ask(b, publish5_2(2, "t", [0xFF], &with), pubrec5(2, code, &[]));
        let code = if checked { 0x92 } else { 0 };
        bench.ask(b, pubrel5(2, 0, &[]), pubcomp5(2, code, &[]));
        assert_eq!(payloads5(&bench.received(a)).len(), if checked { 0 } else { 3 });
        bench.ask(b, publish5("t", "é", &with), "");
        bench.got(a, publish5("t", "é", &with));
    }
}

#[test]
fn an_acknowledgement_that_the_exchange_does_not_await_ends_the_connection() {
    for (qos, bytes, packet) in [
        (1, "5002 0001", PacketType::PubRec),
        (1, "5003 0001 80", PacketType::PubRec),
        (1, "7002 0001", PacketType::PubComp),
        (2, "4002 0001", PacketType::PubAck),
        (2, "7002 0001", PacketType::PubComp),
    ] {
        let (mut bench, a) = with_sent(qos);
        bench.send(a, bytes);
        let packet_id = PacketId::MIN;
        bench.ended5(a, 0x82, ClientFault::UnexpectedAcknowledgement { packet, packet_id });
    }
}
