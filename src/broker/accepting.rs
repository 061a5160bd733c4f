//! How a CONNECT is answered.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Broker;
use super::connection::State;
use super::error::BrokerError;
use super::event::{BrokerEvent, ConnectionId};
use super::permissions::Permissions;
use super::slab::Key;
use crate::codec::Property;
use crate::packet_type::PacketType;
use crate::reason::ReasonCode;
use crate::session::{self, AuthenticationError, CloseReason, Handshake, Rejection, Session};
use crate::time::Instant;
use crate::version::Version;
use crate::violation::Violation;

impl Broker {
    /// Accepts a client whose [`Connect`](BrokerEvent::Connect) event was polled, with what it may publish and
    /// receive. Only now its session is looked up, taken over from an older connection, or, for a clean start,
    /// ended. On a connection that is gone, or has no such event, this does nothing.
    pub fn accept(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        permissions: impl Into<Arc<Permissions>>,
    ) {
        // Without properties nothing can be wrong.
        let _ = self.accept_with(now, connection, permissions, &[]);
    }

    /// The same with what CONNACK of 5.0 says beside what follows from the configuration, section 3.2.2.3: Session
    /// Expiry Interval (not above [`session_expiry`](crate::BrokerConfig::session_expiry)) and Server Keep
    /// Alive, which hold from then on, Assigned Client Identifier for a client that has sent none, Response
    /// Information, which is sent where it is asked for, Authentication Data, Reason String and User Properties.
    /// Before 5.0 all of it is left out.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be said, or another client has the identifier; the CONNECT still waits then.
    pub fn accept_with(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        permissions: impl Into<Arc<Permissions>>,
        properties: &[Property<'_>],
    ) -> Result<(), BrokerError> {
        self.advance(now);
        self.check_acceptance(connection, properties)?;
        let Some(handshake) = self.take_handshake(connection) else {
            return Ok(());
        };
        let properties = match handshake.version() {
            Some(Version::V5_0) => self.acceptance(&handshake, properties),
            _ => Vec::new(),
        };
        let (key, is_new) = match self.session_for(&handshake, permissions.into(), &properties) {
            Ok(found) => found,
            Err(reason) => {
                let code = match reason {
                    CloseReason::Refused(code) => code,
                    _ => ReasonCode::ServerUnavailable,
                };
                self.farewell(connection, reason, handshake.refuse(code));
                return Ok(());
            }
        };
        if let Err(Rejection { fault, answer, .. }) =
            self.begin_session(connection, key, *handshake, &properties)
        {
            if is_new {
                self.remove_session(key);
            }
            self.farewell(connection, fault.into(), answer);
        }
        Ok(())
    }

    /// Whether the program may say that to the client.
    fn check_acceptance(
        &self,
        connection: ConnectionId,
        properties: &[Property<'_>],
    ) -> Result<(), BrokerError> {
        let state = self.connections.state(connection);
        let Some(State::Handshake(handshake)) = state else {
            return Ok(());
        };
        handshake.check_acceptance(properties)?;
        match assigned(properties) {
            Some(client_id) if self.clients.find(client_id).is_some() => {
                Err(BrokerError::ClientIdentifierInUse)
            }
            _ => Ok(()),
        }
    }

    fn check_refusal(
        &self,
        connection: ConnectionId,
        reason_code: ReasonCode,
    ) -> Result<(), BrokerError> {
        let state = self.connections.state(connection);
        let listed = reason_code.is_error() && reason_code.is_allowed_in(PacketType::ConnAck);
        match state {
            Some(State::Handshake(handshake))
                if handshake.version() == Some(Version::V5_0) && !listed =>
            {
                Err(Violation::ReasonCodeNotListed.into())
            }
            _ => Ok(()),
        }
    }

    /// What CONNACK says, with the Session Expiry Interval that holds where it is not the one asked for.
    fn acceptance<'a>(
        &self,
        handshake: &Handshake,
        properties: &[Property<'a>],
    ) -> Vec<Property<'a>> {
        let mut all = Vec::new();
        let asked = handshake.session_expiry_interval();
        let mut interval = asked;
        for property in properties {
            match property {
                Property::SessionExpiryInterval(seconds) => interval = *seconds,
                other => all.push(*other),
            }
        }
        let longest = self
            .config
            .session_expiry
            .map_or(u32::MAX, |longest| u32::try_from(longest.as_secs()).unwrap_or(u32::MAX));
        let interval = interval.min(longest);
        if interval != asked {
            all.insert(0, Property::SessionExpiryInterval(interval));
        }
        all
    }

    /// The connection becomes the session's.
    fn begin_session(
        &mut self,
        connection: ConnectionId,
        key: Key,
        handshake: Handshake,
        properties: &[Property<'_>],
    ) -> Result<(), Rejection> {
        let Some(slot) = self.clients.get_mut(key) else {
            return Ok(());
        };
        let client_id = Arc::clone(&slot.client_id);
        let mut properties = properties.to_vec();
        let nameless = handshake.client_id().is_empty() && assigned(&properties).is_none();
        if nameless && handshake.version() == Some(Version::V5_0) {
            properties.push(Property::AssignedClientIdentifier(&client_id)); // [MQTT-3.1.3-7]
        }
        let accepted = slot.session.accept(self.now, handshake, &properties)?;
        let Some((session_present, early)) = accepted else {
            return Ok(());
        };
        slot.connection = Some(connection);
        // [MQTT-3.1.3-9]
        (slot.will, slot.expires) = (None, None);
        self.outputs.events.push_back(BrokerEvent::Connected {
            connection,
            client_id,
            session_present,
        });
        let deadline = slot.session.deadline();
        self.outputs.announce(slot);
        self.set_state(connection, State::Session(key));
        self.schedule_session(key);
        self.schedule_connection(connection.0, deadline);
        self.statistics.clients_connected += 1;
        let connected = self.statistics.clients_connected;
        self.statistics.clients_maximum = self.statistics.clients_maximum.max(connected);
        self.session_input(connection, key, &early);
        Ok(())
    }

    /// Turns down a client whose [`Connect`](BrokerEvent::Connect) event was polled: CONNACK with this code if
    /// the client's version has it (Unspecified Error in 5.0 if not), and a close. On a connection that is gone, or has no such event, this does
    /// nothing. [MQTT-3.2.2-5] [MQTT-3.2.2-6]; in 5.0 [MQTT-3.2.2-7]
    pub fn refuse(&mut self, now: Instant, connection: ConnectionId, reason_code: ReasonCode) {
        self.advance(now);
        if let Some(handshake) = self.take_handshake(connection) {
            let answer = handshake.refuse(reason_code);
            self.farewell(connection, CloseReason::Refused(reason_code), answer);
        }
    }

    /// The same with what CONNACK of 5.0 says to it: Reason String, Server Reference and User Properties. Before
    /// 5.0 they are left out.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be said, or CONNACK of 5.0 has no such code; the CONNECT still waits then.
    pub fn refuse_with(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), BrokerError> {
        self.advance(now);
        self.check_refusal(connection, reason_code)?;
        session::check_properties(properties, PacketType::ConnAck, |property| {
            matches!(
                property,
                Property::ReasonString(_)
                    | Property::ServerReference(_)
                    | Property::UserProperty(_)
            )
        })?;
        if let Some(handshake) = self.take_handshake(connection) {
            let answer = handshake.refuse_with(reason_code, properties);
            self.farewell(connection, CloseReason::Refused(reason_code), answer);
        }
        Ok(())
    }

    /// Sends AUTH, section 4.12 of 5.0, with the method of CONNECT and these properties, of which Authentication
    /// Data, Reason String and User Properties may be there.
    /// [`ContinueAuthentication`](ReasonCode::ContinueAuthentication) asks for more, in answer to a
    /// [`Connect`](BrokerEvent::Connect) with a method or to [`Authentication`](BrokerEvent::Authentication);
    /// [`Success`](ReasonCode::Success) ends what a connected client has begun anew. It is ended with failure by
    /// [`disconnect_with`](Broker::disconnect_with). Before CONNACK the client must answer in time; once it is
    /// connected that is for the program to watch. [MQTT-4.12.0-2] [MQTT-4.12.1-2]
    ///
    /// # Errors
    ///
    /// Where it is not the server's turn to send AUTH, or the packet cannot be sent.
    pub fn authenticate(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), BrokerError> {
        let now = self.advance(now);
        let asks = reason_code == ReasonCode::ContinueAuthentication;
        let state = self.connections.state_mut(connection);
        match state {
            // There the end is CONNACK.
            Some(State::Handshake(handshake)) if asks => {
                handshake.authenticate(now, properties)?;
                let deadline = handshake.deadline();
                self.schedule_connection(connection.0, deadline);
                self.outputs.transmit.push_back(connection);
                Ok(())
            }
            Some(State::Session(key)) if asks || reason_code == ReasonCode::Success => {
                let slot = self.clients.get_mut(*key).ok_or(AuthenticationError::NotInTurn)?;
                slot.session.authenticate(now, reason_code, properties)?;
                self.outputs.announce(slot);
                Ok(())
            }
            _ => Err(AuthenticationError::NotInTurn.into()),
        }
    }

    /// Hands out what is to be sent before CONNACK.
    pub(super) fn handshake_transmit(
        &mut self,
        connection: ConnectionId,
        out: &mut Vec<Bytes>,
        max: usize,
    ) -> usize {
        let state = self.connections.state_mut(connection);
        let Some(State::Handshake(handshake)) = state else {
            return 0;
        };
        let size = handshake.transmit(out, max, &mut self.statistics.packets.sent);
        if handshake.has_something_to_send() {
            self.outputs.transmit.push_back(connection);
        }
        size
    }

    /// The handshake of a connection whose CONNECT is to be answered now.
    fn take_handshake(&mut self, connection: ConnectionId) -> Option<Box<Handshake>> {
        let state = self.connections.state_mut(connection)?;
        match core::mem::replace(state, State::Closed) {
            State::Handshake(handshake) if handshake.is_connect_received() => {
                self.connections.pending -= 1;
                Some(handshake)
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// The session the client is to have: its old one, or a new one; whether it is new.
    fn session_for(
        &mut self,
        handshake: &Handshake,
        permissions: Arc<Permissions>,
        properties: &[Property<'_>],
    ) -> Result<(Key, bool), CloseReason> {
        let client_id = assigned(properties).unwrap_or(handshake.client_id());
        if let Some(key) = self.clients.find(client_id) {
            self.leave_session(key, handshake)?;
            if self.change_permissions(key, &permissions) {
                return Ok((key, false));
            }
        }
        if self.clients.len() >= self.config.max_sessions {
            return Err(CloseReason::TooManySessions);
        }
        let session = Session::new(Arc::clone(&self.session_config));
        let version = handshake.version().unwrap_or(Version::V3_1_1);
        let key = self.clients.insert(client_id, version, session, permissions);
        key.map(|key| (key, true)).ok_or(CloseReason::TooManySessions)
    }

    /// The client's old session is left by its old connection, and ends for a clean start. [MQTT-3.1.4-2]
    /// [MQTT-3.1.4-3]; in 5.0 [MQTT-3.1.4-3] [MQTT-3.1.4-4]
    fn leave_session(&mut self, key: Key, handshake: &Handshake) -> Result<(), CloseReason> {
        self.session_timeout(key.index); // the driver may be late
        let Some(slot) = self.clients.get(key) else {
            return Ok(());
        };
        if slot.assigned {
            return Err(CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
        }
        if let Some(connection) = slot.connection {
            self.close(connection, CloseReason::TakenOver);
        }
        if handshake.is_clean_start() {
            self.remove_session(key); // [MQTT-3.1.2-4]; before 5.0 [MQTT-3.1.2-6]
        }
        Ok(())
    }

    /// A CONNECT is not accepted: the last packet, then the close.
    pub(super) fn end_handshake(
        &mut self,
        connection: ConnectionId,
        reason: CloseReason,
        answer: Option<Bytes>,
    ) {
        self.connections.pending -= 1;
        self.farewell(connection, reason, answer);
    }
}

/// The client identifier that the program gives a client without one.
fn assigned<'a>(properties: &[Property<'a>]) -> Option<&'a str> {
    properties.iter().find_map(|property| match property {
        Property::AssignedClientIdentifier(client_id) => Some(*client_id),
        _ => None,
    })
}
