//! What clients send: one function for each kind of request.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Broker;
use super::clients;
use super::connection::State;
use super::event::{BrokerEvent, ConnectionId};
use super::slab::Key;
use crate::codec::{Frame, FrameReader, MAXIMUM_PACKET_SIZE, Received};
use crate::packet::{Subscribe, Subscription, Unsubscribe};
use crate::packet_type::PacketType;
use crate::reason::ReasonCode;
use crate::session::{ClientFault, CloseReason, Rejection, Request};
use crate::version::Version;

impl Broker {
    /// Bytes of a connection whose CONNECT is not answered: CONNECT, and what is kept until the answer.
    pub(super) fn handshake_input(&mut self, connection: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let state = self.connections.get_mut(connection.0).map(|c| &mut c.state);
            let Some(State::Handshake(handshake)) = state else {
                return;
            };
            match handshake.handle_input(&mut bytes) {
                Ok(None) => {}
                Ok(Some(request)) => {
                    let size = handshake.connect_size();
                    self.statistics.packets.received.add(PacketType::Connect.first_byte(), size);
                    // The deadline was for CONNECT.
                    self.schedule_connection(connection.0, None);
                    let request = Box::new(request);
                    self.outputs.events.push_back(BrokerEvent::Connect { connection, request });
                }
                Err(Rejection { fault, answer, .. }) => {
                    self.end_handshake(connection, CloseReason::ClientFault(fault), answer);
                }
            }
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
                Err(reason) => return self.close(connection, reason),
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
    ) -> Result<bool, CloseReason> {
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
            Some(Request::Publish(message)) => self.publish_from(key, &message),
            Some(Request::Subscribe(subscribe)) => self.subscribe_from(key, &subscribe),
            Some(Request::Unsubscribe(unsubscribe)) => self.unsubscribe_from(key, &unsubscribe),
            Some(Request::Disconnect) => return Err(CloseReason::Disconnected),
        }
        Ok(true)
    }

    /// Filter by filter, as if each had come alone, with one answer; after it what is retained.
    /// [MQTT-3.8.4-4] [MQTT-3.8.4-5]
    fn subscribe_from(&mut self, key: Key, subscribe: &Subscribe<'_>) {
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        let mut reason_codes = Vec::new();
        for wanted in subscribe.filters {
            let qos = wanted.qos.min(self.config.session.max_qos); // [MQTT-3.8.4-6]
            let subscription = Subscription { qos, ..wanted };
            let granted = wanted.filter.as_bytes().len() <= self.config.max_topic_length
                && slot.permissions.may_subscribe(wanted.filter)
                && self
                    .router
                    .subscribe(clients::subscriber(key), Version::V3_1_1, &subscription, None)
                    .is_ok();
            reason_codes.push(if granted {
                ReasonCode::granted(qos)
            } else {
                ReasonCode::UnspecifiedError
            });
        }
        slot.session.suback(self.now, subscribe.packet_id, &reason_codes);
        for (wanted, code) in subscribe.filters.iter().zip(&reason_codes) {
            let Some(qos) = code.granted_qos() else {
                continue;
            };
            // [MQTT-3.3.1-6] [MQTT-3.8.4-3]. Wildcards are looked for when they can be sent.
            let may_be_retained = if wanted.filter.has_wildcards() {
                self.router.retained_messages() > 0
            } else {
                self.router.next_retained(wanted.filter, None).is_some()
            };
            if may_be_retained {
                let queued =
                    slot.session.deliver_retained(wanted.filter, qos, self.router.retain_count());
                self.statistics.publish_dropped += u64::from(queued.is_err());
            }
        }
    }

    /// [MQTT-3.10.4-1] to [MQTT-3.10.4-6]
    fn unsubscribe_from(&mut self, key: Key, unsubscribe: &Unsubscribe<'_>) {
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        for filter in unsubscribe.filters {
            let subscriber = clients::subscriber(key);
            if self.router.unsubscribe(subscriber, Version::V3_1_1, filter) {
                slot.session.forget_retained(filter);
            }
        }
        slot.session.unsuback(self.now, unsubscribe.packet_id);
    }
}
