//! A Redis server as the store; each test has its own.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{free_port, skipped};
use crate::stream::{Live, fail, fields, ok, program, rows};
use crate::target::Source;

struct Redis {
    port: u16,
    child: Child,
    more: Vec<String>,
}

impl Redis {
    fn start(test: &str, more: &[&str]) -> Option<Self> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            skipped(test, "no redis-server in the path");
            return None;
        }
        let (port, more) = (free_port(), more.iter().map(|word| (*word).to_owned()).collect());
        let child = spawn(port, &more);
        Some(Self { port, child, more })
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn again(&mut self) {
        self.child = spawn(self.port, &self.more);
    }

    fn tell(&self, script: &str) {
        let mut child = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !said.contains("ERR"), "{said}");
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn spawn(port: u16, more: &Vec<String>) -> Child {
    let child = Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .args(more)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(180);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn orders() -> Source {
    Source::new("orders", &["id"], &[("id", "int", "int"), ("customer", "string", "varchar(40)")])
}

fn message(customers: &[&str]) -> String {
    let rows: Vec<(i64, &str, String)> = customers
        .iter()
        .enumerate()
        .map(|(n, customer)| {
            (n as i64, "I", format!("{n},{}", serde_json::to_string(customer).unwrap()))
        })
        .collect();
    let rows: Vec<(i64, &str, &str)> =
        rows.iter().map(|(n, op, cells)| (*n, *op, cells.as_str())).collect();
    orders().message(&rows)
}

#[test]
fn hashes_strings_and_documents() {
    let Some(redis) = Redis::start("hashes_strings_and_documents", &[]) else { return };
    redis.tell(
        "HSET c:7 name \"Zo\\xc3\\xab \\\"7\\\"\" level 3\nHSET c:8 name b\nHSET c:9 other x\n\
         HSET \"c:a b\\r\\nDEL c:7\" name odd level 1\n\
         SET t:7 token7\nSET j:7 '{\"name\":\"a\",\"address\":{\"city\":\"x\"},\"n\":[1,2]}'\n\
         SET j:8 '[{\"name\":\"p\"},{\"name\":\"q\"}]'\nSET c:wrong text\n",
    );
    let url = redis.url();
    let ask = |query: &str, more: &[&str], customers: &[&str]| {
        ok(&[&["--lookup", &url, "--query", query], more].concat(), &message(customers))
    };
    let hash = "SELECT name, level int AS lvl FROM HASH 'c:{customer}'";
    let found = ask(hash, &[], &["7", "8", "9", "10", "a b\r\nDEL c:7", "7"]);
    assert_eq!(
        rows(&found),
        [
            r#"I 0 "7" "Zoë \"7\"" 3"#,
            r#"I 1 "8" "b" null"#,
            r#"I 4 "a b\r\nDEL c:7" "odd" 1"#,
            r#"I 5 "7" "Zoë \"7\"" 3"#,
        ]
    );
    assert_eq!(fields(&found)[2..], ["name string -", "lvl int -"]);
    let text =
        ask("SELECT token FROM STRING 't:{customer}'", &["--unmatched", "send"], &["7", "8"]);
    assert_eq!(rows(&text), [r#"I 0 "7" "token7""#, r#"I 1 "8" null"#]);
    let json = "SELECT name, address.city AS city, n FROM JSON 'j:{customer}'";
    assert_eq!(rows(&ask(json, &[], &["7"])), [r#"I 0 "7" "a" "x" "[1,2]""#]);
    assert_eq!(rows(&ask(json, &["--matches", "many"], &["8"])).len(), 2);
    for (query, customer, why) in [
        (hash, "wrong", "does not hold"),
        ("SELECT name int FROM HASH 'c:{customer}'", "7", "column name"),
        ("SELECT a FROM JSON 't:{customer}'", "7", "of JSON"),
    ] {
        let said = fail(5, &["--lookup", &url, "--query", query], &message(&[customer]));
        assert!(said.contains(why) && !said.contains("Zo"), "{said}");
    }
    let checked = ok(&["--lookup", &url, "--query", hash, "--check"], "");
    assert!(checked.contains("gives name (string), lvl (int)"), "{checked}");
}

#[test]
fn a_password_and_a_server_that_is_gone() {
    let Some(mut redis) = Redis::start("a_password", &["--requirepass", "s3cret"]) else { return };
    let url = redis.url();
    let query = "SELECT name FROM HASH 'c:{customer}'";
    let lookup = [
        "--lookup",
        &url,
        "--query",
        query,
        "--unmatched",
        "send",
        "--cache-for",
        "0",
        "--cache-missing",
        "0",
    ];
    let said = fail(5, &lookup, "");
    assert!(said.contains("NOAUTH"), "{said}");
    let mut right = program(&lookup);
    assert!(right.env("DWS_PASSWORD", "s3cret").stdin(Stdio::null()).status().unwrap().success());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let more = ["--password-file", file.to_str().unwrap()];
    let mut live = Live::start(&[&lookup[..], &more].concat());
    live.send(&message(&["7"]));
    assert_eq!(live.next().len(), 1);
    redis.stop();
    live.send(&message(&["7"]));
    assert!(live.is_still(800));
    redis.again();
    assert_eq!(live.next(), [r#"I 0 "7" null"#]);
    let said = live.end();
    assert!(said.contains("asking again") && !said.contains("s3cret"), "{said}");
}
