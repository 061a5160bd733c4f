//! What happens, at random: one step after the other, and the end where everything heals.

use mqtt_sansio::{
    ConnectionId, Message, MessageProperties, PayloadFormat, Property, QoS, ReasonCode,
    RetainHandling, Subscription, TopicFilter, TopicName, UserProperty, Version,
};

use crate::node::{Wishes, is_unique, message};
use crate::plan::{FILTERS, SHARED, TOPICS};
use crate::said::{Farewell, Welcome};
use crate::world::World;

const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
const LARGE: usize = 1100;

impl World {
    /// All steps, then the end.
    pub(crate) fn run(&mut self) {
        while self.step < self.plan.steps {
            self.step += 1;
            self.rig.is_backwards = self.rng.one_in(10);
            self.rig.model.seen.add_if(self.rig.is_backwards, "time told backwards");
            self.happen();
            self.connect_some();
            self.pump();
            self.answer_some();
            self.tell_time();
            match self.rng.below(4) {
                0 => {
                    let polls = self.rng.below(4);
                    self.rig.drain(polls);
                }
                _ => self.rig.drain(usize::MAX),
            }
            self.rig.check();
        }
        self.heal();
        self.check_end();
    }

    /// One thing that somebody does.
    fn happen(&mut self) {
        let index = self.rng.below(self.nodes.len());
        let now = self.rig.time();
        match self.rng.below(100) {
            0..30 => {
                for _ in 0..1 + self.rng.below(3) {
                    let message = self.message_of(index);
                    self.nodes[index].publish(now, message);
                }
            }
            30..40 => self.subscribe(index),
            40..44 => {
                let filter = self.filter(index);
                self.nodes[index].unsubscribe(now, filter);
            }
            44..47 => self.disconnect(index),
            47..51 => {
                if let Some(connection) = self.any_wire() {
                    self.cut(connection);
                }
            }
            51..53 if !self.nodes[index].habits.manual => self.restart(index),
            53..56 => {
                self.nodes[index].stalled_until = self.step + 1 + self.rng.below(30);
                self.saw("stall");
            }
            56..63 => self.acknowledge(index),
            63..72 => self.raw_acts(),
            72..75 => self.program_publishes(),
            75..77 => self.program_subscribes(),
            77..78 => {
                if let Some(connection) = self.any_wire() {
                    self.saw("disconnected by the program");
                    if self.rng.one_in(2) {
                        self.rig.disconnect(connection);
                    } else {
                        self.rig.disconnect_with(connection, Farewell::random(&mut self.rng));
                    }
                }
            }
            78 if self.rng.one_in(4) => {
                self.saw("all disconnected by the program");
                self.rig.shutdown();
            }
            83 if self.rng.one_in(3) => {
                let client_id = self.nodes[index].habits.client_id.clone();
                self.saw("session ended by the program, if there is one");
                self.rig.end_session(&client_id);
            }
            79..81 => self.rig.now += self.rng.below(3000) as u64,
            82 => self.drive_badly(),
            81 => {
                self.saw("time jump");
                self.rig.now += self.rng.pick(&[8_000, 11_000, 31_000, 61_000]);
            }
            _ => {}
        }
        self.poll_node(index);
    }

    /// Calls that come too late do nothing.
    fn drive_badly(&mut self) {
        let idle = self.any_wire().filter(|connection| !self.rig.waiting.contains(connection));
        if let Some(connection) = idle {
            self.saw("answer that nobody awaits");
            self.rig.drain(usize::MAX);
            if !self.rig.waiting.contains(&connection) {
                self.rig.accept(connection, false, Welcome::default());
                self.rig.refuse(connection, ReasonCode::NotAuthorized, 5);
            }
        }
        if let Some(connection) = self.rig.gone {
            self.saw("calls for a connection that is gone");
            self.rig.accept(connection, false, Welcome::default());
            self.rig.refuse(connection, ReasonCode::NotAuthorized, 5);
            self.rig.disconnect(connection);
            self.rig.input(connection, b"\x10\x0d\0\x04MQTT\x04\x02\0\x05\0\x01a");
            self.rig.pull(connection, 100);
        }
    }

    fn any_wire(&mut self) -> Option<ConnectionId> {
        let count = self.rig.wires.len().max(1);
        let index = self.rng.below(count);
        self.rig.wires.keys().nth(index).copied()
    }

    fn disconnect(&mut self, index: usize) {
        let now = self.rig.time();
        let reason = self.rng.pick(&[
            ReasonCode::Success,
            ReasonCode::Success,
            ReasonCode::DisconnectWithWillMessage,
            ReasonCode::UnspecifiedError,
        ]);
        let expiry = self.rng.one_in(3).then(|| self.rng.pick(&[0, 3, 30, 3000, u32::MAX]));
        self.nodes[index].disconnect(now, reason, expiry);
    }

    fn filter(&mut self, index: usize) -> &'static str {
        let is_5 = self.nodes[index].habits.version == Version::V5_0;
        if is_5 && self.rng.one_in(3) { self.rng.pick(&SHARED) } else { self.rng.pick(&FILTERS) }
    }

    fn message_of(&mut self, index: usize) -> Message {
        let is_5 = self.nodes[index].habits.version == Version::V5_0;
        let habits = &self.nodes[index].habits;
        let qos = QOS[self.rng.below(habits.max_qos + 1)];
        let name = if habits.client_id.is_empty() { "x" } else { &habits.client_id };
        let name = name.to_owned();
        let mut message = self.message(&name, qos);
        if is_5 {
            self.dress(&mut message);
        }
        if self.nodes[index].habits.switches {
            // What is in flight may be sent again with a version that cannot carry it.
            self.ledger.carried.remove(&message.payload);
        }
        message
    }

    /// Gives a message what 5.0 lets it carry.
    fn dress(&mut self, message: &mut Message) {
        if self.rng.one_in(2) {
            let seconds = self.rng.pick(&[0, 1, 2, 30, 100_000]);
            let names = ["a", "b", "a"].map(|name| UserProperty { name, value: "v" });
            let mut properties = vec![
                Property::ContentType("text/plain"),
                Property::ResponseTopic(TopicName::new("answers").unwrap()),
                Property::CorrelationData(b"\0\x01"),
                Property::MessageExpiryInterval(seconds),
                Property::MessageExpiryInterval(seconds),
                Property::PayloadFormatIndicator(PayloadFormat::Utf8),
            ];
            properties.extend(names.map(Property::UserProperty));
            while properties.len() > 4 || !self.rng.one_in(3) && !properties.is_empty() {
                let place = self.rng.below(properties.len());
                properties.remove(place);
            }
            // Twice is once too often.
            let expiry = |p: &Property<'_>| matches!(p, Property::MessageExpiryInterval(_));
            if properties.iter().filter(|property| expiry(property)).count() > 1 {
                let place = properties.iter().position(expiry).unwrap();
                properties.remove(place);
            }
            message.properties = MessageProperties::new(&properties).unwrap();
        }
        if is_unique(&message.payload) {
            let properties = message.properties.clone();
            self.ledger.carried.insert(message.payload.clone(), properties);
        }
    }

    fn message(&mut self, name: &str, qos: QoS) -> Message {
        self.serial += 1;
        let mut payload = format!("{name}:{}", self.serial).into_bytes();
        match self.rng.below(24) {
            0 => payload.resize(LARGE, b'.'),
            1 => payload.clear(),
            2 => payload.push(0xFF),
            _ => {}
        }
        let retain = payload.is_empty() || self.rng.one_in(6);
        message(self.rng.pick(&TOPICS), payload, qos, retain)
    }

    fn subscribe(&mut self, index: usize) {
        let max_qos = self.nodes[index].habits.max_qos;
        let is_5 = self.nodes[index].habits.version == Version::V5_0;
        let mut filters = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            let filter = self.filter(index);
            let qos = QOS[self.rng.below(max_qos + 1)];
            let mut subscription = Subscription::new(TopicFilter::new(filter).unwrap(), qos);
            if is_5 {
                subscription.no_local = self.rng.one_in(4) && !filter.starts_with("$share/");
                subscription.retain_as_published = self.rng.one_in(4);
                subscription.retain_handling = self.rng.pick(&[
                    RetainHandling::SendAtSubscribe,
                    RetainHandling::SendAtNewSubscribe,
                    RetainHandling::DoNotSend,
                ]);
            }
            filters.push(subscription);
        }
        let identifier = self.rng.one_in(2).then(|| self.rng.pick(&[1, 2, 200, 268_435_455]));
        self.nodes[index].subscribe(self.rig.time(), &filters, identifier);
    }

    fn acknowledge(&mut self, index: usize) {
        let is_5 = self.nodes[index].habits.version == Version::V5_0;
        for _ in 0..self.nodes[index].tokens.len().min(4) {
            let token = self.rng.below(self.nodes[index].tokens.len());
            let refuses = is_5 && self.rng.one_in(6);
            let ledger = Some(&mut self.ledger).filter(|_| refuses);
            self.nodes[index].acknowledge(self.rig.time(), token, ledger);
        }
    }

    fn program_publishes(&mut self) {
        self.saw("published by the program");
        let qos = self.rng.pick(&QOS);
        let mut message = self.message("p", qos);
        self.dress(&mut message);
        self.rig.publish(message);
    }

    fn program_subscribes(&mut self) {
        let filter = self.rng.pick(&FILTERS);
        if filter.starts_with("$SYS") || filter == "will" {
            return;
        }
        if self.rng.one_in(2) {
            self.saw("subscribed by the program");
            self.rig.subscribe(filter);
        } else {
            self.rig.unsubscribe(filter);
        }
    }

    fn raw_acts(&mut self) {
        if self.raws.is_empty() {
            return;
        }
        let index = self.rng.below(self.raws.len());
        let Some(connection) = self.raws[index].link else {
            let Some(connection) = self.rig.open(Some(self.nodes.len() + index), false) else {
                return;
            };
            let (kind, bytes) = self.raws[index].hello(&mut self.rng);
            self.saw(kind);
            self.raws[index].link = Some(connection);
            self.rig.wires.get_mut(&connection).unwrap().up = bytes;
            return;
        };
        for _ in 0..1 + self.rng.below(3) {
            let (kind, bytes) = self.raws[index].bytes(&mut self.rng);
            self.saw(kind);
            self.rig.wires.get_mut(&connection).unwrap().up.extend(bytes);
        }
        if self.rng.one_in(6) {
            self.saw("taken over from a raw client that is still there");
            self.raws[index].link = None;
            self.rig.wires.get_mut(&connection).unwrap().owner = None;
        }
    }

    fn connect_some(&mut self) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].link.is_none() && self.rng.one_in(4) {
                let clean = self.rng.one_in(6);
                self.connect(index, clean);
            }
        }
    }

    /// Whether there was room.
    pub(crate) fn connect(&mut self, index: usize, clean: bool) -> bool {
        let Some(connection) = self.rig.open(Some(index), true) else {
            return false;
        };
        self.nodes[index].link = Some(connection);
        self.adopt(index);
        if self.nodes[index].habits.switches && self.rng.one_in(2) {
            self.saw("client that comes with another version");
            let version = &mut self.nodes[index].habits.version;
            *version = match version {
                Version::V5_0 => Version::V3_1_1,
                _ => Version::V5_0,
            };
        }
        let is_5 = self.nodes[index].habits.version == Version::V5_0;
        let wishes = self.wishes();
        let mut will = None;
        if self.rng.one_in(3) {
            let qos = QOS[self.rng.below(self.nodes[index].habits.max_qos + 1)];
            let mut message = self.message("will", qos);
            message.retain &= self.plan.config.session.features.retain_available;
            if is_5 {
                self.dress(&mut message);
                if wishes.will_delay > 0 {
                    message.topic = mqtt_sansio::Topic::new("will").unwrap();
                    // It must be told from others.
                    message.payload = format!("will:{}", self.serial).into();
                }
            }
            will = Some(message);
        }
        self.nodes[index].connect(self.rig.time(), clean, will.as_ref(), wishes);
        self.poll_node(index);
        true
    }

    /// A client without a name may come back with the one it was given.
    fn adopt(&mut self, index: usize) {
        let assigned = self.nodes[index].assigned.take();
        if let Some(assigned) = assigned.filter(|_| self.rng.one_in(3)) {
            self.saw("client identifier that was assigned");
            let habits = &mut self.nodes[index].habits;
            habits.client_id = assigned;
            habits.always_clean = false;
        }
    }

    fn wishes(&mut self) -> Wishes {
        let rng = &mut self.rng;
        Wishes {
            expiry: rng.pick(&[0, 2, 10, 50, 100_000, 100_000, u32::MAX, u32::MAX]),
            receive_maximum: rng.pick(&[None, Some(1), Some(2), Some(4)]),
            maximum_packet_size: rng.pick(&[None, None, None, Some(700), Some(100)]),
            alias_maximum: rng.pick(&[0, 1, 3]),
            problem_information: !rng.one_in(4),
            will_delay: rng.pick(&[0, 1, 5, 20, 100]),
        }
    }

    fn answer_some(&mut self) {
        for connection in self.rig.waiting.clone() {
            if self.rng.one_in(2) {
                continue;
            }
            self.rig.waiting.retain(|waiting| *waiting != connection);
            match self.rng.below(24) {
                0 => self.rig.refuse(connection, ReasonCode::NotAuthorized, 5),
                1 => self.rig.refuse(connection, ReasonCode::ServerUnavailable, 3),
                n => {
                    let said = Welcome::random(&mut self.rng);
                    self.rig.accept(connection, n % 3 == 0, said);
                }
            }
        }
    }

    /// Time goes on, and those whose time has come are told, now or a little later.
    fn tell_time(&mut self) {
        self.rig.now += self.rng.below(15) as u64;
        let broker_first = self.rng.one_in(2);
        if broker_first {
            self.tell_broker();
        }
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            let due = node.deadline.is_some_and(|at| at <= self.rig.time());
            if due && node.stalled_until <= self.step {
                node.client.handle_timeout(self.rig.time());
                self.poll_node(index);
            }
        }
        if !broker_first {
            self.tell_broker();
        }
    }

    fn tell_broker(&mut self) {
        let due = self.rig.next_deadline().is_some_and(|at| at <= self.rig.time());
        if if due { !self.rng.one_in(4) } else { self.rng.one_in(12) } {
            self.rig.timeout();
        }
    }
}
