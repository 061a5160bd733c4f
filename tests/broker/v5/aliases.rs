//! Topic aliases, both ways.

use mqtt_sansio::{Access, ClientFault, Filter, Permissions, Property, PropertyId, TopicAlias};

use super::{message, subscribed, subscriber};
use crate::bench::{Answer, Bench, Peer};
use crate::wire::{dup, publish, suback, subscribe};
use crate::wire5::{
    connect5, puback5, pubcomp5, publish5, publish5_1, publish5_2, published5, pubrec5, pubrel5,
    sub5, suback5, subscribe5, topic_alias,
};

const LONG: &str = "a/long/topic";
const OTHER: &str = "another/topic";

fn alias(number: u16) -> TopicAlias {
    TopicAlias::new(number).unwrap()
}

/// A client of 3.1.1 that gets everything, and one of 5.0 that publishes.
fn with_witness() -> (Bench, Peer, Peer) {
    let mut bench = Bench::new();
    let witness = bench.client("witness");
    bench.ask(witness, subscribe(1, &[("#", 0)]), suback(1, &[0]));
    let a = bench.client5("a", &[]);
    (bench, witness, a)
}

#[test]
fn an_alias_stands_for_the_topic_it_was_sent_with() {
    let (mut bench, witness, a) = with_witness();
    bench.ask(a, publish5(LONG, "1", &[topic_alias(10)]), "");
    bench.ask(a, publish5("", "2", &[topic_alias(10)]), "");
    bench.got(witness, [publish(LONG, "1"), publish(LONG, "2")]);
}

#[test]
fn an_alias_that_is_set_again_stands_for_the_new_topic_alone() {
    let (mut bench, witness, a) = with_witness();
    bench.send(a, publish5(LONG, "1", &[topic_alias(1)]));
    bench.send(a, publish5(OTHER, "2", &[topic_alias(1)]));
    bench.send(a, publish5("", "3", &[topic_alias(1)]));
    bench.got(witness, [publish(LONG, "1"), publish(OTHER, "2"), publish(OTHER, "3")]);
    bench.quiet(&[a]);
}

#[test]
fn aliases_of_two_connections_are_their_own() {
    let (mut bench, witness, a) = with_witness();
    let b = bench.client5("b", &[]);
    bench.send(a, publish5(LONG, "1", &[topic_alias(1)]));
    bench.send(b, publish5(OTHER, "2", &[topic_alias(1)]));
    bench.send(a, publish5("", "3", &[topic_alias(1)]));
    bench.got(witness, [publish(LONG, "1"), publish(OTHER, "2"), publish(LONG, "3")]);
    bench.send(b, publish5("", "4", &[topic_alias(2)]));
    bench.ended5(b, 0x82, ClientFault::UnknownTopicAlias(alias(2)));
    bench.quiet(&[a, witness]);
}

#[test]
fn an_alias_that_was_never_set_is_a_protocol_error() {
    let (mut bench, witness, a) = with_witness();
    bench.send(a, publish5("", "x", &[topic_alias(1)]));
    bench.ended5(a, 0x82, ClientFault::UnknownTopicAlias(alias(1)));
    bench.quiet(&[witness]);
}

#[test]
fn an_alias_above_the_maximum_is_invalid_also_with_a_topic() {
    for name in [LONG, ""] {
        let (mut bench, witness, a) = with_witness();
        bench.send(a, publish5(name, "x", &[topic_alias(11)]));
        bench.ended5(a, 0x94, ClientFault::TopicAliasInvalid(alias(11)));
        bench.quiet(&[witness]);
    }
}

#[test]
fn where_the_maximum_is_0_it_is_not_announced_and_no_alias_is_valid() {
    let mut bench = Bench::with(|config| config.session.features.topic_alias_maximum = 0);
    let a = bench.dial(connect5("a", &[Property::TopicAliasMaximum(5)], |_| ()));
    let connack = bench.connack5(a, false);
    let maximum = PropertyId::TopicAliasMaximum;
    assert_eq!(connack.properties().find(maximum), None);
    subscribed(&mut bench, a, &[sub5("#", 0)]);
    let twice = [publish5(LONG, "1", &[]), publish5(LONG, "1", &[])];
    bench.ask5(a, twice.clone(), twice);
    bench.send(a, publish5(LONG, "x", &[topic_alias(1)]));
    bench.ended5(a, 0x94, ClientFault::TopicAliasInvalid(alias(1)));
}

#[test]
fn a_message_that_awaits_pubrel_keeps_the_topic_its_alias_had() {
    let (mut bench, witness, a) = with_witness();
    bench.ask5(a, publish5_2(1, LONG, "1", &[topic_alias(1)]), pubrec5(1, 0, &[]));
    bench.ask5(a, publish5_2(2, "", "2", &[topic_alias(1)]), pubrec5(2, 0, &[]));
    bench.ask5(a, publish5(OTHER, "3", &[topic_alias(1)]), "");
    bench.ask5(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.ask5(a, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
    bench.got(witness, [publish(OTHER, "3"), publish(LONG, "1"), publish(LONG, "2")]);
}

#[test]
fn a_message_that_is_refused_sets_its_alias() {
    let mut bench = Bench::new();
    bench.answer_with(|_| {
        let denied = Filter::new("a/#").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Publish, denied))
    });
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    let refused = publish5_1(1, LONG, "x", &[topic_alias(1)]);
    bench.ask5(a, refused, puback5(1, 0x87, &[]));
    bench.ask5(a, publish5_1(2, "", "x", &[topic_alias(1)]), puback5(2, 0x87, &[]));
    bench.ask5(a, publish5_2(2, "", "x", &[topic_alias(1)]), pubrec5(2, 0x87, &[]));
    bench.is_open(a);
}

#[test]
fn a_repeated_qos_2_message_sets_its_alias() {
    let (mut bench, witness, a) = with_witness();
    bench.ask5(a, publish5_2(1, LONG, "1", &[]), pubrec5(1, 0, &[]));
    let again = dup(publish5_2(1, LONG, "1", &[topic_alias(2)]));
    bench.ask5(a, again, pubrec5(1, 0, &[]));
    bench.ask5(a, publish5("", "2", &[topic_alias(2)]), "");
    bench.got(witness, publish(LONG, "2"));
}

#[test]
fn what_an_alias_stands_for_ends_with_the_connection() {
    let (mut bench, witness, _) = with_witness();
    let b = bench.stayer5("b", 100, false);
    bench.send(b, publish5(LONG, "1", &[topic_alias(1)]));
    bench.got(witness, publish(LONG, "1"));
    bench.lose(b);
    let b = bench.stayer5("b", 100, true);
    bench.send(b, publish5("", "2", &[topic_alias(1)]));
    bench.ended5(b, 0x82, ClientFault::UnknownTopicAlias(alias(1)));
    bench.quiet(&[witness]);
}

#[test]
fn a_client_gets_an_alias_with_the_topic_and_then_instead_of_it() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[Property::TopicAliasMaximum(1)]);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    bench.publish(message(LONG, "1", 0));
    bench.got5(a, publish5(LONG, "1", &[topic_alias(1)]));
    bench.publish(message(LONG, "2", 0));
    bench.got5(a, publish5("", "2", &[topic_alias(1)]));
    bench.publish(message(LONG, "3", 1));
    bench.got5(a, publish5_1(1, "", "3", &[topic_alias(1)]));
    // All are given away; and a short one is not worth any.
    bench.publish(message(OTHER, "4", 0));
    bench.got5(a, publish5(OTHER, "4", &[]));
    bench.publish(message("t", "5", 0));
    bench.got5(a, publish5("t", "5", &[]));
    bench.publish(message(LONG, "6", 0));
    bench.got5(a, publish5("", "6", &[topic_alias(1)]));
}

#[test]
fn a_client_that_knows_no_aliases_gets_topics() {
    for properties in [&[][..], &[Property::TopicAliasMaximum(0)]] {
        let mut bench = Bench::new();
        let a = bench.client5("a", properties);
        subscribed(&mut bench, a, &[sub5("#", 0)]);
        bench.publish(message(LONG, "1", 0));
        bench.publish(message(LONG, "2", 0));
        bench.got5(a, [publish5(LONG, "1", &[]), publish5(LONG, "2", &[])]);
    }
}

#[test]
fn the_configuration_bounds_the_aliases_that_are_given() {
    let mut bench = Bench::with(|config| config.session.features.topic_alias_maximum = 1);
    let a = bench.client5("a", &[Property::TopicAliasMaximum(u16::MAX)]);
    subscribed(&mut bench, a, &[sub5("#", 0)]);
    for name in [LONG, OTHER, LONG, OTHER] {
        bench.publish(message(name, "x", 0));
    }
    bench.got5(
        a,
        [
            publish5(LONG, "x", &[topic_alias(1)]),
            publish5(OTHER, "x", &[]),
            publish5("", "x", &[topic_alias(1)]),
            publish5(OTHER, "x", &[]),
        ],
    );
}

#[test]
fn what_is_sent_again_carries_its_topic() {
    let mut bench = Bench::new();
    let stay = [Property::SessionExpiryInterval(100), Property::TopicAliasMaximum(2)];
    let a = bench.client5("a", &stay);
    subscribed(&mut bench, a, &[sub5("#", 2)]);
    bench.publish(message(LONG, "1", 1));
    bench.publish(message(LONG, "2", 2));
    let one = publish5_1(1, LONG, "1", &[topic_alias(1)]);
    bench.got5(a, [one, publish5_2(2, "", "2", &[topic_alias(1)])]);
    bench.lose(a);
    // This connection knows no aliases.
    let a = bench.stayer5("a", 100, true);
    let again = [publish5_1(1, LONG, "1", &[]), publish5_2(2, LONG, "2", &[])].map(dup);
    bench.got5(a, again);
    bench.lose(a);
    // And this one must be told anew.
    let a = bench.dial(connect5("a", &stay, |connect| connect.clean_start = false));
    bench.connack5(a, true);
    let received = bench.received(a);
    assert_eq!(published5(&received)[0], (0x3a, LONG.to_owned(), "1".to_owned()));
    bench.send(a, [puback5(1, 0, &[]), pubrec5(2, 0, &[])]);
    bench.got5(a, pubrel5(2, 0, &[]));
    bench.is_open(a);
}

#[test]
fn retained_messages_get_aliases_as_others_do() {
    let mut bench = Bench::new();
    let mut kept = message(LONG, "kept", 0);
    kept.retain = true;
    bench.publish(kept);
    let a = bench.client5("a", &[Property::TopicAliasMaximum(1)]);
    let mut first = publish5(LONG, "kept", &[topic_alias(1)]);
    let mut again = publish5("", "kept", &[topic_alias(1)]);
    first[0] |= 1;
    again[0] |= 1;
    let granted = |id, first| [suback5(id, &[0], &[]), first].concat();
    bench.ask5(a, subscribe5(1, &[sub5("#", 0)], &[]), granted(1, first));
    bench.ask5(a, subscribe5(2, &[sub5(LONG, 0)], &[]), granted(2, again));
}

#[test]
fn the_same_topic_by_alias_or_by_name_reaches_a_subscriber_of_5_0_alike() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "#", 0);
    let a = bench.client5("a", &[]);
    bench.send(a, publish5(LONG, "1", &[topic_alias(1)]));
    bench.send(a, publish5("", "2", &[topic_alias(1)]));
    bench.got5(heir, [publish5(LONG, "1", &[]), publish5(LONG, "2", &[])]);
}
