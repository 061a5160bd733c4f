//! Any bytes at all: nothing panics, and what decodes is encoded as it came, but for the known exceptions.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use mqtt_sansio::{
    Connect, EncodeError, Field, Frame, MAXIMUM_PACKET_SIZE, Packet, PacketType, Properties,
    Sender, Subscribe, Version,
};

use super::owned::Owned;
use super::reference::varint;
use super::strategies::{Mutation, mutation, packet};
use super::{attempt, config, encoded, is_failure_in_31};
use crate::support::{decode, hex};

/// The fixed header of a frame as it would be written: the shortest length, and in 3.1 the flags of
/// the later versions.
fn canonical_header(frame: Frame<'_>, version: Version, body_len: usize) -> Vec<u8> {
    if version == Version::V5_0 && body_len == frame.body().len() {
        // Here it comes in the shortest form or not at all.
        return frame.as_bytes()[..frame.as_bytes().len() - body_len].to_owned();
    }
    let mut first = frame.first_byte();
    if version == Version::V3_1 {
        first = match frame.packet_type() {
            // DUP means nothing at QoS 0.
            Some(PacketType::Publish) if first & 0b0110 == 0 => first & !0b1000,
            Some(PacketType::Publish) => first,
            Some(PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe) => {
                first & 0xF0 | 0b0010
            }
            _ => first & 0xF0,
        };
    }
    let mut header = vec![first];
    varint(body_len, &mut header);
    header
}

/// A CONNECT body of 3.1 with its flags set for just what is there.
fn canonical_connect(mut body: Vec<u8>, packet: &Connect<'_>) -> Vec<u8> {
    let flags = &mut body[9];
    *flags &= !0b0000_0001;
    if packet.will.is_none() {
        *flags &= !0b0011_1000;
    }
    if packet.user_name.is_none() {
        *flags &= !0b1000_0000;
    }
    if packet.password.is_none() {
        *flags &= !0b0100_0000;
    }
    body
}

/// A SUBSCRIBE body of 3.1 with nothing but the QoS in its options.
fn canonical_subscribe(mut body: Vec<u8>, packet: &Subscribe<'_>) -> Vec<u8> {
    let mut at = 2;
    for subscription in packet.filters {
        at += 2 + subscription.filter.as_bytes().len();
        body[at] &= 0b11;
        at += 1;
    }
    body
}

/// The end of acknowledgements and of DISCONNECT in 5.0, as short as it may be.
fn shortest_reason(mut body: Vec<u8>, before: usize, properties: Properties<'_>) -> Vec<u8> {
    if properties.is_empty() {
        body.truncate(before + 1);
        if body.get(before) == Some(&0) {
            body.truncate(before);
        }
    }
    body
}

/// The bytes that a frame is written as, where it is the packet: the documented exceptions applied.
fn canonical(frame: Frame<'_>, version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut body = frame.body().to_owned();
    match (packet, version) {
        (Packet::Connect(connect), _) if connect.version == Version::V3_1 => {
            body = canonical_connect(body, connect);
        }
        (Packet::ConnAck(_), Version::V3_1) => body[0] = 0,
        (Packet::SubAck(_), Version::V3_1) => {
            body[2..].iter_mut().filter(|code| **code < 0x80).for_each(|code| *code &= 0b11);
        }
        (Packet::Subscribe(subscribe), Version::V3_1) => {
            body = canonical_subscribe(body, subscribe);
        }
        (
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack),
            Version::V5_0,
        ) => body = shortest_reason(body, 2, ack.properties),
        (Packet::Disconnect(disconnect), Version::V5_0) => {
            body = shortest_reason(body, 0, disconnect.properties);
        }
        _ => (),
    }
    [canonical_header(frame, version, body.len()), body].concat()
}

/// Whatever these bytes are: no panic; an error with a place in the packet, or a packet that says the
/// same again.
fn survives(bytes: &[u8], version: Version) -> TestCaseResult {
    let Ok(Some((frame, _))) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE) else { return Ok(()) };
    let packet = match Packet::decode(frame, version) {
        Err(error) => {
            prop_assert!(error.offset() as usize <= frame.as_bytes().len(), "{}", error);
            prop_assert_eq!(error.packet_type(), frame.packet_type());
            prop_assert_eq!(error.reason_code(), error.violation().reason_code());
            let words = format!("byte {}: {}", error.offset(), error.violation());
            prop_assert!(error.to_string().ends_with(&words), "{}", error);
            return Ok(());
        }
        Ok(packet) => packet,
    };
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    if is_failure_in_31(&packet, version) {
        let refused = Err(EncodeError::NotInVersion { field: Field::ReasonCode, version });
        prop_assert_eq!(attempt(&packet, version), refused);
        return Ok(());
    }
    let title = || format!("{version} {:.400}: {packet:?}", hex(frame.as_bytes()));
    let written = encoded(&packet, version)?;
    prop_assert!(written == canonical(frame, version, &packet), "{} to {}", title(), hex(&written));
    prop_assert!(decode(&written, version) == Ok(packet), "{}", title());
    // Reads every field and every item.
    Owned::of(&packet).lend(|slices| {
        prop_assert!(slices == &packet, "{}", title());
        prop_assert!(encoded(slices, version)? == written, "{}", title());
        Ok::<(), TestCaseError>(())
    })?;
    for sender in [Sender::Client, Sender::Server] {
        let checked = Packet::decode_from(sender, frame, version).map_err(|e| e.violation());
        let expected = packet.check_sender(sender, version).map(|()| packet);
        prop_assert!(checked == expected, "{:?}: {}", sender, title());
    }
    Ok(())
}

/// The bytes of a valid packet after some mutations, with the remaining length made to fit anew or not.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (packet(), vec(mutation(), 1..4), any::<bool>()).prop_map(|((version, owned), changes, fit)| {
        let mut bytes = owned.lend(|packet| encoded(packet, version)).unwrap();
        let header = 2 + bytes[1..].iter().take_while(|byte| **byte >= 0x80).count();
        if !fit {
            changes.iter().for_each(|change: &Mutation| change.apply(&mut bytes));
            return bytes;
        }
        let mut body = bytes.split_off(header);
        changes.iter().for_each(|change| change.apply(&mut body));
        bytes.truncate(1);
        varint(body.len(), &mut bytes);
        [bytes, body].concat()
    })
}

/// A remaining length in more bytes than it needs.
fn stretched() -> impl Strategy<Value = Vec<u8>> {
    (packet(), 2..5usize).prop_map(|((version, owned), width)| {
        let bytes = owned.lend(|packet| encoded(packet, version)).unwrap();
        let header = 2 + bytes[1..].iter().take_while(|byte| **byte >= 0x80).count();
        let mut length = bytes[1..header].to_vec();
        while length.len() < width {
            *length.last_mut().unwrap() |= 0x80;
            length.push(0);
        }
        [&bytes[..1], &length, &bytes[header..]].concat()
    })
}

/// A first byte, a length that fits, and anything.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    (0x10..=0xFFu8, vec(prop_oneof![any::<u8>(), 0..6u8], 0..40))
        .prop_map(|(first, body)| [&[first, u8::try_from(body.len()).unwrap()][..], &body].concat())
}

fn survives_as_every_version(bytes: &[u8]) -> TestCaseResult {
    Version::ALL.into_iter().try_for_each(|version| survives(bytes, version))
}

proptest! {
    #![proptest_config(config(1024))]

    #[test]
    fn mutated_packets_are_refused_or_written_as_they_came(bytes in mutated()) {
        survives_as_every_version(&bytes)?;
    }
}

proptest! {
    #![proptest_config(config(4096))]

    #[test]
    fn framed_random_bytes_are_refused_or_written_as_they_came(bytes in framed()) {
        survives_as_every_version(&bytes)?;
    }

    #[test]
    fn random_bytes_are_refused_or_written_as_they_came(bytes in vec(any::<u8>(), 0..64)) {
        survives_as_every_version(&bytes)?;
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn a_stretched_remaining_length_is_written_in_the_shortest_form(bytes in stretched()) {
        survives_as_every_version(&bytes)?;
    }
}
