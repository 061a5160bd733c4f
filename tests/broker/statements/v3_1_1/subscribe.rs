//! SUBSCRIBE, UNSUBSCRIBE and PINGREQ, sections 3.8 to 3.12; topics, section 4.7.

use mqtt_sansio::{Access, Filter, Message, Permissions};

use crate::bench::{Answer, Bench};
use crate::wire::{
    PINGREQ, connect, payloads, puback, publish, publish1, publish2, published, pubrec, retained,
    suback, subscribe, unsuback, unsubscribe,
};

/// At this QoS, published by the program.
fn message(name: &str, payload: &'static str, qos: u8) -> Message {
    let mut message = Message::new(name, payload).unwrap();
    message.qos = qos.try_into().unwrap();
    message
}

#[test]
fn mqtt_3_8_3_2_filters_with_wildcards_are_served_not_rejected() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("k/+/t", 1), ("s/#", 2)]), "9004 0001 01 02");
    bench.publish(message("k/x/t", "plus", 0));
    bench.publish(message("s/x/y", "number sign", 0));
    bench.got(a, [publish("k/x/t", "plus"), publish("s/x/y", "number sign")]);
}

#[test]
fn mqtt_3_8_4_1_subscribe_is_answered_with_suback() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, "8206 0001 0001 74 00", "9003 0001 00");
    bench.ask(a, "8206 0001 0001 74 01", "9003 0001 01");
}

#[test]
fn mqtt_3_8_4_2_suback_has_the_packet_id_of_subscribe() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    for id in [1, 0x1234, 0x8000, u16::MAX] {
        bench.ask(a, subscribe(id, &[("t", 0)]), &*format!("9003 {id:04x} 00"));
    }
}

#[test]
fn mqtt_3_8_4_3_the_same_filter_again_replaces_the_subscription_and_brings_retained_messages() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    let mut stored = message("t", "stored", 2);
    stored.retain = true;
    bench.publish(stored);
    bench.got(a, publish2(1, "t", "stored"));
    let answer = [suback(2, &[0]), retained(publish("t", "stored"))];
    bench.ask(a, subscribe(2, &[("t", 0)]), answer);
    // One subscription, at the new QoS; what was in flight goes on.
    bench.publish(message("t", "x", 2));
    bench.got(a, publish("t", "x"));
    bench.ask(a, pubrec(1), "62020001");
    assert_eq!(bench.broker.router().subscriptions(), 1);
    let answer = [suback(3, &[1]), retained(publish1(2, "t", "stored"))];
    bench.ask(a, subscribe(3, &[("t", 1)]), answer);
    bench.publish(message("t", "y", 2));
    bench.got(a, publish1(3, "t", "y"));
}

#[test]
fn mqtt_3_8_4_3_the_flow_of_messages_is_not_interrupted() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.stall(a);
    bench.publish(message("t", "before", 1));
    bench.send(a, subscribe(2, &[("t", 1)]));
    bench.publish(message("t", "after", 1));
    bench.resume(a);
    bench.got(a, [suback(2, &[1]), publish1(1, "t", "before"), publish1(2, "t", "after")]);
}

#[test]
fn mqtt_3_8_4_4_several_filters_are_as_several_subscribes_with_one_answer() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    let mut stored = message("t", "stored", 2);
    stored.retain = true;
    bench.publish(stored);
    // The last of a filter counts; each brings what is retained.
    let filters = [("t", 2), ("u", 1), ("t", 0)];
    let stored2 = retained(publish2(1, "t", "stored"));
    let answer = [suback(1, &[2, 1, 0]), stored2, retained(publish("t", "stored"))];
    bench.ask(a, subscribe(1, &filters), answer);
    assert_eq!(bench.broker.router().subscriptions(), 2);
    bench.publish(message("t", "x", 2));
    bench.got(a, publish("t", "x"));
}

#[test]
fn mqtt_3_8_4_5_suback_says_for_each_filter_what_was_granted_or_failed() {
    let mut bench =
        Bench::with(|config| config.session.features.maximum_qos = mqtt_sansio::QoS::AtLeastOnce);
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, secret))
    });
    let a = bench.client("a");
    let filters = [("a", 0), ("b", 1), ("c", 2), ("secret/x", 2), ("d", 0)];
    bench.ask(a, subscribe(1, &filters), "9007 0001 00 01 01 80 00");
    bench.publish(message("secret/x", "x", 0));
    bench.quiet(&[a]);
    // What was granted is what is delivered.
    bench.publish(message("c", "x", 2));
    bench.got(a, publish1(1, "c", "x"));
}

#[test]
fn mqtt_3_8_4_6_delivery_is_at_the_lower_of_published_and_granted_qos() {
    for published_at in 0..=2 {
        for granted in 0..=2 {
            let (mut bench, [a]) = Bench::with_clients(["a"]);
            bench.ask(a, subscribe(1, &[("t", granted)]), suback(1, &[granted]));
            bench.publish(message("t", "x", published_at));
            let expected = match published_at.min(granted) {
                0 => publish("t", "x"),
                1 => publish1(1, "t", "x"),
                _ => publish2(1, "t", "x"),
            };
            bench.got(a, expected);
        }
    }
}

#[test]
fn mqtt_3_8_4_6_the_lower_qos_holds_for_retained_and_stored_messages_too() {
    for (published_at, granted) in [(0, 2), (1, 2), (2, 1), (1, 1), (2, 2)] {
        let mut bench = Bench::new();
        let mut stored = message("t", "x", published_at);
        stored.retain = true;
        bench.publish(stored);
        let a = bench.stayer("a", false);
        bench.send(a, subscribe(1, &[("t", granted)]));
        let got = bench.received(a);
        let flags = published_at.min(granted) << 1;
        assert_eq!(published(&got)[0].0, 0x31 | flags, "{published_at} {granted}");
        bench.send(a, crate::wire::DISCONNECT);
        bench.publish(message("t", "y", published_at));
        let a = bench.dial(connect("a", |connect| connect.clean_start = false));
        let got = published(&bench.received(a));
        let last = got.last().map(|(first, _, payload)| (*first, &payload[..]));
        let expected = (flags > 0).then_some((0x30 | flags, "y"));
        assert_eq!(last, expected, "{published_at} {granted}");
    }
}

#[test]
fn mqtt_3_9_3_1_suback_codes_are_in_the_order_of_the_filters() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    let filters = [("z", 2), ("a", 0), ("m", 1), ("b", 2), ("y", 0)];
    bench.ask(a, subscribe(1, &filters), "9007 0001 02 00 01 02 00");
}

#[test]
fn mqtt_3_10_4_1_unsubscribe_deletes_the_filter_that_is_the_same_and_no_other() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.ask(a, subscribe(1, &[("t/a", 0), ("t/+", 0)]), suback(1, &[0, 0]));
    bench.ask(b, subscribe(1, &[("t/a", 0)]), suback(1, &[0]));
    for other in ["t/#", "+/a", "T/a", "t/a/", "t", "#", "t/b", "/t/a"] {
        bench.ask(a, unsubscribe(2, &[other]), unsuback(2));
    }
    assert_eq!(bench.broker.router().subscriptions(), 3);
    bench.ask(a, unsubscribe(3, &["t/+"]), unsuback(3));
    bench.publish(message("t/b", "x", 0));
    bench.quiet(&[a, b]);
    bench.publish(message("t/a", "x", 0));
    bench.got(a, publish("t/a", "x"));
    bench.got(b, publish("t/a", "x"));
    bench.ask(a, unsubscribe(4, &["t/a"]), unsuback(4));
    bench.publish(message("t/a", "x", 0));
    bench.quiet(&[a]);
    bench.got(b, publish("t/a", "x"));
}

#[test]
fn mqtt_3_10_4_2_after_unsubscribe_nothing_new_is_queued() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.stall(a);
    bench.send(a, unsubscribe(2, &["t"]));
    bench.publish(message("t", "x", 1));
    bench.resume(a);
    bench.got(a, unsuback(2));
    bench.send(a, crate::wire::DISCONNECT);
    bench.publish(message("t", "x", 1));
    let a = bench.stayer("a", true);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_3_10_4_3_deliveries_that_were_begun_are_completed() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.publish(message("t", "two", 2));
    bench.publish(message("t", "one", 1));
    bench.got(a, [publish2(1, "t", "two"), publish1(2, "t", "one")]);
    bench.ask(a, unsubscribe(2, &["t"]), unsuback(2));
    bench.ask(a, pubrec(1), "62020001");
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  62020001  3a08 0001 74 0002 6f6e65");
    bench.ask(a, [crate::wire::pubcomp(1), puback(2)], "");
    bench.is_open(a);
}

#[test]
fn mqtt_3_10_4_4_unsubscribe_is_answered_with_unsuback_and_its_packet_id() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.ask(a, unsubscribe(0xABCD, &["t"]), "b002 abcd");
}

#[test]
fn mqtt_3_10_4_5_unsuback_is_sent_where_nothing_was_deleted_too() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, unsubscribe(7, &["never", "+/seen"]), "b002 0007");
}

#[test]
fn mqtt_3_10_4_6_several_filters_are_deleted_with_one_unsuback() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("a", 0), ("b", 0), ("c", 0)]), suback(1, &[0, 0, 0]));
    bench.ask(a, unsubscribe(2, &["a", "never", "c"]), "b002 0002");
    for name in ["a", "b", "c"] {
        bench.publish(message(name, "x", 0));
    }
    bench.got(a, publish("b", "x"));
}

#[test]
fn mqtt_3_12_4_1_pingreq_is_answered_with_pingresp() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, PINGREQ, "d000");
    bench.ask(a, "c000 c000", "d000 d000");
}

#[test]
fn mqtt_4_7_2_1_wildcards_at_the_beginning_match_no_dollar_topic() {
    let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
    let filters = [("#", 0), ("+/x", 0), ("+", 0), ("/#", 0), ("+/#", 0)];
    bench.ask(a, subscribe(1, &filters), suback(1, &[0; 5]));
    for name in ["$x", "$a/x", "$SYS/x", "$/x"] {
        let mut stored = message(name, "x", 0);
        stored.retain = true;
        bench.publish(stored);
    }
    bench.quiet(&[a]);
    bench.ask(late, subscribe(1, &filters), suback(1, &[0; 5]));
    bench.send(late, subscribe(2, &[("$a/+", 0), ("$SYS/#", 0)]));
    let got = published(&bench.received(late));
    assert!(got.iter().map(|(_, name, _)| name).eq(["$a/x", "$SYS/x"]), "{got:?}");
    bench.publish(message("$a/x", "y", 0));
    bench.got(late, publish("$a/x", "y"));
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_7_3_4_levels_are_compared_byte_by_byte() {
    // Two ways to write é, letters of two sizes, spaces, empty levels, a byte order mark.
    let names = ["\u{e9}", "e\u{301}", "a", "A", "a ", " a", "a/", "/a", "a//", "\u{feff}a", "ａ"];
    for subscribed in names {
        let (mut bench, [a]) = Bench::with_clients(["a"]);
        bench.ask(a, subscribe(1, &[(subscribed, 0)]), suback(1, &[0]));
        for name in names {
            bench.publish(Message::new(name, name).unwrap());
        }
        assert_eq!(payloads(&bench.received(a)), [subscribed], "{subscribed:?}");
    }
}
