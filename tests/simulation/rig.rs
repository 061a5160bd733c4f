//! The broker and its model side by side: every call goes to both, and all that comes out is compared.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use mqtt_sansio::{
    Access, Broker, BrokerConfig, BrokerEvent, BrokerOutput, CloseReason, ConnectionId, Filter,
    Instant, Message, PacketType, Permissions, ReasonCode, TopicFilter,
};

use crate::log::{hex, say, words};
use crate::model::{Model, State, Told, Why};
use crate::wire::matches;

/// A call of the driver's.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Open,
    Input(ConnectionId, Vec<u8>),
    Timeout,
    Closed(ConnectionId),
    Accept(ConnectionId, bool),
    Refuse(ConnectionId, ReasonCode),
    Disconnect(ConnectionId),
    Shutdown,
    Pull(ConnectionId, usize),
    Publish(Message),
    Subscribe(String),
    Unsubscribe(String),
}

/// A transport, as the driver of the broker has it.
#[derive(Default)]
pub(crate) struct Wire {
    /// To the broker, and to the client.
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    /// Whether the broker has something to send.
    pub(crate) wants: bool,
    /// Whether the broker wants it closed.
    pub(crate) close: bool,
    /// Whose it is; nobody's once the client's side is gone.
    pub(crate) owner: Option<usize>,
}

pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) model: Model,
    pub(crate) now: u64,
    pub(crate) wires: BTreeMap<ConnectionId, Wire>,
    /// Whose CONNECT awaits an answer.
    pub(crate) waiting: Vec<ConnectionId>,
    /// The calls so far, with their times, where they are kept.
    pub(crate) calls: Option<Vec<(u64, Call)>>,
    /// A connection that is no more.
    pub(crate) gone: Option<ConnectionId>,
    /// Whether the broker is told an earlier time than it knows.
    pub(crate) is_backwards: bool,
    known: u64,
    sys: Option<Instant>,
}

pub(crate) fn permissions(denied: bool) -> Permissions {
    match denied {
        false => Permissions::all(),
        true => Permissions::all().deny(Access::Both, Filter::new("deny/#").unwrap()),
    }
}

impl Rig {
    pub(crate) fn new(config: BrokerConfig) -> Rig {
        let now = 1000;
        let sys = config.sys_interval.map(|interval| Instant::from_millis(now) + interval);
        let mut model = Model::new(config.clone());
        model.now = Instant::from_millis(now);
        let broker = Broker::new(Instant::from_millis(now), config);
        let (wires, waiting) = (BTreeMap::new(), Vec::new());
        let (calls, gone, is_backwards, known) = (None, None, false, now);
        let mut rig =
            Rig { broker, model, now, wires, waiting, calls, gone, is_backwards, known, sys };
        if sys.is_some() {
            rig.subscribe_sys();
        }
        rig
    }

    /// What the broker publishes of itself is taken as it comes: the program watches it.
    fn subscribe_sys(&mut self) {
        let filter = TopicFilter::new("$SYS/#").unwrap();
        self.broker.subscribe(self.time(), filter).unwrap();
        self.model.program.insert("$SYS/#".to_owned());
        while let BrokerOutput::Event(BrokerEvent::Message(message)) = self.broker.poll_output() {
            self.model.route(&message);
            self.model.told.clear();
        }
    }

    pub(crate) fn time(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn call(&mut self, call: Call) -> Instant {
        say!("{} ms {}", self.now, shown(&call));
        self.model.now = self.time();
        let earlier = self.is_backwards && self.known == self.now;
        self.known = self.now;
        let told = if earlier { self.now - 500 } else { self.now };
        if let Some(calls) = &mut self.calls {
            calls.push((told, call));
        }
        Instant::from_millis(told)
    }

    pub(crate) fn open(&mut self, owner: Option<usize>) -> Option<ConnectionId> {
        let now = self.call(Call::Open);
        let opened = self.broker.open(now);
        assert_eq!(opened.is_ok(), self.model.has_room(), "room for a connection");
        let Ok(connection) = opened else {
            self.model.seen.add("too many connections");
            return None;
        };
        self.model.open(connection);
        let wire = Wire { owner, ..Wire::default() };
        assert!(self.wires.insert(connection, wire).is_none(), "{connection} twice");
        Some(connection)
    }

    pub(crate) fn input(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let now = self.call(Call::Input(connection, bytes.to_vec()));
        self.broker.handle_input(now, connection, bytes);
        self.model.input(connection, bytes);
    }

    pub(crate) fn accept(&mut self, connection: ConnectionId, denied: bool) {
        let now = self.call(Call::Accept(connection, denied));
        self.broker.accept(now, connection, permissions(denied));
        self.model.accept(connection, denied);
    }

    pub(crate) fn refuse(&mut self, connection: ConnectionId, code: ReasonCode, byte: u8) {
        let now = self.call(Call::Refuse(connection, code));
        self.broker.refuse(now, connection, code);
        self.model.refuse(connection, CloseReason::Refused(code), byte);
    }

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        let now = self.call(Call::Disconnect(connection));
        self.broker.disconnect(now, connection);
        self.model.close(connection, Why::Reason(CloseReason::Requested));
    }

    /// All connections, in the order of their numbers.
    pub(crate) fn shutdown(&mut self) {
        let now = self.call(Call::Shutdown);
        self.broker.shutdown(now);
        let mut open: Vec<_> = self.model.connections.keys().copied().collect();
        open.sort_by_key(|connection| connection.index());
        for connection in open {
            self.model.close(connection, Why::Reason(CloseReason::Requested));
        }
    }

    /// The transport is gone.
    pub(crate) fn closed(&mut self, connection: ConnectionId) -> Wire {
        let now = self.call(Call::Closed(connection));
        self.broker.handle_closed(now, connection);
        self.model.closed(connection);
        self.waiting.retain(|waiting| *waiting != connection);
        self.gone = Some(connection);
        self.wires.remove(&connection).unwrap()
    }

    pub(crate) fn pull(&mut self, connection: ConnectionId, max: usize) {
        let now = self.call(Call::Pull(connection, max));
        let mut out: Vec<Bytes> = Vec::new();
        let size = self.broker.poll_transmit(now, connection, &mut out, max);
        let bytes = out.concat();
        say!("  gives{}", words(&bytes));
        assert_eq!(size, bytes.len(), "the size of a pull");
        self.model.pulled(connection, &bytes, max);
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.wants = max == 0 && wire.wants;
            wire.down.extend_from_slice(&bytes);
        }
    }

    pub(crate) fn publish(&mut self, message: Message) {
        let now = self.call(Call::Publish(message.clone()));
        self.broker.publish(now, message.clone()).unwrap();
        self.model.route(&std::sync::Arc::new(message));
    }

    pub(crate) fn subscribe(&mut self, filter: &str) {
        let now = self.call(Call::Subscribe(filter.to_owned()));
        let taken = self.broker.subscribe(now, TopicFilter::new(filter).unwrap());
        let has_room = self.model.program.len() < self.model.config.router.max_subscriptions;
        let fits = has_room || self.model.program.contains(filter);
        assert_eq!(taken.is_ok(), fits, "room for a subscription of the program's");
        if !fits {
            return self.model.seen.add("subscription of the program's refused");
        }
        self.model.program.insert(filter.to_owned());
        for (message, _) in self.model.retained.values() {
            if matches(filter, message.topic.name().as_str()) {
                self.model.told.push_back(Told::Message(message.clone()));
            }
        }
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        let now = self.call(Call::Unsubscribe(filter.to_owned()));
        let had = self.broker.unsubscribe(now, TopicFilter::new(filter).unwrap());
        assert_eq!(had, self.model.program.remove(filter), "a subscription of the program's");
    }

    /// Tells the broker the time. What is due is told in the order of the broker's own timers.
    pub(crate) fn timeout(&mut self) {
        self.model.now = self.time();
        let due = self.next_deadline().is_some_and(|at| at <= self.time());
        if due {
            self.drain(usize::MAX);
        }
        let told = self.call(Call::Timeout);
        self.broker.handle_timeout(told);
        let now = self.time();
        if !due {
            self.model.seen.add("timeout for nothing");
            return;
        }
        self.model.close_late();
        if let Some(at) = self.sys.filter(|at| *at <= now) {
            self.model.seen.add("statistics published");
            self.sys = self.model.config.sys_interval.map(|interval| at.max(now) + interval);
        }
        loop {
            match self.broker.poll_output() {
                BrokerOutput::Event(event) => {
                    if self.model.told.is_empty() {
                        self.model.time_has_come(&event);
                    }
                    self.event(&event);
                }
                BrokerOutput::Wait(at) => {
                    assert!(at.is_none_or(|at| at > now), "the broker waits for what is past");
                    break;
                }
                output => self.output(output),
            }
        }
        let late = self.next_deadline().filter(|at| *at <= now);
        assert_eq!(late, None, "something is overdue at {now:?}");
    }

    /// When something is to happen by itself.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        [self.model.deadline(), self.sys].into_iter().flatten().min()
    }

    /// Polls so often, or until there is nothing more.
    pub(crate) fn drain(&mut self, polls: usize) {
        for _ in 0..polls {
            match self.broker.poll_output() {
                BrokerOutput::Wait(at) => return self.check_idle(at),
                BrokerOutput::Event(event) => self.event(&event),
                output => self.output(output),
            }
        }
    }

    fn event(&mut self, event: &BrokerEvent) {
        say!("  told {event:?}");
        self.model.check_event(event);
        if let BrokerEvent::Connect { connection, .. } = event {
            self.waiting.push(*connection);
        }
    }

    fn output(&mut self, output: BrokerOutput) {
        match output {
            BrokerOutput::Transmit(connection) => {
                self.wires.get_mut(&connection).expect("a connection that is gone").wants = true;
            }
            BrokerOutput::Close(connection) => {
                let wire = self.wires.get_mut(&connection).expect("a connection that is gone");
                assert!(!wire.close, "{connection}: to be closed twice");
                wire.close = true;
                let state = self.model.connections.get(&connection);
                assert!(matches!(state, Some(State::Closed)), "{connection}: closed too soon");
            }
            BrokerOutput::Event(_) | BrokerOutput::Wait(_) => {}
        }
    }

    /// Nothing more is to be done: so the driver must know of all that is.
    fn check_idle(&mut self, wait: Option<Instant>) {
        assert!(self.model.told.is_empty(), "the program was not told {:?}", self.model.told);
        for (connection, wire) in &self.wires {
            let told = wire.wants || !self.model.wants(*connection);
            assert!(told, "{connection}: the driver does not know that there is something to send");
            let closed = matches!(self.model.connections.get(connection), Some(State::Closed));
            assert_eq!(wire.close, closed, "{connection}: whether it is to be closed");
        }
        let deadline = self.next_deadline();
        let late = deadline.is_some_and(|at| wait.is_none_or(|wait| wait > at));
        assert!(!late, "the broker waits until {wait:?}, but there is something at {deadline:?}");
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) {
        self.broker.check_invariants();
        let (counted, counts) = (self.broker.statistics(), &self.model.counts);
        assert_eq!(counted.clients_connected, counts.connected, "clients connected");
        assert_eq!(counted.publish_dropped, counts.dropped, "messages dropped");
        assert_eq!(counted.publish_rejected, counts.rejected, "messages rejected");
        assert_eq!(counted.retain_rejected, counts.not_retained, "messages not retained");
        assert_eq!(counted.client_faults, counts.faults, "faults");
        assert_eq!(counted.refused, counts.refused, "connections refused");
        assert_eq!(counted.clients_expired, counts.expired, "sessions expired");
        let sent = counted.packets.sent.of(PacketType::Publish).packets;
        assert_eq!(sent, counts.sent.iter().sum::<u64>() + counts.again, "PUBLISH sent");
        assert_eq!(self.broker.sessions(), self.model.sessions.len(), "sessions");
        let retained = self.model.retained.len();
        assert_eq!(self.broker.router().retained_messages(), retained, "messages retained");
    }
}

/// Time in the model.
impl Model {
    /// When something happens if nothing else does.
    fn deadline(&self) -> Option<Instant> {
        let connections = self.connections.values().filter_map(|state| match state {
            State::Handshake { hello: None, deadline, .. } => Some(*deadline),
            State::Closing { deadline, .. } => Some(*deadline),
            _ => None,
        });
        let sessions = self.sessions.values().filter_map(|session| {
            session.link.as_ref().map_or(session.expires, |link| link.deadline())
        });
        connections.chain(sessions).min()
    }

    /// Connections whose last packet was not pulled in time.
    fn close_late(&mut self) {
        for state in self.connections.values_mut() {
            if matches!(state, State::Closing { deadline, .. } if *deadline <= self.now) {
                self.seen.add("CONNACK not taken in time");
                *state = State::Closed;
            }
        }
    }

    /// An event that only the time can have brought about: it must be due.
    fn time_has_come(&mut self, event: &BrokerEvent) {
        match event {
            BrokerEvent::Disconnected { connection, reason, .. } => {
                let deadline = match (self.connections.get(connection), reason) {
                    (
                        Some(State::Handshake { hello: None, deadline, .. }),
                        CloseReason::ConnectTimeout,
                    ) => {
                        self.seen.add("no CONNECT in time");
                        Some(*deadline)
                    }
                    (Some(State::Session(id)), CloseReason::KeepAliveTimeout) => {
                        self.seen.add("keep alive exceeded");
                        self.sessions[id].link.as_ref().and_then(|link| link.deadline())
                    }
                    _ => None,
                };
                let due = deadline.is_some_and(|at| at <= self.now);
                assert!(due, "at {:?}, due at {deadline:?}: {event:?}", self.now);
                self.close(*connection, Why::Reason(*reason));
            }
            BrokerEvent::SessionExpired { client_id } => {
                let expires = self.sessions.get(&**client_id).and_then(|session| session.expires);
                let due = expires.is_some_and(|at| at <= self.now);
                assert!(due, "at {:?}, due at {expires:?}: {event:?}", self.now);
                self.end_session(client_id);
            }
            BrokerEvent::Message(message) => {
                let topic = message.topic.name();
                assert!(topic.as_str().starts_with("$SYS/"), "{event:?} out of nothing");
                self.route(message);
            }
            _ => panic!("{event:?} out of nothing"),
        }
    }
}

/// A limit that no simulation comes near.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn shown(call: &Call) -> String {
    match call {
        Call::Input(connection, bytes) => {
            format!("{connection} reads {}{}", hex(&bytes[..bytes.len().min(48)]), words(bytes))
        }
        call => format!("{call:?}"),
    }
}
