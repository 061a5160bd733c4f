//! The model's connections and sessions: how they begin and end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mqtt_sansio::{CloseReason, ConnectionId, QoS, ReasonCode, Version};

use crate::last::{Goodbye, disconnect_code, disconnect_kind, refusal};
use crate::model::{
    Answer, Copy, Entry, Held, Hello, Link, Model, Session, State, Told, Why, Will,
};
use crate::receive::rejection;
use crate::said::{Welcome, within};
use crate::wire::{block, packet};

/// A group is asked so often in vain for what one client leaves behind.
const MAX_REFUSED: u32 = 16;

impl Model {
    /// The CONNECT that awaits its answer on this connection, and what came after it.
    fn take_hello(&mut self, connection: ConnectionId) -> Option<(Hello, Vec<u8>)> {
        match self.connections.get_mut(&connection)? {
            State::Handshake { buffer, hello, .. } => {
                hello.take().map(|hello| (*hello, std::mem::take(buffer)))
            }
            _ => None,
        }
    }

    pub(crate) fn accept(&mut self, connection: ConnectionId, denied: bool, said: Welcome) {
        let Some((mut hello, early)) = self.take_hello(connection) else {
            return;
        };
        self.catch_up(&hello.client_id);
        let old = self.sessions.get(&hello.client_id);
        if old.is_some_and(|session| session.assigned) {
            self.seen.add("client identifier that was made up for another");
            let why = Why::Reason(CloseReason::Refused(ReasonCode::ClientIdentifierNotValid));
            let code = if hello.version == Version::V5_0 { 0x85 } else { 2 };
            return self.farewell(connection, why, refusal(&hello, code));
        }
        let old = old.and_then(|session| session.link.as_ref());
        if let Some(old) = old.map(|link| link.connection) {
            self.seen.add("takeover");
            self.close(old, Why::Reason(CloseReason::TakenOver));
        }
        if hello.clean && self.sessions.contains_key(&hello.client_id) {
            self.seen.add("session ended by a clean start");
            self.end(&hello.client_id.clone());
        }
        let present = self.sessions.contains_key(&hello.client_id);
        if !present && self.sessions.len() >= self.config.max_sessions {
            self.seen.add("too many sessions");
            let code = if hello.version == Version::V5_0 { 0x88 } else { 3 };
            let why = Why::Reason(CloseReason::TooManySessions);
            return self.farewell(connection, why, refusal(&hello, code));
        }
        let assigned = hello.client_id.is_empty();
        while hello.client_id.is_empty() || assigned && self.sessions.contains_key(&hello.client_id)
        {
            self.numbers.assigned += 1;
            hello.client_id = format!("auto-{}", self.numbers.assigned);
        }
        self.begin(connection, hello, assigned, denied, said);
        self.input(connection, &early);
    }

    /// The driver may be late to tell the time: what should have become of the session does before it is looked
    /// for.
    fn catch_up(&mut self, client_id: &str) {
        let now = self.now;
        let Some(session) = self.sessions.get(client_id) else {
            return;
        };
        if session.expires.is_some_and(|expires| expires <= now) {
            self.seen.add("session expired, and the driver was late");
            self.session_expired(client_id);
        } else if session.will.as_ref().is_some_and(|(_, due)| *due <= now) {
            self.seen.add("delayed will due, and the driver was late");
            self.publish_delayed(client_id);
        }
    }

    fn begin(
        &mut self,
        connection: ConnectionId,
        mut hello: Hello,
        assigned: bool,
        denied: bool,
        said: Welcome,
    ) {
        let present = self.sessions.contains_key(&hello.client_id);
        let is_5 = hello.version == Version::V5_0;
        let client_id = hello.client_id.clone();
        let answer = self.connack(&mut hello, assigned, present, said);
        if self.sessions.get(&client_id).is_some_and(|session| denied && !session.denied) {
            let waits = |sent: bool, held: &Held| !sent && held.topic().starts_with("deny/");
            self.hand_on(&client_id, true, waits);
            self.sessions.get_mut(&client_id).unwrap().forget_denied();
        }
        if let Some(session) = self.sessions.get_mut(&client_id) {
            session.denied = denied;
        }
        let Some(answer) = answer else {
            self.seen.add("CONNACK larger than the client takes");
            return self.farewell(connection, Why::Fault(0x95), rejection(&hello, 0x95));
        };
        let session = self.sessions.entry(client_id.clone()).or_default();
        let resend: VecDeque<_> = session.inflight.iter().map(|flight| flight.id).collect();
        self.seen.add_if(present, "session resumed");
        self.seen.add_if(present && is_5, "session of 5.0 resumed");
        self.seen.add_if(!resend.is_empty(), "session resumed with messages in flight");
        self.seen.add_if(is_5 && assigned, "client identifier assigned in 5.0");
        self.seen.add_if(session.will.take().is_some(), "delayed will cancelled");
        session.assigned = assigned && !is_5;
        session.denied = denied;
        session.expires = None;
        let mut link = Link {
            connection,
            hello,
            buffer: Vec::new(),
            control: VecDeque::from([Answer::exact(answer)]),
            resend,
            last_received: self.now,
            aliases: BTreeMap::new(),
            own_aliases: BTreeMap::new(),
            open: 0,
            timer: None,
        };
        link.timer = link.deadline();
        session.link = Some(link);
        self.connections.insert(connection, State::Session(client_id.clone()));
        self.counts.connected += 1;
        self.told.push_back(Told::Connected(connection, client_id, present));
    }

    pub(crate) fn refuse(&mut self, connection: ConnectionId, code: ReasonCode, byte: u8) {
        if let Some((hello, _)) = self.take_hello(connection) {
            self.seen.add("refused");
            let byte = if hello.version == Version::V5_0 { code as u8 } else { byte };
            let why = Why::Reason(CloseReason::Refused(code));
            self.farewell(connection, why, refusal(&hello, byte));
        }
    }

    /// The end of a connection without session: this CONNACK, if there is one, then the close.
    pub(crate) fn farewell(
        &mut self,
        connection: ConnectionId,
        why: Why,
        answer: Option<(Version, Answer)>,
    ) {
        self.counts.refused += 1;
        self.counts.faults += u64::from(matches!(why, Why::Fault(_)));
        self.told.push_back(Told::Disconnected(connection, None, why));
        let deadline = self.now + self.config.close_timeout;
        let state = match answer {
            None => State::Closed,
            Some((version, answer)) => {
                State::Closing { farewell: VecDeque::from([answer]), version, deadline }
            }
        };
        self.connections.insert(connection, state);
    }

    /// The end of a connection, unless it has ended.
    pub(crate) fn close(&mut self, connection: ConnectionId, why: Why) {
        self.close_with(connection, why, disconnect_code(why).map(Goodbye::new));
    }

    /// The same, with this DISCONNECT in 5.0: its session goes on or ends, and then its will.
    pub(crate) fn close_with(
        &mut self,
        connection: ConnectionId,
        why: Why,
        goodbye: Option<Goodbye>,
    ) {
        let state = self.connections.insert(connection, State::Closed);
        let client_id = match state {
            Some(State::Session(client_id)) => client_id,
            Some(State::Handshake { .. }) => {
                return self.told.push_back(Told::Disconnected(connection, None, why));
            }
            Some(State::Closing { .. } | State::Closed) => return,
            None => {
                self.connections.remove(&connection);
                return;
            }
        };
        // The real client breaks no rule.
        let is_raw = client_id.starts_with('w') || client_id.starts_with("auto-");
        let is_fault = matches!(why, Why::Fault(_));
        assert!(is_raw || !is_fault, "{client_id} is closed for a fault: {why:?}");
        let session = self.sessions.get_mut(&client_id).unwrap();
        let mut link = session.link.take().unwrap();
        self.say_goodbye(connection, why, goodbye, &mut link);
        self.counts.connected -= 1;
        self.counts.faults += u64::from(is_fault);
        self.told.push_back(Told::Disconnected(connection, Some(client_id.clone()), why));
        self.leave(&client_id, &link, why);
    }

    /// The last packets.
    fn say_goodbye(
        &mut self,
        connection: ConnectionId,
        why: Why,
        goodbye: Option<Goodbye>,
        link: &mut Link,
    ) {
        let mut farewell = std::mem::take(&mut link.control);
        let full = farewell.iter().map(|answer| answer.bytes.len()).sum::<usize>()
            > self.config.session.max_unsent_bytes;
        let answered = match why {
            Why::Fault(_) => !full,
            Why::Reason(why) => matches!(
                why,
                CloseReason::Disconnected
                    | CloseReason::DisconnectedWith(_)
                    | CloseReason::Requested
            ),
        };
        let goodbye = goodbye.filter(|_| link.is_5());
        if !answered && goodbye.is_none() {
            farewell.clear();
        }
        if let Some(Goodbye { code, words, props }) = goodbye {
            self.seen.add(disconnect_kind(code));
            let largest = link.hello.maximum_packet_size;
            let bytes = within(largest, props, |props| match props {
                [] => packet(0xE0, &[code]),
                props => packet(0xE0, &[&[code], &block(props)[..]].concat()),
            });
            farewell.extend(bytes.map(|bytes| Answer { words, ..Answer::exact(bytes) }));
        }
        if !farewell.is_empty() {
            let deadline = self.now + self.config.close_timeout;
            let version = link.version();
            self.connections.insert(connection, State::Closing { farewell, version, deadline });
        }
    }

    /// What becomes of the session, and of the will.
    fn leave(&mut self, client_id: &str, link: &Link, why: Why) {
        let disconnected = why == Why::Reason(CloseReason::Disconnected);
        let will = link.hello.will.clone().filter(|_| !disconnected);
        let delay = will.as_ref().map_or(0, |will| will.delay);
        let expiry = self.expiry(link);
        let denied = self.sessions[client_id].denied;
        let mut now = will.clone();
        if expiry == Some(Duration::ZERO) {
            self.remove(client_id);
        } else {
            self.hand_on(client_id, false, |_, _| true);
            let session = self.sessions.get_mut(client_id).unwrap();
            session.queue.retain(|entry| entry.qos() != QoS::AtMostOnce);
            session.expires = expiry.map(|expiry| self.now + expiry);
            if let Some(will) = will.filter(|_| delay > 0) {
                let due = self.now + Duration::from_secs(delay.into());
                let due = session.expires.map_or(due, |expires| due.min(expires));
                session.will = Some((will, due));
                now = None;
                self.seen.add("will delayed");
            }
        }
        if let Some(will) = now {
            self.publish_will(client_id, denied, &will);
        }
    }

    /// How long the session outlives the connection; `None`: for ever.
    fn expiry(&self, link: &Link) -> Option<Duration> {
        match link.hello.expiry {
            0 => Some(Duration::ZERO),
            u32::MAX => self.config.session_expiry,
            seconds => {
                let asked = Duration::from_secs(seconds.into());
                Some(self.config.session_expiry.map_or(asked, |cap| cap.min(asked)))
            }
        }
    }

    pub(crate) fn publish_will(&mut self, client_id: &str, denied: bool, will: &Will) {
        let held = Held::new(will.message.clone(), self.now, Some(client_id));
        if self.refusal(denied, &held).is_none() {
            self.seen.add("will");
            self.seen.add_if(will.delay > 0, "will with a delay published");
            self.route(&Arc::new(held));
        } else {
            self.counts.rejected += 1;
        }
    }

    pub(crate) fn closed(&mut self, connection: ConnectionId) {
        self.close(connection, Why::Reason(CloseReason::TransportClosed));
        self.connections.remove(&connection);
    }

    /// A session is over while its client is away.
    fn end(&mut self, client_id: &str) {
        let session = &self.sessions[client_id];
        let (denied, will) = (session.denied, session.will.clone());
        self.remove(client_id);
        if let Some((will, _)) = will {
            self.publish_will(client_id, denied, &will);
        }
    }

    /// The program ends a session; whether there was one.
    pub(crate) fn end_session(&mut self, client_id: &str) -> bool {
        let Some(session) = self.sessions.get(client_id) else {
            return false;
        };
        self.seen.add("session ended by the program");
        if let Some(connection) = session.link.as_ref().map(|link| link.connection) {
            self.close(connection, Why::Reason(CloseReason::Requested));
        }
        if self.sessions.contains_key(client_id) {
            self.end(client_id);
        }
        true
    }

    pub(crate) fn session_expired(&mut self, client_id: &str) {
        self.seen.add("session expired");
        self.counts.expired += 1;
        self.end(client_id);
        self.told.push_back(Told::Expired(client_id.to_owned()));
    }

    fn remove(&mut self, client_id: &str) {
        self.hand_on(client_id, true, |_, _| true);
        let session = self.sessions.remove(client_id).unwrap();
        self.counts.dropped += session.uncounted;
        for key in session.subscriptions.keys().filter(|key| key.share.is_some()) {
            self.groups.leave(key, client_id);
        }
    }

    /// What the client has not got of its groups, or may not get, goes to members that are connected; where it is
    /// not kept otherwise, to whichever there are.
    fn hand_on(&mut self, client_id: &str, even_away: bool, wanted: fn(bool, &Held) -> bool) {
        let mut refused: BTreeMap<_, u32> = BTreeMap::new();
        for (sent, copy) in self.sessions[client_id].unfinished_of_groups() {
            let (key, number) = copy.group.clone().unwrap();
            let lasts = self.groups.number(&key) == number;
            let kind = (key.clone(), number, copy.held.message.qos > QoS::AtMostOnce);
            let refused = refused.entry(kind).or_default();
            if *refused >= MAX_REFUSED || !wanted(sent, &copy.held) {
                continue;
            }
            if lasts && self.give_to_member(&key, &copy.held, client_id, even_away) {
                self.seen.add("handed on to another member");
                self.seen.add_if(even_away, "handed on by a session that does not keep it");
                self.sessions.get_mut(client_id).unwrap().give_up(&copy);
            } else {
                *refused += 1;
            }
        }
    }
}

impl Session {
    /// Of the groups: what was sent at QoS 1 and not acknowledged, then what waits; whether it was sent.
    fn unfinished_of_groups(&self) -> Vec<(bool, Copy)> {
        let sent = self.inflight.iter().map(|flight| (true, &flight.copy));
        let sent = sent.filter(|(_, copy)| copy.qos == QoS::AtLeastOnce);
        let waiting = self.queue.iter().filter_map(|entry| match entry {
            Entry::Message(copy) => Some((false, copy)),
            Entry::Retained(_) => None,
        });
        let all = sent.chain(waiting).filter(|(_, copy)| copy.group.is_some());
        all.map(|(sent, copy)| (sent, copy.clone())).collect()
    }

    /// A copy goes to another member.
    fn give_up(&mut self, copy: &Copy) {
        let same = |other: &Copy| Arc::ptr_eq(&other.held, &copy.held) && other.group == copy.group;
        self.inflight.retain(|flight| flight.copy.qos != QoS::AtLeastOnce || !same(&flight.copy));
        self.queue.retain(|entry| !matches!(entry, Entry::Message(other) if same(other)));
        self.disown(copy);
    }
}
