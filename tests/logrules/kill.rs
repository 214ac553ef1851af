//! Killed with SIGKILL at random moments while the log is rotated, and resumed from the checkpoint: at the
//! end every line is once in the store.
//!
//! `DWS_KILL_ROUNDS` says how many times (5), `DWS_KILL_SEED` repeats a run's random numbers.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::follow::{SEVERAL, TABLE, pack};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Moves what was rotated on by one, and packs some of it.
fn shift(folder: &Path, random: &mut Random) {
    let file = |number: u64, end: &str| folder.join(format!("x.log.{number}{end}"));
    let most =
        (1..1000).find(|number| !file(*number, "").exists() && !file(*number, ".gz").exists());
    for number in (1..most.unwrap()).rev() {
        for end in ["", ".gz"] {
            if file(number, end).exists() {
                std::fs::rename(file(number, end), file(number + 1, end)).unwrap();
            }
        }
    }
    if file(2, "").exists() && random.below(2) == 0 {
        pack(&file(2, ""));
    }
}

/// Writes numbered records, some of several lines, and rotates, until told to stop; how many, and how many
/// of them may have been taken for whole when a part of them was still to come: a second later is another
/// record.
fn write(folder: &Path, seed: u64, stop: &AtomicBool) -> (u64, u64) {
    let mut random = Random(seed | 1);
    let path = folder.join("x.log");
    let open = || OpenOptions::new().append(true).create(true).open(&path).unwrap();
    let mut log = open();
    let (mut number, mut torn) = (0, 0);
    while !stop.load(Ordering::Relaxed) || number < 50 {
        let mut text = String::new();
        for _ in 0..=random.below(40) {
            number += 1;
            text.push_str(&format!("{number} {}\n", "x".repeat(random.below(60) as usize)));
            if random.below(4) == 0 {
                text.push_str(&format!(" at {number}\n"));
            }
        }
        // In two writes, that may end within a line.
        let (one, other) = text.as_bytes().split_at(random.below(text.len() as u64) as usize);
        log.write_all(one).unwrap();
        let begun = Instant::now();
        match random.below(150) {
            0 | 1 => {
                shift(folder, &mut random);
                std::fs::rename(&path, folder.join("x.log.1")).unwrap();
                let late = std::mem::replace(&mut log, open());
                // The line is ended by who has begun it.
                (&late).write_all(other).unwrap();
            }
            2 => {
                log.write_all(other).unwrap();
                shift(folder, &mut random);
                std::fs::copy(&path, folder.join("x.log.1")).unwrap();
                log.set_len(0).unwrap();
            }
            _ => log.write_all(other).unwrap(),
        }
        torn += u64::from(begun.elapsed() > Duration::from_millis(500));
        std::thread::sleep(Duration::from_millis(random.below(8)));
    }
    (number, torn)
}

struct Pipe {
    logrules: Child,
    sink: Child,
}

fn start(folder: &Path) -> Pipe {
    let mut logrules = Command::new(env!("CARGO_BIN_EXE_logrules"))
        .args(["r.toml", "--quiet", "--follow", "--from", "x.log", "--checkpoint", "p.json"])
        .args(["--marker-every", "20ms"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sink = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .args(["--quiet", "--mode", "append", "--checkpoint", "p.json", "sqlite:x.db"])
        .current_dir(folder)
        .stdin(logrules.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Pipe { logrules, sink }
}

#[test]
fn every_line_is_once_in_the_store() {
    let rounds = number("DWS_KILL_ROUNDS").unwrap_or(5);
    let seed = number("DWS_KILL_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
    });
    eprintln!("{rounds} rounds, DWS_KILL_SEED={seed}");
    let place = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("DWS_KILL_KEEP").map(std::path::PathBuf::from);
    let folder = kept.as_deref().unwrap_or(place.path());
    std::fs::write(folder.join("r.toml"), format!("{SEVERAL}{TABLE}")).unwrap();
    std::fs::write(folder.join("x.log"), "").unwrap();
    let mut random = Random(seed);
    let stop = Arc::new(AtomicBool::new(false));
    let mut pipe = start(folder);
    let writer = {
        let (folder, stop) = (folder.to_owned(), Arc::clone(&stop));
        std::thread::spawn(move || write(&folder, seed ^ 77, &stop))
    };
    for round in 0..rounds {
        std::thread::sleep(Duration::from_millis(100 + random.below(1200)));
        let kind = random.below(3);
        for (child, kinds) in [(&mut pipe.logrules, [0, 1]), (&mut pipe.sink, [1, 2])] {
            if kinds.contains(&kind) {
                child.kill().unwrap();
            }
        }
        let status = pipe.logrules.wait().unwrap();
        let other = pipe.sink.wait().unwrap();
        eprintln!("round {round}: kind {kind}, logrules {status}, ums-sink {other}");
        // A pause, in which the log is rotated on.
        std::thread::sleep(Duration::from_millis(random.below(500)));
        pipe = start(folder);
    }
    std::thread::sleep(Duration::from_millis(300));
    stop.store(true, Ordering::Relaxed);
    let (written, torn) = writer.join().unwrap();
    let query = "SELECT count(*), count(DISTINCT n), coalesce(max(n), 0), coalesce(sum(m LIKE '%' || char(10) || ' at ' || n), 0) FROM t";
    let until = Instant::now() + Duration::from_secs(300);
    let found = loop {
        let found = rusqlite::Connection::open(folder.join("x.db")).and_then(|store| {
            store.busy_timeout(Duration::from_secs(5))?;
            store.query_row(query, [], |row| {
                let cell = |at| row.get::<_, i64>(at).map(|number| number as u64);
                Ok((cell(0)?, cell(1)?, cell(2)?, cell(3)?))
            })
        });
        let whole = found.as_ref().is_ok_and(|found| found.1 >= written);
        if whole || Instant::now() > until {
            break found.unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    eprintln!("{written} written, found {found:?}");
    pipe.logrules.kill().unwrap();
    pipe.logrules.wait().unwrap();
    pipe.sink.wait().unwrap();
    assert_eq!((found.0, found.1, found.2), (written, written, written), "seed {seed}");
    // The second lines, too.
    let mut wanted = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("x.log") {
            let mut text = String::new();
            let file = std::fs::File::open(&path).unwrap();
            match path.extension().is_some_and(|end| end == "gz") {
                true => std::io::Read::read_to_string(
                    &mut flate2::read::GzDecoder::new(file),
                    &mut text,
                ),
                false => std::io::Read::read_to_string(&mut &file, &mut text),
            }
            .unwrap();
            wanted += text.lines().filter(|line| line.starts_with(" at ")).count() as u64;
        }
    }
    assert!((wanted - torn..=wanted).contains(&found.3), "{} of {wanted}, seed {seed}", found.3);
}
