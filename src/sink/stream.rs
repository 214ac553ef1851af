//! Sinks that pass lines on unchanged, markers included: standard output and files. Uses `line`
//! and `sink`. Hot only in a copy of each line.

use super::{Flush, Sink, Spec, Target, Written};
use crate::error::{Error, Result};
use crate::line::output::{self, Output};
use crate::ums::{Marker, Message};

/// Standard output.
pub const STANDARD: Spec = Spec {
    scheme: "-",
    form: "-",
    summary: "standard output, the lines unchanged",
    options: &[],
    flush: Flush::Cheap,
    sweeps: false,
    example: "-",
    open: |_| Ok(Box::new(Stream { output: output::standard()?, name: "standard output".into() })),
    probe: |_| Ok("standard output: nothing to test".into()),
    plan: |_, _| Ok(vec!["the lines, unchanged, to standard output".into()]),
    positions: None,
};

/// Files.
pub const FILE: Spec = Spec {
    scheme: "file",
    form: "file:PATH",
    summary: "a file, the lines unchanged; .gz and .zst by name",
    options: &[],
    // An fsync, and the end of a gzip member or zstd frame.
    flush: Flush::Costly { rows: u64::MAX, bytes: 256 << 20, seconds: 1 },
    sweeps: false,
    example: "file:changes.ums.zst",
    open: |target| {
        let path = target.url.path();
        Ok(Box::new(Stream { output: output::file(path)?, name: path.to_owned() }))
    },
    probe,
    plan: |target, _| Ok(vec![format!("the lines, unchanged, to {}", target.url.path())]),
    positions: None,
};

struct Stream {
    output: Box<dyn Output>,
    name: String,
}

impl Sink for Stream {
    fn write(&mut self, message: &Message, line: &[u8]) -> Result<Written> {
        let rows = if message.protocol.is_data() { message.row_count() as u64 } else { 0 };
        let failed = |error| Error::io(format_args!("{}: cannot write", self.name), error);
        self.output.write_all(line).map_err(failed)?;
        self.output.write_all(b"\n").map_err(failed)?;
        Ok(Written { rows })
    }

    fn flush(&mut self, _: &[Marker]) -> Result<bool> {
        self.output.sync()
    }
}

fn probe(target: &Target) -> Result<String> {
    let path = std::path::Path::new(target.url.path());
    if let Ok(found) = path.metadata() {
        if found.is_dir() {
            return Err(Error::usage(format!("{}: is a folder", path.display())));
        }
        return match std::fs::OpenOptions::new().append(true).open(path) {
            Ok(_) => Ok(format!("{}: exists, is appended to", path.display())),
            Err(error) => Err(Error::io(format_args!("{}: cannot write", path.display()), error)),
        };
    }
    super::probe_folder(path)?;
    Ok(format!("{}: will be created", path.display()))
}
