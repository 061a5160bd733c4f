//! Random runs: commands, latency, fragments, losses, restarts. A seed gives its run again.
//!
//! `SEED=n cargo test --test client random` runs one seed alone, and prints its steps.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mqtt_sansio::{
    ClientConfig, ClientEvent, DisconnectReason, PublishOutcome, QoS, RequestOutcome, Subscription,
    TopicFilter, Version,
};

use crate::bench::{ms, words};
use crate::model::Model;
use crate::rng::Rng;
use crate::sim::{Sim, To};

const SEEDS: u64 = 3000;
const STEPS: usize = 120;

/// Every kind of thing that must have happened in all runs together.
const KINDS: [&str; 25] = [
    "acknowledged out of order",
    "clean start",
    "close timeout",
    "connect timeout",
    "cut towards the client",
    "cut towards the server",
    "disconnect",
    "early timeout",
    "half-open",
    "large message",
    "lost message",
    "lost request",
    "one-byte pull",
    "ping timeout",
    "publish",
    "queue full",
    "refused",
    "resumed session",
    "restart",
    "server fault",
    "server message",
    "server session lost",
    "spurious pull",
    "subscribe",
    "time set back",
];

type Counts = BTreeMap<&'static str, u64>;

struct Run {
    /// Whether connections are of 5.0, most of them.
    v5: bool,
    rng: Rng,
    sim: Sim,
    model: Model,
    counts: Counts,
    steps: Vec<String>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut rng = Rng::new(seed);
        let mut config = ClientConfig::default();
        config.manual_acknowledgement = rng.one_in(2);
        config.max_inflight_messages = rng.pick(&[1, 2, 3, 20]);
        config.max_queued_messages = 15;
        config.max_pending_requests = 4;
        let mut sim = Sim::new(config);
        sim.version = if rng.one_in(8) { Version::V3_1 } else { Version::V3_1_1 };
        sim.latency = rng.below(400);
        sim.keep_alive = rng.pick(&[0, 1, 5]);
        sim.fragments = rng.one_in(2).then(|| Rng::new(seed));
        Run {
            v5: false,
            rng,
            sim,
            model: Model::default(),
            counts: Counts::new(),
            steps: Vec::new(),
        }
    }

    /// A client of 5.0, that now and then connects with 3.1.1.
    fn new_v5(seed: u64) -> Run {
        let mut run = Run::new(seed);
        run.v5 = true;
        run.sim.version = Version::V5_0;
        run.sim.mixed = true;
        run.sim.server.receive_maximum = run.rng.pick(&[1, 2, 3, 20]);
        run.sim.config.topic_aliases = run.rng.pick(&[0, 1, 5]);
        run.sim.client = mqtt_sansio::Client::new(run.sim.config.clone());
        run
    }

    fn count(&mut self, kind: &'static str) {
        *self.counts.entry(kind).or_default() += 1;
        self.steps.push(format!("{} {kind}", self.sim.now));
    }

    fn step(&mut self) {
        match self.rng.below(40) {
            0..=6 => self.publish(),
            7..=12 => self.server_publish(),
            13 => self.request(),
            14 => self.timeout(),
            15 => self.fault(),
            16 => self.pull(),
            17 if !self.sim.app.tokens.is_empty() => {
                let index = self.rng.below(self.sim.app.tokens.len() as u64) as usize;
                if index > 0 {
                    self.count("acknowledged out of order");
                }
                self.sim.acknowledge(index);
            }
            18 => self.sim.drain(),
            19..=21 if !self.sim.is_open => self.connect(),
            _ => {
                if self.rng.one_in(3) {
                    self.sim.poll();
                } else {
                    self.sim.drain();
                }
                self.sim.step();
            }
        }
    }

    fn publish(&mut self) {
        let qos = self.rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let len = if self.rng.one_in(8) { 1500 } else { 6 };
        let mut message = self.model.message(qos, len);
        if self.v5 && self.rng.one_in(3) {
            let seconds = self.rng.pick(&[1, 2, 60]);
            let expiry = [mqtt_sansio::Property::MessageExpiryInterval(seconds)];
            message.properties = mqtt_sansio::MessageProperties::new(&expiry).unwrap();
            self.model.expiring.insert(message.payload.clone());
        }
        if self.model.publish(&mut self.sim, message) {
            self.count(if len > 6 { "large message" } else { "publish" });
        } else {
            self.count("queue full");
        }
    }

    fn server_publish(&mut self) {
        let qos = self.rng.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let len = if self.rng.one_in(8) { 300 } else { 6 };
        let message = self.model.message(qos, len);
        self.count("server message");
        self.model.server_publish(&mut self.sim, message);
    }

    fn request(&mut self) {
        let filter = TopicFilter::new("s/#").unwrap();
        let now = ms(self.sim.now);
        if self.rng.one_in(2) {
            let subscription = Subscription::new(filter, QoS::ExactlyOnce);
            if let Ok(handle) = self.sim.client.subscribe(now, &[subscription]) {
                self.model.subscribed(handle);
            }
        } else if let Ok(handle) = self.sim.client.unsubscribe(now, &[filter]) {
            self.model.unsubscribed(handle);
        }
        self.sim.called();
        self.count("subscribe");
    }

    /// A call that changes nothing, or only the time.
    fn timeout(&mut self) {
        let (now, deadline) = (self.sim.now, self.sim.deadline);
        if self.rng.one_in(2) {
            self.count("time set back");
            let back = now.saturating_sub(self.rng.below(5000));
            self.sim.client.handle_timeout(ms(back));
        } else {
            self.count("early timeout");
            self.sim.client.handle_timeout(ms(now.min(deadline.unwrap_or(now))));
        }
        self.sim.called();
    }

    fn pull(&mut self) {
        if self.rng.one_in(2) {
            self.count("spurious pull");
            self.sim.pull();
        } else {
            self.count("one-byte pull");
            self.sim.max_pull = if self.sim.max_pull == 1 { usize::MAX } else { 1 };
        }
    }

    fn connect(&mut self) {
        if self.v5 {
            self.sim.version = self.rng.pick(&[Version::V5_0, Version::V5_0, Version::V3_1_1]);
        }
        // 3.1 does not tell the client of a lost session: it would take the old one as found.
        let clean_start = self.rng.one_in(6) && self.sim.version != Version::V3_1;
        if self.rng.one_in(6) && self.sim.version != Version::V3_1 {
            self.count("server session lost");
            self.sim.server.lose_session();
        }
        if clean_start {
            self.count("clean start");
        }
        if self.rng.one_in(10) {
            self.count("refused");
            self.sim.server.refuse = true;
        }
        self.sim.connect(clean_start);
    }

    fn fault(&mut self) {
        match self.rng.below(8) {
            _ if !self.sim.is_open => self.sim.drain(),
            0 | 1 => {
                let to = self.rng.pick(&[To::Server, To::Client]);
                self.count(match to {
                    To::Server => "cut towards the server",
                    To::Client => "cut towards the client",
                });
                let bytes = self.rng.below(100) as usize;
                self.sim.cut_after(to, bytes);
            }
            2 => {
                self.count("half-open");
                self.sim.is_dead = true;
            }
            3 => {
                self.count("disconnect");
                self.sim.client.disconnect(ms(self.sim.now));
                self.sim.called();
                if self.rng.one_in(2) {
                    // The transport takes nothing more, until the time is over.
                    self.sim.now += 5000;
                    self.sim.client.handle_timeout(ms(self.sim.now));
                    self.sim.called();
                }
            }
            4 => {
                self.count("restart");
                self.sim.restart();
            }
            5 => {
                self.count("server fault");
                // A second CONNACK must not come before the first.
                let mut faults = [&b"\xf0\x00"[..], b"\xd0\x01\x00", b"\x20\x02\x00\x00"];
                if self.sim.version == Version::V5_0 {
                    faults[2] = b"\x20\x03\x00\x00\x00";
                }
                let known = if self.sim.client.is_connected() { 3 } else { 2 };
                let bytes = self.rng.pick(&faults[..known]);
                self.sim.server_bytes(bytes);
            }
            6 => self.sim.server.mute = true,
            _ => self.sim.lose(),
        }
    }

    /// No more faults: all that is under way comes to its end.
    fn finish(&mut self) {
        self.sim.max_pull = usize::MAX;
        for _ in 0..2000 {
            self.sim.drain();
            if !self.sim.is_open {
                self.sim.server.refuse = false;
                self.sim.server.mute = false;
                self.sim.connect(false);
            } else if self.sim.is_dead && self.sim.next_time().is_none() {
                self.sim.lose();
            } else if !self.sim.app.tokens.is_empty() {
                self.sim.acknowledge(0);
            } else if self.sim.is_connected()
                && self.sim.server.is_idle()
                && self.model.pending(&self.sim) == 0
            {
                return;
            } else if !self.sim.step() {
                panic!("stuck, {} handles without an end", self.model.pending(&self.sim));
            }
        }
        panic!("no end, {} handles without one", self.model.pending(&self.sim));
    }

    fn check(&mut self) {
        self.model.check(&self.sim);
        for reason in self.sim.app.disconnects.clone() {
            match reason {
                DisconnectReason::PingTimeout => self.count("ping timeout"),
                DisconnectReason::ConnectTimeout => self.count("connect timeout"),
                DisconnectReason::CloseTimeout => self.count("close timeout"),
                _ => {}
            }
        }
        for event in std::mem::take(&mut self.sim.app.events) {
            match event {
                ClientEvent::Connected { session_present: true, .. } => {
                    self.count("resumed session")
                }
                ClientEvent::Published { outcome: mqtt_sansio::PublishOutcome::Lost, .. } => {
                    self.count("lost message");
                }
                ClientEvent::Published { outcome, .. } if self.v5 => self.count(match outcome {
                    PublishOutcome::Expired => "expired",
                    PublishOutcome::Refused(_) => "refused message",
                    PublishOutcome::NotSent(_) => "not in version",
                    _ => "acknowledged",
                }),
                ClientEvent::Subscribed { outcome: RequestOutcome::Lost, .. } => {
                    self.count("lost request")
                }
                _ => {}
            }
        }
    }
}

/// One run; what was counted, and the final state in words.
fn run(seed: u64) -> (Counts, Vec<u8>) {
    run_to_its_end(seed, Run::new(seed))
}

fn run_to_its_end(seed: u64, mut run: Run) -> (Counts, Vec<u8>) {
    let mut done = 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        for step in 0..STEPS {
            done = step;
            run.step();
        }
        run.finish();
        run.check();
    }));
    if let Err(cause) = result {
        eprintln!("{}", run.steps.join("\n"));
        let sent = words(&run.sim.watch.log);
        let last = sent.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev();
        eprintln!("sent on the last connection, at last\n{}", last.collect::<Vec<_>>().join("\n"));
        eprintln!("seed {seed}, step {done}: run it alone with SEED={seed}");
        resume_unwind(cause);
    }
    (run.counts, run.sim.watch.log)
}

#[test]
fn whatever_happens_every_promise_holds() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        run(seed);
        return;
    }
    let mut counts = Counts::new();
    for seed in 0..SEEDS {
        for (kind, count) in run(seed).0 {
            *counts.entry(kind).or_default() += count;
        }
    }
    println!("{SEEDS} runs: {counts:#?}");
    for kind in KINDS {
        let count = counts.get(kind).copied().unwrap_or(0);
        assert!(count >= 20, "{kind} occurred {count} times");
    }
    assert_eq!(counts.len(), KINDS.len(), "{counts:?}");
}

/// What must also have happened in the runs of 5.0.
const KINDS_V5: [&str; 4] = ["acknowledged", "expired", "not in version", "refused message"];

#[test]
fn whatever_happens_every_promise_holds_in_5_0_beside_3_1_1() {
    if let Some(seed) = std::env::var("SEED5").ok().and_then(|seed| seed.parse().ok()) {
        run_to_its_end(seed, Run::new_v5(seed));
        return;
    }
    let mut counts = Counts::new();
    for seed in 0..SEEDS {
        for (kind, count) in run_to_its_end(seed, Run::new_v5(seed)).0 {
            *counts.entry(kind).or_default() += count;
        }
    }
    println!("{SEEDS} runs: {counts:#?}");
    for kind in KINDS.iter().chain(&KINDS_V5) {
        let count = counts.get(kind).copied().unwrap_or(0);
        assert!(count >= 20, "{kind} occurred {count} times");
    }
}

#[test]
fn a_seed_gives_its_run_again() {
    for seed in 0..100 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
