//! What the server answers its client.

use alloc::vec::Vec;

use super::Session;
use super::authentication::AuthenticationError;
use super::error::ClientFault;
use super::explain::encode_within;
use crate::codec::Property;
use crate::packet::{Ack, Disconnect, Packet, SubAck, UnsubAck};
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;
use crate::version::Version;

impl Session {
    /// Answers a QoS 1 message of 5.0, with a reason in words that is sent where the client asks for such and
    /// takes as large a packet. [MQTT-4.3.2-4]
    pub fn puback(
        &mut self,
        now: Instant,
        packet_id: PacketId,
        reason_code: ReasonCode,
        reason: Option<&str>,
    ) {
        self.advance(now);
        if self.takes_answer(QoS::AtLeastOnce, packet_id) {
            self.answer_publish(QoS::AtLeastOnce, packet_id, reason_code, reason);
        }
    }

    /// Answers a QoS 2 message of 5.0, as [`puback`](Session::puback) does. With an error it is not taken over,
    /// else it comes again as [`Release`](crate::SessionEvent::Release). [MQTT-4.3.3-8] [MQTT-4.3.3-9]
    pub fn pubrec(
        &mut self,
        now: Instant,
        packet_id: PacketId,
        reason_code: ReasonCode,
        reason: Option<&str>,
    ) {
        self.advance(now);
        if self.takes_answer(QoS::ExactlyOnce, packet_id) {
            self.answer_exactly_once(packet_id, reason_code, reason);
        }
    }

    /// [`pubrec`](Session::pubrec), of a message that is not unanswered any more.
    pub(super) fn answer_exactly_once(
        &mut self,
        packet_id: PacketId,
        reason_code: ReasonCode,
        reason: Option<&str>,
    ) {
        self.answer_publish(QoS::ExactlyOnce, packet_id, reason_code, reason);
        if !reason_code.is_error() {
            self.unreleased.accept(packet_id);
        } else {
            self.unreleased.release(packet_id);
            if let Some(terms) = self.link.as_mut().and_then(|link| link.terms.as_mut()) {
                terms.closed(1);
            }
        }
    }

    /// Whether a message of this connection and QoS awaits its answer: that of an earlier one does not any more.
    fn takes_answer(&mut self, qos: QoS, id: PacketId) -> bool {
        let terms = self.link.as_mut().and_then(|link| link.terms.as_mut());
        terms.is_some_and(|terms| terms.answered(id, qos))
    }

    fn answer_publish(
        &mut self,
        qos: QoS,
        packet_id: PacketId,
        reason_code: ReasonCode,
        reason: Option<&str>,
    ) {
        let Some(link) = &mut self.link else {
            return;
        };
        let reason_code = listed(reason_code, PacketType::PubAck); // PUBREC has the same
        let ack = Ack { reason_code, ..Ack::new(packet_id) };
        // Every client that has taken CONNACK takes one without words.
        let _ = link.answer(reason, |properties, out| {
            let ack = Ack { properties, ..ack };
            let packet =
                if qos == QoS::ExactlyOnce { Packet::PubRec(ack) } else { Packet::PubAck(ack) };
            packet.encode_to(Version::V5_0, out)
        });
    }

    /// Answers a SUBSCRIBE: for each filter in its order the QoS granted, or a failure. 3.1.1 has one failure,
    /// and 3.1 none: there, QoS 0 stands in for it. In 5.0 with a reason in words. [MQTT-3.8.4-1]
    /// [MQTT-3.9.3-1]
    pub fn suback(
        &mut self,
        now: Instant,
        packet_id: PacketId,
        reason_codes: &[ReasonCode],
        reason: Option<&str>,
    ) {
        self.advance(now);
        let answered = self.answer_subscribe(packet_id, reason_codes, reason);
        self.close_for_fault(answered);
    }

    /// [`suback`](Session::suback); where it is too large for the client, the connection is to be closed.
    pub(crate) fn answer_subscribe(
        &mut self,
        packet_id: PacketId,
        reason_codes: &[ReasonCode],
        reason: Option<&str>,
    ) -> Result<(), ClientFault> {
        let Some(link) = self.link.as_mut().filter(|_| !reason_codes.is_empty()) else {
            return Ok(());
        };
        let version = link.version;
        let told = |code: &ReasonCode| match code.granted_qos() {
            Some(_) => *code,
            None if version == Version::V3_1 => ReasonCode::GRANTED_QOS_0,
            None if version == Version::V3_1_1 => ReasonCode::UnspecifiedError,
            None => listed(*code, PacketType::SubAck),
        };
        let codes: Vec<_> = reason_codes.iter().map(told).collect();
        link.answer(reason, |properties, out| {
            let suback = SubAck { properties, ..SubAck::new(packet_id, &codes) };
            Packet::from(suback).encode_to(version, out)
        })
    }

    /// Answers an UNSUBSCRIBE: in 5.0 for each filter in its order whether there was a subscription, with a reason
    /// in words. [MQTT-3.10.4-4] [MQTT-3.11.3-1]
    pub fn unsuback(
        &mut self,
        now: Instant,
        packet_id: PacketId,
        reason_codes: &[ReasonCode],
        reason: Option<&str>,
    ) {
        self.advance(now);
        let answered = self.answer_unsubscribe(packet_id, reason_codes, reason);
        self.close_for_fault(answered);
    }

    /// [`unsuback`](Session::unsuback); where it is too large for the client, the connection is to be closed.
    pub(crate) fn answer_unsubscribe(
        &mut self,
        packet_id: PacketId,
        reason_codes: &[ReasonCode],
        reason: Option<&str>,
    ) -> Result<(), ClientFault> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let codes = if link.terms.is_some() { reason_codes } else { &[] };
        let told = codes.iter().map(|code| listed(*code, PacketType::UnsubAck));
        let codes: Vec<_> = told.collect();
        let version = link.version;
        link.answer(reason, |properties, out| {
            let unsuback = UnsubAck { properties, ..UnsubAck::new(packet_id, &codes) };
            Packet::from(unsuback).encode_to(version, out)
        })
    }

    /// Answers AUTH: [`ContinueAuthentication`](ReasonCode::ContinueAuthentication) asks for more,
    /// [`Success`](ReasonCode::Success) ends another authentication. With the method of CONNECT and these
    /// properties, of which Authentication Data, Reason String and User Properties may be there.
    /// [MQTT-4.12.0-2] [MQTT-4.12.0-5]
    ///
    /// # Errors
    ///
    /// Where it is not the server's turn, or the packet cannot be sent.
    pub fn authenticate(
        &mut self,
        now: Instant,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), AuthenticationError> {
        self.advance(now);
        let link = self.link.as_mut().ok_or(AuthenticationError::NotInTurn)?;
        let terms = link.terms.as_mut().ok_or(AuthenticationError::NotInTurn)?;
        terms.authentication.ask(&mut link.control, terms.limits, reason_code, properties)
    }

    /// DISCONNECT at the end of what is sent: in 5.0 where the reason has a code. [MQTT-3.14.4-1]
    pub(super) fn say_goodbye(&mut self, reason_code: ReasonCode, properties: &[Property<'_>]) {
        let Some(link) = &mut self.link else {
            return;
        };
        if let Some(terms) = &link.terms {
            let maximum = terms.limits.maximum_packet_size;
            // Where even that is too large for the client, the close says enough.
            let _ = encode_within(&mut link.control, maximum, properties, |properties, out| {
                Packet::from(Disconnect { reason_code, properties }).encode_to(Version::V5_0, out)
            });
        }
    }
}

/// The code, where the packet has it.
fn listed(reason_code: ReasonCode, packet: PacketType) -> ReasonCode {
    let allowed = reason_code.is_allowed_from(Sender::Server, packet);
    if allowed { reason_code } else { ReasonCode::UnspecifiedError }
}
