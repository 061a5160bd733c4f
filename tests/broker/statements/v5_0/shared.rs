//! Shared subscriptions, section 4.8.2.

use mqtt_sansio::{Access, Filter, Permissions, Property, RetainHandling, Subscription};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{DISCONNECT, dup, retained};
use crate::wire5::{
    connect5, message5, payloads5, puback5, pubcomp5, publish5, publish5_1, publish5_2, published5,
    pubrec5, pubrel5, sub5, suback5, subscribe5, subscription_identifier, unsuback5, unsubscribe5,
};

const SHARED: &str = "$share/g/t";

fn publish_one(bench: &mut Bench, payload: &str, qos: u8) {
    bench.publish(message5("t", payload, qos, &[]));
}

/// "a", whose session stays, has been sent this message as the only member of its group; then "b" joined.
fn with_sent(qos: u8) -> (Bench, Peer, Peer) {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5(SHARED, 2)]);
    publish_one(&mut bench, "x", qos);
    assert_eq!(payloads5(&bench.received(a)), ["x"]);
    let b = bench.client5("b", &[]);
    bench.subscribed5(b, &[sub5(SHARED, 2)]);
    (bench, a, b)
}

#[test]
fn mqtt_4_8_2_3_the_qos_is_the_one_granted_to_the_member_chosen() {
    let (mut bench, peers) = Bench::with_clients5(["a", "b", "c"]);
    for (peer, qos) in peers.into_iter().zip([0, 1, 2]) {
        bench.subscribed5(peer, &[sub5(SHARED, qos)]);
    }
    for n in 0..9 {
        publish_one(&mut bench, &n.to_string(), 2);
    }
    let mut all = Vec::new();
    for (peer, first) in peers.into_iter().zip([0x30, 0x32, 0x34]) {
        let got = published5(&bench.received(peer));
        assert_eq!(got.iter().map(|(first, ..)| *first).collect::<Vec<_>>(), [first; 3]);
        all.extend(got.into_iter().map(|(_, _, payload)| payload));
    }
    all.sort_unstable();
    assert_eq!(all.concat(), "012345678");
    // At most what it was published at.
    for _ in 0..3 {
        publish_one(&mut bench, "x", 1);
    }
    let firsts = peers.map(|peer| bench.received(peer)[0]);
    assert_eq!(firsts, [0x30, 0x32, 0x32]);
}

#[test]
fn mqtt_4_8_2_4_a_qos_2_delivery_that_was_begun_is_completed_with_the_same_client() {
    // The PUBLISH was sent.
    let (mut bench, a, b) = with_sent(2);
    bench.lose(a);
    bench.at(20_000);
    bench.quiet(&[b]);
    let a = bench.stayer5("a", 60, true);
    bench.got(a, dup(publish5_2(1, "t", "x", &[])));
    bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
    // PUBREC has come.
    bench.lose(a);
    bench.at(40_000);
    bench.quiet(&[b]);
    let a = bench.stayer5("a", 60, true);
    bench.got(a, pubrel5(1, 0, &[]));
    bench.ask(a, pubcomp5(1, 0, &[]), "");
    bench.quiet(&[a, b]);
}

#[test]
fn mqtt_4_8_2_5_if_that_session_ends_the_message_goes_to_nobody_else() {
    for with_pubrec in [false, true] {
        for way in 0..4 {
            let (mut bench, a, b) = with_sent(2);
            if with_pubrec {
                bench.ask(a, pubrec5(1, 0, &[]), pubrel5(1, 0, &[]));
            }
            match way {
                0 => {
                    bench.lose(a);
                    bench.at(62_000);
                }
                1 => {
                    let again = bench.dial(connect5("a", &[], |_| ()));
                    bench.connack5(again, false);
                    bench.quiet(&[again]);
                }
                2 => {
                    assert!(bench.broker.end_session(crate::bench::ms(bench.now), "a"));
                    bench.drive();
                }
                // DISCONNECT with a Session Expiry Interval of 0.
                _ => bench.send(a, "e007 00 05 11 00000000"),
            }
            assert_eq!(bench.broker.router().shared_subscriptions(), 1, "way {way}");
            bench.quiet(&[b]);
        }
    }
}

#[test]
fn mqtt_4_8_2_6_a_message_refused_by_the_member_chosen_goes_to_nobody_else() {
    for (qos, code) in [(1, 0x80), (1, 0x97), (2, 0x80), (2, 0x83), (2, 0x99)] {
        let (mut bench, a, b) = with_sent(qos);
        let refusal = if qos == 1 { puback5(1, code, &[]) } else { pubrec5(1, code, &[]) };
        bench.ask(a, refusal, "");
        bench.quiet(&[a, b]);
        bench.lose(a);
        bench.quiet(&[b]);
        let a = bench.stayer5("a", 60, true);
        bench.quiet(&[a, b]);
    }
}

#[test]
fn only_the_filter_behind_the_share_name_is_matched() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5("$share/c//finance", 0), sub5("$share/c/+/x/#", 0)]);
    for name in ["/finance", "finance", "c/finance", "$share/c//finance", "t/x", "t/x/y", "x"] {
        bench.ask(b, publish5(name, "x", &[]), "");
    }
    let got = published5(&bench.received(a));
    assert!(got.iter().map(|(_, name, _)| name).eq(["/finance", "t/x", "t/x/y"]), "{got:?}");
}

#[test]
fn a_shared_subscription_gets_nothing_that_is_retained_and_what_is_published_without_retain() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.ask(b, retained(publish5("t", "stored", &[])), "");
    for retain_handling in [RetainHandling::SendAtSubscribe, RetainHandling::SendAtNewSubscribe] {
        let filter = Subscription { retain_handling, ..sub5(SHARED, 0) };
        bench.ask(a, subscribe5(1, &[filter], &[]), suback5(1, &[0], &[]));
    }
    bench.ask(b, retained(publish5("t", "x", &[])), "");
    bench.got(a, publish5("t", "x", &[]));
    // Unless it is to come as it was published.
    bench.subscribed5(a, &[Subscription { retain_as_published: true, ..sub5(SHARED, 0) }]);
    bench.ask(b, retained(publish5("t", "y", &[])), "");
    bench.got(a, retained(publish5("t", "y", &[])));
}

#[test]
fn each_group_gets_a_message_once_and_so_does_a_subscription_that_is_not_shared() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    // "a" twice and "b" once by its own; the group "g" of "t" and that of "+" are two.
    bench.subscribed5(a, &[sub5("t", 0), sub5(SHARED, 0)]);
    bench.subscribed5(b, &[sub5("$share/g/+", 0), sub5("$share/h/t", 0)]);
    publish_one(&mut bench, "x", 0);
    assert_eq!(payloads5(&bench.received(a)), ["x", "x"]);
    assert_eq!(payloads5(&bench.received(b)), ["x", "x"]);
    bench.ask(a, unsubscribe5(2, &["t"], &[]), unsuback5(2, &[0], &[]));
    publish_one(&mut bench, "y", 0);
    assert_eq!(payloads5(&bench.received(a)), ["y"]);
    assert_eq!(payloads5(&bench.received(b)), ["y", "y"]);
}

#[test]
fn the_members_of_a_group_take_turns_and_those_that_are_away_are_skipped() {
    let mut bench = Bench::new();
    let peers = ["a", "b", "c"].map(|name| bench.stayer5(name, 60, false));
    for peer in peers {
        bench.subscribed5(peer, &[sub5(SHARED, 1)]);
    }
    for _ in 0..6 {
        publish_one(&mut bench, "x", 0);
    }
    assert_eq!(peers.map(|peer| payloads5(&bench.received(peer)).len()), [2; 3]);
    bench.lose(peers[1]);
    for _ in 0..6 {
        publish_one(&mut bench, "x", 1);
    }
    let [a, _, c] = peers;
    assert_eq!([a, c].map(|peer| payloads5(&bench.received(peer)).len()), [3; 2]);
    let b = bench.stayer5("b", 60, true);
    bench.quiet(&[b]);
}

#[test]
fn what_a_member_has_not_acknowledged_at_qos_1_goes_to_another_when_its_connection_is_lost() {
    let (mut bench, a, b) = with_sent(1);
    bench.lose(a);
    let got = published5(&bench.received(b));
    assert_eq!(got, [(0x32, "t".to_owned(), "x".to_owned())]);
    let a = bench.stayer5("a", 60, true);
    bench.quiet(&[a]);
    // What was acknowledged does not.
    let (mut bench, a, b) = with_sent(1);
    bench.send(a, puback5(1, 0, &[]));
    bench.lose(a);
    bench.quiet(&[b]);
}

#[test]
fn with_nobody_connected_a_message_is_kept_for_a_member() {
    let mut bench = Bench::new();
    let names = ["a", "b"];
    for peer in names.map(|name| bench.stayer5(name, 60, false)) {
        bench.subscribed5(peer, &[sub5(SHARED, 1)]);
        bench.send(peer, DISCONNECT);
    }
    for payload in ["1", "2", "3", "4"] {
        publish_one(&mut bench, payload, 1);
    }
    let back = names.map(|name| bench.stayer5(name, 60, true));
    let mut got: Vec<_> =
        back.into_iter().flat_map(|peer| payloads5(&bench.received(peer))).collect();
    got.sort_unstable();
    assert_eq!(got, ["1", "2", "3", "4"]);
    // The one that is left when a session ends takes what was kept for it.
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 5, false);
    bench.subscribed5(a, &[sub5(SHARED, 1)]);
    bench.lose(a);
    publish_one(&mut bench, "x", 1);
    let b = bench.client5("b", &[]);
    bench.subscribed5(b, &[sub5(SHARED, 1)]);
    bench.at(7_000);
    bench.got(b, publish5_1(1, "t", "x", &[]));
}

#[test]
fn what_no_other_member_can_take_stays_with_its_session() {
    // "b" may not receive it.
    let mut bench = Bench::new();
    bench.answer_with(|request| {
        let permissions = Permissions::all();
        let denied = Filter::new("t").unwrap();
        let is_b = request.client_id == "b";
        Answer::Accept(if is_b { permissions.deny(Access::Subscribe, denied) } else { permissions })
    });
    let a = bench.stayer5("a", 60, false);
    let b = bench.client5("b", &[]);
    for peer in [a, b] {
        bench.subscribed5(peer, &[sub5("$share/g/+", 1)]);
    }
    publish_one(&mut bench, "x", 1);
    bench.got(a, publish5_1(1, "t", "x", &[]));
    bench.lose(a);
    bench.quiet(&[b]);
    let a = bench.stayer5("a", 60, true);
    assert_eq!(payloads5(&bench.received(a)), ["x"]);
}

#[test]
fn what_another_member_has_no_room_for_stays_with_its_session() {
    let mut bench = Bench::with(|config| config.session.max_queued_messages = 1);
    let a = bench.stayer5("a", 60, false);
    bench.subscribed5(a, &[sub5(SHARED, 1)]);
    publish_one(&mut bench, "x", 1);
    assert_eq!(payloads5(&bench.received(a)), ["x"]);
    let b = bench.client5("b", &[]);
    bench.subscribed5(b, &[sub5(SHARED, 1), sub5("u", 1)]);
    bench.stall(b);
    bench.publish(message5("u", "y", 1, &[]));
    bench.lose(a);
    bench.resume(b);
    assert_eq!(payloads5(&bench.received(b)), ["y"]);
    let a = bench.stayer5("a", 60, true);
    assert_eq!(payloads5(&bench.received(a)), ["x"]);
}

#[test]
fn a_group_is_a_matching_subscriber() {
    let (mut bench, [a, b]) = Bench::with_clients5(["a", "b"]);
    bench.subscribed5(a, &[sub5(SHARED, 0)]);
    bench.ask(b, publish5_1(1, "t", "x", &[]), puback5(1, 0, &[]));
    bench.ask(b, publish5_2(2, "t", "y", &[]), pubrec5(2, 0, &[]));
    bench.ask(b, pubrel5(2, 0, &[]), pubcomp5(2, 0, &[]));
    bench.got(a, [publish5("t", "x", &[]), publish5("t", "y", &[])]);
    bench.ask(b, publish5_1(1, SHARED, "x", &[]), puback5(1, 0x10, &[]));
}

#[test]
fn what_is_handed_on_comes_by_the_subscription_of_its_new_member() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 60, false);
    let with = [1, 2].map(subscription_identifier);
    bench.ask(a, subscribe5(1, &[sub5(SHARED, 1)], &with[..1]), suback5(1, &[1], &[]));
    publish_one(&mut bench, "x", 2);
    bench.got(a, publish5_1(1, "t", "x", &with[..1]));
    let b = bench.client5("b", &[]);
    bench.ask(b, subscribe5(1, &[sub5(SHARED, 2)], &with[1..]), suback5(1, &[2], &[]));
    bench.lose(a);
    bench.got(b, publish5_2(1, "t", "x", &with[1..]));
    // Begun at QoS 2, it stays with "b" now.
    let a = bench.stayer5("a", 60, true);
    bench.lose(b);
    bench.quiet(&[a]);
}

#[test]
fn the_share_name_counts_for_the_length_of_a_filter() {
    let mut bench = Bench::with(|config| config.max_topic_length = 12);
    let a = bench.client5("a", &[Property::RequestProblemInformation(false)]);
    let long = format!("$share/{}/t", "g".repeat(60_000));
    let filters = ["$share/ggg/t", "$share/gggg/t", &long].map(|name| sub5(name, 0));
    bench.ask(a, subscribe5(1, &filters, &[]), suback5(1, &[0, 0x8F, 0x8F], &[]));
}
