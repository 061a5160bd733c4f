//! The broker once more, written the plainest way: what it has to remember.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_sansio::{
    BrokerConfig, BrokerEvent, CloseReason, ConnectionId, Instant, Message, QoS, Version,
};

use crate::groups::Groups;
use crate::log::Kinds;
use crate::wire::{FORMAT, Prop};

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
    pub(crate) groups: Groups,
    /// By topic, and which one in the order of all that were ever retained.
    pub(crate) retained: BTreeMap<Levels, (Arc<Held>, u64)>,
    /// What the program is to be told, in this order.
    pub(crate) told: VecDeque<Told>,
    pub(crate) counts: Counts,
    pub(crate) seen: Kinds,
    pub(crate) numbers: Numbers,
    pub(crate) ledger: Owed,
}

/// What must come of it all, apart from what sessions hold.
#[derive(Default)]
pub(crate) struct Owed {
    /// How often a client's message was routed or turned down, by payload.
    pub(crate) handled: BTreeMap<Bytes, u32>,
    /// How many copies at QoS 2 were queued for a client, all its sessions taken together.
    pub(crate) copies: BTreeMap<(String, Bytes), u32>,
    /// What the program was told of the end of a connection.
    pub(crate) ends: BTreeMap<ConnectionId, String>,
}

/// Of what was given out.
#[derive(Default)]
pub(crate) struct Numbers {
    pub(crate) assigned: u64,
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

/// A message that the server has taken over.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) message: Message,
    pub(crate) at: Instant,
    /// The client identifier of who has published it.
    pub(crate) publisher: Option<String>,
    /// Whether its PUBREC has said already that nothing is to be said against it.
    pub(crate) is_checked: bool,
    /// What the limits in bytes count of it.
    pub(crate) size: usize,
    pub(crate) expires: Option<Instant>,
}

impl Held {
    pub(crate) fn new(message: Message, at: Instant, publisher: Option<&str>) -> Held {
        let props = crate::wire::message_props(&message.properties);
        let props: usize = props.iter().map(|(_, value)| 1 + value.len()).sum();
        let size = message.topic.name().as_bytes().len() + message.payload.len() + props;
        let seconds = message.properties.message_expiry_interval();
        let expires = seconds.map(|seconds| at + Duration::from_secs(seconds.into()));
        let publisher = publisher.map(str::to_owned);
        Held { message, at, publisher, is_checked: false, size, expires }
    }

    pub(crate) fn topic(&self) -> &str {
        self.message.topic.name().as_str()
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// Seconds, of which the last may have begun.
    pub(crate) fn seconds_left(&self, now: Instant) -> Option<u32> {
        let left = self.expires? - now;
        Some(left.as_millis().div_ceil(1000) as u32)
    }
}

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Connect(ConnectionId, String),
    /// A CONNECT that too much came with: it may be left out.
    MaybeConnect(ConnectionId, String),
    Connected(ConnectionId, String, bool),
    Disconnected(ConnectionId, Option<String>, Why),
    Expired(String),
    Message(Message),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    /// A fault of the client's, by its reason code.
    Fault(u8),
    Reason(CloseReason),
}

/// A connection.
pub(crate) enum State {
    Handshake { buffer: Vec<u8>, hello: Option<Box<Hello>>, deadline: Instant },
    Session(String),
    Closing { farewell: VecDeque<Answer>, version: Version, deadline: Instant },
    Closed,
}

/// Why a connection ends, in words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Words {
    No,
    /// Those that the program is told.
    AsTold,
    These(&'static str),
}

/// A packet that is not PUBLISH.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// The Reason String that may be in it beside.
    pub(crate) words: Words,
    /// Whether it ends an exchange that counts for the server's Receive Maximum.
    pub(crate) closes: bool,
}

impl Answer {
    pub(crate) fn exact(bytes: Vec<u8>) -> Answer {
        Answer { bytes, words: Words::No, closes: false }
    }

    pub(crate) fn explained(bytes: Vec<u8>) -> Answer {
        Answer { bytes, words: Words::AsTold, closes: false }
    }
}

/// A CONNECT.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) version: Version,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) client_id: String,
    pub(crate) will: Option<Will>,
    /// Session Expiry Interval in seconds; before 5.0 one of the two.
    pub(crate) expiry: u32,
    /// The same as CONNECT had it.
    pub(crate) asked: u32,
    /// The longest that DISCONNECT may ask for.
    pub(crate) longest: u32,
    pub(crate) receive_maximum: u16,
    pub(crate) maximum_packet_size: usize,
    pub(crate) alias_maximum: u16,
    pub(crate) problem_information: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) message: Message,
    /// In seconds.
    pub(crate) delay: u32,
}

/// Whether the payload is UTF-8 text where it is said to be.
pub(crate) fn has_valid_format(message: &Message) -> bool {
    let props = crate::wire::message_props(&message.properties);
    let is_text = props.contains(&(FORMAT, vec![1]));
    !is_text || std::str::from_utf8(&message.payload).is_ok()
}

/// The filter of a subscription, and of a shared one its group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) share: Option<String>,
    pub(crate) filter: String,
}

impl Key {
    pub(crate) fn new(filter: &str, version: Version) -> Key {
        let share = filter.strip_prefix("$share/").filter(|_| version == Version::V5_0);
        match share.and_then(|rest| rest.split_once('/')) {
            Some((name, filter)) => Key { share: Some(name.to_owned()), filter: filter.to_owned() },
            None => Key { share: None, filter: filter.to_owned() },
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) identifier: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Session {
    pub(crate) link: Option<Link>,
    /// Whether the client identifier is one that the broker made up and the client does not know.
    pub(crate) assigned: bool,
    /// Whether topics below `deny` are kept from the client.
    pub(crate) denied: bool,
    pub(crate) subscriptions: BTreeMap<Key, Options>,
    pub(crate) queue: VecDeque<Entry>,
    pub(crate) inflight: Vec<Flight>,
    pub(crate) unreleased: BTreeMap<u16, Arc<Held>>,
    /// When it ends, if the client stays away.
    pub(crate) expires: Option<Instant>,
    /// A will that waits, and until when.
    pub(crate) will: Option<(Will, Instant)>,
    /// When the queue is next looked through for expired messages, if room is needed.
    pub(crate) next_look: Option<Instant>,
    /// How many expired messages made room since the last pull.
    pub(crate) uncounted: u64,
    /// Whether the client knows that it is not the session of before: a CONNACK can get lost.
    pub(crate) is_known: bool,
    /// What the client must have received while the session lasts, but for what comes with RETAIN.
    pub(crate) owed: Vec<(Bytes, QoS)>,
}

/// What dies with the connection.
pub(crate) struct Link {
    pub(crate) connection: ConnectionId,
    pub(crate) hello: Hello,
    pub(crate) buffer: Vec<u8>,
    /// Answers that were not pulled.
    pub(crate) control: VecDeque<Answer>,
    /// Packet identifiers of what is to be sent again.
    pub(crate) resend: VecDeque<u16>,
    pub(crate) last_received: Instant,
    /// When the keep alive is looked at next.
    pub(crate) timer: Option<Instant>,
    /// What the client's aliases stand for, and the server's.
    pub(crate) aliases: BTreeMap<u16, String>,
    pub(crate) own_aliases: BTreeMap<u16, Vec<u8>>,
    /// How many QoS 1 and 2 messages of the client's are open, by section 4.9.
    pub(crate) open: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Message(Copy),
    Retained(Cursor),
}

/// The RETAIN flag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Retain {
    No,
    /// As it was published: to clients of 5.0.
    AsPublished,
    /// For a new subscription.
    New,
}

/// A message on its way to one client.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) held: Arc<Held>,
    pub(crate) qos: QoS,
    pub(crate) retain: Retain,
    /// Of the subscriptions that it comes for.
    pub(crate) identifiers: Vec<u32>,
    /// The group that it is for, and which of that name.
    pub(crate) group: Option<(Key, u32)>,
}

/// The retained messages of a new subscription that were not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) filter: String,
    pub(crate) options: Options,
    pub(crate) after: Option<Levels>,
    /// The last one that was retained when the subscription was made: later ones may wait as what it brings.
    pub(crate) last: u64,
}

/// A message that the client has not finished.
#[derive(Clone)]
pub(crate) struct Flight {
    pub(crate) id: u16,
    pub(crate) copy: Copy,
    pub(crate) released: bool,
}

impl Link {
    pub(crate) fn version(&self) -> Version {
        self.hello.version
    }

    pub(crate) fn is_5(&self) -> bool {
        self.hello.version == Version::V5_0
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let millis = u64::from(self.hello.keep_alive) * 1500;
        (millis > 0).then(|| self.last_received + Duration::from_millis(millis))
    }

    /// A Reason String, if the client wants such and it fits.
    pub(crate) fn explained(&self, text: &str, packet: impl Fn(&[Prop]) -> Vec<u8>) -> Vec<u8> {
        let with = packet(&[(crate::wire::REASON, crate::wire::string(text))]);
        let fits = with.len() <= self.hello.maximum_packet_size;
        if fits && self.hello.problem_information { with } else { packet(&[]) }
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
            groups: Groups::default(),
            retained: BTreeMap::new(),
            told: VecDeque::new(),
            counts: Counts::default(),
            seen: Kinds::default(),
            numbers: Numbers::default(),
            ledger: Owed::default(),
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

    /// The version that is spoken on a connection, as far as it is known.
    pub(crate) fn version(&self, connection: ConnectionId) -> Version {
        match self.connections.get(&connection) {
            Some(State::Handshake { hello: Some(hello), .. }) => hello.version,
            Some(State::Session(client_id)) => {
                let link = self.sessions.get(client_id).and_then(|session| session.link.as_ref());
                link.map_or(Version::V3_1_1, Link::version)
            }
            Some(State::Closing { version, .. }) => *version,
            _ => Version::V3_1_1,
        }
    }

    pub(crate) fn session_of(&mut self, connection: ConnectionId) -> &mut Session {
        let Some(State::Session(client_id)) = self.connections.get(&connection) else {
            panic!("{connection} has no session");
        };
        self.sessions.get_mut(client_id).unwrap()
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
                BrokerEvent::Disconnected { connection, client_id, reason, .. },
            ) => {
                self.ledger.ends.insert(c, reason.to_string());
                why.is(*reason) && c == *connection && id.as_deref() == client_id.as_deref()
            }
            (Some(Told::Expired(id)), BrokerEvent::SessionExpired { client_id }) => {
                *id == **client_id
            }
            (Some(Told::Message(wanted)), BrokerEvent::Message(message)) => wanted == **message,
            (told, _) => panic!("the program was told\n  {event:?}\nand not\n  {told:?}"),
        };
        assert!(fits, "the program was told otherwise: {event:?}, then {:?}", self.told);
    }
}

impl Why {
    fn is(self, reason: CloseReason) -> bool {
        match (self, reason) {
            (Why::Fault(code), CloseReason::ClientFault(fault)) => {
                let same = fault.reason_code() as u8 == code;
                assert!(same, "{fault}: {:?} and not {code:#04x}", fault.reason_code());
                true
            }
            (Why::Reason(expected), reason) => expected == reason,
            _ => false,
        }
    }
}

impl Session {
    pub(crate) fn answer(&mut self, packet: Vec<u8>) {
        self.link.as_mut().unwrap().control.push_back(Answer::exact(packet));
    }

    /// An answer that ends an exchange of the client's.
    pub(crate) fn answer_last(&mut self, packet: Vec<u8>) {
        let answer = Answer { closes: true, ..Answer::exact(packet) };
        self.link.as_mut().unwrap().control.push_back(answer);
    }
}

impl Copy {
    /// What the limits in bytes count.
    pub(crate) fn size(&self) -> usize {
        self.held.size + 4 * self.identifiers.len()
    }
}

impl Entry {
    /// Whether it is this very message.
    pub(crate) fn is(&self, held: &Arc<Held>) -> bool {
        matches!(self, Entry::Message(waiting) if Arc::ptr_eq(&waiting.held, held))
    }

    pub(crate) fn expires(&self) -> Option<Instant> {
        match self {
            Entry::Message(copy) => copy.held.expires,
            Entry::Retained(_) => None,
        }
    }

    pub(crate) fn qos(&self) -> QoS {
        match self {
            Entry::Message(copy) => copy.qos,
            Entry::Retained(cursor) => cursor.options.qos,
        }
    }
}
