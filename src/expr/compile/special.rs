//! What has rules of its own: intervals, bits, JSON paths, functions of any number of arguments.
//! Uses `error`, `expr`. Not hot: once a schema.

use sqlparser::ast::{DateTimeField, Expr, Interval, Value as Literal};

use super::Compiler;
use crate::error::Result;
use crate::expr::bits::Bits;
use crate::expr::cast::Target;
use crate::expr::json::{self, Step};
use crate::expr::literal::{Typed, plain_text, quoted_as, wrong};
use crate::expr::node::Node;
use crate::expr::number::Number;
use crate::expr::shift::Unit;
use crate::expr::value::{Kind, Value};

/// The functions that are compiled here: name, form and meaning for the page.
pub const SPECIAL: &[(&str, &str, &str)] = &[
    ("coalesce", "coalesce(a, b, ...)", "The first that is not NULL."),
    (
        "concat",
        "concat(a, b, ...)",
        "One text behind the other; NULLs are passed over, other kinds become text as by CAST.",
    ),
    (
        "concat_ws",
        "concat_ws(s, a, b, ...)",
        "The same with the text s between them; NULL when s is NULL.",
    ),
    ("date_add", "date_add(m, INTERVAL n unit), adddate(...)", "As m + INTERVAL n unit."),
    ("date_sub", "date_sub(m, INTERVAL n unit), subdate(...)", "As m - INTERVAL n unit."),
    ("greatest", "greatest(a, b, ...)", "The greatest; NULLs are passed over."),
    ("if", "if(c, a, b)", "a when the condition c is TRUE, else b."),
    ("ifnull", "ifnull(a, b), nvl(a, b)", "The first that is not NULL."),
    ("json_extract", "json_extract(s, 'path')", "As s -> 'path'."),
    ("json_value", "json_value(s, 'path'), json_extract_string(...)", "As s ->> 'path'."),
    ("least", "least(a, b, ...)", "The least; NULLs are passed over."),
    ("nullif", "nullif(a, b)", "NULL when both are equal, else a."),
];

/// Functions of other systems whose results would not be the same at every delivery of a row.
const UNSTEADY: &[&str] = &[
    "now",
    "current_timestamp",
    "current_date",
    "curdate",
    "curtime",
    "sysdate",
    "today",
    "rand",
    "random",
    "uuid",
    "utc_timestamp",
];

impl Compiler<'_> {
    /// A function with rules of its own; `None` when it is not one of them.
    pub(super) fn special(
        &mut self,
        expr: &Expr,
        name: &str,
        arguments: &[&Expr],
    ) -> Result<Option<Typed>> {
        Ok(Some(match (name, arguments) {
            ("coalesce", [_, ..]) | ("ifnull" | "nvl", [_, _]) => {
                let (nodes, kind) = self.alike(arguments)?;
                (Node::Coalesce(nodes), kind)
            }
            ("greatest" | "least", [_, _, ..]) => {
                let (nodes, kind) = self.alike(arguments)?;
                (Node::Extreme { least: name == "least", nodes }, kind)
            }
            ("nullif", [a, b]) => {
                let kind = self.typed(a)?.1;
                let (a, b, _) = self.pair(a, b)?;
                (Node::NullIf(Box::new(a), Box::new(b)), kind)
            }
            ("if", [condition, yes, no]) => {
                let condition = self.condition(condition)?;
                let (mut nodes, kind) = self.alike(&[yes, no])?;
                let (no, yes) = (nodes.pop(), nodes.pop());
                let (yes, no) = yes.zip(no).ok_or_else(|| wrong(expr, "if needs two results"))?;
                (Node::Case(vec![(condition, yes)], Box::new(no)), kind)
            }
            ("concat", [_, ..]) => (self.concat(None, arguments)?, Kind::Text),
            ("concat_ws", [between, rest @ ..]) if !rest.is_empty() => {
                let between = self.boxed(between, Kind::Text)?;
                (self.concat(Some(between), rest)?, Kind::Text)
            }
            (
                "date_add" | "adddate" | "date_sub" | "subdate",
                [moment, Expr::Interval(interval)],
            ) => self.shift(expr, moment, interval, matches!(name, "date_sub" | "subdate"))?,
            ("date_add" | "adddate" | "date_sub" | "subdate", _) => {
                return Err(wrong(expr, format!("{name} is called as {name}(m, INTERVAL n unit)")));
            }
            ("json_extract", [text, path]) => self.json(text, path, false)?,
            ("json_value" | "json_extract_string", [text, path]) => self.json(text, path, true)?,
            (name, _) if UNSTEADY.contains(&name) => {
                return Err(wrong(
                    expr,
                    format!("{name} would not give the same at every delivery of a row"),
                )
                .advise("_ums_ts_ is when the row was changed"));
            }
            _ => return Ok(None),
        }))
    }

    fn concat(&mut self, between: Option<Box<Node>>, parts: &[&Expr]) -> Result<Node> {
        let mut nodes = Vec::new();
        for part in parts {
            let (node, from) = self.typed(part)?;
            nodes.push(match from {
                Kind::Text | Kind::Null => node,
                Kind::Binary => return Err(wrong(part, "a binary cannot be joined to a text")),
                from => {
                    let to = Target::Kind(Kind::Text);
                    Node::Cast { node: Box::new(node), from, to, or_null: false }
                }
            });
        }
        Ok(Node::Concat { between, nodes })
    }

    /// A moment plus or minus an interval.
    pub(super) fn shift(
        &mut self,
        expr: &Expr,
        moment: &Expr,
        interval: &Interval,
        back: bool,
    ) -> Result<Typed> {
        let typed = self.typed(moment)?;
        let (moment_node, kind) = quoted_as(moment, typed, Kind::Datetime)?;
        if !matches!(kind, Kind::Date | Kind::Datetime | Kind::Null) {
            let what =
                format!("an INTERVAL is added to a date or datetime, not to a {}", kind.name());
            return Err(wrong(moment, what));
        }
        let (amount, unit) = self.interval(expr, interval)?;
        let kind = if kind == Kind::Date && !unit.is_whole_days() { Kind::Datetime } else { kind };
        let (moment, amount) = (Box::new(moment_node), Box::new(amount));
        Ok((Node::Shift { moment, amount, unit, back }, kind))
    }

    /// How many of which unit: `INTERVAL 1 DAY`, `INTERVAL '1' DAY`, `INTERVAL '1 day'`,
    /// `INTERVAL (n + 1) DAY`.
    fn interval(&mut self, expr: &Expr, interval: &Interval) -> Result<(Node, Unit)> {
        let known = "an INTERVAL is so many YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND or MICROSECOND";
        let constant = |number: Number| Node::Constant(Value::Exact(number));
        let text = plain_text(&interval.value, "").ok();
        match (&interval.leading_field, text) {
            (Some(field), text) if interval.last_field.is_none() => {
                let unit = Unit::parse(&field.to_string()).ok_or_else(|| wrong(expr, known))?;
                let amount = match text {
                    Some(text) => constant(
                        Number::parse(text).ok_or_else(|| wrong(expr, "this text is no number"))?,
                    ),
                    None => self.of_kind(&interval.value, Kind::Number)?,
                };
                Ok((amount, unit))
            }
            (None, Some(text)) => {
                let (amount, unit) =
                    text.trim().split_once(' ').ok_or_else(|| wrong(expr, known))?;
                let unit = Unit::parse(unit.trim()).ok_or_else(|| wrong(expr, known))?;
                let amount = Number::parse(amount);
                Ok((constant(amount.ok_or_else(|| wrong(expr, "this text is no number"))?), unit))
            }
            _ => Err(wrong(expr, known)),
        }
    }

    /// A value inside a JSON text. The path is a literal: `'$.a.b[0]'`, a key, or an index.
    pub(super) fn json(&mut self, text: &Expr, path: &Expr, as_text: bool) -> Result<Typed> {
        let text = self.boxed(text, Kind::Text)?;
        let steps = match path {
            Expr::Value(value) => match &value.value {
                Literal::Number(index, _) => {
                    let index = index.parse();
                    vec![Step::Index(index.map_err(|_| wrong(path, "an index is a whole number"))?)]
                }
                Literal::SingleQuotedString(text) if text.starts_with('$') => json::path(text)
                    .ok_or_else(|| {
                        wrong(path, "a path is written '$.key.\"other key\"[0]', without wildcards")
                    })?,
                Literal::SingleQuotedString(text) => vec![Step::Key(text.clone())],
                _ => return Err(wrong(path, "a path is a text in single quotes or an index")),
            },
            _ => return Err(wrong(path, "a path is a text in single quotes or an index")),
        };
        Ok((Node::Json { text, steps, as_text }, Kind::Text))
    }

    /// A bit operator.
    pub(super) fn bits(&mut self, operation: Bits, a: &Expr, b: &Expr) -> Result<Typed> {
        let (a, b) = (self.boxed(a, Kind::Number)?, self.boxed(b, Kind::Number)?);
        Ok((Node::Bits(operation, a, b), Kind::Number))
    }

    /// What EXTRACT takes, as the name of a function.
    pub(super) fn part_of(field: &DateTimeField) -> Option<&'static str> {
        Some(match field {
            DateTimeField::Year => "year",
            DateTimeField::Quarter => "quarter",
            DateTimeField::Month => "month",
            DateTimeField::Week(None) | DateTimeField::IsoWeek => "week",
            DateTimeField::Day => "day",
            DateTimeField::Doy | DateTimeField::DayOfYear => "dayofyear",
            DateTimeField::Isodow => "isodow",
            DateTimeField::Hour => "hour",
            DateTimeField::Minute => "minute",
            DateTimeField::Second => "second",
            DateTimeField::Microsecond => "microsecond",
            DateTimeField::Epoch => "unix_timestamp",
            _ => return None,
        })
    }

    /// Two dates, one taken from the other: the days between them.
    pub(super) fn days_between(&mut self, expr: &Expr, a: Node, b: Node) -> Result<Typed> {
        let function = super::function::find_function("datediff");
        let function = function.ok_or_else(|| wrong(expr, "no function datediff"))?;
        Ok((Node::Call(function, vec![a, b]), Kind::Number))
    }
}
