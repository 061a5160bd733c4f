//! What a broker counts.

use crate::statistics::Statistics;

/// Numbers of a [`Broker`](crate::Broker) since it was made, and as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerStatistics {
    /// The packets and bytes sent and received.
    pub packets: Statistics,
    /// How many clients are connected.
    pub clients_connected: usize,
    /// How many were at most.
    pub clients_maximum: usize,
    /// How many sessions have ended because their clients stayed away.
    pub clients_expired: u64,
    /// How many connections ended by a fault of the client's.
    pub client_faults: u64,
    /// How many connections were refused.
    pub refused: u64,
    /// How many messages of clients were not routed: those they may not publish, and those over a limit. Only
    /// clients of 5.0 are told, at QoS 1 and 2.
    pub publish_rejected: u64,
    /// How many messages were dropped for one client each: because its queue was full, or when they were to be sent
    /// had expired or were larger than it takes.
    pub publish_dropped: u64,
    /// How many messages were not retained, for lack of room, and delivered all the same; of clients of 5.0 at QoS 1
    /// and 2 they are refused, and count above.
    pub retain_rejected: u64,
    /// The bytes of the payloads that clients have published.
    pub payload_bytes_received: u64,
}
