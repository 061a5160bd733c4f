//! Two people who write to each other.

use mqtt_sansio::QoS;

use super::{message, seconds};
use crate::login::Login;
use crate::scenario::{Report, Scenario, Twin};
use crate::world::World;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "chat",
    title: "A chat of two",
    shows: "Each side publishes to one topic and subscribes to the other's.",
    twins: &["both write to one topic", "the right side is late"],
    run: chat,
}];

fn chat(twin: Twin) -> Report {
    let mut world = World::new();
    let left = world.client("left");
    world.server("broker");
    let right = world.client("right");
    let (from_left, from_right) = ("chat/left", "chat/right");
    let own = twin.is("both write to one topic");
    world.connect(left, &Login::new("left").keep_alive(5));
    world.subscribe(left, from_right, QoS::ExactlyOnce);
    if !twin.is("the right side is late") {
        world.connect(right, &Login::new("right").keep_alive(5));
        world.subscribe(right, from_left, QoS::ExactlyOnce);
    }
    world.pass(seconds(2));
    for (who, text) in [
        (left, "Hello!"),
        (right, "Hi, how about the code?"),
        (left, "Code is working fine"),
        (right, "Nice!"),
    ] {
        let topic = if who == left || own { from_left } else { from_right };
        world.publish(who, message(topic, text, QoS::ExactlyOnce));
        world.pass(seconds(3));
    }

    let mut report = Report::default();
    let read = world.of(right).payloads();
    let expected = ["Hello!", "Code is working fine"];
    report.states("the right side read what the left wrote, and nothing else", read, expected);
    let read = world.of(left).payloads();
    let expected = ["Hi, how about the code?", "Nice!"];
    report.states("the left side read what the right wrote, and nothing else", read, expected);
    report.shows(world)
}
