//! Running the example.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, thread};

/// What the example did.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

impl Outcome {
    /// That these lines came out, and nothing was wrong.
    #[track_caller]
    pub(crate) fn assert_prints(&self, lines: &[&str]) {
        self.assert(lines, &[], 0);
    }

    /// That these lines came out, and these on standard error.
    #[track_caller]
    pub(crate) fn assert(&self, out: &[&str], err: &[&str], status: i32) {
        let text = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect();
        let expected = Outcome { out: text(out), err: text(err), status };
        assert!(*self == expected, "expected {expected:#?}\ngot {self:#?}");
    }
}

/// The example, which stands beside the folder of the tests.
pub(crate) fn example() -> Command {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example =
        profile.join("examples").join("dissect").with_extension(env::consts::EXE_EXTENSION);
    assert!(example.exists(), "no {}: run cargo build --example dissect", example.display());
    Command::new(example)
}

/// Runs it with nothing on standard input.
pub(crate) fn dissect(arguments: &[&str]) -> Outcome {
    dissect_lines(arguments, "")
}

/// Runs it with that on standard input.
pub(crate) fn dissect_lines(arguments: &[&str], input: &str) -> Outcome {
    let mut child = example()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = String::from(input);
    // It need not read all of it, or any.
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    Outcome {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
    }
}

/// Runs it on a capture file of that name and content, which its messages then call FILE.
pub(crate) fn dissect_capture(name: &str, content: &[u8], arguments: &[&str]) -> Outcome {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap();
    let outcome = dissect(&[&["--pcap", path], arguments].concat());
    Outcome { err: outcome.err.replace(path, "FILE"), ..outcome }
}
