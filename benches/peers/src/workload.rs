//! The rows of the table: what is decoded and encoded.

use std::rc::Rc;

use crate::model::{Connect, Message, PacketType, Property, Publish, Version, Will};
use crate::reference;

/// The size of the parts in which a stream is fed, that of a TCP segment on Ethernet.
pub const CHUNK: usize = 1460;

/// The size at which the mixed stream ends.
const STREAM_BYTES: usize = 1 << 20;

/// Batches of one packet hold as many copies as fit in this size, within [`COPIES`].
const BATCH_BYTES: usize = 256 << 10;

/// The least and the greatest number of copies of one packet in a batch.
const COPIES: (usize, usize) = (16, 2048);

/// What is done with the packets of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Decode them out of one buffer.
    Decode,
    /// Decode them out of a stream that comes in parts of [`CHUNK`] bytes.
    DecodeChunks,
    /// Encode each of them over the one before.
    EncodeEach,
    /// Encode each of them but its payload, which is to be sent from where it lies.
    EncodeHeader,
    /// Encode them one after the other into one buffer.
    EncodeStream,
}

/// Packets and their encoded form.
pub struct Traffic {
    pub version: Version,
    pub messages: Vec<Message>,
    pub wire: Vec<u8>,
}

impl Traffic {
    fn new(version: Version, messages: Vec<Message>) -> Rc<Self> {
        let wire =
            messages.iter().flat_map(|message| reference::encode(message, version)).collect();
        Rc::new(Self { version, messages, wire })
    }
}

/// One row of the table.
pub struct Row {
    pub title: String,
    pub task: Task,
    pub traffic: Rc<Traffic>,
    /// How many times a batch goes through the traffic.
    pub copies: usize,
}

impl Row {
    /// Whether copying the payload is most of the work.
    pub fn is_large(&self) -> bool {
        self.traffic.wire.len() / self.traffic.messages.len() > 4096
    }

    /// The number of packets in a batch.
    pub fn packets(&self) -> usize {
        self.traffic.messages.len() * self.copies
    }
}

/// All rows, in the order of the table.
pub fn rows() -> Vec<Row> {
    let v311 = |message| Traffic::new(Version::V311, vec![message]);
    let single = [
        ("PUBLISH QoS 0, 2 B", v311(publish(0, 2))),
        ("PUBLISH QoS 1, 256 B", v311(publish(1, 256))),
        ("PUBLISH QoS 1, 64 KiB", v311(publish(1, 64 << 10))),
        ("CONNECT, will and login", v311(connect())),
        ("SUBSCRIBE, 8 filters", v311(subscribe())),
        ("PUBACK", v311(Message::Ack(PacketType::Puback, 0x1234))),
        (
            "5.0 PUBLISH QoS 1, 64 B, 4 properties",
            Traffic::new(Version::V5, vec![publish_with_properties()]),
        ),
    ];
    let mixed = Traffic::new(Version::V311, mixed_stream());

    let mut rows = Vec::new();
    let mut add = |task, verb, title, traffic: &Rc<Traffic>, copies| {
        rows.push(Row {
            title: format!("{verb} {title}"),
            task,
            traffic: Rc::clone(traffic),
            copies,
        });
    };
    let copies = |traffic: &Traffic| (BATCH_BYTES / traffic.wire.len()).clamp(COPIES.0, COPIES.1);

    for (title, traffic) in &single {
        add(Task::Decode, "decode", *title, traffic, copies(traffic));
    }
    add(Task::Decode, "decode", "1 MiB stream", &mixed, 1);
    let parts = "1 MiB stream, 1,460 B parts";
    add(Task::DecodeChunks, "decode", parts, &mixed, 1);
    for (title, traffic) in &single {
        add(Task::EncodeEach, "encode", *title, traffic, copies(traffic));
    }
    for (title, traffic) in &single {
        if traffic.wire.len() > 4096 {
            add(Task::EncodeHeader, "encode without its payload", *title, traffic, COPIES.1);
        }
    }
    add(Task::EncodeStream, "encode", "1 MiB stream", &mixed, 1);
    rows
}

fn publish(qos: u8, payload: usize) -> Message {
    Message::Publish(Publish {
        qos,
        id: if qos == 0 { 0 } else { 0x1234 },
        topic: "sensors/kitchen/temp".into(),
        payload: (0..payload).map(|i| (i % 251) as u8).collect(),
        properties: Vec::new(),
    })
}

fn publish_with_properties() -> Message {
    let payload = "{\"celsius\":21.5,\"humidity\":48,\"battery\":3.01,\"sequence\":1048576}";
    assert_eq!(payload.len(), 64);
    Message::Publish(Publish {
        qos: 1,
        id: 0x1234,
        topic: "sensors/kitchen/temp".into(),
        payload: payload.into(),
        properties: vec![
            Property::PayloadFormat(1),
            Property::MessageExpiry(3600),
            Property::ContentType("application/json"),
            Property::User("unit", "celsius"),
        ],
    })
}

fn connect() -> Message {
    Message::Connect(Connect {
        keep_alive: 60,
        clean_session: true,
        client_id: "kitchen-sensor-7f3a",
        will: Some(Will {
            qos: 1,
            retain: false,
            topic: "sensors/kitchen/status",
            message: b"offline",
        }),
        user_name: Some("kitchen"),
        password: Some(b"correct horse battery"),
    })
}

fn subscribe() -> Message {
    let filters = [
        ("sensors/kitchen/temp", 0),
        ("sensors/+/humidity", 1),
        ("sensors/#", 0),
        ("+/kitchen/+", 2),
        ("home/ground-floor/light/+/state", 1),
        ("$SYS/broker/uptime", 0),
        ("+/+/alarm/#", 2),
        ("a/b/c", 1),
    ];
    Message::Subscribe {
        id: 0x1234,
        filters: filters.map(|(filter, qos)| (filter.into(), qos)).into(),
    }
}

/// About 1 MiB of packets as a busy broker gets them, the same in every run.
fn mixed_stream() -> Vec<Message> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut messages = Vec::new();
    let mut bytes = 0;
    while bytes < STREAM_BYTES {
        let id = random.within(1, 0xFFFF) as u16;
        let message = match random.within(0, 999) {
            0..600 => random.publish(0, 0, 2, 64),
            600..750 => random.publish(1, id, 16, 256),
            750..850 => Message::Ack(PacketType::Puback, id),
            850..890 => Message::Ack(PacketType::Pubrec, id),
            890..930 => Message::Ack(PacketType::Pubrel, id),
            930..970 => Message::Ack(PacketType::Pubcomp, id),
            970..978 => Message::Subscribe {
                id,
                filters: random.list(|r| (r.filter(), r.within(0, 2) as u8)),
            },
            978..986 => Message::Suback {
                id,
                // The code for a failure is left out because mqtt-proto 0.4.0 encodes it wrongly.
                codes: random.list(|r| r.within(0, 2) as u8),
            },
            986..990 => Message::Unsubscribe { id, filters: random.list(Random::filter) },
            _ => Message::Pingreq,
        };
        bytes += reference::encode(&message, Version::V311).len();
        messages.push(message);
    }
    messages
}

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn within(&mut self, least: usize, greatest: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        least + (self.0 >> 33) as usize % (greatest - least + 1)
    }

    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.within(1, 4)).map(|_| item(self)).collect()
    }

    fn publish(&mut self, qos: u8, id: u16, least: usize, greatest: usize) -> Message {
        let payload = self.within(least, greatest);
        Message::Publish(Publish {
            qos,
            id,
            topic: self.topic(),
            payload: (0..payload).map(|_| self.within(0, 0xFF) as u8).collect(),
            properties: Vec::new(),
        })
    }

    /// 8 to 40 bytes in levels of six letters.
    fn topic(&mut self) -> String {
        (1..=self.within(8, 40))
            .map(|i| match i % 7 {
                0 => '/',
                _ => (b'a' + self.within(0, 25) as u8) as char,
            })
            .collect()
    }

    /// A topic with a wildcard for its first or for its last level, or with none.
    fn filter(&mut self) -> String {
        let topic = self.topic();
        match self.within(0, 2) {
            0 => format!("+{}", &topic[6..]),
            1 => format!("{}/#", &topic[..6]),
            _ => topic,
        }
    }
}
