//! Files of messages, one JSON object a line. Uses `line` and `url`. Not hot.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use super::{Counted, Input, Settings, Spec};
use crate::error::{Error, Result};
use crate::line::output::{self, Packing};
use crate::url::Url;

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "file",
    form: "file:PATH",
    summary: "a file of messages, one a line; the scheme may be left out",
    description: "A name that ends in .gz or .zst is read and written compressed. A file that \
        exists is appended to, under a lock; what a crash left behind its last whole message is \
        cut away first. A file that does not hold lines of JSON is refused. Named pipes and \
        devices are read and written as they are.",
    options: &[],
    example: "dbus-tail --to orders.ums.zst mysql-bin.000001",
    read: Some(read),
    write: Some(|url, _| output::file(url.path())),
};

fn read(url: &Url, _: &Settings) -> Result<Input> {
    let path = url.path();
    let failed = |error| Error::io(format_args!("{path}: cannot open"), error);
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(Error::usage(format!("{path}: is a folder, not a file of messages")));
    }
    let taken = Arc::default();
    let counted = Counted { inner: file, taken: Arc::clone(&taken) };
    let reader: Box<dyn Read + Send> = match Packing::of(path) {
        Packing::Plain => Box::new(counted),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(counted)),
        Packing::Zstd => Box::new(zstd::Decoder::new(counted).map_err(failed)?),
    };
    Ok(Input { name: path.to_owned(), reader, size: found.len(), taken, receipt: None })
}
