//! What the program that embeds a broker can be told it may not do now.

use crate::codec::EncodeError;
use crate::router::SubscribeError;

/// The broker takes no further connection: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many connections are open as the configuration allows")]
pub struct TooManyConnections;

/// A command is not carried out; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The message cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A limit of subscriptions is hit.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
}
