//! How a connection ends, and what it leaves behind.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Session;
use super::error::{ClientFault, CloseReason};
use super::event::SessionEvent;
use super::explain::check;
use crate::codec::Property;
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;
use crate::violation::Violation;

/// What a connection leaves behind.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The will that is to be published. [MQTT-3.1.2-8] [MQTT-3.14.4-3]
    pub(crate) will: Option<Arc<Message>>,
    /// When, in seconds from now, if the session goes on.
    pub(crate) will_delay_interval: u32,
    /// How long the session is to be kept, in seconds; `u32::MAX`: for ever.
    pub(crate) session_expiry_interval: u32,
}

impl Session {
    /// Ends the connection, if there is one: the will is published.
    pub fn disconnect(&mut self, now: Instant) {
        self.advance(now);
        self.close_with_event(CloseReason::Requested);
    }

    /// The same with what DISCONNECT of 5.0 says: Reason String, Server Reference and User Properties may be
    /// there.
    ///
    /// # Errors
    ///
    /// Where a server cannot say that in DISCONNECT; the connection goes on then.
    pub fn disconnect_with(
        &mut self,
        now: Instant,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), Violation> {
        check_disconnect(reason_code, properties)?;
        self.advance(now);
        let last = self.last_packets(CloseReason::Requested, Some((reason_code, properties)));
        self.close_with(CloseReason::Requested, OwnedProperties::EMPTY, last);
        Ok(())
    }

    /// Whether the session ends with its connection. [MQTT-4.1.0-2]; before 5.0 [MQTT-3.1.2-6]
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.session_expiry_interval == 0)
    }

    /// What is sent before the connection is closed: the answers that were not pulled yet, and in 5.0 DISCONNECT
    /// with what the server says, or what the reason is. CONNACK may be among them. [MQTT-3.14.0-1]
    pub(crate) fn last_packets(
        &mut self,
        reason: CloseReason,
        said: Option<(ReasonCode, &[Property<'_>])>,
    ) -> Vec<u8> {
        let code = reason.disconnect_code().filter(|_| self.speaks_5_0());
        if let Some(code) = code {
            let text = alloc::format!("{reason}");
            let words = [Property::ReasonString(&text)];
            let (code, properties) = said.unwrap_or((code, &words));
            self.say_goodbye(code, properties);
        } else if !reason.is_answered() {
            return Vec::new();
        }
        self.link.as_mut().map(|link| core::mem::take(&mut link.control)).unwrap_or_default()
    }

    /// Ends the connection, if there is one.
    pub(crate) fn close(&mut self, reason: CloseReason) -> Option<Ended> {
        let link = self.link.take()?;
        // What was not answered was not taken over: the client sends it again.
        for id in link.terms.iter().flat_map(|terms| terms.unanswered()) {
            self.unreleased.release(id);
        }
        self.signals.announced = false;
        self.signals.paused = false;
        self.outbound.connection_lost();
        if link.session_expiry_interval == 0 {
            self.discard(); // [MQTT-4.1.0-2]; before 5.0 [MQTT-3.1.2-6]
        } else {
            self.queue.drop_at_most_once();
        }
        Some(Ended {
            will: link.will.filter(|_| reason != CloseReason::Disconnected),
            will_delay_interval: link.terms.map_or(0, |terms| terms.will_delay_interval),
            session_expiry_interval: link.session_expiry_interval,
        })
    }

    pub(super) fn close_with_event(&mut self, reason: CloseReason) {
        let last = self.last_packets(reason, None);
        self.close_with(reason, OwnedProperties::EMPTY, last);
    }

    pub(super) fn close_with(
        &mut self,
        reason: CloseReason,
        properties: OwnedProperties,
        last: Vec<u8>,
    ) {
        if let Some(ended) = self.close(reason) {
            self.signals.farewell = last;
            self.signals.close = true;
            // Nobody waits for their answers any more: a QoS 1 message is routed, at QoS 2 it comes again.
            self.events.retain_mut(|event| match event {
                SessionEvent::Publish { message, packet_id } if packet_id.is_some() => {
                    *packet_id = None;
                    message.qos == QoS::AtLeastOnce
                }
                SessionEvent::Subscribe { .. }
                | SessionEvent::Unsubscribe { .. }
                | SessionEvent::Authentication { .. } => false,
                _ => true,
            });
            let Ended { will, will_delay_interval, session_expiry_interval } = ended;
            self.events.push_back(SessionEvent::Closed {
                reason,
                properties,
                will,
                will_delay_interval,
                session_expiry_interval,
            });
        }
    }

    /// Nobody is there any more to be sent it.
    pub(super) fn forget_farewell(&mut self) {
        self.signals.farewell = Vec::new();
        self.signals.close = false;
        self.signals.announced = false;
    }

    pub(super) fn close_for_fault(&mut self, result: Result<(), ClientFault>) {
        if let Err(fault) = result {
            self.close_with_event(fault.into());
        }
    }

    /// The session is over. [MQTT-4.1.0-2]; before 5.0 [MQTT-3.1.2-6]
    pub(super) fn discard(&mut self) {
        self.known = false;
        self.outbound.discard();
        self.inflight_bytes = 0;
        self.unreleased.clear();
        self.queue.clear();
    }
}

/// Whether a server may say that in DISCONNECT.
pub(crate) fn check_disconnect(
    reason_code: ReasonCode,
    properties: &[Property<'_>],
) -> Result<(), Violation> {
    if !reason_code.is_allowed_from(Sender::Server, PacketType::Disconnect) {
        return Err(Violation::ReasonCodeNotListed);
    }
    check(properties, PacketType::Disconnect, |property| {
        !matches!(property, Property::SessionExpiryInterval(_)) // [MQTT-3.14.2-2]
    })
}
