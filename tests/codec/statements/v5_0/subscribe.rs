//! SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK: sections 3.8 to 3.11.

use mqtt_sansio::{
    QoS, ReasonCode, RetainHandling, SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe,
    Violation,
};

use super::super::{broken, filter, id, legal, only_codes, only_flags, unwritten};
use super::V;

fn to(text: &str) -> Subscription<'_> {
    Subscription::new(filter(text), QoS::AtMostOnce)
}

#[test]
fn mqtt_3_8_1_1_subscribe_flags_must_be_0010() {
    legal(V, "82 07 0001 00 000161 00", Subscribe::new(id(1), &[to("a")]));
    broken(V, "80 07 0001 00 000161 00", Violation::ReservedFlags, 0);
    only_flags(V, "82 07 0001 00 000161 00", 0b0010);
}

#[test]
fn mqtt_3_8_3_1_subscribe_filters_must_be_utf_8() {
    legal(V, "82 0c 0001 00 000161 00 0002c3a9 00", Subscribe::new(id(1), &[to("a"), to("é")]));
    broken(V, "82 0c 0001 00 000161 00 0002c328 00", Violation::InvalidUtf8, 9);
}

#[test]
fn mqtt_3_8_3_2_subscribe_must_have_a_filter() {
    legal(V, "82 07 0001 00 000161 00", Subscribe::new(id(1), &[to("a")]));
    broken(V, "82 03 0001 00", Violation::NoTopicFilters, 5);
    unwritten(V, Subscribe::new(id(1), &[]), Violation::NoTopicFilters);
    broken(V, "82 06 0001 00 000161", Violation::Truncated, 8);
}

#[test]
fn mqtt_3_8_3_4_no_local_must_not_be_set_on_a_shared_subscription() {
    let bytes = |options: &str| format!("82 10 0001 00 000a 2473686172652f672f61 {options}");
    let shared = to("$share/g/a");
    legal(V, &bytes("00"), Subscribe::new(id(1), &[shared]));
    broken(V, &bytes("04"), Violation::NoLocalOnSharedSubscription, 5);
    let no_local = Subscription { no_local: true, ..shared };
    unwritten(V, Subscribe::new(id(1), &[no_local]), Violation::NoLocalOnSharedSubscription);
    let no_local = Subscription { no_local: true, ..to("a") };
    legal(V, "82 07 0001 00 000161 04", Subscribe::new(id(1), &[no_local]));
    // Not the only subscription of the packet.
    let bytes = "82 14 0001 00 000161 04 000a 2473686172652f672f61 04";
    broken(V, bytes, Violation::NoLocalOnSharedSubscription, 9);
}

#[test]
fn mqtt_3_8_3_5_reserved_option_bits_must_be_0() {
    let options = Subscription {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        ..to("a")
    };
    legal(V, "82 07 0001 00 000161 2e", Subscribe::new(id(1), &[options]));
    for byte in ["40", "80", "c0", "6e", "ff"] {
        let bytes = format!("82 07 0001 00 000161 {byte}");
        broken(V, &bytes, Violation::ReservedSubscriptionOptions, 8);
    }
}

#[test]
fn s3_8_3_1_each_option_has_its_bits() {
    let plain = to("a");
    let cases = [
        ("01", Subscription { qos: QoS::AtLeastOnce, ..plain }),
        ("02", Subscription { qos: QoS::ExactlyOnce, ..plain }),
        ("04", Subscription { no_local: true, ..plain }),
        ("08", Subscription { retain_as_published: true, ..plain }),
        ("10", Subscription { retain_handling: RetainHandling::SendAtNewSubscribe, ..plain }),
        ("20", Subscription { retain_handling: RetainHandling::DoNotSend, ..plain }),
    ];
    for (byte, subscription) in cases {
        let bytes = format!("82 07 0001 00 000161 {byte}");
        legal(V, &bytes, Subscribe::new(id(1), &[subscription]));
    }
}

#[test]
fn s3_8_3_1_qos_3_is_refused() {
    broken(V, "82 07 0001 00 000161 03", Violation::SubscriptionQoS3, 8);
    broken(V, "82 07 0001 00 000161 2f", Violation::SubscriptionQoS3, 8);
}

#[test]
fn s3_8_3_1_retain_handling_3_is_refused() {
    broken(V, "82 07 0001 00 000161 30", Violation::RetainHandling3, 8);
    broken(V, "82 07 0001 00 000161 3e", Violation::RetainHandling3, 8);
}

#[test]
fn mqtt_3_9_3_2_suback_codes_must_be_listed() {
    let listed = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
    let codes = listed.map(|value| ReasonCode::try_from(value).unwrap());
    legal(V, "90 0f 0001 00 00010280 83878f91 979ea1a2", SubAck::new(id(1), &codes));
    only_codes(V, "90 04 0001 00", "", &listed);
    only_codes(V, "90 06 0001 00 00", "a2", &listed);
    for value in 0..=255 {
        let Ok(code) = ReasonCode::try_from(value) else { continue };
        if !listed.contains(&value) {
            let suback = [ReasonCode::Success, code];
            unwritten(V, SubAck::new(id(1), &suback), Violation::ReasonCodeNotListed);
        }
    }
    broken(V, "90 03 0001 00", Violation::NoReasonCodes, 5);
    unwritten(V, SubAck::new(id(1), &[]), Violation::NoReasonCodes);
}

#[test]
fn mqtt_3_10_1_1_unsubscribe_flags_must_be_0010() {
    legal(V, "a2 06 0001 00 000161", Unsubscribe::new(id(1), &[filter("a")]));
    broken(V, "a0 06 0001 00 000161", Violation::ReservedFlags, 0);
    only_flags(V, "a2 06 0001 00 000161", 0b0010);
}

#[test]
fn mqtt_3_10_3_1_unsubscribe_filters_must_be_utf_8() {
    let filters = [filter("a"), filter("é")];
    legal(V, "a2 0a 0001 00 000161 0002c3a9", Unsubscribe::new(id(1), &filters));
    broken(V, "a2 0a 0001 00 000161 0002c328", Violation::InvalidUtf8, 8);
    broken(V, "a2 09 0001 00 000161 0002c3", Violation::Truncated, 8);
}

#[test]
fn mqtt_3_10_3_2_unsubscribe_must_have_a_filter() {
    legal(V, "a2 06 0001 00 000161", Unsubscribe::new(id(1), &[filter("a")]));
    broken(V, "a2 03 0001 00", Violation::NoTopicFilters, 5);
    unwritten(V, Unsubscribe::new(id(1), &[]), Violation::NoTopicFilters);
}

#[test]
fn mqtt_3_11_3_2_unsuback_codes_must_be_listed() {
    let listed = [0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
    let codes = listed.map(|value| ReasonCode::try_from(value).unwrap());
    legal(V, "b0 0a 0001 00 00118083878f91", UnsubAck::new(id(1), &codes));
    only_codes(V, "b0 04 0001 00", "", &listed);
    only_codes(V, "b0 06 0001 00 00", "91", &listed);
    for value in 0..=255 {
        let Ok(code) = ReasonCode::try_from(value) else { continue };
        if !listed.contains(&value) {
            let unsuback = [ReasonCode::Success, code];
            unwritten(V, UnsubAck::new(id(1), &unsuback), Violation::ReasonCodeNotListed);
        }
    }
    broken(V, "b0 03 0001 00", Violation::NoReasonCodes, 5);
    unwritten(V, UnsubAck::new(id(1), &[]), Violation::NoReasonCodes);
}
