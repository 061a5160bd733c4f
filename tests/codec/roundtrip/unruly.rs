//! Packets that may break any rule that their types do not keep: refused, or what they say arrives.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use mqtt_sansio::{
    Connect, Delivery, Packet, PacketType, Properties, Property, PropertyId, QoS, ReasonCode,
    Version,
};

use super::owned::{
    Owned, OwnedConnect, OwnedProperty, OwnedPublish, OwnedSubscription, OwnedWill,
};
use super::strategies::{self, binary, packet_id, qos, retain_handling, version};
use super::{attempt, config, encoded, means_the_same_or_nothing, reference};
use crate::support::{decode, hex};

/// Strings, some of which must not be sent.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => strategies::text().boxed(),
        2 => strategies::text().prop_map(|text| text + "\0").boxed(),
        1 => Just("\0".to_owned()).boxed(),
        1 => select(vec!["x".repeat(65_536), "é".repeat(32_768), "y".repeat(131_072)]).boxed(),
    ]
}

/// Binary data, some of it too long.
fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![15 => binary().boxed(), 1 => select(vec![vec![7; 65_536], vec![7; 65_537]]).boxed()]
}

/// A topic name, or none.
fn topic() -> impl Strategy<Value = String> {
    prop_oneof![3 => strategies::topic().boxed(), 1 => Just(String::new()).boxed()]
}

/// Any filter that is one in some version.
fn filter() -> impl Strategy<Value = String> {
    let shared = ["$share/g", "$share/", "$share//t", "$share/g/", "$share/+/t", "$share/#"];
    let shared = shared.into_iter().chain(["$share/g/t", "$share/g/#", "$share", "$SHARE/"]);
    let shared: Vec<String> = shared.map(str::to_owned).collect();
    prop_oneof![
        2 => select(shared).boxed(),
        2 => strategies::topic().boxed(),
        1 => select(vec!["#".to_owned(), "+/a".to_owned()]).boxed(),
    ]
}

fn property() -> impl Strategy<Value = OwnedProperty> {
    let any_value = select(PropertyId::ALL).prop_flat_map(strategies::property);
    let text_of = select(vec![
        PropertyId::ContentType,
        PropertyId::AssignedClientIdentifier,
        PropertyId::AuthenticationMethod,
        PropertyId::ResponseInformation,
        PropertyId::ServerReference,
        PropertyId::ReasonString,
    ]);
    let data_of = select(vec![PropertyId::CorrelationData, PropertyId::AuthenticationData]);
    prop_oneof![
        8 => any_value.boxed(),
        2 => (text_of, text()).prop_map(|(id, text)| OwnedProperty::Text(id, text)).boxed(),
        1 => (data_of, data()).prop_map(|(id, data)| OwnedProperty::Binary(id, data)).boxed(),
        1 => (text(), text()).prop_map(|(name, value)| OwnedProperty::User(name, value)).boxed(),
        1 => topic().prop_map(OwnedProperty::ResponseTopic).boxed(),
        1 => Just(OwnedProperty::Plain(Property::MaximumQoS(QoS::ExactlyOnce))).boxed(),
    ]
}

fn properties() -> impl Strategy<Value = Vec<OwnedProperty>> {
    prop_oneof![
        3 => Just(vec![]).boxed(),
        3 => vec(property(), 1..3).boxed(),
        2 => (property(), 1..3usize).prop_map(|(property, count)| vec![property; count]).boxed(),
    ]
}

fn reason_code() -> impl Strategy<Value = ReasonCode> {
    prop_oneof![1 => Just(ReasonCode::Success), 3 => select(ReasonCode::ALL)]
}

fn connect() -> BoxedStrategy<Owned> {
    let will = (topic(), data(), qos(), any::<bool>(), properties()).prop_map(
        |(topic, payload, qos, retain, properties)| OwnedWill {
            topic,
            payload,
            qos,
            retain,
            properties,
        },
    );
    let fields = (version(), any::<bool>(), any::<u16>(), properties(), text());
    (fields, option::of(will), option::of(text()), option::of(data()))
        .prop_map(|(fields, will, user_name, password)| {
            let (version, clean_start, keep_alive, properties, client_id) = fields;
            Owned::Connect(Box::new(OwnedConnect {
                version,
                clean_start,
                keep_alive,
                properties,
                client_id,
                will,
                user_name,
                password,
            }))
        })
        .boxed()
}

fn publish() -> BoxedStrategy<Owned> {
    (any::<bool>(), packet_id(), qos(), topic(), properties(), binary())
        .prop_map(|(retain, packet_id, qos, topic, properties, payload)| {
            let dup = retain;
            let delivery = match qos {
                QoS::AtMostOnce => Delivery::AtMostOnce,
                QoS::AtLeastOnce => Delivery::AtLeastOnce { dup, packet_id },
                QoS::ExactlyOnce => Delivery::ExactlyOnce { dup, packet_id },
            };
            Owned::Publish(OwnedPublish { retain, delivery, topic, properties, payload })
        })
        .boxed()
}

fn subscribe() -> BoxedStrategy<Owned> {
    let options = (qos(), any::<bool>(), any::<bool>(), retain_handling());
    let subscription = (filter(), options).prop_map(|(filter, options)| {
        let (qos, no_local, retain_as_published, retain_handling) = options;
        OwnedSubscription { filter, qos, no_local, retain_as_published, retain_handling }
    });
    (packet_id(), properties(), vec(subscription, 0..3))
        .prop_map(|(id, properties, filters)| Owned::Subscribe(id, properties, filters))
        .boxed()
}

const ACKS: [PacketType; 4] =
    [PacketType::PubAck, PacketType::PubRec, PacketType::PubRel, PacketType::PubComp];

/// Packets of every type, few of them without fault.
fn packet() -> impl Strategy<Value = Owned> {
    prop_oneof![
        4 => connect(),
        2 => (any::<bool>(), reason_code(), properties())
            .prop_map(|(present, code, properties)| Owned::ConnAck(present, code, properties))
            .boxed(),
        3 => publish(),
        4 => (select(&ACKS[..]), packet_id(), reason_code(), properties())
            .prop_map(|(packet_type, id, code, properties)| {
                Owned::Ack(packet_type, id, code, properties)
            })
            .boxed(),
        3 => subscribe(),
        2 => (packet_id(), properties(), vec(reason_code(), 0..3))
            .prop_map(|(id, properties, codes)| Owned::SubAck(id, properties, codes))
            .boxed(),
        2 => (packet_id(), properties(), vec(filter(), 0..3))
            .prop_map(|(id, properties, filters)| Owned::Unsubscribe(id, properties, filters))
            .boxed(),
        2 => (packet_id(), properties(), vec(reason_code(), 0..3))
            .prop_map(|(id, properties, codes)| Owned::UnsubAck(id, properties, codes))
            .boxed(),
        2 => (reason_code(), properties())
            .prop_map(|(code, properties)| Owned::Disconnect(code, properties))
            .boxed(),
        2 => (reason_code(), properties())
            .prop_map(|(code, properties)| Owned::Auth(code, properties))
            .boxed(),
    ]
}

proptest! {
    #![proptest_config(config(2048))]

    /// The encoder refuses what the decoder would refuse, and nothing else.
    #[test]
    fn what_the_encoder_takes_the_decoder_takes_and_what_it_refuses_it_refuses(
        version in version(),
        owned in packet(),
    ) {
        owned.lend(|packet| {
            let unchecked = reference::bytes_of(packet, version);
            match attempt(packet, version) {
                Ok(bytes) => {
                    prop_assert!(decode(&bytes, version) == Ok(*packet), "{:.400}", hex(&bytes));
                    prop_assert!(unchecked == Some(bytes), "{} {:?}", version, packet);
                }
                Err(error) => {
                    let mut written = vec![];
                    prop_assert_eq!(packet.encode_to(version, &mut written), Err(error));
                    prop_assert_eq!(&written[..], &[], "written to though it is refused");
                    if let Some(bytes) = unchecked {
                        let decoded = decode(&bytes, version);
                        prop_assert!(decoded.is_err(), "{}, though {:?}", error, decoded);
                    }
                }
            }
            Ok(())
        })?;
    }

    /// Properties that were decoded in one place are checked anew in any other.
    #[test]
    fn decoded_properties_are_checked_where_they_are_put(
        (from, to) in (strategies::packet_of(Version::V5_0), packet()),
        version in version(),
    ) {
        let bytes = from.lend(|packet| encoded(packet, Version::V5_0))?;
        let properties = properties_of(&decode(&bytes, Version::V5_0).unwrap());
        to.lend(|to| {
            means_the_same_or_nothing(&with_properties(*to, properties), version)
        })?;
    }
}

/// The properties of a packet; of a CONNECT with a will, those of the will.
pub(crate) fn properties_of<'a>(packet: &Packet<'a>) -> Properties<'a> {
    match packet {
        Packet::Connect(Connect { will: Some(will), .. }) => will.properties,
        Packet::Connect(packet) => packet.properties,
        Packet::ConnAck(packet) => packet.properties,
        Packet::Publish(packet) => packet.properties,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.properties
        }
        Packet::Subscribe(packet) => packet.properties,
        Packet::SubAck(packet) => packet.properties,
        Packet::Unsubscribe(packet) => packet.properties,
        Packet::UnsubAck(packet) => packet.properties,
        Packet::PingReq | Packet::PingResp => Properties::EMPTY,
        Packet::Disconnect(packet) => packet.properties,
        Packet::Auth(packet) => packet.properties,
    }
}

/// The packet with other properties, in the place where [`properties_of`] looks.
pub(crate) fn with_properties<'a>(
    mut packet: Packet<'a>,
    properties: Properties<'a>,
) -> Packet<'a> {
    match &mut packet {
        Packet::Connect(Connect { will: Some(will), .. }) => will.properties = properties,
        Packet::Connect(packet) => packet.properties = properties,
        Packet::ConnAck(packet) => packet.properties = properties,
        Packet::Publish(packet) => packet.properties = properties,
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.properties = properties;
        }
        Packet::Subscribe(packet) => packet.properties = properties,
        Packet::SubAck(packet) => packet.properties = properties,
        Packet::Unsubscribe(packet) => packet.properties = properties,
        Packet::UnsubAck(packet) => packet.properties = properties,
        Packet::PingReq | Packet::PingResp => (),
        Packet::Disconnect(packet) => packet.properties = properties,
        Packet::Auth(packet) => packet.properties = properties,
    }
    packet
}
