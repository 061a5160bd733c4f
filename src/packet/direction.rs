//! Which side may send what.

use super::Packet;
use crate::codec::{DecodeError, Frame, PropertyId, Violation};
use crate::packet_type::Sender;
use crate::reason::ReasonCode;
use crate::version::Version;

impl<'a> Packet<'a> {
    /// Reads the packet in `frame` as [`decode`](Packet::decode) does, and then checks that this side may
    /// send it.
    ///
    /// # Errors
    ///
    /// As [`decode`](Packet::decode) and [`check_sender`](Packet::check_sender).
    #[inline]
    pub fn decode_from(
        sender: Sender,
        frame: Frame<'a>,
        version: Version,
    ) -> Result<Packet<'a>, DecodeError> {
        let result = Packet::decode(frame, version);
        if let Ok(packet) = &result {
            if let Err(violation) = packet.check_sender(sender, version) {
                return Err(DecodeError::at_offset(violation, frame.first_byte(), 0));
            }
        }
        result
    }

    /// Whether that side may send this packet: its type, its reason code and its properties.
    ///
    /// # Errors
    ///
    /// [`Violation::WrongSender`].
    ///
    /// ```
    /// use mqtt_sansio::{Packet, Sender, Version, Violation};
    ///
    /// assert_eq!(Packet::PingReq.check_sender(Sender::Client, Version::V3_1_1), Ok(()));
    /// let error = Packet::PingReq.check_sender(Sender::Server, Version::V3_1_1);
    /// assert_eq!(error, Err(Violation::WrongSender));
    /// ```
    #[inline]
    pub fn check_sender(&self, sender: Sender, version: Version) -> Result<(), Violation> {
        let allowed = self.packet_type().may_come_from(sender, version)
            && self
                .reason_code()
                .is_none_or(|code| code.is_allowed_from(sender, self.packet_type()))
            && self.properties_may_come_from(sender);
        if allowed { Ok(()) } else { Err(Violation::WrongSender) }
    }

    /// The reason code, of packets that carry one that not every side may send.
    fn reason_code(&self) -> Option<ReasonCode> {
        match self {
            Packet::PubAck(packet) | Packet::PubRec(packet) => Some(packet.reason_code),
            Packet::Disconnect(packet) => Some(packet.reason_code),
            Packet::Auth(packet) => Some(packet.reason_code),
            _ => None,
        }
    }

    fn properties_may_come_from(&self, sender: Sender) -> bool {
        match (self, sender) {
            // [MQTT-3.3.4-6]
            (Packet::Publish(packet), Sender::Client) => {
                !packet.properties.contains(PropertyId::SubscriptionIdentifier)
            }
            // [MQTT-3.14.2-2]. A client has no use for Server Reference, but no rule forbids it.
            (Packet::Disconnect(packet), Sender::Server) => {
                !packet.properties.contains(PropertyId::SessionExpiryInterval)
            }
            _ => true,
        }
    }
}
