//! Whatever comes twice, late or mixed up: the table is the same.

use super::support::*;

const MODES: [&str; 2] = ["soft", "hard"];

fn check(workload: &Workload, order: &[usize], delete: &str) {
    let folder = Folder::new();
    let input: String = order.iter().map(|at| workload.messages[*at].as_str()).collect();
    land(&[&folder.sqlite(), "--delete", delete, "--quiet"], &input);
    assert_eq!(folder.ask(FINAL), workload.rows, "--delete {delete}");
    let inactive = folder.ask("SELECT count(*) FROM orders WHERE _is_active_ = 0");
    assert_eq!(inactive == "0", delete == "hard");
}

#[test]
fn once_twice_shuffled_and_with_old_rows_between() {
    let mut random = Random::seeded();
    let workload = Workload::new(&mut random, 1500, 40);
    let count = workload.messages.len();
    let once: Vec<usize> = (0..count).collect();
    let twice: Vec<usize> = once.iter().chain(&once).copied().collect();
    let mut shuffled = twice.clone();
    random.shuffle(&mut shuffled);
    let mut mixed = Vec::new();
    for at in 0..count {
        mixed.push(at);
        mixed.push(random.below(at + 1));
        mixed.push(random.below(at + 1));
    }
    for order in [once, twice, shuffled, mixed] {
        for delete in MODES {
            check(&workload, &order, delete);
        }
    }
}

#[test]
fn a_deleted_row_stays_deleted_and_a_newer_insert_revives_it() {
    let orders = Table::orders();
    for delete in MODES {
        let folder = Folder::new();
        let arguments = [&folder.sqlite(), "--delete", delete];
        land(&arguments, &orders.message(&[(10, "I", r#""1","a","1.00",1"#)]));
        land(&arguments, &orders.message(&[(20, "D", r#""1","a","1.00",1"#)]));
        assert_eq!(folder.ask(FINAL), "");
        // Late, older, in a message of its own and beside others.
        land(&arguments, &orders.message(&[(15, "U", r#""1","b","1.50",1"#)]));
        land(
            &arguments,
            &orders.message(&[(10, "I", r#""1","a","1.00",1"#), (12, "I", r#""2","x","0",0"#)]),
        );
        assert_eq!(folder.ask(FINAL), "2|x|0|0");
        land(&arguments, &orders.message(&[(30, "I", r#""1","c","3.00",3"#)]));
        assert_eq!(folder.ask(FINAL), "1|c|3.00|3\n2|x|0|0");
        // The delete again, late.
        land(&arguments, &orders.message(&[(20, "D", r#""1","a","1.00",1"#)]));
        assert_eq!(folder.ask(FINAL), "1|c|3.00|3\n2|x|0|0");
    }
}

#[test]
fn a_delete_that_comes_before_its_row_keeps_it_away() {
    let orders = Table::orders();
    for delete in MODES {
        let folder = Folder::new();
        let arguments = [&folder.sqlite(), "--delete", delete];
        land(&arguments, &orders.message(&[(20, "D", r#""1","a","1.00",1"#)]));
        land(&arguments, &orders.message(&[(10, "I", r#""1","a","1.00",1"#)]));
        assert_eq!(folder.ask(FINAL), "");
    }
}

#[test]
fn tombstones_count_after_a_change_to_soft_deletes() {
    let orders = Table::orders();
    let folder = Folder::new();
    land(
        &[&folder.sqlite(), "--delete", "hard"],
        &orders.message(&[(20, "D", r#""1","a","1",1"#)]),
    );
    land(&[&folder.sqlite()], &orders.message(&[(10, "I", r#""1","a","1",1"#)]));
    assert_eq!(folder.ask(FINAL), "");
}

#[test]
fn of_equal_ids_the_later_wins_and_before_images_never_do() {
    let orders = Table::orders();
    let folder = Folder::new();
    let rows = [
        (10, "I", r#""1","first","1",1"#),
        (10, "u", r#""1","second","2",2"#),
        (11, "B", r#""1","before","3",3"#),
        (9, "U", r#""1","old","4",4"#),
    ];
    land(&[&folder.sqlite()], &orders.message(&rows));
    assert_eq!(folder.ask(FINAL), "1|second|2|2");
}

#[test]
fn partial_images_change_what_they_hold() {
    let orders = Table::orders();
    let partial = Table { fields: vec![("id", "long"), ("n", "int")], ..orders.clone() };
    let key = Table { fields: vec![("id", "long")], ..orders.clone() };
    for delete in MODES {
        let folder = Folder::new();
        let arguments = [&folder.sqlite(), "--delete", delete];
        let input = [
            orders.message(&[(10, "I", r#""1","a","1.00",1"#), (11, "I", r#""2","b","2.00",2"#)]),
            partial.message(&[(12, "U", r#""1",7"#), (13, "U", r#""3",null"#)]),
            partial.message(&[(11, "U", r#""1",99"#)]),
            key.message(&[(14, "D", r#""2""#)]),
        ];
        land(&arguments, &input.concat());
        assert_eq!(folder.ask(FINAL), "1|a|1.00|7\n3|NULL|NULL|NULL");
        // A new row under a deleted key does not inherit the old one's values.
        land(&arguments, &partial.message(&[(20, "I", r#""2",8"#)]));
        assert_eq!(folder.ask(FINAL), "1|a|1.00|7\n2|NULL|NULL|8\n3|NULL|NULL|NULL");
    }
}

#[test]
fn a_soft_delete_keeps_the_last_values() {
    let orders = Table::orders();
    let key = Table { fields: vec![("id", "long")], ..orders.clone() };
    let folder = Folder::new();
    let input =
        orders.message(&[(10, "I", r#""1","a","1.00",1"#)]) + &key.message(&[(11, "D", r#""1""#)]);
    land(&[&folder.sqlite()], &input);
    let row = folder.ask("SELECT id, name, amount, n, _ums_id_, _ums_op_, _is_active_ FROM orders");
    assert_eq!(row, "1|a|1.00|1|11|D|0");
}

#[test]
fn append_keeps_every_change_once() {
    let mut random = Random::seeded();
    let workload = Workload::new(&mut random, 300, 10);
    let folder = Folder::new();
    let input: String = workload.messages.concat();
    for _ in 0..2 {
        land(&[&folder.sqlite(), "--mode", "append"], &input);
    }
    let changes = input.matches("\"tuple\":").count() - workload.messages.len();
    assert_eq!(
        folder.ask("SELECT count(*), count(DISTINCT _ums_uid_) FROM orders"),
        format!("{changes}|{changes}")
    );
    let text = fail(5, &[&folder.sqlite()], &workload.messages[0]);
    assert!(text.contains("--mode append"), "{text}");
}
