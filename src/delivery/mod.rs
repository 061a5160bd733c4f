//! What both ends of a connection share: packet identifiers and the exchanges of QoS 1 and 2,
//! and how packets are gathered for the transport.

mod alias;
mod authentication;
mod batch;
mod inbound;
mod outbound;

pub(crate) use alias::{AliasFault, InboundAliases, OutboundAliases};
pub(crate) use authentication::{Authentication, Turn};
pub(crate) use batch::Batch;
pub(crate) use inbound::{Answered, Inbound, Received};
pub(crate) use outbound::{Acked, Outbound, Unacknowledged};
