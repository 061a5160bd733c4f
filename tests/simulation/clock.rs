//! Time in the model: what it brings about.

use mqtt_sansio::{BrokerEvent, CloseReason, Instant};

use crate::model::{Model, State, Why};

impl Model {
    /// When something happens if nothing else does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let connections = self.connections.values().filter_map(|state| match state {
            State::Handshake { hello: None, deadline, .. } => Some(*deadline),
            State::Closing { deadline, .. } => Some(*deadline),
            _ => None,
        });
        let sessions = self.sessions.values().filter_map(|session| {
            let will = session.will.as_ref().map(|(_, due)| *due);
            match &session.link {
                Some(link) => link.deadline(),
                None => [session.expires, will].into_iter().flatten().min(),
            }
        });
        let retained = self.retained.values().filter_map(|(held, _)| held.expires);
        connections.chain(sessions).chain(retained).min()
    }

    /// Connections whose last packet was not pulled in time.
    pub(crate) fn close_late(&mut self) {
        for state in self.connections.values_mut() {
            if matches!(state, State::Closing { deadline, .. } if *deadline <= self.now) {
                self.seen.add("CONNACK not taken in time");
                *state = State::Closed;
            }
        }
    }

    /// An event that only the time can have brought about: it must be due.
    pub(crate) fn time_has_come(&mut self, event: &BrokerEvent) {
        match event {
            BrokerEvent::Disconnected { connection, reason, .. } => {
                let deadline = match (self.connections.get(connection), reason) {
                    (
                        Some(State::Handshake { hello: None, deadline, .. }),
                        CloseReason::ConnectTimeout,
                    ) => {
                        self.seen.add("no CONNECT in time");
                        Some(*deadline)
                    }
                    (Some(State::Session(id)), CloseReason::KeepAliveTimeout) => {
                        self.seen.add("keep alive exceeded");
                        let link = self.sessions[id].link.as_ref().unwrap();
                        let (deadline, timer) = (link.deadline(), link.timer);
                        self.expire_retained_before(timer);
                        deadline
                    }
                    _ => None,
                };
                let due = deadline.is_some_and(|at| at <= self.now);
                assert!(due, "at {:?}, due at {deadline:?}: {event:?}", self.now);
                self.close(*connection, Why::Reason(*reason));
            }
            BrokerEvent::SessionExpired { client_id } => {
                let expires = self.sessions.get(&**client_id).and_then(|session| session.expires);
                let due = expires.is_some_and(|at| at <= self.now);
                assert!(due, "at {:?}, due at {expires:?}: {event:?}", self.now);
                self.session_expired(client_id);
            }
            BrokerEvent::Message(message) if message.topic.name().as_str() == "will" => {
                self.will_is_due(&message.payload, event);
            }
            BrokerEvent::Message(message) => {
                let topic = message.topic.name();
                assert!(topic.as_str().starts_with("$SYS/"), "{event:?} out of nothing");
                self.route_message(message);
            }
            _ => panic!("{event:?} out of nothing"),
        }
    }

    /// Of what is due, the first comes first; of retained messages all go with the first.
    fn expire_retained_before(&mut self, at: Option<Instant>) {
        let first = self.retained.values().filter_map(|(held, _)| held.expires).min();
        if first.is_some_and(|first| at.is_some_and(|at| first < at)) {
            self.expire_retained();
        }
    }

    /// The keep alive was looked at, and is again when it may have run out.
    pub(crate) fn look_again(&mut self) {
        let links = self.sessions.values_mut().filter_map(|session| session.link.as_mut());
        for link in links.filter(|link| link.timer.is_some_and(|at| at <= self.now)) {
            link.timer = link.deadline();
        }
    }

    /// The program has subscribed to the topic of delayed wills, and so tells whose turn it is.
    fn will_is_due(&mut self, payload: &[u8], event: &BrokerEvent) {
        let now = self.now;
        let whose = self.sessions.iter().find(|(_, session)| {
            session.will.as_ref().is_some_and(|(will, _)| will.message.payload == payload)
        });
        let due = whose.and_then(|(_, session)| session.will.as_ref()).map(|(_, due)| *due);
        assert!(due.is_some_and(|due| due <= now), "at {now:?}, due at {due:?}: {event:?}");
        let (client_id, session) = whose.unwrap();
        let (client_id, expires) = (client_id.clone(), session.expires);
        self.expire_retained_before(due);
        if expires.is_some_and(|expires| expires <= now) {
            self.seen.add("delayed will at the end of its session");
            self.session_expired(&client_id);
        } else {
            self.publish_delayed(&client_id);
        }
    }

    pub(crate) fn publish_delayed(&mut self, client_id: &str) {
        let session = self.sessions.get_mut(client_id).unwrap();
        let denied = session.denied;
        let (will, _) = session.will.take().unwrap();
        self.seen.add("will delay over");
        self.publish_will(client_id, denied, &will);
    }

    /// Wills that are turned down when they are due: no event tells of them.
    pub(crate) fn reject_wills(&mut self) {
        let now = self.now;
        let due = self
            .sessions
            .iter()
            .filter(|(_, session)| session.will.as_ref().is_some_and(|(_, due)| *due <= now));
        for client_id in due.map(|(client_id, _)| client_id.clone()).collect::<Vec<_>>() {
            let before = self.counts.rejected;
            self.publish_delayed(&client_id);
            assert!(self.counts.rejected > before, "the will of {client_id} was not published");
        }
    }
}
