//! `mqtt-sansio`: decodes from a slice to packets that borrow from it, encodes into a slice.

use mqtt_sansio::{
    Ack, Connect, Delivery, Frame, FrameReader, List, MAXIMUM_PACKET_SIZE, Packet, PacketId,
    PayloadFormat, Properties, Property, Publish, QoS, ReasonCode, SubAck, Subscribe, Subscription,
    TopicFilter, TopicName, Unsubscribe, UserProperty, Version, Will,
};

use crate::codec::{Codec, LargePayloads, OUTPUT_BYTES};
use crate::framing::Input;
use crate::model::{self, Message, PacketType};
use crate::sink::Sink;

/// MQTT 3.1.1.
pub type V311 = Ours<false>;
/// MQTT 5.0.
pub type V5 = Ours<true>;

pub struct Ours<const IS_V5: bool> {
    input: Input,
    reader: FrameReader,
    output: Vec<u8>,
    written: usize,
}

impl<const IS_V5: bool> Ours<IS_V5> {
    const VERSION: Version = if IS_V5 { Version::V5_0 } else { Version::V3_1_1 };
}

impl<const IS_V5: bool> Default for Ours<IS_V5> {
    fn default() -> Self {
        Self {
            input: Input::default(),
            reader: FrameReader::new(MAXIMUM_PACKET_SIZE),
            output: vec![0; OUTPUT_BYTES],
            written: 0,
        }
    }
}

impl<const IS_V5: bool> Codec for Ours<IS_V5> {
    type Packet<'a> = Packet<'a>;

    const LARGE_PAYLOADS: LargePayloads = LargePayloads::CopiedOrLeft;

    fn reset(&mut self) {
        self.input.clear();
        self.reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
    }

    fn append(&mut self, bytes: &[u8]) {
        self.input.append(bytes);
    }

    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize {
        self.input.decode(|bytes| {
            let (frame, _) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE).expect("valid header")?;
            visit(&Packet::decode(frame, Self::VERSION), sink);
            Some(frame.as_bytes().len())
        })
    }

    fn feed<S: Sink>(&mut self, mut part: &[u8], sink: &mut S) -> usize {
        let mut packets = 0;
        while let Some(frame) = self.reader.next(&mut part).expect("valid header") {
            visit(&Packet::decode(frame, Self::VERSION), sink);
            packets += 1;
        }
        packets
    }

    fn packet(message: &Message) -> Option<Packet<'_>> {
        Some(match message {
            Message::Connect(connect) => self::connect(connect).into(),
            Message::Publish(publish) => self::publish(publish).into(),
            Message::Ack(PacketType::Puback, id) => Packet::PubAck(Ack::new(pid(*id))),
            Message::Ack(PacketType::Pubrec, id) => Packet::PubRec(Ack::new(pid(*id))),
            Message::Ack(PacketType::Pubrel, id) => Packet::PubRel(Ack::new(pid(*id))),
            Message::Ack(PacketType::Pubcomp, id) => Packet::PubComp(Ack::new(pid(*id))),
            Message::Ack(..) => return None,
            Message::Subscribe { id, filters } => {
                let filters = filters
                    .iter()
                    .map(|(filter, level)| Subscription::new(self::filter(filter), qos(*level)));
                Subscribe::new(pid(*id), Vec::leak(filters.collect())).into()
            }
            Message::Suback { id, codes } => {
                let codes = codes.iter().map(|code| ReasonCode::try_from(*code).expect("a code"));
                SubAck::new(pid(*id), Vec::leak(codes.collect())).into()
            }
            Message::Unsubscribe { id, filters } => {
                let filters = filters.iter().map(|filter| self::filter(filter));
                Unsubscribe::new(pid(*id), Vec::leak(filters.collect())).into()
            }
            Message::Pingreq => Packet::PingReq,
        })
    }

    fn clear(&mut self) {
        self.written = 0;
    }

    fn encode(&mut self, packet: &mut Packet<'_>) {
        self.written += packet
            .encode(Self::VERSION, &mut self.output[self.written..])
            .expect("encodable packet");
    }

    fn encode_header_over(&mut self, packet: &mut Packet<'_>) {
        if let Packet::Publish(publish) = packet {
            self.written =
                publish.encode_header(Self::VERSION, &mut self.output).expect("encodable packet");
        }
    }

    fn output(&mut self) -> Vec<u8> {
        self.output[..self.written].to_vec()
    }
}

fn pid(id: u16) -> PacketId {
    PacketId::new(id).expect("packet identifiers are not 0")
}

fn qos(level: u8) -> QoS {
    QoS::try_from(level).expect("a level")
}

fn topic(name: &str) -> TopicName<'_> {
    TopicName::new(name).expect("a topic name")
}

fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).expect("a topic filter")
}

fn connect<'a>(connect: &model::Connect<'a>) -> Connect<'a> {
    Connect {
        clean_start: connect.clean_session,
        keep_alive: connect.keep_alive,
        will: connect.will.map(|will| Will {
            qos: qos(will.qos),
            retain: will.retain,
            ..Will::new(topic(will.topic), will.message)
        }),
        user_name: connect.user_name,
        password: connect.password,
        ..Connect::new(Version::V3_1_1, connect.client_id)
    }
}

fn publish(publish: &model::Publish) -> Publish<'_> {
    let delivery = match publish.qos {
        0 => Delivery::AtMostOnce,
        1 => Delivery::AtLeastOnce { dup: false, packet_id: pid(publish.id) },
        _ => Delivery::ExactlyOnce { dup: false, packet_id: pid(publish.id) },
    };
    let properties = publish.properties.iter().map(|property| match *property {
        model::Property::PayloadFormat(0) => Property::PayloadFormatIndicator(PayloadFormat::Bytes),
        model::Property::PayloadFormat(_) => Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        model::Property::MessageExpiry(seconds) => Property::MessageExpiryInterval(seconds),
        model::Property::ContentType(text) => Property::ContentType(text),
        model::Property::User(name, value) => Property::UserProperty(UserProperty { name, value }),
    });
    let properties = Properties::from(&*Vec::leak(properties.collect()));
    Publish { delivery, properties, ..Publish::new(topic(&publish.topic), &publish.payload) }
}

#[inline(always)]
fn visit(decoded: &Result<Packet<'_>, mqtt_sansio::DecodeError>, sink: &mut impl Sink) {
    match decoded.as_ref().expect("valid packet") {
        Packet::Connect(connect) => visit_connect(connect, sink),
        Packet::Publish(p) => {
            let id = p.delivery.packet_id().map_or(0, PacketId::get);
            let (qos, dup) = (p.delivery.qos().into(), p.delivery.dup());
            sink.publish(qos, dup, p.retain, id, p.topic.as_bytes(), p.payload);
            visit_properties(&p.properties, sink);
        }
        Packet::PubAck(ack) => sink.identified(PacketType::Puback, ack.packet_id.get()),
        Packet::PubRec(ack) => sink.identified(PacketType::Pubrec, ack.packet_id.get()),
        Packet::PubRel(ack) => sink.identified(PacketType::Pubrel, ack.packet_id.get()),
        Packet::PubComp(ack) => sink.identified(PacketType::Pubcomp, ack.packet_id.get()),
        Packet::Subscribe(subscribe) => {
            sink.identified(PacketType::Subscribe, subscribe.packet_id.get());
            for subscription in subscribe.filters {
                sink.filter(subscription.filter.as_bytes(), subscription.qos.into());
            }
        }
        Packet::SubAck(suback) => {
            sink.identified(PacketType::Suback, suback.packet_id.get());
            visit_codes(suback.reason_codes, sink);
        }
        Packet::Unsubscribe(unsubscribe) => {
            sink.identified(PacketType::Unsubscribe, unsubscribe.packet_id.get());
            for filter in unsubscribe.filters {
                sink.bytes(filter.as_bytes());
            }
        }
        Packet::PingReq => sink.packet(PacketType::Pingreq),
        other => unreachable!("{other:?} is not in the workload"),
    }
}

#[inline(always)]
fn visit_connect(connect: &Connect<'_>, sink: &mut impl Sink) {
    sink.connect(model::Connect {
        keep_alive: connect.keep_alive,
        clean_session: connect.clean_start,
        client_id: connect.client_id,
        will: connect.will.as_ref().map(|will| model::Will {
            qos: will.qos.into(),
            retain: will.retain,
            topic: will.topic.as_bytes(),
            message: will.payload,
        }),
        user_name: connect.user_name,
        password: connect.password,
    });
}

#[inline(always)]
fn visit_properties(properties: &Properties<'_>, sink: &mut impl Sink) {
    for property in properties.iter() {
        sink.property(match property {
            Property::PayloadFormatIndicator(PayloadFormat::Bytes) => {
                model::Property::PayloadFormat(0)
            }
            Property::PayloadFormatIndicator(PayloadFormat::Utf8) => {
                model::Property::PayloadFormat(1)
            }
            Property::MessageExpiryInterval(seconds) => model::Property::MessageExpiry(seconds),
            Property::ContentType(text) => model::Property::ContentType(text),
            Property::UserProperty(UserProperty { name, value }) => {
                model::Property::User(name, value)
            }
            other => unreachable!("{other:?} is not in the workload"),
        });
    }
    sink.end_of_properties();
}

#[inline(always)]
fn visit_codes(codes: List<'_, ReasonCode>, sink: &mut impl Sink) {
    for code in codes {
        sink.number(u8::from(code).into());
    }
}
