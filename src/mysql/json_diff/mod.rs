//! The JSON differences of a PARTIAL_UPDATE_ROWS event, applied to the document before. Uses
//! `error`, `mysql::{cursor, json}`. Not hot: only with `binlog_row_value_options=PARTIAL_JSON`.
//!
//! Source: the server's `Json_diff` (`json_diff.cc`). A difference is an operation (one byte), a
//! path and, but for a removal, a binary JSON value; path and value stand behind length-encoded
//! lengths. What the server could not apply is an error here too: the document before is then not
//! the one that the source had.

mod path;
mod tree;

use super::cursor::Cursor;
use super::json::damaged;
use crate::error::{Error, Result};
use path::Leg;
use tree::Node;

const REPLACE: u8 = 0;
const INSERT: u8 = 1;
const REMOVE: u8 = 2;

/// The text, as SELECT shows it, of the document `before` (its stored bytes) after all the
/// differences in `diffs`.
pub fn apply(before: &[u8], diffs: &[u8]) -> Result<String> {
    let mut root = Node::read(before)?;
    let mut cursor = Cursor::new(diffs);
    while let Some(operation) = cursor.u8() {
        let path = cursor.lenenc_bytes().ok_or_else(short)?;
        let legs = path::parse(path)
            .ok_or_else(|| damaged("the path of a difference in the log cannot be read"))?;
        let value = match operation {
            REPLACE | INSERT => Some(Node::read(cursor.lenenc_bytes().ok_or_else(short)?)?),
            REMOVE => None,
            _ => return Err(damaged("the log holds a difference of an unknown kind")),
        };
        let done = match (operation, value) {
            (REPLACE, Some(value)) => replace(&mut root, &legs, value),
            (INSERT, Some(value)) => insert(&mut root, &legs, value),
            _ => remove(&mut root, &legs),
        };
        done.ok_or_else(unfit)?;
    }
    let mut out = Vec::new();
    root.print(&mut out, 1)?;
    String::from_utf8(out).map_err(|_| damaged("a string in it is not UTF-8"))
}

fn replace<'a>(root: &mut Node<'a>, legs: &[Leg<'a>], value: Node<'a>) -> Option<()> {
    *root.seek(legs)? = value;
    Some(())
}

fn insert<'a>(root: &mut Node<'a>, legs: &[Leg<'a>], value: Node<'a>) -> Option<()> {
    let (last, parents) = legs.split_last()?;
    match (root.seek(parents)?, last) {
        (Node::Object(members), Leg::Member(key)) => {
            if members.iter().any(|(present, _)| present == key) {
                return None;
            }
            let order = (key.len(), key.as_ref());
            let at = members.partition_point(|(present, _)| (present.len(), &**present) < order);
            members.insert(at, (key.clone(), value));
        }
        (Node::Array(elements), cell @ (Leg::Cell(_) | Leg::FromLast(_))) => {
            let at = cell.position(elements.len()).unwrap_or(match cell {
                Leg::FromLast(_) => 0,
                _ => elements.len(),
            });
            elements.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(root: &mut Node<'_>, legs: &[Leg<'_>]) -> Option<()> {
    let (last, parents) = legs.split_last()?;
    match (root.seek(parents)?, last) {
        (Node::Object(members), Leg::Member(key)) => {
            let at = members.iter().position(|(present, _)| present == key)?;
            members.remove(at);
        }
        (Node::Array(elements), cell) => {
            let at = cell.position(elements.len())?;
            elements.remove(at);
        }
        _ => return None,
    }
    Some(())
}

#[cold]
fn short() -> Error {
    damaged("a difference in the log ends too early")
}

#[cold]
fn unfit() -> Error {
    Error::data("a JSON difference in the log does not fit the document before it")
        .advise("empty binlog_row_value_options on the source, then take the table anew")
}

#[cfg(test)]
mod tests;
