//! The type table: how each column of the source becomes a UMS field, and how its cells are
//! decoded. Uses `error`, `ums`, `mysql::{charset, collations, table_map}`. Not hot: a plan is made
//! once for equal TABLE_MAPs and then walked by `mysql::value`.
//!
//! One table serves the binlog and the SELECT path, so that both write identical cells.

use super::charset::Charset;
use super::collations;
use super::schema::ColumnDefinition;
use super::table_map::{Charsets, TableMap, WireColumn, wire};
use crate::error::{Error, Result};
use crate::ums::json::{push_escaped, push_string};
use crate::ums::{Field, Type};

/// The collation id of binary strings, on every server.
const BINARY_COLLATION: u16 = 63;

/// How the bytes of a cell are read; a closed set, chosen once a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A signed integer of so many bytes (1, 2, 3, 4); JSON number.
    Signed(u8),
    /// An unsigned integer of so many bytes (1, 2, 3); JSON number.
    Unsigned(u8),
    /// INT UNSIGNED; JSON string.
    UnsignedInt,
    /// BIGINT; JSON string.
    Bigint,
    /// BIGINT UNSIGNED; JSON string.
    UnsignedBigint,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// DECIMAL(precision, scale).
    Decimal(u8, u8),
    /// YEAR.
    Year,
    /// BIT of so many bytes.
    Bit(u8),
    /// DATE, 3 bytes.
    Date,
    /// TIME before 5.6, 3 bytes.
    TimeOld,
    /// DATETIME before 5.6, 8 bytes.
    DatetimeOld,
    /// TIMESTAMP before 5.6, 4 bytes.
    TimestampOld,
    /// TIME with fraction digits in MariaDB's own format.
    TimeOwn(u8),
    /// DATETIME with fraction digits in MariaDB's own format.
    DatetimeOwn(u8),
    /// TIMESTAMP with fraction digits in MariaDB's own format.
    TimestampOwn(u8),
    /// TIME(fraction digits).
    Time(u8),
    /// DATETIME(fraction digits).
    Datetime(u8),
    /// TIMESTAMP(fraction digits), UTC.
    Timestamp(u8),
    /// Text behind a length of so many bytes. The flag: whether plain ASCII bytes mean themselves.
    Text(u8, Charset, bool),
    /// Bytes behind a length of so many bytes.
    Bytes(u8),
    /// BINARY(n), whose trailing zero bytes the log leaves out: bytes of the length, and n.
    Padded(u8, u16),
    /// ENUM: bytes of the index, labels as JSON strings (the first is the label of index 0).
    Enum(u8, Vec<Vec<u8>>),
    /// SET: bytes of the mask, labels as escaped JSON text without quotes.
    Set(u8, Vec<Vec<u8>>),
    /// MySQL's binary JSON behind a length of so many bytes.
    Json(u8),
    /// VECTOR behind a length of so many bytes: little-endian 32-bit floats.
    Vector(u8),
    /// MariaDB UUID: 16 bytes behind a length of one byte.
    Uuid,
    /// MariaDB INET6: 16 bytes.
    Inet6,
    /// MariaDB INET4: 4 bytes.
    Inet4,
    /// MariaDB COMPRESSED column: bytes of the length, then what it holds.
    Compressed(u8, Box<Kind>),
}

/// What is planned for one column.
#[derive(Debug, Clone)]
pub struct Column {
    /// How its cells are read.
    pub kind: Kind,
    /// How it appears in messages.
    pub field: Field,
}

/// Why a column cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unplanned {
    /// The log does not name its columns and no definition is known.
    NoNames,
    /// The sign of an integer is neither in the log nor known.
    NoSign,
    /// The character set is neither in the log nor known, or not one we have.
    NoCharset,
    /// The labels of an ENUM or SET are neither in the log nor known.
    NoLabels,
    /// Fraction digits that decide about the length are neither in the log nor known.
    NoDigits,
    /// The wire type is not one we decode.
    WireType(u8),
    /// The definition contradicts the log.
    Contradiction(String),
}

impl std::fmt::Display for Unplanned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoNames => f.write_str("the log does not name the table's columns"),
            Self::NoSign => f.write_str("the log does not say whether the integer is unsigned"),
            Self::NoCharset => f.write_str("its character set is neither in the log nor known"),
            Self::NoLabels => f.write_str("the log does not hold its labels"),
            Self::NoDigits => f.write_str(
                "the log does not hold its fraction digits (mysql56_temporal_format=OFF), and no definition is known",
            ),
            Self::WireType(ty) => write!(f, "the type {ty} is not supported"),
            Self::Contradiction(how) => write!(f, "its definition contradicts the log: {how}"),
        }
    }
}

/// Plans all columns of a table; `definition` fills in what the log does not say.
pub fn plan(
    map: &TableMap,
    definition: Option<&[ColumnDefinition]>,
    mariadb: bool,
) -> Result<Vec<Column>, (usize, Unplanned)> {
    plan_all(map, definition, mariadb, false)
}

fn plan_all(
    map: &TableMap,
    definition: Option<&[ColumnDefinition]>,
    mariadb: bool,
    lenient: bool,
) -> Result<Vec<Column>, (usize, Unplanned)> {
    let mut nth = Nth::default();
    let mut columns = Vec::with_capacity(map.columns.len());
    for (index, wire) in map.columns.iter().enumerate() {
        let known = definition.and_then(|columns| columns.get(index));
        let context = Context { map, wire, known, mariadb, lenient };
        let column = context.column(index, &nth).map_err(|why| (index, why))?;
        nth.step(wire.ty, mariadb);
        columns.push(column);
    }
    Ok(columns)
}

/// The columns as far as their lengths in images go: enough to walk rows, not to write them.
pub fn shape(map: &TableMap, mariadb: bool) -> Result<Vec<Column>> {
    let mut lenient = map.clone();
    let metadata = &mut lenient.metadata;
    let count = map.columns.len();
    metadata.names = Some(vec![String::new(); count]);
    metadata.unsigned.get_or_insert_with(|| vec![false; count]);
    metadata.collations = Charsets::Default(u64::from(BINARY_COLLATION), Vec::new());
    metadata.label_collations = metadata.collations.clone();
    metadata.enum_labels = Some(vec![Vec::new(); count]);
    metadata.set_labels = Some(vec![Vec::new(); count]);
    plan_all(&lenient, None, mariadb, true).map_err(|(index, why)| {
        Error::data(format!("column {} of {}.{}: {why}", index + 1, map.schema, map.table))
    })
}

/// How many columns of each kind came before; the optional metadata is indexed so.
#[derive(Default)]
struct Nth {
    numeric: usize,
    character: usize,
    labelled: usize,
    enums: usize,
    sets: usize,
    geometry: usize,
    vector: usize,
}

impl Nth {
    /// The servers count YEAR as numeric, and MariaDB counts GEOMETRY as a character column.
    fn step(&mut self, ty: u8, mariadb: bool) {
        match ty {
            wire::TINY
            | wire::SHORT
            | wire::INT24
            | wire::LONG
            | wire::LONGLONG
            | wire::FLOAT
            | wire::DOUBLE
            | wire::DECIMAL
            | wire::NEWDECIMAL
            | wire::YEAR => self.numeric += 1,
            wire::ENUM => {
                self.labelled += 1;
                self.enums += 1;
            }
            wire::SET => {
                self.labelled += 1;
                self.sets += 1;
            }
            wire::GEOMETRY => {
                self.geometry += 1;
                self.character += usize::from(mariadb);
            }
            wire::VECTOR => self.vector += 1,
            wire::VARCHAR
            | wire::VAR_STRING
            | wire::STRING
            | wire::TINY_BLOB
            | wire::MEDIUM_BLOB
            | wire::LONG_BLOB
            | wire::BLOB
            | wire::BLOB_COMPRESSED
            | wire::VARCHAR_COMPRESSED => self.character += 1,
            _ => {}
        }
    }
}

struct Context<'a> {
    map: &'a TableMap,
    wire: &'a WireColumn,
    known: Option<&'a ColumnDefinition>,
    mariadb: bool,
    /// Only lengths matter.
    lenient: bool,
}

impl Context<'_> {
    fn column(&self, index: usize, nth: &Nth) -> Result<Column, Unplanned> {
        let logged = self.map.metadata.names.as_ref().and_then(|names| names.get(index));
        let name = match (logged, self.known) {
            (Some(name), _) => name.clone(),
            (None, Some(known)) => known.name.clone(),
            (None, None) => return Err(Unplanned::NoNames),
        };
        let (kind, ty, origin) = self.kind(nth)?;
        self.agrees(&origin)?;
        let field =
            Field { name, ty, nullable: self.wire.nullable, encoded: false, origin: Some(origin) };
        Ok(Column { kind, field })
    }

    /// Compares the known definition with what the wire type gives, as far as the two must agree.
    fn agrees(&self, origin: &str) -> Result<(), Unplanned> {
        let Some(known) = self.known else { return Ok(()) };
        let declared = known.column_type.to_ascii_lowercase();
        let family = |text: &str| {
            let word: String = text.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            match word.as_str() {
                "integer" => "int".to_owned(),
                "numeric" | "dec" | "fixed" => "decimal".to_owned(),
                "bool" | "boolean" => "tinyint".to_owned(),
                "json" if self.mariadb => "longtext".to_owned(),
                "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
                | "multipolygon" | "geometrycollection" | "geomcollection" => "geometry".to_owned(),
                "real" => "double".to_owned(),
                _ => word,
            }
        };
        // MariaDB's vector travels as varbinary.
        if family(&declared) == family(origin) || declared.starts_with("vector") {
            return Ok(());
        }
        Err(Unplanned::Contradiction(format!("known as {declared}, logged as {origin}")))
    }

    fn unsigned(&self, nth: &Nth) -> Option<bool> {
        let logged = self.map.metadata.unsigned.as_ref();
        logged.and_then(|signs| signs.get(nth.numeric).copied()).or_else(|| {
            self.known.map(|known| {
                let declared = known.column_type.to_ascii_lowercase();
                declared.contains("unsigned") || declared.contains("zerofill")
            })
        })
    }

    fn charset(&self, nth: &Nth) -> Option<Charset> {
        if let Some(id) = self.map.metadata.collations.get(nth.character) {
            if id == BINARY_COLLATION {
                return Some(Charset::Binary);
            }
            return collations::charset_of(id, self.mariadb);
        }
        let known = self.known?;
        let declared = known.column_type.to_ascii_lowercase();
        if declared.contains("binary(") || declared.contains("blob") {
            return Some(Charset::Binary);
        }
        collations::charset_by_name(known.charset.as_deref()?)
    }

    fn kind(&self, nth: &Nth) -> Result<(Kind, Type, String), Unplanned> {
        let meta = self.wire.meta;
        let low = (meta & 0xff) as u8;
        let high = (meta >> 8) as u8;
        let fraction = |name: &str| match low {
            0 => name.to_owned(),
            digits => format!("{name}({digits})"),
        };
        let integer = |bytes: u8, name: &str| {
            let unsigned = self.unsigned(nth).ok_or(Unplanned::NoSign)?;
            Ok(match (unsigned, bytes) {
                (false, 8) => (Kind::Bigint, Type::Long, name.to_owned()),
                (false, _) => (Kind::Signed(bytes), Type::Int, name.to_owned()),
                (true, 8) => (Kind::UnsignedBigint, Type::Decimal, format!("{name} unsigned")),
                (true, 4) => (Kind::UnsignedInt, Type::Long, format!("{name} unsigned")),
                (true, _) => (Kind::Unsigned(bytes), Type::Int, format!("{name} unsigned")),
            })
        };
        let sign = |name: String| match self.unsigned(nth) {
            Some(true) => format!("{name} unsigned"),
            _ => name,
        };
        Ok(match self.wire.ty {
            wire::TINY => integer(1, "tinyint")?,
            wire::SHORT => integer(2, "smallint")?,
            wire::INT24 => integer(3, "mediumint")?,
            wire::LONG => integer(4, "int")?,
            wire::LONGLONG => integer(8, "bigint")?,
            wire::FLOAT => (Kind::Float, Type::Float, sign("float".to_owned())),
            wire::DOUBLE => (Kind::Double, Type::Double, sign("double".to_owned())),
            wire::NEWDECIMAL => {
                (Kind::Decimal(high, low), Type::Decimal, sign(format!("decimal({high},{low})")))
            }
            wire::YEAR => (Kind::Year, Type::Int, "year".to_owned()),
            wire::BIT => {
                let bits = u16::from(high) * 8 + u16::from(low);
                let bytes = u8::try_from(bits.div_ceil(8)).unwrap_or(u8::MAX);
                let ty = if bits > 63 { Type::Decimal } else { Type::Long };
                (Kind::Bit(bytes), ty, format!("bit({bits})"))
            }
            wire::DATE | wire::NEWDATE => (Kind::Date, Type::Date, "date".to_owned()),
            wire::TIME => match self.digits()? {
                0 => (Kind::TimeOld, Type::String, "time".to_owned()),
                n => (Kind::TimeOwn(n), Type::String, format!("time({n})")),
            },
            wire::DATETIME => match self.digits()? {
                0 => (Kind::DatetimeOld, Type::Datetime, "datetime".to_owned()),
                n => (Kind::DatetimeOwn(n), Type::Datetime, format!("datetime({n})")),
            },
            wire::TIMESTAMP => match self.digits()? {
                0 => (Kind::TimestampOld, Type::Datetime, "timestamp".to_owned()),
                n => (Kind::TimestampOwn(n), Type::Datetime, format!("timestamp({n})")),
            },
            wire::TIME2 => (Kind::Time(low), Type::String, fraction("time")),
            wire::DATETIME2 => (Kind::Datetime(low), Type::Datetime, fraction("datetime")),
            wire::TIMESTAMP2 => (Kind::Timestamp(low), Type::Datetime, fraction("timestamp")),
            wire::JSON => (Kind::Json(low), Type::String, "json".to_owned()),
            wire::VECTOR => {
                let dimensions = self.map.metadata.dimensions.as_ref();
                let origin = match dimensions.and_then(|all| all.get(nth.vector)) {
                    Some(count) => format!("vector({count})"),
                    None => "vector".to_owned(),
                };
                (Kind::Vector(low), Type::String, origin)
            }
            wire::GEOMETRY => {
                let code =
                    self.map.metadata.geometry.as_ref().and_then(|all| all.get(nth.geometry));
                (Kind::Bytes(low), Type::Binary, geometry_name(code.copied()).to_owned())
            }
            wire::ENUM => {
                let (labels, origin) = self.labels(nth, "enum")?;
                let mut quoted = vec![b"\"\"".to_vec()];
                quoted.extend(labels.iter().map(|label| {
                    let mut out = Vec::new();
                    push_string(&mut out, label);
                    out
                }));
                (Kind::Enum(low, quoted), Type::String, origin)
            }
            wire::SET => {
                let (labels, origin) = self.labels(nth, "set")?;
                let escaped = labels.iter().map(|label| {
                    let mut out = Vec::new();
                    push_escaped(&mut out, label.as_bytes());
                    out
                });
                (Kind::Set(low, escaped.collect()), Type::String, origin)
            }
            wire::VARCHAR | wire::VAR_STRING | wire::STRING => self.string(nth)?,
            wire::TINY_BLOB | wire::BLOB | wire::MEDIUM_BLOB | wire::LONG_BLOB => {
                let bytes = match self.wire.ty {
                    wire::TINY_BLOB => 1,
                    wire::MEDIUM_BLOB => 3,
                    wire::LONG_BLOB => 4,
                    _ => low,
                };
                self.blob(bytes, nth, "")?
            }
            wire::BLOB_COMPRESSED => {
                let (kind, ty, origin) = self.blob(low, nth, " compressed")?;
                (Kind::Compressed(low, Box::new(kind)), ty, origin)
            }
            wire::VARCHAR_COMPRESSED => {
                let width = if meta > 255 { 2 } else { 1 };
                let charset = self.charset(nth).ok_or(Unplanned::NoCharset)?;
                // One byte of the capacity is the compression header.
                let capacity = meta.saturating_sub(1);
                let (kind, ty, origin) = text(charset, width, capacity, ["varbinary", "varchar"]);
                (Kind::Compressed(width, Box::new(kind)), ty, format!("{origin} compressed"))
            }
            other => return Err(Unplanned::WireType(other)),
        })
    }

    /// Fraction digits of the old temporal types. MySQL's have none; MariaDB's may, and their
    /// length depends on them, but the log does not say.
    fn digits(&self) -> Result<u8, Unplanned> {
        if !self.mariadb || self.lenient {
            return Ok(0);
        }
        let declared = &self.known.ok_or(Unplanned::NoDigits)?.column_type;
        let digits = declared.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        match digits {
            None => Ok(0),
            Some((digits, _)) => {
                digits.trim().parse().ok().filter(|n| *n <= 6).ok_or(Unplanned::NoDigits)
            }
        }
    }

    /// VARCHAR, VARBINARY, CHAR, BINARY, and MariaDB's types that travel as BINARY.
    fn string(&self, nth: &Nth) -> Result<(Kind, Type, String), Unplanned> {
        let capacity = self.wire.meta;
        let width = if capacity > 255 { 2 } else { 1 };
        let fixed = self.wire.ty == wire::STRING;
        let declared = self.known.map(|known| known.column_type.to_ascii_lowercase());
        match declared.as_deref() {
            Some("uuid") if capacity == 16 => {
                return Ok((Kind::Uuid, Type::String, "uuid".to_owned()));
            }
            Some("inet6") if capacity == 16 => {
                return Ok((Kind::Inet6, Type::String, "inet6".to_owned()));
            }
            Some("inet4") if capacity == 4 => {
                return Ok((Kind::Inet4, Type::String, "inet4".to_owned()));
            }
            Some(vector) if self.mariadb && vector.starts_with("vector") => {
                return Ok((Kind::Vector(width), Type::String, vector.to_owned()));
            }
            _ => {}
        }
        let charset = self.charset(nth).ok_or(Unplanned::NoCharset)?;
        let names = if fixed { ["binary", "char"] } else { ["varbinary", "varchar"] };
        let (kind, ty, origin) = text(charset, width, capacity, names);
        match kind {
            Kind::Bytes(_) if fixed => Ok((Kind::Padded(width, capacity), ty, origin)),
            _ => Ok((kind, ty, origin)),
        }
    }

    fn blob(&self, bytes: u8, nth: &Nth, suffix: &str) -> Result<(Kind, Type, String), Unplanned> {
        let charset = self.charset(nth).ok_or(Unplanned::NoCharset)?;
        let size = match bytes {
            1 => "tiny",
            3 => "medium",
            4 => "long",
            _ => "",
        };
        Ok(match charset {
            Charset::Binary => (Kind::Bytes(bytes), Type::Binary, format!("{size}blob{suffix}")),
            _ => {
                let kind = Kind::Text(bytes, charset, ascii_means_itself(charset));
                (kind, Type::String, format!("{size}text{suffix}"))
            }
        })
    }

    /// The labels as text, and the declared type that lists them.
    fn labels(&self, nth: &Nth, name: &str) -> Result<(Vec<String>, String), Unplanned> {
        let metadata = &self.map.metadata;
        let logged = match name {
            "enum" => metadata.enum_labels.as_ref().and_then(|all| all.get(nth.enums)),
            _ => metadata.set_labels.as_ref().and_then(|all| all.get(nth.sets)),
        };
        let labels = match (logged, self.known) {
            (Some(logged), _) => {
                let charset = metadata
                    .label_collations
                    .get(nth.labelled)
                    .and_then(|id| match id {
                        BINARY_COLLATION => Some(Charset::Utf8mb4),
                        id => collations::charset_of(id, self.mariadb),
                    })
                    .ok_or(Unplanned::NoCharset)?;
                let mut labels = Vec::with_capacity(logged.len());
                for label in logged {
                    let mut text = String::new();
                    let bad = super::charset::Bad::Replace;
                    super::charset::decode(charset, label, bad, &mut text)
                        .map_err(|_| Unplanned::NoCharset)?;
                    labels.push(text);
                }
                labels
            }
            (None, Some(known)) => {
                super::schema::labels(&known.column_type).ok_or(Unplanned::NoLabels)?
            }
            (None, None) => return Err(Unplanned::NoLabels),
        };
        let quoted: Vec<String> =
            labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
        Ok((labels, format!("{name}({})", quoted.join(","))))
    }
}

/// A string type of `capacity` bytes; the names of its binary and its text form.
fn text(charset: Charset, width: u8, capacity: u16, names: [&str; 2]) -> (Kind, Type, String) {
    let [binary, text] = names;
    match charset {
        Charset::Binary => (Kind::Bytes(width), Type::Binary, format!("{binary}({capacity})")),
        _ => {
            let characters = capacity / u16::from(charset.max_bytes()).max(1);
            let kind = Kind::Text(width, charset, ascii_means_itself(charset));
            (kind, Type::String, format!("{text}({characters})"))
        }
    }
}

/// Whether bytes below 0x80 other than the backslash are ASCII in this character set.
fn ascii_means_itself(charset: Charset) -> bool {
    !matches!(
        charset,
        Charset::Ucs2 | Charset::Utf16 | Charset::Utf16le | Charset::Utf32 | Charset::Swe7
    )
}

fn geometry_name(code: Option<u64>) -> &'static str {
    match code {
        Some(1) => "point",
        Some(2) => "linestring",
        Some(3) => "polygon",
        Some(4) => "multipoint",
        Some(5) => "multilinestring",
        Some(6) => "multipolygon",
        Some(7) => "geometrycollection",
        _ => "geometry",
    }
}
