//! A real server's table at twenty moments, and its log's state as of the same places.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::given::{self, Ask};
use crate::server::{Kind, Server};

/// A row by its key: cells as the server's client prints them.
type Table = BTreeMap<String, Vec<String>>;

/// Numbers in no order, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Some transactions: whole and partial images, rolled back ones, keys that change.
fn round(dice: &mut Dice, extra: bool) -> String {
    let mut script = String::new();
    for _ in 0..1 + dice.roll(6) {
        let image = ["FULL", "MINIMAL", "NOBLOB"][dice.roll(3) as usize];
        script += &format!("SET SESSION binlog_row_image = {image}; BEGIN;");
        for _ in 0..1 + dice.roll(5) {
            let (key, other) = (dice.roll(40), 40 + dice.roll(40));
            let (name, amount) = (dice.roll(1000), dice.roll(100_000));
            script += &match dice.roll(7) {
                // Every column is named: what MariaDB logs of a REPLACE that leaves some to their
                // defaults, with partial images, is an UPDATE without them.
                0 | 1 => format!(
                    "REPLACE INTO things VALUES ({key}, 'n{name}', {amount} / 100, \
                     '2026-11-21 01:02:03.{name:03}', 'it''s {name}'{});",
                    if extra { ", NULL" } else { "" }
                ),
                2 => format!("UPDATE things SET name = 'u{name}' WHERE id = {key};"),
                3 => format!(
                    "UPDATE things SET amount = NULL, note = 'm{name}' WHERE id >= {key} LIMIT 3;"
                ),
                4 if extra => format!("UPDATE things SET extra = {name} WHERE id < {key};"),
                // Of a key that changes, both images have to be whole.
                5 if image == "FULL" => {
                    format!("UPDATE IGNORE things SET id = {other} WHERE id = {key};")
                }
                _ => format!("DELETE FROM things WHERE id = {key};"),
            };
        }
        script += if dice.roll(5) == 0 { "ROLLBACK;\n" } else { "COMMIT;\n" };
    }
    script
}

fn as_of_twenty_moments(kind: Kind) {
    let test = "as_of_is_the_table_at_twenty_moments";
    let Some(server) = Server::shared(kind, test) else { return };
    let name = "replay_moments";
    server.database(name);
    let start = server.position();
    server.sql(&format!(
        "USE {name}; CREATE TABLE things (id INT PRIMARY KEY, name VARCHAR(40), amount DECIMAL(10,2), \
         moment DATETIME(3), note TEXT);"
    ));
    let mut dice = Dice(20_261_121);
    let mut moments: Vec<(i64, Vec<&str>, Table)> = Vec::new();
    for number in 0..20 {
        if number == 9 {
            server.sql(&format!("ALTER TABLE {name}.things ADD COLUMN extra INT"));
        }
        server.sql(&format!("USE {name}; {}", round(&mut dice, number >= 9)));
        let mut columns = vec!["id", "name", "amount", "moment", "note"];
        columns.extend((number >= 9).then_some("extra"));
        let rows = server.rows(&format!("SELECT {} FROM {name}.things", columns.join(",")));
        let place = server.position();
        let file: i64 = place.file.rsplit_once('.').unwrap().1.parse().unwrap();
        let id = file * 1_000_000_000_000 + place.offset as i64 - 1;
        moments.push((id, columns, rows.into_iter().map(|row| (row[0].clone(), row)).collect()));
    }
    assert!(moments.iter().all(|(.., table)| !table.is_empty()));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut tail = Command::new(env!("CARGO_BIN_EXE_dbus-tail"))
        .args(["--quiet", "--before", "--stop", "latest", "--tables", &format!("{name}.*")])
        .args(["--start", &start.to_string(), &server.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let sink = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .args(["--quiet", &format!("parquet:{}?rows=60", log.display())])
        .stdin(tail.stdout.take().unwrap())
        .status()
        .unwrap();
    assert!(sink.success() && tail.wait().unwrap().success());
    for (number, (id, columns, wanted)) in moments.iter().enumerate() {
        let given =
            given::ask(&log, &Ask::as_of(*id).memory(if number % 2 == 0 { 1 } else { 1 << 28 }));
        let mut seen = Table::new();
        for tuple in given::tuples(&given.bytes).0 {
            let cell = |name: &&str| match tuple.get(name) {
                // The column came later than the row's last image: its default is NULL.
                None | Some("null") => "NULL".to_owned(),
                Some(json) => json.trim_matches('"').to_owned(),
            };
            let row: Vec<_> = columns.iter().map(cell).collect();
            assert!(seen.insert(row[0].clone(), row).is_none());
        }
        assert_eq!(&seen, wanted, "{} moment {number}", kind.name());
    }
    server.sql(&format!("DROP DATABASE {name}"));
}

#[test]
fn as_of_is_the_table_at_twenty_moments_of_mysql() {
    as_of_twenty_moments(Kind::MySql);
}

#[test]
fn as_of_is_the_table_at_twenty_moments_of_mariadb() {
    as_of_twenty_moments(Kind::MariaDb);
}
