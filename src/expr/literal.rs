//! Literals, and errors with their place in an expression. Uses `error`. Not hot.

use std::borrow::Cow;

use sqlparser::ast::{Expr, Spanned as _, Value as Literal};

use super::node::Node;
use super::number::{MOST_DIGITS, Number};
use super::value::{Kind, Value};
use crate::error::{Error, Result};

/// A node and what it gives.
pub(super) type Typed = (Node, Kind);

/// An error at a place of the expression.
pub(super) fn wrong(place: &Expr, what: impl std::fmt::Display) -> Error {
    let start = place.span().start;
    let error = Error::usage(what.to_string());
    match (start.line, start.column) {
        (0, _) | (_, 0) => error,
        (1, column) => error.at(format!("character {column}")),
        (line, column) => error.at(format!("line {line}, character {column}")),
    }
}

/// A literal in quotes as a value of the kind that is wanted; anything else unchanged.
pub(super) fn quoted_as(expr: &Expr, typed: Typed, wanted: Kind) -> Result<Typed> {
    match typed {
        (Node::Constant(Value::Text(text)), Kind::Text)
            if !matches!(wanted, Kind::Text | Kind::Null | Kind::Binary) =>
        {
            let mut kind = wanted;
            let mut value = kind.read(Cow::Borrowed(&text)).map(owned);
            if value.is_none() && wanted == Kind::Date {
                kind = Kind::Datetime;
                value = kind.read(Cow::Borrowed(&text)).map(owned);
            }
            let value =
                value.ok_or_else(|| wrong(expr, format!("this text is no {}", wanted.name())))?;
            Ok((Node::Constant(value), kind))
        }
        other => Ok(other),
    }
}

/// The same, borrowing nothing.
fn owned(value: Value) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Null => Value::Null,
        Value::Boolean(truth) => Value::Boolean(truth),
        Value::Exact(number) => Value::Exact(number),
        Value::Double(number) => Value::Double(number),
        Value::Moment(packed) => Value::Moment(packed),
    }
}

/// A literal as a constant.
pub(super) fn literal(expr: &Expr, value: &Literal) -> Result<Typed> {
    let (value, kind) = match value {
        Literal::Null => (Value::Null, Kind::Null),
        Literal::Boolean(truth) => (Value::Boolean(*truth), Kind::Boolean),
        Literal::SingleQuotedString(text) => (Value::Text(Cow::Owned(text.clone())), Kind::Text),
        Literal::Number(text, _) if text.contains(['e', 'E']) => {
            let number = Kind::Double.read(Cow::Borrowed(text)).map(owned);
            (number.ok_or_else(|| wrong(expr, "this number is out of range"))?, Kind::Double)
        }
        Literal::Number(text, _) => {
            let number = Number::parse(text);
            let number = number
                .ok_or_else(|| wrong(expr, format!("a number has at most {MOST_DIGITS} digits")))?;
            (Value::Exact(number), Kind::Number)
        }
        _ => return Err(wrong(expr, format!("the literal {} is not supported", shown(expr)))),
    };
    Ok((Node::Constant(value), kind))
}

/// The text of a literal in single quotes.
pub(super) fn plain_text<'e>(expr: &'e Expr, what: &str) -> Result<&'e str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) => Ok(text),
            _ => Err(wrong(expr, format!("{what} is written as text in single quotes"))),
        },
        Expr::Nested(inner) => plain_text(inner, what),
        _ => Err(wrong(expr, format!("{what} is written as text in single quotes"))),
    }
}

/// The start of an expression's text, for messages.
pub(super) fn shown(expr: &Expr) -> String {
    let text = expr.to_string();
    let mut start: String = text.chars().take(40).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
