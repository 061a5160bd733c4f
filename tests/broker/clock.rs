//! Deadlines, exact to the millisecond, and a clock that does what clocks do.

use std::time::Duration;

use mqtt_sansio::{BrokerEvent, CloseReason, Message, Permissions, QoS};

use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{PINGREQ, PINGRESP, connect, publish, publish1, suback, subscribe, will};

/// A broker with a client that gets the wills under "w" at QoS 2.
fn with_heir() -> (Bench, Peer) {
    let (mut bench, [heir]) = Bench::with_clients(["heir"]);
    bench.ask(heir, subscribe(1, &[("w", 2)]), suback(1, &[2]));
    bench.events();
    (bench, heir)
}

fn message(payload: &'static str, qos: u8) -> Message {
    let mut message = Message::new("t", payload).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

/// The session "a" on a new connection, and all that came with CONNACK.
fn back(bench: &mut Bench) -> Peer {
    bench.dial(connect("a", |connect| connect.clean_start = false))
}

#[test]
fn keep_alive_is_exact_at_one_and_a_half_times_and_counts_whole_packets() {
    for (keep_alive, end) in [(1, 1500), (2, 3000), (60, 90_000), (u16::MAX, 98_302_500)] {
        let mut bench = Bench::new();
        let a = bench.dial(connect("a", |connect| connect.keep_alive = keep_alive));
        bench.got(a, "20020000");
        assert_eq!(bench.wait, Some(ms(1000 + end)), "{keep_alive}");
        bench.at(1000 + end - 1);
        bench.ask(a, PINGREQ, PINGRESP);
        let start = bench.now;
        // Half a packet is no sign of life, nor is what the server sends.
        bench.at(start + end - 1);
        bench.send(a, "c0");
        bench.is_open(a);
        bench.at(start + end);
        bench.is_closed(a, CloseReason::KeepAliveTimeout);
    }
}

#[test]
fn keep_alive_0_is_none() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    assert_eq!(bench.wait, None);
    bench.at(u64::MAX / 2);
    bench.ask(a, PINGREQ, PINGRESP);
}

#[test]
fn input_at_the_very_deadline_is_in_time() {
    let mut bench = Bench::new();
    let a = bench.dial(connect("a", |connect| connect.keep_alive = 10));
    bench.got(a, "20020000");
    bench.now = 16_000;
    bench.ask(a, PINGREQ, PINGRESP);
    bench.at(16_000);
    bench.is_open(a);
}

#[test]
fn what_the_broker_sends_does_not_postpone_the_keep_alive() {
    let mut bench = Bench::new();
    let a = bench.dial(connect("a", |connect| connect.keep_alive = 10));
    bench.ask(a, subscribe(1, &[("t", 0)]), "20020000 90030001 00");
    for now in [5000, 10_000, 15_999] {
        bench.at(now);
        bench.publish(message("x", 0));
    }
    bench.at(16_000);
    bench.is_closed(a, CloseReason::KeepAliveTimeout);
}

#[test]
fn connect_may_take_its_timeout_and_no_longer() {
    let mut bench = Bench::new();
    let [silent, slow] = [bench.open(), bench.open()];
    bench.at(5000);
    let late = bench.open();
    assert_eq!(bench.wait, Some(ms(11_000)));
    let hello = connect("a", |_| ());
    bench.send(slow, &hello[..10]);
    bench.at(10_999);
    bench.quiet(&[silent, slow, late]);
    bench.at(11_000);
    assert_eq!(bench.closed_silently(silent), CloseReason::ConnectTimeout);
    assert_eq!(bench.closed_silently(slow), CloseReason::ConnectTimeout);
    bench.at(14_999);
    bench.ask(late, &hello[..], "20020000");
    bench.at(1_000_000);
    bench.is_open(late);
}

#[test]
fn an_answer_may_take_any_time_and_the_keep_alive_counts_from_it() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let a = bench.dial(connect("a", |connect| connect.keep_alive = 10));
    bench.at(1_000_000);
    bench.quiet(&[a]);
    bench.broker.accept(ms(bench.now), bench.id(a), Permissions::all());
    bench.drive();
    bench.got(a, "20020000");
    bench.at(1_014_999);
    bench.is_open(a);
    bench.at(1_015_000);
    bench.is_closed(a, CloseReason::KeepAliveTimeout);
}

#[test]
fn a_session_expires_exactly_when_it_is_due_with_its_subscriptions() {
    let mut bench = Bench::with(|config| config.session_expiry = Some(Duration::from_secs(60)));
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(a);
    bench.publish(message("x", 1));
    bench.at(60_999);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (1, 1));
    // Coming back stops the clock, going away starts it anew.
    let a = back(&mut bench);
    bench.got(a, [vec![0x20, 2, 1, 0], publish1(1, "t", "x")]);
    bench.at(100_000);
    bench.lose(a);
    bench.at(159_999);
    assert_eq!(bench.broker.sessions(), 1);
    bench.events();
    bench.at(160_000);
    assert_eq!(bench.events(), [BrokerEvent::SessionExpired { client_id: "a".into() }]);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (0, 0));
    assert_eq!(bench.broker.statistics().clients_expired, 1);
    bench.stayer("a", false);
}

#[test]
fn without_expiry_a_session_is_kept() {
    let mut bench = Bench::with(|config| config.session_expiry = None);
    let a = bench.stayer("a", false);
    bench.lose(a);
    assert_eq!(bench.wait, None);
    bench.at(u64::MAX / 2);
    bench.stayer("a", true);
}

#[test]
fn early_and_repeated_timeouts_do_nothing() {
    let (mut bench, heir) = with_heir();
    let a = bench.dial(connect("a", |connect| {
        connect.keep_alive = 10;
        connect.will = Some(will("gone", 0));
    }));
    bench.got(a, "20020000");
    for now in [1000, 1000, 5000, 5000, 15_999, 15_999] {
        bench.at(now);
        bench.quiet(&[a, heir]);
    }
    bench.at(16_000);
    bench.at(16_000);
    bench.at(17_000);
    bench.is_closed(a, CloseReason::KeepAliveTimeout);
    bench.got(heir, publish("w", "gone"));
}

#[test]
fn time_does_not_run_backwards() {
    let mut bench = Bench::new();
    let a = bench.dial(connect("a", |connect| connect.keep_alive = 10));
    bench.got(a, "20020000");
    bench.at(10_000);
    // Earlier times count as 10,000.
    bench.now = 0;
    bench.ask(a, PINGREQ, PINGRESP);
    let silent = bench.open();
    bench.at(500);
    assert_eq!(bench.wait, Some(ms(16_000)));
    bench.at(19_999);
    bench.is_open(silent);
    bench.at(20_000);
    bench.is_closed(silent, CloseReason::ConnectTimeout);
    bench.at(24_999);
    bench.is_open(a);
    bench.at(25_000);
    bench.is_closed(a, CloseReason::KeepAliveTimeout);
}

#[test]
fn the_end_of_time_is_survived() {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bench = Bench::with(|config| config.sys_interval = Some(Duration::from_secs(10)));
        let a = bench.dial(connect("a", |connect| connect.keep_alive = 10));
        bench.received(a);
        let end = mqtt_sansio::Instant::from_epoch(Duration::MAX);
        bench.broker.handle_timeout(end);
        bench.drive();
        bench.is_closed(a, CloseReason::KeepAliveTimeout);
        let _ = done.send(());
    });
    let finished = finished.recv_timeout(Duration::from_secs(20));
    assert_eq!(finished, Ok(()), "handle_timeout does not return");
}
