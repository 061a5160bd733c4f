//! Connections whose CONNECT is not answered: what clients send, and how they are turned down.

use mqtt_sansio::{
    ClientFault, CloseReason, ConnectRequest, ConnectionId, Frame, MAXIMUM_PACKET_SIZE,
    OwnedProperties, Packet, PacketType, Property, PropertyId, ReasonCode, Sender, Version,
    Violation,
};

use super::call::Action;
use super::due::{Due, Reader};
use super::ensure;
use super::peer::{Farewell, Peer, Phase, Turn};
use super::said::AUTHENTICATING;
use super::taken::next_packet;
use super::world::{Outcome, World};

impl World {
    /// Bytes of a client's that is not accepted, before what they led to is looked at.
    pub(super) fn early_input(
        &mut self,
        id: ConnectionId,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let handshake = self.config.session.handshake.clone();
        let end = outcome.end_of(id);
        let peer = self.peer(id)?;
        let first = peer.input.first().copied();
        match &peer.phase {
            Phase::Asked(asked) if asked.method().is_none() => {
                let early = peer.input.len();
                let fault = end == Some(ClientFault::TooEarly.into());
                ensure!(fault == (early > handshake.max_early_bytes), "{early} bytes: {end:?}");
                ensure!(fault || end.is_none(), "{id:?} waits for an answer: {end:?}");
            }
            Phase::Opened(_) if end.is_none() && outcome.packets == 0 => {
                let max = handshake.max_connect_size;
                let more = Frame::parse(&peer.input, max).map(|found| found.is_none());
                ensure!(more == Ok(true), "no CONNECT was seen in {:?}", peer.input);
                ensure!(first.is_none_or(|first| first >> 4 == 1), "{first:?} begins no CONNECT");
            }
            _ => {}
        }
        Ok(())
    }

    /// AUTH came from a client that authenticates itself.
    pub(super) fn authenticates(
        &mut self,
        id: ConnectionId,
        code: ReasonCode,
        properties: &OwnedProperties,
    ) -> Result<(), String> {
        let max = self.config.session.handshake.max_connect_size;
        let peer = self.peer(id)?;
        if let Some(link) = peer.link() {
            let told = link.told.pop_front();
            let same = told.as_ref() == Some(&(code, properties.clone()));
            ensure!(same, "the program was told of {code} {properties:?}, and not {told:?}");
            return Ok(());
        }
        let Peer { input, phase: Phase::Asked(asked), .. } = peer else {
            return Err(format!("{id:?} sent no AUTH"));
        };
        let (packet, rest) = next_packet(input, max, Version::V5_0)?;
        let fits = is_in_turn(&packet, asked.turn, asked.method());
        ensure!(fits, "{packet:?} was taken in the turn {:?}", asked.turn);
        let Packet::Auth(auth) = packet else { return Err(format!("{packet} is no AUTH")) };
        let carried = OwnedProperties::new(&auth.properties.iter().collect::<Vec<_>>());
        ensure!(carried.as_ref() == Ok(properties), "{auth:?} is not {properties:?}");
        asked.turn = Turn::Server;
        *input = rest.to_vec();
        Ok(())
    }

    /// What the program has said in AUTH.
    pub(super) fn authenticated(
        &mut self,
        id: ConnectionId,
        code: ReasonCode,
        said: usize,
        done: bool,
    ) -> Result<(), String> {
        let deadline = self.now + self.config.session.handshake.timeout;
        let peer = self.peer(id)?;
        let asks = code == ReasonCode::ContinueAuthentication;
        let fine = AUTHENTICATING.len() - 1 > said;
        let (turn, method, due, next) = match &mut peer.phase {
            Phase::Asked(asked) if asks => {
                let method = asked.method().map(str::to_owned);
                (&mut asked.turn, method, &mut asked.due, Turn::Client(deadline))
            }
            Phase::Connected(link) if asks || code == ReasonCode::Success => {
                // A connected client has all the time in the world.
                let next = if asks { Turn::Client(deadline) } else { Turn::Nobody };
                (&mut link.turn, link.method.clone(), &mut link.due, next)
            }
            _ => {
                ensure!(!done, "{id:?} was sent AUTH {code}");
                return Ok(());
            }
        };
        if !done {
            // With nothing to leave out it may be too large.
            ensure!(*turn != Turn::Server || !fine || said == 2 || said < 4, "{code} was refused");
            return Ok(());
        }
        ensure!(*turn == Turn::Server && fine, "{id:?} was sent AUTH {code}, {said}");
        *turn = next;
        due.push_back(Due::Auth(code, method.unwrap_or_default()));
        Ok(())
    }

    /// What a client that is not accepted is sent at last.
    pub(super) fn refused(
        &mut self,
        id: ConnectionId,
        reason: CloseReason,
        action: &Action,
    ) -> Result<Option<Farewell>, String> {
        let max = self.config.session.handshake.max_connect_size;
        let Peer { phase, input, .. } = self.peer(id)?;
        let code = match reason {
            CloseReason::Refused(code) => code,
            CloseReason::TooManySessions => ReasonCode::ServerUnavailable,
            CloseReason::ClientFault(fault) => connack_code(fault),
            CloseReason::Disconnected => {
                let (packet, _) = next_packet(input, max, Version::V5_0)?;
                ensure!(packet.packet_type() == PacketType::Disconnect, "{packet} is not the end");
                return Ok(None);
            }
            _ => return Ok(None),
        };
        if let (Phase::Asked(asked), CloseReason::ClientFault(fault)) = (&*phase, reason) {
            if asked.method().is_some() && fault != ClientFault::AnswerTooLarge {
                check_fault(input, max, fault, asked.turn, asked.method())?;
            }
        }
        let reader = match phase {
            Phase::Asked(asked) => asked.reader(),
            _ => match reader_of(input, reason) {
                Some(reader) => reader,
                None => return Ok(None),
            },
        };
        // Before 5.0 not every fault has a code.
        let told = reader.version == Version::V5_0
            || !matches!(reason, CloseReason::ClientFault(_))
            || matches!(
                code,
                ReasonCode::UnsupportedProtocolVersion | ReasonCode::ClientIdentifierNotValid
            );
        if !told {
            return Ok(None);
        }
        let due = match phase {
            Phase::Asked(asked) => std::mem::take(&mut asked.due),
            _ => Default::default(),
        };
        let least = match action {
            // A Server Reference is not left out.
            Action::Refuse(_, _, 2) => 11,
            _ => 5,
        };
        Ok(Farewell::refusal(reader, due, code, least))
    }
}

/// Whether that AUTH may come now.
pub(super) fn is_in_turn(packet: &Packet<'_>, turn: Turn, method: Option<&str>) -> bool {
    let Packet::Auth(auth) = packet else {
        return false;
    };
    let named = match auth.properties.find(PropertyId::AuthenticationMethod) {
        Some(Property::AuthenticationMethod(method)) => Some(method),
        _ => None,
    };
    let fits = match auth.reason_code {
        ReasonCode::ReAuthenticate => turn == Turn::Nobody,
        _ => matches!(turn, Turn::Client(_)),
    };
    fits && method.is_some() && named == method
}

/// Whether the next packet of a client that authenticates itself has that fault.
fn check_fault(
    input: &[u8],
    max: u32,
    fault: ClientFault,
    turn: Turn,
    method: Option<&str>,
) -> Result<(), String> {
    let next = next_packet(input, max, Version::V5_0);
    let fits = match (fault, &next) {
        (ClientFault::Decode(_), next) => next.is_err(),
        (ClientFault::UnexpectedAuth, Ok((packet, _))) => {
            let again = matches!(packet, Packet::Auth(auth) if auth.reason_code == ReasonCode::ReAuthenticate);
            again || !is_in_turn(packet, turn, method)
        }
        (ClientFault::NotAuthenticated(packet_type), Ok((packet, _))) => {
            packet.packet_type() == packet_type
        }
        // Who does not take what it is asked.
        (ClientFault::AnswersNotTaken, Ok(_)) => true,
        _ => false,
    };
    ensure!(fits, "{next:?} is not {fault:?}");
    Ok(())
}

/// For whom a CONNECT is answered that was not asked about; `None` where there is no answer.
fn reader_of(input: &[u8], reason: CloseReason) -> Option<Reader> {
    let CloseReason::ClientFault(fault) = reason else {
        return None;
    };
    match fault {
        ClientFault::Decode(error)
            if error.violation() == Violation::UnsupportedProtocolVersion =>
        {
            return Some(Reader::any(Version::V3_1_1));
        }
        ClientFault::ClientIdentifier(version) | ClientFault::KeepAlive(version) => {
            return Some(Reader::any(version));
        }
        ClientFault::NotConnect(_) => return None,
        // Too large a CONNECT is not looked at.
        ClientFault::Decode(error) if error.violation() == Violation::PacketTooLarge => {
            return None;
        }
        _ => {}
    }
    let (frame, _) = Frame::parse(input, MAXIMUM_PACKET_SIZE).ok().flatten()?;
    if !frame.body().starts_with(b"\x00\x04MQTT\x05") {
        return None;
    }
    match Packet::decode_from(Sender::Client, frame, Version::V5_0) {
        Ok(Packet::Connect(connect)) => {
            let properties: Vec<_> = connect.properties.iter().collect();
            Some(Reader::new(Version::V5_0, &OwnedProperties::new(&properties).ok()?))
        }
        _ => Some(Reader::any(Version::V5_0)),
    }
}

/// The code that a fault has in CONNACK.
fn connack_code(fault: ClientFault) -> ReasonCode {
    let code = match fault {
        ClientFault::KeepAlive(_) => ReasonCode::ClientIdentifierNotValid,
        fault => fault.reason_code(),
    };
    let allowed = code.is_allowed_from(Sender::Server, PacketType::ConnAck);
    if allowed { code } else { ReasonCode::ProtocolError }
}

/// The bytes of the CONNECT that `input` begins with, which must be what the request says.
pub(super) fn connect_size(input: &[u8], request: &ConnectRequest) -> Result<usize, String> {
    let (packet, rest) = next_packet(input, MAXIMUM_PACKET_SIZE, request.version)?;
    let Packet::Connect(connect) = &packet else {
        return Err(format!("{packet} is no CONNECT"));
    };
    let carried = OwnedProperties::new(&connect.properties.iter().collect::<Vec<_>>());
    let same = connect.version == request.version
        && connect.clean_start == request.clean_start
        && connect.keep_alive == request.keep_alive
        && connect.client_id == request.client_id
        && connect.user_name == request.user_name.as_deref()
        && connect.password == request.password.as_deref()
        && carried.as_ref() == Ok(&request.properties);
    ensure!(same, "{packet} is not {request:?}");
    let will = connect.will.map(|will| (will.topic, will.payload, will.qos, will.retain));
    let asked = request.will.as_deref();
    let asked = asked.map(|will| (will.topic.name(), &will.payload[..], will.qos, will.retain));
    ensure!(will == asked, "{packet} has another will than {request:?}");
    Ok(input.len() - rest.len())
}
