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

mod config;
mod error;
mod event;
mod handshake;
mod link;
mod queue;
mod receive;
mod transmit;
mod unreleased;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

pub use config::{HandshakeConfig, SessionConfig};
pub use error::{ClientFault, CloseReason, Dropped};
pub use event::{SessionEvent, SessionOutput};
pub use handshake::{ConnectRequest, Handshake, Rejection};
pub(crate) use queue::{Cursor, Lookup};
pub(crate) use receive::Request;

use crate::codec::FrameReader;
use crate::delivery::Outbound;
use crate::message::{Filter, Message};
use crate::packet::{ConnAck, Delivery, Packet, SubAck, UnsubAck};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::statistics::Counts;
use crate::time::Instant;
use crate::topic::{TopicFilter, TopicName};
use crate::version::Version;
use link::Link;
use queue::{Queue, Sending};
use unreleased::Unreleased;

/// The server's side of one client of 3.1 or 3.1.1, without input or output of its own: what
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
///     Handshake, Instant, Message, QoS, ReasonCode, Session, SessionConfig, SessionEvent, SessionOutput,
/// };
///
/// let now = Instant::from_millis(0);
/// let config = Arc::new(SessionConfig::default());
/// let mut handshake = Handshake::new(now, config.clone());
/// // A connection was opened, and its first bytes were read: CONNECT, and SUBSCRIBE at once.
/// let mut bytes = &b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a\x82\x06\0\x01\0\x01t\x01"[..];
/// let request = handshake.handle_input(&mut bytes)?.expect("the CONNECT is whole");
/// assert_eq!(request.client_id, "a");
///
/// let mut session = Session::new(config); // or the one kept for this client identifier
/// session.connect(now, handshake);
/// session.handle_input(now, bytes); // what came after CONNECT
/// let mut sent = Vec::new();
/// loop {
///     match session.poll_output() {
///         SessionOutput::Transmit => {
///             session.poll_transmit(now, &mut sent, 65_536); // then: write them
///         }
///         SessionOutput::Event(SessionEvent::Subscribe { packet_id, .. }) => {
///             session.suback(now, packet_id, &[ReasonCode::GrantedQoS1]);
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
    /// Whether the driver was told that there is something to send, and has not pulled since.
    announced: bool,
    /// Whether a search for retained messages was left for others to have their turn.
    paused: bool,
    /// Whether the driver is to be told to close.
    close: bool,
    /// The latest time that was told: an earlier one counts as this.
    now: Instant,
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
            announced: false,
            paused: false,
            close: false,
            now: Instant::default(),
        }
    }

    /// Accepts the connection whose CONNECT has come, and goes on with the session, unless the client wants
    /// a clean start. Returns whether a session was present. A connection that the session still has is taken
    /// over: its driver closes it. Before CONNECT this does nothing.
    pub fn connect(&mut self, now: Instant, handshake: Handshake) -> bool {
        self.advance(now);
        self.close_with_event(CloseReason::TakenOver);
        if let Some((session_present, early)) = self.accept(now, handshake) {
            self.handle_input(now, &early);
            return session_present;
        }
        false
    }

    /// [`connect`](Session::connect), but for the bytes that came after CONNECT.
    pub(crate) fn accept(&mut self, now: Instant, handshake: Handshake) -> Option<(bool, Vec<u8>)> {
        let (connect, reader, early) = handshake.into_parts()?;
        let now = self.advance(now);
        if connect.clean_start {
            self.discard(); // [MQTT-3.1.2-6]
        }
        let session_present = self.known; // [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
        self.known = true;
        self.outbound.resume();
        let mut link = Link::new(connect, reader, now);
        // 3.1 has no such flag.
        let flag = session_present && link.version != Version::V3_1;
        link.send(&ConnAck::accepted(flag).into());
        self.link = Some(link);
        self.close = false;
        Some((session_present, early))
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
            self.close_with_event(CloseReason::KeepAliveTimeout); // [MQTT-3.1.2-24]
        }
    }

    /// The transport is closed, by whichever side, or lost.
    pub fn handle_closed(&mut self, now: Instant) {
        self.advance(now);
        self.close_with_event(CloseReason::TransportClosed);
        self.close = false;
    }

    /// Ends the connection, if there is one: the will is published.
    pub fn disconnect(&mut self, now: Instant) {
        self.advance(now);
        self.close_with_event(CloseReason::Requested);
    }

    /// Answers a SUBSCRIBE: for each filter in its order the QoS granted, or a failure. 3.1 knows no failures:
    /// there, QoS 0 stands in for it. [MQTT-3.8.4-1] [MQTT-3.9.3-1]
    pub fn suback(&mut self, now: Instant, packet_id: PacketId, reason_codes: &[ReasonCode]) {
        self.advance(now);
        let Some(link) = &mut self.link else {
            return;
        };
        let before_5_0 = |code: &ReasonCode| match code.granted_qos() {
            Some(_) => *code,
            None if link.version == Version::V3_1 => ReasonCode::GRANTED_QOS_0,
            None => ReasonCode::UnspecifiedError,
        };
        let reason_codes: Vec<_> = reason_codes.iter().map(before_5_0).collect();
        if !reason_codes.is_empty() {
            link.send(&SubAck::new(packet_id, &reason_codes).into());
        }
    }

    /// Answers an UNSUBSCRIBE. [MQTT-3.10.4-4]
    pub fn unsuback(&mut self, now: Instant, packet_id: PacketId) {
        self.advance(now);
        self.send(&Packet::UnsubAck(UnsubAck::new(packet_id, &[])));
    }

    /// Queues a message for the client, at the lower of its QoS and the one granted. [MQTT-3.8.4-6] `retain`
    /// says whether it is sent because of a new subscription. [MQTT-3.3.1-8] [MQTT-3.3.1-9]
    ///
    /// # Errors
    ///
    /// Where the message is not kept.
    pub fn deliver(
        &mut self,
        now: Instant,
        message: &Arc<Message>,
        granted: QoS,
        retain: bool,
    ) -> Result<(), Dropped> {
        self.advance(now);
        let delivery = Delivery::ExactlyOnce { dup: false, packet_id: PacketId::MAX };
        let packet = Packet::from(message.publish(delivery, retain));
        packet.encoded_len(Version::V3_1_1).map_err(|_| Dropped::TooLarge)?;
        self.queue_message(message, granted, retain)
    }

    /// [`deliver`](Session::deliver), for a message that came in a packet.
    pub(crate) fn queue_message(
        &mut self,
        message: &Arc<Message>,
        granted: QoS,
        retain: bool,
    ) -> Result<(), Dropped> {
        let qos = message.qos.min(granted).min(self.config.max_qos);
        if self.link.is_none() && qos == QoS::AtMostOnce {
            return Err(Dropped::Offline);
        }
        let sending = Sending { message: Arc::clone(message), qos, retain };
        self.queue.push(sending, &self.config)
    }

    /// Queues the retained messages of a new subscription, which are found as they are sent.
    pub(crate) fn deliver_retained(
        &mut self,
        filter: TopicFilter<'_>,
        granted: QoS,
        retain_count: u64,
    ) -> Result<(), Dropped> {
        self.queue.push_retained(filter, granted, retain_count, &self.config)
    }

    /// The permissions have changed: what waits under other topics is dropped. What was sent and is not
    /// finished stays.
    pub(crate) fn retain_topics(&mut self, kept: impl FnMut(TopicName<'_>) -> bool) {
        self.queue.retain_topics(kept);
    }

    /// A subscription has ended: of its retained messages no more are sent. [MQTT-3.10.4-2]
    pub(crate) fn forget_retained(&mut self, filter: TopicFilter<'_>) {
        self.queue.remove_retained(filter);
    }

    /// Appends what is to be sent to `out` and returns its bytes: whole packets, small ones together in
    /// one segment, large payloads shared. It goes on until `max` bytes are reached, which the last packet
    /// may exceed; 0 hands out nothing.
    ///
    /// What is handed out counts as sent: the driver keeps what its transport does not take. Until then
    /// messages wait in the queue.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<Bytes>, max: usize) -> usize {
        self.advance(now);
        self.transmit(out, max, &mut Counts::default(), |_| Lookup::Finished)
    }

    /// What is to be done next: poll until [`Wait`](SessionOutput::Wait). `Transmit` is said once for what
    /// there is to send: a driver whose transport is busy remembers it.
    pub fn poll_output(&mut self) -> SessionOutput {
        if let Some(event) = self.events.pop_front() {
            return SessionOutput::Event(event);
        }
        if self.announce() {
            return SessionOutput::Transmit;
        }
        if core::mem::take(&mut self.close) {
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
        if self.announced || !self.has_something_to_send() {
            return false;
        }
        self.announced = true;
        true
    }

    /// Whether the last pull has left a search for retained messages.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// The search goes on with the next pull.
    pub(crate) fn resume_search(&mut self) {
        self.paused = false;
    }

    /// When the connection ends if no packet comes.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.link.as_ref()?.keep_alive_deadline()
    }

    /// Whether the session ends with its connection. [MQTT-3.1.2-6]
    pub(crate) fn is_clean(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.clean_start)
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

    /// The answers that were not pulled yet: the connection ends with them.
    pub(crate) fn take_answers(&mut self) -> Bytes {
        self.link.as_mut().map(|link| core::mem::take(&mut link.control).into()).unwrap_or_default()
    }

    /// Ends the connection, if there is one, and returns the will that is to be published.
    /// [MQTT-3.1.2-8] [MQTT-3.14.4-3]
    pub(crate) fn close(&mut self, reason: CloseReason) -> Option<Arc<Message>> {
        let link = self.link.take()?;
        self.announced = false;
        self.paused = false;
        self.outbound.connection_lost();
        if link.clean_start {
            self.discard();
        } else {
            self.queue.drop_at_most_once();
        }
        link.will.filter(|_| reason != CloseReason::Disconnected)
    }

    fn close_with_event(&mut self, reason: CloseReason) {
        if self.link.is_some() {
            let will = self.close(reason);
            self.close = true;
            // Nobody waits for their answers any more.
            self.events.retain(|event| {
                !matches!(event, SessionEvent::Subscribe { .. } | SessionEvent::Unsubscribe { .. })
            });
            self.events.push_back(SessionEvent::Closed { reason, will });
        }
    }

    /// The session is over. [MQTT-3.1.2-6]
    fn discard(&mut self) {
        self.known = false;
        self.outbound.discard();
        self.inflight_bytes = 0;
        self.unreleased.clear();
        self.queue.clear();
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
            Request::Publish(message) => SessionEvent::Publish(message),
            Request::Subscribe(subscribe) => {
                let subscriptions = subscribe.filters.iter().map(|s| (s.filter.into(), s.qos));
                let subscriptions = subscriptions.collect();
                SessionEvent::Subscribe { packet_id: subscribe.packet_id, subscriptions }
            }
            Request::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.filters.iter().map(Filter::from).collect();
                SessionEvent::Unsubscribe { packet_id: unsubscribe.packet_id, filters }
            }
            Request::Disconnect => return self.close_with_event(CloseReason::Disconnected),
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
        assert!(!self.announced || self.link.is_some(), "there is nobody to send to");
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
