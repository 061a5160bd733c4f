//! Packets as JSON objects.

use std::fmt::Write;

use mqtt_sansio::{
    Connect, Packet, Properties, Property, Publish, ReasonCode, RetainHandling, Subscription,
    Version, Will,
};
use serde_json::{Value, json};

/// A JSON object whose fields stay in the order they are added in.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Object {
        Object(String::from("{"))
    }

    pub(crate) fn field(&mut self, name: &str, value: impl Into<Value>) {
        self.raw(name, &value.into().to_string());
    }

    /// A field with a value that is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) {
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}\"{name}\":{json}");
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn codes(&mut self, codes: impl Iterator<Item = ReasonCode>) {
        self.field("reason_codes", codes.map(u8::from).collect::<Vec<_>>());
    }

    /// What only 5.0 has beside what the other versions have.
    fn only_in_v5(
        &mut self,
        version: Version,
        code: Option<ReasonCode>,
        properties: &Properties<'_>,
    ) {
        if version.has_properties() {
            if let Some(code) = code {
                self.field("reason_code", u8::from(code));
            }
            self.field("properties", properties.iter().map(property).collect::<Vec<_>>());
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Adds the fields of a packet: those that its version has.
pub(crate) fn packet(object: &mut Object, packet: &Packet<'_>, version: Version) {
    object.field("packet", packet.packet_type().name());
    let (code, properties) = match packet {
        Packet::PingReq | Packet::PingResp => return,
        Packet::Connect(packet) => {
            connect(object, packet);
            (None, packet.properties)
        }
        Packet::ConnAck(packet) => {
            if version != Version::V3_1 {
                object.field("session_present", packet.session_present);
            }
            object.field("reason_code", packet.reason_code.connack_code(version));
            (None, packet.properties)
        }
        Packet::Publish(packet) => {
            publish(object, packet);
            (None, packet.properties)
        }
        Packet::PubAck(packet)
        | Packet::PubRec(packet)
        | Packet::PubRel(packet)
        | Packet::PubComp(packet) => {
            object.field("packet_id", packet.packet_id.get());
            (Some(packet.reason_code), packet.properties)
        }
        Packet::Subscribe(packet) => {
            let filters = packet.filters.iter().map(|filter| subscription(&filter, version));
            object.field("packet_id", packet.packet_id.get());
            object.raw("filters", &format!("[{}]", filters.collect::<Vec<_>>().join(",")));
            (None, packet.properties)
        }
        Packet::SubAck(packet) => {
            object.field("packet_id", packet.packet_id.get());
            object.codes(packet.reason_codes.iter());
            (None, packet.properties)
        }
        Packet::Unsubscribe(packet) => {
            let filters: Vec<_> = packet.filters.iter().map(|filter| filter.as_str()).collect();
            object.field("packet_id", packet.packet_id.get());
            object.field("filters", filters);
            (None, packet.properties)
        }
        Packet::UnsubAck(packet) => {
            object.field("packet_id", packet.packet_id.get());
            object.codes(packet.reason_codes.iter());
            (None, packet.properties)
        }
        Packet::Disconnect(packet) => (Some(packet.reason_code), packet.properties),
        Packet::Auth(packet) => (Some(packet.reason_code), packet.properties),
    };
    object.only_in_v5(version, code, &properties);
}

fn connect(object: &mut Object, connect: &Connect<'_>) {
    object.field("protocol_version", connect.version.to_string());
    object.field("clean_start", connect.clean_start);
    object.field("keep_alive", connect.keep_alive);
    object.field("client_id", connect.client_id);
    match &connect.will {
        Some(will) => object.raw("will", &self::will(will, connect.version)),
        None => object.field("will", Value::Null),
    }
    object.field("username", connect.user_name);
    object.field("password_len", connect.password.map(<[u8]>::len));
}

fn will(will: &Will<'_>, version: Version) -> String {
    let mut object = Object::new();
    object.field("topic", will.topic.as_str());
    object.field("payload", hex(will.payload));
    object.field("qos", u8::from(will.qos));
    object.field("retain", will.retain);
    object.only_in_v5(version, None, &will.properties);
    object.finish()
}

fn publish(object: &mut Object, publish: &Publish<'_>) {
    object.field("dup", publish.delivery.dup());
    object.field("qos", u8::from(publish.delivery.qos()));
    object.field("retain", publish.retain);
    object.field("topic", publish.topic.as_str());
    object.field("packet_id", publish.delivery.packet_id().map(|id| id.get()));
    object.field("payload", hex(publish.payload));
}

fn subscription(subscription: &Subscription<'_>, version: Version) -> String {
    let mut object = Object::new();
    object.field("filter", subscription.filter.as_str());
    object.field("qos", u8::from(subscription.qos));
    if version.has_properties() {
        object.field("no_local", subscription.no_local);
        object.field("retain_as_published", subscription.retain_as_published);
        let retain_handling = match subscription.retain_handling {
            RetainHandling::SendAtSubscribe => 0,
            RetainHandling::SendAtNewSubscribe => 1,
            RetainHandling::DoNotSend => 2,
        };
        object.field("retain_handling", retain_handling);
    }
    object.finish()
}

/// Name and value; of user properties their own name between them.
fn property(property: Property<'_>) -> Value {
    let name = property.id().name();
    let value: Value = match property {
        Property::UserProperty(user) => return json!([name, user.name, user.value]),
        Property::PayloadFormatIndicator(format) => (format as u8).into(),
        Property::MaximumQoS(qos) => u8::from(qos).into(),
        Property::RequestProblemInformation(flag)
        | Property::RequestResponseInformation(flag)
        | Property::RetainAvailable(flag)
        | Property::WildcardSubscriptionAvailable(flag)
        | Property::SubscriptionIdentifierAvailable(flag)
        | Property::SharedSubscriptionAvailable(flag) => u8::from(flag).into(),
        Property::ServerKeepAlive(number) | Property::TopicAliasMaximum(number) => number.into(),
        Property::ReceiveMaximum(number) => number.get().into(),
        Property::TopicAlias(alias) => alias.get().into(),
        Property::MessageExpiryInterval(number)
        | Property::SessionExpiryInterval(number)
        | Property::WillDelayInterval(number) => number.into(),
        Property::MaximumPacketSize(number) => number.get().into(),
        Property::SubscriptionIdentifier(identifier) => identifier.get().into(),
        Property::ContentType(string)
        | Property::AssignedClientIdentifier(string)
        | Property::AuthenticationMethod(string)
        | Property::ResponseInformation(string)
        | Property::ServerReference(string)
        | Property::ReasonString(string) => string.into(),
        Property::ResponseTopic(topic) => topic.as_str().into(),
        Property::CorrelationData(bytes) | Property::AuthenticationData(bytes) => hex(bytes).into(),
        // The enum may grow; what is not known here has no value to show.
        _ => Value::Null,
    };
    json!([name, value])
}
