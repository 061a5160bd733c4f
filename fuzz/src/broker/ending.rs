//! How connections end: why, what the client is sent at last, and what becomes of its session and will.

use std::sync::Arc;
use std::time::Duration;

use mqtt_sansio::{ClientFault, CloseReason, ConnectionId, OwnedProperties, ReasonCode};

use super::call::Action;
use super::ensure;
use super::link::Link;
use super::peer::{Farewell, Phase};
use super::published::{Known, content_of};
use super::world::World;

impl World {
    pub(super) fn ended(
        &mut self,
        id: ConnectionId,
        client_id: Option<&Arc<str>>,
        (reason, properties): (CloseReason, &OwnedProperties),
        action: &Action,
    ) -> Result<(), String> {
        self.may_end(id, reason, action)?;
        let until = self.now + self.config.close_timeout;
        let peer = self.peer(id)?;
        ensure!(!peer.is_over(), "{id:?} was disconnected again: {reason:?}");
        if peer.is_pending() {
            ensure!(client_id.is_none(), "{id:?} was not {client_id:?}");
            let farewell = self.refused(id, reason, action)?;
            let peer = self.peer(id)?;
            let before = std::mem::replace(&mut peer.phase, Phase::over(farewell, until));
            // What is left of it waits to be pulled.
            peer.wants = false;
            peer.input.clear();
            self.not_accepted(&before, reason);
            return Ok(());
        }
        let Phase::Connected(mut link) = std::mem::replace(&mut peer.phase, Phase::Over(None))
        else {
            return Ok(());
        };
        let said = link.left.take().map_or(OwnedProperties::EMPTY, |(_, properties)| properties);
        ensure!(said == *properties, "{id:?} said {said:?}, and not {properties:?}");
        let due = link.last(is_answered(reason), code(reason, action));
        let farewell = Farewell { reader: link.reader.clone(), due };
        peer.phase = Phase::over(Some(farewell), until);
        peer.wants = false;
        peer.input.clear();
        ensure!(client_id == Some(&link.client_id), "{id:?} was not {client_id:?}");
        self.left(&link, reason);
        Ok(())
    }

    /// A CONNECT was turned down: with a clean start, the session may have gone nevertheless.
    fn not_accepted(&mut self, before: &Phase, reason: CloseReason) {
        let (CloseReason::ClientFault(ClientFault::AnswerTooLarge), Phase::Asked(asked)) =
            (reason, before)
        else {
            return;
        };
        if asked.request.clean_start {
            self.sessions.remove(asked.request.client_id.as_str());
        }
    }

    /// An accepted client is gone: what becomes of its session and its will.
    fn left(&mut self, link: &Link, reason: CloseReason) {
        let longest = self.config.session_expiry;
        let seconds = link.session_expiry;
        if seconds == 0 {
            self.sessions.remove(&link.client_id);
        } else if let Some(session) = self.sessions.get_mut(&link.client_id) {
            let asked = (seconds < u32::MAX).then(|| Duration::from_secs(seconds.into()));
            let stays = [longest, asked].into_iter().flatten().min();
            session.lost(stays.map(|stays| self.now + stays));
        }
        let will = link.will.as_deref().filter(|_| reason != CloseReason::Disconnected);
        if let Some(will) = will {
            // Now or later: nobody tells.
            let known = Known::new(&will.properties.properties(), None);
            if link.will_waits {
                // With the rights that the client has then.
                self.published.insert(content_of(will), known);
            } else {
                self.route(content_of(will), known, link.rights);
            }
        }
    }

    /// Whether a connection may end so by that call.
    fn may_end(
        &mut self,
        id: ConnectionId,
        reason: CloseReason,
        action: &Action,
    ) -> Result<(), String> {
        let (now, config) = (self.now, &self.config);
        let (timeout, room) =
            (config.session.handshake.timeout, config.max_sessions > self.sessions.len());
        let peer = self.peer(id)?;
        let overdue = peer.deadline(timeout).is_some_and(|at| at <= now);
        let fits = match (reason, action) {
            (CloseReason::TransportClosed, Action::Closed(closed)) => *closed == id,
            (
                CloseReason::Requested,
                Action::Disconnect(closed) | Action::DisconnectWith(closed, ..),
            ) => *closed == id,
            (CloseReason::Requested, Action::Shutdown) => true,
            (CloseReason::Requested, Action::EndSession(client_id)) => {
                peer.link().is_some_and(|link| *link.client_id == **client_id)
            }
            (CloseReason::KeepAliveTimeout, Action::Timeout) => peer.link().is_some() && overdue,
            (CloseReason::ConnectTimeout, Action::Timeout) => peer.is_pending() && overdue,
            (CloseReason::TakenOver, Action::Accept(by, ..)) => *by != id && peer.link().is_some(),
            (CloseReason::Refused(code), Action::Refuse(refused, with, _)) => {
                *refused == id && code == *with && peer.is_pending()
            }
            (
                CloseReason::Refused(ReasonCode::ClientIdentifierNotValid)
                | CloseReason::ClientFault(ClientFault::AnswerTooLarge),
                Action::Accept(refused, ..),
            ) if peer.is_pending() => *refused == id,
            (CloseReason::TooManySessions, Action::Accept(refused, ..)) => {
                *refused == id && peer.is_pending() && !room
            }
            // `taken` has looked at what came.
            (
                CloseReason::Disconnected
                | CloseReason::DisconnectedWith(_)
                | CloseReason::ClientFault(_),
                Action::Input(from, _) | Action::Accept(from, ..),
            ) => *from == id,
            _ => false,
        };
        ensure!(fits, "{id:?} has ended: {reason:?}");
        Ok(())
    }
}

/// Whether a client gets the answers that wait when its connection ends.
fn is_answered(reason: CloseReason) -> bool {
    match reason {
        CloseReason::ClientFault(fault) => fault != ClientFault::AnswersNotTaken,
        reason => matches!(
            reason,
            CloseReason::Disconnected | CloseReason::DisconnectedWith(_) | CloseReason::Requested
        ),
    }
}

/// The code of the DISCONNECT that a client of 5.0 is sent.
fn code(reason: CloseReason, action: &Action) -> Option<ReasonCode> {
    Some(match (reason, action) {
        (CloseReason::KeepAliveTimeout, _) => ReasonCode::KeepAliveTimeout,
        (CloseReason::TakenOver, _) => ReasonCode::SessionTakenOver,
        (CloseReason::Requested, Action::Shutdown) => ReasonCode::ServerShuttingDown,
        (CloseReason::Requested, Action::DisconnectWith(_, code, _)) => *code,
        (CloseReason::Requested, _) => ReasonCode::AdministrativeAction,
        (CloseReason::ClientFault(fault), _) => fault.reason_code(),
        _ => return None,
    })
}
