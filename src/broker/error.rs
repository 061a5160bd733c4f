//! What the program that embeds a broker can be told it may not do now.

use crate::codec::EncodeError;
use crate::router::SubscribeError;
use crate::session::AuthenticationError;
use crate::violation::Violation;

/// The broker takes no further connection: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many connections are open as the configuration allows")]
pub struct TooManyConnections;

/// A command is not carried out; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The message, or what was to be said, cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A limit of subscriptions is hit.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// AUTH is not sent.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// The client identifier that was to be assigned is another client's. [MQTT-3.2.2-16]
    #[error("another client has the client identifier")]
    ClientIdentifierInUse,
}

impl From<Violation> for BrokerError {
    fn from(violation: Violation) -> BrokerError {
        BrokerError::Encode(violation.into())
    }
}
