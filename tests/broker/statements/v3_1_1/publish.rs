//! PUBLISH, section 3.3.

use mqtt_sansio::{Access, CloseReason, Filter, Message, Permissions, QoS, TopicName};

use crate::bench::{Answer, Bench};
use crate::wire::{
    connect, dup, payloads, puback, publish, publish1, publish2, published, pubrec, retained,
    suback, subscribe, topic,
};

#[test]
fn mqtt_3_3_1_1_a_publish_that_is_sent_again_has_dup() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    let b = bench.client("b");
    bench.ask(b, publish1(1, "t", "one"), puback(1));
    bench.send(b, [publish2(2, "t", "two"), crate::wire::pubrel(2)]);
    bench.got(a, [publish1(1, "t", "one"), publish2(2, "t", "two")]);
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, "20020100  3a08 0001 74 0001 6f6e65  3c08 0001 74 0002 74776f");
}

#[test]
fn mqtt_3_3_1_3_dup_of_the_publisher_is_not_passed_on() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.ask(b, dup(publish1(9, "t", "x")), puback(9));
    bench.got(a, "3206 0001 74 0001 78");
    bench.ask(b, dup(publish2(9, "t", "y")), pubrec(9));
    bench.ask(b, "62020009", "70020009");
    bench.got(a, "3406 0001 74 0002 79");
}

#[test]
fn mqtt_3_3_1_5_a_retained_message_and_its_qos_are_stored() {
    for (sent, qos) in [
        (retained(publish("t", "x")), QoS::AtMostOnce),
        (retained(publish1(1, "t", "x")), QoS::AtLeastOnce),
        (retained(publish2(1, "t", "x")), QoS::ExactlyOnce),
    ] {
        let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
        bench.send(a, sent);
        bench.send(a, "62020001");
        let stored = bench.broker.router().retained(TopicName::new("t").unwrap()).unwrap();
        assert_eq!((&stored.payload[..], stored.qos), (&b"x"[..], qos));
        bench.send(late, subscribe(1, &[("t", 2)]));
        let received = bench.received(late);
        let [(first, ..)] = &published(&received)[..] else { panic!("{received:02x?}") };
        assert_eq!(*first, 0x31 | u8::from(qos) << 1);
    }
}

#[test]
fn mqtt_3_3_1_6_a_new_subscription_gets_the_last_retained_message_of_each_topic() {
    let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
    for (name, payload) in [("k/a", "old"), ("k/b", "b"), ("k/a", "a"), ("k/c/d", "d"), ("j", "j")]
    {
        bench.send(a, retained(publish(name, payload)));
    }
    bench.send(late, subscribe(1, &[("k/+", 0)]));
    let got = bench.received(late);
    assert_eq!(payloads(&got), ["a", "b"]);
    bench.send(late, subscribe(2, &[("k/#", 0)]));
    let got = bench.received(late);
    assert_eq!(payloads(&got), ["a", "b", "d"]);
}

#[test]
fn mqtt_3_3_1_7_a_retained_message_at_qos_0_takes_the_place_of_any_older_one() {
    let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
    bench.ask(a, retained(publish1(1, "t", "old")), puback(1));
    bench.send(a, retained(publish("t", "new")));
    let new = retained(publish("t", "new"));
    bench.ask(late, subscribe(1, &[("t", 2)]), [suback(1, &[2]), new]);
}

#[test]
fn mqtt_3_3_1_8_what_a_new_subscription_gets_has_retain_set() {
    let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
    bench.ask(a, retained(publish1(1, "t", "x")), puback(1));
    bench.ask(late, subscribe(1, &[("t", 0)]), "90030001 00  3104 0001 74 78");
    bench.ask(late, subscribe(2, &[("t", 1)]), "90030002 01  3306 0001 74 0001 78");
}

#[test]
fn mqtt_3_3_1_9_what_an_existing_subscription_gets_has_no_retain() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.send(b, retained(publish("t", "x")));
    bench.got(a, "3004 0001 74 78");
    bench.ask(b, retained(publish1(5, "t", "y")), puback(5));
    bench.got(a, "3206 0001 74 0001 79");
    bench.ask(b, retained(publish2(5, "t", "z")), pubrec(5));
    bench.ask(b, "62020005", "70020005");
    bench.got(a, "3406 0001 74 0002 7a");
}

#[test]
fn mqtt_3_3_1_10_an_empty_retained_message_is_delivered_and_removes_the_stored_one() {
    let (mut bench, [a, b, late]) = Bench::with_clients(["a", "b", "late"]);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    bench.send(b, retained(publish("t", "x")));
    bench.send(b, retained(publish("u", "kept")));
    bench.got(a, "3004 0001 74 78");
    bench.send(b, retained(publish("t", "")));
    bench.got(a, "3003 0001 74");
    let kept = retained(publish("u", "kept"));
    bench.ask(late, subscribe(1, &[("#", 0)]), [suback(1, &[0]), kept]);
}

#[test]
fn mqtt_3_3_1_11_an_empty_retained_message_is_not_stored() {
    let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
    bench.send(a, retained(publish("t", "")));
    bench.ask(late, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn mqtt_3_3_1_12_a_message_without_retain_changes_nothing_that_is_stored() {
    let (mut bench, [a, late]) = Bench::with_clients(["a", "late"]);
    bench.send(a, publish("u", "not stored"));
    bench.send(a, retained(publish("t", "stored")));
    bench.send(a, publish("t", "not stored"));
    bench.send(a, publish("t", ""));
    let stored = retained(publish("t", "stored"));
    bench.ask(late, subscribe(1, &[("#", 0)]), [suback(1, &[0]), stored]);
}

#[test]
fn mqtt_3_3_2_3_a_client_gets_only_what_one_of_its_filters_matches() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    let filters = [("k/+/temp", 0), ("s/#", 0), ("t", 0)];
    bench.ask(a, subscribe(1, &filters), suback(1, &[0, 0, 0]));
    let names = [
        "k/a/temp",
        "k/temp",
        "k/a/b/temp",
        "k//temp",
        "s",
        "s/",
        "s/a/b",
        "sa",
        "t",
        "T",
        "t/",
        "/t",
        "k/a/temp/",
        "$s",
        "k/a/tempo",
    ];
    for name in names {
        bench.publish(Message::new(name, "x").unwrap());
    }
    let matching = names.iter().filter(|name| {
        filters.iter().any(|(filter, _)| crate::wire::filter(filter).matches(topic(name)))
    });
    let got = bench.received(a);
    let got: Vec<_> = published(&got).into_iter().map(|(_, name, _)| name).collect();
    assert!(got.iter().eq(matching), "{got:?}");
    assert_eq!(got, ["k/a/temp", "k//temp", "s", "s/", "s/a/b", "t"]);
}

#[test]
fn mqtt_3_3_4_1_publish_is_answered_by_its_qos() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, "3004 0001 74 78", "");
    bench.ask(a, "3206 0001 74 1234 78", "4002 1234");
    bench.ask(a, "3406 0001 74 1235 78", "5002 1235");
}

#[test]
fn mqtt_3_3_5_1_overlapping_subscriptions_deliver_once_at_the_highest_qos() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.ask(a, subscribe(1, &[("#", 0), ("t/+", 2), ("t/a", 1)]), suback(1, &[0, 2, 1]));
    bench.ask(b, publish2(1, "t/a", "x"), pubrec(1));
    bench.ask(b, "62020001", "70020001");
    bench.got(a, publish2(1, "t/a", "x"));
    bench.ask(b, publish2(2, "u", "y"), pubrec(2));
    bench.ask(b, "62020002", "70020002");
    bench.got(a, publish("u", "y"));
    // The order of the subscriptions makes no difference.
    let c = bench.client("c");
    bench.ask(c, subscribe(1, &[("t/a", 1), ("t/+", 0)]), suback(1, &[1, 0]));
    bench.ask(b, publish1(3, "t/a", "z"), puback(3));
    bench.got(c, publish1(1, "t/a", "z"));
}

#[test]
fn mqtt_3_3_5_2_a_publish_without_permission_is_acknowledged_and_goes_nowhere() {
    let mut bench = Bench::new();
    bench.answer_with(|_| {
        let secret = Filter::new("secret/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Publish, secret))
    });
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.ask(a, subscribe(1, &[("#", 2)]), suback(1, &[2]));
    bench.ask(b, retained(publish("secret/0", "x")), "");
    bench.ask(b, retained(publish1(1, "secret/1", "x")), puback(1));
    bench.ask(b, retained(publish2(2, "secret/2", "x")), pubrec(2));
    bench.ask(b, "62020002", "70020002");
    bench.quiet(&[a, b]);
    assert_eq!(bench.broker.router().retained_messages(), 0);
    assert_eq!(bench.broker.statistics().publish_rejected, 3);
    bench.send(b, "e000");
    bench.is_closed(b, CloseReason::Disconnected);
}
