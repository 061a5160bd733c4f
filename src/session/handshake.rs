//! A connection until its CONNECT is answered.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::authentication::AuthenticationError;
use super::config::SessionConfig;
use super::connect::ConnectRequest;
use super::error::ClientFault;
use super::explain::Limits;
use super::rejection::{Rejection, check, refusal, refusal_of};
use crate::codec::{Frame, FrameReader, Property};
use crate::delivery::{Authentication, Batch};
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet::Packet;
use crate::packet_type::{PacketType, Sender};
use crate::reason::ReasonCode;
use crate::statistics::Counts;
use crate::time::Instant;
use crate::version::Version;

/// A connection from when it was opened until its CONNECT is answered: by
/// [`Session::connect`](crate::Session::connect) or by [`refuse`](Handshake::refuse).
///
/// See [`Session`](crate::Session) for an example.
pub struct Handshake {
    reader: FrameReader,
    phase: Phase,
    /// Until when the client must have sent what is its turn.
    deadline: Instant,
    config: Arc<SessionConfig>,
}

enum Phase {
    /// Nothing but a CONNECT may come.
    BeforeConnect,
    /// CONNECT came; what the connection needs of it, and what came and is to go since.
    Connected(Pending),
}

/// A CONNECT that is to be answered.
pub(super) struct Pending {
    pub(super) connect: Accepted,
    pub(super) authentication: Authentication,
    /// The bytes that came after CONNECT.
    pub(super) early: Vec<u8>,
    /// AUTH packets that are to be sent.
    pub(super) unsent: Vec<u8>,
    /// Of the last packet in bytes.
    size: usize,
}

/// What a connection keeps of its CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) version: Version,
    pub(super) clean_start: bool,
    pub(super) keep_alive: u16,
    pub(super) session_expiry_interval: u32,
    pub(super) properties: OwnedProperties,
    pub(super) will: Option<Arc<Message>>,
    pub(super) will_delay_interval: u32,
    client_id: String,
}

/// What a client asks for on a connection whose CONNECT is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeEvent {
    /// CONNECT came.
    Connect(Box<ConnectRequest>),
    /// AUTH came, with these properties: answer it like the CONNECT. (Section 4.12 of 5.0.)
    Authentication(OwnedProperties),
    /// DISCONNECT came in place of an AUTH: the connection is to be closed.
    Disconnect {
        /// Why.
        reason_code: ReasonCode,
        /// The properties.
        properties: OwnedProperties,
    },
}

impl Handshake {
    /// A connection was opened.
    #[must_use]
    pub fn new(now: Instant, config: Arc<SessionConfig>) -> Handshake {
        Handshake {
            reader: FrameReader::new(config.handshake.max_connect_size),
            phase: Phase::BeforeConnect,
            deadline: now + config.handshake.timeout,
            config,
        }
    }

    /// Bytes came: takes up to the end of the next packet off them, and returns what it asks for once it is
    /// whole. Called again, it keeps what comes after the CONNECT until that is answered; while a client
    /// authenticates itself with AUTH, that is all that may come. [MQTT-3.1.2-30]
    ///
    /// # Errors
    ///
    /// Where the connection is to be closed: for what, and what is to be sent before.
    pub fn handle_input(&mut self, bytes: &mut &[u8]) -> Result<Option<HandshakeEvent>, Rejection> {
        match &mut self.phase {
            Phase::BeforeConnect => self.connect_input(bytes),
            Phase::Connected(pending) if pending.authentication.method.is_some() => {
                match pending.next(&mut self.reader, bytes, self.config.max_unsent_bytes) {
                    Ok(event) => Ok(event),
                    Err(fault) => Err(pending.connect.rejection(fault)),
                }
            }
            Phase::Connected(pending) => {
                let early = &mut pending.early;
                if early.len() + bytes.len() > self.config.handshake.max_early_bytes {
                    return Err(pending.connect.rejection(ClientFault::TooEarly));
                }
                early.extend_from_slice(core::mem::take(bytes));
                Ok(None)
            }
        }
    }

    fn connect_input(&mut self, bytes: &mut &[u8]) -> Result<Option<HandshakeEvent>, Rejection> {
        if self.reader.pending() == 0 {
            check_first_byte(bytes)?;
        }
        let Some(frame) = self.reader.next(bytes)? else {
            return Ok(None);
        };
        let connect = match Packet::decode_from(Sender::Client, frame, Version::V3_1_1) {
            Ok(Packet::Connect(connect)) => connect,
            Ok(_) => return Err(ClientFault::NotConnect(frame.first_byte()).into()),
            Err(error) => {
                let fault = ClientFault::Decode(error);
                let answer = begins_as_5_0(frame).then(|| refusal_of(Version::V5_0, fault));
                return Err(answer
                    .flatten()
                    .map_or(fault.into(), |answer| Rejection { fault, answer: Some(answer) }));
            }
        };
        let request = ConnectRequest::new(&connect);
        let accepted = Accepted::new(&request);
        if let Err(fault) = check(&connect, &request, &self.config) {
            return Err(accepted.rejection(fault));
        }
        let authentication = Authentication::of(&connect.properties);
        self.phase = Phase::Connected(Pending {
            connect: accepted,
            authentication,
            early: Vec::new(),
            unsent: Vec::new(),
            size: frame.as_bytes().len(),
        });
        Ok(Some(HandshakeEvent::Connect(Box::new(request))))
    }

    /// Asks the client for more to authenticate it by: AUTH with its method and these properties, of which
    /// Authentication Data, Reason String and User Properties may be there. It must be answered within the time
    /// that CONNECT has. [MQTT-4.12.0-2] [MQTT-4.12.0-5]
    ///
    /// # Errors
    ///
    /// Where it is not the server's turn: CONNECT has no method, or the client was asked already. Also where the
    /// properties cannot be in an AUTH.
    pub fn authenticate(
        &mut self,
        now: Instant,
        properties: &[Property<'_>],
    ) -> Result<(), AuthenticationError> {
        let Phase::Connected(pending) = &mut self.phase else {
            return Err(AuthenticationError::NotInTurn);
        };
        pending.authentication.ask(
            &mut pending.unsent,
            Limits::of(&pending.connect.properties),
            ReasonCode::ContinueAuthentication,
            properties,
        )?;
        self.deadline = now + self.config.handshake.timeout;
        Ok(())
    }

    /// Appends what is to be sent before the answer to CONNECT, and returns its bytes: AUTH packets.
    pub fn poll_transmit(&mut self, out: &mut Vec<Bytes>, max: usize) -> usize {
        self.transmit(out, max, &mut Counts::default())
    }

    pub(crate) fn transmit(
        &mut self,
        out: &mut Vec<Bytes>,
        max: usize,
        counts: &mut Counts,
    ) -> usize {
        let Phase::Connected(pending) = &mut self.phase else {
            return 0;
        };
        let mut batch = Batch::new(out, Version::V5_0, counts);
        batch.control(&mut pending.unsent, max);
        batch.finish()
    }

    /// Whether there is something to send.
    #[must_use]
    pub fn has_something_to_send(&self) -> bool {
        matches!(&self.phase, Phase::Connected(pending) if !pending.unsent.is_empty())
    }

    /// Whether CONNECT has come, and waits for its answer.
    #[must_use]
    pub fn is_connect_received(&self) -> bool {
        self.connect().is_some()
    }

    fn connect(&self) -> Option<&Accepted> {
        match &self.phase {
            Phase::BeforeConnect => None,
            Phase::Connected(pending) => Some(&pending.connect),
        }
    }

    /// Whether the CONNECT has an authentication method.
    pub(super) fn has_authentication_method(&self) -> bool {
        let method = |pending: &Pending| pending.authentication.method.is_some();
        matches!(&self.phase, Phase::Connected(pending) if method(pending))
    }

    /// Whether the CONNECT asks for a clean start.
    pub(crate) fn is_clean_start(&self) -> bool {
        self.connect().is_some_and(|connect| connect.clean_start)
    }

    /// The client identifier of the CONNECT.
    pub(crate) fn client_id(&self) -> &str {
        self.connect().map_or("", |connect| &connect.client_id)
    }

    /// The version of the CONNECT.
    pub(crate) fn version(&self) -> Option<Version> {
        self.connect().map(|connect| connect.version)
    }

    /// How long the session is to outlive the connection, in seconds.
    pub(crate) fn session_expiry_interval(&self) -> u32 {
        self.connect().map_or(0, |connect| connect.session_expiry_interval)
    }

    /// Until when the client must have sent CONNECT, or the AUTH that it was asked for; after that the connection
    /// is to be closed.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Connected(pending) if !pending.authentication.is_awaited() => None,
            _ => Some(self.deadline),
        }
    }

    /// How many bytes the last packet had; 0 until CONNECT has come.
    pub(crate) fn packet_size(&self) -> usize {
        match &self.phase {
            Phase::BeforeConnect => 0,
            Phase::Connected(pending) => pending.size,
        }
    }

    /// Turns the CONNECT down: what is to be sent before the connection is closed, CONNACK at last. `None` where
    /// the client's version before 5.0 has no such return code: the connection is just closed. [MQTT-3.2.2-7];
    /// before 5.0 [MQTT-3.2.2-6]
    #[must_use]
    pub fn refuse(self, reason_code: ReasonCode) -> Option<Bytes> {
        self.refuse_with(reason_code, &[])
    }

    /// The same with what CONNACK carries in 5.0: Reason String, Server Reference, User Properties, as far as the
    /// client has room for them. Before 5.0 that is left out. A code that CONNACK of 5.0 has not is Unspecified
    /// Error there.
    #[must_use]
    pub fn refuse_with(
        self,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Option<Bytes> {
        let Phase::Connected(pending) = self.phase else {
            return None;
        };
        let Pending { connect, mut unsent, .. } = pending;
        let maximum = Limits::of(&connect.properties).maximum_packet_size;
        unsent.extend(refusal(connect.version, reason_code, maximum, properties).ok()?);
        if unsent.is_empty() { None } else { Some(unsent.into()) }
    }

    /// What a session needs of it, where CONNECT has come: that, and the reader.
    pub(super) fn into_parts(self) -> Option<(Pending, FrameReader)> {
        let mut reader = self.reader;
        reader.set_maximum_packet_size(self.config.maximum_packet_size);
        match self.phase {
            Phase::BeforeConnect => None,
            Phase::Connected(pending) => Some((pending, reader)),
        }
    }
}

impl Pending {
    /// The next packet of a client that authenticates itself.
    fn next(
        &mut self,
        reader: &mut FrameReader,
        bytes: &mut &[u8],
        max_unsent_bytes: usize,
    ) -> Result<Option<HandshakeEvent>, ClientFault> {
        let Some(frame) = reader.next(bytes)? else {
            return Ok(None);
        };
        if self.unsent.len() > max_unsent_bytes {
            return Err(ClientFault::AnswersNotTaken);
        }
        self.size = frame.as_bytes().len();
        match Packet::decode_from(Sender::Client, frame, Version::V5_0)? {
            Packet::Auth(auth) if auth.reason_code == ReasonCode::ContinueAuthentication => {
                self.authentication.received(&auth)?;
                let properties = OwnedProperties::copied(&auth.properties);
                Ok(Some(HandshakeEvent::Authentication(properties)))
            }
            Packet::Auth(_) => Err(ClientFault::UnexpectedAuth),
            Packet::Disconnect(disconnect) => Ok(Some(HandshakeEvent::Disconnect {
                reason_code: disconnect.reason_code,
                properties: OwnedProperties::copied(&disconnect.properties),
            })),
            other => Err(ClientFault::NotAuthenticated(other.packet_type())),
        }
    }
}

impl Accepted {
    fn new(request: &ConnectRequest) -> Accepted {
        Accepted {
            version: request.version,
            clean_start: request.clean_start,
            keep_alive: request.keep_alive,
            session_expiry_interval: request.session_expiry_interval(),
            properties: request.properties.clone(),
            will: request.will.clone(),
            will_delay_interval: request.will_delay_interval,
            client_id: request.client_id.clone(),
        }
    }
}

/// Nothing of what was received.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("is_connect_received", &self.is_connect_received())
            .finish_non_exhaustive()
    }
}

/// A connection that cannot become one of MQTT need not be waited for.
fn check_first_byte(bytes: &[u8]) -> Result<(), ClientFault> {
    match bytes.first() {
        Some(&first) if PacketType::from_first_byte(first) != Some(PacketType::Connect) => {
            Err(ClientFault::NotConnect(first)) // [MQTT-3.1.0-1]
        }
        _ => Ok(()),
    }
}

/// Whether a CONNECT that cannot be decoded is one of 5.0.
fn begins_as_5_0(frame: Frame<'_>) -> bool {
    frame.body().starts_with(b"\x00\x04MQTT\x05")
}
