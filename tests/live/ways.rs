//! One decoder: the same log live, from disk, from standard input and packed gives the same bytes.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::server::{Kind, Server};
use crate::tail::{Run, run, tail};

const SHOP: &str = include_str!("../../scripts/demo-shop.sql");

/// The lines that hold rows or notices. Markers differ by right: how often they come depends on time.
fn rows(run: Run) -> Vec<String> {
    let text = String::from_utf8(run.good().stdout).unwrap();
    let marker = |line: &str| line.contains("\"data_increment_heartbeat\"");
    text.lines().filter(|line| !marker(line)).map(str::to_owned).collect()
}

fn pack(program: &str, file: &Path, to: &Path) {
    let packed = File::create(to).unwrap();
    let status = Command::new(program).arg("-c").arg(file).stdout(packed).status().unwrap();
    assert!(status.success(), "{program}");
}

fn four_ways(kind: Kind, test: &str) {
    let Some(server) = Server::private(kind, test, &[]) else { return };
    server.sql(SHOP);
    let name = server.position().file;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(&name);
    std::fs::copy(server.log_file(&name), &file).unwrap();
    let at = |ending: &str| folder.path().join(format!("{name}{ending}"));
    pack("zstd", &file, &at(".zst"));
    pack("gzip", &file, &at(".gz"));

    for batch in ["1", "500"] {
        let common = ["--quiet", "--source", "same", "--batch-rows", batch];
        let start = format!("{name}:4");
        let url = server.url();
        let live = run(tail(&common).args(["--start", &start, "--stop", "latest", &url]));
        let disk = run(tail(&common).arg(&file));
        let input = |command: &mut Command, path: &Path| {
            run(command.args(["--log-name", &name, "-"]).stdin(File::open(path).unwrap()))
        };
        let stdin = input(&mut tail(&common), &file);
        let zstd = run(tail(&common).arg(at(".zst")));
        let gzip = run(tail(&common).arg(at(".gz")));

        assert_eq!(disk.stdout, stdin.stdout, "standard input, every byte");
        assert_eq!(disk.stdout, zstd.stdout, "zstd, every byte");
        assert_eq!(disk.stdout, gzip.stdout, "gzip, every byte");
        let disk = rows(disk);
        assert!(disk.len() > if batch == "1" { 2000 } else { 5 }, "{} lines", disk.len());
        if batch == "1" {
            // How full a message is may depend on the network; what it says may not.
            let live = rows(live);
            assert_eq!(disk.len(), live.len());
            for (disk, live) in disk.iter().zip(&live) {
                assert_eq!(disk, live);
            }
        } else {
            live.good();
        }
    }
}

#[test]
fn four_ways_mysql() {
    four_ways(Kind::MySql, "four_ways_mysql");
}

#[test]
fn four_ways_mariadb() {
    four_ways(Kind::MariaDb, "four_ways_mariadb");
}
