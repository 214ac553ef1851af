//! A column's type, in the words of information_schema. Uses `cursor`. Not hot.
//!
//! Synonyms are those of both servers' grammars. What depends on the table's character set (the
//! size of `TEXT(n)`, binary strings) is left to `schema`, which knows it.

use super::cursor::Cursor;
use super::lexer::Token;

/// A type before its attributes are known.
#[derive(Debug, Default)]
pub(super) struct Type {
    /// The type's own name.
    pub name: &'static str,
    /// What stands in its parentheses.
    pub arguments: Arguments,
    /// A character set that the type implies (`NATIONAL CHAR`, MariaDB's `JSON`).
    pub charset: Option<&'static str>,
    /// `SERIAL`: unsigned and NOT NULL.
    pub serial: bool,
}

/// What stands in a type's parentheses.
#[derive(Debug, Default)]
pub(super) enum Arguments {
    #[default]
    None,
    One(u64),
    Two(u64, u64),
    Labels(Vec<String>),
}

impl Type {
    fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// Reads a type up to its attributes.
    pub fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let Some(Token::Word(word)) = cursor.next() else { return None };
        let mariadb = cursor.context.mariadb;
        let mut parsed = match word.to_ascii_uppercase().as_str() {
            "TINYINT" | "INT1" => Self::new("tinyint"),
            "SMALLINT" | "INT2" => Self::new("smallint"),
            "MEDIUMINT" | "MIDDLEINT" | "INT3" => Self::new("mediumint"),
            "INT" | "INTEGER" | "INT4" => Self::new("int"),
            "BIGINT" | "INT8" => Self::new("bigint"),
            "SERIAL" => Self { serial: true, ..Self::new("bigint") },
            "BOOL" | "BOOLEAN" => {
                return Some(Self { arguments: Arguments::One(1), ..Self::new("tinyint") });
            }
            "DECIMAL" | "DEC" | "NUMERIC" | "FIXED" => Self::new("decimal"),
            "NUMBER" if mariadb => return None,
            "FLOAT" | "FLOAT4" => Self::new("float"),
            "DOUBLE" => {
                cursor.take("PRECISION");
                Self::new("double")
            }
            "FLOAT8" => Self::new("double"),
            "REAL" => Self::new(if cursor.context.mode.real_as_float { "float" } else { "double" }),
            "BIT" => Self::new("bit"),
            "DATE" => Self::new("date"),
            "TIME" => Self::new("time"),
            "DATETIME" => Self::new("datetime"),
            "TIMESTAMP" => Self::new("timestamp"),
            "YEAR" => Self::new("year"),
            "CHAR" | "CHARACTER" => Self::new(varying(cursor, "char")),
            "NCHAR" => national(varying(cursor, "char")),
            "NATIONAL" => Self::parse_national(cursor)?,
            "VARCHAR" | "VARCHARACTER" => Self::new("varchar"),
            "NVARCHAR" => national("varchar"),
            "BINARY" => Self::new("binary"),
            "VARBINARY" => Self::new("varbinary"),
            "TINYTEXT" => Self::new("tinytext"),
            "TEXT" => Self::new("text"),
            "MEDIUMTEXT" => Self::new("mediumtext"),
            "LONGTEXT" => Self::new("longtext"),
            "TINYBLOB" => Self::new("tinyblob"),
            "BLOB" => Self::new("blob"),
            "MEDIUMBLOB" => Self::new("mediumblob"),
            "LONGBLOB" => Self::new("longblob"),
            "LONG" => Self::parse_long(cursor),
            "ENUM" => return Self::parse_labels(cursor, "enum"),
            "SET" => return Self::parse_labels(cursor, "set"),
            "JSON" if mariadb => Self { charset: Some("utf8mb4"), ..Self::new("longtext") },
            "JSON" => Self::new("json"),
            "GEOMETRY" => Self::new("geometry"),
            "POINT" => Self::new("point"),
            "LINESTRING" => Self::new("linestring"),
            "POLYGON" => Self::new("polygon"),
            "MULTIPOINT" => Self::new("multipoint"),
            "MULTILINESTRING" => Self::new("multilinestring"),
            "MULTIPOLYGON" => Self::new("multipolygon"),
            "GEOMETRYCOLLECTION" if mariadb => Self::new("geometrycollection"),
            "GEOMETRYCOLLECTION" | "GEOMCOLLECTION" => Self::new("geomcollection"),
            "VECTOR" => Self::new("vector"),
            "UUID" if mariadb => Self::new("uuid"),
            "INET4" if mariadb => Self::new("inet4"),
            "INET6" if mariadb => Self::new("inet6"),
            _ => return None,
        };
        if cursor.sign('(') {
            parsed.arguments = arguments(cursor)?;
        }
        Some(parsed)
    }

    fn parse_national(cursor: &mut Cursor<'_>) -> Option<Self> {
        if cursor.take_any(&["CHAR", "CHARACTER"]) {
            Some(national(varying(cursor, "char")))
        } else {
            cursor.take_any(&["VARCHAR", "VARCHARACTER"]).then(|| national("varchar"))
        }
    }

    /// `LONG`, `LONG VARCHAR`, `LONG CHAR VARYING`, `LONG VARBINARY`.
    fn parse_long(cursor: &mut Cursor<'_>) -> Self {
        if cursor.take("VARBINARY") {
            return Self::new("mediumblob");
        }
        if cursor.take_any(&["CHAR", "CHARACTER"]) {
            cursor.take("VARYING");
        } else {
            cursor.take_any(&["VARCHAR", "VARCHARACTER"]);
        }
        Self::new("mediumtext")
    }

    fn parse_labels(cursor: &mut Cursor<'_>, name: &'static str) -> Option<Self> {
        if !cursor.sign('(') {
            return None;
        }
        let labels = cursor.list(|cursor| match cursor.next()? {
            Token::Text(text) => Some(text.trim_end_matches(' ').to_owned()),
            _ => None,
        })?;
        cursor.sign(')').then(|| Self { arguments: Arguments::Labels(labels), ..Self::new(name) })
    }

    /// The text of information_schema.COLUMNS.COLUMN_TYPE, where the character set plays no part.
    pub fn text(&self, unsigned: bool, zerofill: bool, mariadb: bool) -> String {
        let unsigned = unsigned || zerofill || self.serial;
        let mut text = match self.name {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
                self.integer(unsigned, zerofill, mariadb)
            }
            "decimal" => match self.arguments {
                Arguments::Two(digits, scale) => format!("decimal({digits},{scale})"),
                Arguments::One(digits) if digits > 0 => format!("decimal({digits},0)"),
                _ => "decimal(10,0)".to_owned(),
            },
            "float" => match self.arguments {
                Arguments::One(bits) if bits > 24 => "double".to_owned(),
                Arguments::Two(digits, scale) => format!("float({digits},{scale})"),
                _ => "float".to_owned(),
            },
            "year" if mariadb => match self.arguments {
                Arguments::One(2) => "year(2)".to_owned(),
                _ => "year(4)".to_owned(),
            },
            "year" => "year".to_owned(),
            name => match &self.arguments {
                Arguments::One(0) if matches!(name, "time" | "datetime" | "timestamp") => {
                    name.to_owned()
                }
                Arguments::None if matches!(name, "bit" | "char" | "binary") => {
                    format!("{name}(1)")
                }
                Arguments::None if name == "vector" && !mariadb => "vector(2048)".to_owned(),
                Arguments::None => name.to_owned(),
                Arguments::One(one) => format!("{name}({one})"),
                Arguments::Two(one, two) => format!("{name}({one},{two})"),
                Arguments::Labels(labels) => format!("{name}({})", quote(labels)),
            },
        };
        let numeric = matches!(
            self.name,
            "tinyint"
                | "smallint"
                | "mediumint"
                | "int"
                | "bigint"
                | "decimal"
                | "float"
                | "double"
        );
        if numeric && unsigned {
            text.push_str(" unsigned");
        }
        if zerofill && (numeric || (mariadb && self.name == "year")) {
            text.push_str(" zerofill");
        }
        text
    }

    /// MySQL (8.0.19 on) shows a display width only for `tinyint(1)` and with ZEROFILL, MariaDB
    /// always.
    fn integer(&self, unsigned: bool, zerofill: bool, mariadb: bool) -> String {
        let name = self.name;
        let given = match self.arguments {
            Arguments::One(width) if width > 0 => Some(width),
            _ => None,
        };
        let sign = u64::from(!unsigned);
        let width = given.unwrap_or(match name {
            "tinyint" => 3 + sign,
            "smallint" => 5 + sign,
            "mediumint" => 8 + sign,
            "int" => 10 + sign,
            _ => 20,
        });
        let boolean = name == "tinyint" && given == Some(1) && !unsigned;
        if mariadb || zerofill || boolean { format!("{name}({width})") } else { name.to_owned() }
    }
}

fn national(name: &'static str) -> Type {
    Type { charset: Some("utf8mb3"), ..Type::new(name) }
}

fn varying(cursor: &mut Cursor<'_>, fixed: &'static str) -> &'static str {
    if cursor.take("VARYING") || cursor.take_any(&["VARCHAR", "VARCHARACTER"]) {
        "varchar"
    } else {
        fixed
    }
}

fn arguments(cursor: &mut Cursor<'_>) -> Option<Arguments> {
    let number = |cursor: &mut Cursor<'_>| match cursor.next()? {
        Token::Number(digits) => digits.parse::<u64>().ok(),
        _ => None,
    };
    let first = number(cursor)?;
    let arguments = if cursor.sign(',') {
        Arguments::Two(first, number(cursor)?)
    } else {
        Arguments::One(first)
    };
    cursor.sign(')').then_some(arguments)
}

fn quote(labels: &[String]) -> String {
    let mut text = String::new();
    for label in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push('\'');
        for c in label.chars() {
            match c {
                '\'' => text.push_str("''"),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\0' => text.push_str("\\0"),
                c => text.push(c),
            }
        }
        text.push('\'');
    }
    text
}
