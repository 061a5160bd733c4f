//! One client and the model of a server, a link that delays, splits and breaks, and a clock.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use mqtt_sansio::{
    Answer, Client, ClientConfig, ClientEvent, ClientOutput, CommandError, Connect,
    DisconnectReason, Handle, Message, Properties, Property, QoS, ReasonCode, Token, Version,
};

use crate::bench::ms;
use crate::rng::Rng;
use crate::server::{ALIASES, Server, is_refused, number, topic_of};
use crate::watch::Watch;

/// One direction of the link.
#[derive(Debug, Default)]
struct Pipe {
    flying: VecDeque<(u64, Vec<u8>)>,
    last: u64,
    /// How many bytes get through before the connection is lost.
    cut: Option<usize>,
    /// How many bytes have got through, over all connections.
    carried: usize,
}

impl Pipe {
    fn push(&mut self, at: u64, bytes: &[u8], rng: &mut Option<Rng>) {
        self.last = self.last.max(at);
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = match rng {
                None => rest.len(),
                Some(rng) => match rng.below(3) {
                    0 => 1,
                    _ => 1 + rng.below(rest.len() as u64) as usize,
                },
            };
            let (chunk, after) = rest.split_at(len);
            self.last += u64::from(rng.as_mut().is_some_and(|rng| rng.one_in(4)));
            self.flying.push_back((self.last, chunk.to_vec()));
            rest = after;
        }
    }

    fn next(&self) -> Option<u64> {
        self.flying.front().map(|(at, _)| *at)
    }

    /// The chunk that arrives, and whether the connection is lost with it.
    fn pop(&mut self) -> (Vec<u8>, bool) {
        let (_, mut chunk) = self.flying.pop_front().unwrap();
        let lost = self.cut.is_some_and(|cut| chunk.len() >= cut);
        if let Some(cut) = self.cut.as_mut() {
            chunk.truncate(*cut);
            *cut -= chunk.len();
        }
        self.carried += chunk.len();
        (chunk, lost)
    }

    fn clear(&mut self) {
        self.flying.clear();
        self.last = 0;
        self.cut = None;
    }
}

/// A message as the application got it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
}

/// What the application was told.
#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) events: Vec<ClientEvent>,
    pub(crate) got: Vec<Got>,
    pub(crate) tokens: Vec<(Token, Got)>,
    /// What it had acknowledged with a token that counted.
    pub(crate) acknowledged: Vec<Got>,
    pub(crate) disconnects: Vec<DisconnectReason>,
    /// CONNECTs less DISCONNECTED events.
    pub(crate) open: i64,
}

/// Which direction of the link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum To {
    Server,
    Client,
}

pub(crate) struct Sim {
    pub(crate) client: Client,
    pub(crate) config: ClientConfig,
    pub(crate) server: Server,
    pub(crate) watch: Watch,
    pub(crate) app: App,
    pub(crate) now: u64,
    pub(crate) version: Version,
    pub(crate) keep_alive: u16,
    pub(crate) latency: u64,
    pub(crate) deadline: Option<u64>,
    pub(crate) is_open: bool,
    /// The link takes bytes and carries none.
    pub(crate) is_dead: bool,
    /// The driver's limit for one pull.
    pub(crate) max_pull: usize,
    /// Splits what the link carries.
    pub(crate) fragments: Option<Rng>,
    /// After which calls of the client's it is dropped and resumed from its session.
    pub(crate) restart_at: Vec<usize>,
    pub(crate) calls: usize,
    /// Whether connections are of several versions.
    pub(crate) mixed: bool,
    /// What the application has refused, in 5.0.
    pub(crate) refused: BTreeSet<Bytes>,
    to_server: Pipe,
    to_client: Pipe,
}

impl Sim {
    pub(crate) fn new(config: ClientConfig) -> Sim {
        Sim {
            client: Client::new(config.clone()),
            config,
            server: Server::default(),
            watch: Watch::default(),
            app: App::default(),
            now: 1000,
            version: Version::V3_1_1,
            keep_alive: 0,
            latency: 10,
            deadline: None,
            is_open: false,
            is_dead: false,
            max_pull: usize::MAX,
            fragments: None,
            restart_at: Vec::new(),
            calls: 0,
            mixed: false,
            refused: BTreeSet::new(),
            to_server: Pipe::default(),
            to_client: Pipe::default(),
        }
    }

    pub(crate) fn carried(&self, to: To) -> usize {
        match to {
            To::Server => self.to_server.carried,
            To::Client => self.to_client.carried,
        }
    }

    /// The connection is lost when so many more bytes got through.
    pub(crate) fn cut_after(&mut self, to: To, bytes: usize) {
        match to {
            To::Server => self.to_server.cut = Some(bytes),
            To::Client => self.to_client.cut = Some(bytes),
        }
    }

    pub(crate) fn connect(&mut self, clean_start: bool) {
        assert!(!self.is_open);
        self.watch.open(clean_start);
        self.is_open = true;
        self.app.open += 1;
        let properties = [
            Property::SessionExpiryInterval(u32::MAX),
            Property::ReceiveMaximum(7.try_into().unwrap()),
            Property::TopicAliasMaximum(ALIASES),
        ];
        let v5 = self.version == Version::V5_0;
        let properties = if v5 { Properties::new(&properties) } else { Properties::EMPTY };
        let keep_alive = self.keep_alive;
        let connect =
            Connect { clean_start, keep_alive, properties, ..Connect::new(self.version, "c") };
        self.client.connect(ms(self.now), &connect).unwrap();
        self.called();
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.client.is_connected() && self.server.is_connected()
    }

    pub(crate) fn publish(&mut self, message: Message) -> Result<Handle, CommandError> {
        let handle = self.client.publish(ms(self.now), message);
        self.called();
        handle
    }

    /// What is checked after every call.
    pub(crate) fn called(&mut self) {
        self.client.check_invariants();
        self.calls += 1;
        if self.restart_at.contains(&self.calls) {
            self.restart();
        }
    }

    /// The process ends and another goes on from the session: tokens and the connection are gone.
    pub(crate) fn restart(&mut self) {
        let session = self.client.session();
        #[cfg(feature = "serde")]
        let session = {
            let json = serde_json::to_string(&session).unwrap();
            let again = serde_json::from_str(&json).unwrap();
            assert_eq!(session, again, "{json}");
            again
        };
        self.client = Client::resume(self.config.clone(), session.clone());
        self.client.check_invariants();
        assert_eq!(self.client.session(), session);
        self.app.tokens.clear();
        self.app.open = 0;
        self.deadline = None;
        self.close_link();
    }

    fn close_link(&mut self) {
        self.is_open = false;
        self.is_dead = false;
        self.to_server.clear();
        self.to_client.clear();
        self.server.close();
    }

    /// The connection is lost: both sides learn it at once.
    pub(crate) fn lose(&mut self) {
        if !self.is_open {
            return;
        }
        self.close_link();
        self.client.handle_closed(ms(self.now));
        self.called();
    }

    /// One poll of what the client wants; false at `Wait`.
    pub(crate) fn poll(&mut self) -> bool {
        let output = self.client.poll_output();
        match output {
            ClientOutput::Wait(deadline) => {
                self.deadline = deadline.map(|at| at.since_epoch().as_millis() as u64);
                self.called();
                return false;
            }
            ClientOutput::Event(event) => {
                self.event(event);
                self.called();
            }
            ClientOutput::Transmit => {
                self.called();
                self.pull();
            }
            ClientOutput::Close => {
                self.called();
                // What was handed out before is still sent.
                while self.is_open && !self.is_dead && self.to_server.next().is_some() {
                    let (chunk, lost) = self.to_server.pop();
                    self.server.receive(&chunk);
                    if lost {
                        break;
                    }
                }
                self.lose();
            }
        }
        true
    }

    pub(crate) fn pull(&mut self) {
        let mut segments = Vec::new();
        let size = self.client.poll_transmit(ms(self.now), &mut segments, self.max_pull);
        let bytes = segments.concat();
        assert_eq!(size, bytes.len());
        if !bytes.is_empty() {
            assert!(self.is_open, "bytes without a connection");
            self.watch.client(&bytes, self.version);
            if !self.is_dead {
                self.to_server.push(self.now + self.latency, &bytes, &mut self.fragments);
            }
        }
        self.called();
    }

    fn event(&mut self, event: ClientEvent) {
        if let ClientEvent::Disconnected { reason, .. } = event {
            self.app.disconnects.push(reason);
            self.app.open -= 1;
            assert!(self.app.open >= 0, "Disconnected twice");
        }
        if let ClientEvent::Message { message, token, .. } = event {
            let topic = topic_of(number(&message.payload));
            assert_eq!(message.topic.name().as_str(), topic, "{message:?}");
            let got = Got { payload: message.payload.clone(), qos: message.qos };
            self.app.got.push(got.clone());
            if let Some(token) = token {
                self.app.tokens.push((token, got));
            }
            return;
        }
        self.app.events.push(event);
    }

    pub(crate) fn drain(&mut self) {
        while self.poll() {}
    }

    /// The application acknowledges one of the messages it got.
    pub(crate) fn acknowledge(&mut self, index: usize) {
        let (token, got) = self.app.tokens.remove(index);
        if self.version == Version::V5_0 && is_refused(&got.payload) {
            self.refused.insert(got.payload.clone());
            self.app.acknowledged.push(got);
            let answer = Answer::new(ReasonCode::QuotaExceeded, &[]).unwrap();
            self.client.acknowledge_with(ms(self.now), token, answer);
            return self.called();
        }
        self.app.acknowledged.push(got);
        self.client.acknowledge(ms(self.now), token);
        self.called();
    }

    fn flush_server(&mut self) {
        for packet in std::mem::take(&mut self.server.output) {
            if self.is_open && !self.is_dead {
                self.to_client.push(self.now + self.latency, &packet, &mut self.fragments);
            }
        }
    }

    /// A message from the server.
    pub(crate) fn server_publish(&mut self, message: Message) -> bool {
        let taken = self.server.publish(message);
        self.flush_server();
        taken
    }

    /// Raw bytes from the server.
    pub(crate) fn server_bytes(&mut self, bytes: &[u8]) {
        if self.is_open && !self.is_dead {
            self.to_client.push(self.now + self.latency, bytes, &mut self.fragments);
        }
    }

    /// When something happens next by itself.
    pub(crate) fn next_time(&self) -> Option<u64> {
        let link = [self.to_server.next(), self.to_client.next()];
        link.into_iter().chain([self.deadline]).flatten().min()
    }

    /// Lets the next thing happen that happens by itself; false where there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some(at) = self.next_time() else {
            return false;
        };
        self.now = self.now.max(at);
        if self.to_server.next() == Some(at) {
            let (chunk, lost) = self.to_server.pop();
            self.server.receive(&chunk);
            self.flush_server();
            if lost {
                self.lose();
            }
        } else if self.to_client.next() == Some(at) {
            let (chunk, lost) = self.to_client.pop();
            let received = self.client.statistics().received.total();
            self.client.handle_input(ms(self.now), &chunk);
            // A client that is closing does not read.
            let read = self.client.statistics().received.total() != received;
            self.watch.server(&chunk, self.version, read);
            self.called();
            if lost {
                self.lose();
            }
        } else {
            self.deadline = None;
            self.client.handle_timeout(ms(self.now));
            self.called();
        }
        true
    }

    /// Goes on until nothing happens by itself any more; the application acknowledges, last come first.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            self.drain();
            if let Some(last) = self.app.tokens.len().checked_sub(1) {
                self.acknowledge(last);
            } else if !self.step() {
                return;
            }
        }
        panic!("no end: {:?}\n{}", self.app.events, crate::bench::words(&self.watch.log));
    }
}
