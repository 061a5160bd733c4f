//! The light: a dashboard and a controller that exchange JSON.

use std::cell::RefCell;
use std::rc::Rc;

use mqtt_sansio::{Message, PacketType, QoS};
use serde_json::{Value, json};

use super::{message, seconds};
use crate::login::Login;
use crate::program::Replies;
use crate::scenario::{Report, Scenario, Twin};
use crate::world::World;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "light",
    title: "A light with a dashboard and a controller",
    shows: "Commands as JSON one way, the state in words the other way, at QoS 1; an unknown command is answered too.",
    twins: &["unknown commands are ignored", "published at QoS 0", "any command switches"],
    run: light,
}];

const CONTROL: &str = "home/light/control";
const STATUS: &str = "home/light/status";

/// What the controller does with a command: the light's new state, if it changes, and what to say.
fn obey(command: &str) -> (Option<bool>, &'static str) {
    match command {
        "ON" => (Some(true), "Light is ON"),
        "OFF" => (Some(false), "Light is OFF"),
        _ => (None, "Light is UNKNOWN"),
    }
}

fn light(twin: Twin) -> Report {
    let qos = twin.pick("published at QoS 0", QoS::AtMostOnce, QoS::AtLeastOnce);
    let mut world = World::new();
    let dashboard = world.client("dashboard");
    world.server("broker");
    let controller = world.client("controller");
    let lit = Rc::new(RefCell::new(Vec::new()));
    let switched = Rc::clone(&lit);
    world.on_message(controller, move |received: &Message, replies: &mut Replies| {
        let json: Value = serde_json::from_slice(&received.payload).unwrap_or_default();
        let (state, status) = obey(json.get("command").and_then(Value::as_str).unwrap_or_default());
        let state = if twin.is("any command switches") { state.or(Some(true)) } else { state };
        if let Some(on) = state {
            switched.borrow_mut().push(on);
            replies.notes.push(format!("light is {}", if on { "ON" } else { "OFF" }));
        }
        if state.is_some() || !twin.is("unknown commands are ignored") {
            replies.messages.push(message(STATUS, status, qos));
        }
    });
    world.connect(controller, &Login::new("LightControllerAndMonitor"));
    world.subscribe(controller, CONTROL, QoS::AtLeastOnce);
    world.connect(dashboard, &Login::new("CentralDashboard"));
    world.subscribe(dashboard, STATUS, QoS::AtLeastOnce);
    for command in ["ON", "OFF", "DIM"] {
        world.pass(seconds(5));
        let command = json!({ "command": command, "timestamp": world.now().as_secs() });
        world.publish(dashboard, message(CONTROL, &command.to_string(), qos));
    }
    world.pass(seconds(5));

    let mut report = Report::default();
    let shown = world.of(dashboard).payloads();
    let expected = ["Light is ON", "Light is OFF", "Light is UNKNOWN"];
    report.states("the dashboard showed ON, OFF, and UNKNOWN for a wrong command", shown, expected);
    let switched = lit.borrow().clone();
    report.states("the wrong command left the light as it was", switched, [true, false]);
    let acknowledged = world.count(dashboard, PacketType::PubAck);
    report.states("each message was acknowledged, both ways", acknowledged, 6);
    report.shows(world)
}
