//! Where the server listens.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use mqtt_sansio::Instant;
use socket2::{Domain, Socket, Type};

use crate::log;

/// How many connections may wait to be accepted, as far as the system allows it: when all clients come back
/// at once, those beyond try again only after a second.
const BACKLOG: i32 = 4096;
/// How many connections are accepted from each in a turn.
const BOUND: usize = 64;
/// How long nothing is accepted after a failure: without file descriptors it would come at once again.
const PAUSE: Duration = Duration::from_millis(200);
/// The token of the first.
const FIRST_TOKEN: usize = 1;

/// All listening sockets.
#[derive(Default)]
pub(crate) struct Listeners {
    list: Vec<Listener>,
    paused_until: Option<Instant>,
    /// The failure was reported.
    reported: bool,
}

struct Listener {
    socket: TcpListener,
    port: u16,
    /// There may be connections to accept.
    ready: bool,
}

impl Listeners {
    pub(crate) fn add(
        &mut self,
        address: SocketAddr,
        registry: &Registry,
    ) -> io::Result<SocketAddr> {
        let mut socket = bind(address)?;
        let token = Token(FIRST_TOKEN + self.list.len());
        registry.register(&mut socket, token, Interest::READABLE)?;
        let address = socket.local_addr()?;
        self.list.push(Listener { socket, port: address.port(), ready: false });
        Ok(address)
    }

    /// Notes what there is to accept; whether the token is one of these.
    pub(crate) fn note(&mut self, token: Token) -> bool {
        let listener = self.list.get_mut(token.0.wrapping_sub(FIRST_TOKEN));
        listener.map(|listener| listener.ready = true).is_some()
    }

    /// Whether there is something to accept at once.
    pub(crate) fn is_ready(&self) -> bool {
        self.paused_until.is_none() && self.list.iter().any(|listener| listener.ready)
    }

    /// When accepting goes on.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Hands over the next connections, with the port that they came to.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        mut accepted: impl FnMut(TcpStream, SocketAddr, u16),
    ) {
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        for listener in self.list.iter_mut().filter(|listener| listener.ready) {
            for _ in 0..BOUND {
                match listener.socket.accept() {
                    Ok((socket, peer)) => accepted(socket, peer, listener.port),
                    Err(error) => {
                        match error.kind() {
                            ErrorKind::WouldBlock => listener.ready = false,
                            ErrorKind::Interrupted | ErrorKind::ConnectionAborted => continue,
                            _ => {
                                self.paused_until = Some(now + PAUSE);
                                if !std::mem::replace(&mut self.reported, true) {
                                    log::print(format_args!(
                                        "Error: cannot accept connections: {error}"
                                    ));
                                }
                            }
                        }
                        break;
                    }
                }
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As mio binds, but for the backlog; and [::] leaves IPv4 to a listener of its own.
    socket.set_nonblocking(true)?;
    if cfg!(unix) {
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
