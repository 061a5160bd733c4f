//! What the application handed over and was never sent.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::event::{ClientEvent, Handle, PublishOutcome, RequestOutcome};
use crate::message::{Filter, Message};
use crate::owned_properties::OwnedProperties;
use crate::packet::{Packet, Subscribe, Subscription, Unsubscribe};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::time::Instant;
use crate::version::Version;

/// A request of the application, by its kind: what its completion is told with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Publish(Handle),
    /// A QoS 2 message whose PUBREC said that nobody receives it.
    PublishUnmatched(Handle),
    Subscribe(Handle),
    /// An UNSUBSCRIBE with so many filters.
    Unsubscribe(Handle, usize),
}

impl Key {
    /// The key of a message that nobody receives.
    pub(super) fn unmatched(self) -> Key {
        match self {
            Key::Publish(handle) => Key::PublishUnmatched(handle),
            other => other,
        }
    }

    /// The completion of what was lost with its session or connection.
    pub(super) fn lost(self) -> ClientEvent {
        let (outcome, properties) = (RequestOutcome::Lost, OwnedProperties::EMPTY);
        match self {
            Key::Publish(handle) | Key::PublishUnmatched(handle) => {
                published(handle, PublishOutcome::Lost)
            }
            Key::Subscribe(handle) => ClientEvent::Subscribed { handle, outcome, properties },
            Key::Unsubscribe(handle, _) => {
                ClientEvent::Unsubscribed { handle, outcome, properties }
            }
        }
    }
}

/// A completion that no packet of the server's has brought.
pub(super) fn published(handle: Handle, outcome: PublishOutcome) -> ClientEvent {
    ClientEvent::Published { handle, outcome, properties: OwnedProperties::EMPTY }
}

/// A SUBSCRIBE or UNSUBSCRIBE to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Request {
    /// Filters with their options as they are sent.
    Subscribe(Vec<(Filter, u8)>, OwnedProperties),
    Unsubscribe(Vec<Filter>, OwnedProperties),
}

impl Request {
    /// What its packet is used for.
    pub(super) fn with_packet<T>(
        &self,
        packet_id: PacketId,
        f: impl FnOnce(&Packet<'_>) -> T,
    ) -> T {
        match self {
            Request::Subscribe(filters, properties) => {
                let filters: Vec<_> = filters.iter().map(subscription).collect();
                let properties = properties.properties();
                f(&Subscribe { properties, ..Subscribe::new(packet_id, &filters) }.into())
            }
            Request::Unsubscribe(filters, properties) => {
                let filters: Vec<_> = filters.iter().map(Filter::filter).collect();
                let properties = properties.properties();
                f(&Unsubscribe { properties, ..Unsubscribe::new(packet_id, &filters) }.into())
            }
        }
    }

    /// Its end without an answer.
    pub(super) fn ended(&self, handle: Handle, outcome: RequestOutcome) -> ClientEvent {
        let properties = OwnedProperties::EMPTY;
        match self {
            Request::Subscribe(..) => ClientEvent::Subscribed { handle, outcome, properties },
            Request::Unsubscribe(..) => ClientEvent::Unsubscribed { handle, outcome, properties },
        }
    }
}

fn subscription((filter, options): &(Filter, u8)) -> Subscription<'_> {
    let filter = filter.filter();
    // A stored session may hold others: they were never this client's.
    Subscription::from_options(filter, *options, Version::V5_0)
        .unwrap_or(Subscription::new(filter, QoS::AtMostOnce))
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) handle: Handle,
    pub(super) message: Message,
    /// When it is worth nothing any more. One of an earlier process begins to age with a connection.
    expires: Option<Instant>,
}

impl Waiting {
    /// Leaves of its Message Expiry Interval what is left of it.
    #[inline]
    pub(super) fn age(&mut self, now: Instant) {
        if let Some(expires) = self.expires {
            let properties = &mut self.message.properties;
            let left = expires - now;
            let left = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            if properties.message_expiry_interval().is_some_and(|all| left < all) {
                *properties = properties.with_message_expiry_interval(left);
            }
        }
    }
}

/// When a message expires that is handed over now; an interval of 0 is good for the moment.
#[inline]
fn expiry(message: &Message, now: Instant) -> Option<Instant> {
    if message.properties.is_empty() {
        return None;
    }
    let seconds = message.properties.message_expiry_interval()?;
    Some(now + Duration::from_secs(seconds.max(1).into()))
}

/// Messages and requests, each in their order. They do not wait for each other: a full window delays
/// messages only.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// Their handles ascend.
    messages: VecDeque<Waiting>,
    bytes: usize,
    /// Of those messages that expire.
    expiries: BTreeSet<(Instant, Handle)>,
    requests: VecDeque<(Handle, Request)>,
}

impl Queue {
    #[inline]
    pub(super) fn push_message(&mut self, handle: Handle, message: Message, now: Instant) {
        let expires = expiry(&message, now);
        self.expiries.extend(expires.map(|expires| (expires, handle)));
        self.push(Waiting { handle, message, expires });
    }

    /// A message of an earlier process.
    pub(super) fn resume_message(&mut self, handle: Handle, message: Message) {
        self.push(Waiting { handle, message, expires: None });
    }

    #[inline]
    fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.message.size();
        self.messages.push_back(waiting);
    }

    /// Messages of an earlier process age from now on.
    pub(super) fn start_ageing(&mut self, now: Instant) {
        for waiting in self.messages.iter_mut().filter(|waiting| waiting.expires.is_none()) {
            waiting.expires = expiry(&waiting.message, now);
            self.expiries.extend(waiting.expires.map(|expires| (expires, waiting.handle)));
        }
    }

    pub(super) fn push_request(&mut self, handle: Handle, request: Request) {
        self.requests.push_back((handle, request));
    }

    #[inline]
    pub(super) fn pop_message(&mut self) -> Option<Waiting> {
        let waiting = self.messages.pop_front()?;
        self.forget(&waiting);
        Some(waiting)
    }

    #[inline]
    fn forget(&mut self, waiting: &Waiting) {
        self.bytes -= waiting.message.size();
        if let Some(expires) = waiting.expires {
            self.expiries.remove(&(expires, waiting.handle));
        }
    }

    pub(super) fn pop_request(&mut self) -> Option<(Handle, Request)> {
        self.requests.pop_front()
    }

    /// When the next message expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(expires, _)| *expires)
    }

    /// Takes out a message that has expired by now.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<Handle> {
        let (_, handle) = self.expiries.first().copied().filter(|(expires, _)| *expires <= now)?;
        let place = self.messages.binary_search_by_key(&handle, |waiting| waiting.handle);
        let waiting = self.messages.remove(place.ok()?)?;
        self.forget(&waiting);
        Some(handle)
    }

    /// Takes out the messages for which `test` gives something, with that.
    pub(super) fn sift_messages<T>(
        &mut self,
        test: impl Fn(&Message) -> Option<T>,
    ) -> Vec<(Handle, T)> {
        let mut found = Vec::new();
        for waiting in core::mem::take(&mut self.messages) {
            match test(&waiting.message) {
                None => self.messages.push_back(waiting),
                Some(reason) => {
                    self.forget(&waiting);
                    found.push((waiting.handle, reason));
                }
            }
        }
        found
    }

    /// Takes out the requests for which `test` gives something, with that.
    pub(super) fn sift_requests<T>(
        &mut self,
        test: impl Fn(&Request) -> Option<T>,
    ) -> Vec<(Handle, Request, T)> {
        let mut found = Vec::new();
        for (handle, request) in core::mem::take(&mut self.requests) {
            match test(&request) {
                None => self.requests.push_back((handle, request)),
                Some(reason) => found.push((handle, request, reason)),
            }
        }
        found
    }

    pub(super) fn messages(&self) -> &VecDeque<Waiting> {
        &self.messages
    }

    pub(super) fn requests(&self) -> &VecDeque<(Handle, Request)> {
        &self.requests
    }

    /// The bytes of all messages.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Panics where the counter is not the sum of what it counts.
    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.messages.iter().map(|waiting| waiting.message.size()).sum();
        assert_eq!(self.bytes, bytes, "the bytes queued are miscounted");
        let expire = self.messages.iter().filter_map(|w| Some((w.expires?, w.handle)));
        assert_eq!(self.expiries, expire.collect(), "what expires is not what waits");
        let ascend = self.messages.iter().zip(self.messages.iter().skip(1));
        assert!(ascend.into_iter().all(|(a, b)| a.handle < b.handle), "handles do not ascend");
    }
}
