//! What a client knows of its session from what it has sent and received.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt_sansio::{
    BrokerConfig, ConnectionId, Filter, Instant, Message, PacketId, PacketType, Publish, QoS,
};

use super::config::PERMISSIONS;
use super::ensure;

/// A topic and a payload.
pub(super) type Content = (Vec<u8>, Vec<u8>);

pub(super) fn content(publish: &Publish<'_>) -> Content {
    (publish.topic.as_bytes().to_vec(), publish.payload.to_vec())
}

pub(super) fn content_of(message: &Message) -> Content {
    (message.topic.name().as_bytes().to_vec(), message.payload.to_vec())
}

/// One message to the client that is not finished.
#[derive(Debug)]
struct Flight {
    order: u64,
    qos: QoS,
    /// PUBREC was taken: PUBCOMP is awaited.
    released: bool,
    content: Content,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Option<ConnectionId>,
    /// Since when the client is away.
    pub(super) away: Instant,
    flights: BTreeMap<PacketId, Flight>,
    order: u64,
    /// What is to be sent again on this connection.
    resend: VecDeque<PacketId>,
    /// QoS 2 messages of the client without PUBREL.
    unreleased: BTreeMap<PacketId, Content>,
    /// All filters that were ever asked for.
    filters: BTreeSet<Filter>,
    /// What the client may do, by number.
    pub(super) rights: usize,
}

impl Session {
    pub(super) fn new() -> Session {
        Session {
            connection: None,
            away: Instant::default(),
            flights: BTreeMap::new(),
            order: 0,
            resend: VecDeque::new(),
            unreleased: BTreeMap::new(),
            filters: BTreeSet::new(),
            rights: 0,
        }
    }

    pub(super) fn connected(&mut self, connection: ConnectionId, rights: usize) {
        self.connection = Some(connection);
        self.rights = rights;
        let mut resend: Vec<_> =
            self.flights.iter().map(|(id, flight)| (flight.order, *id)).collect();
        resend.sort_unstable();
        self.resend = resend.into_iter().map(|(_, id)| id).collect();
    }

    pub(super) fn lost(&mut self, now: Instant) {
        self.connection = None;
        self.away = now;
        self.resend.clear();
    }

    pub(super) fn subscribed(&mut self, filter: Filter) {
        self.filters.insert(filter);
    }

    /// QoS 2 from the client. Another one under an identifier that is in use is the same again.
    pub(super) fn hold(&mut self, id: PacketId, content: Content) {
        self.unreleased.entry(id).or_insert(content);
    }

    pub(super) fn holds(&self, id: PacketId) -> bool {
        self.unreleased.contains_key(&id)
    }

    /// How many await PUBREL, and their bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        let bytes = self.unreleased.values().map(|(topic, body)| topic.len() + body.len());
        (self.unreleased.len(), bytes.sum())
    }

    /// PUBREL from the client: what may be routed now.
    pub(super) fn release(&mut self, id: PacketId) -> Option<Content> {
        self.unreleased.remove(&id)
    }

    /// Whether this acknowledgement is one that may come now.
    pub(super) fn may_acknowledge(&self, packet: PacketType, id: PacketId) -> bool {
        match (packet, self.flights.get(&id)) {
            (_, None) => true,
            (PacketType::PubAck, Some(flight)) => flight.qos == QoS::AtLeastOnce,
            (PacketType::PubRec, Some(flight)) => flight.qos == QoS::ExactlyOnce,
            (_, Some(flight)) => flight.released,
        }
    }

    pub(super) fn acknowledge(&mut self, packet: PacketType, id: PacketId) -> Result<(), String> {
        let expected = self.may_acknowledge(packet, id);
        ensure!(expected, "a {packet} was taken for {id}, which awaits another answer");
        if packet != PacketType::PubRec {
            self.flights.remove(&id);
        } else if let Some(flight) = self.flights.get_mut(&id) {
            flight.released = true;
        }
        Ok(())
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

    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether something is to be sent again.
    pub(super) fn has_resend(&self) -> bool {
        self.resend.iter().any(|id| self.flights.contains_key(id))
    }

    /// A PUBLISH to the client.
    pub(super) fn publish(
        &mut self,
        publish: &Publish<'_>,
        config: &BrokerConfig,
    ) -> Result<(), String> {
        let (topic, qos) = (publish.topic, publish.delivery.qos());
        ensure!(qos <= config.session.max_qos, "a PUBLISH at {qos}");
        let subscribed = self.filters.iter().any(|filter| filter.filter().matches(topic));
        ensure!(subscribed, "{topic} was never subscribed to: {:?}", self.filters);
        ensure!(!publish.retain || config.retain_available, "{topic} was retained");
        // What is sent again was sent when it was allowed.
        let allowed = publish.delivery.dup() || PERMISSIONS[self.rights].may_receive(topic);
        ensure!(allowed, "{topic} may not be received");
        let Some(id) = publish.delivery.packet_id() else {
            ensure!(!self.has_resend(), "QoS 0 came before what is sent again");
            return Ok(());
        };
        if publish.delivery.dup() {
            let content = content(publish);
            let flight = self.sent_again(id)?;
            let same = flight.qos == qos && flight.content == content && !flight.released;
            ensure!(same, "{publish} was sent again, and had been {flight:?}");
            return Ok(());
        }
        ensure!(!self.has_resend(), "{publish} came before what is sent again");
        let free = !self.flights.contains_key(&id);
        ensure!(free, "{id} came twice: {publish}");
        let sizes =
            self.flights.values().map(|flight| flight.content.0.len() + flight.content.1.len());
        let bytes: usize = sizes.sum();
        let fits = self.flights.is_empty() || bytes <= config.session.max_queued_bytes;
        ensure!(fits, "{bytes} bytes are in flight: {publish}");
        self.order += 1;
        let flight = Flight { order: self.order, qos, released: false, content: content(publish) };
        self.flights.insert(id, flight);
        let window = usize::from(config.session.max_inflight_messages.max(1));
        ensure!(self.in_flight() <= window, "{} are in flight: {publish}", self.in_flight());
        Ok(())
    }

    /// A PUBREL that answers no PUBREC of this connection.
    pub(super) fn released_again(&mut self, id: PacketId) -> Result<(), String> {
        let flight = self.sent_again(id)?;
        ensure!(flight.released, "PUBREL for {id}, which awaits another packet");
        Ok(())
    }

    /// The next packet to be sent again is that one, but for those acknowledged meanwhile.
    fn sent_again(&mut self, id: PacketId) -> Result<&Flight, String> {
        while let Some(next) = self.resend.pop_front() {
            if next == id {
                break;
            }
            ensure!(!self.flights.contains_key(&next), "{id} was sent again before {next}");
        }
        self.flights.get(&id).ok_or_else(|| format!("{id} was sent again, and is not in flight"))
    }
}
