//! What a session and its connections keep to: Maximum Packet Size and topic aliases, sections 3.1.2.11.4
//! and 3.1.2.11.5; session state, section 4.1; sending again, section 4.4; transports, 4.2 and 6.

use std::collections::HashMap;
use std::time::Duration;

use mqtt_sansio::{
    BrokerEvent, ClientFault, CloseReason, Message, Packet, Property, PropertyId, TopicAlias,
};

use super::connect::message;
use crate::bench::Bench;
use crate::wire::{PINGREQ, PINGRESP, dup, frames};
use crate::wire5::{
    accepted5, connect5, disconnect5, maximum_packet_size, packet5, payloads5, puback5, pubcomp5,
    publish5, publish5_1, publish5_2, pubrec5, pubrel5, receive_maximum, resume5, sub5, suback5,
    subscribe5, words5,
};

#[test]
fn mqtt_3_1_2_24_no_packet_is_larger_than_the_clients_maximum_packet_size() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[maximum_packet_size(40)]);
    bench.subscribe5(a, "t", 2);
    for (qos, fits) in [(0, 34), (1, 32), (2, 32)] {
        bench.publish(message(&"x".repeat(fits + 1), qos));
        bench.quiet(&[a]);
        bench.publish(message(&"x".repeat(fits), qos));
        let received = bench.received(a);
        assert_eq!(payloads5(&received), ["x".repeat(fits)], "{}", words5(&received));
        assert_eq!(received.len(), 40, "{}", words5(&received));
    }
    // Retained ones too.
    for (topic, size) in [("r/1", 33), ("r/2", 32)] {
        let mut message = Message::new(topic, "x".repeat(size)).unwrap();
        message.retain = true;
        bench.publish(message);
    }
    bench.send(a, subscribe5(2, &[sub5("r/+", 0)], &[]));
    bench.settle();
    let received = bench.received(a);
    assert_eq!(payloads5(&received), ["x".repeat(32)], "{}", words5(&received));
    // What must be answered, and cannot be, ends the connection.
    let filters = vec![sub5("f", 0); 36];
    bench.ask5(a, subscribe5(3, &filters[1..], &[]), suback5(3, &[0; 35], &[]));
    bench.ask(a, subscribe5(4, &filters, &[]), "e001 95");
    bench.is_closed(a, ClientFault::AnswerTooLarge);
}

#[test]
fn mqtt_3_1_2_24_a_client_with_no_room_for_connack_is_not_accepted() {
    let mut bench = Bench::new();
    let connack = accepted5(false, &[]);
    let size = u32::try_from(connack.len()).unwrap();
    let a = bench.dial(connect5("a", &[maximum_packet_size(size)], |_| ()));
    bench.got5(a, connack);
    for (size, answer) in [(size - 1, "2003 00 95 00"), (5, "2003 00 95 00"), (4, "")] {
        let b = bench.dial(connect5("b", &[maximum_packet_size(size)], |_| ()));
        bench.got(b, answer);
        bench.is_closed(b, ClientFault::AnswerTooLarge);
    }
    assert_eq!(bench.broker.sessions(), 1);
}

#[test]
fn mqtt_3_1_2_24_what_is_sent_again_keeps_to_the_maximum_of_the_new_connection() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 1000, false);
    bench.subscribe5(a, "t", 2);
    let large = "x".repeat(50);
    for (payload, qos) in [(&*large, 1), (&*large, 2), ("small", 1)] {
        bench.publish(message(payload, qos));
    }
    assert_eq!(payloads5(&bench.received(a)), [&*large, &*large, "small"]);
    bench.lose(a);
    let stay = Property::SessionExpiryInterval(1000);
    let limits = [maximum_packet_size(40), stay];
    let a = bench.dial(connect5("a", &limits, |connect| connect.clean_start = false));
    // They count as delivered: at QoS 2 the client releases what it may have of it.
    let [released, small] = [pubrel5(2, 0, &[]), dup(publish5_1(3, "t", "small", &[]))];
    bench.got5(a, [accepted5(true, &[]), released.clone(), small.clone()]);
    bench.lose(a);
    let a = bench.dial(resume5("a", 1000));
    bench.got5(a, [accepted5(true, &[]), released, small]);
}

#[test]
fn mqtt_3_1_2_24_a_session_outlives_a_connection_with_no_room_for_connack() {
    for expiry in [1000, u32::MAX] {
        let mut bench = Bench::with(|config| config.session_expiry = None);
        let a = bench.stayer5("a", expiry, false);
        bench.subscribe5(a, "t", 1);
        bench.lose(a);
        let properties = [Property::SessionExpiryInterval(expiry), maximum_packet_size(5)];
        let a = bench.dial(connect5("a", &properties, |connect| connect.clean_start = false));
        bench.got(a, "2003 00 95 00");
        bench.is_closed(a, ClientFault::AnswerTooLarge);
        bench.publish(message("x", 1));
        let a = bench.dial(resume5("a", expiry));
        bench.got5(a, [accepted5(true, &[]), publish5_1(1, "t", "x", &[])]);
    }
}

#[test]
fn mqtt_3_1_2_25_a_message_too_large_for_the_client_counts_as_delivered() {
    let mut bench = Bench::new();
    let limits = [maximum_packet_size(40), receive_maximum(1)];
    let stay = [limits[0], limits[1], Property::SessionExpiryInterval(1000)];
    let a = bench.client5("a", &stay);
    bench.subscribe5(a, "t", 2);
    let large = "x".repeat(50);
    for qos in [1, 2, 1, 2] {
        bench.publish(message(&large, qos));
    }
    bench.quiet(&[a]);
    bench.publish(message("small", 1));
    let received = bench.received(a);
    assert_eq!(payloads5(&received), ["small"], "{}", words5(&received));
    // What waited for the client and is too large for its next connection is gone for ever.
    bench.send(a, puback5(1, 0, &[]));
    bench.lose(a);
    bench.publish(message(&large, 1));
    for limits in [&stay[..], &stay[2..]] {
        let a = bench.dial(connect5("a", limits, |connect| connect.clean_start = false));
        bench.got5(a, accepted5(true, &[]));
        bench.lose(a);
    }
}

/// The topics of PUBLISH packets, their aliases resolved, and the highest alias.
fn topics(bytes: &[u8]) -> (Vec<String>, u16) {
    let mut aliases: HashMap<TopicAlias, String> = HashMap::new();
    let mut topics = Vec::new();
    for frame in frames(bytes) {
        let Packet::Publish(publish) = packet5(&frame) else { panic!("{}", words5(&frame)) };
        let mut topic = publish.topic.as_str().to_owned();
        if let Some(Property::TopicAlias(alias)) = publish.properties.find(PropertyId::TopicAlias) {
            if topic.is_empty() {
                topic.clone_from(&aliases[&alias]);
            } else {
                aliases.insert(alias, topic.clone());
            }
        }
        topics.push(topic);
    }
    (topics, aliases.keys().map(|alias| alias.get()).max().unwrap_or(0))
}

#[test]
fn mqtt_3_1_2_26_topic_aliases_stay_within_the_clients_topic_alias_maximum() {
    for (maximum, expected) in [(1, 1), (2, 2), (3, 3), (u16::MAX, 4)] {
        let mut bench = Bench::new();
        let a = bench.client5("a", &[Property::TopicAliasMaximum(maximum)]);
        bench.subscribe5(a, "#", 0);
        let sent: Vec<_> = (0..20).map(|n| format!("topic/{}", n % 4)).collect();
        for topic in &sent {
            bench.publish(Message::new(topic, "x").unwrap());
        }
        let received = bench.received(a);
        assert_eq!(topics(&received), (sent, expected), "{}", words5(&received));
    }
}

#[test]
fn mqtt_3_1_2_27_a_client_without_topic_alias_maximum_is_sent_no_alias() {
    for properties in [&[][..], &[Property::TopicAliasMaximum(0)]] {
        let mut bench = Bench::new();
        let a = bench.client5("a", properties);
        bench.subscribe5(a, "#", 0);
        for _ in 0..3 {
            bench.publish(Message::new("a/long/topic", "x").unwrap());
            bench.got5(a, publish5("a/long/topic", "x", &[]));
        }
    }
}

#[test]
fn mqtt_4_1_0_1_a_session_is_not_ended_while_its_connection_is_open() {
    let mut bench = Bench::with(|config| config.session_expiry = Some(Duration::from_secs(1)));
    let a = bench.stayer5("a", 1, false);
    let b = bench.client5("b", &[]);
    for peer in [a, b] {
        bench.subscribe5(peer, "t", 1);
    }
    bench.ask5(a, publish5_2(9, "u", "held", &[]), pubrec5(9, 0x10, &[]));
    bench.at(1_000_000);
    bench.publish(message("x", 1));
    for peer in [a, b] {
        bench.got5(peer, publish5_1(1, "t", "x", &[]));
    }
    bench.ask5(a, pubrel5(9, 0, &[]), pubcomp5(9, 0, &[]));
    bench.quiet(&[a, b]);
}

#[test]
fn mqtt_4_1_0_2_a_session_ends_once_its_connection_is_closed_and_the_interval_has_passed() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 10, false);
    bench.subscribe5(a, "t", 1);
    bench.ask5(a, publish5_2(9, "u", "held", &[]), pubrec5(9, 0x10, &[]));
    bench.lose(a);
    // Each connection has an interval of its own.
    bench.at(10_999);
    let a = bench.stayer5("a", 3, true);
    bench.at(100_000);
    bench.lose(a);
    bench.publish(message("queued", 1));
    bench.events();
    bench.at(102_999);
    assert_eq!((bench.broker.sessions(), bench.events().len()), (1, 0));
    bench.at(103_000);
    assert_eq!(bench.events(), [BrokerEvent::SessionExpired { client_id: "a".into() }]);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (0, 0));
    // Nothing of it is left.
    let a = bench.dial(resume5("a", 10));
    bench.got5(a, accepted5(false, &[]));
    bench.ask5(a, pubrel5(9, 0, &[]), pubcomp5(9, 0x92, &[]));
    bench.publish(message("not subscribed to", 1));
    bench.quiet(&[a]);
}

#[test]
fn mqtt_4_1_0_2_a_session_whose_interval_has_passed_is_over_though_no_timeout_was_told() {
    let mut bench = Bench::new();
    for (waits, present) in [(9_999, true), (10_000, false), (10_001, false)] {
        let name = format!("after {waits} ms");
        let a = bench.stayer5(&name, 10, false);
        bench.lose(a);
        bench.now += waits;
        let a = bench.dial(resume5(&name, 10));
        bench.got5(a, accepted5(present, &[]));
    }
}

#[test]
fn mqtt_4_2_1_an_ordered_stream_of_bytes_is_all_it_takes() {
    let mut whole = Vec::new();
    for pull in [usize::MAX, 1, 7, 50] {
        let mut bench = Bench::new();
        bench.pull = pull;
        let a = bench.open();
        bench.stall(a);
        bench.send(a, connect5("a", &[Property::TopicAliasMaximum(2)], |_| ()));
        bench.send(a, subscribe5(1, &[sub5("#", 2)], &[]));
        for n in 0..6_u8 {
            let mut message = Message::new(&format!("topic/{}", n % 3), [b'0' + n; 30].to_vec());
            message.as_mut().unwrap().qos = mqtt_sansio::QoS::try_from(n % 3).unwrap();
            bench.publish(message.unwrap());
        }
        bench.resume(a);
        let received = bench.received(a);
        assert_eq!(frames(&received).len(), 8, "{}", words5(&received));
        if whole.is_empty() {
            whole.clone_from(&received);
        }
        assert!(received == whole, "pulled by {pull}:\n{}{}", words5(&received), words5(&whole));
    }
}

#[test]
fn mqtt_4_4_0_1_what_is_unfinished_is_sent_again_to_a_session_that_goes_on_and_never_else() {
    let mut bench = Bench::new();
    let mut a = bench.stayer5("a", 1000, false);
    bench.subscribe5(a, "t", 2);
    for (payload, qos) in [("1", 1), ("2", 2), ("3", 2), ("4", 0)] {
        bench.publish(message(payload, qos));
    }
    let sent = [publish5_1(1, "t", "1", &[]), publish5_2(2, "t", "2", &[])].concat();
    bench.got5(a, [sent, publish5_2(3, "t", "3", &[]), publish5("t", "4", &[])]);
    bench.ask5(a, pubrec5(2, 0, &[]), pubrel5(2, 0, &[]));
    // Not by time, and not by anything else that happens.
    bench.at(1_000_000);
    bench.ask5(a, PINGREQ, PINGRESP);
    bench.subscribe5(a, "u", 1);
    bench.publish(message("5", 0));
    bench.got5(a, publish5("t", "5", &[]));
    let again =
        [dup(publish5_1(1, "t", "1", &[])), pubrel5(2, 0, &[]), dup(publish5_2(3, "t", "3", &[]))];
    for lost in [true, false, true] {
        if lost {
            bench.lose(a);
        }
        a = bench.dial(resume5("a", 1000));
        bench.got5(a, [accepted5(true, &[]), again.concat()]);
    }
    bench.send(a, puback5(1, 0, &[]));
    bench.ask5(a, pubrec5(3, 0, &[]), pubrel5(3, 0, &[]));
    bench.send(a, pubcomp5(2, 0, &[]));
    bench.lose(a);
    let a = bench.dial(resume5("a", 1000));
    bench.got5(a, [accepted5(true, &[]), pubrel5(3, 0, &[])]);
    bench.send(a, pubcomp5(3, 0, &[]));
    // Nor after a clean start.
    bench.publish(message("6", 1));
    bench.got5(a, publish5_1(4, "t", "6", &[]));
    let a = bench.dial(connect5("a", &[], |_| ()));
    bench.got5(a, accepted5(false, &[]));
}

#[test]
fn mqtt_4_4_0_2_a_refused_message_is_acknowledged_and_not_sent_again() {
    for code in [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] {
        for qos in [1, 2] {
            if (qos, code) == (2, 0) {
                continue;
            }
            let mut bench = Bench::new();
            let properties = [receive_maximum(1), Property::SessionExpiryInterval(1000)];
            let connect = || connect5("a", &properties, |connect| connect.clean_start = false);
            let a = bench.dial(connect());
            bench.connack5(a, false);
            bench.subscribe5(a, "t", 2);
            bench.publish(message("refused", qos));
            bench.publish(message("next", qos));
            let (first, answer, next) = if qos == 1 {
                let next = publish5_1(2, "t", "next", &[]);
                (publish5_1(1, "t", "refused", &[]), puback5(1, code, &[]), next)
            } else {
                let next = publish5_2(2, "t", "next", &[]);
                (publish5_2(1, "t", "refused", &[]), pubrec5(1, code, &[]), next)
            };
            bench.got5(a, first);
            // No PUBREL, and room for the next message at once.
            bench.ask5(a, answer, next.clone());
            bench.lose(a);
            let a = bench.dial(connect());
            bench.got5(a, [accepted5(true, &[]), dup(next)]);
        }
    }
}

#[test]
fn mqtt_6_0_0_2_packets_may_come_in_any_pieces() {
    let alias = |name, payload| publish5(name, payload, &[crate::wire5::topic_alias(1)]);
    let stream = [
        connect5("b", &[receive_maximum(5)], |_| ()),
        subscribe5(1, &[sub5("t", 2)], &[]),
        publish5_2(1, "t", "two", &[]),
        pubrel5(1, 0, &[]),
        publish5_1(2, "t", "one", &[]),
        alias("t", "alias"),
        alias("", "again"),
        vec![0xC0, 0],
        disconnect5(0x04, &[]),
    ]
    .concat();
    let mut first = Vec::new();
    for size in (1..=stream.len()).rev() {
        let mut bench = Bench::new();
        let a = bench.client5("a", &[]);
        bench.subscribe5(a, "t", 2);
        let b = bench.open();
        for piece in stream.chunks(size) {
            bench.send(b, piece);
        }
        bench.connack5(b, false);
        let code = mqtt_sansio::ReasonCode::DisconnectWithWillMessage;
        bench.is_closed(b, CloseReason::DisconnectedWith(code));
        let received = bench.received(a);
        if first.is_empty() {
            first.clone_from(&received);
            assert_eq!(payloads5(&first), ["two", "one", "alias", "again"]);
        }
        assert!(received == first, "pieces of {size}:\n{}", words5(&received));
    }
}
