//! The client sides of the lab captures: given the same commands and the same bytes from the server at
//! the captured times, the client sends the captured packets.
//!
//! Pings are compared apart: the captured clients ping on a schedule of their own, also between other
//! packets. In a replay the client's own pings are answered 0.3 s later, as in the captures.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, Connect, Frame, MAXIMUM_PACKET_SIZE, Message, Packet,
    PublishOutcome, QoS, Subscription, Topic, Version,
};

use crate::bench::{Bench, CONNACK, ms, published, unhex, words};

struct Captured {
    number: String,
    millis: Option<f64>,
    is_client: bool,
    bytes: Vec<u8>,
}

impl Captured {
    fn packet(&self, version: Version) -> Packet<'_> {
        let (frame, _) = Frame::parse(&self.bytes, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
        Packet::decode(frame, version).unwrap()
    }

    fn is(&self, first_byte: u8) -> bool {
        self.bytes[0] == first_byte
    }
}

const CONNECT: u8 = 0x10;
const CONNACK_BYTE: u8 = 0x20;
const PINGREQ: u8 = 0xc0;
const PINGRESP: u8 = 0xd0;

/// Milliseconds of "12.345678" or "09:20:44.437799".
fn millis(time: &str) -> Option<f64> {
    let parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let seconds = parts.reduce(|sum, part| Some(sum? * 60.0 + part?))??;
    Some(seconds * 1000.0)
}

fn captured(name: &str) -> Vec<Captured> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut frames = Vec::new();
    let mut head = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("# frame ") {
            head = line.split(" | ").map(str::to_owned).collect();
        } else if !line.starts_with('#') && !line.is_empty() {
            frames.push(Captured {
                number: head[0].clone(),
                millis: millis(&head[1]),
                is_client: head[2] == "client",
                bytes: unhex(line),
            });
        }
    }
    frames
}

/// Plays one capture to a client.
struct Replay {
    bench: Bench,
    version: Version,
    sent: Vec<u8>,
    pingresps: VecDeque<u64>,
    open: bool,
}

impl Replay {
    fn new(version: Version, config: ClientConfig) -> Replay {
        Replay {
            bench: Bench { client: Client::new(config), now: 0 },
            version,
            sent: Vec::new(),
            pingresps: VecDeque::new(),
            open: false,
        }
    }

    fn connect(&mut self, connect: &Connect<'_>) {
        self.close();
        self.bench.client.connect(ms(self.bench.now), connect).unwrap();
        self.open = true;
        self.drain();
    }

    fn close(&mut self) {
        self.bench.client.handle_closed(ms(self.bench.now));
        self.pingresps.clear();
        self.open = false;
        self.drain();
    }

    /// A connection that is older than the capture.
    fn connect_before(&mut self) {
        self.connect(&Connect { keep_alive: 60, ..Connect::new(self.version, "c") });
        self.sent.clear();
    }

    /// The messages that went before, where the first of the capture has this identifier.
    fn publish_before(&mut self, first_id: Option<u8>) {
        for id in 1..first_id.unwrap_or(1) {
            let handle = self.bench.publish(QoS::AtLeastOnce, "hello");
            self.bench.drain();
            let done = published(handle, PublishOutcome::Acknowledged);
            self.bench.bytes(&[0x40, 2, 0, id]).events(&[done]);
        }
        self.sent.clear();
    }

    /// What the client has to say; its pings are kept apart.
    fn drain(&mut self) -> Vec<ClientEvent> {
        let output = self.bench.drain();
        let mut rest = &output.sent[..];
        while let Some((frame, after)) = Frame::parse(rest, MAXIMUM_PACKET_SIZE).unwrap() {
            if frame.first_byte() == PINGREQ {
                self.pingresps.push_back(self.bench.now + 300);
            } else {
                self.sent.extend_from_slice(frame.as_bytes());
            }
            rest = after;
        }
        if output.close {
            self.open = false;
        }
        output.events
    }

    /// Time passes, with the client's own pings and their answers.
    fn pass_to(&mut self, now: u64) {
        for round in 0.. {
            assert!(round < 1000, "a ping without an end at {}", self.bench.now);
            let deadline = self.bench.drain().wait.map(|at| at.since_epoch().as_millis() as u64);
            let pingresp = self.pingresps.front().copied();
            let Some(next) = [deadline, pingresp].into_iter().flatten().min().filter(|n| *n <= now)
            else {
                break;
            };
            self.bench.now = next;
            if pingresp == Some(next) {
                self.pingresps.pop_front();
                self.bench.client.handle_input(ms(next), &[PINGRESP, 0]);
            } else {
                self.bench.client.handle_timeout(ms(next));
            }
            let events = self.drain();
            assert!(events.is_empty(), "{events:?}");
        }
        self.bench.now = self.bench.now.max(now);
    }

    /// The command that makes the client send this packet; acknowledgements need none.
    fn command(&mut self, packet: &Packet<'_>) {
        let now = ms(self.bench.now);
        match packet {
            Packet::Connect(connect) => self.connect(connect),
            Packet::Publish(publish) => {
                let payload = publish.payload.to_vec();
                let mut message = Message::new("t", payload).unwrap();
                message.topic = Topic::from(publish.topic);
                message.qos = publish.delivery.qos();
                message.retain = publish.retain;
                self.bench.client.publish(now, message).unwrap();
            }
            Packet::Subscribe(subscribe) => {
                let filters: Vec<Subscription<'_>> = subscribe.filters.iter().collect();
                self.bench.client.subscribe(now, &filters).unwrap();
            }
            Packet::Disconnect(_) => self.bench.client.disconnect(now),
            Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => {}
            packet => panic!("{packet}"),
        }
        self.drain();
    }

    /// Plays frames, and checks after each of the client's that it was sent, and nothing else.
    fn play(&mut self, name: &str, frames: &[Captured]) {
        let mut expected = Vec::new();
        for frame in frames.iter().filter(|frame| !frame.is(PINGREQ) && !frame.is(PINGRESP)) {
            let now = frame.millis.map_or(self.bench.now + 100, |at| at.round() as u64);
            self.pass_to(now);
            if frame.is_client {
                self.command(&frame.packet(self.version));
                expected.extend_from_slice(&frame.bytes);
                let sent = self.sent == expected;
                assert!(
                    sent,
                    "{name}, frame {}: sent\n{}captured\n{}",
                    frame.number,
                    words(&self.sent),
                    words(&expected)
                );
            } else {
                self.bench.client.handle_input(ms(now), &frame.bytes);
                for event in self.drain() {
                    let ended = matches!(event, ClientEvent::Disconnected { .. });
                    assert!(!ended, "{name}, frame {}: {event:?}", frame.number);
                }
            }
        }
    }
}

/// The whole capture with one client, whose CONNECT is in it or not.
fn play(name: &str, version: Version, config: ClientConfig) {
    play_part(name, version, config, &captured(name));
}

fn play_part(name: &str, version: Version, config: ClientConfig, frames: &[Captured]) {
    let mut replay = Replay::new(version, config);
    let first = frames.iter().find(|frame| !frame.is(PINGREQ) && !frame.is(PINGRESP)).unwrap();
    replay.bench.now = first.millis.map_or(0, |at| at as u64 - 1000);
    if !first.is(CONNECT) {
        replay.connect_before();
    }
    if !first.is(CONNECT) && !first.is(CONNACK_BYTE) {
        replay.bench.input(CONNACK);
        replay.publish_before(first_id(frames, version));
    }
    replay.play(name, frames);
}

/// The identifier of the first PUBLISH of the client's that has one.
fn first_id(frames: &[Captured], version: Version) -> Option<u8> {
    let id = |frame: &Captured| match frame.packet(version) {
        Packet::Publish(publish) => publish.delivery.packet_id(),
        _ => None,
    };
    let id = frames.iter().filter(|frame| frame.is_client).find_map(id)?;
    u8::try_from(id.get()).ok()
}

#[test]
fn the_publishers_of_document_000() {
    for qos in 0..3 {
        let name = format!("000-qos{qos}-publisher.hex");
        play(&name, Version::V3_1, ClientConfig::default());
    }
    play("000-two-publishers.hex", Version::V3_1, ClientConfig::default());
}

#[test]
fn the_subscribers_of_document_000() {
    play("000-subscriber.hex", Version::V3_1, ClientConfig::default());
    // Two connections one after the other, each without its CONNECT.
    let frames = captured("000-two-subscribers.hex");
    let second = frames.iter().rposition(|frame| frame.is(CONNACK_BYTE)).unwrap();
    for part in [&frames[..second], &frames[second..]] {
        let config = ClientConfig::default();
        play_part("000-two-subscribers.hex", Version::V3_1, config, part);
    }
}

#[test]
fn the_will_of_document_000() {
    let frames = captured("000-will.hex");
    let mut replay = Replay::new(Version::V3_1, ClientConfig::default());
    replay.play("000-will.hex", &frames[..1]);
    // It is delivered to another client.
    let mut bench = Bench::connected();
    let output = bench.bytes(&frames[1].bytes);
    assert_eq!(crate::bench::payloads(&output), [b"Disconnected"]);
}

#[test]
fn the_connect_storm_of_document_001_with_publishes_before_connack() {
    let mut config = ClientConfig::default();
    config.send_before_connack = true;
    play("001-connect-storm.hex", Version::V3_1_1, config);
    // Frames 761, 763 and 764 in themselves: CONNECT, PUBLISH, CONNACK.
    let frames = captured("001-connect-storm.hex");
    let at = frames.iter().position(|frame| frame.number == "761").unwrap();
    assert_eq!(frames[at + 1].number, "763");
    assert_eq!(frames[at + 2].number, "764");
    assert!(frames[at + 2].is(CONNACK_BYTE), "the PUBLISH was before it");
}

#[test]
#[should_panic(expected = "001-connect-storm.hex, frame 763: sent")]
fn the_connect_storm_needs_send_before_connack() {
    play("001-connect-storm.hex", Version::V3_1_1, ClientConfig::default());
}

#[test]
fn the_publisher_of_document_001_with_keep_alive() {
    play("001-keep-alive-publisher.hex", Version::V3_1_1, ClientConfig::default());
}

#[test]
fn the_clients_of_document_002() {
    for name in [
        "002-qos0-publisher.hex",
        "002-qos0-subscriber.hex",
        "002-qos1-subscriber.hex",
        "002-qos2-publisher.hex",
        "002-qos2-subscriber.hex",
    ] {
        play(name, Version::V3_1_1, ClientConfig::default());
    }
}

#[test]
fn the_qos_1_publisher_of_document_002_had_sent_six_messages_before() {
    let name = "002-qos1-publisher.hex";
    assert_eq!(first_id(&captured(name), Version::V3_1_1), Some(7));
    play(name, Version::V3_1_1, ClientConfig::default());
}

#[test]
fn the_clients_of_document_004() {
    for name in ["004-will-connect.hex", "004-qos0.hex", "004-qos1.hex", "004-qos2.hex"] {
        play(name, Version::V3_1_1, ClientConfig::default());
    }
}

/// On the idle stretches of document 002 (a ping or CONNECT, then nothing from the client but pings, and
/// nothing from the server but PINGRESP and CONNACK) a client at keep alive 5 that sent its last packet
/// at the captured time pings no sooner than 5 s later, and no later than the captured ping.
#[test]
fn pings_on_idle_stretches_come_within_the_captured_bounds() {
    let mut compared = 0;
    for name in [
        "002-qos0-publisher.hex",
        "002-qos0-subscriber.hex",
        "002-qos1-publisher.hex",
        "002-qos1-subscriber.hex",
        "002-qos2-publisher.hex",
        "002-qos2-subscriber.hex",
    ] {
        let mut last: Option<f64> = None;
        for frame in captured(name) {
            let at = frame.millis.unwrap();
            let idle_server = frame.is(PINGRESP) || frame.is(CONNACK_BYTE);
            if let (Some(last), true) = (last, frame.is(PINGREQ)) {
                let pinged = ping_after(last.ceil() as u64);
                let captured = at.floor() as u64;
                let earliest = last.floor() as u64 + 5000;
                assert!((earliest..=captured).contains(&pinged), "{name}: {pinged}, {captured}");
                compared += 1;
            }
            last = match frame.is(PINGREQ) || frame.is(CONNECT) {
                true => Some(at),
                false => last.filter(|_| idle_server),
            };
        }
    }
    assert_eq!(compared, 7);
}

/// When a client at keep alive 5 pings that sent its last packet then.
fn ping_after(last_sent: u64) -> u64 {
    let mut bench = Bench::new(ClientConfig::default());
    bench.now = last_sent;
    bench.connect(&Connect { keep_alive: 5, ..Connect::new(Version::V3_1_1, "c") });
    let wait = bench.input(CONNACK).wait.unwrap();
    let due = wait.since_epoch().as_millis() as u64;
    bench.timeout(due - 1).nothing();
    bench.timeout(due).sent("c000");
    due
}
