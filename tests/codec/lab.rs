//! The frames of the lab captures: what the captures print of them, as packets, and back to the bytes.

use std::collections::BTreeSet;
use std::fs;

use mqtt_sansio::{
    Ack, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, Publish, QoS, ReasonCode,
    Sender, SubAck, Subscribe, Subscription, TopicFilter, TopicName, Version, Will,
};

use crate::support::{encode, frame, hex, read, testdata, unhex};

/// A frame of a capture, with what its comment's first line says.
pub(crate) struct LabFrame {
    pub(crate) number: String,
    pub(crate) sender: Sender,
    pub(crate) packet_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl LabFrame {
    fn parse(comment: &str, line: &str) -> LabFrame {
        let fields: Vec<&str> = comment.split(" | ").collect();
        let [number, _time, sender, packet_type] = fields[..] else {
            panic!("not `# frame N | time | sender | PACKET`: {comment}")
        };
        let sender = match sender {
            "client" => Sender::Client,
            "server" => Sender::Server,
            _ => panic!("neither client nor server: {comment}"),
        };
        let number = number.strip_prefix("# frame ").unwrap_or_else(|| panic!("{comment}"));
        assert_eq!(line, hex(&unhex(line)), "lower-case hex and nothing else");
        LabFrame {
            number: number.to_owned(),
            sender,
            packet_type: packet_type.to_owned(),
            bytes: unhex(line),
        }
    }

    pub(crate) fn decode(&self, version: Version) -> Packet<'_> {
        Packet::decode_from(self.sender, frame(&self.bytes), version)
            .unwrap_or_else(|error| panic!("frame {}, {}: {error}", self.number, hex(&self.bytes)))
    }
}

/// The frames of a file, one for each block after the first.
fn frames(file: &str) -> Vec<LabFrame> {
    let text = read(&format!("lab/{file}"));
    let blocks = text.split("\n\n").skip(1);
    blocks
        .map(|block| {
            let (comments, hex): (Vec<&str>, Vec<&str>) =
                block.lines().partition(|line| line.starts_with('#'));
            assert_eq!(hex.len(), 1, "{file}: one line of hex in {block}");
            LabFrame::parse(comments[0], hex[0])
        })
        .collect()
}

/// All frames of all files, with the version they are of.
pub(crate) fn all() -> Vec<(Version, LabFrame)> {
    FILES
        .iter()
        .flat_map(|(file, version, _)| frames(file).into_iter().map(|frame| (*version, frame)))
        .collect()
}

/// The frames of a file, compared one by one with what they should be.
struct Capture {
    file: &'static str,
    version: Version,
    frames: std::vec::IntoIter<LabFrame>,
}

impl Capture {
    #[track_caller]
    fn is(&mut self, number: &str, sender: Sender, packet: impl Into<Packet<'static>>) {
        let packet = packet.into();
        let frame = self.frames.next().unwrap_or_else(|| panic!("{}: no {packet}", self.file));
        let (file, bytes) = (self.file, hex(&frame.bytes));
        assert_eq!((&*frame.number, frame.sender), (number, sender), "{file}: {bytes}: {packet}");
        let decoded = frame.decode(self.version);
        assert_eq!(decoded, packet, "{file}, frame {number}: {bytes}: {decoded}");
        assert_eq!(frame.packet_type, packet.packet_type().name(), "{file}, frame {number}");
        assert_eq!(hex(&encode(&packet, self.version)), bytes, "{file}, frame {number}: {packet}");
        assert_eq!(hex(&encode(&decoded, self.version)), bytes, "{file}, frame {number}: {packet}");
    }

    #[track_caller]
    fn client(&mut self, number: &str, packet: impl Into<Packet<'static>>) {
        self.is(number, Sender::Client, packet);
    }

    #[track_caller]
    fn server(&mut self, number: &str, packet: impl Into<Packet<'static>>) {
        self.is(number, Sender::Server, packet);
    }

    #[track_caller]
    fn pings(&mut self, pairs: &[(&str, &str)]) {
        for (request, response) in pairs {
            self.client(request, Packet::PingReq);
            self.server(response, Packet::PingResp);
        }
    }
}

const ACCEPTED: ConnAck<'_> = ConnAck::accepted(false);

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

fn topic(name: &'static str) -> TopicName<'static> {
    TopicName::new(name).unwrap()
}

fn connect(client_id: &'static str) -> Connect<'static> {
    Connect { keep_alive: 5, ..Connect::new(Version::V3_1_1, client_id) }
}

fn publish(delivery: Delivery, name: &'static str, payload: &'static str) -> Publish<'static> {
    Publish { delivery, ..Publish::new(topic(name), payload.as_bytes()) }
}

fn qos0(name: &'static str, payload: &'static str) -> Publish<'static> {
    publish(Delivery::AtMostOnce, name, payload)
}

fn qos1(packet_id: u16, name: &'static str, payload: &'static str) -> Publish<'static> {
    publish(Delivery::AtLeastOnce { dup: false, packet_id: id(packet_id) }, name, payload)
}

fn qos2(packet_id: u16, name: &'static str, payload: &'static str) -> Publish<'static> {
    publish(Delivery::ExactlyOnce { dup: false, packet_id: id(packet_id) }, name, payload)
}

/// A SUBSCRIBE of one filter. It leaks its list, so that the tables need not keep it.
fn subscribe(packet_id: u16, filter: &'static str, qos: QoS) -> Subscribe<'static> {
    let subscription = Subscription::new(TopicFilter::new(filter).unwrap(), qos);
    Subscribe::new(id(packet_id), Box::leak(Box::new([subscription])))
}

fn suback(packet_id: u16, code: &'static [ReasonCode]) -> SubAck<'static> {
    SubAck::new(id(packet_id), code)
}

fn puback(packet_id: u16) -> Packet<'static> {
    Packet::PubAck(Ack::new(id(packet_id)))
}

fn pubrec(packet_id: u16) -> Packet<'static> {
    Packet::PubRec(Ack::new(id(packet_id)))
}

fn pubrel(packet_id: u16) -> Packet<'static> {
    Packet::PubRel(Ack::new(id(packet_id)))
}

fn pubcomp(packet_id: u16) -> Packet<'static> {
    Packet::PubComp(Ack::new(id(packet_id)))
}

type Table = fn(&mut Capture);

/// Every file, its version, and what its frames are.
const FILES: [(&str, Version, Table); 19] = [
    ("000-qos0-publisher.hex", Version::V3_1, publisher_at_qos_0_in_31),
    ("000-qos1-publisher.hex", Version::V3_1, publisher_at_qos_1_in_31),
    ("000-qos2-publisher.hex", Version::V3_1, publisher_at_qos_2_in_31),
    ("000-subscriber.hex", Version::V3_1, subscriber_in_31),
    ("000-two-publishers.hex", Version::V3_1, two_publishers),
    ("000-two-subscribers.hex", Version::V3_1, two_subscribers),
    ("000-will.hex", Version::V3_1, will_in_31),
    ("001-connect-storm.hex", Version::V3_1_1, connect_storm),
    ("001-keep-alive-publisher.hex", Version::V3_1_1, keep_alive_publisher),
    ("002-qos0-publisher.hex", Version::V3_1_1, publisher_at_qos_0),
    ("002-qos0-subscriber.hex", Version::V3_1_1, subscriber_at_qos_0),
    ("002-qos1-publisher.hex", Version::V3_1_1, publisher_at_qos_1),
    ("002-qos1-subscriber.hex", Version::V3_1_1, subscriber_at_qos_1),
    ("002-qos2-publisher.hex", Version::V3_1_1, publisher_at_qos_2),
    ("002-qos2-subscriber.hex", Version::V3_1_1, subscriber_at_qos_2),
    ("004-qos0.hex", Version::V3_1_1, delivery_of_qos_0),
    ("004-qos1.hex", Version::V3_1_1, delivery_of_qos_1),
    ("004-qos2.hex", Version::V3_1_1, delivery_of_qos_2),
    ("004-will-connect.hex", Version::V3_1_1, will_at_qos_1),
];

fn subscriber_in_31(capture: &mut Capture) {
    capture.server("-", ACCEPTED);
    capture.client("-", subscribe(1, "appiot/temp", QoS::AtMostOnce));
    capture.server("-", suback(1, &[ReasonCode::GRANTED_QOS_0]));
}

fn publisher_at_qos_0_in_31(capture: &mut Capture) {
    capture.server("-", ACCEPTED);
    capture.client("-", qos0("appiot/temp", "20"));
}

fn publisher_at_qos_1_in_31(capture: &mut Capture) {
    capture.server("-", ACCEPTED);
    capture.client("-", qos1(1, "appiot/temp", "20"));
    capture.server("-", puback(1));
}

fn publisher_at_qos_2_in_31(capture: &mut Capture) {
    capture.server("-", ACCEPTED);
    capture.client("-", qos2(1, "appiot/temp", "20"));
    capture.server("-", pubrec(1));
}

fn two_subscribers(capture: &mut Capture) {
    let retained = Publish { retain: true, ..qos0("appiot/temp", "20") };
    capture.server("15", ACCEPTED);
    capture.client("-", subscribe(1, "appiot/temp", QoS::AtMostOnce));
    capture.server("-", suback(1, &[ReasonCode::GRANTED_QOS_0]));
    capture.server("22", retained);
    capture.server("36", ACCEPTED);
    capture.client("40", subscribe(1, "appiot/temp", QoS::AtMostOnce));
    capture.server("41", suback(1, &[ReasonCode::GRANTED_QOS_0]));
    capture.server("43", retained);
}

fn will_in_31(capture: &mut Capture) {
    let connect = Connect {
        keep_alive: 60,
        will: Some(Will::new(topic("appiot/temp"), b"Disconnected")),
        ..Connect::new(Version::V3_1, "7IIJ1fYZu5LB9lQyVGdp96")
    };
    capture.client("-", connect);
    capture.server("-", qos0("appiot/temp", "Disconnected"));
}

fn two_publishers(capture: &mut Capture) {
    capture.pings(&[("235", "236")]);
    capture.client("-", qos0("appiot/livingroom", "15"));
}

/// Each connection is taken over by the next; two are published on before their CONNACK.
fn connect_storm(capture: &mut Capture) {
    let connections = [
        ("724", None, "726"),
        ("735", None, "737"),
        ("740", None, "752"),
        ("761", Some("763"), "764"),
        ("795", None, "803"),
        ("821", None, "825"),
        ("847", Some("849"), "850"),
        ("864", None, "868"),
        ("877", None, "879"),
        ("894", None, "896"),
        ("895", None, "907"),
        ("918", None, "920"),
    ];
    for (connecting, publishing, connack) in connections {
        capture.client(connecting, connect("PythonPub"));
        if let Some(number) = publishing {
            capture.client(number, qos0("JACK1234", "Hi"));
        }
        capture.server(connack, ACCEPTED);
    }
}

fn keep_alive_publisher(capture: &mut Capture) {
    capture.server("839", Packet::PingResp);
    capture.client("843", Disconnect::NORMAL);
    capture.client("885", connect("PythonPub"));
    capture.server("887", ACCEPTED);
    capture.pings(&[
        ("950", "952"),
        ("1010", "1025"),
        ("1047", "1049"),
        ("1050", "1062"),
        ("1092", "1096"),
        ("1117", "1237"),
        ("1318", "1320"),
    ]);
}

fn publisher_at_qos_0(capture: &mut Capture) {
    for (connecting, connack) in [("231", "233"), ("255", "258")] {
        capture.client(connecting, connect("PythonPub"));
        capture.server(connack, ACCEPTED);
    }
    capture.client("264", qos0("internet", "IOT"));
}

fn subscriber_at_qos_0(capture: &mut Capture) {
    capture.client("179", connect("PythonSub"));
    capture.server("181", ACCEPTED);
    capture.client("182", subscribe(1, "internet", QoS::AtMostOnce));
    capture.server("183", suback(1, &[ReasonCode::GRANTED_QOS_0]));
    capture.server("228", qos0("internet", "IOT"));
    capture.pings(&[("231", "232")]);
}

fn publisher_at_qos_1(capture: &mut Capture) {
    capture.pings(&[("30", "32")]);
    capture.client("37", qos1(7, "network", "hello"));
    capture.server("39", puback(7));
    capture.pings(&[("44", "45")]);
}

fn subscriber_at_qos_1(capture: &mut Capture) {
    capture.client("135", connect("PythonSub"));
    capture.server("149", ACCEPTED);
    capture.client("150", subscribe(1, "network", QoS::AtLeastOnce));
    capture.server("152", suback(1, &[ReasonCode::GrantedQoS1]));
    capture.pings(&[("154", "155"), ("180", "181")]);
    capture.server("183", qos1(1, "network", "hello"));
    capture.client("184", puback(1));
}

fn publisher_at_qos_2(capture: &mut Capture) {
    capture.client("746", connect("PythonPub"));
    capture.server("748", ACCEPTED);
    capture.pings(&[("1037", "1038"), ("1085", "1086")]);
    capture.client("1088", qos2(1, "network", "Good"));
    capture.server("1089", pubrec(1));
    capture.client("1090", pubrel(1));
    capture.server("1093", pubcomp(1));
    capture.pings(&[("1463", "1464"), ("2004", "2009")]);
}

fn subscriber_at_qos_2(capture: &mut Capture) {
    capture.client("64", connect("PythonSub"));
    capture.server("66", ACCEPTED);
    capture.client("67", subscribe(1, "network", QoS::ExactlyOnce));
    capture.server("69", suback(1, &[ReasonCode::GrantedQoS2]));
    capture.pings(&[("79", "80"), ("84", "87"), ("112", "113"), ("117", "119")]);
    capture.server("123", qos2(1, "network", "Good"));
    capture.client("124", pubrec(1));
    capture.server("126", pubrel(1));
    capture.client("127", pubcomp(1));
    capture.pings(&[("145", "149")]);
}

fn will_at_qos_1(capture: &mut Capture) {
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        ..Will::new(topic("/ufscar/mqtt_activity"), b"Publisher disconnected")
    };
    let connect = Connect {
        keep_alive: 60,
        will: Some(will),
        ..Connect::new(Version::V3_1_1, "paho/E0C91AD62A43018FE0")
    };
    capture.client("1106", connect);
}

fn delivery_of_qos_0(capture: &mut Capture) {
    capture.client("1142", qos0("/ufscar/mqtt_activity", "First Message"));
    capture.server("1145", qos0("/ufscar/mqtt_activity", "First Message"));
}

fn delivery_of_qos_1(capture: &mut Capture) {
    capture.client("6844", qos1(2, "/ufscar/mqtt_activity", "Second Message"));
    capture.server("6846", puback(2));
    capture.server("6847", qos0("/ufscar/mqtt_activity", "Second Message"));
}

fn delivery_of_qos_2(capture: &mut Capture) {
    capture.client("94", qos2(3, "/ufscar/mqtt_activity", "Third Message"));
    capture.server("103", pubrec(3));
    capture.client("105", pubrel(3));
    capture.server("113", pubcomp(3));
    capture.server("115", qos0("/ufscar/mqtt_activity", "Third Message"));
}

#[test]
fn every_frame_decodes_to_what_the_capture_prints_and_encodes_back() {
    for (file, version, table) in FILES {
        let mut capture = Capture { file, version, frames: frames(file).into_iter() };
        table(&mut capture);
        let left: Vec<String> = capture.frames.map(|frame| frame.number).collect();
        assert_eq!(left, [""; 0], "{file}: frames that the table leaves out");
    }
}

#[test]
fn every_file_has_a_table_and_a_line_in_the_readme() {
    let names = fs::read_dir(testdata("lab")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = names.filter(|name| name.ends_with(".hex")).collect();
    assert_eq!(found, FILES.map(|(file, ..)| file.to_owned()).into());
    let readme = read("lab/README.md");
    for (file, version, _) in FILES {
        let row = format!("| `{file}` | {} | {version} | ", &file[..3]);
        let row = readme.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("README.md: no row for {file}, {version}"));
        let count = format!(" | {} |", frames(file).len());
        assert!(row.ends_with(&count), "{row}: not{count}");
        let text = read(&format!("lab/{file}"));
        let words: Vec<&str> = text.split([' ', '\n']).take(5).collect();
        let title = format!("# Document {}, MQTT {version}", &file[..3]);
        assert_eq!(words.join(" ").trim_end_matches('.'), title, "{file}");
    }
    assert_eq!(all().len(), 139);
}

#[test]
fn the_comment_of_each_frame_names_the_packet_that_it_decodes_to() {
    for (version, frame) in all() {
        let packet = frame.decode(version);
        assert_eq!(frame.packet_type, packet.packet_type().name(), "frame {}", frame.number);
        assert_eq!(
            Some(packet.packet_type()),
            crate::support::frame(&frame.bytes).packet_type(),
            "frame {}: {}",
            frame.number,
            hex(&frame.bytes)
        );
    }
}

#[test]
fn a_packet_prints_as_one_line() {
    let lines = [
        (
            "000-will.hex",
            0,
            "CONNECT (v3.1, c1, k60, '7IIJ1fYZu5LB9lQyVGdp96', \
                             will (q0, r0, 'appiot/temp', 12 bytes))",
        ),
        ("002-qos0-publisher.hex", 0, "CONNECT (v3.1.1, c1, k5, 'PythonPub')"),
        (
            "004-will-connect.hex",
            0,
            "CONNECT (v3.1.1, c1, k60, 'paho/E0C91AD62A43018FE0', \
                                     will (q1, r1, '/ufscar/mqtt_activity', 22 bytes))",
        ),
        ("002-qos0-publisher.hex", 1, "CONNACK (s0, Success)"),
        ("000-two-subscribers.hex", 3, "PUBLISH (d0, q0, r1, m0, 'appiot/temp', 2 bytes)"),
        ("002-qos0-publisher.hex", 4, "PUBLISH (d0, q0, r0, m0, 'internet', 3 bytes)"),
        ("002-qos1-publisher.hex", 2, "PUBLISH (d0, q1, r0, m7, 'network', 5 bytes)"),
        ("002-qos2-publisher.hex", 6, "PUBLISH (d0, q2, r0, m1, 'network', 4 bytes)"),
        ("002-qos1-publisher.hex", 3, "PUBACK (m7)"),
        ("002-qos2-publisher.hex", 7, "PUBREC (m1)"),
        ("002-qos2-publisher.hex", 8, "PUBREL (m1)"),
        ("002-qos2-publisher.hex", 9, "PUBCOMP (m1)"),
        ("002-qos0-subscriber.hex", 2, "SUBSCRIBE (m1, 'internet' q0)"),
        ("002-qos2-subscriber.hex", 3, "SUBACK (m1, q2)"),
        ("002-qos1-publisher.hex", 0, "PINGREQ"),
        ("002-qos1-publisher.hex", 1, "PINGRESP"),
        ("001-keep-alive-publisher.hex", 1, "DISCONNECT"),
    ];
    for (file, index, line) in lines {
        let (_, version, _) = FILES.iter().find(|(name, ..)| *name == file).unwrap();
        let frame = &frames(file)[index];
        assert_eq!(frame.decode(*version).to_string(), line, "{file}: {}", hex(&frame.bytes));
    }
}
