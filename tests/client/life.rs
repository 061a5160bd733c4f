//! The life of a connection: CONNECT, CONNACK, DISCONNECT, and all the ways it ends.

use std::time::Duration;

use mqtt_sansio::DisconnectReason::{
    CloseTimeout, ConnectTimeout, Refused, Requested, TransportClosed,
};
use mqtt_sansio::{
    ClientConfig, ClientOutput, Connect, ConnectError, EncodeError, PublishOutcome, QoS,
    ReasonCode, TopicName, Version, Violation, Will,
};

use crate::bench::{
    Bench, CONNACK, CONNECT_CLEAN, connected, disconnected, lost_connection, ms, published,
};

fn plain() -> Connect<'static> {
    Connect::new(Version::V3_1_1, "c")
}

#[test]
fn connect_carries_will_and_credentials() {
    let mut bench = Bench::new(ClientConfig::default());
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        ..Will::new(TopicName::new("w").unwrap(), b"gone")
    };
    let connect = Connect {
        keep_alive: 60,
        will: Some(will),
        user_name: Some("u"),
        password: Some(b"p\0"),
        ..plain()
    };
    bench
        .connect(&connect)
        .sent("101d 0004 4d515454 04 ee 003c 0001 63 0001 77 0004 676f6e65 0001 75 0002 7000")
        .events(&[])
        .closes(false)
        .waits(Some(31_000));
}

#[test]
fn connect_of_3_1_names_mqisdp_at_level_3() {
    let mut bench = Bench::new(ClientConfig::default());
    bench
        .connect(&Connect::new(Version::V3_1, "c"))
        .sent("100f 0006 4d5149736470 03 02 0000 0001 63");
}

#[test]
fn connect_with_a_client_id_that_servers_refuse_is_an_error() {
    let mut bench = Bench::new(ClientConfig::default());
    let invalid = Err(ConnectError::ClientId(ReasonCode::ClientIdentifierNotValid));
    let resumed = Connect { clean_start: false, client_id: "", ..plain() };
    assert_eq!(bench.client.connect(ms(0), &resumed), invalid);
    assert_eq!(bench.client.connect(ms(0), &Connect::new(Version::V3_1, "")), invalid);
    bench.drain().nothing();
}

#[test]
fn connect_with_a_client_id_of_24_characters_is_tried_in_3_1() {
    let mut bench = Bench::new(ClientConfig::default());
    let long = Connect::new(Version::V3_1, "123456789012345678901234");
    let id = "0018 313233343536373839303132333435363738393031323334";
    bench.connect(&long).sent(&format!("1026 0006 4d5149736470 03 02 0000 {id}"));
}

#[test]
fn connect_that_cannot_be_encoded_is_an_error() {
    let mut bench = Bench::new(ClientConfig::default());
    let connect = Connect { password: Some(b"p"), ..plain() };
    let error = EncodeError::from(Violation::PasswordWithoutUserName);
    assert_eq!(bench.client.connect(ms(0), &connect), Err(ConnectError::Encode(error)));
    let long = "x".repeat(65_536);
    let connect = Connect::new(Version::V3_1_1, &long);
    let refused = bench.client.connect(ms(0), &connect);
    assert!(matches!(refused, Err(ConnectError::Encode(_))), "{refused:?}");
    bench.drain().nothing();
}

#[test]
fn connect_while_another_connection_has_not_ended_is_an_error() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&plain());
    assert_eq!(bench.client.connect(ms(1000), &plain()), Err(ConnectError::NotClosed));
    bench.input(CONNACK).events(&[connected(false)]);
    assert_eq!(bench.client.connect(ms(1000), &plain()), Err(ConnectError::NotClosed));
    bench.disconnect().sent("e000");
    // Close was told, but the transport is still open.
    assert_eq!(bench.client.connect(ms(1000), &plain()), Err(ConnectError::NotClosed));
    bench.lose().nothing();
    bench.connect(&plain()).sent(CONNECT_CLEAN);
}

#[test]
fn each_return_code_of_connack_is_an_outcome_of_its_own() {
    for (code, reason) in [
        (1, ReasonCode::UnsupportedProtocolVersion),
        (2, ReasonCode::ClientIdentifierNotValid),
        (3, ReasonCode::ServerUnavailable),
        (4, ReasonCode::BadUserNameOrPassword),
        (5, ReasonCode::NotAuthorized),
    ] {
        for version in [Version::V3_1, Version::V3_1_1] {
            let mut bench = Bench::new(ClientConfig::default());
            bench.connect(&Connect::new(version, "c"));
            bench.bytes(&[0x20, 2, 0, code]).ends(Refused(reason));
            assert!(!bench.client.is_connected());
            bench.lose().nothing();
        }
    }
}

#[test]
fn connack_0_connects() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&plain());
    assert!(!bench.client.is_connected());
    bench.input(CONNACK).sent("").events(&[connected(false)]).closes(false).waits(None);
    assert!(bench.client.is_connected());
}

#[test]
fn connack_of_3_1_says_nothing_of_a_session() {
    // Byte 1 is unused there.
    for (clean_start, connack, session_present) in
        [(true, CONNACK, false), (false, CONNACK, true), (true, "20020100", false)]
    {
        let mut bench = Bench::new(ClientConfig::default());
        bench.connect(&Connect { clean_start, ..Connect::new(Version::V3_1, "c") });
        bench.input(connack).events(&[connected(session_present)]);
    }
}

#[test]
fn the_connect_timeout_is_exact_to_the_millisecond() {
    let mut config = ClientConfig::default();
    config.connect_timeout = Duration::from_millis(1234);
    let mut bench = Bench::new(config);
    bench.connect(&plain()).waits(Some(2234));
    bench.timeout(2233).nothing().waits(Some(2234));
    bench.timeout(2234).ends(ConnectTimeout);
    bench.timeout(9999).nothing();
    bench.lose().nothing();
}

#[test]
fn the_connect_timeout_runs_also_where_connect_was_never_pulled() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.client.connect(ms(1000), &plain()).unwrap();
    bench.timeout(31_000).ends(ConnectTimeout);
}

#[test]
fn connack_at_the_last_millisecond_is_in_time() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&plain()).waits(Some(31_000));
    bench.now = 31_000;
    bench.input(CONNACK).events(&[connected(false)]).waits(None);
    bench.timeout(31_000).nothing();
}

#[test]
fn disconnect_sends_disconnect_and_closes() {
    let mut bench = Bench::connected();
    bench.disconnect().sent("e000").events(&[disconnected(Requested)]).closes(true);
    assert!(!bench.client.is_connected());
    bench.disconnect().nothing();
    bench.lose().nothing().waits(None);
    bench.disconnect().nothing();
}

#[test]
fn disconnect_lets_out_first_what_can_be_sent_at_once() {
    let mut config = ClientConfig::default();
    config.max_inflight_messages = 1;
    let mut bench = Bench::connected_with(config);
    let a = bench.publish(QoS::AtMostOnce, "a");
    let _b = bench.publish(QoS::AtLeastOnce, "b");
    let c = bench.publish(QoS::AtLeastOnce, "c");
    let output = bench.disconnect();
    output
        .sent("3004 0001 74 61  3206 0001 74 0001 62  e000")
        .closes(true)
        .events(&[published(a, PublishOutcome::Sent), disconnected(Requested)]);
    bench.lose().nothing();
    // What never was sent is sent on the next connection, also when the session is lost.
    let output = bench.reconnect(false);
    output.sent("3206 0001 74 0002 63");
    bench.input("40020002").events(&[published(c, PublishOutcome::Acknowledged)]);
}

#[test]
fn disconnect_before_connack_closes_without_disconnect() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&plain()).sent(CONNECT_CLEAN);
    bench.disconnect().ends(Requested);
    bench.lose().nothing();
}

#[test]
fn disconnect_without_a_connection_does_nothing() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.disconnect().nothing().waits(None);
    bench.connect(&plain()).sent(CONNECT_CLEAN);
}

#[test]
fn the_close_timeout_ends_a_disconnect_that_is_not_pulled() {
    let mut bench = Bench::connected();
    bench.client.disconnect(ms(1000));
    assert_eq!(bench.client.poll_output(), ClientOutput::Transmit);
    assert_eq!(bench.client.poll_output(), ClientOutput::Wait(Some(ms(6000))));
    bench.client.handle_timeout(ms(5999));
    assert_eq!(bench.client.poll_output(), ClientOutput::Wait(Some(ms(6000))));
    // A second call does not give more time.
    bench.client.disconnect(ms(5999));
    bench.timeout(6000).ends(CloseTimeout);
}

#[test]
fn a_pull_up_to_max_leaves_disconnect_for_the_next() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtMostOnce, "a");
    bench.client.disconnect(ms(1000));
    assert_eq!(bench.pull(1).concat(), b"\x30\x04\x00\x01ta");
    assert!(!bench.client.is_connected());
    let output = bench.drain();
    output.sent("e000").closes(true);
    assert_eq!(output.events.last(), Some(&disconnected(Requested)));
}

#[test]
fn handle_closed_at_every_state_tells_disconnected_exactly_once() {
    let config = ClientConfig::default;
    let mut never = Bench::new(config());
    never.lose().nothing().waits(None);

    let mut connecting = Bench::new(config());
    connecting.connect(&plain());
    connecting.lose().sent("").events(&[lost_connection()]).closes(false).waits(None);
    connecting.lose().nothing();

    let mut unpulled = Bench::new(config());
    unpulled.client.connect(ms(0), &plain()).unwrap();
    unpulled.lose().sent("").events(&[lost_connection()]).closes(false);

    let mut connected = Bench::connected();
    connected.lose().sent("").events(&[lost_connection()]).closes(false).waits(None);
    connected.lose().nothing();

    let mut disconnecting = Bench::connected();
    disconnecting.client.disconnect(ms(1000));
    disconnecting.lose().sent("").events(&[lost_connection()]).closes(false).waits(None);

    let mut closing = Bench::connected();
    closing.disconnect().events(&[disconnected(Requested)]).closes(true);
    closing.lose().nothing();

    // Close is not told any more when the transport is gone before it was polled.
    let mut untold = Bench::new(config());
    untold.connect(&plain());
    untold.client.handle_input(ms(1000), &[0x20, 2, 0, 5]);
    untold.client.handle_closed(ms(1000));
    let refused = disconnected(Refused(ReasonCode::NotAuthorized));
    untold.drain().sent("").events(&[refused]).closes(false);
}

#[test]
fn input_and_timeouts_without_a_connection_do_nothing() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.input("20020000 30 04 0001 74 61").nothing().waits(None);
    bench.timeout(1 << 40).nothing().waits(None);
    let mut bench = Bench::connected();
    bench.disconnect();
    bench.input("30 04 0001 74 61").nothing();
    bench.lose();
    bench.input("30 04 0001 74 61").nothing();
}

#[test]
fn what_was_received_of_a_packet_ends_with_its_connection() {
    let mut bench = Bench::connected();
    bench.input("30 04 0001").nothing();
    bench.lose().events(&[lost_connection()]);
    bench.reconnect(false).events(&[connected(false)]);
    bench.input("30 04 0001 74 61").closes(false);
    assert!(bench.client.is_connected());
}

#[test]
fn the_same_client_connects_again_and_again() {
    let mut bench = Bench::new(ClientConfig::default());
    for session_present in [false, true, true, false] {
        bench.reconnect(session_present).sent("").events(&[connected(session_present)]);
        bench.lose().sent("").events(&[disconnected(TransportClosed)]);
    }
}

#[test]
fn a_clean_start_takes_a_session_that_the_server_claims_as_none() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&plain()).sent(CONNECT_CLEAN);
    bench.input("20020100").sent("").events(&[connected(false)]);
}

#[test]
fn time_does_not_run_backwards() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.now = 50_000;
    bench.connect(&Connect { keep_alive: 10, ..plain() }).waits(Some(80_000));
    bench.timeout(10).nothing().waits(Some(80_000));
    bench.now = 20;
    bench.input(CONNACK).events(&[connected(false)]).waits(Some(60_000));
    // What is sent at an earlier time counts as sent at the latest time told.
    bench.publish(QoS::AtMostOnce, "a");
    bench.drain().waits(Some(60_000));
    bench.timeout(59_999).nothing().waits(Some(60_000));
    bench.timeout(0).nothing().waits(Some(60_000));
    bench.timeout(60_000).sent("c000");
}
