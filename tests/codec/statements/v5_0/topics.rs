//! Topic names, topic filters and shared subscriptions: sections 4.7 and 4.8.

use mqtt_sansio::{
    Connect, Publish, QoS, Subscribe, Subscription, TopicFilter, TopicName, Unsubscribe, Violation,
    Will,
};

use super::super::{broken, filter, id, legal, name, string, unwritten, with_length};
use super::V;
use crate::support::hex;

fn subscribe_bytes(text: &str) -> String {
    with_length("82", &format!("0001 00 {} 00", string(text)))
}

fn unsubscribe_bytes(text: &str) -> String {
    with_length("a2", &format!("0001 00 {}", string(text)))
}

#[track_caller]
fn legal_filter(text: &str) {
    let subscriptions = [Subscription::new(filter(text), QoS::AtMostOnce)];
    legal(V, &subscribe_bytes(text), Subscribe::new(id(1), &subscriptions));
    legal(V, &unsubscribe_bytes(text), Unsubscribe::new(id(1), &[filter(text)]));
}

#[track_caller]
fn broken_filter(text: &str, violation: Violation) {
    broken(V, &subscribe_bytes(text), violation, 5);
    broken(V, &unsubscribe_bytes(text), violation, 5);
}

/// A filter that is one as such, but not that of a shared subscription.
#[track_caller]
fn broken_share(text: &str) {
    broken_filter(text, Violation::InvalidSharedFilter);
    let subscriptions = [Subscription::new(filter(text), QoS::AtMostOnce)];
    unwritten(V, Subscribe::new(id(1), &subscriptions), Violation::InvalidSharedFilter);
    unwritten(V, Unsubscribe::new(id(1), &[filter(text)]), Violation::InvalidSharedFilter);
    // 3.1.1 knows no shared subscriptions.
    let old = mqtt_sansio::Version::V3_1_1;
    let bytes = with_length("a2", &format!("0001 {}", string(text)));
    legal(old, &bytes, Unsubscribe::new(id(1), &[filter(text)]));
}

#[track_caller]
fn broken_name(text: &str, violation: Violation) {
    broken(V, &with_length("30", &format!("{} 00", string(text))), violation, 2);
    broken_will_topic(text, violation);
}

#[track_caller]
fn broken_will_topic(text: &str, violation: Violation) {
    let will = format!("00044d515454 05 06 0000 00 000163 00 {} 0000", string(text));
    broken(V, &with_length("10", &will), violation, 17);
    assert_eq!(TopicName::new(text), Err(violation), "{text:?}");
}

#[test]
fn mqtt_4_7_0_1_wildcards_are_for_filters_only() {
    for text in ["#", "+", "a/#", "a/+"] {
        legal_filter(text);
        broken_name(text, Violation::WildcardInTopicName);
    }
    legal(V, "30 04 000161 00", Publish::new(name("a"), b""));
}

#[test]
fn mqtt_4_7_1_1_number_sign_must_be_the_last_level() {
    for text in ["#", "/#", "a/#", "a//#", "+/#"] {
        legal_filter(text);
    }
    for text in ["a#", "a/#/b", "#/", "##", "a/b#", "#a", "+#", "a/#b", "$share/g/a#"] {
        broken_filter(text, Violation::MisplacedWildcard);
        assert_eq!(TopicFilter::new(text), Err(Violation::MisplacedWildcard), "{text}");
    }
}

#[test]
fn mqtt_4_7_1_2_plus_must_fill_a_level() {
    for text in ["+", "+/+", "/+", "+/", "a/+/b", "+/a/+"] {
        legal_filter(text);
    }
    for text in ["a+", "+a", "a/+b", "++", "a/b+/c", "#+", "$share/g/+a"] {
        broken_filter(text, Violation::MisplacedWildcard);
        assert_eq!(TopicFilter::new(text), Err(Violation::MisplacedWildcard), "{text}");
    }
}

#[test]
fn mqtt_4_7_3_1_names_and_filters_must_not_be_empty() {
    legal_filter("/");
    broken_filter("", Violation::EmptyTopicFilter);
    legal(V, "30 04 00012f 00", Publish::new(name("/"), b""));
    broken(V, "30 03 0000 00", Violation::EmptyTopicNameWithoutAlias, 2);
    broken_will_topic("", Violation::EmptyTopicName);
    let will = Some(Will::new(TopicName::BY_ALIAS, b""));
    unwritten(V, Connect { will, ..Connect::new(V, "c") }, Violation::EmptyTopicName);
}

#[test]
fn mqtt_4_7_3_2_names_and_filters_must_not_contain_nul() {
    legal_filter("a\u{1}");
    broken_filter("a\0", Violation::NullCharacter);
    legal(V, "30 04 000101 00", Publish::new(name("\u{1}"), b""));
    broken_name("\0", Violation::NullCharacter);
}

#[test]
fn mqtt_4_7_3_3_names_and_filters_have_at_most_65_535_bytes() {
    let (longest, too_long) = ("a".repeat(65_535), "a".repeat(65_536));
    let bytes = format!("30 828004 ffff {} 00", hex(longest.as_bytes()));
    legal(V, &bytes, Publish::new(name(&longest), b""));
    let bytes = format!("a2 848004 0001 00 ffff {}", hex(longest.as_bytes()));
    legal(V, &bytes, Unsubscribe::new(id(1), &[filter(&longest)]));
    assert_eq!(TopicName::new(&too_long), Err(Violation::StringTooLong));
    assert_eq!(TopicFilter::new(&too_long), Err(Violation::StringTooLong));
}

#[test]
fn mqtt_4_8_2_1_a_share_name_must_have_a_character() {
    legal_filter("$share/g/a");
    broken_share("$share//a");
    broken_share("$share/");
    broken_share("$share//");
    // Without the slash, it does not begin as a shared subscription does.
    legal_filter("$share");
    legal_filter("$sharex/g/a");
}

#[test]
fn mqtt_4_8_2_2_a_share_name_has_no_wildcards_and_a_filter_follows_it() {
    legal_filter("$share/g/+/#");
    broken_share("$share/g");
    broken_share("$share/g/");
    broken_share("$share/+/a");
    broken_share("$share/#");
    broken_filter("$share/g+/a", Violation::MisplacedWildcard);
    broken_filter("$share/#/a", Violation::MisplacedWildcard);
}

#[test]
fn s4_8_2_the_filter_behind_the_share_name_is_the_one_that_matches() {
    legal_filter("$share/consumer1//finance");
    let share = filter("$share/consumer1//finance").share().unwrap().unwrap();
    assert_eq!((share.name, share.filter), ("consumer1", filter("/finance")));
    assert!(share.filter.matches(name("/finance")));
    assert!(!share.filter.matches(name("finance")));
}
