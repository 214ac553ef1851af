//! MySQL's option files (`~/.my.cnf`, `--defaults-file`). Uses `error`. Not hot.
//!
//! The rules are those of both servers' clients: groups, `#` and `;` comments, quotes and escapes
//! in values, `-` and `_` alike in names, `!include FILE` and `!includedir FOLDER`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::options::{FILE_KEYS, KEYS};
use crate::error::{Error, Result};

/// Files that include each other stop here.
const DEEPEST: usize = 10;

/// The options of some groups, later groups and lines going before earlier ones.
#[derive(Clone, Default)]
pub struct Defaults {
    /// Name, value and the rank of its group.
    options: Vec<(String, String, usize)>,
}

/// Shows names alone: a value may be a password.
impl fmt::Debug for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.options.iter().map(|(name, _, _)| name)).finish()
    }
}

impl Defaults {
    /// Reads the given groups of a file that must exist, the last group going first. Options that
    /// are not known are ignored in `[client]`, which belongs to all programs, and refused in
    /// groups of our own.
    pub fn read(path: &Path, groups: &[&str]) -> Result<Self> {
        let mut defaults = Self::default();
        defaults.read_file(path, groups, 0)?;
        Ok(defaults)
    }

    /// Reads those of the files that exist, each going before the ones in front of it.
    pub fn read_existing(paths: &[PathBuf], groups: &[&str]) -> Result<Self> {
        let mut defaults = Self::default();
        for path in paths.iter().filter(|path| path.exists()) {
            defaults.read_file(path, groups, 0)?;
        }
        Ok(defaults)
    }

    /// The value of an option, by its name with dashes.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().filter(|(key, _, _)| key == name);
        // The last one of the highest rank.
        found.max_by_key(|(_, _, rank)| *rank).map(|(_, value, _)| value.as_str())
    }

    fn read_file(&mut self, path: &Path, groups: &[&str], depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(Error::usage(format!(
                "{}: option files include each other more than {DEEPEST} deep",
                path.display()
            )));
        }
        refuse_world_writable(path)?;
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::usage(format!("option file {}: {e}", path.display())).caused_by(e)
        })?;
        let mut rank = None;
        for (at, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), at + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
            } else if let Some(directive) = line.strip_prefix('!') {
                self.include(path, directive, groups, depth).map_err(|e| e.at(place()))?;
            } else if let Some(group) = line.strip_prefix('[') {
                let group = group
                    .split_once(']')
                    .map(|(name, _)| name.trim())
                    .ok_or_else(|| Error::usage("a group's [ has no ]").at(place()))?;
                rank = groups.iter().position(|name| *name == group);
            } else if let Some(rank) = rank {
                self.option(line, rank, groups).map_err(|e| e.at(place()))?;
            }
        }
        Ok(())
    }

    fn option(&mut self, line: &str, rank: usize, groups: &[&str]) -> Result<()> {
        let line = line.get(..comment(line)).unwrap_or(line);
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, unquote(value.trim())),
            None => (line, String::new()),
        };
        let name = name.trim().replace('_', "-");
        let (name, loose) = match name.strip_prefix("loose-") {
            Some(rest) => (rest.to_owned(), true),
            None => (name, false),
        };
        if KEYS.contains(&name.as_str()) || FILE_KEYS.contains(&name.as_str()) {
            self.options.push((name, value, rank));
            return Ok(());
        }
        let group = groups.get(rank).copied().unwrap_or("");
        if loose || group.starts_with("client") {
            return Ok(());
        }
        let mut known: Vec<&str> = KEYS.iter().chain(&FILE_KEYS).copied().collect();
        known.sort_unstable();
        Err(Error::usage(format!("unknown option {name:?} in [{group}]"))
            .advise(format!("known are {}", known.join(", "))))
    }

    /// `include FILE`, `includedir FOLDER` (its `*.cnf` in the order of their names), relative to
    /// the file that says so.
    fn include(
        &mut self,
        from: &Path,
        directive: &str,
        groups: &[&str],
        depth: usize,
    ) -> Result<()> {
        let (word, target) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        let target = from.parent().unwrap_or(Path::new("")).join(target.trim());
        match word {
            "include" => self.read_file(&target, groups, depth + 1),
            "includedir" => {
                let entries = std::fs::read_dir(&target).map_err(|e| {
                    Error::usage(format!("!includedir {}: {e}", target.display())).caused_by(e)
                })?;
                let mut files: Vec<PathBuf> = entries
                    .filter_map(|entry| Some(entry.ok()?.path()))
                    .filter(|path| path.extension().is_some_and(|end| end == "cnf"))
                    .collect();
                files.sort();
                files.iter().try_for_each(|file| self.read_file(file, groups, depth + 1))
            }
            _ => Err(Error::usage(format!("!{word} is neither !include nor !includedir"))),
        }
    }
}

/// Whoever may write an option file may choose the server that gets our password.
#[cfg(unix)]
fn refuse_world_writable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o002 != 0);
    if open {
        return Err(Error::refused(format!(
            "option file {} can be written by everybody",
            path.display()
        ))
        .advise("run chmod o-w on it"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_world_writable(_path: &Path) -> Result<()> {
    Ok(())
}

/// Where the comment at a line's end begins: a `#` outside of quotes.
fn comment(line: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('#', None) => return at,
            _ => {}
        }
    }
    line.len()
}

/// A value without its quotes, escapes resolved.
fn unquote(value: &str) -> String {
    let inner = ['\'', '"']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('s') => text.push(' '),
            Some(c @ ('\\' | '"' | '\'')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::os::unix::fs::PermissionsExt;

    const GROUPS: [&str; 3] = ["client", "dws", "dbus-tail"];

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(text: &str) -> Result<Defaults> {
        let folder = tempfile::tempdir().unwrap();
        Defaults::read(&write(folder.path(), "my.cnf", text), &GROUPS)
    }

    #[test]
    fn groups_values_and_comments() {
        let defaults = read(
            "# comment\n; comment\nuser=outside\n[mysqld]\nport=1\n[client]\nuser = me # you\n\
             password = \"a#b\\\"c\\\\\\s'd\" # end\nfrobnicate=1\nssl_mode=REQUIRED\nhost=\n\
             skip-auto-rehash\n[dbus-tail]\nport=3\n[dws]\nport=2\n[ dws ]\nssl-ca='/a b/#c'\n",
        )
        .unwrap();
        assert_eq!(defaults.get("user"), Some("me"));
        assert_eq!(defaults.get("password"), Some("a#b\"c\\ 'd"));
        assert_eq!(defaults.get("ssl-mode"), Some("REQUIRED"));
        assert_eq!(defaults.get("port"), Some("3"), "the last group goes first");
        assert_eq!(defaults.get("ssl-ca"), Some("/a b/#c"));
        assert_eq!((defaults.get("host"), defaults.get("socket")), (Some(""), None));
        assert!(!format!("{defaults:?}").contains("a#b"));
    }

    #[test]
    fn values_without_quotes_keep_unknown_escapes() {
        let defaults = read("[client]\npassword=a\\xb\\nc'd\nuser=x=y\n").unwrap();
        assert_eq!(defaults.get("password"), Some("a\\xb\nc'd"));
        assert_eq!(defaults.get("user"), Some("x=y"));
    }

    #[test]
    fn our_own_groups_are_strict() {
        let error = read("[client]\nx=1\n[dws]\n\nfrob=1\n").unwrap_err();
        assert!(
            error.to_string().contains("my.cnf:5: unknown option \"frob\" in [dws]"),
            "{error}"
        );
        assert!(read("[dws]\nloose_frob=1\n").is_ok());
        assert!(read("[client\nuser=x\n").is_err());
        assert!(read("!frob x\n").is_err());
    }

    #[test]
    fn files_include_others() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("conf.d");
        std::fs::create_dir(&inner).unwrap();
        write(&inner, "b.cnf", "[client]\nuser=b\n");
        write(&inner, "a.cnf", "[client]\nuser=a\nhost=a\n");
        write(&inner, "c.txt", "[client]\nuser=c\n");
        let other = write(folder.path(), "other.cnf", "[client]\nport=5\nuser=other\n");
        let main = write(folder.path(), "my.cnf", "!include other.cnf\n!includedir conf.d\n");
        let defaults = Defaults::read(&main, &GROUPS).unwrap();
        assert_eq!(defaults.get("user"), Some("b"));
        assert_eq!((defaults.get("host"), defaults.get("port")), (Some("a"), Some("5")));
        let loops = write(folder.path(), "loop.cnf", "!include loop.cnf\n");
        assert!(Defaults::read(&loops, &GROUPS).unwrap_err().to_string().contains("deep"));
        let none = folder.path().join("none.cnf");
        assert_eq!(Defaults::read(&none, &GROUPS).unwrap_err().kind(), Kind::Usage);
        let found = Defaults::read_existing(&[none, main, other], &GROUPS).unwrap();
        assert_eq!(found.get("user"), Some("other"));
    }

    #[test]
    fn files_that_everybody_can_write_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "my.cnf", "[client]\nuser=x\n");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(Defaults::read(&path, &GROUPS).unwrap_err().kind(), Kind::Refused);
    }
}
