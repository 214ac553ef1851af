//! The options that mask columns, the same for every tool that has them. Uses `cli::{doc, message}`,
//! `mask`. Not hot.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::message;
use crate::error::{Error, Result};
use crate::mask::{Key, Masks, Settings};

/// What the command line says of masks.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = HEADING)]
pub struct Args {
    /// Mask a column: 'mysql.db1.shop.users.email=hmac'; may be repeated
    ///
    /// PATTERN.COLUMN=METHOD, where the pattern is that of a namespace and * stands for a part or inside
    /// one, in the column too. The first mask that names a column counts. Every table that the pattern
    /// matches must have the column, unless COLUMN? is written. A method may have a parameter:
    /// 'keep:3,4'. dws-mask(7) has the methods, and what else a mask does.
    #[arg(long = "mask", value_name = "PATTERN.COLUMN=METHOD")]
    pub masks: Vec<String>,

    /// Read more masks from FILE, one a line
    ///
    /// They come behind those of --mask. Lines that begin with # are comments. Salts belong into such a
    /// file, because arguments can be seen by others.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub mask_file: Option<PathBuf>,

    /// The key of the methods hmac and digits is in FILE
    ///
    /// All bytes of the file but line ends at its end, 16 or more: openssl rand -hex 32 > FILE. Whoever
    /// masks with the same key gets the same pseudonyms.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    #[arg(env = "DWS_MASK_KEY_FILE", hide_env_values = true)]
    pub mask_key_file: Option<PathBuf>,

    /// Stop at a column that no mask speaks of
    ///
    /// What is to travel as it is has the method clear. So a column that is added later does not pass
    /// before somebody has decided about it.
    #[arg(long, hide_short_help = true)]
    pub mask_strict: bool,

    /// Allow masks of key columns that make different keys equal
    ///
    /// Rows with equal keys replace each other where they land, so such masks are refused without this.
    #[arg(long, hide_short_help = true)]
    pub mask_lossy_keys: bool,
}

/// That of the options that choose rows, so that short help stays one screen.
const HEADING: &str = "Which rows";

impl Args {
    /// Reads the masks and their key, `more` behind those of the options; `None` where there is none.
    ///
    /// # Errors
    /// `Usage` for a mask or key that is wrong, `Unreachable` for a file that cannot be read.
    pub fn load(&self, more: &[String]) -> Result<Option<Arc<Masks>>> {
        let mut masks = self.masks.clone();
        if let Some(path) = &self.mask_file {
            let text = String::from_utf8(read(path)?)
                .map_err(|_| Error::usage("not UTF-8").at(path.display()))?;
            let lines = text.lines().map(str::trim).zip(1..);
            for (line, number) in lines.filter(|(l, _)| !l.is_empty() && !l.starts_with('#')) {
                // Named by its number: it may be a key that was meant for another option.
                if !line.contains('=') {
                    return Err(Error::usage("a mask without '='")
                        .advise("a line is PATTERN.column=METHOD, see dws-mask(7)")
                        .at(format_args!("{}:{number}", path.display())));
                }
                masks.push(line.to_owned());
            }
        }
        masks.extend_from_slice(more);
        let key = self.mask_key_file.as_deref().map(key).transpose()?;
        let Self { mask_strict, mask_lossy_keys, .. } = *self;
        Masks::new(&Settings { masks, key, strict: mask_strict, lossy_keys: mask_lossy_keys })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io(path.display(), error))
}

fn key(path: &Path) -> Result<Key> {
    let open = std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0);
    if open {
        message::warn(format_args!("{}: others may read the key; chmod 600 it", path.display()));
    }
    Key::new(&read(path)?).map_err(|error| error.at(path.display()))
}
