//! What each packet of a client's does in the model, and how it is answered.

use std::sync::Arc;

use mqtt_sansio::{
    CloseReason, Connect, ConnectionId, Delivery, Disconnect, Frame, Message, MessageProperties,
    Packet, Properties, Property, PropertyId, Publish, QoS, ReasonCode, Sender, Version, Violation,
};

use crate::last::refusal;
use crate::model::{Answer, Flight, Held, Hello, Model, State, Told, Why, Will, has_valid_format};
use crate::wire::{ack, connack, matches};

/// The client broke the protocol, by this reason code.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) u8);

const PROTOCOL_ERROR: Fault = Fault(0x82);
const QUOTA_EXCEEDED: Fault = Fault(0x97);
const MAX_WORDS: &str = "too many QoS 2 messages await PUBREL";

/// Whether the connection goes on.
pub(crate) enum After {
    Next,
    End(CloseReason),
}

/// What of the properties goes along with the message.
fn message_properties(properties: &Properties<'_>) -> MessageProperties {
    let travels = |property: &Property<'_>| {
        !matches!(
            property.id(),
            PropertyId::TopicAlias
                | PropertyId::SubscriptionIdentifier
                | PropertyId::WillDelayInterval
        )
    };
    let travelling: Vec<_> = properties.iter().filter(travels).collect();
    MessageProperties::new(&travelling).unwrap()
}

impl Model {
    /// Bytes of a client.
    pub(crate) fn input(&mut self, connection: ConnectionId, bytes: &[u8]) {
        match self.connections.get_mut(&connection) {
            Some(State::Handshake { buffer, hello, .. }) => {
                buffer.extend_from_slice(bytes);
                let (buffer, waiting) = (buffer.clone(), hello.clone());
                let too_much = buffer.len() > self.config.session.handshake.max_early_bytes;
                match waiting {
                    None => self.hello(connection, &buffer),
                    Some(hello) if too_much => {
                        self.farewell(connection, Why::Fault(0x97), rejection(&hello, 0x97));
                    }
                    Some(_) => {}
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
        let limits = self.config.session.handshake.clone();
        if bytes.first().is_some_and(|first| first >> 4 != 1) {
            return self.farewell(connection, Why::Fault(0x82), None);
        }
        let parsed = Frame::parse(bytes, limits.max_connect_size);
        let (frame, early) = match parsed {
            Ok(None) => return,
            Ok(Some(parsed)) => parsed,
            Err(error) => {
                return self.farewell(connection, Why::Fault(error.reason_code() as u8), None);
            }
        };
        let connect = match Packet::decode_from(Sender::Client, frame, Version::V3_1_1) {
            Ok(Packet::Connect(connect)) => connect,
            Ok(_) => return self.farewell(connection, Why::Fault(0x82), None),
            Err(error) => {
                let code = error.reason_code() as u8;
                let unknown = error.violation() == Violation::UnsupportedProtocolVersion;
                let is_5 = frame.body().starts_with(b"\0\x04MQTT\x05");
                let answer = match (unknown, is_5) {
                    (true, _) => Some((Version::V3_1_1, vec![0x20, 2, 0, 1])),
                    (false, true) => {
                        Some((Version::V5_0, connack(Version::V5_0, false, code, &[])))
                    }
                    _ => None,
                };
                let answer = answer.map(|(version, bytes)| (version, Answer::explained(bytes)));
                return self.farewell(connection, Why::Fault(code), answer);
            }
        };
        let said = Hello::new(&connect);
        if let Err((code, answer)) = self.check_hello(&connect, &said) {
            return self.farewell(connection, Why::Fault(code), answer);
        }
        let client_id = said.client_id.clone();
        if early.len() > limits.max_early_bytes {
            self.told.push_back(Told::MaybeConnect(connection, client_id));
            return self.farewell(connection, Why::Fault(0x97), rejection(&said, 0x97));
        }
        if let Some(State::Handshake { buffer, hello, .. }) = self.connections.get_mut(&connection)
        {
            *buffer = early.to_vec();
            *hello = Some(Box::new(said));
        }
        self.told.push_back(Told::Connect(connection, client_id));
    }

    /// What is turned down before the program is asked: the fault, and the answer.
    fn check_hello(
        &mut self,
        connect: &Connect<'_>,
        hello: &Hello,
    ) -> Result<(), (u8, Option<(Version, Answer)>)> {
        if hello.version != Version::V5_0 {
            let nameless = connect.client_id.is_empty()
                && (connect.version == Version::V3_1 || !connect.clean_start);
            return if nameless { Err((0x85, refusal(hello, 2))) } else { Ok(()) };
        }
        let features = &self.config.session.features;
        let method = hello_method(connect);
        let code = match &hello.will {
            _ if method => 0x8C,
            Some(will) if will.message.qos > features.maximum_qos => 0x9B,
            Some(will) if will.message.retain && !features.retain_available => 0x9A,
            Some(will) if features.validate_payload_format && !has_valid_format(&will.message) => {
                0x99
            }
            _ => return Ok(()),
        };
        self.seen.add("CONNECT of 5.0 turned down");
        Err((code, rejection(hello, code)))
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
                Err(error) => Err(Fault(error.reason_code() as u8)),
            };
            match result {
                Ok(After::Next) => {}
                Ok(After::End(reason)) => return self.close(connection, Why::Reason(reason)),
                Err(Fault(code)) => return self.close(connection, Why::Fault(code)),
            }
        }
        let rest = rest.to_vec();
        let link = self.sessions.get_mut(client_id).and_then(|session| session.link.as_mut());
        link.unwrap().buffer = rest;
    }

    fn packet(&mut self, client_id: &str, frame: Frame<'_>) -> Result<After, Fault> {
        let session = self.sessions.get_mut(client_id).unwrap();
        let link = session.link.as_mut().unwrap();
        link.last_received = self.now;
        let packet = Packet::decode_from(Sender::Client, frame, link.version());
        let packet = packet.map_err(|error| Fault(error.reason_code() as u8))?;
        if let Packet::Disconnect(disconnect) = packet {
            return self.disconnect(client_id, &disconnect);
        }
        // What was acted on is answered: the limit is looked at before.
        let unsent: usize = link.control.iter().map(|answer| answer.bytes.len()).sum();
        if unsent > self.config.session.max_unsent_bytes {
            return Err(QUOTA_EXCEEDED);
        }
        let is_5 = link.is_5();
        let unknown = if is_5 { 0x92 } else { 0 };
        match packet {
            Packet::Publish(publish) => self.publish(client_id, &publish)?,
            Packet::PubAck(ack) => {
                self.seen.add_if(ack.reason_code.is_error(), "PUBACK with an error");
                session.finish(ack.packet_id.get(), |qos, _| qos == QoS::AtLeastOnce)?;
            }
            Packet::PubRec(pubrec) if pubrec.reason_code.is_error() => {
                self.seen.add("PUBREC with an error");
                let id = pubrec.packet_id.get();
                session.finish(id, |qos, released| qos == QoS::ExactlyOnce && !released)?;
            }
            Packet::PubRec(pubrec) => {
                let id = pubrec.packet_id.get();
                let found = session.inflight.iter_mut().find(|flight| flight.id == id);
                let code = if found.is_some() { 0 } else { unknown };
                if let Some(flight) = found {
                    if flight.copy.qos != QoS::ExactlyOnce {
                        return Err(PROTOCOL_ERROR);
                    }
                    flight.released = true;
                    // PUBREL goes out now, and not again.
                    session.link.as_mut().unwrap().resend.retain(|waiting| *waiting != id);
                }
                self.seen.add_if(code != 0, "PUBREL 0x92: packet identifier not found");
                session.answer(ack(0x62, id, code, &[]));
            }
            Packet::PubRel(release) => {
                let id = release.packet_id.get();
                let held = session.unreleased.remove(&id);
                let code = if held.is_some() { 0 } else { unknown };
                self.seen.add_if(code != 0, "PUBCOMP 0x92: packet identifier not found");
                let answer = ack(0x70, id, code, &[]);
                session.answer_last(answer);
                if let Some(held) = held {
                    self.publish_from(client_id, &held);
                }
            }
            Packet::PubComp(ack) => session.finish(ack.packet_id.get(), |_, released| released)?,
            Packet::Subscribe(subscribe) => self.subscribe_from(client_id, &subscribe)?,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe_from(client_id, &unsubscribe),
            Packet::PingReq => session.answer(vec![0xD0, 0]),
            _ => return Err(PROTOCOL_ERROR),
        }
        Ok(After::Next)
    }

    fn disconnect(&mut self, client_id: &str, disconnect: &Disconnect<'_>) -> Result<After, Fault> {
        let session = self.sessions.get_mut(client_id).unwrap();
        let hello = &mut session.link.as_mut().unwrap().hello;
        let expiry = disconnect.properties.find(PropertyId::SessionExpiryInterval);
        if let Some(Property::SessionExpiryInterval(seconds)) = expiry {
            if hello.asked == 0 && seconds > 0 {
                self.seen.add("session expiry raised from 0");
                return Err(PROTOCOL_ERROR);
            }
            self.seen.add("session expiry changed by DISCONNECT");
            hello.expiry = seconds.min(hello.longest);
        }
        Ok(After::End(match disconnect.reason_code {
            ReasonCode::Success => CloseReason::Disconnected,
            code => {
                self.seen.add("DISCONNECT with a reason");
                CloseReason::DisconnectedWith(code)
            }
        }))
    }

    fn publish(&mut self, client_id: &str, publish: &Publish<'_>) -> Result<(), Fault> {
        let features = &self.config.session.features;
        if publish.delivery.qos() > features.maximum_qos {
            return Err(Fault(0x9B));
        }
        let is_5 = self.sessions[client_id].link.as_ref().unwrap().is_5();
        if is_5 && publish.retain && !features.retain_available {
            return Err(Fault(0x9A));
        }
        let mut held = Held::new(self.message(client_id, publish)?, self.now, Some(client_id));
        held.is_checked = is_5 && held.message.qos == QoS::ExactlyOnce;
        let held = Arc::new(held);
        match publish.delivery {
            Delivery::AtMostOnce => self.publish_from(client_id, &held),
            Delivery::AtLeastOnce { packet_id, .. } => {
                if is_5 {
                    self.count_open(client_id)?;
                }
                let (answer, refused) = self.answer_to(client_id, 0x40, packet_id.get(), &held);
                self.sessions.get_mut(client_id).unwrap().answer_last(answer);
                if refused {
                    self.turn_down();
                } else {
                    self.publish_from(client_id, &held);
                }
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                return self.publish_exactly_once(client_id, packet_id.get(), held);
            }
        }
        Ok(())
    }

    /// The message under its topic, which an alias may stand for.
    fn message(&mut self, client_id: &str, publish: &Publish<'_>) -> Result<Message, Fault> {
        let most = self.config.session.features.topic_alias_maximum;
        let link = self.sessions.get_mut(client_id).unwrap().link.as_mut().unwrap();
        let mut topic = publish.topic.as_str().to_owned();
        if let Some(Property::TopicAlias(alias)) = publish.properties.find(PropertyId::TopicAlias) {
            if alias.get() > most {
                return Err(Fault(0x94));
            }
            if topic.is_empty() {
                self.seen.add("topic alias in place of a topic, to the server");
                topic = link.aliases.get(&alias.get()).ok_or(PROTOCOL_ERROR)?.clone();
            } else {
                link.aliases.insert(alias.get(), topic.clone());
            }
        }
        let mut message = Message::new(&topic, publish.payload.to_vec()).unwrap();
        message.qos = publish.delivery.qos();
        message.retain = publish.retain;
        message.properties = message_properties(&publish.properties);
        Ok(message)
    }

    fn publish_exactly_once(
        &mut self,
        client_id: &str,
        id: u16,
        held: Arc<Held>,
    ) -> Result<(), Fault> {
        let session = self.sessions.get_mut(client_id).unwrap();
        let is_5 = session.link.as_ref().unwrap().is_5();
        // In 5.0 the client has not been told what became of one that came before 5.0.
        if session.unreleased.get(&id).is_some_and(|held| held.is_checked || !is_5) {
            self.seen.add("QoS 2 message received again");
            session.answer(ack(0x50, id, 0, &[]));
            return Ok(());
        }
        if is_5 {
            self.count_open(client_id)?;
        }
        let session = self.sessions.get_mut(client_id).unwrap();
        let replaced = session.unreleased.remove(&id).is_some();
        self.seen.add_if(replaced, "QoS 2 message of 3.1.1 received again in 5.0");
        if session.unreleased.len() >= self.config.session.max_unreleased_messages {
            let link = session.link.as_mut().filter(|_| is_5).ok_or(Fault(0x93))?;
            self.seen.add("PUBREC 0x97: too much awaits PUBREL, of an earlier connection too");
            let answer = link.explained(MAX_WORDS, |props| ack(0x50, id, 0x97, props));
            link.open = link.open.saturating_sub(1);
            session.answer(answer);
            return Ok(());
        }
        let (answer, refused) = self.answer_to(client_id, 0x50, id, &held);
        let session = self.sessions.get_mut(client_id).unwrap();
        session.answer(answer);
        if refused {
            let link = session.link.as_mut().unwrap();
            link.open = link.open.saturating_sub(1);
            self.turn_down();
        } else {
            session.unreleased.insert(id, held);
        }
        Ok(())
    }

    /// One exchange more that a client of 5.0 has open.
    fn count_open(&mut self, client_id: &str) -> Result<(), Fault> {
        let most = usize::from(self.receive_maximum());
        let link = self.sessions.get_mut(client_id).unwrap().link.as_mut().unwrap();
        if link.open >= most {
            return Err(Fault(0x93));
        }
        link.open += 1;
        Ok(())
    }

    /// PUBACK or PUBREC, and whether it refuses the message.
    fn answer_to(
        &mut self,
        client_id: &str,
        first_byte: u8,
        id: u16,
        held: &Arc<Held>,
    ) -> (Vec<u8>, bool) {
        let session = &self.sessions[client_id];
        let link = session.link.as_ref().unwrap();
        if !link.is_5() {
            return (ack(first_byte, id, 0, &[]), false);
        }
        let refusal = self.refusal(session.denied, held).or_else(|| self.retain_refusal(held));
        if let Some((code, text)) = refusal {
            let kind = match code {
                0x87 => "PUBACK or PUBREC 0x87: not authorized",
                0x90 => "PUBACK or PUBREC 0x90: topic name invalid",
                0x99 => "PUBACK or PUBREC 0x99: payload format invalid",
                _ => "PUBACK or PUBREC 0x97: quota exceeded",
            };
            let answer = link.explained(text, |props| ack(first_byte, id, code, props));
            self.seen.add(kind);
            return (answer, true);
        }
        let code = if self.is_for_anybody(client_id, held) { 0 } else { 0x10 };
        self.seen.add_if(code != 0, "PUBACK or PUBREC 0x10: no matching subscribers");
        (ack(first_byte, id, code, &[]), false)
    }

    /// Whether somebody subscribes to the message.
    fn is_for_anybody(&self, client_id: &str, held: &Held) -> bool {
        let topic = held.topic();
        self.program.iter().any(|filter| matches(filter, topic))
            || self.sessions.iter().any(|(subscriber, session)| {
                session.subscriptions.iter().any(|(key, options)| {
                    let local = options.no_local && subscriber == client_id;
                    matches(&key.filter, topic) && (key.share.is_some() || !local)
                })
            })
    }
}

impl Hello {
    fn new(connect: &Connect<'_>) -> Hello {
        let is_5 = connect.version == Version::V5_0;
        let find = |id| connect.properties.find(id);
        let will = connect.will.map(|will| {
            let mut message = Message::new(will.topic.as_str(), will.payload.to_vec()).unwrap();
            message.qos = will.qos;
            message.retain = will.retain;
            message.properties = message_properties(&will.properties);
            let delay = match will.properties.find(PropertyId::WillDelayInterval) {
                Some(Property::WillDelayInterval(delay)) => delay,
                _ => 0,
            };
            Will { message, delay }
        });
        let expiry = match find(PropertyId::SessionExpiryInterval) {
            Some(Property::SessionExpiryInterval(seconds)) => seconds,
            _ if is_5 || connect.clean_start => 0,
            _ => u32::MAX,
        };
        Hello {
            version: connect.version,
            clean: connect.clean_start,
            keep_alive: connect.keep_alive,
            client_id: connect.client_id.to_owned(),
            will,
            expiry,
            asked: expiry,
            longest: u32::MAX,
            receive_maximum: match find(PropertyId::ReceiveMaximum) {
                Some(Property::ReceiveMaximum(maximum)) => maximum.get(),
                _ => u16::MAX,
            },
            maximum_packet_size: match find(PropertyId::MaximumPacketSize) {
                Some(Property::MaximumPacketSize(size)) => size.get() as usize,
                _ => usize::MAX,
            },
            alias_maximum: match find(PropertyId::TopicAliasMaximum) {
                Some(Property::TopicAliasMaximum(maximum)) => maximum,
                _ => 0,
            },
            problem_information: find(PropertyId::RequestProblemInformation)
                != Some(Property::RequestProblemInformation(false)),
        }
    }
}

fn hello_method(connect: &Connect<'_>) -> bool {
    connect.properties.contains(PropertyId::AuthenticationMethod)
}

/// The CONNACK for a fault, in 5.0; older versions are not told of these.
pub(crate) fn rejection(hello: &Hello, code: u8) -> Option<(Version, Answer)> {
    let answer = connack(hello.version, false, code, &[]);
    let told = hello.version == Version::V5_0 && answer.len() <= hello.maximum_packet_size;
    told.then(|| (hello.version, Answer::explained(answer)))
}

impl crate::model::Session {
    fn finish(&mut self, id: u16, fits: impl Fn(QoS, bool) -> bool) -> Result<(), Fault> {
        let Some(index) = self.inflight.iter().position(|flight| flight.id == id) else {
            return Ok(());
        };
        let Flight { copy, released, .. } = &self.inflight[index];
        if !fits(copy.qos, *released) {
            return Err(PROTOCOL_ERROR);
        }
        self.inflight.remove(index);
        Ok(())
    }
}
