//! What a limit must not break, where random runs seldom come: exact bytes on one connection.

use mqtt_sansio::{
    Broker, BrokerConfig, BrokerEvent, BrokerOutput, ClientFault, CloseReason, ConnectionId,
    Instant, Message, Permissions, TopicFilter, Version,
};

use crate::log::{hex, words};

const NOW: Instant = Instant::from_millis(0);

/// A broker whose program sees all messages, and one client.
struct Bench {
    broker: Broker,
    connection: Option<ConnectionId>,
    messages: Vec<String>,
    ends: Vec<CloseReason>,
}

impl Bench {
    fn new(config: BrokerConfig) -> Bench {
        let mut broker = Broker::new(NOW, config);
        broker.subscribe(NOW, TopicFilter::new("#").unwrap()).unwrap();
        Bench { broker, connection: None, messages: Vec::new(), ends: Vec::new() }
    }

    fn poll(&mut self) {
        loop {
            match self.broker.poll_output() {
                BrokerOutput::Event(BrokerEvent::Connect { connection, .. }) => {
                    self.broker.accept(NOW, connection, Permissions::all());
                }
                BrokerOutput::Event(BrokerEvent::Message(message)) => {
                    let payload = String::from_utf8(message.payload.to_vec()).unwrap();
                    self.messages.push(payload);
                }
                BrokerOutput::Event(BrokerEvent::Disconnected { reason, .. }) => {
                    self.ends.push(reason);
                }
                BrokerOutput::Close(connection) => {
                    self.broker.handle_closed(NOW, connection);
                    self.connection = None;
                }
                BrokerOutput::Event(_) | BrokerOutput::Transmit(_) => {}
                BrokerOutput::Wait(_) => return,
            }
        }
    }

    fn input(&mut self, bytes: &[u8]) {
        if let Some(connection) = self.connection {
            self.broker.handle_input(NOW, connection, bytes);
            self.broker.check_invariants();
            self.poll();
        }
    }

    fn lose(&mut self) {
        self.broker.handle_closed(NOW, self.connection.take().unwrap());
        self.poll();
    }

    #[track_caller]
    fn sends(&mut self, expected: &[u8]) {
        self.pulls(65_536, expected);
    }

    #[track_caller]
    fn pulls(&mut self, max: usize, expected: &[u8]) {
        let mut out = Vec::new();
        let connection = self.connection.unwrap();
        self.broker.poll_transmit(NOW, connection, &mut out, max);
        let sent = out.concat();
        assert_eq!(hex(&sent), hex(expected), "sent{}", words(&sent, Version::V3_1_1));
    }

    /// Connects, persistently, with a will.
    #[track_caller]
    fn connect(&mut self, session_present: bool) {
        self.connection = Some(self.broker.open(NOW).unwrap());
        self.input(b"\x10\x15\0\x04MQTT\x04\x04\0\0\0\x01a\0\x01w\0\x03bye");
        self.sends(&[0x20, 2, u8::from(session_present), 0]);
    }
}

const UNTAKEN: CloseReason = CloseReason::ClientFault(ClientFault::AnswersNotTaken);

#[test]
fn a_released_message_is_not_lost_where_pubcomp_has_no_room() {
    let mut config = BrokerConfig::default();
    config.session.max_unsent_bytes = 8;
    let mut bench = Bench::new(config);
    bench.connect(false);
    bench.input(b"\x34\x06\0\x01t\0\x01m");
    bench.sends(b"\x50\x02\0\x01");
    bench.input(&[0xC0, 0].repeat(4));
    bench.input(b"\x62\x02\0\x01\xC0\0");
    assert_eq!(bench.ends, [UNTAKEN]);
    // PUBREL comes again, and PUBCOMP says that the message was taken over. [MQTT-4.3.3-2]
    bench.connect(true);
    bench.input(b"\x62\x02\0\x01");
    bench.sends(b"\x70\x02\0\x01");
    let payloads: Vec<_> = bench.messages.iter().filter(|payload| *payload != "bye").collect();
    assert_eq!(payloads, ["m"], "of {:?}", bench.messages);
}

#[test]
fn disconnect_drops_the_will_also_where_too_many_answers_wait() {
    let mut config = BrokerConfig::default();
    config.session.max_unsent_bytes = 4;
    let mut bench = Bench::new(config);
    bench.connect(false);
    // SUBACK takes five bytes.
    bench.input(b"\x82\x06\0\x01\0\x01t\0\xE0\0");
    assert_eq!(bench.messages, [""; 0], "after {:?} [MQTT-3.14.4-3]", bench.ends);
}

#[test]
fn unreleased_messages_do_not_pile_up_over_their_limit() {
    let mut config = BrokerConfig::default();
    config.session.max_unreleased_messages = 1;
    let mut bench = Bench::new(config);
    for id in 1..=10 {
        bench.connect(id > 1);
        bench.input(&[0x34, 6, 0, 1, b't', 0, id, b'm']);
        bench.input(b"\xE0\0");
    }
    bench.messages.clear();
    bench.connect(true);
    for id in 1..=10 {
        bench.input(&[0x62, 2, 0, id]);
    }
    assert_eq!(bench.messages, ["m"], "so many were kept");
}

#[test]
fn a_topic_retained_all_the_time_is_not_passed_over_where_its_update_was_dropped() {
    let mut bench = Bench::new(BrokerConfig::default());
    let mut retained = Message::new("t", "old").unwrap();
    retained.retain = true;
    bench.broker.publish(NOW, retained).unwrap();
    bench.connect(false);
    bench.input(b"\x82\x06\0\x01\0\x01t\x01");
    bench.pulls(1, b"\x90\x03\0\x01\x01");
    bench.lose();
    // The client is away: an update at QoS 0 is not kept for it.
    let mut update = Message::new("t", "new").unwrap();
    update.retain = true;
    bench.broker.publish(NOW, update).unwrap();
    // Something must be sent for the subscription. [MQTT-3.3.1-6]
    bench.connection = Some(bench.broker.open(NOW).unwrap());
    bench.input(b"\x10\x0d\0\x04MQTT\x04\0\0\0\0\x01a");
    bench.sends(b"\x20\x02\x01\0\x31\x06\0\x01tnew");
}

#[test]
fn too_much_after_connect_is_told_alike_in_one_piece_and_in_two() {
    let mut config = BrokerConfig::default();
    config.session.handshake.max_early_bytes = 1;
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a\xC0\0";
    let told = [15, 17].map(|first| {
        let mut broker = Broker::new(NOW, config.clone());
        let connection = broker.open(NOW).unwrap();
        let (one, two) = connect.split_at(first);
        broker.handle_input(NOW, connection, one);
        broker.handle_input(NOW, connection, two);
        let mut told = Vec::new();
        while let BrokerOutput::Event(event) = broker.poll_output() {
            told.push(event);
        }
        told
    });
    assert_eq!(told[0], told[1], "in two pieces, and in one");
}
