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
    keep_alive: Option<Duration>,
    pub(super) reader: FrameReader,
    /// Encoded packets to be sent before any PUBLISH.
    pub(super) control: Vec<u8>,
    pub(super) last_received: Instant,
    pub(super) will: Option<Arc<Message>>,
}

impl Link {
    pub(super) fn new(connect: Accepted, reader: FrameReader, now: Instant) -> Link {
        // One and a half times the time that the client has promised. [MQTT-3.1.2-24]
        let keep_alive = Duration::from_millis(u64::from(connect.keep_alive) * 1500);
        Link {
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive: Some(keep_alive).filter(|keep_alive| !keep_alive.is_zero()),
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

    /// When the client has been silent for too long.
    pub(super) fn keep_alive_deadline(&self) -> Option<Instant> {
        Some(self.last_received + self.keep_alive?)
    }
}
