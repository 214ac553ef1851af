//! One mask as it is written: `PATTERN.column=METHOD`. Uses `error`, `near`, `ums`. Not hot.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::key::Key;
use super::method::{Method, Spec};
use crate::error::{Error, Result};
use crate::near;
use crate::ums::{Namespace, Pattern};

/// A mask.
#[derive(Debug)]
pub(super) struct Mask {
    /// As it was written, without the parameter: that may be a salt.
    pub(super) text: String,
    /// In lower case.
    pattern: Pattern,
    /// In lower case, `*` for any run of characters.
    pub(super) column: String,
    /// Whether a table may be without the column, and the stream without such a table.
    pub(super) optional: bool,
    pub(super) spec: &'static Spec,
    pub(super) method: Arc<dyn Method>,
    /// Whether a namespace has matched.
    pub(super) met: AtomicBool,
}

impl Mask {
    /// Reads one.
    ///
    /// # Errors
    /// `Usage` with what is wrong; a parameter is not shown.
    pub(super) fn parse(text: &str, key: Option<&Key>) -> Result<Self> {
        let form = "a mask is PATTERN.column=METHOD: 'mysql.db1.shop.users.email=hmac'";
        let (place, method) = text.split_once('=').ok_or_else(|| {
            // What has no '=' may be a parameter that the shell has cut off.
            Error::usage("a mask without '='").advise(form)
        })?;
        let place = place.trim();
        let (name, parameter) = method.split_once(':').unwrap_or((method, ""));
        let name = name.trim();
        let shown = format!("{place}={name}");
        let wrong = |what: &str| Error::usage(what.to_owned()).at(format_args!("mask {shown}"));
        let (pattern, column) = place
            .rsplit_once('.')
            .ok_or_else(|| wrong("no pattern before the column").advise(form))?;
        let (column, optional) = match column.strip_suffix('?') {
            Some(column) => (column, true),
            None => (column, false),
        };
        let column = column.replace("%2E", ".").replace("%2e", ".").replace("%25", "%");
        if column.is_empty() {
            return Err(wrong("no column").advise(form));
        }
        // A pattern that was meant for schema and table would match nothing, and everything would pass.
        let parts: Vec<&str> = pattern.split('.').collect();
        if parts.len() < 4 && parts.last() != Some(&"*") {
            return Err(wrong(
                "a table is part four of a namespace, type.source.schema.table, and the pattern ends before it",
            )
            .advise(format_args!(
                "write *.*.SCHEMA.TABLE.{column}, or {pattern}.*.{column} for everything there"
            )));
        }
        let pattern = Pattern::parse(&pattern.to_ascii_lowercase())
            .map_err(|error| error.at(format_args!("mask {shown}")))?;
        let spec = Spec::find(name).ok_or_else(|| {
            let known: Vec<_> = super::method::ALL.iter().map(|spec| spec.name).collect();
            wrong("there is no such method").advise(format_args!("known are {}", known.join(", ")))
        })?;
        let method = (spec.parse)(parameter, key).map_err(|what| wrong(&what))?;
        Ok(Self {
            text: shown.clone(),
            pattern,
            column: column.to_lowercase(),
            optional,
            spec,
            method,
            met: AtomicBool::new(false),
        })
    }

    /// Whether it speaks of a namespace, which is given in lower case: where masks are concerned a
    /// name in other letters is the same name.
    pub(super) fn matches(&self, lower: &Namespace) -> bool {
        self.pattern.matches(lower)
    }

    /// Whether it may have been meant for a namespace that it does not match: one part is written
    /// nearly so.
    pub(super) fn resembles(&self, lower: &Namespace) -> bool {
        match self.pattern.unlike(lower).as_slice() {
            [(pattern, part)] => near::is_near(pattern, part),
            _ => false,
        }
    }
}

/// A namespace in lower case.
pub(super) fn lower(namespace: &Namespace) -> Namespace {
    Namespace { parts: namespace.parts.clone().map(|part| part.to_ascii_lowercase()) }
}
