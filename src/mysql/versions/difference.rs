//! How a table's columns differ from those before. Uses nothing else. Not hot.

/// How columns differ from those before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Columns that are new. Compatible.
    pub added: Vec<String>,
    /// Columns that are gone, or have another name now.
    pub dropped: Vec<String>,
    /// Columns of another UMS type.
    pub retyped: Vec<String>,
}

impl Difference {
    /// What `new` has that `old` has not, and the other way round.
    pub(super) fn between(old: &[(String, String)], new: &[(String, String)]) -> Self {
        let find = |columns: &[(String, String)], name: &str| {
            columns.iter().find(|(n, _)| n == name).map(|(_, ty)| ty.clone())
        };
        let mut difference = Self::default();
        for (name, ty) in new {
            match find(old, name) {
                None => difference.added.push(name.clone()),
                Some(before) if before != *ty => difference.retyped.push(name.clone()),
                Some(_) => {}
            }
        }
        difference.dropped = old
            .iter()
            .filter(|(name, _)| find(new, name).is_none())
            .map(|(n, _)| n.clone())
            .collect();
        difference
    }

    /// Whether readers of the old columns can read the new ones.
    pub fn is_compatible(&self) -> bool {
        self.dropped.is_empty() && self.retyped.is_empty()
    }

    /// Whether nothing differs but the order.
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.is_compatible()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts =
            [("added", &self.added), ("dropped", &self.dropped), ("retyped", &self.retyped)];
        let mut separator = "";
        for (what, names) in parts.iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator}{what} {}", names.join(", "))?;
            separator = "; ";
        }
        Ok(())
    }
}
