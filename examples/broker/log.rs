//! What is said on standard error. With `-v` that is a line for everything that happens, worded as by
//! mosquitto.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use mqtt_sansio::{BrokerEvent, CloseReason, ConnectionId};

use crate::trace::Trace;

/// Where nobody reads standard error any more, the program goes on without.
pub(crate) fn print(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says so with the time, in seconds since 1970.
pub(crate) fn note(line: impl Display) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    print(format_args!("{}: {line}", since.as_secs()));
}

/// Notes what happens to clients, where that is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) verbose: bool,
}

impl Log {
    /// A new connection, and what notes its packets.
    pub(crate) fn opened(self, peer: SocketAddr, port: u16) -> Option<Box<Trace>> {
        if !self.verbose {
            return None;
        }
        note(format_args!("New connection from {peer} on port {port}."));
        Some(Box::new(Trace::new(peer)))
    }

    pub(crate) fn event<'a>(
        self,
        event: &BrokerEvent,
        trace: impl FnOnce(ConnectionId) -> Option<&'a mut Trace>,
    ) {
        match event {
            BrokerEvent::Connected { connection, client_id, .. } => {
                if let Some(trace) = trace(*connection) {
                    trace.connected(client_id);
                }
            }
            BrokerEvent::Disconnected { client_id, reason, .. } => {
                disconnected(client_id.as_deref().unwrap_or("<unknown>"), *reason);
            }
            BrokerEvent::SessionExpired { client_id } => {
                note(format_args!("Expiring client {} due to timeout.", Shown(client_id)))
            }
            _ => {}
        }
    }
}

fn disconnected(client_id: &str, reason: CloseReason) {
    let client = format!("Client {}", Shown(client_id));
    match reason {
        CloseReason::Disconnected | CloseReason::DisconnectedWith(_) => {
            note(format_args!("{client} disconnected."));
        }
        CloseReason::TransportClosed => note(format_args!("{client} closed its connection.")),
        CloseReason::KeepAliveTimeout | CloseReason::ConnectTimeout => {
            note(format_args!("{client} has exceeded timeout, disconnecting."));
        }
        CloseReason::TakenOver => {
            note(format_args!("{client} already connected, closing old connection."));
        }
        CloseReason::Refused(_) => note(format_args!("{client} disconnected, not authorised.")),
        CloseReason::ClientFault(fault) => {
            note(format_args!("{client} disconnected due to protocol error: {fault}."));
        }
        reason => note(format_args!("{client} disconnected: {reason}.")),
    }
}

/// Text of a client's: control characters would make lines of their own, or colours.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character.is_control() {
                true => write!(f, "{}", character.escape_default())?,
                false => f.write_char(character)?,
            }
        }
        Ok(())
    }
}
