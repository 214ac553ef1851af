//! The program `dbus-tail`; everything is in `dws::cli::tail`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::tail::TOOL)
}
