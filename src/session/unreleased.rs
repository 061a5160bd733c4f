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
    messages: BTreeMap<PacketId, Arc<Message>>,
    bytes: usize,
}

impl Unreleased {
    /// Keeps a message until PUBREL. Until then its identifier means this message: a second one with it is
    /// the same again. [MQTT-4.3.3-2]
    pub(super) fn publish(
        &mut self,
        id: PacketId,
        message: impl FnOnce() -> Arc<Message>,
        config: &SessionConfig,
    ) -> Result<(), ClientFault> {
        if self.messages.contains_key(&id) {
            return Ok(());
        }
        let message = message();
        let bytes = self.bytes.saturating_add(message.size());
        if self.messages.len() >= config.max_unreleased_messages
            || bytes > config.max_unreleased_bytes
        {
            return Err(ClientFault::TooManyUnreleased);
        }
        self.bytes = bytes;
        self.messages.insert(id, message);
        Ok(())
    }

    /// PUBREL: the message, once.
    pub(super) fn release(&mut self, id: PacketId) -> Option<Arc<Message>> {
        let message = self.messages.remove(&id)?;
        self.bytes -= message.size();
        Some(message)
    }

    pub(super) fn clear(&mut self) {
        *self = Unreleased::default();
    }

    /// Panics where the counter is not the sum of what it counts.
    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.messages.values().map(|message| message.size()).sum();
        assert_eq!(self.bytes, bytes, "the unreleased bytes are miscounted");
    }
}
