//! A client between an application, a server and a clock that all do as the input says.

use std::collections::BTreeSet;

use mqtt_sansio::{
    Ack, Client, ClientConfig, ClientEvent, ClientOutput, ClientSession, ConnAck, Connect,
    Delivery, Handle, Instant, Message, Packet, PacketId, Publish, QoS, ReasonCode, SubAck,
    Subscription, Token, TopicName, UnsubAck, Version,
};

use super::source::Source;

/// What is checked: every handle is completed once, `Disconnected` ends every connection once, what is
/// polled ends, and the client's own invariants.
pub fn client(data: &[u8]) {
    let mut run = Run::new(Source::new(data));
    // A short word first brings most inputs past CONNACK.
    run.connect();
    run.drain();
    run.receive(&ConnAck::accepted(false).into());
    while !run.source.is_empty() {
        run.step();
        run.client.check_invariants();
        run.drain();
        run.client.check_invariants();
    }
    run.end();
}

struct Run<'a> {
    source: Source<'a>,
    client: Client,
    config: ClientConfig,
    now: u64,
    /// Whether there is a connection that `Disconnected` has not been told of.
    connected: bool,
    open: BTreeSet<Handle>,
    tokens: Vec<Token>,
}

impl<'a> Run<'a> {
    fn new(mut source: Source<'a>) -> Run<'a> {
        let mut config = ClientConfig::default();
        let choice = source.byte();
        config.manual_acknowledgement = choice & 1 != 0;
        config.send_before_connack = choice & 2 != 0;
        config.max_inflight_messages = u16::from(choice >> 2 & 7);
        config.max_queued_messages = usize::from(choice >> 5) * 4;
        config.max_pending_requests = 3;
        config.maximum_packet_size = 256;
        let client = Client::new(config.clone());
        let (open, tokens) = (BTreeSet::new(), Vec::new());
        Run { source, client, config, now: 0, connected: false, open, tokens }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn step(&mut self) {
        match self.source.byte() % 16 {
            0 => self.connect(),
            1..=3 => self.publish(),
            4 => self.subscribe(),
            5 => self.unsubscribe(),
            6 => self.acknowledge(),
            7 => self.client.disconnect(self.now()),
            8 => self.closed(),
            9 => self.pass(),
            10 => self.client.handle_timeout(self.now()),
            11 => self.restart(),
            12 => {
                let bytes = self.source.bytes();
                self.client.handle_input(self.now(), bytes);
            }
            _ => self.answer(),
        }
    }

    fn connect(&mut self) {
        let choice = self.source.byte();
        let connect = Connect {
            clean_start: choice & 1 != 0,
            keep_alive: u16::from(choice >> 2 & 3),
            ..Connect::new(Version::ALL[usize::from(choice >> 1 & 1)], "id")
        };
        if self.client.connect(self.now(), &connect).is_ok() {
            assert!(!self.connected, "a connection began before the last had ended");
            self.connected = true;
        }
    }

    fn publish(&mut self) {
        let topic = self.source.pick(&["t", "a/b", "é"]);
        let mut message = Message::new(topic, self.source.bytes().to_vec()).unwrap();
        message.qos = self.source.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let handle = self.client.publish(self.now(), message);
        self.opened(handle.ok());
    }

    fn subscribe(&mut self) {
        let filters = [Subscription::new(self.source.topic_filter(), QoS::AtLeastOnce); 2];
        let filters = &filters[..usize::from(self.source.byte() % 3)];
        let handle = self.client.subscribe(self.now(), filters);
        self.opened(handle.ok());
    }

    fn unsubscribe(&mut self) {
        let filter = self.source.topic_filter();
        let handle = self.client.unsubscribe(self.now(), &[filter]);
        self.opened(handle.ok());
    }

    fn opened(&mut self, handle: Option<Handle>) {
        if let Some(handle) = handle {
            assert!(self.open.insert(handle), "{handle:?} was given twice");
        }
    }

    fn acknowledge(&mut self) {
        if !self.tokens.is_empty() {
            let token =
                self.tokens.swap_remove(usize::from(self.source.byte()) % self.tokens.len());
            self.client.acknowledge(self.now(), token);
        }
    }

    /// The transport is gone, whatever was going on.
    fn closed(&mut self) {
        self.client.handle_closed(self.now());
        self.drain();
        assert!(!self.connected, "a connection ended and nothing told it");
    }

    fn pass(&mut self) {
        let step = u64::from(self.source.byte()) * 20;
        // Time that seems to run backwards is no more than another input.
        self.now = if step == 0 { self.now.saturating_sub(500) } else { self.now + step };
    }

    /// The process stops, and another goes on with its session.
    fn restart(&mut self) {
        let session: ClientSession = self.client.session();
        let resumed = Client::resume(self.config.clone(), session.clone());
        assert_eq!(resumed.session(), session);
        self.client = resumed;
        self.connected = false;
    }

    /// A packet that a server might send now, or not.
    fn answer(&mut self) {
        let id = PacketId::new(u16::from(self.source.byte() % 6 + 1)).unwrap();
        let dup = self.source.yes();
        let topic = TopicName::new("t").unwrap();
        let publish = |delivery| Publish { delivery, ..Publish::new(topic, b"x") }.into();
        let packet: Packet<'_> = match self.source.byte() % 12 {
            0 => ConnAck::accepted(dup).into(),
            1 => publish(Delivery::AtMostOnce),
            2 => publish(Delivery::AtLeastOnce { dup, packet_id: id }),
            3 => publish(Delivery::ExactlyOnce { dup, packet_id: id }),
            4 => Packet::PubAck(Ack::new(id)),
            5 => Packet::PubRec(Ack::new(id)),
            6 => Packet::PubRel(Ack::new(id)),
            7 => Packet::PubComp(Ack::new(id)),
            8 => SubAck::new(id, &[ReasonCode::GrantedQoS1]).into(),
            9 => UnsubAck::new(id, &[]).into(),
            10 => Packet::PingResp,
            _ => ConnAck::refused(ReasonCode::NotAuthorized).into(),
        };
        self.receive(&packet);
    }

    fn receive(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        if packet.encode_to(Version::V3_1_1, &mut bytes).is_ok() {
            self.client.handle_input(self.now(), &bytes);
        }
    }

    /// Polls to the end, as a driver does, but for what its transport does not take.
    fn drain(&mut self) {
        let mut segments = Vec::new();
        for _ in 0..10_000 {
            match self.client.poll_output() {
                ClientOutput::Transmit => {
                    let max = if self.source.byte() & 7 == 7 { 8 } else { usize::MAX };
                    let now = self.now();
                    self.client.poll_transmit(now, &mut segments, max);
                }
                ClientOutput::Event(event) => self.event(event),
                ClientOutput::Close => assert!(!self.connected, "closed without a reason told"),
                ClientOutput::Wait(_) => return,
            }
        }
        panic!("the client always has something more to do");
    }

    fn event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Published { handle, .. }
            | ClientEvent::Subscribed { handle, .. }
            | ClientEvent::Unsubscribed { handle, .. } => {
                assert!(self.open.remove(&handle), "{handle:?} was completed and not open");
            }
            ClientEvent::Message { token: Some(token), .. } => self.tokens.push(token),
            ClientEvent::Disconnected { reason, .. } => {
                assert!(self.connected, "no connection ended: {reason:?}");
                self.connected = false;
            }
            _ => {}
        }
    }

    /// With a server that does all it should, everything handed over is completed.
    fn end(&mut self) {
        self.closed();
        let connect = Connect::new(Version::V3_1_1, "id");
        assert_eq!(self.client.connect(self.now(), &connect), Ok(()));
        self.connected = true;
        self.receive(&ConnAck::accepted(false).into());
        let mut segments = Vec::new();
        for _ in 0..10_000 {
            match self.client.poll_output() {
                ClientOutput::Transmit => {
                    self.client.poll_transmit(self.now(), &mut segments, usize::MAX);
                    let sent: Vec<u8> = segments.drain(..).flatten().collect();
                    self.serve(&sent);
                }
                ClientOutput::Event(event) => self.event(event),
                ClientOutput::Close | ClientOutput::Wait(_) => break,
            }
        }
        assert!(self.open.is_empty(), "never completed: {:?}", self.open);
    }

    fn serve(&mut self, mut sent: &[u8]) {
        while let Some((frame, rest)) = mqtt_sansio::Frame::parse(sent, u32::MAX).unwrap() {
            sent = rest;
            let packet = Packet::decode(frame, Version::V3_1_1).unwrap();
            let codes = [ReasonCode::Success; 2];
            let answer: Packet<'_> = match packet {
                Packet::Publish(publish) => match publish.delivery {
                    Delivery::AtMostOnce => continue,
                    Delivery::AtLeastOnce { packet_id, .. } => Packet::PubAck(Ack::new(packet_id)),
                    Delivery::ExactlyOnce { packet_id, .. } => Packet::PubRec(Ack::new(packet_id)),
                },
                Packet::PubRel(ack) => Packet::PubComp(Ack::new(ack.packet_id)),
                Packet::Subscribe(subscribe) => {
                    let codes = &codes[..subscribe.filters.len()];
                    SubAck::new(subscribe.packet_id, codes).into()
                }
                Packet::Unsubscribe(unsubscribe) => {
                    UnsubAck::new(unsubscribe.packet_id, &[]).into()
                }
                _ => continue,
            };
            let mut bytes = Vec::new();
            answer.encode_to(Version::V3_1_1, &mut bytes).unwrap();
            self.client.handle_input(self.now(), &bytes);
        }
    }
}
