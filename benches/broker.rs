//! What the broker costs in memory, without sockets: messages from one client to others, keep-alive
//! deadlines by the million, and the bytes of what it keeps: `cargo bench --bench broker`.

#![expect(clippy::unwrap_used, reason = "brokers and packets that are valid by construction")]
#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(missing_docs, reason = "what criterion generates has none")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mqtt_sansio::{
    Ack, Broker, BrokerConfig, BrokerEvent, BrokerOutput, Connect, ConnectionId, Delivery, Instant,
    Message, Packet, PacketId, Permissions, Properties, Property, Publish, QoS, Subscribe,
    Subscription, SubscriptionIdentifier, TopicFilter, TopicName, UserProperty, Version,
};

const NOW: Instant = Instant::from_millis(0);
const TOPIC: &str = "sensors/kitchen/temp";

/// Counts the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all calls go to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A broker with a driver that has no sockets.
struct Server {
    broker: Broker,
    /// Of all its clients.
    version: Version,
    permissions: Arc<Permissions>,
    /// Who was sent something since the last acknowledgement.
    sent_to: Vec<ConnectionId>,
    segments: Vec<Bytes>,
}

impl Server {
    fn new(version: Version) -> Server {
        let mut config = BrokerConfig::default();
        config.max_connections = 2_000_000;
        config.max_sessions = 2_000_000;
        config.sys_interval = None;
        config.session.max_inflight_messages = 1000;
        let broker = Broker::new(NOW, config);
        let permissions = Arc::new(Permissions::all());
        Server { broker, version, permissions, sent_to: Vec::new(), segments: Vec::new() }
    }

    fn connect(&mut self, client_id: &str, clean_start: bool) -> ConnectionId {
        let connection = self.broker.open(NOW).unwrap();
        let connect = Connect::new(self.version, client_id);
        let connect = Connect { clean_start, keep_alive: 60, ..connect };
        self.input(connection, &[connect.into()]);
        self.pull();
        connection
    }

    fn subscribe(&mut self, connection: ConnectionId, filter: &str, qos: QoS) {
        let filters = [Subscription::new(TopicFilter::new(filter).unwrap(), qos)];
        let mut subscribe = Subscribe::new(PacketId::MIN, &filters);
        let identifier =
            [Property::SubscriptionIdentifier(SubscriptionIdentifier::new(7).unwrap())];
        if self.version.has_properties() {
            subscribe.properties = Properties::new(&identifier);
        }
        self.input(connection, &[subscribe.into()]);
        self.pull();
    }

    fn input(&mut self, connection: ConnectionId, packets: &[Packet<'_>]) {
        self.broker.handle_input(NOW, connection, &encoded(self.version, packets));
    }

    /// Hands out all there is; connections are noted, bytes are dropped.
    fn pull(&mut self) {
        loop {
            match self.broker.poll_output() {
                BrokerOutput::Event(BrokerEvent::Connect { connection, .. }) => {
                    self.broker.accept(NOW, connection, Arc::clone(&self.permissions));
                }
                BrokerOutput::Event(_) => {}
                BrokerOutput::Transmit(connection) => {
                    self.broker.poll_transmit(NOW, connection, &mut self.segments, 1 << 18);
                    self.segments.clear();
                    self.sent_to.push(connection);
                }
                BrokerOutput::Close(connection) => self.broker.handle_closed(NOW, connection),
                BrokerOutput::Wait(_) => return,
            }
        }
    }
}

fn encoded(version: Version, packets: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    packets.iter().for_each(|packet| packet.encode_to(version, &mut bytes).unwrap());
    bytes
}

fn ids(count: usize) -> impl Iterator<Item = PacketId> {
    (1..).map(|id| PacketId::new(id).unwrap()).take(count)
}

/// In 5.0 with two properties.
fn publishes(version: Version, qos: QoS, count: usize) -> Vec<u8> {
    let topic = TopicName::new(TOPIC).unwrap();
    let properties = [
        Property::ContentType("text/plain"),
        Property::UserProperty(UserProperty { name: "unit", value: "celsius" }),
    ];
    let properties =
        if version.has_properties() { Properties::new(&properties) } else { Properties::EMPTY };
    let publish = |packet_id| {
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { dup: false, packet_id },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { dup: false, packet_id },
        };
        Packet::from(Publish { delivery, properties, ..Publish::new(topic, &[b'x'; 64]) })
    };
    encoded(version, &ids(count).map(publish).collect::<Vec<_>>())
}

/// One message of 64 bytes to so many subscribers, acknowledged by all: in batches of which one pull takes
/// all. In 5.0 it has two properties, and all subscriptions an identifier.
fn fan_out(c: &mut Criterion) {
    for (version, subscribers, batch) in [
        (Version::V3_1_1, 1, 100),
        (Version::V3_1_1, 100, 10),
        (Version::V3_1_1, 10_000, 1),
        (Version::V5_0, 100, 10),
    ] {
        let name = format!("{version}, one publish to {subscribers}, per delivery");
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(subscribers * batch as u64));
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let mut server = Server::new(version);
            let publisher = server.connect("publisher", true);
            for n in 0..subscribers {
                let subscriber = server.connect(&format!("subscriber{n}"), true);
                server.subscribe(subscriber, TOPIC, qos);
            }
            let packets = publishes(version, qos, batch);
            let release: Vec<_> = ids(batch).map(|id| Packet::PubRel(Ack::new(id))).collect();
            let release = encoded(version, &release);
            let mut last_id = 0;
            group.bench_function(format!("QoS {qos}"), |b| {
                b.iter(|| {
                    server.broker.handle_input(NOW, publisher, &packets);
                    if qos == QoS::ExactlyOnce {
                        server.broker.handle_input(NOW, publisher, &release);
                    }
                    server.sent_to.clear();
                    server.pull();
                    acknowledge(&mut server, publisher, qos, batch, &mut last_id);
                });
            });
            assert_eq!(server.broker.statistics().publish_dropped, 0);
        }
        group.finish();
    }
}

/// All subscribers have the same identifiers in use, as they get the same.
fn acknowledge(
    server: &mut Server,
    publisher: ConnectionId,
    qos: QoS,
    batch: usize,
    last_id: &mut u16,
) {
    if qos == QoS::AtMostOnce {
        return;
    }
    let mut acks = Vec::new();
    for _ in 0..batch {
        *last_id = if *last_id == u16::MAX { 1 } else { *last_id + 1 };
        let ack = Ack::new(PacketId::new(*last_id).unwrap());
        match qos {
            QoS::ExactlyOnce => acks.extend([Packet::PubRec(ack), Packet::PubComp(ack)]),
            _ => acks.push(Packet::PubAck(ack)),
        }
    }
    let acks = encoded(server.version, &acks);
    for subscriber in std::mem::take(&mut server.sent_to) {
        if subscriber != publisher {
            server.broker.handle_input(NOW, subscriber, &acks);
        }
    }
    server.pull();
}

/// A million connected clients with a keep alive: what a packet of one costs, and what it costs when all
/// deadlines have come and none has passed.
fn keep_alive(c: &mut Criterion) {
    const CLIENTS: u64 = 1_000_000;
    let mut server = Server::new(Version::V3_1_1);
    let connections: Vec<_> =
        (0..CLIENTS).map(|n| server.connect(&format!("c{n}"), true)).collect();
    let mut group = c.benchmark_group(format!("{CLIENTS} keep-alive deadlines, per client"));
    group.sample_size(10);
    group.throughput(Throughput::Elements(CLIENTS));
    let mut now = NOW;
    group.bench_function("PINGREQ of each, then all timers", |b| {
        b.iter(|| {
            now = now + Duration::from_secs(60);
            for connection in &connections {
                server.broker.handle_input(now, *connection, &[0xC0, 0x00]);
            }
            server.broker.handle_timeout(now);
            while let BrokerOutput::Transmit(connection) = server.broker.poll_output() {
                server.broker.poll_transmit(now, connection, &mut server.segments, 1024);
                server.segments.clear();
            }
        });
    });
    assert_eq!(server.broker.statistics().clients_connected as u64, CLIENTS);
    group.finish();
}

/// How many bytes each of so many things took.
fn bytes_each(count: usize, make: impl FnOnce()) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    make();
    (IN_USE.load(Ordering::Relaxed) - before) / count
}

fn memory(_: &mut Criterion) {
    const COUNT: usize = 10_000;
    let mut server = Server::new(Version::V3_1_1);
    let session = bytes_each(COUNT, || {
        for n in 0..COUNT {
            server.connect(&format!("client{n:06}"), true);
        }
        server.sent_to = Vec::new();
    });
    println!("an idle session with its connection: {session} B");
    let subscription = bytes_each(COUNT, || {
        for n in 0..COUNT {
            let connection = server.connect(&format!("client{n:06}"), true);
            server.subscribe(connection, &format!("sensors/{n:06}/temp"), QoS::AtLeastOnce);
        }
        server.sent_to = Vec::new();
    });
    println!("a subscription to a topic of three levels, one of them its own: {subscription} B");
    let mut server = Server::new(Version::V3_1_1);
    for n in 0..10 {
        let connection = server.connect(&format!("away{n}"), false);
        server.subscribe(connection, "t", QoS::AtLeastOnce);
        server.broker.handle_closed(NOW, connection);
        server.pull();
    }
    let queued = bytes_each(1000, || {
        for _ in 0..1000 {
            let mut message = Message::new("t", vec![b'x'; 64]).unwrap();
            message.qos = QoS::AtLeastOnce;
            server.broker.publish(NOW, message).unwrap();
        }
    });
    println!("a message of 65 B queued for 10 clients: {queued} B");
}

criterion_group!(benches, memory, fan_out, keep_alive);
criterion_main!(benches);
