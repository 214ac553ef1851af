//! What the programs that read servers have in common: how they log in, and what stands around
//! what they write. Uses `cli::{kafka, mask, message, progress}`, `mysql`. Not hot.

use std::path::PathBuf;

use super::{kafka, mask, progress};
use crate::error::Result;
use crate::mysql::login;
use crate::mysql::options::ConnectOptions;

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
        let login = crate::url::Login {
            password_file: self.password_file.clone(),
            defaults_file: self.defaults_file.clone(),
            lookup: |name| std::env::var(name).ok(),
        };
        login::options(program, url, &login, &[], &warn)
    }
}
