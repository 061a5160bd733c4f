//! When wills are published, and when not.

use std::time::Duration;

use mqtt_sansio::{Access, ClientFault, CloseReason, Filter, Permissions, Will};

use crate::bench::{Answer, Bench, Peer, ms};
use crate::wire::{
    DISCONNECT, connect, connect_with_will, publish, publish1, publish2, suback, subscribe, will,
};

/// A broker with a client that gets the wills under "w" at QoS 2.
fn with_heir() -> (Bench, Peer) {
    let (mut bench, [heir]) = Bench::with_clients(["heir"]);
    bench.ask(heir, subscribe(1, &[("w", 2)]), suback(1, &[2]));
    bench.events();
    (bench, heir)
}

#[test]
fn the_will_is_published_for_every_end_but_disconnect() {
    type End = fn(&mut Bench, Peer);
    let ends: [(&str, CloseReason, End); 6] = [
        ("lost", CloseReason::TransportClosed, |bench, a| bench.lose(a)),
        ("keep alive", CloseReason::KeepAliveTimeout, |bench, _| bench.at(91_000)),
        ("fault", ClientFault::SecondConnect.into(), |bench, a| {
            bench.send(a, connect("a", |_| ()));
        }),
        ("takeover", CloseReason::TakenOver, |bench, _| {
            bench.client("a");
        }),
        ("requested", CloseReason::Requested, |bench, a| {
            bench.broker.disconnect(ms(bench.now), bench.id(a));
            bench.drive();
        }),
        ("disconnect", CloseReason::Disconnected, |bench, a| bench.send(a, DISCONNECT)),
    ];
    for (what, reason, end) in ends {
        for qos in 0..=2 {
            let (mut bench, heir) = with_heir();
            let a = bench.dial(connect("a", |connect| {
                connect.keep_alive = 60;
                connect.will = Some(will("gone", qos));
            }));
            bench.got(a, "20020000");
            end(&mut bench, a);
            bench.is_closed(a, reason);
            let expected = match qos {
                _ if what == "disconnect" => Vec::new(),
                0 => publish("w", "gone"),
                1 => publish1(1, "w", "gone"),
                _ => publish2(1, "w", "gone"),
            };
            bench.got(heir, expected);
        }
    }
}

#[test]
fn a_will_that_its_client_may_not_publish_is_dropped() {
    let mut bench = Bench::new();
    bench.answer_with(|request| {
        let filter = Filter::new("w").unwrap();
        Answer::Accept(match &*request.client_id {
            "denied" => Permissions::all().deny(Access::Publish, filter),
            "none" => Permissions::none().allow(Access::Subscribe, filter),
            _ => Permissions::all(),
        })
    });
    let heir = bench.client("heir");
    bench.ask(heir, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    for name in ["denied", "none"] {
        let retained = Will { retain: true, ..will("forbidden", 1) };
        let a = bench.dial(connect(name, |connect| connect.will = Some(retained)));
        bench.lose(a);
        bench.quiet(&[heir]);
    }
    assert_eq!(bench.broker.router().retained_messages(), 0);
    assert_eq!(bench.broker.statistics().publish_rejected, 2);
    let a = bench.dial(connect_with_will("a", "allowed", 0));
    bench.lose(a);
    bench.got(heir, publish("w", "allowed"));
}

#[test]
fn a_will_under_the_brokers_own_topics_is_dropped() {
    let mut bench =
        Bench::with(|config| config.sys_interval = Some(Duration::from_secs(1_000_000)));
    let heir = bench.client("heir");
    bench.ask(heir, subscribe(1, &[("$SYS/x", 0)]), suback(1, &[0]));
    let mut forged = will("forged", 0);
    forged.topic = crate::wire::topic("$SYS/x");
    let a = bench.dial(connect("a", |connect| connect.will = Some(forged)));
    bench.lose(a);
    bench.quiet(&[heir]);
}

#[test]
fn the_will_of_a_session_goes_to_itself_when_it_is_taken_over() {
    let mut bench = Bench::new();
    let hello = connect("a", |connect| {
        connect.clean_start = false;
        connect.will = Some(will("gone", 1));
    });
    let a = bench.dial(&hello[..]);
    bench.ask(a, subscribe(1, &[("w", 1)]), "20020000 90030001 01");
    let a = bench.dial(&hello[..]);
    bench.got(a, [vec![0x20, 2, 1, 0], publish1(1, "w", "gone")]);
}
