//! What answers the server: acknowledgements with their reasons, AUTH, DISCONNECT.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Client;
use super::error::{CommandError, ServerFault};
use super::event::{Answer, ClientEvent, Token};
use super::state::{Farewell, Link, State};
use crate::codec::{Properties, Property, PropertyId};
use crate::delivery::{Answered, Inbound, Turn};
use crate::owned_properties::OwnedProperties;
use crate::packet::{Ack, Auth, ConnAck, Disconnect, Packet};
use crate::packet_id::PacketId;
use crate::packet_type::{PacketType, Sender};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;

impl Client {
    /// Acknowledges a message, where [`ClientConfig::manual_acknowledgement`](crate::ClientConfig::manual_acknowledgement)
    /// leaves that to the application: in any order; PUBACK and PUBREC go out in the order the messages
    /// came. The token of a connection (at QoS 1) or session (at QoS 2) that is over does nothing. A token
    /// that is dropped holds up the acknowledgement of every later message of its QoS.
    pub fn acknowledge(&mut self, now: Instant, token: Token) {
        self.acknowledged(now, &token, None);
    }

    /// The same with a reason, which 5.0 carries and its predecessors leave out. With an error the message
    /// is the server's again: it sends no more of it. Where the packet would be too large for the server, it
    /// goes without properties.
    pub fn acknowledge_with(&mut self, now: Instant, token: Token, answer: Answer) {
        self.acknowledged(now, &token, Some(Box::new((answer.reason_code, answer.properties))));
    }

    fn acknowledged(&mut self, now: Instant, token: &Token, answer: Answered) {
        self.advance(now);
        if token.epoch == self.epoch(token.qos) {
            self.inbound.acknowledge(token.qos, token.packet_id, answer);
            self.send_acknowledgements();
        }
    }

    /// Sends what may be acknowledged now.
    pub(super) fn send_acknowledgements(&mut self) {
        if let Some(link) = self.state.link_mut() {
            link.send_acknowledgements(&mut self.inbound);
        }
        self.signal_transmit();
    }

    /// Answers [`ClientEvent::Authentication`]: sends AUTH with the authentication method of CONNECT and these
    /// properties, of which only Authentication Data, Reason String and User Properties may be there.
    /// [MQTT-4.12.0-3] [MQTT-4.12.0-5]
    ///
    /// # Errors
    ///
    /// Where the server has not asked, or the packet cannot be sent.
    pub fn authenticate(
        &mut self,
        now: Instant,
        properties: &[Property<'_>],
    ) -> Result<(), CommandError> {
        self.auth(now, ReasonCode::ContinueAuthentication, properties)
    }

    /// Begins another authentication on a connection that began with one, section 4.12.1 of 5.0.
    /// [`ClientEvent::Authentication`] tells how it goes on. [MQTT-4.12.1-1]
    ///
    /// # Errors
    ///
    /// Where the connection has no authentication method, one is under way, or the packet cannot be sent.
    pub fn reauthenticate(
        &mut self,
        now: Instant,
        properties: &[Property<'_>],
    ) -> Result<(), CommandError> {
        self.auth(now, ReasonCode::ReAuthenticate, properties)
    }

    fn auth(
        &mut self,
        now: Instant,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), CommandError> {
        self.advance(now);
        let connected = matches!(self.state, State::Connected(_));
        let link = self.state.link_mut().ok_or(CommandError::NotAuthenticating)?;
        let fits = match reason_code {
            ReasonCode::ReAuthenticate => connected && link.authentication.turn == Turn::Nobody,
            _ => link.authentication.turn == Turn::Client,
        };
        let method = link.authentication.method.clone().filter(|_| fits); // [MQTT-4.12.0-7]
        let method = method.ok_or(CommandError::NotAuthenticating)?;
        let all: Vec<_> = core::iter::once(Property::AuthenticationMethod(&method))
            .chain(properties.iter().copied())
            .collect();
        let all = fitting(link, &all, |properties| Packet::from(Auth { reason_code, properties }))?;
        link.send(&Auth { reason_code, properties: Properties::new(&all) }.into());
        link.authentication.turn = Turn::Server;
        self.signal_transmit();
        Ok(())
    }

    /// AUTH from the server.
    pub(super) fn auth_received(&mut self, auth: &Auth<'_>) -> Result<(), ServerFault> {
        let until = self.now + self.config.connect_timeout;
        let initial = match &mut self.state {
            State::Connecting { deadline, .. } => {
                *deadline = until;
                true
            }
            _ => false,
        };
        let Some(link) = self.state.link_mut() else {
            return Ok(());
        };
        link.check_method(PacketType::Auth, &auth.properties, true)?;
        link.authentication.turn = match auth.reason_code {
            _ if link.authentication.turn != Turn::Server => {
                return Err(ServerFault::UnexpectedAuth);
            }
            ReasonCode::ContinueAuthentication => Turn::Client,
            // The end of the first authentication is CONNACK.
            _ if initial => return Err(ServerFault::UnexpectedAuth),
            _ => Turn::Nobody,
        };
        self.events.push_back(ClientEvent::Authentication {
            reason_code: auth.reason_code,
            properties: OwnedProperties::copied(&auth.properties),
        });
        Ok(())
    }

    /// Sends what can be sent at once, then DISCONNECT, and closes. Before CONNACK it just closes: the server
    /// may then publish the will. Without a connection nothing happens.
    pub fn disconnect(&mut self, now: Instant) {
        // A normal disconnection can be sent in every version.
        let _ = self.disconnect_with(now, &Disconnect::NORMAL);
    }

    /// The same with a reason, which only 5.0 has: with [`ReasonCode::DisconnectWithWillMessage`] the server
    /// publishes the will, with a Session Expiry Interval the session lives that long from now on. Where the
    /// packet would be too large for the server, it goes without Reason String and User Properties.
    ///
    /// # Errors
    ///
    /// Where the DISCONNECT cannot be sent; the connection goes on then.
    pub fn disconnect_with(
        &mut self,
        now: Instant,
        disconnect: &Disconnect<'_>,
    ) -> Result<(), CommandError> {
        let now = self.advance(now);
        let farewell = match &self.state {
            State::Connected(link) => link.farewell(disconnect)?,
            // Before CONNACK, DISCONNECT has nothing to end but the connection.
            State::Connecting { .. } => {
                self.close(super::DisconnectReason::Requested);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let State::Connected(link) = core::mem::replace(&mut self.state, State::Disconnected) {
            let deadline = now + self.config.close_timeout;
            self.state = State::Disconnecting { link, deadline, farewell };
            self.signals.transmit = true;
        }
        Ok(())
    }
}

impl Link {
    /// PUBACK and PUBREC for what was acknowledged, as far as their turn has come.
    fn send_acknowledgements(&mut self, inbound: &mut Inbound) {
        while let Some((id, answer)) = inbound.next_acknowledgement(QoS::AtLeastOnce) {
            self.send_answer(QoS::AtLeastOnce, id, answer);
        }
        while let Some((id, answer)) = inbound.next_acknowledgement(QoS::ExactlyOnce) {
            if self.send_answer(QoS::ExactlyOnce, id, answer) {
                inbound.refused(id);
                // Nothing follows an error; PUBACK and PUBCOMP count when they are pulled.
                self.receiving.open = self.receiving.open.saturating_sub(1);
            }
        }
    }

    /// Whether it is an error that was sent. [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3]
    fn send_answer(&mut self, qos: QoS, packet_id: PacketId, answer: Answered) -> bool {
        let Some(answer) = answer.filter(|_| self.version.has_properties()) else {
            self.send(&acknowledgement(qos, Ack::new(packet_id)));
            return false;
        };
        let (reason_code, properties) = *answer;
        let mut ack = Ack { packet_id, reason_code, properties: properties.properties() };
        if self.check(&acknowledgement(qos, ack)).is_err() {
            ack.properties = Properties::EMPTY;
        }
        self.send(&acknowledgement(qos, ack));
        reason_code.is_error()
    }

    /// Whether a packet of the server's names the authentication method of CONNECT. [MQTT-4.12.0-5]
    /// [MQTT-4.12.0-6]
    fn check_method(
        &self,
        packet: PacketType,
        properties: &Properties<'_>,
        needed: bool,
    ) -> Result<(), ServerFault> {
        let fits = match properties.find(PropertyId::AuthenticationMethod) {
            Some(Property::AuthenticationMethod(method)) => {
                self.authentication.method.as_deref() == Some(method)
            }
            _ => !needed,
        };
        if fits { Ok(()) } else { Err(ServerFault::AuthenticationMethod(packet)) }
    }

    /// What a CONNACK must keep to.
    pub(super) fn check_connack(&self, connack: &ConnAck<'_>) -> Result<(), ServerFault> {
        if !self.version.has_properties() {
            return Ok(());
        }
        let accepted = !connack.reason_code.is_error();
        let needed = accepted && self.authentication.method.is_some();
        self.check_method(PacketType::ConnAck, &connack.properties, needed)?;
        if connack.session_present && (self.clean_start || !self.had_session) {
            return Err(ServerFault::UnknownSession); // [MQTT-3.2.2-4]
        }
        Ok(())
    }

    fn farewell(&self, disconnect: &Disconnect<'_>) -> Result<Farewell, CommandError> {
        let mut disconnect = *disconnect;
        Packet::from(disconnect)
            .check_sender(Sender::Client, self.version)
            .map_err(|violation| CommandError::Encode(violation.into()))?;
        let expiry = disconnect.properties.find(PropertyId::SessionExpiryInterval);
        let session_expiry_interval = match expiry {
            Some(Property::SessionExpiryInterval(1..)) if self.session_expiry_asked == 0 => {
                return Err(CommandError::SessionExpiry);
            }
            Some(Property::SessionExpiryInterval(seconds)) => seconds,
            _ => self.terms.session_expiry_interval,
        };
        let properties: Vec<_> = disconnect.properties.iter().collect();
        let reason_code = disconnect.reason_code;
        // [MQTT-3.14.2-3] [MQTT-3.14.2-4]
        let properties = fitting(self, &properties, |properties| {
            Packet::from(Disconnect { reason_code, properties })
        })?;
        disconnect.properties = Properties::new(&properties);
        let mut packet = Vec::new();
        Packet::from(disconnect).encode_to(self.version, &mut packet)?;
        Ok(Farewell { packet, session_expiry_interval })
    }
}

fn acknowledgement(qos: QoS, ack: Ack<'_>) -> Packet<'_> {
    if qos == QoS::ExactlyOnce { Packet::PubRec(ack) } else { Packet::PubAck(ack) }
}

/// The properties that a packet has room for: all, or all but those for people.
fn fitting<'a>(
    link: &Link,
    properties: &[Property<'a>],
    packet: impl for<'p> Fn(Properties<'p>) -> Packet<'p>,
) -> Result<Vec<Property<'a>>, CommandError> {
    let too_large = CommandError::NotAccepted(ReasonCode::PacketTooLarge);
    match link.check(&packet(Properties::new(properties))) {
        Err(error) if error == too_large => {}
        result => return result.map(|()| properties.to_vec()),
    }
    let mut needed = properties.to_vec();
    needed.retain(|p| !matches!(p, Property::ReasonString(_) | Property::UserProperty(_)));
    link.check(&packet(Properties::new(&needed)))?;
    Ok(needed)
}

/// Whether a packet has what only people read, where that was not asked for.
pub(super) fn has_problem_information(packet: &Packet<'_>) -> bool {
    let properties = match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            &ack.properties
        }
        Packet::SubAck(suback) => &suback.properties,
        Packet::UnsubAck(unsuback) => &unsuback.properties,
        Packet::Auth(auth) => &auth.properties,
        _ => return false,
    };
    properties.contains(PropertyId::ReasonString) || properties.contains(PropertyId::UserProperty)
}
