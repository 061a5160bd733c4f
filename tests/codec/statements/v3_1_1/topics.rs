//! Topic names and filters: section 4.7.

use mqtt_sansio::{
    Connect, Publish, QoS, Subscribe, Subscription, TopicFilter, TopicName, Unsubscribe, Violation,
    Will,
};

use super::super::{broken, filter, id, legal, name, string, unwritten, with_length};
use super::V;
use crate::support::hex;

fn subscribe_bytes(text: &str) -> String {
    with_length("82", &format!("0001 {} 00", string(text)))
}

fn unsubscribe_bytes(text: &str) -> String {
    with_length("a2", &format!("0001 {}", string(text)))
}

#[track_caller]
fn legal_filter(text: &str) {
    let subscriptions = [Subscription::new(filter(text), QoS::AtMostOnce)];
    legal(V, &subscribe_bytes(text), Subscribe::new(id(1), &subscriptions));
    legal(V, &unsubscribe_bytes(text), Unsubscribe::new(id(1), &[filter(text)]));
}

#[track_caller]
fn broken_filter(text: &str, violation: Violation) {
    broken(V, &subscribe_bytes(text), violation, 4);
    broken(V, &unsubscribe_bytes(text), violation, 4);
    assert_eq!(TopicFilter::new(text), Err(violation), "{text:?}");
}

#[track_caller]
fn broken_name(text: &str, violation: Violation) {
    broken(V, &with_length("30", &string(text)), violation, 2);
    let will = format!("00044d515454 04 06 0000 000163 {} 0000", string(text));
    broken(V, &with_length("10", &will), violation, 15);
    assert_eq!(TopicName::new(text), Err(violation), "{text:?}");
}

#[test]
fn mqtt_4_7_1_1_wildcards_are_for_filters_only() {
    for text in ["#", "+", "a/#", "a/+"] {
        legal_filter(text);
        broken_name(text, Violation::WildcardInTopicName);
    }
    legal(V, "30 03 000161", Publish::new(name("a"), b""));
}

#[test]
fn mqtt_4_7_1_2_number_sign_must_be_the_last_level() {
    for text in ["#", "/#", "a/#", "a//#", "+/#"] {
        legal_filter(text);
    }
    for text in ["a#", "a/#/b", "#/", "##", "a/b#", "#a", "+#", "a/#b"] {
        broken_filter(text, Violation::MisplacedWildcard);
    }
}

#[test]
fn mqtt_4_7_1_3_plus_must_fill_a_level() {
    for text in ["+", "+/+", "/+", "+/", "a/+/b", "+/a/+"] {
        legal_filter(text);
    }
    for text in ["a+", "+a", "a/+b", "++", "a/b+/c", "#+"] {
        broken_filter(text, Violation::MisplacedWildcard);
    }
}

#[test]
fn mqtt_4_7_3_1_names_and_filters_must_not_be_empty() {
    legal_filter("/");
    broken_filter("", Violation::EmptyTopicFilter);
    legal(V, "30 03 00012f", Publish::new(name("/"), b""));
    broken_name("", Violation::EmptyTopicName);
    let by_alias = Publish::new(TopicName::BY_ALIAS, b"");
    unwritten(V, by_alias, Violation::EmptyTopicNameWithoutAlias);
    let will = Some(Will::new(TopicName::BY_ALIAS, b""));
    unwritten(V, Connect { will, ..Connect::new(V, "c") }, Violation::EmptyTopicName);
}

#[test]
fn mqtt_4_7_3_2_names_and_filters_must_not_contain_nul() {
    legal_filter("a\u{1}");
    broken_filter("a\0", Violation::NullCharacter);
    broken_filter("\0/#", Violation::NullCharacter);
    legal(V, "30 03 000101", Publish::new(name("\u{1}"), b""));
    broken_name("\0", Violation::NullCharacter);
}

#[test]
fn mqtt_4_7_3_3_names_and_filters_have_at_most_65_535_bytes() {
    let (longest, too_long) = ("é".repeat(32_767) + "e", "é".repeat(32_768));
    let bytes = format!("30 818004 ffff {}", hex(longest.as_bytes()));
    legal(V, &bytes, Publish::new(name(&longest), b""));
    let bytes = format!("a2 838004 0001 ffff {}", hex(longest.as_bytes()));
    legal(V, &bytes, Unsubscribe::new(id(1), &[filter(&longest)]));
    assert_eq!(TopicName::new(&too_long), Err(Violation::StringTooLong));
    assert_eq!(TopicFilter::new(&too_long), Err(Violation::StringTooLong));
}
