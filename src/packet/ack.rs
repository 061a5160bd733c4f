//! PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7.

use core::fmt;

use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{DecodeError, EncodeError, Field, Place, Properties, Sink, Violation, field};
use crate::packet_id::PacketId;
use crate::reason::ReasonCode;
use crate::version::Version;

/// The one shape of PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7: a step in the delivery of a
/// QoS 1 or 2 PUBLISH.
///
/// Where the reason is success and there are no properties, all versions encode them alike: 5.0 leaves
/// out both then. Longer forms of that, which 5.0 allows too, are read but not written.
///
/// ```
/// use mqtt_sansio::{Ack, Packet, PacketId, Version};
///
/// let pubrel = Packet::PubRel(Ack::new(PacketId::new(10).unwrap()));
/// let mut buffer = [0; 4];
/// pubrel.encode(Version::V5_0, &mut buffer)?;
/// assert_eq!(buffer, [0x62, 0x02, 0x00, 0x0A]);
/// # Ok::<(), mqtt_sansio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ack<'a> {
    /// The identifier of the PUBLISH.
    pub packet_id: PacketId,
    /// The reason code, section 3.4.2.1 of 5.0; before it, success.
    pub reason_code: ReasonCode,
    /// The properties, section 3.4.2.2 of 5.0; empty before it.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// A success without properties.
    #[inline]
    #[must_use]
    pub const fn new(packet_id: PacketId) -> Ack<'a> {
        Ack { packet_id, reason_code: ReasonCode::Success, properties: Properties::EMPTY }
    }
}

/// One of the four packets of this shape.
pub(super) struct Typed<'a> {
    pub(super) packet_type: PacketType,
    pub(super) ack: &'a Ack<'a>,
}

impl Encode for Typed<'_> {
    #[inline(always)]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        if !self.is_rare() {
            return Ok(Lengths::remaining(2));
        }
        self.measure_long(version)
    }

    #[inline(always)]
    fn is_rare(&self) -> bool {
        self.ack.reason_code != ReasonCode::Success || !self.ack.properties.is_empty()
    }

    /// So little is done that a call would cost as much.
    #[inline(always)]
    fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if self.is_rare() {
            return self.encode_apart(version, out);
        }
        self.encode_here(version, out)
    }

    #[inline(always)]
    fn write(&self, _version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        if !self.is_rare() {
            let [high, low] = self.ack.packet_id.get().to_be_bytes();
            return out.array([self.packet_type.first_byte(), 2, high, low]);
        }
        self.write_long(lengths, out)
    }
}

impl Typed<'_> {
    fn measure_long(&self, version: Version) -> Result<Lengths, EncodeError> {
        let Ack { reason_code, properties, .. } = self.ack;
        only_in_v5(!properties.is_empty(), Field::Properties, version)?;
        only_in_v5(true, Field::ReasonCode, version)?;
        if !reason_code.is_allowed_in(self.packet_type) {
            return Err(Violation::ReasonCodeNotListed.into());
        }
        if properties.is_empty() {
            return Ok(Lengths::remaining(3));
        }
        let properties = properties.encoded_len(Place::Packet(self.packet_type))?;
        Lengths::new(3, properties, version)
    }

    fn write_long(&self, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        let Ack { packet_id, reason_code, properties } = self.ack;
        out.fixed_header(self.packet_type.first_byte(), lengths.remaining)?;
        out.u16(packet_id.get())?;
        out.u8(u8::from(*reason_code))?;
        if lengths.remaining > 3 {
            lengths.write_properties(properties, out)?;
        }
        Some(())
    }
}

#[inline(always)]
pub(super) fn decode<'a, const V5: bool>(
    body: &'a [u8],
    packet_type: PacketType,
) -> Result<Ack<'a>, DecodeError> {
    let (i, packet_id) = field::packet_id(body)?;
    if i.is_empty() {
        return Ok(Ack::new(packet_id));
    }
    if !V5 {
        return Err(DecodeError::new(Violation::TrailingBytes, i));
    }
    let (reason_code, properties) = reason_and_properties(i, packet_type)?;
    Ok(Ack { packet_id, reason_code, properties })
}

/// The end of acknowledgements and of DISCONNECT in 5.0: a reason code, and after it properties unless
/// the packet ends there. [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1]
pub(super) fn reason_and_properties(
    i: &[u8],
    packet_type: PacketType,
) -> Result<(ReasonCode, Properties<'_>), DecodeError> {
    let (rest, code) = field::u8(i)?;
    let Some(code) = ReasonCode::listed(code, packet_type) else {
        return Err(DecodeError::new(Violation::ReasonCodeNotListed, i));
    };
    if rest.is_empty() {
        return Ok((code, Properties::EMPTY));
    }
    let (rest, properties) = Properties::read(rest, Place::Packet(packet_type))?;
    field::end(rest)?;
    Ok((code, properties))
}

impl fmt::Display for Ack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (m{}", self.packet_id)?;
        if self.reason_code != ReasonCode::Success {
            write!(f, ", {}", self.reason_code)?;
        }
        f.write_str(")")
    }
}
