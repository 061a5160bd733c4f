//! The load: many clients in one thread over one readiness loop.
//!
//! A turn reads all that has come, lets the caller act, and then writes once for each client.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use mqtt_sansio::{
    Client, ClientConfig, ClientEvent, ClientOutput, Connect, Message, PublishOutcome, QoS,
    RequestOutcome, Subscription, TopicFilter, Version,
};

use crate::brokers::{INFLIGHT, Running};
use crate::cpu::{IDLE, Process, QUIET};

/// How much is read at once, and at most pulled from a client at once.
const BUFFER: usize = 64 * 1024;
/// How many connections are opened at once: less than any broker's backlog.
const OPENING: usize = 50;
/// How long nothing may happen where something must.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any measurement: nobody pings. rumqttd refuses 0.
const KEEP_ALIVE: u16 = 600;

/// What the caller is told: which client, and what.
pub type Happened = (usize, ClientEvent);

/// Clients of one broker.
pub struct Load {
    epoch: Instant,
    poll: Poll,
    ready: Events,
    address: SocketAddr,
    broker: Process,
    connections: Vec<Connection>,
    /// Clients with something to write, each once.
    dirty: Vec<usize>,
    happened: Vec<Happened>,
    buffer: Box<[u8]>,
}

struct Connection {
    id: String,
    client: Client,
    stream: Option<TcpStream>,
    /// What the client handed out, and the socket has not taken.
    unsent: VecDeque<Bytes>,
    /// The client has something to hand out.
    transmit: bool,
    /// To be closed once all is written.
    closing: bool,
    /// The socket takes nothing until it is writable again.
    blocked: bool,
    dirty: bool,
}

impl Load {
    pub fn new(broker: &Running) -> Result<Load, String> {
        Ok(Load {
            epoch: Instant::now(),
            poll: Poll::new().map_err(failed("epoll"))?,
            ready: Events::with_capacity(1024),
            address: broker.address,
            broker: broker.process(),
            connections: Vec::new(),
            dirty: Vec::new(),
            happened: Vec::new(),
            buffer: vec![0; BUFFER].into(),
        })
    }

    /// Adds clients without connections, and returns their numbers.
    pub fn add(&mut self, count: usize) -> std::ops::Range<usize> {
        let mut config = ClientConfig::default();
        config.max_inflight_messages = INFLIGHT;
        config.max_queued_messages = 1 << 20;
        let first = self.connections.len();
        self.connections.extend((first..first + count).map(|index| Connection {
            id: format!("client-{index}"),
            client: Client::new(config.clone()),
            stream: None,
            unsent: VecDeque::new(),
            transmit: false,
            closing: false,
            blocked: false,
            dirty: false,
        }));
        first..first + count
    }

    /// Opens a transport, and sends CONNECT with the next turn.
    pub fn open(&mut self, index: usize, clean_start: bool) -> Result<(), String> {
        // The kernel completes the handshake at once: the broker's backlog has room.
        let stream = std::net::TcpStream::connect(self.address).map_err(failed("connect"))?;
        stream.set_nodelay(true).map_err(failed("TCP_NODELAY"))?;
        stream.set_nonblocking(true).map_err(failed("O_NONBLOCK"))?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(index), interest)
            .map_err(failed("epoll"))?;
        let now = self.now();
        let connection = &mut self.connections[index];
        connection.stream = Some(stream);
        let connect = Connect {
            clean_start,
            keep_alive: KEEP_ALIVE,
            ..Connect::new(Version::V3_1_1, &connection.id)
        };
        connection.client.connect(now, &connect).map_err(|error| error.to_string())?;
        self.mark(index);
        Ok(())
    }

    /// Opens transports, and waits until all are accepted.
    pub fn open_all(
        &mut self,
        clients: std::ops::Range<usize>,
        clean_start: bool,
    ) -> Result<(), String> {
        let mut accepted = 0;
        for (opened, index) in clients.clone().enumerate() {
            self.open(index, clean_start)?;
            let wanted =
                if index + 1 == clients.end { opened + 1 } else { opened.saturating_sub(OPENING) };
            while accepted < wanted {
                for (client, event) in self.turn()? {
                    match event {
                        ClientEvent::Connected { .. } => accepted += 1,
                        other => return Err(format!("client {client}: {other:?}")),
                    }
                }
            }
        }
        Ok(())
    }

    /// Subscribes clients to filters, and waits until all are granted.
    pub fn subscribe(&mut self, filters: &[(usize, String)], qos: QoS) -> Result<(), String> {
        for chunk in filters.chunks(OPENING) {
            for (index, filter) in chunk {
                let filter = TopicFilter::new(filter).map_err(|error| error.to_string())?;
                let now = self.now();
                let subscription = [Subscription::new(filter, qos)];
                let asked = self.connections[*index].client.subscribe(now, &subscription);
                asked.map_err(|error| error.to_string())?;
                self.mark(*index);
            }
            let mut granted = 0;
            while granted < chunk.len() {
                for (client, event) in self.turn()? {
                    match event {
                        ClientEvent::Subscribed {
                            outcome: RequestOutcome::Answered(codes),
                            ..
                        } if codes.iter().all(|code| *code as u8 == qos as u8) => {
                            granted += 1;
                        }
                        other => return Err(format!("client {client}: {other:?}")),
                    }
                }
            }
        }
        Ok(())
    }

    /// Disconnects clients, and waits until they are.
    pub fn close_all(&mut self, clients: std::ops::Range<usize>) -> Result<(), String> {
        let mut open = clients.len();
        for index in clients {
            self.disconnect(index);
        }
        while open > 0 {
            let happened = self.turn()?;
            open -= happened
                .iter()
                .filter(|(_, event)| matches!(event, ClientEvent::Disconnected { .. }))
                .count();
        }
        Ok(())
    }

    /// Sends DISCONNECT with the next turn, and closes.
    pub fn disconnect(&mut self, index: usize) {
        let now = self.now();
        self.connections[index].client.disconnect(now);
        self.mark(index);
    }

    /// Sends a message with the next turn.
    pub fn publish(&mut self, index: usize, message: Message) -> Result<(), String> {
        let now = self.now();
        let published = self.connections[index].client.publish(now, message);
        self.mark(index);
        published.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Writes what is to be written, waits until something comes, and reads it. An error where nothing
    /// happens for too long.
    pub fn turn(&mut self) -> Result<Vec<Happened>, String> {
        let happened = self.turn_within(PATIENCE)?;
        if happened.is_empty() && self.ready.is_empty() {
            return Err(format!("nothing came for {} s", PATIENCE.as_secs()));
        }
        Ok(happened)
    }

    /// Goes on until nothing comes any more and the broker is idle: acknowledgements may be under way.
    pub fn finish(&mut self) -> Result<Vec<Happened>, String> {
        let mut all = Vec::new();
        loop {
            let before = self.broker.cpu()?;
            all.extend(self.turn_within(QUIET)?);
            let silent = self.ready.is_empty() && self.dirty.is_empty();
            if silent && self.broker.cpu()? - before < IDLE {
                return Ok(all);
            }
        }
    }

    fn turn_within(&mut self, timeout: Duration) -> Result<Vec<Happened>, String> {
        let now = self.now();
        for index in std::mem::take(&mut self.dirty) {
            self.connections[index].write(index, now, &mut self.happened)?;
        }
        let timeout = if self.happened.is_empty() { timeout } else { Duration::ZERO };
        match self.poll.poll(&mut self.ready, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.to_string()),
            _ => {}
        }
        let now = self.now();
        for event in &self.ready {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            if event.is_readable() || event.is_read_closed() {
                connection.read(now, &mut self.buffer);
                connection.drain(index, &mut self.happened);
            }
            connection.blocked &= !event.is_writable();
            if !connection.dirty && connection.may_write() {
                connection.dirty = true;
                self.dirty.push(index);
            }
        }
        Ok(std::mem::take(&mut self.happened))
    }

    fn mark(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(index);
        }
    }

    fn now(&self) -> mqtt_sansio::Instant {
        mqtt_sansio::Instant::from_epoch(self.epoch.elapsed())
    }
}

impl Connection {
    fn may_write(&self) -> bool {
        !self.blocked && (self.transmit || self.closing || !self.unsent.is_empty())
    }

    /// Reads until the socket is empty: a short read says so.
    fn read(&mut self, now: mqtt_sansio::Instant, buffer: &mut [u8]) {
        while let Some(stream) = &mut self.stream {
            match stream.read(buffer) {
                Ok(0) => self.lost(now),
                Ok(len) => {
                    self.client.handle_input(now, &buffer[..len]);
                    if len < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.lost(now),
            }
        }
    }

    /// Writes all there is, as far as the socket takes it.
    fn write(
        &mut self,
        index: usize,
        now: mqtt_sansio::Instant,
        happened: &mut Vec<Happened>,
    ) -> Result<(), String> {
        self.dirty = false;
        loop {
            self.drain(index, happened);
            if self.unsent.is_empty() && self.transmit {
                self.transmit = false;
                let mut segments = Vec::new();
                self.client.poll_transmit(now, &mut segments, BUFFER);
                self.unsent.extend(segments);
                self.drain(index, happened);
            }
            if self.unsent.is_empty() {
                break;
            }
            if !self.write_some(now) {
                return Ok(());
            }
        }
        if self.closing {
            self.lost(now);
            self.drain(index, happened);
        }
        Ok(())
    }

    /// Writes once; false where the socket took nothing.
    fn write_some(&mut self, now: mqtt_sansio::Instant) -> bool {
        let Some(stream) = &mut self.stream else {
            self.unsent.clear();
            return false;
        };
        let mut slices = [IoSlice::new(&[]); 16];
        let used =
            self.unsent.iter().zip(&mut slices).map(|(from, to)| *to = IoSlice::new(from)).count();
        match stream.write_vectored(&slices[..used]) {
            Ok(mut len) => {
                while let Some(first) = self.unsent.front_mut().filter(|_| len > 0) {
                    let taken = len.min(first.len());
                    first.advance(taken);
                    len -= taken;
                    if first.is_empty() {
                        self.unsent.pop_front();
                    }
                }
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.blocked = true;
                false
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(_) => {
                self.lost(now);
                false
            }
        }
    }

    /// Takes what the client has to say. Its deadlines are of no use here: [`PATIENCE`] ends before them.
    fn drain(&mut self, index: usize, happened: &mut Vec<Happened>) {
        loop {
            match self.client.poll_output() {
                ClientOutput::Transmit => self.transmit = true,
                ClientOutput::Close => self.closing = true,
                ClientOutput::Event(ClientEvent::Published {
                    outcome: PublishOutcome::Sent,
                    ..
                }) => {}
                ClientOutput::Event(event) => happened.push((index, event)),
                ClientOutput::Wait(_) => return,
            }
        }
    }

    /// The transport is over, whoever has ended it.
    fn lost(&mut self, now: mqtt_sansio::Instant) {
        self.stream = None;
        self.unsent.clear();
        (self.transmit, self.closing, self.blocked) = (false, false, false);
        self.client.handle_closed(now);
    }
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}
