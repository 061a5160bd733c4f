//! What is sent again on a resumed session, and what is told when the session was lost.

use mqtt_sansio::PublishOutcome::{Acknowledged, Lost, Sent};
use mqtt_sansio::{ClientConfig, ClientEvent, Connect, QoS, Version};

use crate::bench::{Bench, CONNACK, Output, connected, lost_connection, published, received};

fn window(max_inflight_messages: u16) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.max_inflight_messages = max_inflight_messages;
    config
}

#[test]
fn resends_keep_ids_and_order_and_set_dup() {
    let mut bench = Bench::connected();
    let [a, b, c] = [(QoS::AtLeastOnce, "a"), (QoS::ExactlyOnce, "b"), (QoS::AtLeastOnce, "c")]
        .map(|(qos, payload)| bench.publish(qos, payload));
    bench.drain().sent("3206 0001 74 0001 61 3406 0001 74 0002 62 3206 0001 74 0003 63");
    bench.lose().sent("").events(&[lost_connection()]);
    bench
        .reconnect(true)
        .sent("3a06 0001 74 0001 61 3c06 0001 74 0002 62 3a06 0001 74 0003 63")
        .events(&[connected(true)]);
    bench
        .input("40020001 50020002 40020003")
        .sent("62020002")
        .events(&[published(a, Acknowledged), published(c, Acknowledged)]);
    bench.input("70020002").events(&[published(b, Acknowledged)]);
}

#[test]
fn the_first_acknowledgement_after_a_resumed_session_is_counted_right() {
    // One in flight, a window of one: the resumed message counts.
    let mut bench = Bench::connected_with(window(1));
    let a = bench.publish(QoS::AtLeastOnce, "a");
    let b = bench.publish(QoS::AtLeastOnce, "b");
    bench.drain().sent("3206 0001 74 0001 61");
    bench.lose();
    bench.reconnect(true).sent("3a06 0001 74 0001 61");
    bench.input("40020001").sent("3206 0001 74 0002 62").events(&[published(a, Acknowledged)]);
    bench.input("40020002").sent("").events(&[published(b, Acknowledged)]);
}

#[test]
fn pubrel_is_sent_again_where_pubrec_was_seen() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain();
    bench.input("50020001").sent("62020001");
    bench.lose();
    bench.reconnect(true).sent("62020001 3c06 0001 74 0002 62").events(&[connected(true)]);
    bench.input("70020001").sent("").events(&[published(handle, Acknowledged)]);
}

#[test]
fn pubrel_whose_first_copy_was_never_pulled_is_sent_after_reconnect() {
    let mut bench = Bench::connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.client.handle_input(crate::bench::ms(1000), b"\x50\x02\x00\x01");
    bench.lose();
    bench.reconnect(true).sent("62020001");
}

#[test]
fn resends_come_before_new_messages_and_requests() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    bench.lose();
    bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.publish(QoS::AtMostOnce, "b");
    bench.reconnect(true).sent("3a06 0001 74 0001 61 8206 0002 0001 73 00 3004 0001 74 62");
}

#[test]
fn the_order_of_resends_is_that_of_sending_also_where_ids_wrapped() {
    let mut config = window(u16::MAX);
    config.max_queued_messages = 65_535;
    let mut bench = Bench::connected_with(config);
    for _ in 1..65_535 {
        bench.publish(QoS::AtLeastOnce, "");
    }
    bench.drain();
    let acks: Vec<u8> =
        (1..65_535u16).flat_map(|id| [0x40, 2, id.to_be_bytes()[0], id.to_be_bytes()[1]]).collect();
    bench.bytes(&acks);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain().sent("3206 0001 74 ffff 61 3206 0001 74 0001 62");
    bench.lose();
    bench.reconnect(true).sent("3a06 0001 74 ffff 61 3a06 0001 74 0001 62");
}

#[test]
fn a_connection_lost_in_the_middle_of_resends_begins_them_anew() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain();
    bench.lose();
    let connect = Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "c") };
    bench.connect(&connect);
    bench.client.handle_input(crate::bench::ms(1000), b"\x20\x02\x01\x00");
    assert_eq!(bench.pull(1).concat(), b"\x3a\x06\x00\x01t\x00\x01a");
    bench.lose();
    bench.reconnect(true).sent("3a06 0001 74 0001 61 3a06 0001 74 0002 62");
}

#[test]
fn acknowledged_between_resends_is_not_sent_again() {
    let mut bench = Bench::connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain();
    bench.lose();
    let connect = Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "c") };
    bench.connect(&connect);
    bench.client.handle_input(crate::bench::ms(1000), b"\x20\x02\x01\x00");
    assert_eq!(bench.pull(1).concat(), b"\x3a\x06\x00\x01t\x00\x01a");
    bench.client.handle_input(crate::bench::ms(1000), b"\x40\x02\x00\x02");
    assert!(bench.pull(usize::MAX).is_empty());
}

#[test]
fn a_lost_session_is_told_exactly_once_for_each_handle() {
    let mut bench = Bench::connected_with(window(3));
    let [a, b, c, d] = [
        (QoS::AtLeastOnce, "a"),
        (QoS::ExactlyOnce, "b"),
        (QoS::ExactlyOnce, "c"),
        (QoS::AtLeastOnce, "d"),
    ]
    .map(|(qos, payload)| bench.publish(qos, payload));
    bench.drain().sent("3206 0001 74 0001 61 3406 0001 74 0002 62 3406 0001 74 0003 63");
    bench.input("50020002").sent("62020002");
    bench.lose().sent("").events(&[lost_connection()]);
    // d was never sent: it still is, and only it.
    bench.reconnect(false).sent("3206 0001 74 0004 64").events(&[
        connected(false),
        published(a, Lost),
        published(b, Lost),
        published(c, Lost),
    ]);
    // Late answers to what was lost belong to nothing.
    bench.input("40020001 70020002").nothing();
    bench.input("40020004").events(&[published(d, Acknowledged)]);
    bench.lose();
    bench.reconnect(false).sent("").events(&[connected(false)]);
}

#[test]
fn messages_never_sent_survive_a_lost_session() {
    let mut bench = Bench::connected();
    bench.lose();
    let a = bench.publish(QoS::AtMostOnce, "a");
    let b = bench.publish(QoS::AtLeastOnce, "b");
    bench
        .reconnect(false)
        .sent("3004 0001 74 61 3206 0001 74 0001 62")
        .events(&[connected(false), published(a, Sent)]);
    bench.input("40020001").events(&[published(b, Acknowledged)]);
}

#[test]
fn qos_0_is_never_sent_again() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::AtMostOnce, "a");
    bench.drain().events(&[published(handle, Sent)]);
    bench.lose();
    bench.reconnect(true).sent("").events(&[connected(true)]);
}

#[test]
fn a_clean_start_drops_the_session_and_says_so() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    bench.lose();
    let mut events = bench.connect(&Connect::new(Version::V3_1_1, "c")).events;
    let output = bench.input(CONNACK);
    output.sent("");
    events.extend(output.events);
    events.sort_by_key(|event| *event != connected(false));
    assert_eq!(events, [connected(false), published(handle, Lost)]);
}

/// What the client tells over the end of a clean session that had begun with `begin`, and the next
/// connection, where the server (or in 3.1 nobody) claims that a session goes on.
fn after_a_clean_session(version: Version, begin: impl Fn(&mut Bench)) -> (Bench, Output) {
    let mut bench = Bench::new(ClientConfig::default());
    bench.connect(&Connect::new(version, "c"));
    bench.input(CONNACK);
    begin(&mut bench);
    let mut told = bench.lose();
    let next = Connect { clean_start: false, ..Connect::new(version, "c") };
    told.events.extend(bench.connect(&next).events);
    // It may have begun with a connection in between whose CONNACK never came.
    let output = bench.input(if version == Version::V3_1 { CONNACK } else { "20020100" });
    told.events.extend(output.events);
    told.sent = output.sent;
    (bench, told)
}

/// [MQTT-3.1.2-6]
#[test]
fn messages_of_a_clean_session_are_not_sent_in_a_later_one() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let publish = |bench: &mut Bench| {
            bench.publish(QoS::ExactlyOnce, "a");
            bench.publish(QoS::AtLeastOnce, "b");
            bench.drain();
            bench.input("50020001").sent("62020001");
        };
        let (_, told) = after_a_clean_session(version, publish);
        told.sent("");
        let lost =
            |event: &&ClientEvent| matches!(event, ClientEvent::Published { outcome: Lost, .. });
        assert_eq!(told.events.iter().filter(lost).count(), 2, "{:?}", told.events);
    }
}

/// [MQTT-3.1.2-6]
#[test]
fn a_qos_2_id_of_a_clean_session_means_a_new_message_in_a_later_one() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let receive = |bench: &mut Bench| {
            bench.input("3406 0001 74 0001 61").sent("50020001");
        };
        let (mut bench, _) = after_a_clean_session(version, receive);
        let event = received(QoS::ExactlyOnce, "b", false);
        bench.input("3406 0001 74 0001 62").sent("50020001").events(&[event]);
    }
}

#[test]
fn messages_of_a_clean_session_that_were_never_sent_still_are() {
    let publish = |bench: &mut Bench| {
        bench.publish(QoS::AtLeastOnce, "a");
        // The connection is lost before it is pulled.
    };
    let (_, told) = after_a_clean_session(Version::V3_1_1, publish);
    told.sent("3206 0001 74 0001 61");
}

#[test]
fn a_refused_or_failed_connection_loses_nothing() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    bench.lose();
    for end in ["20020003", ""] {
        bench.connect(&Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "c") });
        bench.input(end);
        bench.lose();
    }
    bench.reconnect(true).sent("3a06 0001 74 0001 61").events(&[connected(true)]);
    bench.input("40020001").events(&[published(handle, Acknowledged)]);
}

#[test]
fn a_3_1_session_is_taken_as_found() {
    let mut bench = Bench::new(ClientConfig::default());
    let connect = Connect { clean_start: false, ..Connect::new(Version::V3_1, "c") };
    bench.connect(&connect);
    bench.input(CONNACK);
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain().sent("3406 0001 74 0001 61");
    bench.lose();
    bench.connect(&connect);
    bench.input(CONNACK).sent("3c06 0001 74 0001 61").events(&[connected(true)]);
}

#[test]
fn a_resume_over_many_connections_completes_once() {
    let mut bench = Bench::connected();
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    for _ in 0..5 {
        bench.lose();
        bench.reconnect(true).sent("3c06 0001 74 0001 61").events(&[connected(true)]);
    }
    bench.input("50020001").sent("62020001");
    for _ in 0..5 {
        bench.lose();
        bench.reconnect(true).sent("62020001").events(&[connected(true)]);
    }
    bench.input("70020001").events(&[published(handle, Acknowledged)]);
    bench.lose();
    bench.reconnect(true).sent("").events(&[connected(true)]);
}

#[test]
fn the_window_holds_for_what_comes_after_resends() {
    let mut bench = Bench::connected_with(window(2));
    for payload in ["a", "b", "c"] {
        bench.publish(QoS::AtLeastOnce, payload);
    }
    bench.drain().sent("3206 0001 74 0001 61 3206 0001 74 0002 62");
    bench.lose();
    bench.reconnect(true).sent("3a06 0001 74 0001 61 3a06 0001 74 0002 62");
    bench.input("40020001").sent("3206 0001 74 0003 63");
}
