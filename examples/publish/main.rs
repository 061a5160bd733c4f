//! Publishes messages to an MQTT server: mosquitto_pub over the sans-IO `Client`.

#[path = "../common/mod.rs"]
mod common;
mod lines;
mod options;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::mpsc::SyncSender;

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, Connect, DisconnectReason, Handle, Instant, Message,
    OwnedProperties, Property, PublishOutcome,
};

use common::command::{self, End};
use common::driver::{Application, Driver, Input};
use common::options::Options;
use lines::{Line, Lines};
use options::{Arguments, Source};

const PROGRAM: &str = "publish";

fn main() -> ExitCode {
    let arguments = match command::parse::<Arguments>(PROGRAM) {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let quiet = arguments.options.quiet;
    let (Ok(end) | Err(end)) = run(arguments);
    end.report(PROGRAM, quiet)
}

fn run(mut arguments: Arguments) -> Result<End, End> {
    let source = arguments.settle()?;
    let options = arguments.options;
    let mut config = ClientConfig::default();
    config.max_inflight_messages = arguments.max_inflight;
    config.topic_aliases = arguments.topic_aliases;
    // Lines are read only as fast as they are delivered.
    config.max_queued_bytes = usize::MAX;
    let trace = options.trace();
    let client = options.client(config);
    let mut driver = Driver::open(options.address(), client, trace)?;
    let mut publisher = Publisher {
        options: &options,
        source,
        due: None,
        unfinished: BTreeMap::new(),
        inputs: driver.sender(),
        lines: None,
        exhausted: false,
        failure: None,
    };
    Ok(driver.run(options.address(), &mut publisher))
}

/// Publishes what there is, and ends when all of it is delivered.
struct Publisher<'a> {
    options: &'a Options,
    source: Source,
    /// When the one message is published next.
    due: Option<Instant>,
    /// Handed to the client and not delivered yet.
    unfinished: BTreeMap<Handle, Message>,
    inputs: SyncSender<Input<Line>>,
    /// Standard input, once it is read.
    lines: Option<Lines>,
    /// Nothing more is to be published.
    exhausted: bool,
    failure: Option<String>,
}

impl Publisher<'_> {
    fn publish(&mut self, now: Instant, message: Message, client: &mut Client) {
        match client.publish(now, message.clone()) {
            Ok(handle) => {
                self.unfinished.insert(handle, message);
            }
            Err(error) => {
                self.failure = Some(error.to_string());
                client.disconnect(now);
            }
        }
    }

    fn delivered(&mut self, now: Instant, client: &mut Client) {
        match &mut self.source {
            Source::One { times, delay, .. } => {
                *times -= 1;
                self.exhausted = *times == 0;
                self.due = (!self.exhausted).then(|| now + *delay);
            }
            Source::Lines(_) => self.lines.iter().for_each(Lines::another),
        }
        self.finish(now, client);
    }

    fn finish(&self, now: Instant, client: &mut Client) {
        if self.is_done() {
            self.options.disconnect(now, client);
        }
    }

    fn warn(&self, line: &str) {
        if !self.options.quiet {
            eprintln!("{line}");
        }
    }

    fn is_done(&self) -> bool {
        self.exhausted && self.unfinished.is_empty()
    }
}

impl Application for Publisher<'_> {
    type News = Line;

    fn connect(&self) -> Connect<'_> {
        self.options.connect()
    }

    fn connect_properties(&self) -> Vec<Property<'_>> {
        self.options.connect_properties()
    }

    fn will_properties(&self) -> Vec<Property<'_>> {
        self.options.will_properties()
    }

    fn event(&mut self, now: Instant, event: ClientEvent, client: &mut Client) {
        match event {
            ClientEvent::Connected { .. } => {
                match &self.source {
                    Source::One { .. } => self.due = Some(now),
                    Source::Lines(_) if self.lines.is_none() => {
                        self.lines = Some(Lines::read(self.inputs.clone()));
                    }
                    Source::Lines(_) => {}
                }
                self.finish(now, client);
            }
            ClientEvent::Published { handle, outcome, properties } => {
                let Some(message) = self.unfinished.remove(&handle) else { return };
                match outcome {
                    // Its session is over: it is a new message to the next one.
                    PublishOutcome::Lost => self.publish(now, message, client),
                    PublishOutcome::Refused(code) => {
                        let text =
                            properties.reason_string().map_or(String::new(), |t| format!(" ({t})"));
                        self.warn(&format!(
                            "Warning: Publish {} failed: {code}{text}.",
                            message.topic
                        ));
                        self.delivered(now, client);
                    }
                    PublishOutcome::NotSent(why) => {
                        self.failure = Some(why.to_string());
                        client.disconnect(now);
                    }
                    PublishOutcome::Expired => {
                        self.warn(&format!("Warning: A message to {} expired.", message.topic));
                        self.delivered(now, client);
                    }
                    _ => self.delivered(now, client),
                }
            }
            _ => {}
        }
    }

    fn news(&mut self, now: Instant, Line(line): Line, client: &mut Client) {
        match (line, &self.source) {
            (Some(line), Source::Lines(message)) => {
                let mut message = message.clone();
                message.payload = line.into();
                self.publish(now, message, client);
            }
            _ => {
                self.exhausted = true;
                self.finish(now, client);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.due
    }

    fn tick(&mut self, now: Instant, client: &mut Client) {
        self.due = None;
        if let Source::One { message, .. } = &self.source {
            self.publish(now, message.clone(), client);
        }
    }

    fn ended(&self, reason: DisconnectReason, properties: &OwnedProperties) -> Option<End> {
        if let Some(failure) = &self.failure {
            return Some(End::Runtime(format!("Error: {failure}.")));
        }
        let mut end = End::ended(reason, properties, self.options.version());
        match reason {
            DisconnectReason::Requested => Some(end),
            DisconnectReason::Refused(_) => {
                if let End::Exit(_, lines) = &mut end {
                    lines.push("Error: The connection was refused.".to_owned());
                }
                Some(end)
            }
            DisconnectReason::ServerFault(_) | DisconnectReason::Server(_) => Some(end),
            // Who writes lines will write more: these are worth another connection.
            _ if self.lines.is_some() => None,
            _ => Some(end),
        }
    }
}
