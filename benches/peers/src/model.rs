//! The packets of the workload, in a form that belongs to none of the codecs.

use crate::sink::Sink;

/// The protocol version in which packets are encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V311,
    /// MQTT 5.0.
    V5,
}

/// The packet types of the workload, with their numbers on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PacketType {
    Connect = 1,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Pingreq = 12,
}

/// The fields of a CONNECT; its topic as a codec keeps it.
#[derive(Clone, Copy)]
pub struct Connect<'a, T = &'a str> {
    pub keep_alive: u16,
    pub clean_session: bool,
    pub client_id: &'a str,
    pub will: Option<Will<'a, T>>,
    pub user_name: Option<&'a str>,
    pub password: Option<&'a [u8]>,
}

/// The will of a CONNECT.
#[derive(Clone, Copy)]
pub struct Will<'a, T = &'a str> {
    pub qos: u8,
    pub retain: bool,
    pub topic: T,
    pub message: &'a [u8],
}

/// A PUBLISH. Neither DUP nor RETAIN is ever set.
pub struct Publish {
    pub qos: u8,
    /// 0 at `QoS` 0.
    pub id: u16,
    pub topic: String,
    pub payload: Vec<u8>,
    /// Empty in MQTT 3.1.1.
    pub properties: Vec<Property<'static>>,
}

/// A property of a PUBLISH.
#[derive(Clone, Copy, Debug)]
pub enum Property<'a> {
    /// 1 for UTF-8 text.
    PayloadFormat(u8),
    /// In seconds.
    MessageExpiry(u32),
    ContentType(&'a str),
    User(&'a str, &'a str),
}

/// One packet.
pub enum Message {
    Connect(Connect<'static>),
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP, and the packet identifier.
    Ack(PacketType, u16),
    Subscribe {
        id: u16,
        filters: Vec<(String, u8)>,
    },
    Suback {
        id: u16,
        codes: Vec<u8>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Pingreq,
}

impl Message {
    /// Gives the fields to `sink` as a decoder of this packet has to do it.
    pub fn visit(&self, sink: &mut impl Sink) {
        match self {
            Message::Connect(connect) => sink.connect(*connect),
            Message::Publish(p) => {
                sink.publish(p.qos, false, false, p.id, p.topic.as_bytes(), &p.payload);
                for property in &p.properties {
                    sink.property(*property);
                }
                sink.end_of_properties();
            }
            Message::Ack(packet_type, id) => sink.identified(*packet_type, *id),
            Message::Subscribe { id, filters } => {
                sink.identified(PacketType::Subscribe, *id);
                for (filter, qos) in filters {
                    sink.filter(filter, *qos);
                }
            }
            Message::Suback { id, codes } => {
                sink.identified(PacketType::Suback, *id);
                for code in codes {
                    sink.number((*code).into());
                }
            }
            Message::Unsubscribe { id, filters } => {
                sink.identified(PacketType::Unsubscribe, *id);
                for filter in filters {
                    sink.bytes(filter.as_bytes());
                }
            }
            Message::Pingreq => sink.packet(PacketType::Pingreq),
        }
    }
}
