//! CONNECT, section 3.1.

use core::fmt;

use super::{Encode, Lengths, PacketType, not_in_version, only_in_v5};
use crate::codec::{
    DecodeError, EncodeError, Field, Frame, Parsed, Place, Properties, Sink, Strings, Violation,
    fail, field, varint_len,
};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::topic::TopicName;
use crate::version::Version;

// The connect flags, section 3.1.2.3.
const USER_NAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_QOS_SHIFT: u32 = 3;
const WILL: u8 = 0b0000_0100;
const CLEAN_START: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

/// CONNECT, section 3.1: a client asks for a connection.
///
/// ```
/// use mqtt_sansio::{Connect, Packet, Version};
///
/// let connect = Packet::from(Connect {
///     keep_alive: 5,
///     ..Connect::new(Version::V3_1_1, "PythonPub")
/// });
/// let mut buffer = [0; 23];
/// connect.encode(Version::V3_1_1, &mut buffer)?;
/// assert_eq!(&buffer, b"\x10\x15\x00\x04MQTT\x04\x02\x00\x05\x00\x09PythonPub");
/// assert_eq!(connect.to_string(), "CONNECT (v3.1.1, c1, k5, 'PythonPub')");
/// # Ok::<(), mqtt_sansio::EncodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Connect<'a> {
    /// The version that the client speaks, sections 3.1.2.1 and 3.1.2.2.
    pub version: Version,
    /// Clean session (5.0: clean start), section 3.1.2.4: whether an earlier session is discarded.
    pub clean_start: bool,
    /// Keep alive in seconds, section 3.1.2.10; 0: none.
    pub keep_alive: u16,
    /// The properties, section 3.1.2.11 of 5.0; empty before it.
    pub properties: Properties<'a>,
    /// The client identifier, section 3.1.3.1; it may be empty where the server chooses one.
    pub client_id: &'a str,
    /// What the server publishes when the connection ends without DISCONNECT, section 3.1.2.5.
    pub will: Option<Will<'a>>,
    /// The user name, section 3.1.3.4.
    pub user_name: Option<&'a str>,
    /// The password, section 3.1.3.5; before 5.0 only beside a user name.
    pub password: Option<&'a [u8]>,
}

/// The will of a CONNECT, section 3.1.2.5: a message that the server publishes for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Will<'a> {
    /// What it is published under, section 3.1.3.2.
    pub topic: TopicName<'a>,
    /// The message, section 3.1.3.3; it may be empty.
    pub payload: &'a [u8],
    /// At what QoS it is published, section 3.1.2.6.
    pub qos: QoS,
    /// Whether it is published as a retained message, section 3.1.2.7.
    pub retain: bool,
    /// The will properties, section 3.1.3.2 of 5.0; empty before it.
    pub properties: Properties<'a>,
}

impl<'a> Will<'a> {
    /// A will at QoS 0, not retained, without properties.
    #[must_use]
    pub const fn new(topic: TopicName<'a>, payload: &'a [u8]) -> Will<'a> {
        Will { topic, payload, qos: QoS::AtMostOnce, retain: false, properties: Properties::EMPTY }
    }
}

impl<'a> Connect<'a> {
    /// A clean start with that client identifier: no keep alive, will, credentials or properties.
    #[must_use]
    pub const fn new(version: Version, client_id: &'a str) -> Connect<'a> {
        Connect {
            version,
            clean_start: true,
            keep_alive: 0,
            properties: Properties::EMPTY,
            client_id,
            will: None,
            user_name: None,
            password: None,
        }
    }

    /// The code with which a server turns this well-formed CONNECT down for its client identifier alone:
    /// in 3.1 one that is not 1 to 23 characters long, in 3.1.1 an empty one without clean session.
    /// [MQTT-3.1.3-7] [MQTT-3.1.3-8]
    ///
    /// Servers in practice accept more than 23 characters in 3.1.
    ///
    /// ```
    /// use mqtt_sansio::{Connect, ReasonCode, Version};
    ///
    /// let connect = Connect { clean_start: false, ..Connect::new(Version::V3_1_1, "") };
    /// assert_eq!(connect.refusal(), Some(ReasonCode::ClientIdentifierNotValid));
    /// ```
    #[must_use]
    pub fn refusal(&self) -> Option<ReasonCode> {
        let valid = match self.version {
            Version::V3_1 => (1..=23).contains(&self.client_id.chars().count()),
            Version::V3_1_1 => self.clean_start || !self.client_id.is_empty(),
            Version::V5_0 => true,
        };
        if valid { None } else { Some(ReasonCode::ClientIdentifierNotValid) }
    }

    #[inline]
    fn flags(&self) -> u8 {
        let will = self.will.as_ref().map_or(0, |will| {
            let retain = if will.retain { WILL_RETAIN } else { 0 };
            WILL | u8::from(will.qos) << WILL_QOS_SHIFT | retain
        });
        let user_name = if self.user_name.is_some() { USER_NAME } else { 0 };
        let password = if self.password.is_some() { PASSWORD } else { 0 };
        let clean_start = if self.clean_start { CLEAN_START } else { 0 };
        user_name | password | will | clean_start
    }
}

impl Will<'_> {
    /// The bytes of its fields, and of its properties without their length.
    #[inline]
    fn measure(&self, version: Version) -> Result<(usize, usize), EncodeError> {
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        if self.topic.is_empty() {
            return Err(Violation::EmptyTopicName.into());
        }
        let fields = field::binary_len(self.topic.as_bytes())? + field::binary_len(self.payload)?;
        if !version.has_properties() {
            return Ok((fields, 0));
        }
        let properties = self.properties.encoded_len(Place::Will)?;
        let with_properties =
            fields.saturating_add(varint_len(properties)).saturating_add(properties);
        Ok((with_properties, properties))
    }
}

impl Encode for Connect<'_> {
    #[inline]
    fn measure(&self, version: Version) -> Result<Lengths, EncodeError> {
        if version != self.version {
            return Err(not_in_version(Field::Connect, version));
        }
        let v5 = version.has_properties();
        only_in_v5(!self.properties.is_empty(), Field::Properties, version)?;
        if !v5 && self.password.is_some() && self.user_name.is_none() {
            return Err(Violation::PasswordWithoutUserName.into()); // [MQTT-3.1.2-22]
        }
        let properties = self.properties.encoded_len(Place::Packet(PacketType::Connect))?;
        let name_level_flags_keep_alive = 2 + version.protocol_name().len() + 4;
        let mut fields = name_level_flags_keep_alive + field::string_len(self.client_id)?;
        let mut will_properties = 0;
        if let Some(will) = &self.will {
            let (will_fields, len) = will.measure(version)?;
            fields = fields.saturating_add(will_fields);
            will_properties = len;
        }
        if let Some(user_name) = self.user_name {
            fields = fields.saturating_add(field::string_len(user_name)?);
        }
        if let Some(password) = self.password {
            fields = fields.saturating_add(field::binary_len(password)?);
        }
        let lengths = Lengths::new(fields, properties, version)?;
        Ok(Lengths { will_properties, ..lengths })
    }

    #[inline]
    fn write(&self, version: Version, lengths: Lengths, out: &mut impl Sink) -> Option<()> {
        out.fixed_header(PacketType::Connect.first_byte(), lengths.remaining)?;
        let [high, low] = self.keep_alive.to_be_bytes();
        let (level, flags) = (self.version.level(), self.flags());
        match self.version {
            Version::V3_1 => out.array(*b"\x00\x06MQIsdp")?,
            Version::V3_1_1 | Version::V5_0 => out.array(*b"\x00\x04MQTT")?,
        }
        out.array([level, flags, high, low])?;
        if version.has_properties() {
            lengths.write_properties(&self.properties, out)?;
        }
        out.binary(self.client_id.as_bytes())?;
        if let Some(will) = &self.will {
            if version.has_properties() {
                out.varint(lengths.will_properties)?;
                will.properties.write(out)?;
            }
            out.binary(will.topic.as_bytes())?;
            out.binary(will.payload)?;
        }
        if let Some(user_name) = self.user_name {
            out.binary(user_name.as_bytes())?;
        }
        if let Some(password) = self.password {
            out.binary(password)?;
        }
        Some(())
    }
}

#[inline(always)]
pub(super) fn decode(frame: Frame<'_>) -> Result<Connect<'_>, DecodeError> {
    let (i, version) = protocol(frame.body())?;
    check_header(frame, version)?;
    let (after_flags, flags) = field::u8(i)?;
    if let Err(violation) = check_flags(flags, version) {
        return Err(DecodeError::new(violation, i));
    }
    let (i, keep_alive) = field::u16(after_flags)?;
    let (i, properties) = if version.has_properties() {
        Properties::read(i, Place::Packet(PacketType::Connect))?
    } else {
        (i, Properties::EMPTY)
    };
    // [MQTT-3.1.3-1]: the payload's fields in this order.
    let strings = Strings::new(i);
    let (i, client_id) = strings.string(i)?;
    let (i, will) = if flags & WILL != 0 {
        let (i, will) = will(flags, version, i)?;
        (i, Some(will))
    } else {
        (i, None)
    };
    // In 3.1 a flag may be set for a field that the packet ends before.
    let absent = |i: &[u8]| version == Version::V3_1 && i.is_empty();
    let (i, user_name) = if flags & USER_NAME != 0 && !absent(i) {
        let (i, user_name) = strings.string(i)?;
        (i, Some(user_name))
    } else {
        (i, None)
    };
    let (i, password) = if flags & PASSWORD != 0 && !absent(i) {
        let (i, password) = field::binary(i)?;
        (i, Some(password))
    } else {
        (i, None)
    };
    field::end(i)?;
    Ok(Connect {
        version,
        clean_start: flags & CLEAN_START != 0,
        keep_alive,
        properties,
        client_id,
        will,
        user_name,
        password,
    })
}

/// Protocol name and level, sections 3.1.2.1 and 3.1.2.2.
#[inline(always)]
fn protocol(body: &[u8]) -> Parsed<'_, Version> {
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, rest @ ..] => Ok((rest, Version::V3_1_1)),
        [0, 4, b'M', b'Q', b'T', b'T', 5, rest @ ..] => Ok((rest, Version::V5_0)),
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, rest @ ..] => Ok((rest, Version::V3_1)),
        _ => Err(wrong_protocol(body)),
    }
}

#[cold]
fn wrong_protocol(body: &[u8]) -> nom::Err<DecodeError> {
    let (rest, name) = match field::binary(body) {
        Ok(name) => name,
        Err(error) => return error,
    };
    if !matches!(name, b"MQTT" | b"MQIsdp") {
        let utf8 = core::str::from_utf8(name).is_ok(); // [MQTT-1.5.3-1]
        return fail(
            if utf8 { Violation::UnknownProtocolName } else { Violation::InvalidUtf8 },
            body,
        );
    }
    match field::u8(rest) {
        Ok(_) => fail(Violation::UnsupportedProtocolVersion, rest), // [MQTT-3.1.2-2]
        Err(error) => error,
    }
}

/// What could not be checked of the fixed header before the version was known.
#[inline(always)]
fn check_header(frame: Frame<'_>, version: Version) -> Result<(), DecodeError> {
    if frame.first_byte() != PacketType::Connect.first_byte() && version != Version::V3_1 {
        return Err(DecodeError::new(Violation::ReservedFlags, frame.as_bytes())); // [MQTT-2.2.2-2]
    }
    if version.has_properties() && !frame.has_minimal_length() {
        return Err(super::non_minimal_length(frame));
    }
    Ok(())
}

/// The connect flags, section 3.1.2.3; 3.1 does not look at those it has no use for.
#[inline(always)]
fn check_flags(flags: u8, version: Version) -> Result<(), Violation> {
    let strict = version != Version::V3_1;
    if strict && flags & RESERVED != 0 {
        return Err(Violation::ReservedConnectFlag); // [MQTT-3.1.2-3]
    }
    if flags & WILL == 0 {
        // [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-15]
        if strict && flags & (WILL_QOS | WILL_RETAIN) != 0 {
            return Err(Violation::WillFlagsWithoutWill);
        }
    } else if flags & WILL_QOS == WILL_QOS {
        return Err(Violation::QoS3); // [MQTT-3.1.2-14]
    }
    if !version.has_properties() && flags & (USER_NAME | PASSWORD) == PASSWORD {
        return Err(Violation::PasswordWithoutUserName); // [MQTT-3.1.2-22]
    }
    Ok(())
}

/// The will's fields. [MQTT-3.1.2-9]
#[inline(always)]
fn will(flags: u8, version: Version, i: &[u8]) -> Parsed<'_, Will<'_>> {
    let (i, properties) = if version.has_properties() {
        Properties::read(i, Place::Will)?
    } else {
        (i, Properties::EMPTY)
    };
    let (i, topic) = field::topic_name(i)?; // [MQTT-3.1.3-10]
    let (i, payload) = field::binary(i)?;
    // The flags were checked not to say QoS 3.
    let qos = QoS::from_bits(flags >> WILL_QOS_SHIFT).unwrap_or_default();
    Ok((i, Will { topic, payload, qos, retain: flags & WILL_RETAIN != 0, properties }))
}

impl fmt::Display for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            " (v{}, c{}, k{}, '{}'",
            self.version,
            u8::from(self.clean_start),
            self.keep_alive,
            self.client_id.escape_debug()
        )?;
        if let Some(will) = &self.will {
            write!(
                f,
                ", will (q{}, r{}, '{}', {} bytes)",
                will.qos,
                u8::from(will.retain),
                will.topic.as_str().escape_debug(),
                will.payload.len()
            )?;
        }
        if let Some(user_name) = self.user_name {
            write!(f, ", user '{}'", user_name.escape_debug())?;
        }
        if self.password.is_some() {
            f.write_str(", password")?;
        }
        f.write_str(")")
    }
}

/// The password is not printed, only its length.
impl fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("properties", &self.properties)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("user_name", &self.user_name)
            .field("password_len", &self.password.map(<[u8]>::len))
            .finish()
    }
}
