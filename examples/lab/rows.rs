//! The rows of a ladder diagram: one for each packet, with long repetitions folded.

use std::time::Duration;

use mqtt_sansio::PacketType;

use crate::exchange::{Content, Event, Exchange, Label, Sent};

/// One row, to be drawn under the one before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    Arrow(Arrow),
    /// A remark, on one party or on all.
    Note {
        at: Duration,
        party: Option<usize>,
        text: String,
    },
    /// Rows like the last ones, left out.
    Folded {
        until: Duration,
        text: String,
    },
}

/// What went from one party to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrow {
    pub(crate) at: Duration,
    /// `None`: it was lost on the way.
    pub(crate) received: Option<Duration>,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) connection: usize,
    pub(crate) kind: Kind,
    /// As [`Label::short`].
    pub(crate) short: String,
    /// As [`Label::detail`].
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Packet(PacketType),
    /// Bytes that are no packet, or end none.
    Bytes,
    /// TCP opens or closes.
    Transport,
    /// TCP aborts.
    Reset,
}

/// How many times a group of rows has to come before it is folded, and how long it may be.
const REPEATED: usize = 4;
const LONGEST_GROUP: usize = 12;

/// The rows of an exchange.
pub(crate) fn rows(exchange: &Exchange) -> Vec<Row> {
    fold(unfolded(exchange))
}

fn unfolded(exchange: &Exchange) -> Vec<Row> {
    let mut rows = Vec::new();
    for record in &exchange.records {
        match &record.event {
            Event::Note { party, text } => {
                rows.push(Row::Note { at: record.at, party: *party, text: text.clone() });
            }
            Event::Sent(sent) => {
                let arrow = |kind, short: &str, detail: &str| {
                    Row::Arrow(arrow(exchange, record.at, sent, kind, [short, detail]))
                };
                match &sent.content {
                    Content::Open => rows.push(arrow(Kind::Transport, "TCP opens", "")),
                    Content::Close => rows.push(arrow(Kind::Transport, "TCP closes", "")),
                    Content::Reset => rows.push(arrow(Kind::Reset, "TCP resets", "")),
                    Content::Bytes { bytes, packets } if packets.is_empty() => {
                        rows.push(arrow(Kind::Bytes, &format!("{} bytes", bytes.len()), ""));
                    }
                    Content::Bytes { packets, .. } => {
                        rows.extend(packets.iter().map(|label| {
                            let Label { packet_type, short, detail, .. } = label;
                            arrow(packet_type.map_or(Kind::Bytes, Kind::Packet), short, detail)
                        }));
                    }
                }
            }
        }
    }
    rows
}

fn arrow(exchange: &Exchange, at: Duration, sent: &Sent, kind: Kind, words: [&str; 2]) -> Arrow {
    let (from, to) = exchange.ends(sent);
    let [short, detail] = words.map(str::to_owned);
    let Sent { connection, received, .. } = *sent;
    Arrow { at, received, from, to, connection, kind, short, detail }
}

/// Leaves out groups of rows that repeat.
fn fold(rows: Vec<Row>) -> Vec<Row> {
    let kinds: Vec<String> = rows.iter().map(Row::what).collect();
    let mut folded = Vec::new();
    let mut rest = (&rows[..], &kinds[..]);
    while let Some(first) = rest.0.first() {
        let Some((length, times)) = repetition(rest.1) else {
            folded.push(first.clone());
            rest = (tail(rest.0, 1), tail(rest.1, 1));
            continue;
        };
        folded.extend(rest.0.iter().take(length).cloned());
        let left_out = rest.0.iter().take(length * times);
        let until = left_out.clone().last().map(Row::at).unwrap_or_default();
        let text = format!("… {} more {}", times - 1, names(left_out.take(length)));
        folded.push(Row::Folded { until, text });
        rest = (tail(rest.0, length * times), tail(rest.1, length * times));
    }
    folded
}

fn tail<T>(slice: &[T], from: usize) -> &[T] {
    slice.get(from..).unwrap_or_default()
}

/// The shortest group at the beginning that comes often enough: its length, and how often.
fn repetition(kinds: &[String]) -> Option<(usize, usize)> {
    (1..=LONGEST_GROUP).find_map(|length| {
        let mut groups = kinds.chunks_exact(length);
        let first = groups.next()?;
        let times = 1 + groups.take_while(|group| *group == first).count();
        (times >= REPEATED).then_some((length, times))
    })
}

/// The names of the packets in a group, each once.
fn names<'a>(group: impl Iterator<Item = &'a Row>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in group {
        if let Row::Arrow(arrow) = row {
            let name = match arrow.kind {
                Kind::Packet(packet_type) => packet_type.name(),
                _ => &arrow.short,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.join(" / ")
}

impl Row {
    pub(crate) fn at(&self) -> Duration {
        match self {
            Row::Arrow(Arrow { at, .. })
            | Row::Note { at, .. }
            | Row::Folded { until: at, .. } => *at,
        }
    }

    /// What it has in common with its repetitions: neither time nor packet identifier nor payload.
    fn what(&self) -> String {
        match self {
            Row::Note { party, text, .. } => format!("{party:?} {text}"),
            Row::Folded { text, .. } => text.clone(),
            Row::Arrow(arrow) => {
                let numbers = arrow.short.split(' ').filter(|word| !is_packet_id(word));
                let detail = match arrow.kind {
                    Kind::Packet(PacketType::Publish) => {
                        arrow.detail.split(' ').next().unwrap_or_default()
                    }
                    _ => &arrow.detail,
                };
                let numbers = numbers.collect::<Vec<_>>().join(" ");
                let lost = arrow.received.is_none();
                format!("{} {} {lost} {numbers} {detail}", arrow.from, arrow.to)
            }
        }
    }
}

fn is_packet_id(word: &str) -> bool {
    word.strip_prefix('m').is_some_and(|id| id.parse::<u16>().is_ok())
}
