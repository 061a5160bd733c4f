//! The simulated network: what arrives when, what is lost, and that TCP allows what is recorded.

use std::time::Duration;

use mqtt_sansio::{Message, QoS, Sender};

use crate::exchange::{Content, Event, Exchange};
use crate::login::Login;
use crate::scenario::Twin;
use crate::scenarios;
use crate::world::{LATENCY, Who, World};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A client that is connected, and the time.
fn connected() -> (World, Who) {
    let mut world = World::new();
    let who = world.client("client");
    world.connect(who, &Login::new("client"));
    world.run_until(seconds(1));
    (world, who)
}

/// Each thing sent: when, by whom, what, and when it arrived.
fn sent(exchange: &Exchange) -> Vec<(u128, Sender, &'static str, Option<u128>)> {
    let mut words = Vec::new();
    for record in &exchange.records {
        if let Event::Sent(sent) = &record.event {
            let what = match &sent.content {
                Content::Open => "open",
                Content::Bytes { packets, .. } => packets[0].packet_type.unwrap().name(),
                Content::Close => "close",
                Content::Reset => "reset",
            };
            let received = sent.received.map(|at| at.as_millis());
            words.push((record.at.as_millis(), sent.sender, what, received));
        }
    }
    words
}

#[test]
fn a_connection_takes_a_round_trip_and_each_packet_half_of_one() {
    let (world, _) = connected();
    let expected = [
        (0, Sender::Client, "open", Some(20)),
        (40, Sender::Client, "CONNECT", Some(60)),
        (60, Sender::Server, "CONNACK", Some(80)),
    ];
    assert_eq!(sent(&world.exchange), expected);
}

#[test]
fn what_is_under_way_when_the_network_fails_is_lost_and_so_is_what_follows() {
    let (mut world, who) = connected();
    let message = || Message::new("t", "x").unwrap();
    world.publish(who, message());
    world.pass(LATENCY / 2);
    world.cut(who);
    world.publish(who, message());
    world.pass(seconds(1));
    let expected =
        [(1000, Sender::Client, "PUBLISH", None), (1010, Sender::Client, "PUBLISH", None)];
    assert_eq!(sent(&world.exchange)[3..], expected);
}

#[test]
fn the_broker_gives_up_a_machine_without_power_after_one_and_a_half_keep_alives() {
    let (mut world, who) = connected();
    world.power_off(who);
    world.run_until(seconds(1000));
    assert_eq!(sent(&world.exchange)[3..], [(90_060, Sender::Server, "close", None)]);
}

#[test]
fn a_program_that_ends_closes_and_the_answer_to_that_is_not_recorded() {
    let (mut world, who) = connected();
    world.kill(who);
    world.pass(seconds(1));
    assert_eq!(sent(&world.exchange)[3..], [(1000, Sender::Client, "close", Some(1020))]);
}

#[test]
fn what_reaches_a_program_that_has_ended_is_lost() {
    let (mut world, who) = connected();
    world.subscribe(who, "t", QoS::AtMostOnce);
    world.pass(LATENCY / 2);
    world.kill(who);
    world.pass(seconds(1));
    let expected = [
        (1000, Sender::Client, "SUBSCRIBE", Some(1020)),
        (1010, Sender::Client, "close", Some(1030)),
        (1020, Sender::Server, "SUBACK", None),
    ];
    assert_eq!(sent(&world.exchange)[3..], expected);
}

#[test]
fn five_minutes_take_no_time() {
    let begin = std::time::Instant::now();
    let (mut world, _) = connected();
    world.run_until(seconds(300));
    assert!(begin.elapsed() < seconds(10), "{:?}", begin.elapsed());
    assert_eq!(world.now(), seconds(300));
}

/// What the writers of captures rely on.
#[test]
fn every_exchange_is_one_that_tcp_allows() {
    for scenario in scenarios::all() {
        let changes = scenario.twins.iter().map(|twin| Twin(Some(twin)));
        for twin in changes.chain([Twin(None)]) {
            let report = (scenario.run)(twin);
            check(&format!("{}, {:?}", scenario.name, twin.0), &report.exchange);
        }
    }
}

fn check(name: &str, exchange: &Exchange) {
    let mut last = Duration::ZERO;
    // When a connection is open for its client, and which ends have closed.
    let mut open = vec![None; exchange.connections.len()];
    let mut closed = vec![[false; 2]; exchange.connections.len()];
    for (index, record) in exchange.records.iter().enumerate() {
        let context = format!("{name}, record {index}: {record:?}");
        assert!(record.at >= last, "out of order: {context}");
        last = record.at;
        let Event::Sent(sent) = &record.event else { continue };
        assert!(sent.received.is_none_or(|at| at > record.at), "arrives at once: {context}");
        let end = usize::from(sent.sender == Sender::Server);
        assert!(!closed[sent.connection][end], "sent after its close: {context}");
        match &sent.content {
            Content::Open => {
                assert_eq!(open[sent.connection], None, "opened twice: {context}");
                open[sent.connection] = sent.received.map(|at| at + (at - record.at));
            }
            Content::Bytes { bytes, .. } => {
                let since = open[sent.connection].unwrap_or_else(|| panic!("not open: {context}"));
                assert!(record.at >= since, "not open yet: {context}");
                assert!(!bytes.is_empty(), "no bytes: {context}");
            }
            Content::Close | Content::Reset => closed[sent.connection][end] = true,
        }
    }
}
