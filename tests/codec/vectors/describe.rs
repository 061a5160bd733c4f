//! A packet in the words of the vectors' `# fields:` lines.

use mqtt_sansio::{
    Connect, Item, List, Packet, PayloadFormat, Properties, Property, Publish, ReasonCode,
    Subscription, TopicFilter, Will,
};

/// From this many equal items on, they are counted instead of written out.
const MANY: usize = 33;

pub(crate) fn describe(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(packet) => connect(packet),
        Packet::ConnAck(packet) => format!(
            "session_present={}, reason_code={}, properties={}",
            u8::from(packet.session_present),
            code(packet.reason_code),
            properties(packet.properties)
        ),
        Packet::Publish(packet) => publish(packet),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            format!(
                "packet_id={}, reason_code={}, properties={}",
                ack.packet_id,
                code(ack.reason_code),
                properties(ack.properties)
            )
        }
        Packet::Subscribe(packet) => format!(
            "packet_id={}, properties={}, filters={}",
            packet.packet_id,
            properties(packet.properties),
            list(packet.filters, subscription)
        ),
        Packet::SubAck(packet) => format!(
            "packet_id={}, properties={}, reason_codes={}",
            packet.packet_id,
            properties(packet.properties),
            list(packet.reason_codes, code)
        ),
        Packet::Unsubscribe(packet) => format!(
            "packet_id={}, properties={}, filters={}",
            packet.packet_id,
            properties(packet.properties),
            list(packet.filters, |filter: TopicFilter<'_>| string(filter.as_str()))
        ),
        Packet::UnsubAck(packet) => format!(
            "packet_id={}, properties={}, reason_codes={}",
            packet.packet_id,
            properties(packet.properties),
            list(packet.reason_codes, code)
        ),
        Packet::PingReq | Packet::PingResp => "none".to_owned(),
        Packet::Disconnect(packet) => reason_and_properties(packet.reason_code, packet.properties),
        Packet::Auth(packet) => reason_and_properties(packet.reason_code, packet.properties),
    }
}

fn connect(packet: &Connect<'_>) -> String {
    format!(
        "version={}, clean_start={}, keep_alive={}, properties={}, client_id={}, will={}, \
         user_name={}, password={}",
        packet.version,
        u8::from(packet.clean_start),
        packet.keep_alive,
        properties(packet.properties),
        string(packet.client_id),
        packet.will.map_or_else(none, will),
        packet.user_name.map_or_else(none, string),
        packet.password.map_or_else(none, binary)
    )
}

fn none() -> String {
    "none".to_owned()
}

fn will(will: Will<'_>) -> String {
    format!(
        "(qos={}, retain={}, properties={}, topic={}, payload={})",
        will.qos,
        u8::from(will.retain),
        properties(will.properties),
        string(will.topic.as_str()),
        binary(will.payload)
    )
}

fn publish(packet: &Publish<'_>) -> String {
    format!(
        "dup={}, qos={}, retain={}, topic={}, packet_id={}, properties={}, payload={}",
        u8::from(packet.delivery.dup()),
        packet.delivery.qos(),
        u8::from(packet.retain),
        string(packet.topic.as_str()),
        packet.delivery.packet_id().map_or_else(none, |id| id.to_string()),
        properties(packet.properties),
        binary(packet.payload)
    )
}

fn reason_and_properties(reason_code: ReasonCode, all: Properties<'_>) -> String {
    format!("reason_code={}, properties={}", code(reason_code), properties(all))
}

fn code(code: ReasonCode) -> String {
    format!("{:#04x} {code}", u8::from(code))
}

fn subscription(subscription: Subscription<'_>) -> String {
    format!(
        "{} qos={} no_local={} retain_as_published={} retain_handling={}",
        string(subscription.filter.as_str()),
        subscription.qos,
        u8::from(subscription.no_local),
        u8::from(subscription.retain_as_published),
        subscription.retain_handling as u8
    )
}

fn properties(all: Properties<'_>) -> String {
    let items = all.iter().map(|property| format!("{}={}", property.id(), value(property)));
    format!("[{}]", items.collect::<Vec<_>>().join("; "))
}

fn value(property: Property<'_>) -> String {
    match property {
        Property::PayloadFormatIndicator(PayloadFormat::Bytes) => "0".to_owned(),
        Property::PayloadFormatIndicator(PayloadFormat::Utf8) => "1".to_owned(),
        Property::ContentType(text)
        | Property::AssignedClientIdentifier(text)
        | Property::AuthenticationMethod(text)
        | Property::ResponseInformation(text)
        | Property::ServerReference(text)
        | Property::ReasonString(text) => string(text),
        Property::ResponseTopic(topic) => string(topic.as_str()),
        Property::CorrelationData(data) | Property::AuthenticationData(data) => binary(data),
        Property::UserProperty(user) => format!("{}:{}", string(user.name), string(user.value)),
        Property::SubscriptionIdentifier(value) => value.to_string(),
        Property::MessageExpiryInterval(value)
        | Property::SessionExpiryInterval(value)
        | Property::WillDelayInterval(value) => value.to_string(),
        Property::ServerKeepAlive(value) | Property::TopicAliasMaximum(value) => value.to_string(),
        Property::ReceiveMaximum(value) => value.to_string(),
        Property::MaximumPacketSize(value) => value.to_string(),
        Property::TopicAlias(value) => value.to_string(),
        Property::MaximumQoS(value) => value.to_string(),
        Property::RequestProblemInformation(value)
        | Property::RequestResponseInformation(value)
        | Property::RetainAvailable(value)
        | Property::WildcardSubscriptionAvailable(value)
        | Property::SubscriptionIdentifierAvailable(value)
        | Property::SharedSubscriptionAvailable(value) => u8::from(value).to_string(),
        other => panic!("no words for {}", other.id()),
    }
}

fn list<'a, T: Item<'a> + PartialEq>(list: List<'a, T>, word: impl Fn(T) -> String) -> String {
    let items: Vec<T> = list.iter().collect();
    assert_eq!(items.len(), list.len());
    match items.first() {
        Some(first) if items.len() >= MANY && items.iter().all(|item| item == first) => {
            format!("[{}*{}]", items.len(), word(*first))
        }
        _ => format!("[{}]", items.into_iter().map(word).collect::<Vec<_>>().join("; ")),
    }
}

fn string(text: &str) -> String {
    let bytes = text.as_bytes();
    let first = text.chars().next().map_or(0, char::len_utf8);
    if bytes.len() >= MANY && bytes[first..] == bytes[..bytes.len() - first] {
        return format!("{}*{}", bytes.len() / first, string(&text[..first]));
    }
    let escaped = text.chars().map(|char| match char {
        '"' | '\\' => char.escape_unicode().to_string(),
        ' '..='~' => char.to_string(),
        _ => char.escape_unicode().to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn binary(data: &[u8]) -> String {
    match data {
        [] => "empty".to_owned(),
        // Slices compare far faster than their bytes one by one: payloads may be long.
        [first, rest @ ..] if data.len() >= MANY && *rest == data[..data.len() - 1] => {
            format!("{}*{first:02x}", data.len())
        }
        _ => crate::support::hex(data),
    }
}
