//! Flow control, section 4.9.

use mqtt_sansio::{ClientConfig, Property, QoS, ServerFault};

use super::{CONNACK, EXPIRY, connected_by, faults, reconnect};
use crate::bench::{Bench, manual};

/// CONNACK with Receive Maximum 2.
const TWO: &str = "2006 00 00 03 21 0002";
const TWO_PRESENT: &str = "2006 01 00 03 21 0002";

fn with_two() -> Bench {
    connected_by(ClientConfig::default(), &[EXPIRY], TWO).0
}

fn publish_all(bench: &mut Bench, qos: QoS) {
    for payload in ["a", "b", "c", "d"] {
        bench.publish(qos, payload);
    }
}

#[test]
fn mqtt_3_3_4_7_no_more_messages_are_open_than_the_server_allows() {
    let mut bench = with_two();
    publish_all(&mut bench, QoS::AtLeastOnce);
    bench.drain().sent("3207 0001 74 0001 00 61 3207 0001 74 0002 00 62");
    bench.input("40020001").sent("3207 0001 74 0003 00 63");
    // With an error too.
    bench.input("40030002 97").sent("3207 0001 74 0004 00 64");
}

#[test]
fn mqtt_4_9_0_1_the_quota_begins_with_the_receive_maximum_of_each_connection() {
    let mut bench = connected_by(ClientConfig::default(), &[EXPIRY], CONNACK).0;
    publish_all(&mut bench, QoS::AtLeastOnce);
    bench.drain();
    // Four are in flight: only two may be sent again at once.
    reconnect(&mut bench, TWO_PRESENT).sent("3a07 0001 74 0001 00 61 3a07 0001 74 0002 00 62");
    bench.input("40020002").sent("3a07 0001 74 0003 00 63");
    reconnect(&mut bench, "2006 01 00 03 21 0001").sent("3a07 0001 74 0001 00 61");
    reconnect(&mut bench, super::PRESENT)
        .sent("3a07 0001 74 0001 00 61 3a07 0001 74 0003 00 63 3a07 0001 74 0004 00 64");
}

#[test]
fn mqtt_4_9_0_2_at_qos_2_room_is_made_by_pubcomp_and_by_a_pubrec_with_an_error() {
    let mut bench = with_two();
    publish_all(&mut bench, QoS::ExactlyOnce);
    bench.drain().sent("3407 0001 74 0001 00 61 3407 0001 74 0002 00 62");
    bench.input("50020001").sent("62020001");
    bench.input("50030002 87").sent("3407 0001 74 0003 00 63");
    bench.input("70030001 92").sent("3407 0001 74 0004 00 64");
}

#[test]
fn mqtt_4_9_0_3_with_no_room_all_else_goes_on() {
    let mut bench = with_two();
    publish_all(&mut bench, QoS::ExactlyOnce);
    bench.drain();
    bench
        .input("3207 0001 74 0001 00 61 3407 0001 74 0002 00 61 62020002")
        .sent("40020001 50020002 70020002");
    bench.input("50020002").sent("62020002");
}

#[test]
fn mqtt_3_3_4_8_a_full_window_delays_publish_only() {
    let mut bench = with_two();
    publish_all(&mut bench, QoS::AtLeastOnce);
    bench.drain();
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.unsubscribe(&["s"]);
    bench.drain().sent("8207 0003 00 0001 73 00  a206 0004 00 0001 73");
    bench.disconnect().sent("e000");
}

#[test]
fn a_pubrel_that_is_sent_again_does_not_wait_for_room() {
    let mut bench = connected_by(ClientConfig::default(), &[EXPIRY], CONNACK).0;
    publish_all(&mut bench, QoS::ExactlyOnce);
    bench.drain();
    bench.input("50020004").sent("62020004");
    reconnect(&mut bench, TWO_PRESENT)
        .sent("3c07 0001 74 0001 00 61 3c07 0001 74 0002 00 62 62020004");
    // It counts as open: room is never more than the server knows of.
    bench.input("70020004").sent("");
    bench.input("50020001").sent("62020001");
    bench.input("70020001").sent("3c07 0001 74 0003 00 63");
}

#[test]
fn the_own_window_holds_where_it_is_smaller() {
    let mut config = ClientConfig::default();
    config.max_inflight_messages = 1;
    let mut bench = connected_by(config, &[EXPIRY], TWO).0;
    publish_all(&mut bench, QoS::AtLeastOnce);
    bench.drain().sent("3207 0001 74 0001 00 61");
}

fn receiving(config: ClientConfig, maximum: u16) -> Bench {
    let properties = [EXPIRY, Property::ReceiveMaximum(maximum.try_into().unwrap())];
    connected_by(config, &properties, CONNACK).0
}

#[test]
fn more_than_the_own_receive_maximum_is_answered_with_0x93() {
    let mut bench = receiving(manual(), 2);
    bench.input("3207 0001 74 0001 00 61 3407 0001 74 0002 00 62 3005 0001 74 00 63").sent("");
    let output = bench.input("3207 0001 74 0003 00 64");
    faults(&output, ServerFault::ReceiveMaximumExceeded, "e001 93");
}

#[test]
fn what_is_answered_makes_room_for_the_server() {
    let mut bench = receiving(manual(), 1);
    for round in 0..3 {
        let token = bench.input("3207 0001 74 0001 00 61").tokens().remove(0);
        bench.acknowledge(token).sent("40020001").closes(false);
        let token = bench.input("3407 0001 74 0002 00 61").tokens().remove(0);
        if round == 1 {
            bench.answer(token, mqtt_sansio::ReasonCode::NotAuthorized).sent("50030002 87");
            continue;
        }
        bench.acknowledge(token).sent("50020002");
        bench.input("62020002").sent("70020002").closes(false);
    }
}

#[test]
fn an_answer_makes_room_when_it_is_pulled() {
    let mut bench = receiving(ClientConfig::default(), 1);
    let output = bench.input("3207 0001 74 0001 00 61 3207 0001 74 0002 00 62");
    // The answer to the first was not on its way when the second came.
    faults(&output, ServerFault::ReceiveMaximumExceeded, "40020001 e001 93");
}

#[test]
fn until_pubcomp_a_qos_2_message_takes_room() {
    let mut bench = receiving(ClientConfig::default(), 1);
    bench.input("3407 0001 74 0001 00 61").sent("50020001");
    let output = bench.input("3207 0001 74 0002 00 62");
    faults(&output, ServerFault::ReceiveMaximumExceeded, "e001 93");
}

#[test]
fn a_new_connection_gives_the_server_all_its_room_again() {
    let mut bench = receiving(ClientConfig::default(), 1);
    bench.input("3407 0001 74 0001 00 61").sent("50020001");
    bench.lose();
    bench.connect(&super::v5(&[EXPIRY, Property::ReceiveMaximum(1.try_into().unwrap())]));
    bench.input(super::PRESENT);
    bench.input("3c07 0001 74 0001 00 61").sent("50020001").closes(false);
    bench.input("62020001").sent("70020001");
    bench.input("3207 0001 74 0002 00 62").sent("40020002").closes(false);
}
