//! Packet identifiers, section 2.3.1: counted up from 1, wrapped, never one in flight.

use bytes::Bytes;
use mqtt_sansio::{ClientConfig, CommandError, Frame, Packet, PublishOutcome, QoS, Version};

use crate::bench::{Bench, hex, message, ms, published, subscribed};

/// The identifiers of the packets sent, in order.
fn ids(sent: &[u8]) -> Vec<u16> {
    let mut ids = Vec::new();
    let mut rest = sent;
    while let Ok(Some((frame, after))) = Frame::parse(rest, u32::MAX) {
        rest = after;
        ids.push(match Packet::decode(frame, Version::V3_1_1).unwrap() {
            Packet::Publish(publish) => publish.delivery.packet_id().unwrap().get(),
            Packet::Subscribe(subscribe) => subscribe.packet_id.get(),
            Packet::Unsubscribe(unsubscribe) => unsubscribe.packet_id.get(),
            packet => panic!("{}: {packet}", hex(frame.as_bytes())),
        });
    }
    ids
}

fn puback(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![0x40, 2, high, low]
}

/// A client that has used all identifiers up to this one, and finished.
fn used_up_to(last: u16, config: ClientConfig) -> Bench {
    let mut bench = Bench::connected_with(config);
    for id in 1..=last {
        bench.publish(QoS::AtLeastOnce, "");
        let segments = bench.pull(usize::MAX);
        assert_eq!(ids(&segments.concat()), [id]);
        bench.client.handle_input(ms(bench.now), &puback(id));
        while let mqtt_sansio::ClientOutput::Event(_) = bench.client.poll_output() {}
    }
    bench.drain();
    bench
}

#[test]
fn ids_count_up_from_1_across_publish_subscribe_and_unsubscribe() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "");
    assert_eq!(ids(&bench.drain().sent), [1]);
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    assert_eq!(ids(&bench.drain().sent), [2]);
    bench.publish(QoS::ExactlyOnce, "");
    assert_eq!(ids(&bench.drain().sent), [3]);
    bench.unsubscribe(&["s"]);
    assert_eq!(ids(&bench.drain().sent), [4]);
}

#[test]
fn a_finished_id_is_not_taken_again_before_the_count_comes_round() {
    let mut bench = Bench::connected();
    for id in 1..=3 {
        bench.publish(QoS::AtLeastOnce, "");
        assert_eq!(ids(&bench.drain().sent), [id]);
        bench.bytes(&puback(id));
    }
}

#[test]
fn qos_0_takes_no_id() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtMostOnce, "a");
    bench.publish(QoS::AtLeastOnce, "");
    bench.drain().sent("3004 0001 74 61 3205 0001 74 0001");
}

#[test]
fn ids_wrap_to_1_and_skip_those_in_flight() {
    let mut config = ClientConfig::default();
    config.max_inflight_messages = 3;
    let mut bench = Bench::connected_with(config.clone());
    // 1: SUBSCRIBE; 2: UNSUBSCRIBE; 3: PUBLISH QoS 1; 4: PUBREL: all four stay in flight.
    let subscribe = bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain();
    bench.unsubscribe(&["s"]);
    bench.drain();
    bench.publish(QoS::AtLeastOnce, "");
    bench.publish(QoS::ExactlyOnce, "");
    assert_eq!(ids(&bench.drain().sent), [3, 4]);
    bench.input("50020004").sent("62020004");
    for id in (5..=u16::MAX).chain(5..=6) {
        bench.publish(QoS::AtLeastOnce, "");
        assert_eq!(ids(&bench.pull(usize::MAX).concat()), [id]);
        bench.client.handle_input(ms(bench.now), &puback(id));
        while let mqtt_sansio::ClientOutput::Event(_) = bench.client.poll_output() {}
    }
    // Each is still what it was.
    let granted = mqtt_sansio::ReasonCode::GRANTED_QOS_0;
    bench.input("9003000100").events(&[subscribed(subscribe, &[granted])]);
}

#[test]
fn a_subscribe_takes_no_id_of_a_publish_in_flight() {
    let mut bench = used_up_to(u16::MAX - 1, ClientConfig::default());
    bench.publish(QoS::ExactlyOnce, "");
    bench.publish(QoS::AtLeastOnce, "");
    assert_eq!(ids(&bench.drain().sent), [65_535, 1]);
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.unsubscribe(&["s"]);
    assert_eq!(ids(&bench.drain().sent), [2, 3]);
}

#[test]
fn with_65535_ids_in_flight_commands_wait_and_then_are_refused() {
    let mut config = ClientConfig::default();
    config.max_inflight_messages = u16::MAX;
    config.max_queued_messages = 70_000;
    config.max_pending_requests = 2;
    let mut bench = Bench::connected_with(config);
    let first = bench.publish(QoS::AtLeastOnce, "");
    for _ in 1..u16::MAX {
        bench.publish(QoS::AtLeastOnce, "");
    }
    let sent = ids(&bench.drain().sent);
    assert_eq!((sent.len(), sent[0], sent[65_534]), (65_535, 1, 65_535));
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.unsubscribe(&["s"]);
    bench.drain().nothing();
    let filter = mqtt_sansio::TopicFilter::new("s").unwrap();
    let refused = bench.client.unsubscribe(ms(bench.now), &[filter]);
    assert_eq!(refused, Err(CommandError::QueueFull));
    for _ in 0..70_000 {
        bench.publish(QoS::ExactlyOnce, "");
    }
    let refused = bench.client.publish(ms(bench.now), message(QoS::ExactlyOnce, ""));
    assert_eq!(refused, Err(CommandError::QueueFull));
    bench.drain().nothing();
    // One acknowledgement frees one identifier: for the request, which does not wait for messages.
    let output = bench.bytes(&puback(1));
    output.events(&[published(first, PublishOutcome::Acknowledged)]);
    assert_eq!(ids(&output.sent), [1]);
    assert_eq!(output.sent[0], 0x82);
    let output = bench.bytes(&puback(40_000));
    assert_eq!((output.sent[0], ids(&output.sent)), (0xa2, vec![40_000]));
    let output = bench.bytes(&puback(7));
    assert_eq!((output.sent[0], ids(&output.sent)), (0x34, vec![7]));
}

#[test]
fn ids_count_on_over_connections_and_sessions() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "");
    assert_eq!(ids(&bench.drain().sent), [1]);
    bench.lose();
    bench.reconnect(false);
    bench.publish(QoS::AtLeastOnce, "");
    assert_eq!(ids(&bench.drain().sent), [2]);
}

#[test]
fn ids_skip_those_resumed_from_an_earlier_process() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "");
    bench.drain();
    let session = bench.client.session();
    let mut config = ClientConfig::default();
    config.max_inflight_messages = u16::MAX;
    let client = mqtt_sansio::Client::resume(config, session);
    let mut bench = Bench { client, now: 1000 };
    bench.reconnect(true).sent("3a05 0001 74 0001");
    for id in 2..=u16::MAX {
        bench.client.publish(ms(1000), message(QoS::AtLeastOnce, "")).unwrap();
        assert_eq!(ids(&bench.pull(usize::MAX).concat()), [id]);
    }
    bench.publish(QoS::AtLeastOnce, "");
    assert_eq!(bench.pull(usize::MAX), Vec::<Bytes>::new());
    let output = bench.bytes(&puback(1));
    assert_eq!(ids(&output.sent), [1]);
}
