//! Where the fields of a decoded packet go.
//!
//! Every codec hands each field of each packet to a [`Sink`], so no decoder gains from leaving a
//! field unread. While the clock runs the sink is a [`Reader`], which only keeps the optimiser
//! from dropping the value. Before that, a [`Recorder`] writes down what it is given, and the
//! record has to be the same for every codec.

use std::hint::black_box;

use crate::model::{Connect, PacketType, Property};

/// Takes the fields of decoded packets, one packet after the other.
///
/// The required methods take single values. The provided ones fix the order of the fields of a
/// packet type, so that all codecs report them alike.
pub trait Sink {
    /// Takes a number, a flag or an enumeration.
    fn number(&mut self, value: u32);

    /// Takes a string or binary data.
    fn bytes(&mut self, value: &[u8]);

    /// Takes one property. The properties of a packet may come in any order.
    fn property(&mut self, property: Property<'_>);

    /// Ends the properties of a packet.
    fn end_of_properties(&mut self) {}

    /// Takes a packet that has no fields, or the type of a packet whose fields follow.
    #[inline(always)]
    fn packet(&mut self, packet_type: PacketType) {
        self.number(packet_type as u32);
    }

    /// Takes a packet that has nothing but an identifier, or the head of one that has more.
    #[inline(always)]
    fn identified(&mut self, packet_type: PacketType, id: u16) {
        self.packet(packet_type);
        self.number(id.into());
    }

    /// Takes a PUBLISH without its properties. `id` is 0 at `QoS` 0.
    #[inline(always)]
    fn publish(&mut self, qos: u8, dup: bool, retain: bool, id: u16, topic: &[u8], payload: &[u8]) {
        self.identified(PacketType::Publish, id);
        self.number(qos.into());
        self.number(dup.into());
        self.number(retain.into());
        self.bytes(topic);
        self.bytes(payload);
    }

    /// Takes a CONNECT.
    #[inline(always)]
    fn connect<T: AsRef<[u8]>>(&mut self, connect: Connect<'_, T>) {
        self.packet(PacketType::Connect);
        self.number(connect.keep_alive.into());
        self.number(connect.clean_session.into());
        self.bytes(connect.client_id.as_bytes());
        if let Some(will) = connect.will {
            self.number(will.qos.into());
            self.number(will.retain.into());
            self.bytes(will.topic.as_ref());
            self.bytes(will.message);
        }
        if let Some(user_name) = connect.user_name {
            self.bytes(user_name.as_bytes());
        }
        if let Some(password) = connect.password {
            self.bytes(password);
        }
    }

    /// Takes one topic filter of a SUBSCRIBE and the `QoS` that it asks for.
    #[inline(always)]
    fn filter(&mut self, filter: impl AsRef<[u8]>, qos: u8) {
        self.bytes(filter.as_ref());
        self.number(qos.into());
    }
}

/// Reads every field and does nothing with it.
pub struct Reader;

impl Sink for Reader {
    #[inline(always)]
    fn number(&mut self, value: u32) {
        black_box(value);
    }

    #[inline(always)]
    fn bytes(&mut self, value: &[u8]) {
        black_box(value);
    }

    #[inline(always)]
    fn property(&mut self, property: Property<'_>) {
        match property {
            Property::PayloadFormat(value) => self.number(value.into()),
            Property::MessageExpiry(value) => self.number(value),
            Property::ContentType(value) => self.bytes(value.as_bytes()),
            Property::User(name, value) => {
                self.bytes(name.as_bytes());
                self.bytes(value.as_bytes());
            }
        }
    }
}

/// Writes down every field, for the comparison with what was to be decoded.
#[derive(Default)]
pub struct Recorder {
    record: Vec<u8>,
    properties: Vec<String>,
}

impl Recorder {
    /// What was written down.
    pub fn into_record(self) -> Vec<u8> {
        self.record
    }
}

impl Sink for Recorder {
    fn number(&mut self, value: u32) {
        self.record.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.record.extend(value.len().to_le_bytes());
        self.record.extend(value);
    }

    fn property(&mut self, property: Property<'_>) {
        self.properties.push(format!("{property:?}"));
    }

    fn end_of_properties(&mut self) {
        self.properties.sort();
        for property in std::mem::take(&mut self.properties) {
            self.bytes(property.as_bytes());
        }
    }
}
