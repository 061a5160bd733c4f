//! Normative statements for a client that no other test is about. `testdata/statements.csv` lists all
//! statements, and the tests for them.

use mqtt_sansio::{Client, ClientConfig, ClientOutput, Connect, QoS, Version};

use crate::bench::{Bench, CONNACK, connected, ms};

#[test]
fn mqtt_2_3_1_3_an_id_is_free_once_puback_pubcomp_suback_or_unsuback_has_come() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "");
    bench.publish(QoS::ExactlyOnce, "");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.unsubscribe(&["s"]);
    bench.drain();
    // Requests go before messages.
    bench.input("9003000100 b0020002 40020003 50020004");
    bench.input("70020004");
    for id in (5..=u16::MAX).chain(1..=5) {
        bench.publish(QoS::AtLeastOnce, "");
        let id = id.to_be_bytes();
        assert_eq!(bench.pull(usize::MAX).concat()[5..7], id);
        bench.client.handle_input(ms(bench.now), &[0x40, 2, id[0], id[1]]);
        while let ClientOutput::Event(_) = bench.client.poll_output() {}
    }
}

#[test]
fn mqtt_3_1_0_1_connect_is_the_first_packet_whatever_waits() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    for clean_start in [true, false] {
        let mut bench = Bench::new(config.clone());
        bench.publish(QoS::AtMostOnce, "a");
        bench.publish(QoS::ExactlyOnce, "b");
        bench.subscribe(&[("s", QoS::AtMostOnce)]);
        bench.drain().nothing();
        let output =
            bench.connect(&Connect { clean_start, ..Connect::new(Version::V3_1_1, "c") }).sent;
        assert_eq!(output[..6], [0x10, 0x0D, 0, 4, b'M', b'Q'], "clean start {clean_start}");
        bench.lose();
        let again =
            bench.connect(&Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "c") });
        assert_eq!(again.sent[..6], [0x10, 0x0D, 0, 4, b'M', b'Q'], "clean start {clean_start}");
    }
}

#[test]
fn mqtt_3_1_3_2_a_session_is_of_one_client_and_of_no_other() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.drain().sent("3206 0001 74 0001 61");
    bench.lose();
    // Another client identifier is another client.
    let mut other = Bench { client: Client::new(ClientConfig::default()), now: 1000 };
    other
        .connect(&Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "d") })
        .sent("100d 0004 4d515454 04 00 0000 0001 64");
    other.input("20020100").sent("").events(&[connected(true)]);
    bench.reconnect(true).sent("3a06 0001 74 0001 61");
}

#[test]
fn mqtt_3_14_4_2_after_disconnect_nothing_is_sent() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect { keep_alive: 10, ..Connect::new(Version::V3_1_1, "c") });
    bench.input(CONNACK);
    bench.disconnect().sent("e000").closes(true);
    bench.publish(QoS::AtMostOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().sent("");
    // Neither answers nor pings.
    bench.input("3206 0001 74 0001 61  62020002").sent("");
    bench.timeout(1_000_000).sent("");
    bench.disconnect().sent("");
}

#[test]
fn mqtt_4_1_0_2_a_session_lasts_as_long_as_its_connection_also_a_clean_one() {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect::new(Version::V3_1_1, "c"));
    bench.input(CONNACK);
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain().sent("3406 0001 74 0001 61");
    bench.input("3406 0001 74 0009 62").sent("50020009");
    bench.timeout(1_000_000_000).nothing();
    // Both exchanges are still known.
    bench.input("3c06 0001 74 0009 62").sent("50020009").events(&[]);
    bench.input("50020001").sent("62020001");
}

#[test]
fn mqtt_4_6_0_4_pubrels_go_out_in_the_order_the_pubrecs_came() {
    let mut bench = Bench::connected();
    for payload in ["a", "b", "c"] {
        bench.publish(QoS::ExactlyOnce, payload);
    }
    bench.drain();
    bench.input("50020002 50020003").sent("62020002 62020003");
    bench.input("50020001").sent("62020001");
}
