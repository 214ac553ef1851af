//! What becomes of row images: keys that change, images before, columns that are absent, and how rows
//! are gathered into messages.

use super::run::*;
use super::writer::*;

fn row(id: i32, note: &str) -> Vec<Cell> {
    vec![int(id), text(note)]
}

#[test]
fn an_update_of_the_key_is_a_delete_and_an_insert() {
    let (mut log, table) = (Log::new(), Table::new(70, "orders"));
    log.anonymous();
    log.query("BEGIN");
    let at = log.change(code::UPDATE, &table, &[row(1, "a"), row(2, "b")]);
    log.xid();
    for arguments in [&[][..], &["--before"]] {
        let run = tail_log(&log, arguments).well();
        assert_eq!(run.changes(), "D1 I2", "{arguments:?}");
        assert_eq!(run.ids(), [id(at), id(at)]);
        assert_eq!(run.rows[0].cell("note").unwrap(), "a");
        assert_eq!(run.rows[1].cell("note").unwrap(), "b");
    }
}

#[test]
fn the_image_before_comes_right_before_its_update() {
    let (mut log, table) = (Log::new(), Table::new(70, "orders"));
    log.anonymous();
    log.query("BEGIN");
    log.change(code::UPDATE, &table, &[row(1, "a"), row(1, "b"), row(2, "c"), row(2, "d")]);
    log.xid();
    let run = tail_log(&log, &["--before"]).well();
    assert_eq!(run.changes(), "B1 U1 B2 U2");
    assert_eq!((run.rows[0].id, run.rows[2].id), (run.rows[1].id, run.rows[3].id));
    assert_eq!(run.rows[2].cell("note").unwrap(), "c");
    let plain = tail_log(&log, &[]).well();
    assert_eq!(plain.rows[0].uid, run.rows[1].uid, "--before renames nothing");
}

#[test]
fn messages_are_gathered_by_table_unless_order_is_wanted() {
    let (mut log, one) = (Log::new(), Table::new(70, "orders"));
    let two = Table { name: "items", id: 71, ..one.clone() };
    for number in 0..6 {
        log.anonymous();
        log.query("BEGIN");
        log.insert(&one, number * 2, "a");
        log.insert(&two, number * 2 + 1, "b");
        log.xid();
    }
    let messages = |run: &Run| {
        let mut all: Vec<_> = run.rows.iter().map(|row| row.message).collect();
        all.dedup();
        all.len()
    };
    let run = tail_log(&log, &[]).well();
    assert_eq!((run.rows.len(), messages(&run)), (12, 2));
    for table in ["orders", "items"] {
        let rows = run.rows.iter().filter(|row| row.namespace.contains(table));
        assert!(rows.map(|row| row.id).is_sorted());
    }
    let run = tail_log(&log, &["--ordered"]).well();
    assert!(run.ids().is_sorted());
    assert_eq!(messages(&run), 12);
    let run = tail_log(&log, &["--batch-rows", "4"]).well();
    assert_eq!(messages(&run), 4);
    let run = tail_log(&log, &["--batch-bytes", "1B"]).well();
    assert_eq!(messages(&run), 12);
    for run in [tail_log(&log, &[]), tail_log(&log, &["--batch-rows", "3"])] {
        for pair in run.rows.windows(2) {
            assert!(pair[0].message != pair[1].message || pair[0].namespace == pair[1].namespace);
        }
    }
}

#[test]
fn absent_is_not_null() {
    let mut table = Table::new(70, "orders");
    table.columns.push(("amount", Type::Int));
    let mut log = Log::new();
    log.anonymous();
    log.query("BEGIN");
    log.change(code::WRITE, &table, &[vec![int(1), Cell::Absent, Cell::Null]]);
    log.change(code::WRITE, &table, &[vec![int(2), text("b"), int(5)]]);
    // MINIMAL: the key before, what changed after.
    let before = || vec![int(1), Cell::Absent, Cell::Absent];
    log.change(code::UPDATE, &table, &[before(), vec![Cell::Absent, Cell::Null, Cell::Absent]]);
    log.change(code::DELETE, &table, &[before()]);
    log.xid();
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.changes(), "I1 I2 U1 D1");
    let names: Vec<_> = run
        .rows
        .iter()
        .map(|row| row.cells.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(","))
        .collect();
    assert_eq!(names, ["id,amount", "id,note,amount", "id,note", "id"]);
    assert!(run.rows[0].cell("amount").unwrap().is_null());
    assert!(run.rows[2].cell("note").unwrap().is_null());
    let mut messages: Vec<_> = run.rows.iter().map(|row| row.message).collect();
    messages.dedup();
    assert_eq!(messages.len(), 4, "rows of different columns never share a message");

    // A new key whose other columns are unknown cannot be made into a row.
    let mut log = Log::new();
    log.anonymous();
    log.query("BEGIN");
    let moved = vec![int(9), Cell::Absent, Cell::Absent];
    let at = log.change(code::UPDATE, &table, &[before(), moved]);
    log.xid();
    let run = tail_log(&log, &[]);
    assert_eq!(run.code, 3);
    assert!(run.errors.contains("binlog_row_image=FULL") && run.errors.contains(&at.to_string()));
}

#[test]
fn binary_and_wide_cells() {
    let columns = vec![("id", Type::Bigint), ("data", Type::Blob)];
    let table = Table { columns, ..Table::new(70, "files") };
    let mut log = Log::new();
    log.anonymous();
    log.query("BEGIN");
    let wide = vec![0u8; 40 << 20];
    log.change(code::WRITE, &table, &[vec![Cell::Bigint(i64::MIN), Cell::Blob(vec![0, 255])]]);
    log.change(code::WRITE, &table, &[vec![Cell::Bigint(7), Cell::Blob(wide)]]);
    log.xid();
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.rows[0].cell("id").unwrap(), "-9223372036854775808");
    assert_eq!(run.rows[0].cell("data").unwrap(), "AP8=");
    assert_eq!(
        run.rows[1].cell("data").unwrap().as_str().unwrap().len(),
        (40_usize << 20).div_ceil(3) * 4
    );
}
