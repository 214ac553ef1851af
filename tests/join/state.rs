//! The folder of --state: what is missing or full is said, and no state is lost by it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with an input of so many rows, each in a group of its own and a marker behind it.
struct Place(tempfile::TempDir);

const OPTIONS: [&str; 7] =
    ["--quiet", "--group-by", "name", "--agg", "count(*) AS n", "--keep", "forever"];

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes the rows up to one, and gives the name of the file.
    fn rows(&self, name: &str, count: usize) -> String {
        let mut text = String::new();
        for row in 1..=count {
            let (id, second) = (row * 2, row % 60);
            let ts = format!("2026-11-21 00:{:02}:{second:02}.000000", row / 60);
            writeln!(text, r#"{{"protocol":{{"type":"data_increment_data"}},"schema":{{"namespace":"mysql.db1.shop.t.0.0.0","keys":["k"],"fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"_ums_op_","type":"string"}},{{"name":"k","type":"long"}},{{"name":"name","type":"string"}}]}},"payload":[{{"tuple":["{id}","{ts}","I","{row}","a town number {row}"]}}]}}"#).unwrap();
            writeln!(text, r#"{{"protocol":{{"type":"data_increment_heartbeat"}},"schema":{{"namespace":"mysql.db1.*.*.*.*.*","fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"file","type":"string"}},{{"name":"pos","type":"long"}},{{"name":"gtid","type":"string"}},{{"name":"server","type":"string"}},{{"name":"base","type":"long"}}]}},"payload":[{{"tuple":["{}","{ts}","f","{row}","","","0"]}}]}}"#, id + 1).unwrap();
        }
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn join(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ums-join"));
        command.args(OPTIONS).args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn states(&self, state: &str) -> Vec<PathBuf> {
        let all = fs::read_dir(self.path(state)).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> =
            all.filter(|path| path.extension().is_some_and(|end| end == "state")).collect();
        all.sort();
        all
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// How many rows the results have counted.
fn counted(output: &Output) -> usize {
    let text = String::from_utf8_lossy(&output.stdout);
    text.matches("\"tuple\":[").count() - text.matches("data_increment_heartbeat").count()
}

/// A state that a checkpoint is of, and the checkpoint.
fn with_state(place: &Place) -> (String, String, String) {
    let [state, checkpoint] = ["state", "at.json"].map(|name| place.path(name));
    let input = place.rows("first", 20);
    let run = ["--from", &input, "--state", &state, "--checkpoint", &checkpoint];
    let first = place.join(&run);
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(said(&first), "", "a first run has nothing to tell");
    let position = place.join(&["--state", &state, "--position"]);
    fs::write(&checkpoint, &position.stdout).unwrap();
    assert!(String::from_utf8_lossy(&position.stdout).contains("\"id\":\"41\""));
    (state, checkpoint, input)
}

#[test]
fn a_checkpoint_that_is_not_there_destroys_no_state() {
    let place = Place::new();
    let (state, checkpoint, _) = with_state(&place);
    let before = place.states("state");
    assert!(!before.is_empty());
    let typo = place.path("typo.json");
    // Without input, and with some, of which a state is kept.
    let less = place.rows("less", 5);
    for input in ["/dev/null", &less, &less] {
        let run = ["--from", input, "--state", &state, "--checkpoint", &typo];
        let other = place.join(&run);
        assert!(other.status.success(), "{}", said(&other));
        let said = said(&other);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("begins anew") && said.contains("typo.json"), "{said}");
        for state in &before {
            assert!(state.exists(), "{} is gone", state.display());
        }
    }
    let more = place.rows("more", 30);
    let run =
        ["--from", &more, "--state", &state, "--checkpoint", &checkpoint, "--at-end", "close"];
    let last = place.join(&run);
    assert!(last.status.success(), "{}", said(&last));
    assert_eq!(said(&last), "");
    assert_eq!(counted(&last), 10, "those that the state does not have");
}

#[test]
fn a_checkpoint_whose_states_are_not_there_is_refused() {
    let place = Place::new();
    let (_, checkpoint, input) = with_state(&place);
    let empty = place.path("emtpy");
    let run = ["--from", &input, "--state", &empty, "--checkpoint", &checkpoint];
    let refused = place.join(&run);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
    assert!(refused.stdout.is_empty(), "nothing may be written");
    let text = said(&refused);
    for part in ["emtpy", "at.json", "db1", "no state"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(place.states("emtpy").is_empty());
    // What --position prints then says that everything begins anew, and not in silence.
    let position = place.join(&["--state", &empty, "--checkpoint", &checkpoint, "--position"]);
    assert!(said(&position).contains("no state"), "{}", said(&position));
    // A checkpoint of others says nothing of these inputs.
    let text = fs::read_to_string(&checkpoint).unwrap().replace("db1", "db2");
    fs::write(&checkpoint, text).unwrap();
    let other = place.join(&run);
    assert!(other.status.success(), "{}", said(&other));
    assert_eq!(said(&other), "");
}

/// The limit of a file's size stands for a full disk: there is no other that needs no rights.
#[test]
fn a_save_on_a_full_disk_leaves_the_state_before_it() {
    let place = Place::new();
    let [state, out, whole] = ["state", "out", "whole"].map(|name| place.path(name));
    let (few, many) = (place.rows("few", 3), place.rows("many", 3000));
    let run = ["--to", &out, "--state", &state, "--at-end", "close", "--window", "tumble:1d"];
    let _ = fs::remove_file(&whole);
    let undisturbed = place.join(&["--from", &many, "--to", &whole, "--window", "tumble:1d"]);
    assert!(undisturbed.status.success(), "{}", said(&undisturbed));
    let keep = ["--to", &out, "--state", &state, "--at-end", "keep", "--window", "tumble:1d"];
    assert!(place.join(&[&["--from", &few][..], &keep].concat()).status.success());
    let kept = place.states("state");
    assert_eq!(kept.len(), 1);
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    let full = Command::new("bash")
        .args(["-c", script, "bash", env!("CARGO_BIN_EXE_ums-join")])
        .args(OPTIONS)
        .args(["--from", &many])
        .args(keep)
        .output()
        .unwrap();
    let text = said(&full);
    assert_eq!(full.status.code(), Some(4), "{text}");
    for part in [&*state, "the state could not be kept", "make room", "started again"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(place.states("state"), kept, "the state before is the last one");
    assert!(place.join(&[&["--from", &many][..], &run].concat()).status.success());
    let rows = |path: &str| -> Vec<String> {
        let text = fs::read_to_string(Path::new(path)).unwrap();
        text.lines().filter(|line| !line.contains("heartbeat")).map(str::to_owned).collect()
    };
    assert!(rows(&out) == rows(&whole), "the same as a run that nobody disturbed");
    let tmp = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = tmp.filter(|name| name.to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}
