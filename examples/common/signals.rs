//! Signals, which the standard library does not know: this borrows tokio's.

use std::io;
use std::process;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tokio::runtime::Builder;

use crate::common::driver::Input;

/// Tells the loop of the first signal; the second one does not wait for it.
pub(crate) fn watch<N: Send + 'static>(inputs: SyncSender<Input<N>>, stop: fn() -> N) {
    let (begun, begins) = sync_channel::<()>(0);
    thread::spawn(move || -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let mut signals = Signals::new()?;
            drop(begun);
            signals.next().await?;
            // Where the loop is busy this waits for room, while the second signal is watched for.
            thread::spawn(move || inputs.send(Input::News(stop())));
            signals.next().await?;
            process::exit(1)
        })
    });
    // Who sees the program at work may send one: from then on it is caught.
    let _ = begins.recv();
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Signals { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}
