//! CONNECT, with bytes of its own.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;

use crate::codec::{Properties, Property, PropertyId};
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet::{Connect, Delivery, Publish, Will};
use crate::packet_id::PacketId;
use crate::qos::QoS;
use crate::version::Version;

/// What a client asks for in its CONNECT, section 3.1, with bytes of its own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectRequest {
    /// The protocol name and level.
    pub version: Version,
    /// Clean Start; CleanSession before 5.0.
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 switches it off.
    pub keep_alive: u16,
    /// The properties, section 3.1.2.11 of 5.0; empty before it.
    pub properties: OwnedProperties,
    /// The client identifier; it may be empty.
    pub client_id: String,
    /// The will.
    pub will: Option<Arc<Message>>,
    /// How long the will waits after the connection is gone, in seconds; 0 before 5.0.
    pub will_delay_interval: u32,
    /// The user name.
    pub user_name: Option<String>,
    /// The password.
    pub password: Option<Bytes>,
}

impl ConnectRequest {
    /// How long the session is to outlive the connection, in seconds; `u32::MAX`: for ever. Before 5.0 one of
    /// the two, by CleanSession. (Section 3.1.2.11.2.)
    #[must_use]
    pub fn session_expiry_interval(&self) -> u32 {
        let properties = self.properties.properties();
        match properties.find(PropertyId::SessionExpiryInterval) {
            Some(Property::SessionExpiryInterval(seconds)) => seconds,
            _ if self.version.has_properties() || self.clean_start => 0,
            _ => u32::MAX,
        }
    }

    pub(super) fn new(connect: &Connect<'_>) -> ConnectRequest {
        let will = connect.will.as_ref();
        let will_properties = will.map_or(Properties::EMPTY, |will| will.properties);
        ConnectRequest {
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            properties: OwnedProperties::copied(&connect.properties),
            client_id: connect.client_id.into(),
            will: will.map(|will| Arc::new(message(will))),
            will_delay_interval: match will_properties.find(PropertyId::WillDelayInterval) {
                Some(Property::WillDelayInterval(seconds)) => seconds,
                _ => 0,
            },
            user_name: connect.user_name.map(String::from),
            password: connect.password.map(Bytes::copy_from_slice),
        }
    }
}

/// The message that a will is.
fn message(will: &Will<'_>) -> Message {
    let delivery = match will.qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { dup: false, packet_id: PacketId::MIN },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { dup: false, packet_id: PacketId::MIN },
    };
    Message::copied(&Publish {
        retain: will.retain,
        delivery,
        topic: will.topic,
        properties: will.properties,
        payload: will.payload,
    })
}

impl fmt::Debug for ConnectRequest {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("properties", &self.properties)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("will_delay_interval", &self.will_delay_interval)
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}
