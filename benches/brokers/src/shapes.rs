//! The flows that are measured.

use std::collections::HashSet;
use std::sync::LazyLock;

use mqtt_sansio::{TopicFilter, TopicName};

use crate::flow::{Flow, Topic};

/// The payload of most rows in bytes.
pub const SMALL: usize = 64;
pub const LARGE: usize = 1 << 20;

pub static POINT_TO_POINT: LazyLock<Flow> = LazyLock::new(|| Flow {
    filters: (0..10).map(|pair| (pair, format!("pair/{pair}"))).collect(),
    topics: (0..10).map(|pair| Topic::of_one(pair, format!("pair/{pair}"), pair)).collect(),
    publishers: 10,
    subscribers: 10,
    payload: SMALL,
    window: 100,
    burst: 10_000,
});

pub static FAN_OUT: LazyLock<Flow> = LazyLock::new(|| Flow {
    filters: (0..200).map(|subscriber| (subscriber, "news".to_owned())).collect(),
    topics: vec![Topic { name: "news".to_owned(), receivers: (0..200).collect(), publisher: None }],
    publishers: 1,
    subscribers: 200,
    payload: SMALL,
    window: 100,
    burst: 10_000,
});

pub static FAN_IN: LazyLock<Flow> = LazyLock::new(|| Flow {
    filters: vec![(0, "sensor/+".to_owned())],
    topics: (0..100).map(|sensor| Topic::of_one(sensor, format!("sensor/{sensor}"), 0)).collect(),
    publishers: 100,
    subscribers: 1,
    payload: SMALL,
    window: 10,
    burst: 100,
});

pub static LARGE_PAYLOADS: LazyLock<Flow> = LazyLock::new(|| Flow {
    filters: vec![(0, "file".to_owned())],
    topics: vec![Topic::of_one(0, "file".to_owned(), 0)],
    publishers: 1,
    subscribers: 1,
    payload: LARGE,
    window: 4,
    burst: 10_000,
});

/// 1,000 topics, each of which matches 4 to 6 of the subscriptions, no two of them of one client: brokers
/// differ in how often a client gets a message that matches two of its subscriptions.
pub static WILDCARDS: LazyLock<Flow> = LazyLock::new(|| {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let filters = wildcard_filters(&mut random);
    let parsed: Vec<_> = filters
        .iter()
        .map(|(client, filter)| (*client, TopicFilter::new(filter).expect("a valid filter")))
        .collect();
    let mut names = HashSet::new();
    let mut topics = Vec::new();
    while topics.len() < 1000 {
        let [site, line, device, value] = random.levels();
        let name = format!("{site}/{line}/{device}/{value}");
        let topic = TopicName::new(&name).expect("a valid name");
        let matching = parsed.iter().filter(|(_, filter)| filter.matches(topic));
        let receivers: Vec<_> = matching.map(|(client, _)| *client).collect();
        let alone = receivers.iter().collect::<HashSet<_>>().len() == receivers.len();
        if alone && (4..=6).contains(&receivers.len()) && names.insert(name.clone()) {
            topics.push(Topic { name, receivers, publisher: None });
        }
    }
    Flow {
        filters,
        topics,
        publishers: 10,
        subscribers: 500,
        payload: SMALL,
        window: 100,
        burst: 10_000,
    }
});

impl Topic {
    fn of_one(publisher: usize, name: String, receiver: usize) -> Topic {
        Topic { name, receivers: vec![receiver], publisher: Some(publisher) }
    }
}

/// 20 different filters of each of 500 clients, of every kind; about half of them without wildcards.
fn wildcard_filters(random: &mut Random) -> Vec<(usize, String)> {
    let mut filters = HashSet::new();
    let mut ordered = Vec::new();
    for index in 0..10_000 {
        let client = index % 500;
        loop {
            let [site, line, device, value] = random.levels();
            let filter = match random.below(100) {
                0..30 => format!("{site}/+/{device}/{value}"),
                30..40 => format!("{site}/{line}/+/{value}"),
                40..45 => format!("+/{line}/{device}/+"),
                45..55 => format!("{site}/{line}/{device}/#"),
                _ => format!("{site}/{line}/{device}/{value}"),
            };
            if filters.insert((client, filter.clone())) {
                ordered.push((client, filter));
                break;
            }
        }
    }
    ordered
}

/// The same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    /// One topic of 20,000.
    fn levels(&mut self) -> [String; 4] {
        [("site", 10), ("line", 20), ("device", 20), ("value", 5)]
            .map(|(name, bound)| format!("{name}{}", self.below(bound)))
    }
}
