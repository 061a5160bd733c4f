//! Message Expiry Interval of what waits to be sent.

use mqtt_sansio::{Property, PublishOutcome, QoS};

use super::{CONNACK, EXPIRY, PRESENT, connected, message_with, reconnect, v5};
use crate::bench::{Bench, published};

fn expiring(qos: QoS, seconds: u32) -> mqtt_sansio::Message {
    message_with("t", qos, &[Property::MessageExpiryInterval(seconds)])
}

#[test]
fn a_message_is_sent_with_what_is_left_of_its_interval() {
    let mut bench = Bench::new(mqtt_sansio::ClientConfig::default());
    bench.hand_over(expiring(QoS::AtMostOnce, 60));
    bench.now += 10_500;
    bench.connect(&v5(&[]));
    // 49.5 s are left.
    bench.input(CONNACK).sent("300a 0001 74 05 02 00000032 61");
    bench.hand_over(expiring(QoS::AtMostOnce, 60));
    bench.drain().sent("300a 0001 74 05 02 0000003c 61");
}

#[test]
fn a_message_that_expires_before_it_is_sent_is_dropped_and_told() {
    let mut bench = Bench::new(mqtt_sansio::ClientConfig::default());
    let a = bench.hand_over(expiring(QoS::AtLeastOnce, 60));
    let b = bench.hand_over(expiring(QoS::AtLeastOnce, 5));
    let c = bench.hand_over(expiring(QoS::AtLeastOnce, 60));
    bench.drain().nothing().waits(Some(6000));
    bench.timeout(5999).nothing().waits(Some(6000));
    let expired = |handle| published(handle, PublishOutcome::Expired);
    bench.timeout(6000).events(&[expired(b)]).waits(Some(61_000));
    bench.timeout(61_000).events(&[expired(a), expired(c)]).waits(None);
    bench.connect(&v5(&[]));
    bench.input(CONNACK).sent("");
}

#[test]
fn a_late_driver_does_not_send_what_has_expired() {
    let mut bench = connected();
    let a = bench.hand_over(expiring(QoS::AtMostOnce, 5));
    bench.now += 5000;
    assert!(bench.pull(usize::MAX).is_empty());
    bench.drain().sent("").events(&[published(a, PublishOutcome::Expired)]);
}

#[test]
fn an_interval_of_0_is_good_for_the_moment() {
    let mut bench = connected();
    bench.hand_over(expiring(QoS::AtMostOnce, 0));
    bench.drain().sent("300a 0001 74 05 02 00000000 61");
}

#[test]
fn mqtt_4_3_3_7_what_was_sent_does_not_expire() {
    let mut bench = connected();
    let a = bench.hand_over(expiring(QoS::ExactlyOnce, 5));
    bench.drain().sent("340c 0001 74 0001 05 02 00000005 61").waits(None);
    bench.timeout(100_000).nothing();
    reconnect(&mut bench, PRESENT).sent("3c0c 0001 74 0001 05 02 00000005 61");
    bench.input("50020001").sent("62020001");
    bench.input("70020001").events(&[published(a, PublishOutcome::Acknowledged)]);
}

#[test]
fn what_expires_makes_room_in_the_queue() {
    let mut config = mqtt_sansio::ClientConfig::default();
    config.max_queued_messages = 1;
    let mut bench = Bench::new(config);
    bench.hand_over(expiring(QoS::AtMostOnce, 1));
    bench.timeout(2000);
    bench.connect(&v5(&[EXPIRY]));
    bench.hand_over(expiring(QoS::AtMostOnce, 1));
    bench.input(CONNACK).sent("300a 0001 74 05 02 00000001 61");
}

#[test]
fn what_expires_before_it_is_pulled_is_nothing_to_transmit() {
    let mut bench = connected();
    let a = bench.hand_over(expiring(QoS::AtMostOnce, 5));
    // Nobody polled since.
    bench.timeout(6000).sent("").events(&[published(a, PublishOutcome::Expired)]);
}
