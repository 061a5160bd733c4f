//! SUBSCRIBE, section 3.8.

use core::fmt;

use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{
    DecodeError, EncodeError, Field, Item, List, Parsed, Place, Properties, Sink, Violation, Wire,
    fail, field, sealed,
};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::topic::TopicFilter;
use crate::version::Version;

// The subscription options, section 3.8.3.1 of 5.0; before it only the QoS.
const QOS: u8 = 0b0000_0011;
const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;
const RETAIN_HANDLING: u8 = 0b0011_0000;
const RETAIN_HANDLING_SHIFT: u32 = 4;
const RESERVED: u8 = 0b1100_0000;

/// SUBSCRIBE, section 3.8: a client asks for subscriptions.
///
/// ```
/// use mqtt_sansio::{Packet, PacketId, QoS, Subscribe, Subscription, TopicFilter, Version};
///
/// let filters = [Subscription::new(TopicFilter::new("internet")?, QoS::AtMostOnce)];
/// let subscribe = Packet::from(Subscribe::new(PacketId::MIN, &filters));
/// let mut buffer = [0; 15];
/// subscribe.encode(Version::V3_1_1, &mut buffer)?;
/// assert_eq!(&buffer, b"\x82\x0d\x00\x01\x00\x08internet\x00");
/// assert_eq!(subscribe.to_string(), "SUBSCRIBE (m1, 'internet' q0)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Subscribe<'a> {
    /// The packet identifier, section 3.8.2.
    pub packet_id: PacketId,
    /// The properties, section 3.8.2.1 of 5.0; empty before it.
    pub properties: Properties<'a>,
    /// The subscriptions asked for, section 3.8.3; at least one.
    pub filters: List<'a, Subscription<'a>>,
}

/// A topic filter with its subscription options, section 3.8.3.1 of 5.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Subscription<'a> {
    /// Which topics.
    pub filter: TopicFilter<'a>,
    /// The highest QoS at which messages are to be sent to the client.
    pub qos: QoS,
    /// Whether the client's own messages are left out; only in 5.0.
    pub no_local: bool,
    /// Whether messages keep the RETAIN flag they were published with; only in 5.0.
    pub retain_as_published: bool,
    /// Whether retained messages are sent when the subscription is made; only in 5.0.
    pub retain_handling: RetainHandling,
}

/// Whether retained messages are sent when a subscription is made, section 3.8.3.1 of 5.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum RetainHandling {
    /// 0: send them, as 3.1 and 3.1.1 do.
    #[default]
    SendAtSubscribe,
    /// 1: send them only if the subscription is new.
    SendAtNewSubscribe,
    /// 2: do not send them.
    DoNotSend,
}

impl<'a> Subscription<'a> {
    /// A subscription with the options that 3.1 and 3.1.1 have: the QoS alone.
    #[must_use]
    pub const fn new(filter: TopicFilter<'a>, qos: QoS) -> Subscription<'a> {
        Subscription {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }

    /// The byte of its options, section 3.8.3.1.
    #[inline]
    pub(crate) fn options(&self) -> u8 {
        let no_local = if self.no_local { NO_LOCAL } else { 0 };
        let retain_as_published = if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
        let retain_handling = match self.retain_handling {
            RetainHandling::SendAtSubscribe => 0,
            RetainHandling::SendAtNewSubscribe => 1,
            RetainHandling::DoNotSend => 2,
        };
        u8::from(self.qos)
            | no_local
            | retain_as_published
            | retain_handling << RETAIN_HANDLING_SHIFT
    }

    /// The bytes it takes, where it may be sent.
    #[inline]
    fn encoded_len(&self, version: Version) -> Result<usize, EncodeError> {
        only_in_v5(self.options() & !QOS != 0, Field::SubscriptionOptions, version)?;
        if version.has_properties() {
            check_share(self.filter, self.no_local)?;
        }
        Ok(2 + self.filter.as_bytes().len() + 1)
    }

    #[inline(always)]
    fn write(&self, out: &mut impl Sink) -> Option<()> {
        out.binary(self.filter.as_bytes())?;
        out.u8(self.options())
    }

    #[inline(always)]
    fn parse(version: Version, i: &'a [u8]) -> Parsed<'a, Subscription<'a>> {
        let (at_options, filter) = topic_filter(i)?;
        let (rest, options) = field::u8(at_options)?;
        match Subscription::from_options(filter, options, version) {
            Ok(subscription) => Ok((rest, subscription)),
            Err(violation) => Err(fail(violation, at_options)),
        }
    }

    /// The subscription with that byte of options.
    #[inline(always)]
    pub(crate) fn from_options(
        filter: TopicFilter<'a>,
        options: u8,
        version: Version,
    ) -> Result<Subscription<'a>, Violation> {
        let (reserved, qos3) = match version {
            Version::V3_1 => (0, Violation::QoS3),
            Version::V3_1_1 => (!QOS, Violation::QoS3), // [MQTT-3.8.3-4]
            Version::V5_0 => (RESERVED, Violation::SubscriptionQoS3), // [MQTT-3.8.3-5]
        };
        if options & reserved != 0 {
            return Err(Violation::ReservedSubscriptionOptions);
        }
        let Some(qos) = QoS::from_bits(options) else {
            return Err(qos3);
        };
        if !version.has_properties() {
            return Ok(Subscription::new(filter, qos));
        }
        let retain_handling = match (options & RETAIN_HANDLING) >> RETAIN_HANDLING_SHIFT {
            0 => RetainHandling::SendAtSubscribe,
            1 => RetainHandling::SendAtNewSubscribe,
            2 => RetainHandling::DoNotSend,
            _ => return Err(Violation::RetainHandling3),
        };
        let no_local = options & NO_LOCAL != 0;
        let retain_as_published = options & RETAIN_AS_PUBLISHED != 0;
        Ok(Subscription { filter, qos, no_local, retain_as_published, retain_handling })
    }
}

/// A topic filter. [MQTT-3.8.3-1] [MQTT-3.10.3-1]
#[inline(always)]
pub(super) fn topic_filter(i: &[u8]) -> Parsed<'_, TopicFilter<'_>> {
    let (rest, bytes) = field::binary(i)?;
    match TopicFilter::from_bytes(bytes) {
        Ok(filter) => Ok((rest, filter)),
        Err(violation) => Err(fail(violation, i)),
    }
}

/// What 5.0 asks of a shared subscription. [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.8.3-4]
#[inline(always)]
pub(super) fn check_share(filter: TopicFilter<'_>, no_local: bool) -> Result<(), Violation> {
    if filter.is_shared() {
        filter.share()?;
        if no_local {
            return Err(Violation::NoLocalOnSharedSubscription);
        }
    }
    Ok(())
}

impl sealed::Sealed for Subscription<'_> {}

impl<'a> Item<'a> for Subscription<'a> {
    #[inline]
    fn next(wire: &mut Wire<'a>) -> Option<Self> {
        let (i, filter) = field::binary(wire.rest).ok()?;
        let (rest, options) = field::u8(i).ok()?;
        let filter = TopicFilter::trusted(filter);
        let subscription = Subscription::from_options(filter, options, wire.version).ok()?;
        wire.rest = rest;
        Some(subscription)
    }

    #[cfg(feature = "arbitrary")]
    fn is_valid(&self) -> bool {
        self.filter.is_valid()
    }
}

impl<'a> Subscribe<'a> {
    /// A request for those subscriptions, without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, filters: &'a [Subscription<'a>]) -> Subscribe<'a> {
        Subscribe { packet_id, properties: Properties::EMPTY, filters: List::new(filters) }
    }
}

impl Encode for Subscribe<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        let mut fields: usize = 2;
        match self.filters.wire_or_slice() {
            Err(filters) => {
                for filter in filters {
                    fields = fields.saturating_add(filter.encoded_len(version)?);
                }
            }
            Ok(_) => {
                for filter in self.filters {
                    fields = fields.saturating_add(filter.encoded_len(version)?);
                }
            }
        }
        if fields == 2 {
            return Err(Violation::NoTopicFilters.into()); // [MQTT-3.8.3-3]
        }
        let properties = self.properties.encoded_len(Place::Packet(PacketType::Subscribe))?;
        Lengths::new(fields, properties, version)
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::Subscribe.first_byte(), lengths.remaining)?;
        out.u16(self.packet_id.get())?;
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        match self.filters.wire_or_slice() {
            Err(filters) => filters.iter().try_for_each(|filter| filter.write(out)),
            Ok(_) => self.filters.iter().try_for_each(|filter| filter.write(out)),
        }
    }
}

pub(super) fn decode<const V5: bool>(
    body: &[u8],
    version: Version,
) -> Result<Subscribe<'_>, DecodeError> {
    let (i, packet_id) = field::packet_id(body)?;
    let (filters, properties) = if V5 {
        Properties::read(i, Place::Packet(PacketType::Subscribe))?
    } else {
        (i, Properties::EMPTY)
    };
    if filters.is_empty() {
        return Err(DecodeError::new(Violation::NoTopicFilters, filters)); // [MQTT-3.8.3-3]
    }
    let mut i = filters;
    while !i.is_empty() {
        let (rest, subscription) = Subscription::parse(version, i)?;
        if V5 {
            if let Err(violation) = check_share(subscription.filter, subscription.no_local) {
                return Err(DecodeError::new(violation, i));
            }
        }
        i = rest;
    }
    let filters = List::from_wire(filters, version);
    Ok(Subscribe { packet_id, properties, filters })
}

impl fmt::Display for Subscribe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (m{}", self.packet_id)?;
        for filter in self.filters {
            write!(f, ", '{}' q{}", filter.filter.as_str().escape_debug(), filter.qos)?;
        }
        f.write_str(")")
    }
}
