//! Messages from the server, acknowledged by the client itself.

use mqtt_sansio::{Message, QoS};

use crate::bench::{Bench, connected, payloads, received};

#[test]
fn qos_0_is_delivered_and_not_answered() {
    let mut bench = Bench::connected();
    let event = received(QoS::AtMostOnce, "a", false);
    bench.input("3004 0001 74 61").sent("").events(&[event]);
}

#[test]
fn qos_1_is_delivered_and_answered_with_puback() {
    let mut bench = Bench::connected();
    let event = received(QoS::AtLeastOnce, "a", false);
    bench.input("3206 0001 74 0007 61").sent("40020007").events(&[event]);
}

#[test]
fn qos_1_is_delivered_as_often_as_it_comes() {
    let mut bench = Bench::connected();
    bench.input("3206 0001 74 0007 61").sent("40020007");
    let event = received(QoS::AtLeastOnce, "a", true);
    bench.input("3a06 0001 74 0007 61").sent("40020007").events(&[event]);
}

#[test]
fn qos_2_is_delivered_once_and_answered_with_pubrec_and_pubcomp() {
    let mut bench = Bench::connected();
    let event = received(QoS::ExactlyOnce, "a", false);
    bench.input("3406 0001 74 0007 61").sent("50020007").events(&[event]);
    bench.input("62020007").sent("70020007").events(&[]);
}

#[test]
fn a_qos_2_duplicate_is_answered_and_not_delivered() {
    let mut bench = Bench::connected();
    assert_eq!(payloads(&bench.input("3406 0001 74 0007 61")), [b"a"]);
    bench.input("3c06 0001 74 0007 61").sent("50020007").events(&[]);
    bench.input("62020007").sent("70020007").events(&[]);
}

#[test]
fn a_qos_2_duplicate_after_reconnect_is_answered_and_not_delivered() {
    let mut bench = Bench::connected();
    assert_eq!(payloads(&bench.input("3406 0001 74 0007 61")), [b"a"]);
    bench.lose();
    bench.reconnect(true).events(&[connected(true)]);
    bench.input("3c06 0001 74 0007 61").sent("50020007").events(&[]);
    bench.lose();
    bench.reconnect(true);
    bench.input("62020007").sent("70020007").events(&[]);
}

#[test]
fn a_qos_2_duplicate_whose_pubrec_was_never_pulled_is_not_delivered_again() {
    let mut bench = Bench::connected();
    bench.client.handle_input(mqtt_sansio::Instant::default(), b"\x34\x06\x00\x01t\x00\x07a");
    assert_eq!(payloads(&bench.lose()), [b"a"]);
    bench.reconnect(true).sent("");
    bench.input("3c06 0001 74 0007 61").sent("50020007").events(&[]);
}

#[test]
fn after_pubrel_the_id_stands_for_a_new_message() {
    let mut bench = Bench::connected();
    bench.input("3406 0001 74 0007 61").sent("50020007");
    bench.input("62020007").sent("70020007");
    let event = received(QoS::ExactlyOnce, "b", false);
    bench.input("3406 0001 74 0007 62").sent("50020007").events(&[event]);
}

#[test]
fn after_a_lost_session_the_id_stands_for_a_new_message() {
    let mut bench = Bench::connected();
    bench.input("3406 0001 74 0007 61").sent("50020007");
    bench.lose();
    bench.reconnect(false);
    let event = received(QoS::ExactlyOnce, "b", false);
    bench.input("3406 0001 74 0007 62").sent("50020007").events(&[event]);
}

#[test]
fn pubrel_for_unknown_id_is_answered_with_pubcomp() {
    let mut bench = Bench::connected();
    bench.input("6202ffff").sent("7002ffff").events(&[]).closes(false);
    assert!(bench.client.is_connected());
}

#[test]
fn the_same_id_in_both_directions_is_two_exchanges() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::ExactlyOnce, "out");
    bench.drain().sent("3408 0001 74 0001 6f7574");
    bench.input("3406 0001 74 0001 61").sent("50020001");
    bench.input("50020001").sent("62020001").events(&[]);
    bench.input("62020001").sent("70020001").events(&[]);
    let done = crate::bench::published(handle, mqtt_sansio::PublishOutcome::Acknowledged);
    bench.input("70020001").sent("").events(&[done]);
}

#[test]
fn qos_1_and_qos_2_with_the_same_id_are_two_exchanges() {
    let mut bench = Bench::connected();
    bench.input("3406 0001 74 0001 61").sent("50020001");
    bench.input("62020001").sent("70020001");
    bench.input("3206 0001 74 0001 62").sent("40020001");
    bench.input("3406 0001 74 0001 63").sent("50020001");
}

#[test]
fn many_packets_in_one_read_are_answered_in_their_order() {
    let mut bench = Bench::connected();
    let output = bench.input(
        "3206 0001 74 0001 61 3406 0001 74 0002 62 3206 0001 74 0003 63 62020002 3004 0001 74 64",
    );
    output.sent("40020001 50020002 40020003 70020002");
    assert_eq!(payloads(&output), [b"a", b"b", b"c", b"d"]);
}

#[test]
fn one_packet_in_many_reads_is_one_message() {
    let mut bench = Bench::connected();
    let packet = b"\x32\x06\x00\x01t\x00\x01a";
    for byte in &packet[..7] {
        bench.bytes(&[*byte]).nothing();
    }
    bench.bytes(b"a").sent("40020001").events(&[received(QoS::AtLeastOnce, "a", false)]);
}

#[test]
fn the_retain_flag_and_an_empty_payload_are_delivered() {
    let mut bench = Bench::connected();
    let mut message = Message::new("é/😀", "").unwrap();
    message.retain = true;
    let event = crate::bench::message_event(message, false);
    bench.input("3109 0007 c3a92ff09f9880").events(&[event]);
}

#[test]
fn a_message_in_the_read_of_connack_is_delivered_after_connected() {
    let mut bench = Bench::new(mqtt_sansio::ClientConfig::default());
    bench.connect(&mqtt_sansio::Connect::new(mqtt_sansio::Version::V3_1_1, "c"));
    bench
        .input("20020000 3004 0001 74 61")
        .events(&[connected(false), received(QoS::AtMostOnce, "a", false)]);
}

#[test]
fn what_comes_during_a_disconnect_is_still_delivered() {
    let mut bench = Bench::connected();
    bench.client.disconnect(crate::bench::ms(1000));
    let output = bench.input("3206 0001 74 0001 61");
    output.sent("40020001 e000").closes(true);
    assert_eq!(payloads(&output), [b"a"]);
}
