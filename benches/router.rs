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
    Message, QoS, Router, RouterConfig, SubscriberId, Subscription, TopicFilter, TopicName,
};

const Q1: QoS = QoS::AtLeastOnce;

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
    router.subscribe(SubscriberId(subscriber), &subscription).unwrap();
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
        let mut matches = Vec::new();
        for (name, topics) in [("ten topics", few), ("random topics", all)] {
            group.bench_function(format!("{name} among {count}"), |b| {
                let mut topics = topics.iter().cycle();
                b.iter(|| {
                    let topic = TopicName::new(topics.next().unwrap()).unwrap();
                    router.matches(topic, &mut matches);
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
        let mut matches = Vec::new();
        group.bench_function(format!("5 hits, 4 subscribers among {count}"), |b| {
            let topic = TopicName::new("hall/oven/temp").unwrap();
            b.iter(|| {
                router.matches(black_box(topic), &mut matches);
                assert_eq!(matches.len(), 4);
            });
        });
        let topic = TopicName::new("hall/oven/temp").unwrap();
        (0..4).for_each(|_| router.matches(topic, &mut matches)); // where the row above was left out
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        router.matches(topic, &mut matches);
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
        let mut matches = Vec::new();
        group.throughput(Throughput::Elements(count.into()));
        for overlapping in [false, true] {
            let name = if overlapping { "one filter, and # for all" } else { "one filter" };
            if overlapping {
                (0..count).for_each(|i| subscribe(&mut router, i, "#"));
            }
            group.bench_function(format!("{count} subscribers, {name}"), |b| {
                b.iter(|| {
                    router.matches(black_box(topic), &mut matches);
                    assert_eq!(matches.len(), count as usize);
                });
            });
        }
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
                    router.subscribe(SubscriberId(count), &subscription).unwrap();
                    assert!(router.unsubscribe(SubscriberId(count), filter));
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

criterion_group!(benches, matching, wildcards, fan_out, retained, changes);
criterion_main!(benches);
