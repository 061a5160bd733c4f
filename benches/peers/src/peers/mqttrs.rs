//! `mqttrs`: decodes from a slice to packets that borrow from it, encodes into a slice.

use ::mqttrs::{
    Connect, LastWill, Packet, Pid, Protocol, Publish, QoS, QosPid, Suback, Subscribe,
    SubscribeReturnCodes, SubscribeTopic, Unsubscribe, decode_slice, encode_slice,
};

use crate::codec::{Codec, OUTPUT_BYTES};
use crate::framing::{Input, packet_len};
use crate::model::{self, Message, PacketType};
use crate::sink::Sink;

/// MQTT 3.1.1.
pub struct V311 {
    input: Input,
    output: Vec<u8>,
    written: usize,
}

impl Default for V311 {
    fn default() -> Self {
        Self { input: Input::default(), output: vec![0; OUTPUT_BYTES], written: 0 }
    }
}

impl Codec for V311 {
    type Packet<'a> = Packet<'a>;

    fn reset(&mut self) {
        self.input.clear();
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    // `decode_slice` does not tell the length of the packet.
    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input.decode(|bytes| {
            let length = packet_len(bytes)?;
            match &decode_slice(&bytes[..length]) {
                Ok(Some(packet)) => visit(packet, sink),
                other => panic!("{other:?} instead of a packet"),
            }
            Some(length)
        })
    }

    fn packet(message: &Message) -> Option<Packet<'_>> {
        Some(match message {
            Message::Connect(c) => Packet::Connect(Connect {
                protocol: Protocol::MQTT311,
                keep_alive: c.keep_alive,
                client_id: c.client_id,
                clean_session: c.clean_session,
                last_will: c.will.map(|will| LastWill {
                    topic: will.topic,
                    message: will.message,
                    qos: qos(will.qos),
                    retain: will.retain,
                }),
                username: c.user_name,
                password: c.password,
            }),
            Message::Publish(p) => Packet::Publish(Publish {
                dup: false,
                qospid: match p.qos {
                    0 => QosPid::AtMostOnce,
                    1 => QosPid::AtLeastOnce(pid(p.id)),
                    _ => QosPid::ExactlyOnce(pid(p.id)),
                },
                retain: false,
                topic_name: &p.topic,
                payload: &p.payload,
            }),
            Message::Ack(PacketType::Puback, id) => Packet::Puback(pid(*id)),
            Message::Ack(PacketType::Pubrec, id) => Packet::Pubrec(pid(*id)),
            Message::Ack(PacketType::Pubrel, id) => Packet::Pubrel(pid(*id)),
            Message::Ack(PacketType::Pubcomp, id) => Packet::Pubcomp(pid(*id)),
            Message::Ack(..) => return None,
            Message::Subscribe { id, filters } => Packet::Subscribe(Subscribe {
                pid: pid(*id),
                topics: filters
                    .iter()
                    .map(|(filter, level)| SubscribeTopic {
                        topic_path: filter.clone(),
                        qos: qos(*level),
                    })
                    .collect(),
            }),
            Message::Suback { id, codes } => Packet::Suback(Suback {
                pid: pid(*id),
                return_codes: codes
                    .iter()
                    .map(|code| match code {
                        0x80 => SubscribeReturnCodes::Failure,
                        level => SubscribeReturnCodes::Success(qos(*level)),
                    })
                    .collect(),
            }),
            Message::Unsubscribe { id, filters } => {
                Packet::Unsubscribe(Unsubscribe { pid: pid(*id), topics: filters.clone() })
            }
            Message::Pingreq => Packet::Pingreq,
        })
    }

    fn clear(&mut self) {
        self.written = 0;
    }

    fn encode(&mut self, packet: &mut Packet<'_>) {
        self.written +=
            encode_slice(packet, &mut self.output[self.written..]).expect("encodable packet");
    }

    fn output(&mut self) -> Vec<u8> {
        self.output[..self.written].to_vec()
    }
}

fn pid(id: u16) -> Pid {
    Pid::try_from(id).expect("packet identifiers are not 0")
}

fn qos(level: u8) -> QoS {
    match level {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

#[inline(always)]
fn visit(packet: &Packet<'_>, sink: &mut impl Sink) {
    match packet {
        Packet::Connect(c) => sink.connect(model::Connect {
            keep_alive: c.keep_alive,
            clean_session: c.clean_session,
            client_id: c.client_id,
            will: c.last_will.as_ref().map(|will| model::Will {
                qos: will.qos as u8,
                retain: will.retain,
                topic: will.topic,
                message: will.message,
            }),
            user_name: c.username,
            password: c.password,
        }),
        Packet::Publish(p) => {
            let id = p.qospid.pid().map_or(0, Pid::get);
            let qos = p.qospid.qos() as u8;
            sink.publish(qos, p.dup, p.retain, id, p.topic_name.as_bytes(), p.payload);
        }
        Packet::Puback(id) => sink.identified(PacketType::Puback, id.get()),
        Packet::Pubrec(id) => sink.identified(PacketType::Pubrec, id.get()),
        Packet::Pubrel(id) => sink.identified(PacketType::Pubrel, id.get()),
        Packet::Pubcomp(id) => sink.identified(PacketType::Pubcomp, id.get()),
        Packet::Subscribe(s) => {
            sink.identified(PacketType::Subscribe, s.pid.get());
            for topic in &s.topics {
                sink.filter(&topic.topic_path, topic.qos as u8);
            }
        }
        Packet::Suback(s) => {
            sink.identified(PacketType::Suback, s.pid.get());
            for code in &s.return_codes {
                sink.number(match code {
                    SubscribeReturnCodes::Success(qos) => *qos as u32,
                    SubscribeReturnCodes::Failure => 0x80,
                });
            }
        }
        Packet::Unsubscribe(u) => {
            sink.identified(PacketType::Unsubscribe, u.pid.get());
            for topic in &u.topics {
                sink.bytes(topic.as_bytes());
            }
        }
        Packet::Pingreq => sink.packet(PacketType::Pingreq),
        other => unreachable!("{other:?} is not in the workload"),
    }
}
