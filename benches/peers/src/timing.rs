//! The clock.

use std::time::{Duration, Instant};

use crate::codec::Job;

/// How long a job runs in one round, about.
const ROUND: Duration = Duration::from_millis(15);

/// Runs each of `jobs` once per round, in turn, and returns the nanoseconds per packet by job and
/// round.
///
/// What slows the machine down for a while thus hits all jobs alike, and ratios can be taken
/// within a round.
pub fn measure(jobs: &mut [Box<dyn Job + '_>], packets: usize, rounds: usize) -> Vec<Vec<f64>> {
    let batches: Vec<u32> = jobs.iter_mut().map(|job| calibrate(&mut **job)).collect();
    let mut times = vec![Vec::with_capacity(rounds); jobs.len()];
    for _ in 0..rounds {
        for ((job, batches), times) in jobs.iter_mut().zip(&batches).zip(&mut times) {
            let elapsed: Duration = (0..*batches).map(|_| time(&mut **job)).sum();
            times.push(elapsed.as_nanos() as f64 / f64::from(*batches) / packets as f64);
        }
    }
    times
}

/// The median.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The number of batches that take [`ROUND`], after a warm-up.
fn calibrate(job: &mut dyn Job) -> u32 {
    let mut elapsed = Duration::ZERO;
    let mut batches = 0;
    while elapsed < ROUND {
        elapsed += time(job);
        batches += 1;
    }
    batches
}

fn time(job: &mut dyn Job) -> Duration {
    job.prepare();
    let start = Instant::now();
    job.run();
    start.elapsed()
}
