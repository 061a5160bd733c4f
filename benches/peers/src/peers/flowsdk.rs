//! `flowsdk`: decodes from a slice to packets that own everything, encodes into a `Vec<u8>`.
//!
//! Its `MqttParser` would do the same on a `BytesMut`, but takes longer.

use ::flowsdk::mqtt_serde::control_packet::{MqttControlPacket, MqttPacket};
use ::flowsdk::mqtt_serde::mqttv3::{
    connectv3, pingreqv3, pubackv3, pubcompv3, publishv3, pubrecv3, pubrelv3, subackv3,
    subscribev3, unsubscribev3,
};
use ::flowsdk::mqtt_serde::mqttv5::{self, publishv5};
use ::flowsdk::mqtt_serde::parser::{ParseOk, leveled::packet_frame_len};

use crate::codec::{Codec, OUTPUT_BYTES};
use crate::framing::Input;
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
    input: Input,
    output: Vec<u8>,
}

impl<const LEVEL: u8> Default for Both<LEVEL> {
    fn default() -> Self {
        Self { input: Input::default(), output: Vec::with_capacity(OUTPUT_BYTES) }
    }
}

impl<const LEVEL: u8> Codec for Both<LEVEL> {
    type Packet<'a> = MqttPacket;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input.decode(|bytes| {
            let length = packet_frame_len(bytes).expect("valid packet")?;
            match &MqttPacket::from_bytes_with_version(&bytes[..length], LEVEL) {
                Ok(ParseOk::Packet(packet, _)) => visit(packet, sink),
                other => panic!("{other:?}"),
            }
            Some(length)
        })
    }

    fn packet(message: &Message) -> Option<MqttPacket> {
        match LEVEL {
            V5_LEVEL => packet_v5(message),
            _ => packet_v3(message),
        }
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut MqttPacket) {
        let out = &mut self.output;
        match packet {
            MqttPacket::Connect3(p) => p.encode_to_buffer(out),
            MqttPacket::Publish3(p) => p.encode_to_buffer(out),
            MqttPacket::PubAck3(p) => p.encode_to_buffer(out),
            MqttPacket::PubRec3(p) => p.encode_to_buffer(out),
            MqttPacket::PubRel3(p) => p.encode_to_buffer(out),
            MqttPacket::PubComp3(p) => p.encode_to_buffer(out),
            MqttPacket::Subscribe3(p) => p.encode_to_buffer(out),
            MqttPacket::SubAck3(p) => p.encode_to_buffer(out),
            MqttPacket::Unsubscribe3(p) => p.encode_to_buffer(out),
            MqttPacket::PingReq3(p) => p.encode_to_buffer(out),
            MqttPacket::Publish5(p) => p.encode_to_buffer(out),
            other => unreachable!("{other:?} is not in the workload"),
        }
        .expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.clone()
    }
}

fn packet_v3(message: &Message) -> Option<MqttPacket> {
    Some(match message {
        Message::Connect(c) => {
            let mut connect =
                connectv3::MqttConnect::new(c.client_id.into(), c.keep_alive, c.clean_session);
            connect.will = c.will.map(|will| connectv3::Will {
                retain: will.retain,
                qos: will.qos,
                topic: will.topic.into(),
                message: will.message.into(),
            });
            connect.username = c.user_name.map(Into::into);
            connect.password = c.password.map(Into::into);
            MqttPacket::Connect3(connect)
        }
        Message::Publish(p) => MqttPacket::Publish3(publishv3::MqttPublish::new(
            p.topic.clone(),
            p.qos,
            p.payload.clone(),
            (p.qos > 0).then_some(p.id),
            false,
            false,
        )),
        Message::Ack(PacketType::Puback, id) => MqttPacket::PubAck3(pubackv3::MqttPubAck::new(*id)),
        Message::Ack(PacketType::Pubrec, id) => MqttPacket::PubRec3(pubrecv3::MqttPubRec::new(*id)),
        Message::Ack(PacketType::Pubrel, id) => MqttPacket::PubRel3(pubrelv3::MqttPubRel::new(*id)),
        Message::Ack(PacketType::Pubcomp, id) => {
            MqttPacket::PubComp3(pubcompv3::MqttPubComp::new(*id))
        }
        Message::Ack(..) => return None,
        Message::Subscribe { id, filters } => {
            let subscriptions = filters
                .iter()
                .map(|(filter, qos)| subscribev3::SubscriptionTopic {
                    topic_filter: filter.clone(),
                    qos: *qos,
                })
                .collect();
            MqttPacket::Subscribe3(subscribev3::MqttSubscribe::new(*id, subscriptions))
        }
        Message::Suback { id, codes } => {
            MqttPacket::SubAck3(subackv3::MqttSubAck::new(*id, codes.clone()))
        }
        Message::Unsubscribe { id, filters } => {
            MqttPacket::Unsubscribe3(unsubscribev3::MqttUnsubscribe::new(*id, filters.clone()))
        }
        Message::Pingreq => MqttPacket::PingReq3(pingreqv3::MqttPingReq::new()),
    })
}

fn packet_v5(message: &Message) -> Option<MqttPacket> {
    let Message::Publish(p) = message else {
        return None;
    };
    let properties = p.properties.iter().map(|property| match *property {
        Property::PayloadFormat(value) => mqttv5::Property::PayloadFormatIndicator(value),
        Property::MessageExpiry(value) => mqttv5::Property::MessageExpiryInterval(value),
        Property::ContentType(value) => mqttv5::Property::ContentType(value.into()),
        Property::User(name, value) => mqttv5::Property::UserProperty(name.into(), value.into()),
    });
    Some(MqttPacket::Publish5(publishv5::MqttPublish::new_with_prop(
        p.qos,
        p.topic.clone(),
        (p.qos > 0).then_some(p.id),
        p.payload.clone(),
        false,
        false,
        properties.collect(),
    )))
}

#[inline(always)]
fn visit(packet: &MqttPacket, sink: &mut impl Sink) {
    match packet {
        MqttPacket::Connect3(c) => sink.connect(model::Connect {
            keep_alive: c.keep_alive,
            clean_session: c.clean_session,
            client_id: &c.client_id,
            will: c.will.as_ref().map(|will| model::Will {
                qos: will.qos,
                retain: will.retain,
                topic: &will.topic,
                message: &will.message,
            }),
            user_name: c.username.as_deref(),
            password: c.password.as_deref(),
        }),
        MqttPacket::Publish3(p) => {
            let id = p.message_id.unwrap_or(0);
            let topic = p.topic_name.as_bytes();
            sink.publish(p.qos, p.dup, p.retain, id, topic, &p.payload);
        }
        MqttPacket::PubAck3(ack) => sink.identified(PacketType::Puback, ack.message_id),
        MqttPacket::PubRec3(ack) => sink.identified(PacketType::Pubrec, ack.message_id),
        MqttPacket::PubRel3(ack) => sink.identified(PacketType::Pubrel, ack.message_id),
        MqttPacket::PubComp3(ack) => sink.identified(PacketType::Pubcomp, ack.message_id),
        MqttPacket::Subscribe3(s) => {
            sink.identified(PacketType::Subscribe, s.message_id);
            for subscription in &s.subscriptions {
                sink.filter(&subscription.topic_filter, subscription.qos);
            }
        }
        MqttPacket::SubAck3(s) => {
            sink.identified(PacketType::Suback, s.message_id);
            for code in &s.return_codes {
                sink.number((*code).into());
            }
        }
        MqttPacket::Unsubscribe3(u) => {
            sink.identified(PacketType::Unsubscribe, u.message_id);
            for filter in &u.topic_filters {
                sink.bytes(filter.as_bytes());
            }
        }
        MqttPacket::PingReq3(_) => sink.packet(PacketType::Pingreq),
        MqttPacket::Publish5(p) => visit_v5(p, sink),
        other => unreachable!("{other:?} is not in the workload"),
    }
}

#[inline(always)]
fn visit_v5(p: &publishv5::MqttPublish, sink: &mut impl Sink) {
    let id = p.packet_id.unwrap_or(0);
    let topic = p.topic_name.as_bytes();
    sink.publish(p.qos, p.dup, p.retain, id, topic, &p.payload);
    for property in &p.properties {
        sink.property(match property {
            mqttv5::Property::PayloadFormatIndicator(value) => Property::PayloadFormat(*value),
            mqttv5::Property::MessageExpiryInterval(value) => Property::MessageExpiry(*value),
            mqttv5::Property::ContentType(value) => Property::ContentType(value),
            mqttv5::Property::UserProperty(name, value) => Property::User(name, value),
            other => unreachable!("{other:?} is not in the workload"),
        });
    }
    sink.end_of_properties();
}
