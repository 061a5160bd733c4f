//! The packets in a stream of bytes.

use mqtt_sansio::{
    DecodeError, Frame, MAXIMUM_PACKET_SIZE, Packet, PacketType, ReasonCode, Sender, Version,
};

/// What there is at one place of a stream; after anything but a packet, the stream is over.
pub(crate) enum Found<'a> {
    Packet { packet: Packet<'a>, version: Version, bytes: &'a [u8] },
    Bad(Fault),
    Unfinished { offset: usize, missing: usize },
}

pub(crate) struct Fault {
    pub(crate) sentence: String,
    pub(crate) offset: usize,
    /// What MQTT calls it, where it is a fault of the one who sent the stream.
    pub(crate) reason_code: Option<ReasonCode>,
}

impl Fault {
    /// A fault of hex or of a capture.
    pub(crate) fn in_input(sentence: String, offset: usize) -> Fault {
        Fault { sentence, offset, reason_code: None }
    }

    fn in_packet(error: DecodeError, packet_offset: usize) -> Fault {
        Fault {
            sentence: error.to_string(),
            offset: packet_offset + error.offset() as usize,
            reason_code: Some(error.reason_code()),
        }
    }
}

/// What is found in a stream, each with the offset it ends at.
pub(crate) struct Packets<'a> {
    rest: &'a [u8],
    offset: usize,
    gap: usize,
    version: Version,
    version_is_fixed: bool,
    from: Option<Sender>,
}

impl<'a> Packets<'a> {
    /// Of bytes that so many missing ones come after; in that version, or else in that of the stream's
    /// CONNECT, or in 3.1.1. With a sender, what this one must not send is bad.
    pub(crate) fn new(
        bytes: &'a [u8],
        gap: usize,
        version: Option<Version>,
        from: Option<Sender>,
    ) -> Packets<'a> {
        Packets {
            rest: bytes,
            offset: 0,
            gap,
            version: version.or_else(|| version_of_connect(bytes)).unwrap_or(Version::V3_1_1),
            version_is_fixed: version.is_some(),
            from,
        }
    }

    fn decode(&mut self, frame: Frame<'a>) -> Result<Found<'a>, DecodeError> {
        let packet = match self.from {
            Some(sender) => Packet::decode_from(sender, frame, self.version)?,
            None => Packet::decode(frame, self.version)?,
        };
        let version = match &packet {
            Packet::Connect(connect) => connect.version,
            _ => self.version,
        };
        if !self.version_is_fixed {
            self.version = version;
        }
        Ok(Found::Packet { packet, version, bytes: frame.as_bytes() })
    }

    /// What the end of the stream leaves open.
    fn end(&mut self, beginning: &[u8]) -> Option<(usize, Found<'a>)> {
        let end = self.offset + beginning.len();
        match std::mem::take(&mut self.gap) {
            0 if beginning.is_empty() => None,
            0 => {
                let missing = missing(beginning);
                Some((end, Found::Unfinished { offset: self.offset, missing }))
            }
            gap => {
                let sentence = format!(
                    "gap in the captured TCP stream (bytes missing: {gap}), the rest is left out"
                );
                Some((end + gap, Found::Bad(Fault::in_input(sentence, end))))
            }
        }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = (usize, Found<'a>);

    fn next(&mut self) -> Option<(usize, Found<'a>)> {
        let packet_offset = self.offset;
        let rest = std::mem::take(&mut self.rest);
        let error = match Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            Ok(Some((frame, rest))) => {
                self.offset += frame.as_bytes().len();
                match self.decode(frame) {
                    Ok(found) => {
                        self.rest = rest;
                        return Some((self.offset, found));
                    }
                    Err(error) => error,
                }
            }
            Ok(None) => return self.end(rest),
            Err(error) => {
                // A fixed header has five bytes at most.
                self.offset += rest.len().min(5);
                error
            }
        };
        self.gap = 0;
        Some((self.offset, Found::Bad(Fault::in_packet(error, packet_offset))))
    }
}

/// The least number of bytes after which the packet that begins so could be whole.
fn missing(beginning: &[u8]) -> usize {
    let mut remaining_length = 0;
    for (index, byte) in beginning.iter().skip(1).enumerate() {
        remaining_length |= usize::from(byte & 0x7F) << (7 * index);
        if *byte < 0x80 {
            return 2 + index + remaining_length - beginning.len();
        }
    }
    1 + remaining_length
}

/// The version that the first CONNECT of a stream asks for, even if the rest of it is bad.
pub(crate) fn version_of_connect(mut bytes: &[u8]) -> Option<Version> {
    while let Ok(Some((frame, rest))) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE) {
        if frame.packet_type() == Some(PacketType::Connect) {
            let (_, protocol) = frame.body().split_at_checked(2)?;
            return Version::ALL.into_iter().find(|version| {
                let after_name = protocol.strip_prefix(version.protocol_name().as_bytes());
                after_name.and_then(<[u8]>::first) == Some(&version.level())
            });
        }
        bytes = rest;
    }
    None
}
