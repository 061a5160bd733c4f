//! An exchange as a capture file: pcapng with Ethernet, IP and TCP around what was sent.

use std::iter;
use std::net::IpAddr;
use std::time::Duration;

use etherparse::{PacketBuilder, TcpOptionElement};
use mqtt_sansio::Sender;

use crate::exchange::{Event, Exchange, Party};
use crate::segments::{MAXIMUM_SEGMENT_SIZE, Mark, Segment, segments};

/// Blocks, and options of them.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const TIME_RESOLUTION: u16 = 9;

const ETHERNET: u16 = 1;
/// So much is always free, in units of 2^14 bytes: more than any packet of MQTT.
const WINDOW: u16 = 64_000;
const WINDOW_SCALE: u8 = 14;

/// The file. Time 0 of the exchange is the beginning of 1970; remarks are comments of the next segment.
pub(crate) fn write(exchange: &Exchange) -> Vec<u8> {
    let mut file = Vec::new();
    block(&mut file, SECTION_HEADER, |body| {
        body.extend(0x1A2B_3C4D_u32.to_le_bytes());
        body.extend([1, 0, 0, 0]); // version 1.0
        body.extend(u64::MAX.to_le_bytes()); // length not given
        option(body, USER_APPLICATION, b"mqtt-sansio");
        option(body, 0, &[]);
    });
    block(&mut file, INTERFACE_DESCRIPTION, |body| {
        body.extend(ETHERNET.to_le_bytes());
        body.extend([0; 6]); // reserved; frames of any length
        option(body, TIME_RESOLUTION, &[9]);
        option(body, 0, &[]);
    });
    block(&mut file, NAME_RESOLUTION, |body| names(body, &exchange.parties));
    let mut remarks = remarks(exchange).peekable();
    let mut segments = segments(exchange).into_iter().peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let comments: Vec<String> = iter::from_fn(|| {
            remarks.next_if(|(at, _)| last || *at <= segment.at).map(|(_, text)| text)
        })
        .collect();
        block(&mut file, ENHANCED_PACKET, |body| packet(body, exchange, &segment, &comments));
    }
    file
}

/// A block: its length stands on both ends.
fn block(file: &mut Vec<u8>, block_type: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    let len = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
    file.extend(block_type.to_le_bytes());
    file.extend(len);
    file.extend(body);
    file.extend(len);
}

/// An option of a block, or a name: both have the same form.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(len.to_le_bytes());
    padded(body, value.get(..len.into()).unwrap_or(value));
}

/// Bytes filled up to a multiple of four.
fn padded(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Which address is who.
fn names(body: &mut Vec<u8>, parties: &[Party]) {
    for party in parties {
        let (code, mut value) = match party.address {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (2, address.octets().to_vec()),
        };
        value.extend(party.name.bytes().filter(|byte| *byte != 0));
        value.push(0);
        option(body, code, &value);
    }
    option(body, 0, &[]);
}

/// Remarks in the order of time.
fn remarks(exchange: &Exchange) -> impl Iterator<Item = (Duration, String)> {
    exchange.records.iter().filter_map(|record| match &record.event {
        Event::Note { party, text } => {
            let party = party.and_then(|party| exchange.parties.get(party));
            let text = party.map_or(text.clone(), |party| format!("{}: {text}", party.name));
            Some((record.at, text))
        }
        Event::Sent(_) => None,
    })
}

fn packet(body: &mut Vec<u8>, exchange: &Exchange, segment: &Segment<'_>, comments: &[String]) {
    let frame = frame(exchange, segment);
    let time = u64::try_from(segment.at.as_nanos()).unwrap_or(u64::MAX);
    let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    body.extend(0_u32.to_le_bytes()); // the interface
    body.extend(u32::try_from(time >> 32).unwrap_or(u32::MAX).to_le_bytes());
    body.extend(u32::try_from(time & 0xFFFF_FFFF).unwrap_or(u32::MAX).to_le_bytes());
    body.extend(len.to_le_bytes());
    body.extend(len.to_le_bytes());
    padded(body, &frame);
    if !comments.is_empty() {
        comments.iter().for_each(|comment| option(body, COMMENT, comment.as_bytes()));
        option(body, 0, &[]);
    }
}

/// The segment with its headers.
fn frame(exchange: &Exchange, segment: &Segment<'_>) -> Vec<u8> {
    let Some(connection) = exchange.connections.get(segment.connection) else {
        return Vec::new();
    };
    let client = (connection.client, connection.client_port);
    let server = (connection.server, connection.server_port);
    let (from, to) = match segment.sender {
        Sender::Client => (client, server),
        Sender::Server => (server, client),
    };
    let hardware = |party: usize| [2, 0, 0, 0, 0, u8::try_from(party).unwrap_or(u8::MAX)];
    let ethernet = PacketBuilder::ethernet2(hardware(from.0), hardware(to.0));
    let address = |party: usize| exchange.parties.get(party).map(|party| party.address);
    let ip = match (address(from.0), address(to.0)) {
        (Some(IpAddr::V4(from)), Some(IpAddr::V4(to))) => {
            ethernet.ipv4(from.octets(), to.octets(), 64)
        }
        (from, to) => ethernet.ipv6(octets(from), octets(to), 64),
    };
    let tcp = ip.tcp(from.1, to.1, segment.sequence, WINDOW);
    let tcp = match segment.acknowledgement {
        Some(number) => tcp.ack(number),
        None => tcp,
    };
    let options = [
        TcpOptionElement::MaximumSegmentSize(MAXIMUM_SEGMENT_SIZE),
        TcpOptionElement::Noop,
        TcpOptionElement::WindowScale(WINDOW_SCALE),
    ];
    let tcp = match segment.mark {
        None => Ok(tcp),
        Some(Mark::Syn) => tcp.syn().options(&options),
        Some(Mark::Push) => Ok(tcp.psh()),
        Some(Mark::Fin) => Ok(tcp.fin()),
        Some(Mark::Reset) => Ok(tcp.rst()),
    };
    let mut frame = Vec::new();
    let written = tcp.map(|tcp| tcp.write(&mut frame, segment.payload));
    debug_assert!(matches!(written, Ok(Ok(()))), "{written:?}");
    frame
}

fn octets(address: Option<IpAddr>) -> [u8; 16] {
    match address {
        Some(IpAddr::V4(address)) => address.to_ipv6_mapped().octets(),
        Some(IpAddr::V6(address)) => address.octets(),
        None => [0; 16],
    }
}
