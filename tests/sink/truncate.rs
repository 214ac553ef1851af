//! TRUNCATE and DROP of the source, whatever comes twice, late or mixed up.

use std::io::Write;

use dws::ums::Cause;

use super::support::*;

fn row(id: i64, key: i64, name: &str) -> String {
    Table::orders().message(&[(id, "I", &format!(r#""{key}","{name}","1",1"#))])
}

#[test]
fn rows_go_in_the_order_of_the_stream() {
    for delete in ["soft", "hard"] {
        for cause in [Cause::Truncate, Cause::Drop] {
            let folder = Folder::new();
            let input = row(10, 1, "a")
                + &row(11, 2, "b")
                + &notice(20, Some(cause), true)
                + &row(30, 2, "c")
                + &marker(40);
            let output = run(&[&folder.sqlite(), "--delete", delete, "--quiet"], &input);
            assert!(output.status.success());
            assert_eq!(error_text(&output), "");
            assert_eq!(folder.ask(FINAL), "2|c|1|1", "{delete} {cause:?}");
            let gone = folder
                .ask("SELECT id, _ums_id_, _ums_ts_, _ums_op_ FROM orders WHERE _is_active_ = 0");
            let soft = "1|20|2026-11-21 02:00:00.000000|D";
            assert_eq!(gone, if delete == "soft" { soft } else { "" });
        }
    }
}

#[test]
fn whatever_the_order_the_table_is_the_same() {
    let mut random = Random::seeded();
    let before = Workload::new(&mut random, 300, 20);
    let orders = Table::orders();
    // Behind all ids of the workload: a truncate, and a few rows of before come back.
    let end = 1_000_000 + 10 * 300 + 100;
    let rows = [(end + 10, "I", r#""3","new","1.00",1"#), (end + 20, "D", r#""4","x","1.00",1"#)];
    let mut messages = before.messages.clone();
    messages.extend([truncate(end), orders.message(&rows)]);
    for delete in ["soft", "hard"] {
        for _ in 0..3 {
            let mut order: Vec<usize> = (0..messages.len()).chain(0..messages.len()).collect();
            random.shuffle(&mut order);
            let input: String = order.iter().map(|at| messages[*at].as_str()).collect();
            let folder = Folder::new();
            land(&[&folder.sqlite(), "--delete", delete], &input);
            assert_eq!(folder.ask(FINAL), "3|new|1.00|1", "{delete}");
            // In another run, too: rows with keys that were never seen, and partial ones.
            let partial = Table { fields: vec![("id", "long"), ("n", "int")], ..orders.clone() };
            let late = row(end - 1, 7777, "late") + &partial.message(&[(end - 1, "U", r#""3",9"#)]);
            land(&[&folder.sqlite(), "--delete", delete], &(late + &before.messages[0]));
            assert_eq!(folder.ask(FINAL), "3|new|1.00|1", "{delete}");
        }
    }
}

#[test]
fn a_crash_before_the_commit_takes_both_back() {
    let folder = Folder::new();
    let arguments = [&(folder.sqlite() + "?seconds=600"), "--quiet"];
    land(&arguments, &(row(10, 1, "a") + &marker(11)));
    // The bad line behind the truncate flushes nothing of a sink that failed.
    let bad = Table::orders().message(&[(30, "I", r#""x","a","1",1"#)]);
    fail(3, &arguments, &(truncate(20) + &bad + &marker(31)));
    assert_eq!(folder.ask(FINAL), "1|a|1|1");
    land(&arguments, &(truncate(20) + &marker(31)));
    assert_eq!(folder.ask(FINAL), "");
}

#[test]
fn what_is_not_applied_is_said_once() {
    let input = |notice: &str| row(10, 1, "a") + notice + notice;
    for (notice, arguments, said) in [
        (truncate(20), &["--on-truncate", "ignore"][..], true),
        (truncate(20), &["--mode", "append"], true),
        (notice(20, None, true), &[], true),
        (notice(20, Some(Cause::Rename), true), &[], true),
        // One shard of several: the target does not know which rows are its own.
        (notice(20, Some(Cause::Truncate), false), &[], true),
        (notice(20, Some(Cause::Alter), true), &[], false),
    ] {
        let folder = Folder::new();
        let database = folder.sqlite();
        let arguments: Vec<&str> =
            [&database, "--quiet"].into_iter().chain(arguments.iter().copied()).collect();
        let output = run(&arguments, &input(&notice));
        assert!(output.status.success());
        let text = error_text(&output);
        assert_eq!(text.lines().count(), usize::from(said), "{text}");
        assert!(!said || text.contains("2 notices"), "{text}");
        assert_eq!(folder.ask("SELECT id, name FROM orders"), "1|a");
        // And nothing is kept away later.
        land(&arguments, &row(5, 2, "b"));
        assert_eq!(folder.ask("SELECT count(*) FROM orders"), "2");
    }
}

#[test]
fn tables_that_several_sources_share_are_left_alone() {
    let folder = Folder::new();
    let other = Table { namespace: "mysql.db2.shop.orders.0.0.0".into(), ..Table::orders() };
    let arguments = [&folder.sqlite(), "--map", "*=all_{table}", "--quiet"];
    // By a rule, but alone: applied.
    land(&arguments, &(row(10, 1, "a") + &truncate(20)));
    assert_eq!(folder.ask("SELECT count(*) FROM all_orders WHERE _is_active_"), "0");
    let second = other.message(&[(10, "I", r#""9","z","1",1"#)]);
    let output = run(&arguments, &(second + &row(30, 1, "b") + &truncate(40)));
    assert!(error_text(&output).contains("1 notices"), "{}", error_text(&output));
    assert_eq!(folder.ask("SELECT count(*) FROM all_orders WHERE _is_active_"), "2");
}

#[test]
fn dry_runs_show_it() {
    let folder = Folder::new();
    let shown = land(&["--dry-run", &folder.sqlite()], &(row(10, 1, "a") + &truncate(20)));
    assert!(shown.contains("UPDATE \"orders\" SET \"_is_active_\" = 0"), "{shown}");
}

/// Two programs at once: what one of them was told of a TRUNCATE holds for the other, too, which may
/// never come that far.
#[test]
fn a_slower_program_brings_no_row_back() {
    let folder = Folder::new();
    let mut slow = start(&[&folder.sqlite(), "--quiet"]);
    let mut input = slow.stdin.take().unwrap();
    input.write_all(row(10, 1, "a").as_bytes()).unwrap();
    // Open it, and have its first transaction behind it.
    while !folder.path("t.db").exists()
        || folder.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'orders'") != "1"
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let input_of_the_quick = row(10, 1, "a") + &truncate(100) + &row(110, 2, "b") + &marker(120);
    land(&[&folder.sqlite()], &input_of_the_quick);
    input.write_all((row(50, 3, "late") + &row(105, 4, "c")).as_bytes()).unwrap();
    drop(input);
    assert!(slow.wait().unwrap().success());
    assert_eq!(folder.ask(FINAL), "2|b|1|1\n4|c|1|1");
}
