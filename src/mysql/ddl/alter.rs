//! ALTER TABLE. Uses `column`, `create` and `cursor`. Not hot.

use super::column;
use super::create::{charset_option, is_constraint, primary_key};
use super::cursor::Cursor;
use super::lexer::Token;
use super::statement::{Alter, AlterTable, Position, Statement};

/// Behind `ALTER [ONLINE] [IGNORE] TABLE`.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Statement> {
    cursor.take("IF EXISTS");
    let table = cursor.table()?;
    cursor.skip_wait();
    let mut alter = AlterTable { table, actions: Vec::new(), rename_to: None, understood: true };
    let mut own_versions = false;
    while !cursor.at_end() {
        if clause(cursor, &mut alter, &mut own_versions).is_none() {
            alter.understood = false;
            break;
        }
        if !cursor.sign(',') && !cursor.at_end() && !is_partitioning(cursor) {
            alter.understood = false;
            break;
        }
    }
    if own_versions {
        alter.actions.retain(|action| *action != Alter::AddSystemVersioning);
    }
    Some(Statement::AlterTable(alter))
}

/// Partitioning clauses follow the others without a comma.
fn is_partitioning(cursor: &Cursor<'_>) -> bool {
    cursor.are("PARTITION BY") || cursor.are("REMOVE PARTITIONING")
}

fn clause(cursor: &mut Cursor<'_>, alter: &mut AlterTable, own_versions: &mut bool) -> Option<()> {
    if cursor.take("ADD") {
        return add(cursor, alter, own_versions);
    }
    if cursor.take("DROP") {
        return drop_clause(cursor, alter);
    }
    let change = cursor.take("CHANGE");
    if change || cursor.take("MODIFY") {
        cursor.take("COLUMN");
        let if_exists = cursor.take("IF EXISTS");
        let old = cursor.name()?;
        let column =
            if change { column::parse(cursor)? } else { column::parse_named(cursor, old.clone())? };
        let key = column.primary.then(|| column.definition.name.clone());
        let position = position(cursor)?;
        let column = column.definition;
        alter.actions.push(Alter::ChangeColumn { old, column, position, if_exists });
        add_key(alter, key);
        return Some(());
    }
    if cursor.take("RENAME") {
        return rename(cursor, alter);
    }
    if cursor.take("ALTER") {
        return alter_column(cursor, alter);
    }
    if cursor.take("CONVERT TO CHARACTER SET") || cursor.take("CONVERT TO CHARSET") {
        let charset = Some(cursor.charset()?).filter(|name| name != "default");
        let collation = if cursor.take("COLLATE") { Some(cursor.charset()?) } else { None };
        alter.actions.push(Alter::ConvertCharset { charset, collation });
        return Some(());
    }
    if let Some(text) = moves_rows(cursor) {
        alter.actions.push(Alter::MovesRows(text));
        return skip_to_end(cursor);
    }
    table_options(cursor, alter)
}

/// `PRIMARY KEY` among a column's attributes.
fn add_key(alter: &mut AlterTable, column: Option<String>) {
    if let Some(column) = column {
        alter.actions.push(Alter::AddPrimaryKey { columns: vec![column], if_not_exists: false });
    }
}

fn add(cursor: &mut Cursor<'_>, alter: &mut AlterTable, own_versions: &mut bool) -> Option<()> {
    if cursor.take("SYSTEM VERSIONING") {
        alter.actions.push(Alter::AddSystemVersioning);
        return Some(());
    }
    if cursor.take("PARTITION") {
        return skip_to_end(cursor);
    }
    if cursor.are("PERIOD FOR") && !cursor.are("PERIOD FOR SYSTEM_TIME") {
        // Its columns lose NULL, which is not followed.
        return None;
    }
    let mut key = *cursor;
    if let Some(columns) = primary_key(&mut key) {
        let if_not_exists = cursor.are("PRIMARY KEY IF NOT EXISTS");
        alter.actions.push(Alter::AddPrimaryKey { columns, if_not_exists });
        *cursor = key;
        return Some(());
    }
    if is_constraint(cursor) {
        return cursor.skip_clause();
    }
    cursor.take("COLUMN");
    let if_not_exists = cursor.take("IF NOT EXISTS");
    if !cursor.sign('(') {
        return add_column(cursor, alter, if_not_exists, own_versions);
    }
    loop {
        let mut key = *cursor;
        if let Some(columns) = primary_key(&mut key) {
            alter.actions.push(Alter::AddPrimaryKey { columns, if_not_exists: false });
            *cursor = key;
        } else if is_constraint(cursor) {
            cursor.skip_clause()?;
        } else {
            add_column(cursor, alter, if_not_exists, own_versions)?;
        }
        if !cursor.sign(',') {
            return cursor.sign(')').then_some(());
        }
    }
}

fn add_column(
    cursor: &mut Cursor<'_>,
    alter: &mut AlterTable,
    if_not_exists: bool,
    own_versions: &mut bool,
) -> Option<()> {
    let column = column::parse(cursor)?;
    let position = position(cursor)?;
    *own_versions |= column.row_start;
    let key = column.primary.then(|| column.definition.name.clone());
    alter.actions.push(Alter::AddColumn { column: column.definition, position, if_not_exists });
    add_key(alter, key);
    Some(())
}

fn position(cursor: &mut Cursor<'_>) -> Option<Position> {
    if cursor.take("FIRST") {
        Some(Position::First)
    } else if cursor.take("AFTER") {
        Some(Position::After(cursor.name()?))
    } else {
        Some(Position::Unsaid)
    }
}

fn drop_clause(cursor: &mut Cursor<'_>, alter: &mut AlterTable) -> Option<()> {
    if cursor.take("PRIMARY KEY") {
        alter.actions.push(Alter::DropPrimaryKey);
    } else if cursor.take("SYSTEM VERSIONING") {
        alter.actions.push(Alter::DropSystemVersioning);
    } else if cursor.take("PARTITION") {
        alter.actions.push(Alter::MovesRows("DROP PARTITION"));
        skip_to_end(cursor)?;
    } else if cursor.take("PERIOD FOR") || cursor.take("FOREIGN KEY") || cursor.take("CHECK") {
        cursor.skip_clause()?;
    } else if cursor.take_any(&["INDEX", "KEY", "CONSTRAINT"]) {
        cursor.take("IF EXISTS");
        if cursor.name()?.eq_ignore_ascii_case("PRIMARY") {
            alter.actions.push(Alter::DropPrimaryKey);
        }
    } else {
        cursor.take("COLUMN");
        let if_exists = cursor.take("IF EXISTS");
        alter.actions.push(Alter::DropColumn { name: cursor.name()?, if_exists });
        cursor.take_any(&["RESTRICT", "CASCADE"]);
    }
    Some(())
}

fn rename(cursor: &mut Cursor<'_>, alter: &mut AlterTable) -> Option<()> {
    if cursor.take_any(&["INDEX", "KEY"]) {
        return cursor.skip_clause();
    }
    if cursor.take("COLUMN") {
        let if_exists = cursor.take("IF EXISTS");
        let old = cursor.name()?;
        cursor.take("TO").then_some(())?;
        alter.actions.push(Alter::RenameColumn { old, new: cursor.name()?, if_exists });
        return Some(());
    }
    if !cursor.take_any(&["TO", "AS"]) {
        cursor.sign('=');
    }
    alter.rename_to = Some(cursor.table()?);
    Some(())
}

/// `ALTER [COLUMN] c SET DEFAULT …`, `ALTER INDEX i VISIBLE`: only a column's visibility counts.
fn alter_column(cursor: &mut Cursor<'_>, alter: &mut AlterTable) -> Option<()> {
    if cursor.take_any(&["INDEX", "KEY", "CHECK", "CONSTRAINT"]) {
        return cursor.skip_clause();
    }
    cursor.take("COLUMN");
    cursor.take("IF EXISTS");
    let name = cursor.name()?;
    if cursor.take("SET INVISIBLE") {
        alter.actions.push(Alter::SetInvisible { name, invisible: true });
        return Some(());
    }
    if cursor.take("SET VISIBLE") {
        alter.actions.push(Alter::SetInvisible { name, invisible: false });
        return Some(());
    }
    (cursor.are("SET DEFAULT") || cursor.are("DROP DEFAULT")).then_some(())?;
    cursor.skip_clause()
}

/// Clauses that bring or remove rows without row events.
fn moves_rows(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    [
        "TRUNCATE PARTITION",
        "EXCHANGE PARTITION",
        "DISCARD TABLESPACE",
        "IMPORT TABLESPACE",
        "DISCARD PARTITION",
        "IMPORT PARTITION",
        "CONVERT PARTITION",
        "CONVERT TABLE",
    ]
    .into_iter()
    .find(|words| cursor.take(words))
}

/// Clauses that take the rest of the statement.
fn skip_to_end(cursor: &mut Cursor<'_>) -> Option<()> {
    while !cursor.at_end() {
        cursor.skip_one()?;
    }
    Some(())
}

/// Words that begin a clause which leaves columns, keys and rows alone: table options, partition
/// care, locks and algorithms.
const NEUTRAL: [&str; 66] = [
    "ALGORITHM",
    "LOCK",
    "FORCE",
    "ENABLE",
    "DISABLE",
    "ORDER",
    "WITH",
    "WITHOUT",
    "VALIDATION",
    "PARTITION",
    "COALESCE",
    "REORGANIZE",
    "ANALYZE",
    "CHECK",
    "OPTIMIZE",
    "REBUILD",
    "REPAIR",
    "REMOVE",
    "UPGRADE",
    "SECONDARY_LOAD",
    "SECONDARY_UNLOAD",
    "ENGINE",
    "TYPE",
    "AUTO_INCREMENT",
    "AUTOEXTEND_SIZE",
    "AVG_ROW_LENGTH",
    "CHECKSUM",
    "TABLE_CHECKSUM",
    "COMMENT",
    "COMPRESSION",
    "CONNECTION",
    "DATA",
    "INDEX",
    "DELAY_KEY_WRITE",
    "ENCRYPTION",
    "ENCRYPTED",
    "ENCRYPTION_KEY_ID",
    "ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE",
    "IETF_QUOTES",
    "INSERT_METHOD",
    "KEY_BLOCK_SIZE",
    "MAX_ROWS",
    "MIN_ROWS",
    "PACK_KEYS",
    "PAGE_CHECKSUM",
    "PAGE_COMPRESSED",
    "PAGE_COMPRESSION_LEVEL",
    "PASSWORD",
    "ROW_FORMAT",
    "SEQUENCE",
    "START",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
    "STORAGE",
    "TABLESPACE",
    "TRANSACTIONAL",
    "UNION",
    "PERIOD",
    "ADD",
    "NOWAIT",
    "WAIT",
    "ONLINE",
    "OFFLINE",
];

/// Table options, several of which may stand in one clause without commas.
fn table_options(cursor: &mut Cursor<'_>, alter: &mut AlterTable) -> Option<()> {
    let (mut charset, mut collation) = (None, None);
    let mut seen = false;
    while !cursor.at_end() && !cursor.is_sign(',') {
        if charset_option(cursor, &mut charset, &mut collation)? {
            seen = true;
        } else if is_partition_clause(cursor) {
            skip_to_end(cursor)?;
        } else if is_option(cursor) {
            cursor.next();
            option_value(cursor)?;
        } else {
            return None;
        }
    }
    if seen {
        alter.actions.push(Alter::DefaultCharset { charset, collation });
    }
    Some(())
}

fn is_option(cursor: &Cursor<'_>) -> bool {
    cursor.is_any(&NEUTRAL) || {
        // Any option of a storage engine: `name = value`.
        let mut ahead = *cursor;
        matches!(ahead.next(), Some(Token::Word(_) | Token::Name(_))) && ahead.is_sign('=')
    }
}

/// Care for partitions takes lists with commas.
fn is_partition_clause(cursor: &Cursor<'_>) -> bool {
    is_partitioning(cursor)
        || cursor.is_any(&[
            "COALESCE",
            "REORGANIZE",
            "ANALYZE",
            "CHECK",
            "OPTIMIZE",
            "REBUILD",
            "REPAIR",
        ])
        || cursor.are("ORDER BY")
}

/// What follows an option's name: up to the next option, comma or end.
fn option_value(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.sign('=') {
        return cursor.skip_one();
    }
    while !cursor.at_end() && !cursor.is_sign(',') && !is_option(cursor) {
        if is_charset(cursor) || is_partitioning(cursor) {
            break;
        }
        cursor.skip_one()?;
    }
    Some(())
}

fn is_charset(cursor: &Cursor<'_>) -> bool {
    cursor.is_any(&["DEFAULT", "CHARSET", "COLLATE"]) || cursor.are("CHARACTER SET")
}
