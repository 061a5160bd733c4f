//! The flags that all clients have.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher};
use std::process;

use clap::Args;
use mqtt_sansio::{
    Client, ClientConfig, ClientSession, Connect, Disconnect, Instant, PacketType, Properties,
    Property, QoS, TopicName, Version, Will,
};

use super::command::{End, Invalid};
use super::properties::{Given, Place};
use super::trace::Trace;

/// Where to connect, and as whom.
#[derive(Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Options {
    /// The server's name or address.
    #[arg(short = 'h', long, default_value = "localhost")]
    host: String,

    /// The server's TCP port.
    #[arg(short, long, default_value = "1883", value_parser = port)]
    port: u16,

    /// Host, port, credentials and topic at once: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC
    #[arg(short = 'L', long, value_parser = Url::parse)]
    url: Option<Url>,

    /// Client identifier [default: none, or with -V mqttv31 a random one]
    #[arg(short, long)]
    pub(crate) id: Option<String>,

    /// Begin of a client identifier that goes on with the process id.
    #[arg(short = 'I', long, value_name = "PREFIX")]
    pub(crate) id_prefix: Option<String>,

    /// User name.
    #[arg(short, long)]
    username: Option<String>,

    /// Password; it needs a user name.
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD")]
    password: Option<OsString>,

    /// Keep alive in seconds, 5 to 65535.
    #[arg(short, long, value_name = "SECONDS", default_value = "60", value_parser = keep_alive)]
    keepalive: u16,

    /// MQTT version: mqttv31 (31), mqttv311 (311) or mqttv5 (5).
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "mqttv311")]
    #[arg(value_parser = version)]
    protocol_version: Version,

    /// Go on with the session that the server keeps under the client identifier (-i).
    #[arg(short = 'c', long)]
    disable_clean_session: bool,

    /// MQTT 5.0: for how many seconds the server keeps the session; -1 or ∞: for ever
    /// [default: 0, or with -c for ever]
    #[arg(short = 'x', long, value_name = "SECONDS", value_parser = session_expiry)]
    session_expiry_interval: Option<u32>,

    /// MQTT 5.0: a property of connect, publish, will, subscribe, unsubscribe or disconnect, as
    /// -D publish content-type text/plain or -D publish user-property NAME VALUE; may be repeated.
    #[arg(short = 'D', long, value_name = "COMMAND PROPERTY VALUE", value_parser = Given::parse)]
    property: Vec<Given>,

    /// Topic of the will, which the server publishes when the connection breaks.
    #[arg(long, value_name = "TOPIC")]
    will_topic: Option<String>,

    /// Payload of the will [default: empty]
    #[arg(long, value_name = "PAYLOAD")]
    will_payload: Option<OsString>,

    /// QoS of the will: 0, 1 or 2.
    #[arg(long, value_name = "QOS", default_value = "0", value_parser = will_qos)]
    will_qos: QoS,

    /// Have the will retained.
    #[arg(long)]
    will_retain: bool,

    /// Show every packet that is sent and received.
    #[arg(short, long, help_heading = "Diagnostics")]
    debug: bool,

    /// Say nothing on standard error about what goes wrong.
    #[arg(long, help_heading = "Diagnostics")]
    pub(crate) quiet: bool,

    /// Show this help.
    #[arg(long, action = clap::ArgAction::Help, help_heading = "Diagnostics")]
    help: Option<bool>,
}

impl Options {
    /// Checks what must fit together, and makes up the client identifier.
    pub(crate) fn settle(&mut self) -> Result<(), End> {
        if let Some(url) = self.url.take() {
            self.host = url.host;
            self.port = url.port.unwrap_or(self.port);
            self.username = url.username.or(self.username.take());
            self.password = url.password.map(OsString::from).or(self.password.take());
        }
        self.check_will()?;
        if self.id.is_some() && self.id_prefix.is_some() {
            return Err(End::usage("-i and -I argument cannot be used together."));
        }
        if let Some(prefix) = self.id_prefix.take() {
            self.id = Some(format!("{prefix}{}", process::id()));
        }
        if self.id.is_none() && self.disable_clean_session {
            let text = "You must provide a client id if you are using the -c option.";
            return Err(End::usage(text));
        }
        if self.id.is_none() && self.protocol_version == Version::V3_1 {
            self.id = Some(random_id());
        }
        self.settle_session()?;
        if self.password.is_some() && self.username.is_none() && !self.is_v5() {
            let text = "Error: Problem setting username and/or password.";
            return Err(End::Runtime(text.to_owned()));
        }
        Ok(())
    }

    /// What `-x` and `-D` ask for.
    fn settle_session(&mut self) -> Result<(), End> {
        if !self.is_v5() {
            if self.session_expiry_interval.is_some() || !self.property.is_empty() {
                return Err(End::usage("-x and -D need -V mqttv5."));
            }
            return Ok(());
        }
        if self.disable_clean_session {
            self.session_expiry_interval.get_or_insert(u32::MAX);
        }
        if self.session_expiry_interval == Some(u32::MAX) && self.id.is_none() {
            let text = "You must provide a client id if you are using an infinite session expiry interval.";
            return Err(End::usage(text));
        }
        if self.will_topic.is_none() && self.property.iter().any(|p| p.place == Place::Will) {
            return Err(End::usage("Will properties given, but no will topic given."));
        }
        if self.property.iter().any(|p| p.place == Place::Packet(PacketType::Auth)) {
            return Err(End::usage(
                "This program has no authentication method to use -D auth for.",
            ));
        }
        Ok(())
    }

    fn is_v5(&self) -> bool {
        self.protocol_version == Version::V5_0
    }

    /// A client; with `-c` the server may go on with a session that an earlier run left.
    pub(crate) fn client(&self, config: ClientConfig) -> Client {
        if self.disable_clean_session {
            return Client::resume(config, ClientSession::forgotten());
        }
        Client::new(config)
    }

    /// The properties that `-D` gives that packet.
    pub(crate) fn properties(&self, packet: PacketType) -> Vec<Property<'_>> {
        self.properties_at(Place::Packet(packet))
    }

    fn properties_at(&self, place: Place) -> Vec<Property<'_>> {
        let given = self.property.iter().filter(|given| given.place == place);
        given.filter_map(Given::property).collect()
    }

    pub(crate) fn connect_properties(&self) -> Vec<Property<'_>> {
        let mut properties = self.properties(PacketType::Connect);
        let expiry = self.session_expiry_interval.filter(|seconds| *seconds > 0);
        properties.extend(expiry.map(Property::SessionExpiryInterval));
        properties
    }

    /// Ends the connection, with what `-D` gives DISCONNECT.
    pub(crate) fn disconnect(&self, now: Instant, client: &mut Client) {
        let properties = self.properties(PacketType::Disconnect);
        let properties = Properties::new(&properties);
        if let Err(error) =
            client.disconnect_with(now, &Disconnect { properties, ..Disconnect::NORMAL })
        {
            if !self.quiet {
                eprintln!("Error: {error}.");
            }
            client.disconnect(now);
        }
    }

    pub(crate) fn will_properties(&self) -> Vec<Property<'_>> {
        self.properties_at(Place::Will)
    }

    fn check_will(&self) -> Result<(), End> {
        match &self.will_topic {
            Some(topic) => match TopicName::new(topic) {
                Ok(_) => Ok(()),
                Err(_) => Err(End::usage(format!(
                    "Invalid will topic '{topic}', does it contain '+' or '#'?"
                ))),
            },
            None if self.will_payload.is_some() => {
                Err(End::usage("Will payload given, but no will topic given."))
            }
            None if self.will_retain => {
                Err(End::usage("Will retain given, but no will topic given."))
            }
            None => Ok(()),
        }
    }

    /// The topic in the URL. To be asked before [`settle`](Options::settle).
    pub(crate) fn url_topic(&self) -> Option<&str> {
        self.url.as_ref().map(|url| url.topic.as_str())
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(crate) fn version(&self) -> Version {
        self.protocol_version
    }

    /// What shows the packets, where that is asked for.
    pub(crate) fn trace(&self) -> Option<Trace> {
        let id = self.id.as_deref().unwrap_or("(null)");
        self.debug.then(|| Trace::new(id, self.protocol_version, self.quiet))
    }

    pub(crate) fn connect(&self) -> Connect<'_> {
        let topic = self.will_topic.as_deref().and_then(|topic| TopicName::new(topic).ok());
        let payload = self.will_payload.as_deref().map_or(&b""[..], |p| p.as_encoded_bytes());
        Connect {
            clean_start: !self.disable_clean_session,
            keep_alive: self.keepalive,
            will: topic.map(|topic| Will {
                qos: self.will_qos,
                retain: self.will_retain,
                ..Will::new(topic, payload)
            }),
            user_name: self.username.as_deref(),
            password: self.password.as_deref().map(|password| password.as_encoded_bytes()),
            ..Connect::new(self.protocol_version, self.id.as_deref().unwrap_or_default())
        }
    }
}

/// 23 characters, which is what 3.1 allows.
fn random_id() -> String {
    let mut state = RandomState::new().build_hasher().finish();
    let characters = (0..18).map(|_| {
        // Xorshift: well enough mixed to tell clients apart.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from_digit(u32::try_from(state % 36).unwrap_or(0), 36).unwrap_or('0')
    });
    ["mosq-".to_owned(), characters.collect()].concat()
}

/// What `-L` says.
#[derive(Clone)]
struct Url {
    username: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
    topic: String,
}

impl Url {
    fn parse(url: &str) -> Result<Url, Invalid> {
        let invalid = |text: &str| Invalid(text.to_owned());
        if url.starts_with("mqtts://") {
            return Err(invalid("mqtts:// is not supported, this program has no TLS."));
        }
        let rest = url.strip_prefix("mqtt://").ok_or(invalid("unsupported URL scheme."))?;
        let (authority, topic) = rest
            .split_once('/')
            .ok_or(invalid("Invalid URL for -L argument specified - topic missing."))?;
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, authority),
        };
        let (username, password) = match credentials.map(|c| c.split_once(':').unwrap_or((c, ""))) {
            Some((username, "")) => (Some(username.to_owned()), None),
            Some((username, password)) => (Some(username.to_owned()), Some(password.to_owned())),
            None => (None, None),
        };
        // An IPv6 address stands in brackets.
        let (host, rest) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest),
            None => address.split_at(address.find(':').unwrap_or(address.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(digits) => Some(port(digits)?),
            None => None,
        };
        Ok(Url { username, password, host: host.to_owned(), port, topic: topic.to_owned() })
    }
}

fn port(digits: &str) -> Result<u16, Invalid> {
    let port = digits.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Invalid(format!("Invalid port given: {digits}")))
}

fn keep_alive(digits: &str) -> Result<u16, Invalid> {
    let text = "Invalid keepalive given, it must be between 5 and 65535 inclusive.";
    digits.parse().ok().filter(|seconds| *seconds >= 5).ok_or_else(|| Invalid(text.to_owned()))
}

fn session_expiry(seconds: &str) -> Result<u32, Invalid> {
    if matches!(seconds, "∞" | "-1") {
        return Ok(u32::MAX);
    }
    let invalid = |text: &str| Invalid(format!("session-expiry-interval {text}."));
    let number: i64 = seconds.parse().map_err(|_| invalid("not a number"))?;
    u32::try_from(number).map_err(|_| invalid("out of range"))
}

fn version(name: &str) -> Result<Version, Invalid> {
    match name {
        "mqttv31" | "31" => Ok(Version::V3_1),
        "mqttv311" | "311" => Ok(Version::V3_1_1),
        "mqttv5" | "5" => Ok(Version::V5_0),
        _ => Err(Invalid("Invalid protocol version argument given.".to_owned())),
    }
}

pub(crate) fn qos(digits: &str) -> Result<QoS, Invalid> {
    level(digits).ok_or_else(|| Invalid(format!("Invalid QoS given: {digits}")))
}

fn will_qos(digits: &str) -> Result<QoS, Invalid> {
    level(digits).ok_or_else(|| Invalid(format!("Invalid will QoS {digits}.")))
}

fn level(digits: &str) -> Option<QoS> {
    QoS::try_from(digits.parse::<u8>().ok()?).ok()
}
