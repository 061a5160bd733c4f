//! How a message is printed: the format of `-F`.

use std::iter::Peekable;
use std::str::Chars;

use mqtt_sansio::{Message, PayloadFormat, Property, PropertyId, SubscriptionIdentifier};
use serde_json::Value;

use crate::time::Time;

/// A format, taken apart.
pub(crate) struct Format(Vec<Piece>);

enum Piece {
    Text(String),
    /// What stands between the `%` and the letter, and the letter.
    Field(Shape, char),
    /// What stands behind an `@`.
    Time(char),
}

/// Flags, width and precision of a field.
#[derive(Clone, Copy, Default)]
struct Shape {
    zeros: bool,
    left: bool,
    width: usize,
    precision: Option<usize>,
}

/// What belongs to a PUBLISH and not to its message.
#[derive(Default)]
pub(crate) struct Seen {
    /// 0 at QoS 0.
    pub(crate) packet_id: u16,
    pub(crate) topic_alias: Option<u16>,
    pub(crate) subscription_identifiers: Box<[SubscriptionIdentifier]>,
}

/// What cannot be printed, a line for standard error.
pub(crate) struct NotJson(pub(crate) String);

impl Format {
    pub(crate) fn parse(format: &str) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut rest = format.chars().peekable();
        while let Some(next) = rest.next() {
            pieces.push(match next {
                '%' => field(&mut rest)?,
                '@' => match rest.next() {
                    Some('@') => Piece::Text("@".to_owned()),
                    Some(letter) => Piece::Time(letter),
                    None => return Err(INCOMPLETE.to_owned()),
                },
                '\\' => Piece::Text(escape(rest.next())?),
                other => Piece::Text(other.to_string()),
            });
        }
        Ok(Format(pieces))
    }

    /// Appends a message to `out`; a field that cannot be printed is left out and said.
    pub(crate) fn print(
        &self,
        message: &Message,
        seen: &Seen,
        out: &mut Vec<u8>,
    ) -> Result<(), NotJson> {
        let time = Time::now();
        let mut result = Ok(());
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Time('N') => {
                    out.extend_from_slice(format!("{:09}", time.nanoseconds).as_bytes())
                }
                Piece::Time(letter) => out.extend_from_slice(time.strftime(*letter).as_bytes()),
                Piece::Field(shape, letter) => match value(*letter, message, seen, &time) {
                    Ok(bytes) => shape.pad(*letter, &bytes, out),
                    Err(error) => result = Err(error),
                },
            }
        }
        result
    }
}

const INCOMPLETE: &str = "Incomplete format specifier.";

/// The letters of message and time, then those of properties that only MQTT 5.0 has.
const LETTERS: &str = "%IUjJlmpqrtxXACDEFPRS";

fn field(rest: &mut Peekable<Chars<'_>>) -> Result<Piece, String> {
    let mut shape = Shape {
        left: rest.next_if_eq(&'-').is_some(),
        zeros: rest.next_if_eq(&'0').is_some(),
        ..Shape::default()
    };
    shape.width = number(rest).unwrap_or(0);
    if rest.next_if_eq(&'.').is_some() {
        shape.precision = number(rest).or(Some(0));
    }
    match rest.next() {
        Some('%') => Ok(Piece::Text("%".to_owned())),
        Some(letter) if LETTERS.contains(letter) => Ok(Piece::Field(shape, letter)),
        Some(letter) => Err(format!("Invalid format specifier '{letter}'.")),
        None => Err(INCOMPLETE.to_owned()),
    }
}

/// More than four digits are cut to the largest number that makes sense.
fn number(rest: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX).min(10_000))
}

fn escape(character: Option<char>) -> Result<String, String> {
    Ok(match character {
        Some('\\') => "\\",
        Some('0') => "\0",
        Some('a') => "\x07",
        Some('e') => "\x1b",
        Some('n') => "\n",
        Some('r') => "\r",
        Some('t') => "\t",
        Some('v') => "\x0b",
        Some(other) => return Err(format!("Invalid escape specifier '{other}'.")),
        None => return Err("Incomplete escape specifier.".to_owned()),
    }
    .to_owned())
}

/// What a letter stands for, before it is cut and padded.
fn value(letter: char, message: &Message, seen: &Seen, time: &Time) -> Result<Vec<u8>, NotJson> {
    let payload = &message.payload;
    let packet_id = seen.packet_id;
    let text = match letter {
        'p' => return Ok(payload.to_vec()),
        't' => message.topic.to_string(),
        'l' => payload.len().to_string(),
        'm' => packet_id.to_string(),
        'q' => message.qos.to_string(),
        'r' => u8::from(message.retain).to_string(),
        'x' => payload.iter().map(|byte| format!("{byte:02x}")).collect(),
        'X' => payload.iter().map(|byte| format!("{byte:02X}")).collect(),
        'I' => format!("{}+0000", time.date_and_time()),
        'U' => format!("{}.{:09}", time.seconds, time.nanoseconds),
        'j' => json(message, packet_id, time, &quoted(&String::from_utf8_lossy(payload))),
        'J' => json(message, packet_id, time, &unquoted(message)?),
        'A' => seen.topic_alias.map_or(String::new(), |alias| alias.to_string()),
        'S' => separated(seen.subscription_identifiers.iter().map(ToString::to_string)),
        'P' => {
            let pairs = message.properties.properties().user_properties();
            separated(pairs.map(|pair| format!("{}:{}", pair.name, pair.value)))
        }
        _ => return Ok(property(letter, message)),
    };
    Ok(text.into_bytes())
}

/// The property of a message that a letter stands for.
fn property(letter: char, message: &Message) -> Vec<u8> {
    let id = match letter {
        'C' => PropertyId::ContentType,
        'D' => PropertyId::CorrelationData,
        'E' => PropertyId::MessageExpiryInterval,
        'F' => PropertyId::PayloadFormatIndicator,
        _ => PropertyId::ResponseTopic,
    };
    match message.properties.properties().find(id) {
        Some(Property::ContentType(text)) => text.into(),
        Some(Property::CorrelationData(data)) => data.into(),
        Some(Property::MessageExpiryInterval(seconds)) => seconds.to_string().into(),
        Some(Property::PayloadFormatIndicator(format)) => {
            u8::from(format == PayloadFormat::Utf8).to_string().into()
        }
        Some(Property::ResponseTopic(topic)) => topic.as_bytes().into(),
        _ => Vec::new(),
    }
}

fn separated(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

fn json(message: &Message, packet_id: u16, time: &Time, payload: &str) -> String {
    let id = if packet_id == 0 { String::new() } else { format!(",\"mid\":{packet_id}") };
    format!(
        "{{\"tst\":\"{}.{:06}Z+0000\",\"topic\":{},\"qos\":{},\"retain\":{},\"payloadlen\":{}{id},\"payload\":{payload}}}",
        time.date_and_time(),
        time.nanoseconds / 1000,
        quoted(message.topic.name().as_str()),
        message.qos,
        u8::from(message.retain),
        message.payload.len(),
    )
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A payload that is JSON, without the space between its tokens; numbers and strings stay as they are.
fn unquoted(message: &Message) -> Result<String, NotJson> {
    let invalid =
        || NotJson(format!("Error: Message payload is not valid JSON on topic {}.", message.topic));
    serde_json::from_slice::<Value>(&message.payload).map_err(|_| invalid())?;
    let json = std::str::from_utf8(&message.payload).map_err(|_| invalid())?;
    let (mut compact, mut in_string, mut escaped) = (String::new(), false, false);
    for character in json.chars() {
        if in_string || !character.is_ascii_whitespace() {
            compact.push(character);
        }
        in_string ^= character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
    }
    Ok(compact)
}

impl Shape {
    /// Cuts and pads a field's value, as far as its letter allows that.
    fn pad(self, letter: char, value: &[u8], out: &mut Vec<u8>) {
        let longest = self.precision.filter(|_| "CIRt".contains(letter)).unwrap_or(usize::MAX);
        let value = value.get(..longest).unwrap_or(value);
        let width = if "ACEFIlmpStxX".contains(letter) { self.width } else { 0 };
        let zeros = self.zeros && !self.left && "AEFlmpSxX".contains(letter);
        let padding = vec![if zeros { b'0' } else { b' ' }; width.saturating_sub(value.len())];
        let (first, second) = if self.left { (value, &*padding) } else { (&*padding, value) };
        out.extend_from_slice(first);
        out.extend_from_slice(second);
    }
}
