//! The properties that an application message takes along, section 3.3.2.3 of 5.0.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "serde")]
use bytes::Bytes;

use crate::codec::{PayloadFormat, Place, Properties, Property, PropertyId, Seen, Violation};
use crate::packet_type::PacketType;

/// What a message of 5.0 carries beside its topic and payload, from its publisher to its subscribers: Payload
/// Format Indicator, Message Expiry Interval, Content Type, Response Topic, Correlation Data and User
/// Properties, in their order. Cloning shares the bytes.
///
/// ```
/// use mqtt_sansio::{MessageProperties, Property, PropertyId};
///
/// let properties = MessageProperties::new(&[Property::ContentType("text/plain")])?;
/// let content_type = properties.properties().find(PropertyId::ContentType);
/// assert_eq!(content_type, Some(Property::ContentType("text/plain")));
/// assert!(MessageProperties::new(&[Property::ReceiveMaximum(7.try_into()?)]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Bytes", into = "Bytes"))]
pub struct MessageProperties(Option<Arc<Block>>);

/// Checked properties as they stand in a packet.
#[derive(PartialEq, Eq)]
struct Block {
    bytes: Box<[u8]>,
    seen: Seen,
    /// Where the Message Expiry Interval has its value.
    expiry: Option<usize>,
}

/// Properties of a message as they are sent, with others of its PUBLISH.
pub(crate) struct Extended {
    bytes: Vec<u8>,
    seen: Seen,
}

impl Extended {
    #[inline]
    pub(crate) fn properties(&self) -> Properties<'_> {
        Properties::trusted(&self.bytes, self.seen)
    }
}

const PLACE: Place = Place::Packet(PacketType::Publish);

impl MessageProperties {
    /// No properties.
    pub const EMPTY: MessageProperties = MessageProperties(None);

    /// Checks properties and copies them.
    ///
    /// # Errors
    ///
    /// Where one of them belongs to a packet and not to a message, stands twice, or cannot be encoded.
    pub fn new(properties: &[Property<'_>]) -> Result<MessageProperties, Violation> {
        if !properties.iter().all(|property| travels(property.id())) {
            return Err(Violation::PropertyNotAllowed);
        }
        let properties = Properties::new(properties);
        properties.encoded_len(PLACE)?;
        Ok(MessageProperties::of(properties.to_block(), properties.seen()))
    }

    /// Those of a PUBLISH or a will that go along with its message.
    pub(crate) fn copied(properties: &Properties<'_>) -> MessageProperties {
        if properties.is_empty() {
            return MessageProperties::EMPTY;
        }
        if !STAY.iter().any(|id| properties.contains(*id)) {
            return MessageProperties::of(properties.to_block(), properties.seen());
        }
        let (block, seen) = properties.to_block_of(travels);
        MessageProperties::of(block, seen)
    }

    /// The properties.
    #[inline]
    #[must_use]
    pub fn properties(&self) -> Properties<'_> {
        match &self.0 {
            None => Properties::EMPTY,
            Some(block) => Properties::trusted(&block.bytes, block.seen),
        }
    }

    fn of(block: Vec<u8>, seen: Seen) -> MessageProperties {
        if block.is_empty() {
            return MessageProperties::EMPTY;
        }
        let expiry = Properties::trusted(&block, seen).offset(PropertyId::MessageExpiryInterval);
        let expiry = expiry.map(|offset| offset + 1);
        MessageProperties(Some(Arc::new(Block { bytes: block.into(), seen, expiry })))
    }

    fn block(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |block| &block.bytes)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Message Expiry Interval, in seconds.
    #[must_use]
    pub fn message_expiry_interval(&self) -> Option<u32> {
        let block = self.0.as_ref()?;
        let value = block.bytes.get(block.expiry?..)?.first_chunk()?;
        Some(u32::from_be_bytes(*value))
    }

    /// Whether the payload is said to be UTF-8 text.
    pub(crate) fn is_text(&self) -> bool {
        let text = Property::PayloadFormatIndicator(PayloadFormat::Utf8);
        self.properties().find(PropertyId::PayloadFormatIndicator) == Some(text)
    }

    /// The same with another Message Expiry Interval, where there is one.
    pub(crate) fn with_message_expiry_interval(&self, seconds: u32) -> MessageProperties {
        let Some(block) = &self.0 else {
            return MessageProperties::EMPTY;
        };
        let Extended { bytes, seen } = self.extended(Some(seconds), &[]);
        let expiry = block.expiry;
        MessageProperties(Some(Arc::new(Block { bytes: bytes.into(), seen, expiry })))
    }

    /// The same with another Message Expiry Interval, where there is one, and with others after them that are
    /// none of a message's.
    pub(crate) fn extended(&self, seconds: Option<u32>, others: &[Property<'_>]) -> Extended {
        let others = Properties::new(others);
        let mut bytes = Vec::with_capacity(self.size() + 8 * others.iter().count());
        bytes.extend_from_slice(self.block());
        let expiry = self.0.as_ref().and_then(|block| block.expiry);
        if let (Some(at), Some(seconds)) = (expiry, seconds) {
            if let Some(value) = bytes.get_mut(at..at + 4) {
                value.copy_from_slice(&seconds.to_be_bytes());
            }
        }
        bytes.extend_from_slice(&others.to_block());
        Extended { bytes, seen: self.properties().seen().and(others.seen()) }
    }

    /// How many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.block().len()
    }
}

/// What may stand in PUBLISH or a will and does not travel.
const STAY: [PropertyId; 3] =
    [PropertyId::TopicAlias, PropertyId::SubscriptionIdentifier, PropertyId::WillDelayInterval];

/// Whether it belongs to the message, and not to a packet or a connection.
fn travels(id: PropertyId) -> bool {
    matches!(
        id,
        PropertyId::PayloadFormatIndicator
            | PropertyId::MessageExpiryInterval
            | PropertyId::ContentType
            | PropertyId::ResponseTopic
            | PropertyId::CorrelationData
            | PropertyId::UserProperty
    )
}

#[cfg(feature = "serde")]
impl TryFrom<Bytes> for MessageProperties {
    type Error = Violation;

    fn try_from(bytes: Bytes) -> Result<MessageProperties, Violation> {
        let properties = Properties::from_block(&bytes, PLACE).ok_or(Violation::PropertyValue)?;
        if !properties.iter().all(|property| travels(property.id())) {
            return Err(Violation::PropertyNotAllowed);
        }
        let seen = properties.seen();
        Ok(MessageProperties::of(bytes.to_vec(), seen))
    }
}

#[cfg(feature = "serde")]
impl From<MessageProperties> for Bytes {
    fn from(properties: MessageProperties) -> Bytes {
        Bytes::copy_from_slice(properties.block())
    }
}

impl fmt::Debug for MessageProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.properties().fmt(f)
    }
}
