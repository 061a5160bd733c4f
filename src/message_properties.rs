//! The properties that an application message takes along, section 3.3.2.3 of 5.0.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "serde")]
use bytes::Bytes;

use crate::codec::{Place, Properties, Property, PropertyId, Violation};
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
pub struct MessageProperties(Option<Arc<[u8]>>);

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
        Ok(MessageProperties::of(properties.to_block()))
    }

    /// Those of a PUBLISH or a will that go along with its message.
    pub(crate) fn copied(properties: &Properties<'_>) -> MessageProperties {
        if properties.is_empty() {
            return MessageProperties::EMPTY;
        }
        let travelling: Vec<_> = properties.iter().filter(|p| travels(p.id())).collect();
        MessageProperties::of(Properties::new(&travelling).to_block())
    }

    /// The properties.
    #[inline]
    #[must_use]
    pub fn properties(&self) -> Properties<'_> {
        match &self.0 {
            None => Properties::EMPTY,
            Some(block) => Properties::from_block(block, PLACE).unwrap_or_default(),
        }
    }

    fn of(block: Vec<u8>) -> MessageProperties {
        MessageProperties(if block.is_empty() { None } else { Some(block.into()) })
    }

    fn block(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Message Expiry Interval, in seconds.
    #[must_use]
    pub fn message_expiry_interval(&self) -> Option<u32> {
        match self.properties().find(PropertyId::MessageExpiryInterval) {
            Some(Property::MessageExpiryInterval(seconds)) => Some(seconds),
            _ => None,
        }
    }

    /// The same with another Message Expiry Interval, where there is one.
    pub(crate) fn with_message_expiry_interval(&self, seconds: u32) -> MessageProperties {
        let properties: Vec<_> = self
            .properties()
            .iter()
            .map(|property| match property {
                Property::MessageExpiryInterval(_) => Property::MessageExpiryInterval(seconds),
                other => other,
            })
            .collect();
        MessageProperties::of(Properties::new(&properties).to_block())
    }

    /// How many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.block().len()
    }
}

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
        Ok(MessageProperties::of(bytes.into()))
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
