//! `mqttbytes`: decodes from a `BytesMut` to packets that share the payload with it and own
//! their strings, encodes into a `BytesMut`.

use ::mqttbytes::{Error, Protocol, QoS, v4, v5};
use bytes::BytesMut;

use super::v4::v4_packets;
use crate::codec::{Codec, OUTPUT_BYTES};
use crate::model::{self, Message, PacketType, Property};
use crate::sink::Sink;

const MAX_PACKET: usize = 1 << 20;

v4_packets!();

/// MQTT 3.1.1.
pub struct V311 {
    input: BytesMut,
    output: BytesMut,
}

impl Default for V311 {
    fn default() -> Self {
        Self { input: BytesMut::new(), output: BytesMut::with_capacity(OUTPUT_BYTES) }
    }
}

impl Codec for V311 {
    type Packet<'a> = v4::Packet;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        let mut packets = 0;
        loop {
            match &v4::read(&mut self.input, MAX_PACKET) {
                Ok(packet) => visit(packet, sink),
                Err(Error::InsufficientBytes(_)) => return packets,
                Err(error) => panic!("{error}"),
            }
            packets += 1;
        }
    }

    fn packet(message: &Message) -> Option<v4::Packet> {
        packet(message)
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut v4::Packet) {
        match packet {
            v4::Packet::Connect(p) => p.write(&mut self.output),
            v4::Packet::Publish(p) => p.write(&mut self.output),
            v4::Packet::PubAck(p) => p.write(&mut self.output),
            v4::Packet::PubRec(p) => p.write(&mut self.output),
            v4::Packet::PubRel(p) => p.write(&mut self.output),
            v4::Packet::PubComp(p) => p.write(&mut self.output),
            v4::Packet::Subscribe(p) => p.write(&mut self.output),
            v4::Packet::SubAck(p) => p.write(&mut self.output),
            v4::Packet::Unsubscribe(p) => p.write(&mut self.output),
            v4::Packet::PingReq => v4::PingReq.write(&mut self.output),
            other => unreachable!("{other:?} is not in the workload"),
        }
        .expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.to_vec()
    }
}

/// MQTT 5.0.
pub struct V5 {
    input: BytesMut,
    output: BytesMut,
}

impl Default for V5 {
    fn default() -> Self {
        Self { input: BytesMut::new(), output: BytesMut::with_capacity(OUTPUT_BYTES) }
    }
}

impl Codec for V5 {
    type Packet<'a> = v5::Publish;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        let mut packets = 0;
        loop {
            match &v5::read(&mut self.input, MAX_PACKET) {
                Ok(v5::Packet::Publish(publish)) => visit_v5(publish, sink),
                Ok(other) => unreachable!("{other:?} is not in the workload"),
                Err(Error::InsufficientBytes(_)) => return packets,
                Err(error) => panic!("{error}"),
            }
            packets += 1;
        }
    }

    fn packet(message: &Message) -> Option<v5::Publish> {
        let Message::Publish(p) = message else {
            return None;
        };
        let mut publish = v5::Publish::new(p.topic.as_str(), qos(p.qos), p.payload.as_slice());
        publish.pkid = p.id;
        let mut properties = v5::PublishProperties {
            payload_format_indicator: None,
            message_expiry_interval: None,
            topic_alias: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
            subscription_identifiers: Vec::new(),
            content_type: None,
        };
        for property in &p.properties {
            match *property {
                Property::PayloadFormat(value) => properties.payload_format_indicator = Some(value),
                Property::MessageExpiry(value) => properties.message_expiry_interval = Some(value),
                Property::ContentType(value) => properties.content_type = Some(value.into()),
                Property::User(name, value) => {
                    properties.user_properties.push((name.into(), value.into()));
                }
            }
        }
        publish.properties = Some(properties);
        Some(publish)
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut v5::Publish) {
        packet.write(&mut self.output).expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.to_vec()
    }
}

#[inline(always)]
fn visit_v5(p: &v5::Publish, sink: &mut impl Sink) {
    let topic = p.topic.as_bytes();
    sink.publish(p.qos as u8, p.dup, p.retain, p.pkid, topic, &p.payload);
    if let Some(properties) = &p.properties {
        if let Some(value) = properties.payload_format_indicator {
            sink.property(Property::PayloadFormat(value));
        }
        if let Some(value) = properties.message_expiry_interval {
            sink.property(Property::MessageExpiry(value));
        }
        if let Some(value) = &properties.content_type {
            sink.property(Property::ContentType(value));
        }
        for (name, value) in &properties.user_properties {
            sink.property(Property::User(name, value));
        }
    }
    sink.end_of_properties();
}
