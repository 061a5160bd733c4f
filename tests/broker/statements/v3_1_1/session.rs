//! Packet identifiers, section 2.3; sessions, QoS and order, chapter 4; pieces, chapter 6.

use mqtt_sansio::{ClientFault, CloseReason, Message, PacketId, PacketType, QoS};

use super::connect::with_heir;
use crate::bench::{Bench, Peer};
use crate::wire::{
    PINGREQ, connect, connect_with_will, dup, frames, payloads, puback, pubcomp, publish, publish1,
    publish2, pubrec, pubrel, suback, subscribe, unsubscribe,
};

fn message(payload: String, qos: QoS) -> Message {
    let mut message = Message::new("t", payload).unwrap();
    message.qos = qos;
    message
}

/// The first byte and packet identifier of PUBLISH packets to "t" at QoS 1 and 2.
fn ids(bytes: &[u8]) -> Vec<(u8, u16)> {
    let id = |frame: Vec<u8>| (frame[0], u16::from_be_bytes([frame[5], frame[6]]));
    frames(bytes).into_iter().map(id).collect()
}

#[test]
fn mqtt_2_3_1_4_a_new_publish_takes_an_id_that_is_not_in_use() {
    let mut bench = Bench::with(|config| {
        config.session.max_inflight_messages = u16::MAX;
        config.session.max_queued_messages = 70_000;
    });
    bench.checked = false;
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    let x = || message("x".into(), QoS::AtLeastOnce);
    bench.publish(x());
    bench.publish(x());
    assert_eq!(ids(&bench.received(a)), [(0x32, 1), (0x32, 2)]);
    // Identifier 1 comes free, 2 stays in use while the count goes once round.
    bench.send(a, puback(1));
    for expected in 3..=u16::MAX {
        bench.publish(x());
        assert_eq!(ids(&bench.received(a)), [(0x32, expected)]);
        bench.send(a, puback(expected));
    }
    bench.publish(x());
    bench.publish(x());
    assert_eq!(ids(&bench.received(a)), [(0x32, 1), (0x32, 3)]);
    bench.broker.check_invariants();
}

#[test]
fn mqtt_2_3_1_4_with_all_ids_in_use_messages_wait() {
    let mut bench = Bench::with(|config| {
        config.session.max_inflight_messages = u16::MAX;
        config.session.max_queued_messages = 70_000;
    });
    bench.checked = false;
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    for _ in 0..65_536 {
        bench.publish(message("x".into(), QoS::AtLeastOnce));
    }
    let sent = ids(&bench.received(a));
    assert!(sent.iter().map(|(_, id)| *id).eq(1..=u16::MAX), "{} sent", sent.len());
    bench.ask(a, puback(0x7777), publish1(0x7777, "t", "x"));
}

#[test]
fn mqtt_2_3_1_6_acknowledgements_repeat_the_packet_id() {
    for id in [1, 0x00FF, 0x1234, u16::MAX] {
        let (mut bench, [a]) = Bench::with_clients(["a"]);
        bench.ask(a, publish1(id, "t", "x"), &*format!("4002 {id:04x}"));
        bench.ask(a, publish2(id, "t", "x"), &*format!("5002 {id:04x}"));
        bench.ask(a, pubrel(id), &*format!("7002 {id:04x}"));
        bench.ask(a, pubrec(id), &*format!("6202 {id:04x}"));
    }
}

#[test]
fn mqtt_2_3_1_7_suback_and_unsuback_repeat_the_packet_id() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    for id in [1, 0x00FF, 0x1234, u16::MAX] {
        bench.ask(a, subscribe(id, &[("t", 0)]), &*format!("9003 {id:04x} 00"));
        bench.ask(a, unsubscribe(id, &["t"]), &*format!("b002 {id:04x}"));
    }
}

#[test]
fn mqtt_4_1_0_1_all_of_a_session_is_kept_over_connections() {
    let mut bench = Bench::with(|config| config.session.max_inflight_messages = 3);
    let b = bench.client("b");
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    // Sent and unacknowledged, sent and released, queued; received and not released.
    for (payload, qos) in [("1", 1), ("2", 2), ("3", 2), ("4", 1)] {
        bench.publish(message(payload.into(), QoS::try_from(qos).unwrap()));
    }
    bench.got(a, [publish1(1, "t", "1"), publish2(2, "t", "2"), publish2(3, "t", "3")]);
    bench.ask(a, pubrec(2), pubrel(2));
    bench.ask(a, publish2(9, "u", "mine"), pubrec(9));
    bench.ask(b, subscribe(1, &[("u", 2)]), suback(1, &[2]));
    for _ in 0..3 {
        let again = a_of(&mut bench);
        bench.lose(again);
    }
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    let again = [dup(publish1(1, "t", "1")), pubrel(2), dup(publish2(3, "t", "3"))].concat();
    bench.got(a, [vec![0x20, 2, 1, 0], again]);
    bench.ask(a, dup(publish2(9, "u", "mine")), pubrec(9));
    bench.ask(a, puback(1), publish1(4, "t", "4"));
    bench.quiet(&[b]);
    bench.ask(a, pubrel(9), pubcomp(9));
    bench.got(b, publish2(1, "u", "mine"));
    bench.publish(message("5".into(), QoS::AtMostOnce));
    bench.got(a, publish("t", "5"));
}

/// "a" on a new connection of its session.
fn a_of(bench: &mut Bench) -> Peer {
    bench.dial(connect("a", |connect| connect.clean_start = false))
}

#[test]
fn mqtt_4_1_0_2_a_session_is_not_ended_while_its_connection_is_open() {
    let mut bench =
        Bench::with(|config| config.session_expiry = Some(std::time::Duration::from_secs(1)));
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.at(1_000_000);
    bench.publish(message("x".into(), QoS::AtLeastOnce));
    bench.got(a, publish1(1, "t", "x"));
    bench.is_open(a);
    bench.lose(a);
    bench.at(1_000_999);
    assert_eq!(bench.broker.sessions(), 1);
    bench.at(1_001_000);
    assert_eq!(bench.broker.sessions(), 0);
}

#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_once_without_dup_or_id() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.publish(message("x".into(), QoS::AtMostOnce));
    bench.got(a, "3004 0001 74 78");
    bench.lose(a);
    let a = bench.stayer("a", true);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_3_2_1_qos_1_is_sent_with_a_new_id_and_kept_until_puback() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.publish(message("x".into(), QoS::AtLeastOnce));
    bench.publish(message("y".into(), QoS::AtLeastOnce));
    bench.got(a, "3206 0001 74 0001 78  3206 0001 74 0002 79");
    bench.send(a, puback(1));
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  3a06 0001 74 0002 79");
    bench.send(a, puback(2));
    bench.lose(a);
    let a = bench.stayer("a", true);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_3_2_2_qos_1_is_taken_and_acknowledged_and_the_id_is_new_after_puback() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.ask(b, publish1(7, "t", "x"), puback(7));
    bench.ask(b, dup(publish1(7, "t", "y")), puback(7));
    bench.got(a, [publish1(1, "t", "x"), publish1(2, "t", "y")]);
}

#[test]
fn mqtt_4_3_3_1_qos_2_is_kept_until_pubrec_and_released_until_pubcomp() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.publish(message("x".into(), QoS::ExactlyOnce));
    bench.got(a, "3406 0001 74 0001 78");
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  3c06 0001 74 0001 78");
    bench.ask(a, pubrec(1), "6202 0001");
    for _ in 0..2 {
        // Once PUBREL went out the message is not sent any more.
        let again = a_of(&mut bench);
        bench.got(again, "20020100  6202 0001");
        bench.ask(again, pubrec(1), "6202 0001");
    }
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  6202 0001");
    bench.ask(a, pubcomp(1), "");
    let a = bench.stayer("a", true);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_3_3_2_qos_2_is_delivered_once_until_pubrel_and_the_id_is_new_after_pubcomp() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    let b = bench.stayer("b", false);
    bench.ask(b, publish2(7, "t", "x"), pubrec(7));
    bench.ask(b, dup(publish2(7, "t", "x")), pubrec(7));
    bench.ask(b, publish2(7, "t", "x"), pubrec(7));
    bench.lose(b);
    let b = bench.stayer("b", true);
    bench.ask(b, dup(publish2(7, "t", "x")), pubrec(7));
    bench.ask(b, pubrel(7), pubcomp(7));
    bench.ask(b, pubrel(7), pubcomp(7));
    bench.got(a, publish("t", "x"));
    bench.ask(b, dup(publish2(7, "t", "y")), pubrec(7));
    bench.ask(b, pubrel(7), pubcomp(7));
    bench.got(a, publish("t", "y"));
}

#[test]
fn mqtt_4_4_0_1_what_is_unacknowledged_is_sent_again_with_its_old_ids() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    for (payload, qos) in [("1", 1), ("2", 2), ("3", 1), ("4", 2)] {
        bench.publish(message(payload.into(), QoS::try_from(qos).unwrap()));
    }
    bench.received(a);
    bench.ask(a, pubrec(2), pubrel(2));
    bench.send(a, puback(3));
    bench.send(a, crate::wire::DISCONNECT);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  3a06 0001 74 0001 31  6202 0002  3c06 0001 74 0004 34");
    // On one connection nothing is sent twice.
    bench.at(100_000_000);
    bench.ask(a, PINGREQ, "d000");
}

#[test]
fn mqtt_4_5_0_1_a_message_goes_to_every_session_with_a_matching_subscription() {
    let mut bench = Bench::new();
    let names = ["a", "b", "c", "d", "e"];
    let stayers = names.map(|name| bench.stayer(name, false));
    for peer in stayers {
        bench.ask(peer, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    }
    bench.lose(stayers[1]);
    bench.lose(stayers[3]);
    bench.stall(stayers[4]);
    let publisher = bench.client("p");
    bench.ask(publisher, publish1(1, "t", "x"), puback(1));
    bench.got(stayers[0], publish1(1, "t", "x"));
    bench.got(stayers[2], publish1(1, "t", "x"));
    bench.resume(stayers[4]);
    bench.got(stayers[4], publish1(1, "t", "x"));
    for name in ["b", "d"] {
        let back = bench.dial(connect(name, |connect| connect.clean_start = false));
        bench.got(back, [vec![0x20, 2, 1, 0], publish1(1, "t", "x")]);
    }
}

#[test]
fn mqtt_4_6_0_5_messages_of_one_topic_come_in_the_order_they_were_published() {
    let (mut bench, [a, b, c]) = Bench::with_clients(["a", "b", "c"]);
    bench.ask(a, subscribe(1, &[("t", 2), ("+", 1)]), suback(1, &[2, 1]));
    bench.stall(a);
    for n in 0..10_u8 {
        let from = if n % 2 == 0 { b } else { c };
        bench.ask(from, publish1(1, "t", [n]), puback(1));
    }
    bench.resume(a);
    let expected: Vec<_> = (0..10_u8).map(|n| publish1(u16::from(n) + 1, "t", [n])).collect();
    bench.got(a, expected.concat());
}

#[test]
fn mqtt_4_6_0_6_order_is_kept_towards_subscribers_at_every_qos_and_over_connections() {
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut bench = Bench::with(|config| config.session.max_inflight_messages = 4);
        let a = bench.stayer("a", false);
        bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
        for n in 0..4 {
            bench.publish(message(format!("{n}"), qos));
        }
        assert_eq!(payloads(&bench.received(a)), ["0", "1", "2", "3"]);
        bench.lose(a);
        for n in 4..8 {
            bench.publish(message(format!("{n}"), qos));
        }
        let a = a_of(&mut bench);
        bench.lose(a);
        let a = bench.dial(connect("a", |connect| connect.clean_start = false));
        let sent = |n: u16| match qos {
            QoS::AtLeastOnce => publish1(n + 1, "t", n.to_string()),
            _ => publish2(n + 1, "t", n.to_string()),
        };
        let again: Vec<_> = (0..4).map(|n| dup(sent(n))).collect();
        bench.got(a, [vec![0x20, 2, 1, 0], again.concat()]);
        for n in 0..4 {
            if qos == QoS::ExactlyOnce {
                bench.ask(a, pubrec(n + 1), pubrel(n + 1));
                bench.ask(a, pubcomp(n + 1), sent(n + 4));
            } else {
                bench.ask(a, puback(n + 1), sent(n + 4));
            }
        }
    }
}

#[test]
fn mqtt_4_6_0_6_what_is_sent_again_keeps_its_order_where_ids_have_wrapped() {
    let mut bench = Bench::new();
    bench.checked = false;
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    for id in 1..u16::MAX {
        bench.publish(message("x".into(), QoS::AtLeastOnce));
        bench.ask(a, puback(id), publish1(id, "t", "x"));
    }
    let sent = [(u16::MAX, "1"), (1, "2"), (2, "3")];
    for (_, payload) in sent {
        bench.publish(message(payload.into(), QoS::AtLeastOnce));
    }
    bench.got(a, sent.map(|(id, payload)| publish1(id, "t", payload)));
    bench.lose(a);
    let a = a_of(&mut bench);
    let again = sent.map(|(id, payload)| dup(publish1(id, "t", payload)));
    bench.got(a, [vec![0x20, 2, 1, 0], again.concat()]);
}

#[test]
fn mqtt_4_6_0_6_acknowledgements_go_out_in_the_order_the_messages_came() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    let sent = [publish1(5, "t", "x"), publish2(9, "t", "x"), publish1(3, "t", "x")];
    bench.ask(b, [&sent.concat()[..], &publish2(2, "t", "x")].concat(), {
        [puback(5), pubrec(9), puback(3), pubrec(2)]
    });
    // PUBREL in the order of the PUBRECs.
    bench.ask(a, subscribe(1, &[("u", 2)]), suback(1, &[2]));
    for _ in 0..3 {
        let mut message = Message::new("u", "x").unwrap();
        message.qos = QoS::ExactlyOnce;
        bench.publish(message);
    }
    bench.received(a);
    bench.ask(a, [pubrec(3), pubrec(1), pubrec(2)], [pubrel(3), pubrel(1), pubrel(2)]);
}

#[test]
fn mqtt_4_8_0_1_a_protocol_violation_closes_that_connection_alone() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect_with_will("a", "gone", 0));
    bench.got(a, "20020000");
    let b = bench.client("b");
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.publish(message("x".into(), QoS::AtLeastOnce));
    bench.got(a, publish1(1, "t", "x"));
    // PUBCOMP for a message at QoS 1.
    bench.send(a, pubcomp(1));
    let fault = ClientFault::UnexpectedAcknowledgement {
        packet: PacketType::PubComp,
        packet_id: PacketId::MIN,
    };
    assert_eq!(bench.closed_silently(a), fault.into());
    bench.got(heir, publish("w", "gone"));
    bench.quiet(&[heir, b]);
    assert_eq!(bench.broker.statistics().client_faults, 1);
}

#[test]
fn mqtt_4_8_0_2_lack_of_room_for_a_packet_closes_its_connection_alone() {
    let mut bench = Bench::with(|config| config.session.max_unreleased_messages = 1);
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.ask(a, publish2(1, "t", "x"), pubrec(1));
    bench.send(a, publish2(2, "t", "x"));
    assert_eq!(bench.closed_silently(a), ClientFault::TooManyUnreleased.into());
    bench.ask(b, publish2(1, "t", "x"), pubrec(1));
    bench.is_open(b);
    assert_ne!(bench.broker.statistics().client_faults, 0);
}

#[test]
fn mqtt_6_0_0_2_packets_may_come_in_any_pieces() {
    let stream = [
        connect("b", |_| ()),
        subscribe(1, &[("t", 2)]),
        publish2(1, "t", "two"),
        pubrel(1),
        publish1(2, "t", "one"),
        vec![0xC0, 0],
        publish("t", "none"),
        vec![0xE0, 0],
    ]
    .concat();
    let mut answers = Vec::new();
    for size in 1..=stream.len() {
        let mut bench = Bench::new();
        let a = bench.client("a");
        bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
        let b = bench.open();
        bench.stall(b);
        for piece in stream.chunks(size) {
            bench.send(b, piece);
        }
        answers.push(bench.received(a));
        bench.resume(b);
        let b_got = frames(&bench.received(b));
        assert_eq!(b_got[0], [0x20, 2, 0, 0], "CONNACK goes out before the close");
        bench.is_closed(b, CloseReason::Disconnected);
    }
    assert_eq!(payloads(&answers[0]), ["two", "one", "none"]);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}
