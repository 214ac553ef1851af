//! The columns of a looked-up result, and the plan of a schema. Uses `error`, `expr`, `ums`. Not hot:
//! once a schema.

use std::sync::Arc;

use super::Spec;
use crate::error::{Error, Result};
use crate::op::join::cells::{field, key_places, no_column};
use crate::ums::decode::Header;
use crate::ums::{Dialect, Field, MessageWriter, Protocol, Schema, Type};

/// The column that tells the rows apart that one row of the stream found.
pub(super) const ORDINAL: &str = "lookup_row";

/// The columns of a schema, and where its results are written.
pub(super) struct Plan {
    pub(super) header: Arc<Header>,
    pub(super) protocol: Protocol,
    /// The columns whose values are asked for; `None` where a partial image lacks one.
    pub(super) asked: Option<Vec<(usize, Type)>>,
    /// Their types, as the store is told.
    pub(super) types: Arc<[Type]>,
    /// The columns of the table's key; none where it has none, and where nothing is remembered.
    pub(super) keys: Vec<(usize, Type)>,
    pub(super) writer: MessageWriter,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Plan {
    /// # Errors
    /// `Refused` where the results would have a column twice, or a key is missing.
    pub(super) fn new(
        spec: &Spec,
        columns: &[String],
        fields: &[Field],
        header: &Arc<Header>,
        protocol: Protocol,
    ) -> Result<Self> {
        let own = &header.schema;
        let typed = |place: usize| own.fields.get(place).map(|field| (place, field.ty));
        let asked: Option<Vec<_>> =
            columns.iter().map(|name| own.column(name).and_then(typed)).collect();
        let types = asked.iter().flatten().map(|(_, ty)| told(*ty)).collect();
        let keys = match spec.many && !(own.keys.is_empty() && spec.keys.is_empty()) {
            true => key_places(own, &spec.keys)?.into_iter().filter_map(typed).collect(),
            false => Vec::new(),
        };
        let schema = schema(spec, header, fields)?;
        let writer = MessageWriter::new(protocol, &schema, Dialect::Dws);
        Ok(Self { header: Arc::clone(header), protocol, asked, types, keys, writer })
    }

    /// What to say where a column is missing.
    pub(super) fn lacking(&self, columns: &[String]) -> Error {
        let schema = &self.header.schema;
        let missing = columns.iter().find(|name| schema.column(name).is_none());
        let missing = missing.map_or("", String::as_str);
        no_column(schema, "--query: ", missing)
    }
}

/// The type that a store is told: numbers that are equal are one key.
fn told(ty: Type) -> Type {
    match ty {
        Type::Int => Type::Long,
        Type::Float => Type::Double,
        ty => ty,
    }
}

/// Whether a column of this name would be taken for one of the system's.
fn is_system(name: &str) -> bool {
    ["_ums_id_", "_ums_ts_", "_ums_op_", "_ums_uid_"].iter().any(|system| {
        name.eq_ignore_ascii_case(system)
            || system.get(1..).is_some_and(|s| name.eq_ignore_ascii_case(s))
    })
}

fn schema(spec: &Spec, header: &Header, found: &[Field]) -> Result<Schema> {
    let own = &header.schema;
    let mut fields = own.fields.clone();
    let mut keys = own.keys.clone();
    if !spec.keys.is_empty() {
        keys.clone_from(&spec.keys);
    }
    if spec.many {
        fields.push(field(ORDINAL, Type::Int, false));
        if !keys.is_empty() {
            keys.push(ORDINAL.to_owned());
        }
    }
    for other in found {
        let name = match &spec.prefix {
            Some(prefix) => format!("{prefix}{}", other.name),
            None if own.column(&other.name).is_some() || is_system(&other.name) => {
                format!("right_{}", other.name)
            }
            None => other.name.clone(),
        };
        fields.push(Field { name, nullable: true, ..other.clone() });
    }
    let mut names: Vec<String> = fields.iter().map(|f| f.name.to_ascii_lowercase()).collect();
    names.sort();
    if let Some((name, _)) = names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b) {
        return Err(Error::refused(format!(
            "{}: with the lookup there would be two columns '{name}'",
            own.namespace
        ))
        .advise("give the query's column another name with AS, or all of them with --prefix"));
    }
    let schema = Schema { keys, fields, ..own.clone() };
    if schema.system() != header.system {
        return Err(Error::refused(format!(
            "{}: a column of the lookup has the name of a system column",
            own.namespace
        ))
        .advise("give it another name with AS, or --prefix"));
    }
    Ok(schema)
}
