//! The programs: `dbus-tail | ums-sink`, which never stops, and `dbus-pull | ums-sink --sweep`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::source::{SCHEMA, Source};
use crate::support::sqlite3;
use crate::target::{Target, Which};
use crate::writers::rows_of;

const TAIL: &str = env!("CARGO_BIN_EXE_dbus-tail");
const PULL: &str = env!("CARGO_BIN_EXE_dbus-pull");
const SINK: &str = env!("CARGO_BIN_EXE_ums-sink");

pub const NAMES: [&str; 2] = ["hot", "large"];

/// Where the rows land.
pub enum Store {
    Sqlite(tempfile::TempDir),
    Postgres(Target, tempfile::TempDir),
}

impl Store {
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub fn postgres(test: &str) -> Option<Self> {
        let target = Target::shared(Which::Postgres, test)?;
        Some(Self::Postgres(target, tempfile::tempdir().unwrap()))
    }

    /// A file beside it.
    pub fn file(&self, name: &str) -> PathBuf {
        let (Self::Sqlite(folder) | Self::Postgres(_, folder)) = self;
        folder.path().join(name)
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(_) => format!("sqlite:{}?busy=120", self.file("t.db").display()),
            Self::Postgres(target, _) => target.url("workers=1"),
        }
    }

    pub fn ask(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(_) => sqlite3(&self.file("t.db"), sql),
            Self::Postgres(target, _) => target.ask(sql),
        }
    }

    /// Changes something beside programs that write. SQLite's lock has no queue: who looks rarely, as its
    /// command does, may never find it free.
    pub fn change(&self, sql: &str) {
        let Self::Sqlite(_) = self else {
            self.ask(sql);
            return;
        };
        let mut database = rusqlite::Connection::open(self.file("t.db")).unwrap();
        let patient = |looks: i32| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            looks < 600_000
        };
        database.busy_handler(Some(patient)).unwrap();
        database.execute_batch(sql).unwrap();
    }

    /// From now on the database itself notes every row whose id falls.
    pub fn watch_ids(&self) {
        for name in NAMES {
            let sql = match self {
                Self::Sqlite(_) => format!(
                    "CREATE TABLE IF NOT EXISTS falls (name TEXT);
                     CREATE TRIGGER falls_{name} BEFORE UPDATE ON {name} WHEN NEW._ums_id_ < OLD._ums_id_
                     BEGIN INSERT INTO falls VALUES ('{name} ' || OLD.id); END;"
                ),
                Self::Postgres(..) => format!(
                    "CREATE TABLE IF NOT EXISTS falls (name TEXT);
                     CREATE OR REPLACE FUNCTION note_fall() RETURNS trigger LANGUAGE plpgsql AS
                       'BEGIN INSERT INTO falls VALUES (TG_TABLE_NAME || '' '' || OLD.id); RETURN NEW; END';
                     CREATE TRIGGER falls_{name} BEFORE UPDATE ON {name} FOR EACH ROW
                       WHEN (NEW._ums_id_ < OLD._ums_id_) EXECUTE FUNCTION note_fall();"
                ),
            };
            self.change(&sql);
        }
    }

    /// The rows of which the target says something else than the source.
    pub fn differences(&self, source: &Source) -> Vec<String> {
        let mut all = Vec::new();
        for name in NAMES {
            let expected = source.ask(&rows_of(name));
            let found = rows_of(name).replace("ORDER", "WHERE _is_active_ = 1 ORDER");
            let found = self.ask(&found);
            let expected: std::collections::BTreeSet<&str> = expected.lines().collect();
            let found: std::collections::BTreeSet<&str> = found.lines().collect();
            let missing = expected.difference(&found).map(|row| format!("{name} lacks {row}"));
            let wrong = found.difference(&expected).map(|row| format!("{name} has {row}"));
            all.extend(missing.chain(wrong));
        }
        all
    }
}

/// Two programs with a pipe between them; both are killed when it is dropped.
pub struct Pipe {
    pub first: Child,
    pub second: Child,
}

impl Pipe {
    fn start(first: &mut Command, second: &mut Command) -> Self {
        let mut first = first
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let between = Stdio::from(first.stdout.take().unwrap());
        let second =
            second.stdin(between).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { first, second }
    }

    /// Waits for both; how each ended, and what both said.
    pub fn end(mut self) -> (Option<i32>, Option<i32>, String) {
        let mut said = String::new();
        let mut wait = |child: &mut Child| {
            let mut text = String::new();
            // Messages are few: no pipe fills.
            let _ = std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut text);
            said += &text;
            child.wait().unwrap().code()
        };
        let (first, second) = (wait(&mut self.first), wait(&mut self.second));
        (first, second, said)
    }

    /// Waits for both, which must succeed.
    pub fn good(self) -> String {
        let (first, second, said) = self.end();
        assert_eq!((first, second), (Some(0), Some(0)), "{said}");
        said
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        for child in [&mut self.first, &mut self.second] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The follower of the log.
pub struct Follower<'a> {
    source: &'a Source,
    store: &'a Store,
    start: String,
    pipe: Option<Pipe>,
}

impl<'a> Follower<'a> {
    /// Begins where the source is now.
    pub fn new(source: &'a Source, store: &'a Store) -> Self {
        let start = source.position().to_string();
        let mut found = Self { source, store, start, pipe: None };
        found.go_on();
        found
    }

    fn pipe(&self, more: &[&str]) -> Pipe {
        let checkpoint = self.store.file("tail.json");
        let tables = format!("{SCHEMA}.*");
        let mut tail = Command::new(TAIL);
        tail.args([
            "--quiet",
            "--tables",
            &tables,
            "--start",
            &self.start,
            "--marker-every",
            "100ms",
        ])
        .arg("--checkpoint")
        .arg(&checkpoint)
        .args(more)
        .arg(self.source.read().url());
        let mut sink = Command::new(SINK);
        // It gives SQLite's lock back soon.
        let url = match self.store {
            Store::Sqlite(_) => self.store.url() + "&rows=1000",
            Store::Postgres(..) => self.store.url(),
        };
        sink.args(["--quiet", "--checkpoint"]).arg(&checkpoint).arg(url);
        Pipe::start(&mut tail, &mut sink)
    }

    /// Follows from where it was.
    pub fn go_on(&mut self) {
        self.pipe = Some(self.pipe(&[]));
    }

    /// Lands everything that the source has written, and stops there.
    pub fn catch_up(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            let there = pipe.first.try_wait().unwrap().is_none();
            let pid = pipe.first.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
            let (_, sink, said) = pipe.end();
            assert!(there && sink == Some(0), "the follower ended: {said}");
        }
        self.pipe(&["--stop", "latest"]).good();
    }

    /// What the target and the log have of the first wrong row: who looks for the fault needs both.
    pub fn evidence(&self, wrong: &str) -> String {
        let mut words = wrong.split([' ', '|']);
        let (Some(name), _, Some(id)) = (words.next(), words.next(), words.next()) else {
            return String::new();
        };
        let found = self.store.ask(&format!(
            "SELECT _ums_id_, _ums_op_, _ums_ts_, _is_active_, n FROM {name} WHERE id = {id}"
        ));
        let log = Command::new(TAIL)
            .args(["--quiet", "--tables", &format!("{SCHEMA}.{name}"), "--start", &self.start])
            .args(["--stop", "latest", "--batch-rows", "1"])
            .arg(self.source.read().url())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&log.stdout);
        let cell = format!("\"{id}\"");
        let rows =
            log.lines().filter(|line| line.contains(&cell) || line.contains(&format!(",{id},")));
        let rows: Vec<&str> =
            rows.filter_map(|line| line.split_once("\"payload\"")).map(|half| half.1).collect();
        format!("the target has {found}\nthe log has\n{}", rows.join("\n"))
    }
}

/// `dbus-pull | ums-sink`, with more arguments for each. The barrier `none` is one of builds with
/// failpoints alone.
pub fn pull(source: &Source, store: &Store, barrier: &str, pull: &[&str], sink: &[&str]) -> Pipe {
    let mut first = Command::new(PULL);
    match barrier {
        "none" => first.env("DWS_PULL_NO_BARRIER", "1"),
        barrier => first.args(["--barrier", barrier]),
    };
    first
        .args(["--quiet", "--tables", &format!("{SCHEMA}.*"), "--jobs", "3"])
        .args(["--batch-rows", "200"])
        .args(pull)
        .arg(source.read().url());
    if !pull.contains(&"--shard-rows") {
        first.args(["--shard-rows", "1500"]);
    }
    let mut second = Command::new(SINK);
    second.args(["--quiet"]).args(sink).arg(store.url());
    Pipe::start(&mut first, &mut second)
}

/// `ums-sink --position`, into a file for `dbus-pull`.
pub fn keep_position(store: &Store, file: &Path) {
    let output: Output = Command::new(SINK).args(["--position", &store.url()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(file, output.stdout).unwrap();
}
