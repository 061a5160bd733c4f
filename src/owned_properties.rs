//! The properties of one packet, kept beyond it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

#[cfg(feature = "serde")]
use bytes::Bytes;

use crate::codec::{Place, Properties, Property, PropertyId, UserProperty, Violation};

/// Properties of MQTT 5.0 in bytes of their own: what came with a packet, or is to go with one. Cloning shares
/// them; none cost nothing.
///
/// ```
/// use mqtt_sansio::{OwnedProperties, Property, PropertyId};
///
/// let properties = OwnedProperties::new(&[Property::ReasonString("full"), Property::ServerKeepAlive(60)])?;
/// assert_eq!(properties.reason_string(), Some("full"));
/// let keep_alive = properties.properties().find(PropertyId::ServerKeepAlive);
/// assert_eq!(keep_alive, Some(Property::ServerKeepAlive(60)));
/// # Ok::<(), mqtt_sansio::Violation>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Bytes", into = "Bytes"))]
pub struct OwnedProperties(Option<Arc<[u8]>>);

impl OwnedProperties {
    /// No properties.
    pub const EMPTY: OwnedProperties = OwnedProperties(None);

    /// Checks properties and copies them. Whether they may stand in a packet is checked when they are put
    /// there.
    ///
    /// # Errors
    ///
    /// Where one stands twice that may not anywhere, or cannot be encoded.
    pub fn new(properties: &[Property<'_>]) -> Result<OwnedProperties, Violation> {
        let properties = Properties::new(properties);
        properties.encoded_len(Place::Anywhere)?;
        Ok(OwnedProperties::copied(&properties))
    }

    /// Those of a packet, which were checked.
    pub(crate) fn copied(properties: &Properties<'_>) -> OwnedProperties {
        if properties.is_empty() {
            return OwnedProperties::EMPTY;
        }
        OwnedProperties::of(properties.to_block())
    }

    /// The properties, borrowed.
    #[must_use]
    pub fn properties(&self) -> Properties<'_> {
        Properties::from_block(self.block(), Place::Anywhere).unwrap_or_default()
    }

    fn of(block: Vec<u8>) -> OwnedProperties {
        OwnedProperties(if block.is_empty() { None } else { Some(block.into()) })
    }

    fn block(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Reason String: an explanation for people.
    #[must_use]
    pub fn reason_string(&self) -> Option<&str> {
        match self.properties().find(PropertyId::ReasonString) {
            Some(Property::ReasonString(text)) => Some(text),
            _ => None,
        }
    }

    /// Server Reference: other servers to use, separated by spaces.
    #[must_use]
    pub fn server_reference(&self) -> Option<&str> {
        match self.properties().find(PropertyId::ServerReference) {
            Some(Property::ServerReference(servers)) => Some(servers),
            _ => None,
        }
    }

    /// Assigned Client Identifier: what the server called a client without a name.
    #[must_use]
    pub fn assigned_client_identifier(&self) -> Option<&str> {
        match self.properties().find(PropertyId::AssignedClientIdentifier) {
            Some(Property::AssignedClientIdentifier(id)) => Some(id),
            _ => None,
        }
    }

    /// Response Information: what to make response topics of.
    #[must_use]
    pub fn response_information(&self) -> Option<&str> {
        match self.properties().find(PropertyId::ResponseInformation) {
            Some(Property::ResponseInformation(text)) => Some(text),
            _ => None,
        }
    }

    /// Authentication Method.
    #[must_use]
    pub fn authentication_method(&self) -> Option<&str> {
        match self.properties().find(PropertyId::AuthenticationMethod) {
            Some(Property::AuthenticationMethod(method)) => Some(method),
            _ => None,
        }
    }

    /// Authentication Data.
    #[must_use]
    pub fn authentication_data(&self) -> Option<&[u8]> {
        match self.properties().find(PropertyId::AuthenticationData) {
            Some(Property::AuthenticationData(data)) => Some(data),
            _ => None,
        }
    }

    /// The User Properties, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = UserProperty<'_>> {
        self.properties().user_properties()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Bytes> for OwnedProperties {
    type Error = Violation;

    fn try_from(bytes: Bytes) -> Result<OwnedProperties, Violation> {
        Properties::from_block(&bytes, Place::Anywhere).ok_or(Violation::PropertyValue)?;
        Ok(OwnedProperties::of(bytes.into()))
    }
}

#[cfg(feature = "serde")]
impl From<OwnedProperties> for Bytes {
    fn from(properties: OwnedProperties) -> Bytes {
        Bytes::copy_from_slice(properties.block())
    }
}

/// Authentication data is not printed.
impl fmt::Debug for OwnedProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.properties().fmt(f)
    }
}
