//! Keep alive, section 3.1.2.10: when PINGREQ is sent, and when its answer is missed.

use std::time::Duration;

use mqtt_sansio::DisconnectReason::PingTimeout;
use mqtt_sansio::{ClientConfig, ClientOutput, Connect, QoS, Version};

use crate::bench::{Bench, CONNACK, connected, ms};

/// Connected at 1,000 ms with a keep alive of 5 s.
fn keep_alive_5(config: ClientConfig) -> Bench {
    let mut bench = Bench::new(config);
    let connect = Connect { keep_alive: 5, ..Connect::new(Version::V3_1_1, "c") };
    bench.connect(&connect).waits(Some(31_000));
    bench.input(CONNACK).events(&[connected(false)]).waits(Some(6000));
    bench
}

#[test]
fn pingreq_is_sent_when_nothing_else_was_for_the_keep_alive() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.timeout(5999).nothing().waits(Some(6000));
    bench.timeout(6000).sent("c000").events(&[]).closes(false).waits(Some(11_000));
    bench.now = 6300;
    bench.input("d000").nothing().waits(Some(11_000));
    bench.timeout(11_000).sent("c000").waits(Some(16_000));
}

#[test]
fn the_interval_counts_from_the_last_packet_sent_not_from_connack() {
    let mut bench = Bench::new(ClientConfig::default());
    let connect = Connect { keep_alive: 5, ..Connect::new(Version::V3_1_1, "c") };
    bench.connect(&connect);
    bench.now = 4000;
    bench.input(CONNACK).waits(Some(6000));
}

#[test]
fn a_connack_later_than_the_keep_alive_makes_the_ping_due_at_once() {
    let mut bench = Bench::new(ClientConfig::default());
    let connect = Connect { keep_alive: 5, ..Connect::new(Version::V3_1_1, "c") };
    bench.connect(&connect);
    bench.now = 20_000;
    bench.input(CONNACK).waits(Some(6000));
    bench.timeout(20_000).sent("c000").waits(Some(25_000));
}

#[test]
fn no_pingreq_while_other_packets_flow() {
    let mut bench = keep_alive_5(ClientConfig::default());
    for now in (2000..60_000).step_by(4999) {
        bench.timeout(now).nothing();
        bench.publish(QoS::AtMostOnce, "a");
        bench.drain().sent("3004 0001 74 61").waits(Some(now + 5000));
    }
}

#[test]
fn an_acknowledgement_postpones_the_ping_too() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.now = 4000;
    bench.input("3206 0001 74 0001 61").sent("40020001").waits(Some(9000));
}

#[test]
fn what_only_comes_in_does_not_postpone_the_ping() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.now = 4000;
    bench.input("3004 0001 74 61").sent("").waits(Some(6000));
    bench.timeout(6000).sent("c000");
}

#[test]
fn a_missing_pingresp_ends_the_connection() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.timeout(6000).sent("c000").waits(Some(11_000));
    bench.timeout(10_999).nothing().waits(Some(11_000));
    bench.timeout(11_000).ends(PingTimeout);
    bench.lose().nothing();
}

#[test]
fn other_packets_do_not_stand_for_pingresp() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.timeout(6000).sent("c000").waits(Some(11_000));
    bench.now = 10_000;
    bench.input("3206 0001 74 0001 61").sent("40020001").waits(Some(11_000));
    bench.timeout(11_000).ends(PingTimeout);
}

#[test]
fn a_ping_timeout_of_its_own_is_exact() {
    let mut config = ClientConfig::default();
    config.ping_timeout = Some(Duration::from_millis(777));
    let mut bench = keep_alive_5(config);
    bench.timeout(6000).sent("c000").waits(Some(6777));
    bench.timeout(6776).nothing().waits(Some(6777));
    bench.timeout(6777).ends(PingTimeout);
}

#[test]
fn a_ping_timeout_longer_than_the_keep_alive_lets_pings_go_on() {
    let mut config = ClientConfig::default();
    config.ping_timeout = Some(Duration::from_secs(12));
    let mut bench = keep_alive_5(config);
    bench.timeout(6000).sent("c000").waits(Some(11_000));
    bench.timeout(11_000).sent("c000").waits(Some(16_000));
    bench.timeout(16_000).sent("c000").waits(Some(18_000));
    // It counts from the first that was not answered.
    bench.timeout(18_000).ends(PingTimeout);
}

#[test]
fn keep_alive_0_means_no_ping_and_no_deadline() {
    let mut bench = Bench::connected();
    bench.timeout(1 << 40).nothing().waits(None);
    bench.publish(QoS::AtMostOnce, "a");
    bench.drain().sent("3004 0001 74 61").waits(None);
}

#[test]
fn early_and_spurious_timeouts_do_nothing() {
    let mut bench = keep_alive_5(ClientConfig::default());
    for now in [1000, 1000, 3000, 2000, 5999, 5999] {
        bench.timeout(now).nothing().waits(Some(6000));
    }
    bench.timeout(6000).sent("c000").waits(Some(11_000));
    bench.timeout(6000).nothing().waits(Some(11_000));
}

#[test]
fn a_late_timeout_pings_once() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.timeout(60_000).sent("c000").waits(Some(65_000));
    bench.timeout(60_000).nothing();
}

#[test]
fn a_pingresp_that_nobody_asked_for_does_nothing() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.input("d000 d000").nothing().waits(Some(6000));
}

#[test]
fn the_longest_keep_alive_is_exact_too() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect { keep_alive: 65_535, ..Connect::new(Version::V3_1_1, "c") });
    bench.input(CONNACK).waits(Some(65_536_000));
    bench.timeout(65_535_999).nothing();
    bench.timeout(65_536_000).sent("c000").waits(Some(131_071_000));
}

#[test]
fn a_ping_that_is_not_pulled_is_awaited_all_the_same() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.client.handle_timeout(ms(6000));
    assert_eq!(bench.client.poll_output(), ClientOutput::Transmit);
    assert_eq!(bench.client.poll_output(), ClientOutput::Wait(Some(ms(11_000))));
    bench.timeout(11_000).ends(PingTimeout);
}

#[test]
fn a_peer_that_takes_no_answers_is_found_dead() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.client.handle_input(ms(2000), b"\x32\x06\x00\x01t\x00\x01a");
    assert!(matches!(bench.client.poll_output(), ClientOutput::Event(_)));
    assert_eq!(bench.client.poll_output(), ClientOutput::Transmit);
    // The transport does not take the PUBACK: some deadline must remain.
    let ClientOutput::Wait(Some(deadline)) = bench.client.poll_output() else {
        panic!("keep alive 5, and nothing to wait for");
    };
    bench.client.handle_timeout(deadline);
    while let ClientOutput::Transmit | ClientOutput::Event(_) = bench.client.poll_output() {}
    let ClientOutput::Wait(Some(deadline)) = bench.client.poll_output() else {
        panic!("nothing to wait for after {deadline:?}");
    };
    bench.timeout(deadline.since_epoch().as_millis() as u64).ends(PingTimeout);
}

#[test]
fn a_message_that_waits_for_the_transport_does_not_stop_the_clock() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.publish(QoS::AtLeastOnce, "a");
    assert_eq!(bench.client.poll_output(), ClientOutput::Transmit);
    assert_eq!(bench.client.poll_output(), ClientOutput::Wait(Some(ms(6000))));
    bench.timeout(6000).sent("c000 3206 0001 74 0001 61").waits(Some(11_000));
}

#[test]
fn a_new_connection_awaits_no_pingresp_of_the_old_one() {
    let mut bench = keep_alive_5(ClientConfig::default());
    bench.timeout(6000).sent("c000");
    bench.lose();
    bench.now = 7000;
    bench.connect(&Connect { keep_alive: 60, ..Connect::new(Version::V3_1_1, "c") });
    bench.input(CONNACK).waits(Some(67_000));
    bench.timeout(11_000).nothing().waits(Some(67_000));
}
