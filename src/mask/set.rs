//! The masks of a run: which speak of a table, and the plan of its rows. Uses `error`, `near`, `ums`. Once a
//! schema; not hot.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hmac::Mac;
use sha2::{Digest, Sha256};

use super::key::Key;
use super::method::clear;
use super::older::push_hex;
use super::plan::{Place, Plan};
use super::spec::{Mask, lower};
use crate::error::{Error, Result};
use crate::ums::namespace::glob;
use crate::ums::{Field, Namespace};

/// What a run is told.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The masks as they are written, the one that counts first in front.
    pub masks: Vec<String>,
    /// The key of the methods that need one.
    pub key: Option<Key>,
    /// Whether a column that no mask speaks of stops the run.
    pub strict: bool,
    /// Whether key columns may get masks that make different keys equal.
    pub lossy_keys: bool,
}

/// All masks of a run. Threads share them.
#[derive(Debug)]
pub struct Masks {
    list: Vec<Mask>,
    strict: bool,
    lossy_keys: bool,
    fingerprint: String,
}

/// A table, or what a message has of it.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// Its namespace.
    pub namespace: &'a Namespace,
    /// The columns of its rows, system columns included where rows have them.
    pub fields: &'a [Field],
    /// The key's columns; empty where they are not known.
    pub keys: &'a [String],
    /// Columns that it is known to have, and that are not in these rows.
    pub elsewhere: &'a [String],
}

impl Masks {
    /// Reads the masks; `None` where there is none.
    ///
    /// # Errors
    /// `Usage` for a mask that is wrong.
    pub fn new(settings: &Settings) -> Result<Option<Arc<Self>>> {
        let Settings { masks, key, strict, lossy_keys } = settings;
        if masks.is_empty() {
            return match strict {
                true => Err(Error::usage("--mask-strict without a mask would let no column pass")
                    .advise("give masks, with the method clear for what is to travel as it is")),
                false => Ok(None),
            };
        }
        let list: Result<Vec<_>> =
            masks.iter().map(|text| Mask::parse(text, key.as_ref())).collect();
        let fingerprint = fingerprint(masks, key.as_ref());
        let (strict, lossy_keys) = (*strict, *lossy_keys);
        Ok(Some(Arc::new(Self { list: list?, strict, lossy_keys, fingerprint })))
    }

    /// Tells whether masks, parameters and key are the same as in another run: too short to find any of
    /// them by.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether a mask speaks of the namespace.
    pub fn concern(&self, namespace: &Namespace) -> bool {
        let lower = lower(namespace);
        self.strict || self.list.iter().any(|mask| mask.matches(&lower))
    }

    /// Whether a mask speaks of a column of the namespace.
    pub fn speak_of(&self, namespace: &Namespace, column: &str) -> bool {
        let lower = lower(namespace);
        self.list.iter().any(|mask| mask.matches(&lower) && speaks(mask, column))
    }

    /// The plan for rows of a table; `None` where they travel as they are.
    ///
    /// # Errors
    /// `Refused` where a mask names no column of it, where a method does not take a column's type, and
    /// where a masked key would not tell rows apart any more.
    pub fn plan(&self, table: &Table) -> Result<Option<Plan>> {
        let at = |error: Error| error.at(table.namespace);
        let lower = lower(table.namespace);
        let own: Vec<&Mask> = self.list.iter().filter(|mask| mask.matches(&lower)).collect();
        for mask in &own {
            mask.met.store(true, Ordering::Relaxed);
            let names =
                table.fields.iter().map(|field| &field.name).filter(|name| !is_system(name));
            let mut names = names.chain(table.elsewhere);
            if !mask.optional && !names.any(|name| speaks(mask, name)) {
                return Err(at(absent(mask, table)));
            }
        }
        if own.is_empty() {
            self.nothing_meant(table, &lower).map_err(at)?;
        }
        let mut places = Vec::with_capacity(table.fields.len());
        for field in table.fields {
            let mask = own.iter().find(|mask| !is_system(&field.name) && speaks(mask, &field.name));
            let place = match mask {
                // Masked before: a value is masked once.
                _ if field.encoded => None,
                Some(mask) if mask.spec.name == clear::NAME => None,
                Some(mask) => Some(self.place(mask, field, table).map_err(at)?),
                None if self.strict && !is_system(&field.name) => {
                    return Err(at(Error::refused(format!(
                        "no mask speaks of the column '{}'",
                        field.name
                    ))
                    .advise("give it one; the method clear lets it pass as it is")));
                }
                None => None,
            };
            places.push(place);
        }
        if places.iter().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(Plan::new(table.namespace, table.fields, places)))
    }

    /// An error where a mask that names one of the columns matches the table but for a letter or two.
    fn nothing_meant(&self, table: &Table, lower: &Namespace) -> Result<()> {
        let open = table.fields.iter().filter(|field| !field.encoded && !is_system(&field.name));
        for Field { name, .. } in open {
            let meant = |mask: &&Mask| {
                !mask.optional && mask.column == name.to_lowercase() && mask.resembles(lower)
            };
            if let Some(mask) = self.list.iter().find(meant) {
                return Err(Error::refused(format!(
                    "mask {} does not match this table, but nearly does, and its column '{name}' has no mask",
                    mask.text
                ))
                .advise(format_args!("correct the name; if it is right, write {}.{name}=clear", table.namespace)));
            }
        }
        Ok(())
    }

    fn place(&self, mask: &Mask, field: &Field, table: &Table) -> Result<Place> {
        let Mask { text, spec, method, .. } = mask;
        let Field { name, ty, .. } = field;
        let Some(becomes) = spec.result(*ty) else {
            let other =
                if *ty == crate::ums::Type::Boolean { "default, replace" } else { "default, hmac" };
            return Err(Error::refused(format!(
                "mask {text}: column '{name}' is {}, which {} does not take",
                ty.name(),
                spec.name
            ))
            .advise(format_args!("dws-mask(7) says which do: {other} and others")));
        };
        let is_key = table.keys.iter().any(|key| key.eq_ignore_ascii_case(name));
        if is_key && !self.lossy_keys && !spec.distinct.contains(ty) {
            return Err(Error::refused(format!(
                "mask {text}: column '{name}' is of the key, and {} makes different values equal, so rows would \
                 replace each other where they land",
                spec.name
            ))
            .advise("take hmac or digits, or allow it with --mask-lossy-keys"));
        }
        let salt = match method.column() {
            None => None,
            Some(column) => {
                let found = table.fields.iter().position(|field| {
                    field.name.eq_ignore_ascii_case(column) && !is_system(&field.name)
                });
                Some(found.ok_or_else(|| {
                    Error::refused(format!(
                        "mask {text}: no column '{column}' for the salt in these rows"
                    ))
                    .advise(
                        "a salt that is not there in every row would make equal values different",
                    )
                })?)
            }
        };
        Ok(Place { method: Arc::clone(method), from: *ty, becomes, nulls: spec.becomes, salt })
    }

    /// The masks that spoke of no table so far and are not optional, as they were written.
    pub fn unmet(&self) -> Vec<&str> {
        let unmet = |mask: &&Mask| !mask.optional && !mask.met.load(Ordering::Relaxed);
        self.list.iter().filter(unmet).map(|mask| mask.text.as_str()).collect()
    }

    /// Notes which masks speak of a namespace that is known beforehand.
    pub fn meet(&self, namespace: &Namespace) {
        let lower = lower(namespace);
        for mask in self.list.iter().filter(|mask| mask.matches(&lower)) {
            mask.met.store(true, Ordering::Relaxed);
        }
    }

    /// An error where masks spoke of nothing that there was.
    ///
    /// # Errors
    /// `Usage` with these masks.
    pub fn all_met(&self, what: &str) -> Result<()> {
        let unmet = self.unmet();
        if unmet.is_empty() {
            return Ok(());
        }
        let plural = if unmet.len() == 1 { "mask" } else { "masks" };
        Err(Error::usage(format!("{plural} {}: {what}", unmet.join(", "))).advise(
            "the pattern is type.source.schema.table; where there may be no such table, write column?",
        ))
    }
}

fn fingerprint(masks: &[String], key: Option<&Key>) -> String {
    let mut digest = Sha256::new();
    for mask in masks {
        digest.update((mask.len() as u64).to_le_bytes());
        digest.update(mask);
    }
    if let Some(key) = key {
        digest.update(key.signer().finalize().into_bytes());
    }
    let mut hex = Vec::new();
    push_hex(&mut hex, digest.finalize().get(..4).unwrap_or_default());
    String::from_utf8_lossy(&hex).into_owned()
}

fn absent(mask: &Mask, table: &Table) -> Error {
    let names =
        table.fields.iter().map(|field| field.name.as_str()).filter(|name| !is_system(name));
    let mut names: Vec<_> = names.collect();
    let more = names.len().saturating_sub(20);
    names.truncate(20);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    Error::refused(format!(
        "mask {}: no such column; there are {}{tail}",
        mask.text,
        names.join(", ")
    ))
    .advise("correct the name, or write column? where tables may be without it")
}

fn speaks(mask: &Mask, column: &str) -> bool {
    glob(&mask.column, &column.to_lowercase())
}

/// Whether a name is that of a system column, in either spelling.
pub fn is_system(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_prefix('_').unwrap_or(&lower);
    matches!(name, "ums_id_" | "ums_ts_" | "ums_op_" | "ums_uid_")
}
