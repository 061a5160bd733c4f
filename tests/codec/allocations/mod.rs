//! What allocates nothing, and what little the rest allocates: counted by the allocator itself.

mod counter;

use std::fmt::{self, Write};
use std::hint::black_box;

use bytes::BytesMut;
use mqtt_sansio::{
    ConnAck, Connect, DecodeError, Disconnect, EncodeError, Frame, FrameReader, List,
    MAXIMUM_PACKET_SIZE, Packet, Properties, PropertyId, ReasonCode, Sender, TopicFilter,
    TopicName, Version, Violation,
};

use crate::support::{hex, unhex};
use crate::{lab, vectors};
use counter::{Taken, taken_by};

/// All packets of the test data, with the versions they are of.
fn golden() -> Vec<(Version, Vec<u8>)> {
    let lab = lab::all().into_iter().map(|(version, frame)| (version, frame.bytes));
    let vectors = vectors::all().into_iter().flat_map(|vector| {
        let bytes = vector.bytes();
        vector.versions.into_iter().map(move |version| (version, bytes.clone()))
    });
    // Longer ones are like those, and make the test slow.
    lab.chain(vectors.filter(|(_, bytes)| bytes.len() < 1 << 20)).collect()
}

/// Fails unless `run` takes no memory.
#[track_caller]
fn takes_nothing<R>(what: &str, bytes: &[u8], run: impl FnOnce() -> R) -> R {
    let (taken, result) = taken_by(run);
    assert_eq!(taken, Taken::NOTHING, "{what}: {:.200}", hex(bytes));
    result
}

/// Takes all that is written to it and keeps nothing.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

fn read_properties(properties: Properties<'_>) {
    for property in properties {
        black_box(property);
    }
    for &id in PropertyId::ALL {
        black_box((properties.contains(id), properties.find(id)));
    }
    black_box(properties.user_properties().count());
    black_box(properties.subscription_identifiers().count());
    black_box(properties.is_empty());
}

fn read_codes(codes: List<'_, ReasonCode>) {
    black_box((codes.len(), codes.is_empty()));
    for code in codes {
        black_box((code, code.granted_qos(), code.name()));
    }
}

fn read_connect(connect: &Connect<'_>) {
    read_properties(connect.properties);
    if let Some(will) = connect.will {
        black_box((will.topic.as_str(), will.topic.levels().count()));
        read_properties(will.properties);
    }
    black_box(connect.refusal());
}

/// Reads each field and each item, and writes the packet's line.
fn read_all(packet: &Packet<'_>, version: Version) {
    match packet {
        Packet::Connect(connect) => read_connect(connect),
        Packet::ConnAck(ConnAck { properties, .. })
        | Packet::Disconnect(Disconnect { properties, .. }) => read_properties(*properties),
        Packet::Auth(auth) => read_properties(auth.properties),
        Packet::Publish(publish) => {
            black_box((publish.delivery.qos(), publish.delivery.packet_id()));
            black_box((publish.topic.as_str(), publish.topic.levels().count()));
            read_properties(publish.properties);
        }
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            read_properties(ack.properties);
        }
        Packet::Subscribe(subscribe) => {
            read_properties(subscribe.properties);
            black_box(subscribe.filters.len());
            for subscription in subscribe.filters {
                let filter = subscription.filter;
                black_box((filter.as_str(), filter.levels().count(), filter.share().is_ok()));
            }
        }
        Packet::Unsubscribe(unsubscribe) => {
            read_properties(unsubscribe.properties);
            for filter in unsubscribe.filters {
                black_box((filter.as_str(), filter.has_wildcards(), filter.share().is_ok()));
            }
        }
        Packet::SubAck(suback) => {
            read_properties(suback.properties);
            read_codes(suback.reason_codes);
        }
        Packet::UnsubAck(unsuback) => {
            read_properties(unsuback.properties);
            read_codes(unsuback.reason_codes);
        }
        Packet::PingReq | Packet::PingResp => (),
    }
    let checked = packet.check_sender(Sender::Client, version);
    black_box((checked.is_ok(), packet == black_box(packet)));
    write!(Nowhere, "{packet} {packet:?}").unwrap();
}

fn first_packet(bytes: &[u8], version: Version) -> Packet<'_> {
    let (frame, _) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
    Packet::decode(frame, version).unwrap()
}

#[test]
fn the_counter_counts() {
    let (taken, kept) = taken_by(|| vec![1u8; 100]);
    assert_eq!((taken.times, taken.most_bytes), (1, 100));
    let (taken, _) = taken_by(|| drop([kept.clone(), kept.clone()].concat()));
    assert_eq!((taken.times, taken.most_bytes), (3, 400));
    let (taken, ()) = taken_by(|| std::thread::spawn(|| drop(vec![0u8; 5_000])).join().unwrap());
    assert!(taken.most_bytes < 5_000, "what another thread takes is not counted: {taken:?}");
}

#[test]
fn decoding_and_reading_every_field_allocates_nothing() {
    for (version, bytes) in golden() {
        takes_nothing("decode", &bytes, || {
            let packet = first_packet(&bytes, version);
            read_all(&packet, version);
        });
    }
}

#[test]
fn encoding_into_what_has_room_allocates_nothing() {
    for (version, bytes) in golden() {
        let packet = first_packet(&bytes, version);
        let mut slice = vec![0; bytes.len()];
        let mut vec = Vec::with_capacity(bytes.len());
        let mut bytes_mut = BytesMut::with_capacity(bytes.len());
        takes_nothing("encode", &bytes, || {
            black_box(packet.encoded_len(version)).unwrap();
            packet.encode(version, &mut slice).unwrap();
            packet.encode_to(version, &mut vec).unwrap();
            packet.encode_to(version, &mut bytes_mut).unwrap();
            if let Packet::Publish(publish) = packet {
                publish.encode_header(version, &mut slice).unwrap();
            }
        });
    }
}

#[test]
fn a_reader_borrows_whole_frames_and_allocates_nothing() {
    for (_, bytes) in golden() {
        let mut reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
        let twice = [&bytes[..], &bytes].concat();
        let mut piece = &twice[..];
        let lengths = takes_nothing("FrameReader", &bytes, || {
            let mut next = || reader.next(&mut piece).unwrap().map(|frame| frame.as_bytes().len());
            [next(), next(), next()]
        });
        assert_eq!(lengths, [Some(bytes.len()), Some(bytes.len()), None]);
    }
}

#[test]
fn matching_and_checking_topics_allocates_nothing() {
    let names = ["a", "a/b/c", "$SYS/x", "é/€", "", "a/+", "a\0", "/", "x/y/z/1/2/3/4/5/6/7/8/9"];
    let filters = ["a", "#", "+/+/+", "a/#", "$SYS/#", "é/+", "a#", "+a", "", "$share/g/a", "a\0"];
    takes_nothing("topics", b"", || {
        for (name, filter) in names.iter().flat_map(|name| filters.map(|filter| (name, filter))) {
            if let (Ok(name), Ok(filter)) = (TopicName::new(name), TopicFilter::new(filter)) {
                black_box((filter.matches(name), filter.share().is_ok()));
            }
        }
    });
}

#[test]
fn errors_allocate_nothing() {
    let refused = ["40020000", "3003000061", "300400012b61", "c00100", "1000", "82020001", "f000"];
    for bytes in refused.map(unhex) {
        let error: DecodeError = takes_nothing("DecodeError", &bytes, || {
            let (frame, _) = Frame::parse(&bytes, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
            let error = Packet::decode(frame, Version::V5_0).unwrap_err();
            write!(Nowhere, "{error} {error:?}").unwrap();
            error
        });
        black_box(error);
    }
    // All that decodes is cut short in every way, or not let in.
    for (version, bytes) in golden().into_iter().filter(|(_, bytes)| bytes.len() < 200) {
        takes_nothing("cut short", &bytes, || {
            let size = u32::try_from(bytes.len()).unwrap();
            let error = Frame::parse(&bytes, size - 1).unwrap_err();
            assert_eq!(error.violation(), Violation::PacketTooLarge);
            let packet = first_packet(&bytes, version);
            let error = packet.encode(version, &mut []).unwrap_err();
            assert_eq!(error, EncodeError::BufferTooSmall { needed: needed(&packet, version) });
            for other in Version::ALL {
                black_box(packet.encoded_len(other).is_err());
            }
            write!(Nowhere, "{error} {error:?}").unwrap();
        });
    }
}

fn needed(packet: &Packet<'_>, version: Version) -> u32 {
    u32::try_from(packet.encoded_len(version).unwrap()).unwrap()
}

#[test]
fn a_reader_takes_no_memory_on_the_word_of_a_length_field() {
    // 256 MiB are announced, ten bytes come.
    let (taken, pending) = taken_by(|| {
        let mut reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
        let mut header = &b"\x30\xff\xff\xff\x7f"[..];
        assert_eq!(reader.next(&mut header), Ok(None));
        let mut piece = &b"\0\x01t0123456"[..];
        assert_eq!(reader.next(&mut piece), Ok(None));
        reader.pending()
    });
    assert_eq!(pending, 15);
    assert!(taken.most_bytes < 4096, "{taken:?}");
}

#[test]
fn a_reader_takes_little_more_than_what_came_and_keeps_little_of_it() {
    let long = [b"\x30\x80\x80\x40\0\x01t", &[7; (1 << 20) - 3][..]].concat();
    let (taken, reader) = taken_by(|| {
        let mut reader = FrameReader::new(MAXIMUM_PACKET_SIZE);
        let mut whole = None;
        for mut piece in long.chunks(1000) {
            whole = reader.next(&mut piece).unwrap().map(|frame| frame.as_bytes().len());
        }
        assert_eq!(whole, Some(long.len()));
        // What was given out is dropped at the next call.
        assert_eq!(reader.next(&mut &b"\xc0"[..]), Ok(None));
        reader
    });
    assert_eq!(reader.pending(), 1);
    // A vector doubles, and for a moment there are the old one and the new one.
    assert!(taken.most_bytes <= 3 * long.len(), "{taken:?}");
    assert!(taken.kept_bytes <= 4096, "{taken:?}");
}
