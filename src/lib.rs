//! MQTT.
#![no_std]

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
