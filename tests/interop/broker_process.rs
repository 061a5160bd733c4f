//! A program whose lines are waited for.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::mosquitto_server::PATIENCE;

/// A program that runs; killed where it is dropped.
pub(crate) struct Process {
    child: Child,
    /// Of both outputs: only what goes wrong is said on standard error.
    lines: Receiver<String>,
    /// What it was, for the report of a failed test.
    name: String,
    seen: Vec<String>,
}

impl Process {
    /// Runs it so that it hands over each line at once.
    pub(crate) fn start(command: &Command) -> Process {
        let mut unbuffered = Command::new("stdbuf");
        unbuffered.arg("-oL").arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => unbuffered.env(key, value),
                None => unbuffered.env_remove(key),
            };
        }
        let pipes = unbuffered.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let (sender, lines) = channel();
        pass_on(child.stdout.take().unwrap(), sender.clone());
        pass_on(child.stderr.take().unwrap(), sender);
        Process { child, lines, name: format!("{command:?}"), seen: Vec::new() }
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line.clone());
                line
            }
            Err(error) => {
                let why = match error {
                    RecvTimeoutError::Timeout => "says no more",
                    RecvTimeoutError::Disconnected => "has ended",
                };
                panic!("{} {why}; it has said {:#?}", self.name, self.seen);
            }
        }
    }

    /// The lines up to one that contains this.
    pub(crate) fn wait_for(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains(text)) {
            lines.push(self.line());
        }
        lines
    }

    /// Waits for its end: the rest of its lines, and its status.
    pub(crate) fn end(&mut self) -> (Vec<String>, Option<i32>) {
        let mut lines = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{} does not end: {lines:#?}", self.name),
            }
        }
        (lines, self.status())
    }

    /// Its lines, where nothing but success is expected.
    pub(crate) fn succeed(mut self) -> Vec<String> {
        let (lines, status) = self.end();
        assert_eq!(status, Some(0), "{}: {lines:#?}", self.name);
        lines
    }

    /// Asks it to end, by the name of a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success(), "no signal could be sent");
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// All that it has said until now.
    pub(crate) fn said(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Its outputs are closed, so the end is near.
    fn status(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("{} does not end", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pass_on(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            let line = String::from_utf8_lossy(&line.unwrap()).into_owned();
            // A program that nobody waits for any more may still talk.
            let _ = lines.send(line);
        }
    });
}
