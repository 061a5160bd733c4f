//! The command line.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use mqtt_sansio::{Message, MessageProperties, PacketType, PropertyId, QoS, TopicName};

use crate::common::command::{End, Invalid};
use crate::common::options::{self, Options};

const EXAMPLES: &str = "\
Examples:
  publish -t kitchen/temp -m 20.5
  publish -h broker.example -u me -P secret -t kitchen/lamp -m on -q 1 -r
  tail -f /var/log/syslog | publish -t log -l -q 1
  publish -V 5 -t kitchen/temp -m 20.5 -D publish message-expiry-interval 60

Exit status: 0 when every message is delivered, the return code of CONNACK where the server refuses the
connection, 7 where the connection is lost, and another number on any other failure.";

/// Publishes messages to an MQTT server, with the flags of mosquitto_pub.
#[derive(Parser)]
#[command(name = "publish", after_help = EXAMPLES, max_term_width = 100)]
#[command(disable_help_flag = true, args_override_self = true)]
#[command(group = clap::ArgGroup::new("source"))]
pub(crate) struct Arguments {
    /// Topic to publish to.
    #[arg(short, long)]
    topic: Option<String>,

    /// Send this message.
    #[arg(short, long, value_name = "PAYLOAD", group = "source")]
    message: Option<OsString>,

    /// Send the contents of a file as one message.
    #[arg(short, long, group = "source")]
    file: Option<PathBuf>,

    /// Send each line of standard input as a message.
    #[arg(short = 'l', long, group = "source")]
    stdin_line: bool,

    /// Send a message without payload.
    #[arg(short, long, group = "source")]
    null_message: bool,

    /// Send all of standard input as one message.
    #[arg(short, long, group = "source")]
    stdin_file: bool,

    /// Quality of Service: 0, 1 or 2.
    #[arg(short, long, default_value = "0", value_parser = options::qos)]
    qos: QoS,

    /// Have the message retained.
    #[arg(short, long)]
    retain: bool,

    /// Publish the message of -m, -n, -f or -s so many times.
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = repeat)]
    repeat: u64,

    /// Wait so many seconds between a message's delivery and its repetition.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = delay)]
    repeat_delay: Duration,

    /// How many messages of QoS 1 and 2 may be on the way at once.
    #[arg(short = 'M', value_name = "COUNT", default_value = "20", value_parser = inflight)]
    pub(crate) max_inflight: u16,

    #[arg(skip)]
    pub(crate) topic_aliases: u16,

    #[command(flatten)]
    pub(crate) options: Options,
}

/// What is published.
pub(crate) enum Source {
    /// One message, several times.
    One { message: Message, times: u64, delay: Duration },
    /// This message with each line of standard input as its payload.
    Lines(Message),
}

impl Arguments {
    /// Checks what must fit together, and reads the message.
    pub(crate) fn settle(&mut self) -> Result<Source, End> {
        let topic = self.options.url_topic().map(str::to_owned).or(self.topic.take());
        let payload = self.payload();
        let (Some(topic), Some(payload)) = (topic, payload) else {
            return Err(End::usage("Both topic and message must be supplied."));
        };
        if TopicName::new(&topic).is_err() {
            let text = format!("Invalid publish topic '{topic}', does it contain '+' or '#'?");
            return Err(End::usage(text));
        }
        self.options.settle()?;
        let mut message = Message::new(&topic, payload?).map_err(End::usage)?;
        message.qos = self.qos;
        message.retain = self.retain;
        message.properties = self.properties()?;
        Ok(if self.stdin_line {
            Source::Lines(message)
        } else {
            Source::One { message, times: self.repeat, delay: self.repeat_delay }
        })
    }

    /// The properties of `-D publish`. The client gives topic aliases itself: asked for one, it may.
    fn properties(&mut self) -> Result<MessageProperties, End> {
        let mut properties = self.options.properties(PacketType::Publish);
        let alias = properties.iter().position(|p| p.id() == PropertyId::TopicAlias);
        let alias = alias.map(|place| properties.remove(place));
        let properties = MessageProperties::new(&properties).map_err(End::usage)?;
        self.topic_aliases = u16::from(alias.is_some());
        Ok(properties)
    }

    /// The one payload that was asked for, empty where there are to be many.
    fn payload(&mut self) -> Option<Result<Bytes, End>> {
        if let Some(payload) = self.message.take() {
            Some(Ok(payload.into_encoded_bytes().into()))
        } else if let Some(path) = &self.file {
            let path = path.display();
            let text = format!(
                "Error: Unable to open file \"{path}\".\nError loading input file \"{path}\"."
            );
            Some(
                self.file
                    .as_deref()
                    .map_or(Ok(Vec::new()), fs::read)
                    .map(Bytes::from)
                    .map_err(|_| End::Runtime(text)),
            )
        } else if self.stdin_file {
            Some(standard_input())
        } else {
            (self.stdin_line || self.null_message).then(|| Ok(Bytes::new()))
        }
    }
}

fn standard_input() -> Result<Bytes, End> {
    let failed =
        |text: &str| End::Runtime(format!("Error: {text}\nError loading input from stdin."));
    let mut bytes = Vec::new();
    match io::stdin().lock().read_to_end(&mut bytes) {
        Ok(0) => Err(failed("Zero length input.")),
        Ok(_) => Ok(bytes.into()),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn repeat(digits: &str) -> Result<u64, Invalid> {
    let times = digits.parse().ok().filter(|times| *times > 0);
    times.ok_or_else(|| Invalid("--repeat argument must be >0.".to_owned()))
}

fn delay(seconds: &str) -> Result<Duration, Invalid> {
    let delay = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    delay.ok_or_else(|| Invalid("--repeat-delay argument must be >=0.0.".to_owned()))
}

fn inflight(digits: &str) -> Result<u16, Invalid> {
    let count = digits.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| Invalid("Maximum inflight messages must be greater than 0.".to_owned()))
}
