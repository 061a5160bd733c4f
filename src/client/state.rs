//! The state of a connection, and what lives only as long as it.

use core::time::Duration;

use alloc::vec::Vec;

use crate::delivery::Inbound;
use crate::packet::{Ack, Connect, Packet};
use crate::qos::QoS;
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
    },
    /// Nothing is sent or read any more; the driver closes the transport.
    Closing,
}

impl State {
    pub(super) fn link(&self) -> Option<&Link> {
        match self {
            State::Connecting { link, .. }
            | State::Connected(link)
            | State::Disconnecting { link, .. } => Some(link),
            State::Disconnected | State::Closing => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link> {
        match self {
            State::Connecting { link, .. }
            | State::Connected(link)
            | State::Disconnecting { link, .. } => Some(link),
            State::Disconnected | State::Closing => None,
        }
    }

    /// Whether the session ends with this connection. [MQTT-3.1.2-6]
    pub(super) fn ends_session(&self) -> bool {
        match self {
            State::Connected(link) | State::Disconnecting { link, .. } => link.clean_start,
            State::Connecting { link, .. } => link.early,
            State::Disconnected | State::Closing => false,
        }
    }

    /// Whether the application's packets may be sent.
    pub(super) fn may_send(&self) -> bool {
        match self {
            State::Connected(_) | State::Disconnecting { .. } => true,
            State::Connecting { link, .. } => link.early,
            State::Disconnected | State::Closing => false,
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
            State::Disconnected | State::Closing => None,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) version: Version,
    pub(super) clean_start: bool,
    /// Whether the application's packets go out before CONNACK.
    pub(super) early: bool,
    keep_alive: Option<Duration>,
    /// Encoded packets to be sent before anything else: all but PUBLISH, SUBSCRIBE and UNSUBSCRIBE.
    pub(super) control: Vec<u8>,
    pub(super) last_sent: Instant,
    /// Until when PINGRESP must come.
    pub(super) ping_deadline: Option<Instant>,
}

impl Link {
    pub(super) fn new(connect: &Connect<'_>, early: bool, now: Instant) -> Link {
        let keep_alive = Duration::from_secs(connect.keep_alive.into());
        Link {
            version: connect.version,
            clean_start: connect.clean_start,
            early,
            keep_alive: Some(keep_alive).filter(|keep_alive| !keep_alive.is_zero()),
            control: Vec::new(),
            last_sent: now,
            ping_deadline: None,
        }
    }

    /// Puts a packet in line that can be encoded in this version.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        let sent = packet.encode_to(self.version, &mut self.control);
        debug_assert_eq!(sent, Ok(()), "{packet}");
    }

    /// When PINGREQ is due: once, until it is pulled. [MQTT-3.1.2-23]
    pub(super) fn keep_alive_deadline(&self) -> Option<Instant> {
        let awaited = self.ping_deadline.is_some() && !self.control.is_empty();
        let keep_alive = self.keep_alive.filter(|_| !awaited)?;
        Some(self.last_sent + keep_alive)
    }

    pub(super) fn send_ping(&mut self, now: Instant, timeout: Option<Duration>) {
        self.send(&Packet::PingReq);
        if let (None, Some(timeout)) = (self.ping_deadline, timeout.or(self.keep_alive)) {
            self.ping_deadline = Some(now + timeout);
        }
    }

    /// PUBACK and PUBREC for what was acknowledged, as far as their turn has come.
    pub(super) fn send_acknowledgements(&mut self, inbound: &mut Inbound) {
        while let Some(id) = inbound.next_acknowledgement(QoS::AtLeastOnce) {
            self.send(&Packet::PubAck(Ack::new(id)));
        }
        while let Some(id) = inbound.next_acknowledgement(QoS::ExactlyOnce) {
            self.send(&Packet::PubRec(Ack::new(id)));
        }
    }
}
