//! New names for namespaces: a table elsewhere, or several as one. Uses `error`, `ums`. Not hot:
//! once a schema.

use crate::error::{Error, Result};
use crate::ums::{Namespace, Pattern};

/// One rule: those that match get the new parts.
#[derive(Debug, Clone)]
pub struct Rename {
    pattern: Pattern,
    /// `None` where a part stays.
    parts: [Option<String>; 7],
}

impl Rename {
    /// Reads `PATTERN=NAMESPACE`. In the new name `*` and parts that are left out stay what they are.
    ///
    /// # Errors
    /// `Usage` for a part that cannot be read, and for another type or source: markers speak of
    /// those.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((pattern, name)) = text.split_once('=') else {
            return Err(
                Error::usage(format!("'{text}' has no =")).advise("write PATTERN=NAMESPACE")
            );
        };
        let wanted = name.split('.').count();
        if wanted > 7 {
            return Err(Error::usage(format!("'{name}' has {wanted} parts, a namespace has 7")));
        }
        let whole = format!("{name}{}", ".*".repeat(7 - wanted));
        let parsed = Namespace::parse(&whole).map_err(|error| Error::usage(error.to_string()))?;
        let parts = parsed.parts.map(|part| (part != "*").then_some(part));
        if let Some(part) = parts.iter().flatten().find(|part| part.contains('*')) {
            return Err(Error::usage(format!("'{part}' in the new name"))
                .advise("a part is a name, or * for the one that it was"));
        }
        if let [Some(_), ..] | [_, Some(_), ..] = &parts {
            return Err(Error::usage("the first two parts name the source, and stay")
                .advise("write *.* for them: '*.*.shop.orders=*.*.dw.orders'"));
        }
        Ok(Self { pattern: Pattern::parse(pattern)?, parts })
    }

    /// The new name, if this is for that namespace.
    pub fn apply(&self, namespace: &Namespace) -> Option<Namespace> {
        if !self.pattern.matches(namespace) {
            return None;
        }
        let mut renamed = namespace.clone();
        for (part, new) in renamed.parts.iter_mut().zip(&self.parts) {
            if let Some(new) = new {
                part.clone_from(new);
            }
        }
        Some(renamed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_part_by_part() {
        let namespace = Namespace::parse("mysql.db1.shop.orders.3.0.7").unwrap();
        for (rule, expected) in [
            ("*.*.shop=*.*.dw", Some("mysql.db1.dw.orders.3.0.7")),
            ("*.*.*.ord*=*.*.*.o%2E1.*.*.0", Some("mysql.db1.shop.o%2E1.3.0.0")),
            ("*.*.stock=*.*.dw", None),
        ] {
            let found = Rename::parse(rule).unwrap().apply(&namespace);
            assert_eq!(found.map(|found| found.to_string()).as_deref(), expected);
        }
        for (wrong, why) in [
            ("a.b", "has no ="),
            ("*=mysql.x", "name the source"),
            ("*=*.*.a*", "a part is a name"),
            ("*=*.*.a..b", "part 4 is empty"),
            ("*=1.2.3.4.5.6.7.8", "8 parts"),
        ] {
            let error = Rename::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
