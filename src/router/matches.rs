//! Who is to get a message.

use alloc::vec::Vec;
use core::fmt;
use core::slice;

use super::groups::GroupId;
use super::options::{LAST_PLACE, Options};
use super::{SubscriberId, number};
use crate::codec::SubscriptionIdentifier;
use crate::qos::QoS;

/// Who is to get a message: from [`Router::matches`](crate::Router::matches), to be used again and again.
#[derive(Default)]
pub struct Matches {
    pub(super) found: Vec<Match>,
    pub(super) groups: Vec<GroupId>,
    pub(super) links: Vec<Link>,
}

/// A subscriber that is to get a message by its subscriptions that are not shared.
#[derive(Clone, Copy)]
pub struct Match {
    /// Who.
    pub subscriber: SubscriberId,
    /// No Local is left in it where there are no links.
    pub(super) options: Options,
}

/// The subscription identifiers that a message is sent with; from [`Matches::identifiers`].
#[derive(Clone, Debug)]
pub struct Identifiers<'a> {
    links: &'a [Link],
    next: Option<Link>,
}

/// One of the identifiers of a match, and where the next one is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    identifier: u32,
    next: Option<u32>,
}

impl Matches {
    /// None.
    #[must_use]
    pub const fn new() -> Matches {
        Matches { found: Vec::new(), groups: Vec::new(), links: Vec::new() }
    }

    /// The subscribers with subscriptions that are not shared, each once.
    pub fn iter(&self) -> slice::Iter<'_, Match> {
        self.found.iter()
    }

    /// The groups of shared subscriptions: of each, one member is to get the message beside these.
    #[must_use]
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// How many subscribers there are, and how many groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len() + self.groups.len()
    }

    /// Whether nobody subscribes to the message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.groups.is_empty()
    }

    /// The identifiers of the subscriptions that brought one of these matches in no particular order; one
    /// that several of them have is there as often. [MQTT-3.3.4-3] [MQTT-3.3.4-4]
    #[must_use]
    pub fn identifiers(&self, found: &Match) -> Identifiers<'_> {
        let list = found.options.list().and_then(|place| self.links.get(place as usize));
        let one = Link { identifier: found.options.identifier(), next: None };
        Identifiers { links: &self.links, next: Some(*list.unwrap_or(&one)) }
    }

    pub(super) fn clear(&mut self) {
        self.found.clear();
        self.groups.clear();
        self.links.clear();
    }
}

impl Match {
    #[inline]
    pub(super) fn new(subscriber: u32, options: Options) -> Match {
        Match { subscriber: SubscriberId(subscriber), options }
    }

    /// Others are to be merged into it: there may be a list of identifiers.
    #[inline]
    pub(super) fn for_merging(self) -> Match {
        Match { options: self.options.without_no_local(), ..self }
    }

    /// The QoS that was granted: the highest of its subscriptions that match. [MQTT-3.3.4-2]
    #[inline]
    #[must_use]
    pub fn qos(&self) -> QoS {
        self.options.qos()
    }

    /// Whether RETAIN is sent as it was published: one of its subscriptions that match wants it.
    /// [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    #[inline]
    #[must_use]
    pub fn retain_as_published(&self) -> bool {
        self.options.retain_as_published()
    }

    /// Whether there is nothing but a QoS, as before 5.0.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.options.is_plain()
    }

    /// Adds another subscription of the subscriber.
    #[inline]
    pub(super) fn merge(&mut self, other: Options, links: &mut Vec<Link>) {
        if !other.is_plain() {
            self.merge_options(other, links);
        } else if self.options.is_below(other) {
            self.options = self.options.raised(other);
        }
    }

    #[inline(never)]
    fn merge_options(&mut self, other: Options, links: &mut Vec<Link>) {
        self.options = self.options.raised(other);
        if other.retain_as_published() {
            self.options = self.options.with_retain_as_published();
        }
        if other.identifier() != 0 {
            self.add_identifier(other.identifier(), links);
        }
    }

    fn add_identifier(&mut self, identifier: u32, links: &mut Vec<Link>) {
        let mut next = self.options.list();
        if next.is_none() {
            if self.options.identifier() == 0 {
                self.options = self.options.with_identifier(identifier);
                return;
            }
            next = Some(number(links.len()));
            links.push(Link { identifier: self.options.identifier(), next: None });
        }
        // More than that many do not fit into memory.
        let place = number(links.len()).min(LAST_PLACE);
        self.options = self.options.with_list(place);
        links.push(Link { identifier, next });
    }
}

impl Iterator for Identifiers<'_> {
    type Item = SubscriptionIdentifier;

    fn next(&mut self) -> Option<SubscriptionIdentifier> {
        let link = self.next?;
        self.next = link.next.and_then(|place| self.links.get(place as usize).copied());
        SubscriptionIdentifier::new(link.identifier)
    }
}

impl<'a> IntoIterator for &'a Matches {
    type Item = &'a Match;
    type IntoIter = slice::Iter<'a, Match>;

    fn into_iter(self) -> slice::Iter<'a, Match> {
        self.iter()
    }
}

impl fmt::Debug for Matches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matches")
            .field("subscribers", &self.found)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match")
            .field("subscriber", &self.subscriber)
            .field("qos", &self.qos())
            .field("retain_as_published", &self.retain_as_published())
            .finish_non_exhaustive()
    }
}
