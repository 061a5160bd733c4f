//! Retained messages in the order of their topics.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::ops::Bound;

use super::{RetainError, RetainedSearch, RouterConfig};
use crate::message::Message;
use crate::topic::{TopicFilter, TopicName};

/// At most one message per topic. They are ordered level by level, each by its bytes: what is below a
/// topic follows it directly, so that a look-up can step over it.
pub(super) struct Retained {
    messages: BTreeSet<Stored>,
    bytes: usize,
    /// Those that count for the limits.
    limited: Load,
    /// How many were retained so far.
    count: u64,
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    messages: usize,
    bytes: usize,
}

impl Retained {
    pub(super) fn new(config: &RouterConfig) -> Retained {
        Retained {
            messages: BTreeSet::new(),
            bytes: 0,
            limited: Load::default(),
            count: 0,
            max_messages: config.max_retained_messages,
            max_bytes: config.max_retained_bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, topic: TopicName<'_>) -> Option<&Arc<Message>> {
        let place = Place { start: topic.as_bytes(), end: b"" };
        self.messages.get::<dyn Key + '_>(&place).map(|stored| &stored.0)
    }

    /// How many messages were retained so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The message of that topic was the so-maniest that was retained.
    pub(super) fn number(&self, topic: TopicName<'_>) -> Option<u64> {
        let place = Place { start: topic.as_bytes(), end: b"" };
        self.messages.get::<dyn Key + '_>(&place).map(|stored| stored.1)
    }

    pub(super) fn retain(&mut self, message: &Arc<Message>) -> Result<(), RetainError> {
        self.put(message, true);
        let error = if self.limited.messages > self.max_messages {
            RetainError::TooManyMessages
        } else if self.limited.bytes > self.max_bytes {
            RetainError::TooManyBytes
        } else {
            return Ok(());
        };
        self.remove(message.topic.name());
        Err(error)
    }

    /// What [`retain`](Retained::retain) would say of a message.
    pub(super) fn check(&self, message: &Message) -> Result<(), RetainError> {
        if message.payload.is_empty() {
            return Ok(());
        }
        let place = Place { start: message.topic.name().as_bytes(), end: b"" };
        let old = self.messages.get::<dyn Key + '_>(&place).filter(|stored| stored.2);
        let (messages, bytes) = old.map_or((0, 0), |stored| (1, stored.0.size()));
        if self.limited.messages - messages >= self.max_messages {
            return Err(RetainError::TooManyMessages);
        }
        if (self.limited.bytes - bytes).saturating_add(message.size()) > self.max_bytes {
            return Err(RetainError::TooManyBytes);
        }
        Ok(())
    }

    pub(super) fn retain_without_limit(&mut self, message: &Arc<Message>) {
        self.put(message, false);
    }

    fn put(&mut self, message: &Arc<Message>, is_limited: bool) {
        if message.payload.is_empty() {
            return self.remove(message.topic.name());
        }
        self.count += 1;
        // The new one also takes the place of the topic, whose bytes the old one would keep alive.
        let new = Stored(Arc::clone(message), self.count, is_limited);
        if let Some(old) = self.messages.replace(new) {
            self.uncount(&old);
        }
        self.bytes = self.bytes.saturating_add(message.size());
        if is_limited {
            self.limited.messages += 1;
            self.limited.bytes = self.limited.bytes.saturating_add(message.size());
        }
    }

    fn uncount(&mut self, Stored(old, _, is_limited): &Stored) {
        self.bytes -= old.size();
        if *is_limited {
            self.limited.messages -= 1;
            self.limited.bytes -= old.size();
        }
    }

    pub(super) fn remove(&mut self, topic: TopicName<'_>) {
        let place = Place { start: topic.as_bytes(), end: b"" };
        if let Some(old) = self.messages.take::<dyn Key + '_>(&place) {
            self.uncount(&old);
        }
    }

    /// Looks for the first message after that topic which the filter matches, at that many topics at most: each
    /// takes one step of them.
    pub(super) fn search(
        &self,
        filter: TopicFilter<'_>,
        after: Option<TopicName<'_>>,
        steps: &mut usize,
    ) -> RetainedSearch<'_> {
        let Some(mut candidate) = self.first(filter, after) else {
            return RetainedSearch::Finished;
        };
        loop {
            *steps = steps.saturating_sub(1);
            let place = match step(filter, candidate.topic.name()) {
                Step::Match => return RetainedSearch::Found(candidate),
                Step::Seek(place) => place,
                Step::End => return RetainedSearch::Finished,
            };
            if *steps == 0 {
                return RetainedSearch::Paused(candidate);
            }
            match self.seek(Bound::Included(place)) {
                Some(next) => candidate = next,
                None => return RetainedSearch::Finished,
            }
        }
    }

    /// The first message after that topic which the filter may match.
    fn first(
        &self,
        filter: TopicFilter<'_>,
        after: Option<TopicName<'_>>,
    ) -> Option<&Arc<Message>> {
        let bytes = filter.as_bytes();
        if !filter.has_wildcards() {
            let message = self.get(TopicName::trusted(bytes))?;
            let is_later =
                |after: TopicName<'_>| compare((bytes, b""), (after.as_bytes(), b"")).is_gt();
            return after.is_none_or(is_later).then_some(message);
        }
        let Some(after) = after else {
            return self.seek(Bound::Included(Place { start: b"", end: literals(bytes, 0) }));
        };
        match step(filter, after) {
            Step::Match => self.seek(Bound::Excluded(Place { start: after.as_bytes(), end: b"" })),
            Step::Seek(place) => self.seek(Bound::Included(place)),
            Step::End => None,
        }
    }

    pub(super) fn check_invariants(&self) {
        let size = |stored: &Stored| stored.0.size();
        assert_eq!(self.bytes, self.messages.iter().map(size).sum(), "retained bytes");
        let limited = self.messages.iter().filter(|stored| stored.2);
        let counted = limited.fold(Load::default(), |load, stored| Load {
            messages: load.messages + 1,
            bytes: load.bytes + stored.0.size(),
        });
        assert_eq!(self.limited, counted, "what counts for the limits");
        assert!(self.limited.messages <= self.max_messages, "more messages than may be");
        assert!(self.limited.bytes <= self.max_bytes, "more bytes than may be");
        assert!(
            self.messages.iter().all(|stored| !stored.0.payload.is_empty()),
            "an empty payload"
        );
        let mut pairs = self.messages.iter().zip(self.messages.iter().skip(1));
        assert!(pairs.all(|(a, b)| a < b), "topics out of order");
    }

    fn seek(&self, from: Bound<Place<'_>>) -> Option<&Arc<Message>> {
        let from = from.as_ref().map(|place| place as &dyn Key);
        let mut range = self.messages.range::<dyn Key + '_, _>((from, Bound::Unbounded));
        range.next().map(|stored| &stored.0)
    }
}

/// What a topic means for the search of a filter's matches in their order.
enum Step<'a> {
    Match,
    /// None matches from here up to that place.
    Seek(Place<'a>),
    /// No later one matches.
    End,
}

/// Compares a topic with a filter level by level, up to where they part.
fn step<'a>(filter: TopicFilter<'a>, topic: TopicName<'a>) -> Step<'a> {
    let (filter, topic) = (filter.as_bytes(), topic.as_bytes());
    // [MQTT-4.7.2-1] Those topics are all in one place.
    if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return Step::Seek(Place { start: b"", end: b"%" });
    }
    let mut wanted = filter.split(|byte| *byte == b'/');
    let mut found = topic.split(|byte| *byte == b'/');
    // Where the levels begin, and where the last one of the topic ended that `+` stands for.
    let (mut filter_start, mut topic_start, mut plus_end) = (0, 0, None);
    loop {
        match (wanted.next(), found.next()) {
            (Some(b"#"), _) | (None, None) => return Step::Match,
            (Some(b"+"), Some(level)) => {
                plus_end = Some(topic_start + level.len());
                filter_start += 2;
                topic_start += level.len() + 1;
            }
            (Some(wanted), Some(level)) if wanted == level => {
                filter_start += level.len() + 1;
                topic_start += level.len() + 1;
            }
            (Some(wanted), Some(level)) if wanted > level => {
                let start = topic.get(..topic_start).unwrap_or_default();
                return Step::Seek(Place { start, end: literals(filter, filter_start) });
            }
            (Some(_), None) => {
                let end = literals(filter, filter_start - 1);
                return Step::Seek(Place { start: topic, end });
            }
            (Some(_) | None, Some(_)) => break,
        }
    }
    // All below this value of the last `+` is passed: the next value follows U+0001 at the earliest, as
    // U+0000 is in no topic.
    plus_end.map_or(Step::End, |end| {
        Step::Seek(Place { start: topic.get(..end).unwrap_or_default(), end: b"\x01" })
    })
}

/// The filter from there up to the next wildcard: what matches does not come before that.
fn literals(filter: &[u8], from: usize) -> &[u8] {
    let rest = filter.get(from..).unwrap_or_default();
    match rest.iter().position(|byte| matches!(byte, b'+' | b'#')) {
        // "sport/#" also matches "sport".
        Some(end) if rest.get(end) == Some(&b'#') => rest.get(..end.saturating_sub(1)),
        Some(end) => rest.get(..end),
        None => Some(rest),
    }
    .unwrap_or_default()
}

/// A message in the order of topics.
struct Stored(Arc<Message>, u64, bool);

/// A place in the order of topics: that of the bytes of `start` and `end`, joined.
#[derive(Clone, Copy)]
struct Place<'a> {
    start: &'a [u8],
    end: &'a [u8],
}

/// What has a place in the order, so that a search allocates nothing.
trait Key {
    fn parts(&self) -> (&[u8], &[u8]);
}

impl Key for Stored {
    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        (self.0.topic.name().as_bytes(), b"")
    }
}

impl Key for Place<'_> {
    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        (self.start, self.end)
    }
}

impl<'a> Borrow<dyn Key + 'a> for Stored {
    #[inline]
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}

impl Ord for dyn Key + '_ {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.parts(), other.parts())
    }
}

impl PartialOrd for dyn Key + '_ {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn Key + '_ {}

impl Ord for Stored {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.parts(), other.parts())
    }
}

impl PartialOrd for Stored {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Stored {}

/// Byte by byte, `/` before all others: that is level by level, the shorter first.
fn compare<'a>(mut a: (&'a [u8], &'a [u8]), mut b: (&'a [u8], &'a [u8])) -> Ordering {
    loop {
        if a.0.is_empty() {
            a = (a.1, b"");
        }
        if b.0.is_empty() {
            b = (b.1, b"");
        }
        let len = a.0.len().min(b.0.len());
        let (Some((a_start, a_rest)), Some((b_start, b_rest))) =
            (a.0.split_at_checked(len), b.0.split_at_checked(len))
        else {
            return Ordering::Equal;
        };
        if len == 0 {
            return a.0.len().cmp(&b.0.len());
        }
        // Long beginnings that are equal go by quickly.
        let mut equal = 0;
        if len >= 2 * CHUNK {
            let chunks = a_start.chunks_exact(CHUNK).zip(b_start.chunks_exact(CHUNK));
            equal = CHUNK * chunks.take_while(|(x, y)| x == y).count();
        }
        let mut bytes = a_start.iter().zip(b_start).skip(equal);
        if let Some((x, y)) = bytes.find(|(x, y)| x != y) {
            return rank(*x).cmp(&rank(*y));
        }
        (a.0, b.0) = (a_rest, b_rest);
    }
}

const CHUNK: usize = 32;

#[inline]
fn rank(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "filters and topics that are valid by construction")]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn message(topic: &str, payload: &str) -> Arc<Message> {
        Arc::new(Message::new(topic, payload.to_string()).unwrap())
    }

    fn retained(topics: &[&str]) -> Retained {
        let mut retained = Retained::new(&RouterConfig::default());
        for topic in topics {
            retained.retain(&message(topic, "x")).unwrap();
        }
        retained
    }

    fn next<'a>(retained: &'a Retained, filter: &str, after: Option<&str>) -> Option<&'a str> {
        let after = after.map(|topic| TopicName::new(topic).unwrap());
        let mut steps = usize::MAX;
        match retained.search(TopicFilter::new(filter).unwrap(), after, &mut steps) {
            RetainedSearch::Found(message) => Some(message.topic.name().as_str()),
            RetainedSearch::Paused(message) => unreachable!("paused at {}", message.topic),
            RetainedSearch::Finished => None,
        }
    }

    fn walk<'a>(retained: &'a Retained, filter: &str) -> Vec<&'a str> {
        let mut topics = Vec::new();
        while let Some(topic) = next(retained, filter, topics.last().copied()) {
            topics.push(topic);
        }
        topics
    }

    /// How many topics are looked at for all matches, one at a time.
    fn steps(retained: &Retained, filter: &str) -> usize {
        let filter = TopicFilter::new(filter).unwrap();
        let (mut after, mut steps) = (None, 0);
        loop {
            match retained.search(filter, after, &mut 1) {
                RetainedSearch::Found(message) | RetainedSearch::Paused(message) => {
                    after = Some(message.topic.name());
                    steps += 1;
                }
                RetainedSearch::Finished => return steps,
            }
        }
    }

    #[test]
    fn topics_are_walked_level_by_level() {
        let topics =
            ["", "/a", "a", "a/", "a//b", "a/b", "a/b/c", "a\u{1}", "a!/b", "a.b", "a0", "é"];
        let retained = retained(&topics[1..]);
        assert_eq!(walk(&retained, "#"), topics[1..]);
    }

    #[test]
    fn a_wildcard_finds_what_it_matches() {
        let retained = retained(&[
            "$SYS/a",
            "/finance",
            "sport",
            "sport/",
            "sport/golf",
            "sport/tennis/one",
            "sports",
        ]);
        assert_eq!(
            walk(&retained, "sport/#"),
            ["sport", "sport/", "sport/golf", "sport/tennis/one"]
        );
        assert_eq!(walk(&retained, "sport/+"), ["sport/", "sport/golf"]);
        assert_eq!(walk(&retained, "+"), ["sport", "sports"]);
        assert_eq!(walk(&retained, "+/+"), ["/finance", "sport/", "sport/golf"]);
        assert_eq!(walk(&retained, "+/+/one"), ["sport/tennis/one"]);
        assert_eq!(walk(&retained, "+/tennis/#"), ["sport/tennis/one"]);
        assert_eq!(walk(&retained, "$SYS/#"), ["$SYS/a"]);
        assert_eq!(walk(&retained, "$SYS/+"), ["$SYS/a"]);
        assert_eq!(walk(&retained, "+/a"), [""; 0]);
        assert_eq!(walk(&retained, "sport"), ["sport"]);
        assert_eq!(walk(&retained, "golf"), [""; 0]);
    }

    #[test]
    fn topics_with_a_dollar_are_stepped_over_where_the_filter_begins_with_a_wildcard() {
        let retained = retained(&["$", "$/a", "$a", "!", "%", "$\u{10ffff}"]);
        assert_eq!(walk(&retained, "#"), ["!", "%"]);
        assert_eq!(walk(&retained, "+"), ["!", "%"]);
        assert_eq!(walk(&retained, "$/#"), ["$", "$/a"]);
    }

    #[test]
    fn an_exact_filter_is_found_once() {
        let retained = retained(&["a", "b", "b/c", "c"]);
        assert_eq!(next(&retained, "b", None), Some("b"));
        assert_eq!(next(&retained, "b", Some("a")), Some("b"));
        assert_eq!(next(&retained, "b", Some("b")), None);
        assert_eq!(next(&retained, "b", Some("b/c")), None);
    }

    #[test]
    fn the_cursor_goes_on_where_its_topic_has_gone() {
        let mut retained = retained(&["a/1", "a/2", "a/3"]);
        assert_eq!(next(&retained, "a/+", None), Some("a/1"));
        retained.retain(&message("a/1", "")).unwrap();
        assert_eq!(next(&retained, "a/+", Some("a/1")), Some("a/2"));
        retained.retain(&message("a/1", "again")).unwrap();
        retained.retain(&message("a/3", "")).unwrap();
        retained.retain(&message("a/21", "new")).unwrap();
        assert_eq!(next(&retained, "a/+", Some("a/2")), Some("a/21"));
        assert_eq!(next(&retained, "a/+", Some("a/21")), None);
    }

    #[test]
    fn a_new_message_replaces_the_one_of_its_topic_and_lets_it_go() {
        let mut retained = retained(&[]);
        let (old, new) = (message("a/b", "old"), message("a/b", "newer"));
        retained.retain(&old).unwrap();
        assert_eq!((retained.len(), retained.bytes()), (1, 6));
        retained.retain(&new).unwrap();
        assert_eq!((retained.len(), retained.bytes()), (1, 8));
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (1, 2));
        assert!(Arc::ptr_eq(retained.get(new.topic.name()).unwrap(), &new));
    }

    #[test]
    fn an_empty_payload_removes() {
        let mut retained = retained(&["a", "b"]);
        retained.retain(&message("a", "")).unwrap();
        retained.retain(&message("c", "")).unwrap();
        assert_eq!(walk(&retained, "#"), ["b"]);
        assert_eq!((retained.len(), retained.bytes()), (1, 2));
        assert_eq!(retained.get(TopicName::new("a").unwrap()), None);
    }

    #[test]
    fn a_new_topic_over_the_limit_is_refused() {
        let config = RouterConfig { max_retained_messages: 2, ..RouterConfig::default() };
        let mut retained = Retained::new(&config);
        retained.retain(&message("a", "1")).unwrap();
        retained.retain(&message("b", "1")).unwrap();
        assert_eq!(retained.retain(&message("c", "1")), Err(RetainError::TooManyMessages));
        assert_eq!((retained.len(), retained.bytes()), (2, 4));
        retained.retain(&message("b", "2")).unwrap();
        retained.retain(&message("a", "")).unwrap();
        retained.retain(&message("c", "1")).unwrap();
        assert_eq!(walk(&retained, "#"), ["b", "c"]);
        retained.check_invariants();
    }

    #[test]
    fn a_message_over_the_limit_in_bytes_is_refused_and_the_one_before_it_goes() {
        let config = RouterConfig { max_retained_bytes: 10, ..RouterConfig::default() };
        let mut retained = Retained::new(&config);
        retained.retain(&message("a", "1234")).unwrap();
        retained.retain(&message("b", "1234")).unwrap();
        assert_eq!(retained.bytes(), 10);
        assert_eq!(retained.retain(&message("c", "1")), Err(RetainError::TooManyBytes));
        assert_eq!(walk(&retained, "#"), ["a", "b"]);
        assert_eq!(retained.retain(&message("b", "12345")), Err(RetainError::TooManyBytes));
        assert_eq!((walk(&retained, "#"), retained.bytes()), (["a"].to_vec(), 5));
        retained.retain(&message("b", "1234")).unwrap();
        retained.check_invariants();
    }

    #[test]
    fn what_cannot_match_is_stepped_over() {
        let mut retained = retained(&[]);
        for i in 0..10 {
            for j in 0..100 {
                for end in ["", "/x", "/y/1", "/y/2", "/z"] {
                    retained.retain(&message(&format!("a/{i}/{j}{end}"), "x")).unwrap();
                    retained.retain(&message(&format!("$S/{i}/{j}{end}"), "x")).unwrap();
                }
            }
        }
        assert_eq!(retained.len(), 10_000);
        // Both matches, but not what is behind them.
        assert_eq!(steps(&retained, "a/5/50/y/+"), 2);
        assert_eq!(steps(&retained, "b/#"), 0);
        assert_eq!(steps(&retained, "a/5/1000/#"), 0);
        assert_eq!(steps(&retained, "+"), 2);
        assert_eq!(steps(&retained, "a/+/50/z"), 30);
        assert_eq!(steps(&retained, "+/+/50/z"), 31);
        assert_eq!(steps(&retained, "a/+/50/#"), 70);
        assert_eq!(steps(&retained, "a/9/#"), 500);
    }

    #[test]
    fn a_search_pauses_after_as_many_steps_as_it_may_take() {
        let retained = retained(&["a/1/x", "a/2/x", "a/3/x", "a/4/z", "b"]);
        let filter = TopicFilter::new("a/+/z").unwrap();
        let search = |after: Option<&str>, mut steps: usize| {
            let after = after.map(|topic| TopicName::new(topic).unwrap());
            match retained.search(filter, after, &mut steps) {
                RetainedSearch::Found(message) => format!("found {}", message.topic),
                RetainedSearch::Paused(message) => format!("paused at {}", message.topic),
                RetainedSearch::Finished => String::from("finished"),
            }
        };
        assert_eq!(search(None, 0), "paused at a/1/x");
        assert_eq!(search(None, 1), "paused at a/1/x");
        assert_eq!(search(Some("a/1/x"), 1), "paused at a/2/x");
        assert_eq!(search(None, 3), "paused at a/3/x");
        assert_eq!(search(None, 4), "found a/4/z");
        assert_eq!(search(Some("a/3/x"), 1), "found a/4/z");
        assert_eq!(search(Some("a/4/z"), 1), "finished");
        assert_eq!(search(Some("b"), 1), "finished");
    }

    #[test]
    fn a_search_takes_off_its_steps_what_it_looks_at_and_a_match_too() {
        let retained = retained(&["a/1/x", "a/2/z", "a/3/x", "a/4/x"]);
        let filter = TopicFilter::new("a/+/z").unwrap();
        let mut steps = 10;
        let RetainedSearch::Found(found) = retained.search(filter, None, &mut steps) else {
            unreachable!("the second matches");
        };
        assert_eq!((found.topic.name().as_str(), steps), ("a/2/z", 8));
        let after = Some(found.topic.name());
        assert!(matches!(retained.search(filter, after, &mut steps), RetainedSearch::Finished));
        assert_eq!(steps, 6);
    }

    const LEVELS: [&str; 7] = ["", "a", "a\u{1}", "a!", "b", "$a", "é"];

    fn topic() -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(&LEVELS[..]), 1..5)
            .prop_map(|levels| levels.join("/"))
            .prop_filter("at least one character", |topic| !topic.is_empty())
    }

    fn filter() -> impl Strategy<Value = String> {
        let level = prop_oneof![3 => proptest::sample::select(&LEVELS[..]), 2 => Just("+")];
        (proptest::collection::vec(level, 0..4), prop_oneof![Just("#"), Just("+"), Just("a")])
            .prop_map(|(mut levels, last)| {
                levels.push(last);
                levels.join("/")
            })
    }

    /// The first match after that topic, the plain way.
    fn naive<'a>(topics: &'a [String], filter: &str, after: Option<&str>) -> Option<&'a str> {
        let levels = |topic: &'a str| topic.split('/').collect::<Vec<_>>();
        let after = after.map(|topic| topic.split('/').collect::<Vec<_>>());
        let filter = TopicFilter::new(filter).unwrap();
        let matches = topics.iter().map(String::as_str).filter(|topic| {
            let is_later = after.as_ref().is_none_or(|after| levels(topic) > *after);
            filter.matches(TopicName::new(topic).unwrap()) && is_later
        });
        matches.min_by_key(|topic| levels(topic))
    }

    proptest! {
        #[test]
        fn the_cursor_finds_what_the_naive_search_finds_with_changes_in_between(
            first in proptest::collection::vec(topic(), 0..60),
            filter in filter(),
            after in proptest::option::of(topic()),
            changes in proptest::collection::vec((topic(), any::<bool>()), 0..60),
        ) {
            let mut retained = Retained::new(&RouterConfig::default());
            let mut topics = Vec::new();
            let change = |retained: &mut Retained, topics: &mut Vec<String>, topic: &str, gone: bool| {
                topics.retain(|other| other != topic);
                if !gone {
                    topics.push(topic.to_string());
                }
                retained.retain(&message(topic, if gone { "" } else { "x" })).unwrap();
                retained.check_invariants();
            };
            for topic in &first {
                change(&mut retained, &mut topics, topic, false);
            }
            let mut changes = changes.iter();
            let mut after = after;
            loop {
                let found = next(&retained, &filter, after.as_deref()).map(String::from);
                let expected = naive(&topics, &filter, after.as_deref()).map(String::from);
                prop_assert_eq!(&found, &expected, "{} after {:?} in {:?}", filter, after, topics);
                let Some(found) = found else { break };
                after = Some(found);
                if let Some((topic, gone)) = changes.next() {
                    change(&mut retained, &mut topics, topic, *gone);
                }
            }
        }

        #[test]
        fn the_check_says_beforehand_what_retaining_says(
            messages in proptest::collection::vec(("[abc]", "[x]{0,6}", any::<bool>()), 1..40),
        ) {
            let config = RouterConfig {
                max_retained_messages: 2,
                max_retained_bytes: 9,
                ..RouterConfig::default()
            };
            let mut retained = Retained::new(&config);
            for (topic, payload, is_limited) in messages {
                let message = message(&topic, &payload);
                if is_limited {
                    let check = retained.check(&message);
                    prop_assert_eq!(check, retained.retain(&message), "{} {}", topic, payload);
                } else {
                    retained.retain_without_limit(&message);
                }
                retained.check_invariants();
            }
        }

        #[test]
        fn places_are_compared_as_their_joined_bytes(
            a in (topic(), topic()),
            b in (topic(), topic()),
            cut in 0..12_usize,
        ) {
            let joined = |(start, end): &(String, String)| {
                let bytes = start.bytes().chain(end.bytes());
                bytes.map(|byte| if byte == b'/' { 0 } else { byte }).collect::<Vec<_>>()
            };
            let parts = |(start, end): &'_ (String, String)| -> (Vec<u8>, Vec<u8>) {
                let mut start = [start.as_bytes(), end.as_bytes()].concat();
                let end = start.split_off(cut.min(start.len()));
                (start, end)
            };
            let (x, y) = (parts(&a), parts(&b));
            let expected = joined(&a).cmp(&joined(&b));
            prop_assert_eq!(compare((&x.0, &x.1), (&y.0, &y.1)), expected);
            prop_assert_eq!(compare((a.0.as_bytes(), a.1.as_bytes()), (&y.0, &y.1)), expected);
            prop_assert_eq!(compare((&x.0, &x.1), (a.0.as_bytes(), a.1.as_bytes())), Ordering::Equal);
        }
    }
}
