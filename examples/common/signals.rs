//! Signals, which the standard library does not know: this borrows tokio's.

use std::io;
use std::process;
use std::sync::mpsc::SyncSender;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::ctrl_c;

use crate::common::driver::Input;

/// Tells the loop of the first signal; the second one does not wait for it.
pub(crate) fn watch<N: Send + 'static>(inputs: SyncSender<Input<N>>, stop: fn() -> N) {
    thread::spawn(move || -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(interruption())?;
        // Where the loop is busy this waits for room, while the second signal is watched for.
        thread::spawn(move || inputs.send(Input::News(stop())));
        runtime.block_on(interruption())?;
        process::exit(1)
    });
}

#[cfg(unix)]
async fn interruption() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interruption() -> io::Result<()> {
    ctrl_c().await
}
