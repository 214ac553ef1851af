//! How far all inputs have come: in time, and as markers for the output. Uses `ums`, `op::join`. Not
//! hot: once a marker.
//!
//! The marker of a source is the least that its inputs have brought. An input is taken to have rows of
//! those sources that it has brought rows or markers of by its first marker; before, every marker
//! waits for it.

use crate::op::join::clock;
use crate::ums::Marker;

/// Kinds of markers whose time is not that of rows: they count the shards of a pull, or the offsets of
/// a topic.
const COUNTS: [&str; 2] = ["pull", "kafka"];

/// A marker with its line.
pub(super) type Marked = (Marker, Vec<u8>);

/// What is known of one input.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The newest marker of each source.
    pub(super) markers: Vec<Marked>,
    /// Sources of which there were rows, by type and name.
    pub(super) sources: Vec<[String; 2]>,
    pub(super) ended: bool,
    /// Lines that were taken of an input that has no markers: where a state is kept, all of them.
    pub(super) lines: u64,
}

/// All inputs, and what was said of them.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    pub(super) inputs: Vec<Known>,
    /// The newest marker of each source that may be written.
    pub(super) least: Vec<Marked>,
}

fn same(a: &Marker, b: &Marker) -> bool {
    a.kind == b.kind && a.source == b.source
}

/// Puts a marker in the place of the one of its source.
pub(super) fn replace(markers: &mut Vec<Marked>, new: Marked) {
    match markers.iter_mut().find(|old| same(&old.0, &new.0)) {
        Some(old) => *old = new,
        None => markers.push(new),
    }
}

impl Frontier {
    pub(super) fn new(inputs: usize) -> Self {
        let inputs = std::iter::repeat_with(Known::default).take(inputs).collect();
        Self { inputs, least: Vec::new() }
    }

    /// Takes a marker of an input; gives those of sources that came forward.
    pub(super) fn mark(&mut self, input: usize, marked: Marked) -> Vec<Marked> {
        if let Some(known) = self.inputs.get_mut(input) {
            replace(&mut known.markers, marked);
        }
        self.forward()
    }

    /// The markers of sources that came forward since the last call.
    pub(super) fn forward(&mut self) -> Vec<Marked> {
        if self.inputs.iter().any(|known| known.markers.is_empty() && !known.ended) {
            return Vec::new();
        }
        let mut moved = Vec::new();
        let all: Vec<&Marker> =
            self.inputs.iter().flat_map(|known| &known.markers).map(|marked| &marked.0).collect();
        for (place, marker) in all.iter().enumerate() {
            if all.iter().take(place).any(|other| same(other, marker)) {
                continue;
            }
            let waits = self.inputs.iter().any(|known| {
                !known.ended
                    && known.sources.iter().any(|[k, s]| *k == marker.kind && *s == marker.source)
                    && !known.markers.iter().any(|marked| same(&marked.0, marker))
            });
            let of_source = self
                .inputs
                .iter()
                .flat_map(|known| &known.markers)
                .filter(|marked| same(&marked.0, marker));
            let Some(least) = of_source.min_by_key(|marked| marked.0.id) else { continue };
            let told = self.least.iter().find(|told| same(&told.0, marker));
            // Equal ids are proof of life.
            let newer = told.is_none_or(|told| {
                told.0.id < least.0.id || told.0.id == least.0.id && told.0 != least.0
            });
            if newer && !waits {
                moved.push(least.clone());
            }
        }
        for marked in &moved {
            replace(&mut self.least, marked.clone());
        }
        moved
    }

    /// The time before which every input has given everything, in microseconds since 1970; `None`
    /// while one that goes on has not said so of anything.
    pub(super) fn time(&self) -> Option<i64> {
        let mut least = None;
        for known in self.inputs.iter().filter(|known| !known.ended) {
            let times =
                known.markers.iter().filter(|marked| !COUNTS.contains(&marked.0.kind.as_str()));
            let time = times.filter_map(|marked| clock::micros(&marked.0.ts)).min()?;
            least = Some(least.map_or(time, |least: i64| least.min(time)));
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(source: &str, id: i64, second: i64) -> Marked {
        let ts = format!("2026-11-21 00:00:{second:02}.000000");
        let (kind, source) = ("mysql".into(), source.into());
        let marker = Marker {
            kind,
            source,
            id,
            ts,
            file: "f".into(),
            pos: 0,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        };
        (marker, Vec::new())
    }

    fn told(moved: &[Marked]) -> Vec<(String, i64)> {
        moved.iter().map(|marked| (marked.0.source.clone(), marked.0.id)).collect()
    }

    #[test]
    fn the_marker_of_a_source_is_the_least_of_its_inputs() {
        let mut frontier = Frontier::new(3);
        assert!(frontier.mark(0, marked("a", 10, 10)).is_empty(), "two inputs said nothing");
        assert!(frontier.mark(1, marked("a", 5, 5)).is_empty());
        assert_eq!(frontier.time(), None);
        let moved = frontier.mark(2, marked("b", 7, 7));
        assert_eq!(told(&moved), [("a".into(), 5), ("b".into(), 7)]);
        assert_eq!(frontier.time(), clock::micros("2026-11-21 00:00:05"));
        assert!(told(&frontier.mark(0, marked("a", 20, 20))).is_empty());
        assert_eq!(told(&frontier.mark(1, marked("a", 12, 12))), [("a".into(), 12)]);
        assert!(frontier.forward().is_empty());
        // What ended still bounds its source, but not the time.
        frontier.inputs[1].ended = true;
        assert!(frontier.mark(0, marked("a", 30, 30)).is_empty());
        assert_eq!(frontier.time(), clock::micros("2026-11-21 00:00:07"));
    }

    #[test]
    fn an_input_with_rows_of_a_source_holds_its_marker() {
        let mut frontier = Frontier::new(2);
        frontier.inputs[1].sources.push(["mysql".into(), "a".into()]);
        frontier.mark(1, marked("b", 1, 1));
        assert_eq!(told(&frontier.mark(0, marked("a", 10, 10))), [("b".into(), 1)]);
        assert_eq!(told(&frontier.mark(1, marked("a", 3, 3))), [("a".into(), 3)]);
    }
}
