//! What only MQTT 5.0 has: properties and reason codes.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PayloadFormat, Properties, Property,
    PropertyId, Publish, QoS, ReasonCode, RetainHandling, Sender, SubAck, Subscribe, Subscription,
    SubscriptionIdentifier, TopicAlias, TopicName, UnsubAck, Unsubscribe, UserProperty, Will,
};

use super::{Case, at_least_once, check, check_all_types, exactly_once, filter, id, name, named};
use crate::tshark::Tshark;
use Sender::{Client, Server};
use mqtt_sansio::Version::V5_0;

fn user<'a>(name: &'a str, value: &'a str) -> Property<'a> {
    Property::UserProperty(UserProperty { name, value })
}

/// That both call the properties the same, however written.
fn check_property_names(tshark: &Tshark) {
    for (words, id) in named(&tshark.describe_all(), "ID: ") {
        let id = u8::from_str_radix(id.trim_start_matches("0x"), 16).unwrap();
        let known = PropertyId::ALL.iter().find(|known| u8::from(**known) == id).unwrap();
        // A draft of the specification called it so.
        let words = words.replace("Publication Expiry", "Message Expiry");
        assert_eq!(words.to_lowercase().replace(' ', "_"), known.name(), "{id:#04x}");
    }
}

/// With every subscription option.
fn subscriptions() -> [Subscription<'static>; 2] {
    let all_set = Subscription {
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        ..Subscription::new(filter("a/b"), QoS::ExactlyOnce)
    };
    let shared = Subscription {
        retain_handling: RetainHandling::SendAtNewSubscribe,
        ..Subscription::new(filter("$share/g/c/#"), QoS::AtMostOnce)
    };
    [all_set, shared]
}

fn identifier(number: u32) -> Property<'static> {
    Property::SubscriptionIdentifier(SubscriptionIdentifier::new(number).unwrap())
}

fn alias(number: u16) -> Property<'static> {
    Property::TopicAlias(TopicAlias::new(number).unwrap())
}

#[test]
#[ignore = "needs tshark"]
fn connect_of_5_0() {
    let connect = Connect::new(V5_0, "dev");
    let properties = [
        Property::SessionExpiryInterval(u32::MAX),
        Property::AuthenticationMethod("M"),
        Property::AuthenticationData(b"AB"),
        Property::RequestProblemInformation(false),
        Property::RequestResponseInformation(true),
        Property::ReceiveMaximum(NonZeroU16::MAX),
        Property::TopicAliasMaximum(10),
        user("k", "v"),
        user("k", ""),
        Property::MaximumPacketSize(NonZeroU32::MIN),
    ];
    let cases: &[Case<'_>] = &[
        (
            Client,
            connect.into(),
            "msgtype=1 len=16 protoname=MQTT ver=5 conflag.cleansess=1 kalive=0 property_len=0
             clientid=dev",
        ),
        (
            Client,
            Connect { properties: Properties::new(&properties), ..connect }.into(),
            "msgtype=1 len=58 protoname=MQTT ver=5 conflag.cleansess=1 kalive=0 property_len=42
             0x11=4294967295 0x15=M 0x16=AB 0x17=0 0x19=1 0x21=65535 0x22=10 0x26=k:v 0x26=k:
             0x27=1 clientid=dev",
        ),
        (
            Client,
            Connect { password: Some(b"pw"), ..Connect::new(V5_0, "") }.into(),
            "msgtype=1 len=17 protoname=MQTT ver=5 conflag.passwd=1 conflag.cleansess=1 kalive=0
             property_len=0 clientid= passwd=pw",
        ),
    ];
    let tshark = check("connect-5.0", V5_0, cases);
    check_property_names(&tshark);
}

#[test]
#[ignore = "needs tshark"]
fn will_of_5_0() {
    let connect = Connect::new(V5_0, "dev");
    let will_properties = [
        Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic(name("r/t")),
        Property::CorrelationData(b"id"),
        Property::WillDelayInterval(3600),
        user("k", "v"),
    ];
    let will = Will { retain: true, ..Will::new(name("a/w"), b"bye") };
    let rich_will = Will { properties: Properties::new(&will_properties), ..will };
    let cases: &[Case<'_>] = &[
        (
            Client,
            Connect { will: Some(rich_will), clean_start: false, ..connect }.into(),
            "msgtype=1 len=70 protoname=MQTT ver=5 conflag.retain=1 conflag.willflag=1 kalive=0
             property_len=0 clientid=dev will.property_len=43 will.0x01=1 will.0x02=60
             will.0x03=text/plain will.0x08=r/t will.0x09=id will.0x18=3600 will.0x26=k:v
             willtopic=a/w willmsg=627965",
        ),
        (
            Client,
            Connect { will: Some(will), user_name: Some("u"), password: Some(b"pw"), ..connect }
                .into(),
            "msgtype=1 len=34 protoname=MQTT ver=5 conflag.uname=1 conflag.passwd=1
             conflag.retain=1 conflag.willflag=1 conflag.cleansess=1 kalive=0 property_len=0
             clientid=dev will.property_len=0 willtopic=a/w willmsg=627965 username=u passwd=pw",
        ),
    ];
    let tshark = check("will-5.0", V5_0, cases);
    check_property_names(&tshark);
}

#[test]
#[ignore = "needs tshark"]
fn packets_of_5_0() {
    let (filters, names) = (subscriptions(), [filter("a/b"), filter("$share/g/c/#")]);
    let codes = [ReasonCode::Success, ReasonCode::NotAuthorized];
    let method = [Property::AuthenticationMethod("M")];
    let publish = Publish::new(name("a/b"), b"hi");
    let cases: &[Case<'_>] = &[
        (
            Server,
            ConnAck::accepted(true).into(),
            "msgtype=2 len=3 conack.flags.sp=1 connack.reason_code=0 property_len=0",
        ),
        (Client, publish.into(), "msgtype=3 qos=0 len=8 topic=a/b property_len=0 msg=6869"),
        (Client, Packet::PubAck(Ack::new(id(10))), "msgtype=4 len=2 msgid=10"),
        (Server, Packet::PubRec(Ack::new(id(10))), "msgtype=5 len=2 msgid=10"),
        (Client, Packet::PubRel(Ack::new(id(10))), "msgtype=6 hdr_reserved=2 len=2 msgid=10"),
        (Server, Packet::PubComp(Ack::new(id(10))), "msgtype=7 len=2 msgid=10"),
        (
            Client,
            Subscribe::new(id(11), &filters).into(),
            "msgtype=8 hdr_reserved=2 len=24 msgid=11 property_len=0 topic=a/b
             subscription_options_qos=2 subscription_options_nl=1 subscription_options_rap=1
             subscription_options_retain=2 topic=$share/g/c/# subscription_options_qos=0
             subscription_options_retain=1",
        ),
        (
            Server,
            SubAck::new(id(11), &codes).into(),
            "msgtype=9 len=5 msgid=11 property_len=0 suback.reason_code=0 suback.reason_code=135",
        ),
        (
            Client,
            Unsubscribe::new(id(12), &names).into(),
            "msgtype=10 hdr_reserved=2 len=22 msgid=12 property_len=0 topic=a/b
             topic=$share/g/c/#",
        ),
        (
            Server,
            UnsubAck::new(id(12), &codes).into(),
            "msgtype=11 len=5 msgid=12 property_len=0 unsuback.reason_code=0
             unsuback.reason_code=135",
        ),
        (Client, Packet::PingReq, "msgtype=12 len=0"),
        (Server, Packet::PingResp, "msgtype=13 len=0"),
        (
            Client,
            Auth::new(ReasonCode::ReAuthenticate, &method).into(),
            "msgtype=15 len=6 auth.reason_code=25 property_len=4 0x15=M",
        ),
        (Client, Disconnect::NORMAL.into(), "msgtype=14 len=0"),
    ];
    check_all_types(V5_0, cases);
}

#[test]
#[ignore = "needs tshark"]
fn deliveries_of_5_0() {
    let publish = Publish::new(name("a/b"), b"hi");
    let cases: &[Case<'_>] = &[
        (
            Server,
            Publish { delivery: at_least_once(10, true), retain: true, ..publish }.into(),
            "msgtype=3 dupflag=1 qos=1 retain=1 len=10 topic=a/b msgid=10 property_len=0 msg=6869",
        ),
        (
            Client,
            Publish { delivery: exactly_once(65_535, false), payload: b"", ..publish }.into(),
            "msgtype=3 qos=2 len=8 topic=a/b msgid=65535 property_len=0 msg=",
        ),
    ];
    check("deliveries-5.0", V5_0, cases);
}

#[test]
#[ignore = "needs tshark"]
fn properties_of_connack() {
    // tshark shows binary data as text, and none of it from a zero on: so it is text here.
    let properties = [
        Property::SessionExpiryInterval(0x0102_0304),
        Property::AssignedClientIdentifier("auto-1"),
        Property::ServerKeepAlive(60),
        Property::AuthenticationMethod("é"),
        Property::AuthenticationData(b"AB"),
        Property::ResponseInformation("r/"),
        Property::ServerReference("h:1"),
        Property::ReasonString("ok"),
        Property::ReceiveMaximum(NonZeroU16::MIN),
        Property::TopicAliasMaximum(u16::MAX),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        user("k", "v"),
        Property::MaximumPacketSize(NonZeroU32::MAX),
        Property::WildcardSubscriptionAvailable(true),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(true),
    ];
    let connack = ConnAck { properties: Properties::new(&properties), ..ConnAck::accepted(false) };
    let cases: &[Case<'_>] = &[(
        Server,
        connack.into(),
        "msgtype=2 len=74 connack.reason_code=0 property_len=71 0x11=16909060 0x12=auto-1 0x13=60
         0x15=é 0x16=AB 0x1a=r/ 0x1c=h:1 0x1f=ok 0x21=1 0x22=65535 0x24=1 0x25=0 0x26=k:v
         0x27=4294967295 0x28=1 0x29=0 0x2a=1",
    )];
    let tshark = check("properties-of-connack", V5_0, cases);
    check_property_names(&tshark);
}

#[test]
#[ignore = "needs tshark"]
fn properties_of_publish() {
    let all = [
        Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic(name("r/t")),
        Property::CorrelationData(b"id"),
        identifier(200),
        identifier(SubscriptionIdentifier::MAX),
        alias(5),
        user("k", "v"),
        user("", "é"),
    ];
    let by_alias = [alias(5)];
    let long = "x".repeat(200);
    let long_user = [user(&long, "v")];
    let publish = Publish::new(name("a/b"), b"hi");
    let long_expected =
        format!("msgtype=3 qos=0 len=215 topic=a/b property_len=206 0x26={long}:v msg=6869");
    let cases: &[Case<'_>] = &[
        (
            Server,
            Publish {
                delivery: at_least_once(10, false),
                properties: Properties::new(&all),
                ..publish
            }
            .into(),
            "msgtype=3 qos=1 len=66 topic=a/b msgid=10 property_len=56 0x01=1 0x02=60
             0x03=text/plain 0x08=r/t 0x09=id 0x0b=200 0x0b=268435455 0x23=5 0x26=k:v 0x26=:é
             msg=6869",
        ),
        // The topic is the one that tshark remembers for the alias.
        (
            Server,
            Publish {
                properties: Properties::new(&by_alias),
                ..Publish::new(TopicName::BY_ALIAS, b"x")
            }
            .into(),
            "msgtype=3 qos=0 len=7 topic=a/b property_len=3 0x23=5 msg=78",
        ),
        // tshark shows this property length otherwise: see `property_len` beside `Tshark`.
        (
            Client,
            Publish { properties: Properties::new(&long_user), ..publish }.into(),
            &long_expected,
        ),
    ];
    let tshark = check("properties-of-publish", V5_0, cases);
    check_property_names(&tshark);
}

#[test]
#[ignore = "needs tshark"]
fn properties_of_subscribe_and_unsubscribe() {
    let identified = [identifier(1), user("k", "v")];
    let filters = [Subscription::new(filter("a"), QoS::AtMostOnce)];
    let names = [filter("a")];
    let cases: &[Case<'_>] = &[
        (
            Client,
            Subscribe {
                properties: Properties::new(&identified),
                ..Subscribe::new(id(1), &filters)
            }
            .into(),
            "msgtype=8 hdr_reserved=2 len=16 msgid=1 property_len=9 0x0b=1 0x26=k:v topic=a
             subscription_options_qos=0",
        ),
        (
            Client,
            Unsubscribe {
                properties: Properties::new(&identified[1..]),
                ..Unsubscribe::new(id(2), &names)
            }
            .into(),
            "msgtype=10 hdr_reserved=2 len=13 msgid=2 property_len=7 0x26=k:v topic=a",
        ),
    ];
    check("properties-of-subscribe-and-unsubscribe", V5_0, cases);
}

#[test]
#[ignore = "needs tshark"]
fn properties_of_acknowledgements() {
    let why = [Property::ReasonString("no"), user("k", "v"), user("k", "w")];
    let properties = Properties::new(&why);
    let ack = Ack { properties, ..Ack::new(id(10)) };
    let refused = [ReasonCode::UnspecifiedError];
    let cases: &[Case<'_>] = &[
        (
            Server,
            Packet::PubAck(Ack { reason_code: ReasonCode::QuotaExceeded, ..ack }),
            "msgtype=4 len=23 msgid=10 puback.reason_code=151 property_len=19 0x1f=no 0x26=k:v
             0x26=k:w",
        ),
        (
            Client,
            Packet::PubRec(ack),
            "msgtype=5 len=23 msgid=10 pubrec.reason_code=0 property_len=19 0x1f=no 0x26=k:v
             0x26=k:w",
        ),
        (
            Server,
            Packet::PubRel(ack),
            "msgtype=6 hdr_reserved=2 len=23 msgid=10 pubrel.reason_code=0 property_len=19
             0x1f=no 0x26=k:v 0x26=k:w",
        ),
        (
            Client,
            Packet::PubComp(Ack { reason_code: ReasonCode::PacketIdentifierNotFound, ..ack }),
            "msgtype=7 len=23 msgid=10 pubcomp.reason_code=146 property_len=19 0x1f=no 0x26=k:v
             0x26=k:w",
        ),
        (
            Server,
            SubAck { properties, ..SubAck::new(id(10), &refused) }.into(),
            "msgtype=9 len=23 msgid=10 property_len=19 0x1f=no 0x26=k:v 0x26=k:w
             suback.reason_code=128",
        ),
        (
            Server,
            UnsubAck { properties, ..UnsubAck::new(id(10), &refused) }.into(),
            "msgtype=11 len=23 msgid=10 property_len=19 0x1f=no 0x26=k:v 0x26=k:w
             unsuback.reason_code=128",
        ),
    ];
    check("properties-of-acknowledgements", V5_0, cases);
}

#[test]
#[ignore = "needs tshark"]
fn properties_of_disconnect_and_auth() {
    let expiry = [Property::SessionExpiryInterval(10)];
    let elsewhere = [Property::ServerReference("h:1"), Property::ReasonString("no")];
    let authentication = [
        Property::AuthenticationMethod("M"),
        Property::AuthenticationData(b"AB"),
        Property::ReasonString("no"),
        user("k", "v"),
    ];
    let cases: &[Case<'_>] = &[
        (
            Client,
            Disconnect { properties: Properties::new(&expiry), ..Disconnect::NORMAL }.into(),
            "msgtype=14 len=7 disconnect.reason_code=0 property_len=5 0x11=10",
        ),
        (
            Server,
            Disconnect {
                reason_code: ReasonCode::UseAnotherServer,
                properties: Properties::new(&elsewhere),
            }
            .into(),
            "msgtype=14 len=13 disconnect.reason_code=156 property_len=11 0x1c=h:1 0x1f=no",
        ),
        (
            Server,
            Auth::new(ReasonCode::ContinueAuthentication, &authentication).into(),
            "msgtype=15 len=23 auth.reason_code=24 property_len=21 0x15=M 0x16=AB 0x1f=no
             0x26=k:v",
        ),
    ];
    check("properties-of-disconnect-and-auth", V5_0, cases);
}
