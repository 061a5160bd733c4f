//! Every packet that is pulled is the one that the model says comes next.

use mqtt_sansio::{ConnectionId, Frame, MAXIMUM_PACKET_SIZE, QoS, Version};

use crate::log::words;
use crate::model::{Answer, Copy, Entry, Flight, Model, Retain, Session, State, Words, levels};
use crate::wire::{ALIAS, Parts, REASON, ack, parts, read_varint, string};

/// What is to be sent next.
enum Next {
    Answer(Answer),
    /// Again, after a reconnect.
    Again(u16, Vec<u8>),
    New(Copy),
}

impl Model {
    /// What one pull of at most about `max` bytes handed out.
    pub(crate) fn pulled(&mut self, connection: ConnectionId, bytes: &[u8], max: usize) {
        let version = self.version(connection);
        self.count_expired(connection);
        let mut rest = bytes;
        while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            let size = bytes.len() - rest.len();
            let in_words = || words(bytes, version);
            assert!(size < max, "{size} bytes of {max} were reached:{}", in_words());
            self.sent(connection, frame.as_bytes());
            rest = after;
        }
        assert!(rest.is_empty(), "a pull ends within a packet:{}", words(bytes, version));
        if bytes.len() < max {
            self.seen.add_if(bytes.is_empty(), "pull of nothing");
            let left = self.next_packet(connection, true);
            let left = left.map(|left| self.show(connection, &left));
            assert_eq!(left, None, "{connection}: a pull of {max} bytes left this");
        }
    }

    /// Expired messages that made room are counted with a pull.
    fn count_expired(&mut self, connection: ConnectionId) {
        if let Some(State::Session(client_id)) = self.connections.get(&connection) {
            let session = self.sessions.get_mut(client_id).unwrap();
            let expired = std::mem::take(&mut session.uncounted);
            self.counts.dropped += expired;
            self.seen.add_many("expired where room was needed", expired);
        }
    }

    /// Whether something is to be sent, so that the driver must have been told.
    pub(crate) fn wants(&mut self, connection: ConnectionId) -> bool {
        self.next_packet(connection, false).is_some()
    }

    /// One packet that was handed out.
    fn sent(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let version = self.version(connection);
        let Some(next) = self.next_packet(connection, true) else {
            panic!("{connection}: nothing was to be sent but{}", words(bytes, version));
        };
        let id = packet_id(bytes);
        let expected = match &next {
            Next::Answer(answer) => answer.bytes.clone(),
            Next::Again(_, expected) => expected.clone(),
            Next::New(copy) => copy.packet(version, false, id, self.now),
        };
        let may_say = match &next {
            Next::Answer(answer) => answer.words,
            _ => Words::No,
        };
        if let Err(what) = self.compare(connection, bytes, &expected, may_say) {
            let (sent, expected) = (words(bytes, version), words(&expected, version));
            panic!("{connection}: {what}: sent{sent}\nand not{expected}");
        }
        match next {
            Next::Answer(answer) => self.answered(connection, answer.closes),
            Next::Again(again, packet) => {
                let released = packet[0] == 0x62;
                self.seen.add(if released { "PUBREL again" } else { "PUBLISH again" });
                self.counts.again += u64::from(!released);
                let link = self.session_of(connection).link.as_mut().unwrap();
                link.resend.retain(|id| *id != again);
            }
            Next::New(copy) => self.began(connection, id, copy),
        }
    }

    /// A message was sent for the first time.
    fn began(&mut self, connection: ConnectionId, id: u16, copy: Copy) {
        self.counts.sent[copy.qos as usize] += 1;
        let is_retained = copy.retain == Retain::New;
        self.seen.add_if(is_retained, "retained message to a new subscription");
        self.seen.add_if(!copy.identifiers.is_empty(), "message with a subscription identifier");
        let since = self.now - copy.held.at;
        let aged = since.as_secs() > 0 && copy.held.seconds_left(self.now).is_some();
        self.seen.add_if(aged, "Message Expiry Interval counted down");
        let is_5 = self.version(connection) == Version::V5_0;
        let stripped = !is_5 && !copy.held.message.properties.is_empty();
        self.seen.add_if(stripped, "properties left out before 5.0");
        self.seen.add_if(copy.group.is_some(), "message of a group sent");
        let session = self.session_of(connection);
        match session.queue.front_mut() {
            Some(Entry::Retained(cursor)) => cursor.after = Some(levels(copy.held.topic())),
            _ => {
                session.queue.pop_front();
            }
        }
        if copy.qos != QoS::AtMostOnce {
            let used = session.inflight.iter().any(|flight| flight.id == id);
            assert!(!used, "{connection}: packet identifier {id} is in use");
            session.inflight.push(Flight { id, copy, released: false });
        }
    }

    /// Whether these are the packets; in 5.0 an alias may stand for the topic, and properties may stand in
    /// another order.
    fn compare(
        &mut self,
        connection: ConnectionId,
        sent: &[u8],
        expected: &[u8],
        may_say: Words,
    ) -> Result<(), String> {
        if self.version(connection) != Version::V5_0 {
            let same = sent == expected;
            return if same { Ok(()) } else { Err("in a version without properties".to_owned()) };
        }
        let (mut sent, expected) = (parts(sent), parts(expected));
        if let Some(alias) = sent.take(ALIAS) {
            self.resolve(connection, &mut sent, &alias)?;
        }
        let text = if may_say == Words::No { None } else { sent.take(REASON) };
        if let Some(text) = text {
            self.seen.add("end of a connection explained in words");
            let wanted = match may_say {
                Words::These(text) => Some(text.to_owned()),
                _ => self.ledger.ends.get(&connection).cloned(),
            };
            if wanted.as_ref().is_some_and(|wanted| string(wanted) != text) {
                return Err(format!("it does not say {wanted:?}"));
            }
        }
        same(sent, expected)
    }

    /// Puts the topic in the place of its alias.
    fn resolve(
        &mut self,
        connection: ConnectionId,
        sent: &mut Parts,
        alias: &[u8],
    ) -> Result<(), String> {
        let alias = u16::from_be_bytes([alias[0], alias[1]]);
        let most = self.config.session.features.topic_alias_maximum;
        let link = self.session_of(connection).link.as_mut().unwrap();
        if alias == 0 || alias > link.hello.alias_maximum.min(most) {
            return Err(format!("topic alias {alias} above the maximum"));
        }
        let len = 2 + usize::from(u16::from_be_bytes([sent.head[0], sent.head[1]]));
        let topic = sent.head[2..len].to_vec();
        let kind = if topic.is_empty() {
            let known = link.own_aliases.get(&alias);
            let topic = known.ok_or(format!("topic alias {alias} stands for nothing"))?;
            sent.head.splice(..len, string(topic));
            "topic alias in place of a topic, to a client"
        } else {
            link.own_aliases.insert(alias, topic);
            "topic alias given to a client"
        };
        self.seen.add(kind);
        Ok(())
    }

    fn answered(&mut self, connection: ConnectionId, closes: bool) {
        match self.connections.get_mut(&connection) {
            Some(State::Closing { farewell, .. }) if farewell.len() > 1 => {
                farewell.pop_front();
            }
            Some(state @ State::Closing { .. }) => *state = State::Closed,
            _ => {
                let link = self.session_of(connection).link.as_mut().unwrap();
                link.control.pop_front();
                link.open = link.open.saturating_sub(usize::from(closes));
            }
        }
    }

    /// Answers first, then what is sent again, then the queue in its order. `pull` takes out what has
    /// nothing to send any more.
    fn next_packet(&mut self, connection: ConnectionId, pull: bool) -> Option<Next> {
        let client_id = match self.connections.get(&connection)? {
            State::Closing { farewell, .. } => return farewell.front().cloned().map(Next::Answer),
            State::Session(client_id) => client_id.clone(),
            State::Handshake { .. } | State::Closed => return None,
        };
        let session = &self.sessions[&client_id];
        let link = session.link.as_ref().unwrap();
        if let Some(answer) = link.control.front() {
            return Some(Next::Answer(answer.clone()));
        }
        if let Some(again) = self.next_again(&client_id, pull) {
            return Some(again);
        }
        self.next_new(&client_id, pull)
    }

    /// In its old order, but where the Receive Maximum holds up a PUBLISH, PUBREL goes first.
    fn next_again(&mut self, client_id: &str, pull: bool) -> Option<Next> {
        let (now, seen, dropped) = (self.now, &mut self.seen, &mut self.counts.dropped);
        let session = self.sessions.get_mut(client_id).unwrap();
        let version = session.link.as_ref().unwrap().version();
        let largest = session.link.as_ref().unwrap().hello.maximum_packet_size;
        session.forget_finished();
        let waiting = session.link.as_ref().unwrap().resend.clone();
        let mut open = session.inflight.len() - waiting.len();
        for id in waiting {
            let link = session.link.as_ref().unwrap();
            let has_room = open < usize::from(link.hello.receive_maximum);
            let place = session.inflight.iter().position(|flight| flight.id == id).unwrap();
            let flight = &session.inflight[place];
            if flight.released {
                return Some(Next::Again(id, ack(0x62, id, 0, &[])));
            }
            if !has_room {
                seen.add("PUBLISH again held up by the Receive Maximum");
                continue;
            }
            let packet = flight.copy.packet(version, true, id, now);
            if packet.len() <= largest {
                return Some(Next::Again(id, packet));
            }
            let exactly_once = flight.copy.qos == QoS::ExactlyOnce;
            if pull {
                seen.add("too large for the client, where it was to be sent again");
                *dropped += 1;
                let flight = &mut session.inflight[place];
                flight.released = true;
                let copy = flight.copy.clone();
                session.disown(&copy);
            }
            // The client may have had it on an earlier connection: it is told that the exchange ends.
            if exactly_once {
                return Some(Next::Again(id, ack(0x62, id, 0, &[])));
            }
            open += 1;
            if pull {
                open -= 1;
                session.inflight.remove(place);
                session.forget_finished();
            }
        }
        None
    }

    fn next_new(&mut self, client_id: &str, pull: bool) -> Option<Next> {
        let session = self.sessions.get_mut(client_id).unwrap();
        let hello = &session.link.as_ref().unwrap().hello;
        let (version, largest) = (hello.version, hello.maximum_packet_size);
        let is_5 = version == Version::V5_0;
        let unfinished = session.inflight.len();
        let open = unfinished - session.link.as_ref().unwrap().resend.len();
        let window = usize::from(self.config.session.max_inflight_messages.max(1));
        let has_quota = open < usize::from(hello.receive_maximum);
        let bytes: usize = session.inflight.iter().map(Flight::size).sum();
        let most = self.config.session.max_queued_bytes;
        let may_send =
            |size| unfinished == 0 || unfinished < window && has_quota && bytes + size <= most;
        self.seen.add_if(!has_quota && unfinished < window, "held up by the Receive Maximum");
        let (mut passed, mut next, mut lost) = (0, None, Vec::new());
        let denied = session.denied;
        let queue = std::mem::take(&mut session.queue);
        let fits = |copy: &Copy| {
            let size = || copy.packet(version, false, 1, self.now).len();
            !copy.held.is_expired(self.now) && (!is_5 || size() <= largest)
        };
        for entry in &queue {
            let size = match entry {
                Entry::Message(copy) => copy.size(),
                Entry::Retained(_) => 0,
            };
            if entry.qos() != QoS::AtMostOnce && !may_send(size) {
                break;
            }
            match entry {
                Entry::Message(copy) if fits(copy) => next = Some(Next::New(copy.clone())),
                Entry::Message(copy) => lost.push(copy.clone()),
                Entry::Retained(cursor) => {
                    let mut cursor = cursor.clone();
                    while let Some(held) = self.next_retained(&cursor, client_id, denied, &queue) {
                        cursor.after = Some(levels(held.topic()));
                        let copy = Copy::retained(&held, &cursor.options);
                        if fits(&copy) {
                            next = Some(Next::New(copy));
                            break;
                        }
                        lost.push(copy);
                    }
                }
            }
            if next.is_some() {
                break;
            }
            passed += 1;
        }
        let session = self.sessions.get_mut(client_id).unwrap();
        session.queue = queue;
        if pull {
            session.queue.drain(..passed);
            self.lose(client_id, &lost);
        }
        next
    }

    /// What has expired or is too large for the client counts as sent.
    fn lose(&mut self, client_id: &str, lost: &[Copy]) {
        let session = self.sessions.get_mut(client_id).unwrap();
        for copy in lost {
            session.disown(copy);
            self.counts.dropped += 1;
            let expired = copy.held.is_expired(self.now);
            self.seen.add_if(expired, "expired while it waited");
            self.seen.add_if(!expired, "too large for the client");
        }
    }

    fn show(&self, connection: ConnectionId, next: &Next) -> String {
        let version = self.version(connection);
        match next {
            Next::Answer(answer) => words(&answer.bytes, version),
            Next::Again(_, packet) => words(packet, version),
            Next::New(copy) => words(&copy.packet(version, false, 1, self.now), version),
        }
    }
}

impl Session {
    /// What is finished is not sent again.
    fn forget_finished(&mut self) {
        let (inflight, link) = (&self.inflight, self.link.as_mut().unwrap());
        link.resend.retain(|id| inflight.iter().any(|flight| flight.id == *id));
    }
}

impl Flight {
    fn size(&self) -> usize {
        self.copy.size()
    }
}

fn same(sent: Parts, expected: Parts) -> Result<(), String> {
    let (sent, expected) = (sent.sorted(), expected.sorted());
    if sent == expected { Ok(()) } else { Err(format!("{sent:02x?}\nand not {expected:02x?}")) }
}

/// That of a PUBLISH; 0 where it has none.
fn packet_id(bytes: &[u8]) -> u16 {
    if bytes[0] >> 4 != 3 || bytes[0] & 6 == 0 {
        return 0;
    }
    let (_, body) = read_varint(&bytes[1..]);
    let topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
    u16::from_be_bytes([body[topic], body[topic + 1]])
}
