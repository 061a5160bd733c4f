//! The loop around a `Client`: blocking sockets, one thread that reads them, one channel to wait at.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{self, Duration};

use bytes::Bytes;
use mqtt_sansio::{
    Client, ClientEvent, ClientOutput, Connect, DisconnectReason, FrameReader, Instant,
    MAXIMUM_PACKET_SIZE, OwnedProperties, Packet, Properties, Property,
};

use super::command::End;
use super::trace::Trace;

/// How long a connection attempt or a write may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a lost connection the next one is tried.
const RETRY: Duration = Duration::from_secs(1);
/// How long the server may take to close after DISCONNECT.
const FAREWELL: Duration = Duration::from_secs(1);
/// How much is pulled from the client at once.
const BATCH: usize = 256 * 1024;

/// What the loop waits for beside the time.
pub(crate) enum Input<N> {
    /// From the server.
    Received(Vec<u8>),
    /// By the server, or by us.
    Closed,
    /// From a thread of the application.
    News(N),
}

/// What is done with the client.
pub(crate) trait Application {
    /// What threads of its own have to tell it.
    type News: Send + 'static;

    fn connect(&self) -> Connect<'_>;
    /// The properties of that CONNECT.
    fn connect_properties(&self) -> Vec<Property<'_>> {
        Vec::new()
    }
    /// Those of its will.
    fn will_properties(&self) -> Vec<Property<'_>> {
        Vec::new()
    }
    /// A packet came; the client sees it next.
    fn received(&mut self, _packet: &Packet<'_>) {}
    fn event(&mut self, now: Instant, event: ClientEvent, client: &mut Client);
    fn news(&mut self, now: Instant, news: Self::News, client: &mut Client);
    /// When `tick` is to be called.
    fn deadline(&self) -> Option<Instant>;
    fn tick(&mut self, now: Instant, client: &mut Client);
    /// The connection is over, or could not be opened again: the end, or `None` to try again.
    fn ended(&self, reason: DisconnectReason, properties: &OwnedProperties) -> Option<End>;
}

/// A client with its socket.
pub(crate) struct Driver<N> {
    epoch: time::Instant,
    client: Client,
    stream: TcpStream,
    trace: Option<Trace>,
    frames: FrameReader,
    sender: SyncSender<Input<N>>,
    inputs: Receiver<Input<N>>,
    /// Until when the server may close the connection.
    closing: Option<Instant>,
    reason: DisconnectReason,
    /// What came with it.
    properties: OwnedProperties,
}

impl<N: Send + 'static> Driver<N> {
    /// Opens the first connection.
    pub(crate) fn open(
        address: (&str, u16),
        client: Client,
        trace: Option<Trace>,
    ) -> Result<Driver<N>, End> {
        let stream = open(address)?;
        let (sender, inputs) = sync_channel(64);
        Ok(Driver {
            epoch: time::Instant::now(),
            client,
            stream,
            trace,
            frames: FrameReader::new(MAXIMUM_PACKET_SIZE),
            sender,
            inputs,
            closing: None,
            reason: DisconnectReason::TransportClosed,
            properties: OwnedProperties::EMPTY,
        })
    }

    /// For threads that have something to tell the loop.
    pub(crate) fn sender(&self) -> SyncSender<Input<N>> {
        self.sender.clone()
    }

    /// One connection after the other, until the application has had enough.
    pub(crate) fn run(
        &mut self,
        address: (&str, u16),
        app: &mut impl Application<News = N>,
    ) -> End {
        loop {
            if let Err(error) = self.begin(app) {
                return error;
            }
            self.converse(app);
            loop {
                if let Some(end) = app.ended(self.reason, &self.properties) {
                    return end;
                }
                self.reason = DisconnectReason::TransportClosed;
                if !self.pause(app) {
                    continue;
                }
                if let Ok(stream) = open(address) {
                    self.stream = stream;
                    break;
                }
            }
        }
    }

    fn begin(&mut self, app: &impl Application<News = N>) -> Result<(), End> {
        let failed = |error: io::Error| End::connecting(&error);
        self.stream.set_nodelay(true).map_err(failed)?;
        self.stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        let (stream, sender) = (self.stream.try_clone().map_err(failed)?, self.sender());
        thread::spawn(move || read(stream, &sender));
        self.frames = FrameReader::new(MAXIMUM_PACKET_SIZE);
        self.closing = None;
        let now = self.now();
        let properties = app.connect_properties();
        let will = app.will_properties();
        let mut connect = app.connect();
        connect.properties = Properties::new(&properties);
        if let Some(declared) = &mut connect.will {
            declared.properties = Properties::new(&will);
        }
        self.client.connect(now, &connect).map_err(End::usage)
    }

    /// Passes on what happens until the connection is over.
    fn converse(&mut self, app: &mut impl Application<News = N>) {
        loop {
            let wait = self.drain(app);
            let deadline = [wait, app.deadline(), self.closing].into_iter().flatten().min();
            match self.next_input(deadline) {
                Some(Input::Received(bytes)) => self.receive(&bytes, app),
                Some(Input::Closed) => {
                    self.client.handle_closed(self.now());
                    self.drain(app);
                    return;
                }
                Some(Input::News(news)) => app.news(self.now(), news, &mut self.client),
                None => {}
            }
            // Also where input keeps coming.
            if deadline.is_some_and(|deadline| self.now() >= deadline) {
                self.time_out(app);
            }
        }
    }

    /// Does what the client wants done; when it wants to be called again.
    fn drain(&mut self, app: &mut impl Application<News = N>) -> Option<Instant> {
        loop {
            let now = self.now();
            match self.client.poll_output() {
                ClientOutput::Transmit => self.transmit(now),
                ClientOutput::Event(ClientEvent::Disconnected { reason, properties }) => {
                    (self.reason, self.properties) = (reason, properties);
                }
                ClientOutput::Event(event) => app.event(now, event, &mut self.client),
                ClientOutput::Close => {
                    self.closing = Some(now + FAREWELL);
                    let _ = self.stream.shutdown(Shutdown::Write);
                }
                ClientOutput::Wait(deadline) => return deadline,
            }
        }
    }

    fn transmit(&mut self, now: Instant) {
        let mut segments: Vec<Bytes> = Vec::new();
        self.client.poll_transmit(now, &mut segments, BATCH);
        for segment in &segments {
            if let Some(trace) = &mut self.trace {
                trace.sending(segment);
            }
            if self.stream.write_all(segment).is_err() {
                // The reading thread sees the end of it, and wakes the loop.
                let _ = self.stream.shutdown(Shutdown::Both);
                return self.client.handle_closed(now);
            }
        }
    }

    /// Packet by packet, so that each is dealt with before the next is shown.
    fn receive(&mut self, mut bytes: &[u8], app: &mut impl Application<News = N>) {
        while !bytes.is_empty() {
            let mut rest = bytes;
            let frame = self.frames.next(&mut rest).ok().flatten();
            let whole = frame.is_some();
            let packet = frame.and_then(|frame| Packet::decode(frame, app.connect().version).ok());
            if let Some(packet) = packet.filter(|_| self.closing.is_none()) {
                self.trace.iter_mut().for_each(|trace| trace.received(&packet));
                app.received(&packet);
            }
            let taken = if whole { bytes.len() - rest.len() } else { bytes.len() };
            let (piece, after) = bytes.split_at(taken);
            self.client.handle_input(self.now(), piece);
            self.drain(app);
            bytes = after;
        }
    }

    fn time_out(&mut self, app: &mut impl Application<News = N>) {
        let now = self.now();
        if self.closing.is_some_and(|closing| now >= closing) {
            self.closing = None;
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        self.client.handle_timeout(now);
        if app.deadline().is_some_and(|deadline| now >= deadline) {
            app.tick(now, &mut self.client);
        }
    }

    /// Waits between two connections; false where something else happened first.
    fn pause(&mut self, app: &mut impl Application<News = N>) -> bool {
        let until = self.now() + RETRY;
        let deadline = app.deadline().map_or(until, |deadline| until.min(deadline));
        match self.next_input(Some(deadline)) {
            Some(Input::News(news)) => app.news(self.now(), news, &mut self.client),
            Some(Input::Received(_) | Input::Closed) => {}
            None if deadline == until => return true,
            None => app.tick(self.now(), &mut self.client),
        }
        false
    }

    fn next_input(&self, deadline: Option<Instant>) -> Option<Input<N>> {
        match deadline {
            Some(deadline) => self.inputs.recv_timeout(deadline - self.now()).ok(),
            None => self.inputs.recv().ok(),
        }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }
}

fn open((host, port): (&str, u16)) -> Result<TcpStream, End> {
    let lookup = || End::Exit(1, vec!["Unable to connect (Lookup error.).".to_owned()]);
    let mut failure = lookup();
    for address in (host, port).to_socket_addrs().map_err(|_| lookup())? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = End::connecting(&error),
        }
    }
    Err(failure)
}

fn read<N>(mut stream: TcpStream, inputs: &SyncSender<Input<N>>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => {
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                if inputs.send(Input::Received(bytes)).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // The loop may have ended before.
    let _ = inputs.send(Input::Closed);
}
