//! Lists such as `city, upper(name) AS n` and `count(*) AS n, sum(amount) AS total`: their items, and
//! single expressions as values. Uses `error`, `ums`. HOT in `Scalar::text`.

use std::borrow::Cow;

use sqlparser::ast::{
    DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart,
    SelectItem,
};

use super::compile::Compiler;
use super::literal::{shown, wrong};
use super::node::Node;
use super::value::{Kind, Value};
use super::{ended, parser, told};
use crate::error::Result;
use crate::ums::{Cell, Schema};

/// One item of a list: an expression and the name of what it gives.
#[derive(Debug, Clone)]
pub struct Item {
    expr: Expr,
    /// The name behind AS, or that of the column that the item is.
    pub name: String,
}

impl Item {
    /// Reads a list of items, each a column or `expression AS name`.
    ///
    /// # Errors
    /// `Usage` with the place.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let mut parser = parser(text)?;
        let items = parser.parse_comma_separated(|parser| parser.parse_select_item());
        let items = items.map_err(told)?;
        ended(&parser)?;
        items.into_iter().map(Self::of).collect()
    }

    fn of(item: SelectItem) -> Result<Self> {
        match item {
            SelectItem::ExprWithAlias { expr, alias } => Ok(Self { expr, name: alias.value }),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                Ok(Self { expr: Expr::Identifier(name.clone()), name: name.value })
            }
            SelectItem::UnnamedExpr(expr) => {
                Err(wrong(&expr, format!("'{}' needs a name", shown(&expr)))
                    .advise("write AS and a name behind it"))
            }
            other => Err(crate::error::Error::usage(format!(
                "'{other}' is not supported here; name the columns"
            ))),
        }
    }

    /// Compiles for the rows of a schema.
    ///
    /// # Errors
    /// `Usage` with the place: an unknown column or function, a kind that does not fit.
    pub fn compile(&self, schema: &Schema) -> Result<Scalar> {
        scalar(&self.expr, schema)
    }

    /// The item as a call of an aggregate function.
    ///
    /// # Errors
    /// `Usage` with the place, when it is none.
    pub fn aggregate(&self) -> Result<Aggregate> {
        let no = || {
            wrong(&self.expr, format!("'{}' is no aggregate function", shown(&self.expr))).advise(
                "one of count(*), count(x), count(DISTINCT x), sum(x), avg(x), min(x), max(x) AS name",
            )
        };
        let Expr::Function(called) = &self.expr else { return Err(no()) };
        let [ObjectNamePart::Identifier(name)] = called.name.0.as_slice() else {
            return Err(no());
        };
        let FunctionArguments::List(list) = &called.args else { return Err(no()) };
        let plain = called.over.is_none()
            && called.filter.is_none()
            && called.within_group.is_empty()
            && called.null_treatment.is_none()
            && list.clauses.is_empty();
        let [FunctionArg::Unnamed(argument)] = list.args.as_slice() else { return Err(no()) };
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let argument = match argument {
            FunctionArgExpr::Expr(expr) => Some(expr.clone()),
            FunctionArgExpr::Wildcard => None,
            _ => return Err(no()),
        };
        match plain {
            true => Ok(Aggregate { function: name.value.to_ascii_lowercase(), distinct, argument }),
            false => Err(no()),
        }
    }
}

/// A call of an aggregate function.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Lower case.
    pub function: String,
    /// Whether DISTINCT stands in front of the argument.
    pub distinct: bool,
    /// `None` for `*`.
    argument: Option<Expr>,
}

impl Aggregate {
    /// Whether the argument is `*`.
    pub fn is_of_rows(&self) -> bool {
        self.argument.is_none()
    }

    /// Compiles the argument for the rows of a schema; `None` for `*`.
    ///
    /// # Errors
    /// `Usage` with the place.
    pub fn compile(&self, schema: &Schema) -> Result<Option<Scalar>> {
        self.argument.as_ref().map(|expr| scalar(expr, schema)).transpose()
    }
}

fn scalar(expr: &Expr, schema: &Schema) -> Result<Scalar> {
    let (node, kind) = Compiler { schema, table: &[], depth: 0 }.typed(expr)?;
    Ok(Scalar { node, kind })
}

/// An expression for the rows of one schema.
#[derive(Debug)]
pub struct Scalar {
    node: Node,
    /// What it gives.
    pub kind: Kind,
}

impl Scalar {
    /// The place of the column, if the expression is one and nothing else.
    pub fn column(&self) -> Option<usize> {
        match &self.node {
            Node::Column { place, .. } => Some(*place),
            _ => None,
        }
    }

    /// The value for a row.
    ///
    /// # Errors
    /// `Data` for a cell that is not of its column's type and for a result that cannot be held.
    pub fn value<'a>(&'a self, cells: &[Cell<'a>]) -> Result<Value<'a>> {
        self.node.value(cells)
    }

    /// The text of the value for a row, `None` for NULL. That of a column is the cell's, unread.
    ///
    /// # Errors
    /// As `value`.
    #[inline]
    pub fn text<'a>(&'a self, cells: &[Cell<'a>]) -> Result<Option<Cow<'a, str>>> {
        match &self.node {
            Node::Column { place, .. } => match cells.get(*place) {
                Some(cell) => cell.text(),
                None => Ok(None),
            },
            node => Ok(node.value(cells)?.into_text(self.kind)),
        }
    }
}
