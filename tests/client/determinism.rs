//! The same calls give the same bytes and events, whenever `poll_output` is called, however the input is
//! chunked, whatever timeouts come early.

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, Connect, Instant, Message, QoS, Statistics,
    Subscription, Token, TopicFilter, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::bench::{ms, unhex, words};

#[derive(Clone, Debug)]
enum Call {
    Connect { clean_start: bool, keep_alive: u16 },
    Publish(QoS, usize),
    Subscribe,
    Unsubscribe,
    Input(Vec<&'static str>),
    Timeout(u64),
    Closed,
    Disconnect,
    Pull(usize),
    Acknowledge(usize),
}

const PACKETS: [&str; 24] = [
    "20020000",
    "20020000",
    "20020100",
    "20020100",
    "20020005",
    "3004000174ff",
    "320600017400 01ff",
    "3a0600017400 01ff",
    "320600017400 02ff",
    "340600017400 01ff",
    "3c0600017400 01ff",
    "340600017400 02ff",
    "40020001",
    "40020002",
    "50020001",
    "50020002",
    "50020003",
    "62020001",
    "62020002",
    "70020001",
    "70020002",
    "9003000100",
    "b0020002",
    "d000",
];

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn call() -> impl Strategy<Value = Call> {
    let packet = prop::sample::select(PACKETS.to_vec());
    prop_oneof![
        3 => (any::<bool>(), prop::sample::select(vec![0, 1, 10]))
            .prop_map(|(clean_start, keep_alive)| Call::Connect { clean_start, keep_alive }),
        4 => (qos(), prop::sample::select(vec![0, 5, 1023, 1024])).prop_map(|(q, n)| Call::Publish(q, n)),
        1 => Just(Call::Subscribe),
        1 => Just(Call::Unsubscribe),
        6 => vec(packet, 1..4).prop_map(Call::Input),
        1 => prop::sample::select(vec![vec!["f000"], vec!["d000", "40"], vec!["3004"]]).prop_map(Call::Input),
        2 => (0..6000u64).prop_map(Call::Timeout),
        1 => Just(Call::Closed),
        1 => Just(Call::Disconnect),
        6 => prop::sample::select(vec![1, 10, usize::MAX]).prop_map(Call::Pull),
        3 => (0..4usize).prop_map(Call::Acknowledge),
    ]
}

/// How a driver goes about it.
#[derive(Clone, Copy)]
struct Driver {
    /// Polls after every so many calls.
    poll_every: usize,
    /// Gives input in chunks of so many bytes.
    chunk: usize,
    /// Calls `handle_timeout` after every call where it is early.
    early_timeouts: bool,
}

/// All that a run shows.
#[derive(Debug, PartialEq)]
struct Shown {
    pulls: Vec<Vec<u8>>,
    events: Vec<String>,
    wait: Option<Instant>,
    statistics: Statistics,
    refused: Vec<String>,
    session: String,
}

struct Run {
    client: Client,
    now: u64,
    tokens: Vec<Token>,
    shown: Shown,
}

impl Run {
    fn new(manual: bool) -> Run {
        let mut config = ClientConfig::default();
        config.max_inflight_messages = 3;
        config.max_queued_messages = 5;
        config.max_pending_requests = 3;
        config.manual_acknowledgement = manual;
        config.send_before_connack = manual;
        let shown = Shown {
            pulls: Vec::new(),
            events: Vec::new(),
            wait: None,
            statistics: Statistics::default(),
            refused: Vec::new(),
            session: String::new(),
        };
        Run { client: Client::new(config), now: 0, tokens: Vec::new(), shown }
    }

    fn poll(&mut self) {
        loop {
            match self.client.poll_output() {
                ClientOutput::Wait(wait) => {
                    self.shown.wait = wait;
                    return;
                }
                ClientOutput::Event(event) => {
                    self.shown.events.push(format!("{event:?}"));
                    if let ClientEvent::Message { token: Some(token), .. } = event {
                        self.tokens.push(token);
                    }
                }
                // When the driver pulls and closes is a call like the others.
                ClientOutput::Transmit | ClientOutput::Close => {}
            }
        }
    }

    fn call(&mut self, call: &Call, driver: Driver) {
        let now = ms(self.now);
        let filter = TopicFilter::new("s").unwrap();
        let refused = match call {
            Call::Connect { clean_start, keep_alive } => {
                let connect = Connect {
                    clean_start: *clean_start,
                    keep_alive: *keep_alive,
                    ..Connect::new(Version::V3_1_1, "c")
                };
                format!("{:?}", self.client.connect(now, &connect))
            }
            Call::Publish(qos, len) => {
                let mut message = Message::new("t", vec![b'x'; *len]).unwrap();
                message.qos = *qos;
                format!("{:?}", self.client.publish(now, message))
            }
            Call::Subscribe => {
                let subscription = Subscription::new(filter, QoS::AtLeastOnce);
                format!("{:?}", self.client.subscribe(now, &[subscription]))
            }
            Call::Unsubscribe => format!("{:?}", self.client.unsubscribe(now, &[filter])),
            Call::Input(packets) => {
                let bytes = unhex(&packets.concat());
                bytes.chunks(driver.chunk).for_each(|chunk| self.client.handle_input(now, chunk));
                String::new()
            }
            Call::Timeout(after) => {
                self.now += after;
                self.client.handle_timeout(ms(self.now));
                String::new()
            }
            Call::Closed => {
                self.client.handle_closed(now);
                String::new()
            }
            Call::Disconnect => {
                self.client.disconnect(now);
                String::new()
            }
            Call::Pull(max) => {
                let mut out = Vec::new();
                self.client.poll_transmit(now, &mut out, *max);
                self.shown.pulls.push(out.concat());
                String::new()
            }
            Call::Acknowledge(index) => {
                // Tokens come with events.
                self.poll();
                if *index < self.tokens.len() {
                    let token = self.tokens.remove(*index);
                    self.client.acknowledge(now, token);
                }
                String::new()
            }
        };
        self.client.check_invariants();
        self.shown.refused.push(refused);
    }
}

fn run(calls: &[Call], manual: bool, driver: Driver) -> Shown {
    let mut run = Run::new(manual);
    for (n, call) in calls.iter().enumerate() {
        run.call(call, driver);
        if n % driver.poll_every == 0 {
            run.poll();
        }
        if driver.early_timeouts {
            run.poll();
            if run.shown.wait.is_none_or(|wait| wait > ms(run.now)) {
                run.client.handle_timeout(ms(run.now));
            }
        }
    }
    run.poll();
    run.shown.statistics = run.client.statistics().clone();
    run.shown.session = format!("{:?}", run.client.session());
    run.shown
}

/// The same, with two calls at least before a poll, input byte by byte, or early timeouts.
fn compare(calls: &[Call], manual: bool) -> Result<(), TestCaseError> {
    let plain = Driver { poll_every: 1, chunk: usize::MAX, early_timeouts: false };
    let expected = run(calls, manual, plain);
    for driver in [
        plain,
        Driver { poll_every: 2, ..plain },
        Driver { poll_every: usize::MAX, ..plain },
        Driver { chunk: 1, ..plain },
        Driver { early_timeouts: true, ..plain },
        Driver { poll_every: 5, chunk: 3, early_timeouts: true },
    ] {
        let shown = run(calls, manual, driver);
        let sent = words(&shown.pulls.concat());
        prop_assert_eq!(&shown, &expected, "{}", sent);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn polling_chunks_and_early_timeouts_never_matter(
        calls in vec(call(), 0..80),
        manual in any::<bool>(),
    ) {
        compare(&calls, manual)?;
    }

    /// From a connection on, so that most calls mean something.
    #[test]
    fn polling_chunks_and_early_timeouts_never_matter_on_a_connection(
        calls in vec(call(), 0..80),
        manual in any::<bool>(),
    ) {
        let mut all = vec![
            Call::Connect { clean_start: false, keep_alive: 1 },
            Call::Input(vec!["20020100"]),
        ];
        all.extend(calls);
        compare(&all, manual)?;
    }
}
