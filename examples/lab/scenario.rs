//! An experiment, and what it showed.

use std::fmt::Debug;

use crate::exchange::Exchange;
use crate::table::Table;
use crate::world::World;

/// An experiment of one of the lab documents.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What it shows, in one sentence.
    pub(crate) shows: &'static str,
    /// Changes to it, each of which makes some of its statements fail; together they do for all.
    pub(crate) twins: &'static [&'static str],
    pub(crate) run: fn(Twin) -> Report,
}

/// Which change is made to an experiment, if any.
#[derive(Clone, Copy)]
pub(crate) struct Twin(pub(crate) Option<&'static str>);

impl Twin {
    pub(crate) fn is(self, change: &str) -> bool {
        self.0 == Some(change)
    }

    /// The one value with this change, else the other.
    pub(crate) fn pick<T>(self, change: &str, changed: T, usual: T) -> T {
        if self.is(change) { changed } else { usual }
    }
}

/// What came of an experiment.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) exchange: Exchange,
    pub(crate) tables: Vec<Table>,
    pub(crate) statements: Vec<Statement>,
}

/// Something that was found to hold or not.
pub(crate) struct Statement {
    pub(crate) text: String,
    /// Where it does not hold: what was found instead.
    pub(crate) failure: Option<String>,
}

impl Report {
    /// States that something is as expected.
    pub(crate) fn states<F, E>(&mut self, text: &str, found: F, expected: E)
    where
        F: Debug + PartialEq<E>,
        E: Debug,
    {
        let holds = found == expected;
        let failure = (!holds).then(|| format!("found {found:?}, expected {expected:?}"));
        self.statements.push(Statement { text: text.into(), failure });
    }

    /// With what the parties exchanged.
    pub(crate) fn shows(mut self, world: World) -> Report {
        self.exchange = world.into_exchange();
        self
    }

    /// Whether all statements hold.
    pub(crate) fn holds(&self) -> bool {
        self.statements.iter().all(|statement| statement.failure.is_none())
    }
}
