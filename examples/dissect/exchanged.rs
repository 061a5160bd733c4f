//! What was exchanged in a capture, to be drawn.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mqtt_sansio::{Packet, Sender, Version};

use crate::capture::Capture;
use crate::exchange::{Connection, Exchange};
use crate::stream::{Found, Packets, version_of_connect};
use crate::tcp::{Side, Stream};

/// How long after it was sent the other side has acknowledged what is not lost.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// The connections of a capture. Without a CONNECT they are taken to speak that version, or else 3.1.1.
pub(crate) fn exchange(
    capture: &Capture<'_>,
    streams: &[Stream],
    version: Option<Version>,
) -> Exchange {
    let mut exchange = Exchange::default();
    let parties = parties(capture, streams, &mut exchange);
    let mut items = Vec::new();
    for (stream, Stream { client, server, sides }) in streams.iter().enumerate() {
        let (client_party, server_party) = parties.get(stream).copied().unwrap_or_default();
        exchange.connection(Connection {
            client: client_party,
            client_port: client.port(),
            server: server_party,
            server_port: server.port(),
        });
        let [from_client, _] = sides;
        if let Some(version) = version.or_else(|| version_of_connect(&from_client.bytes)) {
            exchange.assume(stream, version);
        }
        items.extend(items_of(stream, sides));
    }
    // Stable: what one frame brings stays in its order.
    items.sort_by_key(|item| item.frame);
    let times = times(capture);
    let time = |frame: usize| times.get(frame).copied().unwrap_or_default();
    let end = times.last().copied().unwrap_or_default();
    let comments = capture.frames.iter().enumerate();
    let mut comments = comments
        .flat_map(|(frame, of)| of.comments.iter().map(move |text| (frame, text)))
        .peekable();
    let mut lost = BTreeMap::new();
    for item in items {
        let at = time(item.frame);
        while let Some((frame, text)) = comments.next_if(|(frame, _)| *frame <= item.frame) {
            remark(&mut exchange, time(frame), text);
        }
        let lost = lost.entry((item.stream, item.sender == Sender::Client)).or_insert(false);
        let received = item.acknowledged.map(time);
        // Nothing after what is lost can be acknowledged; at the end the capture may have missed it.
        *lost |= received.is_none() && item.is_checked && end - at >= ACKNOWLEDGED_WITHIN;
        let record = item.put(&mut exchange, at);
        if let (false, Some(record)) = (*lost, record) {
            exchange.received(received.unwrap_or(at), record);
        }
    }
    comments.for_each(|(frame, text)| remark(&mut exchange, time(frame), text));
    exchange
}

/// A comment is on the party whose name it begins with.
fn remark(exchange: &mut Exchange, at: Duration, comment: &str) {
    let named = comment.split_once(": ").and_then(|(name, text)| {
        let party = exchange.parties.iter().position(|party| party.name == name)?;
        Some((party, text))
    });
    match named {
        Some((party, text)) => exchange.note(at, Some(party), text),
        None => exchange.note(at, None, comment),
    }
}

/// Something that a side of a stream sent.
struct Item<'a> {
    frame: usize,
    stream: usize,
    sender: Sender,
    /// The frame with which the other side says that it has it.
    acknowledged: Option<usize>,
    /// Whether the other side has acknowledged anything in the capture.
    is_checked: bool,
    content: Content<'a>,
}

enum Content<'a> {
    Open,
    Bytes(&'a [u8]),
    /// So many bytes that are not in the capture.
    Gap(usize),
    Close,
    Reset,
}

impl Item<'_> {
    /// Its record, if it is more than a remark.
    fn put(&self, exchange: &mut Exchange, at: Duration) -> Option<usize> {
        let (stream, sender) = (self.stream, self.sender);
        match self.content {
            Content::Open => Some(exchange.open(at, stream)),
            Content::Bytes(bytes) => Some(exchange.bytes(at, stream, sender, bytes)),
            Content::Close => Some(exchange.close(at, stream, sender)),
            Content::Reset => Some(exchange.reset(at, stream, sender)),
            Content::Gap(len) => {
                let ends = exchange.connections.get(stream);
                let party = ends.map(|ends| match sender {
                    Sender::Client => ends.client,
                    Sender::Server => ends.server,
                });
                exchange.note(at, party, &format!("{len} bytes missing in the capture"));
                None
            }
        }
    }
}

fn items_of(stream: usize, sides: &[Side; 2]) -> Vec<Item<'_>> {
    let [client, server] = sides;
    let mut items = Vec::new();
    for (sender, side, other) in
        [(Sender::Client, client, server), (Sender::Server, server, client)]
    {
        let is_checked = side.acknowledged(0).is_some();
        let mut item = |frame, len, content| {
            let acknowledged = side.acknowledged(len);
            items.push(Item { frame, stream, sender, acknowledged, is_checked, content });
        };
        if let (Some(frame), Sender::Client) = (side.syn, sender) {
            item(frame, 0, Content::Open);
        }
        for (frame, end, bytes) in pieces(side) {
            item(frame, end, Content::Bytes(bytes));
        }
        if let (Some((_, frame)), true) = (side.arrivals.last(), side.gap > 0) {
            item(*frame, side.len, Content::Gap(side.gap));
        }
        let answers = |frame| other.fin.is_some() && had_all(other, frame);
        if let Some(frame) = side.fin.filter(|frame| !answers(*frame)) {
            item(frame, side.len + 1, Content::Close);
        }
        if let Some(frame) = side.rst.filter(|frame| other.rst.is_none_or(|rst| *frame < rst)) {
            // Nobody acknowledges it.
            items.push(Item {
                frame,
                stream,
                sender,
                acknowledged: Some(frame),
                is_checked,
                content: Content::Reset,
            });
        }
    }
    items
}

/// Whether all that a side sent, and that it closes, was acknowledged in or before this frame.
fn had_all(side: &Side, frame: usize) -> bool {
    side.acknowledged(side.len + 1).is_some_and(|acknowledged| acknowledged <= frame)
}

/// What a side sent, in pieces that end whole packets each: the frame, how many bytes that is so far, and
/// the bytes.
fn pieces(side: &Side) -> Vec<(usize, usize, &[u8])> {
    let packets = Packets::new(&side.bytes, 0, None, None);
    let ends: Vec<usize> = packets.map(|(end, _)| end).collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    for (len, frame) in &side.arrivals {
        let end = (*len).min(side.bytes.len());
        let is_last = end == side.bytes.len();
        let before = |place| ends.partition_point(|at| *at <= place);
        if end > start && (is_last || before(start) < before(end)) {
            pieces.push((*frame, end, side.bytes.get(start..end).unwrap_or_default()));
            start = end;
        }
    }
    pieces
}

/// The time of each frame since the first one; it does not go back.
fn times(capture: &Capture<'_>) -> Vec<Duration> {
    let first = capture.frames.iter().find_map(|frame| frame.time).unwrap_or_default();
    let mut last = Duration::ZERO;
    let times = capture.frames.iter().map(|frame| {
        last = last.max(frame.time.unwrap_or_default().saturating_sub(first));
        last
    });
    times.collect()
}

/// Adds the parties, servers in the middle; of each stream, which one the client is, and which the server.
fn parties(
    capture: &Capture<'_>,
    streams: &[Stream],
    exchange: &mut Exchange,
) -> Vec<(usize, usize)> {
    let mut clients: Vec<(SocketAddr, String)> = Vec::new();
    let mut servers: Vec<(SocketAddr, String)> = Vec::new();
    let mut names = Vec::new();
    for Stream { client, server, sides: [from_client, _] } in streams {
        let id = client_id(from_client).filter(|id| !id.is_empty());
        let client_name = host_name(capture, client).or(id).unwrap_or_else(|| client.to_string());
        let server_name = host_name(capture, server).unwrap_or_else(|| server.to_string());
        for (parties, end, name) in
            [(&mut clients, client, &client_name), (&mut servers, server, &server_name)]
        {
            if !parties.iter().any(|(known, other)| known.ip() == end.ip() && name == other) {
                parties.push((*end, name.clone()));
            }
        }
        names.push(((client.ip(), client_name), (server.ip(), server_name)));
    }
    let right = clients.split_off(clients.len().div_ceil(2));
    let all = |parties: Vec<(SocketAddr, String)>, role| {
        parties.into_iter().map(move |(end, name)| (end.ip(), name, role))
    };
    let mut columns: Vec<_> = all(clients, Sender::Client)
        .chain(all(servers, Sender::Server))
        .chain(all(right, Sender::Client))
        .collect();
    let place = |address: &IpAddr| capture.names.iter().position(|(named, _)| named == address);
    // Who wrote names may have had an order in mind.
    if columns.iter().all(|(address, ..)| place(address).is_some()) {
        columns.sort_by_key(|(address, ..)| place(address));
    }
    for (address, name, role) in &columns {
        exchange.party(&name.escape_debug().to_string(), *role, *address);
    }
    let column = |role, (address, name): (IpAddr, String)| {
        let column = (address, name, role);
        columns.iter().position(|other| *other == column).unwrap_or_default()
    };
    let names = names.into_iter();
    names.map(|(c, s)| (column(Sender::Client, c), column(Sender::Server, s))).collect()
}

fn host_name(capture: &Capture<'_>, end: &SocketAddr) -> Option<String> {
    let mut names = capture.names.iter().filter(|(address, _)| *address == end.ip());
    names.next().map(|(_, name)| name.clone())
}

fn client_id(side: &Side) -> Option<String> {
    let mut packets = Packets::new(&side.bytes, 0, None, None);
    packets.find_map(|(_, found)| match found {
        Found::Packet { packet: Packet::Connect(connect), .. } => {
            Some(connect.client_id.to_owned())
        }
        _ => None,
    })
}
