//! The broker and its model side by side: every call goes to both, and all that comes out is compared.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use mqtt_sansio::{
    Access, Broker, BrokerConfig, BrokerEvent, BrokerOutput, CloseReason, ConnectionId, Filter,
    Instant, Message, PacketType, Permissions, ReasonCode, TopicFilter,
};

use crate::last::Goodbye;
use crate::log::{hex, say, words};
use crate::model::{Model, State, Told, Why, Words};
use crate::said::{Farewell, Welcome};
use crate::watch::{At, Watch};
use crate::wire::matches;

/// A call of the driver's.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Open,
    Input(ConnectionId, Vec<u8>),
    Timeout,
    Closed(ConnectionId),
    Accept(ConnectionId, bool, Welcome),
    Refuse(ConnectionId, ReasonCode),
    Disconnect(ConnectionId),
    DisconnectWith(ConnectionId, Farewell),
    Shutdown,
    EndSession(String),
    Pull(ConnectionId, usize),
    Publish(Message),
    Subscribe(String),
    Unsubscribe(String),
}

/// A transport, as the driver of the broker has it.
pub(crate) struct Wire {
    /// To the broker, and to the client.
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    /// Whether the broker has something to send.
    pub(crate) wants: bool,
    /// Whether the broker wants it closed.
    pub(crate) close: bool,
    pub(crate) watch: Watch,
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
        rig.watch("will");
        if sys.is_some() {
            rig.watch("$SYS/#");
        }
        rig
    }

    /// What the broker publishes by itself is taken as it comes: the program watches it.
    fn watch(&mut self, filter: &str) {
        let now = self.time();
        self.broker.subscribe(now, TopicFilter::new(filter).unwrap()).unwrap();
        self.model.program.insert(filter.to_owned());
        while let BrokerOutput::Event(BrokerEvent::Message(message)) = self.broker.poll_output() {
            self.model.route_message(&message);
            self.model.told.clear();
        }
    }

    pub(crate) fn time(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn call(&mut self, call: Call) -> Instant {
        say!("{} ms {}", self.now, self.shown(&call));
        self.model.now = self.time();
        let earlier = self.is_backwards && self.known == self.now;
        self.known = self.now;
        let told = if earlier { self.now - 500 } else { self.now };
        if let Some(calls) = &mut self.calls {
            calls.push((told, call));
        }
        Instant::from_millis(told)
    }

    fn shown(&self, call: &Call) -> String {
        match call {
            Call::Input(connection, bytes) => {
                let shown = hex(&bytes[..bytes.len().min(64)]);
                let version = self.model.version(*connection);
                format!("{connection} reads {shown}{}", words(bytes, version))
            }
            call => format!("{call:?}"),
        }
    }

    pub(crate) fn open(&mut self, owner: Option<usize>, is_real: bool) -> Option<ConnectionId> {
        let now = self.call(Call::Open);
        let opened = self.broker.open(now);
        assert_eq!(opened.is_ok(), self.model.has_room(), "room for a connection");
        let Ok(connection) = opened else {
            self.model.seen.add("too many connections");
            return None;
        };
        self.model.open(connection);
        let (up, down, watch) = (Vec::new(), Vec::new(), Watch::new(is_real));
        let wire = Wire { up, down, wants: false, close: false, watch, owner };
        assert!(self.wires.insert(connection, wire).is_none(), "{connection} twice");
        Some(connection)
    }

    pub(crate) fn input(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let now = self.call(Call::Input(connection, bytes.to_vec()));
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.watch.see(At::ServerReceives, bytes, &mut self.model.seen);
        }
        self.broker.handle_input(now, connection, bytes);
        self.model.input(connection, bytes);
    }

    pub(crate) fn accept(&mut self, connection: ConnectionId, denied: bool, said: Welcome) {
        let now = self.call(Call::Accept(connection, denied, said));
        let properties = said.properties();
        self.broker.accept_with(now, connection, permissions(denied), &properties).unwrap();
        self.model.accept(connection, denied, said);
    }

    pub(crate) fn refuse(&mut self, connection: ConnectionId, code: ReasonCode, byte: u8) {
        let now = self.call(Call::Refuse(connection, code));
        self.broker.refuse(now, connection, code);
        self.model.refuse(connection, code, byte);
    }

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        let now = self.call(Call::Disconnect(connection));
        self.broker.disconnect(now, connection);
        self.model.close(connection, Why::Reason(CloseReason::Requested));
    }

    pub(crate) fn disconnect_with(&mut self, connection: ConnectionId, said: Farewell) {
        let now = self.call(Call::DisconnectWith(connection, said));
        self.broker.disconnect_with(now, connection, said.0, &said.properties()).unwrap();
        let goodbye = Goodbye { code: said.0 as u8, words: Words::No, props: said.props() };
        self.model.close_with(connection, Why::Reason(CloseReason::Requested), Some(goodbye));
    }

    /// All connections, in the order of their numbers.
    pub(crate) fn shutdown(&mut self) {
        let now = self.call(Call::Shutdown);
        self.broker.shutdown(now);
        let mut open: Vec<_> = self.model.connections.keys().copied().collect();
        open.sort_by_key(|connection| connection.index());
        for connection in open {
            let words = Words::These("the server is shutting down");
            let goodbye = Goodbye { words, ..Goodbye::new(0x8B) };
            self.model.close_with(connection, Why::Reason(CloseReason::Requested), Some(goodbye));
        }
    }

    pub(crate) fn end_session(&mut self, client_id: &str) {
        let now = self.call(Call::EndSession(client_id.to_owned()));
        let ended = self.broker.end_session(now, client_id);
        assert_eq!(ended, self.model.end_session(client_id), "whether there was a session");
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
        say!("  gives{}", words(&bytes, self.model.version(connection)));
        assert_eq!(size, bytes.len(), "the size of a pull");
        self.model.pulled(connection, &bytes, max);
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.wants = max == 0 && wire.wants;
            wire.watch.see(At::ServerSends, &bytes, &mut self.model.seen);
            wire.down.extend_from_slice(&bytes);
        }
    }

    pub(crate) fn publish(&mut self, message: Message) {
        let now = self.call(Call::Publish(message.clone()));
        self.broker.publish(now, message.clone()).unwrap();
        self.model.route_message(&message);
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
        for (held, _) in self.model.retained.values() {
            if matches(filter, held.topic()) && !held.is_expired(self.model.now) {
                self.model.told.push_back(Told::Message(held.message.clone()));
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
        self.model.reject_wills();
        self.model.expire_retained();
        self.model.look_again();
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
        let groups = self.model.groups.len();
        assert_eq!(self.broker.router().groups(), groups, "groups of shared subscriptions");
        let sessions = self.model.sessions.values();
        let subscriptions = sessions.map(|session| session.subscriptions.len()).sum::<usize>();
        let subscriptions = subscriptions + self.model.program.len();
        assert_eq!(self.broker.router().subscriptions(), subscriptions, "subscriptions");
        assert_eq!(self.broker.sessions(), self.model.sessions.len(), "sessions");
        let retained = self.model.retained.len();
        assert_eq!(self.broker.router().retained_messages(), retained, "messages retained");
    }
}

/// A limit that no simulation comes near.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 60 * 60);
