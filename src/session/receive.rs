//! What the client sends: one function for each packet.

use alloc::sync::Arc;

use bytes::Bytes;

use super::Session;
use super::error::ClientFault;
use crate::codec::Frame;
use crate::delivery::Acked;
use crate::message::Message;
use crate::message_properties::MessageProperties;
use crate::packet::{Ack, Delivery, Packet, Publish, Subscribe, Unsubscribe};
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};

/// What the server has to act on.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    /// A message, which is acknowledged.
    Publish(Arc<Message>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(Unsubscribe<'a>),
    /// The connection ends without its will.
    Disconnect,
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
        if let Packet::Disconnect(_) = packet {
            return Ok(Some(Request::Disconnect));
        }
        // Before anything is done: what was acted on is answered.
        if unsent > self.config.max_unsent_bytes {
            return Err(ClientFault::AnswersNotTaken);
        }
        Ok(match packet {
            Packet::Publish(publish) => self.publish(&publish, owned)?,
            Packet::PubAck(ack) => self.puback(ack.packet_id)?,
            Packet::PubRec(ack) => self.pubrec(ack.packet_id)?,
            Packet::PubRel(ack) => self.pubrel(ack.packet_id),
            Packet::PubComp(ack) => self.pubcomp(ack.packet_id)?,
            Packet::Subscribe(subscribe) => {
                self.check_filters(subscribe.filters.len())?;
                Some(Request::Subscribe(subscribe))
            }
            Packet::Unsubscribe(unsubscribe) => {
                self.check_filters(unsubscribe.filters.len())?;
                Some(Request::Unsubscribe(unsubscribe))
            }
            Packet::PingReq => self.pingreq(),
            // [MQTT-3.1.0-2]; nothing else may come from a client before 5.0.
            _ => return Err(ClientFault::SecondConnect),
        })
    }

    /// The acknowledgement first, then the message. At QoS 2 it waits for PUBREL.
    fn publish<'a>(
        &mut self,
        publish: &Publish<'_>,
        owned: Option<&Bytes>,
    ) -> Result<Option<Request<'a>>, ClientFault> {
        if publish.delivery.qos() > self.config.max_qos {
            return Err(ClientFault::QoSNotSupported);
        }
        let message = || Arc::new(message(publish, owned));
        match publish.delivery {
            Delivery::AtMostOnce => Ok(Some(Request::Publish(message()))),
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.send(&Packet::PubAck(Ack::new(packet_id)));
                Ok(Some(Request::Publish(message())))
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                self.unreleased.publish(packet_id, message, &self.config)?;
                self.send(&Packet::PubRec(Ack::new(packet_id)));
                Ok(None)
            }
        }
    }

    fn check_filters(&self, filters: usize) -> Result<(), ClientFault> {
        let fits = filters <= self.config.max_filters;
        if fits { Ok(()) } else { Err(ClientFault::TooManyFilters) }
    }

    fn puback<'a>(&mut self, id: PacketId) -> Result<Option<Request<'a>>, ClientFault> {
        let acked = self.outbound.puback(id);
        self.finished(PacketType::PubAck, id, acked)?;
        Ok(None)
    }

    /// PUBREL answers also a PUBREC that belongs to nothing any more, so that the client can end the
    /// exchange. [MQTT-4.3.3-1] [MQTT-4.6.0-4]
    fn pubrec<'a>(&mut self, id: PacketId) -> Result<Option<Request<'a>>, ClientFault> {
        if self.outbound.pubrec(id) == Acked::Unexpected {
            return Err(unexpected(PacketType::PubRec, id));
        }
        self.send(&Packet::PubRel(Ack::new(id)));
        Ok(None)
    }

    /// PUBCOMP answers also a PUBREL for an unknown identifier. [MQTT-4.3.3-2]
    fn pubrel<'a>(&mut self, id: PacketId) -> Option<Request<'a>> {
        self.send(&Packet::PubComp(Ack::new(id)));
        self.unreleased.release(id).map(Request::Publish)
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
}

/// The message of a PUBLISH. A payload in bytes that are ours is shared; others are copied.
fn message(publish: &Publish<'_>, owned: Option<&Bytes>) -> Message {
    match owned {
        None => Message::copied(publish),
        Some(bytes) => Message {
            topic: publish.topic.into(),
            payload: bytes.slice_ref(publish.payload),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties: MessageProperties::copied(&publish.properties),
        },
    }
}

fn unexpected(packet: PacketType, packet_id: PacketId) -> ClientFault {
    ClientFault::UnexpectedAcknowledgement { packet, packet_id }
}
