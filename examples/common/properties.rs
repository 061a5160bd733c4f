//! `-D`: properties of MQTT 5.0, given as to mosquitto_pub and mosquitto_sub.

use std::ffi::OsString;

use mqtt_sansio::{
    PacketType, PayloadFormat, Property, PropertyId, QoS, SubscriptionIdentifier, TopicAlias,
    TopicName, UserProperty,
};

use super::command::Invalid;

/// Stands between the parts of a `-D` once they are one argument: no argument has it.
const SEPARATOR: char = '\u{1f}';

/// Where a property goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Packet(PacketType),
    Will,
}

/// One `-D`.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) place: Place,
    id: PropertyId,
    /// Of a user property.
    name: String,
    value: String,
}

impl Given {
    pub(crate) fn parse(parts: &str) -> Result<Given, Invalid> {
        let invalid = |text: &str| Invalid(format!("{text} in --property argument."));
        let few = || {
            let text = "--property argument given but not enough arguments specified.";
            Invalid(text.to_owned())
        };
        let mut parts = parts.split(SEPARATOR);
        let mut next = || parts.next().map(str::to_owned).ok_or_else(few);
        let (command, property) = (next()?, next()?);
        let place = place(&command).ok_or_else(|| invalid("Invalid command given"))?;
        let name = property.replace('-', "_");
        let id = PropertyId::ALL.iter().copied().find(|id| id.name() == name);
        let id = id.ok_or_else(|| invalid("Invalid property name given"))?;
        let allowed = match place {
            Place::Packet(packet) => id.is_allowed_in(packet),
            Place::Will => id.is_allowed_in_will(),
        };
        if !allowed {
            return Err(invalid(&format!("{property} property not allowed for {command}")));
        }
        let name = if id == PropertyId::UserProperty { next()? } else { String::new() };
        let given = Given { place, id, name, value: next()? };
        if given.property().is_none() {
            let text = format!("Property value ({}) out of range for property", given.value);
            return Err(Invalid(format!("{text} {property}.")));
        }
        Ok(given)
    }

    /// The property; `None` where its value is none of it.
    pub(crate) fn property(&self) -> Option<Property<'_>> {
        use PropertyId as Id;
        let value = self.value.as_str();
        let flag = || match value {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        };
        Some(match self.id {
            Id::PayloadFormatIndicator => Property::PayloadFormatIndicator(if flag()? {
                PayloadFormat::Utf8
            } else {
                PayloadFormat::Bytes
            }),
            Id::MessageExpiryInterval => Property::MessageExpiryInterval(value.parse().ok()?),
            Id::ContentType => Property::ContentType(value),
            Id::ResponseTopic => Property::ResponseTopic(TopicName::new(value).ok()?),
            Id::CorrelationData => Property::CorrelationData(value.as_bytes()),
            Id::SubscriptionIdentifier => {
                Property::SubscriptionIdentifier(SubscriptionIdentifier::new(value.parse().ok()?)?)
            }
            Id::SessionExpiryInterval => Property::SessionExpiryInterval(value.parse().ok()?),
            Id::AuthenticationMethod => Property::AuthenticationMethod(value),
            Id::AuthenticationData => Property::AuthenticationData(value.as_bytes()),
            Id::RequestProblemInformation => Property::RequestProblemInformation(flag()?),
            Id::RequestResponseInformation => Property::RequestResponseInformation(flag()?),
            Id::WillDelayInterval => Property::WillDelayInterval(value.parse().ok()?),
            Id::ServerReference => Property::ServerReference(value),
            Id::ReasonString => Property::ReasonString(value),
            Id::ReceiveMaximum => Property::ReceiveMaximum(value.parse().ok()?),
            Id::TopicAliasMaximum => Property::TopicAliasMaximum(value.parse().ok()?),
            Id::TopicAlias => Property::TopicAlias(TopicAlias::new(value.parse().ok()?)?),
            Id::MaximumQoS => Property::MaximumQoS(QoS::try_from(value.parse::<u8>().ok()?).ok()?),
            Id::MaximumPacketSize => Property::MaximumPacketSize(value.parse().ok()?),
            Id::UserProperty => Property::UserProperty(UserProperty { name: &self.name, value }),
            // The others are a server's.
            _ => return None,
        })
    }
}

fn place(command: &str) -> Option<Place> {
    Some(Place::Packet(match command {
        "connect" => PacketType::Connect,
        "publish" => PacketType::Publish,
        "subscribe" => PacketType::Subscribe,
        "unsubscribe" => PacketType::Unsubscribe,
        "disconnect" => PacketType::Disconnect,
        "auth" => PacketType::Auth,
        "will" => return Some(Place::Will),
        _ => return None,
    }))
}

/// The arguments with the several values of each `-D` as one.
pub(crate) fn joined(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut joined = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let is_property = argument == "-D" || argument == "--property";
        joined.push(argument);
        if !is_property {
            continue;
        }
        let mut parts: Vec<String> = Vec::new();
        let wanted = |parts: &[String]| {
            if parts.get(1).is_some_and(|name| name == "user-property") { 4 } else { 3 }
        };
        while parts.len() < wanted(&parts) {
            let Some(part) = arguments.next() else { break };
            parts.push(part.to_string_lossy().into_owned());
        }
        if !parts.is_empty() {
            joined.push(parts.join(SEPARATOR.encode_utf8(&mut [0; 4])).into());
        }
    }
    joined
}
