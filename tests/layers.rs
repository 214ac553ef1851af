//! The house rules, read from the sources: the order of layers, one opening sentence a file, file
//! sizes, who may print or exit, and no dependency that nobody uses.

use std::fs;
use std::path::{Path, PathBuf};

/// Rows from the bottom to the top. A module uses lower rows only, never its own row.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["ums", "url", "durable", "near"],
    &["mask"],
    &["line", "expr", "rule", "mysql", "postgres", "lookup", "kafka", "columnar", "store"],
    &["endpoint", "op", "sink"],
    &["flow"],
    &["cli"],
];

/// Files that are tables: long, and simple all the same.
const TABLES: &[&str] = &["mysql/collations.rs"];

const LONGEST: usize = 600;

/// What only the edge may do.
const EDGE_ONLY: &[&str] = &[
    "process::exit",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "std::env::",
    "env::var",
    "env::args",
];

/// What no finished source has.
const NOWHERE: &[&str] = &["todo!", "unimplemented!", "TODO", "FIXME", "XXX"];

struct Source {
    /// Relative to `src`.
    name: String,
    text: String,
}

impl Source {
    /// The module right below the crate.
    fn module(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    /// Lines with their numbers, without comments and without unit tests, which stand at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("\n#[cfg(test)]\nmod tests").unwrap_or(self.text.len());
        let code = self.text.get(..end).unwrap_or(&self.text);
        code.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }
}

fn without_comment(line: &str) -> &str {
    // A string may hold `//` behind a colon, as in a URL; a comment does not.
    match line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':')) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                sources.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn row(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The modules named by `crate::NAME` and `crate::{NAME, …}` in a text.
fn used(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, found) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + found.len()..];
        match rest.strip_prefix('{') {
            None => names.extend(identifier(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            names.extend(identifier(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    names
}

fn identifier(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

#[test]
fn modules_use_lower_rows_only() {
    let mut found = Vec::new();
    for source in sources() {
        let module = source.module();
        if matches!(module, "lib" | "bin") {
            continue;
        }
        let Some(own) = row(module) else {
            found.push(format!("{}: {module} stands in no layer", source.name));
            continue;
        };
        for name in used(&source.text) {
            match row(name) {
                _ if name == module => {}
                Some(other) if other < own => {}
                Some(other) => found.push(format!(
                    "{}: {module} (row {own}) uses {name} (row {other})",
                    source.name
                )),
                None => found.push(format!("{}: crate::{name} stands in no layer", source.name)),
            }
        }
    }
    none(found);
}

#[test]
fn the_reader_of_uses_reads_well() {
    assert_eq!(used("use crate::{ums::{Cell, Row}, error::Error};"), ["ums", "error"]);
    assert_eq!(used("crate::flow::run(), $crate::x, mycrate::y"), ["flow", "x"]);
    assert!(used("use super::x; // crates::y").is_empty());
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    none(silent.map(|source| format!("{}: does not open with //!", source.name)).collect());
}

#[test]
fn no_file_is_long() {
    let mut found = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > LONGEST && !TABLES.contains(&source.name.as_str()) {
            found.push(format!("{}: {lines} lines, at most {LONGEST}", source.name));
        }
    }
    none(found);
}

#[test]
fn only_the_edge_prints_exits_and_reads_the_environment() {
    let mut found = Vec::new();
    for source in sources() {
        if matches!(source.module(), "cli" | "bin") {
            continue;
        }
        for (number, line) in source.code() {
            for word in EDGE_ONLY.iter().filter(|word| names(line, word)) {
                found.push(format!("{}:{number}: {word} belongs to cli", source.name));
            }
        }
    }
    none(found);
}

/// Whether the word stands in the line and is not the end of a longer one (`eprintln!` has
/// `println!` in it, `std::process::exit` may have a path in front).
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn messages_have_one_door() {
    let mut found = Vec::new();
    for source in sources() {
        if source.name == "cli/message.rs" || !matches!(source.module(), "cli" | "bin") {
            continue;
        }
        for (number, line) in source.code() {
            for word in ["println!", "eprintln!", "print!", "eprint!", "dbg!"] {
                if names(line, word) {
                    found.push(format!("{}:{number}: {word}; use cli::message", source.name));
                }
            }
        }
    }
    none(found);
}

#[test]
fn nothing_is_left_undone() {
    let mut found = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            for word in NOWHERE.iter().filter(|word| names(line, word)) {
                found.push(format!("{}:{}: {word}", source.name, index + 1));
            }
        }
    }
    none(found);
}

#[test]
fn every_dependency_is_used() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let sources = sources();
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']');
        } else if section == "dependencies" {
            let Some((name, _)) = line.split_once('=') else { continue };
            let path = format!("{}::", name.trim().replace('-', "_"));
            if !sources.iter().any(|source| source.code().any(|(_, line)| names(line, &path))) {
                found.push(format!("Cargo.toml: nothing in src uses {}", name.trim()));
            }
        }
    }
    none(found);
}

/// A program names its own tool, so the linker leaves the others out: nobody who reads a log loads a
/// database. SQLite's file head tells whether it is inside.
#[test]
#[cfg(feature = "sqlite")]
fn a_program_links_its_own_tool() {
    let holds_sqlite = |program: &str| {
        let head = b"SQLite format 3";
        fs::read(program).unwrap().windows(head.len()).any(|window| window == head)
    };
    assert!(holds_sqlite(env!("CARGO_BIN_EXE_ums-sink")), "the test looks for the wrong text");
    assert!(!holds_sqlite(env!("CARGO_BIN_EXE_dbus-tail")), "dbus-tail links ums-sink");
}
