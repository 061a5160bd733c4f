//! A client of this crate, and the application over it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mqtt_sansio::{
    Answer, Client, ClientConfig, ClientEvent, ClientOutput, Connect, ConnectionId, Disconnect,
    DisconnectReason, Handle, Instant, Message, MessageProperties, Properties, Property,
    PropertyId, PublishOutcome, QoS, ReasonCode, ServerFault, Subscription, SubscriptionIdentifier,
    Token, TopicFilter, Version, Will,
};

/// What all applications have seen.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By client and payload: how often it came at each QoS, without RETAIN.
    pub(crate) got: BTreeMap<String, BTreeMap<Bytes, [u32; 3]>>,
    /// By payload: how often clients got it that live for themselves, and only by sharing it, at QoS 2.
    pub(crate) shared: BTreeMap<Bytes, u32>,
    /// What a server has acknowledged, with its QoS, to a client that can tell.
    pub(crate) acknowledged: Vec<(Bytes, QoS)>,
    pub(crate) lost: u64,
    /// What was acknowledged with an error.
    pub(crate) refused: BTreeSet<Bytes>,
    /// What messages carry, by payload.
    pub(crate) carried: BTreeMap<Bytes, MessageProperties>,
    pub(crate) kinds: crate::log::Kinds,
}

/// What kind of client it is.
#[derive(Clone)]
pub(crate) struct Habits {
    /// What the ledger knows it by: a client without a name may get one.
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) version: Version,
    pub(crate) keep_alive: u16,
    /// Of what it publishes and subscribes to.
    pub(crate) max_qos: usize,
    pub(crate) manual: bool,
    /// Whether its state and the server's always fit together, so that QoS 2 means exactly once.
    pub(crate) is_strict: bool,
    pub(crate) always_clean: bool,
    /// Whether it comes with 5.0 and with 3.1.1, by turns.
    pub(crate) switches: bool,
    /// How many topic aliases it gives, in 5.0.
    pub(crate) topic_aliases: u16,
}

/// What a client of 5.0 says in one CONNECT.
#[derive(Clone, Copy)]
pub(crate) struct Wishes {
    pub(crate) expiry: u32,
    pub(crate) receive_maximum: Option<u16>,
    pub(crate) maximum_packet_size: Option<u32>,
    pub(crate) alias_maximum: u16,
    pub(crate) problem_information: bool,
    pub(crate) will_delay: u32,
}

/// Topics that clients subscribe to in one group only.
pub(crate) const SHARED_ONLY: &str = "$q/";

pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) habits: Habits,
    pub(crate) link: Option<ConnectionId>,
    /// Whether there is something to send.
    pub(crate) wants: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) tokens: Vec<(Token, Bytes)>,
    /// Neither reads nor writes until that step.
    pub(crate) stalled_until: usize,
    /// The client wants its transport closed.
    pub(crate) close: bool,
    /// What the last CONNACK said of the session, until somebody asks.
    pub(crate) session_present: Option<bool>,
    /// What the server called a client without a name.
    pub(crate) assigned: Option<String>,
    /// Whether it has let its session go, and the server may not know.
    clean_next: bool,
    published: BTreeMap<Handle, (Bytes, QoS)>,
}

impl Node {
    pub(crate) fn new(habits: Habits) -> Node {
        Node {
            client: Client::new(Node::config(&habits)),
            habits,
            link: None,
            wants: false,
            deadline: None,
            tokens: Vec::new(),
            stalled_until: 0,
            close: false,
            session_present: None,
            assigned: None,
            clean_next: false,
            published: BTreeMap::new(),
        }
    }

    fn config(habits: &Habits) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.manual_acknowledgement = habits.manual;
        config.max_inflight_messages = 5;
        config.topic_aliases = habits.topic_aliases;
        config
    }

    /// The process ends, and another goes on from its session.
    pub(crate) fn restart(&mut self) {
        let session = self.client.session();
        self.client = Client::resume(Node::config(&self.habits), session);
        (self.wants, self.close, self.deadline) = (false, false, None);
    }

    pub(crate) fn connect(
        &mut self,
        now: Instant,
        clean: bool,
        will: Option<&Message>,
        wishes: Wishes,
    ) {
        let clean_start = clean || self.habits.always_clean || self.clean_next;
        let Habits { version, keep_alive, client_id, .. } = &self.habits;
        let is_5 = *version == Version::V5_0;
        let mut will_properties = Vec::new();
        if let Some(will) = will {
            will_properties.extend(&will.properties.properties());
            if wishes.will_delay > 0 {
                will_properties.push(Property::WillDelayInterval(wishes.will_delay));
            }
        }
        let will = will.map(|will| Will {
            qos: will.qos,
            retain: will.retain,
            properties: Properties::new(if is_5 { &will_properties } else { &[] }),
            ..Will::new(will.topic.name(), &will.payload)
        });
        let properties = if is_5 { wishes.properties() } else { Vec::new() };
        let connect = Connect {
            clean_start,
            keep_alive: *keep_alive,
            will,
            properties: Properties::new(&properties),
            ..Connect::new(*version, client_id)
        };
        self.client.connect(now, &connect).unwrap();
        self.client.check_invariants();
    }

    /// In 5.0 now and then with a reason, or with another Session Expiry Interval.
    pub(crate) fn disconnect(&mut self, now: Instant, reason: ReasonCode, expiry: Option<u32>) {
        if self.habits.version != Version::V5_0 {
            return self.client.disconnect(now);
        }
        let properties: Vec<_> = expiry.map(Property::SessionExpiryInterval).into_iter().collect();
        let disconnect =
            Disconnect { properties: Properties::new(&properties), ..Disconnect::new(reason) };
        // A session that was to end with the connection cannot be prolonged.
        let told = self.client.disconnect_with(now, &disconnect).is_ok();
        self.clean_next |= told && expiry == Some(0);
        self.client.check_invariants();
    }

    pub(crate) fn publish(&mut self, now: Instant, message: Message) {
        let (payload, qos) = (message.payload.clone(), message.qos);
        if let Ok(handle) = self.client.publish(now, message) {
            self.published.insert(handle, (payload, qos));
        }
        self.client.check_invariants();
    }

    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        filters: &[Subscription<'_>],
        identifier: Option<u32>,
    ) {
        let identifier = identifier.and_then(SubscriptionIdentifier::new);
        let property = identifier.map(Property::SubscriptionIdentifier);
        let is_5 = self.habits.version == Version::V5_0;
        let property = property.filter(|_| is_5);
        // Too many requests may wait while the client is away, or the server does not offer it.
        let _ = self.client.subscribe_with(now, filters, property.as_slice());
        self.client.check_invariants();
    }

    pub(crate) fn unsubscribe(&mut self, now: Instant, filter: &str) {
        let _ = self.client.unsubscribe(now, &[TopicFilter::new(filter).unwrap()]);
        self.client.check_invariants();
    }

    /// With an error the message is the server's again: where that is lost, it comes once more.
    pub(crate) fn acknowledge(&mut self, now: Instant, index: usize, refused: Option<&mut Ledger>) {
        let (token, payload) = self.tokens.remove(index);
        if let Some(ledger) = refused {
            ledger.refused.insert(payload);
            let answer = Answer::new(ReasonCode::QuotaExceeded, &[]).unwrap();
            self.client.acknowledge_with(now, token, answer);
        } else {
            self.client.acknowledge(now, token);
        }
        self.client.check_invariants();
    }

    pub(crate) fn pull(&mut self, now: Instant, max: usize) -> Vec<u8> {
        let mut out = Vec::new();
        self.wants = false;
        self.client.poll_transmit(now, &mut out, max);
        self.client.check_invariants();
        out.concat()
    }

    /// The transport is gone.
    pub(crate) fn closed(&mut self, now: Instant) {
        self.link = None;
        self.close = false;
        self.wants = false;
        self.client.handle_closed(now);
        self.client.check_invariants();
    }

    /// Polls until there is nothing more.
    pub(crate) fn poll(&mut self, ledger: &mut Ledger) {
        loop {
            match self.client.poll_output() {
                ClientOutput::Transmit => self.wants = true,
                ClientOutput::Close => self.close = true,
                ClientOutput::Event(event) => self.event(event, ledger),
                ClientOutput::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: ClientEvent, ledger: &mut Ledger) {
        crate::log::say!("    {} is told {event:?}", self.habits.client_id);
        match event {
            ClientEvent::Message { message, token, .. } => {
                self.tokens.extend(token.map(|token| (token, message.payload.clone())));
                self.message(&message, ledger);
            }
            ClientEvent::Published { handle, outcome, .. } => {
                let Some((payload, qos)) = self.published.remove(&handle) else {
                    panic!("{}: {handle:?} ended twice", self.habits.client_id);
                };
                let counts = qos != QoS::AtMostOnce && is_unique(&payload);
                let taken = matches!(
                    outcome,
                    PublishOutcome::Acknowledged | PublishOutcome::NoMatchingSubscribers
                );
                if taken && counts && self.habits.is_strict {
                    ledger.acknowledged.push((payload, qos));
                }
                ledger.lost += u64::from(outcome == PublishOutcome::Lost);
                ledger.kinds.add_if(outcome == PublishOutcome::Expired, "expired in the client");
                let refused = matches!(outcome, PublishOutcome::Refused(_));
                ledger.kinds.add_if(refused, "client told that its message is refused");
            }
            ClientEvent::Connected { session_present, properties, .. } => {
                self.session_present = Some(session_present);
                self.clean_next = false;
                self.assigned = properties.assigned_client_identifier().map(str::to_owned);
            }
            ClientEvent::Disconnected { reason, .. } => self.disconnected(reason, ledger),
            _ => {}
        }
    }

    fn message(&mut self, message: &Message, ledger: &mut Ledger) {
        if !is_unique(&message.payload) {
            return;
        }
        self.carries(message, ledger);
        if message.retain {
            return;
        }
        let got = ledger.got.entry(self.habits.name.clone()).or_default();
        got.entry(message.payload.clone()).or_default()[message.qos as usize] += 1;
        let shared = message.topic.name().as_str().starts_with(SHARED_ONLY);
        if shared && message.qos == QoS::ExactlyOnce && self.habits.is_strict {
            let count = ledger.shared.entry(message.payload.clone()).or_default();
            *count += 1;
            let again = ledger.refused.contains(&message.payload);
            assert!(
                *count == 1 || again,
                "{message:?} came to a second member of its group, or again"
            );
            ledger.kinds.add("QoS 2 message of a group arrived once");
        }
    }

    /// What a message carries is what its publisher gave it, and nothing before 5.0.
    fn carries(&self, message: &Message, ledger: &mut Ledger) {
        let Some(given) = ledger.carried.get(&message.payload) else {
            return;
        };
        if self.habits.version != Version::V5_0 {
            assert!(message.properties.is_empty(), "{message:?} before 5.0");
            return;
        }
        let (given, got) = (given.properties(), message.properties.properties());
        let lasting = |p: &Property<'_>| p.id() != PropertyId::MessageExpiryInterval;
        let same = given.iter().filter(lasting).eq(got.iter().filter(lasting));
        assert!(same, "{message:?} was published with {given:?}");
        let left = message.properties.message_expiry_interval();
        let all = given.find(PropertyId::MessageExpiryInterval);
        let fits = match (left, all) {
            (Some(left), Some(Property::MessageExpiryInterval(all))) => left <= all,
            (left, all) => left.is_none() && all.is_none(),
        };
        assert!(fits, "{message:?} was published with {all:?}");
        ledger.kinds.add_if(!given.is_empty(), "properties arrived");
    }

    fn disconnected(&mut self, reason: DisconnectReason, ledger: &mut Ledger) {
        let id = &self.habits.client_id;
        match reason {
            // Of an earlier connection, which was accepted after the last one.
            DisconnectReason::ServerFault(ServerFault::UnknownSession) => {
                self.clean_next = true;
            }
            DisconnectReason::ServerFault(fault) => panic!("{id}: {fault}"),
            DisconnectReason::Server(code) => {
                let expected = matches!(
                    code,
                    ReasonCode::ServerShuttingDown
                        | ReasonCode::KeepAliveTimeout
                        | ReasonCode::SessionTakenOver
                        | ReasonCode::AdministrativeAction
                        | ReasonCode::ServerMoved
                        | ReasonCode::UseAnotherServer
                        | ReasonCode::ServerBusy
                );
                assert!(expected, "{id} is disconnected: {code}");
                ledger.kinds.add("client told why the server disconnects it");
            }
            _ => {}
        }
    }
}

impl Wishes {
    fn properties(&self) -> Vec<Property<'static>> {
        let mut properties = Vec::new();
        if self.expiry > 0 {
            properties.push(Property::SessionExpiryInterval(self.expiry));
        }
        let receive_maximum = self.receive_maximum.and_then(|maximum| maximum.try_into().ok());
        properties.extend(receive_maximum.map(Property::ReceiveMaximum));
        let size = self.maximum_packet_size.and_then(|size| size.try_into().ok());
        properties.extend(size.map(Property::MaximumPacketSize));
        properties.push(Property::TopicAliasMaximum(self.alias_maximum));
        if !self.problem_information {
            properties.push(Property::RequestProblemInformation(false));
        }
        properties
    }
}

/// Whether no other message has the payload: neither an empty one nor those of raw clients.
pub(crate) fn is_unique(payload: &[u8]) -> bool {
    payload.contains(&b':')
}

pub(crate) fn message(topic: &str, payload: Vec<u8>, qos: QoS, retain: bool) -> Message {
    let mut message = Message::new(topic, payload).unwrap();
    message.qos = qos;
    message.retain = retain;
    message
}
