//! The model's side of the wire: what each packet of a client's does, and what each answer looks like.

use std::collections::VecDeque;
use std::sync::Arc;

use mqtt_sansio::{
    CloseReason, Connect, ConnectionId, Delivery, Frame, Message, Packet, Publish, QoS, Sender,
    Subscribe, Version, Violation,
};

use crate::model::{Cursor, Entry, Hello, Model, State, Told, Why};

/// Section 4.7, level by level.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

pub(crate) fn connack(version: Version, present: bool, code: u8) -> Vec<u8> {
    match version {
        Version::V5_0 => vec![0x20, 3, 0, 0x84, 0],
        _ => vec![0x20, 2, u8::from(present), code],
    }
}

fn ack(first_byte: u8, id: u16) -> Vec<u8> {
    [&[first_byte, 2][..], &id.to_be_bytes()].concat()
}

pub(crate) fn pubrel(id: u16) -> Vec<u8> {
    ack(0x62, id)
}

/// A PUBLISH, section 3.3; `id` counts at QoS 1 and 2.
pub(crate) fn publish(message: &Message, qos: QoS, retain: bool, dup: bool, id: u16) -> Vec<u8> {
    let topic = message.topic.name().as_bytes();
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(topic);
    if qos != QoS::AtMostOnce {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(&message.payload);
    let mut packet = vec![0x30 | u8::from(dup) << 3 | (qos as u8) << 1 | u8::from(retain)];
    let mut rest = body.len();
    while rest >= 128 {
        packet.push(rest as u8 & 127 | 128);
        rest /= 128;
    }
    packet.push(rest as u8);
    packet.extend_from_slice(&body);
    packet
}

/// The client broke the protocol.
struct Fault;

impl Model {
    /// Bytes of a client.
    pub(crate) fn input(&mut self, connection: ConnectionId, bytes: &[u8]) {
        match self.connections.get_mut(&connection) {
            Some(State::Handshake { buffer, hello, .. }) => {
                let waiting = hello.is_some();
                buffer.extend_from_slice(bytes);
                let buffer = buffer.clone();
                if !waiting {
                    self.hello(connection, &buffer);
                } else if buffer.len() > self.config.session.handshake.max_early_bytes {
                    self.farewell(connection, Why::Fault, Vec::new());
                }
            }
            Some(State::Session(client_id)) => {
                let client_id = client_id.clone();
                self.session_input(connection, &client_id, bytes);
            }
            _ => {}
        }
    }

    /// The first bytes of a connection.
    fn hello(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let limits = &self.config.session.handshake;
        if bytes.first().is_some_and(|first| first >> 4 != 1) {
            return self.farewell(connection, Why::Fault, Vec::new());
        }
        let parsed = Frame::parse(bytes, limits.max_connect_size);
        let (frame, early) = match parsed {
            Ok(None) => return,
            Ok(Some(parsed)) => parsed,
            Err(_) => return self.farewell(connection, Why::Fault, Vec::new()),
        };
        let connect = match Packet::decode_from(Sender::Client, frame, Version::V3_1_1) {
            Ok(Packet::Connect(connect)) => connect,
            Ok(_) => return self.farewell(connection, Why::Fault, Vec::new()),
            Err(error) => {
                let unknown = error.violation() == Violation::UnsupportedProtocolVersion;
                let answer = if unknown { vec![0x20, 2, 0, 1] } else { Vec::new() };
                return self.farewell(connection, Why::Fault, answer);
            }
        };
        let nameless = connect.client_id.is_empty()
            && (connect.version == Version::V3_1 || !connect.clean_start);
        if connect.version == Version::V5_0 || nameless {
            let answer = connack(connect.version, false, 2);
            return self.farewell(connection, Why::Fault, answer);
        }
        let client_id = connect.client_id.to_owned();
        if early.len() > limits.max_early_bytes {
            self.told.push_back(Told::MaybeConnect(connection, client_id));
            return self.farewell(connection, Why::Fault, Vec::new());
        }
        let will = connect.will.map(|will| {
            let mut message = Message::new(will.topic.as_str(), will.payload.to_vec()).unwrap();
            message.qos = will.qos;
            message.retain = will.retain;
            Arc::new(message)
        });
        let Connect { version, clean_start: clean, keep_alive, .. } = connect;
        let said = Hello { version, clean, keep_alive, client_id: client_id.clone(), will };
        if let Some(State::Handshake { buffer, hello, .. }) = self.connections.get_mut(&connection)
        {
            *buffer = early.to_vec();
            *hello = Some(said);
        }
        self.told.push_back(Told::Connect(connection, client_id));
    }

    fn session_input(&mut self, connection: ConnectionId, client_id: &str, bytes: &[u8]) {
        let link = self.sessions.get_mut(client_id).and_then(|session| session.link.as_mut());
        let mut buffer = std::mem::take(&mut link.unwrap().buffer);
        buffer.extend_from_slice(bytes);
        let mut rest = &buffer[..];
        loop {
            let limit = self.config.session.maximum_packet_size;
            let result = match Frame::parse(rest, limit) {
                Ok(None) => break,
                Ok(Some((frame, after))) => {
                    rest = after;
                    self.packet(client_id, frame)
                }
                Err(_) => Err(Fault),
            };
            match result {
                Ok(true) => {}
                Ok(false) => {
                    return self.close(connection, Why::Reason(CloseReason::Disconnected));
                }
                Err(Fault) => return self.close(connection, Why::Fault),
            }
        }
        let rest = rest.to_vec();
        let link = self.sessions.get_mut(client_id).and_then(|session| session.link.as_mut());
        link.unwrap().buffer = rest;
    }

    /// One packet; false where it is DISCONNECT.
    fn packet(&mut self, client_id: &str, frame: Frame<'_>) -> Result<bool, Fault> {
        let session = self.sessions.get_mut(client_id).unwrap();
        let link = session.link.as_mut().unwrap();
        link.last_received = self.now;
        let packet = Packet::decode_from(Sender::Client, frame, link.hello.version);
        let packet = packet.map_err(|_| Fault)?;
        if let Packet::Disconnect(_) = packet {
            return Ok(false);
        }
        // What was acted on is answered: the limit is looked at before.
        let unsent: usize = link.control.iter().map(Vec::len).sum();
        if unsent > self.config.session.max_unsent_bytes {
            return Err(Fault);
        }
        let mut released = None;
        match packet {
            Packet::Publish(publish) => return self.publish(client_id, &publish),
            Packet::PubAck(ack) => {
                let id = ack.packet_id.get();
                session.finish(id, |qos, _| qos == QoS::AtLeastOnce)?;
            }
            Packet::PubRec(puback) => {
                let id = puback.packet_id.get();
                if let Some(flight) = session.inflight.iter_mut().find(|flight| flight.id == id) {
                    if flight.qos != QoS::ExactlyOnce {
                        return Err(Fault);
                    }
                    flight.released = true;
                }
                session.answer(pubrel(id));
            }
            Packet::PubRel(release) => {
                let id = release.packet_id.get();
                session.answer(ack(0x70, id));
                released = session.unreleased.remove(&id);
            }
            Packet::PubComp(ack) => session.finish(ack.packet_id.get(), |_, released| released)?,
            Packet::Subscribe(subscribe) => {
                self.subscribe_from(client_id, &subscribe);
                return Ok(true);
            }
            Packet::Unsubscribe(unsubscribe) => {
                let session = self.sessions.get_mut(client_id).unwrap();
                for filter in unsubscribe.filters {
                    session.subscriptions.remove(filter.as_str());
                    session.queue.retain(
                        |entry| !matches!(entry, Entry::Retained(c) if c.filter == filter.as_str()),
                    );
                }
                session.answer(ack(0xB0, unsubscribe.packet_id.get()));
                return Ok(true);
            }
            Packet::PingReq => session.answer(vec![0xD0, 0]),
            _ => return Err(Fault),
        }
        if let Some(message) = released {
            self.publish_from(client_id, &message);
        }
        Ok(true)
    }

    fn publish(&mut self, client_id: &str, publish: &Publish<'_>) -> Result<bool, Fault> {
        let limits = &self.config.session;
        if publish.delivery.qos() > limits.max_qos {
            return Err(Fault);
        }
        let mut message = Message::new(publish.topic.as_str(), publish.payload.to_vec()).unwrap();
        message.qos = publish.delivery.qos();
        message.retain = publish.retain;
        let message = Arc::new(message);
        let session = self.sessions.get_mut(client_id).unwrap();
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, .. } => {
                session.answer(ack(0x40, packet_id.get()));
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                let id = packet_id.get();
                let repeated = session.unreleased.contains_key(&id);
                if !repeated && session.unreleased.len() >= limits.max_unreleased_messages {
                    return Err(Fault);
                }
                self.seen.add_if(repeated, "QoS 2 message received again");
                session.unreleased.entry(id).or_insert(message);
                session.answer(ack(0x50, id));
                return Ok(true);
            }
        }
        self.publish_from(client_id, &message);
        Ok(true)
    }

    fn subscribe_from(&mut self, client_id: &str, subscribe: &Subscribe<'_>) {
        let mut codes = Vec::new();
        for wanted in subscribe.filters {
            let session = self.sessions.get_mut(client_id).unwrap();
            let filter = wanted.filter.as_str();
            let qos = wanted.qos.min(self.config.session.max_qos);
            let full = session.subscriptions.len() >= self.config.router.max_subscriptions
                && !session.subscriptions.contains_key(filter);
            let refused = session.denied && filter.split('/').next() == Some("deny");
            let long = filter.len() > self.config.max_topic_length;
            if full || refused || long {
                self.seen.add("subscription refused");
                let old = session.link.as_ref().is_some_and(|l| l.hello.version == Version::V3_1);
                codes.push(if old { 0 } else { 0x80 });
                continue;
            }
            codes.push(qos as u8);
            session.subscriptions.insert(filter.to_owned(), qos);
            self.subscribe_retained(client_id, filter, qos);
        }
        let session = self.sessions.get_mut(client_id).unwrap();
        let id = subscribe.packet_id.get().to_be_bytes();
        session.answer([&[0x90, codes.len() as u8 + 2][..], &id, &codes].concat());
    }

    /// Queues the retained messages of a new subscription, if there are any.
    fn subscribe_retained(&mut self, client_id: &str, filter: &str, qos: QoS) {
        let filter = filter.to_owned();
        let cursor = Cursor { filter, qos, after: None, last: self.numbers.retained };
        // What a wildcard finds is looked for only when it can be sent.
        let may_be = if cursor.filter.contains(['+', '#']) {
            !self.retained.is_empty()
        } else {
            self.next_retained(&cursor, false, &VecDeque::new()).is_some()
        };
        if !may_be {
            return;
        }
        let session = self.sessions.get_mut(client_id).unwrap();
        let waits = |entry: &&Entry| matches!(entry, Entry::Retained(_));
        if session.queue.iter().filter(waits).count() >= self.config.session.max_queued_messages {
            self.seen.add("too many new subscriptions wait");
            self.counts.dropped += 1;
        } else {
            session.queue.push_back(Entry::Retained(cursor));
        }
    }
}

impl crate::model::Session {
    fn answer(&mut self, packet: Vec<u8>) {
        self.link.as_mut().unwrap().control.push_back(packet);
    }

    fn finish(&mut self, id: u16, fits: impl Fn(QoS, bool) -> bool) -> Result<(), Fault> {
        let Some(index) = self.inflight.iter().position(|flight| flight.id == id) else {
            return Ok(());
        };
        if !fits(self.inflight[index].qos, self.inflight[index].released) {
            return Err(Fault);
        }
        self.inflight.remove(index);
        Ok(())
    }
}
