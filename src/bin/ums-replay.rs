//! The program `ums-replay`; everything is in `dws::cli::replay`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::replay::TOOL)
}
