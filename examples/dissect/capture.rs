//! Capture files: the frames in pcap and pcapng, and the TCP segments in frames.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::pcapng::{Block, IDB_MAGIC, OptionCode, PcapNGOption};
use pcap_parser::{
    InterfaceDescriptionBlock, Linktype, NameRecord, NameRecordType, PcapBlockOwned, PcapNGSlice,
    parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

/// What is in a capture file.
#[derive(Default)]
pub(crate) struct Capture<'a> {
    pub(crate) frames: Vec<Frame<'a>>,
    /// Names of hosts, in the order of the file.
    pub(crate) names: Vec<(IpAddr, String)>,
    /// Why some of the file is not there.
    pub(crate) problems: Vec<String>,
}

/// A frame of some link, as captured.
pub(crate) struct Frame<'a> {
    pub(crate) time: Option<Duration>,
    /// What somebody has noted about it.
    pub(crate) comments: Vec<String>,
    link: Link,
    bytes: &'a [u8],
}

/// The header that a link puts before IP: how long it is, and where in it the EtherType stands.
#[derive(Clone, Copy)]
struct Link {
    header_len: usize,
    ether_type_at: Option<usize>,
}

impl Link {
    fn new(link: Linktype) -> Option<Link> {
        let (header_len, ether_type_at) = match link {
            Linktype::ETHERNET => (14, Some(12)),
            Linktype::LINUX_SLL => (16, Some(14)),
            Linktype::LINUX_SLL2 => (20, Some(0)),
            Linktype::NULL | Linktype::LOOP => (4, None),
            // RAW has other numbers on some systems.
            Linktype::RAW | Linktype(12 | 14) | Linktype::IPV4 | Linktype::IPV6 => (0, None),
            _ => return None,
        };
        Some(Link { header_len, ether_type_at })
    }
}

/// The frames in a file, as far as it can be read.
pub(crate) fn read(file: &[u8]) -> Capture<'_> {
    let mut capture = Capture::default();
    if let Ok(blocks) = PcapNGSlice::from_slice(file) {
        capture.read_pcapng(blocks);
    } else {
        capture.read_pcap(file);
    }
    capture
}

impl<'a> Capture<'a> {
    /// Frame by frame: the parser's own iterator takes every file for little-endian.
    fn read_pcap(&mut self, file: &'a [u8]) {
        let Ok((mut rest, header)) = parse_pcap_header(file) else {
            return self.problem("neither a pcap nor a pcapng file");
        };
        let parse = match (header.is_modified_format(), header.is_bigendian()) {
            (true, _) => parse_pcap_frame_modified,
            (false, true) => parse_pcap_frame_be,
            (false, false) => parse_pcap_frame,
        };
        let unit = if header.is_nanosecond_precision() { 1 } else { 1_000 };
        // The upper half says whether Ethernet's check sum was captured too.
        let link = Linktype(header.network.0 & 0xFFFF);
        while !rest.is_empty() {
            let Ok((after, frame)) = parse(rest) else {
                return self.problem("it ends within a frame");
            };
            let fraction = Duration::from_nanos(u64::from(frame.ts_usec) * unit);
            let time = Duration::from_secs(frame.ts_sec.into()) + fraction;
            self.add(Some(time), link, frame.data, Vec::new());
            rest = after;
        }
    }

    fn read_pcapng(&mut self, blocks: PcapNGSlice<'a>) {
        let mut interfaces = Vec::new();
        for block in blocks {
            let mut comments = Vec::new();
            let (interface, units, len, data) = match block {
                Ok(PcapBlockOwned::NG(Block::EnhancedPacket(packet))) => {
                    comments.extend(packet.options.iter().filter_map(comment));
                    let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                    (packet.if_id, Some(units), packet.caplen, packet.data)
                }
                Ok(PcapBlockOwned::NG(Block::SimplePacket(packet))) => {
                    (0, None, packet.origlen, packet.data)
                }
                Ok(PcapBlockOwned::NG(Block::InterfaceDescription(interface))) => {
                    interfaces.push(interface);
                    continue;
                }
                Ok(PcapBlockOwned::NG(Block::NameResolution(block))) => {
                    self.names.extend(block.nr.iter().filter_map(name));
                    continue;
                }
                Ok(PcapBlockOwned::NG(Block::SectionHeader(_))) => {
                    interfaces.clear();
                    continue;
                }
                Ok(_) => continue,
                Err(error) if error.is_incomplete() => {
                    return self.problem("it ends within a block");
                }
                Err(_) => return self.problem("a block is damaged, the rest is left out"),
            };
            match interfaces.get(interface as usize) {
                // Blocks are filled up to a multiple of four bytes.
                Some(interface) => {
                    let time = units.map(|units| time(units, interface));
                    let data = data.get(..len as usize).unwrap_or(data);
                    self.add(time, interface.linktype, data, comments);
                }
                None => self.problem("frames of an interface that it does not describe"),
            }
        }
    }

    fn add(
        &mut self,
        time: Option<Duration>,
        link: Linktype,
        bytes: &'a [u8],
        comments: Vec<String>,
    ) {
        match Link::new(link) {
            Some(link) => self.frames.push(Frame { time, comments, link, bytes }),
            None => self.problem(&format!("frames of link type {} are left out", link.0)),
        }
    }

    /// Notes a problem, once.
    fn problem(&mut self, problem: &str) {
        if !self.problems.iter().any(|noted| noted == problem) {
            self.problems.push(String::from(problem));
        }
    }
}

fn comment(option: &PcapNGOption<'_>) -> Option<String> {
    let text =
        option.value.get(..option.len.into()).filter(|_| option.code == OptionCode::Comment)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// An address and the first of its names, which end with 0 each.
fn name(record: &NameRecord<'_>) -> Option<(IpAddr, String)> {
    let (address, names): (IpAddr, _) = match record.record_type {
        NameRecordType::Ipv4 => {
            let (address, names) = record.record_value.split_first_chunk::<4>()?;
            ((*address).into(), names)
        }
        NameRecordType::Ipv6 => {
            let (address, names) = record.record_value.split_first_chunk::<16>()?;
            ((*address).into(), names)
        }
        _ => return None,
    };
    let name = names.split(|byte| *byte == 0).next()?;
    Some((address, String::from_utf8_lossy(name).into_owned()))
}

/// The time that so many units of an interface's clock are.
fn time(units: u64, interface: &InterfaceDescriptionBlock<'_>) -> Duration {
    let base: u128 = if interface.if_tsresol & 0x80 == 0 { 10 } else { 2 };
    let exponent = u32::from(interface.if_tsresol & 0x7F);
    let per_second = base.checked_pow(exponent).unwrap_or(u128::MAX);
    let units = u128::from(units);
    let seconds = u64::try_from(units / per_second).unwrap_or(u64::MAX);
    let nanoseconds = (units % per_second).saturating_mul(1_000_000_000) / per_second;
    let fraction = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default());
    // The parser takes the offset for little-endian, whatever the section is.
    let little_endian = interface.block_type == IDB_MAGIC;
    let offset = interface.if_tsoffset;
    let offset = if little_endian { offset } else { offset.swap_bytes() };
    Duration::from_secs(seconds.saturating_add_signed(offset)).saturating_add(fraction)
}

/// A TCP segment.
pub(crate) struct Segment<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) data: &'a [u8],
    /// How many bytes of data the capture cut off.
    pub(crate) cut_off: usize,
}

impl<'a> Frame<'a> {
    /// The TCP segment in the frame, if there is one.
    pub(crate) fn segment(&self) -> Option<Segment<'a>> {
        let packet = self.ip_packet()?;
        let payload = packet.ip_payload()?;
        let (source, destination, len) = match packet.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let len = usize::from(header.total_len()).saturating_sub(header.slice().len());
                (header.source_addr().into(), header.destination_addr().into(), len)
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let len = usize::from(header.payload_length());
                (header.source_addr().into(), header.destination_addr().into(), len)
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let missing = len.saturating_sub(payload.payload.len());
        let cut_off = if payload.incomplete { missing } else { 0 };
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            return None;
        };
        Some(Segment {
            source: SocketAddr::new(source, tcp.source_port()),
            destination: SocketAddr::new(destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledgement: tcp.acknowledgment_number(),
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            // What a reset carries is not part of the stream.
            data: if tcp.rst() { &[] } else { tcp.payload() },
            cut_off: if tcp.rst() { 0 } else { cut_off },
        })
    }

    fn ip_packet(&self) -> Option<LaxSlicedPacket<'a>> {
        let (header, payload) = self.bytes.split_at_checked(self.link.header_len)?;
        let Some(at) = self.link.ether_type_at else {
            return LaxSlicedPacket::from_ip(payload).ok();
        };
        let ether_type = u16::from_be_bytes(*header.get(at..)?.first_chunk()?);
        Some(LaxSlicedPacket::from_ether_type(EtherType(ether_type), payload))
    }
}
