//! What the broker sends.

use mqtt_sansio::{ConnectionId, Frame, MAXIMUM_PACKET_SIZE, Packet, Sender, Version};

use super::due::Due;
use super::ensure;
use super::peer::{Asked, Farewell, Phase};
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
            Phase::Asked(asked) => {
                peer.wants &= max == 0;
                peer.wants |= again;
                questions(asked, max, sent)?;
            }
            Phase::Over(Some((farewell, _))) if max > 0 => {
                peer.wants = again;
                if last_packets(farewell, max, sent)? {
                    peer.phase = Phase::Over(None);
                }
            }
            _ => ensure!(sent.is_empty(), "{id:?} was sent {sent:02x?}"),
        }
        Ok(())
    }

    fn packets(&mut self, id: ConnectionId, max: usize, sent: &[u8]) -> Result<(), String> {
        let (mut rest, mut control) = (sent, 0);
        let version = self.peer(id)?.version();
        while !rest.is_empty() {
            let (packet, size, after) = next(sent, rest, max, version)?;
            let answers = self.packet_to(id, &packet, size)?;
            control += if answers { size } else { 0 };
            rest = after;
        }
        let limits = &self.config.session;
        // The last answer may pass the limit; the longest is a SUBACK. In 5.0 CONNACK has none, and answers may
        // have a sentence.
        let longest = limits.maximum_packet_size as usize;
        let sentences = if version == Version::V5_0 { 1000 } else { 0 };
        let most = limits.max_unsent_bytes.saturating_add(longest + sentences);
        ensure!(control <= most, "{control} bytes of answers have waited");
        let owed = self.peer(id)?.link().map_or(0, |link| link.due.len());
        ensure!(owed == 0 || sent.len() >= max, "{owed} answers are missing");
        Ok(())
    }

    /// One packet; whether it is an answer.
    fn packet_to(
        &mut self,
        id: ConnectionId,
        packet: &Packet<'_>,
        size: usize,
    ) -> Result<bool, String> {
        let (now, sys) = (self.now, self.config.sys_interval.is_some());
        let peer = self.peers.iter_mut().rev().find(|peer| peer.id == id);
        let Some(link) = peer.and_then(|peer| peer.link()) else {
            return Err(format!("{id:?} is not connected"));
        };
        link.reader.takes(packet, size)?;
        let session = self.sessions.get_mut(&link.client_id);
        let session = session.ok_or_else(|| format!("{} has no session", link.client_id))?;
        if !link.due.is_empty() {
            let due = link.answered(packet)?;
            if let (Due::PubRec(id, _, number), Packet::PubRec(ack)) = (due, packet) {
                session.taken_over(id, number, ack.reason_code);
            }
            return Ok(true);
        }
        match packet {
            Packet::Publish(publish) => {
                let topic = link.published(publish)?;
                let version = link.reader.version;
                session.publish(publish, &topic, version, &self.config)?;
                if sys && topic.starts_with(b"$SYS/broker/") {
                    return Ok(false);
                }
                let content = (topic, publish.payload.to_vec());
                match version {
                    // What was sent before does not expire.
                    _ if publish.delivery.dup() => self.published.check_content(&content)?,
                    Version::V5_0 => {
                        self.published.check_5_0(&content, &publish.properties, now)?;
                    }
                    _ => self.published.check(&content, now)?,
                }
            }
            Packet::PubRel(ack) => session.released_again(ack.packet_id, link.reader.version)?,
            _ => return Err(format!("{packet} answers nothing")),
        }
        Ok(false)
    }
}

/// The next packet of those sent, its size, and what comes after it.
fn next<'a>(
    sent: &[u8],
    rest: &'a [u8],
    max: usize,
    version: Version,
) -> Result<(Packet<'a>, usize, &'a [u8]), String> {
    ensure!(sent.len() - rest.len() < max, "{sent:02x?} is more than {max}");
    let parsed = Frame::parse(rest, MAXIMUM_PACKET_SIZE);
    let Ok(Some((frame, after))) = parsed else {
        return Err(format!("{parsed:?} in {sent:02x?}"));
    };
    let packet = Packet::decode_from(Sender::Server, frame, version);
    let packet = packet.map_err(|error| format!("{error} in {sent:02x?}"))?;
    Ok((packet, frame.as_bytes().len(), after))
}

/// AUTH before CONNACK.
fn questions(asked: &mut Asked, max: usize, sent: &[u8]) -> Result<(), String> {
    let reader = asked.reader();
    let mut rest = sent;
    while !rest.is_empty() {
        let (packet, size, after) = next(sent, rest, max, Version::V5_0)?;
        reader.takes(&packet, size)?;
        let due = asked.due.pop_front();
        let fits = due.as_ref().is_some_and(|due| due.is(&packet, Version::V5_0));
        ensure!(fits, "{packet:?} came where {due:?} was to come");
        rest = after;
    }
    ensure!(asked.due.is_empty() || sent.len() >= max, "{sent:02x?}; and not {:?}", asked.due);
    Ok(())
}

/// What a connection was owed when it ended, and nothing else; whether that is all.
fn last_packets(farewell: &mut Farewell, max: usize, sent: &[u8]) -> Result<bool, String> {
    let mut rest = sent;
    while !rest.is_empty() {
        let (packet, size, after) = next(sent, rest, max, farewell.reader.version)?;
        farewell.answered(&packet, size)?;
        rest = after;
    }
    let finished = farewell.due.is_empty();
    ensure!(finished || sent.len() >= max, "{sent:02x?}; and not {:?}", farewell.due);
    Ok(finished)
}
