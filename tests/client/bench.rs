//! One client, driven by hand: what goes in, and all that comes out of it.

use std::fmt::Write;

use bytes::Bytes;
use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, Connect, DisconnectReason, Frame, Handle,
    Instant, MAXIMUM_PACKET_SIZE, Message, OwnedProperties, Packet, PublishOutcome, QoS,
    ReasonCode, RequestOutcome, Subscription, Terms, Token, TopicFilter, Version,
};

pub(crate) fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The bytes that hex digits stand for; spaces between them are skipped.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| digit.to_digit(16).unwrap_or_else(|| panic!("not hex: {hex}")))
        .collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The packets that bytes hold, one a line: in hex and in words.
pub(crate) fn words(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
        let shown = hex(&frame.as_bytes()[..frame.as_bytes().len().min(64)]);
        match Packet::decode(frame, Version::V3_1_1) {
            Ok(packet) => writeln!(text, "  {shown} {packet}").unwrap(),
            Err(error) => writeln!(text, "  {shown} {error}").unwrap(),
        }
        rest = after;
    }
    if !rest.is_empty() {
        writeln!(text, "  {} (no whole packet)", hex(rest)).unwrap();
    }
    text
}

/// Everything that came out until `Wait`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Output {
    pub(crate) sent: Vec<u8>,
    pub(crate) events: Vec<ClientEvent>,
    pub(crate) close: bool,
    pub(crate) wait: Option<Instant>,
}

impl Output {
    /// Asserts the bytes sent, as hex.
    #[track_caller]
    pub(crate) fn sent(&self, expected: &str) -> &Output {
        let expected = unhex(expected);
        assert!(self.sent == expected, "sent\n{}expected\n{}", words(&self.sent), words(&expected));
        self
    }

    #[track_caller]
    pub(crate) fn events(&self, expected: &[ClientEvent]) -> &Output {
        let same = |(a, b): (&ClientEvent, &ClientEvent)| is_same(a, b);
        let fits =
            self.events.len() == expected.len() && self.events.iter().zip(expected).all(same);
        if !fits {
            assert_eq!(self.events, expected, "sent\n{}", words(&self.sent));
        }
        self
    }

    /// As [`events`](Output::events), after a `Connected` of any kind.
    #[track_caller]
    pub(crate) fn after_connected(&self, expected: &[ClientEvent]) -> &Output {
        let [ClientEvent::Connected { .. }, rest @ ..] = &self.events[..] else {
            panic!("{:?}", self.events);
        };
        assert_eq!(rest, expected, "sent\n{}", words(&self.sent));
        self
    }

    /// The terms of the connection that was accepted.
    #[track_caller]
    pub(crate) fn terms(&self) -> Terms {
        let terms = |event: &ClientEvent| match event {
            ClientEvent::Connected { terms, .. } => Some(*terms),
            _ => None,
        };
        self.events.iter().find_map(terms).unwrap()
    }

    /// Asserts that nothing was sent and nothing happened.
    #[track_caller]
    pub(crate) fn nothing(&self) -> &Output {
        self.sent("").events(&[]).closes(false)
    }

    #[track_caller]
    pub(crate) fn closes(&self, expected: bool) -> &Output {
        assert_eq!(self.close, expected, "{:?}", self.events);
        self
    }

    #[track_caller]
    pub(crate) fn waits(&self, millis: Option<u64>) -> &Output {
        assert_eq!(self.wait, millis.map(ms));
        self
    }

    /// Asserts that the connection is over for this reason, and nothing else happened.
    #[track_caller]
    pub(crate) fn ends(&self, reason: DisconnectReason) -> &Output {
        self.sent("").events(&[disconnected(reason)]).closes(true).waits(None)
    }

    /// The tokens of the messages that came, in their order.
    pub(crate) fn tokens(self) -> Vec<Token> {
        let token = |event| match event {
            ClientEvent::Message { token, .. } => token,
            _ => None,
        };
        self.events.into_iter().filter_map(token).collect()
    }
}

pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) now: u64,
}

impl Bench {
    pub(crate) fn new(config: ClientConfig) -> Bench {
        Bench { client: Client::new(config), now: 1000 }
    }

    /// A client that is connected: 3.1.1, a new session that outlives the connection, no keep alive.
    pub(crate) fn connected() -> Bench {
        Bench::connected_with(ClientConfig::default())
    }

    pub(crate) fn connected_with(config: ClientConfig) -> Bench {
        let mut bench = Bench::new(config);
        bench.reconnect(false).sent("").events(&[connected(false)]);
        bench
    }

    #[track_caller]
    pub(crate) fn connect(&mut self, connect: &Connect<'_>) -> Output {
        assert_eq!(self.client.connect(ms(self.now), connect), Ok(()));
        self.drain()
    }

    /// Connects again without clean start; what the CONNACK set off.
    #[track_caller]
    pub(crate) fn reconnect(&mut self, session_present: bool) -> Output {
        let connect = Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "c") };
        let output = self.connect(&connect);
        assert_eq!((output.close, output.wait), (false, Some(ms(self.now + 30_000))));
        output.sent("100d 0004 4d515454 04 00 0000 0001 63");
        self.input(if session_present { "20020100" } else { CONNACK })
    }

    #[track_caller]
    pub(crate) fn lose(&mut self) -> Output {
        self.client.handle_closed(ms(self.now));
        self.drain()
    }

    #[track_caller]
    pub(crate) fn input(&mut self, packets: &str) -> Output {
        self.bytes(&unhex(packets))
    }

    #[track_caller]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Output {
        self.client.handle_input(ms(self.now), bytes);
        self.drain()
    }

    #[track_caller]
    pub(crate) fn timeout(&mut self, now: u64) -> Output {
        self.now = now;
        self.client.handle_timeout(ms(now));
        self.drain()
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, qos: QoS, payload: &'static str) -> Handle {
        self.client.publish(ms(self.now), message(qos, payload)).unwrap()
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, filters: &[(&str, QoS)]) -> Handle {
        let filters: Vec<_> = filters
            .iter()
            .map(|(filter, qos)| Subscription::new(TopicFilter::new(filter).unwrap(), *qos))
            .collect();
        self.client.subscribe(ms(self.now), &filters).unwrap()
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, filters: &[&str]) -> Handle {
        let filters: Vec<_> = filters.iter().map(|f| TopicFilter::new(f).unwrap()).collect();
        self.client.unsubscribe(ms(self.now), &filters).unwrap()
    }

    #[track_caller]
    pub(crate) fn acknowledge(&mut self, token: Token) -> Output {
        self.client.acknowledge(ms(self.now), token);
        self.drain()
    }

    #[track_caller]
    pub(crate) fn disconnect(&mut self) -> Output {
        self.client.disconnect(ms(self.now));
        self.drain()
    }

    pub(crate) fn pull(&mut self, max: usize) -> Vec<Bytes> {
        let mut out = Vec::new();
        let size = self.client.poll_transmit(ms(self.now), &mut out, max);
        assert_eq!(size, out.iter().map(Bytes::len).sum::<usize>());
        out
    }

    /// Polls until `Wait`, as a driver does whose transport takes everything.
    #[track_caller]
    pub(crate) fn drain(&mut self) -> Output {
        let mut output = Output::default();
        loop {
            self.client.check_invariants();
            match self.client.poll_output() {
                ClientOutput::Transmit => {
                    let segments = self.pull(usize::MAX);
                    assert!(!segments.is_empty(), "Transmit, but nothing to transmit");
                    output.sent.extend(segments.concat());
                }
                ClientOutput::Event(event) => output.events.push(event),
                ClientOutput::Close => {
                    assert!(!output.close, "Close twice");
                    output.close = true;
                }
                ClientOutput::Wait(until) => {
                    output.wait = until;
                    let missed = self.pull(usize::MAX).concat();
                    assert!(missed.is_empty(), "not told to transmit\n{}", words(&missed));
                    return output;
                }
            }
        }
    }
}

pub(crate) const CONNECT_CLEAN: &str = "100d 0004 4d515454 04 02 0000 0001 63";
pub(crate) const CONNACK: &str = "20020000";

pub(crate) fn message(qos: QoS, payload: &'static str) -> Message {
    let mut message = Message::new("t", payload).unwrap();
    message.qos = qos;
    message
}

pub(crate) fn connected(session_present: bool) -> ClientEvent {
    let (terms, properties) = (Terms::default(), OwnedProperties::EMPTY);
    ClientEvent::Connected { session_present, terms, properties }
}

/// Whether the events are equal, but for the terms of a connection: see [`Output::terms`].
fn is_same(a: &ClientEvent, b: &ClientEvent) -> bool {
    match (a, b) {
        (
            ClientEvent::Connected { session_present: a, properties: pa, .. },
            ClientEvent::Connected { session_present: b, properties: pb, .. },
        ) => a == b && pa == pb,
        _ => a == b,
    }
}

pub(crate) fn disconnected(reason: DisconnectReason) -> ClientEvent {
    ClientEvent::Disconnected { reason, properties: OwnedProperties::EMPTY }
}

pub(crate) fn lost_connection() -> ClientEvent {
    disconnected(DisconnectReason::TransportClosed)
}

pub(crate) fn published(handle: Handle, outcome: PublishOutcome) -> ClientEvent {
    ClientEvent::Published { handle, outcome, properties: OwnedProperties::EMPTY }
}

pub(crate) fn subscribed(handle: Handle, codes: &[ReasonCode]) -> ClientEvent {
    subscribed_as(handle, RequestOutcome::Answered(codes.to_vec()))
}

pub(crate) fn subscribed_as(handle: Handle, outcome: RequestOutcome) -> ClientEvent {
    ClientEvent::Subscribed { handle, outcome, properties: OwnedProperties::EMPTY }
}

pub(crate) fn unsubscribed_as(handle: Handle, outcome: RequestOutcome) -> ClientEvent {
    ClientEvent::Unsubscribed { handle, outcome, properties: OwnedProperties::EMPTY }
}

/// A message that came, acknowledged by the client itself.
pub(crate) fn received(qos: QoS, payload: &'static str, dup: bool) -> ClientEvent {
    message_event(message(qos, payload), dup)
}

/// A message without a token.
pub(crate) fn message_event(message: Message, dup: bool) -> ClientEvent {
    ClientEvent::Message { message, dup, subscription_identifiers: Box::default(), token: None }
}

/// The payloads of the messages that came.
pub(crate) fn payloads(output: &Output) -> Vec<Vec<u8>> {
    let payload = |event: &ClientEvent| match event {
        ClientEvent::Message { message, .. } => Some(message.payload.to_vec()),
        _ => None,
    };
    output.events.iter().filter_map(payload).collect()
}

/// Acknowledged by the application.
pub(crate) fn manual() -> ClientConfig {
    let mut config = ClientConfig::default();
    config.manual_acknowledgement = true;
    config
}
