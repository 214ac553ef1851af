//! Killed and started again: everything is there, and no shard twice in effect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

#[cfg(feature = "sqlite")]
use crate::output::PULL;
use crate::output::{command, run, tables_of_runs};
use crate::server::{Kind, Server};
#[cfg(feature = "sqlite")]
use crate::tail::SINK;

/// A table of so many rows in shards of a hundred.
fn table(server: &Server, database: &str, rows: usize) {
    server.database(database);
    server.sql(&format!("CREATE TABLE {database}.t (k INT PRIMARY KEY, pad CHAR(100)); CREATE TABLE {database}.u (k INT PRIMARY KEY)"));
    let values: Vec<String> = (0..rows).map(|k| format!("({k}, 'x')")).collect();
    server.sql(&format!(
        "INSERT INTO {database}.t VALUES {}; INSERT INTO {database}.u VALUES (1), (2)",
        values.join(",")
    ));
}

/// Numbers without a library: a step of a linear congruence.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn rounds() -> usize {
    std::env::var("DWS_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// Into a file: whatever the moment, the next runs end it, and rows of finished shards are there
/// once.
#[test]
fn killed_pulls_into_a_file() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_killed_file";
        let Some(server) = Server::shared(kind, test) else { continue };
        table(&server, test, 5000);
        let (url, pattern) = (server.url(), format!("{test}.*"));
        let mut state = 7;
        for round in 0..rounds() {
            let folder = tempfile::tempdir().unwrap();
            let (out, ledger) = (folder.path().join("out.ums"), folder.path().join("state"));
            let (out, ledger) = (out.to_str().unwrap(), ledger.to_str().unwrap());
            let arguments = [
                "--state",
                ledger,
                "--to",
                out,
                "--shard-rows",
                "100",
                "-j",
                "3",
                "--max-rows-per-sec",
                "2500",
                "--tables",
                &pattern,
                &url,
            ];
            let mut kills = 0;
            loop {
                let mut child = command(&arguments[..]).stderr(Stdio::piped()).spawn().unwrap();
                std::thread::sleep(Duration::from_millis(20 + random(&mut state) % 150));
                if kills < 4 && child.try_wait().unwrap().is_none() {
                    // The deadline's program passes nothing on; its child is the pull.
                    let id = child.id();
                    let own =
                        std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
                    for pid in own.split_whitespace() {
                        let _ = std::process::Command::new("kill").args(["-9", pid]).status();
                    }
                    child.wait().unwrap();
                    kills += 1;
                    // Too late: another start would begin a new pull.
                    if std::fs::read_to_string(ledger).is_ok_and(|text| text.contains("\"ended\""))
                    {
                        break;
                    }
                    continue;
                }
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
            let found = tables_of_runs(&std::fs::read(out).unwrap());
            let pulled = &found[&format!("{test}.t")];
            let keys: BTreeSet<&str> = pulled.column("k").into_iter().collect();
            assert_eq!(keys.len(), 5000, "round {round}");
            assert!(!pulled.end.is_empty() && pulled.end.iter().all(|s| s["whole"] == true));
            let rows: u64 = pulled
                .end
                .iter()
                .map(|s| s["rows"].as_str().unwrap().parse::<u64>().unwrap())
                .sum();
            assert_eq!(rows, 5000);
            // At most the shards on their way at each kill are there twice.
            assert!(pulled.rows.len() <= 5000 + kills * 3 * 100, "{} rows", pulled.rows.len());
        }
    }
}

/// Through a pipe: only what the sink's checkpoint confirms is not pulled again.
#[cfg(feature = "sqlite")]
#[test]
fn killed_pulls_into_a_pipe() {
    let test = "pull_killed_pipe";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    table(&server, test, 5000);
    let (url, pattern) = (server.url(), format!("{test}.*"));
    let mut state = 11;
    for _ in 0..rounds() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "'{PULL}' --quiet --state state --checkpoint pos.json --shard-rows 100 --max-rows-per-sec 4000 --tables '{pattern}' '{url}' | \
             '{SINK}' --quiet --checkpoint pos.json 'sqlite:db'"
        );
        let mut kills = 0;
        loop {
            let mut child = std::process::Command::new("bash")
                .args(["-o", "pipefail", "-c", &script])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(30 + random(&mut state) % 200));
            if kills < 4 && child.try_wait().unwrap().is_none() {
                let name =
                    if random(&mut state).is_multiple_of(2) { "ums-sink" } else { "dbus-pull" };
                for pid in descendants(child.id(), name) {
                    let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
                }
                child.wait().unwrap();
                kills += 1;
                continue;
            }
            assert!(child.wait().unwrap().success());
            break;
        }
        assert_eq!(rows_in(&folder.path().join("db"), "t"), 5000);
        assert_eq!(rows_in(&folder.path().join("db"), "u"), 2);
    }
}

/// Processes below one, by name.
#[cfg(feature = "sqlite")]
fn descendants(root: u32, name: &str) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_string()]);
    while let Some(pid) = open.pop() {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let own = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if own.trim() == name {
                found.push(child.to_owned());
            }
            open.push(child.to_owned());
        }
    }
    found
}

#[cfg(feature = "sqlite")]
fn rows_in(path: &Path, table: &str) -> usize {
    let database = rusqlite::Connection::open(path).unwrap();
    let sql = format!("SELECT count(*) FROM \"{table}\" WHERE _is_active_ = 1");
    database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() as usize
}

/// A pull with a state: how it ended, and its rows by table.
fn resumed(
    folder: &Path,
    more: &[&str],
    pattern: &str,
    url: &str,
) -> (String, BTreeMap<String, usize>) {
    let state = folder.join("state");
    let mut arguments = vec!["--state", state.to_str().unwrap(), "--tables", pattern];
    arguments.extend(more);
    arguments.push(url);
    let done = run(&arguments);
    let rows = done.tables().into_iter().map(|(name, table)| (name, table.rows.len())).collect();
    (done.stderr, rows)
}

/// What a state is worth: nothing in a pipe without a checkpoint, all that was confirmed with one.
#[test]
fn a_pipe_confirms_by_its_checkpoint() {
    let test = "pull_confirmed";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    table(&server, test, 500);
    let (url, pattern) = (server.url(), format!("{test}.t"));
    let folder = tempfile::tempdir().unwrap();
    let (stderr, rows) = resumed(folder.path(), &["--shard-rows", "100"], &pattern, &url);
    assert!(stderr.contains("--state without --checkpoint"), "{stderr}");
    assert_eq!(rows[&pattern], 500);
    // The end is not there, as after a kill.
    let path = folder.path().join("state");
    let text = std::fs::read_to_string(&path).unwrap();
    let cut = text.replace("{\"ended\":true}\n", "");
    assert_ne!(text, cut);
    std::fs::write(&path, &cut).unwrap();
    let (_, rows) = resumed(folder.path(), &["--shard-rows", "100"], &pattern, &url);
    assert_eq!(rows[&pattern], 500, "nothing was confirmed");
    // Two of the shards are.
    std::fs::write(&path, &cut).unwrap();
    let head: serde_json::Value = serde_json::from_str(cut.lines().next().unwrap()).unwrap();
    let positions = folder.path().join("pos.json");
    let marker = serde_json::json!({"kind": "pull", "source": "127.0.0.1", "id": "5", "ts": "2026-11-21 01:02:03.000000",
        "file": head["batch"], "pos": "2", "gtid": "", "server": "", "base": "0"});
    write_checkpoint(&positions, &marker);
    let more = ["--shard-rows", "100", "--checkpoint", positions.to_str().unwrap()];
    let (_, rows) = resumed(folder.path(), &more, &pattern, &url);
    assert!((300..=400).contains(&rows[&pattern]), "{rows:?}");
}

fn write_checkpoint(path: &Path, marker: &serde_json::Value) {
    let number = |name: &str| marker[name].as_str().unwrap().parse::<i64>().unwrap();
    let text = |name: &str| marker[name].as_str().unwrap().to_owned();
    let marker = dws::ums::Marker {
        kind: text("kind"),
        source: text("source"),
        id: number("id"),
        ts: text("ts"),
        file: text("file"),
        pos: number("pos") as u64,
        gtid: text("gtid"),
        server: text("server"),
        base: number("base") as u64,
    };
    std::fs::write(path, dws::ums::checkpoint_text(&[marker])).unwrap();
}

/// The marker of a first load is where `dbus-tail` goes on.
#[cfg(feature = "sqlite")]
#[test]
fn a_first_load_hands_over_to_the_log() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_hands_over";
        let Some(server) = Server::shared(kind, test) else { continue };
        table(&server, test, 300);
        let folder = tempfile::tempdir().unwrap();
        let (url, tail) = (server.url(), crate::tail::TAIL);
        let bash = |script: String| {
            let status = std::process::Command::new("bash")
                .args(["-eo", "pipefail", "-c", &script])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .status();
            assert!(status.unwrap().success(), "{script}");
        };
        bash(format!(
            "'{PULL}' --quiet --marker --tables '{test}.t' '{url}' | '{SINK}' --quiet --checkpoint pos.json sqlite:db"
        ));
        server.sql(&format!("DELETE FROM {test}.t WHERE k < 10; UPDATE {test}.t SET k = -1 WHERE k = 50; INSERT INTO {test}.t VALUES (1000, 'n')"));
        bash(format!(
            "'{tail}' --quiet --checkpoint pos.json --stop latest --tables '{test}.t' '{url}' | '{SINK}' --quiet --checkpoint pos.json sqlite:db"
        ));
        assert_eq!(rows_in(&folder.path().join("db"), "t"), 291);
    }
}

/// What is behind a key in the order of one index is not what is behind it in that of another.
#[test]
fn a_state_goes_on_by_its_own_index_only() {
    let test = "pull_other_index";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    let values: Vec<String> = (0..500).map(|k| format!("({k}, {})", 499 - k)).collect();
    server.sql(&format!(
        "CREATE TABLE {test}.t (k INT PRIMARY KEY, n INT NOT NULL); INSERT INTO {test}.t VALUES {}",
        values.join(",")
    ));
    let (url, pattern) = (server.url(), format!("{test}.t"));
    let folder = tempfile::tempdir().unwrap();
    resumed(folder.path(), &["--shard-rows", "100"], &pattern, &url);
    // As after a kill behind the second shard.
    let path = folder.path().join("state");
    let text = std::fs::read_to_string(&path).unwrap();
    let begun = |line: &&str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.get("dbus-pull").is_some() || value["shard"].as_u64().is_some_and(|n| n <= 2)
    };
    let cut: Vec<&str> = text.lines().filter(begun).collect();
    assert_eq!(cut.len(), 3, "{text}");
    std::fs::write(&path, cut.join("\n") + "\n").unwrap();
    server.sql(&format!("ALTER TABLE {test}.t DROP PRIMARY KEY, ADD PRIMARY KEY (n)"));
    let state = path.to_str().unwrap();
    let done = run(&["--shard-rows", "100", "--state", state, "--tables", &pattern, &url]);
    assert_eq!(done.code, Some(5), "{}", done.stderr);
    assert!(done.stderr.contains("by another index"), "{}", done.stderr);
}
