//! Wills, section 3.1.2.5: published when the connection is gone, in 5.0 after their delay or with the end of
//! the session.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::Broker;
use super::clients::{DelayedWill, Slot};
use super::permissions::Permissions;
use super::slab::Key;
use crate::message::Message;
use crate::session::Ended;
use crate::time::Instant;
use core::time::Duration;

impl Slot {
    /// The will of a client that has left its session behind: it waits. [MQTT-3.1.3-9]
    pub(super) fn delay_will(&mut self, ended: &mut Ended, now: Instant) {
        if ended.will_delay_interval > 0 {
            let at = now + Duration::from_secs(ended.will_delay_interval.into());
            self.will = ended.will.take().map(|message| Box::new(DelayedWill { message, at }));
        }
    }
}

impl Broker {
    /// The will of a session that is kept has waited for its delay.
    pub(super) fn will_timeout(&mut self, key: Key) {
        let now = self.now;
        let Some(slot) = self.clients.get_mut(key) else {
            return;
        };
        if slot.will.as_ref().is_none_or(|will| will.at > now) {
            return;
        }
        let (permissions, client_id) = (Arc::clone(&slot.permissions), Arc::clone(&slot.client_id));
        if let Some(will) = slot.will.take() {
            self.publish_will(Some(key), &permissions, &client_id, will.message);
        }
    }

    /// The will of a client, if it may publish it; its Message Expiry Interval begins. `key` is that of the
    /// session, while there is one.
    pub(super) fn publish_will(
        &mut self,
        key: Option<Key>,
        permissions: &Permissions,
        client_id: &str,
        will: Arc<Message>,
    ) {
        if self.refusal(permissions, &will).is_some() {
            self.statistics.publish_rejected += 1;
            return;
        }
        let mut message = Arc::unwrap_or_clone(will).taken_over(self.now);
        if message.retain {
            message.set_publisher(self.clients.fingerprint(client_id));
        }
        self.route(Arc::new(message), key);
    }
}
