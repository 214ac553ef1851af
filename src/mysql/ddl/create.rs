//! CREATE TABLE. Uses `column`, `cursor` and `schema`. Not hot.

use super::column;
use super::cursor::Cursor;
use super::lexer::Token;
use super::statement::{CreateTable, Statement};
use crate::mysql::schema::{ColumnDefinition, TableDefinition};

/// Behind `CREATE [OR REPLACE] [TEMPORARY] TABLE`.
pub(super) fn parse(
    cursor: &mut Cursor<'_>,
    or_replace: bool,
    temporary: bool,
) -> Option<Statement> {
    let if_not_exists = cursor.take("IF NOT EXISTS");
    let table = cursor.table()?;
    let mut create = CreateTable {
        table,
        temporary,
        or_replace,
        if_not_exists,
        like: None,
        definition: None,
        select: false,
    };
    let mut inner = *cursor;
    let parenthesised = inner.sign('(') && inner.is("LIKE");
    if parenthesised {
        cursor.sign('(');
    }
    if cursor.take("LIKE") {
        create.like = Some(cursor.table()?);
        return Some(Statement::CreateTable(create));
    }
    let mut body = *cursor;
    let elements = if cursor.is_sign('(') { elements(&mut body) } else { None };
    if cursor.is_sign('(') && !starts_select(cursor) {
        // The options must be found even where the columns were not understood.
        cursor.skip_parens()?;
    }
    let mut shape = elements.unwrap_or_default();
    let options = options(cursor, &mut shape)?;
    create.select = options.rows_follow;
    let understood = !shape.table.columns.is_empty() && !options.as_select;
    create.definition = understood.then(|| shape.finish());
    Some(Statement::CreateTable(create))
}

/// A table as far as it has been read.
#[derive(Default)]
struct Draft {
    table: TableDefinition,
    /// `WITH SYSTEM VERSIONING`, of the table or of a column.
    versioned: bool,
    /// It names the columns of its versions itself.
    own_versions: bool,
    /// MariaDB's application-time periods: name, start and end column.
    periods: Vec<[String; 3]>,
}

impl Draft {
    fn finish(mut self) -> TableDefinition {
        if self.versioned && !self.own_versions {
            self.table.add_versions();
        }
        for [period, start, end] in &self.periods {
            for column in &mut self.table.columns {
                column.nullable &= column.name != *start && column.name != *end;
            }
            // `PRIMARY KEY (id, p WITHOUT OVERLAPS)`: the server keys by the period's columns.
            if let Some(at) = self.table.keys.iter().position(|key| key == period) {
                self.table.keys.splice(at..=at, [end.clone(), start.clone()]);
            }
        }
        self.table.require_keys();
        self.table
    }
}

/// The columns and keys between the parentheses; `None` when one of them is not understood.
fn elements(cursor: &mut Cursor<'_>) -> Option<Draft> {
    let mut draft = Draft::default();
    cursor.sign('(').then_some(())?;
    loop {
        element(cursor, &mut draft)?;
        if !cursor.sign(',') {
            break;
        }
    }
    cursor.sign(')').then_some(draft)
}

fn element(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Option<()> {
    let mut key = *cursor;
    if let Some(columns) = primary_key(&mut key) {
        *cursor = key;
        draft.table.keys = columns;
        return Some(());
    }
    if cursor.take("PERIOD FOR") {
        let name = cursor.name()?;
        cursor.sign('(').then_some(())?;
        let columns = cursor.list(Cursor::name)?;
        let [start, end] = <[String; 2]>::try_from(columns).ok()?;
        if !name.eq_ignore_ascii_case("SYSTEM_TIME") {
            draft.periods.push([name, start, end]);
        }
        return cursor.sign(')').then_some(());
    }
    if is_constraint(cursor) {
        return cursor.skip_clause();
    }
    let column = column::parse(cursor)?;
    if column.primary {
        draft.table.keys = vec![column.definition.name.clone()];
    }
    draft.versioned |= column.versioned;
    draft.own_versions |= column.row_start;
    draft.table.columns.push(column.definition);
    Some(())
}

/// Whether an index, a constraint or a period comes next, none of which makes a column. Their
/// words are reserved, so a column of that name is quoted.
pub(super) fn is_constraint(cursor: &Cursor<'_>) -> bool {
    cursor.is_any(&[
        "CONSTRAINT",
        "UNIQUE",
        "KEY",
        "INDEX",
        "FULLTEXT",
        "SPATIAL",
        "FOREIGN",
        "CHECK",
    ]) || cursor.are("PERIOD FOR")
        || cursor.are("VECTOR KEY")
        || cursor.are("VECTOR INDEX")
}

/// `[CONSTRAINT [name]] PRIMARY KEY … (columns)` with its options; `None` for anything else.
pub(super) fn primary_key(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    if cursor.take("CONSTRAINT") && !cursor.are("PRIMARY KEY") {
        cursor.name()?;
    }
    cursor.take("PRIMARY KEY").then_some(())?;
    cursor.take("IF NOT EXISTS");
    while !cursor.is_sign('(') {
        cursor.name()?;
    }
    cursor.sign('(');
    let columns = cursor.list(|cursor| {
        let name = cursor.name()?;
        cursor.skip_clause()?;
        Some(name)
    })?;
    cursor.sign(')').then_some(())?;
    cursor.skip_clause()?;
    Some(columns)
}

struct Options {
    /// The columns come from a SELECT, in part or whole.
    as_select: bool,
    /// Rows of the table follow in its own transaction.
    rows_follow: bool,
}

/// Table options, partitions and what may stand behind them.
fn options(cursor: &mut Cursor<'_>, draft: &mut Draft) -> Option<Options> {
    let mut found = Options { as_select: false, rows_follow: false };
    while let Some(token) = cursor.peek() {
        if cursor.take("START TRANSACTION") {
            found.rows_follow = true;
        } else if cursor.is_any(&["SELECT", "AS", "VALUES", "TABLE"]) || starts_select(cursor) {
            found.as_select = true;
            found.rows_follow = true;
            break;
        } else if cursor.take("WITH SYSTEM VERSIONING") {
            draft.versioned = true;
        } else if cursor.take_any(&["COMMENT", "UNION", "CONNECTION", "DIRECTORY", "ENGINE"]) {
            cursor.sign('=');
            cursor.skip_one()?;
        } else if cursor.take("WITH") {
            // A common table expression of a SELECT, unless an option of a partition.
            found.as_select = matches!(cursor.peek(), Some(Token::Name(_)));
        } else if !charset_option(cursor, &mut draft.table.charset, &mut draft.table.collation)? {
            match token {
                Token::Broken => return None,
                _ => cursor.skip_one()?,
            }
        }
    }
    Some(found)
}

/// `(SELECT …)` behind the options.
fn starts_select(cursor: &Cursor<'_>) -> bool {
    let mut inner = *cursor;
    inner.sign('(') && (inner.is_any(&["SELECT", "WITH", "VALUES"]) || inner.is_sign('('))
}

/// `[DEFAULT] {CHARSET | CHARACTER SET | COLLATE} [=] name`; `Some(false)` when none comes next.
pub(super) fn charset_option(
    cursor: &mut Cursor<'_>,
    charset: &mut Option<String>,
    collation: &mut Option<String>,
) -> Option<bool> {
    let mut ahead = *cursor;
    ahead.take("DEFAULT");
    if ahead.take("CHARSET") || ahead.take("CHARACTER SET") || ahead.take("CHAR SET") {
        *charset = Some(ahead.charset()?).filter(|name| name != "default");
    } else if ahead.take("COLLATE") {
        let name = ahead.charset()?;
        if let Some(implied) = column::charset_of(Some(&name)) {
            *charset = Some(implied);
        }
        *collation = Some(name);
    } else {
        return Some(false);
    }
    *cursor = ahead;
    Some(true)
}

/// What MariaDB's CREATE SEQUENCE makes: a table of one row, logged like any other.
pub(super) fn sequence(
    cursor: &mut Cursor<'_>,
    or_replace: bool,
    temporary: bool,
) -> Option<Statement> {
    let if_not_exists = cursor.take("IF NOT EXISTS");
    let table = cursor.table()?;
    let column = |(name, column_type)| ColumnDefinition {
        nullable: false,
        ..ColumnDefinition::new(name, column_type)
    };
    let columns = [
        ("next_not_cached_value", "bigint(21)"),
        ("minimum_value", "bigint(21)"),
        ("maximum_value", "bigint(21)"),
        ("start_value", "bigint(21)"),
        ("increment", "bigint(21)"),
        ("cache_size", "bigint(21) unsigned"),
        ("cycle_option", "tinyint(1) unsigned"),
        ("cycle_count", "bigint(21)"),
    ];
    let definition =
        TableDefinition { columns: columns.map(column).into(), ..TableDefinition::default() };
    Some(Statement::CreateTable(CreateTable {
        table,
        temporary,
        or_replace,
        if_not_exists,
        like: None,
        definition: Some(definition),
        select: false,
    }))
}
