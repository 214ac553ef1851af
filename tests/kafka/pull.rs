//! Whole tables through a topic: pulled into it, landed from it, and swept.

use crate::broker::{Brokers, PULL, SINK, program, run};
use crate::server::{Kind, Server};

/// What left the source between two pulls leaves the target with the second, and nothing else does,
/// although the pull's rows and its end come by several partitions.
#[test]
fn a_reload_through_a_topic_sweeps() {
    let test = "a_reload_through_a_topic_sweeps";
    let Some(brokers) = Brokers::shared(test) else { return };
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(60));
         CREATE TABLE u (id INT PRIMARY KEY, note VARCHAR(60));
         INSERT INTO t (note) SELECT CONCAT('row ', seq) FROM seq_1_to_5000;
         INSERT INTO u SELECT seq, 'u' FROM seq_1_to_100;"
    ));
    let topic = brokers.fresh("pulled");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (url, tables, source) = (brokers.url(&topic), format!("{test}.*"), server.url());
    let (checkpoint, database) = (path("at.json"), path("target.db"));
    let target = format!("sqlite:{database}");
    let pull = || {
        let arguments = [
            &["--quiet", "--tables", &tables, "--shard-rows", "700", "--batch-rows", "50"][..],
            &["--to", &url, "--partitions", "4", &source][..],
        ];
        run(&mut program(PULL, &arguments.concat()));
    };
    let land = || {
        let arguments = [
            &["--from", &url, "--exit-at-end", "--sweep", "--delete", "hard"][..],
            &["--checkpoint", &checkpoint, &target][..],
        ];
        let output = run(&mut program(SINK, &arguments.concat()));
        String::from_utf8(output.stderr).unwrap()
    };
    let there = |table: &str| {
        let output = run(program("python3", &["-c"]).arg(format!(
            "import sqlite3\nfor row in sqlite3.connect('{database}').execute('SELECT id, note FROM {table} ORDER BY id'): print(*row, sep='\\t')"
        )));
        String::from_utf8(output.stdout).unwrap()
    };
    let same = |table: &str| {
        let expected = server.sql(&format!("USE {test}; SELECT id, note FROM {table} ORDER BY id"));
        assert!(expected.lines().count() > 50);
        assert_eq!(there(table), expected, "{table}");
    };
    pull();
    land();
    same("t");
    same("u");
    server.sql(&format!(
        "USE {test}; DELETE FROM t WHERE id % 7 = 0; UPDATE t SET note = 'other' WHERE id % 5 = 0;
         INSERT INTO t (note) VALUES ('new'); DELETE FROM u WHERE id > 60;"
    ));
    pull();
    let said = land();
    assert!(said.contains("714 rows swept") && said.contains("40 rows swept"), "{said}");
    same("t");
    same("u");
    // There is nothing left to do, and nothing more is swept.
    assert!(!land().contains("714"));
    same("t");
}
