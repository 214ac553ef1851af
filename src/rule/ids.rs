//! The ids of records: times since 2017 with a number behind, rising within a source and the same when
//! its records are read again. Uses `rule::time`. Hot: once a record.

use super::time::{ID_EPOCH, Micros};

/// Bits of the number within one millisecond.
const SEQUENCE: u32 = 18;
/// Bits of the partition above it.
const PARTITION: u32 = 4;
/// The last millisecond of an id.
const LAST: i64 = i64::MAX >> (SEQUENCE + PARTITION);

/// How many partitions of a source there may be.
pub const PARTITIONS: u8 = 1 << PARTITION;

/// Gives ids to the records of one source, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    partition: i64,
    /// Milliseconds since 2017 of the id to come next, at the least.
    millis: i64,
    /// The number that comes next in that millisecond.
    sequence: i64,
    /// The record's time given last.
    time: Micros,
}

impl Ids {
    /// Begins at 2017.
    pub fn new(partition: u8) -> Self {
        Self {
            partition: i64::from(partition % PARTITIONS),
            millis: 0,
            sequence: 0,
            time: ID_EPOCH,
        }
    }

    /// Goes on behind another run, from what `next` and `time` said at its end.
    pub fn resume(partition: u8, next: i64, time: Micros) -> Self {
        let next = next.max(0);
        Self {
            millis: next >> (SEQUENCE + PARTITION),
            sequence: next & ((1 << SEQUENCE) - 1),
            time,
            ..Self::new(partition)
        }
    }

    /// The least id that may come next.
    pub fn next(&self) -> i64 {
        self.millis << (SEQUENCE + PARTITION) | self.partition << SEQUENCE | self.sequence
    }

    /// The time of the last record that had one.
    pub fn time(&self) -> Micros {
        self.time
    }

    /// The id of a record, and its time. A record without a time has that of the one before. A time
    /// before that of an earlier record, or outside the years 2017 to 2086 of ids, moves nothing; a
    /// millisecond that is full ends early.
    #[inline]
    pub fn give(&mut self, time: Option<Micros>) -> (i64, Micros) {
        let shown = time.unwrap_or(self.time);
        self.time = shown;
        let millis = shown.saturating_sub(ID_EPOCH).div_euclid(1000);
        if millis > self.millis && millis <= LAST {
            (self.millis, self.sequence) = (millis, 0);
        }
        let id = self.next();
        self.sequence += 1;
        if self.sequence >> SEQUENCE != 0 {
            (self.millis, self.sequence) = ((self.millis + 1).min(LAST), 0);
        }
        (id, shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    #[test]
    fn ids_are_times_and_rise() {
        let mut ids = Ids::new(3);
        let at = ID_EPOCH + 5 * SECOND;
        let base = (5000 << 22) + (3 << 18);
        assert_eq!(ids.give(Some(at)), (base, at));
        assert_eq!(ids.give(Some(at + 999)), (base + 1, at + 999));
        assert_eq!(ids.give(None), (base + 2, at + 999));
        assert_eq!(ids.give(Some(at - SECOND)), (base + 3, at - SECOND));
        assert_eq!(ids.give(Some(at + 1000)), ((5001 << 22) + (3 << 18), at + 1000));
    }

    #[test]
    fn times_that_ids_do_not_know_move_nothing() {
        let mut ids = Ids::new(0);
        let first = ids.give(Some(0)).0;
        assert_eq!((first, ids.give(Some(i64::MAX)).0, ids.give(Some(i64::MIN)).0), (0, 1, 2));
        let year_2090 = ID_EPOCH + 73 * 366 * 86_400 * SECOND;
        assert_eq!(ids.give(Some(year_2090)).0, 3);
    }

    #[test]
    fn a_full_millisecond_ends_early_and_runs_go_on() {
        let mut ids = Ids::new(1);
        let mut last = -1;
        for _ in 0..(1 << 18) + 10 {
            let id = ids.give(Some(ID_EPOCH)).0;
            assert!(id > last);
            last = id;
        }
        assert_eq!(last, (1 << 22) + (1 << 18) + 9);
        let mut again = Ids::resume(1, ids.next(), ids.time());
        assert_eq!(again, ids);
        assert_eq!(again.give(None), ids.give(None));
    }
}
