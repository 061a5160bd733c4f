//! The table.

use std::fs;

use crate::Options;
use crate::brokers::Broker;
use crate::rows::Row;

/// What all rounds have given, row by row and for each broker.
pub struct Report {
    pub brokers: Vec<Broker>,
    pub rows: Vec<(Row, Vec<Cell>)>,
    pub markdown: bool,
}

/// One broker in one row.
#[derive(Default)]
pub struct Cell {
    pub measured: Vec<f64>,
    /// Why a round has failed.
    pub failed: Option<String>,
}

impl Cell {
    fn median(&self) -> Option<f64> {
        if self.failed.is_some() {
            return None;
        }
        let mut sorted = self.measured.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = sorted.get(middle).copied()?;
        let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied()?;
        Some((lower + upper) / 2.0)
    }

    fn text(&self) -> String {
        match self.median() {
            Some(median) => format!("{median:.2}"),
            None if self.failed.is_some() => "failed".to_owned(),
            None => String::new(),
        }
    }
}

impl Report {
    /// The table, and below it why something failed.
    pub fn print(&self) {
        let mut lines = vec![self.heads()];
        lines.extend(self.rows.iter().map(|(row, cells)| self.line(row, cells)));
        let widths: Vec<usize> = (0..lines[0].len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for (number, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            let cells: Vec<_> = cells.collect();
            match self.markdown {
                true => println!("| {} |", cells.join(" | ")),
                false => println!("{}", cells.join("  ").trim_end()),
            }
            if self.markdown && number == 0 {
                let marks = (0..line.len()).map(|column| if column < 2 { "---" } else { "---:" });
                println!("| {} |", marks.collect::<Vec<_>>().join(" | "));
            }
        }
        for (row, cells) in &self.rows {
            for (broker, cell) in self.brokers.iter().zip(cells) {
                if let Some(error) = &cell.failed {
                    println!("\n{row}, {}: {error}", broker.name());
                }
            }
        }
    }

    fn heads(&self) -> Vec<String> {
        let mut heads = vec!["row".to_owned(), "unit".to_owned()];
        heads.extend(self.brokers.iter().map(|broker| broker.name().to_owned()));
        if self.compares() {
            heads.push("ours / best other".to_owned());
        }
        heads
    }

    fn line(&self, row: &Row, cells: &[Cell]) -> Vec<String> {
        let mut line = vec![row.to_string(), row.unit().to_owned()];
        line.extend(cells.iter().map(Cell::text));
        if self.compares() {
            let medians = || self.brokers.iter().zip(cells.iter().map(Cell::median));
            let ours =
                medians().find_map(|(broker, cell)| cell.filter(|_| *broker == Broker::Ours));
            let others =
                medians().filter_map(|(broker, cell)| cell.filter(|_| *broker != Broker::Ours));
            let ratio = ours.zip(others.min_by(f64::total_cmp)).map(|(ours, best)| ours / best);
            line.push(ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default());
        }
        line
    }

    fn compares(&self) -> bool {
        self.brokers.contains(&Broker::Ours) && self.brokers.len() > 1
    }
}

/// Where and what: machine, command, versions, and what is the same for all.
pub fn print_top(options: &Options, rows: &[Row]) {
    let Options { rounds, scale, .. } = options;
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("{}, {cores} cores, Linux {}", model.unwrap_or("CPU unknown"), kernel.trim());
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    println!("benches/brokers/run {}", arguments.join(" "));
    for broker in &options.brokers {
        println!("{}", options.programs.version(*broker));
    }
    println!("built with {}; medians of {rounds} rounds", env!("RUSTC_VERSION"));
    println!("CPU time (user and system) of the broker process; 64-byte payloads unless said");
    let mut windows: Vec<_> =
        rows.iter().filter_map(|row| Some((row.title, row.window(*scale)?))).collect();
    windows.dedup();
    for (title, window) in windows {
        println!("messages under way for each publisher, {title}: at most {window}");
    }
    println!();
}
