//! What happens, at random: one step after the other, and the end where everything heals.

use mqtt_sansio::{ConnectionId, Message, QoS, ReasonCode};

use crate::node::message;
use crate::plan::{FILTERS, TOPICS};
use crate::raw::Raw;
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
                let filter = self.rng.pick(&FILTERS);
                self.nodes[index].unsubscribe(now, filter);
            }
            44..47 => self.nodes[index].client.disconnect(now),
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
                    self.rig.disconnect(connection);
                }
            }
            78 if self.rng.one_in(4) => {
                self.saw("all disconnected by the program");
                self.rig.shutdown();
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
                self.rig.accept(connection, false);
                self.rig.refuse(connection, ReasonCode::NotAuthorized, 5);
            }
        }
        if let Some(connection) = self.rig.gone {
            self.saw("calls for a connection that is gone");
            self.rig.accept(connection, false);
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

    fn message_of(&mut self, index: usize) -> Message {
        let habits = &self.nodes[index].habits;
        let qos = QOS[self.rng.below(habits.max_qos + 1)];
        let name = if habits.client_id.is_empty() { "x" } else { &habits.client_id };
        let name = name.to_owned();
        self.message(&name, qos)
    }

    fn message(&mut self, name: &str, qos: QoS) -> Message {
        self.serial += 1;
        let mut payload = format!("{name}:{}", self.serial).into_bytes();
        match self.rng.below(24) {
            0 => payload.resize(LARGE, b'.'),
            1 => payload.clear(),
            _ => {}
        }
        let retain = payload.is_empty() || self.rng.one_in(6);
        message(self.rng.pick(&TOPICS), payload, qos, retain)
    }

    fn subscribe(&mut self, index: usize) {
        let max_qos = self.nodes[index].habits.max_qos;
        let mut filters = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            filters.push((self.rng.pick(&FILTERS), QOS[self.rng.below(max_qos + 1)]));
        }
        self.nodes[index].subscribe(self.rig.time(), &filters);
    }

    fn acknowledge(&mut self, index: usize) {
        for _ in 0..self.nodes[index].tokens.len().min(4) {
            let token = self.rng.below(self.nodes[index].tokens.len());
            self.nodes[index].acknowledge(self.rig.time(), token);
        }
    }

    fn program_publishes(&mut self) {
        self.saw("published by the program");
        let qos = self.rng.pick(&QOS);
        let message = self.message("p", qos);
        self.rig.publish(message);
    }

    fn program_subscribes(&mut self) {
        let filter = self.rng.pick(&FILTERS);
        if filter.starts_with("$SYS") {
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
            let Some(connection) = self.rig.open(Some(self.nodes.len() + index)) else {
                return;
            };
            let (kind, bytes) = self.raws[index].hello(&mut self.rng);
            self.saw(kind);
            self.raws[index].link = Some(connection);
            self.rig.wires.get_mut(&connection).unwrap().up = bytes;
            return;
        };
        for _ in 0..1 + self.rng.below(3) {
            let (kind, bytes) = Raw::bytes(&mut self.rng);
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
    fn connect(&mut self, index: usize, clean: bool) -> bool {
        let Some(connection) = self.rig.open(Some(index)) else {
            return false;
        };
        self.nodes[index].link = Some(connection);
        let mut will = None;
        if self.rng.one_in(3) {
            let qos = QOS[self.rng.below(self.nodes[index].habits.max_qos + 1)];
            will = Some(self.message("will", qos));
        }
        self.nodes[index].connect(self.rig.time(), clean, will.as_ref());
        self.poll_node(index);
        true
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
                n => self.rig.accept(connection, n % 3 == 0),
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

    /// Nothing fails any more: everybody comes back, and all that was held up goes through.
    fn heal(&mut self) {
        crate::log::say!("everything heals");
        self.rig.is_backwards = false;
        self.rig.drain(usize::MAX);
        for connection in self.rig.wires.keys().copied().collect::<Vec<_>>() {
            let owner = self.rig.wires[&connection].owner;
            if owner.is_none_or(|owner| owner >= self.nodes.len()) {
                self.driver_closes(connection);
            }
        }
        for node in &mut self.nodes {
            node.stalled_until = 0;
        }
        let mut attempts = vec![0; self.nodes.len()];
        for _ in 0..2000 {
            self.step += 1;
            if !self.heal_step(&mut attempts) {
                return self.rig.check();
            }
        }
        panic!("there is no end");
    }

    /// Whether something happened.
    fn heal_step(&mut self, attempts: &mut [u32]) -> bool {
        let mut busy = false;
        self.rig.drain(usize::MAX);
        for (index, attempts) in attempts.iter_mut().enumerate() {
            let node = &self.nodes[index];
            let rival = index > 0
                && !node.habits.client_id.is_empty()
                && self.nodes[index - 1].habits.client_id == node.habits.client_id;
            if node.link.is_none() && !rival && *attempts < 5 {
                let opened = self.connect(index, false);
                *attempts += u32::from(opened);
                busy |= opened;
            }
            while !self.nodes[index].tokens.is_empty() {
                busy = true;
                self.nodes[index].acknowledge(self.rig.time(), 0);
            }
            self.poll_node(index);
        }
        for connection in self.rig.wires.keys().copied().collect::<Vec<_>>() {
            busy |= self.heal_link(connection);
        }
        for connection in std::mem::take(&mut self.rig.waiting) {
            busy = true;
            self.rig.accept(connection, false);
        }
        if busy {
            self.rig.now += 1;
            self.rig.timeout();
        }
        busy
    }

    fn heal_link(&mut self, connection: ConnectionId) -> bool {
        let owner = self.rig.wires[&connection].owner;
        let mut busy = false;
        if let Some(owner) = owner.filter(|owner| self.nodes[*owner].wants) {
            let bytes = self.nodes[owner].pull(self.rig.time(), 10_000);
            self.rig.wires.get_mut(&connection).unwrap().up.extend(bytes);
            self.poll_node(owner);
            busy = true;
        }
        let wire = &self.rig.wires[&connection];
        let (up, wants) = (wire.up.len(), wire.wants);
        if up > 0 {
            self.write(connection, up);
        }
        if wants {
            self.rig.pull(connection, 10_000);
        }
        let down = self.rig.wires[&connection].down.len();
        if down > 0 {
            self.read(connection, down);
        }
        let wire = &self.rig.wires[&connection];
        if wire.close || wire.owner.is_none() {
            self.driver_closes(connection);
            busy = true;
        }
        busy || up > 0 || down > 0 || wants
    }
}
