//! What a broker knows of a connection: all of it dies with the transport.

use alloc::boxed::Box;

use bytes::Bytes;

use super::slab::Key;
use super::timers::Scheduled;
use crate::session::Handshake;
use crate::time::Instant;

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
    pub(super) packets: Bytes,
    pub(super) deadline: Instant,
}
