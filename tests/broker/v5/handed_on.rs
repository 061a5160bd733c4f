//! Shared subscriptions whose members are lost: who gets what they had, section 4.8.2.

use mqtt_sansio::{Access, Filter, Permissions, Property, QoS};

use super::shared::{GROUP, got, member, narrow, one, publish_all, two};
use super::{message, subscribed, subscriber};
use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{dup, frames, hex};
use crate::wire5::{
    connect5, packet5, payloads5, puback5, pubcomp5, publish5, publish5_1, pubrec5, pubrel5,
    receive_maximum, sub5, suback5, subscribe5, subscription_identifier,
};

#[test]
fn the_queue_of_a_lost_member_goes_to_the_others() {
    let mut bench = Bench::new();
    let a = narrow(&mut bench, "a", 1, 100);
    publish_all(&mut bench, 1..=4, 1);
    bench.got5(a, one(1, 1));
    let b = member(&mut bench, "b", 1, 100);
    bench.lose(a);
    // What waits, and what was not acknowledged.
    let mut taken = got(&mut bench, b);
    taken.sort();
    assert_eq!(taken, ["1", "2", "3", "4"]);
    let a = bench.stayer5("a", 100, true);
    bench.quiet(&[a]);
    bench.broker.check_invariants();
}

#[test]
fn what_is_handed_on_is_none_of_the_old_members_any_more() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 100);
    publish_all(&mut bench, [1], 1);
    bench.got5(a, one(1, 1));
    let b = member(&mut bench, "b", 1, 100);
    bench.lose(a);
    bench.got5(b, one(1, 1));
    let a = bench.stayer5("a", 100, true);
    // A late acknowledgement is of nothing.
    bench.ask5(a, puback5(1, 0, &[]), "");
    bench.ask5(b, puback5(1, 0, &[]), "");
    bench.quiet(&[a, b]);
}

#[test]
fn a_message_that_is_handed_on_keeps_to_the_terms_of_the_new_member() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 100);
    publish_all(&mut bench, [1], 1);
    bench.got5(a, one(1, 1));
    let b = bench.client5("b", &[]);
    let with = [subscription_identifier(77)];
    bench.ask5(b, subscribe5(1, &[sub5(GROUP, 0)], &with), suback5(1, &[0], &[]));
    bench.lose(a);
    bench.got5(b, publish5("t", "1", &with));
}

#[test]
fn a_qos_2_message_that_was_sent_stays_with_its_session() {
    for released in [false, true] {
        let mut bench = Bench::new();
        let a = narrow(&mut bench, "a", 2, 100);
        publish_all(&mut bench, 1..=2, 2);
        bench.got5(a, two(1, 1));
        if released {
            bench.ask5(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
        }
        let b = member(&mut bench, "b", 2, 100);
        bench.lose(a);
        // Only what was never sent goes on.
        bench.got5(b, two(1, 2));
        let a = bench.stayer5("a", 100, true);
        bench.got5(a, if released { pubrel5(1, 0, &[]) } else { dup(two(1, 1)) });
        if !released {
            bench.ask5(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
        }
        bench.ask5(a, pubcomp5(1, 0, &[]), "");
        bench.quiet(&[b]);
    }
}

#[test]
fn a_qos_2_message_that_was_sent_goes_to_nobody_when_its_session_ends() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 2, 10);
    publish_all(&mut bench, [1], 2);
    bench.got5(a, two(1, 1));
    let b = member(&mut bench, "b", 2, 100);
    bench.lose(a);
    bench.at(11_000);
    assert_eq!(bench.broker.sessions(), 1);
    bench.quiet(&[b]);
}

#[test]
fn where_there_is_no_other_member_all_stays_with_the_session() {
    let mut bench = Bench::new();
    let a = narrow(&mut bench, "a", 1, 100);
    publish_all(&mut bench, 1..=3, 1);
    bench.got5(a, one(1, 1));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, [dup(one(1, 1)), one(2, 2), one(3, 3)]);
}

#[test]
fn when_the_session_ends_its_messages_go_to_any_other_member() {
    for ends_by in ["expiry", "program", "clean start", "unsubscribe"] {
        let mut bench = Bench::new();
        let a = member(&mut bench, "a", 1, 10);
        let b = member(&mut bench, "b", 1, 100);
        bench.lose(b);
        publish_all(&mut bench, 1..=2, 1);
        bench.got5(a, [one(1, 1), one(2, 2)]);
        // There is nobody to hand them to that is connected.
        bench.lose(a);
        match ends_by {
            "expiry" => bench.at(11_000),
            "program" => {
                assert!(bench.broker.end_session(ms(bench.now), "a"));
                bench.drive();
            }
            "clean start" => {
                bench.client5("a", &[]);
            }
            _ => {
                bench.at(5000);
                let a = bench.stayer5("a", 0, true);
                bench.got5(a, [dup(one(1, 1)), dup(one(2, 2))]);
                bench.lose(a);
            }
        }
        let b = bench.stayer5("b", 100, true);
        let mut taken = got(&mut bench, b);
        taken.sort();
        assert_eq!(taken, ["1", "2"], "{ends_by}");
    }
}

#[test]
fn a_session_that_ends_with_its_connection_hands_on_what_was_not_acknowledged() {
    let mut bench = Bench::new();
    let a = narrow(&mut bench, "a", 1, 0);
    publish_all(&mut bench, 1..=3, 1);
    bench.got5(a, one(1, 1));
    let b = member(&mut bench, "b", 1, 0);
    bench.send(a, "e000");
    let mut taken = got(&mut bench, b);
    taken.sort();
    assert_eq!(taken, ["1", "2", "3"]);
}

#[test]
fn a_member_that_is_taken_over_gets_its_messages_or_others_do() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 1, 100);
    publish_all(&mut bench, 1..=2, 1);
    bench.got5(a, [one(1, 1), one(2, 2)]);
    let b = member(&mut bench, "b", 1, 100);
    let a = bench.stayer5("a", 100, true);
    let mut all = [got(&mut bench, a), got(&mut bench, b)].concat();
    all.sort();
    assert_eq!(all, ["1", "2"]);
}

#[test]
fn what_is_handed_on_goes_to_nobody_who_may_not_receive_it() {
    let mut bench = Bench::new();
    bench.answer_with(|request| {
        let all = Permissions::all();
        let secret = Filter::new("t/secret").unwrap();
        let barred = request.client_id == "barred";
        Answer::Accept(if barred { all.deny(Access::Subscribe, secret) } else { all })
    });
    let a = bench.stayer5("a", 100, false);
    subscribed(&mut bench, a, &[sub5("$share/g/t/#", 1)]);
    bench.publish(message("t/secret", "1", 1));
    bench.got5(a, publish5_1(1, "t/secret", "1", &[]));
    let barred = subscriber(&mut bench, "barred", "$share/g/t/#", 1);
    bench.lose(a);
    bench.quiet(&[barred]);
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, dup(publish5_1(1, "t/secret", "1", &[])));
}

#[test]
fn a_message_that_a_member_refuses_goes_to_nobody_else() {
    let mut bench = Bench::new();
    let a = member(&mut bench, "a", 2, 100);
    publish_all(&mut bench, [1], 1);
    publish_all(&mut bench, [2], 2);
    bench.got5(a, [one(1, 1), two(2, 2)]);
    let b = member(&mut bench, "b", 2, 100);
    bench.ask5(a, [puback5(1, 0x97, &[]), pubrec5(2, 0x80, &[])], "");
    bench.lose(a);
    bench.quiet(&[b]);
    let a = bench.stayer5("a", 100, true);
    bench.quiet(&[a, b]);
}

#[test]
fn what_no_other_member_has_room_for_stays_with_its_session() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 1);
    let b = narrow(&mut bench, "b", 1, 100);
    publish_all(&mut bench, [1, 2], 1);
    bench.got5(b, one(1, 1));
    let a = member(&mut bench, "a", 1, 100);
    publish_all(&mut bench, [3], 1);
    bench.got5(a, one(1, 3));
    bench.lose(a);
    bench.quiet(&[b]);
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, dup(one(1, 3)));
    bench.ask5(b, puback5(1, 0, &[]), one(2, 2));
}

#[test]
fn plain_messages_of_a_lost_member_stay_with_it() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[Property::SessionExpiryInterval(100), receive_maximum(2)]);
    subscribed(&mut bench, a, &[sub5("u", 1), sub5(GROUP, 1)]);
    publish_all(&mut bench, [1], 1);
    bench.publish(message("u", "2", 1));
    publish_all(&mut bench, [3], 1);
    bench.publish(message("u", "4", 1));
    bench.got5(a, [one(1, 1), publish5_1(2, "u", "2", &[])]);
    let b = member(&mut bench, "b", 1, 100);
    bench.lose(a);
    let mut taken = got(&mut bench, b);
    taken.sort();
    assert_eq!(taken, ["1", "3"]);
    let a = bench.stayer5("a", 100, true);
    let received = bench.received(a);
    assert_eq!(payloads5(&received), ["2", "4"]);
    assert!(received.starts_with(&dup(publish5_1(2, "u", "2", &[]))), "{}", hex(&received));
}

#[test]
fn many_members_that_come_and_go_lose_nothing() {
    let mut bench = Bench::new();
    let names = ["a", "b", "c", "d"];
    let mut peers = names.map(|name| narrow(&mut bench, name, 1, 1000));
    let mut received: Vec<u16> = Vec::new();
    let mut collect = |bench: &mut Bench, peer: Peer| -> usize {
        let frames = frames(&bench.received(peer));
        for frame in &frames {
            let mqtt_sansio::Packet::Publish(publish) = packet5(frame) else {
                panic!("{}", hex(frame));
            };
            assert_eq!(publish.delivery.qos(), QoS::AtLeastOnce);
            received.push(std::str::from_utf8(publish.payload).unwrap().parse().unwrap());
            let id = publish.delivery.packet_id().unwrap().get();
            bench.send(peer, puback5(id, 0, &[]));
        }
        frames.len()
    };
    for round in 0..40_u16 {
        publish_all(&mut bench, [round * 2, round * 2 + 1], 1);
        let index = usize::from(round) % 4;
        if round % 3 == 0 {
            bench.lose(peers[index]);
            let properties = [Property::SessionExpiryInterval(1000), receive_maximum(1)];
            let again = connect5(names[index], &properties, |connect| connect.clean_start = false);
            peers[index] = bench.dial(again);
            bench.connack5(peers[index], true);
        }
        collect(&mut bench, peers[index]);
    }
    while peers.iter().any(|peer| collect(&mut bench, *peer) > 0) {}
    received.sort_unstable();
    received.dedup();
    assert_eq!(received, (0..80).collect::<Vec<u16>>());
}
