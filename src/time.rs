//! Points in time, as the driver counts them.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: how long after an epoch that the driver picks and keeps to. The crate reads no clock;
/// it compares and adds.
///
/// ```
/// use core::time::Duration;
/// use mqtt_sansio::Instant;
///
/// let start = Instant::from_millis(0);
/// let later = start + Duration::from_secs(60);
/// assert_eq!(later - start, Duration::from_secs(60));
/// // There is no time before another: differences stop at zero, sums at the end of time.
/// assert_eq!(start - later, Duration::ZERO);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The point that long after the epoch.
    #[must_use]
    pub const fn from_epoch(since_epoch: Duration) -> Instant {
        Instant(since_epoch)
    }

    /// The point that many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(since_epoch: u64) -> Instant {
        Instant(Duration::from_millis(since_epoch))
    }

    /// How long after the epoch it is.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(duration))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", self.0)
    }
}
