//! What the program says to clients of 5.0, by number.

use mqtt_sansio::{Property, UserProperty};

const USER: Property<'_> = Property::UserProperty(UserProperty { name: "k", value: "v" });

/// In the CONNACK of a client that is accepted. The last ones may not be there.
pub(super) const ACCEPTING: [&[Property<'_>]; 12] = [
    &[],
    &[Property::SessionExpiryInterval(1)],
    &[Property::SessionExpiryInterval(u32::MAX), USER],
    &[Property::ServerKeepAlive(5)],
    &[Property::ServerKeepAlive(0), Property::SessionExpiryInterval(0)],
    &[Property::AssignedClientIdentifier("auto-2")],
    &[Property::AssignedClientIdentifier("a")],
    &[Property::ReasonString("welcome"), USER, USER],
    &[Property::ResponseInformation("r")],
    &[Property::AuthenticationData(b"done")],
    &[Property::TopicAliasMaximum(1)],
    &[USER, Property::ContentType("t")],
];

/// In the CONNACK of a client that is refused. The last may not be there.
pub(super) const REFUSING: [&[Property<'_>]; 4] = [
    &[],
    &[Property::ReasonString("no"), USER],
    &[Property::ServerReference("h:1")],
    &[Property::SessionExpiryInterval(1)],
];

/// In AUTH. The last may not be there.
pub(super) const AUTHENTICATING: [&[Property<'_>]; 5] = [
    &[],
    &[Property::AuthenticationData(b"more")],
    &[Property::AuthenticationData(&[7; 30])],
    &[Property::ReasonString("why"), USER],
    &[Property::ServerKeepAlive(1)],
];

/// In DISCONNECT. The last may not be there.
pub(super) const DISCONNECTING: [&[Property<'_>]; 4] = [
    &[],
    &[Property::ReasonString("enough"), USER],
    &[Property::ServerReference("h:1")],
    &[Property::SessionExpiryInterval(1)],
];
