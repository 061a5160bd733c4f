//! One client's socket, and the bytes it has yet to take.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use bytes::{Buf, Bytes};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use mqtt_sansio::{Broker, ConnectionId, Instant};

use crate::trace::Trace;

/// How many bytes may be pulled before they are written.
pub(crate) const BATCH: usize = 256 * 1024;
/// The token of the first connection; there are fewer listeners.
pub(crate) const FIRST_TOKEN: usize = 1 << 16;
/// How many segments one write takes.
const SEGMENTS: usize = 128;

/// One client's socket.
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    socket: TcpStream,
    /// What was pulled and the socket has not taken yet.
    outgoing: Vec<Bytes>,
    /// How many bytes that is.
    held: usize,
    pub(crate) state: State,
    /// What `-v` shows.
    pub(crate) trace: Option<Box<Trace>>,
}

/// Where the loop is with a socket.
#[derive(Default)]
pub(crate) struct State {
    /// It is in the list of those to be read.
    pub(crate) to_read: bool,
    /// It is in the list of those to be written.
    pub(crate) to_write: bool,
    /// The other side sends no more: reading goes on until the end.
    pub(crate) ending: bool,
    /// It takes no more for now.
    pub(crate) blocked: bool,
    /// It was registered to be told when it is writable again.
    watched: bool,
    /// There is more to pull.
    pub(crate) more: bool,
    /// It is to be closed once all is written.
    pub(crate) closing: bool,
    /// And then the other side is to close first.
    pub(crate) lingering: bool,
}

/// What came of reading.
pub(crate) enum Reading {
    /// So many bytes, and more may be there.
    More(usize),
    /// So many bytes, and no more for now.
    Drained(usize),
    /// The end.
    Closed,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        socket: TcpStream,
        trace: Option<Box<Trace>>,
    ) -> Connection {
        let state = State::default();
        Connection { id, socket, outgoing: Vec::new(), held: 0, state, trace }
    }

    pub(crate) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.set_nodelay(true)?;
        let token = self.token();
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    fn token(&self) -> Token {
        Token(FIRST_TOKEN + self.id.index())
    }

    /// Reads once.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Reading {
        match self.socket.read(buffer) {
            Ok(0) => Reading::Closed,
            // What comes after a short read is told of anew, but for an end that was told of already.
            Ok(size) if cfg!(unix) && size < buffer.len() && !self.state.ending => {
                Reading::Drained(size)
            }
            Ok(size) => Reading::More(size),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Reading::Drained(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => Reading::More(0),
            Err(_) => Reading::Closed,
        }
    }

    /// Pulls what the broker has for this client, as far as there is room; whether there was any.
    pub(crate) fn pull(&mut self, now: Instant, broker: &mut Broker) -> bool {
        if self.state.blocked || self.held >= BATCH {
            self.state.more = true;
            return false;
        }
        let before = self.outgoing.len();
        self.held += broker.poll_transmit(now, self.id, &mut self.outgoing, BATCH - self.held);
        if let Some(trace) = &mut self.trace {
            self.outgoing.iter().skip(before).for_each(|segment| trace.sending(segment));
        }
        self.held > 0
    }

    /// Whether it holds as much as it may, though the socket may take it.
    pub(crate) fn is_full(&self) -> bool {
        self.held >= BATCH && !self.state.blocked
    }

    /// Whether all is written, and the socket may be closed. Where the other side may still be sending, a
    /// close takes from it what it has yet to read: it is told of the end, and closes first.
    pub(crate) fn is_finished(&self) -> bool {
        let written = self.outgoing.is_empty();
        if written && self.state.lingering {
            return self.socket.shutdown(Shutdown::Write).is_err();
        }
        written
    }

    /// Writes what there is, as far as the socket takes it.
    ///
    /// # Errors
    ///
    /// Where the connection is lost.
    pub(crate) fn write(&mut self, registry: &Registry) -> io::Result<()> {
        self.state.blocked = false;
        while !self.outgoing.is_empty() && !self.state.blocked {
            let mut slices = [IoSlice::new(&[]); SEGMENTS];
            let mut wanted = 0;
            let mut count = 0;
            for (slice, segment) in slices.iter_mut().zip(&self.outgoing) {
                *slice = IoSlice::new(segment);
                wanted += segment.len();
                count += 1;
            }
            match self.socket.write_vectored(slices.get(..count).unwrap_or_default()) {
                Ok(size) => {
                    self.written(size);
                    self.state.blocked = size < wanted;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.state.blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.state.blocked && !self.state.watched {
            self.state.watched = true;
            let both = Interest::READABLE | Interest::WRITABLE;
            let token = self.token();
            registry.reregister(&mut self.socket, token, both)?;
        }
        Ok(())
    }

    /// Forgets what the socket has taken.
    fn written(&mut self, mut size: usize) {
        self.held -= size;
        let mut whole = 0;
        for segment in &mut self.outgoing {
            if size < segment.len() {
                segment.advance(size);
                break;
            }
            size -= segment.len();
            whole += 1;
        }
        self.outgoing.drain(..whole);
        if self.outgoing.is_empty() {
            // Most connections are idle most of the time.
            self.outgoing = Vec::new();
        }
    }
}
