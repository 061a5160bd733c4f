//! Messages from the server, acknowledged by the application.

use mqtt_sansio::{Client, ClientConfig, QoS};

use crate::bench::{Bench, connected, manual, payloads, received};

#[test]
fn nothing_is_acknowledged_before_the_application_says_so() {
    let mut bench = Bench::connected_with(manual());
    let output = bench.input("3206 0001 74 0001 61 3406 0001 74 0002 62 3004 0001 74 63");
    output.sent("");
    assert_eq!(payloads(&output), [b"a", b"b", b"c"]);
    let tokens = output.tokens();
    assert_eq!(tokens.len(), 2, "QoS 0 has none");
    let sent = tokens.into_iter().map(|token| bench.acknowledge(token).sent);
    assert_eq!(sent.collect::<Vec<_>>(), [b"\x40\x02\x00\x01", b"\x50\x02\x00\x02"]);
}

#[test]
fn pubacks_go_out_in_the_order_the_messages_came() {
    let mut bench = Bench::connected_with(manual());
    let output = bench.input("3206 0001 74 0001 61 3206 0001 74 0002 62 3206 0001 74 0003 63");
    let mut tokens = output.tokens();
    bench.acknowledge(tokens.remove(2)).sent("");
    bench.acknowledge(tokens.remove(1)).sent("");
    bench.acknowledge(tokens.remove(0)).sent("40020001 40020002 40020003");
}

#[test]
fn pubrecs_go_out_in_the_order_the_messages_came() {
    let mut bench = Bench::connected_with(manual());
    let output = bench.input("3406 0001 74 0009 61 3406 0001 74 0002 62 3406 0001 74 0005 63");
    let mut tokens = output.tokens();
    bench.acknowledge(tokens.remove(1)).sent("");
    bench.acknowledge(tokens.remove(0)).sent("50020009 50020002");
    bench.acknowledge(tokens.remove(0)).sent("50020005");
}

#[test]
fn pubacks_and_pubrecs_do_not_wait_for_each_other() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3206 0001 74 0001 61 3406 0001 74 0002 62").tokens();
    bench.acknowledge(tokens.remove(1)).sent("50020002");
    bench.acknowledge(tokens.remove(0)).sent("40020001");
}

#[test]
fn a_qos_2_duplicate_that_waits_for_the_application_is_not_delivered_or_answered() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61").tokens();
    bench.input("3c06 0001 74 0001 61").nothing();
    bench.acknowledge(tokens.remove(0)).sent("50020001");
    bench.input("3c06 0001 74 0001 61").sent("50020001").events(&[]);
}

#[test]
fn a_pubrec_that_waits_for_its_turn_is_not_sent_early_for_a_duplicate() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61 3406 0001 74 0002 62").tokens();
    bench.acknowledge(tokens.remove(1)).sent("");
    // [MQTT-4.6.0-3]: 1 came first.
    bench.input("3c06 0001 74 0002 62").sent("").events(&[]);
    bench.acknowledge(tokens.remove(0)).sent("50020001 50020002");
}

#[test]
fn a_pubrel_in_between_lets_out_the_pubrecs_that_waited_for_it() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61 3406 0001 74 0002 62").tokens();
    bench.acknowledge(tokens.remove(1)).sent("");
    // A server that ends the first exchange without its PUBREC.
    bench.input("62020001").sent("70020001 50020002");
}

#[test]
fn a_qos_1_token_of_an_earlier_connection_does_nothing() {
    let mut bench = Bench::connected_with(manual());
    let mut old = bench.input("3206 0001 74 0001 61").tokens();
    bench.lose();
    bench.reconnect(true).sent("");
    // The server sends it again: it is delivered again, with a token of its own.
    let output = bench.input("3a06 0001 74 0001 61");
    assert_eq!(payloads(&output), [b"a"]);
    let mut new = output.tokens();
    bench.acknowledge(old.remove(0)).nothing();
    bench.acknowledge(new.remove(0)).sent("40020001");
}

#[test]
fn a_qos_1_token_between_connections_does_nothing() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3206 0001 74 0001 61").tokens();
    bench.lose();
    bench.acknowledge(tokens.remove(0)).nothing();
    bench.reconnect(true).sent("").events(&[connected(true)]);
    assert_eq!(payloads(&bench.input("3a06 0001 74 0001 61")), [b"a"]);
}

#[test]
fn a_qos_2_token_outlives_its_connection() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61").tokens();
    bench.lose();
    bench.reconnect(true).sent("");
    bench.input("3c06 0001 74 0001 61").nothing();
    bench.acknowledge(tokens.remove(0)).sent("50020001");
    bench.input("62020001").sent("70020001");
}

#[test]
fn a_qos_2_message_acknowledged_between_connections_is_answered_when_it_comes_again() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61").tokens();
    bench.lose();
    bench.acknowledge(tokens.remove(0)).nothing();
    bench.reconnect(true).sent("");
    bench.input("3c06 0001 74 0001 61").sent("50020001").events(&[]);
}

#[test]
fn a_pubrec_for_what_was_acknowledged_between_connections_waits_for_its_turn() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61 3406 0001 74 0002 62").tokens();
    bench.lose();
    bench.acknowledge(tokens.remove(1)).nothing();
    bench.reconnect(true).sent("");
    // Both come again, 1 first: so 1 is answered first. [MQTT-4.6.0-3]
    bench.input("3c06 0001 74 0001 61 3c06 0001 74 0002 62").sent("").events(&[]);
    bench.acknowledge(tokens.remove(0)).sent("50020001 50020002");
}

#[test]
fn a_qos_2_token_of_a_lost_session_does_nothing() {
    let mut bench = Bench::connected_with(manual());
    let mut old = bench.input("3406 0001 74 0001 61").tokens();
    bench.lose();
    bench.reconnect(false).sent("");
    let mut new = bench.input("3406 0001 74 0001 62").tokens();
    bench.acknowledge(old.remove(0)).nothing();
    bench.acknowledge(new.remove(0)).sent("50020001");
}

#[test]
fn a_qos_2_token_still_counts_in_a_client_resumed_from_the_session() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3406 0001 74 0001 61").tokens();
    let mut bench = Bench { client: Client::resume(manual(), bench.client.session()), now: 0 };
    bench.reconnect(true).sent("");
    let again = bench.input("3c06 0001 74 0001 61");
    again.sent("");
    // Either the old token or, where the message is delivered again, the new one ends the exchange.
    tokens.extend(again.tokens());
    let sent: Vec<u8> = tokens.drain(..).flat_map(|token| bench.acknowledge(token).sent).collect();
    assert_eq!(sent, b"\x50\x02\x00\x01");
}

#[test]
fn a_qos_1_token_of_a_former_client_does_nothing() {
    let mut bench = Bench::connected_with(manual());
    let mut old = bench.input("3206 0001 74 0001 61").tokens();
    // The new client is at its first connection, as the former was.
    let mut bench = Bench { client: Client::resume(manual(), bench.client.session()), now: 0 };
    bench.reconnect(false).sent("");
    let mut new = bench.input("3206 0001 74 0001 62").tokens();
    bench.acknowledge(old.remove(0)).nothing();
    bench.acknowledge(new.remove(0)).sent("40020001");
}

#[test]
fn a_qos_1_duplicate_that_waits_for_the_application_is_not_delivered_again() {
    let mut bench = Bench::connected_with(manual());
    let mut tokens = bench.input("3206 0001 74 0001 61").tokens();
    bench.input("3a06 0001 74 0001 61").nothing();
    bench.acknowledge(tokens.remove(0)).sent("40020001");
}

#[test]
fn without_manual_acknowledgement_there_are_no_tokens() {
    let mut bench = Bench::connected_with(ClientConfig::default());
    let output = bench.input("3206 0001 74 0001 61");
    output.events(&[received(QoS::AtLeastOnce, "a", false)]);
}
