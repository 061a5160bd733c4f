//! Matching, fan-out, retained look-ups and changes of subscriptions: `cargo bench --bench router`.

#![expect(clippy::unwrap_used, reason = "topics and filters that are valid by construction")]
#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(missing_docs, reason = "what criterion generates has none")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_sansio::{
    Matches, Message, QoS, Router, RouterConfig, SubscriberId, Subscription,
    SubscriptionIdentifier, TopicFilter, TopicName, Version,
};

const Q1: QoS = QoS::AtLeastOnce;

/// Who publishes: a subscriber itself.
const PUBLISHER: Option<SubscriberId> = Some(SubscriberId(0));

/// Counts the bytes in use, and the allocations.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all calls go to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn router() -> Router {
    let mut config = RouterConfig::default();
    config.seed = 0x9E37_79B9_7F4A_7C15;
    config.max_subscriptions = usize::MAX;
    config.max_retained_messages = usize::MAX;
    Router::new(config)
}

fn subscribe(router: &mut Router, subscriber: u32, filter: &str) {
    let subscription = Subscription::new(TopicFilter::new(filter).unwrap(), Q1);
    router.subscribe(SubscriberId(subscriber), Version::V3_1_1, &subscription, None).unwrap();
}

/// With the subscriber's number as identifier, and with No Local where it may be.
fn subscribe_v5(router: &mut Router, subscriber: u32, filter: &str) {
    let mut subscription = Subscription::new(TopicFilter::new(filter).unwrap(), Q1);
    subscription.no_local = !subscription.filter.is_shared();
    let identifier = SubscriptionIdentifier::new(subscriber + 1);
    let subscriber = SubscriberId(subscriber);
    router.subscribe(subscriber, Version::V5_0, &subscription, identifier).unwrap();
}

/// Three levels: 100 devices at each site.
fn topic(i: u32) -> String {
    format!("site-{}/device-{}/temp", i / 100, i % 100)
}

/// Any numbers, always the same.
fn random() -> impl FnMut() -> u32 {
    let mut state = 1_u64;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    }
}

/// One match each: ten topics again and again, then topics of all subscriptions at random.
fn matching(c: &mut Criterion) {
    let mut group = c.benchmark_group("one match, topics of 3 levels");
    for count in [10, 1_000, 100_000, 1_000_000] {
        let mut router = router();
        let before = IN_USE.load(Ordering::Relaxed);
        for i in 0..count {
            subscribe(&mut router, i, &topic(i));
        }
        let bytes = IN_USE.load(Ordering::Relaxed) - before;
        println!("{count} subscriptions: {} B each", bytes / count as usize);
        let mut random = random();
        let few: Vec<String> = (0..10).map(|i| topic(i * (count / 10))).collect();
        let all: Vec<String> = (0..1 << 16).map(|_| topic(random() % count)).collect();
        let mut matches = Matches::new();
        for (name, topics) in [("ten topics", few), ("random topics", all)] {
            group.bench_function(format!("{name} among {count}"), |b| {
                let mut topics = topics.iter().cycle();
                b.iter(|| {
                    let topic = TopicName::new(topics.next().unwrap()).unwrap();
                    router.matches(topic, PUBLISHER, &mut matches);
                    assert_eq!(matches.len(), 1);
                });
            });
        }
    }
    group.finish();
}

/// Five matches of one publish, of which two are of one subscriber, among filters of all kinds.
fn wildcards(c: &mut Criterion) {
    let mut group = c.benchmark_group("wildcards");
    for count in [10, 1_000, 100_000, 1_000_000] {
        let mut router = router();
        for i in 0..count {
            let filter = match i % 4 {
                0 => format!("site-{i}/+/temp"),
                1 => format!("site-{i}/device-1/#"),
                2 => format!("+/device-{i}/#"),
                _ => topic(i),
            };
            subscribe(&mut router, i, &filter);
        }
        let filters = ["hall/+/temp", "hall/oven/#", "+/oven/temp", "hall/oven/temp", "+/+/temp"];
        for (i, filter) in (0..).zip(filters) {
            subscribe(&mut router, count + i % 4, filter);
        }
        let mut matches = Matches::new();
        group.bench_function(format!("5 hits, 4 subscribers among {count}"), |b| {
            let topic = TopicName::new("hall/oven/temp").unwrap();
            b.iter(|| {
                router.matches(black_box(topic), PUBLISHER, &mut matches);
                assert_eq!(matches.len(), 4);
            });
        });
        let topic = TopicName::new("hall/oven/temp").unwrap();
        (0..4).for_each(|_| router.matches(topic, PUBLISHER, &mut matches)); // where the row above was left out
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        router.matches(topic, PUBLISHER, &mut matches);
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "matching allocated");
    }
    group.finish();
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("fan-out");
    for count in [1, 100, 10_000] {
        let mut router = router();
        for i in 0..count {
            subscribe(&mut router, i, "hall/oven/temp");
        }
        let topic = TopicName::new("hall/oven/temp").unwrap();
        let mut matches = Matches::new();
        group.throughput(Throughput::Elements(count.into()));
        for overlapping in [false, true] {
            let name = if overlapping { "one filter, and # for all" } else { "one filter" };
            if overlapping {
                (0..count).for_each(|i| subscribe(&mut router, i, "#"));
            }
            group.bench_function(format!("{count} subscribers, {name}"), |b| {
                b.iter(|| {
                    router.matches(black_box(topic), PUBLISHER, &mut matches);
                    assert_eq!(matches.len(), count as usize);
                });
            });
        }
    }
    group.finish();
}

/// Options, identifiers and groups: of the subscribers, 0 is the publisher.
fn version_5(c: &mut Criterion) {
    let mut group = c.benchmark_group("5.0");
    let oven = TopicName::new("hall/oven/temp").unwrap();
    for count in [1, 100, 10_000] {
        let mut matches = Matches::new();
        group.throughput(Throughput::Elements(count.into()));
        let mut router = router();
        for filters in [&["hall/oven/temp"][..], &["#", "hall/+/temp"]] {
            for filter in filters {
                (0..=count).for_each(|i| subscribe_v5(&mut router, i, filter));
            }
            let name = if filters.len() == 1 { "one filter" } else { "three filters" };
            group.bench_function(format!("{count} subscribers, {name}, identifiers"), |b| {
                b.iter(|| {
                    router.matches(black_box(oven), PUBLISHER, &mut matches);
                    let numbers = matches.iter().map(|found| matches.identifiers(found).count());
                    numbers.sum::<usize>()
                });
            });
            assert_eq!(matches.len(), count as usize);
        }
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        router.matches(oven, PUBLISHER, &mut matches);
        assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "matching allocated");
    }
    group.throughput(Throughput::Elements(1));
    for count in [1, 100, 10_000] {
        let mut router = router();
        (0..count).for_each(|i| subscribe_v5(&mut router, i, "$share/cooks/hall/oven/temp"));
        (0..1000).for_each(|i| subscribe_v5(&mut router, i, &format!("$share/a/{}", topic(i))));
        let mut matches = Matches::new();
        group.bench_function(format!("a group of {count}, its next member"), |b| {
            b.iter(|| {
                router.matches(black_box(oven), PUBLISHER, &mut matches);
                let [group] = *matches.groups() else { unreachable!("one group") };
                router.next_member(group, |_| true).unwrap()
            });
        });
    }
    group.finish();
}

fn retained(c: &mut Criterion) {
    let mut group = c.benchmark_group("retained, among 100,000");
    let mut router = router();
    for i in 0..100_000 {
        let message = Message::new(&topic(i), "20.5").unwrap();
        router.retain(&Arc::new(message)).unwrap();
    }
    let rows = [
        ("exact", "site-500/device-50/temp", 1),
        ("below a prefix, all 100", "site-500/#", 100),
        ("+ at the end, 1", "site-500/device-50/+", 1),
        ("+ at the beginning, first 20 of 1,000", "+/device-50/#", 20),
        ("# first 20", "#", 20),
        ("nothing matches", "nowhere/+/temp", 0),
        ("nothing matches in 1,000 places of +", "+/nothing/#", 0),
    ];
    for (name, filter, count) in rows {
        let filter = TopicFilter::new(filter).unwrap();
        group.bench_function(name, |b| {
            b.iter(|| {
                let (mut after, mut found) = (None, 0);
                while let Some(message) = router.next_retained(black_box(filter), after) {
                    after = Some(message.topic.name());
                    found += 1;
                    if found == 20 && count == 20 {
                        break;
                    }
                }
                assert_eq!(found, count);
            });
        });
    }
    let mut random = random();
    let messages: Vec<_> = (0..1000).map(|_| topic(random() % 100_000)).collect();
    let message = |topic: &String| Arc::new(Message::new(topic, "21.0").unwrap());
    let messages: Vec<_> = messages.iter().map(message).collect();
    group.bench_function("replace", |b| {
        let mut messages = messages.iter().cycle();
        b.iter(|| router.retain(messages.next().unwrap()).unwrap());
    });
    group.finish();
}

fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("changes");
    for count in [10, 100_000, 1_000_000] {
        let mut router = router();
        (0..count).for_each(|i| subscribe(&mut router, i, &topic(i)));
        (0..100_000).for_each(|i| subscribe(&mut router, i, "hall/#"));
        for filter in ["site-1/device-1/new", "hall/#"] {
            group.bench_function(format!("subscribe, unsubscribe {filter} among {count}"), |b| {
                let filter = TopicFilter::new(filter).unwrap();
                let subscription = Subscription::new(filter, Q1);
                b.iter(|| {
                    let subscriber = SubscriberId(count);
                    router.subscribe(subscriber, Version::V3_1_1, &subscription, None).unwrap();
                    assert!(router.unsubscribe(subscriber, Version::V3_1_1, filter));
                });
            });
        }
    }
    group.bench_function("100 subscriptions of one subscriber, then none", |b| {
        let mut router = router();
        (1..100_000).for_each(|i| subscribe(&mut router, i, &topic(i)));
        let filters: Vec<String> = (0..100).map(|i| topic(i * 1000 + 7)).collect();
        b.iter_batched(
            || (),
            |()| {
                filters.iter().for_each(|filter| subscribe(&mut router, 0, filter));
                router.remove_subscriber(SubscriberId(0));
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, matching, wildcards, fan_out, version_5, retained, changes);
criterion_main!(benches);
