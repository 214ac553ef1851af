//! What a server refuses or does wrong: a message that says where and what to do, and the exit code.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::server::{Kind, Server, free_port};
use crate::tail::{Run, TAIL, live, run, tail};

const BOTH: [Kind; 2] = [Kind::MySql, Kind::MariaDb];

fn ends(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in: {}", run.stderr);
    }
}

#[test]
fn wrong_password() {
    for kind in BOTH {
        let test = "wrong_password";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.sql(
            "DROP USER IF EXISTS locked@'127.0.0.1';
             CREATE USER locked@'127.0.0.1' IDENTIFIED BY 'right';
             GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO locked@'127.0.0.1';",
        );
        let url = format!("mysql://locked@127.0.0.1:{}/", server.port);
        let bounded = ["--quiet", "--start", "latest", "--stop", "latest"];
        let wrong = run(tail(&bounded).arg(&url).env("DWS_PASSWORD", "wr0ng-secret"));
        ends(&wrong, 5, &["locked"]);
        assert!(!wrong.stderr.contains("wr0ng-secret"), "{}", wrong.stderr);
        run(tail(&bounded).arg(&url).env("DWS_PASSWORD", "right")).good();
    }
}

#[test]
fn no_grant() {
    for kind in BOTH {
        let Some(server) = Server::shared(kind, "no_grant") else { continue };
        server.sql(
            "DROP USER IF EXISTS nothing@'127.0.0.1'; CREATE USER nothing@'127.0.0.1';
             GRANT SELECT ON *.* TO nothing@'127.0.0.1';",
        );
        let url = format!("mysql://nothing@127.0.0.1:{}/", server.port);
        let refused = run(&mut tail(&["--quiet", "--start", "earliest", "--stop", "latest", &url]));
        ends(&refused, 5, &["REPLICATION"]);
    }
}

#[test]
fn nobody_listens() {
    let url = format!("mysql://root@127.0.0.1:{}/", free_port());
    ends(&run(&mut tail(&["--start", "latest", "--stop", "latest", &url])), 4, &["127.0.0.1"]);
}

#[test]
fn position_is_not_there() {
    for kind in BOTH {
        let test = "position_is_not_there";
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        let old = server.position();
        server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); FLUSH BINARY LOGS;");
        let now = server.position();
        server.sql(&format!("INSERT INTO d.t VALUES (1); PURGE BINARY LOGS TO '{}'", now.file));
        ends(&live(&server, &old, &[]), 5, &[&old.file]);

        let mut beyond = now.clone();
        beyond.offset += 1_000_000;
        let (place, url) = (beyond.to_string(), server.url());
        let refused = run(&mut tail(&["--quiet", "--start", &place, &url]));
        assert!(matches!(refused.code, Some(3 | 5)), "{:?} {}", refused.code, refused.stderr);
        assert!(refused.stderr.contains(&now.file), "{}", refused.stderr);
    }
}

/// MySQL ends the elder of two replicas with the same number; that must not look like a hiccup.
#[test]
fn duplicate_server_id() {
    let test = "duplicate_server_id";
    let Some(server) = Server::private(Kind::MySql, test, &[]) else { return };
    server.database(test);
    let url = server.url();
    let arguments = ["--server-id", "77", "--start", "earliest", &url];
    let elder = tail(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut elder = elder.unwrap();
    // Held to the end: a marker that nobody takes would end the elder, too, and with another code.
    let mut output = BufReader::new(elder.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap(); // the first marker: it reads
    let mut younger = Command::new(TAIL).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut younger_output = BufReader::new(younger.stdout.take().unwrap());
    younger_output.read_line(&mut line).unwrap();
    // The elder learns of it with its next event.
    server.sql(&format!(
        "CREATE TABLE {test}.t (id INT PRIMARY KEY); INSERT INTO {test}.t VALUES (1)"
    ));
    let ended = elder.wait_with_output().unwrap();
    drop(output);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let _ = younger.kill();
    let _ = younger.wait();
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(said.contains("server-id") || said.contains("server_id"), "{said}");
}

/// A change that is logged as a statement has no rows to give: stop, unless nobody asked for it.
#[test]
fn statement_logged_change() {
    for kind in BOTH {
        let test = "statement_logged_change";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, a INT); CREATE TABLE u (id INT PRIMARY KEY);
             INSERT INTO t VALUES (1, 1);"
        ));
        let start = server.position();
        server.sql(&format!(
            "USE {test}; INSERT INTO u VALUES (1); SET SESSION binlog_format = STATEMENT;
             UPDATE t SET a = 2 WHERE id = 1; SET SESSION binlog_format = ROW; INSERT INTO u VALUES (2);"
        ));
        let captured = live(&server, &start, &["--tables", &format!("{test}.t")]);
        ends(&captured, 3, &[&start.file, "t", "binlog_format"]);
        assert_eq!(captured.changes().len(), 0);
        let both = live(&server, &start, &["--tables", &format!("{test}.*")]);
        ends(&both, 3, &[&start.file]);
        assert_eq!(both.changes().len(), 1, "what was committed before is written");
        let other = live(&server, &start, &["--tables", &format!("{test}.u")]).good();
        assert_eq!(other.changes().len(), 2);
    }
}

#[test]
fn server_goes_away() {
    for kind in BOTH {
        let test = "server_goes_away";
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY);");
        let url = server.url();
        let command = &mut tail(&["--tables", "d.*", "--start", "earliest", &url]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        server.sql("INSERT INTO d.t VALUES (1)");
        let mut line = String::new();
        while !line.contains("\"tuple\":[\"") || !line.contains(".d.t.") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "ended before the row came");
        }
        server.stop();
        let rest = std::thread::spawn(move || {
            let mut sink = Vec::new();
            std::io::Read::read_to_end(&mut output, &mut sink).unwrap();
        });
        let ended = child.wait_with_output().unwrap();
        rest.join().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(4), "{said}");
        assert!(said.contains("127.0.0.1") || said.contains("server"), "{said}");
    }
}

/// A server that logs statements, or nothing, is named by the test of its settings.
#[test]
fn check_names_what_is_missing() {
    for kind in BOTH {
        let test = "check_names_what_is_missing";
        let Some(good) = Server::shared(kind, test) else { continue };
        run(&mut tail(&["--check", &good.url()])).good();
        let options = ["--binlog-format=STATEMENT", "--binlog-row-metadata=MINIMAL"];
        let Some(server) = Server::private(kind, test, &options) else { continue };
        let checked = run(&mut tail(&["--check", &server.url()]));
        let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), checked.stderr);
        assert_eq!(checked.code, Some(5), "{said}");
        assert!(said.contains("binlog_format"), "{said}");
        assert!(said.contains("binlog_row_metadata"), "{said}");
    }
}

/// A log that was reset, or that lost its end in a crash: a run that is to stop at the end finds that it is
/// past it, and that is not the same as done.
#[test]
fn a_start_behind_the_end_of_the_log() {
    for kind in BOTH {
        let Some(server) = Server::shared(kind, "start_behind_the_end") else { continue };
        let latest = run(&mut tail(&["--quiet", "--stop", "latest", &server.url()]));
        let said = latest.stderr.split("latest position, ").nth(1).unwrap().to_owned();
        let (file, _) = said.split_once(':').unwrap();
        let (base, number) = file.rsplit_once('.').unwrap();
        let next = format!("{base}.{:06}:4", number.parse::<u64>().unwrap() + 100);
        for start in [next, format!("{file}:4000000000")] {
            let bounded = ["--quiet", "--start", &start, "--stop", "latest", &server.url()];
            ends(&run(&mut tail(&bounded)), 5, &["lies behind the end of the server's log"]);
        }
    }
}

#[test]
fn a_port_that_says_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("mysql://u@127.0.0.1:{port}/?connect-timeout=1");
    let began = std::time::Instant::now();
    let silent = run(&mut tail(&["--quiet", &url]));
    ends(&silent, 4, &["no answer within 1 s", "port"]);
    assert!(began.elapsed().as_secs() < 200);
}
