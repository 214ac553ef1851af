//! A broker whose disk is full: it halts, whoever writes waits, and nothing is lost.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::broker::{Brokers, Running, TAIL, distinct, uids, wait};
use crate::server::{Kind, Server, skipped};

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(folder).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_is_waited_for() {
    let test = "a_full_disk_is_waited_for";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    let small = |folder: &Path| {
        let data = folder.join("1/data");
        std::fs::create_dir_all(&data).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=60m", "tmpfs"], &data);
        if !mounted {
            skipped(test, "no small disk can be mounted here; run as root");
        }
        mounted
    };
    let settings = &["log.segment.bytes=4194304", "log.index.size.max.bytes=65536"];
    let Some(brokers) = Brokers::prepared(test, 1, settings, small) else { return };
    server.database(test);
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(4000));
         INSERT INTO t (note) SELECT 'x' FROM seq_1_to_100;"
    ));
    let folder = tempfile::tempdir().unwrap();
    let (url, tables, source) = (brokers.url("t"), format!("{test}.*"), server.url());
    let arguments = [
        &["--quiet", "--tables", &tables, "--start", &start, "--to", &url, "--partitions", "2"][..],
        &["-X", "compression.type=none", "--marker-every", "200ms", &source][..],
    ];
    let mut tail = Running::start(TAIL, &arguments.concat(), folder.path());
    wait(60, "the broker's first rows", || {
        let list = Command::new("kcat").args(["-L", "-b", &brokers.list, "-t", "t"]).output();
        assert!(tail.child.try_wait().unwrap().is_none(), "{}", tail.said());
        list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("with 2 partitions"))
    });
    wait(60, "the first rows", || distinct(&brokers.read("t", &[])).len() == 100);
    // 120 MB, twice what fits.
    for _ in 0..10 {
        server.sql(&format!(
            "USE {test}; INSERT INTO t (note) SELECT REPEAT(MD5(seq), 90) FROM seq_1_to_4000;"
        ));
    }
    wait(120, "the broker to halt", || !brokers.runs(1));
    std::thread::sleep(Duration::from_secs(12));
    assert!(tail.child.try_wait().unwrap().is_none(), "it has ended: {}", tail.said());
    assert!(tail.said().contains("broker"), "nobody was told: {}", tail.said());
    let memory = tail.memory();
    println!("{test}: {memory} MiB");
    assert!(memory < 150, "{memory} MiB");
    // A broker that comes back to the same disk halts again, and is waited for again.
    assert!(mount(&["-o", "remount,size=600m"], &brokers.folder().join("1/data")));
    brokers.start();
    wait(180, "all rows", || {
        std::thread::sleep(Duration::from_secs(2));
        brokers.read("t", &[]).matches(",\"I\",").count() >= 40_100
    });
    let there = brokers.read("t", &[]);
    // The same process sent again what was not acknowledged, and the broker kept it once.
    assert_eq!((uids(&there).len(), distinct(&there).len()), (40_100, 40_100));
    tail.end();
}
