//! What a session tells the server it is a part of.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::error::CloseReason;
use crate::message::{Filter, Message};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::time::Instant;

/// What is to be done next; poll until [`Wait`](SessionOutput::Wait).
#[derive(Debug, PartialEq)]
#[must_use]
pub enum SessionOutput {
    /// There are bytes to send: call [`poll_transmit`](crate::Session::poll_transmit) when the transport
    /// can take some.
    Transmit,
    /// Something the server should act on.
    Event(SessionEvent),
    /// Close the transport.
    Close,
    /// Nothing more for now: call [`handle_timeout`](crate::Session::handle_timeout) at that time, if there
    /// is one and nothing else happens before.
    Wait(Option<Instant>),
}

/// Something the server should act on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The client published a message, which is acknowledged: route it. At QoS 2 this comes with its
    /// PUBREL.
    Publish(Arc<Message>),
    /// The client asks for subscriptions: answer with [`suback`](crate::Session::suback).
    Subscribe {
        /// What the answer names.
        packet_id: PacketId,
        /// The filters in their order, with the QoS asked for.
        subscriptions: Vec<(Filter, QoS)>,
    },
    /// The client ends subscriptions: answer with [`unsuback`](crate::Session::unsuback).
    Unsubscribe {
        /// What the answer names.
        packet_id: PacketId,
        /// The filters in their order.
        filters: Vec<Filter>,
    },
    /// The connection is over; exactly once for each.
    Closed {
        /// Why.
        reason: CloseReason,
        /// The will that is to be published now.
        will: Option<Arc<Message>>,
    },
}
