//! The end of a run: everything heals, and all that was held up goes through.

use mqtt_sansio::ConnectionId;

use crate::said::Welcome;
use crate::world::World;

impl World {
    /// Nothing fails any more: everybody comes back, and all that was held up goes through.
    pub(crate) fn heal(&mut self) {
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
                self.nodes[index].acknowledge(self.rig.time(), 0, None);
            }
            self.poll_node(index);
        }
        for connection in self.rig.wires.keys().copied().collect::<Vec<_>>() {
            busy |= self.heal_link(connection);
        }
        for connection in std::mem::take(&mut self.rig.waiting) {
            busy = true;
            self.rig.accept(connection, false, Welcome::default());
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
            self.pull_node(owner, connection, 10_000);
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
