//! PUBLISH, section 3.3: the RETAIN flag, properties and topic aliases.

use std::collections::BTreeMap;

use mqtt_sansio::{
    ClientFault, Packet, PayloadFormat, Property, QoS, RetainHandling, Subscription, TopicAlias,
    TopicName,
};

use crate::bench::{Bench, Peer};
use crate::wire::{dup, frames, publish, retained};
use crate::wire5::{
    connect5, message5, packet5, payloads5, puback5, pubcomp5, publish5, publish5_1, publish5_2,
    published5, pubrec5, pubrel5, response_topic, sub5, suback5, subscribe5, topic_alias,
    unsuback5, unsubscribe5, user,
};

fn expiry(seconds: u32) -> Property<'static> {
    Property::MessageExpiryInterval(seconds)
}

/// The topics, looked up where an alias stands for them, and payloads of what came on one connection.
fn named(aliases: &mut BTreeMap<TopicAlias, String>, bytes: &[u8]) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for frame in frames(bytes) {
        let Packet::Publish(publish) = packet5(&frame) else { continue };
        let alias = publish.properties.iter().find_map(|property| match property {
            Property::TopicAlias(alias) => Some(alias),
            _ => None,
        });
        let topic = match (publish.topic.is_empty(), alias) {
            (false, _) => publish.topic.as_str().to_owned(),
            (true, alias) => aliases[&alias.unwrap()].clone(),
        };
        if let Some(alias) = alias {
            aliases.insert(alias, topic.clone());
        }
        named.push((topic, String::from_utf8(publish.payload.to_vec()).unwrap()));
    }
    named
}

#[test]
fn mqtt_3_3_1_1_a_publish_that_is_sent_again_has_dup() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.publish(message5("t", "one", 1, &[]));
    bench.publish(message5("t", "two", 2, &[]));
    bench.got(a, "3209 0001 74 0001 00 6f6e65  3409 0001 74 0002 00 74776f");
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.got(a, "3a09 0001 74 0001 00 6f6e65  3c09 0001 74 0002 00 74776f");
}

#[test]
fn mqtt_3_3_1_3_dup_of_the_publisher_is_not_passed_on() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    bench.ask(b, dup(publish5_1(9, "t", "x", &[])), puback5(9, 0, &[]));
    bench.got(a, "3207 0001 74 0001 00 78");
    bench.ask(b, dup(publish5_2(9, "t", "y", &[])), pubrec5(9, 0, &[]));
    bench.ask(b, pubrel5(9, 0, &[]), pubcomp5(9, 0, &[]));
    bench.got(a, "3407 0001 74 0002 00 79");
}

#[test]
fn mqtt_3_3_1_5_a_retained_message_is_stored_in_the_place_of_the_one_before() {
    for (sent, qos) in [
        (publish5("t", "x", &[user("n", "2")]), QoS::AtMostOnce),
        (publish5_1(7, "t", "x", &[user("n", "2")]), QoS::AtLeastOnce),
        (publish5_2(7, "t", "x", &[user("n", "2")]), QoS::ExactlyOnce),
    ] {
        let (mut bench, [a, late]) = Bench::with_clients5(["a", "late"]);
        let before = [user("n", "1"), Property::ContentType("old")];
        bench.ask(a, retained(publish5("t", "old", &before)), "");
        bench.ask(a, retained(publish5("u", "other", &[])), "");
        bench.send(a, retained(sent));
        bench.send(a, pubrel5(7, 0, &[]));
        let stored = bench.broker.router().retained(TopicName::new("t").unwrap()).unwrap();
        assert_eq!((&stored.payload[..], stored.qos), (&b"x"[..], qos));
        let expected = match qos {
            QoS::AtMostOnce => publish5("t", "x", &[user("n", "2")]),
            QoS::AtLeastOnce => publish5_1(1, "t", "x", &[user("n", "2")]),
            QoS::ExactlyOnce => publish5_2(1, "t", "x", &[user("n", "2")]),
        };
        let answer = [suback5(1, &[2], &[]), retained(expected)];
        bench.ask5(late, subscribe5(1, &[sub5("t", 2)], &[]), answer);
    }
}

#[test]
fn mqtt_3_3_1_6_an_empty_retained_message_is_delivered_and_removes_the_stored_one() {
    let (mut bench, [a, b, late]) = Bench::with_clients5(["a", "b", "late"]);
    bench.subscribed5(a, &[sub5("t", 1)]);
    bench.ask(b, retained(publish5("t", "x", &[])), "");
    bench.ask(b, retained(publish5("u", "kept", &[])), "");
    bench.got(a, publish5("t", "x", &[]));
    bench.ask5(b, retained(publish5_1(4, "t", "", &[user("k", "v")])), puback5(4, 0, &[]));
    bench.got5(a, publish5_1(1, "t", "", &[user("k", "v")]));
    let kept = retained(publish5("u", "kept", &[]));
    bench.ask5(late, subscribe5(1, &[sub5("#", 0)], &[]), [suback5(1, &[0], &[]), kept]);
}

#[test]
fn mqtt_3_3_1_7_an_empty_retained_message_is_not_stored() {
    let (mut bench, [a, late]) = Bench::with_clients5(["a", "late"]);
    for payload in ["", "x", ""] {
        bench.ask(a, retained(publish5("t", payload, &[user("k", "v")])), "");
    }
    assert_eq!(bench.broker.router().retained_messages(), 0);
    bench.subscribed5(late, &[sub5("t", 0)]);
}

#[test]
fn mqtt_3_3_1_8_a_message_without_retain_changes_nothing_that_is_stored() {
    let (mut bench, [a, late]) = Bench::with_clients5(["a", "late"]);
    bench.ask(a, publish5("u", "not stored", &[]), "");
    bench.ask(a, retained(publish5("t", "stored", &[])), "");
    bench.ask(a, publish5("t", "not stored", &[]), "");
    bench.ask(a, publish5("t", "", &[]), "");
    let stored = retained(publish5("t", "stored", &[]));
    bench.ask5(late, subscribe5(1, &[sub5("#", 0)], &[]), [suback5(1, &[0], &[]), stored]);
}

/// What a SUBSCRIBE to "t" at QoS 0 with this Retain Handling brings: the stored message or nothing.
#[track_caller]
fn handled(bench: &mut Bench, a: Peer, retain_handling: RetainHandling, brings: bool) {
    let filter = Subscription { retain_handling, ..sub5("t", 0) };
    let stored = if brings { retained(publish5("t", "stored", &[])) } else { Vec::new() };
    bench.ask5(a, subscribe5(1, &[filter], &[]), [suback5(1, &[0], &[]), stored]);
}

fn with_stored() -> (Bench, Peer) {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    bench.ask(b, retained(publish5("t", "stored", &[])), "");
    let a = bench.stayer5("a", 60, false);
    (bench, a)
}

#[test]
fn mqtt_3_3_1_9_with_retain_handling_0_each_subscribe_brings_what_is_retained() {
    let (mut bench, a) = with_stored();
    for _ in 0..3 {
        handled(&mut bench, a, RetainHandling::SendAtSubscribe, true);
    }
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    bench.quiet(&[a]);
    handled(&mut bench, a, RetainHandling::SendAtSubscribe, true);
}

#[test]
fn mqtt_3_3_1_10_with_retain_handling_1_only_a_new_subscription_brings_what_is_retained() {
    let (mut bench, a) = with_stored();
    handled(&mut bench, a, RetainHandling::SendAtNewSubscribe, true);
    handled(&mut bench, a, RetainHandling::SendAtNewSubscribe, false);
    // The subscription is part of the session.
    bench.lose(a);
    let a = bench.stayer5("a", 60, true);
    handled(&mut bench, a, RetainHandling::SendAtNewSubscribe, false);
    bench.ask(a, unsubscribe5(2, &["t"], &[]), unsuback5(2, &[0], &[]));
    handled(&mut bench, a, RetainHandling::SendAtNewSubscribe, true);
    // One that was made without them is there too, and another filter is another subscription.
    bench.ask(a, unsubscribe5(2, &["t"], &[]), unsuback5(2, &[0], &[]));
    handled(&mut bench, a, RetainHandling::DoNotSend, false);
    handled(&mut bench, a, RetainHandling::SendAtNewSubscribe, false);
    let retain_handling = RetainHandling::SendAtNewSubscribe;
    let other = Subscription { retain_handling, ..sub5("+", 0) };
    let stored = retained(publish5("t", "stored", &[]));
    bench.ask5(a, subscribe5(1, &[other], &[]), [suback5(1, &[0], &[]), stored]);
}

#[test]
fn mqtt_3_3_1_11_with_retain_handling_2_nothing_retained_comes() {
    let (mut bench, a) = with_stored();
    handled(&mut bench, a, RetainHandling::DoNotSend, false);
    handled(&mut bench, a, RetainHandling::DoNotSend, false);
    // What is published from now on does.
    bench.publish(message5("t", "new", 0, &[]));
    bench.got(a, publish5("t", "new", &[]));
}

/// What a subscription of that kind gets of messages published without and with RETAIN: at once and from
/// the queue of its session.
fn as_published(retain_as_published: bool) -> Vec<(u8, String)> {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[Subscription { retain_as_published, ..sub5("t", 1) }]);
    let publish_both = |bench: &mut Bench| {
        bench.ask(b, publish5_1(1, "t", "without", &[]), puback5(1, 0, &[]));
        bench.ask(b, retained(publish5_1(1, "t", "with", &[])), puback5(1, 0, &[]));
    };
    publish_both(&mut bench);
    let mut got = published5(&bench.received(a));
    bench.send(a, [puback5(1, 0, &[]), puback5(2, 0, &[])]);
    bench.lose(a);
    publish_both(&mut bench);
    let a = bench.stayer5("a", 60, true);
    got.extend(published5(&bench.received(a)));
    got.into_iter().map(|(first, _, payload)| (first, payload)).collect()
}

#[test]
fn mqtt_3_3_1_12_without_retain_as_published_messages_come_without_retain() {
    let expected = ["without", "with"].map(|payload| (0x32, payload.to_owned()));
    assert_eq!(as_published(false), [expected.clone(), expected].concat());
}

#[test]
fn mqtt_3_3_1_13_with_retain_as_published_messages_keep_their_retain() {
    let expected = [(0x32, "without".to_owned()), (0x33, "with".to_owned())];
    assert_eq!(as_published(true), [expected.clone(), expected].concat());
}

#[test]
fn a_new_subscription_gets_what_is_retained_with_retain_set_whatever_its_options() {
    for retain_as_published in [false, true] {
        let (mut bench, a) = with_stored();
        let filter = Subscription { retain_as_published, ..sub5("t", 0) };
        let stored = retained(publish5("t", "stored", &[]));
        bench.ask5(a, subscribe5(1, &[filter], &[]), [suback5(1, &[0], &[]), stored]);
    }
}

#[test]
fn mqtt_3_3_2_3_a_client_gets_only_what_one_of_its_filters_matches() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("k/+/temp", 0), sub5("s/#", 0), sub5("$share/g/t", 0)]);
    let matching = ["k/a/temp", "k//temp", "s", "s/", "s/a/b", "t"];
    let others = ["k/temp", "k/a/b/temp", "sa", "T", "t/", "/t", "k/a/temp/", "$s", "k/a/tempo"];
    for name in others.iter().chain(&matching) {
        bench.ask(b, publish5(name, "x", &[]), "");
    }
    let got = published5(&bench.received(a));
    assert!(got.iter().map(|(_, name, _)| name).eq(matching), "{got:?}");
    // The name that an alias stands for.
    bench.ask(b, publish5("s/alias", "x", &[topic_alias(1)]), "");
    bench.ask(b, publish5("", "y", &[topic_alias(1)]), "");
    bench.got(a, [publish5("s/alias", "x", &[]), publish5("s/alias", "y", &[])]);
}

/// What is published with these properties comes with just them: at once and at each QoS, to a client that
/// was away, and as a retained message.
#[track_caller]
fn passed_on(with: &[Property<'_>]) {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 2)]);
    let away = bench.stayer5("away", 60, false);
    bench.subscribed5(away, &[sub5("t", 2)]);
    bench.lose(away);
    bench.ask(b, publish5("t", "0", with), "");
    bench.got5(a, publish5("t", "0", with));
    bench.ask(b, retained(publish5_1(1, "t", "1", with)), puback5(1, 0, &[]));
    bench.got5(a, publish5_1(1, "t", "1", with));
    bench.ask(b, publish5_2(2, "t", "2", with), pubrec5(2, 0, &[]));
    bench.ask(b, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
    bench.got5(a, publish5_2(2, "t", "2", with));
    let away = bench.stayer5("away", 60, true);
    bench.got5(away, [publish5_1(1, "t", "1", with), publish5_2(2, "t", "2", with)]);
    let late = bench.client5("late", &[]);
    let stored = retained(publish5_1(1, "t", "1", with));
    bench.ask5(late, subscribe5(1, &[sub5("t", 2)], &[]), [suback5(1, &[2], &[]), stored]);
}

#[test]
fn mqtt_3_3_2_4_the_payload_format_indicator_is_passed_on() {
    passed_on(&[]);
    passed_on(&[Property::PayloadFormatIndicator(PayloadFormat::Utf8)]);
    passed_on(&[Property::PayloadFormatIndicator(PayloadFormat::Bytes)]);
}

#[test]
fn mqtt_3_3_2_5_what_expired_while_it_waited_is_not_sent() {
    for (waited, left) in [(4_999, true), (5_000, false), (60_000, false)] {
        for qos in 0..=2 {
            let (mut bench, [a, slow]) = Bench::with_clients5(["a", "slow"]);
            let away = bench.stayer5("away", 600, false);
            for peer in [a, slow, away] {
                bench.subscribed5(peer, &[sub5("t", qos)]);
            }
            bench.stall(slow);
            bench.lose(away);
            bench.publish(message5("t", "expires", 2, &[expiry(5)]));
            bench.publish(message5("t", "stays", 2, &[]));
            assert_eq!(payloads5(&bench.received(a)), ["expires", "stays"]);
            bench.at(1_000 + waited);
            bench.resume(slow);
            let expected = if left { &["expires", "stays"][..] } else { &["stays"] };
            assert_eq!(payloads5(&bench.received(slow)), expected, "{waited} ms at QoS {qos}");
            let away = bench.stayer5("away", 600, true);
            let expected = if qos == 0 { &[] } else { expected };
            assert_eq!(payloads5(&bench.received(away)), expected, "{waited} ms at QoS {qos}");
        }
    }
}

#[test]
fn mqtt_3_3_2_5_a_retained_message_goes_when_it_expires() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.ask(b, retained(publish5("t", "x", &[expiry(5)])), "");
    bench.at(5_999);
    let left = retained(publish5("t", "x", &[expiry(1)]));
    bench.ask5(a, subscribe5(1, &[sub5("t", 0)], &[]), [suback5(1, &[0], &[]), left]);
    // Whether the broker was told the time before or not.
    bench.now = 6_000;
    bench.subscribed5(a, &[sub5("t", 0)]);
    bench.at(6_000);
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn mqtt_3_3_2_6_the_time_a_message_waited_is_taken_off_its_expiry() {
    for (waited, left) in [(0, 10), (999, 10), (1_000, 9), (3_500, 7), (9_999, 1)] {
        let (mut bench, [b, slow]) = Bench::with_clients5(["b", "slow"]);
        bench.subscribed5(slow, &[sub5("t", 0)]);
        bench.stall(slow);
        let away = bench.stayer5("away", 600, false);
        bench.subscribed5(away, &[sub5("t", 1)]);
        bench.lose(away);
        bench.ask(b, retained(publish5_1(1, "t", "x", &[expiry(10)])), puback5(1, 0, &[]));
        bench.at(1_000 + waited);
        bench.resume(slow);
        bench.got(slow, publish5("t", "x", &[expiry(left)]));
        let away = bench.stayer5("away", 600, true);
        bench.got(away, publish5_1(1, "t", "x", &[expiry(left)]));
        let late = bench.client5("late", &[]);
        let stored = retained(publish5("t", "x", &[expiry(left)]));
        bench.ask(late, subscribe5(1, &[sub5("t", 0)], &[]), [suback5(1, &[0], &[]), stored]);
    }
}

#[test]
fn mqtt_3_3_2_6_waiting_for_pubrel_and_waiting_as_retained_count_too() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 0)]);
    let sent = retained(publish5_2(1, "t", "x", &[expiry(10), user("k", "v")]));
    bench.ask(b, sent, pubrec5(1, 0, &[]));
    bench.at(4_000);
    bench.ask(b, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.got5(a, publish5("t", "x", &[expiry(7), user("k", "v")]));
    // And in the queue of a session after that.
    let late = bench.client5("late", &[]);
    bench.stall(late);
    bench.send(late, subscribe5(1, &[sub5("t", 0)], &[]));
    bench.at(6_000);
    bench.resume(late);
    let stored = retained(publish5("t", "x", &[expiry(5), user("k", "v")]));
    bench.got5(late, [suback5(1, &[0], &[]), stored]);
}

#[test]
fn mqtt_3_3_2_7_the_aliases_of_a_client_end_with_its_connection() {
    let (mut bench, [a]) = Bench::with_clients5(["a"]);
    bench.subscribed5(a, &[sub5("#", 0)]);
    let b = bench.stayer5("b", 60, false);
    bench.ask(b, publish5("kitchen/temp", "1", &[topic_alias(1)]), "");
    bench.ask(b, publish5("", "2", &[topic_alias(1)]), "");
    let expected = ["1", "2"].map(|payload| publish5("kitchen/temp", payload, &[]));
    bench.got(a, expected);
    // Each connection has its own, at the same time too.
    let c = bench.client5("c", &[]);
    let unknown = ClientFault::UnknownTopicAlias(TopicAlias::new(1).unwrap());
    bench.send(c, publish5("", "3", &[topic_alias(1)]));
    bench.ended5(c, 0x82, unknown);
    bench.lose(b);
    let b = bench.stayer5("b", 60, true);
    bench.send(b, publish5("", "4", &[topic_alias(1)]));
    bench.ended5(b, 0x82, unknown);
    bench.quiet(&[a]);
}

#[test]
fn mqtt_3_3_2_7_the_aliases_of_the_broker_end_with_the_connection() {
    let mut bench = Bench::new();
    let with = [Property::SessionExpiryInterval(60), Property::TopicAliasMaximum(3)];
    let connect = || connect5("a", &with, |connect| connect.clean_start = false);
    let mut a = bench.dial(connect());
    bench.connack5(a, false);
    bench.subscribed5(a, &[sub5("#", 1)]);
    for _ in 0..3 {
        let mut aliases = BTreeMap::new();
        for n in 1..=3 {
            bench.publish(message5("kitchen/temp", "x", 0, &[]));
            let got = bench.received(a);
            let Packet::Publish(publish) = packet5(&got) else { panic!("{got:02x?}") };
            assert_eq!(publish.topic.is_empty(), n > 1, "{got:02x?}");
            let expected = ("kitchen/temp".to_owned(), "x".to_owned());
            assert_eq!(named(&mut aliases, &got), [expected]);
        }
        bench.lose(a);
        a = bench.dial(connect());
        bench.connack5(a, true);
    }
}

#[test]
fn mqtt_3_3_2_11_no_alias_is_above_the_maximum_of_the_client() {
    for maximum in [0, 1, 3, u16::MAX] {
        let mut bench = Bench::new();
        let a = bench.client5("a", &[Property::TopicAliasMaximum(maximum)]);
        bench.subscribed5(a, &[sub5("#", 0)]);
        let mut aliases = BTreeMap::new();
        for round in 0..3 {
            for n in 0..30 {
                let (topic, payload) = (format!("kitchen/temp/{n}"), format!("{round}"));
                bench.publish(message5(&topic, &payload, 0, &[]));
                let got = bench.received(a);
                assert_eq!(named(&mut aliases, &got), [(topic, payload)], "{got:02x?}");
            }
        }
        let highest = aliases.keys().next_back().map_or(0, |alias| alias.get());
        assert!(highest <= maximum, "{highest} of {maximum}");
        assert_eq!(aliases.is_empty(), maximum == 0, "{aliases:?}");
    }
}

#[test]
fn mqtt_3_3_2_12_every_alias_up_to_the_maximum_is_accepted() {
    for maximum in [1, 10, u16::MAX] {
        let mut bench = Bench::with(|config| config.session.features.topic_alias_maximum = maximum);
        bench.checked = false;
        let [a, b] = ["a", "b"].map(|name| bench.client5(name, &[]));
        bench.subscribed5(a, &[sub5("#", 0)]);
        for alias in 1..=maximum {
            bench.ask(b, publish5(&format!("t/{alias}"), "x", &[topic_alias(alias)]), "");
        }
        bench.received(a);
        for alias in 1..=maximum {
            bench.ask(b, publish5("", "y", &[topic_alias(alias)]), "");
            bench.got(a, publish5(&format!("t/{alias}"), "y", &[]));
        }
    }
}

#[test]
fn an_alias_above_the_maximum_closes_the_connection() {
    for maximum in [0, 10] {
        let mut bench = Bench::with(|config| config.session.features.topic_alias_maximum = maximum);
        let a = bench.client5("a", &[]);
        bench.send(a, publish5("t", "x", &[topic_alias(maximum + 1)]));
        let alias = TopicAlias::new(maximum + 1).unwrap();
        bench.ended5(a, 0x94, ClientFault::TopicAliasInvalid(alias));
    }
}

#[test]
fn a_topic_name_with_an_alias_replaces_what_the_alias_stood_for() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("#", 0)]);
    for name in ["t/1", "t/2", "t/1"] {
        bench.ask(b, publish5(name, "x", &[topic_alias(1)]), "");
        bench.ask(b, publish5("", "y", &[topic_alias(1)]), "");
        bench.got(a, [publish5(name, "x", &[]), publish5(name, "y", &[])]);
    }
}

#[test]
fn mqtt_3_3_2_15_the_response_topic_is_passed_on() {
    passed_on(&[response_topic("answers/é")]);
    passed_on(&[response_topic("t")]);
}

#[test]
fn mqtt_3_3_2_16_the_correlation_data_are_passed_on() {
    passed_on(&[Property::CorrelationData(b"")]);
    passed_on(&[Property::CorrelationData(&[0, 0xFF, 0x80, 0x26])]);
    passed_on(&[response_topic("answers"), Property::CorrelationData(&[7; 300])]);
}

#[test]
fn mqtt_3_3_2_17_all_user_properties_are_passed_on() {
    passed_on(&[user("", "")]);
    passed_on(&[user("k", "v"), user("k", "v"), user("k", ""), user("é", "\u{1F980}")]);
    passed_on(&[user("k", "v"); 100]);
}

#[test]
fn mqtt_3_3_2_18_user_properties_keep_their_order() {
    let names = ["b", "a", "c", "a", "B", "", "b"];
    let values = ["1", "2", "3", "4", "5", "6", "7"];
    let properties = names.iter().zip(values).map(|(name, value)| user(name, value));
    passed_on(&properties.collect::<Vec<_>>());
    // With others between them.
    passed_on(&[user("z", "1"), Property::ContentType("c"), user("a", "2"), user("m", "3")]);
}

#[test]
fn mqtt_3_3_2_20_the_content_type_is_passed_on() {
    passed_on(&[Property::ContentType("text/plain; charset=utf-8")]);
    passed_on(&[Property::ContentType("")]);
}

#[test]
fn a_topic_alias_of_the_publisher_is_not_passed_on() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("t", 1)]);
    let old = bench.client("old");
    bench.ask(old, crate::wire::subscribe(1, &[("t", 0)]), crate::wire::suback(1, &[0]));
    bench.ask(b, publish5_1(1, "t", "x", &[topic_alias(5), user("k", "v")]), puback5(1, 0, &[]));
    bench.got(a, publish5_1(1, "t", "x", &[user("k", "v")]));
    bench.got(old, publish("t", "x"));
}

#[test]
fn a_publish_that_breaks_the_protocol_ends_the_connection_with_the_code_for_it() {
    for (bytes, code) in [
        // QoS 3; DUP at QoS 0; packet identifier 0; a wildcard in the topic name.
        ("3607 0001 74 0001 00 78", 0x81),
        ("3805 0001 74 00 78", 0x81),
        ("3207 0001 74 0000 00 78", 0x82),
        ("3005 0001 2b 00 78", 0x82),
        // No topic name and no alias; alias 0; an alias twice; a Subscription Identifier.
        ("3004 0000 00 78", 0x82),
        ("3008 0001 74 03 23 0000 78", 0x94),
        ("300b 0001 74 06 23 0001 23 0001 78", 0x82),
        ("3007 0001 74 02 0b 01 78", 0x82),
        // Twice: Content Type, Response Topic, Correlation Data, expiry. A wildcard in the Response Topic.
        ("300b 0001 74 06 03 0000 03 0000 78", 0x82),
        ("300d 0001 74 08 08 0001 61 08 0001 61 78", 0x82),
        ("300b 0001 74 06 09 0000 09 0000 78", 0x82),
        ("300f 0001 74 0a 02 00000001 02 00000001 78", 0x82),
        ("3009 0001 74 04 08 0001 23 78", 0x82),
        // A property of another packet.
        ("3008 0001 74 03 1f 0000 78", 0x81),
    ] {
        let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
        bench.subscribed5(b, &[sub5("#", 0)]);
        bench.send(a, bytes);
        bench.ended5_by_fault(a, code);
        bench.quiet(&[b]);
    }
}
