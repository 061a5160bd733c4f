//! AUTH, section 4.12 of 5.0, from the server's side.

use alloc::vec::Vec;

use super::error::ClientFault;
use super::explain::{Limits, check, encode_within};
use crate::codec::Property;
use crate::delivery::Authentication;
use crate::packet::{Auth, Packet};
use crate::packet_type::{PacketType, Sender};
use crate::reason::ReasonCode;
use crate::version::Version;
use crate::violation::Violation;

/// An AUTH of the server's is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// There is nothing to answer: no authentication is under way, or the client is to send the next AUTH.
    #[error("it is not the server's turn to send AUTH")]
    NotInTurn,
    /// A property cannot be in it.
    #[error(transparent)]
    Property(#[from] Violation),
    /// It would be larger than the client's Maximum Packet Size.
    #[error("the packet would be larger than the client's Maximum Packet Size")]
    TooLarge,
}

impl Authentication {
    /// Puts the AUTH in line that asks for more, or ends another authentication.
    pub(super) fn ask(
        &mut self,
        out: &mut Vec<u8>,
        limits: Limits,
        reason_code: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), AuthenticationError> {
        check(properties, PacketType::Auth, |property| {
            matches!(
                property,
                Property::AuthenticationData(_)
                    | Property::ReasonString(_)
                    | Property::UserProperty(_)
            )
        })?;
        if !reason_code.is_allowed_from(Sender::Server, PacketType::Auth) {
            return Err(Violation::ReasonCodeNotListed.into());
        }
        let method = self.server_method().ok_or(AuthenticationError::NotInTurn)?;
        let mut all = Vec::from([Property::AuthenticationMethod(method)]);
        all.extend(properties.iter().filter(|property| limits.wants(property)));
        encode_within(out, limits.maximum_packet_size, &all, |properties, out| {
            Packet::from(Auth { reason_code, properties }).encode_to(Version::V5_0, out)
        })
        .map_err(|_| AuthenticationError::TooLarge)?;
        self.server_sent(reason_code);
        Ok(())
    }

    /// AUTH came.
    pub(super) fn received(&mut self, auth: &Auth<'_>) -> Result<(), ClientFault> {
        if self.client_sent(auth) { Ok(()) } else { Err(ClientFault::UnexpectedAuth) }
    }
}
