//! The dashboard: commands are typed, the light's answers are shown.

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mqtt_sansio::{
    Client, ClientEvent, Connect, DisconnectReason, Handle, Instant, OwnedProperties, Property,
    PublishOutcome, QoS, RequestOutcome,
};
use serde_json::json;

use crate::common::command::End;
use crate::common::driver::{Application, Input};
use crate::common::options::Options;
use crate::conversation::{Finish, ended, granted, publish, subscribe};
use crate::terminal::{Terminal, Typed, visible};
use crate::{CONTROL, STATUS};

/// How long after the last line the light may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Dashboard<'a> {
    options: &'a Options,
    qos: QoS,
    terminal: Terminal,
    /// For the thread that reads what is typed, until it does.
    inputs: Option<SyncSender<Input<Typed>>>,
    /// Commands that the server has not acknowledged.
    unacknowledged: BTreeMap<Handle, &'static str>,
    /// How many commands the light has not answered.
    unanswered: usize,
    /// When the answers are no longer waited for, once there are no more lines.
    deadline: Option<Instant>,
    finish: Option<Finish>,
}

impl<'a> Dashboard<'a> {
    pub(crate) fn new(
        options: &'a Options,
        qos: QoS,
        inputs: SyncSender<Input<Typed>>,
    ) -> Dashboard<'a> {
        Dashboard {
            options,
            qos,
            terminal: Terminal::new("Enter command (ON/OFF): "),
            inputs: Some(inputs),
            unacknowledged: BTreeMap::new(),
            unanswered: 0,
            deadline: None,
            finish: None,
        }
    }

    fn finish(&mut self, now: Instant, finish: Finish, client: &mut Client) {
        if self.finish.is_none() {
            self.terminal.end();
            self.finish = Some(finish);
        }
        self.options.disconnect(now, client);
    }

    fn line(&mut self, now: Instant, line: &str, client: &mut Client) {
        let line = line.trim();
        match line.to_ascii_uppercase().as_str() {
            "" => self.terminal.ask(),
            "ON" => self.send(now, "ON", client),
            "OFF" => self.send(now, "OFF", client),
            "QUIT" => {
                // Who types it does not wait for the light.
                self.unanswered = 0;
                self.deadline = Some(now + PATIENCE);
                self.end_if_done(now, client);
            }
            _ => {
                let line = visible(line.as_bytes());
                self.terminal.explain(&format!("Invalid command '{line}'. Enter ON, OFF or QUIT."));
            }
        }
    }

    fn send(&mut self, now: Instant, command: &'static str, client: &mut Client) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let payload = json!({ "command": command, "timestamp": since.as_secs_f64() }).to_string();
        match publish(now, CONTROL, payload, self.qos, client) {
            Ok(handle) => {
                self.unacknowledged.insert(handle, command);
                self.unanswered += 1;
                self.terminal.say(&format!("Sent command: {command}"));
            }
            Err(error) => self.terminal.explain(&format!("Error: {error}.")),
        }
    }

    /// Ends where the last line was dealt with.
    fn end_if_done(&mut self, now: Instant, client: &mut Client) {
        if self.deadline.is_some() && self.unacknowledged.is_empty() && self.unanswered == 0 {
            self.finish(now, Finish(0, None), client);
        }
    }
}

impl Application for Dashboard<'_> {
    type News = Typed;

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
                self.terminal.say("Connected to MQTT broker");
                if let Err(finish) = subscribe(now, STATUS, self.qos, client) {
                    self.finish(now, finish, client);
                }
            }
            ClientEvent::Subscribed { outcome: RequestOutcome::Answered(codes), .. } => {
                if let Err(finish) = granted(&codes, STATUS) {
                    return self.finish(now, finish, client);
                }
                // From now on no answer is missed.
                if let Some(inputs) = self.inputs.take() {
                    self.terminal.read(inputs);
                }
            }
            ClientEvent::Published { handle, outcome, .. } => {
                let command = self.unacknowledged.remove(&handle);
                if let (Some(command), PublishOutcome::Lost) = (command, outcome) {
                    self.unanswered = self.unanswered.saturating_sub(1);
                    let line = format!("The command {command} is not known to have arrived.");
                    self.terminal.explain(&line);
                }
                self.end_if_done(now, client);
            }
            ClientEvent::Message { message, .. } if self.finish.is_none() => {
                let status = visible(&message.payload);
                self.terminal.say(&format!("Received light status: {status}"));
                self.unanswered = self.unanswered.saturating_sub(1);
                self.end_if_done(now, client);
            }
            _ => {}
        }
    }

    fn news(&mut self, now: Instant, typed: Typed, client: &mut Client) {
        match typed {
            Typed::Line(line) => self.line(now, &line, client),
            Typed::End => {
                self.deadline = Some(now + PATIENCE);
                self.end_if_done(now, client);
            }
            Typed::Stop => self.finish(now, Finish(0, None), client),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| self.finish.is_none())
    }

    fn tick(&mut self, now: Instant, client: &mut Client) {
        let line = match self.unanswered {
            0 => "Error: The server does not answer.".to_owned(),
            unanswered => format!("No light answers ({unanswered} unanswered)."),
        };
        self.finish(now, Finish(1, Some(line)), client);
    }

    fn ended(&self, reason: DisconnectReason, properties: &OwnedProperties) -> Option<End> {
        ended(self.finish.as_ref(), reason, properties, self.options)
    }
}
