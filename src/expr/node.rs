//! HOT. The compiled tree: column positions and kinds, nothing to look up. Uses `error`, `ums`.

use std::cmp::Ordering;

use regex::Regex;

use super::bits::{Bits, work};
use super::cast::{Target, cast, uncast};
use super::function::Function;
use super::json::{self, Step};
use super::like::Like;
use super::pattern::{self, Dynamic};
use super::shift::{Unit, shifted};
use super::value::{Kind, Value, finite};
use crate::error::{Error, Result};
use crate::ums::Cell;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// An operation on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What a text is held against.
#[derive(Debug)]
pub(super) enum Matcher {
    Like(Like),
    Regex(Regex),
}

/// A node.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Value<'static>),
    Column {
        place: usize,
        kind: Kind,
        name: String,
    },
    Not(Box<Node>),
    /// Three-valued: the first that is FALSE (`any`: TRUE) decides, else NULL if one is NULL.
    Logic {
        any: bool,
        nodes: Vec<Node>,
    },
    Compare(Comparison, Box<Node>, Box<Node>),
    IsNull(Box<Node>),
    /// IS TRUE, IS FALSE: never NULL.
    IsTruth(Box<Node>, bool),
    NotDistinct(Box<Node>, Box<Node>),
    In(Box<Node>, Vec<Node>),
    Match(Box<Node>, Box<Matcher>),
    /// The same with a pattern that each row brings along.
    MatchAgain(Box<Node>, Box<Node>, Dynamic),
    /// A column of the table that this row image does not have.
    Absent {
        name: String,
    },
    /// Conditions with their results, then the result when none holds.
    Case(Vec<(Node, Node)>, Box<Node>),
    Coalesce(Vec<Node>),
    NullIf(Box<Node>, Box<Node>),
    Calculate(Arithmetic, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Join(Box<Node>, Box<Node>),
    /// Texts one behind the other with a text between them; NULLs are passed over.
    Concat {
        between: Option<Box<Node>>,
        nodes: Vec<Node>,
    },
    /// The least or the greatest; NULLs are passed over.
    Extreme {
        least: bool,
        nodes: Vec<Node>,
    },
    Bits(Bits, Box<Node>, Box<Node>),
    /// A moment so many units later, or earlier.
    Shift {
        moment: Box<Node>,
        amount: Box<Node>,
        unit: Unit,
        back: bool,
    },
    /// A value inside a JSON text, as JSON or as text.
    Json {
        text: Box<Node>,
        steps: Vec<Step>,
        as_text: bool,
    },
    Call(&'static Function, Vec<Node>),
    /// From one kind to another; NULL instead of a failure where that is asked for.
    Cast {
        node: Box<Node>,
        from: Kind,
        to: Target,
        or_null: bool,
    },
}

impl Node {
    /// The value for a row. Fails for a cell that is not of its column's type, and where a result
    /// cannot be held.
    pub(super) fn value<'a>(&'a self, cells: &[Cell<'a>]) -> Result<Value<'a>> {
        Ok(match self {
            Self::Constant(value) => value.lent(),
            Self::Column { place, kind, name } => {
                let cell = cells.get(*place);
                match cell.map(|cell| Value::of_cell(cell, *kind)).transpose()?.flatten() {
                    Some(value) => value,
                    None => return Err(wrong_cell(name, *kind)),
                }
            }
            Self::Not(node) => node.value(cells)?.truth().map(|truth| !truth).into(),
            Self::Logic { any, nodes } => {
                let mut known = true;
                for node in nodes {
                    match node.value(cells)?.truth() {
                        Some(truth) if truth == *any => return Ok(Value::Boolean(*any)),
                        Some(_) => {}
                        None => known = false,
                    }
                }
                if known { Value::Boolean(!any) } else { Value::Null }
            }
            Self::Compare(comparison, a, b) => {
                let a = a.value(cells)?;
                let order = match b.as_ref() {
                    Self::Constant(b) => a.order(b),
                    b => a.order(&b.value(cells)?),
                };
                order.map(|order| comparison.holds(order)).into()
            }
            Self::IsNull(node) => Value::Boolean(matches!(node.value(cells)?, Value::Null)),
            Self::IsTruth(node, truth) => {
                Value::Boolean(node.value(cells)?.truth() == Some(*truth))
            }
            Self::NotDistinct(a, b) => Value::Boolean(match (a.value(cells)?, b.value(cells)?) {
                (Value::Null, Value::Null) => true,
                (a, b) => a.order(&b) == Some(Ordering::Equal),
            }),
            Self::In(node, list) => {
                let wanted = node.value(cells)?;
                let mut known = true;
                for node in list {
                    let order = match node {
                        Self::Constant(value) => wanted.order(value),
                        node => wanted.order(&node.value(cells)?),
                    };
                    match order {
                        Some(Ordering::Equal) => return Ok(Value::Boolean(true)),
                        Some(_) => {}
                        None => known = false,
                    }
                }
                if known { Value::Boolean(false) } else { Value::Null }
            }
            Self::Match(node, matcher) => match node.value(cells)? {
                Value::Text(text) => Value::Boolean(match matcher.as_ref() {
                    Matcher::Like(like) => like.matches(&text),
                    Matcher::Regex(regex) => regex.is_match(&text),
                }),
                _ => Value::Null,
            },
            Self::MatchAgain(text, wanted, how) => {
                match (text.value(cells)?, wanted.value(cells)?) {
                    (Value::Text(text), Value::Text(wanted)) => {
                        Value::Boolean(pattern::matches(&text, &wanted, *how)?)
                    }
                    _ => Value::Null,
                }
            }
            Self::Absent { name } => return Err(absent(name)),
            Self::Case(branches, otherwise) => {
                for (condition, result) in branches {
                    if condition.value(cells)?.truth() == Some(true) {
                        return result.value(cells);
                    }
                }
                otherwise.value(cells)?
            }
            Self::Coalesce(nodes) => {
                for node in nodes {
                    match node.value(cells)? {
                        Value::Null => {}
                        value => return Ok(value),
                    }
                }
                Value::Null
            }
            Self::NullIf(a, b) => {
                let value = a.value(cells)?;
                if value.order(&b.value(cells)?) == Some(Ordering::Equal) {
                    Value::Null
                } else {
                    value
                }
            }
            Self::Calculate(operation, a, b) => {
                calculate(*operation, &a.value(cells)?, &b.value(cells)?)?
            }
            Self::Negate(node) => match node.value(cells)? {
                Value::Exact(number) => Value::Exact(number.negated()),
                Value::Double(number) => Value::Double(-number),
                _ => Value::Null,
            },
            Self::Join(a, b) => match (a.value(cells)?, b.value(cells)?) {
                (Value::Text(a), Value::Text(b)) => Value::Text(a + b),
                _ => Value::Null,
            },
            Self::Concat { between, nodes } => concat(between.as_deref(), nodes, cells)?,
            Self::Extreme { least, nodes } => {
                let mut best = Value::Null;
                for node in nodes {
                    let value = node.value(cells)?;
                    let better = match value.order(&best) {
                        Some(order) => order.is_lt() == *least && order.is_ne(),
                        None => matches!(best, Value::Null),
                    };
                    best = if better { value } else { best };
                }
                best
            }
            Self::Bits(operation, a, b) => match (a.value(cells)?, b.value(cells)?) {
                (Value::Exact(a), Value::Exact(b)) => Value::Exact(work(*operation, &a, &b)?),
                _ => Value::Null,
            },
            Self::Shift { moment, amount, unit, back } => {
                match (moment.value(cells)?, amount.value(cells)?) {
                    (Value::Moment(packed), Value::Exact(amount)) => {
                        let amount = if *back { amount.negated() } else { amount };
                        shifted(packed, &amount, *unit).map_or(Value::Null, Value::Moment)
                    }
                    _ => Value::Null,
                }
            }
            Self::Json { text, steps, as_text } => match text.value(cells)? {
                Value::Text(text) => json::at(&text, steps, *as_text)?,
                _ => Value::Null,
            },
            Self::Call(function, arguments) => {
                let values: Vec<_> =
                    arguments.iter().map(|node| node.value(cells)).collect::<Result<_>>()?;
                if values.iter().any(|value| matches!(value, Value::Null)) {
                    return Ok(Value::Null);
                }
                (function.run)(&values)?
            }
            Self::Cast { node, from, to, or_null } => {
                let value = node.value(cells)?;
                match cast(value, *from, *to) {
                    Some(value) => value,
                    None if *or_null => Value::Null,
                    None => return Err(uncast(*from, *to)),
                }
            }
        })
    }
}

impl Node {
    /// The nodes that this one is made of.
    pub(super) fn parts(&self) -> Vec<&Node> {
        match self {
            Self::Constant(_) | Self::Column { .. } | Self::Absent { .. } => Vec::new(),
            Self::Not(a)
            | Self::IsNull(a)
            | Self::IsTruth(a, _)
            | Self::Match(a, _)
            | Self::Negate(a)
            | Self::Json { text: a, .. }
            | Self::Cast { node: a, .. } => vec![a],
            Self::Compare(_, a, b)
            | Self::NotDistinct(a, b)
            | Self::MatchAgain(a, b, _)
            | Self::NullIf(a, b)
            | Self::Calculate(_, a, b)
            | Self::Join(a, b)
            | Self::Bits(_, a, b)
            | Self::Shift { moment: a, amount: b, .. } => vec![a, b],
            Self::Logic { nodes, .. }
            | Self::Coalesce(nodes)
            | Self::Extreme { nodes, .. }
            | Self::Call(_, nodes) => nodes.iter().collect(),
            Self::In(a, nodes) => std::iter::once(a.as_ref()).chain(nodes).collect(),
            Self::Concat { between, nodes } => {
                between.as_deref().into_iter().chain(nodes).collect()
            }
            Self::Case(branches, otherwise) => {
                let mut parts = vec![otherwise.as_ref()];
                parts.extend(branches.iter().flat_map(|(condition, result)| [condition, result]));
                parts
            }
        }
    }

    /// Whether this or a part of it is so.
    pub(super) fn any(&self, is_so: &mut dyn FnMut(&Node) -> bool) -> bool {
        is_so(self) || self.parts().into_iter().any(|part| part.any(is_so))
    }

    /// The positions of the columns that are named.
    pub(super) fn columns(&self) -> Vec<usize> {
        let mut places = Vec::new();
        self.any(&mut |node| {
            if let Self::Column { place, .. } = node {
                places.push(*place);
            }
            false
        });
        places
    }

    /// Whether a column is named that the row image does not have.
    pub(super) fn lacks(&self) -> bool {
        self.any(&mut |node| matches!(node, Self::Absent { .. }))
    }
}

#[cold]
fn absent(name: &str) -> Error {
    Error::refused(format!(
        "column '{name}' is needed, and this partial row image does not have it"
    ))
    .advise("binlog_row_image=FULL makes the server log whole rows")
}

fn concat<'a>(
    between: Option<&'a Node>,
    nodes: &'a [Node],
    cells: &[Cell<'a>],
) -> Result<Value<'a>> {
    let between = match between.map(|node| node.value(cells)).transpose()? {
        None => Value::Text("".into()),
        Some(Value::Null) => return Ok(Value::Null),
        Some(value) => value,
    };
    let Value::Text(between) = between else { return Ok(Value::Null) };
    let mut whole = String::new();
    let mut first = true;
    for node in nodes {
        if let Value::Text(text) = node.value(cells)? {
            if !first {
                whole.push_str(&between);
            }
            whole.push_str(&text);
            first = false;
        }
    }
    Ok(Value::Text(whole.into()))
}

#[cold]
fn wrong_cell(name: &str, kind: Kind) -> Error {
    Error::data(format!("column '{name}': the cell is no {}", kind.name()))
}

fn calculate<'a>(operation: Arithmetic, a: &Value, b: &Value) -> Result<Value<'a>> {
    if let (Value::Exact(a), Value::Exact(b)) = (a, b) {
        let result = match operation {
            Arithmetic::Add => Some(a.add(b)?),
            Arithmetic::Subtract => Some(a.subtract(b)?),
            Arithmetic::Multiply => Some(a.multiply(b)?),
            Arithmetic::Divide => a.divide(b)?,
            Arithmetic::Remainder => a.remainder(b)?,
        };
        return Ok(result.map_or(Value::Null, Value::Exact));
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return Ok(Value::Null) };
    match operation {
        Arithmetic::Add => finite(a + b),
        Arithmetic::Subtract => finite(a - b),
        Arithmetic::Multiply => finite(a * b),
        Arithmetic::Divide | Arithmetic::Remainder if b == 0.0 => Ok(Value::Null),
        Arithmetic::Divide => finite(a / b),
        Arithmetic::Remainder => finite(a % b),
    }
}
