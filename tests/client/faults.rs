//! What the server must not send: the fault is told, and the connection closed.

use mqtt_sansio::DisconnectReason::ServerFault;
use mqtt_sansio::ServerFault::{BeforeConnAck, Decode, SecondConnAck, UnexpectedAcknowledgement};
use mqtt_sansio::{
    ClientConfig, ClientEvent, Connect, PacketId, PacketType, QoS, ReasonCode, RequestOutcome,
    Version, Violation,
};

use crate::bench::{Bench, disconnected, subscribed_as, words};

fn fresh() -> Bench {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    bench
}

#[test]
fn anything_before_connack_is_a_fault() {
    for (packet, packet_type) in [
        ("3004 0001 74 61", PacketType::Publish),
        ("40020001", PacketType::PubAck),
        ("50020001", PacketType::PubRec),
        ("62020001", PacketType::PubRel),
        ("70020001", PacketType::PubComp),
        ("9003000100", PacketType::SubAck),
        ("b0020001", PacketType::UnsubAck),
        ("d000", PacketType::PingResp),
    ] {
        let output = fresh().input(packet);
        output.ends(ServerFault(BeforeConnAck(packet_type)));
    }
}

#[test]
fn what_follows_a_fault_is_not_read() {
    fresh()
        .input("d000 20020000 3004 0001 74 61")
        .ends(ServerFault(BeforeConnAck(PacketType::PingResp)));
}

#[test]
fn a_second_connack_is_a_fault() {
    for connack in ["20020000", "20020100", "20020005"] {
        Bench::connected().input(connack).ends(ServerFault(SecondConnAck));
    }
}

#[test]
fn an_acknowledgement_of_another_kind_is_a_fault() {
    let unexpected = |packet| {
        let packet_id = PacketId::MIN;
        ServerFault(UnexpectedAcknowledgement { packet, packet_id })
    };
    let wrong_for_qos_1 = [
        ("50020001", PacketType::PubRec),
        ("70020001", PacketType::PubComp),
        ("9003000100", PacketType::SubAck),
        ("b0020001", PacketType::UnsubAck),
    ];
    for (packet, packet_type) in wrong_for_qos_1 {
        let mut bench = Bench::connected();
        bench.publish(QoS::AtLeastOnce, "a");
        bench.drain();
        bench.input(packet).ends(unexpected(packet_type));
        // Nothing was lost by it.
        bench.lose().nothing();
        bench.reconnect(true).sent("3a06 0001 74 0001 61");
    }
    let wrong_for_qos_2 = [
        ("40020001", PacketType::PubAck),
        ("70020001", PacketType::PubComp),
        ("9003000100", PacketType::SubAck),
        ("b0020001", PacketType::UnsubAck),
    ];
    for (packet, packet_type) in wrong_for_qos_2 {
        let mut bench = Bench::connected();
        bench.publish(QoS::ExactlyOnce, "a");
        bench.drain();
        bench.input(packet).ends(unexpected(packet_type));
    }
    for packet in ["40020001", "9003000100", "b0020001"] {
        let mut bench = Bench::connected();
        bench.publish(QoS::ExactlyOnce, "a");
        bench.drain();
        bench.input("50020001").sent("62020001");
        let output = bench.input(packet);
        assert!(output.close, "{} after PUBREC", words(&crate::bench::unhex(packet)));
    }
}

#[test]
fn a_publish_acknowledgement_for_a_subscribe_is_a_fault() {
    for (packet, packet_type) in [
        ("40020001", PacketType::PubAck),
        ("50020001", PacketType::PubRec),
        ("70020001", PacketType::PubComp),
        ("b0020001", PacketType::UnsubAck),
    ] {
        let mut bench = Bench::connected();
        let handle = bench.subscribe(&[("s", QoS::AtMostOnce)]);
        bench.drain();
        let packet_id = PacketId::MIN;
        let fault = UnexpectedAcknowledgement { packet: packet_type, packet_id };
        bench.input(packet).sent("").closes(true).events(&[
            subscribed_as(handle, RequestOutcome::Lost),
            disconnected(ServerFault(fault)),
        ]);
    }
}

#[test]
fn what_no_server_may_send_is_a_fault_with_rule_and_place() {
    for (packet, violation, offset) in [
        ("100d 0004 4d515454 04 02 0000 0001 63", Violation::WrongSender, 0),
        ("8206 0001 0001 73 00", Violation::WrongSender, 0),
        ("a205 0001 0001 73", Violation::WrongSender, 0),
        ("c000", Violation::WrongSender, 0),
        ("e000", Violation::WrongSender, 0),
        ("f000", Violation::ReservedPacketType, 0),
        ("0000", Violation::ReservedPacketType, 0),
        ("36060001 74 0001 61", Violation::QoS3, 0),
        ("38040001 74 61", Violation::DupAtQoS0, 0),
        ("40020000", Violation::ZeroPacketId, 2),
        ("3206 0001 74 0000 61", Violation::ZeroPacketId, 5),
        ("3004 0001 2b 61", Violation::WildcardInTopicName, 2),
        ("3003 0000 61", Violation::EmptyTopicName, 2),
        ("3004 0005 74 61", Violation::Truncated, 2),
        ("60020001", Violation::ReservedFlags, 0),
        ("d001 00", Violation::TrailingBytes, 2),
        ("30ffffffff01", Violation::VarintTooLong, 1),
    ] {
        let output = Bench::connected().input(packet);
        let [ClientEvent::Disconnected { reason: ServerFault(Decode(error)), .. }] =
            output.events[..]
        else {
            panic!("{packet}: {:?}", output.events);
        };
        assert_eq!((error.violation(), error.offset()), (violation, offset), "{packet}: {error}");
        assert!(output.close && output.sent.is_empty(), "{packet}");
    }
}

#[test]
fn connack_with_an_unknown_code_is_a_fault() {
    let output = fresh().input("20020006");
    let [ClientEvent::Disconnected { reason: ServerFault(Decode(error)), .. }] = output.events[..]
    else {
        panic!("{:?}", output.events);
    };
    assert_eq!((error.violation(), error.offset()), (Violation::ReasonCodeNotListed, 3));
}

#[test]
fn faults_map_to_the_reason_codes_of_5_0() {
    assert_eq!(SecondConnAck.reason_code(), ReasonCode::ProtocolError);
    let output = Bench::connected().input("40020000");
    let [ClientEvent::Disconnected { reason: ServerFault(fault), .. }] = output.events[..] else {
        panic!("{:?}", output.events);
    };
    assert_eq!(fault.reason_code(), ReasonCode::ProtocolError);
    assert_eq!(fault.to_string(), "PUBACK, byte 2: a packet identifier must not be 0");
}

#[test]
fn what_was_received_before_a_fault_in_one_read_still_counts() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    let output = bench.input("40020001 3004 0001 74 62 f000");
    let done = crate::bench::published(handle, mqtt_sansio::PublishOutcome::Acknowledged);
    assert_eq!(output.events[0], done);
    assert_eq!(crate::bench::payloads(&output), [b"b"]);
    assert_eq!(output.events.len(), 3);
    output.closes(true);
}

#[test]
fn a_pingresp_body_is_not_read_as_the_next_packet() {
    // The body of the PINGRESP would be a PUBLISH.
    let output = Bench::connected().input("d006 3004 0001 74 61");
    assert!(output.close && crate::bench::payloads(&output).is_empty(), "{:?}", output.events);
}
