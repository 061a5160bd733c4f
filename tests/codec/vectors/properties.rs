//! The properties of the vectors: in each place those that may stand there, and nothing but them.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_sansio::{Packet, PacketType, Properties, PropertyId, Version, Violation};

use super::coverage::small_v5;
use crate::roundtrip::means_the_same_or_nothing;
use crate::roundtrip::unruly::{properties_of, with_properties};
use crate::support::{decode, hex, unhex};

/// Where properties stand: in a packet, or (`true`) in its will.
type Place = (PacketType, bool);

fn properties<'a>(packet: &Packet<'a>) -> Vec<(Place, Properties<'a>)> {
    let properties = match packet {
        Packet::Connect(connect) => {
            let will = connect.will.map(|will| ((PacketType::Connect, true), will.properties));
            let own = ((PacketType::Connect, false), connect.properties);
            return will.into_iter().chain([own]).collect();
        }
        Packet::ConnAck(packet) => packet.properties,
        Packet::Publish(packet) => packet.properties,
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => packet.properties,
        Packet::Subscribe(packet) => packet.properties,
        Packet::SubAck(packet) => packet.properties,
        Packet::Unsubscribe(packet) => packet.properties,
        Packet::UnsubAck(packet) => packet.properties,
        Packet::Disconnect(packet) => packet.properties,
        Packet::Auth(packet) => packet.properties,
        Packet::PingReq | Packet::PingResp => return vec![],
    };
    vec![((packet.packet_type(), false), properties)]
}

fn is_allowed(id: PropertyId, (packet_type, will): Place) -> bool {
    if will { id.is_allowed_in_will() } else { id.is_allowed_in(packet_type) }
}

/// What the vectors show in each place: the properties, with those among them that are repeated.
fn shown_properties() -> BTreeMap<(Place, PropertyId), bool> {
    let mut shown = BTreeMap::new();
    for packet_type in PacketType::ALL {
        for vector in small_v5(packet_type) {
            let bytes = vector.bytes();
            let packet = decode(&bytes, Version::V5_0).unwrap();
            for (place, properties) in properties(&packet) {
                let mut seen = BTreeSet::new();
                for id in properties.iter().map(|property| property.id()) {
                    *shown.entry((place, id)).or_insert(false) |= !seen.insert(id);
                }
            }
        }
    }
    shown
}

/// A value of each property.
const PROPERTIES: [(PropertyId, &str); 27] = [
    (PropertyId::PayloadFormatIndicator, "01 01"),
    (PropertyId::MessageExpiryInterval, "02 00000001"),
    (PropertyId::ContentType, "03 0001 63"),
    (PropertyId::ResponseTopic, "08 0001 72"),
    (PropertyId::CorrelationData, "09 0001 ff"),
    (PropertyId::SubscriptionIdentifier, "0b c801"),
    (PropertyId::SessionExpiryInterval, "11 00000001"),
    (PropertyId::AssignedClientIdentifier, "12 0001 69"),
    (PropertyId::ServerKeepAlive, "13 0001"),
    (PropertyId::AuthenticationMethod, "15 0001 6d"),
    (PropertyId::AuthenticationData, "16 0001 ff"),
    (PropertyId::RequestProblemInformation, "17 01"),
    (PropertyId::WillDelayInterval, "18 00000001"),
    (PropertyId::RequestResponseInformation, "19 01"),
    (PropertyId::ResponseInformation, "1a 0001 72"),
    (PropertyId::ServerReference, "1c 0001 73"),
    (PropertyId::ReasonString, "1f 0001 72"),
    (PropertyId::ReceiveMaximum, "21 0001"),
    (PropertyId::TopicAliasMaximum, "22 0001"),
    (PropertyId::TopicAlias, "23 0001"),
    (PropertyId::MaximumQoS, "24 01"),
    (PropertyId::RetainAvailable, "25 01"),
    (PropertyId::UserProperty, "26 0001 6b 0001 76"),
    (PropertyId::MaximumPacketSize, "27 00000001"),
    (PropertyId::WildcardSubscriptionAvailable, "28 01"),
    (PropertyId::SubscriptionIdentifierAvailable, "29 01"),
    (PropertyId::SharedSubscriptionAvailable, "2a 01"),
];

/// Each place of properties: what stands before them and after them, fixed header left out.
const PLACES: [(Place, &str, &str); 14] = [
    ((PacketType::Connect, false), "0004 4d515454 05 02 003c", "0000"),
    ((PacketType::Connect, true), "0004 4d515454 05 06 003c 00 0000", "0001 74 0000"),
    ((PacketType::ConnAck, false), "00 00", ""),
    ((PacketType::Publish, false), "0001 74", ""),
    ((PacketType::PubAck, false), "0001 00", ""),
    ((PacketType::PubRec, false), "0001 00", ""),
    ((PacketType::PubRel, false), "0001 00", ""),
    ((PacketType::PubComp, false), "0001 00", ""),
    ((PacketType::Subscribe, false), "0001", "0001 61 00"),
    ((PacketType::SubAck, false), "0001", "00"),
    ((PacketType::Unsubscribe, false), "0001", "0001 61"),
    ((PacketType::UnsubAck, false), "0001", "00"),
    ((PacketType::Disconnect, false), "00", ""),
    ((PacketType::Auth, false), "18", ""),
];

/// A packet with that block of properties, and where in it the block stands.
fn packet_with(place: Place, block: &[u8]) -> (Vec<u8>, usize) {
    let length = u8::try_from(block.len()).unwrap();
    let (packet, at) = packet_with_raw(place, &[&[length][..], block].concat());
    (packet, at + 1)
}

/// A packet with those bytes for property length and properties, and where in it they stand.
fn packet_with_raw(place: Place, properties: &[u8]) -> (Vec<u8>, usize) {
    let (_, before, after) = PLACES.iter().find(|(of, ..)| *of == place).unwrap();
    let body = [&unhex(before), properties, &unhex(after)].concat();
    let fixed_flags = match place.0 {
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 2,
        _ => 0,
    };
    let header = [(place.0 as u8) << 4 | fixed_flags, u8::try_from(body.len()).unwrap()];
    ([&header[..], &body].concat(), 2 + unhex(before).len())
}

/// The authentication method where a packet needs one beside that property.
fn method(place: Place, id: PropertyId) -> &'static str {
    let needed = match place {
        (PacketType::Auth, _) => id != PropertyId::AuthenticationMethod,
        (PacketType::Connect, false) => id == PropertyId::AuthenticationData,
        _ => false,
    };
    if needed { "15 0001 6d" } else { "" }
}

/// What decoding that block in that place says, its offset counted from the start of the block.
fn refusal(place: Place, block: &[u8]) -> Option<(Violation, usize)> {
    let (bytes, at) = packet_with(place, block);
    let error = decode(&bytes, Version::V5_0).err()?;
    Some((error.violation(), (error.offset() as usize).checked_sub(at).unwrap()))
}

#[test]
fn a_property_is_allowed_where_the_vectors_show_it_and_refused_elsewhere() {
    assert_eq!(PROPERTIES.map(|(id, _)| id), PropertyId::ALL);
    let shown = shown_properties();
    for (place, ..) in PLACES {
        for (id, value) in PROPERTIES {
            let allowed = shown.contains_key(&(place, id));
            assert_eq!(is_allowed(id, place), allowed, "{id} in {place:?}");
            let method = unhex(method(place, id));
            let block = [method.clone(), unhex(value)].concat();
            let expected = (!allowed).then_some((Violation::PropertyNotAllowed, method.len()));
            assert_eq!(refusal(place, &block), expected, "{place:?} {}", hex(&block));
        }
    }
}

#[test]
fn a_property_is_repeated_where_the_vectors_show_it_and_refused_elsewhere() {
    let shown = shown_properties();
    for (&(place, id), &repeated) in &shown {
        let (_, value) = PROPERTIES.iter().find(|(of, _)| *of == id).unwrap();
        let one = [unhex(method(place, id)), unhex(value)].concat();
        let two = [&one[..], &unhex(value)].concat();
        let expected = (!repeated).then_some((Violation::DuplicateProperty, one.len()));
        assert_eq!(refusal(place, &two), expected, "{place:?} {}", hex(&two));
    }
}

/// Decoded properties are wire bytes that were checked for one place only.
#[test]
fn properties_decoded_in_one_place_are_encoded_only_where_they_may_stand() {
    for (&(from, id), &repeated) in &shown_properties() {
        let (_, value) = PROPERTIES.iter().find(|(of, _)| *of == id).unwrap();
        let times = if repeated { 2 } else { 1 };
        let block = [unhex(method(from, id)), unhex(value).repeat(times)].concat();
        let (bytes, _) = packet_with(from, &block);
        let decoded = properties_of(&decode(&bytes, Version::V5_0).unwrap());
        for (to, ..) in PLACES {
            let (bytes, _) = packet_with(to, &unhex(method(to, PropertyId::UserProperty)));
            let packet = with_properties(decode(&bytes, Version::V5_0).unwrap(), decoded);
            let refused = packet.encoded_len(Version::V5_0).is_err();
            let expected = refusal(to, &block);
            assert_eq!(refused, expected.is_some(), "{from:?} to {to:?} {}", hex(&block));
            means_the_same_or_nothing(&packet, Version::V5_0).unwrap();
        }
    }
}

#[test]
fn an_identifier_without_property_is_refused_everywhere() {
    for (place, ..) in PLACES {
        for id in (0..0x80).filter(|id| PropertyId::ALL.iter().all(|known| *known as u8 != *id)) {
            let expected = Some((Violation::UnknownProperty, 0));
            assert_eq!(refusal(place, &[id, 1, 0]), expected, "{place:?} {id:#04x}");
        }
    }
}

/// `number`, less than 128, as a variable byte integer of that many bytes.
fn stretched(number: u8, width: usize) -> Vec<u8> {
    let mut bytes = vec![0x80; width];
    bytes[0] |= number;
    bytes[width - 1] &= 0x7F;
    bytes
}

#[test]
fn a_property_length_in_more_bytes_than_needed_is_refused_everywhere() {
    for (place, ..) in PLACES {
        for width in 2..=5 {
            let method = unhex(method(place, PropertyId::UserProperty));
            let length = stretched(u8::try_from(method.len()).unwrap(), width);
            let (bytes, at) = packet_with_raw(place, &[length, method].concat());
            let error = decode(&bytes, Version::V5_0).unwrap_err();
            let expected =
                if width < 5 { Violation::VarintNotMinimal } else { Violation::VarintTooLong };
            let refused = (error.violation(), error.offset() as usize);
            assert_eq!(refused, (expected, at), "{place:?} {}: {error}", hex(&bytes));
        }
    }
}

#[test]
fn a_subscription_identifier_in_more_bytes_than_needed_is_refused() {
    for packet_type in [PacketType::Subscribe, PacketType::Publish] {
        for width in 2..=5 {
            let block = [&[0x0B][..], &stretched(1, width)].concat();
            let expected =
                if width < 5 { Violation::VarintNotMinimal } else { Violation::VarintTooLong };
            let refused = refusal((packet_type, false), &block);
            assert_eq!(refused, Some((expected, 1)), "{packet_type} {}", hex(&block));
        }
    }
}

#[test]
fn authentication_without_a_method_is_refused_in_connect_and_auth_only() {
    let data = unhex("16 0001 ff");
    let missing = Some(Violation::AuthenticationMethodMissing);
    let violation = |place, block: &[u8]| refusal(place, block).map(|(violation, _)| violation);
    assert_eq!(violation((PacketType::Connect, false), &data), missing);
    assert_eq!(violation((PacketType::ConnAck, false), &data), None);
    assert_eq!(violation((PacketType::Auth, false), &data), missing);
    let reason_string = unhex("1f 0001 72");
    assert_eq!(violation((PacketType::Auth, false), &reason_string), missing);
    let empty = decode(&[0xF0, 0x02, 0x18, 0x00], Version::V5_0).unwrap_err();
    assert_eq!(Some(empty.violation()), missing);
}

#[test]
fn a_value_outside_what_the_property_allows_is_refused() {
    let flags = PROPERTIES.iter().filter(|(id, value)| {
        value.len() == "01 01".len() && *id != PropertyId::SubscriptionIdentifier
    });
    let flags: Vec<u8> = flags.map(|(id, _)| *id as u8).collect();
    assert_eq!(flags, [0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A]);
    let too_high = flags.iter().flat_map(|id| (2..=255).map(|value| vec![*id, value]));
    let zero = ["0b 00", "21 0000", "27 00000000"].map(unhex);
    let mut refused = 0;
    for block in too_high.chain(zero) {
        for (place, ..) in PLACES {
            if PropertyId::ALL.iter().any(|id| *id as u8 == block[0] && is_allowed(*id, place)) {
                let expected = Some((Violation::PropertyValue, 1));
                assert_eq!(refusal(place, &block), expected, "{place:?} {}", hex(&block));
                refused += 1;
            }
        }
    }
    assert!(refused > 254 * flags.len());
    let alias = refusal((PacketType::Publish, false), &unhex("23 0000"));
    assert_eq!(alias, Some((Violation::TopicAliasZero, 1)));
}
