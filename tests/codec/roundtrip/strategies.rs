//! Packets that their version allows, by construction; and bytes that are nearly one.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use mqtt_sansio::{
    Delivery, PacketId, PacketType, PayloadFormat, Property, PropertyId, QoS, ReasonCode,
    RetainHandling, SubscriptionIdentifier, TopicAlias, Version,
};

use super::owned::{
    Owned, OwnedConnect, OwnedProperty, OwnedPublish, OwnedSubscription, OwnedWill,
};

/// Lengths where a length field or a varint grows, or a word of eight bytes ends.
const LENGTHS: [usize; 16] =
    [7, 8, 9, 15, 16, 17, 31, 32, 33, 126, 127, 128, 129, 255, 256, 16_384];

fn characters() -> impl Strategy<Value = char> {
    prop_oneof![
        3 => proptest::char::range(' ', '~').boxed(),
        2 => any::<char>().prop_filter("U+0000 is forbidden", |char| *char != '\0').boxed(),
        1 => select(vec!['\u{feff}', '\u{1}', '\u{7f}', 'é', '€', '😀', '\u{ffff}']).boxed(),
    ]
}

/// Any string that may be sent.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => vec(characters(), 0..12).prop_map(|chars| chars.into_iter().collect()).boxed(),
        4 => (characters(), select(&LENGTHS[..])).prop_map(|(char, len)| {
            let padding = ('!'..='~').filter(|char| !"+#".contains(*char)).cycle();
            let len = len.saturating_sub(char.len_utf8());
            [char].into_iter().chain(padding.take(len)).collect()
        }).boxed(),
        1 => Just("y".repeat(65_535)).boxed(),
    ]
}

/// Any bytes: most of them no UTF-8.
pub(crate) fn binary() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => vec(any::<u8>(), 0..12).boxed(),
        4 => (any::<u8>(), select(&LENGTHS[..])).prop_map(|(byte, len)| {
            (0..=255).cycle().skip(usize::from(byte)).take(len).collect()
        }).boxed(),
        1 => any::<u8>().prop_map(|byte| vec![byte; 65_535]).boxed(),
    ]
}

/// Any topic name.
pub(crate) fn topic() -> impl Strategy<Value = String> {
    text().prop_map(|text| match text.replace(['+', '#'], "/") {
        empty if empty.is_empty() => "t".to_owned(),
        topic => topic,
    })
}

/// A filter of ordinary levels, `+` and a last `#`.
fn plain_filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![
        4 => vec(characters(), 0..6).prop_map(|chars| {
            chars.into_iter().filter(|char| !"/+#".contains(*char)).collect::<String>()
        }).boxed(),
        2 => Just("+".to_owned()).boxed(),
        1 => Just("$share".to_owned()).boxed(),
        1 => select(&LENGTHS[..15]).prop_map(|len| "l".repeat(len)).boxed(),
    ];
    (vec(level, 1..5), any::<bool>()).prop_map(|(mut levels, all_below)| {
        if all_below {
            levels.push("#".to_owned());
        }
        match levels.join("/") {
            empty if empty.is_empty() => "/".to_owned(),
            filter => filter,
        }
    })
}

/// Whether 5.0 takes it for a shared subscription.
fn is_shared(filter: &str) -> bool {
    filter.starts_with("$share/")
}

/// A filter that the version allows.
fn filter(version: Version) -> BoxedStrategy<String> {
    if version != Version::V5_0 {
        return plain_filter().boxed();
    }
    let not_shared = plain_filter().prop_map(|filter| match is_shared(&filter) {
        true => format!("/{filter}"),
        false => filter,
    });
    let name = vec(characters(), 1..6).prop_map(|chars| {
        chars.into_iter().filter(|char| !"/+#".contains(*char)).collect::<String>()
    });
    let shared =
        (name, plain_filter()).prop_map(|(name, filter)| format!("$share/n{name}/{filter}"));
    prop_oneof![3 => not_shared.boxed(), 1 => shared.boxed()].boxed()
}

pub(crate) fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

pub(crate) fn qos() -> impl Strategy<Value = QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (qos(), any::<bool>(), packet_id()).prop_map(|(qos, dup, packet_id)| match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup, packet_id },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup, packet_id },
    })
}

fn plain<T: std::fmt::Debug>(
    values: impl Strategy<Value = T> + 'static,
    property: impl Fn(T) -> Property<'static> + 'static,
) -> BoxedStrategy<OwnedProperty> {
    values.prop_map(move |value| OwnedProperty::Plain(property(value))).boxed()
}

/// The property of that identifier, with any value that it may have.
pub(crate) fn property(id: PropertyId) -> BoxedStrategy<OwnedProperty> {
    use PropertyId as Id;
    let text_of = move || text().prop_map(move |text| OwnedProperty::Text(id, text)).boxed();
    let flag = any::<bool>;
    match id {
        Id::PayloadFormatIndicator => plain(flag(), |utf8| {
            let format = if utf8 { PayloadFormat::Utf8 } else { PayloadFormat::Bytes };
            Property::PayloadFormatIndicator(format)
        }),
        Id::MessageExpiryInterval => plain(any::<u32>(), Property::MessageExpiryInterval),
        Id::SessionExpiryInterval => plain(any::<u32>(), Property::SessionExpiryInterval),
        Id::WillDelayInterval => plain(any::<u32>(), Property::WillDelayInterval),
        Id::ServerKeepAlive => plain(any::<u16>(), Property::ServerKeepAlive),
        Id::TopicAliasMaximum => plain(any::<u16>(), Property::TopicAliasMaximum),
        Id::ReceiveMaximum => {
            plain(1..=u16::MAX, |number| Property::ReceiveMaximum(number.try_into().unwrap()))
        }
        Id::MaximumPacketSize => {
            plain(1..=u32::MAX, |number| Property::MaximumPacketSize(number.try_into().unwrap()))
        }
        Id::TopicAlias => {
            plain(1..=u16::MAX, |number| Property::TopicAlias(TopicAlias::new(number).unwrap()))
        }
        // As many of each length of the varint.
        Id::SubscriptionIdentifier => plain((0..28u32, any::<u32>()), |(bits, number)| {
            let number = (number % (1 << bits)) | (1 << bits);
            Property::SubscriptionIdentifier(SubscriptionIdentifier::new(number).unwrap())
        }),
        Id::MaximumQoS => plain(flag(), |one| {
            Property::MaximumQoS(if one { QoS::AtLeastOnce } else { QoS::AtMostOnce })
        }),
        Id::RequestProblemInformation => plain(flag(), Property::RequestProblemInformation),
        Id::RequestResponseInformation => plain(flag(), Property::RequestResponseInformation),
        Id::RetainAvailable => plain(flag(), Property::RetainAvailable),
        Id::WildcardSubscriptionAvailable => plain(flag(), Property::WildcardSubscriptionAvailable),
        Id::SubscriptionIdentifierAvailable => {
            plain(flag(), Property::SubscriptionIdentifierAvailable)
        }
        Id::SharedSubscriptionAvailable => plain(flag(), Property::SharedSubscriptionAvailable),
        Id::CorrelationData | Id::AuthenticationData => {
            binary().prop_map(move |data| OwnedProperty::Binary(id, data)).boxed()
        }
        Id::ResponseTopic => topic().prop_map(OwnedProperty::ResponseTopic).boxed(),
        Id::UserProperty => {
            (text(), text()).prop_map(|(name, value)| OwnedProperty::User(name, value)).boxed()
        }
        _ => text_of(),
    }
}

/// Properties that may stand together in a place, in any order; none before 5.0. `repeats`: subscription
/// identifiers may.
fn properties(
    version: Version,
    place: impl Fn(PropertyId) -> bool,
    repeats: bool,
) -> BoxedStrategy<Vec<OwnedProperty>> {
    if version != Version::V5_0 {
        return Just(vec![]).boxed();
    }
    let allowed = PropertyId::ALL.iter().copied().filter(|id| place(*id));
    let each = allowed.map(|id| match id {
        PropertyId::UserProperty => vec(property(id), 0..3).boxed(),
        PropertyId::SubscriptionIdentifier if repeats => vec(property(id), 0..3).boxed(),
        _ => option::weighted(0.3, property(id)).prop_map(Vec::from_iter).boxed(),
    });
    each.collect::<Vec<_>>().prop_map(|each| each.concat()).prop_shuffle().boxed()
}

fn packet_properties(version: Version, packet: PacketType) -> BoxedStrategy<Vec<OwnedProperty>> {
    properties(version, move |id| id.is_allowed_in(packet), packet == PacketType::Publish)
}

/// Adds the authentication method where it is needed and missing.
fn with_method(needed: bool, mut properties: Vec<OwnedProperty>) -> Vec<OwnedProperty> {
    let has = |id| properties.iter().any(|property| property.id() == id);
    if (needed || has(PropertyId::AuthenticationData)) && !has(PropertyId::AuthenticationMethod) {
        let method = "M".to_owned();
        properties.push(OwnedProperty::Text(PropertyId::AuthenticationMethod, method));
    }
    properties
}

fn will(version: Version) -> impl Strategy<Value = OwnedWill> {
    let properties = properties(version, PropertyId::is_allowed_in_will, false);
    (topic(), binary(), qos(), any::<bool>(), properties).prop_map(
        |(topic, payload, qos, retain, properties)| OwnedWill {
            topic,
            payload,
            qos,
            retain,
            properties,
        },
    )
}

fn connect(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::Connect);
    let fields = (any::<bool>(), any::<u16>(), properties, text());
    let credentials = (option::of(text()), option::of(binary()));
    (fields, option::of(will(version)), credentials)
        .prop_map(move |((clean_start, keep_alive, properties, client_id), will, credentials)| {
            let (user_name, password) = credentials;
            let password = password.filter(|_| version == Version::V5_0 || user_name.is_some());
            Owned::Connect(Box::new(OwnedConnect {
                version,
                clean_start,
                keep_alive,
                properties: with_method(false, properties),
                client_id,
                will,
                user_name,
                password,
            }))
        })
        .boxed()
}

/// A code that the packet lists; before 5.0 of those few that the version has.
fn reason_code(version: Version, packet: PacketType) -> BoxedStrategy<ReasonCode> {
    use ReasonCode as Code;
    let codes: Vec<ReasonCode> = match (version, packet) {
        (Version::V5_0, _) => {
            ReasonCode::ALL.iter().copied().filter(|code| code.is_allowed_in(packet)).collect()
        }
        (_, PacketType::ConnAck) => vec![
            Code::Success,
            Code::UnsupportedProtocolVersion,
            Code::ClientIdentifierNotValid,
            Code::ServerUnavailable,
            Code::BadUserNameOrPassword,
            Code::NotAuthorized,
        ],
        (Version::V3_1, PacketType::SubAck) => {
            vec![Code::GRANTED_QOS_0, Code::GrantedQoS1, Code::GrantedQoS2]
        }
        (_, PacketType::SubAck) => {
            vec![Code::Success, Code::GrantedQoS1, Code::GrantedQoS2, Code::UnspecifiedError]
        }
        _ => vec![Code::Success],
    };
    select(codes).boxed()
}

fn connack(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::ConnAck);
    (any::<bool>(), reason_code(version, PacketType::ConnAck), properties)
        .prop_map(move |(present, code, properties)| {
            let present = present && code == ReasonCode::Success && version != Version::V3_1;
            Owned::ConnAck(present, code, properties)
        })
        .boxed()
}

fn publish(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::Publish);
    (any::<bool>(), delivery(), (topic(), any::<bool>()), properties, binary())
        .prop_map(|(retain, delivery, (topic, by_alias), properties, payload)| {
            let alias = properties.iter().any(|property| property.id() == PropertyId::TopicAlias);
            let topic = if by_alias && alias { String::new() } else { topic };
            Owned::Publish(OwnedPublish { retain, delivery, topic, properties, payload })
        })
        .boxed()
}

fn ack(version: Version, packet_type: PacketType) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, packet_type);
    (packet_id(), reason_code(version, packet_type), properties)
        .prop_map(move |(id, code, properties)| Owned::Ack(packet_type, id, code, properties))
        .boxed()
}

pub(crate) fn retain_handling() -> impl Strategy<Value = RetainHandling> {
    use RetainHandling::{DoNotSend, SendAtNewSubscribe, SendAtSubscribe};
    select(vec![SendAtSubscribe, SendAtNewSubscribe, DoNotSend])
}

fn subscription(version: Version) -> impl Strategy<Value = OwnedSubscription> {
    let v5 = version == Version::V5_0;
    (filter(version), qos(), any::<(bool, bool)>(), retain_handling()).prop_map(
        move |(filter, qos, (no_local, retain_as_published), retain_handling)| OwnedSubscription {
            qos,
            no_local: v5 && no_local && !is_shared(&filter),
            retain_as_published: v5 && retain_as_published,
            retain_handling: if v5 { retain_handling } else { RetainHandling::SendAtSubscribe },
            filter,
        },
    )
}

fn subscribe(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::Subscribe);
    (packet_id(), properties, vec(subscription(version), 1..5))
        .prop_map(|(id, properties, filters)| Owned::Subscribe(id, properties, filters))
        .boxed()
}

fn suback(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::SubAck);
    (packet_id(), properties, vec(reason_code(version, PacketType::SubAck), 1..10))
        .prop_map(|(id, properties, codes)| Owned::SubAck(id, properties, codes))
        .boxed()
}

fn unsubscribe(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::Unsubscribe);
    (packet_id(), properties, vec(filter(version), 1..5))
        .prop_map(|(id, properties, filters)| Owned::Unsubscribe(id, properties, filters))
        .boxed()
}

fn unsuback(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::UnsubAck);
    let codes = if version == Version::V5_0 { 1..10 } else { 0..1 };
    (packet_id(), properties, vec(reason_code(version, PacketType::UnsubAck), codes))
        .prop_map(|(id, properties, codes)| Owned::UnsubAck(id, properties, codes))
        .boxed()
}

fn disconnect(version: Version) -> BoxedStrategy<Owned> {
    let properties = packet_properties(version, PacketType::Disconnect);
    (reason_code(version, PacketType::Disconnect), properties)
        .prop_map(|(code, properties)| Owned::Disconnect(code, properties))
        .boxed()
}

fn auth() -> BoxedStrategy<Owned> {
    let properties = packet_properties(Version::V5_0, PacketType::Auth);
    (reason_code(Version::V5_0, PacketType::Auth), properties)
        .prop_map(|(code, properties)| Owned::Auth(code, with_method(true, properties)))
        .boxed()
}

pub(crate) fn version() -> impl Strategy<Value = Version> {
    select(&Version::ALL[..])
}

/// Any packet of that version, each type as often as the others.
pub(crate) fn packet_of(version: Version) -> BoxedStrategy<Owned> {
    let mut types = vec![
        connect(version),
        connack(version),
        publish(version),
        ack(version, PacketType::PubAck),
        ack(version, PacketType::PubRec),
        ack(version, PacketType::PubRel),
        ack(version, PacketType::PubComp),
        subscribe(version),
        suback(version),
        unsubscribe(version),
        unsuback(version),
        Just(Owned::PingReq).boxed(),
        Just(Owned::PingResp).boxed(),
        disconnect(version),
    ];
    if version == Version::V5_0 {
        types.push(auth());
    }
    proptest::strategy::Union::new(types).boxed()
}

/// Any packet of any version.
pub(crate) fn packet() -> impl Strategy<Value = (Version, Owned)> {
    version().prop_flat_map(|version| (Just(version), packet_of(version)))
}

/// One thing done to bytes.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

impl Mutation {
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match self {
            Mutation::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Mutation::Set(at, byte) => bytes[at.index(len)] = *byte,
            Mutation::Insert(at, more) => {
                let at = at.index(len);
                bytes.splice(at..at, more.iter().copied());
            }
            Mutation::Remove(at, count) => {
                let at = at.index(len);
                bytes.drain(at..len.min(at + count));
            }
            Mutation::Repeat(at, count) => {
                let at = at.index(len);
                bytes.extend_from_within(at..len.min(at + count));
            }
            Mutation::Cut(at) => bytes.truncate(at.index(len)),
        }
    }
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        2 => (at(), vec(any::<u8>(), 1..6)).prop_map(|(at, more)| Mutation::Insert(at, more)),
        2 => (at(), 1..6usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        1 => (at(), 1..20usize).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        1 => at().prop_map(Mutation::Cut),
    ]
}
