//! Seed after seed. `SEED=n cargo test --test simulation everybody -- --nocapture` runs one again and
//! says what happens.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use crate::kinds::KINDS;
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

/// `SEEDS=4000 cargo test --test simulation -- --ignored --nocapture survey`: a line for each seed that fails, and
/// how many there are.
#[test]
#[ignore = "for those who look for the shortest of many failures"]
fn survey() {
    let scale = number("SCALE").unwrap_or(100) as usize;
    let from = number("FROM").unwrap_or(0);
    std::panic::set_hook(Box::new(|info| {
        print!("{}: ", info.location().map_or(String::new(), ToString::to_string));
    }));
    let mut failed = 0;
    for seed in from..from + number("SEEDS").unwrap_or(1000) {
        let mut world = World::new(seed, scale);
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| world.run())) {
            let text = cause.downcast_ref::<String>().cloned();
            let text = text.or(cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let line: String =
                text.unwrap_or_default().replace('\n', " ").chars().take(300).collect();
            println!("{seed}.{} {line}", world.step);
            failed += 1;
        }
    }
    println!("{failed} seeds failed");
}
