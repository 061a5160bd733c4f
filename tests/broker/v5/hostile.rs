//! Every row of 5.0 in `testdata/malformed`, sent by a client: before it is accepted, and after.

use std::fs;
use std::path::Path;

use mqtt_sansio::{BrokerConfig, BrokerEvent, ClientFault, CloseReason, Permissions, Property};

use crate::bench::{Answer, Bench, Peer};
use crate::wire::{PINGREQ, PINGRESP, frames, hex, publish, suback, subscribe, unhex};
use crate::wire5::{connect5, farewell5, packet5, words5};

/// One line of the catalogue.
struct Row {
    name: String,
    bytes: Vec<u8>,
    verdict: String,
}

impl Row {
    /// The rows of 5.0 that a client sends: packets, or whole connections.
    fn all(sequences: bool) -> Vec<Row> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/malformed");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort_unstable();
        files.retain(|file| {
            file.extension().is_some_and(|extension| extension == "csv")
                && file.ends_with("sequences.csv") == sequences
        });
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        texts.flat_map(|text| text.lines().filter_map(Row::parse).collect::<Vec<_>>()).collect()
    }

    fn parse(line: &str) -> Option<Row> {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, versions, "c2s", hex, verdict, _statement] = fields[..] else {
            return None;
        };
        versions.split(';').find(|version| *version == "5.0")?;
        Some(Row { name: name.to_owned(), bytes: unhex(hex), verdict: verdict.to_owned() })
    }

    fn is_connect(&self) -> bool {
        self.bytes.first().is_some_and(|first| first >> 4 == 1)
    }

    fn is_refused(&self) -> bool {
        self.verdict.starts_with("malformed") || self.verdict.starts_with("protocol_error")
    }

    /// The code that says what is wrong; `None` where the catalogue leaves open which of two it is.
    fn code(&self) -> Option<u8> {
        match (&self.name[..], &self.verdict[..]) {
            ("publish-p-alias0", _) => Some(0x94),
            (_, "malformed") => Some(0x81),
            (_, "protocol_error") => Some(0x82),
            _ => None,
        }
    }

    /// In one piece, or byte by byte.
    fn send(&self, bench: &mut Bench, peer: Peer, whole: bool) {
        for piece in self.bytes.chunks(if whole { self.bytes.len().max(1) } else { 1 }) {
            bench.send(peer, piece);
        }
    }
}

/// A client that gets the wills, and must notice nothing else. Methods of authentication are known.
fn witness() -> (Bench, Peer) {
    let largest = mqtt_sansio::MAXIMUM_PACKET_SIZE;
    let mut bench = Bench::with(|config: &mut BrokerConfig| {
        config.session.maximum_packet_size = largest;
        config.session.handshake.max_connect_size = largest;
        config.session.handshake.authentication_methods = vec!["m".to_owned()];
    });
    let witness = bench.client("witness");
    bench.ask(witness, subscribe(1, &[("w", 0)]), suback(1, &[0]));
    (bench, witness)
}

/// Asserts that the witness saw the will if the client came to a bad end, and is served.
#[track_caller]
fn undisturbed(bench: &mut Bench, witness: Peer, will: bool, what: &str) {
    let expected = if will { publish("w", "gone") } else { Vec::new() };
    let received = bench.received(witness);
    assert_eq!(hex(&received), hex(&expected), "{what}");
    bench.ask(witness, PINGREQ, PINGRESP);
    bench.is_open(witness);
    bench.broker.check_invariants();
}

/// How the connection ended, if it did.
fn end(bench: &mut Bench) -> Option<CloseReason> {
    let reasons = bench.events().into_iter().filter_map(|event| match event {
        BrokerEvent::Disconnected { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.last()
}

#[test]
fn every_broken_packet_of_an_accepted_client_ends_its_connection_with_the_code_for_it() {
    let mut closed = 0;
    for row in Row::all(false).iter().filter(|row| !row.is_connect()) {
        for whole in [true, false] {
            let (mut bench, witness) = witness();
            let a = bench.dial(connect5("a", &[], |connect| {
                connect.will = Some(crate::wire::will("gone", 0));
            }));
            bench.connack5(a, false);
            row.send(&mut bench, a, whole);
            let (received, end) = (bench.received(a), end(&mut bench));
            let mut what = format!("{} [{}]: {end:?}\n", row.name, hex(&row.bytes));
            what.push_str(&words5(&received));
            if let Some(CloseReason::ClientFault(fault)) = end {
                let last = frames(&received).pop().unwrap_or_default();
                let code = u8::from(fault.reason_code());
                assert_eq!(hex(&last), hex(&farewell5(code, fault)), "{what}");
                // A client without method may send no AUTH, however well-formed.
                let auth = row.name.starts_with("auth-ok");
                assert!(row.is_refused() || auth, "{what}");
                assert!(row.code().is_none_or(|expected| expected == code), "{what}");
                closed += 1;
            } else {
                assert!(!row.is_refused(), "{what}");
                assert!(frames(&received).iter().all(|frame| frame[0] != 0xe0), "{what}");
            }
            let expected = matches!(end, Some(CloseReason::ClientFault(_)))
                || matches!(end, Some(CloseReason::DisconnectedWith(_)));
            undisturbed(&mut bench, witness, expected, &what);
        }
    }
    assert!(closed > 350, "only {closed} rows were to be closed");
}

#[test]
fn every_connect_gets_the_connack_that_it_deserves() {
    let (mut refused, mut accepted) = (0, 0);
    for row in Row::all(false).iter().filter(|row| row.is_connect()) {
        for whole in [true, false] {
            let (mut bench, witness) = witness();
            let a = bench.open();
            row.send(&mut bench, a, whole);
            let (received, end) = (bench.received(a), end(&mut bench));
            let what = format!("{} [{}]: {end:?}, {}", row.name, hex(&row.bytes), hex(&received));
            match &row.verdict[..] {
                "refuse" => assert_eq!(hex(&received), "20020001", "{what}"),
                "incomplete" => assert_eq!((&*hex(&received), end), ("", None), "{what}"),
                "accept" | "accept?" => {
                    assert!(received.len() > 4 && received[3] == 0 && end.is_none(), "{what}");
                    accepted += 1;
                }
                _ => {
                    let Some(CloseReason::ClientFault(fault)) = end else { panic!("{what}") };
                    refused += 1;
                    let code = u8::from(fault.reason_code());
                    assert!(row.code().is_none_or(|expected| expected == code), "{what}");
                    // What does not even say that it is 5.0 is closed in silence.
                    if !received.is_empty() {
                        assert_eq!(
                            (received[0], received[2], received[3]),
                            (0x20, 0, code),
                            "{what}"
                        );
                        packet5(&received);
                    } else {
                        let begins = row.bytes.get(2..).unwrap_or_default();
                        assert!(!begins.starts_with(b"\0\x04MQTT\x05"), "{what}");
                    }
                }
            }
            undisturbed(&mut bench, witness, false, &what);
        }
    }
    assert!(refused > 50 && accepted > 10, "{refused} refused, {accepted} accepted");
}

#[test]
fn every_connect_of_an_accepted_client_ends_its_connection() {
    for row in Row::all(false).iter().filter(|row| row.is_connect()) {
        let (mut bench, witness) = witness();
        let a = bench.dial(connect5("a", &[], |connect| {
            connect.will = Some(crate::wire::will("gone", 0));
        }));
        bench.connack5(a, false);
        row.send(&mut bench, a, true);
        let (received, end) = (bench.received(a), end(&mut bench));
        let what = format!("{} [{}]: {end:?}, {}", row.name, hex(&row.bytes), hex(&received));
        let at_fault = match end {
            Some(CloseReason::ClientFault(fault)) => {
                let code = u8::from(fault.reason_code());
                let farewell = farewell5(if code == 0x84 { 0x82 } else { code }, fault);
                assert_eq!(hex(&received), hex(&farewell), "{what}");
                true
            }
            _ => false,
        };
        assert!(at_fault || row.verdict == "incomplete", "{what}");
        undisturbed(&mut bench, witness, at_fault, &what);
    }
}

#[test]
fn every_broken_packet_of_a_client_that_authenticates_itself_is_refused() {
    let mut refused = 0;
    for row in Row::all(false).iter().filter(|row| !row.is_connect()) {
        let (mut bench, witness) = witness();
        bench.answer_with(|request| match request.properties.is_empty() {
            true => Answer::Accept(Permissions::all()),
            false => Answer::Later,
        });
        let a = bench.dial(connect5("a", &[Property::AuthenticationMethod("m")], |_| ()));
        row.send(&mut bench, a, true);
        let (received, end) = (bench.received(a), end(&mut bench));
        let what = format!("{} [{}]: {end:?}, {}", row.name, hex(&row.bytes), hex(&received));
        match end {
            Some(CloseReason::ClientFault(fault)) => {
                // CONNACK has no code for a topic alias of 0.
                let code = u8::from(fault.reason_code());
                let code = if code == 0x94 { 0x82 } else { code };
                assert_eq!((received[0], received[2], received[3]), (0x20, 0, code), "{what}");
                packet5(&received);
                refused += 1;
            }
            Some(_) => assert!(received.is_empty() && row.name.starts_with("disconnect"), "{what}"),
            None => assert!(row.verdict == "incomplete" && received.is_empty(), "{what}"),
        }
        undisturbed(&mut bench, witness, false, &what);
    }
    assert!(refused > 150, "only {refused} rows were refused");
}

#[test]
fn every_sequence_ends_as_its_verdict_says() {
    for row in Row::all(true) {
        for whole in [true, false] {
            let (mut bench, witness) = witness();
            let a = bench.open();
            row.send(&mut bench, a, whole);
            let (received, end) = (bench.received(a), end(&mut bench));
            let what =
                format!("{} [{}]: {end:?}\n{}", row.name, hex(&row.bytes), words5(&received));
            match end {
                // What comes after DISCONNECT is not read.
                Some(CloseReason::Disconnected) => {
                    let leaves = ["seq-after-disconnect-5", "seq-expiry-lowered-5"];
                    assert!(leaves.contains(&&*row.name), "{what}");
                }
                Some(CloseReason::ClientFault(fault)) => {
                    assert!(row.is_refused(), "{what}");
                    let last = frames(&received).pop().unwrap_or_default();
                    let first = [ClientFault::SecondConnect, ClientFault::UnexpectedAuth];
                    if first.contains(&fault) && row.verdict == "protocol_error" {
                        assert_eq!(hex(&last), hex(&farewell5(0x82, fault)), "{what}");
                    }
                }
                // The program may accept a client before it has authenticated itself.
                None => {
                    assert!(!row.is_refused() || row.name == "seq-auth-method-publish-5", "{what}")
                }
                Some(_) => panic!("{what}"),
            }
            undisturbed(&mut bench, witness, false, &what);
        }
    }
}
