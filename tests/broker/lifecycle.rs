//! How connections and sessions begin and end.

use std::time::Duration;

use mqtt_sansio::{
    Access, BrokerEvent, BrokerOutput, CloseReason, Filter, Message, OwnedProperties, Permissions,
    QoS, ReasonCode,
};

use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{
    DISCONNECT, connect, connect_with_will, dup, payloads, puback, pubcomp, publish, publish1,
    publish2, pubrec, pubrel, retained, suback, subscribe,
};

fn message(payload: &'static str, qos: u8) -> Message {
    let mut message = Message::new("t", payload).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message
}

/// The session "a" on a new connection, and all that came with CONNACK.
fn back(bench: &mut Bench) -> Peer {
    bench.dial(connect("a", |connect| connect.clean_start = false))
}

#[test]
fn events_of_a_life_come_in_their_order_and_once() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    let again = bench.stayer("a", true);
    bench.send(again, DISCONNECT);
    let (a, again) = (bench.id(a), bench.id(again));
    let events = bench.events();
    let mut expected = Vec::new();
    for (connection, session_present) in [(a, false), (again, true)] {
        let BrokerEvent::Connect { request, .. } = &events[0] else { panic!("{events:?}") };
        expected.push(BrokerEvent::Connect { connection, request: request.clone() });
        if session_present {
            let reason = CloseReason::TakenOver;
            let client_id = Some("a".into());
            let properties = OwnedProperties::EMPTY;
            let connection = a;
            let over = BrokerEvent::Disconnected { connection, client_id, reason, properties };
            expected.push(over);
        }
        let client_id = "a".into();
        expected.push(BrokerEvent::Connected { connection, client_id, session_present });
    }
    let (client_id, reason) = (Some("a".into()), CloseReason::Disconnected);
    let (connection, properties) = (again, OwnedProperties::EMPTY);
    expected.push(BrokerEvent::Disconnected { connection, client_id, reason, properties });
    assert_eq!(events, expected);
}

#[test]
fn a_clean_session_ends_with_its_connection_at_once() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.lose(a);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (0, 0));
    assert_eq!(bench.wait, None);
}

#[test]
fn on_reconnect_what_was_sent_comes_again_in_order_before_what_waited() {
    let mut bench = Bench::with(|config| config.session.max_inflight_messages = 4);
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    for (payload, qos) in [("1", 2), ("2", 1), ("3", 2), ("4", 1), ("5", 1)] {
        bench.publish(message(payload, qos));
    }
    let sent = bench.received(a);
    assert_eq!(payloads(&sent), ["1", "2", "3", "4"]);
    bench.ask(a, pubrec(3), pubrel(3));
    bench.ask(a, puback(2), publish1(5, "t", "5"));
    bench.publish(message("6", 1));
    bench.publish(message("never kept", 0));
    bench.lose(a);
    bench.publish(message("7", 2));
    let a = back(&mut bench);
    let again = [dup(publish2(1, "t", "1")), pubrel(3), dup(publish1(4, "t", "4"))].concat();
    bench.got(a, [vec![0x20, 2, 1, 0], again, dup(publish1(5, "t", "5"))]);
    // New identifiers only once there is room.
    bench.ask(a, pubcomp(3), publish1(6, "t", "6"));
    bench.ask(a, puback(4), publish2(7, "t", "7"));
}

#[test]
fn a_takeover_while_messages_are_in_flight_sends_them_again_to_the_new_connection() {
    let mut bench = Bench::new();
    let old = bench.stayer("a", false);
    bench.ask(old, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    bench.publish(message("1", 1));
    bench.publish(message("2", 2));
    bench.got(old, [publish1(1, "t", "1"), publish2(2, "t", "2")]);
    bench.ask(old, pubrec(2), pubrel(2));
    bench.stall(old);
    bench.publish(message("3", 1));
    let new = back(&mut bench);
    bench.is_closed(old, CloseReason::TakenOver);
    let rest = [dup(publish1(1, "t", "1")), pubrel(2), publish1(3, "t", "3")].concat();
    bench.got(new, [vec![0x20, 2, 1, 0], rest]);
    // What the old connection still says concerns nobody.
    bench.send(old, [puback(1), pubcomp(2)]);
    bench.lose(new);
    let new = back(&mut bench);
    let rest = [dup(publish1(1, "t", "1")), pubrel(2), dup(publish1(3, "t", "3"))].concat();
    bench.got(new, [vec![0x20, 2, 1, 0], rest]);
}

#[test]
fn a_pulled_but_lost_batch_comes_again_and_an_unpulled_one_for_the_first_time() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    bench.publish(message("pulled", 1));
    bench.stall(a);
    bench.publish(message("not pulled", 1));
    bench.lose(a);
    let a = back(&mut bench);
    let rest = [dup(publish1(1, "t", "pulled")), publish1(2, "t", "not pulled")].concat();
    bench.got(a, [vec![0x20, 2, 1, 0], rest]);
}

#[test]
fn permissions_of_the_new_connection_hold_for_the_old_subscriptions() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("#", 1)]), suback(1, &[1]));
    bench.lose(a);
    bench.answer_with(|_| {
        let t = Filter::new("t").unwrap();
        Answer::Accept(Permissions::all().deny(Access::Subscribe, t))
    });
    let a = bench.stayer("a", true);
    bench.publish(message("x", 1));
    bench.quiet(&[a]);
    bench.publish(Message::new("u", "x").unwrap());
    bench.got(a, publish("u", "x"));
}

#[test]
fn permissions_to_receive_are_looked_at_message_by_message() {
    let mut bench = Bench::new();
    bench.answer_with(|_| {
        let allowed = Filter::new("home/+/temp").unwrap();
        let denied = Filter::new("home/cellar/#").unwrap();
        let permissions = Permissions::none().allow(Access::Both, allowed);
        Answer::Accept(permissions.deny(Access::Subscribe, denied))
    });
    let a = bench.client("a");
    for name in ["home/attic/temp", "home/cellar/temp", "home/door", "office/x/temp"] {
        let mut stored = Message::new(name, "stored").unwrap();
        stored.retain = true;
        bench.publish(stored);
    }
    // No topic in common, all of it denied, and some of it allowed.
    bench.send(a, subscribe(1, &[("office/#", 0), ("home/cellar/temp", 0), ("#", 0)]));
    let answer = [suback(1, &[0x80, 0x80, 0]), retained(publish("home/attic/temp", "stored"))];
    bench.got(a, answer);
    for name in ["home/attic/temp", "home/cellar/temp", "home/door"] {
        bench.publish(Message::new(name, "new").unwrap());
    }
    bench.got(a, publish("home/attic/temp", "new"));
}

#[test]
fn the_program_subscribes_publishes_and_unsubscribes() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.send(a, retained(publish1(1, "k/1", "stored")));
    let filter = crate::wire::filter("k/#");
    assert_eq!(bench.broker.subscribe(ms(1000), filter), Ok(()));
    bench.drive();
    bench.send(a, publish2(2, "k/2", "new"));
    assert_eq!(bench.messages().len(), 1);
    bench.send(a, pubrel(2));
    let [message] = &bench.messages()[..] else { panic!("not one message") };
    assert_eq!((message.topic.name().as_str(), &message.payload[..]), ("k/2", &b"new"[..]));
    assert_eq!((message.qos, message.retain), (QoS::ExactlyOnce, false));
    assert!(bench.broker.unsubscribe(ms(1000), filter));
    assert!(!bench.broker.unsubscribe(ms(1000), filter));
    bench.send(a, publish("k/3", "unseen"));
    assert_eq!(bench.messages().len(), 0);
}

#[test]
fn what_the_program_publishes_may_be_retained_and_under_any_topic() {
    let mut bench =
        Bench::with(|config| config.sys_interval = Some(Duration::from_secs(1_000_000)));
    let mut message = Message::new("$SYS/own", "x").unwrap();
    message.retain = true;
    bench.publish(message);
    let a = bench.client("a");
    bench.ask(
        a,
        subscribe(1, &[("$SYS/own", 0)]),
        [suback(1, &[0]), retained(publish("$SYS/own", "x"))],
    );
    let mut long = Message::new("t", vec![0; 268_435_455]).unwrap();
    long.qos = QoS::ExactlyOnce;
    assert!(bench.broker.publish(ms(1000), long).is_err());
}

#[test]
fn shutdown_closes_all_connections_publishes_their_wills_and_keeps_their_sessions() {
    let mut bench = Bench::new();
    bench.answer_with(|request| match &*request.client_id {
        "pending" => Answer::Later,
        _ => Answer::Accept(Permissions::all()),
    });
    let heir = bench.stayer("heir", false);
    bench.ask(heir, subscribe(1, &[("w", 1)]), suback(1, &[1]));
    let a = bench.dial(connect_with_will("a", "gone", 1));
    let pending = bench.dial(connect("pending", |_| ()));
    let silent = bench.open();
    bench.broker.shutdown(ms(1000));
    bench.drive();
    for peer in [heir, a, pending, silent] {
        bench.is_closed(peer, CloseReason::Requested);
    }
    let heir = bench.dial(connect("heir", |connect| connect.clean_start = false));
    bench.got(heir, [vec![0x20, 2, 1, 0], publish1(1, "w", "gone")]);
}

#[test]
fn stale_connections_are_ignored_in_every_call() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let old = bench.dial(connect("a", |_| ()));
    bench.lose(old);
    let stale = bench.id(old);
    // The next connection has the same number.
    let new = bench.dial(connect("b", |_| ()));
    assert_eq!(bench.id(new).index(), stale.index());
    assert_ne!(bench.id(new), stale);
    for accepted in [false, true] {
        if accepted {
            bench.broker.accept(ms(1000), bench.id(new), Permissions::all());
            bench.drive();
            bench.got(new, "20020000");
        }
        bench.events();
        let now = ms(bench.now);
        let mut out = Vec::new();
        bench.broker.handle_input(now, stale, &connect("x", |_| ()));
        bench.broker.accept(now, stale, Permissions::all());
        bench.broker.refuse(now, stale, ReasonCode::NotAuthorized);
        bench.broker.disconnect(now, stale);
        bench.broker.handle_closed(now, stale);
        bench.broker.handle_closed(now, stale);
        assert_eq!(bench.broker.poll_transmit(now, stale, &mut out, usize::MAX), 0);
        assert!(out.is_empty());
        assert_eq!(bench.broker.poll_output(), BrokerOutput::Wait(None));
        bench.broker.check_invariants();
        bench.quiet(&[new]);
    }
}

#[test]
fn answers_that_nobody_asked_for_are_ignored() {
    let mut bench = Bench::new();
    let silent = bench.open();
    let a = bench.client("a");
    bench.events();
    for peer in [silent, a] {
        bench.broker.accept(ms(1000), bench.id(peer), Permissions::none());
        bench.broker.refuse(ms(1000), bench.id(peer), ReasonCode::NotAuthorized);
        bench.drive();
    }
    assert_eq!(bench.events(), []);
    bench.quiet(&[silent, a]);
    bench.ask(a, subscribe(1, &[("t", 0)]), suback(1, &[0]));
}

#[test]
fn handle_closed_at_every_state_tells_disconnected_exactly_once() {
    let mut bench = Bench::new();
    bench.answer_with(|request| match &*request.client_id {
        "pending" => Answer::Later,
        "refused" => Answer::Refuse(ReasonCode::NotAuthorized),
        _ => Answer::Accept(Permissions::all()),
    });
    let refused = bench.open();
    bench.stall(refused);
    bench.send(refused, connect("refused", |_| ()));
    let pending = bench.dial(connect("pending", |_| ()));
    let peers = [bench.open(), pending, bench.client("a"), bench.stayer("b", false), refused];
    for peer in peers {
        bench.lose(peer);
        let id = bench.id(peer);
        bench.broker.handle_closed(ms(1000), id);
        bench.drive();
        let reason = if peer == refused {
            CloseReason::Refused(ReasonCode::NotAuthorized)
        } else {
            CloseReason::TransportClosed
        };
        bench.is_closed(peer, reason);
    }
    assert_eq!(bench.broker.statistics().clients_connected, 0);
}

#[test]
fn a_pull_of_0_loses_nothing() {
    let mut bench = Bench::new();
    bench.answer_with(|request| match &*request.client_id {
        "refused" => Answer::Refuse(ReasonCode::NotAuthorized),
        _ => Answer::Accept(Permissions::all()),
    });
    for name in ["a", "refused"] {
        let peer = bench.open();
        bench.stall(peer);
        bench.send(peer, connect(name, |_| ()));
        let mut out = Vec::new();
        assert_eq!(bench.broker.poll_transmit(ms(1000), bench.id(peer), &mut out, 0), 0);
        bench.resume(peer);
        bench.got(peer, if name == "a" { "20020000" } else { "20020005" });
    }
}

#[test]
fn small_pulls_bring_the_same_bytes() {
    let all = |pull: usize| {
        let mut bench = Bench::new();
        let a = bench.stayer("a", false);
        let filters = [("t", 2), ("u", 0)];
        bench.ask(a, subscribe(1, &filters), suback(1, &[2, 0]));
        bench.stall(a);
        for (payload, qos) in [("1", 2), ("2", 0), ("3", 1)] {
            bench.publish(message(payload, qos));
        }
        bench.send(a, [vec![0xC0, 0], subscribe(2, &[("v", 1)])]);
        bench.publish(Message::new("u", vec![b'x'; 5000]).unwrap());
        bench.pull = pull;
        bench.resume(a);
        bench.received(a)
    };
    let whole = all(usize::MAX);
    assert_eq!(payloads(&whole).len(), 4);
    for pull in [1, 2, 3, 10, 100, 5000] {
        assert_eq!(all(pull), whole, "pulls of {pull}");
    }
}
