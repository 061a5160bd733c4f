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
//!
//! The versions differ in what a [`Link`] is made of: before 5.0 nothing of it is ever limited.

mod answers;
mod commands;
mod config;
mod error;
mod event;
mod queue;
mod receive;
mod session;
mod state;
mod terms;
mod transmit;

use alloc::collections::VecDeque;

pub use config::ClientConfig;
pub use error::{CommandError, ConnectError, NotSent, ServerFault};
pub use event::{
    Answer, ClientEvent, ClientOutput, DisconnectReason, Handle, PublishOutcome, RequestOutcome,
    Token,
};
pub use session::ClientSession;
pub use terms::Terms;

use crate::codec::{FrameReader, Property, PropertyId};
use crate::delivery::{Inbound, Outbound};
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet::{Connect, Disconnect, Packet};
use crate::qos::QoS;
use crate::statistics::Statistics;
use crate::time::Instant;
use crate::version::Version;
use queue::{Key, Queue};
use state::{Link, State, Unsent};

/// An MQTT client of 3.1, 3.1.1 and 5.0 without input or output of its own.
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
    /// Whether the server may go on with a session of this client's.
    has_session: bool,
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
            has_session: false,
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
        // Servers take longer identifiers in 3.1 than its 23 characters.
        let tolerated = connect.version == Version::V3_1 && !connect.client_id.is_empty();
        if let Some(reason) = connect.refusal().filter(|_| !tolerated) {
            return Err(ConnectError::ClientId(reason));
        }
        let packet = Packet::from(*connect);
        packet.encoded_len(connect.version)?;
        let fresh = self.outbound.is_empty() && self.inbound.is_empty();
        let early = self.config.send_before_connack && connect.clean_start && fresh;
        let mut link = Link::new(connect, early, self.has_session, now);
        link.send(&packet);
        // From now on the server may have one, whether its CONNACK arrives or not.
        self.has_session |= link.terms.session_expiry_interval > 0;
        self.counters.connections += 1;
        let own = match connect.properties.find(PropertyId::MaximumPacketSize) {
            Some(Property::MaximumPacketSize(size)) => size.get(),
            _ => u32::MAX,
        };
        self.reader = FrameReader::new(self.config.maximum_packet_size.min(own));
        self.queue.start_ageing(now);
        let early = link.early;
        self.state = State::Connecting { link, deadline: now + self.config.connect_timeout };
        if early {
            self.sift();
        }
        self.signals.transmit = true;
        Ok(())
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
        self.expire(now);
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
            State::Closing(Some(unsent)) if now >= unsent.deadline => {
                self.state = State::Closing(None);
                self.signals = Signals { transmit: false, close: true };
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
        let deadlines = [self.state.deadline(), self.queue.next_expiry()];
        ClientOutput::Wait(deadlines.into_iter().flatten().min())
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
        self.close_with(reason, OwnedProperties::EMPTY);
    }

    fn close_with(&mut self, reason: DisconnectReason, properties: OwnedProperties) {
        if matches!(self.state, State::Disconnected | State::Closing(_)) {
            return;
        }
        let ends_session = self.state.ends_session();
        let unsent = self.last_words(reason);
        self.signals = Signals { transmit: unsent.is_some(), close: unsent.is_none() };
        self.state = State::Closing(unsent);
        for key in self.outbound.connection_lost() {
            self.events.push_back(key.lost());
        }
        self.inbound.connection_lost();
        if ends_session {
            self.end_session();
            self.has_session = false;
        }
        self.events.push_back(ClientEvent::Disconnected { reason, properties });
    }

    /// What tells the server of its fault, where the version has words for it: DISCONNECT, after the answers
    /// to what was right. (Section 4.13.)
    fn last_words(&mut self, reason: DisconnectReason) -> Option<Unsent> {
        let DisconnectReason::ServerFault(fault) = reason else {
            return None;
        };
        let deadline = self.now + self.config.close_timeout;
        let link = self.state.link_mut().filter(|link| link.version.has_properties())?;
        link.send(&Disconnect::new(fault.disconnect_code()).into());
        Some(Unsent { packets: core::mem::take(&mut link.control), deadline })
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
        if !self.signals.transmit && self.has_something_to_send() {
            self.signals.transmit = true;
        }
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
