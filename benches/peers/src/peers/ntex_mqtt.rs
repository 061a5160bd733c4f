//! `ntex-mqtt`: decodes from a `BytesMut` of its own to packets that share all strings and the
//! payload with it, encodes into a chain of pages.

use std::num::{NonZeroU16, NonZeroU32};

use ::ntex_mqtt::{v3::codec as v3, v5::codec as v5};
use ntex_bytes::{BytePages, ByteString, Bytes, BytesMut};
use ntex_codec::{Decoder, Encoder};

use crate::codec::{Codec, LargePayloads};
use crate::model::{self, Message, PacketType, Property};
use crate::sink::Sink;

/// The size from which on an incomplete payload is handed out, as `MqttServiceConfig` has it.
const MIN_CHUNK: u32 = 32 * 1024;

/// A packet, and the copies of it that are still to be encoded.
pub struct Prepared<T> {
    packet: T,
    copies: Vec<T>,
}

impl<T: Clone> Prepared<T> {
    fn new(packet: T) -> Self {
        Self { packet, copies: Vec::new() }
    }

    fn restore(&mut self, times: usize) {
        self.copies.resize(times, self.packet.clone());
    }

    #[inline]
    fn take(&mut self) -> T {
        self.copies.pop().expect("a prepared copy")
    }
}

/// MQTT 3.1.1.
pub struct V311 {
    codec: v3::Codec,
    /// The PUBLISH that waits for its payload.
    incomplete: Option<v3::Publish>,
    input: BytesMut,
    output: BytePages,
}

impl Default for V311 {
    fn default() -> Self {
        let codec = v3::Codec::new();
        codec.set_min_chunk_size(MIN_CHUNK);
        Self { codec, incomplete: None, input: BytesMut::new(), output: BytePages::default() }
    }
}

impl Codec for V311 {
    type Packet<'a> = Prepared<v3::Encoded>;

    const LARGE_PAYLOADS: LargePayloads = LargePayloads::Left;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        let mut packets = 0;
        loop {
            match &self.codec.decode(&mut self.input) {
                Ok(Some(v3::Decoded::Packet(packet, _))) => visit(packet, sink),
                Ok(Some(v3::Decoded::Publish(publish, payload, _))) => {
                    if payload.len() < publish.payload_size as usize {
                        self.incomplete = Some(publish.clone());
                        continue;
                    }
                    visit_publish(publish, payload, sink);
                }
                Ok(Some(v3::Decoded::PayloadChunk(payload, end))) => {
                    assert!(end, "payloads of less than {MIN_CHUNK} bytes are not split");
                    let publish = self.incomplete.take().expect("a PUBLISH before its payload");
                    visit_publish(&publish, payload, sink);
                }
                Ok(None) => return packets,
                Err(error) => panic!("{error}"),
            }
            packets += 1;
        }
    }

    fn packet(message: &Message) -> Option<Self::Packet<'_>> {
        Some(Prepared::new(match message {
            Message::Publish(p) => v3::Encoded::Publish(
                v3::Publish {
                    dup: false,
                    retain: false,
                    qos: qos(p.qos),
                    topic: p.topic.as_str().into(),
                    packet_id: NonZeroU16::new(p.id),
                    payload_size: u32::try_from(p.payload.len()).expect("a short payload"),
                },
                Some(Bytes::copy_from_slice(&p.payload)),
            ),
            other => v3::Encoded::Packet(control_packet(other)?),
        }))
    }

    fn restore(packet: &mut Self::Packet<'_>, times: usize) {
        packet.restore(times);
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut Self::Packet<'_>) {
        self.codec.encodev(packet.take(), &mut self.output).expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.freeze().to_vec()
    }
}

fn control_packet(message: &Message) -> Option<v3::Packet> {
    Some(match message {
        Message::Connect(c) => v3::Packet::Connect(Box::new(v3::Connect {
            clean_session: c.clean_session,
            keep_alive: c.keep_alive,
            last_will: c.will.map(|will| v3::LastWill {
                qos: qos(will.qos),
                retain: will.retain,
                topic: will.topic.into(),
                message: Bytes::copy_from_slice(will.message),
            }),
            client_id: c.client_id.into(),
            username: c.user_name.map(ByteString::from),
            password: c.password.map(Bytes::copy_from_slice),
        })),
        Message::Ack(packet_type, id) => {
            let packet_id = packet_id(*id);
            match packet_type {
                PacketType::Puback => v3::Packet::PublishAck { packet_id },
                PacketType::Pubrec => v3::Packet::PublishReceived { packet_id },
                PacketType::Pubrel => v3::Packet::PublishRelease { packet_id },
                PacketType::Pubcomp => v3::Packet::PublishComplete { packet_id },
                _ => return None,
            }
        }
        Message::Subscribe { id, filters } => v3::Packet::Subscribe {
            packet_id: packet_id(*id),
            topic_filters: filters
                .iter()
                .map(|(filter, level)| (filter.as_str().into(), qos(*level)))
                .collect(),
        },
        Message::Suback { id, codes } => v3::Packet::SubscribeAck {
            packet_id: packet_id(*id),
            status: codes
                .iter()
                .map(|code| match code {
                    0x80 => v3::SubscribeReturnCode::Failure,
                    level => v3::SubscribeReturnCode::Success(qos(*level)),
                })
                .collect(),
        },
        Message::Unsubscribe { id, filters } => v3::Packet::Unsubscribe {
            packet_id: packet_id(*id),
            topic_filters: filters.iter().map(|filter| filter.as_str().into()).collect(),
        },
        Message::Pingreq => v3::Packet::PingRequest,
        Message::Publish(_) => return None,
    })
}

fn packet_id(id: u16) -> NonZeroU16 {
    NonZeroU16::new(id).expect("packet identifiers are not 0")
}

fn qos(level: u8) -> v3::QoS {
    match level {
        0 => v3::QoS::AtMostOnce,
        1 => v3::QoS::AtLeastOnce,
        _ => v3::QoS::ExactlyOnce,
    }
}

#[inline(always)]
fn visit(packet: &v3::Packet, sink: &mut impl Sink) {
    match packet {
        v3::Packet::Connect(c) => sink.connect(model::Connect {
            keep_alive: c.keep_alive,
            clean_session: c.clean_session,
            client_id: &c.client_id,
            will: c.last_will.as_ref().map(|will| model::Will {
                qos: will.qos as u8,
                retain: will.retain,
                topic: &*will.topic as &str,
                message: &will.message,
            }),
            user_name: c.username.as_deref(),
            password: c.password.as_deref(),
        }),
        v3::Packet::PublishAck { packet_id } => {
            sink.identified(PacketType::Puback, packet_id.get());
        }
        v3::Packet::PublishReceived { packet_id } => {
            sink.identified(PacketType::Pubrec, packet_id.get());
        }
        v3::Packet::PublishRelease { packet_id } => {
            sink.identified(PacketType::Pubrel, packet_id.get());
        }
        v3::Packet::PublishComplete { packet_id } => {
            sink.identified(PacketType::Pubcomp, packet_id.get());
        }
        v3::Packet::Subscribe { packet_id, topic_filters } => {
            sink.identified(PacketType::Subscribe, packet_id.get());
            for (filter, qos) in topic_filters {
                sink.filter(&**filter as &str, *qos as u8);
            }
        }
        v3::Packet::SubscribeAck { packet_id, status } => {
            sink.identified(PacketType::Suback, packet_id.get());
            for code in status {
                sink.number(match code {
                    v3::SubscribeReturnCode::Success(qos) => *qos as u32,
                    v3::SubscribeReturnCode::Failure => 0x80,
                });
            }
        }
        v3::Packet::Unsubscribe { packet_id, topic_filters } => {
            sink.identified(PacketType::Unsubscribe, packet_id.get());
            for filter in topic_filters {
                sink.bytes(filter.as_bytes());
            }
        }
        v3::Packet::PingRequest => sink.packet(PacketType::Pingreq),
        other => unreachable!("{other:?} is not in the workload"),
    }
}

#[inline(always)]
fn visit_publish(p: &v3::Publish, payload: &[u8], sink: &mut impl Sink) {
    let id = p.packet_id.map_or(0, NonZeroU16::get);
    let topic = p.topic.as_bytes();
    sink.publish(p.qos as u8, p.dup, p.retain, id, topic, payload);
}

/// MQTT 5.0.
pub struct V5 {
    codec: v5::Codec,
    input: BytesMut,
    output: BytePages,
}

impl Default for V5 {
    fn default() -> Self {
        let codec = v5::Codec::new();
        codec.set_min_chunk_size(MIN_CHUNK);
        Self { codec, input: BytesMut::new(), output: BytePages::default() }
    }
}

impl Codec for V5 {
    type Packet<'a> = Prepared<v5::Encoded>;

    const LARGE_PAYLOADS: LargePayloads = LargePayloads::Left;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        let mut packets = 0;
        loop {
            match &self.codec.decode(&mut self.input) {
                Ok(Some(v5::Decoded::Publish(publish, payload, _))) => {
                    visit_v5(publish, payload, sink);
                }
                Ok(Some(other)) => unreachable!("{other:?} is not in the workload"),
                Ok(None) => return packets,
                Err(error) => panic!("{error}"),
            }
            packets += 1;
        }
    }

    fn packet(message: &Message) -> Option<Self::Packet<'_>> {
        let Message::Publish(p) = message else {
            return None;
        };
        let mut properties = v5::PublishProperties::default();
        for property in &p.properties {
            match *property {
                Property::PayloadFormat(value) => properties.is_utf8_payload = value == 1,
                Property::MessageExpiry(value) => {
                    properties.message_expiry_interval = NonZeroU32::new(value);
                }
                Property::ContentType(value) => properties.content_type = Some(value.into()),
                Property::User(name, value) => {
                    properties.user_properties.push((name.into(), value.into()));
                }
            }
        }
        let publish = v5::Publish {
            dup: false,
            retain: false,
            qos: qos(p.qos),
            packet_id: NonZeroU16::new(p.id),
            topic: p.topic.as_str().into(),
            payload_size: u32::try_from(p.payload.len()).expect("a short payload"),
            properties,
        };
        let payload = Bytes::copy_from_slice(&p.payload);
        Some(Prepared::new(v5::Encoded::Publish(publish, Some(payload))))
    }

    fn restore(packet: &mut Self::Packet<'_>, times: usize) {
        packet.restore(times);
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut Self::Packet<'_>) {
        self.codec.encodev(packet.take(), &mut self.output).expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.freeze().to_vec()
    }
}

#[inline(always)]
fn visit_v5(p: &v5::Publish, payload: &[u8], sink: &mut impl Sink) {
    let id = p.packet_id.map_or(0, NonZeroU16::get);
    let topic = p.topic.as_bytes();
    sink.publish(p.qos as u8, p.dup, p.retain, id, topic, payload);
    let properties = &p.properties;
    sink.property(Property::PayloadFormat(properties.is_utf8_payload.into()));
    if let Some(value) = properties.message_expiry_interval {
        sink.property(Property::MessageExpiry(value.get()));
    }
    if let Some(value) = &properties.content_type {
        sink.property(Property::ContentType(value));
    }
    for (name, value) in &properties.user_properties {
        sink.property(Property::User(name, value));
    }
    sink.end_of_properties();
}
