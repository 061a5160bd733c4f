//! The examples among the vectors, as packets built by hand.

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, Properties, Property,
    Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, Subscription,
    SubscriptionIdentifier, TopicFilter, TopicName, UnsubAck, Unsubscribe, UserProperty, Version,
    Will,
};

use super::{Vector, all};
use crate::support::{encode, frame, hex};

/// The examples that have not been looked at yet, once for each version.
struct Examples(Vec<(Version, Vector)>);

impl Examples {
    fn new() -> Examples {
        let vectors = all().into_iter().filter(|vector| vector.what.starts_with("example"));
        let versioned = vectors.flat_map(|vector| {
            let versions = vector.versions.clone();
            let line = |version| {
                let vector = Vector { versions: vec![version], ..vector.clone() };
                (version, vector)
            };
            versions.into_iter().map(line).collect::<Vec<_>>()
        });
        Examples(versioned.collect())
    }

    #[track_caller]
    fn is<'a>(&mut self, version: Version, what: &str, packet: impl Into<Packet<'a>>) {
        let packet = packet.into();
        let (what, packet_type) = (format!("example{what}"), packet.packet_type());
        let found = self.0.iter().position(|(of, vector)| {
            *of == version && vector.packet_type == packet_type && vector.what == what
        });
        let found = found.unwrap_or_else(|| panic!("no {version} {packet_type} | {what}"));
        let (_, vector) = self.0.swap_remove(found);
        let bytes = vector.bytes();
        assert_eq!(Packet::decode(frame(&bytes), version), Ok(packet), "{}", vector.line);
        let encoded = hex(&encode(&packet, version));
        assert_eq!(encoded, hex(&vector.canonical()), "{version} {packet}");
    }
}

const V3: [Version; 2] = [Version::V3_1, Version::V3_1_1];

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

fn topic() -> TopicName<'static> {
    TopicName::new("a/b").unwrap()
}

fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).unwrap()
}

#[test]
fn connect_and_connack_read_and_write_as_in_the_examples() {
    let mut examples = Examples::new();
    let will = Will { qos: QoS::AtLeastOnce, ..Will::new(TopicName::new("a/w").unwrap(), b"bye") };
    for version in V3 {
        let connect = Connect {
            keep_alive: 60,
            will: Some(will),
            user_name: Some("u"),
            password: Some(b"pwd"),
            ..Connect::new(version, "dev")
        };
        examples.is(version, ": will, user name, password", connect);
    }
    let properties =
        [Property::SessionExpiryInterval(300), Property::ReceiveMaximum(20.try_into().unwrap())];
    let will_properties = [Property::WillDelayInterval(10)];
    let connect = Connect {
        clean_start: true,
        keep_alive: 60,
        properties: Properties::new(&properties),
        will: Some(Will { properties: Properties::new(&will_properties), ..will }),
        user_name: Some("u"),
        password: Some(b"pw"),
        ..Connect::new(Version::V5_0, "dev")
    };
    let what = ": properties, will with properties, user name, password";
    examples.is(Version::V5_0, what, connect);

    examples.is(Version::V3_1, ": accepted", ConnAck::accepted(false));
    examples.is(Version::V3_1_1, ": session present", ConnAck::accepted(true));
    let properties =
        [Property::MaximumPacketSize(65_536.try_into().unwrap()), Property::TopicAliasMaximum(10)];
    let connack = ConnAck { properties: Properties::new(&properties), ..ConnAck::accepted(false) };
    examples.is(Version::V5_0, ": properties", connack);
    examples.leave("CONNECT CONNACK");
}

#[test]
fn publish_and_its_acknowledgements_read_and_write_as_in_the_examples() {
    let mut examples = Examples::new();
    let publish = Publish::new(topic(), b"hi");
    let retained = Publish { retain: true, ..publish };
    examples.is(Version::V3_1_1, ": QoS 0, retained", retained);
    let delivery = Delivery::AtLeastOnce { dup: true, packet_id: id(10) };
    examples.is(Version::V3_1_1, ": QoS 1, repeated", Publish { delivery, ..publish });
    let properties = [
        Property::PayloadFormatIndicator(mqtt_sansio::PayloadFormat::Utf8),
        Property::MessageExpiryInterval(60),
        Property::UserProperty(UserProperty { name: "k", value: "v" }),
    ];
    let delivery = Delivery::ExactlyOnce { dup: false, packet_id: id(10) };
    let properties = Properties::new(&properties);
    examples.is(Version::V5_0, ": QoS 2, properties", Publish { delivery, properties, ..publish });

    let success = Ack::new(id(10));
    for version in Version::ALL {
        examples.is(version, ": success", Packet::PubAck(success));
        examples.is(version, ": success", Packet::PubRec(success));
        examples.is(version, ": success", Packet::PubRel(success));
        examples.is(version, ": success", Packet::PubComp(success));
    }
    let with = |reason_code| Ack { reason_code, ..success };
    let properties = [Property::ReasonString("no")];
    let properties = Properties::new(&properties);
    let quota = Ack { properties, ..with(ReasonCode::QuotaExceeded) };
    examples.is(Version::V5_0, ": full form", Packet::PubAck(quota));
    let unmatched = Packet::PubRec(with(ReasonCode::NoMatchingSubscribers));
    examples.is(Version::V5_0, ": reason, no property length", unmatched);
    let unknown = Packet::PubRel(with(ReasonCode::PacketIdentifierNotFound));
    examples.is(Version::V5_0, ": full form, no properties", unknown);
    examples.is(Version::V5_0, ": full form of success", Packet::PubComp(success));
    examples.leave("PUBLISH PUBACK PUBREC PUBREL PUBCOMP");
}

#[test]
fn subscribe_and_unsubscribe_read_and_write_as_in_the_examples() {
    let mut examples = Examples::new();
    let filters = [
        Subscription::new(filter("a/b"), QoS::AtLeastOnce),
        Subscription::new(filter("c/#"), QoS::ExactlyOnce),
    ];
    examples.is(Version::V3_1_1, ": two filters", Subscribe::new(id(11), &filters));
    let filters = [
        Subscription {
            filter: filter("a/b"),
            qos: QoS::ExactlyOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
        },
        Subscription::new(filter("c/#"), QoS::AtLeastOnce),
    ];
    let properties = [Property::SubscriptionIdentifier(SubscriptionIdentifier::new(200).unwrap())];
    let properties = Properties::new(&properties);
    let subscribe = Subscribe { properties, ..Subscribe::new(id(11), &filters) };
    examples.is(Version::V5_0, ": subscription identifier, options", subscribe);

    let codes = [ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError];
    examples.is(Version::V3_1_1, ": QoS 1 granted, failure", SubAck::new(id(11), &codes));
    let codes = [ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized];
    examples.is(Version::V5_0, ": QoS 2 granted, not authorized", SubAck::new(id(11), &codes));

    let filters = [filter("a/b"), filter("c/#")];
    examples.is(Version::V3_1_1, ": two filters", Unsubscribe::new(id(12), &filters));
    examples.is(Version::V5_0, ": one filter", Unsubscribe::new(id(12), &filters[..1]));
    for version in V3 {
        examples.is(version, "", UnsubAck::new(id(12), &[]));
    }
    let codes = [ReasonCode::NoSubscriptionExisted];
    examples.is(Version::V5_0, ": no subscription existed", UnsubAck::new(id(12), &codes));
    examples.leave("SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK");
}

#[test]
fn pings_disconnect_and_auth_read_and_write_as_in_the_examples() {
    let mut examples = Examples::new();
    for version in Version::ALL {
        examples.is(version, ": remaining length 0", Packet::PingReq);
        examples.is(version, ": remaining length 0", Packet::PingResp);
        examples.is(version, ": normal", Disconnect::NORMAL);
    }
    let properties = [Property::ServerReference("h:1")];
    let properties = Properties::new(&properties);
    let moved = Disconnect { reason_code: ReasonCode::UseAnotherServer, properties };
    examples.is(Version::V5_0, ": use another server, with its name", moved);
    let properties = [Property::AuthenticationMethod("SCRM1"), Property::AuthenticationData(b"")];
    let auth = Auth::new(ReasonCode::ContinueAuthentication, &properties);
    examples.is(Version::V5_0, ": continue, method and empty data", auth);
    examples.leave("PINGREQ PINGRESP DISCONNECT AUTH");
}

impl Examples {
    /// No example of these packets may be left.
    #[track_caller]
    fn leave(self, packet_types: &str) {
        let looked_at =
            |vector: &Vector| packet_types.split(' ').any(|name| name == vector.packet_type.name());
        let left = self.0.into_iter().filter(|(_, vector)| looked_at(vector));
        let left: Vec<String> = left.map(|(version, vector)| vector.title(version)).collect();
        assert_eq!(left, [""; 0], "examples without a packet");
    }
}
