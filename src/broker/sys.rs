//! The statistics as messages, under the names that mosquitto gives them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Broker;
use super::timers::{Scheduled, Timer};
use crate::message::Message;
use crate::packet_type::PacketType;
use crate::time::Instant;

/// When and what was published last.
#[derive(Debug)]
pub(super) struct Sys {
    since: Instant,
    pub(super) timer: Scheduled,
    /// In the order of the topics.
    values: Vec<String>,
}

impl Sys {
    pub(super) const fn new(now: Instant) -> Sys {
        Sys { since: now, timer: Scheduled::NEVER, values: Vec::new() }
    }
}

impl Broker {
    /// Publishes what has changed, retained, and sets the timer for the next time.
    pub(super) fn publish_sys(&mut self) {
        let next = self.config.sys_interval.map(|interval| self.now + interval);
        // Neither an interval of nothing nor the end of time comes again and again.
        let next = next.filter(|next| *next > self.now);
        self.timers.set(Timer::Statistics, &mut self.sys.timer, next);
        if next.is_none() {
            return;
        }
        let topics = self.sys_topics();
        let before = core::mem::take(&mut self.sys.values);
        for (index, (topic, value)) in topics.iter().enumerate() {
            if before.get(index) != Some(value) {
                self.publish_sys_topic(topic, value);
            }
        }
        self.sys.values = topics.into_iter().map(|(_, value)| value).collect();
    }

    fn publish_sys_topic(&mut self, topic: &str, value: &str) {
        let topic = format!("$SYS/broker/{topic}");
        if let Ok(mut message) = Message::new(&topic, value.as_bytes().to_vec()) {
            message.retain = true;
            let message = Arc::new(message);
            if self.config.session.features.retain_available {
                self.forget_expiry(message.topic.name());
                self.router.retain_without_limit(&message);
            }
            self.deliver_to_all(&message, None);
        }
    }

    fn sys_topics(&self) -> Vec<(&'static str, String)> {
        let statistics = &self.statistics;
        let (sent, received) = (&statistics.packets.sent, &statistics.packets.received);
        let connected = statistics.clients_connected;
        let uptime = (self.now - self.sys.since).as_secs();
        Vec::from([
            ("version", concat!("mqtt-sansio version ", env!("CARGO_PKG_VERSION")).to_string()),
            ("uptime", format!("{uptime} seconds")),
            ("clients/total", self.clients.len().to_string()),
            ("clients/connected", connected.to_string()),
            ("clients/disconnected", (self.clients.len() - connected).to_string()),
            ("clients/maximum", statistics.clients_maximum.to_string()),
            ("clients/expired", statistics.clients_expired.to_string()),
            ("messages/received", received.total().packets.to_string()),
            ("messages/sent", sent.total().packets.to_string()),
            ("bytes/received", received.total().bytes.to_string()),
            ("bytes/sent", sent.total().bytes.to_string()),
            ("publish/messages/received", received.of(PacketType::Publish).packets.to_string()),
            ("publish/messages/sent", sent.of(PacketType::Publish).packets.to_string()),
            ("publish/messages/dropped", statistics.publish_dropped.to_string()),
            ("publish/bytes/received", statistics.payload_bytes_received.to_string()),
            ("subscriptions/count", self.router.subscriptions().to_string()),
            ("retained messages/count", self.router.retained_messages().to_string()),
        ])
    }
}
