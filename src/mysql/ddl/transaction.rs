//! Statements that bound transactions. Uses `cursor`. Not hot.

use super::cursor::Cursor;
use super::lexer::Token;
use super::statement::{Statement, Xid};

/// Reads a statement that begins, ends or marks a transaction; `None` for any other.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if cursor.take("XA") {
        return xa(cursor);
    }
    if cursor.take("START TRANSACTION") {
        return Some(Statement::Begin);
    }
    if cursor.take("BEGIN") {
        cursor.take("WORK");
        // `BEGIN NOT ATOMIC` opens a block of statements.
        return cursor.at_end().then_some(Statement::Begin);
    }
    if cursor.take("COMMIT") {
        return Some(Statement::Commit);
    }
    if cursor.take("ROLLBACK") {
        cursor.take("WORK");
        if cursor.take("TO") {
            cursor.take("SAVEPOINT");
            return cursor.name().map(Statement::RollbackTo);
        }
        return Some(Statement::Rollback);
    }
    if cursor.take("SAVEPOINT") {
        return cursor.name().map(Statement::Savepoint);
    }
    if cursor.take("RELEASE SAVEPOINT") {
        return cursor.name().map(Statement::ReleaseSavepoint);
    }
    None
}

fn xa(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let Some(Token::Word(verb)) = cursor.next() else { return None };
    let verb = verb.to_ascii_uppercase();
    if verb == "RECOVER" {
        return Some(Statement::Other);
    }
    let xid = xid(cursor)?;
    match verb.as_str() {
        "START" | "BEGIN" => Some(Statement::XaStart(xid)),
        "END" => Some(Statement::XaEnd(xid)),
        "PREPARE" => Some(Statement::XaPrepare(xid)),
        "COMMIT" => Some(Statement::XaCommit { xid, one_phase: cursor.take("ONE PHASE") }),
        "ROLLBACK" => Some(Statement::XaRollback(xid)),
        _ => None,
    }
}

/// `gtrid [, bqual [, format]]`, each of the first two a string or a hexadecimal literal.
fn xid(cursor: &mut Cursor<'_>) -> Option<Xid> {
    let gtrid = bytes(cursor)?;
    let bqual = if cursor.sign(',') { bytes(cursor)? } else { Vec::new() };
    let format = if cursor.sign(',') { number(cursor)? } else { 1 };
    Some(Xid { gtrid, bqual, format })
}

fn bytes(cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
    match cursor.next()? {
        Token::Hex(bytes) => Some(bytes.clone()),
        Token::Text(text) => Some(text.clone().into_bytes()),
        _ => None,
    }
}

fn number(cursor: &mut Cursor<'_>) -> Option<i64> {
    let negative = cursor.sign('-');
    let value = match cursor.next()? {
        Token::Number(digits) => digits.parse::<i64>().ok()?,
        Token::Hex(bytes) if bytes.len() <= 8 => {
            bytes.iter().fold(0i64, |sum, &byte| sum << 8 | i64::from(byte))
        }
        _ => return None,
    };
    if negative { value.checked_neg() } else { Some(value) }
}
