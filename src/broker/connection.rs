//! What a broker knows of a connection: all of it dies with the transport.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::event::ConnectionId;
use super::slab::{Key, Slab};
use super::timers::Scheduled;
use crate::session::Handshake;
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Connections {
    pub(super) slab: Slab<Connection>,
    /// How many of them wait for the answer to their CONNECT.
    pub(super) pending: usize,
}

impl Connections {
    pub(super) const fn new() -> Connections {
        Connections { slab: Slab::new(), pending: 0 }
    }

    /// What an open connection is about.
    #[inline]
    pub(super) fn state(&self, connection: ConnectionId) -> Option<&State> {
        self.slab.get(connection.0).map(|connection| &connection.state)
    }

    pub(super) fn state_mut(&mut self, connection: ConnectionId) -> Option<&mut State> {
        self.slab.get_mut(connection.0).map(|connection| &mut connection.state)
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    pub(super) timer: Scheduled,
}

/// ```text
/// Handshake ──── accepted ────▶ Session
///     │ refused                   │ over
///     ▼                           ▼
///  Closing, where something is left to say ──── pulled, or too late ────▶ Closed
/// ```
#[derive(Debug)]
pub(super) enum State {
    /// CONNECT is awaited, or its answer.
    Handshake(Box<Handshake>),
    /// The connection of this session.
    Session(Key),
    /// The last packets are to be pulled before the deadline.
    Closing(Box<Farewell>),
    /// The driver closes the transport.
    Closed,
}

/// The last packets of a connection.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) packets: Vec<u8>,
    pub(super) deadline: Instant,
}
