//! Messages that clients publish, and what the broker answers.

use mqtt_sansio::{
    ClientFault, ConnectionId, Delivery, PacketId, PayloadFormat, Property, PropertyId, Publish,
    QoS, ReasonCode, SessionConfig, TopicName,
};

use super::config::PERMISSIONS;
use super::due::Due;
use super::ensure;
use super::link::Link;
use super::published::{Content, Known};
use super::session::Session;
use super::world::World;

/// What the broker may say to a message.
struct Verdict {
    v5: bool,
    codes: Vec<ReasonCode>,
    /// It surely is refused.
    refused: bool,
    /// For want of room it may be.
    may_fail: bool,
}

impl World {
    /// A PUBLISH that the broker has taken.
    pub(super) fn publish(
        &mut self,
        id: ConnectionId,
        publish: &Publish<'_>,
    ) -> Result<(), String> {
        let (now, features) = (self.now, self.config.session.features.clone());
        let (link, _) = self.link_and_session(id)?;
        let (v5, rights) = (link.is_5_0(), link.rights);
        let available = !v5 || !publish.retain || features.retain_available;
        let fine = available && publish.delivery.qos() <= features.maximum_qos;
        ensure!(fine, "{publish} was taken");
        let topic = link.topic(publish, features.topic_alias_maximum);
        let topic = topic.ok_or_else(|| format!("{publish:?} was taken"))?;
        let content = (topic, publish.payload.to_vec());
        let known = Known::new(&publish.properties, Some(now));
        let verdict = self.verdict(&content, (v5, rights), publish);
        let refused = self.refusal(&content, rights, publish).is_some();
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { packet_id, .. } => {
                let (link, _) = self.link_and_session(id)?;
                link.due.push_back(Due::PubAck(packet_id, verdict.codes));
            }
            Delivery::ExactlyOnce { packet_id, .. } => {
                return self.hold(id, packet_id, (content, known), verdict);
            }
        }
        if !refused {
            self.published.insert(content, known);
        }
        Ok(())
    }

    fn verdict(
        &self,
        content: &Content,
        (v5, rights): (bool, usize),
        publish: &Publish<'_>,
    ) -> Verdict {
        let success = ReasonCode::Success;
        let refusal = self.refusal(content, rights, publish).filter(|_| v5);
        // Where there is hardly any, there may be no room to retain it.
        let crowded = publish.retain && self.config.router.max_retained_messages < 10;
        let may_fail = v5 && crowded && refusal.is_none();
        let mut codes = match refusal {
            Some(code) => vec![code],
            None if v5 => vec![success, ReasonCode::NoMatchingSubscribers],
            None => vec![success],
        };
        codes.extend(may_fail.then_some(ReasonCode::QuotaExceeded));
        Verdict { v5, codes, refused: refusal.is_some(), may_fail }
    }

    /// A message at QoS 2, which is kept until PUBREL.
    fn hold(
        &mut self,
        id: ConnectionId,
        packet_id: PacketId,
        (content, known): (Content, Known),
        verdict: Verdict,
    ) -> Result<(), String> {
        let Verdict { v5, mut codes, refused, mut may_fail } = verdict;
        let (messages, most_bytes) = limits(&self.config.session);
        let (link, session) = self.link_and_session(id)?;
        if v5 {
            session.forget_older(packet_id);
        }
        let [_, (held, bytes)] = session.held();
        if v5 && (held >= messages || bytes + known.sizes(&content).1 > most_bytes) {
            may_fail = true;
            codes.push(ReasonCode::QuotaExceeded);
        }
        let holds = session.holds(packet_id);
        match holds {
            Some(true) => codes = vec![ReasonCode::Success],
            Some(false) => codes.push(ReasonCode::Success),
            None => {}
        }
        let number = if refused && holds.is_none() {
            0
        } else {
            let message = (content, known, v5 && !refused);
            session.hold(packet_id, message, may_fail || refused, v5)
        };
        link.due.push_back(Due::PubRec(packet_id, codes, number));
        let [(held, bytes), _] = session.held();
        let within = held <= messages && bytes <= most_bytes;
        ensure!(within, "{held} messages, {bytes} bytes await PUBREL");
        Ok(())
    }

    /// Why a client's message is not routed; that there is no room to retain it, is not known.
    pub(super) fn refusal(
        &self,
        content: &Content,
        rights: usize,
        publish: &Publish<'_>,
    ) -> Option<ReasonCode> {
        let topic = TopicName::from_bytes(&content.0).ok()?;
        let reserved = self.config.sys_interval.is_some() && content.0.starts_with(b"$SYS/");
        let format = publish.properties.find(PropertyId::PayloadFormatIndicator);
        let text = format == Some(Property::PayloadFormatIndicator(PayloadFormat::Utf8));
        let looks = self.config.session.features.validate_payload_format;
        if content.0.len() > self.config.max_topic_length {
            Some(ReasonCode::TopicNameInvalid)
        } else if !PERMISSIONS[rights].may_publish(topic) || reserved {
            Some(ReasonCode::NotAuthorized)
        } else if content.1.len() > self.config.max_payload_size {
            Some(ReasonCode::QuotaExceeded)
        } else if looks && text && std::str::from_utf8(&content.1).is_err() {
            Some(ReasonCode::PayloadFormatInvalid)
        } else {
            None
        }
    }

    pub(super) fn released(&mut self, id: ConnectionId, packet_id: PacketId) -> Result<(), String> {
        let (link, session) = self.link_and_session(id)?;
        let (success, unknown) = (ReasonCode::Success, ReasonCode::PacketIdentifierNotFound);
        let released = session.release(packet_id);
        let codes = match &released {
            _ if !link.is_5_0() => vec![success],
            None => vec![unknown],
            Some((_, true)) => vec![success],
            Some((_, false)) => vec![success, unknown],
        };
        link.due.push_back(Due::PubComp(packet_id, codes));
        let rights = link.rights;
        for (content, known, accepted) in released.into_iter().flat_map(|(held, _)| held) {
            if accepted {
                self.published.insert(content, known);
            } else {
                self.route(content, known, rights);
            }
        }
        Ok(())
    }

    /// A client's message, if it may publish it.
    pub(super) fn route(&mut self, content: Content, known: Known, rights: usize) {
        let Ok(topic) = TopicName::from_bytes(&content.0) else {
            return;
        };
        let message = Publish::new(topic, &content.1);
        if self.refusal(&content, rights, &message).is_none() {
            self.published.insert(content, known);
        }
    }
}

/// How many messages may await PUBREL, and how many bytes.
fn limits(limits: &SessionConfig) -> (usize, usize) {
    (limits.max_unreleased_messages.max(1), limits.max_unreleased_bytes)
}

/// Whether a PUBLISH has that fault.
pub(super) fn publish_fault(
    link: &Link,
    session: &Session,
    publish: &Publish<'_>,
    fault: ClientFault,
    config: &SessionConfig,
) -> bool {
    let (features, v5) = (&config.features, link.is_5_0());
    let (most, most_bytes) = limits(config);
    let [_, (held, bytes)] = session.held();
    match fault {
        ClientFault::QoSNotSupported => publish.delivery.qos() > features.maximum_qos,
        ClientFault::RetainNotSupported => v5 && publish.retain && !features.retain_available,
        ClientFault::TopicAliasInvalid(alias) => {
            has_alias(publish, alias.get()) && alias.get() > features.topic_alias_maximum
        }
        ClientFault::UnknownTopicAlias(alias) => {
            has_alias(publish, alias.get()) && publish.topic.is_empty() && !link.knows(alias.get())
        }
        ClientFault::ReceiveMaximumExceeded => {
            let answers = link.due.iter();
            let answers = answers.filter(|due| matches!(due, Due::PubAck(..) | Due::PubComp(..)));
            v5 && publish.delivery.qos() > QoS::AtMostOnce && answers.count() + held >= most
        }
        ClientFault::TooManyUnreleased => {
            let bytes = bytes + publish.topic.as_bytes().len() + publish.payload.len();
            let again =
                publish.delivery.packet_id().is_none_or(|id| session.holds(id) == Some(true));
            !v5 && !again && (held >= most || bytes > most_bytes)
        }
        _ => false,
    }
}

fn has_alias(publish: &Publish<'_>, alias: u16) -> bool {
    let found = publish.properties.find(PropertyId::TopicAlias);
    matches!(found, Some(Property::TopicAlias(found)) if found.get() == alias)
}
