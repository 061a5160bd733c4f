//! Packets to bytes and back, whatever packets and whatever bytes.

mod hostile;
pub(crate) mod owned;
mod reader;
mod reference;
mod refusals;
mod strategies;
pub(crate) mod unruly;

use bytes::BytesMut;
use mqtt_sansio::{EncodeError, Packet, Properties, Property, PropertyId, ReasonCode, Version};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::support::{decode, hex};
use owned::Owned;
use strategies::{packet, version};

/// Enough cases to see each packet type many times; nothing is written to the source tree.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// The packet's bytes, into a buffer as long as foretold, and what the packet decodes from them to.
fn encoded(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, TestCaseError> {
    let refused = |error: EncodeError| TestCaseError::fail(format!("{packet:?}: {error}"));
    let len = packet.encoded_len(version).map_err(refused)?;
    let mut bytes = vec![0; len];
    prop_assert_eq!(packet.encode(version, &mut bytes), Ok(len), "{:?}", packet);
    Ok(bytes)
}

/// Each way to encode gives these bytes, and each that has too little room says how much it needs.
fn encodes_alike(packet: &Packet<'_>, version: Version, bytes: &[u8]) -> TestCaseResult {
    let len = bytes.len();
    let mut longer = vec![0xAA; len + 3];
    prop_assert_eq!(packet.encode(version, &mut longer), Ok(len));
    prop_assert!(longer[..len] == *bytes, "{:?}: {}", packet, hex(&longer));
    prop_assert_eq!(&longer[len..], &[0xAA; 3], "written past the end");

    let mut after = b"before".to_vec();
    prop_assert_eq!(packet.encode_to(version, &mut after), Ok(()));
    prop_assert!(after[6..] == *bytes, "{:?}: {}", packet, hex(&after));
    let mut after = BytesMut::from(&b"before"[..]);
    prop_assert_eq!(packet.encode_to(version, &mut after), Ok(()));
    prop_assert!(after[6..] == *bytes, "{:?}: {}", packet, hex(&after));

    let needed = u32::try_from(len).unwrap();
    for room in [0, 1, len / 2, len - 1] {
        let too_small = EncodeError::BufferTooSmall { needed };
        let mut short = vec![0xAA; len];
        prop_assert_eq!(packet.encode(version, &mut short[..room]), Err(too_small));
        prop_assert!(short[room..].iter().all(|byte| *byte == 0xAA), "written past the end");
        let mut short = vec![0xAA; room];
        prop_assert_eq!(packet.encode_to(version, &mut &mut short[..]), Err(too_small));
        prop_assert!(short.iter().all(|byte| *byte == 0xAA), "written to though it is too small");
    }
    header_encodes_alike(packet, version, bytes)
}

/// A PUBLISH's header and payload are the packet.
fn header_encodes_alike(packet: &Packet<'_>, version: Version, bytes: &[u8]) -> TestCaseResult {
    let Packet::Publish(publish) = packet else { return Ok(()) };
    let mut header = vec![0; bytes.len() - publish.payload.len()];
    prop_assert_eq!(publish.encode_header(version, &mut header), Ok(header.len()));
    prop_assert!([&header, publish.payload].concat() == bytes, "{}: {}", packet, hex(&header));
    let needed = u32::try_from(header.len()).unwrap();
    let one_short = header.len() - 1;
    prop_assert_eq!(
        publish.encode_header(version, &mut header[..one_short]),
        Err(EncodeError::BufferTooSmall { needed })
    );
    Ok(())
}

/// Look-ups in properties find what is in their list.
fn looks_up_alike(properties: Properties<'_>, list: &[Property<'_>]) -> TestCaseResult {
    for properties in [properties, Properties::from(list)] {
        prop_assert_eq!(properties.is_empty(), list.is_empty());
        for &id in PropertyId::ALL {
            let first = list.iter().copied().find(|property| property.id() == id);
            prop_assert_eq!(properties.find(id), first, "{} in {:?}", id, list);
            prop_assert_eq!(properties.contains(id), first.is_some(), "{} in {:?}", id, list);
        }
        let users = properties.user_properties().map(Property::UserProperty);
        let identifiers =
            properties.subscription_identifiers().map(Property::SubscriptionIdentifier);
        let is = |id| list.iter().copied().filter(move |property| property.id() == id);
        prop_assert!(users.eq(is(PropertyId::UserProperty)), "{:?}", list);
        prop_assert!(identifiers.eq(is(PropertyId::SubscriptionIdentifier)), "{:?}", list);
    }
    Ok(())
}

/// What encoding gives, refused or not, and that it was foretold.
fn attempt(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    let foretold = packet.encoded_len(version);
    let mut bytes = vec![0; foretold.unwrap_or(64)];
    let result = packet.encode(version, &mut bytes);
    assert_eq!(result, foretold, "{version} {packet:?}");
    result.map(|_| bytes)
}

/// A SUBACK with the failure code in 3.1, which has none but whose servers send it: it is read, and not
/// written.
fn is_failure_in_31(packet: &Packet<'_>, version: Version) -> bool {
    let Packet::SubAck(suback) = packet else { return false };
    let failed = suback.reason_codes.iter().any(|code| code == ReasonCode::UnspecifiedError);
    version == Version::V3_1 && failed
}

/// A version refuses a packet, or encodes what decodes to it; it does not matter whether the packet's
/// lists are wire bytes or slices.
pub(crate) fn means_the_same_or_nothing(packet: &Packet<'_>, version: Version) -> TestCaseResult {
    let result = attempt(packet, version);
    let same = Owned::of(packet).lend(|slices| attempt(slices, version));
    prop_assert!(result == same, "{} {:?}: {:?}, {:?}", version, packet, result, same);
    if let Ok(bytes) = result {
        prop_assert!(decode(&bytes, version) == Ok(*packet), "{} {:.400}", version, hex(&bytes));
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn what_is_encoded_decodes_to_the_same_packet((version, owned) in packet()) {
        owned.lend(|packet| {
            let bytes = encoded(packet, version)?;
            let title = || format!("{version} {packet:?}: {:.400}", hex(&bytes));
            prop_assert!(decode(&bytes, version) == Ok(*packet), "{}", title());
            prop_assert!(reference::bytes_of(packet, version) == Some(bytes.clone()), "{}", title());
            // Once more from what was decoded, whose lists are wire bytes.
            let decoded = decode(&bytes, version).unwrap();
            prop_assert!(encoded(&decoded, version)? == bytes, "{}", title());
            let properties = unruly::properties_of(&decoded);
            looks_up_alike(properties, &properties.iter().collect::<Vec<_>>())?;
            let words = |packet: &Packet<'_>| (packet.to_string(), format!("{packet:?}"));
            prop_assert_eq!(words(&decoded), words(packet));
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn every_way_to_encode_gives_the_same_bytes((version, owned) in packet()) {
        owned.lend(|packet| {
            let bytes = encoded(packet, version)?;
            encodes_alike(packet, version, &bytes)?;
            encodes_alike(&decode(&bytes, version).unwrap(), version, &bytes)
        })?;
    }

    #[test]
    fn a_packet_of_one_version_is_refused_by_another_or_is_the_same_there(
        (version, owned) in packet(),
        other in version(),
    ) {
        let bytes = owned.lend(|packet| encoded(packet, version))?;
        means_the_same_or_nothing(&decode(&bytes, version).unwrap(), other)?;
    }
}
