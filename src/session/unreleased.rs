//! QoS 2 messages of the client until it releases them, section 4.3.3.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::config::SessionConfig;
use super::error::ClientFault;
use crate::message::Message;
use crate::packet_id::PacketId;

/// The messages by packet identifier; bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct Unreleased {
    messages: BTreeMap<PacketId, Held>,
    bytes: usize,
}

/// A message that awaits its PUBREL.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) message: Arc<Message>,
    /// Whether the server has said that it takes it over: only in 5.0 it can say no.
    pub(super) accepted: bool,
}

impl Unreleased {
    /// Whether the server has taken over the message with that identifier; `None` where there is none.
    pub(super) fn is_accepted(&self, id: PacketId) -> Option<bool> {
        self.messages.get(&id).map(|held| held.accepted)
    }

    /// Keeps a message until PUBREL, in the place of one with that identifier.
    pub(super) fn keep(
        &mut self,
        id: PacketId,
        message: &Arc<Message>,
        config: &SessionConfig,
    ) -> Result<(), ClientFault> {
        self.release(id);
        let bytes = self.bytes.saturating_add(message.size());
        if self.messages.len() >= config.max_unreleased_messages.max(1)
            || bytes > config.max_unreleased_bytes
        {
            return Err(ClientFault::TooManyUnreleased);
        }
        self.bytes = bytes;
        self.messages.insert(id, Held { message: Arc::clone(message), accepted: false });
        Ok(())
    }

    /// The server takes a message over.
    pub(super) fn accept(&mut self, id: PacketId) {
        if let Some(held) = self.messages.get_mut(&id) {
            held.accepted = true;
        }
    }

    /// PUBREL, or PUBREC with an error: the message, once.
    pub(super) fn release(&mut self, id: PacketId) -> Option<Held> {
        let held = self.messages.remove(&id)?;
        self.bytes -= held.message.size();
        Some(held)
    }

    pub(super) fn clear(&mut self) {
        *self = Unreleased::default();
    }

    /// Panics where the counter is not the sum of what it counts.
    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.messages.values().map(|held| held.message.size()).sum();
        assert_eq!(self.bytes, bytes, "the unreleased bytes are miscounted");
    }
}
