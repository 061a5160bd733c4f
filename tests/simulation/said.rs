//! What the broker's program adds to CONNACK and DISCONNECT.

use mqtt_sansio::{Property, ReasonCode, UserProperty};

use crate::rng::Rng;
use crate::wire::{
    Prop, REASON, SERVER_KEEP_ALIVE, SERVER_REFERENCE, SESSION_EXPIRY, USER, string,
};

/// In a CONNACK that accepts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Welcome {
    pub(crate) expiry: Option<u32>,
    pub(crate) keep_alive: Option<u16>,
    /// Whether there are words beside.
    pub(crate) in_words: bool,
}

/// In DISCONNECT: this code, and another server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell(pub(crate) ReasonCode);

const USER_PROPERTY: UserProperty<'_> = UserProperty { name: "area", value: "north" };

/// A property as the broker is given it, and as it is sent.
type Both = (Property<'static>, Prop);

fn words(text: &'static str) -> [Both; 2] {
    let user = [string(USER_PROPERTY.name), string(USER_PROPERTY.value)].concat();
    [
        (Property::ReasonString(text), (REASON, string(text))),
        (Property::UserProperty(USER_PROPERTY), (USER, user)),
    ]
}

impl Welcome {
    pub(crate) fn random(rng: &mut Rng) -> Welcome {
        if !rng.one_in(6) {
            return Welcome::default();
        }
        let expiry = rng.one_in(2).then(|| rng.pick(&[0, 7, 40, 100_000]));
        let keep_alive = rng.one_in(2).then(|| rng.pick(&[0, 4, 9]));
        Welcome { expiry, keep_alive, in_words: rng.one_in(2) }
    }

    fn both(self) -> Vec<Both> {
        let mut both = Vec::new();
        if let Some(seconds) = self.expiry {
            let sent = seconds.to_be_bytes().to_vec();
            both.push((Property::SessionExpiryInterval(seconds), (SESSION_EXPIRY, sent)));
        }
        if let Some(seconds) = self.keep_alive {
            let sent = seconds.to_be_bytes().to_vec();
            both.push((Property::ServerKeepAlive(seconds), (SERVER_KEEP_ALIVE, sent)));
        }
        if self.in_words {
            both.extend(words("welcome"));
        }
        both
    }

    pub(crate) fn properties(self) -> Vec<Property<'static>> {
        self.both().into_iter().map(|(property, _)| property).collect()
    }

    /// Those that the broker sends as they are.
    pub(crate) fn props(self) -> Vec<Prop> {
        let props = self.both().into_iter().map(|(_, prop)| prop);
        props.filter(|(id, _)| *id != SESSION_EXPIRY).collect()
    }
}

impl Farewell {
    pub(crate) fn random(rng: &mut Rng) -> Farewell {
        Farewell(rng.pick(&[
            ReasonCode::ServerMoved,
            ReasonCode::UseAnotherServer,
            ReasonCode::ServerBusy,
        ]))
    }

    fn both(self) -> Vec<Both> {
        let server = "other.example:1883";
        let mut both =
            vec![(Property::ServerReference(server), (SERVER_REFERENCE, string(server)))];
        both.extend(words("see there"));
        both
    }

    pub(crate) fn properties(self) -> Vec<Property<'static>> {
        self.both().into_iter().map(|(property, _)| property).collect()
    }

    pub(crate) fn props(self) -> Vec<Prop> {
        self.both().into_iter().map(|(_, prop)| prop).collect()
    }
}

/// The packet with all of its properties that fit: first the user properties go, then the words.
pub(crate) fn within(
    largest: usize,
    mut props: Vec<Prop>,
    packet: impl Fn(&[Prop]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    for left_out in [0, USER, REASON] {
        props.retain(|(id, _)| *id != left_out);
        let bytes = packet(&props);
        if bytes.len() <= largest {
            return Some(bytes);
        }
    }
    None
}
