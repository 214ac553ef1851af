//! Character sets: every character that a set can hold, one row for 256 of them, arrives as the
//! server itself converts it to UTF-8.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::server::{Kind, Server};
use crate::tail::{live, unhex};

/// Sets that neither browsers nor iconv agree on and that no table of ours holds: they are refused
/// with their name, never guessed.
const REFUSED: [&str; 0] = [];

fn every_character(kind: Kind, test: &str) {
    let Some(server) = Server::shared(kind, test) else { return };
    server.database(test);
    let sets = server.rows(
        "SELECT character_set_name FROM information_schema.character_sets
         WHERE character_set_name NOT IN ('binary', 'filename') ORDER BY 1",
    );
    let sets: Vec<String> = sets.into_iter().flatten().collect();
    assert!(sets.len() > 30, "{sets:?}");

    // All of the basic plane but surrogates and the sign for what is no character (some sets have
    // a code for it), and samples above it.
    server.sql(&format!(
        "USE {test}; SET group_concat_max_len = 1000000;
         CREATE TABLE numbers (n INT PRIMARY KEY);
         INSERT INTO numbers WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 255)
           SELECT n FROM c;
         CREATE TABLE points (n INT PRIMARY KEY, c VARCHAR(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin);
         INSERT INTO points SELECT high.n * 256 + low.n, CHAR(high.n * 256 + low.n USING utf32)
           FROM numbers high, numbers low
           WHERE (high.n < 0xd8 OR high.n > 0xdf) AND high.n * 256 + low.n >= 1
             AND high.n * 256 + low.n <> 0xfffd; -- what servers show for codes without a character
         INSERT INTO points SELECT 0x10000 + 257 * (high.n * 16 + low.n), CHAR(0x10000 + 257 * (high.n * 16 + low.n) USING utf32)
           FROM numbers high, numbers low WHERE low.n < 16 AND 0x10000 + 257 * (high.n * 16 + low.n) <= 0x10ffff;"
    ));
    let start = server.position();
    let mut script = format!("USE {test}; SET group_concat_max_len = 1000000, sql_mode = '';\n");
    for set in &sets {
        // What does not come back from the set is not one of its characters.
        writeln!(
            script,
            "CREATE TABLE in_{set} (id INT PRIMARY KEY, c MEDIUMTEXT CHARACTER SET {set});
             INSERT INTO in_{set} SELECT n DIV 256, GROUP_CONCAT(c ORDER BY n SEPARATOR '') FROM points
             WHERE CAST(CONVERT(CONVERT(c USING {set}) USING utf8mb4) AS BINARY) = CAST(c AS BINARY) GROUP BY 1;"
        )
        .unwrap();
    }
    server.sql(&script);

    let mut wrong = Vec::new();
    for set in &sets {
        let run = live(&server, &start, &["--tables", &format!("{test}.in_{set}")]);
        if REFUSED.contains(&set.as_str()) {
            assert_eq!(run.code, Some(3), "{set}: {}", run.stderr);
            assert!(run.stderr.contains(set.as_str()), "{set}: {}", run.stderr);
            continue;
        }
        if run.code != Some(0) {
            wrong.push(format!("{set}: exit {:?}: {}", run.code, run.stderr.trim()));
            continue;
        }
        let rows = server.rows(&format!(
            "SELECT id, HEX(CAST(c AS CHAR CHARACTER SET utf8mb4)) FROM {test}.in_{set}"
        ));
        let shown: BTreeMap<String, String> =
            rows.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        let changes = run.changes();
        if changes.len() != shown.len() {
            wrong.push(format!("{set}: {} rows of {}", changes.len(), shown.len()));
        }
        for change in changes {
            let server = String::from_utf8(unhex(&shown[&change.text("id")])).unwrap();
            let ours = change.text("c");
            let differing: Vec<String> = ours
                .chars()
                .zip(server.chars())
                .filter(|(a, b)| a != b)
                .map(|(a, b)| format!("U+{:04X} for U+{:04X}", a as u32, b as u32))
                .collect();
            if ours != server {
                let some = &differing[..differing.len().min(5)];
                wrong.push(format!(
                    "{set} block {}: {} characters differ, {some:?}",
                    change.text("id"),
                    differing.len()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn characters_mysql() {
    every_character(Kind::MySql, "characters_mysql");
}

#[test]
fn characters_mariadb() {
    every_character(Kind::MariaDb, "characters_mariadb");
}

/// Bytes that are none of the column's characters stop the run, or are replaced when asked.
#[test]
fn undecodable_text() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "undecodable_text";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!(
            "USE {test}; SET sql_mode = '';
             CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(20) CHARACTER SET sjis);
             INSERT INTO t VALUES (1, 'ok');"
        ));
        // Servers check what they store; 0x85 0x40 is stored by sjis and has no Unicode character.
        let stored = server.try_sql(&format!("INSERT INTO {test}.t VALUES (2, _sjis x'8540');"));
        if stored.is_err() {
            continue;
        }
        let run = live(&server, &start, &["--tables", &format!("{test}.*")]);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        for word in [test, "c", "replace"] {
            assert!(run.stderr.contains(word), "{word} is not in: {}", run.stderr);
        }
        let run =
            live(&server, &start, &["--tables", &format!("{test}.*"), "--bad-text", "replace"]);
        assert!(run.good().changes()[1].text("c").contains('\u{fffd}'));
    }
}
