//! What waits to be sent to one client.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::config::SessionConfig;
use super::error::Dropped;
use crate::codec::SubscriptionIdentifier;
use crate::message::{Filter, Message, Topic};
use crate::qos::QoS;
use crate::time::Instant;
use crate::topic::{TopicFilter, TopicName};
use crate::version::Version;

/// How long expired messages may take room behind one that has not: their interval is counted in seconds.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// An empty queue keeps no more room than for so many entries.
const KEPT_CAPACITY: usize = 64;

/// A message on its way to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) message: Arc<Message>,
    /// What it is sent at: not more than the message's own.
    pub(super) qos: QoS,
    pub(super) retain: Retain,
    pub(super) extra: Option<Box<Extra>>,
}

/// What few messages have beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extra {
    /// Those of the subscriptions that it comes for. [MQTT-3.3.4-4]
    pub(super) identifiers: Vec<SubscriptionIdentifier>,
    /// The shared subscription that it comes for, as the server numbers it.
    pub(super) share: Option<Share>,
}

impl Extra {
    /// `None` where there is nothing.
    #[inline]
    pub(crate) fn of(
        identifiers: impl IntoIterator<Item = SubscriptionIdentifier>,
        share: Option<Share>,
    ) -> Option<Box<Extra>> {
        let mut identifiers = identifiers.into_iter().peekable();
        if identifiers.peek().is_none() && share.is_none() {
            return None;
        }
        Some(Box::new(Extra { identifiers: identifiers.collect(), share }))
    }

    /// What a limit in bytes counts of so many identifiers.
    pub(super) const fn size(identifiers: usize) -> usize {
        identifiers * size_of::<SubscriptionIdentifier>()
    }
}

/// A shared subscription, section 4.8.2 of 5.0, by a number of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(pub(crate) u64);

/// The RETAIN flag that a message is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retain {
    /// It is not set. [MQTT-3.3.1-12]; before 5.0 [MQTT-3.3.1-9]
    Cleared,
    /// It is as it was published, and was set: to clients of 5.0. [MQTT-3.3.1-13]
    AsPublished,
    /// The message was retained, and goes to a new subscription. (Section 3.3.1.3.)
    Retained,
}

impl Retain {
    /// That of a message for a subscription that was there before.
    #[inline]
    pub(crate) fn of(message: &Message, as_published: bool) -> Retain {
        if as_published && message.retain { Retain::AsPublished } else { Retain::Cleared }
    }

    pub(super) fn flag(self, version: Version) -> bool {
        match self {
            Retain::Cleared => false,
            Retain::AsPublished => version.has_properties(),
            Retain::Retained => true,
        }
    }
}

/// What the subscriptions that a message comes for give it.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The QoS that was granted.
    pub(crate) qos: QoS,
    pub(crate) retain: Retain,
    pub(crate) extra: Option<Box<Extra>>,
}

impl Sending {
    /// The message at the lower of its QoS and those that allow it. [MQTT-3.8.4-8]
    #[inline]
    pub(super) fn new(message: &Arc<Message>, grant: Grant, maximum: QoS) -> Sending {
        let Grant { qos, retain, extra } = grant;
        let qos = message.qos.min(qos).min(maximum);
        Sending { message: Arc::clone(message), qos, retain, extra }
    }

    /// What a limit in bytes counts of it.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.message.size() + Extra::size(self.identifiers().len())
    }

    #[inline]
    pub(super) fn identifiers(&self) -> &[SubscriptionIdentifier] {
        self.extra.as_ref().map_or(&[], |extra| &extra.identifiers)
    }

    pub(super) fn share(&self) -> Option<Share> {
        self.extra.as_ref()?.share
    }
}

/// The retained messages of a new subscription: they are looked up one by one as they can be sent, so
/// that a wildcard costs no more than a message.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    pub(crate) filter: Filter,
    /// The granted QoS.
    pub(crate) qos: QoS,
    /// How many messages were retained before the subscription: later ones may wait behind the cursor as what
    /// the subscription has brought.
    pub(crate) retain_count: u64,
    /// The topic of the last one.
    pub(crate) after: Option<Topic>,
    /// The identifier of the subscription.
    pub(crate) identifier: Option<SubscriptionIdentifier>,
    /// Whose messages are left out, as the server recognises publishers. [MQTT-3.8.3-3]
    pub(crate) except: Option<u64>,
}

/// What looking for the next retained message of a [`Cursor`] has found.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// A message, and whether it was retained after the subscription was made.
    Found(Arc<Message>, bool),
    /// Nothing yet: the search goes on with the next pull, so that others have their turn.
    Paused,
    /// There are no more.
    Finished,
}

#[derive(Clone, Debug)]
pub(super) enum Entry {
    Message(Sending),
    Retained(Box<Cursor>),
}

/// First in, first out; bounded in messages and bytes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    /// How many of the entries are messages at QoS 1 and 2, and their bytes.
    kept: Load,
    /// The same of all messages.
    all: Load,
    /// How many of the entries are cursors.
    cursors: usize,
    /// Before this nobody looks for expired messages behind the front.
    next_look: Option<Instant>,
    /// How many have made room for others since somebody has asked.
    expired: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    messages: usize,
    bytes: usize,
}

impl Load {
    fn has_room(self, size: usize, config: &SessionConfig) -> bool {
        self.messages == 0
            || self.messages < config.max_queued_messages
                && self.bytes.saturating_add(size) <= config.max_queued_bytes
    }

    fn add(&mut self, size: usize) {
        self.messages += 1;
        self.bytes += size;
    }

    fn remove(&mut self, size: usize) {
        self.messages -= 1;
        self.bytes -= size;
    }
}

impl Queue {
    pub(super) fn push(
        &mut self,
        sending: Sending,
        config: &SessionConfig,
        now: Instant,
    ) -> Result<(), Dropped> {
        let size = sending.size();
        let at_most_once = sending.qos == QoS::AtMostOnce;
        if !self.has_room(at_most_once, size, config, now) {
            return Err(Dropped::QueueFull);
        }
        if let Some(expires) = sending.message.expires() {
            let look = expires.max(now + BETWEEN_LOOKS);
            self.next_look = Some(self.next_look.map_or(look, |next| next.min(look)));
        }
        self.all.add(size);
        if !at_most_once {
            self.kept.add(size);
        }
        self.entries.push_back(Entry::Message(sending));
        Ok(())
    }

    /// Whether a message of that size and kind has room, once what is worth nothing any more has gone.
    #[inline]
    pub(super) fn has_room(
        &mut self,
        at_most_once: bool,
        size: usize,
        config: &SessionConfig,
        now: Instant,
    ) -> bool {
        let load = if at_most_once { self.all } else { self.kept };
        load.has_room(size, config) || self.make_room(at_most_once, size, config, now)
    }

    #[cold]
    fn make_room(
        &mut self,
        at_most_once: bool,
        size: usize,
        config: &SessionConfig,
        now: Instant,
    ) -> bool {
        let mut before = self.all.messages + 1;
        while self.all.messages < before {
            before = self.all.messages;
            self.drop_expired(now);
            let load = if at_most_once { self.all } else { self.kept };
            if load.has_room(size, config) {
                return true;
            }
        }
        false
    }

    /// Makes room of what is worth nothing any more: first at the front, where it mostly is, and not for each
    /// message in the whole queue. [MQTT-3.3.2-5]
    fn drop_expired(&mut self, now: Instant) {
        let before = self.all.messages;
        while let Some(Entry::Message(sending)) = self.entries.front() {
            if !sending.message.is_expired(now) {
                break;
            }
            self.pop();
        }
        if self.all.messages < before {
            self.expired += (before - self.all.messages) as u64;
            return;
        }
        if self.next_look.is_some_and(|next| next <= now) {
            self.retain(|entry| match entry {
                Entry::Message(sending) => !sending.message.is_expired(now),
                Entry::Retained(_) => true,
            });
            let expiries = self.entries.iter().filter_map(|entry| match entry {
                Entry::Message(sending) => sending.message.expires(),
                Entry::Retained(_) => None,
            });
            self.next_look = expiries.min().map(|first| first.max(now + BETWEEN_LOOKS));
            self.expired += (before - self.all.messages) as u64;
        }
    }

    pub(super) fn take_expired(&mut self) -> u64 {
        core::mem::take(&mut self.expired)
    }

    /// Queues the retained messages of a subscription.
    pub(super) fn push_retained(
        &mut self,
        cursor: Cursor,
        config: &SessionConfig,
    ) -> Result<(), Dropped> {
        if self.cursors >= config.max_queued_messages.max(1) {
            return Err(Dropped::QueueFull);
        }
        self.cursors += 1;
        self.entries.push_back(Entry::Retained(Box::new(cursor)));
        Ok(())
    }

    /// The messages of shared subscriptions, and which entries they are.
    pub(super) fn shared(&self) -> impl Iterator<Item = (usize, Share, &Arc<Message>)> {
        self.entries.iter().enumerate().filter_map(|(place, entry)| match entry {
            Entry::Message(sending) => Some((place, sending.share()?, &sending.message)),
            Entry::Retained(_) => None,
        })
    }

    /// Takes out the entries at these places, which are in order.
    pub(super) fn remove(&mut self, places: impl Iterator<Item = usize>) {
        let mut places = places.peekable();
        let mut place = 0;
        self.retain(|_| {
            let remove = places.next_if_eq(&place).is_some();
            place += 1;
            !remove
        });
    }

    /// Whether this very message waits.
    pub(super) fn contains(&self, message: &Arc<Message>) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Message(sending) => Arc::ptr_eq(&sending.message, message),
            Entry::Retained(_) => false,
        })
    }

    /// The subscriptions of these filters, which are in order, have ended: none of their retained messages is sent
    /// any more.
    pub(super) fn remove_retained(&mut self, filters: &[&[u8]]) {
        if self.cursors > 0 {
            self.retain(|entry| match entry {
                Entry::Retained(cursor) => {
                    filters.binary_search(&cursor.filter.filter().as_bytes()).is_err()
                }
                Entry::Message(_) => true,
            });
        }
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Entry> {
        self.entries.front_mut()
    }

    pub(super) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        match &entry {
            Entry::Message(sending) => self.forget(sending),
            Entry::Retained(_) => self.cursors -= 1,
        }
        Some(entry)
    }

    /// Gives back the room of a queue that has run empty.
    pub(super) fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEPT_CAPACITY {
            self.entries = VecDeque::new();
        }
    }

    /// The client is away: messages of QoS 0 do not wait for it.
    pub(super) fn drop_at_most_once(&mut self) {
        self.retain(|entry| match entry {
            Entry::Message(sending) => sending.qos != QoS::AtMostOnce,
            Entry::Retained(cursor) => cursor.qos != QoS::AtMostOnce,
        });
    }

    /// Keeps the messages under these topics.
    pub(super) fn retain_topics(&mut self, mut kept: impl FnMut(TopicName<'_>) -> bool) {
        self.retain(|entry| match entry {
            Entry::Message(sending) => kept(sending.message.topic.name()),
            Entry::Retained(_) => true,
        });
    }

    fn retain(&mut self, mut kept: impl FnMut(&Entry) -> bool) {
        let Queue { entries, kept: kept_load, all, cursors, .. } = self;
        (*kept_load, *all, *cursors) = (Load::default(), Load::default(), 0);
        entries.retain(|entry| {
            let keep = kept(entry);
            match entry {
                Entry::Message(sending) if keep => {
                    all.add(sending.size());
                    if sending.qos != QoS::AtMostOnce {
                        kept_load.add(sending.size());
                    }
                }
                Entry::Retained(_) if keep => *cursors += 1,
                _ => {}
            }
            keep
        });
    }

    pub(super) fn clear(&mut self) {
        *self = Queue { expired: self.expired, ..Queue::default() };
    }

    /// How many messages wait.
    pub(super) fn messages(&self) -> usize {
        self.all.messages
    }

    fn forget(&mut self, sending: &Sending) {
        let size = sending.size();
        self.all.remove(size);
        if sending.qos != QoS::AtMostOnce {
            self.kept.remove(size);
        }
    }

    /// Panics where a counter is not the sum of what it counts, or over its bound.
    pub(super) fn check_invariants(&self, config: &SessionConfig) {
        let (mut all, mut kept) = (Load::default(), Load::default());
        for entry in &self.entries {
            if let Entry::Message(sending) = entry {
                all.add(sending.size());
                if sending.qos != QoS::AtMostOnce {
                    kept.add(sending.size());
                }
            }
        }
        let counted = (self.all, self.kept, self.cursors + self.all.messages);
        assert_eq!(counted, (all, kept, self.entries.len()), "the queue is miscounted");
        let messages = config.max_queued_messages.max(1);
        assert!(self.cursors <= messages, "too many subscriptions wait");
        assert!(kept.messages <= messages, "too many messages wait");
        let bytes = config.max_queued_bytes;
        assert!(kept.bytes <= bytes || kept.messages == 1, "too many bytes wait");
        assert!(all.messages <= messages.saturating_mul(2), "too many of QoS 0 wait");
    }
}

impl Cursor {
    pub(crate) fn new(filter: TopicFilter<'_>, qos: QoS, retain_count: u64) -> Cursor {
        Cursor {
            filter: filter.into(),
            qos,
            retain_count,
            after: None,
            identifier: None,
            except: None,
        }
    }

    /// A retained message of the subscription, which the cursor has passed. (Section 3.3.1.3.)
    pub(super) fn sending(&self, message: &Arc<Message>) -> Sending {
        let grant = Grant {
            qos: self.qos,
            retain: Retain::Retained,
            extra: Extra::of(self.identifier, None),
        };
        Sending::new(message, grant, self.qos)
    }
}
