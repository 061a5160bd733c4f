//! What raw clients do in 5.0 alone.

use crate::raw::Raw;
use crate::rng::Rng;
use crate::wire::{
    ALIAS, ALIAS_MAXIMUM, IDENTIFIER, PACKET_SIZE, Prop, RECEIVE_MAXIMUM, RESPONSE_TOPIC,
    SESSION_EXPIRY, block, packet, string,
};

const WILL_DELAY: u8 = 0x18;
const METHOD: u8 = 0x15;

fn publish(first_byte: u8, topic: &str, id: u8, props: &[Prop], payload: &[u8]) -> Vec<u8> {
    let id: &[u8] = if first_byte & 6 == 0 { &[] } else { &[0, id] };
    packet(first_byte, &[&string(topic), id, &block(props), payload].concat())
}

fn subscribe(id: u8, props: &[Prop], filter: &str, options: u8) -> Vec<u8> {
    packet(0x82, &[&[0, id], &block(props)[..], &string(filter), &[options]].concat())
}

fn alias(number: u16) -> Prop {
    (ALIAS, number.to_be_bytes().to_vec())
}

impl Raw {
    /// A CONNECT of 5.0.
    pub(crate) fn hello_5(&self, rng: &mut Rng) -> (&'static str, Vec<u8>) {
        let expiry = rng.pick(&[0u32, 1, 20, 100_000, u32::MAX]);
        let mut props = vec![(SESSION_EXPIRY, expiry.to_be_bytes().to_vec())];
        if rng.one_in(2) {
            let maximum = rng.pick(&[1u16, 2, 5]);
            props.push((RECEIVE_MAXIMUM, maximum.to_be_bytes().to_vec()));
        }
        if rng.one_in(2) {
            props.push((ALIAS_MAXIMUM, rng.pick(&[1u16, 9]).to_be_bytes().to_vec()));
        }
        if rng.one_in(4) {
            props.push((PACKET_SIZE, rng.pick(&[60u32, 90]).to_be_bytes().to_vec()));
        }
        let connect = |flags: u8, props: &[Prop], id: &str, rest: &[u8]| {
            let head = [&b"\0\x04MQTT\x05"[..], &[flags, 0, 3]].concat();
            packet(0x10, &[&head[..], &block(props), &string(id), rest].concat())
        };
        let id = &self.client_id;
        match rng.below(12) {
            0 => ("5.0 without a client identifier", connect(0, &props, "", b"")),
            1 => {
                props.push((METHOD, string("unknown")));
                ("unknown authentication method", connect(0, &props, id, b""))
            }
            2 => {
                props.push((SESSION_EXPIRY, vec![0; 4]));
                ("property of CONNECT twice", connect(0, &props, id, b""))
            }
            3 | 4 => {
                let delay = (WILL_DELAY, rng.pick(&[1u32, 10, 60]).to_be_bytes().to_vec());
                let text = format!("will {} of {id}", rng.below(1_000_000));
                let will = [block(&[delay]), string("will"), string(&text)].concat();
                ("delayed will of a raw client", connect(0x0C, &props, id, &will))
            }
            5 => {
                let assigned = format!("auto-{}", 1 + rng.below(3));
                ("5.0 with an identifier that may be assigned", connect(0, &props, &assigned, b""))
            }
            6 => {
                props.push((0x7F, Vec::new()));
                ("unknown property in CONNECT", connect(0, &props, id, b""))
            }
            7 => {
                props.retain(|(id, _)| *id != PACKET_SIZE);
                props.push((PACKET_SIZE, rng.pick(&[4u32, 5, 12, 16]).to_be_bytes().to_vec()));
                ("Maximum Packet Size below that of CONNACK", connect(0, &props, id, b""))
            }
            _ => ("raw CONNECT of 5.0", connect(rng.pick(&[0, 0, 2]), &props, id, b"")),
        }
    }

    pub(crate) fn bytes_5(&self, rng: &mut Rng) -> (&'static str, Vec<u8>) {
        let id = 1 + rng.below(7) as u8;
        let number = rng.pick(&[1u16, 1, 2, 10]);
        let identifier = |number: u8| (IDENTIFIER, vec![number]);
        let ack = |first_byte: u8, code: u8| vec![first_byte, 3, 0, id, code];
        match rng.below(26) {
            0 | 1 => {
                let topic = rng.pick(&["a", "b", "deny/a"]);
                let first_byte = rng.pick(&[0x30, 0x32, 0x34]);
                ("raw alias with a topic", publish(first_byte, topic, id, &[alias(number)], b"w"))
            }
            2 => {
                let given = |topic, id| publish(0x32, topic, id, &[alias(1)], b"w");
                (
                    "raw alias given another topic",
                    [given("a", 1), given("b", 2), given("", 3)].concat(),
                )
            }
            3 | 4 => ("raw alias", publish(0x32, "", id, &[alias(number)], b"w")),
            5 => ("raw alias above the maximum", publish(0x30, "a", id, &[alias(11)], b"w")),
            6 => ("raw alias 0", publish(0x30, "a", id, &[alias(0)], b"w")),
            7 => ("raw AUTH", vec![0xF0, 0x02, 0x19, 0]),
            8 => ("raw DISCONNECT with a will", vec![0xE0, 1, 4]),
            9 => {
                let seconds = rng.pick(&[0u8, 1, 200]);
                let bytes = vec![0xE0, 7, 0, 5, SESSION_EXPIRY, 0, 0, 0, seconds];
                ("raw DISCONNECT with an expiry", bytes)
            }
            10 | 11 => {
                let filter = rng.pick(&["$share/g/$q/#", "$share/g/a/#", "$share/h/#"]);
                let qos = rng.below(3) as u8;
                ("raw shared subscription", subscribe(id, &[], filter, qos))
            }
            12 | 23 => {
                let options = rng.pick(&[0x05, 0x0A, 0x16, 0x25]);
                let props = [identifier(7)];
                ("raw subscription with options", subscribe(id, &props, "a/#", options))
            }
            13 => ("raw PUBACK with an error", ack(0x40, 0x97)),
            14 => ("raw PUBREC with an error", ack(0x50, 0x80)),
            15 => {
                let flood = (1..=9).map(|id| publish(0x32, "b", id, &[], b"w"));
                ("more QoS 1 than the Receive Maximum", flood.flatten().collect())
            }
            16 => {
                let flood = (11..=19).map(|id| publish(0x34, "b", id, &[], b"w"));
                ("more QoS 2 than the Receive Maximum", flood.flatten().collect())
            }
            17 => ("No Local on a shared subscription", subscribe(id, &[], "$share/g/a", 4)),
            18 => ("subscription identifier 0", subscribe(id, &[identifier(0)], "a", 0)),
            19 => {
                let props = [identifier(1)];
                ("subscription identifier from a client", publish(0x30, "a", id, &props, b"w"))
            }
            20 => {
                let props = [(RESPONSE_TOPIC, string("a/#"))];
                ("wildcard in a response topic", publish(0x30, "a", id, &props, b"w"))
            }
            21 => ("ill-formed shared subscription", subscribe(id, &[], "$share/g", 0)),
            22 => ("no topic and no alias", publish(0x30, "", id, &[], b"w")),
            24 => ("wildcard from a raw client", subscribe(id, &[], "b/+", 2)),
            _ => ("raw UNSUBSCRIBE from a group", {
                packet(0xA2, &[&[0, id, 0], &string("$share/g/$q/#")[..]].concat())
            }),
        }
    }
}
