//! The broker, its clients and what lies between them: links that delay, split, stall and break.

use std::collections::BTreeMap;

use mqtt_sansio::{ConnectionId, QoS};

use crate::log::say;
use crate::node::{Habits, Ledger, Node, is_unique};
use crate::plan::Plan;
use crate::raw::Raw;
use crate::rig::Rig;
use crate::rng::Rng;
use crate::watch::At;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) rig: Rig,
    pub(crate) nodes: Vec<Node>,
    pub(crate) raws: Vec<Raw>,
    pub(crate) ledger: Ledger,
    pub(crate) step: usize,
    /// Tells messages apart.
    pub(crate) serial: u32,
}

impl World {
    pub(crate) fn new(seed: u64, scale: usize) -> World {
        let mut rng = Rng::new(seed);
        let plan = Plan::new(&mut rng, scale);
        let rig = Rig::new(plan.config.clone());
        let nodes: Vec<_> = plan.habits.iter().cloned().map(Node::new).collect();
        let raws = (0..plan.raws).map(Raw::new).collect();
        let ledger = Ledger::default();
        World { plan, rng, rig, nodes, raws, ledger, step: 0, serial: 0 }
    }

    pub(crate) fn saw(&mut self, kind: &'static str) {
        say!("step {}: {kind}", self.step);
        self.rig.model.seen.add(kind);
    }

    fn is_stalled(&self, owner: Option<usize>) -> bool {
        let node = owner.and_then(|owner| self.nodes.get(owner));
        node.is_some_and(|node| node.stalled_until > self.step)
    }

    pub(crate) fn poll_node(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.poll(&mut self.ledger);
        if let Some(present) = node.session_present.take() {
            self.introduce(index, present);
        }
        if self.nodes[index].close {
            self.node_closes(index);
        }
    }

    /// A client learns whether it has its old session. Where the CONNACK of a new one was lost and the next
    /// one says "present", it cannot know: its old state does not fit, and QoS 2 means nothing any more.
    fn introduce(&mut self, index: usize, present: bool) {
        let node = &mut self.nodes[index];
        let Some(session) = self.rig.model.sessions.get_mut(&node.habits.client_id) else {
            return;
        };
        if present && !session.is_known && node.habits.is_strict {
            node.habits.is_strict = false;
            self.rig.model.seen.add("never told that its session is new");
        } else {
            session.is_known = true;
        }
    }

    /// The client closes its transport: most often what it has sent still arrives.
    fn node_closes(&mut self, index: usize) {
        let Some(connection) = self.nodes[index].link else {
            self.nodes[index].close = false;
            return;
        };
        if self.rng.one_in(4) {
            self.saw("DISCONNECT may be lost");
            self.lose_up(connection);
        }
        self.detach(connection);
    }

    /// Of what is on its way to the broker a part gets lost.
    fn lose_up(&mut self, connection: ConnectionId) {
        let wire = self.rig.wires.get_mut(&connection).unwrap();
        let kept = self.rng.below(wire.up.len() + 1);
        wire.up.truncate(kept);
    }

    /// The client's side of a connection is gone; the broker does not know yet.
    fn detach(&mut self, connection: ConnectionId) {
        let wire = self.rig.wires.get_mut(&connection).unwrap();
        wire.down.clear();
        match wire.owner.take() {
            Some(owner) if owner < self.nodes.len() => {
                self.nodes[owner].closed(self.rig.time());
                self.nodes[owner].poll(&mut self.ledger);
                self.nodes[owner].close = false;
            }
            Some(owner) => self.raws[owner - self.nodes.len()].link = None,
            None => {}
        }
    }

    /// The connection is lost at any byte of either direction.
    pub(crate) fn cut(&mut self, connection: ConnectionId) {
        let wire = &self.rig.wires[&connection];
        let kind = match (wire.up.is_empty(), wire.down.is_empty()) {
            (false, false) => "cut with bytes on their way both ways",
            (false, true) => "cut with bytes on their way to the broker",
            (true, false) => "cut with bytes on their way to the client",
            (true, true) => "cut of a quiet connection",
        };
        self.saw(kind);
        self.lose_up(connection);
        let arrives = self.rng.below(self.rig.wires[&connection].down.len() + 1);
        self.read(connection, arrives);
        // The client may have closed it upon what it has read.
        if self.rig.wires.contains_key(&connection) {
            self.detach(connection);
        }
    }

    /// The process of a client ends and begins again; its transport may live on for a while.
    pub(crate) fn restart(&mut self, index: usize) {
        self.saw("client restarted from its session");
        self.nodes[index].poll(&mut self.ledger);
        if let Some(connection) = self.nodes[index].link.take() {
            self.lose_up(connection);
            let wire = self.rig.wires.get_mut(&connection).unwrap();
            wire.down.clear();
            wire.owner = None;
        }
        self.nodes[index].restart();
    }

    /// Bytes reach the broker, in pieces of any size.
    pub(crate) fn write(&mut self, connection: ConnectionId, len: usize) {
        let wire = self.rig.wires.get_mut(&connection).unwrap();
        let bytes: Vec<_> = wire.up.drain(..len).collect();
        let mut rest = &bytes[..];
        let whole = self.rng.one_in(2);
        while !rest.is_empty() {
            let len = match whole {
                true => rest.len(),
                false => 1 + self.rng.below(rest.len().min(200)),
            };
            let (chunk, after) = rest.split_at(len);
            self.rig.input(connection, chunk);
            rest = after;
        }
    }

    /// Bytes reach the client.
    pub(crate) fn read(&mut self, connection: ConnectionId, len: usize) {
        let wire = self.rig.wires.get_mut(&connection).unwrap();
        let owner = wire.owner;
        let bytes: Vec<_> = wire.down.drain(..len).collect();
        match owner {
            Some(owner) if owner < self.nodes.len() => {
                wire.watch.see(At::ClientReceives, &bytes, &mut self.rig.model.seen);
                let now = self.rig.time();
                let node = &mut self.nodes[owner];
                node.client.handle_input(now, &bytes);
                node.client.check_invariants();
                self.poll_node(owner);
            }
            Some(owner) => {
                let raw = &self.raws[owner - self.nodes.len()];
                let answers = raw.answers(&bytes, &mut self.rng);
                wire.up.extend(answers);
            }
            None => {}
        }
    }

    /// The broker's driver closes a transport: what it has written may get lost.
    pub(crate) fn driver_closes(&mut self, connection: ConnectionId) {
        let written = self.rig.wires[&connection].down.len();
        let arrives = if self.rng.one_in(4) { self.rng.below(written + 1) } else { written };
        let wanted = self.rig.wires[&connection].close;
        self.rig.model.seen.add_if(wanted, "closed by the broker");
        self.read(connection, arrives);
        if self.rig.wires[&connection].owner.is_some() {
            self.detach(connection);
        }
        self.rig.closed(connection);
    }

    /// Lets bytes move on some of the links.
    pub(crate) fn pump(&mut self) {
        let connections: Vec<_> = self.rig.wires.keys().copied().collect();
        for connection in connections {
            if self.rng.one_in(4) {
                continue;
            }
            self.pump_up(connection);
            self.pump_down(connection);
            let wire = &self.rig.wires[&connection];
            let over = wire.close || wire.owner.is_none() && wire.up.is_empty();
            if over && self.rng.one_in(3) {
                self.driver_closes(connection);
            }
        }
    }

    /// What a client sends is on its way.
    pub(crate) fn pull_node(&mut self, owner: usize, connection: ConnectionId, max: usize) {
        let bytes = self.nodes[owner].pull(self.rig.time(), max);
        let wire = self.rig.wires.get_mut(&connection).unwrap();
        wire.watch.see(At::ClientSends, &bytes, &mut self.rig.model.seen);
        wire.up.extend(bytes);
        self.poll_node(owner);
    }

    fn pump_up(&mut self, connection: ConnectionId) {
        let owner = self.rig.wires[&connection].owner;
        if let Some(owner) = owner.filter(|owner| *owner < self.nodes.len()) {
            if self.nodes[owner].wants && !self.is_stalled(Some(owner)) {
                let max = self.rng.pick(&[1, 30, 10_000, 10_000]);
                self.pull_node(owner, connection, max);
            }
        }
        let len = self.rig.wires[&connection].up.len();
        if len > 0 && !self.rng.one_in(4) {
            let some = if self.rng.one_in(3) { 1 + self.rng.below(len) } else { len };
            self.write(connection, some);
        }
    }

    fn pump_down(&mut self, connection: ConnectionId) {
        let wire = &self.rig.wires[&connection];
        let (owner, asked, has_room) = (wire.owner, wire.wants, wire.down.is_empty());
        if asked && has_room || self.rng.one_in(40) {
            self.rig.model.seen.add_if(!asked, "pull unasked");
            let max = self.rng.pick(&[0, 1, 10, 100, 65_536, 65_536, 65_536]);
            self.rig.pull(connection, max);
        }
        let deaf = owner.and_then(|owner| owner.checked_sub(self.nodes.len()));
        let deaf = deaf.is_some_and(|raw| self.raws[raw].is_deaf);
        let len = self.rig.wires[&connection].down.len();
        if len > 0 && !deaf && !self.is_stalled(owner) && !self.rng.one_in(4) {
            let some = if self.rng.one_in(3) { 1 + self.rng.below(len) } else { len };
            self.read(connection, some);
        }
    }

    /// What each client must have, when all is quiet.
    pub(crate) fn check_end(&mut self) {
        let seen = &self.rig.model.seen;
        let full = seen.of("queue full") + seen.of("too many new subscriptions wait");
        assert!(self.plan.is_tight || full == 0, "{full} messages found no room");
        let mut checked = [0; 3];
        for (client_id, session) in &self.rig.model.sessions {
            // Raw clients may have come with an identifier that was assigned, and had what was another's.
            let is_own = |node: &&Node| node.habits.client_id == *client_id;
            let mut owners = self.nodes.iter().filter(is_own);
            let may_be_shared = client_id.starts_with("auto-") && !self.raws.is_empty();
            let Some(node) = owners.next() else {
                continue;
            };
            let left = (session.queue.len(), session.inflight.len());
            assert_eq!(left, (0, 0), "{client_id}: not all was delivered: {:?}", session.queue);
            if may_be_shared {
                continue;
            }
            let strict = node.habits.is_strict;
            // In 5.0 a client gives up what it has sent before, and is told that the server does not take.
            let released = session.unreleased.is_empty() || !strict || node.habits.switches;
            assert!(released, "{client_id}: not all was released");
            let none = BTreeMap::new();
            let got = self.ledger.got.get(&node.habits.name).unwrap_or(&none);
            for (payload, qos) in session.owed.iter().filter(|(payload, _)| is_unique(payload)) {
                let counts = got.get(payload).copied().unwrap_or_default();
                let same = session.owed.iter().filter(|owed| **owed == (payload.clone(), *qos));
                let owed = same.count() as u32;
                let complete = match qos {
                    QoS::ExactlyOnce => !strict || counts[2] >= owed,
                    _ => counts[1] >= owed,
                };
                checked[*qos as usize] += u64::from(strict || *qos == QoS::AtLeastOnce);
                assert!(complete, "{client_id} must have {payload:?} at {qos:?}, got {counts:?}");
            }
        }
        self.check_copies();
        self.rig.model.seen.add_many("QoS 1 message that had to arrive", checked[1]);
        self.rig.model.seen.add_many("QoS 2 message that had to arrive once", checked[2]);
        let kinds = std::mem::take(&mut self.ledger.kinds);
        self.rig.model.seen.add_all(&kinds);
        for (payload, qos) in &self.ledger.acknowledged {
            let handled = self.rig.model.ledger.handled.get(payload).copied().unwrap_or_default();
            let right = if *qos == QoS::ExactlyOnce { handled == 1 } else { handled >= 1 };
            assert!(right, "{payload:?} was acknowledged at {qos:?} and routed {handled} times");
        }
    }

    /// At QoS 2 nobody has got more than what was sent.
    fn check_copies(&self) {
        let strict = self.nodes.iter().filter(|node| node.habits.is_strict);
        for Habits { name, client_id, .. } in strict.map(|node| &node.habits) {
            for (payload, counts) in self.ledger.got.get(name).into_iter().flatten() {
                let copies = (client_id.clone(), payload.clone());
                let copies = self.rig.model.ledger.copies.get(&copies).copied().unwrap_or_default();
                let once = counts[2] <= copies || self.ledger.refused.contains(payload);
                assert!(once, "{client_id} got {payload:?} {} times, for {copies}", counts[2]);
            }
        }
    }
}
