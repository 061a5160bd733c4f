//! Who is to be looked at when.
//!
//! Each has one entry at most. What moves with every packet, as a keep alive does, is noted by its owner
//! alone: the timer fires at the old time, and is set again.

use alloc::collections::BTreeSet;

use crate::time::Instant;

/// Whose timer it is, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Connection(u32),
    Session(u32),
    Retained,
    Statistics,
}

#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, Timer)>);

/// The time for which its owner is scheduled; [`Timers`] knows the same.
#[derive(Debug, Default)]
pub(super) struct Scheduled(Option<Instant>);

impl Timers {
    /// Schedules `timer` for that time and no other; `None` takes it out.
    pub(super) fn set(&mut self, timer: Timer, scheduled: &mut Scheduled, at: Option<Instant>) {
        if scheduled.0 == at {
            return;
        }
        if let Some(old) = scheduled.0 {
            self.0.remove(&(old, timer));
        }
        if let Some(new) = at {
            self.0.insert((new, timer));
        }
        scheduled.0 = at;
    }

    /// The next timer that has come by now; it stays scheduled until its owner sets it again.
    pub(super) fn due(&self, now: Instant) -> Option<Timer> {
        self.0.first().filter(|(at, _)| *at <= now).map(|(_, timer)| *timer)
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, timer: Timer, scheduled: &Scheduled) -> bool {
        scheduled.0.is_some_and(|at| self.0.contains(&(at, timer)))
    }
}

impl Scheduled {
    pub(super) const NEVER: Scheduled = Scheduled(None);

    pub(super) fn at(&self) -> Option<Instant> {
        self.0
    }
}
