//! What a codec has to offer to be measured, and how it is put to work.

use std::hint::black_box;

use crate::model::Message;
use crate::reference;
use crate::sink::{Reader, Recorder, Sink};
use crate::workload::{CHUNK, Row, Task, Traffic};

/// The size of the output of an encoder, which holds any traffic of the workload.
pub const OUTPUT_BYTES: usize = 2 << 20;

/// An encoder and a decoder of one protocol version, with the buffers that they work on.
pub trait Codec: Default + 'static {
    /// A packet as the encoder takes it.
    type Packet<'a>;

    /// What the encoder does with the payload of a large packet.
    const LARGE_PAYLOADS: LargePayloads = LargePayloads::Copied;

    /// Empties the input of the decoder. Not timed.
    fn reset(&mut self);

    /// Appends to the input of the decoder. Timed only in the row that feeds a stream in parts;
    /// elsewhere the decoder finds its input in place, as after a read from the network.
    fn append(&mut self, bytes: &[u8]);

    /// Decodes all complete packets of the input, gives every field of theirs to `sink`, takes
    /// them off the input and returns their number. Timed.
    fn decode<S: Sink>(&mut self, sink: &mut S) -> usize;

    /// Decodes all complete packets of the input and of `part`, which comes after it. Timed.
    #[inline]
    fn feed<S: Sink>(&mut self, part: &[u8], sink: &mut S) -> usize {
        self.append(part);
        self.decode(sink)
    }

    /// Builds a packet, or returns `None` if this codec has no such packet. Not timed.
    fn packet(message: &Message) -> Option<Self::Packet<'_>>;

    /// Prepares `packet` for being encoded `times` times, if the encoder consumes what it encodes.
    /// Not timed.
    fn restore(_packet: &mut Self::Packet<'_>, _times: usize) {}

    /// Empties the output of the encoder. Timed.
    fn clear(&mut self);

    /// Encodes `packet` at the end of the output. Timed.
    fn encode(&mut self, packet: &mut Self::Packet<'_>);

    /// Encodes `packet` over what the output held before. Timed.
    #[inline]
    fn encode_over(&mut self, packet: &mut Self::Packet<'_>) {
        self.clear();
        self.encode(packet);
    }

    /// Encodes all of `packet` but its payload over what the output held before. Timed.
    #[inline]
    fn encode_header_over(&mut self, packet: &mut Self::Packet<'_>) {
        self.encode_over(packet);
    }

    /// The output of the encoder. Not timed.
    fn output(&mut self) -> Vec<u8>;
}

/// What an encoder does with the payload of a large packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LargePayloads {
    /// Copies it to the output.
    Copied,
    /// Copies it, unless only the header is asked for.
    CopiedOrLeft,
    /// Leaves it where it is, and puts that place in the output.
    Left,
}

/// A batch of packets to decode or to encode.
///
/// It is called through a trait object, so that there is one virtual call to a batch.
pub trait Job {
    /// Compares the results with what they have to be.
    fn check(&mut self) -> Result<(), String>;

    /// Puts everything in place for `run`. Not timed.
    fn prepare(&mut self);

    /// Does the work. Timed.
    fn run(&mut self);
}

/// The job of the codec `C` in a row, or `None` if the codec cannot do it.
pub fn job<C: Codec>(row: &Row) -> Option<Box<dyn Job + '_>> {
    let traffic = &*row.traffic;
    let packets = || -> Option<Vec<_>> { traffic.messages.iter().map(C::packet).collect() };
    Some(match row.task {
        Task::Decode => Box::new(Decode::<C> {
            row,
            codec: C::default(),
            input: traffic.wire.repeat(row.copies),
        }),
        Task::DecodeChunks => Box::new(DecodeChunks::<C> { row, codec: C::default() }),
        Task::EncodeEach if row.is_large() && C::LARGE_PAYLOADS == LargePayloads::Left => {
            return None;
        }
        Task::EncodeHeader if C::LARGE_PAYLOADS == LargePayloads::Copied => return None,
        Task::EncodeEach | Task::EncodeHeader => {
            Box::new(EncodeEach::<C> { row, codec: C::default(), packets: packets()? })
        }
        Task::EncodeStream => {
            Box::new(EncodeStream::<C> { row, codec: C::default(), packets: packets()? })
        }
    })
}

struct Decode<'r, C> {
    row: &'r Row,
    codec: C,
    input: Vec<u8>,
}

impl<C: Codec> Job for Decode<'_, C> {
    fn check(&mut self) -> Result<(), String> {
        self.prepare();
        let mut recorder = Recorder::default();
        let packets = self.codec.decode(&mut recorder);
        check_decoded(self.row, packets, recorder)
    }

    fn prepare(&mut self) {
        self.codec.reset();
        self.codec.append(black_box(&self.input));
    }

    fn run(&mut self) {
        let packets = self.codec.decode(&mut Reader);
        assert_eq!(packets, self.row.packets());
    }
}

struct DecodeChunks<'r, C> {
    row: &'r Row,
    codec: C,
}

impl<C: Codec> DecodeChunks<'_, C> {
    #[inline]
    fn feed(&mut self, sink: &mut impl Sink) -> usize {
        let mut packets = 0;
        for chunk in black_box(&self.row.traffic.wire).chunks(CHUNK) {
            packets += self.codec.feed(chunk, sink);
        }
        packets
    }
}

impl<C: Codec> Job for DecodeChunks<'_, C> {
    fn check(&mut self) -> Result<(), String> {
        self.prepare();
        let mut recorder = Recorder::default();
        let packets = self.feed(&mut recorder);
        check_decoded(self.row, packets, recorder)
    }

    fn prepare(&mut self) {
        self.codec.reset();
    }

    fn run(&mut self) {
        let packets = self.feed(&mut Reader);
        assert_eq!(packets, self.row.packets());
    }
}

fn check_decoded(row: &Row, packets: usize, recorder: Recorder) -> Result<(), String> {
    if packets != row.packets() {
        return Err(format!("{packets} packets instead of {}", row.packets()));
    }
    let mut expected = Recorder::default();
    for _ in 0..row.copies {
        for message in &row.traffic.messages {
            message.visit(&mut expected);
        }
    }
    if recorder.into_record() != expected.into_record() {
        return Err("fields differ".into());
    }
    Ok(())
}

struct EncodeEach<'r, C: Codec> {
    row: &'r Row,
    codec: C,
    packets: Vec<C::Packet<'r>>,
}

impl<C: Codec> Job for EncodeEach<'_, C> {
    fn check(&mut self) -> Result<(), String> {
        check_encoded(&mut self.codec, &mut self.packets, &self.row.traffic)
    }

    fn prepare(&mut self) {
        for packet in &mut self.packets {
            C::restore(packet, self.row.copies);
        }
    }

    fn run(&mut self) {
        for packet in &mut self.packets {
            if self.row.task == Task::EncodeHeader {
                for _ in 0..self.row.copies {
                    self.codec.encode_header_over(black_box(packet));
                    black_box(&self.codec);
                }
                continue;
            }
            for _ in 0..self.row.copies {
                self.codec.encode_over(black_box(packet));
                black_box(&self.codec);
            }
        }
    }
}

struct EncodeStream<'r, C: Codec> {
    row: &'r Row,
    codec: C,
    packets: Vec<C::Packet<'r>>,
}

impl<C: Codec> Job for EncodeStream<'_, C> {
    fn check(&mut self) -> Result<(), String> {
        check_encoded(&mut self.codec, &mut self.packets, &self.row.traffic)?;
        self.prepare();
        self.run();
        if self.codec.output() != self.row.traffic.wire {
            return Err("the streams differ".into());
        }
        Ok(())
    }

    fn prepare(&mut self) {
        for packet in &mut self.packets {
            C::restore(packet, 1);
        }
    }

    fn run(&mut self) {
        self.codec.clear();
        for packet in black_box(&mut self.packets) {
            self.codec.encode(packet);
        }
        black_box(&self.codec);
    }
}

fn check_encoded<'r, C: Codec>(
    codec: &mut C,
    packets: &mut [C::Packet<'r>],
    traffic: &'r Traffic,
) -> Result<(), String> {
    for (packet, message) in packets.iter_mut().zip(&traffic.messages) {
        C::restore(packet, 1);
        codec.clear();
        codec.encode(packet);
        let output = codec.output();
        if !reference::is_encoding_of(&output, message, traffic.version) {
            let expected = reference::encode(message, traffic.version);
            return Err(format!("{output:02x?} instead of {expected:02x?}"));
        }
    }
    Ok(())
}
