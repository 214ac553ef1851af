//! Whole runs over inputs in memory. Uses `flow::join`, `op`.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::op::join::Sent;
use crate::op::join::pack::Unpack;
use crate::op::join::union::Union;
use crate::ums::Message;

fn marker(source: &str, id: i64, second: i64) -> String {
    format!(
        r#"{{"protocol":{{"type":"data_increment_heartbeat"}},"schema":{{"namespace":"mysql.{source}.*.*.*.*.*","fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"file","type":"string"}},{{"name":"pos","type":"long"}},{{"name":"gtid","type":"string"}},{{"name":"server","type":"string"}},{{"name":"base","type":"long"}}]}},"payload":[{{"tuple":["{id}","2026-11-21 00:00:{second:02}.000000","f","4","","","0"]}}]}}"#
    ) + "\n"
}

fn row(source: &str, id: i64) -> String {
    format!(
        r#"{{"protocol":{{"type":"data_increment_data"}},"schema":{{"namespace":"mysql.{source}.shop.t.0.0.0","fields":[{{"name":"_ums_id_","type":"long"}}]}},"payload":[{{"tuple":["{id}"]}}]}}"#
    ) + "\n"
}

/// The output and what was said; each text is an input, `None` in its place one that fails.
fn run_over(
    texts: &[&str],
    operation: Box<dyn Operation>,
    bad: Bad,
) -> (Result<Summary>, String, Vec<String>) {
    #[derive(Default, Clone)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Output for Kept {
        fn sync(&mut self) -> Result<bool> {
            Ok(false)
        }
    }
    let mut out = Kept::default();
    let kept = out.clone();
    let mut said = Vec::new();
    let input = |(number, text): (usize, &&str)| Input {
        receipt: None,
        name: format!("in{number}"),
        reader: Box::new(std::io::Cursor::new(text.as_bytes().to_vec())),
        size: 0,
        taken: Arc::new(AtomicU64::new(0)),
    };
    let result = run(Plan {
        inputs: texts.iter().enumerate().map(input).collect(),
        out: &mut out,
        operation,
        lateness: 0,
        close: true,
        bad,
        late: None,
        state: None,
        memory: usize::MAX,
        spill: PathBuf::new(),
        max_line: 1 << 20,
        stop: Arc::default(),
        counters: Arc::default(),
        note: &mut |text| said.push(text),
    });
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    (result, text, said)
}

/// The ids of rows and markers in the order of the output, markers with an M.
fn order(text: &str) -> Vec<String> {
    let id = |line: &str| {
        line.rsplit_once("\"tuple\":[\"").unwrap().1.split('"').next().unwrap().to_owned()
    };
    let kind = |line: &str| if line.contains("heartbeat") { "M" } else { "" };
    text.lines().map(|line| format!("{}{}", kind(line), id(line))).collect()
}

#[test]
fn inputs_take_turns_by_the_times_of_their_markers() {
    let a = [row("a", 1), marker("a", 2, 10), row("a", 3), marker("a", 4, 30)].concat();
    let b = [row("b", 5), marker("b", 6, 20), row("b", 7), marker("b", 8, 40)].concat();
    let (result, text, _) = run_over(&[&a, &b], Box::new(Union::default()), Bad::Stop);
    assert_eq!(result.unwrap(), Summary::default());
    // The first marker waits until both inputs have brought one.
    assert_eq!(order(&text), ["1", "5", "M2", "M6", "3", "M4", "7", "M8"]);
    // Two halves of one source: its marker is the least.
    let b = b.replace("mysql.b", "mysql.a");
    let (_, text, _) = run_over(&[&a, &b], Box::new(Union::default()), Bad::Stop);
    assert_eq!(order(&text), ["1", "5", "M2", "3", "M4", "7"]);
}

/// Holds everything for five seconds.
#[derive(Debug, Default)]
struct Holding(i64);

impl Operation for Holding {
    fn take(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()> {
        let id: i64 = order(&String::from_utf8_lossy(line))[0].parse().unwrap();
        if id == 13 {
            return Err(Error::data("thirteen"));
        }
        self.0 = crate::op::join::clock::micros(&format!("2026-11-21 00:00:{id:02}")).unwrap()
            + 5_000_000;
        sent.pass(line, message.row_count() as u64);
        Ok(())
    }
    fn advance(&mut self, _: i64, _: &mut Sent) -> Result<bool> {
        Ok(false)
    }
    fn reach(&self) -> i64 {
        self.0
    }
    fn save(&mut self, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
    fn load(&mut self, _: &mut Unpack) -> Result<()> {
        Ok(())
    }
}

#[test]
fn markers_wait_for_what_is_held() {
    let text = [
        row("a", 1),
        marker("a", 2, 2),
        row("a", 3),
        marker("a", 4, 5),
        marker("a", 6, 6),
        marker("a", 7, 9),
    ];
    let (_, out, _) = run_over(&[&text.concat()], Box::new(Holding::default()), Bad::Stop);
    assert_eq!(order(&out), ["1", "3", "M2", "M4", "M6", "M7"]);
    let (result, out, _) =
        run_over(&[&text[..4].concat(), "{"], Box::new(Holding::default()), Bad::Stop);
    assert!(result.unwrap_err().to_string().starts_with("in1:1: "));
    assert_eq!(order(&out).iter().filter(|one| one.starts_with('M')).count(), 0);
}

#[test]
fn bad_lines_are_left_out_and_counted() {
    let text = [row("a", 12), row("a", 13), row("a", 14), marker("a", 15, 15)].concat();
    let (result, out, _) = run_over(&[&text], Box::new(Holding::default()), Bad::Stop);
    assert!(result.unwrap_err().to_string().starts_with("in0:2: thirteen"));
    assert_eq!(order(&out), ["12"]);
    let (result, out, said) = run_over(&[&text], Box::new(Holding::default()), Bad::Skip);
    assert_eq!(result.unwrap().bad, 1);
    assert_eq!(order(&out), ["12", "14", "M15"]);
    assert_eq!(said.len(), 1);
}

/// An output that counts syncs and cannot be flushed.
#[derive(Default)]
struct Unflushed {
    bytes: usize,
    synced: usize,
    flushes: bool,
}

impl Write for Unflushed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        if self.flushes { Ok(()) } else { Err(std::io::Error::other("no room")) }
    }
}

impl Output for Unflushed {
    fn sync(&mut self) -> Result<bool> {
        self.synced += 1;
        Ok(true)
    }
}

/// Whether it was closed.
#[derive(Default)]
struct Closed(AtomicBool);

impl crate::endpoint::Receipt for Closed {
    fn durable(&self, _: &[Marker]) {}
    fn hurries(&self) -> bool {
        false
    }
    fn reached(&self, _: u64) -> Vec<Marker> {
        Vec::new()
    }
    fn place(&self, _: u64) -> Option<String> {
        None
    }
    fn close(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives its bytes, and then nothing for a while.
struct Pausing(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Pausing {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(room)?;
        if count == 0 {
            std::thread::sleep(LISTEN * 5);
        }
        Ok(count)
    }
}

#[test]
fn a_state_that_cannot_be_read_is_named() {
    use crate::op::join::pack::{put_bytes, put_i64, put_u64};
    let mut torn = Vec::new();
    put_i64(&mut torn, 0);
    [1, 0, 1].iter().for_each(|count| put_u64(&mut torn, *count));
    put_bytes(&mut torn, b"no marker");
    // One that is cut, and one with a marker that is none.
    for bytes in [&b"x"[..], &torn] {
        let folder = tempfile::tempdir().unwrap();
        let mut states = Folder::open(folder.path(), "options".into()).unwrap();
        states.save(Vec::new(), None, bytes).unwrap();
        let result = run(Plan {
            inputs: vec![Input {
                receipt: None,
                name: "in".into(),
                reader: Box::new(std::io::empty()),
                size: 0,
                taken: Arc::new(AtomicU64::new(0)),
            }],
            out: &mut Unflushed::default(),
            operation: Box::new(Union::default()),
            lateness: 0,
            close: true,
            bad: Bad::Skip,
            late: None,
            state: Some(State { folder: states, every: Duration::from_secs(60), checkpoint: None }),
            memory: usize::MAX,
            spill: PathBuf::new(),
            max_line: 1 << 20,
            stop: Arc::default(),
            counters: Arc::default(),
            note: &mut |_| {},
        });
        let error = result.unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Refused, "{error}");
        assert!(error.to_string().contains("000000000001.state: "), "{error}");
    }
}

#[test]
fn outputs_and_inputs_are_closed_whatever_failed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    // While the run waits for more, and while it keeps its last state.
    for flushes in [false, true] {
        let state = Folder::open(&path, "options".into()).unwrap();
        if flushes {
            std::fs::create_dir(path.join("000000000001.state.tmp")).unwrap();
        }
        let mut out = Unflushed { flushes, ..Unflushed::default() };
        let receipt = Arc::new(Closed::default());
        let text = [row("a", 1), marker("a", 2, 2)].concat();
        let result = run(Plan {
            inputs: vec![Input {
                receipt: Some(receipt.clone()),
                name: "in".into(),
                reader: Box::new(Pausing(std::io::Cursor::new(text.into_bytes()))),
                size: 0,
                taken: Arc::new(AtomicU64::new(0)),
            }],
            out: &mut out,
            operation: Box::new(Union::default()),
            lateness: 0,
            close: true,
            bad: Bad::Stop,
            late: None,
            state: Some(State {
                folder: state,
                every: Duration::from_secs(60),
                checkpoint: Some(folder.path().join("none.json")),
            }),
            memory: usize::MAX,
            spill: PathBuf::new(),
            max_line: 1 << 20,
            stop: Arc::default(),
            counters: Arc::default(),
            note: &mut |_| {},
        });
        let error = result.unwrap_err().to_string();
        let expected = if flushes { "could not be kept" } else { "no room" };
        assert!(error.contains(expected), "{error}");
        assert!(out.bytes > 0);
        assert!(out.synced > 0, "{expected}: the output is not synced");
        assert!(receipt.0.load(Ordering::Relaxed), "{expected}: the input is not closed");
    }
}
