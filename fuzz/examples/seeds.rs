//! Writes the seeds in `corpus/` anew: from `testdata` and from pseudo-random inputs, whatever shows the
//! codec something that the seeds before it did not. Run it in this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use mqtt_sansio::{EncodeError, Frame, MAXIMUM_PACKET_SIZE, Packet, Version};
use mqtt_sansio_fuzz::with_packet;

/// What seeds are called: not as the fuzzer calls its own, in hex digits.
const PREFIXES: [&str; 5] = ["lab-", "made-", "malformed-", "packet-", "vector-"];

/// Bytes from one side of a connection.
struct Sample {
    file: String,
    name: String,
    version: Version,
    from_server: bool,
    bytes: Vec<u8>,
}

fn main() -> io::Result<()> {
    let mut captured = Vec::new();
    for path in files("../testdata/lab")? {
        captured.extend(frames(&path)?);
    }
    let mut written = Vec::new();
    for path in files("../testdata/vectors")? {
        written.extend(vectors(&path)?);
    }
    let mut hostile = Vec::new();
    for path in files("../testdata/malformed")? {
        hostile.extend(rows(&path)?);
    }
    decode_seeds(captured.iter().chain(&written).chain(&hostile))?;
    framing_seeds(&captured, &hostile)?;
    broker_seeds(&captured)?;
    roundtrip_seeds()
}

fn files(folder: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(folder)?.collect();
    let mut paths: Vec<PathBuf> = entries?.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "md"));
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// A captured exchange: `# frame number | time | sender | packet`, later the packet in hex.
fn frames(path: &Path) -> io::Result<Vec<Sample>> {
    let text = fs::read_to_string(path)?;
    let named = text.split("MQTT ").nth(1).and_then(|rest| rest.split([' ', '\n']).next());
    let version = named.unwrap_or_default().trim_end_matches(['.', ',', ';']);
    let version: Version = version.parse().expect("the first line names the version");
    let mut samples = Vec::new();
    let mut head = "";
    for line in text.lines() {
        match line.strip_prefix("# frame ") {
            Some(rest) => head = rest,
            None if line.is_empty() || line.starts_with('#') => {}
            None => {
                let name = format!("lab-{}-{}", stem(path), samples.len() + 1);
                let from_server = head.contains("| server |");
                samples.push(Sample {
                    file: stem(path),
                    name,
                    version,
                    from_server,
                    bytes: unhex(line),
                });
            }
        }
    }
    Ok(samples)
}

/// Vectors: `# versions | senders | packet | …`, later the packet in hex, long ones abridged.
fn vectors(path: &Path) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let text = fs::read_to_string(path)?;
    for (index, vector) in text.split("\n\n").enumerate() {
        let line = vector.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        let mut columns = vector.trim_start_matches("# ").split(" | ");
        let (Some(versions), Some(senders)) = (columns.next(), columns.next()) else {
            panic!("{vector}");
        };
        for version in versions.split(';').filter(|_| !line.contains('+')) {
            samples.push(Sample {
                file: stem(path),
                name: format!("vector-{}-{}", stem(path), index + 1),
                version: version.parse().expect("a version"),
                from_server: senders == "server",
                bytes: unhex(line),
            });
        }
    }
    Ok(samples)
}

/// Hostile input: `name,versions,direction,hex,…`.
fn rows(path: &Path) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for line in fs::read_to_string(path)?.lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let [name, versions, direction, hex, ..] = columns[..] else {
            panic!("{line}");
        };
        for version in versions.split(';') {
            samples.push(Sample {
                file: stem(path),
                name: format!("malformed-{name}"),
                version: version.parse().expect("a version"),
                from_server: direction == "s2c",
                bytes: unhex(hex),
            });
        }
    }
    Ok(samples)
}

fn decode_seeds<'s>(samples: impl Iterator<Item = &'s Sample>) -> io::Result<()> {
    let mut corpus = Corpus::new("decode")?;
    let mut shown = BTreeSet::new();
    for sample in samples {
        let version = Version::ALL.iter().position(|version| *version == sample.version);
        let choice = version.unwrap_or(0) + 3 * usize::from(sample.from_server);
        let choice = u8::try_from(choice).expect("at most 5");
        let seen = match Frame::parse(&sample.bytes, MAXIMUM_PACKET_SIZE) {
            Ok(Some((frame, _))) => outcome(frame, sample.version),
            other => BTreeSet::from([format!("{other:?}")]),
        };
        let before = shown.len();
        shown.extend(seen.into_iter().map(|word| (sample.version, word)));
        if shown.len() > before {
            let name = format!("{}-as-{}", sample.name, sample.version);
            corpus.add(&name, [&[choice], &sample.bytes[..]].concat())?;
        }
    }
    Ok(())
}

/// What is in the packet, without numbers and texts; or what is wrong with it.
fn outcome(frame: Frame<'_>, version: Version) -> BTreeSet<String> {
    let packet_type = frame.first_byte() >> 4;
    match Packet::decode(frame, version) {
        Ok(packet) => {
            let mut bytes = vec![0; frame.as_bytes().len()];
            let canonical = packet.encode(version, &mut bytes).is_ok() && bytes == frame.as_bytes();
            let names = words(&packet).into_iter().chain([format!("canonical: {canonical}")]);
            names.map(|name| format!("{packet_type} {name}")).collect()
        }
        Err(error) => BTreeSet::from([format!("{packet_type} {:?}", error.violation())]),
    }
}

/// The names of what is in a packet.
fn words(packet: &Packet<'_>) -> BTreeSet<String> {
    let debug = format!("{packet:?}");
    let without_strings = debug.split('"').step_by(2);
    let words = without_strings.flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()));
    words.filter(|word| word.starts_with(|c: char| c.is_uppercase())).map(str::to_owned).collect()
}

fn framing_seeds(captured: &[Sample], hostile: &[Sample]) -> io::Result<()> {
    const LENGTHS: [u8; 8] = [1, 1, 2, 3, 0, 5, 8, 21];
    let mut corpus = Corpus::new("framing")?;
    // A limit at first, the one after four pieces, and the pieces.
    let in_pieces =
        |first: u8, then: u8, stream: &[u8]| [&[first, then, 4, 8], &LENGTHS[..], stream].concat();
    for exchange in captured.chunk_by(|a, b| a.file == b.file) {
        for (from_server, sender) in [(false, "client"), (true, "server")] {
            let side = exchange.iter().filter(|sample| sample.from_server == from_server);
            let mut stream: Vec<u8> = side.flat_map(|sample| sample.bytes.clone()).collect();
            stream.truncate(400);
            corpus.add(&format!("lab-{}-{sender}", exchange[0].file), in_pieces(0, 0, &stream))?;
            corpus.add(
                &format!("lab-{}-{sender}-limit-16-later", exchange[0].file),
                in_pieces(0, 4, &stream),
            )?;
        }
    }
    for sample in hostile.iter().filter(|sample| sample.file == "fixed-header") {
        corpus.add(&sample.name, in_pieces(0, 0, &sample.bytes))?;
        corpus.add(&format!("{}-limit-2", sample.name), in_pieces(3, 0, &sample.bytes))?;
    }
    Ok(())
}

/// Steps of the target `broker`, by what they do to the connection that was opened last.
mod steps {
    /// It is done again; no limits; 3.1.1, persistent session, as "a"; all rights.
    pub(super) const DEFAULTS: &[u8] = &[7, 0, 0, 0];
    const WITH_WILL: &[u8] = &[7 + 8, 0, 4, 0, 1, 0, 0];
    /// All limits, each the largest of the small ones.
    const SMALL: &[u8] =
        &[31, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 2, 1, 0, 0];
    pub(super) const OPEN: &[u8] = &[0];
    const PUBLISH_QOS_1: &[u8] = &[6, 0, 1, 0, 0, 1, b'x'];
    const PUBLISH_QOS_2_RETAINED: &[u8] = &[6, 0, 10, 0, 0, 1, b'x'];
    const SUBSCRIBE_ALL: &[u8] = &[11, 0, 0, 0, 0, 0, 1];
    const UNSUBSCRIBE_ALL: &[u8] = &[14, 0, 0, 0, 0, 0];
    const PUBREL: &[u8] = &[15, 0, 0, 0];
    const DISCONNECT: &[u8] = &[15, 0, 11];
    const ACKNOWLEDGE: &[u8] = &[17, 0];
    const PART_OF_PUBLISH: &[u8] = &[21, 0, 1, 0, 0, 1, b'x', 0, 0, 0, 0, 0, 5];
    const THE_REST: &[u8] = &[22, 0];
    pub(super) const ACCEPT: &[u8] = &[23, 0, 0];
    const REFUSE: &[u8] = &[24, 0, 18];
    const LOSE: &[u8] = &[26, 0];
    pub(super) const PULL: &[u8] = &[28];
    const PULL_8: &[u8] = &[31, 0, 4];
    const PASS_20_S: &[u8] = &[33, 219];
    const TIMEOUT: &[u8] = &[35, 3];
    const PUBLISH_OWN: &[u8] = &[36, 1, b'y', 0, 1, 1];
    const SUBSCRIBE_OWN: &[u8] = &[38, 0, 0];
    const CLOSE: &[u8] = &[39];
    /// Another client, accepted: as "a" at 3.1.1 with a will, as the first is.
    const SAME_AGAIN: &[u8] = &[1, 32, 0, 0, 0, 0, 0, 0];

    /// By name.
    pub(super) const MADE: [(&str, &[&[u8]]); 10] = [
        (
            "resend",
            &[
                DEFAULTS,
                SUBSCRIBE_ALL,
                PULL,
                PUBLISH_OWN,
                PUBLISH_QOS_1,
                PULL_8,
                LOSE,
                SAME_AGAIN,
                PULL,
                ACKNOWLEDGE,
                ACKNOWLEDGE,
                PULL,
            ],
        ),
        ("takeover", &[WITH_WILL, SUBSCRIBE_OWN, SAME_AGAIN, PULL, CLOSE, LOSE, SAME_AGAIN]),
        (
            "qos-2",
            &[
                DEFAULTS,
                SUBSCRIBE_ALL,
                PUBLISH_QOS_2_RETAINED,
                PULL,
                PUBREL,
                PULL,
                ACKNOWLEDGE,
                PULL,
                ACKNOWLEDGE,
                DISCONNECT,
                CLOSE,
            ],
        ),
        ("keep-alive", &[WITH_WILL, SUBSCRIBE_OWN, PASS_20_S, TIMEOUT, CLOSE, TIMEOUT]),
        (
            "retained",
            &[
                DEFAULTS,
                PUBLISH_OWN,
                PUBLISH_OWN,
                SUBSCRIBE_ALL,
                PULL_8,
                UNSUBSCRIBE_ALL,
                PULL,
                SUBSCRIBE_ALL,
                PULL,
                ACKNOWLEDGE,
            ],
        ),
        (
            "small-limits",
            &[
                SMALL,
                SUBSCRIBE_ALL,
                PUBLISH_OWN,
                PUBLISH_OWN,
                PUBLISH_OWN,
                PUBLISH_QOS_1,
                PULL_8,
                PULL,
                ACKNOWLEDGE,
                PULL,
                SAME_AGAIN,
            ],
        ),
        (
            "pieces",
            &[
                DEFAULTS,
                SUBSCRIBE_ALL,
                PART_OF_PUBLISH,
                PULL,
                THE_REST,
                PULL,
                PART_OF_PUBLISH,
                LOSE,
            ],
        ),
        ("never-connects", &[DEFAULTS, OPEN, PASS_20_S, TIMEOUT, CLOSE, OPEN, LOSE, PULL]),
        (
            "refused",
            &[DEFAULTS, OPEN, &[4, 0, 0, 0, 0], REFUSE, PULL_8, PUBLISH_QOS_1, CLOSE, ACCEPT],
        ),
        (
            "offline",
            &[
                DEFAULTS,
                SUBSCRIBE_ALL,
                PULL,
                LOSE,
                PUBLISH_OWN,
                PUBLISH_OWN,
                SAME_AGAIN,
                PULL_8,
                ACKNOWLEDGE,
                PULL,
                ACKNOWLEDGE,
            ],
        ),
    ];
}

fn broker_seeds(captured: &[Sample]) -> io::Result<()> {
    use steps::{ACCEPT, DEFAULTS, OPEN, PULL};
    let mut corpus = Corpus::new("broker")?;
    for exchange in captured.chunk_by(|a, b| a.file == b.file) {
        let mut seed = DEFAULTS.to_vec();
        for sample in exchange.iter().filter(|sample| !sample.from_server) {
            let connect = sample.bytes[0] >> 4 == 1;
            seed.extend(if connect { OPEN } else { &[] });
            for piece in sample.bytes.chunks(31) {
                seed.extend([5, 0, u8::try_from(piece.len()).expect("at most 31")]);
                seed.extend(piece);
            }
            seed.extend(if connect { ACCEPT } else { PULL });
        }
        seed.truncate(1000);
        corpus.add(&format!("lab-{}", exchange[0].file), seed)?;
    }
    for (name, steps) in steps::MADE {
        corpus.add(&format!("made-{name}"), steps.concat())?;
    }
    Ok(())
}

fn roundtrip_seeds() -> io::Result<()> {
    let mut corpus = Corpus::new("roundtrip")?;
    let (mut shown, mut numbers) = (BTreeSet::new(), BTreeMap::new());
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut input = [0; 48];
        for byte in &mut input {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[0];
        }
        let (name, seen) = with_packet(&input, |packet, version| {
            let mut bytes = vec![0; 200_000];
            let (outcome, seen) = match packet.encode(version, &mut bytes) {
                Ok(_) => ("ok".to_owned(), words(packet)),
                Err(EncodeError::NotInVersion { field, .. }) => {
                    (format!("without-{field:?}"), BTreeSet::new())
                }
                Err(EncodeError::Violation(violation)) => {
                    (format!("{violation:?}"), BTreeSet::new())
                }
                Err(error) => panic!("{packet}, {version}: {error}"),
            };
            let name = format!("packet-{}-{version}-{outcome}", packet.packet_type());
            let first = format!("{:02x}", bytes[0]);
            (name, seen.into_iter().chain([first]))
        });
        let before = shown.len();
        shown.extend(seen.map(|word| (name.clone(), word)));
        if shown.len() > before {
            let number: &mut u32 = numbers.entry(name.clone()).or_default();
            *number += 1;
            corpus.add(&format!("{name}-{number}"), input.to_vec())?;
        }
    }
    Ok(())
}

/// A folder of seeds, each of other bytes.
struct Corpus {
    folder: PathBuf,
    seeds: BTreeSet<Vec<u8>>,
}

impl Corpus {
    /// Takes out what an earlier run wrote.
    fn new(target: &str) -> io::Result<Corpus> {
        let folder = Path::new("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for path in files(&folder)? {
            if PREFIXES.iter().any(|prefix| stem(&path).starts_with(prefix)) {
                fs::remove_file(path)?;
            }
        }
        Ok(Corpus { folder, seeds: BTreeSet::new() })
    }

    fn add(&mut self, name: &str, seed: Vec<u8>) -> io::Result<()> {
        if self.seeds.insert(seed.clone()) {
            fs::write(self.folder.join(name), seed)?;
        }
        Ok(())
    }
}
