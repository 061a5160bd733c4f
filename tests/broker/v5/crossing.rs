//! Messages and sessions that cross between versions.

use mqtt_sansio::{
    Access, CloseReason, Frame, MAXIMUM_PACKET_SIZE, Packet, PayloadFormat, Permissions, Property,
    QoS, Sender, Subscription, Version, Will,
};

use super::{message, message_with, subscribed};
use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{
    DISCONNECT, connect, dup, frames, hex, puback, pubcomp, publish, publish1, publish2, pubrec,
    pubrel, retained, suback, subscribe, unsuback, unsubscribe,
};
use crate::wire5::{
    connect5, puback5, pubcomp5, publish5, publish5_1, publish5_2, pubrec5, pubrel5,
    receive_maximum, response_topic, resume5, sub5, suback5, subscribe5, subscription_identifier,
    topic_alias, user, will5,
};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];

/// All that a message can carry.
fn everything() -> [Property<'static>; 7] {
    [
        Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text"),
        response_topic("answers/here"),
        Property::CorrelationData(b"\0\x01"),
        user("k", "1"),
        user("k", "2"),
    ]
}

/// A connected client of that version with a clean session.
#[track_caller]
fn client(bench: &mut Bench, name: &str, version: Version) -> Peer {
    if version == Version::V5_0 {
        return bench.client5(name, &[]);
    }
    let peer = bench.dial(connect(name, |connect| connect.version = version));
    bench.got(peer, "20020000");
    peer
}

/// A connected client of 3.1 or 3.1.1 with a session that stays.
#[track_caller]
fn older(bench: &mut Bench, name: &str, version: Version, present: bool) -> Peer {
    let peer = bench.dial(connect(name, |connect| {
        connect.version = version;
        connect.clean_start = false;
    }));
    let flag = u8::from(present && version == Version::V3_1_1);
    let connack = bench.received(peer);
    assert_eq!(hex(&connack[..4]), hex(&[0x20, 2, flag, 0]), "{version}");
    bench.unread(peer, &connack[4..]);
    peer
}

fn subscribe_all(bench: &mut Bench, peer: Peer, version: Version, qos: u8) {
    if version == Version::V5_0 {
        subscribed(bench, peer, &[sub5("#", qos)]);
    } else {
        bench.ask(peer, subscribe(1, &[("#", qos)]), suback(1, &[qos]));
    }
}

/// Publishes at that QoS to the end of the exchange.
#[track_caller]
fn send(bench: &mut Bench, peer: Peer, version: Version, qos: u8, with: &[Property<'_>]) {
    match (version, qos) {
        (Version::V5_0, 0) => bench.ask5(peer, publish5("t/long", "x", with), ""),
        (Version::V5_0, 1) => {
            bench.ask5(peer, publish5_1(7, "t/long", "x", with), puback5(7, 0, &[]));
        }
        (Version::V5_0, _) => {
            bench.ask5(peer, publish5_2(7, "t/long", "x", with), pubrec5(7, 0, &[]));
            bench.ask5(peer, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
        }
        (_, 0) => bench.ask(peer, publish("t/long", "x"), ""),
        (_, 1) => bench.ask(peer, publish1(7, "t/long", "x"), puback(7)),
        _ => {
            bench.ask(peer, publish2(7, "t/long", "x"), pubrec(7));
            bench.ask(peer, pubrel(7), pubcomp(7));
        }
    }
}

#[test]
fn a_message_loses_only_what_the_other_version_cannot_carry() {
    for (from, to) in VERSIONS.iter().flat_map(|from| VERSIONS.map(|to| (*from, to))) {
        for (sent, granted) in (0..3).flat_map(|sent| (0..3).map(move |granted| (sent, granted))) {
            let mut bench = Bench::new();
            let b = client(&mut bench, "b", to);
            subscribe_all(&mut bench, b, to, granted);
            let a = client(&mut bench, "a", from);
            let properties = everything();
            let with = if from == Version::V5_0 { &properties[..] } else { &[] };
            send(&mut bench, a, from, sent, with);
            let qos = sent.min(granted);
            let v5 = to == Version::V5_0;
            match qos {
                0 if v5 => bench.got5(b, publish5("t/long", "x", with)),
                1 if v5 => bench.got5(b, publish5_1(1, "t/long", "x", with)),
                _ if v5 => bench.got5(b, publish5_2(1, "t/long", "x", with)),
                0 => bench.got(b, publish("t/long", "x")),
                1 => bench.got(b, publish1(1, "t/long", "x")),
                _ => bench.got(b, publish2(1, "t/long", "x")),
            }
            if qos == 2 && v5 {
                bench.ask5(b, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
                bench.ask5(b, pubcomp5(1, 0, &[]), "");
            } else if qos == 2 {
                bench.ask(b, pubrec(1), pubrel(1));
                bench.ask(b, pubcomp(1), "");
            }
            bench.quiet(&[a, b]);
        }
    }
}

#[test]
fn what_waits_for_a_client_of_5_0_is_plain_when_it_comes_back_with_an_older_version() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = Bench::new();
        let a = bench.stayer5("a", 1000, false);
        let filter = Subscription { retain_as_published: true, ..sub5("#", 2) };
        let with = [subscription_identifier(300)];
        bench.ask5(a, subscribe5(1, &[filter], &with), suback5(1, &[2], &[]));
        bench.lose(a);
        bench.publish(message_with("t/long", "1", 1, &everything()));
        let mut kept = message_with("t/long", "2", 2, &everything());
        kept.retain = true;
        bench.publish(kept);
        let a = older(&mut bench, "a", version, true);
        // Retain As Published is of 5.0 alone.
        bench.got(a, [publish1(1, "t/long", "1"), publish2(2, "t/long", "2")]);
        bench.ask(a, puback(1), "");
        bench.ask(a, pubrec(2), pubrel(2));
        bench.lose(a);
        // Released, it stays so; and then 5.0 again has all of its own.
        let a = bench.stayer5("a", 1000, true);
        bench.got5(a, pubrel5(2, 0, &[]));
        bench.publish(message_with("t/long", "3", 0, &everything()));
        let mut carried = everything().to_vec();
        carried.push(subscription_identifier(300));
        bench.ask5(a, pubcomp5(2, 0, &[]), publish5("t/long", "3", &carried));
    }
}

#[test]
fn what_waits_for_a_client_of_an_older_version_has_its_properties_in_5_0() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = Bench::new();
        let a = older(&mut bench, "a", version, false);
        bench.ask(a, subscribe(1, &[("#", 2)]), suback(1, &[2]));
        bench.publish(message_with("t/long", "0", 1, &everything()));
        bench.got(a, publish1(1, "t/long", "0"));
        bench.lose(a);
        bench.publish(message_with("t/long", "1", 2, &everything()));
        let a = bench.stayer5("a", 1000, true);
        let again = dup(publish5_1(1, "t/long", "0", &everything()));
        bench.got5(a, [again, publish5_2(2, "t/long", "1", &everything())]);
    }
}

#[test]
fn a_message_sent_by_alias_is_sent_again_to_3_1_1_with_its_topic() {
    let mut bench = Bench::new();
    let stay = [Property::SessionExpiryInterval(100), Property::TopicAliasMaximum(5)];
    let a = bench.client5("a", &stay);
    let with = [subscription_identifier(3)];
    bench.ask5(a, subscribe5(1, &[sub5("#", 2)], &with), suback5(1, &[2], &[]));
    bench.publish(message("t/long", "1", 1));
    bench.publish(message("t/long", "2", 2));
    let first = publish5_1(1, "t/long", "1", &[topic_alias(1), subscription_identifier(3)]);
    let second = publish5_2(2, "", "2", &[topic_alias(1), subscription_identifier(3)]);
    bench.got5(a, [first, second]);
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    bench.got(a, [publish1(1, "t/long", "1"), publish2(2, "t/long", "2")].map(dup));
    bench.ask(a, pubrec(2), pubrel(2));
    bench.ask(a, [puback(1), pubcomp(2)], "");
    bench.is_open(a);
}

#[test]
fn a_qos_2_message_begun_in_one_version_is_released_in_another() {
    let mut bench = Bench::new();
    let heir = client(&mut bench, "heir", Version::V5_0);
    subscribe_all(&mut bench, heir, Version::V5_0, 0);
    let a = bench.stayer5("a", 100, false);
    bench.ask5(a, publish5_2(7, "t/long", "x", &everything()), pubrec5(7, 0, &[]));
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    bench.ask(a, dup(publish2(7, "t/long", "x")), pubrec(7));
    bench.ask(a, pubrel(7), pubcomp(7));
    bench.got5(heir, publish5("t/long", "x", &everything()));
    bench.ask(a, publish2(8, "u", "y"), pubrec(8));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.ask5(a, pubrel5(8, 0, &[]), pubcomp5(8, 0, &[]));
    bench.got5(heir, publish5("u", "y", &[]));
}

/// The permissions count when a message is taken over: in 5.0 with PUBREC, before it with PUBREL.
#[test]
fn a_message_that_is_released_in_another_version_obeys_the_permissions_once() {
    let denied = || {
        let topic = mqtt_sansio::Filter::new("t").unwrap();
        Permissions::all().deny(Access::Publish, topic)
    };
    let mut bench = Bench::new();
    let heir = client(&mut bench, "heir", Version::V3_1_1);
    subscribe_all(&mut bench, heir, Version::V3_1_1, 0);
    bench.answer_with(move |_| Answer::Accept(denied()));
    let a = older(&mut bench, "a", Version::V3_1_1, false);
    bench.ask(a, publish2(7, "t", "denied"), pubrec(7));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.ask5(a, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.quiet(&[heir, a]);
    bench.answer_with(|_| Answer::Accept(Permissions::all()));
    let b = bench.stayer5("b", 100, false);
    bench.ask5(b, publish5_2(7, "t", "taken over", &[]), pubrec5(7, 0, &[]));
    bench.lose(b);
    bench.answer_with(move |_| Answer::Accept(denied()));
    let b = older(&mut bench, "b", Version::V3_1_1, true);
    bench.ask(b, pubrel(7), pubcomp(7));
    bench.got(heir, publish("t", "taken over"));
}

#[test]
fn a_session_that_3_1_1_took_over_stays_as_long_as_those_of_3_1_1_do() {
    let mut bench = Bench::with(|config| {
        config.session_expiry = Some(std::time::Duration::from_secs(1000));
    });
    let a = bench.stayer5("a", 5, false);
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    bench.lose(a);
    bench.at(1_000_999);
    assert_eq!(bench.broker.sessions(), 1);
    bench.at(1_001_000);
    assert_eq!(bench.broker.sessions(), 0);
    // And the other way round.
    let b = older(&mut bench, "b", Version::V3_1_1, false);
    bench.lose(b);
    let b = bench.stayer5("b", 5, true);
    bench.lose(b);
    bench.at(1_006_000);
    assert_eq!(bench.broker.sessions(), 0);
}

#[test]
fn a_session_of_3_1_1_ends_with_a_connection_of_5_0_that_wants_no_expiry() {
    let mut bench = Bench::new();
    let a = older(&mut bench, "a", Version::V3_1_1, false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(a);
    let a = bench.stayer5("a", 0, true);
    bench.publish(message("t", "x", 1));
    bench.got5(a, publish5_1(1, "t", "x", &[]));
    bench.lose(a);
    assert_eq!(bench.broker.sessions(), 0);
    older(&mut bench, "a", Version::V3_1_1, false);
}

#[test]
fn a_clean_session_of_3_1_1_ends_one_of_5_0() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", u32::MAX, false);
    subscribed(&mut bench, a, &[sub5("t", 1)]);
    bench.lose(a);
    let a = bench.client("a");
    bench.publish(message("t", "x", 1));
    bench.quiet(&[a]);
    bench.send(a, DISCONNECT);
    assert_eq!(bench.broker.sessions(), 0);
}

#[test]
fn a_connection_is_taken_over_across_versions_and_told_so_where_it_can_be() {
    let mut bench = Bench::new();
    let old = older(&mut bench, "a", Version::V3_1_1, false);
    let new = bench.stayer5("a", 100, true);
    bench.got(old, "");
    bench.is_closed(old, CloseReason::TakenOver);
    let last = older(&mut bench, "a", Version::V3_1, true);
    bench.ended5(new, 0x8e, CloseReason::TakenOver);
    bench.quiet(&[last]);
}

#[test]
fn a_shared_subscription_of_5_0_goes_on_in_3_1_1() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("$share/g/t", 1)]);
    let b = bench.client5("b", &[]);
    subscribed(&mut bench, b, &[sub5("$share/g/t", 1)]);
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    for payload in ["1", "2", "3", "4"] {
        bench.publish(message("t", payload, 0));
    }
    let (to_a, to_b) = (bench.received(a), bench.received(b));
    assert_eq!((frames(&to_a).len(), frames(&to_b).len()), (2, 2));
    // There, the same filter is another subscription: one of a topic of that name.
    bench.ask(a, unsubscribe(2, &["$share/g/t"]), unsuback(2));
    bench.ask(a, subscribe(3, &[("$share/g/t", 0)]), suback(3, &[0]));
    bench.publish(message("$share/g/t", "5", 0));
    bench.got(a, publish("$share/g/t", "5"));
    for payload in ["6", "7"] {
        bench.publish(message("t", payload, 0));
    }
    let (to_a, to_b) = (bench.received(a), bench.received(b));
    assert_eq!((frames(&to_a).len(), frames(&to_b).len()), (1, 1));
}

#[test]
fn no_local_goes_on_in_3_1_1() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    let filter = Subscription { no_local: true, ..sub5("#", 0) };
    bench.ask5(a, subscribe5(1, &[filter], &[]), suback5(1, &[0], &[]));
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    bench.ask(a, publish("t", "own"), "");
    bench.publish(message("t", "other", 0));
    bench.got(a, publish("t", "other"));
    // A subscription of 3.1.1 takes its place.
    bench.ask(a, subscribe(2, &[("#", 0)]), suback(2, &[0]));
    bench.ask(a, publish("t", "own"), publish("t", "own"));
}

#[test]
fn a_subscription_of_3_1_1_takes_the_place_of_one_with_an_identifier() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    let filter = Subscription { retain_as_published: true, ..sub5("#", 0) };
    let with = [subscription_identifier(9)];
    bench.ask5(a, subscribe5(1, &[filter], &with), suback5(1, &[0], &[]));
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    bench.ask(a, subscribe(2, &[("#", 0)]), suback(2, &[0]));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    let mut kept = message("t", "x", 0);
    kept.retain = true;
    bench.publish(kept);
    bench.got5(a, publish5("t", "x", &[]));
}

#[test]
fn a_retained_message_crosses_with_what_it_carries() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.send(a, retained(publish5("t", "x", &everything())));
    let b = bench.client("b");
    let expected = [suback(1, &[1]), retained(publish("t", "x"))];
    bench.ask(b, subscribe(1, &[("t", 1)]), expected);
    let c = bench.client5("c", &[]);
    let expected = [suback5(1, &[1], &[]), retained(publish5("t", "x", &everything()))];
    bench.ask5(c, subscribe5(1, &[sub5("t", 1)], &[]), expected);
    bench.send(b, retained(publish("t", "y")));
    bench.got(b, publish("t", "y"));
    bench.got5(c, publish5("t", "y", &[]));
}

#[test]
fn a_will_crosses_with_what_it_carries() {
    let mut bench = Bench::new();
    let b = bench.client("b");
    bench.ask(b, subscribe(1, &[("w", 1)]), suback(1, &[1]));
    let c = bench.client5("c", &[]);
    subscribed(&mut bench, c, &[sub5("w", 1)]);
    let properties = everything();
    let a = bench.dial(connect5("a", &[], |connect| {
        connect.will = Some(Will { qos: QoS::AtLeastOnce, ..will5("gone", 0, &properties) });
    }));
    bench.connack5(a, false);
    bench.lose(a);
    bench.got(b, publish1(1, "w", "gone"));
    bench.got5(c, publish5_1(1, "w", "gone", &everything()));
}

#[test]
fn the_window_is_that_of_each_connection() {
    let mut bench = Bench::new();
    let narrow = [Property::SessionExpiryInterval(100), receive_maximum(1)];
    let a = bench.client5("a", &narrow);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    for payload in ["1", "2", "3"] {
        bench.publish(message("t", payload, 1));
    }
    bench.got5(a, publish5_1(1, "t", "1", &[]));
    bench.lose(a);
    let a = older(&mut bench, "a", Version::V3_1_1, true);
    bench.got(a, [dup(publish1(1, "t", "1")), publish1(2, "t", "2"), publish1(3, "t", "3")]);
    bench.lose(a);
    let a = bench.dial(connect5("a", &narrow, |connect| connect.clean_start = false));
    bench.connack5(a, true);
    bench.got5(a, dup(publish5_1(1, "t", "1", &[])));
    bench.ask5(a, puback5(1, 0, &[]), dup(publish5_1(2, "t", "2", &[])));
}

#[test]
fn a_client_of_an_older_version_is_acknowledged_whatever_becomes_of_its_message() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = Bench::with(|config| {
            config.max_topic_length = 3;
            config.max_payload_size = 3;
        });
        let a = client(&mut bench, "a", version);
        for (name, payload) in [("none", "x"), ("t", "long"), ("t", "x")] {
            bench.ask(a, publish1(1, name, payload), puback(1));
            bench.ask(a, publish2(2, name, payload), pubrec(2));
            bench.ask(a, pubrel(2), pubcomp(2));
        }
        bench.ask(a, pubrel(9), pubcomp(9));
        bench.ask(a, pubrec(9), pubrel(9));
        bench.is_open(a);
    }
}

#[test]
fn a_connection_of_an_older_version_ends_without_a_packet() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = Bench::new();
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| client(&mut bench, name, version));
        bench.broker.disconnect(ms(bench.now), bench.id(a));
        let code = mqtt_sansio::ReasonCode::ServerBusy;
        let done = bench.broker.disconnect_with(ms(bench.now), bench.id(b), code, &[]);
        assert_eq!(done, Ok(()));
        bench.drive();
        bench.send(c, "c001 00");
        bench.broker.shutdown(ms(bench.now));
        bench.drive();
        for peer in [a, b, c, d] {
            bench.closed_silently(peer);
        }
    }
}

/// Everything that a client of an older version is sent reads as its version, whatever others say.
#[test]
fn no_bytes_of_5_0_reach_a_client_of_an_older_version() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut bench = Bench::new();
        let mut received = Vec::new();
        let a = bench.stayer5("a", 1000, false);
        let filter = Subscription { retain_as_published: true, ..sub5("#", 2) };
        let with = [subscription_identifier(1)];
        bench.ask5(a, subscribe5(1, &[filter], &with), suback5(1, &[2], &[]));
        let b = bench.client5("b", &[]);
        for qos in [0, 1, 2] {
            send(&mut bench, b, Version::V5_0, qos, &everything());
        }
        bench.lose(a);
        for qos in [1, 2] {
            send(&mut bench, b, Version::V5_0, qos, &everything());
        }
        bench.send(b, retained(publish5("t/long", "kept", &everything())));
        let a = older(&mut bench, "a", version, true);
        bench.send(a, subscribe(9, &[("t/+", 1), ("$share/g/#", 2)]));
        bench.send(a, unsubscribe(9, &["t/+", "none"]));
        for qos in [0, 1, 2] {
            send(&mut bench, b, Version::V5_0, qos, &everything());
        }
        for id in 1..=8 {
            bench.send(a, pubrel(id));
        }
        received.extend(bench.received(a));
        assert!(frames(&received).len() > 12, "{}", hex(&received));
        for bytes in frames(&received) {
            let (frame, _) = Frame::parse(&bytes, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
            let packet = Packet::decode_from(Sender::Server, frame, version).unwrap();
            if let Packet::Publish(publish) = packet {
                let payload = publish.payload;
                assert!(payload == b"x" || payload == b"kept", "{}", hex(&bytes));
            }
        }
        bench.is_open(a);
        let a = bench.dial(resume5("a", 10));
        bench.connack5(a, true);
    }
}
