//! Captures: the classic pcap format around IPv4 and TCP, as much of each as a dissector asks for.

use mqtt_sansio::Sender;

/// Where servers listen, which also tells a dissector that this is MQTT.
const SERVER_PORT: u16 = 1883;
const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [192, 0, 2, 2];
/// The bytes that go into one segment.
const SEGMENT: usize = 16_000;

const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// A capture being written; every connection in it gets a client port of its own.
pub(crate) struct Capture {
    bytes: Vec<u8>,
    frames: u32,
    last_port: u16,
}

/// An open TCP connection: the next sequence number of each side.
pub(crate) struct Connection {
    port: u16,
    client: u32,
    server: u32,
}

impl Capture {
    pub(crate) fn new() -> Capture {
        let mut bytes = 0xA1B2_C3D4_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0]); // version 2.4
        bytes.extend([0; 8]); // UTC, accuracy unknown
        bytes.extend(0x0004_0000_u32.to_le_bytes()); // longest frame
        bytes.extend(101_u32.to_le_bytes()); // frames are IP packets
        Capture { bytes, frames: 0, last_port: 50_000 }
    }

    /// The file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Opens a connection.
    pub(crate) fn connect(&mut self) -> Connection {
        self.last_port += 1;
        let mut connection = Connection { port: self.last_port, client: 1000, server: 2000 };
        self.segment(&connection, Sender::Client, SYN, &[]);
        connection.client += 1;
        self.segment(&connection, Sender::Server, SYN | ACK, &[]);
        connection.server += 1;
        self.segment(&connection, Sender::Client, ACK, &[]);
        connection
    }

    /// Sends bytes, each segment acknowledged, and returns the number of the frame that ends them.
    pub(crate) fn send(
        &mut self,
        connection: &mut Connection,
        sender: Sender,
        bytes: &[u8],
    ) -> u32 {
        let mut frame = 0;
        for segment in bytes.chunks(SEGMENT) {
            self.segment(connection, sender, PSH | ACK, segment);
            frame = self.frames;
            let len = u32::try_from(segment.len()).unwrap();
            let receiver = match sender {
                Sender::Client => {
                    connection.client += len;
                    Sender::Server
                }
                Sender::Server => {
                    connection.server += len;
                    Sender::Client
                }
            };
            self.segment(connection, receiver, ACK, &[]);
        }
        frame
    }

    fn segment(&mut self, connection: &Connection, sender: Sender, flags: u8, payload: &[u8]) {
        let ends = match sender {
            Sender::Client => (connection.port, SERVER_PORT, connection.client, connection.server),
            Sender::Server => (SERVER_PORT, connection.port, connection.server, connection.client),
        };
        let (from, to, sequence, acknowledgement) = ends;
        let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
        tcp.extend(sequence.to_be_bytes());
        tcp.extend(if flags & ACK == 0 { 0 } else { acknowledgement }.to_be_bytes());
        tcp.extend([5 << 4, flags, 0xFF, 0xFF, 0, 0, 0, 0]); // header of 5 words, window, checksum
        tcp.extend(payload);
        let addresses = match sender {
            Sender::Client => [CLIENT, SERVER].concat(),
            Sender::Server => [SERVER, CLIENT].concat(),
        };
        let pseudo_header =
            [&addresses[..], &[0, 6], &u16::try_from(tcp.len()).unwrap().to_be_bytes()].concat();
        let sum = checksum(&[&pseudo_header[..], &tcp].concat());
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        self.packet(&addresses, &tcp);
    }

    fn packet(&mut self, addresses: &[u8], tcp: &[u8]) {
        let mut packet = vec![0x45, 0]; // version 4, header of 5 words
        packet.extend(u16::try_from(20 + tcp.len()).unwrap().to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]); // not to be fragmented, 64 hops, TCP, checksum
        packet.extend(addresses);
        let sum = checksum(&packet);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(tcp);

        self.frames += 1;
        let (seconds, microseconds) = (self.frames / 1000, self.frames % 1000 * 1000);
        let len = u32::try_from(packet.len()).unwrap();
        for word in [seconds, microseconds, len, len] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(packet);
    }
}

/// The internet checksum: the ones' complement of the sum of all 16-bit words.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}
