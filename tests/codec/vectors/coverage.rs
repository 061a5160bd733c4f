//! What the vectors show is all there is: what they lack is refused, and nothing but it.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_sansio::{Packet, PacketType, ReasonCode, Sender, Version, Violation};

use super::{Vector, all, vectors_of};
use crate::support::{decode, frame, hex, unhex};

/// The reason codes of a packet of 5.0; none of those that have no such field.
fn reason_codes(packet: &Packet<'_>) -> Vec<ReasonCode> {
    match packet {
        Packet::ConnAck(packet) => vec![packet.reason_code],
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => vec![packet.reason_code],
        Packet::SubAck(packet) => packet.reason_codes.iter().collect(),
        Packet::UnsubAck(packet) => packet.reason_codes.iter().collect(),
        Packet::Disconnect(packet) => vec![packet.reason_code],
        Packet::Auth(packet) => vec![packet.reason_code],
        _ => vec![],
    }
}

/// Vectors of 5.0 small enough to look at one by one.
pub(super) fn small_v5(packet_type: PacketType) -> impl Iterator<Item = Vector> {
    let vectors = vectors_of(packet_type).into_iter();
    vectors.filter(|vector| vector.versions.contains(&Version::V5_0) && !vector.is_large())
}

/// By reason code: who may send it in that packet, as the vectors have it.
fn shown_reason_codes(packet_type: PacketType) -> BTreeMap<ReasonCode, Vec<Sender>> {
    let mut shown = BTreeMap::new();
    for vector in small_v5(packet_type) {
        let bytes = vector.bytes();
        let packet = decode(&bytes, Version::V5_0).unwrap();
        for code in reason_codes(&packet) {
            let senders: &mut Vec<Sender> = shown.entry(code).or_default();
            let new = vector.senders.iter().filter(|sender| !senders.contains(sender));
            let new: Vec<Sender> = new.copied().collect();
            senders.extend(new);
        }
    }
    shown
}

#[test]
fn a_reason_code_is_allowed_where_the_vectors_show_it_and_nowhere_else() {
    for packet_type in PacketType::ALL {
        let shown = shown_reason_codes(packet_type);
        for &code in ReasonCode::ALL {
            let senders = shown.get(&code);
            assert_eq!(code.is_allowed_in(packet_type), senders.is_some(), "{packet_type}, {code}");
            for sender in [Sender::Client, Sender::Server] {
                let allowed = packet_type.may_come_from(sender, Version::V5_0)
                    && code.is_allowed_from(sender, packet_type);
                let shown = senders.is_some_and(|senders| senders.contains(&sender));
                assert_eq!(allowed, shown, "{packet_type}, {code}, {sender:?}");
            }
        }
    }
}

#[test]
fn a_packet_may_come_from_whom_the_vectors_show_it_from_and_from_nobody_else() {
    let vectors = all();
    for version in Version::ALL {
        for packet_type in PacketType::ALL {
            for sender in [Sender::Client, Sender::Server] {
                let shown = vectors.iter().any(|vector| {
                    vector.packet_type == packet_type
                        && vector.versions.contains(&version)
                        && vector.senders.contains(&sender)
                });
                let allowed = packet_type.may_come_from(sender, version);
                assert_eq!(allowed, shown, "{version} {packet_type}, {sender:?}");
            }
        }
    }
}

/// Each packet of 5.0 that carries a reason code: with `XX` for the code.
const WITH_REASON_CODE: [(PacketType, &str); 9] = [
    (PacketType::ConnAck, "20 03 00 XX 00"),
    (PacketType::PubAck, "40 03 0001 XX"),
    (PacketType::PubRec, "50 04 0001 XX 00"),
    (PacketType::PubRel, "62 04 0001 XX 00"),
    (PacketType::PubComp, "70 03 0001 XX"),
    (PacketType::SubAck, "90 05 0001 00 00 XX"),
    (PacketType::UnsubAck, "b0 05 0001 00 00 XX"),
    (PacketType::Disconnect, "e0 01 XX"),
    (PacketType::Auth, "f0 06 XX 04 15 0001 6d"),
];

#[test]
fn every_byte_that_no_vector_shows_as_reason_code_is_refused() {
    for (packet_type, template) in WITH_REASON_CODE {
        let shown = shown_reason_codes(packet_type);
        let offset = template.replace(' ', "").find("XX").unwrap() / 2;
        for byte in 0..=255 {
            let bytes = unhex(&template.replace("XX", &hex(&[byte])));
            let listed = shown.keys().find(|code| u8::from(**code) == byte);
            match decode(&bytes, Version::V5_0) {
                Ok(packet) => {
                    assert_eq!(reason_codes(&packet).last(), listed, "{}: {packet}", hex(&bytes));
                }
                Err(error) => {
                    let refused = (error.violation(), error.offset() as usize);
                    assert_eq!(listed, None, "{}: {error}", hex(&bytes));
                    let expected = (Violation::ReasonCodeNotListed, offset);
                    assert_eq!(refused, expected, "{}: {error}", hex(&bytes));
                }
            }
        }
    }
}

/// The return codes of 3.1 and 3.1.1, section 3.2.2.3, and of SUBACK in 3.1.1, section 3.9.3.
#[test]
fn every_return_code_that_no_vector_shows_is_refused_before_5_0() {
    let cases = [
        (Version::V3_1, "20 02 00 XX", &[0, 1, 2, 3, 4, 5][..]),
        (Version::V3_1_1, "20 02 00 XX", &[0, 1, 2, 3, 4, 5]),
        (Version::V3_1_1, "90 03 0001 XX", &[0, 1, 2, 0x80]),
    ];
    for (version, template, listed) in cases {
        let offset = u32::try_from(template.replace(' ', "").find("XX").unwrap() / 2).unwrap();
        for byte in 0..=255 {
            let bytes = unhex(&template.replace("XX", &hex(&[byte])));
            let error = decode(&bytes, version).err();
            let refused = error.map(|error| (error.violation(), error.offset()));
            let expected = (Violation::ReasonCodeNotListed, offset);
            let expected = (!listed.contains(&byte)).then_some(expected);
            assert_eq!(refused, expected, "{version} {}", hex(&bytes));
        }
    }
}

/// The first bytes of the vectors of a packet in a version.
fn first_bytes(packet_type: PacketType, version: Version) -> BTreeSet<u8> {
    let vectors = vectors_of(packet_type).into_iter();
    let of = vectors.filter(|vector| vector.versions.contains(&version));
    of.map(|vector| unhex(&vector.line[..2])[0]).collect()
}

/// Section 2.2 of the versions; PUBLISH at QoS 3, and in 3.1.1 and 5.0 DUP at QoS 0, do not exist.
#[test]
fn every_first_byte_that_no_vector_shows_is_refused() {
    for version in Version::ALL {
        for packet_type in PacketType::ALL {
            let shown = first_bytes(packet_type, version);
            let Some(vector) =
                vectors_of(packet_type).into_iter().find(|v| v.versions.contains(&version))
            else {
                assert_eq!((packet_type, version == Version::V5_0), (PacketType::Auth, false));
                continue;
            };
            for flags in 0..16 {
                let mut bytes = vector.bytes();
                bytes[0] = (packet_type as u8) << 4 | flags;
                let allowed = shown.contains(&bytes[0]);
                let result = Packet::decode(frame(&bytes), version);
                let offset = result.err().map(|error| error.offset());
                assert_eq!(offset, (!allowed).then_some(0), "{version} {}", hex(&bytes));
            }
        }
    }
}

/// The remaining lengths that the vectors of a packet must have in a version.
fn boundaries(packet_type: PacketType, version: Version) -> &'static [usize] {
    use PacketType::{
        Auth, ConnAck, Connect, Disconnect, PingReq, PingResp, Publish, SubAck, Subscribe,
        UnsubAck, Unsubscribe,
    };
    match (packet_type, version) {
        (Publish, _) => &[127, 128, 16_383, 16_384, 2_097_151, 2_097_152],
        (PingReq | PingResp, _) => &[0],
        (Connect | Subscribe | SubAck | Unsubscribe, _)
        | (ConnAck | UnsubAck | Auth, Version::V5_0) => &[127, 128, 16_383, 16_384],
        (Disconnect, Version::V5_0) => &[0, 1, 2, 127, 128, 16_383, 16_384],
        (Disconnect, _) => &[0],
        (Auth, _) => &[],
        // The acknowledgements.
        (_, Version::V5_0) => &[2, 3, 4, 127, 128, 16_383, 16_384],
        (_, _) => &[2],
    }
}

#[test]
fn the_vectors_show_every_boundary_of_the_remaining_length() {
    let lengths: BTreeSet<(Version, PacketType, usize)> = all()
        .iter()
        .flat_map(|vector| {
            let bytes = vector.bytes();
            let len = frame(&bytes).body().len();
            vector.versions.iter().map(move |version| (*version, vector.packet_type, len))
        })
        .collect();
    for version in Version::ALL {
        for packet_type in PacketType::ALL {
            for &len in boundaries(packet_type, version) {
                let wanted = (version, packet_type, len);
                assert!(lengths.contains(&wanted), "{version} {packet_type} of {len}");
            }
        }
    }
}

/// Whether the bits fit together: section 3.1.2 of the versions.
fn may_be_connect_flags(version: Version, flags: u8) -> bool {
    let (will, will_qos, will_retain) = (flags >> 2 & 1, flags >> 3 & 3, flags >> 5 & 1);
    let will_fits = if will == 0 { will_qos | will_retain == 0 } else { will_qos < 3 };
    let password_alone = flags & 0xC0 == 0x40;
    flags & 1 == 0 && will_fits && (version == Version::V5_0 || !password_alone)
}

#[test]
fn the_vectors_show_every_combination_of_connect_flags_that_may_be() {
    for version in Version::ALL {
        let vectors = vectors_of(PacketType::Connect).into_iter();
        let canonical = vectors.filter(|vector| vector.canonical.is_none());
        let flags = canonical.filter(|vector| vector.versions == [version]).map(|vector| {
            let bytes = vector.bytes();
            frame(&bytes).body()[2 + version.protocol_name().len() + 1]
        });
        let shown: BTreeSet<u8> = flags.collect();
        let legal: BTreeSet<u8> =
            (0..=255).filter(|flags| may_be_connect_flags(version, *flags)).collect();
        assert_eq!(shown, legal, "{version}");
    }
}
