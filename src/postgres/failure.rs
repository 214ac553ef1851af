//! PostgreSQL's errors as our kinds. Uses `error`. Not hot.

use std::fmt::Display;

use postgres::error::{DbError, SqlState};

use crate::error::{Error, Kind};

/// What is about a row, by SQLSTATE, in our words: the server's own hold the value.
const ROW: [(&str, &str); 20] = [
    ("22001", "a value that is too long for the target column"),
    ("22003", "a number out of the target column's range"),
    ("22007", "a date or time that PostgreSQL does not have"),
    ("22008", "a date or time out of PostgreSQL's range"),
    ("2200G", "a value that the target column's type does not have"),
    ("22015", "an interval out of PostgreSQL's range"),
    ("22021", "text that holds the character NUL, which PostgreSQL cannot store"),
    ("22P02", "text that is no value of the target column's type"),
    ("22P03", "bytes that are no value of the target column's type"),
    ("22P05", "JSON with the character NUL, which PostgreSQL cannot store"),
    ("22030", "JSON with a key twice"),
    ("22032", "text that is no JSON"),
    ("21000", "two rows of one key by the target's own comparison"),
    ("23502", "a NULL where the target allows none"),
    ("23503", "a foreign key of the target refuses the row"),
    ("23505", "another row has the same value in a unique index of the target"),
    ("23514", "a check constraint of the target refuses the row"),
    ("23P01", "an exclusion constraint of the target refuses the row"),
    ("54000", "a value that is too large for an index or the row"),
    ("P0001", "a trigger of the target refuses the row"),
];

/// Classes and states that may pass: connections, deadlocks, room, a restart; and what another
/// process made meanwhile.
const PASSING: [&str; 11] =
    ["08", "40", "53", "57P0", "55P03", "58", "42P07", "42701", "42710", "57014", "25P03"];

/// An error of the server or the connection in our words.
pub fn from(what: impl Display, error: postgres::Error) -> Error {
    let Some(answer) = error.as_db_error() else {
        let text = match std::error::Error::source(&error) {
            Some(source) => format!("{what}: {error}: {source}"),
            None => format!("{what}: {error}"),
        };
        // The client library's own words for a password that it was not given.
        if text.contains("password missing") {
            return Error::refused(text)
                .caused_by(error)
                .advise("give it in DWS_PASSWORD or --password-file");
        }
        return Error::unreachable(text).caused_by(error);
    };
    let state = answer.code().code();
    // Two sessions make the same table in the same moment: the catalogue's own indexes decide.
    if *answer.code() == SqlState::UNIQUE_VIOLATION && answer.schema() == Some("pg_catalog") {
        return Error::unreachable(format!("{what}: another session makes the same table"));
    }
    if let Some((_, text)) = ROW.iter().find(|(known, _)| *known == state) {
        return Error::data(format!("{}{text} (SQLSTATE {state})", place(answer)));
    }
    // Class 22 is about data, whatever is added to it.
    if state.starts_with("22") {
        let text = "a value that the target column's type does not have";
        return Error::data(format!("{}{text} (SQLSTATE {state})", place(answer)));
    }
    let passing = PASSING.iter().any(|known| state.starts_with(known));
    let kind = if passing { Kind::Unreachable } else { Kind::Refused };
    let advice = match state {
        "42501" => "grant the user what is missing",
        "25006" => "the server is read-only: write to its primary",
        "28P01" | "28000" => "check user, password and pg_hba.conf",
        "3D000" => "create the database, or check its name in the address",
        "3F000" => "create the schema, or check its name in the address",
        "42P01" | "42703" => "somebody changed the target table meanwhile: start again",
        "42804" | "42846" | "42883" => {
            "a column of the target has a type that the source's does not turn into: change it, or use another table (--map)"
        }
        _ if state.starts_with("53") => "make room, or allow more connections",
        _ => "",
    };
    let built = Error::new(kind, format!("{what}: {} (SQLSTATE {state})", answer.message()));
    let built = built.caused_by(error);
    if advice.is_empty() { built } else { built.advise(advice) }
}

/// The column or constraint, where the server names it.
fn place(answer: &DbError) -> String {
    match (answer.column(), answer.constraint()) {
        (Some(column), _) => format!("column {column}: "),
        (None, Some(constraint)) => format!("constraint {constraint}: "),
        (None, None) => String::new(),
    }
}
