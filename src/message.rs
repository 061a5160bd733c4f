//! Application messages, topics and filters that outlive the bytes they came in.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::message_properties::MessageProperties;
use crate::packet::{Delivery, Publish};
use crate::qos::QoS;
use crate::time::Instant;
use crate::topic::{TopicFilter, TopicName};
use crate::violation::Violation;

/// A topic name that owns its bytes; cloning it shares them.
///
/// ```
/// use mqtt_sansio::Topic;
///
/// let topic = Topic::new("kitchen/temp")?;
/// assert_eq!(topic.name().as_str(), "kitchen/temp");
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Bytes", into = "Bytes"))]
pub struct Topic(Bytes);

impl Topic {
    /// Checks a topic name and copies it.
    ///
    /// # Errors
    ///
    /// As [`TopicName::new`].
    pub fn new(name: &str) -> Result<Topic, Violation> {
        TopicName::new(name).map(Topic::from)
    }

    /// A name that was checked before, in bytes that may be shared.
    pub(crate) fn trusted(bytes: Bytes) -> Topic {
        Topic(bytes)
    }

    /// The name, borrowed.
    #[must_use]
    pub fn name(&self) -> TopicName<'_> {
        TopicName::trusted(&self.0)
    }
}

impl TryFrom<Bytes> for Topic {
    type Error = Violation;

    /// Checks a topic name, and keeps its bytes.
    fn try_from(name: Bytes) -> Result<Topic, Violation> {
        TopicName::from_bytes(&name)?;
        Ok(Topic(name))
    }
}

impl From<Topic> for Bytes {
    fn from(topic: Topic) -> Bytes {
        topic.0
    }
}

impl From<TopicName<'_>> for Topic {
    fn from(name: TopicName<'_>) -> Topic {
        Topic(Bytes::copy_from_slice(name.as_bytes()))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:?})", self.name().as_str())
    }
}

/// A topic filter that owns its bytes; cloning it shares them.
///
/// ```
/// use mqtt_sansio::Filter;
///
/// let filter = Filter::new("kitchen/#")?;
/// assert_eq!(filter.filter().as_str(), "kitchen/#");
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Bytes", into = "Bytes"))]
pub struct Filter(Bytes);

impl Filter {
    /// Checks a topic filter and copies it.
    ///
    /// # Errors
    ///
    /// As [`TopicFilter::new`].
    pub fn new(filter: &str) -> Result<Filter, Violation> {
        TopicFilter::new(filter).map(Filter::from)
    }

    /// The filter, borrowed.
    #[must_use]
    pub fn filter(&self) -> TopicFilter<'_> {
        TopicFilter::trusted(&self.0)
    }
}

impl TryFrom<Bytes> for Filter {
    type Error = Violation;

    /// Checks a topic filter, and keeps its bytes.
    fn try_from(filter: Bytes) -> Result<Filter, Violation> {
        TopicFilter::from_bytes(&filter)?;
        Ok(Filter(filter))
    }
}

impl From<Filter> for Bytes {
    fn from(filter: Filter) -> Bytes {
        filter.0
    }
}

impl From<TopicFilter<'_>> for Filter {
    fn from(filter: TopicFilter<'_>) -> Filter {
        Filter(Bytes::copy_from_slice(filter.as_bytes()))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filter().fmt(f)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({:?})", self.filter().as_str())
    }
}

/// An application message, section 1.2: a payload with its topic, Quality of Service and RETAIN flag.
///
/// ```
/// use mqtt_sansio::{Message, QoS};
///
/// let mut message = Message::new("kitchen/temp", "20.5")?;
/// message.qos = QoS::AtLeastOnce;
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Message {
    /// What it is about.
    pub topic: Topic,
    /// The payload; it may be empty.
    pub payload: Bytes,
    /// At what Quality of Service it is sent, or was received.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// What it carries in 5.0. Before 5.0 a message is not sent with properties: a client refuses it, a broker
    /// leaves them out for subscribers of older versions.
    #[cfg_attr(feature = "serde", serde(default))]
    pub properties: MessageProperties,
    #[cfg_attr(feature = "serde", serde(skip))]
    origin: Origin,
}

/// What the server that has taken a message over knows of it; messages are equal without it.
#[derive(Clone, Default)]
struct Origin(Option<Box<Known>>);

#[derive(Clone, Default)]
struct Known {
    /// When its Message Expiry Interval is over.
    expires: Option<Instant>,
    /// What the server recognises by who has published it.
    publisher: Option<u64>,
}

impl PartialEq for Origin {
    fn eq(&self, _other: &Origin) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Message {
    /// A message at QoS 0, not retained.
    ///
    /// # Errors
    ///
    /// As [`TopicName::new`].
    pub fn new(topic: &str, payload: impl Into<Bytes>) -> Result<Message, Violation> {
        let topic = Topic::new(topic)?;
        Ok(Message {
            topic,
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: MessageProperties::EMPTY,
            origin: Origin::default(),
        })
    }

    /// The message as a server has taken it over now: its Message Expiry Interval, if it has one, begins.
    /// [`Session`](crate::Session) and [`Broker`](crate::Broker) do so with what they receive. (Section
    /// 3.3.2.3.3 of 5.0.)
    #[must_use]
    pub fn taken_over(mut self, now: Instant) -> Message {
        self.take_over(now);
        self
    }

    /// [`taken_over`](Message::taken_over), where it is.
    #[inline]
    pub(crate) fn take_over(&mut self, now: Instant) {
        self.origin = Origin::default();
        if let Some(seconds) = self.properties.message_expiry_interval() {
            let expires = now + Duration::from_secs(seconds.into());
            self.origin.0.get_or_insert_default().expires = Some(expires);
        }
    }

    /// Whether the payload is UTF-8 text where its Payload Format Indicator says so. (Section 3.3.2.3.2 of 5.0.)
    #[must_use]
    pub fn has_valid_format(&self) -> bool {
        !self.properties.is_text() || core::str::from_utf8(&self.payload).is_ok()
    }

    /// When its Message Expiry Interval is over; `None` where it has none, or was not
    /// [taken over](Message::taken_over).
    #[inline]
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        self.origin.0.as_ref()?.expires
    }

    /// Whether its Message Expiry Interval is over: it is not to be sent any more. [MQTT-3.3.2-5]
    #[inline]
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires().is_some_and(|expires| expires <= now)
    }

    /// What is left of its Message Expiry Interval, in seconds of which the last has begun, where that is
    /// counted. [MQTT-3.3.2-6]
    pub(crate) fn seconds_left(&self, now: Instant) -> Option<u32> {
        let left = self.expires()? - now;
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// What the server recognises by who has published it, where that was noted.
    pub(crate) fn publisher(&self) -> Option<u64> {
        self.origin.0.as_ref()?.publisher
    }

    pub(crate) fn set_publisher(&mut self, publisher: u64) {
        self.origin.0.get_or_insert_default().publisher = Some(publisher);
    }

    /// The PUBLISH that sends it.
    pub(crate) fn publish(&self, delivery: Delivery, retain: bool) -> Publish<'_> {
        Publish {
            retain,
            delivery,
            topic: self.topic.name(),
            properties: self.properties.properties(),
            payload: &self.payload,
        }
    }

    /// The message in a PUBLISH, with bytes of its own: topic and payload in one allocation.
    pub(crate) fn copied(publish: &Publish<'_>) -> Message {
        let topic = publish.topic.as_bytes();
        let mut bytes = BytesMut::with_capacity(topic.len() + publish.payload.len());
        bytes.put_slice(topic);
        bytes.put_slice(publish.payload);
        let mut bytes = bytes.freeze();
        let topic = Topic::trusted(bytes.split_to(topic.len()));
        Message::of(publish, topic, bytes)
    }

    /// The message in a PUBLISH that names its topic by an alias.
    pub(crate) fn with_topic(topic: Topic, publish: &Publish<'_>) -> Message {
        Message::of(publish, topic, Bytes::copy_from_slice(publish.payload))
    }

    /// The message in a PUBLISH, with that topic and payload.
    #[inline]
    pub(crate) fn of(publish: &Publish<'_>, topic: Topic, payload: Bytes) -> Message {
        Message {
            topic,
            payload,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties: MessageProperties::copied(&publish.properties),
            origin: Origin::default(),
        }
    }

    /// What a limit in bytes counts of it.
    pub(crate) fn size(&self) -> usize {
        self.topic.name().as_bytes().len() + self.payload.len() + self.properties.size()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("payload", &self.payload)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("properties", &self.properties)
            .finish()
    }
}
