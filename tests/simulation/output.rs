//! Every packet that is pulled is the one that the model says comes next.

use std::sync::Arc;

use mqtt_sansio::{ConnectionId, Frame, MAXIMUM_PACKET_SIZE, Message, Packet, QoS, Version};

use crate::log::words;
use crate::model::{Entry, Flight, Model, Session, State, levels, size};
use crate::wire::{publish, pubrel};

/// What is to be sent next.
enum Next {
    Answer(Vec<u8>),
    /// Again, after a reconnect.
    Again(Vec<u8>),
    New(Arc<Message>, QoS, bool),
}

impl Model {
    /// What one pull of at most about `max` bytes handed out.
    pub(crate) fn pulled(&mut self, connection: ConnectionId, bytes: &[u8], max: usize) {
        let mut rest = bytes;
        while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            let size = bytes.len() - rest.len();
            assert!(size < max, "{size} bytes of {max} were reached:{}", words(bytes));
            self.sent(connection, frame);
            rest = after;
        }
        assert!(rest.is_empty(), "a pull ends within a packet:{}", words(bytes));
        if bytes.len() < max {
            self.seen.add_if(bytes.is_empty(), "pull of nothing");
            let left = self.next_packet(connection, true);
            assert!(left.is_none(), "{connection}: a pull of {max} bytes left {}", show(&left));
        }
    }

    /// Whether something is to be sent, so that the driver must have been told.
    pub(crate) fn wants(&mut self, connection: ConnectionId) -> bool {
        self.next_packet(connection, false).is_some()
    }

    /// One packet that was handed out.
    fn sent(&mut self, connection: ConnectionId, frame: Frame<'_>) {
        let bytes = frame.as_bytes();
        let next = self.next_packet(connection, true);
        let expected = match &next {
            None => panic!("{connection}: nothing was to be sent but{}", words(bytes)),
            Some(Next::Answer(expected) | Next::Again(expected)) => expected.clone(),
            Some(Next::New(message, qos, retain)) => {
                let id = packet_id(frame);
                publish(message, *qos, *retain, false, id)
            }
        };
        let same = bytes == expected;
        assert!(same, "{connection}: sent{}\nand not{}", words(bytes), words(&expected));
        match next {
            Some(Next::Answer(_)) => self.answered(connection),
            Some(Next::Again(packet)) => {
                let released = packet[0] == 0x62;
                self.seen.add(if released { "PUBREL again" } else { "PUBLISH again" });
                self.counts.again += u64::from(!released);
                self.session_of(connection).link.as_mut().unwrap().resend.pop_front();
            }
            Some(Next::New(message, qos, retain)) => {
                self.counts.sent[qos as usize] += 1;
                self.seen.add_if(retain, "retained message to a new subscription");
                self.take_off(connection, &message);
                if qos != QoS::AtMostOnce {
                    let id = packet_id(frame);
                    let session = self.session_of(connection);
                    let used = session.inflight.iter().any(|flight| flight.id == id);
                    assert!(!used, "{connection}: packet identifier {id} is in use");
                    let flight = Flight { id, message, qos, retain, released: false };
                    session.inflight.push(flight);
                }
            }
            None => {}
        }
    }

    fn answered(&mut self, connection: ConnectionId) {
        match self.connections.get_mut(&connection) {
            Some(State::Closing { farewell, .. }) if frames(farewell).len() > 1 => {
                farewell.drain(..frames(farewell)[0].len());
            }
            Some(state @ State::Closing { .. }) => *state = State::Closed,
            _ => {
                self.session_of(connection).link.as_mut().unwrap().control.pop_front();
            }
        }
    }

    /// The message has left the front of the queue, or the cursor there has passed it.
    fn take_off(&mut self, connection: ConnectionId, message: &Message) {
        let queue = &mut self.session_of(connection).queue;
        match queue.front_mut() {
            Some(Entry::Retained(cursor)) => {
                cursor.after = Some(levels(message.topic.name().as_str()));
            }
            _ => {
                queue.pop_front();
            }
        }
    }

    fn session_of(&mut self, connection: ConnectionId) -> &mut Session {
        let Some(State::Session(client_id)) = self.connections.get(&connection) else {
            panic!("{connection} has no session");
        };
        self.sessions.get_mut(client_id).unwrap()
    }

    /// Answers first, then what is sent again, then the queue in its order. `pull` takes out what has
    /// nothing to send any more.
    fn next_packet(&mut self, connection: ConnectionId, pull: bool) -> Option<Next> {
        let client_id = match self.connections.get(&connection)? {
            State::Closing { farewell, .. } => {
                return frames(farewell).into_iter().next().map(Next::Answer);
            }
            State::Session(client_id) => client_id.clone(),
            State::Handshake { .. } | State::Closed => return None,
        };
        let session = self.sessions.get_mut(&client_id).unwrap();
        let link = session.link.as_mut().unwrap();
        if let Some(answer) = link.control.front() {
            return Some(Next::Answer(answer.clone()));
        }
        while let Some(id) = link.resend.front() {
            if let Some(flight) = session.inflight.iter().find(|flight| flight.id == *id) {
                return Some(Next::Again(flight.again()));
            }
            link.resend.pop_front();
        }
        let window = usize::from(self.config.session.max_inflight_messages.max(1));
        let unfinished = session.inflight.len();
        let bytes: usize = session.inflight.iter().map(|flight| size(&flight.message)).sum();
        let most = self.config.session.max_queued_bytes;
        let is_open = |size: usize| unfinished == 0 || unfinished < window && bytes + size <= most;
        let mut passed = 0;
        let mut next = None;
        let denied = session.denied;
        let queue = std::mem::take(&mut session.queue);
        for entry in &queue {
            let size = match entry {
                Entry::Message(message, _) => size(message),
                Entry::Retained(_) => 0,
            };
            if entry.qos() != QoS::AtMostOnce && !is_open(size) {
                break;
            }
            next = match entry {
                Entry::Message(message, qos) => Some(Next::New(Arc::clone(message), *qos, false)),
                Entry::Retained(cursor) => {
                    let message = self.next_retained(cursor, denied, &queue);
                    message.map(|m| Next::New(Arc::clone(&m), m.qos.min(cursor.qos), true))
                }
            };
            if next.is_some() {
                break;
            }
            passed += 1;
        }
        let session = self.sessions.get_mut(&client_id).unwrap();
        session.queue = queue;
        if pull {
            session.queue.drain(..passed);
        }
        next
    }
}

impl Flight {
    fn again(&self) -> Vec<u8> {
        match self.released {
            true => pubrel(self.id),
            false => publish(&self.message, self.qos, self.retain, true, self.id),
        }
    }
}

/// The packets that bytes hold.
fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Ok(Some((frame, rest))) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE) {
        frames.push(frame.as_bytes().to_vec());
        bytes = rest;
    }
    frames
}

/// That of a PUBLISH; 0 where it has none.
fn packet_id(frame: Frame<'_>) -> u16 {
    match Packet::decode(frame, Version::V3_1_1) {
        Ok(Packet::Publish(publish)) => publish.delivery.packet_id().map_or(0, |id| id.get()),
        _ => 0,
    }
}

fn show(next: &Option<Next>) -> String {
    match next {
        None => "nothing".to_owned(),
        Some(Next::Answer(packet) | Next::Again(packet)) => words(packet),
        Some(Next::New(message, qos, retain)) => words(&publish(message, *qos, *retain, false, 1)),
    }
}
