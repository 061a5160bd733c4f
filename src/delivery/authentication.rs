//! How a connection is authenticated beyond name and password, section 4.12 of 5.0.

use alloc::boxed::Box;

use crate::codec::{Properties, Property, PropertyId};
use crate::packet::Auth;
use crate::reason::ReasonCode;

/// Who is to send the next AUTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Nobody,
    Server,
    Client,
}

/// The authentication of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Authentication {
    /// That of the CONNECT; without one there is no AUTH.
    pub(crate) method: Option<Box<str>>,
    pub(crate) turn: Turn,
}

impl Authentication {
    /// That of a CONNECT, which the server is to answer.
    pub(crate) fn of(connect: &Properties<'_>) -> Authentication {
        match connect.find(PropertyId::AuthenticationMethod) {
            Some(Property::AuthenticationMethod(method)) => {
                Authentication { method: Some(method.into()), turn: Turn::Server }
            }
            _ => Authentication { method: None, turn: Turn::Nobody },
        }
    }

    /// Ends it, as CONNACK does.
    pub(crate) fn end(&mut self) {
        self.turn = Turn::Nobody;
    }

    /// Whether the client was asked for an AUTH.
    pub(crate) fn is_awaited(&self) -> bool {
        self.turn == Turn::Client
    }

    /// The method, where it is the server's turn to send AUTH. [MQTT-4.12.0-5] [MQTT-4.12.0-6]
    pub(crate) fn server_method(&self) -> Option<&str> {
        self.method.as_deref().filter(|_| self.turn == Turn::Server)
    }

    /// The server has sent AUTH.
    pub(crate) fn server_sent(&mut self, reason_code: ReasonCode) {
        let asks = reason_code == ReasonCode::ContinueAuthentication;
        self.turn = if asks { Turn::Client } else { Turn::Nobody };
    }

    /// AUTH came from a client; whether that was its turn, and the method is that of CONNECT.
    /// [MQTT-4.12.0-7] [MQTT-4.12.1-1]
    pub(crate) fn client_sent(&mut self, auth: &Auth<'_>) -> bool {
        let turn = match auth.reason_code {
            ReasonCode::ReAuthenticate => Turn::Nobody,
            _ => Turn::Client,
        };
        let method = match auth.properties.find(PropertyId::AuthenticationMethod) {
            Some(Property::AuthenticationMethod(method)) => Some(method),
            _ => None,
        };
        let fits = self.turn == turn && method.is_some() && method == self.method.as_deref();
        if fits {
            self.turn = Turn::Server;
        }
        fits
    }
}
