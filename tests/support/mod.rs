//! What tests of the built programs share: where things are, and bash with the programs in front.

// Every test program has its own copy of this module and uses a part of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The package's folder.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the programs, from `src/bin`.
pub fn programs() -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(root().join("src/bin"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// `bash -eo pipefail` with the built programs first in `PATH`, and nothing in the environment that
/// would change what they say.
pub fn bash(script: &str, folder: &Path) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_dbus-tail")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command.args(["-eo", "pipefail", "-c", script]).current_dir(folder);
    command.env("PATH", format!("{}:{path}", programs.display()));
    for name in ["DWS_PASSWORD", "DWS_PASSWORD_FILE", "DWS_DEFAULTS_FILE", "MYSQL_PWD"] {
        command.env_remove(name);
    }
    // How wide help is, and whether it has colours; where logins are kept.
    for name in ["COLUMNS", "LINES", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR", "CDPATH", "BASH_ENV"]
    {
        command.env_remove(name);
    }
    command.env("HOME", "/nonexistent");
    command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8").stdin(std::process::Stdio::null());
    command
}
