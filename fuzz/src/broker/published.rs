//! All messages that the broker was to route.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_sansio::{Instant, Message, OwnedProperties, Properties, Property, PropertyId};

use super::ensure;

/// A topic and a payload.
pub(super) type Content = (Vec<u8>, Vec<u8>);

#[derive(Default)]
pub(super) struct Published(BTreeMap<Content, Vec<Known>>);

/// How a message of that content was published.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    /// All but the Message Expiry Interval.
    properties: Vec<u8>,
    interval: Option<u32>,
    /// When it began to count; `None` where that is not told.
    since: Option<Instant>,
}

pub(super) fn content_of(message: &Message) -> Content {
    (message.topic.name().as_bytes().to_vec(), message.payload.to_vec())
}

impl Known {
    /// What a message with these properties is known by; those that belong to one packet are left out.
    pub(super) fn new(properties: &Properties<'_>, since: Option<Instant>) -> Known {
        Known { properties: lasting(properties), interval: interval(properties), since }
    }

    /// At least and at most what a limit in bytes counts of it.
    pub(super) fn sizes(&self, content: &Content) -> (usize, usize) {
        let least = content.0.len() + content.1.len();
        (least, least + self.properties.len() + 5)
    }

    /// Whether a PUBLISH of 5.0 with these properties may be this message now.
    fn is(&self, properties: &Properties<'_>, now: Instant) -> bool {
        let left = match (self.interval, self.since) {
            (None, _) => return interval(properties).is_none() && self.same(properties),
            (Some(interval), None) => {
                let left = super::published::interval(properties);
                return left.is_some_and(|left| left <= interval) && self.same(properties);
            }
            (Some(interval), Some(since)) => since + Duration::from_secs(interval.into()) - now,
        };
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        !left.is_zero() && interval(properties) == Some(cut(seconds)) && self.same(properties)
    }

    fn same(&self, properties: &Properties<'_>) -> bool {
        self.properties == lasting(properties)
    }

    /// Whether it may not be sent any more, if it never was.
    fn is_expired(&self, now: Instant) -> bool {
        match (self.interval, self.since) {
            (Some(interval), Some(since)) => since + Duration::from_secs(interval.into()) <= now,
            _ => false,
        }
    }
}

impl Published {
    pub(super) fn insert(&mut self, content: Content, known: Known) {
        let all = self.0.entry(content).or_default();
        if !all.contains(&known) {
            all.push(known);
        }
    }

    fn all(&self, content: &Content) -> Result<&[Known], String> {
        let all = self.0.get(content).map(Vec::as_slice);
        all.ok_or_else(|| format!("nobody has published {content:?}"))
    }

    /// Whether somebody published it, as it is sent in 5.0 for the first time.
    pub(super) fn check_5_0(
        &self,
        content: &Content,
        properties: &Properties<'_>,
        now: Instant,
    ) -> Result<(), String> {
        let all = self.all(content)?;
        let fits = all.iter().any(|known| known.is(properties, now));
        ensure!(fits, "{content:?} has {properties:?} at {now:?}, and was {all:?}");
        Ok(())
    }

    /// The same before 5.0.
    pub(super) fn check(&self, content: &Content, now: Instant) -> Result<(), String> {
        let all = self.all(content)?;
        let fits = all.iter().any(|known| !known.is_expired(now));
        ensure!(fits, "{content:?} has expired at {now:?}: {all:?}");
        Ok(())
    }

    /// Whether somebody published it, whenever.
    pub(super) fn check_content(&self, content: &Content) -> Result<(), String> {
        self.all(content).map(|_| ())
    }
}

fn cut(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

fn interval(properties: &Properties<'_>) -> Option<u32> {
    match properties.find(PropertyId::MessageExpiryInterval) {
        Some(Property::MessageExpiryInterval(seconds)) => Some(seconds),
        _ => None,
    }
}

/// What a message has from its publisher to its subscribers, in their order.
fn lasting(properties: &Properties<'_>) -> Vec<u8> {
    let lasting: Vec<_> = properties
        .iter()
        .filter(|property| {
            !matches!(
                property.id(),
                PropertyId::MessageExpiryInterval
                    | PropertyId::TopicAlias
                    | PropertyId::SubscriptionIdentifier
                    | PropertyId::WillDelayInterval
            )
        })
        .collect();
    format!("{:?}", OwnedProperties::new(&lasting)).into_bytes()
}
