//! Standard output and files: the lines unchanged, whatever was torn.

use std::fs;

use super::support::*;

fn messages() -> String {
    let mut random = Random(7);
    Workload::new(&mut random, 200, 20).messages.concat()
}

#[test]
fn lines_pass_unchanged() {
    let input = messages();
    assert_eq!(land(&["-"], &input), input);
    let folder = Folder::new();
    for name in ["a.ums", "a.ums.gz", "a.ums.zst"] {
        let path = folder.text(name);
        land(&[&path], &input);
        land(&[&format!("file:{path}")], &input);
        let back = land(&["-", "--from", &path], "");
        assert!(back == input.repeat(2), "{name}");
    }
    let raw = fs::read(folder.path("a.ums")).unwrap();
    assert!(raw == input.repeat(2).as_bytes());
}

#[test]
fn a_torn_file_loses_its_torn_end_only() {
    let input = messages();
    let line = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]);
    let folder = Folder::new();
    for name in ["t.ums", "t.ums.gz", "t.ums.zst"] {
        let path = folder.text(name);
        land(&[&path], &line);
        let whole = fs::metadata(&path).unwrap().len();
        land(&[&path], &input);
        let full = fs::read(&path).unwrap();
        fs::write(&path, &full[..full.len() - 40]).unwrap();
        land(&[&path], &line);
        let back = land(&["-", "--from", &path], "");
        assert!(back.starts_with(&line) && back.ends_with(&line), "{name}");
        let kept = &back[line.len()..back.len() - line.len()];
        assert!(input.starts_with(kept) && (kept.is_empty() || kept.ends_with('\n')), "{name}");
        assert!(whole > 0);
    }
}

#[test]
fn the_last_line_needs_no_newline() {
    let input = messages();
    assert_eq!(land(&["-"], input.trim_end()), input);
    let folder = Folder::new();
    fs::write(folder.path("cut.ums"), &input[..input.len() - 30]).unwrap();
    let text = fail(3, &["-", "--from", &folder.text("cut.ums")], "");
    let lines = input.lines().count();
    assert!(text.contains(&format!("cut.ums:{lines}: ")), "{text}");
}

#[test]
fn damaged_compressed_input_is_bad_input() {
    let folder = Folder::new();
    for name in ["d.gz", "d.zst"] {
        let path = folder.text(name);
        land(&[&path], &messages());
        let full = fs::read(&path).unwrap();
        fs::write(&path, &full[..full.len() / 2]).unwrap();
        let text = fail(3, &["-", "--from", &path], "");
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn a_foreign_file_is_left_alone() {
    let folder = Folder::new();
    fs::write(folder.path("letter.txt"), "dear reader").unwrap();
    fail(5, &[&folder.text("letter.txt")], &messages());
    assert_eq!(fs::read(folder.path("letter.txt")).unwrap(), b"dear reader");
}
