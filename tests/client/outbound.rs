//! Messages to the server: QoS 0, 1 and 2, the window and the queue behind it.

use mqtt_sansio::PublishOutcome::{Acknowledged, Sent};
use mqtt_sansio::{ClientConfig, ClientEvent, Connect, Message, QoS, Version};

use crate::bench::{Bench, CONNACK, connected, ms, published};

fn window(max_inflight_messages: u16) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.max_inflight_messages = max_inflight_messages;
    config
}

#[test]
fn qos_0_is_sent_and_told_as_sent() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::AtMostOnce, "a");
    bench.drain().sent("3004 0001 74 61").events(&[published(handle, Sent)]);
}

#[test]
fn qos_0_is_not_told_as_sent_before_it_is_pulled() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtMostOnce, "a");
    assert_eq!(bench.client.poll_output(), mqtt_sansio::ClientOutput::Transmit);
    assert_eq!(bench.client.poll_output(), mqtt_sansio::ClientOutput::Wait(None));
}

#[test]
fn qos_1_is_complete_at_puback() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain().sent("3206 0001 74 0001 61").events(&[]);
    bench.input("40020001").sent("").events(&[published(handle, Acknowledged)]);
    bench.input("40020001").nothing();
}

#[test]
fn qos_2_is_complete_at_pubcomp() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain().sent("3406 0001 74 0001 61").events(&[]);
    bench.input("50020001").sent("62020001").events(&[]);
    bench.input("70020001").sent("").events(&[published(handle, Acknowledged)]);
    bench.input("70020001").nothing();
}

#[test]
fn a_repeated_pubrec_is_answered_with_pubrel_again() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.input("50020001 50020001").sent("62020001 62020001").events(&[]);
    bench.input("70020001").events(&[published(handle, Acknowledged)]);
}

#[test]
fn pubrec_for_unknown_id_is_answered_with_pubrel() {
    let mut bench = Bench::connected();
    bench.input("5002ffff").sent("6202ffff").events(&[]).closes(false);
}

#[test]
fn puback_pubcomp_suback_and_unsuback_for_unknown_ids_do_nothing() {
    let mut bench = Bench::connected();
    bench.input("40020009 70020009 9003000900 b0020009").nothing();
    assert!(bench.client.is_connected());
}

#[test]
fn retain_and_the_empty_payload_are_sent() {
    let mut bench = Bench::connected();
    let mut message = Message::new("t", "").unwrap();
    message.retain = true;
    for (qos, sent) in [
        (QoS::AtMostOnce, "3103 0001 74"),
        (QoS::AtLeastOnce, "3305 0001 74 0001"),
        (QoS::ExactlyOnce, "3505 0001 74 0002"),
    ] {
        message.qos = qos;
        bench.client.publish(ms(0), message.clone()).unwrap();
        bench.drain().sent(sent);
    }
}

#[test]
fn messages_keep_their_order_whatever_their_qos() {
    let mut bench = Bench::connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::AtMostOnce, "b");
    bench.publish(QoS::AtLeastOnce, "c");
    bench.publish(QoS::AtMostOnce, "d");
    bench.drain().sent("3406 0001 74 0001 61 3004 0001 74 62 3206 0001 74 0002 63 3004 0001 74 64");
}

#[test]
fn messages_wait_in_order_behind_a_full_window() {
    let mut bench = Bench::connected_with(window(2));
    let handles: Vec<_> =
        ["a", "b", "c", "d"].map(|payload| bench.publish(QoS::AtLeastOnce, payload)).into();
    bench.drain().sent("3206 0001 74 0001 61 3206 0001 74 0002 62");
    let a = published(handles[0], Acknowledged);
    bench.input("40020001").sent("3206 0001 74 0003 63").events(&[a]);
    let b = published(handles[1], Acknowledged);
    bench.input("40020002").sent("3206 0001 74 0004 64").events(&[b]);
}

#[test]
fn a_qos_0_message_waits_for_those_before_it() {
    let mut bench = Bench::connected_with(window(1));
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.publish(QoS::AtMostOnce, "c");
    bench.drain().sent("3206 0001 74 0001 61");
    bench.input("40020001").sent("3206 0001 74 0002 62 3004 0001 74 63");
}

#[test]
fn the_window_opens_at_pubcomp_not_at_pubrec() {
    let mut bench = Bench::connected_with(window(1));
    bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain().sent("3406 0001 74 0001 61");
    bench.input("50020001").sent("62020001");
    bench.input("70020001").sent("3406 0001 74 0002 62");
}

#[test]
fn a_window_of_0_is_taken_as_1() {
    let mut bench = Bench::connected_with(window(0));
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain().sent("3206 0001 74 0001 61");
    bench.input("40020001").sent("3206 0001 74 0002 62");
}

#[test]
fn acknowledgements_in_another_order_are_taken() {
    let mut bench = Bench::connected();
    let [a, b, c] = ["a", "b", "c"].map(|payload| bench.publish(QoS::AtLeastOnce, payload));
    bench.drain();
    bench.input("40020003 40020001 40020002").events(&[
        published(c, Acknowledged),
        published(a, Acknowledged),
        published(b, Acknowledged),
    ]);
}

#[test]
fn messages_taken_before_connect_are_sent_after_connack() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.publish(QoS::AtMostOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().nothing();
    bench
        .connect(&Connect::new(Version::V3_1_1, "c"))
        .sent("100d 0004 4d515454 04 02 0000 0001 63");
    bench.publish(QoS::AtMostOnce, "c");
    bench.drain().nothing();
    // Requests do not wait for messages.
    let output = bench.input(CONNACK);
    assert_eq!(output.events[0], connected(false));
    output.sent("8206 0001 0001 73 00  3004 0001 74 61  3206 0001 74 0002 62  3004 0001 74 63");
}

#[test]
fn send_before_connack_is_off_by_default() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.publish(QoS::AtMostOnce, "a");
    bench
        .connect(&Connect::new(Version::V3_1_1, "c"))
        .sent("100d 0004 4d515454 04 02 0000 0001 63");
}

#[test]
fn send_before_connack_sends_right_after_connect() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    let a = bench.publish(QoS::AtMostOnce, "a");
    let b = bench.publish(QoS::AtLeastOnce, "b");
    let output = bench.connect(&Connect::new(Version::V3_1_1, "c"));
    output
        .sent("100d 0004 4d515454 04 02 0000 0001 63  3004 0001 74 61  3206 0001 74 0001 62")
        .events(&[published(a, Sent)]);
    let s = bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().sent("8206 0002 0001 73 00");
    bench.input(CONNACK).sent("").events(&[connected(false)]);
    let granted = mqtt_sansio::ReasonCode::GRANTED_QOS_0;
    bench
        .input("40020001 9003000200")
        .events(&[published(b, Acknowledged), crate::bench::subscribed(s, &[granted])]);
}

#[test]
fn send_before_connack_waits_where_a_session_may_be_resumed() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.reconnect(false).sent("3206 0001 74 0001 61");
    // And where something of an earlier session would have to be told as lost.
    bench.lose();
    bench.publish(QoS::AtMostOnce, "b");
    bench
        .connect(&Connect::new(Version::V3_1_1, "c"))
        .sent("100d 0004 4d515454 04 02 0000 0001 63");
    bench.input(CONNACK).sent("3004 0001 74 62");
}

#[test]
fn send_before_connack_waits_where_a_message_of_an_earlier_session_is_not_released() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    bench.reconnect(false);
    // QoS 2, packet identifier 1: delivered, and PUBREC sent.
    bench.input("3406 0001 74 0001 61").sent("5002 0001");
    bench.lose();
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    bench.input("20020003");
    bench.lose();
    // The refused clean start has ended nothing: the repetition is not delivered again.
    bench.reconnect(true);
    bench.input("3c06 0001 74 0001 61").sent("5002 0001").events(&[]);
}

#[test]
fn what_was_sent_before_a_refusal_is_told_as_lost_with_the_next_session() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    let a = bench.publish(QoS::AtLeastOnce, "a");
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    let mut told = bench.input("20020005").events;
    told.extend(bench.lose().events);
    let output = bench.reconnect(false);
    output.sent("");
    told.extend(output.events);
    told.retain(|event| matches!(event, ClientEvent::Published { .. }));
    assert_eq!(told, [published(a, mqtt_sansio::PublishOutcome::Lost)]);
}

/// [MQTT-3.1.2-6]: such a connection is a clean start, whether its CONNACK came or not.
#[test]
fn what_was_sent_before_connack_is_not_sent_in_a_later_session() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    let a = bench.publish(QoS::ExactlyOnce, "a");
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    let mut told = bench.lose().events;
    let output = bench.reconnect(true);
    output.sent("");
    told.extend(output.events);
    told.retain(|event| matches!(event, ClientEvent::Published { .. }));
    assert_eq!(told, [published(a, mqtt_sansio::PublishOutcome::Lost)]);
}
