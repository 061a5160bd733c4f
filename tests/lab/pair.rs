//! A small exchange.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mqtt_sansio::Sender::{self, Client, Server};

use crate::exchange::{Connection, Exchange};

pub(crate) const CONNECT: &[u8] = b"\x10\x15\0\x04MQTT\x04\x02\0\x05\0\x09PythonPub";
pub(crate) const CONNACK: &[u8] = b"\x20\x02\0\0";
pub(crate) const PUBLISH: &[u8] = b"\x32\x10\0\x07network\0\x07hello";
pub(crate) const PUBACK: &[u8] = b"\x40\x02\0\x07";

/// A client, a server and a connection between them.
pub(crate) struct Pair {
    pub(crate) exchange: Exchange,
    pub(crate) at: Duration,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        let mut exchange = Exchange::default();
        let address = |host| IpAddr::V4(Ipv4Addr::new(192, 0, 2, host));
        let client = exchange.party("client", Client, address(10));
        let server = exchange.party("server", Server, address(1));
        exchange.connection(Connection { client, client_port: 50_000, server, server_port: 1883 });
        Pair { exchange, at: Duration::ZERO }
    }

    /// A second later these bytes are sent and arrive.
    pub(crate) fn send(&mut self, sender: Sender, bytes: &[u8]) {
        self.at += Duration::from_secs(1);
        let record = self.exchange.bytes(self.at, 0, sender, bytes);
        self.exchange.received(self.at + Duration::from_millis(20), record);
    }
}
