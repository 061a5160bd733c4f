//! The three protocol versions.

use core::fmt;

/// A version of the MQTT protocol.
///
/// Apart from [`Connect`](crate::Connect), which carries its own, no packet says which version it
/// belongs to, so decoding and encoding take the version as an argument.
///
/// ```
/// use mqtt_sansio::Version;
///
/// assert_eq!(Version::V3_1_1.level(), 4);
/// assert_eq!(Version::V5_0.to_string(), "5.0");
/// assert_eq!("3.1".parse(), Ok(Version::V3_1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Version {
    /// MQTT 3.1 (IBM and Eurotech, 2010): protocol name `MQIsdp`, level 3.
    V3_1,
    /// MQTT 3.1.1 (OASIS, 2014): protocol name `MQTT`, level 4.
    V3_1_1,
    /// MQTT 5.0 (OASIS, 2019): protocol name `MQTT`, level 5.
    V5_0,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];

    /// The protocol level (5.0: protocol version) byte of CONNECT, section 3.1.2.2.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Version::V3_1 => 3,
            Version::V3_1_1 => 4,
            Version::V5_0 => 5,
        }
    }

    /// The protocol name of CONNECT, section 3.1.2.1.
    #[must_use]
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Version::V3_1 => "MQIsdp",
            Version::V3_1_1 | Version::V5_0 => "MQTT",
        }
    }

    /// Whether packets of this version carry properties and reason codes (5.0 and later).
    #[must_use]
    pub const fn has_properties(self) -> bool {
        matches!(self, Version::V5_0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Version::V3_1 => "3.1",
            Version::V3_1_1 => "3.1.1",
            Version::V5_0 => "5.0",
        })
    }
}

impl core::str::FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(s: &str) -> Result<Self, UnknownVersion> {
        match s {
            "3.1" => Ok(Version::V3_1),
            "3.1.1" => Ok(Version::V3_1_1),
            "5.0" => Ok(Version::V5_0),
            _ => Err(UnknownVersion),
        }
    }
}

/// The text does not name a version this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown MQTT version: expected 3.1, 3.1.1 or 5.0")]
pub struct UnknownVersion;
