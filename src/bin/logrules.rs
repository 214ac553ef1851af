//! The program `logrules`; everything is in `dws::cli::logrules`.
fn main() -> std::process::ExitCode {
    dws::cli::main(&dws::cli::logrules::TOOL)
}
