//! What the broker sends.

use mqtt_sansio::{ConnectionId, Frame, MAXIMUM_PACKET_SIZE, Packet, Sender};

use super::ensure;
use super::peer::{Farewell, Link, Phase};
use super::session::content;
use super::world::World;

impl World {
    /// Whether a pull of at most `max` bytes may have given that. `again` says whether more was announced.
    pub(super) fn pulled(
        &mut self,
        id: ConnectionId,
        max: usize,
        sent: &[u8],
        again: bool,
    ) -> Result<(), String> {
        let peer = self.peer(id)?;
        match &mut peer.phase {
            _ if peer.gone => ensure!(sent.is_empty(), "{id:?} is gone, and was sent {sent:02x?}"),
            Phase::Connected(_) => {
                // Who takes nothing still wants to.
                peer.wants &= max == 0;
                peer.wants |= again;
                return self.packets(id, max, sent);
            }
            Phase::Over(Some((farewell, _))) if max > 0 => {
                peer.wants = again;
                let finished = match farewell {
                    Farewell::Answers(link) => last_answers(link, max, sent)?,
                    Farewell::Refusal(bytes) => {
                        ensure!(bytes == sent, "{bytes:02x?} was to be sent, not {sent:02x?}");
                        true
                    }
                };
                if finished {
                    peer.phase = Phase::Over(None);
                }
            }
            _ => ensure!(sent.is_empty(), "{id:?} was sent {sent:02x?}"),
        }
        Ok(())
    }

    fn packets(&mut self, id: ConnectionId, max: usize, sent: &[u8]) -> Result<(), String> {
        let (mut rest, mut control) = (sent, 0);
        while !rest.is_empty() {
            ensure!(sent.len() - rest.len() < max, "{sent:02x?} is more than {max}");
            let parsed = Frame::parse(rest, MAXIMUM_PACKET_SIZE);
            let Ok(Some((frame, after))) = parsed else {
                return Err(format!("{parsed:?} in {sent:02x?}"));
            };
            let version = self.peer(id)?.version();
            let packet = Packet::decode_from(Sender::Server, frame, version);
            let packet = packet.map_err(|error| format!("{error} in {sent:02x?}"))?;
            let bytes = self.packet_to(id, &packet)?;
            control += if bytes { frame.as_bytes().len() } else { 0 };
            rest = after;
        }
        let limits = &self.config.session;
        // The last answer may pass the limit; the longest is a SUBACK.
        let most = limits.max_unsent_bytes.saturating_add(limits.maximum_packet_size as usize);
        ensure!(control <= most, "{control} bytes of answers have waited");
        let owed = self.peer(id)?.link().map_or(0, |link| link.due.len());
        ensure!(owed == 0 || sent.len() >= max, "{owed} answers are missing");
        Ok(())
    }

    /// One packet; whether it is an answer.
    fn packet_to(&mut self, id: ConnectionId, packet: &Packet<'_>) -> Result<bool, String> {
        if let Packet::Publish(publish) = packet {
            self.was_published(&content(publish))?;
        }
        let peer = self.peers.iter_mut().rev().find(|peer| peer.id == id);
        let Some(link) = peer.and_then(|peer| peer.link()) else {
            return Err(format!("{id:?} is not connected"));
        };
        if !link.due.is_empty() {
            link.answered(packet)?;
            return Ok(true);
        }
        let session = self.sessions.get_mut(&link.client_id);
        let session = session.ok_or_else(|| format!("{} has no session", link.client_id))?;
        match packet {
            Packet::Publish(publish) => session.publish(publish, &self.config)?,
            Packet::PubRel(ack) => session.released_again(ack.packet_id)?,
            _ => return Err(format!("{packet} answers nothing")),
        }
        Ok(false)
    }
}

/// Answers that a connection was owed when it ended, and nothing else; whether those are all.
fn last_answers(link: &mut Link, max: usize, sent: &[u8]) -> Result<bool, String> {
    let mut rest = sent;
    while let Ok(Some((frame, after))) = Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
        ensure!(sent.len() - rest.len() < max, "{sent:02x?} is more than {max}");
        let packet = Packet::decode_from(Sender::Server, frame, link.version);
        link.answered(&packet.map_err(|error| error.to_string())?)?;
        rest = after;
    }
    let finished = link.due.is_empty();
    ensure!(
        rest.is_empty() && (finished || sent.len() >= max),
        "{sent:02x?}; and not {:?}",
        link.due
    );
    Ok(finished)
}
