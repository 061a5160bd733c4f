//! What clients send: one function for each kind of request.

use alloc::vec::Vec;

use super::Broker;
use super::clients;
use super::connection::State;
use super::event::{BrokerEvent, ConnectionId};
use super::refusal::Refusal;
use super::slab::Key;
use crate::codec::{
    Frame, FrameReader, MAXIMUM_PACKET_SIZE, Property, PropertyId, Received, SubscriptionIdentifier,
};
use crate::owned_properties::OwnedProperties;
use crate::packet::{Auth, RetainHandling, Subscribe, Subscription, Unsubscribe};
use crate::packet_type::PacketType;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::session::{ClientFault, CloseReason, Cursor, HandshakeEvent, Rejection, Request};

impl Broker {
    /// Bytes of a connection whose CONNECT is not answered: CONNECT, and what is kept until the answer.
    pub(super) fn handshake_input(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let state = self.connections.state_mut(connection);
            let Some(State::Handshake(handshake)) = state else {
                return;
            };
            let event = match handshake.handle_input(&mut bytes) {
                Ok(None) => continue,
                Ok(Some(HandshakeEvent::Connect(request))) => {
                    let size = handshake.packet_size();
                    self.statistics.packets.received.add(PacketType::Connect.first_byte(), size);
                    BrokerEvent::Connect { connection, request }
                }
                Ok(Some(HandshakeEvent::Authentication(properties))) => {
                    let size = handshake.packet_size();
                    self.statistics.packets.received.add(PacketType::Auth.first_byte(), size);
                    let reason_code = ReasonCode::ContinueAuthentication;
                    BrokerEvent::Authentication { connection, reason_code, properties }
                }
                Ok(Some(HandshakeEvent::Disconnect { reason_code, properties })) => {
                    let size = handshake.packet_size();
                    self.statistics.packets.received.add(PacketType::Disconnect.first_byte(), size);
                    let reason = CloseReason::of_disconnect(reason_code);
                    return self.close_with(connection, reason, properties, None);
                }
                Err(Rejection { fault, answer, .. }) => {
                    return self.end_handshake(connection, fault.into(), answer);
                }
            };
            // What was awaited has come.
            let deadline = handshake.deadline();
            self.schedule_connection(connection.0, deadline);
            self.outputs.events.push_back(event);
        }
    }

    /// Bytes of a connected client: packet by packet, until they are used up or the connection is over.
    pub(super) fn session_input(&mut self, connection: ConnectionId, key: Key, mut bytes: &[u8]) {
        let now = self.now;
        let reader = self.clients.get_mut(key).and_then(|slot| {
            slot.session.advance(now);
            slot.session.take_reader()
        });
        let Some(mut reader) = reader else {
            return;
        };
        loop {
            match self.next_packet(key, &mut reader, &mut bytes) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Over { reason, properties }) => {
                    return self.close_with(connection, reason, properties, None);
                }
            }
        }
        if let Some(slot) = self.clients.get_mut(key) {
            slot.session.put_reader(reader);
            self.outputs.announce(slot);
        }
    }

    /// Acts on the next packet, if one is whole; whether one was. The error is why the connection ends.
    fn next_packet(
        &mut self,
        key: Key,
        reader: &mut FrameReader,
        bytes: &mut &[u8],
    ) -> Result<bool, Over> {
        let owned;
        let (frame, shared) = match reader.next_handed_over(bytes).map_err(ClientFault::Decode)? {
            None => return Ok(false),
            Some(Received::Lent(frame)) => (frame, None),
            Some(Received::HandedOver(packet)) => {
                owned = packet;
                let parsed = Frame::parse(&owned, MAXIMUM_PACKET_SIZE);
                let Some((frame, _)) = parsed.map_err(ClientFault::Decode)? else {
                    return Ok(true);
                };
                (frame, Some(&owned))
            }
        };
        let Some(slot) = self.clients.get_mut(key) else {
            return Ok(false);
        };
        let request = slot.session.receive(frame, shared)?;
        self.statistics.packets.received.add(frame.first_byte(), frame.as_bytes().len());
        // What is acknowledged is acknowledged before anybody is sent it.
        self.outputs.announce(slot);
        match request {
            None => {}
            Some(Request::Publish(message, id)) => self.publish_from(key, message, id),
            Some(Request::Release(message)) => self.route_from(key, message),
            Some(Request::Subscribe(subscribe)) => self.subscribe_from(key, &subscribe)?,
            Some(Request::Unsubscribe(unsubscribe)) => self.unsubscribe_from(key, &unsubscribe)?,
            Some(Request::Authenticate(auth)) => self.authenticate_from(key, &auth),
            Some(Request::Disconnect(reason, properties)) => {
                return Err(Over { reason, properties });
            }
        }
        Ok(true)
    }

    /// Filter by filter, as if each had come alone, with one answer; after it what is retained.
    /// [MQTT-3.8.4-4] [MQTT-3.8.4-5]; in 5.0 [MQTT-3.8.4-5] [MQTT-3.8.4-6]
    fn subscribe_from(&mut self, key: Key, subscribe: &Subscribe<'_>) -> Result<(), ClientFault> {
        let identifier = match subscribe.properties.find(PropertyId::SubscriptionIdentifier) {
            Some(Property::SubscriptionIdentifier(identifier)) => Some(identifier),
            _ => None,
        };
        let mut reason_codes = Vec::new();
        let mut reason = None;
        let mut cursors = Vec::new();
        for wanted in subscribe.filters {
            match self.subscribe_one(key, &wanted, identifier) {
                Ok((qos, cursor)) => {
                    reason_codes.push(ReasonCode::granted(qos));
                    cursors.extend(cursor);
                }
                Err(refusal) => {
                    reason_codes.push(refusal.code);
                    reason.get_or_insert(refusal.reason);
                }
            }
        }
        let Some(slot) = self.clients.get_mut(key) else {
            return Ok(());
        };
        slot.session.answer_subscribe(subscribe.packet_id, &reason_codes, reason.as_deref())?;
        for cursor in cursors {
            let queued = slot.session.deliver_retained(cursor);
            self.statistics.publish_dropped += u64::from(queued.is_err());
        }
        Ok(())
    }

    /// The QoS that is granted, and what walks through the retained messages for it. [MQTT-3.8.4-6]; in 5.0
    /// [MQTT-3.8.4-7]
    fn subscribe_one(
        &mut self,
        key: Key,
        wanted: &Subscription<'_>,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Result<(QoS, Option<Cursor>), Refusal> {
        let Some(slot) = self.clients.get(key) else {
            return Ok((QoS::AtMostOnce, None));
        };
        let version = slot.session.version();
        let share =
            if version.has_properties() { wanted.filter.share().ok().flatten() } else { None };
        let filter = share.map_or(wanted.filter, |share| share.filter);
        if let Some(refusal) = self.subscription_refusal(&slot.permissions, wanted.filter, filter) {
            return Err(refusal);
        }
        let qos = wanted.qos.min(self.config.session.features.maximum_qos);
        let subscription = Subscription { qos, ..*wanted };
        let subscriber = clients::subscriber(key);
        let replaced = self.router.subscribe(subscriber, version, &subscription, identifier)?;
        // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; before 5.0 [MQTT-3.3.1-6] [MQTT-3.8.4-3]
        let wants_retained = match wanted.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendAtNewSubscribe => !replaced,
            RetainHandling::DoNotSend => false,
        };
        // Wildcards are looked for when they can be sent.
        let wants_retained = wants_retained
            && share.is_none()
            && if filter.has_wildcards() {
                self.router.retained_messages() > 0
            } else {
                self.router.next_retained(filter, None).is_some()
            };
        let except = wanted.no_local.then(|| self.clients.fingerprint(&slot.client_id));
        let cursor = || Cursor {
            identifier,
            except,
            ..Cursor::new(filter, qos, self.router.retain_count())
        };
        Ok((qos, wants_retained.then(cursor)))
    }

    /// [MQTT-3.10.4-1] to [MQTT-3.10.4-6]
    fn unsubscribe_from(
        &mut self,
        key: Key,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), ClientFault> {
        let Some(slot) = self.clients.get_mut(key) else {
            return Ok(());
        };
        let version = slot.session.version();
        let mut reason_codes = Vec::new();
        let mut ended = Vec::new();
        for filter in unsubscribe.filters {
            let subscriber = clients::subscriber(key);
            if self.router.unsubscribe(subscriber, version, filter) {
                ended.push(filter.as_bytes());
                reason_codes.push(ReasonCode::Success);
            } else {
                reason_codes.push(ReasonCode::NoSubscriptionExisted);
            }
        }
        if !ended.is_empty() {
            slot.session.forget_retained(&mut ended);
        }
        slot.session.answer_unsubscribe(unsubscribe.packet_id, &reason_codes, None)
    }

    fn authenticate_from(&mut self, key: Key, auth: &Auth<'_>) {
        if let Some(connection) = self.clients.get(key).and_then(|slot| slot.connection) {
            let properties = OwnedProperties::copied(&auth.properties);
            let reason_code = auth.reason_code;
            let event = BrokerEvent::Authentication { connection, reason_code, properties };
            self.outputs.events.push_back(event);
        }
    }
}

/// Why a connection ends, and what the client says to it.
struct Over {
    reason: CloseReason,
    properties: OwnedProperties,
}

impl From<ClientFault> for Over {
    fn from(fault: ClientFault) -> Over {
        Over { reason: fault.into(), properties: OwnedProperties::EMPTY }
    }
}
