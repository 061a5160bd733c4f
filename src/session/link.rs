//! The connection of a session: what dies with the transport.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::handshake::Accepted;
use crate::codec::FrameReader;
use crate::message::Message;
use crate::packet::Packet;
use crate::time::Instant;
use crate::version::Version;

#[derive(Debug)]
pub(super) struct Link {
    pub(super) version: Version,
    pub(super) clean_start: bool,
    /// In seconds; 0 switches it off.
    keep_alive: u16,
    pub(super) reader: FrameReader,
    /// Encoded packets to be sent before any PUBLISH.
    pub(super) control: Vec<u8>,
    pub(super) last_received: Instant,
    pub(super) will: Option<Arc<Message>>,
}

impl Link {
    pub(super) fn new(connect: Accepted, reader: FrameReader, now: Instant) -> Link {
        Link {
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            reader,
            control: Vec::new(),
            last_received: now,
            will: connect.will,
        }
    }

    /// Puts a packet in line that can be encoded in this version.
    pub(super) fn send(&mut self, packet: &Packet<'_>) {
        let sent = packet.encode_to(self.version, &mut self.control);
        debug_assert_eq!(sent, Ok(()), "{packet}");
    }

    /// When the client has been silent for one and a half times as long as it has promised.
    /// [MQTT-3.1.2-24]
    pub(super) fn keep_alive_deadline(&self) -> Option<Instant> {
        let keep_alive = Duration::from_millis(u64::from(self.keep_alive) * 1500);
        (self.keep_alive > 0).then_some(self.last_received + keep_alive)
    }
}
