//! Properties of one packet, validated for their place there, in another.

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, Properties, Publish, QoS,
    ReasonCode, SubAck, Subscribe, Subscription, TopicFilter, TopicName, UnsubAck, Unsubscribe,
    Version, Will,
};

use super::roundtrip::check_in;

/// Puts the packet's properties into every packet that has any.
pub fn properties(packet: &Packet<'_>) {
    let (own, of_will) = match packet {
        Packet::Connect(connect) => (connect.properties, connect.will.map(|will| will.properties)),
        Packet::ConnAck(connack) => (connack.properties, None),
        Packet::Publish(publish) => (publish.properties, None),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            (ack.properties, None)
        }
        Packet::Subscribe(subscribe) => (subscribe.properties, None),
        Packet::SubAck(suback) => (suback.properties, None),
        Packet::Unsubscribe(unsubscribe) => (unsubscribe.properties, None),
        Packet::UnsubAck(unsuback) => (unsuback.properties, None),
        Packet::PingReq | Packet::PingResp => return,
        Packet::Disconnect(disconnect) => (disconnect.properties, None),
        Packet::Auth(auth) => (auth.properties, None),
    };
    for properties in [Some(own), of_will].into_iter().flatten() {
        if !properties.is_empty() {
            into_every_packet(properties);
        }
    }
}

fn into_every_packet(properties: Properties<'_>) {
    let id = PacketId::MIN;
    let topic = TopicName::new("t").unwrap();
    let filters = [TopicFilter::new("t").unwrap()];
    let subscriptions = [Subscription::new(filters[0], QoS::AtMostOnce)];
    let codes = [ReasonCode::UnspecifiedError];
    let connect = Connect::new(Version::V5_0, "");
    let will = Will { properties, ..Will::new(topic, b"") };
    let ack = Ack { properties, ..Ack::new(id) };
    let packets = [
        Connect { properties, ..connect }.into(),
        Connect { will: Some(will), ..connect }.into(),
        ConnAck { properties, ..ConnAck::accepted(false) }.into(),
        Publish { properties, ..Publish::new(topic, b"") }.into(),
        Packet::PubAck(ack),
        Packet::PubRel(ack),
        Subscribe { properties, ..Subscribe::new(id, &subscriptions) }.into(),
        SubAck { properties, ..SubAck::new(id, &codes) }.into(),
        Unsubscribe { properties, ..Unsubscribe::new(id, &filters) }.into(),
        UnsubAck { properties, ..UnsubAck::new(id, &codes) }.into(),
        Disconnect { properties, ..Disconnect::NORMAL }.into(),
        Auth { properties, ..Auth::new(ReasonCode::ContinueAuthentication, &[]) }.into(),
    ];
    for packet in packets {
        check_in(&packet, Version::V5_0);
    }
}
