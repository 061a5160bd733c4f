//! Sessions: two programs with one client identifier, messages before CONNACK, messages kept while away.

use mqtt_sansio::{Client, ClientConfig, QoS};

use super::{message, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::world::World;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "one-client-id-twice",
        title: "Two programs with one client identifier",
        shows: "Each CONNECT takes the session over from the other program, which connects again, without end.",
        twins: &["each has an identifier of its own"],
        run: take_over,
    },
    Scenario {
        name: "publish-before-connack",
        title: "A PUBLISH before its CONNACK",
        shows: "A client need not wait for CONNACK: what it sends before is delivered once it is accepted.",
        twins: &["it waits for CONNACK", "published to another topic"],
        run: before_connack,
    },
];

pub(super) const PERSISTENT: &[Scenario] = &[Scenario {
    name: "persistent-session",
    title: "A session that outlives its connection",
    shows: "Without clean session the broker keeps subscriptions, and messages at QoS 1 and 2, for a client that is away.",
    twins: &["clean session", "subscribed at QoS 0"],
    run: persistent,
}];

fn take_over(twin: Twin) -> Report {
    let mut world = World::new();
    let first = world.client("program 1");
    world.server("broker");
    let second = world.client("program 2");
    let other = twin.pick("each has an identifier of its own", "PythonPub2", "PythonPub");
    for _ in 0..6 {
        for (who, client_id) in [(first, "PythonPub"), (second, other)] {
            // Each tries again a second after it has lost its connection.
            if world.of(who).link.is_none() {
                world.connect(who, &Login::new(client_id).keep_alive(5));
            }
            world.pass(seconds(1));
        }
    }

    let mut report = Report::default();
    let closed = "disconnected: the transport was closed or lost";
    let expected = [["connected", closed]; 6].concat();
    let told = world.of(first).told();
    report.states("program 1 was accepted and closed six times", told, expected);
    let told = world.of(second).told();
    let connections = told.iter().filter(|told| **told == "connected").count();
    report.states("so was program 2, which is the last to be connected", connections, 6);
    report.shows(world)
}

fn before_connack(twin: Twin) -> Report {
    let mut config = ClientConfig::default();
    config.send_before_connack = !twin.is("it waits for CONNACK");
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    world.of_mut(publisher).client = Some(Client::new(config));
    world.connect(subscriber, &Login::new("PythonSub"));
    world.subscribe(subscriber, "JACK1234", QoS::AtMostOnce);
    world.pass(seconds(1));
    world.connect(publisher, &Login::new("PythonPub").keep_alive(5));
    let topic = twin.pick("published to another topic", "JACK", "JACK1234");
    world.publish(publisher, message(topic, "Hi", QoS::AtMostOnce));
    world.pass(seconds(1));

    let mut report = Report::default();
    let packets = world.packets(publisher);
    report.states("PUBLISH went before CONNACK", packets, ["CONNECT", "PUBLISH", "CONNACK"]);
    let received = world.of(subscriber).received();
    report.states("the subscriber received it", received, ["JACK1234 Hi q0"]);
    report.shows(world)
}

fn persistent(twin: Twin) -> Report {
    let mut world = World::new();
    let publisher = world.client("publisher");
    world.server("broker");
    let subscriber = world.client("subscriber");
    let login = Login::new("subscriber").clean_session(twin.is("clean session"));
    let qos = twin.pick("subscribed at QoS 0", QoS::AtMostOnce, QoS::AtLeastOnce);
    world.connect(subscriber, &login);
    world.subscribe(subscriber, "status", qos);
    world.pass(seconds(1));
    world.disconnect(subscriber);
    world.connect(publisher, &Login::new("publisher"));
    for (payload, qos) in [
        ("locked", QoS::AtLeastOnce),
        ("battery 80 %", QoS::AtMostOnce),
        ("open", QoS::ExactlyOnce),
        ("locked again", QoS::AtLeastOnce),
    ] {
        world.pass(seconds(1));
        world.publish(publisher, message("status", payload, qos));
    }
    world.pass(seconds(5));
    world.note(Some(subscriber), "comes back");
    world.connect(subscriber, &login);
    world.pass(seconds(1));

    let mut report = Report::default();
    let told = world.of(subscriber).told().last().copied();
    report.states("CONNACK says that the session is present", told, Some("connected, old session"));
    let received = world.of(subscriber).received();
    let expected = ["status locked q1", "status open q1", "status locked again q1"];
    let text =
        "what was published at QoS 1 and 2 came when it was back, in order, and QoS 0 did not";
    report.states(text, received, expected);
    report.shows(world)
}
