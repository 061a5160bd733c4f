//! The client: one connection at a time, and the session that outlives it.
//!
//! ```text
//!                 connect              CONNACK 0
//! Disconnected ────────────▶ Connecting ────────▶ Connected
//!      ▲                         │                 │     │ disconnect
//!      │                  refused, time-out,       │     ▼
//!      │                  fault, transport lost    │  Disconnecting
//!      │                         ▼                 ▼     │ all sent, or too late
//!      └──────────────────────── Closing ◀───────────────┘
//!           handle_closed
//! ```

mod config;
mod error;
mod event;
mod queue;
mod receive;
mod session;
mod state;
mod transmit;

use alloc::collections::VecDeque;

pub use config::ClientConfig;
pub use error::{CommandError, ConnectError, ServerFault};
pub use event::{ClientEvent, ClientOutput, DisconnectReason, Handle, PublishOutcome, Token};
pub use session::ClientSession;

use crate::codec::FrameReader;
use crate::delivery::{Inbound, Outbound};
use crate::message::Message;
use crate::packet::{Connect, Packet, Subscribe, Subscription, Unsubscribe};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::statistics::Statistics;
use crate::time::Instant;
use crate::topic::TopicFilter;
use crate::version::Version;
use queue::{Key, Queue, Request};
use state::{Link, State};

/// An MQTT 3.1 or 3.1.1 client without input or output of its own.
///
/// The driver opens a transport, calls [`connect`](Client::connect), and from then on passes on what
/// happens: [`handle_input`](Client::handle_input), [`handle_timeout`](Client::handle_timeout),
/// [`handle_closed`](Client::handle_closed). After each call it polls [`poll_output`](Client::poll_output)
/// until [`ClientOutput::Wait`]. The same calls give the same outputs, byte for byte.
///
/// ```
/// use mqtt_sansio::{
///     Client, ClientConfig, ClientEvent, ClientOutput, Connect, Instant, Message, Version,
/// };
///
/// let now = Instant::from_millis(0);
/// let mut client = Client::new(ClientConfig::default());
/// client.connect(now, &Connect::new(Version::V3_1_1, "thermometer"))?;
/// let handle = client.publish(now, Message::new("kitchen/temp", "20.5")?)?;
/// client.handle_input(now, b"\x20\x02\x00\x00"); // CONNACK, as the server would send it
///
/// let mut sent = Vec::new();
/// loop {
///     match client.poll_output() {
///         ClientOutput::Transmit => {
///             client.poll_transmit(now, &mut sent, usize::MAX);
///         }
///         ClientOutput::Event(ClientEvent::Published { handle: done, .. }) => {
///             assert_eq!(done, handle);
///         }
///         ClientOutput::Event(_) => {}
///         ClientOutput::Close => break,
///         ClientOutput::Wait(_) => break,
///     }
/// }
/// assert!(sent.concat().ends_with(b"\x30\x12\x00\x0ckitchen/temp20.5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    reader: FrameReader,
    queue: Queue,
    outbound: Outbound<Key, Message>,
    inbound: Inbound,
    events: VecDeque<ClientEvent>,
    signals: Signals,
    statistics: Statistics,
    counters: Counters,
    /// The latest time that was told: an earlier one counts as this.
    now: Instant,
}

/// What `poll_output` has yet to say once.
#[derive(Clone, Copy, Debug, Default)]
struct Signals {
    transmit: bool,
    close: bool,
}

/// What tells requests, connections and sessions apart.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    handles: u64,
    connections: u64,
    sessions: u64,
}

impl Client {
    /// A client without a session.
    #[must_use]
    pub fn new(config: ClientConfig) -> Client {
        let reader = FrameReader::new(config.maximum_packet_size);
        Client {
            config,
            state: State::Disconnected,
            reader,
            queue: Queue::default(),
            outbound: Outbound::new(),
            inbound: Inbound::new(),
            events: VecDeque::new(),
            signals: Signals::default(),
            statistics: Statistics::default(),
            counters: Counters::default(),
            now: Instant::default(),
        }
    }

    /// The transport is open: sends this CONNECT.
    ///
    /// # Errors
    ///
    /// Where the last connection has not ended, or the CONNECT cannot be sent.
    pub fn connect(&mut self, now: Instant, connect: &Connect<'_>) -> Result<(), ConnectError> {
        let now = self.advance(now);
        if !matches!(self.state, State::Disconnected) {
            return Err(ConnectError::NotClosed);
        }
        if connect.version == Version::V5_0 {
            return Err(ConnectError::Version(connect.version));
        }
        // Servers take longer identifiers in 3.1 than its 23 characters.
        let tolerated = connect.version == Version::V3_1 && !connect.client_id.is_empty();
        if let Some(reason) = connect.refusal().filter(|_| !tolerated) {
            return Err(ConnectError::ClientId(reason));
        }
        let packet = Packet::from(*connect);
        packet.encoded_len(connect.version)?;
        let fresh = self.outbound.is_empty() && self.inbound.is_empty();
        let early = self.config.send_before_connack && connect.clean_start && fresh;
        let mut link = Link::new(connect, early, now);
        link.send(&packet);
        self.counters.connections += 1;
        self.reader = FrameReader::new(self.config.maximum_packet_size);
        self.state = State::Connecting { link, deadline: now + self.config.connect_timeout };
        self.signals.transmit = true;
        Ok(())
    }

    /// Hands a message over. It is sent as soon as there is a connection and the window has room, and
    /// [`ClientEvent::Published`] tells how it ended.
    ///
    /// # Errors
    ///
    /// Where the queue is full, or the message too long for a packet.
    pub fn publish(&mut self, now: Instant, message: Message) -> Result<Handle, CommandError> {
        self.advance(now);
        let delivery = transmit::delivery(&message, false, PacketId::MIN);
        Packet::from(message.publish(delivery, message.retain)).encoded_len(Version::V3_1_1)?;
        let bytes = self.queue.bytes().saturating_add(message.size());
        if self.queue.messages().len() >= self.config.max_queued_messages
            || bytes > self.config.max_queued_bytes
        {
            return Err(CommandError::QueueFull);
        }
        let handle = self.next_handle();
        self.queue.push_message(handle, message);
        self.signal_transmit();
        Ok(handle)
    }

    /// Asks for subscriptions; [`ClientEvent::Subscribed`] tells what became of them.
    ///
    /// # Errors
    ///
    /// Where too many requests wait, or the packet cannot be sent.
    pub fn subscribe(
        &mut self,
        now: Instant,
        subscriptions: &[Subscription<'_>],
    ) -> Result<Handle, CommandError> {
        self.advance(now);
        let packet = Packet::from(Subscribe::new(PacketId::MIN, subscriptions));
        packet.encoded_len(Version::V3_1_1)?;
        let filters = subscriptions.iter().map(|s| (s.filter.into(), s.qos));
        self.request(Request::Subscribe(filters.collect()))
    }

    /// Ends subscriptions; [`ClientEvent::Unsubscribed`] tells when the server has confirmed it.
    ///
    /// # Errors
    ///
    /// Where too many requests wait, or the packet cannot be sent.
    pub fn unsubscribe(
        &mut self,
        now: Instant,
        filters: &[TopicFilter<'_>],
    ) -> Result<Handle, CommandError> {
        self.advance(now);
        Packet::from(Unsubscribe::new(PacketId::MIN, filters)).encoded_len(Version::V3_1_1)?;
        let filters = filters.iter().map(|filter| (*filter).into());
        self.request(Request::Unsubscribe(filters.collect()))
    }

    fn request(&mut self, request: Request) -> Result<Handle, CommandError> {
        let unanswered = self.outbound.len() - self.outbound.messages();
        if unanswered + self.queue.requests().len() >= self.config.max_pending_requests {
            return Err(CommandError::QueueFull);
        }
        let handle = self.next_handle();
        self.queue.push_request(handle, request);
        self.signal_transmit();
        Ok(handle)
    }

    fn next_handle(&mut self) -> Handle {
        self.counters.handles += 1;
        Handle(self.counters.handles)
    }

    /// Acknowledges a message, where [`ClientConfig::manual_acknowledgement`] leaves that to the
    /// application: in any order; PUBACK and PUBREC go out in the order the messages came. The token of a
    /// connection (at QoS 1) or session (at QoS 2) that is over does nothing. A token that is dropped holds
    /// up the acknowledgement of every later message of its QoS.
    pub fn acknowledge(&mut self, now: Instant, token: Token) {
        self.advance(now);
        let epoch = self.epoch(token.qos);
        if token.epoch == epoch {
            self.inbound.acknowledge(token.qos, token.packet_id);
            self.send_acknowledgements();
        }
    }

    /// Sends what can be sent at once, then DISCONNECT, and closes. Before CONNACK it just closes: the server
    /// may then publish the will. Without a connection nothing happens.
    pub fn disconnect(&mut self, now: Instant) {
        let now = self.advance(now);
        match core::mem::replace(&mut self.state, State::Disconnected) {
            State::Connected(link) => {
                let deadline = now + self.config.close_timeout;
                self.state = State::Disconnecting { link, deadline };
                self.signals.transmit = true;
            }
            // Before CONNACK, DISCONNECT has nothing to end but the connection.
            connecting @ State::Connecting { .. } => {
                self.state = connecting;
                self.close(DisconnectReason::Requested);
            }
            other => self.state = other,
        }
    }

    /// Bytes came. Whatever they are, this does not fail: a fault of the server's is an event and a close.
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        self.advance(now);
        // Frames borrow the reader while the rest of the client handles them.
        let mut reader = core::mem::replace(&mut self.reader, FrameReader::new(0));
        self.read(&mut reader, bytes);
        self.reader = reader;
    }

    /// The time that [`ClientOutput::Wait`] gave has come. Called early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        match &mut self.state {
            State::Connecting { deadline, .. } if now >= *deadline => {
                self.close(DisconnectReason::ConnectTimeout);
            }
            State::Disconnecting { deadline, .. } if now >= *deadline => {
                self.close(DisconnectReason::CloseTimeout);
            }
            State::Connected(link) => {
                if link.ping_deadline.is_some_and(|deadline| now >= deadline) {
                    self.close(DisconnectReason::PingTimeout);
                } else if link.keep_alive_deadline().is_some_and(|deadline| now >= deadline) {
                    let timeout = self.config.ping_timeout;
                    link.send_ping(now, timeout);
                    self.signals.transmit = true;
                }
            }
            _ => {}
        }
    }

    /// The transport is closed, by whichever side, or lost. Exactly once for each connection.
    pub fn handle_closed(&mut self, now: Instant) {
        self.advance(now);
        if matches!(self.state, State::Disconnected) {
            return;
        }
        self.close(DisconnectReason::TransportClosed);
        self.signals = Signals::default();
        self.state = State::Disconnected;
    }

    /// What is to be done next: poll until [`ClientOutput::Wait`]. `Transmit` is said once for what there is
    /// to send: a driver whose transport is busy remembers it.
    pub fn poll_output(&mut self) -> ClientOutput {
        if let Some(event) = self.events.pop_front() {
            return ClientOutput::Event(event);
        }
        if core::mem::take(&mut self.signals.transmit) {
            return ClientOutput::Transmit;
        }
        if core::mem::take(&mut self.signals.close) {
            return ClientOutput::Close;
        }
        ClientOutput::Wait(self.state.deadline())
    }

    /// Whether the server has accepted the connection, and it goes on.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// What was sent and received so far.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Time does not run backwards here.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    fn epoch(&self, qos: QoS) -> u64 {
        match qos {
            QoS::ExactlyOnce => self.counters.sessions,
            QoS::AtMostOnce | QoS::AtLeastOnce => self.counters.connections,
        }
    }

    /// The connection is over for this reason, unless it was before.
    fn close(&mut self, reason: DisconnectReason) {
        if matches!(self.state, State::Disconnected | State::Closing) {
            return;
        }
        let ends_session = self.state.ends_session();
        self.state = State::Closing;
        self.signals = Signals { transmit: false, close: true };
        for key in self.outbound.connection_lost() {
            self.events.push_back(key.lost());
        }
        self.inbound.connection_lost();
        if ends_session {
            self.end_session();
        }
        self.events.push_back(ClientEvent::Disconnected(reason));
    }

    /// The session is over, and with it all that is in flight. What was never sent is not part of it.
    fn end_session(&mut self) {
        self.counters.sessions += 1;
        self.inbound.discard();
        for key in self.outbound.discard() {
            self.events.push_back(key.lost());
        }
    }

    /// Tells the driver that there is something to send, if there is.
    fn signal_transmit(&mut self) {
        if self.has_something_to_send() {
            self.signals.transmit = true;
        }
    }

    /// Sends what may be acknowledged now.
    fn send_acknowledgements(&mut self) {
        if let Some(link) = self.state.link_mut() {
            link.send_acknowledgements(&mut self.inbound);
        }
        self.signal_transmit();
    }

    /// Panics where something that must always hold does not. For tests and fuzzing.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        self.outbound.check_invariants();
        self.inbound.check_invariants();
        self.queue.check_invariants();
        let sending = self.has_something_to_send();
        assert!(sending || !self.signals.transmit, "there is nothing to transmit");
    }
}
