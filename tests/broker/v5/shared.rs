//! Shared subscriptions, section 4.8.2: who gets a message, and who in its place.

use mqtt_sansio::{Access, Filter, Permissions, Property, Subscription};

use super::{message, subscribed, subscriber};
use crate::bench::{Answer, Bench, Peer};
use crate::wire::{frames, hex, retained};
use crate::wire5::{
    payloads5, puback5, publish5, publish5_1, publish5_2, receive_maximum, sub5, suback5,
    subscribe5, subscription_identifier, unsuback5, unsubscribe5,
};

pub(super) const GROUP: &str = "$share/g/t";

/// A connected member of the group, whose session stays for so many seconds.
#[track_caller]
pub(super) fn member(bench: &mut Bench, name: &str, qos: u8, expiry: u32) -> Peer {
    let peer = bench.client5(name, &[Property::SessionExpiryInterval(expiry)]);
    subscribed(bench, peer, &[sub5(GROUP, qos)]);
    peer
}

/// A member with a window of one message.
#[track_caller]
pub(super) fn narrow(bench: &mut Bench, name: &str, qos: u8, expiry: u32) -> Peer {
    let properties = [Property::SessionExpiryInterval(expiry), receive_maximum(1)];
    let peer = bench.client5(name, &properties);
    subscribed(bench, peer, &[sub5(GROUP, qos)]);
    peer
}

pub(super) fn publish_all(bench: &mut Bench, payloads: impl IntoIterator<Item = u16>, qos: u8) {
    for payload in payloads {
        bench.publish(message("t", &payload.to_string(), qos));
    }
}

/// The payloads that came.
pub(super) fn got(bench: &mut Bench, peer: Peer) -> Vec<String> {
    payloads5(&bench.received(peer))
}

pub(super) fn one(id: u16, payload: u16) -> Vec<u8> {
    publish5_1(id, "t", payload.to_string(), &[])
}

pub(super) fn two(id: u16, payload: u16) -> Vec<u8> {
    publish5_2(id, "t", payload.to_string(), &[])
}

#[test]
fn members_take_turns() {
    for qos in 0..3 {
        let mut bench = Bench::new();
        let members = ["a", "b", "c"].map(|name| member(&mut bench, name, qos, 0));
        publish_all(&mut bench, 1..=9, qos);
        let shares = members.map(|peer| got(&mut bench, peer));
        assert!(shares.iter().all(|share| share.len() == 3), "{shares:?}");
        let mut all = shares.concat();
        all.sort();
        assert_eq!(all, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        for share in shares {
            assert!(share.is_sorted(), "{share:?}");
        }
    }
}

#[test]
fn a_new_member_has_its_turn_and_one_that_leaves_has_none() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 0, 0);
    publish_all(&mut bench, 1..=2, 0);
    assert_eq!(got(&mut bench, a), ["1", "2"]);
    let b = member(&mut bench, "b", 0, 0);
    publish_all(&mut bench, 3..=6, 0);
    let (to_a, to_b) = (got(&mut bench, a), got(&mut bench, b));
    assert_eq!((to_a.len(), to_b.len()), (2, 2), "{to_a:?} {to_b:?}");
    bench.ask5(a, unsubscribe5(2, &[GROUP], &[]), unsuback5(2, &[0], &[]));
    publish_all(&mut bench, 7..=8, 0);
    assert_eq!(got(&mut bench, b), ["7", "8"]);
    bench.quiet(&[a]);
}

#[test]
fn members_that_are_away_are_passed_over() {
    for qos in 0..3 {
        let mut bench = Bench::new();
        let a = member(&mut bench, "a", qos, 100);
        let b = member(&mut bench, "b", qos, 100);
        bench.lose(a);
        publish_all(&mut bench, 1..=4, qos);
        assert_eq!(got(&mut bench, b), ["1", "2", "3", "4"]);
        let a = bench.stayer5("a", 100, true);
        bench.quiet(&[a]);
        publish_all(&mut bench, 5..=8, qos);
        let (to_a, to_b) = (got(&mut bench, a), got(&mut bench, b));
        assert_eq!((to_a.len(), to_b.len()), (2, 2), "{to_a:?} {to_b:?}");
    }
}

#[test]
fn where_all_are_away_messages_wait_in_the_sessions() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 100);
    let b = member(&mut bench, "b", 1, 100);
    bench.lose(a);
    bench.lose(b);
    publish_all(&mut bench, [0], 0);
    publish_all(&mut bench, 1..=4, 1);
    let a = bench.stayer5("a", 100, true);
    let b = bench.stayer5("b", 100, true);
    let mut all = [got(&mut bench, a), got(&mut bench, b)].concat();
    all.sort();
    assert_eq!(all, ["1", "2", "3", "4"]);
}

#[test]
fn a_message_of_qos_0_waits_for_nobody() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 0, 100);
    bench.lose(a);
    publish_all(&mut bench, 1..=2, 1);
    let a = bench.stayer5("a", 100, true);
    bench.quiet(&[a]);
    publish_all(&mut bench, [3], 1);
    bench.got5(a, publish5("t", "3", &[]));
}

#[test]
fn unsubscribing_finishes_what_was_begun() {
    let mut bench = Bench::new();
    let a = narrow(&mut bench, "a", 1, 100);
    publish_all(&mut bench, [1], 1);
    bench.got5(a, one(1, 1));
    let b = member(&mut bench, "b", 1, 100);
    bench.ask5(a, unsubscribe5(2, &[GROUP], &[]), unsuback5(2, &[0], &[]));
    publish_all(&mut bench, 2..=3, 1);
    assert_eq!(got(&mut bench, b), ["2", "3"]);
    bench.ask5(a, puback5(1, 0, &[]), "");
    bench.quiet(&[a, b]);
}

#[test]
fn what_waits_for_a_member_that_unsubscribes_is_still_sent() {
    let mut bench = Bench::new();
    let a = narrow(&mut bench, "a", 1, 0);
    publish_all(&mut bench, 1..=3, 1);
    bench.got5(a, one(1, 1));
    bench.ask5(a, unsubscribe5(2, &[GROUP], &[]), unsuback5(2, &[0], &[]));
    publish_all(&mut bench, [4], 1);
    bench.ask5(a, puback5(1, 0, &[]), one(2, 2));
    bench.ask5(a, puback5(2, 0, &[]), one(3, 3));
    bench.ask5(a, puback5(3, 0, &[]), "");
}

#[test]
fn a_subscription_to_a_group_again_replaces_its_terms() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 0, 0);
    let with = [subscription_identifier(5)];
    bench.ask5(a, subscribe5(2, &[sub5(GROUP, 1)], &with), suback5(2, &[1], &[]));
    assert_eq!(bench.broker.router().subscriptions(), 1);
    publish_all(&mut bench, [1], 2);
    bench.got5(a, publish5_1(1, "t", "1", &with));
}

#[test]
fn a_member_with_a_full_window_has_room_in_its_queue() {
    let mut bench = Bench::new();
    let a = narrow(&mut bench, "a", 1, 0);
    let b = narrow(&mut bench, "b", 1, 0);
    publish_all(&mut bench, 1..=6, 1);
    let mut shares = [a, b].map(|peer| got(&mut bench, peer));
    for id in 1..=3 {
        for (share, peer) in shares.iter_mut().zip([a, b]) {
            bench.send(peer, puback5(id, 0, &[]));
            share.extend(got(&mut bench, peer));
        }
    }
    assert_eq!(shares.each_ref().map(Vec::len), [3, 3], "{shares:?}");
}

#[test]
fn two_groups_on_one_filter_get_one_message_each() {
    let mut bench = Bench::new();
    let groups = ["$share/g/t", "$share/h/t", "$share/g/+"];
    let mut members = Vec::new();
    for (group, filter) in groups.iter().enumerate() {
        for name in ["a", "b"] {
            let name = format!("{name}{group}");
            members.push(subscriber(&mut bench, &name, filter, 1));
        }
    }
    publish_all(&mut bench, 1..=2, 1);
    for peer in members {
        assert_eq!(got(&mut bench, peer).len(), 1, "{peer:?}");
    }
}

#[test]
fn one_client_in_two_groups_gets_a_copy_for_each() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let (first, second) = (subscription_identifier(1), subscription_identifier(2));
    bench.ask5(a, subscribe5(1, &[sub5(GROUP, 0)], &[first]), suback5(1, &[0], &[]));
    let other = [sub5("$share/h/t", 0)];
    bench.ask5(a, subscribe5(2, &other, &[second]), suback5(2, &[0], &[]));
    publish_all(&mut bench, [1], 0);
    let mut received = frames(&bench.received(a));
    received.sort();
    let mut expected = [first, second].map(|with| publish5("t", "1", &[with]));
    expected.sort();
    assert_eq!(received.concat(), expected.concat(), "{}", hex(&received.concat()));
}

#[test]
fn a_plain_subscription_gets_a_copy_of_its_own() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 0, 0);
    let b = member(&mut bench, "b", 0, 0);
    bench.ask5(a, subscribe5(2, &[sub5("#", 0)], &[]), suback5(2, &[0], &[]));
    publish_all(&mut bench, 1..=2, 0);
    let (to_a, to_b) = (got(&mut bench, a), got(&mut bench, b));
    assert_eq!((to_a.len(), to_b.len()), (3, 1), "{to_a:?} {to_b:?}");
    // They end apart.
    bench.ask5(a, unsubscribe5(3, &["#"], &[]), unsuback5(3, &[0], &[]));
    publish_all(&mut bench, 3..=4, 0);
    let (to_a, to_b) = (got(&mut bench, a), got(&mut bench, b));
    assert_eq!((to_a.len(), to_b.len()), (1, 1), "{to_a:?} {to_b:?}");
}

#[test]
fn the_qos_granted_to_the_member_holds() {
    let mut bench = Bench::new();
    let members = [0, 1, 2].map(|qos| member(&mut bench, &qos.to_string(), qos, 0));
    publish_all(&mut bench, [1, 1, 1], 2);
    bench.got5(members[0], publish5("t", "1", &[]));
    bench.got5(members[1], one(1, 1));
    bench.got5(members[2], two(1, 1));
}

#[test]
fn a_member_that_may_not_receive_a_message_is_passed_over() {
    let mut bench = Bench::new();
    bench.answer_with(|request| {
        let all = Permissions::all();
        let secret = Filter::new("t/secret").unwrap();
        let barred = request.client_id == "barred";
        Answer::Accept(if barred { all.deny(Access::Subscribe, secret) } else { all })
    });
    let barred = subscriber(&mut bench, "barred", "$share/g/t/#", 1);
    let a = subscriber(&mut bench, "a", "$share/g/t/#", 1);
    for payload in ["1", "2", "3", "4"] {
        bench.publish(message("t/secret", payload, 1));
    }
    bench.quiet(&[barred]);
    assert_eq!(got(&mut bench, a), ["1", "2", "3", "4"]);
    // Where nobody may, nobody does.
    bench.lose(a);
    bench.publish(message("t/secret", "5", 1));
    bench.quiet(&[barred]);
}

#[test]
fn a_member_whose_queue_is_full_is_passed_over() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 2);
    let a = narrow(&mut bench, "a", 1, 0);
    let b = member(&mut bench, "b", 1, 0);
    publish_all(&mut bench, 1..=20, 1);
    let (to_a, to_b) = (got(&mut bench, a), got(&mut bench, b));
    assert_eq!(bench.broker.statistics().publish_dropped, 0);
    assert!(to_b.len() >= 17, "{to_a:?} {to_b:?}");
    let mut all = [to_a, to_b].concat();
    for id in 1..=3 {
        bench.send(a, puback5(id, 0, &[]));
        all.extend(got(&mut bench, a));
    }
    all.sort_by_key(|payload| payload.parse::<u16>().unwrap());
    assert_eq!(all, (1..=20).map(|payload: u16| payload.to_string()).collect::<Vec<_>>());
}

#[test]
fn where_all_queues_are_full_a_message_is_dropped() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 1);
    let a = narrow(&mut bench, "a", 1, 0);
    let b = narrow(&mut bench, "b", 1, 0);
    publish_all(&mut bench, 1..=6, 1);
    let mut all = [got(&mut bench, a), got(&mut bench, b)].concat();
    assert_eq!(all.len(), 2);
    assert_eq!(bench.broker.statistics().publish_dropped, 2);
    for peer in [a, b] {
        bench.send(peer, puback5(1, 0, &[]));
        all.extend(got(&mut bench, peer));
    }
    all.sort();
    assert_eq!(all, ["1", "2", "3", "4"]);
}

#[test]
fn a_group_with_nobody_there_matches_and_one_with_nobody_left_does_not() {
    let mut bench = Bench::new();
    let b = bench.client5("b", &[]);
    let a = member(&mut bench, "a", 1, 10);
    bench.lose(a);
    bench.ask5(b, publish5_1(1, "t", "x", &[]), puback5(1, 0, &[]));
    bench.at(11_000);
    bench.ask5(b, publish5_1(2, "t", "x", &[]), puback5(2, 0x10, &[]));
    assert_eq!(bench.broker.router().groups(), 0);
}

#[test]
fn retain_as_published_holds_for_a_member() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let filter = Subscription { retain_as_published: true, ..sub5(GROUP, 0) };
    bench.ask5(a, subscribe5(1, &[filter], &[]), suback5(1, &[0], &[]));
    let mut kept = message("t", "x", 0);
    kept.retain = true;
    bench.publish(kept);
    bench.got5(a, retained(publish5("t", "x", &[])));
}

#[test]
fn a_member_gets_its_own_messages() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 0);
    bench.send(a, publish5_1(1, "t", "1", &[]));
    bench.got5(a, [puback5(1, 0, &[]), one(1, 1)]);
}
