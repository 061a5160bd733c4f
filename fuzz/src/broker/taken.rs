//! What clients send, and what of it the broker takes.

use mqtt_sansio::{
    ClientFault, CloseReason, ConnAck, ConnectRequest, ConnectionId, Delivery, Frame,
    MAXIMUM_PACKET_SIZE, Packet, PacketType, Publish, ReasonCode, Sender, Version, Violation,
};

use super::config::PERMISSIONS;
use super::ensure;
use super::peer::{Due, Link, Phase};
use super::session::{Session, content};
use super::world::{Outcome, World};

impl World {
    /// Bytes of a client's, before what they led to is looked at.
    pub(super) fn input(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        outcome: &Outcome,
    ) -> Result<(), String> {
        let handshake = self.config.session.handshake.clone();
        let end = outcome.end_of(id);
        let peer = self.peer(id)?;
        if peer.gone || peer.is_over() {
            ensure!(outcome.packets == 0 && outcome.events.is_empty(), "{id:?} is over");
            return Ok(());
        }
        peer.input.extend_from_slice(bytes);
        let first = peer.input.first().copied();
        match &peer.phase {
            Phase::Connected(_) => return self.taken(id, outcome),
            Phase::Asked(_) => {
                let early = peer.input.len();
                let fault = end == Some(ClientFault::TooEarly.into());
                ensure!(fault == (early > handshake.max_early_bytes), "{early} bytes: {end:?}");
                ensure!(fault || end.is_none(), "{id:?} waits for an answer: {end:?}");
            }
            _ if end.is_none() && outcome.packets == 0 => {
                let max = handshake.max_connect_size;
                let more = Frame::parse(&peer.input, max).map(|found| found.is_none());
                ensure!(more == Ok(true), "no CONNECT was seen in {:?}", peer.input);
                ensure!(first.is_none_or(|first| first >> 4 == 1), "{first:?} begins no CONNECT");
            }
            _ => {}
        }
        Ok(())
    }

    /// The packets of a connected client that the broker has taken, and why it went no further.
    pub(super) fn taken(&mut self, id: ConnectionId, outcome: &Outcome) -> Result<(), String> {
        let max = self.config.session.maximum_packet_size;
        let peer = self.peer(id)?;
        let (version, input) = (peer.version(), std::mem::take(&mut peer.input));
        let mut rest = &input[..];
        for _ in 0..outcome.packets {
            let (packet, after) = next_packet(rest, max, version)?;
            self.packet(id, &packet)?;
            rest = after;
        }
        match outcome.end_of(id) {
            None => {
                let more = Frame::parse(rest, max).map(|found| found.is_none());
                ensure!(more == Ok(true), "{id:?} goes on after {rest:02x?}");
                self.peer(id)?.input = rest.to_vec();
                Ok(())
            }
            Some(CloseReason::Disconnected) => {
                let left = self.peer(id)?.link().is_some_and(|link| link.left);
                ensure!(left, "{id:?} sent no DISCONNECT");
                Ok(())
            }
            Some(CloseReason::ClientFault(ClientFault::Decode(_))) => {
                let wrong = next_packet(rest, max, version).is_err();
                ensure!(wrong, "nothing is wrong with {rest:02x?}");
                Ok(())
            }
            Some(CloseReason::ClientFault(fault)) => {
                let (packet, _) = next_packet(rest, max, version)?;
                self.fault(id, &packet, fault)
            }
            Some(reason) => Err(format!("input ended {id:?}: {reason}")),
        }
    }

    /// Whether that packet is the fault.
    fn fault(
        &mut self,
        id: ConnectionId,
        packet: &Packet<'_>,
        fault: ClientFault,
    ) -> Result<(), String> {
        let limits = self.config.session.clone();
        let (link, session) = self.link_and_session(id)?;
        let fits = match (fault, packet) {
            (ClientFault::SecondConnect, Packet::Connect(_)) => true,
            (ClientFault::QoSNotSupported, Packet::Publish(publish)) => {
                publish.delivery.qos() > limits.max_qos
            }
            (ClientFault::TooManyUnreleased, Packet::Publish(publish)) => {
                let (messages, bytes) = session.held();
                let new = content(publish);
                let bytes = bytes + new.0.len() + new.1.len();
                publish.delivery.packet_id().is_some_and(|id| !session.holds(id))
                    && (messages >= limits.max_unreleased_messages
                        || bytes > limits.max_unreleased_bytes)
            }
            (ClientFault::UnexpectedAcknowledgement { packet: name, packet_id }, _) => {
                name == packet.packet_type() && !session.may_acknowledge(name, packet_id)
            }
            (ClientFault::TooManyFilters, Packet::Subscribe(subscribe)) => {
                subscribe.filters.len() > limits.max_filters
            }
            (ClientFault::TooManyFilters, Packet::Unsubscribe(unsubscribe)) => {
                unsubscribe.filters.len() > limits.max_filters
            }
            (ClientFault::AnswersNotTaken, _) => link.due_bytes() > limits.max_unsent_bytes,
            _ => false,
        };
        ensure!(fits, "{packet} is not {fault:?}");
        Ok(())
    }

    fn link_and_session(&mut self, id: ConnectionId) -> Result<(&mut Link, &mut Session), String> {
        let peer = self.peers.iter_mut().rev().find(|peer| peer.id == id);
        let link = peer.and_then(|peer| peer.link());
        let link = link.ok_or_else(|| format!("{id:?} is not connected"))?;
        let session = self.sessions.get_mut(&link.client_id);
        let session = session.ok_or_else(|| format!("{} has no session", link.client_id))?;
        Ok((link, session))
    }

    fn publish(&mut self, id: ConnectionId, publish: &Publish<'_>) -> Result<(), String> {
        let limits = self.config.session.clone();
        let (link, session) = self.link_and_session(id)?;
        let (content, rights) = (content(publish), link.rights);
        ensure!(publish.delivery.qos() <= limits.max_qos, "{publish} was taken");
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, .. } => link.due.push_back(Due::PubAck(packet_id)),
            Delivery::ExactlyOnce { packet_id, .. } => {
                link.due.push_back(Due::PubRec(packet_id));
                session.hold(packet_id, content);
                let (held, bytes) = session.held();
                let within =
                    held <= limits.max_unreleased_messages && bytes <= limits.max_unreleased_bytes;
                ensure!(within, "{held} messages, {bytes} bytes await PUBREL");
                return Ok(());
            }
        }
        self.route(content, rights);
        Ok(())
    }

    /// One packet that the broker has taken.
    fn packet(&mut self, id: ConnectionId, packet: &Packet<'_>) -> Result<(), String> {
        let now = self.now;
        let limits = self.config.session.clone();
        let longest = self.config.max_topic_length;
        let (link, session) = self.link_and_session(id)?;
        ensure!(!link.left, "{packet} was taken after DISCONNECT");
        let taken = link.due_bytes() <= limits.max_unsent_bytes;
        let last = packet.packet_type() == PacketType::Disconnect;
        ensure!(taken || last, "{packet} was taken with {} bytes of answers", link.due_bytes());
        link.last_received = now;
        let rights = link.rights;
        match packet {
            Packet::Publish(publish) => return self.publish(id, publish),
            Packet::PubRel(ack) => {
                link.due.push_back(Due::PubComp(ack.packet_id));
                if let Some(content) = session.release(ack.packet_id) {
                    self.route(content, rights);
                }
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                if packet.packet_type() == PacketType::PubRec {
                    link.due.push_back(Due::PubRel(ack.packet_id));
                }
                session.acknowledge(packet.packet_type(), ack.packet_id)?;
            }
            Packet::Subscribe(subscribe) => {
                let may = |filter| PERMISSIONS[rights].may_subscribe(filter);
                let most = subscribe.filters.iter().map(|wanted| {
                    let long = wanted.filter.as_bytes().len() > longest;
                    (may(wanted.filter) && !long).then_some(wanted.qos.min(limits.max_qos))
                });
                link.due.push_back(Due::SubAck(subscribe.packet_id, most.collect()));
                subscribe
                    .filters
                    .iter()
                    .for_each(|wanted| session.subscribed(wanted.filter.into()));
            }
            Packet::Unsubscribe(unsubscribe) => {
                link.due.push_back(Due::UnsubAck(unsubscribe.packet_id));
            }
            Packet::PingReq => link.due.push_back(Due::PingResp),
            Packet::Disconnect(_) => link.left = true,
            _ => return Err(format!("{packet} was taken")),
        }
        Ok(())
    }
}

/// The next packet of a client's, and what comes after it.
fn next_packet(rest: &[u8], max: u32, version: Version) -> Result<(Packet<'_>, &[u8]), String> {
    let found = Frame::parse(rest, max).map_err(|error| error.to_string())?;
    let (frame, after) = found.ok_or_else(|| format!("{rest:02x?} is no whole packet"))?;
    let packet = Packet::decode_from(Sender::Client, frame, version);
    packet.map(|packet| (packet, after)).map_err(|error| error.to_string())
}

/// The bytes of the CONNECT that `input` begins with, which must be what the request says.
pub(super) fn connect_size(input: &[u8], request: &ConnectRequest) -> Result<usize, String> {
    let (packet, rest) = next_packet(input, MAXIMUM_PACKET_SIZE, request.version)?;
    let Packet::Connect(connect) = &packet else {
        return Err(format!("{packet} is no CONNECT"));
    };
    let same = connect.version == request.version
        && connect.clean_start == request.clean_start
        && connect.keep_alive == request.keep_alive
        && connect.client_id == request.client_id
        && connect.user_name == request.user_name.as_deref()
        && connect.password == request.password.as_deref();
    ensure!(same, "{packet} is not {request:?}");
    let will = connect.will.map(|will| (will.topic, will.payload, will.qos, will.retain));
    let asked = request.will.as_deref();
    let asked = asked.map(|will| (will.topic.name(), &will.payload[..], will.qos, will.retain));
    ensure!(will == asked, "{packet} has another will than {request:?}");
    Ok(input.len() - rest.len())
}

/// Whether a client gets the answers that wait when its connection ends.
pub(super) fn is_answered(reason: CloseReason) -> bool {
    match reason {
        CloseReason::ClientFault(fault) => fault != ClientFault::AnswersNotTaken,
        reason => matches!(reason, CloseReason::Disconnected | CloseReason::Requested),
    }
}

/// The last packet of a connection that is not accepted.
pub(super) fn refusal(reason: CloseReason, phase: &Phase) -> Option<Vec<u8>> {
    let asked = match phase {
        Phase::Asked(request) => request.version,
        _ => Version::V3_1_1,
    };
    let unsupported = ReasonCode::UnsupportedProtocolVersion;
    let invalid = ReasonCode::ClientIdentifierNotValid;
    let (version, code) = match reason {
        CloseReason::Refused(code) => (asked, code),
        CloseReason::TooManySessions => (asked, ReasonCode::ServerUnavailable),
        CloseReason::ClientFault(fault) => match fault {
            ClientFault::Decode(error)
                if error.violation() == Violation::UnsupportedProtocolVersion
                    && matches!(phase, Phase::Opened(_)) =>
            {
                (Version::V3_1_1, unsupported)
            }
            ClientFault::UnsupportedVersion(version) => (version, unsupported),
            ClientFault::ClientIdentifier(version) | ClientFault::KeepAlive(version) => {
                (version, invalid)
            }
            _ => return None,
        },
        _ => return None,
    };
    let mut bytes = Vec::new();
    let connack = Packet::from(ConnAck::refused(code));
    (code.is_error() && connack.encode_to(version, &mut bytes).is_ok()).then_some(bytes)
}
