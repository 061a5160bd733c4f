//! An encoder that checks nothing but whether there are bytes for what it is given.

use mqtt_sansio::{
    Delivery, List, Packet, PacketType, Properties, Property, ReasonCode, Subscription,
    TopicFilter, Version, Will,
};

/// The bytes of a packet, allowed or not; `None` where the version has none for it.
pub(crate) fn bytes_of(packet: &Packet<'_>, version: Version) -> Option<Vec<u8>> {
    let mut flags = match packet.packet_type() {
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 2,
        _ => 0,
    };
    if let Packet::Publish(publish) = packet {
        let dup = u8::from(publish.delivery.dup()) << 3;
        flags = dup | u8::from(publish.delivery.qos()) << 1 | u8::from(publish.retain);
    }
    let body = body(packet, version)?;
    let mut bytes = vec![(packet.packet_type() as u8) << 4 | flags];
    varint(body.len(), &mut bytes);
    bytes.extend(body);
    Some(bytes)
}

fn body(packet: &Packet<'_>, version: Version) -> Option<Vec<u8>> {
    let v5 = version == Version::V5_0;
    let mut out = vec![];
    match packet {
        Packet::Connect(connect) => {
            if connect.version != version {
                return None;
            }
            return self::connect(connect);
        }
        Packet::ConnAck(connack) => {
            let code = connack_code(connack.reason_code, version)?;
            if version == Version::V3_1 && connack.session_present {
                return None;
            }
            out.extend([u8::from(connack.session_present), code]);
            properties(connack.properties, v5, &mut out)?;
        }
        Packet::Publish(publish) => {
            string(publish.topic.as_bytes(), &mut out)?;
            if let Delivery::AtLeastOnce { packet_id, .. }
            | Delivery::ExactlyOnce { packet_id, .. } = publish.delivery
            {
                out.extend(packet_id.get().to_be_bytes());
            }
            properties(publish.properties, v5, &mut out)?;
            out.extend(publish.payload);
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            out.extend(ack.packet_id.get().to_be_bytes());
            reason_and_properties(ack.reason_code, ack.properties, v5, &mut out)?;
        }
        Packet::Subscribe(_) | Packet::SubAck(_) | Packet::Unsubscribe(_) | Packet::UnsubAck(_) => {
            return subscription_body(packet, version);
        }
        Packet::PingReq | Packet::PingResp => (),
        Packet::Disconnect(packet) => {
            reason_and_properties(packet.reason_code, packet.properties, v5, &mut out)?;
        }
        Packet::Auth(auth) => {
            out.push(u8::from(auth.reason_code));
            properties(auth.properties, true, &mut out)?;
            return v5.then_some(out);
        }
    }
    Some(out)
}

fn subscription_body(packet: &Packet<'_>, version: Version) -> Option<Vec<u8>> {
    let v5 = version == Version::V5_0;
    let mut out = vec![];
    match packet {
        Packet::Subscribe(subscribe) => {
            out.extend(subscribe.packet_id.get().to_be_bytes());
            properties(subscribe.properties, v5, &mut out)?;
            subscriptions(subscribe.filters, v5, &mut out)?;
        }
        Packet::SubAck(suback) => {
            out.extend(suback.packet_id.get().to_be_bytes());
            properties(suback.properties, v5, &mut out)?;
            for code in suback.reason_codes {
                let code = u8::from(code);
                match (code, version) {
                    (0..=2, _) | (0x80, Version::V3_1_1) | (_, Version::V5_0) => (),
                    _ => return None,
                }
                out.push(code);
            }
        }
        Packet::Unsubscribe(unsubscribe) => {
            out.extend(unsubscribe.packet_id.get().to_be_bytes());
            properties(unsubscribe.properties, v5, &mut out)?;
            filters(unsubscribe.filters, &mut out)?;
        }
        Packet::UnsubAck(unsuback) => {
            out.extend(unsuback.packet_id.get().to_be_bytes());
            properties(unsuback.properties, v5, &mut out)?;
            if !v5 && !unsuback.reason_codes.is_empty() {
                return None;
            }
            out.extend(unsuback.reason_codes.iter().map(u8::from));
        }
        other => panic!("{other} is not about subscriptions"),
    }
    Some(out)
}

fn connect(connect: &mqtt_sansio::Connect<'_>) -> Option<Vec<u8>> {
    let (name, level) = match connect.version {
        Version::V3_1 => (&b"MQIsdp"[..], 3),
        Version::V3_1_1 => (&b"MQTT"[..], 4),
        Version::V5_0 => (&b"MQTT"[..], 5),
    };
    let v5 = connect.version == Version::V5_0;
    let mut out = vec![];
    string(name, &mut out)?;
    let mut flags = u8::from(connect.clean_start) << 1;
    flags |= u8::from(connect.user_name.is_some()) << 7;
    flags |= u8::from(connect.password.is_some()) << 6;
    if let Some(will) = connect.will {
        flags |= 1 << 2 | u8::from(will.qos) << 3 | u8::from(will.retain) << 5;
    }
    out.extend([level, flags]);
    out.extend(connect.keep_alive.to_be_bytes());
    properties(connect.properties, v5, &mut out)?;
    string(connect.client_id.as_bytes(), &mut out)?;
    if let Some(Will { topic, payload, properties: will_properties, .. }) = connect.will {
        properties(will_properties, v5, &mut out)?;
        string(topic.as_bytes(), &mut out)?;
        string(payload, &mut out)?;
    }
    if let Some(user_name) = connect.user_name {
        string(user_name.as_bytes(), &mut out)?;
    }
    if let Some(password) = connect.password {
        string(password, &mut out)?;
    }
    Some(out)
}

fn connack_code(code: ReasonCode, version: Version) -> Option<u8> {
    if version == Version::V5_0 {
        return Some(u8::from(code));
    }
    match code {
        ReasonCode::Success => Some(0),
        ReasonCode::UnsupportedProtocolVersion => Some(1),
        ReasonCode::ClientIdentifierNotValid => Some(2),
        ReasonCode::ServerUnavailable => Some(3),
        ReasonCode::BadUserNameOrPassword => Some(4),
        ReasonCode::NotAuthorized => Some(5),
        _ => None,
    }
}

pub(crate) fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value % 0x80).unwrap() | 0x80);
        value /= 0x80;
    }
    out.push(u8::try_from(value).unwrap());
}

/// Length and bytes; `None` where the length does not fit.
fn string(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend(u16::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend(bytes);
    Some(())
}

/// As short as 5.0 lets it be: without properties, and without a reason code that is success.
fn reason_and_properties(
    code: ReasonCode,
    all: Properties<'_>,
    v5: bool,
    out: &mut Vec<u8>,
) -> Option<()> {
    if all.is_empty() && code == ReasonCode::Success {
        return Some(());
    }
    if !v5 {
        return None;
    }
    out.push(u8::from(code));
    if all.is_empty() { Some(()) } else { properties(all, v5, out) }
}

fn properties(all: Properties<'_>, v5: bool, out: &mut Vec<u8>) -> Option<()> {
    if !v5 {
        return all.is_empty().then_some(());
    }
    let mut block = vec![];
    for property in all {
        block.push(u8::from(property.id()));
        value(property, &mut block)?;
    }
    varint(block.len(), out);
    out.extend(block);
    Some(())
}

fn value(property: Property<'_>, out: &mut Vec<u8>) -> Option<()> {
    match property {
        Property::PayloadFormatIndicator(value) => out.push(value as u8),
        Property::MaximumQoS(value) => out.push(u8::from(value)),
        Property::RequestProblemInformation(value)
        | Property::RequestResponseInformation(value)
        | Property::RetainAvailable(value)
        | Property::WildcardSubscriptionAvailable(value)
        | Property::SubscriptionIdentifierAvailable(value)
        | Property::SharedSubscriptionAvailable(value) => out.push(u8::from(value)),
        Property::ServerKeepAlive(value) | Property::TopicAliasMaximum(value) => {
            out.extend(value.to_be_bytes());
        }
        Property::ReceiveMaximum(value) => out.extend(value.get().to_be_bytes()),
        Property::TopicAlias(value) => out.extend(value.get().to_be_bytes()),
        Property::MessageExpiryInterval(value)
        | Property::SessionExpiryInterval(value)
        | Property::WillDelayInterval(value) => out.extend(value.to_be_bytes()),
        Property::MaximumPacketSize(value) => out.extend(value.get().to_be_bytes()),
        Property::SubscriptionIdentifier(value) => varint(value.get() as usize, out),
        Property::ContentType(text)
        | Property::AssignedClientIdentifier(text)
        | Property::AuthenticationMethod(text)
        | Property::ResponseInformation(text)
        | Property::ServerReference(text)
        | Property::ReasonString(text) => string(text.as_bytes(), out)?,
        Property::ResponseTopic(topic) => string(topic.as_bytes(), out)?,
        Property::CorrelationData(data) | Property::AuthenticationData(data) => string(data, out)?,
        Property::UserProperty(user) => {
            string(user.name.as_bytes(), out)?;
            string(user.value.as_bytes(), out)?;
        }
        other => panic!("{} is not known here", other.id()),
    }
    Some(())
}

fn subscriptions(all: List<'_, Subscription<'_>>, v5: bool, out: &mut Vec<u8>) -> Option<()> {
    for subscription in all {
        let options = u8::from(subscription.no_local) << 2
            | u8::from(subscription.retain_as_published) << 3
            | (subscription.retain_handling as u8) << 4;
        if !v5 && options != 0 {
            return None;
        }
        string(subscription.filter.as_bytes(), out)?;
        out.push(u8::from(subscription.qos) | options);
    }
    Some(())
}

fn filters(all: List<'_, TopicFilter<'_>>, out: &mut Vec<u8>) -> Option<()> {
    all.iter().try_for_each(|filter| string(filter.as_bytes(), out))
}
