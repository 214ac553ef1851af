//! The files that a path or a pattern names, and the rotated ones that belong to a file, oldest first.
//! Uses `error`. Not hot.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use regex::Regex;

use crate::error::{Error, Result};

/// What ends the name of a file that is packed.
const PACKED: [&str; 2] = [".gz", ".zst"];

/// Words that stand for a number in the name of a file that was rotated away.
const WORDS: [&str; 4] = ["old", "bak", "prev", "last"];

/// How often a folder is listed until two lists are alike, while somebody renames in it.
const LISTS: usize = 50;

/// A device and an inode.
pub(super) type Inode = (u64, u64);

/// A file that is there.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    changed: SystemTime,
    /// The numbers in its name behind that of the file it was; `None` in that file itself.
    digits: Option<Vec<u64>>,
}

impl Found {
    fn is_packed(&self) -> bool {
        is_packed(&self.path)
    }

    /// Whether both are one file under one name.
    fn is_there_as(&self, other: &Self) -> bool {
        self.inode == other.inode && self.path == other.path
    }

    /// When it was changed last, in microseconds since 1970.
    pub(super) fn changed_micros(&self) -> i64 {
        let since = self.changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// Whether it is the file that is written to.
    pub(super) fn is_current(&self) -> bool {
        self.digits.is_none()
    }
}

pub(super) fn is_packed(path: &Path) -> bool {
    path.to_str().is_some_and(|name| PACKED.iter().any(|end| name.ends_with(end)))
}

/// Whether a text has one of `* ? [`, which stand for something in a pattern.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A pattern of paths: `*`, `?` and `[abc]` within one name.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The names below the root or the folder at hand, one after the other.
    names: Vec<Name>,
    absolute: bool,
}

#[derive(Debug, Clone)]
enum Name {
    Plain(String),
    Any(Regex),
}

impl Pattern {
    /// Reads a path or a pattern.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let name = |part: &str| match is_pattern(part) {
            false => Ok(Name::Plain(part.to_owned())),
            true => expression(part).map(Name::Any).ok_or_else(|| {
                Error::usage(format!("--from {text}: '{part}' is no pattern of names"))
                    .advise("* and ? and [abc] stand for letters of one name")
            }),
        };
        // A file whose name has such letters is that file.
        let literal = is_pattern(text) && Path::new(text).exists();
        let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
        let names = match literal {
            true => parts.map(|part| Ok(Name::Plain(part.to_owned()))).collect(),
            false => parts.map(name).collect::<Result<Vec<_>>>(),
        }?;
        match names.is_empty() || text.ends_with('/') {
            true => Err(Error::usage(format!("--from {text}: names no file"))),
            false => Ok(Self { names, absolute: text.starts_with('/') }),
        }
    }

    /// The files that there are, and the folders that were looked into.
    pub(super) fn expand(&self, folders: &mut Vec<PathBuf>) -> Vec<PathBuf> {
        let start = PathBuf::from(if self.absolute { "/" } else { "" });
        let mut found = vec![start];
        let last = self.names.len().saturating_sub(1);
        for (number, name) in self.names.iter().enumerate() {
            let mut next = Vec::new();
            for folder in found {
                let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
                if number == last || matches!(name, Name::Any(_)) {
                    folders.push(here.to_owned());
                }
                match name {
                    Name::Plain(name) => next.push(folder.join(name)),
                    Name::Any(regex) => {
                        let names = std::fs::read_dir(here).into_iter().flatten().flatten();
                        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
                        // As in a shell: what is hidden is named, not matched.
                        let fits = |name: &String| !name.starts_with('.') && regex.is_match(name);
                        next.extend(names.filter(fits).map(|name| folder.join(name)));
                    }
                }
            }
            found = next;
        }
        if self.is_one() {
            return found;
        }
        found.retain(|path| path.is_file());
        let all = found.clone();
        // A pattern that takes rotated files, too, means the file that they were.
        found.retain(|path| !all.iter().any(|other| digits(other, path).is_some()));
        found.sort();
        found
    }

    /// What to tell people when there is nothing yet: a misspelt path would be waited for without a word.
    ///
    /// # Errors
    /// `Usage` for a folder.
    pub(super) fn missing(&self, text: &str) -> Result<Option<String>> {
        let found = self.expand(&mut Vec::new());
        if !self.is_one() {
            let none = || format!("--from {text}: no file fits the pattern yet");
            return Ok(found.is_empty().then(none));
        }
        match found.first().map(std::fs::metadata) {
            Some(Ok(about)) if about.is_dir() => {
                Err(Error::usage(format!("--from {text}: is a folder"))
                    .advise(format_args!("write '{text}/*' for the files in it, in quotes")))
            }
            Some(Err(error)) => Ok(Some(format!("{text}: {error}; it is read when it is there"))),
            _ => Ok(None),
        }
    }

    /// Whether it names one file, which may not be there yet.
    pub(super) fn is_one(&self) -> bool {
        self.names.iter().all(|name| matches!(name, Name::Plain(_)))
    }
}

fn expression(part: &str) -> Option<Regex> {
    let mut text = String::from("^");
    let mut letters = part.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '[' => {
                let inner: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                let (sign, inner) = match inner.strip_prefix(['!', '^']) {
                    Some(rest) => ("^", rest),
                    None => ("", inner.as_str()),
                };
                text.push_str(&format!(
                    "[{sign}{}]",
                    inner.replace('\\', "\\\\").replace('[', "\\[")
                ));
            }
            letter => text.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    Regex::new(&text).ok()
}

/// The numbers that tell a rotated file from the file it was, if it was that one: `x.log.1`,
/// `x.log-20261121.gz`, `x-2026-11-21.log`, `x.log.old` (no number).
fn digits(current: &Path, other: &Path) -> Option<Vec<u64>> {
    let (name, other_name) = (current.file_name()?.to_str()?, other.file_name()?.to_str()?);
    if current.parent() != other.parent() || name == other_name {
        return None;
    }
    let plain = PACKED.iter().find_map(|end| other_name.strip_suffix(end)).unwrap_or(other_name);
    if plain == name {
        return Some(Vec::new());
    }
    let middle = match plain.strip_prefix(name) {
        Some(rest) => rest,
        // The number stands before the ending.
        None => {
            let (stem, ending) = name.rsplit_once('.')?;
            plain.strip_prefix(stem)?.strip_suffix(ending)?.strip_suffix('.')?
        }
    };
    let middle = middle.strip_prefix(['.', '-', '_'])?;
    let is_number = middle.starts_with(|letter: char| letter.is_ascii_digit())
        && middle.chars().all(|letter| letter.is_ascii_digit() || "-_.:T".contains(letter));
    match is_number || WORDS.contains(&middle) {
        true => Some(middle.split(|c: char| !c.is_ascii_digit()).flat_map(str::parse).collect()),
        false => None,
    }
}

/// The file and those that it was, oldest first; the file itself, where it is there, is the last. While
/// files are being renamed a list may miss one, so it is made until it comes out the same again.
pub(super) fn generations(current: &Path) -> std::io::Result<Vec<Found>> {
    let mut before = list(current)?;
    for _ in 0..LISTS {
        let again = list(current)?;
        let same = again.len() == before.len()
            && again.iter().zip(&before).all(|(one, other)| one.is_there_as(other));
        before = again;
        if same {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(before)
}

fn list(current: &Path) -> std::io::Result<Vec<Found>> {
    let folder = match current.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<Found> = Vec::new();
    for entry in entries {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let path = current.with_file_name(&name);
        let digits = match path == current {
            true => None,
            false => match digits(current, &path) {
                Some(digits) => Some(digits),
                None => continue,
            },
        };
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if about.is_file() {
            let changed = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push(Found { path, inode: (about.dev(), about.ino()), changed, digits });
        }
    }
    // While a file is being packed both are there, and the packed one is not whole.
    let plain: Vec<PathBuf> = found.iter().map(|one| one.path.clone()).collect();
    found.retain(|one| {
        let unpacked = one.path.with_extension("");
        !one.is_packed()
            || one.digits.as_ref().is_some_and(Vec::is_empty)
            || !plain.contains(&unpacked)
    });
    sort(&mut found);
    // A file that was renamed while the list was made may be there twice.
    let mut seen: Vec<Inode> = Vec::new();
    found.retain(|one| {
        !seen.contains(&one.inode) && {
            seen.push(one.inode);
            true
        }
    });
    Ok(found)
}

/// Oldest first. Single numbers below 100000 count backwards, as logrotate gives them; dates count
/// forwards; where names say nothing, the time of the last change does.
fn sort(found: &mut [Found]) {
    const LAST: u64 = 99_999;
    let rotated = || found.iter().filter_map(|one| one.digits.as_deref());
    let numbers = rotated().all(|digits| matches!(digits, [0..=LAST]));
    let dates = rotated().all(|digits| digits.len() > 1 || matches!(digits, [LAST..=u64::MAX]));
    found.sort_by(|one, other| match (&one.digits, &other.digits) {
        (None, None) => std::cmp::Ordering::Equal,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(_), None) => std::cmp::Ordering::Less,
        (Some(one), Some(other)) if numbers => other.cmp(one),
        (Some(one), Some(other)) if dates => one.cmp(other),
        _ => one.changed.cmp(&other.changed).then_with(|| other.path.cmp(&one.path)),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Found]) -> Vec<String> {
        found.iter().map(|one| one.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), file).unwrap();
        }
        folder
    }

    #[test]
    fn what_is_not_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let missing = |text: String| Pattern::parse(&text).unwrap().missing(&text);
        std::fs::write(place("a.log"), "").unwrap();
        std::os::unix::fs::symlink(place("loop"), place("loop")).unwrap();
        for (name, word) in [("b.log", "No such"), ("b*.log", "no file fits"), ("loop", "symbolic")]
        {
            let note = missing(place(name)).unwrap().unwrap();
            assert!(note.contains(word), "{note}");
        }
        assert_eq!(missing(place("a.log")).unwrap(), None);
        assert_eq!(missing(place("*.log")).unwrap(), None);
        let error = missing(folder.path().display().to_string()).unwrap_err();
        assert!(error.to_string().contains("is a folder"), "{error}");
    }

    #[test]
    fn rotated_files_come_oldest_first() {
        let here = folder(&[
            "x.log",
            "x.log.10.gz",
            "x.log.2",
            "x.log.2.gz",
            "x.log.1",
            "y.log",
            "x.log.tmp",
            "x.logs",
        ]);
        let found = generations(&here.path().join("x.log")).unwrap();
        assert_eq!(names(&found), ["x.log.10.gz", "x.log.2", "x.log.1", "x.log"]);
        assert!(found[0].is_packed() && found[3].is_current() && !found[1].is_current());
        let here =
            folder(&["x.log-20261121.gz", "x.log-20261120.zst", "x.log", "x.log-20261121-2"]);
        let found = generations(&here.path().join("x.log")).unwrap();
        let wanted = ["x.log-20261120.zst", "x.log-20261121.gz", "x.log-20261121-2", "x.log"];
        assert_eq!(names(&found), wanted);
        let here = folder(&["app-2026-11-20.log", "app-2026-11-21.1.log.gz", "app.log"]);
        let found = generations(&here.path().join("app.log")).unwrap();
        assert_eq!(names(&found), ["app-2026-11-20.log", "app-2026-11-21.1.log.gz", "app.log"]);
        let here = folder(&["x.old", "x"]);
        assert_eq!(names(&generations(&here.path().join("x")).unwrap()), ["x.old", "x"]);
    }

    #[test]
    fn patterns_name_files_and_not_what_they_were() {
        let here = folder(&["a.log", "a.log.1", "b.log", "c.txt", ".d.log", "[e].log"]);
        let expand = |text: &str| {
            let text = format!("{}/{text}", here.path().display());
            let found = Pattern::parse(&text).unwrap().expand(&mut Vec::new());
            let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            found.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(expand("*.log"), ["[e].log", "a.log", "b.log"]);
        assert_eq!(expand("a*"), ["a.log"]);
        assert_eq!(expand("[!a].???"), ["b.log", "c.txt"]);
        assert_eq!(expand("[e].log"), ["[e].log"]);
        assert_eq!(expand("later.log"), ["later.log"]);
        assert!(Pattern::parse("logs/").is_err());
    }
}
