//! The TCP segments of an exchange, as a capture that sees both ends would have them.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_sansio::Sender;

use crate::exchange::{Content, Event, Exchange, Sent};

/// A TCP segment of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    pub(crate) at: Duration,
    pub(crate) connection: usize,
    pub(crate) sender: Sender,
    pub(crate) sequence: u32,
    /// `None`: it acknowledges nothing, as only the first one does.
    pub(crate) acknowledgement: Option<u32>,
    pub(crate) mark: Option<Mark>,
    pub(crate) payload: &'a [u8],
}

/// The flag that makes a segment more than data and acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Syn,
    /// The last one of what was sent at once.
    Push,
    Fin,
    Reset,
}

/// The data that an Ethernet frame has room for.
pub(crate) const MAXIMUM_SEGMENT_SIZE: u16 = 1460;

const CLIENT_BEGINS: u32 = 1_000;
const SERVER_BEGINS: u32 = 500_000;

/// The segments in the order of time. What was lost on the way is there, and not acknowledged.
pub(crate) fn segments(exchange: &Exchange) -> Vec<Segment<'_>> {
    let mut wires = Wires::new(exchange);
    let mut now = Duration::ZERO;
    for ((at, ..), (record, step)) in steps(exchange) {
        if at != now {
            wires.acknowledge(now);
            now = at;
        }
        wires.take(now, record, step);
    }
    wires.acknowledge(now);
    wires.segments
}

#[derive(Clone, Copy)]
enum Step {
    Send,
    Arrive,
    /// The answer to SYN reached the client.
    Established,
    /// The other end closes too.
    CloseToo,
    ClosedToo,
}

/// What the ends do about which record: when, after which record, and the how many-th step that is.
type Steps = BTreeMap<(Duration, usize, u8), (usize, Step)>;

fn steps(exchange: &Exchange) -> Steps {
    let mut steps = Steps::new();
    for (index, record) in exchange.records.iter().enumerate() {
        let (at, Event::Sent(sent)) = (record.at, &record.event) else {
            continue;
        };
        steps.insert((at, index, 0), (index, Step::Send));
        let Some(received) = sent.received else {
            continue;
        };
        steps.insert((received, index, 1), (index, Step::Arrive));
        let way = received.saturating_sub(at);
        match sent.content {
            Content::Open => {
                steps.insert((received + way, index, 2), (index, Step::Established));
            }
            Content::Close => {
                if let Some(last) = last_of_other(exchange, sent) {
                    let (at, after) = last.max((received, index));
                    steps.insert((at, after, 3), (index, Step::CloseToo));
                    steps.insert((at + way, after, 4), (index, Step::ClosedToo));
                }
            }
            Content::Bytes { .. } | Content::Reset => {}
        }
    }
    steps
}

/// What the other end sends last, and when, unless a record says that it closes.
fn last_of_other(exchange: &Exchange, closed: &Sent) -> Option<(Duration, usize)> {
    let mut last = (Duration::ZERO, 0);
    for (index, record) in exchange.records.iter().enumerate() {
        match &record.event {
            Event::Sent(sent)
                if sent.connection == closed.connection && sent.sender != closed.sender =>
            {
                if matches!(sent.content, Content::Close | Content::Reset) {
                    return None;
                }
                last = (record.at, index);
            }
            _ => {}
        }
    }
    Some(last)
}

/// All connections, and what was sent so far.
struct Wires<'a> {
    exchange: &'a Exchange,
    wires: Vec<Wire>,
    /// Of each record: the sequence number after it, where it can be acknowledged.
    ends: Vec<Option<u32>>,
    segments: Vec<Segment<'a>>,
}

struct Wire {
    client: End,
    server: End,
}

struct End {
    /// The next sequence number.
    next: u32,
    /// What it expects from the other end; `None` before the handshake.
    expects: Option<u32>,
    /// It has received something since it acknowledged last.
    owes: bool,
    /// Something it sent was lost, so that nothing after that can be acknowledged.
    lost: bool,
}

impl Wire {
    fn new(opens: bool) -> Wire {
        let end = |next, expects: u32| End {
            next,
            expects: Some(expects).filter(|_| !opens),
            owes: false,
            lost: false,
        };
        Wire {
            client: end(CLIENT_BEGINS, SERVER_BEGINS),
            server: end(SERVER_BEGINS, CLIENT_BEGINS),
        }
    }

    fn end(&mut self, sender: Sender) -> &mut End {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }
}

impl<'a> Wires<'a> {
    fn new(exchange: &'a Exchange) -> Wires<'a> {
        let opens = |connection| {
            exchange.records.iter().any(|record| match &record.event {
                Event::Sent(sent) => {
                    sent.connection == connection && matches!(sent.content, Content::Open)
                }
                Event::Note { .. } => false,
            })
        };
        let wires = (0..exchange.connections.len()).map(|index| Wire::new(opens(index))).collect();
        let ends = vec![None; exchange.records.len()];
        Wires { exchange, wires, ends, segments: Vec::new() }
    }

    fn take(&mut self, now: Duration, record: usize, step: Step) {
        let Some(Event::Sent(sent)) = self.exchange.records.get(record).map(|r| &r.event) else {
            return;
        };
        let (connection, sender, receiver) = (sent.connection, sent.sender, other(sent.sender));
        match step {
            Step::Send => self.send(now, record, sent),
            Step::Arrive => {
                let end = self.ends.get(record).copied().flatten();
                self.expect(connection, receiver, end);
                if matches!(sent.content, Content::Open) {
                    self.segment(now, connection, receiver, Some(Mark::Syn), &[]);
                }
            }
            Step::Established => {
                let next = self.wires.get(connection).map(|wire| wire.server.next);
                self.expect(connection, sender, next);
                self.segment(now, connection, sender, None, &[]);
            }
            Step::CloseToo => {
                self.segment(now, connection, receiver, Some(Mark::Fin), &[]);
                let wire = self.wires.get_mut(connection).map(|wire| wire.end(receiver));
                let end = wire.filter(|end| !end.lost).map(|end| end.next);
                if let Some(slot) = self.ends.get_mut(record) {
                    *slot = end;
                }
            }
            Step::ClosedToo => {
                let end = self.ends.get(record).copied().flatten();
                self.expect(connection, sender, end);
            }
        }
    }

    /// Puts a record on the wire.
    fn send(&mut self, now: Duration, record: usize, sent: &'a Sent) {
        let (connection, sender) = (sent.connection, sent.sender);
        match &sent.content {
            Content::Open => self.segment(now, connection, sender, Some(Mark::Syn), &[]),
            Content::Close => self.segment(now, connection, sender, Some(Mark::Fin), &[]),
            Content::Reset => self.segment(now, connection, sender, Some(Mark::Reset), &[]),
            Content::Bytes { bytes, .. } => {
                let mut parts = bytes.chunks(MAXIMUM_SEGMENT_SIZE.into()).peekable();
                while let Some(part) = parts.next() {
                    let mark = parts.peek().is_none().then_some(Mark::Push);
                    self.segment(now, connection, sender, mark, part);
                }
            }
        }
        if let Some(wire) = self.wires.get_mut(connection) {
            let end = wire.end(sender);
            end.lost |= sent.received.is_none();
            let acknowledged = !end.lost && !matches!(sent.content, Content::Reset);
            if let Some(slot) = self.ends.get_mut(record) {
                *slot = acknowledged.then_some(end.next);
            }
        }
    }

    /// An end has received all before this sequence number, if there is one.
    fn expect(&mut self, connection: usize, receiver: Sender, next: Option<u32>) {
        if let (Some(wire), Some(_)) = (self.wires.get_mut(connection), next) {
            let end = wire.end(receiver);
            end.owes = end.expects != next;
            end.expects = next;
        }
    }

    fn segment(
        &mut self,
        at: Duration,
        connection: usize,
        sender: Sender,
        mark: Option<Mark>,
        payload: &'a [u8],
    ) {
        let Some(wire) = self.wires.get_mut(connection) else {
            return;
        };
        let end = wire.end(sender);
        let sequence = end.next;
        // SYN and FIN take a sequence number each.
        let taken = u32::from(matches!(mark, Some(Mark::Syn | Mark::Fin)));
        let len = u32::try_from(payload.len()).unwrap_or_default();
        end.next = sequence.wrapping_add(len + taken);
        end.owes = false;
        let acknowledgement = end.expects;
        let segment = Segment { at, connection, sender, sequence, acknowledgement, mark, payload };
        self.segments.push(segment);
    }

    /// Segments for what no other one has acknowledged.
    fn acknowledge(&mut self, now: Duration) {
        for connection in 0..self.wires.len() {
            for sender in [Sender::Client, Sender::Server] {
                let end = self.wires.get_mut(connection).map(|wire| wire.end(sender));
                if end.is_some_and(|end| end.owes) {
                    self.segment(now, connection, sender, None, &[]);
                }
            }
        }
    }
}

fn other(sender: Sender) -> Sender {
    match sender {
        Sender::Client => Sender::Server,
        Sender::Server => Sender::Client,
    }
}
