//! What accepted clients send, and what of it the broker takes.

use mqtt_sansio::{
    ClientFault, CloseReason, ConnectionId, Frame, OwnedProperties, Packet, PacketType, Property,
    PropertyId, ReasonCode, Sender, Subscribe, Subscription, Unsubscribe, Version,
};

use super::config::PERMISSIONS;
use super::due::Due;
use super::ensure;
use super::handshake::is_in_turn;
use super::link::Link;
use super::peer::{Phase, Turn};
use super::publishing::publish_fault;
use super::session::Session;
use super::world::{Outcome, World};

impl World {
    /// Bytes of a client's, before what they led to is looked at.
    pub(super) fn input(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        outcome: &Outcome,
    ) -> Result<(), String> {
        let peer = self.peer(id)?;
        if peer.gone || peer.is_over() {
            ensure!(outcome.packets == 0 && outcome.events.is_empty(), "{id:?} is over");
            return Ok(());
        }
        peer.input.extend_from_slice(bytes);
        match &peer.phase {
            Phase::Connected(_) => self.taken(id, outcome),
            _ => self.early_input(id, outcome),
        }
    }

    /// The packets of a connected client that the broker has taken, and why it went no further.
    pub(super) fn taken(&mut self, id: ConnectionId, outcome: &Outcome) -> Result<(), String> {
        let max = self.config.session.maximum_packet_size;
        let peer = self.peer(id)?;
        let (version, input) = (peer.version(), std::mem::take(&mut peer.input));
        let mut rest = &input[..];
        let mut last = None;
        for _ in 0..outcome.packets {
            let (packet, after) = next_packet(rest, max, version)?;
            last = Some(packet.packet_type());
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
            Some(reason @ (CloseReason::Disconnected | CloseReason::DisconnectedWith(_))) => {
                let code = match reason {
                    CloseReason::DisconnectedWith(code) => code,
                    _ => ReasonCode::NORMAL_DISCONNECTION,
                };
                let left = self.peer(id)?.link().and_then(|link| link.left.as_ref());
                let with = left.map(|(code, _)| *code);
                ensure!(with == Some(code), "{id:?} sent DISCONNECT {with:?}, and not {code}");
                Ok(())
            }
            Some(CloseReason::ClientFault(ClientFault::Decode(_))) => {
                let wrong = next_packet(rest, max, version).is_err();
                ensure!(wrong, "nothing is wrong with {rest:02x?}");
                Ok(())
            }
            // What the packet asks for was done, and cannot be told.
            Some(CloseReason::ClientFault(ClientFault::AnswerTooLarge)) => {
                let answered = [Some(PacketType::Subscribe), Some(PacketType::Unsubscribe)];
                ensure!(answered.contains(&last), "{last:?} has too large an answer");
                self.peer(id)?.link().and_then(|link| link.due.pop_back());
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
        let v5 = link.is_5_0();
        let fits = match (fault, packet) {
            (ClientFault::SecondConnect, Packet::Connect(_)) => true,
            (fault, Packet::Publish(publish)) if fault != ClientFault::AnswersNotTaken => {
                publish_fault(link, session, publish, fault, &limits)
            }
            (
                ClientFault::UnexpectedAcknowledgement { packet: name, packet_id },
                Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack),
            ) => {
                name == packet.packet_type()
                    && packet_id == ack.packet_id
                    && !session.may_acknowledge(name, packet_id, ack.reason_code)
            }
            (ClientFault::TooManyFilters, Packet::Subscribe(subscribe)) => {
                subscribe.filters.len() > limits.max_filters
            }
            (ClientFault::TooManyFilters, Packet::Unsubscribe(unsubscribe)) => {
                unsubscribe.filters.len() > limits.max_filters
            }
            (fault, Packet::Subscribe(subscribe)) if v5 && is_unavailable(fault) => {
                unavailable(subscribe, &limits.features).contains(&fault)
            }
            (ClientFault::SessionExpiryRaised, Packet::Disconnect(disconnect)) => {
                let expiry = disconnect.properties.find(PropertyId::SessionExpiryInterval);
                let raised = matches!(expiry, Some(Property::SessionExpiryInterval(1..)));
                raised && link.session_expiry_asked == 0
            }
            (ClientFault::UnexpectedAuth, packet @ Packet::Auth(_)) => {
                !is_in_turn(packet, link.turn, link.method.as_deref())
            }
            (ClientFault::AnswersNotTaken, _) => link.due_bytes().1 > limits.max_unsent_bytes,
            _ => false,
        };
        ensure!(fits, "{packet:?} is not {fault:?}");
        Ok(())
    }

    pub(super) fn link_and_session(
        &mut self,
        id: ConnectionId,
    ) -> Result<(&mut Link, &mut Session), String> {
        let peer = self.peers.iter_mut().rev().find(|peer| peer.id == id);
        let link = peer.and_then(|peer| peer.link());
        let link = link.ok_or_else(|| format!("{id:?} is not connected"))?;
        let session = self.sessions.get_mut(&link.client_id);
        let session = session.ok_or_else(|| format!("{} has no session", link.client_id))?;
        Ok((link, session))
    }

    /// One packet that the broker has taken.
    fn packet(&mut self, id: ConnectionId, packet: &Packet<'_>) -> Result<(), String> {
        let (now, max_filters) = (self.now, self.config.session.max_filters);
        let most = self.config.session.max_unsent_bytes;
        let (link, session) = self.link_and_session(id)?;
        ensure!(link.left.is_none(), "{packet} was taken after DISCONNECT");
        let (waiting, _) = link.due_bytes();
        let last = packet.packet_type() == PacketType::Disconnect;
        ensure!(waiting <= most || last, "{packet} was taken with {waiting} bytes of answers");
        link.last_received = now;
        match packet {
            Packet::Publish(publish) => return self.publish(id, publish),
            Packet::PubRel(ack) => return self.released(id, ack.packet_id),
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                let (name, code) = (packet.packet_type(), ack.reason_code);
                link.acknowledged(name, ack.packet_id, code);
                let mut codes = session.acknowledge(name, ack.packet_id, code)?;
                if !link.is_5_0() {
                    codes = vec![ReasonCode::Success];
                }
                if name == PacketType::PubRec && !code.is_error() {
                    link.due.push_back(Due::PubRel(ack.packet_id, codes));
                }
            }
            Packet::Subscribe(subscribe) => {
                ensure!(subscribe.filters.len() <= max_filters, "{packet} was taken");
                return self.subscribed(id, subscribe);
            }
            Packet::Unsubscribe(Unsubscribe { packet_id, filters, .. }) => {
                ensure!(filters.len() <= max_filters, "{packet} was taken");
                link.due.push_back(Due::UnsubAck(*packet_id, filters.len()));
            }
            Packet::PingReq => link.due.push_back(Due::PingResp),
            Packet::Auth(auth) => {
                let fits = is_in_turn(packet, link.turn, link.method.as_deref());
                ensure!(fits, "{packet:?} was taken in the turn {:?}", link.turn);
                link.turn = Turn::Server;
                let properties: Vec<_> = auth.properties.iter().collect();
                let properties = OwnedProperties::new(&properties).map_err(|e| e.to_string())?;
                link.told.push_back((auth.reason_code, properties));
            }
            Packet::Disconnect(disconnect) => {
                let expiry = disconnect.properties.find(PropertyId::SessionExpiryInterval);
                if let Some(Property::SessionExpiryInterval(seconds)) = expiry {
                    ensure!(
                        link.session_expiry_asked > 0 || seconds == 0,
                        "{disconnect:?} was taken"
                    );
                    link.session_expiry = seconds.min(link.session_expiry_maximum);
                }
                let properties: Vec<_> = disconnect.properties.iter().collect();
                let properties = OwnedProperties::new(&properties).map_err(|e| e.to_string())?;
                link.left = Some((disconnect.reason_code, properties));
            }
            _ => return Err(format!("{packet} was taken")),
        }
        Ok(())
    }

    fn subscribed(&mut self, id: ConnectionId, subscribe: &Subscribe<'_>) -> Result<(), String> {
        let features = self.config.session.features.clone();
        let longest = self.config.max_topic_length;
        let (link, session) = self.link_and_session(id)?;
        let (version, rights) = (link.reader.version, link.rights);
        let v5 = version == Version::V5_0;
        ensure!(!v5 || unavailable(subscribe, &features).is_empty(), "{subscribe:?} was taken");
        let may = |wanted: Subscription<'_>| {
            let share = if v5 { wanted.filter.share().ok().flatten() } else { None };
            let filter = share.map_or(wanted.filter, |share| share.filter);
            if wanted.filter.as_bytes().len() > longest {
                Err(ReasonCode::TopicFilterInvalid)
            } else if filter.has_wildcards() && !features.wildcard_subscription_available {
                Err(ReasonCode::WildcardSubscriptionsNotSupported)
            } else if !PERMISSIONS[rights].may_subscribe(filter) {
                Err(ReasonCode::NotAuthorized)
            } else {
                Ok(wanted.qos.min(features.maximum_qos))
            }
        };
        let most = subscribe.filters.iter().map(may).collect();
        link.due.push_back(Due::SubAck(subscribe.packet_id, most));
        let identifier = match subscribe.properties.find(PropertyId::SubscriptionIdentifier) {
            Some(Property::SubscriptionIdentifier(identifier)) => Some(identifier),
            _ => None,
        };
        for wanted in subscribe.filters {
            session.subscribed(wanted.filter, identifier, version);
        }
        Ok(())
    }
}

/// The next packet of a client's, and what comes after it.
pub(super) fn next_packet(
    rest: &[u8],
    max: u32,
    version: Version,
) -> Result<(Packet<'_>, &[u8]), String> {
    let found = Frame::parse(rest, max).map_err(|error| error.to_string())?;
    let (frame, after) = found.ok_or_else(|| format!("{rest:02x?} is no whole packet"))?;
    let packet = Packet::decode_from(Sender::Client, frame, version);
    packet.map(|packet| (packet, after)).map_err(|error| error.to_string())
}

fn is_unavailable(fault: ClientFault) -> bool {
    matches!(
        fault,
        ClientFault::WildcardSubscriptionsNotSupported
            | ClientFault::SubscriptionIdentifiersNotSupported
            | ClientFault::SharedSubscriptionsNotSupported
    )
}

/// What a client of 5.0 asks for that is not served.
fn unavailable(
    subscribe: &Subscribe<'_>,
    features: &mqtt_sansio::FeatureConfig,
) -> Vec<ClientFault> {
    let filters = || subscribe.filters.iter().map(|wanted| wanted.filter);
    let identified = subscribe.properties.contains(PropertyId::SubscriptionIdentifier);
    let wildcards = filters().any(|filter| filter.has_wildcards());
    let shared = filters().any(|filter| filter.is_shared());
    let faults = [
        (
            identified && !features.subscription_identifier_available,
            ClientFault::SubscriptionIdentifiersNotSupported,
        ),
        (
            wildcards && !features.wildcard_subscription_available,
            ClientFault::WildcardSubscriptionsNotSupported,
        ),
        (
            shared && !features.shared_subscription_available,
            ClientFault::SharedSubscriptionsNotSupported,
        ),
    ];
    faults.into_iter().filter(|(is, _)| *is).map(|(_, fault)| fault).collect()
}
