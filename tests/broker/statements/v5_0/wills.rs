//! Wills, sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2 to 3.1.3.4, and how they are put off.

use mqtt_sansio::{ClientFault, CloseReason, Property, PropertyId, ReasonCode, Will};

use super::connect::message;
use crate::bench::{Answer, Bench, Peer};
use crate::wire::{publish, retained, suback, subscribe};
use crate::wire5::{
    connect5, disconnect5, packet5, publish5, publish5_1, publish5_2, response_topic, resume5,
    sub5, suback5, subscribe5, user, will5,
};

/// A broker with a client that has subscribed to "w" at QoS 2, where the wills go.
pub(super) fn with_heir() -> (Bench, Peer) {
    let mut bench = Bench::new();
    let heir = bench.client5("heir", &[]);
    bench.subscribe5(heir, "w", 2);
    (bench, heir)
}

const DELAY: [Property<'_>; 1] = [Property::WillDelayInterval(10)];

/// A CONNECT without Clean Start for a session of so many seconds, with that will.
fn with_will(expiry: u32, will: Will<'_>) -> Vec<u8> {
    let expiry = [Property::SessionExpiryInterval(expiry)];
    connect5("a", &expiry, |connect| {
        connect.clean_start = false;
        connect.will = Some(will);
    })
}

/// "a", connected like that.
#[track_caller]
fn connected(bench: &mut Bench, expiry: u32, will: Will<'_>, session_present: bool) -> Peer {
    let a = bench.dial(with_will(expiry, will));
    bench.connack5(a, session_present);
    a
}

#[test]
fn mqtt_3_1_2_7_the_will_is_stored_with_the_session() {
    let (mut bench, heir) = with_heir();
    let a = connected(&mut bench, 1000, will5("first", 0, &DELAY), false);
    // A connection of the same session has its own will, or none, in place of the stored one.
    bench.lose(a);
    let a = connected(&mut bench, 1000, will5("second", 0, &DELAY), true);
    bench.at(5_000);
    bench.lose(a);
    bench.at(15_000);
    bench.got5(heir, publish5("w", "second", &[]));
    let a = connected(&mut bench, 1000, will5("third", 0, &DELAY), true);
    bench.lose(a);
    let a = bench.stayer5("a", 1000, true);
    bench.lose(a);
    bench.at(1_000_000);
    bench.quiet(&[heir]);
    // That of a CONNECT that was not accepted is not.
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    let b = bench.dial(with_will(1000, will5("never here", 0, &[])));
    bench.refused5(b, 0x87, CloseReason::Refused(ReasonCode::NotAuthorized));
    bench.quiet(&[heir]);
}

#[test]
fn mqtt_3_1_2_8_the_will_is_published_when_the_connection_has_closed() {
    type Ending = fn(&mut Bench, Peer);
    let endings: [(&str, Ending); 6] = [
        ("lost", |bench, a| bench.lose(a)),
        ("a fault", |bench, a| bench.send(a, vec![0x00])),
        ("disconnect with will", |bench, a| bench.send(a, disconnect5(0x04, &[]))),
        ("disconnect with an error", |bench, a| bench.send(a, disconnect5(0x80, &[]))),
        ("by the program", |bench, a| {
            let (now, id) = (crate::bench::ms(bench.now), bench.id(a));
            bench.broker.disconnect(now, id);
            bench.drive();
        }),
        ("taken over", |bench, _| {
            bench.dial(connect5("a", &[], |_| ()));
        }),
    ];
    for (what, ending) in endings {
        println!("{what}");
        let (mut bench, heir) = with_heir();
        let a = connected(&mut bench, 0, will5("gone", 1, &[]), false);
        bench.quiet(&[a, heir]);
        ending(&mut bench, a);
        bench.got5(heir, publish5_1(1, "w", "gone", &[]));
    }
}

#[test]
fn mqtt_3_1_2_8_the_will_waits_for_its_delay_or_the_end_of_the_session() {
    // Session Expiry Interval, Will Delay Interval, and after how many seconds the will is published.
    for (expiry, delay, after) in
        [(1000, 10, 10), (10, 10, 10), (10, 11, 10), (3, u32::MAX, 3), (u32::MAX, 7, 7)]
    {
        let (mut bench, heir) = with_heir();
        let delay_interval = [Property::WillDelayInterval(delay)];
        let a = connected(&mut bench, expiry, will5("gone", 0, &delay_interval), false);
        bench.at(500_000);
        bench.quiet(&[a, heir]);
        bench.lose(a);
        bench.at(500_000 + after * 1000 - 1);
        bench.quiet(&[heir]);
        bench.at(500_000 + after * 1000);
        bench.got5(heir, publish5("w", "gone", &[]));
        bench.at(u64::from(u32::MAX) * 1000 + 2_000_000);
        bench.quiet(&[heir]);
    }
    // A session that ends with its connection puts nothing off.
    let (mut bench, heir) = with_heir();
    let a = connected(&mut bench, 0, will5("gone", 0, &DELAY), false);
    bench.lose(a);
    bench.got5(heir, publish5("w", "gone", &[]));
}

#[test]
fn mqtt_3_1_2_8_a_session_that_is_ended_publishes_its_will_at_once() {
    let (mut bench, heir) = with_heir();
    // By a clean start, of a client that is away and of one that is connected.
    for lost in [true, false] {
        let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), false);
        if lost {
            bench.lose(a);
        }
        bench.quiet(&[heir]);
        let clean = bench.client5("a", &[]);
        bench.got5(heir, publish5("w", "gone", &[]));
        bench.lose(clean);
    }
    // By the program.
    let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), false);
    bench.lose(a);
    bench.quiet(&[heir]);
    assert!(bench.broker.end_session(crate::bench::ms(bench.now), "a"));
    bench.drive();
    bench.got5(heir, publish5("w", "gone", &[]));
    // By its own DISCONNECT, which says that the session ends now.
    let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), false);
    bench.send(a, disconnect5(0x04, &[Property::SessionExpiryInterval(0)]));
    bench.got5(heir, publish5("w", "gone", &[]));
    bench.at(1_000_000);
    bench.quiet(&[heir]);
}

#[test]
fn mqtt_3_1_2_10_a_will_is_gone_once_published_or_after_a_normal_disconnect() {
    let (mut bench, heir) = with_heir();
    for (delay, ending) in [(0, "lost"), (0, "disconnect"), (10, "lost"), (10, "disconnect")] {
        let delay_interval = [Property::WillDelayInterval(delay)];
        let present = bench.broker.sessions() == 2;
        let a = connected(&mut bench, 1000, will5("gone", 0, &delay_interval), present);
        if ending == "lost" {
            bench.lose(a);
            bench.at(bench.now + u64::from(delay) * 1000);
            bench.got5(heir, publish5("w", "gone", &[]));
        } else {
            bench.send(a, disconnect5(0, &[]));
            bench.is_closed(a, CloseReason::Disconnected);
        }
        bench.at(bench.now + 20_000);
        bench.quiet(&[heir]);
        // The session goes on, and ends, without a will.
        let a = bench.stayer5("a", 1000, true);
        bench.lose(a);
        bench.at(bench.now + 20_000);
        bench.quiet(&[heir]);
    }
}

#[test]
fn mqtt_3_1_2_14_a_will_without_retain_is_not_retained() {
    let (mut bench, heir) = with_heir();
    for (qos, published) in [
        (0, publish5("w", "gone", &[])),
        (1, publish5_1(1, "w", "gone", &[])),
        (2, publish5_2(2, "w", "gone", &[])),
    ] {
        let a = connected(&mut bench, 0, will5("gone", qos, &[]), false);
        bench.lose(a);
        bench.got5(heir, published);
    }
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn mqtt_3_1_2_15_a_will_with_retain_is_retained() {
    for delay in [0, 10] {
        let (mut bench, heir) = with_heir();
        let delay_interval = [Property::WillDelayInterval(delay)];
        let will = Will { retain: true, ..will5("gone", 1, &delay_interval) };
        let a = connected(&mut bench, 1000, will, false);
        bench.lose(a);
        assert_eq!(bench.broker.router().retained_messages(), usize::from(delay == 0));
        bench.at(11_000);
        bench.got5(heir, publish5_1(1, "w", "gone", &[]));
        let late = bench.client5("late", &[]);
        let will = retained(publish5_1(1, "w", "gone", &[]));
        bench.ask5(late, subscribe5(1, &[sub5("w", 2)], &[]), [suback5(1, &[2], &[]), will]);
    }
}

#[test]
fn mqtt_3_1_3_9_a_connection_before_the_delay_is_over_cancels_the_will() {
    let (mut bench, heir) = with_heir();
    let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), false);
    bench.lose(a);
    bench.at(10_999);
    let back = bench.stayer5("a", 1000, true);
    bench.at(11_000);
    bench.at(1_000_000);
    bench.quiet(&[back, heir]);
    // So does one that takes over.
    let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), true);
    let new = bench.stayer5("a", 1000, true);
    bench.ended5(a, 0x8E, CloseReason::TakenOver);
    bench.at(2_000_000);
    bench.quiet(&[new, heir]);
    // A connection that is refused does not.
    bench.lose(new);
    let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), true);
    bench.lose(a);
    bench.answer_with(|_| Answer::Refuse(ReasonCode::NotAuthorized));
    bench.dial(resume5("a", 1000));
    bench.at(2_009_999);
    bench.quiet(&[heir]);
    bench.at(2_010_000);
    bench.got5(heir, publish5("w", "gone", &[]));
}

#[test]
fn mqtt_3_1_2_8_a_will_whose_delay_is_over_is_published_though_no_timeout_was_told() {
    for (waits, published) in [(9_999, false), (10_000, true), (10_001, true)] {
        let (mut bench, heir) = with_heir();
        let a = connected(&mut bench, 1000, will5("gone", 0, &DELAY), false);
        bench.lose(a);
        bench.now += waits;
        bench.stayer5("a", 1000, true);
        bench.at(1_000_000);
        let will = if published { publish5("w", "gone", &[]) } else { Vec::new() };
        bench.got5(heir, will);
    }
}

#[test]
fn mqtt_3_1_3_10_the_user_properties_of_a_will_keep_their_order() {
    let (mut bench, heir) = with_heir();
    let users = [user("b", "1"), user("a", "2"), user("b", "1"), user("", ""), user("a", "0")];
    let a = connected(&mut bench, 0, will5("gone", 0, &users), false);
    bench.lose(a);
    let received = bench.received(heir);
    assert_eq!(received, publish5("w", "gone", &users), "{}", crate::wire5::words5(&received));
}

#[test]
fn a_will_is_published_with_its_properties_but_for_the_delay() {
    let (mut bench, heir) = with_heir();
    let old = bench.client("old");
    bench.ask(old, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    let properties = [
        Property::PayloadFormatIndicator(mqtt_sansio::PayloadFormat::Utf8),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        response_topic("answers"),
        Property::CorrelationData(b"\0\xff"),
        user("k", "v"),
        Property::WillDelayInterval(10),
    ];
    let a = connected(&mut bench, 1000, will5("gone", 0, &properties), false);
    bench.at(500_000);
    bench.lose(a);
    bench.at(510_000);
    // Its Message Expiry Interval counts from when it is published.
    bench.got5(heir, publish5("w", "gone", &properties[..6]));
    bench.got(old, publish("w", "gone"));
}

#[test]
fn the_message_expiry_interval_of_a_will_counts_from_when_it_is_published() {
    for (waits, left) in [(0, Some(60)), (20_000, Some(40)), (59_999, Some(1)), (60_000, None)] {
        let mut bench = Bench::new();
        let heir = bench.stayer5("heir", 1000, false);
        bench.subscribe5(heir, "w", 1);
        bench.lose(heir);
        let properties = [Property::MessageExpiryInterval(60), DELAY[0]];
        let a = connected(&mut bench, 1000, will5("gone", 1, &properties), false);
        bench.at(500_000);
        bench.lose(a);
        bench.at(510_000);
        bench.at(510_000 + waits);
        let heir = bench.stayer5("heir", 1000, true);
        let expected =
            left.map(|left| publish5_1(1, "w", "gone", &[Property::MessageExpiryInterval(left)]));
        bench.got5(heir, expected.unwrap_or_default());
    }
}

#[test]
fn a_will_that_is_no_text_though_it_says_so_is_refused_where_that_is_looked_at() {
    let text = [Property::PayloadFormatIndicator(mqtt_sansio::PayloadFormat::Utf8)];
    for (looked_at, payload, good) in
        [(true, &b"\xff"[..], false), (true, "ä".as_bytes(), true), (false, b"\xff", true)]
    {
        let mut bench =
            Bench::with(|config| config.session.features.validate_payload_format = looked_at);
        let will = Will { payload, ..will5("", 0, &text) };
        let a = bench.dial(with_will(0, will));
        if good {
            bench.connack5(a, false);
        } else {
            bench.refused5(a, 0x99, ClientFault::PayloadFormatInvalid);
        }
    }
}

#[test]
fn the_will_of_a_connection_that_is_taken_over_follows_the_usual_rules() {
    let (mut bench, heir) = with_heir();
    let b = bench.client5("b", &[]);
    bench.subscribe5(b, "t", 0);
    // Without a delay it is published, whether or not its session goes on.
    let old = connected(&mut bench, 1000, will5("gone", 0, &[]), false);
    let new = bench.stayer5("a", 1000, true);
    bench.ended5(old, 0x8E, CloseReason::TakenOver);
    bench.got5(heir, publish5("w", "gone", &[]));
    bench.send(new, disconnect5(0, &[]));
    bench.publish(message("x", 0));
    bench.got5(b, publish5("t", "x", &[]));
    bench.at(1_000_000);
    bench.quiet(&[heir, b]);
}

#[test]
fn the_will_delay_is_told_to_who_accepts_the_connection() {
    let mut bench = Bench::new();
    bench.answer_with(|request| {
        assert_eq!((request.will_delay_interval, request.session_expiry_interval()), (10, 77));
        let expiry = request.properties.properties().find(PropertyId::SessionExpiryInterval);
        assert_eq!(expiry, Some(Property::SessionExpiryInterval(77)));
        Answer::Accept(mqtt_sansio::Permissions::all())
    });
    let a = bench.dial(with_will(77, will5("gone", 0, &DELAY)));
    let received = bench.received(a);
    assert!(matches!(packet5(&received), mqtt_sansio::Packet::ConnAck(_)));
}
