//! The command line.

use std::time::Duration;

use clap::Parser;
use mqtt_sansio::{QoS, TopicFilter};

use crate::common::command::{End, Invalid};
use crate::common::options::{self, Options};
use crate::format::Format;

const HELP: &str = "\
Formats (-F):
  %t topic        %p payload      %x %X payload in hex    %l length of the payload
  %q QoS          %r retained     %m packet identifier    %% a %
  %j all as JSON  %J same, with a payload that is JSON itself
  %C content type %R response topic  %D correlation data  %E expiry interval  %P user properties
  %F payload format indicator        %S subscription identifiers          %A topic alias
  %I date and time (ISO 8601)     %U seconds since 1970   @X as strftime's %X; @N nanoseconds
  \\n \\r \\t \\v \\a \\e \\0 \\\\ characters; times are UTC
  Between % and the letter: 0 to pad with zeros or - to align left, a width, a . and a longest length.

Examples:
  subscribe -t 'kitchen/#' -v
  subscribe -h broker.example -u me -P secret -t kitchen/temp -C 1 -W 10
  subscribe -V 5 -i logger -x 3600 -t '#' -D connect receive-maximum 10 -F '%t %C %p'
  subscribe -i logger -c -q 1 -t '#' -F '%I %t %p'

Exit status: 0 when ended by -C, -E or a signal, 27 by -W, the return code of CONNACK where the server
refuses the connection, and another number on any other failure.";

/// Subscribes to topics of an MQTT server and prints what comes, with the flags of mosquitto_sub.
#[derive(Parser)]
#[command(name = "subscribe", after_help = HELP, max_term_width = 100)]
#[command(disable_help_flag = true, args_override_self = true)]
pub(crate) struct Arguments {
    /// Topic filter to subscribe to; may be repeated.
    #[arg(short, long)]
    topic: Vec<String>,

    /// Quality of Service to subscribe with: 0, 1 or 2.
    #[arg(short, long, default_value = "0", value_parser = options::qos)]
    pub(crate) qos: QoS,

    /// Print no message whose topic matches this filter; may be repeated.
    #[arg(short = 'T', long, value_name = "FILTER")]
    filter_out: Vec<String>,

    /// Topic filter to unsubscribe from, after subscribing; may be repeated.
    #[arg(short = 'U', long, value_name = "TOPIC")]
    unsubscribe: Vec<String>,

    /// End after so many messages.
    #[arg(short = 'C', value_name = "COUNT", value_parser = count)]
    pub(crate) count: Option<u64>,

    /// End after so many seconds.
    #[arg(short = 'W', value_name = "SECONDS", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,

    /// End as soon as the server has answered the subscriptions.
    #[arg(short = 'E')]
    pub(crate) exit_after_subscribing: bool,

    /// Do not print messages that the server had retained.
    #[arg(short = 'R')]
    pub(crate) no_retained: bool,

    /// Print the topic before the payload.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// End messages without a line feed.
    #[arg(short = 'N')]
    pub(crate) no_line_feed: bool,

    /// Print messages like this; see below.
    #[arg(short = 'F', value_name = "FORMAT")]
    format: Option<String>,

    #[command(flatten)]
    pub(crate) options: Options,
}

impl Arguments {
    /// Whether messages are printed without a format of the user's.
    pub(crate) fn is_plain(&self) -> bool {
        self.format.is_none()
    }

    /// Checks what must fit together.
    pub(crate) fn settle(&mut self) -> Result<Format, End> {
        self.topic.extend(self.options.url_topic().map(str::to_owned));
        for (name, filters) in [
            ("subscription", &self.topic),
            ("filter", &self.filter_out),
            ("unsubscribe", &self.unsubscribe),
        ] {
            if let Some(bad) = filters.iter().find(|filter| TopicFilter::new(filter).is_err()) {
                return Err(End::usage(format!(
                    "Invalid {name} topic '{bad}', are all '+' and '#' wildcards correct?"
                )));
            }
        }
        if self.topic.is_empty() {
            return Err(End::usage("You must specify a topic to subscribe to."));
        }
        self.options.settle()?;
        let plain = if self.verbose { "%t %p" } else { "%p" };
        Format::parse(self.format.as_deref().unwrap_or(plain)).map_err(End::usage)
    }

    pub(crate) fn topics(&self) -> Vec<TopicFilter<'_>> {
        filters(&self.topic)
    }

    pub(crate) fn unsubscribe(&self) -> Vec<TopicFilter<'_>> {
        filters(&self.unsubscribe)
    }

    pub(crate) fn filter_out(&self) -> Vec<TopicFilter<'_>> {
        filters(&self.filter_out)
    }
}

fn filters(filters: &[String]) -> Vec<TopicFilter<'_>> {
    filters.iter().filter_map(|filter| TopicFilter::new(filter).ok()).collect()
}

fn count(digits: &str) -> Result<u64, Invalid> {
    let count = digits.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| Invalid(format!("Invalid message count \"{digits}\".")))
}

fn timeout(digits: &str) -> Result<Duration, Invalid> {
    let seconds = digits.parse().ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| Invalid(format!("Invalid timeout \"{digits}\".")))?;
    Ok(Duration::from_secs(seconds))
}
