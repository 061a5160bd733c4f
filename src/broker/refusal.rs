//! What the broker does not do for a client, and why.

use alloc::string::{String, ToString};

use super::Broker;
use super::permissions::Permissions;
use crate::message::Message;
use crate::reason::ReasonCode;
use crate::router::SubscribeError;
use crate::topic::{TopicFilter, TopicName};

/// A reason code of 5.0, and a sentence for its Reason String.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ReasonCode,
    pub(super) reason: String,
}

impl Refusal {
    fn new(code: ReasonCode, reason: impl ToString) -> Refusal {
        Refusal { code, reason: reason.to_string() }
    }
}

impl From<SubscribeError> for Refusal {
    fn from(error: SubscribeError) -> Refusal {
        let code = match error {
            SubscribeError::InvalidShare | SubscribeError::TooManyLevels => {
                ReasonCode::TopicFilterInvalid
            }
            SubscribeError::TooManySubscriptions
            | SubscribeError::TooManySharedSubscriptions
            | SubscribeError::SubscriberIdTooLarge
            | SubscribeError::RouterFull => ReasonCode::QuotaExceeded,
        };
        Refusal::new(code, error)
    }
}

impl Broker {
    /// Why a client's message is not routed.
    #[inline]
    pub(super) fn refusal(&self, permissions: &Permissions, message: &Message) -> Option<Refusal> {
        let topic = message.topic.name();
        let refusal = |code, reason| Some(Refusal::new(code, reason));
        if topic.as_bytes().len() > self.config.max_topic_length {
            return refusal(ReasonCode::TopicNameInvalid, "the topic name is too long");
        }
        if !permissions.may_publish(topic) || self.is_reserved(topic) {
            return refusal(ReasonCode::NotAuthorized, "the client may not publish there");
        }
        if message.properties.size() > self.config.max_properties_size {
            return refusal(ReasonCode::QuotaExceeded, "the message has too many properties");
        }
        if message.payload.len() > self.config.max_payload_size {
            return refusal(ReasonCode::QuotaExceeded, "the payload is too large");
        }
        if self.config.session.features.validate_payload_format && !message.has_valid_format() {
            let reason = "the payload is said to be UTF-8 text, and is not";
            return refusal(ReasonCode::PayloadFormatInvalid, reason);
        }
        None
    }

    /// Why a message to be retained is not: only clients of 5.0 can be told.
    pub(super) fn retain_refusal(&self, message: &Message) -> Option<Refusal> {
        if !message.retain || !self.config.session.features.retain_available {
            return None;
        }
        let error = self.router.check_retain(message).err()?;
        Some(Refusal::new(ReasonCode::QuotaExceeded, error))
    }

    /// Why a client does not get a subscription, before the router is asked: `filter` is what is matched, the whole
    /// may have a share name before it.
    pub(super) fn subscription_refusal(
        &self,
        permissions: &Permissions,
        whole: TopicFilter<'_>,
        filter: TopicFilter<'_>,
    ) -> Option<Refusal> {
        let refusal = |code, reason| Some(Refusal::new(code, reason));
        if whole.as_bytes().len() > self.config.max_topic_length {
            return refusal(ReasonCode::TopicFilterInvalid, "the topic filter is too long");
        }
        // A client of 5.0 was told, and would not have come this far.
        if filter.has_wildcards() && !self.config.session.features.wildcard_subscription_available {
            let reason = "wildcards are not served";
            return refusal(ReasonCode::WildcardSubscriptionsNotSupported, reason);
        }
        if !permissions.may_subscribe(filter) {
            return refusal(ReasonCode::NotAuthorized, "the client may not subscribe to that");
        }
        None
    }

    /// Whether only the broker publishes there.
    fn is_reserved(&self, topic: TopicName<'_>) -> bool {
        self.config.sys_interval.is_some() && topic.as_bytes().starts_with(b"$SYS/")
    }
}
