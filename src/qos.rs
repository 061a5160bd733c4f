//! Quality of Service.

use core::fmt;

/// A Quality of Service level, section 4.3. Ordered: [`AtMostOnce`](QoS::AtMostOnce) is the lowest.
///
/// ```
/// use mqtt_sansio::QoS;
///
/// assert_eq!(QoS::try_from(1), Ok(QoS::AtLeastOnce));
/// assert!(QoS::try_from(3).is_err());
/// // What a subscription receives is the lower of what was published and what was granted.
/// assert_eq!(QoS::ExactlyOnce.min(QoS::AtMostOnce), QoS::AtMostOnce);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: sent once, not acknowledged, may be lost.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: repeated until acknowledged, may arrive more than once.
    AtLeastOnce = 1,
    /// QoS 2: arrives exactly once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level of the two low bits of `bits`, where they are not 3.
    #[inline]
    pub(crate) const fn from_bits(bits: u8) -> Option<QoS> {
        match bits & 0b11 {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }
}

impl From<QoS> for u8 {
    #[inline]
    fn from(qos: QoS) -> u8 {
        qos as u8
    }
}

impl TryFrom<u8> for QoS {
    type Error = InvalidQoS;

    fn try_from(value: u8) -> Result<QoS, InvalidQoS> {
        match value {
            0..=2 => QoS::from_bits(value).ok_or(InvalidQoS),
            _ => Err(InvalidQoS),
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&u8::from(*self), f)
    }
}

/// The number is not a Quality of Service level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Quality of Service level: expected 0, 1 or 2")]
pub struct InvalidQoS;
