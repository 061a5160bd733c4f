//! `light` and `chat` through mosquitto and through our broker.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use super::mosquitto_server::{PATIENCE, Server};

/// Who serves.
#[derive(Clone, Copy, Debug)]
enum Maker {
    Ours,
    Mosquitto,
}

const BOTH: [Maker; 2] = [Maker::Ours, Maker::Mosquitto];

/// A server that runs.
struct Serving {
    port: String,
    broker: Option<Program>,
    mosquitto: Option<Server>,
}

impl Serving {
    fn new(maker: Maker) -> Serving {
        if let Maker::Mosquitto = maker {
            let server = Server::start();
            return Serving {
                port: server.address().port().to_string(),
                broker: None,
                mosquitto: Some(server),
            };
        }
        let mut broker = Program::start("broker", &["--listen", "127.0.0.1:0"]);
        let line = broker.wait_for("listening on ");
        let port = line.rsplit(':').next().unwrap().to_owned();
        Serving { port, broker: Some(broker), mosquitto: None }
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Program {
        let server = ["-h", "127.0.0.1", "-p", &self.port];
        Program::start(name, &[arguments, &server].concat())
    }

    /// Ends it, as it may, with all its connections.
    fn stop(mut self) {
        if let Some(broker) = &self.broker {
            broker.signal("TERM");
        }
        if let Some(server) = &mut self.mosquitto {
            server.stop();
        }
    }
}

/// An example that runs; killed where it is dropped.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    /// Of both outputs.
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Program {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let example =
            profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
        assert!(example.exists(), "no {}: run cargo build --examples", example.display());
        let mut command = Command::new(example);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        pass_on(child.stdout.take().unwrap(), sender.clone());
        pass_on(child.stderr.take().unwrap(), sender);
        let input = child.stdin.take();
        Program { child, input, lines, seen: Vec::new() }
    }

    /// A line, typed.
    fn type_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The end of what is typed.
    fn type_end(&mut self) {
        self.input = None;
    }

    /// The next line that contains this.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success(), "no signal could be sent");
    }

    /// Waits for its end: its exit status, and all it said.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(line) = self.lines.recv_timeout(left()) {
            self.seen.push(line);
        }
        assert!(Instant::now() < deadline, "it does not end: {:#?}", self.seen);
        let status = self.child.wait().unwrap().code();
        (status, std::mem::take(&mut self.seen))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_on(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // A program that nobody waits for any more may still talk.
            let _ = lines.send(line);
        }
    });
}

/// What was said about packets, of those lines that `-d` adds.
fn packets<'a>(lines: &'a [String], what: &str) -> Vec<&'a str> {
    lines.iter().map(String::as_str).filter(|line| line.contains(what)).collect()
}

#[test]
#[ignore = "needs mosquitto"]
fn the_light_is_switched_from_the_dashboard_and_answers_each_command() {
    for maker in BOTH {
        let server = Serving::new(maker);
        let mut controller = server.run("light", &["controller"]);
        controller.wait_for("Waiting for commands");
        let mut dashboard = server.run("light", &["dashboard"]);
        for (typed, light) in [("ON", "ON"), (" off ", "OFF")] {
            dashboard.type_line(typed);
            dashboard.wait_for(&format!("Sent command: {light}"));
            dashboard.wait_for(&format!("Received light status: Light is {light}"));
            controller.wait_for(&format!("Received command: {light}"));
            controller.wait_for(&format!("Published status: Light is {light}"));
        }
        dashboard.type_end();
        let (status, said) = dashboard.end();
        assert_eq!((status, said.len()), (Some(0), 5), "{maker:?}: {said:#?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn what_is_no_command_is_explained_where_typed_and_answered_with_unknown_where_sent() {
    for maker in BOTH {
        let server = Serving::new(maker);
        let mut controller = server.run("light", &["controller"]);
        controller.wait_for("Waiting for commands");
        let mut dashboard = server.run("light", &["dashboard"]);
        dashboard.type_line("DIM\u{1b}[2J");
        dashboard.wait_for("Invalid command 'DIM\u{FFFD}[2J'. Enter ON, OFF or QUIT.");
        for (payload, received) in [
            ("{\"command\":\"DIM\",\"timestamp\":1}", "Received command: DIM"),
            ("{\"command\":1}", "Received no command, but: {\"command\":1}"),
            ("ON", "Received no command, but: ON"),
        ] {
            let publish = ["-t", "home/light/control", "-q", "1", "-m", payload];
            assert_eq!(server.run("publish", &publish).end(), (Some(0), vec![]), "{maker:?}");
            controller.wait_for(received);
            controller.wait_for("Published status: Light is UNKNOWN");
            dashboard.wait_for("Received light status: Light is UNKNOWN");
        }
        dashboard.type_line("quit");
        assert_eq!(dashboard.end().0, Some(0), "{maker:?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_dashboard_without_a_light_says_so_and_fails() {
    let server = Serving::new(Maker::Ours);
    let mut dashboard = server.run("light", &["dashboard"]);
    dashboard.type_line("ON");
    dashboard.type_end();
    let expected =
        ["Connected to MQTT broker", "Sent command: ON", "No light answers (1 unanswered)."];
    assert_eq!(dashboard.end(), (Some(1), expected.map(str::to_owned).to_vec()));
}

#[test]
#[ignore = "needs mosquitto"]
fn both_sides_of_a_chat_read_what_the_other_writes_and_nothing_else() {
    for maker in BOTH {
        let server = Serving::new(maker);
        let mut left = server.run("chat", &["left", "right", "-d"]);
        left.wait_for("Connected, right is read");
        let mut right = server.run("chat", &["right", "left"]);
        right.wait_for("Connected, left is read");
        for (from_left, line) in [
            (true, "Hello!"),
            (false, "Hi, how about the code?"),
            (true, "Code is working fine"),
            (false, "Nice!"),
        ] {
            let (writer, reader, name) = if from_left {
                (&mut left, &mut right, "left")
            } else {
                (&mut right, &mut left, "right")
            };
            writer.type_line(line);
            reader.wait_for(&format!("{name}: {line}"));
        }
        right.type_line("/shrug");
        right.wait_for("Invalid command '/shrug'. There is only /quit.");
        right.type_line("/quit");
        let (status, said) = right.end();
        assert_eq!((status, said.len()), (Some(0), 4), "{maker:?}: {said:#?}");
        // The last message is read before its exchange is over.
        while packets(&left.seen, "sending PUBCOMP").len() < 2 {
            left.wait_for("");
        }
        left.type_end();
        let (status, said) = left.end();
        assert_eq!(status, Some(0), "{maker:?}: {said:#?}");
        // At QoS 2 both ways, and with DISCONNECT in the end.
        assert_eq!(packets(&said, "sending PUBREL").len(), 2, "{maker:?}: {said:#?}");
        assert_eq!(packets(&said, "sending PUBCOMP").len(), 2, "{maker:?}: {said:#?}");
        assert_eq!(packets(&said, "sending DISCONNECT").len(), 1, "{maker:?}: {said:#?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn a_signal_ends_the_programs_with_disconnect() {
    for maker in BOTH {
        let server = Serving::new(maker);
        for (name, arguments) in [
            ("light", &["dashboard", "-d"][..]),
            ("light", &["controller", "-d"]),
            ("chat", &["left", "right", "-d"]),
        ] {
            for signal in ["INT", "TERM"] {
                let will = ["--will-topic", "will", "--will-payload", "gone"];
                let mut program = server.run(name, &[arguments, &will].concat());
                program.wait_for("Subscribed");
                program.signal(signal);
                let (status, said) = program.end();
                let disconnected = packets(&said, "sending DISCONNECT").len();
                assert_eq!((status, disconnected), (Some(0), 1), "{maker:?} {name}: {said:#?}");
            }
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn the_programs_go_on_trying_when_the_server_ends_and_stop_when_asked_to() {
    for maker in BOTH {
        let server = Serving::new(maker);
        let mut controller = server.run("light", &["controller"]);
        controller.wait_for("Waiting for commands");
        server.stop();
        thread::sleep(std::time::Duration::from_millis(500));
        controller.signal("INT");
        let (status, said) = controller.end();
        assert_eq!(status, Some(0), "{maker:?}: {said:#?}");
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn what_cannot_be_meant_is_said() {
    for (name, arguments, expected) in [
        ("light", &[][..], "Error: Which part is it, dashboard or controller?"),
        ("light", &["lamp"], "Error: Unknown part 'lamp': it is dashboard or controller."),
        (
            "light",
            &["dashboard", "-L", "mqtt://h/t"],
            "Error: The light has topics of its own, end the URL with '/'.",
        ),
        ("chat", &["left"], "Error: Two names are needed: yours, and that of the other side."),
        ("chat", &["me", "me"], "Error: Both names are the same, you would read what you write."),
        (
            "chat",
            &["left", "a/b"],
            "Error: Invalid name 'a/b': it is to be a level of a topic, without '/', '+' and '#'.",
        ),
    ] {
        let (status, said) = Program::start(name, arguments).end();
        let usage = format!("Use '{name} --help' to see usage.");
        assert_eq!(status, Some(1), "{name} {arguments:?}: {said:#?}");
        assert_eq!(said, [expected, "", &usage], "{name} {arguments:?}");
    }
}
