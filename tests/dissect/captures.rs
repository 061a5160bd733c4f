//! Captured connections: TCP segments in and out of order, missing, repeated; sides and streams.

use mqtt_sansio::Sender;

use crate::run::{Outcome, dissect_capture};
use crate::wire::{
    ACK, FIN, Order, RST, SYN, Segment, client, pcap_frame, pcap_header, pcap_of, server,
};

const CONNECT: &str = "100d 0004 4d515454 04 02 003c 0001 63";
const CONNECT_V5: &str = "100e 0004 4d515454 05 02 003c 00 0001 63";
const HELLO: &str = "3008 0001 61 68656c6c6f";

/// What comes of a capture of these segments, one a second from 0 on; in words, or in JSON.
fn dissect(name: &str, segments: &[Segment], arguments: &[&str]) -> Outcome {
    dissect_capture(&format!("{name}.pcap"), &pcap_of(segments), arguments)
}

/// Where and when a packet was found, in JSON.
fn found(stream: u32, sender: Sender, time: u32, packet: &str) -> String {
    let sender = if sender == Sender::Client { "client" } else { "server" };
    format!(r#"{{"stream":{stream},"from":"{sender}","time":{time},{packet}}}"#)
}

fn ping(stream: u32, time: u32) -> String {
    found(stream, Sender::Client, time, r#""packet":"PINGREQ""#)
}

fn hello(stream: u32, time: u32) -> String {
    let packet = r#""packet":"PUBLISH","dup":false,"qos":0,"retain":false,"topic":"a","packet_id":null,"payload":"68656c6c6f""#;
    found(stream, Sender::Client, time, packet)
}

fn gap(stream: u32, sender: Sender, time: u32, missing: u32, offset: u32) -> String {
    let sentence =
        format!("gap in the captured TCP stream (bytes missing: {missing}), the rest is left out");
    found(stream, sender, time, &format!(r#""error":"{sentence}","offset":{offset}"#))
}

#[test]
fn the_server_speaks_the_version_of_the_client() {
    let segments = [
        client(0, "").flags(SYN),
        server(0, "").flags(SYN | ACK),
        client(1, CONNECT_V5),
        server(1, "2003 0000 00"),
        server(6, "3006 0001 61 00 6869"),
        client(17, "e000").flags(ACK | FIN),
    ];
    dissect("version", &segments, &["--json", "--reencode"]).assert_prints(&[
        r#"{"stream":0,"from":"client","time":2,"packet":"CONNECT","protocol_version":"5.0","clean_start":true,"keep_alive":60,"client_id":"c","will":null,"username":null,"password_len":null,"properties":[],"reencoded":true}"#,
        r#"{"stream":0,"from":"server","time":3,"packet":"CONNACK","session_present":false,"reason_code":0,"properties":[],"reencoded":true}"#,
        r#"{"stream":0,"from":"server","time":4,"packet":"PUBLISH","dup":false,"qos":0,"retain":false,"topic":"a","packet_id":null,"payload":"6869","properties":[],"reencoded":true}"#,
        r#"{"stream":0,"from":"client","time":5,"packet":"DISCONNECT","reason_code":0,"properties":[],"reencoded":true}"#,
    ]);
    dissect("version-words", &segments, &[]).assert_prints(&[
        "CONNECT (v5.0, c1, k60, 'c')",
        "CONNACK (s0, Success)",
        "PUBLISH (d0, q0, r0, m0, 'a', 2 bytes)",
        "DISCONNECT",
    ]);
}

#[test]
fn a_refused_connect_still_says_the_version_of_the_answer() {
    // Reserved flag in CONNECT; the server says in 5.0 what is wrong.
    let segments =
        [client(1, "100e 0004 4d515454 05 03 003c 00 0001 63"), server(1, "2003 0081 00")];
    dissect("refused", &segments, &[]).assert(
        &["CONNACK (s0, Malformed Packet)"],
        &["dissect: stream 0 from client, offset 9: CONNECT, byte 9: \
           the reserved bit 0 of the connect flags must be 0"],
        1,
    );
}

#[test]
fn a_packet_is_complete_with_its_last_segment() {
    let segments = [client(1, "3008 0001 61"), client(6, "68656c"), client(9, "6c6f c000")];
    dissect("split", &segments, &["--json"]).assert_prints(&[&hello(0, 2), &ping(0, 2)]);
}

#[test]
fn segments_are_put_in_order() {
    let segments = [
        client(0, "").flags(SYN),
        client(11, "c000"),
        client(6, "68656c6c6f"),
        server(1, "d000"),
        client(1, "3008 0001 61"),
        client(13, "c000"),
    ];
    dissect("order", &segments, &["--json"]).assert_prints(&[
        &found(0, Sender::Server, 3, r#""packet":"PINGRESP""#),
        &hello(0, 4),
        &ping(0, 4),
        &ping(0, 5),
    ]);
}

#[test]
fn without_a_syn_the_lowest_sequence_number_is_the_first() {
    let segments = [client(6, "68656c6c6f"), client(1, "3008 0001 61")];
    dissect("first", &segments, &["--json"]).assert_prints(&[&hello(0, 1)]);
}

#[test]
fn retransmitted_bytes_count_once() {
    let segments = [
        client(0, "").flags(SYN),
        client(1, "3008 0001 61"),
        client(1, "3008 0001 61"),
        client(1, "3008 0001 61 6865"),
        client(3, "0001 61 6865 6c6c"),
        // Ahead of the rest, in two lengths; then one that closes the gap and reaches over both.
        client(11, "c0"),
        client(11, "c000"),
        client(8, "6c6c6f c0"),
        client(1, "3008"),
        // Keeps the connection alive.
        client(12, "ff"),
        client(13, "c000"),
    ];
    dissect("again", &segments, &["--json"]).assert_prints(&[
        &hello(0, 7),
        &ping(0, 7),
        &ping(0, 10),
    ]);
}

#[test]
fn sequence_numbers_wrap_around() {
    let segments = [
        client(u32::MAX - 3, "").flags(SYN),
        client(u32::MAX - 2, "3008 00"),
        client(5, "6c6f"),
        client(0, "01 61 68656c"),
        client(u32::MAX - 2, "3008 00 01"),
        client(7, "c000"),
    ];
    dissect("wrap", &segments, &["--json"]).assert_prints(&[&hello(0, 3), &ping(0, 5)]);
}

#[test]
fn a_gap_ends_its_side_of_the_stream() {
    let segments = [
        client(0, "").flags(SYN),
        client(1, "c000"),
        client(3, "3008 0001"),
        client(9, "c000"),
        server(1, "d000"),
        client(12, "c000"),
    ];
    dissect("gap", &segments, &["--json"]).assert(
        &[
            &ping(0, 1),
            &gap(0, Sender::Client, 3, 2, 6),
            &found(0, Sender::Server, 4, r#""packet":"PINGRESP""#),
        ],
        &[],
        1,
    );
    dissect("gap-words", &segments, &[]).assert(
        &["PINGREQ", "PINGRESP"],
        &["dissect: stream 0 from client, offset 6: \
           gap in the captured TCP stream (bytes missing: 2), the rest is left out"],
        1,
    );
}

#[test]
fn a_gap_may_be_at_the_start_or_at_the_end() {
    let start = [server(0, "").flags(SYN | ACK), server(3, "d000")];
    dissect("gap-start", &start, &["--json"]).assert(&[&gap(0, Sender::Server, 1, 2, 0)], &[], 1);
    let end = [client(1, "c000"), client(5, "").flags(ACK | FIN)];
    dissect("gap-end", &end, &["--json"]).assert(
        &[&ping(0, 0), &gap(0, Sender::Client, 1, 2, 2)],
        &[],
        1,
    );
    let nothing_but_its_end = [
        client(0, "").flags(SYN),
        client(1, "c000"),
        server(7, "").flags(SYN | ACK),
        server(10, "").flags(ACK | FIN),
    ];
    dissect("gap-only", &nothing_but_its_end, &["--json"]).assert(
        &[&ping(0, 1), &gap(0, Sender::Server, 3, 2, 0)],
        &[],
        1,
    );
}

#[test]
fn an_error_before_a_gap_is_the_one_that_counts() {
    let segments = [client(1, "0000"), client(9, "c000")];
    dissect("error-gap", &segments, &[]).assert(
        &[],
        &["dissect: stream 0 from client, offset 0: byte 0: \
           packet types 0 and, before MQTT 5.0, 15 are reserved"],
        1,
    );
}

#[test]
fn bytes_that_the_capture_cut_off_are_a_gap() {
    for ip in [Segment::ipv4, Segment::ipv6] {
        let frames = [ip(&client(1, "c000")), ip(&client(3, HELLO))];
        let mut file = pcap_header(Order::Little, 0xA1B2_C3D4, 101);
        for (second, frame) in frames.iter().enumerate() {
            let captured = frame.len() - 4 * second;
            file.extend(pcap_frame(Order::Little, [second as u32, 0], captured, frame));
        }
        dissect_capture("cut.pcap", &file, &["--json"]).assert(
            &[&ping(0, 0), &gap(0, Sender::Client, 1, 4, 8)],
            &[],
            1,
        );
        // Sent again, and captured whole this time.
        let again = ip(&client(3, HELLO));
        file.extend(pcap_frame(Order::Little, [2, 0], again.len(), &again));
        dissect_capture("cut.pcap", &file, &["--json"]).assert_prints(&[&ping(0, 0), &hello(0, 2)]);
    }
}

#[test]
fn an_unfinished_packet_at_the_end_of_a_capture_is_said() {
    dissect("unfinished", &[client(1, "c000 3008"), client(5, "00")], &["--json"]).assert(
        &[&ping(0, 0), &found(0, Sender::Client, 1, r#""incomplete":7"#)],
        &[],
        1,
    );
}

#[test]
fn connections_are_streams_in_the_order_of_their_first_frames() {
    let segments = [
        // Refused, and so no stream.
        client(0, "").ports(39999, 1883).flags(SYN),
        server(0, "").ports(39999, 1883).flags(RST | ACK),
        client(0, "").ports(40001, 1883).flags(SYN),
        client(0, "").ports(40002, 1883).flags(SYN),
        client(1, "c000").ports(40002, 1883),
        client(1, "c000").ports(40001, 1883),
        client(3, "c000").ports(40002, 1883),
    ];
    dissect("streams", &segments, &["--json"]).assert_prints(&[
        &ping(1, 4),
        &ping(0, 5),
        &ping(1, 6),
    ]);
}

#[test]
fn a_new_syn_is_a_new_connection() {
    let segments = [
        client(0, "").flags(SYN),
        client(0, "").flags(SYN),
        server(0, "").flags(SYN | ACK),
        client(1, CONNECT_V5),
        server(1, "2003 0000 00"),
        client(0x8000_0000, "").flags(SYN),
        server(77, "").flags(SYN | ACK),
        client(0x8000_0001, CONNECT),
        server(78, "2002 0000"),
    ];
    dissect("again-connected", &segments, &[]).assert_prints(&[
        "CONNECT (v5.0, c1, k60, 'c')",
        "CONNACK (s0, Success)",
        "CONNECT (v3.1.1, c1, k60, 'c')",
        "CONNACK (s0, Success)",
    ]);
    let streams = dissect("again-connected", &segments, &["--json", "--from", "server"]);
    streams.assert_prints(&[
        r#"{"stream":0,"from":"server","time":4,"packet":"CONNACK","session_present":false,"reason_code":0,"properties":[]}"#,
        r#"{"stream":1,"from":"server","time":8,"packet":"CONNACK","session_present":false,"reason_code":0}"#,
    ]);
    // The capture began within the older connection.
    let older = [server(500, "d000"), client(0, "").flags(SYN), client(1, "c000")];
    dissect("older", &older, &["--json"])
        .assert_prints(&[&found(0, Sender::Server, 0, r#""packet":"PINGRESP""#), &ping(1, 2)]);
    // A SYN that was captured late.
    let late = [client(1, "c000"), client(0, "").flags(SYN), client(3, "c000")];
    dissect("late", &late, &["--json"]).assert_prints(&[&ping(0, 0), &ping(0, 2)]);
}

#[test]
fn the_side_with_the_port_is_the_server() {
    let segments = [
        client(1, "c000"),
        client(1, "c000").ports(40000, 8883),
        client(1, "c000").ports(1883, 8883),
        server(1, "d000").ports(1883, 8883),
    ];
    let (request, response) = (r#""packet":"PINGREQ""#, r#""packet":"PINGRESP""#);
    let (client, server) = (Sender::Client, Sender::Server);
    dissect("port", &segments, &["--json"]).assert_prints(&[
        &ping(0, 0),
        &found(1, server, 2, request),
        &found(1, client, 3, response),
    ]);
    dissect("port", &segments, &["--json", "--port", "8883"]).assert_prints(&[
        &ping(0, 1),
        &ping(1, 2),
        &found(1, server, 3, response),
    ]);
    dissect("port", &segments, &["--json", "--port", "8883", "--port", "1883"]).assert_prints(&[
        &ping(0, 0),
        &ping(1, 1),
        &ping(2, 2),
        &found(2, server, 3, response),
    ]);
    dissect("port", &segments, &["--json", "--port", "1"]).assert_prints(&[]);
}

#[test]
fn from_shows_and_checks_one_side_of_a_capture() {
    let segments = [client(1, "c000"), server(1, "d000"), client(3, "d000"), server(3, "c000")];
    dissect("from", &segments, &[]).assert_prints(&["PINGREQ", "PINGRESP", "PINGRESP", "PINGREQ"]);
    dissect("from-client", &segments, &["--from", "client"]).assert(
        &["PINGREQ"],
        &["dissect: stream 0 from client, offset 2: PINGRESP, byte 0: \
           this side must not send this packet, reason code or property"],
        1,
    );
}

#[test]
fn a_capture_without_connect_is_read_in_the_version_asked_for() {
    let segments = [server(1, "3006 0001 61 00 6869")];
    dissect("no-connect", &segments, &[])
        .assert_prints(&["PUBLISH (d0, q0, r0, m0, 'a', 3 bytes)"]);
    dissect("no-connect-v5", &segments, &["--version", "5.0"])
        .assert_prints(&["PUBLISH (d0, q0, r0, m0, 'a', 2 bytes)"]);
}

#[test]
fn what_a_reset_carries_is_not_part_of_the_stream() {
    let segments = [client(1, "c000"), client(3, "6279 65").flags(RST), server(1, "d000")];
    dissect("reset", &segments, &[]).assert_prints(&["PINGREQ", "PINGRESP"]);
}
