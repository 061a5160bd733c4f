//! How connections and sessions end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::Broker;
use super::clients;
use super::connection::{Farewell, State};
use super::error::BrokerError;
use super::event::{BrokerEvent, ConnectionId};
use super::permissions::Permissions;
use super::slab::Key;
use super::timers::Timer;
use crate::codec::Property;
use crate::delivery::Batch;
use crate::owned_properties::OwnedProperties;
use crate::reason::ReasonCode;
use crate::session::{self, CloseReason, Place};
use crate::time::Instant;
use crate::version::Version;

impl Broker {
    /// Closes a connection, in 5.0 with DISCONNECT as an administrative action; the will of its client is
    /// published. Before CONNACK it is just closed; one that is gone is left alone.
    pub fn disconnect(&mut self, now: Instant, connection: ConnectionId) {
        self.advance(now);
        self.close(connection, CloseReason::Requested);
    }

    /// The same with what DISCONNECT of 5.0 says: a code, Reason String, Server Reference and User Properties.
    /// Before 5.0, and before CONNACK, it is not sent.
    ///
    /// # Errors
    ///
    /// Where a server cannot say that; the connection goes on then.
    pub fn disconnect_with(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), BrokerError> {
        self.advance(now);
        session::check_disconnect(reason_code, properties)?;
        let (reason, nothing) = (CloseReason::Requested, OwnedProperties::EMPTY);
        self.close_with(connection, reason, nothing, Some((reason_code, properties)));
        Ok(())
    }

    /// The connection of the client with that identifier, while it is connected.
    #[must_use]
    pub fn connection(&self, client_id: &str) -> Option<ConnectionId> {
        self.clients.get(self.clients.find(client_id)?)?.connection
    }

    /// Whether the client with that identifier has a session, connected or not.
    #[must_use]
    pub fn has_session(&self, client_id: &str) -> bool {
        self.clients.find(client_id).is_some()
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
        let key = self.clients.find(client_id);
        key.is_some_and(|key| self.change_permissions(key, &permissions.into()))
    }

    /// What waits for the client of shared subscriptions and it may not receive any more, others get if they can.
    /// Whether there is such a client.
    pub(super) fn change_permissions(&mut self, key: Key, permissions: &Arc<Permissions>) -> bool {
        if self.clients.get(key).is_some_and(|slot| slot.permissions != *permissions) {
            self.hand_on(key, true, |place, message| {
                matches!(place, Place::Waiting(_)) && !permissions.may_receive(message.topic.name())
            });
        }
        let slot = self.clients.get_mut(key);
        slot.map(|slot| slot.set_permissions(Arc::clone(permissions))).is_some()
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

    /// Closes all connections, as [`disconnect`](Broker::disconnect) does, in 5.0 because the server is shutting
    /// down.
    pub fn shutdown(&mut self, now: Instant) {
        self.advance(now);
        let open: Vec<_> = self.connections.slab.iter().map(|(key, _)| ConnectionId(key)).collect();
        let words = [Property::ReasonString("the server is shutting down")];
        for connection in open {
            let said = Some((ReasonCode::ServerShuttingDown, &words[..]));
            self.close_with(connection, CloseReason::Requested, OwnedProperties::EMPTY, said);
        }
    }

    /// The end of a connection that was none of a session's.
    pub(super) fn farewell(
        &mut self,
        connection: ConnectionId,
        reason: CloseReason,
        answer: Option<Bytes>,
    ) {
        self.statistics.refused += 1;
        self.statistics.client_faults += u64::from(matches!(reason, CloseReason::ClientFault(_)));
        self.disconnected(connection, None, reason, OwnedProperties::EMPTY);
        self.say_farewell(connection, answer.unwrap_or_default().into());
    }

    /// The last packets, if there are any, then the close.
    fn say_farewell(&mut self, connection: ConnectionId, packets: Vec<u8>) {
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
        let state = self.connections.state_mut(connection);
        let Some(State::Closing(farewell)) = state else {
            return 0;
        };
        let sent = &mut self.statistics.packets.sent;
        let mut batch = Batch::new(out, Version::V5_0, sent); // nothing is encoded any more
        batch.control(&mut farewell.packets, max);
        let size = batch.finish();
        if farewell.packets.is_empty() {
            self.set_closed(connection);
        } else {
            self.outputs.transmit.push_back(connection);
        }
        size
    }

    /// The connection is over for this reason, unless it was before: its session goes on without it, or ends.
    pub(super) fn close(&mut self, connection: ConnectionId, reason: CloseReason) {
        self.close_with(connection, reason, OwnedProperties::EMPTY, None);
    }

    /// The same with what the client has said in DISCONNECT, and what it is told in one.
    pub(super) fn close_with(
        &mut self,
        connection: ConnectionId,
        reason: CloseReason,
        properties: OwnedProperties,
        said: Option<(ReasonCode, &[Property<'_>])>,
    ) {
        let state = self.connections.state(connection);
        match state {
            Some(State::Session(key)) => {
                let key = *key;
                if let Some(slot) = self.clients.get_mut(key) {
                    let last = slot.session.last_packets(reason, said);
                    self.close_session(connection, key, reason, properties);
                    self.say_farewell(connection, last);
                }
                return;
            }
            Some(State::Handshake(_)) => {
                self.connections.pending -= 1;
                self.disconnected(connection, None, reason, properties);
            }
            Some(State::Closing(_)) => {}
            Some(State::Closed) | None => return,
        }
        self.set_closed(connection);
    }

    /// The connection of a session is over.
    fn close_session(
        &mut self,
        connection: ConnectionId,
        key: Key,
        reason: CloseReason,
        properties: OwnedProperties,
    ) {
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        let ends = slot.session.ends_with_connection();
        let client_id = Arc::clone(&slot.client_id);
        let permissions = Arc::clone(&slot.permissions);
        slot.connection = None;
        self.statistics.clients_connected -= 1;
        self.statistics.client_faults += u64::from(matches!(reason, CloseReason::ClientFault(_)));
        self.disconnected(connection, Some(Arc::clone(&client_id)), reason, properties);
        self.hand_on(key, ends, |_, _| true);
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        let Some(mut ended) = slot.session.close(reason) else {
            return;
        };
        if ends {
            self.remove_session(key);
        } else {
            slot.delay_will(&mut ended, self.now);
            let longest = self.config.session_expiry;
            let expiry = match ended.session_expiry_interval {
                u32::MAX => longest,
                seconds => {
                    let asked = Duration::from_secs(seconds.into());
                    Some(longest.map_or(asked, |longest| longest.min(asked)))
                }
            };
            slot.expires = expiry.map(|expiry| self.now + expiry);
            self.schedule_session(key);
        }
        if let Some(will) = ended.will {
            self.publish_will((!ends).then_some(key), &permissions, &client_id, will);
        }
    }

    /// Removes a session, with its subscriptions. What it had to send for others, and a will that waits, go
    /// their way. [MQTT-3.1.2-8] [MQTT-4.1.0-2]
    pub(super) fn remove_session(&mut self, key: Key) {
        self.hand_on(key, true, |_, _| true);
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        self.router.remove_subscriber(clients::subscriber(key));
        slot.expires = None;
        let will = slot.will.take();
        self.statistics.publish_dropped += slot.session.take_dropped();
        self.schedule_session(key);
        let slot = self.clients.remove(key);
        if let (Some(will), Some(slot)) = (will, slot) {
            self.publish_will(None, &slot.permissions, &slot.client_id, will.message);
        }
    }

    /// A connection's time has come: for what, its state tells.
    pub(super) fn connection_timeout(&mut self, index: u32) {
        let Some((key, connection)) = self.connections.slab.at(index) else {
            return;
        };
        let (deadline, reason) = match &connection.state {
            State::Handshake(handshake) => (handshake.deadline(), CloseReason::ConnectTimeout),
            State::Session(session) => {
                let slot = self.clients.get(*session);
                let deadline = slot.and_then(|slot| slot.session.deadline());
                (deadline, CloseReason::KeepAliveTimeout) // [MQTT-3.1.2-22]
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

    /// The will of a session has waited for its delay, or the client has stayed away for too long.
    pub(super) fn session_timeout(&mut self, index: u32) {
        let Some((key, slot)) = self.clients.at(index) else {
            return;
        };
        if slot.expires.is_some_and(|expires| expires <= self.now) {
            let client_id = Arc::clone(&slot.client_id);
            self.remove_session(key);
            self.statistics.clients_expired += 1;
            return self.outputs.events.push_back(BrokerEvent::SessionExpired { client_id });
        }
        self.will_timeout(key);
        self.schedule_session(key);
    }

    pub(super) fn schedule_connection(&mut self, key: Key, at: Option<Instant>) {
        if let Some(connection) = self.connections.slab.get_mut(key) {
            self.timers.set(Timer::Connection(key.index), &mut connection.timer, at);
        }
    }

    pub(super) fn schedule_session(&mut self, key: Key) {
        if let Some(slot) = self.clients.get_mut(key) {
            let at = slot.deadline();
            self.timers.set(Timer::Session(key.index), &mut slot.timer, at);
        }
    }

    pub(super) fn set_state(&mut self, connection: ConnectionId, state: State) {
        if let Some(old) = self.connections.state_mut(connection) {
            *old = state;
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
        properties: OwnedProperties,
    ) {
        let event = BrokerEvent::Disconnected { connection, client_id, reason, properties };
        self.outputs.events.push_back(event);
    }
}
