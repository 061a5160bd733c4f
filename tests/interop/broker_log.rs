//! What the example broker says with `-v`, beside what mosquitto says of the same exchange.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::broker::Broker;
use super::mosquitto_programs::Target;
use super::mosquitto_server::{PATIENCE, Server};

/// A connection on which nothing is left to chance.
struct Dialogue(TcpStream);

impl Dialogue {
    fn open(target: &impl Target, connect: &[u8], connack: &[u8]) -> Dialogue {
        let stream = TcpStream::connect(target.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut dialogue = Dialogue(stream);
        dialogue.exchange(connect, connack);
        dialogue
    }

    /// Sends these bytes, and reads what is expected.
    fn exchange(&mut self, sent: &[u8], expected: &[u8]) {
        self.0.write_all(sent).unwrap();
        let mut received = vec![0; expected.len()];
        let read = self.0.read_exact(&mut received);
        assert!(
            read.is_ok() && received == expected,
            "{sent:02x?} led to {read:?} {received:02x?}, not {expected:02x?}"
        );
    }

    /// The server closes, after these bytes.
    fn end(mut self, sent: &[u8]) {
        self.0.write_all(sent).unwrap();
        let mut rest = Vec::new();
        assert_eq!(self.0.read_to_end(&mut rest).unwrap(), 0, "after {sent:02x?}: {rest:02x?}");
    }
}

const DISCONNECT: &[u8] = b"\xe0\x00";
const ACCEPTED: &[u8] = b"\x20\x02\x00\x00";
/// With a session that there was.
const RESUMED: &[u8] = b"\x20\x02\x01\x00";

/// What a client of 3.1 says that leaves a session behind.
fn leave_a_session(target: &impl Target) {
    let connect = b"\x10\x0f\x00\x06MQIsdp\x03\x00\x00\x1e\x00\x01s";
    let mut client = Dialogue::open(target, connect, ACCEPTED);
    client.exchange(b"\x82\x0c\x00\x01\x00\x03t/#\x02\x00\x01u\x01", b"\x90\x04\x00\x01\x02\x01");
    client.exchange(b"\xa2\x05\x00\x02\x00\x01u", b"\xb0\x02\x00\x02");
    client.exchange(b"\x34\x05\x00\x01v\x00\x03", b"\x50\x02\x00\x03");
    // The same again, with DUP.
    client.exchange(b"\x3c\x05\x00\x01v\x00\x03", b"\x50\x02\x00\x03");
    client.exchange(b"\x62\x02\x00\x03", b"\x70\x02\x00\x03");
    client.exchange(b"\xc0\x00", b"\xd0\x00");
    client.end(DISCONNECT);
}

/// Publishes at each QoS, with a user name and a will.
fn publish(target: &impl Target) {
    let connect =
        b"\x10\x22\x00\x04MQTT\x04\xee\x00\x3c\x00\x01p\x00\x01w\x00\x04gone\x00\x02me\x00\x06secret";
    let mut client = Dialogue::open(target, connect, ACCEPTED);
    client.exchange(b"\x31\x08\x00\x01nhello\xc0\x00", b"\xd0\x00");
    client.exchange(b"\x33\x0c\x00\x03t/a\x00\x01hello", b"\x40\x02\x00\x01");
    client.exchange(b"\x34\x0c\x00\x03t/b\x00\x02hello", b"\x50\x02\x00\x02");
    client.exchange(b"\x62\x02\x00\x02", b"\x70\x02\x00\x02");
    client.end(DISCONNECT);
}

/// Goes on with the session, as 3.1.1: what was queued comes, and what is retained.
fn resume(target: &impl Target) {
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x1e\x00\x01s";
    let mut client = Dialogue::open(target, connect, RESUMED);
    client.exchange(b"", b"\x32\x0c\x00\x03t/a\x00\x01hello");
    client.exchange(b"", b"\x34\x0c\x00\x03t/b\x00\x02hello");
    client.exchange(b"\x40\x02\x00\x01", b"");
    client.exchange(b"\x50\x02\x00\x02", b"\x62\x02\x00\x02");
    client.exchange(b"\x70\x02\x00\x02\xc0\x00", b"\xd0\x00");
    client
        .exchange(b"\x82\x06\x00\x07\x00\x01n\x02", b"\x90\x03\x00\x07\x02\x31\x08\x00\x01nhello");
    client.end(DISCONNECT);
}

/// An exchange of one client at a time, up to the first line that the last one leaves.
fn play(target: &impl Target, mut log: impl FnMut() -> String) -> Vec<String> {
    let before = log().lines().count();
    let mut wait_for = |text: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = log();
            let mut lines: Vec<_> = log.lines().skip(before).map(normalised).collect();
            if let Some(index) = lines.iter().position(|line| line == text) {
                lines.truncate(index + 1);
                return lines;
            }
            assert!(Instant::now() < deadline, "no {text:?} in {log}");
            thread::sleep(Duration::from_millis(5));
        }
    };
    leave_a_session(target);
    publish(target);
    resume(target);

    let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04same";
    let first = Dialogue::open(target, connect, ACCEPTED);
    let second = Dialogue::open(target, connect, ACCEPTED);
    first.end(b"");
    drop(second);
    wait_for("Client same closed its connection.");

    // Answers to nothing.
    let mut last =
        Dialogue::open(target, b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04last", ACCEPTED);
    last.exchange(b"\x40\x02\x00\x09\x62\x02\x00\x09", b"\x70\x02\x00\x09");
    last.end(DISCONNECT);
    wait_for("Client last disconnected.")
}

/// Without time and port.
fn normalised(line: &str) -> String {
    let line = line.trim_start_matches(|character: char| character.is_ascii_digit());
    let line = line.strip_prefix(": ").unwrap_or(line);
    let mut words: Vec<&str> = line.split(' ').collect();
    for index in 1..words.len() {
        if words[index].starts_with("127.0.0.1:") {
            words[index] = "PEER";
        } else if words[index - 1] == "port" {
            words[index] = "PORT.";
        }
    }
    words.join(" ")
}

#[test]
#[ignore = "needs mosquitto"]
fn connections_and_packets_are_shown_as_by_mosquitto() {
    let mosquitto = Server::start();
    // The harness has tried whether it is there.
    let deadline = Instant::now() + PATIENCE;
    while !mosquitto.log().contains("Client <unknown> closed its connection.") {
        assert!(Instant::now() < deadline, "{}", mosquitto.log());
        thread::sleep(Duration::from_millis(5));
    }
    let theirs = play(&mosquitto, || mosquitto.log());

    let mut broker = Broker::with("-v");
    let listener = broker.listener(0);
    let ours = play(&listener, || broker.process.said().join("\n"));
    for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours, theirs, "line {number}");
    }
    assert_eq!(ours.len(), theirs.len(), "{ours:#?}");
}
