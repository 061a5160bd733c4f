//! What a broker tells its driver and the program it is a part of.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use super::slab::Key;
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::reason::ReasonCode;
use crate::session::{CloseReason, ConnectRequest};
use crate::time::Instant;

/// One connection of a [`Broker`](crate::Broker); no later connection has the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) Key);

impl ConnectionId {
    /// A small number that no other open connection has, for tables of the driver's.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.index as usize
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

/// The index, and how many connections had it before.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.index, self.0.generation)
    }
}

/// What is to be done next; poll until [`Wait`](BrokerOutput::Wait).
#[derive(Debug, PartialEq)]
#[must_use]
pub enum BrokerOutput {
    /// There are bytes to send: call [`poll_transmit`](crate::Broker::poll_transmit) when the transport of
    /// this connection can take some.
    Transmit(ConnectionId),
    /// Something the program should know.
    Event(BrokerEvent),
    /// Close this transport, and call [`handle_closed`](crate::Broker::handle_closed) then.
    Close(ConnectionId),
    /// Nothing more for now: call [`handle_timeout`](crate::Broker::handle_timeout) at that time, if there
    /// is one and nothing else happens before.
    Wait(Option<Instant>),
}

/// Something the program should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerEvent {
    /// A client wants to connect: answer with [`accept`](crate::Broker::accept) or
    /// [`refuse`](crate::Broker::refuse), at any time, or in 5.0, where it has an authentication method, ask it for
    /// more with [`authenticate`](crate::Broker::authenticate).
    Connect {
        /// The connection.
        connection: ConnectionId,
        /// What the client asks for, and who it says it is.
        request: Box<ConnectRequest>,
    },
    /// An accepted client is connected.
    Connected {
        /// The connection.
        connection: ConnectionId,
        /// The client identifier; a client without one was given one.
        client_id: Arc<str>,
        /// Whether it goes on with a session.
        session_present: bool,
    },
    /// A client sent AUTH, section 4.12 of 5.0: answer with [`authenticate`](crate::Broker::authenticate), or,
    /// while its CONNECT is not answered, with [`accept`](crate::Broker::accept) or
    /// [`refuse`](crate::Broker::refuse).
    Authentication {
        /// The connection.
        connection: ConnectionId,
        /// [`ReAuthenticate`](ReasonCode::ReAuthenticate) of a connected client that begins another
        /// authentication, or an answer to what it was asked.
        reason_code: ReasonCode,
        /// The properties: the method, and data.
        properties: OwnedProperties,
    },
    /// A connection is over; exactly once for each.
    Disconnected {
        /// The connection.
        connection: ConnectionId,
        /// The client identifier of one that was accepted.
        client_id: Option<Arc<str>>,
        /// Why.
        reason: CloseReason,
        /// The properties of the client's DISCONNECT; else empty.
        properties: OwnedProperties,
    },
    /// The session of a client that stayed away for too long has ended. One that ends with its connection, by a clean
    /// start or by [`end_session`](crate::Broker::end_session) has no such event:
    /// [`has_session`](crate::Broker::has_session) tells what became of it.
    SessionExpired {
        /// The client identifier.
        client_id: Arc<str>,
    },
    /// A message that the program itself has subscribed to.
    Message(Arc<Message>),
}
