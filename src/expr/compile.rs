//! From the parser's tree to ours: names become positions, every node gets a kind, and what does
//! not fit is an error with its place. Uses `error`, `ums`. Not hot: once a schema.

mod special;

use std::borrow::Cow;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, Expr, Function as Called,
    FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, UnaryOperator,
    Value as Literal,
};

pub use special::SPECIAL;

use super::bits::Bits;
use super::cast::{Target, castable, target};
use super::function::{self, Wanted};
use super::like::Like;
use super::literal::{Typed, literal, plain_text, quoted_as, shown, wrong};
use super::node::{Arithmetic, Comparison, Matcher, Node};
use super::pattern::{Dynamic, REGEX_BYTES};
use super::value::{Kind, Value};
use crate::error::{Error, Result};
use crate::near;
use crate::ums::{Field, Schema};

/// How deep an expression may nest: the tree is walked by recursion.
const DEEPEST: usize = 100;

/// Compiles for one schema.
pub(super) struct Compiler<'s> {
    pub(super) schema: &'s Schema,
    /// Columns that the table is known to have, for row images that have not all of them.
    pub(super) table: &'s [Field],
    pub(super) depth: usize,
}

impl Compiler<'_> {
    /// Compiles a condition: boolean or NULL.
    pub(super) fn condition(&mut self, expr: &Expr) -> Result<Node> {
        self.of_kind(expr, Kind::Boolean)
    }

    /// Compiles what must have this kind; a literal in quotes is read as one.
    fn of_kind(&mut self, expr: &Expr, wanted: Kind) -> Result<Node> {
        let typed = self.typed(expr)?;
        let (node, kind) = quoted_as(expr, typed, wanted)?;
        match kind {
            Kind::Null => Ok(node),
            kind if kind == wanted => Ok(node),
            kind => Err(wrong(
                expr,
                format!("a {} stands where a {} is needed", kind.name(), wanted.name()),
            )
            .advise("see dws-sql(7) for CAST and comparisons")),
        }
    }

    /// Compiles two that are compared, to a common kind.
    fn pair(&mut self, a: &Expr, b: &Expr) -> Result<(Node, Node, Kind)> {
        let left = self.typed(a)?;
        let right = self.typed(b)?;
        let (left, right) = match (left.1, right.1) {
            (Kind::Text, kind) if kind != Kind::Text => (quoted_as(a, left, kind)?, right),
            (kind, Kind::Text) if kind != Kind::Text => (left, quoted_as(b, right, kind)?),
            _ => (left, right),
        };
        let kind = left.1.with(right.1).ok_or_else(|| {
            wrong(b, format!("a {} cannot be compared with a {}", left.1.name(), right.1.name()))
                .advise("CAST one of them")
        })?;
        Ok((left.0, right.0, kind))
    }

    pub(super) fn typed(&mut self, expr: &Expr) -> Result<Typed> {
        if self.depth >= DEEPEST {
            // Without the place: finding it walks down the whole tree.
            return Err(Error::usage(format!("the expression is nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        let typed = self.nested(expr);
        self.depth -= 1;
        typed
    }

    fn boxed(&mut self, expr: &Expr, kind: Kind) -> Result<Box<Node>> {
        self.of_kind(expr, kind).map(Box::new)
    }

    fn nested(&mut self, expr: &Expr) -> Result<Typed> {
        let boolean = |node| Ok((node, Kind::Boolean));
        let negate =
            |node, negated: bool| boolean(if negated { Node::Not(Box::new(node)) } else { node });
        match expr {
            Expr::Nested(inner) => self.typed(inner),
            Expr::Identifier(name) => self.column(expr, name),
            Expr::Value(value) => literal(expr, &value.value),
            Expr::TypedString(typed) => {
                let Literal::SingleQuotedString(text) = &typed.value.value else {
                    return Err(wrong(expr, "a text in single quotes belongs here"));
                };
                let to = target(expr, &typed.data_type)?;
                let Target::Kind(kind @ (Kind::Date | Kind::Datetime)) = to else {
                    return Err(wrong(
                        expr,
                        "only DATE '…' and TIMESTAMP '…' are written so; use CAST",
                    ));
                };
                quoted_as(
                    expr,
                    (Node::Constant(Value::Text(Cow::Owned(text.clone()))), Kind::Text),
                    kind,
                )
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                let node = Node::IsNull(Box::new(self.typed(inner)?.0));
                negate(node, matches!(expr, Expr::IsNotNull(_)))
            }
            Expr::IsUnknown(inner) | Expr::IsNotUnknown(inner) => {
                let node = Node::IsNull(self.boxed(inner, Kind::Boolean)?);
                negate(node, matches!(expr, Expr::IsNotUnknown(_)))
            }
            Expr::IsTrue(inner) | Expr::IsNotTrue(inner) => {
                let node = Node::IsTruth(self.boxed(inner, Kind::Boolean)?, true);
                negate(node, matches!(expr, Expr::IsNotTrue(_)))
            }
            Expr::IsFalse(inner) | Expr::IsNotFalse(inner) => {
                let node = Node::IsTruth(self.boxed(inner, Kind::Boolean)?, false);
                negate(node, matches!(expr, Expr::IsNotFalse(_)))
            }
            Expr::IsDistinctFrom(a, b) | Expr::IsNotDistinctFrom(a, b) => {
                let (a, b, _) = self.pair(a, b)?;
                let node = Node::NotDistinct(Box::new(a), Box::new(b));
                negate(node, matches!(expr, Expr::IsDistinctFrom(..)))
            }
            Expr::InList { expr: inner, list, negated } => {
                let mut nodes = Vec::new();
                let mut left = None;
                let mut common = Kind::Null;
                for item in list {
                    let (a, b, kind) = self.pair(inner, item)?;
                    // One left side serves all, so all must be of one kind with it.
                    common = joined(item, common, kind)?;
                    left = Some(a);
                    nodes.push(b);
                }
                let left = left.ok_or_else(|| wrong(expr, "IN needs at least one value"))?;
                negate(Node::In(Box::new(left), nodes), *negated)
            }
            Expr::Between { expr: inner, negated, low, high } => {
                let (a, low, _) = self.pair(inner, low)?;
                let (b, high, _) = self.pair(inner, high)?;
                let from = Node::Compare(Comparison::GreaterOrEqual, Box::new(a), Box::new(low));
                let to = Node::Compare(Comparison::LessOrEqual, Box::new(b), Box::new(high));
                negate(Node::Logic { any: false, nodes: vec![from, to] }, *negated)
            }
            Expr::Like { negated, any: false, expr: inner, pattern, escape_char } => {
                negate(self.like(inner, pattern, escape_char.as_deref(), false)?, *negated)
            }
            Expr::ILike { negated, any: false, expr: inner, pattern, escape_char } => {
                negate(self.like(inner, pattern, escape_char.as_deref(), true)?, *negated)
            }
            Expr::RLike { negated, expr: inner, pattern, .. } => {
                negate(self.regex(inner, pattern, false)?, *negated)
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                boolean(Node::Not(self.boxed(inner, Kind::Boolean)?))
            }
            Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } => self.numeric(inner),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
                let (node, kind) = self.numeric(inner)?;
                Ok((Node::Negate(Box::new(node)), kind))
            }
            Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr: inner } => {
                let a = self.boxed(inner, Kind::Number)?;
                let ones = Box::new(Node::Constant(Value::Exact((-1).into())));
                Ok((Node::Bits(Bits::Xor, a, ones), Kind::Number))
            }
            Expr::Interval(_) => {
                Err(wrong(expr, "an INTERVAL is added to a date or datetime, or taken from one"))
            }
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { kind, expr: inner, data_type, format: None } => {
                let or_null = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                let to = target(expr, data_type)?;
                let (node, from) = self.typed(inner)?;
                let result = castable(from, to).ok_or_else(|| {
                    wrong(expr, format!("a {} cannot be CAST to {data_type}", from.name()))
                })?;
                Ok((Node::Cast { node: Box::new(node), from, to, or_null }, result))
            }
            Expr::Extract { field, expr: inner, .. } => {
                let name = Self::part_of(field).ok_or_else(|| {
                    wrong(
                        expr,
                        "EXTRACT knows YEAR, QUARTER, MONTH, WEEK, DAY, DOY, ISODOW, HOUR, MINUTE, \
                         SECOND, MICROSECOND and EPOCH",
                    )
                })?;
                self.call(expr, name, &[inner])
            }
            Expr::Ceil {
                expr: inner,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.call(expr, "ceil", &[inner]),
            Expr::Floor {
                expr: inner,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => self.call(expr, "floor", &[inner]),
            Expr::Position { expr: wanted, r#in } => self.call(expr, "position", &[wanted, r#in]),
            Expr::Substring { expr: inner, substring_from: Some(from), substring_for, .. } => {
                let mut arguments: Vec<&Expr> = vec![inner, from];
                arguments.extend(substring_for.as_deref());
                self.call(expr, "substr", &arguments)
            }
            Expr::Trim {
                trim_where: None,
                trim_what: None,
                expr: inner,
                trim_characters: None,
            } => self.call(expr, "trim", &[inner]),
            Expr::Function(called) => self.function(expr, called),
            _ => Err(wrong(expr, format!("'{}' is not supported", shown(expr)))
                .advise("dws-sql(7) lists what is")),
        }
    }

    fn column(&mut self, expr: &Expr, name: &Ident) -> Result<Typed> {
        let place = match name.quote_style {
            Some(_) => self.schema.fields.iter().position(|field| field.name == name.value),
            None => self.schema.column(&name.value),
        };
        let found = place.and_then(|place| Some((place, self.schema.fields.get(place)?)));
        let Some((place, field)) = found else {
            let known = |field: &&Field| match name.quote_style {
                Some(_) => field.name == name.value,
                None => field.name.eq_ignore_ascii_case(&name.value),
            };
            if let Some(field) = self.table.iter().find(known) {
                return Ok((Node::Absent { name: field.name.clone() }, Kind::of(field.ty)));
            }
            let names = self.schema.fields.iter().map(|field| field.name.as_str());
            let near = near::names(&name.value, names);
            let error = wrong(expr, format!("no column '{}'", name.value)).advise(near);
            return Err(match name.quote_style {
                Some('"') => error.advise("a text stands in single quotes"),
                _ => error,
            });
        };
        let kind = Kind::of(field.ty);
        Ok((Node::Column { place, kind, name: field.name.clone() }, kind))
    }

    fn numeric(&mut self, expr: &Expr) -> Result<Typed> {
        let typed = self.typed(expr)?;
        number_of(expr, typed)
    }

    fn binary(
        &mut self,
        expr: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
    ) -> Result<Typed> {
        let comparison = match op {
            BinaryOperator::Eq => Some(Comparison::Equal),
            BinaryOperator::NotEq => Some(Comparison::NotEqual),
            BinaryOperator::Lt => Some(Comparison::Less),
            BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
            BinaryOperator::Gt => Some(Comparison::Greater),
            BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            let (a, b, _) = self.pair(left, right)?;
            return Ok((Node::Compare(comparison, Box::new(a), Box::new(b)), Kind::Boolean));
        }
        let arithmetic = match op {
            BinaryOperator::Plus => Some(Arithmetic::Add),
            BinaryOperator::Minus => Some(Arithmetic::Subtract),
            BinaryOperator::Multiply => Some(Arithmetic::Multiply),
            BinaryOperator::Divide => Some(Arithmetic::Divide),
            BinaryOperator::Modulo => Some(Arithmetic::Remainder),
            _ => None,
        };
        match (op, left, right) {
            (BinaryOperator::Plus, moment, Expr::Interval(interval))
            | (BinaryOperator::Plus, Expr::Interval(interval), moment) => {
                return self.shift(expr, moment, interval, false);
            }
            (BinaryOperator::Minus, moment, Expr::Interval(interval)) => {
                return self.shift(expr, moment, interval, true);
            }
            _ => {}
        }
        if let Some(arithmetic) = arithmetic {
            let (a, b) = (self.typed(left)?, self.typed(right)?);
            if let (Arithmetic::Subtract, Kind::Date, Kind::Date) = (arithmetic, a.1, b.1) {
                return self.days_between(expr, a.0, b.0);
            }
            let (a, from) = number_of(left, a)?;
            let (b, with) = number_of(right, b)?;
            let kind = from.with(with).unwrap_or(Kind::Double);
            return Ok((Node::Calculate(arithmetic, Box::new(a), Box::new(b)), kind));
        }
        let node = match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let any = matches!(op, BinaryOperator::Or);
                // A long chain leans to the left; flat, it needs neither depth here nor later.
                let mut chain = vec![right];
                let mut first = left;
                while let Expr::BinaryOp { left, op: other, right } = first {
                    if other != op {
                        break;
                    }
                    chain.push(right);
                    first = left;
                }
                chain.push(first);
                let nodes = chain.into_iter().rev().map(|part| self.condition(part));
                let mut nodes: Vec<Node> = nodes.collect::<Result<_>>()?;
                // What the row image has may decide already.
                if !self.table.is_empty() {
                    nodes.sort_by_key(Node::lacks);
                }
                Node::Logic { any, nodes }
            }
            BinaryOperator::StringConcat => {
                let (a, b) = (self.boxed(left, Kind::Text)?, self.boxed(right, Kind::Text)?);
                return Ok((Node::Join(a, b), Kind::Text));
            }
            BinaryOperator::PGRegexMatch => self.regex(left, right, false)?,
            BinaryOperator::PGRegexIMatch => self.regex(left, right, true)?,
            BinaryOperator::PGRegexNotMatch => Node::Not(Box::new(self.regex(left, right, false)?)),
            BinaryOperator::PGRegexNotIMatch => Node::Not(Box::new(self.regex(left, right, true)?)),
            BinaryOperator::Xor => {
                let (a, b) = (self.boxed(left, Kind::Boolean)?, self.boxed(right, Kind::Boolean)?);
                Node::Compare(Comparison::NotEqual, a, b)
            }
            BinaryOperator::BitwiseAnd => return self.bits(Bits::And, left, right),
            BinaryOperator::BitwiseOr => return self.bits(Bits::Or, left, right),
            BinaryOperator::BitwiseXor | BinaryOperator::PGBitwiseXor => {
                return self.bits(Bits::Xor, left, right);
            }
            BinaryOperator::PGBitwiseShiftLeft => return self.bits(Bits::Left, left, right),
            BinaryOperator::PGBitwiseShiftRight => return self.bits(Bits::Right, left, right),
            BinaryOperator::Arrow => return self.json(left, right, false),
            BinaryOperator::LongArrow => return self.json(left, right, true),
            BinaryOperator::Spaceship => {
                let (a, b, _) = self.pair(left, right)?;
                Node::NotDistinct(Box::new(a), Box::new(b))
            }
            _ => {
                return Err(wrong(expr, format!("the operator {op} is not supported"))
                    .advise("dws-sql(7) lists what is"));
            }
        };
        Ok((node, Kind::Boolean))
    }

    fn like(
        &mut self,
        inner: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        folded: bool,
    ) -> Result<Node> {
        let escape = match escape {
            None => None,
            Some(expr) => {
                let text = plain_text(expr, "the character of ESCAPE")?;
                let mut letters = text.chars();
                match (letters.next(), letters.next()) {
                    (Some(letter), None) => Some(letter),
                    _ => return Err(wrong(expr, "ESCAPE takes one character")),
                }
            }
        };
        let Ok(text) = plain_text(pattern, "") else {
            let (inner, pattern) =
                (self.boxed(inner, Kind::Text)?, self.boxed(pattern, Kind::Text)?);
            return Ok(Node::MatchAgain(inner, pattern, Dynamic::Like { escape, folded }));
        };
        let like = Like::new(text, escape, folded)
            .ok_or_else(|| wrong(pattern, "nothing stands behind the last ESCAPE character"))?;
        Ok(Node::Match(self.boxed(inner, Kind::Text)?, Box::new(Matcher::Like(like))))
    }

    fn regex(&mut self, inner: &Expr, pattern: &Expr, folded: bool) -> Result<Node> {
        let Ok(text) = plain_text(pattern, "") else {
            let (inner, pattern) =
                (self.boxed(inner, Kind::Text)?, self.boxed(pattern, Kind::Text)?);
            return Ok(Node::MatchAgain(inner, pattern, Dynamic::Regex { folded }));
        };
        let regex =
            regex::RegexBuilder::new(text).case_insensitive(folded).size_limit(REGEX_BYTES).build();
        let regex = regex.map_err(|error| {
            let lines = error.to_string();
            wrong(pattern, lines.lines().last().unwrap_or("a wrong regular expression").trim())
        })?;
        Ok(Node::Match(self.boxed(inner, Kind::Text)?, Box::new(Matcher::Regex(regex))))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Result<Typed> {
        let mut results: Vec<&Expr> = branches.iter().map(|branch| &branch.result).collect();
        results.extend(otherwise);
        let (mut nodes, kind) = self.alike(&results)?;
        let otherwise = match otherwise {
            Some(_) => nodes.pop(),
            None => None,
        };
        let mut compiled = Vec::new();
        for (branch, result) in branches.iter().zip(nodes) {
            let condition = match operand {
                None => self.condition(&branch.condition)?,
                Some(operand) => {
                    let (a, b, _) = self.pair(operand, &branch.condition)?;
                    Node::Compare(Comparison::Equal, Box::new(a), Box::new(b))
                }
            };
            compiled.push((condition, result));
        }
        let otherwise = otherwise.unwrap_or(Node::Constant(Value::Null));
        Ok((Node::Case(compiled, Box::new(otherwise)), kind))
    }

    /// Several that are one value in the end: all of one kind.
    fn alike(&mut self, exprs: &[&Expr]) -> Result<(Vec<Node>, Kind)> {
        let typed: Vec<Typed> = exprs.iter().map(|expr| self.typed(expr)).collect::<Result<_>>()?;
        // Literals in quotes become what the others are.
        let open = |expr: &Expr, kind| kind == Kind::Text && plain_text(expr, "").is_ok();
        let mut kind = Kind::Null;
        for (expr, (_, own)) in exprs.iter().zip(&typed) {
            if !open(expr, *own) {
                kind = joined(expr, kind, *own)?;
            }
        }
        let mut nodes = Vec::new();
        let wanted = if kind == Kind::Null { Kind::Text } else { kind };
        for (expr, typed) in exprs.iter().zip(typed) {
            let (node, own) =
                if open(expr, typed.1) { quoted_as(expr, typed, wanted)? } else { typed };
            kind = joined(expr, kind, own)?;
            nodes.push(node);
        }
        Ok((nodes, kind))
    }

    fn function(&mut self, expr: &Expr, called: &Called) -> Result<Typed> {
        let [ObjectNamePart::Identifier(name)] = called.name.0.as_slice() else {
            return Err(wrong(expr, "a function's name has no dots"));
        };
        let plain = called.over.is_none()
            && called.filter.is_none()
            && called.within_group.is_empty()
            && called.null_treatment.is_none();
        let arguments = match &called.args {
            FunctionArguments::List(list)
                if plain && list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                list.args
                    .iter()
                    .map(|argument| match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                        _ => None,
                    })
                    .collect::<Option<Vec<&Expr>>>()
            }
            _ => None,
        };
        let Some(arguments) = arguments else {
            return Err(wrong(expr, "a function takes plain values and nothing else here"));
        };
        let text = name.value.to_ascii_lowercase();
        match self.special(expr, &text, &arguments)? {
            Some(typed) => Ok(typed),
            None => self.call(expr, &name.value, &arguments),
        }
    }

    fn call(&mut self, place: &Expr, name: &str, arguments: &[&Expr]) -> Result<Typed> {
        let Some(function) = function::find_function(name) else {
            let known = function::all().map(|function| function.name);
            let near = near::names(name, known.chain(SPECIAL.iter().map(|(name, ..)| *name)));
            return Err(wrong(place, format!("no function '{name}'")).advise(near));
        };
        if arguments.len() < function.required || arguments.len() > function.arguments.len() {
            return Err(wrong(place, format!("{} is called as {}", function.name, function.form)));
        }
        let mut nodes = Vec::new();
        let mut first = Kind::Null;
        for (index, (expr, wanted)) in arguments.iter().zip(function.arguments).enumerate() {
            let typed = self.typed(expr)?;
            let (node, kind) = match wanted {
                Wanted::Text => typed,
                _ => quoted_as(expr, typed, wanted.kind())?,
            };
            if !wanted.takes(kind) {
                let what = format!(
                    "{} needs {} here, not a {}",
                    function.name,
                    wanted.name(),
                    kind.name()
                );
                return Err(wrong(expr, what));
            }
            first = if index == 0 { kind } else { first };
            nodes.push(node);
        }
        Ok((Node::Call(function, nodes), function.result.unwrap_or(first)))
    }
}

/// What is calculated with.
fn number_of(expr: &Expr, typed: Typed) -> Result<Typed> {
    let typed = quoted_as(expr, typed, Kind::Number)?;
    if typed.1.is_numeric() {
        return Ok(typed);
    }
    let error = wrong(expr, format!("a {} cannot be calculated with", typed.1.name()));
    Err(match typed.1 {
        Kind::Date | Kind::Datetime => error.advise("add an INTERVAL, or use date_diff"),
        _ => error.advise("CAST it"),
    })
}

fn joined(expr: &Expr, a: Kind, b: Kind) -> Result<Kind> {
    a.with(b).ok_or_else(|| {
        wrong(expr, format!("a {} stands beside a {}; all must be of one kind", b.name(), a.name()))
    })
}
