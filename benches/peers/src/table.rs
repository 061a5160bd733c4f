//! The output.

use std::fmt::Write;

use crate::peers::{OURS, Peer};

/// A codec in a row.
pub struct Cell {
    /// Nanoseconds per packet, the median of all rounds.
    pub nanoseconds: f64,
    /// Heap allocations per packet.
    pub allocations: f64,
    /// The time divided by ours, the median over the ratios of all rounds. `None` in our own
    /// column and if we are not among the codecs.
    pub ratio: Option<f64>,
}

/// Prints what has to be known about the run.
pub fn print_header(peers: &[Peer], rounds: usize) {
    println!("- CPU: {}", cpu_model());
    println!("- Compiler: {}", env!("RUSTC_VERSION"));
    println!("- Profile: {}", profile());
    println!("- Rounds: {rounds}");
    let versions: Vec<String> =
        peers.iter().map(|peer| format!("{} {}", peer.name, version(peer.name))).collect();
    println!("- Codecs: {}", versions.join(", "));
}

/// Prints the head of the table.
pub fn print_head(peers: &[Peer]) {
    let mut names = String::from("\n| ns per packet (allocations) |");
    let mut rule = String::from("|---|");
    for peer in peers {
        let _ = write!(names, " {} |", peer.name);
        rule.push_str("--:|");
    }
    println!("{names}\n{rule}");
}

/// Prints one row.
pub fn print_row(title: &str, cells: &[Option<Cell>]) {
    let mut line = format!("| {title} |");
    for cell in cells {
        let _ = match cell {
            None => write!(line, " - |"),
            Some(cell) => write!(line, " {} |", text(cell)),
        };
    }
    println!("{line}");
}

/// Prints what has to be known to read the table.
pub fn print_notes(peers: &[Peer]) {
    println!(
        "\nA `-` is what a codec cannot do: 5.0, encoding a PUBLISH without copying its payload, or (as it \
         never copies a large one) with it.\n"
    );
    if peers.iter().any(|peer| peer.name == OURS) {
        println!("The factor is the time divided by that of {OURS}.\n");
    }
    for peer in peers {
        println!("- `{}` {}", peer.name, peer.note);
    }
}

fn text(cell: &Cell) -> String {
    let nanoseconds = match cell.nanoseconds {
        few @ ..100.0 => format!("{few:.1}"),
        many => format!("{many:.0}"),
    };
    let allocations = match cell.allocations {
        whole if whole.fract() == 0.0 => format!("{whole:.0}"),
        other => format!("{other:.2}"),
    };
    match cell.ratio {
        Some(ratio) => format!("{nanoseconds} ({allocations}) {ratio:.2}x"),
        None => format!("{nanoseconds} ({allocations})"),
    }
}

fn cpu_model() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown".into())
}

/// The profile, which is the name of the directory that cargo builds into.
fn profile() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "unknown".into())
}

/// The version of a crate as Cargo.lock has it.
fn version(name: &str) -> &'static str {
    include_str!("../Cargo.lock")
        .split("[[package]]")
        .filter_map(|package| {
            let mut lines = package.trim().lines();
            let found = lines.next()?.strip_prefix("name = ")?.trim_matches('"');
            let version = lines.next()?.strip_prefix("version = ")?.trim_matches('"');
            (found == name).then_some(version)
        })
        .next()
        .unwrap_or("unknown")
}
