//! A stream of packets, in pieces of any size.

use mqtt_sansio::{DecodeError, Frame, FrameReader, MAXIMUM_PACKET_SIZE, Violation};

use super::{assert_bytes, hex};

/// The maximum packet sizes that an input can choose.
const LIMITS: [u32; 7] = [MAXIMUM_PACKET_SIZE, u32::MAX, 0, 2, 16, 64, 130];

/// Four bytes choose: a limit, another, after how many pieces that takes its place, and how many bytes
/// follow that say how long each piece is; what is left is the stream. However it is cut, it gives the
/// frames that it gives as a whole.
pub fn framing(data: &[u8]) {
    let [first, then, pieces_before, pieces, rest @ ..] = data else {
        return;
    };
    let limit = |choice: &u8| LIMITS[usize::from(*choice) % LIMITS.len()];
    let (lengths, stream) = rest.split_at(usize::from(*pieces).min(rest.len()));
    let lengths = lengths.iter().map(|length| usize::from(*length));
    let changed_at = lengths.clone().take(usize::from(*pieces_before)).sum();
    let limits = Limits { first: limit(first), then: limit(then), changed_at };
    let expected = Expected::of(stream, &limits);
    whole(stream, &expected);
    in_pieces(stream, &limits, &expected, lengths);
    in_pieces(stream, &limits, &expected, std::iter::repeat_n(1, stream.len()));
}

/// The maximum packet size, which changes when so many bytes have come.
struct Limits {
    first: u32,
    then: u32,
    changed_at: usize,
}

impl Limits {
    /// What holds for a packet whose fixed header is complete with that many bytes.
    fn at(&self, len: usize) -> u32 {
        if len <= self.changed_at { self.first } else { self.then }
    }
}

/// What a stream holds, by a reading of the fixed header of its own.
struct Expected {
    /// Where each frame ends.
    ends: Vec<usize>,
    /// The limit that holds for each, and for what follows them.
    limits: Vec<u32>,
    /// What is wrong after the last frame, and how much of the stream it takes to see it.
    fault: Option<(Violation, usize)>,
}

impl Expected {
    fn of(stream: &[u8], limits: &Limits) -> Expected {
        let mut expected = Expected { ends: Vec::new(), limits: Vec::new(), fault: None };
        let mut start = 0;
        loop {
            let rest = &stream[start..];
            let length = rest.get(1..).unwrap_or_default();
            let last = length.iter().take(4).position(|byte| *byte < 0x80);
            let header = 2 + last.unwrap_or(3);
            let limit = limits.at(start + header);
            expected.limits.push(limit);
            let remaining = length.iter().take(header - 1).rev();
            let remaining = remaining.fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7F));
            let size = header as u64 + remaining;
            let fault = match last {
                _ if rest.first().is_some_and(|first| *first < 0x10) => {
                    Some((Violation::ReservedPacketType, 1))
                }
                None if length.len() >= 4 => Some((Violation::VarintTooLong, 5)),
                Some(_) if size > u64::from(limit) => Some((Violation::PacketTooLarge, header)),
                _ => None,
            };
            expected.fault = fault.map(|(violation, seen)| (violation, start + seen));
            if fault.is_some() || last.is_none() || size > rest.len() as u64 {
                return expected;
            }
            start += usize::try_from(size).unwrap();
            expected.ends.push(start);
        }
    }

    /// How many frames the first `len` bytes hold.
    fn frames(&self, len: usize) -> usize {
        self.ends.partition_point(|end| *end <= len)
    }

    fn end(&self, frames: usize) -> usize {
        frames.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    fn check_fault(&self, error: DecodeError, len: usize, stream: &[u8]) {
        let Some((violation, seen)) = self.fault else {
            panic!("{}: {error}", hex(stream));
        };
        let offset = u32::from(violation != Violation::ReservedPacketType);
        assert_eq!((error.violation(), error.offset()), (violation, offset), "{}", hex(stream));
        assert!(len >= seen, "{}: {error} after {len} bytes", hex(stream));
    }
}

fn whole(stream: &[u8], expected: &Expected) {
    let mut rest = stream;
    for (index, (end, limit)) in expected.ends.iter().zip(&expected.limits).enumerate() {
        match Frame::parse(rest, *limit) {
            Ok(Some((frame, after))) => {
                let what = || format!("{}, frame {index}", hex(stream));
                assert_bytes(frame.as_bytes(), &stream[expected.end(index)..*end], what);
                assert_bytes(after, &stream[*end..], what);
                rest = after;
            }
            other => panic!("{}, frame {index}: {other:?}", hex(stream)),
        }
    }
    match Frame::parse(rest, expected.limits[expected.ends.len()]) {
        Ok(None) => assert_eq!(expected.fault, None, "{}", hex(stream)),
        Ok(Some((frame, _))) => panic!("{}: {frame:?}", hex(stream)),
        Err(error) => expected.check_fault(error, stream.len(), stream),
    }
}

fn in_pieces(
    stream: &[u8],
    limits: &Limits,
    expected: &Expected,
    lengths: impl Iterator<Item = usize>,
) {
    let mut reader = FrameReader::new(limits.first);
    let (mut fed, mut frames) = (0, 0);
    let lengths = lengths.chain([stream.len()]);
    for length in lengths {
        if fed >= limits.changed_at {
            reader.set_maximum_packet_size(limits.then);
        }
        let end = (fed + length).min(stream.len());
        let mut piece = &stream[fed..end];
        fed = end;
        loop {
            match reader.next(&mut piece) {
                Ok(Some(frame)) => {
                    let start = expected.end(frames);
                    assert!(frames < expected.ends.len(), "{}: {frame:?}", hex(stream));
                    let bytes = &stream[start..expected.ends[frames]];
                    let what = || format!("{}, frame {frames}", hex(stream));
                    assert_bytes(frame.as_bytes(), bytes, what);
                    assert!(bytes.ends_with(frame.body()), "{}: {frame:?}", hex(stream));
                    frames += 1;
                    assert_eq!(fed - piece.len(), expected.end(frames), "{}", hex(stream));
                    assert_eq!(reader.pending(), 0, "{}", hex(stream));
                }
                Ok(None) => {
                    assert!(piece.is_empty(), "{}: {} bytes left", hex(stream), piece.len());
                    assert_eq!(frames, expected.frames(fed), "{} up to {fed}", hex(stream));
                    assert_eq!(reader.pending(), fed - expected.end(frames), "{}", hex(stream));
                    let seen = expected.fault.map_or(usize::MAX, |(_, seen)| seen);
                    assert!(fed < seen, "{}: nothing wrong after {fed} bytes", hex(stream));
                    break;
                }
                Err(error) => {
                    assert_eq!(frames, expected.ends.len(), "{}: {error}", hex(stream));
                    expected.check_fault(error, fed, stream);
                    assert_eq!(reader.next(&mut piece), Err(error), "{}", hex(stream));
                    return;
                }
            }
        }
    }
    assert_eq!(fed, stream.len());
}
