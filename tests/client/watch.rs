//! Watches the bytes that a client sends over all its connections, and checks what 3.1.1 wants of them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mqtt_sansio::{Frame, MAXIMUM_PACKET_SIZE, Packet, PacketId, QoS, Version};

use crate::bench::words;

/// What the client has unfinished, as far as its own packets and the answers to them say.
#[derive(Debug, PartialEq)]
enum Exchange {
    Publish(Bytes, QoS),
    Released,
    Request,
}

#[derive(Debug, Default)]
pub(crate) struct Watch {
    exchanges: BTreeMap<PacketId, Exchange>,
    /// Payloads, which are unique, that were handed out before.
    seen: BTreeSet<Bytes>,
    input: Vec<u8>,
    first: bool,
    clean_start: bool,
    accepted: bool,
    /// Everything of this connection, for a failure to show.
    pub(crate) log: Vec<u8>,
}

impl Watch {
    /// A new connection; on it only messages stay in flight.
    pub(crate) fn open(&mut self, clean_start: bool) {
        self.clean_start = clean_start;
        self.accepted = false;
        self.input.clear();
        self.log.clear();
        self.first = true;
        self.exchanges.retain(|_, exchange| *exchange != Exchange::Request);
    }

    /// Bytes handed out by the client: whole packets.
    pub(crate) fn client(&mut self, bytes: &[u8], version: Version) {
        self.log.extend_from_slice(bytes);
        let mut rest = bytes;
        while let Some((frame, after)) = Frame::parse(rest, MAXIMUM_PACKET_SIZE).unwrap() {
            let packet = Packet::decode(frame, version).unwrap();
            self.packet(&packet);
            rest = after;
        }
        assert!(rest.is_empty(), "not whole packets\n{}", words(bytes));
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        let connect = matches!(packet, Packet::Connect(_));
        assert_eq!(connect, self.first, "{packet}\n{}", words(&self.log));
        self.first = false;
        match packet {
            Packet::Publish(publish) => {
                let payload = Bytes::copy_from_slice(publish.payload);
                let again = !self.seen.insert(payload.clone());
                let dup = publish.delivery.dup();
                assert_eq!(dup, again, "{packet}\n{}", words(&self.log));
                if let Some(id) = publish.delivery.packet_id() {
                    let exchange = Exchange::Publish(payload, publish.delivery.qos());
                    let before = self.exchanges.insert(id, exchange);
                    let expected = again.then(|| &self.exchanges[&id]);
                    assert_eq!(before.as_ref(), expected, "{packet}\n{}", words(&self.log));
                }
            }
            Packet::Subscribe(subscribe) => self.request(subscribe.packet_id, packet),
            Packet::Unsubscribe(unsubscribe) => self.request(unsubscribe.packet_id, packet),
            _ => {}
        }
    }

    fn request(&mut self, id: PacketId, packet: &Packet<'_>) {
        let before = self.exchanges.insert(id, Exchange::Request);
        assert_eq!(before, None, "{packet}\n{}", words(&self.log));
    }

    /// Bytes that reached the client, one packet at most, and whether it has read what ends with them.
    pub(crate) fn server(&mut self, bytes: &[u8], version: Version, read: bool) {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        match Frame::parse(&input, MAXIMUM_PACKET_SIZE) {
            Ok(None) => self.input = input,
            Ok(Some((frame, _))) if read => self.answer(frame, version),
            _ => {}
        }
    }

    fn answer(&mut self, frame: Frame<'_>, version: Version) {
        match Packet::decode(frame, version).unwrap() {
            Packet::ConnAck(connack) if !self.accepted && !connack.reason_code.is_error() => {
                self.accepted = true;
                let found = connack.session_present || version == Version::V3_1;
                if self.clean_start || !found {
                    self.exchanges.clear();
                }
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                drop(self.exchanges.remove(&ack.packet_id))
            }
            Packet::SubAck(ack) => drop(self.exchanges.remove(&ack.packet_id)),
            Packet::UnsubAck(ack) => drop(self.exchanges.remove(&ack.packet_id)),
            Packet::PubRec(ack) if ack.reason_code.is_error() => {
                drop(self.exchanges.remove(&ack.packet_id));
            }
            Packet::PubRec(ack) => {
                if let Some(exchange) = self.exchanges.get_mut(&ack.packet_id) {
                    *exchange = Exchange::Released;
                }
            }
            _ => {}
        }
    }
}
