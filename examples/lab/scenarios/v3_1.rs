//! The 3.1 lab: first steps with a temperature.

use mqtt_sansio::{PacketType, QoS, Version};

use super::{as_captured, capture, message, millis, retained, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::world::{Who, World};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "v31-subscribe",
        title: "A subscriber connects and subscribes",
        shows: "The first four packets of a subscriber, and the pings that follow.",
        twins: &["it asks for QoS 1", "it subscribes to another topic"],
        run: subscribe,
    },
    Scenario {
        name: "v31-publish-qos0",
        title: "A temperature at QoS 0",
        shows: "At QoS 0 the publisher sends PUBLISH, and nobody answers.",
        twins: &["published at QoS 1", "the subscriber comes late"],
        run: |twin| publish(twin, QoS::AtMostOnce),
    },
    Scenario {
        name: "v31-publish-qos1",
        title: "A temperature at QoS 1",
        shows: "At QoS 1 the broker answers PUBLISH with PUBACK.",
        twins: &["published at QoS 0", "the subscriber comes late"],
        run: |twin| publish(twin, QoS::AtLeastOnce),
    },
    Scenario {
        name: "v31-publish-qos2",
        title: "A temperature at QoS 2",
        shows: "At QoS 2 PUBREC, PUBREL and PUBCOMP follow, and the broker passes the message on at PUBREL.",
        twins: &["published at QoS 1", "the subscriber comes late"],
        run: |twin| publish(twin, QoS::ExactlyOnce),
    },
    Scenario {
        name: "v31-qos2-leaves-after-pubrec",
        title: "A publisher at QoS 2 that leaves after PUBREC",
        shows: "A message at QoS 2 whose PUBREL never comes is passed on to nobody. (The publisher's bytes are written out: a client would answer PUBREC.)",
        twins: &["it stays for PUBCOMP"],
        run: leave_after_pubrec,
    },
    Scenario {
        name: "v31-retained",
        title: "A retained temperature",
        shows: "A retained message reaches those who subscribe after it was published.",
        twins: &["the retain flag is off"],
        run: retain,
    },
    Scenario {
        name: "v31-will",
        title: "A will, seen by the second subscriber",
        shows: "CONNECT carries the will; the broker publishes it when the connection ends without DISCONNECT.",
        twins: &["it ends with DISCONNECT", "another will"],
        run: will,
    },
    Scenario {
        name: "v31-five-minutes",
        title: "A connection of five minutes",
        shows: "Pings keep an idle connection alive, and DISCONNECT ends it in good order.",
        twins: &["keep alive 30", "it ends without DISCONNECT", "the broker closes it before"],
        run: five_minutes,
    },
    Scenario {
        name: "v31-periodic",
        title: "A temperature every 20 seconds",
        shows: "A publisher sends values between 10 and 30 for as long as it runs.",
        twins: &["one is lost", "every 10 seconds"],
        run: periodic,
    },
    Scenario {
        name: "v31-kitchen-and-living-room",
        title: "Kitchen and living room with one subscription",
        shows: "One subscription with a wildcard brings the messages of two publishers.",
        twins: &["the subscription is for the kitchen", "two subscriptions"],
        run: two_rooms,
    },
];

const TOPIC: &str = "appiot/temp";

fn login(client_id: &str) -> Login {
    Login::new(client_id).version(Version::V3_1)
}

/// A publisher, the broker, and a subscriber that has subscribed.
fn publisher_and_subscriber(twin: Twin) -> (World, Who, Who) {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    if !twin.is("the subscriber comes late") {
        world.connect(subscriber, &login("subscriber"));
        world.subscribe(subscriber, TOPIC, QoS::AtMostOnce);
    }
    world.pass(seconds(1));
    (world, publisher, subscriber)
}

fn subscribe(twin: Twin) -> Report {
    let mut world = World::new();
    let subscriber = world.client("subscriber");
    world.server("broker");
    world.connect(subscriber, &login("subscriber"));
    let qos = twin.pick("it asks for QoS 1", QoS::AtLeastOnce, QoS::AtMostOnce);
    let topic = twin.pick("it subscribes to another topic", "appiot/humidity", TOPIC);
    world.subscribe(subscriber, topic, qos);
    world.pass(seconds(130));

    let mut report = Report::default();
    let told = world.of(subscriber).told();
    report.states("the broker granted QoS 0", told, ["connected", "granted q0"]);
    let file = capture!("000-subscriber.hex");
    as_captured(&mut report, &world, subscriber, "subscriber", file);
    report.shows(world)
}

fn publish(twin: Twin, qos: QoS) -> Report {
    let (mut world, publisher, subscriber) = publisher_and_subscriber(twin);
    world.connect(publisher, &login("publisher"));
    let changed = twin.pick("published at QoS 1", QoS::AtLeastOnce, qos);
    let changed = twin.pick("published at QoS 0", QoS::AtMostOnce, changed);
    world.publish(publisher, message(TOPIC, "20", changed));
    world.pass(seconds(1));

    let (file, packets): (_, &[&str]) = match qos {
        QoS::AtMostOnce => (capture!("000-qos0-publisher.hex"), &[]),
        QoS::AtLeastOnce => (capture!("000-qos1-publisher.hex"), &["PUBACK"]),
        // This capture breaks off after PUBREC.
        QoS::ExactlyOnce => ("", &["PUBREC", "PUBREL", "PUBCOMP"]),
    };
    let expected = [&["CONNECT", "CONNACK", "PUBLISH"][..], packets].concat();
    let mut report = Report::default();
    let text = format!("the packets are {}", expected.join(", "));
    report.states(&text, world.packets(publisher), expected);
    as_captured(&mut report, &world, publisher, "publisher", file);
    let received = world.of(subscriber).received();
    report.states("the subscriber received 20, at its own QoS 0", received, ["appiot/temp 20 q0"]);
    report.shows(world)
}

fn leave_after_pubrec(twin: Twin) -> Report {
    let mut world = World::new();
    // A client would answer PUBREC at once: this program's bytes are written out.
    let publisher = world.raw("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    world.connect(subscriber, &login("subscriber"));
    world.subscribe(subscriber, TOPIC, QoS::ExactlyOnce);
    world.pass(seconds(1));
    world.connect(publisher, &login("publisher"));
    world.pass(millis(40));
    world.send_raw(publisher, b"\x10\x17\0\x06MQIsdp\x03\x02\0\x3c\0\x09publisher");
    world.pass(millis(40));
    world.send_raw(publisher, b"\x34\x11\0\x0bappiot/temp\0\x0120");
    world.pass(millis(40));
    if twin.is("it stays for PUBCOMP") {
        world.send_raw(publisher, b"\x62\x02\0\x01");
        world.pass(millis(40));
    }
    world.note(Some(publisher), "the program ends");
    world.kill(publisher);
    world.pass(seconds(1));

    let mut report = Report::default();
    let file = capture!("000-qos2-publisher.hex");
    as_captured(&mut report, &world, publisher, "publisher", file);
    let received = world.of(subscriber).received();
    report.states("the subscriber received nothing", received, Vec::<String>::new());
    report.shows(world)
}

fn retain(twin: Twin) -> Report {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscribers = [world.client("subscriber"), world.client("subscriber 2")];
    world.connect(publisher, &login("publisher"));
    let temperature = message(TOPIC, "20", QoS::AtMostOnce);
    let off = twin.is("the retain flag is off");
    world.publish(publisher, if off { temperature } else { retained(temperature) });
    world.pass(seconds(1));
    world.disconnect(publisher);
    for subscriber in subscribers {
        world.pass(seconds(14));
        world.connect(subscriber, &login(if subscriber == subscribers[0] { "one" } else { "two" }));
        world.subscribe(subscriber, TOPIC, QoS::AtMostOnce);
    }
    world.pass(seconds(1));

    let mut report = Report::default();
    let whole = capture!("000-two-subscribers.hex");
    let middle = whole.find("# frame 36 ").unwrap_or(whole.len());
    let captures = whole.split_at(middle);
    for (subscriber, (which, capture)) in
        subscribers.into_iter().zip([("first", captures.0), ("second", captures.1)])
    {
        let text = format!("the retained value reached the {which} late subscriber, so marked");
        report.states(&text, world.of(subscriber).received(), ["appiot/temp 20 q0 retained"]);
        // What the subscriber sends is the same either way.
        let sent = super::wire::compared(&world, subscriber, mqtt_sansio::Sender::Server, capture);
        let text = format!("the {which} subscriber was sent the captured packets, byte for byte");
        let captured = super::wire::captured(capture, mqtt_sansio::Sender::Server);
        report.states(&text, sent, captured);
    }
    report.shows(world)
}

fn will(twin: Twin) -> Report {
    let mut world = World::new();
    let first = world.client("subscriber");
    world.server("broker");
    let second = world.client("subscriber 2");
    let payload = twin.pick("another will", "Gone", "Disconnected");
    let will = message(TOPIC, payload, QoS::AtMostOnce);
    world.connect(first, &login("7IIJ1fYZu5LB9lQyVGdp96").will(will));
    world.subscribe(first, TOPIC, QoS::AtMostOnce);
    world.connect(second, &login("subscriber2"));
    world.subscribe(second, TOPIC, QoS::AtMostOnce);
    world.pass(seconds(10));
    if twin.is("it ends with DISCONNECT") {
        world.disconnect(first);
    } else {
        world.note(Some(first), "Ctrl-C");
        world.kill(first);
    }
    world.pass(seconds(1));

    let mut report = Report::default();
    let file = capture!("000-will.hex");
    let connect = world.hex(first, mqtt_sansio::Sender::Client);
    let captured = super::wire::captured(file, mqtt_sansio::Sender::Client);
    let text = "the will is in CONNECT, which is the captured one, byte for byte";
    report.states(text, connect.first().cloned(), captured.first().cloned());
    let received = world.of(second).received();
    let expected = ["appiot/temp Disconnected q0"];
    report.states("the second subscriber received the will", received, expected);
    report.shows(world)
}

fn five_minutes(twin: Twin) -> Report {
    let mut world = World::new();
    let subscriber = world.client("subscriber");
    world.server("broker");
    let keep_alive = twin.pick("keep alive 30", 30, 60);
    world.connect(subscriber, &login("subscriber").keep_alive(keep_alive));
    world.subscribe(subscriber, TOPIC, QoS::AtMostOnce);
    world.run_until(seconds(290));
    if twin.is("the broker closes it before") {
        world.close_by_broker(subscriber);
    }
    world.run_until(seconds(300));
    if twin.is("it ends without DISCONNECT") {
        world.kill(subscriber);
    } else {
        world.disconnect(subscriber);
    }
    world.pass(seconds(1));

    let mut report = Report::default();
    let pings = world.count(subscriber, PacketType::PingReq);
    report.states("four pings, 60 s apart, kept it alive for five minutes", pings, 4);
    let last = world.packet_types(subscriber).last().map(|(at, _, t)| (at.as_secs(), t.name()));
    report.states("DISCONNECT ended it after 300 s", last, Some((300, "DISCONNECT")));
    let told = world.of(subscriber).told().last().copied();
    let expected = Some("disconnected: the connection was ended as asked");
    report.states("nothing else did", told, expected);
    report.shows(world)
}

/// What the subscriber of the document printed.
const TEMPERATURES: [&str; 20] = [
    "20", "13", "11", "12", "12", "22", "22", "28", "16", "18", "19", "19", "19", "19", "10", "19",
    "10", "19", "19", "23",
];

fn periodic(twin: Twin) -> Report {
    let (mut world, publisher, subscriber) = publisher_and_subscriber(twin);
    world.connect(publisher, &login("publisher"));
    world.pass(seconds(1));
    let period = twin.pick("every 10 seconds", seconds(10), seconds(20));
    for (index, temperature) in TEMPERATURES.iter().enumerate() {
        if !(twin.is("one is lost") && index == 3) {
            world.publish(publisher, message(TOPIC, temperature, QoS::AtMostOnce));
        }
        world.pass(period);
    }

    let mut report = Report::default();
    let received = world.of(subscriber).payloads();
    report.states("all values came, in order", received, TEMPERATURES);
    let times: Vec<_> = world.of(subscriber).inbox.iter().map(|received| received.at).collect();
    let apart = times.iter().zip(times.iter().skip(1)).all(|(a, b)| *b - *a == seconds(20));
    report.states("each came 20 s after the one before", apart, true);
    report.shows(world)
}

fn two_rooms(twin: Twin) -> Report {
    let mut world = World::new();
    let kitchen = (world.client("kitchen"), "appiot/kitchen");
    let living_room = (world.client("livingroom"), "appiot/livingroom");
    world.server("broker");
    let subscriber = world.client("subscriber");
    world.connect(subscriber, &login("subscriber"));
    let filter = twin.pick("the subscription is for the kitchen", kitchen.1, "appiot/+");
    world.subscribe(subscriber, filter, QoS::AtMostOnce);
    if twin.is("two subscriptions") {
        world.subscribe(subscriber, living_room.1, QoS::AtMostOnce);
    }
    world.connect(kitchen.0, &login("kitchen"));
    world.connect(living_room.0, &login("livingroom"));
    for (second, (publisher, topic), value) in [
        (10, kitchen, "21"),
        (12, living_room, "15"),
        (30, kitchen, "22"),
        (42, living_room, "17"),
        (50, kitchen, "20"),
    ] {
        world.run_until(seconds(second));
        world.publish(publisher, message(topic, value, QoS::AtMostOnce));
    }
    world.pass(seconds(1));

    let mut report = Report::default();
    let expected = ["kitchen 21", "livingroom 15", "kitchen 22", "livingroom 17", "kitchen 20"];
    let expected = expected.map(|words| format!("appiot/{words} q0"));
    let received = world.of(subscriber).received();
    report.states("the subscriber received both rooms' temperatures", received, expected);
    let subscriptions = world.count(subscriber, PacketType::Subscribe);
    report.states("with one SUBSCRIBE", subscriptions, 1);
    report.shows(world)
}
