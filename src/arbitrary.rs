//! `arbitrary::Arbitrary` for what cannot derive it: names that must be valid, and lists, which borrow.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::codec::{Item, List, Properties, Property, Strings, Wire};
use crate::topic::{TopicFilter, TopicName};
use crate::version::Version;

/// Any valid name; one of one character where the text drawn is not valid.
impl<'a> Arbitrary<'a> for TopicName<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let text: &str = u.arbitrary()?;
        TopicName::new(text).or(TopicName::new("t")).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

/// Any valid filter; `#` where the text drawn is not valid.
impl<'a> Arbitrary<'a> for TopicFilter<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let text: &str = u.arbitrary()?;
        TopicFilter::new(text)
            .or(TopicFilter::new("#"))
            .map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

/// As many items as the bytes drawn hold in wire format before they stop making sense: nothing is
/// allocated for a slice that the list could borrow.
impl<'a, T: Item<'a>> Arbitrary<'a> for List<'a, T> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let bytes = u.arbitrary()?;
        Ok(T::longest_list(bytes, u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for Properties<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let bytes = u.arbitrary()?;
        let list = Property::longest_list(bytes, Version::V5_0);
        Ok(Properties::from_list(list).unwrap_or_default())
    }
}

/// Lists of what bytes hold.
trait LongestList<'a>: Item<'a> {
    fn longest_list(bytes: &'a [u8], version: Version) -> List<'a, Self> {
        let mut wire = Wire { rest: bytes, strings: Strings::new(bytes), version };
        loop {
            let mut after = wire;
            match Self::next(&mut after) {
                Some(item) if item.is_valid() => wire = after,
                _ => break,
            }
        }
        let used = bytes.len() - wire.rest.len();
        let bytes = bytes.get(..used).unwrap_or_default();
        List::from_wire(bytes, version)
    }
}

impl<'a, T: Item<'a>> LongestList<'a> for T {}
