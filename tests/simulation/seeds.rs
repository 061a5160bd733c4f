//! Seed after seed. `SEED=n cargo test --test simulation everybody -- --nocapture` runs one again and
//! says what happens.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use crate::log::{self, Kinds};
use crate::model::Counts;
use crate::world::World;

/// What came of some seeds.
#[derive(Default)]
struct Figures {
    seeds: u64,
    steps: u64,
    received: [u64; 3],
    sent: [u64; 3],
    kinds: Kinds,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// One seed; if it fails it is run again, and what led there is printed.
fn run(seed: u64, scale: usize) -> World {
    let run = |world: &mut World| catch_unwind(AssertUnwindSafe(|| world.run()));
    let mut world = World::new(seed, scale);
    if run(&mut world).is_ok() && number("SEED").is_none() {
        return world;
    }
    log::start();
    let mut world = World::new(seed, scale);
    let result = run(&mut world);
    eprintln!("{}seed {seed}, step {} of {}", log::finish(), world.step, world.plan.steps);
    if let Err(cause) = result {
        eprintln!("SEED={seed} SCALE={scale} cargo test --test simulation everybody");
        resume_unwind(cause);
    }
    world
}

impl Figures {
    fn add(&mut self, world: &World) {
        let model = &world.rig.model;
        let Counts { sent, .. } = &model.counts;
        self.seeds += 1;
        self.steps += world.step as u64;
        for (total, count) in self.sent.iter_mut().zip(sent) {
            *total += count;
        }
        for got in world.ledger.got.values().flat_map(|got| got.values()) {
            for (total, count) in self.received.iter_mut().zip(got) {
                *total += u64::from(*count);
            }
        }
        self.kinds.add_all(&model.seen);
    }

    fn print(&self, took: Duration) {
        let Figures { seeds, steps, received, sent, kinds } = self;
        println!("{seeds} seeds, {steps} steps in {took:.1?}");
        println!("messages sent to clients at QoS 0, 1, 2: {sent:?}, received {received:?}");
        for (kind, count) in kinds.iter() {
            println!("{count:>9} {kind}");
        }
    }
}

/// What must have taken place over all seeds, or the test shows less than it says.
const KINDS: [&str; 84] = [
    "CONNACK not taken in time",
    "CONNECT of 5.0",
    "CONNECT too large",
    "CONNECT with garbage after it",
    "DISCONNECT may be lost",
    "PUBLISH again",
    "PUBREL again",
    "QoS 1 message that had to arrive",
    "QoS 2 message that had to arrive once",
    "QoS 2 message received again",
    "QoS 3",
    "QoS lowered",
    "client identifier as the server makes them up",
    "client identifier that was made up for another",
    "client restarted from its session",
    "closed by the broker",
    "all disconnected by the program",
    "another QoS 2 message before PUBREL",
    "answer that nobody awaits",
    "calls for a connection that is gone",
    "cut of a quiet connection",
    "time told backwards",
    "cut with bytes on their way both ways",
    "cut with bytes on their way to the broker",
    "cut with bytes on their way to the client",
    "disconnected by the program",
    "flood without reading",
    "garbage",
    "half a CONNECT",
    "half a packet",
    "keep alive exceeded",
    "never told that its session is new",
    "no CONNECT first",
    "no CONNECT in time",
    "no client identifier to resume",
    "overlapping subscriptions",
    "packet identifier 0",
    "packet too large",
    "publish rejected",
    "published by the program",
    "pull of nothing",
    "pull unasked",
    "queue full",
    "queued for a client that is away",
    "raw CONNECT",
    "raw DISCONNECT",
    "raw PINGREQ",
    "raw PUBACK",
    "raw PUBCOMP",
    "raw PUBREC",
    "raw PUBREL",
    "raw QoS 0",
    "raw QoS 1",
    "raw QoS 2",
    "raw SUBSCRIBE",
    "raw UNSUBSCRIBE",
    "refused",
    "reserved flag in CONNECT",
    "retain rejected",
    "retained message cleared",
    "retained message to a new subscription",
    "second CONNECT",
    "server's packet from a client",
    "session ended by a clean start",
    "session expired",
    "session resumed",
    "session resumed with messages in flight",
    "stall",
    "statistics published",
    "subscribed by the program",
    "subscription of the program's refused",
    "subscription refused",
    "taken over from a raw client that is still there",
    "takeover",
    "time jump",
    "timeout for nothing",
    "too many connections",
    "too many new subscriptions wait",
    "too many sessions",
    "too much before CONNACK",
    "unknown protocol level",
    "wildcard in a topic name",
    "will",
    "will of a raw client",
];

#[test]
fn everybody_gets_what_they_must_whatever_fails() {
    let scale = number("SCALE").unwrap_or(100) as usize;
    if let Some(seed) = number("SEED") {
        run(seed, scale);
        return;
    }
    let start = Instant::now();
    let mut figures = Figures::default();
    for seed in 0..number("SEEDS").unwrap_or(4000) {
        figures.add(&run(seed, scale));
    }
    figures.print(start.elapsed());
    if number("SEEDS").is_some() {
        return;
    }
    let missing: Vec<_> = KINDS.iter().filter(|kind| figures.kinds.of(kind) == 0).collect();
    assert!(missing.is_empty(), "never took place: {missing:?}");
    let new: Vec<_> = figures.kinds.iter().filter(|(kind, _)| !KINDS.contains(kind)).collect();
    assert!(new.is_empty(), "not in the list: {new:?}");
}

/// `SOAK_SECONDS=600 cargo test --release --test simulation -- --ignored --nocapture soak`, or `SEEDS=…`; from
/// `FROM` on. Each seed takes `SCALE` steps.
#[test]
#[ignore = "takes as long as it is told"]
fn soak() {
    let seconds = number("SOAK_SECONDS").unwrap_or(60);
    let (from, seeds) = (number("FROM").unwrap_or(1_000_000), number("SEEDS").unwrap_or(u64::MAX));
    let scale = number("SCALE").unwrap_or(400) as usize;
    let start = Instant::now();
    let mut figures = Figures::default();
    while figures.seeds < seeds && start.elapsed() < Duration::from_secs(seconds) {
        figures.add(&run(from + figures.seeds, scale));
    }
    figures.print(start.elapsed());
}
