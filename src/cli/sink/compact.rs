//! `ums-sink --compact` and `--drop-before`: the Parquet log as a whole. Uses `sink::parquet`.
//! Not hot.

use super::Args;
use crate::cli::signal::Stop;
use crate::cli::{Outcome, message};
use crate::error::{Error, Result};
use crate::sink::Target;
use crate::sink::parquet::compact::{Compacted, Options, compact};
use crate::sink::parquet::retain::{Dropped, drop_before};
use crate::sink::parquet::{SPEC, tree};

/// Drops, then merges, as the arguments say.
pub(super) fn run(args: &Args, target: &Target) -> Result<Outcome> {
    if target.url.scheme() != SPEC.scheme {
        return Err(Error::usage(format!(
            "{}: --compact and --drop-before are for the Parquet log",
            target.url
        ))
        .advise(format_args!("write {}", SPEC.form)));
    }
    let tree = tree(target)?;
    let stop = Stop::install(true)?;
    let flag = stop.flag();
    if let Some(before) = args.drop_before {
        let mut dropped = Total::default();
        drop_before(&tree, before, args.dry_run, &flag, |folder| {
            dropped.folders += 1;
            dropped.add(folder.files, folder.bytes);
            say(args, || dropped_line(folder))
        })?;
        if !args.progress.quiet && !args.dry_run {
            message::note(format_args!(
                "{} files dropped, {:.1} MB",
                dropped.files,
                dropped.megabytes()
            ));
        }
    }
    if args.compact && !stop.asked() {
        let (mut before, mut after) = (Total::default(), Total::default());
        let mut rows = 0;
        let options =
            Options { target: args.target_size, dry_run: args.dry_run, ..Options::default() };
        compact(&tree, options, &flag, |folder| {
            before.folders += 1;
            before.add(folder.before.0, folder.before.1);
            after.add(folder.after.0, folder.after.1);
            rows += folder.rows;
            say(args, || compacted_line(folder))
        })?;
        if !args.progress.quiet && !args.dry_run {
            message::note(format_args!(
                "{rows} rows in {} folders: {} files, {:.1} MB, became {} files, {:.1} MB",
                before.folders,
                before.files,
                before.megabytes(),
                after.files,
                after.megabytes()
            ));
        }
    }
    Ok(stop.outcome(Outcome::Done))
}

/// What `--dry-run` prints of a folder.
fn say(args: &Args, line: impl FnOnce() -> String) -> Result<()> {
    if args.dry_run { message::data(line().as_bytes()) } else { Ok(()) }
}

fn dropped_line(folder: &Dropped) -> String {
    format!("drop {}/: {} files, {} bytes\n", folder.folder, folder.files, folder.bytes)
}

fn compacted_line(folder: &Compacted) -> String {
    let (files, bytes) = folder.before;
    format!("merge {}/: {files} files, {bytes} bytes, into {}\n", folder.folder, folder.after.0)
}

#[derive(Default)]
struct Total {
    folders: usize,
    files: usize,
    bytes: u64,
}

impl Total {
    fn add(&mut self, files: usize, bytes: u64) {
        self.files += files;
        self.bytes += bytes;
    }

    fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}
