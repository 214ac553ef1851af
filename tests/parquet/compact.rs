//! Compaction: fewer files, the same rows, each once, whoever writes, reads or dies meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use dws::columnar::names;
use dws::error::{Error, Result};
use dws::sink::parquet::compact::{Compacted, Options, compact};
use dws::store::{Tree, live_files};
use dws::ums::{Protocol, Schema, Type};

use crate::stored::{self, Value};
use crate::stream::{self, Row};

pub fn try_run(root: &Path, target: u64) -> Result<Vec<Compacted>> {
    try_warned(root, target, Duration::ZERO)
}

fn try_warned(root: &Path, target: u64, warning: Duration) -> Result<Vec<Compacted>> {
    let options = Options { target, warning, ..Options::default() };
    let mut done = Vec::new();
    compact(&Tree::new(root), options, &AtomicBool::new(false), |folder| {
        done.push(folder.clone());
        Ok(())
    })?;
    Ok(done)
}

pub fn run(root: &Path, target: u64) -> Vec<Compacted> {
    try_run(root, target).unwrap()
}

pub fn run_warned(root: &Path, target: u64, warning: Duration) -> Vec<Compacted> {
    try_warned(root, target, warning).unwrap()
}

fn columns() -> Vec<dws::ums::Field> {
    vec![
        stream::field("i", Type::Int, Some("int")),
        stream::field("flag", Type::Boolean, None),
        stream::field("f", Type::Float, None),
        stream::field("d", Type::Double, None),
        stream::field("small", Type::Decimal, Some("decimal(9,2)")),
        stream::field("middle", Type::Decimal, Some("decimal(18,3)")),
        stream::field("large", Type::Decimal, Some("decimal(38,4)")),
        stream::field("day", Type::Date, Some("date")),
        stream::field("at", Type::Datetime, Some("datetime(6)")),
        stream::field("s", Type::String, None),
        stream::field("b", Type::Binary, None),
    ]
}

/// Rows with NULLs here and there, and now and then a value that only a companion can hold.
fn row(id: i64) -> Row {
    let texts: [(bool, String); 11] = [
        (false, id.to_string()),
        (false, (id % 2 == 0).to_string()),
        (false, format!("{id}.5")),
        (false, format!("{id}.25")),
        (true, format!("{id}.10")),
        (true, format!("-{id}.123")),
        (true, format!("{id}000000000000000000000.0001")),
        (true, if id % 11 == 0 { "0000-00-00".into() } else { "2026-11-21".into() }),
        (true, "2026-11-21 01:02:03.000004".into()),
        (true, if id % 13 == 0 { String::new() } else { format!("text {id} \u{1f980}") }),
        (true, "AAECAw==".into()),
    ];
    let row = Row::new(id, format!("uid-{id}"));
    texts.iter().enumerate().fold(row, |row, (column, (quoted, text))| {
        match (id as usize + column) % 7 {
            0 => row.cell("null"),
            _ if *quoted => row.text(text),
            _ => row.cell(text),
        }
    })
}

fn schema(name: &str) -> Schema {
    stream::schema(&format!("mysql.db1.shop.{name}.0.0.0"), columns())
}

/// Writes `files` files of `rows` rows each, from `first` on.
fn write(root: &Path, schema: &Schema, first: i64, files: i64, rows: i64) {
    let mut sink = stream::open(root, "");
    for file in 0..files {
        let from = first + file * rows;
        let rows: Vec<_> = (from..from + rows).map(row).collect();
        let line = stream::line(Protocol::IncrementData, schema, &rows);
        stream::write(sink.as_mut(), &line).unwrap();
        sink.flush(&[]).unwrap();
    }
}

type Content = BTreeMap<String, stored::Values>;

fn content(root: &Path) -> Content {
    let rows = stored::all(root);
    let count = rows.len();
    let mut content = Content::new();
    for mut row in rows {
        let name = stored::text(&row, "_ums_uid_") + &stored::text(&row, "_ums_op_");
        row.retain(|_, value| *value != Value::Null);
        content.insert(name, row);
    }
    assert_eq!(content.len(), count, "a row is there twice");
    content
}

#[test]
fn fewer_files_hold_the_same_rows() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &schema("a"), 100, 25, 40);
    write(root.path(), &schema("b"), 5000, 25, 40);
    // Partial images of the same table have other columns, and so do files of their own.
    let partial =
        stream::schema("mysql.db1.shop.a.0.0.0", vec![stream::field("i", Type::Int, Some("int"))]);
    let mut sink = stream::open(root.path(), "");
    for id in 2000..2010 {
        let row = Row::new(id, format!("uid-{id}")).op('U').cell("5");
        let line = stream::line(Protocol::IncrementData, &partial, &[row]);
        stream::write(sink.as_mut(), &line).unwrap();
        sink.flush(&[]).unwrap();
    }
    drop(sink);
    let before = content(root.path());
    assert_eq!((before.len(), stored::files(root.path()).len()), (2010, 60));
    let done = run(root.path(), 1 << 20);
    assert_eq!(done.iter().map(|folder| folder.before.0).collect::<Vec<_>>(), [35, 25]);
    assert_eq!(done.iter().map(|folder| folder.after.0).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(done.iter().map(|folder| folder.rows).sum::<u64>(), 2010);
    assert!(content(root.path()) == before);
    let files = stored::files(root.path());
    assert_eq!(files.len(), 3);
    for path in &files {
        let rows = stored::rows(path);
        let range = |name: &str| {
            let values = || rows.iter().map(|row| stored::long(row, name));
            (values().min().unwrap(), values().max().unwrap())
        };
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(names::read_times(&name(path.parent().unwrap())), Some(range("_ums_ts_")));
        assert_eq!(names::read_part(&name(path)).unwrap().0, range("_ums_id_"));
        let ids: Vec<_> = rows.iter().map(|row| stored::long(row, "_ums_id_")).collect();
        assert!(ids.is_sorted());
    }
    assert!(run(root.path(), 1 << 20).is_empty());
    assert_eq!(stored::files(root.path()), files);
    nothing_is_left_aside(root.path());
}

fn nothing_is_left_aside(root: &Path) {
    assert!(!root.join(".swap").exists());
    let name = root.file_name().unwrap().to_str().unwrap();
    assert!(!root.parent().unwrap().join(format!(".{name}.dws-swap")).exists());
}

#[test]
fn files_grow_to_the_target_and_are_then_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let schema = schema("t");
    write(root.path(), &schema, 100, 30, 100);
    let sizes = || {
        let size = |path: &std::path::PathBuf| path.metadata().unwrap().len();
        stored::files(root.path()).iter().map(size).collect::<Vec<_>>()
    };
    let one = sizes()[0];
    let target = one * 6;
    run(root.path(), target);
    assert!((5..=8).contains(&sizes().len()), "{:?}", sizes());
    assert!(sizes().iter().all(|size| *size <= target));
    let before = stored::files(root.path());
    // A small newcomer does not have the large ones copied.
    write(root.path(), &schema, 10_000, 3, 10);
    run(root.path(), target * 3);
    let kept = stored::files(root.path());
    assert!(kept.len() < before.len() + 3);
    assert_eq!(content(root.path()).len(), 3030);
}

#[test]
fn a_dry_run_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &schema("t"), 100, 4, 10);
    let before = stored::files(root.path());
    let options = Options { dry_run: true, ..Options::default() };
    let mut planned = Vec::new();
    compact(&Tree::new(root.path()), options, &AtomicBool::new(false), |folder| {
        planned.push((folder.before.0, folder.after.0));
        Ok(())
    })
    .unwrap();
    assert_eq!(planned, [(4, 1)]);
    assert_eq!(stored::files(root.path()), before);
}

#[test]
fn rows_of_one_id_and_time_are_merged_beside_new_ones() {
    let root = tempfile::tempdir().unwrap();
    let schema = stream::schema("mysql.db1.shop.t.0.0.0", Vec::new());
    let mut sink = stream::open(root.path(), "");
    for file in 0..40 {
        let row = Row::new(9, format!("{file}"));
        let line = stream::line(Protocol::InitialData, &schema, &[row]);
        stream::write(sink.as_mut(), &line).unwrap();
        sink.flush(&[]).unwrap();
        if file % 7 == 3 {
            run(root.path(), 1 << 20);
        }
    }
    drop(sink);
    assert_eq!(content(root.path()).len(), 40);
    // Delivered again by another process, which compacts in the middle.
    let mut sink = stream::open(root.path(), "");
    for file in 0..50 {
        let row = Row::new(9, format!("{file}"));
        let line = stream::line(Protocol::InitialData, &schema, &[row]);
        stream::write(sink.as_mut(), &line).unwrap();
        sink.flush(&[]).unwrap();
        if file % 9 == 3 {
            run(root.path(), 1 << 20);
        }
    }
    assert_eq!(content(root.path()).len(), 50);
}

#[test]
fn a_reader_and_a_writer_beside_it_see_every_row_once() {
    const ROWS: i64 = 400;
    let root = tempfile::tempdir().unwrap();
    let schema = schema("t");
    write(root.path(), &schema, 0, 20, 5);
    let done = AtomicBool::new(false);
    let (merged, written) = (AtomicUsize::new(0), AtomicI64::new(0));
    /// Whoever fails, the others end.
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _end = End(&done);
            let mut sink = stream::open(root.path(), "");
            // On a busy machine the other one needs more time for its part.
            let enough = |id| id >= ROWS && merged.load(Ordering::Relaxed) > 3;
            for id in (100..50 * ROWS).take_while(|id| !enough(*id)) {
                let line = stream::line(Protocol::IncrementData, &schema, &[row(id)]);
                stream::write(sink.as_mut(), &line).unwrap();
                sink.flush(&[]).unwrap();
                written.store(id + 1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                merged.fetch_add(run(root.path(), 1 << 20).len(), Ordering::Relaxed);
            }
            let merged = merged.load(Ordering::Relaxed);
            println!("{merged} exchanges");
            assert!(merged > 3);
        });
        let (mut least, mut reads) = (100, 0);
        while !done.load(Ordering::Acquire) {
            let snapshot = live_files(&Tree::new(root.path()), "mysql/db1/shop/t/0/0/0").unwrap();
            let mut ids = Vec::new();
            for file in snapshot.files() {
                // As slow as somebody who has much to read.
                std::thread::sleep(Duration::from_millis(1));
                let file = snapshot.open(file).unwrap();
                let rows = stored::rows_of(file);
                ids.extend(rows.iter().map(|row| stored::long(row, "_ums_id_")));
            }
            ids.sort_unstable();
            assert!(ids.len() >= least, "rows are missing");
            assert!((0..).zip(&ids).all(|(wanted, found)| wanted == *found), "{ids:?}");
            least = ids.len();
            reads += 1;
        }
        println!("{reads} reads");
    });
    let written = written.into_inner();
    assert!(written >= ROWS);
    assert_eq!(content(root.path()).len(), written as usize);
    run(root.path(), 1 << 20);
    nothing_is_left_aside(root.path());
}

#[test]
fn a_damaged_file_stops_it_and_nothing_is_changed() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &schema("t"), 100, 6, 10);
    let files = stored::files(root.path());
    let whole = std::fs::read(&files[2]).unwrap();
    let mut flipped = whole.clone();
    // Behind the magic number stand the pages of the first column.
    flipped[4..200].fill(0xff);
    let footless = &whole[..whole.len() - 8];
    for (what, bytes) in [
        ("cut", &whole[..whole.len() / 2]),
        ("footless", footless),
        ("empty", &[]),
        ("flipped", &flipped),
    ] {
        std::fs::write(&files[2], bytes).unwrap();
        let error = try_run(root.path(), 1 << 20).unwrap_err();
        assert_eq!(error.kind(), dws::error::Kind::Data, "{what}: {error}");
        assert!(error.to_string().starts_with(&files[2].display().to_string()), "{what}: {error}");
        assert_eq!(stored::files(root.path()), files, "{what}");
        nothing_is_left_aside(root.path());
    }
    std::fs::write(&files[2], whole).unwrap();
    run(root.path(), 1 << 20);
    assert_eq!(content(root.path()).len(), 60);
}

#[test]
fn one_at_a_time_rearranges() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &schema("t"), 100, 2, 10);
    let first = dws::store::Rearranger::open(&Tree::new(root.path())).unwrap();
    let error: Error = try_run(root.path(), 1 << 20).unwrap_err();
    assert_eq!(error.kind(), dws::error::Kind::Unreachable);
    assert!(error.to_string().contains("another process"), "{error}");
    drop(first);
    run(root.path(), 1 << 20);
}
