//! A stream of packets, cut into pieces anyhow.

use proptest::collection::vec;
use proptest::prelude::*;

use mqtt_sansio::{DecodeError, Frame, FrameReader, MAXIMUM_PACKET_SIZE, Version, Violation};

use super::owned::Owned;
use super::strategies::{Mutation, mutation, packet, packet_of};
use super::{config, encoded};
use crate::support::hex;

/// The frames that `Frame::parse` finds, and what it stops at: an error, or bytes that are no frame yet.
type Found = (Vec<Vec<u8>>, Result<usize, DecodeError>);

fn parse_all(mut stream: &[u8], maximum_packet_size: u32) -> Found {
    let mut frames = vec![];
    loop {
        match Frame::parse(stream, maximum_packet_size) {
            Ok(Some((frame, rest))) => {
                frames.push(frame.as_bytes().to_owned());
                stream = rest;
            }
            Ok(None) => return (frames, Ok(stream.len())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

/// What a reader finds in pieces that end at these places.
fn read_all(stream: &[u8], cuts: &[usize], maximum_packet_size: u32) -> Found {
    let mut reader = FrameReader::new(maximum_packet_size);
    let mut frames = vec![];
    let mut start = 0;
    for &end in cuts.iter().chain([&stream.len()]) {
        let mut piece = &stream[start..end];
        loop {
            match reader.next(&mut piece) {
                Ok(Some(frame)) => frames.push(frame.as_bytes().to_owned()),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
        assert!(piece.is_empty(), "left in the piece: {}", hex(piece));
        start = end;
    }
    (frames, Ok(reader.pending()))
}

/// Ends of pieces; some of them are empty.
fn cuts(len: usize) -> impl Strategy<Value = Vec<usize>> {
    let anywhere = vec(0..=len, 0..12).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    });
    let everywhere = Just((0..=len.min(600)).collect());
    prop_oneof![4 => anywhere.boxed(), 1 => everywhere.boxed()]
}

/// A few packets of one version, encoded one after the other.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let packets = |version| vec(packet_of(version), 0..5);
    super::strategies::version().prop_flat_map(move |version| {
        packets(version).prop_map(move |packets| concatenated(&packets, version))
    })
}

fn concatenated(packets: &[Owned], version: Version) -> Vec<u8> {
    let encoded = packets.iter().map(|owned| owned.lend(|packet| encoded(packet, version)));
    encoded.collect::<Result<Vec<_>, _>>().unwrap().concat()
}

fn stream_and_cuts() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    stream().prop_flat_map(|stream| {
        let cuts = cuts(stream.len());
        (Just(stream), cuts)
    })
}

fn mutated_stream_and_cuts() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    (stream(), vec(mutation(), 1..4)).prop_flat_map(
        |(mut stream, mutations): (_, Vec<Mutation>)| {
            mutations.iter().for_each(|mutation| mutation.apply(&mut stream));
            let cuts = cuts(stream.len());
            (Just(stream), cuts)
        },
    )
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn a_reader_gives_the_frames_of_the_whole_stream((stream, cuts) in stream_and_cuts()) {
        let whole = parse_all(&stream, MAXIMUM_PACKET_SIZE);
        prop_assert_eq!(whole.0.concat(), &stream[..], "all bytes are in frames");
        prop_assert_eq!(read_all(&stream, &cuts, MAXIMUM_PACKET_SIZE), whole);
    }

    #[test]
    fn a_reader_stops_where_the_whole_stream_does(
        (stream, cuts) in mutated_stream_and_cuts(),
        maximum in prop_oneof![Just(MAXIMUM_PACKET_SIZE), 0..300u32],
    ) {
        let whole = parse_all(&stream, maximum);
        prop_assert_eq!(read_all(&stream, &cuts, maximum), whole, "{}", hex(&stream));
    }

    #[test]
    fn a_packet_is_refused_at_its_header_where_the_limit_is_one_byte_less(
        (version, owned) in packet(),
    ) {
        let bytes = owned.lend(|packet| encoded(packet, version))?;
        let size = u32::try_from(bytes.len()).unwrap();
        let frame = Frame::parse(&bytes, size).unwrap().map(|(frame, rest)| (frame.as_bytes(), rest));
        prop_assert_eq!(frame, Some((&bytes[..], &[][..])));
        prop_assert_eq!(read_all(&bytes, &[1], size), (vec![bytes.clone()], Ok(0)));

        let header = 2 + bytes[1..].iter().take_while(|byte| **byte >= 0x80).count();
        for len in [header, bytes.len()] {
            let error = Frame::parse(&bytes[..len], size - 1).unwrap_err();
            let refused = (error.violation(), error.offset());
            prop_assert_eq!(refused, (Violation::PacketTooLarge, 1), "{}", hex(&bytes[..len]));
            prop_assert_eq!(read_all(&bytes[..len], &[1], size - 1), (vec![], Err(error)));
        }
        // Before the whole header is there, nothing is known.
        prop_assert_eq!(Frame::parse(&bytes[..header - 1], 0), Ok(None));
        prop_assert_eq!(read_all(&bytes[..header - 1], &[], 0), (vec![], Ok(header - 1)));
    }
}

#[test]
fn a_new_limit_holds_for_packets_whose_header_has_not_been_read() {
    let mut reader = FrameReader::new(100);
    // The header of a PUBLISH of 12 bytes, then a lower limit, then its rest and another like it.
    let publish = *b"\x30\x0a\x00\x01tpayload";
    assert_eq!(reader.next(&mut &publish[..3]), Ok(None));
    reader.set_maximum_packet_size(11);
    let rest = [&publish[3..], &publish].concat();
    let mut piece = &rest[..];
    let frame = reader.next(&mut piece).map(|frame| frame.map(|frame| hex(frame.as_bytes())));
    assert_eq!(frame, Ok(Some(hex(&publish))), "its header was read under the higher limit");
    let error = reader.next(&mut piece).unwrap_err();
    assert_eq!((error.violation(), error.offset()), (Violation::PacketTooLarge, 1));
}

#[test]
fn a_first_byte_below_0x10_is_refused_before_anything_else_comes() {
    for first in 0..0x10 {
        let (frames, end) = read_all(&[first], &[], MAXIMUM_PACKET_SIZE);
        let error = end.unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::ReservedPacketType, 0));
        assert_eq!((frames, error.packet_type()), (vec![], None));
        assert_eq!(parse_all(&[first, 0], MAXIMUM_PACKET_SIZE), (vec![], Err(error)));
    }
}

#[test]
fn a_length_that_goes_on_after_its_fourth_byte_is_refused_at_once() {
    let header = [0xC0, 0x80, 0x80, 0x80, 0x80];
    for cuts in [&[][..], &[1, 2, 3]] {
        let (frames, end) = read_all(&header, cuts, MAXIMUM_PACKET_SIZE);
        let error = end.unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::VarintTooLong, 1));
        assert_eq!(parse_all(&header, MAXIMUM_PACKET_SIZE), (frames, Err(error)));
        assert_eq!(read_all(&header[..4], cuts, MAXIMUM_PACKET_SIZE), (vec![], Ok(4)));
    }
}
