//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use mqtt_sansio::{Sender, Version};

const EXAMPLES: &str = "\
Examples:
  Decode a CONNECT and the PINGREQ after it:
    dissect '10 0d 0004 4d515454 04 02 003c 0001 63  c0 00'
  One JSON object for each packet of a capture with two brokers in it:
    dissect --pcap mqtt.pcapng --port 1883 --port 1884 --json
  The same as a diagram, with the programs as columns:
    dissect --pcap mqtt.pcapng --port 1883 --port 1884 --ladder";

/// Shows MQTT packets, one a line, strictly decoded.
///
/// Each HEX argument, or without any each line of standard input, is what one side of a connection sent.
/// White space between the digits, blank lines, and a # with what follows it are skipped.
///
/// What is wrong is said on standard error, or with --json in an object of its own, and ends the stream. The
/// exit status is 1 if there was a bad or unfinished packet or something that cannot be read, else 0.
#[derive(Parser)]
#[command(name = "dissect", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Bytes to decode.
    #[arg(value_name = "HEX")]
    pub(crate) hex: Vec<String>,

    /// Decode the TCP connections in a pcap or pcapng file (Ethernet, Linux cooked, loopback, raw IP).
    #[arg(long, value_name = "FILE", conflicts_with = "hex")]
    pub(crate) pcap: Option<PathBuf>,

    /// The server's TCP port in the capture; may be repeated.
    #[arg(long = "port", value_name = "PORT", default_value = "1883")]
    pub(crate) ports: Vec<u16>,

    /// The MQTT version: 3.1, 3.1.1 or 5.0 [default: that of the stream's CONNECT, else 3.1.1]
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<Version>,

    /// Also check that this side may send what there is; of a capture, show only what it sent.
    #[arg(long, value_name = "SIDE")]
    from: Option<Side>,

    /// Encode each packet again and compare the bytes.
    #[arg(long)]
    pub(crate) reencode: bool,

    /// Print one JSON object for each packet, bad and unfinished ones included.
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw the packets of a capture as arrows between columns for servers and clients.
    #[arg(long, requires = "pcap", conflicts_with_all = ["hex", "json", "from", "reencode"])]
    pub(crate) ladder: bool,

    /// Draw the same into an SVG file.
    #[arg(long, value_name = "FILE")]
    #[arg(requires = "pcap", conflicts_with_all = ["hex", "json", "from", "reencode"])]
    pub(crate) svg: Option<PathBuf>,
}

impl Arguments {
    /// Whether there is something to be drawn.
    pub(crate) fn draws(&self) -> bool {
        self.ladder || self.svg.is_some()
    }

    pub(crate) fn from(&self) -> Option<Sender> {
        self.from.map(|side| match side {
            Side::Client => Sender::Client,
            Side::Server => Sender::Server,
        })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    Client,
    Server,
}
