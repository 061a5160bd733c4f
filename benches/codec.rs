//! Decoding and encoding, packet by packet and as a stream: `cargo bench`.

#![expect(clippy::unwrap_used, reason = "packets that are valid by construction")]
#![expect(clippy::indexing_slicing, reason = "a buffer that is large enough by construction")]
#![expect(missing_docs, reason = "what criterion generates has none")]

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_sansio::{
    Ack, Connect, Delivery, Frame, FrameReader, MAXIMUM_PACKET_SIZE, Packet, PacketId,
    PayloadFormat, Properties, Property, Publish, QoS, Subscribe, Subscription, TopicFilter,
    TopicName, UserProperty, Version, Will,
};

const TOPIC: &str = "sensors/kitchen/temp";

const FILTERS: [&str; 8] = [
    "sensors/kitchen/temp",
    "sensors/+/temp",
    "sensors/#",
    "home/light/status",
    "home/light/control",
    "+/+/battery",
    "alarms/#",
    "$SYS/broker/uptime",
];

fn topic() -> TopicName<'static> {
    TopicName::new(TOPIC).unwrap()
}

fn publish(qos: QoS, payload: &[u8]) -> Publish<'_> {
    let packet_id = PacketId::new(7).unwrap();
    let delivery = match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup: false, packet_id },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup: false, packet_id },
    };
    Publish { delivery, ..Publish::new(topic(), payload) }
}

fn connect() -> Connect<'static> {
    Connect {
        keep_alive: 60,
        will: Some(Will { qos: QoS::AtLeastOnce, ..Will::new(topic(), b"disconnected") }),
        user_name: Some("sensor"),
        password: Some(b"correct horse"),
        ..Connect::new(Version::V3_1_1, "kitchen-sensor-17")
    }
}

/// Reads every field, lists included, as whoever handles the packet would.
fn read(packet: &Packet<'_>) {
    match packet {
        Packet::Publish(publish) => {
            for property in publish.properties {
                black_box(&property);
            }
        }
        Packet::Subscribe(subscribe) => {
            for filter in subscribe.filters {
                black_box(&filter);
            }
        }
        _ => {}
    }
    black_box(packet);
}

fn decode_all(mut bytes: &[u8], version: Version) {
    while let Some((frame, rest)) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE).unwrap() {
        read(Packet::decode(frame, version).as_ref().unwrap());
        bytes = rest;
    }
}

fn both_ways(c: &mut Criterion, name: &str, packet: &Packet<'_>, version: Version) {
    let mut bytes = vec![0; packet.encoded_len(version).unwrap()];
    packet.encode(version, &mut bytes).unwrap();
    c.bench_function(&format!("decode/{name}"), |b| {
        b.iter(|| decode_all(black_box(&bytes), version));
    });
    c.bench_function(&format!("encode/{name}"), |b| {
        b.iter(|| black_box(packet).encode(version, black_box(&mut bytes)).unwrap());
    });
}

fn packets(c: &mut Criterion) {
    let v4 = Version::V3_1_1;
    let large = vec![7; 65_536];
    both_ways(c, "PUBLISH QoS 0, 2 B", &publish(QoS::AtMostOnce, b"21").into(), v4);
    both_ways(c, "PUBLISH QoS 1, 256 B", &publish(QoS::AtLeastOnce, &[7; 256]).into(), v4);
    both_ways(c, "PUBLISH QoS 1, 64 KiB", &publish(QoS::AtLeastOnce, &large).into(), v4);
    both_ways(c, "CONNECT", &connect().into(), v4);
    both_ways(c, "PUBACK", &Packet::PubAck(Ack::new(PacketId::new(7).unwrap())), v4);
    let filters = FILTERS
        .map(|filter| Subscription::new(TopicFilter::new(filter).unwrap(), QoS::AtLeastOnce));
    both_ways(c, "SUBSCRIBE of 8", &Subscribe::new(PacketId::MIN, &filters).into(), v4);
    let properties = [
        Property::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::MessageExpiryInterval(60),
        Property::ContentType("application/json"),
        Property::UserProperty(UserProperty { name: "room", value: "kitchen" }),
    ];
    let properties = Properties::from(&properties);
    let v5 = Publish { properties, ..publish(QoS::AtLeastOnce, &[b'x'; 64]) };
    both_ways(c, "PUBLISH 5.0, 4 properties", &v5.into(), Version::V5_0);
    let header_only = publish(QoS::AtLeastOnce, &large);
    c.bench_function("encode_header/PUBLISH QoS 1, 64 KiB", |b| {
        let mut header = [0; 64];
        b.iter(|| black_box(&header_only).encode_header(v4, black_box(&mut header)).unwrap());
    });
}

/// About 1 MiB of what a broker sees: mostly small messages, their acknowledgements, some SUBSCRIBE.
fn mixed_stream() -> Vec<u8> {
    let mut stream = Vec::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let payload = [b'x'; 256];
    let filter = [Subscription::new(TopicFilter::new("home/+/status").unwrap(), QoS::AtMostOnce)];
    while stream.len() < 1 << 20 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let id = PacketId::new(u16::try_from(random & 0x7FFF).unwrap() | 1).unwrap();
        let payload = &payload[..usize::from(random.to_le_bytes()[3])];
        let packet = match random >> 32 & 15 {
            0..=8 => publish(QoS::AtMostOnce, &payload[..payload.len() / 4]).into(),
            9..=10 => publish(QoS::AtLeastOnce, payload).into(),
            11..=12 => Packet::PubAck(Ack::new(id)),
            13 => Packet::PubRec(Ack::new(id)),
            14 => Packet::PubRel(Ack::new(id)),
            _ => Subscribe::new(id, &filter).into(),
        };
        packet.encode_to(Version::V3_1_1, &mut stream).unwrap();
    }
    stream
}

fn packets_of(stream: &[u8]) -> Vec<Packet<'_>> {
    let mut packets = Vec::new();
    let mut rest = stream;
    while let Some((frame, after)) = Frame::parse(rest, MAXIMUM_PACKET_SIZE).unwrap() {
        packets.push(Packet::decode(frame, Version::V3_1_1).unwrap());
        rest = after;
    }
    packets
}

fn stream(c: &mut Criterion) {
    let stream = mixed_stream();
    let packets = packets_of(&stream);
    let mut group: BenchmarkGroup<'_, WallTime> = c.benchmark_group("mixed stream");
    group.throughput(Throughput::Elements(packets.len() as u64));
    group.bench_function("decode whole", |b| {
        b.iter(|| decode_all(black_box(&stream), Version::V3_1_1));
    });
    group.bench_function("decode in pieces of 1,460 B", |b| {
        b.iter(|| {
            let mut reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
            for mut piece in black_box(&stream).chunks(1460) {
                while let Some(frame) = reader.next(&mut piece).unwrap() {
                    read(Packet::decode(frame, Version::V3_1_1).as_ref().unwrap());
                }
            }
        });
    });
    let mut out = vec![0; stream.len()];
    group.bench_function("encode", |b| {
        b.iter(|| {
            let mut at = 0;
            for packet in black_box(&packets) {
                at += packet.encode(Version::V3_1_1, &mut out[at..]).unwrap();
            }
            black_box(at)
        });
    });
    group.finish();
}

criterion_group!(benches, packets, stream);
criterion_main!(benches);
