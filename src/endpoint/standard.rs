//! Standard input and output. Uses `line` and `url`. Not hot.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::{Counted, Input, Settings, Spec};
use crate::error::{Error, Result};
use crate::line::output;
use crate::url::Url;

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "-",
    form: "-",
    summary: "standard input or standard output",
    description: "What every stream is by default. A pipe gives no receipt: that standard output \
        was written says nothing about who has read it, so a checkpoint never follows it.",
    options: &[],
    example: "dbus-tail mysql://db1 | ums-sink - --from -",
    read: Some(read),
    write: Some(|_, _| output::standard()),
};

fn read(_: &Url, _: &Settings) -> Result<Input> {
    let descriptor = std::io::stdin().as_fd().try_clone_to_owned();
    // A file of its own, not the locked and buffered handle: a read gives what the pipe has.
    let file = File::from(descriptor.map_err(|error| Error::io("standard input", error))?);
    let size = file.metadata().map_or(0, |found| if found.is_file() { found.len() } else { 0 });
    let taken = Arc::default();
    let reader = Box::new(Counted { inner: file, taken: Arc::clone(&taken) });
    Ok(Input { name: "stdin".into(), reader, size, taken, receipt: None })
}
