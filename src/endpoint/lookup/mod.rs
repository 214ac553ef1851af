//! Stores that `ums-join` looks rows up in: one row each, which the manual page dws-endpoints.7 is
//! made from. Uses `lookup`, `url`. Not hot.
//!
//! To add a store: one file here with `pub const SPEC: Spec`, one `mod` line and one row in `ALL`.

mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use crate::error::{Error, Result};
use crate::lookup::Store;
use crate::lookup::text::Text;
use crate::url::{Login, Opt, Url};

/// Every store of this build.
pub const ALL: &[&Spec] = &[
    &mysql::SPEC,
    #[cfg(feature = "postgres")]
    &postgres::SPEC,
    #[cfg(feature = "sqlite")]
    &sqlite::SPEC,
    &redis::SPEC,
];

/// One store as data.
pub struct Spec {
    /// The address's scheme.
    pub scheme: &'static str,
    /// How its address is written.
    pub form: &'static str,
    /// One line for help and manual pages.
    pub summary: &'static str,
    /// A paragraph for the manual page.
    pub description: &'static str,
    /// The query keys of its address, beside [`RETRY`].
    pub options: &'static [Opt],
    /// A command line that uses it.
    pub example: &'static str,
    /// Reads the address and the query; connects at the first question.
    pub open: fn(&Wanted) -> Result<Box<dyn Store>>,
}

/// What is to be opened.
pub struct Wanted<'a> {
    /// Where.
    pub url: &'a Url,
    /// What is asked.
    pub query: &'a str,
    /// Where a password is when the address has none.
    pub login: &'a Login,
    /// Tells people something.
    pub warn: &'a dyn Fn(&str),
}

/// The option of every store.
pub const RETRY: Opt =
    Opt { name: "retry", meaning: "Seconds to ask again what may pass.", default: "300" };

/// The option of stores with a round trip.
const KEYS: Opt = Opt { name: "keys", meaning: "Keys asked for at once.", default: "64" };

/// Opens a store, and how many seconds it may be gone.
///
/// # Errors
/// `Usage` for an unknown scheme or option and for a query that cannot be read.
pub fn open(wanted: &Wanted) -> Result<(Box<dyn Store>, u64)> {
    let url = wanted.url;
    let spec = ALL.iter().find(|spec| spec.scheme == url.scheme()).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|spec| spec.form).collect();
        Error::usage(format!(
            "--lookup {url}: unknown store; this build knows {}",
            known.join(", ")
        ))
    })?;
    let known: Vec<Opt> = spec.options.iter().copied().chain([RETRY]).collect();
    url.check_options(&known)?;
    let retry = url.number(RETRY.name, 300)?;
    Ok(((spec.open)(wanted)?, retry))
}

/// How many keys a question has at most.
fn most(url: &Url) -> Result<usize> {
    Ok(usize::try_from(url.number(KEYS.name, 64)?).unwrap_or(usize::MAX).clamp(1, 1000))
}

/// A statement for so many keys: the query once for each, with the key's number in front, so that
/// the server alone decides what is equal. `columns` is what is taken of the query's columns,
/// `value` writes the parameter of a key's column.
fn statement(
    text: &Text,
    keys: usize,
    columns: &str,
    mut value: impl FnMut(&mut String, usize, usize),
) -> String {
    let mut sql = String::new();
    for key in 0..keys {
        let link = if key > 0 { "\nUNION ALL " } else { "" };
        sql.push_str(&format!("{link}SELECT {key} AS _ums_key_, {columns} FROM (\n"));
        text.render(&mut sql, |sql, column| value(sql, key, column));
        sql.push_str("\n) AS q");
    }
    sql
}

/// The size of the statement for so many keys: few sizes are prepared, and the last key is asked
/// again where there are fewer.
fn size(keys: usize, most: usize) -> usize {
    keys.next_power_of_two().min(most).max(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::lookup::text::Lexicon;

    #[test]
    fn addresses_are_checked_before_anything_is_opened() {
        for (address, query, why) in [
            ("nosuch://h/x", "SELECT :a", "mysql://"),
            ("mysql://u@h/d?retires=1", "SELECT :a", "retry"),
            ("mysql://u@h/d", "SELECT 1", "names no column"),
            ("mysql://u@h/d?retry=x", "SELECT :a", "whole number"),
        ] {
            let url = Url::parse(address).unwrap();
            let login = Login::default();
            let wanted = Wanted { url: &url, query, login: &login, warn: &|_| {} };
            let error = open(&wanted).err().unwrap();
            assert_eq!(error.kind(), Kind::Usage, "{error}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_statement_has_the_query_for_each_key() {
        let text = Text::parse("SELECT a FROM t WHERE b = :x -- end", Lexicon::MySql).unwrap();
        let sql =
            statement(&text, 2, "q.*", |sql, key, column| sql.push_str(&format!("?{key}{column}")));
        assert_eq!(
            sql,
            "SELECT 0 AS _ums_key_, q.* FROM (\nSELECT a FROM t WHERE b = ?00 -- end\n) AS q\n\
             UNION ALL SELECT 1 AS _ums_key_, q.* FROM (\nSELECT a FROM t WHERE b = ?10 -- end\n) AS q"
        );
        assert_eq!([size(1, 256), size(3, 256), size(200, 256), size(90, 100)], [1, 4, 256, 100]);
    }
}
