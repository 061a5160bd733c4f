//! What the server sends: one function for each packet.

use super::Client;
use super::error::ServerFault;
use super::event::{ClientEvent, DisconnectReason, PublishOutcome, Token};
use super::queue::Key;
use super::state::State;
use crate::codec::{Frame, FrameReader};
use crate::delivery::{Acked, Received};
use crate::message::Message;
use crate::packet::{Ack, ConnAck, Delivery, Packet, Publish, SubAck};
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
        if let Packet::ConnAck(connack) = packet {
            return self.connack(&connack);
        }
        if matches!(self.state, State::Connecting { .. }) {
            return Err(ServerFault::BeforeConnAck(packet.packet_type())); // [MQTT-3.2.0-1]
        }
        match packet {
            Packet::Publish(publish) => self.publish_received(&publish),
            Packet::PubAck(ack) => return self.puback(ack.packet_id),
            Packet::PubRec(ack) => return self.pubrec(ack.packet_id),
            Packet::PubRel(ack) => self.pubrel(ack.packet_id),
            Packet::PubComp(ack) => return self.pubcomp(ack.packet_id),
            Packet::SubAck(suback) => return self.suback(&suback),
            Packet::UnsubAck(unsuback) => return self.unsuback(unsuback.packet_id),
            Packet::PingResp => self.pingresp(),
            // No others may come from a server before 5.0: `decode_from` has refused them.
            _ => {}
        }
        Ok(())
    }

    fn connack(&mut self, connack: &ConnAck<'_>) -> Result<(), ServerFault> {
        if !matches!(self.state, State::Connecting { .. }) {
            return Err(ServerFault::SecondConnAck);
        }
        if connack.reason_code != ReasonCode::Success {
            self.close(DisconnectReason::Refused(connack.reason_code));
            return Ok(());
        }
        let state = core::mem::replace(&mut self.state, State::Closing);
        if let State::Connecting { link, .. } = state {
            // 3.1 does not say whether there was a session: one that was asked for is taken as found.
            let found = connack.session_present || link.version == Version::V3_1;
            let session_present = found && !link.clean_start;
            let early = link.early;
            self.state = State::Connected(link);
            self.events.push_back(ClientEvent::Connected { session_present });
            if session_present {
                self.outbound.resume();
            } else {
                self.begin_session(early);
            }
        }
        self.signal_transmit();
        Ok(())
    }

    /// The server has no session: what belonged to one is lost, but for what this connection has sent
    /// before CONNACK. What was never sent still is. [MQTT-3.1.2-6]
    fn begin_session(&mut self, early: bool) {
        if early {
            self.counters.sessions += 1;
            self.inbound.discard();
        } else {
            self.end_session();
        }
    }

    fn publish_received(&mut self, publish: &Publish<'_>) {
        let received = match publish.delivery {
            Delivery::AtMostOnce => Received::New,
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.inbound.publish_at_least_once(packet_id)
            }
            Delivery::ExactlyOnce { packet_id, .. } => self.inbound.publish_exactly_once(packet_id),
        };
        match received {
            Received::New => self.deliver(publish),
            Received::Waiting => {}
            Received::Repeated => self.send_acknowledgements(), // [MQTT-4.3.3-2]
        }
    }

    /// Hands a new message to the application, and acknowledges it where that is our part.
    fn deliver(&mut self, publish: &Publish<'_>) {
        let qos = publish.delivery.qos();
        let manual = self.config.manual_acknowledgement;
        let token = publish.delivery.packet_id().filter(|_| manual).map(|packet_id| Token {
            qos,
            packet_id,
            epoch: self.epoch(qos),
        });
        let dup = publish.delivery.dup();
        self.events.push_back(ClientEvent::Message {
            message: Message::copied(publish),
            dup,
            token,
        });
        if let (false, Some(packet_id)) = (manual, publish.delivery.packet_id()) {
            self.inbound.acknowledge(qos, packet_id);
            self.send_acknowledgements();
        }
    }

    fn puback(&mut self, id: PacketId) -> Result<(), ServerFault> {
        let acked = self.outbound.puback(id);
        self.published(PacketType::PubAck, id, acked)
    }

    /// PUBREL answers also a PUBREC that belongs to nothing any more, so that the server can end the
    /// exchange. [MQTT-4.3.3-1] [MQTT-4.6.0-4]
    fn pubrec(&mut self, id: PacketId) -> Result<(), ServerFault> {
        match self.outbound.pubrec(id) {
            Acked::Unexpected => Err(unexpected(PacketType::PubRec, id)),
            Acked::Release | Acked::Unknown | Acked::Done(_) => {
                self.send_control(&Packet::PubRel(Ack::new(id)));
                Ok(())
            }
        }
    }

    /// PUBCOMP answers also a PUBREL for an unknown identifier. [MQTT-4.3.3-2]
    fn pubrel(&mut self, id: PacketId) {
        self.inbound.pubrel(id);
        self.send_control(&Packet::PubComp(Ack::new(id)));
        // Others may have waited for the turn of this one.
        self.send_acknowledgements();
    }

    fn pubcomp(&mut self, id: PacketId) -> Result<(), ServerFault> {
        let acked = self.outbound.pubcomp(id);
        self.published(PacketType::PubComp, id, acked)
    }

    fn suback(&mut self, suback: &SubAck<'_>) -> Result<(), ServerFault> {
        let id = suback.packet_id;
        match self.outbound.suback(id, suback.reason_codes.len()) {
            Acked::Done(Key::Subscribe(handle)) => {
                let reason_codes = Some(suback.reason_codes.iter().collect());
                self.events.push_back(ClientEvent::Subscribed { handle, reason_codes });
                Ok(())
            }
            Acked::Unknown => Ok(()),
            _ => Err(unexpected(PacketType::SubAck, id)),
        }
    }

    fn unsuback(&mut self, id: PacketId) -> Result<(), ServerFault> {
        match self.outbound.unsuback(id) {
            Acked::Done(Key::Unsubscribe(handle)) => {
                self.events.push_back(ClientEvent::Unsubscribed { handle, acknowledged: true });
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
        id: PacketId,
        acked: Acked<Key>,
    ) -> Result<(), ServerFault> {
        match acked {
            Acked::Done(Key::Publish(handle)) => {
                let outcome = PublishOutcome::Acknowledged;
                self.events.push_back(ClientEvent::Published { handle, outcome });
                self.signal_transmit();
                Ok(())
            }
            Acked::Unknown => Ok(()),
            _ => Err(unexpected(packet, id)),
        }
    }

    fn send_control(&mut self, packet: &Packet<'_>) {
        if let Some(link) = self.state.link_mut() {
            link.send(packet);
        }
        self.signal_transmit();
    }
}

fn unexpected(packet: PacketType, packet_id: PacketId) -> ServerFault {
    ServerFault::UnexpectedAcknowledgement { packet, packet_id }
}
