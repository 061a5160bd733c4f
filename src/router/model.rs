//! The router against what it is to do, the plain way.
#![expect(clippy::unwrap_used, reason = "filters and topics that are valid by construction")]
#![expect(clippy::indexing_slicing, reason = "one of two")]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// QoS, RETAIN as published and, in order, the identifiers.
type Terms = (u8, bool, Vec<u32>);

/// Who gets a message: subscribers by themselves, and the members of each group.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    found: Vec<(u32, Terms)>,
    groups: Vec<Vec<(u32, Terms)>>,
}

/// A filter as it was written and the version it was written in.
type Written = (String, Version);

#[derive(Clone, Debug)]
struct Subscribed {
    subscriber: u32,
    written: Written,
    qos: u8,
    no_local: bool,
    retain_as_published: bool,
    identifier: Option<u32>,
}

impl Subscribed {
    fn subscription(&self) -> Subscription<'_> {
        Subscription {
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            ..Subscription::new(
                TopicFilter::new(&self.written.0).unwrap(),
                self.qos.try_into().unwrap(),
            )
        }
    }

    fn subscribe(&self, router: &mut Router) -> Result<bool, SubscribeError> {
        let identifier = self.identifier.and_then(SubscriptionIdentifier::new);
        let subscriber = SubscriberId(self.subscriber);
        router.subscribe(subscriber, self.written.1, &self.subscription(), identifier)
    }

    /// The share name and the filter.
    fn parts(&self) -> (Option<&str>, &str) {
        let (filter, version) = &self.written;
        match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
            Some((name, filter)) if *version == Version::V5_0 => (Some(name), filter),
            _ => (None, filter),
        }
    }

    fn matches(&self, topic: &str) -> bool {
        let filter = TopicFilter::new(self.parts().1).unwrap();
        filter.matches(TopicName::new(topic).unwrap())
    }

    fn terms(&self) -> (u32, Terms) {
        let identifiers = self.identifier.into_iter().collect();
        (self.subscriber, (self.qos, self.retain_as_published, identifiers))
    }
}

/// All subscriptions.
#[derive(Default)]
struct Model(Vec<Subscribed>);

impl Model {
    fn answer(&self, publisher: Option<u32>, topic: &str) -> Answer {
        let mut answer = Answer::default();
        let mut groups: Vec<(_, Vec<_>)> = Vec::new();
        for subscribed in self.0.iter().filter(|subscribed| subscribed.matches(topic)) {
            let (subscriber, terms) = subscribed.terms();
            if subscribed.parts().0.is_some() {
                match groups.iter_mut().find(|(parts, _)| *parts == subscribed.parts()) {
                    Some((_, members)) => members.push((subscriber, terms)),
                    None => groups.push((subscribed.parts(), Vec::from([(subscriber, terms)]))),
                }
            } else if !subscribed.no_local || publisher != Some(subscriber) {
                match answer.found.iter_mut().find(|(other, _)| *other == subscriber) {
                    Some((_, (qos, retain, identifiers))) => {
                        *qos = (*qos).max(terms.0);
                        *retain |= terms.1;
                        identifiers.extend(terms.2);
                    }
                    None => answer.found.push((subscriber, terms)),
                }
            }
        }
        answer.groups = groups.into_iter().map(|(_, members)| members).collect();
        answer.sorted()
    }

    /// Takes away the subscriptions of a subscriber, or the one that was written so.
    fn remove(&mut self, subscriber: u32, written: Option<&Written>) -> usize {
        let before = self.0.len();
        let written = written.map(|written| Subscribed { written: written.clone(), ..NOBODY });
        self.0.retain(|other| {
            let is_it = written.as_ref().is_none_or(|written| written.parts() == other.parts());
            other.subscriber != subscriber || !is_it
        });
        before - self.0.len()
    }

    fn groups(&self) -> usize {
        let mut groups: Vec<_> = self.0.iter().map(Subscribed::parts).collect();
        groups.retain(|(share, _)| share.is_some());
        groups.sort_unstable();
        groups.dedup();
        groups.len()
    }
}

const NOBODY: Subscribed = Subscribed {
    subscriber: 0,
    written: (String::new(), Version::V5_0),
    qos: 0,
    no_local: false,
    retain_as_published: false,
    identifier: None,
};

impl Answer {
    /// As the router gives it.
    fn of(router: &Router, matches: &Matches) -> Answer {
        let found = matches.iter().map(|found| {
            let identifiers = matches.identifiers(found).map(|identifier| identifier.get());
            let terms = (found.qos().into(), found.retain_as_published(), identifiers.collect());
            (found.subscriber.0, terms)
        });
        let groups = matches.groups().iter();
        let groups = groups.map(|group| router.members(*group).map(|m| terms(&m)).collect());
        Answer { found: found.collect(), groups: groups.collect() }
    }

    fn sorted(mut self) -> Answer {
        self.found.iter_mut().for_each(|(_, (.., identifiers))| identifiers.sort_unstable());
        self.found.sort_unstable();
        self.groups.iter_mut().for_each(|members| members.sort_unstable());
        self.groups.sort_unstable();
        self
    }
}

fn terms(member: &Member) -> (u32, Terms) {
    let identifiers = member.identifier.iter().map(|identifier| identifier.get()).collect();
    (member.subscriber.0, (member.qos.into(), member.retain_as_published, identifiers))
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(Subscribed),
    Unsubscribe(u32, Written),
    Remove(u32),
}

const SUBSCRIBERS: u32 = 6;

fn step() -> impl Strategy<Value = Step> {
    let subscriber = 0..SUBSCRIBERS;
    prop_oneof![
        12 => subscribed().prop_map(Step::Subscribe),
        6 => (subscriber.clone(), written()).prop_map(|(s, w)| Step::Unsubscribe(s, w)),
        1 => subscriber.prop_map(Step::Remove),
    ]
}

fn subscribed() -> impl Strategy<Value = Subscribed> {
    let identifier = proptest::option::of(prop_oneof![1..4_u32, Just(SubscriptionIdentifier::MAX)]);
    let options = (0..3_u8, any::<bool>(), any::<bool>(), identifier);
    (0..SUBSCRIBERS, written(), options).prop_map(
        |(subscriber, written, (qos, no_local, retain_as_published, identifier))| Subscribed {
            subscriber,
            written,
            qos,
            no_local,
            retain_as_published,
            identifier,
        },
    )
}

fn written() -> impl Strategy<Value = Written> {
    let share = prop_oneof![3 => Just(""), 1 => Just("$share/g/"), 1 => Just("$share/a/")];
    let version = prop_oneof![1 => Just(Version::V3_1_1), 3 => Just(Version::V5_0)];
    (share, filter(), version)
        .prop_map(|(share, filter, version)| (format!("{share}{filter}"), version))
}

const LEVELS: [&str; 6] = ["", "a", "b", "$a", "é", "a level of more than 22 bytes"];

fn topic() -> impl Strategy<Value = String> {
    let start = prop_oneof![9 => Just(""), 1 => Just("$share/g/")];
    (start, proptest::collection::vec(proptest::sample::select(&LEVELS[..]), 1..5))
        .prop_map(|(start, levels)| format!("{start}{}", levels.join("/")))
        .prop_filter("at least one character", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![2 => proptest::sample::select(&LEVELS[..]), 1 => Just("+")];
    let last = prop_oneof![Just("#"), Just("+"), Just("a")];
    (proptest::collection::vec(level, 0..4), last).prop_map(|(mut levels, last)| {
        levels.push(last);
        levels.join("/")
    })
}

/// Does it to both routers and the model; what it answers is checked.
fn perform(step: &Step, routers: &mut [Router; 2], model: &mut Model) -> Result<(), TestCaseError> {
    match step {
        Step::Subscribe(subscribed) => {
            let removed = model.remove(subscribed.subscriber, Some(&subscribed.written));
            model.0.push(subscribed.clone());
            for router in &mut *routers {
                prop_assert_eq!(subscribed.subscribe(router), Ok(removed == 1));
            }
        }
        Step::Unsubscribe(subscriber, written) => {
            let removed = model.remove(*subscriber, Some(written)) == 1;
            let filter = TopicFilter::new(&written.0).unwrap();
            for router in &mut *routers {
                let was_there = router.unsubscribe(SubscriberId(*subscriber), written.1, filter);
                prop_assert_eq!(was_there, removed);
            }
        }
        Step::Remove(subscriber) => {
            model.remove(*subscriber, None);
            routers.iter_mut().for_each(|r| r.remove_subscriber(SubscriberId(*subscriber)));
        }
    }
    let of = |subscriber| model.0.iter().filter(|s| s.subscriber == subscriber).count();
    let shared = model.0.iter().filter(|subscribed| subscribed.parts().0.is_some()).count();
    for router in routers {
        router.check_invariants();
        prop_assert_eq!(router.subscriptions(), model.0.len());
        prop_assert_eq!(router.shared_subscriptions(), shared);
        prop_assert_eq!(router.groups(), model.groups());
        for subscriber in 0..SUBSCRIBERS {
            prop_assert_eq!(router.subscriptions_of(SubscriberId(subscriber)), of(subscriber));
        }
    }
    Ok(())
}

/// Publishes to both routers; both answer alike, and as the model. The members chosen are able.
fn publish(
    (publisher, topic, able): &(Option<u32>, String, u32),
    routers: &mut [Router; 2],
    model: &Model,
) -> Result<(), TestCaseError> {
    let name = TopicName::new(topic).unwrap();
    let is_able = |subscriber: SubscriberId| able & 1 << subscriber.0 != 0;
    let mut chosen = Vec::new();
    for router in routers {
        let mut matches = Matches::new();
        router.matches(name, publisher.map(SubscriberId), &mut matches);
        let answer = Answer::of(router, &matches);
        let mut members = Vec::new();
        for (group, candidates) in matches.groups().iter().zip(&answer.groups) {
            let member = router.next_member(*group, |member| is_able(member.subscriber));
            match &member {
                Some(member) => {
                    prop_assert!(is_able(member.subscriber), "{:?} is not able", member);
                    prop_assert!(candidates.contains(&terms(member)), "{:?}: no member", member);
                }
                None => prop_assert!(!candidates.iter().any(|(s, _)| is_able(SubscriberId(*s)))),
            }
            members.push(member);
        }
        router.check_invariants();
        chosen.push((answer, members));
    }
    let Some((answer, members)) = chosen.pop() else { unreachable!("two routers") };
    let (other, others) = &chosen[0];
    prop_assert_eq!((&answer, &members), (other, others), "the seed shows: {}", topic);
    prop_assert_eq!(answer.sorted(), model.answer(*publisher, topic), "{:?} {}", publisher, topic);
    Ok(())
}

proptest! {
    #[test]
    fn the_router_answers_as_the_naive_matcher_whatever_the_seed(
        steps in proptest::collection::vec(
            (step(), (proptest::option::of(0..SUBSCRIBERS + 1), topic(), any::<u32>())),
            1..80,
        ),
        seed: u64,
    ) {
        let config = RouterConfig { seed, ..RouterConfig::default() };
        let mut routers = [RouterConfig::default(), config].map(Router::new);
        let mut model = Model::default();
        for (step, published) in &steps {
            perform(step, &mut routers, &mut model)?;
            publish(published, &mut routers, &model)?;
        }
        for mut router in routers {
            (0..SUBSCRIBERS).for_each(|s| router.remove_subscriber(SubscriberId(s)));
            router.check_invariants();
            prop_assert_eq!((router.subscriptions(), router.groups()), (0, 0));
            prop_assert_eq!((router.shared_subscriptions(), router.subscriptions.nodes()), (0, 0));
        }
    }

    /// Each round gives each member that is there one turn; who comes late is still in this round.
    #[test]
    fn members_that_come_and_go_take_one_turn_in_each_round(
        steps in proptest::collection::vec((0..10_u32, 0..5), 1..200),
    ) {
        let mut router = Router::new(RouterConfig::default());
        let filter = TopicFilter::new("$share/g/t").unwrap();
        let subscription = Subscription::new(filter, crate::qos::QoS::AtMostOnce);
        let (mut members, mut had) = (Vec::new(), Vec::new());
        for (subscriber, action) in steps {
            let subscriber = SubscriberId(subscriber);
            match action {
                0 if members.contains(&subscriber) => {
                    router.unsubscribe(subscriber, Version::V5_0, filter);
                    members.retain(|other| *other != subscriber);
                    had.retain(|other| *other != subscriber);
                }
                0 | 1 => {
                    router.subscribe(subscriber, Version::V5_0, &subscription, None).unwrap();
                    members.retain(|other| *other != subscriber);
                    members.push(subscriber);
                }
                _ => {
                    let mut matches = Matches::new();
                    router.matches(TopicName::new("t").unwrap(), None, &mut matches);
                    prop_assert_eq!(matches.groups().len(), usize::from(!members.is_empty()));
                    let Some(group) = matches.groups().first() else { continue };
                    if had.len() == members.len() {
                        had.clear();
                    }
                    let next = router.next_member(*group, |_| true).unwrap().subscriber;
                    prop_assert!(members.contains(&next) && !had.contains(&next), "{:?}", next);
                    had.push(next);
                }
            }
            router.check_invariants();
        }
    }
}
