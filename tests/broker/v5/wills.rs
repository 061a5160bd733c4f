//! Wills of 5.0: their delay, their properties, and the DISCONNECT that leaves them standing.

use mqtt_sansio::{ClientFault, CloseReason, Property, ReasonCode, Will};

use super::{subscribed, subscriber};
use crate::bench::{Bench, Peer, ms};
use crate::wire::retained;
use crate::wire5::{
    connect5, disconnect5, farewell5, puback5, publish5, publish5_1, response_topic, resume5, sub5,
    suback5, subscribe5, user, will5,
};

fn delay(seconds: u32) -> Property<'static> {
    Property::WillDelayInterval(seconds)
}

/// A client whose will waits for so long, and whose session stays for so long.
#[track_caller]
fn with_will(bench: &mut Bench, will_delay: u32, expiry: u32) -> Peer {
    let (will, stay) = ([delay(will_delay)], [Property::SessionExpiryInterval(expiry)]);
    let a = bench.dial(connect5("a", &stay, |connect| {
        connect.clean_start = false;
        connect.will = Some(will5("gone", 0, &will));
    }));
    bench.received(a);
    bench.is_open(a);
    a
}

/// The same, and one that is told of the will.
fn bench(will_delay: u32, expiry: u32) -> (Bench, Peer, Peer) {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "w", 1);
    let a = with_will(&mut bench, will_delay, expiry);
    (bench, heir, a)
}

/// Asserts that the will is published at that time, and not before.
#[track_caller]
fn comes_at(bench: &mut Bench, heir: Peer, at: u64) {
    bench.at(at - 1);
    bench.quiet(&[heir]);
    let wait = bench.wait.map(|wait| wait.since_epoch().as_millis());
    assert_eq!(wait, Some(u128::from(at)), "the broker wants to be called then");
    bench.at(at);
    bench.got5(heir, publish5("w", "gone", &[]));
}

#[test]
fn a_will_waits_for_its_delay() {
    let (mut bench, heir, a) = bench(10, 100);
    bench.at(5000);
    bench.lose(a);
    comes_at(&mut bench, heir, 15_000);
    // Once.
    bench.at(200_000);
    bench.quiet(&[heir]);
}

#[test]
fn a_will_without_delay_or_with_none_is_published_at_once() {
    for properties in [&[][..], &[delay(0)]] {
        let mut bench = Bench::new();
        let heir = subscriber(&mut bench, "heir", "w", 0);
        let a = bench.dial(connect5("a", &[Property::SessionExpiryInterval(9)], |connect| {
            connect.will = Some(will5("gone", 0, properties));
        }));
        bench.connack5(a, false);
        bench.lose(a);
        bench.got5(heir, publish5("w", "gone", &[]));
    }
}

#[test]
fn a_will_is_published_at_the_end_of_the_session_if_that_is_earlier() {
    let (mut bench, heir, a) = bench(50, 10);
    bench.lose(a);
    comes_at(&mut bench, heir, 11_000);
    assert_eq!(bench.broker.sessions(), 1);
    bench.at(60_000);
    bench.quiet(&[heir]);
}

#[test]
fn a_will_of_a_session_that_ends_with_its_connection_does_not_wait() {
    let (mut bench, heir, a) = bench(50, 0);
    bench.lose(a);
    bench.got5(heir, publish5("w", "gone", &[]));
}

#[test]
fn a_client_that_comes_back_in_time_takes_its_will_away() {
    let (mut bench, heir, a) = bench(10, 100);
    bench.lose(a);
    bench.at(10_999);
    let a = bench.dial(resume5("a", 100));
    bench.connack5(a, true);
    bench.at(50_000);
    bench.quiet(&[heir, a]);
    // It came without one this time.
    bench.lose(a);
    bench.at(149_999);
    bench.quiet(&[heir]);
}

#[test]
fn the_will_of_the_new_connection_is_another() {
    let (mut bench, heir, a) = bench(10, 100);
    bench.lose(a);
    bench.at(8000);
    let a = with_will(&mut bench, 20, 100);
    bench.at(30_000);
    bench.quiet(&[heir]);
    bench.lose(a);
    comes_at(&mut bench, heir, 50_000);
}

#[test]
fn a_takeover_that_goes_on_with_the_session_takes_a_delayed_will_away() {
    let (mut bench, heir, a) = bench(10, 100);
    let next = bench.dial(resume5("a", 100));
    bench.connack5(next, true);
    bench.ended5(a, 0x8e, CloseReason::TakenOver);
    bench.at(50_000);
    bench.quiet(&[heir, next]);
}

#[test]
fn a_takeover_publishes_a_will_without_delay() {
    let (mut bench, heir, a) = bench(0, 100);
    let next = bench.dial(resume5("a", 100));
    bench.connack5(next, true);
    bench.ended5(a, 0x8e, CloseReason::TakenOver);
    bench.got5(heir, publish5("w", "gone", &[]));
}

#[test]
fn a_clean_start_ends_the_session_and_publishes_the_will() {
    for lost in [true, false] {
        let (mut bench, heir, a) = bench(10, 100);
        if lost {
            bench.lose(a);
            bench.at(5000);
            bench.quiet(&[heir]);
        }
        let next = bench.client5("a", &[]);
        bench.got5(heir, publish5("w", "gone", &[]));
        bench.at(50_000);
        bench.quiet(&[heir, next]);
    }
}

#[test]
fn a_session_that_the_program_ends_publishes_its_will() {
    for lost in [true, false] {
        let (mut bench, heir, a) = bench(10, 100);
        if lost {
            bench.lose(a);
        }
        assert!(bench.broker.end_session(ms(bench.now), "a"));
        bench.drive();
        bench.got5(heir, publish5("w", "gone", &[]));
        if !lost {
            bench.got5(a, farewell5(0x98, CloseReason::Requested));
        }
        bench.at(50_000);
        bench.quiet(&[heir]);
    }
}

#[test]
fn a_delayed_will_waits_also_after_the_server_has_closed() {
    let (mut bench, heir, a) = bench(10, 100);
    let id = bench.id(a);
    let code = ReasonCode::ServerBusy;
    assert_eq!(bench.broker.disconnect_with(ms(bench.now), id, code, &[]), Ok(()));
    bench.drive();
    bench.quiet(&[heir]);
    comes_at(&mut bench, heir, 11_000);
}

#[test]
fn a_delayed_will_waits_also_after_a_fault() {
    let (mut bench, heir, a) = bench(10, 100);
    bench.send(a, connect5("a", &[], |_| ()));
    bench.ended5(a, 0x82, ClientFault::SecondConnect);
    comes_at(&mut bench, heir, 11_000);
}

#[test]
fn a_normal_disconnect_drops_the_will() {
    for bytes in ["e000", "e00100", "e0020000"] {
        let (mut bench, heir, a) = bench(10, 100);
        bench.send(a, bytes);
        bench.is_closed(a, CloseReason::Disconnected);
        bench.at(99_999);
        bench.quiet(&[heir]);
        bench.at(200_000);
        bench.quiet(&[heir]);
    }
}

#[test]
fn a_disconnect_with_a_code_leaves_the_will_standing() {
    for (code, will_delay) in [(0x04, 0), (0x80, 0), (0x97, 0), (0x04, 10)] {
        let (mut bench, heir, a) = bench(will_delay, 100);
        bench.send(a, disconnect5(code, &[]));
        bench.got(a, "");
        let reason = ReasonCode::try_from(code).unwrap();
        bench.is_closed(a, CloseReason::DisconnectedWith(reason));
        if will_delay == 0 {
            bench.got5(heir, publish5("w", "gone", &[]));
        } else {
            comes_at(&mut bench, heir, 11_000);
        }
    }
}

#[test]
fn a_disconnect_that_ends_the_session_leaves_no_time_to_wait() {
    let (mut bench, heir, a) = bench(10, 100);
    bench.send(a, disconnect5(0x04, &[Property::SessionExpiryInterval(0)]));
    assert_eq!(bench.broker.sessions(), 1);
    bench.got5(heir, publish5("w", "gone", &[]));
}

#[test]
fn a_disconnect_may_shorten_or_lengthen_the_session() {
    for (expiry, ends) in [(5, 6000), (200, 201_000)] {
        let (mut bench, heir, a) = bench(1000, 100);
        bench.send(a, disconnect5(0x04, &[Property::SessionExpiryInterval(expiry)]));
        comes_at(&mut bench, heir, ends);
        assert_eq!(bench.broker.sessions(), 1);
    }
}

#[test]
fn a_disconnect_may_not_give_a_session_that_was_to_end_time_to_stay() {
    let (mut bench, heir, a) = bench(10, 0);
    bench.send(a, disconnect5(0, &[Property::SessionExpiryInterval(1)]));
    bench.ended5(a, 0x82, ClientFault::SessionExpiryRaised);
    // It does not count as a DISCONNECT.
    bench.got5(heir, publish5("w", "gone", &[]));
    assert_eq!(bench.broker.sessions(), 1);
}

#[test]
fn a_will_carries_its_properties_and_not_its_delay() {
    let properties = [
        delay(0),
        user("k", "1"),
        Property::ContentType("c"),
        response_topic("r"),
        user("a", "2"),
        Property::CorrelationData(b"d"),
        user("k", "3"),
    ];
    let mut bench = Bench::new();
    let heir = bench.client5("heir", &[]);
    subscribed(&mut bench, heir, &[sub5("w", 2)]);
    let a = bench.dial(connect5("a", &[], |connect| {
        connect.will = Some(Will { retain: true, ..will5("gone", 1, &properties) });
    }));
    bench.connack5(a, false);
    bench.lose(a);
    bench.got5(heir, publish5_1(1, "w", "gone", &properties[1..]));
    bench.ask5(heir, puback5(1, 0, &[]), "");
    let again = retained(publish5_1(2, "w", "gone", &properties[1..]));
    let answer = [suback5(9, &[1], &[]), again];
    bench.ask5(heir, subscribe5(9, &[sub5("w", 1)], &[]), answer);
}

#[test]
fn a_delay_longer_than_any_time_waits_for_the_end_of_the_session() {
    let (mut bench, heir, a) = bench(u32::MAX, 10);
    bench.lose(a);
    comes_at(&mut bench, heir, 11_000);
}

#[test]
fn a_keep_alive_that_passes_publishes_the_will_after_its_delay() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "w", 0);
    let will = [delay(10)];
    let a = bench.dial(connect5("a", &[Property::SessionExpiryInterval(100)], |connect| {
        connect.keep_alive = 2;
        connect.will = Some(will5("gone", 0, &will));
    }));
    bench.connack5(a, false);
    bench.at(4000);
    bench.ended5(a, 0x8d, CloseReason::KeepAliveTimeout);
    comes_at(&mut bench, heir, 14_000);
}
