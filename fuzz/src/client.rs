//! A client between an application, a server and a clock that all do as the input says.

use std::collections::BTreeSet;

use mqtt_sansio::{
    Ack, Answer, Auth, Client, ClientConfig, ClientEvent, ClientOutput, ClientSession, ConnAck,
    Connect, Delivery, Disconnect, Handle, Instant, Message, MessageProperties, Packet, PacketId,
    Properties, Property, Publish, QoS, ReasonCode, SubAck, Subscription, SubscriptionIdentifier,
    Token, TopicAlias, TopicName, UnsubAck, UserProperty, Version,
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

const REASON: Property<'_> = Property::ReasonString("r");

struct Run<'a> {
    source: Source<'a>,
    client: Client,
    config: ClientConfig,
    now: u64,
    /// Of the last connection.
    version: Version,
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
        let version = Version::V3_1_1;
        Run { source, client, config, now: 0, version, connected: false, open, tokens }
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
            7 if self.version == Version::V5_0 => self.rare(),
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
        let v5 = choice >> 4 & 1 != 0;
        let version = if v5 { Version::V5_0 } else { Version::ALL[usize::from(choice >> 1 & 1)] };
        let properties = if v5 { self.connect_properties() } else { Vec::new() };
        let connect = Connect {
            clean_start: choice & 1 != 0,
            keep_alive: u16::from(choice >> 2 & 3),
            properties: Properties::new(&properties),
            ..Connect::new(version, "id")
        };
        if self.client.connect(self.now(), &connect).is_ok() {
            assert!(!self.connected, "a connection began before the last had ended");
            self.connected = true;
            self.version = version;
        }
    }

    fn connect_properties(&mut self) -> Vec<Property<'a>> {
        let choice = self.source.byte();
        let mut properties = vec![
            Property::SessionExpiryInterval(u32::from(choice & 1)),
            Property::RequestProblemInformation(choice & 2 == 0),
            Property::TopicAliasMaximum(u16::from(choice >> 2 & 3)),
        ];
        if choice & 16 != 0 {
            properties
                .push(Property::ReceiveMaximum(const { core::num::NonZeroU16::new(2).unwrap() }));
        }
        if choice & 32 != 0 {
            properties.push(Property::AuthenticationMethod("M"));
        }
        properties
    }

    /// What only 5.0 has.
    fn rare(&mut self) {
        let now = self.now();
        let data = [Property::AuthenticationData(self.source.bytes())];
        // Whether it is taken is the client's business.
        let _ = match self.source.byte() % 4 {
            0 => self.client.authenticate(now, &data),
            1 => self.client.reauthenticate(now, &data),
            2 => {
                let expiry = [Property::SessionExpiryInterval(u32::from(self.source.byte() & 1))];
                let properties = Properties::new(&expiry);
                let reason_code = ReasonCode::DisconnectWithWillMessage;
                self.client.disconnect_with(now, &Disconnect { reason_code, properties })
            }
            _ => {
                self.client.disconnect(now);
                Ok(())
            }
        };
    }

    fn publish(&mut self) {
        let topic = self.source.pick(&["t", "a/b", "é"]);
        let mut message = Message::new(topic, self.source.bytes().to_vec()).unwrap();
        message.qos = self.source.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        if self.version == Version::V5_0 {
            let choice = self.source.byte();
            message.retain = choice & 1 != 0;
            let expiry = [Property::MessageExpiryInterval(u32::from(choice >> 1 & 3))];
            if choice & 8 != 0 {
                message.properties = MessageProperties::new(&expiry).unwrap();
            }
        }
        let handle = self.client.publish(self.now(), message);
        self.opened(handle.ok());
    }

    fn subscribe(&mut self) {
        let filters = [Subscription::new(self.source.topic_filter(), QoS::AtLeastOnce); 2];
        let filters = &filters[..usize::from(self.source.byte() % 3)];
        let identifier =
            [Property::SubscriptionIdentifier(SubscriptionIdentifier::new(1).unwrap())];
        let identifier = &identifier[..usize::from(self.version == Version::V5_0)];
        let handle = self.client.subscribe_with(self.now(), filters, identifier);
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
            if self.version == Version::V5_0 && self.source.yes() {
                let answer = Answer::new(ReasonCode::QuotaExceeded, &[REASON]).unwrap();
                return self.client.acknowledge_with(self.now(), token, answer);
            }
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

    /// A packet that a server of 5.0 might send now, or not.
    fn answer_v5(&mut self) {
        let packet_id = PacketId::new(u16::from(self.source.byte() % 6 + 1)).unwrap();
        let choice = self.source.byte();
        let code = self.source.pick(&[
            ReasonCode::Success,
            ReasonCode::NoMatchingSubscribers,
            ReasonCode::QuotaExceeded,
            ReasonCode::PacketIdentifierNotFound,
            ReasonCode::ContinueAuthentication,
        ]);
        let topic =
            if choice & 1 != 0 { TopicName::BY_ALIAS } else { TopicName::new("t").unwrap() };
        let mut list = vec![REASON];
        let alias = TopicAlias::new(u16::from(choice >> 1 & 3));
        let mut published: Vec<_> = alias.map(Property::TopicAlias).into_iter().collect();
        published.push(Property::UserProperty(UserProperty { name: "n", value: "v" }));
        let mut allowed = vec![Property::MaximumQoS(QoS::AtLeastOnce)];
        allowed.push(Property::RetainAvailable(choice & 4 != 0));
        allowed.push(Property::WildcardSubscriptionAvailable(choice & 8 != 0));
        allowed.push(Property::SubscriptionIdentifierAvailable(choice & 16 != 0));
        allowed.push(Property::TopicAliasMaximum(2));
        allowed.push(Property::ReceiveMaximum(const { core::num::NonZeroU16::new(1).unwrap() }));
        let method = Property::AuthenticationMethod("M");
        if choice & 32 != 0 {
            allowed.push(method);
        }
        list.truncate(usize::from(choice & 64 != 0));
        let properties = Properties::new(&list);
        let ack = Ack { packet_id, reason_code: code, properties };
        let publish = |delivery| {
            let properties = Properties::new(&published);
            Publish { delivery, properties, ..Publish::new(topic, b"x") }.into()
        };
        let dup = choice & 128 != 0;
        let (codes, methods) = ([code], [method]);
        let packet: Packet<'_> = match self.source.byte() % 12 {
            0 => ConnAck { properties: Properties::new(&allowed), ..ConnAck::accepted(dup) }.into(),
            1 => publish(Delivery::AtMostOnce),
            2 => publish(Delivery::AtLeastOnce { dup, packet_id }),
            3 => publish(Delivery::ExactlyOnce { dup, packet_id }),
            4 => Packet::PubAck(ack),
            5 => Packet::PubRec(ack),
            6 => Packet::PubRel(ack),
            7 => Packet::PubComp(ack),
            8 => SubAck { properties, ..SubAck::new(packet_id, &codes) }.into(),
            9 => UnsubAck { properties, ..UnsubAck::new(packet_id, &codes) }.into(),
            10 => Disconnect { reason_code: code, properties }.into(),
            _ => Auth::new(code, &methods).into(),
        };
        self.receive(&packet);
    }

    /// A packet that a server might send now, or not.
    fn answer(&mut self) {
        if self.version == Version::V5_0 {
            return self.answer_v5();
        }
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
        let version = self.version.max(Version::V3_1_1);
        if packet.encode_to(version, &mut bytes).is_ok() {
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
        self.version = connect.version;
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
