//! Streams in hex: arguments, lines, errors.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::run::{dissect, dissect_lines, example};

#[test]
fn every_lab_frame_is_one_object_and_encodes_to_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let mut frames = 0;
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "hex") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let version = if text.contains("MQTT 3.1.1") { "3.1.1" } else { "3.1" };
        let packets: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# frame ")?.rsplit(" | ").next())
            .collect();
        for arguments in
            [&["--reencode", "--json"][..], &["--reencode", "--json", "--version", version]]
        {
            let outcome = dissect_lines(arguments, &text);
            assert_eq!((outcome.err.as_str(), outcome.status), ("", 0), "{}", file.display());
            assert_eq!(outcome.out.lines().count(), packets.len(), "{}", file.display());
            for (stream, (line, packet)) in outcome.out.lines().zip(&packets).enumerate() {
                let object: Value = serde_json::from_str(line).unwrap();
                assert_eq!(object["stream"], stream, "{line}");
                assert_eq!(object["packet"], *packet, "{line}");
                assert_eq!(object["reencoded"], true, "{line}");
            }
        }
        frames += packets.len();
    }
    assert_eq!(frames, 139);
}

#[test]
fn without_json_a_packet_is_one_line_of_text() {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab/004-qos2.hex");
    dissect_lines(&["--reencode"], &fs::read_to_string(lab).unwrap()).assert_prints(&[
        "PUBLISH (d0, q2, r0, m3, '/ufscar/mqtt_activity', 13 bytes)",
        "PUBREC (m3)",
        "PUBREL (m3)",
        "PUBCOMP (m3)",
        "PUBLISH (d0, q0, r0, m0, '/ufscar/mqtt_activity', 13 bytes)",
    ]);
}

#[test]
fn an_argument_is_a_stream_of_any_number_of_packets() {
    dissect(&["--json", "c000 d000", "", "E0\t00 # goodbye"]).assert_prints(&[
        r#"{"stream":0,"packet":"PINGREQ"}"#,
        r#"{"stream":0,"packet":"PINGRESP"}"#,
        r#"{"stream":2,"packet":"DISCONNECT"}"#,
    ]);
}

#[test]
fn blank_lines_and_comments_are_not_streams() {
    let lines = "# c000\n\n c0 00 # c000\r\n \t\n  # d000\n\u{feff}\nd000";
    dissect_lines(&["--json"], lines).assert(
        &[
            r#"{"stream":0,"packet":"PINGREQ"}"#,
            r#"{"stream":1,"error":"'\\u{feff}' is not a hexadecimal digit","offset":0}"#,
            r#"{"stream":2,"packet":"PINGRESP"}"#,
        ],
        &[],
        1,
    );
}

#[test]
fn what_is_not_hex_is_an_error_of_its_stream() {
    dissect(&["c000 0x", "c000 d", "c000"]).assert(
        &["PINGREQ"],
        &[
            "dissect: stream 0, offset 2: 'x' is not a hexadecimal digit",
            "dissect: stream 1, offset 2: the last byte has only one digit",
        ],
        1,
    );
}

#[test]
fn a_bad_packet_ends_its_stream_and_no_other() {
    let streams = ["c000 4002 0000 c000", "d000"];
    dissect(&streams).assert(
        &["PINGREQ", "PINGRESP"],
        &["dissect: stream 0, offset 4: PUBACK, byte 2: a packet identifier must not be 0"],
        1,
    );
    dissect(&[&["--json"], &streams[..]].concat()).assert(
        &[
            r#"{"stream":0,"packet":"PINGREQ"}"#,
            r#"{"stream":0,"error":"PUBACK, byte 2: a packet identifier must not be 0","offset":4,"reason_code":130}"#,
            r#"{"stream":1,"packet":"PINGRESP"}"#,
        ],
        &[],
        1,
    );
}

#[test]
fn each_class_of_error_has_its_reason_code() {
    let error = |sentence: &str, offset: u32, code: u8| {
        format!(r#"{{"stream":0,"error":"{sentence}","offset":{offset},"reason_code":{code}}}"#)
    };
    let type_0 = "byte 0: packet types 0 and, before MQTT 5.0, 15 are reserved";
    let varint = "PINGREQ, byte 1: a variable byte integer must end within four bytes";
    let level = "CONNECT, byte 8: the protocol level must be 3 with MQIsdp, 4 or 5 with MQTT";
    let alias = "PUBLISH, byte 7: a topic alias must not be 0";
    for (hex, expected) in [
        ("c000 0000", error(type_0, 2, 129)),
        ("c000 c0ffffffff01", error(varint, 3, 129)),
        ("100d 0004 4d515454 06 02 003c 0001 63", error(level, 8, 132)),
        ("3007 0001 61 03 23 0000", error(alias, 7, 148)),
    ] {
        let outcome = dissect(&["--json", "--version", "5.0", hex]);
        assert_eq!(outcome.out.lines().last(), Some(expected.as_str()), "{hex}");
        assert_eq!((outcome.err.as_str(), outcome.status), ("", 1), "{hex}");
    }
}

#[test]
fn an_unfinished_packet_says_how_many_bytes_it_lacks_at_least() {
    for (hex, missing) in [
        ("30", 1),
        ("30 05", 5),
        ("30 05 0001 61", 2),
        ("30 80", 1),
        ("30 ff", 128),
        ("30 ff ff ff", 2_097_152),
        ("30 ff ff ff 7f", 268_435_455),
        ("30 80 01 00", 127),
    ] {
        let line = format!(r#"{{"stream":0,"incomplete":{missing}}}"#);
        dissect(&["--json", hex]).assert(&[&line], &[], 1);
    }
    dissect(&["c000 3005 0001 61"]).assert(
        &["PINGREQ"],
        &["dissect: stream 0, offset 2: unfinished packet (bytes missing: at least 2)"],
        1,
    );
}

#[test]
fn the_version_is_the_one_asked_for_or_that_of_the_connect_or_3_1_1() {
    const CONNECT_V5: &str = "100e 0004 4d515454 05 02 003c 00 0001 63";
    const PUBLISH: &str = "3006 0001 61 00 6869";
    dissect(&[PUBLISH]).assert_prints(&["PUBLISH (d0, q0, r0, m0, 'a', 3 bytes)"]);
    dissect(&["--version", "5.0", PUBLISH])
        .assert_prints(&["PUBLISH (d0, q0, r0, m0, 'a', 2 bytes)"]);
    let connect = "CONNECT (v5.0, c1, k60, 'c')";
    for stream in [format!("{CONNECT_V5} {PUBLISH}"), format!("{PUBLISH} {CONNECT_V5}")] {
        let outcome = dissect(&[&stream]);
        assert!(outcome.out.contains(connect), "{outcome:?}");
        assert!(outcome.out.contains("'a', 2 bytes"), "{outcome:?}");
    }
    dissect(&["--version", "3.1", &format!("{CONNECT_V5} {PUBLISH}")])
        .assert_prints(&[connect, "PUBLISH (d0, q0, r0, m0, 'a', 3 bytes)"]);
}

#[test]
fn from_checks_who_may_send_what() {
    let refused = "PINGREQ, byte 0: this side must not send this packet, reason code or property";
    dissect(&["--from", "client", "c000"]).assert_prints(&["PINGREQ"]);
    dissect(&["--from", "server", "d000 c000 d000"]).assert(
        &["PINGRESP"],
        &[&format!("dissect: stream 0, offset 2: {refused}")],
        1,
    );
    dissect(&["d000 c000 d000"]).assert_prints(&["PINGRESP", "PINGREQ", "PINGRESP"]);
}

#[test]
fn reencode_shows_where_the_bytes_are_others() {
    // 5.0 may say success at length; 3.1 may set a user name flag without a user name.
    let longest_puback = "4004 0001 00 00";
    let no_user_name = "100f 0006 4d5149736470 03 80 003c 0001 63";
    dissect(&["--reencode", "--version", "5.0", longest_puback, no_user_name]).assert_prints(&[
        "PUBACK (m1), encoded again 40020001 instead of 400400010000",
        "CONNECT (v3.1, c0, k60, 'c'), encoded again 100f00064d51497364700300003c000163 \
         instead of 100f00064d51497364700380003c000163",
    ]);
    dissect(&["--reencode", "--version", "5.0", "--json", longest_puback, "4002 0001"])
        .assert_prints(&[
            r#"{"stream":0,"packet":"PUBACK","packet_id":1,"reason_code":0,"properties":[],"reencoded":false}"#,
            r#"{"stream":1,"packet":"PUBACK","packet_id":1,"reason_code":0,"properties":[],"reencoded":true}"#,
        ]);
}

#[test]
fn wrong_usage_is_refused() {
    for arguments in [
        &["--pcap", "file", "c000"][..],
        &["--version", "4", "c000"],
        &["--from", "nobody", "c000"],
        &["--port", "65536", "--pcap", "file"],
    ] {
        let outcome = dissect(arguments);
        assert_eq!((outcome.out.as_str(), outcome.status), ("", 2), "{arguments:?}");
        assert!(outcome.err.starts_with("error: "), "{}", outcome.err);
    }
}

#[test]
fn the_examples_of_the_help_are_true() {
    let help = dissect(&["--help"]);
    assert_eq!((help.err.as_str(), help.status), ("", 0));
    let example = help.out.lines().find_map(|line| line.trim().strip_prefix("dissect '"));
    dissect(&[example.and_then(|line| line.strip_suffix('\'')).unwrap()])
        .assert_prints(&["CONNECT (v3.1.1, c1, k60, 'c')", "PINGREQ"]);
    assert!(help.out.contains("dissect --pcap "), "{}", help.out);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let mut child = example()
        .arg("c000".repeat(30_000))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(line, "PINGREQ\n");
    assert_eq!((output.stderr.as_slice(), output.status.code()), (&b""[..], Some(0)));
}
