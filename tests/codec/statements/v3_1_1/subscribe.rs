//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and DISCONNECT: sections 3.8 to 3.10 and 3.14.

use mqtt_sansio::{
    Disconnect, EncodeError, Field, QoS, ReasonCode, RetainHandling, SubAck, Subscribe,
    Subscription, TopicFilter, Unsubscribe, Violation,
};

use super::super::{broken, filter, id, legal, only_codes, only_flags, unwritten};
use super::V;

/// Subscriptions at QoS 0.
fn to<const N: usize>(filters: [&str; N]) -> [Subscription<'_>; N] {
    filters.map(|text| Subscription::new(filter(text), QoS::AtMostOnce))
}

#[test]
fn mqtt_3_8_1_1_subscribe_flags_must_be_0010() {
    legal(V, "82 06 0001 000161 00", Subscribe::new(id(1), &to(["a"])));
    broken(V, "80 06 0001 000161 00", Violation::ReservedFlags, 0);
    broken(V, "8a 06 0001 000161 00", Violation::ReservedFlags, 0);
    only_flags(V, "82 06 0001 000161 00", 0b0010);
}

#[test]
fn mqtt_3_8_3_1_subscribe_filters_must_be_utf_8() {
    legal(V, "82 0b 0001 000161 00 0002c3a9 00", Subscribe::new(id(1), &to(["a", "é"])));
    broken(V, "82 0b 0001 000161 00 0002c328 00", Violation::InvalidUtf8, 8);
    broken(V, "82 07 0001 0002c0af 00", Violation::InvalidUtf8, 4);
    assert_eq!(TopicFilter::from_bytes(b"\xC3("), Err(Violation::InvalidUtf8));
}

#[test]
fn mqtt_3_8_3_3_subscribe_must_have_a_filter() {
    legal(V, "82 06 0001 000161 00", Subscribe::new(id(1), &to(["a"])));
    broken(V, "82 02 0001", Violation::NoTopicFilters, 4);
    unwritten(V, Subscribe::new(id(1), &[]), Violation::NoTopicFilters);
    // A pair is both its parts.
    broken(V, "82 05 0001 000161", Violation::Truncated, 7);
    broken(V, "82 07 0001 000161 00 00", Violation::Truncated, 8);
}

#[test]
fn mqtt_3_8_3_4_requested_qos_must_be_0_1_or_2() {
    for (qos, byte) in [(QoS::AtMostOnce, "00"), (QoS::AtLeastOnce, "01"), (QoS::ExactlyOnce, "02")]
    {
        let subscriptions = [Subscription::new(filter("a"), qos)];
        legal(V, &format!("82 06 0001 000161 {byte}"), Subscribe::new(id(1), &subscriptions));
    }
    broken(V, "82 06 0001 000161 03", Violation::QoS3, 7);
    for bit in 2..8 {
        let bytes = format!("82 06 0001 000161 {:02x}", 1_u8 << bit);
        broken(V, &bytes, Violation::ReservedSubscriptionOptions, 7);
    }
    let [plain] = to(["a"]);
    for options in [
        Subscription { no_local: true, ..plain },
        Subscription { retain_as_published: true, ..plain },
        Subscription { retain_handling: RetainHandling::SendAtNewSubscribe, ..plain },
        Subscription { retain_handling: RetainHandling::DoNotSend, ..plain },
    ] {
        let error = EncodeError::NotInVersion { field: Field::SubscriptionOptions, version: V };
        unwritten(V, Subscribe::new(id(1), &[plain, options]), error);
    }
}

#[test]
fn mqtt_3_9_3_2_suback_codes_are_0_1_2_and_0x80() {
    use ReasonCode::{GrantedQoS1, GrantedQoS2, Success, UnspecifiedError};
    let codes = [Success, GrantedQoS1, GrantedQoS2, UnspecifiedError];
    legal(V, "90 06 0001 00010280", SubAck::new(id(1), &codes));
    only_codes(V, "90 03 0001", "", &[0, 1, 2, 0x80]);
    only_codes(V, "90 05 0001 00", "80", &[0, 1, 2, 0x80]);
    let error = EncodeError::NotInVersion { field: Field::ReasonCode, version: V };
    unwritten(V, SubAck::new(id(1), &[Success, ReasonCode::NotAuthorized]), error);
    let unlisted = SubAck::new(id(1), &[Success, ReasonCode::ServerBusy]);
    unwritten(V, unlisted, Violation::ReasonCodeNotListed);
    broken(V, "90 02 0001", Violation::NoReasonCodes, 4);
    unwritten(V, SubAck::new(id(1), &[]), Violation::NoReasonCodes);
}

#[test]
fn mqtt_3_10_1_1_unsubscribe_flags_must_be_0010() {
    legal(V, "a2 05 0001 000161", Unsubscribe::new(id(1), &[filter("a")]));
    broken(V, "a0 05 0001 000161", Violation::ReservedFlags, 0);
    broken(V, "aa 05 0001 000161", Violation::ReservedFlags, 0);
    only_flags(V, "a2 05 0001 000161", 0b0010);
}

#[test]
fn mqtt_3_10_3_1_unsubscribe_filters_must_be_utf_8_one_after_the_other() {
    legal(V, "a2 09 0001 000161 0002c3a9", Unsubscribe::new(id(1), &[filter("a"), filter("é")]));
    broken(V, "a2 09 0001 000161 0002c328", Violation::InvalidUtf8, 7);
    broken(V, "a2 08 0001 000161 0002c3", Violation::Truncated, 7);
    broken(V, "a2 06 0001 000161 00", Violation::Truncated, 7);
}

#[test]
fn mqtt_3_10_3_2_unsubscribe_must_have_a_filter() {
    legal(V, "a2 05 0001 000161", Unsubscribe::new(id(1), &[filter("a")]));
    broken(V, "a2 02 0001", Violation::NoTopicFilters, 4);
    unwritten(V, Unsubscribe::new(id(1), &[]), Violation::NoTopicFilters);
}

#[test]
fn mqtt_3_14_1_1_disconnect_flags_must_be_0() {
    legal(V, "e0 00", Disconnect::NORMAL);
    broken(V, "e1 00", Violation::ReservedFlags, 0);
    only_flags(V, "e0 00", 0);
}
