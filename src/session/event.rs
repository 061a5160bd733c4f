//! What a session tells the server it is a part of.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::error::CloseReason;
use crate::message::{Filter, Message};
use crate::owned_properties::OwnedProperties;
use crate::packet::Subscription;
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::time::Instant;
use crate::version::Version;

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
    /// The client published a message.
    Publish {
        /// The message: route it at QoS 0 and 1. Before 5.0 this comes at QoS 2 with its PUBREL. An event of an
        /// earlier connection is not answered any more: the client asks again.
        message: Arc<Message>,
        /// Of 5.0 at QoS 1 and 2: answer with [`puback`](crate::Session::puback) or
        /// [`pubrec`](crate::Session::pubrec). Before it, it is acknowledged.
        packet_id: Option<PacketId>,
    },
    /// A message of 5.0 at QoS 2 was released by its PUBREL: route it.
    Release(Arc<Message>),
    /// The client asks for subscriptions: answer with [`suback`](crate::Session::suback).
    Subscribe {
        /// What the answer names.
        packet_id: PacketId,
        /// The filters in their order.
        subscriptions: Vec<SubscriptionRequest>,
        /// The properties; empty before 5.0.
        properties: OwnedProperties,
    },
    /// The client ends subscriptions: answer with [`unsuback`](crate::Session::unsuback).
    Unsubscribe {
        /// What the answer names.
        packet_id: PacketId,
        /// The filters in their order.
        filters: Vec<Filter>,
        /// The properties; empty before 5.0.
        properties: OwnedProperties,
    },
    /// The client sent AUTH: answer with [`authenticate`](crate::Session::authenticate). (Section 4.12 of 5.0.)
    Authentication {
        /// [`ReAuthenticate`](ReasonCode::ReAuthenticate), or an answer to what it was asked.
        reason_code: ReasonCode,
        /// The properties.
        properties: OwnedProperties,
    },
    /// The connection is over; exactly once for each.
    Closed {
        /// Why.
        reason: CloseReason,
        /// The properties of the client's DISCONNECT; else empty.
        properties: OwnedProperties,
        /// The will that is to be published, if the session goes on, after its delay.
        will: Option<Arc<Message>>,
        /// That delay in seconds; 0 before 5.0.
        will_delay_interval: u32,
        /// How long the session is to be kept, in seconds; `u32::MAX`: for ever.
        session_expiry_interval: u32,
    },
}

/// A subscription that a client asks for, with bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionRequest {
    filter: Filter,
    options: u8,
}

impl SubscriptionRequest {
    pub(super) fn new(subscription: &Subscription<'_>) -> SubscriptionRequest {
        let (filter, options) = (subscription.filter.into(), subscription.options());
        SubscriptionRequest { filter, options }
    }

    /// What is asked for.
    #[must_use]
    pub fn subscription(&self) -> Subscription<'_> {
        let filter = self.filter.filter();
        Subscription::from_options(filter, self.options, Version::V5_0)
            .unwrap_or(Subscription::new(filter, QoS::AtMostOnce))
    }
}
