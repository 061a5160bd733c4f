//! The loop: one thread, all sockets. Each turn reads what has come, has the broker act on it, and writes
//! once to each client that gets something.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{self, Duration};

use mio::{Events, Poll, Token};
use mqtt_sansio::{
    Broker, BrokerConfig, BrokerEvent, BrokerOutput, CloseReason, ConnectRequest, ConnectionId,
    Instant,
};

use crate::access::Access;
use crate::connection::{Connection, Reading};
use crate::listeners::Listeners;
use crate::log::Log;
use crate::signals::Ends;
use crate::sockets::Sockets;

/// How much is read from one socket in a turn.
const READ: usize = 256 * 1024;
/// After how many bytes of input at most the outputs of the broker are polled.
const FEED: usize = 16 * 1024;
/// No PUBLISH is shorter.
const SHORTEST: usize = 4;
/// How long a client may take to read what is left before a close.
const FAREWELL: Duration = Duration::from_secs(5);

const SIGNALS: Token = Token(0);

/// All sockets, and the broker behind them.
pub(crate) struct Server {
    epoch: time::Instant,
    poll: Poll,
    signals: Ends,
    listeners: Listeners,
    sockets: Sockets,
    broker: Broker,
    access: Access,
    log: Log,
    feed: Feed,
    /// When the broker wants to be called.
    deadline: Option<Instant>,
    now: Instant,
}

/// What the broker was told since its outputs were polled.
struct Feed {
    bytes: usize,
    /// So many: what they lead to fits into a queue, so that no message is dropped for a client that reads.
    limit: usize,
    /// A connection was closed.
    closed: bool,
}

impl Server {
    pub(crate) fn new(config: BrokerConfig, access: Access, log: Log) -> io::Result<Server> {
        let poll = Poll::new()?;
        let now = Instant::default();
        let limit = config.session.max_queued_messages.saturating_mul(SHORTEST).min(FEED);
        let feed = Feed { bytes: 0, limit: limit.max(1), closed: false };
        Ok(Server {
            epoch: time::Instant::now(),
            signals: Ends::register(poll.registry(), SIGNALS)?,
            poll,
            listeners: Listeners::default(),
            sockets: Sockets::default(),
            broker: Broker::new(now, config),
            access,
            log,
            feed,
            deadline: None,
            now,
        })
    }

    /// Listens there too; on which port, if any would do.
    pub(crate) fn listen(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.listeners.add(address, self.poll.registry())
    }

    /// Serves until a signal ends it.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; READ];
        self.settle();
        while self.wait(&mut events)? {
            self.accept();
            for index in self.sockets.take_readable() {
                self.read(index, &mut buffer);
            }
            self.time_out();
            self.settle();
            self.write();
        }
        self.broker.shutdown(self.now);
        self.settle();
        self.write();
        Ok(())
    }

    /// Waits for something to do; false where that is to end.
    fn wait(&mut self, events: &mut Events) -> io::Result<bool> {
        let farewell = self.sockets.farewells.front().map(|(until, _)| *until);
        let deadline = [self.deadline, farewell, self.listeners.paused_until()];
        let timeout = if self.feed.closed || self.sockets.is_busy() || self.listeners.is_ready() {
            Some(Duration::ZERO)
        } else {
            // Up to a millisecond later: what is polled for has no less.
            let deadline = deadline.into_iter().flatten().min();
            deadline.map(|deadline| deadline - self.time() + Duration::from_micros(999))
        };
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => self.now = self.time(),
        }
        for event in &*events {
            match event.token() {
                SIGNALS if self.signals.is_end() => return Ok(false),
                SIGNALS => {}
                token if self.listeners.note(token) => {}
                _ => self.sockets.note(event),
            }
        }
        Ok(true)
    }

    fn accept(&mut self) {
        let Server { listeners, sockets, broker, log, poll, now, .. } = self;
        listeners.accept(*now, |socket, peer, port| {
            // Where there are too many, dropping it closes it.
            let Ok(id) = broker.open(*now) else { return };
            let mut connection = Connection::new(id, socket, log.opened(peer, port));
            match connection.register(poll.registry()) {
                Ok(()) => sockets.insert(connection),
                Err(_) => broker.handle_closed(*now, id),
            }
        });
    }

    /// Reads once, and passes on what there was.
    fn read(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(connection) = self.sockets.at(index) else { return };
        let (id, closing) = (connection.id, connection.state.closing);
        let size = match connection.read(buffer) {
            Reading::Drained(size) => size,
            Reading::More(size) => {
                self.sockets.read_later(index);
                size
            }
            Reading::Closed => return self.lost(id),
        };
        if size == 0 || closing {
            return;
        }
        for piece in buffer.get(..size).unwrap_or_default().chunks(self.feed.limit) {
            if self.log.verbose {
                self.feed_each(id, piece);
            } else {
                self.feed(id, piece);
            }
        }
    }

    fn feed(&mut self, id: ConnectionId, piece: &[u8]) {
        self.broker.handle_input(self.now, id, piece);
        self.feed.bytes += piece.len();
        if self.feed.bytes >= self.feed.limit {
            self.settle();
            if self.sockets.is_full() {
                self.write();
                self.settle();
            }
        }
    }

    /// Packet by packet, so that what each leads to is shown after it.
    fn feed_each(&mut self, id: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let trace = self.sockets.get(id).and_then(|connection| connection.trace.as_mut());
            let size = trace.map_or(bytes.len(), |trace| trace.received(bytes));
            let (piece, rest) = bytes.split_at(size);
            self.feed(id, piece);
            self.settle();
            bytes = rest;
        }
    }

    /// Does what the broker wants done, and pulls what it has to send.
    fn settle(&mut self) {
        self.feed.bytes = 0;
        self.feed.closed = false;
        self.sockets.pull_again(self.now, &mut self.broker);
        loop {
            match self.broker.poll_output() {
                BrokerOutput::Event(event) => self.event(event),
                BrokerOutput::Transmit(id) => self.sockets.pull(self.now, id, &mut self.broker),
                BrokerOutput::Close(id) => self.close(id),
                BrokerOutput::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: BrokerEvent) {
        if let BrokerEvent::Connect { connection, request } = &event {
            return self.connect(*connection, request);
        }
        if let BrokerEvent::Disconnected { connection, reason, .. } = &event {
            if let Some(connection) = self.sockets.get(*connection) {
                connection.state.lingering =
                    !matches!(reason, CloseReason::Disconnected | CloseReason::DisconnectedWith(_));
            }
        }
        if self.log.verbose {
            self.log.event(&event, |id| self.sockets.get(id)?.trace.as_deref_mut());
        }
    }

    fn connect(&mut self, id: ConnectionId, request: &ConnectRequest) {
        let answer = self.access.admit(request);
        let connection = self.sockets.get(id);
        if let Some(trace) = connection.and_then(|connection| connection.trace.as_mut()) {
            trace.connect(request, answer.as_ref().ok().cloned());
        }
        match answer {
            Ok(permissions) => self.broker.accept(self.now, id, permissions),
            Err(code) => self.broker.refuse(self.now, id, code),
        }
    }

    /// Writes once to each that something was pulled for.
    fn write(&mut self) {
        for index in self.sockets.take_dirty() {
            let Some(connection) = self.sockets.at(index) else { continue };
            let id = connection.id;
            match connection.write(self.poll.registry()) {
                Ok(()) => self.written(id),
                Err(_) => self.lost(id),
            }
        }
    }

    /// What was pulled was written, or as much of it as the socket takes now.
    fn written(&mut self, id: ConnectionId) {
        let Some(connection) = self.sockets.get(id) else { return };
        if connection.state.closing && connection.is_finished() {
            self.lost(id);
        } else {
            self.sockets.pull_later(id);
        }
    }

    /// The broker has nothing more for this connection.
    fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.sockets.get(id) else { return };
        let written = connection.write(self.poll.registry());
        connection.state.closing = true;
        if written.is_err() || connection.is_finished() {
            self.lost(id);
        } else {
            self.sockets.farewells.push_back((self.now + FAREWELL, id));
        }
    }

    /// The connection is over: dropping its socket closes it.
    fn lost(&mut self, id: ConnectionId) {
        self.sockets.remove(id);
        self.broker.handle_closed(self.now, id);
        self.feed.closed = true;
    }

    fn time_out(&mut self) {
        if self.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.broker.handle_timeout(self.now);
        }
        while let Some((until, id)) = self.sockets.farewells.front().copied() {
            if until > self.now {
                break;
            }
            self.sockets.farewells.pop_front();
            if self.sockets.get(id).is_some() {
                self.lost(id);
            }
        }
    }

    fn time(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }
}
