//! A model of a server for one client: enough of one to hold up its end of every exchange.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use mqtt_sansio::{
    Ack, ConnAck, Delivery, Frame, MAXIMUM_PACKET_SIZE, Message, Packet, PacketId, Properties,
    Property, PropertyId, Publish, QoS, ReasonCode, Sender, SubAck, Topic, TopicAlias, TopicName,
    UnsubAck, Version,
};

use crate::bench::hex;

/// What is unfinished towards the client, in the order it was sent.
#[derive(Debug)]
enum Unfinished {
    Publish(Message),
    Released,
}

/// What outlives a connection.
#[derive(Debug, Default)]
struct Session {
    sending: VecDeque<(PacketId, Unfinished)>,
    last_id: u16,
    /// QoS 2 messages received and not released.
    unreleased: BTreeSet<PacketId>,
    queued: VecDeque<Message>,
}

/// One received PUBLISH that counts as a message: QoS 2 duplicates do not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrived {
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) dup: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Server {
    session: Option<Session>,
    version: Option<Version>,
    /// Whether CONNECT came on this connection.
    connected: bool,
    clean: bool,
    /// A session was forgotten, and the client may not know.
    forgot: bool,
    input: Vec<u8>,
    /// What is to be sent, packet by packet.
    pub(crate) output: Vec<Vec<u8>>,
    pub(crate) arrived: Vec<Arrived>,
    /// Payloads that ended with a session before the client had answered.
    pub(crate) lost: BTreeSet<Bytes>,
    /// Set by the test: what the next CONNECT gets.
    pub(crate) refuse: bool,
    /// Set by the test: PINGREQ is not answered.
    pub(crate) mute: bool,
    pub(crate) disconnected: bool,
    /// Set by the test: how many PUBLISH the client may have open, in 5.0.
    pub(crate) receive_maximum: u16,
    /// QoS 2 PUBLISH of this connection without PUBREL.
    open: BTreeSet<PacketId>,
    aliases: Aliases,
}

/// The topic aliases of one connection: the client's, and those that were given to it.
#[derive(Debug, Default)]
struct Aliases {
    received: BTreeMap<TopicAlias, Topic>,
    sent: Vec<Topic>,
}

/// How many topic aliases either side accepts.
pub(crate) const ALIASES: u16 = 2;

/// Messages that the server refuses in 5.0, and that the application does.
pub(crate) fn is_refused(payload: &[u8]) -> bool {
    number(payload) % 11 == 0
}

pub(crate) fn number(payload: &[u8]) -> usize {
    std::str::from_utf8(&payload[..6]).unwrap().parse().unwrap()
}

/// What each message of a run is about.
pub(crate) fn topic_of(number: usize) -> &'static str {
    ["a", "a/b", "c"][number % 3]
}

impl Server {
    /// Forgets the session without the client's asking.
    pub(crate) fn lose_session(&mut self) {
        self.end_session();
        self.forgot = true;
    }

    fn end_session(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let sending = session.sending.into_iter().filter_map(|(_, what)| match what {
            Unfinished::Publish(message) => Some(message),
            Unfinished::Released => None,
        });
        self.lost.extend(sending.chain(session.queued).map(|message| message.payload));
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether nothing is left for the client.
    pub(crate) fn is_idle(&self) -> bool {
        self.session
            .as_ref()
            .is_none_or(|session| session.sending.is_empty() && session.queued.is_empty())
    }

    pub(crate) fn close(&mut self) {
        self.connected = false;
        self.disconnected = false;
        self.open.clear();
        self.aliases = Aliases::default();
        self.input.clear();
        self.output.clear();
        // A new session is kept from when the client has shown that it knows of it: no 3.1.1 client can
        // tell it from the one that was there before.
        if self.clean || self.forgot {
            self.end_session();
        }
    }

    /// A message for the client; kept while there is a session. Whether it was taken.
    pub(crate) fn publish(&mut self, message: Message) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        if !self.connected {
            session.queued.push_back(message);
            return true;
        }
        self.send_message(message);
        true
    }

    fn send_message(&mut self, message: Message) {
        let Some(session) = &mut self.session else {
            return;
        };
        if message.qos == QoS::AtMostOnce {
            let publish = publish(&message, false, PacketId::MIN);
            let bytes = self.aliases.encode(publish, self.version.unwrap());
            return self.output.push(bytes);
        }
        let id = loop {
            session.last_id = session.last_id.wrapping_add(1) % 8;
            match PacketId::new(session.last_id) {
                Some(id) if session.sending.iter().all(|(used, _)| *used != id) => break id,
                _ if session.sending.len() >= 7 => return session.queued.push_back(message),
                _ => {}
            }
        };
        let packet = publish(&message, false, id);
        let bytes = self.aliases.encode(packet, self.version.unwrap());
        session.sending.push_back((id, Unfinished::Publish(message)));
        self.output.push(bytes);
    }

    fn send(&mut self, packet: &Packet<'_>) {
        self.output.push(encode(packet, self.version.unwrap()));
    }

    /// Bytes from the client. Panics where the client breaks the protocol.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        while let Some((frame, after)) = Frame::parse(rest, MAXIMUM_PACKET_SIZE).unwrap() {
            // CONNECT, which comes first, is read as of any.
            let version = self.version.unwrap_or(Version::V3_1_1);
            let packet = Packet::decode_from(Sender::Client, frame, version);
            let packet = packet.unwrap_or_else(|e| panic!("{}: {e}", hex(frame.as_bytes())));
            self.packet(&packet);
            rest = after;
        }
        self.input.extend_from_slice(rest);
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        assert!(!self.disconnected, "{packet} after DISCONNECT");
        if let Packet::Connect(connect) = packet {
            assert!(!self.connected, "a second CONNECT");
            self.version = Some(connect.version);
            return self.connect(connect.clean_start);
        }
        assert!(self.connected || self.refuse, "{packet} before CONNECT");
        if self.refuse {
            return;
        }
        // A DISCONNECT may also answer what came instead of CONNACK.
        self.forgot &= matches!(packet, Packet::Disconnect(_));
        match packet {
            Packet::Publish(publish) => self.publish_received(publish),
            Packet::PubAck(ack) => self.finished(ack.packet_id, QoS::AtLeastOnce),
            Packet::PubRec(ack) => self.pubrec(ack),
            Packet::PubComp(ack) => self.finished(ack.packet_id, QoS::ExactlyOnce),
            Packet::PubRel(ack) => {
                self.session.as_mut().unwrap().unreleased.remove(&ack.packet_id);
                self.open.remove(&ack.packet_id);
                self.send(&Packet::PubComp(Ack::new(ack.packet_id)));
            }
            Packet::Subscribe(subscribe) => {
                let codes: Vec<_> =
                    subscribe.filters.iter().map(|f| ReasonCode::granted(f.qos)).collect();
                self.send(&SubAck::new(subscribe.packet_id, &codes).into());
            }
            Packet::Unsubscribe(unsubscribe) => {
                let codes = [ReasonCode::Success].repeat(unsubscribe.filters.len());
                let codes = if self.is_v5() { &codes[..] } else { &[] };
                self.send(&UnsubAck::new(unsubscribe.packet_id, codes).into());
            }
            Packet::PingReq if self.mute => {}
            Packet::PingReq => self.send(&Packet::PingResp),
            Packet::Disconnect(_) => self.disconnected = true,
            packet => panic!("{packet}"),
        }
    }

    fn connect(&mut self, clean_start: bool) {
        if self.refuse {
            return self.send(&ConnAck::refused(ReasonCode::ServerUnavailable).into());
        }
        self.connected = true;
        self.disconnected = false;
        self.clean = clean_start && !self.is_v5();
        if clean_start {
            self.end_session();
            self.forgot = true;
        }
        let present = self.session.is_some();
        let session = self.session.get_or_insert_default();
        let mut resends = Vec::new();
        for (id, what) in &session.sending {
            resends.push(match what {
                Unfinished::Publish(message) => {
                    self.aliases.encode(publish(message, true, *id), self.version.unwrap())
                }
                Unfinished::Released => {
                    encode(&Packet::PubRel(Ack::new(*id)), self.version.unwrap())
                }
            });
        }
        let queued = std::mem::take(&mut session.queued);
        let told = present && self.version != Some(Version::V3_1);
        let maximum = self.receive_maximum.max(1).try_into().unwrap();
        let properties = [Property::ReceiveMaximum(maximum), Property::TopicAliasMaximum(ALIASES)];
        let properties =
            if self.is_v5() { Properties::new(&properties) } else { Properties::EMPTY };
        self.send(&ConnAck { properties, ..ConnAck::accepted(told) }.into());
        self.output.extend(resends);
        queued.into_iter().for_each(|message| self.send_message(message));
    }

    fn is_v5(&self) -> bool {
        self.version == Some(Version::V5_0)
    }

    fn publish_received(&mut self, publish: &Publish<'_>) {
        self.check_topic(publish);
        if self.is_v5() && is_refused(publish.payload) {
            return self.refuse(publish.delivery);
        }
        if let (Delivery::ExactlyOnce { packet_id, .. }, true) = (publish.delivery, self.is_v5()) {
            self.open.insert(packet_id);
            let open = self.open.len();
            assert!(open <= usize::from(self.receive_maximum.max(1)), "{open} [MQTT-3.3.4-7]");
        }
        let session = self.session.as_mut().unwrap();
        let (answer, new) = match publish.delivery {
            Delivery::AtMostOnce => (None, true),
            Delivery::AtLeastOnce { packet_id, .. } => {
                (Some(Packet::PubAck(Ack::new(packet_id))), true)
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                let new = session.unreleased.insert(packet_id);
                (Some(Packet::PubRec(Ack::new(packet_id))), new)
            }
        };
        if new {
            self.arrived.push(Arrived {
                payload: Bytes::copy_from_slice(publish.payload),
                qos: publish.delivery.qos(),
                dup: publish.delivery.dup(),
            });
        }
        if let Some(answer) = answer {
            self.send(&answer);
        }
    }

    /// The topic is that of the message, by whatever name it comes.
    fn check_topic(&mut self, publish: &Publish<'_>) {
        let mut topic = Topic::from(publish.topic);
        if let Some(Property::TopicAlias(alias)) = publish.properties.find(PropertyId::TopicAlias) {
            assert!(alias.get() <= ALIASES, "{alias} [MQTT-3.3.2-9]");
            if publish.topic.is_empty() {
                topic = self.aliases.received[&alias].clone();
            }
            self.aliases.received.insert(alias, topic.clone());
        }
        assert_eq!(topic.name().as_str(), topic_of(number(publish.payload)));
    }

    fn refuse(&mut self, delivery: Delivery) {
        let refusal = |id| Ack { reason_code: ReasonCode::QuotaExceeded, ..Ack::new(id) };
        match delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, .. } => {
                self.send(&Packet::PubAck(refusal(packet_id)));
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                self.send(&Packet::PubRec(refusal(packet_id)));
            }
        }
    }

    /// PUBACK or PUBCOMP: in the order of what they answer.
    fn finished(&mut self, id: PacketId, qos: QoS) {
        let session = self.session.as_mut().unwrap();
        let place = session.sending.iter().position(|(sent, what)| {
            let fits = match what {
                Unfinished::Publish(message) => message.qos == qos && qos == QoS::AtLeastOnce,
                Unfinished::Released => qos == QoS::ExactlyOnce,
            };
            *sent == id && fits
        });
        let Some(place) = place else {
            return;
        };
        let earlier = |(_, what): &(PacketId, Unfinished)| match what {
            Unfinished::Publish(message) => message.qos == qos && qos == QoS::AtLeastOnce,
            Unfinished::Released => false,
        };
        let skipped = session.sending.iter().take(place).any(earlier);
        assert!(!skipped, "PUBACK {id} out of turn [MQTT-4.6.0-2]");
        session.sending.remove(place);
        if let Some(message) = session.queued.pop_front() {
            self.send_message(message);
        }
    }

    fn pubrec(&mut self, ack: &Ack<'_>) {
        let id = ack.packet_id;
        let session = self.session.as_mut().unwrap();
        if ack.reason_code.is_error() {
            session.sending.retain(|(sent, _)| *sent != id);
            if let Some(message) = session.queued.pop_front() {
                self.send_message(message);
            }
            return;
        }
        for (sent, what) in &mut session.sending {
            match what {
                Unfinished::Publish(message) if message.qos == QoS::ExactlyOnce => {
                    assert_eq!(*sent, id, "PUBREC out of turn [MQTT-4.6.0-3]");
                    *what = Unfinished::Released;
                    break;
                }
                Unfinished::Released if *sent == id => break,
                _ => {}
            }
        }
        self.send(&Packet::PubRel(Ack::new(id)));
    }
}

impl Aliases {
    /// PUBLISH to a client of 5.0 goes by an alias where there is one.
    fn encode(&mut self, mut publish: Publish<'_>, version: Version) -> Vec<u8> {
        if version != Version::V5_0 {
            return encode(&publish.into(), version);
        }
        let topic = Topic::from(publish.topic);
        let known = self.sent.iter().position(|sent| *sent == topic);
        if known.is_none() && self.sent.len() < usize::from(ALIASES) {
            self.sent.push(topic);
        } else if known.is_none() {
            return encode(&publish.into(), version);
        }
        let alias = known.unwrap_or(self.sent.len() - 1) + 1;
        let alias = [Property::TopicAlias(TopicAlias::new(alias as u16).unwrap())];
        if known.is_some() {
            publish.topic = TopicName::BY_ALIAS;
        }
        encode(&Publish { properties: Properties::new(&alias), ..publish }.into(), version)
    }
}

fn publish(message: &Message, dup: bool, packet_id: PacketId) -> Publish<'_> {
    let delivery = match message.qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup, packet_id },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup, packet_id },
    };
    let name = message.topic.name();
    Publish { delivery, retain: message.retain, ..Publish::new(name, &message.payload) }
}

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode_to(version, &mut bytes).unwrap_or_else(|error| panic!("{packet}: {error}"));
    bytes
}
