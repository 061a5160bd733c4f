//! The labs, replayed: MQTT exercises with clients and a broker in one process.

#[expect(dead_code, reason = "resets, which only captures have, and what files are made of")]
mod exchange;
mod files;
mod ladder;
mod login;
mod options;
mod pcapng;
mod print;
mod program;
mod rows;
mod scenario;
mod scenarios;
mod segments;
mod strokes;
mod svg;
mod table;
mod wire;
mod world;

use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;

use clap::Parser;

use options::Options;
use print::Printer;
use scenario::{Scenario, Twin};

fn main() -> ExitCode {
    let options = Options::parse();
    let stdout = io::stdout();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let printer = Printer { out: stdout.lock(), quiet: options.quiet, colour };
    match run(&options, printer) {
        Ok(code) => code,
        // Whoever reads the output has seen enough of it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, mut printer: Printer<impl io::Write>) -> io::Result<ExitCode> {
    if options.names.iter().any(|name| name == "list") {
        printer.list()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut chosen: Vec<&Scenario> = Vec::new();
    for name in &options.names {
        let Some(scenario) = scenarios::all().find(|scenario| scenario.name == name) else {
            eprintln!("lab: there is no experiment {name:?}; `lab list` shows those there are");
            return Ok(ExitCode::from(2));
        };
        chosen.push(scenario);
    }
    if options.names.is_empty() {
        chosen.extend(scenarios::all());
    }
    let mut all_hold = true;
    for scenario in chosen {
        let Some(twin) = twin(scenario, options.change.as_deref()) else {
            eprintln!("lab: the changes to {} are: {}", scenario.name, scenario.twins.join("; "));
            return Ok(ExitCode::from(2));
        };
        let report = (scenario.run)(twin);
        all_hold &= report.holds();
        printer.report(scenario, &report)?;
        if let Some(directory) = &options.out {
            files::write(directory, scenario.name, scenario.title, &report.exchange)?;
        }
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The change asked for, if any; `None`: the experiment has no such change.
fn twin(scenario: &Scenario, change: Option<&str>) -> Option<Twin> {
    match change {
        None => Some(Twin(None)),
        Some(change) => {
            let twin = scenario.twins.iter().find(|twin| **twin == change)?;
            Some(Twin(Some(twin)))
        }
    }
}
