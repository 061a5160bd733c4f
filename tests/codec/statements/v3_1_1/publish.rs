//! PUBLISH and PUBREL: sections 3.3 and 3.6.

use mqtt_sansio::{Ack, Delivery, Packet, Publish, QoS, Sender, TopicName, Violation};

use super::super::{broken, id, legal, name, only_flags, sent_by};
use super::V;

fn publish(delivery: Delivery) -> Publish<'static> {
    Publish { delivery, ..Publish::new(name("a"), b"") }
}

#[test]
fn mqtt_3_3_1_2_dup_must_be_0_at_qos_0() {
    legal(V, "30 03 000161", publish(Delivery::AtMostOnce));
    broken(V, "38 03 000161", Violation::DupAtQoS0, 0);
    broken(V, "39 03 000161", Violation::DupAtQoS0, 0);
    let delivery = Delivery::AtLeastOnce { dup: true, packet_id: id(1) };
    legal(V, "3a 05 000161 0001", publish(delivery));
    let delivery = Delivery::ExactlyOnce { dup: true, packet_id: id(1) };
    legal(V, "3d 05 000161 0001", Publish { retain: true, ..publish(delivery) });
}

#[test]
fn mqtt_3_3_1_4_qos_must_not_be_3() {
    legal(V, "32 05 000161 0001", publish(Delivery::AtLeastOnce { dup: false, packet_id: id(1) }));
    legal(V, "34 05 000161 0001", publish(Delivery::ExactlyOnce { dup: false, packet_id: id(1) }));
    for first in ["36", "37", "3e", "3f"] {
        broken(V, &format!("{first} 05 000161 0001"), Violation::QoS3, 0);
    }
    assert!(QoS::try_from(3).is_err());
}

#[test]
fn mqtt_3_3_2_1_topic_name_comes_first_and_must_be_utf_8() {
    legal(V, "30 06 0002 c3a9 0001", Publish::new(name("é"), &[0, 1]));
    broken(V, "30 06 0002 c328 0001", Violation::InvalidUtf8, 2);
    broken(V, "30 01 00", Violation::Truncated, 2);
    broken(V, "30 00", Violation::Truncated, 2);
    assert_eq!(TopicName::from_bytes(b"\xC3("), Err(Violation::InvalidUtf8));
}

#[test]
fn mqtt_3_3_2_2_topic_name_must_not_contain_wildcards() {
    legal(V, "30 05 0003 612f62", Publish::new(name("a/b"), b""));
    broken(V, "30 05 0003 612f23", Violation::WildcardInTopicName, 2);
    broken(V, "30 05 0003 612f2b", Violation::WildcardInTopicName, 2);
    broken(V, "30 05 0003 612b62", Violation::WildcardInTopicName, 2);
    assert_eq!(TopicName::new("a/#"), Err(Violation::WildcardInTopicName));
    assert_eq!(TopicName::new("a/+"), Err(Violation::WildcardInTopicName));
}

#[test]
fn s3_3_3_payload_may_be_empty() {
    legal(V, "30 03 000161", Publish::new(name("a"), b""));
    legal(V, "31 03 000161", Publish { retain: true, ..Publish::new(name("a"), b"") });
    let delivery = Delivery::AtLeastOnce { dup: false, packet_id: id(1) };
    legal(V, "32 05 000161 0001", publish(delivery));
}

#[test]
fn mqtt_3_6_1_1_pubrel_flags_must_be_0010() {
    legal(V, "62 02 0001", Packet::PubRel(Ack::new(id(1))));
    broken(V, "60 02 0001", Violation::ReservedFlags, 0);
    broken(V, "6a 02 0001", Violation::ReservedFlags, 0);
    only_flags(V, "62 02 0001", 0b0010);
    sent_by(V, "62 02 0001", &[Sender::Client, Sender::Server]);
}
