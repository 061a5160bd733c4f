//! The command line: what is printed and written, and the exit status.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::scenarios;

fn lab(arguments: &[&str]) -> Output {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join("lab").with_extension(env::consts::EXE_EXTENSION);
    assert!(example.exists(), "no {}: run cargo build --example lab", example.display());
    Command::new(example).args(arguments).output().unwrap()
}

#[track_caller]
fn assert_prints(output: &Output, status: i32, out: &str, err: &str) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let got = (output.status.code(), text(&output.stdout), text(&output.stderr));
    assert_eq!(got, (Some(status), out.to_owned(), err.to_owned()));
}

#[test]
fn quiet_prints_one_line_each_in_the_order_asked_for() {
    let expected = "\
✓ qos0-watched: 6 of 6 statements hold
✓ chat: 2 of 2 statements hold
";
    assert_prints(&lab(&["--quiet", "qos0-watched", "chat"]), 0, expected, "");
}

#[test]
fn a_statement_that_does_not_hold_is_shown_and_the_exit_status_is_1() {
    let output = lab(&["-q", "v31-will", "--change", "it ends with DISCONNECT"]);
    let expected = "\
✗ v31-will: 1 of 2 statements hold
  the second subscriber received the will: found [], expected [\"appiot/temp Disconnected q0\"]
";
    assert_prints(&output, 1, expected, "");
}

#[test]
fn a_name_or_change_that_there_is_not_is_said_and_the_exit_status_is_2() {
    let expected = "lab: there is no experiment \"chatt\"; `lab list` shows those there are\n";
    assert_prints(&lab(&["chat", "chatt"]), 2, "", expected);
    let expected =
        "lab: the changes to chat are: both write to one topic; the right side is late\n";
    assert_prints(&lab(&["chat", "--change", "late"]), 2, "", expected);
}

#[test]
fn list_names_every_experiment() {
    let output = lab(&["list"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
    let names: Vec<_> = lines.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, scenarios::all().map(|scenario| scenario.name).collect::<Vec<_>>());
}

#[test]
fn nothing_is_coloured_or_wider_than_80_columns_where_it_is_no_terminal() {
    let output = lab(&[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        assert!(!line.contains('\x1b'), "{line:?}");
    }
}

#[test]
fn out_writes_files_named_after_the_experiment_into_a_new_directory() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lab-out");
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    let output = lab(&["-q", "chat", "--out", directory.to_str().unwrap()]);
    assert_prints(&output, 0, "✓ chat: 2 of 2 statements hold\n", "");
    let diagram = fs::read_to_string(directory.join("chat.txt")).unwrap();
    assert!(diagram.trim_start().starts_with("left"), "{diagram}");
    let picture = fs::read_to_string(directory.join("chat.svg")).unwrap();
    assert!(picture.contains(">A chat of two<"), "{picture}");
    let capture = fs::read(directory.join("chat.pcapng")).unwrap();
    assert_eq!(capture[..4], [0x0A, 0x0D, 0x0D, 0x0A]);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
}
