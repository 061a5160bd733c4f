//! Properties of MQTT 5.0, section 2.2.2: one table of their identifiers, types and places.

#[cfg(feature = "alloc")]
mod block;

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use super::DecodeError;
use super::list::{Item, List, ListIter, Wire, sealed};
use super::read::{self, Parsed, Strings, fail};
use super::value::{PayloadFormat, SubscriptionIdentifier, TopicAlias, UserProperty, Value};
use super::write::Sink;
use crate::packet_type::PacketType;
use crate::qos::QoS;
use crate::topic::TopicName;
use crate::violation::Violation;

/// Where properties stand: a packet, or the will inside CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Packet(PacketType),
    Will,
    /// Kept apart from any packet.
    #[cfg(feature = "alloc")]
    Anywhere,
}

impl Place {
    /// The packet type's number, and those of types without properties for the other places.
    #[inline(always)]
    const fn index(self) -> u8 {
        match self {
            Place::Packet(packet) => packet as u8,
            Place::Will => 0,
            #[cfg(feature = "alloc")]
            Place::Anywhere => PacketType::PingReq as u8,
        }
    }

    const fn bit(self) -> u16 {
        1 << self.index()
    }

    /// What may stand there.
    #[inline(always)]
    fn allowed(self) -> Allowed {
        #[cfg(feature = "alloc")]
        if self == Place::Anywhere {
            return ANYWHERE;
        }
        ALLOWED.get(usize::from(self.index())).copied().unwrap_or(Allowed { any: 0, repeated: 0 })
    }
}

/// `Variant(type) = identifier, "name in snake case", once in [places], any number of times in [places]`
macro_rules! properties {
    ($($(#[$doc:meta])* $name:ident($type:ty) = $id:literal, $snake:literal,
        $once:tt, $repeated:tt;)*) => {
        /// A property of MQTT 5.0, section 2.2.2.2.
        ///
        /// The packets it may stand in are listed with each; more than once only where it says so.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Property<'a> {
            $($(#[$doc])* $name($type) = $id,)*
        }

        /// The identifier of a property, section 2.2.2.2.
        ///
        /// ```
        /// use mqtt_sansio::{Property, PropertyId};
        ///
        /// assert_eq!(Property::ServerKeepAlive(60).id(), PropertyId::ServerKeepAlive);
        /// assert_eq!(u8::from(PropertyId::ServerKeepAlive), 0x13);
        /// assert_eq!(PropertyId::ServerKeepAlive.name(), "server_keep_alive");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum PropertyId {
            $(#[doc = concat!("See [`Property::", stringify!($name), "`].")] $name = $id,)*
        }

        impl PropertyId {
            /// Every property, in ascending order.
            pub const ALL: &'static [PropertyId] = &[$(PropertyId::$name,)*];

            /// The name in snake case, as in [`Property`]'s documentation and in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(PropertyId::$name => $snake,)*
                }
            }

            /// The places where it may stand once, and those where it may be repeated.
            const fn places(self) -> (u16, u16) {
                use PacketType::*;
                match self {
                    $(PropertyId::$name => (places!($once), places!($repeated)),)*
                }
            }
        }

        /// Authentication data is not printed, only its length.
        impl fmt::Debug for Property<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if let Property::AuthenticationData(data) = self {
                    return write!(f, "AuthenticationData({} bytes)", data.len());
                }
                match self {
                    $(Property::$name(value) => {
                        f.debug_tuple(stringify!($name)).field(value).finish()
                    })*
                }
            }
        }

        impl<'a> Property<'a> {
            /// The identifier.
            #[inline]
            #[must_use]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Property::$name(_) => PropertyId::$name,)*
                }
            }

            /// The value of the property with that identifier, at the start of `i`.
            #[inline(always)]
            fn value(id: u8, strings: Strings<'a>, i: &'a [u8]) -> Parsed<'a, Property<'a>> {
                match id {
                    $($id => {
                        let (i, value) = <$type>::read(strings, i)?;
                        Ok((i, Property::$name(value)))
                    })*
                    _ => Err(fail(Violation::UnknownProperty, i)),
                }
            }

            /// The bytes it takes, where its value may be sent.
            #[inline(always)]
            fn encoded_len(&self) -> Result<usize, Violation> {
                match self {
                    $(Property::$name(value) => Ok(1 + value.encoded_len()?),)*
                }
            }

            #[inline(always)]
            fn write<S: Sink>(&self, out: &mut S) -> Option<()> {
                match self {
                    $(Property::$name(value) => value.write($id, out),)*
                }
            }
        }
    };
}

macro_rules! places {
    ([$($place:ident)*]) => { 0 $(| places!(@bit $place))* };
    (@bit Will) => { Place::Will.bit() };
    (@bit $packet:ident) => { $packet.bit() };
}

properties! {
    /// 1 = the payload is UTF-8 text. PUBLISH, will.
    PayloadFormatIndicator(PayloadFormat) = 0x01, "payload_format_indicator", [Publish Will], [];
    /// The lifetime of the message in seconds; absent: unlimited. PUBLISH, will.
    MessageExpiryInterval(u32) = 0x02, "message_expiry_interval", [Publish Will], [];
    /// What the payload is, by a convention of the application. PUBLISH, will.
    ContentType(&'a str) = 0x03, "content_type", [Publish Will], [];
    /// Where to send the response to. PUBLISH, will.
    ResponseTopic(TopicName<'a>) = 0x08, "response_topic", [Publish Will], [];
    /// What the response is to be recognised by. PUBLISH, will.
    CorrelationData(&'a [u8]) = 0x09, "correlation_data", [Publish Will], [];
    /// The number a subscription was given by its client. SUBSCRIBE; PUBLISH by the server, there any
    /// number of times.
    SubscriptionIdentifier(SubscriptionIdentifier) = 0x0B, "subscription_identifier",
        [Subscribe], [Publish];
    /// How long the session outlives the connection, in seconds; 0xFFFFFFFF: for ever. CONNECT, CONNACK,
    /// DISCONNECT by the client.
    SessionExpiryInterval(u32) = 0x11, "session_expiry_interval", [Connect ConnAck Disconnect], [];
    /// The client identifier that the server chose. CONNACK.
    AssignedClientIdentifier(&'a str) = 0x12, "assigned_client_identifier", [ConnAck], [];
    /// The keep alive to use in place of the client's, in seconds. CONNACK.
    ServerKeepAlive(u16) = 0x13, "server_keep_alive", [ConnAck], [];
    /// The name of the authentication method. CONNECT, CONNACK, AUTH (there mandatory).
    AuthenticationMethod(&'a str) = 0x15, "authentication_method", [Connect ConnAck Auth], [];
    /// Data of the authentication method. CONNECT, CONNACK, AUTH.
    AuthenticationData(&'a [u8]) = 0x16, "authentication_data", [Connect ConnAck Auth], [];
    /// Whether reason strings and user properties may come with any packet; absent: true. CONNECT.
    RequestProblemInformation(bool) = 0x17, "request_problem_information", [Connect], [];
    /// How long the will waits after the connection is gone, in seconds; absent: 0. Will.
    WillDelayInterval(u32) = 0x18, "will_delay_interval", [Will], [];
    /// Whether CONNACK should carry response information; absent: false. CONNECT.
    RequestResponseInformation(bool) = 0x19, "request_response_information", [Connect], [];
    /// What to make response topics of. CONNACK.
    ResponseInformation(&'a str) = 0x1A, "response_information", [ConnAck], [];
    /// Other servers to use, separated by spaces. CONNACK, DISCONNECT by the server.
    ServerReference(&'a str) = 0x1C, "server_reference", [ConnAck Disconnect], [];
    /// An explanation for people. Every acknowledgement, DISCONNECT, AUTH.
    ReasonString(&'a str) = 0x1F, "reason_string",
        [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth], [];
    /// How many QoS 1 and 2 PUBLISH the sender is willing to have open; absent: 65,535. CONNECT, CONNACK.
    ReceiveMaximum(NonZeroU16) = 0x21, "receive_maximum", [Connect ConnAck], [];
    /// The highest topic alias that the sender accepts; absent: 0. CONNECT, CONNACK.
    TopicAliasMaximum(u16) = 0x22, "topic_alias_maximum", [Connect ConnAck], [];
    /// A number that stands for the topic name. PUBLISH.
    TopicAlias(TopicAlias) = 0x23, "topic_alias", [Publish], [];
    /// The highest QoS that the server supports, 0 or 1; absent: 2. CONNACK.
    MaximumQoS(QoS) = 0x24, "maximum_qos", [ConnAck], [];
    /// Whether the server supports retained messages; absent: true. CONNACK.
    RetainAvailable(bool) = 0x25, "retain_available", [ConnAck], [];
    /// A name and a value of the application's own. Everywhere, any number of times.
    UserProperty(UserProperty<'a>) = 0x26, "user_property", [],
        [Connect ConnAck Publish Will PubAck PubRec PubRel PubComp Subscribe SubAck Unsubscribe UnsubAck
         Disconnect Auth];
    /// The largest packet in bytes that the sender accepts; absent: no limit. CONNECT, CONNACK.
    MaximumPacketSize(NonZeroU32) = 0x27, "maximum_packet_size", [Connect ConnAck], [];
    /// Whether the server supports wildcard subscriptions; absent: true. CONNACK.
    WildcardSubscriptionAvailable(bool) = 0x28, "wildcard_subscription_available", [ConnAck], [];
    /// Whether the server supports subscription identifiers; absent: true. CONNACK.
    SubscriptionIdentifierAvailable(bool) = 0x29, "subscription_identifier_available", [ConnAck], [];
    /// Whether the server supports shared subscriptions; absent: true. CONNACK.
    SharedSubscriptionAvailable(bool) = 0x2A, "shared_subscription_available", [ConnAck], [];
}

/// The properties, a bit each, that may stand at a place at all, and those that may be repeated there.
#[derive(Clone, Copy)]
struct Allowed {
    any: u64,
    repeated: u64,
}

/// Indexed by place.
static ALLOWED: [Allowed; 16] = {
    let mut table = [Allowed { any: 0, repeated: 0 }; 16];
    let mut place = 0;
    let mut places: &mut [Allowed] = &mut table;
    while let [allowed, tail @ ..] = places {
        *allowed = allowed_at(1 << place);
        place += 1;
        places = tail;
    }
    table
};

/// What may be repeated somewhere.
const REPEATABLE: u64 = PropertyId::UserProperty.bit() | PropertyId::SubscriptionIdentifier.bit();

/// All that may stand somewhere.
#[cfg(any(feature = "alloc", feature = "arbitrary"))]
const ANYWHERE: Allowed = Allowed { any: KNOWN, repeated: REPEATABLE };

/// What may stand at the place of that bit.
const fn allowed_at(place: u16) -> Allowed {
    let mut allowed = Allowed { any: 0, repeated: 0 };
    let mut rest = PropertyId::ALL;
    while let [id, tail @ ..] = rest {
        let (once, repeated) = id.places();
        if (once | repeated) & place != 0 {
            allowed.any |= id.bit();
        }
        if repeated & place != 0 {
            allowed.repeated |= id.bit();
        }
        rest = tail;
    }
    allowed
}

/// Every property's bit.
const KNOWN: u64 = {
    let mut known = 0;
    let mut rest = PropertyId::ALL;
    while let [id, tail @ ..] = rest {
        known |= id.bit();
        rest = tail;
    }
    known
};

impl PropertyId {
    /// Whether the property may stand in that packet, by section 2.2.2.2. For the will inside CONNECT see
    /// [`is_allowed_in_will`](PropertyId::is_allowed_in_will).
    #[must_use]
    pub const fn is_allowed_in(self, packet: PacketType) -> bool {
        let (once, repeated) = self.places();
        (once | repeated) & packet.bit() != 0
    }

    /// Whether the property may stand among the will properties, section 3.1.3.2.
    #[must_use]
    pub const fn is_allowed_in_will(self) -> bool {
        let (once, repeated) = self.places();
        (once | repeated) & Place::Will.bit() != 0
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl From<PropertyId> for u8 {
    #[inline]
    fn from(id: PropertyId) -> u8 {
        id as u8
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which properties were seen, a bit each; watches over where and how often they stand.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    /// The bit that says that some property was seen more than once; none has this identifier.
    const REPEATED: u64 = 1 << 63;

    #[inline(always)]
    fn add(&mut self, id: u8, allowed: Allowed) -> Result<(), Violation> {
        let bit = if id < 63 { 1 << id } else { 0 };
        let repeated = self.0 & bit != 0;
        if bit & allowed.any == 0 || repeated && bit & allowed.repeated == 0 {
            return Err(self.refusal(bit, allowed));
        }
        self.0 |= if repeated { Seen::REPEATED } else { bit };
        Ok(())
    }

    #[cold]
    fn refusal(self, bit: u64, allowed: Allowed) -> Violation {
        if bit & KNOWN == 0 {
            Violation::UnknownProperty
        } else if bit & allowed.any == 0 {
            Violation::PropertyNotAllowed
        } else {
            Violation::DuplicateProperty
        }
    }

    #[inline(always)]
    const fn contains(self, id: PropertyId) -> bool {
        self.0 & id.bit() != 0
    }

    /// Of properties that were validated for some place: whether one of them may not stand at another place, or
    /// not as often.
    #[inline(always)]
    const fn needs_second_look(self, allowed: Allowed) -> bool {
        let repeated = if self.0 & Seen::REPEATED != 0 { self.0 & REPEATABLE } else { 0 };
        self.0 & !(allowed.any | Seen::REPEATED) != 0 || repeated & !allowed.repeated != 0
    }

    /// What section 3.1.2.11.10 and 3.15.2.2.2 ask of the authentication properties.
    fn check_authentication(self, place: Place) -> Result<(), Violation> {
        let needed = match place {
            Place::Packet(PacketType::Auth) => true,
            Place::Packet(PacketType::Connect) => self.contains(PropertyId::AuthenticationData),
            _ => false,
        };
        if needed && !self.contains(PropertyId::AuthenticationMethod) {
            return Err(Violation::AuthenticationMethodMissing);
        }
        Ok(())
    }
}

impl sealed::Sealed for Property<'_> {}

impl<'a> Item<'a> for Property<'a> {
    #[inline]
    fn next(wire: &mut Wire<'a>) -> Option<Self> {
        let (&id, value) = wire.rest.split_first()?;
        let (rest, property) = Property::value(id, wire.strings, value).ok()?;
        wire.rest = rest;
        Some(property)
    }
}

/// The properties of a packet or of a will, section 2.2.2: a [`List`] that also knows which are there.
///
/// Before 5.0 there are none, and a packet that has some cannot be encoded.
///
/// ```
/// use mqtt_sansio::{Properties, Property, PropertyId, UserProperty};
///
/// let list = [
///     Property::MessageExpiryInterval(60),
///     Property::UserProperty(UserProperty { name: "room", value: "kitchen" }),
/// ];
/// let properties = Properties::from(&list);
/// assert!(properties.contains(PropertyId::MessageExpiryInterval));
/// assert_eq!(properties.find(PropertyId::MessageExpiryInterval), Some(list[0]));
/// assert_eq!(properties.find(PropertyId::TopicAlias), None);
/// assert_eq!(properties.user_properties().next().unwrap().value, "kitchen");
/// ```
#[derive(Clone, Copy)]
pub struct Properties<'a> {
    list: List<'a, Property<'a>>,
    seen: Seen,
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'a> = Properties { list: List::EMPTY, seen: Seen(0) };

    /// The properties of a slice, in its order. Whether they may stand where they are put is checked when
    /// the packet is encoded.
    #[must_use]
    pub const fn new(properties: &'a [Property<'a>]) -> Properties<'a> {
        let mut seen = 0;
        let mut rest = properties;
        while let [first, tail @ ..] = rest {
            let bit = first.id().bit();
            seen |= if seen & bit != 0 { Seen::REPEATED } else { bit };
            rest = tail;
        }
        Properties { list: List::new(properties), seen: Seen(seen) }
    }

    /// The properties of a list, wherever they may stand; `None` where one is repeated that may not be
    /// anywhere.
    #[cfg(feature = "arbitrary")]
    pub(crate) fn from_list(list: List<'a, Property<'a>>) -> Option<Properties<'a>> {
        let mut seen = Seen(0);
        for property in list {
            seen.add(u8::from(property.id()), ANYWHERE).ok()?;
        }
        Some(Properties { list, seen })
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.seen.0 == 0
    }

    /// Whether the property is there.
    #[inline]
    #[must_use]
    pub const fn contains(&self, id: PropertyId) -> bool {
        self.seen.contains(id)
    }

    /// The property, where it is there: the first, where there are several.
    #[inline]
    #[must_use]
    pub fn find(&self, id: PropertyId) -> Option<Property<'a>> {
        if !self.contains(id) {
            return None;
        }
        self.iter().find(|property| property.id() == id)
    }

    /// All properties, in the order they stand in.
    #[inline]
    pub fn iter(&self) -> ListIter<'a, Property<'a>> {
        self.list.iter()
    }

    /// The user properties, in order. [MQTT-3.3.2-18]
    pub fn user_properties(&self) -> impl Iterator<Item = UserProperty<'a>> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(user_property) => Some(user_property),
            _ => None,
        })
    }

    /// The subscription identifiers, in order.
    pub fn subscription_identifiers(
        &self,
    ) -> impl Iterator<Item = SubscriptionIdentifier> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        })
    }

    /// The properties at the start of `i`, with their length before them. [MQTT-2.2.2-1]
    pub(crate) fn read(i: &'a [u8], place: Place) -> Parsed<'a, Properties<'a>> {
        Properties::read_here(i, place)
    }

    /// As [`read`](Properties::read), where the call would cost: in PUBLISH.
    #[inline(always)]
    pub(crate) fn read_here(i: &'a [u8], place: Place) -> Parsed<'a, Properties<'a>> {
        let (rest, len) = read::varint(i)?;
        if len == 0 {
            if let Err(violation) = Seen(0).check_authentication(place) {
                return Err(fail(violation, i));
            }
            return Ok((rest, Properties::EMPTY));
        }
        // A usize holds 32 bits wherever a packet of that length could.
        match rest.split_at_checked(len as usize) {
            Some((block, rest)) => Ok((rest, Properties::read_block(block, place)?)),
            None => Err(fail(Violation::Truncated, i)),
        }
    }

    #[inline(always)]
    fn read_block(block: &'a [u8], place: Place) -> Result<Properties<'a>, nom::Err<DecodeError>> {
        let strings = Strings::new(block);
        let allowed = place.allowed();
        let mut seen = Seen(0);
        let mut rest = block;
        while let Some((&id, value)) = rest.split_first() {
            if id >= 0x80 {
                read::varint(rest)?;
            }
            if let Err(violation) = seen.add(id, allowed) {
                return Err(fail(violation, rest));
            }
            (rest, _) = Property::value(id, strings, value)?;
        }
        if let Err(violation) = seen.check_authentication(place) {
            return Err(fail(violation, block));
        }
        let list = List::from_strings(block, strings);
        Ok(Properties { list, seen })
    }

    /// The bytes they take without the length before them, where they may be sent at that place.
    pub(crate) fn encoded_len(&self, place: Place) -> Result<usize, Violation> {
        self.encoded_len_here(place)
    }

    /// As [`encoded_len`](Properties::encoded_len), where the call would cost: in PUBLISH.
    #[inline(always)]
    pub(crate) fn encoded_len_here(&self, place: Place) -> Result<usize, Violation> {
        if self.is_empty() && !matches!(place, Place::Packet(PacketType::Auth)) {
            return Ok(0);
        }
        self.checked_len(place)
    }

    #[inline(always)]
    fn checked_len(&self, place: Place) -> Result<usize, Violation> {
        self.seen.check_authentication(place)?;
        match self.list.wire_or_slice() {
            Ok(wire) => {
                // What was validated for one place needs a second look only where another allows less.
                if self.seen.needs_second_look(place.allowed()) {
                    self.len_one_by_one(place)?;
                }
                Ok(wire.len())
            }
            // All of them distinct, and all allowed: so much is known from the set.
            Err(properties) if self.seen.0 & !place.allowed().any == 0 => {
                let mut len: usize = 0;
                for property in properties {
                    len = len.saturating_add(property.encoded_len()?);
                }
                Ok(len)
            }
            Err(_) => self.len_one_by_one(place),
        }
    }

    /// The same, where some are repeated or may not stand there.
    #[cold]
    fn len_one_by_one(&self, place: Place) -> Result<usize, Violation> {
        let allowed = place.allowed();
        let mut seen = Seen(0);
        let mut len: usize = 0;
        for property in self.iter() {
            seen.add(u8::from(property.id()), allowed)?;
            len = len.saturating_add(property.encoded_len()?);
        }
        Ok(len)
    }

    /// Writes them without the length before them.
    #[inline(always)]
    pub(crate) fn write<S: Sink>(&self, out: &mut S) -> Option<()> {
        match self.list.wire_or_slice() {
            Ok(wire) => out.bytes(wire),
            Err(properties) => {
                for property in properties {
                    property.write(out)?;
                }
                Some(())
            }
        }
    }
}

impl Default for Properties<'_> {
    fn default() -> Self {
        Properties::EMPTY
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = ListIter<'a, Property<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = ListIter<'a, Property<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> From<&'a [Property<'a>]> for Properties<'a> {
    fn from(properties: &'a [Property<'a>]) -> Self {
        Properties::new(properties)
    }
}

impl<'a, const N: usize> From<&'a [Property<'a>; N]> for Properties<'a> {
    fn from(properties: &'a [Property<'a>; N]) -> Self {
        Properties::new(properties)
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.seen == other.seen && self.list == other.list
    }
}

impl Eq for Properties<'_> {}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}
