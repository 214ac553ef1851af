//! The type of a target column, apart from any database: read from a field, and joined when the
//! source's type changes. Uses `error` and `ums`. Runs once a schema: not hot.
//!
//! The names are those of MySQL and MariaDB, which `origin` is written in; each database says how
//! it declares them.

use crate::error::{Error, Result};
use crate::ums::{Field, Type};

/// The longest text or binary string, bytes: LONGTEXT and LONGBLOB.
pub(in crate::sink) const UNBOUNDED: u64 = u32::MAX as u64;

const GEOMETRIES: [&str; 8] = [
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
];

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sink) enum Kind {
    /// Whole numbers of so many bytes: 1, 2, 3, 4 or 8.
    Integer {
        bytes: u8,
        unsigned: bool,
    },
    /// So many bits, at most 64.
    Bit(u64),
    Year,
    Boolean,
    /// Digits in all, and behind the point; `None` where the source did not say.
    Decimal(Option<(u64, u64)>),
    Float,
    Double,
    Date,
    /// Date and time without a zone, with so many digits of a second.
    Datetime(u64),
    /// A moment, in UTC, with so many digits of a second.
    Timestamp(u64),
    /// Hours, minutes, seconds, up to 838 hours of either sign.
    Time(u64),
    /// Text of a fixed number of characters.
    Char(u64),
    /// Text of at most so many characters.
    Varchar(u64),
    /// Text of at most so many bytes.
    Text(u64),
    /// One of these labels.
    Enum(Vec<String>),
    /// Any of these labels.
    Set(Vec<String>),
    Json,
    Uuid,
    /// An address, version 4 or 6.
    Inet(u8),
    /// A JSON array of numbers.
    Vector,
    /// Bytes of a fixed number.
    Binary(u64),
    /// At most so many bytes.
    Varbinary(u64),
    /// At most so many bytes.
    Blob(u64),
    /// SRID and WKB; the name of the type, one of `GEOMETRIES`.
    Geometry(&'static str),
}

impl Kind {
    /// The kind of a field: by its origin, where that is known and agrees with the type of its
    /// cells, else by that type.
    pub(in crate::sink) fn of(field: &Field) -> Self {
        // A masked value is not of the column's type any more.
        let origin = field.origin.as_deref().filter(|_| !field.encoded);
        origin
            .and_then(Self::parse)
            .filter(|kind| kind.holds(field.ty))
            .unwrap_or_else(|| Self::of_type(field.ty))
    }

    fn of_type(ty: Type) -> Self {
        match ty {
            Type::Int => Self::Integer { bytes: 4, unsigned: false },
            Type::Long => Self::Integer { bytes: 8, unsigned: false },
            Type::Float => Self::Float,
            Type::Double => Self::Double,
            Type::Decimal => Self::Decimal(None),
            Type::Boolean => Self::Boolean,
            Type::Date => Self::Date,
            Type::Datetime => Self::Datetime(6),
            Type::String => Self::Text(UNBOUNDED),
            Type::Binary => Self::Blob(UNBOUNDED),
        }
    }

    /// Whether cells of the type are written into such a column.
    fn holds(&self, ty: Type) -> bool {
        match self {
            Self::Integer { .. } | Self::Bit(_) | Self::Year => {
                matches!(ty, Type::Int | Type::Long | Type::Decimal)
            }
            Self::Boolean => ty == Type::Boolean,
            Self::Decimal(_) => ty == Type::Decimal,
            Self::Float => ty == Type::Float,
            Self::Double => ty == Type::Double,
            Self::Date => ty == Type::Date,
            Self::Datetime(_) | Self::Timestamp(_) => ty == Type::Datetime,
            Self::Binary(_) | Self::Varbinary(_) | Self::Blob(_) | Self::Geometry(_) => {
                ty == Type::Binary
            }
            _ => ty == Type::String,
        }
    }

    /// Reads a declaration: `bigint(20) unsigned zerofill`, `enum('a','b')`.
    pub(in crate::sink) fn parse(origin: &str) -> Option<Self> {
        let lower = origin.trim().to_ascii_lowercase();
        let word_end = lower.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(lower.len());
        let (word, rest) = lower.split_at(word_end);
        if matches!(word, "enum" | "set") {
            let inside = origin.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'))?.0;
            let labels = labels(inside)?;
            return Some(if word == "enum" { Self::Enum(labels) } else { Self::Set(labels) });
        }
        let inside = rest.trim_start().strip_prefix('(').and_then(|r| r.split_once(')'));
        let mut numbers = inside
            .map_or("", |(inside, _)| inside)
            .split(',')
            .map(|number| number.trim().parse::<u64>().ok());
        let first = numbers.next().flatten();
        let second = numbers.next().flatten();
        let unsigned = rest.contains("unsigned") || rest.contains("zerofill");
        let integer = |bytes| Self::Integer { bytes, unsigned };
        Some(match word {
            "tinyint" => integer(1),
            "smallint" => integer(2),
            "mediumint" => integer(3),
            "int" | "integer" => integer(4),
            "bigint" => integer(8),
            "bit" => Self::Bit(first.unwrap_or(1)),
            "year" => Self::Year,
            "decimal" | "numeric" if rest.starts_with("(*)") => Self::Decimal(None),
            "decimal" | "numeric" => {
                Self::Decimal(Some((first.unwrap_or(10), second.unwrap_or(0))))
            }
            "float" => Self::Float,
            "double" => Self::Double,
            "date" => Self::Date,
            "datetime" => Self::Datetime(first.unwrap_or(0)),
            "timestamp" => Self::Timestamp(first.unwrap_or(0)),
            "time" => Self::Time(first.unwrap_or(0)),
            "char" => Self::Char(first.unwrap_or(1)),
            "varchar" => Self::Varchar(first?),
            "tinytext" => Self::Text(255),
            "text" => Self::Text(65_535),
            "mediumtext" => Self::Text(16_777_215),
            "longtext" => Self::Text(UNBOUNDED),
            "json" => Self::Json,
            "uuid" => Self::Uuid,
            "inet4" => Self::Inet(4),
            "inet6" => Self::Inet(6),
            "vector" => Self::Vector,
            "binary" => Self::Binary(first.unwrap_or(1)),
            "varbinary" => Self::Varbinary(first?),
            "tinyblob" => Self::Blob(255),
            "blob" => Self::Blob(65_535),
            "mediumblob" => Self::Blob(16_777_215),
            "longblob" => Self::Blob(UNBOUNDED),
            "boolean" => Self::Boolean,
            "geomcollection" => Self::Geometry("geometrycollection"),
            word => Self::Geometry(GEOMETRIES.iter().find(|name| **name == word)?),
        })
    }

    /// The declaration that `parse` reads as this kind.
    pub(in crate::sink) fn name(&self) -> String {
        let quoted = |labels: &[String]| {
            let labels: Vec<_> =
                labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
            labels.join(",")
        };
        match self {
            Self::Integer { bytes, unsigned } => {
                let name = match bytes {
                    1 => "tinyint",
                    2 => "smallint",
                    3 => "mediumint",
                    4 => "int",
                    _ => "bigint",
                };
                format!("{name}{}", if *unsigned { " unsigned" } else { "" })
            }
            Self::Bit(bits) => format!("bit({bits})"),
            Self::Year => "year".into(),
            Self::Boolean => "boolean".into(),
            Self::Decimal(Some((all, behind))) => format!("decimal({all},{behind})"),
            Self::Decimal(None) => "decimal(*)".into(),
            Self::Float => "float".into(),
            Self::Double => "double".into(),
            Self::Date => "date".into(),
            Self::Datetime(digits) => format!("datetime({digits})"),
            Self::Timestamp(digits) => format!("timestamp({digits})"),
            Self::Time(digits) => format!("time({digits})"),
            Self::Char(length) => format!("char({length})"),
            Self::Varchar(length) => format!("varchar({length})"),
            Self::Text(length) => format!("{}text", size(*length)),
            Self::Enum(labels) => format!("enum({})", quoted(labels)),
            Self::Set(labels) => format!("set({})", quoted(labels)),
            Self::Json => "json".into(),
            Self::Uuid => "uuid".into(),
            Self::Inet(version) => format!("inet{version}"),
            Self::Vector => "vector".into(),
            Self::Binary(length) => format!("binary({length})"),
            Self::Varbinary(length) => format!("varbinary({length})"),
            Self::Blob(length) => format!("{}blob", size(*length)),
            Self::Geometry(name) => (*name).to_owned(),
        }
    }

    /// The least kind that holds the values of both.
    ///
    /// # Errors
    /// `Refused` where text would meet bytes.
    pub(in crate::sink) fn join(&self, other: &Self) -> Result<Self> {
        if self == other {
            return Ok(self.clone());
        }
        if let (Some(mine), Some(theirs)) = (self.digits(), other.digits()) {
            return Ok(self.join_exact(other, mine, theirs));
        }
        let (mine, theirs) = (self.binary_length(), other.binary_length());
        Ok(match (self, other) {
            (Self::Float | Self::Double, Self::Float | Self::Double) => Self::Double,
            // Whole numbers of up to four bytes are exact in a double.
            (Self::Double | Self::Float, Self::Integer { bytes: 1..=4, .. })
            | (Self::Integer { bytes: 1..=4, .. }, Self::Double | Self::Float) => Self::Double,
            (Self::Datetime(a), Self::Datetime(b)) => Self::Datetime(*a.max(b)),
            (Self::Timestamp(a), Self::Timestamp(b)) => Self::Timestamp(*a.max(b)),
            (Self::Datetime(a), Self::Timestamp(b)) | (Self::Timestamp(a), Self::Datetime(b)) => {
                Self::Datetime(*a.max(b))
            }
            (Self::Date, Self::Datetime(a)) | (Self::Datetime(a), Self::Date) => Self::Datetime(*a),
            (Self::Time(a), Self::Time(b)) => Self::Time(*a.max(b)),
            (Self::Char(a) | Self::Varchar(a), Self::Char(b) | Self::Varchar(b)) => {
                Self::Varchar(*a.max(b))
            }
            // Labels added at the end, which is how they are added.
            (Self::Enum(a), Self::Enum(b)) | (Self::Set(a), Self::Set(b))
                if a.starts_with(b) || b.starts_with(a) =>
            {
                if a.len() > b.len() {
                    self.clone()
                } else {
                    other.clone()
                }
            }
            (Self::Text(a), Self::Text(b)) => Self::Text(*a.max(b)),
            _ => {
                match (mine, theirs) {
                    (Some(a), Some(b)) => Self::Blob(a.max(b)),
                    (None, None) => Self::Text(UNBOUNDED),
                    _ => {
                        return Err(Error::refused("the column held text and now holds bytes, or the other way round")
                        .advise("rename the target table, or give the new version another one with --map"));
                    }
                }
            }
        })
    }

    /// Digits before and behind the point, of exact numbers.
    fn digits(&self) -> Option<(u64, u64)> {
        match self {
            Self::Integer { bytes: 1, .. } => Some((3, 0)),
            Self::Integer { bytes: 2, .. } => Some((5, 0)),
            Self::Integer { bytes: 3, .. } => Some((8, 0)),
            Self::Integer { bytes: 4, .. } => Some((10, 0)),
            Self::Integer { .. } | Self::Bit(_) => Some((20, 0)),
            Self::Year => Some((4, 0)),
            Self::Boolean => Some((1, 0)),
            Self::Decimal(Some((all, behind))) => Some((all.saturating_sub(*behind), *behind)),
            Self::Decimal(None) => Some((u64::MAX, u64::MAX)),
            _ => None,
        }
    }

    fn join_exact(&self, other: &Self, mine: (u64, u64), theirs: (u64, u64)) -> Self {
        // As whole numbers, where both are.
        let whole = |kind: &Self| match kind {
            Self::Integer { bytes, unsigned } => Some((*bytes, *unsigned)),
            Self::Year => Some((2, false)),
            Self::Boolean => Some((1, false)),
            Self::Bit(bits) => Some((8, *bits >= 64)),
            _ => None,
        };
        if let (Some((a, left)), Some((b, right))) = (whole(self), whole(other)) {
            if left == right {
                return Self::Integer { bytes: a.max(b), unsigned: left };
            }
            // The unsigned one needs a bit more.
            let (plain, signed) = if left { (a, b) } else { (b, a) };
            let grown = match plain {
                1 => 2,
                2 => 3,
                3 => 4,
                4 => 8,
                _ => return Self::Decimal(Some((20, 0))),
            };
            return Self::Integer { bytes: signed.max(grown), unsigned: false };
        }
        let (before, behind) = (mine.0.max(theirs.0), mine.1.max(theirs.1));
        match before.checked_add(behind) {
            Some(all) if all <= 65 => Self::Decimal(Some((all, behind))),
            _ => Self::Decimal(None),
        }
    }

    /// The most bytes, of binary strings.
    fn binary_length(&self) -> Option<u64> {
        match self {
            Self::Binary(length) | Self::Varbinary(length) | Self::Blob(length) => Some(*length),
            Self::Geometry(_) => Some(UNBOUNDED),
            _ => None,
        }
    }
}

/// The prefix of TEXT and BLOB types that hold so many bytes.
pub(in crate::sink) fn size(length: u64) -> &'static str {
    match length {
        0..=255 => "tiny",
        256..=65_535 => "",
        65_536..=16_777_215 => "medium",
        _ => "long",
    }
}

/// Reads `'a','it''s'`.
fn labels(text: &str) -> Option<Vec<String>> {
    let mut labels = Vec::new();
    let mut rest = text.trim();
    loop {
        rest = rest.strip_prefix('\'')?;
        let mut label = String::new();
        loop {
            let (part, behind) = rest.split_once('\'')?;
            label.push_str(part);
            match behind.strip_prefix('\'') {
                Some(behind) => {
                    label.push('\'');
                    rest = behind;
                }
                None => {
                    rest = behind.trim_start();
                    break;
                }
            }
        }
        labels.push(label);
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None => return rest.is_empty().then_some(labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(origin: &str) -> Kind {
        Kind::parse(origin).unwrap()
    }

    fn join(a: &str, b: &str) -> Kind {
        let (a, b) = (kind(a), kind(b));
        let joined = a.join(&b).unwrap();
        assert_eq!(b.join(&a).unwrap(), joined, "{a:?} and {b:?}");
        joined
    }

    #[test]
    fn declarations_are_read() {
        assert_eq!(
            kind("bigint(20) unsigned zerofill"),
            Kind::Integer { bytes: 8, unsigned: true }
        );
        assert_eq!(kind("DECIMAL(12,2)"), Kind::Decimal(Some((12, 2))));
        assert_eq!(kind("enum('a','B)''s')"), Kind::Enum(vec!["a".into(), "B)'s".into()]));
        assert_eq!(Kind::parse("enum('a') DROP"), None.or(Kind::parse("enum('a')")));
        assert_eq!(Kind::parse("enum('a'b')"), None);
        assert_eq!(kind("timestamp(3)"), Kind::Timestamp(3));
        assert_eq!(kind("varchar(20)"), Kind::Varchar(20));
        assert_eq!(Kind::parse("sysdate"), None);
        let field = |ty, origin: &str| Field {
            name: "a".into(),
            ty,
            nullable: true,
            encoded: false,
            origin: Some(origin.into()),
        };
        assert_eq!(Kind::of(&field(Type::String, "int")), Kind::Text(UNBOUNDED));
        let masked = Field { encoded: true, ..field(Type::String, "varchar(3)") };
        assert_eq!(Kind::of(&masked), Kind::Text(UNBOUNDED));
    }

    #[test]
    fn names_are_read_back() {
        for name in [
            "tinyint",
            "bigint unsigned",
            "bit(3)",
            "year",
            "boolean",
            "decimal(12,2)",
            "decimal(*)",
            "float",
            "double",
            "date",
            "datetime(3)",
            "timestamp(0)",
            "time(6)",
            "char(3)",
            "varchar(9)",
            "tinytext",
            "text",
            "mediumtext",
            "longtext",
            "enum('a','it''s')",
            "set('')",
            "json",
            "uuid",
            "inet4",
            "inet6",
            "vector",
            "binary(3)",
            "varbinary(9)",
            "longblob",
            "point",
            "geometrycollection",
        ] {
            assert_eq!(kind(name).name(), name);
        }
    }

    #[test]
    fn types_join_upwards() {
        assert_eq!(join("int", "bigint"), kind("bigint"));
        assert_eq!(join("int unsigned", "int"), kind("bigint"));
        assert_eq!(join("bigint unsigned", "tinyint"), kind("decimal(20,0)"));
        assert_eq!(join("decimal(10,2)", "decimal(9,4)"), kind("decimal(12,4)"));
        assert_eq!(join("int", "decimal(5,2)"), kind("decimal(12,2)"));
        assert_eq!(join("float", "int"), kind("double"));
        assert_eq!(join("bigint", "double"), Kind::Text(UNBOUNDED));
        assert_eq!(join("char(3)", "varchar(9)"), kind("varchar(9)"));
        assert_eq!(join("varchar(9)", "text"), Kind::Text(UNBOUNDED));
        assert_eq!(join("enum('a')", "enum('a','b')"), kind("enum('a','b')"));
        assert_eq!(join("enum('a','c')", "enum('a','b')"), Kind::Text(UNBOUNDED));
        assert_eq!(join("datetime(3)", "timestamp"), kind("datetime(3)"));
        assert_eq!(join("binary(4)", "blob"), kind("blob"));
        assert!(kind("text").join(&kind("blob")).is_err());
    }
}
