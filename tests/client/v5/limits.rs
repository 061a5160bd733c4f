//! What the server does not accept is not sent, and the application is told.

use mqtt_sansio::{
    ClientConfig, CommandError, Message, NotSent, Property, PublishOutcome, QoS, ReasonCode,
    RequestOutcome, Subscription, SubscriptionIdentifier, TopicFilter,
};

use super::{EXPIRY, connected_by, v5};
use crate::bench::{Bench, ms, published, subscribed_as, unsubscribed_as};

/// The message is refused where the server is known, and told of where it waited for it.
#[track_caller]
fn refuses(connack: &str, message: &Message, code: ReasonCode) {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], connack);
    let refused = bench.client.publish(ms(1000), message.clone());
    assert_eq!(refused, Err(CommandError::NotAccepted(code)));
    bench.drain().nothing();

    let mut bench = Bench::new(ClientConfig::default());
    let early = bench.hand_over(message.clone());
    bench.connect(&v5(&[EXPIRY]));
    let late = bench.hand_over(message.clone());
    let outcome = PublishOutcome::NotSent(NotSent::NotAccepted(code));
    let output = bench.input(connack);
    output.sent("").after_connected(&[published(early, outcome), published(late, outcome)]);
}

/// The same for a subscription.
#[track_caller]
fn refuses_subscription(connack: &str, filter: &str, identifier: Option<u32>, code: ReasonCode) {
    let subscriptions = [Subscription::new(TopicFilter::new(filter).unwrap(), QoS::AtMostOnce)];
    let identifier = identifier.and_then(SubscriptionIdentifier::new);
    let properties: Vec<_> = identifier.map(Property::SubscriptionIdentifier).into_iter().collect();
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], connack);
    let refused = bench.client.subscribe_with(ms(1000), &subscriptions, &properties);
    assert_eq!(refused, Err(CommandError::NotAccepted(code)));
    bench.drain().nothing();

    let mut bench = Bench::new(ClientConfig::default());
    let handle = bench.client.subscribe_with(ms(1000), &subscriptions, &properties).unwrap();
    bench.connect(&v5(&[EXPIRY]));
    let told = subscribed_as(handle, RequestOutcome::NotSent(NotSent::NotAccepted(code)));
    bench.input(connack).sent("").after_connected(&[told]);
}

fn message(qos: QoS, retain: bool, payload: &'static str) -> Message {
    let mut message = Message::new("t", payload).unwrap();
    message.qos = qos;
    message.retain = retain;
    message
}

#[test]
fn mqtt_3_2_2_11_nothing_above_the_maximum_qos_is_published() {
    let code = ReasonCode::QoSNotSupported;
    refuses("2005 00 00 02 24 01", &message(QoS::ExactlyOnce, false, "a"), code);
    refuses("2005 00 00 02 24 00", &message(QoS::AtLeastOnce, false, "a"), code);
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], "2005 00 00 02 24 01");
    bench.publish(QoS::AtLeastOnce, "a");
    bench.drain().sent("3207 0001 74 0001 00 61");
}

#[test]
fn mqtt_3_2_2_14_nothing_retained_is_published_where_it_is_not_available() {
    let retained = message(QoS::AtMostOnce, true, "a");
    refuses("2005 00 00 02 25 00", &retained, ReasonCode::RetainNotSupported);
}

#[test]
fn mqtt_3_2_2_15_no_packet_is_larger_than_the_maximum() {
    let connack = "2008 00 00 05 27 00000008";
    let code = ReasonCode::PacketTooLarge;
    refuses(connack, &message(QoS::AtMostOnce, false, "abc"), code);
    refuses_subscription(connack, "s", None, code);
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], connack);
    bench.publish(QoS::AtMostOnce, "ab");
    bench.drain().sent("3006 0001 74 00 6162");
    bench.unsubscribe(&["s"]);
    bench.drain().sent("a206 0001 00 0001 73");
    let refused = bench.client.unsubscribe(ms(1000), &[TopicFilter::new("ss").unwrap()]);
    assert_eq!(refused, Err(CommandError::NotAccepted(code)));
    let mut bench = Bench::new(ClientConfig::default());
    let handle = bench.unsubscribe(&["ss"]);
    bench.connect(&v5(&[]));
    let told = unsubscribed_as(handle, RequestOutcome::NotSent(NotSent::NotAccepted(code)));
    bench.input(connack).sent("").after_connected(&[told]);
}

#[test]
fn subscriptions_that_are_not_available_are_not_asked_for() {
    let wildcard = ReasonCode::WildcardSubscriptionsNotSupported;
    for filter in ["#", "a/+", "$share/g/#"] {
        refuses_subscription("2005 00 00 02 28 00", filter, None, wildcard);
    }
    let identifiers = ReasonCode::SubscriptionIdentifiersNotSupported;
    refuses_subscription("2005 00 00 02 29 00", "s", Some(1), identifiers);
    let shared = ReasonCode::SharedSubscriptionsNotSupported;
    refuses_subscription("2005 00 00 02 2a 00", "$share/g/t", None, shared);
    let none = "2009 00 00 06 28 00 29 00 2a 00";
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], none);
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().sent("8207 0001 00 0001 73 00");
}

#[test]
fn what_fits_is_sent_where_its_neighbours_do_not() {
    let mut bench = Bench::new(ClientConfig::default());
    for (qos, payload) in
        [(QoS::ExactlyOnce, "a"), (QoS::AtLeastOnce, "b"), (QoS::ExactlyOnce, "c")]
    {
        bench.publish(qos, payload);
    }
    bench.connect(&v5(&[]));
    let output = bench.input("2005 00 00 02 24 01");
    output.sent("3207 0001 74 0001 00 62");
    assert_eq!(output.events.len(), 3);
}

#[test]
fn a_packet_above_the_own_maximum_is_answered_with_0x95() {
    let properties = [Property::MaximumPacketSize(10.try_into().unwrap())];
    let (mut bench, _) = connected_by(ClientConfig::default(), &properties, super::CONNACK);
    bench.input("3008 0001 74 00 61616161").closes(false);
    // As soon as its length is known.
    bench.input("3009").sent("e001 95").closes(true);
    // The client's own limit holds too.
    let mut config = ClientConfig::default();
    config.maximum_packet_size = 10;
    let (mut bench, _) = connected_by(config, &[], super::CONNACK);
    bench.input("3009").sent("e001 95").closes(true);
}
