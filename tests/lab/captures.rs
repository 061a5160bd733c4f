//! The segments of small exchanges, and the file around them.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_sansio::Sender::{self, Client, Server};

use crate::exchange::{Content, Event};
use crate::pair::{CONNACK, CONNECT, PUBACK, PUBLISH, Pair};
use crate::pcapng;
use crate::scenario::Twin;
use crate::scenarios;
use crate::segments::{MAXIMUM_SEGMENT_SIZE, Mark, segments};

const WAY: Duration = Duration::from_millis(20);

/// Each segment in words, sequence numbers relative to the first ones of both sides:
/// `1000 > SYN 0`, `1020 < SYN 0 ack 1`, `1040 > 23 bytes push 1 ack 1`.
fn words(pair: &Pair) -> Vec<String> {
    let (client, server) = (1_000, 500_000);
    let segments = segments(&pair.exchange).into_iter().map(|segment| {
        let (side, own, other) = match segment.sender {
            Client => (">", client, server),
            Server => ("<", server, client),
        };
        let bytes = match segment.payload.len() {
            0 => String::new(),
            len => format!(" {len} bytes"),
        };
        let mark = match segment.mark {
            None => "",
            Some(Mark::Syn) => " SYN",
            Some(Mark::Push) => " push",
            Some(Mark::Fin) => " FIN",
            Some(Mark::Reset) => " RST",
        };
        let acknowledgement =
            segment.acknowledgement.map(|number| format!(" ack {}", number - other));
        let sequence = segment.sequence - own;
        let acknowledgement = acknowledgement.unwrap_or_default();
        format!("{} {side}{bytes}{mark} {sequence}{acknowledgement}", segment.at.as_millis())
    });
    segments.collect()
}

fn open(pair: &mut Pair) {
    let open = pair.exchange.open(Duration::ZERO, 0);
    pair.exchange.received(WAY, open);
}

fn close(pair: &mut Pair, sender: Sender) {
    pair.at += Duration::from_secs(1);
    let close = pair.exchange.close(pair.at, 0, sender);
    pair.exchange.received(pair.at + WAY, close);
}

#[test]
fn a_connection_is_opened_used_and_closed_on_both_sides() {
    let mut pair = Pair::new();
    open(&mut pair);
    pair.send(Client, CONNECT);
    pair.send(Server, CONNACK);
    close(&mut pair, Client);
    let expected = [
        "0 > SYN 0",
        "20 < SYN 0 ack 1",
        "40 > 1 ack 1",
        "1000 > 23 bytes push 1 ack 1",
        "1020 < 1 ack 24",
        "2000 < 4 bytes push 1 ack 24",
        "2020 > 24 ack 5",
        "3000 > FIN 24 ack 5",
        "3020 < FIN 5 ack 25",
        "3040 > 25 ack 6",
    ];
    assert_eq!(words(&pair), expected);
}

#[test]
fn an_answer_sent_at_once_carries_the_acknowledgement() {
    let mut pair = Pair::new();
    pair.send(Client, PUBLISH);
    let answer = pair.exchange.bytes(pair.at + WAY, 0, Server, PUBACK);
    pair.exchange.received(pair.at + 2 * WAY, answer);
    let expected =
        ["1000 > 18 bytes push 0 ack 0", "1020 < 4 bytes push 0 ack 18", "1040 > 18 ack 4"];
    assert_eq!(words(&pair), expected);
}

#[test]
fn what_is_lost_is_not_acknowledged_nor_what_comes_after() {
    let mut pair = Pair::new();
    open(&mut pair);
    pair.exchange.bytes(Duration::from_secs(1), 0, Client, CONNECT);
    pair.at = Duration::from_secs(1);
    pair.send(Client, PUBLISH);
    pair.exchange.close(Duration::from_secs(3), 0, Client);
    let expected = [
        "0 > SYN 0",
        "20 < SYN 0 ack 1",
        "40 > 1 ack 1",
        "1000 > 23 bytes push 1 ack 1",
        "2000 > 18 bytes push 24 ack 1",
        "3000 > FIN 42 ack 1",
    ];
    assert_eq!(words(&pair), expected);
}

#[test]
fn what_is_longer_than_a_segment_is_split_and_acknowledged_once() {
    let mut pair = Pair::new();
    let size = usize::from(MAXIMUM_SEGMENT_SIZE);
    pair.send(Client, &vec![0x30; 2 * size + 1]);
    let expected = [
        "1000 > 1460 bytes 0 ack 0",
        "1000 > 1460 bytes 1460 ack 0",
        "1000 > 1 bytes push 2920 ack 0",
        "1020 < 0 ack 2921",
    ];
    assert_eq!(words(&pair), expected);
}

#[test]
fn the_other_end_closes_after_what_it_still_sends_and_both_at_once_do_not_answer() {
    let mut pair = Pair::new();
    close(&mut pair, Server);
    pair.send(Client, PUBLISH);
    let expected = [
        "1000 < FIN 0 ack 0",
        "1020 > 0 ack 1",
        "2000 > 18 bytes push 0 ack 1",
        "2000 > FIN 18 ack 1",
        "2020 < 1 ack 19",
    ];
    assert_eq!(words(&pair)[..4], expected[..4]);

    let mut pair = Pair::new();
    close(&mut pair, Server);
    let close = pair.exchange.close(pair.at, 0, Client);
    pair.exchange.received(pair.at + WAY, close);
    let expected = ["1000 < FIN 0 ack 0", "1000 > FIN 0 ack 0", "1020 > 1 ack 1", "1020 < 1 ack 1"];
    assert_eq!(words(&pair), expected);
}

#[test]
fn a_reset_is_not_acknowledged() {
    let mut pair = Pair::new();
    open(&mut pair);
    let reset = pair.exchange.reset(Duration::from_secs(1), 0, Client);
    pair.exchange.received(Duration::from_secs(1) + WAY, reset);
    assert_eq!(words(&pair)[3..], ["1000 > RST 1 ack 1"]);
}

#[test]
fn the_file_is_made_of_whole_blocks_with_names_and_remarks_in_it() {
    let mut pair = Pair::new();
    open(&mut pair);
    pair.exchange.note(Duration::from_millis(30), Some(1), "hungry");
    pair.send(Client, CONNECT);
    let file = pcapng::write(&pair.exchange);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut blocks) = (0, Vec::new());
    while at < file.len() {
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len, "block at {at}");
        blocks.push((word(at), at..at + len));
        at += len;
    }
    let types: Vec<_> = blocks.iter().map(|(block_type, _)| *block_type).collect();
    assert_eq!(types, [0x0A0D_0D0A, 1, 4, 6, 6, 6, 6, 6]);
    let holds = |block: usize, text: &[u8]| {
        file[blocks[block].1.clone()].windows(text.len()).any(|part| part == text)
    };
    assert!(holds(2, b"\xC0\0\x02\x01server\0"), "{file:02x?}");
    let remarked: Vec<_> = (3..8).filter(|block| holds(*block, b"server: hungry")).collect();
    // The first segment from then on is the third one of the handshake.
    assert_eq!(remarked, [5]);
    assert!(holds(6, CONNECT), "{file:02x?}");
}

#[test]
fn every_byte_of_every_experiment_is_in_its_segments_once() {
    for scenario in scenarios::all() {
        let report = (scenario.run)(Twin(None));
        let mut sent: BTreeMap<_, Vec<u8>> = BTreeMap::new();
        for record in &report.exchange.records {
            if let Event::Sent(sent_now) = &record.event {
                if let Content::Bytes { bytes, .. } = &sent_now.content {
                    let key = (sent_now.connection, sent_now.sender == Client);
                    sent.entry(key).or_default().extend(bytes);
                }
            }
        }
        let mut captured: BTreeMap<_, Vec<u8>> = BTreeMap::new();
        for segment in segments(&report.exchange) {
            let key = (segment.connection, segment.sender == Client);
            captured.entry(key).or_default().extend(segment.payload);
        }
        captured.retain(|_, bytes| !bytes.is_empty());
        assert_eq!(captured, sent, "{}", scenario.name);
    }
}
