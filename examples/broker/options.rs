//! The command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser};
use mqtt_sansio::{BrokerConfig, FeatureConfig, Filter, MAXIMUM_PACKET_SIZE, QoS};

const HELP: &str = "\
Examples:
  broker
  broker --listen 127.0.0.1:1883 --listen '[::1]:1883' -v
  broker --listen 0.0.0.0:1883 --password-file passwords --acl-file acl --sys-interval 0

The files are those of mosquitto; passwords are added by: mosquitto_passwd [-c] FILE USER";

/// Serves MQTT 3.1, 3.1.1 and 5.0, with the options of mosquitto.conf.
#[derive(Parser)]
#[command(name = "broker", version, after_help = HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Address and port to listen on; may be repeated. Port 0 takes a free one, and shows it [default:
    /// 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<SocketAddr>,

    /// How often statistics are published under $SYS/#; 0 never.
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    sys_interval: u64,

    /// Show connections and packets on standard error, as mosquitto does.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) admission: Admission,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    features: Features,
}

/// Who may do what.
#[derive(Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct Admission {
    /// Users and their hashed passwords: lines that mosquitto_passwd writes.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Who may read and write which topics, as lines "user NAME", "topic [ACCESS] FILTER" and "pattern
    /// [ACCESS] FILTER" with %u for the user name and %c for the client identifier; ACCESS is read, write,
    /// readwrite or deny, and a filter that denies wins. Without a file all may read and write everything
    #[arg(long, value_name = "FILE")]
    pub(crate) acl_file: Option<PathBuf>,

    /// Whether clients without a user name are served [default: only without --password-file, and then
    /// only where all listening addresses are loopback ones]
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    pub(crate) allow_anonymous: Option<bool>,

    /// Filter that nobody may subscribe to, and whose messages nobody receives; may be repeated.
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    pub(crate) deny_subscribe: Vec<Filter>,
}

/// Limits: 0 is none, unless something else is said.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// QoS 1 and 2 messages to one client that may be unfinished at once; 0 for 65,535.
    #[arg(long, value_name = "COUNT", default_value = "20")]
    max_inflight_messages: u16,

    /// Messages that may wait for one client; further ones are dropped. 0 for no limit.
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    max_queued_messages: usize,

    /// Bytes that may wait for one client; 0 for no limit.
    #[arg(long, value_name = "BYTES", default_value = "16777216")]
    max_queued_bytes: usize,

    /// QoS 1 and 2 messages of one client that may be unfinished at once; 0 for 65,535.
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    receive_maximum: u16,

    /// The longest keep alive that is served, and then none is not: clients of 5.0 are told which is, others
    /// are refused. 0 for any.
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    max_keepalive: u16,

    /// The largest packet that is accepted; 0 for 256 MiB, what MQTT allows.
    #[arg(long, value_name = "BYTES", default_value = "16777216")]
    max_packet_size: u32,

    /// The longest payload that is passed on; 0 for no limit.
    #[arg(long, value_name = "BYTES", default_value = "0")]
    message_size_limit: usize,

    /// Connections that may be open; -1 for no limit.
    #[arg(long, value_name = "COUNT", default_value = "100000", allow_hyphen_values = true)]
    max_connections: i64,

    /// How long the session of a client that is away is kept at most: a number and h, d, w, m or y; 0 for
    /// ever.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = expiration)]
    persistent_client_expiration: Expiration,
}

/// What is served at all.
#[derive(Args)]
#[command(next_help_heading = "Features")]
struct Features {
    /// The highest QoS that is served.
    #[arg(long, value_name = "0|1|2", default_value = "2", value_parser = qos)]
    max_qos: QoS,

    /// Whether messages are retained.
    #[arg(long, value_name = "true|false", default_value = "true", action = ArgAction::Set)]
    retain_available: bool,

    /// Whether filters may have wildcards.
    #[arg(long, value_name = "true|false", default_value = "true", action = ArgAction::Set)]
    wildcard_subscription_available: bool,

    /// Whether clients of 5.0 may number their subscriptions.
    #[arg(long, value_name = "true|false", default_value = "true", action = ArgAction::Set)]
    subscription_identifier_available: bool,

    /// Whether clients may share subscriptions.
    #[arg(long, value_name = "true|false", default_value = "true", action = ArgAction::Set)]
    shared_subscription_available: bool,

    /// Topics that clients of 5.0 may have abbreviated at once, in each direction; 0 for none.
    #[arg(long, value_name = "COUNT", default_value = "10")]
    max_topic_alias: u16,

    /// Turn down what is said to be text and is not UTF-8, from clients of 5.0.
    #[arg(long)]
    validate_payload_format: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Expiration(Option<Duration>);

impl Arguments {
    /// Where to listen.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        match self.listen.is_empty() {
            true => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 1883))],
            false => self.listen.clone(),
        }
    }

    /// Whether clients without a user name are served.
    ///
    /// # Errors
    ///
    /// Where they would be, from other machines, without that anybody has said so.
    pub(crate) fn allow_anonymous(&self) -> Result<bool, String> {
        let open = self.admission.password_file.is_none();
        if let Some(allowed) = self.admission.allow_anonymous {
            return Ok(allowed);
        }
        match self.addresses().iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if open => Err(format!(
                "{address} can be reached from other machines: add --password-file, or say \
                 --allow-anonymous true to serve everybody"
            )),
            _ => Ok(open),
        }
    }

    pub(crate) fn broker_config(&self, seed: u64) -> BrokerConfig {
        let Limits { max_inflight_messages, max_queued_messages, max_queued_bytes, .. } =
            self.limits;
        let mut config = BrokerConfig::default();
        config.router.seed = seed;
        let session = &mut config.session;
        session.max_inflight_messages = or_none(max_inflight_messages, u16::MAX);
        session.max_queued_messages = or_none(max_queued_messages, usize::MAX);
        session.max_queued_bytes = or_none(max_queued_bytes, usize::MAX);
        session.maximum_packet_size = or_none(self.limits.max_packet_size, MAXIMUM_PACKET_SIZE);
        session.max_unreleased_messages = or_none(self.limits.receive_maximum, u16::MAX).into();
        session.features = self.features.config();
        let keep_alive = self.limits.max_keepalive;
        session.handshake.max_keep_alive = (keep_alive > 0).then_some(keep_alive);
        config.max_payload_size = or_none(self.limits.message_size_limit, config.max_payload_size);
        config.max_connections = usize::try_from(self.limits.max_connections).unwrap_or(usize::MAX);
        config.session_expiry = self.limits.persistent_client_expiration.0;
        let interval = self.sys_interval;
        config.sys_interval = (interval > 0).then(|| Duration::from_secs(interval));
        config
    }
}

impl Features {
    fn config(&self) -> FeatureConfig {
        let mut config = FeatureConfig::default();
        config.maximum_qos = self.max_qos;
        config.retain_available = self.retain_available;
        config.wildcard_subscription_available = self.wildcard_subscription_available;
        config.subscription_identifier_available = self.subscription_identifier_available;
        config.shared_subscription_available = self.shared_subscription_available;
        config.topic_alias_maximum = self.max_topic_alias;
        config.validate_payload_format = self.validate_payload_format;
        config
    }
}

/// What is said, or instead of 0 what is as good as no limit.
fn or_none<T: Default + PartialEq>(limit: T, none: T) -> T {
    if limit == T::default() { none } else { limit }
}

fn filter(text: &str) -> Result<Filter, String> {
    Filter::new(text).map_err(|error| error.to_string())
}

fn qos(text: &str) -> Result<QoS, String> {
    match text {
        "0" => Ok(QoS::AtMostOnce),
        "1" => Ok(QoS::AtLeastOnce),
        "2" => Ok(QoS::ExactlyOnce),
        _ => Err("it is 0, 1 or 2".to_owned()),
    }
}

/// As mosquitto counts: a month has 30 days, a year 365.
fn expiration(text: &str) -> Result<Expiration, String> {
    if text == "0" {
        return Ok(Expiration(None));
    }
    let hours = [("h", 1), ("d", 24), ("w", 24 * 7), ("m", 24 * 30), ("y", 24 * 365)];
    let parsed = hours.iter().find_map(|(unit, hours)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_secs(u64::from(number) * hours * 3600))
    });
    let parsed = parsed.filter(|expiration| !expiration.is_zero());
    parsed.map(|time| Expiration(Some(time))).ok_or_else(|| "it is like 12h, 2d, 3w, 1m, 1y".into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parse(options: &str) -> Arguments {
        Arguments::try_parse_from(["broker"].into_iter().chain(options.split_whitespace())).unwrap()
    }

    #[test]
    fn defaults_are_those_of_the_library() {
        let ours = format!("{:?}", parse("").broker_config(7));
        assert_eq!(ours, format!("{:?}", BrokerConfig::default()));
        assert_eq!(parse("").addresses(), ["127.0.0.1:1883".parse().unwrap()]);
    }

    #[test]
    fn anonymous_clients_of_other_machines_are_served_only_where_that_is_said() {
        for (options, expected) in [
            ("", Ok(true)),
            ("--listen 127.0.0.2:1 --listen [::1]:1", Ok(true)),
            ("--password-file p", Ok(false)),
            ("--password-file p --listen 0.0.0.0:1", Ok(false)),
            ("--password-file p --allow-anonymous true", Ok(true)),
            ("--allow-anonymous false --listen 0.0.0.0:1", Ok(false)),
            ("--allow-anonymous true --listen 0.0.0.0:1", Ok(true)),
            ("--listen 127.0.0.1:1 --listen [::]:1", Err("[::]:1 can be reached")),
        ] {
            let found = parse(options).allow_anonymous();
            let found = found.map_err(|error| error.contains(expected.err().unwrap_or_default()));
            assert_eq!(found, expected.map_err(|_| true), "{options}");
        }
    }

    #[test]
    fn zero_is_no_limit() {
        let config = parse(
            "--max-inflight-messages 0 --receive-maximum 0 --max-queued-messages 0 --max-queued-bytes 0 \
             --max-keepalive 0 --max-packet-size 0 --message-size-limit 0 --max-connections -1 \
             --sys-interval 0 --persistent-client-expiration 0 --max-topic-alias 0",
        )
        .broker_config(0);
        assert_eq!(config.session.features.topic_alias_maximum, 0);
        assert_eq!(config.session.max_inflight_messages, 65_535);
        assert_eq!(config.session.max_unreleased_messages, 65_535);
        assert_eq!(config.session.max_queued_messages, usize::MAX);
        assert_eq!(config.session.max_queued_bytes, usize::MAX);
        assert_eq!(config.session.handshake.max_keep_alive, None);
        assert_eq!(config.session.maximum_packet_size, MAXIMUM_PACKET_SIZE);
        assert_eq!(config.max_payload_size, BrokerConfig::default().max_payload_size);
        assert_eq!(config.max_connections, usize::MAX);
        assert_eq!((config.sys_interval, config.session_expiry), (None, None));
    }

    #[test]
    fn expirations_are_a_number_and_a_unit() {
        for (text, hours) in [("1h", 1), ("2d", 48), ("3w", 504), ("1m", 720), ("1y", 8760)] {
            let expected = Expiration(Some(Duration::from_secs(hours * 3600)));
            assert_eq!(expiration(text), Ok(expected), "{text}");
        }
        for text in ["", "d", "2", "0d", "-1d", "1s", "d2"] {
            assert_eq!(
                expiration(text),
                Err("it is like 12h, 2d, 3w, 1m, 1y".to_owned()),
                "{text}"
            );
        }
    }
}
