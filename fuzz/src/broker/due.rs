//! What the broker owes a client before any message.

use mqtt_sansio::{
    ConnAck, OwnedProperties, Packet, PacketId, Properties, Property, PropertyId, QoS, ReasonCode,
    SubAck, UnsubAck, Version,
};

use super::ensure;

/// What a client can take, by its CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) version: Version,
    pub(super) maximum_packet_size: usize,
    /// Whether it wants explanations with every packet.
    explains: bool,
}

/// A packet that is to come.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    ConnAck {
        session_present: bool,
        /// In 5.0: what must be said, and nothing else of these kinds.
        terms: Vec<Property<'static>>,
    },
    /// The CONNACK of a client that is not accepted.
    Refused(ReasonCode),
    /// One of these codes; and by which number the exchange is known.
    PubAck(PacketId, Vec<ReasonCode>),
    PubRec(PacketId, Vec<ReasonCode>, u64),
    PubRel(PacketId, Vec<ReasonCode>),
    PubComp(PacketId, Vec<ReasonCode>),
    /// For each filter the highest QoS that may be granted, or the code that it must be refused with.
    SubAck(PacketId, Vec<Result<QoS, ReasonCode>>),
    /// And for how many filters.
    UnsubAck(PacketId, usize),
    PingResp,
    /// With the method.
    Auth(ReasonCode, String),
    /// The last packet.
    Disconnect(ReasonCode),
}

impl Reader {
    /// One that takes everything.
    pub(super) fn any(version: Version) -> Reader {
        Reader { version, maximum_packet_size: usize::MAX, explains: true }
    }

    pub(super) fn new(version: Version, connect: &OwnedProperties) -> Reader {
        let connect = connect.properties();
        let size = connect.find(PropertyId::MaximumPacketSize);
        let explains = connect.find(PropertyId::RequestProblemInformation);
        Reader {
            version,
            maximum_packet_size: match size {
                Some(Property::MaximumPacketSize(size)) => size.get() as usize,
                _ => usize::MAX,
            },
            explains: explains != Some(Property::RequestProblemInformation(false)),
        }
    }

    /// Whether it can take that packet, of so many bytes.
    pub(super) fn takes(&self, packet: &Packet<'_>, size: usize) -> Result<(), String> {
        let most = self.maximum_packet_size;
        ensure!(size <= most, "{packet} has {size} bytes, and may have {most}");
        let always =
            matches!(packet, Packet::Publish(_) | Packet::ConnAck(_) | Packet::Disconnect(_));
        let explained = properties(packet).is_some_and(|properties| {
            properties.contains(PropertyId::ReasonString)
                || properties.contains(PropertyId::UserProperty)
        });
        ensure!(self.explains || always || !explained, "{packet:?} explains itself");
        Ok(())
    }
}

/// The properties of a packet that a server may send.
fn properties<'a>(packet: &Packet<'a>) -> Option<Properties<'a>> {
    Some(match packet {
        Packet::ConnAck(packet) => packet.properties,
        Packet::Publish(packet) => packet.properties,
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => packet.properties,
        Packet::SubAck(packet) => packet.properties,
        Packet::UnsubAck(packet) => packet.properties,
        Packet::Disconnect(packet) => packet.properties,
        Packet::Auth(packet) => packet.properties,
        _ => return None,
    })
}

/// The kinds of properties in CONNACK that follow from what is known.
const TERMS: [PropertyId; 5] = [
    PropertyId::SessionExpiryInterval,
    PropertyId::ServerKeepAlive,
    PropertyId::AuthenticationMethod,
    PropertyId::TopicAliasMaximum,
    PropertyId::MaximumQoS,
];

impl Due {
    /// The fewest bytes that it takes.
    pub(super) fn least_size(&self, version: Version) -> usize {
        let v5 = usize::from(version == Version::V5_0);
        match self {
            Due::PingResp => 2,
            Due::SubAck(_, codes) => 4 + v5 + codes.len(),
            Due::UnsubAck(_, filters) => 4 + v5 * (1 + filters),
            Due::Disconnect(_) => 0,
            _ => 4,
        }
    }

    /// The most bytes that it takes; sentences are short.
    pub(super) fn most_size(&self, version: Version) -> usize {
        let sentence = if version == Version::V5_0 { 300 } else { 0 };
        self.least_size(version) + sentence
    }

    pub(super) fn is(&self, packet: &Packet<'_>, version: Version) -> bool {
        match (self, packet) {
            (Due::ConnAck { session_present, terms }, Packet::ConnAck(connack)) => {
                let same = ConnAck { properties: Properties::EMPTY, ..*connack }
                    == ConnAck::accepted(*session_present);
                same && terms_of(connack) == *terms
            }
            (Due::Refused(code), Packet::ConnAck(connack)) => {
                ConnAck { properties: Properties::EMPTY, ..*connack } == ConnAck::refused(*code)
            }
            (Due::PubAck(id, codes), Packet::PubAck(ack))
            | (Due::PubRec(id, codes, _), Packet::PubRec(ack))
            | (Due::PubRel(id, codes), Packet::PubRel(ack))
            | (Due::PubComp(id, codes), Packet::PubComp(ack)) => {
                ack.packet_id == *id && codes.contains(&ack.reason_code)
            }
            (Due::SubAck(id, codes), Packet::SubAck(suback)) => {
                suback.packet_id == *id && grants(codes, suback, version)
            }
            (Due::UnsubAck(id, filters), Packet::UnsubAck(unsuback)) => {
                unsuback.packet_id == *id && ends(*filters, unsuback, version)
            }
            (Due::Auth(code, method), Packet::Auth(auth)) => {
                let named = auth.properties.find(PropertyId::AuthenticationMethod);
                auth.reason_code == *code && named == Some(Property::AuthenticationMethod(method))
            }
            (Due::Disconnect(code), Packet::Disconnect(disconnect)) => {
                disconnect.reason_code == *code
            }
            (due, Packet::PingResp) => *due == Due::PingResp,
            _ => false,
        }
    }
}

/// Of the kinds that are known.
fn terms_of<'a>(connack: &ConnAck<'a>) -> Vec<Property<'a>> {
    let find = |id: &PropertyId| connack.properties.find(*id);
    TERMS.iter().filter_map(find).collect()
}

/// One code for each filter, none more than may be granted. 3.1 knows no refusal.
fn grants(most: &[Result<QoS, ReasonCode>], suback: &SubAck<'_>, version: Version) -> bool {
    most.len() == suback.reason_codes.len()
        && most.iter().zip(suback.reason_codes).all(|(most, code)| {
            match (code.granted_qos(), most) {
                (None, Err(refused)) if version == Version::V5_0 => code == *refused,
                // For want of room, or with too many levels.
                (None, Ok(_)) if version == Version::V5_0 => {
                    matches!(code, ReasonCode::QuotaExceeded | ReasonCode::TopicFilterInvalid)
                }
                (None, _) => version == Version::V3_1_1,
                (Some(QoS::AtMostOnce), _) if version == Version::V3_1 => true,
                (Some(qos), Ok(most)) => qos == *most,
                (Some(_), Err(_)) => false,
            }
        })
}

/// One code for each filter in 5.0, and none before.
fn ends(filters: usize, unsuback: &UnsubAck<'_>, version: Version) -> bool {
    let codes = unsuback.reason_codes;
    if version != Version::V5_0 {
        return codes.is_empty();
    }
    let known = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    codes.len() == filters && codes.iter().all(|code| known.contains(&code))
}
