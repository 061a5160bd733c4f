//! What must hold of all that was published, whatever happened in between.

use std::collections::BTreeSet;

use bytes::Bytes;
use mqtt_sansio::{ClientEvent, CommandError, Handle, Message, PublishOutcome, QoS};

use crate::server::{is_refused, topic_of};
use crate::sim::Sim;

/// The application's record of what it handed over, and the server's of what it was to deliver.
#[derive(Default)]
pub(crate) struct Model {
    published: Vec<(Handle, Bytes, QoS)>,
    subscribed: Vec<Handle>,
    unsubscribed: Vec<Handle>,
    /// Messages for the client that its server took.
    sent: Vec<(Bytes, QoS)>,
    count: u32,
    /// Payloads with a Message Expiry Interval.
    pub(crate) expiring: BTreeSet<Bytes>,
}

impl Model {
    /// A message that no other is like.
    pub(crate) fn message(&mut self, qos: QoS, len: usize) -> Message {
        self.count += 1;
        let mut payload = format!("{:06}", self.count).into_bytes();
        payload.resize(len.max(6), b'.');
        let mut message = Message::new(topic_of(self.count as usize), payload).unwrap();
        message.qos = qos;
        message
    }

    /// Whether there was room for it.
    pub(crate) fn publish(&mut self, sim: &mut Sim, message: Message) -> bool {
        let (payload, qos) = (message.payload.clone(), message.qos);
        match sim.publish(message) {
            Ok(handle) => self.published.push((handle, payload, qos)),
            Err(error) => {
                let unfit = matches!(error, CommandError::Encode(_));
                let expected = unfit && self.expiring.contains(&payload);
                assert!(expected || error == CommandError::QueueFull, "{error}");
                return false;
            }
        }
        true
    }

    pub(crate) fn subscribed(&mut self, handle: Handle) {
        self.subscribed.push(handle);
    }

    pub(crate) fn unsubscribed(&mut self, handle: Handle) {
        self.unsubscribed.push(handle);
    }

    pub(crate) fn server_publish(&mut self, sim: &mut Sim, message: Message) {
        let (payload, qos) = (message.payload.clone(), message.qos);
        if sim.server_publish(message) {
            self.sent.push((payload, qos));
        }
    }

    /// How many handles have not been told their end.
    pub(crate) fn pending(&self, sim: &Sim) -> usize {
        let handles = self.published.len() + self.subscribed.len() + self.unsubscribed.len();
        let told = sim.app.events.iter().filter(|event| {
            !matches!(event, ClientEvent::Connected { .. } | ClientEvent::Disconnected { .. })
        });
        handles.saturating_sub(told.count())
    }

    /// Everything that must hold at the end, when nothing is under way any more.
    pub(crate) fn check(&self, sim: &Sim) {
        self.check_completions(sim);
        self.check_requests(sim);
        self.check_delivered(sim);
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            // What one connection refused, another of an older version may have taken later.
            let counts = |payload: &&Bytes| !sim.mixed || !is_refused(payload);
            let arrived = sim.server.arrived.iter().filter(|a| a.qos == qos);
            check_order("at the server", qos, arrived.map(|a| &a.payload).filter(counts));
            let got = sim.app.got.iter().filter(|got| got.qos == qos);
            check_order("at the application", qos, got.map(|got| &got.payload).filter(counts));
        }
    }

    fn check_completions(&self, sim: &Sim) {
        for (handle, payload, qos) in &self.published {
            let outcomes: Vec<_> = sim
                .app
                .events
                .iter()
                .filter_map(|event| match event {
                    ClientEvent::Published { handle: done, outcome, .. } if done == handle => {
                        Some(*outcome)
                    }
                    _ => None,
                })
                .collect();
            let arrived = sim.server.arrived.iter().filter(|a| a.payload == payload).count();
            let fits = match (qos, &outcomes[..]) {
                (QoS::AtMostOnce, [PublishOutcome::Sent]) => arrived <= 1,
                (QoS::AtLeastOnce, [PublishOutcome::Acknowledged]) => arrived >= 1,

                (QoS::AtLeastOnce, [PublishOutcome::Lost]) => true,
                (QoS::ExactlyOnce, [PublishOutcome::Acknowledged]) => arrived == 1,
                (QoS::ExactlyOnce, [PublishOutcome::Lost]) => arrived <= 1,
                // In another connection it may have been that of an older version.
                (_, [PublishOutcome::Refused(_)]) => is_refused(payload),
                (_, [PublishOutcome::Expired | PublishOutcome::NotSent(_)]) => {
                    arrived == 0 && self.expiring.contains(payload)
                }
                _ => false,
            };
            assert!(fits, "{handle:?} {payload:?} {qos:?}: {outcomes:?}, arrived {arrived} times");
        }
    }

    fn check_requests(&self, sim: &Sim) {
        for handle in &self.subscribed {
            let told = |event: &&ClientEvent| matches!(event, ClientEvent::Subscribed { handle: done, .. } if done == handle);
            assert_eq!(sim.app.events.iter().filter(told).count(), 1, "subscribe {handle:?}");
        }
        for handle in &self.unsubscribed {
            let told = |event: &&ClientEvent| matches!(event, ClientEvent::Unsubscribed { handle: done, .. } if done == handle);
            assert_eq!(sim.app.events.iter().filter(told).count(), 1, "unsubscribe {handle:?}");
        }
    }

    /// With tokens a message counts as received when the application acknowledges it.
    fn check_delivered(&self, sim: &Sim) {
        let manual = sim.config.manual_acknowledgement;
        for (payload, qos) in &self.sent {
            let lives = !sim.server.lost.contains(payload);
            let of = |got: &&crate::sim::Got| got.payload == payload;
            let got = sim.app.got.iter().filter(of).count();
            let times = if manual && *qos == QoS::ExactlyOnce {
                sim.app.acknowledged.iter().filter(of).count()
            } else {
                got
            };
            let fits = match qos {
                QoS::AtMostOnce => times <= 1,
                QoS::AtLeastOnce => times >= 1 || !lives,
                QoS::ExactlyOnce => times == 1 || times == 0 && !lives,
            };
            // A refusal may be lost, and then the message comes again.
            let fits = fits || sim.refused.contains(payload) && times >= 1;
            assert!(fits, "{payload:?} {qos:?}: got {got}, counted {times} times, lives {lives}");
        }
    }
}

/// First arrivals are in the order of publishing: payloads count up.
fn check_order<'a>(place: &str, qos: QoS, payloads: impl Iterator<Item = &'a Bytes>) {
    let mut seen = Vec::<&Bytes>::new();
    for payload in payloads {
        if !seen.contains(&payload) {
            let in_order = seen.last().is_none_or(|last| last[..6] < payload[..6]);
            assert!(in_order, "{qos:?} {place}: {payload:?} after {:?}", seen.last());
            seen.push(payload);
        }
    }
}
