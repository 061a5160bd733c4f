//! The connection of a session: what dies with the transport.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::config::SessionConfig;
use super::error::ClientFault;
use super::explain::{Limits, encode_within};
use super::handshake::Accepted;
use crate::codec::{EncodeError, FrameReader, Properties, Property, PropertyId};
use crate::delivery::{Authentication, InboundAliases, OutboundAliases};
use crate::message::{Message, Topic};
use crate::owned_properties::OwnedProperties;
use crate::packet::{Packet, Publish};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::time::Instant;
use crate::version::Version;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) version: Version,
    /// In seconds; 0 switches it off.
    pub(super) keep_alive: u16,
    /// How long the session outlives the connection, in seconds; `u32::MAX`: for ever.
    pub(super) session_expiry_interval: u32,
    pub(super) reader: FrameReader,
    /// Encoded packets to be sent before any PUBLISH.
    pub(super) control: Vec<u8>,
    pub(super) last_received: Instant,
    pub(super) will: Option<Arc<Message>>,
    /// What only a connection of 5.0 has.
    pub(super) terms: Option<Box<Terms>>,
}

/// What holds on a connection of 5.0, by CONNECT and CONNACK.
#[derive(Debug)]
pub(super) struct Terms {
    /// The Session Expiry Interval of CONNECT.
    pub(super) session_expiry_asked: u32,
    /// The longest that DISCONNECT may set: that of CONNACK, where it has one.
    pub(super) session_expiry_maximum: u32,
    pub(super) will_delay_interval: u32,
    /// How many QoS 1 and 2 messages the client takes at once. [MQTT-3.3.4-9]
    pub(super) receive_maximum: u16,
    pub(super) limits: Limits,
    pub(super) authentication: Authentication,
    /// What the client's topic aliases stand for.
    pub(super) inbound: InboundAliases,
    /// The topic aliases of what it is sent.
    pub(super) outbound: OutboundAliases,
    /// The QoS 1 and 2 messages that the server has not answered yet, in order.
    unanswered: Vec<(PacketId, QoS)>,
    /// How many QoS 1 and 2 messages of the client's are not finished.
    open: u64,
    /// How many there may be.
    max_open: u64,
}

impl Link {
    pub(super) fn new(
        connect: &Accepted,
        authentication: Authentication,
        reader: FrameReader,
        now: Instant,
        config: &SessionConfig,
    ) -> Link {
        let terms = connect
            .version
            .has_properties()
            .then(|| Box::new(Terms::new(connect, authentication, config)));
        Link {
            version: connect.version,
            keep_alive: connect.keep_alive,
            session_expiry_interval: connect.session_expiry_interval,
            reader,
            control: Vec::new(),
            last_received: now,
            will: connect.will.clone(),
            terms,
        }
    }

    /// Puts a packet in line that can be encoded in this version, and that every client takes.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        if self.control.is_empty() {
            // Bytes without room to spare are handed out as they are.
            self.control.reserve_exact(packet.encoded_len(self.version).unwrap_or(0));
        }
        let sent = packet.encode_to(self.version, &mut self.control);
        debug_assert_eq!(sent, Ok(()), "{packet}");
    }

    /// Puts an answer in line, in 5.0 with this reason where the client asks for it and has room.
    /// [MQTT-3.1.2-29] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] [MQTT-3.11.2-1]
    pub(super) fn answer(
        &mut self,
        reason: Option<&str>,
        encode: impl Fn(Properties<'_>, &mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), ClientFault> {
        let Some(terms) = &self.terms else {
            return encode_within(&mut self.control, usize::MAX, &[], encode);
        };
        let Limits { maximum_packet_size, .. } = terms.limits;
        let reason = reason.map(Property::ReasonString).filter(|p| terms.limits.wants(p));
        encode_within(&mut self.control, maximum_packet_size, reason.as_slice(), encode)
    }

    /// The topic of a PUBLISH where an alias stands for it. [MQTT-3.3.2-12]
    #[inline]
    pub(super) fn topic(&mut self, publish: &Publish<'_>) -> Result<Option<Topic>, ClientFault> {
        match &mut self.terms {
            Some(terms) => Ok(terms.inbound.resolve(publish)?),
            None => Ok(None),
        }
    }

    /// When the client has been silent for one and a half times as long as it has promised.
    /// [MQTT-3.1.2-22]; before 5.0 [MQTT-3.1.2-24]
    pub(super) fn keep_alive_deadline(&self) -> Option<Instant> {
        let keep_alive = Duration::from_millis(u64::from(self.keep_alive) * 1500);
        (self.keep_alive > 0).then_some(self.last_received + keep_alive)
    }
}

impl Terms {
    fn new(connect: &Accepted, authentication: Authentication, config: &SessionConfig) -> Terms {
        let properties = connect.properties.properties();
        let topic_alias_maximum = match properties.find(PropertyId::TopicAliasMaximum) {
            Some(Property::TopicAliasMaximum(maximum)) => maximum,
            _ => 0, // [MQTT-3.1.2-27]
        };
        let ours = config.features.topic_alias_maximum;
        Terms {
            session_expiry_asked: connect.session_expiry_interval,
            session_expiry_maximum: u32::MAX,
            will_delay_interval: connect.will_delay_interval,
            receive_maximum: match properties.find(PropertyId::ReceiveMaximum) {
                Some(Property::ReceiveMaximum(maximum)) => maximum.get(),
                _ => u16::MAX,
            },
            limits: Limits::of(&connect.properties),
            authentication,
            inbound: InboundAliases::new(ours),
            outbound: OutboundAliases::new(ours.min(topic_alias_maximum)), // [MQTT-3.3.2-11]
            unanswered: Vec::new(),
            open: 0,
            max_open: config.receive_maximum().into(),
        }
    }

    /// A QoS 1 or 2 message came that was not here before: the server is to answer it. (Section 3.3.4.)
    pub(super) fn opened(&mut self, id: PacketId, qos: QoS) -> Result<(), ClientFault> {
        if self.open >= self.max_open {
            return Err(ClientFault::ReceiveMaximumExceeded);
        }
        self.open += 1;
        if let Err(place) = self.unanswered.binary_search(&(id, qos)) {
            self.unanswered.insert(place, (id, qos));
        }
        Ok(())
    }

    /// Whether the server has yet to answer a QoS 2 message of this connection.
    pub(super) fn is_unanswered(&self, id: PacketId) -> bool {
        self.unanswered.binary_search(&(id, QoS::ExactlyOnce)).is_ok()
    }

    /// The QoS 2 messages that the server has not answered.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = PacketId> {
        self.unanswered.iter().filter(|(_, qos)| *qos == QoS::ExactlyOnce).map(|(id, _)| *id)
    }

    /// The server answers a message of this connection; whether it has not before.
    pub(super) fn answered(&mut self, id: PacketId, qos: QoS) -> bool {
        let place = self.unanswered.binary_search(&(id, qos));
        place.map(|place| self.unanswered.remove(place)).is_ok()
    }

    /// So many exchanges of the client's are over; one that began on an earlier connection was not counted.
    pub(super) fn closed(&mut self, exchanges: u64) {
        self.open = self.open.saturating_sub(exchanges);
    }

    /// The method of the CONNECT.
    pub(super) fn authentication_method(&self) -> Option<&str> {
        self.authentication.method.as_deref()
    }
}

/// Whether the client has asked for Response Information. [MQTT-3.1.2-28]
pub(super) fn wants_response_information(connect: &OwnedProperties) -> bool {
    let wanted = connect.properties().find(PropertyId::RequestResponseInformation);
    wanted == Some(Property::RequestResponseInformation(true))
}
