//! What a server may do without: announced in CONNACK, and enforced for all versions.

use mqtt_sansio::{
    BrokerConfig, ClientFault, CloseReason, FeatureConfig, Property, PropertyId, QoS, Version,
};

use super::{message, subscribed};
use crate::bench::{Bench, Peer};
use crate::wire::{connect, hex, puback, publish1, publish2, retained, suback, subscribe};
use crate::wire5::{
    connect5, puback5, pubcomp5, publish5, publish5_1, publish5_2, pubrec5, pubrel5, resume5, sub5,
    suback5, subscribe5, subscription_identifier, unsuback5, unsubscribe5,
};

fn without(change: impl FnOnce(&mut FeatureConfig)) -> Bench {
    Bench::with(|config| change(&mut config.session.features))
}

/// Asserts that CONNACK has this property, or none of its kind.
#[track_caller]
fn announced(bench: &mut Bench, id: PropertyId, expected: Option<Property<'_>>) -> Peer {
    let a = bench.dial(connect5("a", &[], |_| ()));
    let connack = bench.connack5(a, false);
    assert_eq!(connack.properties().find(id), expected, "{connack:?}");
    a
}

#[test]
fn what_is_served_is_not_announced() {
    let mut bench = Bench::new();
    let a = bench.dial(connect5("a", &[], |_| ()));
    let connack = bench.connack5(a, false);
    let ids: Vec<_> = connack.properties().iter().map(|property| property.id()).collect();
    for id in [
        PropertyId::MaximumQoS,
        PropertyId::RetainAvailable,
        PropertyId::WildcardSubscriptionAvailable,
        PropertyId::SubscriptionIdentifierAvailable,
        PropertyId::SharedSubscriptionAvailable,
        PropertyId::SessionExpiryInterval,
        PropertyId::ServerKeepAlive,
        PropertyId::AssignedClientIdentifier,
    ] {
        assert!(!ids.contains(&id), "{ids:?}");
    }
}

#[test]
fn a_publish_above_the_maximum_qos_is_a_fault() {
    for maximum in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut bench = without(|features| features.maximum_qos = maximum);
        let a = announced(&mut bench, PropertyId::MaximumQoS, Some(Property::MaximumQoS(maximum)));
        let (fits, above) = match maximum {
            QoS::AtMostOnce => (publish5("t", "x", &[]), publish5_1(1, "t", "x", &[])),
            _ => (publish5_1(1, "t", "x", &[]), publish5_2(1, "t", "x", &[])),
        };
        bench.send(a, fits);
        bench.received(a);
        bench.is_open(a);
        bench.send(a, above);
        bench.ended5(a, 0x9b, ClientFault::QoSNotSupported);
    }
}

#[test]
fn a_subscription_above_the_maximum_qos_is_granted_at_it() {
    let mut bench = without(|features| features.maximum_qos = QoS::AtLeastOnce);
    let a = bench.client5("a", &[]);
    let filters = [sub5("#", 2), sub5("t", 1), sub5("u", 0)];
    bench.ask5(a, subscribe5(1, &filters, &[]), suback5(1, &[1, 1, 0], &[]));
    bench.publish(message("v", "x", 2));
    bench.got5(a, publish5_1(1, "v", "x", &[]));
}

#[test]
fn before_5_0_a_publish_above_the_maximum_qos_closes_in_silence() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = without(|features| features.maximum_qos = QoS::AtLeastOnce);
        let a = bench.dial(connect("a", |connect| connect.version = version));
        bench.got(a, "20020000");
        bench.ask(a, publish1(1, "t", "x"), puback(1));
        bench.send(a, publish2(1, "t", "x"));
        let reason = bench.closed_silently(a);
        assert_eq!(reason, CloseReason::ClientFault(ClientFault::QoSNotSupported));
    }
}

#[test]
fn a_retained_publish_is_a_fault_where_nothing_is_retained() {
    let mut bench = without(|features| features.retain_available = false);
    let missing = Some(Property::RetainAvailable(false));
    let a = announced(&mut bench, PropertyId::RetainAvailable, missing);
    bench.ask5(a, publish5_1(1, "t", "x", &[]), puback5(1, 0x10, &[]));
    bench.send(a, retained(publish5_1(1, "t", "x", &[])));
    bench.ended5(a, 0x9a, ClientFault::RetainNotSupported);
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn before_5_0_a_retained_publish_is_routed_where_nothing_is_retained() {
    let mut bench = without(|features| features.retain_available = false);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
    let b = bench.client("b");
    bench.ask(b, retained(publish1(1, "t", "x")), puback(1));
    bench.got(a, crate::wire::publish("t", "x"));
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn a_wildcard_is_a_fault_where_there_are_none() {
    for filter in ["#", "+", "a/+/b", "a/#", "$share/g/#", "$share/g/+/b"] {
        let mut bench = without(|features| features.wildcard_subscription_available = false);
        let missing = Some(Property::WildcardSubscriptionAvailable(false));
        let a = announced(&mut bench, PropertyId::WildcardSubscriptionAvailable, missing);
        bench.ask5(
            a,
            subscribe5(1, &[sub5("a/b", 1), sub5("$share/g/a", 1)], &[]),
            suback5(1, &[1, 1], &[]),
        );
        bench.send(a, subscribe5(2, &[sub5("t", 0), sub5(filter, 0)], &[]));
        bench.ended5(a, 0xa2, ClientFault::WildcardSubscriptionsNotSupported);
    }
}

#[test]
fn before_5_0_a_wildcard_is_refused_where_there_are_none() {
    let mut bench = without(|features| features.wildcard_subscription_available = false);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("#", 1), ("t", 1), ("a/+", 0)]), suback(1, &[0x80, 1, 0x80]));
    // 3.1 knows no refusal.
    let b = bench.dial(connect("b", |connect| connect.version = Version::V3_1));
    bench.got(b, "20020000");
    bench.ask(b, subscribe(1, &[("#", 1), ("t", 1)]), "900400010001");
    bench.publish(message("u", "x", 0));
    bench.quiet(&[a, b]);
}

#[test]
fn an_identifier_is_a_fault_where_there_are_none() {
    let mut bench = without(|features| features.subscription_identifier_available = false);
    let missing = Some(Property::SubscriptionIdentifierAvailable(false));
    let a = announced(&mut bench, PropertyId::SubscriptionIdentifierAvailable, missing);
    subscribed(&mut bench, a, &[sub5("t", 1)]);
    bench.send(a, subscribe5(2, &[sub5("t", 0)], &[subscription_identifier(1)]));
    bench.ended5(a, 0xa1, ClientFault::SubscriptionIdentifiersNotSupported);
}

#[test]
fn a_shared_subscription_is_a_fault_where_there_are_none() {
    let mut bench = without(|features| features.shared_subscription_available = false);
    let missing = Some(Property::SharedSubscriptionAvailable(false));
    let a = announced(&mut bench, PropertyId::SharedSubscriptionAvailable, missing);
    subscribed(&mut bench, a, &[sub5("t", 1)]);
    // There can be none, which may be said.
    bench.ask5(a, unsubscribe5(2, &["$share/g/t"], &[]), unsuback5(2, &[0x11], &[]));
    bench.send(a, subscribe5(3, &[sub5("$share/g/t", 0)], &[]));
    bench.ended5(a, 0x9e, ClientFault::SharedSubscriptionsNotSupported);
}

#[test]
fn before_5_0_a_filter_that_begins_as_a_shared_one_is_any_other() {
    let mut bench = without(|features| features.shared_subscription_available = false);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("$share/g/t", 1)]), suback(1, &[1]));
    bench.publish(message("t", "x", 0));
    bench.quiet(&[a]);
    bench.publish(message("$share/g/t", "y", 0));
    bench.got(a, crate::wire::publish("$share/g/t", "y"));
}

#[test]
fn sessions_of_before_keep_what_is_not_served_to_others() {
    // A retained message that the program itself publishes is routed like others.
    let mut bench = without(|features| features.retain_available = false);
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("t", 2)]);
    let mut kept = message("t", "x", 0);
    kept.retain = true;
    bench.publish(kept);
    bench.got5(a, publish5("t", "x", &[]));
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn a_keep_alive_that_is_not_served_is_answered_with_one_that_is() {
    for (asked, served) in [(0, Some(60)), (61, Some(60)), (60, None), (1, None)] {
        let mut bench = Bench::with(|config: &mut BrokerConfig| {
            config.session.handshake.max_keep_alive = Some(60);
        });
        let a = bench.dial(connect5("a", &[], |connect| connect.keep_alive = asked));
        let connack = bench.connack5(a, false);
        let told = connack.properties().find(PropertyId::ServerKeepAlive);
        assert_eq!(told, served.map(Property::ServerKeepAlive), "{asked}");
        let silent = u64::from(served.unwrap_or(asked)) * 1500;
        bench.at(1000 + silent - 1);
        bench.quiet(&[a]);
        bench.at(1000 + silent);
        bench.ended5(a, 0x8d, CloseReason::KeepAliveTimeout);
    }
}

#[test]
fn a_session_that_is_to_stay_for_too_long_is_told_how_long_it_does() {
    for (asked, told) in [(99, None), (100, None), (101, Some(100)), (u32::MAX, Some(100))] {
        let mut bench = Bench::with(|config: &mut BrokerConfig| {
            config.session_expiry = Some(std::time::Duration::from_secs(100));
        });
        let a = bench.dial(resume5("a", asked));
        let connack = bench.connack5(a, false);
        let expiry = connack.properties().find(PropertyId::SessionExpiryInterval);
        assert_eq!(expiry, told.map(Property::SessionExpiryInterval), "{asked}");
        bench.lose(a);
        let stays = u64::from(told.unwrap_or(asked)) * 1000;
        bench.at(1000 + stays - 1);
        assert_eq!(bench.broker.sessions(), 1, "{asked}");
        bench.at(1000 + stays);
        assert_eq!(bench.broker.sessions(), 0, "{asked}");
    }
}

#[test]
fn a_client_without_identifier_is_given_one_that_it_can_come_back_with() {
    let mut bench = Bench::with(|config| config.assigned_client_id_prefix = "given/".to_owned());
    let first = bench.dial(resume5("", 100));
    let connack = bench.connack5(first, false);
    assert_eq!(connack.assigned_client_identifier(), Some("given/1"));
    let second = bench.dial(resume5("", 100));
    let connack = bench.connack5(second, false);
    assert_eq!(connack.assigned_client_identifier(), Some("given/2"));
    bench.lose(first);
    let first = bench.dial(resume5("given/1", 100));
    let connack = bench.connack5(first, true);
    assert_eq!(connack.assigned_client_identifier(), None);
    bench.ask5(first, publish5_2(1, "t", "x", &[]), pubrec5(1, 0x10, &[]));
    bench.ask5(first, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    // Nobody can guess such a name of 3.1.1, whose clients are not told theirs.
    let anonymous = bench.client("");
    let id = bench
        .broker
        .client_ids()
        .find(|id| bench.broker.connection(id) == Some(bench.id(anonymous)));
    let name = id.unwrap().to_owned();
    for version in [Version::V3_1_1, Version::V5_0] {
        let thief = bench.dial(connect(&name, |connect| connect.version = version));
        let received = bench.received(thief);
        assert_eq!(received[2] & 1, 0, "{}", hex(&received));
        assert!(bench.reason(thief).is_some(), "{version}: {}", hex(&received));
    }
    bench.quiet(&[anonymous, first, second]);
}
