//! Who may publish and who may subscribe to `status`.

use mqtt_sansio::{Access, ConnectRequest, Filter, Permissions, QoS, ReasonCode};

use super::{message, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::world::{Who, World};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "authorised",
        title: "Only authorised users",
        shows: "The one may publish to status, the other may subscribe to it; each shows user name and password.",
        twins: &["a wrong password"],
        run: authorised,
    },
    Scenario {
        name: "wrong-password",
        title: "A wrong password",
        shows: "CONNACK refuses the client with return code 4 and the broker closes the connection.",
        twins: &["the right password"],
        run: |twin| refused(twin, ["samii", twin.pick("the right password", "sam", "alice")]),
    },
    Scenario {
        name: "unknown-user",
        title: "An unknown user",
        shows: "A user that the broker does not know is refused in the same way: nobody learns which names exist.",
        twins: &["a known user"],
        run: |twin| refused(twin, [twin.pick("a known user", "samii", "nobody"), "sam"]),
    },
    Scenario {
        name: "publish-denied",
        title: "A publish that is not allowed",
        shows: "Before 5.0 the broker cannot refuse a PUBLISH: it acknowledges it and passes it on to nobody.",
        twins: &["published by the other user", "published at QoS 0"],
        run: publish_denied,
    },
    Scenario {
        name: "subscribe-denied",
        title: "A subscription that is not allowed",
        shows: "SUBACK answers the filter with 0x80, and nothing is delivered.",
        twins: &["subscribed by the other user"],
        run: subscribe_denied,
    },
];

const TOPIC: &str = "status";

/// The document's users: one may publish, the other may subscribe.
fn authorise(request: &ConnectRequest) -> Result<Permissions, ReasonCode> {
    let password = request.password.as_deref();
    let access = match (request.user_name.as_deref(), password) {
        (Some("samii"), Some(b"sam")) => Access::Publish,
        (Some("aliceii"), Some(b"alice")) => Access::Subscribe,
        _ => return Err(ReasonCode::BadUserNameOrPassword),
    };
    let filter = Filter::new(TOPIC).map_err(|_| ReasonCode::UnspecifiedError)?;
    Ok(Permissions::none().allow(access, filter))
}

/// The broker, a publisher and a subscriber, who connect as these users.
fn world(publisher: [&str; 2], subscriber: [&str; 2]) -> (World, Who, Who) {
    let mut world = World::new();
    world.authorise = Some(authorise);
    let [publishes, subscribes] = {
        let publishes = world.client("publisher");
        world.server("broker");
        [publishes, world.client("subscriber")]
    };
    for (who, id, [name, password]) in
        [(subscribes, "subscriber", subscriber), (publishes, "publisher", publisher)]
    {
        world.connect(who, &Login::new(id).user(name, password));
        world.pass(seconds(1));
    }
    (world, publishes, subscribes)
}

const PUBLISHER: [&str; 2] = ["samii", "sam"];
const SUBSCRIBER: [&str; 2] = ["aliceii", "alice"];

fn authorised(twin: Twin) -> Report {
    let password = twin.pick("a wrong password", "sam", "alice");
    let (mut world, publisher, subscriber) = world(PUBLISHER, ["aliceii", password]);
    world.subscribe(subscriber, TOPIC, QoS::AtLeastOnce);
    world.pass(seconds(1));
    world.publish(publisher, message(TOPIC, "locked", QoS::AtLeastOnce));
    world.pass(seconds(1));

    let mut report = Report::default();
    let received = world.of(subscriber).received();
    report.states("the subscriber received the message", received, ["status locked q1"]);
    report.shows(world)
}

fn refused(_: Twin, user: [&str; 2]) -> Report {
    let (mut world, publisher, subscriber) = world(user, SUBSCRIBER);
    world.subscribe(subscriber, TOPIC, QoS::AtLeastOnce);
    world.pass(seconds(1));
    world.publish(publisher, message(TOPIC, "locked", QoS::AtLeastOnce));
    world.pass(seconds(1));

    let mut report = Report::default();
    let told = world.of(publisher).told();
    let expected = ["disconnected: the server refused the connection: Bad User Name or Password"];
    report.states("the publisher was refused: bad user name or password", told, expected);
    let connack = world.hex(publisher, mqtt_sansio::Sender::Server);
    report.states("by CONNACK with return code 4, and nothing else", connack, ["20020004"]);
    let received = world.of(subscriber).received();
    report.states("the subscriber received nothing", received, Vec::<String>::new());
    report.shows(world)
}

fn publish_denied(twin: Twin) -> Report {
    // One who may only subscribe publishes.
    let user = twin.pick("published by the other user", PUBLISHER, SUBSCRIBER);
    let (mut world, publisher, subscriber) = world(user, SUBSCRIBER);
    world.subscribe(subscriber, TOPIC, QoS::AtLeastOnce);
    world.pass(seconds(1));
    let qos = twin.pick("published at QoS 0", QoS::AtMostOnce, QoS::AtLeastOnce);
    world.publish(publisher, message(TOPIC, "open", qos));
    world.pass(seconds(1));

    let mut report = Report::default();
    let told = world.of(publisher).told();
    report.states("the publisher was told nothing of it", told, ["connected", "acknowledged"]);
    let received = world.of(subscriber).received();
    report.states("the subscriber received nothing", received, Vec::<String>::new());
    report.shows(world)
}

fn subscribe_denied(twin: Twin) -> Report {
    // One who may only publish subscribes.
    let user = twin.pick("subscribed by the other user", SUBSCRIBER, PUBLISHER);
    let (mut world, publisher, subscriber) = world(PUBLISHER, user);
    world.subscribe(subscriber, TOPIC, QoS::AtLeastOnce);
    world.pass(seconds(1));
    world.publish(publisher, message(TOPIC, "locked", QoS::AtLeastOnce));
    world.pass(seconds(1));

    let mut report = Report::default();
    let told = world.of(subscriber).told();
    let expected = ["connected", "subscription refused"];
    report.states("the subscription was refused", told, expected);
    let received = world.of(subscriber).received();
    report.states("the subscriber received nothing", received, Vec::<String>::new());
    report.shows(world)
}
