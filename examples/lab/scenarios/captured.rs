//! A message through a broker at each QoS, with a third client watching, as captured in document 002.

use mqtt_sansio::QoS;

use super::{as_captured, capture, message, millis, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::world::{Who, World};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "qos0-watched",
        title: "QoS 0 end to end, watched by a third client",
        shows: "One PUBLISH to the broker, one to each subscriber, and no answers.",
        twins: &["published at QoS 1", "subscribed to another topic", "the others watch nothing"],
        run: |twin| watched(twin, QoS::AtMostOnce),
    },
    Scenario {
        name: "qos1-watched",
        title: "QoS 1 end to end, watched by a third client",
        shows: "The broker acknowledges to the publisher, and the subscriber to the broker, with identifiers of their own.",
        twins: &["published at QoS 0", "subscribed at QoS 0", "the others watch nothing"],
        run: |twin| watched(twin, QoS::AtLeastOnce),
    },
    Scenario {
        name: "qos2-watched",
        title: "QoS 2 end to end, watched by a third client",
        shows: "Four packets on the publisher's side and four on the subscriber's, each message once.",
        twins: &["published at QoS 1", "subscribed at QoS 1", "the others watch nothing"],
        run: |twin| watched(twin, QoS::ExactlyOnce),
    },
];

struct Parties {
    publisher: Who,
    subscriber: Who,
    watcher: Who,
}

/// What the document's programs were given: topic, message and the captures of both sides.
fn exercise(qos: QoS) -> (&'static str, &'static str, [&'static str; 2]) {
    match qos {
        QoS::AtMostOnce => {
            let files = [capture!("002-qos0-publisher.hex"), capture!("002-qos0-subscriber.hex")];
            ("internet", "IOT", files)
        }
        QoS::AtLeastOnce => {
            let files = [capture!("002-qos1-publisher.hex"), capture!("002-qos1-subscriber.hex")];
            ("network", "hello", files)
        }
        QoS::ExactlyOnce => {
            let files = [capture!("002-qos2-publisher.hex"), capture!("002-qos2-subscriber.hex")];
            ("network", "Good", files)
        }
    }
}

fn watched(twin: Twin, qos: QoS) -> Report {
    let (topic, payload, [publisher_file, subscriber_file]) = exercise(qos);
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let [subscriber, watcher] = [world.client("subscriber"), world.client("watcher")];
    for who in [publisher, subscriber, watcher] {
        world.of_mut(who).latency = millis(150);
    }
    let parties = Parties { publisher, subscriber, watcher };
    publisher_before(&mut world, twin, qos, &parties);
    subscribers(&mut world, twin, qos, &parties);
    let changed = twin.pick("published at QoS 0", QoS::AtMostOnce, qos);
    let changed = twin.pick("published at QoS 1", QoS::AtLeastOnce, changed);
    world.publish(publisher, message(topic, payload, changed));
    world.pass(seconds(6));

    let mut report = Report::default();
    as_captured(&mut report, &world, publisher, "publisher", publisher_file);
    as_captured(&mut report, &world, subscriber, "subscriber", subscriber_file);
    let received = world.of(subscriber).received();
    let expected = [format!("{topic} {payload} q{qos}")];
    report.states(&format!("the subscriber received it at QoS {qos}"), received, expected);
    let received = world.of(watcher).received();
    let expected = [format!("{topic} {payload} q0")];
    report.states("the watching client received it at its own QoS 0", received, expected);
    report.shows(world)
}

/// What the publisher did before the message that was captured.
fn publisher_before(world: &mut World, twin: Twin, qos: QoS, parties: &Parties) {
    let publisher = parties.publisher;
    let login = Login::new("PythonPub").keep_alive(5);
    world.connect(publisher, &login);
    world.pass(seconds(2));
    match qos {
        QoS::AtMostOnce => {
            world.note(Some(publisher), "started again");
            world.kill(publisher);
            world.pass(seconds(1));
            world.connect(publisher, &login);
        }
        // The captured message has the identifier 7: six had gone before.
        QoS::AtLeastOnce => {
            let changed = twin.pick("published at QoS 0", QoS::AtMostOnce, qos);
            for _ in 0..6 {
                world.publish(publisher, message("network", "hello", changed));
                world.pass(seconds(1));
            }
        }
        QoS::ExactlyOnce => {}
    }
    world.pass(seconds(1));
}

fn subscribers(world: &mut World, twin: Twin, qos: QoS, parties: &Parties) {
    let (topic, ..) = exercise(qos);
    let changed = twin.pick("subscribed at QoS 0", QoS::AtMostOnce, qos);
    let changed = twin.pick("subscribed at QoS 1", QoS::AtLeastOnce, changed);
    let other = twin.pick("subscribed to another topic", "intranet", topic);
    world.connect(parties.subscriber, &Login::new("PythonSub").keep_alive(5));
    world.subscribe(parties.subscriber, other, changed);
    let other = twin.pick("the others watch nothing", "nothing", topic);
    world.connect(parties.watcher, &Login::new("watcher"));
    world.subscribe(parties.watcher, other, QoS::AtMostOnce);
    world.pass(seconds(2));
}
