//! Maps larger than memory beside a BTreeMap. Uses `store::runs`.

use std::collections::BTreeMap;

use super::*;
use crate::error::Kind;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(number: u64) -> Vec<u8> {
    format!("{:03}/{number:06}", number % 7).into_bytes()
}

/// Some rounds of random changes, in small runs.
fn fill(runs: &mut Runs, model: &mut Model, rounds: u64, each: u64) {
    let mut seed = 88_172_645_463_325_252 ^ rounds;
    for _ in 0..rounds {
        let mut changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
        for _ in 0..each {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let value = (!seed.is_multiple_of(5)).then(|| vec![b'v'; (seed % 300) as usize]);
            changes.insert(key(seed % 5000), value);
        }
        let mut run = runs.begin(changes.len()).unwrap();
        for (key, value) in &changes {
            run.put(key, 4, i64::MAX, value.as_deref()).unwrap();
        }
        runs.add(run).unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => drop(model.insert(key, value)),
                None => drop(model.remove(&key)),
            }
        }
    }
}

fn all(runs: &Runs, probe: Option<&[u8]>, from: &[u8], to: &[u8]) -> Model {
    let mut scan = runs.scan(probe, from, to).unwrap();
    let mut found = Model::new();
    while let Some((key, value)) = scan.next().unwrap() {
        assert!(found.insert(key.to_vec(), value.to_vec()).is_none());
    }
    found
}

#[test]
fn runs_are_the_map_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Runs::new(Place::Named(folder.path().to_owned()));
    let mut model = Model::new();
    fill(&mut runs, &mut model, 60, 700);
    assert!(runs.runs.len() < 12, "{} runs", runs.runs.len());
    assert_eq!(all(&runs, None, b"", b"\xff"), model);
    for number in 0..7 {
        let (from, to) = (format!("{number:03}/000100"), format!("{number:03}/002000"));
        let probe = &from.as_bytes()[..4];
        let part = model.range(from.clone().into_bytes()..to.clone().into_bytes());
        let part: Model = part.map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(all(&runs, Some(probe), from.as_bytes(), to.as_bytes()), part);
    }
    // What a list names is the same map later, whatever was merged since.
    let kept = runs.seal().unwrap();
    let then = model.clone();
    fill(&mut runs, &mut model, 20, 500);
    assert_ne!(then, model);
    let again = Runs::open(folder.path(), &kept).unwrap();
    assert_eq!(all(&again, None, b"", b"\xff"), then);
    assert_eq!(all(&runs, None, b"", b"\xff"), model);
    // Files that neither list names are gone.
    let named = std::fs::read_dir(folder.path()).unwrap().count();
    let mut both = [kept, runs.seal().unwrap()].concat();
    both.sort_unstable();
    both.dedup();
    assert_eq!(named, both.len());
}

#[test]
fn single_keys_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Runs::new(Place::Nameless(folder.path().to_owned()));
    assert_eq!(runs.get(b"x").unwrap(), None);
    for round in 0..9_u64 {
        let mut run = runs.begin(300).unwrap();
        for number in 0..300 {
            let value = (number % 9 != round).then(|| round.to_le_bytes());
            let key = format!("{:05}", number * 2);
            run.put(key.as_bytes(), 5, i64::MAX, value.as_ref().map(|v| v.as_slice())).unwrap();
        }
        runs.add(run).unwrap();
    }
    for number in 0..300_u64 {
        let found = runs.get(format!("{:05}", number * 2).as_bytes()).unwrap();
        let wanted = (number % 9 != 8).then(|| 8_u64.to_le_bytes().to_vec());
        assert_eq!(found, wanted, "{number}");
        assert_eq!(runs.get(format!("{:05}", number * 2 + 1).as_bytes()).unwrap(), None);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "they have no names");
}

#[test]
fn what_is_over_goes_with_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Runs::new(Place::Named(folder.path().to_owned()));
    for round in 0..6_i64 {
        let mut run = runs.begin(1).unwrap();
        run.put(format!("{round}").as_bytes(), 1, round, Some(b"v")).unwrap();
        runs.add(run).unwrap();
        runs.expire(round - 1);
    }
    let left = all(&runs, None, b"", b"\xff");
    let left: Vec<&[u8]> = left.keys().map(Vec::as_slice).collect();
    assert_eq!(left, [b"5"], "rounds up to 4 are over");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    runs.expire(5);
    assert!(runs.is_empty());
}

#[test]
fn damage_and_full_disks_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = Runs::new(Place::Named(folder.path().to_owned()));
    fill(&mut runs, &mut Model::new(), 1, 300);
    let kept = runs.seal().unwrap();
    let path = run_file(folder.path(), kept[0]);
    let whole = std::fs::read(&path).unwrap();
    let step = whole.len() / 97;
    for place in (0..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let read = Runs::open(folder.path(), &kept).and_then(|runs| {
            let mut scan = runs.scan(None, b"", b"\xff")?;
            while scan.next()?.is_some() {}
            Ok(())
        });
        let error = read.expect_err("damage is seen");
        assert_eq!(error.kind(), Kind::Refused, "{place}: {error}");
        assert!(error.to_string().contains("is damaged"), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Runs::open(folder.path(), &kept).unwrap_err().kind(), Kind::Refused);
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = Place::Nameless("/spill".into()).failed(full);
    assert_eq!(error.kind(), Kind::Unreachable);
    let text = error.to_string();
    assert!(text.starts_with("/spill: a file of the state failed: no storage space"), "{text}");
    assert!(text.ends_with("--spill-dir, or give more --memory"), "{text}");
}
