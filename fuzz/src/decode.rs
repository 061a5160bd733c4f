//! Bytes to a packet and back.

use mqtt_sansio::{
    DecodeError, Frame, MAXIMUM_PACKET_SIZE, Packet, PacketType, ReasonCode, Sender, Version,
    Violation,
};

use super::canonical::canonical;
use super::{assert_bytes, encode, hex, read, roundtrip, transplant};

/// The maximum packet sizes that an input can choose.
const LIMITS: [u32; 7] = [MAXIMUM_PACKET_SIZE, u32::MAX, 0, 2, 16, 64, 130];

/// The first byte chooses: version, and with steps of 3 and 6 sender and limit. The rest is what is
/// read. Whatever decodes must say the same in every way of reading it, and encode to its canonical form.
pub fn decode(data: &[u8]) {
    let Some((&choice, input)) = data.split_first() else {
        return;
    };
    let choice = usize::from(choice);
    let version = Version::ALL[choice % 3];
    let sender = [Sender::Client, Sender::Server][choice / 3 % 2];
    let limit = LIMITS[choice / 6 % LIMITS.len()];
    match Frame::parse(input, limit) {
        Ok(None) => {}
        Ok(Some((frame, rest))) => {
            let all = [frame.as_bytes(), rest].concat();
            assert_bytes(&all, input, || format!("limit {limit}"));
            assert!(frame.as_bytes().len() as u64 <= u64::from(limit), "{}", hex(input));
            assert!(frame.as_bytes().ends_with(frame.body()), "{}", hex(input));
            check_frame(frame, version, sender);
        }
        Err(error) => {
            let framing = match error.violation() {
                Violation::ReservedPacketType => input[0] < 0x10,
                Violation::VarintTooLong => input[1..5].iter().all(|byte| *byte >= 0x80),
                Violation::PacketTooLarge => limit < MAXIMUM_PACKET_SIZE,
                _ => false,
            };
            assert!(framing, "{}: {error}", hex(input));
            check_error(error, input);
        }
    }
}

fn check_frame(frame: Frame<'_>, version: Version, sender: Sender) {
    let result = Packet::decode(frame, version);
    let bytes = frame.as_bytes();
    let sent = result.and_then(|packet| match packet.check_sender(sender, version) {
        Ok(()) => Ok(packet),
        Err(violation) => {
            let error = Packet::decode_from(sender, frame, version).unwrap_err();
            assert_eq!(error.violation(), violation, "{packet}: {}", hex(bytes));
            assert_eq!(violation, Violation::WrongSender, "{packet}: {}", hex(bytes));
            assert_eq!(error.offset(), 0, "{packet}: {}", hex(bytes));
            check_error(error, bytes);
            Err(error)
        }
    });
    assert_eq!(Packet::decode_from(sender, frame, version), sent, "{}", hex(bytes));
    match result {
        Ok(packet) => check_packet(packet, frame, version),
        Err(error) => {
            assert_ne!(error.violation(), Violation::WrongSender, "{}", hex(bytes));
            check_error(error, bytes);
        }
    }
}

fn check_error(error: DecodeError, bytes: &[u8]) {
    assert!(error.offset() as usize <= bytes.len(), "{}: {error}", hex(bytes));
    assert_eq!(error.packet_type(), PacketType::from_first_byte(bytes[0]), "{}", hex(bytes));
    assert!(error.reason_code().is_error(), "{}: {error}", hex(bytes));
    assert!(!format!("{error} {error:?}").is_empty());
}

fn check_packet(packet: Packet<'_>, frame: Frame<'_>, version: Version) {
    let version = match packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let bytes = frame.as_bytes();
    assert_eq!(Some(packet.packet_type()), frame.packet_type(), "{}", hex(bytes));
    read::everything(&packet);
    let again = match encode::every_way(&packet, version) {
        Ok(again) => {
            assert!(!is_only_read(&packet, version), "{packet} of {}", hex(bytes));
            again
        }
        Err(error) => {
            assert!(is_only_read(&packet, version), "{packet} of {}: {error}", hex(bytes));
            return;
        }
    };
    let what = || format!("{packet} of {}, {version}", hex(bytes));
    assert_bytes(&again, &canonical(frame, version), what);
    for version in Version::ALL {
        roundtrip::check_in(&packet, version);
    }
    transplant::properties(&packet);
    if again == bytes {
        return;
    }
    let Ok(Some((frame, []))) = Frame::parse(&again, MAXIMUM_PACKET_SIZE) else {
        panic!("{packet} of {} became {}", hex(bytes), hex(&again));
    };
    assert_eq!(Packet::decode(frame, version), Ok(packet), "{} became {}", hex(bytes), hex(&again));
    assert_bytes(&again, &canonical(frame, version), what);
}

/// Servers answer with 3.1.1's failure code where 3.1 has none.
fn is_only_read(packet: &Packet<'_>, version: Version) -> bool {
    match packet {
        Packet::SubAck(suback) => {
            let mut codes = suback.reason_codes.iter();
            version == Version::V3_1 && codes.any(|code| code == ReasonCode::UnspecifiedError)
        }
        _ => false,
    }
}
