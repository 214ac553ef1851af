//! Windows over event time: which ones a moment is in. Uses nothing of the project. HOT: once a row.

/// Windows; lengths in microseconds, all above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// One that never ends.
    Whole,
    /// Windows of `size`, one begun every `slide`, aligned to 1970-01-01 00:00:00 UTC. Where both
    /// are equal, they tumble.
    Hop {
        /// Their length.
        size: i64,
        /// From the start of one to the start of the next.
        slide: i64,
    },
    /// From a row up to `gap` behind the last row that came less than `gap` behind the one before.
    Session {
        /// The pause that ends one.
        gap: i64,
    },
}

impl Window {
    /// The starts of the windows that a moment is in, rising. A session's is the moment itself.
    #[inline]
    pub fn starts(self, time: i64) -> impl Iterator<Item = i64> {
        let (first, last, step) = match self {
            Self::Whole => (0, 0, 1),
            Self::Session { .. } => (time, time, 1),
            Self::Hop { size, slide } => {
                let last = time.saturating_sub(time.rem_euclid(slide));
                // Windows that begin after `time - size` are still open at `time`.
                let count = (last - time.saturating_sub(size) - 1).max(0) / slide;
                (last - count * slide, last, slide)
            }
        };
        // A slide above the size leaves moments that are in no window.
        let first = if self.end(last) <= time { last.saturating_add(1) } else { first };
        std::iter::successors((first <= last).then_some(first), move |start| {
            start.checked_add(step).filter(|next| *next <= last)
        })
    }

    /// Where a window that starts here ends; for a session, where it ends if nothing follows.
    #[inline]
    pub fn end(self, start: i64) -> i64 {
        match self {
            Self::Whole => i64::MAX,
            Self::Hop { size, .. } => start.saturating_add(size),
            Self::Session { gap } => start.saturating_add(gap),
        }
    }

    /// No window that starts before here ends behind this time. Never falls as the time rises.
    pub fn earliest(self, end: i64) -> i64 {
        match self {
            Self::Whole => i64::MIN,
            Self::Hop { size, .. } => end.saturating_sub(size),
            Self::Session { gap } => end.saturating_sub(gap),
        }
    }

    /// Where the last window that a moment is in ends.
    #[inline]
    pub fn last_end(self, time: i64) -> i64 {
        match self {
            Self::Hop { slide, .. } => {
                self.end(time.saturating_sub(time.rem_euclid(slide))).max(time)
            }
            _ => self.end(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(window: Window, time: i64) -> Vec<i64> {
        window.starts(time).collect()
    }

    #[test]
    fn a_moment_is_in_every_window_that_covers_it() {
        for (size, slide) in [(10, 10), (10, 5), (10, 3), (10, 1), (3, 10), (7, 7), (1, 1)] {
            let window = Window::Hop { size, slide };
            for time in -25..25 {
                let expected: Vec<i64> = (-60..60)
                    .filter(|start| start % slide == 0 && *start <= time && time < start + size)
                    .collect();
                assert_eq!(starts(window, time), expected, "{window:?} {time}");
                if let Some(last) = expected.last() {
                    assert_eq!(window.last_end(time), last + size);
                }
            }
        }
        assert_eq!(starts(Window::Whole, 99), [0]);
        assert_eq!(starts(Window::Session { gap: 5 }, 99), [99]);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for time in [i64::MIN, i64::MAX] {
            for window in [Window::Hop { size: 10, slide: 3 }, Window::Session { gap: 9 }] {
                assert!(starts(window, time).len() < 6);
                window.last_end(time);
            }
        }
    }

    #[test]
    fn no_window_before_the_earliest_one_ends_behind_a_time() {
        let windows = [
            Window::Whole,
            Window::Hop { size: 10, slide: 10 },
            Window::Hop { size: 10, slide: 3 },
            Window::Session { gap: 4 },
        ];
        let times = [i64::MIN, i64::MIN + 5, -11, 0, 7, 10, i64::MAX - 3, i64::MAX];
        for window in windows {
            for (time, start) in times.into_iter().flat_map(|a| times.map(|b| (a, b))) {
                let first = window.earliest(time);
                assert!(start >= first || window.end(start) <= time, "{window:?} {start} {time}");
            }
            assert!(times.map(|time| window.earliest(time)).is_sorted());
        }
    }
}
