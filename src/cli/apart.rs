//! What is read and what is written must not be one file: a run would read its own output, for ever
//! or until the disk is full. Uses `error`. Not hot.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use crate::error::{Error, Result};

/// That none of these outputs is one of the inputs. Inputs are addresses, outputs an option's name
/// with an address or a path; `-` is standard input or output. What is no regular file may be both.
///
/// # Errors
/// `Usage`.
pub fn check<'a>(
    inputs: impl IntoIterator<Item = &'a str>,
    outputs: impl IntoIterator<Item = (&'static str, &'a str)>,
) -> Result<()> {
    let read: Vec<_> = inputs.into_iter().filter_map(|from| identity(from, &io::stdin())).collect();
    for (option, to) in outputs {
        if identity(to, &io::stdout()).is_some_and(|own| read.contains(&own)) {
            let to = if to == "-" { "standard output" } else { to };
            return Err(Error::usage(format!("{option} {to}: the rows come from it"))
                .advise("name another file"));
        }
    }
    Ok(())
}

/// What tells a regular file from every other one.
fn identity(address: &str, standard: &impl AsFd) -> Option<(u64, u64)> {
    let found: io::Result<Metadata> = match address.strip_prefix("file:").unwrap_or(address) {
        "-" => standard
            .as_fd()
            .try_clone_to_owned()
            .and_then(|descriptor| File::from(descriptor).metadata()),
        path => std::fs::metadata(path),
    };
    found.ok().filter(Metadata::is_file).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn one_file_is_one_file_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (one, two, link) = (path("one"), path("two"), path("link"));
        std::fs::write(&one, "").unwrap();
        std::fs::write(&two, "").unwrap();
        std::fs::hard_link(&one, &link).unwrap();
        let of = |from: &str, to: &str| check([from], [("--to", to)]);
        assert!(of(&one, &two).is_ok() && of(&one, "/dev/null").is_ok());
        assert!(of("/dev/null", "/dev/null").is_ok() && of(&one, &path("new")).is_ok());
        for (from, to) in [(&one, &one), (&one, &link), (&format!("file:{one}"), &one)] {
            let error = of(from, to).unwrap_err().to_string();
            assert!(error.ends_with("the rows come from it; name another file"), "{error}");
        }
    }
}
