//! MQTT as pure code: bytes and time go in, bytes and events come out. No socket, no thread, no clock.
//!
//! Three things can be had, of 3.1, 3.1.1 and 5.0: the codec, which allocates nothing, on it a client, and a
//! broker that serves all three side by side.
//!
//! # Layers
//!
//! Arrows point down only; each layer knows those below it and nothing else.
//!
//! ```text
//!                    broker     all connections and sessions of a server, who may do what
//!                    │    │
//!                    │    router     subscriptions, retained messages; no sockets, sessions or time
//!                    │
//! client          session      one end of a connection each: bytes + now in, bytes + events out
//!      │             │
//!      delivery            packet identifiers, the exchanges of QoS 1 and 2, what is sent again
//!         │
//!      packet              one struct per packet shape, borrowed: Publish<'a>, Connect<'a>, Ack<'a> …
//!         │
//!      codec               fixed header → Frame; fields, lists and the table of properties
//!         │
//!      base types          Version, QoS, PacketType, ReasonCode, PacketId, Topic, Message, Instant …
//! ```
//!
//! # The run loop
//!
//! A driver passes on what happens, then polls until there is nothing more to do for now. This one has a
//! [`Client`] and a [`Broker`] talk to each other in memory; with sockets and a clock it is two of these.
//!
//! ```
//! use mqtt_sansio::{
//!     Broker, BrokerConfig, BrokerEvent, BrokerOutput, Client, ClientConfig, ClientEvent, ClientOutput,
//!     Connect, Instant, Message, Permissions, QoS, Subscription, TopicFilter, Version,
//! };
//!
//! let now = Instant::from_millis(0);
//! let mut client = Client::new(ClientConfig::default());
//! let mut broker = Broker::new(now, BrokerConfig::default());
//! client.connect(now, &Connect::new(Version::V3_1_1, "thermometer"))?; // the socket is open
//! let connection = broker.open(now)?; // and so is its other end
//! client.subscribe(now, &[Subscription::new(TopicFilter::new("+/temp")?, QoS::AtLeastOnce)])?;
//! client.publish(now, Message::new("kitchen/temp", "20.5")?)?;
//! let mut segments = Vec::new();
//! loop {
//!     match client.poll_output() {
//!         ClientOutput::Transmit => {
//!             client.poll_transmit(now, &mut segments, 65_536); // then: write them
//!             segments.drain(..).for_each(|bytes| broker.handle_input(now, connection, &bytes));
//!         }
//!         ClientOutput::Event(ClientEvent::Message { message, .. }) => {
//!             assert_eq!(message.payload, "20.5");
//!             client.disconnect(now);
//!         }
//!         ClientOutput::Event(event) => println!("client: {event:?}"),
//!         ClientOutput::Close => client.handle_closed(now), // when the socket is closed
//!         ClientOutput::Wait(_) => match broker.poll_output() {
//!             BrokerOutput::Transmit(connection) => {
//!                 broker.poll_transmit(now, connection, &mut segments, 65_536);
//!                 segments.drain(..).for_each(|bytes| client.handle_input(now, &bytes));
//!             }
//!             BrokerOutput::Event(BrokerEvent::Connect { connection, .. }) => {
//!                 broker.accept(now, connection, Permissions::all()); // here passwords are looked at
//!             }
//!             BrokerOutput::Event(event) => println!("broker: {event:?}"),
//!             BrokerOutput::Close(connection) => broker.handle_closed(now, connection),
//!             BrokerOutput::Wait(_) => break, // for a socket, or for the earlier of two deadlines
//!         },
//!     }
//! }
//! assert_eq!(broker.statistics().packets.received.total().packets, 4); // the last was DISCONNECT
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The codec alone
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
//! * **Panic-free and bounded.** No input panics, no memory is reserved on the word of a length field, and
//!   everything kept for a peer has a limit with a stated policy ([`BrokerConfig`], [`SessionConfig`],
//!   [`RouterConfig`], [`ClientConfig`]).
//! * **Deterministic.** The same calls give the same bytes and events, whatever the hash seed is.
//! * **Features:** `std` (default) ⊃ `alloc` ([`Client`], [`Broker`], [`FrameReader`], [`Packet::encode_to`]) ⊃
//!   nothing: the rest needs no allocator. `arbitrary` implements `arbitrary::Arbitrary`, `serde` makes
//!   a [`ClientSession`], and what it is made of, something to write down.
//!
//! # Not supported
//!
//! * A broker that outlives its process: sessions and retained messages are kept in memory only.
//! * The load averages and heap sizes among mosquitto's `$SYS` topics.
//! * WebSocket framing: give this crate the bytes inside the binary frames. [MQTT-6.0.0-1]
//! * The modified UTF-8 of 3.1 peers written in Java (`C0 80`, surrogate pairs): refused like any other
//!   ill-formed UTF-8.
//! * Bridge protocol levels (131, 132): refused as unsupported.
//! * Telling in 3.1 that a server has lost the session: its CONNACK cannot say so. A client that resumes there
//!   takes the session as found, and a new QoS 2 message with the identifier of one that was never
//!   released counts as its repetition.
//!
//! # Design decisions
//!
//! * Lists and properties hold wire bytes or a slice in one non-generic representation, so that packets
//!   are covariant in their lifetime.
//! * The return codes of CONNACK before 5.0 are [`ReasonCode`]s: they mean the same under other numbers.
//! * A connection begins with [`Client::connect`] and the borrowed [`Connect`] packet once the transport
//!   is open: no second form of its fields, and no separate word that the transport is there.
//! * A broker's messages wait as [`Message`]s and are encoded when they are pulled: a copy of topic and payload
//!   beside a fixed header costs less than looking for one that was encoded for somebody else. Payloads from
//!   1 KiB on are never copied.
//! * What comes before a session, [`Handshake`], is a type of its own: it cannot receive anything but a
//!   CONNECT, and a [`Session`] cannot be without one. [`Broker::open`] needs no address of the peer: the
//!   driver knows it by the [`ConnectionId`].
//! * A message waits for a client of 5.0 as for any other. What only 5.0 has (identifiers of subscriptions, the
//!   shared subscription it came for) hangs on few of them, and aliases, expiry and limits are looked at when it
//!   is pulled: clients of older versions pay for none of it.
//! * What a server says in CONNACK beside its configuration is a slice of [`Property`]: they are the
//!   specification's words, and what may not be said is an error.
//! * `hashbrown` and `foldhash` are there for hash tables without `std`, keyed by a seed of the program's.
//! * Who may send what is asked apart from decoding ([`Packet::check_sender`]): tools read either side.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
#[cfg(feature = "alloc")]
mod broker;
#[cfg(feature = "alloc")]
mod client;
mod codec;
#[cfg(feature = "alloc")]
mod delivery;
#[cfg(feature = "alloc")]
mod message;
#[cfg(feature = "alloc")]
mod message_properties;
#[cfg(feature = "alloc")]
mod owned_properties;
mod packet;
mod packet_id;
mod packet_type;
mod qos;
mod reason;
#[cfg(feature = "alloc")]
mod router;
#[cfg(feature = "alloc")]
mod session;
#[cfg(feature = "alloc")]
mod statistics;
mod text;
mod time;
mod topic;
mod version;
mod violation;

#[cfg(feature = "alloc")]
pub use broker::{
    Access, Broker, BrokerConfig, BrokerError, BrokerEvent, BrokerOutput, BrokerStatistics,
    ConnectionId, Permissions, TooManyConnections,
};
#[cfg(feature = "alloc")]
pub use client::{
    Answer, Client, ClientConfig, ClientEvent, ClientOutput, ClientSession, CommandError,
    ConnectError, DisconnectReason, Handle, NotSent, PublishOutcome, RequestOutcome, ServerFault,
    Terms, Token,
};
#[cfg(feature = "alloc")]
pub use codec::FrameReader;
pub use codec::{
    DecodeError, EncodeError, Field, Frame, Item, List, ListIter, MAXIMUM_PACKET_SIZE,
    PayloadFormat, Properties, Property, PropertyId, SubscriptionIdentifier, TopicAlias,
    UserProperty,
};
#[cfg(feature = "alloc")]
pub use message::{Filter, Message, Topic};
#[cfg(feature = "alloc")]
pub use message_properties::MessageProperties;
#[cfg(feature = "alloc")]
pub use owned_properties::OwnedProperties;
pub use packet::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, Publish, RetainHandling, SubAck,
    Subscribe, Subscription, UnsubAck, Unsubscribe, Will,
};
pub use packet_id::PacketId;
pub use packet_type::{PacketType, Sender};
pub use qos::{InvalidQoS, QoS};
pub use reason::{ReasonCode, UnknownReasonCode};
#[cfg(feature = "alloc")]
pub use router::{
    GroupId, Identifiers, Match, Matches, Member, RetainError, RetainedSearch, Router,
    RouterConfig, SubscribeError, SubscriberId,
};
#[cfg(feature = "alloc")]
pub use session::{
    AcceptError, AuthenticationError, ClientFault, CloseReason, ConnectRequest, Dropped,
    FeatureConfig, Handshake, HandshakeConfig, HandshakeEvent, Rejection, Session, SessionConfig,
    SessionEvent, SessionOutput, SubscriptionRequest,
};
#[cfg(feature = "alloc")]
pub use statistics::{Count, Counts, Statistics};
pub use time::Instant;
pub use topic::{Share, TopicFilter, TopicName};
pub use version::{UnknownVersion, Version};
pub use violation::Violation;

/// The README's examples, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadmeDoctests;
