//! Many flows in one process: what each gets, positions, failures, reading the file again.

use std::io::{BufRead, BufReader, Write};

use super::support::*;

fn table(name: &str) -> Table {
    Table { namespace: format!("mysql.db1.shop.{name}.0.0.0"), ..Table::orders() }
}

fn row(name: &str, id: i64) -> String {
    table(name).message(&[(id, "I", &format!(r#""{id}","n{id}","1.00",{id}"#))])
}

/// A file of flows: name, the other lines.
fn flows(folder: &Folder, flows: &[(&str, &str)]) -> String {
    let text: String =
        flows.iter().map(|(name, rest)| format!("[[flow]]\nname = \"{name}\"\n{rest}\n")).collect();
    std::fs::write(folder.path("flows.toml"), text).unwrap();
    folder.text("flows.toml")
}

fn to(folder: &Folder, pattern: &str, place: &str) -> String {
    format!("match = \"{pattern}\"\nto = \"{}\"\n", place.replace('@', &folder.text("")))
}

fn stored(folder: &Folder, name: &str) -> Option<i64> {
    std::fs::read_to_string(folder.path(name)).ok().and_then(|text| position(&text))
}

#[test]
fn every_flow_that_matches_gets_the_rows() {
    let folder = Folder::new();
    let one = to(&folder, "*.*.shop.a", "sqlite:@/t.db") + "table = \"{schema}_{table}\"\n";
    let both = to(&folder, "*.*.shop", "@/all.ums");
    let some =
        to(&folder, "*.*.*.b", "sqlite:@/t.db") + "columns = [\"id\", \"n\"]\ndelete = \"hard\"\n";
    let file = flows(&folder, &[("one", &one), ("both", &both), ("some", &some)]);
    let mut input = String::new();
    for id in 1..20 {
        input += &(row("a", id) + &row("b", id) + &marker(id + 1));
    }
    input += &table("b").message(&[(30, "D", r#""1","x","1",1"#)]);
    input += "\n";
    let other = Table { namespace: "mysql.db1.else.x.0.0.0".into(), ..Table::orders() };
    input += &other.message(&[(40, "I", r#""1","x","1",1"#), (41, "I", r#""2","x","1",1"#)]);
    let output = run(&["--flows", &file], &input.replace("\n\n", "\n"));
    let text = error_text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("no flow takes mysql.db1.else.x"), "{text}");
    assert!(text.contains("2 rows of 1 tables matched no flow"), "{text}");
    assert!(text.contains("flow one: 19 rows") && text.contains("flow both: 39 rows"), "{text}");
    assert_eq!(folder.ask("SELECT count(*), sum(n) FROM shop_a"), "19|190");
    assert_eq!(folder.ask("SELECT count(*), sum(n) FROM b"), "18|189");
    let columns = "SELECT group_concat(name) FROM pragma_table_info('b')";
    assert_eq!(folder.ask(columns), "id,n,_ums_id_,_ums_ts_,_ums_op_,_is_active_");
    let all = std::fs::read_to_string(folder.path("all.ums")).unwrap();
    assert_eq!(all.matches("\"tuple\"").count(), 39 + 19);
    assert_eq!(position(&land(&[&folder.sqlite(), "--position"], "")), Some(20));
}

#[test]
fn the_common_position_is_the_least() {
    let folder = Folder::new();
    let quick = to(&folder, "*.*.*.a", "sqlite:@/t.db?rows=1");
    let slow = to(&folder, "*.*.*.b", "@/b.ums");
    let file = flows(&folder, &[("quick", &quick), ("slow", &slow)]);
    let checkpoint = folder.text("p.json");
    // A bad row for the database ends the run while it is behind.
    let bad = table("a").message(&[(12, "I", r#""x","a","1",1"#)]);
    let input = row("b", 1) + &row("a", 2) + &marker(3) + &row("a", 4) + &marker(5) + &row("b", 6);
    let text = fail(3, &["--flows", &file, "--checkpoint", &checkpoint], &(input + &bad));
    assert!(text.contains("stdin:7: flow quick: "), "{text}");
    // The quick one was durable behind the first marker, the slow one never.
    assert_eq!(stored(&folder, "p.json.quick"), Some(3));
    assert_eq!(stored(&folder, "p.json.slow"), None);
    assert_eq!(stored(&folder, "p.json"), None);
    land(
        &["--flows", &file, "--checkpoint", &checkpoint],
        &(row("a", 2) + &marker(3) + &row("b", 7)),
    );
    for name in ["p.json", "p.json.quick", "p.json.slow"] {
        assert_eq!(stored(&folder, name), Some(3), "{name}");
    }
}

#[test]
fn a_flow_that_fails_stays_behind_alone() {
    let folder = Folder::new();
    let bad = to(&folder, "*.*.*.a", "sqlite:@/a.db");
    let good = to(&folder, "*", "sqlite:@/t.db") + "mode = \"append\"\n";
    let file = flows(&folder, &[("bad", &bad), ("good", &good)]);
    let checkpoint = folder.text("p.json");
    let arguments = ["--flows", &file, "--checkpoint", &checkpoint, "--keep-going"];
    land(&arguments, &(row("a", 1) + &marker(2)));
    let wrong = Table { keys: vec![], ..table("a") };
    let input = row("a", 3)
        + &wrong.message(&[(4, "I", r#""4","a","1",1"#)])
        + &marker(5)
        + &row("a", 6)
        + &marker(7);
    let text = fail(5, &arguments, &input);
    assert!(text.contains("flow bad: ") && text.contains("going on without bad"), "{text}");
    assert!(text.contains("1 of 2 flows failed"), "{text}");
    assert_eq!(folder.ask("SELECT count(*) FROM a"), "4");
    assert_eq!(stored(&folder, "p.json.good"), Some(7));
    assert_eq!(stored(&folder, "p.json.bad"), Some(2));
    assert_eq!(stored(&folder, "p.json"), Some(2), "the next start delivers again from here");
    // Mended: what it missed comes again, and to the other flow that changes nothing.
    land(&arguments, &(row("a", 3) + &row("a", 4) + &marker(5) + &row("a", 6) + &marker(7)));
    assert_eq!(sqlite3(&folder.path("a.db"), "SELECT count(*) FROM a"), "4");
    assert_eq!(folder.ask("SELECT count(*) FROM a"), "4");
    assert_eq!(stored(&folder, "p.json"), Some(7));
    // Without --keep-going the process stops, with the name.
    let text = fail(5, &arguments[..4], &input);
    assert!(text.contains("flow bad: ") && !text.contains("going on"), "{text}");
}

#[test]
fn the_file_is_read_again_without_losing_a_row() {
    let folder = Folder::new();
    let a = to(&folder, "*.*.*.a", "sqlite:@/t.db");
    let b = to(&folder, "*.*.*.b", "sqlite:@/t.db");
    let file = flows(&folder, &[("a", &a)]);
    let mut child = start(&["--flows", &file, "--checkpoint", &folder.text("p.json"), "--quiet"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut heard = |word: &str| {
        let line = stderr.next().unwrap().unwrap();
        assert!(line.contains(word), "{line}");
    };
    let hangup = |child: &std::process::Child| {
        std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap()
    };
    stdin.write_all((row("a", 1) + &row("b", 1) + &marker(2)).as_bytes()).unwrap();
    heard("no flow takes mysql.db1.shop.b");
    // A broken file keeps the flows as they were.
    std::fs::write(folder.path("flows.toml"), "[[flow]]\nname = ").unwrap();
    hangup(&child);
    heard("going on with the flows as they were");
    stdin.write_all(row("a", 3).as_bytes()).unwrap();
    // So does a destination that cannot be opened.
    flows(
        &folder,
        &[("a", &(a.clone() + "columns = [\"id\"]")), ("z", &to(&folder, "*", "sqlite:@/no/z.db"))],
    );
    hangup(&child);
    heard("going on with the flows as they were");
    stdin.write_all((row("a", 4) + &marker(5)).as_bytes()).unwrap();
    flows(&folder, &[("a", &a), ("b", &b)]);
    hangup(&child);
    heard("flows read again: 2, of which 1 new; 0 ended");
    stdin.write_all((row("a", 6) + &row("b", 6) + &marker(7)).as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(folder.ask("SELECT group_concat(id), min(n) FROM a"), "1,3,4,6|1");
    assert_eq!(folder.ask("SELECT group_concat(id) FROM b"), "6");
    assert_eq!(stored(&folder, "p.json"), Some(7));
}

#[test]
fn a_file_of_flows_is_checked() {
    let folder = Folder::new();
    let file = flows(
        &folder,
        &[("a", &to(&folder, "*", "sqlite:@/t.db")), ("b", &to(&folder, "*", "@/b.ums"))],
    );
    let said = land(&["--flows", &file, "--check"], "");
    assert!(said.contains("flow a: ") && said.contains("flow b: "), "{said}");
    assert!(!folder.path("t.db").exists());
    let file = flows(&folder, &[("a", "match = \"*\"\nto = \"sqlite:x\"\ntabel = \"x\"")]);
    let text = fail(2, &["--flows", &file, "--check"], "");
    assert!(text.contains("flows.toml:5: ") && text.contains("tabel"), "{text}");
    let file = flows(&folder, &[("a", "match = \"*\"\nto = \"-\"")]);
    let text = fail(2, &["--flows", &file, "--checkpoint", "p"], "");
    assert!(text.contains("flow a") && text.contains("never durable"), "{text}");
    fail(4, &["--flows", &folder.text("none.toml")], "");
    fail(2, &["--flows", &file, "--map", "a=b"], "");
    fail(2, &[], "");
}

#[test]
fn a_key_that_is_not_among_the_columns_is_refused() {
    let folder = Folder::new();
    let file = flows(&folder, &[("a", &(to(&folder, "*", "sqlite:@/t.db") + "columns = [\"n\"]"))]);
    let text = fail(5, &["--flows", &file], &row("a", 1));
    assert!(text.contains("flow a: ") && text.contains("key column id"), "{text}");
}

#[test]
fn rejected_rows_say_their_flow() {
    let folder = Folder::new();
    let file = flows(
        &folder,
        &[("a", &to(&folder, "*", "sqlite:@/t.db")), ("b", &to(&folder, "*", "@/b.ums"))],
    );
    let input = table("a").message(&[(2, "I", r#""x","a","1",1"#)]) + &row("a", 3) + &marker(4);
    let reject = folder.text("r.ums");
    fail(1, &["--flows", &file, "--reject", &reject], &input);
    let rejected = std::fs::read_to_string(reject).unwrap();
    assert!(
        rejected.lines().count() == 1 && rejected.contains(r#""reject":{"flow":"a","#),
        "{rejected}"
    );
    assert_eq!(folder.ask("SELECT group_concat(id) FROM a"), "3");
}

/// One database under two addresses: no position in it is ahead of the other flow's rows.
#[test]
fn one_database_under_two_addresses() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(folder.path("t.db"), folder.path("link.db")).unwrap();
    land(&[&folder.sqlite()], &row("z", 1));
    let a = to(&folder, "*.*.*.a", "sqlite:@/t.db?rows=1&busy=2");
    let b = to(&folder, "*.*.*.b", "sqlite:@/link.db?seconds=600&busy=2");
    let file = flows(&folder, &[("a", &a), ("b", &b)]);
    let bad = table("b").message(&[(9, "I", r#""x","b","1",1"#)]);
    let input = row("b", 2) + &row("a", 3) + &marker(4) + &row("a", 5) + &bad;
    fail(3, &["--flows", &file], &input);
    assert_eq!(position(&land(&[&folder.sqlite(), "--position"], "")), Some(4));
    assert_eq!(folder.ask("SELECT count(*) FROM b"), "1");
}

#[test]
fn the_position_of_all_flows_is_the_least() {
    let folder = Folder::new();
    let a = to(&folder, "*.*.*.a", "sqlite:@/a.db");
    let b = to(&folder, "*.*.*.b", "sqlite:@/t.db");
    let file = flows(&folder, &[("a", &a), ("b", &b)]);
    let arguments = ["--flows", &file, "--position"];
    assert_eq!(position(&land(&arguments, "")), None);
    land(&["--flows", &file], &(row("a", 1) + &row("b", 2) + &marker(3)));
    assert_eq!(position(&land(&arguments, "")), Some(3));
    land(&[&folder.sqlite()], &(row("b", 4) + &marker(5)));
    assert_eq!(position(&land(&arguments, "")), Some(3));
    // A destination that keeps none: said, with what helps.
    let c = to(&folder, "*", "@/c.ums");
    let file = flows(&folder, &[("a", &a), ("c", &c)]);
    let text = fail(2, &["--flows", &file, "--position"], "");
    assert!(text.contains("flow c: ") && text.contains("--checkpoint"), "{text}");
}

#[test]
fn what_flows_would_do_is_shown_by_name() {
    let folder = Folder::new();
    let a = to(&folder, "*.*.*.a", "sqlite:@/a.db")
        + "table = \"x_{table}\"\ncolumns = [\"id\", \"n\"]\n";
    let all = to(&folder, "*", "@/all.ums");
    let file = flows(&folder, &[("a", &a), ("all", &all)]);
    let input = row("a", 1) + &row("a", 2) + &row("b", 3) + &marker(4);
    let place = folder.text("p.json");
    let said = land(&["--flows", &file, "--dry-run", "--checkpoint", &place], &input);
    assert_eq!(said.matches("flow a: CREATE TABLE").count(), 1, "{said}");
    assert!(said.contains("x_a") && !said.contains("amount") && !said.contains("n1"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("flow all: ")), "{said}");
    for name in ["a.db", "all.ums", "p.json"] {
        assert!(!folder.path(name).exists(), "{name}");
    }
    for more in [["--compact"].as_slice(), &["--drop-before", "2026-11-21"]] {
        fail(2, &[&["--flows", &file], more].concat(), "");
    }
}
