//! Traps in strings: every field that holds one, with every kind of wrong bytes.

use mqtt_sansio::{
    ConnAck, Connect, EncodeError, Frame, MAXIMUM_PACKET_SIZE, Packet, PacketId, PacketType,
    Properties, Property, PropertyId, Publish, QoS, Subscribe, Subscription, TopicFilter,
    TopicName, Unsubscribe, UserProperty, Version, Violation, Will,
};

use Version::{V3_1_1, V5_0};

use crate::support::{decode, encode, hex, refusal};

/// A field, and the packet that has it, in bytes.
type Encoded = (&'static str, Version, Result<Vec<u8>, EncodeError>);

/// A packet for each field that holds a string; `text` is in it.
fn packets_with_string(text: &str) -> Vec<Encoded> {
    let mut packets = Vec::new();
    for version in Version::ALL {
        let client_id = Packet::from(Connect::new(version, text));
        packets.push(("client id", version, try_encode(&client_id, version)));
        let user_name = Connect { user_name: Some(text), ..Connect::new(version, "c") };
        packets.push(("user name", version, try_encode(&user_name.into(), version)));
    }
    for property in [
        Property::ContentType(text),
        Property::AssignedClientIdentifier(text),
        Property::AuthenticationMethod(text),
        Property::ResponseInformation(text),
        Property::ServerReference(text),
        Property::ReasonString(text),
        Property::UserProperty(UserProperty { name: text, value: "v" }),
        Property::UserProperty(UserProperty { name: "n", value: text }),
    ] {
        packets.push((property.id().name(), V5_0, try_encode_property(property)));
    }
    packets
}

/// A packet for each field that holds a topic name or filter.
fn packets_with_topic(text: &str) -> Vec<Encoded> {
    let mut packets = Vec::new();
    let (name, filter) = (TopicName::new(text).unwrap(), TopicFilter::new(text).unwrap());
    for version in Version::ALL {
        let publish = Packet::from(Publish::new(name, b"payload"));
        packets.push(("topic name", version, try_encode(&publish, version)));
        let will = Some(Will::new(name, b"payload"));
        let will = Packet::from(Connect { will, ..Connect::new(version, "c") });
        packets.push(("will topic", version, try_encode(&will, version)));
        let filters = [Subscription::new(filter, QoS::AtMostOnce)];
        let subscribe = Packet::from(Subscribe::new(PacketId::MIN, &filters));
        packets.push(("filter of SUBSCRIBE", version, try_encode(&subscribe, version)));
        let filters = [filter];
        let unsubscribe = Packet::from(Unsubscribe::new(PacketId::MIN, &filters));
        packets.push(("filter of UNSUBSCRIBE", version, try_encode(&unsubscribe, version)));
    }
    packets.push(("response_topic", V5_0, try_encode_property(Property::ResponseTopic(name))));
    packets
}

/// A packet for each field that holds binary data.
fn packets_with_binary(bytes: &[u8]) -> Vec<Encoded> {
    let mut packets = Vec::new();
    for version in Version::ALL {
        let connect = Connect::new(version, "c");
        let password = Connect { user_name: Some("u"), password: Some(bytes), ..connect };
        packets.push(("password", version, try_encode(&password.into(), version)));
        let will = Some(Will::new(TopicName::new("t").unwrap(), bytes));
        let will = Packet::from(Connect { will, ..connect });
        packets.push(("will payload", version, try_encode(&will, version)));
    }
    for property in [Property::CorrelationData(bytes), Property::AuthenticationData(bytes)] {
        packets.push((property.id().name(), V5_0, try_encode_property(property)));
    }
    packets
}

/// A variable byte integer in its shortest form.
fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7F {
        bytes.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A packet of that first byte and body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first][..], &varint(body.len()), body].concat()
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap()
}

fn try_encode(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    packet.encoded_len(version)?;
    Ok(encode(packet, version))
}

/// In PUBLISH or CONNACK, wherever it may stand.
fn try_encode_property(property: Property<'_>) -> Result<Vec<u8>, EncodeError> {
    let properties = [property];
    let properties = Properties::from(&properties);
    let packet = if property.id().is_allowed_in(PacketType::Publish)
        && property.id() != PropertyId::UserProperty
    {
        let topic = TopicName::new("t").unwrap();
        Packet::from(Publish { properties, ..Publish::new(topic, b"payload") })
    } else {
        Packet::from(ConnAck { properties, ..ConnAck::accepted(false) })
    };
    try_encode(&packet, V5_0)
}

#[test]
fn a_string_of_65_536_bytes_is_not_encoded_anywhere() {
    let (longest, too_long) = ("s".repeat(65_535), "s".repeat(65_536));
    let refused = Err(EncodeError::Violation(Violation::StringTooLong));
    let strings = packets_with_string(&longest).into_iter().chain(packets_with_topic(&longest));
    for (field, version, bytes) in strings.chain(packets_with_binary(longest.as_bytes())) {
        let bytes = bytes.unwrap_or_else(|error| panic!("{version} {field}: {error}"));
        let packet = decode(&bytes, version).unwrap_or_else(|e| panic!("{version} {field}: {e}"));
        assert_eq!(encode(&packet, version), bytes, "{version} {field}");
        assert!(bytes.len() > 65_537, "{version} {field}");
    }
    let strings = packets_with_string(&too_long).into_iter();
    for (field, version, result) in strings.chain(packets_with_binary(too_long.as_bytes())) {
        assert_eq!(result, refused, "{version} {field}");
    }
    assert_eq!(TopicName::new(&too_long), Err(Violation::StringTooLong));
    assert_eq!(TopicFilter::new(&too_long), Err(Violation::StringTooLong));
    // A payload has no length of its own.
    let publish = Publish::new(TopicName::new("t").unwrap(), too_long.as_bytes());
    assert_eq!(encode(&publish.into(), V5_0).len(), 1 + 3 + 2 + 1 + 1 + 65_536);
}

/// Each packet, legal but for the bytes put where a string of their length was, and where its length is.
fn with_bytes_in_every_string(broken: &[u8]) -> Vec<(&'static str, Version, Vec<u8>, usize)> {
    let marker = "~".repeat(broken.len());
    let strings = packets_with_string(&marker).into_iter().chain(packets_with_topic(&marker));
    let replace = |(field, version, bytes): Encoded| {
        let mut bytes = bytes.unwrap();
        let at = bytes.windows(marker.len()).position(|part| part == marker.as_bytes()).unwrap();
        bytes[at..at + broken.len()].copy_from_slice(broken);
        (field, version, bytes, at - 2)
    };
    strings.map(replace).collect()
}

/// Every string field with those bytes is refused at the field's first byte.
fn expect_refused_everywhere(broken: &[u8], violation: Violation) {
    for (field, version, bytes, at) in with_bytes_in_every_string(broken) {
        let expected = (violation, offset(at));
        let found = refusal(&bytes, version);
        assert_eq!(found, expected, "{version} {field}: {}", hex(&bytes));
    }
}

#[test]
fn nul_is_refused_in_every_string() {
    expect_refused_everywhere(b"\0", Violation::NullCharacter);
    expect_refused_everywhere(b"a\0", Violation::NullCharacter);
    expect_refused_everywhere(b"before\0after", Violation::NullCharacter);
    expect_refused_everywhere("é\0".as_bytes(), Violation::NullCharacter);
}

#[test]
fn nul_is_not_encoded_in_any_string() {
    for text in ["\0", "a\0", "before\0after", "é\0"] {
        for (field, version, result) in packets_with_string(text) {
            let refused = Err(EncodeError::Violation(Violation::NullCharacter));
            assert_eq!(result, refused, "{version} {field}");
        }
        assert_eq!(TopicName::new(text), Err(Violation::NullCharacter));
        assert_eq!(TopicFilter::new(text), Err(Violation::NullCharacter));
    }
}

#[test]
fn an_encoded_surrogate_is_refused_in_every_string() {
    // U+D800, U+DFFF, and a pair of them as in CESU-8.
    for broken in [&b"\xED\xA0\x80"[..], b"a\xED\xBF\xBFz", b"\xED\xA0\xBD\xED\xB8\x80"] {
        expect_refused_everywhere(broken, Violation::InvalidUtf8);
    }
}

#[test]
fn overlong_utf_8_is_refused_in_every_string() {
    // A slash in two, three and four bytes; U+0000 as in modified UTF-8.
    for broken in
        [&b"\xC0\xAF"[..], b"\xE0\x80\xAF", b"\xF0\x80\x80\xAF", b"a\xC0\x80", b"\xC1\x81"]
    {
        expect_refused_everywhere(broken, Violation::InvalidUtf8);
    }
}

#[test]
fn other_ill_formed_utf_8_is_refused_in_every_string() {
    for broken in
        [&b"\x80"[..], b"a\xE2\x82", b"\xF4\x90\x80\x80", b"\xF5\x80\x80\x80", b"\xFE", b"caf\xE9"]
    {
        expect_refused_everywhere(broken, Violation::InvalidUtf8);
    }
}

/// The property block and the payload of CONNECT are UTF-8 as a whole, each string in them is not: a
/// character's bytes lie on both sides of a length, or half in one.
#[test]
fn a_character_may_not_run_from_a_string_into_a_length_or_back() {
    // U+00C0 of the name's last byte and the value's length; U+00E9 of its length and first byte.
    let (long, short) = ("x".repeat(0x8061), "x".repeat(0xC2));
    let cases = [
        [b"\x00\x02a\xC3\x80\x61", long.as_bytes()].concat(),
        [b"\x00\x01a\x00\xC3\xA9", short.as_bytes()].concat(),
    ];
    for (pair, at) in cases.into_iter().zip([0, 3]) {
        assert!(std::str::from_utf8(&pair).is_ok());
        let properties = [&[0x26][..], &pair].concat();
        let publish =
            packet(0x30, &[b"\x00\x01t", &varint(properties.len())[..], &properties].concat());
        let start = publish.len() - pair.len();
        assert_eq!(refusal(&publish, V5_0), (Violation::InvalidUtf8, offset(start + at)));
        let header = b"\x00\x04MQTT\x04\x82\x00\x3C";
        let connect = packet(0x10, &[header, &pair[..]].concat());
        let start = connect.len() - pair.len();
        assert_eq!(refusal(&connect, V3_1_1), (Violation::InvalidUtf8, offset(start + at)));
    }
}

#[test]
fn the_byte_order_mark_and_control_characters_are_kept_in_every_string() {
    for text in [
        "\u{feff}",
        "\u{feff}a",
        "a\u{feff}",
        "\u{1}",
        "\u{1f}",
        "\u{7f}\u{9f}",
        "\u{ffff}",
        "é",
        "😀",
    ] {
        for (field, version, bytes, at) in with_bytes_in_every_string(text.as_bytes()) {
            let packet = decode(&bytes, version)
                .unwrap_or_else(|error| panic!("{version} {field}: {}: {error}", hex(&bytes)));
            let written = encode(&packet, version);
            assert_eq!(written, bytes, "{version} {field}");
            assert_eq!(&written[at + 2..at + 2 + text.len()], text.as_bytes(), "{version} {field}");
        }
    }
}

#[test]
fn a_length_that_runs_past_the_packet_is_refused_and_the_next_packet_left_alone() {
    for (field, version, mut bytes, at) in with_bytes_in_every_string(b"text") {
        let len = bytes.len() - at - 1;
        let after = [0xC0, 0x00];
        for len in [len, bytes.len() + 1, 0xFFFF] {
            bytes[at..at + 2].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
            let stream = [bytes.as_slice(), &after].concat();
            let (frame, rest) = Frame::parse(&stream, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
            assert_eq!(rest, after, "{version} {field}");
            let error = Packet::decode(frame, version).unwrap_err();
            let expected = (Violation::Truncated, offset(at));
            assert_eq!((error.violation(), error.offset()), expected, "{version} {field}");
        }
    }
}
