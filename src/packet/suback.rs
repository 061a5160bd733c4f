//! SUBACK, section 3.9.

use core::fmt;

use super::{Encode, Lengths, PacketType, not_in_version, only_in_v5};
use crate::codec::{
    DecodeError, EncodeError, Field, Item, List, Place, Properties, Sink, Violation, Wire, field,
    sealed,
};
use crate::packet_id::PacketId;
use crate::reason::ReasonCode;
use crate::version::Version;

/// SUBACK, section 3.9: the server's answer to SUBSCRIBE.
///
/// ```
/// use mqtt_sansio::{Packet, PacketId, QoS, ReasonCode, SubAck, Version};
///
/// let codes = [ReasonCode::granted(QoS::AtLeastOnce), ReasonCode::UnspecifiedError];
/// let suback = Packet::from(SubAck::new(PacketId::new(11).unwrap(), &codes));
/// let mut buffer = [0; 6];
/// suback.encode(Version::V3_1_1, &mut buffer)?;
/// assert_eq!(buffer, [0x90, 0x04, 0x00, 0x0B, 0x01, 0x80]);
/// # Ok::<(), mqtt_sansio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SubAck<'a> {
    /// The identifier of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// The properties, section 3.9.2.1 of 5.0; empty before it.
    pub properties: Properties<'a>,
    /// For each topic filter, in order, the QoS granted or why it is refused, section 3.9.3.
    pub reason_codes: List<'a, ReasonCode>,
}

impl sealed::Sealed for ReasonCode {}

/// Validated bytes of reason codes.
impl<'a> Item<'a> for ReasonCode {
    #[inline]
    fn next(wire: &mut Wire<'a>) -> Option<Self> {
        let (&code, rest) = wire.rest.split_first()?;
        // In SUBACK and UNSUBACK alike: the codes were found to be listed.
        let code = match wire.version {
            Version::V5_0 => ReasonCode::try_from(code).ok()?,
            version => ReasonCode::from_suback_code(code, version)?,
        };
        wire.rest = rest;
        Some(code)
    }
}

impl<'a> SubAck<'a> {
    /// An answer without properties.
    #[must_use]
    pub const fn new(packet_id: PacketId, reason_codes: &'a [ReasonCode]) -> SubAck<'a> {
        SubAck { packet_id, properties: Properties::EMPTY, reason_codes: List::new(reason_codes) }
    }
}

impl Encode for SubAck<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        let mut fields = 2;
        for code in self.reason_codes {
            if !code.is_allowed_in(PacketType::SubAck) {
                return Err(Violation::ReasonCodeNotListed.into()); // [MQTT-3.9.3-2]
            }
            // A client of 3.1 would take the two low bits of a failure for the QoS granted.
            let misread = version == Version::V3_1 && code.is_error();
            if misread || ReasonCode::from_suback_code(u8::from(code), version).is_none() {
                return Err(not_in_version(Field::ReasonCode, version));
            }
            fields += 1;
        }
        if fields == 2 {
            return Err(Violation::NoReasonCodes.into());
        }
        let properties = self.properties.encoded_len(Place::Packet(PacketType::SubAck))?;
        Lengths::new(fields, properties, version)
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::SubAck.first_byte(), lengths.remaining)?;
        out.u16(self.packet_id.get())?;
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        self.reason_codes.iter().try_for_each(|code| out.u8(u8::from(code)))
    }
}

pub(super) fn decode<const V5: bool>(
    body: &[u8],
    version: Version,
) -> Result<SubAck<'_>, DecodeError> {
    let (i, packet_id) = field::packet_id(body)?;
    let (codes, properties) = if V5 {
        Properties::read(i, Place::Packet(PacketType::SubAck))?
    } else {
        (i, Properties::EMPTY)
    };
    let reason_codes =
        reason_codes(codes, version, |code| ReasonCode::from_suback_code(code, version))?;
    Ok(SubAck { packet_id, properties, reason_codes })
}

/// One reason code for each topic filter, all of which `known` must know.
pub(super) fn reason_codes(
    codes: &[u8],
    version: Version,
    known: impl Fn(u8) -> Option<ReasonCode>,
) -> Result<List<'_, ReasonCode>, DecodeError> {
    if codes.is_empty() {
        return Err(DecodeError::new(Violation::NoReasonCodes, codes));
    }
    match codes.iter().position(|code| known(*code).is_none()) {
        None => Ok(List::from_wire(codes, version)),
        Some(unknown) => {
            let at = codes.get(unknown..).unwrap_or_default();
            Err(DecodeError::new(Violation::ReasonCodeNotListed, at))
        }
    }
}

impl fmt::Display for SubAck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (m{}", self.packet_id)?;
        for code in self.reason_codes {
            match code.granted_qos() {
                Some(qos) => write!(f, ", q{qos}")?,
                None => write!(f, ", {code}")?,
            }
        }
        f.write_str(")")
    }
}
