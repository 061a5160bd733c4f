//! An encoder that checks nothing: what it writes for a packet that the crate's encoder refuses, the
//! decoder must refuse too.

use mqtt_sansio::{
    Ack, ConnAck, Connect, Packet, PayloadFormat, Properties, Property, Publish, QoS, ReasonCode,
    RetainHandling, Subscribe, Subscription, Version,
};

/// The packet's bytes; `None` where there are none that say all of it.
pub fn encode(packet: &Packet<'_>, version: Version) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let mut flags = 0;
    match packet {
        Packet::Connect(connect) => self::connect(connect, version, &mut body)?,
        Packet::ConnAck(connack) => self::connack(connack, version, &mut body)?,
        Packet::Publish(publish) => {
            let delivery = publish.delivery;
            flags = u8::from(delivery.dup()) << 3
                | u8::from(delivery.qos()) << 1
                | u8::from(publish.retain);
            self::publish(publish, version, &mut body)?;
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            flags = if matches!(packet, Packet::PubRel(_)) { 2 } else { 0 };
            self::ack(ack, version, &mut body)?;
        }
        Packet::Subscribe(subscribe) => {
            flags = 2;
            self::subscribe(subscribe, version, &mut body)?;
        }
        Packet::SubAck(suback) => {
            body.extend(suback.packet_id.get().to_be_bytes());
            properties(&suback.properties, version, &mut body)?;
            let codes: Vec<u8> = suback.reason_codes.iter().map(u8::from).collect();
            // 3.1 reads the two low bits alone, which say something else.
            if version == Version::V3_1 && codes.iter().any(|code| matches!(code, 3..0x80)) {
                return None;
            }
            body.extend(codes);
        }
        Packet::Unsubscribe(unsubscribe) => {
            flags = 2;
            body.extend(unsubscribe.packet_id.get().to_be_bytes());
            properties(&unsubscribe.properties, version, &mut body)?;
            let mut filters = unsubscribe.filters.iter();
            filters.try_for_each(|filter| field(filter.as_bytes(), &mut body))?;
        }
        Packet::UnsubAck(unsuback) => {
            body.extend(unsuback.packet_id.get().to_be_bytes());
            properties(&unsuback.properties, version, &mut body)?;
            body.extend(unsuback.reason_codes.iter().map(u8::from));
        }
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) => {
            ending(disconnect.reason_code, &disconnect.properties, version, &mut body)?;
        }
        Packet::Auth(auth) => {
            body.push(auth.reason_code.into());
            properties(&auth.properties, version, &mut body)?;
        }
    }
    let mut bytes = vec![(packet.packet_type() as u8) << 4 | flags];
    varint(body.len(), &mut bytes)?;
    bytes.extend(body);
    Some(bytes)
}

fn connect(connect: &Connect<'_>, version: Version, body: &mut Vec<u8>) -> Option<()> {
    let mut flags = u8::from(connect.clean_start) << 1;
    if let Some(will) = &connect.will {
        flags |= 4 | u8::from(will.qos) << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(connect.password.is_some()) << 6 | u8::from(connect.user_name.is_some()) << 7;
    match version {
        Version::V3_1 => body.extend(b"\x00\x06MQIsdp\x03"),
        Version::V3_1_1 => body.extend(b"\x00\x04MQTT\x04"),
        Version::V5_0 => body.extend(b"\x00\x04MQTT\x05"),
    }
    body.push(flags);
    body.extend(connect.keep_alive.to_be_bytes());
    properties(&connect.properties, version, body)?;
    field(connect.client_id.as_bytes(), body)?;
    if let Some(will) = &connect.will {
        properties(&will.properties, version, body)?;
        field(will.topic.as_bytes(), body)?;
        field(will.payload, body)?;
    }
    if let Some(user_name) = connect.user_name {
        field(user_name.as_bytes(), body)?;
    }
    match connect.password {
        Some(password) => field(password, body),
        None => Some(()),
    }
}

fn connack(connack: &ConnAck<'_>, version: Version, body: &mut Vec<u8>) -> Option<()> {
    body.push(u8::from(connack.session_present));
    body.push(match version {
        Version::V5_0 => connack.reason_code.into(),
        Version::V3_1 | Version::V3_1_1 => return_code(connack.reason_code)?,
    });
    properties(&connack.properties, version, body)
}

fn publish(publish: &Publish<'_>, version: Version, body: &mut Vec<u8>) -> Option<()> {
    field(publish.topic.as_bytes(), body)?;
    if let Some(id) = publish.delivery.packet_id() {
        body.extend(id.get().to_be_bytes());
    }
    properties(&publish.properties, version, body)?;
    body.extend(publish.payload);
    Some(())
}

fn subscribe(subscribe: &Subscribe<'_>, version: Version, body: &mut Vec<u8>) -> Option<()> {
    body.extend(subscribe.packet_id.get().to_be_bytes());
    properties(&subscribe.properties, version, body)?;
    for subscription in subscribe.filters {
        field(subscription.filter.as_bytes(), body)?;
        body.push(options(&subscription));
    }
    Some(())
}

/// The return code of CONNACK before 5.0.
fn return_code(code: ReasonCode) -> Option<u8> {
    Some(match code {
        ReasonCode::Success => 0,
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::ServerUnavailable => 3,
        ReasonCode::BadUserNameOrPassword => 4,
        ReasonCode::NotAuthorized => 5,
        _ => return None,
    })
}

fn ack(ack: &Ack<'_>, version: Version, body: &mut Vec<u8>) -> Option<()> {
    body.extend(ack.packet_id.get().to_be_bytes());
    ending(ack.reason_code, &ack.properties, version, body)
}

/// A reason code and properties, in the fewest bytes.
fn ending(
    code: ReasonCode,
    list: &Properties<'_>,
    version: Version,
    body: &mut Vec<u8>,
) -> Option<()> {
    if code != ReasonCode::Success || !list.is_empty() {
        body.push(code.into());
    }
    if list.is_empty() { Some(()) } else { properties(list, version, body) }
}

fn options(subscription: &Subscription<'_>) -> u8 {
    let retain_handling = match subscription.retain_handling {
        RetainHandling::SendAtSubscribe => 0,
        RetainHandling::SendAtNewSubscribe => 1,
        RetainHandling::DoNotSend => 2,
    };
    u8::from(subscription.qos)
        | u8::from(subscription.no_local) << 2
        | u8::from(subscription.retain_as_published) << 3
        | retain_handling << 4
}

/// The property length and the properties, which only 5.0 has.
fn properties(list: &Properties<'_>, version: Version, body: &mut Vec<u8>) -> Option<()> {
    if version != Version::V5_0 {
        return list.is_empty().then_some(());
    }
    let mut block = Vec::new();
    for property in list.iter() {
        self::property(property, &mut block)?;
    }
    varint(block.len(), body)?;
    body.extend(block);
    Some(())
}

fn property(property: Property<'_>, out: &mut Vec<u8>) -> Option<()> {
    out.push(property.id().into());
    match property {
        Property::PayloadFormatIndicator(format) => {
            out.push(u8::from(format == PayloadFormat::Utf8));
        }
        Property::RequestProblemInformation(yes)
        | Property::RequestResponseInformation(yes)
        | Property::RetainAvailable(yes)
        | Property::WildcardSubscriptionAvailable(yes)
        | Property::SubscriptionIdentifierAvailable(yes)
        | Property::SharedSubscriptionAvailable(yes) => out.push(u8::from(yes)),
        Property::MaximumQoS(qos) => out.push(match qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce => 1,
            QoS::ExactlyOnce => 2,
        }),
        Property::ServerKeepAlive(number) | Property::TopicAliasMaximum(number) => {
            out.extend(number.to_be_bytes());
        }
        Property::ReceiveMaximum(number) => out.extend(number.get().to_be_bytes()),
        Property::TopicAlias(alias) => out.extend(alias.get().to_be_bytes()),
        Property::MessageExpiryInterval(number)
        | Property::SessionExpiryInterval(number)
        | Property::WillDelayInterval(number) => out.extend(number.to_be_bytes()),
        Property::MaximumPacketSize(number) => out.extend(number.get().to_be_bytes()),
        Property::SubscriptionIdentifier(number) => {
            varint(usize::try_from(number.get()).ok()?, out)?
        }
        Property::ContentType(text)
        | Property::AssignedClientIdentifier(text)
        | Property::AuthenticationMethod(text)
        | Property::ResponseInformation(text)
        | Property::ServerReference(text)
        | Property::ReasonString(text) => field(text.as_bytes(), out)?,
        Property::ResponseTopic(topic) => field(topic.as_bytes(), out)?,
        Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => {
            field(bytes, out)?
        }
        Property::UserProperty(pair) => {
            field(pair.name.as_bytes(), out)?;
            field(pair.value.as_bytes(), out)?;
        }
        other => panic!("{other:?} is new here"),
    }
    Some(())
}

fn field(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend(u16::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend(bytes);
    Some(())
}

fn varint(mut value: usize, out: &mut Vec<u8>) -> Option<()> {
    if value > 268_435_455 {
        return None;
    }
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
    Some(())
}
