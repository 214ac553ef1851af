//! The log over TLS: with users that the servers let in no other way, issuers that are wrong, and the
//! two ways in which caching_sha2_password hands over a password.

use std::path::Path;
use std::process::Command;

use crate::server::{Kind, Position, Server};
use crate::tail::{Run, run, tail};
use crate::transactions::BOTH;

/// An issuer, and a server certificate of it for 127.0.0.1.
fn certificates(folder: &Path) {
    let script = "
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=issuer -keyout ca.key -out ca.pem
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout other.key -out other.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout key.pem -out server.csr
        printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem
        chmod a+r *.pem";
    let made = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn read(server: &Server, start: &Position, user: &str, options: &str) -> Run {
    let url = format!("mysql://{user}@127.0.0.1:{}/?{options}", server.port);
    let place = start.to_string();
    let arguments = ["--quiet", "--tables", "d.*", "--start", &place, "--stop", "latest", &url];
    run(tail(&arguments).env("DWS_PASSWORD", "s3cret word"))
}

#[test]
fn log_over_tls() {
    for kind in BOTH {
        let test = "log_over_tls";
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let options = ["ca", "cert", "key"]
            .map(|name| format!("--ssl-{name}={}", path(&format!("{name}.pem"))));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let Some(server) = Server::private(kind, test, &options) else { continue };
        server.sql(
            "CREATE USER tls@'127.0.0.1' IDENTIFIED BY 's3cret word' REQUIRE SSL;
             GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO tls@'127.0.0.1';",
        );
        let start = server.position();
        server.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1), (2)");
        let (right, wrong) = (path("ca.pem"), path("other.pem"));
        // Only TLS lets this user in, for the log as for everything else.
        for options in [
            String::new(),
            "ssl-mode=required".into(),
            format!("ssl-mode=verify-ca&ssl-ca={right}"),
            format!("ssl-mode=verify-identity&ssl-ca={right}"),
        ] {
            let found = read(&server, &start, "tls", &options).good();
            assert_eq!(found.changes().len(), 2, "{kind:?} {options}");
        }
        for (options, word) in [
            ("ssl-mode=disabled".to_owned(), "tls"),
            (format!("ssl-mode=verify-ca&ssl-ca={wrong}"), "ssl-ca"),
            (format!("ssl-mode=verify-identity&ssl-ca={wrong}"), "ssl-ca"),
        ] {
            let refused = read(&server, &start, "tls", &options);
            assert_eq!(refused.code, Some(5), "{kind:?} {options}: {}", refused.stderr);
            assert!(refused.stderr.contains(word), "{kind:?} {options}: {}", refused.stderr);
            assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
            assert!(refused.stdout.is_empty());
        }
    }
}

/// The server forgets passwords that it has checked: the next login hands over the whole password, in
/// clear inside TLS, encrypted with the server's key outside of it; the one after needs neither.
#[test]
fn caching_sha2_both_ways() {
    let test = "caching_sha2_both_ways";
    let Some(server) = Server::private(Kind::MySql, test, &[]) else { return };
    server.sql(
        "CREATE USER sha@'127.0.0.1' IDENTIFIED WITH caching_sha2_password BY 's3cret word';
         GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO sha@'127.0.0.1';",
    );
    let start = server.position();
    server.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)",
    );
    for options in ["ssl-mode=disabled", "ssl-mode=required"] {
        server.sql("FLUSH PRIVILEGES");
        for _ in 0..2 {
            let found = read(&server, &start, "sha", options).good();
            assert_eq!(found.changes().len(), 1, "{options}");
        }
    }
}
