//! The values of properties: how each type is read, measured and written.

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use super::framing::{MAXIMUM_REMAINING_LENGTH, varint_len};
use super::read::{self, Parsed, Strings, fail};
use super::write::{self, Sink};
use crate::qos::QoS;
use crate::topic::TopicName;
use crate::violation::Violation;

/// What the payload is said to be, section 3.3.2.3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum PayloadFormat {
    /// 0: unspecified bytes.
    #[default]
    Bytes,
    /// 1: UTF-8 text. That it is, is not checked by the codec.
    Utf8,
}

/// The number that a client gave a subscription, section 3.8.2.1.2: 1 to 268,435,455.
///
/// ```
/// use mqtt_sansio::SubscriptionIdentifier;
///
/// assert_eq!(SubscriptionIdentifier::new(200).unwrap().get(), 200);
/// assert_eq!(SubscriptionIdentifier::new(0), None);
/// assert_eq!(SubscriptionIdentifier::new(268_435_456), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionIdentifier(NonZeroU32);

impl SubscriptionIdentifier {
    /// The highest identifier.
    pub const MAX: u32 = MAXIMUM_REMAINING_LENGTH;

    /// The identifier of that number, where it is one.
    #[inline]
    #[must_use]
    pub const fn new(number: u32) -> Option<SubscriptionIdentifier> {
        match NonZeroU32::new(number) {
            Some(number) if number.get() <= SubscriptionIdentifier::MAX => {
                Some(SubscriptionIdentifier(number))
            }
            _ => None,
        }
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for SubscriptionIdentifier {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let number = u.int_in_range(1..=SubscriptionIdentifier::MAX)?;
        SubscriptionIdentifier::new(number).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

impl fmt::Display for SubscriptionIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number that stands for a topic name on one connection, section 3.3.2.3.4: 1 to 65,535.
///
/// ```
/// use mqtt_sansio::TopicAlias;
///
/// assert_eq!(TopicAlias::new(10).unwrap().get(), 10);
/// assert_eq!(TopicAlias::new(0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct TopicAlias(NonZeroU16);

impl TopicAlias {
    /// The alias of that number; `None` for 0. [MQTT-3.3.2-8]
    #[inline]
    #[must_use]
    pub const fn new(number: u16) -> Option<TopicAlias> {
        match NonZeroU16::new(number) {
            Some(number) => Some(TopicAlias(number)),
            None => None,
        }
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for TopicAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name and a value of the application's own, section 2.2.2.2; a name may come more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct UserProperty<'a> {
    /// The name.
    pub name: &'a str,
    /// The value.
    pub value: &'a str,
}

/// A type that property values have on the wire, with the bounds that the property table states.
pub(crate) trait Value<'a>: Sized {
    fn read(strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, Self>;
    /// The bytes it takes, where it may be sent.
    fn encoded_len(&self) -> Result<usize, Violation>;
    /// Writes the identifier and the value.
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()>;
}

impl<'a> Value<'a> for bool {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, bool> {
        match read::u8(i)? {
            (rest, 0) => Ok((rest, false)),
            (rest, 1) => Ok((rest, true)),
            _ => Err(fail(Violation::PropertyValue, i)),
        }
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(1)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        out.array([id, u8::from(*self)])
    }
}

impl<'a> Value<'a> for PayloadFormat {
    #[inline(always)]
    fn read(strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, PayloadFormat> {
        let (i, utf8) = bool::read(strings, i)?;
        Ok((i, if utf8 { PayloadFormat::Utf8 } else { PayloadFormat::Bytes }))
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(1)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        out.array([id, u8::from(*self == PayloadFormat::Utf8)])
    }
}

/// The maximum QoS of a server: 0 or 1, as the absence of the property says 2.
impl<'a> Value<'a> for QoS {
    #[inline(always)]
    fn read(strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, QoS> {
        let (i, one) = bool::read(strings, i)?;
        Ok((i, if one { QoS::AtLeastOnce } else { QoS::AtMostOnce }))
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        if *self == QoS::ExactlyOnce { Err(Violation::PropertyValue) } else { Ok(1) }
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        out.array([id, u8::from(*self)])
    }
}

impl<'a> Value<'a> for u16 {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, u16> {
        read::u16(i)
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(2)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        let [b0, b1] = self.to_be_bytes();
        out.array([id, b0, b1])
    }
}

impl<'a> Value<'a> for NonZeroU16 {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, NonZeroU16> {
        let (rest, value) = read::u16(i)?;
        match NonZeroU16::new(value) {
            Some(value) => Ok((rest, value)),
            None => Err(fail(Violation::PropertyValue, i)),
        }
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(2)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        self.get().write(id, out)
    }
}

impl<'a> Value<'a> for TopicAlias {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, TopicAlias> {
        let (rest, number) = read::u16(i)?;
        match TopicAlias::new(number) {
            Some(alias) => Ok((rest, alias)),
            None => Err(fail(Violation::TopicAliasZero, i)), // [MQTT-3.3.2-8]
        }
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(2)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        self.get().write(id, out)
    }
}

impl<'a> Value<'a> for u32 {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, u32> {
        read::u32(i)
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(4)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        let [b0, b1, b2, b3] = self.to_be_bytes();
        out.array([id, b0, b1, b2, b3])
    }
}

impl<'a> Value<'a> for NonZeroU32 {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, NonZeroU32> {
        let (rest, value) = read::u32(i)?;
        match NonZeroU32::new(value) {
            Some(value) => Ok((rest, value)),
            None => Err(fail(Violation::PropertyValue, i)),
        }
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(4)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        self.get().write(id, out)
    }
}

impl<'a> Value<'a> for SubscriptionIdentifier {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, SubscriptionIdentifier> {
        let (rest, number) = read::varint(i)?;
        match SubscriptionIdentifier::new(number) {
            Some(identifier) => Ok((rest, identifier)),
            None => Err(fail(Violation::PropertyValue, i)),
        }
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(varint_len(self.get() as usize))
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        out.u8(id)?;
        out.varint(self.get() as usize)
    }
}

impl<'a> Value<'a> for &'a str {
    #[inline(always)]
    fn read(strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, &'a str> {
        strings.string(i)
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        write::string_len(self)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        self.as_bytes().write(id, out)
    }
}

impl<'a> Value<'a> for TopicName<'a> {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, TopicName<'a>> {
        read::topic_name(i)
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        if self.is_empty() {
            return Err(Violation::EmptyTopicName);
        }
        Ok(2 + self.as_bytes().len())
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        self.as_bytes().write(id, out)
    }
}

impl<'a> Value<'a> for &'a [u8] {
    #[inline(always)]
    fn read(_strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, &'a [u8]> {
        read::binary(i)
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        write::binary_len(self)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        let [.., high, low] = self.len().to_be_bytes();
        out.joined([id, high, low], self)
    }
}

impl<'a> Value<'a> for UserProperty<'a> {
    #[inline(always)]
    fn read(strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, UserProperty<'a>> {
        let (i, name) = strings.string(i)?;
        let (i, value) = strings.string(i)?;
        Ok((i, UserProperty { name, value }))
    }

    #[inline(always)]
    fn encoded_len(&self) -> Result<usize, Violation> {
        Ok(write::string_len(self.name)? + write::string_len(self.value)?)
    }

    #[inline(always)]
    fn write<S: Sink>(&self, id: u8, out: &mut S) -> Option<()> {
        self.name.write(id, out)?;
        out.binary(self.value.as_bytes())
    }
}
