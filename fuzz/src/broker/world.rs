//! All connections and sessions as they must be, after what was done and said so far.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mqtt_sansio::{
    Broker, BrokerConfig, BrokerEvent, CloseReason, ConnectRequest, ConnectionId, Instant, Message,
    TopicFilter,
};

use super::call::{Action, Answer, Call};
use super::ensure;
use super::link::Link;
use super::peer::{Asked, Peer, Phase};
use super::published::{Known, Published, content_of};
use super::said::ACCEPTING;
use super::session::Session;

pub(super) struct World {
    pub(super) config: BrokerConfig,
    pub(super) peers: Vec<Peer>,
    pub(super) sessions: BTreeMap<Arc<str>, Session>,
    /// What anybody has published and the broker was to route.
    pub(super) published: Published,
    /// The program's subscriptions, and whether each still holds.
    filters: BTreeMap<&'static str, bool>,
    /// The latest time told.
    pub(super) now: Instant,
    /// When the broker wants to be called.
    pub(super) wait: Option<Instant>,
}

/// What one call has led to.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) events: Vec<BrokerEvent>,
    pub(super) transmit: Vec<ConnectionId>,
    pub(super) close: Vec<ConnectionId>,
    pub(super) wait: Option<Instant>,
    /// How many packets the broker has taken.
    pub(super) packets: u64,
}

impl Outcome {
    /// Why this connection has ended, if it has.
    pub(super) fn end_of(&self, id: ConnectionId) -> Option<CloseReason> {
        self.events.iter().find_map(|event| match event {
            BrokerEvent::Disconnected { connection, reason, .. } if *connection == id => {
                Some(*reason)
            }
            _ => None,
        })
    }
}

impl World {
    pub(super) fn new(config: BrokerConfig) -> World {
        World {
            config,
            peers: Vec::new(),
            sessions: BTreeMap::new(),
            published: Published::default(),
            filters: BTreeMap::new(),
            now: Instant::default(),
            wait: None,
        }
    }

    pub(super) fn peer(&mut self, id: ConnectionId) -> Result<&mut Peer, String> {
        let peer = self.peers.iter_mut().rev().find(|peer| peer.id == id);
        peer.ok_or_else(|| format!("{id:?} is no connection"))
    }

    /// Whether that call may have had that outcome.
    pub(super) fn saw(&mut self, call: &Call, outcome: &Outcome) -> Result<(), String> {
        self.now = self.now.max(call.now);
        self.before_events(&call.action, outcome)?;
        for event in &outcome.events {
            self.event(event, call, outcome)?;
        }
        self.transmit(outcome)?;
        self.after_events(&call.action, outcome)?;
        for id in &outcome.close {
            let peer = self.peer(*id)?;
            let first = !std::mem::replace(&mut peer.told_to_close, true);
            ensure!(first && !peer.gone, "{id:?} was to be closed again");
        }
        self.wait = outcome.wait;
        Ok(())
    }

    fn transmit(&mut self, outcome: &Outcome) -> Result<(), String> {
        for id in &outcome.transmit {
            let peer = self.peer(*id)?;
            ensure!(!peer.gone, "{id:?} is gone, and there was something to send");
            peer.wants = true;
        }
        Ok(())
    }

    fn before_events(&mut self, action: &Action, outcome: &Outcome) -> Result<(), String> {
        match (action, &outcome.answer) {
            (Action::Open, Answer::Opened(opened)) => return self.opened(opened.ok()),
            (Action::Input(id, bytes), _) => return self.input(*id, bytes, outcome),
            (Action::Disconnect(id), _)
            | (Action::DisconnectWith(id, ..), Answer::Done(Ok(()))) => {
                self.farewell_is_over(|peer| peer.id == *id);
            }
            (Action::Authenticate(id, code, said), Answer::Done(done)) => {
                return self.authenticated(*id, *code, *said, done.is_ok());
            }
            (Action::Shutdown, _) => self.farewell_is_over(|_| true),
            (Action::Closed(id), _) => {
                self.farewell_is_over(|peer| peer.id == *id);
                let peer = self.peer(*id)?;
                (peer.gone, peer.wants) = (true, false);
            }
            (Action::Publish(message), Answer::Done(Ok(()))) => {
                let known = Known::new(&message.properties.properties(), Some(self.now));
                self.published.insert(content_of(message), known);
            }
            (Action::Subscribe(filter), Answer::Done(result)) => {
                let held = self.filters.get(filter) == Some(&true);
                ensure!(result.is_ok() || !held, "{filter} was refused and had been accepted");
                if result.is_ok() {
                    self.filters.insert(filter, true);
                }
            }
            (Action::Unsubscribe(filter), Answer::Found(found)) => {
                let held = self.filters.get(filter) == Some(&true);
                ensure!(*found == held, "the program has {filter}: {held}");
                if held {
                    self.filters.insert(filter, false);
                }
            }
            (Action::Timeout, _) => {
                let early = self.wait.is_none_or(|wait| wait > self.now);
                ensure!(!early || outcome.events.is_empty(), "an early timeout did something");
                self.overdue_farewells_are_over();
            }
            (Action::EndSession(client_id), Answer::Found(found)) => {
                ensure!(*found == self.sessions.contains_key(*client_id), "{client_id}: {found}");
            }
            (Action::SetPermissions(client_id, rights), Answer::Found(found)) => {
                ensure!(*found == self.sessions.contains_key(*client_id), "{client_id}: {found}");
                self.set_rights(client_id, *rights);
            }
            (Action::Pull(id, max), Answer::Sent(sent)) => {
                ensure!(outcome.events.is_empty(), "a pull led to {:?}", outcome.events);
                let again = outcome.transmit.contains(id);
                return self.pulled(*id, *max, sent, again);
            }
            _ => {}
        }
        Ok(())
    }

    fn set_rights(&mut self, client_id: &str, rights: usize) {
        let Some(session) = self.sessions.get_mut(client_id) else {
            return;
        };
        session.rights = rights;
        let connection = session.connection;
        let peer = self.peers.iter_mut().find(|peer| Some(peer.id) == connection);
        if let Some(link) = peer.and_then(Peer::link) {
            link.rights = rights;
        }
    }

    fn overdue_farewells_are_over(&mut self) {
        let now = self.now;
        self.farewell_is_over(|peer| peer.deadline(Duration::MAX).is_some_and(|at| at <= now));
    }

    fn farewell_is_over(&mut self, of: impl Fn(&Peer) -> bool) {
        for peer in self.peers.iter_mut().filter(|peer| of(peer)) {
            if let Phase::Over(farewell) = &mut peer.phase {
                *farewell = None;
                peer.wants = false;
            }
        }
    }

    fn opened(&mut self, id: Option<ConnectionId>) -> Result<(), String> {
        let open = self.peers.iter().filter(|peer| !peer.gone);
        let (open, pending) = (open.clone().count(), open.filter(|peer| peer.is_pending()).count());
        let room =
            open < self.config.max_connections && pending < self.config.max_pending_connections;
        ensure!(room == id.is_some(), "{open} are open, {pending} pending: {id:?}");
        if let Some(id) = id {
            ensure!(self.peer(id).is_err(), "{id:?} was given twice");
            self.peers.push(Peer::new(id, self.now));
        }
        Ok(())
    }

    fn event(&mut self, event: &BrokerEvent, call: &Call, outcome: &Outcome) -> Result<(), String> {
        match event {
            BrokerEvent::Connect { connection, request } => self.asks(*connection, request),
            BrokerEvent::Connected { connection, client_id, session_present } => {
                let Action::Accept(id, rights, said) = call.action else {
                    return Err(format!("{connection:?} was not accepted"));
                };
                ensure!(id == *connection, "{connection:?} was not accepted");
                self.connected(id, client_id, *session_present, (rights, said))?;
                self.taken(id, outcome)
            }
            BrokerEvent::Authentication { connection, reason_code, properties } => {
                self.authenticates(*connection, *reason_code, properties)
            }
            BrokerEvent::Disconnected { connection, client_id, reason, properties } => {
                self.ended(*connection, client_id.as_ref(), (*reason, properties), &call.action)
            }
            BrokerEvent::SessionExpired { client_id } => {
                let session = self.sessions.remove(client_id);
                let session = session.ok_or_else(|| format!("{client_id} has no session"))?;
                let due = session.connection.is_none()
                    && session.expires.is_some_and(|expires| expires <= self.now);
                ensure!(due, "the session of {client_id} ended too early: {:?}", session.expires);
                Ok(())
            }
            BrokerEvent::Message(message) => self.to_program(message),
            event => Err(format!("{event:?} is unknown")),
        }
    }

    fn to_program(&self, message: &Message) -> Result<(), String> {
        let topic = message.topic.name();
        let matches = |filter: &&str| TopicFilter::new(filter).is_ok_and(|f| f.matches(topic));
        ensure!(self.filters.keys().any(matches), "the program did not subscribe to {topic}");
        let content = content_of(message);
        if self.config.sys_interval.is_some() && content.0.starts_with(b"$SYS/broker/") {
            return Ok(());
        }
        self.published.check_content(&content)
    }

    fn connected(
        &mut self,
        id: ConnectionId,
        client_id: &Arc<str>,
        session_present: bool,
        (rights, said): (usize, usize),
    ) -> Result<(), String> {
        let (now, config) = (self.now, self.config.clone());
        let peer = self.peer(id)?;
        let phase = std::mem::replace(&mut peer.phase, Phase::Over(None));
        let Phase::Asked(asked) = phase else {
            return Err(format!("{id:?} did not ask"));
        };
        let given = asked.request.client_id.as_str();
        let as_asked = !client_id.is_empty() && (given.is_empty() || *given == **client_id);
        ensure!(as_asked, "{client_id} is not {given:?}");
        let clean_start = asked.request.clean_start;
        let rights_and_said = (rights, said);
        let link = Link::new(
            *asked,
            Arc::clone(client_id),
            session_present,
            rights_and_said,
            (now, &config),
        );
        let limited = link.reader.maximum_packet_size < 5000;
        peer.phase = Phase::Connected(Box::new(link));
        if clean_start {
            self.sessions.remove(client_id);
        }
        let known = self.sessions.contains_key(client_id);
        ensure!(known == session_present, "the session of {client_id}: present is {known}");
        let session = self.sessions.entry(Arc::clone(client_id)).or_insert_with(Session::new);
        ensure!(session.connection.is_none(), "{client_id} is connected twice");
        session.connected(id, rights, limited);
        Ok(())
    }

    fn after_events(&mut self, action: &Action, outcome: &Outcome) -> Result<(), String> {
        let (now, timeout) = (self.now, self.config.session.handshake.timeout);
        match action {
            Action::Accept(id, _, said) => {
                let done = outcome.answer == Answer::Done(Ok(()));
                // The last two may not be said; an identifier may be taken, or there be no method.
                let fine = *said + 2 < ACCEPTING.len();
                let peer = self.peer(*id)?;
                let answered = peer.asked().is_none();
                ensure!(answered || !done, "{id:?} has no answer");
                ensure!(answered || !fine || [5, 6, 9].contains(said), "{:?}", outcome.answer);
            }
            Action::Refuse(id, ..) => {
                let done = outcome.answer == Answer::Done(Ok(()));
                ensure!(!done || self.peer(*id)?.asked().is_none(), "{id:?} has no answer");
            }
            Action::DisconnectWith(id, ..) if outcome.answer != Answer::Done(Ok(())) => {
                ensure!(outcome.events.is_empty(), "{id:?}: {:?}", outcome.events);
            }
            Action::Closed(id) | Action::Disconnect(id) | Action::DisconnectWith(id, ..) => {
                ensure!(self.peer(*id)?.is_over(), "{id:?} has not ended");
            }
            Action::Shutdown => {
                ensure!(self.peers.iter().all(Peer::is_over), "not all were shut down");
            }
            Action::EndSession(client_id) => {
                self.sessions.remove(*client_id);
            }
            Action::Timeout => {
                self.overdue_farewells_are_over();
                let overdue = |peer: &&Peer| peer.deadline(timeout).is_some_and(|at| at <= now);
                let overdue = self.peers.iter().find(overdue).map(|peer| peer.id);
                ensure!(overdue.is_none(), "{overdue:?} is overdue");
                ensure!(outcome.wait.is_none_or(|at| at > now), "a timeout that has passed");
                let mut sessions = self.sessions.iter();
                let stays =
                    sessions.find(|(_, session)| session.expires.is_some_and(|at| at <= now));
                ensure!(stays.is_none(), "the session of {stays:?} has not ended");
            }
            _ => {}
        }
        Ok(())
    }

    /// What must hold whenever the broker has nothing to say.
    pub(super) fn check(&mut self, broker: &Broker) -> Result<(), String> {
        ensure!(broker.sessions() == self.sessions.len(), "sessions: {:?}", self.sessions.keys());
        let connected = self.sessions.values().filter(|session| session.connection.is_some());
        let connected = connected.count();
        let counted = broker.statistics().clients_connected;
        ensure!(counted == connected, "{counted} are connected, and not {connected}");
        let (router, limits) = (broker.router(), &self.config.router);
        // The broker's own come in any case.
        let own = self.config.sys_interval.is_some();
        let (messages, bytes) = (router.retained_messages(), router.retained_bytes());
        ensure!(own || messages <= limits.max_retained_messages, "{messages} are retained");
        ensure!(own || bytes <= limits.max_retained_bytes, "{bytes} bytes are retained");
        ensure!(messages <= limits.max_retained_messages.saturating_add(20), "{messages}");
        let most = limits.max_subscriptions * (self.sessions.len() + 1);
        ensure!(router.subscriptions() <= most, "too many subscriptions");
        let in_time = |at: Option<Instant>| {
            at.is_none_or(|at| self.wait.is_some_and(|wait| wait <= at.max(self.now)))
        };
        let timeout = self.config.session.handshake.timeout;
        for peer in self.peers.iter().filter(|peer| !peer.gone) {
            let id = peer.id;
            let (mut owes, mut done) = (false, false);
            match &peer.phase {
                Phase::Opened(_) => {}
                Phase::Asked(asked) => owes = !asked.due.is_empty(),
                Phase::Connected(link) => {
                    let session = self.sessions.get(&link.client_id);
                    // In 5.0 what is sent again may wait for the client.
                    let resend = !link.is_5_0() && session.is_some_and(Session::has_resend);
                    owes = !link.due.is_empty() || resend;
                    ensure!(link.told.is_empty(), "the program was not told of AUTH");
                }
                Phase::Over(farewell) => (owes, done) = (farewell.is_some(), farewell.is_none()),
            }
            ensure!(peer.wants || !owes, "nobody was told that there is something for {id:?}");
            ensure!(peer.told_to_close == done, "{id:?} told to close: {}", peer.told_to_close);
            let at = peer.deadline(timeout);
            ensure!(in_time(at), "{id:?} ends at {at:?}, wait for {:?}", self.wait);
        }
        for (client_id, session) in &self.sessions {
            let at = session.expires;
            ensure!(
                in_time(at),
                "the session of {client_id} ends at {at:?}, wait for {:?}",
                self.wait
            );
        }
        Ok(())
    }

    fn asks(&mut self, id: ConnectionId, request: &ConnectRequest) -> Result<(), String> {
        let peer = self.peer(id)?;
        ensure!(matches!(peer.phase, Phase::Opened(_)), "{id:?} asks again");
        let size = super::handshake::connect_size(&peer.input, request)?;
        peer.input.drain(..size);
        peer.phase = Phase::Asked(Box::new(Asked::new(request)));
        Ok(())
    }
}
