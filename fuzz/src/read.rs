//! Every way of reading a packet, which must not contradict each other.

use std::fmt::Debug;

use mqtt_sansio::{
    Item, List, Packet, Properties, Property, PropertyId, TopicFilter, TopicName, Violation,
};

/// Reads all that the packet says.
pub fn everything(packet: &Packet<'_>) {
    let words = packet.to_string();
    assert!(words.starts_with(packet.packet_type().name()), "{words}");
    assert!(!words.contains(char::is_control), "{words:?}");
    assert!(!format!("{packet:?}").is_empty());
    match packet {
        Packet::Connect(connect) => {
            properties(&connect.properties);
            if let Some(will) = connect.will {
                properties(&will.properties);
                topic_name(will.topic);
            }
            let _ = connect.refusal();
        }
        Packet::ConnAck(connack) => properties(&connack.properties),
        Packet::Publish(publish) => {
            properties(&publish.properties);
            topic_name(publish.topic);
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            properties(&ack.properties);
        }
        Packet::Subscribe(subscribe) => {
            properties(&subscribe.properties);
            list(subscribe.filters);
            subscribe.filters.iter().for_each(|subscription| topic_filter(subscription.filter));
        }
        Packet::SubAck(suback) => {
            properties(&suback.properties);
            list(suback.reason_codes);
        }
        Packet::Unsubscribe(unsubscribe) => {
            properties(&unsubscribe.properties);
            list(unsubscribe.filters);
            unsubscribe.filters.iter().for_each(topic_filter);
        }
        Packet::UnsubAck(unsuback) => {
            properties(&unsuback.properties);
            list(unsuback.reason_codes);
        }
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) => properties(&disconnect.properties),
        Packet::Auth(auth) => properties(&auth.properties),
    }
}

fn properties(properties: &Properties<'_>) {
    let all: Vec<Property<'_>> = properties.iter().collect();
    assert!(properties.into_iter().eq(all.iter().copied()), "{all:?}");
    assert_eq!(properties.is_empty(), all.is_empty(), "{all:?}");
    for &id in PropertyId::ALL {
        let first = all.iter().copied().find(|property| property.id() == id);
        assert_eq!(properties.find(id), first, "{id} in {all:?}");
        assert_eq!(properties.contains(id), first.is_some(), "{id} in {all:?}");
    }
    let mut user_properties = properties.user_properties();
    let mut identifiers = properties.subscription_identifiers();
    for property in &all {
        match property {
            Property::UserProperty(pair) => assert_eq!(user_properties.next(), Some(*pair)),
            Property::SubscriptionIdentifier(id) => assert_eq!(identifiers.next(), Some(*id)),
            Property::ResponseTopic(topic) => topic_name(*topic),
            _ => {}
        }
    }
    assert_eq!((user_properties.next(), identifiers.next()), (None, None), "{all:?}");
}

fn list<'a, T: Item<'a> + PartialEq + Debug>(list: List<'a, T>) {
    let items: Vec<T> = list.iter().collect();
    assert_eq!(list.len(), items.len(), "{items:?}");
    assert_eq!(list.is_empty(), items.is_empty(), "{items:?}");
    assert!(list.into_iter().eq(items.iter().copied()), "{items:?}");
    assert_eq!(format!("{list:?}"), format!("{items:?}"));
}

fn topic_name(topic: TopicName<'_>) {
    assert_eq!(topic.as_str().as_bytes(), topic.as_bytes(), "{topic:?}");
    assert_eq!(topic.to_string(), topic.as_str(), "{topic:?}");
    let levels: Vec<&[u8]> = topic.levels().collect();
    assert_eq!(levels.join(&b'/'), topic.as_bytes(), "{topic:?}");
    if topic.is_empty() {
        assert_eq!(topic, TopicName::BY_ALIAS);
        return;
    }
    assert_eq!(TopicName::new(topic.as_str()), Ok(topic), "{topic:?}");
    // Every name is a filter too, which matches it.
    let filter = TopicFilter::new(topic.as_str()).unwrap();
    assert!(!filter.has_wildcards(), "{topic:?}");
    assert!(filter.matches(topic), "{topic:?}");
    let all = TopicFilter::new("#").unwrap();
    assert_eq!(all.matches(topic), !topic.as_str().starts_with('$'), "{topic:?}");
}

fn topic_filter(filter: TopicFilter<'_>) {
    assert_eq!(filter.as_str().as_bytes(), filter.as_bytes(), "{filter:?}");
    assert_eq!(filter.to_string(), filter.as_str(), "{filter:?}");
    assert_eq!(TopicFilter::new(filter.as_str()), Ok(filter), "{filter:?}");
    let levels: Vec<&[u8]> = filter.levels().collect();
    assert_eq!(levels.join(&b'/'), filter.as_bytes(), "{filter:?}");
    match filter.share() {
        Ok(None) => assert!(!filter.is_shared(), "{filter:?}"),
        Ok(Some(share)) => {
            assert_eq!(format!("$share/{}/{}", share.name, share.filter), filter.as_str());
            assert!(!share.name.is_empty(), "{filter:?}");
            assert!(!share.name.contains(['/', '+', '#']), "{filter:?}");
            topic_filter(share.filter);
        }
        Err(violation) => {
            assert_eq!(violation, Violation::InvalidSharedFilter, "{filter:?}");
            assert!(filter.is_shared(), "{filter:?}");
        }
    }
    match TopicName::new(filter.as_str()) {
        Ok(name) => assert!(!filter.has_wildcards() && filter.matches(name), "{filter:?}"),
        Err(violation) => {
            assert_eq!(violation, Violation::WildcardInTopicName, "{filter:?}");
            assert!(filter.has_wildcards(), "{filter:?}");
        }
    }
    // A name made of the filter, each `+` standing for `x` and `#` for nothing or one level more.
    let name = filter.as_str().replace('+', "x");
    let matching = [name.replace('#', "y"), name.replace("/#", "")];
    for name in &matching {
        if let Ok(name) = TopicName::new(name) {
            assert!(filter.matches(name), "{filter:?} {name:?}");
        }
    }
}
