//! The normative statements that a codec can check, a test each: the broken form, one change away from
//! the accepted form beside it. `testdata/statements.csv` lists all statements and these tests.

mod guard;
mod v3_1;
mod v3_1_1;
mod v5_0;

use mqtt_sansio::{
    EncodeError, Packet, PacketId, Properties, ReasonCode, Sender, TopicFilter, TopicName, Version,
    Violation,
};

use crate::support::{decode, encode, frame, hex, refusal, unhex};

/// The packet is read from just these bytes, and written as just them.
#[track_caller]
fn legal<'a>(version: Version, bytes: &str, packet: impl Into<Packet<'a>>) {
    let packet = packet.into();
    read_as(version, bytes, packet);
    assert_eq!(hex(&encode(&packet, version)), hex(&unhex(bytes)), "{packet} in {version}");
}

/// The packet is read from these bytes, whatever an encoder writes for it.
#[track_caller]
fn read_as<'a>(version: Version, bytes: &str, packet: impl Into<Packet<'a>>) {
    let packet = packet.into();
    match decode(&unhex(bytes), version) {
        Ok(decoded) => assert_eq!(decoded, packet, "{bytes} in {version}: {decoded}"),
        Err(error) => panic!("{bytes} in {version}: {error}; expected {packet}"),
    }
}

/// The bytes break that rule at that offset.
#[track_caller]
fn broken(version: Version, bytes: &str, violation: Violation, offset: u32) {
    assert_eq!(refusal(&unhex(bytes), version), (violation, offset), "{bytes} in {version}");
}

/// The packet cannot be written.
#[track_caller]
fn unwritten<'a>(version: Version, packet: impl Into<Packet<'a>>, error: impl Into<EncodeError>) {
    let (packet, error) = (packet.into(), error.into());
    assert_eq!(packet.encoded_len(version), Err(error), "{packet} in {version}");
    assert_eq!(packet.encode(version, &mut [0; 128]), Err(error), "{packet} in {version}");
    let mut buffer = Vec::new();
    assert_eq!(packet.encode_to(version, &mut buffer), Err(error), "{packet} in {version}");
    assert_eq!(hex(&buffer), "", "{packet} in {version}");
}

/// Only those sides may send the packet that the bytes are.
#[track_caller]
fn sent_by(version: Version, bytes: &str, senders: &[Sender]) {
    let bytes = unhex(bytes);
    let packet = decode(&bytes, version).unwrap_or_else(|error| panic!("{}: {error}", hex(&bytes)));
    for sender in [Sender::Client, Sender::Server] {
        let result = Packet::decode_from(sender, frame(&bytes), version);
        let of = format!("{packet} in {version} from {sender:?}");
        if senders.contains(&sender) {
            assert_eq!(result, Ok(packet), "{of}");
        } else {
            let error = result.map(|_| ()).expect_err(&of);
            assert_eq!((error.violation(), error.offset()), (Violation::WrongSender, 0), "{of}");
            assert_eq!(error.packet_type(), Some(packet.packet_type()));
            assert_eq!(packet.check_sender(sender, version), Err(Violation::WrongSender), "{of}");
        }
    }
}

/// Of all 256 bytes that may follow `before`, only those of `listed` are accepted; the others are not
/// reason codes of the packet.
#[track_caller]
fn only_codes(version: Version, before: &str, after: &str, listed: &[u8]) {
    let at = u32::try_from(unhex(before).len()).unwrap();
    for code in 0..=255 {
        let bytes = [&unhex(before)[..], &[code], &unhex(after)].concat();
        match (decode(&bytes, version), listed.contains(&code)) {
            (Ok(packet), true) => assert_eq!(encode(&packet, version), bytes, "{packet}"),
            (Ok(packet), false) => panic!("{code:#04x} in {packet}"),
            (Err(error), true) => panic!("{}: {error}", hex(&bytes)),
            (Err(error), false) => {
                let found = (error.violation(), error.offset());
                assert_eq!(found, (Violation::ReasonCodeNotListed, at), "{}", hex(&bytes));
            }
        }
    }
}

/// Of all 16 values that the flags of a packet's first byte can have, only one is accepted.
#[track_caller]
fn only_flags(version: Version, bytes: &str, flags: u8) {
    let mut bytes = unhex(bytes);
    assert_eq!(bytes[0] & 0x0F, flags);
    for other in 0..16 {
        bytes[0] = bytes[0] & 0xF0 | other;
        if other == flags {
            let packet = decode(&bytes, version).unwrap_or_else(|e| panic!("{}: {e}", hex(&bytes)));
            assert_eq!(encode(&packet, version), bytes, "{packet}");
        } else {
            assert_eq!(refusal(&bytes, version), (Violation::ReservedFlags, 0), "{}", hex(&bytes));
        }
    }
}

fn name(name: &str) -> TopicName<'_> {
    TopicName::new(name).unwrap()
}

fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).unwrap()
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn code(code: u8) -> ReasonCode {
    ReasonCode::try_from(code).unwrap()
}

/// The two length bytes and the bytes of a string, in hex.
fn string(text: &str) -> String {
    format!("{:04x} {}", text.len(), hex(text.as_bytes()))
}

/// A remaining length below 128 and the rest, in hex.
fn with_length(first: &str, rest: &str) -> String {
    let digits = rest.chars().filter(|c| !c.is_whitespace()).count();
    format!("{first} {:02x} {rest}", digits / 2)
}

/// The properties of a packet that has some, or of the will in it.
fn properties_of<'r, 'a>(packet: &'r mut Packet<'a>, of_will: bool) -> &'r mut Properties<'a> {
    match packet {
        Packet::Connect(packet) => match &mut packet.will {
            Some(will) if of_will => &mut will.properties,
            _ => &mut packet.properties,
        },
        Packet::ConnAck(packet) => &mut packet.properties,
        Packet::Publish(packet) => &mut packet.properties,
        Packet::PubAck(packet) | Packet::PubRec(packet) => &mut packet.properties,
        Packet::PubRel(packet) | Packet::PubComp(packet) => &mut packet.properties,
        Packet::Subscribe(packet) => &mut packet.properties,
        Packet::SubAck(packet) => &mut packet.properties,
        Packet::Unsubscribe(packet) => &mut packet.properties,
        Packet::UnsubAck(packet) => &mut packet.properties,
        Packet::Disconnect(packet) => &mut packet.properties,
        Packet::Auth(packet) => &mut packet.properties,
        Packet::PingReq | Packet::PingResp => panic!("a ping has none"),
    }
}
