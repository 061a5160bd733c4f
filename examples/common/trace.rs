//! What `-d` shows: a line for each packet, worded as by mosquitto_pub and mosquitto_sub.

use std::io::{self, Write};

use mqtt_sansio::{
    FrameReader, MAXIMUM_PACKET_SIZE, Packet, Publish, Sender, Subscription, Version,
};

/// Shows the packets of one client.
pub(crate) struct Trace {
    client_id: String,
    version: Version,
    quiet: bool,
    sending: FrameReader,
    /// How many messages of QoS 0 were sent.
    at_qos_0: u16,
}

impl Trace {
    pub(crate) fn new(client_id: &str, version: Version, quiet: bool) -> Trace {
        let sending = FrameReader::new(MAXIMUM_PACKET_SIZE);
        Trace { client_id: client_id.to_owned(), version, quiet, sending, at_qos_0: 0 }
    }

    /// The next bytes that are sent.
    pub(crate) fn sending(&mut self, mut bytes: &[u8]) {
        let mut sending = std::mem::replace(&mut self.sending, FrameReader::new(0));
        while let Ok(Some(frame)) = sending.next(&mut bytes) {
            if let Ok(packet) = Packet::decode(frame, self.version) {
                self.details(&packet, Sender::Client)
                    .iter()
                    .for_each(|details| self.line("sending", &packet, details));
            }
        }
        self.sending = sending;
    }

    /// A packet that was received.
    pub(crate) fn received(&mut self, packet: &Packet<'_>) {
        self.details(packet, Sender::Server)
            .iter()
            .for_each(|details| self.line("received", packet, details));
        if let (Packet::SubAck(suback), false) = (packet, self.quiet) {
            let codes = suback.reason_codes.iter().map(|code| u8::from(code).to_string());
            let codes = codes.collect::<Vec<_>>().join(", ");
            print(&format!("Subscribed (mid: {}): {codes}", suback.packet_id));
        }
    }

    /// What stands behind the packet's name, once for each line.
    fn details(&mut self, packet: &Packet<'_>, sender: Sender) -> Vec<String> {
        use Packet::{ConnAck, PubAck, PubComp, PubRec, PubRel, Publish, Subscribe, Unsubscribe};
        let sending = sender == Sender::Client;
        let details = match packet {
            ConnAck(connack) => {
                format!(" ({})", connack.reason_code.connack_code(self.version).unwrap_or(0))
            }
            Publish(publish) => format!(
                " (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
                u8::from(publish.delivery.dup()),
                publish.delivery.qos(),
                u8::from(publish.retain),
                self.shown_id(publish, sending),
                publish.topic,
                publish.payload.len(),
            ),
            PubAck(ack) | PubRec(ack) if sending => {
                format!(" (m{}, rc{})", ack.packet_id, u8::from(ack.reason_code))
            }
            PubRel(ack) | PubComp(ack) if sending => format!(" (m{})", ack.packet_id),
            PubAck(ack) | PubComp(ack) => {
                format!(" (Mid: {}, RC:{})", ack.packet_id, u8::from(ack.reason_code))
            }
            PubRec(ack) | PubRel(ack) => format!(" (Mid: {})", ack.packet_id),
            Subscribe(packet) => {
                let filters = packet.filters.iter();
                let shown = filters.map(|Subscription { filter, qos, .. }| {
                    let id = packet.packet_id;
                    format!(" (Mid: {id}, Topic: {filter}, QoS: {qos}, Options: 0x00)")
                });
                return shown.collect();
            }
            Unsubscribe(packet) => {
                let id = packet.packet_id;
                let filters = packet.filters.iter();
                return filters.map(|topic| format!(" (Mid: {id}, Topic: {topic})")).collect();
            }
            _ => String::new(),
        };
        vec![details]
    }

    /// The packet identifier. Those tools number messages of QoS 0 too, though nothing of it is sent.
    fn shown_id(&mut self, publish: &Publish<'_>, sending: bool) -> u16 {
        match publish.delivery.packet_id() {
            Some(id) => id.get(),
            None if sending => {
                self.at_qos_0 = self.at_qos_0.checked_add(1).unwrap_or(1);
                self.at_qos_0
            }
            None => 0,
        }
    }

    fn line(&self, what: &str, packet: &Packet<'_>, details: &str) {
        print(&format!("Client {} {what} {}{details}", self.client_id, packet.packet_type()));
    }
}

/// Where nobody reads standard output any more, the program goes on without.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
