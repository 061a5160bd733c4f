//! The one form that the encoder writes, made of any that the decoder reads, by bytes alone.

use mqtt_sansio::{Frame, PacketType, Version};

/// The packet with what a reader of that version ignores or may leave out put right: the remaining
/// length before 5.0, the ends of 5.0's acknowledgements and DISCONNECT, the unused bits of 3.1.
pub fn canonical(frame: Frame<'_>, version: Version) -> Vec<u8> {
    let mut first = frame.first_byte();
    let mut body = frame.body().to_vec();
    let packet_type = PacketType::from_first_byte(first);
    match version {
        Version::V5_0 => {
            // Another length in the fixed header is none that 5.0 reads. [MQTT-1.5.5-1]
            assert!(frame.as_bytes().starts_with(&fixed_header(first, body.len())), "{frame:?}");
            shorten(packet_type, &mut body);
        }
        Version::V3_1_1 => {}
        Version::V3_1 => clear_unused(packet_type, &mut first, &mut body),
    }
    [&fixed_header(first, body.len())[..], &body].concat()
}

/// The first byte and a remaining length in the fewest bytes.
fn fixed_header(first: u8, mut remaining_length: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    while remaining_length >= 0x80 {
        bytes.push(remaining_length.to_le_bytes()[0] | 0x80);
        remaining_length >>= 7;
    }
    bytes.push(remaining_length.to_le_bytes()[0]);
    bytes
}

/// Leaves out a property length of 0 at the end, and then a reason code of 0.
fn shorten(packet_type: Option<PacketType>, body: &mut Vec<u8>) {
    let before_reason = match packet_type {
        Some(
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp,
        ) => 2,
        Some(PacketType::Disconnect) => 0,
        _ => return,
    };
    if body.len() == before_reason + 2 && body.last() == Some(&0) {
        body.pop();
    }
    if body.len() == before_reason + 1 && body.last() == Some(&0) {
        body.pop();
    }
}

/// What 3.1 calls unused: flags of the fixed header, of CONNECT and of CONNACK, and what stands beside
/// the QoS in SUBSCRIBE and SUBACK.
fn clear_unused(packet_type: Option<PacketType>, first: &mut u8, body: &mut [u8]) {
    match packet_type {
        Some(PacketType::Publish) if *first & 0b110 == 0 => *first &= !0b1000,
        Some(PacketType::Publish) => {}
        Some(PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe) => {
            *first = *first & 0xF0 | 0b0010;
        }
        _ => *first &= 0xF0,
    }
    match packet_type {
        Some(PacketType::Connect) => clear_connect_flags(body),
        Some(PacketType::ConnAck) => body[0] = 0,
        Some(PacketType::SubAck) => {
            body[2..].iter_mut().filter(|code| **code < 0x80).for_each(|code| *code &= 0b11);
        }
        Some(PacketType::Subscribe) => {
            let mut at = 2;
            while at < body.len() {
                at = after_field(body, at);
                body[at] &= 0b11;
                at += 1;
            }
        }
        _ => {}
    }
}

/// Flags without meaning, and those of a user name and a password that the packet ends before.
fn clear_connect_flags(body: &mut [u8]) {
    const FLAGS: usize = 9;
    let mut flags = body[FLAGS] & !1;
    let mut at = after_field(body, FLAGS + 3);
    if flags & 0b100 == 0 {
        flags &= !0b0011_1000;
    } else {
        at = after_field(body, at);
        at = after_field(body, at);
    }
    for flag in [0x80, 0x40] {
        if flags & flag == 0 {
            continue;
        }
        if at == body.len() {
            flags &= !flag;
        } else {
            at = after_field(body, at);
        }
    }
    body[FLAGS] = flags;
}

/// Where the length-prefixed field that begins at `at` ends.
fn after_field(body: &[u8], at: usize) -> usize {
    at + 2 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]))
}
