//! The broker once more, written the plainest way: who gets what, and what the program is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use mqtt_sansio::{
    BrokerConfig, BrokerEvent, CloseReason, ConnectionId, Instant, Message, QoS, ReasonCode,
    Version,
};

use crate::log::Kinds;
use crate::wire::{connack, matches};

/// Level by level: the order in which retained messages are walked.
pub(crate) type Levels = Vec<Vec<u8>>;

pub(crate) fn levels(topic: &str) -> Levels {
    topic.split('/').map(|level| level.as_bytes().to_vec()).collect()
}

pub(crate) struct Model {
    pub(crate) config: BrokerConfig,
    pub(crate) now: Instant,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) connections: BTreeMap<ConnectionId, State>,
    /// What the program has subscribed to.
    pub(crate) program: BTreeSet<String>,
    /// By topic, and which one in the order of all that were ever retained.
    pub(crate) retained: BTreeMap<Levels, (Arc<Message>, u64)>,
    /// What the program is to be told, in this order.
    pub(crate) told: VecDeque<Told>,
    pub(crate) counts: Counts,
    /// How often a client's message was routed or turned down, by payload.
    pub(crate) handled: BTreeMap<Bytes, u32>,
    pub(crate) seen: Kinds,
    pub(crate) numbers: Numbers,
}

/// Of what was given out.
#[derive(Default)]
pub(crate) struct Numbers {
    assigned: u64,
    pub(crate) retained: u64,
}

/// What the broker counts too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) connected: usize,
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
    pub(crate) refused: u64,
    pub(crate) faults: u64,
    pub(crate) expired: u64,
    pub(crate) not_retained: u64,
    /// PUBLISH to clients, by QoS, and those with DUP.
    pub(crate) sent: [u64; 3],
    pub(crate) again: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Connect(ConnectionId, String),
    /// A CONNECT that too much came with: it may be left out.
    MaybeConnect(ConnectionId, String),
    Connected(ConnectionId, String, bool),
    Disconnected(ConnectionId, Option<String>, Why),
    Expired(String),
    Message(Arc<Message>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    Fault,
    Reason(CloseReason),
}

/// A connection.
pub(crate) enum State {
    Handshake { buffer: Vec<u8>, hello: Option<Hello>, deadline: Instant },
    Session(String),
    Closing { farewell: Vec<u8>, deadline: Instant },
    Closed,
}

/// A CONNECT.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) version: Version,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) client_id: String,
    pub(crate) will: Option<Arc<Message>>,
}

#[derive(Default)]
pub(crate) struct Session {
    pub(crate) link: Option<Link>,
    /// Whether the client identifier is one that the broker made up.
    pub(crate) assigned: bool,
    /// Whether topics below `deny` are kept from the client.
    pub(crate) denied: bool,
    pub(crate) subscriptions: BTreeMap<String, QoS>,
    pub(crate) queue: VecDeque<Entry>,
    pub(crate) inflight: Vec<Flight>,
    pub(crate) unreleased: BTreeMap<u16, Arc<Message>>,
    pub(crate) expires: Option<Instant>,
    /// Whether the client knows that it is not the session of before: a CONNACK can get lost.
    pub(crate) is_known: bool,
    /// What the client must have received while the session lasts, but for what is retained.
    pub(crate) owed: Vec<(Bytes, QoS)>,
}

/// What dies with the connection.
pub(crate) struct Link {
    pub(crate) connection: ConnectionId,
    pub(crate) hello: Hello,
    pub(crate) buffer: Vec<u8>,
    /// Answers that were not pulled.
    pub(crate) control: VecDeque<Vec<u8>>,
    /// Packet identifiers of what is to be sent again.
    pub(crate) resend: VecDeque<u16>,
    pub(crate) last_received: Instant,
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Message(Arc<Message>, QoS),
    Retained(Cursor),
}

/// The retained messages of a new subscription that were not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) filter: String,
    pub(crate) qos: QoS,
    pub(crate) after: Option<Levels>,
    /// The last one that was retained when the subscription was made: later ones may wait as what it brings.
    pub(crate) last: u64,
}

/// A message that the client has not finished.
#[derive(Clone)]
pub(crate) struct Flight {
    pub(crate) id: u16,
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) released: bool,
}

impl Link {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let millis = u64::from(self.hello.keep_alive) * 1500;
        (millis > 0).then(|| self.last_received + std::time::Duration::from_millis(millis))
    }
}

impl Model {
    pub(crate) fn new(config: BrokerConfig) -> Model {
        Model {
            config,
            now: Instant::default(),
            sessions: BTreeMap::new(),
            connections: BTreeMap::new(),
            program: BTreeSet::new(),
            retained: BTreeMap::new(),
            told: VecDeque::new(),
            counts: Counts::default(),
            handled: BTreeMap::new(),
            seen: Kinds::default(),
            numbers: Numbers::default(),
        }
    }

    /// Whether another connection is taken.
    pub(crate) fn has_room(&self) -> bool {
        let waits = |state: &&State| matches!(state, State::Handshake { .. });
        self.connections.len() < self.config.max_connections
            && self.connections.values().filter(waits).count() < self.config.max_pending_connections
    }

    pub(crate) fn open(&mut self, connection: ConnectionId) {
        let deadline = self.now + self.config.session.handshake.timeout;
        let state = State::Handshake { buffer: Vec::new(), hello: None, deadline };
        assert!(self.connections.insert(connection, state).is_none(), "{connection} twice");
    }

    /// The CONNECT that awaits its answer on this connection, and what came after it.
    fn take_hello(&mut self, connection: ConnectionId) -> Option<(Hello, Vec<u8>)> {
        match self.connections.get_mut(&connection)? {
            State::Handshake { buffer, hello, .. } => {
                hello.take().map(|hello| (hello, std::mem::take(buffer)))
            }
            _ => None,
        }
    }

    pub(crate) fn accept(&mut self, connection: ConnectionId, denied: bool) {
        let Some((mut hello, early)) = self.take_hello(connection) else {
            return;
        };
        let old = self.sessions.get(&hello.client_id);
        if old.is_some_and(|session| session.assigned) {
            self.seen.add("client identifier that was made up for another");
            let why = Why::Reason(CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
            return self.farewell(connection, why, connack(hello.version, false, 2));
        }
        let old = old.and_then(|session| session.link.as_ref());
        if let Some(old) = old.map(|link| link.connection) {
            self.seen.add("takeover");
            self.close(old, Why::Reason(CloseReason::TakenOver));
        }
        if hello.clean && self.sessions.remove(&hello.client_id).is_some() {
            self.seen.add("session ended by a clean start");
        }
        let present = self.sessions.contains_key(&hello.client_id);
        if !present && self.sessions.len() >= self.config.max_sessions {
            self.seen.add("too many sessions");
            let answer = connack(hello.version, false, 3);
            return self.farewell(connection, Why::Reason(CloseReason::TooManySessions), answer);
        }
        let assigned = hello.client_id.is_empty();
        while hello.client_id.is_empty() || assigned && self.sessions.contains_key(&hello.client_id)
        {
            self.numbers.assigned += 1;
            hello.client_id = format!("auto-{}", self.numbers.assigned);
        }
        let client_id = hello.client_id.clone();
        let session = self.sessions.entry(client_id.clone()).or_default();
        let resend: VecDeque<_> = session.inflight.iter().map(|flight| flight.id).collect();
        self.seen.add_if(present, "session resumed");
        self.seen.add_if(!resend.is_empty(), "session resumed with messages in flight");
        let flag = present && hello.version != Version::V3_1;
        let control = VecDeque::from([connack(hello.version, flag, 0)]);
        let last_received = self.now;
        let buffer = Vec::new();
        session.assigned = assigned;
        if denied && !session.denied {
            session.forget_denied();
        }
        session.denied = denied;
        session.expires = None;
        session.link = Some(Link { connection, hello, buffer, control, resend, last_received });
        self.connections.insert(connection, State::Session(client_id.clone()));
        self.counts.connected += 1;
        self.told.push_back(Told::Connected(connection, client_id, present));
        self.input(connection, &early);
    }

    pub(crate) fn refuse(&mut self, connection: ConnectionId, reason: CloseReason, code: u8) {
        if let Some((hello, _)) = self.take_hello(connection) {
            self.seen.add("refused");
            let answer = connack(hello.version, false, code);
            self.farewell(connection, Why::Reason(reason), answer);
        }
    }

    /// The end of a connection without session: this CONNACK, if it is not empty, then the close.
    pub(crate) fn farewell(&mut self, connection: ConnectionId, why: Why, answer: Vec<u8>) {
        self.counts.refused += 1;
        self.counts.faults += u64::from(why == Why::Fault);
        self.told.push_back(Told::Disconnected(connection, None, why));
        let deadline = self.now + self.config.close_timeout;
        let state = match answer.is_empty() {
            true => State::Closed,
            false => State::Closing { farewell: answer, deadline },
        };
        self.connections.insert(connection, state);
    }

    /// The end of a connection, unless it has ended: its session goes on or ends, and then its will.
    pub(crate) fn close(&mut self, connection: ConnectionId, why: Why) {
        let state = self.connections.insert(connection, State::Closed);
        let client_id = match state {
            Some(State::Session(client_id)) => client_id,
            Some(State::Handshake { .. }) => {
                return self.told.push_back(Told::Disconnected(connection, None, why));
            }
            Some(State::Closing { .. } | State::Closed) => return,
            None => {
                self.connections.remove(&connection);
                return;
            }
        };
        // The real client breaks no rule.
        let is_raw = client_id.starts_with('w') || client_id.starts_with("auto-");
        assert!(is_raw || why != Why::Fault, "{client_id} is closed for a fault");
        let session = self.sessions.get_mut(&client_id).unwrap();
        let mut link = session.link.take().unwrap();
        let farewell = link.control.drain(..).collect::<Vec<_>>().concat();
        let link_is_full = farewell.len() > self.config.session.max_unsent_bytes;
        let answered = match why {
            Why::Fault => !link_is_full,
            Why::Reason(why) => matches!(why, CloseReason::Disconnected | CloseReason::Requested),
        };
        if answered && !farewell.is_empty() {
            let deadline = self.now + self.config.close_timeout;
            self.connections.insert(connection, State::Closing { farewell, deadline });
        }
        let denied = session.denied;
        self.counts.connected -= 1;
        self.counts.faults += u64::from(why == Why::Fault);
        self.told.push_back(Told::Disconnected(connection, Some(client_id.clone()), why));
        if link.hello.clean {
            self.sessions.remove(&client_id);
        } else {
            session.queue.retain(|entry| entry.qos() != QoS::AtMostOnce);
            session.expires = self.config.session_expiry.map(|expiry| self.now + expiry);
        }
        let disconnected = why == Why::Reason(CloseReason::Disconnected);
        match link.hello.will.filter(|_| !disconnected) {
            Some(will) if self.may_publish(denied, &will) => {
                self.seen.add("will");
                self.route(&will);
            }
            Some(_) => self.counts.rejected += 1,
            None => {}
        }
    }

    pub(crate) fn closed(&mut self, connection: ConnectionId) {
        self.close(connection, Why::Reason(CloseReason::TransportClosed));
        self.connections.remove(&connection);
    }

    pub(crate) fn end_session(&mut self, client_id: &str) {
        self.seen.add("session expired");
        self.sessions.remove(client_id);
        self.counts.expired += 1;
        self.told.push_back(Told::Expired(client_id.to_owned()));
    }

    fn may_publish(&self, denied: bool, message: &Message) -> bool {
        let topic = message.topic.name().as_str();
        let reserved = self.config.sys_interval.is_some() && topic.starts_with("$SYS/");
        let kept_away = denied && topic.split('/').next() == Some("deny");
        let fits = topic.len() <= self.config.max_topic_length
            && message.payload.len() <= self.config.max_payload_size;
        !reserved && !kept_away && fits
    }

    /// A message of a client's.
    pub(crate) fn publish_from(&mut self, client_id: &str, message: &Arc<Message>) {
        *self.handled.entry(message.payload.clone()).or_default() += 1;
        let denied = self.sessions[client_id].denied;
        if self.may_publish(denied, message) {
            self.route(message);
        } else {
            self.seen.add("publish rejected");
            self.counts.rejected += 1;
        }
    }

    pub(crate) fn route(&mut self, message: &Arc<Message>) {
        let topic = message.topic.name().as_str();
        if message.retain && self.config.retain_available {
            self.retain(message, levels(topic));
        }
        if self.program.iter().any(|filter| matches(filter, topic)) {
            self.told.push_back(Told::Message(Arc::clone(message)));
        }
        for session in self.sessions.values_mut() {
            let found = session.subscriptions.iter().filter(|(filter, _)| matches(filter, topic));
            let qos: Vec<_> = found.map(|(_, qos)| *qos).collect();
            let Some(granted) = qos.iter().copied().max() else {
                continue;
            };
            if session.denied && topic.split('/').next() == Some("deny") {
                continue;
            }
            self.seen.add_if(qos.len() > 1, "overlapping subscriptions");
            self.seen.add_if(granted < message.qos, "QoS lowered");
            let qos = message.qos.min(granted);
            if session.link.is_none() && qos == QoS::AtMostOnce {
                continue;
            }
            if !session.has_room(message, qos, &self.config) {
                self.seen.add("queue full");
                self.counts.dropped += 1;
                continue;
            }
            self.seen.add_if(session.link.is_none(), "queued for a client that is away");
            session.queue.push_back(Entry::Message(Arc::clone(message), qos));
            if qos != QoS::AtMostOnce {
                session.owed.push((message.payload.clone(), qos));
            }
        }
    }

    fn retain(&mut self, message: &Arc<Message>, key: Levels) {
        self.retained.remove(&key);
        if message.payload.is_empty() {
            return self.seen.add("retained message cleared");
        }
        self.numbers.retained += 1;
        let bytes: usize = self.retained.values().map(|(message, _)| size(message)).sum();
        if self.retained.len() >= self.config.router.max_retained_messages
            || bytes + size(message) > self.config.router.max_retained_bytes
        {
            self.seen.add("retain rejected");
            self.counts.not_retained += 1;
        } else {
            self.retained.insert(key, (Arc::clone(message), self.numbers.retained));
        }
    }

    /// The next retained message of a subscription.
    pub(crate) fn next_retained(
        &self,
        cursor: &Cursor,
        denied: bool,
        queue: &VecDeque<Entry>,
    ) -> Option<Arc<Message>> {
        let Cursor { filter, after, last, .. } = cursor;
        let waits = |message: &Arc<Message>| queue.iter().any(|entry| entry.is(message));
        let found = self.retained.iter().find(|(key, (message, number))| {
            (number <= last || !waits(message))
                && after.as_ref().is_none_or(|after| *key > after)
                && matches(filter, message.topic.name().as_str())
                && !(denied && key[0] == b"deny")
        });
        found.map(|(_, (message, _))| Arc::clone(message))
    }

    /// What the program was told is what it is to be told next.
    pub(crate) fn check_event(&mut self, event: &BrokerEvent) {
        let is_connect = matches!(event, BrokerEvent::Connect { .. });
        if matches!(self.told.front(), Some(Told::MaybeConnect(..))) && !is_connect {
            self.told.pop_front();
        }
        let fits = match (self.told.pop_front(), event) {
            (
                Some(Told::Connect(c, id) | Told::MaybeConnect(c, id)),
                BrokerEvent::Connect { connection, request },
            ) => c == *connection && id == request.client_id,
            (
                Some(Told::Connected(c, id, present)),
                BrokerEvent::Connected { connection, client_id, session_present },
            ) => c == *connection && *id == **client_id && present == *session_present,
            (
                Some(Told::Disconnected(c, id, why)),
                BrokerEvent::Disconnected { connection, client_id, reason },
            ) => {
                let fault = matches!(reason, CloseReason::ClientFault(_));
                let fits = if why == Why::Fault { fault } else { why == Why::Reason(*reason) };
                fits && c == *connection && id.as_deref() == client_id.as_deref()
            }
            (Some(Told::Expired(id)), BrokerEvent::SessionExpired { client_id }) => {
                *id == **client_id
            }
            (Some(Told::Message(wanted)), BrokerEvent::Message(message)) => wanted == *message,
            (told, _) => panic!("the program was told\n  {event:?}\nand not\n  {told:?}"),
        };
        assert!(fits, "the program was told otherwise: {event:?}, then {:?}", self.told);
    }
}

impl Session {
    /// What waits under topics that may not be received any more is dropped.
    fn forget_denied(&mut self) {
        let is_denied = |entry: &Entry| match entry {
            Entry::Message(message, _) => message.topic.name().as_str().starts_with("deny/"),
            Entry::Retained(_) => false,
        };
        let owed = &mut self.owed;
        self.queue.retain(|entry| {
            let Entry::Message(message, _) = entry else {
                return true;
            };
            let kept = !is_denied(entry);
            if !kept {
                owed.retain(|(payload, _)| *payload != message.payload);
            }
            kept
        });
    }

    /// Messages at QoS 1 and 2 share the limit among themselves; one at QoS 0 with all.
    fn has_room(&self, message: &Arc<Message>, qos: QoS, config: &BrokerConfig) -> bool {
        let waiting = self.queue.iter().filter_map(|entry| match entry {
            Entry::Message(message, q) => {
                (qos == QoS::AtMostOnce || *q != QoS::AtMostOnce).then(|| size(message))
            }
            Entry::Retained(_) => None,
        });
        let sizes: Vec<_> = waiting.collect();
        sizes.is_empty()
            || sizes.len() < config.session.max_queued_messages
                && sizes.iter().sum::<usize>() + size(message) <= config.session.max_queued_bytes
    }
}

impl Entry {
    /// Whether it is this very message.
    fn is(&self, message: &Arc<Message>) -> bool {
        matches!(self, Entry::Message(waiting, _) if Arc::ptr_eq(waiting, message))
    }

    pub(crate) fn qos(&self) -> QoS {
        match self {
            Entry::Message(_, qos) => *qos,
            Entry::Retained(cursor) => cursor.qos,
        }
    }
}

/// What the limits in bytes count.
pub(crate) fn size(message: &Arc<Message>) -> usize {
    message.topic.name().as_bytes().len() + message.payload.len()
}
