//! The controller: it obeys commands and says what the light is then.

use mqtt_sansio::{
    Client, ClientEvent, Connect, DisconnectReason, Instant, OwnedProperties, Property, QoS,
    RequestOutcome,
};
use serde_json::Value;

use crate::common::command::End;
use crate::common::driver::Application;
use crate::common::options::Options;
use crate::conversation::{Finish, ended, granted, publish, subscribe};
use crate::terminal::{Terminal, Typed, visible};
use crate::{CONTROL, STATUS};

pub(crate) struct Controller<'a> {
    options: &'a Options,
    qos: QoS,
    terminal: Terminal,
    finish: Option<Finish>,
}

impl<'a> Controller<'a> {
    pub(crate) fn new(options: &'a Options, qos: QoS) -> Controller<'a> {
        Controller { options, qos, terminal: Terminal::new(""), finish: None }
    }

    fn finish(&mut self, now: Instant, finish: Finish, client: &mut Client) {
        self.finish.get_or_insert(finish);
        self.options.disconnect(now, client);
    }

    fn obey(&mut self, now: Instant, payload: &[u8], client: &mut Client) {
        let json: Value = serde_json::from_slice(payload).unwrap_or_default();
        let command = json.get("command").and_then(Value::as_str);
        let known = command.filter(|command| matches!(*command, "ON" | "OFF"));
        let light = known.unwrap_or("UNKNOWN");
        match command {
            Some(command) => {
                let command = visible(command.as_bytes());
                self.terminal.say(&format!("Received command: {command}"));
            }
            None => {
                let payload = visible(payload);
                self.terminal.say(&format!("Received no command, but: {payload}"));
            }
        }
        let status = format!("Light is {light}");
        match publish(now, STATUS, status.clone(), self.qos, client) {
            Ok(_) => self.terminal.say(&format!("Published status: {status}")),
            Err(error) => self.terminal.explain(&format!("Error: {error}.")),
        }
    }
}

impl Application for Controller<'_> {
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
                if let Err(finish) = subscribe(now, CONTROL, self.qos, client) {
                    self.finish(now, finish, client);
                }
            }
            ClientEvent::Subscribed { outcome: RequestOutcome::Answered(codes), .. } => {
                match granted(&codes, CONTROL) {
                    Ok(()) => self.terminal.say("Waiting for commands"),
                    Err(finish) => self.finish(now, finish, client),
                }
            }
            ClientEvent::Message { message, .. } if self.finish.is_none() => {
                self.obey(now, &message.payload, client);
            }
            _ => {}
        }
    }

    fn news(&mut self, now: Instant, typed: Typed, client: &mut Client) {
        match typed {
            Typed::Stop => self.finish(now, Finish(0, None), client),
            // It reads nothing.
            Typed::Line(_) | Typed::End => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn tick(&mut self, _: Instant, _: &mut Client) {}

    fn ended(&self, reason: DisconnectReason, properties: &OwnedProperties) -> Option<End> {
        ended(self.finish.as_ref(), reason, properties, self.options)
    }
}
