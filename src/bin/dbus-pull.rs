//! The program `dbus-pull`; everything is in `dws::cli::pull`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::pull::TOOL)
}
