//! Captures to be dissected: TCP segments, in IP packets, in frames, in files.

use mqtt_sansio::Sender;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// A TCP segment between a client and a server.
#[derive(Clone)]
pub(crate) struct Segment {
    sender: Sender,
    client_port: u16,
    server_port: u16,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    data: Vec<u8>,
}

/// A segment from the client with that data, in hex.
pub(crate) fn client(sequence: u32, data: &str) -> Segment {
    segment(Sender::Client, sequence, data)
}

/// A segment from the server with that data, in hex.
pub(crate) fn server(sequence: u32, data: &str) -> Segment {
    segment(Sender::Server, sequence, data)
}

fn segment(sender: Sender, sequence: u32, data: &str) -> Segment {
    let digits: Vec<char> = data.chars().filter(|digit| !digit.is_whitespace()).collect();
    let bytes = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    let data = bytes.map(|byte| u8::from_str_radix(&byte, 16).unwrap()).collect();
    Segment {
        sender,
        client_port: 40000,
        server_port: 1883,
        sequence,
        acknowledgement: 0,
        flags: ACK,
        data,
    }
}

impl Segment {
    pub(crate) fn flags(self, flags: u8) -> Segment {
        Segment { flags, ..self }
    }

    pub(crate) fn acknowledging(self, acknowledgement: u32) -> Segment {
        Segment { acknowledgement, ..self }
    }

    pub(crate) fn ports(self, client_port: u16, server_port: u16) -> Segment {
        Segment { client_port, server_port, ..self }
    }

    fn tcp(&self) -> Vec<u8> {
        let (source, destination) = match self.sender {
            Sender::Client => (self.client_port, self.server_port),
            Sender::Server => (self.server_port, self.client_port),
        };
        let mut bytes = Vec::new();
        bytes.extend(source.to_be_bytes());
        bytes.extend(destination.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.acknowledgement.to_be_bytes());
        bytes.extend([0x50, self.flags, 0xFF, 0xFF, 0, 0, 0, 0]);
        bytes.extend(&self.data);
        bytes
    }

    /// The two ends of an address that begins so: the sender's, and the other one.
    fn addresses(&self, prefix: &[u8]) -> Vec<u8> {
        let (from, to) = if self.sender == Sender::Client { (1, 2) } else { (2, 1) };
        [prefix, &[from], prefix, &[to]].concat()
    }

    pub(crate) fn ipv4(&self) -> Vec<u8> {
        let tcp = self.tcp();
        let len = (20 + tcp.len() as u16).to_be_bytes();
        let header = [0x45, 0, len[0], len[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
        [&header[..], &self.addresses(&[10, 0, 0]), &tcp].concat()
    }

    pub(crate) fn ipv6(&self) -> Vec<u8> {
        let tcp = self.tcp();
        let len = (tcp.len() as u16).to_be_bytes();
        let header = [0x60, 0, 0, 0, len[0], len[1], 6, 64];
        let prefix = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        [&header[..], &self.addresses(&prefix), &tcp].concat()
    }

    /// Over Ethernet and IPv4.
    pub(crate) fn ethernet(&self) -> Vec<u8> {
        ethernet(&[0x08, 0x00], &self.ipv4())
    }
}

/// What follows the two MAC addresses, filled up as on the wire.
pub(crate) fn ethernet(ether_type: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = [&[2; 12], ether_type, payload].concat();
    frame.resize(frame.len().max(60), 0xC0);
    frame
}

/// Byte order of a capture file.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        }
    }
}

/// The header of a pcap file.
pub(crate) fn pcap_header(order: Order, magic: u32, link: u32) -> Vec<u8> {
    let version = [order.u16(2), order.u16(4)].concat();
    let numbers = [0, 0, 65_535, link].map(|number| order.u32(number));
    [&order.u32(magic)[..], &version, &numbers.concat()].concat()
}

/// A frame in a pcap file, of which that much was captured.
pub(crate) fn pcap_frame(order: Order, time: [u32; 2], captured: usize, frame: &[u8]) -> Vec<u8> {
    let numbers = [time[0], time[1], captured as u32, frame.len() as u32];
    [&numbers.map(|number| order.u32(number)).concat(), &frame[..captured]].concat()
}

/// A pcap file with a frame at each second from 0 on.
pub(crate) fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = pcap_header(Order::Little, 0xA1B2_C3D4, link);
    for (second, frame) in frames.iter().enumerate() {
        file.extend(pcap_frame(Order::Little, [second as u32, 0], frame.len(), frame));
    }
    file
}

/// A pcap file of segments over Ethernet and IPv4.
pub(crate) fn pcap_of(segments: &[Segment]) -> Vec<u8> {
    pcap(1, &segments.iter().map(Segment::ethernet).collect::<Vec<_>>())
}

/// A block of a pcapng file.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = order.u32(12 + body.len() as u32);
    [&order.u32(kind)[..], &len, &body, &len].concat()
}

/// The block that a section of a pcapng file begins with.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let header = [&order.u32(0x1A2B_3C4D)[..], &order.u16(1), &order.u16(0), &[0xFF; 8]].concat();
    block(order, 0x0A0D_0D0A, &header)
}

/// An interface in a pcapng file, with options in their wire form.
pub(crate) fn interface(order: Order, link: u16, options: &[u8]) -> Vec<u8> {
    let body = [&order.u16(link)[..], &[0; 2], &order.u32(65_535), options].concat();
    block(order, 1, &body)
}

/// A frame in a pcapng file.
pub(crate) fn enhanced(order: Order, interface: u32, units: u64, frame: &[u8]) -> Vec<u8> {
    let (high, low, len) = ((units >> 32) as u32, units as u32, frame.len() as u32);
    let numbers = [interface, high, low, len, len].map(|number| order.u32(number));
    block(order, 6, &[&numbers.concat(), frame].concat())
}

/// A frame in a pcapng file that says nothing else of it.
pub(crate) fn simple(order: Order, frame: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(frame.len() as u32)[..], frame].concat())
}
