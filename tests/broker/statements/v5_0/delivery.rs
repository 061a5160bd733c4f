//! Who gets a message and how, section 3.3.4; packet identifiers, section 2.2.1; sessions, order and flow
//! control, chapter 4.

use mqtt_sansio::{ClientFault, Packet, Property};

use crate::bench::{Bench, Peer};
use crate::wire::{PINGREQ, dup, frames, retained};
use crate::wire5::{
    connect5, farewell5, message5, packet5, payloads5, puback5, pubcomp5, publish5, publish5_1,
    publish5_2, published5, pubrec5, pubrel5, receive_maximum, sub5, suback5, subscribe5,
    subscription_identifier, unsuback5, unsubscribe5, user,
};

/// The first byte and packet identifier of PUBLISH packets to "t" at QoS 1 and 2.
fn ids(bytes: &[u8]) -> Vec<(u8, u16)> {
    let id = |frame: Vec<u8>| (frame[0], u16::from_be_bytes([frame[5], frame[6]]));
    frames(bytes).into_iter().map(id).collect()
}

/// A client with as large a window as there is, subscribed to "t".
fn with_all_ids() -> (Bench, Peer) {
    let mut bench = Bench::with(|config| {
        config.session.max_inflight_messages = u16::MAX;
        config.session.max_queued_messages = 70_000;
    });
    bench.checked = false;
    let a = bench.client5("a", &[]);
    bench.subscribed5(a, &[sub5("t", 1)]);
    (bench, a)
}

#[test]
fn mqtt_2_2_1_4_a_new_publish_takes_an_id_that_is_not_in_use() {
    let (mut bench, a) = with_all_ids();
    let publish = |bench: &mut Bench| bench.publish(message5("t", "x", 1, &[]));
    publish(&mut bench);
    publish(&mut bench);
    assert_eq!(ids(&bench.received(a)), [(0x32, 1), (0x32, 2)]);
    // Identifier 1 comes free, 2 stays in use while the count goes once round.
    bench.send(a, puback5(1, 0x80, &[]));
    for expected in 3..=u16::MAX {
        publish(&mut bench);
        assert_eq!(ids(&bench.received(a)), [(0x32, expected)]);
        bench.send(a, puback5(expected, 0, &[]));
    }
    publish(&mut bench);
    publish(&mut bench);
    assert_eq!(ids(&bench.received(a)), [(0x32, 1), (0x32, 3)]);
    bench.broker.check_invariants();
}

#[test]
fn mqtt_2_2_1_4_with_all_ids_in_use_messages_wait() {
    let (mut bench, a) = with_all_ids();
    for _ in 0..65_536 {
        bench.publish(message5("t", "x", 1, &[]));
    }
    let sent = ids(&bench.received(a));
    assert!(sent.iter().map(|(_, id)| *id).eq(1..=u16::MAX), "{} sent", sent.len());
    bench.ask(a, puback5(0x7777, 0, &[]), publish5_1(0x7777, "t", "x", &[]));
}

#[test]
fn mqtt_2_2_1_5_acknowledgements_repeat_the_packet_id() {
    for id in [1, 0x00FF, 0x1234, u16::MAX] {
        let (mut bench, [a]) = Bench::with_clients5(["a"]);
        bench.subscribed5(a, &[sub5("t", 0)]);
        bench.send(a, publish5_1(id, "t", "x", &[]));
        bench.got(a, [puback5(id, 0, &[]), publish5("t", "x", &[])]);
        bench.ask(a, publish5_2(id, "u", "x", &[]), &*format!("5003 {id:04x} 10"));
        bench.ask(a, pubrel5(id, 0, &[]), &*format!("7002 {id:04x}"));
        bench.ask(a, pubrel5(id, 0, &[]), &*format!("7003 {id:04x} 92"));
        bench.ask(a, pubrec5(id, 0, &[]), &*format!("6203 {id:04x} 92"));
    }
    // The identifiers of both sides are independent.
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.publish(message5("t", "x", 2, &[]));
    bench.got(a, publish5_2(1, "t", "x", &[]));
    bench.ask(a, publish5_2(1, "u", "x", &[]), pubrec5(1, 0x10, &[]));
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.ask(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
}

#[test]
fn mqtt_2_2_1_6_suback_and_unsuback_repeat_the_packet_id() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    for id in [1, 0x00FF, 0x1234, u16::MAX] {
        bench.ask(a, subscribe5(id, &[sub5("t", 0)], &[]), &*format!("9004 {id:04x} 00 00"));
        bench.ask(a, unsubscribe5(id, &["t"], &[]), &*format!("b004 {id:04x} 00 00"));
        bench.ask(a, unsubscribe5(id, &["t"], &[]), &*format!("b004 {id:04x} 00 11"));
    }
}

/// The subscription identifiers of the one PUBLISH that these bytes are, in ascending order.
#[track_caller]
fn identifiers(bytes: &[u8]) -> Vec<u32> {
    let Packet::Publish(publish) = packet5(bytes) else { panic!("{}", packet5(bytes)) };
    let identifiers = publish.properties.subscription_identifiers();
    let mut identifiers: Vec<_> = identifiers.map(|identifier| identifier.get()).collect();
    identifiers.sort_unstable();
    identifiers
}

#[test]
fn mqtt_3_3_4_1_publish_is_answered_by_its_qos() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(b, &[sub5("t", 0)]);
    bench.ask(a, "3005 0001 74 00 78", "");
    bench.ask(a, "3207 0001 74 1234 00 78", "4002 1234");
    bench.ask(a, "3407 0001 74 1235 00 78", "5002 1235");
}

#[test]
fn mqtt_3_3_4_2_overlapping_subscriptions_deliver_at_the_highest_qos() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("#", 0), sub5("t/+", 2), sub5("t/a", 1)]);
    bench.subscribed5(b, &[sub5("t/a", 1), sub5("t/+", 0)]);
    bench.publish(message5("t/a", "x", 2, &[]));
    bench.got(a, publish5_2(1, "t/a", "x", &[]));
    bench.got(b, publish5_1(1, "t/a", "x", &[]));
    bench.publish(message5("u", "y", 2, &[]));
    bench.got(a, publish5("u", "y", &[]));
    bench.publish(message5("t/a", "z", 1, &[]));
    bench.got(a, publish5_1(2, "t/a", "z", &[]));
}

#[test]
fn mqtt_3_3_4_3_a_message_comes_with_the_identifier_of_its_subscription() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    bench.ask(b, retained(publish5("t/a", "stored", &[])), "");
    let a = bench.stayer5("a", 60, false);
    let largest = subscription_identifier(268_435_455);
    let stored = retained(publish5("t/a", "stored", &[largest]));
    let filters = [sub5("t/+", 1), sub5("u", 1)];
    bench.ask(a, subscribe5(1, &filters, &[largest]), [suback5(1, &[1, 1], &[]), stored]);
    bench.subscribed5(a, &[sub5("none", 1)]);
    for name in ["t/b", "u"] {
        bench.ask(b, publish5(name, "x", &[]), "");
        bench.got(a, publish5(name, "x", &[largest]));
    }
    bench.ask(b, publish5("none", "x", &[]), "");
    bench.got(a, publish5("none", "x", &[]));
    // Those of a client's own are not passed on, nor do they end with its connection.
    bench.lose(a);
    bench.ask5(b, publish5_1(1, "u", "x", &[user("k", "v")]), puback5(1, 0, &[]));
    let a = bench.stayer5("a", 60, true);
    bench.got5(a, publish5_1(1, "u", "x", &[largest, user("k", "v")]));
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.got5(a, dup(publish5_1(1, "u", "x", &[largest, user("k", "v")])));
}

#[test]
fn mqtt_3_3_4_4_one_copy_for_several_subscriptions_has_all_their_identifiers() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    let filters = [("#", 0, 30), ("t/+", 2, 10), ("t/a", 1, 20), ("u", 1, 40), ("+/a", 0, 10)];
    for (filter, qos, identifier) in filters {
        let subscribe = subscribe5(1, &[sub5(filter, qos)], &[subscription_identifier(identifier)]);
        bench.ask(a, subscribe, suback5(1, &[qos], &[]));
    }
    bench.subscribed5(a, &[sub5("t/#", 0)]);
    bench.ask(b, publish5_1(1, "t/a", "x", &[]), puback5(1, 0, &[]));
    let got = bench.received(a);
    assert_eq!(published5(&got), [(0x32, "t/a".to_owned(), "x".to_owned())]);
    // The identifier of two subscriptions stands once or twice.
    let mut all = identifiers(&got);
    all.dedup();
    assert_eq!(all, [10, 20, 30]);
    bench.ask(b, publish5("u", "x", &[]), "");
    assert_eq!(identifiers(&bench.received(a)), [30, 40]);
}

#[test]
fn mqtt_3_3_4_5_each_of_several_copies_has_the_identifier_of_its_own_subscription() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    let filters = [("t", 1), ("$share/g/t", 2), ("$share/h/t", 3), ("$share/i/+", 4)];
    for (filter, identifier) in filters {
        let subscribe = subscribe5(1, &[sub5(filter, 0)], &[subscription_identifier(identifier)]);
        bench.ask(a, subscribe, suback5(1, &[0], &[]));
    }
    bench.ask(b, publish5("t", "x", &[]), "");
    let got = bench.received(a);
    let mut each: Vec<_> = frames(&got).iter().map(|frame| identifiers(frame)).collect();
    each.sort_unstable();
    assert_eq!(each, [[1], [2], [3], [4]], "{got:02x?}");
}

#[test]
fn mqtt_3_3_4_9_no_more_messages_are_open_than_the_client_allows() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[receive_maximum(2)]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    for (payload, qos) in [("a", 1), ("b", 2), ("c", 2), ("d", 1), ("e", 1), ("f", 1)] {
        bench.publish(message5("t", payload, qos, &[]));
    }
    bench.got(a, [publish5_1(1, "t", "a", &[]), publish5_2(2, "t", "b", &[])]);
    bench.ask(a, puback5(1, 0, &[]), publish5_2(3, "t", "c", &[]));
    bench.ask(a, pubrec5(2, 0, &[]), pubrel5(2, 0, &[]));
    bench.ask(a, pubcomp5(2, 0, &[]), publish5_1(4, "t", "d", &[]));
    // An error ends the exchange too.
    bench.ask(a, pubrec5(3, 0x80, &[]), publish5_1(5, "t", "e", &[]));
    bench.ask(a, puback5(4, 0x80, &[]), publish5_1(6, "t", "f", &[]));
}

#[test]
fn mqtt_3_3_4_10_a_full_window_delays_nothing_but_publish() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[receive_maximum(1)]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.publish(message5("t", "first", 2, &[]));
    bench.publish(message5("t", "second", 1, &[]));
    bench.got(a, publish5_2(1, "t", "first", &[]));
    bench.ask(a, PINGREQ, "d000");
    bench.ask(a, subscribe5(9, &[sub5("u", 1)], &[]), suback5(9, &[1], &[]));
    bench.ask(a, publish5_1(1, "none", "x", &[]), puback5(1, 0x10, &[]));
    bench.ask(a, publish5_2(1, "none", "x", &[]), pubrec5(1, 0x10, &[]));
    bench.ask(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.ask(a, unsubscribe5(9, &["u"], &[]), unsuback5(9, &[0], &[]));
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.ask(a, pubcomp5(1, 0, &[]), publish5_1(2, "t", "second", &[]));
}

#[test]
fn mqtt_4_5_0_1_a_message_goes_to_every_session_with_a_matching_subscription() {
    let mut bench = Bench::new();
    let names = ["a", "b", "c", "d", "e"];
    let stayers = names.map(|name| bench.stayer5(name, 60, false));
    for (peer, filter) in stayers.into_iter().zip(["t", "#", "+", "$share/g/t", "t/#"]) {
        bench.subscribed5(peer, &[sub5(filter, 1)]);
    }
    let old = bench.client("old");
    bench.ask(old, crate::wire::subscribe(1, &[("t", 1)]), crate::wire::suback(1, &[1]));
    bench.lose(stayers[1]);
    bench.lose(stayers[3]);
    bench.stall(stayers[4]);
    let publisher = bench.client5("p", &[]);
    bench.ask(publisher, publish5_1(1, "t", "x", &[user("k", "v")]), puback5(1, 0, &[]));
    let expected = publish5_1(1, "t", "x", &[user("k", "v")]);
    for peer in [stayers[0], stayers[2]] {
        bench.got(peer, expected.clone());
    }
    bench.got(old, crate::wire::publish1(1, "t", "x"));
    bench.resume(stayers[4]);
    bench.got(stayers[4], expected.clone());
    for name in ["b", "d"] {
        let back = bench.stayer5(name, 60, true);
        bench.got(back, expected.clone());
    }
}

#[test]
fn mqtt_4_6_0_5_messages_of_one_topic_and_qos_come_in_the_order_they_were_published() {
    for qos in 0..=2 {
        let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
        bench.subscribed5(a, &[sub5("t", 2), sub5("+", 1)]);
        bench.stall(a);
        for n in 0..10_u8 {
            let id = u16::from(n) + 1;
            let packets = match qos {
                0 => publish5("t", [n], &[]),
                1 => publish5_1(id, "t", [n], &[]),
                _ => [publish5_2(id, "t", [n], &[]), pubrel5(id, 0, &[])].concat(),
            };
            bench.send(b, packets);
        }
        bench.resume(a);
        let got = payloads5(&bench.received(a));
        assert!(got.iter().map(|payload| payload.as_bytes()[0]).eq(0..10), "QoS {qos}: {got:?}");
    }
}

#[test]
fn mqtt_4_6_0_5_qos_2_messages_come_in_the_order_of_their_pubrel() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    for (id, payload) in [(1, "x"), (2, "y"), (3, "z")] {
        bench.ask(b, publish5_2(id, "t", payload, &[]), pubrec5(id, 0, &[]));
    }
    for id in 1..=3 {
        bench.ask(b, pubrel5(id, 0, &[]), pubcomp5(id, 0, &[]));
    }
    assert_eq!(payloads5(&bench.received(a)), ["x", "y", "z"]);
}

/// What "a" gets at that QoS with a window of three, over two connections and from the queue.
fn all_in_order(qos: u8) -> Vec<String> {
    let mut bench = Bench::new();
    let with = [receive_maximum(3), Property::SessionExpiryInterval(60)];
    let connect = || connect5("a", &with, |connect| connect.clean_start = false);
    let mut a = bench.dial(connect());
    bench.connack5(a, false);
    bench.subscribed5(a, &[sub5("t", 2)]);
    let mut seen = Vec::new();
    for n in 0..10 {
        bench.publish(message5("t", &n.to_string(), qos, &[]));
        if n % 4 == 1 {
            bench.lose(a);
            a = bench.dial(connect());
            bench.connack5(a, true);
        }
    }
    loop {
        let got = bench.received(a);
        if got.is_empty() {
            return seen;
        }
        for frame in frames(&got) {
            let delivery = match packet5(&frame) {
                Packet::Publish(publish) => publish.delivery,
                Packet::PubRel(pubrel) => {
                    bench.send(a, pubcomp5(pubrel.packet_id.get(), 0, &[]));
                    continue;
                }
                other => panic!("{other}"),
            };
            let id = delivery.packet_id().unwrap().get();
            bench.send(a, if qos == 1 { puback5(id, 0, &[]) } else { pubrec5(id, 0, &[]) });
            seen.extend(payloads5(&frame));
        }
    }
}

#[test]
fn mqtt_4_6_0_6_order_is_kept_over_connections_and_with_a_small_window() {
    let all: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    for qos in [1, 2] {
        assert_eq!(all_in_order(qos), all, "QoS {qos}");
    }
}

#[test]
fn mqtt_4_6_0_6_every_topic_is_ordered() {
    let (mut bench, [a, b, c]) = Bench::with_clients5(["a", "b", "c"]);
    bench.subscribed5(a, &[sub5("#", 2)]);
    bench.stall(a);
    let names = ["t", "u", "t/u", "é"];
    for n in 0..6 {
        for name in names {
            let from = if n < 3 { b } else { c };
            bench.ask(from, publish5(name, n.to_string(), &[]), "");
        }
    }
    bench.resume(a);
    let got = published5(&bench.received(a));
    for name in names {
        let of = got.iter().filter(|(_, topic, _)| topic == name);
        let payloads: Vec<_> = of.map(|(_, _, payload)| payload.as_str()).collect();
        assert_eq!(payloads, ["0", "1", "2", "3", "4", "5"], "{name}");
    }
}

#[test]
fn mqtt_4_6_0_6_acknowledgements_go_out_in_the_order_the_messages_came() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    let sent = [publish5_1(5, "t", "1", &[]), publish5_2(9, "t", "2", &[])].concat();
    let more = [publish5_1(3, "t", "3", &[]), publish5_2(2, "t", "4", &[])].concat();
    let answers = [puback5(5, 0, &[]), pubrec5(9, 0, &[]), puback5(3, 0, &[]), pubrec5(2, 0, &[])];
    bench.ask(b, [sent, more], answers);
    // PUBREL in the order of the PUBRECs.
    bench.send(b, [pubrel5(9, 0, &[]), pubrel5(2, 0, &[])]);
    bench.publish(message5("t", "5", 2, &[]));
    assert_eq!(payloads5(&bench.received(a)), ["1", "3", "2", "4", "5"]);
    let pubrecs = [5, 3, 4].map(|id| pubrec5(id, 0, &[]));
    bench.ask(a, pubrecs, [5, 3, 4].map(|id| pubrel5(id, 0, &[])));
}

/// "a", whose session stays, connected with that Receive Maximum and subscribed to "t".
fn with_quota(bench: &mut Bench, maximum: u16, present: bool) -> Peer {
    let with = [receive_maximum(maximum), Property::SessionExpiryInterval(60)];
    let a = bench.dial(connect5("a", &with, |connect| connect.clean_start = false));
    bench.connack5(a, present);
    if !present {
        bench.subscribed5(a, &[sub5("t", 2)]);
    }
    a
}

#[test]
fn mqtt_4_9_0_1_the_quota_begins_with_the_receive_maximum_of_each_connection() {
    let mut bench = Bench::new();
    let a = with_quota(&mut bench, 3, false);
    for n in 1..=6 {
        bench.publish(message5("t", &n.to_string(), 1, &[]));
    }
    let sent = |ids: &[u16]| {
        let sent = ids.iter().map(|id| publish5_1(*id, "t", id.to_string(), &[]));
        sent.collect::<Vec<_>>().concat()
    };
    bench.got(a, sent(&[1, 2, 3]));
    bench.lose(a);
    // Three are in flight: only so many may be sent again at once.
    let a = with_quota(&mut bench, 1, true);
    bench.got(a, dup(sent(&[1])));
    bench.ask(a, puback5(1, 0, &[]), dup(sent(&[2])));
    bench.lose(a);
    let a = with_quota(&mut bench, 4, true);
    bench.got(a, [dup(sent(&[2])), dup(sent(&[3])), sent(&[4, 5])]);
    // It does not grow beyond that by answers that nothing awaits.
    bench.ask(a, [puback5(77, 0, &[]), pubcomp5(78, 0x92, &[])], "");
    bench.ask(a, puback5(2, 0, &[]), sent(&[6]));
}

#[test]
fn mqtt_4_9_0_1_without_receive_maximum_it_is_that_of_the_configuration() {
    for maximum in [None, Some(100)] {
        let mut bench = Bench::with(|config| config.session.max_inflight_messages = 5);
        let with: Vec<_> = maximum.map(receive_maximum).into_iter().collect();
        let a = bench.client5("a", &with);
        bench.subscribed5(a, &[sub5("t", 1)]);
        for _ in 0..9 {
            bench.publish(message5("t", "x", 1, &[]));
        }
        assert_eq!(payloads5(&bench.received(a)).len(), 5);
    }
}

#[test]
fn mqtt_4_9_0_2_room_is_made_by_puback_pubcomp_and_a_pubrec_with_an_error() {
    let mut bench = Bench::new();
    let a = with_quota(&mut bench, 1, false);
    for (payload, qos) in [("1", 2), ("2", 2), ("3", 1), ("4", 1), ("5", 2), ("6", 1)] {
        bench.publish(message5("t", payload, qos, &[]));
    }
    bench.got(a, publish5_2(1, "t", "1", &[]));
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.ask(a, pubcomp5(1, 0x92, &[]), publish5_2(2, "t", "2", &[]));
    bench.ask(a, pubrec5(2, 0x97, &[]), publish5_1(3, "t", "3", &[]));
    bench.ask(a, puback5(3, 0, &[]), publish5_1(4, "t", "4", &[]));
    bench.ask(a, puback5(4, 0x83, &[]), publish5_2(5, "t", "5", &[]));
    // Between PUBREC and PUBCOMP it stays taken, on a new connection too.
    bench.ask(a, pubrec5(5, 0, &[]), pubrel5(5, 0, &[]));
    bench.lose(a);
    let a = with_quota(&mut bench, 1, true);
    bench.got(a, pubrel5(5, 0, &[]));
    bench.ask(a, pubcomp5(5, 0, &[]), publish5_1(6, "t", "6", &[]));
}

#[test]
fn mqtt_4_9_0_2_retained_messages_wait_for_room_too() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    for name in ["k/1", "k/2", "k/3"] {
        bench.ask(b, retained(publish5_1(1, name, "x", &[])), puback5(1, 0x10, &[]));
    }
    let a = bench.client5("a", &[receive_maximum(2)]);
    let stored = |id: u16| retained(publish5_1(id, &format!("k/{id}"), "x", &[]));
    let first = [stored(1), stored(2)].concat();
    bench.ask(a, subscribe5(1, &[sub5("k/+", 1)], &[]), [suback5(1, &[1], &[]), first]);
    bench.ask(a, puback5(2, 0, &[]), stored(3));
}

#[test]
fn a_pubrel_that_is_sent_again_does_not_wait_for_room() {
    let mut bench = Bench::new();
    let a = with_quota(&mut bench, 3, false);
    for payload in ["1", "2", "3"] {
        bench.publish(message5("t", payload, 2, &[]));
    }
    bench.received(a);
    bench.ask(a, [pubrec5(3, 0, &[]), pubrec5(2, 0, &[])], [3, 2].map(|id| pubrel5(id, 0, &[])));
    bench.lose(a);
    let a = with_quota(&mut bench, 1, true);
    let again = dup(publish5_2(1, "t", "1", &[]));
    bench.got(a, [again, pubrel5(2, 0, &[]), pubrel5(3, 0, &[])]);
}

#[test]
fn what_is_acknowledged_before_it_was_sent_again_is_not_sent_again() {
    let mut bench = Bench::new();
    let a = with_quota(&mut bench, 5, false);
    for (payload, qos) in [("1", 1), ("2", 1), ("3", 2), ("4", 2), ("5", 1)] {
        bench.publish(message5("t", payload, qos, &[]));
    }
    bench.received(a);
    bench.lose(a);
    let a = with_quota(&mut bench, 1, true);
    bench.got(a, dup(publish5_1(1, "t", "1", &[])));
    bench.ask(a, [puback5(2, 0, &[]), pubrec5(3, 0x80, &[])], "");
    bench.ask(a, pubrec5(4, 0, &[]), pubrel5(4, 0, &[]));
    bench.ask(a, [pubcomp5(4, 0, &[]), puback5(1, 0, &[])], dup(publish5_1(5, "t", "5", &[])));
}

#[test]
fn mqtt_4_9_0_3_with_no_room_all_else_is_answered() {
    let mut bench = Bench::new();
    let a = with_quota(&mut bench, 1, false);
    let b = bench.client5("b", &[]);
    bench.subscribed5(b, &[sub5("u", 0)]);
    bench.publish(message5("t", "first", 1, &[]));
    bench.publish(message5("t", "second", 1, &[]));
    bench.got(a, publish5_1(1, "t", "first", &[]));
    bench.ask(a, publish5_1(1, "u", "x", &[]), puback5(1, 0, &[]));
    bench.ask(a, publish5_2(1, "u", "y", &[]), pubrec5(1, 0, &[]));
    bench.ask(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.got(b, [publish5("u", "x", &[]), publish5("u", "y", &[])]);
    bench.ask(a, PINGREQ, "d000");
    bench.ask(a, subscribe5(2, &[sub5("v", 0)], &[]), suback5(2, &[0], &[]));
    bench.ask(a, unsubscribe5(2, &["v"], &[]), unsuback5(2, &[0], &[]));
    bench.ask(a, puback5(1, 0, &[]), publish5_1(2, "t", "second", &[]));
}

#[test]
fn more_open_messages_than_the_receive_maximum_end_the_connection() {
    let mut bench = Bench::with(|config| config.session.max_unreleased_messages = 2);
    let [a, b] = ["a", "b"].map(|name| bench.client5(name, &[]));
    bench.subscribed5(b, &[sub5("t", 0)]);
    for id in [1, 2] {
        bench.ask(a, publish5_2(id, "t", "x", &[]), pubrec5(id, 0, &[]));
    }
    // Repetitions are none of them, and neither is what was released.
    bench.ask(a, dup(publish5_2(2, "t", "x", &[])), pubrec5(2, 0, &[]));
    bench.ask(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.ask(a, publish5_2(3, "t", "x", &[]), pubrec5(3, 0, &[]));
    bench.send(a, publish5_2(4, "t", "x", &[]));
    bench.ended5(a, 0x93, ClientFault::ReceiveMaximumExceeded);
    // At QoS 1 a message is open until its PUBACK was sent.
    let a = bench.client5("a", &[]);
    for id in 1..=9 {
        bench.ask(a, publish5_1(id, "none", "x", &[]), puback5(id, 0x10, &[]));
    }
    bench.stall(a);
    bench.send(a, [1, 2, 3].map(|id| publish5_1(id, "none", "x", &[])));
    bench.resume(a);
    let answers = [1, 2].map(|id| puback5(id, 0x10, &[])).concat();
    let last = farewell5(0x93, ClientFault::ReceiveMaximumExceeded);
    bench.got5(a, [answers, last]);
}
