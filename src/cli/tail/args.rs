//! The arguments of `dbus-tail`, without any I/O. Uses `cli::{progress, value}`. Not hot.

use crate::cli::progress;

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
pub struct Args {
    /// Where the log comes from
    #[arg(value_name = "SOURCE", required = true)]
    pub sources: Vec<String>,

    /// Progress.
    #[command(flatten)]
    pub progress: progress::Args,
}
