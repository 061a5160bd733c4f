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

/// Validated wire bytes of items, with what is needed to read them. One type for all items, so that
/// packets stay covariant in their lifetime.
#[derive(Clone, Copy)]
pub struct Wire<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) strings: Strings<'a>,
    pub(crate) version: Version,
}

impl<'a> Wire<'a> {
    /// Of items without strings to cut out, validated for that version.
    #[inline]
    pub(crate) const fn new(rest: &'a [u8], version: Version) -> Wire<'a> {
        Wire { rest, strings: Strings::NONE, version }
    }
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
    Wire(Wire<'a>),
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

    /// The items in validated wire bytes.
    #[inline]
    pub(crate) const fn from_wire(wire: Wire<'a>) -> List<'a, T> {
        List(Repr::Wire(wire))
    }

    /// The wire bytes, where there are any.
    #[inline]
    pub(crate) const fn wire(self) -> Option<Wire<'a>> {
        match self.0 {
            Repr::Wire(wire) => Some(wire),
            Repr::Slice(_) => None,
        }
    }

    /// The items, in order.
    #[inline]
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter(self.0)
    }

    /// How many items there are. Wire bytes are walked through for it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Wire(_) => self.iter().count(),
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
pub struct ListIter<'a, T>(Repr<'a, T>);

impl<'a, T: Item<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Repr::Wire(wire) => T::next(wire),
            Repr::Slice(items) => {
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
