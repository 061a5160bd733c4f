//! The limits of connections, subscriptions and retained messages: exactly at each, and one beyond it.

use std::time::Duration;

use mqtt_sansio::{
    BrokerConfig, ClientFault, CloseReason, Message, QoS, SubscribeError, TooManyConnections,
    Version, Violation,
};

use crate::bench::{Answer, Bench, ms};
use crate::wire::{
    DISCONNECT, connect, puback, pubcomp, publish, publish1, publish2, pubrec, pubrel, retained,
    suback, subscribe, unsubscribe,
};

fn message(name: &str, payload: &str, qos: u8) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

#[track_caller]
fn too_large(reason: CloseReason) {
    let CloseReason::ClientFault(ClientFault::Decode(error)) = reason else { panic!("{reason}") };
    assert_eq!(error.violation(), Violation::PacketTooLarge);
}

#[test]
fn max_connections_are_open_and_one_more_is_not_taken() {
    let mut bench = Bench::with(|config| config.max_connections = 3);
    let peers = [bench.client("a"), bench.open(), bench.client("b")];
    assert_eq!(bench.broker.open(ms(1000)), Err(TooManyConnections));
    bench.quiet(&peers);
    bench.lose(peers[1]);
    bench.client("c");
    assert_eq!(bench.broker.open(ms(1000)), Err(TooManyConnections));
    bench.broker.check_invariants();
}

#[test]
fn a_connection_counts_until_the_driver_says_that_it_is_closed() {
    let mut bench = Bench::with(|config| config.max_connections = 1);
    let id = bench.broker.open(ms(1000)).unwrap();
    bench.broker.handle_input(ms(1000), id, b"GET /");
    assert_eq!(bench.broker.open(ms(1000)), Err(TooManyConnections));
    bench.broker.handle_closed(ms(1000), id);
    assert!(bench.broker.open(ms(1000)).is_ok());
}

#[test]
fn max_pending_connections_wait_for_their_answer_and_one_more_is_not_taken() {
    let mut bench = Bench::with(|config| config.max_pending_connections = 2);
    bench.answer_with(|request| match &*request.client_id {
        "later" => Answer::Later,
        _ => Answer::Accept(mqtt_sansio::Permissions::all()),
    });
    bench.client("a");
    bench.client("b");
    let later = bench.dial(connect("later", |_| ()));
    let silent = bench.open();
    assert_eq!(bench.broker.open(ms(1000)), Err(TooManyConnections));
    bench.lose(silent);
    bench.client("c");
    bench.open();
    assert_eq!(bench.broker.open(ms(1000)), Err(TooManyConnections));
    bench.broker.accept(ms(1000), bench.id(later), mqtt_sansio::Permissions::all());
    bench.drive();
    bench.open();
    assert_eq!(bench.broker.open(ms(1000)), Err(TooManyConnections));
}

#[test]
fn max_sessions_count_those_of_clients_that_are_away() {
    let mut bench = Bench::with(|config| config.max_sessions = 2);
    let a = bench.stayer("a", false);
    bench.send(a, DISCONNECT);
    let b = bench.client("b");
    let c = bench.dial(connect("c", |_| ()));
    bench.got(c, "20020003");
    // Who has a session, clean or not, needs no other.
    bench.stayer("a", true);
    bench.client("a");
    bench.lose(b);
    bench.client("c");
    assert_eq!(bench.broker.sessions(), 2);
}

#[test]
fn a_connect_of_max_connect_size_is_read_and_one_byte_more_is_closed_at_its_header() {
    let hello = connect("a", |connect| connect.user_name = Some("user"));
    let size = u32::try_from(hello.len()).unwrap();
    for (max, fits) in [(size, true), (size - 1, false)] {
        let mut bench = Bench::with(|config| config.session.handshake.max_connect_size = max);
        if fits {
            let a = bench.dial(&hello[..]);
            bench.got(a, "20020000");
            // It is a limit of CONNECT only.
            bench.ask(a, publish1(1, "t", vec![b'x'; 1000]), puback(1));
        } else {
            let a = bench.dial(&hello[..2]);
            too_large(bench.closed_silently(a));
        }
    }
}

#[test]
fn max_early_bytes_may_follow_connect_and_one_more_is_closed() {
    for (extra, whole) in [(0, true), (1, true), (0, false), (1, false)] {
        let mut bench = Bench::with(|config| config.session.handshake.max_early_bytes = 10);
        bench.answer_with(|_| Answer::Later);
        let early = [0xC0, 0].repeat(6)[..10 + extra].to_vec();
        let a = if whole {
            bench.dial([connect("a", |_| ()), early])
        } else {
            let a = bench.dial([connect("a", |_| ()), early[..9].to_vec()]);
            bench.send(a, &early[9..]);
            a
        };
        if extra == 0 {
            bench.quiet(&[a]);
            bench.broker.accept(ms(1000), bench.id(a), mqtt_sansio::Permissions::all());
            bench.drive();
            bench.got(a, "20020000 d000 d000 d000 d000 d000");
        } else {
            assert_eq!(bench.closed_silently(a), ClientFault::TooEarly.into());
        }
    }
}

#[test]
fn max_keep_alive_is_accepted_and_one_second_more_or_none_gets_connack_2() {
    for version in [Version::V3_1, Version::V3_1_1] {
        for (keep_alive, accepted) in [(1, true), (60, true), (61, false), (0, false)] {
            let mut bench = Bench::with(|config| {
                config.session.handshake.max_keep_alive = Some(60);
            });
            let a = bench.dial(connect("a", |connect| {
                connect.version = version;
                connect.keep_alive = keep_alive;
            }));
            bench.got(a, if accepted { "20020000" } else { "20020002" });
            if accepted {
                bench.is_open(a);
            } else {
                bench.is_closed(a, ClientFault::KeepAlive(version));
            }
        }
    }
}

#[test]
fn the_connect_timeout_is_exact() {
    let timeout = Duration::from_millis(1234);
    let mut bench = Bench::with(|config| config.session.handshake.timeout = timeout);
    let a = bench.open();
    bench.at(2233);
    bench.is_open(a);
    bench.at(2234);
    bench.is_closed(a, CloseReason::ConnectTimeout);
}

#[test]
fn a_packet_of_maximum_packet_size_is_read_and_one_byte_more_is_closed_at_its_header() {
    let packet = publish1(1, "t", "twelve bytes");
    let size = u32::try_from(packet.len()).unwrap();
    for (max, fits) in [(size, true), (size - 1, false)] {
        let mut bench = Bench::with(|config| config.session.maximum_packet_size = max);
        let a = bench.client("a");
        if fits {
            bench.ask(a, &packet[..], puback(1));
        } else {
            bench.send(a, &packet[..2]);
            too_large(bench.closed_silently(a));
        }
    }
}

#[test]
fn max_topic_length_is_routed_and_one_byte_more_is_acknowledged_and_dropped() {
    let mut bench = Bench::with(|config| config.max_topic_length = 4);
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.ask(a, subscribe(1, &[("#", 0)]), suback(1, &[0]));
    bench.ask(b, publish1(1, "four", "x"), puback(1));
    bench.got(a, publish("four", "x"));
    bench.ask(b, retained(publish1(2, "fiveb", "x")), puback(2));
    bench.quiet(&[a, b]);
    assert_eq!(bench.broker.statistics().publish_rejected, 1);
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn filters_of_max_topic_length_are_granted_and_those_of_one_byte_more_fail() {
    let mut bench = Bench::with(|config| config.max_topic_length = 4);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("four", 0), ("fiveb", 0)]), suback(1, &[0, 0x80]));
    assert_eq!(bench.broker.router().subscriptions(), 1);
}

#[test]
fn max_payload_size_is_routed_and_one_byte_more_is_acknowledged_and_dropped() {
    let mut bench = Bench::with(|config| config.max_payload_size = 4);
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.ask(a, subscribe(1, &[("#", 0)]), suback(1, &[0]));
    bench.ask(b, publish2(1, "t", "four"), pubrec(1));
    bench.ask(b, pubrel(1), pubcomp(1));
    bench.got(a, publish("t", "four"));
    bench.ask(b, publish2(2, "t", "fiveb"), pubrec(2));
    bench.ask(b, pubrel(2), pubcomp(2));
    bench.quiet(&[a, b]);
    assert_eq!(bench.broker.statistics().publish_rejected, 1);
}

#[test]
fn wills_keep_to_the_limits_of_topic_and_payload() {
    for change in [(|config| config.max_payload_size = 3) as fn(&mut BrokerConfig), |config| {
        config.max_topic_length = 1
    }] {
        let mut bench = Bench::with(change);
        let heir = bench.client("heir");
        bench.ask(heir, subscribe(1, &[("#", 0)]), suback(1, &[0]));
        let mut long = crate::wire::will("gone", 0);
        long.topic = crate::wire::topic("ww");
        let a = bench.dial(connect("a", |connect| connect.will = Some(long)));
        bench.lose(a);
        bench.quiet(&[heir]);
        assert_eq!(bench.broker.statistics().publish_rejected, 1);
    }
}

#[test]
fn where_retain_is_not_available_messages_and_wills_are_routed_and_not_stored() {
    let mut bench = Bench::with(|config| config.session.features.retain_available = false);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("#", 0)]), suback(1, &[0]));
    bench.ask(a, retained(publish1(1, "t", "x")), [puback(1), publish("t", "x")]);
    let with_retain = mqtt_sansio::Will { retain: true, ..crate::wire::will("gone", 0) };
    let b = bench.dial(connect("b", |connect| connect.will = Some(with_retain)));
    bench.lose(b);
    bench.got(a, publish("w", "gone"));
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn max_subscriptions_are_granted_and_one_more_fails_but_a_replacement_never() {
    let mut bench = Bench::with(|config| config.router.max_subscriptions = 2);
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    let filters = [("t", 0), ("u", 1), ("v", 2)];
    bench.ask(a, subscribe(1, &filters), suback(1, &[0, 1, 0x80]));
    bench.ask(a, subscribe(2, &[("t", 2), ("v", 2)]), suback(2, &[2, 0x80]));
    bench.ask(a, unsubscribe(3, &["t"]), crate::wire::unsuback(3));
    bench.ask(a, subscribe(4, &[("v", 2)]), suback(4, &[2]));
    bench.ask(b, subscribe(1, &[("v", 0)]), suback(1, &[0]));
    // The program is a subscriber like any other.
    let subscribe =
        |bench: &mut Bench, name: &str| bench.broker.subscribe(ms(1000), crate::wire::filter(name));
    assert_eq!(subscribe(&mut bench, "a"), Ok(()));
    assert_eq!(subscribe(&mut bench, "b"), Ok(()));
    assert_eq!(subscribe(&mut bench, "c"), Err(SubscribeError::TooManySubscriptions.into()));
}

#[test]
fn max_topic_levels_are_granted_and_one_more_fails() {
    let mut bench = Bench::with(|config| config.router.max_topic_levels = 3);
    let a = bench.client("a");
    let filters = [("a/b/c", 0), ("a/b/c/d", 0), ("//", 0), ("///", 0), ("a/b/#", 0)];
    bench.ask(a, subscribe(1, &filters), suback(1, &[0, 0x80, 0, 0x80, 0]));
    // Topics may have any number.
    bench.publish(message("a/b/c/d/e/f", "x", 0));
    bench.got(a, publish("a/b/c/d/e/f", "x"));
}

#[test]
fn max_retained_messages_are_kept_and_one_more_is_only_routed() {
    let mut bench = Bench::with(|config| config.router.max_retained_messages = 2);
    let [a, late] = ["a", "late"].map(|name| bench.client(name));
    bench.ask(a, subscribe(1, &[("#", 0)]), suback(1, &[0]));
    for name in ["t/1", "t/2", "t/3"] {
        bench.ask(a, retained(publish(name, "x")), publish(name, "x"));
    }
    assert_eq!(bench.broker.statistics().retain_rejected, 1);
    bench.ask(a, retained(publish("t/2", "replaced")), publish("t/2", "replaced"));
    assert_eq!(bench.broker.statistics().retain_rejected, 1);
    let kept = [retained(publish("t/1", "x")), retained(publish("t/2", "replaced"))].concat();
    bench.ask(late, subscribe(1, &[("#", 0)]), [suback(1, &[0]), kept]);
}

#[test]
fn max_retained_bytes_are_kept_and_one_more_is_only_routed() {
    let mut bench = Bench::with(|config| config.router.max_retained_bytes = 8);
    let [a, late] = ["a", "late"].map(|name| bench.client(name));
    bench.send(a, retained(publish("t", "abc")));
    bench.send(a, retained(publish("u", "abc")));
    assert_eq!(bench.broker.router().retained_bytes(), 8);
    bench.send(a, retained(publish("v", "")));
    assert_eq!(bench.broker.statistics().retain_rejected, 0);
    // The one it was to replace goes: nothing is better than what holds no longer.
    bench.send(a, retained(publish("u", "abcd")));
    assert_eq!(bench.broker.statistics().retain_rejected, 1);
    let kept = retained(publish("t", "abc"));
    bench.ask(late, subscribe(1, &[("#", 0)]), [suback(1, &[0]), kept]);
}

#[test]
fn session_expiry_of_0_ends_a_session_as_soon_as_time_is_told() {
    let mut bench = Bench::with(|config| config.session_expiry = Some(Duration::ZERO));
    let a = bench.stayer("a", false);
    bench.lose(a);
    assert_eq!(bench.wait, Some(ms(1000)));
    bench.at(1000);
    assert_eq!(bench.broker.sessions(), 0);
}

#[test]
fn close_timeout_is_exact() {
    let timeout = Duration::from_millis(77);
    let mut bench = Bench::with(|config| config.close_timeout = timeout);
    let a = bench.open();
    bench.stall(a);
    bench.send(a, "100d 0004 4d515454 06 02 0000 0001 61");
    assert_eq!(bench.wait, Some(ms(1077)));
    bench.at(1076);
    bench.at(1077);
    assert!(matches!(bench.closed_silently(a), CloseReason::ClientFault(_)));
}

#[test]
fn the_seed_changes_no_output() {
    let all = |seed: u64| {
        let mut bench = Bench::with(|config| config.router.seed = seed);
        let mut got = Vec::new();
        let peers: Vec<_> = (0..20).map(|n| bench.stayer(&format!("client {n}"), false)).collect();
        for (peer, n) in peers.iter().zip(0_u8..) {
            let filters = [("a/+/c", n % 3), ("#", n % 2), ("+/b/c", 2), ("a/b/#", 1)];
            bench.send(*peer, subscribe(1, &filters));
            bench.send(*peer, retained(publish1(2, &format!("a/{}/c", n % 7), [b'x'])));
        }
        bench.broker.shutdown(ms(1000));
        bench.drive();
        for peer in peers {
            got.push(bench.received(peer));
        }
        (got, format!("{:?}", bench.events()))
    };
    let expected = all(0);
    for seed in [1, 0x9E37_79B9_7F4A_7C15, u64::MAX] {
        assert!(all(seed) == expected, "seed {seed}");
    }
}
