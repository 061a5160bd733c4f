//! What has broken other brokers of 5.0, one test each.

use mqtt_sansio::{ClientFault, CloseReason, Permissions, Property, ReasonCode, Version};

use super::{message, subscribed, subscriber};
use crate::bench::{Bench, Peer, ms};
use crate::wire::{DISCONNECT, PINGREQ, PINGRESP, dup, hex, publish, retained, unhex};
use crate::wire5::{
    connect5, disconnect5, payloads5, puback5, pubcomp5, publish5, publish5_1, publish5_2, pubrec5,
    pubrel5, receive_maximum, resume5, sub5, suback5, subscribe5, subscription_identifier,
    topic_alias, unsuback5, unsubscribe5, user, will5,
};

/// Asserts that a client which sends this after CONNACK is told that code, and that nobody gets anything.
#[track_caller]
fn faulty(bytes: &str, code: u8) {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "#", 0);
    let a = bench.client5("a", &[]);
    bench.send(a, [unhex(bytes), publish5("t", "next", &[])]);
    let reason = bench.ended5_by_fault(a, code);
    assert!(matches!(reason, CloseReason::ClientFault(_)), "{bytes}: {reason}");
    bench.quiet(&[heir]);
}

#[test]
fn a_length_that_runs_past_its_packet_reads_nothing_of_the_next() {
    for bytes in [
        "3004 0005 7461",          // the topic
        "3005 0001 74 01 00",      // the properties
        "3004 0001 74 05",         // their length
        "3207 0001 74 0001 05 00", // and behind an identifier
        "8206 0001 00 0009 74",
        "8207 0001 00 0002 74 00",
        "a206 0001 00 0002 74",
        "3008 0001 74 04 08 0009 72", // a string in a property
        "3001 00",
        "3000",
        "4001 00",
    ] {
        faulty(bytes, 0x81);
    }
}

#[test]
fn a_body_of_pingreq_is_not_the_next_packet() {
    for bytes in ["c002 c000", "c006 3004 0001 7478"] {
        faulty(bytes, 0x81);
    }
}

#[test]
fn a_body_of_disconnect_is_its_code() {
    // 0xC0 is no code of a DISCONNECT, nor what follows it a packet.
    faulty("e002 c000", 0x82);
}

#[test]
fn a_header_of_256_mib_is_refused_at_once() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.send(a, "30ffffff7f");
    bench.ended5_by_fault(a, 0x95);
    let b = bench.dial("10ffffff7f");
    bench.got(b, "");
    assert!(bench.reason(b).is_some());
}

#[test]
fn lengths_of_more_bytes_than_needed_are_malformed() {
    for bytes in ["c08000", "c08080808000", "3006 0001 74 8000 78", "308480808000 0001 7400"] {
        faulty(bytes, 0x81);
    }
}

#[test]
fn two_packets_in_one_read_and_one_in_many() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "#", 0);
    let a = bench.client5("a", &[]);
    let packet = publish5("t", "x", &[user("k", "v"), Property::ContentType("c")]);
    bench.send(a, [packet.clone(), packet.clone()]);
    for byte in &packet {
        bench.send(a, &[*byte][..]);
    }
    bench.got5(heir, [packet.clone(), packet.clone(), packet]);
}

#[test]
fn a_byte_order_mark_and_control_characters_are_passed_on_unchanged() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "#", 0);
    for name in ["\u{feff}t", "\u{1}", "\u{1f}/\u{7f}", "\u{9f}", "\u{ffff}"] {
        let packet = publish5(name, name, &[user(name, name), Property::ContentType(name)]);
        bench.ask5(a, packet.clone(), packet);
    }
}

#[test]
fn ill_formed_strings_are_malformed_wherever_they_stand() {
    for bytes in [
        "3005 0002 c080 00",
        "3006 0003 eda080 00",
        "3004 0001 00 00",
        "3009 0001 74 04 03 0001 ff 78",
        "300b 0001 74 07 26 0001 00 0001 78",
    ] {
        faulty(bytes, 0x81);
    }
}

#[test]
fn a_topic_that_begins_with_a_character_of_two_bytes_is_no_dollar_topic() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "#", 0);
    let b = subscriber(&mut bench, "b", "+", 0);
    bench.ask5(a, publish5("é", "x", &[]), publish5("é", "x", &[]));
    bench.got5(b, publish5("é", "x", &[]));
}

#[test]
fn dollar_topics_do_not_match_a_shared_wildcard_either() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    subscribed(&mut bench, a, &[sub5("$share/g/#", 0), sub5("$share/g/+/x", 0)]);
    bench.publish(message("$x/x", "x", 0));
    bench.quiet(&[a]);
    subscribed(&mut bench, a, &[sub5("$share/g/$x/#", 0)]);
    bench.publish(message("$x/x", "x", 0));
    bench.got5(a, publish5("$x/x", "x", &[]));
}

#[test]
fn subscribe_with_qos_3_or_reserved_bits_or_no_filter_is_at_fault() {
    for (bytes, code) in [
        ("8207 0001 00 0001 74 03", 0x82),
        ("8207 0001 00 0001 74 30", 0x82),
        ("8207 0001 00 0001 74 40", 0x81),
        ("8207 0001 00 0001 74 80", 0x81),
        ("8203 0001 00", 0x82),
    ] {
        faulty(bytes, code);
    }
}

#[test]
fn a_password_without_user_name_is_legal() {
    let mut bench = Bench::new();
    let a = bench.dial(connect5("a", &[], |connect| connect.password = Some(b"secret")));
    bench.connack5(a, false);
}

#[test]
fn the_first_acknowledgement_after_a_resumed_session_opens_the_window_by_one() {
    let mut bench = Bench::new();
    let two = [receive_maximum(2), Property::SessionExpiryInterval(100)];
    let a = bench.client5("a", &two);
    subscribed(&mut bench, a, &[sub5("t", 1)]);
    for payload in ["1", "2", "3", "4"] {
        bench.publish(message("t", payload, 1));
    }
    bench.lose(a);
    let a = bench.dial(connect5("a", &two, |connect| connect.clean_start = false));
    bench.connack5(a, true);
    bench.got5(a, [publish5_1(1, "t", "1", &[]), publish5_1(2, "t", "2", &[])].map(dup));
    bench.ask5(a, puback5(1, 0, &[]), publish5_1(3, "t", "3", &[]));
    bench.ask5(a, puback5(1, 0, &[]), "");
    bench.ask5(a, puback5(2, 0, &[]), publish5_1(4, "t", "4", &[]));
}

#[test]
fn a_qos_2_duplicate_is_delivered_once_before_and_after_reconnect() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "t", 0);
    let a = bench.stayer5("a", 100, false);
    let first = publish5_2(7, "t", "x", &[]);
    bench.ask5(a, first.clone(), pubrec5(7, 0, &[]));
    bench.ask5(a, dup(first.clone()), pubrec5(7, 0, &[]));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.ask5(a, dup(first.clone()), pubrec5(7, 0, &[]));
    bench.ask5(a, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.ask5(a, pubrel5(7, 0, &[]), pubcomp5(7, 0x92, &[]));
    bench.got5(heir, publish5("t", "x", &[]));
    // After PUBCOMP the identifier is another message, whatever its DUP flag says.
    bench.ask5(a, dup(first), pubrec5(7, 0, &[]));
    bench.ask5(a, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.got5(heir, publish5("t", "x", &[]));
}

#[test]
fn the_same_identifier_at_both_qos_is_two_exchanges() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "t", 0);
    let a = bench.stayer5("a", 100, false);
    bench.ask5(a, publish5_2(7, "t", "two", &[]), pubrec5(7, 0, &[]));
    bench.ask5(a, publish5_1(7, "t", "one", &[]), puback5(7, 0, &[]));
    bench.got5(heir, publish5("t", "one", &[]));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.ask5(a, publish5_1(7, "t", "one", &[]), puback5(7, 0, &[]));
    bench.ask5(a, pubrel5(7, 0, &[]), pubcomp5(7, 0, &[]));
    bench.got5(heir, [publish5("t", "one", &[]), publish5("t", "two", &[])]);
}

#[test]
fn a_pubrec_with_an_error_frees_the_quota_and_a_success_does_not() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[receive_maximum(1)]);
    subscribed(&mut bench, a, &[sub5("t", 2)]);
    for payload in ["1", "2", "3"] {
        bench.publish(message("t", payload, 2));
    }
    bench.got5(a, publish5_2(1, "t", "1", &[]));
    bench.ask5(a, pubrec5(1, 0x83, &[]), publish5_2(2, "t", "2", &[]));
    bench.ask5(a, pubrec5(2, 0, &[]), pubrel5(2, 0, &[]));
    bench.ask5(a, pubcomp5(2, 0, &[]), publish5_2(3, "t", "3", &[]));
}

#[test]
fn what_is_sent_again_keeps_identifier_order_and_phase() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("t", 2)]);
    for (payload, qos) in [("1", 2), ("2", 1), ("3", 2), ("4", 1)] {
        bench.publish(message("t", payload, qos));
    }
    let sent = [
        publish5_2(1, "t", "1", &[]),
        publish5_1(2, "t", "2", &[]),
        publish5_2(3, "t", "3", &[]),
        publish5_1(4, "t", "4", &[]),
    ];
    bench.got5(a, sent.clone());
    bench.ask5(a, pubrec5(3, 0, &[]), pubrel5(3, 0, &[]));
    bench.ask5(a, puback5(2, 0, &[]), "");
    bench.lose(a);
    bench.publish(message("t", "5", 1));
    let a = bench.stayer5("a", 100, true);
    let [one, _, _, four] = sent;
    let next = publish5_1(5, "t", "5", &[]);
    bench.got5(a, [dup(one), pubrel5(3, 0, &[]), dup(four), next]);
}

#[test]
fn keep_alive_0_means_none() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.at(1_000_000_000);
    bench.quiet(&[a]);
    bench.ask(a, PINGREQ, PINGRESP);
}

#[test]
fn an_empty_payload_deletes_what_is_retained_only_with_the_flag_and_is_forwarded() {
    let mut bench = Bench::new();
    let heir = subscriber(&mut bench, "heir", "t", 0);
    let a = bench.client5("a", &[]);
    bench.send(a, retained(publish5("t", "x", &[])));
    bench.send(a, publish5("t", "", &[]));
    assert_eq!(bench.broker.router().retained_messages(), 1);
    bench.send(a, retained(publish5("t", "", &[])));
    assert_eq!(bench.broker.router().retained_messages(), 0);
    let received = bench.received(heir);
    assert_eq!(payloads5(&received), ["x", "", ""]);
}

#[test]
fn the_qos_is_the_lower_of_the_two_also_for_what_waits() {
    for (published, granted) in [(0, 2), (1, 2), (2, 1), (2, 2), (1, 1)] {
        let mut bench = Bench::new();
        let a = bench.stayer5("a", 100, false);
        subscribed(&mut bench, a, &[sub5("t", granted)]);
        bench.lose(a);
        bench.publish(message("t", "x", published));
        let a = bench.stayer5("a", 100, true);
        match published.min(granted) {
            0 => bench.quiet(&[a]),
            1 => bench.got5(a, publish5_1(1, "t", "x", &[])),
            _ => bench.got5(a, publish5_2(1, "t", "x", &[])),
        }
    }
}

#[test]
fn overlapping_subscriptions_give_one_copy_with_all_identifiers() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    for (id, filter, qos, identifier) in
        [(1, "t/#", 0, 1), (2, "t/+", 2, 2), (3, "#", 1, 2), (4, "t/x", 1, 0)]
    {
        let with = [subscription_identifier(identifier.max(1))];
        let with = if identifier > 0 { &with[..] } else { &[] };
        bench.ask5(a, subscribe5(id, &[sub5(filter, qos)], with), suback5(id, &[qos], &[]));
    }
    bench.publish(message("t/x", "x", 2));
    let received = bench.received(a);
    let mqtt_sansio::Packet::Publish(publish) = crate::wire5::packet5(&received) else {
        panic!("{}", hex(&received));
    };
    let mut identifiers: Vec<_> =
        publish.properties.subscription_identifiers().map(|identifier| identifier.get()).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    assert_eq!((u8::from(publish.delivery.qos()), identifiers), (2, vec![1, 2]));
}

#[test]
fn a_filter_and_the_same_one_shared_are_two_subscriptions() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    subscribed(&mut bench, a, &[sub5("t", 0), sub5("$share/g/t", 0)]);
    assert_eq!(bench.broker.router().subscriptions(), 2);
    bench.publish(message("t", "x", 0));
    bench.got5(a, [publish5("t", "x", &[]), publish5("t", "x", &[])]);
    bench.ask5(a, unsubscribe5(2, &["t"], &[]), unsuback5(2, &[0], &[]));
    bench.publish(message("t", "y", 0));
    bench.got5(a, publish5("t", "y", &[]));
}

#[test]
fn the_new_session_survives_the_clean_up_of_the_old_connection() {
    let mut bench = Bench::new();
    let old = bench.client5("a", &[]);
    bench.stall(old);
    let new = bench.stayer5("a", 100, false);
    subscribed(&mut bench, new, &[sub5("t", 1)]);
    bench.lose(old);
    bench.at(60_000);
    bench.publish(message("t", "x", 1));
    bench.got5(new, publish5_1(1, "t", "x", &[]));
    bench.is_open(new);
}

#[test]
fn a_will_comes_when_it_must_and_obeys_the_permissions_of_its_client() {
    for (bytes, comes) in [
        (DISCONNECT.to_owned(), false),
        (hex(&disconnect5(0x04, &[])), true),
        ("f000".to_owned(), true),
        ("c001 00".to_owned(), true),
    ] {
        for allowed in [true, false] {
            let mut bench = Bench::new();
            bench.answer_with(move |request| {
                let silent = request.client_id == "a" && !allowed;
                let access = mqtt_sansio::Access::Publish;
                let will = mqtt_sansio::Filter::new("w").unwrap();
                let all = Permissions::all();
                crate::bench::Answer::Accept(if silent { all.deny(access, will) } else { all })
            });
            let heir = subscriber(&mut bench, "heir", "w", 0);
            let a = bench.dial(connect5("a", &[], |connect| {
                connect.will = Some(will5("gone", 0, &[]));
            }));
            bench.connack5(a, false);
            bench.send(a, &*bytes);
            let will = if comes && allowed { publish5("w", "gone", &[]) } else { Vec::new() };
            bench.got5(heir, will);
        }
    }
}

#[test]
fn a_clean_start_discards_the_subscriptions_of_the_old_session() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("t", 1), sub5("$share/g/t", 1)]);
    bench.lose(a);
    let a = bench.client5("a", &[]);
    assert_eq!(bench.broker.router().subscriptions(), 0);
    bench.publish(message("t", "x", 1));
    bench.quiet(&[a]);
}

#[test]
fn an_empty_client_identifier_is_replaced_and_told() {
    let mut bench = Bench::new();
    for clean_start in [true, false] {
        let a = bench.dial(connect5("", &[], |connect| connect.clean_start = clean_start));
        let connack = bench.connack5(a, false);
        let name = connack.assigned_client_identifier().unwrap();
        assert_eq!(bench.broker.connection(name), Some(bench.id(a)));
    }
}

#[test]
fn restored_messages_keep_their_identifiers_before_new_ones_are_given_out() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("t", 2)]);
    bench.publish(message("t", "1", 2));
    bench.publish(message("t", "2", 1));
    bench.received(a);
    bench.lose(a);
    bench.publish(message("t", "3", 1));
    let a = bench.stayer5("a", 100, true);
    let again = [publish5_2(1, "t", "1", &[]), publish5_1(2, "t", "2", &[])].map(dup).concat();
    bench.got5(a, [again, publish5_1(3, "t", "3", &[])]);
}

#[test]
fn a_slow_subscriber_delays_nobody_and_is_bounded() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 10);
    let slow = subscriber(&mut bench, "slow", "#", 1);
    let quick = subscriber(&mut bench, "quick", "#", 1);
    bench.stall(slow);
    for id in 1..=100 {
        bench.publish(message("t", "x", 1));
        bench.got5(quick, publish5_1(id, "t", "x", &[]));
        bench.ask5(quick, puback5(id, 0, &[]), "");
    }
    bench.resume(slow);
    let received = bench.received(slow);
    assert_eq!(payloads5(&received).len(), 10);
    assert_eq!(bench.broker.statistics().publish_dropped, 90);
}

#[test]
fn a_second_connect_and_anything_before_connect_close_the_connection() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.send(a, connect5("b", &[], |_| ()));
    bench.ended5(a, 0x82, ClientFault::SecondConnect);
    for bytes in ["c000", "e000", "f000", "2003000000", "3004 0001 7400"] {
        let b = bench.dial(bytes);
        bench.got(b, "");
        bench.is_closed(b, ClientFault::NotConnect(unhex(bytes)[0]));
    }
}

#[test]
fn nothing_is_sent_after_disconnect() {
    let mut bench = Bench::new();
    let a = subscriber(&mut bench, "a", "t", 0);
    bench.stall(a);
    bench.publish(message("t", "waits", 0));
    bench.send(a, PINGREQ);
    let (now, id) = (ms(bench.now), bench.id(a));
    assert_eq!(bench.broker.disconnect_with(now, id, ReasonCode::ServerBusy, &[]), Ok(()));
    bench.drive();
    bench.publish(message("t", "late", 0));
    bench.resume(a);
    let received = bench.received(a);
    // What was to be answered still is; messages are not.
    let Some(rest) = received.strip_prefix(&unhex(PINGRESP)[..]) else {
        panic!("{}", hex(&received));
    };
    assert!(matches!(rest, [0xe0, length, 0x89, ..] if usize::from(*length) + 2 == rest.len()));
}

#[test]
fn a_version_that_is_unknown_is_told_so() {
    let mut bench = Bench::new();
    let a = bench.dial("100e 0004 4d515454 06 02 003c 00 0001 63");
    bench.got(a, "20020001");
    for version in [Version::V3_1_1, Version::V5_0] {
        let peer: Peer = match version {
            Version::V5_0 => bench.dial(resume5("a", 0)),
            _ => bench.client("b"),
        };
        bench.is_open(peer);
    }
}

#[test]
fn an_alias_of_a_client_does_not_reach_subscribers() {
    let mut bench = Bench::new();
    let v5 = subscriber(&mut bench, "v5", "#", 0);
    let a = bench.client5("a", &[]);
    bench.send(a, publish5("long/topic", "x", &[topic_alias(3), user("k", "v")]));
    bench.got5(v5, publish5("long/topic", "x", &[user("k", "v")]));
    let old = bench.client("old");
    bench.ask(old, crate::wire::subscribe(1, &[("#", 0)]), crate::wire::suback(1, &[0]));
    bench.send(a, publish5("", "y", &[topic_alias(3)]));
    bench.got(old, publish("long/topic", "y"));
}
