//! Diagrams of captures.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::run::{dissect, dissect_capture};
use crate::wire::{ACK, FIN, RST, SYN, Segment, client, pcap_of, server};

/// The packets of a lab capture as segments of one connection.
fn segments(file: &str) -> Vec<Segment> {
    let (mut from_client, mut from_server) = (1, 1);
    let mut is_client = true;
    let mut segments = Vec::new();
    for line in file.lines() {
        if line.starts_with("# frame ") {
            is_client = line.contains(" | client | ");
        } else if !line.starts_with('#') && !line.is_empty() {
            let len = u32::try_from(line.len() / 2).unwrap();
            if is_client {
                segments.push(client(from_client, line));
                from_client += len;
            } else {
                segments.push(server(from_server, line));
                from_server += len;
            }
        }
    }
    segments
}

#[test]
fn a_lab_capture_is_drawn_with_the_client_identifier_and_the_server_as_columns() {
    let file = include_str!("../../testdata/lab/002-qos2-publisher.hex");
    let capture = pcap_of(&segments(file));
    let outcome = dissect_capture("ladder-lab.pcap", &capture, &["--ladder"]);
    let expected = "        PythonPub                                                 10.0.0.2:1883
  0:00.000  │──────────────── CONNECT \"PythonPub\", k5 ─────────────────▶│
  0:01.000  │◀────────────────────── CONNACK 0 ─────────────────────────│
  0:02.000  │──────────────────────── PINGREQ ─────────────────────────▶│
  0:03.000  │◀─────────────────────── PINGRESP ─────────────────────────│
  0:04.000  │──────────────────────── PINGREQ ─────────────────────────▶│
  0:05.000  │◀─────────────────────── PINGRESP ─────────────────────────│
  0:06.000  │────────────── PUBLISH q2 m1 network \"Good\" ──────────────▶│
  0:07.000  │◀────────────────────── PUBREC m1 ─────────────────────────│
  0:08.000  │─────────────────────── PUBREL m1 ────────────────────────▶│
  0:09.000  │◀────────────────────── PUBCOMP m1 ────────────────────────│
  0:10.000  │──────────────────────── PINGREQ ─────────────────────────▶│
  0:11.000  │◀─────────────────────── PINGRESP ─────────────────────────│
  0:12.000  │──────────────────────── PINGREQ ─────────────────────────▶│
  0:13.000  │◀─────────────────────── PINGRESP ─────────────────────────│
";
    assert_eq!((outcome.out.as_str(), outcome.err.as_str(), outcome.status), (expected, "", 0));
}

#[test]
fn a_connection_that_opens_and_is_reset_is_drawn_so_and_what_is_missing_is_said() {
    let capture = pcap_of(&[
        client(0, "").flags(SYN),
        server(0, "").flags(SYN | ACK),
        client(1, "c000"),
        // Two bytes of the server are not there.
        server(3, "d000"),
        server(5, "").flags(FIN | ACK),
        client(3, "").flags(RST),
    ]);
    let outcome = dissect_capture("ladder-gap.pcap", &capture, &["--ladder"]);
    let expected = "     10.0.0.1:40000                                               10.0.0.2:1883
  0:00.000  │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ TCP opens ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▶│
  0:02.000  │──────────────────────── PINGREQ ─────────────────────────▶│
  0:03.000  │                                   [2 bytes missing in the capture]
  0:04.000  │◀┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ TCP closes ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄│
  0:05.000  │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ TCP resets ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▶│
";
    let complaint = "dissect: stream 0 from server, offset 0: \
                     gap in the captured TCP stream (bytes missing: 2), the rest is left out\n";
    assert_eq!(
        (outcome.out.as_str(), outcome.err.as_str(), outcome.status),
        (expected, complaint, 1)
    );
}

#[test]
fn the_answer_to_a_close_is_not_drawn_even_where_bytes_are_missing() {
    let capture = pcap_of(&[
        client(1, "c000"),
        // Two bytes of the client are not there.
        client(5, "c000"),
        client(7, "").flags(FIN | ACK).acknowledging(1),
        server(1, "").flags(FIN | ACK).acknowledging(8),
        client(8, "").acknowledging(2),
    ]);
    let outcome = dissect_capture("ladder-close.pcap", &capture, &["--ladder"]);
    let rows: Vec<_> = outcome.out.lines().skip(1).map(|line| line.trim_matches(' ')).collect();
    assert_eq!(rows.len(), 3, "{}", outcome.out);
    for (row, expected) in rows.iter().zip(["PINGREQ", "[2 bytes missing", "TCP closes"]) {
        assert!(row.contains(expected), "{}", outcome.out);
    }
}

#[test]
fn what_is_not_acknowledged_is_drawn_as_lost_and_what_comes_last_is_not() {
    let capture = pcap_of(&[
        client(1, "c000").acknowledging(1),
        server(1, "d000").acknowledging(3),
        client(3, "c000").acknowledging(3),
        client(5, "c000").acknowledging(3),
        server(3, "c000").acknowledging(3),
    ]);
    let outcome = dissect_capture("ladder-lost.pcap", &capture, &["--ladder"]);
    let lost: Vec<_> = outcome.out.lines().skip(1).map(|line| line.contains('✗')).collect();
    assert_eq!(lost, [false, false, true, true, false], "{}", outcome.out);
}

#[test]
fn bytes_that_are_no_packet_are_drawn_and_told() {
    let capture = pcap_of(&[client(1, "c000"), client(3, "f6"), client(4, "00")]);
    let outcome = dissect_capture("ladder-bad.pcap", &capture, &["--ladder"]);
    assert!(
        outcome.out.contains("PINGREQ") && outcome.out.contains("no packet"),
        "{}",
        outcome.out
    );
    assert!(
        outcome.err.starts_with("dissect: stream 0 from client, offset 2: "),
        "{}",
        outcome.err
    );
    assert_eq!(outcome.status, 1);
}

#[test]
fn svg_draws_the_same_into_a_file_under_the_name_of_the_capture() {
    let capture = pcap_of(&[client(1, "c000"), server(1, "d000")]);
    let picture = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ladder.svg");
    let arguments = ["--svg", picture.to_str().unwrap()];
    dissect_capture("ladder-svg.pcap", &capture, &arguments).assert_prints(&[]);
    let picture = fs::read_to_string(picture).unwrap();
    for text in [">ladder-svg.pcap<", ">PINGREQ<", ">PINGRESP<", ">10.0.0.1:40000<"] {
        assert!(picture.contains(text), "no {text} in {picture}");
    }
}

#[test]
fn diagrams_are_of_captures_and_are_no_json() {
    for arguments in [&["--ladder", "c000"][..], &["--ladder", "--json", "--pcap", "x"]] {
        let outcome = dissect(arguments);
        assert_eq!((outcome.out.as_str(), outcome.status), ("", 2), "{arguments:?}");
    }
}

/// Experiments whose capture does not tell all: when remarks were made that no packet goes with, and
/// whether what was sent in the last second arrived.
const NOT_ALL_IN_THE_CAPTURE: [&str; 3] =
    ["smart-lock", "wills-broker-closes", "wills-network-outage"];

#[test]
fn what_the_lab_writes_is_drawn_as_the_lab_draws_it() {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let lab = profile.join("examples").join("lab").with_extension(env::consts::EXE_EXTENSION);
    assert!(lab.exists(), "no {}: run cargo build --example lab", lab.display());
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dissect-lab");
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    let status = Command::new(lab).arg("-q").arg("--out").arg(&directory).output().unwrap().status;
    assert!(status.success(), "{status}");
    let mut compared = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let capture = entry.unwrap().path();
        let name = capture.file_stem().unwrap().to_str().unwrap();
        if capture.extension().unwrap() != "pcapng" || NOT_ALL_IN_THE_CAPTURE.contains(&name) {
            continue;
        }
        let expected = fs::read_to_string(capture.with_extension("txt")).unwrap();
        let drawn = dissect(&["--pcap", capture.to_str().unwrap(), "--ladder"]);
        assert!(drawn.out == expected, "{name}: expected\n{expected}\ngot\n{}", drawn.out);
        compared += 1;
    }
    assert_eq!(compared, 30);
}
