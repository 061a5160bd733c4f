//! How connections and sessions begin and end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Broker;
use super::clients;
use super::connection::{Farewell, State};
use super::event::{BrokerEvent, ConnectionId};
use super::permissions::Permissions;
use super::slab::Key;
use super::timers::Timer;
use crate::codec::{Frame, MAXIMUM_PACKET_SIZE};
use crate::reason::ReasonCode;
use crate::session::{CloseReason, Handshake, Session};
use crate::time::Instant;

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
        self.advance(now);
        let Some(handshake) = self.take_handshake(connection) else {
            return;
        };
        let key = match self.session_for(&handshake, permissions.into()) {
            Ok(key) => key,
            Err(reason) => {
                let code = match reason {
                    CloseReason::Refused(code) => code,
                    _ => ReasonCode::ServerUnavailable,
                };
                return self.farewell(connection, reason, handshake.refuse(code));
            }
        };
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        let Some((session_present, early)) = slot.session.accept(self.now, *handshake) else {
            return;
        };
        slot.connection = Some(connection);
        self.outputs.events.push_back(BrokerEvent::Connected {
            connection,
            client_id: Arc::clone(&slot.client_id),
            session_present,
        });
        let deadline = slot.session.deadline();
        self.outputs.announce(slot);
        self.set_state(connection, State::Session(key));
        self.schedule_session(key, None);
        self.schedule_connection(connection.0, deadline);
        self.statistics.clients_connected += 1;
        let connected = self.statistics.clients_connected;
        self.statistics.clients_maximum = self.statistics.clients_maximum.max(connected);
        self.session_input(connection, key, &early);
    }

    /// Turns down a client whose [`Connect`](BrokerEvent::Connect) event was polled: CONNACK with this code if
    /// the client's version has it, and a close. On a connection that is gone, or has no such event, this does
    /// nothing. [MQTT-3.2.2-5] [MQTT-3.2.2-6]
    pub fn refuse(&mut self, now: Instant, connection: ConnectionId, reason_code: ReasonCode) {
        self.advance(now);
        if let Some(handshake) = self.take_handshake(connection) {
            let answer = handshake.refuse(reason_code);
            self.farewell(connection, CloseReason::Refused(reason_code), answer);
        }
    }

    /// Closes a connection; the will of its client is published.
    pub fn disconnect(&mut self, now: Instant, connection: ConnectionId) {
        self.advance(now);
        self.close(connection, CloseReason::Requested);
    }

    /// The connection of the client with that identifier, while it is connected.
    #[must_use]
    pub fn connection(&self, client_id: &str) -> Option<ConnectionId> {
        self.clients.get(self.clients.find(client_id)?)?.connection
    }

    /// The identifiers of all clients that have a session, those that are away included.
    pub fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.clients.iter().map(|(_, slot)| &*slot.client_id)
    }

    /// Changes what a client may publish and receive from now on: its subscriptions stay, and what waits for it
    /// and it may not receive any more is dropped. Whether there is such a client.
    pub fn set_permissions(
        &mut self,
        now: Instant,
        client_id: &str,
        permissions: impl Into<Arc<Permissions>>,
    ) -> bool {
        self.advance(now);
        let slot = self.clients.find(client_id).and_then(|key| self.clients.get_mut(key));
        slot.map(|slot| slot.set_permissions(permissions.into())).is_some()
    }

    /// Ends the session of a client, whose connection is closed as by [`disconnect`](Broker::disconnect).
    /// Whether there was one.
    pub fn end_session(&mut self, now: Instant, client_id: &str) -> bool {
        self.advance(now);
        let Some(key) = self.clients.find(client_id) else {
            return false;
        };
        if let Some(connection) = self.clients.get(key).and_then(|slot| slot.connection) {
            self.close(connection, CloseReason::Requested);
        }
        // With the connection of a clean session it has ended.
        self.remove_session(key);
        true
    }

    /// Closes all connections, as [`disconnect`](Broker::disconnect) does.
    pub fn shutdown(&mut self, now: Instant) {
        self.advance(now);
        let open: Vec<_> = self.connections.iter().map(|(key, _)| ConnectionId(key)).collect();
        for connection in open {
            self.close(connection, CloseReason::Requested);
        }
    }

    /// The handshake of a connection whose CONNECT is to be answered now.
    fn take_handshake(&mut self, connection: ConnectionId) -> Option<Box<Handshake>> {
        let state = &mut self.connections.get_mut(connection.0)?.state;
        match core::mem::replace(state, State::Closed) {
            State::Handshake(handshake) if handshake.is_connect_received() => {
                self.pending -= 1;
                Some(handshake)
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// The session the client is to have: its old one, without its old connection, or a new one.
    /// [MQTT-3.1.4-2] [MQTT-3.1.4-3]
    fn session_for(
        &mut self,
        handshake: &Handshake,
        permissions: Arc<Permissions>,
    ) -> Result<Key, CloseReason> {
        let client_id = handshake.client_id();
        let old = self.clients.find(client_id).and_then(|key| self.clients.get(key));
        if old.is_some_and(|slot| slot.assigned) {
            return Err(CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
        }
        if let Some(connection) = old.and_then(|slot| slot.connection) {
            self.close(connection, CloseReason::TakenOver);
        }
        if let Some(key) = self.clients.find(client_id) {
            match self.clients.get_mut(key) {
                Some(slot) if !handshake.is_clean_start() => {
                    slot.set_permissions(permissions);
                    return Ok(key);
                }
                _ => self.remove_session(key), // [MQTT-3.1.2-6]
            }
        }
        if self.clients.len() >= self.config.max_sessions {
            return Err(CloseReason::TooManySessions);
        }
        let session = Session::new(Arc::clone(&self.session_config));
        let key = self.clients.insert(client_id, session, permissions);
        key.ok_or(CloseReason::TooManySessions)
    }

    /// A CONNECT is not accepted: the last packet, then the close.
    pub(super) fn end_handshake(
        &mut self,
        connection: ConnectionId,
        reason: CloseReason,
        answer: Option<Bytes>,
    ) {
        self.pending -= 1;
        self.farewell(connection, reason, answer);
    }

    /// The end of a connection that was none of a session's.
    fn farewell(&mut self, connection: ConnectionId, reason: CloseReason, answer: Option<Bytes>) {
        self.statistics.refused += 1;
        self.statistics.client_faults += u64::from(matches!(reason, CloseReason::ClientFault(_)));
        self.disconnected(connection, None, reason);
        self.say_farewell(connection, answer.unwrap_or_default());
    }

    /// The last packets, if there are any, then the close.
    fn say_farewell(&mut self, connection: ConnectionId, packets: Bytes) {
        if packets.is_empty() {
            return self.set_closed(connection);
        }
        let deadline = self.now + self.config.close_timeout;
        let farewell = Box::new(Farewell { packets, deadline });
        self.set_state(connection, State::Closing(farewell));
        self.schedule_connection(connection.0, Some(deadline));
        self.outputs.transmit.push_back(connection);
    }

    /// Hands out the last packets of a connection.
    pub(super) fn farewell_transmit(
        &mut self,
        connection: ConnectionId,
        out: &mut Vec<Bytes>,
        max: usize,
    ) -> usize {
        let state = self.connections.get_mut(connection.0).map(|connection| &mut connection.state);
        let Some(State::Closing(farewell)) = state else {
            return 0;
        };
        let mut rest = &farewell.packets[..];
        let mut size = 0;
        while size < max {
            let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) else {
                break;
            };
            self.statistics.packets.sent.add(frame.first_byte(), frame.as_bytes().len());
            size += frame.as_bytes().len();
            rest = after;
        }
        out.push(farewell.packets.split_to(size));
        if farewell.packets.is_empty() {
            self.set_closed(connection);
        } else {
            self.outputs.transmit.push_back(connection);
        }
        size
    }

    /// The connection is over for this reason, unless it was before: its session goes on without it, or ends.
    pub(super) fn close(&mut self, connection: ConnectionId, reason: CloseReason) {
        let state = self.connections.get(connection.0).map(|connection| &connection.state);
        match state {
            Some(State::Session(key)) => return self.close_session(connection, *key, reason),
            Some(State::Handshake(_)) => {
                self.pending -= 1;
                self.disconnected(connection, None, reason);
            }
            Some(State::Closing(_)) => {}
            Some(State::Closed) | None => return,
        }
        self.set_closed(connection);
    }

    /// The connection of a session is over.
    fn close_session(&mut self, connection: ConnectionId, key: Key, reason: CloseReason) {
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        let ends = slot.session.is_clean();
        let answers = slot.session.take_answers();
        let will = slot.session.close(reason);
        slot.connection = None;
        let client_id = Arc::clone(&slot.client_id);
        let permissions = Arc::clone(&slot.permissions);
        self.statistics.clients_connected -= 1;
        self.statistics.client_faults += u64::from(matches!(reason, CloseReason::ClientFault(_)));
        self.disconnected(connection, Some(client_id), reason);
        self.say_farewell(connection, if reason.is_answered() { answers } else { Bytes::new() });
        if ends {
            self.remove_session(key);
        } else {
            let expiry = self.config.session_expiry.map(|expiry| self.now + expiry);
            self.schedule_session(key, expiry);
        }
        if let Some(will) = will {
            self.publish_will(&permissions, &will);
        }
    }

    /// Removes a session, with its subscriptions.
    fn remove_session(&mut self, key: Key) {
        self.router.remove_subscriber(clients::subscriber(key));
        self.schedule_session(key, None);
        self.clients.remove(key);
    }

    /// A connection's time has come: for what, its state tells.
    pub(super) fn connection_timeout(&mut self, index: u32) {
        let Some((key, connection)) = self.connections.at(index) else {
            return;
        };
        let (deadline, reason) = match &connection.state {
            State::Handshake(handshake) => (handshake.deadline(), CloseReason::ConnectTimeout),
            State::Session(session) => {
                let slot = self.clients.get(*session);
                let deadline = slot.and_then(|slot| slot.session.deadline());
                (deadline, CloseReason::KeepAliveTimeout) // [MQTT-3.1.2-24]
            }
            State::Closing(farewell) => (Some(farewell.deadline), CloseReason::Requested),
            State::Closed => (None, CloseReason::Requested),
        };
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            self.close(ConnectionId(key), reason);
        } else {
            self.schedule_connection(key, deadline);
        }
    }

    /// The client of a session has stayed away for too long.
    pub(super) fn session_timeout(&mut self, index: u32) {
        if let Some((key, slot)) = self.clients.at(index) {
            let client_id = Arc::clone(&slot.client_id);
            self.remove_session(key);
            self.statistics.clients_expired += 1;
            self.outputs.events.push_back(BrokerEvent::SessionExpired { client_id });
        }
    }

    pub(super) fn schedule_connection(&mut self, key: Key, at: Option<Instant>) {
        if let Some(connection) = self.connections.get_mut(key) {
            self.timers.set(Timer::Connection(key.index), &mut connection.timer, at);
        }
    }

    fn schedule_session(&mut self, key: Key, at: Option<Instant>) {
        if let Some(slot) = self.clients.get_mut(key) {
            self.timers.set(Timer::Session(key.index), &mut slot.timer, at);
        }
    }

    fn set_state(&mut self, connection: ConnectionId, state: State) {
        if let Some(connection) = self.connections.get_mut(connection.0) {
            connection.state = state;
        }
    }

    /// Nothing is sent or read any more: the driver is to close the transport.
    fn set_closed(&mut self, connection: ConnectionId) {
        self.set_state(connection, State::Closed);
        self.schedule_connection(connection.0, None);
        self.outputs.close.push_back(connection);
    }

    fn disconnected(
        &mut self,
        connection: ConnectionId,
        client_id: Option<Arc<str>>,
        reason: CloseReason,
    ) {
        let event = BrokerEvent::Disconnected { connection, client_id, reason };
        self.outputs.events.push_back(event);
    }
}
