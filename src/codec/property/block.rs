//! Properties as a block of bytes that is kept beyond its packet.

use alloc::vec::Vec;

use super::{ANYWHERE, Place, Properties, Property, PropertyId, Seen};
use crate::codec::list::List;
use crate::codec::read::Strings;
use crate::codec::write::BufSink;

impl<'a> Properties<'a> {
    /// The properties that a whole block of bytes is, if it is one that may stand at that place.
    pub(crate) fn from_block(block: &'a [u8], place: Place) -> Option<Properties<'a>> {
        if block.is_empty() {
            return Some(Properties::EMPTY);
        }
        Properties::read_block(block, place).ok()
    }

    /// The properties that a block of bytes was found to be, without another look at each.
    #[inline]
    pub(crate) fn trusted(block: &'a [u8], seen: Seen) -> Properties<'a> {
        Properties { list: List::from_strings(block, Strings::NONE), seen }
    }

    /// Which there are.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// How many bytes stand before the first property of that kind.
    pub(crate) fn offset(&self, id: PropertyId) -> Option<usize> {
        let before = self.iter().take_while(|property| property.id() != id);
        let len = |property: Property<'_>| property.encoded_len().unwrap_or(0);
        self.contains(id).then(|| before.map(len).sum())
    }

    /// The block of bytes that they are, without the length before them, where they were checked.
    pub(crate) fn to_block(self) -> Vec<u8> {
        let mut block = Vec::new();
        let written = self.write(&mut BufSink(&mut block));
        debug_assert_eq!(written, Some(()), "a vector has room");
        block
    }

    /// Those of some kinds, as a block of bytes, and which there are.
    pub(crate) fn to_block_of(self, wanted: impl Fn(PropertyId) -> bool) -> (Vec<u8>, Seen) {
        let (mut block, mut seen) = (Vec::new(), Seen(0));
        for property in self.iter().filter(|property| wanted(property.id())) {
            let written = property.write(&mut BufSink(&mut block));
            let added = seen.add(u8::from(property.id()), ANYWHERE);
            debug_assert!(written.is_some() && added.is_ok(), "they were checked");
        }
        (block, seen)
    }
}

impl Seen {
    /// Those of both, which have none in common.
    pub(crate) const fn and(self, other: Seen) -> Seen {
        Seen(self.0 | other.0)
    }
}
