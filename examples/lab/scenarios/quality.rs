//! What the Quality of Service costs, and which one counts.

use std::time::Duration;

use mqtt_sansio::{QoS, Sender};

use super::{QOS, capture, message, millis, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::table::Table;
use crate::wire;
use crate::world::{Who, World};

pub(super) const CAPTURED: &[Scenario] = &[Scenario {
    name: "downgrade-to-qos0",
    title: "QoS 0, 1 and 2 to a subscriber at QoS 0",
    shows: "The publisher's QoS ends at the broker: the subscriber gets what it asked for.",
    twins: &["subscribed at QoS 2", "the first is published at QoS 1"],
    run: downgrade,
}];

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "qos-costs",
        title: "Packets, bytes and time of QoS 0, 1 and 2",
        shows: "Each QoS adds packets; only QoS 2 delays the message itself, by a round trip of its publisher.",
        twins: &["all at QoS 0", "a link of 10 ms"],
        run: costs,
    },
    Scenario {
        name: "qos-pairs",
        title: "Publish QoS and subscription QoS, all nine pairs",
        shows: "A message is delivered at the lower of the QoS it was published at and that of the subscription.",
        twins: &["all subscribe at QoS 2"],
        run: pairs,
    },
];

fn downgrade(twin: Twin) -> Report {
    let topic = "/ufscar/mqtt_activity";
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    let qos = twin.pick("subscribed at QoS 2", QoS::ExactlyOnce, QoS::AtMostOnce);
    world.connect(subscriber, &Login::new("subscriber"));
    world.subscribe(subscriber, topic, qos);
    world.connect(publisher, &Login::new("publisher"));
    let first = twin.pick("the first is published at QoS 1", QoS::AtLeastOnce, QoS::AtMostOnce);
    for (payload, qos) in [
        ("First Message", first),
        ("Second Message", QoS::AtLeastOnce),
        ("Third Message", QoS::ExactlyOnce),
    ] {
        world.pass(seconds(2));
        world.publish(publisher, message(topic, payload, qos));
    }
    world.pass(seconds(1));

    let mut report = Report::default();
    let captures = [capture!("004-qos0.hex"), capture!("004-qos1.hex"), capture!("004-qos2.hex")];
    let deliveries = captures.map(|file| wire::captured(file, Sender::Server).pop());
    let sent = world.hex(subscriber, Sender::Server);
    let publishes: Vec<_> = sent.into_iter().filter(|hex| hex.starts_with('3')).map(Some).collect();
    let text = "all three came at QoS 0, in the captured packets, byte for byte";
    report.states(text, publishes, deliveries);
    let packets = world.packets(publisher);
    let expected = [
        "CONNECT", "CONNACK", "PUBLISH", "PUBLISH", "PUBACK", "PUBLISH", "PUBREC", "PUBREL",
        "PUBCOMP",
    ];
    report.states("the publisher got the answers of its own QoS", packets, expected);
    report.shows(world)
}

/// What one message took.
struct Cost {
    packets: [usize; 2],
    bytes: [usize; 2],
    delivered: Duration,
    known: Duration,
}

fn costs(twin: Twin) -> Report {
    let latency = twin.pick("a link of 10 ms", millis(10), millis(50));
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    for who in [publisher, subscriber] {
        world.of_mut(who).latency = latency;
    }
    world.connect(subscriber, &Login::new("aliceii"));
    world.subscribe(subscriber, "status", QoS::ExactlyOnce);
    world.connect(publisher, &Login::new("samii"));
    let mut table = Table::new(
        "one message of 16 bytes to \"status\", 50 ms one way",
        &["QoS", "packets sent", "bytes", "packets delivered", "bytes", "delivered", "known"],
    );
    let mut found = Vec::new();
    for qos in QOS {
        let published = twin.pick("all at QoS 0", QoS::AtMostOnce, qos);
        let cost = cost(&mut world, [publisher, subscriber], published);
        let delivered = cost.delivered.as_millis();
        let times = [delivered, cost.known.as_millis()].map(|time| format!("{time} ms"));
        let known = if qos == QoS::AtMostOnce { "never" } else { &times[1] };
        let [p, s] = cost.packets;
        table.row(&[&qos, &p, &cost.bytes[0], &s, &cost.bytes[1], &times[0], &known]);
        found.push((cost.packets, delivered, cost.known.as_millis()));
    }

    let mut report = Report::default();
    let packets: Vec<_> = found.iter().map(|found| found.0).collect();
    let text = "the message takes 1, 2 or 4 packets on each side";
    report.states(text, packets, [[1, 1], [2, 2], [4, 4]]);
    let delivered: Vec<_> = found.iter().map(|found| found.1).collect();
    let text = "it is delivered after 100 ms at QoS 0 and 1, and after 200 ms at QoS 2";
    report.states(text, delivered, [100, 100, 200]);
    let known: Vec<_> = found.iter().map(|found| found.2).collect();
    let text =
        "the publisher knows after 100 ms at QoS 1, after 200 ms at QoS 2, and never at QoS 0";
    report.states(text, known, [0, 100, 200]);
    report.tables.push(table);
    report.shows(world)
}

fn cost(world: &mut World, [publisher, subscriber]: [Who; 2], qos: QoS) -> Cost {
    world.pass(seconds(5));
    let begin = world.now();
    world.publish(publisher, message("status", "door is locked..", qos));
    world.pass(seconds(5));
    let traffic = [world.traffic(publisher, begin), world.traffic(subscriber, begin)];
    let delivered = world.of(subscriber).inbox.last().map_or(Duration::MAX, |received| received.at);
    let known = world.of(publisher).outcomes.last().map_or(Duration::MAX, |(at, _)| *at);
    Cost {
        packets: traffic.map(|traffic| traffic.packets),
        bytes: traffic.map(|traffic| traffic.bytes),
        delivered: delivered.saturating_sub(begin),
        known: known.saturating_sub(begin),
    }
}

fn pairs(twin: Twin) -> Report {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscribers = QOS.map(|qos| (qos, world.client(&format!("q{qos}"))));
    for (qos, subscriber) in subscribers {
        world.connect(subscriber, &Login::new(&format!("subscriber{qos}")));
        let qos = twin.pick("all subscribe at QoS 2", QoS::ExactlyOnce, qos);
        world.subscribe(subscriber, "status", qos);
    }
    world.connect(publisher, &Login::new("publisher"));
    for qos in QOS {
        world.pass(seconds(1));
        world.publish(publisher, message("status", "locked", qos));
    }
    world.pass(seconds(1));

    let mut table = Table::new(
        "QoS of the delivery",
        &["", "subscribed at 0", "subscribed at 1", "subscribed at 2"],
    );
    let delivered = subscribers.map(|(_, subscriber)| {
        let inbox = world.of(subscriber).inbox.iter();
        inbox.map(|received| u8::from(received.message.qos)).collect::<Vec<_>>()
    });
    let lower =
        [0, 1, 2].map(|subscription| [0, 1, 2].map(|publish: u8| publish.min(subscription)));
    for (index, qos) in QOS.into_iter().enumerate() {
        let cell = |column: &Vec<u8>| column.get(index).map_or("–".into(), u8::to_string);
        let [q0, q1, q2] = delivered.each_ref().map(cell);
        table.row(&[&format!("published at {qos}"), &q0, &q1, &q2]);
    }
    let mut report = Report::default();
    report.states(
        "each of the nine was delivered at the lower of the two",
        delivered,
        lower.map(Vec::from),
    );
    report.tables.push(table);
    report.shows(world)
}
