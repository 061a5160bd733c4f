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

    /// With 5.0, where CONNACK says more than whether there is a session.
    fn open_v5(target: &impl Target, connect: &[u8], session_present: u8) -> Dialogue {
        let stream = TcpStream::connect(target.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut dialogue = Dialogue(stream);
        dialogue.0.write_all(connect).unwrap();
        let connack = dialogue.packet();
        assert_eq!(
            (connack[0], &connack[2..4]),
            (0x20, &[session_present, 0][..]),
            "{connack:02x?}"
        );
        dialogue
    }

    /// The next packet, which is a short one.
    fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 2];
        self.0.read_exact(&mut packet).unwrap();
        packet.resize(2 + usize::from(packet[1]), 0);
        self.0.read_exact(&mut packet[2..]).unwrap();
        packet
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
    fn end(self, sent: &[u8]) {
        let rest = self.rest(sent);
        assert!(rest.is_empty(), "after {sent:02x?}: {rest:02x?}");
    }

    /// What the server says after these bytes before it closes.
    fn rest(mut self, sent: &[u8]) -> Vec<u8> {
        self.0.write_all(sent).unwrap();
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
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

/// The lines of a log since this was made.
struct Log<F> {
    read: F,
    before: usize,
}

impl<F: FnMut() -> String> Log<F> {
    fn new(mut read: F) -> Log<F> {
        let before = read().lines().count();
        Log { read, before }
    }

    /// Up to this one.
    fn wait_for(&mut self, text: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = (self.read)();
            let mut lines: Vec<_> = log.lines().skip(self.before).map(normalised).collect();
            if let Some(index) = lines.iter().position(|line| line == text) {
                lines.truncate(index + 1);
                return lines;
            }
            assert!(Instant::now() < deadline, "no {text:?} in {log}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// An exchange of one client at a time, up to the first line that the last one leaves.
fn play(target: &impl Target, log: impl FnMut() -> String) -> Vec<String> {
    let mut log = Log::new(log);
    leave_a_session(target);
    publish(target);
    resume(target);

    let connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04same";
    let first = Dialogue::open(target, connect, ACCEPTED);
    let second = Dialogue::open(target, connect, ACCEPTED);
    first.end(b"");
    drop(second);
    log.wait_for("Client same closed its connection.");

    // Answers to nothing.
    let mut last =
        Dialogue::open(target, b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04last", ACCEPTED);
    last.exchange(b"\x40\x02\x00\x09\x62\x02\x00\x09", b"\x70\x02\x00\x09");
    last.end(DISCONNECT);
    log.wait_for("Client last disconnected.")
}

/// What a client of 5.0 says that leaves a session behind.
fn leave_a_session_v5(target: &impl Target) {
    let connect = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x1e\x05\x11\x00\x00\x00\x64\x00\x01s";
    let mut client = Dialogue::open_v5(target, connect, 0);
    client.exchange(
        b"\x82\x18\x00\x01\x02\x0b\x07\x00\x03t/#\x0e\x00\x0a$share/g/u\x01",
        b"\x90\x05\x00\x01\x00\x02\x01",
    );
    client.exchange(
        b"\xa2\x12\x00\x02\x00\x00\x0a$share/g/u\x00\x01x",
        b"\xb0\x05\x00\x02\x00\x00\x11",
    );
    // Nobody subscribes to that.
    client.exchange(b"\x32\x06\x00\x01v\x00\x05\x00", b"\x40\x03\x00\x05\x10");
    client.exchange(b"\xc0\x00", b"\xd0\x00");
    client.end(b"\xe0\x07\x00\x05\x11\x00\x00\x00\x64");
}

/// Publishes at each QoS, with a topic alias and with a will that is published.
fn publish_v5(target: &impl Target) {
    let connect = b"\x10\x2b\x00\x04MQTT\x05\xee\x00\x3c\x03\x22\x00\x05\x00\x01p\x04\x03\x00\x01a\
        \x00\x01w\x00\x04gone\x00\x02me\x00\x06secret";
    let mut client = Dialogue::open_v5(target, connect, 0);
    client.exchange(b"\x31\x0c\x00\x01n\x03\x23\x00\x01hello", b"");
    client.exchange(b"\x31\x0b\x00\x00\x03\x23\x00\x01hello\xc0\x00", b"\xd0\x00");
    client.exchange(b"\x33\x0d\x00\x03t/a\x00\x01\x00hello", b"\x40\x02\x00\x01");
    client.exchange(b"\x34\x0d\x00\x03t/b\x00\x02\x00hello", b"\x50\x02\x00\x02");
    client.exchange(b"\x62\x02\x00\x02", b"\x70\x02\x00\x02");
    client.exchange(b"\x32\x0d\x00\x03t/a\x00\x03\x00again", b"\x40\x02\x00\x03");
    client.end(b"\xe0\x01\x04");
}

/// Goes on with the session, and allows topic aliases, which mosquitto does not use.
fn resume_v5(target: &impl Target) {
    let connect =
        b"\x10\x16\x00\x04MQTT\x05\x00\x00\x1e\x08\x11\x00\x00\x00\x64\x22\x00\x05\x00\x01s";
    let mut client = Dialogue::open_v5(target, connect, 1);
    let first_bytes = [(); 3].map(|()| client.packet()[0]);
    assert_eq!(first_bytes, [0x33, 0x34, 0x32]);
    client.exchange(b"\x40\x02\x00\x01", b"");
    client.exchange(b"\x40\x03\x00\x03\x80", b"");
    client.exchange(b"\x50\x02\x00\x02", b"\x62\x02\x00\x02");
    client.exchange(b"\x70\x02\x00\x02\xc0\x00", b"\xd0\x00");
    client.exchange(b"\x82\x07\x00\x07\x00\x00\x01n\x02", b"\x90\x04\x00\x07\x00\x02");
    assert_eq!(client.packet()[0], 0x31);
    client.end(b"\xe0\x01\x80");
}

/// The same of 5.0, and what ends a connection or a session.
fn play_v5(target: &impl Target, log: impl FnMut() -> String) -> Vec<String> {
    let mut log = Log::new(log);
    leave_a_session_v5(target);
    publish_v5(target);
    resume_v5(target);

    let connect = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04same";
    let first = Dialogue::open_v5(target, connect, 0);
    let second = Dialogue::open_v5(target, connect, 0);
    first.rest(b"");
    drop(second);
    log.wait_for("Client same closed its connection.");

    let connect = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x01\x00\x00\x04slow";
    let slow = Dialogue::open_v5(target, connect, 0);
    slow.rest(b"");
    log.wait_for("Client slow has exceeded timeout, disconnecting.");

    let connect = b"\x10\x15\x00\x04MQTT\x05\x02\x00\x3c\x05\x11\x00\x00\x00\x01\x00\x03exp";
    Dialogue::open_v5(target, connect, 0).end(DISCONNECT);
    log.wait_for("Expiring client exp due to timeout.")
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

/// One that has said all it has to say of the harness trying whether it is there.
fn mosquitto() -> Server {
    let mosquitto = Server::start();
    let deadline = Instant::now() + PATIENCE;
    while !mosquitto.log().contains("Client <unknown> closed its connection.") {
        assert!(Instant::now() < deadline, "{}", mosquitto.log());
        thread::sleep(Duration::from_millis(5));
    }
    mosquitto
}

fn assert_same(ours: &[String], theirs: &[String]) {
    for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(ours, theirs, "line {number}");
    }
    assert_eq!(ours.len(), theirs.len(), "{ours:#?}");
}

#[test]
#[ignore = "needs mosquitto"]
fn connections_and_packets_are_shown_as_by_mosquitto() {
    let mosquitto = mosquitto();
    let theirs = play(&mosquitto, || mosquitto.log());
    let mut broker = Broker::with("-v");
    let listener = broker.listener(0);
    let ours = play(&listener, || broker.process.said().join("\n"));
    assert_same(&ours, &theirs);
}

/// But for a packet that mosquitto does not show, or does not send.
#[test]
#[ignore = "needs mosquitto"]
fn connections_and_packets_of_5_0_are_shown_as_by_mosquitto() {
    let mosquitto = mosquitto();
    let theirs = play_v5(&mosquitto, || mosquitto.log());
    let mut broker = Broker::with("-v");
    let listener = broker.listener(0);
    let ours = play_v5(&listener, || broker.process.said().join("\n"));
    let (farewells, ours): (Vec<_>, Vec<_>) =
        ours.into_iter().partition(|line| line.starts_with("Sending DISCONNECT"));
    assert_same(&ours, &theirs);
    let expected = ["Sending DISCONNECT to same (rc142)", "Sending DISCONNECT to slow (rc141)"];
    assert_eq!(farewells, expected);
}
