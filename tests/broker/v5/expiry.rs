//! The Message Expiry Interval: counted down while a message waits, over when it is.

use mqtt_sansio::{Property, Version};

use super::{message, message_with, subscribed, subscriber};
use crate::bench::{Bench, Peer};
use crate::wire::{connect, dup, publish1, retained, suback, subscribe};
use crate::wire5::{
    connect5, payloads5, puback5, pubcomp5, publish5, publish5_1, publish5_2, pubrec5, pubrel5,
    receive_maximum, resume5, sub5, suback5, subscribe5, unsuback5, unsubscribe5, user, will5,
};

fn expiry(seconds: u32) -> Property<'static> {
    Property::MessageExpiryInterval(seconds)
}

/// A client of 5.0 that is away, with a subscription to everything at QoS 2; and one that publishes.
fn with_absent() -> (Bench, Peer) {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    subscribed(&mut bench, a, &[sub5("#", 2)]);
    bench.lose(a);
    let b = bench.client5("b", &[Property::RequestProblemInformation(false)]);
    (bench, b)
}

#[test]
fn a_message_that_is_sent_at_once_keeps_its_interval() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "#", 1);
    let b = bench.client5("b", &[]);
    for seconds in [1, 60, u32::MAX] {
        bench.send(b, publish5("t", "x", &[expiry(seconds)]));
        bench.got5(a, publish5("t", "x", &[expiry(seconds)]));
    }
}

#[test]
fn what_waits_for_a_client_that_is_away_loses_whole_seconds() {
    for (waited, left) in [(0, 10), (999, 10), (1000, 9), (1001, 9), (5000, 5), (9999, 1)] {
        let (mut bench, b) = with_absent();
        bench.ask5(b, publish5_1(1, "t", "x", &[expiry(10)]), puback5(1, 0, &[]));
        bench.at(1000 + waited);
        let a = bench.stayer5("a", 1000, true);
        bench.got5(a, publish5_1(1, "t", "x", &[expiry(left)]));
    }
}

#[test]
fn what_has_expired_is_not_sent_and_what_has_not_is() {
    let (mut bench, b) = with_absent();
    for (id, seconds) in [(1, 10), (2, 9), (3, 11)] {
        let sent = publish5_1(id, "t", seconds.to_string(), &[expiry(seconds)]);
        bench.ask5(b, sent, puback5(id, 0, &[]));
    }
    bench.ask5(b, publish5_1(4, "t", "for ever", &[]), puback5(4, 0, &[]));
    bench.at(11_000);
    let a = bench.stayer5("a", 1000, true);
    let left = publish5_1(1, "t", "11", &[expiry(1)]);
    bench.got5(a, [left, publish5_1(2, "t", "for ever", &[])]);
}

#[test]
fn an_expired_message_is_not_sent_to_clients_of_older_versions_either() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = Bench::new();
        let old = |name| {
            connect(name, |connect| {
                connect.version = version;
                connect.clean_start = false;
            })
        };
        let a = bench.dial(old("a"));
        bench.got(a, "20020000");
        bench.ask(a, subscribe(1, &[("#", 1)]), suback(1, &[1]));
        bench.lose(a);
        let b = bench.client5("b", &[]);
        bench.ask5(b, publish5_1(1, "t", "2", &[expiry(2)]), puback5(1, 0, &[]));
        bench.ask5(b, publish5_1(2, "t", "3", &[expiry(3)]), puback5(2, 0, &[]));
        bench.at(3000);
        let a = bench.dial(old("a"));
        let connack = vec![0x20, 2, u8::from(version != Version::V3_1), 0];
        bench.got(a, [connack, publish1(1, "t", "3")]);
    }
}

#[test]
fn what_waits_for_room_in_the_window_counts_down() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[receive_maximum(1)]);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    for (payload, seconds) in [("1", 10), ("2", 4), ("3", 10)] {
        bench.publish(message_with("t", payload, 1, &[expiry(seconds)]));
    }
    bench.got5(a, publish5_1(1, "t", "1", &[expiry(10)]));
    bench.at(5500);
    bench.ask5(a, puback5(1, 0, &[]), publish5_1(2, "t", "3", &[expiry(6)]));
}

#[test]
fn what_waits_for_the_transport_counts_down() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "#", 0);
    bench.stall(a);
    bench.publish(message_with("t", "1", 0, &[expiry(2)]));
    bench.publish(message_with("t", "2", 0, &[expiry(3)]));
    bench.at(3000);
    bench.resume(a);
    bench.got5(a, publish5("t", "2", &[expiry(1)]));
}

#[test]
fn where_all_that_waits_has_expired_nothing_is_sent() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "#", 1);
    bench.stall(a);
    bench.publish(message_with("t", "1", 1, &[expiry(2)]));
    bench.at(60_000);
    bench.resume(a);
    bench.quiet(&[a]);
    bench.publish(message("t", "2", 1));
    bench.got5(a, publish5_1(1, "t", "2", &[]));
}

#[test]
fn what_was_sent_once_does_not_expire_any_more() {
    let (mut bench, b) = with_absent();
    let a = bench.stayer5("a", 1000, true);
    bench.ask5(b, publish5_1(1, "t", "1", &[expiry(5)]), puback5(1, 0, &[]));
    bench.ask5(b, publish5_2(2, "t", "2", &[expiry(5)]), pubrec5(2, 0, &[]));
    bench.ask5(b, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
    let sent = [publish5_1(1, "t", "1", &[expiry(5)]), publish5_2(2, "t", "2", &[expiry(5)])];
    bench.got5(a, sent);
    bench.lose(a);
    bench.at(100_000);
    let a = bench.stayer5("a", 1000, true);
    let received = bench.received(a);
    assert_eq!(payloads5(&received), ["1", "2"], "{}", crate::wire5::words5(&received));
    bench.ask5(a, puback5(1, 0, &[]), "");
    bench.ask5(a, pubrec5(2, 0, &[]), pubrel5(2, 0, &[]));
    bench.ask5(a, pubcomp5(2, 0, &[]), "");
    bench.is_open(a);
}

#[test]
fn what_is_sent_again_before_3_1_1_did_not_expire_either() {
    let (mut bench, b) = with_absent();
    let a = bench.stayer5("a", 1000, true);
    bench.ask5(b, publish5_1(1, "t", "1", &[expiry(5)]), puback5(1, 0, &[]));
    bench.got5(a, publish5_1(1, "t", "1", &[expiry(5)]));
    bench.lose(a);
    bench.at(100_000);
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, [vec![0x20, 2, 1, 0], dup(publish1(1, "t", "1"))]);
}

#[test]
fn a_retained_message_is_sent_with_what_is_left_of_its_interval() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    bench.send(b, retained(publish5("t", "x", &[expiry(10)])));
    for (now, left) in [(1000, 10), (1999, 10), (2000, 9), (10_999, 1)] {
        bench.at(now);
        let a = bench.client5("a", &[]);
        let answer = [suback5(1, &[0], &[]), retained(publish5("t", "x", &[expiry(left)]))];
        bench.ask5(a, subscribe5(1, &[sub5("#", 0)], &[]), answer);
    }
    bench.at(11_000);
    let a = bench.client5("a", &[]);
    bench.ask5(a, subscribe5(1, &[sub5("#", 0)], &[]), suback5(1, &[0], &[]));
    bench.quiet(&[a]);
}

#[test]
fn a_retained_message_vanishes_at_its_time() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    bench.send(b, retained(publish5("t", "x", &[expiry(10)])));
    bench.send(b, retained(publish5("u", "y", &[])));
    bench.send(b, retained(publish5("v", "z", &[expiry(20)])));
    assert_eq!(bench.broker.router().retained_messages(), 3);
    let until = bench.wait.map(|at| at.since_epoch().as_millis());
    assert_eq!(until, Some(11_000), "the broker wants to be called");
    bench.at(10_999);
    assert_eq!(bench.broker.router().retained_messages(), 3);
    bench.at(11_000);
    assert_eq!(bench.broker.router().retained_messages(), 2);
    bench.at(21_000);
    assert_eq!(bench.broker.router().retained_messages(), 1);
    assert_eq!(bench.wait, None);
}

#[test]
fn a_retained_message_that_takes_the_place_of_an_expiring_one_stays() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    bench.send(b, retained(publish5("t", "x", &[expiry(10)])));
    bench.send(b, retained(publish5("t", "y", &[])));
    bench.at(11_000);
    assert_eq!(bench.broker.router().retained_messages(), 1);
    bench.send(b, retained(publish5("t", "z", &[expiry(10)])));
    bench.send(b, retained(publish5("t", "", &[])));
    bench.send(b, retained(publish5("t", "w", &[expiry(30)])));
    bench.at(21_000);
    assert_eq!(bench.broker.router().retained_messages(), 1);
    bench.at(41_000);
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn room_for_retained_messages_comes_back_as_they_expire() {
    let mut bench = Bench::with(|config| config.router.max_retained_messages = 1);
    let b = bench.client5("b", &[Property::RequestProblemInformation(false)]);
    bench.send(b, retained(publish5("t", "x", &[expiry(10)])));
    let second = retained(publish5_1(1, "u", "y", &[]));
    bench.ask5(b, second.clone(), puback5(1, 0x97, &[]));
    bench.at(11_000);
    bench.ask5(b, second, puback5(1, 0x10, &[]));
    assert_eq!(bench.broker.router().retained_messages(), 1);
}

#[test]
fn a_will_counts_down_from_when_it_is_published() {
    let (mut bench, _) = with_absent();
    let properties = [expiry(10), Property::WillDelayInterval(3)];
    let stay = [Property::SessionExpiryInterval(100)];
    let c = bench.dial(connect5("c", &stay, |connect| {
        connect.will = Some(will5("gone", 1, &properties));
    }));
    bench.connack5(c, false);
    bench.at(61_000);
    bench.lose(c);
    bench.at(64_000);
    bench.at(66_000);
    let a = bench.stayer5("a", 1000, true);
    bench.got5(a, publish5_1(1, "w", "gone", &[expiry(8)]));
}

#[test]
fn a_will_that_nobody_took_in_time_has_expired() {
    let (mut bench, _) = with_absent();
    let properties = [expiry(10)];
    let c = bench.dial(connect5("c", &[], |connect| {
        connect.will = Some(will5("gone", 1, &properties));
    }));
    bench.connack5(c, false);
    bench.lose(c);
    bench.at(11_000);
    let a = bench.stayer5("a", 1000, true);
    bench.quiet(&[a]);
}

#[test]
fn a_full_queue_makes_room_from_what_has_expired() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 3);
    let a = bench.stayer5("a", 1000, false);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    bench.lose(a);
    for (payload, seconds) in [("1", 2), ("2", 60), ("3", 3)] {
        bench.publish(message_with("t", payload, 1, &[expiry(seconds)]));
    }
    bench.publish(message("t", "4", 1));
    bench.at(4000);
    for payload in ["5", "6", "7"] {
        bench.publish(message("t", payload, 1));
    }
    let a = bench.stayer5("a", 1000, true);
    let received = bench.received(a);
    // The fourth found no room, the seventh none either, and two had expired.
    assert_eq!(payloads5(&received), ["2", "5", "6"]);
    assert_eq!(bench.broker.statistics().publish_dropped, 4);
}

#[test]
fn the_count_goes_on_through_sessions_that_come_and_go() {
    let (mut bench, b) = with_absent();
    bench.ask5(b, publish5_1(1, "t", "1", &[]), puback5(1, 0, &[]));
    bench.ask5(b, publish5_1(2, "t", "2", &[expiry(20)]), puback5(2, 0, &[]));
    bench.at(5000);
    // The window has no room for the second.
    let one = [receive_maximum(1), Property::SessionExpiryInterval(1000)];
    let a = bench.dial(connect5("a", &one, |connect| connect.clean_start = false));
    bench.connack5(a, true);
    bench.got5(a, publish5_1(1, "t", "1", &[]));
    bench.lose(a);
    bench.at(11_000);
    let a = bench.dial(resume5("a", 1000));
    bench.connack5(a, true);
    bench.got5(a, [dup(publish5_1(1, "t", "1", &[])), publish5_1(2, "t", "2", &[expiry(10)])]);
}

#[test]
fn other_properties_stay_as_they_are_beside_the_interval() {
    let (mut bench, b) = with_absent();
    let with = |seconds| {
        [
            user("k", "1"),
            expiry(seconds),
            Property::ContentType("c"),
            user("k", "2"),
            Property::CorrelationData(b"\0\xff"),
        ]
    };
    bench.ask5(b, publish5_1(1, "t", "x", &with(10)), puback5(1, 0, &[]));
    bench.at(4000);
    let a = bench.stayer5("a", 1000, true);
    bench.got5(a, publish5_1(1, "t", "x", &with(7)));
}

#[test]
fn a_subscription_that_ends_leaves_the_messages_that_wait_to_expire() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[receive_maximum(1)]);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    bench.publish(message("t", "1", 1));
    bench.publish(message_with("t", "2", 1, &[expiry(5)]));
    bench.got5(a, publish5_1(1, "t", "1", &[]));
    bench.ask5(a, unsubscribe5(2, &["#"], &[]), unsuback5(2, &[0], &[]));
    bench.at(6000);
    bench.ask5(a, puback5(1, 0, &[]), "");
    bench.is_open(a);
}

#[test]
fn a_client_of_3_1_1_is_sent_no_interval() {
    let mut bench = Bench::new();
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("#", 1)]), suback(1, &[1]));
    bench.publish(message_with("t", "x", 1, &[expiry(5)]));
    bench.got(a, publish1(1, "t", "x"));
}

#[test]
fn what_has_expired_does_not_hold_up_what_waits_behind_it() {
    let mut bench = Bench::with(|config| config.session.max_queued_bytes = 20);
    let a = bench.client5("a", &[receive_maximum(1)]);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    bench.publish(message("t", "1", 1));
    assert_eq!(payloads5(&bench.received(a)), ["1"]);
    bench.publish(message_with("t", "2", 1, &[expiry(2)]));
    bench.publish(message("t", "3", 0));
    bench.quiet(&[a]);
    bench.at(4000);
    // It finds no room, but makes some.
    bench.publish(message("t", &"4".repeat(40), 0));
    assert_eq!(payloads5(&bench.received(a)), ["3"]);
}
