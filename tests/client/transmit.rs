//! What `poll_transmit` hands out: segments, limits, counts.

use bytes::Bytes;
use mqtt_sansio::{ClientConfig, ClientOutput, Connect, Count, Message, PacketType, QoS, Version};

use crate::bench::{Bench, CONNACK, ms};

fn large(len: usize) -> (Bytes, Message) {
    let payload = Bytes::from(vec![b'x'; len]);
    let mut message = Message::new("t", payload.clone()).unwrap();
    message.qos = QoS::AtLeastOnce;
    (payload, message)
}

#[test]
fn a_large_payload_is_handed_out_as_it_is() {
    let mut bench = Bench::connected();
    for len in [1024, 1 << 20] {
        let (payload, message) = large(len);
        bench.client.publish(ms(0), message).unwrap();
        let segments = bench.pull(usize::MAX);
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[1].as_ptr(), payload.as_ptr());
        assert_eq!(segments[1].len(), len);
    }
    bench.drain();
    // Sent again, it is still the same memory.
    bench.lose();
    bench.connect(&Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "c") });
    bench.client.handle_input(ms(1000), b"\x20\x02\x01\x00");
    let segments = bench.pull(usize::MAX);
    assert_eq!(segments.len(), 4);
    assert_eq!(segments[0], &b"\x3a\x85\x08\x00\x01t\x00\x01"[..]);
}

#[test]
fn small_packets_come_together_in_one_segment() {
    let mut bench = Bench::connected();
    for _ in 0..20 {
        bench.client.publish(ms(0), large(1023).1).unwrap();
    }
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    assert_eq!(bench.pull(usize::MAX).len(), 1);
}

#[test]
fn small_packets_around_a_large_payload_keep_their_order() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtMostOnce, "a");
    bench.client.publish(ms(0), large(2000).1).unwrap();
    bench.publish(QoS::AtMostOnce, "b");
    let segments = bench.pull(usize::MAX);
    assert_eq!(segments.len(), 3);
    assert_eq!(segments[0], &b"\x30\x04\x00\x01ta\x32\xd5\x0f\x00\x01t\x00\x01"[..]);
    assert_eq!(segments[2], &b"\x30\x04\x00\x01tb"[..]);
}

#[test]
fn a_pull_stops_with_the_packet_that_reaches_max() {
    let mut bench = Bench::connected();
    for payload in ["a", "b", "c"] {
        bench.publish(QoS::AtMostOnce, payload);
    }
    assert_eq!(bench.pull(1).concat(), b"\x30\x04\x00\x01ta");
    assert!(matches!(bench.client.poll_output(), ClientOutput::Event(_)));
    assert_eq!(bench.client.poll_output(), ClientOutput::Transmit);
    assert_eq!(bench.pull(6).concat(), b"\x30\x04\x00\x01tb");
    bench.drain().sent("3004 0001 74 63");
    bench.publish(QoS::AtMostOnce, "d");
    bench.publish(QoS::AtMostOnce, "e");
    assert_eq!(bench.pull(7).len(), 1);
    bench.drain().sent("");
}

#[test]
fn a_pull_of_0_is_like_none() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtMostOnce, "a");
    assert_eq!(bench.pull(0), Vec::<Bytes>::new());
    assert_eq!(bench.client.poll_output(), ClientOutput::Transmit);
    assert_eq!(bench.pull(0), Vec::<Bytes>::new());
    assert_eq!(bench.pull(1).concat(), b"\x30\x04\x00\x01ta");
}

#[test]
fn a_pull_stops_at_max_among_answers_too() {
    let mut bench = Bench::connected();
    bench.client.handle_input(ms(1000), &[0x62, 2, 0, 1].repeat(3));
    assert_eq!(bench.pull(1).concat(), b"\x70\x02\x00\x01");
    assert_eq!(bench.pull(5).concat(), b"\x70\x02\x00\x01\x70\x02\x00\x01");
    bench.drain().sent("");
}

#[test]
fn nothing_is_handed_out_without_a_connection() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.publish(QoS::AtMostOnce, "a");
    assert_eq!(bench.pull(usize::MAX), Vec::<Bytes>::new());
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    assert_eq!(bench.pull(usize::MAX), Vec::<Bytes>::new());
    bench.input(CONNACK).sent("3004 0001 74 61");
}

#[test]
fn what_was_not_pulled_is_not_sent() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.lose();
    // It was never in flight: no DUP.
    bench.reconnect(true).sent("3206 0001 74 0001 61");
}

#[test]
fn statistics_count_packets_and_bytes_per_type() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtMostOnce, "a");
    bench.client.publish(ms(0), large(2000).1).unwrap();
    bench.publish(QoS::ExactlyOnce, "b");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain();
    bench.input("9003000100 40020002 50020003 70020003 3206 0001 74 0009 61 d000 62020004");
    let statistics = bench.client.statistics();
    let sent = |packet| statistics.sent.of(packet);
    assert_eq!(sent(PacketType::Connect), Count { packets: 1, bytes: 15 });
    assert_eq!(sent(PacketType::Publish), Count { packets: 3, bytes: 6 + 2008 + 8 });
    assert_eq!(sent(PacketType::Subscribe), Count { packets: 1, bytes: 8 });
    assert_eq!(sent(PacketType::PubRel), Count { packets: 1, bytes: 4 });
    assert_eq!(sent(PacketType::PubAck), Count { packets: 1, bytes: 4 });
    assert_eq!(sent(PacketType::PubComp), Count { packets: 1, bytes: 4 });
    assert_eq!(sent(PacketType::PingReq), Count::default());
    assert_eq!(statistics.sent.total(), Count { packets: 8, bytes: 15 + 2022 + 8 + 12 });
    let received = |packet| statistics.received.of(packet);
    assert_eq!(received(PacketType::ConnAck), Count { packets: 1, bytes: 4 });
    assert_eq!(received(PacketType::SubAck), Count { packets: 1, bytes: 5 });
    assert_eq!(received(PacketType::Publish), Count { packets: 1, bytes: 8 });
    assert_eq!(received(PacketType::PingResp), Count { packets: 1, bytes: 2 });
    assert_eq!(statistics.received.total(), Count { packets: 8, bytes: 35 });
    // Over connections they go on; what was never pulled was not sent.
    bench.client.handle_input(ms(1000), b"\x62\x02\x00\x01");
    bench.lose();
    bench.reconnect(true);
    let statistics = bench.client.statistics();
    assert_eq!(statistics.sent.of(PacketType::Connect), Count { packets: 2, bytes: 30 });
    assert_eq!(statistics.sent.of(PacketType::PubComp), Count { packets: 1, bytes: 4 });
}

#[test]
fn what_cannot_be_decoded_is_not_counted_as_received() {
    let mut bench = Bench::connected();
    bench.input("40020000");
    assert_eq!(bench.client.statistics().received.total(), Count { packets: 1, bytes: 4 });
}
