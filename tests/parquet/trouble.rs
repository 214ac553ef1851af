//! Full disks, read-only folders, damaged files, leavings of the dead, wrong commands: the program
//! says what and where, ends with the right code, and loses nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dws::ums::{Protocol, Type};

use crate::stored;
use crate::stream::{self, Row};

/// Runs `ums-sink --quiet ARGUMENTS`: exit code, standard output, standard error.
fn sink(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .arg("--quiet")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A sink that gives up leaves the rest unread.
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let done = child.wait_with_output().unwrap();
    feed.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

/// Rows that hardly compress, a message each, with a marker behind it.
fn input(ids: std::ops::Range<i64>, size: usize) -> Vec<u8> {
    let schema =
        stream::schema("mysql.db1.shop.t.0.0.0", vec![stream::field("v", Type::String, None)]);
    let mut lines = Vec::new();
    let mut seed = 1u64;
    for id in ids {
        let noise: String = (0..size)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(33 + ((seed >> 33) % 90) as u8)
            })
            .collect();
        let row = Row::new(id, format!("u{id}")).text(&noise);
        lines.extend(stream::line(Protocol::IncrementData, &schema, &[row]));
        lines.push(b'\n');
        stream::marker("db1", id + 1).write(dws::ums::Dialect::Dws, &mut lines);
    }
    lines
}

fn ids(log: &Path) -> Vec<i64> {
    let mut ids: Vec<_> =
        stored::all(log).iter().map(|row| stored::long(row, "_ums_id_")).collect();
    ids.sort_unstable();
    ids
}

/// A file system of its own; unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Nothing where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self(folder);
        if disk.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "dws-test"]) {
            return Some(disk);
        }
        println!("skipped: a tmpfs cannot be mounted here (that takes root)");
        None
    }

    fn mount(&self, arguments: &[&str]) -> bool {
        let done = Command::new("mount").args(arguments).arg(self.0.path()).output();
        done.is_ok_and(|done| done.status.success())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("log")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = Disk::new("3m") else { return };
    let log = disk.path();
    let address = format!("parquet:{}?rows=20", log.display());
    let input = input(0..100, 50_000);
    let (code, _, error) = sink(&[&address], &input);
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("No space left") && error.contains("make room"), "{error}");
    assert!(error.contains(log.to_str().unwrap()), "{error}");
    // What is durable is whole, and the position does not lead.
    let kept = ids(&log);
    assert!((20..100).contains(&kept.len()) && kept.len().is_multiple_of(20), "{kept:?}");
    let (code, position, _) = sink(&[&address, "--position"], b"");
    assert_eq!(code, 0);
    let covered = position.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let covered: usize = covered.unwrap().parse().unwrap();
    assert!((1..=kept.len()).contains(&covered), "{covered} of {}", kept.len());
    // Merging needs room as well.
    let (code, _, error) = sink(&[&address, "--compact"], b"");
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("No space left"), "{error}");
    assert_eq!(ids(&log), kept);
    // With room everything goes on, from the position or from anywhere before it.
    assert!(disk.mount(&["-o", "remount,size=64m"]));
    let (code, _, error) = sink(&[&address], &input);
    assert_eq!(code, 0, "{error}");
    let (code, _, error) = sink(&[&address, "--compact"], b"");
    assert_eq!(code, 0, "{error}");
    assert_eq!(ids(&log), (0..100).collect::<Vec<_>>());
    assert_eq!(stored::files(&log).len(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let Some(disk) = Disk::new("3m") else { return };
    let log = disk.path();
    let address = format!("parquet:{}", log.display());
    assert_eq!(sink(&[&address], &input(0..3, 10)).0, 0);
    assert_eq!(sink(&[&address], &input(3..6, 10)).0, 0);
    assert!(disk.mount(&["-o", "remount,ro"]));
    for arguments in
        [&[&address[..]][..], &[&address, "--compact"], &[&address, "--drop-before", "9"]]
    {
        let (code, _, error) = sink(arguments, &input(6..9, 10));
        assert_eq!(code, 4, "{error}");
        assert!(error.contains("Read-only file system"), "{error}");
        assert!(error.contains(log.to_str().unwrap()), "{error}");
    }
    // Looking is reading.
    let (code, plan, error) = sink(&[&address, "--compact", "--dry-run"], b"");
    assert_eq!(code, 0, "{error}");
    assert!(plan.starts_with("merge mysql/db1/shop/t/0/0/0/: 2 files, "), "{plan}");
    assert_eq!(ids(&log), (0..6).collect::<Vec<_>>());
    assert!(disk.mount(&["-o", "remount,rw"]));
}

#[test]
fn a_log_that_is_a_disk_of_its_own_is_compacted_inside() {
    let Some(disk) = Disk::new("3m") else { return };
    let log = disk.0.path();
    let address = format!("parquet:{}?rows=5", log.display());
    assert_eq!(sink(&[&address], &input(0..20, 10)).0, 0);
    let (code, _, error) = sink(&[&address, "--compact"], b"");
    assert_eq!(code, 0, "{error}");
    assert_eq!((ids(log), stored::files(log).len()), ((0..20).collect(), 1));
    assert!(!log.join(".swap").exists());
}

#[test]
fn a_damaged_file_is_named_where_it_is_needed() {
    let root = tempfile::tempdir().unwrap();
    let address = format!("parquet:{}", root.path().join("log").display());
    for from in [0, 10, 20] {
        assert_eq!(sink(&[&address], &input(from..from + 10, 10)).0, 0);
    }
    let file = stored::files(&root.path().join("log")).swap_remove(1);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    // New rows need no look at it.
    assert_eq!(sink(&[&address], &input(30..40, 10)).0, 0);
    let again = sink(&[&address], &input(10..20, 10));
    let merged = sink(&[&address, "--compact"], b"");
    for (code, _, error) in [again, merged] {
        assert_eq!(code, 3, "{error}");
        assert!(error.contains(file.to_str().unwrap()) && error.contains("damaged"), "{error}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(sink(&[&address], &input(10..20, 10)).0, 0);
    assert_eq!(sink(&[&address, "--compact"], b"").0, 0);
    assert_eq!(ids(&root.path().join("log")), (0..40).collect::<Vec<_>>());
}

#[test]
fn what_a_dead_writer_left_is_no_part_of_the_log() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    let address = format!("parquet:{}", log.display());
    assert_eq!(sink(&[&address], &input(0..10, 10)).0, 0);
    let whole = std::fs::read(&stored::files(&log)[0]).unwrap();
    // A draft of a writer, and a folder and a witness of a compaction, killed in the middle.
    let leavings = [
        log.join(".tmp/99999-0/1.tmp"),
        root.path().join(".log.dws-swap/99999-0/mysql/db1/shop/t/0/0/0/x/part-1.parquet"),
        log.join(".swap/99999-0/1.tmp"),
        log.join("mysql/db1/shop/t/0/0/0/rearranging-1-99999.parquet"),
    ];
    for path in &leavings {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &whole[..100]).unwrap();
    }
    assert_eq!(sink(&[&address], &input(10..20, 10)).0, 0);
    let (code, _, error) = sink(&[&address, "--compact"], b"");
    assert_eq!(code, 0, "{error}");
    assert!(leavings.iter().all(|path| !path.exists()));
    assert_eq!(ids(&log), (0..20).collect::<Vec<_>>());
    assert_eq!(stored::files(&log).len(), 1);
}

#[test]
fn what_is_older_than_a_moment_goes_by_its_name() {
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    let address = format!("parquet:{}?rows=10", log.display());
    // The second of each row is its id.
    assert_eq!(sink(&[&address], &input(0..100, 10)).0, 0);
    let before = |time: &str, dry: bool| {
        let arguments = [&address, "--drop-before", time, "--dry-run"];
        let (code, said, error) = sink(&arguments[..if dry { 4 } else { 3 }], b"");
        assert_eq!(code, 0, "{error}");
        said
    };
    let said = before("2026-11-21T00:00:40", true);
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(
        said.starts_with(
            "drop mysql/db1/shop/t/0/0/0/20261121000000000000_20261121000009000000/: 1 files, "
        ),
        "{said}"
    );
    assert_eq!(ids(&log).len(), 100);
    // A file with one row of that moment stays as a whole.
    assert_eq!(before("2026-11-21T00:00:39", false), "");
    assert_eq!(ids(&log), (30..100).collect::<Vec<_>>());
    before("2026-11-21 00:00:39.000001", false);
    assert_eq!(ids(&log), (40..100).collect::<Vec<_>>());
    assert_eq!(before("2026-11-21T00:00:40", true), "");
    // Together with merging, dropping comes first.
    let arguments = [&address[..], "--drop-before", "2026-11-21T00:01:00", "--compact"];
    assert_eq!(sink(&arguments, b"").0, 0);
    assert_eq!(ids(&log), (60..100).collect::<Vec<_>>());
    assert_eq!(stored::files(&log).len(), 1);
    assert!(!root.path().join(".log.dws-swap").exists());
}

#[test]
fn files_are_finished_by_rows_bytes_and_age() {
    let root = tempfile::tempdir().unwrap();
    for (query, files) in [("rows=10", 5), ("rows=40", 2), ("bytes=6000", 10), ("rows=1000", 1)] {
        let log = root.path().join(query);
        // A message and its marker have about 1200 bytes.
        assert_eq!(sink(&[&format!("parquet:{}?{query}", log.display())], &input(0..50, 10)).0, 0);
        let found = stored::files(&log).len();
        assert!(found.abs_diff(files) <= 1, "{query}: {found} files");
        assert_eq!(ids(&log), (0..50).collect::<Vec<_>>());
    }
    // Nothing more comes, and the input does not end.
    let log = root.path().join("age");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .args(["--quiet", &format!("parquet:{}?seconds=1", log.display())])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let start = std::time::Instant::now();
    stdin.write_all(&input(0..3, 10)).unwrap();
    stdin.flush().unwrap();
    while !log.exists() || stored::files(&log).is_empty() {
        assert!(start.elapsed().as_secs() < 180, "no file appears");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(start.elapsed().as_millis() > 500, "too early");
    assert_eq!(ids(&log), [0, 1, 2]);
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn wrong_commands_say_what_is_right() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "").unwrap();
    let file = format!("parquet:{}", file.display());
    let missing = format!("parquet:{}/missing", root.path().display());
    let address = format!("parquet:{}", root.path().display());
    for (code, arguments, word) in [
        (2, &["sqlite:x.db", "--compact"][..], "parquet:DIR"),
        (2, &["sqlite:x.db", "--drop-before", "9"], "parquet:DIR"),
        (2, &[&file, "--compact"], "not a folder"),
        (4, &[&missing, "--compact"], "No such file"),
        (2, &[&address, "--target-size", "1MiB"], "--compact"),
        (2, &[&address, "--drop-before", "yesterday"], "YYYY-MM-DD"),
        (2, &[&address, "--compact", "--from", "x"], "--from"),
    ] {
        let (found, _, error) = sink(arguments, b"");
        assert_eq!(found, code, "{arguments:?}: {error}");
        assert!(error.contains(word), "{arguments:?}: {error}");
    }
    // An empty log is in order.
    assert_eq!(sink(&[&address, "--compact", "--drop-before", "2026-11-21"], b"").0, 0);
}
