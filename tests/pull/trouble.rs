//! What can go wrong: message, remedy, exit code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::output::{Run, command, pull, run, tables};
use crate::server::{Kind, Server};

const BOTH: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

/// The run failed with this code and said these words.
fn refused(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in: {}", run.stderr);
    }
}

/// A table of so many rows.
fn table(server: &Server, database: &str, name: &str, rows: usize) {
    let values: Vec<String> = (0..rows).map(|k| format!("({k}, 'x')")).collect();
    server.sql(&format!(
        "CREATE TABLE {database}.{name} (k INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO {database}.{name} VALUES {}",
        values.join(",")
    ));
}

/// A pull that has begun: its first rows are there.
struct Begun {
    child: Child,
    /// What it writes, to the end.
    output: JoinHandle<Vec<u8>>,
}

/// Starts a pull that is slow enough to be disturbed, a thousand rows a second, and waits for rows of it.
fn begun(arguments: &[&str]) -> Begun {
    let mut slow =
        vec!["-j", "1", "--shard-rows", "100", "--batch-rows", "50", "--max-rows-per-sec", "1000"];
    slow.extend(arguments);
    let mut child = command(&slow).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut all = Vec::new();
    let data = |line: &[u8]| String::from_utf8_lossy(line).contains("data_initial_data");
    // One that ends before says why at its end.
    while all.split(|byte| *byte == b'\n').all(|line| !data(line)) {
        if stdout.read_until(b'\n', &mut all).unwrap() == 0 {
            break;
        }
    }
    let output = std::thread::spawn(move || {
        stdout.read_to_end(&mut all).unwrap();
        all
    });
    Begun { child, output }
}

impl Begun {
    fn ended(self) -> Run {
        let run = ended(self.child);
        Run { stdout: self.output.join().unwrap(), ..run }
    }
}

fn ended(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout: output.stdout,
    }
}

#[test]
fn tables_that_are_not_there_or_not_granted() {
    for kind in BOTH {
        let test = "pull_not_there";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        table(&server, test, "t", 3);
        server.sql(&format!(
            "DROP USER IF EXISTS nobody@'%', poor@'%', reader@'%';
             CREATE USER nobody@'%'; CREATE USER poor@'%'; CREATE USER reader@'%';
             GRANT REPLICATION CLIENT ON *.* TO nobody@'%';
             GRANT SELECT ON {test}.* TO poor@'%';
             GRANT SELECT ON {test}.* TO reader@'%'; GRANT REPLICATION CLIENT ON *.* TO reader@'%';"
        ));
        let as_user = |user: &str| server.url().replace("root@", &format!("{user}@"));
        let url = server.url();
        refused(
            &run(&["--tables", &format!("{test}.none"), &url]),
            2,
            &["no such table", "SELECT"],
        );
        refused(&run(&["--tables", &format!("{test}.none,{test}.t"), &url]), 2, &["none"]);
        let pattern = format!("{test}.t");
        refused(&run(&["--tables", &pattern, &as_user("nobody")]), 2, &["no such table", "grant"]);
        // A snapshot of MariaDB tells its position to everybody.
        if kind == Kind::MySql {
            refused(&run(&["--tables", &pattern, &as_user("poor")]), 5, &["REPLICATION CLIENT"]);
        } else {
            assert_eq!(
                run(&["--tables", &pattern, &as_user("poor")]).tables()[&pattern].rows.len(),
                3
            );
            let share = ["--barrier", "share", "--tables", &pattern, &as_user("poor")];
            refused(&run(&share), 5, &["REPLICATION CLIENT"]);
        }
        // SELECT and REPLICATION CLIENT are enough for the barriers without a write or a lock.
        let found = run(&["--tables", &pattern, &as_user("reader")]).tables();
        assert_eq!(found[&pattern].rows.len(), 3);
        let locked = run(&["--barrier", "lock", "--tables", &pattern, &as_user("reader")]);
        refused(&locked, 5, &["RELOAD"]);
        refused(&run(&["--tables", &pattern, "postgres://x/"]), 2, &["mysql://"]);
        refused(
            &run(&["--tables", &pattern, "mysql://root@127.0.0.1:1/"]),
            4,
            &["check that the server runs"],
        );
        refused(&run(&["--tables", &pattern, "--columns", "no", &url]), 2, &["no column no"]);
        refused(&run(&["--tables", &pattern, "--split-by", "no", &url]), 2, &["--split-by"]);
        refused(
            &run(&["--tables", &pattern, "--where", "no = 1", &url]),
            2,
            &["--where", "no", "a condition in"],
        );
    }
}

#[test]
fn a_table_dropped_meanwhile() {
    for kind in BOTH {
        let test = "pull_dropped";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        // A minute of rows: the table goes before its end. Its rows are not waited for.
        table(&server, test, "a", 60_000);
        table(&server, test, "b", 1500);
        let (url, pattern) = (server.url(), format!("{test}.*"));
        let pull = begun(&["--tables", &pattern, &url]);
        server.sql(&format!("DROP TABLE {test}.a"));
        let run = pull.ended();
        refused(
            &run,
            3,
            &["pull_dropped.a went away", "--exclude", "was dropped or renamed meanwhile"],
        );
        let found = tables(&run.stdout);
        assert!(found[&format!("{test}.a")].end.is_empty());
        let other = &found[&format!("{test}.b")];
        other.assert_whole();
        assert_eq!(other.rows.len(), 1500);
    }
}

/// A change of the definition in mid-pull: later shards have the new columns, and nothing is lost.
#[test]
fn a_definition_that_changes_meanwhile() {
    for kind in BOTH {
        for barrier in ["auto", "lock", "share"] {
            let test = "pull_altered";
            let Some(server) = Server::shared(kind, test) else { continue };
            server.database(test);
            table(&server, test, "t", 6000);
            let (url, pattern) = (server.url(), format!("{test}.t"));
            let pull = begun(&["--barrier", barrier, "--tables", &pattern, &url]);
            server.sql(&format!(
                "ALTER TABLE {test}.t DROP COLUMN v, ADD COLUMN w BIGINT UNSIGNED NOT NULL DEFAULT 7, ALGORITHM=COPY"
            ));
            let run = pull.ended();
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            assert!(run.stderr.contains("its definition has changed"), "{}", run.stderr);
            let found = &tables(&run.stdout)[&pattern];
            let names: Vec<_> = found.fields.iter().map(|f| f["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["k", "w"]);
            let keys: std::collections::BTreeSet<&String> =
                found.rows.iter().map(|row| &row[4]).collect();
            assert_eq!(keys.len(), 6000);
            let cells: std::collections::BTreeSet<&String> =
                found.rows.iter().map(|row| &row[5]).collect();
            let cells: Vec<_> = cells.into_iter().collect();
            assert_eq!(cells, ["\"7\"", "\"x\""], "old and new shards");
            assert!(found.end.iter().all(|shard| shard["whole"] == true));
        }
    }
}

#[test]
fn a_server_that_is_away_for_a_while() {
    for kind in BOTH {
        let test = "pull_away";
        let Some(mut server) = Server::private(kind, test, &[]) else { continue };
        server.database(test);
        table(&server, test, "t", 6000);
        let (url, pattern) = (server.url(), format!("{test}.t"));
        let pull = begun(&["--tables", &pattern, &url]);
        server.stop();
        std::thread::sleep(Duration::from_secs(1));
        server.start(&[]);
        let run = pull.ended();
        assert!(run.stderr.contains("trying again"), "{}", run.stderr);
        let found = &run.tables()[&pattern];
        let keys: std::collections::BTreeSet<&str> = found.column("k").into_iter().collect();
        assert_eq!(keys.len(), 6000);
        assert!(found.end.iter().all(|shard| shard["whole"] == true));

        let pull = begun(&["--patience", "2s", "--tables", &pattern, &url]);
        server.stop();
        let start = Instant::now();
        refused(&pull.ended(), 4, &["shard"]);
        assert!(start.elapsed() < Duration::from_secs(120));
    }
}

/// A proxy that sends the first connection to one server and the others to another one.
fn proxy(first: u16, other: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let client = client.unwrap();
            let server =
                TcpStream::connect(("127.0.0.1", if number == 0 { first } else { other })).unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                std::thread::spawn(move || {
                    let mut room = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut room) {
                        if to.write_all(&room[..read]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    port
}

#[test]
fn a_proxy_that_answers_from_another_server() {
    for kind in BOTH {
        let test = "pull_proxy";
        let Some(server) = Server::shared(kind, test) else { continue };
        let Some(other) = Server::private(kind, test, &["--server-id=77"]) else { continue };
        for server in [&server, &other] {
            server.database(test);
            table(server, test, "t", 3);
        }
        let port = proxy(server.port, other.port);
        // Without TLS, so that no connection is opened only to learn that there is none.
        let url = format!("mysql://root@127.0.0.1:{port}/?ssl-mode=disabled");
        let run = run(&["--tables", &format!("{test}.t"), &url]);
        refused(&run, 5, &["two servers answer", "name one server"]);
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn barriers_are_proved_or_refused() {
    let test = "pull_barriers";
    let tried = |server: &Server, barrier: &str| {
        run(&[
            "--barrier",
            barrier,
            "--barrier-table",
            &format!("{test}.row"),
            "--tables",
            &format!("{test}.t"),
            &server.url(),
        ])
    };
    let row = format!(
        "CREATE TABLE {test}.row (id INT UNSIGNED PRIMARY KEY, n BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB"
    );
    let works = |server: &Server, barriers: &[&str]| {
        for barrier in barriers {
            let found = tried(server, barrier).tables();
            assert_eq!(found[&format!("{test}.t")].rows.len(), 3, "{barrier}");
        }
    };
    if let Some(server) = Server::private(Kind::MySql, test, &[]) {
        server.database(test);
        table(&server, test, "t", 3);
        refused(&tried(&server, "write"), 5, &["CREATE TABLE", "GRANT"]);
        refused(&tried(&server, "snapshot"), 5, &["MariaDB"]);
        server.sql(&row);
        works(&server, &["auto", "gtid", "write", "share", "lock"]);
        assert!(
            server.rows(&format!("SELECT SUM(n) FROM {test}.row"))[0][0].parse::<u64>().unwrap()
                >= 2
        );
        server.sql("SET GLOBAL binlog_order_commits = OFF");
        refused(&tried(&server, "write"), 5, &["binlog_order_commits", "gtid"]);
        works(&server, &["auto", "gtid", "share", "lock"]);
        server.sql("SET GLOBAL binlog_order_commits = ON; SET GLOBAL super_read_only = ON");
        refused(&tried(&server, "write"), 5, &["read-only"]);
        works(&server, &["auto", "gtid", "share"]);
        server.sql(&format!("SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF; ALTER TABLE {test}.row ENGINE=MyISAM; ALTER TABLE {test}.t ENGINE=MyISAM"));
        refused(&tried(&server, "write"), 5, &["InnoDB"]);
        refused(&tried(&server, "share"), 5, &["MyISAM", "lock"]);
        works(&server, &["auto", "lock"]);
        let check = run(&["--check", "--tables", &format!("{test}.t"), &server.url()]);
        let text = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(check.code == Some(0) && text.contains("taken: gtid"), "{text}");
        server.sql("SET GLOBAL binlog_format = 'MIXED'");
        refused(&tried(&server, "auto"), 5, &["binlog_format"]);
    }
    if let Some(server) =
        Server::private(Kind::MySql, test, &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])
    {
        server.database(test);
        table(&server, test, "t", 3);
        refused(&tried(&server, "gtid"), 5, &["gtid_mode=ON"]);
        works(&server, &["auto", "share", "lock"]);
    }
    if let Some(server) = Server::private(Kind::MariaDb, test, &[]) {
        server.database(test);
        table(&server, test, "t", 3);
        refused(&tried(&server, "gtid"), 5, &["gtid"]);
        refused(&tried(&server, "write"), 5, &["CREATE TABLE"]);
        server.sql(&row);
        works(&server, &["auto", "snapshot", "write", "share", "lock"]);
    }
    for kind in BOTH {
        let Some(server) = Server::private(kind, test, &["--skip-log-bin"]) else { continue };
        server.database(test);
        table(&server, test, "t", 3);
        refused(&tried(&server, "auto"), 5, &["no binary log"]);
    }
    if let Some(server) =
        Server::private(Kind::MariaDb, test, &["--binlog-ignore-db=pull_barriers"])
    {
        server.database(test);
        table(&server, test, "t", 3);
        refused(&tried(&server, "auto"), 5, &["does not log the schema"]);
    }
}

/// Plans and states are files that people edit.
#[test]
fn files_that_are_not_what_they_should_be() {
    let test = "pull_files";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    table(&server, test, "t", 5);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url();
    let file = |text: &str| {
        let path = folder.path().join("f");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let line = |after: &str, upto: &str| {
        format!(
            "{{\"schema\":\"{test}\",\"table\":\"t\",\"shard\":1,\"columns\":[\"k\"],\"after\":[{after}],\"upto\":[{upto}],\"null\":false}}\n"
        )
    };
    for (text, code, word) in [
        ("not json\n".to_owned(), 3, "line 1"),
        ("{\"a\":1}\n".to_owned(), 3, "line 1"),
        (String::new(), 3, "no shard"),
        (line("\"1 OR 1=1\"", ""), 3, "boundary"),
        (line("\"1\",\"2\"", ""), 3, "boundary"),
        (line("", "\"2'; DROP TABLE t; --\""), 3, "boundary"),
        (line("", "") + &line("", ""), 3, "twice"),
        (line("", "").replace("\"k\"", "\"no\""), 3, "no column"),
    ] {
        refused(&run(&["--shards", &file(&text), &url]), code, &[word]);
    }
    let path = file("precious\n");
    refused(
        &run(&["--state", &path, "--tables", &format!("{test}.t"), &url]),
        5,
        &["not the state of a pull"],
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious\n");
    let state = folder.path().join("s");
    let out = folder.path().join("o");
    let arguments = |pattern: &str| {
        let mut all = vec!["--state".to_owned(), state.to_str().unwrap().to_owned()];
        all.extend([
            "--to".to_owned(),
            out.to_str().unwrap().to_owned(),
            "--tables".to_owned(),
            pattern.to_owned(),
            url.clone(),
        ]);
        all
    };
    let go = |pattern: &str| {
        let all = arguments(pattern);
        run(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(go(&format!("{test}.t")).code, Some(0));
    let text = std::fs::read_to_string(&state).unwrap();
    std::fs::write(
        &state,
        text.replace("{\"ended\":true}\n", "").replace("\"done\"", "\"undone\""),
    )
    .unwrap();
    refused(&go(&format!("{test}.t")), 5, &["not the state"]);
    let first = text.lines().next().unwrap();
    std::fs::write(&state, format!("{first}\n")).unwrap();
    server.sql(&format!("CREATE TABLE {test}.other (k INT)"));
    refused(&go(&format!("{test}.other")), 5, &["the state of another pull", "remove"]);
    assert_eq!(go(&format!("{test}.t")).code, Some(0));
}

/// What monitors read, and a rate that is kept.
#[test]
fn status_and_rate() {
    let test = "pull_status";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    table(&server, test, "t", 500);
    let folder = tempfile::tempdir().unwrap();
    let status = folder.path().join("status.json");
    let start = Instant::now();
    pull(
        &server,
        &format!("{test}.t"),
        &[
            "--status-file",
            status.to_str().unwrap(),
            "--batch-rows",
            "50",
            "--max-rows-per-sec",
            "500",
        ],
    );
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
    let status: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(status).unwrap()).unwrap();
    assert_eq!(status["state"], "done", "{status}");
    assert_eq!((&status["rows"], &status["tables"][0]["rows"]), (&500.into(), &500.into()));
    assert_eq!(status["tables"][0]["ended"], true);
    // A server that is no replica is never behind.
    pull(&server, &format!("{test}.t"), &["--max-lag", "1"]);
}

/// A signal ends a pull after whole messages, and with that signal.
#[test]
fn a_signal_ends_between_messages() {
    let test = "pull_signal";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    // Two minutes of rows.
    const ROWS: usize = 120_000;
    table(&server, test, "t", ROWS);
    let url = server.url();
    let pull = begun(&["--tables", &format!("{test}.t"), &url]);
    let id = pull.child.id();
    let own = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let status = std::process::Command::new("kill").args(["-TERM", own.trim()]).status();
    assert!(status.unwrap().success());
    let start = Instant::now();
    let run = pull.ended();
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_ne!(run.code, Some(0));
    let found = &tables(&run.stdout)[&format!("{test}.t")];
    assert!(found.end.is_empty() && (1..ROWS).contains(&found.rows.len()));
}

/// A transaction that was prepared before the pull cannot be had from where it began.
#[test]
fn prepared_transactions_and_the_marker() {
    for kind in BOTH {
        let test = "pull_prepared";
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        server.database(test);
        table(&server, test, "t", 3);
        let (url, pattern) = (server.url(), format!("{test}.t"));
        let mut session = server.session(test);
        session.say("XA START 'x'; INSERT INTO t VALUES (9, 'n'); XA END 'x'; XA PREPARE 'x'");
        drop(session);
        refused(&run(&["--marker", "--tables", &pattern, &url]), 5, &["prepared", "XA RECOVER"]);
        let without = run(&["--tables", &pattern, &url]);
        assert!(without.stderr.contains("warning: 1 XA transactions"), "{}", without.stderr);
        assert_eq!(without.tables()[&pattern].rows.len(), 3);
        server.sql("XA COMMIT 'x'");
        let after = run(&["--marker", "--tables", &pattern, &url]);
        assert_eq!(after.tables()[&pattern].rows.len(), 4);
    }
}

/// A long transaction holds the table: what is allowed and only busy is tried again.
#[test]
fn a_table_that_is_busy_is_locked_later() {
    let test = "pull_busy";
    let Some(server) = Server::private(Kind::MariaDb, test, &[]) else { return };
    server.database(test);
    table(&server, test, "t", 3);
    let mut session = server.session(test);
    session.say("BEGIN; UPDATE t SET v = 'y' WHERE k = 1");
    let flushes = || server.sql("SHOW GLOBAL STATUS LIKE 'Com_flush'");
    let count = || flushes().split_whitespace().last().unwrap().parse::<u64>().unwrap();
    let before = count();
    let (url, pattern) = (server.url(), format!("{test}.t"));
    let child = command(&["--barrier", "lock", "--tables", &pattern, &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while count() < before + 2 {
        assert!(start.elapsed() < Duration::from_secs(300), "it does not try again");
        std::thread::sleep(Duration::from_millis(100));
    }
    session.say("COMMIT");
    assert_eq!(ended(child).tables()[&pattern].rows.len(), 3);
}

/// A condition stands in brackets, and must not end them: the rows of every shard would be all rows.
#[test]
fn a_condition_ends_no_bracket_of_ours() {
    for kind in BOTH {
        let test = "pull_brackets";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        table(&server, test, "t", 3);
        let pattern = format!("{test}.t");
        let of = |condition| run(&["--tables", &pattern, "--where", condition, &server.url()]);
        refused(&of("k = 1) OR (1 = 1"), 2, &["--where", &pattern]);
        assert_eq!(of("k = 1 OR (k IN (SELECT 2))").code, Some(0));
    }
}
