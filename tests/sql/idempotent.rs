//! Whatever comes twice, late or mixed up: the table is the same.

use crate::support::{Random, Workload, fail, land};
use crate::target::{FINAL, Target, on_every_target, orders, with_origins};

const MODES: [&str; 2] = ["soft", "hard"];

on_every_target!(
    once_twice_shuffled_and_with_old_rows_between,
    a_deleted_row_stays_deleted_and_a_newer_insert_revives_it,
    of_equal_ids_the_later_wins_and_before_images_never_do,
    partial_images_change_what_they_hold,
    a_new_row_under_a_deleted_key_inherits_nothing,
    tombstones_count_after_a_change_to_soft_deletes,
    append_keeps_every_change_once,
);

fn once_twice_shuffled_and_with_old_rows_between(target: &Target) {
    let mut random = Random::seeded();
    let workload = Workload::new(&mut random, 1200, 40);
    let messages = with_origins(&workload.messages);
    let count = messages.len();
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
    for (at, order) in [once, twice, shuffled, mixed].iter().enumerate() {
        let input: String = order.iter().map(|at| messages[*at].as_str()).collect();
        for delete in MODES {
            // Few rows a commit and many, one connection and some.
            for query in ["workers=1", "workers=4&rows=90"] {
                // Hard deletes have one connection always.
                if delete == "hard" && (query == "workers=1") == (at % 2 == 0) {
                    continue;
                }
                target.empty();
                land(&[&target.url(query), "--delete", delete, "--quiet"], &input);
                assert_eq!(target.ask(FINAL), workload.rows, "order {at}, {delete}, {query}");
                let dead = target.ask("SELECT count(*) FROM orders WHERE _is_active_ = 0");
                assert_eq!(dead == "0", delete == "hard");
            }
        }
    }
}

fn a_deleted_row_stays_deleted_and_a_newer_insert_revives_it(target: &Target) {
    let orders = orders();
    for delete in MODES {
        target.empty();
        let arguments = [&target.url(""), "--delete", delete];
        // A delete before its row.
        land(&arguments, &orders.message(&[(20, "D", r#""1","a","1.00",1"#)]));
        land(&arguments, &orders.message(&[(10, "I", r#""1","a","1.00",1"#)]));
        assert_eq!(target.ask(FINAL), "", "{delete}");
        // Late, older, in a message of its own and beside others.
        land(&arguments, &orders.message(&[(15, "U", r#""1","b","1.50",1"#)]));
        land(
            &arguments,
            &orders.message(&[(10, "I", r#""1","a","1.00",1"#), (12, "I", r#""2","x","0.00",0"#)]),
        );
        assert_eq!(target.ask(FINAL), "2|x|0.00|0", "{delete}");
        land(&arguments, &orders.message(&[(30, "I", r#""1","c","3.00",3"#)]));
        assert_eq!(target.ask(FINAL), "1|c|3.00|3\n2|x|0.00|0");
        // The delete again, late.
        land(&arguments, &orders.message(&[(20, "D", r#""1","a","1.00",1"#)]));
        assert_eq!(target.ask(FINAL), "1|c|3.00|3\n2|x|0.00|0");
    }
}

fn of_equal_ids_the_later_wins_and_before_images_never_do(target: &Target) {
    let rows = [
        (10, "I", r#""1","first","1",1"#),
        (10, "u", r#""1","second","2",2"#),
        (11, "B", r#""1","before","3",3"#),
        (9, "U", r#""1","old","4",4"#),
    ];
    land(&[&target.url("")], &orders().message(&rows));
    assert_eq!(target.ask(FINAL), "1|second|2.00|2");
    // Also when it comes by itself; and a delete with the id of its row.
    land(&[&target.url("")], &orders().message(&[(10, "U", r#""1","third","3",3"#)]));
    assert_eq!(target.ask(FINAL), "1|third|3.00|3");
    land(&[&target.url("")], &orders().message(&[(10, "d", r#""1","third","3",3"#)]));
    assert_eq!(target.ask(FINAL), "");
}

fn partial_images_change_what_they_hold(target: &Target) {
    let orders = orders();
    let (partial, key) = (orders.only(&["id", "n"]), orders.only(&["id"]));
    for delete in MODES {
        target.empty();
        let arguments = [&target.url(""), "--delete", delete];
        let input = [
            orders.message(&[(10, "I", r#""1","a","1.00",1"#), (11, "I", r#""2","b","2.00",2"#)]),
            partial.message(&[(12, "U", r#""1",7"#), (13, "U", r#""3",null"#)]),
            partial.message(&[(11, "U", r#""1",99"#)]),
            key.message(&[(14, "D", r#""2""#)]),
        ];
        for _ in 0..2 {
            land(&arguments, &input.concat());
            assert_eq!(target.ask(FINAL), "1|a|1.00|7\n3|NULL|NULL|NULL", "{delete}");
        }
        if delete == "soft" {
            // A soft delete keeps the last values.
            let dead = "SELECT id, name, n, _ums_id_, _ums_op_ FROM orders WHERE _is_active_ = 0";
            assert_eq!(target.ask(dead), "2|b|2|14|D");
        }
    }
}

fn a_new_row_under_a_deleted_key_inherits_nothing(target: &Target) {
    let orders = orders();
    let (partial, key) = (orders.only(&["id", "n"]), orders.only(&["id"]));
    let first = orders.message(&[(10, "I", r#""1","stale","1.00",1"#)]);
    for delete in MODES {
        let arguments = [&target.url("workers=1"), "--delete", delete];
        for batches in [
            // In one message, in messages of one commit, in commits of their own.
            vec![first.clone() + &partial.message(&[(20, "D", r#""1",1"#), (30, "I", r#""1",8"#)])],
            vec![
                first.clone()
                    + &key.message(&[(20, "D", r#""1""#)])
                    + &partial.message(&[(30, "I", r#""1",8"#)]),
            ],
            vec![
                first.clone(),
                key.message(&[(20, "D", r#""1""#)]),
                partial.message(&[(30, "I", r#""1",8"#)]),
            ],
            // The key comes and goes and comes again, in one message.
            vec![
                first.clone()
                    + &partial.message(&[
                        (20, "D", r#""1",1"#),
                        (21, "I", r#""1",2"#),
                        (22, "U", r#""1",3"#),
                        (23, "D", r#""1",3"#),
                        (30, "I", r#""1",8"#),
                    ]),
            ],
        ] {
            target.empty();
            for batch in batches.iter().chain(&batches) {
                land(&arguments, batch);
            }
            assert_eq!(target.ask(FINAL), "1|NULL|NULL|8", "{delete} {batches:?}");
        }
    }
}

fn tombstones_count_after_a_change_to_soft_deletes(target: &Target) {
    let row = |id, op| orders().message(&[(id, op, r#""1","a","1.00",1"#)]);
    land(&[&target.url(""), "--delete", "hard"], &row(20, "D"));
    land(&[&target.url("")], &row(10, "I"));
    assert_eq!(target.ask(FINAL), "");
    land(&[&target.url("")], &row(30, "I"));
    assert_eq!(target.ask(FINAL), "1|a|1.00|1");
    land(&[&target.url("")], &row(40, "D"));
    land(&[&target.url(""), "--delete", "hard"], &(row(35, "U") + &row(41, "I") + &row(42, "D")));
    land(&[&target.url(""), "--delete", "hard"], &row(41, "I"));
    assert_eq!(target.ask("SELECT count(*) FROM orders"), "0");
}

fn append_keeps_every_change_once(target: &Target) {
    let workload = Workload::new(&mut Random::seeded(), 300, 10);
    let input: String = with_origins(&workload.messages).concat();
    for query in ["", "workers=4&rows=50"] {
        land(&[&target.url(query), "--mode", "append"], &input);
    }
    let changes = input.matches("\"tuple\":").count() - workload.messages.len();
    assert_eq!(
        target.ask("SELECT count(*), count(DISTINCT _ums_uid_) FROM orders"),
        format!("{changes}|{changes}")
    );
    let text = fail(5, &[&target.url("")], &input);
    assert!(text.contains("--mode append"), "{text}");
}
