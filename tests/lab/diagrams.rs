//! Labels, rows and ladders of small exchanges.

use std::time::Duration;

use mqtt_sansio::Sender::{Client, Server};
use mqtt_sansio::Version;

use crate::exchange::{Content, Event};
use crate::ladder;
use crate::pair::{CONNACK, CONNECT, PUBACK, PUBLISH, Pair};
use crate::rows::{Row, rows};

const PINGREQ: &[u8] = b"\xc0\0";
const PINGRESP: &[u8] = b"\xd0\0";

fn labels(pair: &Pair) -> Vec<String> {
    let mut labels = Vec::new();
    for record in &pair.exchange.records {
        if let Event::Sent(sent) = &record.event {
            if let Content::Bytes { packets, .. } = &sent.content {
                let words = packets.iter().map(|p| format!("{} {}", p.short, p.detail));
                labels.push(words.collect::<Vec<_>>().join(" + ").trim_end().to_owned());
            }
        }
    }
    labels
}

#[test]
fn a_packet_is_named_where_its_last_byte_is() {
    let mut pair = Pair::new();
    pair.send(Client, &CONNECT[..5]);
    pair.send(Client, &[&CONNECT[5..], PUBLISH].concat());
    assert_eq!(labels(&pair), ["", "CONNECT \"PythonPub\", k5 + PUBLISH q1 m7 network \"hello\""]);
}

#[test]
fn bytes_that_are_no_packet_are_said_once_and_end_the_reading_of_that_side() {
    let mut pair = Pair::new();
    pair.send(Client, b"\xf6\0");
    pair.send(Client, CONNECT);
    pair.send(Server, CONNACK);
    let labels = labels(&pair);
    assert!(labels[0].starts_with("no packet "), "{labels:?}");
    assert_eq!(labels[1..], ["", "CONNACK 0"]);
}

#[test]
fn a_password_is_not_shown() {
    let mut pair = Pair::new();
    pair.send(Client, b"\x10\x16\0\x04MQTT\x04\xc2\0\0\0\x01c\0\x02me\0\x03key");
    assert_eq!(labels(&pair), ["CONNECT \"c\", user \"me\""]);
}

#[test]
fn packets_of_5_0_are_read_as_such_where_connect_was_not_seen() {
    let mut pair = Pair::new();
    pair.exchange.assume(0, Version::V5_0);
    pair.send(Client, b"\x32\x07\0\x01t\0\x07\0x");
    pair.send(Server, b"\x40\x03\0\x07\x87");
    assert_eq!(labels(&pair), ["PUBLISH q1 m7 t \"x\"", "PUBACK m7 Not authorized"]);
}

#[test]
fn a_ladder_of_two_parties() {
    let mut pair = Pair::new();
    let open = pair.exchange.open(Duration::ZERO, 0);
    pair.exchange.received(Duration::from_millis(20), open);
    pair.send(Client, CONNECT);
    pair.send(Server, CONNACK);
    pair.exchange.note(pair.at, Some(0), "hungry");
    pair.send(Client, PUBLISH);
    pair.exchange.note(pair.at, None, "the network fails");
    pair.exchange.bytes(Duration::from_secs(61), 0, Server, PUBACK);
    pair.exchange.reset(Duration::from_secs(62), 0, Client);
    let expected = "         client                                                         server
  0:00.000  │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ TCP opens ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▶│
  0:01.000  │────────────────── CONNECT \"PythonPub\", k5 ──────────────────▶│
  0:02.000  │◀──────────────────────── CONNACK 0 ──────────────────────────│
           [hungry]                                                        │
  0:03.000  │─────────────── PUBLISH q1 m7 network \"hello\" ───────────────▶│
            │                      ── the network fails ──                 │
  1:01.000  │─✗─────────────────────── PUBACK m7 ──────────────────────────│
  1:02.000  │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ TCP resets ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄✗┄│
";
    let drawn = ladder::draw(&pair.exchange, false);
    assert_eq!(drawn, expected, "\n{drawn}");
}

#[test]
fn colours_are_put_around_what_is_drawn_and_change_nothing_else() {
    let mut pair = Pair::new();
    pair.send(Client, CONNECT);
    pair.send(Client, PUBLISH);
    let coloured = ladder::draw(&pair.exchange, true);
    assert!(coloured.contains("\x1b[0;32m"), "{coloured:?}");
    let mut plain = String::new();
    for (index, part) in coloured.split('\x1b').enumerate() {
        let text = if index == 0 { part } else { part.split_once('m').unwrap().1 };
        plain.push_str(text);
    }
    let trimmed: Vec<_> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n"), ladder::draw(&pair.exchange, false).trim_end());
}

fn folded(pair: &Pair) -> Vec<String> {
    let mut words = Vec::new();
    for row in rows(&pair.exchange) {
        words.push(match row {
            Row::Arrow(arrow) => arrow.short,
            Row::Note { text, .. } => text,
            Row::Folded { until, text } => format!("{text}, {}", until.as_secs()),
        });
    }
    words
}

#[test]
fn many_pings_are_folded_and_two_are_not() {
    let mut pair = Pair::new();
    for _ in 0..2 {
        pair.send(Client, PINGREQ);
        pair.send(Server, PINGRESP);
    }
    assert_eq!(folded(&pair), ["PINGREQ", "PINGRESP", "PINGREQ", "PINGRESP"]);
    for _ in 2..60 {
        pair.send(Client, PINGREQ);
        pair.send(Server, PINGRESP);
    }
    assert_eq!(folded(&pair), ["PINGREQ", "PINGRESP", "… 59 more PINGREQ / PINGRESP, 120"]);
}

#[test]
fn pings_of_two_that_overlap_are_shown_once_each() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.send(Client, &[PINGREQ, PINGREQ].concat());
        pair.send(Server, &[PINGRESP, PINGRESP].concat());
    }
    let first = ["PINGREQ", "PINGREQ", "PINGRESP", "PINGRESP"];
    assert_eq!(folded(&pair), [&first[..], &["… 4 more PINGREQ / PINGRESP, 6"]].concat());
}

#[test]
fn a_message_again_and_again_is_folded_whatever_pings_are_between() {
    let mut pair = Pair::new();
    for round in 0..5 {
        pair.send(Client, PUBLISH);
        pair.send(Server, PUBACK);
        for _ in 0..1 + round % 2 {
            pair.send(Client, PINGREQ);
            pair.send(Server, PINGRESP);
        }
    }
    assert_eq!(
        folded(&pair),
        [
            "PUBLISH q1 m7",
            "PUBACK m7",
            "PINGREQ",
            "PINGRESP",
            "… 4 more PUBLISH / PUBACK, 6 PINGREQ / PINGRESP, 24"
        ]
    );
}

#[test]
fn a_ping_that_is_lost_is_not_folded_away() {
    let mut pair = Pair::new();
    for _ in 0..10 {
        pair.send(Client, PINGREQ);
        pair.send(Server, PINGRESP);
    }
    pair.exchange.bytes(pair.at + Duration::from_secs(1), 0, Client, PINGREQ);
    let expected = ["PINGREQ", "PINGRESP", "… 9 more PINGREQ / PINGRESP, 20", "PINGREQ"];
    assert_eq!(folded(&pair), expected);
}

#[test]
fn three_messages_alike_are_all_shown() {
    let mut pair = Pair::new();
    (0..3).for_each(|_| pair.send(Client, PUBLISH));
    assert_eq!(folded(&pair), ["PUBLISH q1 m7"; 3]);
    pair.send(Client, PUBLISH);
    assert_eq!(folded(&pair), ["PUBLISH q1 m7", "… 3 more PUBLISH, 4"]);
}
