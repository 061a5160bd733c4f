//! Many hostile connections at once, and single ones that are as costly as can be: what they take.

use bytes::Bytes;
use mqtt_sansio::{
    Broker, BrokerConfig, BrokerEvent, BrokerOutput, CloseReason, ConnectionId, Message,
    Permissions, QoS,
};

use super::counter::taken_by;
use crate::bench::{Bench, ms};
use crate::wire::{
    PINGREQ, PINGRESP, connect, frames, puback, publish, publish1, retained, suback, subscribe,
    unsuback, unsubscribe,
};

/// Polls until `Wait`: accepts everybody, pulls for those in `readers`, closes what is to be closed.
/// Returns the reasons of those that ended, and what was pulled.
fn drive(
    broker: &mut Broker,
    now: u64,
    readers: &[ConnectionId],
) -> (Vec<CloseReason>, Vec<Bytes>) {
    let (mut ended, mut out) = (Vec::new(), Vec::new());
    loop {
        match broker.poll_output() {
            BrokerOutput::Event(BrokerEvent::Connect { connection, .. }) => {
                broker.accept(ms(now), connection, Permissions::all());
            }
            BrokerOutput::Event(BrokerEvent::Disconnected { reason, .. }) => ended.push(reason),
            BrokerOutput::Event(_) => {}
            BrokerOutput::Transmit(id) if readers.contains(&id) => {
                broker.poll_transmit(ms(now), id, &mut out, usize::MAX);
            }
            BrokerOutput::Transmit(_) => {}
            BrokerOutput::Close(id) => broker.handle_closed(ms(now), id),
            BrokerOutput::Wait(_) => return (ended, out),
        }
    }
}

fn broker(change: impl FnOnce(&mut BrokerConfig)) -> Broker {
    let mut config = BrokerConfig::default();
    config.sys_interval = None;
    change(&mut config);
    Broker::new(ms(0), config)
}

#[test]
fn ten_thousand_connections_that_send_a_byte_a_minute_are_closed_in_time_and_cost_little() {
    let hello = connect("a", |_| ());
    let (taken, mut broker) = taken_by(|| {
        let mut broker = broker(|_| ());
        for _ in 0..10_000 {
            let id = broker.open(ms(0)).unwrap();
            broker.handle_input(ms(0), id, &hello[..1]);
        }
        broker
    });
    assert!(broker.open(ms(0)).is_err());
    let each = taken.most_bytes / 10_000;
    assert!(each < 2048, "{each} bytes for each connection");
    broker.handle_timeout(ms(9_999));
    assert_eq!(drive(&mut broker, 9_999, &[]).0, []);
    broker.handle_timeout(ms(10_000));
    let (ended, _) = drive(&mut broker, 10_000, &[]);
    assert_eq!(ended.len(), 10_000);
    assert!(ended.iter().all(|reason| *reason == CloseReason::ConnectTimeout));
    broker.check_invariants();
}

#[test]
fn accepted_connections_that_send_a_byte_a_minute_are_closed_at_their_keep_alive() {
    let long = publish1(1, "t", vec![b'x'; 100_000]);
    let (taken, (mut broker, ids)) = taken_by(|| {
        let mut broker = broker(|_| ());
        let mut ids = Vec::new();
        for n in 0..10_000 {
            let id = broker.open(ms(0)).unwrap();
            let name = n.to_string();
            broker.handle_input(ms(0), id, &connect(&name, |connect| connect.keep_alive = 60));
            drive(&mut broker, 0, &[id]);
            broker.handle_input(ms(0), id, &long[..1]);
            ids.push(id);
        }
        (broker, ids)
    });
    let each = taken.kept_bytes / 10_000;
    assert!(each < 4096, "{each} bytes for each connection");
    for id in &ids {
        broker.handle_input(ms(60_000), *id, &long[1..2]);
    }
    broker.handle_timeout(ms(89_999));
    assert_eq!(drive(&mut broker, 89_999, &[]).0, []);
    broker.handle_timeout(ms(90_000));
    let (ended, _) = drive(&mut broker, 90_000, &[]);
    assert_eq!(ended.len(), 10_000);
    assert!(ended.iter().all(|reason| *reason == CloseReason::KeepAliveTimeout));
    assert_eq!(broker.sessions(), 0);
    broker.check_invariants();
}

#[test]
fn a_flood_of_connects_of_the_largest_size_costs_no_more_than_what_was_sent() {
    let name = "x".repeat((64 << 10) - 16);
    let mut hello = connect(&name, |_| ());
    assert_eq!(hello.len(), 64 << 10);
    let last = hello.pop().unwrap();
    let (taken, ()) = taken_by(|| {
        let mut broker = broker(|config| config.max_pending_connections = 100);
        let ids: Vec<_> = (0..100).map(|_| broker.open(ms(0)).unwrap()).collect();
        assert!(broker.open(ms(0)).is_err());
        for piece in hello.chunks(1460) {
            ids.iter().for_each(|id| broker.handle_input(ms(0), *id, piece));
        }
        // Nobody answers; early bytes up to their limit, and one more.
        for id in &ids {
            broker.handle_input(ms(0), *id, &[last]);
            broker.handle_input(ms(0), *id, &[0xC0, 0].repeat(32 << 10));
        }
        let requests: Vec<_> = (0..100).map(|_| broker.poll_output()).collect();
        assert!(
            requests
                .iter()
                .all(|output| matches!(output, BrokerOutput::Event(BrokerEvent::Connect { .. })))
        );
        for id in &ids {
            broker.handle_input(ms(0), *id, &[0xC0]);
        }
        assert_eq!(drive(&mut broker, 0, &[]).0.len(), 100);
        broker.check_invariants();
    });
    // The packet, twice what it says (for the event and for the session), and the early bytes.
    let most = taken.most_bytes / 100;
    assert!(most < 6 * (64 << 10), "{most} bytes for each connection");
    assert!(taken.kept_bytes < 100_000, "{} bytes are left", taken.kept_bytes);
}

#[test]
fn topics_of_65_536_levels_are_published_retained_and_delivered() {
    let topic = "/".repeat(65_535);
    let mut bench = Bench::with(|config| config.max_topic_length = 65_535);
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.checked = false;
    bench.ask(a, subscribe(1, &[("#", 0)]), suback(1, &[0]));
    for n in 0..100_u8 {
        bench.ask(b, retained(publish1(1, &topic, [n])), puback(1));
        bench.got(a, publish(&topic, [n]));
    }
    bench.ask(b, subscribe(1, &[("+/+/#", 0), (&topic, 0)]), {
        [suback(1, &[0, 0x80]), retained(publish(&topic, [99]))]
    });
    bench.ask(b, unsubscribe(2, &[&topic, "+/+/#"]), unsuback(2));
    bench.broker.check_invariants();
}

#[test]
fn topics_of_65_536_levels_are_acknowledged_and_dropped_by_default() {
    let topic = "/".repeat(65_535);
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.ask(a, subscribe(1, &[("#", 0), (&topic, 0)]), suback(1, &[0, 0x80]));
    bench.ask(b, retained(publish1(1, &topic, "x")), puback(1));
    bench.ask(b, unsubscribe(2, &[&topic]), unsuback(2));
    bench.quiet(&[a, b]);
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn filters_of_65_536_levels_are_served_where_the_configuration_allows_them() {
    let topic = "/".repeat(65_535);
    let plus = "+/".repeat(32_767);
    let mut bench = Bench::with(|config| {
        config.max_topic_length = 65_535;
        config.router.max_topic_levels = 65_536;
    });
    bench.checked = false;
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[(&topic, 0), (&plus, 1)]), suback(1, &[0, 1]));
    bench.ask(a, publish(&topic, "x"), publish(&topic, "x"));
    bench.ask(a, publish(&plus.replace('+', ""), "x"), publish(&plus.replace('+', ""), "x"));
    bench.broker.check_invariants();
    bench.ask(a, unsubscribe(2, &[&topic, &plus]), unsuback(2));
    assert_eq!(bench.broker.router().subscriptions(), 0);
    bench.broker.check_invariants();
}

#[test]
fn a_client_that_never_reads_costs_its_queue_and_delays_nobody() {
    for qos in 0..=2 {
        let mut broker = broker(|_| ());
        let [dead, live, publisher] =
            [("dead", qos), ("live", 0), ("publisher", 0)].map(|(name, qos)| {
                let id = broker.open(ms(0)).unwrap();
                broker.handle_input(ms(0), id, &connect(name, |_| ()));
                broker.handle_input(
                    ms(0),
                    id,
                    &subscribe(1, &[(name.len().to_string().as_str(), 0)]),
                );
                broker.handle_input(ms(0), id, &subscribe(1, &[("t", qos)]));
                id
            });
        drive(&mut broker, 0, &[dead, live, publisher]);
        broker.handle_input(ms(0), publisher, &unsubscribe(2, &["t"]));
        drive(&mut broker, 0, &[publisher]);
        let mut packet = publish("t", [b'x'; 100]);
        if qos > 0 {
            packet = publish1(1, "t", [b'x'; 100]);
        }
        let (taken, delivered) = taken_by(|| {
            let mut delivered = 0;
            for _ in 0..100_000 {
                broker.handle_input(ms(0), publisher, &packet);
                let (ended, out) = drive(&mut broker, 0, &[live, publisher]);
                assert_eq!(ended, []);
                delivered += out.iter().map(|bytes| usize::from(bytes[0] >> 4 == 3)).sum::<usize>();
            }
            delivered
        });
        assert_eq!(delivered, 100_000, "QoS {qos}");
        assert_eq!(broker.statistics().publish_dropped, 99_000, "QoS {qos}");
        assert!(taken.kept_bytes < 1000 * 400, "QoS {qos}: {} bytes are kept", taken.kept_bytes);
        assert!(taken.most_bytes < 1000 * 600, "QoS {qos}: {} bytes at once", taken.most_bytes);
        broker.check_invariants();
    }
}

#[test]
fn a_client_that_asks_and_never_reads_is_closed_before_its_answers_cost_much() {
    for packet in [
        vec![0xC0, 0],
        publish1(1, "t", "x"),
        subscribe(1, &[("t", 0); 100]),
        unsubscribe(1, &["t"]),
        vec![0x62, 2, 0, 1],
    ] {
        let (taken, ()) = taken_by(|| {
            let mut broker = broker(|_| ());
            let id = broker.open(ms(0)).unwrap();
            broker.handle_input(ms(0), id, &connect("a", |_| ()));
            drive(&mut broker, 0, &[]);
            let burst = packet.repeat(100);
            let closed = (0..10_000).any(|_| {
                broker.handle_input(ms(0), id, &burst);
                !drive(&mut broker, 0, &[]).0.is_empty()
            });
            assert!(closed, "{:02x?} can be sent for ever", &packet[..2]);
        });
        let most = taken.most_bytes;
        assert!(most < 8 << 20, "{:02x?}: {most} bytes at once", &packet[..2]);
    }
}

#[test]
fn unreleased_messages_of_a_client_that_comes_back_again_and_again_stay_bounded() {
    let (taken, ()) = taken_by(|| {
        let mut broker = broker(|config| config.session.max_unreleased_messages = 2);
        for n in 1..1000_u16 {
            let id = broker.open(ms(0)).unwrap();
            broker.handle_input(ms(0), id, &connect("a", |connect| connect.clean_start = false));
            drive(&mut broker, 0, &[id]);
            for m in 0..3 {
                let packet = crate::wire::publish2(n * 3 + m, "t", [b'x'; 1000]);
                broker.handle_input(ms(0), id, &packet);
            }
            drive(&mut broker, 0, &[id]);
            broker.handle_closed(ms(0), id);
            drive(&mut broker, 0, &[]);
        }
        std::mem::forget(broker);
    });
    assert!(taken.kept_bytes < 50_000, "{} bytes are kept", taken.kept_bytes);
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let (taken, broker) = taken_by(|| {
        let mut broker = broker(|_| ());
        for n in 0..10_000_u32 {
            let id = broker.open(ms(0)).unwrap();
            broker.handle_input(ms(0), id, &connect(&n.to_string(), |_| ()));
            broker.handle_input(ms(0), id, &subscribe(1, &[("t", 1), ("u/+", 1)]));
            drive(&mut broker, 0, &[id]);
            broker.handle_closed(ms(0), id);
            drive(&mut broker, 0, &[]);
        }
        broker
    });
    assert!(taken.kept_bytes < 50_000, "{} bytes are kept", taken.kept_bytes);
    assert_eq!((broker.sessions(), broker.router().subscriptions()), (0, 0));
    broker.check_invariants();
}

#[test]
fn a_message_of_1_mib_is_shared_and_not_copied_for_each_subscriber() {
    let (mut bench, [publisher]) = Bench::with_clients(["publisher"]);
    bench.checked = false;
    let peers: Vec<_> = (0..100)
        .map(|n| {
            let peer = bench.client(&n.to_string());
            bench.ask(peer, subscribe(1, &[("t", 0)]), suback(1, &[0]));
            bench.stall(peer);
            peer
        })
        .collect();
    let mut message = Message::new("t", vec![b'x'; 1 << 20]).unwrap();
    message.qos = QoS::AtLeastOnce;
    let (taken, ()) = taken_by(|| bench.publish(message));
    assert!(taken.most_bytes < 100_000, "{} bytes at once", taken.most_bytes);
    bench.ask(publisher, PINGREQ, PINGRESP);
    for peer in peers {
        bench.resume(peer);
        assert_eq!(frames(&bench.received(peer))[0].len(), (1 << 20) + 3 + 4);
    }
}

#[test]
fn a_search_that_finds_nothing_lets_the_driver_see_to_others() {
    let mut broker = broker(|_| ());
    for n in 0..10_000 {
        let mut message = Message::new(&format!("{n}/a"), "x").unwrap();
        message.retain = true;
        broker.publish(ms(0), message).unwrap();
    }
    let id = broker.open(ms(0)).unwrap();
    broker.handle_input(ms(0), id, &connect("a", |_| ()));
    drive(&mut broker, 0, &[id]);
    // 6 KB that ask for ten million comparisons.
    broker.handle_input(ms(0), id, &subscribe(1, &[("+/x", 0); 1000]));
    let (mut pulls, mut out) = (0, Vec::new());
    while let BrokerOutput::Transmit(_) = broker.poll_output() {
        broker.poll_transmit(ms(0), id, &mut out, 65_536);
        pulls += 1;
        assert!(pulls < 10_000, "{pulls} pulls, and no time for other connections");
    }
}

#[test]
fn searches_that_were_left_go_on_some_at_a_time() {
    let mut broker = broker(|_| ());
    for n in 0..1000 {
        let mut message = Message::new(&format!("{n}/a"), "x").unwrap();
        message.retain = true;
        broker.publish(ms(0), message).unwrap();
    }
    let ids: Vec<_> = (0..40)
        .map(|n| {
            let id = broker.open(ms(0)).unwrap();
            broker.handle_input(ms(0), id, &connect(&n.to_string(), |_| ()));
            drive(&mut broker, 0, &[id]);
            id
        })
        .collect();
    for id in &ids {
        broker.handle_input(ms(0), *id, &subscribe(1, &[("+/x", 0)]));
    }
    let mut turns = Vec::new();
    loop {
        let mut pulled = Vec::new();
        let wait = loop {
            match broker.poll_output() {
                BrokerOutput::Transmit(id) => {
                    broker.poll_transmit(ms(0), id, &mut Vec::new(), 65_536);
                    pulled.push(id);
                }
                BrokerOutput::Wait(wait) => break wait,
                _ => {}
            }
        };
        broker.check_invariants();
        turns.push(pulled.len());
        if wait != Some(ms(0)) {
            break;
        }
        broker.handle_timeout(ms(0));
    }
    // Once for the SUBACKs, then no more than 16 a turn until all have looked through all.
    assert_eq!(turns[0], ids.len());
    assert!(turns[1..].iter().all(|pulled| *pulled <= 16), "{turns:?}");
    assert!(turns[1..].iter().sum::<usize>() >= 9 * ids.len(), "{turns:?}");
}
