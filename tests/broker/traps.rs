//! What has broken other brokers, one test each.

use mqtt_sansio::{BrokerEvent, ClientFault, CloseReason, Message, QoS, ReasonCode, Version};

use crate::bench::{Bench, Peer};
use crate::wire::{
    DISCONNECT, PINGREQ, PINGRESP, connect, connect_with_will, dup, payloads, puback, pubcomp,
    publish, publish1, publish2, published, pubrec, pubrel, retained, suback, subscribe, will,
};

fn message(name: &str, payload: &str, qos: u8) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

#[track_caller]
fn subscriber(bench: &mut Bench, name: &str, filters: &[(&str, u8)]) -> Peer {
    let peer = bench.client(name);
    let codes: Vec<u8> = filters.iter().map(|(_, qos)| *qos).collect();
    bench.ask(peer, subscribe(1, filters), suback(1, &codes));
    peer
}

#[test]
fn a_length_that_runs_past_its_packet_closes_and_reads_nothing_of_the_next() {
    for hex in [
        "3004 0005 7461",
        "3204 0001 74 00",
        "8205 0001 0009 74",
        "8205 0001 0001 74",
        "a205 0001 0002 74",
        "3001 00",
        "3000",
    ] {
        let mut bench = Bench::new();
        let heir = subscriber(&mut bench, "heir", &[("#", 0)]);
        let a = bench.client("a");
        bench.send(a, [crate::wire::unhex(hex), publish("t", "x")]);
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{hex}");
        bench.quiet(&[heir]);
    }
}

#[test]
fn a_body_of_pingreq_or_disconnect_is_not_the_next_packet() {
    for hex in ["c002 c000", "e002 c000", "c006 3004 0001 7478"] {
        let mut bench = Bench::new();
        let heir = subscriber(&mut bench, "heir", &[("#", 0)]);
        let a = bench.client("a");
        bench.send(a, hex);
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{hex}");
        bench.quiet(&[heir]);
    }
}

#[test]
fn a_header_of_256_mib_is_refused_at_once() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.send(a, "30ffffff7f");
    assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)));
    let b = bench.dial("10ffffff7f");
    assert!(matches!(bench.closed_silently(b), CloseReason::ClientFault(_)));
}

#[test]
fn remaining_lengths_of_more_bytes_than_needed_are_read_and_of_five_refused() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, "c080808000", PINGRESP);
    bench.send(a, "c08080808000");
    assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)));
}

#[test]
fn a_byte_order_mark_and_control_characters_are_passed_on_unchanged() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", &[("#", 0)]);
    for name in ["\u{feff}t", "\u{1}", "\u{1f}/\u{7f}", "\u{9f}", "\u{ffff}"] {
        bench.ask(a, publish(name, name), publish(name, name));
    }
}

#[test]
fn a_topic_that_begins_with_a_character_of_two_bytes_is_no_dollar_topic() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", &[("#", 0)]);
    let b = subscriber(&mut bench, "b", &[("+", 0)]);
    bench.ask(a, publish("é", "x"), publish("é", "x"));
    bench.got(b, publish("é", "x"));
}

#[test]
fn subscribe_with_qos_3_or_reserved_bits_or_no_filter_is_closed() {
    for hex in ["8206 0001 0001 74 03", "8206 0001 0001 74 04", "8206 0001 0001 74 80", "82020001"]
    {
        let (mut bench, [a]) = Bench::with_clients(["a"]);
        bench.send(a, hex);
        assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)), "{hex}");
        assert_eq!(bench.broker.router().subscriptions(), 0);
    }
}

#[test]
fn the_first_acknowledgement_after_a_resumed_session_opens_the_window_by_one() {
    let mut bench = Bench::with(|config| config.session.max_inflight_messages = 2);
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    for payload in ["1", "2", "3", "4"] {
        bench.publish(message("t", payload, 1));
    }
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    // No more is sent again than the window holds.
    let again = [dup(publish1(1, "t", "1")), dup(publish1(2, "t", "2"))].concat();
    bench.got(a, [vec![0x20, 2, 1, 0], again]);
    bench.ask(a, puback(1), publish1(3, "t", "3"));
    bench.ask(a, puback(1), "");
    bench.ask(a, puback(2), publish1(4, "t", "4"));
}

#[test]
fn a_qos_2_duplicate_is_delivered_once_before_and_after_reconnect() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", &[("t", 2)]);
    let b = bench.stayer("b", false);
    bench.ask(b, publish2(5, "t", "x"), pubrec(5));
    bench.ask(b, dup(publish2(5, "t", "x")), pubrec(5));
    bench.lose(b);
    let b = bench.stayer("b", true);
    bench.ask(b, dup(publish2(5, "t", "x")), pubrec(5));
    bench.ask(b, pubrel(5), pubcomp(5));
    bench.ask(b, pubrel(5), pubcomp(5));
    bench.got(a, publish2(1, "t", "x"));
    // A clean session knows nothing of it.
    let b = bench.client("b");
    bench.ask(b, dup(publish2(5, "t", "new")), pubrec(5));
    bench.ask(b, pubrel(5), pubcomp(5));
    bench.got(a, publish2(2, "t", "new"));
}

#[test]
fn pubrel_for_unknown_id_is_answered_with_pubcomp() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, pubrel(9), pubcomp(9));
    bench.is_open(a);
}

#[test]
fn pubrec_for_unknown_id_is_answered_with_pubrel() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, pubrec(9), pubrel(9));
    bench.ask(a, [puback(9), pubcomp(9)], "");
    bench.is_open(a);
}

#[test]
fn the_same_id_in_both_directions_is_two_exchanges() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", &[("t", 2)]);
    bench.publish(message("t", "x", 2));
    bench.got(a, publish2(1, "t", "x"));
    bench.ask(a, publish2(1, "u", "y"), pubrec(1));
    bench.ask(a, subscribe(1, &[("v", 0)]), suback(1, &[0]));
    bench.ask(a, pubrec(1), pubrel(1));
    bench.ask(a, pubrel(1), pubcomp(1));
    bench.ask(a, pubcomp(1), "");
    bench.is_open(a);
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_is_a_fault() {
    for (qos, wrong) in [(1, pubrec(1)), (1, pubcomp(1)), (2, puback(1)), (2, pubcomp(1))] {
        let mut bench = Bench::new();
        let a = subscriber(&mut bench, "a", &[("t", 2)]);
        bench.publish(message("t", "x", qos));
        bench.received(a);
        bench.send(a, wrong);
        let reason = bench.closed_silently(a);
        let CloseReason::ClientFault(fault) = reason else { panic!("{reason}") };
        assert!(matches!(fault, ClientFault::UnexpectedAcknowledgement { .. }), "{fault}");
    }
}

#[test]
fn an_empty_payload_without_retain_deletes_nothing() {
    let mut bench = Bench::new();
    let a = bench.client("a");
    bench.send(a, [retained(publish("t", "x")), publish("t", "")]);
    let late = bench.client("late");
    let stored = retained(publish("t", "x"));
    bench.ask(late, subscribe(1, &[("t", 0)]), [suback(1, &[0]), stored]);
}

#[test]
fn an_empty_payload_with_retain_deletes_and_is_forwarded() {
    for qos in 0..=2 {
        let mut bench = Bench::new();
        let a = subscriber(&mut bench, "a", &[("t", 2)]);
        bench.send(a, retained(publish("t", "x")));
        bench.received(a);
        let mut clear = message("t", "", qos);
        clear.retain = true;
        bench.publish(clear);
        let expected = match qos {
            0 => publish("t", ""),
            1 => publish1(1, "t", ""),
            _ => publish2(1, "t", ""),
        };
        bench.got(a, expected);
        assert_eq!(bench.broker.router().retained_messages(), 0);
    }
}

#[test]
fn resubscribing_sends_what_is_retained_again() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.send(a, retained(publish("t", "x")));
    for id in 1..4 {
        let stored = retained(publish("t", "x"));
        bench.ask(a, subscribe(id, &[("t", 0)]), [suback(id, &[0]), stored]);
    }
    // But coming back is no subscribing.
    bench.lose(a);
    let a = bench.stayer("a", true);
    bench.quiet(&[a]);
}

#[test]
fn the_qos_of_a_delivery_is_never_raised_also_in_the_queue_of_a_client_that_is_away() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1), ("u", 2)]), suback(1, &[1, 2]));
    bench.lose(a);
    bench.publish(message("t", "2 at 1", 2));
    bench.publish(message("u", "1 at 2", 1));
    bench.publish(message("u", "0 at 2", 0));
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, [vec![0x20, 2, 1, 0], publish1(1, "t", "2 at 1"), publish1(2, "u", "1 at 2")]);
}

#[test]
fn a_lower_subscription_after_queueing_does_not_raise_or_lose_what_waits() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.stall(a);
    bench.publish(message("t", "x", 2));
    bench.send(a, subscribe(2, &[("t", 0)]));
    bench.publish(message("t", "y", 2));
    bench.resume(a);
    bench.got(a, [suback(2, &[0]), publish2(1, "t", "x"), publish("t", "y")]);
}

#[test]
fn share_is_a_level_like_any_other_before_5_0() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", &[("$share/g/t", 0), ("$share/h/t", 0)]);
    bench.publish(message("t", "x", 0));
    bench.quiet(&[a]);
    bench.publish(message("$share/g/t", "x", 0));
    bench.got(a, publish("$share/g/t", "x"));
}

#[test]
fn the_new_session_survives_the_clean_up_of_the_one_taken_over() {
    for old_clean in [true, false] {
        for new_clean in [true, false] {
            let mut bench = Bench::new();
            let hello = |clean| connect("a", move |connect| connect.clean_start = clean);
            let old = bench.dial(hello(old_clean));
            bench.stall(old);
            bench.send(old, subscribe(1, &[("old", 1)]));
            let new = bench.dial(hello(new_clean));
            bench.is_closed(old, CloseReason::TakenOver);
            bench.received(new);
            bench.ask(new, subscribe(1, &[("new", 1)]), suback(1, &[1]));
            // The transport of the old one ends late, and says more before.
            bench.send(old, DISCONNECT);
            bench.broker.handle_closed(crate::bench::ms(1000), bench.id(old));
            bench.drive();
            bench.is_open(new);
            bench.publish(message("new", "x", 1));
            bench.got(new, publish1(1, "new", "x"));
            bench.publish(message("old", "x", 1));
            if old_clean || new_clean {
                bench.quiet(&[new]);
            } else {
                bench.got(new, publish1(2, "old", "x"));
            }
        }
    }
}

#[test]
fn takeover_again_and_again_leaves_one_session() {
    let mut bench = Bench::new();
    let mut last = bench.stayer("a", false);
    bench.ask(last, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    for _ in 0..100 {
        let next = bench.stayer("a", true);
        bench.is_closed(last, CloseReason::TakenOver);
        last = next;
    }
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (1, 1));
    assert_eq!(bench.broker.statistics().clients_connected, 1);
}

#[test]
fn a_clean_session_discards_the_old_subscriptions_from_the_router() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1), ("u/#", 1)]), suback(1, &[1, 1]));
    bench.lose(a);
    assert_eq!(bench.broker.router().subscriptions(), 2);
    // Somebody else gets the number of the old session.
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    assert_eq!(bench.broker.router().subscriptions(), 0);
    bench.publish(message("t", "x", 1));
    bench.quiet(&[a, b]);
}

#[test]
fn a_will_is_published_once_and_never_after_disconnect() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", &[("w", 0)]);
    let a = bench.dial(connect_with_will("a", "gone", 0));
    bench.send(a, [vec![0xE0, 0], vec![0xFF; 20]]);
    bench.is_closed(a, CloseReason::Disconnected);
    bench.quiet(&[heir]);
    let a = bench.dial(connect("a", |connect| {
        connect.keep_alive = 10;
        connect.will = Some(will("gone", 0));
    }));
    bench.send(a, "ff00");
    bench.got(heir, publish("w", "gone"));
    bench.at(1_000_000);
    bench.quiet(&[heir]);
}

#[test]
fn an_empty_client_id_is_refused_but_for_a_clean_session_of_3_1_1() {
    for (version, clean_start, code) in [
        (Version::V3_1, true, 2),
        (Version::V3_1, false, 2),
        (Version::V3_1_1, true, 0),
        (Version::V3_1_1, false, 2),
    ] {
        let mut bench = Bench::new();
        let name =
            if version == Version::V3_1 { "0006 4d5149736470 03" } else { "0004 4d515454 04" };
        let length = if version == Version::V3_1 { 14 } else { 12 };
        let clean = u8::from(clean_start) << 1;
        let a = bench.dial(&*format!("10 {length:02x} {name} {clean:02x} 0000 0000"));
        bench.got(a, vec![0x20, 2, 0, code]);
    }
}

#[test]
fn an_assigned_client_id_is_nobody_elses() {
    let mut bench = Bench::new();
    let assigned = bench.client("");
    let names = |bench: &mut Bench| -> Vec<String> {
        let event = |event| match event {
            BrokerEvent::Connected { client_id, .. } => Some(client_id.to_string()),
            _ => None,
        };
        bench.events().into_iter().filter_map(event).collect()
    };
    let name = names(&mut bench).remove(0);
    // A stranger who comes with it neither takes the session over nor has a second one of that name.
    for clean_start in [true, false] {
        let other = bench.dial(connect(&name, |connect| connect.clean_start = clean_start));
        bench.got(other, "20020002");
        bench.is_closed(other, CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
        bench.ask(assigned, PINGREQ, PINGRESP);
    }
    // Once it is gone, it is a name like any other.
    bench.lose(assigned);
    bench.client(&name);
}

#[test]
fn what_is_in_flight_keeps_its_ids_and_new_messages_take_others() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.publish(message("t", "1", 1));
    bench.publish(message("t", "2", 1));
    bench.received(a);
    bench.lose(a);
    bench.publish(message("t", "3", 1));
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    let again = [dup(publish1(1, "t", "1")), dup(publish1(2, "t", "2"))].concat();
    bench.got(a, [vec![0x20, 2, 1, 0], again, publish1(3, "t", "3")]);
}

#[test]
fn a_dead_subscriber_delays_nobody() {
    let mut bench = Bench::new();
    bench.checked = false;
    let dead = subscriber(&mut bench, "dead", &[("t", 2)]);
    let live = subscriber(&mut bench, "live", &[("t", 0)]);
    bench.stall(dead);
    for n in 0..5000 {
        bench.publish(message("t", &n.to_string(), 2));
        assert_eq!(payloads(&bench.received(live)), [n.to_string()]);
    }
    // It gets the oldest, as many as its window and its queue hold.
    bench.resume(dead);
    assert_eq!(payloads(&bench.received(dead)).len(), 20);
    assert_eq!(bench.broker.statistics().publish_dropped, 5000 - 1000);
    bench.broker.check_invariants();
}

#[test]
fn who_says_nothing_or_something_before_connect_or_connects_twice_is_closed() {
    let mut bench = Bench::new();
    let silent = bench.open();
    let early = bench.dial(PINGREQ);
    let twice = bench.dial([connect("a", |_| ()), connect("a", |_| ())]);
    assert_eq!(bench.closed_silently(early), ClientFault::NotConnect(0xC0).into());
    bench.is_closed(twice, ClientFault::SecondConnect);
    bench.at(11_000);
    assert_eq!(bench.closed_silently(silent), CloseReason::ConnectTimeout);
}

#[test]
fn messages_to_a_client_with_two_filters_in_two_subscribes_come_once() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", &[("t/#", 1)]);
    bench.ask(a, subscribe(2, &[("+/x", 2)]), suback(2, &[2]));
    bench.publish(message("t/x", "x", 2));
    assert_eq!(published(&bench.received(a)).len(), 1);
}
