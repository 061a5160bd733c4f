//! PUBLISH: section 3.3.

use mqtt_sansio::{
    Delivery, Properties, Property, Publish, Sender, SubscriptionIdentifier, TopicAlias, TopicName,
    Violation,
};

use super::super::{broken, id, legal, name, sent_by, unwritten};
use super::V;

fn publish<'a>(properties: &'a [Property<'a>]) -> Publish<'a> {
    Publish { properties: Properties::from(properties), ..Publish::new(name("a"), b"") }
}

fn empty<'a>(properties: &'a [Property<'a>]) -> Publish<'a> {
    Publish { topic: TopicName::BY_ALIAS, ..publish(properties) }
}

fn alias(number: u16) -> Property<'static> {
    Property::TopicAlias(TopicAlias::new(number).unwrap())
}

#[test]
fn mqtt_3_3_1_2_dup_must_be_0_at_qos_0() {
    legal(V, "30 04 000161 00", publish(&[]));
    broken(V, "38 04 000161 00", Violation::DupAtQoS0, 0);
    let delivery = Delivery::AtLeastOnce { dup: true, packet_id: id(1) };
    legal(V, "3a 06 000161 0001 00", Publish { delivery, ..publish(&[]) });
}

#[test]
fn mqtt_3_3_1_4_qos_must_not_be_3() {
    let delivery = Delivery::ExactlyOnce { dup: false, packet_id: id(1) };
    legal(V, "34 06 000161 0001 00", Publish { delivery, ..publish(&[]) });
    for first in ["36", "37", "3e", "3f"] {
        broken(V, &format!("{first} 06 000161 0001 00"), Violation::QoS3, 0);
    }
}

#[test]
fn mqtt_3_3_2_1_topic_name_comes_first_and_must_be_utf_8() {
    legal(V, "30 05 0002c3a9 00", Publish::new(name("é"), b""));
    broken(V, "30 05 0002c328 00", Violation::InvalidUtf8, 2);
    broken(V, "30 04 000561 00", Violation::Truncated, 2);
    broken(V, "30 01 00", Violation::Truncated, 2);
    // Empty where an alias stands for it.
    legal(V, "30 06 0000 03 23 0007", empty(&[alias(7)]));
}

#[test]
fn mqtt_3_3_2_2_topic_name_must_not_contain_wildcards() {
    legal(V, "30 06 0003612f62 00", Publish::new(name("a/b"), b""));
    broken(V, "30 06 0003612f23 00", Violation::WildcardInTopicName, 2);
    broken(V, "30 06 0003612f2b 00", Violation::WildcardInTopicName, 2);
}

#[test]
fn s3_3_2_1_an_empty_topic_name_needs_an_alias() {
    legal(V, "30 06 0000 03 23 0001", empty(&[alias(1)]));
    broken(V, "30 03 0000 00", Violation::EmptyTopicNameWithoutAlias, 2);
    broken(V, "30 05 0000 02 01 01", Violation::EmptyTopicNameWithoutAlias, 2);
    unwritten(V, empty(&[]), Violation::EmptyTopicNameWithoutAlias);
    let expiry = [Property::MessageExpiryInterval(1)];
    unwritten(V, empty(&expiry), Violation::EmptyTopicNameWithoutAlias);
}

#[test]
fn mqtt_3_3_2_8_topic_alias_must_not_be_0() {
    legal(V, "30 07 000161 03 23 0001", publish(&[alias(1)]));
    legal(V, "30 07 000161 03 23 ffff", publish(&[alias(0xFFFF)]));
    broken(V, "30 07 000161 03 23 0000", Violation::TopicAliasZero, 7);
    assert_eq!(TopicAlias::new(0), None);
}

#[test]
fn mqtt_3_3_2_13_response_topic_must_be_utf_8() {
    legal(V, "30 09 000161 05 08 0002c3a9", publish(&[Property::ResponseTopic(name("é"))]));
    broken(V, "30 09 000161 05 08 0002c328", Violation::InvalidUtf8, 7);
}

#[test]
fn mqtt_3_3_2_14_response_topic_must_not_contain_wildcards() {
    legal(V, "30 0a 000161 06 08 0003612f62", publish(&[Property::ResponseTopic(name("a/b"))]));
    broken(V, "30 0a 000161 06 08 0003612f2b", Violation::WildcardInTopicName, 7);
    broken(V, "30 0a 000161 06 08 0003612f23", Violation::WildcardInTopicName, 7);
    broken(V, "30 07 000161 03 08 0000", Violation::EmptyTopicName, 7);
    let empty = [Property::ResponseTopic(TopicName::BY_ALIAS)];
    unwritten(V, publish(&empty), Violation::EmptyTopicName);
}

#[test]
fn mqtt_3_3_2_19_content_type_must_be_utf_8() {
    legal(V, "30 09 000161 05 03 0002c3a9", publish(&[Property::ContentType("é")]));
    broken(V, "30 09 000161 05 03 0002c328", Violation::InvalidUtf8, 7);
}

#[test]
fn mqtt_3_3_4_6_subscription_identifiers_come_from_the_server_only() {
    let number =
        |number| Property::SubscriptionIdentifier(SubscriptionIdentifier::new(number).unwrap());
    let both = [Sender::Client, Sender::Server];
    legal(V, "30 08 000161 04 0b01 0b02", publish(&[number(1), number(2)]));
    sent_by(V, "30 08 000161 04 0b01 0b02", &[Sender::Server]);
    sent_by(V, "30 06 000161 02 0b01", &[Sender::Server]);
    sent_by(V, "30 04 000161 00", &both);
    sent_by(V, "30 06 000161 02 0101", &both);
}

#[test]
fn s3_3_2_3_8_subscription_identifier_must_not_be_0() {
    broken(V, "30 06 000161 02 0b00", Violation::PropertyValue, 7);
    assert_eq!(SubscriptionIdentifier::new(0), None);
}
