//! UNSUBSCRIBE, section 3.10.

use core::fmt;

use super::subscribe::{check_share, topic_filter};
use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{
    DecodeError, EncodeError, Field, Item, List, Place, Properties, Sink, Violation, Wire, field,
    sealed,
};
use crate::packet_id::PacketId;
use crate::topic::TopicFilter;
use crate::version::Version;

/// UNSUBSCRIBE, section 3.10: a client ends subscriptions.
///
/// ```
/// use mqtt_sansio::{Packet, PacketId, TopicFilter, Unsubscribe, Version};
///
/// let filters = [TopicFilter::new("a/b")?];
/// let unsubscribe = Packet::from(Unsubscribe::new(PacketId::new(12).unwrap(), &filters));
/// let mut buffer = [0; 9];
/// unsubscribe.encode(Version::V3_1_1, &mut buffer)?;
/// assert_eq!(&buffer, b"\xa2\x07\x00\x0c\x00\x03a/b");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Unsubscribe<'a> {
    /// The packet identifier, section 3.10.2.
    pub packet_id: PacketId,
    /// The properties, section 3.10.2.1 of 5.0; empty before it.
    pub properties: Properties<'a>,
    /// The topic filters of the subscriptions to end, section 3.10.3; at least one.
    pub filters: List<'a, TopicFilter<'a>>,
}

impl sealed::Sealed for TopicFilter<'_> {}

/// Validated wire bytes of topic filters.
impl<'a> Item<'a> for TopicFilter<'a> {
    #[inline]
    fn next(wire: &mut Wire<'a>) -> Option<Self> {
        let (rest, filter) = field::binary(wire.rest).ok()?;
        wire.rest = rest;
        Some(TopicFilter::trusted(filter))
    }

    #[cfg(feature = "arbitrary")]
    fn is_valid(&self) -> bool {
        TopicFilter::from_bytes(self.as_bytes()).is_ok()
    }
}

impl<'a> Unsubscribe<'a> {
    /// A request to end those subscriptions, without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, filters: &'a [TopicFilter<'a>]) -> Unsubscribe<'a> {
        Unsubscribe { packet_id, properties: Properties::EMPTY, filters: List::new(filters) }
    }
}

impl Encode for Unsubscribe<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        let mut fields = 2;
        for filter in self.filters {
            if version.has_properties() {
                check_share(filter, false)?;
            }
            fields = (2 + filter.as_bytes().len()).saturating_add(fields);
        }
        if fields == 2 {
            return Err(Violation::NoTopicFilters.into()); // [MQTT-3.10.3-2]
        }
        let properties = self.properties.encoded_len(Place::Packet(PacketType::Unsubscribe))?;
        Lengths::new(fields, properties, version)
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::Unsubscribe.first_byte(), lengths.remaining)?;
        out.u16(self.packet_id.get())?;
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        self.filters.iter().try_for_each(|filter| out.binary(filter.as_bytes()))
    }
}

pub(super) fn decode<const V5: bool>(
    body: &[u8],
    version: Version,
) -> Result<Unsubscribe<'_>, DecodeError> {
    let (i, packet_id) = field::packet_id(body)?;
    let (filters, properties) = if V5 {
        Properties::read(i, Place::Packet(PacketType::Unsubscribe))?
    } else {
        (i, Properties::EMPTY)
    };
    if filters.is_empty() {
        return Err(DecodeError::new(Violation::NoTopicFilters, filters)); // [MQTT-3.10.3-2]
    }
    let mut i = filters;
    while !i.is_empty() {
        let (rest, filter) = topic_filter(i)?;
        if V5 {
            if let Err(violation) = check_share(filter, false) {
                return Err(DecodeError::new(violation, i));
            }
        }
        i = rest;
    }
    let filters = List::from_wire(filters, version);
    Ok(Unsubscribe { packet_id, properties, filters })
}

impl fmt::Display for Unsubscribe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (m{}", self.packet_id)?;
        for filter in self.filters {
            write!(f, ", '{}'", filter.as_str().escape_debug())?;
        }
        f.write_str(")")
    }
}
