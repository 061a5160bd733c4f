//! Wills: what is said of a client that did not say goodbye.

use mqtt_sansio::{QoS, Sender};

use super::{capture, message, millis, retained, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::wire;
use crate::world::{LATENCY, Who, World};

pub(super) const CAPTURED: &[Scenario] = &[Scenario {
    name: "will-qos1-retained",
    title: "A will at QoS 1, retained (flags 0x2e)",
    shows: "The will is delivered at QoS 1, and kept for those who subscribe later.",
    twins: &["the will is not retained", "the will is of QoS 0", "it ends with DISCONNECT"],
    run: at_qos_1,
}];

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "wills-network-outage",
        title: "Wills of publisher and subscriber when the network fails",
        shows: "The broker hears nothing for one and a half times the keep alive, and publishes both wills then.",
        twins: &["keep alive 10", "the network holds"],
        run: outage,
    },
    Scenario {
        name: "wills-broker-closes",
        title: "Wills of publisher and subscriber when the broker closes",
        shows: "Where the broker closes the connections, it publishes the wills at once.",
        twins: &["only the publisher's is closed"],
        run: closed_by_broker,
    },
    Scenario {
        name: "no-will-after-disconnect",
        title: "No will after DISCONNECT",
        shows: "DISCONNECT discards the will: who says goodbye is not missed.",
        twins: &["they just end"],
        run: disconnected,
    },
];

const PUBLISHER_GONE: &str = "status publisher lost q1";
const SUBSCRIBER_GONE: &str = "status subscriber lost q1";

fn at_qos_1(twin: Twin) -> Report {
    let topic = "/ufscar/mqtt_activity";
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let [subscriber, late] = [world.client("subscriber"), world.client("late")];
    world.connect(subscriber, &Login::new("subscriber"));
    world.subscribe(subscriber, topic, QoS::AtLeastOnce);
    let qos = twin.pick("the will is of QoS 0", QoS::AtMostOnce, QoS::AtLeastOnce);
    let will = message(topic, "Publisher disconnected", qos);
    let will = if twin.is("the will is not retained") { will } else { retained(will) };
    world.connect(publisher, &Login::new("paho/E0C91AD62A43018FE0").will(will));
    world.pass(seconds(5));
    if twin.is("it ends with DISCONNECT") {
        world.disconnect(publisher);
    } else {
        world.note(Some(publisher), "the program ends");
        world.kill(publisher);
    }
    world.pass(seconds(5));
    world.connect(late, &Login::new("late"));
    world.subscribe(late, topic, QoS::AtLeastOnce);
    world.pass(seconds(1));

    let mut report = Report::default();
    let connect = wire::captured(capture!("004-will-connect.hex"), Sender::Client);
    let sent = world.hex(publisher, Sender::Client).first().cloned();
    let text = "CONNECT is the captured one, byte for byte, flags 0x2e";
    report.states(text, sent, connect.first().cloned());
    let received = world.of(subscriber).received();
    let expected = [format!("{topic} Publisher disconnected q1")];
    report.states("the subscriber received the will at QoS 1", received, expected);
    let received = world.of(late).received();
    let expected = [format!("{topic} Publisher disconnected q1 retained")];
    report.states("it was retained for one who came late", received, expected);
    report.shows(world)
}

/// A publisher and a subscriber with wills, and a third client to see them.
struct Parties {
    world: World,
    publisher: Who,
    subscriber: Who,
    watcher: Who,
}

fn parties(keep_alive: u16) -> Parties {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let [subscriber, watcher] = [world.client("subscriber"), world.client("watcher")];
    world.connect(watcher, &Login::new("watcher").keep_alive(600));
    world.subscribe(watcher, "status", QoS::AtLeastOnce);
    for (who, name) in [(publisher, "publisher"), (subscriber, "subscriber")] {
        let will = message("status", &format!("{name} lost"), QoS::AtLeastOnce);
        world.connect(who, &Login::new(name).keep_alive(keep_alive).will(will));
    }
    world.subscribe(subscriber, "status", QoS::AtLeastOnce);
    world.run_until(seconds(7));
    Parties { world, publisher, subscriber, watcher }
}

fn outage(twin: Twin) -> Report {
    let Parties { mut world, publisher, subscriber, watcher } =
        parties(twin.pick("keep alive 10", 10, 5));
    if !twin.is("the network holds") {
        world.note(None, "the network fails");
        world.cut(publisher);
        world.cut(subscriber);
    }
    world.run_until(seconds(30));

    let mut report = Report::default();
    let received = world.of(watcher).received();
    let expected = [PUBLISHER_GONE, SUBSCRIBER_GONE];
    report.states("the watching client received both wills", received, expected);
    let times: Vec<_> = world.of(watcher).inbox.iter().map(|will| Some(will.at)).collect();
    let last = [publisher, subscriber].map(|who| world.last_heard_of(who));
    let expected = last.map(|at| at.map(|at| at + millis(7500) + LATENCY));
    report.states("each came 7.5 s after the last packet of its client", times, expected);
    let began = last.iter().flatten().all(|at| *at < seconds(6));
    report.states("which was the ping of second 5", began, true);
    report.shows(world)
}

fn closed_by_broker(twin: Twin) -> Report {
    let Parties { mut world, publisher, subscriber, watcher } = parties(60);
    world.note(None, "the broker closes the connections");
    world.close_by_broker(publisher);
    if !twin.is("only the publisher's is closed") {
        world.close_by_broker(subscriber);
    }
    world.pass(seconds(1));

    let mut report = Report::default();
    let received = world.of(watcher).received();
    let expected = [PUBLISHER_GONE, SUBSCRIBER_GONE];
    report.states("the watching client received both wills at once", received, expected);
    let told = world.of(subscriber).told().last().copied();
    let expected = Some("disconnected: the transport was closed or lost");
    report.states("the subscriber saw its connection close", told, expected);
    report.shows(world)
}

fn disconnected(twin: Twin) -> Report {
    let Parties { mut world, publisher, subscriber, watcher } = parties(5);
    for who in [publisher, subscriber] {
        if twin.is("they just end") {
            world.kill(who);
        } else {
            world.disconnect(who);
        }
    }
    world.run_until(seconds(30));

    let mut report = Report::default();
    let received = world.of(watcher).received();
    report.states("the watching client received no will", received, Vec::<String>::new());
    report.shows(world)
}
