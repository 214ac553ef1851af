//! The server's disk is full: nothing that was committed is lost, and the sink goes on when there is
//! room again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::skipped;
use crate::support::{land, marker, position, start};
use crate::target::{Source, Target, Which};

/// A small file system that goes away.
struct Small(tempfile::TempDir);

impl Small {
    fn new(test: &str, size: &str) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("dws-full.").tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=777"), "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            skipped(test, "a small file system cannot be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The server that had its files there was told to stop; it may take a moment.
        for _ in 0..50 {
            let gone = Command::new("umount").arg(self.path()).stderr(Stdio::null()).status();
            if gone.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// A tablespace of 24 MB is filled; then the room is given back.
#[test]
fn a_full_disk_postgres() {
    let test = "a_full_disk_postgres";
    if Target::shared(Which::Postgres, test).is_none() {
        return;
    }
    let Some(small) = Small::new(test, "24m") else { return };
    let Some(target) = Target::private(Which::Postgres, test, &[]) else { return };
    // Whoever the server runs as.
    let reference = format!("--reference={}", target.folder().display());
    assert!(Command::new("chown").arg(reference).arg(small.path()).status().unwrap().success());
    target.ask(&format!("CREATE TABLESPACE small LOCATION '{}'", small.path().display()));
    let table = "CREATE TABLE big (id INT PRIMARY KEY, v TEXT) TABLESPACE small;
                 CREATE TABLE filler (v TEXT) TABLESPACE small;
                 ALTER TABLE big ALTER v SET STORAGE EXTERNAL; ALTER TABLE filler ALTER v SET STORAGE EXTERNAL;";
    target.ask(table);
    target.ask("INSERT INTO filler SELECT repeat('x', 100000) FROM generate_series(1, 100)");
    let big = Source::new("big", &["id"], &[("id", "int", "int"), ("v", "string", "longtext")]);
    let value = "secret".repeat(50_000);
    let message =
        |n: i64| big.message(&[(10 * n, "I", &format!(r#"{n},"{value}""#))]) + &marker(10 * n + 1);
    let kept = || position(&land(&[&target.url(""), "--position"], ""));
    land(&[&target.url("")], &message(1));
    // Not enough room for all: told so, without a value; what the position says is there.
    let input: String = (2..60).map(message).collect();
    let output = crate::support::run(&[&target.url("rows=5&retry=1&workers=1")], &input);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("make room") && !text.contains("secret"), "{text}");
    let there = kept().unwrap() / 10;
    assert!((1..60).contains(&there), "{there}");
    assert!(target.ask("SELECT count(*) FROM big").parse::<i64>().unwrap() >= there);
    // With patience it waits until there is room.
    let mut child = start(&[&target.url("rows=5&retry=600"), "--quiet"]);
    let input: String = (there + 1..60).map(message).collect();
    let mut stdin = child.stdin.take().unwrap();
    let feeder =
        std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    std::thread::sleep(Duration::from_millis(800));
    assert!(child.try_wait().unwrap().is_none());
    target.ask("DROP TABLE filler");
    let began = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(began.elapsed() < Duration::from_secs(200));
    feeder.join().unwrap().unwrap();
    let found = target.ask("SELECT count(*), min(length(v)), max(id) FROM big");
    assert_eq!(found, format!("59|{}|59", value.len()));
    assert_eq!(kept(), Some(591));
}

/// All tables have the room of one file: InnoDB's answer is another one than the disk's. When the
/// administrator has given it more, the sink goes on.
fn a_full_tablespace(which: Which, test: &str) {
    let options = |most: &str| {
        let path = format!("--innodb-data-file-path=ibdata1:12M:autoextend:max:{most}");
        [path, "--innodb-file-per-table=0".to_owned()]
    };
    let few = options("40M");
    let Some(target) = Target::private(which, test, &few.each_ref().map(String::as_str)) else {
        return;
    };
    let big = Source::new("big", &["id"], &[("id", "int", "int"), ("v", "string", "longtext")]);
    let value = "secret".repeat(20_000);
    let message =
        |n: i64| big.message(&[(10 * n, "I", &format!(r#"{n},"{value}""#))]) + &marker(10 * n + 1);
    let kept = || position(&land(&[&target.url(""), "--position"], "")).map_or(0, |id| id / 10);
    land(&[&target.url("")], &message(1));
    let input: String = (2..600).map(message).collect();
    let output = crate::support::run(&[&target.url("rows=5&retry=1&workers=1")], &input);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("make room") && !text.contains("secret"), "{text}");
    let there = kept();
    assert!((1..600).contains(&there));
    assert!(target.ask("SELECT count(*) FROM big").parse::<i64>().unwrap() >= there);
    // With patience it waits until there is room.
    let all = 60;
    let mut child = start(&[&target.url("rows=5&retry=600"), "--quiet"]);
    let input: String = (there + 1..=there + all).map(message).collect();
    let mut stdin = child.stdin.take().unwrap();
    let feeder =
        std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    std::thread::sleep(Duration::from_millis(800));
    assert!(child.try_wait().unwrap().is_none());
    target.kill();
    target.start(&options("200M").each_ref().map(String::as_str));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    feeder.join().unwrap().unwrap();
    let last = there + all;
    let found = target.ask("SELECT count(*), min(length(v)), max(id) FROM big");
    assert_eq!(found, format!("{last}|{}|{last}", value.len()));
    assert_eq!(kept(), last);
}

#[test]
fn a_full_tablespace_mysql() {
    a_full_tablespace(Which::MySql, "a_full_tablespace_mysql");
}

#[test]
fn a_full_tablespace_mariadb() {
    a_full_tablespace(Which::MariaDb, "a_full_tablespace_mariadb");
}
