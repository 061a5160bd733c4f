//! Retained messages and the options of subscriptions.

use mqtt_sansio::{Property, QoS, RetainHandling, Subscription, Will};

use super::{message, message_with, subscribed, subscriber};
use crate::bench::{Bench, Peer};
use crate::wire::{dup, hex, retained};
use crate::wire5::{
    connect5, payloads5, puback5, pubcomp5, publish5, publish5_1, publish5_2, pubrec5, pubrel5,
    sub5, suback5, subscribe5, subscription_identifier, unsuback5, unsubscribe5, will5,
};

/// Everything but the client's own.
fn own() -> Subscription<'static> {
    Subscription { no_local: true, ..sub5("#", 0) }
}

fn handling(filter: &str, retain_handling: RetainHandling) -> Subscription<'_> {
    Subscription { retain_handling, ..sub5(filter, 0) }
}

/// A broker with "kept" retained under "t".
fn with_kept() -> Bench {
    let mut bench = Bench::new();
    let mut kept = message("t", "kept", 0);
    kept.retain = true;
    bench.publish(kept);
    bench
}

/// Subscribes, and asserts whether the retained message comes.
#[track_caller]
fn subscribe_to(bench: &mut Bench, peer: Peer, filter: Subscription<'_>, comes: bool) {
    let mut answer = suback5(1, &[filter.qos.into()], &[]);
    if comes {
        answer.extend(retained(publish5("t", "kept", &[])));
    }
    bench.ask5(peer, subscribe5(1, &[filter], &[]), answer);
}

#[test]
fn retain_handling_0_sends_with_each_subscribe() {
    let mut bench = with_kept();
    let a = bench.client5("a", &[]);
    for _ in 0..3 {
        subscribe_to(&mut bench, a, handling("t", RetainHandling::SendAtSubscribe), true);
    }
}

#[test]
fn retain_handling_1_sends_with_a_new_subscription_alone() {
    let mut bench = with_kept();
    let a = bench.client5("a", &[]);
    let new = handling("t", RetainHandling::SendAtNewSubscribe);
    subscribe_to(&mut bench, a, new, true);
    subscribe_to(&mut bench, a, new, false);
    // Another filter is another subscription, and so is one that was ended.
    subscribe_to(&mut bench, a, handling("#", RetainHandling::SendAtNewSubscribe), true);
    bench.ask5(a, unsubscribe5(2, &["t"], &[]), unsuback5(2, &[0], &[]));
    subscribe_to(&mut bench, a, new, true);
}

#[test]
fn retain_handling_1_knows_the_subscriptions_of_the_session() {
    let mut bench = with_kept();
    let a = bench.stayer5("a", 100, false);
    let new = handling("t", RetainHandling::SendAtNewSubscribe);
    subscribe_to(&mut bench, a, new, true);
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    subscribe_to(&mut bench, a, new, false);
    let a = bench.client5("a", &[]);
    subscribe_to(&mut bench, a, new, true);
}

#[test]
fn retain_handling_2_sends_none_and_replaces_the_subscription() {
    let mut bench = with_kept();
    let a = bench.client5("a", &[]);
    let none = handling("t", RetainHandling::DoNotSend);
    subscribe_to(&mut bench, a, none, false);
    subscribe_to(&mut bench, a, none, false);
    subscribe_to(&mut bench, a, handling("t", RetainHandling::SendAtSubscribe), true);
    let higher = Subscription { retain_handling: RetainHandling::DoNotSend, ..sub5("t", 1) };
    subscribe_to(&mut bench, a, higher, false);
    bench.publish(message("t", "x", 1));
    bench.got5(a, publish5_1(1, "t", "x", &[]));
}

#[test]
fn each_filter_of_a_subscribe_is_handled_by_itself() {
    let mut bench = with_kept();
    let a = bench.client5("a", &[]);
    let filters = [
        handling("t", RetainHandling::DoNotSend),
        handling("#", RetainHandling::SendAtSubscribe),
        handling("+", RetainHandling::SendAtNewSubscribe),
    ];
    let kept = retained(publish5("t", "kept", &[]));
    let answer = [suback5(1, &[0, 0, 0], &[]), kept.clone(), kept];
    bench.ask5(a, subscribe5(1, &filters, &[]), answer);
}

#[test]
fn a_retained_message_carries_the_identifier_of_its_subscription() {
    let mut bench = with_kept();
    let a = bench.client5("a", &[]);
    subscribed(&mut bench, a, &[handling("+", RetainHandling::DoNotSend)]);
    let kept = |with: &[Property<'_>]| retained(publish5("t", "kept", with));
    let first = subscription_identifier(1);
    let answer = [suback5(2, &[0], &[]), kept(&[first])];
    bench.ask5(a, subscribe5(2, &[sub5("t", 0)], &[first]), answer);
    // One of another subscription, though the first matches too.
    let second = subscription_identifier(268_435_455);
    let answer = [suback5(3, &[0], &[]), kept(&[second])];
    bench.ask5(a, subscribe5(3, &[sub5("#", 0)], &[second]), answer);
    // What is published then carries both.
    bench.publish(message("t", "x", 0));
    bench.got5(a, publish5("t", "x", &[first, second]));
    // And a subscription that replaces the first has its own, or none.
    let answer = [suback5(4, &[0], &[]), kept(&[])];
    bench.ask5(a, subscribe5(4, &[sub5("t", 0)], &[]), answer);
    bench.publish(message("t", "y", 0));
    bench.got5(a, publish5("t", "y", &[second]));
}

#[test]
fn the_identifier_stays_with_what_waits() {
    let mut bench = with_kept();
    let a = bench.stayer5("a", 100, false);
    let with = [subscription_identifier(5)];
    let filter = handling("#", RetainHandling::DoNotSend);
    let filter = Subscription { qos: QoS::ExactlyOnce, ..filter };
    bench.ask5(a, subscribe5(1, &[filter], &with), suback5(1, &[2], &[]));
    bench.lose(a);
    bench.publish(message("u", "x", 2));
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, publish5_2(1, "u", "x", &with));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, dup(publish5_2(1, "u", "x", &with)));
}

#[test]
fn retain_as_published_keeps_the_flag_of_what_is_forwarded() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    subscribed(&mut bench, a, &[Subscription { retain_as_published: true, ..sub5("#", 0) }]);
    let b = subscriber(&mut bench, "b", "#", 0);
    let c = bench.client5("c", &[]);
    let (plain, kept) = (publish5("t", "x", &[]), retained(publish5("t", "x", &[])));
    bench.send(c, plain.clone());
    bench.got5(a, plain.clone());
    bench.got5(b, plain.clone());
    bench.send(c, kept.clone());
    bench.got5(a, kept.clone());
    bench.got5(b, plain);
    // What is sent for a new subscription has it in any case.
    let d = bench.client5("d", &[]);
    bench.ask5(d, subscribe5(1, &[sub5("#", 0)], &[]), [suback5(1, &[0], &[]), kept].concat());
    // An empty one deletes, and is forwarded with its flag.
    bench.send(c, retained(publish5("t", "", &[])));
    bench.got5(a, retained(publish5("t", "", &[])));
    bench.got5(b, publish5("t", "", &[]));
    assert_eq!(bench.broker.router().retained_messages(), 0);
}

#[test]
fn retain_as_published_stays_with_what_waits() {
    let mut bench = Bench::new();
    let a = bench.stayer5("a", 100, false);
    let filter = Subscription { retain_as_published: true, ..sub5("#", 1) };
    bench.ask5(a, subscribe5(1, &[filter], &[]), suback5(1, &[1], &[]));
    bench.lose(a);
    let c = bench.client5("c", &[]);
    bench.ask5(c, retained(publish5_1(1, "t", "x", &[])), puback5(1, 0, &[]));
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, retained(publish5_1(1, "t", "x", &[])));
    bench.lose(a);
    let a = bench.stayer5("a", 100, true);
    bench.got5(a, dup(retained(publish5_1(1, "t", "x", &[]))));
}

#[test]
fn no_local_leaves_out_the_clients_own_messages() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let b = bench.client5("b", &[]);
    for peer in [a, b] {
        bench.ask5(peer, subscribe5(1, &[own()], &[]), suback5(1, &[0], &[]));
    }
    bench.ask5(a, publish5("t", "0", &[]), "");
    bench.ask5(a, publish5_1(1, "t", "1", &[]), puback5(1, 0, &[]));
    bench.ask5(a, publish5_2(1, "t", "2", &[]), pubrec5(1, 0, &[]));
    bench.ask5(a, pubrel5(1, 0, &[]), pubcomp5(1, 0, &[]));
    let received = bench.received(b);
    assert_eq!(payloads5(&received), ["0", "1", "2"]);
    bench.quiet(&[a]);
    bench.publish(message("t", "the program's", 0));
    bench.got5(a, publish5("t", "the program's", &[]));
}

#[test]
fn no_local_alone_means_no_matching_subscribers() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.ask5(a, subscribe5(1, &[own()], &[]), suback5(1, &[0], &[]));
    bench.ask5(a, publish5_1(1, "t", "x", &[]), puback5(1, 0x10, &[]));
}

#[test]
fn no_local_says_nothing_of_another_subscription() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    let identified =
        |id, filter, with: u32| subscribe5(id, &[filter], &[subscription_identifier(with)]);
    bench.ask5(a, identified(1, own(), 1), suback5(1, &[0], &[]));
    bench.ask5(a, identified(2, sub5("t", 0), 2), suback5(2, &[0], &[]));
    bench.ask5(a, publish5("t", "x", &[]), publish5("t", "x", &[subscription_identifier(2)]));
    bench.publish(message("t", "y", 0));
    let received = bench.received(a);
    let both = [[1, 2], [2, 1]].map(|both| publish5("t", "y", &both.map(subscription_identifier)));
    assert!(both.contains(&received), "{}", hex(&received));
}

#[test]
fn no_local_also_holds_for_what_the_client_has_retained() {
    let mut bench = Bench::new();
    let a = bench.client5("a", &[]);
    bench.send(a, retained(publish5("mine", "x", &[])));
    let b = bench.client5("b", &[]);
    bench.send(b, retained(publish5("yours", "y", &[])));
    let yours = retained(publish5("yours", "y", &[]));
    bench.ask5(a, subscribe5(1, &[own()], &[]), [suback5(1, &[0], &[]), yours].concat());
    let mine = retained(publish5("mine", "x", &[]));
    bench.ask5(b, subscribe5(1, &[own()], &[]), [suback5(1, &[0], &[]), mine].concat());
}

#[test]
fn no_local_knows_a_client_by_its_identifier_through_connections() {
    let mut bench = Bench::new();
    let a = bench.dial(connect5("a", &[Property::SessionExpiryInterval(100)], |connect| {
        connect.will = Some(Will { retain: true, ..will5("own will", 0, &[]) });
    }));
    bench.connack5(a, false);
    let stays = Subscription { qos: QoS::AtLeastOnce, ..own() };
    bench.ask5(a, subscribe5(1, &[stays], &[]), suback5(1, &[1], &[]));
    let heir = subscriber(&mut bench, "heir", "w", 0);
    bench.lose(a);
    bench.got5(heir, publish5("w", "own will", &[]));
    let a = bench.stayer5("a", 100, true);
    bench.quiet(&[a]);
    bench.ask5(a, subscribe5(1, &[stays], &[]), suback5(1, &[1], &[]));
    bench.quiet(&[a]);
}

#[test]
fn a_shared_subscription_gets_no_retained_messages() {
    let mut bench = with_kept();
    let a = bench.client5("a", &[]);
    for retain_handling in [RetainHandling::SendAtSubscribe, RetainHandling::SendAtNewSubscribe] {
        let filter = Subscription { retain_handling, ..sub5("$share/g/t", 0) };
        bench.ask5(a, subscribe5(1, &[filter], &[]), suback5(1, &[0], &[]));
        bench.quiet(&[a]);
    }
    bench.publish(message("t", "x", 0));
    bench.got5(a, publish5("t", "x", &[]));
}

#[test]
fn many_retained_messages_keep_their_properties() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..300).map(|number| format!("t/{number:03}")).collect();
    for name in &names {
        let mut kept = message_with(name, "x", 1, &[Property::ContentType(name)]);
        kept.retain = true;
        bench.publish(kept);
    }
    let a = bench.client5("a", &[]);
    let with = [subscription_identifier(1)];
    bench.send(a, subscribe5(1, &[sub5("t/#", 0)], &with));
    bench.settle();
    let expected: Vec<u8> = names
        .iter()
        .flat_map(|name| {
            let carried = [Property::ContentType(name), subscription_identifier(1)];
            retained(publish5(name, "x", &carried))
        })
        .collect();
    bench.got5(a, [suback5(1, &[0], &[]), expected].concat());
}
