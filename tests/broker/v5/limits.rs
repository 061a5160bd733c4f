//! Limits of both sides: windows, packet sizes, filters.

use mqtt_sansio::{ClientFault, Property, Subscription};

use super::{message, message_with, subscribed, subscriber};
use crate::bench::{Bench, Peer};
use crate::wire::{PINGREQ, PINGRESP, dup, hex, retained};
use crate::wire5::{
    accepted5, connect5, disconnect5, maximum_packet_size, payloads5, puback5, pubcomp5, publish5,
    publish5_1, publish5_2, pubrec5, pubrel5, receive_maximum, sub5, suback5, subscribe5,
    subscription_identifier, unsubscribe5,
};

/// A client with that Receive Maximum, whose session stays, subscribed to everything at QoS 2.
#[track_caller]
fn windowed(bench: &mut Bench, maximum: u16) -> Peer {
    let properties = [receive_maximum(maximum), Property::SessionExpiryInterval(100)];
    let a = bench.client5("a", &properties);
    subscribed(bench, a, &[sub5("#", 2)]);
    a
}

#[track_caller]
fn resumed(bench: &mut Bench, maximum: u16) -> Peer {
    let properties = [receive_maximum(maximum), Property::SessionExpiryInterval(100)];
    let a = bench.dial(connect5("a", &properties, |connect| connect.clean_start = false));
    bench.connack5(a, true);
    a
}

fn one(id: u16) -> Vec<u8> {
    publish5_1(id, "t", id.to_string(), &[])
}

fn two(id: u16) -> Vec<u8> {
    publish5_2(id, "t", id.to_string(), &[])
}

/// Messages whose payloads are the identifiers they will have.
fn publish_all(bench: &mut Bench, ids: impl IntoIterator<Item = u16>, qos: u8) {
    for id in ids {
        bench.publish(message("t", &id.to_string(), qos));
    }
}

#[test]
fn the_smaller_of_receive_maximum_and_our_window_holds() {
    for (configured, maximum, window) in [(20, 2, 2), (2, 20, 2), (3, 3, 3)] {
        let mut bench = Bench::with(|config| config.session.max_inflight_messages = configured);
        let a = windowed(&mut bench, maximum);
        publish_all(&mut bench, 1..=5, 1);
        bench.got5(a, (1..=window).flat_map(one).collect::<Vec<_>>());
        bench.ask5(a, puback5(2, 0, &[]), one(window + 1));
    }
}

#[test]
fn without_a_receive_maximum_our_window_holds() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "#", 1);
    publish_all(&mut bench, 1..=30, 1);
    bench.got5(a, (1..=20).flat_map(one).collect::<Vec<_>>());
}

#[test]
fn what_is_sent_again_keeps_to_the_new_receive_maximum() {
    let mut bench = Bench::new();
    let a = windowed(&mut bench, 4);
    publish_all(&mut bench, 1..=4, 1);
    bench.got5(a, (1..=4).flat_map(one).collect::<Vec<_>>());
    bench.lose(a);
    publish_all(&mut bench, [5], 1);
    let a = resumed(&mut bench, 2);
    bench.got5(a, [1, 2].map(|id| dup(one(id))));
    bench.ask5(a, puback5(1, 0, &[]), dup(one(3)));
    bench.ask5(a, puback5(3, 0, &[]), dup(one(4)));
    bench.ask5(a, puback5(2, 0, &[]), one(5));
    bench.lose(a);
    let a = resumed(&mut bench, 1);
    bench.got5(a, dup(one(4)));
    bench.ask5(a, puback5(4, 0, &[]), dup(one(5)));
    bench.ask5(a, puback5(5, 0, &[]), "");
}

#[test]
fn a_full_window_delays_no_pubrel() {
    let mut bench = Bench::new();
    let a = windowed(&mut bench, 2);
    publish_all(&mut bench, 1..=3, 2);
    bench.got5(a, [two(1), two(2)]);
    bench.ask5(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.ask5(a, pubrec5(2, 0, &[]), pubrel5(2, 0, &[]));
    bench.lose(a);
    // Two releases, and a message for which there is room.
    let a = resumed(&mut bench, 1);
    let received = bench.received(a);
    let releases = [pubrel5(1, 0, &[]), pubrel5(2, 0, &[])].concat();
    assert!(received.starts_with(&releases), "{}", hex(&received));
    bench.send(a, [pubcomp5(1, 0, &[]), pubcomp5(2, 0, &[])]);
    let rest = [received[releases.len()..].to_vec(), bench.received(a)].concat();
    assert_eq!(hex(&rest), hex(&two(3)));
}

#[test]
fn other_packets_flow_while_the_window_is_full() {
    let mut bench = Bench::new();
    let a = windowed(&mut bench, 1);
    publish_all(&mut bench, 1..=2, 2);
    bench.got5(a, two(1));
    bench.ask(a, PINGREQ, PINGRESP);
    bench.ask5(a, subscribe5(9, &[sub5("v", 0)], &[]), suback5(9, &[0], &[]));
    bench.ask5(a, publish5_2(9, "u", "x", &[]), pubrec5(9, 0, &[]));
    bench.ask5(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.is_open(a);
}

#[test]
fn the_window_opens_at_pubcomp_and_at_a_pubrec_that_fails() {
    let mut bench = Bench::new();
    let a = windowed(&mut bench, 1);
    publish_all(&mut bench, 1..=3, 2);
    bench.got5(a, two(1));
    bench.ask5(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    bench.ask5(a, pubcomp5(1, 0x92, &[]), two(2));
    bench.ask5(a, pubrec5(2, 0x97, &[]), two(3));
    bench.lose(a);
    // What has failed is not sent again.
    let a = resumed(&mut bench, 5);
    bench.got5(a, dup(two(3)));
}

#[test]
fn an_acknowledgement_of_nothing_opens_no_window() {
    let mut bench = Bench::new();
    let a = windowed(&mut bench, 1);
    publish_all(&mut bench, 1..=3, 1);
    bench.got5(a, one(1));
    let nothing = [puback5(7, 0, &[]), pubcomp5(7, 0, &[]), pubrec5(7, 0x80, &[])];
    bench.ask5(a, nothing, "");
    bench.ask5(a, puback5(1, 0, &[]), one(2));
    bench.ask5(a, puback5(1, 0, &[]), "");
}

#[test]
fn a_message_too_large_for_the_client_is_left_out_and_others_are_sent() {
    let mut bench = Bench::new();
    let size = u32::try_from(publish5_1(1, "t", "1234567890", &[]).len()).unwrap();
    let size = size.max(u32::try_from(accepted5(false, &[]).len()).unwrap());
    let a = bench.client5("a", &[maximum_packet_size(size)]);
    subscribed(&mut bench, a, &[sub5("#", 2)]);
    let room = usize::try_from(size).unwrap() - publish5_1(1, "t", "", &[]).len();
    let (fits, large) = ("x".repeat(room), "x".repeat(room + 1));
    bench.publish(message("t", &large, 1));
    bench.publish(message("t", &large, 2));
    bench.publish(message("t", &fits, 1));
    bench.got5(a, publish5_1(1, "t", &fits, &[]));
    // At QoS 0 there is no identifier, and so room for two bytes more.
    for (payload, sent) in [(format!("{large}y"), true), (format!("{large}yz"), false)] {
        bench.publish(message("t", &payload, 0));
        bench.got5(a, if sent { publish5("t", &payload, &[]) } else { Vec::new() });
    }
    bench.is_open(a);
}

#[test]
fn properties_and_identifiers_count_for_the_size() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[maximum_packet_size(30)]);
    bench.ask5(
        a,
        subscribe5(1, &[sub5("t", 0)], &[subscription_identifier(200)]),
        suback5(1, &[0], &[]),
    );
    let with = [Property::ContentType("type")];
    let carried = [Property::ContentType("type"), subscription_identifier(200)];
    let room = 30 - publish5("t", "", &carried).len();
    for (length, sent) in [(room + 1, false), (room, true)] {
        let payload = "x".repeat(length);
        bench.publish(message_with("t", &payload, 0, &with));
        bench.got5(a, if sent { publish5("t", &payload, &carried) } else { Vec::new() });
    }
}

#[test]
fn retained_messages_too_large_for_the_client_are_left_out() {
    let mut bench = Bench::new();
    for (name, payload) in [("a", "small"), ("b", "one that is much too large"), ("c", "tiny")] {
        let mut kept = message(name, payload, 1);
        kept.retain = true;
        bench.publish(kept);
    }
    let a = bench.client5("a", &[maximum_packet_size(20)]);
    bench.send(a, subscribe5(1, &[sub5("#", 1)], &[]));
    let first = retained(publish5_1(1, "a", "small", &[]));
    let second = retained(publish5_1(2, "c", "tiny", &[]));
    bench.got5(a, [suback5(1, &[1], &[]), first, second]);
}

#[test]
fn a_resumed_session_that_takes_less_leaves_out_what_is_too_large_now() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("#", 1)]);
    bench.publish(message("t", "one that is much too large", 1));
    bench.publish(message("t", "small", 1));
    let large = publish5_1(1, "t", "one that is much too large", &[]);
    bench.got5(a, [large.clone(), publish5_1(2, "t", "small", &[])]);
    bench.lose(a);
    bench.publish(message("t", "another that is too large", 1));
    let less = [maximum_packet_size(20), Property::SessionExpiryInterval(100)];
    let a = bench.dial(connect5("a", &less, |connect| connect.clean_start = false));
    bench.connack5(a, true);
    bench.got5(a, dup(publish5_1(2, "t", "small", &[])));
    bench.ask5(a, puback5(2, 0, &[]), "");
    bench.is_open(a);
}

/// A packet larger than the client takes is never sent, however little that is.
#[test]
fn tiny_maximum_packet_sizes_are_kept_to() {
    let accepted = accepted5(false, &[]).len();
    for maximum in 1..=30_u32 {
        let mut bench = Bench::new();
        let a = bench.dial(connect5("a", &[maximum_packet_size(maximum)], |_| ()));
        let received = bench.received(a);
        let fits = received.len() <= maximum as usize;
        assert!(fits, "{maximum}: {}", hex(&received));
        if accepted > maximum as usize {
            bench.is_closed(a, ClientFault::AnswerTooLarge);
            let refusal = if maximum >= 5 { "2003009500" } else { "" };
            assert_eq!(hex(&received), refusal, "{maximum}");
            continue;
        }
        let filters = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"];
        let filters = filters.map(|name| sub5(name, 0));
        let answer = suback5(1, &[0; 14], &[]);
        bench.send(a, subscribe5(1, &filters, &[]));
        if answer.len() <= maximum as usize {
            bench.got5(a, answer);
        } else {
            bench.got(a, disconnect5(0x95, &[]));
            bench.is_closed(a, ClientFault::AnswerTooLarge);
        }
    }
}

#[test]
fn a_connack_that_does_not_fit_leaves_the_session_as_it_is() {
    let mut bench = Bench::with(|config| config.session_expiry = None);
    let a = bench.stayer5("a", u32::MAX, false);
    subscribed(&mut bench, a, &[sub5("t", 1)]);
    bench.lose(a);
    let tiny = [maximum_packet_size(10), Property::SessionExpiryInterval(u32::MAX)];
    let b = bench.dial(connect5("a", &tiny, |connect| connect.clean_start = false));
    bench.got(b, "2003009500");
    bench.is_closed(b, ClientFault::AnswerTooLarge);
    bench.publish(message("t", "x", 1));
    let a = bench.stayer5("a", u32::MAX, true);
    bench.got5(a, publish5_1(1, "t", "x", &[]));
    // A client without a session gets none.
    let c = bench.dial(connect5("c", &tiny, |connect| connect.clean_start = false));
    bench.got(c, "2003009500");
    assert_eq!(bench.broker.sessions(), 1);
}

#[test]
fn more_messages_than_our_receive_maximum_are_a_fault() {
    let mut bench = Bench::with(|config| config.session.max_unreleased_messages = 2);
    let a = bench.dial(connect5("a", &[Property::SessionExpiryInterval(9)], |_| ()));
    let connack = bench.connack5(a, false);
    let maximum = connack.properties().find(mqtt_sansio::PropertyId::ReceiveMaximum);
    assert_eq!(maximum, Some(receive_maximum(2)));
    for id in [1, 2] {
        bench.ask5(a, publish5_2(id, "t", "x", &[]), pubrec5(id, 0x10, &[]));
    }
    // QoS 1 is acknowledged at once, and the same again is none more.
    bench.ask5(a, dup(publish5_2(2, "t", "x", &[])), pubrec5(2, 0, &[]));
    bench.send(a, publish5_2(3, "t", "x", &[]));
    bench.ended5(a, 0x93, ClientFault::ReceiveMaximumExceeded);
    // What was held before still is.
    let a = bench.stayer5("a", 9, true);
    bench.ask5(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.ask5(a, publish5_2(3, "t", "x", &[]), pubrec5(3, 0x10, &[]));
    bench.ask5(a, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
}

#[test]
fn a_packet_above_our_maximum_is_a_fault_at_its_header() {
    let mut bench = Bench::with(|config| config.session.maximum_packet_size = 100);
    let a = bench.dial(connect5("a", &[], |_| ()));
    let connack = bench.connack5(a, false);
    let maximum = connack.properties().find(mqtt_sansio::PropertyId::MaximumPacketSize);
    assert_eq!(maximum, Some(maximum_packet_size(100)));
    let room = 100 - publish5("t", "", &[]).len();
    bench.ask(a, publish5("t", "x".repeat(room), &[]), "");
    let large = publish5("t", "x".repeat(room + 1), &[]);
    bench.send(a, &large[..2]);
    bench.ended5_by_fault(a, 0x95);
}

#[test]
fn too_many_filters_are_a_fault() {
    for unsubscribe in [false, true] {
        let mut bench = Bench::with(|config| config.session.max_filters = 2);
        let a = bench.client5("a", &[]);
        bench.ask5(a, subscribe5(1, &[sub5("1", 0), sub5("2", 0)], &[]), suback5(1, &[0, 0], &[]));
        let filters: [Subscription<'_>; 3] = ["1", "2", "3"].map(|name| sub5(name, 0));
        bench.send(
            a,
            if unsubscribe {
                unsubscribe5(2, &["1", "2", "3"], &[])
            } else {
                subscribe5(2, &filters, &[])
            },
        );
        bench.ended5(a, 0x97, ClientFault::TooManyFilters);
        assert_eq!(bench.broker.router().subscriptions(), 0);
    }
}

#[test]
fn a_queue_that_is_full_drops_what_comes_then() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 2);
    let a = windowed(&mut bench, 1);
    publish_all(&mut bench, 1..=5, 1);
    bench.got5(a, one(1));
    bench.ask5(a, puback5(1, 0, &[]), one(2));
    bench.ask5(a, puback5(2, 0, &[]), one(3));
    bench.ask5(a, puback5(3, 0, &[]), "");
    assert_eq!(bench.broker.statistics().publish_dropped, 2);
}

#[test]
fn answers_that_are_not_taken_are_a_fault() {
    let mut bench = Bench::with(|config| config.session.max_unsent_bytes = 10);
    let a = bench.client5("a", &[]);
    bench.stall(a);
    for _ in 0..6 {
        bench.send(a, PINGREQ);
    }
    bench.send(a, PINGREQ);
    bench.resume(a);
    bench.is_closed(a, ClientFault::AnswersNotTaken);
    let received = bench.received(a);
    assert!(payloads5(&received).is_empty(), "{}", hex(&received));
}
