//! SUBSCRIBE and UNSUBSCRIBE.

use mqtt_sansio::DisconnectReason::ServerFault;
use mqtt_sansio::ServerFault::UnexpectedAcknowledgement;
use mqtt_sansio::{
    CommandError, EncodeError, Field, PacketId, PacketType, PublishOutcome, QoS, ReasonCode,
    RequestOutcome, Subscription, TopicFilter, Version, Violation,
};

use crate::bench::{
    Bench, connected, disconnected, lost_connection, ms, published, subscribed, subscribed_as,
    unsubscribed_as,
};

#[test]
fn subscribe_is_told_the_code_of_each_filter() {
    let mut bench = Bench::connected();
    let handle = bench.subscribe(&[
        ("a/#", QoS::ExactlyOnce),
        ("b/+", QoS::AtMostOnce),
        ("c", QoS::AtLeastOnce),
        ("d", QoS::AtLeastOnce),
    ]);
    bench.drain().sent("8216 0001 0003 612f23 02 0003 622f2b 00 0001 63 01 0001 64 01").events(&[]);
    let codes = [
        ReasonCode::GrantedQoS2,
        ReasonCode::GRANTED_QOS_0,
        ReasonCode::UnspecifiedError,
        ReasonCode::GrantedQoS1,
    ];
    bench.input("9006 0001 02 00 80 01").sent("").events(&[subscribed(handle, &codes)]);
    bench.input("9006 0001 02 00 80 01").nothing();
}

#[test]
fn unsubscribe_is_told_when_it_is_confirmed() {
    let mut bench = Bench::connected();
    let handle = bench.unsubscribe(&["a/#", "b"]);
    bench.drain().sent("a20a 0001 0003 612f23 0001 62").events(&[]);
    let done = unsubscribed_as(handle, RequestOutcome::Answered(Vec::new()));
    bench.input("b0020001").sent("").events(&[done]);
}

#[test]
fn suback_and_puback_are_legal_in_any_order() {
    for suback_first in [true, false] {
        let mut bench = Bench::connected();
        let handle = bench.publish(QoS::AtLeastOnce, "a");
        bench.drain().sent("3206 0001 74 0001 61");
        let request = bench.subscribe(&[("s", QoS::AtLeastOnce)]);
        bench.drain().sent("8206 0002 0001 73 01");
        let suback = subscribed(request, &[ReasonCode::GrantedQoS1]);
        let puback = published(handle, PublishOutcome::Acknowledged);
        if suback_first {
            bench.input("9003000201 40020001").events(&[suback, puback]);
        } else {
            bench.input("40020001 9003000201").events(&[puback, suback]);
        }
    }
}

#[test]
fn messages_may_come_before_their_suback() {
    let mut bench = Bench::connected();
    let request = bench.subscribe(&[("t", QoS::AtMostOnce)]);
    bench.drain();
    let output = bench.input("3104 0001 74 61 9003000100");
    assert_eq!(output.events.len(), 2);
    assert_eq!(output.events[1], subscribed(request, &[ReasonCode::GRANTED_QOS_0]));
}

#[test]
fn suback_with_a_wrong_number_of_codes_is_a_fault() {
    for suback in ["9003000101", "9005000101 0101"] {
        let mut bench = Bench::connected();
        let handle = bench.subscribe(&[("a", QoS::AtLeastOnce), ("b", QoS::AtLeastOnce)]);
        bench.drain();
        let fault =
            UnexpectedAcknowledgement { packet: PacketType::SubAck, packet_id: PacketId::MIN };
        bench.input(suback).sent("").closes(true).events(&[
            subscribed_as(handle, RequestOutcome::Lost),
            disconnected(ServerFault(fault)),
        ]);
    }
}

#[test]
fn requests_that_were_sent_are_lost_with_their_connection() {
    let mut bench = Bench::connected();
    let subscribe = bench.subscribe(&[("a", QoS::AtMostOnce)]);
    let unsubscribe = bench.unsubscribe(&["b"]);
    bench.drain();
    bench.lose().sent("").events(&[
        subscribed_as(subscribe, RequestOutcome::Lost),
        unsubscribed_as(unsubscribe, RequestOutcome::Lost),
        lost_connection(),
    ]);
    bench.reconnect(true).sent("").events(&[connected(true)]);
    // The late answers belong to nothing.
    bench.input("9003000100 b0020002").nothing();
}

#[test]
fn requests_that_were_never_sent_are_sent_on_the_next_connection() {
    let mut bench = Bench::connected();
    bench.lose();
    let handle = bench.subscribe(&[("a", QoS::AtMostOnce)]);
    bench.drain().nothing();
    bench.reconnect(false).sent("8206 0001 0001 61 00").events(&[connected(false)]);
    bench.input("9003000100").events(&[subscribed(handle, &[ReasonCode::GRANTED_QOS_0])]);
}

#[test]
fn requests_do_not_wait_behind_a_full_window() {
    let mut config = mqtt_sansio::ClientConfig::default();
    config.max_inflight_messages = 1;
    let mut bench = Bench::connected_with(config);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain().sent("3206 0001 74 0001 61");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().sent("8206 0002 0001 73 00");
    // Nor do they fill it.
    bench.input("40020001").sent("3206 0001 74 0003 62");
}

#[test]
fn subscription_options_of_5_0_are_an_error() {
    let mut bench = Bench::connected();
    let filter = TopicFilter::new("a").unwrap();
    let subscription =
        Subscription { no_local: true, ..Subscription::new(filter, QoS::AtMostOnce) };
    let error =
        EncodeError::NotInVersion { field: Field::SubscriptionOptions, version: Version::V3_1_1 };
    let refused = bench.client.subscribe(ms(0), &[subscription]);
    assert_eq!(refused, Err(CommandError::Encode(error)));
    bench.drain().nothing();
}

#[test]
fn requests_without_filters_are_an_error() {
    let mut bench = Bench::connected();
    let error = CommandError::Encode(EncodeError::Violation(Violation::NoTopicFilters));
    assert_eq!(bench.client.subscribe(ms(0), &[]), Err(error));
    assert_eq!(bench.client.unsubscribe(ms(0), &[]), Err(error));
    bench.drain().nothing();
}
