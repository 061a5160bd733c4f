//! `mqtt5-protocol`: decodes from any `Buf` to packets that own their strings, encodes into any
//! `BufMut`.

use ::mqtt5_protocol::packet::connect::ConnectPacket;
use ::mqtt5_protocol::packet::puback::PubAckPacket;
use ::mqtt5_protocol::packet::pubcomp::PubCompPacket;
use ::mqtt5_protocol::packet::publish::PublishPacket;
use ::mqtt5_protocol::packet::pubrec::PubRecPacket;
use ::mqtt5_protocol::packet::pubrel::PubRelPacket;
use ::mqtt5_protocol::packet::suback::{SubAckPacket, SubAckReasonCode};
use ::mqtt5_protocol::packet::subscribe::SubscribePacket;
use ::mqtt5_protocol::packet::unsubscribe::UnsubscribePacket;
use ::mqtt5_protocol::packet::{MqttPacket, pingreq::PingReqPacket};
use ::mqtt5_protocol::{
    ConnectOptions, FixedHeader, Packet, PropertyId, PropertyValue, QoS, WillMessage,
    time::Duration,
};
use bytes::{Bytes, BytesMut};

use crate::codec::{Codec, OUTPUT_BYTES};
use crate::framing::packet_len;
use crate::model::{self, Message, PacketType, Property};
use crate::sink::Sink;

/// The versions, as they stand in CONNECT.
const V311_LEVEL: u8 = 4;
const V5_LEVEL: u8 = 5;

/// MQTT 3.1.1.
pub type V311 = Both<V311_LEVEL>;

/// MQTT 5.0.
pub type V5 = Both<V5_LEVEL>;

/// Either version.
pub struct Both<const LEVEL: u8> {
    input: BytesMut,
    output: Vec<u8>,
}

impl<const LEVEL: u8> Default for Both<LEVEL> {
    fn default() -> Self {
        Self { input: BytesMut::new(), output: Vec::with_capacity(OUTPUT_BYTES) }
    }
}

impl<const LEVEL: u8> Codec for Both<LEVEL> {
    type Packet<'a> = Packet;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    // The decoder takes what is left of its input for the payload, so it needs to be given one
    // packet at a time.
    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        let mut packets = 0;
        while let Some(length) = packet_len(&self.input) {
            let mut packet = self.input.split_to(length).freeze();
            let header = FixedHeader::decode(&mut packet).expect("valid packet");
            let packet = Packet::decode_from_body_with_version(
                header.packet_type,
                &header,
                &mut packet,
                LEVEL,
            );
            visit(packet.as_ref().expect("valid packet"), sink);
            packets += 1;
        }
        packets
    }

    fn packet(message: &Message) -> Option<Packet> {
        packet(message, LEVEL)
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut Packet) {
        let out = &mut self.output;
        match packet {
            Packet::Connect(p) => p.encode(out),
            Packet::Publish(p) => publish_into(p, out),
            Packet::PubAck(p) => p.encode(out),
            Packet::PubRec(p) => p.encode(out),
            Packet::PubRel(p) => p.encode(out),
            Packet::PubComp(p) => p.encode(out),
            Packet::Subscribe(p) => p.encode(out),
            Packet::SubAck(p) => p.encode(out),
            Packet::Unsubscribe(p) => p.encode(out),
            Packet::PingReq => PingReqPacket::default().encode(out),
            other => unreachable!("{} is not in the workload", other.packet_type_name()),
        }
        .expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.clone()
    }
}

/// As `MqttPacket::encode`, but without its intermediate copy of the body; only PUBLISH has this.
fn publish_into(p: &PublishPacket, out: &mut Vec<u8>) -> ::mqtt5_protocol::Result<()> {
    let remaining = u32::try_from(p.body_encoded_size()).expect("a short packet");
    FixedHeader::new(p.packet_type(), p.flags(), remaining).encode(out)?;
    p.encode_body_direct(out)
}

fn packet(message: &Message, level: u8) -> Option<Packet> {
    Some(match message {
        Message::Connect(c) => {
            let mut options = ConnectOptions::new(c.client_id)
                .with_clean_start(c.clean_session)
                .with_keep_alive(Duration::from_secs(c.keep_alive.into()));
            options.will = c.will.map(|will| {
                WillMessage::new(will.topic, will.message)
                    .with_qos(will.qos.into())
                    .with_retain(will.retain)
            });
            options.username = c.user_name.map(Into::into);
            options.password = c.password.map(Into::into);
            Packet::Connect(Box::new(ConnectPacket::new_v311(options)))
        }
        Message::Publish(p) => {
            let payload = Bytes::copy_from_slice(&p.payload);
            let mut publish = PublishPacket::new(p.topic.as_str(), payload, QoS::from(p.qos))
                .with_packet_id(p.id);
            publish.protocol_version = level;
            for property in &p.properties {
                let properties = &mut publish.properties;
                match *property {
                    Property::PayloadFormat(value) => {
                        properties.set_payload_format_indicator(value == 1);
                    }
                    Property::MessageExpiry(value) => properties.set_message_expiry_interval(value),
                    Property::ContentType(value) => properties.set_content_type(value.into()),
                    Property::User(name, value) => {
                        properties.add_user_property(name.into(), value.into());
                    }
                }
            }
            Packet::Publish(publish)
        }
        Message::Ack(PacketType::Puback, id) => Packet::PubAck(PubAckPacket::new(*id)),
        Message::Ack(PacketType::Pubrec, id) => Packet::PubRec(PubRecPacket::new(*id)),
        Message::Ack(PacketType::Pubrel, id) => Packet::PubRel(PubRelPacket::new(*id)),
        Message::Ack(PacketType::Pubcomp, id) => Packet::PubComp(PubCompPacket::new(*id)),
        Message::Ack(..) => return None,
        Message::Subscribe { id, filters } => Packet::Subscribe(
            filters.iter().fold(SubscribePacket::new_v311(*id), |packet, (filter, qos)| {
                packet.add_filter(filter.as_str(), QoS::from(*qos))
            }),
        ),
        Message::Suback { id, codes } => {
            let mut suback = SubAckPacket::new_v311(*id);
            suback.reason_codes = codes
                .iter()
                .map(|code| SubAckReasonCode::from_u8(*code).expect("valid return code"))
                .collect();
            Packet::SubAck(suback)
        }
        Message::Unsubscribe { id, filters } => {
            let mut unsubscribe = UnsubscribePacket::new_v311(*id);
            unsubscribe.filters.clone_from(filters);
            Packet::Unsubscribe(unsubscribe)
        }
        Message::Pingreq => Packet::PingReq,
    })
}

#[inline(always)]
fn visit(packet: &Packet, sink: &mut impl Sink) {
    match packet {
        Packet::Connect(c) => sink.connect(model::Connect {
            keep_alive: c.keep_alive,
            clean_session: c.clean_start,
            client_id: &c.client_id,
            will: c.will.as_ref().map(|will| model::Will {
                qos: will.qos as u8,
                retain: will.retain,
                topic: &will.topic,
                message: &will.payload,
            }),
            user_name: c.username.as_deref(),
            password: c.password.as_deref(),
        }),
        Packet::Publish(p) => {
            let id = p.packet_id.unwrap_or(0);
            let topic = p.topic_name.as_bytes();
            sink.publish(p.qos as u8, p.dup, p.retain, id, topic, &p.payload);
            visit_properties(p, sink);
        }
        Packet::PubAck(ack) => sink.identified(PacketType::Puback, ack.packet_id),
        Packet::PubRec(ack) => sink.identified(PacketType::Pubrec, ack.packet_id),
        Packet::PubRel(ack) => sink.identified(PacketType::Pubrel, ack.packet_id),
        Packet::PubComp(ack) => sink.identified(PacketType::Pubcomp, ack.packet_id),
        Packet::Subscribe(s) => {
            sink.identified(PacketType::Subscribe, s.packet_id);
            for filter in &s.filters {
                sink.filter(&filter.filter, filter.options.qos as u8);
            }
        }
        Packet::SubAck(s) => {
            sink.identified(PacketType::Suback, s.packet_id);
            for code in &s.reason_codes {
                sink.number(*code as u32);
            }
        }
        Packet::Unsubscribe(u) => {
            sink.identified(PacketType::Unsubscribe, u.packet_id);
            for filter in &u.filters {
                sink.bytes(filter.as_bytes());
            }
        }
        Packet::PingReq => sink.packet(PacketType::Pingreq),
        other => unreachable!("{} is not in the workload", other.packet_type_name()),
    }
}

#[inline(always)]
fn visit_properties(p: &PublishPacket, sink: &mut impl Sink) {
    for (id, value) in p.properties.iter() {
        sink.property(match (id, value) {
            (PropertyId::PayloadFormatIndicator, PropertyValue::Byte(value)) => {
                Property::PayloadFormat(*value)
            }
            (PropertyId::MessageExpiryInterval, PropertyValue::FourByteInteger(value)) => {
                Property::MessageExpiry(*value)
            }
            (PropertyId::ContentType, PropertyValue::Utf8String(value)) => {
                Property::ContentType(value)
            }
            (PropertyId::UserProperty, PropertyValue::Utf8StringPair(name, value)) => {
                Property::User(name, value)
            }
            (other, _) => unreachable!("{other:?} is not in the workload"),
        });
    }
    sink.end_of_properties();
}
