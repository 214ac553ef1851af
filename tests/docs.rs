//! Documentation is checked by running it: pages equal what is rendered, commands are well formed,
//! examples work. `UPDATE_DOCS=1` writes the pages anew.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use dws::cli::{TOOLS, doc};
use support::{bash, programs, root};

#[test]
fn pages_are_what_is_rendered() {
    let folder = root().join("man");
    let mut stale = Vec::new();
    for (name, text) in doc::pages() {
        let path = folder.join(&name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "{stale:?} differ; UPDATE_DOCS=1 cargo test --test docs");
    let known: Vec<_> = doc::pages().into_iter().map(|(name, _)| name).collect();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "man/{name} belongs to no tool");
    }
}

#[test]
fn pages_are_plain() {
    for (name, text) in doc::pages() {
        let odd = text.lines().find(|line| !line.is_ascii());
        assert_eq!(odd, None, "{name}: pages are ASCII, so that every man(1) shows them");
    }
}

#[test]
fn groff_has_nothing_to_say() {
    if Command::new("groff").arg("--version").output().is_err() {
        eprintln!("skipped: groff is not installed");
        return;
    }
    for (name, text) in doc::pages() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::write(&path, text).unwrap();
        let output =
            Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn commands_are_well_formed() {
    for tool in TOOLS {
        doc::command(tool).debug_assert();
        for argument in doc::command(tool).get_arguments() {
            let name = argument.get_id().as_str();
            assert!(argument.get_help().is_some(), "{} --{name} has no help", tool.name);
            // Renderers of the page leave out an option that is rare and has one sentence only.
            let shown = !argument.is_hide_short_help_set() || argument.get_long_help().is_some();
            assert!(shown, "{} --{name} needs a second paragraph", tool.name);
            if name.contains("password") && argument.get_env().is_some() {
                assert!(argument.is_hide_env_values_set(), "{} shows {name}", tool.name);
            }
        }
    }
}

#[test]
fn short_help_is_one_screen() {
    for tool in TOOLS {
        let help = doc::command(tool).term_width(100).render_help().to_string();
        assert!(help.lines().count() <= 50, "{}:\n{help}", tool.name);
        let long = doc::command(tool).term_width(100).render_long_help().to_string();
        assert!(long.contains("Examples:"), "{}", tool.name);
    }
}

#[test]
fn pages_have_examples_and_diagnostics() {
    for tool in TOOLS {
        let page = tool.page;
        assert!(page.examples.len() >= 4, "{} has {} examples", tool.name, page.examples.len());
        assert!(page.examples.iter().any(|example| example.runnable), "{}", tool.name);
        assert!(!page.diagnostics.is_empty(), "{}", tool.name);
        assert!(!page.description.is_empty() && !page.caveats.is_empty(), "{}", tool.name);
    }
}

#[test]
fn examples_run() {
    for tool in TOOLS {
        for (index, example) in tool.page.examples.iter().enumerate() {
            let name = format!("{}-{index}", tool.name);
            if example.runnable {
                run(&name, example.command);
            } else {
                check(&name, example.command);
            }
        }
    }
}

/// Blocks that begin ```` ```sh ```` run; those that begin ```` ```sh server ```` need a server or
/// change the machine, and are only checked.
#[test]
fn readme_runs() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut blocks = 0;
    let mut block: Option<(bool, String)> = None;
    for line in text.lines() {
        match (line, &mut block) {
            ("```sh", None) => block = Some((true, String::new())),
            ("```sh server", None) => block = Some((false, String::new())),
            ("```", Some((runs, script))) => {
                blocks += 1;
                let name = format!("readme-{blocks}");
                if *runs {
                    run(&name, script)
                } else {
                    check(&name, script)
                }
                block = None;
            }
            (line, Some((_, script))) => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    assert!(blocks >= 2, "README.md shows nothing");
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("## Dependencies").nth(1).unwrap();
    let named: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .collect();
    for line in section.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once(" = ") else { continue };
        let package = rest.split("package = \"").nth(1).and_then(|rest| rest.split('"').next());
        let name = package.unwrap_or(name);
        assert!(named.contains(&name), "README.md does not say why {name} is there");
    }
}

#[test]
fn documents_name_files_that_exist() {
    let mut missing = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for word in text.split(|c: char| c.is_whitespace() || "`(),;:".contains(c)) {
            let path = word.trim_end_matches('.');
            let ours =
                ["src/", "tests/", "scripts/", "man/"].iter().any(|top| path.starts_with(top));
            let made_up = path.contains(|c: char| c.is_ascii_uppercase() || c == '*');
            if ours && !made_up && !path.contains("usage-new") && !root().join(path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// A folder of its own with the sample data, so that examples may write beside it.
fn sample_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(root().join("tests/data")).unwrap() {
        let entry = entry.unwrap();
        std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    folder
}

fn run(name: &str, script: &str) {
    let output = bash(script, &sample_folder(name)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{script}\n{said}", output.status);
}

/// Syntax by `bash -n`, and every flag of our own programs must be one that they have.
fn check(name: &str, script: &str) {
    let output = Command::new("bash").args(["-n", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let mut tool = None;
    for word in script.split(|c: char| c.is_whitespace()) {
        let program = programs().into_iter().find(|program| program == word);
        if program.is_some() {
            tool = TOOLS.iter().find(|tool| program.as_deref() == Some(tool.name));
        } else if word == "|" {
            tool = None;
        } else if let (Some(tool), Some(flag)) = (tool, word.strip_prefix("--")) {
            let flag = flag.split('=').next().unwrap_or(flag);
            let known = doc::command(tool).get_arguments().any(|a| a.get_long() == Some(flag));
            assert!(known, "{name}: {} has no --{flag}", tool.name);
        }
    }
}
