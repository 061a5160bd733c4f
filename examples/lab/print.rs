//! What is shown of an experiment.

use std::io::{self, Write};

use crate::ladder::{self, wrap};
use crate::scenario::{Report, Scenario};
use crate::scenarios::DOCUMENTS;

pub(crate) struct Printer<W> {
    pub(crate) out: W,
    pub(crate) quiet: bool,
    pub(crate) colour: bool,
}

impl<W: Write> Printer<W> {
    /// The names of all experiments.
    pub(crate) fn list(&mut self) -> io::Result<()> {
        for (document, groups) in DOCUMENTS {
            writeln!(self.out, "{document}")?;
            for scenario in groups.iter().flat_map(|group| group.iter()) {
                writeln!(self.out, "  {:<28} {}", scenario.name, scenario.title)?;
            }
        }
        Ok(())
    }

    /// One experiment: a line, or all of it.
    pub(crate) fn report(&mut self, scenario: &Scenario, report: &Report) -> io::Result<()> {
        let holds = report.statements.iter().filter(|s| s.failure.is_none()).count();
        if self.quiet {
            let mark = self.mark(report.holds());
            let of = report.statements.len();
            writeln!(self.out, "{mark} {}: {holds} of {of} statements hold", scenario.name)?;
        } else {
            let title = format!("{} ({})", scenario.title, scenario.name);
            let title = if self.colour { format!("\x1b[1m{title}\x1b[0m") } else { title };
            writeln!(self.out, "{title}\n{}\n", wrap(scenario.shows, 80).join("\n"))?;
            write!(self.out, "{}", ladder::draw(&report.exchange, self.colour))?;
            for table in &report.tables {
                write!(self.out, "\n{table}")?;
            }
            writeln!(self.out)?;
        }
        for statement in &report.statements {
            let mark = self.mark(statement.failure.is_none());
            if !self.quiet {
                writeln!(self.out, "{mark} {}", wrap(&statement.text, 78).join("\n  "))?;
            }
            if let Some(failure) = &statement.failure {
                let failure = match self.quiet {
                    true => format!("{}: {failure}", statement.text),
                    false => wrap(failure, 78).join("\n  "),
                };
                writeln!(self.out, "  {failure}")?;
            }
        }
        if !self.quiet {
            writeln!(self.out)?;
        }
        self.out.flush()
    }

    fn mark(&self, holds: bool) -> &'static str {
        match (holds, self.colour) {
            (true, true) => "\x1b[32m✓\x1b[0m",
            (true, false) => "✓",
            (false, true) => "\x1b[31m✗\x1b[0m",
            (false, false) => "✗",
        }
    }
}
