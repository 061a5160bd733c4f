//! Messages and requests to the server.

use mqtt_sansio::{
    ClientConfig, ClientEvent, CommandError, EncodeError, OwnedProperties, PacketId, PacketType,
    Property, PublishOutcome, QoS, ReasonCode, RequestOutcome, RetainHandling, ServerFault,
    Subscription, SubscriptionIdentifier, TopicFilter, UserProperty, Violation,
};

use super::{CONNACK, EXPIRY, PRESENT, connected, connected_by, faults, message_with, reconnect};
use crate::bench::{Bench, ms, published, subscribed, unsubscribed_as};

#[test]
fn mqtt_2_2_1_3_every_exchange_takes_an_unused_packet_id() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.publish(QoS::ExactlyOnce, "b");
    bench.unsubscribe(&["s"]);
    bench.publish(QoS::AtMostOnce, "c");
    bench.drain().sent(
        "8207 0001 00 0001 73 00  a206 0002 00 0001 73
         3207 0001 74 0003 00 61  3407 0001 74 0004 00 62  3005 0001 74 00 63",
    );
}

#[test]
fn mqtt_2_2_1_5_pubrel_repeats_the_packet_id() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain();
    bench.input("50020002").sent("62020002");
    bench.input("3207 0001 74 0101 00 63 3407 0001 74 0102 00 64").sent("40020101 50020102");
    bench.input("62020102").sent("70020102");
}

#[test]
fn a_message_carries_its_properties() {
    let mut bench = connected();
    let properties = [
        Property::PayloadFormatIndicator(mqtt_sansio::PayloadFormat::Utf8),
        Property::ContentType("c"),
        Property::CorrelationData(b"\x01"),
        Property::UserProperty(UserProperty { name: "k", value: "v" }),
    ];
    bench.hand_over(message_with("t", QoS::AtMostOnce, &properties));
    bench.drain().sent("3016 0001 74 11 01 01 03 0001 63 09 0001 01 26 0001 6b 0001 76 61");
}

#[test]
fn mqtt_3_3_4_6_a_message_is_sent_without_subscription_identifiers() {
    let identifier = SubscriptionIdentifier::new(1).unwrap();
    let properties = [Property::SubscriptionIdentifier(identifier)];
    let refused = mqtt_sansio::MessageProperties::new(&properties);
    assert_eq!(refused, Err(Violation::PropertyNotAllowed));
    // What came with one is passed on without.
    let mut bench = connected();
    let message = super::messages(bench.input("3007 0001 74 02 0b 01 61")).remove(0);
    bench.hand_over(message);
    bench.drain().sent("3005 0001 74 00 61");
}

#[test]
fn a_large_message_carries_its_properties_in_the_segment_before_the_payload() {
    let mut bench = connected();
    let mut message = message_with("t", QoS::AtMostOnce, &[Property::ContentType("c")]);
    message.payload = vec![b'x'; 2000].into();
    bench.hand_over(message);
    let segments = bench.pull(usize::MAX);
    assert_eq!(segments.len(), 2);
    assert_eq!(segments[0][..], b"\x30\xd8\x0f\0\x01t\x04\x03\0\x01c"[..]);
    assert_eq!(segments[1].len(), 2000);
}

#[test]
fn mqtt_4_3_1_1_qos_0_is_sent_without_dup() {
    let mut bench = connected();
    let a = bench.publish(QoS::AtMostOnce, "a");
    bench.drain().sent("3005 0001 74 00 61").events(&[published(a, PublishOutcome::Sent)]);
}

#[test]
fn mqtt_4_3_2_1_each_qos_1_message_takes_an_unused_packet_id() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain().sent("3207 0001 74 0001 00 61 3207 0001 74 0002 00 62");
}

#[test]
fn mqtt_4_3_2_2_qos_1_is_first_sent_without_dup() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.drain().sent("3207 0001 74 0001 00 61");
}

#[test]
fn mqtt_4_3_2_3_a_qos_1_message_is_unacknowledged_until_puback() {
    let mut bench = connected();
    let a = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    reconnect(&mut bench, PRESENT).sent("3a07 0001 74 0001 00 61");
    bench.input("40020001").events(&[published(a, PublishOutcome::Acknowledged)]);
    reconnect(&mut bench, PRESENT).sent("");
}

#[test]
fn mqtt_4_3_3_1_each_qos_2_message_takes_an_unused_packet_id() {
    let mut bench = connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain().sent("3407 0001 74 0001 00 61 3407 0001 74 0002 00 62");
    bench.input("50020001").sent("62020001");
    bench.publish(QoS::ExactlyOnce, "c");
    bench.drain().sent("3407 0001 74 0003 00 63");
}

#[test]
fn mqtt_4_3_3_2_qos_2_is_first_sent_without_dup() {
    let mut bench = connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain().sent("3407 0001 74 0001 00 61");
}

#[test]
fn mqtt_4_3_3_3_a_qos_2_message_is_unacknowledged_until_pubrec() {
    let mut bench = connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    reconnect(&mut bench, PRESENT).sent("3c07 0001 74 0001 00 61");
    bench.input("50020001").sent("62020001");
    reconnect(&mut bench, PRESENT).sent("62020001");
}

#[test]
fn mqtt_4_3_3_4_pubrec_is_answered_with_pubrel_unless_it_is_an_error() {
    for (pubrec, pubrel) in
        [("50020001", "62020001"), ("50030001 10", "62020001"), ("50030001 87", "")]
    {
        let mut bench = connected();
        bench.publish(QoS::ExactlyOnce, "a");
        bench.drain();
        bench.input(pubrec).sent(pubrel);
    }
}

#[test]
fn mqtt_4_3_3_5_pubrel_is_unacknowledged_until_pubcomp() {
    let mut bench = connected();
    let a = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.input("50020001").sent("62020001").events(&[]);
    reconnect(&mut bench, PRESENT).sent("62020001");
    bench.input("70020001").events(&[published(a, PublishOutcome::Acknowledged)]);
    reconnect(&mut bench, PRESENT).sent("");
}

#[test]
fn mqtt_4_6_0_4_pubrels_are_sent_in_the_order_of_the_pubrecs() {
    let mut bench = connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain();
    bench.input("50020002 50020001").sent("62020002 62020001");
}

#[test]
fn acknowledgements_tell_their_reason() {
    let mut bench = connected();
    let a = bench.publish(QoS::AtLeastOnce, "a");
    let b = bench.publish(QoS::AtLeastOnce, "b");
    let c = bench.publish(QoS::ExactlyOnce, "c");
    bench.drain();
    let properties = OwnedProperties::new(&[Property::ReasonString("no")]).unwrap();
    let outcome = PublishOutcome::Refused(ReasonCode::QuotaExceeded);
    bench.input("4009 0001 97 05 1f 0002 6e6f").events(&[ClientEvent::Published {
        handle: a,
        outcome,
        properties,
    }]);
    let unmatched = PublishOutcome::NoMatchingSubscribers;
    bench.input("4003 0002 10").events(&[published(b, unmatched)]);
    bench.input("5003 0003 10").sent("62020003").events(&[]);
    bench.input("70020003").events(&[published(c, unmatched)]);
}

#[test]
fn pubrec_for_an_unknown_identifier_is_answered_with_pubrel_0x92() {
    let mut bench = connected();
    bench.input("50020007").sent("62030007 92").events(&[]);
    // An error needs no answer.
    bench.input("50030007 87").nothing();
}

#[test]
fn pubcomp_0x92_ends_the_exchange() {
    let mut bench = connected();
    let a = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.input("50020001");
    bench.input("70030001 92").events(&[published(a, PublishOutcome::Acknowledged)]);
    bench.input("70030001 92").nothing();
}

#[test]
fn a_pubrec_error_after_pubrel_is_a_fault() {
    let mut bench = connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.input("50020001");
    let (packet, packet_id) = (PacketType::PubRec, PacketId::MIN);
    let fault = ServerFault::UnexpectedAcknowledgement { packet, packet_id };
    faults(&bench.input("50030001 87"), fault, "e001 82");
}

#[test]
fn subscribe_carries_options_and_properties_and_is_told_codes_and_reason() {
    let mut bench = connected();
    let subscription = Subscription {
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        ..Subscription::new(TopicFilter::new("a/b").unwrap(), QoS::ExactlyOnce)
    };
    let identifier = SubscriptionIdentifier::new(200).unwrap();
    let properties = [Property::SubscriptionIdentifier(identifier)];
    let handle = bench.client.subscribe_with(ms(1000), &[subscription], &properties).unwrap();
    bench.drain().sent("820c 0001 03 0b c801 0003 612f62 2e");
    let properties = OwnedProperties::new(&[Property::ReasonString("no")]).unwrap();
    let outcome = RequestOutcome::Answered(vec![ReasonCode::NotAuthorized]);
    bench.input("9009 0001 05 1f 0002 6e6f 87").events(&[ClientEvent::Subscribed {
        handle,
        outcome,
        properties,
    }]);
}

#[test]
fn a_subscription_without_options_is_as_before() {
    let mut bench = connected();
    let handle = bench.subscribe(&[("s", QoS::AtLeastOnce)]);
    bench.drain().sent("8207 0001 00 0001 73 01");
    bench.input("9004 0001 00 01").events(&[subscribed(handle, &[ReasonCode::GrantedQoS1])]);
}

#[test]
fn unsubscribe_carries_properties_and_is_told_its_codes() {
    let mut bench = connected();
    let filters = [TopicFilter::new("a").unwrap(), TopicFilter::new("b").unwrap()];
    let properties = [Property::UserProperty(UserProperty { name: "k", value: "v" })];
    let handle = bench.client.unsubscribe_with(ms(1000), &filters, &properties).unwrap();
    bench.drain().sent("a210 0001 07 26 0001 6b 0001 76 0001 61 0001 62");
    let codes = vec![ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    let done = unsubscribed_as(handle, RequestOutcome::Answered(codes));
    bench.input("b005 0001 00 00 11").events(&[done]);
}

#[test]
fn unsuback_with_a_wrong_number_of_codes_is_a_fault() {
    let mut bench = connected();
    let handle = bench.unsubscribe(&["a", "b"]);
    bench.drain();
    let output = bench.input("b004 0001 00 00");
    assert_eq!(output.events[0], unsubscribed_as(handle, RequestOutcome::Lost));
    let (packet, packet_id) = (PacketType::UnsubAck, PacketId::MIN);
    faults(&output, ServerFault::UnexpectedAcknowledgement { packet, packet_id }, "e001 82");
}

#[test]
fn what_no_packet_can_carry_is_refused_at_once() {
    let mut bench = connected();
    let shared = Subscription {
        no_local: true,
        ..Subscription::new(TopicFilter::new("$share/g/t").unwrap(), QoS::AtMostOnce)
    };
    let refused = bench.client.subscribe(ms(1000), &[shared]);
    let violation = EncodeError::Violation(Violation::NoLocalOnSharedSubscription);
    assert_eq!(refused, Err(CommandError::Encode(violation)));
    let filter = [TopicFilter::new("t").unwrap()];
    let refused = bench.client.unsubscribe_with(ms(1000), &filter, &[EXPIRY]);
    let violation = EncodeError::Violation(Violation::PropertyNotAllowed);
    assert_eq!(refused, Err(CommandError::Encode(violation)));
    bench.drain().nothing();
}

fn with_aliases(connack: &str) -> Bench {
    let mut config = ClientConfig::default();
    config.topic_aliases = 10;
    connected_by(config, &[EXPIRY], connack).0
}

/// PUBLISH QoS 0 of "a" to "topic" and its alias 1, and to the alias alone.
const NAMED: &str = "300c 0005 746f706963 03 23 0001 61";
const BY_ALIAS: &str = "3007 0000 03 23 0001 61";
const PLAIN: &str = "3009 0005 746f706963 00 61";

fn to_topic(bench: &mut Bench, topic: &str) -> Vec<u8> {
    bench.hand_over(message_with(topic, QoS::AtMostOnce, &[]));
    bench.drain().sent
}

#[test]
fn mqtt_3_2_2_17_no_alias_above_the_servers_maximum_is_sent() {
    let mut bench = with_aliases("2006 00 00 03 22 0001");
    assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(NAMED));
    assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(BY_ALIAS));
    assert_eq!(to_topic(&mut bench, "topik"), b"\x30\x09\0\x05topik\0a");
}

#[test]
fn mqtt_3_3_2_9_nor_with_properties_and_at_other_levels() {
    let mut bench = with_aliases("2006 00 00 03 22 0001");
    let content = [Property::ContentType("c")];
    bench.hand_over(message_with("topic", QoS::AtLeastOnce, &content));
    bench.hand_over(message_with("topic", QoS::ExactlyOnce, &content));
    bench.hand_over(message_with("other", QoS::AtMostOnce, &content));
    bench.drain().sent(
        "3212 0005 746f706963 0001 07 03 0001 63 23 0001 61
         340d 0000 0002 07 03 0001 63 23 0001 61  300d 0005 6f74686572 04 03 0001 63 61",
    );
}

#[test]
fn mqtt_3_2_2_18_without_a_maximum_of_the_servers_no_alias_is_sent() {
    for connack in [CONNACK, "2006 00 00 03 22 0000"] {
        let mut bench = with_aliases(connack);
        assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(PLAIN));
        assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(PLAIN));
    }
}

#[test]
fn mqtt_3_3_2_7_the_aliases_of_what_is_sent_end_with_the_connection() {
    let mut bench = with_aliases("2006 00 00 03 22 0005");
    to_topic(&mut bench, "topic");
    bench.hand_over(message_with("topic", QoS::AtLeastOnce, &[]));
    bench.drain().sent("3209 0000 0001 03 23 0001 61");
    // What is sent again names its topic again.
    reconnect(&mut bench, "2006 01 00 03 22 0005").sent("3a0e 0005 746f706963 0001 03 23 0001 61");
    assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(BY_ALIAS));
    reconnect(&mut bench, PRESENT).sent("3a0b 0005 746f706963 0001 00 61");
    assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(PLAIN));
}

#[test]
fn without_being_asked_the_client_uses_no_alias() {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], "2006 00 00 03 22 0005");
    assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(PLAIN));
}

#[test]
fn an_alias_that_would_make_the_packet_too_large_is_left_out() {
    // Maximum Packet Size 11: the message alone has it.
    let mut bench = with_aliases("200b 00 00 08 22 0005 27 0000000b");
    assert_eq!(to_topic(&mut bench, "topic"), crate::bench::unhex(PLAIN));
}
