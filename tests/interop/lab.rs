//! The captures that `lab --out` writes, as tshark reads them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// What a program prints, where it succeeds.
fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {errors}", program.display());
    String::from_utf8(output.stdout).unwrap()
}

fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(example.exists(), "no {}: run cargo build --examples", example.display());
    example
}

fn tshark(file: &str, arguments: &[&str]) -> String {
    let checks = ["-n", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];
    run(Path::new("tshark"), &[&checks[..], &["-r", file], arguments].concat())
}

/// The captures of all experiments, in a directory of that name.
fn captures(name: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    let list = run(&example("lab"), &["list"]);
    run(&example("lab"), &["--quiet", "--out", directory.to_str().unwrap()]);
    let mut captures: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    captures.retain(|path| path.extension().is_some_and(|extension| extension == "pcapng"));
    let experiments = list.lines().filter(|line| line.starts_with("  ")).count();
    assert!(experiments > 0 && captures.len() == experiments, "{experiments}: {captures:?}");
    captures.sort();
    captures
}

#[test]
#[ignore = "needs tshark"]
fn no_capture_of_the_lab_has_anything_to_complain_about() {
    for capture in captures("interop-lab-complaints") {
        let file = capture.to_str().unwrap();
        let complaints = tshark(file, &["-q", "-z", "expert,warn"]);
        assert!(complaints.trim().is_empty(), "{file}: {complaints}");
        // Segments that are repeated, missing or out of order are but notes, some of them.
        let analysis = tshark(file, &["-Y", "tcp.analysis.flags or _ws.malformed"]);
        assert!(analysis.is_empty(), "{file}: {analysis}");
    }
}

#[test]
#[ignore = "needs tshark"]
fn tshark_finds_the_packets_that_dissect_finds_in_the_captures_of_the_lab() {
    for capture in captures("interop-lab-packets") {
        let file = capture.to_str().unwrap();
        // The frames in which packets end come in the order of time in both.
        let found = tshark(file, &["-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype"]);
        let types = found.split([',', '\n']).filter(|number| !number.is_empty());
        let types: Vec<usize> = types.map(|number| number.parse().unwrap()).collect();
        let lines = run(&example("dissect"), &["--pcap", file, "--json"]);
        let expected: Vec<usize> = lines
            .lines()
            .map(|line| {
                let packet: Value = serde_json::from_str(line).unwrap();
                let names = ["", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL"];
                let more = ["PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK"];
                let rest = ["PINGREQ", "PINGRESP", "DISCONNECT"];
                let mut names = names.iter().chain(&more).chain(&rest);
                names.position(|name| *name == packet["packet"]).unwrap()
            })
            .collect();
        assert!(!expected.is_empty(), "{file}");
        assert_eq!(types, expected, "{file}:\n{lines}");
    }
}
