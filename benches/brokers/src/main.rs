//! Compares MQTT brokers through sockets: the CPU time that a broker process takes for what it does.
//!
//! `./run` builds all and measures. Options: `--rounds N`, `--filter TEXT` (rows whose title contains it),
//! `--only ours,mosquitto,rumqttd`, `--messages-scale X` (more or fewer of them), `--window-scale X`
//! (more or fewer under way), `--markdown`. The variables `OURS` and `MOSQUITTO` say where those are.
//!
//! Each measurement has a broker of its own, and the rounds alternate between them. The load is a closed
//! loop: a publisher goes on as subscribers receive, so that all brokers get the same and none has to
//! drop. Every message is counted; one that is missing, or comes twice, fails the row.

mod brokers;
mod cpu;
mod flow;
mod load;
mod report;
mod rows;
mod shapes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use brokers::{Broker, Programs};
use report::{Cell, Report};
use rows::{Row, Scale};

fn main() -> ExitCode {
    match Options::from_arguments().and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    rounds: usize,
    filter: String,
    brokers: Vec<Broker>,
    scale: Scale,
    markdown: bool,
    programs: Programs,
}

impl Options {
    fn from_arguments() -> Result<Options, String> {
        let here = std::env::current_exe().map_err(|error| error.to_string())?;
        let programs = Programs {
            ours: place("OURS", here.with_file_name("examples").join("broker")),
            mosquitto: place("MOSQUITTO", "/usr/sbin/mosquitto".into()),
            rumqttd: here.with_file_name("rumqttd"),
        };
        let mut options = Options {
            rounds: 5,
            filter: String::new(),
            brokers: Broker::ALL.to_vec(),
            scale: Scale { messages: 1.0, window: 1.0 },
            markdown: false,
            programs,
        };
        let mut given = std::env::args().skip(1);
        while let Some(option) = given.next() {
            if option == "--markdown" {
                options.markdown = true;
                continue;
            }
            let value = given.next().ok_or_else(|| format!("{option} needs a value"))?;
            options.set(&option, &value)?;
        }
        Ok(options)
    }

    fn set(&mut self, option: &str, value: &str) -> Result<(), String> {
        let positive = || format!("{option} takes a number above 0");
        let factor = || {
            let factor = value.parse().ok().filter(|factor| *factor > 0.0);
            factor.ok_or_else(positive)
        };
        match option {
            "--rounds" => {
                let rounds = value.parse().ok().filter(|rounds| *rounds > 0);
                self.rounds = rounds.ok_or_else(positive)?;
            }
            "--messages-scale" => self.scale.messages = factor()?,
            "--window-scale" => self.scale.window = factor()?,
            "--filter" => value.clone_into(&mut self.filter),
            "--only" => {
                self.brokers = value.split(',').map(Broker::from_name).collect::<Result<_, _>>()?;
            }
            _ => return Err(format!("there is no option {option}")),
        }
        Ok(())
    }
}

/// A path from the environment.
fn place(variable: &str, default: PathBuf) -> PathBuf {
    std::env::var_os(variable).map_or(default, PathBuf::from)
}

/// Whether nothing has failed.
fn run(options: &Options) -> Result<bool, String> {
    let folder = Folder::new()?;
    let mut rows = Row::all();
    rows.retain(|row| row.to_string().contains(&options.filter));
    report::print_top(options, &rows);
    let empty = || options.brokers.iter().map(|_| Cell::default()).collect();
    let rows = rows.into_iter().map(|row| (row, empty())).collect();
    let brokers = options.brokers.clone();
    let mut report = Report { brokers, rows, markdown: options.markdown };
    for round in 1..=options.rounds {
        for (row, cells) in &mut report.rows {
            for (broker, cell) in options.brokers.iter().zip(cells) {
                measure(options, round, row, *broker, cell, &folder.0);
            }
        }
    }
    report.print();
    Ok(report.rows.iter().all(|(_, cells)| cells.iter().all(|cell| cell.failed.is_none())))
}

/// One round of one broker in one row. What has failed once is not tried again.
fn measure(
    options: &Options,
    round: usize,
    row: &Row,
    broker: Broker,
    cell: &mut Cell,
    folder: &Path,
) {
    if cell.failed.is_some() {
        return;
    }
    let running = options.programs.start(broker, folder);
    match running.and_then(|running| row.measure(&running, options.scale)) {
        Ok(measure) => {
            eprintln!("round {round}, {row}, {}: {measure}", broker.name());
            cell.measured.push(measure.each);
        }
        Err(error) => {
            eprintln!("round {round}, {row}, {}: {error}", broker.name());
            cell.failed = Some(error);
        }
    }
}

/// A temporary folder, which is removed when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, String> {
        let path = std::env::temp_dir().join(format!("mqtt-brokers-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
