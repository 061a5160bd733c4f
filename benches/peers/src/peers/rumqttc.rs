//! `rumqttc`, its `mqttbytes` modules: as the crate `mqttbytes`, but the topic of an MQTT 5.0
//! PUBLISH is a `Bytes`.

use ::rumqttc::mqttbytes::{Error, Protocol, QoS, v4};
use ::rumqttc::v5::mqttbytes::{Error as ErrorV5, QoS as QoSV5, v5};
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
            match &v4::Packet::read(&mut self.input, MAX_PACKET) {
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
        packet.write(&mut self.output, MAX_PACKET).expect("encodable packet");
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
            match &v5::Packet::read(&mut self.input, None) {
                Ok(v5::Packet::Publish(publish)) => visit_v5(publish, sink),
                Ok(other) => unreachable!("{other:?} is not in the workload"),
                Err(ErrorV5::InsufficientBytes(_)) => return packets,
                Err(error) => panic!("{error}"),
            }
            packets += 1;
        }
    }

    fn packet(message: &Message) -> Option<v5::Publish> {
        let Message::Publish(p) = message else {
            return None;
        };
        let mut properties = v5::PublishProperties::default();
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
        let qos = match p.qos {
            0 => QoSV5::AtMostOnce,
            1 => QoSV5::AtLeastOnce,
            _ => QoSV5::ExactlyOnce,
        };
        let mut publish =
            v5::Publish::new(p.topic.as_str(), qos, p.payload.clone(), Some(properties));
        publish.pkid = p.id;
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
    sink.publish(p.qos as u8, p.dup, p.retain, p.pkid, &p.topic, &p.payload);
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
