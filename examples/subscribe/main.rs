//! Subscribes to topics of an MQTT server and prints what comes: mosquitto_sub over the sans-IO `Client`.

#[path = "../common/mod.rs"]
mod common;
mod format;
mod options;
#[path = "../common/signals.rs"]
mod signals;
mod time;

use std::io::{self, Write};
use std::process::ExitCode;

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, Connect, DisconnectReason, Instant, MAXIMUM_PACKET_SIZE,
    Message, OwnedProperties, Packet, PacketId, PacketType, Property, PropertyId, ReasonCode,
    RequestOutcome, Subscription,
};

use common::command::{self, End};
use common::driver::{Application, Driver};
use format::{Format, NotJson, Seen};
use options::Arguments;

const PROGRAM: &str = "subscribe";
const TIMED_OUT: u8 = 27;

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
    let format = arguments.settle()?;
    let mut config = ClientConfig::default();
    config.maximum_packet_size = MAXIMUM_PACKET_SIZE;
    // A message counts as received when it is printed.
    config.manual_acknowledgement = true;
    let address = arguments.options.address();
    let client = arguments.options.client(config);
    let mut driver = Driver::open(address, client, arguments.options.trace())?;
    signals::watch(driver.sender(), || Stop);
    let mut subscriber = Subscriber {
        arguments: &arguments,
        format,
        seen: Seen::default(),
        printed: 0,
        deadline: arguments.timeout.map(|timeout| Instant::from_millis(0) + timeout),
        end: None,
    };
    Ok(driver.run(address, &mut subscriber))
}

/// The user wants the program to end.
struct Stop;

/// Prints messages until there are enough of them.
struct Subscriber<'a> {
    arguments: &'a Arguments,
    format: Format,
    /// What the last PUBLISH had that its message has not.
    seen: Seen,
    printed: u64,
    deadline: Option<Instant>,
    /// The exit status, once the end is decided, and what is said then.
    end: Option<(u8, Option<&'static str>)>,
}

impl Subscriber<'_> {
    fn finish(&mut self, now: Instant, end: (u8, Option<&'static str>), client: &mut Client) {
        self.end.get_or_insert(end);
        self.arguments.options.disconnect(now, client);
    }

    fn request(&mut self, now: Instant, client: &mut Client) {
        let qos = self.arguments.qos;
        let topics = self.arguments.topics();
        let subscriptions: Vec<_> =
            topics.into_iter().map(|topic| Subscription::new(topic, qos)).collect();
        let properties = self.arguments.options.properties(PacketType::Subscribe);
        let mut result = client.subscribe_with(now, &subscriptions, &properties);
        let properties = self.arguments.options.properties(PacketType::Unsubscribe);
        for filter in self.arguments.unsubscribe() {
            result = result.and_then(|_| client.unsubscribe_with(now, &[filter], &properties));
        }
        if let Err(error) = result {
            eprintln!("Error: {error}.");
            self.finish(now, (1, None), client);
        }
    }

    fn subscribed(&mut self, now: Instant, codes: &[ReasonCode], client: &mut Client) {
        if codes.iter().all(|code| code.is_error()) {
            self.finish(now, (0, Some("All subscription requests were denied.")), client);
        } else if self.arguments.exit_after_subscribing {
            self.finish(now, (0, None), client);
        }
    }

    /// Whether the message is not to be printed.
    fn is_unwanted(&self, message: &Message) -> bool {
        let topic = message.topic.name();
        message.retain && self.arguments.no_retained
            || self.arguments.filter_out().iter().any(|filter| filter.matches(topic))
    }

    fn print(&mut self, message: &Message) -> io::Result<()> {
        let mut line = Vec::new();
        if message.payload.is_empty() && self.arguments.is_plain() {
            return self.print_empty(message);
        }
        if let Err(NotJson(text)) = self.format.print(message, &self.seen, &mut line) {
            if !self.arguments.options.quiet {
                eprintln!("{text}");
            }
        }
        if !self.arguments.no_line_feed {
            line.push(b'\n');
        }
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }
}

impl Subscriber<'_> {
    /// Without `-F` an empty message is a word with `-v`, and nothing without.
    fn print_empty(&self, message: &Message) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.arguments.verbose && !self.arguments.no_line_feed {
            writeln!(out, "{} (null)", message.topic)?;
        }
        out.flush()
    }
}

impl Application for Subscriber<'_> {
    type News = Stop;

    fn connect(&self) -> Connect<'_> {
        self.arguments.options.connect()
    }

    fn connect_properties(&self) -> Vec<Property<'_>> {
        self.arguments.options.connect_properties()
    }

    fn will_properties(&self) -> Vec<Property<'_>> {
        self.arguments.options.will_properties()
    }

    fn received(&mut self, packet: &Packet<'_>) {
        if let Packet::Publish(publish) = packet {
            self.seen = Seen {
                packet_id: publish.delivery.packet_id().map_or(0, PacketId::get),
                topic_alias: match publish.properties.find(PropertyId::TopicAlias) {
                    Some(Property::TopicAlias(alias)) => Some(alias.get()),
                    _ => None,
                },
                subscription_identifiers: Box::default(),
            };
        }
    }

    fn event(&mut self, now: Instant, event: ClientEvent, client: &mut Client) {
        match event {
            ClientEvent::Connected { .. } => self.request(now, client),
            ClientEvent::Subscribed { outcome: RequestOutcome::Answered(codes), .. } => {
                self.subscribed(now, &codes, client);
            }
            ClientEvent::Subscribed { outcome: RequestOutcome::NotSent(why), .. } => {
                eprintln!("Error: {why}.");
                self.finish(now, (1, None), client);
            }
            ClientEvent::Message { message, token, subscription_identifiers, .. }
                if self.end.is_none() =>
            {
                if !self.is_unwanted(&message) {
                    self.seen.subscription_identifiers = subscription_identifiers;
                    if self.print(&message).is_err() {
                        return self.finish(now, (1, None), client);
                    }
                    self.printed += 1;
                }
                if let Some(token) = token {
                    client.acknowledge(now, token);
                }
                if self.arguments.count.is_some_and(|count| self.printed >= count) {
                    self.finish(now, (0, None), client);
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn tick(&mut self, now: Instant, client: &mut Client) {
        self.deadline = None;
        self.finish(now, (TIMED_OUT, Some("Timed out")), client);
    }

    fn news(&mut self, now: Instant, _: Stop, client: &mut Client) {
        self.finish(now, (0, None), client);
    }

    fn ended(&self, reason: DisconnectReason, properties: &OwnedProperties) -> Option<End> {
        if let Some((status, line)) = self.end {
            return Some(End::Exit(status, line.map(str::to_owned).into_iter().collect()));
        }
        match reason {
            DisconnectReason::Refused(_)
            | DisconnectReason::Server(_)
            | DisconnectReason::ServerFault(_) => {
                Some(End::ended(reason, properties, self.arguments.options.version()))
            }
            _ => None,
        }
    }
}
