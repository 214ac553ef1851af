//! Jobs to threads and their outputs back in the order of the jobs. Uses `error`. Warm: once a job
//! and once an output of some hundred rows.
//!
//! Job n runs on thread n modulo the threads. Each thread has a short queue of outputs of its own,
//! so what waits is bounded whatever a job puts out, and the one who consumes takes from the threads
//! in turn.

use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::error::{Error, Result};

/// Outputs that a thread may have ready.
const READY: usize = 2;
/// Jobs that a thread may have waiting, so that it never waits for one.
const WAITING: usize = 2;

/// What a thread says.
enum Said<T> {
    Output(T),
    /// A job has ended.
    Done(Result<()>),
}

/// Takes an output; false when nobody wants more.
pub type Put<'a, T> = &'a mut dyn FnMut(T) -> bool;

/// Runs `work` for every job on `threads` threads and gives what it puts out to `take`, in the
/// order of the jobs. The first error, of whichever side, ends it.
pub fn run<J: Send, T: Send>(
    jobs: impl Iterator<Item = Result<J>>,
    threads: usize,
    work: impl Fn(J, Put<T>) -> Result<()> + Sync,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let mut jobs = jobs.fuse();
    thread::scope(|scope| {
        let mut lanes: Vec<(Sender<J>, Receiver<Said<T>>)> = Vec::new();
        for number in 0..threads.max(1) {
            let (give, jobs) = bounded::<J>(WAITING);
            let (put, outputs) = bounded(READY);
            let work = &work;
            thread::Builder::new()
                .name(format!("replay-{number}"))
                .spawn_scoped(scope, move || {
                    for job in jobs {
                        let done = work(job, &mut |output| put.send(Said::Output(output)).is_ok());
                        if put.send(Said::Done(done)).is_err() {
                            return;
                        }
                    }
                })
                .map_err(|error| Error::io("a reading thread", error))?;
            lanes.push((give, outputs));
        }
        let (mut given, mut taken) = (0usize, 0usize);
        let mut waiting: Option<J> = None;
        loop {
            // Every thread gets work ahead, as far as it has room.
            while let Some(job) = waiting.take().map(Ok).or_else(|| jobs.next()).transpose()? {
                let Some((give, _)) = lanes.get(given % lanes.len()) else { break };
                match give.try_send(job) {
                    Ok(()) => given += 1,
                    Err(TrySendError::Full(job)) => {
                        waiting = Some(job);
                        break;
                    }
                    Err(TrySendError::Disconnected(_)) => return Err(lost()),
                }
            }
            if taken == given {
                return Ok(());
            }
            let Some((_, outputs)) = lanes.get(taken % lanes.len()) else { return Ok(()) };
            match outputs.recv().map_err(|_| lost())? {
                Said::Output(output) => take(output)?,
                Said::Done(done) => {
                    done?;
                    taken += 1;
                }
            }
        }
    })
}

fn lost() -> Error {
    Error::data("a reading thread ended early").advise("a file of the log may be damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_in_the_order_of_the_jobs() {
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            let jobs = (0..20u64).map(Ok);
            let work = |job: u64, put: Put<(u64, u64)>| {
                std::thread::sleep(std::time::Duration::from_micros(job * 7919 % 500));
                (0..job % 4).all(|part| put((job, part)));
                Ok(())
            };
            run(jobs, threads, work, |output| {
                seen.push(output);
                Ok(())
            })
            .unwrap();
            let expected: Vec<_> =
                (0..20).flat_map(|job| (0..job % 4).map(move |part| (job, part))).collect();
            assert_eq!(seen, expected, "{threads} threads");
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        let work = |job: u64, put: Put<u64>| match job {
            3 => Err(Error::data("three")),
            _ => {
                put(job);
                Ok(())
            }
        };
        let mut seen = 0;
        let failed = run((0..9).map(Ok), 2, work, |_| {
            seen += 1;
            Ok(())
        });
        assert_eq!((failed.unwrap_err().to_string().as_str(), seen), ("three", 3));
        let refused = run(
            (0..9u64).map(Ok),
            2,
            |_, put: Put<u64>| {
                while put(1) {}
                Ok(())
            },
            |_| Err(Error::data("enough")),
        );
        assert_eq!(refused.unwrap_err().to_string(), "enough");
    }
}
