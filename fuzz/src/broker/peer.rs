//! One connection as the driver and the client at its other end see it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mqtt_sansio::{
    Ack, ConnAck, ConnectRequest, ConnectionId, Instant, Message, Packet, PacketId, QoS, SubAck,
    UnsubAck, Version,
};

use super::ensure;

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
    Asked(Box<ConnectRequest>),
    Connected(Box<Link>),
    /// `Disconnected` was told; the last packets may be left until then.
    Over(Option<(Farewell, Instant)>),
}

/// What is still to be sent before the close.
pub(super) enum Farewell {
    /// The answer to a CONNECT that was not accepted.
    Refusal(Vec<u8>),
    /// The answers of a connection that was accepted.
    Answers(Box<Link>),
}

pub(super) struct Link {
    pub(super) client_id: Arc<str>,
    pub(super) version: Version,
    pub(super) clean_start: bool,
    keep_alive: Duration,
    pub(super) will: Option<Arc<Message>>,
    /// What the client may do, by number.
    pub(super) rights: usize,
    pub(super) last_received: Instant,
    /// What the broker has to send before any PUBLISH.
    pub(super) due: VecDeque<Due>,
    /// The last packet was DISCONNECT.
    pub(super) left: bool,
}

/// An answer that the broker owes.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    ConnAck {
        session_present: bool,
    },
    PubAck(PacketId),
    PubRec(PacketId),
    PubRel(PacketId),
    PubComp(PacketId),
    /// For each filter the highest QoS that may be granted; `None` where it must be refused.
    SubAck(PacketId, Vec<Option<QoS>>),
    UnsubAck(PacketId),
    PingResp,
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

    pub(super) fn version(&self) -> Version {
        match &self.phase {
            Phase::Connected(link) => link.version,
            Phase::Asked(request) => request.version,
            Phase::Over(Some((Farewell::Answers(link), _))) => link.version,
            _ => Version::V3_1_1,
        }
    }

    /// When it must end, if nothing comes.
    pub(super) fn deadline(&self, connect_timeout: Duration) -> Option<Instant> {
        match &self.phase {
            Phase::Opened(at) => Some(*at + connect_timeout),
            Phase::Connected(link) => link.deadline(),
            Phase::Over(Some((_, deadline))) if !self.gone => Some(*deadline),
            _ => None,
        }
    }
}

impl Link {
    pub(super) fn new(
        request: &ConnectRequest,
        client_id: Arc<str>,
        session_present: bool,
        rights: usize,
        now: Instant,
    ) -> Link {
        let flag = session_present && request.version != Version::V3_1;
        Link {
            client_id,
            version: request.version,
            clean_start: request.clean_start,
            keep_alive: Duration::from_millis(u64::from(request.keep_alive) * 1500),
            will: request.will.clone(),
            rights,
            last_received: now,
            due: VecDeque::from([Due::ConnAck { session_present: flag }]),
            left: false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.keep_alive.is_zero()).then_some(self.last_received + self.keep_alive)
    }

    /// The bytes of all answers.
    pub(super) fn due_bytes(&self) -> usize {
        self.due.iter().map(Due::size).sum()
    }

    /// Takes an answer off that the broker owes.
    pub(super) fn answered(&mut self, packet: &Packet<'_>) -> Result<(), String> {
        let Some(due) = self.due.pop_front() else {
            return Err(format!("{packet} answers nothing"));
        };
        ensure!(due.is(packet, self.version), "{packet} came where {due:?} was to come");
        Ok(())
    }
}

impl Due {
    pub(super) fn size(&self) -> usize {
        match self {
            Due::PingResp => 2,
            Due::SubAck(_, codes) => 4 + codes.len(),
            _ => 4,
        }
    }

    fn is(&self, packet: &Packet<'_>, version: Version) -> bool {
        match (self, packet) {
            (Due::ConnAck { session_present }, Packet::ConnAck(connack)) => {
                *connack == ConnAck::accepted(*session_present)
            }
            (Due::PubAck(id), Packet::PubAck(ack))
            | (Due::PubRec(id), Packet::PubRec(ack))
            | (Due::PubRel(id), Packet::PubRel(ack))
            | (Due::PubComp(id), Packet::PubComp(ack)) => *ack == Ack::new(*id),
            (Due::SubAck(id, codes), Packet::SubAck(suback)) => {
                suback.packet_id == *id && grants(codes, suback, version)
            }
            (Due::UnsubAck(id), Packet::UnsubAck(unsuback)) => *unsuback == UnsubAck::new(*id, &[]),
            (due, Packet::PingResp) => *due == Due::PingResp,
            _ => false,
        }
    }
}

/// One code for each filter, none more than may be granted. 3.1 knows no refusal.
fn grants(most: &[Option<QoS>], suback: &SubAck<'_>, version: Version) -> bool {
    most.len() == suback.reason_codes.len()
        && most.iter().zip(suback.reason_codes).all(|(most, code)| match code.granted_qos() {
            None => version != Version::V3_1,
            Some(QoS::AtMostOnce) if version == Version::V3_1 => true,
            Some(qos) => most.is_some_and(|most| qos == most),
        })
}
