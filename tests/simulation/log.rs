//! What happened, in words: written down only where a seed is run again because it failed.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use mqtt_sansio::{Frame, MAXIMUM_PACKET_SIZE, Packet, Version};

const KEPT: usize = 80;
const LONGEST: usize = 1500;

thread_local! {
    static LINES: RefCell<Option<VecDeque<String>>> = const { RefCell::new(None) };
}

pub(crate) fn start() {
    LINES.set(Some(VecDeque::new()));
}

/// The last lines; nothing is written down any more.
pub(crate) fn finish() -> String {
    LINES.take().unwrap_or_default().into_iter().fold(String::new(), |all, line| all + &line + "\n")
}

pub(crate) fn is_on() -> bool {
    LINES.with_borrow(Option::is_some)
}

pub(crate) fn line(mut line: String) {
    line = line.chars().take(LONGEST).collect();
    LINES.with_borrow_mut(|lines| {
        if let Some(lines) = lines {
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    });
}

/// Writes a line, if lines are written.
macro_rules! say {
    ($($words:tt)*) => {
        if $crate::log::is_on() {
            $crate::log::line(format!($($words)*));
        }
    };
}
pub(crate) use say;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The packets that bytes of that version hold, in hex and in words.
pub(crate) fn words(bytes: &[u8], version: Version) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
        let shown = hex(&frame.as_bytes()[..frame.as_bytes().len().min(64)]);
        let _ = match Packet::decode(frame, version) {
            Ok(packet) => write!(text, "\n    {shown} {packet}"),
            Err(error) => write!(text, "\n    {shown} {error}"),
        };
        rest = after;
    }
    if !rest.is_empty() {
        let _ = write!(text, "\n    {} (not whole)", hex(&rest[..rest.len().min(48)]));
    }
    text
}

/// How often each kind of thing took place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kinds(BTreeMap<&'static str, u64>);

impl Kinds {
    pub(crate) fn add(&mut self, kind: &'static str) {
        self.add_many(kind, 1);
    }

    pub(crate) fn add_many(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub(crate) fn add_if(&mut self, happened: bool, kind: &'static str) {
        if happened {
            self.add(kind);
        }
    }

    pub(crate) fn add_all(&mut self, other: &Kinds) {
        other.iter().for_each(|(kind, count)| self.add_many(kind, count));
    }

    pub(crate) fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}
