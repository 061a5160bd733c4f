//! A chat of two: each side publishes to its own topic, and subscribes to the other's.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/conversation.rs"]
mod conversation;
mod options;
#[path = "../common/signals.rs"]
mod signals;
#[path = "../common/terminal.rs"]
mod terminal;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::mpsc::SyncSender;

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, Connect, DisconnectReason, Handle, Instant, OwnedProperties,
    Property, PublishOutcome, RequestOutcome,
};

use common::command::{self, End};
use common::driver::{Application, Driver, Input};
use conversation::{Finish, ended, granted, publish, subscribe};
use options::Arguments;
use terminal::{Terminal, Typed, visible};

const PROGRAM: &str = "chat";

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
    let (me, other) = arguments.settle()?;
    let address = arguments.options.address();
    let mut driver = Driver::open(
        address,
        arguments.options.client(ClientConfig::default()),
        arguments.options.trace(),
    )?;
    terminal::watch(driver.sender());
    let mut chat = Chat {
        arguments: &arguments,
        own_topic: topic(&me),
        other_topic: topic(&other),
        other,
        terminal: Terminal::new("> "),
        inputs: Some(driver.sender()),
        undelivered: BTreeMap::new(),
        no_more_lines: false,
        finish: None,
    };
    Ok(driver.run(address, &mut chat))
}

/// Where somebody of that name writes.
fn topic(name: &str) -> String {
    format!("chat/{name}")
}

struct Chat<'a> {
    arguments: &'a Arguments,
    own_topic: String,
    other_topic: String,
    other: String,
    terminal: Terminal,
    /// For the thread that reads what is typed, until it does.
    inputs: Option<SyncSender<Input<Typed>>>,
    /// Lines that the server does not have yet.
    undelivered: BTreeMap<Handle, String>,
    no_more_lines: bool,
    finish: Option<Finish>,
}

impl Chat<'_> {
    fn finish(&mut self, now: Instant, finish: Finish, client: &mut Client) {
        if self.finish.is_none() {
            self.terminal.end();
            self.finish = Some(finish);
        }
        self.arguments.options.disconnect(now, client);
    }

    fn line(&mut self, now: Instant, line: &str, client: &mut Client) {
        let line = line.trim_end();
        if self.no_more_lines {
            return;
        }
        match line.trim_start() {
            "" => self.terminal.ask(),
            "/quit" => {
                self.no_more_lines = true;
                self.end_if_done(now, client);
            }
            command if command.starts_with('/') => {
                let command = visible(command.as_bytes());
                let line = format!("Invalid command '{command}'. There is only /quit.");
                self.terminal.explain(&line);
            }
            _ => {
                let sent =
                    publish(now, &self.own_topic, line.to_owned(), self.arguments.qos, client);
                match sent {
                    Ok(handle) => {
                        self.undelivered.insert(handle, line.to_owned());
                        self.terminal.ask();
                    }
                    Err(error) => self.terminal.explain(&format!("Error: {error}.")),
                }
            }
        }
    }

    /// Ends where the last line was delivered.
    fn end_if_done(&mut self, now: Instant, client: &mut Client) {
        if self.no_more_lines && self.undelivered.is_empty() {
            self.finish(now, Finish(0, None), client);
        }
    }
}

impl Application for Chat<'_> {
    type News = Typed;

    fn connect(&self) -> Connect<'_> {
        self.arguments.options.connect()
    }

    fn connect_properties(&self) -> Vec<Property<'_>> {
        self.arguments.options.connect_properties()
    }

    fn will_properties(&self) -> Vec<Property<'_>> {
        self.arguments.options.will_properties()
    }

    fn event(&mut self, now: Instant, event: ClientEvent, client: &mut Client) {
        match event {
            ClientEvent::Connected { .. } => {
                let other = &self.other_topic;
                if let Err(finish) = subscribe(now, other, self.arguments.qos, client) {
                    self.finish(now, finish, client);
                }
            }
            ClientEvent::Subscribed { outcome: RequestOutcome::Answered(codes), .. } => {
                if let Err(finish) = granted(&codes, &self.other_topic) {
                    return self.finish(now, finish, client);
                }
                self.terminal
                    .say(&format!("Connected, {} is read", visible(self.other.as_bytes())));
                // From now on nothing of the other side is missed.
                if let Some(inputs) = self.inputs.take() {
                    self.terminal.read(inputs);
                }
            }
            ClientEvent::Published { handle, outcome, .. } => {
                let line = self.undelivered.remove(&handle);
                if let (Some(line), PublishOutcome::Lost) = (line, outcome) {
                    let line = visible(line.as_bytes());
                    self.terminal.explain(&format!("Not known to have arrived: {line}"));
                }
                self.end_if_done(now, client);
            }
            ClientEvent::Message { message, .. } if self.finish.is_none() => {
                let text = visible(&message.payload);
                self.terminal.say(&format!("{}: {text}", visible(self.other.as_bytes())));
            }
            _ => {}
        }
    }

    fn news(&mut self, now: Instant, typed: Typed, client: &mut Client) {
        match typed {
            Typed::Line(line) => self.line(now, &line, client),
            Typed::End => {
                self.no_more_lines = true;
                self.end_if_done(now, client);
            }
            Typed::Stop => self.finish(now, Finish(0, None), client),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn tick(&mut self, _: Instant, _: &mut Client) {}

    fn ended(&self, reason: DisconnectReason, properties: &OwnedProperties) -> Option<End> {
        ended(self.finish.as_ref(), reason, properties, &self.arguments.options)
    }
}
