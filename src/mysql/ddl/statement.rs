//! What a statement in the log does to tables. Plain data; uses `schema` for column definitions.
//! Not hot.

use crate::mysql::schema::{ColumnDefinition, TableDefinition};

/// A table, its schema resolved against the session's default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The schema (database).
    pub schema: String,
    /// The table.
    pub table: String,
}

impl TableName {
    /// The name of `table` in `schema`.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }

    fn fold(&mut self) {
        self.schema = self.schema.to_lowercase();
        self.table = self.table.to_lowercase();
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// The name of a distributed transaction. Two are one only when all three parts agree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Xid {
    /// Global transaction id, any bytes.
    pub gtrid: Vec<u8>,
    /// Branch qualifier, any bytes, often empty.
    pub bqual: Vec<u8>,
    /// Format id, 1 unless given.
    pub format: i64,
}

/// One statement of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK` of the whole transaction.
    Rollback,
    /// `SAVEPOINT s`.
    Savepoint(String),
    /// `ROLLBACK TO s`.
    RollbackTo(String),
    /// `RELEASE SAVEPOINT s`.
    ReleaseSavepoint(String),
    /// `XA START`.
    XaStart(Xid),
    /// `XA END`.
    XaEnd(Xid),
    /// `XA PREPARE` as text (servers log an event of its own).
    XaPrepare(Xid),
    /// `XA COMMIT`.
    XaCommit {
        /// Which transaction.
        xid: Xid,
        /// Whether it was never prepared.
        one_phase: bool,
    },
    /// `XA ROLLBACK`.
    XaRollback(Xid),
    /// `CREATE TABLE`; MariaDB's `CREATE SEQUENCE` too, which makes a table of one row.
    CreateTable(CreateTable),
    /// `DROP TABLE`, `DROP SEQUENCE`.
    DropTables {
        /// Those named, existing or not.
        tables: Vec<TableName>,
        /// Only the session's own tables are meant.
        temporary: bool,
        /// Names that do not exist are no error.
        if_exists: bool,
    },
    /// `RENAME TABLE a TO b, …`, in order: a swap goes over a third name.
    RenameTables(Vec<(TableName, TableName)>),
    /// `TRUNCATE`.
    Truncate(TableName),
    /// `ALTER TABLE`, `CREATE INDEX`, `DROP INDEX`.
    AlterTable(AlterTable),
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// The database.
        name: String,
        /// Its default character set, where given.
        charset: Option<String>,
        /// MariaDB's `OR REPLACE`: what was in it is gone.
        or_replace: bool,
    },
    /// `DROP DATABASE`.
    DropDatabase(String),
    /// `ALTER DATABASE`.
    AlterDatabase {
        /// The database.
        name: String,
        /// Its new default character set, where given.
        charset: Option<String>,
    },
    /// A change of rows, logged as a statement.
    Dml {
        /// What it does.
        verb: Verb,
        /// The tables it names, as far as can be seen.
        tables: Vec<TableName>,
    },
    /// Views, users, routines, settings, maintenance: no table's shape or rows.
    Other,
    /// Not understood.
    NotUnderstood {
        /// Every name in the text that may be a table's.
        tables: Vec<TableName>,
    },
}

impl Statement {
    /// Turns the names of tables and databases to lower case, as a server does whose
    /// `lower_case_table_names` is not 0: its TABLE_MAPs have them so, its texts as people wrote
    /// them.
    pub fn fold_names(&mut self) {
        match self {
            Self::CreateTable(create) => {
                create.table.fold();
                create.like.iter_mut().for_each(TableName::fold);
            }
            Self::AlterTable(alter) => {
                alter.table.fold();
                alter.rename_to.iter_mut().for_each(TableName::fold);
            }
            Self::DropTables { tables, .. }
            | Self::Dml { tables, .. }
            | Self::NotUnderstood { tables } => tables.iter_mut().for_each(TableName::fold),
            Self::RenameTables(pairs) => {
                for (from, to) in pairs {
                    from.fold();
                    to.fold();
                }
            }
            Self::Truncate(table) => table.fold(),
            Self::CreateDatabase { name, .. }
            | Self::DropDatabase(name)
            | Self::AlterDatabase { name, .. } => *name = name.to_lowercase(),
            _ => {}
        }
    }
}

/// `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// The new table.
    pub table: TableName,
    /// Seen by its session alone; its rows are not logged.
    pub temporary: bool,
    /// MariaDB: an existing table is dropped first.
    pub or_replace: bool,
    /// An existing table stays as it is.
    pub if_not_exists: bool,
    /// The template of `CREATE TABLE … LIKE`.
    pub like: Option<TableName>,
    /// Columns and keys; `None` when they were not understood, come from a SELECT or from `like`.
    pub definition: Option<TableDefinition>,
    /// Rows of this table follow in the same transaction (`AS SELECT`, `START TRANSACTION`).
    pub select: bool,
}

/// `ALTER TABLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlterTable {
    /// The table.
    pub table: TableName,
    /// What changes its shape, in the order of the text. What does not is left out.
    pub actions: Vec<Alter>,
    /// The name it has afterwards, when another.
    pub rename_to: Option<TableName>,
    /// Whether every clause was understood; if not, the shape afterwards is unknown.
    pub understood: bool,
}

/// One clause of an `ALTER TABLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alter {
    /// `ADD COLUMN`.
    AddColumn {
        /// The column.
        column: ColumnDefinition,
        /// Where it goes.
        position: Position,
        /// An existing column stays as it is.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    DropColumn {
        /// The column.
        name: String,
        /// A missing one is no error.
        if_exists: bool,
    },
    /// `CHANGE` and `MODIFY` (where `old` is the column's own name).
    ChangeColumn {
        /// The name so far.
        old: String,
        /// The column afterwards, whole.
        column: ColumnDefinition,
        /// Where it goes.
        position: Position,
        /// A missing one is no error.
        if_exists: bool,
    },
    /// `RENAME COLUMN`.
    RenameColumn {
        /// The name so far.
        old: String,
        /// The new name.
        new: String,
        /// A missing one is no error.
        if_exists: bool,
    },
    /// `ALTER COLUMN … SET VISIBLE | INVISIBLE`.
    SetInvisible {
        /// The column.
        name: String,
        /// Whether `SELECT *` leaves it out.
        invisible: bool,
    },
    /// `ADD PRIMARY KEY`, or a column's own `PRIMARY KEY`.
    AddPrimaryKey {
        /// Its columns in key order.
        columns: Vec<String>,
        /// A primary key that is there stays.
        if_not_exists: bool,
    },
    /// `DROP PRIMARY KEY`.
    DropPrimaryKey,
    /// `CONVERT TO CHARACTER SET`: default and every column of characters. `None` means the
    /// schema's default.
    ConvertCharset {
        /// The character set.
        charset: Option<String>,
        /// The collation, where given.
        collation: Option<String>,
    },
    /// `[DEFAULT] CHARACTER SET`: columns to come only.
    DefaultCharset {
        /// The character set.
        charset: Option<String>,
        /// The collation, where given.
        collation: Option<String>,
    },
    /// `ADD SYSTEM VERSIONING` (MariaDB): two hidden columns unless the table names its own.
    AddSystemVersioning,
    /// `DROP SYSTEM VERSIONING` (MariaDB).
    DropSystemVersioning,
    /// Rows come or go without row events (`TRUNCATE PARTITION`, `EXCHANGE PARTITION`, `IMPORT
    /// TABLESPACE`, …); the text names the clause.
    MovesRows(&'static str),
}

/// Where a column goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// An added one to the end, a changed one stays.
    Unsaid,
    /// `FIRST`.
    First,
    /// `AFTER column`.
    After(String),
}

/// What a statement does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `INSERT`
    Insert,
    /// `UPDATE`
    Update,
    /// `DELETE`
    Delete,
    /// `REPLACE`
    Replace,
    /// `LOAD DATA`, `LOAD XML`
    Load,
    /// `CALL`
    Call,
    /// `DO`
    Do,
    /// `SELECT` (of a function that writes), `VALUES`, `TABLE`
    Select,
}

impl Verb {
    /// The keyword.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Replace => "REPLACE",
            Self::Load => "LOAD DATA",
            Self::Call => "CALL",
            Self::Do => "DO",
            Self::Select => "SELECT",
        }
    }
}
