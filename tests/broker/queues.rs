//! The limits of one session: exactly at each, one beyond it, and what becomes of that one.

use mqtt_sansio::{BrokerConfig, ClientFault, CloseReason, Message, QoS};

use crate::bench::{Bench, Peer, ms};
use crate::wire::{
    DISCONNECT, PINGREQ, Wire, connect, payloads, puback, pubcomp, publish, publish1, publish2,
    pubrec, pubrel, suback, subscribe, unsubscribe,
};

fn message(name: &str, payload: &str, qos: u8) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

/// A broker with a client that has subscribed to "t" at QoS 2, and takes nothing.
fn with_stalled(change: impl FnOnce(&mut BrokerConfig)) -> (Bench, Peer) {
    let mut bench = Bench::with(change);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.stall(a);
    (bench, a)
}

#[test]
fn max_inflight_messages_are_unfinished_at_once_and_the_next_waits() {
    for (max, window) in [(0, 1), (1, 1), (2, 2), (20, 20)] {
        let mut bench = Bench::with(|config| config.session.max_inflight_messages = max);
        let a = bench.client("a");
        bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
        for _ in 0..window + 2 {
            bench.publish(message("t", "x", 2));
        }
        assert_eq!(payloads(&bench.received(a)).len(), usize::from(window), "{max}");
        // Room is made by PUBCOMP, not by PUBREC.
        bench.ask(a, pubrec(1), pubrel(1));
        bench.ask(a, pubcomp(1), publish2(window + 1, "t", "x"));
    }
}

#[test]
fn max_queued_messages_wait_and_one_more_is_dropped() {
    for qos in 0..=2 {
        let (mut bench, a) = with_stalled(|config| config.session.max_queued_messages = 2);
        for payload in ["1", "2", "3", "4"] {
            bench.publish(message("t", payload, qos));
        }
        assert_eq!(bench.broker.statistics().publish_dropped, 2);
        bench.resume(a);
        assert_eq!(payloads(&bench.received(a)), ["1", "2"], "QoS {qos}");
        bench.publish(message("t", "5", qos));
        assert_eq!(payloads(&bench.received(a)), ["5"], "QoS {qos}");
    }
}

#[test]
fn max_queued_messages_hold_for_a_client_that_is_away() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 2);
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.lose(a);
    for payload in ["1", "2", "3"] {
        bench.publish(message("t", payload, 1));
    }
    assert_eq!(bench.broker.statistics().publish_dropped, 1);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    assert_eq!(payloads(&bench.received(a)), ["1", "2"]);
}

#[test]
fn a_flood_of_qos_0_displaces_nothing_else() {
    let (mut bench, a) = with_stalled(|config| config.session.max_queued_messages = 2);
    for payload in ["1", "2", "3"] {
        bench.publish(message("t", payload, 0));
    }
    for payload in ["4", "5", "6"] {
        bench.publish(message("t", payload, 1));
    }
    bench.publish(message("t", "7", 0));
    bench.resume(a);
    assert_eq!(payloads(&bench.received(a)), ["1", "2", "4", "5"]);
}

#[test]
fn max_queued_bytes_wait_and_one_more_is_dropped() {
    // Topic and payload count: 4 bytes each. One message always has room.
    for (max, kept) in [(8, 2), (7, 1), (9, 2), (12, 3), (3, 1), (0, 1)] {
        for qos in 0..=2 {
            let (mut bench, a) = with_stalled(|config| config.session.max_queued_bytes = max);
            for payload in ["aaa", "bbb", "ccc"] {
                bench.publish(message("t", payload, qos));
            }
            bench.resume(a);
            let mut received = payloads(&bench.received(a)).len();
            // As many bytes may be unfinished: the others wait for them.
            for id in 1..=3 {
                bench.send(a, if qos == 1 { puback(id) } else { pubrec(id) });
                bench.send(a, if qos == 2 { pubcomp(id) } else { PINGREQ.wire() });
                received += payloads(&bench.received(a)).len();
            }
            assert_eq!(received, kept, "{max} bytes, QoS {qos}");
            assert_eq!(bench.broker.statistics().publish_dropped, 3 - kept as u64);
        }
    }
}

#[test]
fn max_unreleased_messages_await_pubrel_and_one_more_is_closed() {
    let mut bench = Bench::with(|config| config.session.max_unreleased_messages = 2);
    let a = bench.client("a");
    bench.ask(a, [publish2(1, "t", "x"), publish2(2, "t", "x")], [pubrec(1), pubrec(2)]);
    // A repetition is none more.
    bench.ask(a, publish2(2, "t", "x"), pubrec(2));
    bench.ask(a, pubrel(1), pubcomp(1));
    bench.ask(a, publish2(3, "t", "x"), pubrec(3));
    bench.send(a, publish2(4, "t", "x"));
    assert_eq!(bench.closed_silently(a), ClientFault::TooManyUnreleased.into());
}

#[test]
fn max_unreleased_bytes_await_pubrel_and_one_more_is_closed() {
    for (max, fits) in [(8, true), (7, false)] {
        let mut bench = Bench::with(|config| config.session.max_unreleased_bytes = max);
        let a = bench.client("a");
        bench.ask(a, publish2(1, "t", "abc"), pubrec(1));
        bench.send(a, publish2(2, "t", "abc"));
        if fits {
            bench.got(a, pubrec(2));
            bench.send(a, publish2(3, "t", ""));
        }
        assert_eq!(bench.closed_silently(a), ClientFault::TooManyUnreleased.into());
    }
}

#[test]
fn a_session_that_broke_the_unreleased_limit_keeps_to_it_afterwards() {
    let mut bench = Bench::with(|config| config.session.max_unreleased_messages = 1);
    for round in 0..3 {
        let a = bench.dial(connect("a", |connect| connect.clean_start = false));
        bench.got(a, if round == 0 { "20020000" } else { "20020100" });
        if round == 0 {
            bench.ask(a, publish2(1, "t", "x"), pubrec(1));
        }
        // What was never acknowledged is not kept.
        bench.send(a, publish2(2 + round, "t", "x"));
        assert_eq!(bench.closed_silently(a), ClientFault::TooManyUnreleased.into());
    }
    bench.broker.subscribe(ms(1000), crate::wire::filter("t")).unwrap();
    let a = bench.stayer("a", true);
    bench.ask(a, pubrel(2), pubcomp(2));
    assert_eq!(bench.messages(), [], "a message that got no PUBREC was taken");
}

#[test]
fn max_qos_is_served_and_a_publish_above_it_is_closed() {
    for max in 0..=2 {
        for qos in 0..=2 {
            let max_qos = QoS::try_from(max).unwrap();
            let mut bench = Bench::with(|config| config.session.features.maximum_qos = max_qos);
            let a = bench.client("a");
            let sent = match qos {
                0 => publish("t", "x"),
                1 => publish1(1, "t", "x"),
                _ => publish2(1, "t", "x"),
            };
            bench.send(a, sent);
            if qos <= max {
                bench.is_open(a);
            } else {
                assert_eq!(bench.closed_silently(a), ClientFault::QoSNotSupported.into());
            }
            // What the program publishes comes at no higher one.
            let b = bench.client("b");
            bench.ask(b, subscribe(1, &[("u", 2)]), suback(1, &[max]));
            bench.publish(message("u", "x", qos));
            assert_eq!(bench.received(b)[0], 0x30 | qos.min(max) << 1);
        }
    }
}

#[test]
fn beyond_max_unsent_bytes_of_answers_the_next_packet_closes_if_it_is_not_disconnect() {
    for (max, answered) in [(20, 11), (19, 10), (21, 11)] {
        for last in [PINGREQ, DISCONNECT] {
            let mut bench = Bench::with(|config| config.session.max_unsent_bytes = max);
            let a = bench.client("a");
            bench.stall(a);
            for _ in 0..answered {
                bench.send(a, PINGREQ);
                bench.is_open(a);
            }
            bench.send(a, last);
            if last == PINGREQ {
                bench.is_closed(a, ClientFault::AnswersNotTaken);
            } else {
                bench.resume(a);
                bench.got(a, [0xD0, 0].repeat(answered));
                bench.is_closed(a, CloseReason::Disconnected);
            }
        }
    }
}

#[test]
fn answers_to_subscribe_count_as_unsent_too() {
    let mut bench = Bench::with(|config| config.session.max_unsent_bytes = 20);
    let a = bench.client("a");
    bench.stall(a);
    bench.send(a, subscribe(1, &[("t", 0); 17]));
    bench.send(a, unsubscribe(2, &["u"]));
    bench.is_closed(a, ClientFault::AnswersNotTaken);
}

#[test]
fn as_many_bytes_as_may_wait_are_unfinished_and_the_next_message_waits() {
    let mut bench = Bench::with(|config| config.session.max_queued_bytes = 8);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    // Topic and payload count: 4 bytes each.
    for payload in ["aaa", "bbb", "ccc"] {
        bench.publish(message("t", payload, 1));
    }
    bench.got(a, [publish1(1, "t", "aaa"), publish1(2, "t", "bbb")]);
    // QoS 0 waits its turn, not for the window.
    bench.publish(message("t", "ddd", 0));
    bench.ask(a, puback(2), [publish1(3, "t", "ccc"), publish("t", "ddd")]);
    // One alone may be larger.
    bench.send(a, [puback(1), puback(3)]);
    bench.publish(message("t", "larger than that", 1));
    bench.got(a, publish1(4, "t", "larger than that"));
    assert_eq!(bench.broker.statistics().publish_dropped, 0);
}
