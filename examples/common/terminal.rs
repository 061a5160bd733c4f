//! What a user types, and what a user is shown.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc::SyncSender;
use std::thread;

use crate::common::driver::Input;
use crate::signals;

/// What a user does.
pub(crate) enum Typed {
    Line(String),
    /// There will be no more lines.
    End,
    /// The program is to end.
    Stop,
}

/// Where a user types, maybe, and reads.
pub(crate) struct Terminal {
    /// Shown where lines are typed by hand.
    prompt: Option<&'static str>,
    reads: bool,
}

impl Terminal {
    pub(crate) fn new(prompt: &'static str) -> Terminal {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Terminal { prompt: Some(prompt).filter(|_| is_terminal), reads: false }
    }

    /// Has the lines read from now on.
    pub(crate) fn read(&mut self, inputs: SyncSender<Input<Typed>>) {
        thread::spawn(move || {
            for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if inputs.send(Input::News(Typed::Line(line))).is_err() {
                    return;
                }
            }
            // The loop may have ended before.
            let _ = inputs.send(Input::News(Typed::End));
        });
        self.reads = true;
        self.ask();
    }

    /// Prints a line above the one that is being typed.
    pub(crate) fn say(&self, line: &str) {
        let mut out = io::stdout().lock();
        let clear = if self.prompt.is_some() { "\r\x1b[K" } else { "" };
        // Where nobody reads any more, the program still does its work.
        let _ = writeln!(out, "{clear}{line}").and_then(|()| out.flush());
        drop(out);
        self.ask();
    }

    /// The same on standard error: what was typed is not as it should be.
    pub(crate) fn explain(&self, line: &str) {
        eprintln!("{line}");
        self.ask();
    }

    /// Shows the prompt, where there is one.
    pub(crate) fn ask(&self) {
        if let Some(prompt) = self.prompt.filter(|_| self.reads) {
            let mut out = io::stdout().lock();
            let _ = write!(out, "{prompt}").and_then(|()| out.flush());
        }
    }

    /// Leaves the line with the prompt.
    pub(crate) fn end(&self) {
        if self.prompt.is_some() && self.reads {
            println!();
        }
    }
}

/// Ctrl-C, or what the system has instead.
pub(crate) fn watch(inputs: SyncSender<Input<Typed>>) {
    signals::watch(inputs, || Typed::Stop);
}

/// Text that came from elsewhere, without what would control a terminal.
pub(crate) fn visible(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
