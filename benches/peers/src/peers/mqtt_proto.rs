//! `mqtt-proto`: decodes from a slice to packets that own everything, encodes each packet into a
//! vector of its own.
//!
//! It has three ways to decode. This is the fastest of them; `Packet::decode` and `PollPacket`
//! run the asynchronous decoder.

use std::fmt::Debug;
use std::hint::black_box;

use ::mqtt_proto::{
    Error, Pid, PollHeader, Protocol, QoS, QosPid, TopicFilter, TopicName, total_len, v3, v5,
};

use crate::codec::{Codec, OUTPUT_BYTES};
use crate::framing::Input;
use crate::model::{self, Message, PacketType, Property};
use crate::sink::Sink;

/// Decodes the packet at the start of `bytes`, if it is complete, shows it to `visit` and returns
/// its length.
#[inline(always)]
fn decode<H: PollHeader<Error: Debug> + Copy>(
    bytes: &[u8],
    header: &Result<H, H::Error>,
    visit: impl FnOnce(&H::Packet),
) -> Option<usize> {
    let header = match header {
        Ok(header) => *header,
        Err(error) if H::is_eof_error(error) => return None,
        Err(error) => panic!("{error:?}"),
    };
    let length = total_len(header.remaining_len()).expect("valid length");
    let body = bytes.get(length - header.remaining_len()..length)?;
    if let Some(packet) = header.build_empty_packet() {
        visit(&packet);
    } else {
        match &header.decode_buffer(body, &mut 0) {
            Ok(packet) => visit(packet),
            Err(error) => panic!("{error:?}"),
        }
    }
    Some(length)
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
    type Packet<'a> = v3::Packet;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input
            .decode(|bytes| decode(bytes, &v3::Header::decode(bytes), |packet| visit(packet, sink)))
    }

    fn packet(message: &Message) -> Option<v3::Packet> {
        Some(packet(message).expect("valid packet"))
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut v3::Packet) {
        let encoded = packet.encode().expect("encodable packet");
        self.output.extend_from_slice(encoded.as_ref());
    }

    // A single packet is complete in the vector that it comes in.
    fn encode_over(&mut self, packet: &mut v3::Packet) {
        black_box(packet.encode().expect("encodable packet"));
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.clone()
    }
}

fn packet(message: &Message) -> Result<v3::Packet, Error> {
    Ok(match message {
        Message::Connect(c) => v3::Packet::Connect(v3::Connect {
            protocol: Protocol::V311,
            clean_session: c.clean_session,
            keep_alive: c.keep_alive,
            client_id: c.client_id.into(),
            last_will: match c.will {
                Some(will) => Some(v3::LastWill {
                    qos: QoS::from_u8(will.qos)?,
                    retain: will.retain,
                    topic_name: TopicName::try_from(will.topic)?,
                    message: will.message.to_vec().into(),
                }),
                None => None,
            },
            username: c.user_name.map(Into::into),
            password: c.password.map(|password| password.to_vec().into()),
        }),
        Message::Publish(p) => v3::Packet::Publish(v3::Publish::new(
            qos_pid(p)?,
            TopicName::try_from(p.topic.as_str())?,
            p.payload.clone().into(),
        )),
        Message::Ack(packet_type, id) => {
            let id = Pid::try_from(*id)?;
            match packet_type {
                PacketType::Puback => v3::Packet::Puback(id),
                PacketType::Pubrec => v3::Packet::Pubrec(id),
                PacketType::Pubrel => v3::Packet::Pubrel(id),
                _ => v3::Packet::Pubcomp(id),
            }
        }
        Message::Subscribe { id, filters } => v3::Packet::Subscribe(v3::Subscribe::new(
            Pid::try_from(*id)?,
            filters
                .iter()
                .map(|(filter, level)| {
                    Ok((TopicFilter::try_from(filter.as_str())?, QoS::from_u8(*level)?))
                })
                .collect::<Result<_, Error>>()?,
        )),
        Message::Suback { id, codes } => v3::Packet::Suback(v3::Suback::new(
            Pid::try_from(*id)?,
            codes
                .iter()
                .map(|code| v3::SubscribeReturnCode::from_u8(*code))
                .collect::<Result<_, Error>>()?,
        )),
        Message::Unsubscribe { id, filters } => v3::Packet::Unsubscribe(v3::Unsubscribe::new(
            Pid::try_from(*id)?,
            filters
                .iter()
                .map(|filter| TopicFilter::try_from(filter.as_str()))
                .collect::<Result<_, Error>>()?,
        )),
        Message::Pingreq => v3::Packet::Pingreq,
    })
}

fn qos_pid(p: &model::Publish) -> Result<QosPid, Error> {
    Ok(match p.qos {
        0 => QosPid::Level0,
        1 => QosPid::Level1(Pid::try_from(p.id)?),
        _ => QosPid::Level2(Pid::try_from(p.id)?),
    })
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
                topic: &*will.topic_name as &str,
                message: &will.message,
            }),
            user_name: c.username.as_deref(),
            password: c.password.as_deref(),
        }),
        v3::Packet::Publish(p) => {
            let qos = p.qos_pid.qos() as u8;
            let id = p.qos_pid.pid().map_or(0, Pid::value);
            let topic = p.topic_name.as_bytes();
            sink.publish(qos, p.dup, p.retain, id, topic, &p.payload);
        }
        v3::Packet::Puback(id) => sink.identified(PacketType::Puback, id.value()),
        v3::Packet::Pubrec(id) => sink.identified(PacketType::Pubrec, id.value()),
        v3::Packet::Pubrel(id) => sink.identified(PacketType::Pubrel, id.value()),
        v3::Packet::Pubcomp(id) => sink.identified(PacketType::Pubcomp, id.value()),
        v3::Packet::Subscribe(s) => {
            sink.identified(PacketType::Subscribe, s.pid.value());
            for (filter, qos) in &s.topics {
                sink.filter(&**filter as &str, *qos as u8);
            }
        }
        v3::Packet::Suback(s) => {
            sink.identified(PacketType::Suback, s.pid.value());
            for code in &s.topics {
                sink.number(match code {
                    v3::SubscribeReturnCode::MaxLevel0 => 0,
                    v3::SubscribeReturnCode::MaxLevel1 => 1,
                    v3::SubscribeReturnCode::MaxLevel2 => 2,
                    v3::SubscribeReturnCode::Failure => 0x80,
                });
            }
        }
        v3::Packet::Unsubscribe(u) => {
            sink.identified(PacketType::Unsubscribe, u.pid.value());
            for filter in &u.topics {
                sink.bytes(filter.as_bytes());
            }
        }
        v3::Packet::Pingreq => sink.packet(PacketType::Pingreq),
        other => unreachable!("{other:?} is not in the workload"),
    }
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
    type Packet<'a> = v5::Packet;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input.decode(|bytes| {
            decode(bytes, &v5::Header::decode(bytes), |packet| match packet {
                v5::Packet::Publish(publish) => visit_v5(publish, sink),
                other => unreachable!("{other:?} is not in the workload"),
            })
        })
    }

    fn packet(message: &Message) -> Option<v5::Packet> {
        let Message::Publish(p) = message else {
            return None;
        };
        let mut publish = v5::Publish::new(
            qos_pid(p).expect("valid packet identifier"),
            TopicName::try_from(p.topic.as_str()).expect("valid topic"),
            p.payload.clone().into(),
        );
        let properties = &mut publish.properties;
        for property in &p.properties {
            match *property {
                Property::PayloadFormat(value) => properties.payload_is_utf8 = Some(value == 1),
                Property::MessageExpiry(value) => properties.message_expiry_interval = Some(value),
                Property::ContentType(value) => properties.content_type = Some(value.into()),
                Property::User(name, value) => properties
                    .user_properties
                    .push(v5::UserProperty { name: name.into(), value: value.into() }),
            }
        }
        Some(v5::Packet::Publish(publish))
    }

    fn clear(&mut self) {
        self.output.clear();
    }

    fn encode(&mut self, packet: &mut v5::Packet) {
        let encoded = packet.encode().expect("encodable packet");
        self.output.extend_from_slice(encoded.as_ref());
    }

    // A single packet is complete in the vector that it comes in.
    fn encode_over(&mut self, packet: &mut v5::Packet) {
        black_box(packet.encode().expect("encodable packet"));
    }

    fn output(&mut self) -> Vec<u8> {
        self.output.clone()
    }
}

#[inline(always)]
fn visit_v5(p: &v5::Publish, sink: &mut impl Sink) {
    let qos = p.qos_pid.qos() as u8;
    let id = p.qos_pid.pid().map_or(0, Pid::value);
    let topic = p.topic_name.as_bytes();
    sink.publish(qos, p.dup, p.retain, id, topic, &p.payload);
    let properties = &p.properties;
    if let Some(value) = properties.payload_is_utf8 {
        sink.property(Property::PayloadFormat(value.into()));
    }
    if let Some(value) = properties.message_expiry_interval {
        sink.property(Property::MessageExpiry(value));
    }
    if let Some(value) = &properties.content_type {
        sink.property(Property::ContentType(value));
    }
    for property in &properties.user_properties {
        sink.property(Property::User(&property.name, &property.value));
    }
    sink.end_of_properties();
}
