//! Packets of a client's, as the input picks them.

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, PayloadFormat, Properties,
    Property, Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, Subscription,
    SubscriptionIdentifier, TopicAlias, TopicFilter, TopicName, UnsubAck, Unsubscribe,
    UserProperty, Version, Will,
};

use super::super::source::Source;

pub(super) const TOPICS: [&str; 9] =
    ["a", "b", "a/b", "a/b/c", "/", "a//b", "$SYS/x", "$x/a", "é/b"];
pub(super) const FILTERS: [&str; 14] = [
    "#",
    "+",
    "a",
    "a/#",
    "+/b",
    "a/b",
    "a/+/c",
    "$SYS/#",
    "/",
    "+/+",
    "b",
    "$x/#",
    "a/b/c/d/e",
    "+/#",
];
const SHARED: [&str; 5] =
    ["$share/g/#", "$share/g/a/#", "$share/h/#", "$share/g/a/b/c", "$share/h/$SYS/#"];
pub(super) const CLIENT_IDS: [&str; 6] =
    ["a", "b", "c", "", "auto-1", "a client identifier of 31 chars"];
/// The first is served.
pub(super) const METHODS: [&str; 2] = ["m", "n"];
const QOS: [QoS; 3] = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtMostOnce];
const USER: Property<'_> = Property::UserProperty(UserProperty { name: "k", value: "v" });
/// Larger than what is copied rather than shared.
const LARGE: [u8; 1100] = [b'x'; 1100];

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    match packet.encode_to(version, &mut bytes) {
        Ok(_) => bytes,
        Err(_) => Vec::new(),
    }
}

/// A CONNECT that no configuration here refuses.
pub(super) fn first_connect(source: &mut Source<'_>) -> Vec<u8> {
    let choice = source.byte();
    let version = match choice & 0x41 {
        0 => Version::V3_1_1,
        1 => Version::V3_1,
        _ => Version::V5_0,
    };
    let properties = [Property::SessionExpiryInterval(if choice & 2 != 0 { 0 } else { 5 })];
    let v5 = version == Version::V5_0;
    let connect = Connect {
        clean_start: choice & 2 != 0,
        keep_alive: 5,
        properties: Properties::new(if v5 { &properties } else { &[] }),
        will: (choice & 4 != 0 && !v5).then(|| will(source, &[])),
        ..Connect::new(version, CLIENT_IDS[usize::from(choice >> 3) % 3])
    };
    encoded(&connect.into(), version)
}

fn will<'p>(source: &mut Source<'_>, properties: &'p [Property<'p>]) -> Will<'p> {
    Will {
        qos: source.pick(&QOS),
        retain: source.yes(),
        properties: Properties::new(properties),
        ..Will::new(topic(source), b"w")
    }
}

pub(super) fn connect(source: &mut Source<'_>) -> Vec<u8> {
    let choice = source.byte();
    let version = match choice & 3 {
        0 => Version::V3_1_1,
        1 => Version::V3_1,
        _ => Version::V5_0,
    };
    let v5 = version == Version::V5_0;
    let properties = if v5 { connect_properties(source) } else { Vec::new() };
    let wills = if v5 && choice & 32 != 0 { will_properties(source) } else { Vec::new() };
    let connect = Connect {
        clean_start: choice & 16 != 0,
        keep_alive: source.pick(&[5, 0, 1, 10, 11, 65_535]),
        properties: Properties::new(&properties),
        will: (choice & 32 != 0).then(|| will(source, &wills)),
        user_name: (choice & 64 != 0).then_some("u"),
        password: (choice & 64 != 0).then_some(b"p"),
        ..Connect::new(version, source.pick(&CLIENT_IDS))
    };
    encoded(&connect.into(), version)
}

fn connect_properties(source: &mut Source<'_>) -> Vec<Property<'static>> {
    let which = source.byte();
    let mut properties = Vec::new();
    let mut add = |bit: u8, property: Property<'static>| {
        if which & bit != 0 {
            properties.push(property);
        }
    };
    add(1, Property::SessionExpiryInterval(source.pick(&[10, 1, 0, 700_000, u32::MAX])));
    if which & 2 != 0 {
        let maximum = source.pick(&[1, 2, 3, 1000, u16::MAX]);
        add(2, Property::ReceiveMaximum(maximum.try_into().unwrap()));
    }
    if which & 4 != 0 {
        let maximum = source.pick(&[40, 20, 12, 8, 4, 1, 64, 1000_u32]);
        add(4, Property::MaximumPacketSize(maximum.try_into().unwrap()));
    }
    add(8, Property::TopicAliasMaximum(if which & 8 != 0 { source.pick(&[2, 1, 0]) } else { 0 }));
    if which & 16 != 0 {
        add(16, Property::AuthenticationMethod(METHODS[usize::from(source.seldom())]));
        if source.yes() {
            add(16, Property::AuthenticationData(b"d"));
        }
    }
    add(32, Property::RequestProblemInformation(false));
    add(64, Property::RequestResponseInformation(true));
    add(128, USER);
    properties
}

fn will_properties(source: &mut Source<'_>) -> Vec<Property<'static>> {
    let which = source.byte();
    let choices = [
        (1, Property::WillDelayInterval(source.pick(&[1, 0, 10, u32::MAX]))),
        (2, Property::MessageExpiryInterval(source.pick(&[1, 0, 10, u32::MAX]))),
        (4, Property::PayloadFormatIndicator(PayloadFormat::Utf8)),
        (8, USER),
        (16, USER),
    ];
    chosen(which, &choices)
}

fn chosen<'a>(which: u8, choices: &[(u8, Property<'a>)]) -> Vec<Property<'a>> {
    let choices = choices.iter().filter(|(bit, _)| which & bit != 0);
    choices.map(|(_, property)| *property).collect()
}

fn topic(source: &mut Source<'_>) -> TopicName<'static> {
    TopicName::new(source.pick(&TOPICS)).unwrap()
}

fn filter<'a>(source: &mut Source<'a>, version: Version) -> TopicFilter<'a> {
    if source.seldom() {
        return source.topic_filter();
    }
    let choice = source.byte();
    let filter = match choice {
        128..=255 if version == Version::V5_0 => SHARED[usize::from(choice) % SHARED.len()],
        _ => FILTERS[usize::from(choice) % FILTERS.len()],
    };
    TopicFilter::new(filter).unwrap()
}

fn id(source: &mut Source<'_>) -> PacketId {
    PacketId::new(u16::from(source.byte() % 5) + 1).unwrap()
}

pub(super) fn payload<'a>(source: &mut Source<'a>) -> &'a [u8] {
    match source.byte() {
        255 => &LARGE,
        len => source.take(usize::from(len) % 8),
    }
}

/// What a message carries, a client's or the program's.
pub(super) fn message_properties(source: &mut Source<'_>) -> Vec<Property<'static>> {
    let which = source.byte();
    let expiry = if which & 1 != 0 { source.pick(&[1, 0, 2, 10, u32::MAX]) } else { 0 };
    let response_topic = TopicName::new("r").unwrap();
    let choices = [
        (1, Property::MessageExpiryInterval(expiry)),
        (2, Property::PayloadFormatIndicator(PayloadFormat::Utf8)),
        (4, Property::ContentType("t")),
        (8, Property::ResponseTopic(response_topic)),
        (16, Property::CorrelationData(b"\0")),
        (32, USER),
    ];
    chosen(which, &choices)
}

pub(super) fn publish(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let choice = source.byte();
    let (packet_id, dup) = (id(source), choice & 4 != 0);
    let delivery = match choice & 3 {
        0 => Delivery::AtMostOnce,
        1 => Delivery::AtLeastOnce { dup, packet_id },
        _ => Delivery::ExactlyOnce { dup, packet_id },
    };
    let retain = choice & 8 != 0;
    let mut properties = Vec::new();
    let mut by_alias = false;
    if version == Version::V5_0 {
        if choice & 16 != 0 {
            properties = message_properties(source);
        }
        if choice & 32 != 0 {
            let alias = source.pick(&[1, 2, 3, 11]);
            properties.push(Property::TopicAlias(TopicAlias::new(alias).unwrap()));
            by_alias = choice & 64 != 0;
        }
        if choice & 128 != 0 && source.seldom() {
            properties.push(Property::SubscriptionIdentifier(identifier(1)));
        }
    }
    let topic = if by_alias { TopicName::BY_ALIAS } else { topic(source) };
    let publish = Publish::new(topic, payload(source));
    let properties = Properties::new(&properties);
    encoded(&Publish { delivery, retain, properties, ..publish }.into(), version)
}

fn identifier(number: u32) -> SubscriptionIdentifier {
    SubscriptionIdentifier::new(number).unwrap()
}

pub(super) fn subscribe(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let packet_id = id(source);
    let v5 = version == Version::V5_0;
    let number = if v5 { source.pick(&[0, 1, 2, 200]) } else { 0 };
    let properties = [Property::SubscriptionIdentifier(identifier(number.max(1)))];
    let filters: Vec<_> = (0..=source.byte() % 3)
        .map(|_| {
            let subscription = Subscription::new(filter(source, version), source.pick(&QOS));
            if v5 { with_options(source, subscription) } else { subscription }
        })
        .collect();
    let subscribe = Subscribe {
        properties: Properties::new(if number > 0 { &properties } else { &[] }),
        ..Subscribe::new(packet_id, &filters)
    };
    encoded(&subscribe.into(), version)
}

fn with_options<'a>(source: &mut Source<'a>, subscription: Subscription<'a>) -> Subscription<'a> {
    let options = source.byte();
    let retain_handling = match options >> 4 & 3 {
        1 => RetainHandling::SendAtNewSubscribe,
        2 => RetainHandling::DoNotSend,
        _ => RetainHandling::SendAtSubscribe,
    };
    let no_local = options & 1 != 0 && !subscription.filter.is_shared();
    Subscription {
        no_local,
        retain_as_published: options & 2 != 0,
        retain_handling,
        ..subscription
    }
}

pub(super) fn unsubscribe(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let packet_id = id(source);
    let filters: Vec<_> = (0..=source.byte() % 2).map(|_| filter(source, version)).collect();
    encoded(&Unsubscribe::new(packet_id, &filters).into(), version)
}

/// Any other packet, also those that only a server may send.
pub(super) fn other(source: &mut Source<'_>, version: Version) -> Vec<u8> {
    let v5 = version == Version::V5_0;
    let packet: Packet<'_> = match source.byte() % 16 {
        0..=1 => Packet::PubRel(ack(source, v5, ReasonCode::PacketIdentifierNotFound)),
        2 => Packet::PubAck(ack(source, v5, ReasonCode::UnspecifiedError)),
        3 => Packet::PubRec(ack(source, v5, ReasonCode::QuotaExceeded)),
        4 => Packet::PubComp(ack(source, v5, ReasonCode::PacketIdentifierNotFound)),
        5..=7 => Packet::PingReq,
        8 => ConnAck::accepted(false).into(),
        9 => SubAck::new(id(source), &[ReasonCode::GrantedQoS1]).into(),
        10 => UnsubAck::new(id(source), &[]).into(),
        11..=13 if v5 => return auth(source),
        14 if v5 => return disconnect(source),
        _ => Disconnect::NORMAL.into(),
    };
    encoded(&packet, version)
}

/// With that code now and then.
fn ack<'a>(source: &mut Source<'a>, v5: bool, code: ReasonCode) -> Ack<'a> {
    let reason_code = if v5 && source.byte() & 3 == 3 { code } else { ReasonCode::Success };
    Ack { reason_code, ..Ack::new(id(source)) }
}

pub(super) fn auth(source: &mut Source<'_>) -> Vec<u8> {
    let code = source.pick(&[ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate]);
    let properties = [
        Property::AuthenticationMethod(METHODS[usize::from(source.seldom())]),
        Property::AuthenticationData(source.take(1)),
        USER,
    ];
    let count = source.pick(&[1, 2, 3]);
    encoded(&Auth::new(code, &properties[..count]).into(), Version::V5_0)
}

/// What a client that does as it should answers AUTH with.
pub(super) fn answer(source: &mut Source<'_>) -> Vec<u8> {
    let properties =
        [Property::AuthenticationMethod(METHODS[0]), Property::AuthenticationData(source.take(1))];
    let auth = Auth::new(ReasonCode::ContinueAuthentication, &properties);
    encoded(&auth.into(), Version::V5_0)
}

fn disconnect(source: &mut Source<'_>) -> Vec<u8> {
    let codes = [
        ReasonCode::NORMAL_DISCONNECTION,
        ReasonCode::DisconnectWithWillMessage,
        ReasonCode::UnspecifiedError,
    ];
    let reason_code = source.pick(&codes);
    let which = source.byte();
    let expiry = Property::SessionExpiryInterval(source.pick(&[0, 1, 10, u32::MAX]));
    let properties = chosen(which, &[(1, expiry), (2, Property::ReasonString("s")), (4, USER)]);
    let properties = Properties::new(&properties);
    encoded(&Disconnect { reason_code, properties }.into(), Version::V5_0)
}
