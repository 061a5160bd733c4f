//! What the server sends: one function for each packet.

use alloc::boxed::Box;

use super::Client;
use super::answers::has_problem_information;
use super::error::ServerFault;
use super::event::{ClientEvent, DisconnectReason, PublishOutcome, RequestOutcome, Token};
use super::queue::Key;
use super::state::{Link, State};
use crate::codec::{Frame, FrameReader, Properties, PropertyId, SubscriptionIdentifier};
use crate::delivery::{Acked, OutboundAliases, Received};
use crate::message::{Message, Topic};
use crate::owned_properties::OwnedProperties;
use crate::packet::{Ack, ConnAck, Delivery, Packet, Publish, SubAck, UnsubAck};
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::reason::ReasonCode;
use crate::version::Version;

/// How many bytes of answers may wait to be pulled.
const MAX_UNSENT: usize = 1 << 20;

impl Client {
    /// Reads packets until the bytes are used up or the connection is over.
    pub(super) fn read(&mut self, reader: &mut FrameReader, mut bytes: &[u8]) {
        while let Some(version) = self.state.link().map(|link| link.version) {
            let result = match reader.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(frame)) => self.receive(frame, version),
                Err(error) => Err(error.into()),
            };
            if let Err(fault) = result {
                self.close(DisconnectReason::ServerFault(fault));
            }
            if self.state.link().is_some_and(|link| link.control.len() > MAX_UNSENT) {
                self.close(DisconnectReason::AnswersNotTaken);
            }
        }
    }

    fn receive(&mut self, frame: Frame<'_>, version: Version) -> Result<(), ServerFault> {
        let packet = Packet::decode_from(Sender::Server, frame, version)?;
        self.statistics.received.add(frame.first_byte(), frame.as_bytes().len());
        self.check_place(&packet)?;
        match packet {
            Packet::Publish(publish) => self.publish_received(&publish),
            Packet::PubAck(ack) => {
                let acked = self.outbound.puback(ack.packet_id);
                self.published(PacketType::PubAck, &ack, acked)
            }
            Packet::PubRec(ack) => self.pubrec(&ack),
            Packet::PubRel(ack) => {
                self.pubrel(ack.packet_id);
                Ok(())
            }
            Packet::PubComp(ack) => {
                let acked = self.outbound.pubcomp(ack.packet_id);
                self.published(PacketType::PubComp, &ack, acked)
            }
            Packet::ConnAck(connack) => self.connack(&connack),
            Packet::SubAck(suback) => self.suback(&suback),
            Packet::UnsubAck(unsuback) => self.unsuback(&unsuback, version),
            Packet::PingResp => {
                self.pingresp();
                Ok(())
            }
            Packet::Disconnect(disconnect) => {
                let properties = OwnedProperties::copied(&disconnect.properties);
                self.close_with(DisconnectReason::Server(disconnect.reason_code), properties);
                Ok(())
            }
            Packet::Auth(auth) => self.auth_received(&auth),
            // No others may come from a server: `decode_from` has refused them.
            _ => Ok(()),
        }
    }

    /// Whether the packet may come now.
    #[inline]
    fn check_place(&self, packet: &Packet<'_>) -> Result<(), ServerFault> {
        match (&self.state, packet) {
            (State::Connecting { .. }, Packet::ConnAck(_) | Packet::Auth(_)) => {}
            (State::Connecting { .. }, _) => {
                return Err(ServerFault::BeforeConnAck(packet.packet_type())); // [MQTT-3.2.0-1]
            }
            (_, Packet::ConnAck(_)) => return Err(ServerFault::SecondConnAck),
            _ => {}
        }
        let asked = self.state.link().is_none_or(|link| link.receiving.problem_information);
        if !asked && has_problem_information(packet) {
            return Err(ServerFault::ProblemInformation(packet.packet_type()));
        }
        Ok(())
    }

    fn connack(&mut self, connack: &ConnAck<'_>) -> Result<(), ServerFault> {
        let link = self.state.link();
        link.map_or(Ok(()), |link| link.check_connack(connack))?;
        let properties = OwnedProperties::copied(&connack.properties);
        if connack.reason_code != ReasonCode::Success {
            self.has_session = link.is_some_and(|link| link.had_session);
            self.close_with(DisconnectReason::Refused(connack.reason_code), properties);
            return Ok(());
        }
        let state = core::mem::replace(&mut self.state, State::Closing(None));
        if let State::Connecting { mut link, .. } = state {
            // 3.1 does not say whether there was a session: one that was asked for is taken as found.
            let found = connack.session_present || link.version == Version::V3_1;
            let session_present = found && !link.clean_start;
            link.accepted(&connack.properties, self.config.topic_aliases);
            let (early, terms) = (link.early, link.terms);
            self.has_session = true;
            self.state = State::Connected(link);
            self.events.push_back(ClientEvent::Connected { session_present, terms, properties });
            if session_present {
                self.outbound.resume();
                self.sift_resends();
            } else {
                self.begin_session(early);
            }
            self.sift();
        }
        self.signal_transmit();
        Ok(())
    }

    /// The server has no session: what belonged to one is lost, but for what this connection has sent
    /// before CONNACK. What was never sent still is. [MQTT-3.1.2-6] [MQTT-3.2.2-5]
    fn begin_session(&mut self, early: bool) {
        if early {
            self.counters.sessions += 1;
            self.inbound.discard();
        } else {
            self.end_session();
        }
    }

    fn publish_received(&mut self, publish: &Publish<'_>) -> Result<(), ServerFault> {
        let Some(link) = self.state.link_mut() else {
            return Ok(());
        };
        let topic = link.accept(publish)?;
        let received = match publish.delivery {
            Delivery::AtMostOnce => Received::New,
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.inbound.publish_at_least_once(packet_id)
            }
            Delivery::ExactlyOnce { packet_id, .. } => self.inbound.publish_exactly_once(packet_id),
        };
        match received {
            Received::New => self.deliver(publish, topic),
            Received::Waiting => {}
            Received::Repeated => self.send_acknowledgements(), // [MQTT-4.3.3-2] [MQTT-4.3.3-10]
        }
        Ok(())
    }

    /// Hands a new message to the application, and acknowledges it where that is our part.
    fn deliver(&mut self, publish: &Publish<'_>, topic: Option<Topic>) {
        let qos = publish.delivery.qos();
        let manual = self.config.manual_acknowledgement;
        let token = publish.delivery.packet_id().filter(|_| manual).map(|packet_id| Token {
            qos,
            packet_id,
            epoch: self.epoch(qos),
        });
        self.events.push_back(ClientEvent::Message {
            message: match topic {
                None => Message::copied(publish),
                Some(topic) => Message::with_topic(topic, publish),
            },
            dup: publish.delivery.dup(),
            subscription_identifiers: subscription_identifiers(publish),
            token,
        });
        if let (false, Some(packet_id)) = (manual, publish.delivery.packet_id()) {
            self.inbound.acknowledge(qos, packet_id, None);
            self.send_acknowledgements();
        }
    }

    /// PUBREL answers also a PUBREC that belongs to nothing any more, so that the server can end the
    /// exchange. [MQTT-4.3.3-1] [MQTT-4.3.3-4] [MQTT-4.6.0-4]
    fn pubrec(&mut self, ack: &Ack<'_>) -> Result<(), ServerFault> {
        let id = ack.packet_id;
        if ack.reason_code.is_error() {
            let acked = self.outbound.pubrec_error(id);
            return self.published(PacketType::PubRec, ack, acked);
        }
        let known = match self.outbound.pubrec(id) {
            Acked::Unexpected => return Err(unexpected(PacketType::PubRec, id)),
            Acked::Release | Acked::Done(_) => true,
            Acked::Unknown => false,
        };
        if ack.reason_code == ReasonCode::NoMatchingSubscribers {
            if let Some(key) = self.outbound.key_mut(id) {
                *key = key.unmatched();
            }
        }
        self.send_ack(id, known, Packet::PubRel);
        Ok(())
    }

    /// PUBCOMP answers also a PUBREL for an unknown identifier. [MQTT-4.3.3-2] [MQTT-4.3.3-11]
    fn pubrel(&mut self, id: PacketId) {
        let known = self.inbound.pubrel(id);
        self.send_ack(id, known, Packet::PubComp);
        // Others may have waited for the turn of this one.
        self.send_acknowledgements();
    }

    fn send_ack(&mut self, id: PacketId, known: bool, packet: fn(Ack<'static>) -> Packet<'static>) {
        if let Some(link) = self.state.link_mut() {
            let mut ack = Ack::new(id);
            if !known && link.version.has_properties() {
                ack.reason_code = ReasonCode::PacketIdentifierNotFound;
            }
            link.send(&packet(ack));
        }
        self.signal_transmit();
    }

    fn suback(&mut self, suback: &SubAck<'_>) -> Result<(), ServerFault> {
        let id = suback.packet_id;
        match self.outbound.suback(id, suback.reason_codes.len()) {
            Acked::Done(Key::Subscribe(handle)) => {
                let outcome = RequestOutcome::Answered(suback.reason_codes.iter().collect());
                let properties = OwnedProperties::copied(&suback.properties);
                self.events.push_back(ClientEvent::Subscribed { handle, outcome, properties });
                Ok(())
            }
            Acked::Unknown => Ok(()),
            _ => Err(unexpected(PacketType::SubAck, id)),
        }
    }

    fn unsuback(&mut self, unsuback: &UnsubAck<'_>, version: Version) -> Result<(), ServerFault> {
        let id = unsuback.packet_id;
        match self.outbound.unsuback(id) {
            Acked::Done(key @ Key::Unsubscribe(handle, filters)) => {
                let codes: alloc::vec::Vec<_> = unsuback.reason_codes.iter().collect();
                if version.has_properties() && codes.len() != filters {
                    self.events.push_back(key.lost());
                    return Err(unexpected(PacketType::UnsubAck, id));
                }
                let outcome = RequestOutcome::Answered(codes);
                let properties = OwnedProperties::copied(&unsuback.properties);
                self.events.push_back(ClientEvent::Unsubscribed { handle, outcome, properties });
                Ok(())
            }
            Acked::Unknown => Ok(()),
            _ => Err(unexpected(PacketType::UnsubAck, id)),
        }
    }

    fn pingresp(&mut self) {
        if let Some(link) = self.state.link_mut() {
            link.ping_deadline = None;
        }
    }

    /// The end of a message's exchange; one that is not known was ended before.
    fn published(
        &mut self,
        packet: PacketType,
        ack: &Ack<'_>,
        acked: Acked<Key>,
    ) -> Result<(), ServerFault> {
        let (handle, unmatched) = match acked {
            Acked::Done(Key::Publish(handle)) => (handle, false),
            Acked::Done(Key::PublishUnmatched(handle)) => (handle, true),
            Acked::Unknown => return Ok(()),
            _ => return Err(unexpected(packet, ack.packet_id)),
        };
        let outcome = match ack.reason_code {
            // In PUBCOMP an error only says that the server has forgotten what it took over before.
            code if code.is_error() && packet != PacketType::PubComp => {
                PublishOutcome::Refused(code)
            }
            ReasonCode::NoMatchingSubscribers => PublishOutcome::NoMatchingSubscribers,
            _ if unmatched => PublishOutcome::NoMatchingSubscribers,
            _ => PublishOutcome::Acknowledged,
        };
        let properties = OwnedProperties::copied(&ack.properties);
        self.events.push_back(ClientEvent::Published { handle, outcome, properties });
        self.signal_transmit();
        Ok(())
    }
}

impl Link {
    /// CONNACK: what the server says holds from now on.
    fn accepted(&mut self, properties: &Properties<'_>, topic_aliases: u16) {
        self.terms.answered(properties);
        self.authentication.end();
        self.aliases = OutboundAliases::new(topic_aliases.min(self.terms.topic_alias_maximum)); // [MQTT-3.2.2-17]
    }

    /// Whether the server may send this PUBLISH; the topic that its alias stands for.
    fn accept(&mut self, publish: &Publish<'_>) -> Result<Option<Topic>, ServerFault> {
        let receiving = &mut self.receiving;
        if publish.delivery != Delivery::AtMostOnce {
            if receiving.open >= receiving.receive_maximum {
                return Err(ServerFault::ReceiveMaximumExceeded);
            }
            receiving.open += 1;
        }
        Ok(receiving.aliases.resolve(publish)?)
    }
}

/// Empty without a look at the properties, where there is none.
fn subscription_identifiers(publish: &Publish<'_>) -> Box<[SubscriptionIdentifier]> {
    if !publish.properties.contains(PropertyId::SubscriptionIdentifier) {
        return Box::default();
    }
    publish.properties.subscription_identifiers().collect()
}

fn unexpected(packet: PacketType, packet_id: PacketId) -> ServerFault {
    ServerFault::UnexpectedAcknowledgement { packet, packet_id }
}
