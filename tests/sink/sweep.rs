//! `--sweep` on SQLite, and where it has no meaning.

use super::support::*;
use super::sweeping::{self, Database, end};

fn on_sqlite(test: impl Fn(&Database)) {
    let folder = Folder::new();
    let url = |query: &str| format!("{}?{query}", folder.sqlite());
    test(&Database {
        url: &|query| url(query).trim_end_matches('?').to_owned(),
        ask: &|sql| folder.ask(sql),
        message: |rows| Table::orders().message(rows),
    });
}

#[test]
fn rows_that_the_source_lost_go() {
    for delete in ["soft", "hard"] {
        on_sqlite(|database| sweeping::rows_that_the_source_lost_go(database, delete));
    }
}

#[test]
fn what_cannot_be_swept_is_left() {
    on_sqlite(sweeping::what_cannot_be_swept_is_left);
}

#[test]
fn a_truncate_beside_a_pull() {
    for delete in ["soft", "hard"] {
        for sweep in [false, true] {
            on_sqlite(|database| sweeping::a_truncate_beside_a_pull(database, delete, sweep));
        }
    }
}

#[test]
fn beside_a_writer_with_soft_deletes() {
    on_sqlite(|database| sweeping::beside_a_writer(database, "soft"));
}

#[test]
fn beside_a_writer_with_hard_deletes() {
    on_sqlite(|database| sweeping::beside_a_writer(database, "hard"));
}

#[test]
fn a_resumed_pull() {
    for delete in ["soft", "hard"] {
        on_sqlite(|database| sweeping::a_resumed_pull(database, delete));
    }
}

#[test]
fn where_every_change_is_kept_it_has_no_meaning() {
    let folder = Folder::new();
    let input = end("mysql.db1.shop.orders.0.0.0", 5, true, &[(5, 0)]);
    for arguments in [
        &[folder.text("lines.ums").as_str(), "--sweep"][..],
        &["-", "--sweep"],
        &[&format!("parquet:{}", folder.text("log")), "--sweep"],
        &[&folder.sqlite(), "--sweep", "--mode", "append"],
    ] {
        let text = fail(2, arguments, &input);
        assert!(text.contains("--sweep has no meaning here"), "{text}");
    }
    let text = fail(2, &[&folder.sqlite(), "--sweep", "--reject", &folder.text("bad.ums")], &input);
    assert!(text.contains("--reject"), "{text}");
    assert!(!folder.path("lines.ums").exists() && !folder.path("log").exists());
}

#[test]
fn flows_say_it_each() {
    let folder = Folder::new();
    let flow = |name: &str, to: &str, more: &str| {
        format!("[[flow]]\nname = \"{name}\"\nmatch = \"*\"\nto = \"{to}\"\n{more}\n")
    };
    let file = folder.text("flows.toml");
    let other = format!("sqlite:{}", folder.text("other.db"));
    let flows = flow("a", &folder.sqlite(), "sweep = true") + &flow("b", &other, "");
    std::fs::write(&file, flows).unwrap();
    let orders = Table::orders();
    let row = |id, key| orders.message(&[(id, "I", &format!(r#""{key}","a","1",1"#))]);
    let pull = row(10, 1) + &row(100, 2) + &end(&orders.namespace, 100, true, &[(100, 1)]);
    land(&["--flows", &file, "--quiet"], &pull);
    let count = "SELECT count(*) FROM orders WHERE _is_active_ = 1";
    assert_eq!(folder.ask(count), "1");
    assert_eq!(sqlite3(&folder.path("other.db"), count), "2");
    let part = end(&orders.namespace, 200, false, &[(200, 0)]);
    let text = fail(5, &["--flows", &file, "--quiet"], &part);
    assert!(text.contains("flow a: mysql.db1.shop.orders: not swept"), "{text}");
    let lines = flow("a", &folder.text("x.ums"), "sweep = true");
    std::fs::write(&file, lines).unwrap();
    assert!(fail(2, &["--flows", &file], "").contains("--sweep has no meaning here"));
}

#[test]
fn dry_runs_show_it() {
    let folder = Folder::new();
    let end = end(&Table::orders().namespace, 5, true, &[(5, 0)]);
    assert_eq!(land(&["--dry-run", &folder.sqlite()], &end), "");
    let shown = land(&["--dry-run", "--sweep", &folder.sqlite()], &end);
    assert!(shown.contains("UPDATE \"orders\" SET \"_is_active_\" = 0"), "{shown}");
}
