//! An accepted connection as the client at its other end sees it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mqtt_sansio::{
    BrokerConfig, Instant, Message, OwnedProperties, Packet, PacketId, PacketType, Properties,
    Property, PropertyId, Publish, QoS, ReasonCode, Sender, Version,
};

use super::due::{Due, Reader};
use super::ensure;
use super::peer::{Asked, Turn};
use super::said::ACCEPTING;

pub(super) struct Link {
    pub(super) client_id: Arc<str>,
    pub(super) reader: Reader,
    /// In seconds.
    pub(super) session_expiry: u32,
    /// What CONNECT asked for.
    pub(super) session_expiry_asked: u32,
    /// What DISCONNECT may ask for, where CONNACK has said so.
    pub(super) session_expiry_maximum: u32,
    keep_alive: Duration,
    pub(super) will: Option<Arc<Message>>,
    /// The will waits when the connection is gone.
    pub(super) will_waits: bool,
    /// What the client may do, by number.
    pub(super) rights: usize,
    pub(super) last_received: Instant,
    /// What the broker has to send before any PUBLISH.
    pub(super) due: VecDeque<Due>,
    /// The last packet was DISCONNECT, with that code.
    pub(super) left: Option<(ReasonCode, OwnedProperties)>,
    pub(super) method: Option<String>,
    pub(super) turn: Turn,
    /// AUTH that the program is to be told of.
    pub(super) told: VecDeque<(ReasonCode, OwnedProperties)>,
    receive_maximum: usize,
    /// QoS 1 and 2 messages that were sent on this connection and are not finished.
    open: BTreeSet<PacketId>,
    /// What the client's aliases stand for, and the highest there may be.
    aliases: BTreeMap<u16, Vec<u8>>,
    /// The same of the broker's.
    given: BTreeMap<u16, Vec<u8>>,
    given_maximum: u16,
}

impl Link {
    pub(super) fn new(
        asked: Asked,
        client_id: Arc<str>,
        session_present: bool,
        (rights, said): (usize, usize),
        (now, config): (Instant, &BrokerConfig),
    ) -> Link {
        let method = asked.method().map(str::to_owned);
        let reader = asked.reader();
        let Asked { request, mut due, .. } = asked;
        let v5 = request.version == Version::V5_0;
        let flag = session_present && request.version != Version::V3_1;
        let asked = request.session_expiry_interval();
        let (session_expiry, keep_alive) = if v5 {
            let said = Properties::new(ACCEPTING[said]);
            (expiry(asked, said, config), kept_alive(request.keep_alive, said, config))
        } else {
            (asked, request.keep_alive)
        };
        let mut terms = Vec::new();
        if v5 {
            terms = Link::terms(asked, session_expiry, request.keep_alive, keep_alive, said);
            // The only method there is.
            terms.extend(method.is_some().then_some(Property::AuthenticationMethod(METHOD)));
            announced(&mut terms, config);
        }
        due.push_back(Due::ConnAck { session_present: flag, terms });
        let properties = request.properties.properties();
        let receive_maximum = match properties.find(PropertyId::ReceiveMaximum) {
            Some(Property::ReceiveMaximum(maximum)) => maximum.get(),
            _ => u16::MAX,
        };
        let given_maximum = match properties.find(PropertyId::TopicAliasMaximum) {
            Some(Property::TopicAliasMaximum(maximum)) => maximum,
            _ => 0,
        };
        Link {
            client_id,
            reader,
            session_expiry,
            session_expiry_asked: asked,
            session_expiry_maximum: if session_expiry == asked { u32::MAX } else { session_expiry },
            keep_alive: Duration::from_millis(u64::from(keep_alive) * 1500),
            will: request.will.clone(),
            will_waits: request.will_delay_interval > 0,
            rights,
            last_received: now,
            due,
            left: None,
            method,
            turn: Turn::Nobody,
            told: VecDeque::new(),
            receive_maximum: receive_maximum.into(),
            open: BTreeSet::new(),
            aliases: BTreeMap::new(),
            given: BTreeMap::new(),
            given_maximum,
        }
    }

    /// What CONNACK says of times.
    fn terms(
        expiry_asked: u32,
        expiry: u32,
        keep_alive_asked: u16,
        keep_alive: u16,
        said: usize,
    ) -> Vec<Property<'static>> {
        let mut terms = Vec::new();
        if expiry != expiry_asked {
            terms.push(Property::SessionExpiryInterval(expiry));
        }
        let said = Properties::new(ACCEPTING[said]);
        if keep_alive != keep_alive_asked || said.contains(PropertyId::ServerKeepAlive) {
            terms.push(Property::ServerKeepAlive(keep_alive));
        }
        terms
    }

    pub(super) fn is_5_0(&self) -> bool {
        self.reader.version == Version::V5_0
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.keep_alive.is_zero()).then_some(self.last_received + self.keep_alive)
    }

    /// The fewest and the most bytes that all answers have.
    pub(super) fn due_bytes(&self) -> (usize, usize) {
        let version = self.reader.version;
        let least = self.due.iter().map(|due| due.least_size(version)).sum();
        (least, self.due.iter().map(|due| due.most_size(version)).sum())
    }

    /// Takes an answer off that the broker owes.
    pub(super) fn answered(&mut self, packet: &Packet<'_>) -> Result<Due, String> {
        let Some(due) = self.due.pop_front() else {
            return Err(format!("{packet} answers nothing"));
        };
        let fits = due.is(packet, self.reader.version);
        ensure!(fits, "{packet:?} came where {due:?} was to come");
        Ok(due)
    }

    /// The topic of the client's PUBLISH; `None` where its alias means nothing.
    pub(super) fn topic(&mut self, publish: &Publish<'_>, maximum: u16) -> Option<Vec<u8>> {
        let topic = publish.topic.as_bytes().to_vec();
        match alias(publish) {
            None => Some(topic),
            Some(alias) if alias > maximum => None,
            Some(alias) if topic.is_empty() => self.aliases.get(&alias).cloned(),
            Some(alias) => {
                self.aliases.insert(alias, topic.clone());
                Some(topic)
            }
        }
    }

    /// Whether an alias of the client's stands for something.
    pub(super) fn knows(&self, alias: u16) -> bool {
        self.aliases.contains_key(&alias)
    }

    /// A PUBLISH to the client, with its topic: the broker's aliases are known, and not too many are open.
    pub(super) fn published(&mut self, publish: &Publish<'_>) -> Result<Vec<u8>, String> {
        let mut topic = publish.topic.as_bytes().to_vec();
        if let Some(alias) = alias(publish) {
            let most = self.given_maximum;
            ensure!(alias <= most, "alias {alias} is above {most}");
            if topic.is_empty() {
                let known = self.given.get(&alias).cloned();
                topic = known.ok_or_else(|| format!("alias {alias} stands for nothing"))?;
            } else {
                self.given.insert(alias, topic.clone());
            }
        }
        if let Some(id) = publish.delivery.packet_id() {
            self.open.insert(id);
            let (open, most) = (self.open.len(), self.receive_maximum);
            ensure!(open <= most, "{open} are open, and the client takes {most}: {publish}");
        }
        Ok(topic)
    }

    /// An acknowledgement of the client's.
    pub(super) fn acknowledged(&mut self, packet: PacketType, id: PacketId, code: ReasonCode) {
        if packet != PacketType::PubRec || code.is_error() {
            self.open.remove(&id);
        }
    }

    /// The end of the connection: the answers that still come, and DISCONNECT with that code.
    pub(super) fn last(&mut self, answered: bool, code: Option<ReasonCode>) -> VecDeque<Due> {
        let mut due = std::mem::take(&mut self.due);
        let code = code.filter(|_| self.is_5_0());
        // Before DISCONNECT at least CONNACK must have been sent.
        if !answered && code.is_none() {
            due.clear();
        }
        if let Some(code) = code {
            let allowed = code.is_allowed_from(Sender::Server, PacketType::Disconnect);
            let code = if allowed { code } else { ReasonCode::ProtocolError };
            due.push_back(Due::Disconnect(code));
        }
        due
    }
}

/// The method that is served.
const METHOD: &str = super::packets::METHODS[0];

fn alias(publish: &Publish<'_>) -> Option<u16> {
    match publish.properties.find(PropertyId::TopicAlias) {
        Some(Property::TopicAlias(alias)) => Some(alias.get()),
        _ => None,
    }
}

/// What CONNACK says of what is served.
fn announced(terms: &mut Vec<Property<'static>>, config: &BrokerConfig) {
    let features = &config.session.features;
    if features.topic_alias_maximum > 0 {
        terms.push(Property::TopicAliasMaximum(features.topic_alias_maximum));
    }
    if features.maximum_qos < QoS::ExactlyOnce {
        terms.push(Property::MaximumQoS(features.maximum_qos));
    }
}

/// The session expiry that holds in 5.0.
fn expiry(asked: u32, said: Properties<'_>, config: &BrokerConfig) -> u32 {
    let interval = match said.find(PropertyId::SessionExpiryInterval) {
        Some(Property::SessionExpiryInterval(seconds)) => seconds,
        _ => asked,
    };
    let longest = config.session_expiry.map_or(u64::MAX, |longest| longest.as_secs());
    interval.min(u32::try_from(longest).unwrap_or(u32::MAX))
}

/// The keep alive that holds in 5.0.
fn kept_alive(asked: u16, said: Properties<'_>, config: &BrokerConfig) -> u16 {
    match (said.find(PropertyId::ServerKeepAlive), config.session.handshake.max_keep_alive) {
        (Some(Property::ServerKeepAlive(seconds)), _) => seconds,
        (_, Some(max)) if !(1..=max).contains(&asked) => max,
        _ => asked,
    }
}
