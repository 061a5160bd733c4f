//! What a seed decides beforehand: the broker's limits, and who its clients are.

use std::time::Duration;

use mqtt_sansio::{BrokerConfig, QoS, Version};

use crate::node::Habits;
use crate::rig::FOR_EVER;
use crate::rng::Rng;

pub(crate) const TOPICS: [&str; 13] = [
    "a", "a/b", "a/b/c", "a/c/c", "b", "b/b", "/a", "$x/a", "deny/a", "a/b", "$q/a", "$q/b",
    "long/er",
];

/// Those of 5.0 alone: of `$q/#` there is one group, and nobody gets it otherwise.
pub(crate) const SHARED: [&str; 8] = [
    "$share/g/$q/#",
    "$share/g/$q/#",
    "$share/g/$q/#",
    "$share/g/a/#",
    "$share/h/a/#",
    "$share/h/#",
    "$share/g/deny/a",
    "$share/g/+/b",
];

pub(crate) const FILTERS: [&str; 22] = [
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
    "long/+",
    "will",
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
        let max_qos = config.session.features.maximum_qos as usize;
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
    config.session.features.topic_alias_maximum = rng.pick(&[0, 1, 10]);
    if rng.one_in(4) {
        config.session.features.validate_payload_format = true;
    }
    config.sys_interval = rng.one_in(5).then_some(Duration::from_secs(10));
    config
}

fn tighten(config: &mut BrokerConfig, rng: &mut Rng, clients: usize) {
    config.session.max_queued_messages = rng.pick(&[1, 3, 8]);
    config.session.max_queued_bytes = rng.pick(&[20, 200, 100_000]);
    let features = &mut config.session.features;
    features.maximum_qos = rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    features.retain_available = !rng.one_in(4);
    features.wildcard_subscription_available = !rng.one_in(4);
    features.subscription_identifier_available = !rng.one_in(4);
    features.shared_subscription_available = !rng.one_in(4);
    config.max_connections = rng.pick(&[clients, clients + 3]);
    config.max_pending_connections = rng.pick(&[2, 100]);
    config.max_sessions = rng.pick(&[clients - 1, 1000]);
    config.max_payload_size = rng.pick(&[900, 100_000]);
    config.max_topic_length = rng.pick(&[4, 65_535]);
    config.router.max_subscriptions = rng.pick(&[2, 100]);
    config.router.max_shared_subscriptions = rng.pick(&[1, 100]);
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
        name: format!("n{number}"),
        client_id: format!("n{number}"),
        version: if rng.one_in(2) { Version::V5_0 } else { Version::V3_1_1 },
        keep_alive: rng.pick(&[0, 0, 5, 20]),
        max_qos,
        manual: rng.one_in(5),
        is_strict: true,
        always_clean: rng.one_in(6),
        switches: rng.one_in(5),
        topic_aliases: rng.pick(&[0, 1, 5]),
    };
    match rng.below(8) {
        // 3.1 cannot tell a client that its session is gone.
        0 => {
            one.client_id = format!("x{number}");
            one.version = Version::V3_1;
            one.is_strict = false;
            one.switches = false;
        }
        // Two that live at once cannot share what QoS 2 has to remember.
        1 => {
            one.client_id = format!("r{number}");
            one.max_qos = max_qos.min(1);
            one.is_strict = false;
            one.name.clone_from(&one.client_id);
            // In 5.0 a client does not go on with a session that is none of its own.
            one.always_clean |= one.version == Version::V5_0;
            one.switches = false;
            let mut rival = one.clone();
            if rng.one_in(3) {
                rival.version = Version::V3_1_1;
            }
            habits.push(rival);
        }
        2 if one.always_clean => one.client_id.clear(),
        _ => {}
    }
    one.is_strict &= !one.client_id.is_empty();
    if !one.client_id.is_empty() {
        one.name.clone_from(&one.client_id);
    }
    habits.push(one);
}
