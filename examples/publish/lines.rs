//! Standard input, line by line, no faster than its lines are delivered.

use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::common::driver::Input;

/// How many lines may be read and not delivered.
const AHEAD: usize = 200;

/// A line, without its end; `None` at the end of input.
pub(crate) struct Line(pub(crate) Option<Vec<u8>>);

/// Reads lines in a thread of their own.
pub(crate) struct Lines {
    credits: SyncSender<()>,
}

impl Lines {
    pub(crate) fn read(inputs: SyncSender<Input<Line>>) -> Lines {
        let (credits, allowed) = sync_channel(AHEAD);
        thread::spawn(move || forward(&inputs, &allowed));
        let lines = Lines { credits };
        (0..AHEAD).for_each(|_| lines.another());
        lines
    }

    /// Allows one more line to be read.
    pub(crate) fn another(&self) {
        // At the end of input nobody takes it.
        let _ = self.credits.try_send(());
    }
}

fn forward(inputs: &SyncSender<Input<Line>>, allowed: &Receiver<()>) {
    for line in io::stdin().lock().split(b'\n') {
        let Ok(line) = line else { break };
        if allowed.recv().is_err() || inputs.send(Input::News(Line(Some(line)))).is_err() {
            return;
        }
    }
    // The loop may have ended before.
    let _ = inputs.send(Input::News(Line(None)));
}
