//! What the programs that read servers have in common: how they log in, and what stands around
//! what they write. Uses `cli::{kafka, mask, message, progress}`, `mysql`. Not hot.

use std::path::{Path, PathBuf};

use super::{kafka, mask, progress};
use crate::error::Result;
use crate::mysql::defaults_file::Defaults;
use crate::mysql::options::{ConnectOptions, Sources, resolve};

/// Who logs in.
#[derive(Debug, Clone, clap::Args)]
pub struct Login {
    /// Read the password from FILE (its first line)
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    #[arg(env = "DWS_PASSWORD_FILE", hide_env_values = true)]
    pub password_file: Option<PathBuf>,

    /// Read this option file in place of ~/.my.cnf
    ///
    /// The groups [client], [dws] and that of the program's name are read. What the URL says counts
    /// more.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    #[arg(env = "DWS_DEFAULTS_FILE", hide_env_values = true)]
    pub defaults_file: Option<PathBuf>,
}

/// What stands around the messages that are written.
#[derive(Debug, Clone, clap::Args)]
pub struct Around {
    /// Kafka.
    #[command(flatten)]
    pub kafka: kafka::Producing,

    /// Masks.
    #[command(flatten)]
    pub mask: mask::Args,

    /// Progress and closing line.
    #[command(flatten)]
    pub progress: progress::Args,
}

/// The heading of options of the connection.
pub const CONNECTION: &str = "Connection";

impl Login {
    /// Address, user and password of a server, from its URL, the environment, the options and the
    /// option file, of which `program` is a group; `warn` is told what is unwise.
    ///
    /// # Errors
    /// `Usage` for a URL or a file that cannot be understood or read.
    pub fn options(&self, url: &str, program: &str, warn: fn(&str)) -> Result<ConnectOptions> {
        let groups = ["client", "dws", program];
        let defaults = match &self.defaults_file {
            Some(path) => Defaults::read(path, &groups)?,
            None => {
                let home = std::env::var_os("HOME").unwrap_or_default();
                Defaults::read_existing(&[Path::new(&home).join(".my.cnf")], &groups)?
            }
        };
        let resolved = resolve(&Sources {
            url,
            password_file: self.password_file.as_deref(),
            lookup: &|name| std::env::var(name).ok(),
            defaults: Some(&defaults),
            extra_keys: &[],
        })?;
        resolved.warnings.iter().for_each(|warning| warn(warning));
        Ok(resolved.options)
    }
}
