//! TCP connections: segments put in order.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use mqtt_sansio::Sender;

use crate::capture::{Frame, Segment};

/// A connection: its ends, and what they sent.
pub(crate) struct Stream {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// Those of the client and of the server.
    pub(crate) sides: [Side; 2],
}

/// The bytes that one side of a connection sent, up to the first one that was not captured.
#[derive(Default)]
pub(crate) struct Side {
    pub(crate) bytes: Vec<u8>,
    /// How many bytes are missing then.
    pub(crate) gap: usize,
    /// How many bytes there were after which frame, those of the gap counted in the end.
    pub(crate) arrivals: Vec<(usize, usize)>,
    /// The frames that open, close and abort the connection, the first of each.
    pub(crate) syn: Option<usize>,
    pub(crate) fin: Option<usize>,
    pub(crate) rst: Option<usize>,
    /// How many bytes were sent in all, as far as that is known.
    pub(crate) len: usize,
    /// How many bytes the other side had by which frame; the FIN counts as one more than there are.
    acknowledged: Vec<(usize, usize)>,
}

impl Side {
    /// The frame that brought the last of so many bytes.
    pub(crate) fn frame(&self, len: usize) -> usize {
        let arrival = self.arrivals.partition_point(|(arrived, _)| *arrived < len);
        self.arrivals.get(arrival).map_or(0, |(_, frame)| *frame)
    }

    /// The frame with which the other side acknowledged so many bytes.
    pub(crate) fn acknowledged(&self, len: usize) -> Option<usize> {
        let enough = self.acknowledged.partition_point(|(acknowledged, _)| *acknowledged < len);
        self.acknowledged.get(enough).map(|(_, frame)| *frame)
    }
}

/// The connections with a server at one of these ports, in the order of
/// their first frames. Those without data are left out.
pub(crate) fn streams(frames: &[Frame<'_>], ports: &[u16]) -> Vec<Stream> {
    let mut connections: Vec<((SocketAddr, SocketAddr), Connection<'_>)> = Vec::new();
    let mut latest: HashMap<(SocketAddr, SocketAddr), usize> = HashMap::new();
    for (frame, segment) in frames.iter().enumerate() {
        let Some(segment) = segment.segment() else {
            continue;
        };
        let (source, destination) = (segment.source, segment.destination);
        let sender = match (ports.contains(&source.port()), ports.contains(&destination.port())) {
            (false, false) => continue,
            (true, false) => Sender::Server,
            // Where both could be servers, the client is who speaks first.
            (true, true) if latest.contains_key(&(destination, source)) => Sender::Server,
            (_, true) => Sender::Client,
        };
        let ends = match sender {
            Sender::Client => (source, destination),
            Sender::Server => (destination, source),
        };
        let index = latest.entry(ends).or_insert(usize::MAX);
        if connections
            .get(*index)
            .is_none_or(|(_, connection)| connection.is_over(sender, &segment))
        {
            *index = connections.len();
            connections.push((ends, Connection::default()));
        }
        if let Some((_, connection)) = connections.get_mut(*index) {
            connection.flow(sender).add(frame, &segment);
        }
    }
    let streams = connections.iter().map(|((client, server), connection)| {
        let Connection { client: from_client, server: from_server } = connection;
        let sides = [from_client.side(from_server), from_server.side(from_client)];
        Stream { client: *client, server: *server, sides }
    });
    streams.filter(|stream| stream.sides.iter().any(|side| !side.arrivals.is_empty())).collect()
}

#[derive(Default)]
struct Connection<'a> {
    client: Flow<'a>,
    server: Flow<'a>,
}

impl<'a> Connection<'a> {
    fn flow(&mut self, sender: Sender) -> &mut Flow<'a> {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    /// Whether this segment begins another connection between the same ends.
    fn is_over(&self, sender: Sender, segment: &Segment<'_>) -> bool {
        let (flow, other) = match sender {
            Sender::Client => (&self.client, &self.server),
            Sender::Server => (&self.server, &self.client),
        };
        segment.syn
            && match flow.first() {
                Some(first) => first.rem_euclid(WRAP) != (i64::from(segment.sequence) + 1) % WRAP,
                // The capture may have begun within the older connection.
                None => !segment.ack && other.first().is_some(),
            }
    }
}

/// Where sequence numbers wrap around.
const WRAP: i64 = 1 << 32;

/// The segments that one side sent, by sequence numbers that do not wrap around.
#[derive(Default)]
struct Flow<'a> {
    /// The sequence number of the first byte, where the SYN was captured.
    start: Option<i64>,
    /// The one after the last byte that was sent.
    end: i64,
    last: Option<i64>,
    last_frame: usize,
    segments: Vec<(usize, i64, &'a [u8])>,
    syn: Option<usize>,
    fin: Option<usize>,
    rst: Option<usize>,
    /// What it said it had of the other side, and in which frame.
    acknowledgements: Vec<(usize, u32)>,
}

impl<'a> Flow<'a> {
    fn add(&mut self, frame: usize, segment: &Segment<'a>) {
        let last = self.last.unwrap_or(segment.sequence.into());
        // At most half of all numbers ahead of the last one, or behind it.
        let ahead = (i64::from(segment.sequence) - last + WRAP / 2).rem_euclid(WRAP) - WRAP / 2;
        let sequence = last + ahead + i64::from(segment.syn);
        self.last = Some(last + ahead);
        self.last_frame = frame;
        if segment.syn {
            self.start = Some(sequence);
            self.syn.get_or_insert(frame);
        }
        if segment.fin {
            self.fin.get_or_insert(frame);
        }
        if segment.rst {
            self.rst.get_or_insert(frame);
        } else if segment.ack {
            self.acknowledgements.push((frame, segment.acknowledgement));
        }
        if !segment.data.is_empty() {
            self.segments.push((frame, sequence, segment.data));
        }
        let len = segment.data.len() + segment.cut_off;
        if len > 0 || segment.fin {
            self.end = self.end.max(sequence.saturating_add_unsigned(len as u64));
        }
    }

    /// The sequence number of the first byte, as far as it is known.
    fn first(&self) -> Option<i64> {
        self.start.or_else(|| self.segments.iter().map(|(_, sequence, _)| *sequence).min())
    }

    /// Puts the bytes in order. Of bytes that were sent again, those that fitted first count.
    fn side(&self, other: &Flow<'_>) -> Side {
        let Flow { syn, fin, rst, .. } = *self;
        let mut side = Side { syn, fin, rst, ..Side::default() };
        let Some(first) = self.first() else {
            return side;
        };
        let next = |side: &Side| first.saturating_add_unsigned(side.bytes.len() as u64);
        let mut waiting: BTreeMap<i64, (usize, &[u8])> = BTreeMap::new();
        for &(frame, sequence, data) in &self.segments {
            let longest = waiting.entry(sequence).or_insert((frame, data));
            if longest.1.len() < data.len() {
                *longest = (frame, data);
            }
            while let Some(entry) =
                waiting.first_entry().filter(|entry| *entry.key() <= next(&side))
            {
                let (sequence, (_, data)) = entry.remove_entry();
                let known = usize::try_from(next(&side) - sequence).unwrap_or(usize::MAX);
                side.bytes.extend_from_slice(data.get(known..).unwrap_or_default());
                side.arrivals.push((side.bytes.len(), frame));
            }
        }
        let gap_end = waiting.keys().next().copied().unwrap_or(self.end);
        side.gap = usize::try_from(gap_end - next(&side)).unwrap_or(0);
        if side.gap > 0 {
            let after = waiting.values().map(|(frame, _)| *frame).min().unwrap_or(self.last_frame);
            let before = side.arrivals.last().map_or(0, |(_, frame)| *frame);
            side.arrivals.push((side.bytes.len() + side.gap, after.max(before)));
        }
        side.len = usize::try_from(self.end - first).unwrap_or(0).max(side.bytes.len() + side.gap);
        for (frame, number) in &other.acknowledgements {
            let len = (i64::from(*number) - first).rem_euclid(WRAP);
            // Numbers of what was never sent say nothing.
            let Some(len) = usize::try_from(len).ok().filter(|len| *len <= side.len + 1) else {
                continue;
            };
            if side.acknowledged.last().is_none_or(|(last, _)| *last < len) {
                side.acknowledged.push((len, *frame));
            }
        }
        side
    }
}
