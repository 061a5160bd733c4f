//! One broker and the connections to it, driven by bytes and a clock of the test's own.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_sansio::{
    Broker, BrokerConfig, BrokerEvent, BrokerOutput, CloseReason, ConnectRequest, ConnectionId,
    Instant, Message, Permissions, Property, ReasonCode,
};

use crate::wire::{Wire, connect, hex, words};

pub(crate) fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// One connection of a [`Bench`], by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) usize);

/// What the driver says to a CONNECT.
pub(crate) enum Answer {
    Accept(Permissions),
    Refuse(ReasonCode),
    /// With these properties in CONNACK.
    AcceptWith(Permissions, Vec<Property<'static>>),
    RefuseWith(ReasonCode, Vec<Property<'static>>),
    /// Nothing: the test answers.
    Later,
}

type Door = Box<dyn Fn(&ConnectRequest) -> Answer>;

/// What is known of one connection.
struct Line {
    id: ConnectionId,
    received: Vec<u8>,
    /// Its transport takes nothing.
    stalled: bool,
    /// The broker said `Transmit` while it was stalled.
    announced: bool,
    closed: bool,
    reason: Option<CloseReason>,
}

pub(crate) struct Bench {
    pub(crate) broker: Broker,
    pub(crate) now: u64,
    pub(crate) wait: Option<Instant>,
    /// Off where checking after each step would take too long.
    pub(crate) checked: bool,
    /// How many bytes a pull asks for.
    pub(crate) pull: usize,
    door: Door,
    lines: Vec<Line>,
    events: Vec<BrokerEvent>,
}

impl Bench {
    /// A broker that accepts everybody and publishes nothing by itself.
    pub(crate) fn new() -> Bench {
        Bench::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut BrokerConfig)) -> Bench {
        let mut config = BrokerConfig::default();
        config.sys_interval = None;
        change(&mut config);
        Bench {
            broker: Broker::new(ms(1000), config),
            now: 1000,
            wait: None,
            checked: true,
            pull: usize::MAX,
            door: Box::new(|_| Answer::Accept(Permissions::all())),
            lines: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A broker with these clients connected: clean sessions, no keep alive.
    pub(crate) fn with_clients<const N: usize>(names: [&str; N]) -> (Bench, [Peer; N]) {
        let mut bench = Bench::new();
        let peers = names.map(|name| bench.client(name));
        (bench, peers)
    }

    pub(crate) fn answer_with(&mut self, door: impl Fn(&ConnectRequest) -> Answer + 'static) {
        self.door = Box::new(door);
    }

    /// A transport was opened.
    #[track_caller]
    pub(crate) fn open(&mut self) -> Peer {
        let id = self.broker.open(ms(self.now)).unwrap();
        self.lines.push(Line {
            id,
            received: Vec::new(),
            stalled: false,
            announced: false,
            closed: false,
            reason: None,
        });
        self.drive();
        Peer(self.lines.len() - 1)
    }

    /// A new connection that sends this at once.
    #[track_caller]
    pub(crate) fn dial(&mut self, first: impl Wire) -> Peer {
        let peer = self.open();
        self.send(peer, first);
        peer
    }

    /// A connected client with a clean session.
    #[track_caller]
    pub(crate) fn client(&mut self, name: &str) -> Peer {
        let peer = self.dial(connect(name, |_| ()));
        self.got(peer, "20020000");
        peer
    }

    /// A connected client with a session that stays.
    #[track_caller]
    pub(crate) fn stayer(&mut self, name: &str, session_present: bool) -> Peer {
        let peer = self.dial(connect(name, |connect| connect.clean_start = false));
        self.got(peer, if session_present { "20020100" } else { "20020000" });
        peer
    }

    /// Bytes come from that side.
    #[track_caller]
    pub(crate) fn send(&mut self, peer: Peer, bytes: impl Wire) {
        let id = self.id(peer);
        self.broker.handle_input(ms(self.now), id, &bytes.wire());
        self.drive();
    }

    /// Sends, and asserts the whole answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, peer: Peer, bytes: impl Wire, answer: impl Wire) {
        self.send(peer, bytes);
        self.got(peer, answer);
    }

    /// The transport of that side is lost.
    #[track_caller]
    pub(crate) fn lose(&mut self, peer: Peer) {
        let id = self.id(peer);
        self.lines[peer.0].closed = true;
        self.broker.handle_closed(ms(self.now), id);
        self.drive();
    }

    /// Time passes, and the broker is told.
    #[track_caller]
    pub(crate) fn at(&mut self, now: u64) {
        self.now = now;
        self.broker.handle_timeout(ms(now));
        self.drive();
    }

    /// Tells the time again as long as the broker asks for it at once.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        while self.wait.is_some_and(|at| at <= ms(self.now)) {
            self.at(self.now);
        }
    }

    #[track_caller]
    pub(crate) fn publish(&mut self, message: Message) {
        assert_eq!(self.broker.publish(ms(self.now), message), Ok(()));
        self.drive();
    }

    /// From now on its transport takes nothing.
    pub(crate) fn stall(&mut self, peer: Peer) {
        self.lines[peer.0].stalled = true;
    }

    /// Its transport takes everything again.
    #[track_caller]
    pub(crate) fn resume(&mut self, peer: Peer) {
        self.lines[peer.0].stalled = false;
        if std::mem::take(&mut self.lines[peer.0].announced) {
            self.transmit(peer.0);
        }
        self.drive();
    }

    /// What came on the connection since this was asked last.
    pub(crate) fn received(&mut self, peer: Peer) -> Vec<u8> {
        std::mem::take(&mut self.lines[peer.0].received)
    }

    /// Puts bytes that came back before those still to come.
    pub(crate) fn unread(&mut self, peer: Peer, bytes: &[u8]) {
        self.lines[peer.0].received.splice(..0, bytes.iter().copied());
    }

    /// Asserts what came on the connection since this was asked last.
    #[track_caller]
    pub(crate) fn got(&mut self, peer: Peer, expected: impl Wire) {
        let (received, expected) = (self.received(peer), expected.wire());
        assert!(
            received == expected,
            "connection {} at {} ms got\n{}expected\n{}",
            peer.0,
            self.now,
            words(&received),
            words(&expected)
        );
    }

    /// Asserts that nothing came on any of these connections, and that they are open.
    #[track_caller]
    pub(crate) fn quiet(&mut self, peers: &[Peer]) {
        for &peer in peers {
            self.got(peer, "");
            self.is_open(peer);
        }
    }

    #[track_caller]
    pub(crate) fn is_open(&self, peer: Peer) {
        let line = &self.lines[peer.0];
        assert_eq!((line.closed, line.reason), (false, None), "connection {}", peer.0);
    }

    /// Asserts that the broker has closed the connection, for this reason.
    #[track_caller]
    pub(crate) fn is_closed(&self, peer: Peer, reason: impl Into<CloseReason>) {
        let line = &self.lines[peer.0];
        let expected = (true, Some(reason.into()));
        assert_eq!((line.closed, line.reason), expected, "connection {}", peer.0);
    }

    /// Asserts that the broker has closed the connection, and sent nothing before; for what.
    #[track_caller]
    pub(crate) fn closed_silently(&mut self, peer: Peer) -> CloseReason {
        self.got(peer, "");
        let line = &self.lines[peer.0];
        assert!(line.closed, "connection {} is open", peer.0);
        line.reason.unwrap()
    }

    /// Whether the transport of this connection is closed, and not just its end told.
    pub(crate) fn is_transport_closed(&self, peer: Peer) -> bool {
        self.lines[peer.0].closed
    }

    /// For what the connection is over, where it is.
    pub(crate) fn reason(&self, peer: Peer) -> Option<CloseReason> {
        self.lines[peer.0].reason
    }

    pub(crate) fn id(&self, peer: Peer) -> ConnectionId {
        self.lines[peer.0].id
    }

    /// The events since this was asked last.
    pub(crate) fn events(&mut self) -> Vec<BrokerEvent> {
        std::mem::take(&mut self.events)
    }

    /// The messages for the program itself since this was asked last; other events are dropped.
    pub(crate) fn messages(&mut self) -> Vec<Arc<Message>> {
        let message = |event| match event {
            BrokerEvent::Message(message) => Some(message),
            _ => None,
        };
        self.events().into_iter().filter_map(message).collect()
    }

    /// Polls until `Wait`, as a driver does: it answers, writes and closes.
    #[track_caller]
    pub(crate) fn drive(&mut self) {
        loop {
            if self.checked {
                self.broker.check_invariants();
            }
            match self.broker.poll_output() {
                BrokerOutput::Event(event) => self.note(event),
                BrokerOutput::Transmit(id) => {
                    let index = self.index(id);
                    self.transmit(index);
                }
                BrokerOutput::Close(id) => {
                    let index = self.index(id);
                    assert!(!self.lines[index].closed, "Close of connection {index} twice");
                    self.lines[index].closed = true;
                    self.broker.handle_closed(ms(self.now), id);
                }
                BrokerOutput::Wait(until) => {
                    self.wait = until;
                    return;
                }
            }
        }
    }

    fn transmit(&mut self, index: usize) {
        let line = &mut self.lines[index];
        if line.stalled {
            line.announced = true;
            return;
        }
        assert!(!line.closed, "Transmit on connection {index}, which is closed");
        let mut out = Vec::new();
        let size = self.broker.poll_transmit(ms(self.now), line.id, &mut out, self.pull);
        assert_eq!(size, out.iter().map(Bytes::len).sum::<usize>(), "{}", hex(&out.concat()));
        line.received.extend(out.concat());
    }

    fn note(&mut self, event: BrokerEvent) {
        match &event {
            BrokerEvent::Connect { connection, request } => match (self.door)(request) {
                Answer::Accept(permissions) => {
                    self.broker.accept(ms(self.now), *connection, permissions);
                }
                Answer::Refuse(code) => self.broker.refuse(ms(self.now), *connection, code),
                Answer::AcceptWith(permissions, properties) => {
                    let now = ms(self.now);
                    let result =
                        self.broker.accept_with(now, *connection, permissions, &properties);
                    assert_eq!(result, Ok(()), "{properties:?}");
                }
                Answer::RefuseWith(code, properties) => {
                    let result =
                        self.broker.refuse_with(ms(self.now), *connection, code, &properties);
                    assert_eq!(result, Ok(()), "{properties:?}");
                }
                Answer::Later => {}
            },
            BrokerEvent::Disconnected { connection, reason, .. } => {
                let index = self.index(*connection);
                let before = self.lines[index].reason.replace(*reason);
                assert_eq!(before, None, "Disconnected of connection {index} twice: {reason}");
            }
            _ => {}
        }
        self.events.push(event);
    }

    fn index(&self, id: ConnectionId) -> usize {
        self.lines.iter().rposition(|line| line.id == id).unwrap_or_else(|| panic!("{id}"))
    }
}
