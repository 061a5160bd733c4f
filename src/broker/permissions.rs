//! What one client may publish and receive.

use alloc::vec::Vec;

use crate::message::Filter;
use crate::topic::{TopicFilter, TopicName};

/// What a rule of [`Permissions`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Messages of the client, its will included.
    Publish,
    /// Messages to the client, and the subscriptions for them.
    Subscribe,
    /// Both.
    Both,
}

/// What one client may publish and receive, as topic filters: a topic is allowed where one filter that
/// allows matches it and none that denies. The order of the rules does not matter.
///
/// A SUBSCRIBE is refused where nothing it asks for could be allowed; beyond that every message is looked
/// at when it is delivered. Filters match as subscriptions do: `#` does not match `$SYS/…`.
///
/// ```
/// use mqtt_sansio::{Access, Filter, Permissions, TopicFilter, TopicName};
///
/// let permissions = Permissions::none()
///     .allow(Access::Both, Filter::new("home/#")?)
///     .deny(Access::Publish, Filter::new("home/door")?);
/// assert!(permissions.may_publish(TopicName::new("home/light")?));
/// assert!(!permissions.may_publish(TopicName::new("home/door")?));
/// assert!(permissions.may_subscribe(TopicFilter::new("+/door")?));
/// assert!(!permissions.may_subscribe(TopicFilter::new("office/#")?));
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    publish: Rules,
    subscribe: Rules,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rules {
    /// Whether all is allowed that is not denied.
    all: bool,
    allow: Vec<Filter>,
    deny: Vec<Filter>,
}

impl Permissions {
    /// Everything, `$SYS/#` included, but for what is denied afterwards.
    #[must_use]
    pub fn all() -> Permissions {
        let all = Rules { all: true, ..Rules::default() };
        Permissions { publish: all.clone(), subscribe: all }
    }

    /// Nothing, but for what is allowed afterwards.
    #[must_use]
    pub fn none() -> Permissions {
        Permissions::default()
    }

    /// With one more filter that allows.
    #[must_use]
    pub fn allow(mut self, access: Access, filter: Filter) -> Permissions {
        self.rules_mut(access).for_each(|rules| rules.allow.push(filter.clone()));
        self
    }

    /// With one more filter that denies.
    #[must_use]
    pub fn deny(mut self, access: Access, filter: Filter) -> Permissions {
        self.rules_mut(access).for_each(|rules| rules.deny.push(filter.clone()));
        self
    }

    /// Whether the client may publish under that name.
    #[must_use]
    pub fn may_publish(&self, topic: TopicName<'_>) -> bool {
        self.publish.allows(topic)
    }

    /// Whether a message of that name may be delivered to the client.
    #[must_use]
    pub fn may_receive(&self, topic: TopicName<'_>) -> bool {
        self.subscribe.allows(topic)
    }

    /// Whether the client may subscribe: not where no filter that allows has a topic in common with it, or
    /// one that denies matches all of it.
    #[must_use]
    pub fn may_subscribe(&self, filter: TopicFilter<'_>) -> bool {
        let Rules { all, allow, deny } = &self.subscribe;
        let allowed = *all || allow.iter().any(|allow| allow.filter().overlaps(filter));
        allowed && !deny.iter().any(|deny| deny.filter().covers(filter))
    }

    fn rules_mut(&mut self, access: Access) -> impl Iterator<Item = &mut Rules> {
        let publish = access != Access::Subscribe;
        let subscribe = access != Access::Publish;
        let rules = [(publish, &mut self.publish), (subscribe, &mut self.subscribe)];
        rules.into_iter().filter_map(|(wanted, rules)| wanted.then_some(rules))
    }
}

impl Rules {
    #[inline]
    fn allows(&self, topic: TopicName<'_>) -> bool {
        let matches = |filter: &Filter| filter.filter().matches(topic);
        (self.all || self.allow.iter().any(matches)) && !self.deny.iter().any(matches)
    }
}
