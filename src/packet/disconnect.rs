//! DISCONNECT, section 3.14.

use core::fmt;

use super::ack::reason_and_properties;
use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{DecodeError, EncodeError, Field, Place, Properties, Sink, Violation, field};
use crate::reason::ReasonCode;
use crate::version::Version;

/// DISCONNECT, section 3.14: the sender is about to close the connection.
///
/// ```
/// use mqtt_sansio::{Disconnect, Packet, Properties, ReasonCode, Version};
///
/// let mut buffer = [0; 3];
/// let len = Packet::from(Disconnect::NORMAL).encode(Version::V5_0, &mut buffer)?;
/// assert_eq!(&buffer[..len], [0xE0, 0x00]);
///
/// let shutdown = Disconnect::new(ReasonCode::ServerShuttingDown);
/// Packet::from(shutdown).encode(Version::V5_0, &mut buffer)?;
/// assert_eq!(buffer, [0xE0, 0x01, 0x8B]);
/// # Ok::<(), mqtt_sansio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Disconnect<'a> {
    /// Why, section 3.14.2.1 of 5.0; before it, the normal disconnection.
    pub reason_code: ReasonCode,
    /// The properties, section 3.14.2.2 of 5.0; empty before it.
    pub properties: Properties<'a>,
}

impl Disconnect<'_> {
    /// The normal disconnection: all that 3.1 and 3.1.1 have.
    pub const NORMAL: Disconnect<'static> = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);

    /// A disconnection for that reason, without properties.
    #[must_use]
    pub const fn new(reason_code: ReasonCode) -> Self {
        Disconnect { reason_code, properties: Properties::EMPTY }
    }
}

impl Encode for Disconnect<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        only_in_v5(self.reason_code != ReasonCode::Success, Field::ReasonCode, version)?;
        if !self.reason_code.is_allowed_in(PacketType::Disconnect) {
            return Err(Violation::ReasonCodeNotListed.into()); // [MQTT-3.14.2-1]
        }
        match (self.properties.is_empty(), self.reason_code) {
            (true, ReasonCode::NORMAL_DISCONNECTION) => Ok(Lengths::EMPTY),
            (true, _) => Ok(Lengths::remaining(1)),
            (false, _) => {
                let place = Place::Packet(PacketType::Disconnect);
                Lengths::new(1, self.properties.encoded_len(place)?, version)
            }
        }
    }

    #[inline]
    fn write(&self, _version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::Disconnect.first_byte(), lengths.remaining)?;
        if lengths.remaining > 0 {
            out.u8(u8::from(self.reason_code))?;
        }
        if lengths.remaining > 1 {
            lengths.write_properties(&self.properties, out)?;
        }
        Some(())
    }
}

pub(super) fn decode<const V5: bool>(body: &[u8]) -> Result<Disconnect<'_>, DecodeError> {
    if body.is_empty() || !V5 {
        field::end(body)?;
        return Ok(Disconnect::NORMAL);
    }
    let (reason_code, properties) = reason_and_properties(body, PacketType::Disconnect)?;
    Ok(Disconnect { reason_code, properties })
}

impl fmt::Display for Disconnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason_code {
            ReasonCode::NORMAL_DISCONNECTION => Ok(()),
            code => write!(f, " ({code})"),
        }
    }
}
