//! Topic names and topic filters, section 4.7: validated once, then trusted.

use core::fmt;

use crate::text;
use crate::violation::Violation;

/// The longest topic name or filter in bytes. [MQTT-4.7.3-3]
const MAXIMUM_LEN: usize = u16::MAX as usize;

/// A topic name, section 4.7: what a message is published under. At least one character, at most 65,535
/// bytes of UTF-8, no U+0000, no wildcards; only [`BY_ALIAS`](TopicName::BY_ALIAS) is empty.
///
/// It is kept as bytes: comparing, routing and encoding need no more, and ASCII names are then checked
/// without a full pass over their UTF-8.
///
/// ```
/// use mqtt_sansio::{TopicName, Violation};
///
/// let topic = TopicName::new("kitchen/temp")?;
/// assert_eq!(topic.as_str(), "kitchen/temp");
/// assert!(topic.levels().eq([&b"kitchen"[..], b"temp"]));
/// assert_eq!(TopicName::new("kitchen/+"), Err(Violation::WildcardInTopicName));
/// # Ok::<(), Violation>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a [u8]);

impl<'a> TopicName<'a> {
    /// The empty name, which only a 5.0 PUBLISH may carry, beside the Topic Alias that stands for the
    /// name (section 3.3.2.3.4). Everywhere else the encoder refuses it.
    pub const BY_ALIAS: TopicName<'static> = TopicName(b"");

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// Which of the rules of section 4.7 it breaks.
    #[inline]
    pub fn new(name: &'a str) -> Result<TopicName<'a>, Violation> {
        TopicName::from_bytes(name.as_bytes())
    }

    /// Checks a name given as the bytes of its UTF-8.
    ///
    /// # Errors
    ///
    /// As [`new`](TopicName::new), and where the bytes are not UTF-8.
    #[inline]
    pub fn from_bytes(name: &'a [u8]) -> Result<TopicName<'a>, Violation> {
        if text::is_plain_topic(name) && !name.is_empty() && name.len() <= MAXIMUM_LEN {
            return Ok(TopicName(name));
        }
        check_name(name).map(|()| TopicName(name))
    }

    /// The name in `bytes` that were checked before.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) const fn trusted(bytes: &'a [u8]) -> TopicName<'a> {
        TopicName(bytes)
    }

    /// The bytes of the name's UTF-8.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The name as a string. This checks its UTF-8 again: where bytes will do, use
    /// [`as_bytes`](TopicName::as_bytes).
    #[inline]
    #[must_use]
    pub fn as_str(self) -> &'a str {
        as_str(self.0)
    }

    /// Whether this is [`BY_ALIAS`](TopicName::BY_ALIAS).
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The levels between the `/`; empty ones count.
    pub fn levels(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(|byte| *byte == b'/')
    }
}

#[cold]
fn check_name(name: &[u8]) -> Result<(), Violation> {
    if name.is_empty() {
        return Err(Violation::EmptyTopicName); // [MQTT-4.7.3-1]
    }
    text::check_string(name)?; // [MQTT-4.7.3-2] [MQTT-4.7.3-3]
    if name.iter().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(Violation::WildcardInTopicName); // [MQTT-4.7.1-1] [MQTT-4.7.0-1]
    }
    Ok(())
}

/// A topic filter, section 4.7: what a client subscribes to. At least one character, at most 65,535 bytes
/// of UTF-8, no U+0000; `+` stands for one level, `#` at the end for any number of them.
///
/// ```
/// use mqtt_sansio::{TopicFilter, TopicName, Violation};
///
/// let filter = TopicFilter::new("+/temp/#")?;
/// assert!(filter.matches(TopicName::new("kitchen/temp")?));
/// assert!(filter.matches(TopicName::new("kitchen/temp/max")?));
/// assert!(!filter.matches(TopicName::new("temp")?));
/// assert_eq!(TopicFilter::new("kitchen#"), Err(Violation::MisplacedWildcard));
/// # Ok::<(), Violation>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a [u8]);

impl<'a> TopicFilter<'a> {
    /// Checks a filter.
    ///
    /// A filter that starts with `$share/` is checked as an ordinary one here, as 3.1.1 has it; SUBSCRIBE
    /// and UNSUBSCRIBE of 5.0 also want [`share`](TopicFilter::share) to understand it.
    ///
    /// # Errors
    ///
    /// Which of the rules of section 4.7 it breaks.
    #[inline]
    pub fn new(filter: &'a str) -> Result<TopicFilter<'a>, Violation> {
        TopicFilter::from_bytes(filter.as_bytes())
    }

    /// Checks a filter given as the bytes of its UTF-8.
    ///
    /// # Errors
    ///
    /// As [`new`](TopicFilter::new), and where the bytes are not UTF-8.
    #[inline]
    pub fn from_bytes(filter: &'a [u8]) -> Result<TopicFilter<'a>, Violation> {
        if text::is_plain_topic(filter) && !filter.is_empty() && filter.len() <= MAXIMUM_LEN {
            return Ok(TopicFilter(filter));
        }
        check_filter(filter).map(|()| TopicFilter(filter))
    }

    /// The filter in `bytes` that were checked before.
    #[inline]
    pub(crate) const fn trusted(bytes: &'a [u8]) -> TopicFilter<'a> {
        TopicFilter(bytes)
    }

    /// The bytes of the filter's UTF-8.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The filter as a string. This checks its UTF-8 again: where bytes will do, use
    /// [`as_bytes`](TopicFilter::as_bytes).
    #[inline]
    #[must_use]
    pub fn as_str(self) -> &'a str {
        as_str(self.0)
    }

    /// The levels between the `/`; empty ones count.
    pub fn levels(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// Whether `+` or `#` stands in it.
    #[must_use]
    pub fn has_wildcards(self) -> bool {
        self.0.iter().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// Whether the filter matches the name, section 4.7: level by level and byte by byte, without
    /// normalisation. [MQTT-4.7.3-4]
    ///
    /// A shared subscription's filter is matched as it stands: match its [`Share::filter`] instead.
    #[must_use]
    pub fn matches(self, name: TopicName<'_>) -> bool {
        let (mut filter, mut name) = (self.0, name.0);
        // An alias must be resolved first: the name it stands for is what is matched.
        if name.is_empty() {
            return false;
        }
        if spares_dollar(filter, name) {
            return false;
        }
        loop {
            let (filter_level, filter_rest) = split_level(filter);
            if filter_level == b"#" {
                return true;
            }
            let (name_level, name_rest) = split_level(name);
            if filter_level != b"+" && filter_level != name_level {
                return false;
            }
            match (filter_rest, name_rest) {
                (Some(filter_rest), Some(name_rest)) => (filter, name) = (filter_rest, name_rest),
                (None, None) => return true,
                // "sport/#" also matches "sport".
                (Some(b"#"), None) => return true,
                _ => return false,
            }
        }
    }

    /// Whether a topic name can match both filters.
    ///
    /// ```
    /// use mqtt_sansio::TopicFilter;
    ///
    /// let filter = TopicFilter::new("+/temp")?;
    /// assert!(filter.overlaps(TopicFilter::new("kitchen/#")?));
    /// assert!(!filter.overlaps(TopicFilter::new("kitchen/+/max")?));
    /// # Ok::<(), mqtt_sansio::Violation>(())
    /// ```
    #[must_use]
    pub fn overlaps(self, other: TopicFilter<'_>) -> bool {
        let (mut a, mut b) = (self.0, other.0);
        if spares_dollar(a, b) || spares_dollar(b, a) {
            return false;
        }
        loop {
            let (a_level, a_rest) = split_level(a);
            let (b_level, b_rest) = split_level(b);
            if a_level == b"#" || b_level == b"#" {
                return true;
            }
            if a_level != b_level && a_level != b"+" && b_level != b"+" {
                return false;
            }
            match (a_rest, b_rest) {
                (Some(a_rest), Some(b_rest)) => (a, b) = (a_rest, b_rest),
                (None, None) => return true,
                // "sport/#" also matches "sport", but no name is empty as what "/#" follows.
                (Some(b"#"), None) => return self.0 != b"/#",
                (None, Some(b"#")) => return other.0 != b"/#",
                _ => return false,
            }
        }
    }

    /// Whether every topic name that matches `other` matches this filter too.
    ///
    /// ```
    /// use mqtt_sansio::TopicFilter;
    ///
    /// let filter = TopicFilter::new("kitchen/+")?;
    /// assert!(filter.covers(TopicFilter::new("kitchen/temp")?));
    /// assert!(!filter.covers(TopicFilter::new("+/temp")?));
    /// # Ok::<(), mqtt_sansio::Violation>(())
    /// ```
    #[must_use]
    pub fn covers(self, other: TopicFilter<'_>) -> bool {
        let (mut a, mut b) = (self.0, other.0);
        if spares_dollar(a, b) {
            return false;
        }
        loop {
            let (a_level, a_rest) = split_level(a);
            let (b_level, b_rest) = split_level(b);
            if a_level == b"#" {
                return true;
            }
            if b_level == b"#" {
                // Where no name is empty, "#" stands for one level at least.
                return a == b"+/#" && matches!(other.0, b"#" | b"/#");
            }
            if a_level != b_level && a_level != b"+" {
                return false;
            }
            match (a_rest, b_rest) {
                (Some(a_rest), Some(b_rest)) => (a, b) = (a_rest, b_rest),
                (None, None) | (Some(b"#"), None) => return true,
                _ => return false,
            }
        }
    }

    /// Whether it starts with `$share/`, and so names a shared subscription in 5.0.
    #[inline]
    #[must_use]
    pub fn is_shared(self) -> bool {
        self.0.starts_with(SHARE_PREFIX)
    }

    /// The share name and the filter of a shared subscription, section 4.8.2 of 5.0; `None` where the
    /// filter does not start with `$share/`.
    ///
    /// # Errors
    ///
    /// Where it starts so, but does not go on with a share name, `/` and a filter.
    ///
    /// ```
    /// use mqtt_sansio::TopicFilter;
    ///
    /// let share = TopicFilter::new("$share/cooks/kitchen/#")?.share()?.unwrap();
    /// assert_eq!(share.name, "cooks");
    /// assert_eq!(share.filter, TopicFilter::new("kitchen/#")?);
    /// # Ok::<(), mqtt_sansio::Violation>(())
    /// ```
    pub fn share(self) -> Result<Option<Share<'a>>, Violation> {
        let Some(shared) = self.0.strip_prefix(SHARE_PREFIX) else {
            return Ok(None);
        };
        let (name, filter) = match split_level(shared) {
            (name, Some(filter)) if !name.is_empty() && !filter.is_empty() => (name, filter),
            _ => return Err(Violation::InvalidSharedFilter), // [MQTT-4.8.2-1]
        };
        if name.iter().any(|byte| matches!(byte, b'+' | b'#')) {
            return Err(Violation::InvalidSharedFilter); // [MQTT-4.8.2-2]
        }
        Ok(Some(Share { name: as_str(name), filter: TopicFilter(filter) }))
    }
}

const SHARE_PREFIX: &[u8] = b"$share/";

/// The two parts of a shared subscription's filter, section 4.8.2 of 5.0; from [`TopicFilter::share`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share<'a> {
    /// The share name: subscriptions of one name and filter share their messages.
    pub name: &'a str,
    /// The filter that topic names are matched with.
    pub filter: TopicFilter<'a>,
}

#[inline(never)]
fn check_filter(filter: &[u8]) -> Result<(), Violation> {
    if filter.is_empty() {
        return Err(Violation::EmptyTopicFilter); // [MQTT-4.7.3-1]
    }
    if !filter.is_ascii() || text::has_nul(filter) || filter.len() > MAXIMUM_LEN {
        text::check_string(filter)?; // [MQTT-4.7.3-2] [MQTT-4.7.3-3]
    }
    check_wildcards(filter)
}

/// Whether each wildcard is alone between its separators, and `#` at the end.
fn check_wildcards(filter: &[u8]) -> Result<(), Violation> {
    let mut previous = b'/';
    let mut rest = filter;
    while let Some((&byte, tail)) = rest.split_first() {
        let alone = match byte {
            b'+' => previous == b'/' && matches!(tail.first(), None | Some(b'/')), // [MQTT-4.7.1-3]
            b'#' => previous == b'/' && tail.is_empty(),                           // [MQTT-4.7.1-2]
            _ => true,
        };
        if !alone {
            return Err(Violation::MisplacedWildcard);
        }
        previous = byte;
        rest = tail;
    }
    Ok(())
}

/// Whether the filter starts with a wildcard and the topic with `$`: they do not match. [MQTT-4.7.2-1]
#[inline]
fn spares_dollar(filter: &[u8], topic: &[u8]) -> bool {
    topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#'))
}

/// The first level, and what follows its `/` if there is one.
#[inline]
fn split_level(topic: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = topic.iter().position(|byte| *byte == b'/').unwrap_or(topic.len());
    let (level, rest) = topic.split_at(end);
    (level, rest.split_first().map(|(_, rest)| rest))
}

/// What was checked to be UTF-8 when the name or filter was made.
fn as_str(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicName({:?})", self.as_str())
    }
}

impl fmt::Debug for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicFilter({:?})", self.as_str())
    }
}

impl<'a> TryFrom<&'a str> for TopicName<'a> {
    type Error = Violation;

    fn try_from(name: &'a str) -> Result<Self, Violation> {
        TopicName::new(name)
    }
}

impl<'a> TryFrom<&'a str> for TopicFilter<'a> {
    type Error = Violation;

    fn try_from(filter: &'a str) -> Result<Self, Violation> {
        TopicFilter::new(filter)
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    /// All sequences of up to that many levels, as topics.
    fn all(levels: &[&str], depth: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut longest: Vec<String> = levels.iter().map(|level| String::from(*level)).collect();
        for _ in 0..depth {
            let longer =
                longest.iter().flat_map(|t| levels.iter().map(move |l| t.clone() + "/" + l));
            let longer = longer.collect();
            found.append(&mut core::mem::replace(&mut longest, longer));
        }
        found
    }

    /// `b` stands for every level that no filter names; topics go deeper than filters.
    #[test]
    fn overlaps_and_covers_are_what_the_topics_that_match_say() {
        let topics = all(&["", "a", "b", "$x"], 4);
        let topics: Vec<_> = topics.iter().filter_map(|t| TopicName::new(t).ok()).collect();
        let filters = all(&["", "a", "$x", "+", "#"], 3);
        let filters: Vec<_> = filters.iter().filter_map(|f| TopicFilter::new(f).ok()).collect();
        let matched: Vec<Vec<bool>> = filters
            .iter()
            .map(|filter| topics.iter().map(|topic| filter.matches(*topic)).collect())
            .collect();
        assert_eq!((topics.len(), filters.len()), (339, 104));
        for (a, of_a) in filters.iter().zip(&matched) {
            for (b, of_b) in filters.iter().zip(&matched) {
                let common = of_a.iter().zip(of_b).any(|(a, b)| *a && *b);
                assert_eq!(a.overlaps(*b), common, "{a} overlaps {b}");
                let all = of_a.iter().zip(of_b).all(|(a, b)| *a || !*b);
                assert_eq!(a.covers(*b), all, "{a} covers {b}");
            }
        }
    }
}
