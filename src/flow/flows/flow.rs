//! One flow: its sink, its choice of columns, its position. Uses `error`, `ums`, `sink`, `flow`.
//! Warm: once a message.

use std::path::Path;

use super::Open;
use super::columns::Columns;
use super::config::Definition;
use crate::error::{Error, Kind, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::lane::Lane;
use crate::flow::sink::never_durable;
use crate::sink::{Options, Sink, Spec, Target, check_sweep};
use crate::ums::{Decoder, Message, Namespace, Pattern};

/// A flow.
pub(super) struct Flow {
    /// As the file says it.
    pub(super) definition: Definition,
    patterns: Vec<Pattern>,
    spec: &'static Spec,
    target: Target,
    /// `None` before it is opened and after it has failed.
    sink: Option<Box<dyn Sink>>,
    /// What is written and durable.
    pub(super) lane: Lane,
    columns: Option<Columns>,
    decoder: Decoder,
    checkpoint: Option<Checkpoint>,
    /// The number of the newest marker before which everything of this flow is durable.
    pub(super) durable: u64,
    /// Opened by a reading of the file that is not over yet.
    pub(super) fresh: bool,
    /// What it failed of.
    pub(super) failure: Option<(Kind, String)>,
}

impl Flow {
    /// A flow that is not open yet; `checkpoint` is the file of the common position.
    pub(super) fn new(
        definition: Definition,
        options: &Options,
        checkpoint: Option<&Path>,
    ) -> Result<Self> {
        let (spec, target) = definition.target(options)?;
        check_sweep(spec, &target)
            .map_err(|error| error.at(format_args!("flow {}", definition.name)))?;
        let own = |file: &Path| {
            let mut name = file.as_os_str().to_owned();
            name.push(".");
            name.push(&definition.name);
            Checkpoint::open(name)
        };
        Ok(Self {
            patterns: definition.patterns()?,
            lane: Lane::new(spec.flush, options.rejects.clone()),
            columns: (!definition.columns.is_empty()).then(|| Columns::new(&definition.columns)),
            decoder: Decoder::default(),
            checkpoint: checkpoint.map(own).transpose()?,
            spec,
            target,
            sink: None,
            durable: 0,
            fresh: false,
            failure: None,
            definition,
        })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.definition.name
    }

    /// Opens the sink.
    pub(super) fn open(&mut self, open: Open) -> Result<()> {
        let sink = open(self.name(), self.spec, &self.target)?;
        self.lane.set_rhythm(sink.rhythm().unwrap_or(self.spec.flush));
        self.sink = Some(sink);
        Ok(())
    }

    /// Whether it takes messages.
    pub(super) fn is_open(&self) -> bool {
        self.sink.is_some()
    }

    /// Gives up the sink and what it has not made durable.
    pub(super) fn close(&mut self) {
        self.sink = None;
        self.lane.forget();
    }

    /// Whether messages of a namespace are its own.
    pub(super) fn takes(&self, namespace: &Namespace) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(namespace))
    }

    /// Writes a message, with the chosen columns where there is a choice.
    pub(super) fn write(&mut self, message: &Message, line: &[u8]) -> Result<u64> {
        let Some(sink) = &mut self.sink else { return Ok(0) };
        if let Some(columns) = self.columns.as_mut().filter(|_| message.protocol.is_data())
            && let Some(cut) = columns.cut(message)?
        {
            let inner = self
                .decoder
                .decode(&cut)
                .map_err(|error| Error::data(format!("after the choice of columns: {error}")))?;
            return self.lane.write(sink.as_mut(), &inner, &cut);
        }
        self.lane.write(sink.as_mut(), message, line)
    }

    /// Makes everything written durable, up to the marker of that number.
    pub(super) fn flush(&mut self, newest: u64) -> Result<()> {
        let Some(sink) = self.sink.as_mut().filter(|_| self.lane.is_pending()) else {
            return Ok(());
        };
        let durable = self.lane.flush(sink.as_mut())?;
        match &mut self.checkpoint {
            Some(checkpoint) if durable => checkpoint.advance(&self.lane.markers)?,
            Some(_) => return Err(never_durable()),
            None => {}
        }
        if durable {
            self.durable = newest;
        }
        Ok(())
    }
}
