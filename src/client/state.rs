//! The state of a connection, and what lives only as long as it.

use alloc::vec::Vec;
use core::time::Duration;

use super::error::CommandError;
use super::terms::Terms;
use crate::codec::{Property, PropertyId};
use crate::delivery::{Authentication, InboundAliases, OutboundAliases};
use crate::packet::{Connect, Packet};
use crate::time::Instant;
use crate::version::Version;

/// See the diagram in [`super`].
#[derive(Debug)]
pub(super) enum State {
    Disconnected,
    /// CONNECT is sent; CONNACK must come before the deadline.
    Connecting {
        link: Link,
        deadline: Instant,
    },
    Connected(Link),
    /// DISCONNECT goes out after what can be sent at once, before the deadline.
    Disconnecting {
        link: Link,
        deadline: Instant,
        farewell: Farewell,
    },
    /// Nothing is read any more; the driver closes the transport once what is left is sent.
    Closing(Option<Unsent>),
}

/// The DISCONNECT that the application asked for.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) packet: Vec<u8>,
    /// How long the session is to outlive the connection now.
    pub(super) session_expiry_interval: u32,
}

/// What is sent of a connection that is over: it ends with DISCONNECT.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) packets: Vec<u8>,
    pub(super) deadline: Instant,
}

impl State {
    pub(super) fn link(&self) -> Option<&Link> {
        match self {
            State::Connecting { link, .. }
            | State::Connected(link)
            | State::Disconnecting { link, .. } => Some(link),
            State::Disconnected | State::Closing(_) => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link> {
        match self {
            State::Connecting { link, .. }
            | State::Connected(link)
            | State::Disconnecting { link, .. } => Some(link),
            State::Disconnected | State::Closing(_) => None,
        }
    }

    /// Whether the session ends with this connection. [MQTT-3.1.2-6]
    pub(super) fn ends_session(&self) -> bool {
        match self {
            State::Connected(link) | State::Disconnecting { link, .. } => {
                link.terms.session_expiry_interval == 0
            }
            State::Connecting { link, .. } => link.early,
            State::Disconnected | State::Closing(_) => false,
        }
    }

    /// Whether the application's packets may be sent.
    pub(super) fn may_send(&self) -> bool {
        match self {
            State::Connected(_) | State::Disconnecting { .. } => true,
            State::Connecting { link, .. } => link.early,
            State::Disconnected | State::Closing(_) => false,
        }
    }

    /// When something happens if nothing else does.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            State::Connecting { deadline, .. } | State::Disconnecting { deadline, .. } => {
                Some(*deadline)
            }
            State::Connected(link) => {
                let deadlines = [link.ping_deadline, link.keep_alive_deadline()];
                deadlines.into_iter().flatten().min()
            }
            State::Closing(unsent) => unsent.as_ref().map(|unsent| unsent.deadline),
            State::Disconnected => None,
        }
    }
}

/// What the server must keep to by the CONNECT.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) receive_maximum: u64,
    /// How many QoS 1 and 2 PUBLISH came that were not answered for good.
    pub(super) open: u64,
    pub(super) aliases: InboundAliases,
    /// Whether reason strings and user properties may come with any packet.
    pub(super) problem_information: bool,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) version: Version,
    pub(super) clean_start: bool,
    /// Whether the application's packets go out before CONNACK.
    pub(super) early: bool,
    /// Whether the client had a session before.
    pub(super) had_session: bool,
    /// The Session Expiry Interval of CONNECT.
    pub(super) session_expiry_asked: u32,
    pub(super) terms: Terms,
    pub(super) receiving: Receiving,
    pub(super) aliases: OutboundAliases,
    pub(super) authentication: Authentication,
    /// Encoded packets to be sent before anything else: all but PUBLISH, SUBSCRIBE and UNSUBSCRIBE.
    pub(super) control: Vec<u8>,
    pub(super) last_sent: Instant,
    /// Until when PINGRESP must come.
    pub(super) ping_deadline: Option<Instant>,
}

impl Link {
    pub(super) fn new(connect: &Connect<'_>, early: bool, had_session: bool, now: Instant) -> Link {
        let authentication = Authentication::of(&connect.properties);
        let terms = Terms::asked(connect);
        Link {
            version: connect.version,
            clean_start: connect.clean_start,
            early: early && authentication.method.is_none(), // [MQTT-3.1.2-30]
            had_session,
            session_expiry_asked: terms.session_expiry_interval,
            terms,
            receiving: Receiving::of(connect),
            aliases: OutboundAliases::new(0),
            authentication,
            control: Vec::new(),
            last_sent: now,
            ping_deadline: None,
        }
    }

    /// Whether the packet can be sent in this version, and the server accepts it as far as it is known.
    pub(super) fn check(&self, packet: &Packet<'_>) -> Result<(), CommandError> {
        let size = packet.encoded_len(self.version)?;
        // Before 5.0 there are no terms that could be broken.
        if self.version.has_properties() { self.terms.check(packet, size) } else { Ok(()) }
    }

    /// Puts a packet in line that can be encoded in this version.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        let sent = packet.encode_to(self.version, &mut self.control);
        debug_assert_eq!(sent, Ok(()), "{packet}");
    }

    /// When PINGREQ is due: once, until it is pulled. [MQTT-3.1.2-20] [MQTT-3.1.2-23]
    pub(super) fn keep_alive_deadline(&self) -> Option<Instant> {
        let awaited = self.ping_deadline.is_some() && !self.control.is_empty();
        let keep_alive = self.keep_alive().filter(|_| !awaited)?;
        Some(self.last_sent + keep_alive)
    }

    fn keep_alive(&self) -> Option<Duration> {
        let seconds = self.terms.keep_alive;
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    pub(super) fn send_ping(&mut self, now: Instant, timeout: Option<Duration>) {
        self.send(&Packet::PingReq);
        if let (None, Some(timeout)) = (self.ping_deadline, timeout.or(self.keep_alive())) {
            self.ping_deadline = Some(now + timeout);
        }
    }
}

impl Receiving {
    fn of(connect: &Connect<'_>) -> Receiving {
        let find = |id| connect.properties.find(id);
        Receiving {
            receive_maximum: match find(PropertyId::ReceiveMaximum) {
                Some(Property::ReceiveMaximum(maximum)) => maximum.get().into(),
                _ if connect.version.has_properties() => u16::MAX.into(),
                _ => u64::MAX,
            },
            open: 0,
            aliases: InboundAliases::new(match find(PropertyId::TopicAliasMaximum) {
                Some(Property::TopicAliasMaximum(maximum)) => maximum,
                _ => 0,
            }),
            problem_information: find(PropertyId::RequestProblemInformation)
                != Some(Property::RequestProblemInformation(false)),
        }
    }
}
