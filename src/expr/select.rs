//! Select lists and single expressions: what they are called, what type their results have, and
//! their cells. Uses `error`, `ums`. HOT in `push_json`.

use sqlparser::ast::{ExcludeSelectItem, Expr, Ident, SelectItem, WildcardAdditionalOptions};

use super::compile::Compiler;
use super::literal::{shown, wrong};
use super::node::Node;
use super::shape::shape;
use super::value::{Kind, Value};
use super::{ended, parser, told};
use crate::error::{Error, Result};
use crate::near;
use crate::ums::json::{push_f64, push_i64, push_string};
use crate::ums::{Cell, Field, Schema, Type};

/// A parsed expression of any kind that no schema has seen yet.
#[derive(Debug, Clone)]
pub struct Expression {
    expr: Expr,
}

impl Expression {
    /// Reads the text of an expression.
    ///
    /// # Errors
    /// `Usage` with the place.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = parser(text)?;
        let expr = parser.parse_expr().map_err(told)?;
        ended(&parser)?;
        Ok(Self { expr })
    }

    /// Compiles for the rows of a schema, as a column of this name.
    ///
    /// # Errors
    /// `Usage` with the place: an unknown column or function, a kind that does not fit.
    pub fn compile(&self, schema: &Schema, name: &str) -> Result<Computed> {
        computed(&self.expr, schema, &[], name)
    }
}

/// An expression for the rows of one schema.
#[derive(Debug)]
pub struct Computed {
    /// The column that its results make: a column of the source as it is, or a new one.
    pub field: Field,
    kind: Kind,
    scale: Option<u32>,
    node: Node,
}

impl Computed {
    /// What it gives.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it stands in the row when it is nothing but a column.
    pub fn column(&self) -> Option<usize> {
        match &self.node {
            Node::Column { place, .. } => Some(*place),
            _ => None,
        }
    }

    /// The positions of the columns that it is made of.
    pub fn columns(&self) -> Vec<usize> {
        self.node.columns()
    }

    /// The value for a row.
    ///
    /// # Errors
    /// `Data` for a cell that is not of its column's type and for a result that cannot be held.
    pub fn value<'a>(&'a self, cells: &[Cell<'a>]) -> Result<Value<'a>> {
        self.node.value(cells)
    }

    /// Appends the cell of a row, as the field's type is written.
    ///
    /// # Errors
    /// As `value`.
    pub fn push_json(&self, cells: &[Cell], out: &mut Vec<u8>) -> Result<()> {
        if let Some(cell) = self.column().and_then(|place| cells.get(place)) {
            cell.push_json(out);
            return Ok(());
        }
        let value = self.node.value(cells)?;
        let quoted = |out: &mut Vec<u8>, text: &str| {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        };
        match (value, self.field.ty) {
            (Value::Null, _) => out.extend_from_slice(b"null"),
            (Value::Boolean(truth), _) => {
                out.extend_from_slice(if truth { b"true" } else { b"false" });
            }
            (value @ (Value::Exact(_) | Value::Double(_)), Type::Double) => {
                push_f64(out, value.as_f64().unwrap_or(f64::NAN));
            }
            (Value::Exact(number), Type::Int) => {
                let whole = number.rounded(0)?.as_i64().filter(|n| i32::try_from(*n).is_ok());
                push_i64(out, whole.ok_or_else(|| self.unheld())?);
            }
            (Value::Exact(number), Type::Long) => {
                let whole = number.rounded(0)?.as_i64().ok_or_else(|| self.unheld())?;
                quoted(out, &whole.to_string());
            }
            (Value::Exact(number), _) => {
                let number = match self.scale {
                    Some(scale) => number.at_scale(scale)?,
                    None => number,
                };
                quoted(out, &number.to_string());
            }
            (Value::Moment(packed), Type::Datetime) => quoted(out, &super::moment::text6(packed)),
            (value, _) => match value.into_text(self.kind) {
                Some(text) => push_string(out, &text),
                None => out.extend_from_slice(b"null"),
            },
        }
        Ok(())
    }

    #[cold]
    fn unheld(&self) -> Error {
        Error::data(format!(
            "column '{}': a number that its type {} cannot hold",
            self.field.name,
            self.field.ty.name()
        ))
        .advise("a cell is larger than its column's type; CAST the result")
    }
}

/// A parsed select list that no schema has seen yet.
#[derive(Debug, Clone)]
pub struct Select {
    items: Vec<SelectItem>,
}

impl Select {
    /// Reads `id, amount * 2 AS double, *, * EXCEPT (a, b)`.
    ///
    /// # Errors
    /// `Usage` with the place; an expression that is no column needs a name.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = parser(text)?;
        let items = parser.parse_comma_separated(|parser| parser.parse_select_item());
        let items = items.map_err(told)?;
        ended(&parser)?;
        for item in &items {
            match item {
                SelectItem::UnnamedExpr(Expr::Identifier(_)) | SelectItem::ExprWithAlias { .. } => {
                }
                SelectItem::UnnamedExpr(expr) => {
                    return Err(wrong(expr, format!("'{}' needs a name", shown(expr)))
                        .advise("write AS and a name behind it"));
                }
                SelectItem::Wildcard(options) => {
                    let WildcardAdditionalOptions {
                        opt_ilike,
                        opt_replace,
                        opt_rename,
                        opt_alias,
                        ..
                    } = options;
                    let more = opt_ilike.is_some() || opt_rename.is_some() || opt_alias.is_some();
                    if more || opt_replace.is_some() {
                        return Err(Error::usage("only EXCEPT (a, b) may stand behind *"));
                    }
                }
                _ => {
                    return Err(Error::usage(
                        "a select list is made of expressions AS names, and *",
                    ));
                }
            }
        }
        Ok(Self { items })
    }

    /// Compiles for the rows of a schema. `table` are columns that the table has and this row image
    /// may lack: what is made of those alone is left out, as it is in the image.
    ///
    /// # Errors
    /// `Usage` with the place, as for an expression, and for two columns of one name.
    pub fn compile(&self, schema: &Schema, table: &[Field]) -> Result<Vec<Computed>> {
        let mut columns: Vec<Computed> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for item in &self.items {
            let (expr, name) = match item {
                SelectItem::ExprWithAlias { expr, alias } => (expr, alias),
                SelectItem::UnnamedExpr(expr @ Expr::Identifier(name)) => (expr, name),
                SelectItem::Wildcard(options) => {
                    let except = excepted(options);
                    for name in &except {
                        let known = |field: &Field| field.name.eq_ignore_ascii_case(name);
                        if !schema.fields.iter().chain(table).any(known) {
                            let all = schema.fields.iter().map(|field| field.name.as_str());
                            return Err(Error::usage(format!("EXCEPT: no column '{name}'"))
                                .advise(near::names(name, all)));
                        }
                    }
                    for (place, field) in schema.fields.iter().enumerate() {
                        if !except.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
                            columns.push(whole(place, field));
                            names.push(field.name.clone());
                        }
                    }
                    continue;
                }
                _ => {
                    return Err(Error::usage(
                        "a select list is made of expressions AS names, and *",
                    ));
                }
            };
            let name = match (item, expr) {
                // As the source spells it.
                (SelectItem::UnnamedExpr(_), _) => None,
                _ => Some(name.value.as_str()),
            };
            let column = computed(expr, schema, table, name.unwrap_or_default())?;
            let spelled = column.field.name.clone();
            let own = name.map_or(spelled, str::to_owned);
            // A column that is named behind * replaces nothing: it would be there twice.
            if names.iter().any(|other| other.eq_ignore_ascii_case(&own)) {
                let place = wrong(expr, format!("two columns are called '{own}'"));
                return Err(
                    place.advise("give one another name with AS, or leave it out of * with EXCEPT")
                );
            }
            names.push(own);
            match image(&column.node) {
                Image::Whole => columns.push(column),
                Image::Gone => {}
                Image::Part(name) => {
                    return Err(wrong(
                        expr,
                        format!(
                            "column '{name}' is needed, and this partial row image does not have it"
                        ),
                    )
                    .advise("binlog_row_image=FULL makes the server log whole rows"));
                }
            }
        }
        Ok(columns)
    }
}

fn excepted(options: &WildcardAdditionalOptions) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if let Some(except) = &options.opt_except {
        names.push(except.first_element.value.clone());
        names.extend(except.additional_elements.iter().map(|name: &Ident| name.value.clone()));
    }
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => names.push(name.to_string()),
        Some(ExcludeSelectItem::Multiple(more)) => {
            names.extend(more.iter().map(ToString::to_string))
        }
        None => {}
    }
    names.iter().map(|name| name.trim_matches(['"', '`']).to_owned()).collect()
}

/// What a row image has of what an expression names.
enum Image {
    Whole,
    /// Nothing.
    Gone,
    /// Some of it, and not this column.
    Part(String),
}

fn image(node: &Node) -> Image {
    let (mut present, mut absent) = (false, None);
    node.any(&mut |node| {
        match node {
            Node::Column { .. } => present = true,
            Node::Absent { name } => absent = absent.take().or_else(|| Some(name.clone())),
            _ => {}
        }
        false
    });
    match absent {
        None => Image::Whole,
        Some(_) if !present => Image::Gone,
        Some(name) => Image::Part(name),
    }
}

/// A column as it is.
fn whole(place: usize, field: &Field) -> Computed {
    let kind = Kind::of(field.ty);
    let node = Node::Column { place, kind, name: field.name.clone() };
    Computed { field: field.clone(), kind, scale: None, node }
}

/// Compiles one; a column alone keeps its field, and its name when `name` is empty.
fn computed(expr: &Expr, schema: &Schema, table: &[Field], name: &str) -> Result<Computed> {
    let mut compiler = Compiler { schema, table, depth: 0 };
    let (node, kind) = compiler.typed(expr)?;
    let named = |field: &Field| Field {
        name: if name.is_empty() { field.name.clone() } else { name.to_owned() },
        ..field.clone()
    };
    if let Node::Column { place, .. } = &node
        && let Some(field) = schema.fields.get(*place)
    {
        return Ok(Computed { field: named(field), kind, scale: None, node });
    }
    if let Node::Absent { name: own } = &node
        && let Some(field) = table.iter().find(|field| field.name == *own)
    {
        return Ok(Computed { field: named(field), kind, scale: None, node });
    }
    let shape = shape(&node, schema);
    let (ty, origin) = match kind {
        Kind::Number => shape.column(),
        Kind::Double => (Type::Double, Some("double".into())),
        Kind::Boolean => (Type::Boolean, None),
        Kind::Date => (Type::Date, Some("date".into())),
        Kind::Datetime => (Type::Datetime, Some("datetime(6)".into())),
        Kind::Text | Kind::Null | Kind::Binary => (Type::String, None),
    };
    // What is made of masked columns is masked.
    let mut encoded = false;
    node.any(&mut |node| {
        if let Node::Column { place, .. } = node {
            encoded |= schema.fields.get(*place).is_some_and(|field| field.encoded);
        }
        false
    });
    let field = Field { name: name.to_owned(), ty, nullable: true, encoded, origin };
    Ok(Computed { field, kind, scale: shape.scale(), node })
}
