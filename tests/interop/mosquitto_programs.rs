//! The examples and mosquitto's own clients, run to their end.

use std::env;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::mosquitto_server::{PATIENCE, Server};

/// What programs connect to.
pub(crate) trait Target {
    fn address(&self) -> SocketAddr;

    /// Where the files of the test are.
    fn folder(&self) -> &Path;
}

impl Target for Server {
    fn address(&self) -> SocketAddr {
        self.address()
    }

    fn folder(&self) -> &Path {
        self.folder()
    }
}

/// Who publishes or subscribes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Maker {
    Ours,
    Mosquitto,
}

impl Maker {
    pub(crate) const BOTH: [Maker; 2] = [Maker::Ours, Maker::Mosquitto];

    pub(crate) fn publish(self, server: &impl Target) -> Program {
        match self {
            Maker::Ours => Program::new(example("publish"), server),
            Maker::Mosquitto => Program::new(PathBuf::from("mosquitto_pub"), server),
        }
    }

    pub(crate) fn subscribe(self, server: &impl Target) -> Program {
        match self {
            Maker::Ours => Program::new(example("subscribe"), server),
            Maker::Mosquitto => Program::new(PathBuf::from("mosquitto_sub"), server),
        }
    }
}

/// The example, which stands beside the folder of the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(example.exists(), "no {}: run cargo build --examples", example.display());
    example
}

/// A command that connects to a server.
pub(crate) struct Program(Command);

impl Program {
    fn new(path: PathBuf, server: &impl Target) -> Program {
        let mut command = Command::new(path);
        // mosquitto's clients read their defaults there.
        command.env("HOME", server.folder()).env_remove("XDG_CONFIG_HOME");
        let (ip, port) = (server.address().ip().to_string(), server.address().port().to_string());
        command.args(["-h", &ip, "-p", &port]);
        Program(command)
    }

    /// With these arguments, between spaces.
    pub(crate) fn with(mut self, arguments: &str) -> Program {
        self.0.args(arguments.split_whitespace());
        self
    }

    /// With one more argument, as it is.
    pub(crate) fn and(mut self, argument: impl AsRef<OsStr>) -> Program {
        self.0.arg(argument);
        self
    }

    pub(crate) fn command(self) -> Command {
        self.0
    }

    pub(crate) fn start(&mut self) -> Running {
        self.start_with(b"")
    }

    fn start_with(&mut self, input: &[u8]) -> Running {
        let pipes = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let (out, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let input = input.to_vec();
        // It need not read all of it, or any.
        thread::spawn(move || stdin.write_all(&input));
        let err = thread::spawn(move || {
            let mut err = Vec::new();
            stderr.read_to_end(&mut err).unwrap();
            String::from_utf8(err).unwrap()
        });
        Running { child, out: Some(out), err: Some(err) }
    }

    pub(crate) fn run(mut self) -> Outcome {
        self.start().outcome()
    }

    pub(crate) fn run_with(mut self, input: &[u8]) -> Outcome {
        self.start_with(input).outcome()
    }

    /// Runs it where nothing but success is expected.
    pub(crate) fn succeed(mut self) -> Vec<u8> {
        let outcome = self.start().outcome();
        assert!(outcome.status == 0 && outcome.err.is_empty(), "{:?}: {outcome:?}", self.0);
        outcome.out
    }
}

/// What a program did.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
    pub(crate) status: i32,
}

/// A program that runs; killed where it is dropped.
pub(crate) struct Running {
    child: Child,
    out: Option<ChildStdout>,
    err: Option<JoinHandle<String>>,
}

impl Running {
    /// Reads its output up to this text; that of mosquitto's clients comes too late for that.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let (mut out, mut byte) = (Vec::new(), [0]);
        let stdout = self.out.as_mut().unwrap();
        while !out.ends_with(text.as_bytes()) {
            let len = stdout.read(&mut byte).unwrap();
            assert!(len > 0, "no {text:?} in {:?}", String::from_utf8_lossy(&out));
            out.extend(byte);
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn outcome(mut self) -> Outcome {
        let mut stdout = self.out.take().unwrap();
        let out = thread::spawn(move || {
            let mut out = Vec::new();
            stdout.read_to_end(&mut out).unwrap();
            out
        });
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let err = self.err.take().unwrap().join().unwrap();
        Outcome { out: out.join().unwrap(), err, status }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
