//! What the program that embeds the broker can do to its clients, and what they cannot do to it.

use mqtt_sansio::{
    Access, BrokerOutput, ClientFault, CloseReason, Dropped, Filter, Message, Permissions, QoS,
    ReasonCode,
};

use crate::bench::{Answer, Bench, ms};
use crate::wire::{
    DISCONNECT, PINGREQ, PINGRESP, Wire, connect, filter, puback, publish, publish1, publish2,
    pubrel, retained, suback, subscribe, topic, unsuback, unsubscribe,
};

fn message(name: &str, payload: &str, qos: QoS) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = qos;
    message
}

fn nothing_but(name: &str) -> Permissions {
    Permissions::none().allow(Access::Both, Filter::new(name).unwrap())
}

#[test]
fn clients_are_found_by_their_identifiers() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    let b = bench.stayer("b", false);
    bench.lose(b);
    let mut ids: Vec<_> = bench.broker.client_ids().collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(bench.broker.connection("a"), Some(bench.id(a)));
    assert_eq!(bench.broker.connection("b"), None);
    assert_eq!(bench.broker.connection("c"), None);
}

#[test]
fn a_session_is_ended_with_its_connection_and_its_subscriptions() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("t", 1)]), suback(1, &[1]));
    assert!(bench.broker.end_session(ms(1000), "a"));
    bench.drive();
    bench.is_closed(a, CloseReason::Requested);
    assert_eq!((bench.broker.sessions(), bench.broker.router().subscriptions()), (0, 0));
    assert!(!bench.broker.end_session(ms(1000), "a"));
    let b = bench.stayer("b", false);
    bench.lose(b);
    assert!(bench.broker.end_session(ms(1000), "b"));
    bench.stayer("b", false);
}

#[test]
fn new_permissions_hold_for_what_comes_and_for_what_waits() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.ask(a, subscribe(1, &[("#", 1)]), suback(1, &[1]));
    bench.stall(a);
    bench.publish(message("secret", "waits", QoS::AtLeastOnce));
    bench.publish(message("open", "waits", QoS::AtLeastOnce));
    assert!(bench.broker.set_permissions(ms(1000), "a", nothing_but("open")));
    assert!(!bench.broker.set_permissions(ms(1000), "b", nothing_but("open")));
    bench.publish(message("secret", "comes", QoS::AtLeastOnce));
    bench.resume(a);
    bench.got(a, publish1(1, "open", "waits"));
    bench.ask(a, publish1(7, "secret", "mine"), puback(7));
    assert_eq!(bench.broker.statistics().publish_rejected, 1);
}

#[test]
fn who_comes_back_with_fewer_permissions_is_not_sent_what_waited() {
    let mut bench = Bench::new();
    let a = bench.stayer("a", false);
    bench.ask(a, subscribe(1, &[("#", 1)]), suback(1, &[1]));
    bench.lose(a);
    bench.publish(message("secret", "x", QoS::AtLeastOnce));
    bench.publish(message("open", "x", QoS::AtLeastOnce));
    bench.answer_with(|_| Answer::Accept(nothing_but("open")));
    let a = bench.dial(connect("a", |connect| connect.clean_start = false));
    bench.got(a, [vec![0x20, 2, 1, 0], publish1(1, "open", "x")]);
}

#[test]
fn what_was_asked_for_before_disconnect_is_answered() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    let hasty = [connect("a", |_| ()), publish1(9, "t", "x"), DISCONNECT.wire()].concat();
    let a = bench.dial(hasty);
    bench.stall(a);
    let id = bench.id(a);
    bench.broker.accept(ms(1000), id, Permissions::all());
    bench.drive();
    bench.resume(a);
    bench.got(a, [vec![0x20, 2, 0, 0], puback(9)]);
    bench.is_closed(a, CloseReason::Disconnected);
}

#[test]
fn what_is_not_taken_of_the_last_answers_ends_with_close_timeout() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.stall(a);
    bench.send(a, "c000 e000");
    assert_eq!(bench.wait, Some(ms(6000)));
    bench.at(5999);
    bench.at(6000);
    bench.is_closed(a, CloseReason::Disconnected);
}

#[test]
fn max_filters_are_taken_and_one_more_closes() {
    let mut bench = Bench::with(|config| config.session.max_filters = 2);
    let a = bench.client("a");
    bench.ask(a, subscribe(1, &[("a", 0), ("b", 0)]), suback(1, &[0, 0]));
    bench.ask(a, unsubscribe(2, &["a", "b"]), unsuback(2));
    bench.send(a, unsubscribe(3, &["a", "b", "c"]));
    bench.is_closed(a, ClientFault::TooManyFilters);
    let b = bench.client("b");
    bench.send(b, subscribe(1, &[("a", 0), ("b", 0), ("c", 0)]));
    bench.is_closed(b, ClientFault::TooManyFilters);
    assert_eq!(ClientFault::TooManyFilters.reason_code(), ReasonCode::QuotaExceeded);
}

#[test]
fn clients_cannot_crowd_out_the_brokers_own_topics() {
    let mut bench = Bench::with(|config| {
        config.sys_interval = Some(std::time::Duration::from_secs(10));
        config.router.max_retained_messages = 1;
        config.router.max_retained_bytes = 10;
    });
    let a = bench.client("a");
    bench.send(a, retained(publish("t", "1")));
    bench.send(a, retained(publish("u", "2")));
    assert_eq!(bench.broker.statistics().retain_rejected, 1);
    bench.at(11_000);
    let uptime = bench.broker.router().retained(topic("$SYS/broker/uptime")).unwrap();
    assert_eq!(uptime.payload, "10 seconds");
    assert!(bench.broker.router().next_retained(filter("t"), None).is_some());
    bench.broker.check_invariants();
}

#[test]
fn a_message_that_fits_no_packet_is_not_taken() {
    use std::sync::Arc;

    use mqtt_sansio::{Session, SessionConfig};
    let mut session = Session::new(Arc::new(SessionConfig::default()));
    let large = Arc::new(message("t", &"x".repeat(268_435_451), QoS::AtLeastOnce));
    let taken = session.deliver(ms(1000), &large, QoS::AtLeastOnce, false);
    assert_eq!(taken, Err(Dropped::TooLarge));
}

#[test]
fn a_pull_of_nothing_takes_no_promise_back() {
    let (mut bench, [a]) = Bench::with_clients(["a"]);
    bench.stall(a);
    bench.send(a, PINGREQ);
    let id = bench.id(a);
    let mut out = Vec::new();
    assert_eq!(bench.broker.poll_transmit(ms(1000), id, &mut out, 0), 0);
    bench.resume(a);
    bench.got(a, PINGRESP);
}

#[test]
fn debug_shows_neither_payloads_nor_passwords() {
    let mut bench = Bench::new();
    bench.answer_with(|_| Answer::Later);
    bench.dial(connect("a", |connect| {
        connect.user_name = Some("user");
        connect.password = Some(b"hidden");
    }));
    let b = bench.dial(connect("b", |connect| connect.clean_start = false));
    let id = bench.id(b);
    bench.broker.accept(ms(1000), id, Permissions::all());
    bench.drive();
    bench.send(b, subscribe(1, &[("t", 1)]));
    bench.lose(b);
    bench.broker.publish(ms(1000), message("t", "hidden", QoS::AtLeastOnce)).unwrap();
    let shown = format!("{:?}", bench.broker);
    let bytes = format!("{:?}", b"hidden");
    assert!(
        !shown.contains("hidden") && !shown.contains(bytes.trim_matches(['[', ']'])),
        "{shown}"
    );
}

#[test]
fn a_publisher_is_acknowledged_before_others_are_sent_its_message() {
    let (mut bench, [subscriber, publisher]) = Bench::with_clients(["subscriber", "publisher"]);
    bench.ask(subscriber, subscribe(1, &[("t", 2)]), suback(1, &[2]));
    let ids = [publisher, subscriber].map(|peer| bench.id(peer));
    for packets in [publish1(1, "t", "x"), [publish2(2, "t", "x"), pubrel(2)].concat()] {
        bench.broker.handle_input(ms(1000), ids[0], &packets);
        let told = ids.map(|_| bench.broker.poll_output());
        assert_eq!(told, ids.map(BrokerOutput::Transmit));
        for id in ids {
            bench.broker.poll_transmit(ms(1000), id, &mut Vec::new(), usize::MAX);
        }
    }
}
