//! Hostile input with the verdict it must get in each version: every row of `testdata/malformed`.

use std::collections::HashSet;
use std::fmt;
use std::fs;

use mqtt_sansio::{
    Connect, DecodeError, EncodeError, Frame, MAXIMUM_PACKET_SIZE, Packet, PacketType, ReasonCode,
    Sender, Version, Violation,
};

use crate::support::{encode, hex, read, testdata, unhex};

/// One line of the catalogue.
struct Row {
    name: String,
    versions: Vec<Version>,
    sender: Sender,
    bytes: Vec<u8>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Malformed,
    ProtocolError,
    /// `malformed?` and `protocol_error?`: which of the two it is, is left open.
    Either,
    /// A well-formed CONNECT that a server turns down with a code.
    Refuse,
    Incomplete,
}

impl Row {
    fn parse(line: &str) -> Row {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, versions, direction, hex, verdict, _statement] = fields[..] else {
            panic!("not six fields: {line}");
        };
        Row {
            name: name.to_owned(),
            versions: versions.split(';').map(|version| version.parse().unwrap()).collect(),
            sender: match direction {
                "c2s" => Sender::Client,
                "s2c" => Sender::Server,
                _ => panic!("{name}: direction {direction}"),
            },
            bytes: unhex(hex),
            verdict: match verdict {
                "accept" | "accept?" => Verdict::Accept,
                "malformed" => Verdict::Malformed,
                "protocol_error" => Verdict::ProtocolError,
                "malformed?" | "protocol_error?" => Verdict::Either,
                "refuse" => Verdict::Refuse,
                "incomplete" => Verdict::Incomplete,
                _ => panic!("{name}: verdict {verdict}"),
            },
        }
    }

    fn file(name: &str) -> Vec<Row> {
        let text = read(&format!("malformed/{name}"));
        let mut lines = text.lines();
        let columns = "name,versions,direction,hex,verdict,statement";
        assert_eq!(lines.next(), Some(columns), "{name}");
        lines.map(Row::parse).collect()
    }

    /// The rows of one packet, from all files but that of the sequences.
    fn packets() -> Vec<Row> {
        let folder = fs::read_dir(testdata("malformed")).unwrap();
        let mut files: Vec<String> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.retain(|file| file.ends_with(".csv") && file != SEQUENCES);
        files.sort_unstable();
        files.iter().flat_map(|file| Row::file(file)).collect()
    }

    /// What a receiver set to that version makes of the bytes; `None` where it waits for more.
    fn receive(&self, version: Version) -> Result<Option<Packet<'_>>, DecodeError> {
        match Frame::parse(&self.bytes, MAXIMUM_PACKET_SIZE)? {
            Some((frame, [])) => Packet::decode_from(self.sender, frame, version).map(Some),
            Some((_, rest)) => panic!("{self}: {} bytes after the packet", rest.len()),
            None => Ok(None),
        }
    }

    /// What is wrong with the result, in words.
    fn judge(&self, version: Version) -> Result<(), String> {
        let result = self.receive(version);
        let as_expected = match (self.verdict, &result) {
            _ if self.is_refused_although_acceptable() => result.is_err(),
            (Verdict::Accept, Ok(Some(packet))) => return self.judge_bytes(packet, version),
            (Verdict::Malformed, Err(error)) => error.reason_code() == ReasonCode::MalformedPacket,
            (Verdict::ProtocolError, Err(error)) => error.reason_code() == self.protocol_error(),
            (Verdict::Either, Err(_)) | (Verdict::Incomplete, Ok(None)) => true,
            (Verdict::Refuse, Err(error)) => {
                let code = ReasonCode::UnsupportedProtocolVersion;
                error.violation() == Violation::UnsupportedProtocolVersion
                    && error.reason_code() == code
                    && self.refusal() == code
            }
            (Verdict::Refuse, Ok(Some(Packet::Connect(connect)))) => {
                connect.refusal() == Some(self.refusal())
            }
            _ => false,
        };
        if as_expected { Ok(()) } else { Err(describe(&result)) }
    }

    /// An accepted packet is written back as it came, but for the rows that say why not.
    fn judge_bytes(&self, packet: &Packet<'_>, version: Version) -> Result<(), String> {
        if let Packet::Connect(connect) = packet {
            if let Some(code) = connect.refusal() {
                return Err(format!("{packet} is refused: {code}"));
            }
        }
        if is_only_read(packet, version) {
            return Ok(());
        }
        let written = encode(packet, version);
        check_room(packet, version, &written);
        match (written == self.bytes, self.canonical()) {
            (true, None) => Ok(()),
            (false, Some(canonical)) if hex(&written) == canonical => Ok(()),
            (false, _) => Err(format!("{packet} is written as {}", hex(&written))),
            (true, Some(_)) => Err(format!("{packet} is canonical, but listed as not so")),
        }
    }

    /// What an encoder writes in place of these bytes, where they are legal but not what it writes.
    fn canonical(&self) -> Option<&'static str> {
        NOT_CANONICAL
            .iter()
            .find(|(name, ..)| *name == self.name)
            .map(|(_, canonical, _)| *canonical)
    }

    fn is_refused_although_acceptable(&self) -> bool {
        REFUSED_BY_CHOICE.iter().any(|(name, _)| *name == self.name)
    }

    /// The code of a `protocol_error` row: the general one, unless a more specific one is asked for.
    fn protocol_error(&self) -> ReasonCode {
        match self.name.as_str() {
            "publish-p-alias0" | "publish-p-alias0-s2c" => ReasonCode::TopicAliasInvalid,
            _ => ReasonCode::ProtocolError,
        }
    }

    /// The CONNACK code of a `refuse` row.
    fn refusal(&self) -> ReasonCode {
        match self.name.as_str() {
            "connect-emptyid-31" | "connect-id24-31" | "connect-emptyid-noclean-311" => {
                ReasonCode::ClientIdentifierNotValid
            }
            _ => ReasonCode::UnsupportedProtocolVersion,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}] {:?}", self.name, hex(&self.bytes), self.verdict)
    }
}

fn describe(result: &Result<Option<Packet<'_>>, DecodeError>) -> String {
    match result {
        Ok(Some(packet)) => packet.to_string(),
        Ok(None) => "waits for more".to_owned(),
        Err(error) => format!("{error} ({})", error.reason_code()),
    }
}

/// Where the rows are of everything that one side sends.
const SEQUENCES: &str = "sequences.csv";

const LONG_ACK: &str = "5.0: a property length of 0 need not be there";
const UNUSED_FLAGS: &str = "3.1 does not use the header flags of this packet";
const ABSENT: &str = "3.1: a flag without its field says nothing";
const UNUSED_CONNECT_FLAGS: &str = "3.1 does not use this connect flag";

/// Rows to be accepted that an encoder would write otherwise, how, and why.
const NOT_CANONICAL: &[(&str, &str, &str)] = &[
    ("fh-len-nonminimal-311", "c000", "before 5.0 the remaining length may be longer than needed"),
    ("flags-connect-14-31", "100f00064d51497364700302003c000163", UNUSED_FLAGS),
    ("flags-subscribe-8a-31", "8206000100016100", UNUSED_FLAGS),
    ("flags-subscribe-83-31", "8206000100016100", UNUSED_FLAGS),
    ("flags-subscribe-80-31", "8206000100016100", UNUSED_FLAGS),
    ("flags-unsubscribe-aa-31", "a2050001000161", UNUSED_FLAGS),
    ("flags-pubrel-6a-31", "62020001", UNUSED_FLAGS),
    ("flags-puback-42-31", "40020001", UNUSED_FLAGS),
    ("connect-reserved-flag-31", "100f00064d51497364700302003c000163", UNUSED_CONNECT_FLAGS),
    ("connect-nowill-qos1-31", "100f00064d51497364700302003c000163", UNUSED_CONNECT_FLAGS),
    ("connect-nowill-retain-31", "100f00064d51497364700302003c000163", UNUSED_CONNECT_FLAGS),
    ("connect-user-missing-31", "100f00064d51497364700302003c000163", ABSENT),
    ("connect-pass-missing-31", "101200064d51497364700382003c000163000175", ABSENT),
    ("connack-flags-ff-31", "20020000", "3.1 does not use the first byte of CONNACK"),
    ("publish-dup-q0-31", "3003000161", "3.1 gives DUP no meaning at QoS 0"),
    ("puback-ok-rl4-5", "4003000199", LONG_ACK),
    ("pubrec-ok-rl4-5", "5003000199", LONG_ACK),
    ("pubrel-ok-rl4-5", "6203000192", LONG_ACK),
    ("pubcomp-ok-rl4-5", "7003000192", LONG_ACK),
    ("subscribe-opt84-31", "8206000100016100", "3.1 does not use the upper option bits"),
    ("disconnect-ok-s2c-5", "e0018b", LONG_ACK),
    ("disconnect-8c-s2c-5", "e0018c", LONG_ACK),
];

/// Rows that a receiver may accept or refuse, where this one refuses, and why.
const REFUSED_BY_CHOICE: &[(&str, &str)] =
    &[("connect-id-null-31", "3.1 strings are checked as those of 3.1.1: no U+0000 anywhere")];

/// Fails with one line for each of the problems.
fn expect_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_catalogue_has_722_rows_and_884_pairs() {
    let mut rows = Row::packets();
    assert_eq!(rows.len(), 695);
    rows.extend(Row::file(SEQUENCES));
    assert_eq!(rows.len(), 722);
    assert_eq!(rows.iter().map(|row| row.versions.len()).sum::<usize>(), 884);
    let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "a name stands twice");
    for version in Version::ALL {
        let pairs = rows.iter().filter(|row| row.versions.contains(&version)).count();
        let expected = match version {
            Version::V3_1 => 164,
            Version::V3_1_1 => 266,
            Version::V5_0 => 454,
        };
        assert_eq!(pairs, expected, "{version}");
    }
}

#[test]
fn every_row_gets_its_verdict_in_each_of_its_versions() {
    let mut problems = Vec::new();
    for row in Row::packets() {
        for &version in &row.versions {
            if let Err(result) = row.judge(version) {
                problems.push(format!("{version} {row}: {result}"));
            }
        }
    }
    expect_none(&problems);
}

#[test]
fn rows_named_as_exceptions_exist_and_are_to_be_accepted() {
    let rows = Row::packets();
    let named = NOT_CANONICAL.iter().map(|(name, _, reason)| (name, reason));
    for (name, reason) in named.chain(REFUSED_BY_CHOICE.iter().map(|(name, reason)| (name, reason)))
    {
        let row = rows.iter().find(|row| row.name == *name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(row.verdict, Verdict::Accept, "{row}: {reason}");
        assert_eq!(row.versions.len(), 1 + usize::from(*name == "fh-len-nonminimal-311"), "{row}");
    }
}

/// SUBACK with 0x80 in 3.1, which has no such code: servers written for 3.1.1 send it nevertheless.
fn is_only_read(packet: &Packet<'_>, version: Version) -> bool {
    matches!(packet, Packet::SubAck(packet)
        if version == Version::V3_1 && packet.reason_codes.iter().any(ReasonCode::is_error))
}

/// A byte less of room is too little, and PUBLISH can do without room for its payload.
fn check_room(packet: &Packet<'_>, version: Version, written: &[u8]) {
    let mut room = vec![0; written.len()];
    let needed = u32::try_from(written.len()).unwrap();
    let error = Err(EncodeError::BufferTooSmall { needed });
    assert_eq!(packet.encode(version, &mut room[1..]), error, "{packet}");
    assert_eq!(packet.encode_to(version, &mut &mut room[1..]).map(|()| 0), error, "{packet}");
    assert_eq!(packet.encode_to(version, &mut &mut room[..]), Ok(()), "{packet}");
    assert_eq!(room, written, "{packet}");
    if let Packet::Publish(publish) = packet {
        let header = written.len() - publish.payload.len();
        assert_eq!(publish.encode_header(version, &mut room[..header]), Ok(header), "{packet}");
        assert_eq!([&room[..header], publish.payload].concat(), written, "{packet}");
        let needed = u32::try_from(header).unwrap();
        let error = Err(EncodeError::BufferTooSmall { needed });
        assert_eq!(publish.encode_header(version, &mut room[1..header]), error, "{packet}");
    }
}

/// A packet that decodes can be encoded, and what that gives decodes to the same packet.
fn survives(bytes: &[u8], version: Version) -> Result<(), String> {
    let Ok(Some((frame, _))) = Frame::parse(bytes, MAXIMUM_PACKET_SIZE) else {
        return Ok(());
    };
    for sender in [Sender::Client, Sender::Server] {
        let plain = Packet::decode(frame, version);
        let checked = Packet::decode_from(sender, frame, version);
        let consistent = match (&plain, &checked) {
            (Ok(packet), _) if packet.check_sender(sender, version).is_ok() => checked == plain,
            (Ok(_), Err(error)) => error.violation() == Violation::WrongSender,
            (Err(_), _) => checked == plain,
            _ => false,
        };
        if !consistent {
            let (plain, checked) = (plain.map(Some), checked.map(Some));
            return Err(format!("{}, from {sender:?} {}", describe(&plain), describe(&checked)));
        }
    }
    let Ok(packet) = Packet::decode(frame, version) else {
        return Ok(());
    };
    let version = match packet {
        Packet::Connect(Connect { version, .. }) => version,
        _ => version,
    };
    if is_only_read(&packet, version) {
        return Ok(());
    }
    let len = packet.encoded_len(version).map_err(|error| format!("{packet}: {error}"))?;
    let mut written = vec![0; len];
    let result = packet.encode(version, &mut written);
    if result != Ok(len) {
        return Err(format!("{packet}: {result:?}, foretold {len}"));
    }
    match Frame::parse(&written, MAXIMUM_PACKET_SIZE) {
        Ok(Some((frame, []))) if Packet::decode(frame, version) == Ok(packet) => Ok(()),
        _ => Err(format!("{packet} is written as {}", hex(&written))),
    }
}

#[test]
fn every_row_survives_every_version() {
    let mut problems = Vec::new();
    for row in Row::packets() {
        for version in Version::ALL {
            if let Err(problem) = survives(&row.bytes, version) {
                problems.push(format!("{version} {row}: {problem}"));
            }
        }
    }
    expect_none(&problems);
}

#[test]
fn no_prefix_of_a_row_is_a_packet() {
    for row in Row::packets() {
        for cut in 0..row.bytes.len() {
            let parsed = Frame::parse(&row.bytes[..cut], MAXIMUM_PACKET_SIZE);
            assert!(!matches!(parsed, Ok(Some(_))), "{row}: a packet in {cut} bytes");
            // What is refused so early is refused with every byte that follows.
            if let Err(error) = parsed {
                let whole = Frame::parse(&row.bytes, MAXIMUM_PACKET_SIZE);
                assert_eq!(whole, Err(error), "{row}: cut to {cut} bytes");
            }
        }
    }
}

#[test]
fn every_row_survives_being_cut_short_with_its_length_adjusted() {
    let mut problems = Vec::new();
    for row in Row::packets() {
        let Ok(Some((frame, _))) = Frame::parse(&row.bytes, MAXIMUM_PACKET_SIZE) else {
            continue;
        };
        for cut in 0..frame.body().len() {
            let mut bytes = vec![frame.first_byte(), u8::try_from(cut).unwrap()];
            bytes.extend_from_slice(&frame.body()[..cut]);
            for version in Version::ALL {
                if let Err(problem) = survives(&bytes, version) {
                    problems.push(format!("{version} {row} cut to {cut}: {problem}"));
                }
            }
        }
    }
    expect_none(&problems);
}

#[test]
fn every_row_survives_every_single_bit_flipped() {
    let mut problems = Vec::new();
    for row in Row::packets() {
        let mut bytes = row.bytes.clone();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            for version in Version::ALL {
                if let Err(problem) = survives(&bytes, version) {
                    problems.push(format!("{version} {row} bit {bit}: {problem}"));
                }
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    expect_none(&problems);
}

/// What the codec, which knows no order of packets, makes of a row of several: the packets in words.
fn walk(row: &Row, version: Version) -> String {
    let mut seen = Vec::new();
    let mut rest = row.bytes.as_slice();
    loop {
        match Frame::parse(rest, MAXIMUM_PACKET_SIZE) {
            Ok(Some((frame, after))) => {
                match Packet::decode_from(row.sender, frame, version) {
                    Ok(packet) => seen.push(packet.packet_type().name().to_owned()),
                    Err(error) => seen.push(error.to_string()),
                }
                rest = after;
            }
            Ok(None) if rest.is_empty() => return seen.join("; "),
            Ok(None) => {
                seen.push(format!("{} bytes wait", rest.len()));
                return seen.join("; ");
            }
            Err(error) => {
                seen.push(error.to_string());
                return seen.join("; ");
            }
        }
    }
}

#[test]
fn sequences_are_legal_packet_by_packet_but_for_those_that_are_not_mqtt() {
    let truncated = "CONNECT, byte 2: the field runs past the end of the packet";
    let mut pairs = 0;
    for row in Row::file(SEQUENCES) {
        for &version in &row.versions {
            let seen = walk(&row, version);
            let expected = match row.name.as_str() {
                "seq-pingreq-first-311" => "PINGREQ",
                "seq-s2c-pingresp-first-311" => "PINGRESP",
                "seq-publish-first-311"
                | "seq-s2c-publish-first-311"
                | "seq-s2c-publish-first-5" => "PUBLISH",
                "seq-subscribe-first-5" => "SUBSCRIBE",
                "seq-disconnect-first-311" | "seq-s2c-disconnect-first-5" => "DISCONNECT",
                "seq-auth-first-5" => "AUTH",
                "seq-http-first" => "18 bytes wait",
                "seq-tls-first" => truncated,
                "seq-connect-twice-31" | "seq-connect-twice-311" | "seq-connect-twice-5" => {
                    "CONNECT; CONNECT"
                }
                "seq-connect-publish-311" | "seq-connect-publish-5" => "CONNECT; PUBLISH",
                "seq-connect-half-publish-311" => "CONNECT; 3 bytes wait",
                "seq-after-disconnect-311" | "seq-after-disconnect-5" => {
                    "CONNECT; DISCONNECT; PINGREQ"
                }
                "seq-auth-no-method-5" => "CONNECT; AUTH",
                "seq-auth-method-publish-5" | "seq-alias-unknown-5" => "CONNECT; PUBLISH",
                "seq-expiry-raised-5" | "seq-expiry-lowered-5" => "CONNECT; DISCONNECT",
                "seq-s2c-connack-twice-311" | "seq-s2c-connack-twice-5" => "CONNACK; CONNACK",
                "seq-s2c-alias-unknown-5" => "CONNACK; PUBLISH",
                name => panic!("{name}: what is to be seen?"),
            };
            assert!(seen.starts_with(expected), "{version} {row}: {seen}");
            assert!(seen == expected || expected == truncated, "{version} {row}: {seen}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 32);
}

#[test]
fn a_request_of_another_protocol_shows_in_its_first_byte() {
    // "GET / HTTP/1.1": the codec would wait for the 69 bytes that "E" announces.
    assert_eq!(PacketType::from_first_byte(b'G'), Some(PacketType::PubAck));
    let mut bytes = vec![b'G'; 71];
    bytes[1] = 69;
    for version in [Version::V3_1_1, Version::V5_0] {
        let (frame, _) = Frame::parse(&bytes, MAXIMUM_PACKET_SIZE).unwrap().unwrap();
        let error = Packet::decode(frame, version).unwrap_err();
        assert_eq!((error.violation(), error.offset()), (Violation::ReservedFlags, 0));
    }
}
