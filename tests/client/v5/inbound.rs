//! Messages from the server, and how they are acknowledged.

use mqtt_sansio::{
    Answer, ClientConfig, ClientEvent, Property, QoS, ReasonCode, ServerFault,
    SubscriptionIdentifier, TopicAlias, UserProperty,
};

use super::{
    CONNACK, EXPIRY, PRESENT, connected, connected_by, faults, message_with, messages, reconnect,
};
use crate::bench::{Bench, manual, message_event, ms, payloads, received};

fn by_hand() -> Bench {
    connected_by(manual(), &[EXPIRY], CONNACK).0
}

#[test]
fn a_message_carries_its_properties_and_subscription_identifiers() {
    let mut bench = connected();
    let output = bench.input("3015 0001 74 10 0b 01 03 0001 63 0b c801 26 0001 6b 0001 76 61");
    let properties = [
        Property::ContentType("c"),
        Property::UserProperty(UserProperty { name: "k", value: "v" }),
    ];
    let identifiers = [1, 200].map(|number| SubscriptionIdentifier::new(number).unwrap());
    output.events(&[ClientEvent::Message {
        message: message_with("t", QoS::AtMostOnce, &properties),
        dup: false,
        subscription_identifiers: identifiers.into(),
        token: None,
    }]);
}

#[test]
fn mqtt_3_3_4_1_a_message_is_answered_by_its_qos() {
    let mut bench = connected();
    bench.input("3005 0001 74 00 61").sent("");
    bench.input("3207 0001 74 0001 00 61").sent("40020001");
    bench.input("3407 0001 74 0002 00 61").sent("50020002");
}

#[test]
fn mqtt_4_5_0_2_what_the_application_ignores_is_acknowledged() {
    let mut bench = connected();
    // Nobody polls the events in between.
    let bytes = crate::bench::unhex("3207 0001 74 0001 00 61 3407 0001 74 0002 00 61");
    bench.client.handle_input(ms(1000), &bytes);
    assert_eq!(bench.pull(usize::MAX).concat(), b"\x40\x02\0\x01\x50\x02\0\x02");
}

#[test]
fn mqtt_4_3_2_4_qos_1_is_taken_and_answered_with_puback() {
    let event = received(QoS::AtLeastOnce, "a", false);
    connected().input("3207 0001 74 0009 00 61").sent("40020009").events(&[event]);
}

#[test]
fn mqtt_4_3_2_5_after_puback_the_identifier_is_a_new_message() {
    let mut bench = connected();
    bench.input("3207 0001 74 0001 00 61").sent("40020001");
    let again = received(QoS::AtLeastOnce, "a", true);
    bench.input("3a07 0001 74 0001 00 61").sent("40020001").events(&[again]);
    // Also after one with an error.
    let mut bench = by_hand();
    let token = bench.input("3207 0001 74 0001 00 61").tokens().remove(0);
    bench.answer(token, ReasonCode::NotAuthorized).sent("40030001 87");
    assert_eq!(messages(bench.input("3a07 0001 74 0001 00 61")).len(), 1);
}

#[test]
fn mqtt_4_3_3_8_qos_2_is_taken_and_answered_with_pubrec() {
    let event = received(QoS::ExactlyOnce, "a", false);
    connected().input("3407 0001 74 0009 00 61").sent("50020009").events(&[event]);
}

#[test]
fn mqtt_4_3_3_9_after_a_pubrec_with_an_error_the_identifier_is_a_new_message() {
    let mut bench = by_hand();
    let token = bench.input("3407 0001 74 0001 00 61").tokens().remove(0);
    bench.answer(token, ReasonCode::NotAuthorized).sent("50030001 87");
    assert_eq!(messages(bench.input("3407 0001 74 0001 00 62")).len(), 1);
    bench.input("62020001").sent("70020001");
    bench.input("62020001").sent("70030001 92");
}

#[test]
fn mqtt_4_3_3_10_until_pubrel_a_repetition_is_answered_and_not_delivered() {
    let mut bench = connected();
    bench.input("3407 0001 74 0001 00 61").sent("50020001");
    bench.input("3c07 0001 74 0001 00 61").sent("50020001").events(&[]);
    reconnect(&mut bench, PRESENT);
    bench.input("3c07 0001 74 0001 00 61").sent("50020001").events(&[]);
}

#[test]
fn a_repetition_is_answered_with_the_reason_it_was_answered_with() {
    let mut bench = by_hand();
    let answer = Answer::new(ReasonCode::Success, &[Property::ReasonString("ok")]).unwrap();
    let token = bench.input("3407 0001 74 0001 00 61").tokens().remove(0);
    bench.client.acknowledge_with(ms(1000), token, answer);
    bench.drain().sent("5009 0001 00 05 1f 0002 6f6b");
    bench.input("3c07 0001 74 0001 00 61").sent("5009 0001 00 05 1f 0002 6f6b").events(&[]);
}

#[test]
fn mqtt_4_3_3_11_pubrel_is_answered_with_pubcomp() {
    let mut bench = connected();
    bench.input("3407 0001 74 0003 00 61");
    bench.input("62020003").sent("70020003");
}

#[test]
fn pubrel_for_unknown_id_is_answered_with_pubcomp_0x92() {
    connected().input("62020003").sent("70030003 92").events(&[]);
}

#[test]
fn mqtt_4_3_3_12_after_pubcomp_the_identifier_is_a_new_message() {
    let mut bench = connected();
    bench.input("3407 0001 74 0003 00 61 62020003").sent("50020003 70020003");
    let event = received(QoS::ExactlyOnce, "b", false);
    bench.input("3407 0001 74 0003 00 62").sent("50020003").events(&[event]);
}

#[test]
fn mqtt_4_3_3_13_a_message_that_expires_in_between_is_acknowledged_to_the_end() {
    let mut bench = by_hand();
    let output = bench.input("340c 0001 74 0001 05 02 00000001 61");
    assert_eq!(payloads(&output), [b"a"]);
    let token = output.tokens().remove(0);
    bench.now = 100_000;
    bench.acknowledge(token).sent("50020001");
    bench.input("62020001").sent("70020001");
}

#[test]
fn mqtt_4_6_0_2_pubacks_go_out_in_the_order_of_the_publishes() {
    let mut bench = by_hand();
    let mut tokens = bench.input("3207 0001 74 0002 00 61 3207 0001 74 0001 00 62").tokens();
    bench.answer(tokens.remove(1), ReasonCode::QuotaExceeded).sent("");
    bench.answer(tokens.remove(0), ReasonCode::Success).sent("40020002 40030001 97");
}

#[test]
fn mqtt_4_6_0_3_pubrecs_go_out_in_the_order_of_the_publishes() {
    let mut bench = by_hand();
    let mut tokens = bench.input("3407 0001 74 0002 00 61 3407 0001 74 0001 00 62").tokens();
    bench.answer(tokens.remove(1), ReasonCode::QuotaExceeded).sent("");
    bench.answer(tokens.remove(0), ReasonCode::Success).sent("50020002 50030001 97");
}

#[test]
fn a_refusal_that_was_not_sent_is_asked_for_again() {
    let mut bench = by_hand();
    let mut tokens = bench.input("3407 0001 74 0001 00 61 3407 0001 74 0002 00 62").tokens();
    bench.answer(tokens.remove(1), ReasonCode::QuotaExceeded).sent("");
    reconnect(&mut bench, PRESENT);
    // The answer of the application's still holds, in its turn.
    bench.input("3c07 0001 74 0002 00 62").sent("50030002 97").events(&[]);
}

#[test]
fn an_answer_is_left_out_before_5_0() {
    let mut bench = Bench::connected_with(manual());
    let token = bench.input("3206 0001 74 0001 61").tokens().remove(0);
    bench.answer(token, ReasonCode::QuotaExceeded).sent("40020001");
}

/// Answers with reason string and user property to a server that takes packets of so many bytes.
fn explained(publish: &str, maximum: &str) -> Vec<u8> {
    let connack = format!("2008 00 00 05 27 {maximum}");
    let (mut bench, _) = connected_by(manual(), &[EXPIRY], &connack);
    let token = bench.input(publish).tokens().remove(0);
    let properties = [
        Property::ReasonString("no"),
        Property::UserProperty(UserProperty { name: "k", value: "v" }),
    ];
    let answer = Answer::new(ReasonCode::QuotaExceeded, &properties).unwrap();
    bench.client.acknowledge_with(ms(1000), token, answer);
    bench.drain().sent
}

const PUBLISH_1: &str = "3207 0001 74 0001 00 61";
const PUBLISH_2: &str = "3407 0001 74 0001 00 61";

#[test]
fn mqtt_3_4_2_2_puback_drops_a_reason_string_that_is_too_much() {
    assert_eq!(
        explained(PUBLISH_1, "00000012"),
        b"\x40\x10\0\x01\x97\x0c\x1f\0\x02no\x26\0\x01k\0\x01v"
    );
    assert_eq!(explained(PUBLISH_1, "00000011"), b"\x40\x03\0\x01\x97");
}

#[test]
fn mqtt_3_4_2_3_puback_drops_user_properties_that_are_too_much() {
    assert_eq!(explained(PUBLISH_1, "0000000d"), b"\x40\x03\0\x01\x97");
}

#[test]
fn mqtt_3_5_2_2_pubrec_drops_a_reason_string_that_is_too_much() {
    assert_eq!(
        explained(PUBLISH_2, "00000012"),
        b"\x50\x10\0\x01\x97\x0c\x1f\0\x02no\x26\0\x01k\0\x01v"
    );
    assert_eq!(explained(PUBLISH_2, "00000011"), b"\x50\x03\0\x01\x97");
}

#[test]
fn mqtt_3_5_2_3_pubrec_drops_user_properties_that_are_too_much() {
    assert_eq!(explained(PUBLISH_2, "0000000d"), b"\x50\x03\0\x01\x97");
}

/// The client's PUBREL never has properties: it fits every server.
#[test]
fn mqtt_3_6_2_2_pubrel_has_no_reason_string() {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], "2008 00 00 05 27 0000000a");
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.input("5009 0001 00 05 1f 0002 6e6f").sent("62020001");
}

#[test]
fn mqtt_3_6_2_3_pubrel_has_no_user_properties() {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], "2008 00 00 05 27 00000005");
    bench.input("500b 0001 00 07 26 0001 6b 0001 76").sent("62030001 92");
}

/// Nor has its PUBCOMP.
#[test]
fn mqtt_3_7_2_2_pubcomp_has_no_reason_string() {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], "2008 00 00 05 27 00000005");
    bench.input("6209 0001 00 05 1f 0002 6e6f").sent("70030001 92");
}

#[test]
fn mqtt_3_7_2_3_pubcomp_has_no_user_properties() {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], "2008 00 00 05 27 00000005");
    bench.input("3407 0001 74 0001 00 61").sent("50020001");
    bench.input("620b 0001 00 07 26 0001 6b 0001 76").sent("70020001");
}

fn with_aliases(maximum: u16) -> Bench {
    let properties = [EXPIRY, Property::TopicAliasMaximum(maximum)];
    connected_by(ClientConfig::default(), &properties, CONNACK).0
}

fn alias(number: u16) -> TopicAlias {
    TopicAlias::new(number).unwrap()
}

#[test]
fn mqtt_3_3_2_10_every_alias_up_to_the_own_maximum_is_accepted() {
    let mut bench = with_aliases(300);
    for number in [1, 2, 300] {
        let topic = format!("t{number:03}");
        let named = format!("300a 0004 {} 03 23 {number:04x}", crate::bench::hex(topic.as_bytes()));
        bench.input(&named).closes(false);
        let event = message_event(message_with(&topic, QoS::AtMostOnce, &[]), false);
        bench.input(&format!("3007 0000 03 23 {number:04x} 61")).events(&[event]);
    }
}

#[test]
fn an_alias_can_be_given_another_topic() {
    let mut bench = with_aliases(1);
    bench.input("3008 0001 61 03 23 0001 61");
    bench.input("3008 0001 62 03 23 0001 61");
    let output = bench.input("320a 0000 0001 03 23 0001 7a7a");
    let topics: Vec<_> = messages(output).iter().map(|m| m.topic.to_string()).collect();
    assert_eq!(topics, ["b"]);
}

#[test]
fn an_alias_above_the_own_maximum_is_answered_with_0x94() {
    for (maximum, number) in [(0, 1), (2, 3)] {
        let mut bench = with_aliases(maximum);
        let output = bench.input(&format!("3008 0001 74 03 23 {number:04x} 61"));
        faults(&output, ServerFault::TopicAliasAboveMaximum(alias(number)), "e001 94");
    }
}

#[test]
fn an_alias_of_0_is_answered_with_0x94() {
    with_aliases(2).input("3008 0001 74 03 23 0000 61").sent("e001 94").closes(true);
}

#[test]
fn an_alias_without_a_topic_is_answered_with_0x82() {
    let output = with_aliases(2).input("3007 0000 03 23 0002 61");
    faults(&output, ServerFault::UnknownTopicAlias(alias(2)), "e001 82");
    with_aliases(2).input("3004 0000 00 61").sent("e001 82").closes(true);
}

#[test]
fn mqtt_3_3_2_7_the_aliases_of_what_is_received_end_with_the_connection() {
    let mut bench = with_aliases(2);
    bench.input("3008 0001 74 03 23 0001 61").closes(false);
    bench.lose();
    bench.connect(&super::v5(&[EXPIRY, Property::TopicAliasMaximum(2)]));
    bench.input(PRESENT);
    let output = bench.input("3007 0000 03 23 0001 61");
    faults(&output, ServerFault::UnknownTopicAlias(alias(1)), "e001 82");
}

#[test]
fn problem_information_that_was_not_asked_for_is_answered_with_0x82() {
    let properties = [Property::RequestProblemInformation(false)];
    for packet in ["4009 0001 00 05 1f 0002 6e6f", "620b 0001 00 07 26 0001 6b 0001 76"] {
        let (mut bench, _) = connected_by(ClientConfig::default(), &properties, CONNACK);
        bench.input(packet).sent("e001 82").closes(true);
        connected().input(packet).closes(false);
    }
    // In PUBLISH, CONNACK and DISCONNECT it may always come.
    let (mut bench, _) =
        connected_by(ClientConfig::default(), &properties, "2008 00 00 05 1f 0002 6e6f");
    bench.input("300c 0001 74 07 26 0001 6b 0001 76 61").closes(false);
    bench.input("e007 8b 05 1f 0002 6e6f").sent("").closes(true);
}

#[test]
fn mqtt_6_0_0_2_packets_may_come_in_any_pieces() {
    let bytes = crate::bench::unhex("3207 0001 74 0001 00 61 3407 0001 74 0002 00 61 62020002");
    let mut whole = connected();
    let expected = whole.bytes(&bytes);
    for at in 1..bytes.len() {
        let mut bench = connected();
        bench.client.handle_input(ms(1000), &bytes[..at]);
        bench.client.handle_input(ms(1000), &bytes[at..]);
        assert_eq!(bench.drain(), expected, "cut at {at}");
    }
}

/// Whatever gives bytes in order will do: here a slice.
#[test]
fn mqtt_4_2_1_an_ordered_stream_of_bytes_is_all_it_takes() {
    let mut bench = connected();
    for byte in crate::bench::unhex("3207 0001 74 0001 00 61") {
        bench.client.handle_input(ms(1000), &[byte]);
    }
    bench.drain().sent("40020001").events(&[received(QoS::AtLeastOnce, "a", false)]);
}
