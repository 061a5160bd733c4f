//! What the application handed over and was never sent.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::event::{ClientEvent, Handle, PublishOutcome};
use crate::message::{Filter, Message};
use crate::qos::QoS;

/// A request of the application, by its kind: what its completion is told with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Key {
    Publish(Handle),
    Subscribe(Handle),
    Unsubscribe(Handle),
}

impl Key {
    /// The completion of what was lost with its session or connection.
    pub(super) fn lost(self) -> ClientEvent {
        match self {
            Key::Publish(handle) => {
                ClientEvent::Published { handle, outcome: PublishOutcome::Lost }
            }
            Key::Subscribe(handle) => ClientEvent::Subscribed { handle, reason_codes: None },
            Key::Unsubscribe(handle) => ClientEvent::Unsubscribed { handle, acknowledged: false },
        }
    }
}

/// A SUBSCRIBE or UNSUBSCRIBE to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Request {
    Subscribe(Vec<(Filter, QoS)>),
    Unsubscribe(Vec<Filter>),
}

/// Messages and requests, each in their order. They do not wait for each other: a full window delays
/// messages only.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    messages: VecDeque<(Handle, Message)>,
    bytes: usize,
    requests: VecDeque<(Handle, Request)>,
}

impl Queue {
    pub(super) fn push_message(&mut self, handle: Handle, message: Message) {
        self.bytes += message.size();
        self.messages.push_back((handle, message));
    }

    pub(super) fn push_request(&mut self, handle: Handle, request: Request) {
        self.requests.push_back((handle, request));
    }

    pub(super) fn pop_message(&mut self) -> Option<(Handle, Message)> {
        let (handle, message) = self.messages.pop_front()?;
        self.bytes -= message.size();
        Some((handle, message))
    }

    pub(super) fn pop_request(&mut self) -> Option<(Handle, Request)> {
        self.requests.pop_front()
    }

    pub(super) fn messages(&self) -> &VecDeque<(Handle, Message)> {
        &self.messages
    }

    pub(super) fn requests(&self) -> &VecDeque<(Handle, Request)> {
        &self.requests
    }

    /// The bytes of all messages.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Panics where the counter is not the sum of what it counts.
    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.messages.iter().map(|(_, message)| message.size()).sum();
        assert_eq!(self.bytes, bytes, "the bytes queued are miscounted");
    }
}
