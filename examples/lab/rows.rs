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
    /// TCP opens.
    Open,
    /// TCP closes.
    Close,
    /// TCP aborts.
    Reset,
}

/// How many times a group has to come before it is folded, and how many rows it may have; pings in a row
/// count as one.
const REPEATED: usize = 4;
const LONGEST_GROUP: usize = 12;
/// How many rows of pings are shown before they are folded.
const PINGS: usize = 4;

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
                    Content::Open => rows.push(arrow(Kind::Open, "TCP opens", "")),
                    Content::Close => rows.push(arrow(Kind::Close, "TCP closes", "")),
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
    let units: Vec<&[Row]> = rows.chunk_by(|a, b| a.is_ping() && b.is_ping()).collect();
    let kinds: Vec<String> = units.iter().map(|unit| kind_of(unit)).collect();
    let mut folded = Vec::new();
    let mut rest = (&units[..], &kinds[..]);
    while let Some(first) = rest.0.first() {
        let (length, times) = repetition(rest.1).unwrap_or((1, 1));
        let (group, repeated) = rest.0.split_at(length);
        match times {
            1 => fold_pings(first, &mut folded),
            _ => group.iter().for_each(|unit| fold_pings(unit, &mut folded)),
        }
        let repeated = repeated.iter().take(length * (times - 1));
        folded.extend(leave_out(repeated.flat_map(|unit| unit.iter())));
        rest = (tail(rest.0, length * times), tail(rest.1, length * times));
    }
    folded
}

fn tail<T>(slice: &[T], from: usize) -> &[T] {
    slice.get(from..).unwrap_or_default()
}

/// Pings in a row are all alike, however many; else it is one row.
fn kind_of(unit: &[Row]) -> String {
    match unit.first() {
        Some(row) if !row.is_ping() => row.what(),
        _ => "pings".into(),
    }
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

/// One row, or the first of many pings.
fn fold_pings(unit: &[Row], folded: &mut Vec<Row>) {
    let shown = if unit.len() > PINGS { first_answered(unit) } else { unit.len() };
    folded.extend(unit.iter().take(shown).cloned());
    folded.extend(leave_out(unit.iter().skip(shown)));
}

/// After how many rows every ping has its answer for the first time.
fn first_answered(pings: &[Row]) -> usize {
    let mut unanswered = 0_usize;
    for (index, row) in pings.iter().enumerate() {
        match row {
            Row::Arrow(Arrow { kind: Kind::Packet(PacketType::PingReq), .. }) => unanswered += 1,
            _ => unanswered = unanswered.saturating_sub(1),
        }
        if unanswered == 0 {
            return index + 1;
        }
    }
    pings.len()
}

/// What stands for these rows, if there are any: `… 20 more PUBLISH, 5 PINGREQ / PINGRESP`.
fn leave_out<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<Row> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut until = None;
    for row in rows {
        until = Some(row.at());
        if let Row::Arrow(arrow) = row {
            let name = match arrow.kind {
                Kind::Packet(packet_type) => packet_type.name(),
                _ => &arrow.short,
            };
            match counts.iter_mut().find(|(counted, _)| *counted == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
    }
    let same = counts.chunk_by(|a, b| a.1 == b.1).enumerate().map(|(index, names)| {
        let count = names.first().map_or(0, |(_, count)| *count);
        let names = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" / ");
        if index == 0 { format!("{count} more {names}") } else { format!("{count} {names}") }
    });
    let text = format!("… {}", same.collect::<Vec<_>>().join(", "));
    until.map(|until| Row::Folded { until, text })
}

impl Row {
    pub(crate) fn at(&self) -> Duration {
        match self {
            Row::Arrow(Arrow { at, .. }) | Row::Note { at, .. } | Row::Folded { until: at, .. } => {
                *at
            }
        }
    }

    /// A ping that is on its way as it should be.
    fn is_ping(&self) -> bool {
        use PacketType::{PingReq, PingResp};
        let Row::Arrow(Arrow { kind: Kind::Packet(packet_type), received, .. }) = self else {
            return false;
        };
        matches!(packet_type, PingReq | PingResp) && received.is_some()
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
