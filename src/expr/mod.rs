//! SQL expressions over undecoded rows: compiled once a schema, evaluated once a row. Uses `error`,
//! `ums`; the grammar is that of the crate `sqlparser`. HOT in `holds`.
//!
//! Logic is three-valued, numbers are exact to 65 digits, kinds are checked when an expression is
//! compiled (see dws-sql.7).

mod bits;
mod calendar;
mod cast;
mod compile;
pub mod function;
mod json;
mod like;
pub mod list;
mod literal;
pub mod moment;
mod node;
pub mod number;
mod pattern;
mod select;
mod shape;
mod shift;
mod value;

pub use compile::SPECIAL;
pub use select::{Computed, Expression, Select};
pub use value::{Kind, Value};

use sqlparser::ast::Expr;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, Result};
use crate::ums::{Cell, Field, Schema};

/// Bytes that the text of an expression may have.
const LONGEST: usize = 64 << 10;
/// Names and operators that it may have. The parser's tree is as deep as a chain of them is long, and
/// it is walked and taken down by recursion, which this keeps within any stack. Lists are flat, so
/// commas and literals do not count.
const MOST_WORDS: usize = 2000;
/// How deep brackets may nest.
const DEEPEST: usize = 64;

/// A parsed condition that no schema has seen yet.
#[derive(Debug, Clone)]
pub struct Condition {
    expr: Expr,
}

impl Condition {
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

    /// Compiles for the rows of a schema.
    ///
    /// # Errors
    /// `Usage` with the place: an unknown column or function, a kind that does not fit.
    pub fn compile(&self, schema: &Schema) -> Result<Filter> {
        self.compile_for(schema, &[])
    }

    /// The same where `table` are columns that the table has and this row image may lack. A row for
    /// which such a column decides is `Refused`.
    ///
    /// # Errors
    /// As `compile`.
    pub fn compile_for(&self, schema: &Schema, table: &[Field]) -> Result<Filter> {
        let mut compiler = compile::Compiler { schema, table, depth: 0 };
        let node = compiler.condition(&self.expr)?;
        Ok(Filter { node })
    }
}

/// A condition for the rows of one schema.
#[derive(Debug)]
pub struct Filter {
    node: node::Node,
}

impl Filter {
    /// Whether the condition is TRUE for a row: neither FALSE nor NULL. Only cells of columns that it
    /// names are decoded.
    ///
    /// # Errors
    /// `Data` for a cell that is not of its column's type and for a result that cannot be held.
    pub fn holds(&self, cells: &[Cell]) -> Result<bool> {
        Ok(self.node.value(cells)?.truth() == Some(true))
    }
}

impl Filter {
    /// The positions of the columns that the condition names.
    pub fn columns(&self) -> Vec<usize> {
        self.node.columns()
    }

    /// Whether it names a column that the row image does not have.
    pub fn lacks(&self) -> bool {
        self.node.lacks()
    }
}

/// A parser of the text, which is neither too long nor too deep.
fn parser(text: &str) -> Result<Parser<'static>> {
    static DIALECT: GenericDialect = GenericDialect {};
    if text.len() > LONGEST {
        return Err(Error::usage(format!("longer than {LONGEST} bytes")));
    }
    let tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| told(error.into()))?;
    let counts = |token: &&TokenWithSpan| {
        use Token::{Comma, Number, SingleQuotedString, Whitespace};
        !matches!(token.token, Comma | Number(..) | SingleQuotedString(_) | Whitespace(_))
    };
    if tokens.iter().filter(counts).count() > MOST_WORDS {
        return Err(Error::usage(format!("longer than {MOST_WORDS} names and operators"))
            .advise("IN takes long lists"));
    }
    let parser = Parser::new(&DIALECT).with_recursion_limit(DEEPEST);
    Ok(parser.with_tokens_with_locations(tokens))
}

/// Nothing may stand behind what was read.
fn ended(parser: &Parser) -> Result<()> {
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(());
    }
    let place = next.span.start.column;
    Err(Error::usage(format!("character {place}: the expression ends before '{}'", next.token)))
}

/// The parser's complaint in our words.
fn told(error: ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => "nested too deep".into(),
    };
    match text.rsplit_once(" at Line: 1, Column: ") {
        Some((what, column)) => Error::usage(format!("character {column}: {what}")),
        // The parser does not say where the text ends: at its end.
        None => match text.strip_suffix(", found: EOF") {
            Some(what) => Error::usage(format!("at the end: {what}")).advise("see dws-sql(7)"),
            None => Error::usage(text),
        },
    }
}

#[cfg(test)]
mod tests;
