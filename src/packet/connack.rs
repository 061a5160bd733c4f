//! CONNACK, section 3.2.

use core::fmt;

use super::{Encode, Lengths, PacketType, not_in_version, only_in_v5};
use crate::codec::{DecodeError, EncodeError, Field, Place, Properties, Sink, Violation, field};
use crate::reason::ReasonCode;
use crate::version::Version;

/// CONNACK, section 3.2: the server's answer to CONNECT.
///
/// The return codes of 3.1 and 3.1.1 are the reason codes of 5.0 with the same meaning:
///
/// ```
/// use mqtt_sansio::{ConnAck, Frame, Packet, ReasonCode, Version};
///
/// let (frame, _) = Frame::parse(&[0x20, 0x02, 0x00, 0x05], 1024)?.expect("a whole packet");
/// let refused = ConnAck::refused(ReasonCode::NotAuthorized);
/// assert_eq!(Packet::decode(frame, Version::V3_1_1)?, Packet::from(refused));
/// # Ok::<(), mqtt_sansio::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ConnAck<'a> {
    /// Whether the server goes on with an earlier session, section 3.2.2.2; 3.1 cannot say so.
    pub session_present: bool,
    /// Whether the connection is accepted, and if not, why, section 3.2.2.3.
    pub reason_code: ReasonCode,
    /// The properties, section 3.2.2.3 of 5.0; empty before it.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    /// The connection is accepted.
    #[must_use]
    pub const fn accepted(session_present: bool) -> ConnAck<'a> {
        ConnAck { session_present, reason_code: ReasonCode::Success, properties: Properties::EMPTY }
    }

    /// The connection is refused.
    #[must_use]
    pub const fn refused(reason_code: ReasonCode) -> ConnAck<'a> {
        ConnAck { session_present: false, reason_code, properties: Properties::EMPTY }
    }
}

impl Encode for ConnAck<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        if version == Version::V3_1 && self.session_present {
            return Err(not_in_version(Field::SessionPresent, version));
        }
        if self.reason_code.connack_code(version).is_none() {
            return Err(if self.reason_code.is_allowed_in(PacketType::ConnAck) {
                not_in_version(Field::ReasonCode, version)
            } else {
                Violation::ReasonCodeNotListed.into()
            });
        }
        if self.session_present && self.reason_code != ReasonCode::Success {
            return Err(Violation::SessionPresentOnRefusal.into()); // [MQTT-3.2.2-4] [MQTT-3.2.2-6]
        }
        let properties = self.properties.encoded_len(Place::Packet(PacketType::ConnAck))?;
        Lengths::new(2, properties, version)
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::ConnAck.first_byte(), lengths.remaining)?;
        let code = self.reason_code.connack_code(version)?;
        out.array([u8::from(self.session_present), code])?;
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        Some(())
    }
}

pub(super) fn decode<const V5: bool>(
    body: &[u8],
    version: Version,
) -> Result<ConnAck<'_>, DecodeError> {
    let (i, flags) = field::u8(body)?;
    // In 3.1 the whole byte is reserved and not used.
    let flags = if version == Version::V3_1 { 0 } else { flags };
    if flags > 1 {
        return Err(DecodeError::new(Violation::ReservedAcknowledgeFlags, body)); // [MQTT-3.2.2-1]
    }
    let (rest, code) = field::u8(i)?;
    let (rest, properties) = if V5 {
        Properties::read(rest, Place::Packet(PacketType::ConnAck))?
    } else {
        (rest, Properties::EMPTY)
    };
    field::end(rest)?;
    let Some(reason_code) = ReasonCode::from_connack_code(code, version) else {
        return Err(DecodeError::new(Violation::ReasonCodeNotListed, i)); // [MQTT-3.2.2-8]
    };
    let session_present = flags != 0;
    if session_present && reason_code != ReasonCode::Success {
        return Err(DecodeError::new(Violation::SessionPresentOnRefusal, body)); // [MQTT-3.2.2-4]
    }
    Ok(ConnAck { session_present, reason_code, properties })
}

impl fmt::Display for ConnAck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (s{}, {})", u8::from(self.session_present), self.reason_code)
    }
}
