//! A program that is a client of the broker, and what it has seen.

use std::time::Duration;

use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, Instant, Message, PublishOutcome, ReasonCode,
};

use crate::login::Login;
use crate::world::LATENCY;

/// What a program does with a message.
type Application = Box<dyn FnMut(&Message, &mut Replies)>;

pub(crate) struct Program {
    /// In the exchange.
    pub(crate) party: usize,
    /// `None`: the experiment itself writes its bytes.
    pub(crate) client: Option<Client>,
    pub(crate) application: Option<Application>,
    /// One way; counts for connections to come.
    pub(crate) latency: Duration,
    pub(crate) login: Option<Login>,
    /// The connection it has.
    pub(crate) link: Option<usize>,
    /// All its connections, in the exchange.
    pub(crate) connections: Vec<usize>,
    pub(crate) wakes: Option<Duration>,
    /// When the broker last closed a connection.
    pub(crate) closed_at: Option<Duration>,
    pub(crate) inbox: Vec<Received>,
    /// What else it was told, in words.
    pub(crate) outcomes: Vec<(Duration, String)>,
}

/// A message, and when it came.
pub(crate) struct Received {
    pub(crate) at: Duration,
    pub(crate) message: Message,
    pub(crate) dup: bool,
}

/// What an application has to say to a message.
#[derive(Default)]
pub(crate) struct Replies {
    /// To be published.
    pub(crate) messages: Vec<Message>,
    /// What happened in the program, for the record.
    pub(crate) notes: Vec<String>,
}

impl Program {
    pub(crate) fn new(party: usize, client: Option<Client>) -> Program {
        Program {
            party,
            client,
            application: None,
            latency: LATENCY,
            login: None,
            link: None,
            connections: Vec::new(),
            wakes: None,
            closed_at: None,
            inbox: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// The messages received: `appiot/temp 20 q0`, `appiot/temp 20 q0 retained`.
    pub(crate) fn received(&self) -> Vec<String> {
        self.inbox.iter().map(Received::words).collect()
    }

    /// The payloads received, as text.
    pub(crate) fn payloads(&self) -> Vec<String> {
        let text = |received: &Received| String::from_utf8_lossy(&received.message.payload).into();
        self.inbox.iter().map(text).collect()
    }

    /// What else it was told.
    pub(crate) fn told(&self) -> Vec<&str> {
        self.outcomes.iter().map(|(_, words)| words.as_str()).collect()
    }

    /// The transport is open.
    pub(crate) fn opened(&mut self, now: Instant) {
        if let (Some(client), Some(login)) = (&mut self.client, &self.login) {
            let result = client.connect(now, &login.connect());
            debug_assert!(result.is_ok(), "{result:?}");
        }
    }

    pub(crate) fn input(&mut self, now: Instant, bytes: &[u8]) {
        if let Some(client) = &mut self.client {
            client.handle_input(now, bytes);
        }
    }

    pub(crate) fn closed(&mut self, now: Instant) {
        self.link = None;
        self.closed_at = Some(now.since_epoch());
        if let Some(client) = &mut self.client {
            client.handle_closed(now);
        }
    }

    /// The program ends; when it is started again it remembers nothing.
    pub(crate) fn end(&mut self) {
        if let Some(client) = &mut self.client {
            *client = Client::new(ClientConfig::default());
        }
        self.wakes = None;
    }
}

impl Received {
    fn words(&self) -> String {
        let Message { topic, payload, qos, retain, .. } = &self.message;
        let retained = if *retain { " retained" } else { "" };
        let dup = if self.dup { " dup" } else { "" };
        format!("{topic} {} q{qos}{retained}{dup}", String::from_utf8_lossy(payload))
    }
}

/// An event in words, where it is one of those that statements are about.
pub(crate) fn outcome_words(event: &ClientEvent) -> Option<String> {
    match event {
        ClientEvent::Connected { session_present: true, .. } => {
            Some("connected, old session".into())
        }
        ClientEvent::Connected { session_present: false, .. } => Some("connected".into()),
        ClientEvent::Subscribed {
            outcome: mqtt_sansio::RequestOutcome::Answered(codes), ..
        } => {
            let granted = codes.iter().map(|code| match code {
                ReasonCode::Success => "granted q0",
                ReasonCode::GrantedQoS1 => "granted q1",
                ReasonCode::GrantedQoS2 => "granted q2",
                _ => "subscription refused",
            });
            Some(granted.collect::<Vec<_>>().join(", "))
        }
        ClientEvent::Published { outcome: PublishOutcome::Acknowledged, .. } => {
            Some("acknowledged".into())
        }
        ClientEvent::Disconnected { reason, .. } => Some(format!("disconnected: {reason}")),
        _ => None,
    }
}
