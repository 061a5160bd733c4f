//! Retained messages end with their Message Expiry Interval, section 3.3.2.3.3 of 5.0.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::Broker;
use super::timers::{Scheduled, Timer};
use crate::message::{Message, Topic};
use crate::router::RetainError;
use crate::time::Instant;
use crate::topic::TopicName;

/// The retained messages that expire.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    by_time: BTreeSet<(Instant, Topic)>,
    pub(super) timer: Scheduled,
}

impl Broker {
    /// Retains a message in the place of the last one of its topic. [MQTT-3.3.1-5]
    pub(super) fn retain(&mut self, message: &Arc<Message>) -> Result<(), RetainError> {
        self.forget_expiry(message.topic.name());
        let retained = self.router.retain(message);
        if let (Ok(()), Some(at), false) =
            (&retained, message.expires(), message.payload.is_empty())
        {
            self.expiries.by_time.insert((at, message.topic.clone()));
            self.schedule_expiry();
        }
        retained
    }

    /// The retained message of that topic is about to go.
    pub(super) fn forget_expiry(&mut self, topic: TopicName<'_>) {
        if self.expiries.by_time.is_empty() {
            return;
        }
        let old = self.router.retained(topic);
        if let Some((at, topic)) = old.and_then(|old| Some((old.expires()?, old.topic.clone()))) {
            self.expiries.by_time.remove(&(at, topic));
            self.schedule_expiry();
        }
    }

    /// The time of a retained message has come.
    pub(super) fn retained_timeout(&mut self) {
        let now = self.now;
        while let Some((_, topic)) = self.expiries.by_time.first().filter(|(at, _)| *at <= now) {
            self.router.forget_retained(topic.name());
            self.expiries.by_time.pop_first();
        }
        self.schedule_expiry();
    }

    fn schedule_expiry(&mut self) {
        let first = self.expiries.by_time.first().map(|(at, _)| *at);
        self.timers.set(Timer::Retained, &mut self.expiries.timer, first);
    }

    /// Panics where a retained message is not watched, or another one is.
    pub(super) fn check_expiries(&self) {
        for (at, topic) in &self.expiries.by_time {
            let retained = self.router.retained(topic.name()).and_then(|message| message.expires());
            assert_eq!(retained, Some(*at), "the expiry of {topic}");
        }
        let first = self.expiries.by_time.first().map(|(at, _)| *at);
        assert_eq!(self.expiries.timer.at(), first, "the expiry of retained messages");
    }
}
