//! PUBLISH, section 3.3.

use core::fmt;

use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{
    DecodeError, EncodeError, Field, Frame, Place, Properties, PropertyId, Sink, SliceSink,
    Violation, field,
};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::topic::TopicName;
use crate::version::Version;

const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

/// PUBLISH, section 3.3: a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Publish<'a> {
    /// The RETAIN flag, section 3.3.1.3.
    pub retain: bool,
    /// The QoS with what belongs to it, section 3.3.1.
    pub delivery: Delivery,
    /// What the message is about, section 3.3.2.1.
    pub topic: TopicName<'a>,
    /// The properties, section 3.3.2.3 of 5.0; empty before it.
    pub properties: Properties<'a>,
    /// The application message, section 3.3.3; it may be empty.
    pub payload: &'a [u8],
}

/// The Quality of Service of a PUBLISH with the fields that exist at that level only: at QoS 0 there is
/// neither a packet identifier nor a repetition. [MQTT-2.3.1-5] [MQTT-3.3.1-2]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Delivery {
    /// QoS 0.
    #[default]
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// Whether it may have been sent before, section 3.3.1.1.
        dup: bool,
        /// The packet identifier, section 3.3.2.2.
        packet_id: PacketId,
    },
    /// QoS 2.
    ExactlyOnce {
        /// Whether it may have been sent before, section 3.3.1.1.
        dup: bool,
        /// The packet identifier, section 3.3.2.2.
        packet_id: PacketId,
    },
}

impl Delivery {
    /// The Quality of Service.
    #[inline]
    #[must_use]
    pub const fn qos(self) -> QoS {
        match self {
            Delivery::AtMostOnce => QoS::AtMostOnce,
            Delivery::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Delivery::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// The packet identifier; `None` at QoS 0.
    #[inline]
    #[must_use]
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Delivery::AtMostOnce => None,
            Delivery::AtLeastOnce { packet_id, .. } | Delivery::ExactlyOnce { packet_id, .. } => {
                Some(packet_id)
            }
        }
    }

    /// The DUP flag; false at QoS 0.
    #[inline]
    #[must_use]
    pub const fn dup(self) -> bool {
        match self {
            Delivery::AtMostOnce => false,
            Delivery::AtLeastOnce { dup, .. } | Delivery::ExactlyOnce { dup, .. } => dup,
        }
    }
}

impl<'a> Publish<'a> {
    /// A message at QoS 0, not retained, without properties.
    #[inline]
    #[must_use]
    pub const fn new(topic: TopicName<'a>, payload: &'a [u8]) -> Publish<'a> {
        Publish {
            retain: false,
            delivery: Delivery::AtMostOnce,
            topic,
            properties: Properties::EMPTY,
            payload,
        }
    }

    /// Writes all of the packet but its payload to the start of `out` and returns how many bytes that
    /// took: with the payload after them, from wherever it lies, they are what
    /// [`Packet::encode`](crate::Packet::encode) writes. So a vectored write sends a large payload without copying it.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`](crate::Packet::encode); [`EncodeError::BufferTooSmall`] then speaks of the header alone.
    ///
    /// ```
    /// use mqtt_sansio::{Publish, TopicName, Version};
    ///
    /// let payload = [7; 100];
    /// let publish = Publish::new(TopicName::new("t")?, &payload);
    /// let mut header = [0; 16];
    /// let len = publish.encode_header(Version::V3_1_1, &mut header)?;
    /// assert_eq!(&header[..len], [0x30, 103, 0, 1, b't']);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn encode_header(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        let lengths = self.measure(version)?;
        let size = lengths.packet_size() - self.payload.len();
        match self.write_header(version, lengths, &mut SliceSink::new(out)) {
            Some(()) => Ok(size),
            None => Err(super::buffer_too_small(size)),
        }
    }

    /// Only a topic alias can stand for a topic name.
    #[inline(always)]
    fn check_topic(&self) -> Result<(), Violation> {
        if self.topic.is_empty() && !self.properties.contains(PropertyId::TopicAlias) {
            return Err(Violation::EmptyTopicNameWithoutAlias);
        }
        Ok(())
    }

    #[inline(always)]
    fn write_header(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        let dup = if self.delivery.dup() { DUP } else { 0 };
        let retain = u8::from(self.retain);
        let flags = dup | u8::from(self.delivery.qos()) << 1 | retain;
        out.fixed_header(PacketType::Publish.first_byte() | flags, lengths.remaining)?;
        out.binary(self.topic.as_bytes())?;
        if let Some(packet_id) = self.delivery.packet_id() {
            out.u16(packet_id.get())?;
        }
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        Some(())
    }
}

impl Encode for Publish<'_> {
    #[inline(always)]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        self.check_topic()?;
        let packet_id = if self.delivery == Delivery::AtMostOnce { 0 } else { 2 };
        let fields = 2 + self.topic.as_bytes().len() + packet_id + self.payload.len();
        let properties = self.properties.encoded_len_here(Place::Packet(PacketType::Publish))?;
        Lengths::new(fields, properties, version)
    }

    #[inline(always)]
    fn is_rare(&self) -> bool {
        !self.properties.is_empty()
    }

    #[inline(always)]
    fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if self.is_rare() {
            return self.encode_apart(version, out);
        }
        self.encode_common(version, out)
    }

    #[inline(always)]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        self.write_header(version, lengths, out)?;
        out.bytes(self.payload)
    }
}

#[inline(always)]
pub(super) fn decode<const V5: bool>(
    frame: Frame<'_>,
    version: Version,
) -> Result<Publish<'_>, DecodeError> {
    let flags = frame.first_byte();
    let i = frame.body();
    let (i, topic) = if V5 && matches!(i, [0, 0, ..]) {
        (i.split_at(2).1, TopicName::BY_ALIAS)
    } else {
        field::topic_name(i)?
    };
    let dup = flags & DUP != 0;
    let (i, delivery) = match QoS::from_bits(flags >> 1) {
        Some(QoS::AtMostOnce) => {
            // [MQTT-3.3.1-2]; 3.1 does not rule it out, and gives it no meaning.
            if dup && version != Version::V3_1 {
                return Err(DecodeError::new(Violation::DupAtQoS0, frame.as_bytes()));
            }
            (i, Delivery::AtMostOnce)
        }
        Some(QoS::AtLeastOnce) => {
            let (i, packet_id) = field::packet_id(i)?;
            (i, Delivery::AtLeastOnce { dup, packet_id })
        }
        Some(QoS::ExactlyOnce) => {
            let (i, packet_id) = field::packet_id(i)?;
            (i, Delivery::ExactlyOnce { dup, packet_id })
        }
        // [MQTT-3.3.1-4]
        None => return Err(DecodeError::new(Violation::QoS3, frame.as_bytes())),
    };
    let (payload, properties) = if V5 {
        Properties::read_here(i, Place::Packet(PacketType::Publish))?
    } else {
        (i, Properties::EMPTY)
    };
    let publish = Publish { retain: flags & RETAIN != 0, delivery, topic, properties, payload };
    if V5 && publish.check_topic().is_err() {
        return Err(DecodeError::new(Violation::EmptyTopicNameWithoutAlias, frame.body()));
    }
    Ok(publish)
}

impl fmt::Display for Publish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            " (d{}, q{}, r{}, m{}, '{}', {} bytes)",
            u8::from(self.delivery.dup()),
            self.delivery.qos(),
            u8::from(self.retain),
            self.delivery.packet_id().map_or(0, PacketId::get),
            self.topic.as_str().escape_debug(),
            self.payload.len()
        )
    }
}
