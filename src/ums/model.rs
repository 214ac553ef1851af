//! The closed set of things a message is made of. Uses `error` and `ums::namespace`. Not hot.

use super::namespace::Namespace;

/// `protocol.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A change from a log.
    IncrementData,
    /// A row of a full pull.
    InitialData,
    /// A row replayed from the Parquet log.
    BatchData,
    /// A heartbeat or a marker.
    Heartbeat,
    /// This namespace version ends.
    IncrementTermination,
    /// A pull of one table ended.
    BatchTermination,
}

impl Protocol {
    /// Every protocol type with its spelling.
    pub const ALL: [(Protocol, &'static str); 6] = [
        (Protocol::IncrementData, "data_increment_data"),
        (Protocol::InitialData, "data_initial_data"),
        (Protocol::BatchData, "data_batch_data"),
        (Protocol::Heartbeat, "data_increment_heartbeat"),
        (Protocol::IncrementTermination, "data_increment_termination"),
        (Protocol::BatchTermination, "data_batch_termination"),
    ];

    /// The spelling in a message.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(p, _)| *p == self).map_or("", |(_, name)| name)
    }

    /// Reads a spelling, any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(p, _)| *p)
    }

    /// Whether the payload holds rows of a table.
    pub fn is_data(self) -> bool {
        matches!(self, Self::IncrementData | Self::InitialData | Self::BatchData)
    }
}

/// A field's type. JSON numbers and booleans: `Int`, `Float`, `Double`, `Boolean`; the others are
/// JSON strings. SQL NULL is `null` in every type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// 32-bit signed, JSON number.
    Int,
    /// 64-bit signed, JSON string.
    Long,
    /// 32-bit binary floating point, JSON number.
    Float,
    /// 64-bit binary floating point, JSON number.
    Double,
    /// Exact decimal, plain digits, JSON string.
    Decimal,
    /// JSON boolean.
    Boolean,
    /// `YYYY-MM-DD`.
    Date,
    /// `YYYY-MM-DD HH:MM:SS[.f{1,6}]`.
    Datetime,
    /// UTF-8 text.
    String,
    /// Standard Base64 with padding.
    Binary,
}

impl Type {
    /// Every type with its spelling.
    pub const ALL: [(Type, &'static str); 10] = [
        (Type::Int, "int"),
        (Type::Long, "long"),
        (Type::Float, "float"),
        (Type::Double, "double"),
        (Type::Decimal, "decimal"),
        (Type::Boolean, "boolean"),
        (Type::Date, "date"),
        (Type::Datetime, "datetime"),
        (Type::String, "string"),
        (Type::Binary, "binary"),
    ];

    /// The spelling in a message.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(t, _)| *t == self).map_or("", |(_, name)| name)
    }

    /// Reads a spelling, any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(t, _)| *t)
    }

    /// Whether a cell is written as a bare JSON token (number or boolean) and not as a string.
    pub fn is_bare(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Double | Self::Boolean)
    }
}

/// `_ums_op_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A new row.
    Insert,
    /// The image after an update.
    Update,
    /// A deleted row.
    Delete,
    /// The image before an update; never applied by a sink.
    Before,
}

impl Op {
    /// The letter, upper case.
    pub fn letter(self) -> char {
        match self {
            Self::Insert => 'I',
            Self::Update => 'U',
            Self::Delete => 'D',
            Self::Before => 'B',
        }
    }

    /// Reads a letter, any case.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"I" | b"i" => Some(Self::Insert),
            b"U" | b"u" => Some(Self::Update),
            b"D" | b"d" => Some(Self::Delete),
            b"B" | b"b" => Some(Self::Before),
            _ => None,
        }
    }
}

/// How system columns and ops are spelled when we write. Readers take both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// `_ums_id_`, upper-case ops, `keys` and `origin`.
    #[default]
    Dws,
    /// The spelling of the 2020 DBus and Wormhole code: `ums_id_`, lower-case ops, neither `keys`
    /// nor `origin`.
    Dbus,
}

/// One column of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name, as the source spells it.
    pub name: String,
    /// The type of its cells.
    pub ty: Type,
    /// Whether NULL may occur.
    pub nullable: bool,
    /// Whether its values were masked.
    pub encoded: bool,
    /// The column's type as the source declares it, for faithful targets.
    pub origin: Option<String>,
}

/// Where the system columns stand among the fields; `None` where a message has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemColumns {
    /// `_ums_id_`
    pub id: Option<usize>,
    /// `_ums_ts_`
    pub ts: Option<usize>,
    /// `_ums_op_`
    pub op: Option<usize>,
    /// `_ums_uid_`
    pub uid: Option<usize>,
}

/// `schema`: what the tuples of a message mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Seven parts.
    pub namespace: Namespace,
    /// `batchId`, 0 when absent.
    pub batch_id: i64,
    /// The primary key's columns in key order; empty when there is none or it is not known.
    pub keys: Vec<String>,
    /// All columns, system columns included, in tuple order.
    pub fields: Vec<Field>,
}

impl Schema {
    /// Finds the system columns, in both spellings and any case. Where both are there, the one with
    /// the leading underscore is ours: the other may be a column of the table. A column `ums_id` is
    /// always one of the table.
    pub fn system(&self) -> SystemColumns {
        let spelled =
            |name: &str| self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        let find =
            |name: &str| spelled(name).or_else(|| spelled(name.strip_prefix('_').unwrap_or(name)));
        SystemColumns {
            id: find("_ums_id_"),
            ts: find("_ums_ts_"),
            op: find("_ums_op_"),
            uid: find("_ums_uid_"),
        }
    }

    /// The position of a column by name (exact first, then any case).
    pub fn column(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|f| f.name == name)
            .or_else(|| self.fields.iter().position(|f| f.name.eq_ignore_ascii_case(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(names: &[&str]) -> Schema {
        let field = |name: &&str| Field {
            name: (*name).into(),
            ty: Type::String,
            nullable: true,
            encoded: false,
            origin: None,
        };
        Schema {
            namespace: Namespace { parts: std::array::from_fn(|_| "x".into()) },
            batch_id: 0,
            keys: Vec::new(),
            fields: names.iter().map(field).collect(),
        }
    }

    #[test]
    fn system_columns_are_told_from_columns_of_the_table() {
        let system = schema(&["ums_id", "__ums_id_", "_UMS_TS_", "ums_op_", "id"]).system();
        assert_eq!(system, SystemColumns { id: None, ts: Some(2), op: Some(3), uid: None });
        assert_eq!(schema(&["ums_id_", "_ums_id_"]).system().id, Some(1));
        assert_eq!(schema(&["Ums_Id_", "ums_id_"]).system().id, Some(0));
    }

    #[test]
    fn names_read_back() {
        for (protocol, name) in Protocol::ALL {
            assert_eq!(Protocol::parse(protocol.name()), Some(protocol));
            assert_eq!(Protocol::parse(&name.to_uppercase()), Some(protocol));
        }
        for (ty, name) in Type::ALL {
            assert_eq!((ty.name(), Type::parse(&name.to_uppercase())), (name, Some(ty)));
        }
        for op in [Op::Insert, Op::Update, Op::Delete, Op::Before] {
            let letter = op.letter().to_string();
            assert_eq!(Op::parse(letter.as_bytes()), Some(op));
            assert_eq!(Op::parse(letter.to_lowercase().as_bytes()), Some(op));
        }
        assert_eq!(Op::parse(b""), None);
    }
}
