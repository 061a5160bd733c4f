//! CONNECT and CONNACK.

use mqtt_sansio::{
    ClientConfig, ClientEvent, Connect, DisconnectReason, Message, OwnedProperties, Properties,
    Property, QoS, ReasonCode, ServerFault, TopicName, Version, Will,
};

use super::{CONNACK, EXPIRY, connected_by, faults, v5};
use crate::bench::{Bench, connected, disconnected, ms};

#[test]
fn mqtt_3_1_0_1_connect_is_the_first_packet() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.publish(QoS::AtMostOnce, "a");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().nothing();
    bench.connect(&v5(&[])).sent("100e 0004 4d515454 05 00 0000 00 0001 63");
    bench.input(CONNACK).sent("8207 0001 00 0001 73 00  3005 0001 74 00 61");
}

#[test]
fn connect_carries_its_properties_and_those_of_the_will() {
    let mut bench = Bench::new(ClientConfig::default());
    let delay = [Property::WillDelayInterval(10)];
    let will = Will {
        properties: Properties::new(&delay),
        ..Will::new(TopicName::new("a/w").unwrap(), b"bye")
    };
    let properties = [Property::SessionExpiryInterval(300), Property::TopicAliasMaximum(20)];
    let connect = Connect { will: Some(will), password: Some(b"pw"), ..v5(&properties) };
    bench.connect(&connect).sent(
        "102a 0004 4d515454 05 44 0000 08 11 0000012c 22 0014 0001 63
         05 18 0000000a 0003 612f77 0003 627965 0002 7077",
    );
}

#[test]
fn connack_tells_all_that_the_server_said() {
    let properties = [
        Property::SessionExpiryInterval(7),
        Property::AssignedClientIdentifier("x"),
        Property::ServerKeepAlive(9),
        Property::ResponseInformation("r"),
        Property::ReasonString("fine"),
        Property::ReceiveMaximum(3.try_into().unwrap()),
        Property::TopicAliasMaximum(4),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(500.try_into().unwrap()),
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
    ];
    let connack = mqtt_sansio::ConnAck {
        properties: Properties::new(&properties),
        ..mqtt_sansio::ConnAck::accepted(false)
    };
    let mut bytes = Vec::new();
    mqtt_sansio::Packet::from(connack).encode_to(Version::V5_0, &mut bytes).unwrap();
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[]));
    let output = bench.bytes(&bytes);
    let [ClientEvent::Connected { session_present: false, terms, properties: said }] =
        &output.events[..]
    else {
        panic!("{:?}", output.events);
    };
    assert!(said.properties().iter().eq(properties), "{said:?}");
    assert_eq!(said.assigned_client_identifier(), Some("x"));
    assert_eq!(said.response_information(), Some("r"));
    assert_eq!(said.reason_string(), Some("fine"));
    assert_eq!((terms.keep_alive, terms.session_expiry_interval), (9, 7));
    assert_eq!((terms.receive_maximum, terms.topic_alias_maximum), (3, 4));
    assert_eq!((terms.maximum_qos, terms.retain_available), (QoS::AtLeastOnce, false));
    assert_eq!(terms.maximum_packet_size, 500);
    assert!(!terms.wildcard_subscription_available);
    assert!(!terms.subscription_identifier_available);
    assert!(!terms.shared_subscription_available);
}

#[test]
fn a_connack_that_says_nothing_leaves_what_connect_asked_for() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect { keep_alive: 5, ..v5(&[EXPIRY]) });
    let terms = bench.input(CONNACK).terms();
    let mut expected = mqtt_sansio::Terms::default();
    expected.keep_alive = 5;
    expected.session_expiry_interval = 60;
    assert_eq!(terms, expected);
}

#[test]
fn mqtt_3_1_2_20_pingreq_is_sent_when_nothing_else_was() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect { keep_alive: 5, ..v5(&[]) });
    bench.input(CONNACK).waits(Some(6000));
    bench.timeout(5999).nothing();
    bench.timeout(6000).sent("c000");
    bench.input("d000").nothing();
    bench.now = 8000;
    bench.publish(QoS::AtMostOnce, "a");
    bench.drain().sent("3005 0001 74 00 61").waits(Some(13_000));
}

#[test]
fn mqtt_3_1_2_21_the_server_keep_alive_takes_the_place_of_the_own() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect { keep_alive: 60, ..v5(&[]) });
    bench.input("2006 00 00 03 13 0005").waits(Some(6000));
    bench.timeout(6000).sent("c000");
}

#[test]
fn mqtt_3_2_2_21_a_server_keep_alive_of_0_is_none() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect { keep_alive: 60, ..v5(&[]) });
    bench.input("2006 00 00 03 13 0000").waits(None);
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[]));
    bench.input("2006 00 00 03 13 0005").waits(Some(6000));
}

#[test]
fn mqtt_4_13_2_1_a_refusal_closes_and_says_why() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[]));
    // Use another server, with a reference and a reason.
    let output = bench.input("200f 00 9c 0c 1c 0003 683a31 1f 0003 6d6f76");
    let properties =
        OwnedProperties::new(&[Property::ServerReference("h:1"), Property::ReasonString("mov")]);
    let reason = DisconnectReason::Refused(ReasonCode::UseAnotherServer);
    let expected = ClientEvent::Disconnected { reason, properties: properties.unwrap() };
    output.sent("").events(&[expected]).closes(true);
}

#[test]
fn a_malformed_connack_is_answered_with_disconnect() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[]));
    // Receive Maximum 0.
    let output = bench.input("2006 00 00 03 21 0000");
    output.sent("e001 82").closes(true);
    assert!(
        matches!(
            output.events[..],
            [ClientEvent::Disconnected {
                reason: DisconnectReason::ServerFault(ServerFault::Decode(_)),
                ..
            }]
        ),
        "{:?}",
        output.events
    );
}

#[test]
fn anything_but_connack_and_auth_before_connack_is_a_fault() {
    for packet in ["3005 0001 74 00 61", "40020001", "e001 8b", "d000"] {
        let mut bench = Bench::new(ClientConfig::default());
        bench.connect(&v5(&[]));
        bench.input(packet).sent("e001 82").closes(true);
    }
}

#[test]
fn a_message_for_5_0_is_refused_in_3_1_1_and_told_of_where_it_waited() {
    let message = super::message_with("t", QoS::AtMostOnce, &[Property::ContentType("c")]);
    let mut bench = Bench::new(ClientConfig::default());
    let handle = bench.hand_over(message.clone());
    bench.reconnect(false).sent("").events(&[
        connected(false),
        crate::bench::published(
            handle,
            mqtt_sansio::PublishOutcome::NotSent(mqtt_sansio::NotSent::NotInVersion),
        ),
    ]);
    let refused = bench.client.publish(ms(bench.now), message);
    let error = mqtt_sansio::EncodeError::NotInVersion {
        field: mqtt_sansio::Field::Properties,
        version: Version::V3_1_1,
    };
    assert_eq!(refused, Err(error.into()));
}

#[test]
fn a_message_for_5_0_is_not_sent_before_connack_of_3_1_1_either() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    bench.hand_over(super::message_with("t", QoS::AtMostOnce, &[Property::ContentType("c")]));
    bench.hand_over(Message::new("t", "b").unwrap());
    let output = bench.connect(&Connect::new(Version::V3_1_1, "c"));
    output.sent(&[crate::bench::CONNECT_CLEAN, "3004 0001 74 62"].concat());
    assert_eq!(output.events.len(), 2);
}

#[test]
fn a_clean_start_of_5_0_may_send_before_connack() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    let mut bench = Bench::new(config);
    let a = bench.publish(QoS::AtLeastOnce, "a");
    bench
        .connect(&Connect { clean_start: true, ..v5(&[]) })
        .sent("100e 0004 4d515454 05 02 0000 00 0001 63  3207 0001 74 0001 00 61");
    bench.input(CONNACK).events(&[connected(false)]);
    let done = crate::bench::published(a, mqtt_sansio::PublishOutcome::Acknowledged);
    bench.input("40020001").events(&[done]);
}

#[test]
fn mqtt_3_1_3_2_a_client_has_one_session() {
    // The session that CONNACK speaks of is that of the client identifier: what one client object keeps.
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], CONNACK);
    let a = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain().sent("3207 0001 74 0001 00 61");
    super::reconnect(&mut bench, super::PRESENT).sent("3a07 0001 74 0001 00 61");
    let (mut other, _) = connected_by(ClientConfig::default(), &[EXPIRY], CONNACK);
    other.drain().nothing();
    let done = crate::bench::published(a, mqtt_sansio::PublishOutcome::Acknowledged);
    bench.input("40020001").events(&[done]);
}

#[test]
fn mqtt_3_2_2_4_a_session_that_the_client_does_not_have_closes() {
    for clean_start in [false, true] {
        let mut bench = Bench::new(ClientConfig::default());
        bench.connect(&Connect { clean_start, ..v5(&[EXPIRY]) });
        faults(&bench.input(super::PRESENT), ServerFault::UnknownSession, "e001 82");
    }
    // Nor one that a clean start has dropped.
    let (mut bench, _) = connected_by(ClientConfig::default(), &[EXPIRY], CONNACK);
    bench.lose();
    bench.connect(&Connect { clean_start: true, ..v5(&[EXPIRY]) });
    faults(&bench.input(super::PRESENT), ServerFault::UnknownSession, "e001 82");
    // Nor one that ended with its connection.
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], CONNACK);
    bench.lose();
    bench.connect(&v5(&[]));
    faults(&bench.input(super::PRESENT), ServerFault::UnknownSession, "e001 82");
}

#[test]
fn a_session_whose_connack_was_lost_may_be_there() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[EXPIRY]));
    super::reconnect(&mut bench, super::PRESENT).events(&[connected(true)]);
}

#[test]
fn a_refused_connect_makes_no_session() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&v5(&[EXPIRY]));
    let refused = DisconnectReason::Refused(ReasonCode::ServerBusy);
    bench.input("2003 00 89 00").events(&[disconnected(refused)]);
    let output = super::reconnect(&mut bench, super::PRESENT);
    faults(&output, ServerFault::UnknownSession, "e001 82");
}

#[test]
fn a_forgotten_session_lets_the_server_go_on() {
    let client = mqtt_sansio::Client::resume(
        ClientConfig::default(),
        mqtt_sansio::ClientSession::forgotten(),
    );
    let mut bench = Bench { client, now: 0 };
    bench.connect(&v5(&[EXPIRY]));
    bench.input(super::PRESENT).events(&[connected(true)]);
}
