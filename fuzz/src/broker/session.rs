//! What a client knows of its session from what it has sent and received.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt_sansio::{
    BrokerConfig, ConnectionId, Filter, Instant, PacketId, PacketType, Publish, QoS, ReasonCode,
    SubscriptionIdentifier, TopicFilter, TopicName, Version,
};

use super::config::PERMISSIONS;
use super::ensure;
use super::published::{Content, Known};

/// One message to the client that is not finished.
#[derive(Debug)]
struct Flight {
    order: u64,
    qos: QoS,
    /// PUBREC was taken: PUBCOMP is awaited.
    released: bool,
    content: Content,
    /// It may have gone to another member of its group, or be too large for this connection.
    may_vanish: bool,
}

/// A message of the client's, and whether it may be routed whatever its rights are then.
pub(super) type Message = (Content, Known, bool);

/// A QoS 2 message of the client's without PUBREL.
#[derive(Debug)]
struct Held {
    /// The last is what came last; which of them it is, may not be known. In 5.0 it was looked at already
    /// whether the client may publish it.
    messages: Vec<Message>,
    /// Whether the broker has surely taken it over.
    sure: bool,
    number: u64,
    /// Whether it came in 5.0.
    v5: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Option<ConnectionId>,
    /// When it ends while the client is away.
    pub(super) expires: Option<Instant>,
    flights: BTreeMap<PacketId, Flight>,
    order: u64,
    /// What is to be sent again on this connection.
    resend: VecDeque<PacketId>,
    unreleased: BTreeMap<PacketId, Held>,
    held: u64,
    /// All filters that were ever asked for; and which of them were shared.
    filters: BTreeSet<(Filter, bool)>,
    identifiers: BTreeSet<u32>,
    /// What the client may do, by number.
    pub(super) rights: usize,
}

impl Session {
    pub(super) fn new() -> Session {
        Session {
            connection: None,
            expires: None,
            flights: BTreeMap::new(),
            order: 0,
            resend: VecDeque::new(),
            unreleased: BTreeMap::new(),
            held: 0,
            filters: BTreeSet::new(),
            identifiers: BTreeSet::new(),
            rights: 0,
        }
    }

    /// `limited` says whether the client takes packets of some sizes only.
    pub(super) fn connected(&mut self, connection: ConnectionId, rights: usize, limited: bool) {
        self.connection = Some(connection);
        self.expires = None;
        self.rights = rights;
        let mut resend: Vec<_> =
            self.flights.iter().map(|(id, flight)| (flight.order, *id)).collect();
        resend.sort_unstable();
        self.resend = resend.into_iter().map(|(_, id)| id).collect();
        for flight in self.flights.values_mut().filter(|flight| !flight.released) {
            flight.may_vanish |= limited;
        }
    }

    /// The client is away: what it has not acknowledged at QoS 1 may go to others.
    pub(super) fn lost(&mut self, expires: Option<Instant>) {
        self.connection = None;
        self.expires = expires;
        self.resend.clear();
        let shared: Vec<_> = self.filters.iter().filter(|(_, shared)| *shared).collect();
        for flight in self.flights.values_mut().filter(|flight| flight.qos == QoS::AtLeastOnce) {
            let topic = TopicName::from_bytes(&flight.content.0);
            let is_shared = |(filter, _): &&(Filter, bool)| {
                topic.as_ref().is_ok_and(|topic| filter.filter().matches(*topic))
            };
            flight.may_vanish |= shared.iter().any(is_shared);
        }
    }

    pub(super) fn subscribed(
        &mut self,
        filter: TopicFilter<'_>,
        identifier: Option<SubscriptionIdentifier>,
        version: Version,
    ) {
        let share = if version == Version::V5_0 { filter.share().ok().flatten() } else { None };
        let shown = share.map_or(filter, |share| share.filter);
        self.filters.insert((shown.into(), share.is_some()));
        self.identifiers.extend(identifier.map(SubscriptionIdentifier::get));
    }

    /// QoS 2 from the client. Another one under an identifier that is in use is the same again. `may_fail`
    /// says whether the broker may refuse it. The number it has from now on.
    pub(super) fn hold(&mut self, id: PacketId, message: Message, may_fail: bool, v5: bool) -> u64 {
        self.held += 1;
        let number = self.held;
        let new = Held { messages: Vec::new(), sure: !may_fail, number, v5 };
        let held = self.unreleased.entry(id).or_insert(new);
        if held.messages.is_empty() || !held.sure {
            held.messages.push(message);
        }
        held.number
    }

    /// In 5.0 one that came before it is another message, and takes its place.
    pub(super) fn forget_older(&mut self, id: PacketId) {
        if self.unreleased.get(&id).is_some_and(|held| !held.v5) {
            self.unreleased.remove(&id);
        }
    }

    /// Whether a message of that identifier is surely held; `None` where there is none.
    pub(super) fn holds(&self, id: PacketId) -> Option<bool> {
        self.unreleased.get(&id).map(|held| held.sure)
    }

    /// PUBREC to the client came with that code.
    pub(super) fn taken_over(&mut self, id: PacketId, number: u64, code: ReasonCode) {
        let Some(held) = self.unreleased.get_mut(&id).filter(|held| held.number == number) else {
            return;
        };
        if !code.is_error() {
            held.sure = true;
        } else if held.messages.len() < 2 {
            self.unreleased.remove(&id);
        } else {
            // The next answer tells of the next.
            held.messages.remove(0);
        }
    }

    /// How many surely await PUBREL, and at least how many bytes; and how many may, and at most how many.
    pub(super) fn held(&self) -> [(usize, usize); 2] {
        let (mut least, mut most) = ((0, 0), (0, 0));
        for held in self.unreleased.values() {
            let sizes = held.messages.iter().map(|(content, known, _)| known.sizes(content));
            if held.sure {
                least =
                    (least.0 + 1, least.1 + sizes.clone().map(|size| size.0).min().unwrap_or(0));
            }
            most = (most.0 + 1, most.1 + sizes.map(|size| size.1).max().unwrap_or(0));
        }
        [least, most]
    }

    /// PUBREL from the client: what may be routed now, and whether it surely was held.
    pub(super) fn release(&mut self, id: PacketId) -> Option<(Vec<Message>, bool)> {
        self.unreleased.remove(&id).map(|held| (held.messages, held.sure))
    }

    /// Whether this acknowledgement is one that may come now.
    pub(super) fn may_acknowledge(
        &self,
        packet: PacketType,
        id: PacketId,
        code: ReasonCode,
    ) -> bool {
        match (packet, self.flights.get(&id)) {
            (_, None) => true,
            (PacketType::PubAck, Some(flight)) => flight.qos == QoS::AtLeastOnce,
            (PacketType::PubRec, Some(flight)) => {
                let again = flight.released && code.is_error();
                flight.qos == QoS::ExactlyOnce && !again
            }
            (_, Some(flight)) => flight.released,
        }
    }

    /// An acknowledgement was taken. For PUBREC: the codes that PUBREL may have.
    pub(super) fn acknowledge(
        &mut self,
        packet: PacketType,
        id: PacketId,
        code: ReasonCode,
    ) -> Result<Vec<ReasonCode>, String> {
        let (success, unknown) = (ReasonCode::Success, ReasonCode::PacketIdentifierNotFound);
        let expected = self.may_acknowledge(packet, id, code);
        let Some(flight) = self.flights.get_mut(&id) else {
            return Ok(vec![unknown]);
        };
        let may_vanish = flight.may_vanish;
        ensure!(expected || may_vanish, "a {packet} was taken for {id}, and not {flight:?}");
        if packet != PacketType::PubRec || code.is_error() || !expected {
            self.flights.remove(&id);
            return Ok(vec![success, unknown]);
        }
        flight.released = true;
        // PUBREL answers it, and is not sent again.
        self.resend.retain(|next| *next != id);
        Ok(if may_vanish { vec![success, unknown] } else { vec![success] })
    }

    /// The first message that is not finished, and the packet that the client would send for it.
    pub(super) fn next_acknowledgement(&self) -> Option<(PacketId, PacketType)> {
        let (id, flight) = self
            .flights
            .iter()
            .filter(|(id, _)| !self.resend.contains(id))
            .min_by_key(|(_, flight)| flight.order)?;
        Some(match flight.qos {
            QoS::AtLeastOnce => (*id, PacketType::PubAck),
            _ if flight.released => (*id, PacketType::PubComp),
            _ => (*id, PacketType::PubRec),
        })
    }

    /// What is surely in flight.
    fn in_flight(&self) -> impl Iterator<Item = &Flight> {
        self.flights.values().filter(|flight| !flight.may_vanish)
    }

    /// Whether something is surely to be sent again.
    pub(super) fn has_resend(&self) -> bool {
        let sure = |id| self.flights.get(id).is_some_and(|flight| !flight.may_vanish);
        self.resend.iter().any(sure)
    }

    /// A PUBLISH to the client of that version, with its topic.
    pub(super) fn publish(
        &mut self,
        publish: &Publish<'_>,
        topic: &[u8],
        version: Version,
        config: &BrokerConfig,
    ) -> Result<(), String> {
        let topic = TopicName::from_bytes(topic).map_err(|error| error.to_string())?;
        let qos = publish.delivery.qos();
        self.check_terms(publish, topic, version, config)?;
        let content = (topic.as_bytes().to_vec(), publish.payload.to_vec());
        let v5 = version == Version::V5_0;
        let Some(id) = publish.delivery.packet_id() else {
            // In 5.0 what is sent again may wait for the client.
            ensure!(v5 || !self.has_resend(), "QoS 0 came before what is sent again");
            return Ok(());
        };
        if publish.delivery.dup() {
            let flight = self.sent_again(id)?;
            let same = flight.qos == qos && flight.content == content && !flight.released;
            ensure!(same, "{publish} was sent again, and had been {flight:?}");
            flight.may_vanish = false;
            return Ok(());
        }
        ensure!(!self.has_resend(), "{publish} came before what is sent again");
        for id in std::mem::take(&mut self.resend) {
            self.flights.remove(&id);
        }
        let free = !self.flights.contains_key(&id);
        ensure!(free, "{id} came twice: {publish}");
        let sizes = self.in_flight().map(|flight| flight.content.0.len() + flight.content.1.len());
        let bytes: usize = sizes.sum();
        let fits = self.flights.is_empty() || bytes <= config.session.max_queued_bytes;
        ensure!(fits, "{bytes} bytes are in flight: {publish}");
        self.order += 1;
        let order = self.order;
        let flight = Flight { order, qos, released: false, content, may_vanish: false };
        self.flights.insert(id, flight);
        let (window, open) =
            (usize::from(config.session.max_inflight_messages.max(1)), self.in_flight().count());
        ensure!(open <= window, "{open} are in flight: {publish}");
        Ok(())
    }

    /// Whether the client may be sent that at all.
    fn check_terms(
        &self,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
        version: Version,
        config: &BrokerConfig,
    ) -> Result<(), String> {
        let (qos, features) = (publish.delivery.qos(), &config.session.features);
        ensure!(qos <= features.maximum_qos, "a PUBLISH at {qos}");
        let subscribed = self.filters.iter().any(|(filter, _)| filter.filter().matches(topic));
        ensure!(subscribed, "{topic} was never subscribed to: {:?}", self.filters);
        let v5 = version == Version::V5_0;
        ensure!(v5 || !publish.retain || features.retain_available, "{topic} was retained");
        // What is sent again was sent when it was allowed.
        let allowed = publish.delivery.dup() || PERMISSIONS[self.rights].may_receive(topic);
        ensure!(allowed, "{topic} may not be received");
        let mut identifiers = publish.properties.subscription_identifiers();
        let known = identifiers.all(|identifier| self.identifiers.contains(&identifier.get()));
        ensure!(known, "{:?} has an identifier that was never given", publish.properties);
        Ok(())
    }

    /// A PUBREL that answers no PUBREC of this connection. In 5.0 it does not wait with those for which the
    /// client has no room.
    pub(super) fn released_again(&mut self, id: PacketId, version: Version) -> Result<(), String> {
        let place = self.resend.iter().position(|next| *next == id);
        if let (Version::V5_0, Some(place)) = (version, place) {
            self.resend.remove(place);
            self.resend.push_front(id);
        }
        let flight = self.sent_again(id)?;
        // One too large to be sent again is released, in case the client has it.
        let large = version == Version::V5_0 && flight.may_vanish;
        let fits = flight.qos == QoS::ExactlyOnce && (flight.released || large);
        ensure!(fits, "PUBREL for {id}, which awaits another packet");
        (flight.released, flight.may_vanish) = (true, false);
        Ok(())
    }

    /// The next packet to be sent again is that one, but for those acknowledged meanwhile and those that are not
    /// this client's any more.
    fn sent_again(&mut self, id: PacketId) -> Result<&mut Flight, String> {
        while let Some(next) = self.resend.pop_front() {
            if next == id {
                break;
            }
            if let Some(passed) = self.flights.remove(&next) {
                ensure!(passed.may_vanish, "{id} was sent again before {next}: {passed:?}");
            }
        }
        let flight = self.flights.get_mut(&id);
        flight.ok_or_else(|| format!("{id} was sent again, and is not in flight"))
    }
}
