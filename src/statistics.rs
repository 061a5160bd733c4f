//! Counts of what was sent and received.

use crate::packet_type::PacketType;

/// Packets and bytes of one packet type, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many packets.
    pub packets: u64,
    /// How many bytes they took, fixed headers included.
    pub bytes: u64,
}

/// Packets and bytes per packet type, one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([Count; 16]);

impl Counts {
    /// Those of one packet type.
    #[must_use]
    pub fn of(&self, packet: PacketType) -> Count {
        self.0.get(usize::from(packet as u8)).copied().unwrap_or_default()
    }

    /// Those of all packet types together.
    #[must_use]
    pub fn total(&self) -> Count {
        self.0.iter().fold(Count::default(), |sum, count| Count {
            packets: sum.packets + count.packets,
            bytes: sum.bytes + count.bytes,
        })
    }

    /// How many PUBACK and PUBCOMP: each ends an exchange of the other side's.
    pub(crate) fn exchanges_ended(&self) -> u64 {
        self.of(PacketType::PubAck).packets + self.of(PacketType::PubComp).packets
    }

    pub(crate) fn add(&mut self, first_byte: u8, bytes: usize) {
        if let Some(count) = self.0.get_mut(usize::from(first_byte >> 4)) {
            count.packets += 1;
            count.bytes += bytes as u64;
        }
    }
}

/// What was sent and received, since the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// What was handed out to be sent.
    pub sent: Counts,
    /// What was received and decoded.
    pub received: Counts,
}
