//! The position of several flows: the least of them. Uses `ums`, `flow`. Not hot: once a marker.
//!
//! "Least" is by the order of the stream, not by id: a run that reads older data again is resumed
//! earlier, which is always safe.

use std::collections::VecDeque;

use crate::flow::lane::remember;
use crate::ums::Marker;

/// The markers of the stream that some flow has not made durable yet.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// With their numbers, in stream order.
    waiting: VecDeque<(u64, Marker)>,
    /// The number of the newest marker.
    newest: u64,
    /// What every flow has made durable: the newest marker of each source.
    common: Vec<Marker>,
}

impl Positions {
    /// Notes a marker. While a flow is out no common position can move, so none is kept.
    pub(super) fn push(&mut self, marker: &Marker, out: bool) {
        self.newest += 1;
        if out {
            self.waiting.clear();
        } else {
            self.waiting.push_back((self.newest, marker.clone()));
        }
    }

    /// The number of the newest marker.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// What all flows have made durable, when the slowest of them has reached `least`.
    pub(super) fn reached(&mut self, least: u64) -> &[Marker] {
        while let Some((number, marker)) = self.waiting.pop_front() {
            if number > least {
                self.waiting.push_front((number, marker));
                break;
            }
            remember(&mut self.common, &marker);
        }
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(source: &str, id: i64) -> Marker {
        Marker {
            kind: "mysql".into(),
            source: source.into(),
            id,
            ts: "2026-11-21 01:02:03.000000".into(),
            file: "bin.000001".into(),
            pos: 4,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        }
    }

    #[test]
    fn the_slowest_decides() {
        let mut positions = Positions::default();
        for marker in [marker("a", 1), marker("b", 9), marker("a", 2), marker("a", 3)] {
            positions.push(&marker, false);
        }
        assert_eq!(positions.reached(0), []);
        assert_eq!(positions.reached(3), [marker("a", 2), marker("b", 9)]);
        assert_eq!(positions.reached(3), [marker("a", 2), marker("b", 9)]);
        assert_eq!(positions.reached(positions.newest())[0], marker("a", 3));
        positions.push(&marker("a", 4), true);
        assert_eq!(positions.reached(9)[0], marker("a", 3));
    }
}
