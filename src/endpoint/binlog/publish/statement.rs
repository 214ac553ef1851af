//! What statements and changed columns do: refusals, ended versions, notes. Uses `error`, `ums`,
//! `mysql`. Once a statement; not hot.

use std::io::Write;

use super::{MAX_STATEMENT, Publisher, SchemaChange};
use crate::error::{Error, Result};
use crate::mysql::ddl::{self, Alter, SqlMode, Statement, TableName};
use crate::mysql::event::{Event, kind};
use crate::mysql::query::{self, Query};
use crate::mysql::temporal::push_utc_micros;
use crate::mysql::transaction::Context;
use crate::mysql::versions::Ended;
use crate::ums::{Cause, Termination};

impl Publisher {
    /// Tells of a change before anything behind it is written. Where this fails no marker behind it
    /// is written either, so whoever resumes meets the change again: the saved history of versions
    /// tells the same at every redelivery.
    pub(super) fn schema_change(
        &mut self,
        context: &Context,
        event: &Event,
        name: &TableName,
        version: u32,
        what: String,
    ) -> Result<()> {
        let namespace = self.namespace(name, version).to_string();
        let file = context.log.name.clone();
        let change = SchemaChange { namespace, what, file, offset: event.offset };
        if self.on_change.is_some() {
            self.flush()?;
        }
        match &mut self.on_change {
            Some(tell) => tell(&change),
            None => {
                self.notes.push(change.to_string());
                Ok(())
            }
        }
    }

    /// Says in the stream that a version of a table has ended.
    pub(super) fn terminate(
        &mut self,
        context: &Context,
        event: &Event,
        name: &TableName,
        (version, cause): (u32, Cause),
    ) -> Result<()> {
        let published = (self.options.logical)(&name.schema, &name.table);
        let mut ts = Vec::new();
        let micros = context.micros.unwrap_or(u64::from(event.header.timestamp) * 1_000_000);
        push_utc_micros(&mut ts, i64::try_from(micros).unwrap_or(i64::MAX));
        let notice = Termination {
            namespace: self.namespace(name, version),
            id: self.id(context, event.offset)?,
            ts: String::from_utf8_lossy(&ts).into_owned(),
            cause: Some(cause),
            whole: published.schema == name.schema && published.table == name.table,
        };
        let mut line = Vec::new();
        notice.write(self.options.dialect, &mut line);
        self.out.write_all(&line).map_err(|error| Error::io("output", error))?;
        self.totals.messages += 1;
        Ok(())
    }

    pub(super) fn statement(&mut self, context: &Context, event: &Event) -> Result<()> {
        let unfolded;
        let post_header = match event.header.kind {
            // EXECUTE_LOAD_QUERY is a QUERY with 13 bytes more in its fixed part.
            kind::EXECUTE_LOAD_QUERY => context.format.query_len() + 13,
            _ => context.format.query_len(),
        };
        let query = if event.header.kind == kind::MARIADB_QUERY_COMPRESSED {
            unfolded = query::inflate(event.body, post_header, MAX_STATEMENT)?;
            Query::parse(&unfolded, post_header)?
        } else {
            Query::parse(event.body, post_header)?
        };
        if ddl::quick(query.sql).is_some() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(query.sql);
        let mariadb = context.format.mariadb;
        let mode = SqlMode::from_bits(query.sql_mode, mariadb);
        let statement = ddl::classify(&text, mode, mariadb, query.schema);
        let captured = |name: &TableName| (self.options.capture)(&name.schema, &name.table);
        match &statement {
            Statement::Dml { verb, tables } => {
                let touched = tables.iter().find(|table| captured(table));
                if touched.is_some() || tables.is_empty() {
                    let which = touched
                        .map_or("tables that its text does not name".to_owned(), |t| {
                            format!("the captured table {t}")
                        });
                    return Err(Error::data(format!(
                        "a {} on {which} was logged as a statement, not as rows",
                        verb.name()
                    ))
                    .advise("set binlog_format=ROW for every session; pull the table anew, then start behind this position; or leave the table out with --exclude"));
                }
            }
            Statement::NotUnderstood { tables } => {
                let touched: Vec<String> =
                    tables.iter().filter(|t| captured(t)).map(TableName::to_string).collect();
                let which = match touched.as_slice() {
                    [] => "no captured table".to_owned(),
                    names => names.join(", "),
                };
                self.notes.push(format!(
                    "{} at {}: a statement was not understood; it may concern {which}",
                    context.log.name, event.offset
                ));
            }
            Statement::AlterTable(alter) if captured(&alter.table) => {
                let moves =
                    alter.actions.iter().any(|action| matches!(action, Alter::MovesRows(_)));
                if moves {
                    self.notes.push(format!(
                        "{} at {}: an ALTER of {} changes rows without logging them; pull the table anew",
                        context.log.name, event.offset, alter.table
                    ));
                }
            }
            _ => {}
        }
        let id = self.id(context, event.offset)?;
        self.definitions.restore(&self.store.history, id);
        self.definitions.apply(&statement, &mut self.store.history, id);
        let mut ended = self.store.versions.apply(&statement, id);
        self.store.save()?;
        if let Statement::Truncate(table) = &statement
            && ended.is_empty()
        {
            // None of its rows was seen yet; a pull may have landed some all the same.
            ended.push(Ended { table: table.clone(), version: 0, cause: Cause::Truncate });
        }
        for ended in ended {
            if !(self.options.capture)(&ended.table.schema, &ended.table.table) {
                continue;
            }
            if let Some(&index) = self.by_name.get(&ended.table) {
                self.flush_table(index)?;
            }
            let past = ended.cause.past().to_owned();
            self.schema_change(context, event, &ended.table, ended.version, past)?;
            self.terminate(context, event, &ended.table, (ended.version, ended.cause))?;
        }
        // A name may mean another table now, with another version: look at the next TABLE_MAP anew.
        if !matches!(statement, Statement::Other | Statement::Dml { .. }) {
            self.flush()?;
            for known in &mut self.known {
                known.bytes.clear();
            }
        }
        Ok(())
    }
}
