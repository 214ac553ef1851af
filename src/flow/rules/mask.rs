//! Masks on rows that rules have made, on the threads that make them. Uses `mask`, `rule`, `ums`. HOT for
//! tables with masks.

use std::sync::Arc;

use super::write::schema;
use crate::error::{Error, Result};
use crate::mask::{Masks, Plan, Table};
use crate::op::mask::Masking;
use crate::rule::engine::To;
use crate::rule::file::UNKNOWN;
use crate::rule::{Made, Rules};

/// What is masked of each table of the rules, `_unknown_` last.
pub struct Masked {
    plans: Vec<Option<Plan>>,
    /// For messages that pass through.
    messages: Masking,
}

impl Masked {
    /// Plans all tables; every thread has its own.
    ///
    /// # Errors
    /// `Refused` for masks that do not fit a table, or do not say what becomes of records as they came;
    /// `Usage` for those that fit none.
    pub fn new(masks: &Arc<Masks>, rules: &Rules) -> Result<Self> {
        let mut plans = Vec::with_capacity(rules.tables.len() + 1);
        for table in 0..=rules.tables.len() {
            // The host is that of the record: masks hold for all.
            let schema = schema(rules, table, b"*");
            let system = schema.system().uid.map_or(0, |uid| uid + 1);
            let fields = schema.fields.get(system..).unwrap_or_default();
            let (namespace, keys) = (&schema.namespace, &schema.keys[..]);
            if table == rules.tables.len() && !masks.speak_of(namespace, "raw") {
                return Err(Error::refused(format!(
                    "the masks do not say what becomes of {UNKNOWN}.raw, where records that no group matches \
                     are as they came"
                ))
                .advise(format_args!(
                    "add --mask '*.*.*.{UNKNOWN}.raw=default', or =clear where they may travel"
                )));
            }
            plans.push(masks.plan(&Table { namespace, fields, keys, elsewhere: &[] })?);
        }
        masks.all_met("the rules have no such table")?;
        Ok(Self { plans, messages: Masking::new(Arc::clone(masks)) })
    }

    /// The plans.
    pub(super) fn plans(&self) -> Vec<Option<Plan>> {
        self.plans.clone()
    }

    /// Masks everything in `made`.
    ///
    /// # Errors
    /// `Data` for a cell that is none of its type.
    pub fn apply(&mut self, made: &mut Made) -> Result<()> {
        let mut bytes = Vec::with_capacity(made.bytes.len());
        for at in 0..made.rows.len() {
            let Some(row) = made.rows.get(at) else { break };
            let host = row.host.map(|span| {
                let start = bytes.len();
                bytes.extend_from_slice(made.at(span));
                (start, bytes.len())
            });
            let start = bytes.len();
            let cells = made.at(row.cells);
            let plan = match row.to {
                To::Table(table) => self.plans.get_mut(usize::from(table)),
                To::Unknown => self.plans.last_mut(),
                To::Message => {
                    if self.messages.line(cells.strip_suffix(b"\n").unwrap_or(cells), &mut bytes)? {
                        bytes.push(b'\n');
                    } else {
                        bytes.extend_from_slice(cells);
                    }
                    None
                }
                To::Heartbeat => {
                    bytes.extend_from_slice(cells);
                    None
                }
            };
            if matches!(row.to, To::Table(_) | To::Unknown) {
                bytes.extend_from_slice(cells);
                if let Some(plan) = plan.and_then(Option::as_mut) {
                    plan.row(&mut bytes, start)?;
                }
            }
            let cells = (start, bytes.len());
            if let Some(row) = made.rows.get_mut(at) {
                (row.host, row.cells) = (host, cells);
            }
        }
        made.bytes = bytes;
        Ok(())
    }
}
