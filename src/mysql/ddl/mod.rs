//! What statements in the log do: transactions, tables, rows. Uses `schema`. `quick` is warm, the
//! rest is not hot.
//!
//! A hand-made reader of the two servers' statements, not a grammar of SQL: it knows what changes a
//! table's columns, keys or rows, and says so when it does not know.

mod alter;
mod column;
mod column_type;
mod create;
mod cursor;
mod dml;
mod lexer;
mod statement;
mod transaction;

use cursor::{Context, Cursor};
pub use lexer::SqlMode;
use lexer::{Lexer, Token};
pub use statement::{Alter, AlterTable, CreateTable, Position, Statement, TableName, Verb, Xid};

/// Tokens that are looked at in a statement which changes rows: its tables stand in front.
const DML_TOKENS: usize = 4096;

/// Reads one statement. `sql` is its text as UTF-8, `schema` the session's schema.
pub fn classify(sql: &str, mode: SqlMode, mariadb: bool, schema: &str) -> Statement {
    let context = Context { mode, mariadb, schema };
    let mut lexer = Lexer::new(sql, mode, mariadb);
    let head: Vec<Token<'_>> = lexer.by_ref().take(DML_TOKENS).collect();
    let mut cursor = Cursor::new(&head, context);
    if set_statement(&mut cursor).is_some()
        && let Some(statement) = dml::parse(&mut cursor.clone())
    {
        return statement;
    }
    let mut tokens = head;
    tokens.extend(lexer);
    // A statement may end with a semicolon or, out of an executable comment, several.
    while tokens.last() == Some(&Token::Sign(';')) {
        tokens.pop();
    }
    let mut cursor = Cursor::new(&tokens, context);
    let all = cursor;
    let whole = !tokens.contains(&Token::Broken);
    set_statement(&mut cursor)
        .filter(|()| whole)
        .and_then(|()| statement(&mut cursor))
        .unwrap_or_else(|| Statement::NotUnderstood { tables: all.names() })
}

/// The statements that bound transactions, which change neither rows nor columns; `None` for all
/// others, which [`classify`] reads. The spelling that servers give the usual ones costs nothing.
pub fn quick(sql: &[u8]) -> Option<Statement> {
    match sql {
        b"BEGIN" => Some(Statement::Begin),
        b"COMMIT" => Some(Statement::Commit),
        b"ROLLBACK" => Some(Statement::Rollback),
        _ => {
            let name = |prefix: &[u8]| {
                let name = sql.strip_prefix(prefix)?.strip_suffix(b"`")?;
                let plain = !name.is_empty() && memchr::memchr(b'`', name).is_none();
                std::str::from_utf8(name).ok().filter(|_| plain).map(str::to_owned)
            };
            name(b"SAVEPOINT `")
                .map(Statement::Savepoint)
                .or_else(|| name(b"ROLLBACK TO `").map(Statement::RollbackTo))
                .or_else(|| bounding(sql))
        }
    }
}

/// First words of the statements that bound transactions.
const BOUNDING: [&[u8]; 7] =
    [b"XA", b"SAVEPOINT", b"ROLLBACK", b"RELEASE", b"BEGIN", b"COMMIT", b"START"];

/// The longest of them in tokens, and some to spare.
const BOUNDING_TOKENS: usize = 16;

/// XA statements, and savepoints whose names hold or lack quotes.
fn bounding(sql: &[u8]) -> Option<Statement> {
    let word = sql.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    if !BOUNDING.iter().any(|known| known.eq_ignore_ascii_case(word)) {
        return None;
    }
    let text = String::from_utf8_lossy(sql);
    // Strings stand in XA identifiers alone, which servers write in hexadecimal: quotes mean names.
    let mode = SqlMode { ansi_quotes: true, ..SqlMode::default() };
    let tokens: Vec<Token<'_>> = Lexer::new(&text, mode, false).take(BOUNDING_TOKENS).collect();
    let context = Context { mode, mariadb: false, schema: "" };
    transaction::parse(&mut Cursor::new(&tokens, context))
}

/// Skips MariaDB's `SET STATEMENT variable = value, … FOR`.
fn set_statement(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.take("SET STATEMENT") {
        while !cursor.take("FOR") {
            cursor.skip_one()?;
        }
    }
    Some(())
}

/// Statements that touch neither rows nor columns, by their first word.
const OTHER: [&str; 36] = [
    "SET",
    "FLUSH",
    "ANALYZE",
    "OPTIMIZE",
    "REPAIR",
    "CHECK",
    "CHECKSUM",
    "GRANT",
    "REVOKE",
    "USE",
    "INSTALL",
    "UNINSTALL",
    "KILL",
    "RESET",
    "CHANGE",
    "STOP",
    "SHOW",
    "EXPLAIN",
    "DESCRIBE",
    "DESC",
    "LOCK",
    "UNLOCK",
    "PURGE",
    "SHUTDOWN",
    "RESTART",
    "HELP",
    "SIGNAL",
    "RESIGNAL",
    "CACHE",
    "CLONE",
    "DEALLOCATE",
    "PREPARE",
    "BACKUP",
    "BINLOG",
    "GET",
    "HANDLER",
];

/// The whole of one statement; `None` when it is not understood.
fn statement(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if cursor.at_end() || cursor.is_any(&OTHER) {
        return Some(Statement::Other);
    }
    if let Some(statement) = transaction::parse(&mut cursor.clone()) {
        return Some(statement);
    }
    if cursor.take("CREATE") {
        create_any(cursor)
    } else if cursor.take("ALTER") {
        alter_any(cursor)
    } else if cursor.take("DROP") {
        drop_any(cursor)
    } else if cursor.take("RENAME") {
        rename_any(cursor)
    } else if cursor.take("TRUNCATE") {
        cursor.take("TABLE");
        Some(Statement::Truncate(cursor.table()?))
    } else if cursor.is("START") {
        // START REPLICA, START SLAVE, START GROUP_REPLICATION.
        Some(Statement::Other)
    } else {
        None
    }
}

/// Things that are neither tables nor databases.
const OBJECTS: [&str; 19] = [
    "VIEW",
    "PROCEDURE",
    "FUNCTION",
    "TRIGGER",
    "EVENT",
    "USER",
    "ROLE",
    "SERVER",
    "TABLESPACE",
    "LOGFILE",
    "PACKAGE",
    "LIBRARY",
    "RESOURCE",
    "REFERENCE",
    "INSTANCE",
    "CATALOG",
    "PREPARE",
    "MATERIALIZED",
    "DUALITY",
];

/// Walks over what may stand between a verb and what it works on (`DEFINER=…`, `ALGORITHM=…`,
/// `UNIQUE`, …); whether an object that is no table comes then.
fn other_object(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    while let Some(token) = ahead.peek() {
        if ahead.is_any(&OBJECTS) {
            return true;
        }
        if ahead.is_any(&["TABLE", "TABLES", "INDEX", "DATABASE", "SCHEMA", "SEQUENCE"])
            || *token == Token::Broken
        {
            return false;
        }
        ahead.next();
    }
    false
}

fn create_any(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let or_replace = cursor.take("OR REPLACE");
    let temporary = cursor.take("TEMPORARY");
    if cursor.take("TABLE") {
        return create::parse(cursor, or_replace, temporary);
    }
    if cursor.take("SEQUENCE") {
        return create::sequence(cursor, or_replace, temporary);
    }
    if cursor.take_any(&["DATABASE", "SCHEMA"]) {
        cursor.take("IF NOT EXISTS");
        let name = cursor.name()?;
        let charset = database_charset(cursor)?;
        return Some(Statement::CreateDatabase { name, charset, or_replace });
    }
    if other_object(cursor) {
        return Some(Statement::Other);
    }
    cursor.take_any(&["ONLINE", "OFFLINE"]);
    cursor.take_any(&["UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"]);
    cursor.take("INDEX").then_some(())?;
    while !cursor.take("ON") {
        cursor.skip_one()?;
    }
    shape_neutral(cursor)
}

/// An ALTER TABLE that changes no column and no key.
fn shape_neutral(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let table = cursor.table()?;
    let actions = Vec::new();
    Some(Statement::AlterTable(AlterTable { table, actions, rename_to: None, understood: true }))
}

fn database_charset(cursor: &mut Cursor<'_>) -> Option<Option<String>> {
    let (mut charset, mut collation) = (None, None);
    while !cursor.at_end() {
        if !create::charset_option(cursor, &mut charset, &mut collation)? {
            cursor.skip_one()?;
        }
    }
    Some(charset)
}

fn alter_any(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let mut ahead = *cursor;
    ahead.take_any(&["ONLINE", "OFFLINE"]);
    ahead.take("IGNORE");
    if ahead.take("TABLE") {
        *cursor = ahead;
        return alter::parse(cursor);
    }
    if cursor.take_any(&["DATABASE", "SCHEMA"]) {
        let unnamed = cursor.is_any(&["DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "ENCRYPTION"]);
        let name = if unnamed { cursor.context.schema.to_owned() } else { cursor.name()? };
        let charset = database_charset(cursor)?;
        return Some(Statement::AlterDatabase { name, charset });
    }
    (cursor.is("SEQUENCE") || other_object(cursor)).then_some(Statement::Other)
}

fn drop_any(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let temporary = cursor.take("TEMPORARY");
    if cursor.take_any(&["TABLE", "TABLES", "SEQUENCE"]) {
        let if_exists = cursor.take("IF EXISTS");
        let tables = cursor.list(Cursor::table)?;
        return Some(Statement::DropTables { tables, temporary, if_exists });
    }
    if cursor.take_any(&["DATABASE", "SCHEMA"]) {
        cursor.take("IF EXISTS");
        return Some(Statement::DropDatabase(cursor.name()?));
    }
    let mut index = *cursor;
    index.take_any(&["ONLINE", "OFFLINE"]);
    if index.take("INDEX") {
        index.take("IF EXISTS");
        let primary = index.name()?.eq_ignore_ascii_case("PRIMARY");
        index.take("ON").then_some(())?;
        let mut statement = shape_neutral(&mut index)?;
        if let Statement::AlterTable(alter) = &mut statement
            && primary
        {
            alter.actions.push(Alter::DropPrimaryKey);
        }
        return Some(statement);
    }
    other_object(cursor).then_some(Statement::Other)
}

fn rename_any(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if cursor.take("USER") {
        return Some(Statement::Other);
    }
    cursor.take_any(&["TABLE", "TABLES"]).then_some(())?;
    cursor.take("IF EXISTS");
    let pairs = cursor.list(|cursor| {
        let from = cursor.table()?;
        cursor.skip_wait();
        cursor.take("TO").then_some(())?;
        Some((from, cursor.table()?))
    })?;
    cursor.at_end().then_some(Statement::RenameTables(pairs))
}
