//! Lists inside packets: wire bytes that were validated, or a caller's slice; read the same either way.

use core::fmt;

use super::read::Strings;
use crate::version::Version;

/// What a [`List`] can hold. Implemented by this crate's types only.
pub trait Item<'a>: Copy + sealed::Sealed {
    /// Takes the first item off the wire bytes; `None` at their end.
    #[doc(hidden)]
    fn next(wire: &mut Wire<'a>) -> Option<Self>;

    /// Whether an item read from bytes that were not validated is one that may exist.
    #[cfg(feature = "arbitrary")]
    #[doc(hidden)]
    fn is_valid(&self) -> bool {
        true
    }
}

/// Validated wire bytes of items that are being read, with what is needed for it. One type for all
/// items, so that packets stay covariant in their lifetime.
#[derive(Clone, Copy)]
pub struct Wire<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) strings: Strings<'a>,
    pub(crate) version: Version,
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// The topic filters, reason codes or properties of a packet.
///
/// A decoded packet's list borrows the bytes it came in; a packet to be encoded borrows a slice. Both
/// iterate alike, and neither allocates.
///
/// ```
/// use mqtt_sansio::{List, TopicFilter};
///
/// let filters = [TopicFilter::new("a/+")?, TopicFilter::new("b")?];
/// let list = List::from(&filters);
/// assert_eq!(list.len(), 2);
/// assert!(list.iter().eq(filters));
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, Copy)]
pub struct List<'a, T>(Repr<'a, T>);

#[derive(Clone, Copy)]
enum Repr<'a, T> {
    /// Wire bytes that are UTF-8 as a whole, of 5.0.
    Text(&'a str),
    Wire(&'a [u8], Version),
    Slice(&'a [T]),
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// No items.
    pub const EMPTY: List<'a, T> = List(Repr::Slice(&[]));

    /// The items of a slice.
    #[inline]
    #[must_use]
    pub const fn new(items: &'a [T]) -> List<'a, T> {
        List(Repr::Slice(items))
    }

    /// The items in wire bytes that were validated for that version.
    #[inline(always)]
    pub(crate) const fn from_wire(bytes: &'a [u8], version: Version) -> List<'a, T> {
        List(Repr::Wire(bytes, version))
    }

    /// The items in wire bytes of 5.0, with the strings to cut out of them.
    #[inline(always)]
    pub(crate) fn from_strings(bytes: &'a [u8], strings: Strings<'a>) -> List<'a, T> {
        match strings.text() {
            Some(text) => List(Repr::Text(text)),
            None => List(Repr::Wire(bytes, Version::V5_0)),
        }
    }

    /// The wire bytes, or else the slice.
    #[inline(always)]
    pub(crate) const fn wire_or_slice(&self) -> Result<&'a [u8], &'a [T]> {
        match &self.0 {
            Repr::Text(text) => Ok(text.as_bytes()),
            Repr::Wire(bytes, _) => Ok(bytes),
            Repr::Slice(items) => Err(items),
        }
    }

    /// The items, in order.
    #[inline]
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter(match self.0 {
            Repr::Text(text) => {
                let strings = Strings::of(text);
                Iter::Wire(Wire { rest: text.as_bytes(), strings, version: Version::V5_0 })
            }
            Repr::Wire(rest, version) => Iter::Wire(Wire { rest, strings: Strings::NONE, version }),
            Repr::Slice(items) => Iter::Slice(items),
        })
    }

    /// How many items there are. Wire bytes are walked through for it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Text(_) | Repr::Wire(..) => self.iter().count(),
            Repr::Slice(items) => items.len(),
        }
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// The items of a [`List`].
#[derive(Clone)]
pub struct ListIter<'a, T>(Iter<'a, T>);

#[derive(Clone)]
enum Iter<'a, T> {
    Wire(Wire<'a>),
    Slice(&'a [T]),
}

impl<'a, T: Item<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Iter::Wire(wire) => T::next(wire),
            Iter::Slice(items) => {
                let (first, rest) = items.split_first()?;
                *items = rest;
                Some(*first)
            }
        }
    }
}

impl<'a, T: Item<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = ListIter<'a, T>;

    #[inline]
    fn into_iter(self) -> ListIter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Item<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = ListIter<'a, T>;

    #[inline]
    fn into_iter(self) -> ListIter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Item<'a>> Default for List<'a, T> {
    fn default() -> Self {
        List::EMPTY
    }
}

impl<'a, T: Item<'a>> From<&'a [T]> for List<'a, T> {
    fn from(items: &'a [T]) -> Self {
        List::new(items)
    }
}

impl<'a, T: Item<'a>, const N: usize> From<&'a [T; N]> for List<'a, T> {
    fn from(items: &'a [T; N]) -> Self {
        List::new(items)
    }
}

impl<'a, T: Item<'a> + PartialEq> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Item<'a> + Eq> Eq for List<'a, T> {}

impl<'a, T: Item<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
