//! Bytes to packets and back: framing, primitive fields, properties.

mod error;
mod framing;
mod list;
mod property;
mod read;
mod value;
mod write;

pub use error::{DecodeError, EncodeError, Field};
#[cfg(feature = "alloc")]
pub use framing::FrameReader;
#[cfg(feature = "alloc")]
pub(crate) use framing::Received;
pub use framing::{Frame, MAXIMUM_PACKET_SIZE};
pub use list::{Item, List, ListIter};
pub use property::{Properties, Property, PropertyId};
pub use value::{PayloadFormat, SubscriptionIdentifier, TopicAlias, UserProperty};

pub(crate) use crate::violation::Violation;
pub(crate) use framing::{MAXIMUM_REMAINING_LENGTH, varint_len};
pub(crate) use list::{Wire, sealed};
pub(crate) use property::Place;
#[cfg(feature = "alloc")]
pub(crate) use property::Seen;
pub(crate) use read::{Parsed, Strings, fail};
#[cfg(feature = "alloc")]
pub(crate) use write::BufSink;
pub(crate) use write::{Sink, SliceSink};

/// The parsers of fields, for the packets.
pub(crate) mod field {
    pub(crate) use super::read::{binary, end, packet_id, topic_name, u8, u16};
    pub(crate) use super::write::{binary_len, string_len};
}
