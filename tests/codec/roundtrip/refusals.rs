//! Rules that packets built by hand can break: encoder and decoder name the same one.

use mqtt_sansio::{
    Delivery, EncodeError, PacketId, PacketType, Property, PropertyId, QoS, ReasonCode,
    RetainHandling, TopicFilter, TopicName, Version, Violation,
};

use super::owned::{
    Owned, OwnedConnect, OwnedProperty, OwnedPublish, OwnedSubscription, OwnedWill,
};
use super::{attempt, means_the_same_or_nothing, reference};
use crate::support::{decode, hex};

const V3: [Version; 2] = [Version::V3_1, Version::V3_1_1];
const V5: [Version; 1] = [Version::V5_0];

/// Encoding is refused for that reason, and so are the bytes that it would have given.
#[track_caller]
fn both_refuse(owned: &Owned, versions: &[Version], violation: Violation) {
    for &version in versions {
        owned.lend(|packet| {
            let refused = Err(EncodeError::Violation(violation));
            assert_eq!(attempt(packet, version), refused, "{version} {packet:?}");
            let bytes = reference::bytes_of(packet, version).expect("there are bytes for it");
            let error = decode(&bytes, version).err().map(|error| error.violation());
            assert_eq!(error, Some(violation), "{version} {packet:?}: {}", hex(&bytes));
        });
    }
}

#[track_caller]
fn takes(owned: &Owned, versions: &[Version]) {
    for &version in versions {
        owned.lend(|packet| {
            attempt(packet, version)
                .unwrap_or_else(|error| panic!("{version} {packet:?}: {error}"));
            means_the_same_or_nothing(packet, version).unwrap();
        });
    }
}

const ID: PacketId = PacketId::MIN;

fn connect(version: Version) -> OwnedConnect {
    OwnedConnect {
        version,
        clean_start: true,
        keep_alive: 0,
        properties: vec![],
        client_id: String::new(),
        will: None,
        user_name: None,
        password: None,
    }
}

fn will(topic: &str) -> OwnedWill {
    OwnedWill {
        topic: topic.to_owned(),
        payload: vec![],
        qos: QoS::AtMostOnce,
        retain: false,
        properties: vec![],
    }
}

fn publish(topic: &str, properties: Vec<OwnedProperty>) -> Owned {
    Owned::Publish(OwnedPublish {
        retain: false,
        delivery: Delivery::AtMostOnce,
        topic: topic.to_owned(),
        properties,
        payload: vec![],
    })
}

fn subscribe(filter: &str, no_local: bool) -> Owned {
    let subscription = OwnedSubscription {
        filter: filter.to_owned(),
        qos: QoS::AtMostOnce,
        no_local,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
    };
    Owned::Subscribe(ID, vec![], vec![subscription])
}

fn reason_string() -> OwnedProperty {
    OwnedProperty::Text(PropertyId::ReasonString, "r".to_owned())
}

#[test]
fn an_empty_topic_name_is_refused_but_in_publish_beside_an_alias() {
    let versions = Version::ALL;
    for version in versions {
        let connect = OwnedConnect { will: Some(will("")), ..connect(version) };
        both_refuse(&Owned::Connect(Box::new(connect)), &[version], Violation::EmptyTopicName);
    }
    let response_topic = OwnedProperty::ResponseTopic(String::new());
    both_refuse(&publish("t", vec![response_topic]), &V5, Violation::EmptyTopicName);
    let alias = Property::TopicAlias(mqtt_sansio::TopicAlias::new(1).unwrap());
    let alias = OwnedProperty::Plain(alias);
    let other = OwnedProperty::Plain(Property::MessageExpiryInterval(1));
    takes(&publish("", vec![alias.clone()]), &V5);
    takes(&publish("", vec![other.clone(), alias]), &V5);
    for properties in [vec![], vec![other]] {
        both_refuse(&publish("", properties), &V5, Violation::EmptyTopicNameWithoutAlias);
    }
}

#[test]
fn lists_of_filters_and_codes_must_not_be_empty() {
    let (subscribe, unsubscribe) =
        (Owned::Subscribe(ID, vec![], vec![]), Owned::Unsubscribe(ID, vec![], vec![]));
    both_refuse(&subscribe, &Version::ALL, Violation::NoTopicFilters);
    both_refuse(&unsubscribe, &Version::ALL, Violation::NoTopicFilters);
    both_refuse(&Owned::SubAck(ID, vec![], vec![]), &Version::ALL, Violation::NoReasonCodes);
    both_refuse(&Owned::UnsubAck(ID, vec![], vec![]), &V5, Violation::NoReasonCodes);
    takes(&Owned::UnsubAck(ID, vec![], vec![]), &V3);
}

#[test]
fn a_shared_subscription_has_its_form_and_no_local_is_not_for_it_in_5_0() {
    let unsubscribe = |filter: &str| Owned::Unsubscribe(ID, vec![], vec![filter.to_owned()]);
    for filter in ["$share/", "$share/g", "$share/g/", "$share//t", "$share/+/t", "$share/#"] {
        both_refuse(&subscribe(filter, false), &V5, Violation::InvalidSharedFilter);
        both_refuse(&unsubscribe(filter), &V5, Violation::InvalidSharedFilter);
        takes(&subscribe(filter, false), &V3);
        takes(&unsubscribe(filter), &V3);
    }
    for filter in ["$share/g/t", "$share/g/#", "$share/g//", "$share", "$SHARE/", "/$share/"] {
        takes(&subscribe(filter, false), &Version::ALL);
        takes(&unsubscribe(filter), &Version::ALL);
    }
    both_refuse(&subscribe("$share/g/t", true), &V5, Violation::NoLocalOnSharedSubscription);
    takes(&subscribe("$share", true), &V5);
}

#[test]
fn a_password_needs_a_user_name_before_5_0() {
    for version in Version::ALL {
        let connect = OwnedConnect { password: Some(vec![]), ..connect(version) };
        let alone = Owned::Connect(Box::new(connect.clone()));
        let user_name = Some(String::new());
        let both = Owned::Connect(Box::new(OwnedConnect { user_name, ..connect }));
        takes(&both, &[version]);
        match version {
            Version::V5_0 => takes(&alone, &V5),
            _ => both_refuse(&alone, &[version], Violation::PasswordWithoutUserName),
        }
    }
}

#[test]
fn session_present_is_for_success_only() {
    let refused = Owned::ConnAck(true, ReasonCode::NotAuthorized, vec![]);
    let versions = [Version::V3_1_1, Version::V5_0];
    both_refuse(&refused, &versions, Violation::SessionPresentOnRefusal);
    takes(&Owned::ConnAck(true, ReasonCode::Success, vec![]), &versions);
}

#[test]
fn properties_keep_to_their_places_numbers_and_values() {
    let disconnect = |properties| Owned::Disconnect(ReasonCode::Success, properties);
    let auth = |properties| Owned::Auth(ReasonCode::ContinueAuthentication, properties);
    let data = OwnedProperty::Binary(PropertyId::AuthenticationData, vec![]);
    let twice = vec![reason_string(), reason_string()];
    both_refuse(&disconnect(twice), &V5, Violation::DuplicateProperty);
    both_refuse(&disconnect(vec![data.clone()]), &V5, Violation::PropertyNotAllowed);
    both_refuse(&auth(vec![]), &V5, Violation::AuthenticationMethodMissing);
    both_refuse(&auth(vec![data.clone()]), &V5, Violation::AuthenticationMethodMissing);
    let connect = OwnedConnect { properties: vec![data.clone()], ..connect(Version::V5_0) };
    let connect = Owned::Connect(Box::new(connect));
    both_refuse(&connect, &V5, Violation::AuthenticationMethodMissing);
    takes(&Owned::ConnAck(false, ReasonCode::Success, vec![data]), &V5);
    let maximum_qos = OwnedProperty::Plain(Property::MaximumQoS(QoS::ExactlyOnce));
    let connack = Owned::ConnAck(false, ReasonCode::Success, vec![maximum_qos]);
    both_refuse(&connack, &V5, Violation::PropertyValue);
}

#[test]
fn a_reason_code_that_the_packet_does_not_list_is_refused() {
    let acks = [PacketType::PubAck, PacketType::PubRec, PacketType::PubRel, PacketType::PubComp];
    for &code in ReasonCode::ALL {
        let mut packets: Vec<(PacketType, Owned)> =
            acks.map(|packet| (packet, Owned::Ack(packet, ID, code, vec![]))).into();
        let with_reason = |packet| (packet, Owned::Ack(packet, ID, code, vec![reason_string()]));
        packets.extend(acks.map(with_reason));
        let method = OwnedProperty::Text(PropertyId::AuthenticationMethod, String::new());
        packets.extend([
            (PacketType::ConnAck, Owned::ConnAck(false, code, vec![])),
            (PacketType::SubAck, Owned::SubAck(ID, vec![], vec![ReasonCode::Success, code])),
            (PacketType::UnsubAck, Owned::UnsubAck(ID, vec![], vec![ReasonCode::Success, code])),
            (PacketType::Disconnect, Owned::Disconnect(code, vec![])),
            (PacketType::Disconnect, Owned::Disconnect(code, vec![reason_string()])),
            (PacketType::Auth, Owned::Auth(code, vec![method])),
        ]);
        for (packet_type, owned) in packets {
            if code.is_allowed_in(packet_type) {
                takes(&owned, &V5);
            } else {
                both_refuse(&owned, &V5, Violation::ReasonCodeNotListed);
            }
        }
    }
}

/// CONNECT with that text, and those bytes, in each of its fields in turn.
fn connects(text: &str, data: &[u8]) -> Vec<(Owned, bool)> {
    let connect = connect(Version::V5_0);
    let (text, data) = (text.to_owned(), data.to_owned());
    let property = |property| {
        vec![OwnedProperty::Text(PropertyId::AuthenticationMethod, "M".to_owned()), property]
    };
    let authentication = OwnedProperty::Binary(PropertyId::AuthenticationData, data.clone());
    let name = OwnedProperty::User(text.clone(), String::new());
    let value = OwnedProperty::User(String::new(), text.clone());
    let content_type = OwnedProperty::Text(PropertyId::ContentType, text.clone());
    let will_of = |payload, properties| Some(OwnedWill { payload, properties, ..will("t") });
    // Whether it is the text that stands there.
    let fields = [
        (OwnedConnect { client_id: text.clone(), ..connect.clone() }, true),
        (OwnedConnect { user_name: Some(text), ..connect.clone() }, true),
        (OwnedConnect { password: Some(data.clone()), ..connect.clone() }, false),
        (OwnedConnect { properties: property(authentication), ..connect.clone() }, false),
        (OwnedConnect { properties: property(name), ..connect.clone() }, true),
        (OwnedConnect { properties: property(value), ..connect.clone() }, true),
        (OwnedConnect { will: will_of(data, vec![]), ..connect.clone() }, false),
        (OwnedConnect { will: will_of(vec![], vec![content_type]), ..connect }, true),
    ];
    fields.map(|(connect, is_text)| (Owned::Connect(Box::new(connect)), is_text)).into()
}

#[test]
fn a_string_or_binary_field_of_65_536_bytes_is_refused_and_one_less_is_not() {
    for (owned, _) in connects(&"x".repeat(65_535), &[0; 65_535]) {
        owned.lend(|packet| means_the_same_or_nothing(packet, Version::V5_0)).unwrap();
        owned.lend(|packet| attempt(packet, Version::V5_0)).unwrap();
    }
    for (owned, _) in connects(&"x".repeat(65_536), &[0; 65_536]) {
        let result = owned.lend(|packet| attempt(packet, Version::V5_0));
        assert_eq!(result, Err(EncodeError::Violation(Violation::StringTooLong)));
    }
}

#[test]
fn u_0000_is_refused_at_every_place_of_strings_of_every_length_and_allowed_in_binary_fields() {
    for (len, at) in (1..20).flat_map(|len| (0..len).map(move |at| (len, at))) {
        let mut text = vec![b'a'; len];
        text[at] = 0;
        for (owned, is_text) in connects(std::str::from_utf8(&text).unwrap(), &text) {
            if is_text {
                both_refuse(&owned, &V5, Violation::NullCharacter);
            } else {
                takes(&owned, &V5);
            }
        }
    }
}

/// The violation and its offset, if any, of a packet that has these bytes for a topic name or filter.
fn refusal(
    first: u8,
    before: &[u8],
    topic: &[u8],
    version: Version,
) -> Result<(), (Violation, u32)> {
    let length = u16::try_from(topic.len()).unwrap().to_be_bytes();
    // After it: an empty property list, or options, or a payload of one byte.
    let after: &[u8] = if first == 0xA2 { &[] } else { &[0] };
    let body = [before, &length, topic, after].concat();
    let packet = [&[first, u8::try_from(body.len()).unwrap()], &body[..]].concat();
    match decode(&packet, version) {
        Ok(_) => Ok(()),
        Err(error) => Err((error.violation(), error.offset())),
    }
}

#[test]
fn topic_names_and_filters_keep_their_rules_in_packets_too() {
    let wildcard = Err(Violation::WildcardInTopicName);
    let misplaced = Err(Violation::MisplacedWildcard);
    let cases: [(&[u8], _, _); 16] = [
        (b"a", Ok(()), Ok(())),
        (b"#", wildcard, Ok(())),
        (b"+", wildcard, Ok(())),
        (b"a/#", wildcard, Ok(())),
        (b"+/a/+", wildcard, Ok(())),
        (b"a#", wildcard, misplaced),
        (b"#/a", wildcard, misplaced),
        (b"a/#/b", wildcard, misplaced),
        (b"a+", wildcard, misplaced),
        (b"+a", wildcard, misplaced),
        (b"a/b+/c", wildcard, misplaced),
        (b"##", wildcard, misplaced),
        (b"\xc3", Err(Violation::InvalidUtf8), Err(Violation::InvalidUtf8)),
        (b"a/\xed\xa0\x80/abcdefgh", Err(Violation::InvalidUtf8), Err(Violation::InvalidUtf8)),
        (b"\xc0\x80", Err(Violation::InvalidUtf8), Err(Violation::InvalidUtf8)),
        (b"abcdefgh\0", Err(Violation::NullCharacter), Err(Violation::NullCharacter)),
    ];
    for (bytes, name, filter) in cases {
        assert_eq!(TopicName::from_bytes(bytes).map(drop), name, "{}", hex(bytes));
        assert_eq!(TopicFilter::from_bytes(bytes).map(drop), filter, "{}", hex(bytes));
        for version in Version::ALL {
            let at = |offset: usize| u32::try_from(2 + offset).unwrap();
            let in_publish = name.map_err(|violation| (violation, at(0)));
            assert_eq!(refusal(0x30, &[], bytes, version), in_publish, "{}", hex(bytes));
            let before: &[u8] = if version == Version::V5_0 { &[0, 1, 0] } else { &[0, 1] };
            let in_request = filter.map_err(|violation| (violation, at(before.len())));
            for first in [0x82, 0xA2] {
                assert_eq!(refusal(first, before, bytes, version), in_request, "{}", hex(bytes));
            }
        }
    }
}

#[test]
fn a_topic_of_65_536_bytes_is_refused_and_one_less_is_not() {
    for (text, result) in [
        ("t".repeat(65_535), Ok(())),
        ("/".repeat(65_535), Ok(())),
        ("t".repeat(65_536), Err(Violation::StringTooLong)),
        ("é".repeat(32_768), Err(Violation::StringTooLong)),
    ] {
        assert_eq!(TopicName::new(&text).map(drop), result);
        assert_eq!(TopicFilter::new(&text).map(drop), result);
    }
}
