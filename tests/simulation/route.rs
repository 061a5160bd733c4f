//! The model's routing: who gets a message, and what is retained.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mqtt_sansio::{BrokerConfig, Instant, QoS, Version};

use crate::model::{
    Copy, Cursor, Entry, Held, Key, Levels, Model, Options, Retain, Session, Told,
    has_valid_format, levels,
};
use crate::wire::matches;

/// A queue is not looked through for each message.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

impl Model {
    /// Why a client's message is not routed: the code, and in words.
    pub(crate) fn refusal(&self, denied: bool, held: &Held) -> Option<(u8, &'static str)> {
        let topic = held.topic();
        let reserved = self.config.sys_interval.is_some() && topic.starts_with("$SYS/");
        let kept_away = denied && topic.split('/').next() == Some("deny");
        if topic.len() > self.config.max_topic_length {
            Some((0x90, "the topic name is too long"))
        } else if reserved || kept_away {
            Some((0x87, "the client may not publish there"))
        } else if held.message.payload.len() > self.config.max_payload_size {
            Some((0x97, "the payload is too large"))
        } else if self.config.session.features.validate_payload_format
            && !has_valid_format(&held.message)
        {
            Some((0x99, "the payload is said to be UTF-8 text, and is not"))
        } else {
            None
        }
    }

    /// Why a message to be retained is not.
    pub(crate) fn retain_refusal(&self, held: &Held) -> Option<(u8, &'static str)> {
        let retains = held.message.retain && self.config.session.features.retain_available;
        if !retains || held.message.payload.is_empty() {
            return None;
        }
        let (messages, bytes) = self.retained_beside(held);
        let router = &self.config.router;
        if messages >= router.max_retained_messages {
            Some((0x97, "as many messages are retained as may be"))
        } else if bytes + held.size > router.max_retained_bytes {
            Some((0x97, "as many bytes are retained as may be"))
        } else {
            None
        }
    }

    /// A message of a client's.
    pub(crate) fn publish_from(&mut self, client_id: &str, held: &Arc<Held>) {
        let denied = self.sessions[client_id].denied;
        *self.ledger.handled.entry(held.message.payload.clone()).or_default() += 1;
        if !held.is_checked && self.refusal(denied, held).is_some() {
            self.turn_down();
        } else {
            self.route(held);
        }
    }

    /// A message of a client's that is not routed.
    pub(crate) fn turn_down(&mut self) {
        self.seen.add("publish rejected");
        self.counts.rejected += 1;
    }

    /// A message of the program's, or of the broker's own.
    pub(crate) fn route_message(&mut self, message: &mqtt_sansio::Message) {
        let held = Held::new(message.clone(), self.now, None);
        self.route(&Arc::new(held));
    }

    pub(crate) fn route(&mut self, held: &Arc<Held>) {
        let topic = held.topic();
        if held.message.retain && self.config.session.features.retain_available {
            self.retain(held, levels(topic));
        }
        if self.program.iter().any(|filter| matches(filter, topic)) {
            self.told.push_back(Told::Message(held.message.clone()));
        }
        let clients: Vec<_> = self.sessions.keys().cloned().collect();
        for client_id in clients {
            self.route_to(&client_id, held);
        }
        for key in self.groups.of(topic) {
            self.route_to_group(&key, held);
        }
    }

    /// By the subscriptions of one client that are not shared.
    fn route_to(&mut self, client_id: &str, held: &Arc<Held>) {
        let session = &self.sessions[client_id];
        let own = held.publisher.as_deref() == Some(client_id);
        let found = session.subscriptions.iter().filter(|(key, options)| {
            let matches = key.share.is_none() && matches(&key.filter, held.topic());
            matches && !(own && options.no_local)
        });
        let found: Vec<_> = found.map(|(_, options)| *options).collect();
        let local = own && session.subscriptions.values().any(|options| options.no_local);
        self.seen.add_if(local, "message of a client with No Local");
        let Some(granted) = found.iter().map(|options| options.qos).max() else {
            return;
        };
        if session.denied && held.topic().split('/').next() == Some("deny") {
            return;
        }
        self.seen.add_if(found.len() > 1, "overlapping subscriptions");
        self.seen.add_if(granted < held.message.qos, "QoS lowered");
        let published = found.iter().any(|options| options.retain_as_published);
        let copy = Copy {
            held: Arc::clone(held),
            qos: held.message.qos.min(granted),
            retain: Retain::live(published && held.message.retain),
            identifiers: found.iter().filter_map(|options| options.identifier).collect(),
            group: None,
        };
        self.seen.add_if(copy.retain == Retain::AsPublished, "RETAIN as it was published");
        self.seen.add_if(copy.identifiers.len() > 1, "several subscription identifiers");
        self.queue(client_id, copy);
    }

    fn route_to_group(&mut self, key: &Key, held: &Arc<Held>) {
        if !self.give_to_member(key, held, "", true) {
            self.seen.add("no member of a group takes a message");
            self.counts.dropped += u64::from(held.message.qos > QoS::AtMostOnce);
        }
    }

    /// To one member: one that is connected and has room, else one whose session waits for it. Whether there
    /// was one.
    pub(crate) fn give_to_member(
        &mut self,
        key: &Key,
        held: &Arc<Held>,
        without: &str,
        even_away: bool,
    ) -> bool {
        let Model { groups, sessions, config, now, .. } = self;
        let mut next = |connected: bool| {
            groups.next(key, |client_id| {
                let session = sessions.get_mut(client_id).unwrap();
                let copy = Copy::shared(held, &session.subscriptions[key]);
                let denied = session.denied && held.topic().split('/').next() == Some("deny");
                client_id != without
                    && session.link.is_some() == connected
                    && !denied
                    && (connected || copy.qos != QoS::AtMostOnce)
                    && session.make_room(&copy, config, *now)
            })
        };
        let member = next(true).or_else(|| if even_away { next(false) } else { None });
        let Some(member) = member else {
            return false;
        };
        let session = &self.sessions[&member];
        let mut copy = Copy::shared(held, &session.subscriptions[key]);
        copy.group = Some((key.clone(), self.groups.number(key)));
        self.seen.add("message to a group");
        self.seen.add_if(session.link.is_none(), "message to a group whose members are away");
        self.queue(&member, copy);
        true
    }

    pub(crate) fn queue(&mut self, client_id: &str, copy: Copy) {
        let session = self.sessions.get_mut(client_id).unwrap();
        if session.link.is_none() && copy.qos == QoS::AtMostOnce {
            return;
        }
        if !session.make_room(&copy, &self.config, self.now) {
            self.seen.add("queue full");
            self.counts.dropped += 1;
            return;
        }
        self.seen.add_if(session.link.is_none(), "queued for a client that is away");
        let payload = copy.held.message.payload.clone();
        if copy.qos != QoS::AtMostOnce && copy.retain == Retain::No {
            session.owed.push((payload.clone(), copy.qos));
        }
        // RETAIN as it was published is not told to clients before 5.0.
        if copy.qos == QoS::ExactlyOnce {
            *self.ledger.copies.entry((client_id.to_owned(), payload)).or_default() += 1;
        }
        if let Some(expires) = copy.held.expires {
            let look = expires.max(self.now + BETWEEN_LOOKS);
            session.next_look = Some(session.next_look.map_or(look, |next| next.min(look)));
        }
        session.queue.push_back(Entry::Message(copy));
    }

    fn retain(&mut self, held: &Arc<Held>, key: Levels) {
        self.retained.remove(&key);
        if held.message.payload.is_empty() {
            return self.seen.add("retained message cleared");
        }
        self.numbers.retained += 1;
        if self.retain_refusal(held).is_none() {
            self.retained.insert(key, (Arc::clone(held), self.numbers.retained));
        } else {
            self.seen.add("retain rejected");
            self.counts.not_retained += 1;
        }
    }

    /// What other topics have retained: messages, and bytes.
    fn retained_beside(&self, held: &Held) -> (usize, usize) {
        let key = levels(held.topic());
        let others = self.retained.iter().filter(|(other, _)| **other != key);
        others.fold((0, 0), |(messages, bytes), (_, (other, _))| (messages + 1, bytes + other.size))
    }

    /// What is retained and has expired goes.
    pub(crate) fn expire_retained(&mut self) {
        let now = self.now;
        let before = self.retained.len();
        self.retained.retain(|_, (held, _)| !held.is_expired(now));
        let gone = before - self.retained.len();
        self.seen.add_many("retained message expired", gone as u64);
    }

    /// Queues the retained messages of a new subscription, if there are any.
    pub(crate) fn subscribe_retained(&mut self, client_id: &str, filter: &str, options: Options) {
        let filter = filter.to_owned();
        let cursor = Cursor { filter, options, after: None, last: self.numbers.retained };
        // What a wildcard finds is looked for only when it can be sent.
        let may_be = if cursor.filter.contains(['+', '#']) {
            !self.retained.is_empty()
        } else {
            self.retained.contains_key(&levels(&cursor.filter))
        };
        if !may_be {
            return;
        }
        let session = self.sessions.get_mut(client_id).unwrap();
        let waits = |entry: &&Entry| matches!(entry, Entry::Retained(_));
        let most = self.config.session.max_queued_messages.max(1);
        if session.queue.iter().filter(waits).count() >= most {
            self.seen.add("too many new subscriptions wait");
            self.counts.dropped += 1;
        } else {
            session.queue.push_back(Entry::Retained(cursor));
        }
    }

    /// The next retained message of a subscription of this client's.
    pub(crate) fn next_retained(
        &self,
        cursor: &Cursor,
        client_id: &str,
        denied: bool,
        queue: &VecDeque<Entry>,
    ) -> Option<Arc<Held>> {
        let Cursor { filter, after, last, options } = cursor;
        let waits = |held: &Arc<Held>| queue.iter().any(|entry| entry.is(held));
        let found = self.retained.iter().find(|(key, (held, number))| {
            let own = options.no_local && held.publisher.as_deref() == Some(client_id);
            (number <= last || !waits(held))
                && after.as_ref().is_none_or(|after| *key > after)
                && matches(filter, held.topic())
                && !(denied && key[0] == b"deny")
                && !own
                && !held.is_expired(self.now)
        });
        found.map(|(_, (held, _))| Arc::clone(held))
    }
}

impl Copy {
    fn shared(held: &Arc<Held>, options: &Options) -> Copy {
        Copy {
            held: Arc::clone(held),
            qos: held.message.qos.min(options.qos),
            retain: Retain::live(options.retain_as_published && held.message.retain),
            identifiers: options.identifier.into_iter().collect(),
            group: None,
        }
    }

    /// A retained message, for a new subscription.
    pub(crate) fn retained(held: &Arc<Held>, options: &Options) -> Copy {
        Copy {
            held: Arc::clone(held),
            qos: held.message.qos.min(options.qos),
            retain: Retain::New,
            identifiers: options.identifier.into_iter().collect(),
            group: None,
        }
    }

    /// The PUBLISH in that version: what is left of the Message Expiry Interval is sent, and in 3.1 and 3.1.1
    /// nothing of the properties.
    pub(crate) fn packet(&self, version: Version, dup: bool, id: u16, now: Instant) -> Vec<u8> {
        let message = &self.held.message;
        let props = (version == Version::V5_0).then(|| {
            let mut props = crate::wire::message_props(&message.properties);
            for (prop, value) in &mut props {
                if *prop == crate::wire::MESSAGE_EXPIRY {
                    let left = self.held.seconds_left(now).unwrap_or_default();
                    *value = left.to_be_bytes().to_vec();
                }
            }
            let identifier =
                |id: &u32| (crate::wire::IDENTIFIER, crate::wire::varint(*id as usize));
            props.extend(self.identifiers.iter().map(identifier));
            props
        });
        let (topic, payload) = (message.topic.name().as_bytes(), &message.payload);
        let retain = match self.retain {
            Retain::No => false,
            Retain::AsPublished => version == Version::V5_0,
            Retain::New => true,
        };
        let qos = self.qos;
        crate::wire::Written { topic, payload, qos, retain, dup, id, props }.bytes()
    }
}

impl Retain {
    fn live(flag: bool) -> Retain {
        if flag { Retain::AsPublished } else { Retain::No }
    }
}

impl Session {
    /// What waits under topics that may not be received any more is dropped.
    pub(crate) fn forget_denied(&mut self) {
        let owed = &mut self.owed;
        self.queue.retain(|entry| {
            let Entry::Message(copy) = entry else {
                return true;
            };
            let kept = !copy.held.topic().starts_with("deny/");
            if !kept {
                forget(owed, copy);
            }
            kept
        });
    }

    /// Whether there is room, where expired messages go for it: those at the front, then now and then all.
    fn make_room(&mut self, copy: &Copy, config: &BrokerConfig, now: Instant) -> bool {
        let is_expired =
            |entry: &Entry| matches!(entry, Entry::Message(copy) if copy.held.is_expired(now));
        while !self.has_room(copy, config) {
            let front = self.queue.iter().take_while(|entry| is_expired(entry)).count();
            let whole = front == 0 && self.next_look.is_some_and(|next| next <= now);
            let (gone, kept) = std::mem::take(&mut self.queue)
                .into_iter()
                .enumerate()
                .partition::<Vec<_>, _>(|(n, e)| *n < front || whole && is_expired(e));
            self.queue = kept.into_iter().map(|(_, entry)| entry).collect();
            if whole {
                let waiting = self.queue.iter().filter_map(Entry::expires);
                self.next_look = waiting.min().map(|first| first.max(now + BETWEEN_LOOKS));
            }
            if gone.is_empty() {
                return false;
            }
            self.uncounted += gone.len() as u64;
            for (_, entry) in gone {
                if let Entry::Message(copy) = entry {
                    self.disown(&copy);
                }
            }
        }
        true
    }

    /// A copy that the client is not to have any more.
    pub(crate) fn disown(&mut self, copy: &Copy) {
        forget(&mut self.owed, copy);
    }

    /// Messages at QoS 1 and 2 share the limit among themselves; one at QoS 0 with all.
    fn has_room(&self, copy: &Copy, config: &BrokerConfig) -> bool {
        let waiting = self.queue.iter().filter_map(|entry| match entry {
            Entry::Message(other) => {
                let counts = copy.qos == QoS::AtMostOnce || other.qos != QoS::AtMostOnce;
                counts.then(|| other.size())
            }
            Entry::Retained(_) => None,
        });
        let sizes: Vec<_> = waiting.collect();
        sizes.is_empty()
            || sizes.len() < config.session.max_queued_messages
                && sizes.iter().sum::<usize>() + copy.size() <= config.session.max_queued_bytes
    }
}

fn forget(owed: &mut Vec<(bytes::Bytes, QoS)>, copy: &Copy) {
    let one = (&copy.held.message.payload, copy.qos);
    if let Some(place) = owed.iter().position(|(payload, qos)| (payload, *qos) == one) {
        owed.remove(place);
    }
}
