//! An exchange as a ladder diagram in SVG: parties as columns, time downwards.

use std::fmt::Write;
use std::time::Duration;

use mqtt_sansio::Sender;

use crate::exchange::{Content, Event, Exchange};
use crate::ladder::{clock, cut, details, wrap};
use crate::rows::{Arrow, Kind, Row, rows};
use crate::strokes::{Class, STYLE};

/// Where the first line stands, after the times; and what is left beside the last one.
const FIRST_LINE: usize = 132;
const MARGIN: usize = 72;
/// The width of the picture, unless there are too many parties for it.
const WIDTH: usize = 920;
const LEAST_GAP: usize = 220;
/// The top of the parties' boxes, and what is drawn after them.
const HEADINGS: usize = 62;
const HEADING_HEIGHT: usize = 32;
/// A taller picture has its headings below too.
const TALL: usize = 900;

/// All text has one width, so that it is known what fits.
const FONT: &str = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace";
const CHARACTER: usize = 8;
const LONGEST_NAME: usize = 26;
/// How far from the other line the cross of what is lost stands.
const LOST_BEFORE: usize = 42;
const LINE: usize = 16;

/// The picture.
pub(crate) fn draw(exchange: &Exchange, title: &str) -> String {
    let mut picture = Picture::new(exchange);
    let rows = rows(exchange);
    let mut last = None;
    for row in &rows {
        let time = clock(row.at());
        picture.row(row, Some(&time).filter(|_| last.as_ref() != Some(&time)));
        last = Some(time);
    }
    picture.end(title)
}

/// What is drawn so far: below the arrows, and the rows themselves.
struct Picture<'a> {
    exchange: &'a Exchange,
    lines: Vec<usize>,
    last_line: usize,
    width: usize,
    /// The top of what is drawn next.
    y: usize,
    /// Since when the client of each connection has it open.
    open: Vec<Option<usize>>,
    below: String,
    rows: String,
    kinds: Vec<Class>,
}

impl<'a> Picture<'a> {
    fn new(exchange: &'a Exchange) -> Picture<'a> {
        let gaps = exchange.parties.len().saturating_sub(1).max(1);
        let names = exchange.parties.iter().map(|party| heading_width(&party.name)).max();
        let least = LEAST_GAP.max(names.unwrap_or_default() + 8);
        let last = exchange.parties.last().map(|party| heading_width(&party.name) / 2 + 8);
        let margin = MARGIN.max(last.unwrap_or_default());
        let gap = ((WIDTH - FIRST_LINE - margin) / gaps).max(least);
        Picture {
            exchange,
            lines: (0..exchange.parties.len()).map(|index| FIRST_LINE + gap * index).collect(),
            last_line: FIRST_LINE + gap * gaps,
            width: FIRST_LINE + gap * gaps + margin,
            y: HEADINGS + HEADING_HEIGHT + 6,
            open: vec![None; exchange.connections.len()],
            below: String::new(),
            rows: String::new(),
            kinds: Vec::new(),
        }
    }

    fn line_of(&self, party: usize) -> usize {
        self.lines.get(party).copied().unwrap_or(FIRST_LINE)
    }

    /// Draws a row under those so far; with its time, unless it is that of the last one.
    fn row(&mut self, row: &Row, time: Option<&String>) {
        self.y += if time.is_some() { 12 } else { 4 };
        if let (Some(time), false) = (time, matches!(row, Row::Folded { .. })) {
            let (x, y) = (FIRST_LINE - MARGIN + 4, self.y + LINE - 3);
            put(
                &mut self.rows,
                format_args!(
                    r#"<text class="time" text-anchor="end" x="{x}" y="{y}">{time}</text>"#
                ),
            );
        }
        match row {
            Row::Arrow(arrow) => self.arrow(arrow),
            Row::Note { party, text, .. } => self.note(*party, text),
            Row::Folded { until, text } => {
                let seconds = until.as_secs();
                let top = self.y;
                self.folded(&format!("{text} until {}:{:02}", seconds / 60, seconds % 60));
                self.passed_over(*until, top);
            }
        }
    }

    fn arrow(&mut self, arrow: &Arrow) {
        let class = Class::new(arrow);
        if !self.kinds.contains(&class) {
            self.kinds.push(class);
        }
        let (from, to) = (self.line_of(arrow.from), self.line_of(arrow.to));
        // What is lost does not get there, nor does its label.
        let to_middle = if arrow.received.is_none() { LOST_BEFORE + 10 } else { 0 };
        let middle = toward(from, to, to_middle).midpoint(from);
        put(&mut self.rows, format_args!(r#"<g class="{}">"#, class.name()));
        for words in label(arrow, from.abs_diff(to).saturating_sub(to_middle + 24)) {
            self.y += LINE;
            let y = self.y - 3;
            let text = format_args!(
                r#"<text class="label" text-anchor="middle" x="{middle}" y="{y}">{words}</text>"#
            );
            put(&mut self.rows, text);
        }
        self.y += 5;
        self.shaft(arrow, from, to);
        put(&mut self.rows, format_args!("</g>"));
        self.connection(arrow);
        self.y += 4;
    }

    /// From one line to the other, or to where it is lost.
    fn shaft(&mut self, arrow: &Arrow, from: usize, to: usize) {
        let y = self.y;
        let lost = arrow.received.is_none();
        let end = toward(from, to, if lost { LOST_BEFORE } else { 6 });
        let shaft = format_args!(r#"<line x1="{from}" y1="{y}" x2="{end}" y2="{y}"/>"#);
        put(&mut self.rows, shaft);
        if lost {
            let cross = cross(end, y);
            return put(&mut self.rows, format_args!("{cross}"));
        }
        let back = toward(from, to, 13);
        let (above, below) = (y - 5, y + 5);
        let tip = toward(from, to, 2);
        // Messages and sessions have full heads, what only answers them has open ones.
        let full = matches!(Class::new(arrow), Class::Message | Class::Session);
        let close = if full { "z" } else { "" };
        let fill = if full { r#" class="full""# } else { "" };
        let head =
            format_args!(r#"<path{fill} d="M{back} {above}L{tip} {y}L{back} {below}{close}"/>"#);
        put(&mut self.rows, head);
        if arrow.kind == Kind::Reset {
            let cross = cross((from + to) / 2, y);
            put(&mut self.rows, format_args!("{cross}"));
        }
    }

    /// Marks on the client's line as long as its connection is open.
    fn connection(&mut self, arrow: &Arrow) {
        let client = self.exchange.connections.get(arrow.connection).map(|c| c.client);
        let Some(slot) = self.open.get_mut(arrow.connection) else {
            return;
        };
        match arrow.kind {
            Kind::Open if arrow.received.is_some() => *slot = Some(self.y),
            // Of an end that is not heard of any more, the client knows nothing.
            Kind::Close | Kind::Reset if arrow.received.is_some() || Some(arrow.from) == client => {
                if let (Some(since), Some(client)) = (slot.take(), client) {
                    self.bar(client, since, self.y);
                }
            }
            _ => {}
        }
    }

    /// Connections that were opened or closed by then in what is left out.
    fn passed_over(&mut self, until: Duration, top: usize) {
        let open = open_at(self.exchange, until);
        let connections = self.exchange.connections.iter().zip(open);
        for (connection, (ends, is_open)) in connections.enumerate() {
            let Some(slot) = self.open.get_mut(connection) else {
                continue;
            };
            match (*slot, is_open) {
                (Some(since), false) => {
                    *slot = None;
                    self.bar(ends.client, since, top);
                }
                (None, true) => *slot = Some(self.y),
                _ => {}
            }
        }
    }

    fn bar(&mut self, party: usize, from: usize, to: usize) {
        let (x, height) = (self.line_of(party) - 4, to.saturating_sub(from));
        let bar =
            format_args!(r#"<rect class="open" x="{x}" y="{from}" width="8" height="{height}"/>"#);
        put(&mut self.below, bar);
    }

    fn note(&mut self, party: Option<usize>, text: &str) {
        let room = match party {
            Some(_) => LEAST_GAP - 20,
            None => self.last_line - FIRST_LINE,
        };
        let lines = wrap(text, room / CHARACTER);
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        let (first, last) = (FIRST_LINE, self.last_line);
        let (width, middle) = match party {
            Some(party) => (longest * CHARACTER + 20, self.line_of(party)),
            None => (last - first + 40, (first + last) / 2),
        };
        // Neither over the time nor over the edge.
        let x = middle.saturating_sub(width / 2).min(self.width.saturating_sub(width + 4));
        let x = x.max(FIRST_LINE - MARGIN + 12);
        let middle = x + width / 2;
        let (y, height) = (self.y, lines.len() * LINE + 6);
        let note = format_args!(
            r#"<rect class="note" x="{x}" y="{y}" width="{width}" height="{height}" rx="3"/>"#
        );
        put(&mut self.rows, note);
        for line in lines {
            self.y += LINE;
            let (y, line) = (self.y, escaped(&line));
            put(
                &mut self.rows,
                format_args!(r#"<text text-anchor="middle" x="{middle}" y="{y}">{line}</text>"#),
            );
        }
        self.y += 8;
    }

    /// The lines are broken where something is left out.
    fn folded(&mut self, text: &str) {
        let (first, last) = (FIRST_LINE, self.last_line);
        let (y, height, middle) = (self.y, LINE + 6, (first + last) / 2);
        let (x, width) = (first - 8, last - first + 16);
        put(
            &mut self.rows,
            format_args!(
                r##"<rect fill="#fff" x="{x}" y="{y}" width="{width}" height="{height}"/>"##
            ),
        );
        for line in &self.lines {
            let dots = [3, 9, 15, 21].map(|down| format!("M{} {}h2", line - 1, y + down));
            let dots = dots.join("");
            put(
                &mut self.rows,
                format_args!(r#"<path class="life" stroke-width="2" d="{dots}"/>"#),
            );
        }
        self.y += LINE;
        let (y, text) = (self.y, escaped(text));
        put(
            &mut self.rows,
            format_args!(
                r#"<text class="fold label" text-anchor="middle" x="{middle}" y="{y}">{text}</text>"#
            ),
        );
        self.y += 8;
    }

    /// What is around the rows.
    fn end(mut self, title: &str) -> String {
        self.y += 14;
        for (connection, open) in self.open.clone().into_iter().enumerate() {
            if let (Some(since), Some(ends)) = (open, self.exchange.connections.get(connection)) {
                self.bar(ends.client, since, self.y);
            }
        }
        let bottom = self.y;
        let mut around = String::new();
        for line in &self.lines {
            let top = HEADINGS + HEADING_HEIGHT;
            put(
                &mut around,
                format_args!(
                    r#"<line class="life" x1="{line}" y1="{top}" x2="{line}" y2="{bottom}"/>"#
                ),
            );
        }
        let mut headings = self.headings(HEADINGS);
        if bottom > TALL {
            headings.push_str(&self.headings(bottom));
            self.y += HEADING_HEIGHT;
        }
        let legend = self.legend();
        let (width, height) = (self.width, self.y);
        let title = escaped(&cut(title, (width - 48) / 11));
        let (below, rows) = (self.below, self.rows);
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="{FONT}">
<title>{title}</title>
<style>
{STYLE}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text class="title" x="24" y="36">{title}</text>
{around}{below}{headings}{rows}{legend}</svg>
"##
        )
    }

    fn headings(&self, y: usize) -> String {
        let mut headings = String::new();
        for (line, party) in self.lines.iter().zip(&self.exchange.parties) {
            let width = heading_width(&party.name);
            let x = line.saturating_sub(width / 2);
            let (class, round) = match party.role {
                Sender::Client => ("head-box", 16),
                Sender::Server => ("server-box", 2),
            };
            put(
                &mut headings,
                format_args!(
                    r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{HEADING_HEIGHT}" rx="{round}"/>"#
                ),
            );
            let (y, name) = (y + 21, escaped(&cut(&party.name, LONGEST_NAME)));
            put(
                &mut headings,
                format_args!(
                    r#"<text class="head" text-anchor="middle" x="{line}" y="{y}">{name}</text>"#
                ),
            );
        }
        headings
    }

    /// What the strokes mean, those that there are.
    fn legend(&mut self) -> String {
        let mut legend = String::new();
        self.kinds.sort_unstable();
        self.y += 26;
        let (mut x, y) = (24, self.y);
        for class in &self.kinds {
            let (end, shaft, text) = (x + 32, y - 4, x + 42);
            let (name, meaning) = (class.name(), class.meaning());
            put(
                &mut legend,
                format_args!(
                    r#"<g class="{name}"><line x1="{x}" y1="{shaft}" x2="{end}" y2="{shaft}"/><text class="legend" x="{text}" y="{y}">{meaning}</text></g>"#
                ),
            );
            if *class == Class::Lost {
                let cross = cross(end - 9, shaft);
                put(&mut legend, format_args!(r#"<g class="{name}">{cross}</g>"#));
            }
            x = text + meaning.len() * CHARACTER + 20;
        }
        self.y += 22;
        let words =
            "q QoS   m packet identifier   dup sent again   r retained   k keep alive in seconds";
        let y = self.y;
        put(
            &mut legend,
            format_args!(
                r#"<text class="legend" x="24" y="{y}" xml:space="preserve">{words}</text>"#
            ),
        );
        self.y += 20;
        legend
    }
}

/// Of each connection that was opened in this exchange, whether its client has it open then.
fn open_at(exchange: &Exchange, at: Duration) -> Vec<bool> {
    let mut connections = vec![false; exchange.connections.len()];
    for record in exchange.records.iter().take_while(|record| record.at <= at) {
        let Event::Sent(sent) = &record.event else {
            continue;
        };
        let Some(open) = connections.get_mut(sent.connection) else {
            continue;
        };
        match sent.content {
            Content::Open => *open = sent.received.is_some(),
            // Of an end that is not heard of any more, the client knows nothing.
            Content::Close | Content::Reset => {
                *open &= sent.received.is_none() && sent.sender == Sender::Server;
            }
            Content::Bytes { .. } => {}
        }
    }
    connections
}

fn heading_width(name: &str) -> usize {
    name.chars().count().min(LONGEST_NAME) * (CHARACTER + 1) + 24
}

/// The place so far before the end of what goes from here to there.
fn toward(from: usize, to: usize, before: usize) -> usize {
    if from < to { to.saturating_sub(before) } else { to + before }
}

fn put(picture: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(picture, "{element}");
}

fn cross(x: usize, y: usize) -> String {
    let (left, right, above, below) = (x - 6, x + 6, y - 6, y + 6);
    format!(
        r#"<path class="cross" d="M{left} {above}L{right} {below}M{right} {above}L{left} {below}"/>"#
    )
}

/// The lines above an arrow: the packet's name and numbers, and what it is about.
fn label(arrow: &Arrow, room: usize) -> Vec<String> {
    let short = format!(r#"<tspan class="name">{}</tspan>"#, escaped(&arrow.short));
    if arrow.detail.is_empty() {
        return vec![short];
    }
    let columns = room / CHARACTER;
    if arrow.short.chars().count() + 1 + arrow.detail.chars().count() <= columns {
        return vec![format!("{short} {}", escaped(&arrow.detail))];
    }
    let mut lines = vec![short];
    lines.extend(details(&arrow.detail, columns).iter().map(|line| escaped(line)));
    lines
}

/// Text in XML, which has no place for most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            control if control.is_control() => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}
