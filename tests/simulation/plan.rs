//! What a seed decides beforehand: the broker's limits, and who its clients are.

use std::time::Duration;

use mqtt_sansio::{BrokerConfig, QoS, Version};

use crate::node::Habits;
use crate::rig::FOR_EVER;
use crate::rng::Rng;

pub(crate) const TOPICS: [&str; 10] =
    ["a", "a/b", "a/b/c", "a/c/c", "b", "b/b", "/a", "$x/a", "deny/a", "a/b"];

pub(crate) const FILTERS: [&str; 20] = [
    "a",
    "a/b",
    "a/b/c",
    "a/+",
    "+/b",
    "a/#",
    "#",
    "+",
    "+/+",
    "b/#",
    "/a",
    "+/a",
    "$x/#",
    "$x/+",
    "deny/a",
    "deny/#",
    "a/+/c",
    "+/b/#",
    "#",
    "$SYS/broker/clients/+",
];

pub(crate) struct Plan {
    pub(crate) config: BrokerConfig,
    pub(crate) habits: Vec<Habits>,
    pub(crate) raws: usize,
    pub(crate) steps: usize,
    /// Whether limits are so tight that messages are dropped.
    pub(crate) is_tight: bool,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng, scale: usize) -> Plan {
        let is_tight = rng.one_in(4);
        let is_large = rng.one_in(40);
        let count = if is_large { 20 + rng.below(15) } else { 2 + rng.below(5) };
        let raws = if rng.one_in(2) { 1 + rng.below(2) } else { 0 };
        let mut config = generous(rng);
        if is_tight {
            // The last may be two.
            tighten(&mut config, rng, count + 1 + raws);
        }
        let max_qos = config.session.max_qos as usize;
        let mut habits = Vec::new();
        while habits.len() < count {
            add(&mut habits, rng, max_qos);
        }
        let steps = scale * if is_large { 2 } else { 1 };
        Plan { config, habits, raws, steps, is_tight }
    }
}

fn generous(rng: &mut Rng) -> BrokerConfig {
    let mut config = BrokerConfig::default();
    config.router.seed = 7;
    config.session.max_inflight_messages = rng.pick(&[0, 1, 2, 5, 20]);
    config.session.maximum_packet_size = 3000;
    config.session.max_unsent_bytes = 2000;
    config.session.max_unreleased_messages = 6;
    config.session.handshake.max_early_bytes = 1000;
    config.session.handshake.max_connect_size = 500;
    let expiry = [Some(Duration::from_secs(60)), Some(FOR_EVER), None];
    config.session_expiry = rng.pick(&expiry);
    config.sys_interval = rng.one_in(5).then_some(Duration::from_secs(10));
    config
}

fn tighten(config: &mut BrokerConfig, rng: &mut Rng, clients: usize) {
    config.session.max_queued_messages = rng.pick(&[1, 3, 8]);
    config.session.max_queued_bytes = rng.pick(&[20, 200, 100_000]);
    config.session.max_qos = rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    config.max_connections = rng.pick(&[clients, clients + 3]);
    config.max_pending_connections = rng.pick(&[2, 100]);
    config.max_sessions = rng.pick(&[clients - 1, 1000]);
    config.max_payload_size = rng.pick(&[900, 100_000]);
    config.max_topic_length = rng.pick(&[4, 65_535]);
    config.retain_available = !rng.one_in(4);
    config.router.max_subscriptions = rng.pick(&[2, 100]);
    config.router.max_retained_messages = rng.pick(&[2, 100]);
    config.router.max_retained_bytes = rng.pick(&[50, 100_000]);
    if config.sys_interval.is_some() {
        config.router.max_retained_messages = 100;
        config.router.max_retained_bytes = 100_000;
    }
}

/// One more client, or two that share an identifier.
fn add(habits: &mut Vec<Habits>, rng: &mut Rng, max_qos: usize) {
    let number = habits.len();
    let mut one = Habits {
        client_id: format!("n{number}"),
        version: Version::V3_1_1,
        keep_alive: rng.pick(&[0, 0, 5, 20]),
        max_qos,
        manual: rng.one_in(5),
        is_strict: true,
        always_clean: rng.one_in(6),
    };
    match rng.below(8) {
        // 3.1 cannot tell a client that its session is gone.
        0 => {
            one.client_id = format!("x{number}");
            one.version = Version::V3_1;
            one.is_strict = false;
        }
        // Two that live at once cannot share what QoS 2 has to remember.
        1 => {
            one.client_id = format!("r{number}");
            one.max_qos = max_qos.min(1);
            one.is_strict = false;
            habits.push(one.clone());
        }
        2 if one.always_clean => one.client_id.clear(),
        _ => {}
    }
    one.is_strict &= !one.client_id.is_empty();
    habits.push(one);
}
