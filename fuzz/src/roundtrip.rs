//! A packet to bytes and back.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, EncodeError, Field, Frame, List,
    MAXIMUM_PACKET_SIZE, Packet, PacketId, PacketType, PayloadFormat, Properties, Property,
    PropertyId, Publish, QoS, ReasonCode, RetainHandling, Sender, SubAck, Subscribe, Subscription,
    SubscriptionIdentifier, TopicAlias, TopicFilter, UnsubAck, Unsubscribe, UserProperty, Version,
    Violation, Will,
};

use super::source::Source;
use super::{assert_bytes, encode, hex, read, reference};

/// The input chooses a version, a packet type and what is in the packet, most of it allowed. Encoding it
/// gives an error that decoding would give too, or bytes that decode to it.
pub fn roundtrip(data: &[u8]) {
    with_packet(data, check);
    #[cfg(feature = "arbitrary")]
    as_the_crate_draws_it(data);
}

/// What `use_packet` makes of the packet that an input chooses.
pub fn with_packet<R>(data: &[u8], use_packet: impl FnOnce(&Packet<'_>, Version) -> R) -> R {
    let mut source = Source::new(data);
    let version = source.pick(&Version::ALL);
    let packet_type = source.pick(&PacketType::ALL);
    let lists = Lists::draw(&mut source, packet_type);
    use_packet(&packet(&mut source, packet_type, version, &lists), version)
}

/// The same for a packet whose lists are bytes that nothing has validated for their place.
#[cfg(feature = "arbitrary")]
fn as_the_crate_draws_it(data: &[u8]) {
    use arbitrary::{Arbitrary, Unstructured};

    if let Ok((version, packet)) = <(Version, Packet<'_>)>::arbitrary(&mut Unstructured::new(data))
    {
        check(&packet, version);
    }
}

/// In that version, and what comes of it in the others.
fn check(packet: &Packet<'_>, version: Version) {
    read::everything(packet);
    let bytes = check_in(packet, version);
    let decoded = bytes.as_deref().map_or(*packet, |bytes| decode(bytes, version).unwrap());
    for other in Version::ALL {
        if other != version {
            check_in(&decoded, other);
        }
    }
}

/// Whether encoder, decoder and reference agree; the bytes, where the version has any for the packet.
pub fn check_in(packet: &Packet<'_>, version: Version) -> Option<Vec<u8>> {
    let expected = reference::encode(packet, version);
    match encode::every_way(packet, version) {
        Ok(bytes) => {
            let expected =
                expected.unwrap_or_else(|| panic!("{packet}, {version}: {}", hex(&bytes)));
            assert_bytes(&bytes, &expected, || format!("{packet}, {version}"));
            let decoded = decode(&bytes, version);
            assert_eq!(decoded, Ok(*packet), "{version}: {}", hex(&bytes));
            let decoded = decoded.unwrap();
            read::everything(&decoded);
            let again = encode::every_way(&decoded, version).unwrap();
            assert_bytes(&again, &bytes, || format!("{packet}, {version}"));
            check_senders(packet, &bytes, version);
            Some(bytes)
        }
        Err(EncodeError::NotInVersion { field, version: named }) => {
            assert_eq!(named, version, "{packet}");
            assert!(version != Version::V5_0 || field == Field::Connect, "{packet}, {version}");
            None
        }
        Err(EncodeError::Violation(violation)) => {
            if let Some(bytes) = expected {
                let decoded = decode(&bytes, version);
                assert!(decoded.is_err(), "{packet}, {version}: {violation}: {}", hex(&bytes));
            }
            None
        }
        Err(error) => panic!("{packet}, {version}: {error}"),
    }
}

fn decode(bytes: &[u8], version: Version) -> Result<Packet<'_>, Violation> {
    match Frame::parse(bytes, MAXIMUM_PACKET_SIZE) {
        Ok(Some((frame, []))) => Packet::decode(frame, version).map_err(|error| error.violation()),
        other => panic!("{}: {other:?}", hex(bytes)),
    }
}

/// Whether a side may send it does not depend on whether it was built or received.
fn check_senders(packet: &Packet<'_>, bytes: &[u8], version: Version) {
    let (frame, _) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
    let senders = [Sender::Client, Sender::Server];
    for sender in senders {
        let received = Packet::decode_from(sender, frame, version);
        let received = received.map(|_| ()).map_err(|error| error.violation());
        assert_eq!(received, packet.check_sender(sender, version), "{packet}: {}", hex(bytes));
    }
    let allowed = senders.iter().any(|side| packet.check_sender(*side, version).is_ok());
    let by_both =
        matches!(packet, Packet::Disconnect(disconnect) if !disconnect.properties.is_empty());
    assert!(allowed || by_both, "{packet}, {version}: {}", hex(bytes));
}

/// What a packet borrows.
#[derive(Default)]
struct Lists<'a> {
    properties: Vec<Property<'a>>,
    will_properties: Vec<Property<'a>>,
    subscriptions: Vec<Subscription<'a>>,
    filters: Vec<TopicFilter<'a>>,
    reason_codes: Vec<ReasonCode>,
}

impl<'a> Lists<'a> {
    fn draw(source: &mut Source<'a>, packet_type: PacketType) -> Lists<'a> {
        let mut lists = Lists {
            properties: properties(source, |id| id.is_allowed_in(packet_type)),
            ..Lists::default()
        };
        match packet_type {
            PacketType::Connect => {
                lists.will_properties = properties(source, PropertyId::is_allowed_in_will);
            }
            PacketType::Subscribe => lists.subscriptions = source.list(subscription),
            PacketType::Unsubscribe => lists.filters = source.list(Source::topic_filter),
            PacketType::SubAck | PacketType::UnsubAck => {
                lists.reason_codes = source.list(|source| reason_code(source, packet_type));
            }
            _ => {}
        }
        lists
    }
}

fn packet<'p>(
    source: &mut Source<'p>,
    packet_type: PacketType,
    version: Version,
    lists: &'p Lists<'p>,
) -> Packet<'p> {
    let list = Properties::new(&lists.properties);
    match packet_type {
        PacketType::Connect => connect(source, version, lists).into(),
        PacketType::ConnAck => Packet::from(ConnAck {
            session_present: source.yes(),
            reason_code: reason_code(source, packet_type),
            properties: list,
        }),
        PacketType::Publish => publish(source, list).into(),
        PacketType::PubAck => Packet::PubAck(ack(source, packet_type, list)),
        PacketType::PubRec => Packet::PubRec(ack(source, packet_type, list)),
        PacketType::PubRel => Packet::PubRel(ack(source, packet_type, list)),
        PacketType::PubComp => Packet::PubComp(ack(source, packet_type, list)),
        PacketType::Subscribe => Packet::from(Subscribe {
            packet_id: packet_id(source),
            properties: list,
            filters: List::new(&lists.subscriptions),
        }),
        PacketType::SubAck => Packet::from(SubAck {
            packet_id: packet_id(source),
            properties: list,
            reason_codes: List::new(&lists.reason_codes),
        }),
        PacketType::Unsubscribe => Packet::from(Unsubscribe {
            packet_id: packet_id(source),
            properties: list,
            filters: List::new(&lists.filters),
        }),
        PacketType::UnsubAck => Packet::from(UnsubAck {
            packet_id: packet_id(source),
            properties: list,
            reason_codes: List::new(&lists.reason_codes),
        }),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => {
            Disconnect { reason_code: reason_code(source, packet_type), properties: list }.into()
        }
        PacketType::Auth => {
            Auth { reason_code: reason_code(source, packet_type), properties: list }.into()
        }
    }
}

fn connect<'p>(source: &mut Source<'p>, version: Version, lists: &'p Lists<'p>) -> Connect<'p> {
    let present = source.byte();
    Connect {
        version: if source.seldom() { source.pick(&Version::ALL) } else { version },
        clean_start: present & 1 != 0,
        keep_alive: source.u16(),
        properties: Properties::new(&lists.properties),
        client_id: source.text(),
        will: (present & 2 != 0).then(|| Will {
            topic: source.topic_name(),
            payload: source.bytes(),
            qos: source.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]),
            retain: present & 4 != 0,
            properties: Properties::new(&lists.will_properties),
        }),
        user_name: (present & 8 != 0).then(|| source.text()),
        password: (present & 16 != 0).then(|| source.bytes()),
    }
}

fn publish<'p>(source: &mut Source<'p>, properties: Properties<'p>) -> Publish<'p> {
    let flags = source.byte();
    let (dup, packet_id) = (flags & 8 != 0, packet_id(source));
    Publish {
        retain: flags & 1 != 0,
        delivery: match flags >> 1 & 3 {
            1 => Delivery::AtLeastOnce { dup, packet_id },
            2 => Delivery::ExactlyOnce { dup, packet_id },
            _ => Delivery::AtMostOnce,
        },
        topic: source.topic_name(),
        properties,
        payload: source.bytes(),
    }
}

fn ack<'p>(
    source: &mut Source<'p>,
    packet_type: PacketType,
    properties: Properties<'p>,
) -> Ack<'p> {
    let reason_code = reason_code(source, packet_type);
    Ack { packet_id: packet_id(source), reason_code, properties }
}

fn packet_id(source: &mut Source<'_>) -> PacketId {
    PacketId::new(source.u16()).unwrap_or(PacketId::MIN)
}

/// One that the packet lists, or seldom any.
fn reason_code(source: &mut Source<'_>, packet_type: PacketType) -> ReasonCode {
    let listed = |code: &ReasonCode| code.is_allowed_in(packet_type);
    let listed: Vec<ReasonCode> = ReasonCode::ALL.iter().copied().filter(listed).collect();
    let any = source.seldom() || listed.is_empty();
    source.pick(if any { ReasonCode::ALL } else { &listed })
}

fn subscription<'a>(source: &mut Source<'a>) -> Subscription<'a> {
    let filter = source.topic_filter();
    let options = source.byte();
    Subscription {
        filter,
        qos: source.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]),
        no_local: options & 1 != 0,
        retain_as_published: options & 2 != 0,
        retain_handling: match options >> 2 & 3 {
            1 => RetainHandling::SendAtNewSubscribe,
            2 => RetainHandling::DoNotSend,
            _ => RetainHandling::SendAtSubscribe,
        },
    }
}

/// Such as are allowed, seldom any.
fn properties<'a>(
    source: &mut Source<'a>,
    allowed: impl Fn(PropertyId) -> bool,
) -> Vec<Property<'a>> {
    let allowed: Vec<PropertyId> =
        PropertyId::ALL.iter().copied().filter(|id| allowed(*id)).collect();
    source.list(|source| {
        let any = source.seldom() || allowed.is_empty();
        let id = source.pick(if any { PropertyId::ALL } else { &allowed });
        property(source, id)
    })
}

fn property<'a>(source: &mut Source<'a>, id: PropertyId) -> Property<'a> {
    use PropertyId as Id;
    match id {
        Id::PayloadFormatIndicator => Property::PayloadFormatIndicator(
            source.pick(&[PayloadFormat::Bytes, PayloadFormat::Utf8]),
        ),
        Id::MessageExpiryInterval => Property::MessageExpiryInterval(source.u32()),
        Id::ContentType => Property::ContentType(source.text()),
        Id::ResponseTopic => Property::ResponseTopic(source.topic_name()),
        Id::CorrelationData => Property::CorrelationData(source.bytes()),
        Id::SubscriptionIdentifier => {
            let number = (source.u32() >> (source.byte() % 32)) % SubscriptionIdentifier::MAX + 1;
            Property::SubscriptionIdentifier(SubscriptionIdentifier::new(number).unwrap())
        }
        Id::SessionExpiryInterval => Property::SessionExpiryInterval(source.u32()),
        Id::AssignedClientIdentifier => Property::AssignedClientIdentifier(source.text()),
        Id::ServerKeepAlive => Property::ServerKeepAlive(source.u16()),
        Id::AuthenticationMethod => Property::AuthenticationMethod(source.text()),
        Id::AuthenticationData => Property::AuthenticationData(source.bytes()),
        Id::RequestProblemInformation => Property::RequestProblemInformation(source.yes()),
        Id::WillDelayInterval => Property::WillDelayInterval(source.u32()),
        Id::RequestResponseInformation => Property::RequestResponseInformation(source.yes()),
        Id::ResponseInformation => Property::ResponseInformation(source.text()),
        Id::ServerReference => Property::ServerReference(source.text()),
        Id::ReasonString => Property::ReasonString(source.text()),
        Id::ReceiveMaximum => {
            Property::ReceiveMaximum(NonZeroU16::new(source.u16()).unwrap_or(NonZeroU16::MAX))
        }
        Id::TopicAliasMaximum => Property::TopicAliasMaximum(source.u16()),
        Id::TopicAlias => Property::TopicAlias(TopicAlias::new(source.u16().max(1)).unwrap()),
        Id::MaximumQoS => Property::MaximumQoS(source.pick(&[
            QoS::AtMostOnce,
            QoS::AtLeastOnce,
            QoS::ExactlyOnce,
        ])),
        Id::RetainAvailable => Property::RetainAvailable(source.yes()),
        Id::UserProperty => {
            Property::UserProperty(UserProperty { name: source.text(), value: source.text() })
        }
        Id::MaximumPacketSize => {
            Property::MaximumPacketSize(NonZeroU32::new(source.u32()).unwrap_or(NonZeroU32::MAX))
        }
        Id::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(source.yes()),
        Id::SubscriptionIdentifierAvailable => {
            Property::SubscriptionIdentifierAvailable(source.yes())
        }
        Id::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(source.yes()),
        other => panic!("{other} is new here"),
    }
}
