//! The sessions, and who has which.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use hashbrown::HashTable;

use super::event::ConnectionId;
use super::permissions::Permissions;
use super::slab::{Key, Slab};
use super::timers::Scheduled;
use crate::message::Message;
use crate::router::SubscriberId;
use crate::session::Session;
use crate::time::Instant;
use crate::version::Version;

/// One client's session, and what the broker knows beside it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) session: Session,
    pub(super) client_id: Arc<str>,
    /// Whether the client did not choose its identifier, nor knows it: nobody else may come with it.
    pub(super) assigned: bool,
    pub(super) permissions: Arc<Permissions>,
    pub(super) connection: Option<ConnectionId>,
    /// The will of a client that is away, until it is published.
    pub(super) will: Option<Box<DelayedWill>>,
    /// When the session ends if the client stays away.
    pub(super) expires: Option<Instant>,
    /// For the earlier of the two.
    pub(super) timer: Scheduled,
}

/// A will that waits, section 3.1.3.2.2 of 5.0.
#[derive(Debug)]
pub(super) struct DelayedWill {
    pub(super) message: Arc<Message>,
    pub(super) at: Instant,
}

impl Slot {
    /// When something happens if the client stays away.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let will = self.will.as_ref().map(|will| will.at);
        [will, self.expires].into_iter().flatten().min()
    }

    /// What waits for the client and it may not receive any more is dropped.
    pub(super) fn set_permissions(&mut self, permissions: Arc<Permissions>) {
        if self.permissions != permissions {
            self.session.retain_topics(|topic| permissions.may_receive(topic));
        }
        self.permissions = permissions;
    }
}

#[derive(Debug)]
pub(super) struct Clients {
    /// Boxed, so that a growing table neither moves them nor keeps room for as many again.
    sessions: Slab<Box<Slot>>,
    /// By client identifier.
    by_id: HashTable<Key>,
    seed: Seed,
    /// What assigned client identifiers begin with.
    prefix: String,
    assigned: u64,
}

impl Clients {
    pub(super) fn new(seed: u64, prefix: String) -> Clients {
        let seed = Seed { seed, shared: SharedSeed::from_u64(seed) };
        Clients { sessions: Slab::new(), by_id: HashTable::new(), seed, prefix, assigned: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn find(&self, client_id: &str) -> Option<Key> {
        let has_id = |key: &Key| self.get(*key).is_some_and(|slot| *slot.client_id == *client_id);
        self.by_id.find(self.seed.hash(client_id), has_id).copied()
    }

    /// Adds a session; an empty client identifier is replaced by one that nobody has, and that a client of 5.0
    /// is told. [MQTT-3.1.3-6]; in 5.0 [MQTT-3.2.2-16]
    pub(super) fn insert(
        &mut self,
        client_id: &str,
        version: Version,
        session: Session,
        permissions: Arc<Permissions>,
    ) -> Option<Key> {
        let assigned = client_id.is_empty();
        let client_id = if assigned { self.assign() } else { client_id.into() };
        let slot = Slot {
            session,
            client_id: Arc::clone(&client_id),
            assigned: assigned && !version.has_properties(),
            permissions,
            connection: None,
            will: None,
            expires: None,
            timer: Scheduled::default(),
        };
        let key = self.sessions.insert(Box::new(slot))?;
        let Clients { sessions, by_id, seed, .. } = self;
        by_id.insert_unique(seed.hash(&client_id), key, |key| {
            sessions.get(*key).map_or(0, |slot| seed.hash(&slot.client_id))
        });
        Some(key)
    }

    /// What a client identifier is recognised by, where there is no room for it.
    pub(super) fn fingerprint(&self, client_id: &str) -> u64 {
        self.seed.hash(client_id)
    }

    fn assign(&mut self) -> Arc<str> {
        loop {
            self.assigned += 1;
            let client_id = format!("{}{}", self.prefix, self.assigned);
            if self.find(&client_id).is_none() {
                return client_id.into();
            }
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Box<Slot>> {
        let slot = self.sessions.remove(key)?;
        let hash = self.seed.hash(&slot.client_id);
        if let Ok(entry) = self.by_id.find_entry(hash, |found| *found == key) {
            entry.remove();
        }
        Some(slot)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Slot> {
        self.sessions.get(key).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.sessions.get_mut(key).map(Box::as_mut)
    }

    pub(super) fn at(&mut self, index: u32) -> Option<(Key, &mut Slot)> {
        self.sessions.at(index).map(|(key, slot)| (key, slot.as_mut()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Slot)> {
        self.sessions.iter().map(|(key, slot)| (key, slot.as_ref()))
    }

    /// Panics where the tables do not fit together.
    pub(super) fn check_invariants(&self) {
        for key in &self.by_id {
            let found = self.get(*key).and_then(|slot| self.find(&slot.client_id));
            assert_eq!(found, Some(*key), "a stale client");
        }
        for (_, slot) in self.iter() {
            slot.session.check_invariants();
            let connected = slot.session.is_connected();
            assert_eq!(connected, slot.connection.is_some(), "{}", slot.client_id);
        }
    }
}

/// What keeps clients from choosing identifiers that collide.
struct Seed {
    seed: u64,
    shared: SharedSeed,
}

impl Seed {
    fn hash(&self, client_id: &str) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(client_id.as_bytes());
        hasher.finish()
    }
}

/// The seed is a secret: it is left out.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}

/// The program that embeds the broker, as a subscriber.
pub(super) const PROGRAM: SubscriberId = SubscriberId(0);

/// A session as a subscriber.
pub(super) fn subscriber(session: Key) -> SubscriberId {
    SubscriberId(session.index + 1)
}

/// The number of the session that a subscriber is; `None` for [`PROGRAM`].
pub(super) fn session_index(subscriber: SubscriberId) -> Option<u32> {
    subscriber.0.checked_sub(1)
}
