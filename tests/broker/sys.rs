//! Statistics, and the `$SYS` topics they are published under.

use std::time::Duration;

use mqtt_sansio::{Message, PacketType};

use crate::bench::{Bench, ms};
use crate::wire::{PINGREQ, connect, publish, publish1, published, retained, suback, subscribe};

fn every(seconds: u64) -> Bench {
    Bench::with(|config| config.sys_interval = Some(Duration::from_secs(seconds)))
}

/// What a new client is told under `$SYS/#`.
fn told(bench: &mut Bench, name: &str) -> Vec<(String, String)> {
    let peer = bench.client(name);
    bench.send(peer, subscribe(1, &[("$SYS/#", 0)]));
    let got = published(&bench.received(peer));
    bench.lose(peer);
    got.into_iter().map(|(_, name, payload)| (name, payload)).collect()
}

#[test]
fn the_topics_are_those_of_mosquitto_and_retained_from_the_beginning() {
    let mut bench = every(10);
    let mut names: Vec<String> = told(&mut bench, "a").into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let expected = [
        "bytes/received",
        "bytes/sent",
        "clients/connected",
        "clients/disconnected",
        "clients/expired",
        "clients/maximum",
        "clients/total",
        "messages/received",
        "messages/sent",
        "publish/bytes/received",
        "publish/messages/dropped",
        "publish/messages/received",
        "publish/messages/sent",
        "retained messages/count",
        "subscriptions/count",
        "uptime",
        "version",
    ];
    assert!(names.iter().map(|name| name.strip_prefix("$SYS/broker/").unwrap()).eq(expected));
}

#[test]
fn what_has_changed_is_published_at_the_interval_and_nothing_between() {
    let mut bench = every(10);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("$SYS/broker/clients/connected", 0)]), {
        let before = publish("$SYS/broker/clients/connected", "0");
        [suback(1, &[0]), retained(before)]
    });
    assert_eq!(bench.wait, Some(ms(11_000)));
    bench.at(10_999);
    bench.quiet(&[a]);
    bench.at(11_000);
    bench.got(a, publish("$SYS/broker/clients/connected", "1"));
    assert_eq!(bench.wait, Some(ms(21_000)));
    bench.at(21_000);
    bench.quiet(&[a]);
    bench.client("b");
    bench.at(31_000);
    bench.got(a, publish("$SYS/broker/clients/connected", "2"));
    // After a long sleep once, and not for each interval missed.
    bench.client("c");
    bench.at(1_000_000);
    bench.got(a, publish("$SYS/broker/clients/connected", "3"));
    assert_eq!(bench.wait, Some(ms(1_010_000)));
}

#[test]
fn switched_off_there_is_no_topic_and_no_timer() {
    let mut bench = Bench::new();
    assert_eq!(told(&mut bench, "a"), []);
    bench.at(1_000_000);
    assert_eq!(bench.wait, None);
    assert_eq!(bench.broker.router().retained_messages(), 0);
    // Then the topics are like others.
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("$SYS/#", 0)]), suback(1, &[0]));
    bench.ask(a, publish("$SYS/x", "x"), publish("$SYS/x", "x"));
}

#[test]
fn an_interval_of_0_does_not_hang() {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bench = every(0);
        let a = bench.client("a");
        bench.at(2000);
        bench.ask(a, PINGREQ, "d000");
        let _ = done.send(());
    });
    let finished = finished.recv_timeout(Duration::from_secs(20));
    assert_eq!(finished, Ok(()), "handle_timeout does not return");
}

#[test]
fn clients_cannot_publish_under_the_brokers_own_topics() {
    let mut bench = every(1_000_000);
    let [a, b] = ["a", "b"].map(|name| bench.client(name));
    bench.ask(a, subscribe(1, &[("$SYS/x", 0), ("$SYSx", 0)]), suback(1, &[0, 0]));
    bench.ask(b, publish1(1, "$SYS/x", "forged"), "40020001");
    bench.ask(b, retained(publish("$SYS/broker/uptime", "")), "");
    bench.send(b, publish("$SYSx", "free"));
    bench.got(a, publish("$SYSx", "free"));
    assert_eq!(bench.broker.statistics().publish_rejected, 2);
    let uptime = mqtt_sansio::TopicName::new("$SYS/broker/uptime").unwrap();
    assert!(bench.broker.router().retained(uptime).is_some());
}

#[test]
fn statistics_count_packets_and_bytes_each_way() {
    let (mut bench, [a, b]) = Bench::with_clients(["a", "b"]);
    bench.send(a, subscribe(1, &[("t", 1)]));
    bench.send(b, [publish1(1, "t", "four"), publish("t", "")]);
    bench.send(a, PINGREQ);
    let statistics = bench.broker.statistics();
    let received = |packet| {
        let count = statistics.packets.received.of(packet);
        (count.packets, count.bytes)
    };
    let sent = |packet| {
        let count = statistics.packets.sent.of(packet);
        (count.packets, count.bytes)
    };
    assert_eq!(received(PacketType::Connect), (2, 30));
    assert_eq!(sent(PacketType::ConnAck), (2, 8));
    assert_eq!(received(PacketType::Subscribe), (1, 8));
    assert_eq!(sent(PacketType::SubAck), (1, 5));
    assert_eq!(received(PacketType::Publish), (2, 11 + 5));
    assert_eq!(sent(PacketType::Publish), (2, 11 + 5));
    assert_eq!(sent(PacketType::PubAck), (1, 4));
    assert_eq!((received(PacketType::PingReq), sent(PacketType::PingResp)), ((1, 2), (1, 2)));
    assert_eq!(statistics.packets.received.total().packets, 6);
    assert_eq!(statistics.packets.sent.total().packets, 7);
    assert_eq!(statistics.payload_bytes_received, 4);
    assert_eq!((statistics.clients_connected, statistics.clients_maximum), (2, 2));
}

#[test]
fn what_cannot_be_decoded_is_not_counted_as_received() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    let before = bench.broker.statistics().packets.received.total();
    bench.send(a, "8202 0001");
    assert_eq!(bench.broker.statistics().packets.received.total(), before);
    assert_eq!(bench.broker.statistics().client_faults, 1);
}

#[test]
fn clients_are_counted_as_they_come_and_go() {
    let mut bench = every(10);
    bench.answer_with(|request| match &*request.client_id {
        "refused" => crate::bench::Answer::Refuse(mqtt_sansio::ReasonCode::NotAuthorized),
        _ => crate::bench::Answer::Accept(mqtt_sansio::Permissions::all()),
    });
    let [a, b] = [bench.client("a"), bench.stayer("b", false)];
    bench.dial(connect("refused", |_| ()));
    bench.publish(Message::new("t", "x").unwrap());
    bench.lose(a);
    bench.lose(b);
    let statistics = bench.broker.statistics();
    assert_eq!((statistics.clients_connected, statistics.clients_maximum), (0, 2));
    assert_eq!((statistics.refused, statistics.client_faults), (1, 0));
    assert_eq!(bench.broker.sessions(), 1);
    bench.at(11_000);
    let told = told(&mut bench, "c");
    let value = |name: &str| {
        let found = told.iter().find(|(topic, _)| topic.strip_prefix("$SYS/broker/") == Some(name));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("clients/total"), Some("1"));
    assert_eq!(value("clients/disconnected"), Some("1"));
    assert_eq!(value("clients/connected"), Some("0"));
    assert_eq!(value("clients/maximum"), Some("2"));
    assert_eq!(value("uptime"), Some("10 seconds"));
    assert_eq!(value("messages/received"), Some("3"));
}
