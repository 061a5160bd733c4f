//! The session as a plain value: what a restarted process needs to go on.

use alloc::vec::Vec;

use super::event::{ClientEvent, Handle, PublishOutcome, RequestOutcome, Token};
use super::queue::{Key, Request};
use super::{Client, ClientConfig};
use crate::codec::SubscriptionIdentifier;
use crate::delivery::Unacknowledged;
use crate::message::Message;
use crate::owned_properties::OwnedProperties;
use crate::packet_id::PacketId;
use crate::qos::QoS;

/// Everything of a [`Client`] that outlives its connection and its process: messages in flight with their
/// packet identifiers, what was received and not released, what waits to be sent, and the events that
/// nobody has polled yet. With the feature `serde` it can be written down.
///
/// ```
/// use mqtt_sansio::{Client, ClientConfig, Instant, Message};
///
/// let mut client = Client::new(ClientConfig::default());
/// client.publish(Instant::from_millis(0), Message::new("t", "kept")?)?;
/// let session = client.session();
/// drop(client);
/// let client = Client::resume(ClientConfig::default(), session.clone());
/// assert_eq!(client.session(), session);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClientSession {
    /// Whether the server may go on with it.
    present: bool,
    in_flight: Vec<(PacketId, Handle, InFlight)>,
    last_packet_id: u16,
    unreleased: Vec<(PacketId, bool)>,
    messages: Vec<(Handle, Message)>,
    requests: Vec<(Handle, Request)>,
    unpolled: Vec<Unpolled>,
    handles: u64,
    sessions: u64,
    connections: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum InFlight {
    Publish(Message),
    Released,
}

/// An event that must not be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Unpolled {
    Message {
        message: Message,
        dup: bool,
        subscription_identifiers: Vec<u32>,
        exactly_once: Option<PacketId>,
    },
    Published(Handle, PublishOutcome, OwnedProperties),
    Subscribed(Handle, RequestOutcome, OwnedProperties),
    Unsubscribed(Handle, RequestOutcome, OwnedProperties),
}

impl ClientSession {
    /// The session of a client that keeps nothing of it from one process to the next, but lets the server go
    /// on with its own: subscriptions and what waits there. A QoS 2 message may then come twice.
    #[must_use]
    pub fn forgotten() -> ClientSession {
        ClientSession { present: true, ..ClientSession::default() }
    }
}

impl Client {
    /// The session as it stands.
    ///
    /// SUBSCRIBE and UNSUBSCRIBE that were sent and not answered are not part of it, nor is what is in flight
    /// on a connection with a clean start, whose session ends with it: the new client tells that they are
    /// lost. A message that was polled and not acknowledged is not either: the server sends it again.
    #[must_use]
    pub fn session(&self) -> ClientSession {
        let mut unpolled: Vec<_> = self.events.iter().filter_map(Unpolled::of).collect();
        let mut in_flight = Vec::new();
        let ends = self.state.ends_session();
        for (id, key, what) in self.outbound.iter() {
            match (key, what) {
                (Key::Publish(handle) | Key::PublishUnmatched(handle), _) if !ends => {
                    in_flight.push((id, handle, InFlight::of(what)));
                }
                (key, _) => unpolled.extend(Unpolled::of(&key.lost())),
            }
        }
        ClientSession {
            present: self.has_session && !ends,
            in_flight,
            last_packet_id: self.outbound.last_id(),
            unreleased: if ends { Vec::new() } else { self.unreleased(&unpolled) },
            messages: self
                .queue
                .messages()
                .iter()
                .cloned()
                .map(|mut waiting| {
                    waiting.age(self.now);
                    (waiting.handle, waiting.message)
                })
                .collect(),
            requests: self.queue.requests().iter().cloned().collect(),
            unpolled,
            handles: self.counters.handles,
            sessions: self.counters.sessions,
            connections: self.counters.connections,
        }
    }

    /// The QoS 2 messages that must not be delivered again: not those polled with a token that ends with
    /// this client, since nobody could acknowledge them.
    fn unreleased(&self, unpolled: &[Unpolled]) -> Vec<(PacketId, bool)> {
        let waits = |id| {
            unpolled.iter().any(|event| match event {
                Unpolled::Message { exactly_once, .. } => *exactly_once == Some(id),
                _ => false,
            })
        };
        let unreleased = self.inbound.unreleased();
        unreleased.filter(|(id, acknowledged)| *acknowledged || waits(*id)).collect()
    }

    /// A client that goes on with a session.
    #[must_use]
    pub fn resume(config: ClientConfig, session: ClientSession) -> Client {
        let mut client = Client::new(config);
        client.counters.handles = session.handles;
        client.counters.sessions = session.sessions;
        client.counters.connections = session.connections;
        client.has_session = session.present;
        for (id, handle, what) in session.in_flight {
            let what = match what {
                InFlight::Publish(message) if message.qos == QoS::ExactlyOnce => {
                    Unacknowledged::ExactlyOnce(message)
                }
                InFlight::Publish(message) => Unacknowledged::AtLeastOnce(message),
                InFlight::Released => Unacknowledged::Released,
            };
            client.outbound.insert(id, Key::Publish(handle), what);
        }
        client.outbound.set_last_id(session.last_packet_id);
        for (id, acknowledged) in session.unreleased {
            client.inbound.insert_unreleased(id, acknowledged);
        }
        for (handle, message) in session.messages {
            client.queue.resume_message(handle, message);
        }
        for (handle, request) in session.requests {
            client.queue.push_request(handle, request);
        }
        let epoch = session.sessions;
        client.events.extend(session.unpolled.into_iter().map(|event| event.into_event(epoch)));
        client
    }
}

impl InFlight {
    fn of(what: &Unacknowledged<Message>) -> InFlight {
        match what {
            Unacknowledged::AtLeastOnce(message) | Unacknowledged::ExactlyOnce(message) => {
                InFlight::Publish(message.clone())
            }
            _ => InFlight::Released,
        }
    }
}

impl Unpolled {
    fn of(event: &ClientEvent) -> Option<Unpolled> {
        Some(match event {
            ClientEvent::Message { message, dup, subscription_identifiers, token } => {
                Unpolled::Message {
                    message: message.clone(),
                    dup: *dup,
                    subscription_identifiers: numbers(subscription_identifiers),
                    exactly_once: token.as_ref().and_then(Token::exactly_once),
                }
            }
            ClientEvent::Published { handle, outcome, properties } => {
                Unpolled::Published(*handle, *outcome, properties.clone())
            }
            ClientEvent::Subscribed { handle, outcome, properties } => {
                Unpolled::Subscribed(*handle, outcome.clone(), properties.clone())
            }
            ClientEvent::Unsubscribed { handle, outcome, properties } => {
                Unpolled::Unsubscribed(*handle, outcome.clone(), properties.clone())
            }
            // These speak of a connection that ends with the process.
            ClientEvent::Connected { .. }
            | ClientEvent::Authentication { .. }
            | ClientEvent::Disconnected { .. } => return None,
        })
    }

    fn into_event(self, epoch: u64) -> ClientEvent {
        match self {
            Unpolled::Message { message, dup, subscription_identifiers, exactly_once } => {
                ClientEvent::Message {
                    message,
                    dup,
                    subscription_identifiers: subscription_identifiers
                        .into_iter()
                        .filter_map(SubscriptionIdentifier::new)
                        .collect(),
                    token: exactly_once.map(|id| Token::at_exactly_once(id, epoch)),
                }
            }
            Unpolled::Published(handle, outcome, properties) => {
                ClientEvent::Published { handle, outcome, properties }
            }
            Unpolled::Subscribed(handle, outcome, properties) => {
                ClientEvent::Subscribed { handle, outcome, properties }
            }
            Unpolled::Unsubscribed(handle, outcome, properties) => {
                ClientEvent::Unsubscribed { handle, outcome, properties }
            }
        }
    }
}

fn numbers(identifiers: &[SubscriptionIdentifier]) -> Vec<u32> {
    identifiers.iter().map(|identifier| identifier.get()).collect()
}
