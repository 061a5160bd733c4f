//! What the application asks for: messages, subscriptions and their ends.

use super::error::{CommandError, NotSent};
use super::event::{Handle, PublishOutcome, RequestOutcome};
use super::queue::{Key, Request, published};
use super::state::Link;
use super::{Client, transmit};
use crate::codec::{Properties, Property};
use crate::delivery::Unacknowledged;
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet::{Packet, Subscribe, Subscription, Unsubscribe};
use crate::packet_id::PacketId;
use crate::time::Instant;
use crate::topic::TopicFilter;
use crate::version::Version;

impl Client {
    /// Hands a message over. It is sent as soon as there is a connection and the window has room, and
    /// [`ClientEvent::Published`](crate::ClientEvent::Published) tells how it ended. Its Message Expiry Interval
    /// runs from now on, until it is sent.
    ///
    /// # Errors
    ///
    /// Where the queue is full, the message cannot be sent, or the server does not accept it. Without a
    /// connection that is found out when there is one.
    pub fn publish(&mut self, now: Instant, message: Message) -> Result<Handle, CommandError> {
        let now = self.advance(now);
        check_message(self.state.link(), &message)?;
        let bytes = self.queue.bytes().saturating_add(message.size());
        if self.queue.messages().len() >= self.config.max_queued_messages
            || bytes > self.config.max_queued_bytes
        {
            return Err(CommandError::QueueFull);
        }
        let handle = self.next_handle();
        self.queue.push_message(handle, message, now);
        self.signal_transmit();
        Ok(handle)
    }

    /// Asks for subscriptions; [`ClientEvent::Subscribed`](crate::ClientEvent::Subscribed) tells what became of
    /// them.
    ///
    /// # Errors
    ///
    /// Where too many requests wait, the packet cannot be sent, or the server does not accept it. Without a
    /// connection that is found out when there is one.
    pub fn subscribe(
        &mut self,
        now: Instant,
        subscriptions: &[Subscription<'_>],
    ) -> Result<Handle, CommandError> {
        self.subscribe_with(now, subscriptions, &[])
    }

    /// The same with what SUBSCRIBE carries in 5.0: a Subscription Identifier, User Properties.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Client::subscribe).
    pub fn subscribe_with(
        &mut self,
        now: Instant,
        subscriptions: &[Subscription<'_>],
        properties: &[Property<'_>],
    ) -> Result<Handle, CommandError> {
        self.advance(now);
        let packet = Subscribe {
            properties: Properties::new(properties),
            ..Subscribe::new(PacketId::MIN, subscriptions)
        };
        check(self.state.link(), &packet.into())?;
        let filters = subscriptions.iter().map(|s| (s.filter.into(), s.options()));
        let properties = OwnedProperties::copied(&packet.properties);
        self.request(Request::Subscribe(filters.collect(), properties))
    }

    /// Ends subscriptions; [`ClientEvent::Unsubscribed`](crate::ClientEvent::Unsubscribed) tells when the server
    /// has confirmed it.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Client::subscribe).
    pub fn unsubscribe(
        &mut self,
        now: Instant,
        filters: &[TopicFilter<'_>],
    ) -> Result<Handle, CommandError> {
        self.unsubscribe_with(now, filters, &[])
    }

    /// The same with what UNSUBSCRIBE carries in 5.0: User Properties.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Client::subscribe).
    pub fn unsubscribe_with(
        &mut self,
        now: Instant,
        filters: &[TopicFilter<'_>],
        properties: &[Property<'_>],
    ) -> Result<Handle, CommandError> {
        self.advance(now);
        let packet = Unsubscribe {
            properties: Properties::new(properties),
            ..Unsubscribe::new(PacketId::MIN, filters)
        };
        check(self.state.link(), &packet.into())?;
        let filters = filters.iter().map(|filter| (*filter).into());
        let properties = OwnedProperties::copied(&packet.properties);
        self.request(Request::Unsubscribe(filters.collect(), properties))
    }

    fn request(&mut self, request: Request) -> Result<Handle, CommandError> {
        let unanswered = self.outbound.len() - self.outbound.messages();
        if unanswered + self.queue.requests().len() >= self.config.max_pending_requests {
            return Err(CommandError::QueueFull);
        }
        let handle = self.next_handle();
        self.queue.push_request(handle, request);
        self.signal_transmit();
        Ok(handle)
    }

    fn next_handle(&mut self) -> Handle {
        self.counters.handles += 1;
        Handle(self.counters.handles)
    }

    /// Ends what expired before it was sent.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(handle) = self.queue.pop_expired(now) {
            self.events.push_back(published(handle, PublishOutcome::Expired));
            self.signals.transmit &= self.has_something_to_send();
        }
    }

    /// Ends what waits and cannot be sent on this connection.
    pub(super) fn sift(&mut self) {
        let Some(link) = self.state.link() else {
            return;
        };
        let unfit = self.queue.sift_messages(|message| check_message(Some(link), message).err());
        for (handle, error) in unfit {
            let outcome = PublishOutcome::NotSent(NotSent::from(error));
            self.events.push_back(published(handle, outcome));
        }
        let unfit = self.queue.sift_requests(|request| {
            request.with_packet(PacketId::MIN, |packet| check(Some(link), packet)).err()
        });
        for (handle, request, error) in unfit {
            let outcome = RequestOutcome::NotSent(NotSent::from(error));
            self.events.push_back(request.ended(handle, outcome));
        }
    }

    /// Ends what was sent on an earlier connection and this server does not accept again.
    pub(super) fn sift_resends(&mut self) {
        let Some(link) = self.state.link().filter(|link| link.version.has_properties()) else {
            return;
        };
        let mut unfit = alloc::vec::Vec::new();
        for (id, key, what) in self.outbound.iter() {
            if let Unacknowledged::AtLeastOnce(message) | Unacknowledged::ExactlyOnce(message) =
                what
            {
                let refused = check_message(Some(link), message).err();
                unfit.extend(refused.map(|error| (id, key, error)));
            }
        }
        for (id, key, error) in unfit {
            self.outbound.remove(id);
            let outcome = PublishOutcome::NotSent(NotSent::from(error));
            if let Key::Publish(handle) | Key::PublishUnmatched(handle) = key {
                self.events.push_back(published(handle, outcome));
            }
        }
    }
}

#[inline]
fn check_message(link: Option<&Link>, message: &Message) -> Result<(), CommandError> {
    let delivery = transmit::delivery(message, false, PacketId::MIN);
    check(link, &message.publish(delivery, message.retain).into())
}

/// Whether the packet can be sent on this connection, or without one, on any.
#[inline]
fn check(link: Option<&Link>, packet: &Packet<'_>) -> Result<(), CommandError> {
    match link {
        Some(link) => link.check(packet),
        None if packet.encoded_len(Version::V3_1_1).is_ok() => Ok(()),
        None => Ok(packet.encoded_len(Version::V5_0).map(|_| ())?),
    }
}
