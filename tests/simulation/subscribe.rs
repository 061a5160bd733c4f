//! SUBSCRIBE and UNSUBSCRIBE in the model.

use mqtt_sansio::{
    Property, PropertyId, RetainHandling, Subscribe, Subscription, Unsubscribe, Version,
};

use crate::model::{Entry, Key, Model, Options};
use crate::receive::Fault;
use crate::wire::suback;

impl Model {
    pub(crate) fn subscribe_from(
        &mut self,
        client_id: &str,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), Fault> {
        let version = self.sessions[client_id].link.as_ref().unwrap().version();
        let identifier = match subscribe.properties.find(PropertyId::SubscriptionIdentifier) {
            Some(Property::SubscriptionIdentifier(identifier)) => Some(identifier.get()),
            _ => None,
        };
        if version == Version::V5_0 {
            self.check_features(identifier.is_some(), subscribe)?;
        }
        let (mut codes, mut reason, mut new) = (Vec::new(), None, Vec::new());
        for wanted in subscribe.filters {
            match self.refuses(client_id, &wanted, version) {
                Some((code, text)) => {
                    self.seen.add("subscription refused");
                    codes.push(code);
                    reason = reason.or(Some(text));
                }
                None => {
                    codes.push(self.subscribe_to(client_id, &wanted, identifier, &mut new));
                }
            }
        }
        let link = self.sessions[client_id].link.as_ref().unwrap();
        let id = subscribe.packet_id.get();
        let answer = match version {
            Version::V5_0 => match reason {
                Some(text) => link.explained(text, |props| suback(0x90, id, Some(props), &codes)),
                None => suback(0x90, id, Some(&[]), &codes),
            },
            _ => suback(0x90, id, None, &codes),
        };
        self.sessions.get_mut(client_id).unwrap().answer(answer);
        for (filter, options) in new {
            self.subscribe_retained(client_id, &filter, options);
        }
        Ok(())
    }

    fn check_features(&self, identifier: bool, subscribe: &Subscribe<'_>) -> Result<(), Fault> {
        let features = &self.config.session.features;
        if identifier && !features.subscription_identifier_available {
            return Err(Fault(0xA1));
        }
        for wanted in subscribe.filters {
            let filter = wanted.filter.as_str();
            if filter.starts_with("$share/") && !features.shared_subscription_available {
                return Err(Fault(0x9E));
            }
            if filter.contains(['+', '#']) && !features.wildcard_subscription_available {
                return Err(Fault(0xA2));
            }
        }
        Ok(())
    }

    /// The code of a subscription that is refused, and why in words.
    fn refuses(
        &mut self,
        client_id: &str,
        wanted: &Subscription<'_>,
        version: Version,
    ) -> Option<(u8, &'static str)> {
        let session = &self.sessions[client_id];
        let filter = wanted.filter.as_str();
        let key = Key::new(filter, version);
        let features = &self.config.session.features;
        let full = session.subscriptions.len() >= self.config.router.max_subscriptions
            && !session.subscriptions.contains_key(&key);
        let shared = session.subscriptions.keys().filter(|key| key.share.is_some()).count();
        let too_shared = key.share.is_some()
            && shared >= self.config.router.max_shared_subscriptions
            && !session.subscriptions.contains_key(&key);
        let (code, kind, text) = if filter.len() > self.config.max_topic_length {
            (0x8F, "SUBACK 0x8F: topic filter invalid", "the topic filter is too long")
        } else if filter.contains(['+', '#']) && !features.wildcard_subscription_available {
            (0xA2, "wildcard refused before 5.0", "")
        } else if session.denied && key.filter.split('/').next() == Some("deny") {
            (0x87, "SUBACK 0x87: not authorized", "the client may not subscribe to that")
        } else if full {
            let text = "the subscriber has as many subscriptions as it may have";
            (0x97, "SUBACK 0x97: quota exceeded", text)
        } else if too_shared {
            let text = "the subscriber has as many shared subscriptions as it may have";
            (0x97, "SUBACK 0x97: too many shared subscriptions", text)
        } else {
            return None;
        };
        if version == Version::V5_0 {
            self.seen.add(kind);
            return Some((code, text));
        }
        self.seen.add_if(code == 0xA2, kind);
        Some((if version == Version::V3_1 { 0 } else { 0x80 }, ""))
    }

    /// The QoS granted.
    fn subscribe_to(
        &mut self,
        client_id: &str,
        wanted: &Subscription<'_>,
        identifier: Option<u32>,
        new: &mut Vec<(String, Options)>,
    ) -> u8 {
        let session = self.sessions.get_mut(client_id).unwrap();
        let version = session.link.as_ref().unwrap().version();
        let key = Key::new(wanted.filter.as_str(), version);
        let qos = wanted.qos.min(self.config.session.features.maximum_qos);
        let Subscription { no_local, retain_as_published, retain_handling, .. } = *wanted;
        let options = Options { qos, no_local, retain_as_published, identifier };
        let existed = session.subscriptions.insert(key.clone(), options).is_some();
        let wants_retained = match retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendAtNewSubscribe => !existed,
            RetainHandling::DoNotSend => false,
        };
        self.seen.add_if(!wants_retained, "retained messages not asked for");
        if key.share.is_some() {
            self.seen.add("shared subscription");
            self.groups.join(&key, client_id);
        } else if wants_retained {
            new.push((key.filter, options));
        }
        qos as u8
    }

    pub(crate) fn unsubscribe_from(&mut self, client_id: &str, unsubscribe: &Unsubscribe<'_>) {
        let session = self.sessions.get_mut(client_id).unwrap();
        let version = session.link.as_ref().unwrap().version();
        let mut codes = Vec::new();
        for filter in unsubscribe.filters {
            let key = Key::new(filter.as_str(), version);
            let existed = session.subscriptions.remove(&key).is_some();
            codes.push(if existed { 0 } else { 0x11 });
            if key.share.is_some() {
                self.groups.leave(&key, client_id);
            } else if existed {
                session
                    .queue
                    .retain(|entry| !matches!(entry, Entry::Retained(c) if c.filter == key.filter));
            }
        }
        let id = unsubscribe.packet_id.get();
        let answer = match version {
            Version::V5_0 => {
                let none = codes.contains(&0x11);
                self.seen.add_if(none, "UNSUBACK 0x11: no subscription existed");
                suback(0xB0, id, Some(&[]), &codes)
            }
            _ => suback(0xB0, id, None, &[]),
        };
        session.answer(answer);
    }
}
