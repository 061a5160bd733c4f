//! The broker: all connections, all sessions, and who gets what.
//!
//! ```text
//!  bytes ──▶ Handshake ── Connect event, accept ──▶ Session ── requests ──▶ Router
//!                │ refuse                             ▲                       │
//!                ▼                                    └────── deliveries ─────┘
//!           CONNACK, close
//! ```

mod accepting;
mod clients;
mod config;
mod connection;
mod ending;
mod error;
mod event;
mod permissions;
mod receive;
mod refusal;
mod retained;
mod route;
mod shared;
mod slab;
mod statistics;
mod sys;
mod timers;
mod wills;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

pub use config::BrokerConfig;
pub use error::{BrokerError, TooManyConnections};
pub use event::{BrokerEvent, BrokerOutput, ConnectionId};
pub use permissions::{Access, Permissions};
pub use statistics::BrokerStatistics;

use crate::message::Message;
use crate::packet::Delivery;
use crate::packet::{Packet, Subscription};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::router::{Matches, Router};
use crate::session::{CloseReason, Handshake, SessionConfig};
use crate::time::Instant;
use crate::topic::TopicFilter;
use crate::version::Version;
use clients::{Clients, PROGRAM, Slot};
use connection::{Connection, Connections, State};
use retained::Expiries;
use slab::Key;
use sys::Sys;
use timers::{Scheduled, Timer, Timers};

/// A server for any number of clients, of all versions side by side, without input or output of its own.
///
/// The driver listens; for each connection it calls [`open`](Broker::open), and from then on passes on what
/// happens: [`handle_input`](Broker::handle_input), [`handle_closed`](Broker::handle_closed),
/// [`handle_timeout`](Broker::handle_timeout). After each call, or after a few, it polls
/// [`poll_output`](Broker::poll_output) until [`BrokerOutput::Wait`]. The same calls give the same outputs,
/// byte for byte.
///
/// ```
/// use mqtt_sansio::{
///     Broker, BrokerConfig, BrokerEvent, BrokerOutput, Instant, Message, Permissions, QoS,
/// };
///
/// let now = Instant::from_millis(0);
/// let mut broker = Broker::new(now, BrokerConfig::default());
/// let connection = broker.open(now)?;
/// // CONNECT, and SUBSCRIBE to "t" at QoS 0
/// broker.handle_input(now, connection, b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a");
/// broker.handle_input(now, connection, b"\x82\x06\0\x01\0\x01t\0");
/// let mut sent = Vec::new();
/// loop {
///     match broker.poll_output() {
///         BrokerOutput::Event(BrokerEvent::Connect { connection, request }) => {
///             assert_eq!(request.client_id, "a"); // here passwords are looked at
///             broker.accept(now, connection, Permissions::all());
///             broker.publish(now, Message::new("t", "hello")?)?;
///         }
///         BrokerOutput::Event(event) => println!("{event:?}"),
///         BrokerOutput::Transmit(connection) => {
///             broker.poll_transmit(now, connection, &mut sent, 65_536); // then: write them
///         }
///         BrokerOutput::Close(connection) => broker.handle_closed(now, connection),
///         BrokerOutput::Wait(_) => break, // for the sockets, or until that time
///     }
/// }
/// // CONNACK, SUBACK, PUBLISH
/// assert_eq!(sent.concat(), b"\x20\x02\0\0\x90\x03\0\x01\0\x30\x08\0\x01thello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Broker {
    config: BrokerConfig,
    session_config: Arc<SessionConfig>,
    connections: Connections,
    clients: Clients,
    router: Router,
    timers: Timers,
    outputs: Outputs,
    statistics: BrokerStatistics,
    sys: Sys,
    expiries: Expiries,
    /// Room for the subscribers of one message.
    matches: Matches,
    /// The latest time that was told: an earlier one counts as this.
    now: Instant,
}

/// What `poll_output` has yet to say.
#[derive(Debug, Default)]
struct Outputs {
    events: VecDeque<BrokerEvent>,
    transmit: VecDeque<ConnectionId>,
    close: VecDeque<ConnectionId>,
    /// Sessions whose search for retained messages goes on in the driver's next turn.
    paused: VecDeque<Key>,
}

impl Outputs {
    /// Tells the driver, once, that there is something to send to this client.
    #[inline]
    fn announce(&mut self, slot: &mut Slot) {
        if let (true, Some(connection)) = (slot.session.announce(), slot.connection) {
            self.transmit.push_back(connection);
        }
    }
}

impl Broker {
    /// A broker without connections, sessions and messages.
    #[must_use]
    pub fn new(now: Instant, config: BrokerConfig) -> Broker {
        let mut broker = Broker {
            session_config: Arc::new(config.session.clone()),
            connections: Connections::new(),
            clients: Clients::new(config.router.seed, config.assigned_client_id_prefix.clone()),
            router: Router::new(config.router.clone()),
            timers: Timers::default(),
            outputs: Outputs::default(),
            statistics: BrokerStatistics::default(),
            sys: Sys::new(now),
            expiries: Expiries::default(),
            matches: Matches::new(),
            now,
            config,
        };
        broker.publish_sys();
        broker
    }

    /// A transport was opened to the broker.
    ///
    /// # Errors
    ///
    /// Where there are too many: close it.
    pub fn open(&mut self, now: Instant) -> Result<ConnectionId, TooManyConnections> {
        let now = self.advance(now);
        if self.connections.slab.len() >= self.config.max_connections
            || self.connections.pending >= self.config.max_pending_connections
        {
            return Err(TooManyConnections);
        }
        let handshake = Handshake::new(now, Arc::clone(&self.session_config));
        let deadline = handshake.deadline();
        let state = State::Handshake(alloc::boxed::Box::new(handshake));
        let connection = Connection { state, timer: Scheduled::default() };
        let key = self.connections.slab.insert(connection).ok_or(TooManyConnections)?;
        self.connections.pending += 1;
        self.schedule_connection(key, deadline);
        Ok(ConnectionId(key))
    }

    /// Bytes came on this connection. Whatever they are, this does not fail: a fault of the client's is an
    /// event and a close, and concerns nobody else.
    ///
    /// Messages wait in bounded queues until they are pulled: a driver that reads a lot at once polls and pulls
    /// in between, or a burst overflows the queue of a client that could have taken it.
    pub fn handle_input(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        self.advance(now);
        match self.connections.state(connection) {
            Some(State::Session(session)) => self.session_input(connection, *session, bytes),
            Some(State::Handshake(_)) => self.handshake_input(connection, bytes),
            Some(State::Closing(_) | State::Closed) | None => {}
        }
    }

    /// The time that [`BrokerOutput::Wait`] gave has come. Called early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.resume_searches();
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Connection(index) => self.connection_timeout(index),
                Timer::Session(index) => self.session_timeout(index),
                Timer::Retained => self.retained_timeout(),
                Timer::Statistics => self.publish_sys(),
            }
        }
    }

    /// The transport is closed, by whichever side, or lost. Exactly once for each connection.
    pub fn handle_closed(&mut self, now: Instant, connection: ConnectionId) {
        self.advance(now);
        self.close(connection, CloseReason::TransportClosed);
        self.schedule_connection(connection.0, None);
        self.connections.slab.remove(connection.0);
    }

    /// Appends what is to be sent on this connection to `out` and returns its bytes: whole packets, small
    /// ones together in one segment, large payloads shared. It goes on until `max` bytes are reached, which
    /// the last packet may exceed; 0 hands out nothing.
    ///
    /// What is handed out counts as sent: the driver keeps what its transport does not take, and does not
    /// pull again before that is gone. Until they are pulled messages wait in the queue of their client, which
    /// is bounded.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        out: &mut Vec<Bytes>,
        max: usize,
    ) -> usize {
        self.advance(now);
        match self.connections.state(connection) {
            Some(State::Session(session)) => self.session_transmit(*session, out, max),
            Some(State::Handshake(_)) => self.handshake_transmit(connection, out, max),
            Some(State::Closing(_)) if max > 0 => self.farewell_transmit(connection, out, max),
            _ => 0,
        }
    }

    /// What is to be done next: poll until [`Wait`](BrokerOutput::Wait). `Transmit` is said once for what
    /// there is to send on a connection: a driver whose transport is busy remembers it.
    pub fn poll_output(&mut self) -> BrokerOutput {
        if let Some(event) = self.outputs.events.pop_front() {
            return BrokerOutput::Event(event);
        }
        while let Some(connection) = self.outputs.transmit.pop_front() {
            let state = self.connections.state(connection);
            let transmits = match state {
                Some(State::Handshake(handshake)) => handshake.has_something_to_send(),
                Some(State::Session(_) | State::Closing(_)) => true,
                Some(State::Closed) | None => false,
            };
            if transmits {
                return BrokerOutput::Transmit(connection);
            }
        }
        while let Some(connection) = self.outputs.close.pop_front() {
            if self.connections.slab.get(connection.0).is_some() {
                return BrokerOutput::Close(connection);
            }
        }
        if !self.outputs.paused.is_empty() {
            return BrokerOutput::Wait(Some(self.now));
        }
        BrokerOutput::Wait(self.timers.first())
    }

    /// Publishes a message of the program's own to all who subscribe to it; its Message Expiry Interval begins.
    ///
    /// # Errors
    ///
    /// Where it is too long for a packet.
    pub fn publish(&mut self, now: Instant, message: Message) -> Result<(), BrokerError> {
        self.advance(now);
        let delivery = Delivery::ExactlyOnce { dup: false, packet_id: PacketId::MIN };
        let packet = Packet::from(message.publish(delivery, message.retain));
        packet.encoded_len(Version::V5_0)?;
        self.route(Arc::new(message.taken_over(self.now)), None);
        Ok(())
    }

    /// Subscribes the program itself: [`BrokerEvent::Message`] brings what is published, and first what is
    /// retained.
    ///
    /// # Errors
    ///
    /// Where a limit of subscriptions is hit.
    pub fn subscribe(&mut self, now: Instant, filter: TopicFilter<'_>) -> Result<(), BrokerError> {
        self.advance(now);
        let subscription = Subscription::new(filter, QoS::ExactlyOnce);
        self.router.subscribe(PROGRAM, Version::V3_1_1, &subscription, None)?;
        let mut after = None;
        while let Some(message) = self.router.next_retained(filter, after) {
            after = Some(message.topic.name());
            if !message.is_expired(self.now) {
                self.outputs.events.push_back(BrokerEvent::Message(Arc::clone(message)));
            }
        }
        Ok(())
    }

    /// Ends a subscription of the program's; whether there was one.
    pub fn unsubscribe(&mut self, now: Instant, filter: TopicFilter<'_>) -> bool {
        self.advance(now);
        self.router.unsubscribe(PROGRAM, Version::V3_1_1, filter)
    }

    /// The subscriptions and the retained messages.
    #[must_use]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// What was counted so far.
    #[must_use]
    pub fn statistics(&self) -> &BrokerStatistics {
        &self.statistics
    }

    /// How many sessions there are, those of clients that are away included.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.clients.len()
    }

    /// Time does not run backwards here.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Panics where something that must always hold does not. For tests and fuzzing.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.router.check_invariants();
        self.clients.check_invariants();
        let mut subscriptions = self.router.subscriptions_of(PROGRAM);
        let mut timers = usize::from(self.sys.timer.at().is_some());
        let mut connected = 0;
        for (key, slot) in self.clients.iter() {
            subscriptions += self.router.subscriptions_of(clients::subscriber(key));
            timers += usize::from(self.timers.contains(Timer::Session(key.index), &slot.timer));
            connected += usize::from(slot.connection.is_some());
            assert_eq!(slot.timer.at(), slot.deadline(), "the timer of {}", slot.client_id);
            let waits = slot.connection.is_none();
            let expires = slot.expires.is_some();
            assert!(waits || !expires && slot.will.is_none(), "{} is not away", slot.client_id);
            let must = waits && self.config.session_expiry.is_some();
            assert!(expires || !must, "{} never expires", slot.client_id);
        }
        timers += usize::from(self.expiries.timer.at().is_some());
        self.check_expiries();
        assert_eq!(subscriptions, self.router.subscriptions(), "subscriptions of nobody");
        assert_eq!(connected, self.statistics.clients_connected, "clients are miscounted");
        let mut pending = 0;
        for (key, connection) in self.connections.slab.iter() {
            let timer = Timer::Connection(key.index);
            timers += usize::from(self.timers.contains(timer, &connection.timer));
            match &connection.state {
                State::Handshake(handshake) => {
                    pending += 1;
                    assert_eq!(connection.timer.at(), handshake.deadline(), "time to CONNECT");
                }
                State::Session(session) => {
                    let slot = self.clients.get(*session);
                    let owner = slot.and_then(|slot| slot.connection);
                    assert_eq!(owner, Some(ConnectionId(key)), "a connection without session");
                    let deadline = slot.and_then(|slot| slot.session.deadline());
                    assert!(connection.timer.at() <= deadline, "the keep alive is not watched");
                    assert_eq!(connection.timer.at().is_some(), deadline.is_some(), "keep alive");
                }
                State::Closing(farewell) => {
                    assert_eq!(connection.timer.at(), Some(farewell.deadline), "time to close");
                }
                State::Closed => assert_eq!(connection.timer.at(), None, "{key:?} is closed"),
            }
        }
        assert_eq!(pending, self.connections.pending, "pending connections are miscounted");
        assert_eq!(timers, self.timers.len(), "timers of nobody");
        assert!(self.clients.len() <= self.config.max_sessions, "too many sessions");
        assert!(self.connections.slab.len() <= self.config.max_connections, "too many connections");
    }
}
