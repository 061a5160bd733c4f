//! An exchange as a ladder diagram for the terminal: parties as columns, time downwards.

use std::time::Duration;

use mqtt_sansio::PacketType;

use crate::exchange::Exchange;
use crate::rows::{Arrow, Kind, Row, rows};

/// Columns of the terminal, unless there are too many parties for them.
const WIDTH: usize = 80;
/// Where the lines of the parties begin, after the time.
const FIRST_LINE: usize = 12;
/// The least distance of two lines.
const LEAST_GAP: usize = 14;

/// The diagram, each line ended.
pub(crate) fn draw(exchange: &Exchange, colour: bool) -> String {
    let layout = Layout::new(exchange);
    let mut text = String::new();
    layout.header(exchange).iter().for_each(|line| text.push_str(&line.render(colour)));
    let mut last = None;
    for row in rows(exchange) {
        let at = Some(clock(row.at())).filter(|_| !matches!(row, Row::Folded { .. }));
        let mut lines = layout.row(&row);
        if let (Some(first), Some(at)) = (lines.first_mut(), at.as_ref().filter(|_| at != last)) {
            first.write(0, &format!("{at:>10}"), Style::Dim);
        }
        last = at;
        lines.iter().for_each(|line| text.push_str(&line.render(colour)));
    }
    text
}

/// `1:02.345`: minutes, seconds and milliseconds.
pub(crate) fn clock(at: Duration) -> String {
    let seconds = at.as_secs();
    format!("{}:{:02}.{:03}", seconds / 60, seconds % 60, at.subsec_millis())
}

/// Where the lines of the parties stand.
struct Layout {
    lines: Vec<usize>,
    width: usize,
}

impl Layout {
    fn new(exchange: &Exchange) -> Layout {
        let gaps = exchange.parties.len().saturating_sub(1).max(1);
        let last_name = exchange.parties.last().map_or(0, |party| party.name.chars().count());
        let last = (WIDTH - 2).saturating_sub(last_name / 2).max(FIRST_LINE + gaps * LEAST_GAP);
        let line = |index| FIRST_LINE + (last - FIRST_LINE) * index / gaps;
        let lines: Vec<usize> = (0..exchange.parties.len()).map(line).collect();
        Layout { lines, width: last + last_name / 2 + 2 }
    }

    fn line_of(&self, party: usize) -> usize {
        self.lines.get(party).copied().unwrap_or(FIRST_LINE)
    }

    /// The names, which end in the last of these lines.
    fn header(&self, exchange: &Exchange) -> Vec<Line> {
        let gaps = self.lines.iter().skip(1).zip(&self.lines).map(|(right, left)| right - left);
        let room = gaps.min().unwrap_or(WIDTH) - 1;
        let names: Vec<Vec<String>> =
            exchange.parties.iter().map(|party| wrap(&party.name, room)).collect();
        let height = names.iter().map(Vec::len).max().unwrap_or_default();
        let mut lines = vec![Line::default(); height];
        for (at, name) in self.lines.iter().zip(&names) {
            for (line, part) in lines.iter_mut().skip(height - name.len()).zip(name) {
                line.write(self.centred(*at, part), part, Style::Bold);
            }
        }
        lines
    }

    /// Where text begins whose middle is to be there, but within the width.
    fn centred(&self, middle: usize, text: &str) -> usize {
        let length = text.chars().count();
        middle.saturating_sub(length / 2).min(self.width.saturating_sub(length))
    }

    fn row(&self, row: &Row) -> Vec<Line> {
        match row {
            Row::Arrow(arrow) => self.arrow(arrow),
            Row::Note { party: Some(party), text, .. } => {
                let text = format!("[{text}]");
                let at = self.centred(self.line_of(*party), &text).max(FIRST_LINE - 1);
                vec![self.blank().with(at, &text, Style::Note)]
            }
            Row::Note { party: None, text, .. } => {
                let text = format!("── {text} ──");
                let at = self.centred((FIRST_LINE + self.width) / 2, &text).max(FIRST_LINE - 1);
                vec![self.blank().with(at, &text, Style::Note)]
            }
            Row::Folded { text, until } => {
                let seconds = until.as_secs();
                let text = format!("{text} until {}:{:02} ", seconds / 60, seconds % 60);
                let text = cut(&text, self.width.saturating_sub(FIRST_LINE + 2));
                vec![self.blank().with(FIRST_LINE + 2, &text, Style::Dim)]
            }
        }
    }

    /// Only the parties' lines.
    fn blank(&self) -> Line {
        let mut line = Line::default();
        self.lines.iter().for_each(|at| line.write(*at, "│", Style::Dim));
        line
    }

    fn arrow(&self, arrow: &Arrow) -> Vec<Line> {
        let (from, to) = (self.line_of(arrow.from), self.line_of(arrow.to));
        let (left, right) = (from.min(to), from.max(to));
        let style = style(arrow);
        let room = (right - left).saturating_sub(6);
        let mut line = self.blank();
        let shaft = match arrow.kind {
            Kind::Open | Kind::Close | Kind::Reset => '┄',
            _ => '─',
        };
        for at in left + 1..right {
            let crossed = self.lines.contains(&at);
            line.put(at, if crossed { '┼' } else { shaft }, style);
        }
        match (arrow.received.is_some(), from < to) {
            (true, true) => line.put(right - 1, '▶', style),
            (true, false) => line.put(left + 1, '◀', style),
            (false, true) => line.put(right - 2, '✗', Style::Bad),
            (false, false) => line.put(left + 2, '✗', Style::Bad),
        }
        let whole = format!("{} {}", arrow.short, arrow.detail);
        let fits = whole.trim_end().chars().count() <= room;
        let label = if fits { whole.trim_end() } else { &arrow.short };
        let (at, label) = placed(label, left, right, arrow.received.is_some() && from > to);
        line.write(at, &label, style);
        let mut lines = vec![line];
        if !fits && !arrow.detail.is_empty() {
            for part in details(&arrow.detail, (right - left).saturating_sub(3)) {
                let at = left + 2 + ((right - left - 3).saturating_sub(part.chars().count())) / 2;
                lines.push(self.blank().without(left + 1..right).with(at, &part, style));
            }
        }
        lines
    }
}

fn style(arrow: &Arrow) -> Style {
    match arrow.kind {
        _ if arrow.received.is_none() => Style::Bad,
        Kind::Bytes | Kind::Reset => Style::Bad,
        Kind::Open | Kind::Close => Style::Dim,
        Kind::Packet(packet_type) => match packet_type {
            PacketType::Publish => Style::Message,
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                Style::Acknowledgement
            }
            PacketType::PingReq | PacketType::PingResp => Style::Dim,
            _ => Style::Session,
        },
    }
}

/// Where a label begins between two lines: in the middle of the shaft, or in its place, or cut.
fn placed(label: &str, left: usize, right: usize, head_on_the_left: bool) -> (usize, String) {
    let length = label.chars().count();
    let room = (right - left).saturating_sub(6);
    if length > room && length + 2 <= right - left {
        return (if head_on_the_left { left + 2 } else { left + 1 }, label.to_owned());
    }
    let label = cut(label, room);
    (left + 2 + (room - label.chars().count()) / 2, format!(" {label} "))
}

/// Text that takes no more room than that.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// At most three lines of a text.
pub(crate) fn details(text: &str, room: usize) -> Vec<String> {
    let mut lines = wrap(text, room);
    if lines.len() > 3 {
        lines.truncate(3);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last}…"), room);
        }
    }
    lines
}

/// Lines of text that take no more room than that, broken at spaces where there are some.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(pieces(word, room.max(1))),
        }
    }
    lines
}

/// A word that is too long for a line, broken where it has a separator.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = word.chars().collect();
    while rest.len() > room {
        let line = rest.iter().take(room);
        let separator =
            line.collect::<Vec<_>>().iter().rposition(|c| matches!(**c, '/' | ',' | ':'));
        let after = rest.split_off(separator.map_or(room, |at| at + 1));
        pieces.push(std::mem::replace(&mut rest, after).into_iter().collect());
    }
    pieces.push(rest.into_iter().collect());
    pieces
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Style {
    #[default]
    Plain,
    Bold,
    Dim,
    Session,
    Message,
    Acknowledgement,
    Note,
    Bad,
}

impl Style {
    /// The parameters of the terminal's "select graphic rendition".
    const fn code(self) -> &'static str {
        match self {
            Style::Plain => "0",
            Style::Bold => "1",
            Style::Dim => "90",
            Style::Session => "36",
            Style::Message => "32",
            Style::Acknowledgement => "33",
            Style::Note => "35",
            Style::Bad => "31",
        }
    }
}

/// A line of the terminal, cell by cell.
#[derive(Clone, Default)]
struct Line(Vec<(char, Style)>);

impl Line {
    /// What would move the cursor is not shown as it is.
    fn put(&mut self, at: usize, character: char, style: Style) {
        let character = if character.is_control() { '\u{FFFD}' } else { character };
        if self.0.len() <= at {
            self.0.resize(at + 1, (' ', Style::Plain));
        }
        if let Some(cell) = self.0.get_mut(at) {
            *cell = (character, style);
        }
    }

    fn write(&mut self, at: usize, text: &str, style: Style) {
        text.chars().enumerate().for_each(|(i, character)| self.put(at + i, character, style));
    }

    fn with(mut self, at: usize, text: &str, style: Style) -> Line {
        self.write(at, text, style);
        self
    }

    /// Lines of parties between two others make text between those hard to read.
    fn without(mut self, cells: std::ops::Range<usize>) -> Line {
        cells.for_each(|at| self.put(at, ' ', Style::Plain));
        self
    }

    fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        let mut now = Style::Plain;
        for (character, style) in &self.0 {
            if colour && *style != now {
                text.push_str(&format!("\x1b[0;{}m", style.code()));
                now = *style;
            }
            text.push(*character);
        }
        let mut text = text.trim_end().to_owned();
        if now != Style::Plain {
            text.push_str("\x1b[0m");
        }
        text.push('\n');
        text
    }
}
