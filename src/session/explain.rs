//! Packets of 5.0 that explain themselves as far as the client has room for it.

use alloc::vec::Vec;

use super::error::ClientFault;
use crate::codec::{EncodeError, Place, Properties, Property, PropertyId};
use crate::owned_properties::OwnedProperties;
use crate::packet_type::PacketType;
use crate::violation::Violation;

/// What packets the client takes, by its CONNECT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The largest in bytes. [MQTT-3.1.2-24]
    pub(super) maximum_packet_size: usize,
    /// Whether reasons in words may come with every packet. [MQTT-3.1.2-29]
    problem_information: bool,
}

impl Limits {
    pub(super) fn of(connect: &OwnedProperties) -> Limits {
        let properties = connect.properties();
        Limits {
            maximum_packet_size: match properties.find(PropertyId::MaximumPacketSize) {
                Some(Property::MaximumPacketSize(maximum)) => maximum.get() as usize,
                _ => usize::MAX,
            },
            problem_information: properties.find(PropertyId::RequestProblemInformation)
                != Some(Property::RequestProblemInformation(false)),
        }
    }

    /// Whether the property may be in any packet.
    pub(super) fn wants(self, property: &Property<'_>) -> bool {
        let explains = matches!(property, Property::ReasonString(_) | Property::UserProperty(_));
        self.problem_information || !explains
    }
}

/// Appends a packet of 5.0 that is not larger than `maximum`: with all its properties, or without the User
/// Properties, or without the Reason String too. [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.14.2-3]
/// [MQTT-3.14.2-4] [MQTT-3.15.2-2] [MQTT-3.15.2-3]
pub(super) fn encode_within(
    out: &mut Vec<u8>,
    maximum: usize,
    properties: &[Property<'_>],
    encode: impl Fn(Properties<'_>, &mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), ClientFault> {
    let before = out.len();
    let mut fits = |properties: &[Property<'_>]| {
        let encoded = encode(Properties::new(properties), out);
        let fits = encoded.is_ok() && out.len() - before <= maximum;
        if !fits {
            out.truncate(before);
        }
        fits
    };
    if fits(properties) {
        return Ok(());
    }
    let mut needed = properties.to_vec();
    needed.retain(|property| !matches!(property, Property::UserProperty(_)));
    if needed.len() < properties.len() && fits(&needed) {
        return Ok(());
    }
    needed.retain(|property| !matches!(property, Property::ReasonString(_)));
    if fits(&needed) { Ok(()) } else { Err(ClientFault::AnswerTooLarge) }
}

/// Whether the program may put these into a packet: each once but for User Properties, and of those named.
pub(crate) fn check(
    properties: &[Property<'_>],
    packet: PacketType,
    allowed: impl Fn(&Property<'_>) -> bool,
) -> Result<(), Violation> {
    if !properties.iter().all(allowed) {
        return Err(Violation::PropertyNotAllowed);
    }
    // AUTH has its method from elsewhere.
    let place = if packet == PacketType::Auth { Place::Anywhere } else { Place::Packet(packet) };
    Properties::new(properties).encoded_len(place).map(|_| ())
}
