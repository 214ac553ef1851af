//! Logs that do not name their columns, read by several runs: what one has learned from statements
//! the next one knows.

use super::run::*;
use super::writer::*;

const CREATE: &str =
    "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100)) CHARACTER SET utf8mb4";

/// A table whose columns the log does not name.
fn silent(id: u64, columns: Vec<(&'static str, Type)>) -> Table {
    Table { full: false, columns, ..Table::new(id, "orders") }
}

fn first() -> Log {
    let mut log = Log::new();
    log.statement(CREATE);
    log.transaction(&silent(70, Table::new(0, "").columns), 1, "a");
    log
}

fn second() -> Log {
    let mut log = Log::new();
    log.transaction(&silent(70, Table::new(0, "").columns), 2, "b");
    log.statement("ALTER TABLE orders ADD COLUMN more INT FIRST");
    let mut wide = silent(71, Table::new(0, "").columns);
    wide.columns.insert(0, ("more", Type::Int));
    log.anonymous();
    log.query("BEGIN");
    log.change(code::WRITE, &wide, &[vec![int(9), int(3), text("c")]]);
    log.xid();
    log
}

/// The folder with both logs and the store.
struct Place(tempfile::TempDir);

impl Place {
    fn new(logs: &[Log]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (number, log) in logs.iter().enumerate() {
            log.save(place.0.path(), &format!("binlog.{:06}", number + 1));
        }
        place
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn tail(&self, log: u32, more: &[&str]) -> Run {
        let (log, store) = (self.file(&format!("binlog.{log:06}")), self.file("schema.json"));
        let mut arguments = vec![log.as_str(), "--schema-store", &store];
        arguments.extend(more);
        tail(&arguments)
    }

    fn store(&self) -> String {
        std::fs::read_to_string(self.file("schema.json")).unwrap()
    }
}

#[test]
fn a_later_run_knows_the_tables_of_earlier_ones() {
    let place = Place::new(&[first(), second()]);
    assert_eq!(tail(&[&place.file("binlog.000002")]).code, 3, "without a store");
    assert_eq!(place.tail(1, &[]).well().changes(), "I1");
    let run = place.tail(2, &[]).well();
    assert_eq!(run.changes(), "I2 I3");
    assert_eq!(run.rows[0].cell("note").unwrap(), "b");
    assert_eq!(run.rows[1].cell("more").unwrap(), 9);
    // Again, and from the middle: the definition is the one of that place, not the newest.
    let kept = place.store();
    for start in [None, Some(&run.rows[0]), Some(&run.rows[1])] {
        let id = start.map(|row| row.id.to_string());
        let more: Vec<&str> = id.iter().flat_map(|id| ["--start", id.as_str()]).collect();
        let again = place.tail(2, &more).well();
        assert_eq!(again.rows.last().unwrap().cell("more").unwrap(), 9);
        assert!(run.out.lines().last() == again.out.lines().last());
        assert_eq!(place.store(), kept, "redelivery adds nothing");
    }
    assert_eq!(place.tail(1, &[]).well().changes(), "I1");
}

#[test]
fn one_run_at_a_time_knows_as_much_as_one_run() {
    let place = Place::new(&[first(), second()]);
    let (one, two) = (place.file("binlog.000001"), place.file("binlog.000002"));
    let whole = tail(&[&one, &two]).well();
    let mut ends: Vec<String> = whole.rows.iter().map(|row| row.id.to_string()).collect();
    ends.push("latest".to_owned());
    let (checkpoint, out) = (place.file("p.json"), place.file("out.json"));
    for end in &ends {
        let mut arguments = vec![one.as_str(), &two, "--checkpoint", &checkpoint, "--to", &out];
        if end != "latest" {
            arguments.extend(["--stop", end]);
        }
        tail(&arguments).well();
    }
    let run = read(&std::fs::read_to_string(&out).unwrap());
    let rows = |run: &Run| {
        let each = run
            .rows
            .iter()
            .map(|row| format!("{} {} {:?}", row.namespace, row.uid, row.cell("more")));
        each.collect::<Vec<_>>()
    };
    assert_eq!(rows(&run), rows(&whole));
}

#[test]
fn a_definition_that_does_not_fit_stops_the_run() {
    let mut log = Log::new();
    let mut other = silent(72, Table::new(0, "").columns);
    other.columns.push(("unseen", Type::Int));
    log.anonymous();
    log.query("BEGIN");
    let at = log.table_map(&other);
    log.rows(code::WRITE, &other, &[vec![int(4), text("d"), int(1)]]);
    log.xid();
    let place = Place::new(&[first(), log]);
    place.tail(1, &[]).well();
    let kept = place.store();
    let run = place.tail(2, &[]);
    assert_eq!(run.code, 3, "{}", run.errors);
    let expected = format!(
        "binlog.000002 at {at}: table shop.orders: the log has 3 columns, the known definition 2; "
    );
    assert!(run.errors.contains(&expected), "{}", run.errors);
    assert!(run.errors.contains("binlog_row_metadata=FULL"), "{}", run.errors);
    assert!(run.rows.is_empty());
    assert_eq!(place.store(), kept);
}

/// Where the log names other columns than the store, the log is right and the store forgets.
#[test]
fn a_log_that_names_its_columns_overrules_the_store() {
    let mut named = Log::new();
    let mut other = Table::new(73, "orders");
    other.columns[1].0 = "remark";
    named.transaction(&other, 5, "e");
    let mut later = Log::new();
    later.transaction(&silent(70, other.columns.clone()), 6, "f");
    let place = Place::new(&[first(), named, later]);
    place.tail(1, &[]).well();
    assert_eq!(place.tail(2, &[]).well().rows[0].cell("remark").unwrap(), "e");
    let run = place.tail(3, &[]);
    assert_eq!(run.code, 3, "{}", run.errors);
    assert!(run.errors.contains("shop.orders") && run.errors.contains("named other columns"));
}

#[test]
fn a_store_without_definitions_is_still_read() {
    let place = Place::new(&[first(), second()]);
    place.tail(1, &["--start", "1000000000004"]).well();
    let mut value: serde_json::Value = serde_json::from_str(&place.store()).unwrap();
    value.as_object_mut().unwrap().remove("definitions").unwrap();
    std::fs::write(place.file("schema.json"), value.to_string()).unwrap();
    assert_eq!(place.tail(1, &[]).well().changes(), "I1");
    assert_eq!(place.tail(2, &[]).well().changes(), "I2 I3");
}
