//! MySQL's and MariaDB's errors as our kinds. Uses `error`, `mysql`. Not hot.

use std::fmt::Display;

use crate::error::{Error, Kind};
use crate::mysql::connect::describe;

/// What may pass: locks, connections, room; and a table that another process made meanwhile.
const PASSING: [u16; 28] = [
    3, 1020, 1021, 1030, 1040, 1047, 1050, 1053, 1060, 1114, 1152, 1158, 1159, 1160, 1161, 1180,
    1203, 1205, 1213, 1226, 1317, 1412, 1927, 1969, 2006, 2013, 3101, 4031,
];

/// What is about a row, in our words: the server's own hold the value.
const ROW: [(u16, &str); 27] = [
    (1048, "a NULL where the target allows none"),
    (1062, "another row has the same value in a unique index of the target"),
    (1118, "the row is too large for the target"),
    (1153, "the row is larger than the server's max_allowed_packet"),
    (1264, "a number out of the target column's range"),
    (1265, "a value that the target column would cut off"),
    (1292, "a value that the target column's type does not have"),
    (1364, "the target has a column without a default that the message lacks"),
    (1366, "a value that the target column's type does not have"),
    (1367, "a number that the target column's type does not have"),
    (1406, "a value that is too long for the target column"),
    (1411, "a value that the target column's type does not have"),
    (1416, "bytes that are no geometry"),
    (1451, "a foreign key of the target refers to the row"),
    (1452, "a foreign key of the target has no such row"),
    (1526, "no partition of the target for the row"),
    (1644, "a trigger of the target refuses the row"),
    (1690, "a number out of range"),
    (3140, "text that is no JSON"),
    (3141, "text that is no JSON"),
    (3144, "text that is no JSON of that character set"),
    (3150, "JSON that is too large"),
    (3157, "JSON that is nested too deep"),
    (3819, "a check constraint of the target refuses the row"),
    (4025, "a check constraint of the target refuses the row"),
    (4038, "text that is no JSON"),
    (3105, "the target computes a column that the message brings"),
];

/// An error of the server or the connection in our words.
pub(super) fn from(what: impl Display, error: mysql::Error) -> Error {
    let mysql::Error::MySqlError(answer) = &error else {
        return Error::unreachable(format!("{what}: {}", describe(&error))).caused_by(error);
    };
    if let Some((_, text)) = ROW.iter().find(|(code, _)| *code == answer.code) {
        let column = column(&answer.message);
        // Only our own statement writes a NULL there, when it meets a row of another key.
        let met =
            matches!(column.as_deref(), Some("_ums_id_" | "_ums_uid_")) && answer.code == 1048;
        if met {
            return from_code(1062);
        }
        let column = column.map(|name| format!("column {name}: "));
        return Error::data(format!(
            "{}{text} (error {})",
            column.unwrap_or_default(),
            answer.code
        ));
    }
    let kind = if PASSING.contains(&answer.code) { Kind::Unreachable } else { Kind::Refused };
    let advice = match answer.code {
        1021 | 1114 | 3 => "make room on the server's disk",
        1142 | 1044 | 1143 | 1227 | 1370 => "grant the user what is missing",
        1290 | 1836 => "the server is read-only: write to its primary",
        1146 | 1054 => "somebody changed the target table meanwhile: start again",
        1071 => "the key is too long for an index: name other columns with --keys",
        _ => "",
    };
    let built = Error::new(kind, format!("{what}: {answer}")).caused_by(error);
    if advice.is_empty() { built } else { built.advise(advice) }
}

fn from_code(code: u16) -> Error {
    let text = ROW.iter().find(|(known, _)| *known == code).map_or("", |(_, text)| text);
    Error::data(format!("{text} (error {code})"))
}

/// The column that a message names: `… for column 'c' at row 1`, `` … `d`.`t`.`c` at row 1 ``,
/// `Column 'c' cannot be null`. The value stands before it, so the last one is looked for.
fn column(message: &str) -> Option<String> {
    // MariaDB calls the check of a column TABLE.COLUMN.
    if let Some(rest) = message.strip_prefix("CONSTRAINT `") {
        let (name, _) = rest.rsplit_once("` failed for ")?;
        return name.split_once('.').map(|(_, column)| column.to_owned());
    }
    let (rest, end) = match message.rfind("for column ") {
        Some(at) => (message.get(at + 11..)?, " at row"),
        None => (message.strip_prefix("Column ").or_else(|| message.strip_prefix("Field "))?, "' "),
    };
    let named = rest.split(end).next()?;
    let last = named.trim_end_matches('.').rsplit('.').next()?;
    let name = last.trim_matches(['\'', '`']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_and_values_are_not() {
        for (message, name) in [
            ("Incorrect integer value: 'secret' for column 'a' at row 1", Some("a")),
            ("Data too long for column `d`.`t`.`a` at row 7", None),
            ("Incorrect value: 'x for column 'b'' for column `d`.`t`.`a` at row 7", Some("a")),
            ("Column 'a' cannot be null", Some("a")),
            ("Invalid JSON text: \"secret\" at position 1 in value for column 't.a'.", Some("a")),
            ("CONSTRAINT `t.a` failed for `d`.`t`", Some("a")),
            ("Duplicate entry 'secret' for key 'u'", None),
        ] {
            if let Some(name) = name {
                assert_eq!(column(message).as_deref(), Some(name), "{message}");
            }
            assert!(!column(message).unwrap_or_default().contains("secret"));
        }
    }
}
