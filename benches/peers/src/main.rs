//! Compares the time that several MQTT codecs take for the same packets.
//!
//! `cargo run --release` measures with the default settings of the release profile,
//! `cargo run --profile fat` with link-time optimisation across crates. Both print a Markdown
//! table. `--filter TEXT` keeps the rows whose title contains TEXT, `--rounds N` changes the
//! number of rounds.
//!
//! What is timed is the work of the codec alone: A decoder finds its input in the buffer that it
//! reads from, an encoder finds the packets built. See [`codec::Codec`] for where the line runs.
//! All results are checked before the clock starts.

mod alloc;
mod codec;
mod framing;
mod model;
mod peers;
mod reference;
mod sink;
mod table;
mod timing;
mod workload;

use std::process::ExitCode;

use codec::Job;
use peers::Peer;
use table::Cell;
use workload::Row;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

const ROUNDS: usize = 31;

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    rounds: usize,
    filter: String,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { rounds: ROUNDS, filter: String::new() };
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        let value = given.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--rounds" => {
                arguments.rounds = value
                    .parse()
                    .ok()
                    .filter(|rounds| *rounds > 0)
                    .ok_or_else(|| format!("{value} is not a number of rounds"))?;
            }
            "--filter" => arguments.filter = value,
            _ => return Err(format!("{option} is not known; use --rounds or --filter")),
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let peers = peers::all();
    table::print_header(&peers, arguments.rounds);
    table::print_head(&peers);
    for row in workload::rows() {
        if row.title.contains(&arguments.filter) {
            table::print_row(&row.title, &measure(&row, &peers, arguments.rounds)?);
        }
    }
    table::print_notes(&peers);
    Ok(())
}

/// Checks and measures all codecs in one row.
fn measure(row: &Row, peers: &[Peer], rounds: usize) -> Result<Vec<Option<Cell>>, String> {
    let mut able = Vec::new();
    let mut jobs: Vec<Box<dyn Job + '_>> = Vec::new();
    for (column, peer) in peers.iter().enumerate() {
        if let Some(mut job) = peer.job(row) {
            job.check().map_err(|error| format!("{}, {}: {error}", row.title, peer.name))?;
            able.push(column);
            jobs.push(job);
        }
    }

    let packets = row.packets();
    let times = timing::measure(&mut jobs, packets, rounds);
    let ours = able.iter().position(|column| peers[*column].name == peers::OURS);

    let mut cells: Vec<Option<Cell>> = peers.iter().map(|_| None).collect();
    for (i, column) in able.into_iter().enumerate() {
        jobs[i].prepare();
        let allocations = alloc::count(|| jobs[i].run());
        let ratio = ours.filter(|ours| *ours != i).map(|ours| {
            timing::median(times[i].iter().zip(&times[ours]).map(|(theirs, ours)| theirs / ours))
        });
        cells[column] = Some(Cell {
            nanoseconds: timing::median(times[i].iter().copied()),
            allocations: allocations as f64 / packets as f64,
            ratio,
        });
    }
    Ok(cells)
}
