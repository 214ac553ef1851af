//! Statements that change rows, logged as text. Uses `cursor`. Not hot.
//!
//! A log of row format holds none for its tables; this names what such a statement touches, so
//! that the run can stop for a captured table.

use super::cursor::Cursor;
use super::lexer::Token;
use super::statement::{Statement, TableName, Verb};

/// Words that may stand between a verb and its table.
const MODIFIERS: [&str; 10] = [
    "LOW_PRIORITY",
    "DELAYED",
    "HIGH_PRIORITY",
    "QUICK",
    "IGNORE",
    "INTO",
    "CONCURRENT",
    "LOCAL",
    "HISTORY",
    "FROM",
];

/// Words that end the part of a statement which names its tables.
const ENDS: [&str; 7] = ["SET", "WHERE", "ORDER", "LIMIT", "RETURNING", "VALUES", "SELECT"];

/// Words before a table's name.
const BEFORE_TABLE: [&str; 4] = ["JOIN", "STRAIGHT_JOIN", "FROM", "USING"];

/// Reads a statement that changes rows; `None` for any other.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Statement> {
    while cursor.sign('(') {}
    let Some(Token::Word(word)) = cursor.next() else { return None };
    let (verb, tables) = match word.to_ascii_uppercase().as_str() {
        "INSERT" => (Verb::Insert, first_table(cursor)),
        "REPLACE" => (Verb::Replace, first_table(cursor)),
        "UPDATE" => (Verb::Update, tables(cursor)),
        "DELETE" => (Verb::Delete, tables(cursor)),
        "LOAD" if cursor.take_any(&["DATA", "XML", "INDEX"]) => (Verb::Load, loaded(cursor)),
        "CALL" => (Verb::Call, Vec::new()),
        "DO" | "EXECUTE" => (Verb::Do, Vec::new()),
        "SELECT" | "VALUES" | "TABLE" => (Verb::Select, all_tables(cursor)),
        "WITH" => common_table_expression(cursor),
        _ => return None,
    };
    Some(Statement::Dml { verb, tables })
}

fn first_table(cursor: &mut Cursor<'_>) -> Vec<TableName> {
    while cursor.take_any(&MODIFIERS) {}
    cursor.table().into_iter().collect()
}

/// `LOAD DATA … INTO TABLE t`.
fn loaded(cursor: &mut Cursor<'_>) -> Vec<TableName> {
    while !cursor.at_end() && !cursor.take("INTO TABLE") {
        cursor.next();
    }
    cursor.table().into_iter().collect()
}

/// The tables of an UPDATE or DELETE, aliases of multi-table forms among them.
fn tables(cursor: &mut Cursor<'_>) -> Vec<TableName> {
    let mut found = Vec::new();
    let mut expected = true;
    while !cursor.at_end() && !cursor.is_any(&ENDS) {
        if cursor.take_any(&BEFORE_TABLE) || cursor.sign(',') || cursor.sign('(') {
            expected = true;
        } else if cursor.take_any(&MODIFIERS) {
        } else if let Some(table) = cursor.clone().table() {
            cursor.table();
            if expected && !found.contains(&table) {
                found.push(table);
            }
            expected = false;
        } else {
            cursor.next();
        }
    }
    found
}

/// Whatever stands behind FROM or JOIN.
fn all_tables(cursor: &mut Cursor<'_>) -> Vec<TableName> {
    let mut found = Vec::new();
    while !cursor.at_end() {
        if cursor.take_any(&BEFORE_TABLE) {
            found.extend(cursor.clone().table().filter(|table| !found.contains(table)));
        } else {
            cursor.next();
        }
    }
    found
}

/// `WITH … UPDATE` and `WITH … DELETE`: the verb stands outside of parentheses.
fn common_table_expression(cursor: &mut Cursor<'_>) -> (Verb, Vec<TableName>) {
    while !cursor.at_end() {
        if cursor.take("UPDATE") {
            return (Verb::Update, tables(cursor));
        }
        if cursor.take("DELETE") {
            return (Verb::Delete, tables(cursor));
        }
        if cursor.skip_one().is_none() {
            break;
        }
    }
    (Verb::Select, Vec::new())
}
