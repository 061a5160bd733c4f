//! Every row of `testdata/malformed`, sent by a client.

use std::fs;
use std::path::Path;

use mqtt_sansio::{CloseReason, Version};

use crate::bench::{Bench, Peer};
use crate::wire::{PINGREQ, PINGRESP, connect, hex, publish, suback, subscribe, unhex, will};

/// One line of the catalogue.
struct Row {
    name: String,
    versions: Vec<Version>,
    from_client: bool,
    bytes: Vec<u8>,
    verdict: String,
}

impl Row {
    fn parse(line: &str) -> Row {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, versions, direction, hex, verdict, _statement] = fields[..] else {
            panic!("not six fields: {line}");
        };
        Row {
            name: name.to_owned(),
            versions: versions.split(';').map(|version| version.parse().unwrap()).collect(),
            from_client: direction == "c2s",
            bytes: unhex(hex),
            verdict: verdict.to_owned(),
        }
    }

    /// From all files, or from that of whole connections.
    fn all(sequences: bool) -> Vec<Row> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/malformed");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort_unstable();
        files.retain(|file| {
            file.extension().is_some_and(|extension| extension == "csv")
                && file.ends_with("sequences.csv") == sequences
        });
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        texts.flat_map(|text| text.lines().skip(1).map(Row::parse).collect::<Vec<_>>()).collect()
    }

    fn is_connect(&self) -> bool {
        self.bytes.first().is_some_and(|first| first >> 4 == 1)
    }

    fn is_refused(&self) -> bool {
        self.verdict.starts_with("malformed") || self.verdict.starts_with("protocol_error")
    }

    /// In one piece, or byte by byte.
    fn send(&self, bench: &mut Bench, peer: Peer, whole: bool) {
        for piece in self.bytes.chunks(if whole { self.bytes.len().max(1) } else { 1 }) {
            bench.send(peer, piece);
        }
    }
}

/// Two clients that get the wills, and must notice nothing else.
fn witnesses() -> (Bench, [Peer; 2]) {
    // A packet of the largest size is none too many here.
    let largest = mqtt_sansio::MAXIMUM_PACKET_SIZE;
    let mut bench = Bench::with(|config| {
        config.session.maximum_packet_size = largest;
        config.session.handshake.max_connect_size = largest;
    });
    let witnesses = ["witness", "other witness"].map(|name| bench.client(name));
    for peer in witnesses {
        bench.ask(peer, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    }
    (bench, witnesses)
}

/// Asserts that the witnesses saw the will if the client came to a bad end, and are served.
#[track_caller]
fn undisturbed(bench: &mut Bench, witnesses: [Peer; 2], will: bool, row: &Row) {
    for peer in witnesses {
        let expected = if will { publish("w", "gone") } else { Vec::new() };
        let received = bench.received(peer);
        assert_eq!(hex(&received), hex(&expected), "{}", row.name);
        bench.ask(peer, PINGREQ, PINGRESP);
        bench.is_open(peer);
    }
    bench.broker.check_invariants();
}

/// How the connection ended, if it did.
fn end(bench: &mut Bench) -> Option<CloseReason> {
    let reasons = bench.events().into_iter().filter_map(|event| match event {
        mqtt_sansio::BrokerEvent::Disconnected { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.last()
}

#[test]
fn every_broken_packet_of_an_accepted_client_closes_its_connection_alone() {
    let rows = Row::all(false);
    let mut closed = 0;
    for row in rows.iter().filter(|row| !row.is_connect()) {
        for (version, whole) in [
            (Version::V3_1, true),
            (Version::V3_1, false),
            (Version::V3_1_1, true),
            (Version::V3_1_1, false),
        ] {
            let (mut bench, witnesses) = witnesses();
            let a = bench.dial(connect("a", |connect| {
                connect.version = version;
                connect.will = Some(will("gone", 0));
            }));
            bench.got(a, "20020000");
            row.send(&mut bench, a, whole);
            let end = end(&mut bench);
            let at_fault = matches!(end, Some(CloseReason::ClientFault(_)));
            let what = format!("{} [{}] in {version}: {end:?}", row.name, hex(&row.bytes));
            if row.from_client && row.versions.contains(&version) {
                match &row.verdict[..] {
                    _ if row.is_refused() => assert!(at_fault, "{what}"),
                    "accept" | "incomplete" => assert!(!at_fault, "{what}"),
                    verdict => assert_eq!(verdict, "accept?", "{what}"),
                }
                closed += usize::from(row.is_refused());
            }
            assert!(at_fault || matches!(end, None | Some(CloseReason::Disconnected)), "{what}");
            undisturbed(&mut bench, witnesses, at_fault, row);
        }
    }
    assert!(closed > 300, "only {closed} rows were to be closed");
}

#[test]
fn every_broken_connect_is_closed_and_every_refused_one_answered() {
    let (mut answered, mut silent) = (0, 0);
    let rows = Row::all(false);
    let before_5_0 = |row: &&Row| row.versions != [Version::V5_0];
    let rows = rows.iter().filter(|row| row.is_connect() && row.from_client);
    for row in rows.filter(before_5_0) {
        for whole in [true, false] {
            let (mut bench, witnesses) = witnesses();
            let a = bench.open();
            row.send(&mut bench, a, whole);
            let (received, end) = (bench.received(a), end(&mut bench));
            let what = format!("{} [{}]: {end:?}, {}", row.name, hex(&row.bytes), hex(&received));
            if row.verdict == "refuse" && end.is_some() {
                assert!(["20020001", "20020002"].contains(&&*hex(&received)), "{what}");
                answered += 1;
            } else if row.is_refused() {
                assert_eq!(hex(&received), "", "{what}");
                assert!(matches!(end, Some(CloseReason::ClientFault(_))), "{what}");
                silent += 1;
            } else if row.verdict == "accept" {
                assert_eq!((&*hex(&received), end), ("20020000", None), "{what}");
            } else if row.verdict == "incomplete" {
                assert_eq!((&*hex(&received), end), ("", None), "{what}");
            }
            undisturbed(&mut bench, witnesses, false, row);
        }
    }
    assert!(answered > 5 && silent > 50, "{answered} answered, {silent} closed");
}

#[test]
fn every_connect_of_an_accepted_client_closes_its_connection_alone() {
    for row in Row::all(false).iter().filter(|row| row.is_connect() && row.from_client) {
        let (mut bench, witnesses) = witnesses();
        let a = bench.dial(connect("a", |connect| connect.will = Some(will("gone", 0))));
        bench.got(a, "20020000");
        row.send(&mut bench, a, true);
        let end = end(&mut bench);
        let at_fault = matches!(end, Some(CloseReason::ClientFault(_)));
        assert!(at_fault || row.verdict == "incomplete", "{}: {end:?}", row.name);
        undisturbed(&mut bench, witnesses, at_fault, row);
    }
}

#[test]
fn every_sequence_ends_as_its_verdict_says() {
    let rows = Row::all(true);
    let before_5_0 = |row: &&Row| row.versions != [Version::V5_0];
    for row in rows.iter().filter(|row| row.from_client).filter(before_5_0) {
        for whole in [true, false] {
            let (mut bench, witnesses) = witnesses();
            let a = bench.open();
            row.send(&mut bench, a, whole);
            let end = end(&mut bench);
            let what = format!("{} [{}]: {end:?}", row.name, hex(&row.bytes));
            match end {
                // What comes after DISCONNECT is not read.
                Some(CloseReason::Disconnected) => {
                    assert!(row.name.starts_with("seq-after-disconnect-311"), "{what}");
                }
                Some(CloseReason::ClientFault(_)) => assert!(row.is_refused(), "{what}"),
                Some(reason) => panic!("{what}: {reason}"),
                None => assert!(!row.is_refused(), "{what}"),
            }
            undisturbed(&mut bench, witnesses, false, row);
        }
    }
}
