//! Tables for the terminal.

use std::fmt;

/// Rows of cells under a title; the first row names the columns.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Table {
        let head = columns.iter().map(|column| (*column).to_owned()).collect();
        Table { title: title.into(), rows: vec![head] }
    }

    pub(crate) fn row(&mut self, cells: &[&dyn fmt::Display]) {
        self.rows.push(cells.iter().map(ToString::to_string).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        writeln!(f, "{}", self.title)?;
        for (index, row) in self.rows.iter().enumerate() {
            for (width, cell) in widths.iter().zip(row) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
            if index == 0 {
                let rule = widths.iter().map(|width| format!("  {}", "─".repeat(*width)));
                writeln!(f, "{}", rule.collect::<String>())?;
            }
        }
        Ok(())
    }
}
