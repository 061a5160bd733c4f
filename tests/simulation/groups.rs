//! Shared subscriptions in the model: who are members, and whose turn it is.

use std::collections::BTreeMap;

use crate::model::Key;
use crate::wire::matches;

#[derive(Default)]
pub(crate) struct Groups {
    groups: BTreeMap<Key, Group>,
    /// The share names of a filter, in the order in which they are asked.
    names: BTreeMap<String, Vec<String>>,
    /// How many groups there were so far.
    count: u32,
}

#[derive(Default)]
struct Group {
    members: Vec<String>,
    /// How many members, from the first, had their turn in this round.
    turn: usize,
    /// Which of all groups it is: one that has ended does not come again.
    number: u32,
}

impl Groups {
    pub(crate) fn join(&mut self, key: &Key, client_id: &str) {
        let name = key.share.clone().unwrap();
        if !self.groups.contains_key(key) {
            self.names.entry(key.filter.clone()).or_default().push(name);
            self.count += 1;
            let group = Group { number: self.count, ..Group::default() };
            self.groups.insert(key.clone(), group);
        }
        let group = self.groups.entry(key.clone()).or_default();
        if !group.members.iter().any(|member| member == client_id) {
            group.members.push(client_id.to_owned());
        }
    }

    /// The last member takes the place of one that leaves; the turns of the others stay.
    pub(crate) fn leave(&mut self, key: &Key, client_id: &str) {
        let Some(group) = self.groups.get_mut(key) else {
            return;
        };
        let Some(mut place) = group.members.iter().position(|member| member == client_id) else {
            return;
        };
        if place < group.turn {
            group.turn -= 1;
            group.members.swap(place, group.turn);
            place = group.turn;
        }
        group.members.swap_remove(place);
        if !group.members.is_empty() {
            return;
        }
        self.groups.remove(key);
        let names = self.names.get_mut(&key.filter).unwrap();
        let place = names.iter().position(|name| Some(name) == key.share.as_ref()).unwrap();
        names.swap_remove(place);
        if names.is_empty() {
            self.names.remove(&key.filter);
        }
    }

    /// The groups that a topic is for, in the order of a walk down the levels.
    pub(crate) fn of(&self, topic: &str) -> Vec<Key> {
        let mut filters: Vec<_> =
            self.names.keys().filter(|filter| matches(filter, topic)).collect();
        filters.sort_by_key(|filter| walk(filter, topic));
        let keys = filters.into_iter().flat_map(|filter| {
            let key = |name: &String| Key { share: Some(name.clone()), filter: filter.clone() };
            self.names[filter].iter().map(key)
        });
        keys.collect()
    }

    /// The next member that is able to take a message; its turn is over then.
    pub(crate) fn next(
        &mut self,
        key: &Key,
        mut is_able: impl FnMut(&str) -> bool,
    ) -> Option<String> {
        let group = self.groups.get_mut(key)?;
        let count = group.members.len();
        let in_turn = (group.turn..count).chain(0..group.turn);
        let place = in_turn.into_iter().find(|place| is_able(&group.members[*place]))?;
        group.turn = place + 1;
        Some(group.members[place].clone())
    }

    pub(crate) fn number(&self, key: &Key) -> u32 {
        self.groups.get(key).map_or(0, |group| group.number)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }
}

/// Where a walk down the levels of a topic comes by a filter: `+` before other levels, `#` before what goes
/// on, but after the filter that ends where it does.
fn walk(filter: &str, topic: &str) -> (usize, Vec<bool>, bool) {
    let depth = topic.split('/').count();
    let plain = filter.strip_suffix('#').map(|rest| rest.trim_end_matches('/'));
    let levels = plain.unwrap_or(filter);
    let path: Vec<_> = match levels {
        "" if plain.is_some() => Vec::new(),
        levels => levels.split('/').map(|level| level != "+").collect(),
    };
    let at = if plain.is_some() { path.len() } else { depth };
    (at, path, plain.is_some() && at == depth)
}
