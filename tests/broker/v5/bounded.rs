//! What clients can cost: each limit holds, and no call does more than its share.

use mqtt_sansio::{BrokerOutput, ClientFault, Message, Property, PropertyId, Subscription};

use super::shared::{GROUP, got, member};
use super::{message, message_with, reason_string, subscribed, subscriber};
use crate::bench::{Bench, Peer, ms};
use crate::wire::{dup, publish1, publish2, retained, suback, subscribe};
use crate::wire5::{
    connect5, maximum_packet_size, payloads5, puback5, pubcomp5, publish5, publish5_1, publish5_2,
    pubrec5, pubrel5, receive_maximum, sub5, suback5, subscribe5, subscription_identifier,
    topic_alias, unsuback5, unsubscribe5, user, will5,
};

fn dropped(bench: &Bench) -> u64 {
    bench.broker.statistics().publish_dropped
}

/// A message of the program's, retained.
fn kept(name: &str, payload: &str) -> Message {
    let mut message = message(name, payload, 0);
    message.retain = true;
    message
}

/// A User Property that takes so many bytes.
fn user_property(text: &str, size: usize) -> Property<'_> {
    user("", &text[..size - 5])
}

#[test]
fn properties_up_to_the_limit_are_taken_and_more_are_refused() {
    let text = "x".repeat(100);
    let mut bench = Bench::with(|config| config.max_properties_size = 50);
    let a = bench.client5("a", &[]);
    let b = subscriber(&mut bench, "b", "t", 0);
    let fits = [user_property(&text, 30), user_property(&text, 20)];
    let large = [user_property(&text, 30), user_property(&text, 21)];
    let reason = [Property::ReasonString("the message has too many properties")];
    bench.ask5(a, publish5("t", "0", &large), "");
    bench.ask5(a, publish5_1(1, "t", "1", &large), puback5(1, 0x97, &reason));
    bench.ask5(a, publish5_2(2, "t", "2", &large), pubrec5(2, 0x97, &reason));
    // It is not held.
    bench.ask5(a, pubrel5(2, 0, &[]), pubcomp5(2, 0x92, &[]));
    assert_eq!(bench.broker.statistics().publish_rejected, 3);
    bench.quiet(&[b]);
    // An alias is none of the message's.
    let with = [fits[0], fits[1], topic_alias(1)];
    bench.ask5(a, publish5_1(1, "t", "1", &with), puback5(1, 0, &[]));
    bench.got5(b, publish5("t", "1", &fits));
}

#[test]
fn a_will_with_too_many_properties_is_not_published() {
    let text = "x".repeat(100);
    let mut bench = Bench::with(|config| config.max_properties_size = 50);
    let b = subscriber(&mut bench, "b", "w", 0);
    for (size, comes) in [(51, false), (50, true)] {
        let properties = [user_property(&text, size)];
        let a = bench.dial(connect5("a", &[], |connect| {
            connect.will = Some(will5("bye", 0, &properties));
        }));
        bench.connack5(a, false);
        bench.lose(a);
        bench.got5(b, if comes { publish5("w", "bye", &properties) } else { Vec::new() });
    }
    assert_eq!(bench.broker.statistics().publish_rejected, 1);
}

#[test]
fn what_the_program_publishes_may_have_any_properties() {
    let text = "x".repeat(100);
    let mut bench = Bench::with(|config| config.max_properties_size = 0);
    let b = subscriber(&mut bench, "b", "t", 0);
    let properties = [user("k", &text)];
    bench.publish(message_with("t", "x", 0, &properties));
    bench.got5(b, publish5("t", "x", &properties));
}

#[test]
fn a_client_has_so_many_shared_subscriptions_and_others_beside() {
    let mut bench = Bench::with(|config| config.router.max_shared_subscriptions = 2);
    let a = bench.client5("a", &[]);
    let wanted = ["$share/1/t", "$share/2/t", "$share/3/t", "t"].map(|filter| sub5(filter, 1));
    bench.send(a, subscribe5(1, &wanted, &[]));
    let answer = bench.received(a);
    let reason = reason_string(&answer).expect("a reason");
    bench.unread(a, &answer);
    bench.got5(a, suback5(1, &[1, 1, 0x97, 1], &[Property::ReasonString(&reason)]));
    // One that is there is replaced, and one that goes makes room; another client has its own.
    bench.ask5(a, subscribe5(2, &[sub5("$share/1/t", 0)], &[]), suback5(2, &[0], &[]));
    bench.ask5(a, unsubscribe5(3, &["$share/1/t"], &[]), unsuback5(3, &[0], &[]));
    bench.ask5(a, subscribe5(4, &wanted[2..3], &[]), suback5(4, &[1], &[]));
    let b = bench.client5("b", &[]);
    bench.ask5(b, subscribe5(1, &wanted[..2], &[]), suback5(1, &[1, 1], &[]));
}

#[test]
fn a_client_has_100_shared_subscriptions_by_default() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let filters: Vec<String> = (0..101).map(|n| format!("$share/{n}/t")).collect();
    let wanted: Vec<_> = filters.iter().map(|filter| sub5(filter, 0)).collect();
    bench.send(a, subscribe5(1, &wanted, &[]));
    let answer = bench.received(a);
    let mut codes = vec![0; 100];
    codes.push(0x97);
    let reason = reason_string(&answer).expect("a reason");
    bench.unread(a, &answer);
    bench.got5(a, suback5(1, &codes, &[Property::ReasonString(&reason)]));
    // Before 5.0 nothing is shared: such a filter is like others.
    let old = bench.client("old");
    let wanted: Vec<_> = filters.iter().map(|filter| (filter.as_str(), 0)).collect();
    bench.ask(old, subscribe(1, &wanted), suback(1, &[0; 101]));
}

#[test]
fn a_share_name_counts_for_the_length_of_a_filter() {
    let mut bench = Bench::with(|config| config.max_topic_length = 20);
    let a = bench.client5("a", &[]);
    let reason = [Property::ReasonString("the topic filter is too long")];
    for (filter, code) in [("$share/01234567890/t", 0), ("$share/012345678901/t", 0x8F)] {
        let with = if code == 0 { &[][..] } else { &reason };
        bench.ask5(a, subscribe5(1, &[sub5(filter, 0)], &[]), suback5(1, &[code], with));
    }
    assert_eq!(bench.broker.router().shared_subscriptions(), 1);
}

/// Loses a member of a group that has so many messages of 600 bytes at that QoS, and then a small one, while another
/// has room for that one alone: whether the other gets it.
fn is_small_one_handed_on(bench: &mut Bench, large: usize, qos: u8, expiry: u32) -> bool {
    let a = member(bench, "a", 1, expiry);
    bench.stall(a);
    for _ in 0..large {
        bench.publish(message("t", &"x".repeat(599), qos));
    }
    bench.publish(message("t", "small", 1));
    let b = member(bench, "b", 1, expiry);
    subscribed(bench, b, &[sub5("u", 1)]);
    bench.stall(b);
    let filling = "u".repeat(9499);
    bench.publish(message("u", &filling, 1));
    bench.lose(a);
    bench.resume(b);
    let taken = got(bench, b);
    assert_eq!(taken[0], filling);
    assert!(taken[1..].iter().all(|payload| payload == "small"), "{taken:?}");
    taken.len() == 2
}

#[test]
fn a_group_that_refuses_16_messages_of_a_lost_member_is_asked_about_no_more() {
    for (large, comes) in [(1, true), (15, true), (16, false)] {
        for expiry in [100, 0] {
            let mut bench = Bench::with(|config| config.session.max_queued_bytes = 10_000);
            let handed_on = is_small_one_handed_on(&mut bench, large, 1, expiry);
            assert_eq!(
                handed_on, comes,
                "{large} were too large, and the session stays {expiry} s"
            );
            if expiry == 0 {
                continue;
            }
            // The rest has stayed with its session.
            let a = bench.stayer5("a", 100, true);
            assert_eq!(got(&mut bench, a).len(), large + usize::from(!comes));
        }
    }
}

#[test]
fn messages_of_qos_0_that_a_group_refuses_do_not_keep_the_others() {
    let mut bench = Bench::with(|config| config.session.max_queued_bytes = 10_000);
    assert!(is_small_one_handed_on(&mut bench, 16, 0, 100));
}

#[test]
fn a_group_that_refuses_does_not_keep_what_is_for_another() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[Property::SessionExpiryInterval(100)]);
    subscribed(&mut bench, a, &[sub5("$share/lonely/u", 1), sub5(GROUP, 1)]);
    bench.stall(a);
    for n in 0..30 {
        bench.publish(message("u", &n.to_string(), 1));
    }
    bench.publish(message("t", "for all", 1));
    let b = member(&mut bench, "b", 1, 100);
    bench.lose(a);
    assert_eq!(got(&mut bench, b), ["for all"]);
    let a = bench.stayer5("a", 100, true);
    let wanted: Vec<_> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(got(&mut bench, a), wanted, "as many as may be in flight");
}

#[test]
fn a_message_of_a_group_has_room_where_what_waits_has_expired() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 2);
    let a = member(&mut bench, "a", 1, 100);
    bench.stall(a);
    for payload in ["1", "2"] {
        bench.publish(message_with("t", payload, 1, &[Property::MessageExpiryInterval(1)]));
    }
    bench.at(2000);
    bench.publish(message("t", "3", 1));
    bench.resume(a);
    assert_eq!(got(&mut bench, a), ["3"]);
    assert_eq!(dropped(&bench), 2);
}

#[test]
fn a_full_queue_is_looked_through_for_expired_messages_once_a_second() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 3);
    let a = subscriber(&mut bench, "a", "t", 1);
    bench.stall(a);
    let second = [Property::MessageExpiryInterval(1)];
    bench.publish(message("t", "first", 1));
    bench.publish(message_with("t", "until 2.0", 1, &second));
    bench.at(1500);
    bench.publish(message_with("t", "until 2.5", 1, &second));
    for (now, payload) in [(1999, "no"), (2000, "yes"), (2500, "no"), (2999, "no"), (3000, "again")]
    {
        bench.at(now);
        bench.publish(message("t", payload, 1));
    }
    bench.resume(a);
    assert_eq!(payloads5(&bench.received(a)), ["first", "yes", "again"]);
    assert_eq!(dropped(&bench), 5);
}

#[test]
fn what_has_expired_at_the_front_of_a_full_queue_makes_room_at_once() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 3);
    let a = subscriber(&mut bench, "a", "t", 1);
    bench.stall(a);
    for now in [1000, 1200, 1400, 2000, 2200, 2400] {
        bench.at(now);
        let second = [Property::MessageExpiryInterval(1)];
        bench.publish(message_with("t", &now.to_string(), 1, &second));
    }
    bench.resume(a);
    assert_eq!(payloads5(&bench.received(a)), ["2000", "2200", "2400"]);
    assert_eq!(dropped(&bench), 3);
}

#[test]
fn what_made_room_counts_as_dropped_also_where_the_session_ends() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 1);
    let a = subscriber(&mut bench, "a", "t", 1);
    bench.stall(a);
    bench.publish(message_with("t", "1", 1, &[Property::MessageExpiryInterval(1)]));
    bench.at(2000);
    bench.publish(message("t", "2", 1));
    bench.lose(a);
    assert_eq!((dropped(&bench), bench.broker.sessions()), (1, 0));
}

#[test]
fn identifiers_count_for_the_bytes_that_wait() {
    let filters = ["t/tttttt", "t/+", "t/#", "+/tttttt", "+/+", "+/#", "#"];
    for (identifiers, taken) in [(0, 10), (1, 7), (7, 2)] {
        let mut bench = Bench::with(|config| config.session.max_queued_bytes = 100);
        let a = bench.client5("a", &[]);
        for (n, filter) in (1..).zip(&filters[..identifiers.max(1)]) {
            let with = [subscription_identifier(n)];
            let with = if identifiers == 0 { &[][..] } else { &with };
            bench.ask5(a, subscribe5(1, &[sub5(filter, 1)], with), suback5(1, &[1], &[]));
        }
        bench.stall(a);
        // Ten bytes of topic and payload each.
        for _ in 0..10 {
            bench.publish(message("t/tttttt", "xx", 1));
        }
        bench.resume(a);
        assert_eq!(payloads5(&bench.received(a)).len(), taken, "{identifiers}");
    }
}

/// Pulls for a connection that is stalled until nothing more is announced: of each pull the bytes and how many
/// messages were dropped in it.
fn pulls(bench: &mut Bench, peer: Peer) -> Vec<(Vec<u8>, u64)> {
    let mut pulls = Vec::new();
    loop {
        match bench.broker.poll_output() {
            BrokerOutput::Transmit(id) => {
                assert_eq!(id, bench.id(peer));
                let (mut out, before) = (Vec::new(), dropped(bench));
                bench.broker.poll_transmit(ms(bench.now), id, &mut out, 65_536);
                pulls.push((out.concat(), dropped(bench) - before));
            }
            BrokerOutput::Wait(Some(at)) if at <= ms(bench.now) => {
                bench.broker.handle_timeout(at);
            }
            BrokerOutput::Wait(_) => return pulls,
            other => panic!("{other:?}"),
        }
    }
}

/// What the connection says comes, and only then its client is given turns.
fn pulls_after(bench: &mut Bench, peer: Peer, bytes: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let id = bench.id(peer);
    bench.broker.handle_input(ms(bench.now), id, bytes);
    pulls(bench, peer)
}

#[test]
fn retained_messages_all_too_large_hand_the_turn_on_after_100() {
    let mut bench = Bench::new();
    let large = "x".repeat(100);
    for n in 100..450 {
        bench.publish(kept(&format!("r/{n}"), &large));
    }
    bench.publish(kept("z", "small"));
    let a = bench.client5("a", &[maximum_packet_size(60)]);
    let pulls = pulls_after(&mut bench, a, &subscribe5(1, &[sub5("#", 0)], &[]));
    let small = retained(publish5("z", "small", &[]));
    let wanted = [(suback5(1, &[0], &[]), 100), (vec![], 100), (vec![], 100), (small, 50)];
    assert_eq!(pulls, wanted);
}

#[test]
fn messages_all_too_large_hand_the_turn_on_after_100() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[maximum_packet_size(60)]);
    subscribed(&mut bench, a, &[sub5("t", 1)]);
    bench.stall(a);
    for _ in 0..250 {
        bench.broker.publish(ms(1000), message("t", &"x".repeat(100), 1)).unwrap();
    }
    bench.broker.publish(ms(1000), message("t", "small", 1)).unwrap();
    let small = publish5_1(1, "t", "small", &[]);
    assert_eq!(pulls(&mut bench, a), [(vec![], 100), (vec![], 100), (small, 50)]);
}

#[test]
fn another_client_has_its_turn_between_two_pulls_of_one_that_takes_nothing() {
    let mut bench = Bench::new();
    for n in 0..150 {
        bench.publish(kept(&format!("r/{n}"), &"x".repeat(100)));
    }
    let a = bench.client5("a", &[maximum_packet_size(60)]);
    let b = bench.client5("b", &[]);
    let (a_id, b_id) = (bench.id(a), bench.id(b));
    bench.broker.handle_input(ms(1000), a_id, &subscribe5(1, &[sub5("#", 0)], &[]));
    bench.broker.handle_input(ms(1000), b_id, &[0xC0, 0]);
    let mut turns = Vec::new();
    loop {
        match bench.broker.poll_output() {
            BrokerOutput::Transmit(id) => {
                bench.broker.poll_transmit(ms(1000), id, &mut Vec::new(), 65_536);
                turns.push(if id == a_id { "a" } else { "b" });
            }
            BrokerOutput::Wait(Some(at)) if at <= ms(1000) => {
                turns.push("driver");
                bench.broker.handle_timeout(at);
            }
            BrokerOutput::Wait(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(turns, ["a", "b", "driver", "a"]);
}

/// A client that has retained so many messages, of which it wants none back.
fn with_own_messages(count: usize, name: impl Fn(usize) -> String) -> (Bench, Peer) {
    let mut bench = Bench::new();
    bench.checked = false;
    let a = bench.client5("a", &[]);
    for n in 0..count {
        bench.send(a, retained(publish5(&name(n), "x", &[])));
    }
    (bench, a)
}

#[test]
fn the_searches_of_one_pull_look_at_100_topics_in_all() {
    let (mut bench, a) = with_own_messages(50, |n| format!("r/{n:02}"));
    let own = Subscription { no_local: true, ..sub5("r/+", 0) };
    let cursors = 1000;
    let bytes = subscribe5(1, &vec![own; cursors], &[]);
    let pulls = pulls_after(&mut bench, a, &bytes);
    // Each cursor has 50 topics to look at.
    // The last finds that there are no more.
    assert_eq!(pulls.len(), 501);
    let sent: Vec<_> = pulls.iter().map(|(bytes, _)| bytes.len()).filter(|len| *len > 0).collect();
    assert_eq!(sent, [suback5(1, &[0; 1000], &[]).len()]);
}

#[test]
fn what_a_client_may_not_get_costs_the_same_as_what_does_not_match() {
    let name = |n| format!("r/{n:04}/{}", if n % 50 == 49 { "x" } else { "o" });
    let (mut bench, a) = with_own_messages(5000, name);
    for (no_local, messages) in [(true, 0), (false, 100)] {
        let wanted = Subscription { no_local, ..sub5("r/+/x", 0) };
        let pulls = pulls_after(&mut bench, a, &subscribe5(1, &[wanted], &[]));
        assert_eq!(pulls.len(), if no_local { 51 } else { 50 });
        let sent: Vec<_> = pulls.iter().flat_map(|(bytes, _)| payloads5(bytes)).collect();
        assert_eq!(sent.len(), messages);
    }
}

#[test]
fn matches_that_are_sent_take_no_steps() {
    let mut bench = Bench::new();
    bench.checked = false;
    for n in 0..1000 {
        bench.publish(kept(&format!("r/{n}"), "x"));
    }
    let a = bench.client5("a", &[]);
    let pulls = pulls_after(&mut bench, a, &subscribe5(1, &[sub5("#", 0)], &[]));
    assert_eq!(pulls.len(), 1, "{} bytes in the first", pulls[0].0.len());
    assert_eq!(payloads5(&pulls[0].0).len(), 1000);
}

#[test]
fn an_unsubscribe_ends_the_searches_of_its_filters_and_no_others() {
    let mut bench = Bench::new();
    for name in ["a", "b", "c", "d", "e"] {
        bench.publish(kept(name, name));
    }
    let a = bench.client5("a", &[]);
    bench.stall(a);
    let wanted = ["d", "b", "e", "a", "c"].map(|filter| sub5(filter, 0));
    bench.send(a, subscribe5(1, &wanted, &[]));
    // In no order, with one that was never there.
    bench.send(a, unsubscribe5(2, &["e", "none", "a", "d"], &[]));
    bench.resume(a);
    let answers = [suback5(1, &[0; 5], &[]), unsuback5(2, &[0, 0x11, 0, 0], &[])];
    let kept = ["b", "c"].map(|name| retained(publish5(name, name, &[])));
    bench.got5(a, [answers.concat(), kept.concat()]);
}

#[test]
fn no_unreleased_messages_are_taken_as_one() {
    for (maximum, first) in [(0, receive_maximum(1)), (1, receive_maximum(1))] {
        let mut bench = Bench::with(|config| config.session.max_unreleased_messages = maximum);
        let a = bench.dial(connect5("a", &[], |_| ()));
        let connack = bench.connack5(a, false);
        let id = PropertyId::ReceiveMaximum;
        assert_eq!(connack.properties().find(id), Some(first));
        bench.ask5(a, publish5_2(1, "t", "x", &[]), pubrec5(1, 0x10, &[]));
        bench.ask5(a, dup(publish5_2(1, "t", "x", &[])), pubrec5(1, 0, &[]));
        bench.ask5(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
        bench.ask5(a, publish5_1(2, "t", "x", &[]), puback5(2, 0x10, &[]));
        bench.is_open(a);
    }
}

#[test]
fn too_many_unreleased_bytes_are_refused_and_the_connection_goes_on() {
    let mut bench = Bench::with(|config| {
        config.session.max_unreleased_bytes = 50;
        config.session.max_unreleased_messages = 2;
    });
    let a = bench.client5("a", &[]);
    let b = subscriber(&mut bench, "b", "t", 0);
    let large = "x".repeat(30);
    bench.ask5(a, publish5_2(1, "t", &large, &[]), pubrec5(1, 0, &[]));
    let reason = [Property::ReasonString("too many QoS 2 messages await PUBREL")];
    // It is over with PUBREC: none of them counts as open. [MQTT-4.9.0-2]
    for _ in 0..3 {
        bench.ask5(a, publish5_2(2, "t", &large, &[]), pubrec5(2, 0x97, &reason));
        bench.is_open(a);
    }
    bench.ask5(a, pubrel5(2, 0, &[]), pubcomp5(2, 0x92, &[]));
    bench.ask5(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    bench.got5(b, publish5("t", &large, &[]));
    bench.ask5(a, publish5_2(2, "t", &large, &[]), pubrec5(2, 0, &[]));
}

#[test]
fn before_5_0_too_many_unreleased_bytes_are_a_fault() {
    let mut bench = Bench::with(|config| config.session.max_unreleased_bytes = 0);
    let a = bench.client("a");
    bench.ask(a, publish1(1, "t", "x"), "40020001");
    bench.send(a, publish2(2, "t", "x"));
    bench.is_closed(a, ClientFault::TooManyUnreleased);
}
