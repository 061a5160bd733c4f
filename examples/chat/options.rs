//! The command line.

use clap::Parser;
use mqtt_sansio::{QoS, TopicName};

use crate::common::command::End;
use crate::common::options::{self, Options};
use crate::topic;

const HELP: &str = "\
Each line that is typed is published to chat/ME; what comes from chat/OTHER is printed. /quit,
Ctrl-C or the end of input ends the program.

Examples, one for each side:
  chat left right
  chat right left -h broker.example -u me -P secret

Exit status: 0 when ended by the user, the return code of CONNACK where the server refuses the connection,
and another number on any other failure.";

/// Chats with somebody over an MQTT server.
#[derive(Parser)]
#[command(name = "chat", after_help = HELP, max_term_width = 100)]
#[command(disable_help_flag = true, args_override_self = true)]
pub(crate) struct Arguments {
    /// The name under which you write.
    me: Option<String>,

    /// The name of whom you read.
    other: Option<String>,

    /// Quality of Service, of the messages and of the subscription: 0, 1 or 2.
    #[arg(short, long, default_value = "2", value_parser = options::qos)]
    pub(crate) qos: QoS,

    #[command(flatten)]
    pub(crate) options: Options,
}

impl Arguments {
    /// Checks what must fit together: both names.
    pub(crate) fn settle(&mut self) -> Result<(String, String), End> {
        let (Some(me), Some(other)) = (self.me.take(), self.other.take()) else {
            return Err(End::usage("Two names are needed: yours, and that of the other side."));
        };
        for name in [&me, &other] {
            if name.is_empty() || name.contains('/') || TopicName::new(&topic(name)).is_err() {
                return Err(End::usage(format!(
                    "Invalid name '{name}': it is to be a level of a topic, without '/', '+' and '#'."
                )));
            }
        }
        if me == other {
            return Err(End::usage("Both names are the same, you would read what you write."));
        }
        if self.options.url_topic().is_some_and(|topic| !topic.is_empty()) {
            return Err(End::usage("The chat has topics of its own, end the URL with '/'."));
        }
        self.options.settle()?;
        Ok((me, other))
    }
}
