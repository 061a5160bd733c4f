//! Properties: section 2.2.2, and what each packet says of its own.

use mqtt_sansio::{
    Auth, ConnAck, Connect, EncodeError, PacketType, PayloadFormat, Properties, Property,
    PropertyId, QoS, ReasonCode, SubscriptionIdentifier, TopicAlias, TopicName, Violation, Will,
};

use super::super::{broken, legal, name, unwritten};
use super::V;
use crate::support::{decode, encode, hex, refusal, unhex};

/// Where properties stand: the bytes around them, and which may stand there, once and repeatedly.
struct Place {
    packet: PacketType,
    first: u8,
    before: &'static str,
    after: &'static str,
    once: &'static [u8],
    repeated: &'static [u8],
}

const fn place(
    packet: PacketType,
    [before, after]: [&'static str; 2],
    once: &'static [u8],
    repeated: &'static [u8],
) -> Place {
    let first = match packet {
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 2,
        _ => 0,
    };
    Place { packet, first: (packet as u8) << 4 | first, before, after, once, repeated }
}

/// The will's properties stand in CONNECT, too.
const WILL: Place = place(
    PacketType::Connect,
    ["00044d515454 05 06 0000 00 000163", "000177 0000"],
    &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18],
    USER,
);

const USER: &[u8] = &[0x26];
const REASON: &[u8] = &[0x1F];

/// Section 2.2.2.2, packet by packet.
const PLACES: [Place; 14] = [
    place(
        PacketType::Connect,
        ["00044d515454 05 02 0000", "000163"],
        &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x27],
        USER,
    ),
    WILL,
    place(
        PacketType::ConnAck,
        ["0000", ""],
        &[
            0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x27, 0x28,
            0x29, 0x2A,
        ],
        USER,
    ),
    place(
        PacketType::Publish,
        ["000174", ""],
        &[0x01, 0x02, 0x03, 0x08, 0x09, 0x23],
        &[0x0B, 0x26],
    ),
    place(PacketType::PubAck, ["0001 00", ""], REASON, USER),
    place(PacketType::PubRec, ["0001 00", ""], REASON, USER),
    place(PacketType::PubRel, ["0001 00", ""], REASON, USER),
    place(PacketType::PubComp, ["0001 00", ""], REASON, USER),
    place(PacketType::Subscribe, ["0001", "000161 00"], &[0x0B], USER),
    place(PacketType::SubAck, ["0001", "00"], REASON, USER),
    place(PacketType::Unsubscribe, ["0001", "000161"], &[], USER),
    place(PacketType::UnsubAck, ["0001", "00"], REASON, USER),
    place(PacketType::Disconnect, ["00", ""], &[0x11, 0x1C, 0x1F], USER),
    place(PacketType::Auth, ["18", ""], &[0x15, 0x16, 0x1F], USER),
];

impl Place {
    fn is_will(&self) -> bool {
        self.after == WILL.after
    }

    fn allows(&self, id: u8) -> bool {
        self.once.contains(&id) || self.repeated.contains(&id)
    }

    /// The packet with those properties there, and the offset of the first of them.
    fn with(&self, properties: &[u8]) -> (Vec<u8>, u32) {
        let (before, after) = (unhex(self.before), unhex(self.after));
        let len = u8::try_from(properties.len()).unwrap();
        let body = [&before[..], &[len], properties, &after].concat();
        let header = [self.first, u8::try_from(body.len()).unwrap()];
        let offset = u32::try_from(2 + before.len() + 1).unwrap();
        ([&header[..], &body].concat(), offset)
    }

    /// As `with`, after the Authentication Method that AUTH and Authentication Data ask for.
    fn with_method(&self, id: u8, properties: &[u8]) -> (Vec<u8>, u32) {
        let asked_for = match self.packet {
            PacketType::Auth => id != 0x15,
            PacketType::Connect => id == 0x16 && !self.is_will(),
            _ => false,
        };
        if !asked_for {
            return self.with(properties);
        }
        let method = unhex("15 00016d");
        let (bytes, offset) = self.with(&[&method[..], properties].concat());
        (bytes, offset + 4)
    }

    fn name(&self) -> String {
        format!("{} of {}", if self.is_will() { "will" } else { "properties" }, self.packet)
    }
}

/// A value that each property may have, in hex, by identifier.
const VALUES: [(u8, &str); 27] = [
    (0x01, "01"),
    (0x02, "00000001"),
    (0x03, "000174"),
    (0x08, "000172"),
    (0x09, "0002ff00"),
    (0x0B, "8001"),
    (0x11, "ffffffff"),
    (0x12, "000163"),
    (0x13, "003c"),
    (0x15, "00016d"),
    (0x16, "0002ff00"),
    (0x17, "00"),
    (0x18, "00000001"),
    (0x19, "01"),
    (0x1A, "000169"),
    (0x1C, "000173"),
    (0x1F, "000172"),
    (0x21, "0001"),
    (0x22, "0000"),
    (0x23, "0001"),
    (0x24, "01"),
    (0x25, "00"),
    (0x26, "00016e000176"),
    (0x27, "00000001"),
    (0x28, "00"),
    (0x29, "00"),
    (0x2A, "00"),
];

fn property(id: u8, value: &str) -> Vec<u8> {
    [&[id][..], &unhex(value)].concat()
}

#[test]
fn s2_2_2_2_each_property_stands_in_its_packets_only() {
    for place in &PLACES {
        for (id, value) in VALUES {
            let (bytes, offset) = place.with_method(id, &property(id, value));
            let of = format!("{id:#04x} in {}: {}", place.name(), hex(&bytes));
            if place.allows(id) {
                let packet = decode(&bytes, V).unwrap_or_else(|error| panic!("{of}: {error}"));
                assert_eq!(encode(&packet, V), bytes, "{of}");
            } else {
                let expected = (Violation::PropertyNotAllowed, offset);
                assert_eq!(refusal(&bytes, V), expected, "{of}");
            }
        }
    }
}

#[test]
fn s2_2_2_2_the_table_of_places_is_public() {
    assert!(PropertyId::ALL.iter().map(|id| u8::from(*id)).eq(VALUES.map(|(id, _)| id)));
    for (id, (byte, _)) in PropertyId::ALL.iter().zip(VALUES) {
        assert_eq!(id.is_allowed_in_will(), WILL.allows(byte), "{id}");
        for packet in PacketType::ALL {
            let place = PLACES.iter().find(|place| place.packet == packet && !place.is_will());
            let allowed = place.is_some_and(|place| place.allows(byte));
            assert_eq!(id.is_allowed_in(packet), allowed, "{id} in {packet}");
        }
    }
}

#[test]
fn s2_2_2_2_unknown_identifiers_are_malformed() {
    for place in &PLACES {
        for id in 0..=0x7F {
            if VALUES.iter().any(|(known, _)| *known == id) {
                continue;
            }
            let (bytes, offset) = place.with_method(id, &[id, 0, 0, 0, 0]);
            let expected = (Violation::UnknownProperty, offset);
            assert_eq!(refusal(&bytes, V), expected, "{id:#04x} in {}", place.name());
        }
        for (id, violation) in [
            (&[0x80, 0x01][..], Violation::UnknownProperty),
            (&[0xFF, 0xFF, 0xFF, 0x7F], Violation::UnknownProperty),
            (&[0x80, 0x80, 0x80, 0x80, 0x01], Violation::VarintTooLong),
            (&[0xA6, 0x00], Violation::VarintNotMinimal),
        ] {
            let (bytes, offset) = place.with_method(0, id);
            assert_eq!(refusal(&bytes, V), (violation, offset), "{}", hex(&bytes));
        }
    }
}

#[test]
fn s2_2_2_2_a_value_that_is_cut_short_is_malformed() {
    for place in &PLACES {
        for (id, value) in VALUES.into_iter().filter(|(id, _)| place.allows(*id)) {
            let whole = property(id, value);
            for len in 1..whole.len() {
                let (bytes, offset) = place.with_method(id, &whole[..len]);
                // The offset is that of the field: the pair's second string, the integer's next byte.
                let field = match (id, len) {
                    (0x26, 4..) => 4,
                    (0x0B, 2) => 2,
                    _ => 1,
                };
                let expected = (Violation::Truncated, offset + field);
                assert_eq!(refusal(&bytes, V), expected, "{}", hex(&bytes));
            }
        }
    }
}

#[test]
fn s2_2_2_2_a_property_stands_once_but_for_those_that_may_be_repeated() {
    for place in &PLACES {
        for (id, value) in VALUES.into_iter().filter(|(id, _)| place.allows(*id)) {
            let single = property(id, value);
            let (bytes, offset) = place.with_method(id, &single.repeat(2));
            let of = format!("{id:#04x} twice in {}: {}", place.name(), hex(&bytes));
            if place.repeated.contains(&id) {
                let packet = decode(&bytes, V).unwrap_or_else(|error| panic!("{of}: {error}"));
                assert_eq!(encode(&packet, V), bytes, "{of}");
            } else {
                let second = offset + u32::try_from(single.len()).unwrap();
                assert_eq!(refusal(&bytes, V), (Violation::DuplicateProperty, second), "{of}");
            }
        }
    }
}

#[test]
fn s2_2_2_2_the_order_of_properties_is_free_and_kept() {
    for place in &PLACES {
        let mut properties: Vec<Vec<u8>> = VALUES
            .into_iter()
            .filter(|(id, _)| place.allows(*id))
            .map(|(id, value)| property(id, value))
            .collect();
        for _ in 0..properties.len() {
            properties.rotate_left(1);
            let (bytes, _) = place.with(&properties.concat());
            let packet = decode(&bytes, V).unwrap_or_else(|e| panic!("{}: {e}", hex(&bytes)));
            assert_eq!(encode(&packet, V), bytes, "{packet}");
        }
    }
}

#[test]
fn s3_1_2_11_s3_2_2_3_s3_3_2_3_values_out_of_bounds_are_protocol_errors() {
    let wrong = Violation::PropertyValue;
    let cases = [
        (0x01, "02", wrong),
        (0x01, "ff", wrong),
        (0x17, "02", wrong),
        (0x19, "02", wrong),
        (0x24, "02", wrong),
        (0x24, "ff", wrong),
        (0x25, "02", wrong),
        (0x28, "02", wrong),
        (0x29, "80", wrong),
        (0x2A, "ff", wrong),
        (0x21, "0000", wrong),
        (0x27, "00000000", wrong),
        (0x0B, "00", wrong),
        (0x23, "0000", Violation::TopicAliasZero),
        (0x08, "0000", Violation::EmptyTopicName),
        (0x08, "00012b", Violation::WildcardInTopicName),
    ];
    for place in &PLACES {
        for (id, value, violation) in cases.into_iter().filter(|(id, ..)| place.allows(*id)) {
            let (bytes, offset) = place.with(&property(id, value));
            assert_eq!(refusal(&bytes, V), (violation, offset + 1), "{}", hex(&bytes));
        }
    }
}

#[test]
fn s3_1_2_11_10_authentication_data_needs_a_method() {
    let method_and_data = [Property::AuthenticationMethod("m"), Property::AuthenticationData(b"d")];
    let with =
        |properties| Connect { properties: Properties::new(properties), ..Connect::new(V, "c") };
    let bytes = "10 16 00044d515454 05 02 0000 08 15 00016d 16 000164 000163";
    legal(V, bytes, with(&method_and_data));
    let bytes = "10 16 00044d515454 05 02 0000 08 16 000164 15 00016d 000163";
    let data_and_method = [method_and_data[1], method_and_data[0]];
    legal(V, bytes, with(&data_and_method));
    let missing = Violation::AuthenticationMethodMissing;
    broken(V, "10 12 00044d515454 05 02 0000 04 16 000164 000163", missing, 13);
    unwritten(V, with(&method_and_data[1..]), missing);
    // CONNACK may leave out the method: the client knows it.
    let properties = Properties::new(&method_and_data[1..]);
    let connack = ConnAck { properties, ..ConnAck::accepted(false) };
    legal(V, "20 07 0000 04 16 000164", connack);
}

/// Every property with a value that may be sent.
fn every_property() -> [Property<'static>; 27] {
    [
        Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::MessageExpiryInterval(1),
        Property::ContentType("t"),
        Property::ResponseTopic(TopicName::new("r").unwrap()),
        Property::CorrelationData(&[0xFF, 0]),
        Property::SubscriptionIdentifier(SubscriptionIdentifier::new(128).unwrap()),
        Property::SessionExpiryInterval(u32::MAX),
        Property::AssignedClientIdentifier("c"),
        Property::ServerKeepAlive(60),
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(&[0xFF, 0]),
        Property::RequestProblemInformation(false),
        Property::WillDelayInterval(1),
        Property::RequestResponseInformation(true),
        Property::ResponseInformation("i"),
        Property::ServerReference("s"),
        Property::ReasonString("r"),
        Property::ReceiveMaximum(1.try_into().unwrap()),
        Property::TopicAliasMaximum(0),
        Property::TopicAlias(TopicAlias::new(1).unwrap()),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::UserProperty(mqtt_sansio::UserProperty { name: "n", value: "v" }),
        Property::MaximumPacketSize(1.try_into().unwrap()),
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
    ]
}

/// A packet of that place with those properties, encoded.
fn write(place: &Place, properties: &[Property<'_>]) -> Result<Vec<u8>, EncodeError> {
    write_properties(place, Properties::from(properties))
}

fn write_properties(place: &Place, properties: Properties<'_>) -> Result<Vec<u8>, EncodeError> {
    let (template, _) = place.with_method(0, &[]);
    let mut packet = decode(&template, V).unwrap_or_else(|e| panic!("{}: {e}", hex(&template)));
    *super::super::properties_of(&mut packet, place.is_will()) = properties;
    packet.encoded_len(V)?;
    Ok(encode(&packet, V))
}

#[test]
fn s2_2_2_2_properties_are_written_where_they_may_be_read_only() {
    let method = Property::AuthenticationMethod("m");
    for place in &PLACES {
        for (property, (id, value)) in every_property().into_iter().zip(VALUES) {
            assert_eq!(u8::from(property.id()), id);
            let expected = place.with_method(id, &self::property(id, value)).0;
            let alone = place.with(&self::property(id, value)).0;
            let list = if alone == expected { vec![property] } else { vec![method, property] };
            let of = format!("{property:?} in {}", place.name());
            if !place.allows(id) {
                let refused = Err(EncodeError::Violation(Violation::PropertyNotAllowed));
                assert_eq!(write(place, &list), refused, "{of}");
                continue;
            }
            assert_eq!(write(place, &list), Ok(expected), "{of}");
            let twice = [&list[..], &[property]].concat();
            let result = write(place, &twice).map(|bytes| decode(&bytes, V).is_ok());
            if place.repeated.contains(&id) {
                assert_eq!(result, Ok(true), "{of}");
            } else {
                let refused = Err(EncodeError::Violation(Violation::DuplicateProperty));
                assert_eq!(result, refused, "{of}");
            }
        }
    }
}

/// Those that a decoded packet has, in the place they were decoded in.
fn read_properties<'a>(bytes: &'a [u8], place: &Place) -> Properties<'a> {
    let mut packet = decode(bytes, V).unwrap_or_else(|e| panic!("{}: {e}", hex(bytes)));
    *super::super::properties_of(&mut packet, place.is_will())
}

#[test]
fn s2_2_2_2_properties_that_were_read_are_checked_again_where_they_are_put() {
    for from in &PLACES {
        for (id, value) in VALUES.into_iter().filter(|(id, _)| from.allows(*id)) {
            let times = if from.repeated.contains(&id) { 2 } else { 1 };
            for times in 1..=times {
                let (bytes, _) = from.with_method(id, &property(id, value).repeat(times));
                let read = read_properties(&bytes, from);
                let copied: Vec<Property<'_>> = read.iter().collect();
                assert_eq!(read, Properties::from(&copied[..]));
                for to in &PLACES {
                    let of = format!("{read:?} from {} in {}", from.name(), to.name());
                    assert_eq!(write_properties(to, read), write(to, &copied), "{of}");
                }
            }
        }
    }
}

#[test]
fn s3_2_2_3_4_maximum_qos_2_is_not_written() {
    let with = |properties| ConnAck {
        properties: Properties::new(properties),
        ..ConnAck::accepted(false)
    };
    legal(V, "20 05 0000 02 24 00", with(&[Property::MaximumQoS(QoS::AtMostOnce)]));
    legal(V, "20 05 0000 02 24 01", with(&[Property::MaximumQoS(QoS::AtLeastOnce)]));
    unwritten(V, with(&[Property::MaximumQoS(QoS::ExactlyOnce)]), Violation::PropertyValue);
}

#[test]
fn s3_1_3_2_will_properties_are_not_those_of_connect() {
    let delay = [Property::WillDelayInterval(10)];
    let properties = Properties::from(&delay);
    let will = Some(Will { properties, ..Will::new(name("w"), b"") });
    let connect = Connect { will, ..Connect::new(V, "c") };
    legal(V, "10 19 00044d515454 05 06 0000 00 000163 05 18 0000000a 000177 0000", connect);
    let not_allowed = Violation::PropertyNotAllowed;
    let in_connect = "10 19 00044d515454 05 06 0000 05 18 0000000a 000163 00 000177 0000";
    broken(V, in_connect, not_allowed, 13);
    unwritten(V, Connect { properties, ..Connect::new(V, "c") }, not_allowed);
    let session = "10 19 00044d515454 05 06 0000 00 000163 05 11 0000000a 000177 0000";
    broken(V, session, not_allowed, 17);
    let method = [Property::AuthenticationMethod("m"), delay[0]];
    unwritten(V, Auth::new(ReasonCode::ContinueAuthentication, &method), not_allowed);
}
