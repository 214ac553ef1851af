//! One column of a CREATE or ALTER TABLE, with its attributes. Uses `column_type`, `cursor` and
//! `schema`. Not hot.

use super::column_type::Type;
use super::cursor::Cursor;
use super::lexer::Token;
use crate::mysql::schema::ColumnDefinition;

/// Words that start an attribute, so that an unbracketed default value ends before them.
const ATTRIBUTES: [&str; 33] = [
    "NOT",
    "NULL",
    "DEFAULT",
    "ON",
    "AUTO_INCREMENT",
    "PRIMARY",
    "UNIQUE",
    "KEY",
    "COMMENT",
    "COLLATE",
    "CHARACTER",
    "CHARSET",
    "GENERATED",
    "AS",
    "VIRTUAL",
    "STORED",
    "PERSISTENT",
    "INVISIBLE",
    "VISIBLE",
    "REFERENCES",
    "CHECK",
    "CONSTRAINT",
    "COLUMN_FORMAT",
    "STORAGE",
    "SRID",
    "ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE_ATTRIBUTE",
    "FIRST",
    "AFTER",
    "WITH",
    "WITHOUT",
    "COMPRESSED",
    "REF_SYSTEM_ID",
];

/// A column and what it says of the table.
pub(super) struct Column {
    /// The column.
    pub definition: ColumnDefinition,
    /// `PRIMARY KEY` among its attributes.
    pub primary: bool,
    /// `WITH SYSTEM VERSIONING`, which makes its table a versioned one.
    pub versioned: bool,
    /// `AS ROW START`: the table names the columns of its versions itself.
    pub row_start: bool,
}

#[derive(Default)]
struct Attributes {
    unsigned: bool,
    zerofill: bool,
    not_null: bool,
    primary: bool,
    generated: bool,
    invisible: bool,
    compressed: bool,
    versioned: bool,
    row_start: bool,
    binary_collation: bool,
    charset: Option<String>,
    collation: Option<String>,
}

/// Reads `name type attributes…`, up to a comma, a closing parenthesis, FIRST or AFTER.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Column> {
    let name = cursor.name()?;
    parse_named(cursor, name)
}

/// Reads `type attributes…`.
pub(super) fn parse_named(cursor: &mut Cursor<'_>, name: String) -> Option<Column> {
    if cursor.context.mode.oracle {
        return None;
    }
    let mariadb = cursor.context.mariadb;
    let ty = Type::parse(cursor)?;
    let mut attributes =
        Attributes { charset: ty.charset.map(str::to_owned), ..Default::default() };
    if ty.name == "longtext" && ty.charset.is_some() {
        attributes.collation = Some("utf8mb4_bin".to_owned());
    }
    while !cursor.at_end() && !cursor.is_sign(',') && !cursor.is_sign(')') {
        let behind = ["FIRST", "AFTER", "PARTITION BY", "REMOVE PARTITIONING"];
        if behind.iter().any(|words| cursor.are(words)) {
            break;
        }
        attribute(cursor, &mut attributes)?;
    }
    let mut column_type = ty.text(attributes.unsigned, attributes.zerofill, mariadb);
    if attributes.compressed && mariadb {
        column_type.push_str(" /*M!100301 COMPRESSED*/");
    }
    let mut definition = ColumnDefinition {
        nullable: !(attributes.not_null || attributes.primary || ty.serial),
        generated: attributes.generated,
        invisible: attributes.invisible,
        ..ColumnDefinition::new(name, column_type)
    };
    if definition.is_character() {
        definition.charset =
            attributes.charset.or_else(|| charset_of(attributes.collation.as_deref()));
        definition.collation = match (attributes.collation, &definition.charset) {
            (None, Some(charset)) if attributes.binary_collation => Some(format!("{charset}_bin")),
            (collation, _) => collation,
        };
    }
    Some(Column {
        definition,
        primary: attributes.primary,
        versioned: attributes.versioned,
        row_start: attributes.row_start,
    })
}

/// The character set that a collation's name starts with; MariaDB's `uca1400_…` fit several.
pub(super) fn charset_of(collation: Option<&str>) -> Option<String> {
    let collation = collation?;
    let head = collation.split('_').next().unwrap_or(collation);
    (head != "uca1400" && head != "default").then(|| head.to_owned())
}

fn attribute(cursor: &mut Cursor<'_>, attributes: &mut Attributes) -> Option<()> {
    let Some(Token::Word(word)) = cursor.next() else { return None };
    match word.to_ascii_uppercase().as_str() {
        "UNSIGNED" => attributes.unsigned = true,
        "SIGNED" => {}
        "ZEROFILL" => attributes.zerofill = true,
        "NOT" if cursor.take("NULL") => attributes.not_null = true,
        "NOT" if cursor.take_any(&["ENFORCED", "SECONDARY"]) => {}
        "NULL" => attributes.not_null = false,
        "ENFORCED" | "AUTO_INCREMENT" | "VIRTUAL" | "STORED" | "PERSISTENT" | "VISIBLE" => {}
        "DEFAULT" => default_value(cursor)?,
        "ON" if cursor.take("UPDATE") => default_value(cursor)?,
        "PRIMARY" => {
            cursor.take("KEY");
            attributes.primary = true;
        }
        "KEY" => attributes.primary = true,
        "UNIQUE" => drop(cursor.take("KEY")),
        "SERIAL" if cursor.take("DEFAULT VALUE") => attributes.not_null = true,
        "COMMENT"
        | "COLUMN_FORMAT"
        | "STORAGE"
        | "SRID"
        | "ENGINE_ATTRIBUTE"
        | "SECONDARY_ENGINE_ATTRIBUTE"
        | "REF_SYSTEM_ID" => {
            cursor.sign('=');
            cursor.skip_one()?;
        }
        "COLLATE" => attributes.collation = Some(cursor.charset()?),
        "CHARSET" => attributes.charset = Some(cursor.charset()?),
        "CHARACTER" | "CHAR" if cursor.take("SET") => attributes.charset = Some(cursor.charset()?),
        "ASCII" => attributes.charset = Some("latin1".to_owned()),
        "UNICODE" => attributes.charset = Some("ucs2".to_owned()),
        "BYTE" => attributes.charset = Some("binary".to_owned()),
        "BINARY" => attributes.binary_collation = true,
        "GENERATED" if cursor.take("ALWAYS") => {}
        "AS" => {
            attributes.generated = true;
            if cursor.is_sign('(') {
                cursor.skip_parens()?;
            } else {
                attributes.row_start = cursor.take("ROW START");
                (attributes.row_start || cursor.take("ROW END")).then_some(())?;
                attributes.not_null = true;
            }
        }
        "INVISIBLE" => attributes.invisible = true,
        "COMPRESSED" => {
            attributes.compressed = true;
            cursor.sign('=');
            if matches!(cursor.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case("zlib"))
            {
                cursor.next();
            }
        }
        "WITH" if cursor.take("SYSTEM VERSIONING") => attributes.versioned = true,
        "WITHOUT" if cursor.take("SYSTEM VERSIONING") => {}
        "CONSTRAINT" => {
            if !cursor.is_any(&["CHECK"]) {
                cursor.name()?;
            }
        }
        "CHECK" => cursor.skip_parens()?,
        "REFERENCES" => references(cursor)?,
        _ => return None,
    }
    Some(())
}

/// An expression as it may stand after DEFAULT or ON UPDATE: its first token is taken whatever it
/// is, the rest up to a comma, a closing parenthesis or the next attribute.
fn default_value(cursor: &mut Cursor<'_>) -> Option<()> {
    loop {
        // A sign binds what follows it, so an attribute's name cannot come next.
        let sign = matches!(cursor.peek(), Some(Token::Sign(c)) if *c != '(');
        cursor.skip_one()?;
        if sign {
            continue;
        }
        if cursor.at_end()
            || cursor.is_sign(',')
            || cursor.is_sign(')')
            || cursor.is_any(&ATTRIBUTES)
        {
            return Some(());
        }
    }
}

fn references(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.table()?;
    if cursor.is_sign('(') {
        cursor.skip_parens()?;
    }
    loop {
        if cursor.take("MATCH") {
            cursor.name()?;
        } else if cursor.take("ON DELETE") || cursor.take("ON UPDATE") {
            let known = cursor.take_any(&["RESTRICT", "CASCADE"])
                || ["SET NULL", "SET DEFAULT", "NO ACTION"].iter().any(|words| cursor.take(words));
            known.then_some(())?;
        } else {
            return Some(());
        }
    }
}
