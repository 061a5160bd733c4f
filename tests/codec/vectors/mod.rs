//! Packets of every type, shape and version, written by hand from the wire description, and their fields.

mod coverage;
mod describe;
mod examples;
mod properties;

use std::fs;

use mqtt_sansio::{
    DecodeError, EncodeError, FrameReader, MAXIMUM_PACKET_SIZE, Packet, PacketType, Publish,
    Sender, Version, Violation,
};

use crate::roundtrip::owned::Owned;
use crate::support::{encode, frame, hex, read, testdata, unhex};
use describe::describe;

/// What is said of some bytes.
#[derive(Clone)]
pub(crate) struct Vector {
    pub(crate) versions: Vec<Version>,
    pub(crate) senders: Vec<Sender>,
    pub(crate) packet_type: PacketType,
    what: String,
    fields: String,
    line: String,
    canonical: Option<String>,
}

/// `hex` with its runs written out: `+N*XX` stands for N times XX.
fn expand(line: &str) -> Vec<u8> {
    let pieces = line.split(' ').map(|piece| match piece.strip_prefix('+') {
        None => (1, unhex(piece)),
        Some(run) => {
            let (count, unit) = run.split_once('*').unwrap_or_else(|| panic!("{line}"));
            (count.parse().unwrap(), unhex(unit))
        }
    });
    let pieces: Vec<(usize, Vec<u8>)> = pieces.collect();
    // Zeros first: many of them are had from the system without being written.
    let mut bytes = vec![0; pieces.iter().map(|(count, unit)| count * unit.len()).sum()];
    let mut at = 0;
    for (count, unit) in pieces {
        let end = at + count * unit.len();
        match unit[..] {
            [0] => (),
            [byte] => bytes[at..end].fill(byte),
            _ => bytes[at..end].chunks_mut(unit.len()).for_each(|to| to.copy_from_slice(&unit)),
        }
        at = end;
    }
    bytes
}

fn sender(name: &str) -> Sender {
    match name {
        "client" => Sender::Client,
        "server" => Sender::Server,
        _ => panic!("{name} is neither client nor server"),
    }
}

impl Vector {
    fn parse(packet_type: PacketType, block: &str) -> Vector {
        let lines: Vec<&str> = block.lines().collect();
        let head: Vec<&str> = lines[0].split(" | ").collect();
        let [versions, senders, name, what, mark @ ..] = &head[..] else { panic!("{block}") };
        assert_eq!(*name, packet_type.name(), "{block}");
        let canonical = match (mark, &lines[3..]) {
            ([], []) => None,
            (["non-canonical"], [line]) => Some(line.strip_prefix("# canonical: ").unwrap()),
            _ => panic!("{block}"),
        };
        let versions = versions.strip_prefix("# ").unwrap().split(';');
        Vector {
            versions: versions.map(|version| version.parse().unwrap()).collect(),
            senders: senders.split(';').map(sender).collect(),
            packet_type,
            what: (*what).to_owned(),
            fields: lines[1].strip_prefix("# fields: ").unwrap().to_owned(),
            line: lines[2].to_owned(),
            canonical: canonical.map(str::to_owned),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        expand(&self.line)
    }

    /// Whether it is of the greatest length there is: such packets are not copied.
    fn is_large(&self) -> bool {
        self.what == "remaining length 268435455"
    }

    /// The bytes that encoding gives.
    fn canonical(&self) -> Vec<u8> {
        expand(self.canonical.as_ref().unwrap_or(&self.line))
    }

    /// For failures: what it is, and its bytes where they are few.
    fn title(&self, version: Version) -> String {
        format!("{version} {} ({}): {:.200}", self.packet_type, self.what, self.line)
    }

    /// Calls `check` for each version with the decoded packet.
    fn each_version(&self, mut check: impl FnMut(Version, &Packet<'_>, &str)) {
        let bytes = self.bytes();
        for &version in &self.versions {
            let title = self.title(version);
            let packet = Packet::decode(frame(&bytes), version);
            check(version, &packet.unwrap_or_else(|error| panic!("{title}: {error}")), &title);
        }
    }
}

/// The vectors of a packet type.
fn vectors_of(packet_type: PacketType) -> Vec<Vector> {
    let text = read(&format!("vectors/{}.hex", packet_type.name().to_lowercase()));
    text.trim_end().split("\n\n").map(|block| Vector::parse(packet_type, block)).collect()
}

/// All vectors.
pub(crate) fn all() -> Vec<Vector> {
    PacketType::ALL.into_iter().flat_map(vectors_of).collect()
}

#[test]
fn every_vector_decodes_to_its_fields() {
    for vector in all() {
        vector.each_version(|_, packet, title| {
            assert_eq!(packet.packet_type(), vector.packet_type, "{title}");
            assert_eq!(describe(packet), vector.fields, "{title}");
        });
    }
}

#[test]
fn every_vector_may_come_from_its_senders_only() {
    for vector in all() {
        let bytes = vector.bytes();
        for &version in &vector.versions {
            for sender in [Sender::Client, Sender::Server] {
                let title = vector.title(version);
                let result = Packet::decode_from(sender, frame(&bytes), version);
                let at = |error: DecodeError| (error.violation(), error.offset());
                if vector.senders.contains(&sender) {
                    assert_eq!(result.err(), None, "{sender:?}: {title}");
                } else {
                    let error = result.err().map(at);
                    assert_eq!(error, Some((Violation::WrongSender, 0)), "{sender:?}: {title}");
                }
            }
        }
    }
}

#[test]
fn every_vector_encodes_to_its_bytes() {
    for vector in all().iter().filter(|vector| !vector.is_large()) {
        let canonical = vector.canonical();
        vector.each_version(|version, packet, title| {
            let encoded = encode(packet, version);
            assert!(encoded == canonical, "{title}: {packet} to {:.400}", hex(&encoded));
            // The same packet, its lists not in wire bytes but in slices.
            Owned::of(packet).lend(|slices| {
                assert!(slices == packet, "{title}: {slices:?} is not {packet:?}");
                let encoded = encode(slices, version);
                assert!(encoded == canonical, "{title}: {packet} to {:.400}", hex(&encoded));
            });
        });
    }
}

#[test]
fn what_is_not_canonical_is_longer_or_as_long_and_reads_as_what_is() {
    for vector in all().iter().filter(|vector| !vector.is_large()) {
        let (bytes, canonical) = (vector.bytes(), vector.canonical());
        assert!(bytes.len() >= canonical.len(), "{}", vector.title(vector.versions[0]));
        vector.each_version(|version, packet, title| {
            assert_eq!(Packet::decode(frame(&canonical), version).as_ref(), Ok(packet), "{title}");
        });
        // A vector is called non-canonical just where its bytes are not what is written.
        assert_eq!(vector.canonical.is_some(), bytes != canonical, "{}", vector.line);
    }
}

/// 256 MiB that encoding need not copy.
#[test]
fn a_publish_of_the_greatest_remaining_length_is_read_and_its_header_written() {
    let mut lengths = 0;
    for vector in all().iter().filter(|vector| vector.is_large()) {
        let bytes = vector.bytes();
        assert_eq!(bytes.len(), MAXIMUM_PACKET_SIZE as usize);
        assert_eq!(frame(&bytes).body().len(), 268_435_455);
        for &version in &vector.versions {
            let packet = Packet::decode(frame(&bytes), version).unwrap();
            assert_eq!(packet.encoded_len(version), Ok(bytes.len()));
            let Packet::Publish(publish) = packet else { panic!("{packet}") };
            let mut header = [0xAA; 32];
            let len = publish.encode_header(version, &mut header).unwrap();
            assert_eq!(len + publish.payload.len(), bytes.len());
            assert_eq!(hex(&header[..len]), hex(&bytes[..len]));
            assert_eq!(header[len..], [0xAA; 32][len..]);
            // One byte more cannot be said; which bytes they are does not matter here.
            let payload = &bytes[..publish.payload.len() + 1];
            let longer = Publish { payload, ..publish };
            let too_long = Err(EncodeError::PacketTooLong);
            assert_eq!(Packet::from(longer).encoded_len(version), too_long);
            assert_eq!(longer.encode_header(version, &mut header), too_long);
            lengths += 1;
        }
    }
    assert_eq!(lengths, 2);
}

#[test]
fn every_file_is_read_and_counted_in_the_readme() {
    let names = fs::read_dir(testdata("vectors")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names.filter(|name| name != "README.md").collect();
    found.sort();
    let file = |packet_type: PacketType| packet_type.name().to_lowercase() + ".hex";
    let mut files = PacketType::ALL.map(file);
    files.sort();
    assert_eq!(found, files);
    let readme = read("vectors/README.md");
    for packet_type in PacketType::ALL {
        let row = format!("\n| `{}` | {} |\n", file(packet_type), vectors_of(packet_type).len());
        assert!(readme.contains(&row), "README.md lacks {row}");
    }
}

#[test]
fn every_vector_comes_out_of_a_reader_that_is_fed_single_bytes() {
    for vector in all() {
        let bytes = vector.bytes();
        if bytes.len() > 4096 {
            continue;
        }
        let mut reader = FrameReader::new(u32::try_from(bytes.len()).unwrap());
        for (at, byte) in bytes.iter().enumerate() {
            let mut piece = std::slice::from_ref(byte);
            let frame = reader.next(&mut piece).unwrap().map(|frame| frame.as_bytes().to_owned());
            let whole = at + 1 == bytes.len();
            assert_eq!(frame, whole.then(|| bytes.clone()), "{} bytes of {}", at + 1, vector.line);
            assert_eq!(reader.pending(), if whole { 0 } else { at + 1 }, "{}", vector.line);
        }
    }
}
