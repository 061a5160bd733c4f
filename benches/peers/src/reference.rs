//! A plain encoder, against which the encoders under test are checked and which makes the input
//! of the decoders.

use crate::model::{Connect, Message, PacketType, Property, Publish, Version};

/// The encoded form of one packet.
pub fn encode(message: &Message, version: Version) -> Vec<u8> {
    let (first, body) = match message {
        Message::Connect(c) => (0x10, connect(c)),
        Message::Publish(p) => (0x30 | (p.qos << 1), publish(p, version)),
        Message::Ack(PacketType::Pubrel, id) => (0x62, id.to_be_bytes().to_vec()),
        Message::Ack(packet_type, id) => ((*packet_type as u8) << 4, id.to_be_bytes().to_vec()),
        Message::Subscribe { id, filters } => {
            let mut body = id.to_be_bytes().to_vec();
            for (filter, qos) in filters {
                put(&mut body, filter.as_bytes());
                body.push(*qos);
            }
            (0x82, body)
        }
        Message::Suback { id, codes } => {
            let mut body = id.to_be_bytes().to_vec();
            body.extend(codes);
            (0x90, body)
        }
        Message::Unsubscribe { id, filters } => {
            let mut body = id.to_be_bytes().to_vec();
            for filter in filters {
                put(&mut body, filter.as_bytes());
            }
            (0xA2, body)
        }
        Message::Pingreq => (0xC0, Vec::new()),
    };
    let mut packet = vec![first];
    put_length(&mut packet, body.len());
    packet.extend(body);
    packet
}

/// Whether `packet` is `message`, with the properties in any order.
pub fn is_encoding_of(packet: &[u8], message: &Message, version: Version) -> bool {
    let expected = encode(message, version);
    match message {
        Message::Publish(p) if version == Version::V5 => {
            let mut parts: Vec<_> = p.properties.iter().map(property).collect();
            let block: Vec<u8> = parts.concat();
            let Some(start) = find(&expected, &block) else {
                return false;
            };
            let end = start + block.len();
            if packet.len() != expected.len()
                || packet[..start] != expected[..start]
                || packet[end..] != expected[end..]
            {
                return false;
            }
            let mut rest = &packet[start..end];
            while !rest.is_empty() {
                let Some(at) = parts.iter().position(|part| rest.starts_with(part)) else {
                    return false;
                };
                rest = &rest[parts.swap_remove(at).len()..];
            }
            parts.is_empty()
        }
        _ => packet == expected,
    }
}

fn connect(c: &Connect<'_>) -> Vec<u8> {
    let mut flags = u8::from(c.clean_session) << 1;
    let mut payload = Vec::new();
    put(&mut payload, c.client_id.as_bytes());
    if let Some(will) = c.will {
        flags |= 0x04 | (will.qos << 3) | (u8::from(will.retain) << 5);
        put(&mut payload, will.topic.as_bytes());
        put(&mut payload, will.message);
    }
    if let Some(user_name) = c.user_name {
        flags |= 0x80;
        put(&mut payload, user_name.as_bytes());
    }
    if let Some(password) = c.password {
        flags |= 0x40;
        put(&mut payload, password);
    }
    let mut body = Vec::new();
    put(&mut body, b"MQTT");
    body.extend([4, flags]);
    body.extend(c.keep_alive.to_be_bytes());
    body.extend(payload);
    body
}

fn publish(p: &Publish, version: Version) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, p.topic.as_bytes());
    if p.qos > 0 {
        body.extend(p.id.to_be_bytes());
    }
    if version == Version::V5 {
        let block: Vec<u8> = p.properties.iter().flat_map(property).collect();
        put_length(&mut body, block.len());
        body.extend(block);
    }
    body.extend(&p.payload);
    body
}

fn property(property: &Property<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match property {
        Property::PayloadFormat(value) => out.extend([0x01, *value]),
        Property::MessageExpiry(seconds) => {
            out.push(0x02);
            out.extend(seconds.to_be_bytes());
        }
        Property::ContentType(value) => {
            out.push(0x03);
            put(&mut out, value.as_bytes());
        }
        Property::User(name, value) => {
            out.push(0x26);
            put(&mut out, name.as_bytes());
            put(&mut out, value.as_bytes());
        }
    }
    out
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("the workload has no long strings");
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7F {
        out.push(0x80 | (length & 0x7F) as u8);
        length >>= 7;
    }
    out.push(length as u8);
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
