//! The Parquet log in a bucket, against moto's S3 server (`DWS_TEST_MOTO` names the program).
#![cfg(feature = "s3")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dws::ums::Protocol;

use crate::elsewhere::{self, finish, given_uids, input, uids};
use crate::port::free_port;
use crate::stored;

/// moto looks whether a request is signed, and not how.
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 \
    Credential=test/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x\r\n";

/// A server with an empty bucket `log`.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("DWS_TEST_MOTO") else {
            println!("skipped: DWS_TEST_MOTO names no moto_server");
            return None;
        };
        let port = free_port();
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        let start = Instant::now();
        while !server.ask("PUT", "/log").contains("200") {
            assert!(start.elapsed() < Duration::from_secs(180), "moto does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(server)
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let mut answer = Vec::new();
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Runs `ums-sink --quiet ARGUMENTS`: exit code, standard output, standard error.
    fn sink(&self, arguments: &[&str], input: &[u8]) -> (i32, String, String) {
        finish(self.start_sink(arguments), input)
    }

    fn start_sink(&self, arguments: &[&str]) -> Child {
        self.start_tool(env!("CARGO_BIN_EXE_ums-sink"), &[&["--quiet"], arguments].concat())
    }

    /// Runs `ums-replay ARGUMENTS`: exit code, standard output, standard error.
    fn replay(&self, arguments: &[&str]) -> (i32, String, String) {
        finish(self.start_tool(env!("CARGO_BIN_EXE_ums-replay"), arguments), b"")
    }

    fn start_tool(&self, program: &str, arguments: &[&str]) -> Child {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
        ];
        elsewhere::start(program, arguments, &variables)
    }

    /// Every object under a prefix as a file in a folder.
    fn fetch(&self, prefix: &str, folder: &Path) {
        let listing = self.ask("GET", &format!("/log?list-type=2&prefix={prefix}/"));
        for piece in listing.split("<Key>").skip(1) {
            let key = piece.split("</Key>").next().unwrap();
            let name = key.strip_prefix(prefix).unwrap().trim_start_matches('/');
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            let key = key.replace('%', "%25");
            write!(stream, "GET /log/{key} HTTP/1.0\r\nHost: 127.0.0.1\r\n{SIGNED}\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
            assert!(
                answer.starts_with(b"HTTP/1.1 200") && body < answer.len(),
                "{key}: {}",
                String::from_utf8_lossy(&answer)
            );
            std::fs::write(path, &answer[body..]).unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_log_in_a_bucket_holds_each_row_once() {
    let Some(server) = Server::start() else { return };
    let address = "parquet:s3://log/a/b?rows=10";
    let run = |input: &[u8]| {
        let (code, _, error) = server.sink(&[address], input);
        assert_eq!(code, 0, "{error}");
    };
    run(&input(0..45, Protocol::IncrementData));
    // All of it again, and more.
    run(&input(0..60, Protocol::IncrementData));
    // Rows that share an id: their files share a name, but for the number behind it.
    run(&input(0..30, Protocol::InitialData));
    run(&input(0..35, Protocol::InitialData));
    let folder = tempfile::tempdir().unwrap();
    server.fetch("a/b", folder.path());
    let mut found: Vec<_> =
        stored::all(folder.path()).iter().map(|row| stored::text(row, "_ums_uid_")).collect();
    found.sort();
    let wanted = uids(&[(Protocol::IncrementData, 0..60), (Protocol::InitialData, 0..35)]);
    assert_eq!(found, wanted);
    assert!(folder.path().join("mysql/db1/my%2Eshop/t/0/0/0").is_dir());
    let (code, position, error) = server.sink(&[address, "--position"], b"");
    assert_eq!(code, 0, "{error}");
    assert!(position.contains("\"id\":\"35\""), "{position}");
    let (code, said, _) = server.sink(&[address, "--check"], b"");
    assert_eq!(code, 0);
    assert!(said.contains("can be listed"), "{said}");
    // Given back: each row once, and the positions.
    let (code, rows, error) = server.replay(&["parquet:s3://log/a/b", "--quiet"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(given_uids(rows.as_bytes()), wanted);
    let (code, _, error) = server.replay(&["parquet:s3://log/nothing"]);
    assert_eq!(code, 4, "{error}");
    // What cannot be done in one step is not done at all.
    let (code, _, error) = server.sink(&[address, "--compact"], b"");
    assert_eq!(code, 5, "{error}");
    // Nothing is that old; then everything is.
    let (code, _, error) =
        server.sink(&["parquet:s3://log/a/b", "--drop-before", "2001-01-01"], b"");
    assert_eq!(code, 0, "{error}");
    assert_eq!(server.replay(&["parquet:s3://log/a/b"]).1, rows);
    let (code, _, error) =
        server.sink(&["parquet:s3://log/a/b", "--drop-before", "2100-01-01"], b"");
    assert_eq!(code, 0, "{error}");
    let (code, rows, error) = server.replay(&["parquet:s3://log/a/b"]);
    assert_eq!((code, given_uids(rows.as_bytes()).len()), (0, 0), "{error}");
    // A bucket that is not there.
    let (code, _, error) =
        server.sink(&["parquet:s3://nosuch/x"], &input(0..1, Protocol::IncrementData));
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("s3://nosuch/x"), "{error}");
}

#[test]
fn writers_at_once_never_take_each_others_names() {
    let Some(server) = Server::start() else { return };
    let mut children = Vec::new();
    for number in 0..3i64 {
        let mut child = server.start_sink(&["parquet:s3://log/c"]);
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
    let folder = tempfile::tempdir().unwrap();
    server.fetch("c", folder.path());
    assert_eq!(stored::files(folder.path()).len(), 3);
}
