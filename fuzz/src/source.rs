//! The bytes of an input, read as choices.

use std::sync::LazyLock;

use mqtt_sansio::{TopicFilter, TopicName};

/// One byte more than a string may have.
static TOO_LONG: LazyLock<String> = LazyLock::new(|| "x".repeat(65_536));

/// What is worth trying as a string and seldom drawn.
const STRINGS: [&str; 8] =
    ["\0", "a\0b", "\u{1}\u{7F}\u{85}", "\u{FEFF}", "é/+", "𝄞#", "$é", "'\\\n"];
const FILTERS: [&str; 12] = [
    "#",
    "+",
    "+/#",
    "/",
    "//",
    "a/+/b/#",
    "$SYS/#",
    "$share/g/t",
    "$share/g/#",
    "$share/g/",
    "$share//t",
    "$share/+/t",
];

/// Gives out an input; zeros from its end on.
pub struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    pub fn new(input: &'a [u8]) -> Source<'a> {
        Source(input)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    pub fn yes(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// True for one byte of thirty-two, none of them 0.
    pub fn seldom(&mut self) -> bool {
        self.byte() & 31 == 31
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// At most `len` bytes.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn bytes(&mut self) -> &'a [u8] {
        match self.byte() {
            253 if self.seldom() => &TOO_LONG.as_bytes()[..65_535],
            254 if self.seldom() => TOO_LONG.as_bytes(),
            len => self.take(usize::from(len) % 32),
        }
    }

    /// Valid UTF-8 of up to 31 bytes, or something seldom drawn.
    pub fn text(&mut self) -> &'a str {
        match self.byte() {
            253 if self.seldom() => &TOO_LONG[..65_535],
            254 if self.seldom() => &TOO_LONG,
            choice @ 245..=252 => STRINGS[usize::from(choice) - 245],
            len => {
                let bytes = self.take(usize::from(len) % 32);
                bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
            }
        }
    }

    /// A topic name; where what is drawn is none, the empty one.
    pub fn topic_name(&mut self) -> TopicName<'a> {
        TopicName::new(self.text()).unwrap_or(TopicName::BY_ALIAS)
    }

    /// A topic filter; where what is drawn is none, one out of a list.
    pub fn topic_filter(&mut self) -> TopicFilter<'a> {
        let drawn = TopicFilter::new(self.text());
        drawn.unwrap_or_else(|_| TopicFilter::new(self.pick(&FILTERS)).unwrap())
    }

    /// Up to seven of what `draw` gives.
    pub fn list<T>(&mut self, mut draw: impl FnMut(&mut Source<'a>) -> T) -> Vec<T> {
        (0..self.byte() % 8).map(|_| draw(self)).collect()
    }
}
