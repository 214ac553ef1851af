//! A schema as text for people. Uses `ums`. Not hot.

use crate::ums::Schema;

/// The namespace and its key on a line, then a line for each column: name, type, whether NULL may
/// occur, the source's declaration, and whether it is masked.
pub fn describe(schema: &Schema) -> String {
    let mut text = schema.namespace.to_string();
    if !schema.keys.is_empty() {
        text += &format!("  key {}", schema.keys.join(", "));
    }
    text.push('\n');
    let clean = |name: &str| -> String { name.chars().filter(|c| !c.is_control()).collect() };
    let width = schema.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    for field in &schema.fields {
        let null = if field.nullable { "null" } else { "not null" };
        let mut line = format!("  {:width$}  {:8}  {null:8}", clean(&field.name), field.ty.name());
        if let Some(origin) = &field.origin {
            line += &format!("  {}", clean(origin));
        }
        if field.encoded {
            line += "  masked";
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
