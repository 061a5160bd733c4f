//! UNSUBACK, section 3.11.

use core::fmt;

use super::suback::reason_codes;
use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{
    DecodeError, EncodeError, Field, List, Place, Properties, Sink, Violation, field,
};
use crate::packet_id::PacketId;
use crate::reason::ReasonCode;
use crate::version::Version;

/// UNSUBACK, section 3.11: the server's answer to UNSUBSCRIBE.
///
/// ```
/// use mqtt_sansio::{Packet, PacketId, ReasonCode, UnsubAck, Version};
///
/// let id = PacketId::new(12).unwrap();
/// let mut buffer = [0; 6];
/// let len = Packet::from(UnsubAck::new(id, &[])).encode(Version::V3_1_1, &mut buffer)?;
/// assert_eq!(&buffer[..len], [0xB0, 0x02, 0x00, 0x0C]);
///
/// let codes = [ReasonCode::NoSubscriptionExisted];
/// Packet::from(UnsubAck::new(id, &codes)).encode(Version::V5_0, &mut buffer)?;
/// assert_eq!(buffer, [0xB0, 0x04, 0x00, 0x0C, 0x00, 0x11]);
/// # Ok::<(), mqtt_sansio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct UnsubAck<'a> {
    /// The identifier of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// The properties, section 3.11.2.1 of 5.0; empty before it.
    pub properties: Properties<'a>,
    /// For each topic filter, in order, what became of it, section 3.11.3 of 5.0; empty before it.
    pub reason_codes: List<'a, ReasonCode>,
}

impl<'a> UnsubAck<'a> {
    /// An answer without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, reason_codes: &'a [ReasonCode]) -> UnsubAck<'a> {
        UnsubAck { packet_id, properties: Properties::EMPTY, reason_codes: List::new(reason_codes) }
    }
}

impl Encode for UnsubAck<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        let v5 = version.has_properties();
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        only_in_v5(!self.reason_codes.is_empty(), Field::ReasonCode, version)?;
        let mut fields = 2;
        for code in self.reason_codes {
            if !code.is_allowed_in(PacketType::UnsubAck) {
                return Err(Violation::ReasonCodeNotListed.into()); // [MQTT-3.11.3-2]
            }
            fields += 1;
        }
        if v5 && fields == 2 {
            return Err(Violation::NoReasonCodes.into());
        }
        let properties = self.properties.encoded_len(Place::Packet(PacketType::UnsubAck))?;
        Lengths::new(fields, properties, version)
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::UnsubAck.first_byte(), lengths.remaining)?;
        out.u16(self.packet_id.get())?;
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        self.reason_codes.iter().try_for_each(|code| out.u8(u8::from(code)))
    }
}

pub(super) fn decode<const V5: bool>(body: &[u8]) -> Result<UnsubAck<'_>, DecodeError> {
    let (i, packet_id) = field::packet_id(body)?;
    if !V5 {
        field::end(i)?;
        return Ok(UnsubAck::new(packet_id, &[]));
    }
    let (codes, properties) = Properties::read(i, Place::Packet(PacketType::UnsubAck))?;
    let reason_codes =
        reason_codes(codes, Version::V5_0, |code| ReasonCode::listed(code, PacketType::UnsubAck))?;
    Ok(UnsubAck { packet_id, properties, reason_codes })
}

impl fmt::Display for UnsubAck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (m{}", self.packet_id)?;
        for code in self.reason_codes {
            write!(f, ", {code}")?;
        }
        f.write_str(")")
    }
}
