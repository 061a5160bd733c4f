//! What waits to be sent to one client.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::config::SessionConfig;
use super::error::Dropped;
use crate::message::{Filter, Message, Topic};
use crate::qos::QoS;
use crate::topic::{TopicFilter, TopicName};

/// An empty queue keeps no more room than for so many entries.
const KEPT_CAPACITY: usize = 64;

/// A message on its way to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) message: Arc<Message>,
    /// What it is sent at: not more than the message's own.
    pub(super) qos: QoS,
    pub(super) retain: bool,
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
    pub(super) fn push(&mut self, sending: Sending, config: &SessionConfig) -> Result<(), Dropped> {
        let size = sending.message.size();
        let at_most_once = sending.qos == QoS::AtMostOnce;
        let load = if at_most_once { self.all } else { self.kept };
        if !load.has_room(size, config) {
            return Err(Dropped::QueueFull);
        }
        self.all.add(size);
        if !at_most_once {
            self.kept.add(size);
        }
        self.entries.push_back(Entry::Message(sending));
        Ok(())
    }

    /// Queues the retained messages of a subscription.
    pub(super) fn push_retained(
        &mut self,
        filter: TopicFilter<'_>,
        qos: QoS,
        retain_count: u64,
        config: &SessionConfig,
    ) -> Result<(), Dropped> {
        if self.cursors >= config.max_queued_messages.max(1) {
            return Err(Dropped::QueueFull);
        }
        self.cursors += 1;
        let cursor = Cursor { filter: filter.into(), qos, retain_count, after: None };
        self.entries.push_back(Entry::Retained(Box::new(cursor)));
        Ok(())
    }

    /// Whether this very message waits.
    pub(super) fn contains(&self, message: &Arc<Message>) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Message(sending) => Arc::ptr_eq(&sending.message, message),
            Entry::Retained(_) => false,
        })
    }

    /// The subscription has ended: none of its retained messages is sent any more.
    pub(super) fn remove_retained(&mut self, filter: TopicFilter<'_>) {
        if self.cursors > 0 {
            self.retain(|entry| match entry {
                Entry::Retained(cursor) => cursor.filter.filter() != filter,
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
        let Queue { entries, kept: kept_load, all, cursors } = self;
        (*kept_load, *all, *cursors) = (Load::default(), Load::default(), 0);
        entries.retain(|entry| {
            let keep = kept(entry);
            match entry {
                Entry::Message(sending) if keep => {
                    all.add(sending.message.size());
                    if sending.qos != QoS::AtMostOnce {
                        kept_load.add(sending.message.size());
                    }
                }
                Entry::Retained(_) if keep => *cursors += 1,
                _ => {}
            }
            keep
        });
    }

    pub(super) fn clear(&mut self) {
        *self = Queue::default();
    }

    /// How many messages wait.
    pub(super) fn messages(&self) -> usize {
        self.all.messages
    }

    fn forget(&mut self, sending: &Sending) {
        let size = sending.message.size();
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
                all.add(sending.message.size());
                if sending.qos != QoS::AtMostOnce {
                    kept.add(sending.message.size());
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
    /// A retained message of the subscription, which the cursor has passed. [MQTT-3.3.1-8]
    pub(super) fn sending(&self, message: Arc<Message>) -> Sending {
        let qos = message.qos.min(self.qos);
        Sending { message, qos, retain: true }
    }
}
