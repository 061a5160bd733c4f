//! Messages from one client to another through a loop-back in memory, and what an idle client costs:
//! `cargo bench --bench client`.

#![expect(clippy::unwrap_used, reason = "clients and packets that are valid by construction")]
#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(missing_docs, reason = "what criterion generates has none")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mqtt_sansio::{
    Ack, Client, ClientConfig, ClientEvent, ClientOutput, ConnAck, Connect, Delivery, FrameReader,
    Instant, MAXIMUM_PACKET_SIZE, Message, Packet, PacketId, QoS, Version,
};

const V: Version = Version::V3_1_1;
const NOW: Instant = Instant::from_millis(0);
const BATCH: u64 = 100;

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

/// A client with its end of the link.
struct Peer {
    client: Client,
    segments: Vec<Bytes>,
    received: u64,
    completed: u64,
}

impl Peer {
    fn connected(id: &str) -> Peer {
        let mut config = ClientConfig::default();
        config.max_inflight_messages = u16::MAX;
        let mut client = Client::new(config);
        client.connect(NOW, &Connect::new(V, id)).unwrap();
        let mut peer = Peer { client, segments: Vec::new(), received: 0, completed: 0 };
        peer.pull();
        let mut connack = Vec::new();
        Packet::from(ConnAck::accepted(false)).encode_to(V, &mut connack).unwrap();
        peer.client.handle_input(NOW, &connack);
        peer.pull();
        peer
    }

    /// What the client wants to send now.
    fn pull(&mut self) -> Vec<Bytes> {
        loop {
            match self.client.poll_output() {
                ClientOutput::Transmit => {
                    self.client.poll_transmit(NOW, &mut self.segments, usize::MAX);
                }
                ClientOutput::Event(ClientEvent::Message { .. }) => self.received += 1,
                ClientOutput::Event(ClientEvent::Published { .. }) => self.completed += 1,
                ClientOutput::Event(_) | ClientOutput::Close => {}
                ClientOutput::Wait(_) => return std::mem::take(&mut self.segments),
            }
        }
    }
}

/// Takes the place of a server: acknowledges what the publisher sends, and passes messages on.
struct LoopBack {
    from_publisher: FrameReader,
    from_subscriber: FrameReader,
    to_publisher: Vec<u8>,
    to_subscriber: Vec<u8>,
}

impl LoopBack {
    fn new() -> LoopBack {
        LoopBack {
            from_publisher: FrameReader::new(MAXIMUM_PACKET_SIZE),
            from_subscriber: FrameReader::new(MAXIMUM_PACKET_SIZE),
            to_publisher: Vec::new(),
            to_subscriber: Vec::new(),
        }
    }

    fn publisher_sent(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.from_publisher.next(&mut bytes).unwrap() {
            let packet = Packet::decode(frame, V).unwrap();
            answer(&packet, &mut self.to_publisher);
            if let Packet::Publish(publish) = packet {
                Packet::from(publish).encode_to(V, &mut self.to_subscriber).unwrap();
            }
        }
    }

    fn subscriber_sent(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.from_subscriber.next(&mut bytes).unwrap() {
            answer(&Packet::decode(frame, V).unwrap(), &mut self.to_subscriber);
        }
    }
}

/// The next step of an exchange.
fn answer(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let ack = |id: PacketId| Ack::new(id);
    let answer = match packet {
        Packet::Publish(publish) => match publish.delivery {
            Delivery::AtMostOnce => return,
            Delivery::AtLeastOnce { packet_id, .. } => Packet::PubAck(ack(packet_id)),
            Delivery::ExactlyOnce { packet_id, .. } => Packet::PubRec(ack(packet_id)),
        },
        Packet::PubRec(received) => Packet::PubRel(ack(received.packet_id)),
        Packet::PubRel(released) => Packet::PubComp(ack(released.packet_id)),
        _ => return,
    };
    answer.encode_to(V, out).unwrap();
}

/// Sends a batch and runs until all of it has arrived and is acknowledged.
fn run(publisher: &mut Peer, subscriber: &mut Peer, link: &mut LoopBack, message: &Message) {
    let (received, completed) = (subscriber.received + BATCH, publisher.completed + BATCH);
    for _ in 0..BATCH {
        publisher.client.publish(NOW, message.clone()).unwrap();
    }
    while subscriber.received < received || publisher.completed < completed {
        publisher.pull().iter().for_each(|segment| link.publisher_sent(segment));
        subscriber.client.handle_input(NOW, &std::mem::take(&mut link.to_subscriber));
        subscriber.pull().iter().for_each(|segment| link.subscriber_sent(segment));
        publisher.client.handle_input(NOW, &std::mem::take(&mut link.to_publisher));
    }
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("publisher to subscriber, 64 B");
    group.throughput(Throughput::Elements(BATCH));
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut publisher = Peer::connected("publisher");
        let mut subscriber = Peer::connected("subscriber");
        let mut link = LoopBack::new();
        let mut message = Message::new("sensors/kitchen/temp", vec![b'x'; 64]).unwrap();
        message.qos = qos;
        group.bench_function(format!("QoS {qos}"), |b| {
            b.iter(|| run(&mut publisher, &mut subscriber, &mut link, &message));
        });
    }
    group.finish();
}

fn memory(_: &mut Criterion) {
    let before = IN_USE.load(Ordering::Relaxed);
    let peer = Peer::connected("idle");
    let heap = IN_USE.load(Ordering::Relaxed) - before;
    println!("an idle client: {} B, and {heap} B on the heap", size_of_val(&peer.client));
}

criterion_group!(benches, memory, messages);
criterion_main!(benches);
