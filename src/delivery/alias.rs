//! Topic aliases, section 3.3.2.3.4 of 5.0. They live as long as a connection. [MQTT-3.3.2-7]

use alloc::collections::BTreeMap;

use crate::codec::{Property, PropertyId, TopicAlias};
use crate::message::Topic;
use crate::packet::Publish;

/// A topic alias that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AliasFault {
    /// It is above what the receiver accepts.
    AboveMaximum(TopicAlias),
    /// It stands for a topic that was never named.
    Unknown(TopicAlias),
}

/// What the peer's aliases stand for.
#[derive(Debug)]
pub(crate) struct InboundAliases {
    maximum: u16,
    topics: BTreeMap<TopicAlias, Topic>,
}

impl InboundAliases {
    /// Accepts aliases up to that one.
    pub(crate) const fn new(maximum: u16) -> InboundAliases {
        InboundAliases { maximum, topics: BTreeMap::new() }
    }

    /// Learns the alias of a PUBLISH that has one with a topic name, and gives the topic of one that has it
    /// instead. [MQTT-3.3.2-10] [MQTT-3.3.2-12]
    #[inline]
    pub(crate) fn resolve(&mut self, publish: &Publish<'_>) -> Result<Option<Topic>, AliasFault> {
        if !publish.properties.contains(PropertyId::TopicAlias) {
            return Ok(None);
        }
        self.resolve_alias(publish)
    }

    fn resolve_alias(&mut self, publish: &Publish<'_>) -> Result<Option<Topic>, AliasFault> {
        let Some(Property::TopicAlias(alias)) = publish.properties.find(PropertyId::TopicAlias)
        else {
            return Ok(None);
        };
        if alias.get() > self.maximum {
            return Err(AliasFault::AboveMaximum(alias));
        }
        if publish.topic.is_empty() {
            let topic = self.topics.get(&alias).ok_or(AliasFault::Unknown(alias))?;
            return Ok(Some(topic.clone()));
        }
        self.topics.insert(alias, Topic::from(publish.topic));
        Ok(None)
    }
}

/// The aliases of what is sent: the first topics get one each, as long as there are some.
#[derive(Debug)]
pub(crate) struct OutboundAliases {
    maximum: u16,
    aliases: BTreeMap<Topic, TopicAlias>,
}

/// The bytes that an alias takes: a topic name that is not longer needs none.
const LEN: usize = 3;

impl OutboundAliases {
    /// Gives aliases up to that one.
    pub(crate) const fn new(maximum: u16) -> OutboundAliases {
        OutboundAliases { maximum, aliases: BTreeMap::new() }
    }

    /// Whether it never gives any.
    #[inline]
    pub(crate) const fn is_off(&self) -> bool {
        self.maximum == 0
    }

    /// The alias to send with a topic, and whether the peer knows already what it stands for.
    pub(crate) fn alias(&mut self, topic: &Topic) -> Option<(TopicAlias, bool)> {
        if self.is_off() || topic.name().as_bytes().len() <= LEN {
            return None;
        }
        if let Some(alias) = self.aliases.get(topic) {
            return Some((*alias, true));
        }
        let next = u16::try_from(self.aliases.len() + 1).ok().filter(|next| *next <= self.maximum);
        let alias = TopicAlias::new(next?)?;
        self.aliases.insert(Topic::from(topic.name()), alias);
        Some((alias, false))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::codec::Properties;
    use crate::topic::TopicName;

    fn resolve(aliases: &mut InboundAliases, topic: &str, alias: u16) -> Option<AliasFault> {
        let property = [Property::TopicAlias(TopicAlias::new(alias).unwrap())];
        let topic = TopicName::new(topic).unwrap_or(TopicName::BY_ALIAS);
        let publish =
            Publish { properties: Properties::new(&property), ..Publish::new(topic, b"") };
        aliases.resolve(&publish).err()
    }

    #[test]
    fn an_alias_stands_for_the_last_topic_it_was_given() {
        let mut aliases = InboundAliases::new(2);
        let alias = TopicAlias::new(2).unwrap();
        assert_eq!(resolve(&mut aliases, "", 2), Some(AliasFault::Unknown(alias)));
        assert_eq!(resolve(&mut aliases, "a", 2), None);
        assert_eq!(resolve(&mut aliases, "b", 2), None);
        assert_eq!(resolve(&mut aliases, "", 2), None);
        assert_eq!(aliases.topics.get(&alias), Some(&Topic::new("b").unwrap()));
        let above = TopicAlias::new(3).unwrap();
        assert_eq!(resolve(&mut aliases, "a", 3), Some(AliasFault::AboveMaximum(above)));
    }

    #[test]
    fn the_first_topics_get_an_alias_and_short_ones_none() {
        let mut aliases = OutboundAliases::new(1);
        let (long, other) = (Topic::new("a/long/one").unwrap(), Topic::new("another").unwrap());
        let one = TopicAlias::new(1).unwrap();
        assert_eq!(aliases.alias(&Topic::new("a/b").unwrap()), None);
        assert_eq!(aliases.alias(&long), Some((one, false)));
        assert_eq!(aliases.alias(&long), Some((one, true)));
        assert_eq!(aliases.alias(&other), None);
        assert_eq!(OutboundAliases::new(0).alias(&long), None);
    }
}
