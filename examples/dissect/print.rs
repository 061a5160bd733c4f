//! Lines of text or JSON.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use mqtt_sansio::{EncodeError, Packet, Sender, Version};

use crate::json::{self, Object, hex};
use crate::stream::Found;

/// Where something was found.
pub(crate) struct Origin {
    pub(crate) stream: usize,
    /// In a capture: who sent it, and when it was complete, where the capture says so.
    pub(crate) captured: Option<(Sender, Option<Duration>)>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}", self.stream)?;
        match self.captured {
            Some((sender, _)) => write!(f, " from {}", name(sender)),
            None => Ok(()),
        }
    }
}

fn name(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "client",
        Sender::Server => "server",
    }
}

/// Prints what is found, and remembers whether anything was not as it should be.
pub(crate) struct Printer<W: Write> {
    out: BufWriter<W>,
    json: bool,
    reencode: bool,
    failed: bool,
}

impl<W: Write> Printer<W> {
    pub(crate) fn new(out: W, json: bool, reencode: bool) -> Printer<W> {
        Printer { out: BufWriter::new(out), json, reencode, failed: false }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Prints text as it is.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// Says on standard error what is wrong.
    pub(crate) fn complain(&mut self, problem: &dyn fmt::Display) {
        self.failed = true;
        // Where standard error is closed too, nobody is left to tell.
        let _ = writeln!(io::stderr(), "dissect: {problem}");
    }

    pub(crate) fn print(&mut self, origin: &Origin, found: &Found<'_>) -> io::Result<()> {
        self.failed |= !matches!(found, Found::Packet { .. });
        if self.json {
            let line = self.object(origin, found);
            return writeln!(self.out, "{line}");
        }
        let (offset, sentence) = match found {
            Found::Packet { packet, version, bytes } => {
                let difference = self.difference(packet, *version, bytes);
                return writeln!(self.out, "{packet}{difference}");
            }
            Found::Bad(fault) => (fault.offset, fault.sentence.clone()),
            Found::Unfinished { offset, missing } => {
                (*offset, format!("unfinished packet (bytes missing: at least {missing})"))
            }
        };
        self.flush()?;
        self.complain(&format_args!("{origin}, offset {offset}: {sentence}"));
        Ok(())
    }

    /// How the packet comes out when it is encoded again, if otherwise than it came in.
    fn difference(&self, packet: &Packet<'_>, version: Version, bytes: &[u8]) -> String {
        match self.reencode.then(|| reencode(packet, version)) {
            Some(Ok(again)) if again != bytes => {
                format!(", encoded again {} instead of {}", hex(&again), hex(bytes))
            }
            Some(Err(error)) => format!(", cannot be encoded again: {error}"),
            _ => String::new(),
        }
    }

    fn object(&self, origin: &Origin, found: &Found<'_>) -> String {
        let mut object = Object::new();
        object.field("stream", origin.stream);
        if let Some((sender, time)) = origin.captured {
            object.field("from", name(sender));
            object.raw("time", &time.map_or(String::from("null"), seconds));
        }
        match found {
            Found::Packet { packet, version, bytes } => {
                json::packet(&mut object, packet, *version);
                if self.reencode {
                    let same = reencode(packet, *version).is_ok_and(|again| again == *bytes);
                    object.field("reencoded", same);
                }
            }
            Found::Bad(fault) => {
                object.field("error", fault.sentence.as_str());
                object.field("offset", fault.offset);
                if let Some(reason_code) = fault.reason_code {
                    object.field("reason_code", u8::from(reason_code));
                }
            }
            Found::Unfinished { missing, .. } => object.field("incomplete", *missing),
        }
        object.finish()
    }
}

fn reencode(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![0; packet.encoded_len(version)?];
    packet.encode(version, &mut bytes)?;
    Ok(bytes)
}

/// A number with all its decimals: a float has too few for nanoseconds since 1970.
fn seconds(time: Duration) -> String {
    let seconds = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    String::from(seconds.trim_end_matches('0').trim_end_matches('.'))
}
