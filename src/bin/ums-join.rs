//! The program `ums-join`; everything is in `dws::cli::join`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::join::TOOL)
}
