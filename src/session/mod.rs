//! The server's side of one client: its connection, of which there is one at a time, and the session that
//! outlives it.
//!
//! ```text
//! Handshake ──── CONNECT, refused ────▶ CONNACK, closed
//!     │
//!     │ CONNECT, accepted: Session::connect
//!     ▼
//! connected ──── DISCONNECT, fault, keep alive, transport lost ────▶ away
//!     ▲                                                               │
//!     └────────────────── Session::connect ───────────────────────────┘
//! ```

mod answer;
mod authentication;
mod config;
mod connack;
mod connect;
mod deliver;
mod ending;
mod error;
mod event;
mod explain;
mod handshake;
mod link;
mod queue;
mod receive;
mod rejection;
mod transmit;
mod unreleased;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

pub use authentication::AuthenticationError;
pub use config::{FeatureConfig, HandshakeConfig, SessionConfig};
pub use connack::AcceptError;
pub use connect::ConnectRequest;
pub(crate) use deliver::Place;
pub(crate) use ending::{Ended, check_disconnect};
pub use error::{ClientFault, CloseReason, Dropped};
pub use event::{SessionEvent, SessionOutput, SubscriptionRequest};
pub(crate) use explain::check as check_properties;
pub use handshake::{Handshake, HandshakeEvent};
pub(crate) use queue::{Cursor, Extra, Grant, Lookup, Retain, Share};
pub(crate) use receive::Request;
pub use rejection::Rejection;

use crate::codec::{FrameReader, Property};
use crate::delivery::{Batch, Outbound};
use crate::message::Filter;
use crate::owned_properties::OwnedProperties;
use crate::packet::Packet;
use crate::statistics::Counts;
use crate::time::Instant;
use crate::version::Version;
use handshake::Pending;
use link::Link;
use queue::{Queue, Sending};
use unreleased::Unreleased;

/// The server's side of one client, without input or output of its own: what
/// [`Client`](crate::Client) is on the other side.
///
/// It answers and acknowledges, resends, keeps order, watches the keep alive and queues what the client
/// cannot take yet. What is published and subscribed it hands on as events; who gets a message, it is told by
/// [`deliver`](Session::deliver). [`Broker`](crate::Broker) puts many of them together with a
/// [`Router`](crate::Router); this is for those who have a router of their own.
///
/// ```
/// use std::sync::Arc;
/// use mqtt_sansio::{
///     Handshake, HandshakeEvent, Instant, Message, QoS, ReasonCode, Session, SessionConfig, SessionEvent,
///     SessionOutput,
/// };
///
/// let now = Instant::from_millis(0);
/// let config = Arc::new(SessionConfig::default());
/// let mut handshake = Handshake::new(now, config.clone());
/// // A connection was opened, and its first bytes were read: CONNECT, and SUBSCRIBE at once.
/// let mut bytes = &b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a\x82\x06\0\x01\0\x01t\x01"[..];
/// let Some(HandshakeEvent::Connect(request)) = handshake.handle_input(&mut bytes)? else {
///     panic!("the CONNECT is whole");
/// };
/// assert_eq!(request.client_id, "a");
///
/// let mut session = Session::new(config); // or the one kept for this client identifier
/// session.connect(now, handshake)?;
/// session.handle_input(now, bytes); // what came after CONNECT
/// let mut sent = Vec::new();
/// loop {
///     match session.poll_output() {
///         SessionOutput::Transmit => {
///             session.poll_transmit(now, &mut sent, 65_536); // then: write them
///         }
///         SessionOutput::Event(SessionEvent::Subscribe { packet_id, .. }) => {
///             session.suback(now, packet_id, &[ReasonCode::GrantedQoS1], None);
///             let message = Arc::new(Message::new("t", "hello")?);
///             session.deliver(now, &message, QoS::AtLeastOnce, false)?;
///         }
///         SessionOutput::Event(event) => println!("{event:?}"),
///         SessionOutput::Close => break,
///         SessionOutput::Wait(_) => break, // for more bytes, or until that time
///     }
/// }
/// // CONNACK, SUBACK, and the message at its own QoS 0
/// assert_eq!(sent.concat(), b"\x20\x02\0\0\x90\x03\0\x01\x01\x30\x08\0\x01thello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    config: Arc<SessionConfig>,
    link: Option<Link>,
    /// Whether there was a connection before: only then is there something to be present.
    known: bool,
    /// Each with its size.
    outbound: Outbound<usize, Sending>,
    inflight_bytes: usize,
    unreleased: Unreleased,
    queue: Queue,
    events: VecDeque<SessionEvent>,
    signals: Signals,
    /// That of the last connection.
    version: Version,
    /// How many messages were not sent since somebody has asked: they had expired, or were too large.
    dropped: u64,
    /// The latest time that was told: an earlier one counts as this.
    now: Instant,
}

/// What the driver was told, and is to be told.
#[derive(Default)]
struct Signals {
    /// Whether the driver was told that there is something to send, and has not pulled since.
    announced: bool,
    /// Whether a search for retained messages was left for others to have their turn.
    paused: bool,
    /// What is sent of a connection that is over.
    farewell: Vec<u8>,
    /// Whether the driver is to be told to close once that is sent.
    close: bool,
}

impl Session {
    /// The session of a client that has none yet.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>) -> Session {
        Session {
            config,
            link: None,
            known: false,
            outbound: Outbound::new(),
            inflight_bytes: 0,
            unreleased: Unreleased::default(),
            queue: Queue::default(),
            events: VecDeque::new(),
            signals: Signals::default(),
            version: Version::V3_1_1,
            dropped: 0,
            now: Instant::default(),
        }
    }

    /// Accepts the connection whose CONNECT has come, and goes on with the session, unless the client wants
    /// a clean start. Returns whether a session was present. Before CONNECT this does nothing.
    ///
    /// A connection that the session still has is taken over: its driver closes it. One of 5.0 is to be told
    /// before: [`disconnect_with`](Session::disconnect_with) Session Taken Over, and a pull. [MQTT-3.1.4-3] A
    /// client of 5.0 without an identifier is to be assigned one by [`connect_with`](Session::connect_with).
    ///
    /// # Errors
    ///
    /// Where the client takes no packet as large as CONNACK: the answer, if there is one, is to be sent and the
    /// connection closed. An older connection is taken over all the same.
    pub fn connect(&mut self, now: Instant, handshake: Handshake) -> Result<bool, AcceptError> {
        self.connect_with(now, handshake, &[])
    }

    /// The same with what the server says in CONNACK of 5.0 beside what follows from the configuration, of which
    /// Session Expiry Interval and Server Keep Alive hold from then on. Before 5.0 it is left out.
    ///
    /// # Errors
    ///
    /// As [`connect`](Session::connect), and where a property cannot be said; nothing has happened then. Besides
    /// these two there may be Assigned Client Identifier, where the client has sent none, Response Information,
    /// which is sent where it is asked for, Authentication Data, where CONNECT has a method, Reason String and
    /// User Properties.
    pub fn connect_with(
        &mut self,
        now: Instant,
        handshake: Handshake,
        properties: &[Property<'_>],
    ) -> Result<bool, AcceptError> {
        if !handshake.is_connect_received() {
            return Ok(false);
        }
        handshake.check_acceptance(properties)?;
        self.advance(now);
        self.close_with_event(CloseReason::TakenOver);
        let Some((session_present, early)) = self.accept(now, handshake, properties)? else {
            return Ok(false);
        };
        self.handle_input(now, &early);
        Ok(session_present)
    }

    /// [`connect_with`](Session::connect_with), but for the bytes that came after CONNECT.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        handshake: Handshake,
        properties: &[Property<'_>],
    ) -> Result<Option<(bool, Vec<u8>)>, Rejection> {
        let Some((pending, reader)) = handshake.into_parts() else {
            return Ok(None);
        };
        let Pending { connect, authentication, early, unsent, .. } = pending;
        let now = self.advance(now);
        let mut link = Link::new(&connect, authentication, reader, now, &self.config);
        link.control = unsent;
        // [MQTT-3.2.2-2] [MQTT-3.2.2-3]; before 5.0 [MQTT-3.2.2-1] to [MQTT-3.2.2-3]
        let session_present = self.known && !connect.clean_start;
        link.accept(session_present, &connect, properties, &self.config)
            .map_err(|fault| connect.rejection(fault))?;
        if connect.clean_start && self.known {
            self.discard(); // [MQTT-3.1.2-4]; before 5.0 [MQTT-3.1.2-6]
        }
        self.known = true;
        self.outbound.resume();
        self.version = link.version;
        self.link = Some(link);
        self.forget_farewell();
        Ok(Some((session_present, early)))
    }

    /// Bytes came. Whatever they are, this does not fail: a fault of the client's is an event and a close.
    pub fn handle_input(&mut self, now: Instant, mut bytes: &[u8]) {
        self.advance(now);
        let Some(mut reader) = self.take_reader() else {
            return;
        };
        while self.link.is_some() {
            let result = match reader.next(&mut bytes) {
                Ok(None) => break,
                Ok(Some(frame)) => self.receive(frame, None),
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(None) => {}
                Ok(Some(request)) => self.act(request),
                Err(fault) => self.close_with_event(fault.into()),
            }
        }
        self.put_reader(reader);
    }

    /// The time that [`SessionOutput::Wait`] gave has come. Called early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.close_with_event(CloseReason::KeepAliveTimeout); // [MQTT-3.1.2-22]
        }
    }

    /// The transport is closed, by whichever side, or lost.
    pub fn handle_closed(&mut self, now: Instant) {
        self.advance(now);
        self.close_with_event(CloseReason::TransportClosed);
        self.forget_farewell();
    }

    /// Appends what is to be sent to `out` and returns its bytes: whole packets, small ones together in
    /// one segment, large payloads shared. It goes on until `max` bytes are reached, which the last packet
    /// may exceed; 0 hands out nothing.
    ///
    /// What is handed out counts as sent: the driver keeps what its transport does not take. Until then
    /// messages wait in the queue.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<Bytes>, max: usize) -> usize {
        self.advance(now);
        let counts = &mut Counts::default();
        if self.link.is_some() {
            return self.transmit(out, max, counts, |_| Lookup::Finished);
        }
        self.signals.announced = false;
        let mut batch = Batch::new(out, self.version, counts);
        batch.control(&mut self.signals.farewell, max);
        batch.finish()
    }

    /// What is to be done next: poll until [`Wait`](SessionOutput::Wait). `Transmit` is said once for what
    /// there is to send: a driver whose transport is busy remembers it. After
    /// [`Closed`](SessionEvent::Closed) it gives what is left some seconds, and closes then: `Close` comes once
    /// that was pulled.
    pub fn poll_output(&mut self) -> SessionOutput {
        if let Some(event) = self.events.pop_front() {
            return SessionOutput::Event(event);
        }
        if self.announce() {
            return SessionOutput::Transmit;
        }
        if self.signals.close && self.signals.farewell.is_empty() {
            self.signals.close = false;
            return SessionOutput::Close;
        }
        SessionOutput::Wait(self.deadline())
    }

    /// Whether the client is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// How many messages wait to be sent.
    #[must_use]
    pub fn queued_messages(&self) -> usize {
        self.queue.messages()
    }

    /// How many messages to the client are not finished.
    #[must_use]
    pub fn inflight_messages(&self) -> usize {
        self.outbound.messages()
    }
}

/// For those who compose it.
impl Session {
    /// Time does not run backwards here.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Whether there is something to send that nobody was told of yet.
    pub(crate) fn announce(&mut self) -> bool {
        if self.signals.announced || !self.has_something_to_send() {
            return false;
        }
        self.signals.announced = true;
        true
    }

    /// Whether the last pull has left a search for retained messages.
    pub(crate) fn is_paused(&self) -> bool {
        self.signals.paused
    }

    /// The search goes on with the next pull.
    pub(crate) fn resume_search(&mut self) {
        self.signals.paused = false;
    }

    /// When the connection ends if no packet comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.link.as_ref()?.keep_alive_deadline()
    }

    /// The version of the last connection.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether the client speaks 5.0.
    pub(crate) fn speaks_5_0(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.terms.is_some())
    }

    /// How many messages were not sent since the last call: they had expired, or were too large for the client.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        core::mem::take(&mut self.dropped) + self.queue.take_expired()
    }

    /// Frames borrow the reader while the session handles them.
    pub(crate) fn take_reader(&mut self) -> Option<FrameReader> {
        let link = self.link.as_mut()?;
        Some(core::mem::replace(&mut link.reader, FrameReader::new(0)))
    }

    pub(crate) fn put_reader(&mut self, reader: FrameReader) {
        if let Some(link) = &mut self.link {
            link.reader = reader;
        }
    }

    /// Puts a packet in line.
    fn send(&mut self, packet: &Packet<'_>) {
        if let Some(link) = &mut self.link {
            link.send(packet);
        }
    }

    /// Hands a request on to those who are not in the call that it came with.
    fn act(&mut self, request: Request<'_>) {
        let event = match request {
            Request::Publish(message, packet_id) => SessionEvent::Publish { message, packet_id },
            Request::Release(message) => SessionEvent::Release(message),
            Request::Subscribe(subscribe) => {
                let subscriptions = subscribe.filters.iter();
                SessionEvent::Subscribe {
                    packet_id: subscribe.packet_id,
                    subscriptions: subscriptions.map(|s| SubscriptionRequest::new(&s)).collect(),
                    properties: OwnedProperties::copied(&subscribe.properties),
                }
            }
            Request::Unsubscribe(unsubscribe) => SessionEvent::Unsubscribe {
                packet_id: unsubscribe.packet_id,
                filters: unsubscribe.filters.iter().map(Filter::from).collect(),
                properties: OwnedProperties::copied(&unsubscribe.properties),
            },
            Request::Authenticate(auth) => SessionEvent::Authentication {
                reason_code: auth.reason_code,
                properties: OwnedProperties::copied(&auth.properties),
            },
            Request::Disconnect(reason, properties) => {
                let last = self.last_packets(reason, None);
                return self.close_with(reason, properties, last);
            }
        };
        self.events.push_back(event);
    }

    /// Panics where something that must always hold does not. For tests and fuzzing.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.outbound.check_invariants();
        self.unreleased.check_invariants();
        self.queue.check_invariants(&self.config);
        let inflight: usize = self.outbound.iter().map(|(_, size, _)| size).sum();
        assert_eq!(self.inflight_bytes, inflight, "the bytes in flight are miscounted");
        let nobody = self.link.is_none() && self.signals.farewell.is_empty();
        assert!(!self.signals.announced || !nobody, "there is nobody to send to");
        assert!(
            self.link.is_none() || self.signals.farewell.is_empty(),
            "two connections to send to"
        );
    }
}

/// Numbers only: topics and payloads can be many, and private.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("connected", &self.is_connected())
            .field("queued_messages", &self.queued_messages())
            .field("inflight_messages", &self.inflight_messages())
            .finish_non_exhaustive()
    }
}
