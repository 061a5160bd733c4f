//! Packet identifiers.

use core::fmt;
use core::num::NonZeroU16;

/// A packet identifier, section 2.3.1 (5.0: 2.2.1): 1 to 65,535, never 0.
///
/// ```
/// use mqtt_sansio::PacketId;
///
/// let id = PacketId::new(7).unwrap();
/// assert_eq!(id.get(), 7);
/// assert_eq!(PacketId::new(0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The lowest identifier, 1.
    pub const MIN: PacketId = PacketId(NonZeroU16::MIN);
    /// The highest identifier, 65,535.
    pub const MAX: PacketId = PacketId(NonZeroU16::MAX);

    /// The identifier of that number; `None` for 0.
    #[inline]
    #[must_use]
    pub const fn new(id: u16) -> Option<PacketId> {
        match NonZeroU16::new(id) {
            Some(id) => Some(PacketId(id)),
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

impl From<NonZeroU16> for PacketId {
    #[inline]
    fn from(id: NonZeroU16) -> Self {
        PacketId(id)
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
