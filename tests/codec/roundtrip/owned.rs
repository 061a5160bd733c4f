//! Packets that own what they are made of, to be lent as packets that borrow from slices.

use mqtt_sansio::{
    Ack, Auth, ConnAck, Connect, Delivery, Disconnect, Item, List, Packet, PacketId, PacketType,
    Properties, Property, PropertyId, Publish, QoS, ReasonCode, RetainHandling, SubAck, Subscribe,
    Subscription, TopicFilter, TopicName, UnsubAck, Unsubscribe, UserProperty, Version, Will,
};

#[derive(Clone, Debug)]
pub(crate) enum OwnedProperty {
    /// One that borrows nothing.
    Plain(Property<'static>),
    Text(PropertyId, String),
    Binary(PropertyId, Vec<u8>),
    ResponseTopic(String),
    User(String, String),
}

#[derive(Clone, Debug)]
pub(crate) struct OwnedConnect {
    pub(crate) version: Version,
    pub(crate) clean_start: bool,
    pub(crate) keep_alive: u16,
    pub(crate) properties: Vec<OwnedProperty>,
    pub(crate) client_id: String,
    pub(crate) will: Option<OwnedWill>,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnedWill {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<OwnedProperty>,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnedPublish {
    pub(crate) retain: bool,
    pub(crate) delivery: Delivery,
    /// Empty: by alias.
    pub(crate) topic: String,
    pub(crate) properties: Vec<OwnedProperty>,
    pub(crate) payload: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnedSubscription {
    pub(crate) filter: String,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) retain_handling: RetainHandling,
}

/// What follows the names are the packet's fields, in the order of the packets.
#[derive(Clone, Debug)]
pub(crate) enum Owned {
    Connect(Box<OwnedConnect>),
    ConnAck(bool, ReasonCode, Vec<OwnedProperty>),
    Publish(OwnedPublish),
    Ack(PacketType, PacketId, ReasonCode, Vec<OwnedProperty>),
    Subscribe(PacketId, Vec<OwnedProperty>, Vec<OwnedSubscription>),
    SubAck(PacketId, Vec<OwnedProperty>, Vec<ReasonCode>),
    Unsubscribe(PacketId, Vec<OwnedProperty>, Vec<String>),
    UnsubAck(PacketId, Vec<OwnedProperty>, Vec<ReasonCode>),
    PingReq,
    PingResp,
    Disconnect(ReasonCode, Vec<OwnedProperty>),
    Auth(ReasonCode, Vec<OwnedProperty>),
}

impl OwnedProperty {
    pub(crate) fn id(&self) -> PropertyId {
        self.lend().id()
    }

    fn lend(&self) -> Property<'_> {
        match self {
            OwnedProperty::Plain(property) => *property,
            OwnedProperty::Text(id, text) => match id {
                PropertyId::ContentType => Property::ContentType(text),
                PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(text),
                PropertyId::AuthenticationMethod => Property::AuthenticationMethod(text),
                PropertyId::ResponseInformation => Property::ResponseInformation(text),
                PropertyId::ServerReference => Property::ServerReference(text),
                PropertyId::ReasonString => Property::ReasonString(text),
                _ => panic!("{id} is no text"),
            },
            OwnedProperty::Binary(id, data) => match id {
                PropertyId::CorrelationData => Property::CorrelationData(data),
                PropertyId::AuthenticationData => Property::AuthenticationData(data),
                _ => panic!("{id} is not binary"),
            },
            OwnedProperty::ResponseTopic(topic) => Property::ResponseTopic(lend_topic(topic)),
            OwnedProperty::User(name, value) => {
                Property::UserProperty(UserProperty { name, value })
            }
        }
    }

    fn of(property: Property<'_>) -> OwnedProperty {
        let id = property.id();
        match property {
            Property::ContentType(text)
            | Property::AssignedClientIdentifier(text)
            | Property::AuthenticationMethod(text)
            | Property::ResponseInformation(text)
            | Property::ServerReference(text)
            | Property::ReasonString(text) => OwnedProperty::Text(id, text.to_owned()),
            Property::CorrelationData(data) | Property::AuthenticationData(data) => {
                OwnedProperty::Binary(id, data.to_owned())
            }
            Property::ResponseTopic(topic) => {
                OwnedProperty::ResponseTopic(topic.as_str().to_owned())
            }
            Property::UserProperty(UserProperty { name, value }) => {
                OwnedProperty::User(name.to_owned(), value.to_owned())
            }
            other => OwnedProperty::Plain(plain(other)),
        }
    }
}

/// A property that borrows nothing, for as long as one likes.
fn plain(property: Property<'_>) -> Property<'static> {
    match property {
        Property::PayloadFormatIndicator(value) => Property::PayloadFormatIndicator(value),
        Property::MessageExpiryInterval(value) => Property::MessageExpiryInterval(value),
        Property::SubscriptionIdentifier(value) => Property::SubscriptionIdentifier(value),
        Property::SessionExpiryInterval(value) => Property::SessionExpiryInterval(value),
        Property::ServerKeepAlive(value) => Property::ServerKeepAlive(value),
        Property::RequestProblemInformation(value) => Property::RequestProblemInformation(value),
        Property::WillDelayInterval(value) => Property::WillDelayInterval(value),
        Property::RequestResponseInformation(value) => Property::RequestResponseInformation(value),
        Property::ReceiveMaximum(value) => Property::ReceiveMaximum(value),
        Property::TopicAliasMaximum(value) => Property::TopicAliasMaximum(value),
        Property::TopicAlias(value) => Property::TopicAlias(value),
        Property::MaximumQoS(value) => Property::MaximumQoS(value),
        Property::RetainAvailable(value) => Property::RetainAvailable(value),
        Property::MaximumPacketSize(value) => Property::MaximumPacketSize(value),
        Property::WildcardSubscriptionAvailable(value) => {
            Property::WildcardSubscriptionAvailable(value)
        }
        Property::SubscriptionIdentifierAvailable(value) => {
            Property::SubscriptionIdentifierAvailable(value)
        }
        Property::SharedSubscriptionAvailable(value) => {
            Property::SharedSubscriptionAvailable(value)
        }
        other => panic!("{} borrows", other.id()),
    }
}

fn lend_topic(topic: &str) -> TopicName<'_> {
    if topic.is_empty() { TopicName::BY_ALIAS } else { TopicName::new(topic).unwrap() }
}

fn lend_all(properties: &[OwnedProperty]) -> Vec<Property<'_>> {
    properties.iter().map(OwnedProperty::lend).collect()
}

fn own_all(properties: Properties<'_>) -> Vec<OwnedProperty> {
    properties.iter().map(OwnedProperty::of).collect()
}

fn collect<'a, T: Item<'a>>(list: List<'a, T>) -> Vec<T> {
    list.iter().collect()
}

/// The packet of that type in the shape that the four acknowledgements share.
pub(crate) fn ack_packet(packet_type: PacketType, ack: Ack<'_>) -> Packet<'_> {
    match packet_type {
        PacketType::PubAck => Packet::PubAck(ack),
        PacketType::PubRec => Packet::PubRec(ack),
        PacketType::PubRel => Packet::PubRel(ack),
        PacketType::PubComp => Packet::PubComp(ack),
        _ => panic!("{packet_type} is no acknowledgement of this shape"),
    }
}

impl OwnedConnect {
    fn lend<R>(&self, with: impl FnOnce(&Packet<'_>) -> R) -> R {
        let properties = lend_all(&self.properties);
        let will = self.will.as_ref();
        let will_properties = will.map(|will| lend_all(&will.properties)).unwrap_or_default();
        let will = will.map(|will| Will {
            topic: lend_topic(&will.topic),
            payload: &will.payload,
            qos: will.qos,
            retain: will.retain,
            properties: Properties::new(&will_properties),
        });
        with(&Packet::Connect(Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            properties: Properties::new(&properties),
            client_id: &self.client_id,
            will,
            user_name: self.user_name.as_deref(),
            password: self.password.as_deref(),
        }))
    }

    fn of(packet: &Connect<'_>) -> OwnedConnect {
        OwnedConnect {
            version: packet.version,
            clean_start: packet.clean_start,
            keep_alive: packet.keep_alive,
            properties: own_all(packet.properties),
            client_id: packet.client_id.to_owned(),
            will: packet.will.map(|will| OwnedWill {
                topic: will.topic.as_str().to_owned(),
                payload: will.payload.to_owned(),
                qos: will.qos,
                retain: will.retain,
                properties: own_all(will.properties),
            }),
            user_name: packet.user_name.map(str::to_owned),
            password: packet.password.map(<[u8]>::to_owned),
        }
    }
}

impl OwnedPublish {
    fn lend<R>(&self, with: impl FnOnce(&Packet<'_>) -> R) -> R {
        with(&Packet::Publish(Publish {
            retain: self.retain,
            delivery: self.delivery,
            topic: lend_topic(&self.topic),
            properties: Properties::new(&lend_all(&self.properties)),
            payload: &self.payload,
        }))
    }
}

impl OwnedSubscription {
    fn lend(&self) -> Subscription<'_> {
        Subscription {
            filter: TopicFilter::new(&self.filter).unwrap(),
            qos: self.qos,
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            retain_handling: self.retain_handling,
        }
    }
}

impl Owned {
    /// What `with` makes of the packet that borrows from this, its lists from slices.
    pub(crate) fn lend<R>(&self, with: impl FnOnce(&Packet<'_>) -> R) -> R {
        match self {
            Owned::Connect(packet) => packet.lend(with),
            Owned::Publish(packet) => packet.lend(with),
            Owned::PingReq => with(&Packet::PingReq),
            Owned::PingResp => with(&Packet::PingResp),
            Owned::ConnAck(session_present, reason_code, properties) => {
                let properties = &lend_all(properties);
                let properties = Properties::new(properties);
                let (session_present, reason_code) = (*session_present, *reason_code);
                with(&Packet::ConnAck(ConnAck { session_present, reason_code, properties }))
            }
            Owned::Ack(packet_type, packet_id, reason_code, properties) => {
                let properties = &lend_all(properties);
                let properties = Properties::new(properties);
                let (packet_id, reason_code) = (*packet_id, *reason_code);
                with(&ack_packet(*packet_type, Ack { packet_id, reason_code, properties }))
            }
            Owned::Subscribe(packet_id, properties, filters) => {
                let filters: Vec<_> = filters.iter().map(OwnedSubscription::lend).collect();
                let properties = &lend_all(properties);
                let subscribe = Subscribe::new(*packet_id, &filters);
                with(&Subscribe { properties: Properties::new(properties), ..subscribe }.into())
            }
            Owned::SubAck(packet_id, properties, codes) => {
                let properties = &lend_all(properties);
                let suback = SubAck::new(*packet_id, codes);
                with(&SubAck { properties: Properties::new(properties), ..suback }.into())
            }
            Owned::Unsubscribe(packet_id, properties, filters) => {
                let filters: Vec<_> =
                    filters.iter().map(|f| TopicFilter::new(f).unwrap()).collect();
                let properties = &lend_all(properties);
                let unsubscribe = Unsubscribe::new(*packet_id, &filters);
                with(&Unsubscribe { properties: Properties::new(properties), ..unsubscribe }.into())
            }
            Owned::UnsubAck(packet_id, properties, codes) => {
                let properties = &lend_all(properties);
                let unsuback = UnsubAck::new(*packet_id, codes);
                with(&UnsubAck { properties: Properties::new(properties), ..unsuback }.into())
            }
            Owned::Disconnect(reason_code, properties) => {
                let properties = &lend_all(properties);
                let properties = Properties::new(properties);
                with(&Packet::Disconnect(Disconnect { reason_code: *reason_code, properties }))
            }
            Owned::Auth(code, properties) => {
                with(&Packet::Auth(Auth::new(*code, &lend_all(properties))))
            }
        }
    }

    /// A copy of all that a packet says.
    pub(crate) fn of(packet: &Packet<'_>) -> Owned {
        let packet_type = packet.packet_type();
        match packet {
            Packet::Connect(packet) => Owned::Connect(Box::new(OwnedConnect::of(packet))),
            Packet::ConnAck(ConnAck { session_present, reason_code, properties }) => {
                Owned::ConnAck(*session_present, *reason_code, own_all(*properties))
            }
            Packet::Publish(packet) => Owned::Publish(OwnedPublish {
                retain: packet.retain,
                delivery: packet.delivery,
                topic: packet.topic.as_str().to_owned(),
                properties: own_all(packet.properties),
                payload: packet.payload.to_owned(),
            }),
            Packet::PubAck(ack)
            | Packet::PubRec(ack)
            | Packet::PubRel(ack)
            | Packet::PubComp(ack) => {
                Owned::Ack(packet_type, ack.packet_id, ack.reason_code, own_all(ack.properties))
            }
            Packet::Subscribe(Subscribe { packet_id, properties, filters }) => {
                let filters = filters.iter().map(|subscription| OwnedSubscription {
                    filter: subscription.filter.as_str().to_owned(),
                    qos: subscription.qos,
                    no_local: subscription.no_local,
                    retain_as_published: subscription.retain_as_published,
                    retain_handling: subscription.retain_handling,
                });
                Owned::Subscribe(*packet_id, own_all(*properties), filters.collect())
            }
            Packet::SubAck(SubAck { packet_id, properties, reason_codes }) => {
                Owned::SubAck(*packet_id, own_all(*properties), collect(*reason_codes))
            }
            Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters }) => {
                let filters = filters.iter().map(|filter| filter.as_str().to_owned());
                Owned::Unsubscribe(*packet_id, own_all(*properties), filters.collect())
            }
            Packet::UnsubAck(UnsubAck { packet_id, properties, reason_codes }) => {
                Owned::UnsubAck(*packet_id, own_all(*properties), collect(*reason_codes))
            }
            Packet::PingReq => Owned::PingReq,
            Packet::PingResp => Owned::PingResp,
            Packet::Disconnect(Disconnect { reason_code, properties }) => {
                Owned::Disconnect(*reason_code, own_all(*properties))
            }
            Packet::Auth(Auth { reason_code, properties }) => {
                Owned::Auth(*reason_code, own_all(*properties))
            }
        }
    }
}
