//! The queue between the thread that reads a log and the one that decodes it. Uses `error`,
//! `mysql`. Warm: once a chunk.
//!
//! A live server gives its events one by one. When the decoder is behind, an event joins the chunk
//! that waits, so a busy stream travels in big chunks and an idle one event by event at once. That
//! is why this is not a plain bounded channel.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::mysql::frame::Feed;

/// Bytes that may wait; one larger chunk may.
const WAITING_MAX: usize = 2 << 20;

/// A waiting chunk takes in events up to this size.
const JOIN_MAX: usize = 256 << 10;

#[derive(Default)]
struct State {
    feeds: VecDeque<Result<Feed>>,
    bytes: usize,
    /// The reading end is gone: nobody wants more.
    closed: bool,
    /// The writing end is gone: nothing more comes.
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

impl Shared {
    /// A panic elsewhere must not add a second one here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end.
pub struct Sender(Arc<Shared>);

/// The reading end.
pub struct Receiver(Arc<Shared>);

/// What the reading end got.
pub enum Received {
    /// The next step.
    Feed(Result<Feed>),
    /// Nothing within the time.
    Nothing,
    /// Nothing any more.
    Ended,
}

/// A queue.
pub fn queue() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    (Sender(shared.clone()), Receiver(shared))
}

fn size(feed: &Result<Feed>) -> usize {
    match feed {
        Ok(Feed::Events(chunk)) => chunk.bytes.len(),
        _ => 0,
    }
}

impl Sender {
    /// Appends, after waiting for room; false when nobody reads any more.
    pub fn send(&self, feed: Result<Feed>) -> bool {
        let mut state = self.0.lock();
        let len = size(&feed);
        if let (Ok(Feed::Events(new)), Some(Ok(Feed::Events(waiting)))) =
            (&feed, state.feeds.back_mut())
            && Arc::ptr_eq(&new.log, &waiting.log)
            && waiting.bytes.len() + new.bytes.len() <= JOIN_MAX
        {
            waiting.append(new);
            state.bytes += len;
            return !state.closed;
        }
        if matches!(feed, Ok(Feed::Idle)) && !state.feeds.is_empty() {
            return !state.closed;
        }
        while !state.closed && state.bytes > 0 && state.bytes + len > WAITING_MAX {
            state = self.0.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes += len;
        state.feeds.push_back(feed);
        self.0.filled.notify_one();
        !state.closed
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.filled.notify_all();
    }
}

impl Receiver {
    /// The next step, or nothing after `timeout`.
    pub fn receive(&self, timeout: Duration) -> Received {
        let mut state = self.0.lock();
        if state.feeds.is_empty() && !state.ended && !timeout.is_zero() {
            let waited = self.0.filled.wait_timeout(state, timeout);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match state.feeds.pop_front() {
            Some(feed) => {
                state.bytes -= size(&feed).min(state.bytes);
                self.0.drained.notify_one();
                Received::Feed(feed)
            }
            None if state.ended => Received::Ended,
            None => Received::Nothing,
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.feeds.clear();
        self.0.drained.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::chunk::{Chunk, LogName};

    #[test]
    fn events_join_while_nobody_takes_them() {
        let (sender, receiver) = queue();
        let log = Arc::new(LogName::new("binlog.000001"));
        for n in 0..10u64 {
            let mut chunk = Chunk::new(log.clone());
            chunk.push(&[0; 30], n * 30, 30);
            assert!(sender.send(Ok(Feed::Events(chunk))));
        }
        drop(sender);
        let Received::Feed(Ok(Feed::Events(chunk))) = receiver.receive(Duration::ZERO) else {
            panic!("no chunk")
        };
        assert_eq!(
            chunk.spans.iter().map(|s| s.offset).collect::<Vec<_>>(),
            (0..10).map(|n| n * 30).collect::<Vec<_>>()
        );
        assert!(matches!(receiver.receive(Duration::ZERO), Received::Ended));
    }

    #[test]
    fn a_full_queue_waits_and_a_closed_one_does_not() {
        let (sender, receiver) = queue();
        let log = Arc::new(LogName::new("binlog.000001"));
        let big = move || {
            let mut chunk = Chunk::new(log.clone());
            chunk.push(&vec![0; WAITING_MAX], 4, WAITING_MAX as u64);
            Ok(Feed::Events(chunk))
        };
        let thread = std::thread::spawn(move || {
            let mut sent = 0;
            while sender.send(big()) {
                sent += 1;
            }
            sent
        });
        for _ in 0..3 {
            while !matches!(receiver.receive(Duration::from_millis(50)), Received::Feed(_)) {}
        }
        drop(receiver);
        assert!(thread.join().unwrap() >= 3);
    }
}
