//! All connections, and which of them the loop has to look at.

use std::collections::VecDeque;
use std::mem;

use mio::event::Event;
use mqtt_sansio::{Broker, ConnectionId, Instant};

use crate::connection::{Connection, FIRST_TOKEN};

/// All connections, by the number that the broker gave them.
#[derive(Default)]
pub(crate) struct Sockets {
    table: Vec<Option<Connection>>,
    readable: Vec<usize>,
    /// Those that something was pulled for.
    dirty: Vec<usize>,
    /// Those that there is more to pull for.
    more: Vec<ConnectionId>,
    /// One of them holds as much as it may.
    full: bool,
    /// Those that take their time before a close, and until when they may.
    pub(crate) farewells: VecDeque<(Instant, ConnectionId)>,
}

impl Sockets {
    pub(crate) fn insert(&mut self, connection: Connection) {
        let index = connection.id.index();
        if self.table.len() <= index {
            self.table.resize_with(index + 1, || None);
        }
        if let Some(place) = self.table.get_mut(index) {
            *place = Some(connection);
        }
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) {
        if let Some(place) = self.table.get_mut(id.index()) {
            place.take_if(|connection| connection.id == id);
        }
    }

    pub(crate) fn at(&mut self, index: usize) -> Option<&mut Connection> {
        self.table.get_mut(index)?.as_mut()
    }

    pub(crate) fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.at(id.index()).filter(|connection| connection.id == id)
    }

    /// Whether there is something to do at once.
    pub(crate) fn is_busy(&self) -> bool {
        !self.readable.is_empty() || !self.more.is_empty()
    }

    /// Whether something should be written before more is read.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Notes what has become of a socket.
    pub(crate) fn note(&mut self, event: &Event) {
        let index = event.token().0.wrapping_sub(FIRST_TOKEN);
        let Some(connection) = self.at(index) else { return };
        let state = &mut connection.state;
        state.ending |= event.is_read_closed() || event.is_error();
        let readable = event.is_readable() || state.ending;
        if state.blocked && event.is_writable() && !mem::replace(&mut state.to_write, true) {
            self.dirty.push(index);
        }
        if readable {
            self.read_later(index);
        }
    }

    pub(crate) fn read_later(&mut self, index: usize) {
        if let Some(connection) = self.at(index) {
            if !mem::replace(&mut connection.state.to_read, true) {
                self.readable.push(index);
            }
        }
    }

    /// Those to be read in this turn.
    pub(crate) fn take_readable(&mut self) -> Vec<usize> {
        let readable = mem::take(&mut self.readable);
        for index in &readable {
            if let Some(connection) = self.at(*index) {
                connection.state.to_read = false;
            }
        }
        readable
    }

    /// Those that there is something to write to.
    pub(crate) fn take_dirty(&mut self) -> Vec<usize> {
        self.full = false;
        let dirty = mem::take(&mut self.dirty);
        for index in &dirty {
            if let Some(connection) = self.at(*index) {
                connection.state.to_write = false;
            }
        }
        dirty
    }

    /// Pulls what the broker has for a client.
    pub(crate) fn pull(&mut self, now: Instant, id: ConnectionId, broker: &mut Broker) {
        let Some(connection) = self.table.get_mut(id.index()).and_then(Option::as_mut) else {
            return;
        };
        let pulled = connection.pull(now, broker);
        self.full |= connection.is_full();
        if pulled && !mem::replace(&mut connection.state.to_write, true) {
            self.dirty.push(id.index());
        }
    }

    /// What was pulled for a client is gone: there may be more.
    pub(crate) fn pull_later(&mut self, id: ConnectionId) {
        let Some(connection) = self.get(id) else { return };
        if !connection.state.blocked && mem::take(&mut connection.state.more) {
            self.more.push(id);
        }
    }

    /// Pulls what there was no room for.
    pub(crate) fn pull_again(&mut self, now: Instant, broker: &mut Broker) {
        for id in mem::take(&mut self.more) {
            if self.get(id).is_some() {
                self.pull(now, id, broker);
            }
        }
    }
}
