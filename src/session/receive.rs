//! What the client sends: one function for each packet.

use alloc::sync::Arc;

use bytes::Bytes;

use super::Session;
use super::error::{ClientFault, CloseReason};
use super::unreleased::Held;
use crate::codec::{Frame, Property, PropertyId};
use crate::delivery::Acked;
use crate::message::{Message, Topic};
use crate::owned_properties::OwnedProperties;
use crate::packet::{
    Ack, Auth, Delivery, Disconnect, Packet, Publish, Subscribe, Subscription, Unsubscribe,
};
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::reason::ReasonCode;

/// What the server has to act on.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// A message. In 5.0 one with a packet identifier is to be answered, with PUBACK or PUBREC; others are
    /// acknowledged.
    Publish(Arc<Message>, Option<PacketId>),
    /// A message at QoS 2 that the server has taken over with PUBREC of 5.0.
    Release(Arc<Message>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Authenticate(Auth<'a>),
    /// The connection ends: why, and with what properties.
    Disconnect(CloseReason, OwnedProperties),
}

impl Session {
    /// One packet of the client's, in `owned` bytes where they are not the driver's. Acknowledgements are
    /// put in line; what the server has to act on is returned.
    pub(crate) fn receive<'a>(
        &mut self,
        frame: Frame<'a>,
        owned: Option<&Bytes>,
    ) -> Result<Option<Request<'a>>, ClientFault> {
        let Some(link) = &mut self.link else {
            return Ok(None);
        };
        link.last_received = self.now;
        let unsent = link.control.len();
        let packet = Packet::decode_from(Sender::Client, frame, link.version)?;
        if let Packet::Disconnect(disconnect) = packet {
            return self.disconnect_received(&disconnect).map(Some);
        }
        // Before anything is done: what was acted on is answered.
        if unsent > self.config.max_unsent_bytes {
            return Err(ClientFault::AnswersNotTaken);
        }
        Ok(match packet {
            Packet::Publish(publish) => self.publish(&publish, owned)?,
            Packet::PubAck(ack) => self.puback_received(ack.packet_id)?,
            Packet::PubRec(ack) => self.pubrec_received(&ack)?,
            Packet::PubRel(ack) => self.pubrel(ack.packet_id)?,
            Packet::PubComp(ack) => self.pubcomp(ack.packet_id)?,
            Packet::Subscribe(subscribe) => {
                self.check_filters(subscribe.filters.len())?;
                self.check_subscriptions(&subscribe)?;
                Some(Request::Subscribe(subscribe))
            }
            Packet::Unsubscribe(unsubscribe) => {
                self.check_filters(unsubscribe.filters.len())?;
                Some(Request::Unsubscribe(unsubscribe))
            }
            Packet::PingReq => self.pingreq(),
            Packet::Auth(auth) => Some(self.auth_received(auth)?),
            // [MQTT-3.1.0-2]; nothing else may come from a client.
            _ => return Err(ClientFault::SecondConnect),
        })
    }

    /// Before 5.0 the acknowledgement first, then the message; at QoS 2 it waits for PUBREL. In 5.0 the server
    /// says what to acknowledge it with.
    fn publish<'a>(
        &mut self,
        publish: &Publish<'_>,
        owned: Option<&Bytes>,
    ) -> Result<Option<Request<'a>>, ClientFault> {
        if publish.delivery.qos() > self.config.features.maximum_qos {
            return Err(ClientFault::QoSNotSupported);
        }
        let Some(link) = &mut self.link else {
            return Ok(None);
        };
        let is_5_0 = link.terms.is_some();
        if publish.retain && is_5_0 && !self.config.features.retain_available {
            return Err(ClientFault::RetainNotSupported);
        }
        let topic = link.topic(publish)?;
        let now = self.now;
        let message = || {
            let mut message = message(publish, topic, owned);
            if !message.properties.is_empty() {
                message.take_over(now);
            }
            Arc::new(message)
        };
        match publish.delivery {
            Delivery::AtMostOnce => Ok(Some(Request::Publish(message(), None))),
            Delivery::AtLeastOnce { packet_id, .. } => {
                if let Some(terms) = &mut link.terms {
                    terms.opened(packet_id, QoS::AtLeastOnce)?;
                    return Ok(Some(Request::Publish(message(), Some(packet_id))));
                }
                link.send(&Packet::PubAck(Ack::new(packet_id)));
                Ok(Some(Request::Publish(message(), None)))
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                if self.is_repeated(packet_id) {
                    return Ok(None);
                }
                let message = message();
                self.keep(packet_id, &message)
                    .map(|asked| asked.then(|| Request::Publish(message, Some(packet_id))))
            }
        }
    }

    /// Whether a QoS 2 message is the same again: it is acknowledged again, unless the server has yet to answer
    /// it. What came before 5.0 and was not released is asked about in 5.0. [MQTT-4.3.3-10]; before 5.0
    /// [MQTT-4.3.3-2]
    fn is_repeated(&mut self, id: PacketId) -> bool {
        let (Some(accepted), Some(link)) = (self.unreleased.is_accepted(id), &mut self.link) else {
            return false;
        };
        if let Some(terms) = link.terms.as_ref().filter(|_| !accepted) {
            return terms.is_unanswered(id);
        }
        link.send(&Packet::PubRec(Ack::new(id)));
        true
    }

    /// Keeps a QoS 2 message until PUBREL; whether the server is to be asked.
    fn keep(&mut self, id: PacketId, message: &Arc<Message>) -> Result<bool, ClientFault> {
        let Some(link) = &mut self.link else {
            return Ok(false);
        };
        let Some(terms) = &mut link.terms else {
            self.unreleased.keep(id, message, &self.config)?;
            link.send(&Packet::PubRec(Ack::new(id)));
            return Ok(false);
        };
        terms.opened(id, QoS::ExactlyOnce)?;
        if self.unreleased.keep(id, message, &self.config).is_err() {
            // Their bytes, or with those of earlier connections their number.
            let reason = "too many QoS 2 messages await PUBREL";
            terms.answered(id, QoS::ExactlyOnce);
            self.answer_exactly_once(id, ReasonCode::QuotaExceeded, Some(reason));
            return Ok(false);
        }
        Ok(true)
    }

    fn check_filters(&self, filters: usize) -> Result<(), ClientFault> {
        let fits = filters <= self.config.max_filters;
        if fits { Ok(()) } else { Err(ClientFault::TooManyFilters) }
    }

    /// A client of 5.0 was told what it may not ask for. (Sections 3.2.2.3.11 to 3.2.2.3.13.)
    fn check_subscriptions(&self, subscribe: &Subscribe<'_>) -> Result<(), ClientFault> {
        let features = &self.config.features;
        if !self.speaks_5_0() {
            return Ok(());
        }
        let identifier = subscribe.properties.contains(PropertyId::SubscriptionIdentifier);
        if identifier && !features.subscription_identifier_available {
            return Err(ClientFault::SubscriptionIdentifiersNotSupported);
        }
        for Subscription { filter, .. } in subscribe.filters {
            if filter.is_shared() && !features.shared_subscription_available {
                return Err(ClientFault::SharedSubscriptionsNotSupported);
            }
            if filter.has_wildcards() && !features.wildcard_subscription_available {
                return Err(ClientFault::WildcardSubscriptionsNotSupported);
            }
        }
        Ok(())
    }

    fn puback_received<'a>(&mut self, id: PacketId) -> Result<Option<Request<'a>>, ClientFault> {
        let acked = self.outbound.puback(id);
        self.finished(PacketType::PubAck, id, acked)?;
        Ok(None)
    }

    /// PUBREL answers also a PUBREC that belongs to nothing any more, so that the client can end the exchange;
    /// in 5.0 it says so. One with an error has ended it. [MQTT-4.3.3-1] [MQTT-4.6.0-4]; in 5.0
    /// [MQTT-4.3.3-4] [MQTT-4.4.0-2]
    fn pubrec_received<'a>(&mut self, ack: &Ack<'_>) -> Result<Option<Request<'a>>, ClientFault> {
        let id = ack.packet_id;
        if ack.reason_code.is_error() {
            let acked = self.outbound.pubrec_error(id);
            self.finished(PacketType::PubRec, id, acked)?;
            return Ok(None);
        }
        match self.outbound.pubrec(id) {
            Acked::Unexpected => return Err(unexpected(PacketType::PubRec, id)),
            Acked::Unknown => self.send(&Packet::PubRel(self.unknown(id))),
            Acked::Release | Acked::Done(_) => self.send(&Packet::PubRel(Ack::new(id))),
        }
        Ok(None)
    }

    /// PUBCOMP answers also a PUBREL for an unknown identifier. [MQTT-4.3.3-2]; in 5.0 [MQTT-4.3.3-11]
    fn pubrel<'a>(&mut self, id: PacketId) -> Result<Option<Request<'a>>, ClientFault> {
        let terms = self.link.as_ref().and_then(|link| link.terms.as_ref());
        if terms.is_some_and(|terms| terms.is_unanswered(id)) {
            return Err(unexpected(PacketType::PubRel, id)); // it awaits PUBREC
        }
        let Some(Held { message, accepted }) = self.unreleased.release(id) else {
            self.send(&Packet::PubComp(self.unknown(id)));
            return Ok(None);
        };
        self.send(&Packet::PubComp(Ack::new(id)));
        let request = if accepted { Request::Release } else { |m| Request::Publish(m, None) };
        Ok(Some(request(message)))
    }

    /// The answer for an identifier that no exchange has: before 5.0 it does not tell.
    fn unknown(&self, packet_id: PacketId) -> Ack<'static> {
        let mut ack = Ack::new(packet_id);
        if self.speaks_5_0() {
            ack.reason_code = ReasonCode::PacketIdentifierNotFound;
        }
        ack
    }

    fn pubcomp<'a>(&mut self, id: PacketId) -> Result<Option<Request<'a>>, ClientFault> {
        let acked = self.outbound.pubcomp(id);
        self.finished(PacketType::PubComp, id, acked)?;
        Ok(None)
    }

    /// The end of a message's exchange, if it is one.
    fn finished(
        &mut self,
        packet: PacketType,
        id: PacketId,
        acked: Acked<usize>,
    ) -> Result<(), ClientFault> {
        match acked {
            Acked::Unexpected => return Err(unexpected(packet, id)),
            Acked::Done(size) => self.inflight_bytes -= size,
            Acked::Unknown | Acked::Release => {}
        }
        Ok(())
    }

    /// [MQTT-3.12.4-1]
    fn pingreq<'a>(&mut self) -> Option<Request<'a>> {
        self.send(&Packet::PingResp);
        None
    }

    /// [MQTT-4.12.0-5] [MQTT-4.12.0-7] [MQTT-4.12.1-1]
    fn auth_received<'a>(&mut self, auth: Auth<'a>) -> Result<Request<'a>, ClientFault> {
        let terms = self.link.as_mut().and_then(|link| link.terms.as_mut());
        let terms = terms.ok_or(ClientFault::UnexpectedAuth)?;
        terms.authentication.received(&auth)?;
        Ok(Request::Authenticate(auth))
    }

    /// DISCONNECT may change how long the session outlives the connection. (Section 3.14.2.2.2 of 5.0.)
    fn disconnect_received<'a>(
        &mut self,
        disconnect: &Disconnect<'_>,
    ) -> Result<Request<'a>, ClientFault> {
        let expiry = disconnect.properties.find(PropertyId::SessionExpiryInterval);
        if let (Some(Property::SessionExpiryInterval(seconds)), Some(link)) =
            (expiry, &mut self.link)
        {
            let terms = link.terms.as_ref();
            if seconds > 0 && terms.is_none_or(|terms| terms.session_expiry_asked == 0) {
                return Err(ClientFault::SessionExpiryRaised);
            }
            let longest = terms.map_or(0, |terms| terms.session_expiry_maximum);
            link.session_expiry_interval = seconds.min(longest);
        }
        let reason = CloseReason::of_disconnect(disconnect.reason_code);
        Ok(Request::Disconnect(reason, OwnedProperties::copied(&disconnect.properties)))
    }
}

/// The message of a PUBLISH under that topic, or its own. A payload in bytes that are ours is shared; others
/// are copied.
#[inline]
fn message(publish: &Publish<'_>, topic: Option<Topic>, owned: Option<&Bytes>) -> Message {
    match (topic, owned) {
        (None, None) => Message::copied(publish),
        (Some(topic), None) => Message::with_topic(topic, publish),
        // A small payload does not keep a large packet.
        (None, Some(bytes)) if publish.payload.len() < bytes.len() / 2 => Message::copied(publish),
        (topic, Some(bytes)) => {
            let topic = topic.unwrap_or_else(|| publish.topic.into());
            Message::of(publish, topic, bytes.slice_ref(publish.payload))
        }
    }
}

fn unexpected(packet: PacketType, packet_id: PacketId) -> ClientFault {
    ClientFault::UnexpectedAcknowledgement { packet, packet_id }
}
