//! What is bounded, and the typed error when a bound is hit.

use mqtt_sansio::DisconnectReason::{AnswersNotTaken, ServerFault};
use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, CommandError, EncodeError, Message, QoS, TopicFilter,
    Violation,
};

use crate::bench::{Bench, message, ms};

#[test]
fn the_queue_is_full_by_its_number_of_messages() {
    let mut config = ClientConfig::default();
    config.max_queued_messages = 2;
    let mut bench = Bench::connected_with(config);
    bench.publish(QoS::AtMostOnce, "a");
    bench.publish(QoS::AtMostOnce, "b");
    let refused = bench.client.publish(ms(0), message(QoS::AtMostOnce, "c"));
    assert_eq!(refused, Err(CommandError::QueueFull));
    bench.drain().sent("3004 0001 74 61 3004 0001 74 62");
    bench.publish(QoS::AtMostOnce, "d");
    bench.drain().sent("3004 0001 74 64");
}

#[test]
fn the_queue_is_full_by_its_bytes_of_topics_and_payloads() {
    let mut config = ClientConfig::default();
    config.max_queued_bytes = 7;
    let mut bench = Bench::new(config);
    bench.publish(QoS::AtMostOnce, "abc");
    let refused = bench.client.publish(ms(0), message(QoS::AtMostOnce, "abc"));
    assert_eq!(refused, Err(CommandError::QueueFull));
    bench.publish(QoS::AtMostOnce, "ab");
    let refused = bench.client.publish(ms(0), message(QoS::AtMostOnce, ""));
    assert_eq!(refused, Err(CommandError::QueueFull));
    bench.client.check_invariants();
}

#[test]
fn requests_are_bounded_while_they_wait_and_while_they_are_unanswered() {
    let mut config = ClientConfig::default();
    config.max_pending_requests = 2;
    let mut bench = Bench::connected_with(config);
    bench.subscribe(&[("a", QoS::AtMostOnce)]);
    bench.drain();
    bench.unsubscribe(&["a"]);
    let filter = TopicFilter::new("b").unwrap();
    assert_eq!(bench.client.unsubscribe(ms(0), &[filter]), Err(CommandError::QueueFull));
    bench.drain();
    assert_eq!(bench.client.unsubscribe(ms(0), &[filter]), Err(CommandError::QueueFull));
    bench.input("9003000100");
    bench.unsubscribe(&["b"]);
    bench.drain().sent("a205 0003 0001 62");
}

#[test]
fn a_refused_command_changes_nothing() {
    let mut config = ClientConfig::default();
    config.max_queued_messages = 0;
    config.max_pending_requests = 0;
    let mut bench = Bench::connected_with(config);
    let before = bench.client.session();
    let refused = bench.client.publish(ms(0), message(QoS::AtMostOnce, "a"));
    assert_eq!(refused, Err(CommandError::QueueFull));
    let filter = TopicFilter::new("b").unwrap();
    assert_eq!(bench.client.unsubscribe(ms(0), &[filter]), Err(CommandError::QueueFull));
    assert_eq!(bench.client.session(), before);
    bench.drain().nothing();
}

#[test]
fn a_message_too_long_for_a_packet_is_refused() {
    let mut config = ClientConfig::default();
    config.max_queued_bytes = usize::MAX;
    let mut bench = Bench::new(config);
    let payload = vec![0; 268_435_455 - 4];
    let mut longest = Message::new("t", payload).unwrap();
    longest.qos = QoS::AtLeastOnce;
    let refused = bench.client.publish(ms(0), longest.clone());
    assert_eq!(refused, Err(CommandError::Encode(EncodeError::PacketTooLong)));
    longest.qos = QoS::AtMostOnce;
    assert!(bench.client.publish(ms(0), longest).is_ok(), "it fits without an identifier");
}

#[test]
fn a_filter_too_long_for_a_packet_is_refused() {
    let mut bench = Bench::connected();
    let long = "x".repeat(65_536);
    let refused = TopicFilter::new(&long).map(|filter| bench.client.unsubscribe(ms(0), &[filter]));
    let expected = CommandError::Encode(EncodeError::Violation(Violation::StringTooLong));
    assert!(
        refused == Ok(Err(expected)) || refused == Err(Violation::StringTooLong),
        "{refused:?}"
    );
}

#[test]
fn a_packet_over_the_maximum_size_is_refused_at_its_header() {
    let mut config = ClientConfig::default();
    config.maximum_packet_size = 10;
    let mut bench = Bench::connected_with(config);
    bench.input("3008 0001 74 6161616161").closes(false);
    let output = bench.input("3009");
    let [
        ClientEvent::Disconnected {
            reason: ServerFault(mqtt_sansio::ServerFault::Decode(error)),
            ..
        },
    ] = output.events[..]
    else {
        panic!("{:?}", output.events);
    };
    assert_eq!(error.violation(), Violation::PacketTooLarge);
    output.sent("").closes(true);
}

#[test]
fn answers_that_are_not_taken_end_the_connection_at_1_mib() {
    let mut bench = Bench::connected();
    let pubrels = [0x62, 2, 0, 1].repeat(1 << 18);
    bench.client.handle_input(ms(1000), &pubrels);
    assert!(bench.client.is_connected(), "exactly 1 MiB");
    bench.input("62020001").ends(AnswersNotTaken);
}

#[test]
fn a_message_in_flight_is_not_counted_as_queued() {
    let mut config = ClientConfig::default();
    config.max_queued_messages = 1;
    config.max_queued_bytes = 2;
    let mut bench = Bench::connected_with(config);
    for _ in 0..20 {
        bench.publish(QoS::AtLeastOnce, "a");
        bench.drain();
    }
}

#[test]
fn a_session_resumed_under_smaller_bounds_is_kept_whole() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.publish(QoS::AtMostOnce, "a");
    bench.publish(QoS::AtMostOnce, "b");
    let mut config = ClientConfig::default();
    config.max_queued_messages = 1;
    let mut bench = Bench { client: Client::resume(config, bench.client.session()), now: 0 };
    let refused = bench.client.publish(ms(0), message(QoS::AtMostOnce, "c"));
    assert_eq!(refused, Err(CommandError::QueueFull));
    bench.reconnect(true).sent("3004 0001 74 61 3004 0001 74 62");
}
