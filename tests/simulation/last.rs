//! The first and the last packets of a connection, in the model.

use mqtt_sansio::{CloseReason, QoS, Version};

use crate::model::{Answer, Hello, Model, Why, Words};
use crate::said::{Welcome, within};
use crate::wire::{
    ALIAS_MAXIMUM, ASSIGNED, IDENTIFIERS_AVAILABLE, MAXIMUM_QOS, PACKET_SIZE, Prop,
    RECEIVE_MAXIMUM, RETAIN_AVAILABLE, SERVER_KEEP_ALIVE, SESSION_EXPIRY, SHARED_AVAILABLE,
    WILDCARDS_AVAILABLE, connack, string,
};

impl Model {
    /// The CONNACK, if the client takes one so large; what it promises is kept in the CONNECT.
    pub(crate) fn connack(
        &mut self,
        hello: &mut Hello,
        assigned: bool,
        present: bool,
        said: Welcome,
    ) -> Option<Vec<u8>> {
        if hello.version != Version::V5_0 {
            let flag = present && hello.version != Version::V3_1;
            return Some(connack(hello.version, flag, 0, &[]));
        }
        let mut props = said.props();
        self.seen.add_if(!said.properties().is_empty(), "CONNACK with properties of the program's");
        let features = &self.config.session.features;
        let cap = self.config.session_expiry.map_or(u32::MAX, |cap| cap.as_secs() as u32);
        hello.expiry = said.expiry.unwrap_or(hello.asked).min(cap);
        hello.longest = if hello.expiry == hello.asked { u32::MAX } else { hello.expiry };
        if hello.expiry != hello.asked {
            props.push((SESSION_EXPIRY, hello.expiry.to_be_bytes().to_vec()));
        }
        if assigned {
            props.push((ASSIGNED, string(&hello.client_id)));
        }
        let longest = self.config.session.handshake.max_keep_alive;
        let max = longest.filter(|max| !(1..=*max).contains(&hello.keep_alive));
        if let (Some(max), None) = (max, said.keep_alive) {
            props.push((SERVER_KEEP_ALIVE, max.to_be_bytes().to_vec()));
        }
        hello.keep_alive = said.keep_alive.or(max).unwrap_or(hello.keep_alive);
        let most = self.receive_maximum();
        if most < u16::MAX {
            props.push((RECEIVE_MAXIMUM, most.to_be_bytes().to_vec()));
        }
        if features.topic_alias_maximum > 0 {
            props.push((ALIAS_MAXIMUM, features.topic_alias_maximum.to_be_bytes().to_vec()));
        }
        if features.maximum_qos < QoS::ExactlyOnce {
            props.push((MAXIMUM_QOS, vec![features.maximum_qos as u8]));
        }
        let size = self.config.session.maximum_packet_size;
        props.push((PACKET_SIZE, size.to_be_bytes().to_vec()));
        let available = [
            (RETAIN_AVAILABLE, features.retain_available),
            (WILDCARDS_AVAILABLE, features.wildcard_subscription_available),
            (IDENTIFIERS_AVAILABLE, features.subscription_identifier_available),
            (SHARED_AVAILABLE, features.shared_subscription_available),
        ];
        props.extend(available.iter().filter(|(_, is)| !is).map(|(id, _)| (*id, vec![0])));
        let packet = |props: &[Prop]| connack(Version::V5_0, present, 0, props);
        within(hello.maximum_packet_size, props, packet)
    }

    /// What a client of 5.0 is told.
    pub(crate) fn receive_maximum(&self) -> u16 {
        self.config.session.max_unreleased_messages.clamp(1, 65_535) as u16
    }
}

/// The CONNACK that refuses.
pub(crate) fn refusal(hello: &Hello, code: u8) -> Option<(Version, Answer)> {
    let answer = connack(hello.version, false, code, &[]);
    let fits = answer.len() <= hello.maximum_packet_size;
    fits.then(|| (hello.version, Answer::exact(answer)))
}

/// A DISCONNECT of the server's.
pub(crate) struct Goodbye {
    pub(crate) code: u8,
    pub(crate) words: Words,
    pub(crate) props: Vec<Prop>,
}

impl Goodbye {
    pub(crate) fn new(code: u8) -> Goodbye {
        Goodbye { code, words: Words::AsTold, props: Vec::new() }
    }
}

/// The code of the server's DISCONNECT.
pub(crate) fn disconnect_code(why: Why) -> Option<u8> {
    match why {
        Why::Fault(code) => Some(code),
        Why::Reason(CloseReason::TakenOver) => Some(0x8E),
        Why::Reason(CloseReason::KeepAliveTimeout) => Some(0x8D),
        Why::Reason(CloseReason::Requested) => Some(0x98),
        Why::Reason(_) => None,
    }
}

pub(crate) fn disconnect_kind(code: u8) -> &'static str {
    match code {
        0x81 => "DISCONNECT 0x81: malformed packet",
        0x82 => "DISCONNECT 0x82: protocol error",
        0x89 => "DISCONNECT 0x89: server busy",
        0x8B => "DISCONNECT 0x8B: server shutting down",
        0x8D => "DISCONNECT 0x8D: keep alive timeout",
        0x8E => "DISCONNECT 0x8E: session taken over",
        0x93 => "DISCONNECT 0x93: receive maximum exceeded",
        0x94 => "DISCONNECT 0x94: topic alias invalid",
        0x95 => "DISCONNECT 0x95: packet too large",
        0x97 => "DISCONNECT 0x97: quota exceeded",
        0x98 => "DISCONNECT 0x98: administrative action",
        0x9A => "DISCONNECT 0x9A: retain not supported",
        0x9B => "DISCONNECT 0x9B: QoS not supported",
        0x9C => "DISCONNECT 0x9C: use another server",
        0x9D => "DISCONNECT 0x9D: server moved",
        0x9E => "DISCONNECT 0x9E: shared subscriptions not supported",
        0xA1 => "DISCONNECT 0xA1: subscription identifiers not supported",
        0xA2 => "DISCONNECT 0xA2: wildcard subscriptions not supported",
        code => panic!("a DISCONNECT of {code:#04x}"),
    }
}
