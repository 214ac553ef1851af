//! Cases are folders: `tests/cases/TOOL/NAME/` with `cmd`, and, where they are not empty, `stdin`,
//! `stdout`, `stderr` and `status`. `cmd` is run by `bash -eo pipefail` with the built programs
//! first in `PATH`, `tests/data` as the current folder, and `$CASE_TMP`, a folder of its own that is
//! empty at the start. `UPDATE_CASES=1` writes what came out; `git diff` is the review.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use support::{bash, root};

/// No case needs longer, whatever else the machine does.
const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn cases() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in folders(&root().join("tests/cases")).iter().flat_map(|tool| folders(tool)) {
        count += 1;
        let name = case.strip_prefix(root()).unwrap().display().to_string();
        let result = run(&case, &name);
        for (part, text) in &result {
            let path = case.join(part);
            let wanted = fs::read_to_string(&path).unwrap_or_default();
            if wanted == *text {
                continue;
            }
            if !update {
                failures.push(format!("{name}/{part}\n--- wanted\n{wanted}\n--- came\n{text}"));
            } else if text.is_empty() {
                fs::remove_file(&path).unwrap();
            } else {
                fs::write(&path, text).unwrap();
            }
        }
    }
    assert!(count >= 10, "the cases were not found");
    let list = failures.join("\n");
    assert!(
        failures.is_empty(),
        "{list}\n\n{} of {count}; UPDATE_CASES=1 rewrites",
        failures.len()
    );
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Runs one case; output goes through files, so that nothing can fill a pipe.
fn run(case: &Path, name: &str) -> [(&'static str, String); 3] {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&scratch);
    let own = scratch.join("tmp");
    fs::create_dir_all(&own).unwrap();
    let script = fs::read_to_string(case.join("cmd")).unwrap();
    let mut command = bash(&script, &root().join("tests/data"));
    command.env("CASE_TMP", &own);
    command.stdout(fs::File::create(scratch.join("stdout")).unwrap());
    command.stderr(fs::File::create(scratch.join("stderr")).unwrap());
    if let Ok(stdin) = fs::File::open(case.join("stdin")) {
        command.stdin(Stdio::from(stdin));
    }
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{name} took more than {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |part| String::from_utf8_lossy(&fs::read(scratch.join(part)).unwrap()).into_owned();
    let place = own.display().to_string();
    let plain = |part| read(part).replace(&place, "$CASE_TMP");
    [("stdout", plain("stdout")), ("stderr", plain("stderr")), ("status", number(status))]
}

/// The exit code as a shell shows it, nothing for 0.
fn number(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal().map(|signal| 128 + signal);
    match status.code().or(signal) {
        Some(0) | None => String::new(),
        Some(code) => format!("{code}\n"),
    }
}
