//! The worker over a session that fails on demand.

use std::sync::Mutex;

use super::*;
use crate::sink::sql::kind::Kind as Column;
use crate::sink::sql::session::Dialect;
use crate::sink::sql::shape::GroupRow;
use crate::sink::target::{Delete, Mode};
use crate::ums::{Decoder, Op};

const LINE: &str = r#"{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"m.s.d.t.0.0.0","batchId":0,"keys":["k"],"fields":[{"name":"_ums_id_","type":"long","nullable":false,"encoded":false},{"name":"k","type":"int","nullable":true,"encoded":false}]},"payload":[{"tuple":["1",1]},{"tuple":["2",2]},{"tuple":["3",3]},{"tuple":["4",4]}]}"#;

/// Refuses the row with the id 2, and loses the connection once, at a row behind it.
#[derive(Clone, Default)]
struct Fake {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    lost: bool,
    open: Vec<i64>,
    landed: Vec<i64>,
}

struct NoDialect;

impl Session for Fake {
    fn execute(&mut self, sql: &str) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        match sql {
            "BEGIN" => state.open.clear(),
            "COMMIT" => state.landed = state.open.clone(),
            _ => {}
        }
        Ok(())
    }

    fn query(&mut self, _: &str) -> Result<Vec<Vec<Option<String>>>> {
        Ok(Vec::new())
    }

    fn apply(&mut self, group: &Group, rows: Range<usize>) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        let ids: Vec<i64> = rows.filter_map(|at| group.get(at)).map(|row| row.id).collect();
        if ids.contains(&2) {
            return Err(Error::data("too large"));
        }
        if ids.contains(&4) && !std::mem::replace(&mut state.lost, true) {
            return Err(Error::unreachable("gone"));
        }
        state.open.extend(ids);
        Ok(())
    }

    fn dialect(&self) -> &dyn Dialect {
        &NoDialect
    }

    fn version(&mut self) -> Result<String> {
        Ok(String::new())
    }
}

impl Dialect for NoDialect {
    fn longest_name(&self) -> usize {
        64
    }
    fn name_length(&self, name: &str) -> usize {
        name.len()
    }
    fn quote(&self, name: &str) -> String {
        name.to_owned()
    }
    fn alone(&self) -> [&'static str; 2] {
        ["", ""]
    }
    fn shared_lock(&self) -> &'static str {
        ""
    }
    fn literal(&self, text: &str) -> String {
        text.to_owned()
    }
    fn declare(&self, _: &Column, _: bool) -> String {
        String::new()
    }
    fn system_column(&self, _: &str) -> &'static str {
        ""
    }
    fn create(&self, _: &str, _: &[(String, String)], _: &[&str]) -> String {
        String::new()
    }
    fn alter_type(&self, _: &str, _: &str, _: &str) -> String {
        String::new()
    }
    fn columns_query(&self, _: &str) -> String {
        String::new()
    }
    fn unique_query(&self, _: &str) -> String {
        String::new()
    }
    fn replace(&self, _: &str, _: &[&str], _: usize, _: &[String]) -> String {
        String::new()
    }
    fn insert_absent(&self, _: &str, _: &[&str], _: &[String]) -> String {
        String::new()
    }
    fn bury(&self, _: &str, _: &[String], _: i64) -> Vec<String> {
        Vec::new()
    }
    fn shown(&self, _: &Shape) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn a_row_is_rejected_once_though_the_connection_is_lost_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.ums");
    let rejects = Rejects::open(&path).unwrap();
    let message = Decoder::default().decode(LINE.as_bytes()).unwrap();
    let shape = Arc::new(Shape {
        header: Arc::clone(&message.header),
        table: "t".into(),
        columns: Vec::new(),
        absent: Vec::new(),
        id: 0,
        ts: None,
        op: None,
        uid: None,
        mode: Mode::Upsert,
        delete: Delete::Soft,
        tombstones: false,
        fence: None,
    });
    let mut group = Group::new(&shape);
    for (id, row) in (1..).zip(message.rows()) {
        let (row, protocol) = (row.unwrap(), message.protocol);
        assert!(group.add(&GroupRow { row, id, op: Op::Insert, protocol }, &[id as u8]));
    }
    let fake = Fake::default();
    let again = fake.clone();
    let setup = Setup {
        connect: Arc::new(move || Ok(Box::new(again.clone()))),
        patience: Duration::from_secs(60),
        options: Options { rejects: rejects.clone(), ..Options::default() },
    };
    let mut worker = Worker::start(setup, Box::new(fake.clone())).unwrap();
    worker.apply(group).unwrap();
    worker.commit(Vec::new()).unwrap();
    rejects.flush().unwrap();
    let state = fake.state.lock().unwrap();
    assert!(state.lost);
    assert_eq!(state.landed, [1, 3, 4]);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    assert_eq!(rejects.rows(), 1);
}
