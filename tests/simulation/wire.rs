//! Packets as the model writes them, byte by byte, and takes them apart.

use mqtt_sansio::{MessageProperties, Property, QoS, Version};

/// A property of 5.0: its identifier and its value as it is sent.
pub(crate) type Prop = (u8, Vec<u8>);

pub(crate) const FORMAT: u8 = 0x01;
pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
pub(crate) const CONTENT_TYPE: u8 = 0x03;
pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
pub(crate) const CORRELATION: u8 = 0x09;
pub(crate) const IDENTIFIER: u8 = 0x0B;
pub(crate) const SESSION_EXPIRY: u8 = 0x11;
pub(crate) const ASSIGNED: u8 = 0x12;
pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
pub(crate) const SERVER_REFERENCE: u8 = 0x1C;
pub(crate) const REASON: u8 = 0x1F;
pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(crate) const ALIAS_MAXIMUM: u8 = 0x22;
pub(crate) const ALIAS: u8 = 0x23;
pub(crate) const MAXIMUM_QOS: u8 = 0x24;
pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
pub(crate) const USER: u8 = 0x26;
pub(crate) const PACKET_SIZE: u8 = 0x27;
pub(crate) const WILDCARDS_AVAILABLE: u8 = 0x28;
pub(crate) const IDENTIFIERS_AVAILABLE: u8 = 0x29;
pub(crate) const SHARED_AVAILABLE: u8 = 0x2A;

/// Section 4.7, level by level.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

pub(crate) fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(number as u8 & 127 | 128);
        number /= 128;
    }
    bytes.push(number as u8);
    bytes
}

/// A string or binary data with its length.
pub(crate) fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

pub(crate) fn packet(first_byte: u8, body: &[u8]) -> Vec<u8> {
    [&[first_byte], &varint(body.len())[..], body].concat()
}

/// A block of properties with its length.
pub(crate) fn block(props: &[Prop]) -> Vec<u8> {
    let props: Vec<u8> =
        props.iter().flat_map(|(id, value)| [&[*id], &value[..]].concat()).collect();
    [varint(props.len()), props].concat()
}

/// An acknowledgement, in its shortest form.
pub(crate) fn ack(first_byte: u8, id: u16, code: u8, props: &[Prop]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if code != 0 || !props.is_empty() {
        body.push(code);
    }
    if !props.is_empty() {
        body.extend(block(props));
    }
    packet(first_byte, &body)
}

/// SUBACK or UNSUBACK; `props` in 5.0.
pub(crate) fn suback(first_byte: u8, id: u16, props: Option<&[Prop]>, codes: &[u8]) -> Vec<u8> {
    let props = props.map(block).unwrap_or_default();
    packet(first_byte, &[&id.to_be_bytes(), &props[..], codes].concat())
}

pub(crate) fn connack(version: Version, present: bool, code: u8, props: &[Prop]) -> Vec<u8> {
    match version {
        Version::V5_0 => packet(0x20, &[&[u8::from(present), code], &block(props)[..]].concat()),
        _ => vec![0x20, 2, u8::from(present), code],
    }
}

/// A PUBLISH as it is written down; `props` in 5.0.
pub(crate) struct Written<'a> {
    pub(crate) topic: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// Counts at QoS 1 and 2.
    pub(crate) id: u16,
    pub(crate) props: Option<Vec<Prop>>,
}

impl Written<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = string(self.topic);
        if self.qos != QoS::AtMostOnce {
            body.extend_from_slice(&self.id.to_be_bytes());
        }
        body.extend(self.props.as_deref().map(block).unwrap_or_default());
        body.extend_from_slice(self.payload);
        let flags = u8::from(self.dup) << 3 | (self.qos as u8) << 1 | u8::from(self.retain);
        packet(0x30 | flags, &body)
    }
}

/// What a message carries, in its order.
pub(crate) fn message_props(properties: &MessageProperties) -> Vec<Prop> {
    let prop = |property| match property {
        Property::PayloadFormatIndicator(format) => (FORMAT, vec![format as u8]),
        Property::MessageExpiryInterval(seconds) => {
            (MESSAGE_EXPIRY, seconds.to_be_bytes().to_vec())
        }
        Property::ContentType(text) => (CONTENT_TYPE, string(text)),
        Property::ResponseTopic(topic) => (RESPONSE_TOPIC, string(topic.as_bytes())),
        Property::CorrelationData(data) => (CORRELATION, string(data)),
        Property::UserProperty(user) => (USER, [string(user.name), string(user.value)].concat()),
        property => panic!("{property:?} in a message"),
    };
    properties.properties().iter().map(prop).collect()
}

/// A packet of 5.0 taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) first_byte: u8,
    /// What stands before the properties, and after them.
    pub(crate) head: Vec<u8>,
    pub(crate) props: Vec<Prop>,
    pub(crate) tail: Vec<u8>,
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at(at.min(bytes.len()))
}

pub(crate) fn read_varint(bytes: &[u8]) -> (usize, &[u8]) {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate() {
        number |= usize::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            return (number, &bytes[place + 1..]);
        }
    }
    (number, &[])
}

/// How many bytes the value of a property takes.
fn value_len(id: u8, rest: &[u8]) -> usize {
    let string = |at: usize| 2 + usize::from(u16::from_be_bytes([rest[at], rest[at + 1]]));
    match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
        0x13 | 0x21 | 0x22 | 0x23 => 2,
        0x02 | 0x11 | 0x18 | 0x27 => 4,
        0x0B => rest.len() - read_varint(rest).1.len(),
        0x26 => string(0) + string(string(0)),
        _ => string(0),
    }
}

/// One whole packet of a server's in 5.0; what precedes its properties depends on its type.
pub(crate) fn parts(frame: &[u8]) -> Parts {
    let first_byte = frame[0];
    let (len, body) = read_varint(&frame[1..]);
    assert_eq!(len, body.len(), "the remaining length");
    let head = match first_byte >> 4 {
        3 => {
            let topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
            topic + if first_byte & 6 == 0 { 0 } else { 2 }
        }
        4..=7 => 3,
        2 | 9 | 11 => 2,
        14 | 15 => 1,
        _ => body.len(),
    };
    let (head, rest) = split(body, head);
    let (len, rest) = if rest.is_empty() { (0, rest) } else { read_varint(rest) };
    let (mut block, tail) = split(rest, len);
    let mut props = Vec::new();
    while let [id, rest @ ..] = block {
        let (value, after) = split(rest, value_len(*id, rest));
        props.push((*id, value.to_vec()));
        block = after;
    }
    Parts { first_byte, head: head.to_vec(), props, tail: tail.to_vec() }
}

impl Parts {
    /// The order means nothing but among user properties.
    pub(crate) fn sorted(mut self) -> Parts {
        let key =
            |(id, value): &Prop| (*id, if *id == IDENTIFIER { value.clone() } else { Vec::new() });
        self.props.sort_by_key(key);
        self
    }

    pub(crate) fn take(&mut self, id: u8) -> Option<Vec<u8>> {
        let place = self.props.iter().position(|(found, _)| *found == id)?;
        Some(self.props.remove(place).1)
    }
}
