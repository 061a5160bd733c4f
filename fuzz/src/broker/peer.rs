//! One connection as the driver and the client at its other end see it.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt_sansio::{ConnectRequest, ConnectionId, Instant, Packet, ReasonCode, Version};

use super::due::{Due, Reader};
use super::ensure;
use super::link::Link;

pub(super) struct Peer {
    pub(super) id: ConnectionId,
    pub(super) phase: Phase,
    /// What came and was not used.
    pub(super) input: Vec<u8>,
    /// The rest of a packet that the client has begun to send.
    pub(super) tail: Vec<u8>,
    /// The driver was told to pull, and has not.
    pub(super) wants: bool,
    /// The driver was told to close.
    pub(super) told_to_close: bool,
    /// The driver has closed.
    pub(super) gone: bool,
}

pub(super) enum Phase {
    Opened(Instant),
    Asked(Box<Asked>),
    Connected(Box<Link>),
    /// `Disconnected` was told; the last packets may be left until then.
    Over(Option<(Farewell, Instant)>),
}

/// A client whose CONNECT waits for its answer.
pub(super) struct Asked {
    pub(super) request: ConnectRequest,
    pub(super) turn: Turn,
    /// AUTH packets that were not sent yet.
    pub(super) due: VecDeque<Due>,
}

/// Who is to send the next AUTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Nobody,
    Server,
    /// Before CONNACK it has until then.
    Client(Instant),
}

/// What is still to be sent before the close.
pub(super) struct Farewell {
    pub(super) reader: Reader,
    pub(super) due: VecDeque<Due>,
}

impl Peer {
    pub(super) fn new(id: ConnectionId, now: Instant) -> Peer {
        Peer {
            id,
            phase: Phase::Opened(now),
            input: Vec::new(),
            tail: Vec::new(),
            wants: false,
            told_to_close: false,
            gone: false,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Opened(_) | Phase::Asked(_))
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    pub(super) fn link(&mut self) -> Option<&mut Link> {
        match &mut self.phase {
            Phase::Connected(link) => Some(link),
            _ => None,
        }
    }

    pub(super) fn asked(&mut self) -> Option<&mut Asked> {
        match &mut self.phase {
            Phase::Asked(asked) => Some(asked),
            _ => None,
        }
    }

    pub(super) fn version(&self) -> Version {
        match &self.phase {
            Phase::Connected(link) => link.reader.version,
            Phase::Asked(asked) => asked.request.version,
            Phase::Over(Some((farewell, _))) => farewell.reader.version,
            _ => Version::V3_1_1,
        }
    }

    /// Whether it has an authentication method, and its CONNECT is not answered.
    pub(super) fn is_authenticating(&self) -> bool {
        matches!(&self.phase, Phase::Asked(asked) if asked.method().is_some())
    }

    /// When it must end, if nothing comes.
    pub(super) fn deadline(&self, connect_timeout: Duration) -> Option<Instant> {
        match &self.phase {
            Phase::Opened(at) => Some(*at + connect_timeout),
            Phase::Asked(asked) => match asked.turn {
                Turn::Client(deadline) => Some(deadline),
                Turn::Nobody | Turn::Server => None,
            },
            Phase::Connected(link) => link.deadline(),
            Phase::Over(Some((_, deadline))) if !self.gone => Some(*deadline),
            Phase::Over(_) => None,
        }
    }
}

impl Asked {
    pub(super) fn new(request: &ConnectRequest) -> Asked {
        let method = request.properties.authentication_method();
        Asked {
            request: request.clone(),
            turn: if method.is_some() { Turn::Server } else { Turn::Nobody },
            due: VecDeque::new(),
        }
    }

    pub(super) fn method(&self) -> Option<&str> {
        self.request.properties.authentication_method()
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.request.version, &self.request.properties)
    }
}

impl Farewell {
    /// The answer to a CONNECT that is not accepted, if the client can take it.
    pub(super) fn refusal(
        reader: Reader,
        mut due: VecDeque<Due>,
        code: ReasonCode,
        least_size: usize,
    ) -> Option<Farewell> {
        if !code.is_error() {
            // There is no such CONNACK; what was asked before is sent.
            return Some(Farewell { reader, due });
        }
        let known = code.connack_code(reader.version).is_some();
        due.push_back(Due::Refused(code));
        (known && least_size <= reader.maximum_packet_size).then_some(Farewell { reader, due })
    }

    /// Takes a packet off. AUTH may be left out where a CONNACK follows that refuses.
    pub(super) fn answered(&mut self, packet: &Packet<'_>, size: usize) -> Result<(), String> {
        self.reader.takes(packet, size)?;
        if let (Packet::ConnAck(_), Some(Due::Refused(_))) = (packet, self.due.back()) {
            self.due.retain(|due| !matches!(due, Due::Auth(..)));
        }
        let Some(due) = self.due.pop_front() else {
            return Err(format!("{packet} comes after the last"));
        };
        let fits = due.is(packet, self.reader.version);
        ensure!(fits, "{packet} came where {due:?} was to come");
        Ok(())
    }
}

impl Phase {
    pub(super) fn over(farewell: Option<Farewell>, until: Instant) -> Phase {
        Phase::Over(farewell.filter(|farewell| !farewell.due.is_empty()).map(|f| (f, until)))
    }
}
