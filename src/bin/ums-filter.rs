//! The program `ums-filter`; everything is in `dws::cli::filter`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::filter::TOOL)
}
