//! `mqtt-protocol-core`: decodes packet bodies to packets that own their strings, encodes to a
//! list of slices.
//!
//! The `parse` functions are called directly; `PacketBuilder` or a `Connection` in front of them
//! would copy every packet once more. `to_buffers` and the copy of its slices are faster than
//! `to_continuous_buffer`, which grows a vector step by step.

use std::hint::black_box;

use ::mqtt_protocol_core::mqtt::Arc;
use ::mqtt_protocol_core::mqtt::packet::{
    ContentType, DecodeResult, GenericPacketTrait, MessageExpiryInterval, Packet, PayloadFormat,
    PayloadFormatIndicator, Qos, SubEntry, SubOpts, UserProperty, VariableByteInteger, v3_1_1,
    v5_0,
};
use ::mqtt_protocol_core::mqtt::result_code::{MqttError, SubackReturnCode};

use crate::codec::{Codec, LargePayloads, OUTPUT_BYTES};
use crate::framing::Input;
use crate::model::{self, Message, PacketType};
use crate::sink::Sink;

/// Splits the packet at the start of `bytes`, if it is complete, into its first byte and its
/// body, and returns its length too.
#[inline(always)]
fn split(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (remaining, prefix) = match VariableByteInteger::decode_stream(rest) {
        DecodeResult::Ok(remaining, prefix) => (remaining.to_u32() as usize, prefix),
        DecodeResult::Incomplete => return None,
        DecodeResult::Err(error) => panic!("{error}"),
    };
    let body = rest.get(prefix..prefix + remaining)?;
    Some((first, body, 1 + prefix + remaining))
}

/// MQTT 3.1.1.
pub struct V311 {
    input: Input,
    output: Vec<u8>,
}

impl Default for V311 {
    fn default() -> Self {
        Self { input: Input::default(), output: Vec::with_capacity(OUTPUT_BYTES) }
    }
}

impl Codec for V311 {
    type Packet<'a> = Packet;

    const LARGE_PAYLOADS: LargePayloads = LargePayloads::CopiedOrLeft;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input.decode(|bytes| {
            let (first, body, length) = split(bytes)?;
            decode(first, body, sink);
            Some(length)
        })
    }

    fn packet(message: &Message) -> Option<Packet> {
        Some(packet(message).expect("valid packet"))
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut Packet) {
        for part in packet.to_buffers() {
            self.output.extend_from_slice(&part);
        }
    }

    fn encode_header_over(&mut self, packet: &mut Packet) {
        black_box(packet.to_buffers());
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.clone()
    }
}

fn packet(message: &Message) -> Result<Packet, MqttError> {
    Ok(match message {
        Message::Connect(c) => {
            let mut builder = v3_1_1::Connect::builder()
                .client_id(c.client_id)?
                .clean_session(c.clean_session)
                .keep_alive(c.keep_alive);
            if let Some(will) = c.will {
                builder = builder.will_message(
                    will.topic,
                    will.message.to_vec(),
                    qos(will.qos),
                    will.retain,
                )?;
            }
            if let Some(user_name) = c.user_name {
                builder = builder.user_name(user_name)?;
            }
            if let Some(password) = c.password {
                builder = builder.password(password.to_vec())?;
            }
            builder.build()?.into()
        }
        Message::Publish(p) => {
            let mut builder = v3_1_1::Publish::builder()
                .topic_name(p.topic.as_str())?
                .qos(qos(p.qos))
                .payload(p.payload.as_slice());
            if p.qos > 0 {
                builder = builder.packet_id(p.id);
            }
            builder.build()?.into()
        }
        Message::Ack(PacketType::Puback, id) => {
            v3_1_1::Puback::builder().packet_id(*id).build()?.into()
        }
        Message::Ack(PacketType::Pubrec, id) => {
            v3_1_1::Pubrec::builder().packet_id(*id).build()?.into()
        }
        Message::Ack(PacketType::Pubrel, id) => {
            v3_1_1::Pubrel::builder().packet_id(*id).build()?.into()
        }
        Message::Ack(_, id) => v3_1_1::Pubcomp::builder().packet_id(*id).build()?.into(),
        Message::Subscribe { id, filters } => {
            let entries = filters
                .iter()
                .map(|(filter, level)| {
                    SubEntry::new(filter.as_str(), SubOpts::new().set_qos(qos(*level)))
                })
                .collect::<Result<Vec<_>, _>>()?;
            v3_1_1::Subscribe::builder().packet_id(*id).entries(entries).build()?.into()
        }
        Message::Suback { id, codes } => {
            let codes = codes
                .iter()
                .map(|code| SubackReturnCode::try_from(*code))
                .collect::<Result<_, _>>()
                .expect("valid return codes");
            v3_1_1::Suback::builder().packet_id(*id).return_codes(codes).build()?.into()
        }
        Message::Unsubscribe { id, filters } => v3_1_1::Unsubscribe::builder()
            .packet_id(*id)
            .entries(filters.iter().map(String::as_str))?
            .build()?
            .into(),
        Message::Pingreq => v3_1_1::Pingreq::new().into(),
    })
}

fn qos(level: u8) -> Qos {
    Qos::try_from(level).expect("a QoS of 0 to 2")
}

#[inline(always)]
fn decode(first: u8, body: &[u8], sink: &mut impl Sink) {
    match first >> 4 {
        1 => visit_connect(parsed(&v3_1_1::Connect::parse(body)), sink),
        3 => {
            let publish = v3_1_1::Publish::parse(first & 0x0F, Arc::from(body));
            let p = parsed(&publish);
            let id = p.packet_id().unwrap_or(0);
            let topic = p.topic_name().as_bytes();
            let payload = p.payload().as_slice();
            sink.publish(p.qos() as u8, p.dup(), p.retain(), id, topic, payload);
        }
        4 => {
            let id = parsed(&v3_1_1::Puback::parse(body)).packet_id();
            sink.identified(PacketType::Puback, id);
        }
        5 => {
            let id = parsed(&v3_1_1::Pubrec::parse(body)).packet_id();
            sink.identified(PacketType::Pubrec, id);
        }
        6 => {
            let id = parsed(&v3_1_1::Pubrel::parse(body)).packet_id();
            sink.identified(PacketType::Pubrel, id);
        }
        7 => {
            let id = parsed(&v3_1_1::Pubcomp::parse(body)).packet_id();
            sink.identified(PacketType::Pubcomp, id);
        }
        8 => {
            let subscribe = v3_1_1::Subscribe::parse(body);
            sink.identified(PacketType::Subscribe, parsed(&subscribe).packet_id());
            for entry in parsed(&subscribe).entries() {
                sink.filter(entry.topic_filter(), entry.sub_opts().qos() as u8);
            }
        }
        9 => {
            let suback = v3_1_1::Suback::parse(body);
            sink.identified(PacketType::Suback, parsed(&suback).packet_id());
            for code in parsed(&suback).return_codes() {
                sink.number(code as u32);
            }
        }
        10 => {
            let unsubscribe = v3_1_1::Unsubscribe::parse(body);
            sink.identified(PacketType::Unsubscribe, parsed(&unsubscribe).packet_id());
            for entry in parsed(&unsubscribe).entries() {
                sink.bytes(entry.as_str().as_bytes());
            }
        }
        12 => {
            parsed(&v3_1_1::Pingreq::parse(body));
            sink.packet(PacketType::Pingreq);
        }
        other => unreachable!("packet type {other} is not in the workload"),
    }
}

/// The packet that a `parse` function returned.
#[inline(always)]
fn parsed<T>(result: &Result<(T, usize), MqttError>) -> &T {
    &result.as_ref().expect("valid packet").0
}

#[inline(always)]
fn visit_connect(c: &v3_1_1::Connect, sink: &mut impl Sink) {
    sink.connect(model::Connect {
        keep_alive: c.keep_alive(),
        clean_session: c.clean_session(),
        client_id: c.client_id(),
        will: c.will_topic().zip(c.will_payload()).map(|(topic, message)| model::Will {
            qos: c.will_qos() as u8,
            retain: c.will_retain(),
            topic,
            message,
        }),
        user_name: c.user_name(),
        password: c.password(),
    });
}

/// MQTT 5.0.
pub struct V5 {
    input: Input,
    output: Vec<u8>,
}

impl Default for V5 {
    fn default() -> Self {
        Self { input: Input::default(), output: Vec::with_capacity(OUTPUT_BYTES) }
    }
}

impl Codec for V5 {
    type Packet<'a> = v5_0::Publish;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input.decode(|bytes| {
            let (first, body, length) = split(bytes)?;
            assert_eq!(first >> 4, 3, "only PUBLISH is in the workload");
            let publish = v5_0::Publish::parse(first & 0x0F, Arc::from(body));
            visit_v5(parsed(&publish), sink);
            Some(length)
        })
    }

    fn packet(message: &Message) -> Option<v5_0::Publish> {
        match message {
            Message::Publish(publish) => Some(publish_v5(publish).expect("valid packet")),
            _ => None,
        }
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut v5_0::Publish) {
        for part in packet.to_buffers() {
            self.output.extend_from_slice(&part);
        }
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.clone()
    }
}

fn publish_v5(p: &model::Publish) -> Result<v5_0::Publish, MqttError> {
    let properties = p
        .properties
        .iter()
        .map(|property| {
            Ok(match *property {
                model::Property::PayloadFormat(value) => {
                    PayloadFormatIndicator::new(match value {
                        0 => PayloadFormat::Binary,
                        _ => PayloadFormat::String,
                    })?
                    .into()
                }
                model::Property::MessageExpiry(value) => MessageExpiryInterval::new(value)?.into(),
                model::Property::ContentType(value) => ContentType::new(value)?.into(),
                model::Property::User(name, value) => UserProperty::new(name, value)?.into(),
            })
        })
        .collect::<Result<Vec<_>, MqttError>>()?;
    let mut builder = v5_0::Publish::builder()
        .topic_name(p.topic.as_str())?
        .qos(qos(p.qos))
        .props(properties)
        .payload(p.payload.as_slice());
    if p.qos > 0 {
        builder = builder.packet_id(p.id);
    }
    builder.build()
}

#[inline(always)]
fn visit_v5(p: &v5_0::Publish, sink: &mut impl Sink) {
    use ::mqtt_protocol_core::mqtt::packet::Property;

    let id = p.packet_id().unwrap_or(0);
    let topic = p.topic_name().as_bytes();
    let payload = p.payload().as_slice();
    sink.publish(p.qos() as u8, p.dup(), p.retain(), id, topic, payload);
    for property in p.props() {
        sink.property(match property {
            Property::PayloadFormatIndicator(p) => model::Property::PayloadFormat(p.val()),
            Property::MessageExpiryInterval(p) => model::Property::MessageExpiry(p.val()),
            Property::ContentType(p) => model::Property::ContentType(p.val()),
            Property::UserProperty(p) => model::Property::User(p.key(), p.val()),
            other => unreachable!("{other:?} is not in the workload"),
        });
    }
    sink.end_of_properties();
}
