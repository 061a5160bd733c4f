//! AUTH, section 3.15 of 5.0.

use core::fmt;

use super::{Encode, Lengths, PacketType, only_in_v5};
use crate::codec::{DecodeError, EncodeError, Field, Place, Properties, Sink, Violation, field};
use crate::reason::ReasonCode;
use crate::version::Version;

/// AUTH, section 3.15 of 5.0: a step of enhanced authentication. Its properties must name the
/// authentication method.
///
/// ```
/// use mqtt_sansio::{Auth, Packet, Property, ReasonCode, Version};
///
/// let properties = [Property::AuthenticationMethod("M")];
/// let auth = Auth::new(ReasonCode::ContinueAuthentication, &properties);
/// let mut buffer = [0; 8];
/// Packet::from(auth).encode(Version::V5_0, &mut buffer)?;
/// assert_eq!(buffer, [0xF0, 0x06, 0x18, 0x04, 0x15, 0x00, 0x01, b'M']);
/// # Ok::<(), mqtt_sansio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Auth<'a> {
    /// What is being asked for, section 3.15.2.1.
    pub reason_code: ReasonCode,
    /// The properties, section 3.15.2.2.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    /// A step with those properties.
    #[must_use]
    pub const fn new(reason_code: ReasonCode, properties: &'a [crate::Property<'a>]) -> Auth<'a> {
        Auth { reason_code, properties: Properties::new(properties) }
    }
}

impl Encode for Auth<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        only_in_v5(true, Field::Auth, version)?;
        if !self.reason_code.is_allowed_in(PacketType::Auth) {
            return Err(Violation::ReasonCodeNotListed.into()); // [MQTT-3.15.2-1]
        }
        Lengths::new(1, self.properties.encoded_len(Place::Packet(PacketType::Auth))?, version)
    }

    #[inline]
    fn write(&self, _version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::Auth.first_byte(), lengths.remaining)?;
        out.u8(u8::from(self.reason_code))?;
        lengths.write_properties(&self.properties, out)
    }
}

pub(super) fn decode(body: &[u8]) -> Result<Auth<'_>, DecodeError> {
    // Empty, it would mean success; but then the mandatory method is missing, section 3.15.2.2.2.
    if body.is_empty() {
        return Err(DecodeError::new(Violation::AuthenticationMethodMissing, body));
    }
    let (rest, code) = field::u8(body)?;
    let Some(reason_code) = ReasonCode::listed(code, PacketType::Auth) else {
        return Err(DecodeError::new(Violation::ReasonCodeNotListed, body)); // [MQTT-3.15.2-1]
    };
    let (rest, properties) = Properties::read(rest, Place::Packet(PacketType::Auth))?;
    field::end(rest)?;
    Ok(Auth { reason_code, properties })
}

impl fmt::Display for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " ({})", self.reason_code)
    }
}
