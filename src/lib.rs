//! MQTT 3.1, 3.1.1 and 5.0 as pure code: bytes go in, packets come out, and back. No socket, no thread,
//! no clock; no allocation to decode or to encode.
//!
//! # Layers
//!
//! Arrows point down only; each layer knows those below it and nothing else.
//!
//! ```text
//! packet       one struct per packet shape, borrowed: Publish<'a>, Connect<'a>, Ack<'a> …
//!   │
//! codec        fixed header → Frame; fields, lists and the table of properties
//!   │
//! base types   Version, QoS, ReasonCode, PacketId, TopicName, TopicFilter
//! ```
//!
//! # The run loop
//!
//! Bytes come in pieces of any size; [`FrameReader`] gives whole packets, [`Packet::decode_from`] reads
//! one and checks that this side may send it, [`Packet::encode`] writes the answer.
//!
//! ```
//! use mqtt_sansio::{Ack, ConnAck, Delivery, FrameReader, Packet, Sender, Version};
//!
//! # let received: [&[u8]; 2] = [b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a\x32", b"\x06\0\x01t\0\x07x"];
//! let mut reader = FrameReader::new(65_536);
//! let mut version = Version::V3_1_1;
//! let mut to_send = Vec::new();
//! for mut piece in received {
//!     while let Some(frame) = reader.next(&mut piece)? {
//!         match Packet::decode_from(Sender::Client, frame, version)? {
//!             Packet::Connect(connect) => {
//!                 version = connect.version;
//!                 Packet::from(ConnAck::accepted(false)).encode_to(version, &mut to_send)?;
//!             }
//!             Packet::Publish(publish) => {
//!                 println!("{}: {:?}", publish.topic, publish.payload);
//!                 if let Delivery::AtLeastOnce { packet_id, .. } = publish.delivery {
//!                     Packet::PubAck(Ack::new(packet_id)).encode_to(version, &mut to_send)?;
//!                 }
//!             }
//!             other => println!("{other}"),
//!         }
//!     }
//! }
//! assert_eq!(to_send, [0x20, 0x02, 0x00, 0x00, 0x40, 0x02, 0x00, 0x07]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What to know
//!
//! * **Borrowed both ways.** A decoded [`Packet`] borrows the bytes it came in, one to be encoded borrows
//!   what it was made of: the same types, for all versions.
//! * **Strict.** What the specification lets a decoder check is checked, and the rule that was broken is
//!   named with its place ([`DecodeError`]). The encoder refuses what the decoder would.
//! * **Canonical**, but for what 5.0 may spell in several ways and what 3.1 and 3.1.1 do not look at.
//!   These decode and are written in the shortest form: acknowledgements and DISCONNECT of 5.0 that spell
//!   out a success or empty properties; a remaining length with more bytes than it needs before
//!   5.0; and in 3.1 the unused bits (header flags outside PUBLISH, DUP at QoS 0, reserved connect flag,
//!   will QoS and retain without a will, the first byte of CONNACK, the upper bits of a requested or granted QoS)
//!   and the flags of a user name or password that the packet ends before. A SUBACK of 3.1 with the failure
//!   code of 3.1.1, which servers send, decodes and is not written at all.
//! * **Panic-free and bounded.** No input panics, no memory is reserved on the word of a length field.
//! * **Features:** `std` (default) ⊃ `alloc` ([`FrameReader`], [`Packet::encode_to`]) ⊃ nothing: the rest
//!   needs no allocator. `arbitrary` implements `arbitrary::Arbitrary`.
//!
//! # Not supported
//!
//! * Client and broker state machines: this release is the codec.
//! * WebSocket framing: give this crate the bytes inside the binary frames. [MQTT-6.0.0-1]
//! * The modified UTF-8 of 3.1 peers written in Java (`C0 80`, surrogate pairs): refused like any other
//!   ill-formed UTF-8.
//! * Bridge protocol levels (131, 132): refused as unsupported.
//!
//! # Where the design was changed
//!
//! * Lists and properties hold wire bytes or a slice in one non-generic representation, so that packets
//!   are covariant in their lifetime.
//! * The return codes of CONNACK before 5.0 are [`ReasonCode`]s: they mean the same under other numbers.
//! * Who may send what is asked apart from decoding ([`Packet::check_sender`]): tools read either side.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
mod codec;
mod packet;
mod packet_id;
mod qos;
mod reason;
mod topic;
mod version;

#[cfg(feature = "alloc")]
pub use codec::FrameReader;
pub use codec::{
    DecodeError, EncodeError, Field, Frame, Item, List, ListIter, MAXIMUM_PACKET_SIZE,
    PayloadFormat, Properties, Property, PropertyId, SubscriptionIdentifier, TopicAlias,
    UserProperty, Violation,
};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, PacketType, Publish, RetainHandling,
    Sender, SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe, Will,
};
pub use packet_id::PacketId;
pub use qos::{InvalidQoS, QoS};
pub use reason::{ReasonCode, UnknownReasonCode};
pub use topic::{Share, TopicFilter, TopicName};
pub use version::{UnknownVersion, Version};

/// The README's examples, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadmeDoctests;
