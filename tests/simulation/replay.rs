//! The calls of a run, made again: whatever the driver's manner, the same bytes and events come out.

use std::ops::Range;

use mqtt_sansio::{Broker, BrokerConfig, BrokerOutput, ConnectionId, Instant, TopicFilter};

use crate::log::hex;
use crate::rig::{Call, permissions};
use crate::rng::Rng;
use crate::world::World;

/// How a driver goes about it.
#[derive(Clone, Copy, Debug)]
struct Driver {
    /// Polls until there is nothing more after every so many calls.
    poll_every: usize,
    /// Gives input in pieces of any size; nothing else may come of one piece than of another.
    pieces: bool,
    /// Tells the time again after every call.
    early_timeouts: bool,
    router_seed: u64,
}

const PLAIN: Driver =
    Driver { poll_every: 1, pieces: false, early_timeouts: false, router_seed: 7 };

/// All that a run shows, in order.
#[derive(Default)]
struct Shown {
    /// Opened connections and what was pulled from them.
    pulls: Vec<String>,
    events: Vec<String>,
    closes: Vec<ConnectionId>,
    statistics: String,
}

struct Player {
    broker: Broker,
    rng: Rng,
    shown: Shown,
}

impl Player {
    fn poll(&mut self) {
        loop {
            match self.broker.poll_output() {
                BrokerOutput::Event(event) => self.shown.events.push(format!("{event:?}")),
                BrokerOutput::Close(connection) => self.shown.closes.push(connection),
                BrokerOutput::Transmit(_) => {}
                BrokerOutput::Wait(_) => return,
            }
        }
    }

    fn call(&mut self, at: u64, call: &Call, driver: Driver) {
        let now = Instant::from_millis(at);
        let broker = &mut self.broker;
        let filter = |filter| TopicFilter::new(filter).unwrap();
        match call {
            Call::Open => {
                let opened = broker.open(now).map(|connection| connection.to_string());
                self.shown.pulls.push(format!("{at} {opened:?}"));
            }
            Call::Input(connection, bytes) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let most = if driver.pieces { rest.len().min(40) } else { rest.len() };
                    let len = if driver.pieces { 1 + self.rng.below(most) } else { most };
                    broker.handle_input(now, *connection, &rest[..len]);
                    rest = &rest[len..];
                }
            }
            Call::Timeout => broker.handle_timeout(now),
            Call::Closed(connection) => broker.handle_closed(now, *connection),
            Call::Accept(connection, denied, said) => {
                let (permissions, said) = (permissions(*denied), said.properties());
                broker.accept_with(now, *connection, permissions, &said).unwrap();
            }
            Call::DisconnectWith(connection, said) => {
                broker.disconnect_with(now, *connection, said.0, &said.properties()).unwrap();
            }
            Call::Refuse(connection, code) => broker.refuse(now, *connection, *code),
            Call::Shutdown => broker.shutdown(now),
            Call::Disconnect(connection) => broker.disconnect(now, *connection),
            Call::EndSession(client_id) => drop(broker.end_session(now, client_id)),
            Call::Pull(connection, max) => {
                let mut out = Vec::new();
                broker.poll_transmit(now, *connection, &mut out, *max);
                self.shown.pulls.push(format!("{at} {connection} {}", hex(&out.concat())));
            }
            Call::Publish(message) => broker.publish(now, message.clone()).unwrap(),
            Call::Subscribe(wanted) => drop(broker.subscribe(now, filter(wanted))),
            Call::Unsubscribe(wanted) => drop(broker.unsubscribe(now, filter(wanted))),
        }
    }
}

fn play(config: &BrokerConfig, calls: &[(u64, Call)], driver: Driver) -> Shown {
    let mut config = config.clone();
    config.router.seed = driver.router_seed;
    let broker = Broker::new(Instant::from_millis(1000), config);
    let mut player = Player { broker, rng: Rng::new(1), shown: Shown::default() };
    for (n, (at, call)) in calls.iter().enumerate() {
        player.call(*at, call, driver);
        if driver.early_timeouts {
            // What is due waits for its own call.
            player.poll();
            match player.broker.poll_output() {
                BrokerOutput::Wait(wait) if wait.is_none_or(|wait| wait > ms(*at)) => {
                    player.broker.handle_timeout(ms(*at));
                }
                _ => {}
            }
        }
        if n % driver.poll_every == 0 {
            player.poll();
        }
    }
    player.poll();
    player.shown.closes.sort();
    player.shown.statistics = format!("{:?}", player.broker.statistics());
    player.shown
}

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[track_caller]
fn same(seed: u64, driver: Driver, what: &str, shown: &[String], expected: &[String]) {
    for (n, (shown, expected)) in shown.iter().zip(expected).enumerate() {
        assert_eq!(shown, expected, "seed {seed}, {driver:?}: {what} {n}");
    }
    assert_eq!(shown.len(), expected.len(), "seed {seed}, {driver:?}: {what}");
}

/// A run with its calls; what the clients do with the bytes is in them.
fn recorded(seed: u64) -> (BrokerConfig, Vec<(u64, Call)>) {
    let mut world = World::new(seed, 100);
    world.rig.calls = Some(Vec::new());
    world.run();
    let World { plan, rig, .. } = world;
    (plan.config, rig.calls.unwrap())
}

fn compare(seeds: Range<u64>, drivers: &[Driver]) {
    for seed in seeds {
        let (config, calls) = recorded(seed);
        let expected = play(&config, &calls, PLAIN);
        assert!(expected.events.len() > 3, "seed {seed} shows nothing");
        for driver in drivers {
            let shown = play(&config, &calls, *driver);
            same(seed, *driver, "pull", &shown.pulls, &expected.pulls);
            same(seed, *driver, "event", &shown.events, &expected.events);
            assert_eq!(shown.statistics, expected.statistics, "seed {seed}, {driver:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..40 {
        let (once, again) = (recorded(seed).1, recorded(seed).1);
        assert_eq!(format!("{once:?}"), format!("{again:?}"), "seed {seed}");
        let config = World::new(seed, 100).plan.config;
        let (once, again) = (play(&config, &once, PLAIN), play(&config, &again, PLAIN));
        same(seed, PLAIN, "pull", &once.pulls, &again.pulls);
        same(seed, PLAIN, "event", &once.events, &again.events);
        assert_eq!(once.closes, again.closes, "seed {seed}");
    }
}

#[test]
fn the_seed_of_the_tables_never_shows() {
    compare(100..150, &[Driver { router_seed: 0x9E37_79B9_7F4A_7C15, ..PLAIN }]);
}

#[test]
fn when_the_driver_polls_never_matters() {
    let never = Driver { poll_every: usize::MAX, ..PLAIN };
    compare(200..250, &[never, Driver { poll_every: 7, ..PLAIN }]);
}

#[test]
fn timeouts_for_nothing_never_matter() {
    compare(300..350, &[Driver { early_timeouts: true, ..PLAIN }]);
}

#[test]
fn how_the_input_comes_in_pieces_never_shows_in_what_is_sent() {
    for seed in 400..500 {
        let (config, calls) = recorded(seed);
        let driver = Driver { pieces: true, ..PLAIN };
        let (expected, shown) = (play(&config, &calls, PLAIN), play(&config, &calls, driver));
        same(seed, driver, "pull", &shown.pulls, &expected.pulls);
        assert_eq!(shown.closes, expected.closes, "seed {seed}");
    }
}

#[test]
fn how_the_input_comes_in_pieces_never_shows_in_what_the_program_is_told() {
    compare(400..500, &[Driver { pieces: true, ..PLAIN }]);
}
