//! The program `ums-sink`; everything is in `dws::cli::sink`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::sink::TOOL)
}
