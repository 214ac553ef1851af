//! Where the lines of `logrules` come from: streams that are read once, or files that are followed. Uses
//! `endpoint`, `flow`, `url`. Not hot.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Sender;

use super::{Args, inputs, saturated};
use crate::cli::kafka::is_topic;
use crate::endpoint::follow::{Follow, Follower, Start};
use crate::endpoint::lines::{Lines, Position, Sequence};
use crate::endpoint::{Receipt, Settings};
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::rules::KIND;
use crate::rule::Rules;
use crate::rule::time::Micros;
use crate::ums::Marker;
use crate::url::Url;

/// A source that is ready.
pub(super) struct Opened {
    pub(super) lines: Box<dyn Lines>,
    /// Knows the positions of a topic.
    pub(super) receipt: Option<Arc<dyn Receipt>>,
    /// What it is called, and its bytes, where somebody knows.
    pub(super) name: (String, u64),
    /// The next id and the time of the last record.
    pub(super) resume: Option<(i64, Micros)>,
    pub(super) checkpoint: Option<Checkpoint>,
    /// Whether it may pause.
    pub(super) prompt: bool,
}

/// Opens what the arguments name.
pub(super) fn open(
    args: &Args,
    rules: &Rules,
    settings: &mut Settings,
    stop: Arc<AtomicBool>,
    notes: Sender<String>,
) -> Result<Opened> {
    args.consuming.check(args.from.first().map_or("-", String::as_str))?;
    if args.from.iter().any(|address| is_topic(address)) {
        return topic(args, settings);
    }
    if args.follow || args.checkpoint.is_some() {
        return follow(args, rules, stop, notes);
    }
    if args.gaps || args.start != Start::Earliest {
        return Err(Error::usage("--start and --gaps are for files that are followed")
            .advise("say --follow or --checkpoint FILE, too"));
    }
    let mut known = std::collections::HashSet::new();
    if let Some(again) = args.from.iter().find(|address| !known.insert(address.as_str())) {
        return Err(Error::usage(format!("--from {again} is given twice")));
    }
    let inputs = inputs(&args.from, settings)?;
    // A pipe or a terminal pauses; a file does not.
    let prompt = inputs.iter().any(|(input, _)| input.size == 0);
    let size = inputs.iter().map(|(input, _)| input.size).sum();
    let name = inputs.first().map(|(input, _)| input.name.clone()).unwrap_or_default();
    let lines = Box::new(Sequence::new(inputs, saturated(args.max_line)));
    let name = (name, size);
    Ok(Opened { lines, receipt: None, name, resume: None, checkpoint: None, prompt })
}

/// One topic. Its records are lines; what has been read of its partitions it knows itself.
fn topic(args: &Args, settings: &mut Settings) -> Result<Opened> {
    if args.from.len() > 1 {
        return Err(Error::usage("--from: a topic is read alone")
            .advise("run one logrules for each, with --partition"));
    }
    if args.follow || args.gaps || args.start != Start::Earliest {
        return Err(Error::usage("--follow, --start and --gaps are for files")
            .advise("a topic is followed anyhow; offset= in its address says where to begin"));
    }
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    args.consuming.add_to(settings, checkpoint.as_ref());
    settings.confirm.clone_from(&args.checkpoint);
    settings.raw = true;
    let inputs = inputs(&args.from, settings)?;
    let first = inputs.first().map(|(input, _)| (input.name.clone(), input.receipt.clone()));
    let (name, receipt) = first.unwrap_or_default();
    let lines = Box::new(Sequence::new(inputs, saturated(args.max_line)));
    Ok(Opened { lines, receipt, name: (name, 0), resume: None, checkpoint, prompt: true })
}

fn follow(
    args: &Args,
    rules: &Rules,
    stop: Arc<AtomicBool>,
    notes: Sender<String>,
) -> Result<Opened> {
    let from = args.from.iter().map(|address| path(address)).collect::<Result<Vec<_>>>()?;
    let Some(first) = from.first().cloned() else {
        return Err(Error::usage("--follow and --checkpoint are for files")
            .advise("name them with --from; a pipe cannot be read again"));
    };
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    let own = |marker: &&Marker| marker.kind == KIND && marker.source == rules.source;
    let known = checkpoint.as_ref().and_then(|kept| kept.positions().iter().find(own));
    let position = known.map(|marker| {
        Position::from_text(&marker.gtid).ok_or_else(|| {
            Error::refused(format!(
                "the checkpoint's position of {KIND}.{} says nothing of files",
                rules.source
            ))
            .advise(
                "it was kept by a run without --follow and --checkpoint; remove it to begin anew",
            )
        })
    });
    let position = position.transpose()?;
    let resume = known.zip(position.as_ref()).map(|(marker, position)| (marker.id, position.time));
    let follower = Follower::open(Follow {
        from,
        start: args.start,
        position,
        max_line: saturated(args.max_line),
        endless: args.follow,
        gaps: args.gaps,
        stop,
        notes,
    })?;
    let name = (first, 0);
    let (lines, receipt) = (Box::new(follower), None);
    Ok(Opened { lines, receipt, name, resume, checkpoint, prompt: args.follow })
}

fn path(address: &str) -> Result<String> {
    let url = Url::parse(address)?;
    match url.scheme() {
        "file" => Ok(url.path().to_owned()),
        _ => Err(Error::usage(format!("--from {url}: only files are followed"))
            .advise("leave --follow and --checkpoint out, or name a path or a pattern")),
    }
}
