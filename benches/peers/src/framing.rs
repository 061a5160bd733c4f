//! Finding packet boundaries, for the codecs that leave this to their user.

/// The length of the packet at the start of `bytes`, once all of it is there.
#[inline]
pub fn packet_len(bytes: &[u8]) -> Option<usize> {
    let mut remaining = 0;
    for (i, &byte) in bytes.get(1..)?.iter().take(4).enumerate() {
        remaining |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            let length = 2 + i + remaining;
            return (length <= bytes.len()).then_some(length);
        }
    }
    None
}

/// The input of a decoder that reads from a slice: whole packets, then perhaps a part of one.
#[derive(Default)]
pub struct Input(Vec<u8>);

impl Input {
    /// Drops all bytes.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Calls `next` with the bytes from the start of each packet on. `next` decodes a packet and
    /// returns its length, or `None` if the packet is not complete. Returns the number of packets.
    #[inline]
    pub fn decode(&mut self, mut next: impl FnMut(&[u8]) -> Option<usize>) -> usize {
        let mut packets = 0;
        let mut start = 0;
        while start < self.0.len() {
            let Some(length) = next(&self.0[start..]) else {
                break;
            };
            start += length;
            packets += 1;
        }
        self.0.drain(..start);
        packets
    }
}
