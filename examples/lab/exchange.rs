//! What parties exchanged over connections: what the ladder and the SVG and pcapng writers are given.

use std::net::IpAddr;
use std::time::Duration;

use mqtt_sansio::{
    ConnAck, Connect, Delivery, FrameReader, MAXIMUM_PACKET_SIZE, Packet, PacketType, Publish,
    ReasonCode, Sender, Version,
};

/// Who sent what to whom, in the order of time. Parties, connections and records are named by their
/// place in these lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    /// In the order in which they are to be shown.
    pub(crate) parties: Vec<Party>,
    pub(crate) connections: Vec<Connection>,
    /// In the order of `at`.
    pub(crate) records: Vec<Record>,
    streams: Vec<Streams>,
}

/// A program with an address.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) name: String,
    /// The side of its connections on which it is.
    pub(crate) role: Sender,
    pub(crate) address: IpAddr,
}

/// A TCP connection between a client and a server, which may be older than the exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    /// The party that opened it.
    pub(crate) client: usize,
    pub(crate) client_port: u16,
    /// The party that listens.
    pub(crate) server: usize,
    pub(crate) server_port: u16,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Since the exchange began; what was sent left its sender then.
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Sent(Sent),
    /// A remark, on one party or on all.
    Note {
        party: Option<usize>,
        text: String,
    },
}

/// Something that one end of a connection sent to the other.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) connection: usize,
    pub(crate) sender: Sender,
    /// When it reached the other end; `None`: it was lost on the way.
    pub(crate) received: Option<Duration>,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The client opens the connection (SYN). The answer is not a record of its own: the client has it as
    /// long after `received` as that is after `at`.
    Open,
    /// What TCP carries.
    Bytes {
        bytes: Vec<u8>,
        /// The packets that end in these bytes.
        packets: Vec<Label>,
    },
    /// This end closes the connection (FIN). That the other end then does too is not a record of its own.
    Close,
    /// This end aborts the connection (RST).
    Reset,
}

/// A packet in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// `None`: these bytes are no packet, and from here on the stream cannot be read.
    pub(crate) packet_type: Option<PacketType>,
    /// In bytes, its fixed header included.
    pub(crate) size: usize,
    /// The packet's name and numbers: `PUBLISH q1 m7`.
    pub(crate) short: String,
    /// What it is about, or nothing: `kitchen/temp "20"`.
    pub(crate) detail: String,
}

impl Exchange {
    /// Adds a party.
    pub(crate) fn party(&mut self, name: &str, role: Sender, address: IpAddr) -> usize {
        self.parties.push(Party { name: name.into(), role, address });
        self.parties.len() - 1
    }

    /// Adds a connection, which is not open yet or was before the exchange began.
    pub(crate) fn connection(&mut self, connection: Connection) -> usize {
        self.connections.push(connection);
        self.streams.push(Streams::new());
        self.connections.len() - 1
    }

    /// Packets of a connection are read as of this version until a CONNECT says otherwise; else as of 3.1.1.
    pub(crate) fn assume(&mut self, connection: usize, version: Version) {
        if let Some(streams) = self.streams.get_mut(connection) {
            streams.version = version;
        }
    }

    /// The client opens a connection.
    pub(crate) fn open(&mut self, at: Duration, connection: usize) -> usize {
        self.sent(at, connection, Sender::Client, Content::Open)
    }

    /// One end of a connection sends the next bytes.
    pub(crate) fn bytes(
        &mut self,
        at: Duration,
        connection: usize,
        sender: Sender,
        bytes: &[u8],
    ) -> usize {
        let streams = self.streams.get_mut(connection);
        let packets = streams.map(|streams| streams.labels(sender, bytes)).unwrap_or_default();
        self.sent(at, connection, sender, Content::Bytes { bytes: bytes.to_vec(), packets })
    }

    /// One end of a connection closes it.
    pub(crate) fn close(&mut self, at: Duration, connection: usize, sender: Sender) -> usize {
        self.sent(at, connection, sender, Content::Close)
    }

    /// One end of a connection aborts it.
    pub(crate) fn reset(&mut self, at: Duration, connection: usize, sender: Sender) -> usize {
        self.sent(at, connection, sender, Content::Reset)
    }

    fn sent(&mut self, at: Duration, connection: usize, sender: Sender, content: Content) -> usize {
        let sent = Sent { connection, sender, received: None, content };
        self.records.push(Record { at, event: Event::Sent(sent) });
        self.records.len() - 1
    }

    /// What was sent has arrived.
    pub(crate) fn received(&mut self, at: Duration, record: usize) {
        if let Some(Record { event: Event::Sent(sent), .. }) = self.records.get_mut(record) {
            sent.received = Some(at);
        }
    }

    /// A remark.
    pub(crate) fn note(&mut self, at: Duration, party: Option<usize>, text: &str) {
        self.records.push(Record { at, event: Event::Note { party, text: text.into() } });
    }

    /// The parties between which something went: from, to.
    pub(crate) fn ends(&self, sent: &Sent) -> (usize, usize) {
        let ends = self.connections.get(sent.connection).map(|c| (c.client, c.server));
        let (client, server) = ends.unwrap_or_default();
        match sent.sender {
            Sender::Client => (client, server),
            Sender::Server => (server, client),
        }
    }
}

/// Both directions of a connection.
#[derive(Clone, Debug)]
struct Streams {
    version: Version,
    /// `None` after bytes that are no packet.
    client: Option<FrameReader>,
    server: Option<FrameReader>,
}

impl Streams {
    fn new() -> Streams {
        let reader = || Some(FrameReader::new(MAXIMUM_PACKET_SIZE));
        // Of a connection whose CONNECT was not seen, the usual version is assumed.
        Streams { version: Version::V3_1_1, client: reader(), server: reader() }
    }

    fn labels(&mut self, sender: Sender, mut bytes: &[u8]) -> Vec<Label> {
        let slot = match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        };
        let mut labels = Vec::new();
        let Some(reader) = slot else {
            return labels;
        };
        loop {
            let next = reader.next(&mut bytes).and_then(|frame| {
                frame.map(|f| Packet::decode(f, self.version).map(|p| (f, p))).transpose()
            });
            match next {
                Ok(Some((frame, packet))) => {
                    if let Packet::Connect(connect) = packet {
                        self.version = connect.version;
                    }
                    labels.push(Label::new(&packet, frame.as_bytes().len(), self.version));
                }
                Ok(None) => return labels,
                Err(error) => {
                    labels.push(Label {
                        packet_type: None,
                        size: bytes.len(),
                        short: "no packet".into(),
                        detail: error.to_string(),
                    });
                    break;
                }
            }
        }
        *slot = None;
        labels
    }
}

impl Label {
    fn new(packet: &Packet<'_>, size: usize, version: Version) -> Label {
        let packet_type = packet.packet_type();
        let (numbers, detail) = words(packet, version);
        let short = format!("{packet_type}{numbers}");
        Label { packet_type: Some(packet_type), size, short, detail }
    }
}

/// What stands behind a packet's name: numbers, and what it is about.
fn words(packet: &Packet<'_>, version: Version) -> (String, String) {
    match packet {
        Packet::Connect(connect) => (String::new(), connect_words(connect)),
        Packet::ConnAck(connack) => (connack_code(connack, version), connack_words(connack)),
        Packet::Publish(publish) => publish_words(publish),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            (format!(" m{}", ack.packet_id), failure_words(ack.reason_code))
        }
        Packet::Subscribe(subscribe) => {
            let filters = subscribe.filters.iter().map(|s| format!("{} q{}", s.filter, s.qos));
            (format!(" m{}", subscribe.packet_id), filters.collect::<Vec<_>>().join(", "))
        }
        Packet::SubAck(suback) => {
            let granted = suback.reason_codes.iter().map(|code| match u8::from(code) {
                qos @ 0..=2 => format!("q{qos}"),
                _ => "refused".to_owned(),
            });
            let granted = granted.collect::<Vec<_>>().join(" ");
            (format!(" m{} {granted}", suback.packet_id), String::new())
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.filters.iter().map(|filter| filter.to_string());
            (format!(" m{}", unsubscribe.packet_id), filters.collect::<Vec<_>>().join(", "))
        }
        Packet::UnsubAck(unsuback) => (format!(" m{}", unsuback.packet_id), String::new()),
        Packet::Disconnect(disconnect) => (String::new(), failure_words(disconnect.reason_code)),
        Packet::PingReq | Packet::PingResp | Packet::Auth(_) => (String::new(), String::new()),
    }
}

/// The password is not shown.
fn connect_words(connect: &Connect<'_>) -> String {
    let mut words = format!("{:?}", connect.client_id);
    if !connect.clean_start {
        words.push_str(", keep session");
    }
    if connect.keep_alive != 0 {
        words.push_str(&format!(", k{}", connect.keep_alive));
    }
    if let Some(user_name) = connect.user_name {
        words.push_str(&format!(", user {user_name:?}"));
    }
    if let Some(will) = &connect.will {
        let retain = if will.retain { " r" } else { "" };
        let payload = payload_words(will.payload);
        words.push_str(&format!(", will q{}{retain} {} {payload}", will.qos, will.topic));
    }
    words
}

/// Before 5.0 there is none to tell.
fn failure_words(reason_code: ReasonCode) -> String {
    if u8::from(reason_code) >= 0x80 { reason_code.to_string() } else { String::new() }
}

fn connack_code(connack: &ConnAck<'_>, version: Version) -> String {
    let code = connack.reason_code.connack_code(version).unwrap_or(connack.reason_code.into());
    format!(" {code}")
}

fn connack_words(connack: &ConnAck<'_>) -> String {
    match connack.reason_code {
        ReasonCode::Success if connack.session_present => "session present".into(),
        ReasonCode::Success => String::new(),
        refused => refused.to_string(),
    }
}

fn publish_words(publish: &Publish<'_>) -> (String, String) {
    let mut numbers = format!(" q{}", publish.delivery.qos());
    if publish.delivery.dup() {
        numbers.push_str(" dup");
    }
    if publish.retain {
        numbers.push_str(" r");
    }
    match publish.delivery {
        Delivery::AtMostOnce => {}
        Delivery::AtLeastOnce { packet_id, .. } | Delivery::ExactlyOnce { packet_id, .. } => {
            numbers.push_str(&format!(" m{packet_id}"));
        }
    }
    (numbers, format!("{} {}", publish.topic, payload_words(publish.payload)))
}

/// A payload that is text is shown as such.
fn payload_words(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok(text) if text.contains('"') => text.escape_debug().to_string().replace("\\\"", "\""),
        Ok(text) => format!("\"{}\"", text.escape_debug()),
        Err(_) => format!("({} bytes)", payload.len()),
    }
}
