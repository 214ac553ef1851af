//! The Parquet log in HDFS, against a name node and a data node (`DWS_TEST_HDFS` is their address,
//! `DWS_TEST_HDFS_CLIENT` Hadoop's own client).
#![cfg(feature = "hdfs")]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dws::ums::Protocol;

use crate::elsewhere::{self, finish, given_uids, input, uids};
use crate::stored;

/// A folder of a test's own.
struct Folder {
    client: String,
    /// `hdfs://127.0.0.1:PORT/NAME/log`
    address: String,
}

impl Folder {
    fn new(test: &str) -> Option<Self> {
        let place = std::env::var("DWS_TEST_HDFS").ok();
        let client = std::env::var("DWS_TEST_HDFS_CLIENT").ok();
        let (Some(place), Some(client)) = (place, client) else {
            println!("skipped: DWS_TEST_HDFS and DWS_TEST_HDFS_CLIENT name no cluster");
            return None;
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        Some(Self { client, address: format!("{place}/{test}-{since}/log") })
    }

    /// Runs Hadoop's client: whether it could, and what it says.
    fn ask(&self, arguments: &[&str]) -> (bool, String) {
        let done = Command::new(&self.client).args(arguments).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(text).unwrap())
    }

    fn start_sink(&self, query: &str, arguments: &[&str]) -> Child {
        let address = format!("parquet:{}{query}", self.address);
        let arguments = [&["--quiet", &address], arguments].concat();
        elsewhere::start(env!("CARGO_BIN_EXE_ums-sink"), &arguments, &[])
    }

    fn sink(&self, query: &str, arguments: &[&str], input: &[u8]) -> (i32, String, String) {
        finish(self.start_sink(query, arguments), input)
    }

    fn replay(&self) -> (i32, String, String) {
        let address = format!("parquet:{}", self.address);
        let arguments = [address.as_str(), "--quiet"];
        finish(elsewhere::start(env!("CARGO_BIN_EXE_ums-replay"), &arguments, &[]), b"")
    }

    /// Every row, by Hadoop's client and the tests' own reader: what stands there for others.
    fn stored(&self) -> (Vec<String>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (got, said) = self.ask(&["-get", &self.address, &folder.path().display().to_string()]);
        assert!(got, "{said}");
        let rows = stored::all(&folder.path().join("log"));
        let mut found: Vec<_> = rows.iter().map(|row| stored::text(row, "_ums_uid_")).collect();
        found.sort();
        (found, folder)
    }
}

fn names(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_log_in_hdfs_holds_each_row_once() {
    let Some(folder) = Folder::new("once") else { return };
    let run = |input: &[u8]| {
        let (code, _, error) = folder.sink("?rows=20", &[], input);
        assert_eq!(code, 0, "{error}");
    };
    let (code, _, error) = folder.replay();
    assert_eq!(code, 4, "{error}");
    run(&input(0..45, Protocol::IncrementData));
    // What is none of the log's: a file where folders are, an old draft and one in the making.
    let log = &folder.address;
    let old = format!("{log}/.tmp/1-1-0.tmp");
    let (put, said) = folder.ask(&["-touchz", &format!("{log}/mysql/stray"), &old]);
    assert!(put, "{said}");
    let (put, said) = folder.ask(&["-touch", "-t", "20010101:000000", &old]);
    assert!(put, "{said}");
    let (put, said) = folder.ask(&["-touchz", &format!("{log}/.tmp/1-2-0.tmp")]);
    assert!(put, "{said}");
    // All of it again, and more.
    run(&input(0..60, Protocol::IncrementData));
    // Rows that share an id: their files share a name, but for the number behind it.
    run(&input(0..30, Protocol::InitialData));
    run(&input(0..35, Protocol::InitialData));
    let wanted = uids(&[(Protocol::IncrementData, 0..60), (Protocol::InitialData, 0..35)]);
    let (code, rows, error) = folder.replay();
    assert_eq!(code, 0, "{error}");
    assert_eq!(given_uids(rows.as_bytes()), wanted);
    let (removed, said) = folder.ask(&["-rm", &format!("{log}/mysql/stray")]);
    assert!(removed, "{said}");
    let (found, copy) = folder.stored();
    assert_eq!(found, wanted);
    let copy = copy.path().join("log");
    assert!(copy.join("mysql/db1/my%2Eshop/t/0/0/0").is_dir());
    assert_eq!(names(&copy.join(".tmp")), 1);
    assert!(copy.join(".tmp/1-2-0.tmp").exists());
    let (code, position, error) = folder.sink("", &["--position"], b"");
    assert_eq!(code, 0, "{error}");
    assert!(position.contains("\"id\":\"35\""), "{position}");
    let (code, said, error) = folder.sink("", &["--check"], b"");
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("can be listed"), "{said}");
    // What cannot be done in one step is not done at all, nor promised.
    for arguments in [&["--compact"][..], &["--compact", "--dry-run"]] {
        let (code, _, error) = folder.sink("", arguments, b"");
        assert_eq!(code, 5, "{error}");
    }
    // Nothing is that old; then everything is.
    for (before, after) in [("2001-01-01", wanted), ("2100-01-01", Vec::new())] {
        let (code, planned, error) = folder.sink("", &["--drop-before", before, "--dry-run"], b"");
        assert_eq!((code, planned.is_empty()), (0, !after.is_empty()), "{error}");
        assert_eq!(folder.replay().1, rows);
        let (code, _, error) = folder.sink("", &["--drop-before", before], b"");
        assert_eq!(code, 0, "{error}");
        assert_eq!(given_uids(folder.replay().1.as_bytes()), after);
    }
    assert!(folder.stored().0.is_empty());
}

#[test]
fn killed_in_the_middle_each_row_is_stored_once() {
    const ROWS: i64 = 90;
    const KILLS: usize = 8;
    let Some(folder) = Folder::new("killed") else { return };
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let (mut kills, mut positions) = (0, Vec::new());
    while kills < KILLS {
        let (code, position, error) = folder.sink("", &["--position"], b"");
        assert_eq!(code, 0, "{error}");
        let at =
            position.split_once("\"id\":\"").map_or("0", |(_, id)| id.split('"').next().unwrap());
        let at: i64 = at.parse().unwrap();
        positions.push(at);
        if at == ROWS {
            break;
        }
        let mut child = folder.start_sink("?rows=5", &[]);
        let mut stdin = child.stdin.take().unwrap();
        // From the position on, or some of what is behind it again.
        let again = random(3) as i64 * 10;
        let rows = input((at - again).max(0)..ROWS, Protocol::IncrementData);
        let feed = std::thread::spawn(move || drop(stdin.write_all(&rows)));
        std::thread::sleep(Duration::from_millis(50 + random(3000)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        feed.join().unwrap();
    }
    println!("{kills} kills at {positions:?}");
    assert!(kills >= 3, "the sink was done before it could be killed");
    let (code, _, error) = folder.sink("", &[], &input(0..ROWS, Protocol::IncrementData));
    assert_eq!(code, 0, "{error}");
    let wanted = uids(&[(Protocol::IncrementData, 0..ROWS)]);
    assert_eq!(folder.stored().0, wanted);
    let (code, rows, error) = folder.replay();
    assert_eq!(code, 0, "{error}");
    assert_eq!(given_uids(rows.as_bytes()), wanted);
}

#[test]
fn writers_at_once_in_hdfs_never_take_each_others_names() {
    let Some(folder) = Folder::new("beside") else { return };
    let mut children = Vec::new();
    for number in 0..3i64 {
        let mut child = folder.start_sink("", &[]);
        let rows = input(number * 100..number * 100 + 1, Protocol::InitialData);
        child.stdin.as_mut().unwrap().write_all(&rows).unwrap();
        children.push(child);
    }
    // All of them have looked and found nothing.
    std::thread::sleep(Duration::from_secs(2));
    for mut child in children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    let (found, copy) = folder.stored();
    assert_eq!(found.len(), 3);
    assert_eq!(stored::files(&copy.path().join("log")).len(), 3);
}

#[test]
fn a_name_node_that_is_not_there_is_said_soon() {
    let port = crate::port::free_port();
    for (address, wanted) in [
        (format!("hdfs://127.0.0.1:{port}/a"), 4),
        ("hdfs://127.0.0.1:1".to_owned(), 2),
        ("hdfs:///a".to_owned(), 2),
        ("hdfs://me@127.0.0.1:1/a".to_owned(), 2),
        ("hdfs://127.0.0.1:1/a/../b".to_owned(), 2),
    ] {
        let start = Instant::now();
        let folder = Folder { client: String::new(), address };
        let (code, _, error) = folder.sink("", &["--check"], b"");
        assert_eq!(code, wanted, "{error}");
        assert!(error.contains("hdfs://"), "{error}");
        assert!(!error.contains("me@"), "{error}");
        println!("{:?} {error}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
