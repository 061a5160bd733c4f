//! Shows the MQTT packets in hex, or in a network capture.

mod arguments;
mod capture;
#[path = "../lab/exchange.rs"]
#[expect(dead_code, reason = "what only writers of captures ask for")]
mod exchange;
mod exchanged;
mod json;
#[path = "../lab/ladder.rs"]
mod ladder;
mod print;
#[path = "../lab/rows.rs"]
mod rows;
mod stream;
#[path = "../lab/strokes.rs"]
mod strokes;
#[path = "../lab/svg.rs"]
mod svg;
mod tcp;

use std::fmt::Display;
use std::fs;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use mqtt_sansio::Sender;

use arguments::Arguments;
use capture::Capture;
use print::{Origin, Printer};
use stream::{Fault, Found, Packets, version_of_connect};
use tcp::Stream;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut printer = Printer::new(io::stdout().lock(), arguments.json, arguments.reencode);
    let result = match &arguments.pcap {
        Some(path) => capture(path, &arguments, &mut printer),
        None if arguments.hex.is_empty() => lines(&arguments, &mut printer),
        None => {
            let mut hex = arguments.hex.iter().enumerate();
            hex.try_for_each(|(stream, hex)| text(stream, hex, &arguments, &mut printer))
        }
    };
    match result.and_then(|()| printer.flush()) {
        // Whoever reads the output has seen enough of it.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => printer.complain(&error),
        _ => {}
    }
    if printer.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Each line of standard input that is not blank is a stream.
fn lines(arguments: &Arguments, printer: &mut Printer<impl Write>) -> io::Result<()> {
    let mut stream = 0;
    for line in io::stdin().lock().split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if !without_comment(&line).trim().is_empty() {
            text(stream, &line, arguments, printer)?;
            printer.flush()?;
            stream += 1;
        }
    }
    Ok(())
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}

/// A stream in hex.
fn text(
    stream: usize,
    hex: &str,
    arguments: &Arguments,
    printer: &mut Printer<impl Write>,
) -> io::Result<()> {
    let origin = Origin { stream, captured: None };
    match unhex(without_comment(hex)) {
        Ok(bytes) => Packets::new(&bytes, 0, arguments.version, arguments.from())
            .try_for_each(|(_, found)| printer.print(&origin, &found)),
        Err(fault) => printer.print(&origin, &Found::Bad(fault)),
    }
}

/// The bytes that hex digits stand for, with any white space between them.
fn unhex(hex: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut high = None;
    for digit in hex.chars().filter(|digit| !digit.is_whitespace()) {
        let Some(value) = digit.to_digit(16).and_then(|value| u8::try_from(value).ok()) else {
            return Err(Fault::in_input(
                format!("{digit:?} is not a hexadecimal digit"),
                bytes.len(),
            ));
        };
        match high.take() {
            Some(high) => bytes.push(high << 4 | value),
            None => high = Some(value),
        }
    }
    match high {
        Some(_) => Err(Fault::in_input("the last byte has only one digit".into(), bytes.len())),
        None => Ok(bytes),
    }
}

/// Each TCP connection of a capture is a stream; the packets of all come in the order of time.
fn capture(
    path: &Path,
    arguments: &Arguments,
    printer: &mut Printer<impl Write>,
) -> io::Result<()> {
    let in_file = |problem: &dyn Display| format!("{}: {problem}", path.display());
    let file = fs::read(path).map_err(|error| io::Error::new(error.kind(), in_file(&error)))?;
    let capture = capture::read(&file);
    let streams = tcp::streams(&capture.frames, &arguments.ports);

    let mut found = Vec::new();
    for (stream, Stream { sides: [client, server], .. }) in streams.iter().enumerate() {
        // Both sides speak the version that the client asked for.
        let version = arguments.version.or_else(|| version_of_connect(&client.bytes));
        for (sender, side) in [(Sender::Client, client), (Sender::Server, server)] {
            if arguments.from().is_none_or(|from| from == sender) {
                let packets = Packets::new(&side.bytes, side.gap, version, arguments.from());
                found.extend(packets.map(|(end, found)| (side.frame(end), stream, sender, found)));
            }
        }
    }
    if arguments.draws() {
        draw(path, arguments, &capture, &streams, printer)?;
        // Packets are in the picture.
        found.retain(|(.., found)| !matches!(found, Found::Packet { .. }));
    }
    // Stable: what one frame completes stays in the order of the stream.
    found.sort_by_key(|(frame, ..)| *frame);
    for (frame, stream, sender, found) in &found {
        let time = capture.frames.get(*frame).and_then(|frame| frame.time);
        printer.print(&Origin { stream: *stream, captured: Some((*sender, time)) }, found)?;
    }
    printer.flush()?;
    capture.problems.iter().for_each(|problem| printer.complain(&in_file(problem)));
    Ok(())
}

/// Shows the connections of a capture in one diagram.
fn draw(
    path: &Path,
    arguments: &Arguments,
    capture: &Capture<'_>,
    streams: &[Stream],
    printer: &mut Printer<impl Write>,
) -> io::Result<()> {
    let exchange = exchanged::exchange(capture, streams, arguments.version);
    if arguments.ladder {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        printer.write(&ladder::draw(&exchange, colour))?;
    }
    if let Some(picture) = &arguments.svg {
        let title = path.file_name().unwrap_or_default().to_string_lossy();
        let in_file = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", picture.display()))
        };
        fs::write(picture, svg::draw(&exchange, &title)).map_err(in_file)?;
    }
    Ok(())
}
