//! What outlives a connection, and what is sent again.

use mqtt_sansio::{
    Client, ClientConfig, Connect, Disconnect, Properties, Property, PublishOutcome, QoS,
    ReasonCode, RequestOutcome,
};

use super::{CONNACK, EXPIRY, PRESENT, connected, connected_by, message_with, reconnect, v5};
use crate::bench::{
    Bench, connected as is_connected, lost_connection, ms, published, subscribed_as,
};

#[test]
fn mqtt_3_1_2_4_a_clean_start_drops_the_session() {
    let mut bench = connected();
    let handle = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain().sent("3407 0001 74 0001 00 61");
    bench.lose().events(&[lost_connection()]);
    bench.connect(&Connect { clean_start: true, ..v5(&[EXPIRY]) });
    let lost = published(handle, PublishOutcome::Lost);
    bench.input(CONNACK).sent("").events(&[is_connected(false), lost]);
}

#[test]
fn mqtt_3_1_2_23_a_session_with_an_expiry_interval_is_kept() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.input("3407 0001 74 0005 00 62").sent("50020005 3207 0001 74 0001 00 61");
    reconnect(&mut bench, PRESENT).sent("3a07 0001 74 0001 00 61").events(&[is_connected(true)]);
    // What was received is remembered too.
    bench.input("3c07 0001 74 0005 00 62").sent("50020005").events(&[]);
}

#[test]
fn a_session_without_an_expiry_interval_ends_with_its_connection() {
    // Also where the server shortens it to 0.
    for (properties, connack) in [(&[][..], CONNACK), (&[EXPIRY][..], "2008 00 00 05 11 00000000")]
    {
        let (mut bench, _) = connected_by(ClientConfig::default(), properties, connack);
        let handle = bench.publish(QoS::AtLeastOnce, "a");
        bench.drain();
        let lost = published(handle, PublishOutcome::Lost);
        bench.lose().events(&[lost, lost_connection()]);
        bench.connect(&v5(&[]));
        bench.input(CONNACK).sent("").events(&[is_connected(false)]);
    }
}

#[test]
fn a_session_that_the_server_prolongs_is_kept() {
    let (mut bench, output) =
        connected_by(ClientConfig::default(), &[], "2008 00 00 05 11 00000007");
    assert_eq!(output.terms().session_expiry_interval, 7);
    bench.publish(QoS::AtLeastOnce, "a");
    bench.drain();
    reconnect(&mut bench, PRESENT).sent("3a07 0001 74 0001 00 61");
}

#[test]
fn disconnect_may_end_the_session_or_change_its_expiry() {
    for (seconds, lost) in [(0_u32, true), (9, false)] {
        let mut bench = connected();
        let handle = bench.publish(QoS::AtLeastOnce, "a");
        bench.drain();
        let expiry = [Property::SessionExpiryInterval(seconds)];
        let disconnect = Disconnect { properties: Properties::new(&expiry), ..Disconnect::NORMAL };
        bench.client.disconnect_with(ms(1000), &disconnect).unwrap();
        let output = bench.drain();
        output.sent(&format!("e007 00 05 11 {seconds:08x}")).closes(true);
        let ended = published(handle, PublishOutcome::Lost);
        assert_eq!(output.events.contains(&ended), lost, "{:?}", output.events);
    }
}

#[test]
fn mqtt_3_2_2_5_without_a_session_at_the_server_the_own_is_discarded() {
    let mut bench = connected();
    let a = bench.publish(QoS::ExactlyOnce, "a");
    bench.input("3407 0001 74 0005 00 62");
    let lost = published(a, PublishOutcome::Lost);
    reconnect(&mut bench, CONNACK).sent("").events(&[is_connected(false), lost]);
    // Identifier 5 means a new message.
    assert_eq!(super::messages(bench.input("3407 0001 74 0005 00 63")).len(), 1);
}

#[test]
fn mqtt_4_1_0_1_the_session_is_kept_while_connected() {
    let (mut bench, _) = connected_by(ClientConfig::default(), &[], CONNACK);
    let a = bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.timeout(1_000_000_000).nothing();
    bench.input("50020001").sent("62020001");
    bench.input("70020001").events(&[published(a, PublishOutcome::Acknowledged)]);
}

#[test]
fn mqtt_3_3_1_1_what_is_sent_again_has_dup() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain().sent("3207 0001 74 0001 00 61 3407 0001 74 0002 00 62");
    reconnect(&mut bench, PRESENT).sent("3a07 0001 74 0001 00 61 3c07 0001 74 0002 00 62");
}

#[test]
fn mqtt_4_4_0_1_publish_and_pubrel_are_sent_again_on_a_new_connection_only() {
    let mut bench = connected();
    bench.publish(QoS::AtLeastOnce, "a");
    bench.publish(QoS::ExactlyOnce, "b");
    bench.drain();
    bench.input("50020002").sent("62020002");
    bench.timeout(500_000).nothing();
    reconnect(&mut bench, PRESENT).sent("3a07 0001 74 0001 00 61 62020002");
    bench.timeout(900_000).nothing();
}

#[test]
fn mqtt_4_4_0_2_puback_and_pubrec_with_an_error_end_the_exchange() {
    let mut bench = connected();
    let (a, b) = (bench.publish(QoS::AtLeastOnce, "a"), bench.publish(QoS::ExactlyOnce, "b"));
    bench.drain();
    let refused = PublishOutcome::Refused(ReasonCode::QuotaExceeded);
    bench.input("4003 0001 97").sent("").events(&[published(a, refused)]);
    bench.input("5003 0002 97").sent("").events(&[published(b, refused)]);
    reconnect(&mut bench, PRESENT).sent("");
}

#[test]
fn mqtt_4_6_0_1_publishes_are_sent_again_in_their_order() {
    let mut bench = connected();
    for payload in ["a", "b", "c"] {
        bench.publish(QoS::AtLeastOnce, payload);
    }
    bench.drain();
    bench.input("40020002");
    reconnect(&mut bench, PRESENT).sent("3a07 0001 74 0001 00 61 3a07 0001 74 0003 00 63");
}

#[test]
fn mqtt_4_3_3_6_a_publish_is_not_sent_again_after_pubrel() {
    let mut bench = connected();
    bench.publish(QoS::ExactlyOnce, "a");
    bench.drain();
    bench.input("50020001").sent("62020001");
    reconnect(&mut bench, PRESENT).sent("62020001");
}

#[test]
fn requests_end_with_their_connection() {
    let mut bench = connected();
    let handle = bench.subscribe(&[("s", QoS::AtMostOnce)]);
    bench.drain().sent("8207 0001 00 0001 73 00");
    let lost = subscribed_as(handle, RequestOutcome::Lost);
    bench.lose().events(&[lost, lost_connection()]);
}

#[test]
fn what_the_server_does_not_accept_any_more_is_not_sent_again() {
    let mut bench = connected();
    let mut message = message_with("t", QoS::ExactlyOnce, &[]);
    message.retain = true;
    let a = bench.hand_over(message);
    bench.publish(QoS::AtLeastOnce, "b");
    bench.drain();
    // Retain Available 0.
    let not_sent = mqtt_sansio::NotSent::NotAccepted(ReasonCode::RetainNotSupported);
    reconnect(&mut bench, "2005 01 00 02 25 00")
        .sent("3a07 0001 74 0002 00 62")
        .after_connected(&[published(a, PublishOutcome::NotSent(not_sent))]);
}

#[test]
fn the_session_of_a_process_keeps_properties_and_that_it_exists() {
    let mut bench = connected();
    let properties = [Property::ContentType("c"), Property::MessageExpiryInterval(100)];
    bench.hand_over(message_with("t", QoS::AtLeastOnce, &properties));
    bench.drain().sent("3210 0001 74 0001 09 03 0001 63 02 00000064 61");
    bench.lose();
    bench.hand_over(message_with("t", QoS::AtMostOnce, &properties));
    // Half a minute later the process ends.
    bench.timeout(31_000);
    let session = bench.client.session();
    let client = Client::resume(ClientConfig::default(), session.clone());
    assert_eq!(client.session(), session);
    // In the next one time begins anew: what was left of it is still left.
    let mut bench = Bench { client, now: 5 };
    bench.connect(&v5(&[EXPIRY]));
    bench.input(PRESENT).sent(
        "3a10 0001 74 0001 09 03 0001 63 02 00000064 61  300e 0001 74 09 03 0001 63 02 00000046 61",
    );
}
