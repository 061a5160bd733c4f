//! What a process has used so far.

use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// A process that uses less than this in [`QUIET`] is idle.
pub const IDLE: Duration = Duration::from_micros(500);
pub const QUIET: Duration = Duration::from_millis(20);

/// A process that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub Pid);

impl Process {
    pub fn this() -> Process {
        Process(Pid::this())
    }

    /// User and system time of all its threads, those that have ended included, in nanoseconds' resolution:
    /// the times in /proc/PID/stat advance by 10 ms.
    pub fn cpu(self) -> Result<Duration, String> {
        let time = clock_getcpuclockid(self.0).and_then(clock_gettime);
        time.map(Duration::from).map_err(|error| format!("the CPU time of {}: {error}", self.0))
    }

    /// The memory that it has for itself, and its share of what it shares, in KiB.
    pub fn memory(self) -> Result<u64, String> {
        let path = format!("/proc/{}/smaps_rollup", self.0);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|n| n.parse().ok());
        kib.ok_or_else(|| format!("{path} tells no Pss"))
    }

    /// Waits until it has done what it was asked for.
    pub fn settle(self) -> Result<(), String> {
        let give_up = Instant::now() + Duration::from_secs(5);
        let mut before = self.cpu()?;
        while Instant::now() < give_up {
            std::thread::sleep(QUIET);
            let now = self.cpu()?;
            if now - before < IDLE {
                break;
            }
            before = now;
        }
        Ok(())
    }
}
