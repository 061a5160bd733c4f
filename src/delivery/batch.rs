//! What one pull hands to the transport.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::codec::{Frame, MAXIMUM_PACKET_SIZE, Place, Properties};
use crate::message::Message;
use crate::packet::{Delivery, Packet, Publish};
use crate::statistics::Counts;
use crate::version::Version;

/// From this size on a payload is handed out as it is; smaller ones are copied beside their header.
const SEGMENT: usize = 1024;

/// Segments to be sent together: small packets in one segment, large payloads shared.
pub(crate) struct Batch<'a> {
    out: &'a mut Vec<Bytes>,
    version: Version,
    counts: &'a mut Counts,
    /// What was encoded since the last segment.
    small: Vec<u8>,
    size: usize,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(
        out: &'a mut Vec<Bytes>,
        version: Version,
        counts: &'a mut Counts,
    ) -> Batch<'a> {
        Batch { out, version, counts, small: Vec::new(), size: 0 }
    }

    /// Takes packets that are encoded already, until `max` bytes are reached. It comes before all else, so that
    /// their bytes can be taken as they are.
    pub(crate) fn control(&mut self, packets: &mut Vec<u8>, max: usize) {
        let mut rest = &packets[..];
        while self.size < max {
            let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) else {
                break;
            };
            self.counts.add(frame.first_byte(), frame.as_bytes().len());
            self.size += frame.as_bytes().len();
            rest = after;
        }
        let rest = packets.split_off(self.size);
        self.small = core::mem::replace(packets, rest);
    }

    /// A packet that was found to be encodable when it was taken.
    pub(crate) fn packet(&mut self, packet: &Packet<'_>) {
        let before = self.small.len();
        let encoded = packet.encode_to(self.version, &mut self.small);
        debug_assert_eq!(encoded, Ok(()), "{packet}");
        self.count(before, 0);
    }

    /// What was counted so far, of this batch and before.
    pub(crate) fn counts(&self) -> &Counts {
        self.counts
    }

    /// How many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A packet that is encoded already.
    pub(crate) fn encoded(&mut self, packet: &[u8]) {
        let before = self.small.len();
        self.small.extend_from_slice(packet);
        self.count(before, 0);
    }

    /// The PUBLISH of a message, without what its version cannot carry.
    pub(crate) fn publish(&mut self, message: &Message, delivery: Delivery, retain: bool) {
        let mut publish = message.publish(delivery, retain);
        if !self.version.has_properties() {
            publish.properties = Properties::EMPTY;
        }
        self.publish_as(&publish, &message.payload);
    }

    /// A PUBLISH with that payload.
    #[inline]
    pub(crate) fn publish_as(&mut self, publish: &Publish<'_>, payload: &Bytes) {
        if payload.len() < SEGMENT {
            let packet = Packet::from(*publish);
            if self.small.is_empty() {
                // A segment of one packet, without room to spare, is handed out as it is.
                self.small.reserve_exact(packet.encoded_len(self.version).unwrap_or(0));
            }
            return self.packet(&packet);
        }
        let properties = publish.properties.encoded_len(Place::Anywhere).unwrap_or(0);
        let header = 16 + publish.topic.as_bytes().len() + properties;
        let before = self.small.len();
        self.small.resize(before + header, 0);
        let room = self.small.get_mut(before..).unwrap_or_default();
        let encoded = publish.encode_header(self.version, room);
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        let Ok(len) = encoded else {
            return self.small.truncate(before);
        };
        self.small.truncate(before + len);
        self.count(before, payload.len());
        self.flush();
        self.out.push(payload.clone());
    }

    /// The packet that `small` has held since that length, with so many bytes of payload after it.
    fn count(&mut self, since: usize, payload: usize) {
        let len = self.small.len() - since + payload;
        let first_byte = self.small.get(since).copied().unwrap_or(0);
        self.counts.add(first_byte, len);
        self.size += len;
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.out.push(core::mem::take(&mut self.small).into());
        }
    }

    /// Puts the last segment out, and returns the bytes of all.
    pub(crate) fn finish(mut self) -> usize {
        self.flush();
        self.size
    }
}
