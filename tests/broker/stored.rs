//! Retained messages on their way to a new subscription, while other things happen.

use mqtt_sansio::{Access, Filter, Message, Permissions, QoS};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{
    DISCONNECT, connect, payloads, puback, publish, publish1, published, retained, suback,
    subscribe, unsuback, unsubscribe,
};

fn stored(name: &str, payload: &str, qos: u8) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message.retain = true;
    message
}

/// Five messages under "t/", and a client "a" that has subscribed to all but takes nothing yet.
fn waiting(qos: u8) -> (Bench, Peer) {
    let mut bench = Bench::with(|config| config.session.max_inflight_messages = 2);
    for n in 1..=5 {
        bench.publish(stored(&format!("t/{n}"), &n.to_string(), 2));
    }
    let a = bench.stayer("a", false);
    bench.stall(a);
    bench.send(a, subscribe(1, &[("t/+", qos)]));
    (bench, a)
}

#[test]
fn they_come_as_the_window_opens() {
    let (mut bench, a) = waiting(1);
    bench.resume(a);
    let two = [retained(publish1(1, "t/1", "1")), retained(publish1(2, "t/2", "2"))].concat();
    bench.got(a, [suback(1, &[1]), two]);
    bench.ask(a, puback(2), retained(publish1(3, "t/3", "3")));
    bench.ask(a, puback(1), retained(publish1(4, "t/4", "4")));
    bench.ask(a, [puback(3), puback(4)], retained(publish1(5, "t/5", "5")));
    bench.ask(a, puback(5), "");
}

#[test]
fn a_message_published_after_the_subscription_comes_once_and_in_order() {
    for qos in 0..=2 {
        let mut bench = Bench::new();
        let a = bench.client("a");
        bench.publish(stored("t", "0", 2));
        bench.stall(a);
        bench.send(a, subscribe(1, &[("t", qos)]));
        bench.publish(stored("t", "1", 2));
        bench.publish(stored("t", "2", 2));
        bench.resume(a);
        let got = published(&bench.received(a));
        // The one retained before may be left out, as it holds no longer.
        let live: Vec<_> = got.iter().filter(|(_, _, payload)| payload != "0").collect();
        let seen: Vec<_> =
            live.iter().map(|(first, _, payload)| (first & 1, &payload[..])).collect();
        assert_eq!(seen, [(0, "1"), (0, "2")], "QoS {qos}: {got:?}");
    }
}

#[test]
fn those_that_are_removed_meanwhile_do_not_come() {
    let (mut bench, a) = waiting(0);
    bench.publish(stored("t/1", "", 0));
    bench.publish(stored("t/4", "", 0));
    bench.resume(a);
    let got = published(&bench.received(a));
    let kept: Vec<_> = got.iter().filter(|(first, ..)| first & 1 == 1).collect();
    assert!(kept.iter().map(|(_, name, _)| &name[..]).eq(["t/2", "t/3", "t/5"]), "{got:?}");
}

#[test]
fn none_comes_after_unsubscribe() {
    let (mut bench, a) = waiting(1);
    bench.send(a, unsubscribe(2, &["t/+"]));
    bench.resume(a);
    bench.got(a, [suback(1, &[1]), unsuback(2)]);
    bench.broker.check_invariants();
}

#[test]
fn at_qos_1_the_rest_comes_on_the_next_connection() {
    let (mut bench, a) = waiting(1);
    bench.resume(a);
    assert_eq!(payloads(&bench.received(a)), ["1", "2"]);
    bench.send(a, puback(1));
    bench.lose(a);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    assert_eq!(payloads(&bench.received(a)), ["2", "3"]);
    bench.send(a, [puback(2), puback(3)]);
    assert_eq!(payloads(&bench.received(a)), ["4", "5"]);
}

#[test]
fn at_qos_0_the_rest_is_not_kept_for_a_client_that_is_away() {
    let (mut bench, a) = waiting(0);
    bench.send(a, DISCONNECT);
    let a = bench.stayer("a", true);
    bench.quiet(&[a]);
}

#[test]
fn each_comes_at_the_lower_qos() {
    let mut bench = Bench::new();
    for qos in 0..=2 {
        bench.publish(stored(&format!("t/{qos}"), "x", qos));
    }
    let a = bench.client("a");
    bench.send(a, subscribe(1, &[("t/+", 1)]));
    let flags: Vec<u8> = published(&bench.received(a)).iter().map(|(first, ..)| *first).collect();
    assert_eq!(flags, [0x31, 0x33, 0x33]);
}

#[test]
fn only_those_that_may_be_received_come() {
    let mut bench = Bench::new();
    for name in ["t/1", "t/2", "t/3"] {
        bench.publish(stored(name, name, 0));
    }
    bench.answer_with(|_| {
        let denied = Filter::new("t/2").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, denied))
    });
    let a = bench.client("a");
    bench.send(a, subscribe(1, &[("#", 0)]));
    assert_eq!(payloads(&bench.received(a)), ["t/1", "t/3"]);
}

#[test]
fn many_come_though_the_queue_is_short() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 2);
    for n in 0..100 {
        bench.publish(stored(&format!("t/{n:03}"), "x", 0));
    }
    let a = bench.client("a");
    bench.send(a, subscribe(1, &[("t/#", 1)]));
    assert_eq!(payloads(&bench.received(a)).len(), 100);
    assert_eq!(bench.broker.statistics().publish_dropped, 0);
}

#[test]
fn subscriptions_beyond_the_queue_are_made_without_their_retained_messages() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 2);
    for name in ["t/1", "t/2", "t/3"] {
        bench.publish(stored(name, name, 0));
    }
    let a = bench.client("a");
    bench.send(a, subscribe(1, &[("t/1", 0), ("t/2", 0), ("t/3", 0)]));
    assert_eq!(payloads(&bench.received(a)), ["t/1", "t/2"]);
    assert_eq!(bench.broker.statistics().publish_dropped, 1);
    assert_eq!(bench.broker.router().subscriptions(), 3);
    bench.send(a, publish("t/3", "x"));
    bench.got(a, publish("t/3", "x"));
}

#[test]
fn a_search_among_many_that_do_not_match_finds_all_that_do() {
    let mut bench = Bench::new();
    bench.checked = false;
    for n in 0..2000 {
        bench.publish(stored(&format!("k/{n:04}/x"), "no", 0));
    }
    for n in [0, 7, 1000, 1999] {
        bench.publish(stored(&format!("k/{n:04}/y"), &n.to_string(), 0));
    }
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.send(a, subscribe(1, &[("k/+/y", 0)]));
    assert_eq!(
        bench.wait,
        Some(crate::bench::ms(bench.now)),
        "the search goes on in the next turn"
    );
    bench.settle();
    assert_eq!(payloads(&bench.received(a)), ["0", "7", "1000", "1999"]);
    // Others are served while it is searched, and what follows waits for it.
    bench.stall(b);
    bench.send(b, subscribe(1, &[("k/+/y", 0), ("t", 0)]));
    bench.send(a, publish("t", "after"));
    bench.pull = 1;
    bench.resume(b);
    bench.settle();
    assert_eq!(payloads(&bench.received(b)), ["0", "7", "1000", "1999", "after"]);
}

#[test]
fn a_search_among_many_that_may_not_be_received_finds_those_that_may() {
    let mut bench = Bench::new();
    bench.checked = false;
    for n in 0..1000 {
        bench.publish(stored(&format!("{}/{n:03}", n / 250 % 2), &n.to_string(), 0));
    }
    bench.answer_with(|_| {
        let denied = Filter::new("0/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, denied))
    });
    let a = bench.client("a");
    bench.send(a, subscribe(1, &[("+/+", 0)]));
    bench.settle();
    assert_eq!(payloads(&bench.received(a)).len(), 500);
}

/// [MQTT-3.3.1-6]: it is the last one of its topic, and at QoS 0 nothing else brings it.
#[test]
fn one_that_was_replaced_while_its_subscriber_was_away_comes_as_it_is_now() {
    for (qos, expected) in [(0, (0x31, "new")), (1, (0x32, "new"))] {
        let (mut bench, a) = waiting(1);
        bench.resume(a);
        assert_eq!(payloads(&bench.received(a)), ["1", "2"]);
        bench.lose(a);
        bench.publish(stored("t/5", "new", qos));
        let a = bench.dial(connect("a", |connect| connect.clean_start = false));
        bench.send(a, [puback(1), puback(2)]);
        bench.send(a, [puback(3), puback(4)]);
        let got = published(&bench.received(a));
        assert_eq!(got.len(), 5, "QoS {qos}: {got:?}");
        let (first, name, payload) = &got[4];
        assert_eq!(((*first, &payload[..]), &name[..]), (expected, "t/5"), "QoS {qos}");
    }
}

#[test]
fn what_is_retained_while_the_client_is_away_comes_once_whether_it_was_stored_or_not() {
    let (mut bench, a) = waiting(1);
    bench.lose(a);
    bench.publish(stored("t/3", "not stored", 0));
    bench.publish(stored("t/5", "stored", 1));
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    let mut got = Vec::new();
    for id in 1..=20 {
        got.extend(published(&bench.received(a)));
        bench.send(a, puback(id));
    }
    let got: Vec<_> = got.iter().map(|(_, name, payload)| format!("{name} {payload}")).collect();
    assert_eq!(got, ["t/1 1", "t/2 2", "t/3 not stored", "t/4 4", "t/5 stored"]);
}
