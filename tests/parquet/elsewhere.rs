//! What the tests of logs that are not in a local folder share: rows, and tools run to their end.
#![cfg(any(feature = "s3", feature = "hdfs"))]

use std::io::Write;
use std::ops::Range;
use std::process::{Child, Command, Stdio};

use dws::ums::Protocol;

use crate::given;
use crate::stream::{self, Row};

/// Rows of one table, a message each and a marker behind it; snapshots' rows share one id.
pub fn input(ids: Range<i64>, protocol: Protocol) -> Vec<u8> {
    // A dot in a name is written %2E, and once only.
    let schema = stream::schema("mysql.db1.my%2Eshop.t.0.0.0", Vec::new());
    let mut lines = Vec::new();
    for id in ids {
        let own = if protocol == Protocol::InitialData { 7 } else { id };
        let row = Row::new(own, format!("{}-{id}", protocol.name()));
        lines.extend(stream::line(protocol, &schema, &[row]));
        lines.push(b'\n');
        stream::marker("db1", id + 1).write(dws::ums::Dialect::Dws, &mut lines);
    }
    lines
}

/// The uids of those rows, sorted.
pub fn uids(parts: &[(Protocol, Range<i64>)]) -> Vec<String> {
    let name = |(protocol, ids): &(Protocol, Range<i64>)| {
        let protocol = protocol.name();
        ids.clone().map(move |id| format!("{protocol}-{id}"))
    };
    let mut uids: Vec<_> = parts.iter().flat_map(name).collect();
    uids.sort();
    uids
}

/// The uids in what `ums-replay` gave, sorted.
pub fn given_uids(lines: &[u8]) -> Vec<String> {
    let uid = |tuple: &given::Tuple| tuple.get("_ums_uid_").unwrap().trim_matches('"').to_owned();
    let mut uids: Vec<_> = given::tuples(lines).0.iter().map(uid).collect();
    uids.sort();
    uids
}

/// Starts a tool with pipes.
pub fn start(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Child {
    Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Feeds a tool: exit code, standard output, standard error.
pub fn finish(mut child: Child, input: &[u8]) -> (i32, String, String) {
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let done = child.wait_with_output().unwrap();
    feed.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}
