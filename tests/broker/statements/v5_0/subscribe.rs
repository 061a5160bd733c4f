//! SUBSCRIBE, UNSUBSCRIBE and PINGREQ, sections 3.8 to 3.12; topics, section 4.7.

use mqtt_sansio::{
    Access, Filter, Message, Packet, Permissions, Property, QoS, RetainHandling, Subscription,
};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{DISCONNECT, PINGREQ, dup, frames, retained};
use crate::wire5::{
    maximum_packet_size, message5, packet5, payloads5, puback5, pubcomp5, publish5, publish5_1,
    publish5_2, published5, pubrec5, pubrel5, sub5, suback5, subscribe5, subscription_identifier,
    unsuback5, unsubscribe5, user,
};

/// A retained message of the program's own.
fn stored(name: &str, payload: &str, qos: u8) -> Message {
    let mut message = message5(name, payload, qos, &[]);
    message.retain = true;
    message
}

/// A broker where nobody may receive what is under "secret/".
fn with_secret() -> Bench {
    let mut bench = Bench::new();
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, secret))
    });
    bench
}

fn no_local(name: &str, qos: u8) -> Subscription<'_> {
    Subscription { no_local: true, ..sub5(name, qos) }
}

#[test]
fn mqtt_3_8_3_3_no_local_keeps_own_messages_from_the_publisher() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    let b = bench.client5("b", &[]);
    bench.subscribed5(a, &[no_local("t", 2)]);
    bench.subscribed5(b, &[no_local("t", 2)]);
    bench.ask(a, publish5("t", "0", &[]), "");
    bench.ask(a, publish5_1(1, "t", "1", &[]), puback5(1, 0, &[]));
    bench.ask(a, publish5_2(2, "t", "2", &[]), pubrec5(2, 0, &[]));
    bench.ask(a, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
    assert_eq!(payloads5(&bench.received(b)), ["0", "1", "2"]);
    bench.ask(b, publish5("t", "other", &[]), "");
    bench.got(a, publish5("t", "other", &[]));
    bench.publish(message5("t", "program", 0, &[]));
    bench.got(a, publish5("t", "program", &[]));
    // It goes by the client, not by its connection.
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.ask(a, publish5_1(3, "t", "3", &[]), puback5(3, 0, &[]));
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_3_8_3_3_another_subscription_of_the_publisher_gets_the_message() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    for (filter, identifier) in [(no_local("t", 2), 1), (sub5("#", 0), 2)] {
        let granted = u8::from(filter.qos);
        let subscribe = subscribe5(1, &[filter], &[subscription_identifier(identifier)]);
        bench.ask(a, subscribe, suback5(1, &[granted], &[]));
    }
    bench.send(a, publish5_1(1, "t", "own", &[]));
    let own = publish5("t", "own", &[subscription_identifier(2)]);
    bench.got(a, [puback5(1, 0, &[]), own]);
    // With the option off they come again.
    bench.ask(a, unsubscribe5(2, &["#"], &[]), unsuback5(2, &[0], &[]));
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.ask(a, publish5("t", "own", &[]), publish5("t", "own", &[]));
    bench.quiet(&[b]);
}

#[test]
fn mqtt_3_8_3_3_no_local_holds_for_retained_messages_too() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.ask(a, retained(publish5("t/a", "of a", &[])), "");
    bench.ask(b, retained(publish5("t/b", "of b", &[])), "");
    let of_b = retained(publish5("t/b", "of b", &[]));
    bench.ask5(a, subscribe5(1, &[no_local("t/+", 0)], &[]), [suback5(1, &[0], &[]), of_b]);
    let of_a = retained(publish5("t/a", "of a", &[]));
    bench.ask5(b, subscribe5(1, &[no_local("t/+", 0)], &[]), [suback5(1, &[0], &[]), of_a]);
}

#[test]
fn mqtt_3_8_4_1_subscribe_is_answered_with_suback() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.ask(a, "8207 0001 00 0001 74 00", "9004 0001 00 00");
    bench.ask(a, "8207 0001 00 0001 74 02", "9004 0001 00 02");
    bench.ask(a, "820e 0001 07 26 0001 6b 0001 76 0001 74 2d", "9004 0001 00 01");
    bench.ask(a, "8209 0001 02 0b 7f 0001 74 01", "9004 0001 00 01");
}

#[test]
fn mqtt_3_8_4_2_suback_has_the_packet_id_of_subscribe() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    for id in [1, 0x1234, 0x8000, u16::MAX] {
        bench.ask(a, subscribe5(id, &[sub5("t", 0)], &[]), &*format!("9004 {id:04x} 00 00"));
    }
}

#[test]
fn mqtt_3_8_4_3_the_same_filter_again_replaces_the_subscription_and_its_options() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    let with = subscription_identifier(5);
    bench.ask(a, subscribe5(1, &[sub5("t", 2)], &[with]), suback5(1, &[2], &[]));
    bench.publish(stored("t", "1", 2));
    bench.got(a, publish5_2(1, "t", "1", &[with]));
    let filter = Subscription {
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        ..no_local("t", 1)
    };
    bench.subscribed5(a, &[filter]);
    bench.publish(stored("t", "2", 2));
    bench.got(a, retained(publish5_1(2, "t", "2", &[])));
    bench.ask(a, publish5("t", "own", &[]), "");
    assert_eq!(bench.broker.router().subscriptions(), 1);
    let with = subscription_identifier(6);
    let filter = Subscription { retain_handling: RetainHandling::DoNotSend, ..sub5("t", 0) };
    bench.ask(a, subscribe5(3, &[filter], &[with]), suback5(3, &[0], &[]));
    bench.ask(a, retained(publish5("t", "own", &[])), publish5("t", "own", &[with]));
    // What was begun goes on; the shared subscription is another one.
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.subscribed5(a, &[sub5("$share/g/t", 0)]);
    assert_eq!(bench.broker.router().subscriptions(), 2);
}

#[test]
fn mqtt_3_8_4_4_a_replacement_brings_what_is_retained_and_loses_nothing() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.publish(stored("t/s", "stored", 1));
    let brought = retained(publish5_1(1, "t/s", "stored", &[]));
    bench.ask5(a, subscribe5(1, &[sub5("t/+", 1)], &[]), [suback5(1, &[1], &[]), brought]);
    bench.stall(a);
    bench.publish(message5("t/x", "before", 1, &[]));
    bench.send(a, subscribe5(2, &[sub5("t/+", 1)], &[]));
    bench.publish(message5("t/x", "after", 1, &[]));
    bench.resume(a);
    let got = bench.received(a);
    assert_eq!(frames(&got)[0], suback5(2, &[1], &[]));
    let got = published5(&got);
    let live = got.iter().filter(|(first, ..)| *first == 0x32);
    assert!(live.map(|(_, _, payload)| payload).eq(["before", "after"]), "{got:?}");
    let brought = got.iter().filter(|(first, ..)| *first == 0x33);
    assert!(brought.map(|(_, _, payload)| payload).eq(["stored"]), "{got:?}");
    assert_eq!(got.len(), 3);
}

#[test]
fn mqtt_3_8_4_5_several_filters_are_as_several_subscribes_with_one_answer() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.publish(stored("t", "stored", 2));
    // The last of a filter counts; each brings what is retained, unless it says otherwise.
    let other = RetainHandling::SendAtNewSubscribe;
    let filters = [
        sub5("t", 2),
        sub5("u", 1),
        Subscription { retain_handling: other, ..sub5("t", 1) },
        sub5("t", 0),
        Subscription { retain_handling: other, ..sub5("+", 0) },
    ];
    let answer = suback5(1, &[2, 1, 1, 0, 0], &[]);
    let brought = retained(publish5("t", "stored", &[]));
    let first = retained(publish5_2(1, "t", "stored", &[]));
    bench.ask5(a, subscribe5(1, &filters, &[]), [answer, first, brought.clone(), brought]);
    assert_eq!(bench.broker.router().subscriptions(), 3);
    bench.publish(message5("t", "x", 2, &[]));
    bench.got(a, publish5("t", "x", &[]));
    bench.publish(message5("u", "x", 2, &[]));
    bench.got(a, publish5_1(2, "u", "x", &[]));
}

#[test]
fn mqtt_3_8_4_6_suback_has_one_code_for_each_filter() {
    let mut bench = with_secret();
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    for count in 1..=50 {
        let filters = vec![sub5("t", 1); count];
        bench.ask(a, subscribe5(1, &filters, &[]), suback5(1, &vec![1; count], &[]));
        let filters = vec![sub5("secret/1", 1); count];
        bench.ask(a, subscribe5(1, &filters, &[]), suback5(1, &vec![0x87; count], &[]));
    }
}

#[test]
fn mqtt_3_8_4_7_each_code_is_the_qos_granted_or_a_failure() {
    let mut bench = Bench::with(|config| {
        config.session.features.maximum_qos = QoS::AtLeastOnce;
    });
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, secret))
    });
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    let names = ["secret/x", "$share/g/d", "$share/g/secret/x"];
    let filters = [sub5("a", 0), sub5("b", 1), sub5("c", 2)].into_iter();
    let filters: Vec<_> = filters.chain(names.map(|name| sub5(name, 2))).collect();
    bench.ask(a, subscribe5(1, &filters, &[]), "9009 0001 00 00 01 01 87 01 87");
    bench.publish(message5("secret/x", "x", 0, &[]));
    bench.quiet(&[a]);
    // What was granted is what is delivered.
    bench.publish(message5("c", "x", 2, &[]));
    bench.got(a, publish5_1(1, "c", "x", &[]));
}

#[test]
fn mqtt_3_8_4_8_delivery_is_at_the_lower_of_published_and_granted_qos() {
    for published_at in 0..=2 {
        for granted in 0..=2 {
            let mut bench = Bench::new();
            bench.publish(stored("t", "x", published_at));
            let sent = |id: u16| match published_at.min(granted) {
                0 => publish5("t", "x", &[]),
                1 => publish5_1(id, "t", "x", &[]),
                _ => publish5_2(id, "t", "x", &[]),
            };
            let a = bench.stayer5("a", 60, false);
            let answer = [suback5(1, &[granted], &[]), retained(sent(1))];
            bench.ask5(a, subscribe5(1, &[sub5("t", granted)], &[]), answer);
            bench.publish(message5("t", "x", published_at, &[]));
            bench.got(a, sent(2));
        }
    }
}

#[test]
fn mqtt_3_8_4_8_the_lower_qos_holds_for_stored_messages_too() {
    for (published_at, granted) in [(0, 2), (1, 2), (2, 1), (1, 1), (2, 2)] {
        let mut bench = Bench::new();
        let a = bench.stayer5("a", 60, false);
        bench.subscribed5(a, &[sub5("t", granted)]);
        bench.send(a, DISCONNECT);
        bench.publish(message5("t", "y", published_at, &[]));
        let a = bench.stayer5("a", 60, true);
        let got = published5(&bench.received(a));
        let flags = published_at.min(granted) << 1;
        let expected = (flags > 0).then_some((0x30 | flags, "t".to_owned(), "y".to_owned()));
        assert_eq!(got.first(), expected.as_ref(), "{published_at} {granted}");
    }
}

/// What a client is answered to a SUBSCRIBE of which one part is refused.
fn refused(bench: &mut Bench, a: Peer) -> Vec<u8> {
    let filters = [sub5("t", 1), sub5("secret/1", 0)];
    bench.send(a, subscribe5(7, &filters, &[user("k", "v")]));
    bench.received(a)
}

#[test]
fn mqtt_3_9_2_1_suback_leaves_out_a_reason_string_that_is_too_much() {
    let mut bench = with_secret();
    let a = bench.client5("a", &[]);
    let long = refused(&mut bench, a);
    let Packet::SubAck(suback) = packet5(&long) else { panic!("{long:02x?}") };
    let Some(Property::ReasonString(text)) = suback.properties.iter().next() else {
        panic!("{suback:?}");
    };
    assert_eq!(long, suback5(7, &[1, 0x87], &[Property::ReasonString(text)]));
    let size = u32::try_from(long.len()).unwrap();
    let b = bench.client5("b", &[maximum_packet_size(size)]);
    assert_eq!(refused(&mut bench, b), long);
    let c = bench.client5("c", &[maximum_packet_size(size - 1)]);
    assert_eq!(refused(&mut bench, c), suback5(7, &[1, 0x87], &[]));
}

#[test]
fn mqtt_3_9_2_2_suback_has_no_user_properties() {
    let mut bench = with_secret();
    let a = bench.client5("a", &[]);
    let got = refused(&mut bench, a);
    let Packet::SubAck(suback) = packet5(&got) else { panic!("{got:02x?}") };
    assert_eq!(suback.properties.user_properties().count(), 0, "{suback:?}");
    bench.ask(a, subscribe5(8, &[sub5("t", 1)], &[user("k", "v")]), "9004 0008 00 01");
}

#[test]
fn mqtt_3_9_3_1_suback_codes_are_in_the_order_of_the_filters() {
    let mut bench = with_secret();
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    let names = [("z", 2), ("a", 0), ("secret/1", 1), ("m", 1), ("b", 2), ("secret/2", 0)];
    let filters = names.map(|(name, qos)| sub5(name, qos));
    bench.ask(a, subscribe5(1, &filters, &[]), "9009 0001 00 02 00 87 01 02 87");
}

#[test]
fn mqtt_3_9_3_2_suback_uses_the_code_that_fits_each_filter() {
    let mut bench = Bench::with(|config| {
        config.max_topic_length = 10;
        config.router.max_subscriptions = 3;
    });
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, secret))
    });
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    let names = [("a", 0), ("ten/levels", 1), ("eleven/long", 1), ("secret/1", 2), ("b", 2)];
    let filters = names.map(|(name, qos)| sub5(name, qos));
    bench.ask(a, subscribe5(1, &filters, &[]), "9008 0001 00 00 01 8f 87 02");
    // There are three now: no other, but those again.
    let filters = [sub5("c", 0), sub5("b", 1), sub5("$share/g/a", 1)];
    bench.ask(a, subscribe5(2, &filters, &[]), "9006 0002 00 97 01 97");
}

#[test]
fn mqtt_3_10_4_1_unsubscribe_deletes_the_filter_that_is_the_same_and_no_other() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t/a", 0), sub5("t/+", 0), sub5("$share/g/t/b", 0)]);
    bench.subscribed5(b, &[sub5("t/a", 0)]);
    let others = [
        "t/#",
        "+/a",
        "T/a",
        "t/a/",
        "t",
        "#",
        "t/b",
        "/t/a",
        "$share/g/t/a",
        "$share/G/t/b",
        "$share/g/t/+",
    ];
    for other in others {
        bench.ask(a, unsubscribe5(2, &[other], &[]), unsuback5(2, &[0x11], &[]));
    }
    assert_eq!(bench.broker.router().subscriptions(), 4);
    bench.ask(a, unsubscribe5(3, &["t/+"], &[]), unsuback5(3, &[0], &[]));
    bench.publish(message5("t/c", "x", 0, &[]));
    bench.quiet(&[a, b]);
    bench.publish(message5("t/a", "x", 0, &[]));
    bench.publish(message5("t/b", "x", 0, &[]));
    bench.got(a, [publish5("t/a", "x", &[]), publish5("t/b", "x", &[])]);
    bench.got(b, publish5("t/a", "x", &[]));
    let filters = ["t/a", "$share/g/t/b"];
    bench.ask(a, unsubscribe5(4, &filters, &[]), unsuback5(4, &[0, 0], &[]));
    bench.publish(message5("t/a", "x", 0, &[]));
    bench.publish(message5("t/b", "x", 0, &[]));
    bench.quiet(&[a]);
    bench.got(b, publish5("t/a", "x", &[]));
}

#[test]
fn mqtt_3_10_4_2_after_unsubscribe_nothing_new_is_queued() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5("t", 1), sub5("$share/g/u", 1)]);
    bench.stall(a);
    bench.send(a, unsubscribe5(2, &["t", "$share/g/u"], &[]));
    let publish_both = |bench: &mut Bench| {
        bench.publish(message5("t", "x", 1, &[]));
        bench.publish(message5("u", "x", 1, &[]));
    };
    publish_both(&mut bench);
    bench.resume(a);
    bench.got(a, unsuback5(2, &[0, 0], &[]));
    bench.send(a, DISCONNECT);
    publish_both(&mut bench);
    let a = bench.stayer5("a", 60, true);
    bench.quiet(&[a]);
    // Nor does what is retained come any more.
    bench.publish(stored("t", "stored", 1));
    bench.stall(a);
    bench.send(a, subscribe5(3, &[sub5("t", 1)], &[]));
    bench.send(a, unsubscribe5(4, &["t"], &[]));
    bench.resume(a);
    bench.got(a, [suback5(3, &[1], &[]), unsuback5(4, &[0], &[])]);
}

#[test]
fn mqtt_3_10_4_3_deliveries_that_were_begun_are_completed() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.publish(message5("t", "two", 2, &[]));
    bench.publish(message5("t", "one", 1, &[]));
    let two = publish5_2(1, "t", "two", &[]);
    bench.got(a, [two, publish5_1(2, "t", "one", &[])]);
    bench.ask(a, unsubscribe5(2, &["t"], &[]), unsuback5(2, &[0], &[]));
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.got(a, [pubrel5(1, 0, &[]), dup(publish5_1(2, "t", "one", &[]))]);
    bench.ask(a, [pubcomp5(1, 0, &[]), puback5(2, 0, &[])], "");
    bench.is_open(a);
}

#[test]
fn mqtt_3_10_4_4_unsubscribe_is_answered_with_unsuback() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.ask(a, "a206 0009 00 0001 74", "b004 0009 00 00");
    bench.ask(a, "a20d 0009 07 26 0001 6b 0001 76 0001 74", "b004 0009 00 11");
}

#[test]
fn mqtt_3_10_4_5_unsuback_has_the_packet_id_and_comes_where_nothing_was_deleted_too() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    for id in [1, 0xABCD, u16::MAX] {
        let answer = format!("b005 {id:04x} 00 11 11");
        bench.ask(a, unsubscribe5(id, &["never", "+/seen"], &[]), &*answer);
    }
}

#[test]
fn mqtt_3_10_4_6_several_filters_are_deleted_in_order_with_one_unsuback() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("a", 0), sub5("b", 0), sub5("c", 0)]);
    let filters = ["a", "never", "c", "a"];
    bench.ask(a, unsubscribe5(2, &filters, &[]), "b007 0002 00 00 11 00 11");
    for name in ["a", "b", "c"] {
        bench.publish(message5(name, "x", 0, &[]));
    }
    bench.got(a, publish5("b", "x", &[]));
}

#[test]
fn mqtt_3_11_2_1_unsuback_has_no_reason_string() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.ask(a, unsubscribe5(1, &["t", "t"], &[]), "b005 0001 00 00 11");
}

#[test]
fn mqtt_3_11_2_2_unsuback_has_no_user_properties() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.ask(a, unsubscribe5(1, &["t", "t"], &[user("k", "v")]), "b005 0001 00 00 11");
}

#[test]
fn mqtt_3_11_3_1_unsuback_codes_are_in_the_order_of_the_filters() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("b", 0), sub5("z", 0), sub5("$share/g/a", 0)]);
    let filters = ["z", "a", "$share/g/a", "c", "b"];
    bench.ask(a, unsubscribe5(1, &filters, &[]), "b008 0001 00 00 11 00 11 00");
}

#[test]
fn mqtt_3_11_3_2_unsuback_says_whether_there_was_a_subscription() {
    let mut bench = with_secret();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.ask(a, unsubscribe5(1, &["t"], &[]), "b004 0001 00 00");
    let long = "t/".repeat(3000);
    for name in ["t", "secret/1", "$share/g/t", &long] {
        bench.ask(a, unsubscribe5(1, &[name], &[]), "b004 0001 00 11");
    }
}

#[test]
fn mqtt_3_12_4_1_pingreq_is_answered_with_pingresp() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.ask(a, PINGREQ, "d000");
    bench.ask(a, "c000 c000", "d000 d000");
}

#[test]
fn mqtt_4_7_2_1_wildcards_at_the_beginning_match_no_dollar_topic() {
    let (mut bench, [a, late]) = Bench::with_clients5(["a", "late"]);
    let names = ["#", "+/x", "+", "/#", "+/#", "$share/g/#", "$share/g/+/x"];
    let filters = names.map(|name| sub5(name, 0));
    bench.subscribed5(a, &filters);
    for name in ["$x", "$a/x", "$SYS/x", "$/x"] {
        bench.publish(stored(name, "x", 0));
    }
    bench.quiet(&[a]);
    bench.subscribed5(late, &filters);
    bench.send(late, subscribe5(2, &[sub5("$a/+", 0), sub5("$SYS/#", 0)], &[]));
    let got = published5(&bench.received(late));
    assert!(got.iter().map(|(_, name, _)| name).eq(["$a/x", "$SYS/x"]), "{got:?}");
    bench.publish(message5("$a/x", "y", 0, &[]));
    bench.got(late, publish5("$a/x", "y", &[]));
    bench.quiet(&[a]);
    // The first character is what counts, not the first byte.
    bench.publish(message5("é$/x", "z", 0, &[]));
    assert!(payloads5(&bench.received(a)).contains(&"z".to_owned()));
}

#[test]
fn mqtt_4_7_3_4_levels_are_compared_byte_by_byte() {
    // Two ways to write é, letters of two sizes, spaces, empty levels, a byte order mark.
    let names = ["\u{e9}", "e\u{301}", "a", "A", "a ", " a", "a/", "/a", "a//", "\u{feff}a", "ａ"];
    for subscribed in names {
        let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
        bench.subscribed5(a, &[sub5(subscribed, 0)]);
        for name in names {
            bench.ask(b, publish5(name, name, &[]), "");
        }
        assert_eq!(payloads5(&bench.received(a)), [subscribed], "{subscribed:?}");
    }
}

#[test]
fn a_request_that_breaks_the_protocol_ends_the_connection_with_the_code_for_it() {
    for (bytes, code) in [
        // No filter; QoS 3; Retain Handling 3; reserved bits; No Local on a shared subscription.
        ("8203 0001 00", 0x82),
        ("8207 0001 00 0001 74 03", 0x82),
        ("8207 0001 00 0001 74 30", 0x82),
        ("8207 0001 00 0001 74 40", 0x81),
        ("8210 0001 00 000a 24 7368617265 2f67 2f74 04", 0x82),
        // A Subscription Identifier that is 0, and two of them; wrong flags; packet identifier 0.
        ("8209 0001 02 0b 00 0001 74 00", 0x82),
        ("820b 0001 04 0b 01 0b 02 0001 74 00", 0x82),
        ("8007 0001 00 0001 74 00", 0x81),
        ("8207 0000 00 0001 74 00", 0x82),
        // UNSUBSCRIBE: no filter; wrong flags; a Subscription Identifier.
        ("a203 0001 00", 0x82),
        ("a006 0001 00 0001 74", 0x81),
        ("a208 0001 02 0b 01 0001 74", 0x81),
    ] {
        let (mut bench, [a]) = Bench::with_clients5(["a"]);
        bench.send(a, bytes);
        bench.ended5_by_fault(a, code);
        assert_eq!(bench.broker.router().subscriptions(), 0, "{bytes}");
    }
}
