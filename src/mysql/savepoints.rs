//! Which events of a transaction a ROLLBACK TO SAVEPOINT took back. Uses `mysql::ddl`. Not hot.

use std::ops::Range;

use super::ddl::Statement;

/// The savepoints of one transaction, and what was undone.
#[derive(Debug, Default, Clone)]
pub struct Savepoints {
    /// Name, and the number of the event that set it.
    set: Vec<(String, u64)>,
    /// Numbers of events that were taken back.
    dropped: Vec<Range<u64>>,
    /// The same inside a compressed transaction, whose events have numbers of their own.
    pub inner: Vec<Range<u64>>,
}

impl Savepoints {
    /// Takes in a statement that stands at event `number`.
    pub fn statement(&mut self, statement: &Statement, number: u64) {
        match statement {
            Statement::Savepoint(name) => {
                // Setting a name again moves it.
                self.set.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                self.set.push((name.clone(), number));
            }
            Statement::RollbackTo(name) => {
                let found = self.set.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
                if let Some(index) = found {
                    if let Some((_, from)) = self.set.get(index) {
                        self.dropped.push(*from..number);
                    }
                    self.set.truncate(index + 1);
                }
            }
            Statement::ReleaseSavepoint(name) => {
                self.set.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            }
            _ => {}
        }
    }

    /// What was taken back.
    pub fn dropped(&self) -> &[Range<u64>] {
        &self.dropped
    }

    /// Whether event `number` was taken back.
    #[inline]
    pub fn is_dropped(&self, number: u64) -> bool {
        self.dropped.iter().any(|range| range.contains(&number))
    }

    /// Whether event `number` of the compressed transaction was taken back.
    #[inline]
    pub fn is_dropped_inside(&self, number: u64) -> bool {
        self.inner.iter().any(|range| range.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_savepoints() {
        let mut savepoints = Savepoints::default();
        let set = |name: &str| Statement::Savepoint(name.to_owned());
        let back = |name: &str| Statement::RollbackTo(name.to_owned());
        savepoints.statement(&set("a"), 2);
        savepoints.statement(&set("b"), 5);
        savepoints.statement(&back("b"), 8);
        savepoints.statement(&back("A"), 11);
        savepoints.statement(&back("b"), 14);
        assert!(!savepoints.is_dropped(1));
        assert!((2..11).all(|n| savepoints.is_dropped(n)));
        assert!(!savepoints.is_dropped(12), "b is gone with the rollback to a");
    }
}
