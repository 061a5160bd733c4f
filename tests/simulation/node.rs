//! A client of this crate, and the application over it.

use std::collections::BTreeMap;

use bytes::Bytes;
use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, Connect, ConnectionId, DisconnectReason,
    Handle, Instant, Message, PublishOutcome, QoS, Subscription, Token, TopicFilter, Version, Will,
};

/// What all applications have seen.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By client identifier and payload: how often it came at each QoS, without RETAIN.
    pub(crate) got: BTreeMap<String, BTreeMap<Bytes, [u32; 3]>>,
    /// What a server has acknowledged, with its QoS, to a client that can tell.
    pub(crate) acknowledged: Vec<(Bytes, QoS)>,
    pub(crate) lost: u64,
}

/// What kind of client it is.
#[derive(Clone)]
pub(crate) struct Habits {
    pub(crate) client_id: String,
    pub(crate) version: Version,
    pub(crate) keep_alive: u16,
    /// Of what it publishes and subscribes to.
    pub(crate) max_qos: usize,
    pub(crate) manual: bool,
    /// Whether its state and the server's always fit together, so that QoS 2 means exactly once.
    pub(crate) is_strict: bool,
    pub(crate) always_clean: bool,
}

pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) habits: Habits,
    pub(crate) link: Option<ConnectionId>,
    /// Whether there is something to send.
    pub(crate) wants: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) tokens: Vec<Token>,
    /// Neither reads nor writes until that step.
    pub(crate) stalled_until: usize,
    /// The client wants its transport closed.
    pub(crate) close: bool,
    /// What the last CONNACK said of the session, until somebody asks.
    pub(crate) session_present: Option<bool>,
    published: BTreeMap<Handle, (Bytes, QoS)>,
}

impl Node {
    pub(crate) fn new(habits: Habits) -> Node {
        Node {
            client: Client::new(Node::config(&habits)),
            habits,
            link: None,
            wants: false,
            deadline: None,
            tokens: Vec::new(),
            stalled_until: 0,
            close: false,
            session_present: None,
            published: BTreeMap::new(),
        }
    }

    fn config(habits: &Habits) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.manual_acknowledgement = habits.manual;
        config.max_inflight_messages = 5;
        config
    }

    /// The process ends, and another goes on from its session.
    pub(crate) fn restart(&mut self) {
        let session = self.client.session();
        self.client = Client::resume(Node::config(&self.habits), session);
        (self.wants, self.close, self.deadline) = (false, false, None);
    }

    pub(crate) fn connect(&mut self, now: Instant, clean: bool, will: Option<&Message>) {
        let clean_start = clean || self.habits.always_clean;
        let Habits { version, keep_alive, client_id, .. } = &self.habits;
        let will = will.map(|will| Will {
            qos: will.qos,
            retain: will.retain,
            ..Will::new(will.topic.name(), &will.payload)
        });
        let connect = Connect {
            clean_start,
            keep_alive: *keep_alive,
            will,
            ..Connect::new(*version, client_id)
        };
        self.client.connect(now, &connect).unwrap();
        self.client.check_invariants();
    }

    pub(crate) fn publish(&mut self, now: Instant, message: Message) {
        let (payload, qos) = (message.payload.clone(), message.qos);
        if let Ok(handle) = self.client.publish(now, message) {
            self.published.insert(handle, (payload, qos));
        }
        self.client.check_invariants();
    }

    pub(crate) fn subscribe(&mut self, now: Instant, filters: &[(&str, QoS)]) {
        let filters: Vec<_> = filters
            .iter()
            .map(|(filter, qos)| Subscription::new(TopicFilter::new(filter).unwrap(), *qos))
            .collect();
        // Too many requests may wait while the client is away.
        let _ = self.client.subscribe(now, &filters);
        self.client.check_invariants();
    }

    pub(crate) fn unsubscribe(&mut self, now: Instant, filter: &str) {
        let _ = self.client.unsubscribe(now, &[TopicFilter::new(filter).unwrap()]);
        self.client.check_invariants();
    }

    pub(crate) fn acknowledge(&mut self, now: Instant, index: usize) {
        let token = self.tokens.remove(index);
        self.client.acknowledge(now, token);
        self.client.check_invariants();
    }

    pub(crate) fn pull(&mut self, now: Instant, max: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.wants = false;
        self.client.poll_transmit(now, &mut out, max);
        self.client.check_invariants();
        out.concat()
    }

    /// The transport is gone.
    pub(crate) fn closed(&mut self, now: Instant) {
        self.link = None;
        self.close = false;
        self.wants = false;
        self.client.handle_closed(now);
        self.client.check_invariants();
    }

    /// Polls until there is nothing more.
    pub(crate) fn poll(&mut self, ledger: &mut Ledger) {
        loop {
            match self.client.poll_output() {
                ClientOutput::Transmit => self.wants = true,
                ClientOutput::Close => self.close = true,
                ClientOutput::Event(event) => self.event(event, ledger),
                ClientOutput::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: ClientEvent, ledger: &mut Ledger) {
        crate::log::say!("    {} is told {event:?}", self.habits.client_id);
        match event {
            ClientEvent::Message { message, token, .. } => {
                self.tokens.extend(token);
                if message.retain || !is_unique(&message.payload) {
                    return;
                }
                let got = ledger.got.entry(self.habits.client_id.clone()).or_default();
                let counts = got.entry(message.payload.clone()).or_default();
                counts[message.qos as usize] += 1;
                let once = counts[2] <= 1 || !self.habits.is_strict;
                assert!(once, "{} got {message:?} twice", self.habits.client_id);
            }
            ClientEvent::Published { handle, outcome } => {
                let Some((payload, qos)) = self.published.remove(&handle) else {
                    panic!("{}: {handle:?} ended twice", self.habits.client_id);
                };
                let counts = qos != QoS::AtMostOnce && is_unique(&payload);
                if outcome == PublishOutcome::Acknowledged && counts && self.habits.is_strict {
                    ledger.acknowledged.push((payload, qos));
                }
                ledger.lost += u64::from(outcome == PublishOutcome::Lost);
            }
            ClientEvent::Connected { session_present } => {
                self.session_present = Some(session_present);
            }
            ClientEvent::Disconnected(DisconnectReason::ServerFault(fault)) => {
                panic!("{}: {fault}", self.habits.client_id);
            }
            _ => {}
        }
    }
}

/// Whether no other message has the payload: neither an empty one nor those of raw clients.
pub(crate) fn is_unique(payload: &[u8]) -> bool {
    payload.contains(&b':')
}

pub(crate) fn message(topic: &str, payload: Vec<u8>, qos: QoS, retain: bool) -> Message {
    let mut message = Message::new(topic, payload).unwrap();
    message.qos = qos;
    message.retain = retain;
    message
}
