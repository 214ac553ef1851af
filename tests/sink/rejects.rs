//! Rows that can never be stored: out of the way, with the reason, and landed later.

use super::support::*;

/// An integer key that is a word cannot be stored; nor can a null key.
fn mixed() -> String {
    let orders = Table::orders();
    orders.message(&[(10, "I", r#""1","a","1.00",1"#), (11, "I", r#""secret","b","2.00",2"#)])
        + &orders.message(&[(12, "I", r#"null,"c","3.00",3"#), (13, "I", r#""4","d","4.00",4"#)])
        + &marker(20)
}

#[test]
fn the_first_one_stops_the_run_and_is_named() {
    let folder = Folder::new();
    let text = fail(3, &[&folder.sqlite(), "--checkpoint", &folder.text("p.json")], &mixed());
    for word in ["stdin:1: mysql.db1.shop.orders.0.0.0: row 2 (_ums_id_ 11, _ums_uid_ u11)", "id"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert!(!folder.path("p.json").exists());
}

#[test]
fn with_a_file_the_run_goes_on_and_says_how_many() {
    for delete in ["soft", "hard"] {
        let folder = Folder::new();
        let (file, position_file) = (folder.text("r.ums"), folder.text("p.json"));
        let arguments = [
            &folder.sqlite(),
            "--reject",
            &file,
            "--checkpoint",
            &position_file,
            "--delete",
            delete,
        ];
        let text = fail(1, &arguments, &mixed());
        assert!(text.contains("2 rows could not be stored") && text.contains("r.ums"), "{text}");
        assert!(text.contains("2 rows, 3 messages"), "the closing line counts what landed: {text}");
        assert_eq!(folder.ask(FINAL), "1|a|1.00|1\n4|d|4.00|4");
        assert_eq!(position(&std::fs::read_to_string(&position_file).unwrap()), Some(20));
        let rejected = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = rejected.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains(r#""reject":{"reason":"#), "{rejected}");
        assert!(lines[1].contains("key column id is null"), "{rejected}");
        // The cause is mended: here by hand, in the file.
        let mended = rejected.replace("\"secret\"", "\"2\"").replace(",null,\"c\"", ",\"3\",\"c\"");
        land(&[&folder.sqlite(), "--delete", delete], &mended);
        assert_eq!(folder.ask(FINAL), "1|a|1.00|1\n2|b|2.00|2\n3|c|3.00|3\n4|d|4.00|4");
    }
}

#[test]
fn rejected_rows_are_on_the_disk_before_the_position_moves() {
    // A file that cannot be written: the position stays.
    let folder = Folder::new();
    let arguments =
        [&folder.sqlite(), "--reject", "/dev/full", "--checkpoint", &folder.text("p.json")];
    let text = fail(4, &arguments, &mixed());
    assert!(text.contains("--reject") && text.contains("/dev/full"), "{text}");
    assert!(!folder.path("p.json").exists());
    assert_eq!(position(&land(&[&folder.sqlite(), "--position"], "")), None);
}

#[test]
fn constraints_of_the_target_reject_rows() {
    let folder = Folder::new();
    let orders = Table::orders();
    land(&[&folder.sqlite()], &orders.message(&[(1, "I", r#""1","a","1",1"#)]));
    folder.ask("CREATE TRIGGER t BEFORE INSERT ON orders WHEN new.n > 5 BEGIN SELECT raise(ABORT, 'too many'); END");
    let input = orders.message(&[(2, "I", r#""2","b","1",2"#), (3, "I", r#""3","c","1",9"#)]);
    let file = folder.text("r.ums.zst");
    let text = fail(1, &[&folder.sqlite(), "--reject", &file], &input);
    assert!(text.contains("1 rows could not be stored"), "{text}");
    assert_eq!(folder.ask("SELECT group_concat(id) FROM orders"), "1,2");
    assert!(land(&["-", "--from", &file], "").contains("too many"));
    // A trigger that takes the transaction with it cannot be worked around.
    folder.ask("DROP TRIGGER t; CREATE TRIGGER t BEFORE INSERT ON orders WHEN new.n > 5 BEGIN SELECT raise(ROLLBACK, 'out'); END");
    let input = orders.message(&[(4, "I", r#""4","b","1",2"#), (5, "I", r#""5","c","1",9"#)]);
    let text = fail(5, &[&folder.sqlite(), "--reject", &file], &input);
    assert!(text.contains("ended the transaction"), "{text}");
    assert_eq!(folder.ask("SELECT group_concat(id) FROM orders"), "1,2");
}

#[test]
fn messages_without_their_key_are_rejected_whole() {
    let folder = Folder::new();
    let fields = [("name", "string"), ("n", "int")];
    let partial = Table { fields: fields.to_vec(), ..Table::orders() };
    let input = partial.message(&[(1, "U", r#""a",1"#), (2, "U", r#""b",2"#)])
        + &Table::orders().message(&[(3, "I", r#""3","c","1",3"#)]);
    let file = folder.text("r.ums");
    let text = fail(1, &[&folder.sqlite(), "--reject", &file], &input);
    assert!(text.contains("2 rows could not be stored"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
    assert_eq!(folder.ask(FINAL), "3|c|1|3");
}

#[test]
fn what_is_no_message_stops_the_run_in_any_case() {
    let folder = Folder::new();
    let arguments = [&folder.sqlite(), "--reject", &folder.text("r.ums")];
    let text = fail(3, &arguments, &(mixed() + "{\"broken\n"));
    assert!(text.contains("stdin:4: ") && text.contains("2 rows could not be stored"), "{text}");
    let short = Table::orders().message(&[(10, "I", r#""1","a","1.00""#)]);
    assert!(fail(3, &arguments, &short).contains("7 cells instead of 8"));
}

#[test]
fn a_file_does_not_reject_into_itself() {
    let folder = Folder::new();
    let file = folder.text("r.ums");
    std::fs::write(&file, mixed()).unwrap();
    let text = fail(2, &[&folder.sqlite(), "--reject", &file, "--from", &file], "");
    assert!(text.contains("the rows come from it"), "{text}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), mixed());
}

#[test]
#[cfg(feature = "parquet")]
fn the_parquet_log_rejects_rows_without_an_identity() {
    let folder = Folder::new();
    let root = format!("parquet:{}", folder.text("log"));
    let good = Table::orders().message(&[(10, "I", r#""1","a","1.00",1"#)]);
    let bad = Table::orders().message(&[(11, "X", r#""2","b","1.00",1"#)]);
    let file = folder.text("r.ums");
    let text = fail(1, &[&root, "--reject", &file], &(good + &bad + &marker(20)));
    assert!(text.contains("1 rows could not be stored"), "{text}");
    let rejected = std::fs::read_to_string(&file).unwrap();
    assert!(
        rejected.contains("row 1 (_ums_id_ 11, _ums_uid_ u11)") && rejected.contains("_ums_op_"),
        "{rejected}"
    );
    assert_eq!(position(&land(&[&root, "--position"], "")), Some(20));
    fail(3, &[&root], &bad);
}
