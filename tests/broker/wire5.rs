//! Packets of 5.0 as bytes, and [`Bench`] with 5.0 clients.

use std::fmt::Write;
use std::num::{NonZeroU16, NonZeroU32};

use mqtt_sansio::{
    Ack, Auth, ClientFault, CloseReason, ConnAck, Connect, Delivery, Disconnect, Frame,
    MAXIMUM_PACKET_SIZE, Message, MessageProperties, OwnedProperties, Packet, PacketId, Properties,
    Property, Publish, QoS, ReasonCode, SubAck, Subscribe, Subscription, SubscriptionIdentifier,
    TopicAlias, TopicName, UnsubAck, Unsubscribe, UserProperty, Version, Will,
};

use crate::bench::{Bench, Peer};
use crate::wire::{Wire, encode, filter, frames, hex, topic, will};

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn code(code: u8) -> ReasonCode {
    ReasonCode::try_from(code).unwrap()
}

pub(crate) fn encode5<'a>(packet: impl Into<Packet<'a>>) -> Vec<u8> {
    encode(packet, Version::V5_0)
}

// Properties whose values need more than a literal.

pub(crate) fn receive_maximum(maximum: u16) -> Property<'static> {
    Property::ReceiveMaximum(NonZeroU16::new(maximum).unwrap())
}

pub(crate) fn maximum_packet_size(size: u32) -> Property<'static> {
    Property::MaximumPacketSize(NonZeroU32::new(size).unwrap())
}

pub(crate) fn topic_alias(alias: u16) -> Property<'static> {
    Property::TopicAlias(TopicAlias::new(alias).unwrap())
}

pub(crate) fn subscription_identifier(identifier: u32) -> Property<'static> {
    Property::SubscriptionIdentifier(SubscriptionIdentifier::new(identifier).unwrap())
}

pub(crate) fn response_topic(name: &str) -> Property<'_> {
    Property::ResponseTopic(topic(name))
}

pub(crate) fn user<'a>(name: &'a str, value: &'a str) -> Property<'a> {
    Property::UserProperty(UserProperty { name, value })
}

/// A CONNECT with Clean Start and these properties, but for what is changed.
#[track_caller]
pub(crate) fn connect5<'a>(
    name: &'a str,
    properties: &'a [Property<'a>],
    change: impl FnOnce(&mut Connect<'a>),
) -> Vec<u8> {
    let mut connect = Connect::new(Version::V5_0, name);
    connect.properties = Properties::new(properties);
    change(&mut connect);
    encode5(connect)
}

/// A CONNECT without Clean Start, for a session that outlives its connection by so many seconds.
pub(crate) fn resume5(name: &str, expiry: u32) -> Vec<u8> {
    let properties = [Property::SessionExpiryInterval(expiry)];
    connect5(name, &properties, |connect| connect.clean_start = false)
}

/// A will under "w", not retained, with these properties.
pub(crate) fn will5<'a>(payload: &'a str, qos: u8, properties: &'a [Property<'a>]) -> Will<'a> {
    Will { properties: Properties::new(properties), ..will(payload, qos) }
}

/// CONNACK with exactly these properties.
pub(crate) fn connack5(present: bool, reason: u8, properties: &[Property<'_>]) -> Vec<u8> {
    let properties = Properties::new(properties);
    encode5(ConnAck { session_present: present, reason_code: code(reason), properties })
}

/// CONNACK with what a broker of the default configuration always says, and these properties.
pub(crate) fn accepted5(present: bool, properties: &[Property<'_>]) -> Vec<u8> {
    let mut all = properties.to_vec();
    all.extend([receive_maximum(1000), Property::TopicAliasMaximum(10)]);
    all.push(maximum_packet_size(16 << 20));
    connack5(present, 0, &all)
}

fn publish(delivery: Delivery, name: &str, payload: &[u8], properties: &[Property<'_>]) -> Vec<u8> {
    let properties = Properties::new(properties);
    let topic = if name.is_empty() { TopicName::BY_ALIAS } else { topic(name) };
    encode5(Publish { delivery, properties, ..Publish::new(topic, payload) })
}

/// PUBLISH at QoS 0; an empty name goes with a topic alias.
pub(crate) fn publish5(name: &str, payload: impl AsRef<[u8]>, with: &[Property<'_>]) -> Vec<u8> {
    publish(Delivery::AtMostOnce, name, payload.as_ref(), with)
}

/// PUBLISH at QoS 1.
pub(crate) fn publish5_1(
    packet_id: u16,
    name: &str,
    payload: impl AsRef<[u8]>,
    with: &[Property<'_>],
) -> Vec<u8> {
    let delivery = Delivery::AtLeastOnce { dup: false, packet_id: id(packet_id) };
    publish(delivery, name, payload.as_ref(), with)
}

/// PUBLISH at QoS 2.
pub(crate) fn publish5_2(
    packet_id: u16,
    name: &str,
    payload: impl AsRef<[u8]>,
    with: &[Property<'_>],
) -> Vec<u8> {
    let delivery = Delivery::ExactlyOnce { dup: false, packet_id: id(packet_id) };
    publish(delivery, name, payload.as_ref(), with)
}

fn ack<'a>(packet_id: u16, reason: u8, with: &'a [Property<'a>]) -> Ack<'a> {
    let properties = Properties::new(with);
    Ack { packet_id: id(packet_id), reason_code: code(reason), properties }
}

pub(crate) fn puback5(packet_id: u16, reason: u8, with: &[Property<'_>]) -> Vec<u8> {
    encode5(Packet::PubAck(ack(packet_id, reason, with)))
}

pub(crate) fn pubrec5(packet_id: u16, reason: u8, with: &[Property<'_>]) -> Vec<u8> {
    encode5(Packet::PubRec(ack(packet_id, reason, with)))
}

pub(crate) fn pubrel5(packet_id: u16, reason: u8, with: &[Property<'_>]) -> Vec<u8> {
    encode5(Packet::PubRel(ack(packet_id, reason, with)))
}

pub(crate) fn pubcomp5(packet_id: u16, reason: u8, with: &[Property<'_>]) -> Vec<u8> {
    encode5(Packet::PubComp(ack(packet_id, reason, with)))
}

/// One filter of a SUBSCRIBE; `Subscription { no_local: true, ..sub5("t", 1) }` sets its options.
pub(crate) fn sub5(name: &str, qos: u8) -> Subscription<'_> {
    Subscription::new(filter(name), QoS::try_from(qos).unwrap())
}

pub(crate) fn subscribe5(
    packet_id: u16,
    filters: &[Subscription<'_>],
    with: &[Property<'_>],
) -> Vec<u8> {
    let properties = Properties::new(with);
    encode5(Subscribe { properties, ..Subscribe::new(id(packet_id), filters) })
}

pub(crate) fn suback5(packet_id: u16, codes: &[u8], with: &[Property<'_>]) -> Vec<u8> {
    let codes: Vec<_> = codes.iter().map(|&byte| code(byte)).collect();
    let properties = Properties::new(with);
    encode5(SubAck { properties, ..SubAck::new(id(packet_id), &codes) })
}

pub(crate) fn unsubscribe5(packet_id: u16, filters: &[&str], with: &[Property<'_>]) -> Vec<u8> {
    let filters: Vec<_> = filters.iter().map(|name| filter(name)).collect();
    let properties = Properties::new(with);
    encode5(Unsubscribe { properties, ..Unsubscribe::new(id(packet_id), &filters) })
}

pub(crate) fn unsuback5(packet_id: u16, codes: &[u8], with: &[Property<'_>]) -> Vec<u8> {
    let codes: Vec<_> = codes.iter().map(|&byte| code(byte)).collect();
    let properties = Properties::new(with);
    encode5(UnsubAck { properties, ..UnsubAck::new(id(packet_id), &codes) })
}

/// AUTH; the properties must name the method.
pub(crate) fn auth5(reason: u8, with: &[Property<'_>]) -> Vec<u8> {
    encode5(Auth::new(code(reason), with))
}

pub(crate) fn disconnect5(reason: u8, with: &[Property<'_>]) -> Vec<u8> {
    encode5(Disconnect { reason_code: code(reason), properties: Properties::new(with) })
}

/// The DISCONNECT that a server ends a connection with: that code, and the sentence of the reason.
pub(crate) fn farewell5(code: u8, reason: impl Into<CloseReason>) -> Vec<u8> {
    disconnect5(code, &[Property::ReasonString(&reason.into().to_string())])
}

/// The one packet that these bytes are.
#[track_caller]
pub(crate) fn packet5(bytes: &[u8]) -> Packet<'_> {
    match Frame::parse(bytes, MAXIMUM_PACKET_SIZE) {
        Ok(Some((frame, []))) => Packet::decode(frame, Version::V5_0)
            .unwrap_or_else(|error| panic!("{error}: {}", hex(bytes))),
        other => panic!("not one whole packet: {} ({other:?})", hex(bytes)),
    }
}

/// The packets that bytes hold, one a line: in hex and with all that is in them.
pub(crate) fn words5(bytes: &[u8]) -> String {
    let mut text = String::new();
    for bytes in frames(bytes) {
        let shown = hex(&bytes[..bytes.len().min(64)]);
        let whole = Frame::parse(&bytes, MAXIMUM_PACKET_SIZE).ok().flatten();
        match whole.map(|(frame, _)| Packet::decode(frame, Version::V5_0)) {
            Some(Ok(packet)) => {
                let packet: String = format!("{packet:?}").chars().take(500).collect();
                writeln!(text, "  {shown}\n    {packet}").unwrap();
            }
            Some(Err(error)) => writeln!(text, "  {shown} {error}").unwrap(),
            None => writeln!(text, "  {shown} (no whole packet)").unwrap(),
        }
    }
    text
}

/// The PUBLISH packets in these bytes: the first byte, topic and payload of each.
pub(crate) fn published5(bytes: &[u8]) -> Vec<(u8, String, String)> {
    let mut found = Vec::new();
    for frame in frames(bytes) {
        if let Packet::Publish(publish) = packet5(&frame) {
            let payload = String::from_utf8_lossy(publish.payload).into_owned();
            found.push((frame[0], publish.topic.as_str().to_owned(), payload));
        }
    }
    found
}

/// The payloads of the PUBLISH packets in these bytes.
pub(crate) fn payloads5(bytes: &[u8]) -> Vec<String> {
    published5(bytes).into_iter().map(|(_, _, payload)| payload).collect()
}

/// These packets with their properties in the order of the identifiers; User Properties keep theirs.
fn sorted(bytes: &[u8]) -> Vec<u8> {
    frames(bytes).iter().flat_map(|bytes| sorted_packet(bytes)).collect()
}

fn sorted_packet(bytes: &[u8]) -> Vec<u8> {
    let whole = Frame::parse(bytes, MAXIMUM_PACKET_SIZE).ok().flatten();
    let Some(Ok(mut packet)) = whole.map(|(frame, _)| Packet::decode(frame, Version::V5_0)) else {
        return bytes.to_vec();
    };
    let mut list: Vec<_> = match properties_mut(&mut packet) {
        Some(properties) => properties.iter().collect(),
        None => return bytes.to_vec(),
    };
    list.sort_by_key(Property::id);
    *properties_mut(&mut packet).unwrap() = Properties::new(&list);
    encode5(packet)
}

fn properties_mut<'a, 'p>(packet: &'a mut Packet<'p>) -> Option<&'a mut Properties<'p>> {
    Some(match packet {
        Packet::ConnAck(packet) => &mut packet.properties,
        Packet::Publish(packet) => &mut packet.properties,
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => &mut packet.properties,
        Packet::SubAck(packet) => &mut packet.properties,
        Packet::UnsubAck(packet) => &mut packet.properties,
        Packet::Disconnect(packet) => &mut packet.properties,
        Packet::Auth(packet) => &mut packet.properties,
        _ => return None,
    })
}

/// Whether these are the same packets, whatever the order of their properties is.
pub(crate) fn same5(left: &[u8], right: &[u8]) -> bool {
    sorted(left) == sorted(right)
}

impl Bench {
    /// Asserts what came on the connection since this was asked last, whatever the order of properties is.
    #[track_caller]
    pub(crate) fn got5(&mut self, peer: Peer, expected: impl Wire) {
        let (received, expected) = (self.received(peer), expected.wire());
        assert!(
            same5(&received, &expected),
            "connection {} at {} ms got\n{}expected\n{}",
            peer.0,
            self.now,
            words5(&received),
            words5(&expected)
        );
    }

    /// Sends, and asserts the whole answer.
    #[track_caller]
    pub(crate) fn ask5(&mut self, peer: Peer, bytes: impl Wire, answer: impl Wire) {
        self.send(peer, bytes);
        self.got5(peer, answer);
    }

    /// Takes a CONNACK of success off what came, and returns its properties; what follows it stays.
    #[track_caller]
    pub(crate) fn connack5(&mut self, peer: Peer, session_present: bool) -> OwnedProperties {
        let received = self.received(peer);
        let first = frames(&received).into_iter().next().unwrap_or_default();
        let Packet::ConnAck(connack) = packet5(&first) else {
            panic!("no CONNACK:\n{}", words5(&received));
        };
        let terms = (connack.session_present, connack.reason_code);
        assert_eq!(terms, (session_present, ReasonCode::Success), "{}", words5(&received));
        self.unread(peer, &received[first.len()..]);
        OwnedProperties::new(&connack.properties.iter().collect::<Vec<_>>()).unwrap()
    }

    /// A connected client of 5.0 with Clean Start and these properties in CONNECT.
    #[track_caller]
    pub(crate) fn client5(&mut self, name: &str, properties: &[Property<'_>]) -> Peer {
        let peer = self.dial(connect5(name, properties, |_| ()));
        self.connack5(peer, false);
        peer
    }

    /// A connected client of 5.0 with a session that stays for so many seconds; what is sent to it after
    /// CONNACK is there to be looked at.
    #[track_caller]
    pub(crate) fn stayer5(&mut self, name: &str, expiry: u32, session_present: bool) -> Peer {
        let peer = self.dial(resume5(name, expiry));
        self.connack5(peer, session_present);
        peer
    }

    /// Subscribes to one filter under packet identifier 1, and asserts that it is granted.
    #[track_caller]
    pub(crate) fn subscribe5(&mut self, peer: Peer, name: &str, qos: u8) {
        self.ask5(peer, subscribe5(1, &[sub5(name, qos)], &[]), suback5(1, &[qos], &[]));
    }

    /// Asserts that CONNACK refused with that code, with the sentence of a fault, and was all, and that the
    /// connection is closed for this. What cannot be decoded gets no sentence, nor does what the program refuses.
    #[track_caller]
    pub(crate) fn refused5(&mut self, peer: Peer, code: u8, reason: impl Into<CloseReason>) {
        let reason = reason.into();
        let sentence = reason.to_string();
        let explained = match reason {
            CloseReason::ClientFault(ClientFault::Decode(_)) | CloseReason::Refused(_) => &[][..],
            _ => &[Property::ReasonString(&sentence)],
        };
        self.got5(peer, connack5(false, code, explained));
        self.is_closed(peer, reason);
    }

    /// Asserts that the broker said DISCONNECT with that code and the sentence of this reason, nothing
    /// else, and has closed the connection for it.
    #[track_caller]
    pub(crate) fn ended5(&mut self, peer: Peer, code: u8, reason: impl Into<CloseReason>) {
        let reason = reason.into();
        self.got5(peer, farewell5(code, reason));
        self.is_closed(peer, reason);
    }

    /// Asserts that DISCONNECT with that code, and no other packet, was the last the broker said, and
    /// returns for what it has closed the connection.
    #[track_caller]
    pub(crate) fn ended5_by_fault(&mut self, peer: Peer, code: u8) -> CloseReason {
        let reason = self.reason(peer).expect("no Disconnected event");
        self.ended5(peer, code, reason);
        reason
    }
}

impl Bench {
    /// A broker with these clients of 5.0 connected.
    pub(crate) fn with_clients5<const N: usize>(names: [&str; N]) -> (Bench, [Peer; N]) {
        let mut bench = Bench::new();
        let peers = names.map(|name| bench.client5(name, &[]));
        (bench, peers)
    }

    /// Asks for these subscriptions, which are granted at the QoS asked for, and bring nothing.
    #[track_caller]
    pub(crate) fn subscribed5(&mut self, peer: Peer, filters: &[Subscription<'_>]) {
        let granted: Vec<_> = filters.iter().map(|filter| u8::from(filter.qos)).collect();
        self.ask5(peer, subscribe5(1, filters, &[]), suback5(1, &granted, &[]));
    }
}

/// A message of the program's own.
pub(crate) fn message5(name: &str, payload: &str, qos: u8, with: &[Property<'_>]) -> Message {
    let mut message = Message::new(name, payload.to_owned()).unwrap();
    message.qos = QoS::try_from(qos).unwrap();
    message.properties = MessageProperties::new(with).unwrap();
    message
}
